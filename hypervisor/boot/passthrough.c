// SPDX-License-Identifier: Apache-2.0
/*
 * Which devices can be given, and to whom. First each device is looked at by itself, then against all other
 * nodes of the machine's tree, then against each other.
 *
 * What decides is what a guest could reach with it: a page of registers has what belongs to one VM, an
 * interrupt belongs to one VM, and a device that may write to memory goes to a VM that is trusted with that.
 * What the node refers to (clocks, pins, power) stays with the machine: what can't be done without is
 * refused.
 */
#include "boot/passthrough.h"
#include <libfdt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/memory.h"
#include "boot/stream_ids.h"
#include "boot/tree_reader.h"
#include "boot/tree_walk.h"
#include "devices/tree_writer.h"
#include "drivers/pci_ecam.h"
#include "drivers/virtio_mmio.h"

#define PATH_SIZE     72
#define REASON_SIZE   120
#define ADDRESS_END   (UINT64_C(1) << 40)
#define REGISTERS_MAX (UINT64_C(256) << 20)
#define CLOCK_STEPS   8 /* from a clock with a fixed factor to the one that it is made from */
#define EDGE_RISING   1
#define LEVEL_HIGH    4
#define FLAGS         0xF

/* Devices that can't write to memory, by the first of a node's compatibles. */
static const char *const without_dma[] = {"arm,pl011", "arm,pl031", "arm,pl061", "arm,sp804",
                                          "ns16550a",  "ns16550",   "ns8250",    NULL};

/* Nodes below the root that are Ontime's, or no devices. */
static const char *const own_nodes[] = {"cpus",    "memory", "reserved-memory", "chosen",
                                        "aliases", "psci",   "firmware",        NULL};
static const char *const own_compatibles[] = {
    "arm,psci", "arm,psci-0.2", "arm,psci-1.0", "arm,armv8-timer", "arm,armv7-timer", SMMU_COMPATIBLE, NULL};

struct search {
    const struct passthrough_facts *facts;
    const struct system_config *config;
    struct given_device *given;
    unsigned count;
    char *error;
    size_t error_size;
};

