/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See idle.h. What is read here of other cores and of their vCPUs may be out of date; so the core that is
 * asked looks itself.
 *
 * Either side says first what it does, and looks at the other then, with a fence between: a core that gets
 * idle has cleared its `current` before it looks for those that wait, and a vCPU that begins to wait is
 * runnable before its core looks for one that is idle. So one of the two sees the other
 * (tests/model/idle.pml).
 *
 * Who is asked has to interrupt whoever runs there. So a core that has asked does not ask again for
 * FLOATING_PULL_US, unless a vCPU has come meanwhile: a guest that makes a core idle all the time cannot hold
 * up others.
 */
#include "vm/idle.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/limits.h"
#include "base/units.h"
#include "vm/messages.h"

#define PIECE 16 /* vCPUs that are looked at in a piece */

static struct vcpu *floating; /* all that float. Set at boot */

bool cpu_is_idle(const struct cpu *cpu)
{
    return ARCH_READ_RELAXED(cpu->current) == NULL &&
           atomic_load_explicit(&cpu->messages, memory_order_relaxed) == NULL; /* else one may be coming */
}

bool idle_core_for(const struct vcpu *vcpu)
{
    for (uint64_t left = vcpu->floats_on; left != 0; left &= left - 1)
        if (cpu_is_idle(&cpus[__builtin_ctzll(left)]))
            return true;
    return false;
}

void idle_init(void)
{
    floating = NULL;
}

void idle_add(struct vcpu *vcpu)
{
    vcpu->next_floating = floating;
    floating = vcpu;
}

/* The core where the vCPU waits, if it may leave that one for `cpu`; else NULL. */
static struct cpu *waits_at(const struct vcpu *vcpu, const struct cpu *cpu)
{
    struct cpu *other = ARCH_READ_RELAXED(vcpu->cpu);

    if ((vcpu->floats_on >> cpu->index & 1) == 0 || other == NULL || other == cpu ||
        !ARCH_READ_RELAXED(vcpu->unit.runnable) || ARCH_READ_RELAXED(vcpu->work) != NULL)
        return NULL;
    return ARCH_READ_RELAXED(other->current) != vcpu ? other : NULL;
}

bool idle_pull(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->pull_next != NULL ? cpu->pull_next : floating;
    uint64_t now = arch_counter();
    struct cpu *other = NULL;

    cpu->pull_next = NULL;
    if (now < cpu->pull_from)
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < PIECE && vcpu != NULL && other == NULL; i++) {
        other = waits_at(vcpu, cpu);
        vcpu = vcpu->next_floating;
    }
    if (other != NULL) {
        cpu->pull_from = now + us_to_ticks(FLOATING_PULL_US);
        cpu_send(other, CPU_LOOK);
        return false;
    }
    cpu->pull_next = vcpu;
    return vcpu != NULL;
}
