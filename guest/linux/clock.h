/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's clocks and the counter. */
#ifndef ONTIME_CLOCK_H
#define ONTIME_CLOCK_H

#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <asm/arch_timer.h>

/* Without a barrier: it may be read a little before it is its turn. */
static __always_inline u64 counter(void)
{
    return read_sysreg(cntvct_el0);
}

/* Rounded up, and exact: the products fit 64 bits for 292 years and a counter of 1 GHz. */
static inline u64 ns_to_ticks(u64 ns)
{
    u64 hz = arch_timer_get_cntfrq();
    u64 rest = ns % NSEC_PER_SEC * hz;

    return ns / NSEC_PER_SEC * hz + DIV_ROUND_UP_ULL(rest, NSEC_PER_SEC);
}

/*
 * What the counter will be when a clock shows a time; now, when that has passed. From one reading of counter
 * and clock, so it does no harm to lose the CPU in between. Never before the time, and at most a tick after
 * it, but for what the clock's rate is adjusted by until then.
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
