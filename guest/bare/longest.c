// SPDX-License-Identifier: Apache-2.0
/*
 * Makes Ontime do whatever takes it longest without a look at its interrupts, for bench/longest-path. Several
 * such guests do the same at the same time: all deadlines at one instant, switches with every interrupt
 * pending or active and debugging on, writes to the distributor that change every interrupt and wake every
 * vCPU, work that is handed on to all vCPUs, lines of the UART and of the clock that rise, faults that Ontime
 * writes long lines about, unfinished lines that the console has to write out together, and the end of a VM
 * with all its vCPUs on.
 *
 * Boot arguments: rounds=N; deadlines=N, in each round; ahead=N, by how many microseconds they are before the
 * instant that the guests agree on; cpus=N (1), which otherwise wait for the first one's interrupts;
 * observer: the guest also marks, and dumps the trace; resets-until-ms=N: until then it resets itself after
 * its rounds, and begins them again.
 *
 * drives, serves: two guests do nothing but what a virtio device between them makes Ontime do. All vCPUs of
 * the first but one wait for the second, which lets them all go on at once.
 */
#include "bare.h"
#include "ontime/abi.h"
#include "ontime/service.h"

#define LINE       255 /* one character less than the longest line of the console */
#define CTL_ENABLE 1u
#define NOWHERE    0xC0000000ul /* maps physical 0x80000000, which is behind the end of RAM */
#define SGI        5u
#define GICD_TYPER 0x004

#define RTC_DR   0x00
#define RTC_MR   0x04
#define RTC_IMSC 0x10
#define RTC_ICR  0x1C

static volatile unsigned interrupts;

static void timer_interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    write_sysreg(CNTV_CTL_EL0, 0);
    interrupts++;
    if (intid != GIC_SPURIOUS)
        gic_end(intid);
}

/* No breakpoint is enabled, but a switch has all of them to load. */
static void debug_on(void)
{
    write_sysreg(OSLAR_EL1, 0);
    write_sysreg(MDSCR_EL1, 1u << 15); /* MDE */
}

/* The guests share the counter, so but for `ahead` this is the same instant in all of them. */
static uint64_t next_instant(void)
{
    uint64_t period = microseconds(100000);

    return (now_virtual() / period + 2) * period - microseconds(option_number("ahead", 0));
}

/* All SPIs and all SGIs. */
static void set_all(enum gic_bits which)
{
    uint32_t banks = mmio_read(GUEST_GICD_BASE + GICD_TYPER) & 0x1F;

    for (uint32_t bank = 1; bank <= banks; bank++)
        mmio_write(gic_frame(32) + which + 4ul * bank, UINT32_MAX);
    mmio_write(gic_frame(0) + which, UINT16_MAX);
}

/* Every other one of `later` is for a second after the deadline: it stays when the others are reached. */
static void arm_all(uint64_t deadline, bool later)
{
    uint64_t count = option_number("deadlines", ONTIME_DEADLINES);

    for (uint64_t id = 0; id < count; id++)
        (void)call(ONTIME_CALL_ARM, deadline + (later ? id % 2 * microseconds(1000000) : 0), id, 0);
}

/* Another vCPU: it has deadlines, too, and is blocked whenever something may wake it. */
static void wait_for_ever(unsigned cpu)
{
    (void)cpu;
    debug_on();
    gic_enable(SGI);
    for (;;) {
        arm_all(next_instant(), false);
        wfi();
        irq_enable();
        irq_disable();
    }
}

static void wake_all(unsigned cpus)
{
    uint64_t others = (1u << cpus) - 2;

    if (gic_version == 2)
        mmio_write(GUEST_GICD_BASE + 0xF00, (uint32_t)others << 16 | SGI);
    else
        write_sysreg(S3_0_C12_C11_5, (uint64_t)SGI << 24 | others); /* ICC_SGI1R_EL1 */
}

static void hand_on_to_all(unsigned cpus)
{
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        (void)call(ONTIME_CALL_HAND_ON, cpu, 0, 0);
}

/* Ends interrupts, of which most have no list register. */
static void all_active(void)
{
    set_all(GIC_SET_ACTIVE);
    for (uint32_t intid = 0; intid < 64; intid++)
        gic_end(intid);
    set_all(GIC_CLEAR_ACTIVE);
}

