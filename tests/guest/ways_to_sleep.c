// SPDX-License-Identifier: Apache-2.0
/*
 * ways_to_sleep page|calls: sleeps once in each way that Linux knows, and checks what the module told Ontime,
 * by page or by calls. recorder.c has recorded that. The checks are:
 *
 * - The deadline told is the instant for which Linux set its clock.
 * - Nothing is told of a task that is not chosen.
 * - The deadline of a sleep that is cut short is withdrawn.
 * - DONE is called after the woken task has waited again; by page only if the vCPU is warped.
 *
 * It prints one line a case, and a count at the end. It exits with 1 when a case failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ontime/abi.h>

#include "records.h"
#include "uring.h"

enum { SLEEP_NS = 7 * MILLISECOND, LONG_NS = 40 * MILLISECOND, SLACK_NS = 200000 };

static uint64_t *woke; /* when the sleeping task ran again; 0: not noted. Shared with children */

/* Had Linux set its clock for this deadline? From a tick before it to a microsecond after it is right. */
static bool clock_agrees(uint64_t deadline)
{
    for (int i = 0; i < record_count; i++) {
        int64_t apart = (int64_t)(records[i].value - deadline);

        if (!strcmp(records[i].what, "expire") && apart >= -1 && apart < (int64_t)to_ticks(1000))
            return true;
    }
    return false;
}

static const char *check_one_sleep(uint64_t start, uint64_t end, uint64_t ns)
{
    for (int arm = find(told, 0); arm >= 0; arm = find(told, arm + 1)) {
        if (!is_about(records[arm].value, start, ns))
            continue;
        if (records[arm].value > end)
            return "it slept less than it armed";
        if (!clock_agrees(records[arm].value))
            return "the deadline is not that of Linux's clock";
        if (over_before(records[arm].value, end))
            return "done was said before it had run";
        for (int over = find_over(arm); over >= 0; over = find_over(over + 1))
            if (records[over].counter > end)
                return NULL;
        return "done was not said after it had run";
    }
    return "no such deadline was armed";
}

/* The sleep begins `later` after the task has rested. */
static const char *sleep_and_check(void (*sleep_once)(void), uint64_t ns, uint64_t later)
{
    uint64_t start, end;

    rest(4 * MILLISECOND);
    be_busy_for(later);
    forget_calls();
    start = counter();
    *woke = 0;
    sleep_once();
    end = *woke ? *woke : counter();
    usleep(3000); /* the task leaves the CPU, so that DONE is called */
    read_calls();
    return check_one_sleep(start, end, ns);
}

/*
 * If a sleep ends just after another timer, Linux serves both together, and never sets its clock for the
 * sleep. So a sleep that fails is tried a second time, at another distance from the tick.
 */
static void try_sleep_of(const char *name, void (*sleep_once)(void), uint64_t ns)
{
    const char *fault = sleep_and_check(sleep_once, ns, 0);

    if (fault)
        fault = sleep_and_check(sleep_once, ns, MILLISECOND);
    verdict(name, fault);
}

static void try_sleep(const char *name, void (*sleep_once)(void))
{
    try_sleep_of(name, sleep_once, SLEEP_NS);
}

static struct timespec after(clockid_t clock, long ns)
{
    struct timespec now;

    clock_gettime(clock, &now);
    now.tv_nsec += ns;
    now.tv_sec += now.tv_nsec / 1000000000;
    now.tv_nsec %= 1000000000;
    return now;
}

static const struct timespec duration = {.tv_nsec = SLEEP_NS};

static void sleep_nanosleep(void)
{
    syscall(SYS_nanosleep, &duration, NULL);
}

static void sleep_monotonic(void)
{
    clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
    *woke = counter();
}

static void sleep_realtime(void)
{
    clock_nanosleep(CLOCK_REALTIME, 0, &duration, NULL);
}

static void sleep_until(clockid_t clock)
{
    struct timespec end = after(clock, SLEEP_NS);

    clock_nanosleep(clock, TIMER_ABSTIME, &end, NULL);
}

