// SPDX-License-Identifier: Apache-2.0
/*
 * ontime check [--ns-per-instruction N] [--board BOARD.dtb] SYSTEM.dtb...: reads the files with the
 * hypervisor's own code, and prints what they ask for and how late timers can be (bound.c). With vCPUs on
 * several CPUs it prints what is on each, and how late timers can be there; with one it names no CPU. A vCPU
 * that floats is on each that it may be on. It cannot check what only the machine knows: how much RAM it has,
 * and how many CPUs. With the machine's tree it checks which devices can be given.
 */
#include "board_check.h"
#include "bound.h"
#include "commands.h"
#include "files.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/system_file.h"

#define MIB                1048576.0
#define NS_PER_INSTRUCTION 8 /* QEMU's -icount shift=3 */

static struct system_config config;

/* The CPUs that some vCPU is on: bit n is CPU n's. */
static uint64_t used_cpus(void)
{
    uint64_t cpus = 0;
    for (unsigned i = 0; i < config.vm_count; i++)
        cpus |= vm_config_cpus(&config.vms[i]);
    return cpus;
}

static bool has_several_cpus(void)
{
    return (used_cpus() & (used_cpus() - 1)) != 0;
}

static bool any_floats(void)
{
    bool any = false;
    for (unsigned i = 0; i < config.vm_count; i++)
        any = any || config.vms[i].floats_on != 0;
    return any;
}

/* The part of the CPU that a VM's vCPUs on it get when all that are on it are busy. */
static double share_of_cpu(const struct vm_config *vm, unsigned cpu)
{
    double sum = 0;
    for (unsigned i = 0; i < config.vm_count; i++)
        sum += config.vms[i].weight * vm_config_vcpus_on(&config.vms[i], cpu);
    return vm->weight * vm_config_vcpus_on(vm, cpu) / sum;
}

static double share_of_vcpu(const struct vm_config *vm, unsigned cpu)
{
    return share_of_cpu(vm, cpu) / vm_config_vcpus_on(vm, cpu);
}

/*
 * With VMs that float: the CPU time of each VM when all its vCPUs are busy, found by trying it. In each step
 * each CPU runs one that may be on it, runs nowhere else, and has had the least CPU time over its weight.
 */
static double tried[SYSTEM_MAX_VMS]; /* CPUs */

#define STEPS 10000

static struct vcpu_tried {
    const struct vm_config *vm;
    unsigned index;
    double time; /* over the weight */
    bool runs;
} vcpus_tried[SYSTEM_MAX_VMS * SYSTEM_MAX_VCPUS];

static unsigned list_vcpus(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < config.vm_count; i++)
        for (unsigned k = 0; k < config.vms[i].vcpus; k++)
            vcpus_tried[count++] = (struct vcpu_tried){.vm = &config.vms[i], .index = k};
    return count;
}

static struct vcpu_tried *next_on(unsigned cpu, unsigned count)
{
    struct vcpu_tried *next = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct vcpu_tried *one = &vcpus_tried[i];

        if (!one->runs && vm_config_is_on(one->vm, one->index, cpu) &&
            (next == NULL || one->time < next->time))
            next = one;
    }
    return next;
}

static void try_step(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        vcpus_tried[i].runs = false;
    for (uint64_t left = used_cpus(); left != 0; left &= left - 1) {
        struct vcpu_tried *one = next_on((unsigned)__builtin_ctzll(left), count);

        if (one == NULL)
            continue;
        one->runs = true;
        one->time += 1.0 / one->vm->weight;
        tried[one->vm - config.vms] += 1.0 / STEPS;
    }
}

static void try_shares(void)
{
    unsigned count = list_vcpus();
    memset(tried, 0, sizeof(tried));
    for (unsigned step = 0; step < STEPS; step++)
        try_step(count);
}

/* The part that a VM gets of all the CPUs that its vCPUs are on, or may be. */
static double share(const struct vm_config *vm)
{
    double sum = any_floats() ? tried[vm - config.vms] : 0;
    unsigned count = 0;
    for (unsigned cpu = 0; cpu < SYSTEM_MAX_CPUS; cpu++) {
        if (vm_config_vcpus_on(vm, cpu) == 0)
            continue;
        sum += any_floats() ? 0 : share_of_cpu(vm, cpu);
        count++;
    }
    return sum / count;
}

/*
 * As the system file names them: the CPU of each vCPU until the first comes again. Those that a VM floats
 * over are in the order of their numbers.
 */
