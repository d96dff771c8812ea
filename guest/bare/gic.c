// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of the interrupt controller: SGIs, priorities and masks; pending and active bits, both what the
 * registers read and what they cause; more interrupts at once than a virtual GIC has list registers; both EOI
 * modes; the timers; a level-sensitive SPI.
 */
#include "bare.h"

#define SGIS 16u

static volatile unsigned counts[64];
static volatile uint32_t order[64]; /* the INTIDs, in the order in which they were acknowledged */
static volatile unsigned acknowledged;
static volatile unsigned spurious;

static void forget(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
        counts[i] = 0;
    acknowledged = spurious = 0;
}

static uint32_t take(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid >= ARRAY_SIZE(counts)) {
        spurious++;
        return intid;
    }
    counts[intid]++;
    if (acknowledged < ARRAY_SIZE(order))
        order[acknowledged++] = intid;
    return intid;
}

static void count_and_end(void)
{
    uint32_t intid = take();

    if (intid < ARRAY_SIZE(counts))
        gic_end(intid);
}

/* Unmasks interrupts for a moment. */
static void open_window(void)
{
    irq_enable();
    spin(microseconds(50));
    irq_disable();
}

static void check_self_sgi(void)
{
    forget();
    gic_send(0, 1);
    expect_equal("masked-by-daif", counts[1], 0);
    result(gic_test(1, GIC_SET_PENDING), "sgi-reads-pending", ": it does not\n");
    open_window();
    expect_equal("sgi", counts[1], 1);
    result(!gic_test(1, GIC_SET_PENDING), "sgi-no-longer-pending", ": it is\n");
    gic_send(0, 1);
    gic_send(0, 1);
    open_window();
    expect_equal("sgi-twice-is-one", counts[1], 2);
}

static void check_enable(void)
{
    forget();
    gic_set(2, GIC_DISABLE);
    result(!gic_test(2, GIC_ENABLE) && !gic_test(2, GIC_DISABLE), "disabled-reads-so", ": -\n");
    gic_send(0, 2);
    open_window();
    expect_equal("disabled-is-silent", counts[2], 0);
    result(gic_test(2, GIC_SET_PENDING) && gic_test(2, GIC_CLEAR_PENDING), "disabled-stays-pending", ": -\n");
    gic_set(2, GIC_ENABLE);
    result(gic_test(2, GIC_ENABLE) && gic_test(2, GIC_DISABLE), "enabled-reads-so", ": -\n");
    open_window();
    expect_equal("enabled-comes", counts[2], 1);
}

static void check_pending_registers(void)
{
    forget();
    gic_set(3, GIC_SET_PENDING);
    result(gic_test(3, GIC_SET_PENDING), "set-pending-reads-so", ": -\n");
    gic_set(3, GIC_CLEAR_PENDING);
    result(!gic_test(3, GIC_SET_PENDING), "clear-pending-reads-so", ": -\n");
    open_window();
    expect_equal("cleared-is-silent", counts[3], 0);
    gic_set(3, GIC_SET_PENDING);
    open_window();
    expect_equal("set-pending-comes", counts[3], 1);
    gic_send(0, 3);
    gic_set(3, GIC_CLEAR_PENDING);
    open_window();
    expect_equal("sgi-cleared-is-silent", counts[3], 1);
}

static void check_active_registers(void)
{
    forget();
    gic_set(4, GIC_SET_ACTIVE);
    result(gic_test(4, GIC_SET_ACTIVE) && gic_test(4, GIC_CLEAR_ACTIVE), "set-active-reads-so", ": -\n");
    gic_send(0, 4);
    open_window();
    expect_equal("active-is-silent", counts[4], 0);
    gic_set(4, GIC_CLEAR_ACTIVE);
    result(!gic_test(4, GIC_SET_ACTIVE), "clear-active-reads-so", ": -\n");
    open_window();
    expect_equal("no-longer-active-comes", counts[4], 1);
}

static void check_mask(void)
{
    forget();
    gic_priority(5, 0x80);
    gic_priority(6, 0x40);
    expect_equal("priority-reads-back", (uint64_t)gic_get_priority(5) << 8 | gic_get_priority(6), 0x8040);
    gic_mask(0x80);
    gic_send(0, 5);
    gic_send(0, 6);
    open_window();
    expect_equal("masked-by-priority", counts[5], 0);
    expect_equal("above-the-mask", counts[6], 1);
    gic_mask(0);
    gic_send(0, 6);
    open_window();
    expect_equal("all-masked", counts[6], 1);
    gic_mask(0xFF);
    open_window();
    expect_equal("unmasked-comes", counts[5] << 8 | counts[6], 0x102);
    gic_priority(5, 0xA0);
    gic_priority(6, 0xA0);
}

