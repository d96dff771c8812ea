/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load PART LENGTH: see load.h. The parts are
 *
 *   cyclictest-US    Debian's cyclictest -m -p 80 -i US
 *   work-MS          sleeps, uniform in 0 to 20 ms, with MS of work after each
 *   fifo-MS          jobs of MS of work, one released in every 50 ms, under SCHED_FIFO
 *   other-MS         the same under SCHED_OTHER
 *   thread-MS        sleeps as above; after each, a worker thread has MS of work, for which the sleeper waits
 *   pipe-MS          the same with a worker process behind a pipe
 *   wait-WAY         waits in a way of waits.c
 *
 * All but `other` run under SCHED_FIFO. Work is a count of instructions: it is the same wherever an
 * instruction takes 8 ns, as in QEMU with -icount shift=3.
 */
#include "load.h"
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sleeplog.h"

#define PRIORITY      50
#define LONGEST_NS    (20 * NS_PER_MS)
#define WORK_STEP_NS  16 /* two instructions */
#define JOB_PERIOD_NS (50 * NS_PER_MS)
#define TICK_NS       (4 * NS_PER_MS) /* of the guests' kernel, CONFIG_HZ=250 */
#define WORK_SLEEPS   1000
#define JOBS          200
#define HAND_OVERS    500
#define WAITS         250
#define CYCLES_S      4
#define HISTOGRAM_US  "30000" /* a longer latency is said to be as long as the longest */
#define HISTOGRAM     "/tmp/cyclictest"
#define READ_END      0
#define WRITE_END     1

struct part {
    const char *name;
    const char *kind;
    double demand;
    uint64_t period_ns, begin, end;
};

long need(long result, const char *what)
{
    if (result >= 0)
        return result;
    perror(what);
    exit(1);
}

/* The 64-bit linear congruential generator of Knuth's MMIX; the upper bits are the good ones. */
uint64_t random_below(uint64_t below)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % below;
}

uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct timespec timespec_of(uint64_t nanoseconds)
{
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / NS_PER_S),
                             .tv_nsec = (long)(nanoseconds % NS_PER_S)};
}

static uint64_t ticks_of(uint64_t nanoseconds)
{
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return nanoseconds / NS_PER_S * frequency + nanoseconds % NS_PER_S * frequency / NS_PER_S;
}

static void work_for(uint64_t nanoseconds)
{
    uint64_t steps = nanoseconds / WORK_STEP_NS;

    if (steps)
        __asm__ volatile("1: subs %0, %0, #1; b.ne 1b" : "+r"(steps)::"cc", "memory");
}

static void become_real_time(void)
{
    struct sched_param priority = {.sched_priority = PRIORITY};

    need(sched_setscheduler(0, SCHED_FIFO, &priority), "load: SCHED_FIFO");
}

/* ---- work after each sleep */

/* Where the sleeps are uniform in 0 to LONGEST_NS. */
static double demand_after_sleeps(uint64_t work_ns)
{
    return (double)work_ns / (0.5 * LONGEST_NS + (double)work_ns);
}

static void sleep_and_work(struct part *part, uint64_t work_ns, unsigned count)
{
    part->demand = demand_after_sleeps(work_ns);
    become_real_time();
    while (count--) {
        struct timespec request = timespec_of(random_below(LONGEST_NS));

        sleeplog_sleep(CLOCK_MONOTONIC, 0, &request, NULL);
        work_for(work_ns);
    }
}

/* ---- jobs */

/* `start` is a reading of the counter at `now_ns`, at which the job may have been released already. */
static void log_job(uint64_t release_ns, uint64_t now_ns, uint64_t start)
{
    uint64_t end = sleeplog_counter();

    if (release_ns >= now_ns)
        sleeplog_add(release_ns - now_ns, start, end);
    else
        sleeplog_add(0, start - ticks_of(now_ns - release_ns), end);
}

/*
 * The releases are up to a tick later than every 50 ms, so that they come at each phase of the tick. A job
 * that is not done at the release of the next one delays it.
 */
