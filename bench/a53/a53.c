// SPDX-License-Identifier: Apache-2.0
/*
 * A plugin for QEMU 10: under -icount, time has besides the instructions what a Cortex-A53 waits for its
 * memory.
 *
 *     qemu-system-aarch64 -icount shift=3,sleep=off -plugin a53.so,report=FILE ...
 *
 * A cycle is the time of an instruction, 2^shift ns, and penalties are in cycles (core.h): so an access to
 * memory takes as many times as long as an instruction as on the CPU, and all is a CPU's time times a factor.
 *
 * What the plugin does. It is called before each translation block and after each access to memory, and asks
 * the model of the core what the lines cost. That is added to QEMU's clock at once. QEMU looks at its timers
 * when the core ends its turn, which it does when the plugin has added OWED_CYCLES: so an interrupt is late
 * by that, and a translation block, at most. Two runs of the same bytes are the same.
 *
 * What it counts (tally.h) begins when the guest says "window begins;" on the machine's PL011, and ends with
 * "window ends;", when the file is written: so boot and end are not in it.
 *
 * Physical addresses of instructions. QEMU tells where an instruction is in its own memory. The first one is
 * executed with the MMU off, and RAM is one piece: that gives the difference.
 *
 * Whose EL0 it is, a guest's or that of a host with VHE, is asked when a block is translated: QEMU has
 * different blocks for the two.
 *
 * For one core only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "qemu.h"
#include "tally.h"

#define OWED_CYCLES 50
#define UART        UINT64_C(0x09000000) /* the data register of QEMU virt's PL011 */
#define BEGINS      "window begins;"
#define ENDS        "window ends;"
#define SPSR_EL(x)  ((x) >> 2 & 3)
#define HCR_TGE     (UINT64_C(1) << 27) /* of HCR_EL2: EL0 is the hypervisor's */

#define MRS_CNTVCT 0xD53BE040u
#define MSR_VTTBR  0xD51C2100u
#define ISB        0xD5033FDFu
#define REGISTER   0x1Fu /* of an instruction: which it reads or writes */

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_name[] = "a53";

static struct {
    void (*cpu_exit)(struct qemu_cpu *cpu);
    struct qemu_cpu **current;
    struct qemu_clock clock;
} qemu;

/* What a translation block has: the lines that it lies in. */
struct block {
    struct block *next;
    unsigned level;
    uint64_t instructions;
    unsigned line_count;
    struct line {
        uint64_t virtual, physical;
    } lines[];
};

static struct core core;
static struct tally tally;
static struct block *blocks; /* all that were translated, until QEMU forgets them */
static const char *report;
static bool counting;
static int64_t owed; /* cycles that were added since the core was last told to look at the timers */
static struct qemu_plugin_register *state, *hcr, *general[31]; /* hcr: NULL when the core has no EL2 */
static uint64_t memory; /* what is added to an address of QEMU's for the physical one */
static bool knows_memory;

static void pay(unsigned cycles)
{
    if (cycles == 0)
        return;
    __atomic_store_n(qemu.clock.bias, *qemu.clock.bias + ((int64_t)cycles << *qemu.clock.shift),
                     __ATOMIC_RELAXED);
    owed += cycles;
    if (owed < OWED_CYCLES)
        return;
    owed = 0;
    qemu.cpu_exit(*qemu.current);
}

static void execute(unsigned cpu, void *data)
{
    const struct block *block = data;
    unsigned cycles = 0;

    (void)cpu;
    if (block->level != tally.level)
        tally_level(&tally, block->level);
    tally.counts[block->level].executed += block->instructions;
    for (unsigned i = 0; i < block->line_count; i++) {
        cycles +=
            core_fetch(&core, &tally.counts[block->level], block->lines[i].virtual, block->lines[i].physical);
        if (block->level == HYPERVISOR)
            tally_line(&tally.code, block->lines[i].physical >> LINE_SHIFT);
    }
    pay(cycles);
}

/* ---- what the guest says */

