# SPDX-License-Identifier: Apache-2.0
# The KVM part of `make peers`: the host that bench/peer-kvm starts. kvm-inputs builds all that its runs need.

KVM := $(BUILD)/peers/kvm

.PHONY: kvm-inputs
kvm-inputs: $(KVM)/mixed.cpio $(KVM)/player.cpio $(BUILD)/debian/kernel-6.12-rt/release

$(BUILD)/debian/kvm-qemu.versions:
	@scripts/fetch-debian --deps kvm-qemu qemu-system-arm
$(BUILD)/debian/kernel-6.12-rt/release: scripts/fetch-kernel
	@scripts/fetch-kernel 6.12-rt && touch $@

$(KVM)/hostlog: bench/kvm/hostlog.c | bench-need
	@mkdir -p $(@D)
	$(BENCH_GUEST_CC) -static $< -o $@

$(KVM)/host.cpio: $(KVM)/hostlog bench/kvm/init bench/kvm/vm $(BUILD)/debian/kvm-qemu.versions bench/elf-closure \
	$(BUILD)/debian/busybox.versions
	bench/kvm/initramfs host $@
$(KVM)/%.guests.cpio: $(BENCH)/%.cpio $(BENCH)/matmul.cpio $(BENCH_KERNEL)/release
	@mkdir -p $(@D)
	bench/kvm/initramfs $* $@
$(KVM)/host.cpio $(KVM)/%.guests.cpio: bench/kvm/initramfs

# What QEMU is given as the host's initrd.
$(KVM)/%.cpio: $(KVM)/host.cpio $(KVM)/%.guests.cpio
	cat $^ >$@
.PRECIOUS: $(KVM)/%.guests.cpio