static void sleep_until_monotonic(void)
{
    sleep_until(CLOCK_MONOTONIC);
}

static void sleep_until_realtime(void)
{
    sleep_until(CLOCK_REALTIME);
}

static void sleep_until_boottime(void)
{
    sleep_until(CLOCK_BOOTTIME);
}

static void sleep_ppoll(void)
{
    ppoll(NULL, 0, &duration, NULL);
}

static void sleep_select(void)
{
    struct timeval timeout = {.tv_usec = SLEEP_NS / 1000};

    select(0, NULL, NULL, NULL, &timeout);
}

static void sleep_poll(void) /* counts whole milliseconds */
{
    poll(NULL, 0, SLEEP_NS / MILLISECOND);
}

static void sleep_epoll(void)
{
    int fd = epoll_create1(0);
    struct epoll_event event;

    epoll_pwait2(fd, &event, 1, &duration, NULL);
    close(fd);
}

static void sleep_futex(void)
{
    uint32_t word = 0;

    syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &duration, NULL, 0);
}

static void sleep_condition(void)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
    struct timespec end = after(CLOCK_REALTIME, SLEEP_NS);

    pthread_mutex_lock(&mutex);
    pthread_cond_timedwait(&condition, &mutex, &end);
    pthread_mutex_unlock(&mutex);
}

static void sleep_semaphore(void)
{
    sem_t semaphore;
    struct timespec end = after(CLOCK_REALTIME, SLEEP_NS);

    sem_init(&semaphore, 0, 0);
    sem_timedwait(&semaphore, &end);
}

static void sleep_timerfd(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec setting = {.it_value = duration};
    uint64_t expiries;

    timerfd_settime(fd, 0, &setting, NULL);
    if (read(fd, &expiries, sizeof(expiries)) != sizeof(expiries))
        die("timerfd");
    close(fd);
}

static void sleep_timerfd_poll(void)
{
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    struct itimerspec setting = {.it_value = after(CLOCK_REALTIME, SLEEP_NS)};
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL);
    poll(&wait, 1, -1);
    close(fd);
}

static void no_action(int signal)
{
    (void)signal;
}

static void wait_for_signal(int signal, void (*start)(void))
{
    sigset_t blocked, old;

    sigemptyset(&blocked);
    sigaddset(&blocked, signal);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    start();
    sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static timer_t posix_timer;

static void start_posix_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec setting = {.it_value = duration};

    timer_create(CLOCK_MONOTONIC, &event, &posix_timer);
    timer_settime(posix_timer, 0, &setting, NULL);
}

static void sleep_posix_timer(void)
{
    wait_for_signal(SIGALRM, start_posix_timer);
    timer_delete(posix_timer);
}

static void start_itimer(void)
{
    struct itimerval setting = {.it_value.tv_usec = SLEEP_NS / 1000};

    setitimer(ITIMER_REAL, &setting, NULL);
}

static void sleep_itimer(void)
{
    wait_for_signal(SIGALRM, start_itimer);
}

static volatile sig_atomic_t alarmed;

static void note_alarm(int signal)
{
    (void)signal;
    alarmed = 1;
}

/* The task computes when its signal comes. */
static void busy_itimer(void)
{
    alarmed = 0;
    signal(SIGALRM, note_alarm);
    start_itimer();
    while (!alarmed)
        ;
    signal(SIGALRM, no_action);
}

static void sleep_sigtimedwait(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigaddset(&none, SIGUSR2);
    sigprocmask(SIG_BLOCK, &none, NULL);
    sigtimedwait(&none, NULL, &duration);
}

/* Its clock can be used where there is a real-time clock that can wake the machine. */
static void sleep_alarm_clock(void)
{
    int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);
    struct itimerspec setting = {.it_value = duration};
    uint64_t expiries;

    if (fd < 0 || timerfd_settime(fd, 0, &setting, NULL) ||
        read(fd, &expiries, sizeof(expiries)) != sizeof(expiries))
        die("CLOCK_BOOTTIME_ALARM");
    close(fd);
}

static void sleep_uring_timeout(void)
{
    uring_timeout(SLEEP_NS);
}

