/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's cores. The one that boots is CPU 0, whatever its affinity; the others follow in the order of
 * the tree.
 *
 * The boot core starts the others one after the other. A core that it has started sets up its own registers
 * and its part of the GIC, says that it is up, and waits with WFI until the boot core has made the VMs. Then
 * a kick wakes it, and it goes to its dispatcher.
 *
 * A core that is not up within a second is left out. It may still come, when nobody counts on it any more: so
 * each step of a core's `state` is a compare-and-exchange, and a core whose step fails waits for ever.
 */
#include "boot/cores.h"
#include <stdatomic.h>
#include <stddef.h>
#include "base/arch.h"
#include "base/memory.h"
#include "base/units.h"
#include "boot/arch_boot.h"
#include "console/console.h"
#include "vm/arch_vm.h"
#include "vm/config.h"

#define START_TIMEOUT_US UINT64_C(1000000)

enum state { OFF, STARTED, JOINING, UP, FAILED, LEFT_OUT };

static struct core {
    _Atomic enum state state;
    const char *problem; /* FAILED: why it can't be used */
    uint64_t stack_end;  /* 0: there was no room for a stack */
    uint64_t identity[IDENTITY_REGISTERS];
} cores[MAX_CPUS];

struct cpu cpus[MAX_CPUS];
unsigned cpu_count;

_Static_assert(MAX_CPUS == SYSTEM_MAX_CPUS, "a system file can name each CPU");

static const char too_late[] = "did not start within a second";
static uint64_t counter_hz;
static atomic_bool go;

static void move_first(struct board *board, unsigned index)
{
    struct board_cpu first = board->cpus[index];

    for (; index != 0; index--)
        board->cpus[index] = board->cpus[index - 1];
    board->cpus[0] = first;
}

void cores_find(struct board *board)
{
    unsigned own = 0;

    while (own < board->cpu_count && board->cpus[own].affinity != arch_affinity())
        own++;
    if (own == board->cpu_count) { /* the tree has it not, or as more than can be counted */
        if (own == MAX_CPUS)
            own--;
        else
            board->cpu_count++;
        board->cpus[own] = (struct board_cpu){.affinity = arch_affinity()};
    }
    move_first(board, own);
    cpu_count = board->cpu_count;
    for (unsigned i = 0; i < cpu_count; i++)
        cpus[i].index = i;
    cpus[0].up = true;
}

void cores_make_stacks(void)
{
    for (unsigned i = 1; i < cpu_count; i++) {
        uint64_t guard = arch_stack_guard_size();
        uint64_t size = guard + arch_stack_size();
        uint64_t bottom = memory_take(size, guard);

        if (bottom != 0 && arch_guard_page(bottom))
            cores[i].stack_end = bottom + size;
    }
}

/* Why a core is not there, on the console. */
static void say_left_out(unsigned index, uint64_t affinity, const char *why)
{
    console_print("CPU %u (affinity %u.%u.%u.%u)%s %s: left out", index, (unsigned)(affinity >> 32 & 255),
                  (unsigned)(affinity >> 16 & 255), (unsigned)(affinity >> 8 & 255),
                  (unsigned)(affinity & 255), why != too_late ? ":" : "", why);
}

static bool step(struct core *core, enum state from, enum state to)
{
    return atomic_compare_exchange_strong(&core->state, &from, to);
}

/* Waits until a core that was started is up, or has failed, or a second is over. NULL, or what went wrong. */
static const char *await(struct core *core)
{
    uint64_t end = arch_counter() + us_to_ticks(START_TIMEOUT_US);
    enum state state = atomic_load(&core->state);

    while (state != UP && state != FAILED) {
        /* When the core moves on at this very moment, the exchange fails, and the core has its time. */
        if (arch_counter() >= end && atomic_compare_exchange_strong(&core->state, &state, LEFT_OUT))
            return too_late;
        arch_relax();
        state = atomic_load(&core->state);
    }
    return state == UP ? NULL : core->problem;
}

static const char *start(unsigned index, const struct board_cpu *cpu)
{
    const struct core_start how = {
        .affinity = cpu->affinity,
        .stack_end = cores[index].stack_end,
        .cpu = &cpus[index],
    };

    if (cpu->method == CPU_METHOD_UNKNOWN)
        return "no enable-method that Ontime knows in the machine's device tree";
    if (how.stack_end == 0)
        return "no room for its stack";
    if (cpu->release != 0 && !arch_map_ram(cpu->release, cpu->release + sizeof(cpu->release)))
        return "its cpu-release-addr can't be mapped";
    atomic_store(&cores[index].state, STARTED);
    if (arch_core_start(&how, cpu->release) != 0)
        return "the firmware does not start it";
    return await(&cores[index]);
}

static void note_identity(struct core *core)
{
    for (unsigned i = 0; i < IDENTITY_REGISTERS && arch_cpu_identity(i, &core->identity[i]) != NULL; i++)
        ;
}

const char *cores_differ(unsigned one, unsigned other)
{
    for (unsigned i = 0; i < IDENTITY_REGISTERS; i++) {
        uint64_t own;

        if (cores[one].identity[i] != cores[other].identity[i])
            return arch_cpu_identity(i, &own);
    }
    return NULL;
}

void cores_start(const struct board *board)
{
    unsigned up = 1;

    note_identity(&cores[0]);
    counter_hz = arch_counter_hz();
    if (board->cpus_left_out)
        console_print("more than %u CPUs: the others are left out", MAX_CPUS);
    for (unsigned i = 1; i < cpu_count; i++) {
        const char *problem = start(i, &board->cpus[i]);

        cpus[i].up = problem == NULL;
        if (problem != NULL)
            say_left_out(i, board->cpus[i].affinity, problem);
        else
            up++;
    }
    if (up > 1)
        console_print("%u CPUs", up);
}

static _Noreturn void wait_for_ever(void)
{
    for (;;)
        arch_wait_for_interrupt();
}

static const char *set_up(struct core *core)
{
    const char *problem = arch_cpu_problem();

    if (problem == NULL && arch_counter_hz() != counter_hz)
        problem = "its counter's frequency (CNTFRQ_EL0) is not that of CPU 0";
    if (problem == NULL)
        problem = arch_interrupts_init_core();
    if (problem != NULL)
        return problem;
    note_identity(core);
    arch_cpu_init();
    return NULL;
}

void core_join(struct cpu *cpu)
{
    struct core *core = &cores[cpu->index];

    if (!step(core, STARTED, JOINING))
        wait_for_ever();
    core->problem = set_up(core);
    if (!step(core, JOINING, core->problem == NULL ? UP : FAILED) || core->problem != NULL)
        wait_for_ever();
    while (!atomic_load(&go))
        arch_wait_for_interrupt();
}

void cores_go(void)
{
    atomic_store(&go, true);
    for (unsigned i = 1; i < cpu_count; i++)
        if (cpus[i].up)
            arch_cpu_kick(i);
}
