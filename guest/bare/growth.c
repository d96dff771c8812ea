// SPDX-License-Identifier: Apache-2.0
/*
 * One of many guests, which together show how the cost of Ontime's work grows with their number. One guest
 * computes, and notes when it was out of the CPU. The others wait for deadlines, and each of them has the
 * same number armed at all times. Each millisecond one deadline of one guest is reached, and is armed anew
 * behind all others. Before all that, one guest arms its deadlines in random order and measures how long the
 * calls take.
 *
 * Boot arguments: deadlines=N, armed by each guest; of=N, the guests that wait; number=N, which of them this
 * is (absent: the one that computes); from-ms=N and until-ms=N, by the counter; arming (this one measures the
 * calls). It prints, in ticks of the counter, `arm N of M` (M calls took N), `out FROM TO` (the guest that
 * computes) and `in FROM TO late N` (the others).
 */
#include "bare.h"
#include "ontime/abi.h"

#define GAP_TICKS 20u /* two readings that are further apart than this have a gap between them */
#define NOTES_MAX 2048u
#define ARMINGS   2000u

static struct note {
    uint64_t from, to;
    uint64_t late;
} notes[NOTES_MAX];
static unsigned note_count;
static uint64_t deadlines, waiting, from, until, millisecond;
static uint64_t deadline[ONTIME_DEADLINES];

static void arm(uint64_t id, uint64_t when)
{
    deadline[id] = when;
    if (quick_call(ONTIME_CALL_ARM, when, id) != ONTIME_OK)
        result(false, "arm", ": refused\n");
}

/* Arms a deadline so far off that it is never reached. */
static void arm_some_time(uint64_t id)
{
    arm(id, until + (UINT64_C(1) << 40) + random_below(UINT64_C(1) << 31));
}

/* Begins 200 ms before from-ms, when the other guests have booted and armed their deadlines. */
static void measure_arming(void)
{
    uint64_t sum = 0;

    while (now_virtual() < from - 200 * millisecond)
        work(100);
    for (unsigned n = 0; n < ARMINGS; n++) {
        uint64_t id = random_below(deadlines), begin = now_virtual();
        arm_some_time(id);
        sum += now_virtual() - begin;
    }
    print("arm %lu of %u\n", sum, ARMINGS);
}

static void compute(void)
{
    while (now_virtual() < from)
        work(100);
    for (uint64_t last = now_virtual(); last < until;) {
        uint64_t now = read_sysreg(CNTVCT_EL0);
        if (now - last > GAP_TICKS && note_count < NOTES_MAX)
            notes[note_count++] = (struct note){.from = last, .to = now};
        last = now;
    }
}

/* Interrupts are masked. WFI ends all the same, and the next reading is the first instant in the core. */
static uint64_t wait_until(uint64_t when, uint64_t *left)
{
    uint64_t at;

    write_sysreg(CNTV_CVAL_EL0, when);
    write_sysreg(CNTV_CTL_EL0, 1);
    *left = now_virtual();
    do {
        __asm__ volatile("wfi" ::: "memory");
        at = now_virtual();
    } while (at < when);
    return at;
}

static void wait_for_deadlines(uint64_t number)
{
    uint64_t left;
    struct note *note = NULL;

    for (uint64_t id = 0; id < deadlines; id++)
        arm(id, from + (id * waiting + number) * millisecond);
    for (uint64_t id = 0; deadline[id] < until; id = (id + 1) % deadlines) {
        uint64_t at = wait_until(deadline[id], &left);
        if (note != NULL)
            note->to = left;
        timer_end();
        note = &notes[note_count < NOTES_MAX ? note_count++ : 0];
        *note = (struct note){at, at, at - deadline[id]};
        arm(id, deadline[id] + waiting * deadlines * millisecond);
    }
    if (note_count > 0)
        note_count--; /* the guest has not left the core since the last note */
}

void guest_main(void)
{
    millisecond = microseconds(1000);
    deadlines = option_number("deadlines", 1);
    waiting = option_number("of", 1);
    from = option_number("from-ms", 0) * millisecond;
    until = option_number("until-ms", 0) * millisecond;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    for (uint64_t id = 0; id < deadlines; id++)
        arm_some_time(id);
    if (option("arming"))
        measure_arming();
    if (option("number"))
        wait_for_deadlines(option_number("number", 0));
    else
        compute();
    while (now_virtual() < until + 100 * millisecond)
        work(100);
    for (unsigned i = 0; i < note_count; i++) {
        if (option("number"))
            print("in %lu %lu late %lu\n", notes[i].from, notes[i].to, notes[i].late);
        else
            print("out %lu %lu\n", notes[i].from, notes[i].to);
    }
    result(note_count < NOTES_MAX, "room-for-notes", ": there is none\n");
}
