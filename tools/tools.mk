# SPDX-License-Identifier: Apache-2.0
# The host tool, build/host/ontime. Where the two must agree, it is linked with the hypervisor's own code.

HOST_TOOL := $(BUILD)/host/ontime
HOST_TOOL_SRCS := tools/ontime.c tools/new_command.c tools/run_command.c tools/consoles.c tools/files.c tools/check_command.c tools/board_check.c tools/bound.c tools/trace_command.c tools/trace_decode.c tools/trace_log.c \
	tools/sleeps.c tools/wakeup.c tools/explain_command.c tools/explain_words.c tools/explain_inputs.c tools/explain_picture.c tools/report_command.c \
	tools/convert_command.c tools/convert_ftrace.c tools/convert_ctf.c tools/convert_perfetto.c \
	hypervisor/boot/system_file.c hypervisor/boot/tree_reader.c hypervisor/boot/image_placement.c \
	hypervisor/boot/board.c hypervisor/boot/passthrough.c hypervisor/boot/given_device.c hypervisor/boot/stream_ids.c hypervisor/boot/tree_walk.c \
	hypervisor/drivers/machine_tree.c hypervisor/devices/tree_writer.c \
	hypervisor/base/heap.c $(wildcard hypervisor/sched/*.c)
# Perfetto's messages are read and written by code that protoc-c makes of their description. It is not held to our warnings.
PERFETTO := $(BUILD)/host/perfetto.pb-c
HOST_TOOL_PACKAGES := gcc libc6-dev libfdt-dev libbabeltrace2-dev protobuf-c-compiler libprotobuf-c-dev
HOST_TOOL_LIBS := -lbabeltrace2 -lprotobuf-c
HOST_TOOL_HEADERS := $(wildcard tools/*.h include/ontime/*.h hypervisor/*/*.h)

all: $(HOST_TOOL)

$(PERFETTO).h $(PERFETTO).c &: tools/perfetto.proto tools/tools.mk
	@scripts/need $(HOST_TOOL_PACKAGES)
	@mkdir -p $(@D)
	$(Q)protoc-c -Itools --c_out=$(@D) $<
$(PERFETTO).o: $(PERFETTO).c
	$(Q)$(HOST_CC) -std=gnu11 -O2 -g -ffile-prefix-map=$(CURDIR)=. -c $< -o $@

$(HOST_TOOL): $(HOST_TOOL_SRCS) $(HOST_TOOL_HEADERS) $(PERFETTO).o tools/report.html tools/tools.mk
	@scripts/need $(HOST_TOOL_PACKAGES)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) -std=gnu11 -O2 -g $(WARNINGS) $(CPPFLAGS) $(CFLAGS) -ffile-prefix-map=$(CURDIR)=. \
		-DONTIME_VERSION='"$(VERSION)"' -Iinclude -Ihypervisor -Itools -isystem $(BUILD)/host $(HOST_TOOL_SRCS) $(PERFETTO).o \
		$(LDFLAGS) -lfdt -lm -lutil $(HOST_TOOL_LIBS) -o $@
