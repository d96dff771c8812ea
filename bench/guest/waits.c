/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways of waiting for a time that Linux offers. One that is not periodic waits again and again for a time
 * that is uniform in 0 to 10 ms. A periodic one is started once, with a period of 1 ms, and each of its
 * expiries is logged with the time at which the process went on for it, also where that went on for several
 * at once.
 *
 * A way whose calls take milliseconds is asked for whole ones. Where a way takes an absolute time the clock
 * is read first, after the log's own reading: so its lateness includes that.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "load.h"
#include "sleeplog.h"

#define LONGEST_MS 10
#define PERIOD_NS  NS_PER_MS
#define EXPIRIES   4 /* of a periodic way, for each wait of the others */

struct way {
    const char *name;
    void (*prepare)(void);
    void (*wait)(uint64_t ns); /* for this time; of a periodic way, until an expiry */
    void (*start)(void);       /* only of a periodic one */
    bool whole_ms;
};

/* How many expiries a periodic way's wait was for; 0: the kernel does not tell. */
static uint64_t expirations;

static int descriptor = -1; /* a way's timer, epoll instance, queue, socket */
static timer_t timer;
static sigset_t signals;

/* A wait ends by its time, which some calls say by an error. */
static void need_timeout(long result, int expected, const char *what)
{
    if (result < 0 && errno != expected)
        need(result, what);
}

/* ---- clock_nanosleep */

static uint64_t next_ns;

static void wait_relative(uint64_t ns)
{
    const struct timespec request = timespec_of(ns);

    clock_nanosleep(CLOCK_MONOTONIC, 0, &request, NULL);
}

static void wait_absolute(uint64_t ns)
{
    const struct timespec until = timespec_of(monotonic_ns() + ns);

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void start_absolute(void)
{
    next_ns = monotonic_ns();
}

static void wait_next(uint64_t ns)
{
    const struct timespec until = timespec_of(next_ns += ns);

    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    expirations = 1;
}

/* ---- timerfd */

static void set_timerfd(uint64_t ns, uint64_t period_ns, int flags)
{
    const struct itimerspec time = {.it_value = timespec_of(ns), .it_interval = timespec_of(period_ns)};

    need(timerfd_settime(descriptor, flags, &time, NULL), "waits: timerfd_settime");
}

static void prepare_timerfd(void)
{
    descriptor = (int)need(timerfd_create(CLOCK_MONOTONIC, 0), "waits: timerfd_create");
}

static void read_timerfd(uint64_t ns)
{
    (void)ns;
    need(read(descriptor, &expirations, sizeof(expirations)), "waits: read");
}

static void wait_timerfd(uint64_t ns)
{
    set_timerfd(ns, 0, 0);
    read_timerfd(ns);
}

static void wait_timerfd_absolute(uint64_t ns)
{
    set_timerfd(monotonic_ns() + ns, 0, TFD_TIMER_ABSTIME);
    read_timerfd(ns);
}

static void wait_timerfd_by_poll(uint64_t ns)
{
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};

    set_timerfd(ns, 0, 0);
    need(poll(&polled, 1, -1), "waits: poll");
}

static void start_timerfd(void)
{
    set_timerfd(PERIOD_NS, PERIOD_NS, 0);
}

/* ---- timers that send a signal, which the process waits for */

static void block(int signal)
{
    sigemptyset(&signals);
    sigaddset(&signals, signal);
    need(sigprocmask(SIG_BLOCK, &signals, NULL), "waits: sigprocmask");
}

static void wait_signal(uint64_t ns)
{
    siginfo_t info;

    (void)ns;
    need(sigwaitinfo(&signals, &info), "waits: sigwaitinfo");
    expirations = info.si_code == SI_TIMER ? 1 + (uint64_t)info.si_overrun : 0;
}

static void prepare_timer(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};

    block(SIGRTMIN);
    need(timer_create(CLOCK_MONOTONIC, &event, &timer), "waits: timer_create");
}

static void set_timer(uint64_t ns, uint64_t period_ns)
{
    const struct itimerspec time = {.it_value = timespec_of(ns), .it_interval = timespec_of(period_ns)};

    need(timer_settime(timer, 0, &time, NULL), "waits: timer_settime");
}

static void wait_timer(uint64_t ns)
{
    set_timer(ns, 0);
    wait_signal(ns);
}

