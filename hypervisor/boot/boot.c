/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first C with the MMU on to the first guest. boot_main(), at the end, reads as a table of contents;
 * the functions above it are its chapters, in its order.
 */
#include <libfdt.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/assert.h"
#include "base/memory.h"
#include "base/seeds.h"
#include "base/stack_protector.h"
#include "base/stop.h"
#include "base/units.h"
#include "boot/arch_boot.h"
#include "boot/board.h"
#include "boot/cores.h"
#include "boot/give_devices.h"
#include "boot/passthrough.h"
#include "boot/system_file.h"
#include "boot/timer_source.h"
#include "boot/tree_walk.h"
#include "console/console.h"
#include "devices/devices.h"
#include "devices/dma.h"
#include "devices/link.h"
#include "devices/stolen_time.h"
#include "devices/tree_writer.h"
#include "devices/virtio.h"
#include "devices/vrtc.h"
#include "devices/vuart.h"
#include "drivers/gic.h"
#include "drivers/machine_tree.h"
#include "drivers/pl031.h"
#include "drivers/uart.h"
#include "vm/dispatch.h"
#include "vm/floating.h"
#include "vm/power.h"

static struct board board;
static struct system_config config;
static struct given_device *given; /* passthrough_count() of them */

_Noreturn void boot_main(const void *tree);

/*
 * Of several CPUs that stop at once the first one tells why, and the others wait for the end. What goes wrong
 * in here switches the machine off at once.
 */
static void stop_once(void)
{
    static _Atomic(const struct cpu *) stopping;
    const struct cpu *first = NULL;

    if (atomic_compare_exchange_strong(&stopping, &first, arch_cpu()))
        return;
    while (first != arch_cpu())
        arch_wait_for_interrupt();
    arch_system_off();
}

_Noreturn void stop(const char *format, ...)
{
    char text[CONSOLE_LINE * 2];
    va_list arguments;

    stop_once();
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    vm_write_complaints();
    console_print("%s", text);
    console_print("stopped: the machine is switched off");
    console_finish();
    arch_system_off();
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    stop("bug: %s:%d: %s", file, line, what);
}

static void tell_core_0(void)
{
    cpu_send(&cpus[0], CPU_CONSOLE);
}

/*
 * Without a UART that Ontime knows, and can map, all goes on, and the console keeps what is written: in RAM
 * it can be found by "[ontime] Ontime".
 */
static void start_console(struct cpu *cpu)
{
    const struct uart_driver *driver = uart_driver_find(board.uart_compatible, board.uart_compatible_size);
    const struct uart_registers registers = {board.uart.start, board.uart_shift, board.uart_width};

    if (driver != NULL && arch_map_device(board.uart.start, board.uart.size)) {
        driver->init(&registers);
    } else {
        driver = NULL;
        board.uart_irq = 0;
    }
    console_init(driver, &cpu->deadlines, tell_core_0);
    console_print("Ontime " ONTIME_VERSION);
    if (driver == NULL)
        console_print("no console: %s: this text is in memory only",
                      board.uart_missing != NULL ? board.uart_missing : "no driver for its UART");
}

static void check_machine(const char *missing)
{
    if (missing != NULL)
        stop("the machine's device tree lacks %s", missing);
    if (arch_cpu_problem() != NULL)
        stop("%s", arch_cpu_problem());
    if (!board.psci)
        console_print("the firmware has no PSCI 0.2 or later: it can't switch the machine off");
}

static void map_ram(uint64_t start, uint64_t end)
{
    if (!arch_map_ram(start, end))
        console_print("RAM at %lx-%lx could not be mapped", (unsigned long)start, (unsigned long)end);
}

