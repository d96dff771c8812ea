# SPDX-License-Identifier: Apache-2.0
# Unit tests on this machine: cmocka, with the address and undefined-behaviour sanitizers.
#
# A test is tests/unit/test_NAME.c with a main() of its own, which runs in the repository's root. It is named in
# UNIT_TESTS; NAME_SRCS lists the sources it is linked with, NAME_FLAGS what else the compiler is given.

UNIT_PACKAGES := libcmocka-dev libfdt-dev device-tree-compiler qemu-system-arm qemu-system-common \
	$(HOST_TOOL_PACKAGES) trace-cmd babeltrace2
UNIT_SCHED := $(wildcard hypervisor/sched/*.c) hypervisor/base/heap.c

# base, lib
UNIT_TESTS := string printf lock heap memory memory_random trace seeds
string_OBJS := $(BUILD)/unit/lib/string.o
printf_OBJS := $(BUILD)/unit/lib/string.o $(BUILD)/unit/lib/printf.o
heap_SRCS := hypervisor/base/heap.c
memory_SRCS := hypervisor/base/memory.c tests/unit/memory_world.c
memory_random_SRCS := $(memory_SRCS)
trace_SRCS := hypervisor/base/trace.c
seeds_SRCS := hypervisor/base/seeds.c hypervisor/base/chacha20.c

# arch: what is not machine code, in headers.
UNIT_TESTS += id_registers errata

# drivers
UNIT_TESTS += machine_tree uart_driver cadence cadence_ttc imx_gpt imx_uart ns16550 pl031 gicv2 gicv3 smmuv3
machine_tree_SRCS := hypervisor/drivers/machine_tree.c tests/unit/tree_of.c
machine_tree_FLAGS := -lfdt
uart_driver_SRCS := $(addprefix hypervisor/drivers/,uart.c pl011.c cadence.c imx_uart.c ns16550.c) tests/unit/fake_registers.c
cadence_SRCS := hypervisor/drivers/cadence.c tests/unit/fake_registers.c
cadence_ttc_SRCS := hypervisor/drivers/cadence_ttc.c tests/unit/fake_registers.c tests/unit/gp_timer_model.c
imx_gpt_SRCS := hypervisor/drivers/imx_gpt.c tests/unit/fake_registers.c tests/unit/gp_timer_model.c
imx_uart_SRCS := hypervisor/drivers/imx_uart.c tests/unit/fake_registers.c
ns16550_SRCS := hypervisor/drivers/ns16550.c tests/unit/fake_registers.c
pl031_SRCS := hypervisor/drivers/pl031.c tests/unit/fake_registers.c
gicv2_SRCS := $(wildcard hypervisor/drivers/gic*.c) hypervisor/drivers/machine_tree.c tests/unit/fake_registers.c \
	tests/unit/tree_of.c
gicv2_FLAGS := -lfdt
gicv3_SRCS := $(gicv2_SRCS)
gicv3_FLAGS := -lfdt
smmuv3_SRCS := hypervisor/drivers/smmuv3.c tests/unit/fake_registers.c

# time, console
UNIT_TESTS += deadline_queue gp_timers lead safe_text console
gp_timers_SRCS := hypervisor/time/gp_timers.c hypervisor/time/deadline_queue.c hypervisor/base/heap.c
deadline_queue_SRCS := hypervisor/time/deadline_queue.c hypervisor/base/heap.c
lead_SRCS := hypervisor/time/lead.c
safe_text_SRCS := hypervisor/console/safe_text.c
console_SRCS := $(wildcard hypervisor/console/*.c) hypervisor/time/deadline_queue.c hypervisor/base/heap.c

# sched
UNIT_TESTS += bvt bvt_random cbs cbs_bound policies credit sedf rr moves
bvt_SRCS := $(UNIT_SCHED) tests/unit/simulation.c
bvt_random_SRCS := $(bvt_SRCS)
cbs_SRCS := $(bvt_SRCS)
cbs_bound_SRCS := $(bvt_SRCS)
policies_SRCS := $(bvt_SRCS)
credit_SRCS := $(bvt_SRCS)
sedf_SRCS := $(bvt_SRCS)
rr_SRCS := $(bvt_SRCS)
moves_SRCS := $(UNIT_SCHED)

# vm
UNIT_TESTS += precise precise_random turns vm power power_cores deadlines messages floating
messages_SRCS := hypervisor/vm/messages.c hypervisor/vm/inbox.c tests/unit/interleave.c
messages_FLAGS := -includetests/unit/interleaved_atomics.h
deadlines_SRCS := hypervisor/vm/precise.c hypervisor/time/lead.c
precise_SRCS := hypervisor/vm/precise.c hypervisor/vm/dispatch.c hypervisor/vm/idle.c hypervisor/vm/vm.c hypervisor/vm/messages.c hypervisor/vm/inbox.c \
	hypervisor/base/trace.c \
	hypervisor/devices/deadline_calls.c hypervisor/devices/stolen_time.c hypervisor/time/lead.c \
	hypervisor/time/deadline_queue.c $(UNIT_SCHED) tests/unit/core_world.c
precise_random_SRCS := $(precise_SRCS)
turns_SRCS := $(precise_SRCS)
vm_SRCS := hypervisor/vm/vm.c hypervisor/vm/load.c hypervisor/vm/power.c hypervisor/vm/precise.c \
	hypervisor/vm/dispatch.c hypervisor/vm/idle.c hypervisor/vm/messages.c hypervisor/vm/inbox.c hypervisor/base/trace.c hypervisor/time/lead.c hypervisor/time/deadline_queue.c \
	$(UNIT_SCHED) tests/unit/vm_world.c
power_SRCS := $(vm_SRCS)
floating_SRCS := hypervisor/vm/floating.c hypervisor/vm/dispatch.c hypervisor/vm/idle.c hypervisor/vm/messages.c hypervisor/vm/inbox.c \
	hypervisor/vm/precise.c hypervisor/base/trace.c hypervisor/time/lead.c hypervisor/time/deadline_queue.c $(UNIT_SCHED)
power_cores_SRCS := hypervisor/vm/power.c hypervisor/devices/psci.c $(messages_SRCS)
power_cores_FLAGS := $(messages_FLAGS)

# devices
UNIT_TESTS += guest_tree vgic vgic_cores vgic_random physical_irqs vuart vrtc vwatchdog psci observer control address_map devices link virtio \
	virtio_cores dma
guest_tree_SRCS := hypervisor/devices/guest_tree.c hypervisor/devices/tree_writer.c
guest_tree_FLAGS := -lfdt
vgic_SRCS := hypervisor/devices/vgic.c hypervisor/devices/vgic_mmio.c hypervisor/devices/address_map.c \
	hypervisor/devices/physical_irqs.c tests/unit/fake_gic.c tests/unit/vgic_world.c
vgic_cores_SRCS := $(vgic_SRCS)
vgic_random_SRCS := $(vgic_SRCS)
physical_irqs_SRCS := $(vgic_SRCS)
vuart_SRCS := hypervisor/devices/vuart.c
vrtc_SRCS := hypervisor/devices/vrtc.c hypervisor/devices/home_deadline.c tests/unit/one_core.c hypervisor/time/deadline_queue.c hypervisor/base/heap.c
vwatchdog_SRCS := hypervisor/devices/vwatchdog.c hypervisor/devices/home_deadline.c hypervisor/devices/tree_writer.c \
	hypervisor/time/deadline_queue.c hypervisor/base/heap.c
vwatchdog_FLAGS := -lfdt
psci_SRCS := hypervisor/devices/psci.c hypervisor/devices/hypercall.c hypervisor/devices/stolen_time.c \
	tests/unit/one_core.c
observer_SRCS := hypervisor/devices/observer.c $(vm_SRCS)
control_SRCS := hypervisor/devices/control.c hypervisor/devices/vuart.c $(vm_SRCS)
link_SRCS := hypervisor/devices/link.c hypervisor/devices/tree_writer.c $(vgic_SRCS)
link_FLAGS := -lfdt
virtio_SRCS := $(wildcard hypervisor/devices/virtio*.c) hypervisor/devices/tree_writer.c hypervisor/devices/address_map.c \
	tests/unit/virtio_world.c
virtio_FLAGS := -lfdt
virtio_cores_SRCS := $(virtio_SRCS) tests/unit/interleave.c
virtio_cores_FLAGS := $(messages_FLAGS) -lfdt
dma_SRCS := hypervisor/devices/dma.c hypervisor/time/deadline_queue.c hypervisor/base/heap.c
address_map_SRCS := hypervisor/devices/address_map.c hypervisor/devices/flash.c
devices_SRCS := hypervisor/devices/devices.c hypervisor/devices/address_map.c hypervisor/devices/flash.c \
	$(guest_tree_SRCS) hypervisor/devices/stolen_time.c hypervisor/devices/vgic.c hypervisor/devices/vgic_mmio.c \
	hypervisor/devices/vuart.c hypervisor/devices/vrtc.c hypervisor/devices/vwatchdog.c hypervisor/devices/home_deadline.c \
	hypervisor/devices/link.c \
	$(wildcard hypervisor/devices/virtio*.c) \
	hypervisor/time/deadline_queue.c hypervisor/base/heap.c tests/unit/fake_gic.c tests/unit/one_core.c \
	$(seeds_SRCS)
devices_FLAGS := -lfdt

# boot
UNIT_TESTS += board efi cores system_file image_placement passthrough give_devices
passthrough_SRCS := $(addprefix hypervisor/,boot/passthrough.c boot/given_device.c boot/stream_ids.c boot/tree_walk.c boot/tree_reader.c \
	drivers/machine_tree.c devices/guest_tree.c devices/tree_writer.c) tests/unit/tree_of.c
passthrough_FLAGS := -lfdt
give_devices_SRCS := hypervisor/boot/give_devices.c hypervisor/devices/address_map.c hypervisor/drivers/virtio_mmio.c \
	hypervisor/drivers/pci_ecam.c tests/unit/fake_registers.c
board_SRCS := hypervisor/boot/board.c hypervisor/drivers/machine_tree.c tests/unit/tree_of.c
board_FLAGS := -lfdt
efi_SRCS := hypervisor/boot/efi.c tests/unit/tree_of.c
efi_FLAGS := -lfdt
cores_SRCS := hypervisor/boot/cores.c
system_file_SRCS := hypervisor/boot/system_file.c hypervisor/boot/tree_reader.c hypervisor/boot/image_placement.c \
	$(UNIT_SCHED)
system_file_FLAGS := -lfdt
image_placement_SRCS := hypervisor/boot/image_placement.c hypervisor/boot/tree_reader.c tests/unit/tree_of.c
image_placement_FLAGS := -lfdt

# tools
UNIT_TESTS += trace_decode wakeup convert bound check_command new_command consoles
trace_decode_SRCS := hypervisor/base/trace.c tools/trace_decode.c tools/trace_log.c tools/trace_command.c
wakeup_SRCS := tests/unit/captured.c $(addprefix tools/,wakeup.c explain_command.c explain_words.c explain_picture.c explain_inputs.c report_command.c sleeps.c bound.c \
	files.c trace_decode.c trace_log.c) $(system_file_SRCS)
wakeup_FLAGS := -lfdt -lm
convert_SRCS := tests/unit/captured.c $(addprefix tools/,convert_command.c convert_ftrace.c convert_ctf.c convert_perfetto.c \
	trace_decode.c trace_log.c)
convert_OBJS := $(PERFETTO).o
convert_FLAGS := -isystem$(BUILD)/host $(HOST_TOOL_LIBS)
bound_SRCS := tools/bound.c
bound_FLAGS := -lm
check_command_SRCS := tests/unit/captured.c tools/files.c tools/check_command.c tools/board_check.c tools/bound.c $(system_file_SRCS) $(addprefix \
	hypervisor/,boot/board.c boot/passthrough.c boot/given_device.c boot/stream_ids.c boot/tree_walk.c drivers/machine_tree.c \
	devices/tree_writer.c)
check_command_FLAGS := -lfdt -lm
new_command_SRCS := tests/unit/captured.c tools/files.c tools/new_command.c $(system_file_SRCS)
new_command_FLAGS := -lfdt
consoles_SRCS := tools/consoles.c
consoles_FLAGS := -lutil

# bench: the timing model
UNIT_TESTS += a53
a53_SRCS := bench/a53/core.c bench/a53/cache.c bench/a53/tally.c
a53_FLAGS := -Ibench/a53

# guest/linux: what of the module can be linked here, on what it uses of the kernel, whose own build has fewer warnings
UNIT_TESTS += sleep_queue sleep_queue_random work
sleep_queue_SRCS := $(GUEST_LINUX_QUEUE) tests/unit/kernel/kernel.c
sleep_queue_FLAGS := -Itests/unit/kernel -I$(GUEST_LINUX) -Wno-sign-compare
sleep_queue_random_SRCS := $(sleep_queue_SRCS)
sleep_queue_random_FLAGS := $(sleep_queue_FLAGS)
work_SRCS := $(GUEST_LINUX)/work.c tests/unit/kernel/kernel.c
work_FLAGS := $(sleep_queue_FLAGS)

# guest/service: what can be linked here
UNIT_TESTS += service_rings service_relay service_words service_vhost_user service_block
service_rings_SRCS := guest/service/rings.c
service_relay_SRCS := guest/service/relay.c guest/service/rings.c
service_words_SRCS := guest/service/words.c
service_vhost_user_SRCS := guest/service/vhost_user.c
service_block_SRCS := $(addprefix guest/service/,block.c vhost_user.c relay.c rings.c words.c say.c)
service_block_FLAGS := -D_GNU_SOURCE=

# guest/command: what needs neither the module nor a terminal
UNIT_TESTS += command_usage command_words command_trace
command_usage_SRCS := $(addprefix guest/command/,usage.c readings.c json.c)
command_usage_FLAGS := -lm
command_words_SRCS := $(addprefix guest/command/,settings.c json.c)
command_words_FLAGS := -lm
command_trace_SRCS := guest/command/trace_lines.c tools/trace_decode.c

UNIT_CFLAGS := -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DONTIME_DEBUG=1 $(WARNINGS) \
	-Iinclude -Ihypervisor -Ihypervisor/arch/fake/include -Itools
UNIT_HEADERS := $(wildcard include/ontime/*.h hypervisor/*/*.h hypervisor/arch/fake/*.h \
	hypervisor/arch/fake/include/*.h tools/*.h tests/unit/*.h tests/unit/kernel/*.h \
	tests/unit/kernel/linux/*.h guest/linux/*.h guest/command/*.h guest/service/*.h bench/a53/*.h hypervisor/arch/arm64/include/id_registers.* hypervisor/arch/arm64/include/errata.h)
UNIT_BINARIES := $(UNIT_TESTS:%=$(BUILD)/unit/test_%)

.PHONY: test-unit
test: test-unit
test-unit:
	@scripts/need $(UNIT_PACKAGES)
	@$(MAKE) --no-print-directory -j2 $(UNIT_BINARIES)
	@tests/unit/run $(UNIT_BINARIES)

define unit_test_rule
$(BUILD)/unit/test_$(1): tests/unit/test_$(1).c hypervisor/arch/fake/fake.c $($(1)_SRCS) $($(1)_OBJS) $(UNIT_HEADERS)
	@mkdir -p $$(@D)
	@echo "  CC      $$@"
	$(Q)$(HOST_CC) $(UNIT_CFLAGS) $$(filter %.c %.o,$$^) $($(1)_FLAGS) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call unit_test_rule,$(test))))

# Our C library pieces stand beside libc under other names: lib_memcpy and so on.
UNIT_LIB_FUNCTIONS := memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr snprintf vsnprintf

$(BUILD)/unit/lib/%.o: hypervisor/lib/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) $(UNIT_CFLAGS) -fno-builtin $(foreach name,$(UNIT_LIB_FUNCTIONS),-D$(name)=lib_$(name)) -c $< -o $@
