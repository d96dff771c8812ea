# SPDX-License-Identifier: Apache-2.0
# build/ontime.bin: the hypervisor as an arm64 Linux Image, with libfdt from Debian's libfdt-dev:arm64.

# `make DEBUG=1`: with assertions of all invariants, build/ontime-debug.bin.
ONTIME := $(BUILD)/ontime$(if $(DEBUG),-debug)
HYP := $(BUILD)/hypervisor$(if $(DEBUG),-debug)
HYP_CC := $(CROSS)gcc
LIBFDT := $(BUILD)/debian/libfdt
LIBFDT_A := $(LIBFDT)/usr/lib/aarch64-linux-gnu/libfdt.a

# From the lowest layer up: an include goes down only (scripts/check-includes).
HYP_LAYERS := arch/arm64/include lib base drivers time console sched vm devices boot arch/arm64
HYP_HOST_LAYERS := $(filter-out hypervisor/arch/arm64%,$(HYP_LAYERS:%=hypervisor/%)) # also compiled on this machine
HYP_SOURCES := $(wildcard $(HYP_LAYERS:%=hypervisor/%/*.c) hypervisor/arch/arm64/*.S)
HYP_OBJECTS := $(patsubst hypervisor/%,$(HYP)/%.o,$(HYP_SOURCES))

HYP_INCLUDES := -Ihypervisor -Ihypervisor/arch/arm64/include -Iinclude -isystem $(LIBFDT)/usr/include
# Sequences of instructions that a Cortex-A53 gets wrong (docs/porting.md). scripts/check-image looks whether one is left.
HYP_ERRATA := -mfix-cortex-a53-835769
HYP_LINK_ERRATA := $(HYP_ERRATA) -mfix-cortex-a53-843419
HYP_CFLAGS = -std=c11 -ffreestanding -O2 -g -fpie -fvisibility=hidden -mgeneral-regs-only -mstrict-align \
	-ffixed-x18 -fomit-frame-pointer \
	$(HYP_ERRATA) $(HYP_GUARD) -fno-asynchronous-unwind-tables -fno-common -ffunction-sections \
	-ffile-prefix-map=$(CURDIR)=. -mno-outline-atomics $(WARNINGS) $(HYP_INCLUDES) $(if $(DEBUG),-DONTIME_DEBUG=1)
# Functions with a guard in their stack frames: those with an array, or with a variable whose address is taken. In the
# files of the paths that `make bench-paths` counts, which pass structures of a few words, those with an array of
# characters.
HYP_GUARD = -fstack-protector-strong
HYP_PATHS := arch/arm64/exits devices/hypercall devices/vgic devices/vgic_mmio vm/dispatch
$(HYP_PATHS:%=$(HYP)/%.c.o): HYP_GUARD = -fstack-protector
# A loop that copies must not become a call of itself.
$(HYP)/lib/%.o: HYP_CFLAGS += -fno-tree-loop-distribute-patterns
$(HYP)/boot/boot.c.o: HYP_CFLAGS += -DONTIME_VERSION='"$(VERSION)"'

all: $(ONTIME).bin

# What a bare machine lacks; asked once for a build directory.
CROSS_COMPILER := $(BUILD)/cross-compiler
$(CROSS_COMPILER):
	@mkdir -p $(@D)
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@touch $@

$(LIBFDT_A):
	@scripts/fetch-debian libfdt libfdt-dev
	@touch $@

$(HYP)/%.c.o: hypervisor/%.c | $(LIBFDT_A) $(CROSS_COMPILER)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(HYP_CC) $(HYP_CFLAGS) -MMD -MP -c $< -o $@

$(HYP)/%.S.o: hypervisor/%.S | $(CROSS_COMPILER)
	@mkdir -p $(@D)
	@echo "  AS      $<"
	$(Q)$(HYP_CC) $(HYP_INCLUDES) -MMD -MP -c $< -o $@

$(ONTIME).elf: $(HYP_OBJECTS) $(wildcard hypervisor/arch/arm64/*.lds) | $(LIBFDT_A)
	@echo "  LD      $@"
	$(Q)$(HYP_CC) $(HYP_LINK_ERRATA) -nostdlib -static-pie -Wl,--no-dynamic-linker -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,--no-warn-rwx-segments \
		-Wl,--build-id=none -Wl,-T,hypervisor/arch/arm64/ontime.lds -o $@ $(HYP_OBJECTS) $(LIBFDT_A) -lgcc
	$(Q)! $(CROSS)readelf -rW $@ | grep ' R_AARCH64' | grep -v RELATIVE || \
		{ echo "error: $@ has relocations that start.S does not know" >&2; exit 1; }

$(ONTIME).bin: $(ONTIME).elf
	@$(CROSS)objcopy -O binary $< $@

ifeq ($(DEBUG),)
.PHONY: $(BUILD)/ontime-debug.bin
$(BUILD)/ontime-debug.bin:
	@$(MAKE) --no-print-directory DEBUG=1 $@
endif

-include $(HYP_OBJECTS:.o=.d)
