// SPDX-License-Identifier: Apache-2.0
/*
 * The hint (docs/hint.md) on stock KVM: a library that is preloaded into QEMU, LD_PRELOAD=/lib/hint.so. It
 * has KVM forward the hint's calls to user space, which takes Linux 6.4, and answers them around QEMU's
 * ioctl(KVM_RUN). QEMU and the host's kernel are as they are.
 *
 * Each vCPU has a thread beside it, the timer, which has a higher real-time priority. At the vCPU's deadline,
 * less LEAD_NS, the timer gives the vCPU's thread SCHED_FIFO: it goes first. That ends with DONE, and when
 * the vCPU's thread has used what it may. It may go first for one part in CREDIT_PART of all time, and saves
 * at most CREDIT_NS of that. WFI does not end it: KVM handles it in the kernel.
 *
 * To end it is the last thing that is done in a call, as the host may take the CPU away there, and the
 * deadline after has to be armed by then.
 *
 * A guest has one deadline, id 0, which is enough for one with a queue of its own. It is told by calls. A
 * page would have to be read when the host takes the CPU from the vCPU's thread, and no program is told of
 * that.
 */
#include <asm/kvm.h>
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ontime/abi.h>

/* Of Linux 6.4 and later; Debian 12's headers are older. */
#ifndef KVM_ARM_VM_SMCCC_CTRL
#define KVM_ARM_VM_SMCCC_CTRL        0
#define KVM_ARM_VM_SMCCC_FILTER      0
#define KVM_SMCCC_FILTER_FWD_TO_USER 2
struct kvm_smccc_filter {
    uint32_t base, nr_functions;
    uint8_t action, pad[15];
};
#endif

#define NS_PER_S       UINT64_C(1000000000)
#define LEAD_NS        UINT64_C(200000) /* from the timer's interrupt to the guest, on this machine */
#define CREDIT_NS      UINT64_C(5000000)
#define CREDIT_PART    10
#define LEAST_NS       UINT64_C(100000) /* with less credit a vCPU does not go first */
#define VCPU_PRIORITY  10
#define TIMER_PRIORITY 50
#define PAGE           4096
#define FIRST_CALL     ONTIME_CALL_ARM
#define LAST_CALL      ONTIME_CALL_HAND_ON
#define NEVER          UINT64_MAX
#define REGISTER(index)                                                                                      \
    (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (KVM_REG_ARM_CORE_REG(regs.regs[0]) + 2 * (index)))

/* What the vCPU's thread and its timer share, under `lock`. */
struct vcpu {
    int fd;
    volatile struct kvm_run *run;
    pid_t thread;
    clockid_t clock; /* CPU time of that thread */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t deadline;  /* when to go first: ns of CLOCK_MONOTONIC, or NEVER */
    uint64_t look;      /* when to look whether the credit is used up: the same */
    bool first;         /* the thread has SCHED_FIFO */
    bool is_done;       /* and gives it back at the end of this call */
    uint64_t used_from; /* its CPU time when it was given that, ns */
    uint64_t credit;    /* CPU time for which it may go first, ns */
    uint64_t credited;  /* when that was counted, ns of CLOCK_MONOTONIC */
};

static __thread struct vcpu *self;

static long raw_ioctl(int fd, unsigned long request, void *argument)
{
    return syscall(SYS_ioctl, fd, request, argument);
}

_Noreturn static void fail(const char *what)
{
    (void)fprintf(stderr, "hint: %s: %m\n", what);
    exit(1);
}

