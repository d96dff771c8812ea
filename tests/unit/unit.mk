# SPDX-License-Identifier: Apache-2.0
# Unit tests on this machine: cmocka, with the address and undefined-behaviour sanitizers.
#
# A test is tests/unit/test_NAME.c with a main() of its own, which runs in the repository's root. It is named in
# UNIT_TESTS; NAME_SRCS lists the sources it is linked with, NAME_FLAGS what else the compiler is given.

UNIT_PACKAGES := libcmocka-dev
UNIT_TESTS := string printf heap deadline_queue bvt bvt_random policies credit sedf rr trace trace_decode
string_OBJS := $(BUILD)/unit/lib/string.o
printf_OBJS := $(BUILD)/unit/lib/string.o $(BUILD)/unit/lib/printf.o
heap_SRCS := hypervisor/core/heap.c
deadline_queue_SRCS := hypervisor/core/deadline_queue.c hypervisor/core/heap.c
bvt_SRCS := $(wildcard hypervisor/sched/*.c) hypervisor/core/heap.c tests/unit/simulation.c
bvt_random_SRCS := $(bvt_SRCS)
policies_SRCS := $(bvt_SRCS)
credit_SRCS := $(bvt_SRCS)
sedf_SRCS := $(bvt_SRCS)
rr_SRCS := $(bvt_SRCS)
trace_SRCS := hypervisor/core/trace.c
trace_decode_SRCS := hypervisor/core/trace.c tools/trace_decode.c tools/trace_command.c
UNIT_TESTS += system_file guest_tree
UNIT_PACKAGES += libfdt-dev device-tree-compiler qemu-system-arm
system_file_SRCS := hypervisor/core/system_file.c hypervisor/core/tree_reader.c $(wildcard hypervisor/sched/*.c) \
	hypervisor/core/heap.c
system_file_FLAGS := -lfdt
guest_tree_SRCS := hypervisor/virt/guest_tree.c
guest_tree_FLAGS := -lfdt
UNIT_TESTS += vgic vgic_random psci console
vgic_SRCS := hypervisor/virt/vgic.c hypervisor/virt/vgic_mmio.c hypervisor/virt/mmio.c tests/unit/fake_gic.c \
	tests/unit/vgic_world.c
vgic_random_SRCS := $(vgic_SRCS)
psci_SRCS := hypervisor/virt/psci.c hypervisor/virt/hypercall.c hypervisor/virt/stolen_time.c \
	hypervisor/core/trace.c
UNIT_TESTS += bound
bound_SRCS := tools/bound.c
bound_FLAGS := -lm
console_SRCS := hypervisor/core/console.c hypervisor/core/deadline_queue.c hypervisor/core/heap.c
UNIT_TESTS += lead precise precise_random
lead_SRCS := hypervisor/core/lead.c
precise_SRCS := hypervisor/core/precise.c hypervisor/core/dispatch.c hypervisor/core/lead.c \
	hypervisor/core/deadline_queue.c hypervisor/core/heap.c hypervisor/core/trace.c \
	hypervisor/virt/stolen_time.c $(wildcard hypervisor/sched/*.c) tests/unit/core_world.c
precise_random_SRCS := $(precise_SRCS)
UNIT_TESTS += machine_tree uart_driver gicv2 gicv3
machine_tree_SRCS := hypervisor/drivers/machine_tree.c tests/unit/tree_of.c
machine_tree_FLAGS := -lfdt
uart_driver_SRCS := hypervisor/drivers/uart.c hypervisor/drivers/pl011.c tests/unit/fake_registers.c
gicv2_SRCS := $(wildcard hypervisor/drivers/gic*.c) hypervisor/drivers/machine_tree.c tests/unit/fake_registers.c \
	tests/unit/tree_of.c
gicv2_FLAGS := -lfdt
gicv3_SRCS := $(gicv2_SRCS)
gicv3_FLAGS := -lfdt

UNIT_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all $(WARNINGS) \
	-Iinclude -Ihypervisor -Ihypervisor/arch/fake/include -Itools
UNIT_HEADERS := $(wildcard include/ontime/*.h hypervisor/*/*.h hypervisor/arch/fake/*.h \
	hypervisor/arch/fake/include/*.h tools/*.h tests/unit/*.h)
UNIT_BINARIES := $(UNIT_TESTS:%=$(BUILD)/unit/test_%)

.PHONY: test-unit
test: test-unit
test-unit:
	@scripts/need $(UNIT_PACKAGES)
	@$(MAKE) --no-print-directory $(UNIT_BINARIES)
	@tests/unit/run $(UNIT_BINARIES)

define unit_test_rule
$(BUILD)/unit/test_$(1): tests/unit/test_$(1).c hypervisor/arch/fake/fake.c $($(1)_SRCS) $($(1)_OBJS) $(UNIT_HEADERS)
	@mkdir -p $$(@D)
	$(HOST_CC) $(UNIT_CFLAGS) $$(filter %.c %.o,$$^) $($(1)_FLAGS) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_test_rule,$(test))))

# Our C library pieces stand beside libc under other names: lib_memcpy and so on.
UNIT_LIB_FUNCTIONS := memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr snprintf vsnprintf

$(BUILD)/unit/lib/%.o: hypervisor/lib/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	$(HOST_CC) $(UNIT_CFLAGS) -fno-builtin $(foreach name,$(UNIT_LIB_FUNCTIONS),-D$(name)=lib_$(name)) -c $< -o $@