static void sleep_uring_link_timeout(void)
{
    uring_link_timeout(SLEEP_NS);
}

static void sleep_uring_wait(void)
{
    uring_wait(SLEEP_NS);
}

/* Another thread waits for the signal than the one that sets the timer, which computes meanwhile. */
static volatile pid_t waiting_thread;

static void *wait_for_timer(void *unused)
{
    sigset_t set;
    int signal;

    (void)unused;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    waiting_thread = gettid();
    sigwait(&set, &signal);
    *woke = counter();
    return NULL;
}

static void sleep_other_thread(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
    struct itimerspec setting = {.it_value = duration};
    pthread_t thread;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    waiting_thread = 0;
    pthread_create(&thread, NULL, wait_for_timer, NULL);
    while (!waiting_thread)
        usleep(100);
    event._sigev_un._tid = waiting_thread;
    timer_create(CLOCK_MONOTONIC, &event, &posix_timer);
    timer_settime(posix_timer, 0, &setting, NULL);
    pthread_join(thread, NULL);
    timer_delete(posix_timer);
}

static void *sleep_in_thread(void *unused)
{
    (void)unused;
    sleep_monotonic();
    return NULL;
}

static void sleep_thread(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, sleep_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void sleep_child(void)
{
    pid_t child = fork();

    if (!child) {
        sleep_monotonic();
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* Each period of a periodic timer is a deadline of its own. */
static void try_periods(const char *name, void (*start)(void), void (*wait_period)(void), void (*stop)(void))
{
    uint64_t begin;
    const char *fault = NULL;

    forget_calls();
    begin = counter();
    start();
    for (int period = 1; period <= 4; period++)
        wait_period();
    stop();
    read_calls();
    for (unsigned period = 1; period <= 4; period++) {
        bool seen = false;

        for (int arm = find(told, 0); arm >= 0; arm = find(told, arm + 1))
            seen |= is_about(records[arm].value, begin, period * 2 * MILLISECOND) &&
                    clock_agrees(records[arm].value);
        if (!seen)
            fault = "a period was not armed";
    }
    verdict(name, fault);
}

static int period_fd;

static void start_timerfd_periods(void)
{
    struct itimerspec setting = {.it_value.tv_nsec = 2 * MILLISECOND, .it_interval.tv_nsec = 2 * MILLISECOND};

    period_fd = timerfd_create(CLOCK_MONOTONIC, 0);
    timerfd_settime(period_fd, 0, &setting, NULL);
}

static void wait_timerfd_period(void)
{
    uint64_t expiries;

    if (read(period_fd, &expiries, sizeof(expiries)) != sizeof(expiries))
        die("timerfd");
}

static void stop_timerfd_periods(void)
{
    close(period_fd);
}

static sigset_t unblocked;

static void block_alarm(void)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, &unblocked);
}

static void start_timer_periods(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec setting = {.it_value.tv_nsec = 2 * MILLISECOND, .it_interval.tv_nsec = 2 * MILLISECOND};

    block_alarm();
    timer_create(CLOCK_MONOTONIC, &event, &posix_timer);
    timer_settime(posix_timer, 0, &setting, NULL);
}

static void wait_signal_period(void)
{
    sigsuspend(&unblocked);
}

static void stop_timer_periods(void)
{
    timer_delete(posix_timer);
    sigprocmask(SIG_SETMASK, &unblocked, NULL);
}

static void start_itimer_periods(void)
{
    struct itimerval setting = {.it_value.tv_usec = 2000, .it_interval.tv_usec = 2000};

    block_alarm();
    setitimer(ITIMER_REAL, &setting, NULL);
}

static void stop_itimer_periods(void)
{
    struct itimerval none = {0};

    setitimer(ITIMER_REAL, &none, NULL);
    sigprocmask(SIG_SETMASK, &unblocked, NULL);
}

/* Nothing is told of a task that is not chosen. */
static void try_unchosen(void)
{
    forget_calls();
    sleep_monotonic();
    sleep_timerfd();
    sleep_posix_timer();
    sleep_itimer();
    read_calls();
    verdict("a task that is not chosen",
            find("store", 0) < 0 && find("arm", 0) < 0 && find("done", 0) < 0 && find("cancel", 0) < 0
                ? NULL
                : "calls were made for it");
}

static int request[2], answer[2];

/* A process that is not watched, and so at work for no deadline when it has slept. */
static void start_answerer(void)
{
    char byte;

    if (pipe(request) || pipe(answer))
        die("pipe");
    if (fork())
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(request[0], &byte, 1) == 1) {
        usleep(1000);
        if (write(answer[1], &byte, 1) != 1)
            break;
    }
    _exit(0);
}

