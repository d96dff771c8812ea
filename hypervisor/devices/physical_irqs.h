/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who owns the machine's interrupts: Ontime itself, a VM, for one of its devices, or nobody. Owners are set
 * at boot and stay. What a VM's interrupt does then is in devices/vgic.c.
 */
#ifndef DEVICES_PHYSICAL_IRQS_H
#define DEVICES_PHYSICAL_IRQS_H

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Ontime's own, of whatever kind. Boot only. */
void physical_irq_keep(uint32_t intid);

/*
 * From now on the shared interrupt `intid` (32 and up) is the VM's SPI `virtual_intid`; `edge`: it is
 * edge-triggered, else level-sensitive. It is disabled until the guest enables its own. False when it has an
 * owner already, or the machine or the VM has no such interrupt. Boot only.
 */
bool physical_irq_give(struct vm *vm, uint32_t intid, uint32_t virtual_intid, bool edge);

/*
 * An interrupt that Ontime does nothing about itself was acknowledged on this core, and its priority dropped.
 * True when it is to stay active, as the VM that owns it deactivates it. One that nobody owns is masked, and
 * named on the console.
 */
bool physical_irq_came(uint32_t intid);

#endif