/* All SGIs at once. First the highest number has the highest priority, then all have the same. */
static void check_many(void)
{
    bool ordered = true;
    unsigned wrong = 0;

    forget();
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_priority(sgi, (uint8_t)(0xF0 - 8 * (sgi + 1)));
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_send(0, sgi);
    expect_equal("many-pending", mmio_read(gic_frame(0) + GIC_SET_PENDING) & 0xFFFF, 0xFFFF);
    open_window();
    for (unsigned i = 0; i < SGIS; i++)
        ordered = ordered && order[i] == SGIS - 1 - i;
    expect_equal("many-come", acknowledged, SGIS);
    result(ordered, "many-by-priority", ": first %u, then %u\n", order[0], order[1]);

    forget();
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_priority(sgi, 0xA0);
    for (unsigned round = 0; round < 50; round++) {
        for (uint32_t sgi = 0; sgi < SGIS; sgi++)
            gic_send(0, sgi);
        open_window();
    }
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        wrong += counts[sgi] != 50;
    expect_equal("many-again-and-again", wrong, 0);
}

static volatile bool nested_sent;

static void interrupt_of_low_priority(void)
{
    uint32_t intid = take();

    if (intid == 7) {
        gic_send(0, 8); /* of higher priority: comes at once */
        gic_send(0, 9); /* of the same priority: waits */
        irq_enable();
        spin(microseconds(50));
        irq_disable();
        nested_sent = counts[8] == 1 && counts[9] == 0;
    }
    if (intid < ARRAY_SIZE(counts))
        gic_end(intid);
}

static void check_preemption(void)
{
    forget();
    gic_priority(8, 0x20);
    on_irq = interrupt_of_low_priority;
    gic_send(0, 7);
    open_window();
    result(nested_sent, "preemption", ": inside: %u and %u\n", counts[8], counts[9]);
    expect_equal("preemption-then-the-other", counts[9], 1);
    gic_priority(8, 0xA0);
    on_irq = count_and_end;
}

static volatile bool sent_again;

static void interrupt_again(void)
{
    uint32_t intid = take();

    if (intid == 10 && !sent_again) {
        sent_again = true;
        gic_send(0, 10);
        result(gic_test(10, GIC_SET_ACTIVE), "taken-reads-active", ": -\n");
        result(gic_test(10, GIC_SET_PENDING), "again-reads-pending", ": -\n");
    }
    if (intid < ARRAY_SIZE(counts))
        gic_end(intid);
}

static void check_pending_while_active(void)
{
    forget();
    on_irq = interrupt_again;
    gic_send(0, 10);
    open_window();
    expect_equal("again-comes", counts[10], 2);
    result(!gic_test(10, GIC_SET_ACTIVE), "ended-reads-inactive", ": -\n");
    on_irq = count_and_end;
}

/* EOI mode 1: 16 interrupts are active at once, and are deactivated in another order than acknowledged. */
static void check_split_end(void)
{
    forget();
    gic_eoi_mode(true);
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_send(0, sgi);
    open_window();
    expect_equal("all-taken", acknowledged, SGIS);
    expect_equal("all-active", mmio_read(gic_frame(0) + GIC_SET_ACTIVE) & 0xFFFF, 0xFFFF);
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_send(0, sgi);
    open_window();
    expect_equal("active-do-not-come-again", acknowledged, SGIS);
    expect_equal("all-active-and-pending", mmio_read(gic_frame(0) + GIC_SET_PENDING) & 0xFFFF, 0xFFFF);
    for (uint32_t sgi = 0; sgi < SGIS; sgi += 2)
        gic_deactivate(sgi);
    open_window();
    expect_equal("deactivated-come-again", acknowledged, SGIS + SGIS / 2);
    for (uint32_t sgi = 1; sgi < SGIS; sgi += 2)
        gic_deactivate(sgi);
    open_window();
    expect_equal("the-others-too", acknowledged, 2 * SGIS);
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_deactivate(sgi);
    expect_equal("none-active", mmio_read(gic_frame(0) + GIC_SET_ACTIVE) & 0xFFFF, 0);
    expect_equal("none-pending", mmio_read(gic_frame(0) + GIC_SET_PENDING) & 0xFFFF, 0);
    gic_eoi_mode(false);
    gic_send(0, 0);
    open_window();
    expect_equal("mode-0-again", counts[0], 3);
}