static int refuse(const struct search *search, const struct given_device *given, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int refuse(const struct search *search, const struct given_device *given, const char *format, ...)
{
    char path[PATH_SIZE], reason[REASON_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    snprintf(search->error, search->error_size, "node /vm-%s: property devices: %s: %s",
             search->config->vms[given->vm].name, tree_printable(path, sizeof(path), given->path), reason);
    return -1;
}

/* A node's path for a message. */
static const char *path_of(const struct search *search, int node, char *path)
{
    char raw[PATH_SIZE];

    if (fdt_get_path(search->facts->tree, node, raw, sizeof(raw)) != 0)
        return "a node whose path is too long";
    return tree_printable(path, PATH_SIZE, raw);
}

static bool is_in(const char *const *list, const char *name)
{
    while (*list != NULL && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

static uint64_t page_start(uint64_t address)
{
    return address & ~(MEMORY_PAGE - 1);
}

/* Have the two a page in common? `size` is not 0, and no end is beyond the last address. */
static bool share_page(uint64_t start, uint64_t size, uint64_t other, uint64_t other_size)
{
    return page_start(start) <= page_start(other + other_size - 1) &&
           page_start(other) <= page_start(start + size - 1);
}

/* The range of the device's registers that has a page in common with this one, or NULL. */
static const struct device *shared_range(const struct given_device *given, uint64_t start, uint64_t size)
{
    if (size == 0)
        return NULL;
    if (size - 1 > UINT64_MAX - start)
        size = UINT64_MAX - start;
    for (unsigned i = 0; i < given->register_count; i++)
        if (share_page(given->registers[i].base, given->registers[i].size, start, size))
            return &given->registers[i];
    return NULL;
}

static bool shares_page(const struct given_device *given, uint64_t start, uint64_t size)
{
    return shared_range(given, start, size) != NULL;
}

/* Is it, or what it is below, for nobody but Ontime? */
static bool is_own(const struct search *search, const struct tree_place *place)
{
    const void *tree = search->facts->tree;
    const char *const *own = own_nodes;
    const char *name, *at, *type;
    size_t length;

    if (place->depth == 0)
        return true;
    name = fdt_get_name(tree, place->nodes[1], NULL);
    at = strchr(name, '@');
    length = at != NULL ? (size_t)(at - name) : strlen(name);
    while (*own != NULL && (strlen(*own) != length || memcmp(*own, name, length) != 0))
        own++;
    if (*own != NULL)
        return true;
    for (const char *const *compatible = own_compatibles; *compatible != NULL; compatible++)
        if (fdt_node_check_compatible(tree, tree_place_node(place), *compatible) == 0)
            return true;
    for (int depth = 1; depth <= place->depth; depth++)
        if (place->nodes[depth] == search->facts->gic)
            return true;
    type = tree_node_string(tree, tree_place_node(place), "device_type");
    return type != NULL && strcmp(type, "memory") == 0;
}

static int find_node(const struct search *search, struct given_device *given, struct tree_place *place)
{
    const void *tree = search->facts->tree;
    char path[PATH_SIZE];

    given->node = fdt_path_offset(tree, given->path);
    if (given->node < 0 || !tree_walk_to(tree, given->node, place))
        return refuse(search, given, "the machine's tree has no such node");
    for (const struct given_device *other = search->given; other != given; other++)
        if (other->node == given->node)
            return refuse(search, given, "is given to VM %s already", search->config->vms[other->vm].name);
    for (int depth = place->depth; depth > 0; depth--)
        if (!tree_node_is_enabled(tree, place->nodes[depth]))
            return refuse(search, given, "%s is disabled in the machine's tree",
                          depth == place->depth ? "it" : "a bus above it");
    for (int depth = place->depth - 1; depth > 0; depth--)
        if (given_is_bridge(tree, place->nodes[depth]) ||
            fdt_getprop(tree, place->nodes[depth], "iommus", NULL) != NULL ||
            fdt_getprop(tree, place->nodes[depth], "iommu-map", NULL) != NULL)
            return refuse(search, given, "is on a bus that is given as a whole: name %s",
                          path_of(search, place->nodes[depth], path));
    return is_own(search, place) ? refuse(search, given, "Ontime uses it itself") : 0;
}

/* What a guest has at places of its own, of which a device's registers have to keep clear. */
static const char *guest_has(const struct search *search, const struct given_device *given,
                             const struct device **range)
{
    const struct vm_config *vm = &search->config->vms[given->vm];
    bool v2 = search->facts->gic_version == 2;
    unsigned links = system_links_of(search->config, given->vm);
    unsigned driven = system_virtios_of(search->config, given->vm, VIRTIO_DRIVER);
    unsigned served = system_virtios_of(search->config, given->vm, VIRTIO_SERVICE);
    const struct {
        uint64_t start, size;
        const char *what;
    } places[] = {
        {GUEST_GICD_BASE, GUEST_GICD_SIZE, "GIC"},
        {v2 ? GUEST_GICC_BASE : GUEST_GICR_BASE, v2 ? GUEST_GICC_SIZE : vm->vcpus * GUEST_GICR_SIZE, "GIC"},
        {GUEST_UART_BASE, GUEST_UART_SIZE, "UART"},
        {GUEST_RTC_BASE, search->facts->rtc.size != 0 ? GUEST_RTC_SIZE : 0, "clock"},
        {GUEST_STOLEN_TIME, MEMORY_PAGE, "stolen-time records"},
        {GUEST_FLASH_BASE, GUEST_FLASH_SIZE, "flash"},
        {GUEST_LINK_BASE, links * GUEST_LINK_SIZE, "links"},
        {GUEST_LINK_MEMORY, links != 0 ? GUEST_LINK_MEMORY_END - GUEST_LINK_MEMORY : 0, "links' memory"},
        {GUEST_VIRTIO_BASE, driven * GUEST_VIRTIO_STRIDE, "virtio devices"},
        {GUEST_SERVICE_BASE, served * GUEST_SERVICE_SIZE, "virtio services"},
        {GUEST_SERVED_RAM, served * GUEST_SERVED_STRIDE, "clients' RAM"},
        {vm->memory_base, (uint64_t)vm->memory_mib << 20, "RAM"},
    };

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        *range = shared_range(given, places[i].start, places[i].size);
        if (*range != NULL)
            return places[i].what;
    }
    return NULL;
}

static int check_place(const struct search *search, const struct given_device *given)
{
    const struct passthrough_facts *facts = search->facts;
    const struct device *range;
    const char *what = guest_has(search, given, &range);

    if (shares_page(given, facts->console.start, facts->console.size))
        return refuse(search, given, "Ontime uses it itself, or its page: the console");
    if (shares_page(given, facts->rtc.start, facts->rtc.size))
        return refuse(search, given, "Ontime uses it itself, or its page: the clock");
    for (unsigned i = 0; i < facts->timer_count; i++)
        if (shares_page(given, facts->timers[i].start, facts->timers[i].size))
            return refuse(search, given, "Ontime uses it itself, or its page: timer-source");
    return what == NULL ? 0
                        : refuse(search, given, "its registers at 0x%lx are where the guest has its %s",
                                 (unsigned long)range->base, what);
}

/* What a bridge passes on to its buses: the guest reaches that as well as the bridge's own registers. */
static int find_windows(const struct search *search, struct given_device *given,
                        const struct tree_place *place)
{
    struct reg_range range;
    const fdt32_t *cells;
    enum tree_register found;

    for (unsigned i = 0;
         (found = tree_place_window(search->facts->tree, place, i, &range, &cells)) != REGISTER_NONE; i++) {
        if (found == REGISTER_UNMAPPED)
            return refuse(search, given, "its windows have no physical address");
        if (i == GIVEN_WINDOWS)
            return refuse(search, given, "more than %u entries in its `ranges`", GIVEN_WINDOWS);
        if (range.size == 0 || range.start >= ADDRESS_END || range.size > ADDRESS_END - range.start)
            return refuse(search, given, "its window of 0x%lx bytes at 0x%lx can't be mapped",
                          (unsigned long)range.size, (unsigned long)range.start);
        given->registers[given->register_count++] = (struct device){.base = range.start, .size = range.size};
    }
    return 0;
}

static int find_registers(const struct search *search, struct given_device *given,
                          const struct tree_place *place)
{
    struct reg_range range;
    enum tree_register found;

    while ((found = tree_place_register(search->facts->tree, place, given->register_count, &range)) !=
           REGISTER_NONE) {
        if (found == REGISTER_UNMAPPED)
            return refuse(search, given, "its registers have no physical address");
        if (given->register_count == GIVEN_REGISTERS)
            return refuse(search, given, "more than %u ranges in its `reg`", GIVEN_REGISTERS);
        if (range.size == 0 || range.size > REGISTERS_MAX || range.start > ADDRESS_END - REGISTERS_MAX)
            return refuse(search, given, "0x%lx bytes of registers at 0x%lx can't be mapped",
                          (unsigned long)range.size, (unsigned long)range.start);
        given->registers[given->register_count++] = (struct device){.base = range.start, .size = range.size};
    }
    if (given->register_count == 0)
        return refuse(search, given, "has no registers");
    given->own_registers = given->register_count;
    given->registers[0].describe = given_device_describe;
    if (given->is_bridge && find_windows(search, given, place) != 0)
        return -1;
    return check_place(search, given);
}

static bool has_interrupt(const struct given_device *given, uint32_t intid)
{
    for (unsigned i = 0; i < given->interrupt_count; i++)
        if (given->interrupts[i].intid == intid)
            return true;
    return false;
}

static void add_interrupt(struct given_device *given, uint32_t intid, uint32_t flags)
{
    given->interrupts[given->interrupt_count++] = (struct given_interrupt){
        .intid = (uint16_t)intid,
        .edge = (flags & FLAGS) == EDGE_RISING,
    };
}

/* The interrupts of what is on a bridge's buses: many have the same. */
static int find_wires(const struct search *search, struct given_device *given)
{
    const struct passthrough_facts *facts = search->facts;
    uint32_t intid, flags;
    const fdt32_t *cells;
    unsigned count;
    enum tree_interrupt found;

    for (unsigned i = 0; (found = tree_interrupt_map(facts->tree, given->node, facts->gic, i, &intid, &flags,
                                                     &cells, &count)) != INTERRUPT_NONE;
         i++) {
        if (found == INTERRUPT_OTHER)
            return refuse(search, given, "entry %u of its interrupt-map is no SPI of the GIC", i);
        if ((flags & FLAGS) != EDGE_RISING && (flags & FLAGS) != LEVEL_HIGH)
            return refuse(search, given,
                          "entry %u of its interrupt-map is neither a rising edge nor a high level", i);
        if (has_interrupt(given, intid))
            continue;
        if (given->interrupt_count == GIVEN_INTERRUPTS)
            return refuse(search, given, "more than %u interrupts", GIVEN_INTERRUPTS);
        add_interrupt(given, intid, flags);
    }
    return 0;
}

static int find_interrupts(const struct search *search, struct given_device *given,
                           const struct tree_place *place)
{
    const struct passthrough_facts *facts = search->facts;
    uint32_t intid, flags;
    enum tree_interrupt found;

    while ((found = tree_place_interrupt(facts->tree, place, facts->gic, given->interrupt_count, &intid,
                                         &flags)) != INTERRUPT_NONE) {
        if (found == INTERRUPT_OTHER)
            return refuse(search, given, "its interrupt %u is no SPI of the GIC", given->interrupt_count);
        if (given->interrupt_count == GIVEN_INTERRUPTS)
            return refuse(search, given, "more than %u interrupts", GIVEN_INTERRUPTS);
        if ((flags & FLAGS) != EDGE_RISING && (flags & FLAGS) != LEVEL_HIGH)
            return refuse(search, given, "its interrupt %u is neither a rising edge nor a high level",
                          given->interrupt_count);
        add_interrupt(given, intid, flags);
    }
    given->own_interrupts = given->interrupt_count;
    return given->is_bridge ? find_wires(search, given) : 0;
}

/* The frequency of a clock; 0 when it is not known. */
static uint64_t frequency(const void *tree, int clock)
{
    uint64_t factor = 1, divisor = 1;

    for (unsigned step = 0; clock >= 0 && step < CLOCK_STEPS; step++) {
        const fdt32_t *cells = tree_node_cells(tree, clock, "#clock-cells", 1);

        if (cells == NULL || fdt32_ld(cells) != 0)
            return 0; /* one of several, and which is known to its driver only */
        cells = tree_node_cells(tree, clock, "clock-frequency", 1);
        if (cells != NULL)
            return fdt32_ld(cells) * factor / divisor;
        if (fdt_node_check_compatible(tree, clock, "fixed-factor-clock") != 0)
            return 0;
        factor *= machine_tree_number(tree, clock, "clock-mult") & UINT16_MAX;
        divisor *= machine_tree_number(tree, clock, "clock-div") & UINT16_MAX;
        cells = tree_node_cells(tree, clock, "clocks", 1);
        if (cells == NULL || divisor == 0 || divisor > UINT16_MAX || factor > UINT16_MAX)
            return 0;
        clock = fdt_node_offset_by_phandle(tree, fdt32_ld(cells));
    }
    return 0;
}

/* The VM's clock of that frequency, or a new one. */
static struct given_clock clock_of(const struct search *search, const struct given_device *given, uint32_t hz)
{
    unsigned count = 0;

    for (const struct given_device *other = search->given; other <= given; other++)
        for (unsigned i = 0; i < other->clock_count; i++) {
            if (other->vm == given->vm && other->clocks[i].hz == hz)
                return (struct given_clock){.hz = hz, .phandle = other->clocks[i].phandle};
            count++;
        }
    return (struct given_clock){.hz = hz, .phandle = TREE_PHANDLE_GIVEN_CLOCK + count, .is_first = true};
}

static int find_clocks(const struct search *search, struct given_device *given)
{
    const void *tree = search->facts->tree;
    int length;
    const fdt32_t *cells = fdt_getprop(tree, given->node, "clocks", &length);
    char path[PATH_SIZE];

    for (int left = length / 4; cells != NULL && left > 0;) {
        int clock = fdt_node_offset_by_phandle(tree, fdt32_ld(cells));
        const fdt32_t *count = clock >= 0 ? tree_node_cells(tree, clock, "#clock-cells", 1) : NULL;
        uint64_t hz = frequency(tree, clock);

        if (given->clock_count == GIVEN_CLOCKS)
            return refuse(search, given, "more than %u clocks", GIVEN_CLOCKS);
        if (count == NULL || hz == 0 || hz > UINT32_MAX)
            return refuse(search, given, "its clock %u, %s, has no fixed frequency", given->clock_count,
                          clock >= 0 ? path_of(search, clock, path) : "which is not in the tree");
        given->clocks[given->clock_count] = clock_of(search, given, (uint32_t)hz);
        given->clock_count++;
        left--;
        cells++;
    }
    return 0;
}

static int check_property(const struct search *search, const struct given_device *given, int node,
                          const char *name, const void *data, int length)
{
    bool is_own_node = node == given->node;
    char path[PATH_SIZE], word[TREE_WORD_SIZE];

    (void)tree_printable(word, sizeof(word), name);
    switch (given_property(name)) {
    case PROPERTY_KEPT:
    case PROPERTY_LEFT_OUT:
        return 0;
    case PROPERTY_BRIDGE:
        if (strcmp(name, "ranges") == 0 && is_own_node && !given->is_bridge)
            return refuse(search, given, "is a bus: name the devices on it");
        if (strcmp(name, "ranges") == 0 || (is_own_node && given->is_bridge))
            return 0;
        break;
    case PROPERTY_STREAMS:
        if (is_own_node && given->stream_count != 0)
            return 0;
        break;
    case PROPERTY_CLOCKS:
    case PROPERTY_INTERRUPTS:
        return is_own_node ? 0
                           : refuse(search, given, "property %s of %s: only a device's own can be given",
                                    word, path_of(search, node, path));
    case PROPERTY_REFERENCE:
        if (length == 4 && given_node_by_phandle(search->facts->tree, given->node, fdt32_ld(data)) >= 0)
            return 0;
        break;
    case PROPERTY_REFUSED:
        break;
    }
    return refuse(search, given, "property %s refers to what can't be given along", word);
}

/* All properties, of the node and of those below it, and what room they take in the guest's tree. */
static int check_properties(const struct search *search, const struct given_device *given, size_t *room)
{
    const void *tree = search->facts->tree;
    int depth = 0, property;

    for (int node = given->node; node >= 0 && depth >= 0; node = fdt_next_node(tree, node, &depth)) {
        if (depth > GIVEN_DEPTH)
            return refuse(search, given, "nodes more than %u below it", GIVEN_DEPTH);
        *room += strlen(fdt_get_name(tree, node, NULL)) + 16;
        fdt_for_each_property_offset(property, tree, node)
        {
            const char *name;
            int length;
            const void *data = fdt_getprop_by_offset(tree, property, &name, &length);

            if (data == NULL)
                return refuse(search, given, "has a damaged property");
            if (check_property(search, given, node, name, data, length) != 0)
                return -1;
            *room += (size_t)length + strlen(name) + 24;
            if (given_property(name) == PROPERTY_BRIDGE)
                *room += (size_t)length; /* it may become longer */
        }
    }
    if (*room > GIVEN_TREE_SIZE)
        return refuse(search, given, "no room for it in the VM's tree: all its devices take %u bytes at most",
                      GIVEN_TREE_SIZE);
    return 0;
}

/* Is memory at the same addresses for a device as for the CPUs? Of no bus above it `dma-ranges` has values.
 */
static bool sees_memory(const void *tree, const struct tree_place *place)
{
    for (int depth = place->depth - 1; depth > 0; depth--) {
        int length;

        if (fdt_getprop(tree, place->nodes[depth], "dma-ranges", &length) != NULL && length != 0)
            return false;
    }
    return true;
}

/* The nearest node, from its own up, that says so. */
static bool is_coherent(const void *tree, const struct tree_place *place)
{
    for (int depth = place->depth; depth >= 0; depth--) {
        if (fdt_getprop(tree, place->nodes[depth], "dma-noncoherent", NULL) != NULL)
            return false;
        if (fdt_getprop(tree, place->nodes[depth], "dma-coherent", NULL) != NULL)
            return true;
    }
    return false;
}

/* Its registers have been found. */
static enum given_silence silence_of(const void *tree, const struct given_device *given)
{
    if (fdt_node_check_compatible(tree, given->node, VIRTIO_MMIO_COMPATIBLE) == 0)
        return given->registers[0].size >= VIRTIO_MMIO_SIZE ? SILENCE_VIRTIO_MMIO : SILENCE_UNKNOWN;
    if (fdt_node_check_compatible(tree, given->node, PCI_ECAM_COMPATIBLE) == 0)
        return given->registers[0].size >= PCI_ECAM_BUS ? SILENCE_PCI_ECAM : SILENCE_UNKNOWN;
    return SILENCE_UNKNOWN;
}

static int check_dma(const struct search *search, struct given_device *given, const struct tree_place *place)
{
    const void *tree = search->facts->tree;
    const char *compatible = tree_node_string(tree, given->node, "compatible");

    if (compatible != NULL && is_in(without_dma, compatible))
        return 0;
    if (given->stream_count == 0 && !search->config->vms[given->vm].trusted_dma)
        return refuse(search, given, "may write to all memory: the VM needs direct-map and trusted-dma");
    if (!sees_memory(tree, place))
        return refuse(search, given, "its bus gives memory other addresses (dma-ranges)");
    given->dma_coherent = is_coherent(tree, place);
    return 0;
}

/* How the SMMUs know it that are between it and memory. */
static int find_streams(const struct search *search, struct given_device *given)
{
    const void *tree = search->facts->tree;
    unsigned count = stream_ids_count(tree, given->node, given->is_bridge);

    for (unsigned i = 0; i < count; i++) {
        struct dma_streams streams;
        bool found;
        const char *problem = stream_ids_read(tree, given->node, given->is_bridge, i, &streams, &found);

        if (problem != NULL)
            return refuse(search, given, "%s", problem);
        if (found && given->stream_count == GIVEN_STREAMS)
            return refuse(search, given, "more than %u ranges of StreamIDs", GIVEN_STREAMS);
        if (found)
            given->streams[given->stream_count++] = streams;
    }
    if (count != 0 && given->is_bridge && !stream_ids_cover(tree, given->node))
        return refuse(search, given, "its iommu-map leaves out some of what may be on its buses");
    return 0;
}

static int find_device(const struct search *search, struct given_device *given, size_t *room)
{
    struct tree_place place;

    if (find_node(search, given, &place) != 0)
        return -1;
    given->is_bridge = given_is_bridge(search->facts->tree, given->node);
    if (find_registers(search, given, &place) != 0 || find_interrupts(search, given, &place) != 0 ||
        find_streams(search, given) != 0 || check_properties(search, given, room) != 0 ||
        find_clocks(search, given) != 0)
        return -1;
    given->silence = silence_of(search->facts->tree, given);
    return check_dma(search, given, &place);
}

static int find_devices(struct search *search)
{
    for (unsigned i = 0; i < search->config->vm_count; i++) {
        const struct vm_config *vm = &search->config->vms[i];
        size_t room = 0;

        for (size_t at = 0; at < vm->devices_size; at += strlen(vm->devices + at) + 1) {
            struct given_device *given = &search->given[search->count++];

            given->tree = search->facts->tree;
            given->gic = search->facts->gic;
            given->vm = i;
            given->path = vm->devices + at;
            if (find_device(search, given, &room) != 0)
                return -1;
        }
    }
    return 0;
}

static bool is_given(const struct search *search, int node)
{
    for (unsigned i = 0; i < search->count; i++)
        if (search->given[i].node == node)
            return true;
    return false;
}

static bool has_streams(const struct given_device *given, const struct dma_streams *streams)
{
    for (unsigned i = 0; i < given->stream_count; i++)
        if (stream_ids_meet(&given->streams[i], streams))
            return true;
    return false;
}

/* A node that is not given, with all given devices. Whatever its `status`: it may be the secure world's. */
static int check_other_registers(const struct search *search, const struct tree_place *place)
{
    const void *tree = search->facts->tree;
    struct reg_range range;
    enum tree_register found;
    char path[PATH_SIZE];

    for (unsigned i = 0; (found = tree_place_register(tree, place, i, &range)) != REGISTER_NONE; i++)
        for (unsigned k = 0; found == REGISTER_MAPPED && k < search->count; k++)
            if (shares_page(&search->given[k], range.start, range.size))
                return refuse(search, &search->given[k], "shares a page of 4 KiB with %s, which is not given",
                              path_of(search, tree_place_node(place), path));
    return 0;
}

static int check_other_interrupts(const struct search *search, const struct tree_place *place)
{
    const struct passthrough_facts *facts = search->facts;
    uint32_t intid, flags;
    enum tree_interrupt found;
    char path[PATH_SIZE];

    for (unsigned i = 0;
         (found = tree_place_interrupt(facts->tree, place, facts->gic, i, &intid, &flags)) != INTERRUPT_NONE;
         i++) {
        for (unsigned k = 0; found == INTERRUPT_SPI && k < search->count; k++)
            if (has_interrupt(&search->given[k], intid))
                return refuse(search, &search->given[k], "its interrupt, SPI %u, is also that of %s",
                              intid - GUEST_INTID_SPIS, path_of(search, tree_place_node(place), path));
    }
    return 0;
}

/* A device that is not given, and shares a StreamID, would reach the VM's RAM. */
static int check_other_streams(const struct search *search, const struct tree_place *place)
{
    const void *tree = search->facts->tree;
    int node = tree_place_node(place);
    bool is_bridge = given_is_bridge(tree, node);
    struct dma_streams streams;
    bool found;
    char path[PATH_SIZE];

    for (unsigned i = 0; i < stream_ids_count(tree, node, is_bridge); i++) {
        if (stream_ids_read(tree, node, is_bridge, i, &streams, &found) != NULL || !found)
            continue;
        for (unsigned k = 0; k < search->count; k++)
            if (has_streams(&search->given[k], &streams))
                return refuse(search, &search->given[k], "its SMMU knows %s, which is not given, as the same",
                              path_of(search, node, path));
    }
    return 0;
}

static int check_others(const struct search *search)
{
    struct tree_place place = TREE_PLACE_START;

    while (tree_walk_next(search->facts->tree, &place))
        if (!is_given(search, tree_place_node(&place)) &&
            (check_other_registers(search, &place) != 0 || check_other_interrupts(search, &place) != 0 ||
             check_other_streams(search, &place) != 0))
            return -1;
    return 0;
}

/* Two given devices, of which `one` comes later. Those of one VM may share what they have. */
static int check_pair(const struct search *search, const struct given_device *one,
                      const struct given_device *other)
{
    const char *vm = search->config->vms[other->vm].name;
    char path[PATH_SIZE];

    if (one->vm == other->vm)
        return 0;
    (void)tree_printable(path, sizeof(path), other->path);
    for (unsigned i = 0; i < other->register_count; i++)
        if (shares_page(one, other->registers[i].base, other->registers[i].size))
            return refuse(search, one, "shares a page of 4 KiB with %s, which VM %s is given", path, vm);
    for (unsigned i = 0; i < other->interrupt_count; i++)
        if (has_interrupt(one, other->interrupts[i].intid))
            return refuse(search, one, "its interrupt, SPI %u, is also that of %s, which VM %s is given",
                          other->interrupts[i].intid - GUEST_INTID_SPIS, path, vm);
    for (unsigned i = 0; i < other->stream_count; i++)
        if (has_streams(one, &other->streams[i]))
            return refuse(search, one, "its SMMU knows %s, which VM %s is given, as the same", path, vm);
    return 0;
}

static int check_pairs(const struct search *search)
{
    for (unsigned i = 0; i < search->count; i++)
        for (unsigned k = 0; k < i; k++)
            if (check_pair(search, &search->given[i], &search->given[k]) != 0)
                return -1;
    return 0;
}

static bool is_emulated(const struct search *search, unsigned vm, uint32_t intid)
{
    return intid == GUEST_INTID_UART || intid == GUEST_INTID_RTC ||
           (intid == GUEST_INTID_WATCHDOG && search->config->vms[vm].watchdog_ms != 0) ||
           intid - GUEST_INTID_LINKS < system_links_of(search->config, vm) ||
           intid - GUEST_INTID_VIRTIOS < system_virtios_of(search->config, vm, VIRTIO_DRIVER) ||
           intid - GUEST_INTID_SERVICES < system_virtios_of(search->config, vm, VIRTIO_SERVICE);
}

/* Is this number that of an emulated device, or of a device that the VM is given? */
static bool is_taken(const struct search *search, unsigned vm, uint32_t intid)
{
    if (is_emulated(search, vm, intid))
        return true;
    for (unsigned i = 0; i < search->count; i++)
        for (unsigned k = 0; search->given[i].vm == vm && k < search->given[i].interrupt_count; k++)
            if (search->given[i].interrupts[k].intid == intid ||
                search->given[i].interrupts[k].virtual_intid == intid)
                return true;
    return false;
}

/* The guest's number of an interrupt: the machine's, if the guest has nothing else there. */
static uint16_t virtual_intid(const struct search *search, unsigned vm, uint16_t intid)
{
    uint32_t number;

    if (!is_emulated(search, vm, intid))
        return intid;
    for (unsigned i = 0; i < search->count; i++)
        for (unsigned k = 0; search->given[i].vm == vm && k < search->given[i].interrupt_count; k++)
            if (search->given[i].interrupts[k].intid == intid &&
                search->given[i].interrupts[k].virtual_intid != 0)
                return search->given[i].interrupts[k].virtual_intid;
    for (number = GUEST_INTID_SPIS; is_taken(search, vm, number);)
        number++;
    return (uint16_t)number;
}

static void number_interrupts(const struct search *search)
{
    for (unsigned i = 0; i < search->count; i++)
        for (unsigned k = 0; k < search->given[i].interrupt_count; k++) {
            struct given_interrupt *interrupt = &search->given[i].interrupts[k];

            interrupt->virtual_intid = virtual_intid(search, search->given[i].vm, interrupt->intid);
        }
}

unsigned passthrough_count(const struct system_config *config)
{
    unsigned count = 0;

    for (unsigned i = 0; i < config->vm_count; i++)
        for (size_t at = 0; at < config->vms[i].devices_size; at++)
            count += config->vms[i].devices[at] == '\0';
    return count;
}

int passthrough_find(const struct passthrough_facts *facts, const struct system_config *config,
                     struct given_device *given, char *error, size_t error_size)
{
    struct search search = {facts, config, given, 0, error, error_size};

    if (find_devices(&search) != 0 || check_pairs(&search) != 0)
        return -1;
    if (search.count != 0 && check_others(&search) != 0)
        return -1;
    number_interrupts(&search);
    return 0;
}
