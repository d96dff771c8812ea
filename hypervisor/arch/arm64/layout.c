/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the numbers in layout.h, by which the assembly finds its data, with the structures they stand for.
 */
#include "layout.h"
#include <elf.h>
#include <stddef.h>
#include "arch/arm64/vcpu.h"
#include "base/memory.h"
#include "boot/arch_boot.h"
#include "vm/vm.h"

#define SAME(number, expression)                                                                             \
    _Static_assert((number) == (expression), #number " in layout.h is not " #expression)

SAME(0, offsetof(struct vcpu, arch.regs));
SAME(REGS_X(0), offsetof(struct arch_regs, x[0]));
SAME(REGS_X(30), offsetof(struct arch_regs, x[30]));
SAME(REGS_PC, offsetof(struct arch_regs, pc));
SAME(REGS_PC + 8, REGS_PSTATE);
SAME(REGS_PSTATE, offsetof(struct arch_regs, pstate));

SAME(START_AFFINITY, offsetof(struct core_start, affinity));
SAME(START_AFFINITY + 8, START_STACK);
SAME(START_STACK, offsetof(struct core_start, stack_end));
SAME(START_CPU, offsetof(struct core_start, cpu));
SAME(START_SIZE, sizeof(struct core_start));
SAME(CPU_INDEX, offsetof(struct cpu, index));

/* vectors.S goes on with the guest when a quick function returns 0. */
SAME(0, EXIT_RESUME);
SAME(1 << EXIT_LEAVE_BIT, EXIT_LEAVE);
SAME(0, EXIT_FURTHER &(1 << EXIT_LEAVE_BIT));

/* vcpu_enter()'s frame. An exit keeps the guest's x0 in `scratch` until it has found the vCPU. */
struct frame {
    struct vcpu *vcpu;
    uint64_t scratch;
    uint64_t x29, x30, x27, x28, x25, x26, x23, x24, x21, x22, x19, x20;
};

SAME(FRAME_VCPU, offsetof(struct frame, vcpu));
SAME(FRAME_SCRATCH, offsetof(struct frame, scratch));
SAME(FRAME_X29, offsetof(struct frame, x29));
SAME(FRAME_X27, offsetof(struct frame, x27));
SAME(FRAME_X25, offsetof(struct frame, x25));
SAME(FRAME_X23, offsetof(struct frame, x23));
SAME(FRAME_X21, offsetof(struct frame, x21));
SAME(FRAME_X19, offsetof(struct frame, x19));
SAME(FRAME_SIZE, sizeof(struct frame));
SAME(0, FRAME_SIZE % 16); /* the stack pointer's alignment */

#define SAME_PAIR(a, b, offset)                                                                              \
    SAME(offset, offsetof(struct arch_el1, a));                                                              \
    SAME((offset) + 8, offsetof(struct arch_el1, b))

EACH_EL1_PAIR(SAME_PAIR);
SAME(EL1_CNTKCTL_EL1, offsetof(struct arch_el1, cntkctl_el1));

#define MEMBERS(a, b, offset) uint64_t a, b

/* No register is left out of the list. */
struct listed {
    EACH_EL1_PAIR(MEMBERS);
    uint64_t cntkctl_el1;
};

SAME(sizeof(struct listed), sizeof(struct arch_el1));

/*
 * What system_registers.def says is switched has a member, and each member of struct arch_el1 is there: all
 * but sp_el1, which has no name at EL1.
 */
#define REGISTERS(name, op0, op1, crn, crm, op2, how, trap, why) how
#define SWITCHED(member)                                         SAME(8, sizeof(((struct arch_vcpu *)0)->member));
#define PSTATE
#define VIRTUAL
#define EMULATED
#define CONSTANT
#define CLOCK
#define ABSENT
#define OPEN
#include "system_registers.def"
#undef SWITCHED

#define IN_EL1(member)                                                                                       \
    (offsetof(struct arch_vcpu, member) >= offsetof(struct arch_vcpu, el1) &&                                \
     offsetof(struct arch_vcpu, member) < offsetof(struct arch_vcpu, el1) + sizeof(struct arch_el1))
#define SWITCHED(member) +IN_EL1(member) // NOLINT(bugprone-macro-parentheses): a summand
enum {
    switched_of_el1 = 0
#include "system_registers.def"
};
SAME(switched_of_el1, sizeof(struct arch_el1) / 8 - 1);

SAME(FP_Q(0), offsetof(struct arch_fp, v[0]));
SAME(FP_Q(31), offsetof(struct arch_fp, v[31]));
SAME(FP_FPSR, offsetof(struct arch_fp, fpsr));
SAME(FP_FPCR, offsetof(struct arch_fp, fpcr));

SAME(RELA_OFFSET, offsetof(Elf64_Rela, r_offset));
SAME(RELA_OFFSET + 8, RELA_INFO);
SAME(RELA_INFO, offsetof(Elf64_Rela, r_info));
SAME(RELA_ADDEND, offsetof(Elf64_Rela, r_addend));
SAME(RELA_SIZE, sizeof(Elf64_Rela));
SAME(RELA_RELATIVE, R_AARCH64_RELATIVE);

SAME(STACK_GUARD, MEMORY_PAGE);
SAME(0, STACK_SIZE % MEMORY_PAGE);