static void write_report(void)
{
    FILE *out = fopen(report, "w");

    if (out == NULL) {
        perror(report);
        return;
    }
    tally_write(&tally, out);
    (void)fclose(out);
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t wanted = strlen(end);

    return length >= wanted && memcmp(text + length - wanted, end, wanted) == 0;
}

static void take_character(char character)
{
    static char line[256];
    static size_t length;

    if (character == '\n' || length == sizeof(line))
        length = 0;
    line[length++] = character;
    if (ends_with(line, length, BEGINS)) {
        tally_begin(&tally);
        counting = true;
    } else if (counting && ends_with(line, length, ENDS)) {
        counting = false;
        write_report();
    }
}

/* ---- accesses */

static void access_line(uint64_t virtual, uint64_t physical)
{
    pay(core_access(&core, &tally.counts[tally.level], virtual, physical));
    if (tally.level == HYPERVISOR)
        tally_line(&tally.data, physical >> LINE_SHIFT);
}

static void access_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t virtual, void *nothing)
{
    struct qemu_plugin_hwaddr *place = qemu_plugin_get_hwaddr(info, virtual);
    uint64_t size = UINT64_C(1) << qemu_plugin_mem_size_shift(info);

    (void)cpu;
    (void)nothing;
    if (place == NULL)
        return;
    uint64_t physical = qemu_plugin_hwaddr_phys_addr(place);
    if (qemu_plugin_hwaddr_is_io(place)) {
        if (physical == UART && qemu_plugin_mem_is_store(info))
            take_character((char)qemu_plugin_mem_get_value(info).data.u8);
        return;
    }
    access_line(virtual, physical);
    if (physical >> LINE_SHIFT != (physical + size - 1) >> LINE_SHIFT)
        access_line(virtual + size - 1, physical + size - 1);
}

/* ---- instructions that mean something */

static uint64_t read_register(struct qemu_plugin_register *handle)
{
    static GByteArray *bytes;
    uint64_t value = 0;

    if (bytes == NULL)
        bytes = g_byte_array_new();
    g_byte_array_set_size(bytes, 0);
    int length = qemu_plugin_read_register(handle, bytes);
    if (length > 0 && (size_t)length <= sizeof(value))
        memcpy(&value, bytes->data, (size_t)length);
    return value;
}

static void writes_vttbr(unsigned cpu, void *number)
{
    (void)cpu;
    tally_vm(&tally, (uintptr_t)number < 31 ? read_register(general[(uintptr_t)number]) : 0);
}

static void reads_counter(unsigned cpu, void *pc)
{
    (void)cpu;
    tally_reading(&tally, (uintptr_t)pc);
}

/* ---- translation */

/* Names of registers, and what the first instruction tells. False: this QEMU is another than we know. */
static bool begin(struct qemu_plugin_tb *tb)
{
    GArray *all = qemu_plugin_get_registers();
    const qemu_plugin_reg_descriptor *found = (const void *)all->data;
    uint64_t first = qemu_plugin_tb_vaddr(tb);

    for (unsigned i = 0; i < all->len; i++) {
        unsigned number;

        if (strcmp(found[i].name, "cpsr") == 0)
            state = found[i].handle;
        else if (strcmp(found[i].name, "HCR_EL2") == 0)
            hcr = found[i].handle;
        else if (sscanf(found[i].name, "x%u", &number) == 1 && number < 31)
            general[number] = found[i].handle;
    }
    if (state == NULL || general[0] == NULL || general[30] == NULL)
        return plugin_complain("it does not find cpsr and x0 to x30"), false;
    void *host = qemu_plugin_insn_haddr(qemu_plugin_tb_get_insn(tb, 0));
    if (host == NULL || first % (1u << PAGE_SHIFT) != 0 || SPSR_EL(read_register(state)) == 0)
        return plugin_complain("the core does not begin in RAM, at the beginning of a page, above EL0"),
               false;
    memory = first - (uintptr_t)host;
    knows_memory = true;
    return true;
}

