/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See dma.h. StreamIDs are given while one core boots. Afterwards a VM's `struct vm_dma` belongs to the vCPU
 * that stops or starts the VM; core 0, which takes faults, reads `is_open` and has the rest of it that is
 * about faults.
 *
 * A guest can have its device fault as often as it likes. So core 0 takes few at a time, and the next of them
 * FAULTS_US later; what does not fit the SMMU's queue meanwhile is lost. A line is made at one look and
 * written at the next, so that neither is long.
 */
#include "devices/dma.h"
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include "base/arch.h"
#include "base/memory.h"
#include "base/units.h"
#include "console/console.h"
#include "devices/physical_irqs.h"
#include "drivers/gic.h"
#include "drivers/smmuv3.h"
#include "vm/arch_vm.h"
#include "vm/cpu.h"
#include "vm/vm.h"

#define STREAMS          64 /* ranges of StreamIDs, of all devices */
#define INTERRUPTS       16
#define FAULTS           4 /* are taken at once */
#define FAULTS_US        1000
#define POLL_US          100000
#define STOP_US          1000000
#define LINES_PER_SECOND 10
#define LINE             256

/* Lines about faults: of a VM, or of devices that no VM has. */
struct lines {
    uint64_t told_at; /* ticks; 0: never */
    unsigned left_out;
};

struct vm_dma {
    _Atomic bool is_open;
    bool is_changing;          /* and is_open says to what */
    bool is_closed;            /* the tables are; what is left is to have the SMMUs forget them */
    uint32_t smmus;            /* by which it has devices: a bit for each */
    uint32_t asked, forgotten; /* those that were told to forget, and those that have */
    uint64_t tickets[DMA_SMMUS];
    uint64_t since; /* when they were first to be told, ticks */
    struct lines lines;
};

struct stream_range {
    const struct dma_streams *streams;
    struct vm *vm;
    const char *path;
};

static struct smmu smmus[DMA_SMMUS];
static int nodes[DMA_SMMUS];
static unsigned smmu_count;
static struct stream_range ranges[STREAMS];
static unsigned range_count;
static uint32_t interrupts[INTERRUPTS]; /* INTIDs */
static bool is_active[INTERRUPTS];
static unsigned interrupt_count;
static uint32_t polled; /* SMMUs without interrupts: a bit for each */
static struct lines others;
static char line[LINE]; /* that is to be offered to the console, for `line_of` */
static size_t line_length;
static struct lines *line_of;
static struct cpu *core;
static struct deadline again;

static unsigned smmu_of(int node)
{
    unsigned i = 0;

    while (i < smmu_count && nodes[i] != node)
        i++;
    return i;
}

void dma_add_smmu(int node, const struct reg_range *registers)
{
    unsigned long base = (unsigned long)registers->start;

    if (smmu_count == DMA_SMMUS) {
        console_print("SMMU at 0x%lx: left as it is, there are more than %u", base, DMA_SMMUS);
        return;
    }
    nodes[smmu_count] = node;
    polled |= 1u << smmu_count;
    if (!smmu_init(&smmus[smmu_count], registers->start, registers->size))
        console_print("SMMU at 0x%lx: %s: devices behind it may reach all memory", base,
                      smmus[smmu_count].problem);
    smmu_count++;
}

void dma_add_interrupt(int node, uint32_t intid, bool edge)
{
    unsigned smmu = smmu_of(node);

    if (smmu == smmu_count || interrupt_count == INTERRUPTS || intid < 32 || intid >= gic->spi_end())
        return;
    polled &= ~(1u << smmu);
    for (unsigned i = 0; i < interrupt_count; i++)
        if (interrupts[i] == intid)
            return;
    interrupts[interrupt_count++] = intid;
    physical_irq_keep(intid);
    gic->spi_set_up(intid, edge);
}

const char *dma_give(struct vm *vm, const char *path, const struct dma_streams *streams)
{
    unsigned smmu = smmu_of(streams->smmu);

    if (smmu == smmu_count)
        return "its SMMU is one of more than Ontime has room for";
    if (smmus[smmu].problem != NULL)
        return smmus[smmu].problem;
    if (range_count == STREAMS)
        return "there are too many ranges of StreamIDs";
    if (vm->dma == NULL && !arch_vm_dma_init(vm))
        return "no memory left for the VM's tables";
    if (vm->dma == NULL)
        vm->dma = memory_allocate(sizeof(*vm->dma));
    vm->dma->smmus |= 1u << smmu;
    ranges[range_count++] = (struct stream_range){streams, vm, path};
    return NULL;
}

