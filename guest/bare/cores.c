// SPDX-License-Identifier: Apache-2.0
/*
 * What several cores do at once, by the counter: how fast they compute, how long an SGI takes from one core
 * to another, and a timer to its handler. It runs on QEMU's machine, where it shows what time is while cores
 * take turns.
 *
 * Boot arguments: cpus=N, how many cores (2); samples=N, of each kind (1000).
 *
 * For each figure it prints a line, with the figures of stats.h where there are three points:
 *
 *   rate busy K core I ps X   K cores begin to compute at one instant; on core I an instruction took X ps
 *
 *   sgi busy|waits core I ...   core 0 sends, core I computes, or is in WFI: until core I's handler
 *
 *   timer busy|waits beside K core I ...   from CVAL to the handler, on each of K cores that compute at once,
 *   or in WFI on core I beside K that compute. All but core 0 are in WFI when K is 1, and there are 16 times
 *   as many samples then.
 */
#include <stdatomic.h>
#include "bare.h"
#include "stats.h"

#define SGI_ORDER    1u
#define SGI_PROBE    2u
#define INSTRUCTIONS UINT64_C(1000000)
#define STEP         20u /* what a busy core computes between two looks at whether it is to end */

static unsigned cpus;
static uint64_t samples;
static void (*_Atomic jobs[MAX_CPUS])(unsigned cpu);
static atomic_bool stop;
static atomic_ulong start_at;
static uint64_t elapsed[MAX_CPUS];
static atomic_ulong handled_at[MAX_CPUS];
static bool timers_wait;
static struct stats figures[MAX_CPUS];

/* Two instructions a step, so INSTRUCTIONS of them and one more. */
static void compute(void)
{
    uint64_t steps = INSTRUCTIONS / 2;

    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(steps) : : "cc");
}

static void handle(void)
{
    uint64_t now = now_virtual();
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_VIRTUAL_TIMER)
        write_sysreg(CNTV_CTL_EL0, 0);
    if (intid != SGI_ORDER)
        atomic_store(&handled_at[cpu_number()], now);
    gic_end(intid);
}

static void serve(unsigned cpu)
{
    gic_enable(SGI_ORDER);
    gic_enable(SGI_PROBE);
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (;;) {
        void (*job)(unsigned) = atomic_load(&jobs[cpu]);

        if (job == NULL) {
            wfi();
            irq_enable();
            irq_disable();
            continue;
        }
        irq_enable();
        job(cpu);
        irq_disable();
        atomic_store(&jobs[cpu], NULL);
    }
}

static void give(unsigned cpu, void (*job)(unsigned cpu))
{
    atomic_store(&jobs[cpu], job);
    gic_send(cpu, SGI_ORDER);
}

static void wait_for(unsigned cpu)
{
    while (atomic_load(&jobs[cpu]) != NULL) {
    }
}

/* ---- jobs */

static void be_busy(unsigned cpu)
{
    (void)cpu;
    while (!atomic_load(&stop))
        work(STEP);
}

static void time_computing(unsigned cpu)
{
    while (now_virtual() < atomic_load(&start_at)) {
    }
    compute();
    elapsed[cpu] = now_virtual() - atomic_load(&start_at);
}

static void time_timers(unsigned cpu)
{
    uint64_t random = cpu + 1;

    stats_clear(&figures[cpu]);
    for (uint64_t i = 0; i < samples; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t deadline = now_virtual() + microseconds(5) + (random >> 33) % microseconds(50);

        atomic_store(&handled_at[cpu], 0);
        write_sysreg(CNTV_CVAL_EL0, deadline);
        write_sysreg(CNTV_CTL_EL0, 1);
        while (atomic_load(&handled_at[cpu]) == 0) {
            if (timers_wait) {
                irq_disable();
                if (atomic_load(&handled_at[cpu]) == 0)
                    wfi();
                irq_enable();
            }
        }
        stats_add(&figures[cpu], atomic_load(&handled_at[cpu]) - deadline);
    }
}

/* ---- what is measured */

static void show(const char *what, const char *how, unsigned beside, unsigned cpu)
{
    struct summary summary = stats_summary(&figures[cpu], 1, 0);

    print("%s %s beside %u core %u ", what, how, beside, cpu);
    stats_print(&summary);
    print("\n");
}

static void measure_rate(unsigned busy)
{
    atomic_store(&start_at, now_virtual() + microseconds(200));
    for (unsigned cpu = 1; cpu < busy; cpu++)
        give(cpu, time_computing);
    time_computing(0);
    for (unsigned cpu = 1; cpu < busy; cpu++)
        wait_for(cpu);
    for (unsigned cpu = 0; cpu < busy; cpu++)
        print("rate busy %u core %u ps %lu\n", busy, cpu,
              elapsed[cpu] * (UINT64_C(1000000000000) / read_sysreg(CNTFRQ_EL0)) / INSTRUCTIONS);
}

/* The others than core 0 and `target` compute if the target does. */
static void measure_sgi(unsigned target, bool busy)
{
    atomic_store(&stop, false);
    for (unsigned cpu = 1; busy && cpu < cpus; cpu++)
        give(cpu, be_busy);
    spin(microseconds(100));
    stats_clear(&figures[target]);
    for (uint64_t i = 0; i < samples; i++) {
        spin(random_below(microseconds(20)));
        atomic_store(&handled_at[target], 0);
        uint64_t sent = now_virtual();
        gic_send(target, SGI_PROBE);
        while (atomic_load(&handled_at[target]) == 0) {
        }
        stats_add(&figures[target], atomic_load(&handled_at[target]) - sent);
    }
    atomic_store(&stop, true);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        wait_for(cpu);
    show("sgi", busy ? "busy" : "waits", busy ? cpus - 1 : 1, target);
}

static void measure_timers(void)
{
    timers_wait = false;
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        give(cpu, time_timers);
    irq_enable();
    time_timers(0);
    irq_disable();
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        wait_for(cpu);
    for (unsigned cpu = 0; cpu < cpus; cpu++)
        show("timer", "busy", cpus - 1, cpu);
}

static void measure_sleeper(unsigned sleeper)
{
    timers_wait = true;
    atomic_store(&stop, false);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        give(cpu, cpu == sleeper ? time_timers : be_busy);
    wait_for(sleeper); /* core 0 is busy with it */
    atomic_store(&stop, true);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        wait_for(cpu);
    show("timer", "waits", cpus - 1, sleeper);
}

/* Core 0 computes, and is alone when the others are all in WFI. That is so in the middle of a round now and
 * then. */
static void measure_sleepers(void)
{
    timers_wait = true;
    samples *= 16;
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        give(cpu, time_timers);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        wait_for(cpu);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        show("timer", "waits", 1, cpu);
}

void guest_main(void)
{
    cpus = (unsigned)option_number("cpus", 2);
    samples = option_number("samples", 1000);
    on_irq = handle;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        expect_equal("cpu-on", (uint64_t)cpu_start(cpu, serve), 0);
    spin(microseconds(1000));
    for (unsigned busy = 1; busy <= cpus; busy++)
        measure_rate(busy);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        measure_sgi(cpu, false);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        measure_sgi(cpu, true);
    measure_timers();
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        measure_sleeper(cpu);
    measure_sleepers();
    result(true, "measured", ": -\n");
}