static uint64_t read_clock(clockid_t clock)
{
    struct timespec time = {0, 0};

    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static uint64_t get_register(int fd, uint64_t id)
{
    uint64_t value = 0;
    struct kvm_one_reg reg = {.id = id, .addr = (uintptr_t)&value};

    raw_ioctl(fd, KVM_GET_ONE_REG, &reg);
    return value;
}

static void set_register(int fd, unsigned index, uint64_t value)
{
    struct kvm_one_reg reg = {.id = REGISTER(index), .addr = (uintptr_t)&value};

    raw_ioctl(fd, KVM_SET_ONE_REG, &reg);
}

static void set_policy(const struct vcpu *vcpu, int policy, int priority)
{
    struct sched_param parameter = {.sched_priority = priority};

    if (sched_setscheduler(vcpu->thread, policy, &parameter) < 0)
        perror("hint: sched_setscheduler");
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void go_first(struct vcpu *vcpu)
{
    uint64_t now = read_clock(CLOCK_MONOTONIC);

    vcpu->credit = least(vcpu->credit + (now - vcpu->credited) / CREDIT_PART, CREDIT_NS);
    vcpu->credited = now;
    if (vcpu->first || vcpu->credit < LEAST_NS)
        return;
    vcpu->first = true;
    vcpu->used_from = read_clock(vcpu->clock);
    vcpu->look = now + vcpu->credit;
    set_policy(vcpu, SCHED_FIFO, VCPU_PRIORITY);
}

static void go_as_others(struct vcpu *vcpu)
{
    vcpu->first = false;
    vcpu->credit -= least(read_clock(vcpu->clock) - vcpu->used_from, vcpu->credit);
    vcpu->look = NEVER;
    set_policy(vcpu, SCHED_OTHER, 0);
}

static void look_at_credit(struct vcpu *vcpu)
{
    uint64_t used = read_clock(vcpu->clock) - vcpu->used_from;

    if (used + LEAST_NS > vcpu->credit)
        go_as_others(vcpu);
    else
        vcpu->look = read_clock(CLOCK_MONOTONIC) + vcpu->credit - used;
}

static void act(struct vcpu *vcpu, uint64_t now)
{
    if (vcpu->deadline <= now) {
        vcpu->deadline = NEVER;
        go_first(vcpu);
    }
    if (vcpu->look <= now)
        look_at_credit(vcpu);
}

static void *timer(void *argument)
{
    struct vcpu *vcpu = argument;
    struct sched_param parameter = {.sched_priority = TIMER_PRIORITY};

    pthread_setname_np(pthread_self(), "hint"); /* it has its vCPU's, by which hostlog finds that */
    sched_setscheduler(0, SCHED_FIFO, &parameter);
    pthread_mutex_lock(&vcpu->lock);
    for (;;) {
        uint64_t now = read_clock(CLOCK_MONOTONIC), at = least(vcpu->deadline, vcpu->look);

        if (at == NEVER) {
            pthread_cond_wait(&vcpu->changed, &vcpu->lock);
        } else if (at <= now) {
            act(vcpu, now);
        } else {
            struct timespec until = {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)};

            pthread_cond_clockwait(&vcpu->changed, &vcpu->lock, CLOCK_MONOTONIC, &until);
        }
    }
    return NULL;
}

static uint64_t counter_frequency(void)
{
    uint64_t hz;

    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    return hz;
}

/* When the vCPU has to go first for that value of the guest's counter: ns of CLOCK_MONOTONIC; 0: now. */
static uint64_t instant_of(const struct vcpu *vcpu, uint64_t deadline)
{
    uint64_t now = get_register(vcpu->fd, KVM_REG_ARM_TIMER_CNT), hz = counter_frequency(), ahead;

    ahead = deadline > now ? deadline - now : 0;
    ahead = ahead / hz * NS_PER_S + ahead % hz * NS_PER_S / hz;
    return ahead > LEAD_NS ? read_clock(CLOCK_MONOTONIC) + ahead - LEAD_NS : 0;
}

static uint64_t arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id)
{
    if (id != 0 || deadline == ONTIME_NO_DEADLINE)
        return (uint64_t)ONTIME_INVALID;
    vcpu->deadline = instant_of(vcpu, deadline);
    pthread_cond_signal(&vcpu->changed);
    return ONTIME_OK;
}

static uint64_t cancel(struct vcpu *vcpu, uint64_t id)
{
    bool was_armed = vcpu->deadline != NEVER;

    if (id != 0)
        return (uint64_t)ONTIME_INVALID;
    vcpu->deadline = NEVER;
    return was_armed;
}

