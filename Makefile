# SPDX-License-Identifier: Apache-2.0
# Ontime. `make help` lists what there is; each folder's rules stand in its own .mk file.

CROSS ?= aarch64-linux-gnu-
BUILD := build
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# A rule says in a line what it makes. `make V=1` shows its commands, too.
Q := $(if $(filter-out 0,$(V)),,@)

# What `--version` and Ontime's first line say: the release, and in a clone also the commit.
RELEASE := $(file <VERSION)
VERSION := $(RELEASE)$(if $(wildcard .git),+$(shell git describe --always --dirty --exclude '*' 2>/dev/null || echo unknown))

# C for this machine (tools, unit tests) and warnings for all C.
HOST_CC ?= gcc
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wundef -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough -Werror

.PHONY: all help clean distclean system demo test test-all check
help:
	@echo "make               build/ontime.bin, the host tool and the bare-metal guests; make DEBUG=1: ontime-debug.bin"
	@echo "make guest-linux   the Linux kernel modules and the guest's command (build/guest)"
	@echo "make system SYSTEM=path.dts   a system file: build/systems/NAME.dtb"
	@echo "make image SYSTEM=path.dts BOARD=virt   what goes on a disk or card: build/images; LOADER=grub, BOARD=raspi4b"
	@echo "make demo          the paper's experiment (out/demo); FILM_SECONDS=20 plays less; CORES=2: out/demo-cores"
	@echo "make demo BOARD=imx8mp   the same on QEMU's model of a board (out/demo-imx8mp), or zcu102; TIMERS=gpt: its timers, too"
	@echo "make example-io  a Linux guest with disk and network from another guest, and a control loop beside them"
	@echo "make bench-paths   instructions of Ontime's paths; make bench-growth: with 1 to 64 guests (out/bench)"
	@echo "make bench-spin    two guests of two CPUs that share two cores, hackbench and stress-ng (out/bench), ten minutes"
	@echo "make bench         the scenarios beside bare metal (out/bench), 35 minutes; BENCH_SEEDS=1 takes less"
	@echo "make bench MODEL=a53   the same with a model of a Cortex-A53's caches and TLBs (out/bench-a53); see docs/measuring.md"
	@echo "make peers         the scenarios under Xen, KVM and Ontime (out/peers), an hour; PEERS=\"xen-credit2 kvm\" chooses"
	@echo "make test          unit tests and QEMU tests; make test-all adds the long ones"
	@echo "make test-unit     the unit tests; make test-system: those in QEMU, TESTS=\"hello shares\" JOBS=1"
	@echo "make test-system-core1   those of one core with the VMs on core 1"
	@echo "make walk         a user's way through the tools, typed in tmux (out/walk)"
	@echo "make test-boards   a table of QEMU's boards and what works on each"
	@echo "make test-races    cores as threads under ThreadSanitizer"
	@echo "make test-guest-linux   the Linux module on 6.1 and 6.12"
	@echo "make coverage      lines and branches of the hypervisor that unit tests execute: out/coverage/index.html"
	@echo "make fuzz          damaged input to all that reads it, FUZZ_SECONDS each"
	@echo "make mutate        mistakes made in the sources: which do the unit tests miss? FILES=\"bvt.c\" SAMPLE=400 MIN=90"
	@echo "make mutate-quick  the same with a small sample; make test-mutate: the mutation tester itself"
	@echo "make proof         Frama-C: the contracts in the sources, and harnesses with all values; part of test-all"
	@echo "make model         Spin: all orders of what cores do, in models; part of test-all"
	@echo "make check         formatting, warnings of two compilers, static analysis, includes, EL2's machine code, scripts"
	@echo "make longest-path  the longest stretches of EL2 without a look at its interrupts, and holds of its locks"
	@echo "make dist          a release's tarball (build/dist); make deb: its Debian packages (build/deb)"
	@echo "make test-deb      the packages tried: lintian, built twice, installed in new Debian roots for the host and for arm64"
	@echo "make V=1           shows the commands"
	@echo "make clean         removes what was built; distclean also what was fetched"

include hypervisor/hypervisor.mk
-include tools/tools.mk
-include guest/linux/linux.mk
-include guest/command/command.mk
-include guest/service/service.mk
-include guest/bare/bare.mk
-include systems/systems.mk
-include examples/io/io.mk
-include tests/unit/unit.mk
-include tests/unit/coverage.mk
-include tests/fuzz/fuzz.mk
-include tests/mutate/mutate.mk
-include tests/proof/proof.mk
-include tests/model/model.mk
-include tests/races/races.mk
-include tests/system/system.mk
-include tests/walk/walk.mk
-include bench/bench.mk
-include debian/deb.mk
-include scripts/check.mk

clean:
	find $(BUILD) -mindepth 1 -maxdepth 1 ! -name debian -exec rm -rf {} + 2>/dev/null || true

distclean:
	rm -rf $(BUILD) out
