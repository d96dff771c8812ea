/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostlog TUNING NAME[:CORES]...: process 1 of the KVM host. It starts the VMs by /vm NAME CPUS, all at once;
 * the last one is measured. What they print it writes to the console as `[NAME] LINE`, whole lines in the
 * order in which they came. When a VM ends, the host is switched off.
 *
 * CORES, as in `hogs:0,1`, are those that the VM's vCPUs are pinned to, in their order, once it has printed
 * its first line. Without, it has one vCPU.
 *
 * TUNING is what is done to the threads that run a vCPU, once the measured guest has printed its first line
 * and all the others' hogs work, or they have printed `ready;`:
 *   default, hint  nothing; with `hint` the measured guest's QEMU does it (hint.c)
 *   fifo           the measured guest's is SCHED_FIFO
 *   deadline=B/P,B/P
 *                  each is SCHED_DEADLINE, with B microseconds in every P: the measured guest's, the others';
 *                  but for a VM none of whose cores is one of the measured guest's
 *
 * It prints lines of its own. Times in them are ticks of the host's counter, which runs from power-on:
 *   [host] first vm=NAME counter=C;    the VM's first line came at C
 *   [host] mark N vm=NAME counter=C run=R exits=E switches=S;
 *                                      the measured window begins (N = 1) or ends (2); R: CPU time of the
 *                                      VM's vCPU threads, E: exits from the guest, S: switches from them
 *
 * It runs on the measured core, and so does little: it wakes up only for what is printed, once a second for
 * each hog.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_VMS        8
#define MAX_CPUS       8
#define LINE_SIZE      1024
#define PATH_SIZE      320
#define NS_PER_S       1000000000u
#define HOST_PERIOD_US 2000u
#define HOST_BUDGET_US 200u
#define PRIORITY       50
#define SETTLE_NS      2000000 /* a line leaves a VM byte by byte: one wake-up for it, not forty */
#define ENTRY_SIZE     256

struct vm {
    const char *name;
    unsigned cpus;
    bool pinned;
    int cores[MAX_CPUS]; /* of each vCPU, when pinned */
    pid_t process;
    int output;
    bool seen; /* has printed a line */
    bool busy; /* its hog works, or it is about to begin its loads */
    size_t length;
    char line[LINE_SIZE];
};

static struct vm vms[MAX_VMS];
static size_t vm_count;
static struct vm *measured;
static const char *tuning;

static uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static uint64_t ticks(uint64_t nanoseconds)
{
    uint64_t frequency;

    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return nanoseconds / NS_PER_S * frequency + nanoseconds % NS_PER_S * frequency / NS_PER_S;
}

