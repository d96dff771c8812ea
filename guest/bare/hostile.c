// SPDX-License-Identifier: Apache-2.0
/*
 * A guest that does whatever comes: a random sequence of operations, chosen by a seed. Each of its vCPUs
 * makes snippets of one random instruction that ends in an exception, and executes them with random
 * registers: instructions of all kinds at EL1 and EL0, in AArch64 and AArch32; MRS, MSR and SYS of all
 * encodings; loads and stores of all widths at devices, beside them and beyond the RAM, through the MMU,
 * without it, and through random tables; calls; exception returns with a random PSTATE; waits; SGIs; deadline
 * pages; timers; vCPUs that go off and on.
 *
 * Whatever happens, the vectors below give the guest its own state back and end the operation. What could not
 * end is left out: branches at EL1; changes of what the vectors themselves stand on (these are made and taken
 * back in one snippet, with the MMU off; EE and WXN stay as they are); instructions that copy memory; stores
 * that could reach the program. EL0 may do what it likes, as the virtual timer interrupts it after 200 us,
 * and it can write to its own arena only. Left out, too, is what QEMU ends with: binary points of the virtual
 * CPU interface below the least that it has, and the instructions of ends_qemu().
 *
 * Boot arguments: seed=N; operations=N, for each vCPU; cpus=N. lives=N: after these operations the VM resets
 * itself and goes on with another seed, N times in all; the count of armed deadlines says which life it is,
 * so such a VM arms none otherwise. serves: it serves a virtio device of the other guest, which it lets go on
 * again and again. At the end of each life the guest prints `hostile: seed N life N
 * operations N exceptions N interrupts N by N`.
 */
#include <stdatomic.h>
#include "bare.h"
#include "ontime/abi.h"
#include "ontime/service.h"

#define SNIPPETS      64u
#define SNIPPET_WORDS 8u
#define VALUES        31u
#define GUARD_US      200u
#define EL0_AT_ONCE   16u
#define ISR_IRQ       0x80u

#define GIC_CONFIG_PPIS 0xC04u /* level or edge */

/* Each CPU's arena is a block of 2 MiB, which EL0 has, too, at another virtual address. Its first page holds
 * EL0's code; data is in the middle, so that no offset of an instruction leads out of it. */
#define ARENA       0x41200000ul
#define ARENA_SIZE  0x200000ul
#define ARENA_DATA  0x100000ul
#define ARENA_TABLE 0x180000ul
#define EL0_VIEW    0xC0000000ul
#define RAM_END     0x42000000ul

