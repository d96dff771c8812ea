/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest finds its RAM and its devices: guest physical addresses and interrupt numbers, as on QEMU's
 * virt machine. Shared by the hypervisor and its bare-metal guests; docs/abi.md describes it.
 */
#ifndef ONTIME_GUEST_MAP_H
#define ONTIME_GUEST_MAP_H

/* The distributor of the GIC; behind it a GICv2's CPU interface (two pages) or a GICv3's redistributors. */
#define GUEST_GICD_BASE 0x08000000UL
#define GUEST_GICD_SIZE 0x10000UL
#define GUEST_GICC_BASE 0x08010000UL /* GICv2: the first page is the machine's own, its GICV */
#define GUEST_GICC_DIR  0x08011000UL /* GICv2: the second page, GICC_DIR; emulated */
#define GUEST_GICC_PAGE 0x1000UL     /* the size of each */
#define GUEST_GICC_SIZE 0x10000UL    /* as the device tree gives it: the rest is empty */
#define GUEST_GICR_BASE 0x080A0000UL
#define GUEST_GICR_SIZE 0x20000UL /* of each vCPU's redistributor */

#define GUEST_UART_BASE 0x09000000UL /* a PL011 */
#define GUEST_UART_SIZE 0x1000UL

/* A page of Arm DEN0057 stolen-time records, one for each vCPU; the guest may only read it. */
#define GUEST_STOLEN_TIME 0x09010000UL

#define GUEST_RAM_BASE 0x40000000UL

/* INTIDs. PPIs begin at 16 and SPIs at 32: a device tree counts from there. */
#define GUEST_INTID_PPIS           16
#define GUEST_INTID_SPIS           32
#define GUEST_INTID_HYP_TIMER      26 /* named in the tree as on QEMU; never comes */
#define GUEST_INTID_VIRTUAL_TIMER  27
#define GUEST_INTID_SECURE_TIMER   29 /* the same */
#define GUEST_INTID_PHYSICAL_TIMER 30
#define GUEST_INTID_UART           33

#endif
