# SPDX-License-Identifier: Apache-2.0
# `make mutate` asks whether the unit tests notice a mistake: it changes one line at a time by rule (rules.py), and runs
# the unit tests that link the file. `make mutate-quick` does so with a sample that is the same each time, for CI.
#
# FILES="bvt.c vgic.c" chooses files, SAMPLE=400 that many mutants (SEED=2 others), MIN=90 the score in percent below
# which it fails. What is known of a mutant stays in build/mutate until a source or a test that it depends on changes.
# Mutants that no test can tell from the original are listed in tests/mutate/equivalent.

MUTATE := $(BUILD)/mutate
MUTATE_FOLDERS := $(filter-out hypervisor/lib,$(HYP_HOST_LAYERS))
MUTATE_QUICK_SAMPLE := 100
MUTATE_QUICK_MIN := 90
SEED ?= 1

# Each source that a unit test links is compiled once, with the flags of all these tests, and without warnings, as a
# mutant would have some, but for the one of a function that returns nothing.
MUTATE_LINKED = $(sort $(foreach test,$(UNIT_TESTS),$($(test)_SRCS)))
MUTATE_SOURCES = $(filter $(MUTATE_FOLDERS:%=%/%) $(GUEST_LINUX_QUEUE) $(GUEST_LINUX)/work.c,$(MUTATE_LINKED))
MUTATE_UNTESTED = $(filter-out $(MUTATE_LINKED),$(wildcard $(MUTATE_FOLDERS:%=%/*.c)))
MUTATE_CC := $(HOST_CC) $(filter-out $(WARNINGS),$(UNIT_CFLAGS)) -Werror=return-type
mutate_test_sources = tests/unit/test_$(1).c hypervisor/arch/fake/fake.c $($(1)_SRCS)
mutate_object = $(1:%=$(MUTATE)/objects/%.o)
mutate_flags = $(filter-out -l%,$(sort $(foreach test,$(UNIT_TESTS),\
	$(if $(filter $(1),$(call mutate_test_sources,$(test))),$($(test)_FLAGS)))))
MUTATE_DATA = $(wildcard tests/unit/corpus/*/* systems/*)
MUTATE_OBJECTS = $(call mutate_object,$(sort $(foreach test,$(UNIT_TESTS),$(call mutate_test_sources,$(test)))))

$(MUTATE)/objects/%.o: %
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(MUTATE_CC) $(call mutate_flags,$<) -MMD -MP -c $< -o $@

$(call mutate_object,tools/convert_perfetto.c tests/unit/test_convert.c): $(PERFETTO).h

-include $(wildcard $(MUTATE_OBJECTS:.o=.d))

# What mutate.py has to know: "compile SOURCE COMMAND", "test NAME COMMAND", "data FILE" (that a test
# reads) and "untested SOURCE". After the objects, as make expands a recipe as a whole, before it makes the folder.
$(MUTATE)/plan: FORCE | $(MUTATE_OBJECTS)
	@: $(file >$@)$(foreach source,$(MUTATE_SOURCES),\
		$(file >>$@,compile $(source) $(MUTATE_CC) $(call mutate_flags,$(source)))) \
		$(foreach test,$(UNIT_TESTS),$(file >>$@,test $(test) $(MUTATE_CC) \
			$(call mutate_object,$(call mutate_test_sources,$(test))) $($(test)_OBJS) $($(test)_FLAGS) -lcmocka)) \
		$(foreach name,$(MUTATE_DATA),$(file >>$@,data $(name))) \
		$(foreach source,$(MUTATE_UNTESTED),$(file >>$@,untested $(source)))

.PHONY: mutate mutate-quick mutate-plan test-mutate FORCE
mutate-plan: $(MUTATE)/plan $(foreach test,$(UNIT_TESTS),$($(test)_OBJS))

mutate_run = @scripts/need python3 $(UNIT_PACKAGES) && $(MAKE) --no-print-directory -j$(shell nproc) mutate-plan && \
	python3 tests/mutate/mutate.py --directory $(MUTATE) --seed $(SEED)

mutate:
	$(mutate_run) $(FILES:%=--file %) $(SAMPLE:%=--sample %) $(MIN:%=--min %)

mutate-quick: test-mutate
	$(mutate_run) --sample $(MUTATE_QUICK_SAMPLE) --min $(MUTATE_QUICK_MIN) --count

# The mutation tester itself.
test-mutate:
	@scripts/need python3
	python3 tests/mutate/test_mutate.py
