/* SPDX-License-Identifier: Apache-2.0 */
/* What an observer's calls MARK and TRACE write to the console, see observer.c. */
#ifndef DEVICES_OBSERVER_H
#define DEVICES_OBSERVER_H

#include <stddef.h>
#include <stdint.h>
#include "vm/vcpu.h"

#define OBSERVER_LINE 576 /* characters, with the final zero */

/* What one vCPU of an observer has asked for and is not yet written. */
struct observer {
    char line[OBSERVER_LINE]; /* the line in work */
    size_t length;
    bool complete; /* the line waits for room in the console */

    uint64_t cursor; /* TRACE: the line's */

    /* MARK: the next core whose vCPUs' time is to be noted. TRACE: the next one that is to stop recording. */
    unsigned core;

    /* MARK: its number, when it was called, and what each VM had run then. */
    uint32_t number;
    uint64_t counter;
    uint64_t run[SYSTEM_MAX_VMS];
    unsigned vm;    /* the line's */
    unsigned field; /* of the line: what comes next, from this vCPU on */
    unsigned vcpu;
    uint64_t value; /* the field's, of the vCPUs before */
};

/*
 * Begin what the calls ask for. The vCPU, which is of an observer, goes on when all is written; x1 is then
 * the next cursor of a TRACE.
 */
void observer_mark(struct vcpu *vcpu, uint32_t number);
void observer_trace(struct vcpu *vcpu, uint64_t cursor);

#endif
