// SPDX-License-Identifier: Apache-2.0
/*
 * Reads the system file: a flat device tree whose binding is docs/system-file.md.
 *
 * The file is not trusted. fdt_check_full() proves its structure first; after that each node and property is
 * compared with the tables of what may be there, so that a misspelt property is refused and never silently
 * ignored. The first mistake ends the reading with one line: "node PATH: property NAME: reason".
 *
 * Nothing is copied but names and numbers: blobs and boot arguments are pointers into the file, which has to
 * stay where it is. Sizes are bytes, addresses guest physical. No locks: the file is read by one CPU before
 * any VM exists.
 */
#include "boot/system_file.h"
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include "boot/image_placement.h"
#include "boot/tree_reader.h"
#include "sched/sched.h"

#define VM_PREFIX     "vm-"
#define LINK_PREFIX   "link-"
#define VIRTIO_PREFIX "virtio-"
#define FDT_VERSION   17u /* what dtc writes */

#define ALLOWANCE_US_DEFAULT  5000
#define TRACE_KIB_DEFAULT     256
#define TICK_US_DEFAULT       10000
#define WARP_LIMIT_US_DEFAULT 5000
#define HORIZON_US_DEFAULT    100000
#define JOB_US_DEFAULT        50
#define SECOND_US             1000000
#define MEMORY_MIB_MAX        1047552 /* what 40 bits have room for behind 0x40000000 */
#define MEMORY_ALIGN          UINT64_C(0x200000)
#define ADDRESS_BITS          40
#define DIRECT_ADDRESS_BITS   48 /* where the machine has RAM */
#define LINK_MEMORY_KIB_MAX   ((uint32_t)((GUEST_LINK_MEMORY_END - GUEST_LINK_MEMORY) >> 10))

static const char *const root_properties[] = {"compatible",   "#address-cells", "#size-cells",  "scheduler",
                                              "allowance-us", "trace-kib",      "timer-source", NULL};
static const char *const images_properties[] = {NULL};
static const char *const image_properties[] = {"data", "phandle", "linux,phandle", NULL};
static const char *const vm_properties[] = {"compatible",    "memory-base",
                                            "memory-mib",    "vcpus",
                                            "cpus",          "floating",
                                            "weight",        "timers",
                                            "tick-us",       "horizon-us",
                                            "job-us",        "period-us",
                                            "warp-us",       "warp-limit-us",
                                            "unwarp-us",     "warp-percent",
                                            "ends-system",   "observer",
                                            "console",       "bootargs",
                                            "kernel",        "initrd",
                                            "load-address",  "tree-address",
                                            "direct-map",    "trusted-dma",
                                            "devices",       "watchdog-action",
                                            "restart-limit", "watchdog-ms",
                                            "control",       "phandle",
                                            "linux,phandle", NULL};

static const char *const link_properties[] = {"compatible", "vms",           "memory-kib",
                                              "read-only",  "uncached",      "warp-on-interrupt",
                                              "phandle",    "linux,phandle", NULL};

static const char *const virtio_properties[] = {"compatible",        "device",  "driver",        "service",
                                                "warp-on-interrupt", "phandle", "linux,phandle", NULL};

/* Of virtio devices: as the file names them, and virtio's number. */
static const struct {
    const char *kind;
    uint32_t id;
} virtio_kinds[] = {{"net", 1}, {"block", 2}, {"vsock", 19}};

const char *const timer_mode_names[] = {
    [TIMERS_TICK] = "tick", [TIMERS_WAKE] = "wake", [TIMERS_SNOOP] = "snoop", [TIMERS_PRECISE] = "precise"};

static bool is_vm(const char *name)
{
    return strncmp(name, VM_PREFIX, strlen(VM_PREFIX)) == 0;
}

static bool is_link(const char *name)
{
    return strncmp(name, LINK_PREFIX, strlen(LINK_PREFIX)) == 0;
}

static bool is_virtio(const char *name)
{
    return strncmp(name, VIRTIO_PREFIX, strlen(VIRTIO_PREFIX)) == 0;
}

static int check_image(const struct tree_reader *reader, int node)
{
    size_t length;
    if (tree_check_unique(reader, node) != 0 || tree_check_properties(reader, node, image_properties) != 0 ||
        tree_check_no_subnodes(reader, node) != 0)
        return -1;
    if (tree_get(reader, node, "data", &length) == NULL)
        return tree_fail(reader, node, "data", "missing");
    if (length == 0)
        return tree_fail(reader, node, "data", "is empty");
    return 0;
}

static int check_images(const struct tree_reader *reader)
{
    int image;
    int images = fdt_subnode_offset(reader->fdt, 0, "images");
    if (images < 0)
        return 0;
    if (tree_check_unique(reader, images) != 0 ||
        tree_check_properties(reader, images, images_properties) != 0)
        return -1;
    fdt_for_each_subnode(image, reader->fdt, images)
    {
        if (check_image(reader, image) != 0)
            return -1;
    }
    return 0;
}

