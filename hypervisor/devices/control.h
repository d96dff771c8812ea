/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a VM with `control`: what it sees of the others, and asks of them. See control.c. */
#ifndef DEVICES_CONTROL_H
#define DEVICES_CONTROL_H

#include <stdint.h>
#include "vm/vcpu.h"

struct trace_ring;
struct vuart;

/* What one vCPU has asked for, while that is its `work`. */
struct control {
    uint8_t *page; /* of the caller's RAM, in host memory */

    /* VCPU_INFO: of whom; and since when its time is to be charged. */
    const struct vcpu *about;
    uint64_t since; /* ticks */

    /* CONSOLE_READ and TRACE_READ: from which of the two; what is being copied, in its units. */
    const struct vuart *history;    /* bytes */
    const struct trace_ring *trace; /* records; NULL: `history` it is */
    uint64_t first;
    unsigned count, done;

    /* CONSOLE_WRITE: to whom; `count` and `done` are bytes. */
    struct vuart *typed_to;
};

/*
 * Carries out the call `number`, of ONTIME_CALL_VM_INFO to ONTIME_CALL_TRACE_READ, with its arguments in
 * x[1] to x[4]. Returns what is to be x0. What takes longer is begun: then the vCPU goes on when it is done,
 * with the results in its registers.
 */
int64_t control_call(struct vcpu *vcpu, uint32_t number, uint64_t *x);

#endif
