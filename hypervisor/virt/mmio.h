/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's access to an emulated device, and the map of those devices, see mmio.c. */
#ifndef VIRT_MMIO_H
#define VIRT_MMIO_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* One load or store; for a store `value` is what is stored, for a load it is filled in. */
struct mmio_access {
    uint64_t offset; /* from the device's first byte */
    unsigned size;   /* bytes: 1, 2, 4 or 8; naturally aligned */
    bool write;
    uint64_t value;
};

/* Carries out the access at guest physical `address`. False: nothing is there, or not with that size. */
bool mmio_handle(struct vcpu *vcpu, uint64_t address, struct mmio_access *access);

/* The devices. `GUEST_..._BASE` are guest physical addresses, as on QEMU's virt machine. */
#define GUEST_GICD_BASE UINT64_C(0x08000000)
#define GUEST_GICD_SIZE UINT64_C(0x10000)
#define GUEST_GICC_BASE UINT64_C(0x08010000) /* GICv2: this page is the machine's own, its GICV */
#define GUEST_GICC_DIR  UINT64_C(0x08011000) /* GICv2: the page behind it, emulated */
#define GUEST_GICC_SIZE UINT64_C(0x1000)     /* of each */
#define GUEST_GICR_BASE UINT64_C(0x080A0000)
#define GUEST_GICR_SIZE UINT64_C(0x20000) /* for each vCPU */
#define GUEST_UART_BASE UINT64_C(0x09000000)
#define GUEST_UART_SIZE UINT64_C(0x1000)

bool vgic_distributor_access(struct vcpu *vcpu, struct mmio_access *access);
bool vgic_redistributor_access(struct vcpu *vcpu, struct mmio_access *access);
bool vgic_interface_access(struct vcpu *vcpu, struct mmio_access *access);
bool pl011_access(struct vcpu *vcpu, struct mmio_access *access);

#endif
