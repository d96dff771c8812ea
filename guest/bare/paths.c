// SPDX-License-Identifier: Apache-2.0
/*
 * How long Ontime's paths take, as a guest measures them by the counter: calls, device accesses, and the time
 * from a timer's deadline to the first instruction at the interrupt's vector. For each path it prints
 * `path NAME` and a summary (stats.h). Without Ontime the same binary measures what is there, for comparison.
 *
 * Boot arguments, one of:
 *   alone    no other guest runs: measures calls, device accesses, timers of a running and of a waiting CPU,
 *            and, with two CPUs, a message to the other CPU and back
 *   beside   another guest computes: measures deadlines while this guest waits, and while it is out
 *   gaps     is that other guest: computes, notes when it was out, and prints `gap FROM TO` in ticks
 *   cores    two CPUs on two cores that no other guest uses: an SGI to the other, which computes or waits,
 *            and CPU_ON
 *   out      the same, an SGI to the other CPU, which waits, while another guest computes on its core
 *   hog      is that other guest
 *   rings    a ring of a link (include/ontime/link.h) to another guest, which computes or waits on another
 *            core; with `one-core` it waits, and this guest then waits, too, so that it gets the core; with
 *            `out` a hog has its core, and the ring warps it
 *   rung     is that other guest
 *   virtio   beside these two: instead of the ring, a notification of a virtio device that the other one
 * serves samples=N: how many samples of each (2000). until-ms=N: `gaps` takes notes until then, and `beside`
 * prints nothing, and measures nothing more, until a second later: a guest that prints keeps Ontime busy.
 *
 * A sample is the time of one operation between two readings of the counter, less the time that two readings
 * take by themselves. The interrupt's vector reads the counter into x18 first, then masks interrupts in the
 * state that it returns to, and returns. The interrupted code does the rest. So interrupts are unmasked only
 * in wait_running() and wait_sleeping(), which expect that x18 changes.
 */
#include <stdatomic.h>
#include "bare.h"
#include "stats.h"
#include "ontime/abi.h"
#include "ontime/service.h"

#define SGI_PING 1u
#define SGI_PONG 2u

#define GAP_TICKS  20u   /* two readings that are further apart than this have a gap between them */
#define SEEN_TICKS 1100u /* more than from one reading in wait_running() to the next */
#define GAPS_MAX   4096u

extern char path_vectors[];
__asm__(".text\n"
        ".balign 2048\n"
        "path_vectors:\n"
        ".irp number, 0, 1, 2, 3, 4\n"
        "    .balign 128\n"
        "    b vectors + 128 * \\number\n"
        ".endr\n"
        "    .balign 128\n"
        "    mrs x18, CNTVCT_EL0\n" /* IRQ from EL1 with its own stack */
        "    mrs x17, SPSR_EL1\n"
        "    orr x17, x17, #0x80\n"
        "    msr SPSR_EL1, x17\n"
        "    eret\n"
        ".irp number, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
        "    .balign 128\n"
        "    b vectors + 128 * \\number\n"
        ".endr\n");

/*
 * Where CPU_ON has the other CPU begin: the counter is read at once, and kept until C code runs there, in a
 * register that nothing else uses.
 */
extern char path_entry[];
__asm__(".text\n"
        "path_entry:\n"
        "    mrs x18, CNTVCT_EL0\n"
        "    msr TPIDR_EL0, x18\n"
        "    mov x0, #1\n"
        "    b secondary_entry\n");

static struct stats samples;
static uint64_t overhead; /* what two readings of the counter take */
static uint64_t sample_count;
static bool ontime, has_page;

/* The two readings of a sample. */
static inline uint64_t reading(void)
{
    return now_virtual();
}

/* Varies the length of the sampling loop, so that samples begin at all instants within a tick. */
static void drift(uint64_t n)
{
    for (n %= 7; n > 0; n--)
        __asm__ volatile("nop\n\tnop");
}

static void report_of(struct stats *stats, const char *name, uint64_t per)
{
    struct summary summary = stats_summary(stats, per, overhead);

    print("path %s ", name);
    stats_print(&summary);
    print("\n");
    stats_clear(stats);
}

static void report(const char *name, uint64_t per)
{
    report_of(&samples, name, per);
}

