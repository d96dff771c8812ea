// SPDX-License-Identifier: Apache-2.0
/*
 * Checks the PL031: that it counts seconds, can be set, and that its alarm comes when it is due. It prints as
 * `now N` what the clock shows at first.
 */
#include "bare.h"

#define DR   (GUEST_RTC_BASE + 0x00)
#define MR   (GUEST_RTC_BASE + 0x04)
#define LR   (GUEST_RTC_BASE + 0x08)
#define CR   (GUEST_RTC_BASE + 0x0C)
#define IMSC (GUEST_RTC_BASE + 0x10)
#define RIS  (GUEST_RTC_BASE + 0x14)
#define MIS  (GUEST_RTC_BASE + 0x18)
#define ICR  (GUEST_RTC_BASE + 0x1C)
#define ID   (GUEST_RTC_BASE + 0xFE0)

#define ANOTHER_TIME 1000000u

static volatile unsigned alarms;
static volatile uint32_t alarm_second;
static volatile uint64_t alarm_at;

static void take(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_RTC) {
        alarms++;
        alarm_second = mmio_read(DR);
        alarm_at = now_virtual();
        mmio_write(ICR, 1);
    }
    gic_end(intid);
}

static void rest(uint64_t ticks)
{
    uint64_t end = now_virtual() + ticks;

    write_sysreg(CNTV_CVAL_EL0, end);
    write_sysreg(CNTV_CTL_EL0, 1);
    while (now_virtual() < end)
        wfi();
    timer_end();
}

/* Waits for the next second to begin; returns when that was, within a millisecond or so. */
static uint64_t next_second(void)
{
    uint32_t second = mmio_read(DR);

    while (mmio_read(DR) == second)
        rest(microseconds(1000));
    return now_virtual();
}

static void check_identification(void)
{
    static const uint8_t wanted[] = {0x31, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
        expect_equal("id", mmio_read(ID + 4ul * i), wanted[i]);
    expect_equal("runs", mmio_read(CR), 1);
    expect_equal("no-alarm", mmio_read(RIS) | mmio_read(MIS) | mmio_read(IMSC), 0);
}

static void check_seconds(void)
{
    uint64_t begin = next_second();
    uint32_t first = mmio_read(DR);

    for (unsigned i = 1; i <= 2; i++) {
        uint64_t took = next_second() - begin;

        result(took >= microseconds(1000000ul * i - 100000) && took <= microseconds(1000000ul * i + 100000),
               "second", ": %u after %lu ticks\n", i, took);
    }
    expect_equal("seconds", mmio_read(DR) - first, 2);
}

/* The instant at which seconds begin stays as it is. */
static void check_setting(void)
{
    uint64_t begin = next_second();

    mmio_write(LR, ANOTHER_TIME);
    expect_equal("set", mmio_read(DR), ANOTHER_TIME);
    expect_equal("set-load", mmio_read(LR), ANOTHER_TIME);
    uint64_t took = next_second() - begin;
    result(took <= microseconds(1100000), "set-keeps-phase", ": %lu ticks\n", took);
    expect_equal("set-goes-on", mmio_read(DR), ANOTHER_TIME + 1);
}

static void check_alarm(void)
{
    uint64_t begin = next_second();
    uint32_t second = mmio_read(DR);

    mmio_write(IMSC, 1);
    mmio_write(MR, second + 2);
    expect_equal("alarm-match", mmio_read(MR), second + 2);
    while (alarms == 0) {
        wfi();
        irq_enable();
        irq_disable();
    }
    expect_equal("alarm-second", alarm_second, second + 2);
    result(alarm_at - begin >= microseconds(1900000) && alarm_at - begin <= microseconds(2100000),
           "alarm-in-time", ": after %lu ticks\n", alarm_at - begin);
    expect_equal("alarm-cleared", mmio_read(RIS) | mmio_read(MIS), 0);
    rest(microseconds(1100000));
    irq_enable();
    irq_disable();
    expect_equal("alarm-once", alarms, 1);
}

static void check_masked_alarm(void)
{
    mmio_write(IMSC, 0);
    (void)next_second();
    mmio_write(MR, mmio_read(DR)); /* this very second */
    expect_equal("alarm-at-once", mmio_read(RIS), 1);
    expect_equal("alarm-masked", mmio_read(MIS), 0);
    irq_enable();
    irq_disable();
    expect_equal("alarm-is-not-delivered", alarms, 1);
    mmio_write(IMSC, 1);
    expect_equal("alarm-unmasked", mmio_read(MIS), 1);
    irq_enable();
    spin(microseconds(100));
    irq_disable();
    expect_equal("alarm-is-delivered", alarms, 2);
}

void guest_main(void)
{
    on_irq = take;
    gic_enable(GUEST_INTID_RTC);
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    print("rtc: now %u\n", mmio_read(DR));
    check_identification();
    check_seconds();
    check_setting();
    check_alarm();
    check_masked_alarm();
}
