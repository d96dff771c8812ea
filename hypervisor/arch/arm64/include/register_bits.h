/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bits and fields of system registers, of translation tables and of exception syndromes, for C and assembly.
 * The names are the Arm ARM's (D17 for registers, D8 for translation tables): REGISTER_FIELD is the field's
 * bits, and REGISTER_FIELD_VALUE the field with that value. Where registers of several exception levels have
 * one layout (ESR_ELx, SPSR_ELx), the level is left out.
 */
#ifndef ARM64_REGISTER_BITS_H
#define ARM64_REGISTER_BITS_H

#ifdef __ASSEMBLER__
#define REGISTER_FIELD(value, shift) ((value) << (shift))
#else
#include <stdint.h>
#define REGISTER_FIELD(value, shift) ((uint64_t)(value) << (shift))

/* The value in a register of the field that has these bits. */
#define REGISTER_GET(reg, bits)      ((reg) >> __builtin_ctzll(bits) & (bits) >> __builtin_ctzll(bits))
#endif
#define REGISTER_BIT(n) REGISTER_FIELD(1, n)

#define CURRENTEL_EL2   REGISTER_FIELD(2, 2)
#define CURRENTEL_SHIFT 2
#define DAIFSET_ALL     15

/* The bits whose names begin with T trap what is named. So in CPTR_EL2 and MDCR_EL2. */
#define HCR_EL2_VM        REGISTER_BIT(0)       /* stage 2 */
#define HCR_EL2_SWIO      REGISTER_BIT(1)       /* invalidation by set/way cleans too */
#define HCR_EL2_PTW       REGISTER_BIT(2)       /* a walk of stage 1's tables in device memory faults */
#define HCR_EL2_FMO       REGISTER_BIT(3)       /* FIQs go to EL2, and EL1 gets virtual ones */
#define HCR_EL2_IMO       REGISTER_BIT(4)       /* so IRQs */
#define HCR_EL2_AMO       REGISTER_BIT(5)       /* and SErrors */
#define HCR_EL2_VSE       REGISTER_BIT(8)       /* a virtual SError is pending */
#define HCR_EL2_FB        REGISTER_BIT(9)       /* TLB and instruction cache maintenance is broadcast */
#define HCR_EL2_BSU_INNER REGISTER_FIELD(1, 10) /* barriers reach the inner shareable domain at least */
#define HCR_EL2_TWI       REGISTER_BIT(13)      /* WFI */
#define HCR_EL2_TWE       REGISTER_BIT(14)      /* WFE */
#define HCR_EL2_TID3      REGISTER_BIT(18)      /* ID registers */
#define HCR_EL2_TSC       REGISTER_BIT(19)      /* SMC */
#define HCR_EL2_TIDCP     REGISTER_BIT(20)      /* implementation-defined registers */
#define HCR_EL2_TACR      REGISTER_BIT(21)      /* ACTLR_EL1 */
#define HCR_EL2_RW        REGISTER_BIT(31)      /* EL1 is AArch64 */
#define HCR_EL2_TLOR      REGISTER_BIT(35)      /* LORegions */
#define HCR_EL2_TERR      REGISTER_BIT(36)      /* RAS error records */

#define CPTR_EL2_RES1 (REGISTER_FIELD(0xFF, 0) | REGISTER_BIT(9) | REGISTER_BIT(13))
#define CPTR_EL2_TZ   REGISTER_BIT(8)  /* SVE */
#define CPTR_EL2_TSM  REGISTER_BIT(12) /* SME; RES1 without it */
#define CPTR_EL2_TTA  REGISTER_BIT(20) /* trace registers */
#define CPTR_EL2_TAM  REGISTER_BIT(30) /* activity monitors; RES0 without them */

#define HCRX_EL2_MSCEN REGISTER_BIT(11) /* EL1 and EL0 have the instructions that copy and set memory */

#define MPAM2_EL2_TRAPMPAM1EL1   REGISTER_BIT(48)
#define MPAM2_EL2_TRAPMPAM0EL1   REGISTER_BIT(49)
#define MPAM2_EL2_TIDR           REGISTER_BIT(58) /* MPAMIDR_EL1, with MPAMIDR_EL1.HAS_TIDR */
#define MPAMIDR_EL1_HAS_HCR      REGISTER_BIT(17)
#define MPAMIDR_EL1_HAS_TIDR     REGISTER_BIT(58)
#define MPAMHCR_EL2_TRAP_MPAMIDR REGISTER_BIT(31)