static void fault(void)
{
    (void)CATCH(__asm__ volatile("mov x0, %0\n\tldp x1, x2, [x0]" ::"r"(NOWHERE) : "x0", "x1", "x2"));
}

static void unfinished_line(void)
{
    for (unsigned i = 0; i < LINE; i++)
        mmio_write(GUEST_UART_BASE + UART_DR, 'x');
}

/* The last character both raises the UART's interrupt and completes a line. */
static void finish_line(void)
{
    mmio_write(GUEST_UART_BASE + UART_IMSC, UART_INT_TX);
    mmio_write(GUEST_UART_BASE + UART_ICR, UART_INT_TX);
    mmio_write(GUEST_UART_BASE + UART_DR, '\n');
    mmio_write(GUEST_UART_BASE + UART_IMSC, 0);
}

/* An alarm that is reached at once. */
static void alarm(void)
{
    mmio_write(GUEST_RTC_BASE + RTC_IMSC, 1);
    mmio_write(GUEST_RTC_BASE + RTC_MR, mmio_read(GUEST_RTC_BASE + RTC_DR));
    mmio_write(GUEST_RTC_BASE + RTC_ICR, 1);
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

/* Registers of virtio-mmio. */
#define DEVICE_ID    0x008
#define QUEUE_SEL    0x030
#define QUEUE_NUM    0x038
#define QUEUE_READY  0x044
#define QUEUE_NOTIFY 0x050
#define STATUS       0x070
#define QUEUES       16u

static void wait_for_service(unsigned cpu)
{
    (void)cpu;
    debug_on();
    for (;;)
        (void)mmio_read(GUEST_VIRTIO_BASE + DEVICE_ID);
}

static void drive(uint64_t rounds, unsigned cpus)
{
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        (void)cpu_start(cpu, wait_for_service);
    for (uint64_t round = 0; round < rounds; round++) {
        mmio_write(GUEST_VIRTIO_BASE + STATUS, 3);
        for (unsigned queue = 0; queue < QUEUES; queue++) {
            mmio_write(GUEST_VIRTIO_BASE + QUEUE_SEL, queue);
            mmio_write(GUEST_VIRTIO_BASE + QUEUE_NUM, 1);
            mmio_write(GUEST_VIRTIO_BASE + QUEUE_READY, 1);
            mmio_write(GUEST_VIRTIO_BASE + QUEUE_NOTIFY, queue);
        }
        mmio_write(GUEST_VIRTIO_BASE + STATUS, 0);
    }
}

static void serve(uint64_t rounds)
{
    mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_QUEUES, QUEUES);
    mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_QUEUE_SIZE, 1);
    for (uint64_t round = 0;
         (mmio_read(GUEST_SERVICE_BASE + ONTIME_SERVICE_CLIENT) & ONTIME_SERVICE_UP) != 0 || round < rounds;
         round++) {
        spin(microseconds(500 * (round % 3)));
        mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY | ONTIME_SERVICE_BROKEN);
        mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_INTERRUPT, 0);
        spin(microseconds(500 * (round % 2)));
        (void)mmio_read(GUEST_SERVICE_BASE + ONTIME_SERVICE_PENDING);
        mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_ACK, 0);
        mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_CONTROL, 0);
    }
}

void guest_main(void)
{
    uint64_t rounds = option_number("rounds", 4);
    unsigned cpus = (unsigned)option_number("cpus", 1);

    debug_on();
    if (option("drives") || option("serves")) {
        if (option("drives"))
            drive(rounds, cpus);
        else
            serve(rounds);
        result(true, "longest", "\n");
        return;
    }
    on_irq = timer_interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        (void)cpu_start(cpu, wait_for_ever);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t deadline = next_instant();

        arm_all(deadline, round % 4 >= 2);
        fault();
        hand_on_to_all(cpus);
        wake_all(cpus);
        hand_on_to_all(cpus);
        all_active();
        alarm();
        if (round % 2 == 0)
            unfinished_line();
        if (round % 4 == 0)
            finish_line();
        if (option("observer"))
            observe((uint32_t)round);
        if (round % 2 == 0)
            sleep_until(deadline);
        else
            be_busy_until(deadline);
        (void)call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0);
    }
    print("\n");
    if (now_virtual() < microseconds(1000 * option_number("resets-until-ms", 0)))
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    result(interrupts != 0, "longest", ": no timer interrupt\n");
}