static const char *set_streams(struct smmu *smmu, const struct stream_range *range)
{
    const struct smmu_tables tables = {
        .root = arch_vm_dma_root(range->vm),
        .vmid = (uint16_t)(range->vm->index + 1),
    };

    for (uint32_t i = 0; i < range->streams->count; i++)
        if (!smmu_set_stream(smmu, range->streams->first + i, &tables))
            return "there is no RAM for its tables";
    return NULL;
}

static const char *start_one(unsigned index)
{
    struct smmu *smmu = &smmus[index];
    const char *problem;
    uint32_t last = 0;
    bool any = false;

    for (unsigned i = 0; i < range_count; i++) {
        const struct dma_streams *streams = ranges[i].streams;

        if (streams->smmu != nodes[index])
            continue;
        any = true;
        if (streams->first + (streams->count - 1) > last)
            last = streams->first + (streams->count - 1);
    }
    if (!any)
        return NULL;
    problem = smmu_make_tables(smmu, last, arch_guest_address_bits());
    for (unsigned i = 0; i < range_count && problem == NULL; i++)
        if (ranges[i].streams->smmu == nodes[index])
            problem = set_streams(smmu, &ranges[i]);
    return problem != NULL ? problem : smmu_start(smmu, (polled >> index & 1) == 0);
}

static bool may_tell(const struct lines *lines, uint64_t now)
{
    return lines->told_at == 0 || now - lines->told_at >= arch_counter_hz() / LINES_PER_SECOND;
}

static const struct stream_range *range_of(unsigned smmu, uint32_t stream)
{
    for (unsigned i = 0; i < range_count; i++)
        if (ranges[i].streams->smmu == nodes[smmu] &&
            stream - ranges[i].streams->first < ranges[i].streams->count)
            return &ranges[i];
    return NULL;
}

/* Writes behind what the line has already. */
static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void put(const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(line) - line_length, length;

    va_start(arguments, format);
    length = (size_t)vsnprintf(line + line_length, room, format, arguments);
    va_end(arguments);
    line_length += length < room ? length : room - 1;
}

static void put_device(const struct stream_range *range, uint32_t stream)
{
    uint32_t requester = range->streams->requester + (stream - range->streams->first);

    put("%s: %s", range->vm->config->name, range->path);
    if (range->streams->is_pci)
        put(", %02x:%02x.%u", requester >> 8 & 255, requester >> 3 & 31, requester & 7);
}

/* It is offered to the console at the next look. */
static void make_line(const struct stream_range *range, const struct smmu_fault *fault)
{
    if (range != NULL)
        put_device(range, fault->stream);
    else
        put("a device that no VM has, StreamID 0x%x", fault->stream);
    if (fault->has_address)
        put(": DMA %s 0x%lx: not its RAM, stopped", fault->is_write ? "to" : "from",
            (unsigned long)fault->address);
    else
        put(": DMA stopped, event 0x%x", fault->event);
    if (line_of->left_out != 0)
        put(" (and %u more before)", line_of->left_out);
}

static void look_at_fault(unsigned smmu, const struct smmu_fault *fault)
{
    const struct stream_range *range = range_of(smmu, fault->stream);
    struct lines *lines = range != NULL ? &range->vm->dma->lines : &others;
    uint64_t now = arch_counter();

    /* What a VM's device still does after its stop is no news. */
    if (range != NULL && !atomic_load_explicit(&range->vm->dma->is_open, memory_order_relaxed))
        return;
    if (!may_tell(lines, now)) {
        lines->left_out++;
        return;
    }
    line_of = lines;
    make_line(range, fault);
    lines->told_at = now;
}

static void offer_line(void)
{
    line_of->left_out = console_offer(line, line_length) ? 0 : line_of->left_out + 1;
    line_length = 0;
}

/* The first that is new makes a line. */
static void take_errors(void)
{
    for (unsigned i = 0; i < smmu_count && line_length == 0; i++) {
        uint32_t errors = smmus[i].is_on ? smmu_take_errors(&smmus[i]) : 0;

        if (errors == 0)
            continue;
        line_of = &others;
        put("SMMU at 0x%lx: error of its own, GERROR 0x%x", (unsigned long)smmus[i].base, errors);
    }
}

