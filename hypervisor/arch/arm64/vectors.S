/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exception vectors of EL2 and the way into a guest and out of it.
 *
 * vcpu_enter(regs) runs the guest whose registers are at x0 until it leaves by an exception and returns what kind:
 * 0 synchronous, 1 IRQ or FIQ, 2 SError. While the guest runs, the stack holds EL2's callee-saved registers and, at
 * its top, the pointer to the guest's registers.
 */
#define REGS_PC 248

    .section .vectors, "ax"
    .balign 2048
    .global vectors
vectors:
    /* From EL2 with SP_EL0: never used. */
    .rept 4
    .balign 128
    mov x0, #4
    b el2_exception
    .endr
    /* From EL2: a bug of ours; interrupts are always masked here. */
    .irp kind, 0, 1, 2, 3
    .balign 128
    sub sp, sp, #16
    mov x0, #\kind
    b el2_exception
    .endr
    /* From a guest, AArch64 then AArch32 (EL0 only). */
    .rept 2
    .irp kind, 0, 1, 1, 2
    .balign 128
    stp x0, x1, [sp, #-16]!
    mov x1, #\kind
    b guest_exit
    .endr
    .endr

    .text
guest_exit:
    ldr x0, [sp, #16]
    stp x2, x3, [x0, #16]
    stp x4, x5, [x0, #32]
    stp x6, x7, [x0, #48]
    stp x8, x9, [x0, #64]
    stp x10, x11, [x0, #80]
    stp x12, x13, [x0, #96]
    stp x14, x15, [x0, #112]
    stp x16, x17, [x0, #128]
    stp x18, x19, [x0, #144]
    stp x20, x21, [x0, #160]
    stp x22, x23, [x0, #176]
    stp x24, x25, [x0, #192]
    stp x26, x27, [x0, #208]
    stp x28, x29, [x0, #224]
    ldp x2, x3, [sp], #32
    stp x2, x3, [x0, #0]
    mrs x4, elr_el2
    mrs x5, spsr_el2
    stp x30, x4, [x0, #240]
    str x5, [x0, #REGS_PC + 8]
    mov x0, x1
    ldp x19, x20, [sp], #16
    ldp x21, x22, [sp], #16
    ldp x23, x24, [sp], #16
    ldp x25, x26, [sp], #16
    ldp x27, x28, [sp], #16
    ldp x29, x30, [sp], #16
    ret

    .global vcpu_enter
vcpu_enter:
    stp x29, x30, [sp, #-16]!
    stp x27, x28, [sp, #-16]!
    stp x25, x26, [sp, #-16]!
    stp x23, x24, [sp, #-16]!
    stp x21, x22, [sp, #-16]!
    stp x19, x20, [sp, #-16]!
    str x0, [sp, #-16]!
    ldp x1, x2, [x0, #REGS_PC]
    msr elr_el2, x1
    msr spsr_el2, x2
    ldp x2, x3, [x0, #16]
    ldp x4, x5, [x0, #32]
    ldp x6, x7, [x0, #48]
    ldp x8, x9, [x0, #64]
    ldp x10, x11, [x0, #80]
    ldp x12, x13, [x0, #96]
    ldp x14, x15, [x0, #112]
    ldp x16, x17, [x0, #128]
    ldp x18, x19, [x0, #144]
    ldp x20, x21, [x0, #160]
    ldp x22, x23, [x0, #176]
    ldp x24, x25, [x0, #192]
    ldp x26, x27, [x0, #208]
    ldp x28, x29, [x0, #224]
    ldr x30, [x0, #240]
    ldp x0, x1, [x0, #0]
    eret
    /* Nothing past an ERET may be executed, not even speculatively. */
    dsb nsh
    isb

    /* The guest's SIMD and floating-point registers; x0 = struct arch_fp. EL2 itself never uses them. */
    .arch armv8-a+fp+simd
    .macro each_pair instruction
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    fp_pair \instruction, \n, %(\n + 1)
    .endr
    .endm
    .altmacro
    .macro fp_pair instruction, a, b
    \instruction q\a, q\b, [x0, #16 * \a]
    .endm

    .global fp_save
fp_save:
    each_pair stp
    mrs x1, fpsr
    mrs x2, fpcr
    str x1, [x0, #512]
    str x2, [x0, #520]
    ret

    .global fp_load
fp_load:
    each_pair ldp
    ldr x1, [x0, #512]
    ldr x2, [x0, #520]
    msr fpsr, x1
    msr fpcr, x2
    ret
