# SPDX-License-Identifier: Apache-2.0
# `make check`: formatting, warnings of gcc and clang, cppcheck, clang-tidy, headers that stand alone, EL2's machine
# code, scripts. Each check that passes leaves a stamp in build/check, so a second run looks only at what changed.

CHECK := $(BUILD)/check
CHECK_PACKAGES := git device-tree-compiler dt-schema gcc clang clang-format clang-tidy cppcheck shellcheck mandoc python3 gcc-aarch64-linux-gnu \
	libc6-dev-arm64-cross binutils-aarch64-linux-gnu libfdt-dev libcmocka-dev libjansson-dev \
	$(HOST_TOOL_PACKAGES)

# What git tracks, and new files that it would.
CHECK_FILES := $(wildcard $(shell git ls-files --cached --others --exclude-standard 2>/dev/null))
CHECK_C := $(filter %.c,$(CHECK_FILES))
CHECK_H := $(filter %.h,$(CHECK_FILES))

# A side is code that is compiled in one way: its sources (_C), the headers meant for it (_H), the compiler and flags.
CHECK_SIDES := hypervisor host unit analyse plugin arm64 bare
CHECK_CROSS := --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include
CHECK_VERSION := -DONTIME_VERSION='"check"'

hypervisor_C := $(filter-out hypervisor/arch/fake/%,$(filter hypervisor/%.c,$(CHECK_C)))
hypervisor_H := $(filter-out hypervisor/arch/fake/%,$(filter hypervisor/%.h include/%.h,$(CHECK_H)))
hypervisor_GCC = $(HYP_CC)
hypervisor_FLAGS = $(HYP_CFLAGS) $(CHECK_VERSION)
hypervisor_CLANG = $(CHECK_CROSS) -fno-builtin

host_C := $(filter tools/%.c,$(CHECK_C))
host_H := $(filter tools/%.h include/%.h,$(CHECK_H))
host_GCC = $(HOST_CC)
host_FLAGS = -std=gnu11 -O2 $(WARNINGS) $(CHECK_VERSION) -Iinclude -Ihypervisor -Itools -isystem $(BUILD)/host
host_NEEDS = $(PERFETTO).h

unit_C := $(filter tests/unit/%.c tests/races/%.c tests/fuzz/%.c tests/proof/%.c hypervisor/arch/fake/%.c,$(CHECK_C))
unit_H := $(filter tests/unit/%.h tests/fuzz/%.h tests/proof/%.h hypervisor/arch/fake/%.h \
	$(HYP_HOST_LAYERS:=/%.h),$(CHECK_H))
unit_GCC = $(HOST_CC)
unit_FLAGS = $(filter-out -fsanitize% -fno-sanitize%,$(UNIT_CFLAGS)) -Ihypervisor/arch/fake/include \
	-Itests/unit -Itests/unit/kernel -Itests/proof -Iguest/linux -Ibench/a53 -isystem $(BUILD)/host
unit_NEEDS = $(PERFETTO).h

analyse_C := $(filter bench/analyse/%.c,$(CHECK_C))
analyse_H := $(filter bench/analyse/%.h,$(CHECK_H))
analyse_GCC = $(HOST_CC)
analyse_FLAGS = $(BENCH_ANALYSE_FLAGS)
analyse_NEEDS = $(BENCH)/include/run_names.h

plugin_C := $(filter bench/quantum/%.c bench/a53/%.c bench/plugin/%.c bench/wires/%.c,$(CHECK_C))
plugin_H := $(filter bench/a53/%.h bench/plugin/%.h,$(CHECK_H))
plugin_GCC = $(HOST_CC)
plugin_FLAGS = $(PLUGIN_FLAGS)
plugin_NEEDS = $(BUILD)/debian/qemu-10-header.versions

arm64_C := $(filter bench/guest/%.c bench/kvm/%.c guest/command/%.c guest/service/%.c examples/%.c tests/guest/%.c tests/system/%.c,\
	$(filter-out tests/guest/recorder.c bench/guest/ring_module/%,$(CHECK_C)))
arm64_H := $(filter bench/guest/%.h guest/command/%.h guest/service/%.h guest/linux/%_ioctl.h include/%.h tests/guest/%.h,$(CHECK_H))
arm64_GCC = $(CROSS)gcc
arm64_FLAGS = -std=gnu11 -O2 -D_GNU_SOURCE= $(WARNINGS) -Iguest/linux -Iguest/bare -Ibench/guest -Iinclude $(GUEST_COMMAND_FLAGS)
arm64_NEEDS = $(GUEST_COMMAND_ENTRY) $(NCURSES).versions
arm64_CLANG = $(CHECK_CROSS)