/* A task is woken before its time. The deadline is withdrawn. */
static void try_cut_short(void)
{
    struct pollfd wait = {.fd = answer[0], .events = POLLIN};
    uint64_t start;
    char byte = 'x';
    const char *fault = "it was not armed";

    forget_calls();
    start = counter();
    if (write(request[1], &byte, 1) != 1 || poll(&wait, 1, 50) != 1 || read(answer[0], &byte, 1) != 1)
        die("pipe");
    usleep(100);
    read_calls();
    for (int arm = find(told, 0); arm >= 0; arm = find(told, arm + 1)) {
        if (!is_about(records[arm].value, start, 50 * MILLISECOND))
            continue;
        fault = "it was not cancelled";
        for (int later = arm + 1; later < record_count; later++)
            if (records[later].cpu == records[arm].cpu &&
                (!strcmp(records[later].what, "cancel") || !strcmp(records[later].what, told)))
                fault = NULL;
    }
    verdict("a sleep cut short", fault);
}

static void *sleep_long(void *unused)
{
    struct timespec length = {.tv_nsec = LONG_NS};

    (void)unused;
    nanosleep(&length, NULL);
    return NULL;
}

/*
 * A long sleep is told, gives way to a short one, and is told again. The short sleep is this task's own, so
 * its deadline is told as long as the task computes after it, and until the task waits.
 */
static void try_two_at_once(void)
{
    pthread_t thread;
    uint64_t start, short_start;
    bool long_first, short_next, too_early, long_again;

    pin(0);
    rest(4 * MILLISECOND);
    forget_calls();
    start = counter();
    pthread_create(&thread, NULL, sleep_long, NULL);
    rest(4 * MILLISECOND);
    long_first = told_about(start, LONG_NS);
    forget_calls();
    short_start = counter();
    usleep(3000);
    be_busy_for(10 * MILLISECOND);
    short_next = told_about(short_start, 3 * MILLISECOND);
    too_early = told_about(start, LONG_NS);
    rest(4 * MILLISECOND);
    long_again = told_about(start, LONG_NS);
    verdict("two sleeps at once", !long_first   ? "the long one was not told"
                                  : !short_next ? "the short one was not told"
                                  : too_early   ? "the short one was not told until its task waits"
                                  : !long_again ? "the long one was not told again"
                                                : NULL);
    pthread_join(thread, NULL);
}

static int timerfd_after(long ns)
{
    struct itimerspec setting = {.it_value.tv_nsec = ns};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    if (timerfd_settime(fd, 0, &setting, NULL))
        die("timerfd");
    return fd;
}

/*
 * The only task of the CPU computes while two timers expire. A tick sees the first one reached, and the next
 * tick, 4 ms later, gives it up. Then the second one is told.
 */
static void try_while_busy(void)
{
    uint64_t start, least, most;
    int first, second, next = -1;

    rest(4 * MILLISECOND);
    forget_calls();
    start = counter();
    second = timerfd_after(15 * MILLISECOND);
    first = timerfd_after(2 * MILLISECOND);
    be_busy_for(20 * MILLISECOND);
    close(first);
    close(second);
    read_calls();
    least = start + to_ticks(2 * MILLISECOND);
    most = start + to_ticks(12 * MILLISECOND);
    do
        next = find(told, next + 1);
    while (next >= 0 && !(is_about(records[next].value, start, 15 * MILLISECOND) &&
                          records[next].counter > least && records[next].counter < most));
    verdict("a second deadline while busy", next < 0                    ? "it was not told after the first"
                                            : !over_before(least, most) ? "done was not said of the first"
                                                                        : NULL);
}