static void watch(struct qemu_plugin_insn *instruction, unsigned level)
{
    uint64_t pc = qemu_plugin_insn_vaddr(instruction);
    const char *host = qemu_plugin_insn_haddr(instruction);
    uint32_t code = 0, before = 0;

    (void)qemu_plugin_insn_data(instruction, &code, sizeof(code));
    if (level == HYPERVISOR && (code & ~REGISTER) == MSR_VTTBR)
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, writes_vttbr, QEMU_PLUGIN_CB_R_REGS,
                                               (void *)(uintptr_t)(code & REGISTER)); // NOLINT
    if (level != 0 || (code & ~REGISTER) != MRS_CNTVCT || pc % (1u << PAGE_SHIFT) == 0)
        return;
    memcpy(&before, host - sizeof(before), sizeof(before));
    if (before == ISB)
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, reads_counter, QEMU_PLUGIN_CB_NO_REGS,
                                               (void *)(uintptr_t)pc); // NOLINT
}

/* The processes of a host with KVM and VHE are of what is under the guests, as its kernel is. */
static unsigned current_level(void)
{
    unsigned level = SPSR_EL(read_register(state));

    return level == 0 && hcr != NULL && (read_register(hcr) & HCR_TGE) != 0 ? HYPERVISOR : level;
}

static struct block *new_block(size_t instructions)
{
    struct block *block = calloc(1, sizeof(*block) + (instructions + 1) * sizeof(block->lines[0]));

    if (block == NULL) {
        perror("a53");
        abort();
    }
    block->next = blocks;
    blocks = block;
    block->instructions = instructions;
    return block;
}

static void add_line(struct block *block, const struct qemu_plugin_insn *instruction)
{
    uint64_t virtual = qemu_plugin_insn_vaddr(instruction) >> LINE_SHIFT << LINE_SHIFT;
    uint64_t host = (uintptr_t)qemu_plugin_insn_haddr(instruction) >> LINE_SHIFT << LINE_SHIFT;

    if (block->line_count != 0 && block->lines[block->line_count - 1].virtual == virtual)
        return;
    block->lines[block->line_count++] = (struct line){virtual, host + memory};
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);

    (void)id;
    if (!knows_memory && !begin(tb))
        exit(1);
    struct block *block = new_block(count);
    block->level = current_level();
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(tb, i);

        add_line(block, instruction);
        watch(instruction, block->level);
        qemu_plugin_register_vcpu_mem_cb(instruction, access_memory, QEMU_PLUGIN_CB_NO_REGS,
                                         QEMU_PLUGIN_MEM_RW, NULL);
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, execute, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void forgotten(qemu_plugin_id_t id)
{
    (void)id;
    while (blocks != NULL) {
        struct block *next = blocks->next;

        free(blocks);
        blocks = next;
    }
}

/* The variable is the thread's that executes the core. */
static void started(qemu_plugin_id_t id, unsigned cpu)
{
    (void)id;
    (void)cpu;
    qemu.current = qemu_find("current_cpu");
}

static void ended(qemu_plugin_id_t id, void *nothing)
{
    (void)id;
    (void)nothing;
    if (counting)
        write_report();
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                           char **argv)
{
    const struct qemu_function wanted[] = {{"cpu_exit", &qemu.cpu_exit}};
    const char *wrong = core_probe();

    if (argc != 1 || strncmp(argv[0], "report=", 7) != 0)
        return plugin_complain("it is to be given report=FILE, and nothing else");
    report = argv[0] + 7;
    if (wrong != NULL)
        return plugin_complain("the model has not what it is to have: %s", wrong);
    if (!info->system_emulation || strcmp(info->target_name, "aarch64") != 0 || info->system.max_vcpus != 1)
        return plugin_complain("it is for qemu-system-aarch64 and one core");
    if (!qemu_find_functions(wanted, 1) || qemu_find("current_cpu") == NULL || !qemu_find_clock(&qemu.clock))
        return 1;
    core_init(&core);
    tally_begin(&tally);
    qemu_plugin_register_vcpu_init_cb(id, started);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_flush_cb(id, forgotten);
    qemu_plugin_register_atexit_cb(id, ended, NULL);
    return 0;
}