bare_C := $(filter guest/bare/%.c,$(CHECK_C))
bare_H := $(filter guest/bare/%.h include/ontime/abi.h,$(CHECK_H))
bare_GCC = $(CROSS)gcc
bare_FLAGS = $(filter-out -MMD -MP,$(BARE_CFLAGS))
bare_CLANG = $(CHECK_CROSS)

# The modules are compiled by the kernel's own build, with warnings as errors. clang cannot read kernel headers that are
# configured for gcc.
MODULE_C := $(filter guest/linux/%.c,$(CHECK_C)) tests/guest/recorder.c \
	$(filter bench/guest/ring_module/%.c,$(CHECK_C))
MODULE_H := $(filter-out guest/linux/%_ioctl.h,$(filter guest/linux/%.h,$(CHECK_H)))

CHECK_UNKNOWN := $(filter-out $(foreach side,$(CHECK_SIDES),$($(side)_C) $($(side)_H)) $(MODULE_C) $(MODULE_H),\
	$(CHECK_C) $(CHECK_H))

CHECK_SHELL := $(shell grep -lE '^\#!.*\b(ba|da)?sh$$' /dev/null $(CHECK_FILES) 2>/dev/null) $(filter completion/%,$(CHECK_FILES))
CHECK_PYTHON := $(shell grep -lE '^\#!.*\bpython3$$' /dev/null $(CHECK_FILES) 2>/dev/null)
CHECK_PYTHON := $(sort $(CHECK_PYTHON) $(filter %.py,$(CHECK_FILES)))

# clang's warnings are among what clang-tidy reports (clang-diagnostic-*). gcc's are errors of each build; here they are
# looked for on the sides that no test builds whole. A header is compiled by itself, as a file that includes nothing else
# would see it.
CHECK_KINDS_C := tidy cppcheck
CHECK_GCC_SIDES := analyse plugin arm64
CHECK_KINDS_H := gcc-header clang-header
CHECK_MAN := $(filter docs/man/%,$(CHECK_FILES))
CHECKS := $(CHECK)/man $(CHECK)/includes $(CHECK)/asserts $(CHECK)/bindings $(CHECK)/module $(CHECK)/image $(CHECK)/sides $(CHECK)/format $(CHECK)/spdx $(CHECK)/release \
	$(CHECK_SHELL:%=$(CHECK)/shell/%) $(CHECK_PYTHON:%=$(CHECK)/python/%) $(MODULE_C:%=$(CHECK)/cppcheck-module/%) \
	$(foreach side,$(CHECK_GCC_SIDES),$($(side)_C:%=$(CHECK)/gcc-$(side)/%)) \
	$(foreach side,$(CHECK_SIDES),$(foreach kind,$(CHECK_KINDS_C),$($(side)_C:%=$(CHECK)/$(kind)-$(side)/%)) \
		$(foreach kind,$(CHECK_KINDS_H),$($(side)_H:%=$(CHECK)/$(kind)-$(side)/%)))
CHECK_DEPENDS := $(CHECK_H) $(filter %.mk Makefile,$(MAKEFILE_LIST)) .clang-tidy

# All processors, unless this make was given a -j of its own.
CHECK_JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: check-all
check:
	@[ -n "$(CHECK_FILES)" ] || { echo "make check needs a git clone: it looks at what git tracks" >&2; exit 1; }
	@scripts/need $(CHECK_PACKAGES)
	@rm -f $(CHECK)/module $(CHECK)/image
	@$(MAKE) --no-print-directory -k -Otarget $(CHECK_JOBS) check-all; status=$$?; passed=0; failed=0; \
	for stamp in $(CHECKS); do \
		if [ -e $$stamp ]; then passed=$$((passed + 1)); \
		else failed=$$((failed + 1)); echo "failed: $${stamp#$(CHECK)/}"; fi; \
	done; \
	[ $$status = 0 ] || [ $$failed != 0 ] || failed=1; \
	echo "check tests: $$passed passed, $$failed failed"; [ $$failed = 0 ]
check-all: $(CHECKS)

# $(call checked,COMMAND): says what is checked, and leaves the stamp when the command succeeds.
define checked
	@mkdir -p $(@D) && rm -f $@
	@echo "  CHECK   $(@:$(CHECK)/%=%)"
	$(Q)$(1)
	$(Q)touch $@
endef

$(CHECK)/sides: $(CHECK_C) $(CHECK_H) $(CHECK_DEPENDS)
	$(call checked,[ -z "$(CHECK_UNKNOWN)" ] || { echo "scripts/check.mk does not know what these are: $(CHECK_UNKNOWN)"; exit 1; })

$(CHECK)/format: $(CHECK_C) $(CHECK_H) .clang-format
	$(call checked,clang-format --dry-run -Werror $(CHECK_C) $(CHECK_H))