static const char *cpu_list(const struct vm_config *vm, char *text, size_t size)
{
    size_t length = 0;
    for (uint64_t left = vm->floats_on; left != 0; left &= left - 1)
        length += (size_t)snprintf(text + length, size - length, "%s%u", length != 0 ? "," : "",
                                   (unsigned)__builtin_ctzll(left));
    if (length != 0)
        return text;
    for (unsigned i = 0; i < vm->vcpus && (i == 0 || vm_config_cpu(vm, i) != vm_config_cpu(vm, 0)); i++)
        length +=
            (size_t)snprintf(text + length, size - length, "%s%u", i != 0 ? "," : "", vm_config_cpu(vm, i));
    return text;
}

static void print_blob(const char *name, const struct blob *blob, uint64_t address)
{
    printf("    %-9s 0x%09" PRIx64 "  %.1f MiB (%zu bytes)\n", name, address, (double)blob->size / MIB,
           blob->size);
}

static void print_timers(const struct vm_config *vm)
{
    printf("%s", timer_mode_names[vm->timers]);
    if (vm->timers == TIMERS_TICK)
        printf(": every %" PRIu32 " us", vm->tick_us);
    if (!timers_warp(vm->timers))
        return;
    if (vm->horizon_us == 0)
        printf(": warp W %" PRIu32 " us, limit L %" PRIu32 " us, unwarp U %" PRIu32 " us", vm->warp_us,
               vm->warp_limit_us, vm->unwarp_us);
    else
        printf(": horizon %" PRIu32 " us, job %" PRIu32 " us", vm->horizon_us, vm->job_us);
    if (vm->period_us != 0)
        printf(" each %" PRIu32 " us", vm->period_us);
}

static void print_devices(const struct vm_config *vm)
{
    for (const char *path = vm->devices; path != NULL && path != vm->devices + vm->devices_size;
         path += strlen(path) + 1)
        printf("    device    %s\n", path);
}

static void print_restarts(const struct vm_config *vm)
{
    if (vm->watchdog_ms != 0)
        printf(", watchdog %" PRIu32 " ms%s", vm->watchdog_ms, vm->watchdog_reports ? " (reports)" : "");
    if (vm->restart_seconds != 0)
        printf(", at most %" PRIu32 " restarts in %" PRIu32 " s", vm->restarts, vm->restart_seconds);
}

static void print_vm(const struct vm_config *vm)
{
    char cpus[SYSTEM_MAX_CPUS * 3];
    printf("%-16s %7" PRIu32 " %6" PRIu32 "  %-8s %6" PRIu32 " %6.1f%%  ", vm->name, vm->memory_mib,
           vm->vcpus, cpu_list(vm, cpus, sizeof(cpus)), vm->weight, 100 * share(vm));
    print_timers(vm);
    print_restarts(vm);
    printf("%s%s%s%s%s\n", vm->floats_on != 0 ? ", floating" : "", vm->ends_system ? ", ends the system" : "",
           vm->observer ? ", observer" : "", vm->control ? ", control" : "",
           vm->console_raw ? ", raw console" : "");

    if (vm->memory_base != GUEST_RAM_BASE || vm->direct_map)
        printf("    %-9s 0x%09" PRIx64 "%s%s\n", "RAM", vm->memory_base, vm->direct_map ? "  direct" : "",
               vm->trusted_dma ? ", trusted with DMA" : "");
    print_blob(vm->is_linux_image ? "Image" : "binary", &vm->kernel, vm->load_address);
    if (vm->initrd.data != NULL)
        print_blob("initrd", &vm->initrd, vm->initrd_address);
    printf("    %-9s 0x%09" PRIx64 "\n", "tree", vm->tree_address);
    if (vm->bootargs[0] != '\0')
        printf("    bootargs  %s\n", vm->bootargs);
    print_devices(vm);
}

/* Each end's VM, and where it finds registers, memory and interrupt. */
static void print_link(const struct link_config *link)
{
    printf("link %s: %" PRIu32 " KiB%s\n", link->name, link->memory_kib, link->uncached ? ", uncached" : "");
    for (unsigned i = 0; i < 2; i++) {
        const struct link_end *end = &link->ends[i];

        printf("    %-16s %-6s  registers 0x%09lx, memory 0x%09" PRIx64 ", INTID %u%s\n",
               config.vms[end->vm].name, end->read_only ? "reads" : "writes",
               GUEST_LINK_BASE + end->index * GUEST_LINK_SIZE, end->memory, GUEST_INTID_LINKS + end->index,
               end->warps ? ", warps" : "");
    }
}

