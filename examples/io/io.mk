# SPDX-License-Identifier: Apache-2.0
# README's second example: `make example-io` builds it and starts it. Its disk of 64 MiB is a copy that is kept, in
# out/example-io.

EXAMPLE_IO := $(BUILD)/example-io
EXAMPLE_IO_DISK := $(EXAMPLE_IO)/disk.ext4
EXAMPLE_IO_MODULES := virtio_mmio virtio_blk crc16 mbcache jbd2 crc32c_generic ext4 failover net_failover virtio_net uio \
	ontime_link

# Time is a count of instructions: how late the control loop is depends on Ontime, not on what else this machine does.
.PHONY: example-io example-io-files
example-io: example-io-files
	@mkdir -p out/example-io
	@[ -e out/example-io/disk.ext4 ] || cp $(EXAMPLE_IO_DISK) out/example-io
	@echo "Ctrl-] and a digit gives the keyboard to a guest; Ctrl-a x ends QEMU."
	@scripts/qemu --virtualization --memory 1G --icount --timeout 0 -- \
		-kernel $(BUILD)/ontime.bin -initrd $(BUILD)/systems/example-io.dtb \
		-drive if=none,id=d,file=out/example-io/disk.ext4,format=raw -device virtio-blk-device,drive=d

example-io-files: $(BUILD)/ontime.bin $(BUILD)/systems/example-io.dtb $(EXAMPLE_IO_DISK)
	@scripts/need qemu-system-arm

$(BUILD)/systems/example-io.dtb: $(EXAMPLE_IO)/linux.cpio.gz $(EXAMPLE_IO)/io.cpio.gz $(BUILD)/guest/bare/control.bin \
	$(BUILD)/debian/kernel-6.1/vmlinuz

$(EXAMPLE_IO)/watch-control: examples/io/watch-control.c
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@mkdir -p $(@D)
	@$(CROSS)gcc -std=gnu11 -O2 -static $(WARNINGS) -o $@ $<

$(EXAMPLE_IO)/linux.cpio.gz: examples/io/init-linux examples/io/io.mk $(BUILD)/guest/linux-6.1.stamp $(BUILD)/debian/busybox.versions
	@scripts/need python3
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)printf '%s\n' $(EXAMPLE_IO_MODULES) >$(EXAMPLE_IO)/order
	$(Q)tests/system/initramfs.py $@ init=$< bin/busybox=$(BUILD)/debian/busybox/bin/busybox modules/order=$(EXAMPLE_IO)/order \
		$$(release=$$(cat $(BUILD)/debian/kernel-6.1/release) && for module in $(EXAMPLE_IO_MODULES); do \
			echo modules/$$module.ko=$$(find $(BUILD)/debian/kernel-6.1/lib $(BUILD)/guest/$$release -name $$module.ko | \
				head -1); done)

$(EXAMPLE_IO)/io.cpio.gz: examples/io/init-service $(SERVICE_ROOT).stamp
	@scripts/need python3
	@mkdir -p $(@D)
	@echo "  CPIO    $@"
	$(Q)tests/system/initramfs.py $@ init=$< $(service_root_files)

$(EXAMPLE_IO_DISK): examples/io/init-disk $(EXAMPLE_IO)/watch-control $(BUILD)/debian/busybox.versions
	@scripts/need e2fsprogs
	@echo "  DISK    $@"
	$(Q)rm -rf $(EXAMPLE_IO)/root && mkdir -p $(@D) $(addprefix $(EXAMPLE_IO)/root/,bin sbin dev proc sys root tmp)
	$(Q)cp $(BUILD)/debian/busybox/bin/busybox $(EXAMPLE_IO)/watch-control $(EXAMPLE_IO)/root/bin
	$(Q)cp examples/io/init-disk $(EXAMPLE_IO)/root/sbin/init
	$(Q)for name in cat cttyhack dd df echo free ip ls mount nc ping poweroff ps reboot setsid sh sha256sum sync top uptime vi wc \
		wget; do ln -s busybox $(EXAMPLE_IO)/root/bin/$$name; done
	$(Q)rm -f $@
	$(Q)/sbin/mke2fs -q -t ext4 -d $(EXAMPLE_IO)/root $@.new 64M >/dev/null && mv $@.new $@
