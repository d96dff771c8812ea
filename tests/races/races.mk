# SPDX-License-Identifier: Apache-2.0
# `make test-races`: cores as threads of this machine, under ThreadSanitizer. 10 seconds.

RACES_SRCS := tests/races/races.c hypervisor/vm/messages.c hypervisor/vm/inbox.c $(wildcard hypervisor/console/*.c) \
	hypervisor/time/deadline_queue.c hypervisor/base/heap.c hypervisor/devices/vgic.c hypervisor/devices/vgic_mmio.c \
	tests/unit/fake_gic.c
RACES_CFLAGS := $(filter-out -fsanitize% -fno-sanitize%,$(UNIT_CFLAGS)) -fsanitize=thread -DFAKE_THREADS=1 \
	-Itests/unit -pthread

.PHONY: test-races
test: test-races
test-races:
	@scripts/need $(UNIT_PACKAGES)
	@$(MAKE) --no-print-directory $(BUILD)/races/races
	@TSAN_OPTIONS="suppressions=tests/races/suppressions halt_on_error=0 exitcode=66" tests/unit/run $(BUILD)/races/races

$(BUILD)/races/races: $(RACES_SRCS) $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) $(RACES_CFLAGS) $(RACES_SRCS) -lcmocka -o $@
