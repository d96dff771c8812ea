// SPDX-License-Identifier: Apache-2.0
/*
 * Checks self-hosted debug: software step, breakpoints and watchpoints at EL1. Guests that do so run beside
 * each other with the same addresses, and beside one that does not debug, which must not be stopped.
 *
 * Boot arguments: ms=N, how long; plain: does not debug; uart-reads: steps over loads from a device, too.
 */
#include "bare.h"

#define CLASS_BREAKPOINT 0x31u
#define CLASS_STEP       0x33u
#define CLASS_WATCHPOINT 0x35u
#define CLASS_BRK        0x3Cu

#define MDSCR_SS  (1u << 0)
#define MDSCR_KDE (1u << 13)
#define MDSCR_MDE (1u << 15)
#define SPSR_D    (1u << 9)
#define SPSR_SS   (1u << 21)
#define BCR_EL1   (1u | 1u << 1 | 0xFu << 5)
#define WCR_EL1   (1u | 1u << 1 | 2u << 3 | 0xFFu << 5) /* stores */

static volatile struct {
    unsigned breakpoints, watchpoints, steps;
    uint64_t last_pc, far;
    uint64_t step_from, step_to;
    unsigned strange_steps;
} seen;

static volatile uint64_t watched[2];
static unsigned breakpoint_count;

/* Enables or disables the last breakpoint, so that all are tried that there are between it and the first. */
static void last_breakpoint(uint64_t address, uint64_t control)
{
    switch (breakpoint_count) {
    case 6:
        write_sysreg(DBGBVR5_EL1, address);
        write_sysreg(DBGBCR5_EL1, control);
        break;
    case 16:
        write_sysreg(DBGBVR15_EL1, address);
        write_sysreg(DBGBCR15_EL1, control);
        break;
    default:
        write_sysreg(DBGBVR1_EL1, address);
        write_sysreg(DBGBCR1_EL1, control);
        break;
    }
}

static bool debug_exception(unsigned class, uint64_t *pc, uint64_t *pstate)
{
    switch (class) {
    case CLASS_BREAKPOINT:
        seen.breakpoints++;
        seen.last_pc = *pc;
        write_sysreg(DBGBCR0_EL1, 0);
        last_breakpoint(0, 0);
        return true;
    case CLASS_WATCHPOINT:
        seen.watchpoints++;
        seen.far = read_sysreg(FAR_EL1);
        write_sysreg(DBGWCR0_EL1, 0);
        return true;
    case CLASS_BRK: /* begins to step after it */
        *pc += 4;
        *pstate = (*pstate & ~(uint64_t)SPSR_D) | SPSR_SS;
        seen.step_from = *pc;
        write_sysreg(MDSCR_EL1, MDSCR_KDE | MDSCR_SS);
        return true;
    case CLASS_STEP:
        seen.steps++;
        seen.strange_steps += *pc != seen.step_from + 4ull * seen.steps;
        if (*pc >= seen.step_to) {
            write_sysreg(MDSCR_EL1, 0);
            *pstate |= SPSR_D;
        } else {
            *pstate |= SPSR_SS;
        }
        return true;
    default:
        return false;
    }
}

/* What is stepped over: instructions that do not trap, and some that EL2 carries out. */
__attribute__((noinline)) static void stepped(void)
{
    uint64_t end, x;

    __asm__ volatile("adr %0, 1f" : "=r"(end));
    seen.step_to = end;
    __asm__ volatile("brk #0\n\t"
                     "nop\n\t"
                     "mrs %0, ID_AA64PFR0_EL1\n\t" /* HCR_EL2.TID3 */
                     "mrs %0, CNTP_CTL_EL0\n\t"
                     "mrs %0, MDSCR_EL1\n\t"
                     "ldr %w0, [%1]\n\t" /* a device */
                     "mov x0, %2\n\t"
                     "hvc #0\n\t" /* PSCI_VERSION */
                     "nop\n"
                     "1:\tnop"
                     : "=&r"(x)
                     : "r"((uintptr_t)GUEST_UART_BASE + UART_FR), "r"((uint64_t)PSCI_VERSION)
                     : "x0", "x1", "x2", "x3", "memory");
}
#define STEPS 8u

