/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry, exception vectors and hypercalls of a bare-metal guest.
 *
 * The guest is a raw binary. It is entered at its first byte, and has to lie where it is linked, at 0x40080000. It
 * begins with the header of an arm64 Linux Image, but without the magic number; NAME.image is the same file with the
 * magic number. The address space has 4 GiB, in four blocks of 1 GiB:
 *
 *   0x00000000  devices, no execute
 *   0x40000000  RAM
 *   0x80000000  the devices again, executable, for tests of instruction aborts
 *   0xC0000000  physical 0x80000000, where a guest of up to 1 GiB has nothing
 */
#define STACK_SIZE 0x4000
#define BLOCK      0x401 /* valid, access flag */
#define DEVICE     (BLOCK | 0 << 2)
#define NORMAL     (BLOCK | 1 << 2 | 3 << 8)
#define UNCACHED   (BLOCK | 2 << 2 | 3 << 8)
#define NO_EXECUTE (3 << 53)

    .section .head, "ax"
    .global _start
_start:
    b boot
    .long 0
    .quad 0x80000         /* text offset */
    .quad _end - _start   /* image size */
    .quad 0x2             /* little-endian, 4 KiB pages, near the start of RAM */
    .quad 0, 0, 0
    .long 0, 0            /* bytes 56 to 59: the magic number, "ARM\x64" */

boot:
    adrp x9, entry_state
    add x9, x9, :lo12:entry_state
    stp x0, x1, [x9]
    stp x2, x3, [x9, #16]
    mrs x10, CurrentEL
    mrs x11, DAIF
    stp x10, x11, [x9, #32]
    mrs x10, SCTLR_EL1
    mrs x11, SPSel
    stp x10, x11, [x9, #48]
    mov x19, #0
    bl set_up_cpu
    b guest_start

    .global secondary_entry
secondary_entry: /* x0 = the CPU's number, by CPU_ON's context argument */
    mov x19, x0
    bl set_up_cpu
    mov x0, x19
    b secondary_start

/* x19 = the CPU's number: MMU, vectors, FP, stack. */
set_up_cpu:
    msr SPSel, #1
    adrp x9, vectors
    add x9, x9, :lo12:vectors
    msr VBAR_EL1, x9
    mov x9, #3 << 20
    msr CPACR_EL1, x9
    ldr x9, =0x44ff04 /* 0: device, 1: write-back, 2: uncached */
    msr MAIR_EL1, x9
    mrs x10, ID_AA64MMFR0_EL1
    and x10, x10, #7
    ldr x9, =(1 << 23 | 3 << 12 | 1 << 10 | 1 << 8 | 32)
    bfi x9, x10, #32, #3
    msr TCR_EL1, x9
    adrp x9, page_table
    add x9, x9, :lo12:page_table
    msr TTBR0_EL1, x9
    tlbi vmalle1
    ic iallu
    dsb nsh
    isb
    ldr x9, =0x30d01805 /* MMU, caches; alignment unchecked */
    msr SCTLR_EL1, x9
    isb
    msr TPIDR_EL1, x19
    adrp x9, stacks
    add x9, x9, :lo12:stacks
    add x10, x19, #1
    mov x11, #STACK_SIZE
    madd x9, x10, x11, x9
    mov sp, x9
    mov x29, xzr
    ret

    .text
    .macro vector kind
    .balign 128
    sub sp, sp, #272
    stp x0, x1, [sp]
    mov x1, #\kind
    b save
    .endm

    .balign 2048
    .global vectors
vectors:
    .irp kind, 4, 5, 6, 7, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15
    vector \kind
    .endr

save:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x2, ELR_EL1
    stp x30, x2, [sp, #240]
    mrs x2, SPSR_EL1
    str x2, [sp, #256]
    mov x0, sp
    bl exception
    ldp x30, x2, [sp, #240]
    msr ELR_EL1, x2
    ldr x2, [sp, #256]
    msr SPSR_EL1, x2
    ldp x28, x29, [sp, #224]
    ldp x26, x27, [sp, #208]
    ldp x24, x25, [sp, #192]
    ldp x22, x23, [sp, #176]
    ldp x20, x21, [sp, #160]
    ldp x18, x19, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #272
    eret

/*
 * void hypercall(uint64_t registers[18]): x0..x17 in and out, as SMCCC has them.
 */
    .global hypercall
hypercall:
    stp x29, x30, [sp, #-32]!
    str x18, [sp, #16]
    mov x18, x0
    .irp i, 2, 4, 6, 8, 10, 12, 14, 16
    ldr x\i, [x18, #8 * \i]
    .endr
    .irp i, 3, 5, 7, 9, 11, 13, 15, 17
    ldr x\i, [x18, #8 * \i]
    .endr
    ldp x0, x1, [x18]
    hvc #0
    .irp i, 0, 2, 4, 6, 8, 10, 12, 14, 16
    str x\i, [x18, #8 * \i]
    .endr
    .irp i, 1, 3, 5, 7, 9, 11, 13, 15, 17
    str x\i, [x18, #8 * \i]
    .endr
    ldr x18, [sp, #16]
    ldp x29, x30, [sp], #32
    ret

    .data
    .balign 64
    .global page_table
page_table:
    .quad 0x00000000 | DEVICE | NO_EXECUTE
    .quad 0x40000000 | NORMAL
    .quad 0x00000000 | UNCACHED
    .quad 0x80000000 | UNCACHED

    .bss
    .balign 16
    .global entry_state
entry_state:
    .space 64
stacks:
    .space 8 * STACK_SIZE
