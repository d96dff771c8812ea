// SPDX-License-Identifier: Apache-2.0
/*
 * Checks system registers:
 *
 * - Identification registers hide the features that Ontime does not offer.
 * - The registers of a hidden feature read as zero or are undefined, and no access hangs.
 * - Register number 31 means zero in a trapped instruction, and not the stack pointer.
 * - The guest's registers, FP and SIMD registers too, survive other guests on the core.
 *
 * Boot arguments: survive-ms=N, how long the last check takes; pattern=N, different in each of two guests.
 */
#include "bare.h"

#define FP_ON  (3u << 20)
#define SVE_ON (3u << 16)
#define SME_ON (3u << 24)

enum outcome { READS_ZERO = 1, UNDEFINED = 2, ANYTHING = 4 };

static void check_outcome(const char *name, struct fault fault, uint64_t value, unsigned allowed)
{
    unsigned class = fault_class(fault);
    unsigned got = ANYTHING;

    if (class == CLASS_UNDEFINED || class == CLASS_TRAPPED)
        got = UNDEFINED;
    else if (fault.count == 0 && value == 0)
        got = READS_ZERO;
    bool sane = fault.count == 0 || got == UNDEFINED;
    result(sane && ((allowed & ANYTHING) != 0 || (allowed & got) != 0), name, ": value 0x%lx, esr 0x%lx\n",
           value, fault.count != 0 ? fault.esr : 0);
}

/* Reads a register, writes ones and zero to it, and reads it to register 31. */
#define CHECK_REGISTER(name, reg, allowed)                                                                   \
    do {                                                                                                     \
        uint64_t got_ = 0;                                                                                   \
        struct fault f_ = CATCH(__asm__ volatile("mrs %0, " reg : "+r"(got_)));                              \
        check_outcome(name, f_, got_, allowed);                                                              \
        f_ = CATCH(__asm__ volatile("msr " reg ", %0" ::"r"(~UINT64_C(0))));                                 \
        check_outcome(name "-write", f_, 0, (allowed) | READS_ZERO);                                         \
        f_ = CATCH(__asm__ volatile("msr " reg ", xzr"));                                                    \
        check_outcome(name "-write-zero", f_, 0, (allowed) | READS_ZERO);                                    \
        f_ = CATCH(__asm__ volatile("mrs xzr, " reg));                                                       \
        check_outcome(name "-read-to-zero", f_, 0, (allowed) | READS_ZERO);                                  \
    } while (0)
#define CHECK_READ(name, reg, allowed)                                                                       \
    do {                                                                                                     \
        uint64_t got_ = 0;                                                                                   \
        struct fault f_ = CATCH(__asm__ volatile("mrs %0, " reg : "+r"(got_)));                              \
        check_outcome(name, f_, got_, allowed);                                                              \
    } while (0)

static void check_field(const char *name, uint64_t value, unsigned shift, uint64_t allowed_a,
                        uint64_t allowed_b)
{
    uint64_t field = value >> shift & 0xF;

    result(field == allowed_a || field == allowed_b, name, ": 0x%lx of 0x%lx\n", field, value);
}

static void check_identification(void)
{
    uint64_t pfr0 = read_sysreg(ID_AA64PFR0_EL1);
    uint64_t pfr1 = read_sysreg(ID_AA64PFR1_EL1);
    uint64_t dfr0 = read_sysreg(ID_AA64DFR0_EL1);
    uint64_t isar1 = read_sysreg(ID_AA64ISAR1_EL1);

    check_field("id-el1-is-aarch64", pfr0, 4, 1, 1);
    check_field("id-no-scxtnum", pfr0, 56, 0, 1);
    check_field("id-40-bits-at-most", read_sysreg(ID_AA64MMFR0_EL1), 0, 2, 1);
    check_field("id-no-sve", pfr0, 32, 0, 0);
    check_field("id-no-amu", pfr0, 44, 0, 0);
    check_field("id-no-mte", pfr1, 8, 0, 1);
    check_field("id-no-sme", pfr1, 24, 0, 0);
    check_field("id-no-pmu", dfr0, 8, 0, 15);
    check_field("id-no-spe", dfr0, 32, 0, 0);
    check_field("id-no-trace", dfr0, 4, 0, 0);
    check_field("id-no-trace-filter", dfr0, 40, 0, 0);
    check_field("id-no-pauth-apa", isar1, 4, 0, 0);
    check_field("id-no-pauth-api", isar1, 8, 0, 0);
    check_field("id-no-pauth-gpa", isar1, 24, 0, 0);
    check_field("id-no-pauth-gpi", isar1, 28, 0, 0);
    CHECK_READ("id-zfr0", "S3_0_C0_C4_4", READS_ZERO);
    CHECK_READ("id-smfr0", "S3_0_C0_C4_5", READS_ZERO);
    CHECK_READ("id-dfr1", "S3_0_C0_C5_1", READS_ZERO);
    CHECK_READ("id-reserved", "S3_0_C0_C7_7", READS_ZERO);
    CHECK_READ("id-aarch32", "ID_PFR0_EL1", ANYTHING);
    expect_equal("id-cpu", read_sysreg(MPIDR_EL1) & 0xFF, 0);
}

