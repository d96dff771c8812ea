# SPDX-License-Identifier: Apache-2.0
# The paper's experiment, `make demo`, and the scenarios, `make bench`: see docs/measuring.md. FILM_SECONDS=20 plays less
# of the film; SCENARIOS="S2rt" MODES="bare precise-page" BENCH_SEEDS=1 make fewer and shorter runs.

BENCH := $(BUILD)/bench
BENCH_KERNEL := $(BUILD)/debian/kernel-6.1
BENCH_GUESTS := player mixed matmul steps
BENCH_SYSTEMS := player-tick player-precise mixed-wake mixed-precise steps-tick
BENCH_PACKAGES := qemu-system-arm ffmpeg gnuplot-nox libjansson-dev device-tree-compiler cpio gcc \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross binutils-aarch64-linux-gnu

FILM_SECONDS ?= 79
# -speed: 20 frames a second and ticks of 10 ms would keep, all film long, the phase that chance gave them; so it
# drifts over eight ticks.
PLAYER_OPTIONS := -vo null -ao null -nosound -framedrop -speed 1.001 -nolirc -noconsolecontrols -nojoystick

BENCH_GUEST_CC = $(CROSS)gcc -std=c11 -O2 -D_GNU_SOURCE $(WARNINGS) -ffile-prefix-map=$(CURDIR)=. -Iguest/linux -Ibench/guest
BENCH_GUEST_HEADERS := bench/guest/sleeplog.h guest/linux/ontime_ioctl.h

demo: bench-inputs $(BENCH)/analyse
	@bench/demo

# What `make bench` runs, the longest first. S3 is compared with S2's bare run, and S1's hog with the hog in it.
SCENARIOS ?= S1 S2 S2rt S3
MODES ?= precise-page bare precise-call snoop wake exact
BENCH_OUT ?= out/bench
SCENARIO_SYSTEMS := $(filter-out S1-exact S3-exact,\
	$(foreach mode,$(filter-out bare,$(MODES)),$(SCENARIOS:%=%-$(mode))))
SCENARIO_BARE := $(if $(filter bare,$(MODES)),$(sort $(SCENARIOS:S3=S2) $(if $(filter S1,$(SCENARIOS)),S2)))
SCENARIO_RUNS := $(SCENARIO_SYSTEMS) $(SCENARIO_BARE:%=%-bare)
export BENCH_SEEDS BENCH_OTHER_SEEDS VARIANT ONTIME_BIN

bench: bench-systems $(BENCH)/analyse
	@bench/scenarios bench $(BENCH_OUT) $(SCENARIO_RUNS)

.PHONY: bench bench-systems
bench-systems: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH)/mixed.cpio $(SCENARIO_SYSTEMS:%=$(BUILD)/systems/%.dtb)

# Written anew only when it changes.
$(BENCH)/systems/%.dts: bench/system bench/bootargs FORCE
	@mkdir -p $(@D)
	@bench/system $* >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(BUILD)/systems/S%.dtb: $(BENCH)/systems/S%.dts systems/mixed.dtsi $(BENCH)/mixed.cpio $(BENCH)/matmul.cpio $(HOST_TOOL)
	$(compile_system)
$(BUILD)/systems/player-ontime-%.dtb: $(BENCH)/systems/player-ontime-%.dts systems/player.dtsi $(BENCH)/player.cpio \
	$(BENCH)/matmul.cpio $(HOST_TOOL)
	$(compile_system)
.PRECIOUS: $(BENCH)/systems/%.dts

.PHONY: bench-need bench-inputs FORCE
bench-need:
	@scripts/need $(BENCH_PACKAGES)

# Everything the runs need; afterwards bench/run NAME makes one of them.
bench-inputs: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH_SYSTEMS:%=$(BUILD)/systems/%.dtb)

$(BENCH_KERNEL)/release: scripts/fetch-kernel
	@scripts/fetch-kernel 6.1 && touch $@
$(BUILD)/debian/mplayer.versions:
	@scripts/fetch-debian --deps mplayer mplayer

