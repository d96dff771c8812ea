/* SPDX-License-Identifier: Apache-2.0 */
/* See inbox.h. */
#include "vm/inbox.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/assert.h"
#include "console/console.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/messages.h"
#include "vm/power.h"

static void serve_vcpu(struct vcpu *vcpu)
{
    uint32_t requests = atomic_exchange_explicit(&vcpu->requests, 0, memory_order_acq_rel);

    if ((requests & VCPU_ARRIVE) != 0)
        vcpu_arrive(vcpu);
    DEBUG_ASSERT(vcpu->cpu == arch_cpu());
    if ((requests & VCPU_POWER_ON) != 0)
        vcpu_power_on_here(vcpu);
    if ((requests & VCPU_POWER_OFF) != 0)
        vcpu_power_off_for_stop(vcpu);
    if ((requests & VCPU_LOAD) != 0)
        vcpu_load_here(vcpu);
    if ((requests & VCPU_PARAMS) != 0)
        vcpu_take_params(vcpu);
    if ((requests & VCPU_CONTROL) != 0)
        vcpu_control_here(vcpu);
    if ((requests & VCPU_ALARM) != 0)
        vcpu->hooks->alarm(vcpu->vm);
    if ((requests & VCPU_WORK) != 0)
        vcpu_take_work_by_message(vcpu);
    if ((requests & VCPU_LOOK) != 0)
        vcpu->hooks->look(vcpu);
    if ((requests & VCPU_WAKE) != 0)
        vcpu_wake_by_message(vcpu);
}

static void serve_cpu(struct cpu *cpu)
{
    uint32_t requests = atomic_exchange_explicit(&cpu->requests, 0, memory_order_acq_rel);

    if ((requests & CPU_CHARGE) != 0)
        atomic_store_explicit(&cpu->charge_told, cpu_charge(cpu, arch_counter()), memory_order_release);
    if ((requests & CPU_TURN) != 0)
        atomic_store_explicit(&cpu->turn_told, cpu_turn(cpu), memory_order_release);
    if ((requests & CPU_LOOK) != 0)
        cpu_look_at_waiting(cpu, arch_counter());
    if ((requests & CPU_CONSOLE) != 0)
        console_watch_silence();
}

void cpu_take_messages(struct cpu *cpu)
{
    struct vcpu *vcpu;

    serve_cpu(cpu);
    if (cpu->inbox == NULL)
        cpu->inbox = atomic_exchange_explicit(&cpu->messages, NULL, memory_order_acquire);
    vcpu = cpu->inbox;
    if (vcpu == NULL)
        return;
    cpu->inbox = vcpu->next_message; /* before its requests are taken: then it may be sent again */
    if (atomic_load_explicit(&vcpu->mail_to, memory_order_relaxed) == cpu)
        serve_vcpu(vcpu);
    else
        vcpu_forward(vcpu);
    /* What was pushed meanwhile may have had its kick before this core's own was taken: the two were one. */
    if (cpu->inbox != NULL || atomic_load_explicit(&cpu->messages, memory_order_relaxed) != NULL)
        arch_cpu_kick(cpu->index);
}
