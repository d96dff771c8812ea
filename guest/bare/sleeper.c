// SPDX-License-Identifier: Apache-2.0
/*
 * Sleeps thousands of times, each time until a timer's interrupt, and checks that no sleep ends early. It
 * waits with interrupts masked, as Linux's idle loop does. It also checks that it reads from the timer's
 * registers what it wrote there. Boot arguments:
 *
 *   sleeps=N    how many sleeps (1000)
 *   max-us=N    the longest sleep (20000); lengths are random, from 0 to this
 *   seed=N      chooses the random numbers
 *   physical    uses the physical timer, interrupt 30; else the virtual one, interrupt 27
 *   precise     tells Ontime of each deadline by calls, before the sleep and after it
 *   page        the same by the deadline page
 *   busy        computes while it sleeps, so that the guest never idles
 *   done-us=N   checks that it has the core again N us after each DONE, which it calls with interrupts masked
 *   phase-ms=N, phases=N    sleeps for N phases of that length (bare.h), whatever `sleeps` says
 *
 * After each phase it prints a line with the lateness, the work done, and the CPU time that Ontime counted
 * for it, in ticks: `phase P n N min-ns N mean-ns N p50-ns N p99-ns N max-ns N early N work N run N`.
 * Lateness is the time from a deadline to the first reading of the counter in the interrupt's handler.
 */
#include "bare.h"
#include "stats.h"
#include "ontime/abi.h"

#define CTL_ENABLE  1u
#define CTL_MASK    2u
#define CTL_PENDING 4u

#define WORK_STEPS 200u

enum say { SAY_NOTHING, SAY_BY_CALL, SAY_BY_PAGE };

static bool physical, busy;
static enum say say;
static uint64_t worked, done_max;
static struct stats lateness;
static volatile unsigned interrupts;
static volatile uint64_t woken_at; /* read from the counter that belongs to the timer */
static volatile uint64_t seen_ctl, seen_cval;
static unsigned spurious, wrong_ctl, wrong_cval, extra_interrupts;

static uint64_t now(void)
{
    return physical ? now_physical() : now_virtual();
}

static void timer_set(uint64_t deadline, unsigned control)
{
    if (physical) {
        write_sysreg(CNTP_CVAL_EL0, deadline);
        write_sysreg(CNTP_CTL_EL0, control);
    } else {
        write_sysreg(CNTV_CVAL_EL0, deadline);
        write_sysreg(CNTV_CTL_EL0, control);
    }
}

static uint64_t timer_control(void)
{
    return physical ? read_sysreg(CNTP_CTL_EL0) : read_sysreg(CNTV_CTL_EL0);
}

static uint64_t timer_deadline(void)
{
    return physical ? read_sysreg(CNTP_CVAL_EL0) : read_sysreg(CNTV_CVAL_EL0);
}

static void timer_interrupt(void)
{
    uint64_t at = now();
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS) {
        spurious++;
        return;
    }
    woken_at = at;
    seen_ctl = timer_control();
    seen_cval = timer_deadline();
    timer_set(UINT64_MAX, 0);
    interrupts++;
    gic_end(intid);
}

static void wait_busy(unsigned before)
{
    irq_enable();
    while (interrupts == before) {
        work(WORK_STEPS);
        worked++;
    }
    irq_disable();
}

/*
 * Interrupts are masked between the check and the WFI. If one were taken there, nothing would be left to end
 * the WFI.
 */
static void wait_idle(unsigned before)
{
    while (interrupts == before) {
        wfi();
        irq_enable();
        irq_disable();
    }
}

static void say_deadline(uint64_t deadline)
{
    if (say == SAY_BY_PAGE)
        deadline_page.deadline = deadline;
    else if (say == SAY_BY_CALL)
        (void)quick_call(ONTIME_CALL_ARM, deadline, 0);
}

static void say_done(void)
{
    if (say == SAY_BY_PAGE)
        deadline_page.deadline = ONTIME_NO_DEADLINE;
    uint64_t begin = now();
    if (say == SAY_BY_CALL || (say == SAY_BY_PAGE && deadline_page.warped != 0))
        (void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0);
    uint64_t took = now() - begin;
    done_max = took > done_max ? took : done_max;
}

/* Sleeps until `deadline`; returns the time at which the sleep ended. */
static uint64_t sleep_until(uint64_t deadline)
{
    unsigned before = interrupts;

    say_deadline(deadline);
    timer_set(deadline, CTL_ENABLE);
    if (busy)
        wait_busy(before);
    else
        wait_idle(before);
    say_done();
    extra_interrupts += interrupts - before - 1;
    wrong_ctl += seen_ctl != (CTL_ENABLE | CTL_PENDING);
    wrong_cval += seen_cval != deadline;
    return woken_at;
}

static uint64_t to_us(uint64_t ticks)
{
    return ticks * 1000000 / read_sysreg(CNTFRQ_EL0);
}

