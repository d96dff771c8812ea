/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vCPUs that float. Each may go to any core of its VM; which one it goes to, and when, is decided here.
 *
 * Only the core that has a vCPU sends it away, and only while it waits there: it is runnable, another has the
 * core, and its registers are in memory. So a vCPU is touched on its own core only, no lock is taken, and no
 * core waits for another. The core looks at those that wait
 *
 *  - as soon as the policy was asked after a wake-up;
 *  - FLOATING_SOON_US after one may have lost the core while another core is idle: most who take it give it
 *    back by then, and two moves would take longer than that;
 *  - when a core that has got idle asks for it (vm/idle.c);
 *  - every FLOATING_LOOK_US as long as any waits, for rules 2 and 3.
 *
 *  1. A vCPU goes to a core that is idle. One that wakes without a deadline while there is such a core gives
 *     up the credit that cbs has for it (vm/dispatch.c): with it, it would keep others from their core.
 *  2. One that is warped, and waits because others' urgent work is due before, goes to a core that runs one
 *     that is not warped: there it is first. It goes nowhere else, so that it is never later for that.
 *  3. Another goes to a core whose turn() is ahead of its own virtual time by so much that it could run there
 *     for MARGIN of CPU time before it would have to wait, and that runs no urgent work. So virtual times of
 *     the cores keep pace, and with them the CPU times over the weights of all that float over these cores.
 *
 * A vCPU is moved once at most for the same deadline: so it waits for others' urgent work on two cores at
 * most, whatever these get to do while it is on its way (docs/bound.md).
 *
 * For rule 3 the other cores are asked for their turn() every ASK_US, by CPU_TURN, and what they say is used
 * at the next look. After a move nothing is known until they are asked again, as the vCPU that was sent
 * there changes it.
 *
 * Virtual times of two cores may part for ever: vCPUs that stay have one of them for themselves, or it is the
 * only one that many may use. Such a difference is no debt. So a core takes another to be ahead or behind by
 * SPAN at most. What is beyond is in `ahead`, which says how far the other's virtual time is ahead without
 * anybody having a claim to that.
 *
 * What other cores say of themselves here may be out of date when it is used. Then a vCPU goes to a core that
 * is no longer idle, for example, and that core looks at it in turn.
 */
#include "vm/floating.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/limits.h"
#include "base/units.h"
#include "vm/dispatch.h"
#include "vm/idle.h"

#define ASK_US   4000
#define CORES    32   /* a look ends when it has looked at so many for vCPUs that wait: it is not to last */
#define SPAN     8    /* allowances, of the least weight that floats */
#define LEAST_US 1000 /* for MARGIN and SPAN, when the allowance is less */

static uint32_t least_weight; /* of those that float */

static const struct sched_moves *moves_of(const struct cpu *cpu)
{
    return cpu->sched.policy->moves;
}

/* The MARGIN, in ticks. */
static uint64_t margin(const struct cpu *cpu)
{
    uint64_t least = us_to_ticks(LEAST_US);

    return cpu->sched.allowance > least ? cpu->sched.allowance : least;
}

static bool runs_unwarped(const struct cpu *cpu)
{
    const struct vcpu *vcpu = ARCH_READ_RELAXED(cpu->current);

    return vcpu != NULL && !ARCH_READ_RELAXED(vcpu->unit.warped);
}

/* How far the core is ahead of the vCPU, in virtual time; 0 when it has not said it. */
static int64_t lead_over(const struct cpu *cpu, const struct vcpu *vcpu)
{
    const struct cpu *own = vcpu->cpu;

    if (!own->has_asked || !runs_unwarped(cpu) ||
        (atomic_load_explicit(&cpu->requests, memory_order_relaxed) & CPU_TURN) != 0)
        return 0;
    return (int64_t)(atomic_load_explicit(&cpu->turn_told, memory_order_acquire) - own->ahead[cpu->index] -
                     moves_of(own)->time(&own->sched, &vcpu->unit));
}

/* By rules 1 and 2. */
static bool is_free_for(const struct cpu *cpu, const struct vcpu *vcpu)
{
    return cpu_is_idle(cpu) || (vcpu->unit.warped && runs_unwarped(cpu));
}

/* The vCPU waits for its deadline's sake: has it come here for the same one? */
static bool has_moved_for_it(const struct vcpu *vcpu)
{
    return vcpu->unit.warped && precise_is_awaited(&vcpu->precise) &&
           vcpu->luggage.due == precise_awaited(&vcpu->precise);
}

/* Where the vCPU, which waits, is to go; NULL: it stays. */
static struct cpu *better_core(const struct vcpu *vcpu)
{
    struct cpu *own = vcpu->cpu, *best = NULL;
    int64_t best_lead = 0;

    if (has_moved_for_it(vcpu))
        return NULL;
    if (!vcpu->unit.warped && own->has_asked)
        best_lead = moves_of(own)->worth(vcpu->unit.params.weight, margin(own));
    for (uint64_t left = vcpu->floats_on; left != 0; left &= left - 1) {
        struct cpu *cpu = &cpus[__builtin_ctzll(left)];
        int64_t lead;

        if (cpu == own)
            continue;
        if (is_free_for(cpu, vcpu))
            return cpu;
        lead = vcpu->unit.warped ? 0 : lead_over(cpu, vcpu);
        if (lead > best_lead) {
            best = cpu;
            best_lead = lead;
        }
    }
    return best;
}

