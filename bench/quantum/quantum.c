// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin for QEMU 10: under -icount the cores of a machine take short turns, and time passes as if they ran
 * at once.
 *
 *     qemu-system-aarch64 -smp 4 -icount shift=3,sleep=off -plugin quantum.so[,turn=50][,report=on] ...
 *
 * What QEMU does. One thread executes all cores, one after the other. There is one clock, which each
 * instruction of any core advances by 2^shift ns. A core keeps the thread until the next timer, unless it
 * executes WFI, WFE or YIELD.
 *
 * What the plugin does. An instruction takes 2^shift ns of a core's own time, and the cores' times pass side
 * by side. A *round* is a span of `turn` instructions' time. In a round each core that can run executes until
 * its own time is at the round's end; it gives way at the end of the translation block in which it gets
 * there. When all are there, so is the clock, and the next round begins. Until then each instruction advances
 * the clock by less, the more cores run: with two by a half, with four by a quarter of its time. That is a
 * change of QEMU's shift. What is missing at the end of the round, as halves and quarters do not fit or a
 * core went to sleep, the clock leaps. What it is ahead by, as a core woke up in the middle, is taken off the
 * next round. It never goes back, and is one for all cores.
 *
 * A core that runs alone runs as it would without the plugin, to the instruction: it is not interrupted, and
 * the shift is QEMU's. A core that executes WFE or YIELD has no more to do in the round.
 *
 * The error. What a core does to another, by memory, by an SGI or by a timer, the other sees when it has the
 * thread: up to a round later. Between two readings of the clock a core finds the time of its own
 * instructions, with the same error. A translation block that is longer than a turn makes a longer round.
 *
 * What it takes from QEMU: bench/plugin/qemu.h. cpu_exit() ends a turn, cpu_thread_is_idle() tells which
 * cores can run.
 *
 * Threads. QEMU's one thread for all cores calls execute(). Its main thread reads the clock under QEMU's
 * big lock; so shift and bias are changed together under that lock, and the bias alone by one store.
 *
 * Units: nanoseconds, instructions.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "qemu.h"

#define MAX_CORES     64u
#define DEFAULT_TURN  50
#define LEAST_TURN    10
#define GREATEST_TURN 10000
#define YIELD         0xD503203Fu
#define WFE           0xD503205Fu

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

/* ---- what is taken from QEMU */

const char plugin_name[] = "quantum";

static struct {
    void (*cpu_exit)(struct qemu_cpu *cpu);
    bool (*cpu_thread_is_idle)(struct qemu_cpu *cpu);
    struct qemu_cpu *(*get_cpu)(int index);
    struct qemu_cpu **current; /* of the thread that executes the cores */
    void (*lock)(const char *file, int line);
    void (*unlock)(void);
    struct qemu_clock clock;
} qemu;

static bool find_functions(void)
{
    const struct qemu_function wanted[] = {
        {"cpu_exit", &qemu.cpu_exit},    {"cpu_thread_is_idle", &qemu.cpu_thread_is_idle},
        {"qemu_get_cpu", &qemu.get_cpu}, {"bql_lock_impl", &qemu.lock},
        {"bql_unlock", &qemu.unlock},
    };

    return qemu_find_functions(wanted, sizeof(wanted) / sizeof(wanted[0])) &&
           qemu_find("current_cpu") != NULL;
}

/* ---- turns */

struct core {
    struct qemu_cpu *cpu;
    int64_t reached; /* its own time; before the round's beginning: it has waited since then */
};

static struct core cores[MAX_CORES];
static unsigned core_count;
static int64_t turn_length = DEFAULT_TURN;
static int full_shift; /* of a core that runs alone: 2^full_shift ns are an instruction's time */

static struct {
    int64_t began, ends;
} round_now;

static struct {
    struct core *core; /* whose turn it is */
    int64_t began;     /* *qemu.clock.count then */
    int64_t left; /* instructions, by whole translation blocks, until it looks whether another core can run */
    int64_t bias; /* as we left it: QEMU changes it only when all cores wait and it skips that time */
    int64_t count;    /* as it was last seen; changes when the core enters QEMU */
    bool over;        /* it was told to give way */
    bool gives_way;   /* its last block ends with YIELD or WFE, at which QEMU ends the turn */
    bool alone;       /* no other core could run when it last looked */
    bool other_shift; /* it began with another shift than QEMU had counted the instructions by, that it may
                       * execute until the next timer */
} turn;