/* Follows a reference to a node in /images. A property that is not there leaves *blob as it is. */
static int read_blob(const struct tree_reader *reader, int node, const char *property, struct blob *blob)
{
    size_t length;
    const void *data = tree_get(reader, node, property, &length);
    if (data == NULL)
        return 0;
    if (length != TREE_CELL)
        return tree_fail(reader, node, property, "must be one reference, <&label>, and not %zu bytes",
                         length);

    int image = fdt_node_offset_by_phandle(reader->fdt, tree_cell(data));
    if (image < 0)
        return tree_fail(reader, node, property, "refers to no node");
    int parent = fdt_parent_offset(reader->fdt, image);
    if (parent < 0 || parent != fdt_subnode_offset(reader->fdt, 0, "images"))
        return tree_fail(reader, node, property, "refers to a node outside /images");
    blob->data = tree_get(reader, image, "data", &blob->size);
    return 0;
}

/* The node's name behind its prefix: to `name`, of SYSTEM_NAME_LENGTH characters at most. */
static int read_name(const struct tree_reader *reader, int node, const char *prefix, char *to)
{
    const char *name = fdt_get_name(reader->fdt, node, NULL) + strlen(prefix);
    size_t length = strlen(name);
    if (length == 0 || length > SYSTEM_NAME_LENGTH)
        return tree_fail(reader, node, NULL, "the name after \"%s\" must have 1 to %u characters", prefix,
                         SYSTEM_NAME_LENGTH);
    for (size_t i = 0; i < length; i++) {
        bool good =
            (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '-';
        if (!good)
            return tree_fail(reader, node, NULL, "a name is made of a-z, 0-9 and -");
    }
    memcpy(to, name, length + 1);
    return tree_check_unique(reader, node);
}

static int read_vm_name(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    if (read_name(reader, node, VM_PREFIX, vm->name) != 0)
        return -1;
    if (strcmp(vm->name, "ontime") == 0)
        return tree_fail(reader, node, NULL, "this name marks the hypervisor's own lines on the console");
    return 0;
}

/*
 * vCPU i is on the i-th CPU named; behind the last, the first comes again. A CPU that would have no vCPU is
 * refused, unless the VM floats: whoever names it expects something of it. *named: bit n is CPU n's.
 */
static int read_cpus(const struct tree_reader *reader, int node, bool floats, struct vm_config *vm,
                     uint64_t *named)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, "cpus", &length);
    size_t count = length / TREE_CELL;

    if (data == NULL)
        return 0;
    if (count == 0 || length % TREE_CELL != 0)
        return tree_fail(reader, node, "cpus", "must be CPU numbers, <0 1 ...>, and not %zu bytes", length);

    for (size_t i = 0; i < count; i++) {
        uint32_t cpu = tree_cell(data + i * TREE_CELL);

        if (cpu >= SYSTEM_MAX_CPUS)
            return tree_fail(reader, node, "cpus", "%u is not in 0..%u", cpu, SYSTEM_MAX_CPUS - 1);
        if ((*named >> cpu & 1) != 0)
            return tree_fail(reader, node, "cpus", "%u is named twice", cpu);
        *named |= UINT64_C(1) << cpu;
    }
    if (!floats && count > vm->vcpus)
        return tree_fail(
            reader, node, "cpus",
            "%zu are named, more than vcpus, %u: a vCPU stays on one CPU, unless the VM is floating", count,
            vm->vcpus);
    for (unsigned i = 0; i < vm->vcpus; i++)
        vm->cpus[i] = (uint8_t)tree_cell(data + i % count * TREE_CELL);
    return 0;
}

static int read_placement(const struct tree_reader *reader, int node, const struct system_config *config,
                          struct vm_config *vm)
{
    bool floats = false;
    uint64_t named = 0;

    if (tree_read_flag(reader, node, "floating", &floats) != 0 ||
        read_cpus(reader, node, floats, vm, &named) != 0)
        return -1;
    if (!floats)
        return 0;
    if ((named & (named - 1)) == 0)
        return tree_fail(reader, node, "floating", "needs cpus with two CPUs at least");
    if (sched_policy_find(config->scheduler)->moves == NULL)
        return tree_fail(reader, node, "floating", "scheduler = \"%s\" keeps each vCPU on its CPU",
                         config->scheduler);
    vm->floats_on = named;
    return 0;
}

/* Where RAM is. It keeps clear of the devices, and of what addresses do not reach. */
static int read_memory(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    unsigned bits = tree_has(reader, node, "direct-map") ? DIRECT_ADDRESS_BITS : ADDRESS_BITS;
    uint64_t base, end;

    if (!tree_has(reader, node, "memory-mib"))
        return tree_fail(reader, node, "memory-mib", "missing");
    vm->memory_base = GUEST_RAM_BASE;
    if (tree_read_number(reader, node, "memory-mib", (struct tree_range){2, MEMORY_MIB_MAX},
                         &vm->memory_mib) != 0 ||
        tree_read_address(reader, node, "memory-base", &vm->memory_base) != 0)
        return -1;
    if (vm->memory_mib % 2 != 0)
        return tree_fail(reader, node, "memory-mib", "%u is not a multiple of 2", vm->memory_mib);

    base = vm->memory_base;
    if (base % MEMORY_ALIGN != 0)
        return tree_fail(reader, node, "memory-base", "0x%lx is not a multiple of 2 MiB",
                         (unsigned long)base);
    end = vm_config_ram_end(vm);
    if (base >> bits != 0 || end > UINT64_C(1) << bits)
        return tree_fail(reader, node, "memory-base", "%u MiB at 0x%lx are not in the %u bits of addresses",
                         vm->memory_mib, (unsigned long)base, bits);
    if (base < GUEST_DEVICES_END && end > GUEST_DEVICES)
        return tree_fail(reader, node, "memory-base", "%u MiB at 0x%lx overlap the devices, 0x%lx..0x%lx",
                         vm->memory_mib, (unsigned long)base, GUEST_DEVICES, GUEST_DEVICES_END);
    return 0;
}

