// SPDX-License-Identifier: Apache-2.0
/*
 * Checks its watchdog, which has to be enabled when the guest begins: sets it, refreshes it for a while, and
 * then does not any more. It prints `begins` with what WCS is then, and `WS0` at the watchdog's interrupt.
 * With the boot argument `report`, nothing is to happen at WS1; without, the guest is restarted, and never
 * ends.
 */
#include "bare.h"

#define WRR    (GUEST_WATCHDOG_REFRESH + 0x000)
#define WCS    (GUEST_WATCHDOG_CONTROL + 0x000)
#define WOR    (GUEST_WATCHDOG_CONTROL + 0x008)
#define WCV    (GUEST_WATCHDOG_CONTROL + 0x010)
#define W_IIDR (GUEST_WATCHDOG_CONTROL + 0xFCC)

#define ENABLED 1u
#define WS0     2u
#define WS1     4u

#define PERIOD_US 50000
#define REFRESHES 8

static volatile unsigned interrupts;
static volatile uint64_t interrupt_at;

static uint64_t read64(uintptr_t address)
{
    uint64_t value;

    __asm__ volatile("ldr %x0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static void take(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_WATCHDOG) {
        interrupts++;
        interrupt_at = now_virtual();
        gic_set(GUEST_INTID_WATCHDOG, GIC_DISABLE); /* its level stays */
    }
    gic_end(intid);
}

static void check_registers(void)
{
    uint64_t before = now_virtual(), compare;

    expect_equal("revision", mmio_read(W_IIDR) >> 16 & 15, 1);
    mmio_write(WOR, (uint32_t)microseconds(PERIOD_US));
    mmio_write(WOR + 4, 0);
    expect_equal("offset", read64(WOR), microseconds(PERIOD_US));
    compare = read64(WCV);
    result(compare >= before + microseconds(PERIOD_US) && compare <= now_virtual() + microseconds(PERIOD_US),
           "compare", ": %lu at %lu\n", compare, before);
    expect_equal("compare-halves", mmio_read(WCV) | (uint64_t)mmio_read(WCV + 4) << 32, compare);
    expect_equal("enabled", mmio_read(WCS), ENABLED);
}

static void check_refreshes(void)
{
    for (unsigned i = 0; i < REFRESHES; i++) {
        spin(microseconds(PERIOD_US / 2));
        mmio_write(WRR, 0);
    }
    expect_equal("refreshed", mmio_read(WCS), ENABLED);
    expect_equal("no-interrupt", interrupts, 0);
}

/* It may be late by 10 ms, and others have the CPU for as long, or twice that. */
static void check_interrupt(void)
{
    uint64_t due = read64(WCV);

    while (interrupts == 0)
        wfi();
    expect_equal("status", mmio_read(WCS), ENABLED | WS0);
    result(interrupt_at >= due && interrupt_at <= due + microseconds(40000), "in-time", ": %lu ticks late\n",
           interrupt_at - due);
    print("WS0\n");
}

static void check_report(void)
{
    while ((mmio_read(WCS) & WS1) == 0)
        spin(microseconds(1000));
    mmio_write(WRR, 0);
    expect_equal("refreshed-late", mmio_read(WCS), ENABLED);
    mmio_write(WCS, 0);
    expect_equal("disabled", mmio_read(WCS), 0);
    spin(microseconds(4 * PERIOD_US));
    expect_equal("one-interrupt", interrupts, 1);
    finish();
}

void guest_main(void)
{
    print("begins with %u\n", mmio_read(WCS));
    on_irq = take;
    gic_enable(GUEST_INTID_WATCHDOG);
    irq_enable();
    check_registers();
    check_refreshes();
    check_interrupt();
    if (option("report"))
        check_report();
    for (;;)
        wfi();
}