static void interrupt_of_timers(void)
{
    uint32_t intid = take();

    if (intid == GUEST_INTID_VIRTUAL_TIMER)
        write_sysreg(CNTV_CTL_EL0, 0);
    if (intid == GUEST_INTID_PHYSICAL_TIMER)
        write_sysreg(CNTP_CTL_EL0, 0);
    if (intid < ARRAY_SIZE(counts))
        gic_end(intid);
}

static void check_timers_among_many(void)
{
    forget();
    on_irq = interrupt_of_timers;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    gic_enable(GUEST_INTID_PHYSICAL_TIMER);
    write_sysreg(CNTV_CVAL_EL0, now_virtual());
    write_sysreg(CNTP_CVAL_EL0, now_physical());
    write_sysreg(CNTV_CTL_EL0, 1);
    write_sysreg(CNTP_CTL_EL0, 1);
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_send(0, sgi);
    irq_enable();
    spin(microseconds(20000)); /* in a VM with timers = "tick" the physical timer comes at the tick */
    irq_disable();
    expect_equal("timers-and-sgis", acknowledged, SGIS + 2);
    expect_equal("timers", counts[GUEST_INTID_VIRTUAL_TIMER] << 8 | counts[GUEST_INTID_PHYSICAL_TIMER],
                 0x101);
    write_sysreg(CNTV_CTL_EL0, 1);
    spin(microseconds(100));
    result(gic_test(GUEST_INTID_VIRTUAL_TIMER, GIC_SET_PENDING), "timer-reads-pending", ": -\n");
    write_sysreg(CNTV_CTL_EL0, 0);
    spin(microseconds(100));
    /* The hypervisor learns that the line has fallen only when it is asked, or the guest exits. */
    result(!gic_test(GUEST_INTID_VIRTUAL_TIMER, GIC_SET_PENDING), "timer-fell-reads-so", ": -\n");
    forget();
    open_window();
    expect_equal("timer-line-fell", counts[GUEST_INTID_VIRTUAL_TIMER], 0);
    on_irq = count_and_end;
}

static void interrupt_of_uart(void)
{
    uint32_t intid = take();

    if (intid == GUEST_INTID_UART && counts[GUEST_INTID_UART] >= 3) {
        mmio_write(GUEST_UART_BASE + UART_IMSC, 0);
        mmio_write(GUEST_UART_BASE + UART_ICR, UART_INT_TX);
    }
    if (intid < ARRAY_SIZE(counts))
        gic_end(intid);
}

/* The line stays high until the third interrupt, so there are three. */
static void check_spi(void)
{
    forget();
    on_irq = interrupt_of_uart;
    gic_enable(GUEST_INTID_UART);
    mmio_write(GUEST_UART_BASE + UART_IMSC, UART_INT_TX);
    print("a line that raises the transmit interrupt\n");
    open_window();
    expect_equal("spi-while-line-is-high", counts[GUEST_INTID_UART], 3);
    result(!gic_test(GUEST_INTID_UART, GIC_SET_PENDING), "spi-line-low-reads-so", ": -\n");
    mmio_write(GUEST_UART_BASE + UART_IMSC, UART_INT_TX);
    gic_set(GUEST_INTID_UART, GIC_DISABLE);
    print("and another\n");
    open_window();
    expect_equal("spi-disabled", counts[GUEST_INTID_UART], 3);
    result(gic_test(GUEST_INTID_UART, GIC_SET_PENDING), "spi-line-high-reads-pending", ": -\n");
    mmio_write(GUEST_UART_BASE + UART_IMSC, 0);
    result(!gic_test(GUEST_INTID_UART, GIC_SET_PENDING), "spi-line-fell-unseen", ": -\n");
    on_irq = count_and_end;
}

/* WFI ends for a pending interrupt even when PSTATE masks it. */
static void check_wfi(void)
{
    forget();
    gic_send(0, 11);
    wfi();
    expect_equal("wfi-masked", counts[11], 0);
    open_window();
    expect_equal("wfi-then-taken", counts[11], 1);
}

void guest_main(void)
{
    on_irq = count_and_end;
    for (uint32_t sgi = 0; sgi < SGIS; sgi++)
        gic_enable(sgi);
    check_self_sgi();
    if (gic_version == 3) { /* on a v2 SGIs may be always enabled, and other registers set them pending */
        check_enable();
        check_pending_registers();
    }
    check_active_registers();
    check_mask();
    check_many();
    check_preemption();
    check_pending_while_active();
    check_split_end();
    check_timers_among_many();
    check_spi();
    check_wfi();
    result(spurious <= 3, "few-spurious", ": %u\n", spurious);
}