#define BRK     0xD4200000u
#define ISB     0xD5033FDFu
#define SVC_A32 0xEF000000u
#define SVC_T32 0xDF00DF00u
#define ORR_4   0xB27E0000u /* orr x0, x0, #4 */
#define MSR(op0, op1, crn, crm, op2, rt)                                                                     \
    (0xD5000000u | (op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5 | (rt))
#define MSR_SCTLR(rt) MSR(3u, 0u, 1u, 0u, 0u, rt)
#define OFF           28u /* the register that holds SCTLR_EL1 without the MMU, in snippets that switch it */
#define ON            27u
#define GOOD          26u

#define SCTLR_ON  0x30D01805u
#define SCTLR_OFF 0x30D01804u
#define SCTLR_NOT (1u << 19 | 1u << 25) /* WXN and EE: the next fetch would fail */

#define EL0      0x000u
#define EL0_A32  0x010u
#define EL0_T32  0x030u
#define EL1H     0x005u
#define MASKED   0x3C0u
#define IRQ_OPEN 0x340u

struct context {        /* the assembly below knows the places of the first four */
    uint64_t kept[14];  /* 0: x19 to x30, SP; SP is zero while no snippet runs */
    uint64_t spsr, sp;  /* 112: for the snippet */
    uint64_t x[32];     /* 128 */
    uint64_t tables[2]; /* 384: TTBR0_EL1 and TCR_EL1 */
    uint64_t random;
    uint64_t left, done, exceptions, interrupts;
    uint32_t filled, next;
    bool guarded; /* only the guard ends what it does: all interrupts are ended, or they would mask that */
    uint32_t values[SNIPPETS];
    uint8_t how[SNIPPETS];
    _Alignas(4096) uint64_t level1[4];
    _Alignas(4096) uint64_t level2[512];
    _Alignas(4096) uint32_t code[SNIPPETS][SNIPPET_WORDS];
};
#define CONTEXT_SIZE 0x4000
_Static_assert(sizeof(struct context) == CONTEXT_SIZE, "the vectors know the size");
_Static_assert(offsetof(struct context, x) == 128, "and these places");
_Static_assert(offsetof(struct context, tables) == 384, "");

extern struct context hostile_contexts[MAX_CPUS];
_Alignas(4096) struct context hostile_contexts[MAX_CPUS];

extern char hostile_vectors[];
unsigned hostile_attempt(struct context *context, const void *code);
_Noreturn void hostile_lost(void);

/*
 * hostile_attempt() goes to `code` with the context's PSTATE and registers. The next exception, of whatever
 * kind, makes it return: with the number of the vector.
 */
/* clang-format off */
__asm__(
    ".text\n"
    ".global hostile_attempt\n"
    "hostile_attempt:\n"
    "    stp x19, x20, [x0]\n    stp x21, x22, [x0, #16]\n    stp x23, x24, [x0, #32]\n"
    "    stp x25, x26, [x0, #48]\n    stp x27, x28, [x0, #64]\n    stp x29, x30, [x0, #80]\n"
    "    mov x2, sp\n    str x2, [x0, #96]\n"
    "    ldp x2, x3, [x0, #112]\n    msr SPSR_EL1, x2\n    msr ELR_EL1, x1\n    mov sp, x3\n"
    "    add x0, x0, #128\n"
    "    .irp n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28\n"
    "    ldr x\\n, [x0, #8 * \\n]\n"
    "    .endr\n"
    "    .irp n, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 30\n"
    "    ldr x\\n, [x0, #8 * \\n]\n"
    "    .endr\n"
    "    ldp x0, x1, [x0]\n"
    "    eret\n"
    ".balign 2048\n"
    ".global hostile_vectors\n"
    "hostile_vectors:\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "    .balign 128\n"
    "    mov x4, #\\n\n"
    "    b hostile_back\n"
    "    .endr\n"
    ".balign 128\n"
    "hostile_back:\n"
    "    mrs x2, MPIDR_EL1\n    and x2, x2, #0xff\n    msr TPIDR_EL1, x2\n"
    "    adrp x0, hostile_contexts\n    mov x3, #0x4000\n    madd x0, x2, x3, x0\n"
    "    mov x2, #0x1805\n    movk x2, #0x30d0, lsl #16\n"
    "    mrs x3, SCTLR_EL1\n    cmp x2, x3\n    b.eq 1f\n"
    "    mov x3, #0x1804\n    movk x3, #0x30d0, lsl #16\n    msr SCTLR_EL1, x3\n    isb\n"
    "    ldp x3, x5, [x0, #384]\n    msr TTBR0_EL1, x3\n    msr TCR_EL1, x5\n"
    "    mov x3, #0xff04\n    movk x3, #0x44, lsl #16\n    msr MAIR_EL1, x3\n    isb\n"
    "    tlbi vmalle1\n    dsb nsh\n"
    "    msr SCTLR_EL1, x2\n    isb\n"
    "1:  mov x2, #3 << 20\n    msr CPACR_EL1, x2\n    isb\n"
    "    ldr x2, [x0, #96]\n    str xzr, [x0, #96]\n    cbz x2, 2f\n    mov sp, x2\n"
    "    ldp x19, x20, [x0]\n    ldp x21, x22, [x0, #16]\n    ldp x23, x24, [x0, #32]\n"
    "    ldp x25, x26, [x0, #48]\n    ldp x27, x28, [x0, #64]\n    ldp x29, x30, [x0, #80]\n"
    "    mov x0, x4\n    ret\n"
    "2:  adrp x2, hostile_stack_end\n    add x2, x2, :lo12:hostile_stack_end\n    mov sp, x2\n"
    "    b hostile_lost\n"
    ".bss\n.balign 16\n    .space 4096\nhostile_stack_end:\n.text\n");
/* clang-format on */

static unsigned cpus;
static bool serves;
static uint64_t seed, life, lives;
static _Atomic unsigned finished;

/* An exception where none was to come: the program was damaged, or Ontime gave one that nothing caused. */
void hostile_lost(void)
{
    result(false, "hostile", ": exception in the program: cpu %u esr %lx far %lx elr %lx spsr %lx\n",
           cpu_number(), read_sysreg(ESR_EL1), read_sysreg(FAR_EL1), read_sysreg(ELR_EL1),
           read_sysreg(SPSR_EL1));
    finish();
}

/* ---- random numbers */

static uint32_t draw(struct context *c)
{
    c->random = c->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t mixed = c->random ^ c->random >> 29;
    return (uint32_t)((mixed * UINT64_C(0x9E3779B97F4A7C15)) >> 32);
}

static uint32_t below(struct context *c, uint32_t limit)
{
    return (uint32_t)((uint64_t)draw(c) * limit >> 32);
}

static uint64_t draw_long(struct context *c)
{
    return (uint64_t)draw(c) << 32 | draw(c);
}

static unsigned number_of(const struct context *c)
{
    return (unsigned)(c - hostile_contexts);
}

static uint64_t arena(const struct context *c)
{
    return ARENA + ARENA_SIZE * (number_of(c) & 3);
}

static uint64_t somewhere_in_arena(struct context *c)
{
    return arena(c) + ARENA_DATA + below(c, 0x1000);
}

/* Devices, and what lies beside them. */
static uint64_t device_address(struct context *c)
{
    static const uint64_t places[] = {
        GUEST_GICD_BASE,
        GUEST_GICD_BASE + 0x100,
        GUEST_GICD_BASE + 0x400,
        GUEST_GICD_BASE + 0x800,
        GUEST_GICD_BASE + 0xC00,
        GUEST_GICD_BASE + 0xF00,
        GUEST_GICD_BASE + 0x6000,
        GUEST_GICD_BASE + 0xFF00,
        GUEST_GICC_BASE,
        GUEST_GICC_BASE,
        GUEST_GICC_DIR,
        GUEST_GICC_DIR + 0x1000,
        GUEST_GICR_BASE,
        GUEST_GICR_BASE + 0x10000,
        GUEST_GICR_BASE + 0x10000,
        GUEST_GICR_BASE + 0x10400,
        GUEST_GICR_BASE + 0x20000,
        GUEST_GICR_BASE + 0x30000,
        GUEST_GICR_BASE + 0x80000,
        GUEST_UART_BASE + 4,
        GUEST_UART_BASE + 0xF00,
        GUEST_RTC_BASE,
        GUEST_RTC_BASE + 0xF00,
        GUEST_WATCHDOG_CONTROL,
        GUEST_WATCHDOG_CONTROL,
        GUEST_WATCHDOG_REFRESH,
        GUEST_STOLEN_TIME,
        GUEST_LINK_BASE,
        GUEST_LINK_BASE + GUEST_LINK_SIZE,
        GUEST_LINK_BASE + 2 * GUEST_LINK_SIZE,
        GUEST_LINK_MEMORY,
        GUEST_VIRTIO_BASE,
        GUEST_VIRTIO_BASE,
        GUEST_VIRTIO_BASE + 0x40,
        GUEST_VIRTIO_BASE + 0x100,
        GUEST_VIRTIO_BASE + GUEST_VIRTIO_STRIDE,
        GUEST_SERVICE_BASE,
        GUEST_SERVICE_BASE,
        GUEST_SERVICE_BASE + 0x300,
        GUEST_SERVICE_BASE + GUEST_SERVICE_SIZE,
        GUEST_FLASH_BASE,
        GUEST_GICD_BASE - 0x1000,
        GUEST_UART_BASE + 0x1000,
        0x0A000000,
        0x3FFFF000,
        0,
    };
    uint64_t place = places[below(c, ARRAY_SIZE(places))];
    uint64_t address = place + below(c, below(c, 2) != 0 ? 0x40 : 0x1000);

    return below(c, 8) != 0 ? address & ~7ul : address;
}

static uint64_t small(struct context *c)
{
    return below(c, 1u << below(c, 17));
}

/* A value that a register may hold: nowhere near the program, as stores may use it as an address. */
static uint64_t draw_value(struct context *c)
{
    unsigned bit;

    switch (below(c, 10)) {
    case 0:
    case 1:
        return somewhere_in_arena(c);
    case 2:
    case 3:
        return device_address(c);
    case 4:
        return small(c);
    case 5:
        return ~small(c);
    case 6:
        return draw_long(c);
    case 7:
        bit = below(c, 64);
        return bit == 30 ? 0 : UINT64_C(1) << bit;
    case 8:
        return RAM_END - 16 + below(c, 32);
    default:
        return now_virtual() >> 25 == GUEST_RAM_BASE >> 25 ? 0 : now_virtual() + small(c);
    }
}

/* ---- instructions */

/* Branches, exceptions and system instructions have snippets of their own; so have copies of unbounded
 * length. A store with a register as its offset could reach the program. */
static bool fit_for_el1(uint32_t word)
{
    bool branch_or_system = (word >> 26 & 7) == 5;
    bool register_offset = (word & 0x3B200C00) == 0x38200800;
    bool copy = (word & 0x3B000C00) == 0x19000400;

    return !branch_or_system && !register_offset && !copy;
}

/*
 * QEMU 7.2 ends with half-precision SIMD instructions of two registers that are not allocated. QEMU 10.0 does
 * with BRAA, BRAB, BRAAZ and BRABZ by most registers, where the CPU has BTI, and in AArch32 with an LDRD that
 * would load the PC, and adds the PC to its address afterwards.
 */
static bool ends_qemu(uint32_t word)
{
    return (word & 0x8F7E0C00) == 0x0E780800 || (word & 0xFEFFF800) == 0xD61F0800 ||
           (word & 0x0F30F0FF) == 0x0000E0DF;
}

static uint32_t draw_instruction(struct context *c)
{
    uint32_t word;

    do
        word = draw(c);
    while (!fit_for_el1(word) || ends_qemu(word));
    return word;
}

/* A load, a store, an atomic or a prefetch, of any size, at x1. */
static uint32_t draw_access(struct context *c)
{
    static const uint32_t usual[] = {
        0x39400022, 0x39000022, 0x79400022, 0x79000022, 0xB9400022, 0xB9000022, 0xF9400022,
        0xF9000022,                                                             /* all widths */
        0x39800022, 0x79C00022, 0xB9800022, 0x39C00022,                         /* signed */
        0xA9400C22, 0xA9000C22, 0x29400C22, 0x3DC00022, 0x3D800022, 0xFD400022, /* pairs, SIMD */
        0xB8404422, 0xB8004422, 0xB85FCC22, 0xB81FCC22,                         /* with the base moved */
        0x885F7C22, 0x88037C22, 0xC85FFC22, 0x88DFFC22, 0x889FFC22, /* exclusive, acquire, release */
        0xB8200022, 0xB8208022, 0x88A07C22, 0xB8400822, 0xB8000822, /* atomics, unprivileged */
        0xF9800020, 0xB900003F, 0xB940003F, 0xF900003F, 0x0C407020, 0x0C007020, /* prefetch, XZR, structures
                                                                                 */
        0xD50B7421, 0xD50B7A21, 0xD5087621, 0xD50B7E21, 0xD50B7521, 0xD5087821, /* DC, IC, AT */
    };
    uint32_t word;

    if (below(c, 4) != 0)
        return usual[below(c, ARRAY_SIZE(usual))];
    do
        word = (draw(c) & ~0x0A0003E0u) | 0x08000020;
    while (!fit_for_el1(word));
    return word;
}

struct encoding {
    uint8_t op0, op1, crn, crm, op2;
};

static bool is(const struct encoding *e, unsigned op1, unsigned crn, unsigned crm, unsigned op2)
{
    return e->op0 == 3 && e->op1 == op1 && e->crn == crn && e->crm == crm && e->op2 == op2;
}

/* Timers, the CPU interface, translation, debugging: more often than by their part of all. */
static struct encoding draw_encoding(struct context *c)
{
    uint32_t bits = draw(c);

    switch (below(c, 8)) {
    case 0:
        return (struct encoding){3, 3, 14, (uint8_t)(2 + (bits & 1)), bits >> 1 & 3};
    case 1:
        return (struct encoding){3, 0, 12, 8 + (bits & 7), bits >> 3 & 7};
    case 2:
        return (struct encoding){3, 0, (uint8_t)(1 + (bits & 7)), bits >> 3 & 3, bits >> 5 & 7};
    case 3:
        return (struct encoding){2, 0, 0, bits & 15, bits >> 4 & 7};
    default:
        return (struct encoding){(uint8_t)(1 + bits % 3), bits >> 4 & 7, bits >> 8 & 15, bits >> 12 & 15,
                                 bits >> 16 & 7};
    }
}

/* What the vectors stand on is written while the MMU is off, and taken back. */
static bool is_foundation(const struct encoding *e)
{
    return is(e, 0, 2, 0, 0) || is(e, 0, 2, 0, 2) || is(e, 0, 2, 0, 3) ||
           (e->op0 == 3 && e->op1 == 0 && e->crn == 10);
}

enum how { AT_EL1, MMU_OFF, WRITES_SCTLR, WRITES_VECTORS, CALLS, RETURNS };

static enum how make_system(struct context *c, uint32_t *code)
{
    struct encoding e = draw_encoding(c);
    uint32_t read = below(c, 3) == 0 ? 1u << 21 : 0;
    uint32_t word =
        MSR((uint32_t)e.op0, (uint32_t)e.op1, (uint32_t)e.crn, (uint32_t)e.crm, (uint32_t)e.op2, 0u) | read;

    code[0] = word;
    if (read != 0)
        return AT_EL1;
    if (is(&e, 0, 1, 0, 0)) {
        code[1] = MSR_SCTLR(ON);
        return WRITES_SCTLR;
    }
    if (is(&e, 0, 12, 0, 0)) {
        code[1] = word | GOOD;
        return WRITES_VECTORS;
    }
    if (is_foundation(&e)) {
        code[0] = MSR_SCTLR(OFF);
        code[1] = ISB;
        code[2] = word;
        code[3] = ISB; /* the exception's vector puts all back */
        return MMU_OFF;
    }
    if (is(&e, 0, 12, 8, 3) || is(&e, 0, 12, 12, 3)) { /* the binary points */
        code[0] = ORR_4;
        code[1] = word;
    }
    return AT_EL1;
}

static enum how make_access(struct context *c, uint32_t *code)
{
    if (below(c, 8) != 0) {
        code[0] = draw_access(c);
        return AT_EL1;
    }
    code[0] = MSR_SCTLR(OFF);
    code[1] = ISB;
    code[2] = draw_access(c); /* the exception's vector puts the MMU on */
    return MMU_OFF;
}

static enum how make_call(struct context *c, uint32_t *code)
{
    code[0] =
        (below(c, 4) == 0 ? 0xD4000003u : 0xD4000002u) | (below(c, 8) == 0 ? below(c, 0x10000) << 5 : 0);
    return CALLS;
}

static void make_snippets(struct context *c)
{
    for (unsigned i = 0; i < SNIPPETS; i++) {
        uint32_t *code = c->code[i];
        unsigned kind = below(c, 100);

        for (unsigned word = 0; word < SNIPPET_WORDS; word++)
            code[word] = BRK;
        if (kind < 15) {
            code[0] = draw_instruction(c);
            c->how[i] = AT_EL1;
        } else if (kind < 50) {
            c->how[i] = (uint8_t)make_system(c, code);
        } else if (kind < 80) {
            c->how[i] = (uint8_t)make_access(c, code);
        } else if (kind < 95) {
            c->how[i] = (uint8_t)make_call(c, code);
        } else {
            c->how[i] = RETURNS; /* BRK at whatever level */
        }
        __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" ::"r"(code) : "memory");
    }
    __asm__ volatile("dsb ish\n\tisb" ::: "memory");
    c->next = 0;
}

/* ---- operations */

/* A function number: of a call there is, or beside one. None that stops this vCPU or the VM. */
static uint64_t draw_function(struct context *c)
{
    static const uint32_t known[] = {
        0x80000000, 0x80000001, 0x80000002, 0x80003FFF, 0x80007FFF, 0x80008000, 0x84000000, 0x84000004,
        0xC4000004, 0x84000005, 0x84000006, 0x84000007, 0x8400000A, 0xC400000B, 0xC400000C, 0xC400000D,
        0x8400000F, 0xC4000010, 0xC4000011, 0xC4000013, 0xC4000014, 0xC5000020, 0xC5000021, 0xC5000022,
        0x8600FF01, 0x8600FF03, 0x86000020, 0xC6000021, 0xC6000022, 0xC6000023, 0xC6000024, 0xC6000025,
        0xC6000026, 0xC6000027, 0xC6000028, 0xC6000021, 0xC6000021, 0xC6000023, 0xC6000028, 0x84000050,
        0xC4000003, 0xC6000029, 0xC6000029, 0xC600002A, 0xC600002B, 0xC600002C, 0xC600002D, 0xC600002E,
        0xC600002F, 0xC6000030,
    };
    static const uint32_t not_here[] = {
        0x84000001, 0x84000002, 0x84000008, 0x84000009, 0x8400000E, 0x84000012,
    };
    uint64_t function = below(c, 4) != 0
                            ? known[below(c, ARRAY_SIZE(known))]
                            : (known[below(c, ARRAY_SIZE(known))] & 0xFF00FF00u) + below(c, 0x40);

    for (unsigned i = 0; i < ARRAY_SIZE(not_here); i++)
        if ((function | 0x40000000) == (not_here[i] | 0x40000000))
            return PSCI_VERSION;
    if (lives > 1 && (function & 0xFFFF) == (ONTIME_CALL_ARM & 0xFFFF))
        function = ONTIME_CALL_QUERY;
    return function | (below(c, 16) == 0 ? (uint64_t)draw(c) << 32 : 0);
}

static void set_call(struct context *c)
{
    c->x[0] = draw_function(c);
    c->x[1] = draw_value(c);
    if ((uint32_t)c->x[0] == ONTIME_CALL_PAGE && below(c, 2) != 0)
        c->x[1] = arena(c) + ARENA_DATA;
    if ((uint32_t)c->x[0] == ONTIME_CALL_HAND_ON && below(c, 4) != 0)
        c->x[1] = below(c, 4);
    if ((c->x[0] & 0xBFFFFFFF) == (PSCI_CPU_ON & 0xBFFFFFFF)) /* who is on, or does not exist */
        c->x[1] = below(c, 2) != 0 ? number_of(c) : 0x100 + small(c);
    c->x[2] = below(c, 2) != 0 ? below(c, 80) : draw_value(c);
    c->x[3] = draw_value(c);
}

/* The guest's interrupts work again: before anything that only an interrupt ends. */
static void mend_gic(void)
{
    if (gic_version == 3) {
        __asm__ volatile("msr S3_0_C12_C8_4, xzr\n\tmsr S3_0_C12_C9_0, xzr" ::
                             : "memory"); /* nothing is active */
        for (unsigned cpu = 0; cpu < cpus; cpu++) {
            uintptr_t frame = GUEST_GICR_BASE + GUEST_GICR_SIZE * cpu + 0x10000;
            mmio_write(frame + GIC_GROUP, UINT32_MAX);
            mmio_write(frame + GIC_CONFIG_PPIS, 0);
            mmio_write(frame + 0x400 + (GUEST_INTID_VIRTUAL_TIMER & ~3u), 0);
            mmio_write(frame + GIC_ENABLE, 1u << GUEST_INTID_VIRTUAL_TIMER);
        }
        mmio_write(GUEST_GICD_BASE, 0x12);
    } else {
        mmio_write(GUEST_GICD_BASE + GIC_GROUP, 0);
        mmio_write(GUEST_GICD_BASE + GIC_CONFIG_PPIS, 0);
        mmio_write(GUEST_GICD_BASE, 1);
    }
    gic_init_cpu();
    mmio_write(gic_frame(0) + GIC_CLEAR_ACTIVE, UINT32_MAX);
    mmio_write(GUEST_GICD_BASE + GIC_CLEAR_ACTIVE + 4, UINT32_MAX);
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    gic_priority(GUEST_INTID_VIRTUAL_TIMER, 0);
}

static void set_guard(void)
{
    write_sysreg(CNTV_CVAL_EL0, now_virtual() + microseconds(GUARD_US));
    write_sysreg(CNTV_CTL_EL0, 1);
}

static void take_interrupt(struct context *c)
{
    uint32_t intid = gic_acknowledge();

    c->interrupts++;
    if (intid == GUEST_INTID_VIRTUAL_TIMER)
        write_sysreg(CNTV_CTL_EL0, 0);
    if (intid < 1020 && (intid == GUEST_INTID_VIRTUAL_TIMER || c->guarded || below(c, 8) != 0))
        gic_end(intid);
}

/* A GICv2's interface keeps the priority of what was never ended, until another guest has had the core. */
static bool guard_works(struct context *c)
{
    uint64_t begin = now_virtual();

    mend_gic();
    write_sysreg(CNTV_CVAL_EL0, begin);
    write_sysreg(CNTV_CTL_EL0, 1);
    while ((read_sysreg(ISR_EL1) & ISR_IRQ) == 0 && now_virtual() - begin < microseconds(GUARD_US)) {
    }
    if ((read_sysreg(ISR_EL1) & ISR_IRQ) == 0)
        return false;
    take_interrupt(c);
    return read_sysreg(CNTV_CTL_EL0) == 0;
}

static unsigned attempt(struct context *c, const void *code, uint64_t spsr)
{
    c->spsr = spsr;
    c->sp = arena(c) + ARENA_DATA + 0x2000;
    unsigned vector = hostile_attempt(c, code);
    c->exceptions++;
    if ((vector & 3) == 1 || (vector & 3) == 2)
        take_interrupt(c);
    return vector;
}

static void run_snippet(struct context *c)
{
    uint64_t spsr = EL1H | (below(c, 4) == 0 ? IRQ_OPEN : MASKED);
    unsigned i = c->next++;

    for (unsigned n = 0; n < 3; n++)
        c->x[below(c, VALUES)] = draw_value(c);
    c->x[0] = draw_value(c);
    c->x[1] = below(c, 4) != 0 ? device_address(c) : draw_value(c);
    switch (c->how[i]) {
    case MMU_OFF:
        c->x[OFF] = SCTLR_OFF;
        if (below(c, 4) == 0)
            c->x[1] = draw_value(c);
        spsr = EL1H | MASKED;
        break;
    case WRITES_SCTLR:
        c->x[0] = (c->x[0] | 1) & ~(uint64_t)SCTLR_NOT;
        c->x[ON] = SCTLR_ON;
        spsr = EL1H | MASKED;
        break;
    case WRITES_VECTORS:
        c->x[GOOD] = (uintptr_t)hostile_vectors;
        spsr = EL1H | MASKED;
        break;
    case CALLS:
        set_call(c);
        break;
    case RETURNS:
        spsr = below(c, 2) != 0 ? draw(c) : (draw(c) & 0x3DF) | draw(c) << 20;
        break;
    default:
        break;
    }
    (void)attempt(c, c->code[i], spsr);
}

/* In all states: a branch at EL0 may lead to what was drawn for another. */
static uint32_t draw_for_el0(struct context *c)
{
    uint32_t word;

    do
        word = draw(c);
    while (ends_qemu(word));
    return word;
}

static void run_at_el0(struct context *c)
{
    static const uint64_t states[] = {EL0, EL0, EL0_A32, EL0_T32};
    uint64_t state = states[below(c, ARRAY_SIZE(states))];
    volatile uint32_t *code = (volatile uint32_t *)(arena(c) + below(c, 64) * 64);
    unsigned words = 1 + below(c, 12);

    for (unsigned i = 0; i < 14; i++)
        code[i] = i < words ? draw_for_el0(c) : state == EL0 ? BRK : state == EL0_A32 ? SVC_A32 : SVC_T32;
    for (unsigned i = 0; i < 14; i += 13)
        __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0" ::"r"(code + i) : "memory");
    __asm__ volatile("dsb ish\n\tisb" ::: "memory");
    for (unsigned i = 0; i < VALUES; i += 1 + below(c, 4))
        c->x[i] = below(c, 4) == 0 ? draw_value(c) : EL0_VIEW - GUEST_RAM_BASE + somewhere_in_arena(c);
    write_sysreg(SP_EL0, EL0_VIEW - GUEST_RAM_BASE + arena(c) + ARENA_DATA);
    set_guard();
    (void)attempt(c, (const void *)((uintptr_t)code + EL0_VIEW - GUEST_RAM_BASE),
                  state | (draw(c) & 0xF0000000));
}

/* A snippet while the tables for all but the program are random, as may be where a walk leads. */
static void run_in_wild_tables(struct context *c)
{
    static const uint64_t nexts[] = {GUEST_GICD_BASE, GUEST_UART_BASE, GUEST_STOLEN_TIME, 0,
                                     RAM_END,         0xFFFFFFF000};
    static const uint64_t blocks[] = {0, 0x80000000, 0xC0000000, 0xFFFFFFFF00000000, 0xFFFFFFFF80000000};
    volatile uint64_t *table = (volatile uint64_t *)(arena(c) + ARENA_TABLE);

    for (unsigned i = 0; i < 64; i++) {
        volatile uint64_t *entry = i != 1 && i < 4 ? &c->level1[i] : &table[below(c, 512)];
        uint64_t next = below(c, 2) != 0 ? (uintptr_t)table : nexts[below(c, ARRAY_SIZE(nexts))];
        uint64_t bits = below(c, 0x1000) | (draw_long(c) & 0xFFF0000000000000) | (below(c, 4) != 0 ? 3 : 0);
        /* A block of the first level would hold the program. */
        *entry = next | bits | (i < 4 && next != 0 ? 2 : 0);
    }
    write_sysreg(TTBR1_EL1, (uintptr_t)table);
    write_sysreg(TCR_EL1,
                 (c->tables[1] & ~(1ul << 23)) | 2ul << 30 | 32ul << 16 | (draw_long(c) & 3ul << 39));
    tlb_flush();
    for (unsigned n = 0; n < 4; n++) {
        c->x[1] = blocks[below(c, ARRAY_SIZE(blocks))] + (draw(c) & 0x3FFFFFFF);
        c->x[0] = draw_value(c);
        c->code[0][0] = draw_access(c);
        for (unsigned word = 1; word < SNIPPET_WORDS; word++)
            c->code[0][word] = BRK;
        __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(c->code[0])
                         : "memory");
        (void)attempt(c, c->code[0], EL1H | MASKED);
    }
    write_sysreg(TCR_EL1, c->tables[1]);
}