static void start_timer(void)
{
    set_timer(PERIOD_NS, PERIOD_NS);
}

static void prepare_itimer(void)
{
    block(SIGALRM);
}

static struct timeval timeval_of(uint64_t ns)
{
    return (struct timeval){.tv_sec = (time_t)(ns / NS_PER_S),
                            .tv_usec = (suseconds_t)(ns % NS_PER_S / 1000)};
}

static void set_itimer(uint64_t ns, uint64_t period_ns)
{
    const struct itimerval time = {.it_value = timeval_of(ns), .it_interval = timeval_of(period_ns)};

    need(setitimer(ITIMER_REAL, &time, NULL), "waits: setitimer");
}

static void wait_itimer(uint64_t ns)
{
    set_itimer(ns, 0);
    wait_signal(ns);
}

static void start_itimer(void)
{
    set_itimer(PERIOD_NS, PERIOD_NS);
}

static void wait_sigtimedwait(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);

    need_timeout(sigtimedwait(&signals, NULL, &time), EAGAIN, "waits: sigtimedwait");
}

/* ---- calls that wait for other things as well, of which none comes */

static void wait_poll(uint64_t ns)
{
    need(poll(NULL, 0, (int)(ns / NS_PER_MS)), "waits: poll");
}

static void wait_ppoll(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);

    need(ppoll(NULL, 0, &time, NULL), "waits: ppoll");
}

static void wait_select(uint64_t ns)
{
    struct timeval time = timeval_of(ns);

    need(select(0, NULL, NULL, NULL, &time), "waits: select");
}

static void wait_pselect(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);

    need(pselect(0, NULL, NULL, NULL, &time, NULL), "waits: pselect");
}

static void prepare_epoll(void)
{
    descriptor = (int)need(epoll_create1(0), "waits: epoll_create1");
}

static void wait_epoll(uint64_t ns)
{
    struct epoll_event event;

    need(epoll_wait(descriptor, &event, 1, (int)(ns / NS_PER_MS)), "waits: epoll_wait");
}

static void wait_epoll_pwait2(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);
    struct epoll_event event;

    need(syscall(SYS_epoll_pwait2, descriptor, &event, 1, &time, NULL, 0), "waits: epoll_pwait2");
}

static void wait_futex(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);
    static unsigned word;

    need_timeout(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0), ETIMEDOUT, "waits: futex");
}

/* As by pthread_cond_timedwait() and sem_clockwait(). */
static void wait_futex_absolute(uint64_t ns)
{
    const struct timespec until = timespec_of(monotonic_ns() + ns);
    static unsigned word;

    need_timeout(
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &until, NULL, FUTEX_BITSET_MATCH_ANY),
        ETIMEDOUT, "waits: futex");
}

static void prepare_semaphore(void)
{
    descriptor = (int)need(semget(IPC_PRIVATE, 1, 0600), "waits: semget");
}

static void wait_semtimedop(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);
    struct sembuf take = {.sem_op = -1};

    need_timeout(semtimedop(descriptor, &take, 1, &time), EAGAIN, "waits: semtimedop");
}

static void prepare_queue(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 1};

    descriptor = (int)need(mq_open("/waits", O_RDWR | O_CREAT, 0600, &attributes), "waits: mq_open");
}

/* Its time is of CLOCK_REALTIME, which nothing sets here. */
static void wait_queue(uint64_t ns)
{
    struct timespec now, until;
    char byte;

    clock_gettime(CLOCK_REALTIME, &now);
    until = timespec_of((uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec + ns);
    need_timeout(mq_timedreceive((mqd_t)descriptor, &byte, 1, NULL, &until), ETIMEDOUT,
                 "waits: mq_timedreceive");
}

static void prepare_socket(void)
{
    int ends[2];

    need(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), "waits: socketpair");
    descriptor = ends[0];
}

static void wait_receive(uint64_t ns)
{
    const struct timeval time = timeval_of(ns);
    char byte;

    need(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), "waits: setsockopt");
    need_timeout(recv(descriptor, &byte, 1, 0), EAGAIN, "waits: recv");
}

static aio_context_t aio;

static void prepare_aio(void)
{
    need(syscall(SYS_io_setup, 1, &aio), "waits: io_setup");
}

