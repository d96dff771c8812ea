// SPDX-License-Identifier: Apache-2.0
/*
 * Rings link 0 at random times, for the guest at the other end, which reads each ring (bench/guest/rings.c,
 * scenario D1 of `make bench`). ringer.h says how the two agree.
 */
#include "bare.h"
#include "ringer.h"

#define NS_PER_SECOND 1000000000u

static struct link link;

static void interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_VIRTUAL_TIMER)
        write_sysreg(CNTV_CTL_EL0, 0);
    gic_end(intid);
}

/* Interrupts are masked: one that is pending ends the wait, and is taken then. */
static void wait(void)
{
    wfi();
    irq_enable();
    irq_disable();
}

static void wait_for(uint64_t ticks)
{
    uint64_t until = now_virtual() + ticks;

    write_sysreg(CNTV_CVAL_EL0, until);
    write_sysreg(CNTV_CTL_EL0, 1);
    while (now_virtual() < until)
        wait();
}

static void ring_series(volatile struct ringer_memory *memory)
{
    uint64_t state = memory->seed;
    uint64_t hz = read_sysreg(CNTFRQ_EL0);

    for (uint32_t n = 0; n < memory->rings; n++) {
        while (memory->read != n)
            wait_for(microseconds(RINGER_LOOK_US));
        wait_for(ringer_random_ns(&state) * hz / NS_PER_SECOND);
        memory->stamp = now_virtual();
        __atomic_store_n(&memory->rung, n + 1, __ATOMIC_RELEASE);
        link_ring(&link);
    }
}

void guest_main(void)
{
    volatile struct ringer_memory *memory;
    uint32_t last = 0;

    on_irq = interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    if (!link_open(0, &link)) {
        result(false, "link", ": not in the tree\n");
        return;
    }
    memory = (volatile void *)link.memory;
    for (;;) {
        while (memory->seed == last)
            wait();
        last = memory->seed;
        ring_series(memory);
    }
}