#define MDCR_EL2_TPMCR REGISTER_BIT(5) /* PMCR_EL0 */
#define MDCR_EL2_TPM   REGISTER_BIT(6) /* PMU */
#define MDCR_EL2_TDA   REGISTER_BIT(9) /* debug registers */
#define MDCR_EL2_TDOSA REGISTER_BIT(10)
#define MDCR_EL2_TDRA  REGISTER_BIT(11)
#define MDCR_EL2_TPMS  REGISTER_BIT(14) /* statistical profiling */
#define MDCR_EL2_TTRF  REGISTER_BIT(19) /* trace filter */

#define CNTHCTL_EL2_EL1PCTEN REGISTER_BIT(0) /* EL1 and EL0 may read the physical counter */

#define MPIDR_EL1_AFFINITY   0xFF00FFFFFF /* Aff3, and Aff2 to Aff0 */
#define VMPIDR_EL2_RES1      REGISTER_BIT(31)
#define VTTBR_EL2_VMID_SHIFT 48

/* SCTLR_EL2. M, C and I turn on the MMU, the data cache and the instruction cache. */
#define SCTLR_EL2_RES1                                                                                       \
    (REGISTER_FIELD(3, 4) | REGISTER_BIT(11) | REGISTER_BIT(16) | REGISTER_BIT(18) | REGISTER_FIELD(3, 22) | \
     REGISTER_FIELD(3, 28))
#define SCTLR_EL2_M   REGISTER_BIT(0)
#define SCTLR_EL2_C   REGISTER_BIT(2)
#define SCTLR_EL2_I   REGISTER_BIT(12)
#define SCTLR_EL2_WXN REGISTER_BIT(19) /* what can be written is never executed */

/* SCTLR_EL1. The first six are RES1 in Armv8.0. */
#define SCTLR_EL1_EOS    REGISTER_BIT(11)
#define SCTLR_EL1_TSCXT  REGISTER_BIT(20)
#define SCTLR_EL1_EIS    REGISTER_BIT(22)
#define SCTLR_EL1_SPAN   REGISTER_BIT(23)
#define SCTLR_EL1_NTLSMD REGISTER_BIT(28)
#define SCTLR_EL1_LSMAOE REGISTER_BIT(29)
#define SCTLR_EL1_DSSBS  REGISTER_BIT(44)

/* Stage 1 of EL2, and stage 2. IRGN0, ORGN0, SH0: table walks are write-back and inner shareable. */
#define TCR_EL2_RES1        (REGISTER_BIT(23) | REGISTER_BIT(31))
#define TCR_EL2_T0SZ(size)  REGISTER_FIELD(size, 0)
#define TCR_EL2_IRGN0_WB    REGISTER_FIELD(1, 8)
#define TCR_EL2_ORGN0_WB    REGISTER_FIELD(1, 10)
#define TCR_EL2_SH0_INNER   REGISTER_FIELD(3, 12)
#define TCR_EL2_PS(size)    REGISTER_FIELD(size, 16)
#define VTCR_EL2_RES1       REGISTER_BIT(31)
#define VTCR_EL2_T0SZ(size) REGISTER_FIELD(size, 0)
#define VTCR_EL2_SL0_LEVEL1 REGISTER_FIELD(1, 6) /* with the 4 KiB granule, as the next */
#define VTCR_EL2_SL0_LEVEL0 REGISTER_FIELD(2, 6)
#define VTCR_EL2_IRGN0_WB   REGISTER_FIELD(1, 8)
#define VTCR_EL2_ORGN0_WB   REGISTER_FIELD(1, 10)
#define VTCR_EL2_SH0_INNER  REGISTER_FIELD(3, 12)
#define VTCR_EL2_PS(size)   REGISTER_FIELD(size, 16)

/* Physical address sizes, as TCR_EL2.PS, VTCR_EL2.PS and ID_AA64MMFR0_EL1.PARange have them. */
#define PA_40_BITS 2
#define PA_44_BITS 4
#define PA_48_BITS 5

#define MAIR_ATTR(index, attribute) REGISTER_FIELD(attribute, 8 * (index))
#define MAIR_DEVICE_NGNRE           0x04
#define MAIR_NORMAL_WB              0xFF

/* Descriptors in a translation table, 4 KiB granule: what both stages have, then each its own. */
#define DESCRIPTOR_VALID    REGISTER_BIT(0)
#define DESCRIPTOR_TABLE    REGISTER_BIT(1) /* levels 0 to 2: not a block but a table; level 3: must be set */
#define DESCRIPTOR_SH_INNER REGISTER_FIELD(3, 8)
#define DESCRIPTOR_AF       REGISTER_BIT(10)
#define DESCRIPTOR_ADDRESS  REGISTER_FIELD(0xFFFFFFFFF, 12)

#define STAGE1_ATTRINDX(index) REGISTER_FIELD(index, 2) /* in MAIR_EL2 */
#define STAGE1_AP1             REGISTER_BIT(6)          /* RES1 at EL2 */
#define STAGE1_AP2             REGISTER_BIT(7)          /* read-only */
#define STAGE1_XN              REGISTER_BIT(54)

#define STAGE2_MEMATTR_DEVICE_NGNRE REGISTER_FIELD(1, 2)
#define STAGE2_MEMATTR_NORMAL_NC    REGISTER_FIELD(5, 2)
#define STAGE2_MEMATTR_NORMAL_WB    REGISTER_FIELD(15, 2)
#define STAGE2_S2AP_READ            REGISTER_BIT(6)
#define STAGE2_S2AP_WRITE           REGISTER_BIT(7)
#define STAGE2_XN                   REGISTER_FIELD(2, 53)

/* SPSR_ELx. M[4] is AArch32; M[3:0] has the exception level in its upper half, and says which stack pointer.
 */
#define SPSR_M             REGISTER_FIELD(15, 0)
#define SPSR_M_SP          REGISTER_BIT(0)
#define SPSR_M_EL0T        REGISTER_FIELD(0, 0)
#define SPSR_M_EL1H        REGISTER_FIELD(5, 0)
#define SPSR_M_AARCH32     REGISTER_BIT(4)
#define SPSR_I             REGISTER_BIT(7)
#define SPSR_DAIF          REGISTER_FIELD(15, 6)
#define SPSR_IT_HIGH_SHIFT 10
#define SPSR_IT_HIGH       REGISTER_FIELD(63, SPSR_IT_HIGH_SHIFT) /* AArch32: IT[7:2] */
#define SPSR_BTYPE         REGISTER_FIELD(3, 10)                  /* AArch64 */
#define SPSR_SSBS          REGISTER_BIT(12)
#define SPSR_SS            REGISTER_BIT(21)
#define SPSR_PAN           REGISTER_BIT(22)
#define SPSR_DIT           REGISTER_BIT(24)
#define SPSR_IT_LOW_SHIFT  25
#define SPSR_IT_LOW        REGISTER_FIELD(3, SPSR_IT_LOW_SHIFT) /* AArch32: IT[1:0] */
#define SPSR_NZCV          REGISTER_FIELD(15, 28)

/* The table at VBAR_ELx: four groups of four vectors, by where the exception comes from. */
#define VECTOR_SIZE            0x80
#define VECTORS_SAME_EL_SP_EL0 0x000
#define VECTORS_SAME_EL_SP_ELX 0x200
#define VECTORS_LOWER_AARCH64  0x400
#define VECTORS_LOWER_AARCH32  0x600
#define VECTORS_SIZE           0x800 /* and its alignment */

/* ESR_ELx: the exception class (EC), and the syndrome (ISS), which depends on the class. */
#define ESR_EC_SHIFT 26
#define ESR_EC       REGISTER_FIELD(63, ESR_EC_SHIFT)
#define ESR_IL       REGISTER_BIT(25) /* the instruction has 32 bits */

