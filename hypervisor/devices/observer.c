/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An observer's MARK and TRACE. Their lines are long, so they are made and written as the calling vCPU's
 * `work`: in short pieces, on its time, and with a look at the interrupts after each. A line is collected in
 * the vCPU's own memory and goes to the console as a whole. While the console has no room, the vCPU waits.
 *
 * A vCPU that is switched off meanwhile forgets the line in work.
 *
 * A dump goes through the cores' rings, one after the other. All are frozen when it begins, and record again
 * when it is complete; the lock is so that two dumps do not leave some open and some frozen. After a dump
 * that is given up they stay frozen until a complete one. A cursor is the core's number, and in its lower
 * half that of the ring's line.
 */
#include "devices/observer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "base/assert.h"
#include "base/lock.h"
#include "console/console.h"
#include "vm/dispatch.h"
#include "vm/vm.h"

#define PIECE      3  /* counters of vCPUs that are read in one piece of a mark's line */
#define CURSOR_CPU 32 /* the core's place in a cursor, bits */

_Static_assert(TRACE_LINE_SIZE <= OBSERVER_LINE, "a line of the trace has room");

static struct spinlock rings_lock = SPINLOCK_INIT(LOCK_ALONE);

/* The counters of a mark's line, behind `run` and before `counter`. */
static const struct {
    const char *name;
    unsigned stat;
} fields[] = {
    {"stolen", ONTIME_STAT_STOLEN_TICKS},
    {"exits", ONTIME_STAT_EXITS},
    {"switches", ONTIME_STAT_SWITCHES},
    {"armed", ONTIME_STAT_ARMED},
    {"cancelled", ONTIME_STAT_CANCELLED},
    {"fired", ONTIME_STAT_FIRED},
    {"late_max", ONTIME_STAT_LATE_MAX},
    {"late_sum", ONTIME_STAT_LATE_TICKS},
    {"warps", ONTIME_STAT_WARPS},
    {"denied", ONTIME_STAT_WARPS_DENIED},
    {"cut", ONTIME_STAT_WARPS_CUT},
    {"lead_switch", ONTIME_STAT_LEAD_SWITCH},
    {"lead_backlog", ONTIME_STAT_LEAD_BACKLOG},
    {"moves", ONTIME_STAT_MOVES},
    {"interrupts", ONTIME_STAT_INTERRUPTS},
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void begin_line(struct observer *observer)
{
    observer->length = 0;
    observer->complete = false;
    observer->field = observer->vcpu = 0;
    observer->value = 0;
}

/* The vCPU does not go back to its guest before the work is done. */
static void begin(struct vcpu *vcpu, void (*work)(struct vcpu *vcpu))
{
    begin_line(vcpu->observer);
    vcpu->work = work;
    vcpu->cpu->reschedule = true;
}

/* Gives the complete line to the console; false when that has no room yet. */
static bool write_line(struct observer *observer)
{
    return console_offer(observer->line, observer->length);
}

__attribute__((format(printf, 2, 3))) static void append(struct observer *observer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    observer->length += (size_t)vsnprintf(observer->line + observer->length, OBSERVER_LINE - observer->length,
                                          format, arguments);
    va_end(arguments);
    DEBUG_ASSERT(observer->length < OBSERVER_LINE);
}

/* Reads a counter of the next vCPU; that of the last one completes the field. */
static void add_counter(struct observer *observer, const struct vm *vm)
{
    observer->value = vm_stat_with(&vm->vcpus[observer->vcpu], fields[observer->field].stat, observer->value);
    if (++observer->vcpu < vm->vcpu_count)
        return;
    append(observer, " %s=%lu", fields[observer->field].name, (unsigned long)observer->value);
    observer->vcpu = 0;
    observer->value = 0;
    observer->field++;
}

static void add_fields(struct observer *observer)
{
    const struct vm *vm = vms[observer->vm];

    if (observer->length == 0) {
        if (vm->config->floats_on != 0) /* all cores have charged theirs */
            observer->run[observer->vm] = vm_stat(vm, ONTIME_STAT_RUN_TICKS);
        append(observer, "mark %u vm=%s run=%lu", observer->number, vm->config->name,
               (unsigned long)observer->run[observer->vm]);
        return;
    }
    for (unsigned n = 0; n < PIECE && observer->field < FIELDS; n++)
        add_counter(observer, vm);
    if (observer->field < FIELDS)
        return;
    append(observer, " counter=%lu", (unsigned long)observer->counter);
    observer->complete = true;
}

/*
 * The CPU time is compared between VMs, so it is that of one instant, the call; on another core it is that
 * of soon after, when the core has charged its current vCPU. The other counters are newer, and so is the CPU
 * time of a VM that floats: its vCPUs change cores meanwhile.
 */
static void note_run(struct observer *observer, const struct cpu *cpu)
{
    for (const struct vcpu *vcpu = cpu->vcpus; vcpu != NULL; vcpu = vcpu->next)
        observer->run[vcpu->vm->index] += vcpu->stats[ONTIME_STAT_RUN_TICKS];
}

/* Notes the time of the next core's vCPUs, if it has charged the current one since the mark. */
static void note_core(struct observer *observer, const struct cpu *own)
{
    struct cpu *cpu = &cpus[observer->core];

    if (cpu->up && cpu != own) {
        uint64_t charged = atomic_load_explicit(&cpu->charge_told, memory_order_acquire);

        if ((int64_t)(charged - observer->counter) < 0) {
            cpu_send(cpu, CPU_CHARGE); /* again, as another mark's may have been taken before this one */
            arch_relax();
            return;
        }
        note_run(observer, cpu);
    }
    observer->core++;
}

static void mark_work(struct vcpu *vcpu)
{
    struct observer *observer = vcpu->observer;

    if (observer->core < cpu_count) {
        note_core(observer, vcpu->cpu);
    } else if (!observer->complete) {
        add_fields(observer);
    } else if (write_line(observer)) {
        begin_line(observer);
        if (++observer->vm == vm_count)
            vcpu->work = NULL;
    }
}

void observer_mark(struct vcpu *vcpu, uint32_t number)
{
    struct observer *observer = vcpu->observer;

    observer->counter = cpu_charge(vcpu->cpu, arch_counter());
    cpu_trace(vcpu->cpu, ONTIME_TRACE_MARK, vcpu, number);
    observer->number = number;
    observer->vm = 0;
    observer->core = 0;
    memset(observer->run, 0, sizeof(observer->run));
    note_run(observer, vcpu->cpu);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i].up && &cpus[i] != vcpu->cpu)
            cpu_send(&cpus[i], CPU_CHARGE);
    begin(vcpu, mark_work);
}

