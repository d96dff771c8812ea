/* SPDX-License-Identifier: Apache-2.0 */
/* See messages.h. The list is a stack: whoever pushes swaps its head, the core takes all of it at once. */
#include "vm/messages.h"
#include <stddef.h>
#include "vm/arch_vm.h"

void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    struct cpu *cpu = vcpu->cpu;
    struct vcpu *head;

    if (atomic_fetch_or_explicit(&vcpu->requests, request, memory_order_acq_rel) != 0)
        return; /* it is on the list, and will be looked at after this */
    head = atomic_load_explicit(&cpu->messages, memory_order_relaxed);
    do
        vcpu->next_message = head;
    while (!atomic_compare_exchange_weak_explicit(&cpu->messages, &head, vcpu, memory_order_release,
                                                  memory_order_relaxed));
    arch_cpu_kick(cpu->index);
}

void cpu_send(struct cpu *cpu, uint32_t request)
{
    if (atomic_fetch_or_explicit(&cpu->requests, request, memory_order_acq_rel) == 0)
        arch_cpu_kick(cpu->index);
}
