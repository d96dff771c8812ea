# SPDX-License-Identifier: Apache-2.0
# The KVM part of `make peers`: builds the host that bench/kvm/peer starts.

KVM := $(BUILD)/peers/kvm
KVM_RUNS := $(foreach run,$(PEERS_RUNS),$(if $(findstring -kvm-,$(run)),$(run)))

ifneq ($(KVM_RUNS),)
peers-inputs: $(patsubst %,$(KVM)/%.cpio,$(sort $(shell bench/names fact guest $(KVM_RUNS)))) \
	$(patsubst %,$(BUILD)/debian/kernel-%/release,$(sort $(shell bench/names fact host_kernel $(KVM_RUNS))))
endif

$(BUILD)/debian/kvm-qemu.versions:
	@scripts/fetch-debian --deps kvm-qemu qemu-system-arm
$(BUILD)/debian/kernel-6.12/release $(BUILD)/debian/kernel-6.12-rt/release: $(BUILD)/debian/kernel-%/release: scripts/fetch-kernel
	@scripts/fetch-kernel $* && touch $@

$(KVM)/hostlog: bench/kvm/hostlog.c | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -static $< -o $@

# The host side of the hint, preloaded into QEMU.
$(KVM)/hint.so: bench/kvm/hint.c include/ontime/abi.h | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -Iinclude -shared -fPIC $< -o $@

$(KVM)/host.cpio: $(KVM)/hostlog $(KVM)/hint.so bench/kvm/init bench/kvm/vm bench/facts bench/runs $(BUILD)/debian/kvm-qemu.versions bench/elf-closure \
	$(BUILD)/debian/busybox.versions bench/kvm/initramfs
	@echo "  CPIO    $@"
	$(Q)bench/kvm/initramfs host $@
$(KVM)/asker.guests.cpio: bench/kvm/network bench/kvm/tap
$(KVM)/cores.guests.cpio: $(BENCH)/hogs.cpio
$(KVM)/%.guests.cpio: $(BENCH)/%.cpio $(BENCH)/matmul.cpio $(BENCH_KERNEL)/release bench/kvm/initramfs
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)bench/kvm/initramfs $* $@

# The host's initrd.
$(KVM)/%.cpio: $(KVM)/host.cpio $(KVM)/%.guests.cpio
	@echo "  CPIO    $@"
	$(Q)cat $^ >$@
.PRECIOUS: $(KVM)/%.guests.cpio
