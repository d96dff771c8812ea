/* SPDX-License-Identifier: Apache-2.0 */
/* What a core does that has got messages (vm/messages.h). */
#ifndef VM_INBOX_H
#define VM_INBOX_H

#include "vm/cpu.h"

/*
 * Does what the core's own requests and one vCPU's ask for, on the calling core, which was kicked. It kicks
 * itself again when more is on the list, so that other interrupts are looked at in between.
 */
void cpu_take_messages(struct cpu *cpu);

#endif
