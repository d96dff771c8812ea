// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that looks whether others harm it. It fills a piece of RAM, its general and SIMD registers, and
 * those system registers that it does not use itself, and compares them over and over. Between, it sets its
 * timer for a random instant within 5 ms, and computes until the interrupt: how late is it, and is it early?
 * Who lost the CPU before it could say its deadline, and says one that is past, is late from that moment on.
 *
 * It never ends. Every 100 ms it prints
 * `victim: n N early N memory N registers N system N max-us N run N of N.`: sleeps, early ones, words of RAM,
 * general and SIMD registers, and system registers that had changed, the largest lateness, and its CPU time
 * and the time since its beginning in ticks.
 *
 * Boot arguments: seed=N; precise: it says its deadlines by call.
 */
#include "bare.h"
#include "ontime/abi.h"

#define WORDS      0x20000u /* 1 MiB */
#define WORDS_ONCE 0x100u
#define SYSTEM     10u

static uint64_t memory[WORDS];
static uint64_t in[31 + 64], out[31 + 64];
static volatile bool woken;
static volatile uint64_t woken_at;

/* Loads X0 to X28 and all SIMD registers from `in`, waits until `woken`, and stores them to `out`. */
void victim_hold(const uint64_t *in, uint64_t *out, volatile bool *woken);

/* clang-format off */
__asm__(
    ".arch_extension fp\n.arch_extension simd\n"
    ".text\n.global victim_hold\n"
    "victim_hold:\n"
    "    sub sp, sp, #128\n"
    "    stp x19, x20, [sp]\n    stp x21, x22, [sp, #16]\n    stp x23, x24, [sp, #32]\n"
    "    stp x25, x26, [sp, #48]\n    stp x27, x28, [sp, #64]\n    stp x29, x30, [sp, #80]\n    stp x1, x2, [sp, #96]\n"
    "    mov x29, x0\n    mov x30, x2\n"
    "    add x1, x29, #248\n"
    "    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30\n"
    "    ldr q\\n, [x1, #16 * \\n]\n"
    "    .endr\n"
    "    .irp n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31\n"
    "    ldr q\\n, [x1, #16 * \\n]\n"
    "    .endr\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28\n"
    "    ldr x\\n, [x29, #8 * \\n]\n"
    "    .endr\n"
    "1:  ldrb w29, [x30]\n    cbz w29, 1b\n"
    "    ldr x29, [sp, #96]\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28\n"
    "    str x\\n, [x29, #8 * \\n]\n"
    "    .endr\n"
    "    add x1, x29, #248\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "    str q\\n, [x1, #16 * \\n]\n"
    "    .endr\n"
    "    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n"
    "    str q\\n, [x1, #16 * \\n]\n"
    "    .endr\n"
    "    ldp x19, x20, [sp]\n    ldp x21, x22, [sp, #16]\n    ldp x23, x24, [sp, #32]\n"
    "    ldp x25, x26, [sp, #48]\n    ldp x27, x28, [sp, #64]\n    ldp x29, x30, [sp, #80]\n"
    "    add sp, sp, #128\n    ret\n");
/* clang-format on */

static void timer_interrupt(void)
{
    woken_at = now_virtual();
    timer_end();
    woken = true;
}

static uint64_t pattern(uint64_t number)
{
    return (number + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static unsigned compare_memory(void)
{
    static unsigned at;
    unsigned wrong = 0;

    for (unsigned n = 0; n < WORDS_ONCE; n++, at = (at + 1) % WORDS) {
        wrong += memory[at] != pattern(at);
        memory[at] = pattern(at);
    }
    return wrong;
}

static unsigned compare_registers(void)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(in); i++) {
        wrong += i < 29 || i >= 31 ? in[i] != out[i] : 0;
        in[i] = pattern(in[i]);
    }
    return wrong;
}

#define EACH(name)                                                                                           \
    do {                                                                                                     \
        uint64_t got_ = read_sysreg(name);                                                                   \
        wrong += got_ != wanted[n];                                                                          \
        write_sysreg(name, pattern(got_));                                                                   \
        wanted[n++] = read_sysreg(name);                                                                     \
    } while (0)

static unsigned compare_system(void)
{
    static uint64_t wanted[SYSTEM];
    unsigned wrong = 0, n = 0;

    EACH(TPIDR_EL0);
    EACH(TPIDRRO_EL0);
    EACH(SP_EL0);
    EACH(CONTEXTIDR_EL1);
    EACH(TTBR1_EL1);
    EACH(AMAIR_EL1);
    EACH(PAR_EL1);
    EACH(DBGBVR0_EL1);
    EACH(DBGWVR0_EL1);
    EACH(CNTP_CVAL_EL0);
    return wrong;
}

void guest_main(void)
{
    bool precise = option("precise");
    uint64_t early = 0, memory_wrong = 0, registers_wrong = 0, system_wrong = 0, late_max = 0, n = 0;
    uint64_t begin = now_virtual(), told = begin, run = ontime_stat(ONTIME_STAT_RUN_TICKS);

    for (unsigned i = 0; i < WORDS; i++)
        memory[i] = pattern(i);
    for (unsigned i = 0; i < ARRAY_SIZE(in); i++)
        in[i] = pattern(i);
    (void)compare_system();
    on_irq = timer_interrupt;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (;; n++) {
        uint64_t deadline = now_virtual() + random_below(microseconds(5000)), due;

        woken = false;
        if (precise)
            (void)quick_call(ONTIME_CALL_ARM, deadline, 0);
        due = now_virtual();
        due = due > deadline ? due : deadline;
        write_sysreg(CNTV_CVAL_EL0, deadline);
        write_sysreg(CNTV_CTL_EL0, 1);
        irq_enable();
        victim_hold(in, out, &woken);
        irq_disable();
        early += woken_at < deadline;
        if (woken_at > due && woken_at - due > late_max)
            late_max = woken_at - due;
        if (precise)
            (void)quick_call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0);
        memory_wrong += compare_memory();
        registers_wrong += compare_registers();
        system_wrong += compare_system();
        if (now_virtual() - told < microseconds(100000))
            continue;
        told = now_virtual();
        print("victim: n %lu early %lu memory %lu registers %lu system %lu max-us %lu run %lu of %lu.\n", n,
              early, memory_wrong, registers_wrong, system_wrong,
              late_max * 1000000 / read_sysreg(CNTFRQ_EL0), ontime_stat(ONTIME_STAT_RUN_TICKS) - run,
              told - begin);
    }
}
