# SPDX-License-Identifier: Apache-2.0
# Bare-metal guests. Each guest/bare/NAME.c with a guest_main() gives build/guest/bare/NAME.bin, a raw binary for
# load-address 0x40080000, and NAME.image, the same guest as an arm64 Image. Those of BARE_ALONE have no runtime.

BARE_GUESTS := hello counter sleeper attacker paths growth gic smp psci abort sysregs registers debug uart rewrite longest rtc \
	gpio handover hostile victim restarts cores link virtio dma control controller ringer restless serial watchdog
BARE_ALONE := placed
BARE_RUNTIME := start runtime print tree stats gic_v2v3 links
BARE_BUILD := $(BUILD)/guest/bare
BARE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -mgeneral-regs-only -mno-outline-atomics -mstrict-align \
	-fno-stack-protector -Iinclude -Iguest/bare -Ihypervisor/arch/arm64/include $(WARNINGS) -MMD -MP

.PHONY: bare
bare: $(foreach guest,$(BARE_GUESTS) $(BARE_ALONE),$(BARE_BUILD)/$(guest).bin $(BARE_BUILD)/$(guest).image)
all: bare

$(BARE_BUILD)/%.o: guest/bare/%.c | $(BARE_BUILD) $(CROSS_COMPILER)
	@echo "  CC      $<"
	$(Q)$(CROSS)gcc $(BARE_CFLAGS) -c -o $@ $<

$(BARE_BUILD)/%.o: guest/bare/%.S | $(BARE_BUILD) $(CROSS_COMPILER)
	@echo "  CC      $<"
	$(Q)$(CROSS)gcc $(BARE_CFLAGS) -c -o $@ $<

$(BARE_BUILD)/%.elf: $(BARE_BUILD)/%.o $(BARE_RUNTIME:%=$(BARE_BUILD)/%.o) guest/bare/guest.ld
	@$(CROSS)gcc -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments,-T,guest/bare/guest.ld \
		-o $@ $(filter %.o,$^)

$(BARE_ALONE:%=$(BARE_BUILD)/%.elf): $(BARE_BUILD)/%.elf: $(BARE_BUILD)/%.o guest/bare/guest.ld
	@$(CROSS)gcc -nostdlib -static -no-pie -Wl,--build-id=none,--no-warn-rwx-segments,-T,guest/bare/guest.ld -o $@ $<

$(BARE_BUILD)/%.bin: $(BARE_BUILD)/%.elf
	@echo "  BIN     $@"
	$(Q)$(CROSS)objcopy -O binary --set-section-flags .bss=alloc,load,contents $< $@
	$(Q)chmod -x $@

$(BARE_BUILD)/%.image: $(BARE_BUILD)/%.bin
	@cp $< $@.new && printf 'ARM\144' | dd of=$@.new bs=4 seek=14 conv=notrunc status=none && mv $@.new $@

$(BARE_BUILD):
	mkdir -p $@

.SECONDARY:
-include $(wildcard $(BARE_BUILD)/*.d)
