// SPDX-License-Identifier: Apache-2.0
/*
 * work page|calls: checks how long the module takes the work of a deadline to go on, by what recorder.c has
 * recorded. A deadline stays told, and DONE is not called, until
 *
 * - its task waits, however long it has computed, and whatever has preempted it meanwhile,
 * - and those have waited that it has woken: a thread, a chain of processes, a child,
 * - or 100 ms have passed.
 *
 * With two CPUs, work that moves to the other one is handed on there, and goes on in the same way.
 *
 * The hog keeps the CPU from going idle, so that the end of the work is a DONE. It prints one line a case,
 * and a count at the end. It exits with 1 when a case failed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "records.h"

enum {
    SLEEP_NS = 3 * MILLISECOND,
    WORK_NS = 12 * MILLISECOND,     /* longer than two ticks of the guest */
    LONGEST_NS = 100 * MILLISECOND, /* then a deadline is given up */
    TICK_NS = 4 * MILLISECOND,
    ELSEWHERE_NS = 20 * MILLISECOND, /* QEMU's CPUs take turns of milliseconds */
    HELPERS = 8                      /* so many tasks can join */
};

static uint64_t woke, finished; /* when a sleep was over, and when its work was */

static void sleep_once(void)
{
    struct timespec length = {.tv_nsec = SLEEP_NS};

    nanosleep(&length, NULL);
    woke = counter();
}

/* Was a warp of this CPU ended? */
static bool ended_on(unsigned cpu, uint64_t from, uint64_t to)
{
    for (int over = find_over(0); over >= 0; over = find_over(over + 1))
        if (records[over].cpu == cpu && records[over].counter > from && records[over].counter < to)
            return true;
    return false;
}

/* Of CPU 0, where all of the work is but for that which moves. */
static bool ended_between(uint64_t from, uint64_t to)
{
    return ended_on(0, from, to);
}

/* Does the work of a sleep, and checks that it is done when its task waits: neither before nor later. */
static void try_work(const char *name, void (*work)(void))
{
    bool done;

    forget_calls();
    sleep_once();
    work();
    finished = counter();
    usleep(500);
    read_calls();
    done = ended_between(finished, finished + to_ticks(MILLISECOND));
    verdict(name, ended_between(woke, finished) ? "done was said before the work was finished"
                  : !done                       ? "done was not said after it"
                                                : NULL);
}

static void compute(void)
{
    be_busy_for(WORK_NS);
}

static void compute_preempted(void)
{
    be_real_time(false);
    be_busy_for(WORK_NS);
    be_real_time(true);
}

/* A helper waits for its semaphore, computes, and posts to that of whoever comes next. */
struct helper {
    pthread_t thread;
    sem_t wake, *next;
    uint64_t work_ns;
};

static void *help(void *argument)
{
    struct helper *helper = argument;

    be_real_time(true);
    for (;;) {
        while (sem_wait(&helper->wake))
            ;
        if (!helper->work_ns)
            return NULL;
        be_busy_for(helper->work_ns);
        sem_post(helper->next);
    }
}

static void start_helper(struct helper *helper, sem_t *next, uint64_t work_ns)
{
    sem_init(&helper->wake, 0, 0);
    helper->next = next;
    helper->work_ns = work_ns;
    if (pthread_create(&helper->thread, NULL, help, helper))
        die("pthread_create");
}

static void stop_helper(struct helper *helper)
{
    helper->work_ns = 0;
    sem_post(&helper->wake);
    pthread_join(helper->thread, NULL);
}

static struct helper first, second;
static sem_t reply;

static void hand_to_thread(void)
{
    sem_post(&first.wake);
    while (sem_wait(&reply))
        ;
}

static void hand_over_and_compute(void)
{
    hand_to_thread();
    be_busy_for(WORK_NS);
}

