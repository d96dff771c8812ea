# SPDX-License-Identifier: Apache-2.0
# `make fuzz`: libFuzzer (clang's) throws damaged input at what reads it, each fuzzer for FUZZ_SECONDS, four at a time.
# FUZZERS="board calls" chooses some.
#
# A fuzzer is tests/fuzz/fuzz_NAME.c; fuzz_NAME_SRCS lists the sources it is linked with. It begins with its seeds, see
# tests/fuzz/run, and goes on where the last run ended (build/fuzz/NAME).

FUZZ_SECONDS ?= 60
FUZZERS ?= system_file board guest_tree console calls registers vgic virtio
FUZZ := $(BUILD)/fuzz

FUZZ_VM_SRCS := $(vm_SRCS) hypervisor/arch/fake/fake.c
fuzz_system_file_SRCS := $(system_file_SRCS) hypervisor/arch/fake/fake.c
fuzz_board_SRCS := hypervisor/boot/board.c $(filter-out tests/%,$(passthrough_SRCS))
fuzz_guest_tree_SRCS := $(guest_tree_SRCS)
fuzz_console_SRCS := $(console_SRCS) hypervisor/arch/fake/fake.c
fuzz_calls_SRCS := hypervisor/devices/hypercall.c hypervisor/devices/psci.c hypervisor/devices/deadline_calls.c \
	hypervisor/devices/observer.c hypervisor/devices/stolen_time.c $(control_SRCS) hypervisor/arch/fake/fake.c
fuzz_registers_SRCS := hypervisor/devices/vuart.c $(vwatchdog_SRCS) hypervisor/devices/vrtc.c hypervisor/arch/fake/fake.c
fuzz_vgic_SRCS := $(vgic_SRCS) hypervisor/arch/fake/fake.c
fuzz_virtio_SRCS := $(virtio_SRCS) hypervisor/arch/fake/fake.c

FUZZ_CFLAGS := $(filter-out -fsanitize=%,$(UNIT_CFLAGS)) -fsanitize=fuzzer,address,undefined -Itests/unit

.PHONY: fuzz $(FUZZERS:%=fuzz-%)
fuzz:
	@scripts/need clang libfdt-dev device-tree-compiler libcmocka-dev python3 qemu-system-arm
	@$(MAKE) --no-print-directory -j2 $(FUZZERS:%=$(FUZZ)/fuzz_%)
	@$(MAKE) --no-print-directory -j4 $(FUZZERS:%=fuzz-%)

$(FUZZERS:%=fuzz-%): fuzz-%: $(FUZZ)/fuzz_%
	@tests/fuzz/run $* $(FUZZ_SECONDS)

define fuzz_rule
$(FUZZ)/fuzz_$(1): tests/fuzz/fuzz_$(1).c tests/fuzz/bytes.h $(fuzz_$(1)_SRCS) $(UNIT_HEADERS)
	@mkdir -p $$(@D)
	@echo "  FUZZ    $$<"
	$(Q)clang $(FUZZ_CFLAGS) $$(filter %.c,$$^) -lfdt -lcmocka -o $$@
endef
$(foreach fuzzer,$(FUZZERS),$(eval $(call fuzz_rule,$(fuzzer))))
