/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What VMs have to do with SMMUs: what is set for their devices, that these reach a VM's RAM from its start
 * to its stop, and what is told of their faults, how often, and at which cost. The SMMUs and the tables are
 * the test's own.
 *
 * The world is made once, by the first test: SMMU 0 has two interrupts, SMMU 1 has none, SMMU 2 lacks
 * something, and nothing is given of SMMU 3. VM a has a PCI bus behind SMMU 0 and a device behind SMMU 1, VM
 * b a device behind SMMU 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/memory.h"
#include "base/units.h"
#include "console/console.h"
#include "devices/dma.h"
#include "devices/physical_irqs.h"
#include "drivers/gic.h"
#include "drivers/smmuv3.h"
#include "vm/arch_vm.h"
#include "vm/cpu.h"
#include "vm/vm.h"

#define NODE(n) (10 * ((int)(n) + 1))
#define BASE(n) (UINT64_C(0x9000000) + UINT64_C(0x100000) * (n))
#define SMMUS   4u
#define EVENTQ  106u
#define GERROR  109u
#define STREAMS 32
#define QUEUE   256
#define SPI_END 256u
#define A_ROOT  UINT64_C(0xA0000)
#define B_ROOT  UINT64_C(0xB0000)
#define STEPS   4 /* to open or close a VM's tables */
#define NEVER   UINT64_MAX

static struct vm_config configs[2] = {{.name = "a"}, {.name = "b"}};
static struct vm a = {.config = &configs[0], .index = 0}, b = {.config = &configs[1], .index = 1};
static struct cpu cpu;
static struct heap_node *heap_slots[8];

static const struct dma_streams bus = {.smmu = NODE(0), .first = 0x100, .count = 0x200, .is_pci = true};
static const struct dma_streams port = {.smmu = NODE(1), .first = 5, .count = 1};
static const struct dma_streams card = {.smmu = NODE(0), .first = 7, .count = 1};

static struct smmu *smmus[SMMUS];
static struct {
    struct smmu *smmu;
    uint32_t stream;
    struct smmu_tables tables;
} set[0x300];
static unsigned set_count, started;
static uint32_t last_stream[SMMUS];
static bool with_interrupts[SMMUS];

static struct smmu_fault faults[SMMUS][QUEUE];
static unsigned fault_first[SMMUS], fault_end[SMMUS], faults_taken;
static uint32_t errors[SMMUS];

static unsigned open_steps[2]; /* of the VMs: STEPS are done */
static bool is_open[2];
static bool queue_is_full;
static unsigned silent; /* SMMUs that do not answer, a bit for each */
static uint64_t asked[SMMUS];
static unsigned asks;

static char lines[64][256];
static unsigned line_count;
static bool console_is_full;

static uint32_t kept[4], enabled[4];
static unsigned kept_count, enabled_count;
static bool active[SPI_END], edges[SPI_END];

static unsigned index_of(const struct smmu *smmu)
{
    for (unsigned i = 0; i < SMMUS; i++)
        if (smmus[i] == smmu)
            return i;
    fail_msg("no SMMU");
    return 0;
}

bool smmu_init(struct smmu *smmu, uint64_t base, uint64_t size)
{
    unsigned i = (unsigned)((base - BASE(0)) / 0x100000);

    assert_int_equal(size, 0x20000);
    smmus[i % SMMUS] = i < SMMUS ? smmu : smmus[i % SMMUS];
    *smmu = (struct smmu){.base = base};
    if (i == 2)
        smmu->problem = "it lacks something";
    if (i == 4)
        smmu->problem = "it does not answer";
    return i != 4;
}

unsigned arch_guest_address_bits(void)
{
    return 44;
}

const char *smmu_make_tables(struct smmu *smmu, uint32_t last, unsigned address_bits)
{
    assert_int_equal(address_bits, 44);
    last_stream[index_of(smmu)] = last;
    return NULL;
}

