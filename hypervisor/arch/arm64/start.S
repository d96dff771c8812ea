/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from firmware, with the arm64 Linux boot protocol (Documentation/arm64/booting.rst): MMU off, x0 = device
 * tree. Relocates the image, builds the first page tables (mmu.c, still with the MMU off), turns the MMU on and goes
 * to boot_main() with x0 = device tree.
 */
#include "layout.h"

#define SCTLR_OFF 0x30C50830 /* RES1 bits, M = C = I = A = 0 */
#define SCTLR_ON  0x30C51835 /* + M, C, I; A = 0: libfdt loads 8 bytes at 4-byte alignment; WXN is in mmu.c */

    .section .head, "ax"
    .global image_entry
image_entry:
    b start
    nop
    .quad 0                      /* text_offset: anywhere 2 MiB aligned */
    /* image_size comes here from the linker script */
    .section .head.rest, "a"
    .quad 0xA                    /* little-endian, 4 KiB pages, anywhere in memory */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

    .text
start:
    msr daifset, #15
    mrs x1, CurrentEL
    cmp x1, #(2 << 2)
    b.ne not_el2
    mov x19, x0
    ldr w1, =SCTLR_OFF
    msr sctlr_el2, x1
    isb

    /* Relocations: R_AARCH64_RELATIVE only (the linker script and hypervisor.mk see to it). */
    adrp x20, image_start
    add x20, x20, :lo12:image_start
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
    add x5, x5, x20
    str x5, [x20, x3]
    b 1b

2:  adrp x1, bss_start
    add x1, x1, :lo12:bss_start
    adrp x2, image_end
    add x2, x2, :lo12:image_end
3:  stp xzr, xzr, [x1], #16
    cmp x1, x2
    b.lo 3b

    adrp x1, boot_stack_end
    add x1, x1, :lo12:boot_stack_end
    mov sp, x1
    adrp x1, vectors
    add x1, x1, :lo12:vectors
    msr vbar_el2, x1
    mov x0, x19
    bl mmu_build

    /* What was written with the MMU off is in memory; no older line of the cache may hide it. */
    dsb sy
    mrs x3, ctr_el0
    ubfx x3, x3, #16, #4
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

    bl mmu_configure
    tlbi alle2
    ic iallu
    dsb nsh
    isb
    ldr w1, =SCTLR_ON
    msr sctlr_el2, x1
    isb
    mov x0, x19
    bl boot_main
    b .

not_el2:                          /* no console yet, and nobody to tell */
    wfi
    b not_el2

    /* A guard page, never mapped, lies below the stack. */
    .section .stacks, "aw", %nobits
    .balign STACK_GUARD
    .global boot_stack_guard
boot_stack_guard:
    .skip STACK_GUARD
    .skip STACK_SIZE
boot_stack_end:
