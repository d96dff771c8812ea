/* SPDX-License-Identifier: Apache-2.0 */
/* Precise timers: the guest's deadlines and the warps they begin, see precise.c. */
#ifndef CORE_PRECISE_H
#define CORE_PRECISE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/cpu.h"
#include "core/vm.h"
#include "ontime/trace.h"

void precise_init(struct vcpu *vcpu);

/*
 * The calls of include/ontime/abi.h, with the calling vCPU; every argument is the guest's and is checked
 * here. They return what the guest gets in x0.
 */
int64_t precise_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id);
int64_t precise_cancel(struct vcpu *vcpu, uint64_t id);
int64_t precise_done(struct vcpu *vcpu, uint64_t next);
int64_t precise_page(struct vcpu *vcpu, uint64_t address);
int64_t precise_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped);

/* The first deadline that is still to come, or not yet seen to be past. */
uint64_t precise_first(const struct vcpu *vcpu);

/* The CPU time that the guest says its work needs, ticks; 0: not known. */
static inline uint64_t precise_needs(const struct vcpu *vcpu)
{
    return vcpu->page != (void *)0 ? vcpu->page[ONTIME_PAGE_NEEDS / sizeof(uint64_t)] : 0;
}

/*
 * Looks for deadlines that passed while the vCPU had the CPU, or will before it could be out and in again.
 * Returns the first, for which it is to be warped; DEADLINE_NONE when there are none.
 */
uint64_t precise_notice(struct vcpu *vcpu, uint64_t now);

/* The vCPU, running, is to wait for an interrupt; its virtual timer's comes at `timer`. */
void precise_blocking(struct vcpu *vcpu, uint64_t timer, uint64_t now);

/*
 * A vCPU that waits for its own timer, without a deadline: how early it is woken, and that it was, the
 * comparator having fired at `since`, and is now to run.
 */
uint64_t precise_lead_of(const struct vcpu *vcpu, uint64_t now, uint64_t timer);
void precise_fetch(struct vcpu *vcpu, uint64_t timer, uint64_t since);

/* The vCPU leaves the CPU, with its deadlines watched from then on, and gets it. */
void precise_leaving(struct vcpu *vcpu);
static inline void precise_coming(struct vcpu *vcpu)
{
    vcpu->snooped = DEADLINE_NONE;
    (void)deadline_cancel(&vcpu->cpu->deadlines, &vcpu->precise_timer);
}

/* Forgets all deadlines: the vCPU is switched off. */
void precise_reset(struct vcpu *vcpu);

/* Counts and traces the end of a warp. */
void precise_warp_ended(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason);

/* Tells the guest, in its page, whether it is warped. */
static inline void precise_say_warped(struct vcpu *vcpu, bool warped)
{
    if (vcpu->page != (void *)0)
        vcpu->page[ONTIME_PAGE_WARPED / sizeof(uint64_t)] = warped;
}

/*
 * The vCPU, loaded, is about to be entered for the first time since a deadline of it fired: waits for the
 * deadline, and counts how late that is. False when the dispatcher has to look again first.
 */
bool precise_entering(struct vcpu *vcpu);

/*
 * The virtual timer of a vCPU that has a `backlog_until` expired, at `expiry`; `in_user`: it interrupted the
 * guest at EL0.
 */
void precise_timer_fired(struct vcpu *vcpu, uint64_t expiry, bool in_user);

/* ONTIME_STAT_LEAD_* of a CPU, ticks. */
uint64_t precise_lead(const struct cpu *cpu, unsigned stat);

#endif
