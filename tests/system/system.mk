# SPDX-License-Identifier: Apache-2.0
# The system tests in QEMU: `make test-system`, some of them by TESTS="name ...". tests/system/cases lists them.
# `make test-system-core1`: those of one core, on core 1. `make test-boards`: those for boards, with a table.

TEST_BUILD := $(BUILD)/tests/system
TEST_SYSTEMS := $(patsubst tests/system/systems/%.dts,$(TEST_BUILD)/%.dtb,\
	$(wildcard tests/system/systems/*.dts tests/system/systems/bad/*.dts))
TEST_KERNEL := $(BUILD)/debian/kernel-6.1/vmlinuz
TEST_U_BOOT := $(BUILD)/debian/u-boot.versions
TEST_INITRAMFS := $(TEST_BUILD)/linux.cpio.gz

TEST_PACKAGES := e2fsprogs qemu-system-arm device-tree-compiler python3 tmux gcc-aarch64-linux-gnu libc6-dev-arm64-cross

.PHONY: test-system test-system-all test-system-core1 test-boards test-system-files
test: test-unit test-system
test-all: test-unit test-system-all

test-system test-system-all test-system-core1 test-boards:
	@scripts/need $(TEST_PACKAGES)
	@$(MAKE) --no-print-directory test-system-files
	@tests/system/run $(if $(filter %-all,$@),--long) $(if $(filter %-core1,$@),--core1) $(if $(filter %-boards,$@),--boards) \
		$(if $(JOBS),--jobs $(JOBS)) $(TESTS)

test-system-files: example-io-files board-files $(TEST_BUILD)/spin_table.bin $(BUILD)/ontime.bin $(BUILD)/ontime-debug.bin $(BUILD)/host/ontime bare $(TEST_SYSTEMS)

$(TEST_BUILD)/%.bin: tests/system/%.S
	@mkdir -p $(@D)
	@$(CROSS)gcc -c $< -o $(@:.bin=.o)
	@$(CROSS)objcopy -O binary $(@:.bin=.o) $@

# Firmware and device tree of a board for which Debian has none.
.PHONY: board-files
board-files: $(TEST_BUILD)/boards/sbsa-ref.bin $(TEST_BUILD)/boards/sbsa-ref.dtb
$(TEST_BUILD)/boards/%.dtb: tests/system/boards/%.dts
	@mkdir -p $(@D)
	@dtc -q -o $@ $<

$(TEST_KERNEL):
	@scripts/fetch-kernel 6.1

$(TEST_U_BOOT):
	@scripts/fetch-debian u-boot u-boot-qemu:all

TEST_PROGRAMS := never_early victim debugger membarrier sleepers uio_link vsock_echo
$(TEST_PROGRAMS:%=$(TEST_BUILD)/%): $(TEST_BUILD)/%: tests/system/linux/%.c
	@mkdir -p $(@D)
	@$(CROSS)gcc -std=gnu11 -O2 -static $(WARNINGS) -Iinclude -o $@ $<

$(TEST_INITRAMFS): tests/system/initramfs.py tests/system/linux/init $(TEST_PROGRAMS:%=$(TEST_BUILD)/%) $(TEST_KERNEL) \
		$(BUILD)/guest/ontime $(BUILD)/guest/linux-6.1.stamp $(BUILD)/debian/busybox.versions \
		$(BUILD)/guest/bare/uart.bin
	@echo "  CPIO    $@"
	$(Q)tests/system/initramfs.py $@ init=tests/system/linux/init bin/busybox=$(BUILD)/debian/busybox/bin/busybox \
		$(foreach name,$(TEST_PROGRAMS),bin/$(name)=$(TEST_BUILD)/$(name)) bin/ontime=$(BUILD)/guest/ontime images/uart.bin=$(BUILD)/guest/bare/uart.bin \
		$$(release=$$(cat $(BUILD)/debian/kernel-6.1/release) && cd $(BUILD) && \
			for module in guest/$$release/ontime.ko guest/$$release/ontime_link.ko \
				debian/kernel-6.1/lib/modules/$$release/kernel/drivers/uio/uio.ko \
				debian/kernel-6.1/lib/modules/$$release/kernel/drivers/watchdog/sbsa_gwdt.ko; do \
				echo $${module##*/}=$(BUILD)/$$module; done)

# With what a root on a disk takes, in the order in which it is loaded.
TEST_DISK_MODULES := virtio_mmio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk crc16 mbcache jbd2 crc32c_generic ext4
TEST_DISK_INITRAMFS := $(TEST_BUILD)/linux-disk.cpio.gz
$(TEST_DISK_INITRAMFS): tests/system/initramfs.py tests/system/linux/init-disk $(TEST_KERNEL) \
		$(BUILD)/debian/busybox.versions
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)tests/system/initramfs.py $@ init=tests/system/linux/init-disk bin/busybox=$(BUILD)/debian/busybox/bin/busybox \
		$(foreach name,$(TEST_DISK_MODULES),modules/$(name).ko=$$(find $(BUILD)/debian/kernel-6.1/lib -name $(name).ko))

# A guest that serves virtio devices of others, and one with drivers for a network and sockets.
TEST_SERVICE_INITRAMFS := $(TEST_BUILD)/linux-service.cpio.gz
$(TEST_SERVICE_INITRAMFS): tests/system/initramfs.py tests/system/linux/init-service $(SERVICE_ROOT).stamp \
		$(TEST_BUILD)/vsock_echo
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)tests/system/initramfs.py $@ init=tests/system/linux/init-service bin/vsock_echo=$(TEST_BUILD)/vsock_echo \
		$(service_root_files)

TEST_VIRTIO_MODULES := virtio_mmio failover net_failover virtio_net vsock vmw_vsock_virtio_transport_common \
	vmw_vsock_virtio_transport
TEST_VIRTIO_INITRAMFS := $(TEST_BUILD)/linux-virtio.cpio.gz
$(TEST_VIRTIO_INITRAMFS): tests/system/initramfs.py tests/system/linux/init $(TEST_KERNEL) $(TEST_BUILD)/vsock_echo \
		$(BUILD)/debian/busybox.versions
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)printf '%s\n' $(TEST_VIRTIO_MODULES) >$(TEST_BUILD)/virtio-modules
	$(Q)tests/system/initramfs.py $@ init=tests/system/linux/init bin/busybox=$(BUILD)/debian/busybox/bin/busybox \
		bin/vsock_echo=$(TEST_BUILD)/vsock_echo modules/order=$(TEST_BUILD)/virtio-modules \
		$(foreach name,$(TEST_VIRTIO_MODULES),modules/$(name).ko=$$(find $(BUILD)/debian/kernel-6.1/lib -name $(name).ko))

$(TEST_BUILD)/%.dtb: tests/system/systems/%.dts $(wildcard tests/system/systems/*.dtsi) | $(TEST_INITRAMFS) \
		$(TEST_DISK_INITRAMFS) $(TEST_SERVICE_INITRAMFS) $(TEST_VIRTIO_INITRAMFS) $(TEST_U_BOOT) bare
	@mkdir -p $(@D)
	@echo "  DTC     $<"
	$(Q)dtc -q -I dts -O dtb -i $(BUILD) -i tests/system/systems -d $@.d -o $@ $<

-include $(wildcard $(TEST_BUILD)/*.dtb.d $(TEST_BUILD)/bad/*.dtb.d)
