// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that tries to get more than its share, or to make others late. It claims deadlines without end,
 * keeps Ontime at work, or writes garbage where Ontime reads. Between its blows it computes, as a hog does.
 *
 * The attacks come in the order of the table below. Each lasts one phase of each-ms, and the first is in
 * phase `from`. At the beginning of a phase the guest prints `phase P attack NAME`, and at its end
 * `phase P steps N`, the number of blows. If its VM is an observer, it also marks the beginning of each
 * phase, each second within it, and its end.
 *
 * Link 0, if there is one, is to the victim, which has its doorbell off. Link 1 is to an accomplice beside
 * the victim: the same guest with the boot argument `accomplice`, which takes its rings, and waits or
 * computes.
 *
 * Its VM has a watchdog, which is to report only. With the boot argument `bitten` it is one that restarts the
 * guest, which makes that happen as soon as it can.
 *
 * Boot arguments: each-ms=N; from=N; attack=NAME (only the hog, and then this attack); cores: the attacks of
 * the second table, from one core on another, where it has its second CPU.
 */
#include <stdatomic.h>
#include "bare.h"
#include "ontime/abi.h"

#define FAR_AWAY   (UINT64_C(1) << 50)
#define ENDLESS    (UINT64_C(1) << 63)
#define WORK_STEPS 100u /* about 2.5 us at 8 ns an instruction */

#define WCS (GUEST_WATCHDOG_CONTROL + 0x000)
#define WOR (GUEST_WATCHDOG_CONTROL + 0x008)
#define WCV (GUEST_WATCHDOG_CONTROL + 0x010)

static bool has_page;
static uint64_t steps;
static unsigned ticks_per_us;

/* ---- deadlines by call */

static void arm(uint64_t deadline, uint64_t id)
{
    (void)quick_call(ONTIME_CALL_ARM, deadline, id);
}

static void done(void)
{
    (void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0);
}

/* One deadline for each id, the first a microsecond from now, and a microsecond apart. */
static void every_microsecond(void)
{
    uint64_t now = now_virtual();

    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        arm(now + (uint64_t)ticks_per_us * (id + 1), id);
    work(8 * WORK_STEPS);
}

/* Deadlines spread over the time for which the guest is out. Each interrupts whoever runs. */
static void comb(void)
{
    uint64_t now = now_virtual();

    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        arm(now + (uint64_t)ticks_per_us * 150 * (id + 1), id);
    work(16 * WORK_STEPS);
}

static void past(void)
{
    static const uint64_t pasts[] = {0, 1, 1000000};

    arm(steps % 4 == 3 ? now_virtual() - 1 : pasts[steps % 4], steps % ONTIME_DEADLINES);
    work(WORK_STEPS);
}

/* The guest never says that the work of a deadline is done. */
static void never_done(void)
{
    arm(now_virtual() + 1000ul * ticks_per_us, 0);
    spin(2000ul * ticks_per_us);
}

/* A warp begins and ends with each blow. */
static void warps(void)
{
    arm(0, 0);
    done();
    work(WORK_STEPS);
}

static void rearm_call(void)
{
    arm(FAR_AWAY + steps, steps % ONTIME_DEADLINES);
    if (steps % 16 == 15)
        (void)quick_call(ONTIME_CALL_CANCEL, steps % ONTIME_DEADLINES, 0);
}

/* ---- deadlines by page */

static void rearm_page(void)
{
    deadline_page.deadline = now_virtual() + ticks_per_us;
}

static void past_page(void)
{
    deadline_page.deadline = steps;
    deadline_page.needs = 0;
    work(WORK_STEPS);
}

static void endless_page(void)
{
    deadline_page.needs = ENDLESS;
    deadline_page.deadline = now_virtual() + 1000ul * ticks_per_us;
    spin(2000ul * ticks_per_us);
}

static uint64_t garbage(void)
{
    static uint64_t state = 1;

    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> (state >> 58); /* as many small ones as large ones */
}

static void garbage_page(void)
{
    deadline_page.deadline = garbage();
    deadline_page.needs = garbage();
    deadline_page.warped = garbage();
}

/* Writes a deadline near the present byte by byte, so that Ontime may read a half-written one. */
static void torn_page(void)
{
    uint64_t now = now_virtual() + garbage() % 100000;

    for (unsigned i = 0; i < sizeof(now); i++)
        ((volatile uint8_t *)&deadline_page)[i] = (uint8_t)(now >> 8 * i);
}

/* ---- the call PAGE */

static void bad_pages(void)
{
    static const uint64_t bad[] = {
        GUEST_RAM_BASE + 1,
        GUEST_RAM_BASE + 8,
        GUEST_RAM_BASE + 2048,
        GUEST_RAM_BASE - 4096,
        0,
        GUEST_GICD_BASE,
        GUEST_GICR_BASE,
        GUEST_UART_BASE,
        GUEST_UART_BASE + 0x10000,
        UINT64_C(1) << 40,
        UINT64_C(1) << 52,
        ENDLESS,
        UINT64_MAX - 4095,
        UINT64_MAX - 1,
    };

    (void)quick_call(ONTIME_CALL_PAGE,
                     steps % 16 == 15 ? GUEST_RAM_BASE + ram_size() : bad[steps % ARRAY_SIZE(bad)], 0);
}