bool smmu_set_stream(struct smmu *smmu, uint32_t stream, const struct smmu_tables *tables)
{
    assert_in_range(stream, 0, last_stream[index_of(smmu)]);
    set[set_count].smmu = smmu;
    set[set_count].stream = stream;
    set[set_count++].tables = *tables;
    return true;
}

const char *smmu_start(struct smmu *smmu, bool interrupts)
{
    with_interrupts[index_of(smmu)] = interrupts;
    smmu->is_on = true;
    started++;
    return NULL;
}

bool smmu_forget(struct smmu *smmu, uint16_t vmid, uint64_t *ticket)
{
    assert_false(is_open[vmid - 1]); /* else it would read them again */
    assert_int_equal(open_steps[vmid - 1], STEPS);
    asks++;
    if (queue_is_full)
        return false;
    *ticket = ++asked[index_of(smmu)];
    return true;
}

bool smmu_is_done(struct smmu *smmu, uint64_t ticket)
{
    assert_int_equal(ticket, asked[index_of(smmu)]);
    return (silent >> index_of(smmu) & 1) == 0;
}

bool smmu_take_fault(struct smmu *smmu, struct smmu_fault *fault)
{
    unsigned i = index_of(smmu);

    assert_true(smmu->is_on);
    if (fault_first[i] == fault_end[i])
        return false;
    *fault = faults[i][fault_first[i]++];
    faults_taken++;
    return true;
}

uint32_t smmu_take_errors(struct smmu *smmu)
{
    unsigned i = index_of(smmu);
    uint32_t found = errors[i];

    errors[i] = 0;
    return found;
}

bool arch_vm_dma_init(struct vm *vm)
{
    open_steps[vm->index] = STEPS;
    return true;
}

uint64_t arch_vm_dma_root(const struct vm *vm)
{
    return vm->index == 0 ? A_ROOT : B_ROOT;
}

bool arch_vm_dma_step(struct vm *vm, bool open)
{
    if (open_steps[vm->index] == STEPS) {
        assert_int_not_equal(is_open[vm->index], open);
        open_steps[vm->index] = 0;
    }
    if (++open_steps[vm->index] < STEPS)
        return false;
    is_open[vm->index] = open;
    return true;
}

static void note(const char *line, size_t length)
{
    assert_true(line_count < 64 && length < sizeof(lines[0]));
    memcpy(lines[line_count], line, length);
    lines[line_count++][length] = '\0';
}