/* A list of paths of the machine's nodes. Which nodes there are is known at boot only. */
static int read_devices(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    char word[TREE_WORD_SIZE];
    const char *list = tree_get(reader, node, "devices", &vm->devices_size);
    unsigned count = 0;

    vm->devices = list;
    if (list == NULL)
        return 0;
    if (vm->devices_size == 0 || list[vm->devices_size - 1] != '\0')
        return tree_fail(reader, node, "devices",
                         "must be strings, the paths of nodes of the machine's tree");
    for (const char *path = list; path != list + vm->devices_size; path += strlen(path) + 1) {
        if (path[0] != '/' || path[1] == '\0')
            return tree_fail(reader, node, "devices",
                             "\"%s\" is no path, which begins with / and names a node",
                             tree_printable(word, sizeof(word), path));
        for (const char *other = list; other != path; other += strlen(other) + 1)
            if (strcmp(other, path) == 0)
                return tree_fail(reader, node, "devices", "\"%s\" is named twice",
                                 tree_printable(word, sizeof(word), path));
        if (++count > SYSTEM_MAX_DEVICES)
            return tree_fail(reader, node, "devices", "more than %u are named", SYSTEM_MAX_DEVICES);
    }
    return 0;
}

/* RAM of the machine is that of one VM. */
static int check_direct(const struct tree_reader *reader, int node, const struct system_config *config,
                        const struct vm_config *vm)
{
    for (const struct vm_config *other = config->vms; vm->direct_map && other != vm; other++)
        if (other->direct_map && vm->memory_base < vm_config_ram_end(other) &&
            other->memory_base < vm_config_ram_end(vm))
            return tree_fail(reader, node, "memory-base", "VM %s has this RAM, too: both are direct-map",
                             other->name);
    return 0;
}

/* Devices of the machine, and how they reach memory. */
static int read_given(const struct tree_reader *reader, int node, const struct system_config *config,
                      struct vm_config *vm)
{
    if (tree_read_flag(reader, node, "direct-map", &vm->direct_map) != 0 ||
        tree_read_flag(reader, node, "trusted-dma", &vm->trusted_dma) != 0)
        return -1;
    if (vm->direct_map && !tree_has(reader, node, "memory-base"))
        return tree_fail(reader, node, "direct-map", "needs memory-base: where the machine has this RAM");
    if (vm->trusted_dma && !vm->direct_map)
        return tree_fail(reader, node, "trusted-dma",
                         "needs direct-map: devices write where the guest says, at the machine's addresses");
    return check_direct(reader, node, config, vm) != 0 ? -1 : read_devices(reader, node, vm);
}

static int read_resources(const struct tree_reader *reader, int node, const struct system_config *config,
                          struct vm_config *vm)
{
    vm->vcpus = 1;
    vm->weight = 1;
    if (read_memory(reader, node, vm) != 0 || read_given(reader, node, config, vm) != 0 ||
        tree_read_number(reader, node, "vcpus", (struct tree_range){1, SYSTEM_MAX_VCPUS}, &vm->vcpus) != 0 ||
        tree_read_number(reader, node, "weight", (struct tree_range){1, SCHED_WEIGHT_MAX}, &vm->weight) != 0)
        return -1;
    return read_placement(reader, node, config, vm);
}

static int read_timer_mode(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    char word[TREE_WORD_SIZE];
    const char *name = timer_mode_names[TIMERS_WAKE];
    if (tree_read_string(reader, node, "timers", &name) != 0)
        return -1;

    for (unsigned i = 0; i < sizeof(timer_mode_names) / sizeof(timer_mode_names[0]); i++) {
        if (strcmp(timer_mode_names[i], name) != 0)
            continue;
        vm->timers = (enum timer_mode)i;
        return 0;
    }
    return tree_fail(reader, node, "timers", "\"%s\" is none of \"tick\", \"wake\", \"snoop\", \"precise\"",
                     tree_printable(word, sizeof(word), name));
}

static int read_console(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    char word[TREE_WORD_SIZE];
    const char *name = "safe";
    if (tree_read_string(reader, node, "console", &name) != 0)
        return -1;
    vm->console_raw = strcmp(name, "raw") == 0;
    if (!vm->console_raw && strcmp(name, "safe") != 0)
        return tree_fail(reader, node, "console", "\"%s\" is none of \"safe\", \"raw\"",
                         tree_printable(word, sizeof(word), name));
    return 0;
}