static volatile bool hog_stops;

static void *be_a_hog(void *unused)
{
    struct sched_param parameters = {0};

    (void)unused;
    pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters);
    while (!hog_stops)
        ;
    return NULL;
}

static pthread_t start_hog(void)
{
    pthread_t hog;

    pin(0);
    rest(4 * MILLISECOND); /* a task at work would have it join */
    hog_stops = false;
    pthread_create(&hog, NULL, be_a_hog, NULL);
    return hog;
}

static void stop_hog(pthread_t hog)
{
    hog_stops = true;
    pthread_join(hog, NULL);
}

/* The CPU does not go idle. So DONE has to be called after the sleeper has run. */
static void try_beside_hog(void)
{
    pthread_t hog;
    uint64_t end;
    bool done = false;

    hog = start_hog();
    forget_calls();
    sleep_monotonic();
    end = *woke;
    usleep(3000);
    read_calls();
    stop_hog(hog);
    for (int i = find("done", 0); i >= 0; i = find("done", i + 1))
        done |= records[i].counter > end && records[i].counter < end + to_ticks(MILLISECOND);
    verdict("done is said beside a hog", done ? NULL : "it was not");
}

/* By page no call is made while the vCPU is not warped. */
static void try_calm(void)
{
    tell_recorder("calm");
    for (int i = 0; i < 5; i++)
        sleep_monotonic();
    usleep(1000);
    read_calls();
    verdict("no calls while calm", find(told, 0) < 0 ? "nothing was told"
                                   : find("done", 0) >= 0 || find("arm", 0) >= 0 || find("cancel", 0) >= 0
                                       ? "a call was made"
                                       : NULL);
    tell_recorder("warp");
}

/*
 * More deadlines at one time than the module takes out when their task leaves the CPU (SLEEPS_TAKE). After
 * the task has left twice, all are done.
 */
static void try_many_at_once(void)
{
    enum { TIMERS = 40 };
    struct timespec end = after(CLOCK_MONOTONIC, 5 * MILLISECOND);
    struct itimerspec setting = {.it_value = end};
    unsigned long long fired = status_of("fired");
    int fds[TIMERS];

    for (int i = 0; i < TIMERS; i++) {
        fds[i] = timerfd_create(CLOCK_MONOTONIC, 0);
        if (fds[i] < 0 || timerfd_settime(fds[i], TFD_TIMER_ABSTIME, &setting, NULL))
            die("timerfd");
    }
    forget_calls();
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
    usleep(500);
    usleep(500);
    usleep(500);
    read_calls();
    fired = status_of("fired") - fired;
    for (int i = 0; i < TIMERS; i++)
        close(fds[i]);
    verdict("many deadlines at once", fired < TIMERS + 1 ? "not all are done"
                                      : find_over(0) < 0 ? "done was not said"
                                                         : NULL);
}

/*
 * No task wakes for a timer that nobody waits for. A tick sees its deadline reached, and the next tick, 4 ms
 * later, gives it up, although a task computes.
 */
static void try_nobody_comes(void)
{
    unsigned long long given_up = status_of("given_up");
    pthread_t hog = start_hog();
    int fd = timerfd_after(8 * MILLISECOND);

    forget_calls();
    rest(30 * MILLISECOND);
    read_calls();
    verdict("a deadline that nobody comes for",
            status_of("given_up") == given_up ? "it was not given up" : NULL);
    stop_hog(hog);
    close(fd);
}