static _Noreturn void power_off(void)
{
    (void)fflush(stdout);
    tcdrain(STDOUT_FILENO);
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static _Noreturn void fail(const char *what)
{
    perror(what);
    power_off();
}

static FILE *open_file(const char *path)
{
    FILE *file = fopen(path, "r");

    if (file)
        return file;
    fail(path);
}

/* The number in the first line that begins with KEY; of the file's first line when KEY is empty. */
static uint64_t number_in(const char *path, const char *key)
{
    char line[ENTRY_SIZE];
    uint64_t number = 0;
    FILE *file = open_file(path);

    while (fgets(line, sizeof(line), file))
        if (!strncmp(line, key, strlen(key))) {
            number = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    (void)fclose(file);
    return number;
}

/* The thread that runs that vCPU of the VM, known by the name that QEMU gives it. */
static pid_t vcpu_thread(const struct vm *vm, unsigned cpu)
{
    char path[PATH_SIZE], name[ENTRY_SIZE], wanted[ENTRY_SIZE];
    const struct dirent *entry;
    pid_t found = 0;
    DIR *tasks;

    (void)snprintf(wanted, sizeof(wanted), "CPU %u/KVM", cpu);
    (void)snprintf(path, sizeof(path), "/proc/%d/task", vm->process);
    tasks = opendir(path);
    while (tasks && !found && (entry = readdir(tasks))) {
        FILE *file;

        (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", vm->process, entry->d_name);
        file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(name, sizeof(name), file) && !strncmp(name, wanted, strlen(wanted)))
            found = (pid_t)strtol(entry->d_name, NULL, 10);
        (void)fclose(file);
    }
    if (!found)
        fail("no vCPU thread");
    closedir(tasks);
    return found;
}

/* From KVM's counters of the VM, in a directory called PROCESS-FILE. */
static uint64_t exits(const struct vm *vm)
{
    static const char kvm[] = "/sys/kernel/debug/kvm";
    char prefix[ENTRY_SIZE], path[PATH_SIZE];
    const struct dirent *entry;
    DIR *directory = opendir(kvm);

    (void)snprintf(prefix, sizeof(prefix), "%d-", vm->process);
    while (directory && (entry = readdir(directory)))
        if (!strncmp(entry->d_name, prefix, strlen(prefix))) {
            (void)snprintf(path, sizeof(path), "%s/%s/exits", kvm, entry->d_name);
            closedir(directory);
            return number_in(path, "");
        }
    fail(kvm);
}

static void mark_vm(unsigned number, const struct vm *vm, uint64_t now)
{
    char path[PATH_SIZE];
    uint64_t run_ns = 0, switches = 0;

    for (unsigned cpu = 0; cpu < vm->cpus; cpu++) {
        pid_t thread = vcpu_thread(vm, cpu);

        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/status", vm->process, thread);
        switches +=
            number_in(path, "voluntary_ctxt_switches:") + number_in(path, "nonvoluntary_ctxt_switches:");
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", vm->process, thread);
        run_ns += number_in(path, "");
    }
    printf("[host] mark %u vm=%s counter=%" PRIu64 " run=%" PRIu64 " exits=%" PRIu64 " switches=%" PRIu64
           ";\n",
           number, vm->name, now, ticks(run_ns), exits(vm), switches);
}

static void mark(unsigned number)
{
    uint64_t now = counter();

    for (size_t i = 0; i < vm_count; i++)
        mark_vm(number, &vms[i], now);
}

static void set_policy(pid_t thread, struct sched_attr attributes)
{
    attributes.size = sizeof(attributes);
    if (syscall(SYS_sched_setattr, thread, &attributes, 0))
        fail("sched_setattr");
}

static void become_fifo(pid_t thread, unsigned priority)
{
    set_policy(thread, (struct sched_attr){.sched_policy = SCHED_FIFO, .sched_priority = priority});
}

static void reserve(pid_t thread, uint64_t budget_us, uint64_t period_us)
{
    set_policy(thread, (struct sched_attr){.sched_policy = SCHED_DEADLINE,
                                           .sched_runtime = budget_us * 1000,
                                           .sched_deadline = period_us * 1000,
                                           .sched_period = period_us * 1000});
}

static void reserve_vm(const struct vm *vm, uint64_t budget_us, uint64_t period_us)
{
    for (unsigned cpu = 0; cpu < vm->cpus; cpu++)
        reserve(vcpu_thread(vm, cpu), budget_us, period_us);
}

static bool share_a_core(const struct vm *a, const struct vm *b)
{
    bool shared = !a->pinned || !b->pinned;

    for (unsigned i = 0; i < a->cpus; i++)
        for (unsigned j = 0; j < b->cpus; j++)
            shared = shared || a->cores[i] == b->cores[j];
    return shared;
}

/* This process first: it would not run beside the first tuned thread, not even to tune the next. */
static void tune(void)
{
    uint64_t budget, period, others_budget, others_period;

    if (!strcmp(tuning, "fifo")) {
        become_fifo(getpid(), PRIORITY + 1);
        for (unsigned cpu = 0; cpu < measured->cpus; cpu++)
            become_fifo(vcpu_thread(measured, cpu), PRIORITY);
    }
    if (sscanf(tuning, "deadline=%" SCNu64 "/%" SCNu64 ",%" SCNu64 "/%" SCNu64, &budget, &period,
               &others_budget, &others_period) != 4)
        return;
    reserve(getpid(), HOST_BUDGET_US, HOST_PERIOD_US);
    for (size_t i = 0; i < vm_count; i++)
        if (&vms[i] == measured)
            reserve_vm(&vms[i], budget, period);
        else if (share_a_core(&vms[i], measured))
            reserve_vm(&vms[i], others_budget, others_period);
}

static void start(struct vm *vm)
{
    char cpus[ENTRY_SIZE];
    int ends[2];

    (void)snprintf(cpus, sizeof(cpus), "%u", vm->cpus);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        fail("pipe2");
    vm->output = ends[0];
    vm->process = fork();
    if (vm->process == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl("/vm", "vm", vm->name, cpus, (char *)NULL);
        perror("/vm");
        _exit(1);
    }
    close(ends[1]);
    if (vm->process < 0)
        fail("fork");
}

/* Only once all have booted: the others would take long to boot beside a real-time vCPU. */
static void tune_when_all_are_up(void)
{
    static bool tuned;
    bool up = measured->seen;

    for (size_t i = 0; i < vm_count; i++)
        up = up && (&vms[i] == measured || vms[i].busy);
    if (up && !tuned) {
        tuned = true;
        tune();
    }
}

/*
 * When only the log is left to print, which takes half the time without the hogs. The signal goes to the
 * vCPU's thread: one to the process would wait for its first thread, which does not run beside reserved ones.
 */
static void stop_hogs(void)
{
    for (size_t i = 0; i < vm_count; i++)
        if (&vms[i] != measured)
            syscall(SYS_tgkill, vms[i].process, vcpu_thread(&vms[i], 0), SIGSTOP);
}

/* QEMU's other threads go where they like. <sched.h> and <linux/sched/types.h> exclude each other. */
static void pin(const struct vm *vm)
{
    for (unsigned cpu = 0; vm->pinned && cpu < vm->cpus; cpu++) {
        unsigned long set = 1ul << vm->cores[cpu];

        if (syscall(SYS_sched_setaffinity, vcpu_thread(vm, cpu), sizeof(set), &set) < 0)
            fail("sched_setaffinity");
    }
}

static void take_line(struct vm *vm)
{
    vm->line[vm->length] = '\0';
    vm->length = 0;
    if (!vm->seen) {
        vm->seen = true;
        pin(vm);
        printf("[host] first vm=%s counter=%" PRIu64 ";\n", vm->name, counter());
    }
    printf("[%s] %s\n", vm->name, vm->line);
    vm->busy = vm->busy || !strncmp(vm->line, "matmul ", 7) || !strcmp(vm->line, "ready;");
    if (vm == measured && !strcmp(vm->line, "window begins;"))
        mark(1);
    if (vm == measured && !strcmp(vm->line, "window ends;"))
        mark(2);
    if (vm == measured && !strncmp(vm->line, "sleeplog begin", 14))
        stop_hogs();
}

static void take_byte(struct vm *vm, char byte)
{
    if (byte == '\n' || vm->length == LINE_SIZE - 1)
        take_line(vm);
    if (byte != '\n' && byte != '\r')
        vm->line[vm->length++] = byte;
}

static void take_output(struct vm *vm)
{
    char bytes[LINE_SIZE];
    ssize_t count;

    while ((count = read(vm->output, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < count; i++)
            take_byte(vm, bytes[i]);
    if (count == 0) {
        printf("[host] ended vm=%s;\n", vm->name);
        power_off();
    }
}

static void wait_for_output(void)
{
    const struct timespec settle = {.tv_nsec = SETTLE_NS};
    struct pollfd polled[MAX_VMS];

    for (size_t i = 0; i < vm_count; i++)
        polled[i] = (struct pollfd){.fd = vms[i].output, .events = POLLIN};
    if (poll(polled, vm_count, -1) < 0)
        fail("poll");
    nanosleep(&settle, NULL);
}

/* NAME[:CORES] */
static void add_vm(char *word)
{
    struct vm *vm = &vms[vm_count++];
    char *cores = strchr(word, ':');

    *vm = (struct vm){.name = word, .cpus = cores ? 0 : 1, .pinned = cores};
    if (cores)
        *cores++ = '\0';
    for (char *core = cores ? strtok(cores, ",") : NULL; core && vm->cpus < MAX_CPUS;
         core = strtok(NULL, ","))
        vm->cores[vm->cpus++] = (int)strtol(core, NULL, 10);
}

int main(int count, char **words)
{
    if (count < 3 || count - 2 > MAX_VMS) {
        (void)fprintf(stderr, "usage: hostlog TUNING NAME[:CORES]...\n");
        power_off();
    }
    tuning = words[1];
    for (int i = 2; i < count; i++)
        add_vm(words[i]);
    measured = &vms[vm_count - 1];
    for (size_t i = 0; i < vm_count; i++)
        start(&vms[i]);
    for (;;) {
        wait_for_output();
        for (size_t i = 0; i < vm_count; i++)
            take_output(&vms[i]);
        tune_when_all_are_up();
        (void)fflush(stdout);
    }
}
