/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a guest finds its RAM and its devices: guest physical addresses and interrupt numbers, as on QEMU's
 * virt machine. Shared by the hypervisor and its bare-metal guests; docs/abi.md describes it.
 */
#ifndef ONTIME_GUEST_MAP_H
#define ONTIME_GUEST_MAP_H

/*
 * The GIC: its distributor, and behind that a GICv2's CPU interface or a GICv3's redistributors. The CPU
 * interface has two pages of GUEST_GICC_PAGE bytes. The first is GICV, a page of the machine's own GIC, and
 * the second, which holds GICC_DIR, is emulated. The device tree gives GUEST_GICC_SIZE bytes for both; there
 * is nothing behind the second page.
 */
#define GUEST_GICD_BASE 0x08000000UL
#define GUEST_GICD_SIZE 0x10000UL
#define GUEST_GICC_BASE 0x08010000UL /* GICv2: the first page */
#define GUEST_GICC_DIR  0x08011000UL /* GICv2: the second page */
#define GUEST_GICC_PAGE 0x1000UL
#define GUEST_GICC_SIZE 0x10000UL
#define GUEST_GICR_BASE 0x080A0000UL /* GICv3 */
#define GUEST_GICR_SIZE 0x20000UL    /* of each vCPU's redistributor */

#define GUEST_UART_BASE 0x09000000UL /* a PL011 */
#define GUEST_UART_SIZE 0x1000UL

#define GUEST_RTC_BASE 0x09010000UL /* a PL031, where the machine has one */
#define GUEST_RTC_SIZE 0x1000UL

/* The two pages of a generic watchdog (Arm DEN0094), where the system file gives the VM one. */
#define GUEST_WATCHDOG_CONTROL 0x090D0000UL
#define GUEST_WATCHDOG_REFRESH 0x090E0000UL
#define GUEST_WATCHDOG_SIZE    0x1000UL /* of each */

/* A page of Arm DEN0057 stolen-time records, one for each vCPU. The guest can read it and not write it. */
#define GUEST_STOLEN_TIME 0x090A0000UL

/*
 * The VM's links to others: a page of registers for each (ontime/link.h), and their memory, one behind the
 * other in the same order. QEMU has nothing here.
 */
#define GUEST_LINK_BASE       0x09100000UL
#define GUEST_LINK_SIZE       0x1000UL
#define GUEST_LINKS           16 /* the most of a VM */
#define GUEST_LINK_MEMORY     0x09400000UL
#define GUEST_LINK_MEMORY_END GUEST_DEVICES_END

/*
 * The VM's virtio devices that other VMs serve: the registers of virtio-mmio, GUEST_VIRTIO_SIZE bytes at the
 * beginning of a page for each.
 */
#define GUEST_VIRTIO_BASE   0x09200000UL
#define GUEST_VIRTIO_STRIDE 0x1000UL
#define GUEST_VIRTIO_SIZE   0x200UL
#define GUEST_VIRTIOS       16 /* the most that a VM drives, and the most that it serves */

/*
 * The virtio devices that the VM serves to others: a page of registers for each (ontime/service.h). The RAM
 * of the VMs that drive them is at GUEST_SERVED_RAM, that of each in a window of GUEST_SERVED_STRIDE bytes.
 */
#define GUEST_SERVICE_BASE  0x09300000UL
#define GUEST_SERVICE_SIZE  0x1000UL
#define GUEST_SERVED_RAM    0x1000000000UL
#define GUEST_SERVED_STRIDE 0x400000000UL

/*
 * QEMU's second flash, where firmware keeps its variables: here it is erased, so it reads as ones, and it
 * can't be written. There is no first one.
 */
#define GUEST_FLASH_BASE 0x04000000UL
#define GUEST_FLASH_SIZE 0x04000000UL

#define GUEST_RAM_BASE 0x40000000UL /* unless the system file says another place */

/* RAM keeps clear of this part of the map, where the devices are. */
#define GUEST_DEVICES     0x08000000UL
#define GUEST_DEVICES_END 0x0A000000UL

/*
 * INTIDs. PPIs begin at 16 and SPIs at 32: a device tree counts from there. The device tree names the
 * interrupts of the EL2 timer and of the secure timer because QEMU's does, but they never come.
 */
#define GUEST_INTID_PPIS           16
#define GUEST_INTID_SPIS           32
#define GUEST_INTID_HYP_TIMER      26 /* never comes */
#define GUEST_INTID_VIRTUAL_TIMER  27
#define GUEST_INTID_SECURE_TIMER   29 /* never comes */
#define GUEST_INTID_PHYSICAL_TIMER 30
#define GUEST_INTID_UART           33
#define GUEST_INTID_RTC            34
#define GUEST_INTID_WATCHDOG       42
#define GUEST_INTID_LINKS          48 /* of the first link; the others follow */
#define GUEST_INTID_VIRTIOS        64 /* of the first virtio device that the VM drives; the others follow */
#define GUEST_INTID_SERVICES       80 /* of the first that it serves; the others follow */

#endif