static uint64_t done(struct vcpu *vcpu, uint64_t next)
{
    vcpu->is_done = vcpu->first && (next == ONTIME_NO_DEADLINE || instant_of(vcpu, next) != 0);
    return vcpu->is_done;
}

static uint64_t answer(struct vcpu *vcpu, uint32_t function)
{
    uint64_t first = get_register(vcpu->fd, REGISTER(1));

    switch (function) {
    case ONTIME_CALL_UID:
        set_register(vcpu->fd, 1, ONTIME_UID_1);
        set_register(vcpu->fd, 2, ONTIME_UID_2);
        set_register(vcpu->fd, 3, ONTIME_UID_3);
        return ONTIME_UID_0;
    case ONTIME_CALL_REVISION:
        set_register(vcpu->fd, 1, ONTIME_REVISION_MINOR);
        return ONTIME_REVISION_MAJOR;
    case ONTIME_CALL_FEATURES:
        return ONTIME_FEATURE_PRECISE;
    case ONTIME_CALL_ARM:
        return arm(vcpu, first, get_register(vcpu->fd, REGISTER(2)));
    case ONTIME_CALL_CANCEL:
        return cancel(vcpu, first);
    case ONTIME_CALL_DONE:
        return done(vcpu, first);
    default:
        return (uint64_t)ONTIME_NOT_SUPPORTED;
    }
}

static void begin(int fd)
{
    struct vcpu *vcpu = calloc(1, sizeof(*vcpu));
    pthread_mutexattr_t attributes;
    pthread_t thread;

    if (vcpu == NULL)
        fail("calloc");
    vcpu->fd = fd;
    vcpu->run = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (vcpu->run == MAP_FAILED)
        fail("mmap of a vCPU");
    vcpu->thread = (pid_t)syscall(SYS_gettid);
    pthread_getcpuclockid(pthread_self(), &vcpu->clock);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&vcpu->lock, &attributes);
    pthread_cond_init(&vcpu->changed, NULL);
    vcpu->deadline = vcpu->look = NEVER;
    self = vcpu;
    errno = pthread_create(&thread, NULL, timer, vcpu);
    if (errno != 0)
        fail("pthread_create");
}

static void forward(int vm, uint32_t base, uint32_t count)
{
    struct kvm_smccc_filter filter = {
        .base = base, .nr_functions = count, .action = KVM_SMCCC_FILTER_FWD_TO_USER};
    struct kvm_device_attr attribute = {
        .group = KVM_ARM_VM_SMCCC_CTRL, .attr = KVM_ARM_VM_SMCCC_FILTER, .addr = (uintptr_t)&filter};

    if (raw_ioctl(vm, KVM_SET_DEVICE_ATTR, &attribute) < 0)
        perror("hint: this KVM does not forward calls");
}

static int run(int fd)
{
    if (self == NULL)
        begin(fd);
    for (;;) {
        long result = raw_ioctl(fd, KVM_RUN, NULL);
        uint64_t x0;

        if (result != 0 || self->run->exit_reason != KVM_EXIT_HYPERCALL)
            return (int)result;
        pthread_mutex_lock(&self->lock);
        x0 = answer(self, (uint32_t)self->run->hypercall.nr);
        set_register(fd, 0, x0);
        if (self->is_done)
            go_as_others(self);
        self->is_done = false;
        pthread_mutex_unlock(&self->lock);
    }
}

/* In place of glibc's. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;
    long result;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == KVM_RUN)
        return run(fd);
    result = raw_ioctl(fd, request, argument);
    if (request == KVM_CREATE_VM && result >= 0) {
        forward((int)result, ONTIME_CALL_UID, 1);
        forward((int)result, ONTIME_CALL_REVISION, 1);
        forward((int)result, ONTIME_CALL_FEATURES, 1);
        forward((int)result, FIRST_CALL, LAST_CALL - FIRST_CALL + 1);
    }
    return (int)result;
}
