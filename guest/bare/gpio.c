// SPDX-License-Identifier: Apache-2.0
/*
 * Drives a PL061 that the guest is given: its registers are the device's, and its interrupt, which is
 * level-sensitive, comes as long as the device asks. A pin that is an input asks for it at the level that it
 * has anyway.
 *
 * Under Ontime the interrupt does not become pending while the guest has it disabled. On QEMU's GICv2 it
 * comes again after the guest has ended it only when the GIC's registers are accessed next, which takes until
 * the end of a turn.
 *
 * Under Ontime the guest then resets itself with the interrupt active and its line high, and does it all once
 * more. The device is not reset with it, so that its direction register tells the second time from the first.
 */
#include "bare.h"

#define DATA    0x3FCu /* of all pins */
#define DIR     0x400u
#define IS      0x404u
#define IBE     0x408u
#define IEV     0x40Cu
#define IE      0x410u
#define RIS     0x414u
#define MIS     0x418u
#define ID      0xFE0u
#define PIN     0x01u
#define OUT     0x80u
#define TIMES   100u
#define TIMES_2 10u      /* on QEMU's GICv2 */
#define PATIENT 1000000u /* us */

#define SYSTEM_RESET 0x84000009u

static uintptr_t base;
static uint32_t intid;
static volatile unsigned came;
static unsigned enough;
static bool stays_active;

static void ask(bool on)
{
    mmio_write(base + IE, on ? PIN : 0);
}

static void take(void)
{
    uint32_t taken = gic_acknowledge();

    if (taken == GIC_SPURIOUS)
        return;
    if (taken == intid && ++came == enough && !stays_active)
        ask(false);
    if (taken != intid || !stays_active)
        gic_end(taken);
}

static bool find(void)
{
    uint32_t size;
    const void *reg = tree_property("pl061", "arm,pl061", "reg", &size);
    const uint8_t *interrupts = reg != NULL ? tree_property("pl061", "arm,pl061", "interrupts", &size) : NULL;

    if (interrupts == NULL || size != 12)
        return false;
    base = tree_u64(reg);
    intid = GUEST_INTID_SPIS + (uint32_t)interrupts[6] * 256 + interrupts[7];
    result(interrupts[3] == 0 && interrupts[11] == 4, "level", "\n");
    return true;
}

static void check_registers(void)
{
    static const uint8_t wanted[] = {0x61, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
        expect_equal("id", mmio_read(base + ID + 4ul * i), wanted[i]);
    mmio_write(base + DIR, mmio_read(base + DIR) | OUT);
    mmio_write(base + DATA, OUT);
    expect_equal("high", mmio_read(base + DATA) & OUT, OUT);
    mmio_write(base + DATA, 0);
    expect_equal("low", mmio_read(base + DATA) & OUT, 0);
}

static void wait_for(unsigned count)
{
    uint64_t end = now_virtual() + microseconds(PATIENT);

    while (came < count && now_virtual() < end) {
    }
}

static void check_interrupt(void)
{
    unsigned times = ontime_present() && gic_version == 2 ? TIMES_2 : TIMES;
    uint32_t level = mmio_read(base + DATA) & PIN;

    mmio_write(base + IS, PIN);
    mmio_write(base + IBE, 0);
    mmio_write(base + IEV, level);
    enough = times;
    came = 0;
    ask(true);
    expect_equal("asks", mmio_read(base + MIS) & PIN, PIN);
    spin(microseconds(1000));
    expect_equal("disabled", came, 0);
    expect_equal("pending", gic_test(intid, GIC_SET_PENDING), !ontime_present());
    gic_enable(intid);
    wait_for(times);
    expect_equal("came", came, times);
    spin(microseconds(1000));
    expect_equal("no-more", came, times);
    expect_equal("idle", gic_test(intid, GIC_SET_PENDING), 0);
}

/* The guest has nothing else to do, and waits: the interrupt wakes it. */
static void check_wakes(void)
{
    came = 0;
    enough = 1;
    irq_disable();
    ask(true);
    wfi();
    irq_enable();
    wait_for(1);
    expect_equal("wakes", came, 1);
}

static void reset_while_active(void)
{
    came = 0;
    stays_active = true;
    ask(true);
    wait_for(1);
    expect_equal("active", gic_test(intid, GIC_SET_ACTIVE), 1);
    print("resets\n");
    call(SYSTEM_RESET, 0, 0, 0);
}

void guest_main(void)
{
    bool again;

    if (!find()) {
        result(false, "node", ": there is no arm,pl061 in the tree\n");
        return;
    }
    again = (mmio_read(base + DIR) & OUT) != 0;
    print("start %u\n", again ? 2 : 1);
    expect_equal("inactive", gic_test(intid, GIC_SET_ACTIVE), 0);
    expect_equal("off", gic_test(intid, GIC_ENABLE), 0);
    ask(false);
    on_irq = take;
    irq_enable();
    check_registers();
    check_interrupt();
    check_wakes();
    if (ontime_present() && !again)
        reset_while_active();
}
