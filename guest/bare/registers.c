// SPDX-License-Identifier: Apache-2.0
/*
 * Tries MRS and MSR with each encoding of a system register, op0 2 and 3, and compares what it finds with
 * system_registers.def. Two guests do that beside each other, each with its own pattern:
 *
 * - No register changes but by this guest's own writes, or as a clock.
 * - What is said to be absent is undefined, and so is what is not listed. What is said to be constant or a
 * clock cannot be written.
 * - No field of an ID register is greater than id_registers.def lets through.
 * - At the beginning all is as in another guest: a line `REGISTER encoding value` for each register that can
 * be read, which the system test compares. The second guest begins when the first has written all that it
 * can.
 *
 * With boot argument `identify` it does nothing but print what a guest of Ontime's would be shown of this
 * machine's ID registers, `SHOWN encoding value` for each that is not zero: the system test boots it so on
 * the bare machine, and compares.
 *
 * Boot arguments: delay-ms=N before anything else; ms=N, how long the registers are watched; pattern=N.
 */
#include "bare.h"
#include "id_registers.h"

#define ENCODINGS    0x8000u     /* op0 2 and 3: bits 15 (op0 - 2) and below */
#define ROUNDS_LEAST 11u         /* also where a host that is busy has fewer in the time */
#define MSR_REG      0xD5100000u /* msr S2_0_C0_C0_0, x0 */
#define MRS_BIT      (1u << 21)
#define RET          0xD65F03C0u

enum how { KEPT, PSTATE, VIRTUAL, EMULATED, CONSTANT, CLOCK, ABSENT, OPEN, UNLISTED };

struct range {
    uint8_t first, last;
};
struct row {
    const char *name;
    struct range op0, op1, crn, crm, op2;
    enum how how;
};

#define BETWEEN(first, last) (0x100 | (first) << 4 | (last))
#define ANY                  BETWEEN(0, 15)
#define FIRST(n)             (((n)&0x100) != 0 ? (n) >> 4 & 15 : (n)&15)
#define RANGE(n)                                                                                             \
    {                                                                                                        \
        FIRST(n), (n)&15                                                                                     \
    }
#define SWITCHED(member) KEPT
#define REGISTERS(name, op0, op1, crn, crm, op2, how, trap, why)                                             \
    {#name, RANGE(op0), RANGE(op1), RANGE(crn), RANGE(crm), RANGE(op2), how},

static const struct row rows[] = {
#include "system_registers.def"
};

#define ENCODING(op0, op1, crn, crm, op2) (((op0)-2u) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
#define NZCV                              ENCODING(3, 3, 4, 2, 0) /* the program's own */
#define CPACR_EL1                         ENCODING(3, 0, 1, 0, 2)
#define FP_ON                             (3u << 20) /* FPCR and FPSR can be reached */
#define ICC_BPR0_EL1                      ENCODING(3, 0, 12, 8, 3)
#define ICC_BPR1_EL1                      ENCODING(3, 0, 12, 12, 3)
#define ABOVE_BPR_MIN                     4u /* QEMU keeps less than the least until ICH_VMCR_EL2 is written */

/* What a guest cannot write and go on: its own translation and vectors, its stack, its masks; SGIs. */
static const uint16_t untouchable[] = {
    ENCODING(3, 0, 1, 0, 0),   ENCODING(3, 0, 2, 0, 0),   ENCODING(3, 0, 2, 0, 2), ENCODING(3, 0, 10, 2, 0),
    ENCODING(3, 0, 12, 0, 0),  ENCODING(3, 0, 4, 2, 0),   ENCODING(3, 3, 4, 2, 1), ENCODING(3, 0, 12, 11, 5),
    ENCODING(3, 0, 12, 11, 6), ENCODING(3, 0, 12, 11, 7),
};

enum { READS = 1, WRITES = 2 };
static uint8_t does[ENCODINGS];
static uint64_t seen[ENCODINGS];
static uint32_t code[2 * ENCODINGS][2]; /* MRS of each encoding and RET, then MSR of each */

static const struct row *find(unsigned encoding)
{
    const unsigned fields[] = {2 + (encoding >> 14), encoding >> 11 & 7, encoding >> 7 & 15,
                               encoding >> 3 & 15, encoding & 7};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct range *ranges = &rows[i].op0;
        unsigned fit = 0;

        while (fit < ARRAY_SIZE(fields) && fields[fit] >= ranges[fit].first &&
               fields[fit] <= ranges[fit].last)
            fit++;
        if (fit == ARRAY_SIZE(fields))
            return &rows[i];
    }
    return NULL;
}

