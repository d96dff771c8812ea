# SPDX-License-Identifier: Apache-2.0
# Side by side with other hypervisors, `make peers`: see docs/comparison.md. PEERS="xen-credit2 kvm" chooses one and all
# of KVM's, SCENARIOS="S2rt player" the scenarios. What Xen and KVM need is built by bench/xen/xen.mk and bench/kvm/kvm.mk.

PEER_NAMES := xen-credit2 xen-credit xen-credit-1ms xen-rtds xen-rtds-1ms kvm-default kvm-fifo kvm-deadline kvm-rt \
	ontime-bvt ontime-credit ontime-sedf ontime-rr ontime-wake ontime-snoop ontime-call ontime-page
PEERS ?= xen kvm ontime
PEERS_OUT ?= out/peers
PEERS_SEEDS ?= 1
PEERS_SCENARIOS := $(if $(filter file,$(origin SCENARIOS)),S1 S2 S2rt S3 player,$(SCENARIOS))

PEERS_CHOSEN := $(sort $(foreach word,$(PEERS),$(or $(filter $(word),$(PEER_NAMES)),$(filter $(word)-%,$(PEER_NAMES)))))
PEERS_UNKNOWN := $(strip $(foreach word,$(PEERS),$(if $(filter $(word) $(word)-%,bare $(PEER_NAMES)),,$(word))))
# The longest first. S2's bare run says what the hog makes alone, and is S3's.
PEERS_BARE := $(sort S2 $(filter-out S3,$(PEERS_SCENARIOS)))
PEERS_RUNS := $(foreach scenario,player S3 S2 S2rt S1,$(if $(filter $(scenario),$(PEERS_SCENARIOS)),\
	$(PEERS_CHOSEN:%=$(scenario)-%))) $(PEERS_BARE:%=%-bare)
PEERS_ALL := $(if $(filter $(words $(PEER_NAMES)),$(words $(PEERS_CHOSEN))),$(if $(word 5,$(PEERS_SCENARIOS)),yes))
PEERS_ONTIME := $(foreach run,$(PEERS_RUNS),$(if $(findstring -ontime-,$(run)),$(run)))

.PHONY: peers peers-inputs
peers peers-inputs: export BENCH_SEEDS = $(PEERS_SEEDS)
peers peers-inputs: export BENCH_OTHER_SEEDS = $(PEERS_SEEDS)
peers: export COMPLETE = $(PEERS_ALL)
peers: peers-inputs
	@bench/scenarios peers $(PEERS_OUT) $(PEERS_RUNS)

peers-inputs: $(BUILD)/ontime.bin $(BUILD)/host/ontime $(BENCH)/analyse $(BENCH)/player.cpio $(BENCH)/mixed.cpio \
	$(BENCH)/matmul.cpio $(PEERS_ONTIME:%=$(BUILD)/systems/%.dtb) $(addprefix xen-,$(filter $(XEN_RUNS),$(PEERS_RUNS)))
	@[ -z "$(PEERS_UNKNOWN)" ] || { echo "peers: there is no $(PEERS_UNKNOWN); there are: bare $(PEER_NAMES)" >&2; exit 2; }
