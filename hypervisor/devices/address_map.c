/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated devices by guest physical address, as include/ontime/guest_map.h has them. */
#include "devices/address_map.h"
#include <stddef.h>
#include "devices/vgic.h"
#include "devices/vrtc.h"
#include "devices/vuart.h"

/* The caller takes of a value what the access has room for. */
static bool flash_access(struct mmio_access *access)
{
    access->value = UINT64_MAX;
    return true;
}

/* What is seldom accessed: out of line, so that the other devices need no register more. */
static __attribute__((noinline)) bool rare_access(struct vcpu *vcpu, uint64_t address,
                                                  struct mmio_access *access)
{
    if (address - GUEST_RTC_BASE < GUEST_RTC_SIZE && vcpu->vm->rtc != NULL) {
        access->offset = address - GUEST_RTC_BASE;
        return vrtc_access(vcpu, access);
    }
    if (address - GUEST_FLASH_BASE < GUEST_FLASH_SIZE) {
        access->offset = address - GUEST_FLASH_BASE;
        return flash_access(access);
    }
    return false;
}

bool address_map_access(struct vcpu *vcpu, uint64_t address, struct mmio_access *access)
{
    if ((address & (access->size - 1)) != 0)
        return false;
    if (address - GUEST_UART_BASE < GUEST_UART_SIZE) {
        access->offset = address - GUEST_UART_BASE;
        return vuart_access(vcpu, access);
    }
    if (address - GUEST_GICD_BASE < GUEST_GICD_SIZE) {
        access->offset = address - GUEST_GICD_BASE;
        return vgic_distributor_access(vcpu, access);
    }
    if (address - GUEST_GICR_BASE < GUEST_GICR_SIZE * vcpu->vm->vcpu_count && gic->version == 3) {
        access->offset = address - GUEST_GICR_BASE;
        return vgic_redistributor_access(vcpu, access);
    }
    if (address - GUEST_GICC_DIR < GUEST_GICC_PAGE && gic->version == 2) {
        access->offset = address - GUEST_GICC_DIR;
        return vgic_interface_access(vcpu, access);
    }
    return rare_access(vcpu, address, access);
}