static int read_watchdog(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    char word[TREE_WORD_SIZE];
    const char *action = "restart";

    if (tree_read_number(reader, node, "watchdog-ms", (struct tree_range){WATCHDOG_MS_MIN, WATCHDOG_MS_MAX},
                         &vm->watchdog_ms) != 0 ||
        tree_read_string(reader, node, "watchdog-action", &action) != 0)
        return -1;
    if (tree_has(reader, node, "watchdog-action") && vm->watchdog_ms == 0)
        return tree_fail(reader, node, "watchdog-action", "needs watchdog-ms");
    vm->watchdog_reports = strcmp(action, "report") == 0;
    if (!vm->watchdog_reports && strcmp(action, "restart") != 0)
        return tree_fail(reader, node, "watchdog-action", "\"%s\" is none of \"restart\", \"report\"",
                         tree_printable(word, sizeof(word), action));
    return 0;
}

/* How often the VM may start again. */
static int read_restarts(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, "restart-limit", &length);

    if (data == NULL)
        return 0;
    if (length != 2 * TREE_CELL)
        return tree_fail(reader, node, "restart-limit",
                         "must be a number of restarts and one of seconds, <3 60>, and not %zu bytes",
                         length);
    vm->restarts = tree_cell(data);
    vm->restart_seconds = tree_cell(data + TREE_CELL);
    if (vm->restarts > RESTARTS_MAX)
        return tree_fail(reader, node, "restart-limit", "%u restarts are not in 0..%u", vm->restarts,
                         RESTARTS_MAX);
    if (vm->restart_seconds == 0 || vm->restart_seconds > RESTART_SECONDS_MAX)
        return tree_fail(reader, node, "restart-limit", "%u seconds are not in 1..%u", vm->restart_seconds,
                         RESTART_SECONDS_MAX);
    return 0;
}

/*
 * Refuses a property that has a meaning only in the timer modes `modes`, unless the VM has one of these
 * (`has`).
 */
static int check_mode_has(const struct tree_reader *reader, int node, bool has, const char *modes,
                          const char *property)
{
    if (has || !tree_has(reader, node, property))
        return 0;
    return tree_fail(reader, node, property, "has a meaning only with timers = %s", modes);
}

/* How urgent work is bounded: under cbs, and under the other policies. */
static const char *const server_properties[] = {"horizon-us", "job-us", "period-us", NULL};
static const char *const warp_properties[] = {"warp-us", "warp-limit-us", "unwarp-us", NULL};

static int check_modes(const struct tree_reader *reader, int node, const struct vm_config *vm)
{
    static const char *const *const lists[] = {server_properties, warp_properties};

    if (check_mode_has(reader, node, vm->timers == TIMERS_TICK, "\"tick\"", "tick-us") != 0)
        return -1;
    for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (const char *const *property = lists[i]; *property != NULL; property++)
            if (check_mode_has(reader, node, timers_warp(vm->timers), "\"snoop\" or \"precise\"",
                               *property) != 0)
                return -1;
    return 0;
}

static int check_bounds_urgent_work(const struct tree_reader *reader, int node, bool cbs)
{
    if (tree_has(reader, node, "warp-percent"))
        return tree_fail(
            reader, node, "warp-percent",
            "is no longer known: with scheduler = \"cbs\", horizon-us bounds urgent work, and with "
            "\"bvt\" warp-us, warp-limit-us and unwarp-us do");
    for (const char *const *property = cbs ? warp_properties : server_properties; *property != NULL;
         property++)
        if (tree_has(reader, node, *property))
            return tree_fail(reader, node, *property, "has a meaning only with scheduler = %s",
                             cbs ? "\"bvt\" or \"credit\": with \"cbs\", horizon-us bounds urgent work"
                                 : "\"cbs\"");
    return 0;
}

static int read_server(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    vm->horizon_us = HORIZON_US_DEFAULT;
    vm->job_us = JOB_US_DEFAULT;
    if (tree_read_number(reader, node, "horizon-us", (struct tree_range){HORIZON_US_MIN, HORIZON_US_MAX},
                         &vm->horizon_us) != 0 ||
        tree_read_number(reader, node, "job-us", (struct tree_range){10, SECOND_US}, &vm->job_us) != 0 ||
        tree_read_number(reader, node, "period-us", (struct tree_range){10, 60 * SECOND_US},
                         &vm->period_us) != 0)
        return -1;
    if (vm->period_us == 0)
        return 0;
    if (!tree_has(reader, node, "job-us"))
        return tree_fail(reader, node, "period-us", "needs job-us, the CPU time of each period");
    if (vm->period_us < vm->job_us)
        return tree_fail(reader, node, "period-us", "%u is less than job-us, %u", vm->period_us, vm->job_us);
    return 0;
}

/*
 * W's default is what a warp of a VM within its share can need, 2 C + L: docs/system-file.md has the
 * arithmetic.
 */
static int read_warps(const struct tree_reader *reader, int node, uint32_t allowance_us, struct vm_config *vm)
{
    vm->warp_limit_us = WARP_LIMIT_US_DEFAULT;
    if (tree_read_number(reader, node, "warp-limit-us",
                         (struct tree_range){WARP_LIMIT_US_MIN, WARP_LIMIT_US_MAX}, &vm->warp_limit_us) != 0)
        return -1;
    vm->warp_us = 2 * allowance_us + vm->warp_limit_us;
    if (tree_read_number(reader, node, "warp-us", (struct tree_range){0, WARP_US_MAX}, &vm->warp_us) != 0)
        return -1;
    return tree_read_number(reader, node, "unwarp-us", (struct tree_range){0, UNWARP_US_MAX}, &vm->unwarp_us);
}