/* Few at a time, up to one that makes a line. Were there any? */
static bool take_faults(void)
{
    struct smmu_fault fault;
    bool any = false;

    for (unsigned i = 0; i < smmu_count; i++)
        for (unsigned k = 0; k < FAULTS && smmus[i].is_on && smmu_take_fault(&smmus[i], &fault); k++) {
            look_at_fault(i, &fault);
            any = true;
            if (line_length != 0)
                return true;
        }
    return any;
}

/* The interrupts that came were left active meanwhile: the next is one for what comes from now on. */
static void take_faults_again(struct deadline *deadline, uint64_t now)
{
    bool any = true;

    if (line_length != 0)
        offer_line();
    else
        any = take_faults();
    if (!any)
        take_errors();
    any = any || line_length != 0;
    for (unsigned i = 0; i < interrupt_count && !any; i++) {
        if (is_active[i])
            gic->spi_set_active(interrupts[i], false);
        is_active[i] = false;
    }
    if (any)
        deadline_set(&core->deadlines, deadline, now + us_to_ticks(FAULTS_US));
    else if (polled != 0)
        deadline_set(&core->deadlines, deadline, now + us_to_ticks(POLL_US));
}

bool dma_interrupt(uint32_t intid)
{
    for (unsigned i = 0; i < interrupt_count; i++) {
        if (interrupts[i] != intid)
            continue;
        is_active[i] = true;
        deadline_set(&core->deadlines, &again, arch_counter());
        return true;
    }
    return false;
}

const char *dma_start(struct cpu *cpu, uint64_t *base)
{
    core = cpu;
    deadline_init(&again, DEADLINE_OTHER, take_faults_again);
    for (unsigned i = 0; i < smmu_count; i++) {
        const char *problem = start_one(i);

        *base = smmus[i].base;
        if (problem != NULL)
            return problem;
        if (!smmus[i].is_on)
            polled &= ~(1u << i);
        else
            console_print("SMMU at 0x%lx: devices reach the RAM of their VM", (unsigned long)smmus[i].base);
    }
    for (unsigned i = 0; i < interrupt_count; i++)
        gic->enable(interrupts[i]);
    if (polled != 0)
        deadline_set(&core->deadlines, &again, arch_counter() + us_to_ticks(POLL_US));
    return NULL;
}

/* True when all SMMUs have forgotten the tables. */
static bool forget(struct vm *vm)
{
    struct vm_dma *dma = vm->dma;

    for (uint32_t left = dma->smmus & ~dma->forgotten; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);

        if ((dma->asked >> i & 1) == 0) {
            if (smmu_forget(&smmus[i], (uint16_t)(vm->index + 1), &dma->tickets[i]))
                dma->asked |= 1u << i;
        } else if (smmu_is_done(&smmus[i], dma->tickets[i])) {
            dma->forgotten |= 1u << i;
        }
    }
    return dma->forgotten == dma->smmus;
}

/* False while the console has no room. */
static bool tell_of_silence(const struct vm *vm)
{
    char text[SYSTEM_NAME_LENGTH + 96];
    int length = snprintf(text, sizeof(text), "%s: an SMMU does not answer: devices may still reach its RAM",
                          vm->config->name);

    return console_offer(text, (size_t)length);
}

/*
 * The VM's RAM stays its own, so an SMMU that does not answer harms nobody else: after a second the VM goes
 * on, or after two if the console has no room for the line.
 */
static bool keep_off(struct vm *vm)
{
    struct vm_dma *dma = vm->dma;
    uint64_t passed;

    if (!dma->is_closed) {
        dma->is_closed = arch_vm_dma_step(vm, false);
        dma->asked = dma->forgotten = 0;
        dma->since = arch_counter();
        return false;
    }
    if (forget(vm))
        return true;
    arch_relax();
    passed = arch_counter() - dma->since;
    return passed >= us_to_ticks(STOP_US) && (tell_of_silence(vm) || passed >= us_to_ticks(2 * STOP_US));
}

bool dma_step(struct vm *vm, bool up)
{
    struct vm_dma *dma = vm->dma;

    if (dma == NULL)
        return false;
    if (atomic_load_explicit(&dma->is_open, memory_order_relaxed) != up) {
        atomic_store_explicit(&dma->is_open, up, memory_order_relaxed);
        dma->is_changing = true;
    }
    if (!dma->is_changing)
        return false;
    if (up) {
        dma->is_changing = !arch_vm_dma_step(vm, true);
        dma->is_closed = false;
    } else {
        dma->is_changing = !keep_off(vm);
    }
    return dma->is_changing;
}