static void name_vcpu(unsigned id, char *name, size_t size)
{
    for (unsigned i = 0; i < vm_count; i++)
        if (id - vms[i]->vcpus[0].id < vms[i]->vcpu_count)
            snprintf(name, size, "%s.%u", vms[i]->config->name, id - vms[i]->vcpus[0].id);
}

/* The cursor of the first line of the next core that has a ring; 0: there is none. */
static uint64_t next_ring(unsigned core)
{
    while (++core < cpu_count)
        if (cpus[core].up)
            return (uint64_t)core << CURSOR_CPU;
    return 0;
}

static void open_rings(void)
{
    spin_lock(&rings_lock);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i].up)
            trace_open(&cpus[i].trace);
    spin_unlock(&rings_lock);
}

static void freeze_rings(const struct cpu *own)
{
    spin_lock(&rings_lock);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i].up)
            trace_freeze(&cpus[i].trace);
    spin_unlock(&rings_lock);
    for (unsigned i = 0; i < cpu_count; i++)
        if (cpus[i].up && &cpus[i] != own)
            cpu_send(&cpus[i], CPU_TRACE);
}

/* A core that has taken its message records no more, and what it has recorded is seen here. */
static void await_core(struct observer *observer)
{
    uint32_t requests = atomic_load_explicit(&cpus[observer->core].requests, memory_order_acquire);

    if ((requests & CPU_TRACE) != 0)
        arch_relax();
    else
        observer->core++;
}

/* Returns the next line's cursor. */
static uint64_t make_line_of(const struct cpu *cpu, struct observer *observer)
{
    const struct vm *last = vms[vm_count - 1];
    struct trace_header header = {
        .cpu = cpu->index,
        .hz = arch_counter_hz(),
        .vcpus = last->vcpus[0].id + last->vcpu_count,
        .name_vcpu = name_vcpu,
    };
    uint64_t next;

    observer->length =
        trace_dump_line(&cpu->trace, &header, (uint32_t)observer->cursor, observer->line, &next);
    if (observer->length == 0)
        return 0;
    if (next != 0)
        return (uint64_t)cpu->index << CURSOR_CPU | next;
    next = next_ring(cpu->index);
    if (next == 0)
        open_rings();
    return next;
}

static void make_trace_line(struct vcpu *vcpu)
{
    struct observer *observer = vcpu->observer;
    uint64_t core = observer->cursor >> CURSOR_CPU;

    vcpu->arch.regs.x[1] = core < cpu_count && cpus[core].up ? make_line_of(&cpus[core], observer) : 0;
    observer->complete = true;
}

static void trace_work(struct vcpu *vcpu)
{
    struct observer *observer = vcpu->observer;

    if (observer->core < cpu_count)
        await_core(observer);
    else if (!observer->complete)
        make_trace_line(vcpu);
    else if (observer->length == 0 || write_line(observer))
        vcpu->work = NULL;
}

void observer_trace(struct vcpu *vcpu, uint64_t cursor)
{
    struct observer *observer = vcpu->observer;

    observer->cursor = cursor;
    observer->core = cpu_count;
    if (cursor == 0) {
        observer->core = 0;
        freeze_rings(vcpu->cpu);
    }
    begin(vcpu, trace_work);
}
