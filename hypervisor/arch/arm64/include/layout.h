/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where vectors.S and start.S find what is C's or the linker's. An assembler cannot ask for the place of a
 * member, so the places are numbers here, and layout.c compares each with the structure that it belongs to at
 * compile time.
 */
#ifndef ARM64_LAYOUT_H
#define ARM64_LAYOUT_H

/* struct arch_regs, with which struct vcpu begins. pc and pstate are loaded and stored as a pair. */
#define REGS_X(n)   (8 * (n))
#define REGS_PC     248
#define REGS_PSTATE 256

/* struct core_start, and the member of struct cpu by which a CPU finds its own. */
#define START_AFFINITY 0 /* and its stack's end; loaded as a pair */
#define START_STACK    8
#define START_CPU      16
#define START_SIZE     24
#define CPU_INDEX      32

/* The bit that tells EXIT_LEAVE from EXIT_FURTHER, of enum exit_way. */
#define EXIT_LEAVE_BIT 0

/* What vcpu_enter() keeps on the stack while the guest runs: layout.c has it as a structure. */
#define FRAME_VCPU    0
#define FRAME_SCRATCH 8
#define FRAME_X29     16 /* x29 and x30; the others are pairs too */
#define FRAME_X27     32
#define FRAME_X25     48
#define FRAME_X23     64
#define FRAME_X21     80
#define FRAME_X19     96
#define FRAME_SIZE    112

/*
 * The system registers of struct arch_el1, in pairs: pair(a, b, offset) for each, the offset being a's. Its
 * members have the registers' names.
 */
#define EACH_EL1_PAIR(pair)                                                                                  \
    pair(sp_el0, sp_el1, 0);                                                                                 \
    pair(elr_el1, spsr_el1, 16);                                                                             \
    pair(sctlr_el1, cpacr_el1, 32);                                                                          \
    pair(ttbr0_el1, ttbr1_el1, 48);                                                                          \
    pair(tcr_el1, mair_el1, 64);                                                                             \
    pair(amair_el1, contextidr_el1, 80);                                                                     \
    pair(vbar_el1, esr_el1, 96);                                                                             \
    pair(far_el1, afsr0_el1, 112);                                                                           \
    pair(afsr1_el1, par_el1, 128);                                                                           \
    pair(csselr_el1, tpidr_el0, 144);                                                                        \
    pair(tpidrro_el0, tpidr_el1, 160)
#define EL1_CNTKCTL_EL1 176 /* has no partner */

/* struct arch_fp */
#define FP_Q(n) (16 * (n))
#define FP_FPSR 512
#define FP_FPCR 520

/* Elf64_Rela, and the one type of relocation that the image has. */
#define RELA_OFFSET   0 /* and its info; loaded as a pair */
#define RELA_INFO     8
#define RELA_ADDEND   16
#define RELA_SIZE     24
#define RELA_RELATIVE 1027 /* R_AARCH64_RELATIVE */

/* Where in the image its PE header is, right behind the header of arm64 Images. */
#define EFI_HEADER 64

/* EL2's stack, and the page below it that is never mapped. */
#define STACK_SIZE  16384
#define STACK_GUARD 4096

#endif