static void wait_aio(uint64_t ns)
{
    const struct timespec time = timespec_of(ns);
    struct io_event event;

    need(syscall(SYS_io_getevents, aio, 1, 1, &event, &time), "waits: io_getevents");
}

/* ---- io_uring, by its system calls */

#define RING_ENTRIES 4

static struct {
    int descriptor;
    struct io_uring_params parameters;
    char *rings; /* both of them */
    struct io_uring_sqe *entries;
} ring;

static unsigned *in_ring(unsigned offset)
{
    return (unsigned *)(ring.rings + offset);
}

static void *map_ring(size_t size, off_t offset)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring.descriptor, offset);

    if (address == MAP_FAILED)
        need(-1, "waits: mmap");
    return address;
}

static void prepare_ring(void)
{
    const struct io_uring_params *p = &ring.parameters;
    size_t submissions, completions;

    ring.descriptor =
        (int)need(syscall(SYS_io_uring_setup, RING_ENTRIES, &ring.parameters), "waits: io_uring_setup");
    submissions = p->sq_off.array + p->sq_entries * sizeof(unsigned);
    completions = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
    ring.rings = map_ring(submissions > completions ? submissions : completions, IORING_OFF_SQ_RING);
    ring.entries = map_ring(p->sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
}

static void add_entry(const struct io_uring_sqe *entry)
{
    unsigned *tail = in_ring(ring.parameters.sq_off.tail);
    unsigned place = *tail % ring.parameters.sq_entries;

    ring.entries[place] = *entry;
    in_ring(ring.parameters.sq_off.array)[place] = place;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

/* Passes over all completions. */
static void clear_completions(void)
{
    __atomic_store_n(in_ring(ring.parameters.cq_off.head),
                     __atomic_load_n(in_ring(ring.parameters.cq_off.tail), __ATOMIC_ACQUIRE),
                     __ATOMIC_RELEASE);
}

static void submit_and_wait(unsigned submitted, unsigned completed)
{
    need(syscall(SYS_io_uring_enter, ring.descriptor, submitted, completed, IORING_ENTER_GETEVENTS, NULL, 0),
         "waits: io_uring_enter");
    clear_completions();
}

static struct __kernel_timespec kernel_timespec_of(uint64_t ns)
{
    return (struct __kernel_timespec){.tv_sec = (long long)(ns / NS_PER_S),
                                      .tv_nsec = (long long)(ns % NS_PER_S)};
}

static void wait_ring_timeout(const struct __kernel_timespec *time, unsigned flags)
{
    const struct io_uring_sqe entry = {.opcode = IORING_OP_TIMEOUT,
                                       .fd = -1,
                                       .addr = (uint64_t)(uintptr_t)time,
                                       .len = 1,
                                       .timeout_flags = flags};

    add_entry(&entry);
    submit_and_wait(1, 1);
}

static void wait_ring(uint64_t ns)
{
    const struct __kernel_timespec time = kernel_timespec_of(ns);

    wait_ring_timeout(&time, 0);
}

static void wait_ring_absolute(uint64_t ns)
{
    const struct __kernel_timespec until = kernel_timespec_of(monotonic_ns() + ns);

    wait_ring_timeout(&until, IORING_TIMEOUT_ABS);
}

/* A read from a pipe into which nothing is written, and the time after which it is given up. */
static void prepare_linked(void)
{
    int ends[2];

    prepare_ring();
    need(pipe(ends), "waits: pipe");
    descriptor = ends[0];
}

static void wait_ring_linked(uint64_t ns)
{
    const struct __kernel_timespec time = kernel_timespec_of(ns);
    const struct io_uring_sqe poll_entry = {
        .opcode = IORING_OP_POLL_ADD, .flags = IOSQE_IO_LINK, .fd = descriptor, .poll32_events = POLLIN};
    const struct io_uring_sqe timeout = {
        .opcode = IORING_OP_LINK_TIMEOUT, .fd = -1, .addr = (uint64_t)(uintptr_t)&time, .len = 1};

    add_entry(&poll_entry);
    add_entry(&timeout);
    submit_and_wait(2, 2);
}

/* The call's own time-out, as of io_uring_wait_cqe_timeout(). */
static void wait_ring_enter(uint64_t ns)
{
    const struct __kernel_timespec time = kernel_timespec_of(ns);
    const struct io_uring_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)&time};

    need_timeout(syscall(SYS_io_uring_enter, ring.descriptor, 0, 1,
                         IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof(argument)),
                 ETIME, "waits: io_uring_enter");
}

