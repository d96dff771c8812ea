/* SPDX-License-Identifier: Apache-2.0 */
/* Access to system registers and barriers. */
#ifndef ARM64_SYSREG_H
#define ARM64_SYSREG_H

#include <stdint.h>

#define read_sysreg(name)                                                                                    \
    __extension__({                                                                                          \
        uint64_t value_;                                                                                     \
        __asm__ volatile("mrs %0, " #name : "=r"(value_));                                                   \
        value_;                                                                                              \
    })
#define write_sysreg(name, value)                                                                            \
    do {                                                                                                     \
        uint64_t written_ = (value);                                                                         \
        __asm__ volatile("msr " #name ", %x0" : : "rZ"(written_));                                           \
    } while (0)

/* A later instruction sees the effect of earlier writes to system registers. */
static inline void isb(void)
{
    __asm__ volatile("isb" : : : "memory");
}

#define dsb(domain) __asm__ volatile("dsb " #domain : : : "memory")

/* GICv3 CPU interface, by encoding: assemblers know the names only with the right -march. */
#define ICC_PMR_EL1     S3_0_C4_C6_0
#define ICC_DIR_EL1     S3_0_C12_C11_1
#define ICC_IAR1_EL1    S3_0_C12_C12_0
#define ICC_EOIR1_EL1   S3_0_C12_C12_1
#define ICC_CTLR_EL1    S3_0_C12_C12_4
#define ICC_SRE_EL1     S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_SRE_EL2     S3_4_C12_C9_5
#define ICH_AP0R0_EL2   S3_4_C12_C8_0
#define ICH_AP0R1_EL2   S3_4_C12_C8_1
#define ICH_AP0R2_EL2   S3_4_C12_C8_2
#define ICH_AP0R3_EL2   S3_4_C12_C8_3
#define ICH_AP1R0_EL2   S3_4_C12_C9_0
#define ICH_AP1R1_EL2   S3_4_C12_C9_1
#define ICH_AP1R2_EL2   S3_4_C12_C9_2
#define ICH_AP1R3_EL2   S3_4_C12_C9_3
#define ICH_HCR_EL2     S3_4_C12_C11_0
#define ICH_VTR_EL2     S3_4_C12_C11_1
#define ICH_LR0_EL2     S3_4_C12_C12_0
#define ICH_VMCR_EL2    S3_4_C12_C11_7

#define read_sysreg_(name)         read_sysreg(name)
#define write_sysreg_(name, value) write_sysreg(name, value)

#endif
