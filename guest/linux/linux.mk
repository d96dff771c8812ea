# SPDX-License-Identifier: Apache-2.0
# The modules for Linux guests: build/guest/KERNELRELEASE/ontime.ko, ontime_link.ko and ontime_service.ko for Debian's
# arm64 kernels. KERNELS="6.1 6.12" chooses the kernels. Without KERNELS, 6.12 is left out
# where it cannot be fetched. The module's bytes depend on its sources, the kernel and the compiler, and not on where this tree lies.

GUEST_LINUX := guest/linux
GUEST_LINUX_SOURCES := $(wildcard $(GUEST_LINUX)/*.[ch]) $(GUEST_LINUX)/Kbuild \
	$(addprefix include/ontime/,abi.h control.h link.h service.h)
GUEST_LINUX_QUEUE := $(GUEST_LINUX)/sleep_queue.c
GUEST_LINUX_KERNELS := $(or $(KERNELS),6.1 6.12)
GUEST_LINUX_OPTIONAL := $(if $(KERNELS),,6.12)

GUEST_LINUX_BUILD := $(GUEST_LINUX)/build-module

.PHONY: guest-linux guest-linux-modules
guest-linux: guest-linux-modules

guest-linux-modules: $(GUEST_LINUX_KERNELS:%=$(BUILD)/guest/linux-%.stamp)

$(BUILD)/guest/linux-%.stamp: $(GUEST_LINUX_SOURCES) $(GUEST_LINUX_BUILD) scripts/fetch-kernel
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@mkdir -p $(@D)
	@if scripts/fetch-kernel --headers $*; then \
		release=$$(cat $(BUILD)/debian/kernel-$*/release) && \
		$(GUEST_LINUX_BUILD) $* $(BUILD)/guest/$$release/obj && \
		cp $(addprefix $(BUILD)/guest/$$release/obj/,ontime.ko ontime_link.ko ontime_service.ko) $(BUILD)/guest/$$release && \
		touch $@ && echo "$(BUILD)/guest/$$release/ontime.ko"; \
	else \
		[ -n "$(filter $*,$(GUEST_LINUX_OPTIONAL))" ] && echo "no module for Linux $*: it could not be fetched"; \
	fi

# Without a hypervisor the module must refuse to load, and with a recorder in Ontime's place it must make the right calls.
# Then the module is tested under Ontime. Three minutes, the kernels two at a time.
.PHONY: test-guest-linux $(GUEST_LINUX_KERNELS:%=test-guest-linux-%)
test-guest-linux: guest-linux $(BUILD)/ontime.bin $(BUILD)/guest/bare/counter.bin
	@$(MAKE) --no-print-directory -j2 -Oline $(GUEST_LINUX_KERNELS:%=test-guest-linux-%)
$(GUEST_LINUX_KERNELS:%=test-guest-linux-%): test-guest-linux-%:
	@[ ! -e $(BUILD)/guest/linux-$*.stamp ] || \
		{ tests/guest/run $* 1 && tests/guest/run $* 2 && tests/guest/run-ontime $*; }