static void try_threads(void)
{
    sem_init(&reply, 0, 0);
    start_helper(&first, &reply, WORK_NS);
    usleep(1000);
    try_work("a thread helps", hand_to_thread);
    try_work("a thread helps, and the sleeper goes on", hand_over_and_compute);
    first.next = &second.wake;
    start_helper(&second, &reply, WORK_NS);
    usleep(1000);
    try_work("a thread hands on to another", hand_to_thread);
    stop_helper(&second);
    stop_helper(&first);
}

static int to_first[2], to_second[2], back[2];

static void pass_on(int from, int to)
{
    char byte;

    while (read(from, &byte, 1) == 1) {
        be_busy_for(WORK_NS);
        if (write(to, &byte, 1) != 1)
            break;
    }
    _exit(0);
}

static pid_t start_process(int from, int to)
{
    pid_t child = fork();

    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pass_on(from, to);
    _exit(0);
}

static void hand_to_pipeline(void)
{
    char byte = 'x';

    if (write(to_first[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
        die("pipe");
}

static void end_process(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void try_pipeline(void)
{
    pid_t child, grandchild;

    if (pipe(to_first) || pipe(to_second) || pipe(back))
        die("pipe");
    child = start_process(to_first[0], to_second[1]);
    grandchild = start_process(to_second[0], back[1]);
    usleep(1000);
    try_work("a pipeline of two processes", hand_to_pipeline);
    end_process(child);
    end_process(grandchild);
}

static void fork_and_wait(void)
{
    pid_t child = fork();

    if (!child) {
        be_busy_for(WORK_NS);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* Is a deadline of about `woke` given up when LONGEST_NS have passed, or at the tick after that? */
static void check_given_up(const char *name, unsigned long long given_up)
{
    uint64_t least = woke + to_ticks(LONGEST_NS - MILLISECOND);
    bool done;

    read_calls();
    done = ended_between(least, least + to_ticks(2 * TICK_NS));
    verdict(name, ended_between(woke, least)             ? "done was said too early"
                  : !done                                ? "done was not said"
                  : status_of("given_up") < given_up + 1 ? "it was not given up"
                                                         : NULL);
}

static void try_without_end(void)
{
    unsigned long long given_up = status_of("given_up");

    forget_calls();
    sleep_once();
    be_busy_for(LONGEST_NS + 3 * TICK_NS);
    check_given_up("a task computes for ever", given_up);
}

/* The sleeper waits for a helper, which does not end. A helper's part alone counts as no sleep. */
static void try_helper_without_end(void)
{
    uint64_t least;
    bool done;

    start_helper(&first, &reply, LONGEST_NS + 3 * TICK_NS);
    usleep(1000);
    forget_calls();
    sleep_once();
    hand_to_thread();
    read_calls();
    least = woke + to_ticks(LONGEST_NS - MILLISECOND);
    done = ended_between(least, least + to_ticks(2 * TICK_NS));
    verdict("a helper computes for ever", ended_between(woke, least) ? "done was said too early"
                                          : !done                    ? "done was not said"
                                                                     : NULL);
    stop_helper(&first);
}

/* More tasks are woken than can join. When all of them have waited, there is room again. */
static void try_crowd(void)
{
    enum { CROWD = 12 };
    static struct helper crowd[CROWD];
    unsigned long long joined, refused;
    bool good = true;

    for (int i = 0; i < CROWD; i++)
        start_helper(&crowd[i], &reply, MILLISECOND / 10);
    usleep(1000);
    for (int turn = 0; turn < 2; turn++) {
        sleep_once();
        joined = status_of("joined");
        refused = status_of("joins_refused");
        for (int i = 0; i < CROWD; i++)
            sem_post(&crowd[i].wake);
        good &= status_of("joined") == joined + HELPERS &&
                status_of("joins_refused") == refused + CROWD - HELPERS;
        for (int i = 0; i < CROWD; i++)
            while (sem_wait(&reply))
                ;
    }
    read_calls();
    verdict("more helpers than can join", good ? NULL : "others joined than had to");
    for (int i = 0; i < CROWD; i++)
        stop_helper(&crowd[i]);
}

/* What an interrupt wakes while a task is at work does not join. */
static void try_strangers(void)
{
    unsigned long long joined;

    sleep_once();
    joined = status_of("joined");
    be_busy_for(WORK_NS);
    read_calls();
    verdict("a stranger that an interrupt wakes", status_of("joined") == joined ? NULL : "it has joined");
}

/* CPU 0 is warped. Is the warp ended while this task, which is not chosen, computes? */
static bool warp_ends(const char *why)
{
    uint64_t from = counter();

    tell_recorder(why);
    be_busy_for(WORK_NS);
    read_calls();
    return ended_between(from, counter());
}

static void try_in_vain(void)
{
    rest(TICK_NS); /* this task has joined the work of the one that was run before */
    verdict("a warp for no interrupt", warp_ends("urgent") ? "it has been ended" : NULL);
    verdict("an interrupt that wakes nobody", warp_ends("interrupt") ? NULL : "its warp goes on");
}

/* Has the module told of work that goes on on this CPU, since the sleep was over? */
static bool handed_on_to(unsigned cpu)
{
    for (int hand = find("hand", 0); hand >= 0; hand = find("hand", hand + 1))
        if (records[hand].value == cpu && records[hand].counter > woke)
            return true;
    return false;
}

/* The task moves to CPU 1, where its work goes on until it waits. */
static void try_moved(void)
{
    forget_calls();
    sleep_once();
    pin(1);
    be_busy_for(WORK_NS);
    finished = counter();
    usleep(ELSEWHERE_NS / 1000);
    read_calls();
    verdict("a task moves to another CPU",
            !handed_on_to(1)                                      ? "its work was not handed on"
            : ended_on(1, woke + to_ticks(MILLISECOND), finished) ? "done was said before it was finished"
            : !ended_on(1, finished, finished + to_ticks(ELSEWHERE_NS)) ? "done was not said after it"
                                                                        : NULL);
    pin(0);
}

/* It wakes a helper on CPU 1, and that wakes it. */
static void try_helper_elsewhere(void)
{
    cpu_set_t other;

    CPU_ZERO(&other);
    CPU_SET(1, &other);
    start_helper(&first, &reply, WORK_NS);
    if (pthread_setaffinity_np(first.thread, sizeof(other), &other))
        die("pthread_setaffinity_np");
    rest(TICK_NS);
    forget_calls();
    sleep_once();
    hand_to_thread();
    finished = counter();
    usleep(ELSEWHERE_NS / 1000);
    read_calls();
    verdict("a helper on another CPU", !handed_on_to(1)   ? "the work was not handed on"
                                       : !handed_on_to(0) ? "it was not handed back"
                                       : !ended_on(0, finished, finished + to_ticks(ELSEWHERE_NS))
                                           ? "done was not said after it"
                                           : NULL);
    stop_helper(&first);
}

/* A process of its own, whose sleeps are not watched. It wakes each millisecond, and computes a little. */
static pid_t start_stranger(void)
{
    pid_t child = fork();

    if (child)
        return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    be_real_time(true);
    for (;;) {
        usleep(1000);
        be_busy_for(MILLISECOND / 5);
    }
}

static void *be_a_hog(void *unused)
{
    struct sched_param parameters = {0};

    (void)unused;
    pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters);
    for (;;)
        __asm__ volatile("");
    return NULL;
}

int main(int count, char **words)
{
    pthread_t hog;
    pid_t stranger;

    records_begin(count, words);
    pin(0);
    be_real_time(true);
    if (by_page())
        try_in_vain();
    stranger = start_stranger();
    be_chosen();
    rest(TICK_NS); /* a task at work would have the hog join */
    pthread_create(&hog, NULL, be_a_hog, NULL);
    try_work("preempted by a stranger", compute_preempted);
    try_strangers();
    end_process(stranger);
    try_work("a task computes", compute);
    try_work("a task computes, preempted", compute_preempted);
    try_threads();
    try_pipeline();
    try_work("a child", fork_and_wait);
    try_without_end();
    try_helper_without_end();
    try_crowd();
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        try_moved();
        try_helper_elsewhere();
    }
    return records_end();
}
