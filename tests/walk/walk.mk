# SPDX-License-Identifier: Apache-2.0
# A user's way through the tools in tmux: `make walk`, ten minutes. It writes out/walk/walk.md, of which docs/walk.md is a copy.

WALK_PACKAGES := tmux babeltrace2 trace-cmd cpio device-tree-compiler qemu-system-arm

# What docs/getting-started.md makes by hand: a second archive behind that of the shell.
$(BUILD)/walk/guest.cpio.gz: $(BUILD)/systems/shell.cpio.gz $(BUILD)/guest/ontime $(BUILD)/guest/linux-6.1.stamp
	@scripts/need cpio
	@rm -rf $(@D)/extra && mkdir -p $(@D)/extra/bin
	@cp $(BUILD)/guest/$$(cat $(BUILD)/debian/kernel-6.1/release)/ontime.ko $(@D)/extra/
	@cp $(BUILD)/guest/ontime $(@D)/extra/bin/
	@echo "  CPIO    $@"
	$(Q)(cd $(@D)/extra && find . | cpio -o -H newc --quiet | gzip) | cat $< - >$@

.PHONY: walk
walk: $(BUILD)/ontime.bin $(HOST_TOOL) $(BUILD)/walk/guest.cpio.gz $(BUILD)/guest/bare/counter.bin \
		$(BUILD)/debian/kernel-6.1/release
	@scripts/need $(WALK_PACKAGES)
	@tests/walk/run
