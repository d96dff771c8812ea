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

/* X(name, number, name in text): the types, ONTIME_TRACE_SWITCH and so on. */
#define ONTIME_TRACE_TYPES(X)                                                                                \
    X(SWITCH, 1, "switch") /* the core goes to vcpu; arg: the vCPU it leaves */                              \
    X(EXIT, 2, "exit")     /* vcpu came to EL2; arg: ESR_EL2.EC, or 0x100 + INTID of a physical interrupt */ \
    X(TIMER_ARMED, 3, "timer-armed")         /* the guest armed a deadline; arg: ticks ahead, 0 when past */ \
    X(TIMER_CANCELLED, 4, "timer-cancelled") /* the guest cancelled a deadline; arg: its id */               \
    X(TIMER_FIRED, 5, "timer-fired") /* a deadline's interrupt is handled; arg: ticks since the deadline */  \
    X(TIMER_ENTERED, 6, "timer-entered") /* the guest is entered for it; arg: ticks since the deadline */    \
    X(WARP_BEGIN, 7, "warp-begin")                                                                           \
    X(WARP_END, 8, "warp-end")          /* arg: enum ontime_warp_end */                                      \
    X(WARP_DENIED, 9, "warp-denied")    /* a deadline's warp did not put vcpu first */                       \
    X(VCPU_BLOCKED, 10, "vcpu-blocked") /* WFI, nothing pending; arg: ticks to its timer, ARG_MAX if none */ \
    X(VCPU_WOKEN, 11, "vcpu-woken")                                                                          \
    X(GUEST_TIMER, 12, "guest-timer") /* the guest's own timer becomes pending; arg: ticks since its CVAL */ \
    X(TICK, 13, "tick")               /* the hypervisor's periodic tick */                                   \
    X(MARK, 14, "mark")               /* arg: the mark's number */                                           \
    X(TIMER_IN_PLACE, 15, "timer-in-place") /* a deadline passed while vcpu ran; arg: ticks since */

/* The same of the reasons for which a warp ends, ONTIME_WARP_END_DONE and so on. */
#define ONTIME_WARP_ENDS(X)                                                                                  \
    X(DONE, 0, "done")       /* the guest said done */                                                       \
    X(BLOCKED, 1, "blocked") /* the vCPU idled */                                                            \
    X(LIMIT, 2, "limit")     /* L was used up */                                                             \
    X(RESET, 3, "reset")     /* the VM was reset or switched off */

#define ONTIME_TRACE_ENUMERATOR(name, number, text) ONTIME_TRACE_##name = (number),
#define ONTIME_WARP_ENUMERATOR(name, number, text)  ONTIME_WARP_END_##name = (number),
enum ontime_trace_type { ONTIME_TRACE_TYPES(ONTIME_TRACE_ENUMERATOR) };
enum ontime_warp_end { ONTIME_WARP_ENDS(ONTIME_WARP_ENUMERATOR) };
#undef ONTIME_TRACE_ENUMERATOR
#undef ONTIME_WARP_ENUMERATOR

#endif
