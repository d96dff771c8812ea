// SPDX-License-Identifier: Apache-2.0
/*
 * A control loop: a cycle every period, by the virtual timer, which says in the memory of link 0 how many
 * there were and how late they began, and rings when a second of them is over. Boot argument: period-us=N
 * (1000).
 */
#include "bare.h"

/* Words of the link's memory; examples/io/watch-control.c reads them. */
enum { CYCLES, LAST_NS, WORST_NS /* of the last second */ };

#define SECOND_US 1000000u

static void take_interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    write_sysreg(CNTV_CTL_EL0, 0);
    gic_end(intid);
}

/*
 * Interrupts are masked: one that is pending ends the wait, and is taken then. It may be an earlier one,
 * which switches the timer off.
 */
static uint64_t wait_until(uint64_t deadline)
{
    uint64_t now;

    write_sysreg(CNTV_CVAL_EL0, deadline);
    while ((now = now_virtual()) < deadline) {
        write_sysreg(CNTV_CTL_EL0, 1);
        wfi();
        now = now_virtual();
        irq_enable();
        irq_disable();
        if (now >= deadline)
            break;
    }
    return now;
}

void guest_main(void)
{
    uint64_t period_us = option_number("period-us", 1000), period = microseconds(period_us);
    uint64_t deadline = now_virtual();
    uint32_t cycles = 0, worst = 0;
    struct link link;

    if (period == 0 || !link_open(0, &link)) {
        result(false, "link", ": not in the tree\n");
        return;
    }
    on_irq = take_interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (;;) {
        uint32_t late_ns;

        deadline += period;
        late_ns = (uint32_t)((wait_until(deadline) - deadline) * 1000 / microseconds(1));
        worst = late_ns > worst ? late_ns : worst;
        link.memory[LAST_NS] = late_ns;
        link.memory[CYCLES] = ++cycles;
        if (cycles % (SECOND_US / period_us) == 0) {
            link.memory[WORST_NS] = worst;
            worst = 0;
            link_ring(&link);
        }
    }
}