static void take_memory(const void *tree)
{
    memory_reserve(arch_image_start(), arch_image_end() - arch_image_start());
    memory_reserve((uint64_t)(uintptr_t)tree, fdt_totalsize(tree));
    if (board.initrd != 0)
        memory_reserve(board.initrd, board.initrd_size);
    if (memory_lost() != 0)
        console_print("RAM in too many pieces: %lu KiB are left unused",
                      (unsigned long)(memory_lost() / 1024));
    cores_make_stacks();
    if (board.initrd != 0 && !arch_map_readonly(board.initrd, board.initrd + board.initrd_size))
        console_print("the system file could not be mapped");
    memory_each(map_ram);
}

static void read_system_file(void)
{
    char error[256];

    if (board.initrd == 0)
        stop("no system file: give one as the initrd (see docs/getting-started.md)");
    if (system_file_read((const void *)(uintptr_t)board.initrd, board.initrd_size, &config, error,
                         sizeof(error)) != 0)
        stop("system file: %s", error);
}

/* RAM that has to be at its place is taken before all that may be anywhere. */
static void take_direct_maps(void)
{
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];
        uint64_t start, size;

        if (!arch_guests_reach(vm_config_ram_end(vm)))
            stop("system file: node /vm-%s: property memory-base: on this CPU a guest's addresses do not go "
                 "up to "
                 "0x%lx",
                 vm->name, (unsigned long)vm_config_ram_end(vm));
        if (!vm->direct_map || memory_take_at(vm->memory_base, (uint64_t)vm->memory_mib << 20))
            continue;
        size = memory_largest(&start);
        stop("system file: node /vm-%s: property memory-base: this machine's RAM at 0x%lx..0x%lx is not all "
             "free for direct-map; the largest free piece is 0x%lx..0x%lx",
             vm->name, (unsigned long)vm->memory_base, (unsigned long)vm_config_ram_end(vm),
             (unsigned long)start, (unsigned long)(start + size));
    }
}

/* All VMs with a tick that are on a CPU name the same. */
static void check_ticks(const struct vm_config *vm)
{
    for (const struct vm_config *other = config.vms; other != vm; other++)
        if (vm->timers == TIMERS_TICK && other->timers == TIMERS_TICK && other->tick_us != vm->tick_us &&
            (vm_config_cpus(vm) & vm_config_cpus(other)) != 0)
            stop("system file: node /vm-%s: property tick-us: %u us, but another VM of its CPU says %u us",
                 vm->name, vm->tick_us, other->tick_us);
}

/* Compares the file with the machine's RAM, and its VMs with each other. */
static void check_against_machine(void)
{
    uint64_t have = memory_blocks_left() >> 20;
    uint64_t want = 0;

    for (unsigned i = 0; i < config.vm_count; i++) {
        want += config.vms[i].direct_map ? 0 : config.vms[i].memory_mib; /* that is taken */
        check_ticks(&config.vms[i]);
    }
    if (want > have)
        stop("the VMs need %lu MiB of RAM, this machine has %lu MiB for them: %lu MiB are missing",
             (unsigned long)want, (unsigned long)have, (unsigned long)(want - have));
}

/*
 * A guest looks at a CPU once, when it starts there, and keeps to what it found. One that floats may find
 * itself on any of its CPUs later.
 */
static void check_kinds(const struct vm_config *vm)
{
    unsigned first = vm->floats_on != 0 ? (unsigned)__builtin_ctzll(vm->floats_on) : 0;

    for (uint64_t left = vm->floats_on; left != 0; left &= left - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(left);
        const char *name = cores_differ(first, cpu);

        if (name != NULL)
            stop("system file: node /vm-%s: property floating: CPUs %u and %u differ, in %s: a VM floats "
                 "over CPUs of one kind",
                 vm->name, first, cpu, name);
    }
}

