/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware without PSCI for QEMU's virt with secure=on and a GICv3: all cores begin here, at EL3 and address 0.
 * It leaves the GIC's interrupts to the non-secure world. The first core enters the kernel at EL2, the others
 * wait there for their entry in a spin table. QEMU has put a second copy of it into RAM, as EL2 cannot reach
 * the flash.
 */
#define COPY        0x47000000
#define SPIN_TABLE  0x47008000 /* 8 bytes for each core */
#define KERNEL      0x40200000
#define TREE        0x48000000
#define GICD        0x08000000
#define GICR        0x080A0000
#define ICC_SRE_EL3 S3_6_C12_C12_5
#define ICC_PMR_EL1 S3_0_C4_C6_0

begin:
    mrs x10, mpidr_el1
    and x10, x10, #0xff
    mov x1, #0x531 /* SCR_EL3: RW, HCE, NS */
    msr scr_el3, x1
    msr cptr_el3, xzr
    ldr x1, =62500000
    msr cntfrq_el0, x1
    mov x1, #0xf
    msr ICC_SRE_EL3, x1
    isb

    /* The redistributor is woken, and all that it has is in group 1. */
    ldr x1, =GICR
    add x1, x1, x10, lsl #17
    ldr w2, [x1, #0x14]
    bic w2, w2, #2
    str w2, [x1, #0x14]
1:  ldr w2, [x1, #0x14]
    tbnz w2, #2, 1b
    add x1, x1, #0x10000
    mov w2, #-1
    str w2, [x1, #0x80]
    mov w2, #0xff
    msr ICC_PMR_EL1, x2

    mov x0, #0
    mov x1, #0x3c9 /* EL2h, all masked */
    msr spsr_el3, x1
    msr sctlr_el2, xzr
    msr hcr_el2, xzr
    cbnz x10, other

    ldr x1, =GICD
    mov w2, #0x32 /* affinity routing in both worlds, non-secure group 1 on */
    str w2, [x1]
    mov w2, #-1
    add x1, x1, #0x80
    .rept 8
    add x1, x1, #4
    str w2, [x1]
    .endr
    ldr x0, =TREE
    ldr x1, =KERNEL
    msr elr_el3, x1
    eret

other:
    ldr x1, =COPY
    add x1, x1, #(spin - begin)
    msr elr_el3, x1
    eret
spin:
    ldr x2, =SPIN_TABLE
    add x2, x2, x10, lsl #3
2:  wfe
    ldr x1, [x2]
    cbz x1, 2b
    br x1
