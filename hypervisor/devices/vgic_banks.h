/* SPDX-License-Identifier: Apache-2.0 */
/* What vgic.c and vgic_mmio.c share. All of it is used with the VM's vGIC lock held. */
#ifndef DEVICES_VGIC_BANKS_H
#define DEVICES_VGIC_BANKS_H

#include "vm/vm.h"

/* The bank an INTID lives in. */
static inline struct vgic_bank *vgic_bank_of(struct vcpu *vcpu, unsigned intid)
{
    return intid < 32 ? &vcpu->vgic.own : &vcpu->vm->vgic.spis;
}

/* Brings all state of the vCPU into the banks, where it is already when the vCPU is not loaded. */
void vgic_pull(struct vcpu *vcpu);

/*
 * Interrupts that a list register of another core holds, of the bank that begins with the INTID `first`:
 * `set` are to be no longer pending, no longer active, or active, when that core has pulled.
 */
void vgic_clear_pending_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set);
void vgic_change_active_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set, bool active);

/* Which of them were active, or else pending, when that core pulled last. */
uint32_t vgic_seen_elsewhere(struct vcpu *vcpu, unsigned first, bool active);

/*
 * Have those of `others` (bit n: vCPU n) that are on other cores pulled since `vcpu`, which is about to read
 * what they hold, has asked them? If not, they have been asked, and it is to call this again.
 */
bool vgic_others_have_pulled(struct vcpu *vcpu, uint32_t others);

/* Makes an SGI from vCPU `source` pending at `target`, without waking that one. */
void vgic_latch_sgi(struct vcpu *target, unsigned sgi, unsigned source);

/* The index of the vCPU that an SPI goes to, VGIC_NOBODY when there is none. */
unsigned vgic_spi_target(const struct vgic *vgic, unsigned intid);
#define VGIC_NOBODY UINT32_MAX

/*
 * Sets where SPI 32 + n goes, which vCPU is to end it once it is active. One that a list register of another
 * core holds goes there when that core has pulled.
 */
void vgic_set_route(struct vm *vm, unsigned n, uint32_t route);
void vgic_set_holder(struct vgic *vgic, unsigned n, unsigned index);

void vgic_set_priority(struct vgic_bank *bank, unsigned n, uint8_t priority);

/*
 * After a change that may concern any vCPU of the VM: each is marked dirty, and woken if something is
 * deliverable to it.
 */
void vgic_changed(struct vcpu *vcpu);

/*
 * The same after the guest has written registers of the distributor or of a redistributor: `timer_word`
 * follows, too.
 */
void vgic_configured(struct vcpu *vcpu);

#endif