static enum how how_of(unsigned encoding)
{
    const struct row *row = find(encoding);

    return row != NULL ? row->how : UNLISTED;
}

static bool changes_by_itself(unsigned encoding)
{
    if (encoding == NZCV)
        return true;
    /* CNTV_TVAL_EL0 and CNTP_TVAL_EL0 count down, and CNTV_CTL_EL0 and CNTP_CTL_EL0 say when they are
     * through. */
    bool timer = encoding >> 14 == 1 && (encoding >> 11 & 7) == 3 && (encoding >> 7 & 15) == 14 &&
                 ((encoding >> 3 & 15) == 2 || (encoding >> 3 & 15) == 3) && (encoding & 7) < 2;

    return timer || how_of(encoding) == CLOCK;
}

static const char *name_of(unsigned encoding)
{
    const struct row *row = find(encoding);

    return row != NULL ? row->name : "not listed";
}

static void make_code(void)
{
    for (uint32_t i = 0; i < 2 * ENCODINGS; i++) {
        code[i][0] = MSR_REG | i % ENCODINGS << 5 | (i < ENCODINGS ? MRS_BIT : 0);
        code[i][1] = RET;
        __asm__ volatile("dc cvau, %0" ::"r"(code[i]) : "memory");
    }
    __asm__ volatile("dsb ish\n\tic iallu\n\tdsb ish\n\tisb" ::: "memory");
}

static uint64_t run(const uint32_t *function, uint64_t value)
{
    register uint64_t x0 __asm__("x0") = value;

    __asm__ volatile("blr %1\n\tisb" : "+r"(x0) : "r"(function) : "x30", "cc", "memory");
    return x0;
}

static uint64_t read_encoding(unsigned encoding)
{
    return run(code[encoding], 0);
}

static void write_encoding(unsigned encoding, uint64_t value)
{
    if (encoding == CPACR_EL1)
        value |= FP_ON;
    if (encoding == ICC_BPR0_EL1 || encoding == ICC_BPR1_EL1)
        value |= ABOVE_BPR_MIN;
    run(code[ENCODINGS + encoding], value);
}

/* Op0 3, op1 0, CRn 0, CRm 1 to 7. */
#define FIRST_ID ENCODING(3, 0, 0, 1, 0)
#define LAST_ID  ENCODING(3, 0, 0, 7, 7)

static uint64_t most_of(unsigned encoding)
{
    return id_register_most(encoding >> 3 & 15, encoding & 7);
}

static void identify(void)
{
    for (unsigned encoding = FIRST_ID; encoding <= LAST_ID; encoding++) {
        uint64_t shown = id_register_shown(read_encoding(encoding), most_of(encoding));

        if (shown != 0)
            print("SHOWN %04x %016lx %s.\n", encoding, shown, name_of(encoding));
    }
    result(true, "identified", "\n");
}

/* What was read of ID registers in the beginning. */
static void compare_identification(void)
{
    unsigned wrong = 0;

    for (unsigned encoding = FIRST_ID; encoding <= LAST_ID; encoding++) {
        uint64_t shown = id_register_shown(seen[encoding], most_of(encoding));

        if ((does[encoding] & READS) != 0 && shown == seen[encoding])
            continue;
        wrong++;
        print("wrong: S3_0_C0_C%u_%u is 0x%lx, may be 0x%lx\n", encoding >> 3 & 15, encoding & 7,
              seen[encoding], shown);
    }
    result(wrong == 0, "identification", ": %u are wrong\n", wrong);
}

