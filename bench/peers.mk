# SPDX-License-Identifier: Apache-2.0
# Side by side with other hypervisors, `make peers`: see docs/comparison.md. PEERS="xen-credit2 kvm" chooses one of Xen's
# peers and all of KVM's, SCENARIOS="S2rt player" two scenarios; MODEL=a53 has them with the timing model, in a folder of their
# own, and writes no document. What Xen and KVM need is built by bench/xen/xen.mk and bench/kvm/kvm.mk.

PEER_NAMES := $(filter-out bare,$(PEERS_ALL_WAYS))
PEERS ?= xen kvm ontime
PEERS_OUT ?= out/peers$(MODEL:%=-%)
PEERS_SEEDS ?= 1
PEERS_SCENARIOS := $(if $(filter file,$(origin SCENARIOS)),$(PEERS_ALL_SCENARIOS),$(SCENARIOS))

PEERS_CHOSEN := $(sort $(foreach word,$(PEERS),$(or $(filter $(word),$(PEER_NAMES)),$(filter $(word)-%,$(PEER_NAMES)))))
PEERS_UNKNOWN := $(strip $(foreach word,$(PEERS),$(if $(filter $(word) $(word)-%,bare $(PEER_NAMES)),,$(word))) \
	$(filter-out $(PEERS_ALL_SCENARIOS),$(PEERS_SCENARIOS)))
PEERS_RUNS := $(if $(filter peers peers-inputs,$(MAKECMDGOALS)),\
	$(shell bench/names runs peers "$(PEERS_SCENARIOS)" "bare $(PEERS_CHOSEN)"))
# S2's bare run is made for all scenarios of one core: before its first sleep it says what the hog makes alone.
PEERS_RUNS += $(if $(filter-out M%,$(PEERS_SCENARIOS)),$(if $(filter S2-bare,$(PEERS_RUNS)),,S2-bare))
# What was run under all peers is published.
PEERS_PUBLISH := $(if $(filter-out $(PEERS_CHOSEN),$(PEER_NAMES)),,$(PEERS_SCENARIOS))
PEERS_ALL := $(if $(filter-out $(PEERS_PUBLISH),$(PEERS_ALL_SCENARIOS)),,yes)
PEERS_XEN := $(foreach run,$(PEERS_RUNS),$(if $(findstring -xen-,$(run)),$(run)))
PEERS_ONTIME := $(foreach run,$(PEERS_RUNS),$(if $(findstring -ontime-,$(run)),$(run)))

.PHONY: peers peers-inputs
peers peers-inputs: export BENCH_SEEDS = $(PEERS_SEEDS)
peers peers-inputs: export BENCH_OTHER_SEEDS = $(PEERS_SEEDS)
peers: export PUBLISH = $(PEERS_PUBLISH)
peers: export COMPLETE = $(PEERS_ALL)
peers: peers-inputs
	@bench/scenarios peers $(PEERS_OUT) $(PEERS_RUNS)

peers-inputs: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH)/analyse $(BENCH)/player.cpio $(BENCH)/mixed.cpio \
	$(BENCH)/loads.cpio $(BENCH)/matmul.cpio $(if $(filter M%,$(PEERS_SCENARIOS)),$(BENCH)/cores.cpio $(BENCH)/hogs.cpio $(QUANTUM)) \
	$(MODEL:%=$(BENCH)/%.so) \
	$(PEERS_ONTIME:%=$(BUILD)/systems/%.dtb) $(PEERS_XEN:%=xen-%)
	@[ -z "$(PEERS_UNKNOWN)" ] || { echo "peers: there is no $(PEERS_UNKNOWN); there are: $(PEERS_ALL_SCENARIOS); bare $(PEER_NAMES)" >&2; exit 2; }
