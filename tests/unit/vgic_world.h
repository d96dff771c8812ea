/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM on one CPU for the tests of the virtual GIC: its vCPUs, their virtual timers, a guest's accesses to
 * the GIC's registers, and what the hypervisor does before it enters the guest again. Each function that is
 * something the guest or a device does ends with that.
 */
#ifndef TESTS_VGIC_WORLD_H
#define TESTS_VGIC_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/vm.h"
#include "fake_gic.h"
#include "devices/address_map.h"
#include "devices/vgic.h"

#define WORLD_VCPUS 8
#define PPI         30 /* the physical timer's, an emulated one */
#define SPI         33 /* the UART's */

#define GICD_CTLR      0x0000
#define GICD_TYPER     0x0004
#define GIC_IGROUPR    0x0080
#define GIC_ISENABLER  0x0100
#define GIC_ICENABLER  0x0180
#define GIC_ISPENDR    0x0200
#define GIC_ICPENDR    0x0280
#define GIC_ISACTIVER  0x0300
#define GIC_ICACTIVER  0x0380
#define GIC_IPRIORITYR 0x0400
#define GICD_ITARGETSR 0x0800
#define GIC_ICFGR      0x0C00
#define GICD_SGIR      0x0F00
#define GICD_CPENDSGIR 0x0F10
#define GICD_SPENDSGIR 0x0F20
#define GICD_IROUTER   0x6000
#define GICR_SGI_FRAME 0x10000

/* A VM as after a reset; then vCPU 0 is loaded, both groups and all interrupts enabled, nothing masked. */
void world_reset(unsigned version, unsigned list_registers, unsigned vcpus);
void world_open(void);

struct vcpu *world_vcpu(unsigned index);
struct vcpu *world_loaded(void);

/* Was the vCPU woken since this was last asked? */
bool world_woken(unsigned index);

/* Refreshes, maintenance and timer interrupts until there are none; fails when that does not end. */
void world_enter(void);

/* Another vCPU comes in, NULL: none. */
void world_switch(struct vcpu *vcpu);

/* The virtual timer of a vCPU. It is seen by nobody while the guest does it: world_enter() has to follow. */
void world_timer(unsigned index, bool expired);

/* WFI: as the dispatcher, sees for itself whether the timer has expired. */
void world_wait(void);

/* An access of the loaded vCPU; write() and read() are of 32 bits. */
bool world_access(uint64_t address, struct mmio_access *access);
void world_write(uint64_t address, uint32_t value);
uint32_t world_read(uint64_t address);

/* The address of a bitmap register's word for an interrupt; as GICv3's redistributor of the loaded vCPU, too.
 */
uint64_t world_register(unsigned base, unsigned intid);
void world_set(unsigned base, unsigned intid);
bool world_test(unsigned base, unsigned intid);
void world_priority(unsigned intid, uint8_t priority);
void world_route(unsigned intid, unsigned vcpu);

void world_line(unsigned intid, bool level);
void world_send(unsigned target, unsigned sgi);

/* The guest's CPU interface. `take` gives the INTID alone; `end` wants what `acknowledge` gave. */
uint32_t world_acknowledge(void);
uint32_t world_take(void);
void world_end(uint32_t acknowledged);
void world_deactivate(uint32_t acknowledged);

/* Takes and ends one interrupt; GIC_SPURIOUS when there is none. */
uint32_t world_serve(void);

#endif