static void check_pmu(void)
{
    const unsigned off = READS_ZERO | UNDEFINED;

    CHECK_REGISTER("pmcr", "PMCR_EL0", off);
    CHECK_REGISTER("pmccntr", "PMCCNTR_EL0", off);
    CHECK_REGISTER("pmcntenset", "PMCNTENSET_EL0", off);
    CHECK_REGISTER("pmselr", "PMSELR_EL0", off);
    CHECK_REGISTER("pmuserenr", "PMUSERENR_EL0", off);
    CHECK_REGISTER("pmintenset", "PMINTENSET_EL1", off);
    CHECK_REGISTER("pmevcntr0", "PMEVCNTR0_EL0", off);
    CHECK_REGISTER("pmccfiltr", "PMCCFILTR_EL0", off);
    CHECK_READ("pmceid0", "PMCEID0_EL0", off);
}

static void check_debug(void)
{
    const unsigned off = READS_ZERO | UNDEFINED;

    CHECK_REGISTER("dbgbvr0", "DBGBVR0_EL1", off);
    CHECK_REGISTER("dbgbcr0", "DBGBCR0_EL1", off);
    CHECK_REGISTER("dbgwvr0", "DBGWVR0_EL1", off);
    CHECK_REGISTER("dbgwcr0", "DBGWCR0_EL1", off);
    CHECK_REGISTER("mdscr", "MDSCR_EL1", off);
    CHECK_REGISTER("osdlr", "OSDLR_EL1", off);
    CHECK_READ("oslsr", "OSLSR_EL1", ANYTHING);
    CHECK_READ("mdccsr", "MDCCSR_EL0", off);
    CHECK_READ("dbgauthstatus", "DBGAUTHSTATUS_EL1", ANYTHING);
    CHECK_READ("mdrar", "MDRAR_EL1", ANYTHING);
    struct fault fault = CATCH(__asm__ volatile("msr OSLAR_EL1, xzr"));
    check_outcome("oslar", fault, 0, off);
}

static void check_other(void)
{
    const unsigned off = READS_ZERO | UNDEFINED;

    CHECK_READ("actlr", "ACTLR_EL1", ANYTHING);
    CHECK_REGISTER("implementation-0", "S3_0_C15_C0_0", ANYTHING);
    CHECK_REGISTER("implementation-1", "S3_1_C15_C2_0", ANYTHING);
    CHECK_REGISTER("implementation-2", "S3_1_C15_C0_0", ANYTHING);
    CHECK_REGISTER("implementation-3", "S3_7_C11_C15_7", ANYTHING);
    CHECK_READ("l2ctlr", "S3_1_C11_C0_2", ANYTHING);
    CHECK_REGISTER("pauth-key", "S3_0_C2_C1_0", off);
    CHECK_REGISTER("scxtnum-el0", "S3_3_C13_C0_7", UNDEFINED);
    CHECK_REGISTER("scxtnum-el1", "S3_0_C13_C0_7", UNDEFINED);
    CHECK_REGISTER("zcr", "S3_0_C1_C2_0", off);
    CHECK_REGISTER("smcr", "S3_0_C1_C2_6", off);
    CHECK_REGISTER("trfcr", "S3_0_C1_C2_1", off);
    CHECK_REGISTER("amcr", "S3_3_C13_C2_0", off);
    CHECK_REGISTER("gcr", "S3_0_C1_C0_6", off);
    CHECK_REGISTER("pmscr", "S3_0_C9_C9_0", off);
    CHECK_REGISTER("trbe", "S3_0_C9_C11_0", off);
    CHECK_REGISTER("trace", "S2_1_C0_C1_0", off);
    CHECK_READ("lorid", "S3_0_C10_C4_7", off);
    CHECK_READ("hcr", "HCR_EL2", UNDEFINED);
    CHECK_READ("vttbr", "VTTBR_EL2", UNDEFINED);
    CHECK_READ("ich-vtr", "S3_4_C12_C11_1", UNDEFINED);
    CHECK_READ("scr", "SCR_EL3", UNDEFINED);
}