static int read_timers(const struct tree_reader *reader, int node, const struct system_config *config,
                       struct vm_config *vm)
{
    bool cbs = strcmp(config->scheduler, "cbs") == 0;

    if (read_timer_mode(reader, node, vm) != 0 || check_modes(reader, node, vm) != 0 ||
        check_bounds_urgent_work(reader, node, cbs) != 0)
        return -1;
    if (vm->timers == TIMERS_TICK) {
        vm->tick_us = TICK_US_DEFAULT;
        return tree_read_number(reader, node, "tick-us", (struct tree_range){100, SECOND_US}, &vm->tick_us);
    }
    if (!timers_warp(vm->timers))
        return 0;
    return cbs ? read_server(reader, node, vm) : read_warps(reader, node, config->allowance_us, vm);
}

static int read_boot(const struct tree_reader *reader, int node, struct vm_config *vm)
{
    vm->bootargs = "";
    if (tree_read_string(reader, node, "bootargs", &vm->bootargs) != 0)
        return -1;
    if (strlen(vm->bootargs) > SYSTEM_BOOTARGS_MAX)
        return tree_fail(reader, node, "bootargs", "is longer than %u characters", SYSTEM_BOOTARGS_MAX);
    if (!tree_has(reader, node, "kernel"))
        return tree_fail(reader, node, "kernel", "missing");
    if (read_blob(reader, node, "kernel", &vm->kernel) != 0 ||
        read_blob(reader, node, "initrd", &vm->initrd) != 0)
        return -1;
    return place_images(reader, node, vm);
}

static int read_vm(const struct tree_reader *reader, int node, const struct system_config *config,
                   struct vm_config *vm)
{
    memset(vm, 0, sizeof(*vm));
    if (read_vm_name(reader, node, vm) != 0 || tree_check_properties(reader, node, vm_properties) != 0 ||
        tree_check_no_subnodes(reader, node) != 0 || tree_check_compatible(reader, node, "ontime,vm") != 0 ||
        read_resources(reader, node, config, vm) != 0 || read_timers(reader, node, config, vm) != 0 ||
        read_restarts(reader, node, vm) != 0 || read_watchdog(reader, node, vm) != 0 ||
        tree_read_flag(reader, node, "ends-system", &vm->ends_system) != 0 ||
        tree_read_flag(reader, node, "observer", &vm->observer) != 0 ||
        tree_read_flag(reader, node, "control", &vm->control) != 0 || read_console(reader, node, vm) != 0)
        return -1;
    return read_boot(reader, node, vm);
}

/* All names, as `"a", "b"`. */
static const char *list_schedulers(char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (const struct sched_policy *const *policy = sched_policies; *policy != NULL && length < size;
         policy++)
        length += (size_t)snprintf(text + length, size - length, "%s\"%s\"", length != 0 ? ", " : "",
                                   (*policy)->name);
    return text;
}

static int read_scheduler(const struct tree_reader *reader, struct system_config *config)
{
    char word[TREE_WORD_SIZE];
    char list[80];
    const char *name = "cbs";
    if (tree_read_string(reader, 0, "scheduler", &name) != 0)
        return -1;
    if (strlen(name) >= sizeof(config->scheduler) || sched_policy_find(name) == NULL)
        return tree_fail(reader, 0, "scheduler", "\"%s\" is none of %s",
                         tree_printable(word, sizeof(word), name), list_schedulers(list, sizeof(list)));
    memcpy(config->scheduler, name, strlen(name) + 1);
    return 0;
}

static int read_timer_source(const struct tree_reader *reader, struct system_config *config)
{
    char word[TREE_WORD_SIZE];
    const char *name = "el2";

    if (tree_read_string(reader, 0, "timer-source", &name) != 0)
        return -1;
    config->gp_timers = strcmp(name, "gpt") == 0;
    return config->gp_timers || strcmp(name, "el2") == 0
               ? 0
               : tree_fail(reader, 0, "timer-source", "\"%s\" is none of \"el2\", \"gpt\"",
                           tree_printable(word, sizeof(word), name));
}

static int read_root(const struct tree_reader *reader, struct system_config *config)
{
    uint32_t cells = 2;
    config->allowance_us = ALLOWANCE_US_DEFAULT;
    config->trace_kib = TRACE_KIB_DEFAULT;
    config->vm_count = 0;
    config->link_count = 0;
    config->virtio_count = 0;
    if (tree_check_compatible(reader, 0, "ontime,system") != 0 ||
        tree_check_properties(reader, 0, root_properties) != 0 ||
        tree_read_number(reader, 0, "#address-cells", (struct tree_range){2, 2}, &cells) != 0 ||
        tree_read_number(reader, 0, "#size-cells", (struct tree_range){2, 2}, &cells) != 0 ||
        tree_read_number(reader, 0, "allowance-us", (struct tree_range){0, SECOND_US},
                         &config->allowance_us) != 0 ||
        tree_read_number(reader, 0, "trace-kib", (struct tree_range){0, 65536}, &config->trace_kib) != 0 ||
        read_timer_source(reader, config) != 0)
        return -1;
    return read_scheduler(reader, config);
}

