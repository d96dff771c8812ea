# SPDX-License-Identifier: Apache-2.0
# The guest that serves virtio devices of other VMs: build/guest/ontime-service, and build/guest/service-root, what its
# initramfs has but for /init: Debian's busybox, modules and qemu-storage-daemon with its libraries.

GUEST_SERVICE := guest/service
GUEST_SERVICE_SRCS := $(wildcard $(GUEST_SERVICE)/*.c)
GUEST_SERVICE_HEADERS := $(wildcard $(GUEST_SERVICE)/*.h) guest/linux/ontime_service_ioctl.h include/ontime/service.h

guest-linux: $(BUILD)/guest/ontime-service
$(BUILD)/guest/ontime-service: $(GUEST_SERVICE_SRCS) $(GUEST_SERVICE_HEADERS)
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CROSS)gcc -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. -Iinclude \
		$(GUEST_SERVICE_SRCS) -o $@

# In the order in which they are loaded: a disk of its own, a bridge, taps, vhost, and sockets.
SERVICE_MODULES := virtio_mmio virtio_blk llc stp bridge tun tap vhost_iotlb vhost vhost_net vsock \
	vmw_vsock_virtio_transport_common vhost_vsock ontime_service
SERVICE_ROOT := $(BUILD)/guest/service-root
SERVICE_QEMU := $(BUILD)/debian/qemu-storage-daemon

$(SERVICE_QEMU).versions:
	@scripts/fetch-debian --deps qemu-storage-daemon qemu-system-common

# $(call service_root_files): what tests/system/initramfs.py is given for it.
service_root_files = $$(cd $(SERVICE_ROOT) && find * -type f | sed 's|.*|&=$(SERVICE_ROOT)/&|')

$(SERVICE_ROOT).stamp: $(BUILD)/guest/ontime-service $(BUILD)/guest/linux-6.1.stamp $(GUEST_SERVICE)/start \
		$(GUEST_SERVICE)/service.mk bench/elf-closure $(SERVICE_QEMU).versions $(BUILD)/debian/busybox.versions
	@echo "  ROOT    $(SERVICE_ROOT)"
	$(Q)rm -rf $(SERVICE_ROOT) && mkdir -p $(SERVICE_ROOT)/bin $(SERVICE_ROOT)/modules
	$(Q)cp $(BUILD)/debian/busybox/bin/busybox $(BUILD)/guest/ontime-service $(SERVICE_ROOT)/bin
	$(Q)cp $(GUEST_SERVICE)/start $(SERVICE_ROOT)
	$(Q)printf '%s\n' $(SERVICE_MODULES) >$(SERVICE_ROOT)/modules/order
	$(Q)release=$$(cat $(BUILD)/debian/kernel-6.1/release) && for module in $(SERVICE_MODULES); do \
		cp $$(find $(BUILD)/debian/kernel-6.1/lib/modules $(BUILD)/guest/$$release -maxdepth 9 -name $$module.ko | \
			head -1) $(SERVICE_ROOT)/modules || exit 1; done
	$(Q)bench/elf-closure $(SERVICE_QEMU) usr/bin/qemu-storage-daemon $(SERVICE_ROOT)
	$(Q)touch $@
