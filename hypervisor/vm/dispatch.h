/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dispatcher: who runs on a CPU, see dispatch.c.
 *
 * All functions here run at EL2 with interrupts masked, on the CPU they are about, or that of the vCPU they
 * are about; only vcpu_wake() may be called on any, and vcpu_arrive() is called where the vCPU goes to.
 * Instants and times are ticks of the counter.
 */
#ifndef VM_DISPATCH_H
#define VM_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/arch.h"
#include "vm/cpu.h"
#include "vm/messages.h"
#include "vm/vcpu.h"

/*
 * Sets up a CPU, zero so far, for at most `vcpu_count` vCPUs under a policy whose C is `allowance`. Boot
 * only.
 */
void cpu_init(struct cpu *cpu, unsigned index, const struct sched_policy *policy, uint64_t allowance,
              unsigned vcpu_count);

/* Starts the tick, at multiples of `period`. Boot only. */
void cpu_start_tick(struct cpu *cpu, uint64_t period);

/* Runs vCPUs for ever, step after step. */
_Noreturn void dispatch_run(struct cpu *cpu);

/*
 * One step: handles the interrupts that are pending, asks the policy if something has changed, and enters the
 * guest whose turn it is.
 */
void dispatch_step(struct cpu *cpu);

/*
 * Has a vCPU been chosen for its deadline that is not loaded yet? The switch to it comes before other
 * interrupts are looked at.
 */
static inline bool cpu_switch_is_urgent(const struct cpu *cpu)
{
    const struct vcpu *vcpu = cpu->current;

    return vcpu != (void *)0 && vcpu != cpu->loaded && vcpu->work == (void *)0 &&
           precise_is_awaited(&vcpu->precise);
}

/* Puts a new vCPU, which is blocked, on its CPU. Boot only. */
void vcpu_attach(struct vcpu *vcpu, struct cpu *cpu);

/*
 * The running vCPU waits for another of its VM, or has sent it an interrupt: if that is runnable, it takes
 * the vCPU's place at the next pick, for a short turn. `other` NULL: any that waits for the CPU. False when
 * there is none on this CPU.
 */
bool vcpu_give_way(struct vcpu *vcpu, struct vcpu *other);

/* Makes a blocked vCPU, which is switched on, runnable. */
void vcpu_wake_blocked(struct vcpu *vcpu);

/*
 * Makes a vCPU that is switched on runnable; nothing happens when it is already. That of another CPU gets a
 * message.
 */
static inline void vcpu_wake(struct vcpu *vcpu)
{
    if (ARCH_READ_RELAXED(vcpu->cpu) != arch_cpu())
        vcpu_send(vcpu, VCPU_WAKE);
    else if (vcpu->on && !vcpu->unit.runnable)
        vcpu_wake_blocked(vcpu);
}

/* The same, on its core, for another core's message: it pays for that itself when it runs. */
void vcpu_wake_by_message(struct vcpu *vcpu);

/*
 * Asks the policy at once. So deadlines of the running vCPU that passed while it had the CPU take effect now.
 */
void vcpu_catch_up(struct vcpu *vcpu);

/* For a vCPU that is out of the CPU: has the comparator fire early enough for the first of its deadlines. */
void vcpu_watch_deadlines(struct vcpu *vcpu);

/*
 * To be called when the calling vCPU has changed its deadlines. While it has the CPU nothing is to be done;
 * but vcpu_catch_up() may have taken the CPU from it.
 */
static inline void vcpu_deadlines_changed(struct vcpu *vcpu)
{
    if (vcpu->cpu->current != vcpu)
        vcpu_watch_deadlines(vcpu);
}

/*
 * The running vCPU has done what it was warped for. Ends its warp and asks the policy; false when it was not
 * warped. If it masks interrupts, and is not the only vCPU of its VM, the policy is asked a little later.
 */
bool vcpu_unwarp(struct vcpu *vcpu, uint64_t now, bool is_alone);

/*
 * The running vCPU `vcpu` hands the work of a deadline on to another of its VM: that one is warped as if it
 * had reached a deadline now, or, if it is blocked, at its wake-up. A sender that masks interrupts keeps the
 * CPU a little longer, as it may hold a lock of the guest's.
 */
void vcpu_hand_work_on(struct vcpu *vcpu, struct vcpu *to);