static void check_sleeps(void)
{
    uint64_t count = option_number("sleeps", 1000);
    uint64_t range = microseconds(option_number("max-us", 20000)) + 1;
    uint64_t early = 0, late_sum = 0, late_max = 0;
    uint64_t offset = now_physical() - now_virtual();
    bool offset_kept = true;

    for (uint64_t n = 0; n < count; n++) {
        uint64_t deadline = now() + random_below(range);
        uint64_t woken = sleep_until(deadline);
        early += woken < deadline;
        late_sum += woken - deadline;
        late_max = woken - deadline > late_max ? woken - deadline : late_max;
        uint64_t drift = now_physical() - now_virtual() - offset;
        offset_kept = offset_kept && drift + microseconds(1000) < microseconds(2000);
    }
    expect_equal("never-early", early, 0);
    expect_equal("timer-control-is-the-guests", wrong_ctl, 0);
    expect_equal("timer-deadline-is-the-guests", wrong_cval, 0);
    expect_equal("one-interrupt-each", extra_interrupts, 0);
    result(offset_kept, "virtual-time-is-real-time", ": CNTPCT and CNTVCT drift apart\n");
    uint64_t done_limit = option_number("done-us", UINT64_MAX);
    result(to_us(done_max) <= done_limit, "core-kept-at-done", ": lost for %lu us\n", to_us(done_max));
    print("sleeps %lu mean-us %lu max-us %lu spurious %u\n", count, to_us(count != 0 ? late_sum / count : 0),
          to_us(late_max), spurious);
}

/* Interrupts stay masked from reading the clock until the timer is set, as in any kernel. */
static uint64_t sleep_in_phase(uint64_t range)
{
    uint64_t deadline = now() + random_below(range);
    uint64_t woken = sleep_until(deadline);

    stats_add(&lateness, woken > deadline ? woken - deadline : 0);
    return woken < deadline;
}

static void check_phase(uint64_t length)
{
    uint64_t range = microseconds(option_number("max-us", 20000)) + 1;
    uint64_t phase = phase_now(length);
    uint64_t worked_before = worked, run = ontime_stat(ONTIME_STAT_RUN_TICKS);
    uint64_t early = 0;

    stats_clear(&lateness);
    while (phase_now(length) == phase)
        early += sleep_in_phase(range);
    worked_before = worked - worked_before;
    run = ontime_stat(ONTIME_STAT_RUN_TICKS) - run;
    struct summary summary = stats_summary(&lateness, 1, 0);
    print("phase %lu ", phase);
    stats_print(&summary);
    print(" early %lu work %lu run %lu\n", early, worked_before, run);
    expect_equal("never-early", early, 0);
    expect_equal("all-kept", summary.lost, 0);
}

static void check_phases(void)
{
    uint64_t length = microseconds(1000 * option_number("phase-ms", 1000));

    for (uint64_t n = option_number("phases", 0); n > 0; n--)
        check_phase(length);
    expect_equal("timer-control-is-the-guests", wrong_ctl, 0);
    expect_equal("timer-deadline-is-the-guests", wrong_cval, 0);
    expect_equal("one-interrupt-each", extra_interrupts, 0);
}

/*
 * A timer that is set anew while it is awaited does not interrupt at its old time. One that is masked or
 * disabled does not interrupt at all.
 */
static void check_moved(void)
{
    uint64_t begin = now();

    timer_set(begin + microseconds(2000), CTL_ENABLE);
    spin(microseconds(500));
    uint64_t later = begin + microseconds(30000);
    result(sleep_until(later) >= later, "moved-deadline", ": served early\n");

    unsigned before = interrupts;
    timer_set(now(), CTL_ENABLE | CTL_MASK);
    irq_enable();
    spin(microseconds(1000));
    expect_equal("masked-timer-silent", interrupts, before);
    expect_equal("masked-timer-reads-pending", timer_control(), CTL_ENABLE | CTL_MASK | CTL_PENDING);
    timer_set(timer_deadline(), 0);
    spin(microseconds(1000));
    irq_disable();
    expect_equal("disabled-timer-silent", interrupts, before);
}

static void check_past(void)
{
    result(sleep_until(now()) != 0, "deadline-now", ": -\n");
    result(sleep_until(0) != 0, "deadline-zero", ": -\n");
    expect_equal("timer-off-reads-off", timer_control() & CTL_ENABLE, 0);
}

void guest_main(void)
{
    physical = option("physical");
    busy = option("busy");
    say = option("page") ? SAY_BY_PAGE : option("precise") ? SAY_BY_CALL : SAY_NOTHING;
    if (say == SAY_BY_PAGE)
        result(page_offer(), "page", ": Ontime does not take it\n");
    on_irq = timer_interrupt;
    gic_enable(physical ? GUEST_INTID_PHYSICAL_TIMER : GUEST_INTID_VIRTUAL_TIMER);
    check_past();
    check_moved();
    if (option("phases"))
        check_phases();
    else
        check_sleeps();
}