static void set_tables(struct context *c)
{
    c->level1[0] = 0x401ul | UINT64_C(3) << 53;
    c->level1[1] = GUEST_RAM_BASE | 0x705 | UINT64_C(1) << 54; /* EL0 can't execute the program either */
    c->level1[2] = 0x409;
    c->level1[3] = (uintptr_t)c->level2 | 3;
    c->level2[(arena(c) - GUEST_RAM_BASE) / ARENA_SIZE] = arena(c) | 0x745 | UINT64_C(1) << 53;
    tlb_flush();
}

/* Only an interrupt ends these. */
static void run_wait(struct context *c)
{
    unsigned kind = below(c, 4);

    if (!guard_works(c))
        return;
    set_guard();
    if (kind == 0)
        __asm__ volatile("wfe" ::: "memory");
    else if (kind == 1)
        (void)psci(PSCI_CPU_SUSPEND, draw(c), draw_value(c), draw_value(c));
    else
        wfi();
    if (kind != 0 && read_sysreg(CNTV_CTL_EL0) == 5)
        take_interrupt(c);
}

static void send_sgis(struct context *c)
{
    for (unsigned n = below(c, 16); n > 0; n--)
        gic_send(below(c, 8) != 0 ? below(c, cpus) : below(c, 8), below(c, 16));
}