/* Reads all for the first time, and says what it found. */
static void first_reading(void)
{
    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++) {
        struct fault fault = CATCH(seen[encoding] = read_encoding(encoding));

        if (fault.count != 0)
            continue;
        does[encoding] |= READS;
        if (!changes_by_itself(encoding) && seen[encoding] != 0)
            print("REGISTER %04x %016lx %s.\n", encoding, seen[encoding], name_of(encoding));
    }
}

static void find_writable(uint64_t pattern)
{
    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++) {
        bool touchable = true;

        for (unsigned i = 0; i < ARRAY_SIZE(untouchable); i++)
            touchable = touchable && untouchable[i] != encoding;
        if (!touchable)
            continue;
        struct fault fault = CATCH(write_encoding(encoding, pattern));
        if (fault.count == 0)
            does[encoding] |= WRITES;
    }
}

/* Is each as the table says? */
static void compare_with_table(void)
{
    static const uint8_t may[] = {[KEPT] = READS | WRITES,
                                  [PSTATE] = READS | WRITES,
                                  [VIRTUAL] = READS | WRITES,
                                  [EMULATED] = READS | WRITES,
                                  [CONSTANT] = READS,
                                  [CLOCK] = READS,
                                  [ABSENT] = 0,
                                  [OPEN] = READS | WRITES,
                                  [UNLISTED] = 0};
    unsigned wrong = 0;

    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++) {
        enum how how = how_of(encoding);

        if ((does[encoding] & ~may[how]) == 0)
            continue;
        if (wrong++ < 20)
            print("wrong: S%u_%u_C%u_C%u_%u (%s) does %u\n", 2 + (encoding >> 14), encoding >> 11 & 7,
                  encoding >> 7 & 15, encoding >> 3 & 15, encoding & 7, name_of(encoding), does[encoding]);
    }
    result(wrong == 0, "as-the-table-says", ": %u are not\n", wrong);
}

static void write_all(uint64_t pattern)
{
    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++)
        if ((does[encoding] & WRITES) != 0)
            write_encoding(encoding, pattern + encoding * UINT64_C(0x9E3779B97F4A7C15));
}

/* Notes what all registers hold now. */
static void note_all(void)
{
    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++)
        if ((does[encoding] & READS) != 0)
            seen[encoding] = read_encoding(encoding);
}

static unsigned count_changed(unsigned already)
{
    unsigned changed = 0;

    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++) {
        uint64_t now;

        if ((does[encoding] & READS) == 0 || changes_by_itself(encoding))
            continue;
        now = read_encoding(encoding);
        if (now != seen[encoding] && already + changed++ < 20)
            print("changed: S%u_%u_C%u_C%u_%u (%s) 0x%lx, was 0x%lx\n", 2 + (encoding >> 14),
                  encoding >> 11 & 7, encoding >> 7 & 15, encoding >> 3 & 15, encoding & 7, name_of(encoding),
                  now, seen[encoding]);
    }
    return changed;
}

void guest_main(void)
{
    uint64_t pattern = option_number("pattern", 1) * UINT64_C(0x5DEECE66D1234567);
    unsigned changed = 0, rounds = 0, accessible = 0;

    irq_disable();
    make_code();
    if (option("identify")) {
        identify();
        return;
    }
    spin(microseconds(1000 * option_number("delay-ms", 0)));
    first_reading();
    compare_identification();
    find_writable(pattern);
    compare_with_table();
    uint64_t end = now_virtual() + microseconds(1000 * option_number("ms", 1000));
    for (; now_virtual() < end || rounds < ROUNDS_LEAST; rounds++) {
        write_all(pattern * (2 * rounds + 1));
        note_all();
        spin(microseconds(20000));
        changed += count_changed(changed);
    }
    for (unsigned encoding = 0; encoding < ENCODINGS; encoding++)
        accessible += does[encoding] != 0;
    write_all(0);
    print("registers: %u accessible, %u rounds\n", accessible, rounds);
    result(changed == 0, "nothing-changes", ": %u values changed in %u rounds\n", changed, rounds);
    result(accessible > 100, "accessible", ": %u\n", accessible);
}