static void do_jobs(struct part *part, uint64_t work_ns, unsigned count)
{
    uint64_t period_begins = monotonic_ns() + JOB_PERIOD_NS;

    part->kind = "response";
    part->demand = (double)work_ns / JOB_PERIOD_NS;
    part->period_ns = JOB_PERIOD_NS;
    for (; count--; period_begins += JOB_PERIOD_NS) {
        uint64_t release_ns = period_begins + random_below(TICK_NS);
        struct timespec release = timespec_of(release_ns);
        uint64_t start = sleeplog_counter(), now_ns = monotonic_ns();

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &release, NULL);
        work_for(work_ns);
        log_job(release_ns, now_ns, start);
    }
}

/* ---- work that is handed over */

/* The one to whom the work is handed, and how it says when it was done. */
struct worker {
    uint64_t work_ns;
    uint64_t end; /* of the work, a reading of the counter */
    void (*hand_over)(struct worker *worker);
    sem_t go, done;
    int to[2], from[2];
};

static void hand_to_thread(struct worker *worker)
{
    sem_post(&worker->go);
    sem_wait(&worker->done);
}

static void *work_in_thread(void *argument)
{
    struct worker *worker = argument;

    for (;;) {
        sem_wait(&worker->go);
        work_for(worker->work_ns);
        worker->end = sleeplog_counter();
        sem_post(&worker->done);
    }
    return NULL;
}

static void begin_thread(struct worker *worker)
{
    pthread_t thread;

    sem_init(&worker->go, 0, 0);
    sem_init(&worker->done, 0, 0);
    worker->hand_over = hand_to_thread;
    if (pthread_create(&thread, NULL, work_in_thread, worker))
        need(-1, "load: pthread_create");
}

static void hand_to_process(struct worker *worker)
{
    need(write(worker->to[WRITE_END], &worker->end, sizeof(worker->end)), "load: write");
    need(read(worker->from[READ_END], &worker->end, sizeof(worker->end)), "load: read");
}

/* Until the sleeper closes its end of the pipe. */
static void work_in_process(const struct worker *worker)
{
    uint64_t end;

    close(worker->to[WRITE_END]);
    while (read(worker->to[READ_END], &end, sizeof(end)) > 0) {
        work_for(worker->work_ns);
        end = sleeplog_counter();
        need(write(worker->from[WRITE_END], &end, sizeof(end)), "load: write");
    }
    _exit(0);
}

static void begin_process(struct worker *worker)
{
    need(pipe(worker->to), "load: pipe");
    need(pipe(worker->from), "load: pipe");
    worker->hand_over = hand_to_process;
    if (need(fork(), "load: fork") == 0)
        work_in_process(worker);
}

static void sleep_and_hand_over(struct part *part, void (*begin)(struct worker *worker), uint64_t work_ns,
                                unsigned count)
{
    static struct worker worker;

    part->demand = demand_after_sleeps(work_ns);
    worker.work_ns = work_ns;
    become_real_time();
    begin(&worker);
    while (count--) {
        uint64_t request_ns = random_below(LONGEST_NS);
        struct timespec request = timespec_of(request_ns);
        uint64_t start = sleeplog_counter();

        clock_nanosleep(CLOCK_MONOTONIC, 0, &request, NULL);
        worker.hand_over(&worker);
        sleeplog_add(request_ns + work_ns, start, worker.end);
    }
}

/* ---- cyclictest */

static void run_cyclictest(const char *interval_us, unsigned cycles)
{
    char loops[16];
    int status = 0;
    pid_t child;

    snprintf(loops, sizeof(loops), "%u", cycles);
    child = (pid_t)need(fork(), "load: fork");
    if (child == 0) {
        need(dup2(STDERR_FILENO, STDOUT_FILENO), "load: dup2");
        execlp("cyclictest", "cyclictest", "-q", "-m", "-p", "80", "-i", interval_us, "-l", loops, "-h",
               HISTOGRAM_US, "--histfile=" HISTOGRAM, (char *)NULL);
        need(-1, "load: cyclictest");
    }
    need(waitpid(child, &status, 0), "load: waitpid");
    if (status)
        exit(1);
}