static int read_vms(const struct tree_reader *reader, struct system_config *config)
{
    int node;
    fdt_for_each_subnode(node, reader->fdt, 0)
    {
        const char *name = fdt_get_name(reader->fdt, node, NULL);
        if (strcmp(name, "images") == 0 || is_link(name) || is_virtio(name))
            continue;
        if (!is_vm(name))
            return tree_fail(reader, node, NULL, "unknown node");
        if (config->vm_count == SYSTEM_MAX_VMS)
            return tree_fail(reader, node, NULL, "more than %u VMs", SYSTEM_MAX_VMS);
        if (read_vm(reader, node, config, &config->vms[config->vm_count]) != 0)
            return -1;
        config->vm_count++;
    }
    return config->vm_count != 0 ? 0 : tree_fail(reader, 0, NULL, "has no VM, no node vm-NAME");
}

/* The index of the VM that a reference refers to: how many VMs' nodes are before its own. Or -1. */
static int vm_of(const struct tree_reader *reader, uint32_t phandle)
{
    int to = fdt_node_offset_by_phandle(reader->fdt, phandle);
    int index = 0;
    int node;
    fdt_for_each_subnode(node, reader->fdt, 0)
    {
        if (node == to)
            return is_vm(fdt_get_name(reader->fdt, node, NULL)) ? index : -1;
        index += is_vm(fdt_get_name(reader->fdt, node, NULL));
    }
    return -1;
}

static int read_ends(const struct tree_reader *reader, int node, struct link_config *link)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, "vms", &length);
    if (data == NULL)
        return tree_fail(reader, node, "vms", "missing");
    if (length != 2 * TREE_CELL)
        return tree_fail(reader, node, "vms", "must be two references, <&label &label>, and not %zu bytes",
                         length);

    for (unsigned end = 0; end < 2; end++) {
        int vm = vm_of(reader, tree_cell(data + end * TREE_CELL));
        if (vm < 0)
            return tree_fail(reader, node, "vms", "reference %u refers to no VM", end + 1);
        link->ends[end].vm = (unsigned)vm;
    }
    if (link->ends[0].vm == link->ends[1].vm)
        return tree_fail(reader, node, "vms", "names one VM twice: a link is between two");
    return 0;
}

/* The ends that a property refers to, `most` at most: bit n of *ends is end n's. */
static int read_named_ends(const struct tree_reader *reader, int node, const char *property, unsigned most,
                           const struct link_config *link, unsigned *ends)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, property, &length);
    *ends = 0;
    if (data == NULL)
        return 0;
    if (length == 0 || length % TREE_CELL != 0 || length > most * TREE_CELL)
        return tree_fail(reader, node, property, "must be %s, and not %zu bytes",
                         most == 1 ? "one reference, <&label>" : "one reference or two, <&label ...>",
                         length);

    for (size_t i = 0; i < length / TREE_CELL; i++) {
        int vm = vm_of(reader, tree_cell(data + i * TREE_CELL));
        if (vm < 0 || (link->ends[0].vm != (unsigned)vm && link->ends[1].vm != (unsigned)vm))
            return tree_fail(reader, node, property, "refers to neither of vms");
        *ends |= 1u << (link->ends[1].vm == (unsigned)vm);
    }
    return 0;
}

static int read_read_only(const struct tree_reader *reader, int node, struct link_config *link)
{
    unsigned ends;
    if (read_named_ends(reader, node, "read-only", 1, link, &ends) != 0)
        return -1;
    link->ends[0].read_only = (ends & 1) != 0;
    link->ends[1].read_only = (ends & 2) != 0;
    return 0;
}

static int read_warping_ends(const struct tree_reader *reader, int node, const struct system_config *config,
                             struct link_config *link)
{
    unsigned ends;
    if (read_named_ends(reader, node, "warp-on-interrupt", 2, link, &ends) != 0)
        return -1;
    for (unsigned end = 0; end < 2; end++) {
        const struct vm_config *vm = &config->vms[link->ends[end].vm];
        link->ends[end].warps = (ends >> end & 1) != 0;
        if (link->ends[end].warps && !timers_warp(vm->timers))
            return tree_fail(reader, node, "warp-on-interrupt",
                             "vm-%s needs timers = \"snoop\" or \"precise\"", vm->name);
    }
    return 0;
}

/* Puts a new link behind the VM's others: its registers, its interrupt, its memory. */
static int place_end(const struct tree_reader *reader, int node, const struct system_config *config,
                     const struct link_config *link, struct link_end *end)
{
    const char *vm = config->vms[end->vm].name;
    uint64_t size = (uint64_t)link->memory_kib << 10;
    end->index = 0;
    end->memory = GUEST_LINK_MEMORY;
    for (unsigned i = 0; i < 2 * config->link_count; i++) {
        const struct link_config *other = &config->links[i / 2];
        if (other->ends[i % 2].vm != end->vm)
            continue;
        end->index++;
        end->memory += (uint64_t)other->memory_kib << 10;
    }
    if (end->index == GUEST_LINKS)
        return tree_fail(reader, node, "vms", "vm-%s has more than %u links", vm, GUEST_LINKS);
    if (size > GUEST_LINK_MEMORY_END - end->memory)
        return tree_fail(reader, node, "memory-kib",
                         "vm-%s has room for %u KiB in all its links, %u are left", vm,
                         (unsigned)((GUEST_LINK_MEMORY_END - GUEST_LINK_MEMORY) >> 10),
                         (unsigned)((GUEST_LINK_MEMORY_END - end->memory) >> 10));
    return 0;
}

