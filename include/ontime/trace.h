/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace: a ring of fixed-size records per core, oldest overwritten first.
 *
 * A dump on the console is a run of Ontime's own lines:
 *
 *   [ontime] trace begin version=1 cpu=C hz=H records=N lost=M
 *   [ontime] trace vcpu ID NAME.INDEX           one for each vCPU
 *   [ontime] trace data BASE64                  little-endian records, oldest first; each line whole records
 *   [ontime] trace end
 */
#ifndef ONTIME_TRACE_H
#define ONTIME_TRACE_H

#include <stdint.h>

#define ONTIME_TRACE_VERSION 1
#define ONTIME_TRACE_IDLE    0xFFFF      /* the vcpu field where no vCPU is meant: the idle core */
#define ONTIME_TRACE_ARG_MAX 0xFFFFFFFFu /* an argument in ticks that does not fit is stored as this */

struct ontime_trace_record {
    uint64_t counter; /* physical counter (CNTPCT) */
    uint32_t arg;     /* by type, see below */
    uint16_t vcpu;    /* the vCPU it is about, or ONTIME_TRACE_IDLE */
    uint16_t type;    /* enum ontime_trace_type */
};

enum ontime_trace_type {
    ONTIME_TRACE_SWITCH = 1, /* the core goes to vcpu; arg: the vCPU it leaves */
    ONTIME_TRACE_EXIT = 2,   /* vcpu trapped; arg: ESR_EL2.EC, or 0x100 + INTID for a physical interrupt */
    ONTIME_TRACE_TIMER_ARMED = 3,     /* a deadline armed by the guest; arg: ticks ahead (0: past) */
    ONTIME_TRACE_TIMER_CANCELLED = 4, /* arg: id */
    ONTIME_TRACE_TIMER_FIRED = 5,     /* the deadline's interrupt is handled; arg: ticks after the deadline */
    ONTIME_TRACE_TIMER_ENTERED = 6,   /* the guest is entered for it; arg: ticks after the deadline */
    ONTIME_TRACE_WARP_BEGIN = 7,
    ONTIME_TRACE_WARP_END = 8, /* arg: enum ontime_warp_end */
    ONTIME_TRACE_WARP_DENIED = 9,
    ONTIME_TRACE_VCPU_BLOCKED = 10, /* WFI with nothing pending; arg: ticks to its timer, ARG_MAX when none */
    ONTIME_TRACE_VCPU_WOKEN = 11,
    ONTIME_TRACE_GUEST_TIMER = 12,    /* the guest's own timer interrupt is made pending; arg: ticks late */
    ONTIME_TRACE_TICK = 13,           /* the hypervisor's periodic tick */
    ONTIME_TRACE_TIMER_IN_PLACE = 15, /* a deadline passed while its vCPU had the CPU; arg: ticks since */
    ONTIME_TRACE_MARK = 14,           /* arg: the mark's number */
};

enum ontime_warp_end {
    ONTIME_WARP_END_DONE = 0,    /* the guest said done */
    ONTIME_WARP_END_BLOCKED = 1, /* the vCPU idled */
    ONTIME_WARP_END_LIMIT = 2,   /* L was used up */
    ONTIME_WARP_END_RESET = 3,   /* the VM was reset or switched off */
};

#endif