void console_print(const char *format, ...)
{
    char line[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    note(line, strlen(line));
}

bool console_offer(const char *line, size_t length)
{
    if (!console_is_full)
        note(line, length);
    return !console_is_full;
}

void *memory_allocate(size_t size)
{
    return calloc(1, size); /* for as long as the test runs */
}

void physical_irq_keep(uint32_t intid)
{
    kept[kept_count++] = intid;
}

static unsigned spi_end(void)
{
    return SPI_END;
}

static void spi_set_up(uint32_t intid, bool edge)
{
    edges[intid] = edge;
}

static void enable(uint32_t intid)
{
    enabled[enabled_count++] = intid;
}

static void spi_set_active(uint32_t intid, bool is_active)
{
    assert_true(active[intid]);
    active[intid] = is_active;
}

static const struct gic_driver driver = {
    .spi_end = spi_end, .spi_set_up = spi_set_up, .enable = enable, .spi_set_active = spi_set_active};
const struct gic_driver *gic = &driver;

static void slice_ended(struct deadline *deadline, uint64_t now)
{
    (void)deadline, (void)now;
    fail_msg("there are no slices");
}

/* Time goes on to the next deadline, if that is not later. */
static bool run_until(uint64_t end)
{
    uint64_t when = fake_comparator();

    if (when > end)
        return false;
    if (when > fake_counter())
        fake_set_counter(when);
    deadline_queue_run(&cpu.deadlines, fake_counter());
    return true;
}

static void let_pass(uint64_t us)
{
    uint64_t end = fake_counter() + us_to_ticks(us);

    while (run_until(end)) {
    }
    fake_set_counter(end);
}

static void interrupt(uint32_t intid)
{
    assert_false(active[intid]);
    active[intid] = true;
    assert_true(dma_interrupt(intid));
}

static void fault(unsigned smmu, uint32_t stream, uint64_t address, bool is_write)
{
    assert_true(fault_end[smmu] < QUEUE);
    faults[smmu][fault_end[smmu]++] = (struct smmu_fault){
        .stream = stream, .event = 0x10, .has_address = true, .is_write = is_write, .address = address};
}

static void complete(struct vm *vm, bool up)
{
    for (unsigned i = 0; dma_step(vm, up); i++)
        assert_true(i < 100);
}

/* All VMs run, nothing waits, and the last line is long ago. */
static int setup(void **state)
{
    (void)state;
    queue_is_full = console_is_full = false;
    silent = 0;
    if (started != 0) {
        complete(&a, true);
        complete(&b, true);
        let_pass(1000000);
    }
    for (unsigned i = 0; i < SMMUS; i++)
        fault_first[i] = fault_end[i] = 0;
    line_count = asks = faults_taken = 0;
    return 0;
}

static void the_world_is_made(void **state)
{
    static const struct dma_streams lacking = {.smmu = NODE(2), .count = 1},
                                    unknown = {.smmu = 7, .count = 1};
    struct reg_range registers = {.size = 0x20000};
    uint64_t base;

    (void)state;
    fake_reset();
    fake_set_counter(1);
    deadline_queue_init(&cpu.deadlines, heap_slots, 1, 1, slice_ended);
    for (unsigned i = 0; i < SMMUS; i++) {
        registers.start = BASE(i);
        dma_add_smmu(NODE(i), &registers);
    }
    dma_add_interrupt(NODE(0), EVENTQ, true);
    dma_add_interrupt(NODE(0), GERROR, false);
    dma_add_interrupt(NODE(0), EVENTQ, true);  /* once is enough */
    dma_add_interrupt(NODE(1), SPI_END, true); /* this GIC does not have it */
    dma_add_interrupt(7, 90, true);
    assert_int_equal(kept_count, 2);
    assert_true(edges[EVENTQ] && !edges[GERROR]);
    assert_int_equal(line_count, 0);

    assert_string_equal(dma_give(&a, "/x", &unknown), "its SMMU is one of more than Ontime has room for");
    assert_string_equal(dma_give(&a, "/x", &lacking), "it lacks something");
    assert_null(a.dma);
    assert_null(dma_give(&a, "/pcie", &bus));
    assert_null(dma_give(&a, "/port", &port));
    assert_null(dma_give(&b, "/card", &card));
    assert_int_equal(enabled_count, 0);
    assert_null(dma_start(&cpu, &base));
    assert_int_equal(started, 2);
    assert_int_equal(enabled_count, 2);
    assert_true(with_interrupts[0] && !with_interrupts[1]);
    assert_false(is_open[0] || is_open[1]);
}

static void streams_are_set(void **state)
{
    (void)state;
    assert_int_equal(set_count, 0x202);
    assert_int_equal(last_stream[0], 0x2FF);
    assert_int_equal(last_stream[1], 5);
    for (unsigned i = 0; i < 0x200; i++) {
        assert_ptr_equal(set[i].smmu, smmus[0]);
        assert_int_equal(set[i].stream, 0x100 + i);
        assert_int_equal(set[i].tables.root, A_ROOT);
        assert_int_equal(set[i].tables.vmid, 1);
    }
    assert_int_equal(set[0x200].stream, 7);
    assert_int_equal(set[0x200].tables.root, B_ROOT);
    assert_int_equal(set[0x200].tables.vmid, 2);
    assert_ptr_equal(set[0x201].smmu, smmus[1]);
    assert_int_equal(set[0x201].tables.root, A_ROOT);
}

/* A VM of no such devices has nothing to do. */
static void a_start_opens_and_a_stop_closes(void **state)
{
    struct vm other = {.config = &configs[0], .index = 1};

    (void)state;
    assert_false(dma_step(&other, true) || dma_step(&other, false));
    complete(&a, false);
    assert_false(is_open[0]);
    assert_true(is_open[1]);
    assert_int_equal(asked[0], asked[1]);
    complete(&a, true);
    assert_true(is_open[0]);
    assert_false(dma_step(&a, true));
}

static void a_stop_waits_for_all_smmus(void **state)
{
    (void)state;
    queue_is_full = true;
    for (unsigned i = 0; i < 3 * STEPS; i++)
        assert_true(dma_step(&a, false));
    assert_false(is_open[0]);
    queue_is_full = false;
    silent = 2;
    asks = 0;
    for (unsigned i = 0; i < 10; i++)
        assert_true(dma_step(&a, false));
    assert_int_equal(asks, 2); /* each once */
    silent = 0;
    complete(&a, false);
    assert_false(dma_step(&a, false));
    assert_int_equal(asks, 2);
    assert_int_equal(line_count, 0);
}

static void one_that_does_not_answer_is_given_up(void **state)
{
    (void)state;
    silent = 1;
    for (unsigned i = 0; i < 2 * STEPS; i++)
        assert_true(dma_step(&a, false));
    fake_set_counter(fake_counter() + us_to_ticks(999000));
    assert_true(dma_step(&a, false));
    fake_set_counter(fake_counter() + us_to_ticks(2000));
    assert_false(dma_step(&a, false));
    assert_int_equal(line_count, 1);
    assert_string_equal(lines[0], "a: an SMMU does not answer: devices may still reach its RAM");
    complete(&a, true);
    assert_true(is_open[0]);
    console_is_full = true;
    line_count = 0;
    for (unsigned i = 0; i < 2 * STEPS; i++)
        assert_true(dma_step(&a, false));
    fake_set_counter(fake_counter() + us_to_ticks(1999000));
    assert_true(dma_step(&a, false));
    fake_set_counter(fake_counter() + us_to_ticks(2000));
    assert_false(dma_step(&a, false));
    assert_int_equal(line_count, 0);
}

static void expect_line(const char *line)
{
    assert_int_equal(line_count, 1);
    assert_string_equal(lines[0], line);
    line_count = 0;
    let_pass(200000);
}

static void faults_are_named(void **state)
{
    (void)state;
    fault(0, 0x10A, 0x80000000, true);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("a: /pcie, 00:01.2: DMA to 0x80000000: not its RAM, stopped");
    fault(0, 0x2FF, 0xFFFFFFFFF000, false);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("a: /pcie, 01:1f.7: DMA from 0xfffffffff000: not its RAM, stopped");
    fault(0, 7, 0, false);
    interrupt(GERROR);
    let_pass(2000);
    expect_line("b: /card: DMA from 0x0: not its RAM, stopped");
    fault(0, 0x300, 0x1000, true);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("a device that no VM has, StreamID 0x300: DMA to 0x1000: not its RAM, stopped");
    fault(0, 7, 0, false);
    faults[0][fault_end[0] - 1].event = 4;
    faults[0][fault_end[0] - 1].has_address = false;
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("b: /card: DMA stopped, event 0x4");
    assert_false(active[EVENTQ] || active[GERROR]);
}

static void an_smmu_without_interrupts_is_looked_at(void **state)
{
    (void)state;
    fault(1, 5, 0x1000, true);
    assert_int_equal(line_count, 0);
    let_pass(110000);
    expect_line("a: /port: DMA to 0x1000: not its RAM, stopped");
}

/* Few at a time, and the interrupt does not come meanwhile. Ten lines a second for each VM. */
static void a_storm_of_faults_is_limited(void **state)
{
    uint64_t begin = fake_counter();

    (void)state;
    for (unsigned i = 0; i < 200; i++)
        fault(0, 0x100, i, true);
    interrupt(EVENTQ);
    fault(0, 7, 0x123, true);
    let_pass(0);
    assert_int_equal(faults_taken, 1);
    assert_int_equal(line_count, 0);
    assert_true(active[EVENTQ]);
    let_pass(1000);
    assert_int_equal(faults_taken, 1);
    assert_int_equal(line_count, 1);
    let_pass(1000);
    assert_int_equal(faults_taken, 5);
    let_pass(1000);
    assert_int_equal(faults_taken, 9);
    while (active[EVENTQ])
        assert_true(run_until(NEVER));
    assert_int_equal(faults_taken, 201);
    assert_in_range(fake_counter() - begin, us_to_ticks(52000), us_to_ticks(54000));
    assert_int_equal(line_count, 2);
    assert_string_equal(lines[0], "a: /pcie, 00:00.0: DMA to 0x0: not its RAM, stopped");
    assert_string_equal(lines[1], "b: /card: DMA to 0x123: not its RAM, stopped");
    let_pass(100000);
    line_count = 0;
    fault(0, 0x100, 0x456, true);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("a: /pcie, 00:00.0: DMA to 0x456: not its RAM, stopped (and 199 more before)");
}

static void a_full_console_takes_no_line(void **state)
{
    (void)state;
    console_is_full = true;
    fault(0, 7, 1, true);
    interrupt(EVENTQ);
    let_pass(200000);
    assert_int_equal(line_count, 0);
    console_is_full = false;
    fault(0, 7, 2, true);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("b: /card: DMA to 0x2: not its RAM, stopped (and 1 more before)");
}

static void faults_of_a_vm_that_is_off_are_no_news(void **state)
{
    (void)state;
    complete(&b, false);
    fault(0, 7, 1, true);
    fault(0, 0x100, 2, true);
    interrupt(EVENTQ);
    let_pass(2000);
    expect_line("a: /pcie, 00:00.0: DMA to 0x2: not its RAM, stopped");
}

static void errors_are_told(void **state)
{
    (void)state;
    errors[0] = 0x104;
    interrupt(GERROR);
    let_pass(2000);
    expect_line("SMMU at 0x9000000: error of its own, GERROR 0x104");
    assert_false(dma_interrupt(EVENTQ + 1));
}

/* Last, as they stay: SMMU 4 does not answer, and 8 are the most. */
static void more_smmus_are_named(void **state)
{
    struct reg_range registers = {.size = 0x20000};

    (void)state;
    for (unsigned i = SMMUS; i <= DMA_SMMUS; i++) {
        registers.start = BASE(i);
        dma_add_smmu(NODE(i), &registers);
    }
    assert_int_equal(line_count, 2);
    assert_string_equal(lines[0],
                        "SMMU at 0x9400000: it does not answer: devices behind it may reach all memory");
    assert_string_equal(lines[1], "SMMU at 0x9800000: left as it is, there are more than 8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_world_is_made, setup),
        cmocka_unit_test_setup(streams_are_set, setup),
        cmocka_unit_test_setup(a_start_opens_and_a_stop_closes, setup),
        cmocka_unit_test_setup(a_stop_waits_for_all_smmus, setup),
        cmocka_unit_test_setup(one_that_does_not_answer_is_given_up, setup),
        cmocka_unit_test_setup(faults_are_named, setup),
        cmocka_unit_test_setup(an_smmu_without_interrupts_is_looked_at, setup),
        cmocka_unit_test_setup(a_storm_of_faults_is_limited, setup),
        cmocka_unit_test_setup(a_full_console_takes_no_line, setup),
        cmocka_unit_test_setup(faults_of_a_vm_that_is_off_are_no_news, setup),
        cmocka_unit_test_setup(errors_are_told, setup),
        cmocka_unit_test_setup(more_smmus_are_named, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