static void check_instructions(void)
{
    struct fault fault = CATCH(__asm__ volatile(".inst 0x04bf5020" ::: "x0")); /* rdvl x0, #1 */
    check_outcome("sve-instruction", fault, 1, UNDEFINED);
    fault = CATCH(__asm__ volatile("hint #25\n\thint #29" ::: "x30")); /* paciasp, autiasp */
    expect_equal("pauth-hints-do-nothing", fault.count, 0);
    fault = CATCH(__asm__ volatile("hvc #1" ::: "x0", "x1", "x2", "x3"));
    check_outcome("hvc-1", fault, 0, ANYTHING);
    fault = CATCH(__asm__ volatile("brk #1"));
    result(fault.count == 1 && fault.esr >> 26 == 0x3C, "brk", ": esr 0x%lx\n", fault.esr);
    fault = CATCH(__asm__ volatile("wfe\n\tsev\n\twfe\n\tyield"));
    expect_equal("wfe", fault.count, 0);
    fault = CATCH(__asm__ volatile("dc isw, xzr\n\tdsb sy"));
    expect_equal("cache-by-set-and-way", fault.count, 0);
}

/* An exception that EL2 makes the guest take keeps PSTATE.DIT, as the CPU's own do. */
static volatile uint64_t dit_in_handler;

static bool note_dit(unsigned class, uint64_t *pc, uint64_t *pstate)
{
    (void)class;
    (void)pc;
    (void)pstate;
    dit_in_handler = read_sysreg(S3_3_C4_C2_5);
    return false;
}

static void check_dit(void)
{
    const uint64_t dit = 1u << 24;

    if ((read_sysreg(ID_AA64PFR0_EL1) >> 48 & 0xF) == 0)
        return;
    on_debug = note_dit;
    write_sysreg(S3_3_C4_C2_5, dit);
    struct fault fault = CATCH(__asm__ volatile("mrs xzr, PMCR_EL0"));
    write_sysreg(S3_3_C4_C2_5, 0);
    on_debug = NULL;
    expect_equal("dit-undefined", fault.count, 1);
    expect_equal("dit-is-kept", dit_in_handler, dit);
}

/*
 * An instruction of T32 that EL2 carries out is one of its IT block: the next one has the next condition. The
 * code runs at EL0 by a mapping of its own, and ends by SVC.
 */
#define EL0_CAN     (1u << 6) /* in a page table's entry */
#define EL0_RAM     0xC0000000u
#define EL0_DEVICES 0x80000000u
#define T32_AT_EL0  0x1F0u /* PSTATE: user mode, T32, masked */
#define EL1H        0x3C5u
#define CLASS_SVC32 0x11u

static const uint16_t it_block[] = {
    0x2000, /* movs r0, #0 */
    0x2300, /* movs r3, #0 */
    0x2400, /* movs r4, #0 */
    0x2800, /* cmp r0, #0 */
    0xBF0C, /* ite eq */
    0x6811, /* ldreq r1, [r2]: a device */
    0x2301, /* movne r3, #1 */
    0x2401, /* movs r4, #1 */
    0xDF00, /* svc #0 */
};