#define MEASURE(operation)                                                                                   \
    for (uint64_t n_ = 0; n_ < sample_count; n_++) {                                                         \
        drift(n_);                                                                                           \
        uint64_t begin_ = reading();                                                                         \
        operation;                                                                                           \
        stats_add(&samples, reading() - begin_);                                                             \
    }

/* The mean is rounded to a tick, which is two instructions. A smaller difference cannot be measured. */
static void measure_overhead(void)
{
    uint64_t sum = 0;

    MEASURE((void)0);
    for (uint32_t i = 0; i < samples.kept; i++)
        sum += samples.values[i];
    if (samples.kept > 0)
        overhead = (sum + samples.kept / 2) / samples.kept;
    stats_clear(&samples);
}

static void measure_calls(void)
{
    MEASURE((void)quick_call(ONTIME_CALL_FEATURES, 0, 0));
    report("null-hypercall", 1);
    MEASURE((void)quick_call(PSCI_VERSION, 0, 0));
    report("psci-version", 1);
    uint64_t far = now_virtual() + (UINT64_C(1) << 40);
    MEASURE((void)quick_call(ONTIME_CALL_ARM, far, 0); (void)quick_call(ONTIME_CALL_CANCEL, 0, 0));
    report("arm-and-cancel", 1);
    MEASURE((void)quick_call(ONTIME_CALL_ARM, far, 0));
    report("arm-again", 1);
    (void)quick_call(ONTIME_CALL_CANCEL, 0, 0);
    MEASURE((void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0));
    report("done-unwarped", 1);
}

static void measure_devices(void)
{
    MEASURE((void)mmio_read(GUEST_UART_BASE + UART_FR));
    report("mmio-read-uart", 1);
    MEASURE((void)mmio_read(GUEST_GICD_BASE + 4));
    report("mmio-read-gicd", 1);
}

/* ---- interrupts */

/*
 * Computes until an interrupt. Returns the reading that the interrupt's vector made, and in `before` the last
 * reading before it. While the guest has the CPU, these are less than SEEN_TICKS apart.
 */
static uint64_t wait_running(uint64_t *before)
{
    uint64_t at, last;

    __asm__ volatile("mov x18, #0\n\t"
                     "msr DAIFClr, #2\n"
                     "1: mrs %1, CNTVCT_EL0\n\t"
                     "mov x16, #1000\n"
                     "2: sub x16, x16, #1\n\t"
                     "cbnz x16, 2b\n\t"
                     "cbz x18, 1b\n\t"
                     "mov %0, x18"
                     : "=r"(at), "=&r"(last)::"x16", "x17", "x18", "memory");
    *before = last;
    return at;
}

static uint64_t wait_sleeping(void)
{
    uint64_t at;

    __asm__ volatile("mov x18, #0\n\t"
                     "msr DAIFClr, #2\n"
                     "1: wfi\n\t"
                     "cbz x18, 1b\n\t"
                     "mov %0, x18"
                     : "=r"(at)::"x17", "x18", "memory");
    return at;
}

static uint64_t set_timer(uint64_t least_us, uint64_t most_us)
{
    uint64_t deadline =
        now_virtual() + microseconds(least_us) + random_below(microseconds(most_us - least_us));

    write_sysreg(CNTV_CVAL_EL0, deadline);
    write_sysreg(CNTV_CTL_EL0, 1);
    return deadline;
}

/* An early interrupt is a mistake of Ontime's, and no sample: its lateness would be a huge number. */
static void note_lateness(uint64_t at, uint64_t deadline)
{
    if (at < deadline)
        result(false, "never-early", ": %lu ticks\n", deadline - at);
    else
        stats_add(&samples, at - deadline);
}

static void measure_timers(void)
{
    uint64_t before;

    overhead = 0; /* there is one reading, and its instruction is part of the path */
    for (uint64_t n = 0; n < sample_count; n++) {
        uint64_t deadline = set_timer(20, 200);
        uint64_t at = wait_running(&before);
        note_lateness(at, deadline);
        timer_end();
    }
    report("timer-running", 1);
    for (uint64_t n = 0; n < sample_count; n++) {
        uint64_t deadline = set_timer(20, 200);
        uint64_t at = wait_sleeping();
        note_lateness(at, deadline);
        timer_end();
    }
    report("timer-out-of-wfi", 1);
}

/* ---- two CPUs */

