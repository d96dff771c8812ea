/* SPDX-License-Identifier: Apache-2.0 */
/*
 * General-purpose timers of the machine in place of EL2's physical timer.
 *
 * A timer's interrupt is its own, so that it tells which deadline has come: one that shares its interrupt
 * with a timer before it is left out (the i.MX 8M Plus has GPT5 and GPT6 on one wire).
 */
#include "boot/timer_source.h"
#include <libfdt.h>
#include <stddef.h>
#include "base/arch.h"
#include "base/memory.h"
#include "boot/tree_walk.h"
#include "console/console.h"
#include "devices/physical_irqs.h"
#include "drivers/gic.h"
#include "drivers/gp_timer.h"
#include "vm/cpu.h"

static struct found {
    const struct gp_timer_driver *driver;
    unsigned index; /* of those of the device */
    uint32_t intid;
} found[TIMER_SOURCE_MAX];
static struct reg_range registers[TIMER_SOURCE_MAX]; /* of the same */
static unsigned found_count;

static const struct gp_timer_driver *driver_for(const void *tree, int node)
{
    for (const struct gp_timer_driver *const *driver = gp_timer_drivers; *driver != NULL; driver++)
        for (const char *const *name = (*driver)->compatible; *name != NULL; name++)
            if (fdt_node_check_compatible(tree, node, *name) == 0)
                return *driver;
    return NULL;
}

static bool is_taken(uint32_t intid)
{
    for (unsigned i = 0; i < found_count; i++)
        if (found[i].intid == intid)
            return true;
    return false;
}

static void add(const void *tree, const struct tree_place *place, int gic_node,
                const struct gp_timer_driver *driver)
{
    struct found timer = {.driver = driver};
    struct reg_range range;
    uint32_t flags;

    if (tree_place_register(tree, place, 0, &range) != REGISTER_MAPPED)
        return;
    for (; timer.index < driver->count && found_count < TIMER_SOURCE_MAX; timer.index++)
        if (tree_place_interrupt(tree, place, gic_node, timer.index, &timer.intid, &flags) == INTERRUPT_SPI &&
            !is_taken(timer.intid)) {
            registers[found_count] = range;
            found[found_count++] = timer;
        }
}

const struct reg_range *timer_source_find(const void *tree, int gic_node, unsigned *count)
{
    struct tree_place place = TREE_PLACE_START;

    found_count = 0;
    while (tree_walk_next(tree, &place)) {
        int node = tree_place_node(&place);
        const struct gp_timer_driver *driver = driver_for(tree, node);

        if (driver != NULL && tree_node_is_enabled(tree, node))
            add(tree, &place, gic_node, driver);
    }
    *count = found_count;
    return registers;
}

/* Adds the timer to those of the core. Returns whether it runs. */
static bool give(struct gp_timers *timers, unsigned i, unsigned cpu)
{
    const struct found *one = &found[i];
    struct gp_timer *timer = &timers->timers[timers->count];

    *timer = (struct gp_timer){
        .driver = one->driver, .base = registers[i].start, .index = one->index, .intid = one->intid};
    if (!arch_map_device(registers[i].start, registers[i].size) || !gp_timer_start(timer))
        return false;
    timers->count++;
    physical_irq_keep(one->intid);
    gic->spi_set_up(one->intid, false);
    gic->enable(one->intid);
    gic->spi_set_target(one->intid, cpu);
    return true;
}

/* The next core of `mask` behind `cpu`, round and round. */
static unsigned next_core(uint64_t mask, unsigned cpu)
{
    do
        cpu = (cpu + 1) % MAX_CPUS;
    while ((mask >> cpu & 1) == 0);
    return cpu;
}

/* Core after core gets one. Returns the cores that have got none. */
static uint64_t deal(uint64_t cores, struct gp_timers *timers)
{
    uint64_t without = cores;
    unsigned cpu = MAX_CPUS - 1;

    for (unsigned i = 0; i < found_count; i++) {
        unsigned next = next_core(cores, cpu);

        if (timers[next].count == GP_TIMERS_MAX || !give(&timers[next], i, next))
            continue;
        without &= ~(UINT64_C(1) << next);
        cpu = next;
    }
    return without;
}

const char *timer_source_start(const struct system_config *config)
{
    uint64_t cores = 1;
    struct gp_timers *timers;

    if (found_count == 0)
        return "\"gpt\" needs general-purpose timers, and this machine's tree has none that Ontime knows: "
               "leave it out";
    for (unsigned i = 0; i < config->vm_count; i++)
        cores |= vm_config_cpus(&config->vms[i]);
    timers = memory_allocate(MAX_CPUS * sizeof(*timers));
    if (deal(cores, timers) != 0)
        return "\"gpt\" needs a general-purpose timer for CPU 0 and for each CPU in use, and too few run: "
               "use fewer "
               "CPUs, or leave it out";
    for (uint64_t left = cores; left != 0; left &= left - 1) {
        unsigned cpu = (unsigned)__builtin_ctzll(left);

        timers[cpu].program = gp_timers_program;
        deadline_queue_use(&cpus[cpu].deadlines, &timers[cpu]);
        console_print("CPU %u: %u general-purpose timer%s of %u kHz, %u of them for guests", cpu,
                      timers[cpu].count, timers[cpu].count == 1 ? "" : "s", timers[cpu].timers[0].hz / 1000,
                      timers[cpu].count - 1);
    }
    return NULL;
}