/* Who drives it, and who serves it; with the registers and the interrupt of each. */
static void print_virtio(const struct virtio_config *virtio)
{
    const struct virtio_end *driver = &virtio->ends[VIRTIO_DRIVER];
    const struct virtio_end *service = &virtio->ends[VIRTIO_SERVICE];
    const struct vm_config *vm = &config.vms[driver->vm];

    printf("virtio %s: %s\n", virtio->name, virtio->kind);
    printf("    %-16s drives  registers 0x%09lx, INTID %u%s\n", vm->name,
           GUEST_VIRTIO_BASE + driver->index * GUEST_VIRTIO_STRIDE, GUEST_INTID_VIRTIOS + driver->index,
           driver->warps ? ", warps" : "");
    printf("    %-16s serves  registers 0x%09lx, INTID %u%s, sees the RAM of %s at 0x%010" PRIx64 "\n",
           config.vms[service->vm].name, GUEST_SERVICE_BASE + service->index * GUEST_SERVICE_SIZE,
           GUEST_INTID_SERVICES + service->index, service->warps ? ", warps" : "", vm->name, virtio->window);
}

static void print_system(const char *name, size_t size)
{
    uint64_t memory = 0, links = 0;
    printf("%s: scheduler %s, allowance C %" PRIu32 " us, trace %" PRIu32 " KiB for each CPU\n", name,
           config.scheduler, config.allowance_us, config.trace_kib);
    printf("%-16s %7s %6s  %-8s %6s %7s  %s\n", "VM", "MiB", "vCPUs", "on CPUs", "weight", "share", "timers");
    for (unsigned i = 0; i < config.vm_count; i++) {
        print_vm(&config.vms[i]);
        memory += config.vms[i].memory_mib;
    }
    for (unsigned i = 0; i < config.link_count; i++) {
        print_link(&config.links[i]);
        links += config.links[i].memory_kib;
    }
    for (unsigned i = 0; i < config.virtio_count; i++)
        print_virtio(&config.virtios[i]);
    printf("RAM needed: %" PRIu64 " MiB for the VMs, ", memory);
    if (config.link_count != 0)
        printf("%" PRIu64 " KiB for their links, ", links);
    printf("%.1f MiB for this file, and a few for Ontime\n", (double)size / MIB);
}

/* What a line that a script reads begins with: with several CPUs it says which one it is about. */
static void print_key(const char *what, const struct vm_config *vm, unsigned cpu)
{
    printf("%s vm=%s ", what, vm->name);
    if (has_several_cpus())
        printf("cpu=%u ", cpu);
}

/* Whom a line is about: the VM, or with several CPUs its vCPUs on that one, "linux.0, linux.2". */
static void print_subject(const struct vm_config *vm, unsigned cpu)
{
    const char *between = "    ";
    if (!has_several_cpus()) {
        printf("    %s", vm->name);
        return;
    }
    for (unsigned i = 0; i < vm->vcpus; i++) {
        if (!vm_config_is_on(vm, i, cpu))
            continue;
        printf("%s%s.%u", between, vm->name, i);
        between = ", ";
    }
}

static void print_job(const struct vm_config *vm, unsigned cpu, const struct bound *bound)
{
    print_key("job", vm, cpu);
    printf("response-us=%" PRIu64 " job-us=%" PRIu32 " period-us=%" PRIu32 " demand=%.1f%% share=%.1f%% %s\n",
           bound->response, vm->job_us, vm->period_us, 100 * bound->demand, 100 * share_of_vcpu(vm, cpu),
           bound->holds ? "holds" : "too-much");
    if (bound->holds)
        return;
    print_subject(vm, cpu);
    puts(": its jobs ask for more than its share: a larger weight, a longer period-us or a smaller job-us is "
         "needed");
}

static void print_bound(const struct vm_config *vm, unsigned cpu, const struct bound *bound)
{
    print_key("bound", vm, cpu);
    if (!bound->exists) {
        printf("none: %s\n", bound->why_not);
        return;
    }
    printf("us=%" PRIu64 " path=%" PRIu64 " deadlines=%" PRIu64 " switch=%" PRIu64
           " warps=%u warped=%" PRIu64,
           bound->total, bound->path, bound->deadlines, bound->switching, bound->warps, bound->warped);
    if (bound->message_count != 0)
        printf(" messages=%" PRIu64 " locks=%" PRIu64 " console=%" PRIu64, bound->messages, bound->locks,
               bound->console);
    if (bound->moved != 0)
        printf(" moved=%" PRIu64, bound->moved);
    puts("");
    print_subject(vm, cpu);
    printf(": a precise timer is at most %" PRIu64 " us late: %" PRIu64 " us Ontime's longest path + %" PRIu64
           " us deadlines before + %" PRIu64 " us switch + %" PRIu64 " us urgent work of %u others",
           bound->total, bound->path, bound->deadlines, bound->switching, bound->warped, bound->warps);
    if (bound->message_count != 0)
        printf(" + %" PRIu64 " us %u messages of other CPUs + %" PRIu64
               " us waiting for VMs' locks + %" PRIu64 " us for the console's",
               bound->messages, bound->message_count, bound->locks, bound->console);
    if (bound->moved != 0)
        printf(" + %" PRIu64 " us on another CPU before", bound->moved);
    puts("");
    if (bound->response != 0)
        print_job(vm, cpu, bound);
}

