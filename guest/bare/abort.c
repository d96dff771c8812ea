// SPDX-License-Identifier: Apache-2.0
/*
 * Accesses outside the guest's memory map, and unusual accesses inside it. An access outside must end in an
 * external abort of the right kind and address. An unusual one must end in an abort or give a value. The
 * guest must be able to go on, and the hypervisor must not be harmed.
 *
 * With the boot argument crash=nowhere the guest only jumps out of RAM. Its vectors lie outside RAM then, so
 * its CPU aborts for ever. crash=walk does the same, and also removes the page table's entry for RAM.
 */
#include "bare.h"

#define NOTHING    0xC0000000ul /* maps physical 0x80000000, which is behind the end of RAM */
#define NO_DEVICE  0x0B000000ul
#define EXECUTABLE 0x80000000ul /* maps the devices again, executable */
#define UART_ID    0xFE0u

/* Executes one load or store, whose address is in x0. */
#define ACCESS(instruction, at)                                                                              \
    CATCH(__asm__ volatile("mov x0, %0\n\t" instruction ::"r"((uintptr_t)(at)) : "x0", "x1", "x2", "memory"))

static void check_abort(const char *name, struct fault fault, uint64_t address, bool is_write)
{
    bool good = fault_class(fault) == CLASS_DATA && fault.far == address &&
                (fault.esr & 0x3F) == STATUS_EXTERNAL && (fault.esr >> 6 & 1) == is_write &&
                (fault.esr >> 25 & 1) == 1 && fault.count == 1;

    result(good, name, ": esr 0x%lx far 0x%lx\n", fault.count != 0 ? fault.esr : 0, fault.far);
}

static void check_outside(void)
{
    static const uintptr_t places[] = {NOTHING, NOTHING + 0x12340, NO_DEVICE, NO_DEVICE + 0x7FFF00, 0x10};

    unsigned count = ARRAY_SIZE(places) - !ontime_present(); /* bare QEMU has flash at the last place */

    for (unsigned i = 0; i < count; i++) {
        uintptr_t at = places[i];
        check_abort("read-byte", ACCESS("ldrb w1, [x0]", at + 3), at + 3, false);
        check_abort("read-half", ACCESS("ldrh w1, [x0]", at + 2), at + 2, false);
        check_abort("read-word", ACCESS("ldr w1, [x0]", at + 4), at + 4, false);
        check_abort("read-long", ACCESS("ldr x1, [x0]", at + 8), at + 8, false);
        check_abort("read-pair", ACCESS("ldp x1, x2, [x0]", at), at, false);
        check_abort("write-byte", ACCESS("strb w1, [x0]", at + 3), at + 3, true);
        check_abort("write-word", ACCESS("str w1, [x0]", at + 4), at + 4, true);
        check_abort("write-long", ACCESS("str xzr, [x0]", at + 8), at + 8, true);
        check_abort("read-writeback", ACCESS("ldr w1, [x0], #4", at), at, false);
        check_abort("read-to-zero", ACCESS("ldr wzr, [x0]", at), at, false);
    }
}

/* The access may give a value or a data abort. */
static void check_odd(const char *name, struct fault fault)
{
    unsigned class = fault_class(fault);

    result(class == CLASS_NONE || class == CLASS_DATA, name, ": esr 0x%lx\n", fault.esr);
    if (class != CLASS_NONE)
        print("  (abort, esr 0x%lx)\n", fault.esr);
}

static void check_odd_accesses(uintptr_t device)
{
    check_odd("byte-at-odd", ACCESS("ldrb w1, [x0, #1]", device));
    check_odd("half-unaligned", ACCESS("ldrh w1, [x0, #1]", device));
    check_odd("word-unaligned", ACCESS("ldr w1, [x0, #2]", device));
    check_odd("long-unaligned", ACCESS("ldr x1, [x0, #4]", device));
    check_odd("long", ACCESS("ldr x1, [x0]", device));
    check_odd("pair", ACCESS("ldp w1, w2, [x0]", device));
    check_odd("pair-store", ACCESS("stp wzr, wzr, [x0]", device));
    check_odd("post-index", ACCESS("ldr w1, [x0], #4", device));
    check_odd("pre-index-store", ACCESS("str wzr, [x0, #4]!", device));
    check_odd("exclusive", ACCESS("ldxr w1, [x0]", device));
    check_odd("acquire", ACCESS("ldar w1, [x0]", device));
    check_odd("vector", CATCH(__asm__ volatile(
                            ".arch_extension fp\n\t.arch_extension simd\n\tldr q0, [%0]" ::"r"(device)
                            : "memory")));
    check_odd("zero-cache-line", ACCESS("dc zva, x0", device));
    check_odd("clean-cache-line", ACCESS("dc civac, x0", device));
    check_odd("page-end", ACCESS("ldr x1, [x0]", (device & ~0xFFFul) + 0xFFC));
}

static void check_devices_still_work(void)
{
    expect_equal("uart-id", mmio_read(GUEST_UART_BASE + UART_ID), 0x11);
    struct fault fault = CATCH((void)mmio_read(GUEST_GICD_BASE + 4));
    expect_equal("gic-answers", fault.count, 0);
}

static struct fault call_address(uintptr_t address)
{
    return CATCH(__asm__ volatile("blr %0" ::"r"(address)
                                  : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11",
                                    "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x30", "memory"));
}

static void check_fetch(const char *name, uintptr_t address)
{
    struct fault fault = call_address(address);

    result(fault_class(fault) == CLASS_INSTRUCTION && fault.far == address &&
               (fault.esr & 0x3F) == STATUS_EXTERNAL,
           name, ": esr 0x%lx far 0x%lx\n", fault.esr, fault.far);
}

/* The page table's next level lies outside RAM, so the page table walk causes the abort. */
static void check_walk(void)
{
    uint64_t before = page_table[3];

    page_table[3] = 0x80000000 | 3;
    tlb_flush();
    struct fault fault = ACCESS("ldr w1, [x0]", NOTHING + 0x5000);
    page_table[3] = before;
    tlb_flush();
    unsigned status = (unsigned)fault.esr & 0x3F;
    result(fault_class(fault) == CLASS_DATA &&
               (status == STATUS_EXTERNAL || (status >= 0x14 && status <= 0x17)) &&
               fault.far == NOTHING + 0x5000,
           "table-walk", ": esr 0x%lx far 0x%lx\n", fault.esr, fault.far);
}

static void crash(void)
{
    print("abort: crashing now\n");
    write_sysreg(VBAR_EL1, NOTHING);
    if (option_is("crash", "walk")) {
        page_table[1] = 0;
        tlb_flush();
    }
    __asm__ volatile("br %0" ::"r"(NOTHING + 0x1000));
}

void guest_main(void)
{
    if (option("crash"))
        crash();
    check_outside();
    check_odd_accesses(GUEST_GICD_BASE + 0x100);
    if (gic_version == 3)
        check_odd_accesses(GUEST_GICR_BASE);
    check_odd_accesses(GUEST_UART_BASE + UART_IMSC);
    check_devices_still_work();
    check_fetch("fetch-outside", NOTHING + 0x100);
    if (ontime_present())
        check_fetch("fetch-device", EXECUTABLE + GUEST_UART_BASE);
    check_walk();
    check_devices_still_work();
}