uint64_t run_at_el0(uint64_t code, uint64_t pstate, uint64_t device); /* r3 and, from bit 32 on, r4 */
extern char ended_at_el0[];
__asm__("run_at_el0:\n\t"
        "stp x19, x20, [sp, #-96]!\n\tstp x21, x22, [sp, #16]\n\tstp x23, x24, [sp, #32]\n\t"
        "stp x25, x26, [sp, #48]\n\tstp x27, x28, [sp, #64]\n\tstp x29, x30, [sp, #80]\n\t"
        "msr ELR_EL1, x0\n\tmsr SPSR_EL1, x1\n\teret\n"
        "ended_at_el0:\n\t"
        "ldp x21, x22, [sp, #16]\n\tldp x23, x24, [sp, #32]\n\tldp x25, x26, [sp, #48]\n\t"
        "ldp x27, x28, [sp, #64]\n\tldp x29, x30, [sp, #80]\n\tldp x19, x20, [sp], #96\n\t"
        "mov w0, w3\n\tbfi x0, x4, #32, #32\n\tret");

static bool end_of_el0(unsigned class, uint64_t *pc, uint64_t *pstate)
{
    if (class != CLASS_SVC32)
        return false;
    *pc = (uintptr_t)ended_at_el0;
    *pstate = EL1H;
    return true;
}

static void check_it_block(void)
{
    uint64_t ram = page_table[GUEST_RAM_BASE >> 30], devices = page_table[EL0_DEVICES >> 30];
    uint64_t unused = page_table[EL0_RAM >> 30];

    if ((read_sysreg(ID_AA64PFR0_EL1) & 0xF) != 2)
        return;
    page_table[EL0_RAM >> 30] = ram | EL0_CAN;
    page_table[EL0_DEVICES >> 30] = devices | EL0_CAN;
    tlb_flush();
    on_debug = end_of_el0;
    uint64_t got = run_at_el0(EL0_RAM + ((uintptr_t)it_block - GUEST_RAM_BASE), T32_AT_EL0,
                              EL0_DEVICES + GUEST_UART_BASE + UART_FR);
    on_debug = NULL;
    page_table[EL0_RAM >> 30] = unused;
    page_table[EL0_DEVICES >> 30] = devices;
    tlb_flush();
    expect_equal("it-block", got, UINT64_C(1) << 32);
}

/* What the ID registers show works. */
static void check_shown(void)
{
    uint64_t isar2 = read_sysreg(S3_0_C0_C6_2);
    static uint8_t from[64], to[64];

    for (unsigned i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)(i + 1);
    if ((isar2 >> 16 & 0xF) != 0) { /* MOPS: cpyfp, cpyfm, cpyfe [x0]!, [x1]!, x2! */
        unsigned wrong = 0;
        struct fault fault = CATCH(__asm__ volatile("mov x0, %0\n\tmov x1, %1\n\tmov x2, %2\n\t"
                                                    ".inst 0x19010440, 0x19410440, 0x19810440" ::"r"(to),
                                                    "r"(from), "r"(sizeof(to))
                                                    : "x0", "x1", "x2", "cc", "memory"));

        for (unsigned i = 0; i < sizeof(to); i++)
            wrong += *(volatile uint8_t *)&to[i] != from[i];
        result(fault.count == 0 && wrong == 0, "mops-shown-and-works", ": esr 0x%lx, %u wrong\n", fault.esr,
               wrong);
    }

    if ((isar2 & 0xF) != 0) { /* WFIT x0, for 1 ms, while the guest's timer is set for 1 s */
        uint64_t begin = now_virtual();
        uint64_t until = begin + microseconds(1000);

        write_sysreg(CNTV_CVAL_EL0, begin + microseconds(1000000));
        write_sysreg(CNTV_CTL_EL0, 1);
        struct fault fault = CATCH(__asm__ volatile("mov x0, %0\n\t.inst 0xd5031020" ::"r"(until) : "x0"));
        uint64_t took = now_virtual() - begin;
        write_sysreg(CNTV_CTL_EL0, 0);
        result(fault.count == 0 && took < microseconds(500000), "wfit-shown-and-works",
               ": esr 0x%lx, %lu ticks\n", fault.esr, took);
    }
}

/* Loads and stores at a device whose operand is register 31, or is sign-extended. */
static void check_device_operands(void)
{
    uintptr_t mask = GUEST_UART_BASE + UART_IMSC;
    uintptr_t priority = gic_frame(0) + 0x400;
    uint64_t sp_before, sp_after, x;

    mmio_write(mask, 0x7FF);
    expect_equal("device-store", mmio_read(mask), 0x7FF);
    __asm__ volatile("mov %0, sp\n\tldr wzr, [%2]\n\tmov %1, sp"
                     : "=&r"(sp_before), "=&r"(sp_after)
                     : "r"(mask));
    expect_equal("load-to-zero-keeps-sp", sp_after, sp_before);
    __asm__ volatile("str wzr, [%0]" ::"r"(mask) : "memory");
    expect_equal("store-of-zero", mmio_read(mask), 0);

    gic_priority(1, 0xF0);
    uint8_t kept = gic_get_priority(1);
    result(kept >= 0x80, "priority-byte", ": 0x%lx\n", (unsigned long)kept);
    __asm__ volatile("mov %0, #-1\n\tldrb %w0, [%1]" : "=&r"(x) : "r"(priority + 1));
    expect_equal("load-byte", x, kept);
    __asm__ volatile("mov %0, #0\n\tldrsb %w0, [%1]" : "=&r"(x) : "r"(priority + 1));
    expect_equal("load-signed-byte-to-word", x, 0xFFFFFF00 | kept);
    __asm__ volatile("mov %0, #0\n\tldrsb %0, [%1]" : "=&r"(x) : "r"(priority + 1));
    expect_equal("load-signed-byte-to-long", x, 0xFFFFFFFFFFFFFF00 | kept);
    mmio_write(priority, 0xF0F0F0F0);
    uint32_t word = mmio_read(priority);
    __asm__ volatile("mov %0, #0\n\tldrsw %0, [%1]" : "=&r"(x) : "r"(priority));
    expect_equal("load-signed-word", x, (uint64_t)(int64_t)(int32_t)word);
}

/* ---- what survives */

struct vector_state {
    uint64_t v[64];
    uint64_t fpcr, fpsr;
};

static void load_vectors(const struct vector_state *state)
{
    __asm__ volatile(
        ".arch_extension fp\n\t.arch_extension simd\n\t"
        "ldp q0, q1, [%0]\n\tldp q2, q3, [%0, #32]\n\tldp q4, q5, [%0, #64]\n\tldp q6, q7, [%0, #96]\n\t"
        "ldp q8, q9, [%0, #128]\n\tldp q10, q11, [%0, #160]\n\tldp q12, q13, [%0, #192]\n\t"
        "ldp q14, q15, [%0, #224]\n\tldp q16, q17, [%0, #256]\n\tldp q18, q19, [%0, #288]\n\t"
        "ldp q20, q21, [%0, #320]\n\tldp q22, q23, [%0, #352]\n\tldp q24, q25, [%0, #384]\n\t"
        "ldp q26, q27, [%0, #416]\n\tldp q28, q29, [%0, #448]\n\tldp q30, q31, [%0, #480]\n\t"
        "msr FPCR, %1\n\tmsr FPSR, %2" ::"r"(state->v),
        "r"(state->fpcr), "r"(state->fpsr)
        : "memory");
}

static void store_vectors(struct vector_state *state)
{
    __asm__ volatile(
        ".arch_extension fp\n\t.arch_extension simd\n\t"
        "stp q0, q1, [%2]\n\tstp q2, q3, [%2, #32]\n\tstp q4, q5, [%2, #64]\n\tstp q6, q7, [%2, #96]\n\t"
        "stp q8, q9, [%2, #128]\n\tstp q10, q11, [%2, #160]\n\tstp q12, q13, [%2, #192]\n\t"
        "stp q14, q15, [%2, #224]\n\tstp q16, q17, [%2, #256]\n\tstp q18, q19, [%2, #288]\n\t"
        "stp q20, q21, [%2, #320]\n\tstp q22, q23, [%2, #352]\n\tstp q24, q25, [%2, #384]\n\t"
        "stp q26, q27, [%2, #416]\n\tstp q28, q29, [%2, #448]\n\tstp q30, q31, [%2, #480]\n\t"
        "mrs %0, FPCR\n\tmrs %1, FPSR"
        : "=&r"(state->fpcr), "=&r"(state->fpsr)
        : "r"(state->v)
        : "memory");
}

