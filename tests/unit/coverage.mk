# SPDX-License-Identifier: Apache-2.0
# `make coverage`: which lines and branches of the hypervisor the unit tests execute, by gcov; a page by lcov under
# out/coverage. Not counted are the architecture and the drivers' pokes at registers: they are the system tests' part.

COVERAGE := $(BUILD)/coverage
COVERAGE_PACKAGES := lcov
COVERAGE_CFLAGS := $(filter-out -O1 -fsanitize% -fno-sanitize%,$(UNIT_CFLAGS)) -O0 --coverage
COVERAGE_BINARIES := $(UNIT_TESTS:%=$(COVERAGE)/%/test)
COVERAGE_SOURCES := $(wildcard $(HYP_HOST_LAYERS:%=%/*.c))
COVERAGE_OBJECTS := $(COVERAGE_SOURCES:%=$(COVERAGE)/all/%.o)

.PHONY: coverage
coverage:
	@scripts/need $(UNIT_PACKAGES) $(COVERAGE_PACKAGES)
	@$(MAKE) --no-print-directory $(COVERAGE_BINARIES) $(COVERAGE_OBJECTS)
	@tests/unit/coverage $(COVERAGE) out/coverage $(COVERAGE_BINARIES)

# The compiler's notes and the counts stand beside the binary, named after it and the source.
define coverage_rule
$(COVERAGE)/$(1)/test: tests/unit/test_$(1).c hypervisor/arch/fake/fake.c $($(1)_SRCS) \
		$($(1)_OBJS:$(BUILD)/unit/lib/%=$(COVERAGE)/lib/%) $(UNIT_HEADERS)
	@mkdir -p $$(@D)
	@echo "  COV     $(1)"
	$(Q)$(HOST_CC) $(COVERAGE_CFLAGS) $$(filter %.c %.o,$$^) $($(1)_FLAGS) -lcmocka -o $$@
endef
$(foreach test,$(UNIT_TESTS),$(eval $(call coverage_rule,$(test))))

$(COVERAGE)/lib/%.o: hypervisor/lib/%.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@$(HOST_CC) $(COVERAGE_CFLAGS) -fno-builtin $(foreach name,$(UNIT_LIB_FUNCTIONS),-D$(name)=lib_$(name)) -c $< -o $@

# All sources, for the lines of those that no unit test is linked with.
$(COVERAGE)/all/%.c.o: %.c $(UNIT_HEADERS)
	@mkdir -p $(@D)
	@$(HOST_CC) $(COVERAGE_CFLAGS) -DONTIME_VERSION='"coverage"' -fno-builtin -c $< -o $@