/* The same from outside of its VM, by an interrupt that is urgent, and on whatever core. */
void vcpu_give_work(struct vcpu *to);

/* If the running vCPU's virtual timer is deferred for an urgent interrupt: that interrupt's work is over. */
void vcpu_release_timer(struct vcpu *vcpu);
static inline void vcpu_end_deferral(struct vcpu *vcpu)
{
    if (deadline_is_armed(&vcpu->timer_back))
        vcpu_release_timer(vcpu);
}

/*
 * The running vCPU `lender`, if it is warped, waits for what `to` of another VM does, which is woken next if
 * it is blocked: that one is warped, too, as by vcpu_give_work(), and `lender` pays for what it runs until
 * that warp ends. Nothing happens when it is on another CPU, or warped already.
 */
void vcpu_lend_warp(struct vcpu *lender, struct vcpu *to);

/* The same, on its core, for another core's message: it pays for that itself when it runs. */
void vcpu_take_work_by_message(struct vcpu *vcpu);

/*
 * To be called before it is looked at whether the running vCPU has more to do, as it says that it is done or
 * waits. From then on other cores send a message for urgent work, warped or not. An urgent interrupt for
 * which they have sent none, as the vCPU was warped, counts as one that has come.
 */
static inline void vcpu_expect_work(struct vcpu *vcpu)
{
    if (atomic_load_explicit(&vcpu->work_told, memory_order_relaxed) != 0 &&
        (atomic_exchange_explicit(&vcpu->work_told, 0, memory_order_acq_rel) & WORK_INTERRUPTS) != 0)
        vcpu->interrupted = true;
}

/*
 * The running vCPU waits for an interrupt: it is blocked until vcpu_wake(), or until one of its own timers
 * expires or one of its deadlines comes. It is not blocked when its virtual timer has expired, or is about
 * to.
 */
void vcpu_block(struct vcpu *vcpu);

/* Takes a vCPU's registers out of its CPU, if they are there. */
void vcpu_unload(struct vcpu *vcpu);

/*
 * Takes a vCPU that was switched off out of the scheduler, and its registers out of the CPU. Its deadlines
 * and timers are forgotten.
 */
void vcpu_retire(struct vcpu *vcpu);

/*
 * The vCPU, which is on, is held: it is not runnable, nothing wakes it, and no deadline of it fires until
 * vcpu_release(). Its deadlines and interrupts are kept, and its time goes on. After vcpu_release() it is
 * runnable, whatever it waited for.
 */
void vcpu_hold(struct vcpu *vcpu);
void vcpu_release(struct vcpu *vcpu);

/* The vCPU, and those of its VM that are on this CPU, have other params from now on. Their warps end. */
void vcpu_set_params(struct vcpu *vcpu, const struct sched_params *params);

/*
 * Charges the current vCPU up to `now`, an instant that was just read. Returns `now`, or up to when it was
 * charged already if that is later, as an interrupt handler's `now` may be old.
 */
uint64_t cpu_charge(struct cpu *cpu, uint64_t now);

/* For vCPUs that float (vm/floating.c). */

/* Up to which virtual time would a vCPU that came run at once? The CPU is not idle. */
uint64_t cpu_turn(struct cpu *cpu);

/* vm/floating.c is to look at those that wait here at `when`, if it would not before. */
void cpu_look_at_waiting(struct cpu *cpu, uint64_t when);

/* Is it runnable, and another has the CPU? */
bool vcpu_waits(const struct vcpu *vcpu);

/*
 * If so, may it leave? Not while its registers are in the CPU, as who calls may be in the middle of its exit;
 * nor while it has work at EL2, or the place of another in the policy.
 */
bool vcpu_may_leave(const struct vcpu *vcpu);

/*
 * Sends such a vCPU to another CPU, with its timers and deadlines. `ahead`: see join() of struct
 * sched_moves. No lock is held.
 */
void vcpu_leave(struct vcpu *vcpu, struct cpu *to, uint64_t ahead);

/* A vCPU that was sent here is there: it is runnable, and warped if it was. */
void vcpu_arrive(struct vcpu *vcpu);

/*
 * The CPU is charged up to now. Its vCPUs that have another's place in the policy get their own again. If one
 * had, or anything else has changed, the policy is asked.
 */
void cpu_bring_home(struct cpu *cpu);

#endif
