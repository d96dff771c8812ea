/* SPDX-License-Identifier: Apache-2.0 */
/* What vgic.c and vgic_mmio.c share. All of it is used in the VM's vgic lock. */
#ifndef DEVICES_VGIC_BANKS_H
#define DEVICES_VGIC_BANKS_H

#include "vm/vm.h"

/* The bank an INTID lives in. */
static inline struct vgic_bank *vgic_bank_of(struct vcpu *vcpu, unsigned intid)
{
    return intid < 32 ? &vcpu->vgic.own : &vcpu->vm->vgic.spis;
}

/* All state into the banks. */
void vgic_pull(struct vcpu *vcpu);

/* An SGI, without waking. */
void vgic_latch_sgi(struct vcpu *target, unsigned sgi, unsigned source);

/* The vCPU that an SPI goes to, VGIC_NOBODY when there is none. */
unsigned vgic_spi_target(const struct vgic *vgic, unsigned intid);
#define VGIC_NOBODY UINT32_MAX

/* What the guest changed may concern any vCPU of the VM: each is refreshed, or woken when it waits. */
void vgic_changed(struct vcpu *vcpu);

/* The same after the guest has written the distributor's or a redistributor's registers. */
void vgic_configured(struct vcpu *vcpu);

#endif