/* Registers another page each time. All are in the last quarter of RAM, where Ontime's writes do no harm. */
static void moving_page(void)
{
    uint64_t quarter = ram_size() / 4;
    uint64_t page = garbage() % (quarter / ONTIME_PAGE_SIZE) * ONTIME_PAGE_SIZE;

    (void)quick_call(ONTIME_CALL_PAGE, GUEST_RAM_BASE + 3 * quarter + page, 0);
}

/* ---- timers and interrupts */

static void interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    if (intid == GUEST_INTID_VIRTUAL_TIMER)
        write_sysreg(CNTV_CTL_EL0, 0);
    gic_end(intid);
}

static void wait_a_microsecond(void)
{
    write_sysreg(CNTV_CVAL_EL0, now_virtual() + ticks_per_us);
    write_sysreg(CNTV_CTL_EL0, 1);
    wfi();
    irq_enable();
    irq_disable();
}

/* The same with a deadline, by which the guest claims to need the CPU back at once. */
static void wait_armed(void)
{
    arm(now_virtual() + ticks_per_us, 0);
    wait_a_microsecond();
}

static void interrupt_itself(void)
{
    gic_send(0, (uint32_t)steps % 16);
    irq_enable();
    irq_disable();
}

/* It expires with each write, and again as soon as it may. */
static void expire_watchdog(void)
{
    if (steps % 1024 == 0) {
        mmio_write(WOR, 0);
        mmio_write(WOR + 4, 0);
        mmio_write(WCS, 1);
    }
    mmio_write(WCV + 4, 0);
    mmio_write(WCV, (uint32_t)steps);
}

static void refresh_watchdog(void)
{
    if (steps == 0)
        mmio_write(WCS, 1);
    mmio_write(WOR, (uint32_t)steps % 2);
}

static _Noreturn void be_bitten(void)
{
    for (;;)
        expire_watchdog();
}

static void nothing(void)
{
    work(WORK_STEPS);
}

/* ---- from another core */

enum order { WAIT, COMPUTE, LEAVE };

static atomic_int order; /* what the second CPU does */

/* Its deadline page is the one that the first CPU writes to. */
static void obey(unsigned cpu)
{
    (void)cpu;
    (void)page_offer();
    for (uint32_t sgi = 0; sgi < 16; sgi++)
        gic_enable(sgi);
    while (atomic_load(&order) != LEAVE) {
        if (atomic_load(&order) == WAIT)
            wfi();
        else
            work(WORK_STEPS);
        irq_enable();
        irq_disable();
    }
}

static void interrupt_other(void)
{
    gic_send(1, (uint32_t)steps % 16);
}

/* The other one switches itself off at once. */
static void switch_on(void)
{
    (void)cpu_start(1, obey);
}

static void print_much(void)
{
    mmio_write(GUEST_UART_BASE + UART_DR, steps % 64 == 63 ? '\n' : 'x');
}

/* One write to the distributor that changes all SPIs takes the longest of all with the VM's lock held. */
static void change_all(void)
{
    mmio_write(gic_frame(32) + (steps % 2 == 0 ? GIC_SET_PENDING : GIC_CLEAR_PENDING) + 4, UINT32_MAX);
}

static void set_alarm(void)
{
    mmio_write(GUEST_RTC_BASE + 4, (uint32_t)steps);
}

static void mark_much(void)
{
    (void)quick_call(ONTIME_CALL_MARK, 0, 0);
}

static void hand_on(void)
{
    (void)quick_call(ONTIME_CALL_HAND_ON, 1, 0);
}

/* The other one waits for the CPU, and its deadline is always about to come. */
static void move_page(void)
{
    deadline_page.deadline = now_virtual() + 2ul * ticks_per_us;
}

/* ---- links */

static struct link to_victim, to_accomplice;
static bool has_link;

static void ring(void)
{
    link_ring(&to_victim);
}

/* The first word of the memory is an order. */
static void ring_waiting(void)
{
    to_accomplice.memory[0] = WAIT;
    link_ring(&to_accomplice);
}

static void ring_computing(void)
{
    to_accomplice.memory[0] = COMPUTE;
    link_ring(&to_accomplice);
}

static _Noreturn void be_accomplice(void)
{
    struct link link = {0};

    result(link_open(0, &link), "link", ": there is none\n");
    for (;;) {
        if (link.memory[0] == COMPUTE)
            work(WORK_STEPS);
        else
            wfi();
        irq_enable();
        irq_disable();
    }
}

