# SPDX-License-Identifier: Apache-2.0
# `make proof`: Frama-C. EVA runs the harnesses of tests/proof with all values that they allow; WP proves the contracts in
# ACSL that stand beside the code. CONTRIBUTING.md says what is proved. PROOFS="trace" chooses some.

PROOF := $(BUILD)/proof
PROOF_PACKAGES := frama-c-base why3 cvc4 z3
PROOFS ?= bits deadlines heap lemmas precise trace

# Debian's Frama-C has no aarch64: x86_64 has the same sizes and byte order.
FRAMA_C := frama-c -machdep gcc_x86_64 -c11 -cpp-extra-args="-include tests/proof/atomics.h -include tests/proof/builtins.h \
	-Itests/proof -Iinclude -Ihypervisor -Ihypervisor/arch/fake/include"
PROOF_EVA := $(FRAMA_C) -variadic-no-translation -eva -eva-precision 5 -eva-msg-key=-final-states
PROOF_SECONDS ?= 60
PROOF_WP := $(FRAMA_C) -wp -wp-rte -wp-split -wp-prover cvc4,z3 -wp-timeout $(PROOF_SECONDS) -wp-par $(shell nproc) \
	-wp-warn-key pedantic-assigns=inactive

.PHONY: proof $(PROOFS:%=proof-%)
test-all: proof
proof:
	@scripts/need $(PROOF_PACKAGES)
	@mkdir -p $(PROOF)
	@why3 config detect -C $(PROOF)/why3.conf >$(PROOF)/why3.log 2>&1 || { cat $(PROOF)/why3.log; exit 1; }
	@failed=0; for proof in $(PROOFS); do \
		$(MAKE) --no-print-directory proof-$$proof || failed=$$((failed + 1)); \
	done; \
	echo "proof tests: $$(($(words $(PROOFS)) - failed)) passed, $$failed failed"; [ $$failed = 0 ]

proof-bits: $(PROOF)/bits
	@$<
$(PROOF)/bits: tests/proof/bits.c
	@mkdir -p $(@D)
	@$(HOST_CC) -std=gnu11 -O1 $(WARNINGS) -o $@ $<

# The search for the first deadline: the minimum of those that are armed.
proof-precise:
	@WHY3CONFIG=$(PROOF)/why3.conf tests/proof/run precise goals $(PROOF_WP) -wp-fct earlier,look_for_first_armed hypervisor/vm/precise.c

# The heap: memory, indices, and that it stays in order. heap_first() and the like are inline.
PROOF_HEAP := heap_init,comes_before,put,put_last,heap_sift_up,sift_down,settle,heap_fill,heap_move,heap_is_ordered
PROOF_HEAP_INLINE := heap_contains,heap_first,heap_first_key,heap_insert,heap_remove
proof-heap:
	@WHY3CONFIG=$(PROOF)/why3.conf tests/proof/run heap goals $(PROOF_WP) -wp-fct $(PROOF_HEAP),$(PROOF_HEAP_INLINE) \
		hypervisor/base/heap.c

# The deadline queue, outside a run. A node is taken for the deadline that it begins.
PROOF_DEADLINES := head_key,earlier,first_instant,program_comparator,heap_of,is_running,take_out,take_first
PROOF_DEADLINES_SHARED := deadline_is_armed,deadline_when,deadline_cancel,deadline_disarm,deadline_set,deadline_set_slice
proof-deadlines:
	@WHY3CONFIG=$(PROOF)/why3.conf tests/proof/run deadlines goals $(PROOF_WP) -wp-model Typed+Cast \
		-wp-fct $(PROOF_DEADLINES),$(PROOF_DEADLINES_SHARED) hypervisor/time/deadline_queue.c

proof-trace:
	@tests/proof/run trace values $(PROOF_EVA) tests/proof/trace.c hypervisor/base/trace.c

# The lemmas that the proofs use. Axioms are not among them: `bits` tries those.
proof-lemmas:
	@WHY3CONFIG=$(PROOF)/why3.conf tests/proof/run lemmas goals $(PROOF_WP) -wp-prop=@lemma \
		hypervisor/vm/precise.c hypervisor/base/heap.c
