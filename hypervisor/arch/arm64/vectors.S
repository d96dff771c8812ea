/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exception vectors of EL2, the way into a guest and the way out of it.
 *
 * vcpu_enter(vcpu) runs the loaded vCPU until the dispatcher is needed. It saves its caller's callee-saved
 * registers and the pointer to the vCPU in a frame on the stack (FRAME_... in layout.h). SP_EL2 points to
 * that frame while the guest runs, so an exit finds the vCPU there.
 *
 * An exit saves no more of the guest's registers than it must:
 *
 * 1. Only x0 to x17 and x30 are saved, which are those that a C function may change. (x18 is not one of
 *    them: EL2 is compiled with -ffixed-x18.)
 * 2. The quick function of the exit is called, exit_synchronous_quick() or exit_interrupt_quick(). When it
 *    returns 0, it has done all that there was to do, as for a vendor call or the virtual timer's
 *    interrupt. The registers of step 1 are loaded again and the guest goes on. Its other registers,
 *    ELR_EL2 and SPSR_EL2 have been in the CPU all the time.
 * 3. Otherwise these are saved too, and the second function of the exit is called, exit_synchronous() or
 *    exit_interrupt(). An SError has no quick function: step 1 is followed by step 3, with exit_serror().
 * 4. If exit_synchronous() or exit_serror() returns true, all registers are loaded again and the guest goes
 *    on. If it returns false, and always after exit_interrupt(), vcpu_enter() returns to the dispatcher.
 *    When exit_synchronous_quick() returned EXIT_LEAVE, vcpu_enter() returns without the call of step 3.
 */
#include "layout.h"
#include "register_bits.h"

#define EL2_WITH_SP_EL0 4 /* to el2_exception(); 0 to 3 are the four vectors of EL2 with SP_EL2 */

    /* Begins the next vector. An entry longer than VECTOR_SIZE fails to assemble: .org does not go back. */
    .set vectors_begun, 0
    .macro vector
    .balign VECTOR_SIZE
    .org vectors + vectors_begun * VECTOR_SIZE
    .set vectors_begun, vectors_begun + 1
    .endm

    /* A bug of EL2 ends at the beginning of the core's stack: the stack may have overflowed. */
    .macro el2_exception_of kind
    vector
    mov x0, #\kind
    b el2_bug
    .endm

    /* Saves the registers that C may change. Afterwards x0 = the vCPU. */
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

    /* Loads them again; x0 = the vCPU. */
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

    /* Saves the other registers; x0 = the vCPU. Changes x2 and x3. */
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

    /* Loads them again; x0 = the vCPU. Changes x2 and x3. */
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
    /* A CPU may speculate past an ERET, but not past these. */
    dsb nsh
    isb
    .endm

    .macro guest_exit quick, further
    vector
    save_scratch
    bl \quick
    cbnz x0, \further
    ldr x0, [sp, #FRAME_VCPU]
    load_scratch
    enter_guest
    .endm

    .section .vectors, "ax"
    .balign VECTORS_SIZE
    .global vectors
vectors:
    /* From EL2 while it uses SP_EL0, which it never does. */
    .rept 4
    vector
    mov x0, #EL2_WITH_SP_EL0
    b el2_exception
    .endr
    /* From EL2: synchronous, IRQ, FIQ, SError. Each is a bug, as EL2 keeps the last three masked. */
    .irp kind, 0, 1, 2, 3
    el2_exception_of \kind
    .endr
    /* From a guest: first from AArch64, then from AArch32, which exists at EL0 only. */
    .rept 2
    guest_exit exit_synchronous_quick, further_synchronous
    guest_exit exit_interrupt_quick, further_interrupt
    guest_exit exit_interrupt_quick, further_interrupt
    vector
    save_scratch
    b further_serror
    .endr
    .if vectors_begun * VECTOR_SIZE != VECTORS_SIZE
    .error "the table of vectors is not complete"
    .endif

    .text
el2_bug: /* x0 = the kind. CPU 0 has the boot's stack, and is the one that has no struct cpu yet */
    adrp x3, boot_stack_end
    add x3, x3, :lo12:boot_stack_end
    mrs x1, tpidr_el2
    cbz x1, 1f
    ldr w1, [x1, #CPU_INDEX]
    cbz w1, 1f
    adrp x2, core_starts
    add x2, x2, :lo12:core_starts
    mov w3, #START_SIZE
    umaddl x2, w1, w3, x2
    ldr x3, [x2, #START_STACK]
1:  mov sp, x3
    b el2_exception

further_synchronous: /* x0 = enum exit_way */
    mov x1, x0
    ldr x0, [sp, #FRAME_VCPU]
    save_rest
    tbnz x1, #EXIT_LEAVE_BIT, leave
    bl exit_synchronous
    b resume_or_leave

further_interrupt: /* x0 = the argument of exit_interrupt() */
    mov x1, x0
    ldr x0, [sp, #FRAME_VCPU]
    save_rest
    bl exit_interrupt
    b leave

further_serror: /* x0 = the vCPU */
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
