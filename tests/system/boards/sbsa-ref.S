/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware for QEMU's sbsa-ref, which has none in Debian: at EL3, from the first flash. It does what the arm64 boot
 * protocol wants of firmware and no more: interrupts are in the non-secure group 1, CPU 0 enters the image at EL2,
 * the others wait for CPU_ON, and PSCI, by SMC, can start them and switch the machine off.
 */
#define IMAGE        0x10000200000 /* scripts/qemu puts them there */
#define TREE         0x10008000000
#define GICD_IGROUPR 0x40060080
#define GICR_IGROUPR 0x40090080    /* of CPU 0 */
#define GICR_SIZE    0x20000
#define IGROUPRS     8             /* 256 interrupts */
#define MAILBOXES    0x20000000    /* secure RAM: of each CPU where it begins, and x0 */
#define CONTROLLER   0x50000000    /* the machine's */
#define POWER_OFF    1
#define CPUS         4

#define PSCI_VERSION    0x84000000
#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_CPU_ON     0xC4000003

#define SCR_EL3      0x531         /* the lower levels are non-secure and AArch64; HVC */
#define SPSR_EL2H    0x3C9
#define SCTLR_EL2    0x30C50830
#define ICC_SRE_EL3  S3_6_C12_C12_5
#define ICC_PMR_EL1  S3_0_C4_C6_0

    .text
    b reset

    /* Who calls by SMCCC 1.0 keeps nothing in x0 to x17. */
    .balign 0x800
vectors:
    .org vectors + 0x400
    ldr w4, =PSCI_VERSION
    cmp w0, w4
    b.eq version
    ldr w4, =PSCI_CPU_ON
    cmp w0, w4
    b.eq cpu_on
    ldr w4, =PSCI_SYSTEM_OFF
    cmp w0, w4
    b.eq power_off
    mov x0, #-1 /* NOT_SUPPORTED */
    eret
version:
    mov w0, #0x10000
    eret
power_off:
    ldr x0, =CONTROLLER
    mov w1, #POWER_OFF
    str w1, [x0]
    b .
cpu_on:
    and x1, x1, #0xFF
    mov x0, #-2 /* INVALID_PARAMETERS */
    cmp x1, #CPUS
    b.hs 1f
    ldr x0, =MAILBOXES
    add x0, x0, x1, lsl #4
    str x3, [x0, #8]
    dsb sy
    str x2, [x0]
    dsb sy
    sev
    mov x0, #0
1:  eret

reset:
    mov x1, #SCR_EL3
    msr scr_el3, x1
    msr cptr_el3, xzr
    msr mdcr_el3, xzr
    mov x1, #0xF
    msr ICC_SRE_EL3, x1
    isb
    mov x1, #0xFF
    msr ICC_PMR_EL1, x1 /* else EL2's own write of it would be ignored */
    adr x1, vectors
    msr vbar_el3, x1
    isb
    msr hcr_el2, xzr
    ldr x1, =SCTLR_EL2
    msr sctlr_el2, x1
    mov x1, #SPSR_EL2H
    msr spsr_el3, x1

    mrs x2, mpidr_el1
    and x2, x2, #0xFF
    ldr x1, =GICR_IGROUPR
    mov x3, #GICR_SIZE
    madd x1, x2, x3, x1
    mov w3, #-1
    str w3, [x1]
    cbnz x2, pen

    ldr x1, =GICD_IGROUPR
    mov x2, #IGROUPRS
1:  str w3, [x1], #4
    subs x2, x2, #1
    b.ne 1b
    ldr x1, =IMAGE
    msr elr_el3, x1
    ldr x0, =TREE
    eret

pen:
    ldr x1, =MAILBOXES
    add x1, x1, x2, lsl #4
1:  wfe
    ldr x2, [x1]
    cbz x2, 1b
    ldr x0, [x1, #8]
    str xzr, [x1]
    msr elr_el3, x2
    isb
    eret
    .ltorg