/* ---- all of them */

static const struct way ways[] = {
    {"nanosleep", .wait = wait_relative},
    {"nanosleep-abs", .wait = wait_absolute},
    {"nanosleep-1ms", .wait = wait_next, .start = start_absolute},
    {"timerfd", .prepare = prepare_timerfd, .wait = wait_timerfd},
    {"timerfd-abs", .prepare = prepare_timerfd, .wait = wait_timerfd_absolute},
    {"timerfd-poll", .prepare = prepare_timerfd, .wait = wait_timerfd_by_poll},
    {"timerfd-1ms", .prepare = prepare_timerfd, .wait = read_timerfd, .start = start_timerfd},
    {"timer", .prepare = prepare_timer, .wait = wait_timer},
    {"timer-1ms", .prepare = prepare_timer, .wait = wait_signal, .start = start_timer},
    {"itimer", .prepare = prepare_itimer, .wait = wait_itimer},
    {"itimer-1ms", .prepare = prepare_itimer, .wait = wait_signal, .start = start_itimer},
    {"sigtimedwait", .prepare = prepare_itimer, .wait = wait_sigtimedwait},
    {"poll", .wait = wait_poll, .whole_ms = true},
    {"ppoll", .wait = wait_ppoll},
    {"select", .wait = wait_select},
    {"pselect", .wait = wait_pselect},
    {"epoll", .prepare = prepare_epoll, .wait = wait_epoll, .whole_ms = true},
    {"epoll-pwait2", .prepare = prepare_epoll, .wait = wait_epoll_pwait2},
    {"futex", .wait = wait_futex},
    {"futex-abs", .wait = wait_futex_absolute},
    {"uring", .prepare = prepare_ring, .wait = wait_ring},
    {"uring-abs", .prepare = prepare_ring, .wait = wait_ring_absolute},
    {"uring-linked", .prepare = prepare_linked, .wait = wait_ring_linked},
    {"uring-enter", .prepare = prepare_ring, .wait = wait_ring_enter},
    {"aio", .prepare = prepare_aio, .wait = wait_aio},
    {"mqueue", .prepare = prepare_queue, .wait = wait_queue},
    {"semtimedop", .prepare = prepare_semaphore, .wait = wait_semtimedop},
    {"recv", .prepare = prepare_socket, .wait = wait_receive},
};

static void wait_at_random(const struct way *way, unsigned count)
{
    while (count--) {
        uint64_t ns = way->whole_ms ? (1 + random_below(LONGEST_MS)) * NS_PER_MS
                                    : 1000 * random_below(LONGEST_MS * NS_PER_MS / 1000);
        uint64_t start = sleeplog_counter();

        way->wait(ns);
        sleeplog_add(ns, start, sleeplog_counter());
    }
}

/*
 * Where the kernel does not tell how many expiries there were, they are those whose time has come; and none
 * has where the last wait, which ended late, was taken to be for this one too.
 */
static void wait_for_expiries(const struct way *way, unsigned count)
{
    uint64_t frequency, period, last;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    period = frequency / (NS_PER_S / PERIOD_NS);
    monotonic_ns(); /* its first call loads a page */
    last = sleeplog_counter();
    way->start();
    while (count) {
        uint64_t end;

        way->wait(PERIOD_NS);
        end = sleeplog_counter();
        if (!expirations && end > last)
            expirations = (end - last) / period;
        for (; expirations && count; expirations--, count--) {
            sleeplog_add(PERIOD_NS, last, end);
            last += period;
        }
        expirations = 0;
    }
}

bool waits_run(const char *name, unsigned count, uint64_t *period_ns)
{
    for (const struct way *way = ways; way < ways + sizeof(ways) / sizeof(ways[0]); way++) {
        if (strcmp(name, way->name) != 0)
            continue;
        if (way->prepare)
            way->prepare();
        *period_ns = way->start ? PERIOD_NS : 0;
        if (way->start)
            wait_for_expiries(way, EXPIRIES * count);
        else
            wait_at_random(way, count);
        return true;
    }
    return false;
}