__attribute__((noinline)) static void stopped_at(unsigned value)
{
    watched[0] = value;
    __asm__ volatile("" ::: "memory");
}

static void debug_on(void)
{
    __asm__ volatile("msr DAIFClr, #8\n\tisb" ::: "memory");
}

static void debug_off(void)
{
    __asm__ volatile("msr DAIFSet, #8\n\tisb" ::: "memory");
}

/* One round: each of the three is set, time passes in which others run, each is hit once. */
static bool debug_round(uint64_t pause, bool last)
{
    uint64_t place = (uintptr_t)stopped_at;

    seen.breakpoints = seen.watchpoints = seen.steps = seen.strange_steps = 0;
    seen.last_pc = seen.far = 0;
    write_sysreg(MDSCR_EL1, MDSCR_KDE | MDSCR_MDE);
    if (last) {
        last_breakpoint(place, BCR_EL1);
    } else {
        write_sysreg(DBGBVR0_EL1, place);
        write_sysreg(DBGBCR0_EL1, BCR_EL1);
    }
    write_sysreg(DBGWVR0_EL1, (uintptr_t)&watched[0]);
    write_sysreg(DBGWCR0_EL1, WCR_EL1);
    spin(pause);
    debug_on();
    watched[1] = 1; /* beside what is watched */
    stopped_at(3);
    stopped_at(4); /* both are off by now */
    debug_off();
    write_sysreg(MDSCR_EL1, 0);
    stepped();
    return seen.breakpoints == 1 && seen.last_pc == place && seen.watchpoints == 1 &&
           seen.far == (uintptr_t)&watched[0] && watched[0] == 4 && seen.steps == STEPS &&
           seen.strange_steps == 0;
}

static void complain(unsigned round)
{
    print("round %u: %u breakpoints at 0x%lx, %u watchpoints at 0x%lx, %u steps, %u strange\n", round,
          seen.breakpoints, seen.last_pc, seen.watchpoints, seen.far, seen.steps, seen.strange_steps);
}

/* Locked, nothing is hit. */
static void check_lock(void)
{
    seen.breakpoints = 0;
    write_sysreg(MDSCR_EL1, MDSCR_KDE | MDSCR_MDE);
    write_sysreg(DBGBVR0_EL1, (uintptr_t)stopped_at);
    write_sysreg(DBGBCR0_EL1, BCR_EL1);
    write_sysreg(OSLAR_EL1, 1);
    expect_equal("locked", read_sysreg(OSLSR_EL1) & 2, 2);
    debug_on();
    stopped_at(1);
    debug_off();
    if (ontime_present()) /* QEMU alone does not look at the lock */
        expect_equal("locked-not-hit", seen.breakpoints, 0);
    write_sysreg(OSLAR_EL1, 0);
    expect_equal("unlocked", read_sysreg(OSLSR_EL1) & 2, 0);
    debug_on();
    stopped_at(1);
    debug_off();
    expect_equal("unlocked-hit", seen.breakpoints, 1);
    write_sysreg(MDSCR_EL1, 0);
}

void guest_main(void)
{
    bool plain = option("plain");
    uint64_t end = now_virtual() + microseconds(1000 * option_number("ms", 300));
    unsigned rounds = 0, wrong = 0;

    breakpoint_count = (unsigned)(read_sysreg(ID_AA64DFR0_EL1) >> 12 & 15) + 1;
    irq_disable();
    if (plain) {
        debug_on();
        for (; now_virtual() < end; rounds++)
            stopped_at(rounds);
        result(rounds > 1000, "plain", ": %u rounds\n", rounds);
        return;
    }
    expect_equal("locked-at-reset", read_sysreg(OSLSR_EL1) & 2, 2);
    write_sysreg(OSLAR_EL1, 0);
    on_debug = debug_exception;
    check_lock();
    for (; now_virtual() < end; rounds++) {
        bool right = debug_round(microseconds(random_below(8000)), rounds % 2 != 0);

        if (!right && wrong++ < 5)
            complain(rounds);
    }
    result(wrong == 0 && rounds > 5, "debug", ": %u of %u rounds\n", wrong, rounds);
}