$(BENCH)/sleeplog.so: bench/guest/preload.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	$(BENCH_GUEST_CC) -shared -fPIC $(filter %.c,$^) -o $@
$(BENCH)/sleeper: bench/guest/sleeper.c bench/guest/sleeplog.c $(BENCH_GUEST_HEADERS) | bench-need
	@mkdir -p $(@D)
	$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@
$(BENCH)/matmul $(BENCH)/now: $(BENCH)/%: bench/guest/%.c | bench-need
	@mkdir -p $(@D)
	$(BENCH_GUEST_CC) -static $(filter %.c,$^) -o $@

# Written anew only when it changes, so that what depends on it is, too.
$(BENCH)/options: FORCE
	@mkdir -p $(@D)
	@echo '$(PLAYER_OPTIONS)' | cmp -s - $@ || echo '$(PLAYER_OPTIONS)' >$@
$(BENCH)/film-seconds: FORCE
	@mkdir -p $(@D)
	@echo '$(FILM_SECONDS)' | cmp -s - $@ || echo '$(FILM_SECONDS)' >$@
$(BENCH)/film.avi: bench/film $(BENCH)/film-seconds | bench-need
	bench/film $(FILM_SECONDS) $@

$(BENCH)/player.cpio: $(BENCH)/sleeplog.so $(BENCH)/film.avi $(BENCH)/options bench/elf-closure \
	$(BUILD)/debian/mplayer.versions
$(BENCH)/mixed.cpio: $(BENCH)/sleeper $(BENCH)/matmul
$(BENCH)/steps.cpio: $(BENCH)/sleeper
$(BENCH)/matmul.cpio: $(BENCH)/matmul
$(filter-out $(BENCH)/matmul.cpio,$(BENCH_GUESTS:%=$(BENCH)/%.cpio)): $(BUILD)/guest/linux-6.1.stamp $(BUILD)/guest/ontime
$(BENCH_GUESTS:%=$(BENCH)/%.cpio): $(BENCH)/%.cpio: bench/guest/init-% bench/guest/environment bench/initramfs $(BENCH)/now \
	$(BUILD)/debian/busybox.versions $(BENCH_KERNEL)/release | bench-need
	bench/initramfs $* $@

$(BUILD)/systems/player-tick.dtb $(BUILD)/systems/player-precise.dtb: $(BENCH)/player.cpio $(BENCH)/matmul.cpio \
	systems/player.dtsi
$(BUILD)/systems/mixed-wake.dtb $(BUILD)/systems/mixed-precise.dtb: $(BENCH)/mixed.cpio $(BENCH)/matmul.cpio \
	systems/mixed.dtsi
$(BUILD)/systems/steps-tick.dtb: $(BENCH)/steps.cpio

BENCH_ANALYSE := $(wildcard bench/analyse/*.c)
$(BENCH)/analyse: $(BENCH_ANALYSE) $(wildcard bench/analyse/*.h) | bench-need
	@mkdir -p $(@D)
	$(HOST_CC) -std=c11 -O2 -g -D_GNU_SOURCE $(WARNINGS) -Ibench -Iinclude $(BENCH_ANALYSE) -ljansson -lm -o $@

# What Ontime's paths cost: out/bench/paths.json.
PATHS_SYSTEMS := $(BUILD)/systems/paths-alone.dtb $(BUILD)/systems/paths-beside.dtb
$(PATHS_SYSTEMS): $(BUILD)/guest/bare/paths.bin

.PHONY: bench-paths
bench-paths: $(BUILD)/ontime.bin $(PATHS_SYSTEMS) $(BUILD)/guest/bare/paths.bin
	@scripts/need qemu-system-arm python3
	@bench/paths

# What Ontime's work costs with many guests: out/bench/growth.json.
.PHONY: bench-growth
bench-growth: $(BUILD)/ontime.bin $(BUILD)/guest/bare/growth.bin
	@scripts/need qemu-system-arm python3 device-tree-compiler gnuplot-nox
	@bench/growth
include bench/xen/xen.mk
include bench/peers.mk
include bench/kvm/kvm.mk