static struct {
    uint64_t turns, rounds, leaps, shifts, asks;
    int64_t longest, leapt, ahead;
} totals;

static int64_t time_of(int64_t instructions)
{
    return instructions << full_shift;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool can_run(const struct core *core)
{
    return !qemu.cpu_thread_is_idle(core->cpu);
}

static bool others_can_run(const struct core *self)
{
    for (const struct core *core = cores; core < cores + core_count; core++)
        if (core != self && can_run(core))
            return true;
    return false;
}

/* Makes the clock `now` at this count, and what it advances by with an instruction 2^shift. */
static void set_clock(int64_t now, int64_t count, int shift)
{
    int64_t bias = now - (count << shift);

    if (shift != *qemu.clock.shift) {
        totals.shifts++;
        qemu.lock(__FILE__, __LINE__);
        __atomic_store_n(qemu.clock.shift, (int16_t)shift, __ATOMIC_RELAXED);
        __atomic_store_n(qemu.clock.bias, bias, __ATOMIC_RELAXED);
        qemu.unlock();
    } else if (bias != *qemu.clock.bias) {
        __atomic_store_n(qemu.clock.bias, bias, __ATOMIC_RELAXED);
    }
    turn.bias = bias;
}

/* What is left to execute in this round, of all cores that can run, in time of theirs. */
static int64_t left_in_round(int64_t now)
{
    int64_t left = 0;

    for (const struct core *core = cores; core < cores + core_count; core++) {
        int64_t reached = core->reached < round_now.began ? now : core->reached;

        if (reached < round_now.ends && can_run(core))
            left += round_now.ends - reached;
    }
    return left;
}

/* A core whose last translation block was longer than a turn is waited for by the others. */
static void begin_round(int64_t begin)
{
    totals.rounds++;
    round_now.began = begin;
    round_now.ends = begin + time_of(turn_length);
    for (const struct core *core = cores; core < cores + core_count; core++)
        round_now.ends = greater(round_now.ends, core->reached);
}

/* The round is over when all cores that can run have reached its end. Returns the time, which leaps what is
 * missing. */
static int64_t end_round(int64_t now)
{
    totals.ahead = greater(totals.ahead, now - round_now.ends);
    if (now < round_now.ends) {
        totals.leaps++;
        totals.leapt += round_now.ends - now;
        now = round_now.ends;
    }
    begin_round(round_now.ends);
    return now;
}

/* The shift with which the clock is at the round's end, or before, when all have executed what is left. */
static int shift_for(int64_t now)
{
    int64_t instructions = left_in_round(now) >> full_shift;
    int shift = full_shift;

    while (shift > 0 && instructions << shift > round_now.ends - now)
        shift--;
    return shift;
}

/* A turn begins with a core's first translation block in it. Nothing of the block is in *qemu.clock.count
 * yet. */
static void begin_turn(struct core *core)
{
    int64_t count = *qemu.clock.count;
    int64_t now = *qemu.clock.bias + (count << *qemu.clock.shift);
    int64_t length = count - turn.began;

    totals.turns++;
    if (!turn.alone)
        totals.longest = greater(totals.longest, length);
    turn.core->reached += time_of(length);
    if (turn.gives_way)
        turn.core->reached = greater(turn.core->reached, round_now.ends);
    if (turn.alone || *qemu.clock.bias != turn.bias)
        begin_round(now);
    else if (left_in_round(now) == 0)
        now = end_round(now);
    if (core->reached < round_now.began)
        core->reached = now;
    int shift = shift_for(now);
    turn.other_shift = shift != *qemu.clock.shift;
    set_clock(now, count, shift);
    turn.core = core;
    turn.began = turn.count = count;
    turn.left = (round_now.ends - core->reached) >> full_shift;
    turn.over = turn.alone = turn.gives_way = false;
}

/* The core has reached the round's end, or it is alone and entered QEMU, which may have made another core
 * runnable. A turn with another shift ends here in any case: QEMU would let the core run past the next timer.
 */
static void look_around(void)
{
    turn.count = *qemu.clock.count;
    turn.left = turn_length;
    if (*qemu.clock.shift == full_shift && !turn.other_shift && !others_can_run(turn.core)) {
        turn.alone = true;
        return;
    }
    totals.asks++;
    turn.over = true;
    qemu.cpu_exit(turn.core->cpu);
}

static void begin(void)
{
    qemu.current = qemu_find("current_cpu"); /* this thread's */
    full_shift = *qemu.clock.shift;
    for (unsigned i = 0; i < core_count; i++)
        cores[i].cpu = qemu.get_cpu((int)i);
    turn.core = cores;
    turn.began = *qemu.clock.count;
    turn.over = true;
    turn.alone = true;
}

static struct core *running_core(void)
{
    for (unsigned i = 0; i < core_count; i++)
        if (cores[i].cpu == *qemu.current)
            return &cores[i];
    plugin_complain("a core that was not there at the start");
    abort();
}

/*
 * After YIELD or WFE the core comes here in a new turn, when what it executed has been counted, or in the
 * same one, when the instruction was trapped.
 */
static bool gave_way(void)
{
    if (turn.gives_way && *qemu.clock.count == turn.count)
        turn.gives_way = false;
    return turn.gives_way && !turn.alone;
}

/* Before each translation block. */
static void execute(int64_t instructions, bool gives_way)
{
    if (qemu.current == NULL)
        begin();
    if (*qemu.current != turn.core->cpu || turn.over || *qemu.clock.bias != turn.bias || gave_way())
        begin_turn(running_core());
    turn.left -= instructions;
    if (turn.left <= 0 || (turn.alone && *qemu.clock.count != turn.count))
        look_around();
    if (gives_way) {
        turn.gives_way = true;
        turn.count = *qemu.clock.count;
    }
}

/* The interface's number of the vCPU is wrong without MTTCG. */
static void execute_plain(unsigned cpu_index, void *instructions)
{
    (void)cpu_index;
    execute((int64_t)(intptr_t)instructions, false);
}

static void execute_giving_way(unsigned cpu_index, void *instructions)
{
    (void)cpu_index;
    execute((int64_t)(intptr_t)instructions, true);
}

static bool ends_with_hint(struct qemu_plugin_tb *tb, size_t count)
{
    uint32_t code = 0;

    return qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, count - 1), &code, sizeof(code)) ==
               sizeof(code) &&
           (code == YIELD || code == WFE);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);

    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, ends_with_hint(tb, count) ? execute_giving_way : execute_plain,
                                         QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)count); // NOLINT
}

