/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's clocks and the counter. */
#ifndef ONTIME_CLOCK_H
#define ONTIME_CLOCK_H

#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <asm/arch_timer.h>

/* Reads the counter without a barrier, so the CPU may read it a few instructions early. */
static __always_inline u64 counter(void)
{
    return read_sysreg(cntvct_el0);
}

/* Rounds up. Nothing overflows for 292 years, the range of ktime_t, with a counter of up to 1 GHz. */
static inline u64 ns_to_ticks(u64 ns)
{
    u64 hz = arch_timer_get_cntfrq();
    u64 rest = ns % NSEC_PER_SEC * hz;

    return ns / NSEC_PER_SEC * hz + DIV_ROUND_UP_ULL(rest, NSEC_PER_SEC);
}

/*
 * The value that the counter will have when the clock of `base` shows `time`; the counter's present value, if
 * `time` has passed. Counter and clock are read in one snapshot, so losing the CPU in between does no harm.
 * The result is never early, and at most a tick late, unless the clock's rate is adjusted before `time`.
 */
static inline u64 counter_at(ktime_t time, const struct hrtimer_clock_base *base)
{
    struct system_time_snapshot now;
    s64 ahead;

    ktime_get_snapshot(&now);
    ahead = ktime_sub(ktime_sub(time, base->offset), ktime_sub(now.real, ktime_mono_to_real(0)));
    return now.cycles + (ahead > 0 ? ns_to_ticks(ahead) : 0);
}

#endif