/* The cores that those which wait here may go to. */
static uint64_t cores_for_waiting(const struct cpu *cpu)
{
    uint64_t mask = 0;

    for (const struct vcpu *vcpu = cpu->visitors; vcpu != NULL; vcpu = vcpu->next)
        if (vcpu_waits(vcpu))
            mask |= vcpu->floats_on;
    return mask & ~(UINT64_C(1) << cpu->index);
}

static void ask(struct cpu *cpu, uint64_t mask, uint64_t now)
{
    for (uint64_t left = mask; left != 0; left &= left - 1) {
        struct cpu *other = &cpus[__builtin_ctzll(left)];

        if (ARCH_READ_RELAXED(other->current) != NULL)
            cpu_send(other, CPU_TURN);
    }
    cpu->has_asked = true;
    cpu->asked_at = now;
}

/* A core that is ahead or behind by more than SPAN is so without a claim of anybody's. */
static void bound_ahead(struct cpu *cpu, uint64_t mask)
{
    int64_t span = moves_of(cpu)->worth(least_weight, SPAN * margin(cpu));
    uint64_t turn = moves_of(cpu)->turn(&cpu->sched);

    for (uint64_t left = mask; left != 0; left &= left - 1) {
        const struct cpu *other = &cpus[__builtin_ctzll(left)];
        uint64_t told = atomic_load_explicit(&other->turn_told, memory_order_acquire);
        uint64_t *ahead = &cpu->ahead[other->index];
        int64_t lead = (int64_t)(told - *ahead - turn);

        if (ARCH_READ_RELAXED(other->current) == NULL ||
            (atomic_load_explicit(&other->requests, memory_order_relaxed) & CPU_TURN) != 0)
            continue;
        if (lead > span)
            *ahead += (uint64_t)(lead - span);
        else if (lead < -span)
            *ahead += (uint64_t)(lead + span);
    }
}

static unsigned count_cores(uint64_t mask)
{
    unsigned number = 0;

    for (; mask != 0; mask &= mask - 1)
        number++;
    return number;
}

/* Looks for another core for each of those that wait, from the one whose turn it is on, while CORES last. */
static struct vcpu *find_one(struct cpu *cpu, struct cpu **to)
{
    unsigned number = 0, cores = 0;

    for (struct vcpu *vcpu = cpu->visitors; vcpu != NULL; vcpu = vcpu->next) {
        if (!vcpu_may_leave(vcpu) || number++ < cpu->looked_at)
            continue;
        if (cores >= CORES)
            return NULL;
        cores += count_cores(vcpu->floats_on);
        cpu->looked_at++;
        *to = better_core(vcpu);
        if (*to != NULL)
            return vcpu;
    }
    cpu->looked_at = 0; /* all had their turn */
    return NULL;
}

/* Sends one of those that wait away. Returns whether there was one to send. */
static bool send_one(struct cpu *cpu)
{
    struct cpu *to;
    struct vcpu *vcpu = find_one(cpu, &to);

    if (vcpu == NULL)
        return false;
    vcpu_leave(vcpu, to, cpu->ahead[to->index]);
    cpu->looked_at = 0;
    return true;
}

/* Does one wait for its registers to be taken out of the CPU only, to go to a core that is idle? */
static bool is_about_to_leave(const struct cpu *cpu)
{
    const struct vcpu *vcpu = cpu->loaded;

    return vcpu != NULL && vcpu->floats_on != 0 && vcpu_waits(vcpu) && idle_core_for(vcpu);
}

/* When to look again, after one was sent away, or none. Then there may be one more core that is idle. */
static uint64_t next_look(const struct cpu *cpu, bool sent, uint64_t now)
{
    if (sent)
        return now;
    return now + us_to_ticks(is_about_to_leave(cpu) ? FLOATING_SOON_US : FLOATING_LOOK_US);
}

static void look(struct deadline *deadline, uint64_t now)
{
    struct cpu *cpu = HEAP_ENTRY(deadline, struct cpu, look);
    uint64_t mask;
    bool sent;

    now = cpu_charge(cpu, now);
    cpu_bring_home(cpu);
    atomic_thread_fence(memory_order_seq_cst); /* see vm/idle.c */
    mask = cores_for_waiting(cpu);
    if (cpu->has_asked)
        bound_ahead(cpu, mask);
    sent = send_one(cpu);
    mask = cores_for_waiting(cpu);
    if (mask != 0 && !sent && !cpu->has_asked && moves_of(cpu)->turn != NULL &&
        now - cpu->asked_at >= us_to_ticks(ASK_US))
        ask(cpu, mask, now);
    else
        cpu->has_asked = false; /* what they said is used, or no longer so */
    if (mask != 0)
        deadline_set(&cpu->deadlines, deadline, next_look(cpu, sent, now));
}

void floating_init(const struct system_config *config)
{
    idle_init();
    for (unsigned i = 0; i < cpu_count; i++)
        deadline_init(&cpus[i].look, DEADLINE_OTHER, look);
    least_weight = SCHED_WEIGHT_MAX;
    for (unsigned i = 0; i < config->vm_count; i++)
        if (config->vms[i].floats_on != 0 && config->vms[i].weight < least_weight)
            least_weight = config->vms[i].weight;
}
