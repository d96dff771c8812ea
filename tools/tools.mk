# SPDX-License-Identifier: Apache-2.0
# The host tool, build/host/ontime. Where the two must agree, it is linked with the hypervisor's own code.

HOST_TOOL := $(BUILD)/host/ontime
HOST_TOOL_SRCS := tools/ontime.c tools/new_command.c tools/run_command.c tools/consoles.c tools/files.c tools/check_command.c tools/board_check.c tools/bound.c tools/trace_command.c tools/trace_decode.c \
	hypervisor/boot/system_file.c hypervisor/boot/tree_reader.c hypervisor/boot/image_placement.c \
	hypervisor/boot/board.c hypervisor/boot/passthrough.c hypervisor/boot/given_device.c hypervisor/boot/stream_ids.c hypervisor/boot/tree_walk.c \
	hypervisor/drivers/machine_tree.c hypervisor/devices/tree_writer.c \
	hypervisor/base/heap.c $(wildcard hypervisor/sched/*.c)
HOST_TOOL_HEADERS := $(wildcard tools/*.h include/ontime/*.h hypervisor/*/*.h)

all: $(HOST_TOOL)

$(HOST_TOOL): $(HOST_TOOL_SRCS) $(HOST_TOOL_HEADERS) tools/tools.mk
	@scripts/need gcc libc6-dev libfdt-dev
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) -std=gnu11 -O2 -g $(WARNINGS) -DONTIME_VERSION='"$(VERSION)"' -Iinclude -Ihypervisor -Itools \
		$(HOST_TOOL_SRCS) -lfdt -lm -lutil -o $@