/* The CPUs that the file names have started, and those that a VM floats over are of one kind. */
static void check_cpus(void)
{
    for (unsigned i = 0; i < config.vm_count; i++)
        for (uint64_t left = vm_config_cpus(&config.vms[i]); left != 0; left &= left - 1) {
            unsigned cpu = (unsigned)__builtin_ctzll(left);

            if (cpu >= cpu_count || !cpus[cpu].up)
                stop("system file: node /vm-%s: property cpus: CPU %u %s", config.vms[i].name, cpu,
                     cpu < cpu_count ? "did not start" : "is none of this machine's");
        }
    for (unsigned i = 0; i < config.vm_count; i++)
        check_kinds(&config.vms[i]);
}

static int find_gic(const void *tree, const struct gic_driver *driver)
{
    int node = -1;

    for (const char *const *name = driver->compatible; *name != NULL && node < 0; name++)
        node = fdt_node_offset_by_compatible(tree, -1, *name);
    return node;
}

/* Finds and starts the machine's GIC: *found is its node. Returns the INTID of its maintenance interrupt. */
static uint32_t start_gic(const void *tree, int *found)
{
    for (const struct gic_driver *const *driver = gic_drivers; *driver != NULL; driver++) {
        int node = find_gic(tree, *driver);
        uint32_t maintenance;
        const char *problem;

        if (node < 0)
            continue;
        gic = *driver;
        *found = node;
        maintenance = machine_tree_interrupt(tree, node, 0);
        problem = maintenance != 0 ? gic->init(tree, node) : "its interrupt controller has no `interrupts`";
        if (problem != NULL)
            stop("this machine: %s", problem);
        return maintenance;
    }
    stop("this machine: no driver for its interrupt controller; Ontime knows GICv3, and GICv2 as of the "
         "GIC-400");
}

/* Returns the node of the GIC. */
static int start_interrupts(const void *tree)
{
    int node = -1;
    const struct interrupt_numbers numbers = {
        .maintenance = start_gic(tree, &node),
        .comparator = board.comparator_irq,
        .uart = board.uart_irq,
    };
    const char *problem = arch_interrupts_init(&numbers);

    if (problem != NULL)
        stop("this machine: %s", problem);
    return node;
}

static bool add_fault_interrupt(const void *tree, const struct tree_place *smmu, int gic_node,
                                const char *name)
{
    int node = tree_place_node(smmu);
    int index = fdt_stringlist_search(tree, node, "interrupt-names", name);
    uint32_t intid, flags;

    if (index < 0 ||
        tree_place_interrupt(tree, smmu, gic_node, (unsigned)index, &intid, &flags) != INTERRUPT_SPI)
        return false;
    dma_add_interrupt(node, intid, (flags & TREE_EDGE_RISING) != 0);
    return true;
}

/* An SMMU's wires by which it tells of faults (Linux's binding arm,smmu-v3): one for all, or each has one. */
static void add_fault_interrupts(const void *tree, const struct tree_place *smmu, int gic_node)
{
    if (add_fault_interrupt(tree, smmu, gic_node, "eventq"))
        (void)add_fault_interrupt(tree, smmu, gic_node, "gerror");
    else
        (void)add_fault_interrupt(tree, smmu, gic_node, "combined");
}

/* From here on devices behind them reach no memory. */
static void hold_off_devices(const void *tree, int gic_node)
{
    struct tree_place place = TREE_PLACE_START;
    struct reg_range registers;

    while (tree_walk_next(tree, &place)) {
        int node = tree_place_node(&place);

        if (fdt_node_check_compatible(tree, node, SMMU_COMPATIBLE) != 0 ||
            !tree_node_is_enabled(tree, node) ||
            tree_place_register(tree, &place, 0, &registers) != REGISTER_MAPPED)
            continue;
        dma_add_smmu(node, &registers);
        add_fault_interrupts(tree, &place, gic_node);
    }
}

