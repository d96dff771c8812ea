/* SPDX-License-Identifier: Apache-2.0 */
/* The map of emulated devices. */
#include "virt/mmio.h"
#include "core/vm.h"

bool mmio_handle(struct vcpu *vcpu, uint64_t address, struct mmio_access *access)
{
    if ((address & (access->size - 1)) != 0)
        return false;
    if (address - GUEST_UART_BASE < GUEST_UART_SIZE) {
        access->offset = address - GUEST_UART_BASE;
        return pl011_access(vcpu, access);
    }
    if (address - GUEST_GICD_BASE < GUEST_GICD_SIZE) {
        access->offset = address - GUEST_GICD_BASE;
        return vgic_distributor_access(vcpu, access);
    }
    if (address - GUEST_GICR_BASE < GUEST_GICR_SIZE * vcpu->vm->vcpu_count && gic->version == 3) {
        access->offset = address - GUEST_GICR_BASE;
        return vgic_redistributor_access(vcpu, access);
    }
    if (address - GUEST_GICC_DIR < GUEST_GICC_SIZE && gic->version == 2) {
        access->offset = address - GUEST_GICC_DIR;
        return vgic_interface_access(vcpu, access);
    }
    return false;
}