#define EC_UNKNOWN  UINT64_C(0x00)
#define EC_WFX      UINT64_C(0x01)
#define EC_HVC64    UINT64_C(0x16)
#define EC_SMC64    UINT64_C(0x17)
#define EC_REGISTER UINT64_C(0x18) /* MSR, MRS or a system instruction, AArch64 */
#define EC_IABORT   UINT64_C(0x20) /* instruction abort from a lower exception level */
#define EC_DABORT   UINT64_C(0x24) /* data abort from a lower exception level */
#define EC_SAME_EL  UINT64_C(1)    /* added to the two: from the same level */
#define EC_SERROR   UINT64_C(0x2F)

/* EC_WFX */
#define ISS_WFE     REGISTER_BIT(0)
#define ISS_WFXT    REGISTER_BIT(1)        /* with a timeout */
#define ISS_COND    REGISTER_FIELD(15, 20) /* AArch32: valid with CV */
#define ISS_CV      REGISTER_BIT(24)
#define ISS_COND_AL REGISTER_FIELD(14, 20)

/* EC_REGISTER: the direction, the system register, and the general register. */
#define ISS_READ   REGISTER_BIT(0)
#define ISS_CRM(n) REGISTER_FIELD(n, 1)
#define ISS_RT     REGISTER_FIELD(31, 5)
#define ISS_CRN(n) REGISTER_FIELD(n, 10)
#define ISS_OP1(n) REGISTER_FIELD(n, 14)
#define ISS_OP2(n) REGISTER_FIELD(n, 17)
#define ISS_OP0(n) REGISTER_FIELD(n, 20)
#define ISS_REGISTER(op0, op1, crn, crm, op2)                                                                \
    (ISS_OP0(op0) | ISS_OP1(op1) | ISS_CRN(crn) | ISS_CRM(crm) | ISS_OP2(op2))

/* EC_IABORT and EC_DABORT. SAS, SSE, SRT and SF are valid with ISV. */
#define ISS_WNR   REGISTER_BIT(6)  /* a write */
#define ISS_S1PTW REGISTER_BIT(7)  /* by a walk of stage 1's tables */
#define ISS_CM    REGISTER_BIT(8)  /* cache maintenance */
#define ISS_FNV   REGISTER_BIT(10) /* FAR_ELx is not valid */
#define ISS_SF    REGISTER_BIT(15) /* a 64-bit register */
#define ISS_SRT   REGISTER_FIELD(31, 16)
#define ISS_SSE   REGISTER_BIT(21)      /* sign-extended */
#define ISS_SAS   REGISTER_FIELD(3, 22) /* the size is 1 << SAS bytes */
#define ISS_ISV   REGISTER_BIT(24)

/* Fault status codes, in the lowest bits. All but FSC_EXTERNAL have the level of the table added. */
#define FSC_LEVEL         0x03
#define FSC_KIND(iss)     ((iss)&0x3C)
#define FSC_TRANSLATION   0x04
#define FSC_PERMISSION    0x0C
#define FSC_EXTERNAL      0x10
#define FSC_EXTERNAL_WALK 0x14

/* CNTP_CTL_EL0, CNTV_CTL_EL0, CNTHP_CTL_EL2. */
#define CNT_CTL_ENABLE  REGISTER_BIT(0)
#define CNT_CTL_IMASK   REGISTER_BIT(1)
#define CNT_CTL_ISTATUS REGISTER_BIT(2) /* expired */

#define ISR_EL1_F REGISTER_BIT(6)
#define ISR_EL1_I REGISTER_BIT(7)

/* The smallest line of data caches is 4 << DminLine bytes. */
#define CTR_EL0_DMINLINE_SHIFT 16
#define CTR_EL0_DMINLINE_WIDTH 4
#define CTR_EL0_DMINLINE       REGISTER_FIELD(15, CTR_EL0_DMINLINE_SHIFT)

#define DCZID_EL0_BS  REGISTER_FIELD(15, 0)  /* DC ZVA zeroes 4 << BS bytes */
#define DCZID_EL0_DZP REGISTER_BIT(4)        /* DC ZVA is prohibited */
#define PMCR_EL0_N    REGISTER_FIELD(31, 11) /* number of event counters */