static void wait_for(uint32_t sgi)
{
    uint32_t intid;

    while ((intid = gic_acknowledge()) != sgi)
        __asm__ volatile("wfi" ::: "memory");
    gic_end(intid);
}

static void pong(unsigned cpu)
{
    (void)cpu;
    gic_enable(SGI_PING);
    gic_send(0, SGI_PONG);
    for (;;) {
        wait_for(SGI_PING);
        gic_send(0, SGI_PONG);
    }
}

static void measure_pair(void)
{
    gic_enable(SGI_PONG);
    if (!ontime || cpu_start(1, pong) != 0)
        return;
    wait_for(SGI_PONG);
    MEASURE(gic_send(1, SGI_PING); wait_for(SGI_PONG));
    report("sgi-switch-wake", 2);
}

/* ---- two CPUs on two cores */

enum order { COMPUTE, WAIT, LEAVE };

static atomic_int order;
static atomic_ulong handled_at; /* by CPU 1, which sets it after the others */
static uint64_t out_at, entered_at;
static struct stats outs, sends;

/*
 * Reads the counter all the time until an interrupt. Returns the reading that the interrupt's vector made,
 * and in `before` the last reading before it. The interrupt may come between the loop's test and its reading:
 * then that one is later, and the one before it is meant.
 */
static uint64_t wait_reading(uint64_t *before)
{
    uint64_t at, last, earlier;

    __asm__ volatile("mov x18, #0\n\t"
                     "mrs %1, CNTVCT_EL0\n\t"
                     "msr DAIFClr, #2\n"
                     "1: mov %2, %1\n\t"
                     "mrs %1, CNTVCT_EL0\n\t"
                     "cbz x18, 1b\n\t"
                     "mov %0, x18"
                     : "=r"(at), "=&r"(last), "=&r"(earlier)::"x17", "x18", "memory");
    *before = last <= at ? last : earlier;
    return at;
}

/* What CPU 1 does until it is to leave: it is then switched off. */
static void serve(unsigned cpu)
{
    (void)cpu;
    entered_at = read_sysreg(TPIDR_EL0);
    write_sysreg(VBAR_EL1, (uintptr_t)path_vectors);
    gic_enable(SGI_PING);
    atomic_store(&handled_at, 1);
    while (atomic_load(&order) != LEAVE) {
        uint64_t before = 0;
        uint64_t at = atomic_load(&order) == COMPUTE ? wait_reading(&before) : wait_sleeping();

        gic_end(gic_acknowledge());
        out_at = before;
        atomic_store(&handled_at, at);
    }
}

static void wait_handled(void)
{
    while (atomic_load(&handled_at) == 0) {
    }
}

/* Long enough for CPU 1 to be where it waits, and not in step with it. */
static void pause(void)
{
    spin(microseconds(20) + random_below(microseconds(20)));
    atomic_store(&handled_at, 0);
}

/* Ends with an interrupt that CPU 1 takes under the order before. */
static void tell_order(enum order next)
{
    atomic_store(&order, next);
    pause();
    gic_send(1, SGI_PING);
    wait_handled();
}

static void measure_sgi(const char *name)
{
    for (uint64_t n = 0; n < sample_count; n++) {
        pause();
        uint64_t begin = reading();
        gic_send(1, SGI_PING);
        stats_add(&sends, reading() - begin);
        wait_handled();
        stats_add(&samples, atomic_load(&handled_at) - begin);
        stats_add(&outs, atomic_load(&handled_at) - out_at);
    }
    report(name, 1);
}

static bool start_other(void)
{
    overhead = 0; /* an instant of the one CPU less an instant of the other */
    if (cpu_start(1, serve) != 0) {
        result(false, "cpu-on", ": refused\n");
        return false;
    }
    wait_handled();
    return true;
}

static void measure_on(void)
{
    for (uint64_t n = 0; n < sample_count; n++) {
        while (psci(PSCI_AFFINITY_INFO, 1, 0, 0) != 1) {
        }
        pause();
        uint64_t begin = reading();
        if (quick_call(PSCI_CPU_ON, 1, (uintptr_t)path_entry) != 0) {
            result(false, "cpu-on", ": refused\n");
            return;
        }
        wait_handled();
        stats_add(&samples, entered_at - begin);
    }
    report("cpu-on", 1);
}

