/* SPDX-License-Identifier: Apache-2.0 */
/* What vgic.c and vgic_mmio.c share. All of it is used with the VM's vGIC lock held. */
#ifndef DEVICES_VGIC_BANKS_H
#define DEVICES_VGIC_BANKS_H

#include "vm/vm.h"

#define VGIC_INTID_END 1020 /* the first that is no interrupt's */

/* The SPIs of bank `b`, 1 or greater. */
static inline struct vgic_spis *vgic_spis(struct vm *vm, unsigned b)
{
    return &vm->vgic.spis[b - 1];
}

/* The bank an INTID lives in. */
static inline struct vgic_bank *vgic_bank_of(struct vcpu *vcpu, unsigned intid)
{
    return intid < 32 ? &vcpu->vgic.own : &vgic_spis(vcpu->vm, intid / 32)->bank;
}

/* The first INTID that the VM does not have. */
static inline unsigned vgic_intid_end(const struct vgic *vgic)
{
    unsigned end = 32 + 32 * vgic->spi_banks;

    return end < VGIC_INTID_END ? end : VGIC_INTID_END;
}

/* Brings all state of the vCPU into the banks, where it is already when the vCPU is not loaded. */
void vgic_pull(struct vcpu *vcpu);

/*
 * Interrupts that a list register of another core holds, of the bank that begins with the INTID `first`:
 * `set` are to be no longer pending, no longer active, or active, when that core has pulled.
 */
void vgic_clear_pending_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set);
void vgic_change_active_elsewhere(struct vcpu *vcpu, unsigned first, uint32_t set, bool active);

/* Which of the bank's were active, or else pending, when those cores pulled last. */
uint32_t vgic_seen_elsewhere(struct vcpu *vcpu, unsigned first, bool active);

/*
 * Have those of `others` (bit n: vCPU n) that are on other cores pulled since `vcpu`, which is about to read
 * what they hold, has asked them? If not, they have been asked, and it is to call this again.
 */
bool vgic_others_have_pulled(struct vcpu *vcpu, uint32_t others);

/* Makes an SGI from vCPU `source` pending at `target`, without waking that one. */
void vgic_latch_sgi(struct vcpu *target, unsigned sgi, unsigned source);

/* Sets where an SPI goes. One that a list register of another core holds goes there when that core has
 * pulled. */
void vgic_set_route(struct vm *vm, unsigned intid, uint32_t route);

/* After the guest has enabled or disabled SPIs of the bank that begins with `first`, in a VM that owns
 * devices. */
void vgic_enabled(struct vm *vm, unsigned first, uint32_t before);

void vgic_set_priority(struct vgic_bank *bank, unsigned n, uint8_t priority);

/*
 * After a change that may concern any vCPU of the VM: each is marked dirty, and woken if something is
 * deliverable to it. `banks`: those SPI banks in which anything has changed (bit n: bank n; others' bits mean
 * nothing), VGIC_ALL_BANKS when what is deliverable of any bank may have.
 */
void vgic_changed(struct vcpu *vcpu, uint32_t banks);
#define VGIC_ALL_BANKS UINT32_MAX

/*
 * The same after the guest has written registers of the distributor or of a redistributor: `timer_word`
 * follows, too.
 */
void vgic_configured(struct vcpu *vcpu, uint32_t banks);

#endif