static void write_page(struct context *c)
{
    volatile uint64_t *page = (volatile uint64_t *)(arena(c) + ARENA_DATA);

    (void)quick_call(ONTIME_CALL_PAGE, (uintptr_t)page, 0);
    for (unsigned n = below(c, 8); n > 0; n--) {
        page[below(c, 16)] = draw_value(c);
        page[0] = now_virtual() + small(c);
    }
}

/*
 * The other guest's accesses to a virtio device that this one serves may wait for it, and nothing else ends
 * the wait.
 */
static void let_driver_go_on(void)
{
    if (!serves)
        return;
    mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_CONTROL, ONTIME_SERVICE_READY);
    mmio_write(GUEST_SERVICE_BASE + ONTIME_SERVICE_ACK, 0);
}

static void hostile_loop(unsigned cpu);

/* CPU 0 brings back who has gone off. */
static void power_cpus(struct context *c)
{
    unsigned cpu = number_of(c);

    if (cpu != 0) {
        if (below(c, 4) == 0)
            (void)psci(PSCI_CPU_OFF, 0, 0, 0);
        return;
    }
    for (cpu = 1; cpu < cpus; cpu++)
        (void)cpu_start(cpu, hostile_loop);
}

static void one_operation(struct context *c)
{
    unsigned kind = below(c, 1000);

    if (kind < 1) {
        c->guarded = guard_works(c);
        for (unsigned n = c->guarded ? EL0_AT_ONCE : 0; n > 0; n--, c->done++)
            run_at_el0(c);
        c->guarded = false;
    } else if (kind < 5) {
        run_in_wild_tables(c);
        set_tables(c);
        make_snippets(c);
    } else if (kind < 7) {
        run_wait(c);
    } else if (kind < 15) {
        send_sgis(c);
    } else if (kind < 20) {
        write_page(c);
    } else if (kind < 21) {
        power_cpus(c);
    } else if (kind < 23) {
        let_driver_go_on();
    } else {
        if (c->next == SNIPPETS)
            make_snippets(c);
        run_snippet(c);
    }
    c->done++;
}