static const struct attack {
    const char *name;
    void (*step)(void);
    bool needs_page;
    bool needs_link;
} attacks[] = {
    {"hog", nothing, false, false}, /* no attack: what the others are compared with */
    {"every-us", every_microsecond, false, false},
    {"comb", comb, false, false},
    {"past", past, false, false},
    {"never-done", never_done, false, false},
    {"warps", warps, false, false},
    {"rearm-call", rearm_call, false, false},
    {"wait", wait_a_microsecond, false, false},
    {"wait-armed", wait_armed, false, false},
    {"sgi", interrupt_itself, false, false},
    {"expiry", expire_watchdog, false, false},
    {"refresh", refresh_watchdog, false, false},
    {"page-bad", bad_pages, false, false},
    {"page-rearm", rearm_page, true, false},
    {"page-past", past_page, true, false},
    {"page-endless", endless_page, true, false},
    {"page-garbage", garbage_page, true, false},
    {"page-torn", torn_page, true, false},
    {"page-moving", moving_page, true, false},
    {"ring", ring, false, true},
};

static const struct attack_of_cores {
    struct attack attack;
    enum order order;
} attacks_of_cores[] = {
    {{"hog", nothing, false, false}, COMPUTE},
    {{"sgi-waits", interrupt_other, false, false}, WAIT},
    {{"sgi-runs", interrupt_other, false, false}, COMPUTE},
    {{"on-off", switch_on, false, false}, LEAVE},
    {{"print", print_much, false, false}, COMPUTE},
    {{"spis", change_all, false, false}, COMPUTE},
    {{"alarm", set_alarm, false, false}, COMPUTE},
    {{"mark", mark_much, false, false}, COMPUTE},
    {{"hand-on", hand_on, false, false}, COMPUTE},
    {{"hand-waits", hand_on, false, false}, WAIT},
    {{"page-moved", move_page, false, false}, COMPUTE},
    {{"hand-off", hand_on, false, false}, LEAVE},
    {{"ring", ring, false, true}, COMPUTE},
    {{"ring-waits", ring_waiting, false, true}, WAIT},
    {{"ring-runs", ring_computing, false, true}, WAIT},
};

static void forget_all(void)
{
    for (unsigned id = 0; id < ONTIME_DEADLINES; id++)
        (void)quick_call(ONTIME_CALL_CANCEL, id, 0);
    (void)quick_call(ONTIME_CALL_PAGE, ONTIME_NO_PAGE, 0);
    done();
    write_sysreg(CNTV_CTL_EL0, 0);
    mmio_write(WCS, 0);
}

static void mark(uint64_t phase, uint64_t second)
{
    (void)quick_call(ONTIME_CALL_MARK, phase * 1000 + second, 0);
}

/* Makes one attack, from now to the end of the present phase. */
static void attack(const struct attack *attack, uint64_t length)
{
    uint64_t phase = phase_now(length), second = 0;
    uint64_t next_mark = phase * length;

    forget_all();
    if (attack->needs_page)
        (void)page_offer();
    print("phase %lu attack %s\n", phase, attack->name);
    steps = 0;
    while (phase_now(length) == phase) {
        if (now_virtual() >= next_mark) {
            mark(phase, second++);
            next_mark += 1000000ul * ticks_per_us;
        }
        attack->step();
        steps++;
    }
    print("phase %lu steps %lu\n", phase, steps);
    mark(phase, 999);
}

static void attack_from_another_core(uint64_t length)
{
    for (unsigned i = 0; i < ARRAY_SIZE(attacks_of_cores); i++) {
        atomic_store(&order, attacks_of_cores[i].order);
        (void)cpu_start(1, obey); /* if it has left */
        gic_send(1, 0);
        attack(&attacks_of_cores[i].attack, length);
    }
}

void guest_main(void)
{
    uint64_t length = microseconds(1000 * option_number("each-ms", 1000));

    ticks_per_us = (unsigned)microseconds(1);
    on_irq = interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (uint32_t sgi = 0; sgi < 16; sgi++)
        gic_enable(sgi);
    if (option("accomplice"))
        be_accomplice();
    if (option("bitten"))
        be_bitten();
    has_link = link_open(0, &to_victim);
    result(!option("cores") || link_open(1, &to_accomplice), "accomplice", ": there is no link to it\n");
    has_page = page_offer();
    bool promised = (call(ONTIME_CALL_FEATURES, 0, 0, 0).x[0] & ONTIME_FEATURE_PAGE) != 0;
    expect_equal("page-as-promised", has_page, promised);
    while (phase_now(length) < option_number("from", 1))
        work(WORK_STEPS);
    if (option("cores"))
        attack_from_another_core(length);
    for (unsigned i = 0; i < ARRAY_SIZE(attacks) && !option("cores"); i++) {
        bool chosen = i == 0 || !option("attack") || option_is("attack", attacks[i].name);
        if (chosen && (has_page || !attacks[i].needs_page) && (has_link || !attacks[i].needs_link))
            attack(&attacks[i], length);
    }
    forget_all();
    spin(length / 4); /* the victim prints its figures of the last phase meanwhile */
    result(true, "attacked", "\n");
}
