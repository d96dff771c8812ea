// SPDX-License-Identifier: Apache-2.0
/*
 * A guest of several CPUs that is never up for long. Each time its first CPU switches the others on; all of
 * them send SGIs to each other, switch each other on, and off again, until one asks for a reset: which, and
 * when, differs from time to time, and often two ask at once. Boot arguments: cpus=N (2), up-us=N, how long
 * it is up at most (3000).
 */
#include <stdatomic.h>
#include "bare.h"

#define SGI 3

static unsigned cpus;
static uint64_t end;
static unsigned one, another; /* those who reset */
static atomic_uint taken[MAX_CPUS];

static void take(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_VIRTUAL_TIMER) /* again, as it may come between the look at the time and WFI */
        write_sysreg(CNTV_CVAL_EL0, now_virtual() + microseconds(1000));
    atomic_fetch_add(&taken[cpu_number()], 1);
    gic_end(intid);
}

static void be_busy(unsigned cpu)
{
    unsigned round = cpu;

    gic_enable(SGI);
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    write_sysreg(CNTV_CVAL_EL0, end);
    write_sysreg(CNTV_CTL_EL0, 1);
    irq_enable();
    while (now_virtual() < end) {
        unsigned other = round++ % cpus;

        if (other != cpu)
            gic_send(other, SGI);
        if (round % 5 == 0)
            wfi();
        if (round % 7 == 0)
            (void)cpu_start(other, be_busy);
        if (round % 11 == 0 && cpu != 0 && cpu != one)
            return; /* off, until another CPU switches it on */
        work(100);
    }
    if (cpu == one || cpu == another)
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    while (cpu == 0 || cpu == one)
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

void guest_main(void)
{
    uint64_t chance = now_physical() >> 4;

    cpus = (unsigned)option_number("cpus", 2);
    end = now_virtual() + microseconds(option_number("up-us", 3000) * (chance % 8 + 1) / 8);
    one = (unsigned)(chance / 8 % cpus);
    another = (unsigned)(chance / 64 % cpus);
    on_irq = take;
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        (void)cpu_start(cpu, be_busy);
    be_busy(0);
}