/* More sleeps than there is room for. The rest is counted, and there is room again afterwards. */
static void try_overflow(void)
{
    enum { TIMERS = 1100 };
    static int fds[TIMERS];
    struct itimerspec setting = {.it_value.tv_sec = 1000};
    struct rlimit files = {TIMERS + 100, TIMERS + 100};
    unsigned long long before = status_of("overflow"), lost;

    pin(0);
    if (setrlimit(RLIMIT_NOFILE, &files))
        die("setrlimit");
    for (int i = 0; i < TIMERS; i++) {
        fds[i] = timerfd_create(CLOCK_MONOTONIC, 0);
        if (fds[i] < 0 || timerfd_settime(fds[i], 0, &setting, NULL))
            die("timerfd");
    }
    lost = status_of("overflow") - before;
    for (int i = 0; i < TIMERS; i++)
        close(fds[i]);
    read_calls();
    verdict("more sleeps than fit", lost >= TIMERS - 1024 && lost < TIMERS - 1000 ? NULL : "not counted");
    try_sleep("a sleep after that", sleep_monotonic);
}

static volatile pid_t sleeper_thread;

static void *sleep_on_cpu_0(void *unused)
{
    (void)unused;
    pin(0);
    sleeper_thread = gettid();
    for (int i = 0; i < 50; i++)
        usleep(1000);
    return NULL;
}

/* A sleeping task is moved between CPUs, and a timer is set by turns on both. No sleep is left behind. */
static void try_migration(void)
{
    struct itimerspec setting = {.it_value.tv_nsec = 3 * MILLISECOND};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    pthread_t thread;
    bool balanced;

    pthread_create(&thread, NULL, sleep_on_cpu_0, NULL);
    while (!sleeper_thread)
        sched_yield();
    for (int i = 0; i < 40; i++) {
        cpu_set_t set;

        CPU_ZERO(&set);
        CPU_SET(i & 1, &set);
        pin(i & 1);
        timerfd_settime(fd, 0, &setting, NULL);
        sched_setaffinity(sleeper_thread, sizeof(set), &set);
        usleep(700);
    }
    pthread_join(thread, NULL);
    close(fd);
    pin(0);
    rest(4 * MILLISECOND); /* so that this task's own last sleep is done */
    read_calls();
    balanced = status_of("armed") == status_of("cancelled") + status_of("fired");
    verdict("sleeps moved between CPUs", balanced ? NULL : "armed is not cancelled + fired");
}

static int find_on(unsigned cpu, const char *what, uint64_t from)
{
    for (int i = find(what, 0); i >= 0; i = find(what, i + 1))
        if (records[i].cpu == cpu && records[i].counter > from)
            return i;
    return -1;
}

static void *sleep_once_on_cpu_0(void *unused)
{
    (void)unused;
    pin(0);
    sleeper_thread = gettid();
    sleep_monotonic();
    return NULL;
}

/* The timer is CPU 0's, and the task wakes on CPU 1. CPU 0 must not wait for the task's work. */
static void try_waking_elsewhere(void)
{
    pthread_t thread;
    cpu_set_t set;
    int arm;

    pin(1);
    sleeper_thread = 0;
    forget_calls();
    pthread_create(&thread, NULL, sleep_once_on_cpu_0, NULL);
    usleep(3000);
    CPU_ZERO(&set);
    CPU_SET(1, &set);
    if (!sleeper_thread || sched_setaffinity(sleeper_thread, sizeof(set), &set))
        die("sched_setaffinity");
    pthread_join(thread, NULL);
    usleep(20000);
    pin(0); /* CPU 0 changes its task here, if it has not before */
    read_calls();
    arm = find_on(0, told, 0);
    verdict("woken on another CPU",
            arm < 0 ? "it was not armed on its CPU"
            : find_on(0, "done", records[arm].value) >= 0 || find_on(0, "idle", records[arm].value) >= 0
                ? NULL
                : "done was not said");
}

static void switch_cpu_1(bool on)
{
    int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY);

    if (fd < 0 || write(fd, on ? "1" : "0", 1) != 1)
        die("cpu1/online");
    close(fd);
}

static void *sleep_half_a_second(void *unused)
{
    struct timespec length = {.tv_nsec = 500 * MILLISECOND};

    (void)unused;
    pin(1);
    nanosleep(&length, NULL);
    return NULL;
}