# Prose, licences, files that have no comments, and two that hold nothing to license.
CHECK_NO_SPDX := %.md %.md.in %.png %.json %LICENSE .clang-format .gitignore VERSION debian/changelog debian/source/format
$(CHECK)/spdx: $(CHECK_FILES)
	$(call checked,! grep -L SPDX-License-Identifier: $(filter-out $(CHECK_NO_SPDX),$(CHECK_FILES)) | grep .)

# The release's number stands in three places.
$(CHECK)/release: VERSION NEWS.md debian/changelog
	$(call checked,[ "$$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = $(RELEASE) ] && \
		[ "$$(sed -n 's/^## \([^ ]*\).*/\1/p' NEWS.md | head -1)" = $(RELEASE) ] || \
		{ echo "VERSION is $(RELEASE); NEWS.md or debian/changelog begin with another release"; exit 1; })

$(CHECK)/includes: scripts/check-includes $(filter hypervisor/%,$(CHECK_C) $(CHECK_H)) $(CHECK_DEPENDS)
	$(call checked,scripts/check-includes $(HYP_LAYERS))

$(CHECK)/asserts: scripts/check-asserts SECURITY.md $(filter hypervisor/%,$(CHECK_C) $(CHECK_H))
	$(call checked,scripts/check-asserts)

$(CHECK)/bindings: scripts/check-bindings hypervisor/boot/system_file.c $(wildcard docs/bindings/* tests/unit/corpus/*/*) \
		docs/man/ontime-system.5
	$(call checked,scripts/check-bindings)

$(CHECK)/man: $(CHECK_MAN)
	$(call checked,mandoc -Tlint -Wwarning $^)

$(CHECK)/module: guest-linux-modules
	$(call checked,:)

$(CHECK)/image: $(BUILD)/ontime.bin $(BUILD)/ontime-debug.bin scripts/check-image
	$(call checked,scripts/check-image $(BUILD)/ontime.elf $(HYP_OBJECTS) && \
		scripts/check-image $(BUILD)/ontime-debug.elf $(HYP_OBJECTS:$(HYP)/%=$(HYP)-debug/%))

$(CHECK)/shell/%: % scripts/check-shell
	$(call checked,scripts/check-shell $<)

$(CHECK)/python/%: %
	$(call checked,python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' $<)

# cppcheck reads no system headers, so it is told of their macros that look like statements. Not reported: declarations at
# the top of a block (variableScope), and fields of a format that nothing here reads (unusedStructMember).
CHECK_CPPCHECK := cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --platform=unix64 \
	--enable=warning,style,performance,portability --suppress=variableScope --suppress=unusedStructMember \
	-D'for_each_possible_cpu(cpu)=while (next(&cpu))' \
	-D'fdt_for_each_property_offset(offset, fdt, node)=while (next(&offset, fdt, node))' \
	-D'fdt_for_each_subnode(node, fdt, parent)=while (next(&node, fdt, parent))'

define check_side
$(CHECK)/gcc-$(1)/%: % $(CHECK_DEPENDS) $($(1)_NEEDS) | $(LIBFDT_A)
	$$(call checked,$$($(1)_GCC) $$($(1)_FLAGS) -c -o /dev/null $$<)
$(CHECK)/tidy-$(1)/%: % $(CHECK_DEPENDS) $($(1)_NEEDS) | $(LIBFDT_A)
	$$(call checked,clang-tidy --quiet $$< -- $$($(1)_CLANG) $$($(1)_FLAGS) 2>&1)
$(CHECK)/cppcheck-$(1)/%: % $(CHECK_DEPENDS) $($(1)_NEEDS) | $(LIBFDT_A)
	$$(call checked,$$(CHECK_CPPCHECK) $$(filter -I% -D%,$$($(1)_FLAGS)) $$<)
$(CHECK)/gcc-header-$(1)/%: % $(CHECK_DEPENDS) $($(1)_NEEDS) | $(LIBFDT_A)
	$$(call checked,echo '#include "$$<"' | $$($(1)_GCC) $$($(1)_FLAGS) -I. -x c -fsyntax-only -)
$(CHECK)/clang-header-$(1)/%: % $(CHECK_DEPENDS) $($(1)_NEEDS) | $(LIBFDT_A)
	$$(call checked,echo '#include "$$<"' | clang $$($(1)_CLANG) $$($(1)_FLAGS) -I. -x c -fsyntax-only -)
endef
$(foreach side,$(CHECK_SIDES),$(eval $(call check_side,$(side))))

$(CHECK)/cppcheck-module/%: % $(CHECK_DEPENDS)
	$(call checked,$(CHECK_CPPCHECK) -D__KERNEL__ -Iinclude -Iguest/linux $<)
