// SPDX-License-Identifier: Apache-2.0
/*
 * Makes Ontime do whatever takes it longest without preemption, for bench/longest-path. Several such guests
 * do the same at the same time: all deadlines at one instant, switches with every interrupt pending, writes
 * to the distributor that change every interrupt, unfinished lines that the console has to write out
 * together. Boot arguments: rounds=N; deadlines=N, in each round; observer: the guest also marks, and dumps
 * the trace.
 */
#include "bare.h"
#include "ontime/abi.h"

#define LINE       255 /* one character less than the longest line of the console */
#define CTL_ENABLE 1u

static volatile unsigned interrupts;

static void timer_interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    write_sysreg(CNTV_CTL_EL0, 0);
    interrupts++;
    if (intid != GIC_SPURIOUS)
        gic_end(intid);
}

/* The guests share the counter, so this is the same instant in all of them. */
static uint64_t next_instant(void)
{
    uint64_t period = microseconds(100000);

    return (now_virtual() / period + 2) * period;
}

/* All SPIs and all SGIs. */
static void set_all(enum gic_bits which)
{
    mmio_write(gic_frame(32) + which + 4, UINT32_MAX);
    mmio_write(gic_frame(0) + which, UINT16_MAX);
}

static void arm_all(uint64_t deadline)
{
    uint64_t count = option_number("deadlines", ONTIME_DEADLINES);

    for (uint64_t id = 0; id < count; id++)
        (void)call(ONTIME_CALL_ARM, deadline, id, 0);
}

static void unfinished_line(void)
{
    for (unsigned i = 0; i < LINE; i++)
        mmio_write(GUEST_UART_BASE + UART_DR, 'x');
}

static void sleep_until(uint64_t deadline)
{
    unsigned before = interrupts;

    write_sysreg(CNTV_CVAL_EL0, deadline);
    write_sysreg(CNTV_CTL_EL0, CTL_ENABLE);
    while (interrupts == before) {
        wfi();
        irq_enable();
        irq_disable();
    }
}

/* Computes with all interrupts pending, so that they are when the vCPU is switched out and in. */
static void be_busy_until(uint64_t deadline)
{
    set_all(GIC_SET_PENDING);
    set_all(GIC_ENABLE);
    while (now_virtual() < deadline + microseconds(1000))
        ;
    set_all(GIC_DISABLE);
    set_all(GIC_CLEAR_PENDING);
}

static void observe(uint32_t mark)
{
    uint64_t cursor = 0;

    (void)call(ONTIME_CALL_MARK, mark, 0, 0);
    do
        cursor = call(ONTIME_CALL_TRACE, cursor, 0, 0).x[1];
    while (cursor != 0);
}

void guest_main(void)
{
    uint64_t rounds = option_number("rounds", 4);

    on_irq = timer_interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t deadline = next_instant();

        arm_all(deadline);
        if (round % 2 == 0)
            unfinished_line();
        if (option("observer"))
            observe((uint32_t)round);
        if (round % 2 == 0)
            sleep_until(deadline);
        else
            be_busy_until(deadline);
        (void)call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0);
    }
    print("\n");
    result(interrupts != 0, "longest", ": no timer interrupt\n");
}