/* The devices of the machine that Ontime takes for itself, and those that VMs are given. */
static void find_devices(const void *tree, int gic_node)
{
    struct passthrough_facts facts = {
        .tree = tree,
        .gic = gic_node,
        .gic_version = gic->version,
        .console = board.uart,
        .rtc = board.rtc,
    };
    unsigned count = passthrough_count(&config);
    char error[256];

    if (config.gp_timers)
        facts.timers = timer_source_find(tree, gic_node, &facts.timer_count);
    if (count == 0)
        return;
    given = memory_allocate(count * sizeof(given[0]));
    if (passthrough_find(&facts, &config, given, error, sizeof(error)) != 0)
        stop("system file: %s", error);
}

static void start_timers(void)
{
    const char *problem = config.gp_timers ? timer_source_start(&config) : NULL;

    if (problem != NULL)
        stop("system file: node /: property timer-source: %s", problem);
}

/* Guests have the machine's time, the firmware's, or none. */
static void start_clock(void)
{
    uint32_t seconds;

    if (board.rtc.size != 0 && arch_map_device(board.rtc.start, board.rtc.size) &&
        pl031_read(board.rtc.start, &seconds))
        vrtc_init(seconds, arch_counter());
    else if (board.time != 0)
        vrtc_init((uint32_t)board.time, arch_counter());
    else
        console_print("this machine has no clock (a PL031 that runs): guests have none, and begin in 1970");
}

static unsigned vcpus_configured(void)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < config.vm_count; i++)
        sum += config.vms[i].vcpus;
    return sum;
}

/* The calling CPU comes last: each cpu_init() puts its comparator off. */
static void prepare_cpus(void)
{
    size_t trace = (size_t)config.trace_kib << 10;

    for (unsigned i = cpu_count; i-- > 0;) {
        cpu_init(&cpus[i], i, sched_policy_find(config.scheduler), us_to_ticks(config.allowance_us),
                 vcpus_configured());
        if (trace != 0)
            trace_init(&cpus[i].trace, memory_allocate(trace), trace);
    }
    floating_init(&config);
}

/*
 * Mixes all that is hard to guess. Of these the firmware's seed and the CPU's random numbers count as such;
 * its kaslr-seed is short, and the counter tells little.
 */
static bool gather_entropy(void)
{
    bool enough = board.seed != NULL;
    uint64_t counter = arch_counter();
    uint64_t bits;

    if (enough)
        seeds_mix(board.seed, BOARD_SEED_SIZE);
    seeds_mix(&board.kaslr_seed, sizeof(board.kaslr_seed));
    seeds_mix(&counter, sizeof(counter));
    for (unsigned i = 0; i < BOARD_SEED_SIZE / sizeof(bits) && arch_random(&bits); i++) {
        seeds_mix(&bits, sizeof(bits));
        enough = enough || i + 1 == BOARD_SEED_SIZE / sizeof(bits);
    }
    if (!enough)
        console_print(
            "no entropy: the firmware gives no rng-seed, and the CPU has no RNDR; guests get no rng-seed");
    return enough;
}

static uint64_t random_word(void)
{
    struct seed_stream stream;
    uint8_t block[SEED_BLOCK];
    uint64_t word;

    seed_stream_init(&stream, "stack", "");
    seed_stream_block(&stream, 0, block);
    memcpy(&word, block, sizeof(word));
    return word;
}

static void give_vm_devices(struct vm *vm)
{
    const struct given_device *which = NULL;
    const char *problem = give_devices(vm, given, passthrough_count(&config), &which);

    if (problem != NULL)
        stop("system file: node /vm-%s: property devices: %s: %s", vm->config->name, which->path, problem);
    if (vm->config->trusted_dma)
        console_print("VM %s: trusted with DMA: its devices can write to all memory", vm->config->name);
}