/* Was CPU 1's page withdrawn when the CPU went offline, and registered when it came back? */
static bool pages_follow(void)
{
    int off = find_on(1, "page", 0), on = off < 0 ? -1 : find_on(1, "page", records[off].counter);

    return on >= 0 && records[off].value == ONTIME_NO_PAGE && records[on].value != ONTIME_NO_PAGE;
}

/* A CPU goes offline. Its timers move to the other CPU, and their deadlines are told there. */
static void try_cpu_off(void)
{
    pthread_t thread;
    uint64_t start;
    bool moved = false;

    pin(0);
    forget_calls();
    start = counter();
    pthread_create(&thread, NULL, sleep_half_a_second, NULL);
    usleep(2000);
    switch_cpu_1(false);
    pthread_join(thread, NULL);
    read_calls();
    for (int arm = find(told, 0); arm >= 0; arm = find(told, arm + 1))
        moved |= records[arm].cpu == 0 && is_about(records[arm].value, start, 500 * MILLISECOND);
    verdict("a CPU is switched off", moved ? NULL : "the sleep was not told on the other CPU");
    switch_cpu_1(true);
    read_calls();
    if (by_page())
        verdict("its page goes and comes with it", pages_follow() ? NULL : "it does not");
    pin(1);
    try_sleep("on the CPU that is on again", sleep_monotonic);
}

static const struct {
    const char *name;
    void (*sleep_once)(void);
} ways[] = {
    {"nanosleep", sleep_nanosleep},
    {"clock_nanosleep, monotonic", sleep_monotonic},
    {"clock_nanosleep, realtime", sleep_realtime},
    {"clock_nanosleep until, monotonic", sleep_until_monotonic},
    {"clock_nanosleep until, realtime", sleep_until_realtime},
    {"clock_nanosleep until, boottime", sleep_until_boottime},
    {"poll", sleep_poll},
    {"ppoll", sleep_ppoll},
    {"select", sleep_select},
    {"epoll_pwait2", sleep_epoll},
    {"futex", sleep_futex},
    {"pthread_cond_timedwait", sleep_condition},
    {"sem_timedwait", sleep_semaphore},
    {"timerfd, read", sleep_timerfd},
    {"timerfd, poll", sleep_timerfd_poll},
    {"timer_create", sleep_posix_timer},
    {"setitimer", sleep_itimer},
    {"setitimer, task busy", busy_itimer},
    {"timer_create for another thread", sleep_other_thread},
    {"sigtimedwait", sleep_sigtimedwait},
    {"timerfd, alarm clock", sleep_alarm_clock},
    {"io_uring, timeout", sleep_uring_timeout},
    {"io_uring, linked timeout", sleep_uring_link_timeout},
    {"io_uring_enter", sleep_uring_wait},
    {"in a thread", sleep_thread},
    {"in a child", sleep_child},
};

int main(int count, char **words)
{
    bool several_cpus = sysconf(_SC_NPROCESSORS_ONLN) > 1;

    records_begin(count, words);
    signal(SIGALRM, no_action);
    woke = mmap(NULL, sizeof(*woke), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (woke == MAP_FAILED)
        die("mmap");
    be_real_time(true);
    try_unchosen();
    start_answerer();
    be_chosen();
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        try_sleep(ways[i].name, ways[i].sleep_once);
    be_real_time(false);
    prctl(PR_SET_TIMERSLACK, SLACK_NS);
    try_sleep_of("with slack", sleep_monotonic, SLEEP_NS + SLACK_NS);
    be_real_time(true);
    try_periods("timerfd, periodic", start_timerfd_periods, wait_timerfd_period, stop_timerfd_periods);
    try_periods("timer_create, periodic", start_timer_periods, wait_signal_period, stop_timer_periods);
    try_periods("setitimer, periodic", start_itimer_periods, wait_signal_period, stop_itimer_periods);
    try_cut_short();
    try_two_at_once();
    try_while_busy();
    try_beside_hog();
    if (by_page())
        try_calm();
    try_many_at_once();
    try_nobody_comes();
    try_overflow();
    if (several_cpus) {
        try_migration();
        try_waking_elsewhere();
        try_cpu_off();
    }
    return records_end();
}