static int read_link(const struct tree_reader *reader, int node, const struct system_config *config,
                     struct link_config *link)
{
    memset(link, 0, sizeof(*link));
    if (read_name(reader, node, LINK_PREFIX, link->name) != 0 ||
        tree_check_properties(reader, node, link_properties) != 0 ||
        tree_check_no_subnodes(reader, node) != 0 ||
        tree_check_compatible(reader, node, "ontime,link") != 0 || read_ends(reader, node, link) != 0)
        return -1;
    if (!tree_has(reader, node, "memory-kib"))
        return tree_fail(reader, node, "memory-kib", "missing");
    if (tree_read_number(reader, node, "memory-kib", (struct tree_range){4, LINK_MEMORY_KIB_MAX},
                         &link->memory_kib) != 0)
        return -1;
    if (link->memory_kib % 4 != 0)
        return tree_fail(reader, node, "memory-kib", "%u is not a multiple of 4", link->memory_kib);
    if (read_read_only(reader, node, link) != 0 || read_warping_ends(reader, node, config, link) != 0 ||
        tree_read_flag(reader, node, "uncached", &link->uncached) != 0 ||
        place_end(reader, node, config, link, &link->ends[0]) != 0)
        return -1;
    return place_end(reader, node, config, link, &link->ends[1]);
}

/* After the VMs, which they refer to. */
static int read_links(const struct tree_reader *reader, struct system_config *config)
{
    int node;
    fdt_for_each_subnode(node, reader->fdt, 0)
    {
        if (!is_link(fdt_get_name(reader->fdt, node, NULL)))
            continue;
        if (config->link_count == SYSTEM_MAX_LINKS)
            return tree_fail(reader, node, NULL, "more than %u links", SYSTEM_MAX_LINKS);
        if (read_link(reader, node, config, &config->links[config->link_count]) != 0)
            return -1;
        config->link_count++;
    }
    return 0;
}

static int read_kind(const struct tree_reader *reader, int node, struct virtio_config *virtio)
{
    char word[TREE_WORD_SIZE];
    const char *name = NULL;
    if (!tree_has(reader, node, "device"))
        return tree_fail(reader, node, "device", "missing");
    if (tree_read_string(reader, node, "device", &name) != 0)
        return -1;

    for (unsigned i = 0; i < sizeof(virtio_kinds) / sizeof(virtio_kinds[0]); i++) {
        if (strcmp(virtio_kinds[i].kind, name) != 0)
            continue;
        virtio->kind = virtio_kinds[i].kind;
        virtio->device_id = virtio_kinds[i].id;
        return 0;
    }
    return tree_fail(reader, node, "device", "\"%s\" is none of \"net\", \"block\", \"vsock\"",
                     tree_printable(word, sizeof(word), name));
}

static const char *const virtio_sides[] = {[VIRTIO_DRIVER] = "driver", [VIRTIO_SERVICE] = "service"};

static int read_side(const struct tree_reader *reader, int node, const struct system_config *config,
                     enum virtio_side side, struct virtio_end *end)
{
    const char *property = virtio_sides[side];
    size_t length;
    const uint8_t *data = tree_get(reader, node, property, &length);
    if (data == NULL)
        return tree_fail(reader, node, property, "missing");
    if (length != TREE_CELL)
        return tree_fail(reader, node, property, "must be one reference, <&label>, and not %zu bytes",
                         length);

    int vm = vm_of(reader, tree_cell(data));
    if (vm < 0)
        return tree_fail(reader, node, property, "refers to no VM");
    end->vm = (unsigned)vm;
    end->index = system_virtios_of(config, end->vm, side);
    if (end->index == GUEST_VIRTIOS)
        return tree_fail(reader, node, property, "vm-%s has more than %u of these", config->vms[vm].name,
                         GUEST_VIRTIOS);
    return 0;
}

static int read_warping_sides(const struct tree_reader *reader, int node, const struct system_config *config,
                              struct virtio_config *virtio)
{
    size_t length;
    const uint8_t *data = tree_get(reader, node, "warp-on-interrupt", &length);
    if (data == NULL)
        return 0;
    if (length == 0 || length % TREE_CELL != 0 || length > 2 * TREE_CELL)
        return tree_fail(reader, node, "warp-on-interrupt",
                         "must be one reference or two, <&label ...>, and not %zu bytes", length);

    for (size_t i = 0; i < length / TREE_CELL; i++) {
        int vm = vm_of(reader, tree_cell(data + i * TREE_CELL));
        if (vm < 0 || (virtio->ends[0].vm != (unsigned)vm && virtio->ends[1].vm != (unsigned)vm))
            return tree_fail(reader, node, "warp-on-interrupt", "refers to neither driver nor service");
        if (!timers_warp(config->vms[vm].timers))
            return tree_fail(reader, node, "warp-on-interrupt",
                             "vm-%s needs timers = \"snoop\" or \"precise\"", config->vms[vm].name);
        virtio->ends[virtio->ends[1].vm == (unsigned)vm].warps = true;
    }
    return 0;
}

