/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC: what is pending, active, enabled for each vCPU, and what of it is in list registers. The
 * state is in vm/vgic_state.h, the guest's view of it as registers in vgic_mmio.c. vgic.c says how it works.
 *
 * All functions but vgic_version() and the two init ones take the VM's vGIC lock. Those about a loaded vCPU
 * are called on its CPU.
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
struct vm;

#define VGIC_TIMER          GUEST_INTID_VIRTUAL_TIMER /* backed by the physical PPI of the same number */
#define VGIC_PHYSICAL_TIMER GUEST_INTID_PHYSICAL_TIMER
#define VGIC_UART           GUEST_INTID_UART
#define VGIC_RTC            GUEST_INTID_RTC
#define VGIC_WATCHDOG       GUEST_INTID_WATCHDOG

/*
 * Sets a VM's part, or a vCPU's, as after a reset. The VM's vGIC lock is held, and stays so. The first
 * vgic_init() of a VM, at boot, takes memory for its SPIs: for `spi_banks` times 32.
 */
void vgic_init(struct vgic *vgic, unsigned vcpu_count);

/*
 * The same in steps, from 0 on: a bank of SPIs each, then the rest. True: there is another. The lock need not
 * be held between.
 */
bool vgic_reset_step(struct vgic *vgic, unsigned vcpu_count, unsigned step);

void vgic_vcpu_init(struct vgic_vcpu *state);

/* The version the guests see: the machine's. */
unsigned vgic_version(void);

/*
 * The level of an interrupt's source changes. Of an SPI, `vcpu` is any vCPU of the VM. Wakes a vCPU that
 * waits for it.
 */
void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level);

/*
 * An SPI of the VM is from now on the physical interrupt `physical`, which is disabled until the guest
 * enables its own. False when it is one already, or the VM has no such SPI; before the first vgic_init() it
 * gets as many as that takes. Boot only.
 */
bool vgic_give(struct vm *vm, unsigned intid, unsigned physical);

/* The VM's guest has the SPI `intid`, below 1020, and all before it. Boot only, before the first vgic_init().
 */
void vgic_need_spi(struct vm *vm, unsigned intid);

/* The physical interrupt of such an SPI was acknowledged on this core: it is active in the GIC, and stays so.
 */
void vgic_physical_fired(struct vm *vm, unsigned intid);

/*
 * An SPI of a VM becomes pending, as by a write of GICD_ISPENDR, on whatever core the caller is. One that is
 * pending in the bank already costs no more than the lock, and nobody is told of one that the guest does not
 * let through. If it is `urgent`, the vCPU that it goes to is warped. Else `lender`, the running vCPU, lends
 * that one its warp, if it has one (vcpu_lend_warp()); or NULL.
 */
void vgic_latch_spi(struct vm *vm, unsigned intid, bool urgent, struct vcpu *lender);

/* Another core has changed the vCPU's interrupts: brings its list registers up to date if it is loaded. */
void vgic_look(struct vcpu *vcpu);

/* An SGI from `source` becomes pending at the vCPUs whose bits are set in `targets`; others are ignored. */
void vgic_send_sgis(struct vcpu *source, unsigned sgi, uint32_t targets);

/* The loaded vCPU deactivates an interrupt by name, in EOI mode 1. `intid` may be any number. */
void vgic_deactivate(struct vcpu *vcpu, uint32_t intid);

/*
 * The virtual timer's physical interrupt was acknowledged while this vCPU is loaded: it is now active in the
 * GIC.
 */
void vgic_timer_fired(struct vcpu *vcpu);

/*
 * The same for a vCPU that runs, in the usual case, when a list register is all that is to be written. False
 * when it is not so, and nothing was done.
 */
bool vgic_present_timer(struct vcpu *vcpu);

/*
 * The virtual timer of this loaded vCPU has expired: its interrupt is pending, even if the physical one was
 * not taken yet.
 */
void vgic_timer_expired(struct vcpu *vcpu);

/*
 * Keeps the virtual timer's interrupt from the guest until vgic_release_timer(), whether it is pending or
 * not. False, and nothing is changed, when the guest is serving it. On the vCPU's core.
 */
bool vgic_defer_timer(struct vcpu *vcpu);
void vgic_release_timer(struct vcpu *vcpu);

/*
 * Puts a vCPU's interrupts and its CPU interface into the CPU, and takes them out. The vCPU's timer registers
 * are in the CPU during both.
 */
void vgic_load(struct vcpu *vcpu);
void vgic_save(struct vcpu *vcpu);

/* Brings the list registers of the loaded vCPU up to date. Called before its entry when it is `dirty`. */
void vgic_refresh(struct vcpu *vcpu);

/* Would an interrupt that is pending wake this loaded vCPU from WFI? */
bool vgic_wakes(struct vcpu *vcpu);

/* The same of SPIs only. */
bool vgic_has_spi_to_take(struct vcpu *vcpu);

/* Is an interrupt pending for this loaded vCPU that the distributor lets through, whatever its interface
 * does? */
bool vgic_has_deliverable(struct vcpu *vcpu);

/*
 * Fills in the VM's gic_registers, as it has vcpu_count vCPUs: the distributor, then the redistributors of a
 * GICv3 or the second page of a GICv2's CPU interface. Boot only.
 */
void vgic_make_registers(struct vm *vm);

/* The guest's access to the distributor (vgic_mmio.c). */
bool vgic_distributor_access(struct vcpu *vcpu, struct mmio_access *access);

#endif
