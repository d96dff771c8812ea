/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace: each core has a ring of fixed-size records, in which a new record overwrites the oldest.
 * docs/trace-format.md describes it.
 *
 * A dump of a core's ring is made of lines of Ontime's own on the console:
 *
 *   [ontime] trace begin version=1 cpu=C hz=H records=N lost=M
 *   [ontime] trace vcpu ID NAME.INDEX           one for each vCPU
 *   [ontime] trace data BASE64                  little-endian records, the oldest first; a line holds whole
 * records [ontime] trace end
 */
#ifndef ONTIME_TRACE_H
#define ONTIME_TRACE_H

#include <stdint.h>

#define ONTIME_TRACE_VERSION 1
#define ONTIME_TRACE_IDLE    0xFFFF /* in place of a vCPU's number: the core is idle, or no vCPU is meant */
#define ONTIME_TRACE_ARG_MAX 0xFFFFFFFFu /* stands for a time in ticks that does not fit into arg */

struct ontime_trace_record {
    uint64_t counter; /* the physical counter (CNTPCT_EL0), ticks */
    uint32_t arg;     /* its meaning depends on the type, see below */
    uint16_t vcpu;    /* the number of the vCPU that the record is about, or ONTIME_TRACE_IDLE */
    uint16_t type;    /* enum ontime_trace_type */
};

/*
 * The types of records, and what `arg` says in each. It is 0 where nothing is said of it.
 *
 *   SWITCH           The core goes to the vCPU. arg: the vCPU that it leaves, or ONTIME_TRACE_IDLE.
 *   EXIT             The vCPU came to EL2. arg: ESR_EL2.EC, or 0x100 + INTID for a physical interrupt.
 *   TIMER_ARMED      The guest armed a deadline by call. arg: ticks until the deadline, 0 when it is past.
 *   TIMER_CANCELLED  The guest cancelled a deadline by call. arg: the deadline's id.
 *   TIMER_FIRED      The comparator's interrupt for a deadline is handled. arg: ticks since the deadline, 0
 *                    when it is still to come.
 *   TIMER_IN_PLACE   A deadline passed, or is about to, while its vCPU had the CPU. arg: as for TIMER_FIRED.
 *   TIMER_ENTERED    The guest is entered for a deadline, or for an INTERRUPT. arg: as for that, or for
 *                    TIMER_FIRED.
 *   WARP_BEGIN       A warp of the vCPU begins.
 *   WARP_END         The warp ends. arg: the reason, enum ontime_warp_end.
 *   WARP_DENIED      A deadline did not put the vCPU first (ONTIME_STAT_WARPS_DENIED).
 *   VCPU_BLOCKED     The vCPU waits for an interrupt, and none is pending. arg: ticks until its timer
 *                    expires, ONTIME_TRACE_ARG_MAX when none is set.
 *   VCPU_WOKEN       The vCPU can run again.
 *   GUEST_TIMER      The interrupt of the guest's own timer becomes pending. arg: ticks since its CVAL.
 *   TICK             The hypervisor's periodic tick.
 *   VCPU_MOVED       The vCPU, which floats, leaves this core, where it waited. arg: the core it goes to,
 *                    where VCPU_WOKEN follows.
 *   INTERRUPT        An interrupt that warps has come for the vCPU. arg: ticks since then.
 *   MARK             The vCPU asked for a mark (ONTIME_CALL_MARK). arg: the mark's number.
 *
 * X(name, number, name in text): ONTIME_TRACE_SWITCH and so on.
 */
#define ONTIME_TRACE_TYPES(X)                                                                                \
    X(SWITCH, 1, "switch")                                                                                   \
    X(EXIT, 2, "exit")                                                                                       \
    X(TIMER_ARMED, 3, "timer-armed")                                                                         \
    X(TIMER_CANCELLED, 4, "timer-cancelled")                                                                 \
    X(TIMER_FIRED, 5, "timer-fired")                                                                         \
    X(TIMER_ENTERED, 6, "timer-entered")                                                                     \
    X(WARP_BEGIN, 7, "warp-begin")                                                                           \
    X(WARP_END, 8, "warp-end")                                                                               \
    X(WARP_DENIED, 9, "warp-denied")                                                                         \
    X(VCPU_BLOCKED, 10, "vcpu-blocked")                                                                      \
    X(VCPU_WOKEN, 11, "vcpu-woken")                                                                          \
    X(GUEST_TIMER, 12, "guest-timer")                                                                        \
    X(TICK, 13, "tick")                                                                                      \
    X(MARK, 14, "mark")                                                                                      \
    X(TIMER_IN_PLACE, 15, "timer-in-place")                                                                  \
    X(VCPU_MOVED, 16, "vcpu-moved")                                                                          \
    X(INTERRUPT, 17, "interrupt")

/*
 * The reasons for which a warp ends: ONTIME_WARP_END_DONE and so on. LIMIT: the CPU time was used that its
 * page says that the work needs, or that the scheduler allows.
 */
#define ONTIME_WARP_ENDS(X)                                                                                  \
    X(DONE, 0, "done")       /* the guest called DONE */                                                     \
    X(BLOCKED, 1, "blocked") /* the vCPU waited for an interrupt */                                          \
    X(LIMIT, 2, "limit")     /* the warp's CPU time was used up */                                           \
    X(RESET, 3, "reset")     /* the vCPU was switched off, or its VM was reset or switched off */            \
    X(MOVED, 4, "moved")     /* the vCPU went to another core, where a new warp begins */

#define ONTIME_TRACE_ENUMERATOR(name, number, text) ONTIME_TRACE_##name = (number),
#define ONTIME_WARP_ENUMERATOR(name, number, text)  ONTIME_WARP_END_##name = (number),
enum ontime_trace_type { ONTIME_TRACE_TYPES(ONTIME_TRACE_ENUMERATOR) };
enum ontime_warp_end { ONTIME_WARP_ENDS(ONTIME_WARP_ENUMERATOR) };
#undef ONTIME_TRACE_ENUMERATOR
#undef ONTIME_WARP_ENUMERATOR

#endif
