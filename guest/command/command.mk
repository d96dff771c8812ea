# SPDX-License-Identifier: Apache-2.0
# The command of a Linux guest: build/guest/ontime, a static arm64 binary with Debian's ncurses.

GUEST_COMMAND := guest/command
GUEST_COMMAND_SRCS := $(wildcard $(GUEST_COMMAND)/*.c)
GUEST_COMMAND_HEADERS := $(wildcard $(GUEST_COMMAND)/*.h) guest/linux/ontime_ioctl.h \
	$(addprefix include/ontime/,abi.h control.h trace.h)
GUEST_COMMAND_ENTRY := $(BUILD)/guest/include/terminal_entry.h
NCURSES := $(BUILD)/debian/ncurses-arm64
GUEST_COMMAND_FLAGS := -isystem $(NCURSES)/usr/include -I$(dir $(GUEST_COMMAND_ENTRY))

guest-linux: $(BUILD)/guest/ontime

$(NCURSES).versions:
	@scripts/fetch-debian $(notdir $(NCURSES)) libncurses-dev

# A terminal's description as ncurses takes it from the environment.
$(GUEST_COMMAND_ENTRY): $(GUEST_COMMAND)/terminal.ti
	@mkdir -p $(@D)
	$(Q)tic -o $(@D)/terminfo $<
	$(Q)echo "#define TERMINAL_ENTRY \"$$(infocmp -A $(@D)/terminfo -Q2 -q ontime | tr -d '\n')\"" >$@

$(BUILD)/guest/ontime: $(GUEST_COMMAND_SRCS) $(GUEST_COMMAND_HEADERS) $(GUEST_COMMAND_ENTRY) $(NCURSES).versions \
		$(GUEST_COMMAND)/command.mk
	@scripts/need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CROSS)gcc -std=gnu11 -D_GNU_SOURCE -O2 -static $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. -Iinclude -Iguest/linux \
		$(GUEST_COMMAND_FLAGS) $(GUEST_COMMAND_SRCS) -L$(NCURSES)/usr/lib/aarch64-linux-gnu -lncurses -ltinfo -lm -o $@
