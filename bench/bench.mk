# SPDX-License-Identifier: Apache-2.0
# The paper's experiment, `make demo`, and the scenarios, `make bench`: see docs/measuring.md. FILM_SECONDS=20 plays less
# of the film. SCENARIOS="S2rt" MODES="bare precise-page" BENCH_SEEDS=1 makes fewer and shorter runs.

BENCH := $(BUILD)/bench
# The names that bench/runs has, as variables. Asking bench/names for them takes a second, too long for each start of make.
$(BENCH)/names.mk: bench/names bench/facts bench/runs
	@mkdir -p $(@D)
	@bench/names makefile >$@
include $(BENCH)/names.mk

BENCH_KERNEL := $(BUILD)/debian/kernel-6.1
BENCH_GUESTS := player mixed loads matmul steps cores hogs rings asker transfer io spin
BENCH_SYSTEMS := $(filter-out %-bare,$(DEMO_RUNS))
BENCH_PACKAGES := qemu-system-arm ffmpeg gnuplot-nox libjansson-dev device-tree-compiler cpio gcc \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross binutils-aarch64-linux-gnu

FILM_SECONDS ?= 79
# -speed 1.001: at exactly 20 frames a second, frames and ticks of 10 ms would have the same phase all film long, and
# which one would be left to chance. So the phase drifts over eight ticks.
PLAYER_OPTIONS := -vo null -ao null -nosound -framedrop -speed 1.001 -nolirc -noconsolecontrols -nojoystick

BENCH_GUEST_CC = $(CROSS)gcc -std=c11 -O2 -D_GNU_SOURCE $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. -Iguest/linux -Ibench/guest
BENCH_GUEST_HEADERS := bench/guest/sleeplog.h bench/guest/load.h guest/linux/ontime_ioctl.h

# BOARD=imx8mp: the demo on QEMU's model of a board; TIMERS=gpt: with the board's general-purpose timers, too. `virt` is what
# systems/systems.mk sets BOARD to when none is given.
DEMO_BOARD := $(filter-out virt,$(BOARD))
ifneq ($(filter-out 1 2,$(CORES)),)
$(error CORES=$(CORES): the demo runs on 1 core or 2)
endif
ifneq ($(DEMO_BOARD)$(TIMERS),)
demo:
	@bench/board-demo "$(BOARD)" "$(TIMERS)" "$(CORES)" "$(FILM_SECONDS)"
	@$(MAKE) --no-print-directory bench SCENARIOS=B1 BENCH_BOARD=$(DEMO_BOARD) BENCH_OUT=out/demo-$(DEMO_BOARD) \
		MODES="tick published $(TIMERS:%=published-%) precise-page $(TIMERS:%=precise-%)"
else ifeq ($(CORES),2)
demo:
	@$(MAKE) --no-print-directory bench SCENARIOS=P2 MODES="bare tick published precise-page" BENCH_OUT=out/demo-cores
else
demo: bench-inputs $(BENCH)/analyse
	@bench/demo
endif

# What `make bench` runs: scenarios, and ways to run them, of bench/runs.
# P2 is `make demo CORES=2`'s, and B1 `make demo BOARD=...`'s.
SCENARIOS ?= $(filter-out P2 B1,$(BENCH_ALL_SCENARIOS))
MODES ?= $(BENCH_ALL_WAYS)
# MODEL=a53: with what a Cortex-A53's caches and TLBs add to the time of the instructions (bench/a53), on one core. These
# runs have a folder of their own, and a table of what was missed.
ifneq ($(filter-out a53,$(MODEL)),)
$(error MODEL=$(MODEL): the timing model is a53)
endif
BENCH_OUT ?= out/bench$(MODEL:%=-%)
# For these two goals only: bench/names takes a second for it.
SCENARIO_RUNS := $(if $(filter bench bench-systems,$(MAKECMDGOALS)),$(shell bench/names runs bench "$(SCENARIOS)" "$(MODES)"))
SCENARIO_SYSTEMS := $(filter-out %-bare %-kvm,$(SCENARIO_RUNS))
SCENARIO_UNKNOWN := $(strip $(filter-out $(BENCH_ALL_SCENARIOS),$(SCENARIOS)) $(filter-out $(BENCH_ALL_WAYS),$(MODES)))
export BENCH_SEEDS BENCH_OTHER_SEEDS BENCH_LENGTH BENCH_PARTS VARIANT ONTIME_BIN MODEL BENCH_BOARD