/* ---- start and end */

static void report(qemu_plugin_id_t id, void *nothing)
{
    (void)id;
    (void)nothing;
    (void)fprintf(stderr,
                  "quantum: %" PRIu64 " turns in %" PRIu64 " rounds, %" PRIu64
                  " ended by it, the longest %" PRId64 " instructions; %" PRIu64 " leaps of %" PRIu64
                  " ns in all; at most %" PRId64 " ns ahead; %" PRIu64 " changes of the shift\n",
                  totals.turns, totals.rounds, totals.asks, totals.longest, totals.leaps, totals.leapt,
                  totals.ahead, totals.shifts);
}

/* Returns whether the word is one that is known; a plugin's words are NAME=VALUE. */
static bool take_option(const char *word, bool *reports)
{
    char *end;

    if (strncmp(word, "turn=", 5) == 0) {
        turn_length = strtol(word + 5, &end, 10);
        return end != word + 5 && *end == '\0' && turn_length >= LEAST_TURN && turn_length <= GREATEST_TURN;
    }
    *reports = strcmp(word, "report=on") == 0;
    return *reports || strcmp(word, "report=off") == 0;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    bool reports = false;

    for (int i = 0; i < argc; i++)
        if (!take_option(argv[i], &reports))
            return plugin_complain("'%s' is not one of turn=%d to turn=%d, report=on, report=off", argv[i],
                                   LEAST_TURN, GREATEST_TURN);
    if (!info->system_emulation || strcmp(info->target_name, "aarch64") != 0)
        return plugin_complain("it is for qemu-system-aarch64");
    if (!find_functions() || !qemu_find_clock(&qemu.clock))
        return 1;
    core_count = (unsigned)info->system.max_vcpus;
    if (core_count > MAX_CORES || core_count > 1u << *qemu.clock.shift)
        return plugin_complain(
            "%u cores are too many for -icount shift=%d; it is for 2^shift of them, and for %u at most",
            core_count, *qemu.clock.shift, MAX_CORES);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    if (reports)
        qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