static void make_vms(bool entropy)
{
    stolen_time_init();
    links_create(&config);
    virtio_create(&config);
    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm_config = &config.vms[i];
        struct vm *vm = vm_create(vm_config, &devices_hooks);

        if (vm == NULL || !devices_create(vm))
            stop("no RAM for VM %s: its %u MiB can't be had in pieces of 2 MiB", vm_config->name,
                 vm_config->memory_mib);
        if (system_interrupts_warp(&config, i))
            vm->features |= ONTIME_FEATURE_INTERRUPTS;
        give_vm_devices(vm);
        if (!devices_finish(vm, board.cpu_compatible, entropy))
            stop("no room for the device tree of VM %s", vm_config->name);
        console_print("VM %s: %u MiB, %u vCPU%s, weight %u%s", vm_config->name, vm_config->memory_mib,
                      vm_config->vcpus, vm_config->vcpus == 1 ? "" : "s", vm_config->weight,
                      vm_config->floats_on != 0 ? ", floating" : "");
    }
    for (unsigned i = 0; i < config.link_count; i++)
        console_print("link %s: %s and %s, %u KiB", config.links[i].name,
                      config.vms[config.links[i].ends[0].vm].name,
                      config.vms[config.links[i].ends[1].vm].name, config.links[i].memory_kib);
}

/* What guests print is kept if some VM may read it. */
static void keep_consoles(void)
{
    for (unsigned i = 0; system_control_cpus(&config) != 0 && i < vm_count; i++)
        vuart_keep_history(vms[i]->uart);
}

/* Who serves a device sees all RAM of who drives it. */
static void connect_virtios(void)
{
    if (!virtio_map())
        stop("no RAM for the tables of VMs that serve virtio devices");
    for (unsigned i = 0; i < config.virtio_count; i++) {
        const struct virtio_config *virtio = &config.virtios[i];

        console_print("virtio %s: a %s device of VM %s; VM %s serves it, and can write to all its RAM",
                      virtio->name, virtio->kind, config.vms[virtio->ends[VIRTIO_DRIVER].vm].name,
                      config.vms[virtio->ends[VIRTIO_SERVICE].vm].name);
    }
}

/* All devices are given: those behind SMMUs reach their VMs' RAM when these start. */
static void start_dma(struct cpu *cpu)
{
    uint64_t smmu = 0;
    const char *problem = dma_start(cpu, &smmu);

    if (problem != NULL)
        stop("this machine: SMMU at 0x%lx: %s", (unsigned long)smmu, problem);
}

/* A CPU has a tick when one of its VMs has. */
static void start_tick(struct cpu *cpu)
{
    for (unsigned i = 0; i < config.vm_count; i++)
        if (config.vms[i].timers == TIMERS_TICK && (vm_config_cpus(&config.vms[i]) >> cpu->index & 1) != 0) {
            cpu_start_tick(cpu, us_to_ticks(config.vms[i].tick_us));
            return;
        }
}

_Noreturn void core_main(struct cpu *cpu)
{
    core_join(cpu);
    start_tick(cpu);
    dispatch_run(cpu);
}

_Noreturn void boot_main(const void *tree)
{
    struct cpu *cpu = &cpus[0];
    const char *missing;
    bool entropy;
    int gic_node;

    arch_cpu_set(cpu);
    missing = board_read(tree, &board);
    cores_find(&board);
    arch_firmware_init(board.psci, board.psci_by_hvc);
    start_console(cpu);
    check_machine(missing);
    entropy = gather_entropy();
    stack_guard_set(random_word());
    take_memory(tree);
    read_system_file();
    take_direct_maps();
    check_against_machine();
    gic_node = start_interrupts(tree);
    hold_off_devices(tree, gic_node);
    find_devices(tree, gic_node);
    arch_cpu_init();
    prepare_cpus();
    cores_start(&board);
    check_cpus();
    start_timers();
    start_clock();
    make_vms(entropy);
    keep_consoles();
    connect_virtios();
    start_dma(cpu);
    for (unsigned i = 0; i < vm_count; i++)
        vm_start(vms[i]);
    cores_go();
    start_tick(cpu);
    dispatch_run(cpu);
}