static void measure_cores(void)
{
    if (!start_other())
        return;
    tell_order(COMPUTE);
    measure_sgi("sgi-core-runs");
    report_of(&outs, "kick-to-entry", 1);
    report_of(&sends, "sgi-core-send", 1);
    tell_order(WAIT);
    measure_sgi("sgi-core-blocked");
    tell_order(LEAVE);
    measure_on();
}

static void measure_out_on_core(void)
{
    spin(microseconds(300000)); /* Ontime is loading the other guest */
    atomic_store(&order, WAIT);
    if (start_other())
        measure_sgi("sgi-core-out");
}

/* ---- a link to another guest */

/* What the link's memory holds: the orders of who rings, and when the other one has taken a ring. */
struct shared {
    atomic_int ready, order;
    atomic_ulong handled_at; /* 0: not yet */
};

#define QUEUE_NOTIFY 0x050 /* of virtio-mmio */
#define GICD_CONFIG  0xC00

static struct link link;
static struct shared *shared;
static bool by_virtio;

static bool open_link(void)
{
    bool found = link_open(0, &link);

    result(found, "link", ": there is none\n");
    shared = (struct shared *)(uintptr_t)link.memory;
    by_virtio = option("virtio");
    if (by_virtio && option("rung")) {
        mmio_write(GUEST_GICD_BASE + GICD_CONFIG + GUEST_INTID_SERVICES / 16 * 4, 0xAAAAAAAA); /* edges */
        gic_enable(GUEST_INTID_SERVICES);
    }
    return found;
}

static void ring(void)
{
    if (!by_virtio) {
        link_ring(&link);
        return;
    }
    __asm__ volatile("dsb sy" ::: "memory");
    mmio_write(GUEST_VIRTIO_BASE + QUEUE_NOTIFY, 0);
}

/* On one core who rings waits for an answer, as it gives the core away meanwhile. */
static _Noreturn void be_rung(bool answers)
{
    if (by_virtio) /* what has happened before this guest began has no interrupt */
        (void)mmio_read(GUEST_SERVICE_BASE + ONTIME_SERVICE_PENDING);
    atomic_store(&shared->ready, 1);
    for (;;) {
        uint64_t before;
        uint64_t at = atomic_load(&shared->order) == COMPUTE ? wait_reading(&before) : wait_sleeping();

        gic_end(gic_acknowledge());
        if (by_virtio)
            (void)mmio_read(GUEST_SERVICE_BASE + ONTIME_SERVICE_PENDING);
        atomic_store(&shared->handled_at, at);
        if (answers)
            link_ring(&link);
        if ((link_read(&link, ONTIME_LINK_FLAGS) & ONTIME_LINK_WARPS) != 0)
            (void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0);
    }
}

static void wait_until_rung(bool one_core)
{
    if (one_core)
        wait_for(link.intid);
    while (atomic_load(&shared->handled_at) == 0) {
    }
}

static void measure_rings(const char *name, enum order next, bool one_core)
{
    int samples_left = (int)sample_count;

    for (; samples_left >= 0; samples_left--) {
        bool first = samples_left == (int)sample_count; /* the ring that tells the order */

        if (first)
            atomic_store(&shared->order, next);
        spin(microseconds(20) + random_below(microseconds(20)));
        atomic_store(&shared->handled_at, 0);
        uint64_t begin = reading();
        ring();
        uint64_t end = reading();
        wait_until_rung(one_core);
        if (first)
            continue;
        stats_add(&sends, end - begin);
        stats_add(&samples, atomic_load(&shared->handled_at) - begin);
    }
    report(name, 1);
}

static void measure_link(bool one_core)
{
    overhead = 0;
    while (atomic_load(&shared->ready) == 0)
        spin(microseconds(1000));
    spin(microseconds(20000));
    while (gic_acknowledge() == link.intid) /* the other guest has started */
        gic_end(link.intid);
    if (one_core) {
        measure_rings(by_virtio ? "virtio-notify-switch" : "link-ring-switch", WAIT, true);
        return;
    }
    if (option("out")) {
        measure_rings("link-ring-wfi-warp", WAIT, false);
        measure_rings("link-ring-busy-warp", COMPUTE, false);
        return;
    }
    measure_rings(by_virtio ? "virtio-notify" : "link-ring", COMPUTE, false);
    report_of(&sends, by_virtio ? "virtio-notify-send" : "link-ring-send", 1);
    measure_rings(by_virtio ? "virtio-notify-blocked" : "link-ring-blocked", WAIT, false);
}