bench: bench-systems $(BENCH)/analyse
	@[ -z "$(SCENARIO_UNKNOWN)" ] || { echo "bench: bench/runs has no $(SCENARIO_UNKNOWN)" >&2; exit 2; }
	@bench/scenarios bench $(BENCH_OUT) $(SCENARIO_RUNS)

.PHONY: bench bench-systems
bench-systems: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH)/mixed.cpio $(BENCH)/loads.cpio \
	$(if $(filter M% P%,$(SCENARIO_RUNS)),$(BENCH)/cores.cpio) \
	$(if $(filter D1%,$(SCENARIO_RUNS)),$(BENCH)/rings.cpio) \
	$(if $(filter D2%,$(SCENARIO_RUNS)),$(BENCH)/asker.cpio) \
	$(if $(filter D3%,$(SCENARIO_RUNS)),$(BENCH)/transfer.cpio) \
	$(if $(filter D2%-kvm,$(SCENARIO_RUNS)),$(BUILD)/peers/kvm/asker.cpio) \
	$(if $(filter D1% M% P%,$(SCENARIO_RUNS)),$(BENCH)/quantum.so) $(MODEL:%=$(BENCH)/%.so) \
	$(BENCH_BOARD:%=$(BENCH)/%.dtb) $(if $(filter imx8mp,$(BENCH_BOARD)),$(BENCH)/wires.so) \
	$(if $(filter B% P%,$(SCENARIO_RUNS)),$(BENCH)/player.cpio) $(SCENARIO_SYSTEMS:%=$(BUILD)/systems/%.dtb)

# Written anew only when it changes.
$(BENCH)/systems/%.dts: bench/system bench/bootargs FORCE
	@mkdir -p $(@D)
	@bench/system $* >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(BUILD)/systems/S%.dtb: $(BENCH)/systems/S%.dts systems/mixed.dtsi $(BENCH)/mixed.cpio $(BENCH)/matmul.cpio $(HOST_TOOL)
	$(compile_system)
# $(call load_systems,SCENARIO)
define load_systems
$(BUILD)/systems/$(1)-%.dtb: $(BENCH)/systems/$(1)-%.dts bench/loads.dtsi $(BENCH)/loads.cpio $(BENCH)/matmul.cpio $(HOST_TOOL)
	$$(compile_system)
