# SPDX-License-Identifier: Apache-2.0
# The Xen part of `make peers`: `make xen-S1-xen-credit2` builds what bench/run S1-xen-credit2 needs. The packaged
# hypervisor and the source from which the one with RTDS is built are of the same version, that of Debian's release, which
# the mirrors keep as long as the release.

XEN := $(BUILD)/peers/xen
XEN_TREES := $(XEN_RUNS:%=$(XEN)/%.dtb)
# Debian's binary has no RTDS, and does not pin vCPUs. XEN_RTDS has `RUN:PERIOD-BUDGET` of each run that needs one.
XEN_RTDS_RUNS := $(foreach pair,$(XEN_RTDS),$(firstword $(subst :, ,$(pair))))

$(BUILD)/debian/xen.versions:
	@scripts/fetch-debian xen xen-hypervisor-4.17-arm64:arm64/bookworm
$(BUILD)/debian/xen-source.versions:
	@scripts/fetch-debian --source xen-source xen/bookworm

$(XEN)/rtds-%: bench/xen/build-rtds $(BUILD)/debian/xen-source.versions
	@echo "  XEN     $@"
	$(Q)bench/xen/build-rtds $@ $(subst -, ,$*)
.PRECIOUS: $(XEN)/rtds-%

# Written anew only when it changes.
$(XEN_TREES): $(XEN)/%.dtb: bench/xen/tree bench/xen/peer bench/bootargs $(BENCH)/matmul.cpio \
	$(BENCH_KERNEL)/release FORCE | bench-need
	@mkdir -p $(@D)
	@bench/xen/tree $* | dtc -q -I dts -O dtb -o $@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(filter $(XEN)/player-%,$(XEN_TREES)): $(BENCH)/player.cpio
$(filter $(XEN)/S%,$(XEN_TREES)): $(BENCH)/mixed.cpio
$(filter $(XEN)/M%,$(XEN_TREES)): $(BENCH)/cores.cpio $(BENCH)/hogs.cpio $(QUANTUM)
$(foreach scenario,$(LOAD_SCENARIOS),$(filter $(XEN)/$(scenario)-%,$(XEN_TREES))): $(BENCH)/loads.cpio

.PHONY: $(XEN_RUNS:%=xen-%)
$(XEN_RUNS:%=xen-%): xen-%: $(XEN)/%.dtb
$(patsubst %,xen-%,$(filter-out $(XEN_RTDS_RUNS),$(XEN_RUNS))): $(BUILD)/debian/xen.versions
$(foreach pair,$(XEN_RTDS),$(eval xen-$(subst :,: $(XEN)/rtds-,$(pair))))
