/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one core asks of another.
 *
 * A vCPU is used on its own core only, and so are a core's scheduler queue and deadlines. Who is on another
 * core sends a message: a bit of the vCPU's, or the core's, `requests`. The first bit puts the vCPU on its
 * core's list and kicks that core, which takes the list off and does what the bits ask for (vm/inbox.h). So a
 * vCPU is on the list at most once, a message that is sent again before it is taken is one message, nothing
 * is allocated and nobody waits. What the sender wrote before is seen by who takes the message.
 *
 * All functions may be called on any core, at EL2 with interrupts masked, with locks held.
 */
#ifndef VM_MESSAGES_H
#define VM_MESSAGES_H

#include <stdint.h>
#include "vm/cpu.h"

/* Of a vCPU. They are done in this order. */
#define VCPU_ARRIVE    512u /* it comes from another core: before all else */
#define VCPU_POWER_ON  1u   /* begins at its `resume_entry` */
#define VCPU_POWER_OFF 2u   /* its VM stops */
#define VCPU_LOAD      4u   /* its VM starts: it loads the images */
#define VCPU_PARAMS    128u /* its VM's parameters of the scheduler have changed */
#define VCPU_CONTROL                                                                                         \
    256u /* something is asked of its VM (vm->asked), its watchdog has expired, or it is paused, or no       \
            longer */
#define VCPU_ALARM 8u  /* a deadline of its VM's devices has changed */
#define VCPU_WORK  16u /* another vCPU has handed work on to it: it is warped */
#define VCPU_LOOK  32u /* its interrupts have changed: its list registers are brought up to date */
#define VCPU_WAKE  64u /* it is made runnable, if it is on */

/* Of a core. */
#define CPU_CHARGE  1u  /* its current vCPU is charged up to now, and `charge_told` says so */
#define CPU_CONSOLE 2u  /* core 0's: a source has written an unfinished line */
#define CPU_TRACE   4u  /* its trace ring is frozen: when it has taken this, it records no more */
#define CPU_TURN    8u  /* `turn_told` says up to which virtual time a vCPU that came would run at once */
#define CPU_LOOK    16u /* a core is idle to which one that waits here may go: it looks at them now */

void vcpu_send(struct vcpu *vcpu, uint32_t request);

/*
 * Sends the vCPU itself to another core, with VCPU_ARRIVE. Nobody has it: its `cpu` is NULL. A message that
 * went to the core it comes from is forwarded by that one, which finds that it is not for itself.
 */
void vcpu_send_off(struct vcpu *vcpu, struct cpu *to);
void vcpu_forward(struct vcpu *vcpu);

void cpu_send(struct cpu *cpu, uint32_t request);

#endif