/* clang-format off: it takes the list for nested calls */
#define SURVIVORS(each)                                                                                      \
    each(TPIDR_EL0) each(TPIDRRO_EL0) each(CONTEXTIDR_EL1) each(SP_EL0) each(PAR_EL1) each(AFSR0_EL1)        \
        each(AFSR1_EL1) each(FAR_EL1) each(ESR_EL1) each(ELR_EL1) each(SPSR_EL1) each(CNTKCTL_EL1)           \
            each(CSSELR_EL1) each(TTBR1_EL1) each(AMAIR_EL1) each(MDSCR_EL1) each(CNTV_CVAL_EL0)             \
                each(CNTP_CVAL_EL0) each(CPACR_EL1) each(MAIR_EL1) each(VBAR_EL1)
/* clang-format on */

/* Reads all the registers into `values`, or compares them with it and returns a mask of those that differ. */
static uint64_t survey(uint64_t values[], bool compare)
{
    uint64_t changed = 0;
    unsigned i = 0;
#define LOOK(name)                                                                                           \
    if (compare)                                                                                             \
        changed |= (uint64_t)(values[i] != read_sysreg(name)) << i;                                          \
    else                                                                                                     \
        values[i] = read_sysreg(name);                                                                       \
    i++;
    SURVIVORS(LOOK) // cppcheck-suppress unreadVariable ; the last i++
    return changed;
}

static void fill_registers(uint64_t pattern)
{
    write_sysreg(TPIDR_EL0, pattern * 3);
    write_sysreg(TPIDRRO_EL0, pattern * 5);
    write_sysreg(CONTEXTIDR_EL1, pattern & 0xFFFF);
    write_sysreg(SP_EL0, pattern * 16);
    write_sysreg(FAR_EL1, pattern * 7);
    write_sysreg(ESR_EL1, pattern & 0xFFFF);
    write_sysreg(ELR_EL1, pattern * 4);
    write_sysreg(SPSR_EL1, 0x3C5 | (pattern & 1) << 30);
    write_sysreg(CNTKCTL_EL1, pattern & 3);
    write_sysreg(CSSELR_EL1, pattern & 1);
    write_sysreg(TTBR1_EL1, (pattern & 0xFF) << 12);
    write_sysreg(CNTV_CVAL_EL0, pattern << 40);
    write_sysreg(CNTP_CVAL_EL0, pattern << 41);
    __asm__ volatile("at s1e1r, %0\n\tisb" ::"r"(GUEST_RAM_BASE + (pattern << 16)));
}

static void check_survival(void)
{
    static struct vector_state wanted, got;
    static uint64_t registers[32];
    uint64_t pattern = option_number("pattern", 1);
    uint64_t end = now_virtual() + microseconds(1000 * option_number("survive-ms", 1000));
    uint64_t changed = 0, rounds = 0, vectors_changed = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(wanted.v); i++)
        wanted.v[i] = (pattern + i) * UINT64_C(0x0123456789abcdef);
    wanted.fpcr = (pattern & 3) << 22;
    wanted.fpsr = pattern & 0x1F;
    fill_registers(pattern);
    survey(registers, false);
    load_vectors(&wanted);
    for (; now_virtual() < end; rounds++) {
        changed |= survey(registers, true);
        store_vectors(&got);
        for (unsigned i = 0; i < ARRAY_SIZE(wanted.v); i++)
            vectors_changed += wanted.v[i] != got.v[i];
        vectors_changed += got.fpcr != wanted.fpcr || got.fpsr != wanted.fpsr;
    }
    result(changed == 0, "registers-survive", ": changed: mask 0x%lx\n", changed);
    result(vectors_changed == 0, "vectors-survive", ": %lu changed in %lu rounds\n", vectors_changed, rounds);
}

void guest_main(void)
{
    check_identification();
    check_pmu();
    check_debug();
    /* The guest itself enables SVE and SME, so that only the hypervisor or the CPU can stop them. */
    write_sysreg(CPACR_EL1, FP_ON | SVE_ON | SME_ON);
    check_other();
    check_instructions();
    check_shown();
    check_dit();
    check_it_block();
    write_sysreg(CPACR_EL1, FP_ON);
    check_device_operands();
    check_survival();
}
