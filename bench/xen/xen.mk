# SPDX-License-Identifier: Apache-2.0
# The Xen part of `make peers`: `make xen-S1-xen-credit2` builds what bench/run S1-xen-credit2 needs. The packaged
# hypervisor and the source from which the one with RTDS is built are of the same version, that of Debian's release, which
# the mirrors keep as long as the release.

XEN := $(BUILD)/peers/xen
XEN_WAYS := $(filter xen-%,$(PEER_NAMES))
XEN_RUNS := $(foreach way,$(XEN_WAYS),$(PEER_SCENARIOS:%=%-$(way)))
XEN_TREES := $(XEN_RUNS:%=$(XEN)/%.dtb)
# Debian's binary has no RTDS.
XEN_BUILT := $(filter xen-rtds%,$(XEN_WAYS))

$(BUILD)/debian/xen.versions:
	@scripts/fetch-debian xen xen-hypervisor-4.17-arm64:arm64/bookworm
$(BUILD)/debian/xen-source.versions:
	@scripts/fetch-debian --source xen-source xen/bookworm

$(XEN_BUILT:%=$(XEN)/%): $(XEN)/%: bench/xen/build-rtds $(BUILD)/debian/xen-source.versions
	bench/xen/build-rtds $@ $(shell bench/names fact rtds_us S1-$*)

# Written anew only when it changes.
$(XEN_TREES): $(XEN)/%.dtb: bench/xen/tree bench/xen/peer bench/bootargs $(BENCH)/matmul.cpio \
	$(BENCH_KERNEL)/release FORCE | bench-need
	@mkdir -p $(@D)
	@bench/xen/tree $* | dtc -q -I dts -O dtb -o $@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(filter $(XEN)/player-%,$(XEN_TREES)): $(BENCH)/player.cpio
$(filter $(XEN)/S%,$(XEN_TREES)): $(BENCH)/mixed.cpio

.PHONY: $(XEN_RUNS:%=xen-%)
$(XEN_RUNS:%=xen-%): xen-%: $(XEN)/%.dtb
$(filter-out $(addprefix %-,$(XEN_BUILT)),$(XEN_RUNS:%=xen-%)): $(BUILD)/debian/xen.versions
$(foreach way,$(XEN_BUILT),$(eval $(filter %-$(way),$(XEN_RUNS:%=xen-%)): $(XEN)/$(way)))
