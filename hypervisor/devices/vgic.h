/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC: what is pending, active, enabled for each vCPU, and what of it is in list registers. The
 * state is in vm/vgic_state.h, the guest's view of it as registers in vgic_mmio.c. See vgic.c for how it
 * works.
 */
#ifndef DEVICES_VGIC_H
#define DEVICES_VGIC_H

#include <stdbool.h>
#include <stdint.h>
#include "devices/mmio.h"
#include "drivers/gic.h"
#include "ontime/guest_map.h"
#include "vm/vgic_state.h"

struct vcpu;

#define VGIC_INTIDS         64                        /* 16 SGIs, 16 PPIs, 32 SPIs */
#define VGIC_TIMER          GUEST_INTID_VIRTUAL_TIMER /* backed by the physical PPI of the same number */
#define VGIC_PHYSICAL_TIMER GUEST_INTID_PHYSICAL_TIMER
#define VGIC_UART           GUEST_INTID_UART

void vgic_init(struct vgic *vgic, unsigned vcpu_count);
void vgic_vcpu_init(struct vgic_vcpu *state);

/* The version the guests see: the machine's. */
unsigned vgic_version(void);

/* The level of an interrupt's source changes. Wakes a vCPU that waits for it. */
void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level);

/* An SGI from `source` becomes pending at `target`. */
void vgic_send_sgi(struct vcpu *target, unsigned sgi, const struct vcpu *source);

/* The loaded vCPU deactivates an interrupt by name, in EOI mode 1; any number. */
void vgic_deactivate(struct vcpu *vcpu, uint32_t intid);

/* The physical timer interrupt was acknowledged while this vCPU is loaded: it is now active in the GIC. */
void vgic_timer_fired(struct vcpu *vcpu);

/*
 * The same for a vCPU that runs, in the usual case: the list register is all that is to be written. False
 * when it is not so, and nothing was done.
 */
bool vgic_present_timer(struct vcpu *vcpu);

/* The virtual timer of this loaded vCPU has expired; its interrupt need not be waited for. */
void vgic_timer_expired(struct vcpu *vcpu);

/* Into the CPU and out of it. The vCPU's timer registers must be in the CPU during both. */
void vgic_load(struct vcpu *vcpu);
void vgic_save(struct vcpu *vcpu);

/* Brings the list registers up to date; called before entry when `dirty`. */
void vgic_refresh(struct vcpu *vcpu);

/* Would an interrupt wake this (loaded) vCPU from WFI? */
bool vgic_wakes(struct vcpu *vcpu);

/* The guest's registers (vgic_mmio.c): distributor, the VM's redistributors, a GICv2's second interface page.
 */
bool vgic_distributor_access(struct vcpu *vcpu, struct mmio_access *access);
bool vgic_redistributor_access(struct vcpu *vcpu, struct mmio_access *access);
bool vgic_interface_access(struct vcpu *vcpu, struct mmio_access *access);

#endif