static void take_state(struct context *c)
{
    set_tables(c);
    c->tables[0] = (uintptr_t)c->level1;
    c->tables[1] = read_sysreg(TCR_EL1);
    write_sysreg(TTBR0_EL1, c->tables[0]);
    tlb_flush();
    write_sysreg(VBAR_EL1, (uintptr_t)hostile_vectors);
}

/* Each CPU's work. It begins anew when the CPU has been off, and goes on where it was. */
static void hostile_loop(unsigned cpu)
{
    struct context *c = &hostile_contexts[cpu];

    irq_disable();
    take_state(c);
    mend_gic();
    make_snippets(c);
    while (c->left > c->done)
        one_operation(c);
    if (cpu != 0)
        atomic_fetch_add(&finished, 1);
    while (atomic_load(&finished) != cpus - 1 ||
           cpu != 0) { /* nobody waits for what another has switched off */
        mend_gic();
        let_driver_go_on();
        if (cpu == 0)
            power_cpus(c);
        spin(microseconds(1000));
    }
}

static void next_life(void)
{
    for (;;)
        if (quick_call(ONTIME_CALL_ARM, ONTIME_NO_DEADLINE - 1, 0) == ONTIME_OK)
            (void)psci(life % 2 != 0 ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_RESET2, 0, 0, 0);
}

void guest_main(void)
{
    uint64_t operations = option_number("operations", 100000), done = 0, exceptions = 0, interrupts = 0;

    cpus = (unsigned)option_number("cpus", 1);
    serves = option("serves");
    seed = option_number("seed", 1);
    lives = option_number("lives", 1);
    life = lives > 1 ? ontime_stat(ONTIME_STAT_ARMED) : 0;
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        hostile_contexts[cpu].random = (seed * 1009 + life) * UINT64_C(0x9E3779B97F4A7C15) + cpu;
        hostile_contexts[cpu].left = operations;
    }
    hostile_loop(0);
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        done += hostile_contexts[cpu].done;
        exceptions += hostile_contexts[cpu].exceptions;
        interrupts += hostile_contexts[cpu].interrupts;
    }
    print("\nhostile: seed %lu life %lu operations %lu exceptions %lu interrupts %lu by %u.\n", seed, life,
          done, exceptions, interrupts, cpus);
    if (life + 1 < lives)
        next_life();
    result(true, "hostile", "\n");
}