/* Where the service has the driver's RAM: all its devices of one driver have the same window. */
static int place_window(const struct tree_reader *reader, int node, const struct system_config *config,
                        struct virtio_config *virtio)
{
    const struct vm_config *service = &config->vms[virtio->ends[VIRTIO_SERVICE].vm];
    const struct vm_config *driver = &config->vms[virtio->ends[VIRTIO_DRIVER].vm];
    uint64_t window = GUEST_SERVED_RAM;

    for (const struct virtio_config *other = config->virtios; other != virtio; other++) {
        if (other->ends[VIRTIO_SERVICE].vm != virtio->ends[VIRTIO_SERVICE].vm)
            continue;
        if (other->ends[VIRTIO_DRIVER].vm == virtio->ends[VIRTIO_DRIVER].vm) {
            window = other->window;
            break;
        }
        if (window <= other->window)
            window = other->window + GUEST_SERVED_STRIDE;
    }
    virtio->window = window;
    if (driver->memory_mib > GUEST_SERVED_STRIDE >> 20)
        return tree_fail(reader, node, "driver", "vm-%s has more than %u MiB of RAM, the most of a driver",
                         driver->name, (unsigned)(GUEST_SERVED_STRIDE >> 20));
    if (service->memory_base < window + GUEST_SERVED_STRIDE && vm_config_ram_end(service) > window)
        return tree_fail(reader, node, "service",
                         "the RAM of vm-%s is at 0x%lx..0x%lx, where it would see that of vm-%s",
                         service->name, (unsigned long)window, (unsigned long)(window + GUEST_SERVED_STRIDE),
                         driver->name);
    return 0;
}

static int read_virtio(const struct tree_reader *reader, int node, const struct system_config *config,
                       struct virtio_config *virtio)
{
    memset(virtio, 0, sizeof(*virtio));
    if (read_name(reader, node, VIRTIO_PREFIX, virtio->name) != 0 ||
        tree_check_properties(reader, node, virtio_properties) != 0 ||
        tree_check_no_subnodes(reader, node) != 0 ||
        tree_check_compatible(reader, node, "ontime,virtio") != 0 || read_kind(reader, node, virtio) != 0 ||
        read_side(reader, node, config, VIRTIO_DRIVER, &virtio->ends[VIRTIO_DRIVER]) != 0 ||
        read_side(reader, node, config, VIRTIO_SERVICE, &virtio->ends[VIRTIO_SERVICE]) != 0)
        return -1;
    if (virtio->ends[0].vm == virtio->ends[1].vm)
        return tree_fail(reader, node, "service", "is the driver: a VM can't serve itself");
    return read_warping_sides(reader, node, config, virtio) != 0 ? -1
                                                                 : place_window(reader, node, config, virtio);
}

/* After the VMs, which they refer to. */
static int read_virtios(const struct tree_reader *reader, struct system_config *config)
{
    int node;
    fdt_for_each_subnode(node, reader->fdt, 0)
    {
        if (!is_virtio(fdt_get_name(reader->fdt, node, NULL)))
            continue;
        if (config->virtio_count == SYSTEM_MAX_VIRTIOS)
            return tree_fail(reader, node, NULL, "more than %u virtio devices", SYSTEM_MAX_VIRTIOS);
        if (read_virtio(reader, node, config, &config->virtios[config->virtio_count]) != 0)
            return -1;
        config->virtio_count++;
    }
    return 0;
}

/* The file may be followed by padding: only what its header claims is looked at. */
static int check_structure(const struct tree_reader *reader, size_t size)
{
    if ((uintptr_t)reader->fdt % 8 != 0)
        return tree_fail(reader, TREE_NO_NODE, NULL, "its address is not a multiple of 8");
    if (size < sizeof(struct fdt_header) || fdt_magic(reader->fdt) != FDT_MAGIC)
        return tree_fail(reader, TREE_NO_NODE, NULL, "it is no compiled device tree");
    if (fdt_totalsize(reader->fdt) > size)
        return tree_fail(reader, TREE_NO_NODE, NULL, "it is truncated: %zu bytes of %u", size,
                         fdt_totalsize(reader->fdt));
    /* libfdt 1.6.1 follows a null pointer in damaged trees of earlier versions of the format. */
    if (fdt_version(reader->fdt) < FDT_VERSION)
        return tree_fail(reader, TREE_NO_NODE, NULL, "its format has version %u, not %u",
                         fdt_version(reader->fdt), FDT_VERSION);
    int status = fdt_check_full(reader->fdt, size);
    if (status != 0)
        return tree_fail(reader, TREE_NO_NODE, NULL, "it is damaged: %s", fdt_strerror(status));
    return 0;
}

int system_file_read(const void *file, size_t size, struct system_config *config, char *error,
                     size_t error_size)
{
    struct tree_reader reader = {.fdt = file, .error = error, .error_size = error_size};
    if (check_structure(&reader, size) != 0 || read_root(&reader, config) != 0 || check_images(&reader) != 0)
        return -1;
    if (read_vms(&reader, config) != 0)
        return -1;
    return read_links(&reader, config) != 0 ? -1 : read_virtios(&reader, config);
}