/* Self-hosted debug. */
#define OSLAR_EL1_OSLK             REGISTER_BIT(0)
#define OSLSR_EL1_OSLK             REGISTER_BIT(1)
#define OSLSR_EL1_OSLM_IMPLEMENTED REGISTER_BIT(3)
#define OSDLR_EL1_DLK              REGISTER_BIT(0)
#define MDSCR_EL1_SS               REGISTER_BIT(0)  /* software step */
#define MDSCR_EL1_TDCC             REGISTER_BIT(12) /* EL0 may not use the debugger's channel */
#define MDSCR_EL1_KDE              REGISTER_BIT(13) /* debug exceptions from EL1 too */
#define MDSCR_EL1_MDE              REGISTER_BIT(15) /* breakpoints and watchpoints */
#define DBGBVR_EL1_RES0            REGISTER_FIELD(3, 0)
#define DBGBCR_EL1_BITS            (REGISTER_FIELD(0x1E7, 0) | REGISTER_FIELD(0x7FF, 13))
#define DBGWCR_EL1_BITS            (REGISTER_FIELD(0x3FFF, 0) | REGISTER_FIELD(0x7F, 14) | REGISTER_FIELD(31, 24))

#define ICC_SRE_EL1_SRE REGISTER_BIT(0) /* system registers, not memory */
#define ICC_SRE_EL1_DFB REGISTER_BIT(1)
#define ICC_SRE_EL1_DIB REGISTER_BIT(2)

#define ICC_DIR_EL1_INTID REGISTER_FIELD(0xFFFFFF, 0)
#define ICC_SGI1R_AFF1    REGISTER_FIELD(0xFF, 16)
#define ICC_SGI1R_INTID   REGISTER_FIELD(15, 24)
#define ICC_SGI1R_AFF2    REGISTER_FIELD(0xFF, 32)
#define ICC_SGI1R_IRM     REGISTER_BIT(40) /* to all but oneself */
#define ICC_SGI1R_RS      REGISTER_FIELD(15, 44)
#define ICC_SGI1R_AFF3    REGISTER_FIELD(0xFF, 48)

/* ID registers: what Ontime itself asks. Their fields have 4 bits. id_registers.def has all of them. */
#define ID_FIELD(shift) REGISTER_FIELD(15, shift)

#define ID_AA64PFR0_EL1_RAS           ID_FIELD(28)
#define ID_AA64PFR0_EL1_MPAM          ID_FIELD(40)
#define ID_AA64PFR0_EL1_AMU           ID_FIELD(44)
#define ID_AA64PFR0_EL1_CSV2          ID_FIELD(56)
#define ID_AA64PFR0_EL1_CSV2_BRANCHES 1 /* predicted branches of one context are not another's */
#define ID_AA64PFR0_EL1_CSV2_HISTORY  3 /* nor what led to them */

#define ID_AA64PFR1_EL1_SSBS      ID_FIELD(4)
#define ID_AA64PFR1_EL1_MPAM_FRAC ID_FIELD(16)
#define ID_AA64PFR1_EL1_SME       ID_FIELD(24)
#define ID_AA64PFR1_EL1_GCS       ID_FIELD(44)

#define ID_AA64DFR0_EL1_PMUVER         ID_FIELD(8)
#define ID_AA64DFR0_EL1_PMUVER_IMP_DEF 15
#define ID_AA64DFR0_EL1_BRPS           ID_FIELD(12)
#define ID_AA64DFR0_EL1_WRPS           ID_FIELD(20)
#define ID_AA64DFR0_EL1_DOUBLELOCK     ID_FIELD(36)
#define ID_AA64DFR0_EL1_TRACEFILT      ID_FIELD(40)
#define ID_AA64DFR0_EL1_BRBE           ID_FIELD(52)

#define ID_AA64ISAR0_EL1_RNDR ID_FIELD(60)

#define ID_AA64ISAR2_EL1_MOPS ID_FIELD(16)

#define ID_AA64MMFR0_EL1_PARANGE  ID_FIELD(0)
#define ID_AA64MMFR0_EL1_FGT      ID_FIELD(56)
#define ID_AA64MMFR0_EL1_FGT_FGT2 2

#define ID_AA64MMFR1_EL1_PAN ID_FIELD(20)
#define ID_AA64MMFR1_EL1_HCX ID_FIELD(40)

#define ID_AA64MMFR3_EL1_TCRX   ID_FIELD(0)
#define ID_AA64MMFR3_EL1_SCTLRX ID_FIELD(4)

#endif