/* A latency is whole microseconds, and need not be a whole number of ticks. */
static void log_latencies(uint64_t us, uint64_t count)
{
    uint64_t ticks = ticks_of(us * 1000 + WORK_STEP_NS - 1);

    while (count--)
        sleeplog_add(ticks * NS_PER_S / ticks_of(NS_PER_S) - us * 1000, 0, ticks);
}

/*
 * Lines `MICROSECONDS COUNT`, and comments. Of the latencies that are beyond the histogram only the longest
 * is known.
 */
static void log_histogram(void)
{
    FILE *file = fopen(HISTOGRAM, "r");
    uint64_t beyond = 0, longest = 0;
    char line[128], *end;

    if (!file) {
        perror("load: " HISTOGRAM);
        exit(1);
    }
    while (fgets(line, sizeof(line), file)) {
        if (line[0] != '#') {
            uint64_t us = strtoull(line, &end, 10);

            log_latencies(us, strtoull(end, NULL, 10));
        } else if (sscanf(line, "# Histogram Overflows: %" SCNu64, &beyond) != 1) {
            sscanf(line, "# Max Latencies: %" SCNu64, &longest);
        }
    }
    log_latencies(longest, beyond);
    fclose(file);
}

static void measure_by_cyclictest(struct part *part, const char *interval_us, unsigned length)
{
    uint64_t interval = strtoull(interval_us, NULL, 10);
    unsigned cycles = (unsigned)(length * CYCLES_S * 1000000u / interval);

    part->period_ns = interval * 1000;
    run_cyclictest(interval_us, cycles);
    part->end = sleeplog_counter();
    sleeplog_end();
    log_histogram();
}

/* ---- parts */

static bool make_part(struct part *part, unsigned length)
{
    const char *argument = strchr(part->name, '-');
    char kind[16];
    uint64_t work_ns;

    if (!argument || !*++argument)
        return false;
    snprintf(kind, sizeof(kind), "%.*s", (int)(argument - part->name - 1), part->name);
    work_ns = (uint64_t)(strtod(argument, NULL) * NS_PER_MS);
    if (!strcmp(kind, "cyclictest")) {
        measure_by_cyclictest(part, argument, length);
    } else if (!strcmp(kind, "work")) {
        sleep_and_work(part, work_ns, length * WORK_SLEEPS);
    } else if (!strcmp(kind, "other")) {
        do_jobs(part, work_ns, length * JOBS);
    } else if (!strcmp(kind, "fifo")) {
        become_real_time();
        do_jobs(part, work_ns, length * JOBS);
    } else if (!strcmp(kind, "thread")) {
        sleep_and_hand_over(part, begin_thread, work_ns, length * HAND_OVERS);
    } else if (!strcmp(kind, "pipe")) {
        sleep_and_hand_over(part, begin_process, work_ns, length * HAND_OVERS);
    } else if (!strcmp(kind, "wait")) {
        become_real_time();
        return waits_run(argument, length * WAITS, &part->period_ns);
    } else {
        return false;
    }
    return true;
}

int main(int count, char **words)
{
    struct part part = {.kind = "lateness"};

    if (count != 3) {
        fprintf(stderr, "usage: load PART LENGTH\n");
        return 2;
    }
    part.name = words[1];
    need(mlockall(MCL_CURRENT | MCL_FUTURE), "load: mlockall"); /* no page is loaded between two readings */
    sleeplog_begin();
    part.begin = sleeplog_counter();
    if (!make_part(&part, (unsigned)strtoul(words[2], NULL, 10))) {
        fprintf(stderr, "load: there is no part '%s'\n", part.name);
        return 2;
    }
    printf("part %s kind=%s demand_ppm=%.0f period_ns=%" PRIu64 " begin=%" PRIu64 " end=%" PRIu64 ";\n",
           part.name, part.kind, 1e6 * part.demand, part.period_ns, part.begin,
           part.end ? part.end : sleeplog_counter());
    sleeplog_finish();
    return 0;
}