/* ---- beside another guest */

enum say { BY_CALL, BY_PAGE };

static void say_deadline(enum say say, uint64_t deadline)
{
    if (say == BY_PAGE)
        deadline_page.deadline = deadline;
    else
        (void)quick_call(ONTIME_CALL_ARM, deadline, 0);
}

static void say_done(enum say say)
{
    if (say == BY_PAGE)
        deadline_page.deadline = ONTIME_NO_DEADLINE;
    if (say == BY_CALL || deadline_page.warped != 0)
        (void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0);
}

static uint32_t entered[GAPS_MAX], left[GAPS_MAX];
static unsigned turns;

/* The guest waits, and the other one has the core. Notes this guest's first and last instants in the core. */
static void measure_waiting(enum say say, const char *name)
{
    turns = 0;
    for (uint64_t n = 0; n < sample_count; n++) {
        uint64_t deadline = set_timer(200, 1200);
        say_deadline(say, deadline);
        if (turns > 0 && turns <= GAPS_MAX)
            left[turns - 1] = (uint32_t)now_virtual();
        uint64_t at = wait_sleeping();
        if (turns < GAPS_MAX)
            entered[turns++] = (uint32_t)at;
        note_lateness(at, deadline);
        timer_end();
        if (say == BY_PAGE)
            say_done(say);
    }
    report(name, 1);
}

/* The guest computes. Only those deadlines count that come while it is out. */
static void measure_out(enum say say, const char *name)
{
    uint64_t before;

    while (samples.kept < sample_count / 2) {
        uint64_t deadline = set_timer(100, 12000);
        say_deadline(say, deadline);
        uint64_t at = wait_running(&before);
        if (before + SEEN_TICKS < deadline)
            note_lateness(at, deadline);
        timer_end();
        say_done(say);
    }
    report(name, 1);
}

static void print_turns(void)
{
    for (unsigned i = 0; i + 1 < turns; i++)
        print("turn %u %u\n", entered[i], left[i]);
}

static void wait_for_silence(void)
{
    uint64_t until = microseconds(1000 * (option_number("until-ms", 0) + 1000));

    write_sysreg(CNTV_CVAL_EL0, until);
    write_sysreg(CNTV_CTL_EL0, 1);
    while (now_virtual() < until)
        (void)wait_sleeping();
    timer_end();
}

static void measure_beside(void)
{
    overhead = 0;
    spin(microseconds(300000)); /* Ontime is loading the other guest */
    measure_waiting(BY_CALL, "beside-wfi-call");
    wait_for_silence();
    print_turns();
    measure_out(BY_CALL, "beside-busy-call");
    if (!has_page)
        return;
    measure_waiting(BY_PAGE, "beside-wfi-page");
    measure_out(BY_PAGE, "beside-busy-page");
}

/* This is the other guest, a hog. It notes when it was out. */
static _Noreturn void note_gaps(uint64_t until)
{
    uint64_t last = now_virtual();

    turns = 0;
    while (last < until) {
        uint64_t now = read_sysreg(CNTVCT_EL0);
        if (now - last > GAP_TICKS && turns < GAPS_MAX) {
            left[turns] = (uint32_t)last;
            entered[turns++] = (uint32_t)now;
        }
        last = now;
    }
    for (unsigned i = 0; i < turns; i++)
        print("gap %u %u\n", left[i], entered[i]);
    for (;;)
        work(1000);
}

void guest_main(void)
{
    ontime = ontime_present();
    has_page = ontime && page_offer();
    sample_count = option_number("samples", 2000);
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    gic_enable(SGI_PING);
    if (option("gaps"))
        note_gaps(microseconds(1000 * option_number("until-ms", 0)));
    while (option("hog"))
        work(1000000);
    write_sysreg(VBAR_EL1, (uintptr_t)path_vectors);
    if (option("rung") && open_link())
        be_rung(option("one-core"));
    measure_overhead();
    if (option("beside")) {
        measure_beside();
    } else if (option("cores")) {
        measure_cores();
    } else if (option("rings")) {
        if (open_link())
            measure_link(option("one-core"));
    } else if (option("out")) {
        measure_out_on_core();
    } else {
        if (ontime)
            measure_calls();
        measure_devices();
        measure_pair();
        measure_timers();
    }
    result(true, "measured", "\n");
}
