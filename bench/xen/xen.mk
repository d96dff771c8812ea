# SPDX-License-Identifier: Apache-2.0
# Xen, the runs SCENARIO-xen-POLICY of `make peers`: `make xen-S1-xen-credit2` builds what bench/run S1-xen-credit2 needs.
# The packaged hypervisor and the source of the one with RTDS are the same version, that of the release: the mirrors keep
# it for as long as they have the release.

XEN := $(BUILD)/peers/xen
XEN_TREES := $(foreach policy,credit2 credit credit-1ms rtds rtds-1ms,\
	$(foreach scenario,S1 S2 S2rt S3 player,$(XEN)/$(scenario)-xen-$(policy).dtb))

$(BUILD)/debian/xen.versions:
	@scripts/fetch-debian xen xen-hypervisor-4.17-arm64:arm64/bookworm
$(BUILD)/debian/xen-source.versions:
	@scripts/fetch-debian --source xen-source xen/bookworm

$(XEN)/xen-rtds: bench/xen/build-rtds $(BUILD)/debian/xen-source.versions
	bench/xen/build-rtds $@
$(XEN)/xen-rtds-1ms: bench/xen/build-rtds $(BUILD)/debian/xen-source.versions
	bench/xen/build-rtds $@ 1000 400

# Written anew only when it changes.
$(XEN_TREES): $(XEN)/%.dtb: bench/xen/tree bench/xen/peer bench/bootargs $(BENCH)/matmul.cpio \
	$(BENCH_KERNEL)/release FORCE | bench-need
	@mkdir -p $(@D)
	@bench/xen/tree $* | dtc -q -I dts -O dtb -o $@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }
$(filter $(XEN)/player-%,$(XEN_TREES)): $(BENCH)/player.cpio
$(filter $(XEN)/S%,$(XEN_TREES)): $(BENCH)/mixed.cpio

XEN_RUNS := $(XEN_TREES:$(XEN)/%.dtb=%)
.PHONY: $(XEN_RUNS:%=xen-%)
$(XEN_RUNS:%=xen-%): xen-%: $(XEN)/%.dtb
$(foreach policy,credit2 credit credit-1ms,$(filter %-xen-$(policy),$(XEN_RUNS:%=xen-%))): $(BUILD)/debian/xen.versions
$(filter %-xen-rtds,$(XEN_RUNS:%=xen-%)): $(XEN)/xen-rtds
$(filter %-xen-rtds-1ms,$(XEN_RUNS:%=xen-%)): $(XEN)/xen-rtds-1ms
