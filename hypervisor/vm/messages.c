/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See messages.h. The list is a stack: whoever pushes swaps its head, the core takes all of it at once.
 *
 * Who finds a vCPU's `requests` to be 0, and sets a bit, is the one to put it on a list, that of the core
 * that `mail_to` names afterwards. `mail_to` changes only with VCPU_ARRIVE set, and not again before that bit
 * is taken. So a list has the vCPU that is its core's own, or that has left the core since: then it is
 * forwarded, once. A core that takes a vCPU that is on its way to it finds VCPU_ARRIVE: the bit is set first.
 */
#include "vm/messages.h"
#include <stddef.h>
#include "vm/arch_vm.h"

void vcpu_forward(struct vcpu *vcpu)
{
    struct cpu *cpu = atomic_load_explicit(&vcpu->mail_to, memory_order_acquire);
    struct vcpu *head = atomic_load_explicit(&cpu->messages, memory_order_relaxed);

    do
        vcpu->next_message = head;
    while (!atomic_compare_exchange_weak_explicit(&cpu->messages, &head, vcpu, memory_order_release,
                                                  memory_order_relaxed));
    arch_cpu_kick(cpu->index);
}

void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    if (atomic_fetch_or_explicit(&vcpu->requests, request, memory_order_acq_rel) == 0)
        vcpu_forward(vcpu); /* else it is on a list, and will be looked at after this */
}

void vcpu_send_off(struct vcpu *vcpu, struct cpu *to)
{
    uint32_t before = atomic_fetch_or_explicit(&vcpu->requests, VCPU_ARRIVE, memory_order_acq_rel);

    atomic_store_explicit(&vcpu->mail_to, to, memory_order_release);
    if (before == 0)
        vcpu_forward(vcpu);
}

void cpu_send(struct cpu *cpu, uint32_t request)
{
    if (atomic_fetch_or_explicit(&cpu->requests, request, memory_order_acq_rel) == 0)
        arch_cpu_kick(cpu->index);
}