endef
$(BUILD)/systems/M%.dtb: $(BENCH)/systems/M%.dts bench/cores.dtsi $(BENCH)/cores.cpio $(BENCH)/hogs.cpio $(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/P%.dtb: $(BENCH)/systems/P%.dts bench/player.dtsi $(BENCH)/player.cpio $(BENCH)/hogs.cpio $(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/B%.dtb: $(BENCH)/systems/B%.dts bench/player.dtsi $(BENCH)/player.cpio $(BENCH)/hogs.cpio $(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/D1%.dtb: $(BENCH)/systems/D1%.dts bench/rings.dtsi $(BENCH)/rings.cpio $(BENCH)/matmul.cpio \
	$(BUILD)/guest/bare/ringer.bin $(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/D2%.dtb: $(BENCH)/systems/D2%.dts bench/asker.dtsi $(BENCH)/asker.cpio $(BENCH)/io.cpio $(BENCH)/matmul.cpio \
	$(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/D3%.dtb: $(BENCH)/systems/D3%.dts bench/transfer.dtsi $(BENCH)/transfer.cpio $(BENCH)/io.cpio $(BENCH)/mixed.cpio \
	$(BENCH)/matmul.cpio $(HOST_TOOL)
	$(compile_system)
$(foreach scenario,$(LOAD_SCENARIOS),$(eval $(call load_systems,$(scenario))))
$(BUILD)/systems/player-ontime-%.dtb: $(BENCH)/systems/player-ontime-%.dts systems/player.dtsi $(BENCH)/player.cpio \
	$(BENCH)/matmul.cpio $(HOST_TOOL)
	$(compile_system)
.PRECIOUS: $(BENCH)/systems/%.dts

.PHONY: bench-need bench-inputs FORCE
bench-need:
	@scripts/need $(BENCH_PACKAGES)

# Everything that the demo's runs need; afterwards bench/run NAME makes one of them.
bench-inputs: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH_SYSTEMS:%=$(BUILD)/systems/%.dtb)

$(BENCH_KERNEL)/release: scripts/fetch-kernel
	@scripts/fetch-kernel 6.1 && touch $@
$(BUILD)/debian/rt-tests.versions:
	@scripts/fetch-debian rt-tests rt-tests libnuma1 libc6
$(BUILD)/debian/stress-ng.versions:
	@scripts/fetch-debian --deps stress-ng stress-ng
$(BUILD)/debian/mplayer.versions:
	@scripts/fetch-debian --deps mplayer mplayer

$(BENCH)/sleeplog.so: bench/guest/preload.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -shared -fPIC $(filter %.c,$^) -o $@
$(BENCH)/sleeper: bench/guest/linux_sleeper.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@
# That of a guest with several CPUs, each of whose virtual seconds takes as many times as long.
$(BENCH)/cores-sleeper: bench/guest/linux_sleeper.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -DSLEEPS=500 -static $(filter %.c,$^) -o $@
$(BENCH)/rings: bench/guest/rings.c bench/guest/sleeplog.c guest/bare/ringer.h include/ontime/link.h $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -Iinclude -Iguest/bare -static $(filter %.c,$^) -o $@
# The module that is ontime_link's counterpart on bare metal.
$(BENCH)/ring/ring.ko: $(wildcard bench/guest/ring_module/*) guest/linux/doorbell.h $(GUEST_LINUX_BUILD) $(BUILD)/guest/linux-6.1.stamp
	@$(GUEST_LINUX_BUILD) -s bench/guest/ring_module 6.1 $(@D) && touch $@
$(BENCH)/roundtrip: bench/guest/roundtrip.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@
$(BENCH)/load: bench/guest/load.c bench/guest/waits.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@
$(BENCH)/matmul $(BENCH)/now $(BENCH)/hogs $(BENCH)/transfer: $(BENCH)/%: bench/guest/%.c | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@

# Written anew only when it changes, so that what depends on it is, too.
$(BENCH)/options: FORCE
	@mkdir -p $(@D)
	@echo '$(PLAYER_OPTIONS)' | cmp -s - $@ || echo '$(PLAYER_OPTIONS)' >$@
$(BENCH)/film-seconds: FORCE
	@mkdir -p $(@D)
	@echo '$(FILM_SECONDS)' | cmp -s - $@ || echo '$(FILM_SECONDS)' >$@
$(BENCH)/film.avi: bench/film $(BENCH)/film-seconds | bench-need
	@echo "  FILM    $@"
	$(Q)bench/film $(FILM_SECONDS) $@

$(BENCH)/player.cpio: $(BENCH)/sleeplog.so $(BENCH)/film.avi $(BENCH)/options bench/elf-closure \
	$(BUILD)/debian/mplayer.versions
$(BENCH)/mixed.cpio: $(BENCH)/sleeper $(BENCH)/matmul
$(BENCH)/loads.cpio: $(BENCH)/load $(BENCH)/matmul bench/elf-closure $(BUILD)/debian/rt-tests.versions
$(BENCH)/steps.cpio: $(BENCH)/sleeper
$(BENCH)/cores.cpio: $(BENCH)/cores-sleeper $(BENCH)/hogs
$(BENCH)/hogs.cpio: $(BENCH)/hogs
$(BENCH)/matmul.cpio: $(BENCH)/matmul
$(BENCH)/rings.cpio: $(BENCH)/rings $(BENCH)/matmul $(BENCH)/ring/ring.ko
$(BENCH)/asker.cpio: $(BENCH)/roundtrip $(BENCH)/matmul
$(BENCH)/transfer.cpio: $(BENCH)/transfer
$(BENCH)/io.cpio: $(SERVICE_ROOT).stamp
$(BENCH)/spin.cpio: bench/elf-closure $(BUILD)/debian/rt-tests.versions $(BUILD)/debian/stress-ng.versions
$(filter-out $(BENCH)/matmul.cpio $(BENCH)/hogs.cpio $(BENCH)/spin.cpio,$(BENCH_GUESTS:%=$(BENCH)/%.cpio)): $(BUILD)/guest/linux-6.1.stamp $(BUILD)/guest/ontime
$(BENCH_GUESTS:%=$(BENCH)/%.cpio): $(BENCH)/%.cpio: bench/guest/init-% bench/guest/environment bench/initramfs $(BENCH)/now \
	$(BUILD)/debian/busybox.versions $(BENCH_KERNEL)/release | bench-need
	@echo "  CPIO    $@"
	$(Q)bench/initramfs $* $@

$(patsubst %,$(BUILD)/systems/%.dtb,$(filter player-%,$(BENCH_SYSTEMS))): $(BENCH)/player.cpio $(BENCH)/matmul.cpio \
	systems/player.dtsi
$(patsubst %,$(BUILD)/systems/%.dtb,$(filter mixed-%,$(BENCH_SYSTEMS))): $(BENCH)/mixed.cpio $(BENCH)/matmul.cpio \
	systems/mixed.dtsi
$(patsubst %,$(BUILD)/systems/%.dtb,$(filter steps-%,$(BENCH_SYSTEMS))): $(BENCH)/steps.cpio

BENCH_ANALYSE := $(wildcard bench/analyse/*.c)
BENCH_ANALYSE_FLAGS = -std=c11 -O2 -D_GNU_SOURCE $(WARNINGS) -Ibench -Iinclude -I$(BENCH)/include
$(BENCH)/analyse: $(BENCH_ANALYSE) $(wildcard bench/analyse/*.h) include/ontime/trace.h $(BENCH)/include/run_names.h | bench-need
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) $(BENCH_ANALYSE_FLAGS) -g $(BENCH_ANALYSE) -ljansson -lm -o $@
$(BENCH)/include/run_names.h: bench/names bench/facts bench/runs
	@mkdir -p $(@D)
	@bench/names header >$@

# The plugins of QEMU, and the QEMU that they are for. `quantum` has the cores of a machine run at once, scripts/qemu
# --parallel; `a53` is the timing model, scripts/qemu --model.
QUANTUM := $(BENCH)/quantum.so
A53_MODEL := $(addprefix bench/a53/,core.c cache.c tally.c)
PLUGIN_HEADER := $(BUILD)/debian/qemu-10-header/include/qemu
PLUGIN_FLAGS := -std=c11 -O2 -g $(WARNINGS) -fPIC -fvisibility=hidden -Ibench/plugin -Ibench/a53 -isystem $(PLUGIN_HEADER)
$(BUILD)/debian/qemu-10.versions:
	@scripts/fetch-debian --backports qemu-10 qemu-system-arm:$$(dpkg --print-architecture)
$(BUILD)/debian/qemu-10-header.versions:
	@scripts/fetch-debian --only include/qemu/qemu-plugin.h --backports qemu-10-header qemu
$(QUANTUM): bench/quantum/quantum.c
$(BENCH)/a53.so: bench/a53/a53.c $(A53_MODEL) $(wildcard bench/a53/*.h)
# Connects wires that QEMU 10.0's model of a board lacks: scripts/qemu --board imx8mp-evk.
$(BENCH)/wires.so: bench/wires/wires.c
$(QUANTUM) $(BENCH)/a53.so $(BENCH)/wires.so: bench/plugin/qemu.c $(wildcard bench/plugin/*.h) $(BUILD)/debian/qemu-10-header.versions | \
		$(BUILD)/debian/qemu-10.versions
	@scripts/need gcc libc6-dev
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(HOST_CC) $(PLUGIN_FLAGS) -shared $(filter %.c,$^) -o $@

# The tree of that board, which names its general-purpose timers from Linux 6.3 on.
$(BENCH)/wires.so: | $(BUILD)/debian/kernel-6.12/vmlinuz
$(BUILD)/debian/kernel-6.12/vmlinuz:
	@scripts/fetch-kernel 6.12

# The trees of the demo's boards, with the seeds that a board's firmware puts there, as QEMU does for virt: a guest's kernel
# whose random numbers have no seed takes 75 us longer for a sleep.
$(BENCH)/imx8mp.dtb: TREE = $(BUILD)/debian/kernel-6.12/usr/lib/linux-image-*/freescale/imx8mp-evk.dtb
$(BENCH)/imx8mp.dtb: $(BUILD)/debian/kernel-6.12/vmlinuz
$(BENCH)/zcu102.dtb: TREE = $(BENCH_KERNEL)/usr/lib/linux-image-*/xilinx/zynqmp-zcu102-rev1.0.dtb
$(BENCH)/zcu102.dtb: $(BENCH_KERNEL)/release
$(BENCH)/imx8mp.dtb $(BENCH)/zcu102.dtb: | bench-need
	@mkdir -p $(@D)
	@cp $(TREE) $@
	@fdtput -t x $@ /chosen rng-seed 1 2 3 4 5 6 7 8
	@fdtput -t x $@ /chosen kaslr-seed 9 a

# What Ontime's paths cost: out/bench/paths.json.
PATHS_SYSTEMS := $(patsubst %,$(BUILD)/systems/paths-%.dtb,alone beside cores out link link-cores link-out virtio virtio-cores)
$(PATHS_SYSTEMS): $(BUILD)/guest/bare/paths.bin

# Ontime's longest stretches without a look at its interrupts, and for how long it holds its locks, against
# hypervisor/base/longest_path.h. The quick goal leaves out the vCPUs that float over four cores, which take minutes.
LONGEST_QUICK := longest longest-virtio longest-cores:2
LONGEST := $(LONGEST_QUICK) longest-floating:4
.PHONY: longest-path longest-path-quick
longest-path longest-path-quick: $(BUILD)/ontime.bin $(BUILD)/host/ontime \
		$(foreach system,$(LONGEST),$(TEST_BUILD)/$(firstword $(subst :, ,$(system))).dtb)
	@scripts/need qemu-system-arm python3
	@bench/longest-path -c $(foreach system,$(if $(filter %-quick,$@),$(LONGEST_QUICK),$(LONGEST)),\
		$(TEST_BUILD)/$(subst :,.dtb:,$(system))$(if $(findstring :,$(system)),,.dtb))

.PHONY: bench-paths
bench-paths: $(BUILD)/ontime.bin $(PATHS_SYSTEMS) $(BUILD)/guest/bare/paths.bin $(QUANTUM)
	@scripts/need qemu-system-arm python3
	@bench/paths

# What two guests that share two cores get done, of work that waits for other CPUs: out/bench/spin.json. SPIN_WAYS: the
# peers that it is done on, too, kvm-default for one; all: all that bench/runs names for it.
SPIN_PEERS := $(if $(filter all,$(SPIN_WAYS)),$(shell bench/names fact ways spin-bare),$(SPIN_WAYS))
.PHONY: bench-spin
bench-spin: export SPIN_PEERS := $(SPIN_PEERS)
bench-spin: $(BUILD)/ontime.bin $(BENCH)/spin.cpio $(BENCH)/quantum.so $(BUILD)/systems/spin.dtb \
	$(if $(SPIN_PEERS),$(BUILD)/peers/kvm/spin.cpio)
	@scripts/need qemu-system-arm python3 device-tree-compiler
	@bench/spin
$(BUILD)/systems/spin.dtb: bench/spin.dts $(BENCH)/spin.cpio $(HOST_TOOL)
	$(compile_system)

# What Ontime's work costs with many guests: out/bench/growth.json.
.PHONY: bench-growth
bench-growth: $(BUILD)/ontime.bin $(BUILD)/guest/bare/growth.bin
	@scripts/need qemu-system-arm python3 device-tree-compiler gnuplot-nox
	@bench/growth

include bench/peers.mk
include bench/xen/xen.mk
include bench/kvm/kvm.mk