/* With several CPUs: the vCPUs on one of them. */
static void print_vcpus(unsigned cpu)
{
    printf("CPU %-16u %6s %7s\n", cpu, "weight", "share");
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];
        char name[SYSTEM_NAME_LENGTH + 4];

        for (unsigned k = 0; k < vm->vcpus; k++) {
            if (!vm_config_is_on(vm, k, cpu))
                continue;
            snprintf(name, sizeof(name), "%s.%u", vm->name, k);
            printf("    %-16s %6" PRIu32 " %6.1f%%%s\n", name, vm->weight, 100 * share_of_vcpu(vm, cpu),
                   vm->floats_on != 0 ? "  floats" : "");
        }
    }
}

/* Returns how many VMs have a bound on that CPU. */
static unsigned print_cpu(unsigned cpu, double ns_per_instruction)
{
    unsigned count = 0;

    if (has_several_cpus())
        print_vcpus(cpu);
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];
        struct bound bound;

        if (vm_config_vcpus_on(vm, cpu) == 0)
            continue;
        bound = bound_of(&config, vm, cpu, ns_per_instruction);
        print_bound(vm, cpu, &bound);
        count += bound.exists;
    }
    return count;
}

static void print_bounds(const char *name, double ns_per_instruction)
{
    unsigned count = 0;

    printf(
        "Lateness of precise timers, at %g ns an instruction of Ontime's. Up to the guest's entry with its\n"
        "interrupt pending, and for a VM within its share: what the guest takes, and how long it masks\n"
        "interrupts, comes on top.\n",
        ns_per_instruction);
    if (has_several_cpus())
        puts(
            "Of other CPUs a CPU's bounds count messages to its vCPUs, and waits for locks that those hold.");
    if (any_floats())
        puts(
            "Those that float count on each CPU that they may be on: shares and bounds there are the worst.");
    for (unsigned cpu = 0; cpu < SYSTEM_MAX_CPUS; cpu++)
        if ((used_cpus() >> cpu & 1) != 0)
            count += print_cpu(cpu, ns_per_instruction);
    if (count == 0)
        fprintf(stderr, "%s: warning: no VM has a bound on the lateness of its timers\n", name);
}

/* What the command line says. */
static struct {
    double ns_per_instruction;
    void *board; /* the machine's tree, NULL: none is given */
    size_t board_size;
} options;

static bool check_file(const char *name)
{
    char error[256];
    size_t size;
    void *data = read_file(name, &size);
    if (data == NULL)
        return false;
    bool good = system_file_read(data, size, &config, error, sizeof(error)) == 0 &&
                (options.board == NULL ||
                 board_check(options.board, options.board_size, &config, error, sizeof(error)));
    if (good) {
        if (any_floats())
            try_shares();
        print_system(name, size);
        print_bounds(name, options.ns_per_instruction);
    } else {
        fprintf(stderr, "%s: %s\n", name, error);
    }
    free(data);
    return good;
}

/* Positive and finite, or 0. */
static double read_ns(const char *text)
{
    char *end;
    double ns = strtod(text, &end);

    return end != text && *end == '\0' && ns > 0 && ns <= 1e6 ? ns : 0;
}

/* Reads the options. Returns where the files begin, or 0 when something is wrong. */
static int read_options(int argc, char **argv, const char **board)
{
    int i = 1;

    options.ns_per_instruction = NS_PER_INSTRUCTION;
    *board = NULL;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "--ns-per-instruction") == 0)
            options.ns_per_instruction = read_ns(argv[i + 1]);
        else if (strcmp(argv[i], "--board") == 0)
            *board = argv[i + 1];
        else
            return 0;
    }
    return i < argc && argv[i][0] != '-' && options.ns_per_instruction != 0 ? i : 0;
}

int check_command(int argc, char **argv)
{
    const char *board;
    int first = read_options(argc, argv, &board);
    bool good = true;

    if (first == 0) {
        fputs("usage: ontime check [--ns-per-instruction N] [--board BOARD.dtb] SYSTEM.dtb...\n", stderr);
        return 2;
    }
    options.board = board != NULL ? read_file(board, &options.board_size) : NULL;
    if (board != NULL && options.board == NULL)
        return 1;
    for (int i = first; i < argc; i++)
        good = check_file(argv[i]) && good;
    free(options.board);
    options.board = NULL;
    return good ? 0 : 1;
}
