/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exception vectors of EL2 and the way into a guest and out of it.
 *
 * vcpu_enter(vcpu) runs the guest whose registers are at x0 until somebody else is to run or something is to be done
 * that the dispatcher does. While the guest runs, the stack holds EL2's callee-saved registers and, at its top, the
 * pointer to the vCPU and a free word.
 *
 * An exit does no more than it must. First only those of the guest's registers are saved that C may change (x0 to x17
 * and x30; x18 by -ffixed-x18 is nobody's), and a quick function is asked. If it has done all there is to do (a vendor call, the virtual timer's
 * interrupt), they are loaded again, and the guest goes on: the others, ELR and SPSR are still in the CPU. Otherwise
 * those are saved too, and the exit's other function does the rest. After an interrupt vcpu_enter() returns to the
 * dispatcher; after the other exits only if their function says so.
 */
#include "layout.h"

    .macro el2_exception_of kind
    .balign 128
    sub sp, sp, #16
    mov x0, #\kind
    b el2_exception
    .endm

    /* What C may change goes to memory; x0 = the vCPU. */
    .macro save_scratch
    str x0, [sp, #FRAME_SCRATCH]
    ldr x0, [sp, #FRAME_VCPU]
    stp x2, x3, [x0, #REGS_X(2)]
    stp x4, x5, [x0, #REGS_X(4)]
    stp x6, x7, [x0, #REGS_X(6)]
    stp x8, x9, [x0, #REGS_X(8)]
    stp x10, x11, [x0, #REGS_X(10)]
    stp x12, x13, [x0, #REGS_X(12)]
    stp x14, x15, [x0, #REGS_X(14)]
    stp x16, x17, [x0, #REGS_X(16)]
    str x30, [x0, #REGS_X(30)]
    ldr x2, [sp, #FRAME_SCRATCH]
    stp x2, x1, [x0, #REGS_X(0)]
    .endm

    /* x0 = the vCPU. */
    .macro load_scratch
    ldp x2, x3, [x0, #REGS_X(2)]
    ldp x4, x5, [x0, #REGS_X(4)]
    ldp x6, x7, [x0, #REGS_X(6)]
    ldp x8, x9, [x0, #REGS_X(8)]
    ldp x10, x11, [x0, #REGS_X(10)]
    ldp x12, x13, [x0, #REGS_X(12)]
    ldp x14, x15, [x0, #REGS_X(14)]
    ldp x16, x17, [x0, #REGS_X(16)]
    ldr x30, [x0, #REGS_X(30)]
    ldp x0, x1, [x0, #REGS_X(0)]
    .endm

    /* The others; x0 = the vCPU, x2 and x3 are free. */
    .macro save_rest
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x18, x19, [x0, #REGS_X(18)]
    stp x20, x21, [x0, #REGS_X(20)]
    stp x22, x23, [x0, #REGS_X(22)]
    stp x24, x25, [x0, #REGS_X(24)]
    stp x26, x27, [x0, #REGS_X(26)]
    stp x28, x29, [x0, #REGS_X(28)]
    stp x2, x3, [x0, #REGS_PC]
    .endm

    .macro load_rest
    ldp x2, x3, [x0, #REGS_PC]
    ldp x18, x19, [x0, #REGS_X(18)]
    ldp x20, x21, [x0, #REGS_X(20)]
    ldp x22, x23, [x0, #REGS_X(22)]
    ldp x24, x25, [x0, #REGS_X(24)]
    ldp x26, x27, [x0, #REGS_X(26)]
    ldp x28, x29, [x0, #REGS_X(28)]
    msr elr_el2, x2
    msr spsr_el2, x3
    .endm

    .macro enter_guest
    eret
    /* Nothing past an ERET may be executed, not even speculatively. */
    dsb nsh
    isb
    .endm

    .macro guest_exit quick, further
    .balign 128
    save_scratch
    bl \quick
    cbnz x0, \further
    ldr x0, [sp, #FRAME_VCPU]
    load_scratch
    enter_guest
    .endm

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
    el2_exception_of \kind
    .endr
    /* From a guest, AArch64 then AArch32 (EL0 only). */
    .rept 2
    guest_exit exit_synchronous_quick, further_synchronous
    guest_exit exit_interrupt_quick, further_interrupt
    guest_exit exit_interrupt_quick, further_interrupt
    .balign 128
    save_scratch
    b further_serror
    .endr

    .text
further_synchronous: /* x0 = enum exit_way */
    mov x1, x0
    ldr x0, [sp, #FRAME_VCPU]
    save_rest
    tbnz x1, #EXIT_LEAVE_BIT, leave
    bl exit_synchronous
    b resume_or_leave

further_interrupt: /* x0 = what was acknowledged */
    mov x1, x0
    ldr x0, [sp, #FRAME_VCPU]
    save_rest
    bl exit_interrupt
    b leave

further_serror:
    save_rest
    bl exit_serror

resume_or_leave: /* x0 = whether the guest goes on */
    cbz w0, leave
    ldr x0, [sp, #FRAME_VCPU]
resume:
    load_rest
    load_scratch
    enter_guest

leave:
    ldp x29, x30, [sp, #FRAME_X29]
    ldp x27, x28, [sp, #FRAME_X27]
    ldp x25, x26, [sp, #FRAME_X25]
    ldp x23, x24, [sp, #FRAME_X23]
    ldp x21, x22, [sp, #FRAME_X21]
    ldp x19, x20, [sp, #FRAME_X19]
    add sp, sp, #FRAME_SIZE
    ret

    .global vcpu_enter
vcpu_enter:
    sub sp, sp, #FRAME_SIZE
    str x0, [sp, #FRAME_VCPU]
    stp x29, x30, [sp, #FRAME_X29]
    stp x27, x28, [sp, #FRAME_X27]
    stp x25, x26, [sp, #FRAME_X25]
    stp x23, x24, [sp, #FRAME_X23]
    stp x21, x22, [sp, #FRAME_X21]
    stp x19, x20, [sp, #FRAME_X19]
    b resume

    /* EL1's registers; x0 = struct arch_el1. */
    .macro save_pair a, b, offset
    mrs x1, \a
    mrs x2, \b
    stp x1, x2, [x0, #\offset]
    .endm
    .macro load_pair a, b, offset
    ldp x1, x2, [x0, #\offset]
    msr \a, x1
    msr \b, x2
    .endm
#define SAVE_PAIR(a, b, offset) save_pair a, b, offset
#define LOAD_PAIR(a, b, offset) load_pair a, b, offset

    .global el1_save
el1_save:
    EACH_EL1_PAIR(SAVE_PAIR)
    mrs x1, cntkctl_el1
    str x1, [x0, #EL1_CNTKCTL_EL1]
    ret

    .global el1_load
el1_load:
    EACH_EL1_PAIR(LOAD_PAIR)
    ldr x1, [x0, #EL1_CNTKCTL_EL1]
    msr cntkctl_el1, x1
    ret

    /* The guest's SIMD and floating-point registers; x0 = struct arch_fp. EL2 itself never uses them. */
    .arch armv8-a+fp+simd
    .macro each_pair instruction
    .irp n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
    fp_pair \instruction, \n, %(\n + 1)
    .endr
    .endm
    .altmacro
    .macro fp_pair instruction, a, b
    \instruction q\a, q\b, [x0, #FP_Q(\a)]
    .endm

    .global fp_save
fp_save:
    each_pair stp
    mrs x1, fpsr
    mrs x2, fpcr
    str x1, [x0, #FP_FPSR]
    str x2, [x0, #FP_FPCR]
    ret

    .global fp_load
fp_load:
    each_pair ldp
    ldr x1, [x0, #FP_FPSR]
    ldr x2, [x0, #FP_FPCR]
    msr fpsr, x1
    msr fpcr, x2
    ret
