# SPDX-License-Identifier: Apache-2.0
# System files: systems/NAME.dts becomes build/systems/NAME.dtb, and `make SYSTEM=path.dts system` compiles any other.
# /incbin/ and /include/ look beside the source, then in the repository's root, then in build/.

SYSTEM_DTB := $(BUILD)/systems/$(basename $(notdir $(SYSTEM))).dtb

define compile_system
@scripts/need device-tree-compiler
@mkdir -p $(@D)
@echo "  DTC     $@"
$(Q)dtc -I dts -O dtb -i . -i $(BUILD) -o $@ $<
@$(HOST_TOOL) check $@ || { rm $@; exit 1; }
endef

$(BUILD)/systems/%.dtb: systems/%.dts $(HOST_TOOL)
	$(compile_system)

ifdef SYSTEM
system: $(SYSTEM_DTB)

# What goes on the disk or card of a BOARD.
BOARD ?= virt
.PHONY: image
image: $(SYSTEM_DTB) $(BUILD)/ontime.bin
	@scripts/make-image $(if $(LOADER),--loader $(LOADER)) $(BOARD) $< $(BUILD)/images/$(BOARD).img
	@echo "  IMAGE   $(BUILD)/images/$(BOARD).img"

# Always anew: make does not know what the source takes in by /incbin/.
.PHONY: $(SYSTEM_DTB)
$(SYSTEM_DTB): $(SYSTEM) $(HOST_TOOL)
	$(compile_system)
else
.PHONY: image
system image:
	@echo "usage: make SYSTEM=path.dts $@" >&2
	@exit 2
endif

# What the examples are made of.
$(BUILD)/systems/hello.dtb: $(BUILD)/guest/bare/hello.bin
$(BUILD)/systems/two-linux.dtb: $(BUILD)/debian/kernel-6.1/release $(BUILD)/systems/shell.cpio.gz

$(BUILD)/debian/busybox.versions:
	@scripts/fetch-debian busybox busybox-static

# An initramfs with nothing but busybox and a shell on the console; the same bytes each time.
$(BUILD)/systems/shell.cpio.gz: systems/shell-init $(BUILD)/debian/busybox.versions
	@scripts/need cpio
	@rm -rf $(BUILD)/systems/shell && mkdir -p $(BUILD)/systems/shell/bin
	@cp $(BUILD)/debian/busybox/bin/busybox $(BUILD)/systems/shell/bin/
	@cp $< $(BUILD)/systems/shell/init
	@find $(BUILD)/systems/shell -exec touch -h -d @0 {} +
	@echo "  CPIO    $@"
	$(Q)cd $(BUILD)/systems/shell && find . | LC_ALL=C sort | cpio -o -H newc --reproducible -R 0:0 --quiet | gzip -n9 >../$(@F)
