/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from firmware by the arm64 Linux boot protocol (Documentation/arm64/booting.rst): at EL2, MMU off,
 * x0 = device tree. efi.S has the entry from UEFI firmware, which comes here in the end. Relocates the image, zeroes .bss and the stacks, builds the first page tables (mmu.c),
 * turns the MMU on and calls boot_main() with x0 = device tree.
 */
#include "layout.h"
#include "register_bits.h"
#include "base/limits.h"

/*
 * Another core enters at core_entry, at EL2 with the MMU off, too: from PSCI or from a spin table. It finds
 * its stack and its structure by its affinity, uses the page tables that are there, and calls core_main().
 */

/*
 * The alignment check (A) stays off, as libfdt loads 8 bytes at 4-byte alignment. mmu.c makes all memory
 * no-execute that can be written, and WXN does so again: a wrong entry of the tables does not undo it.
 */
#define SCTLR_MMU_OFF SCTLR_EL2_RES1
#define SCTLR_MMU_ON  (SCTLR_EL2_RES1 | SCTLR_EL2_M | SCTLR_EL2_C | SCTLR_EL2_I | SCTLR_EL2_WXN)

#define IMAGE_4K_PAGES REGISTER_FIELD(1, 1)
#define IMAGE_ANYWHERE REGISTER_BIT(3) /* not only near the start of RAM */

/* Of the instruction add x13, x18, #0x16, which does no harm, the first two bytes are "MZ": efi.S. */
#define EFI_MAGIC 0x91005A4D

    /* The stack is set. */
    .macro mmu_on
    bl mmu_configure
    tlbi alle2
    ic iallu
    dsb nsh
    isb
    ldr w1, =SCTLR_MMU_ON
    msr sctlr_el2, x1
    isb
    .endm

    .section .head, "ax"
    .global image_entry
image_entry:
    .long EFI_MAGIC
    b start
    .quad 0 /* text_offset: the image begins at a multiple of 2 MiB */
    /* image_size comes here from the linker script */
    .section .head.rest, "a"
    .quad IMAGE_4K_PAGES | IMAGE_ANYWHERE
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long EFI_HEADER /* here, the next section of the image */

    .text
start:
    msr daifset, #DAIFSET_ALL
    mov x19, x0
    mrs x21, CurrentEL
    cmp x21, #CURRENTEL_EL2
    b.ne 1f /* to say so */
    ldr w1, =SCTLR_MMU_OFF
    msr sctlr_el2, x1
    isb

1:  bl relocate
    mov x20, x0
    adrp x1, bss_start
    add x1, x1, :lo12:bss_start
    adrp x2, image_end
    add x2, x2, :lo12:image_end
3:  stp xzr, xzr, [x1], #16
    cmp x1, x2
    b.lo 3b

    adrp x1, boot_stack_end
    add x1, x1, :lo12:boot_stack_end
    mov sp, x1
    cmp x21, #CURRENTEL_EL2
    b.ne tell_not_el2
    msr tpidr_el2, xzr
    adrp x1, vectors
    add x1, x1, :lo12:vectors
    msr vbar_el2, x1
    mov x0, x19
    bl mmu_build

    /* What was written with the MMU off went to memory. Drop stale lines of the cache that would hide it. */
    dsb sy
    mrs x3, ctr_el0
    ubfx x3, x3, #CTR_EL0_DMINLINE_SHIFT, #CTR_EL0_DMINLINE_WIDTH
    mov x4, #4
    lsl x3, x4, x3
    mov x1, x20
    adrp x2, image_end
    add x2, x2, :lo12:image_end
4:  dc ivac, x1
    add x1, x1, x3
    cmp x1, x2
    b.lo 4b
    dsb sy

    mmu_on
    mov x0, x19
    bl boot_main
    b .

/*
 * Relocates the image to where it is: R_AARCH64_RELATIVE only, as hypervisor.mk checks. Returns that place;
 * changes x0 to x5.
 */
    .global relocate
relocate:
    adrp x0, image_start
    add x0, x0, :lo12:image_start
    adrp x1, rela_start
    add x1, x1, :lo12:rela_start
    adrp x2, rela_end
    add x2, x2, :lo12:rela_end
1:  cmp x1, x2
    b.hs 2f
    ldp x3, x4, [x1, #RELA_OFFSET] /* offset, info */
    ldr x5, [x1, #RELA_ADDEND]
    add x1, x1, #RELA_SIZE
    cmp w4, #RELA_RELATIVE
    b.ne 1b
    add x5, x5, x0
    str x5, [x0, x3]
    b 1b
2:  ret

    .global core_entry
core_entry:
    msr daifset, #DAIFSET_ALL
    mrs x1, CurrentEL
    cmp x1, #CURRENTEL_EL2
    b.ne not_el2
    ldr w1, =SCTLR_MMU_OFF
    msr sctlr_el2, x1
    isb

    mrs x1, mpidr_el1
    ldr x2, =MPIDR_EL1_AFFINITY
    and x1, x1, x2
    adrp x19, core_starts
    add x19, x19, :lo12:core_starts
    mov w2, #MAX_CPUS
1:  ldp x3, x4, [x19, #START_AFFINITY] /* affinity, end of the stack; no stack: not started */
    cmp x3, x1
    ccmp x4, #0, #4, eq
    b.ne 2f
    add x19, x19, #START_SIZE
    subs w2, w2, #1
    b.ne 1b
    b not_el2

2:  mov sp, x4
    ldr x1, [x19, #START_CPU]
    msr tpidr_el2, x1
    adrp x1, vectors
    add x1, x1, :lo12:vectors
    msr vbar_el2, x1
    mmu_on
    ldr x0, [x19, #START_CPU]
    bl core_main
    b .

not_el2: /* a core that comes later: it is left out, as one that does not come */
    wfi
    b not_el2

tell_not_el2:
    mov x0, x19
    lsr x1, x21, #CURRENTEL_SHIFT
    bl boot_refuse
    b .

    /* The page below the stack is never mapped: an overflow faults. */
    .section .stacks, "aw", %nobits
    .balign STACK_GUARD
    .global boot_stack_guard
boot_stack_guard:
    .skip STACK_GUARD
    .skip STACK_SIZE
    .global boot_stack_end
boot_stack_end:
