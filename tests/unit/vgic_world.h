/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM on one core or more, for the tests of the virtual GIC: its vCPUs, their virtual timers, a guest's
 * accesses to the GIC's registers, and what the hypervisor does before it enters the guest again
 * (world_enter). The functions that stand for something that the guest or a device does end with
 * world_enter(), except for world_timer().
 *
 * One core at a time does something: what it sends to others waits until the test lets them take it.
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
#define WORLD_CORES 2
#define PPI         30 /* the interrupt of the emulated physical timer */
#define SPI         33 /* the interrupt of the emulated UART */

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

/*
 * world_reset() makes a VM as after a reset. world_open() then loads vCPU 0, enables both groups and all
 * interrupts, and masks nothing.
 */
void world_reset(unsigned version, unsigned list_registers, unsigned vcpus);
void world_open(void);

/* How many banks of SPIs the VMs have that are made from now on: 1 until this is called. */
void world_spi_banks(unsigned count);

struct vm *world_vm(void);
struct vcpu *world_vcpu(unsigned index);
struct vcpu *world_loaded(void);

/*
 * All vCPUs are on core 0 unless the test places them, which it does while they are not loaded.
 * world_core() goes to a core, where everything happens from then on.
 */
void world_place(unsigned index, unsigned core);
void world_core(unsigned core);
unsigned world_core_now(void);

/* Lets a core take the messages that were sent to its vCPUs; or all cores, until there are none. */
void world_kick(unsigned core);
void world_settle(void);

/* How many messages were sent since the reset. */
unsigned world_sends(void);

/* Was the vCPU woken since the last call? */
bool world_woken(unsigned index);

/* How often has the vCPU been given urgent work since the last call? */
unsigned world_given_work(unsigned index);

/* Refreshes, and handles maintenance and timer interrupts until there are none. Fails if there is no end. */
void world_enter(void);

/* Switches to another vCPU; NULL: to none. */
void world_switch(struct vcpu *vcpu);

/* The virtual timer of a vCPU expires or is set anew. The hypervisor sees that at the next world_enter(). */
void world_timer(unsigned index, bool expired);

/* The guest waits (WFI). As the dispatcher does, this looks whether the timer has expired. */
void world_wait(void);

/*
 * The loaded vCPU accesses a device. world_write() and world_read() are accesses of 32 bits. world_try_read()
 * is false when the load is to be executed again, as another core has to look first; world_read() lets it.
 */
bool world_access(uint64_t address, struct mmio_access *access);
void world_write(uint64_t address, uint32_t value);
uint32_t world_read(uint64_t address);
bool world_try_read(uint64_t address, uint32_t *value);

/*
 * The address of an interrupt's word in a bitmap register. For SGIs and PPIs of a GICv3 it is in the loaded
 * vCPU's redistributor.
 */
uint64_t world_register(unsigned base, unsigned intid);
void world_set(unsigned base, unsigned intid);
bool world_test(unsigned base, unsigned intid);
void world_priority(unsigned intid, uint8_t priority);
void world_route(unsigned intid, unsigned vcpu);

void world_line(unsigned intid, bool level);
void world_send(unsigned target, unsigned sgi);

/* A device's line changes; its interrupt is taken on the core that it goes to. */
void world_device(unsigned intid, bool level);

/* How many lines were written on the console. */
unsigned world_lines(void);

/*
 * The guest's CPU interface. world_take() returns the INTID alone. world_end() and world_deactivate() need
 * what world_acknowledge() returned.
 */
uint32_t world_acknowledge(void);
uint32_t world_take(void);
void world_end(uint32_t acknowledged);
void world_deactivate(uint32_t acknowledged);

/* Acknowledges and ends one interrupt, and returns its INTID; GIC_SPURIOUS: there is none. */
uint32_t world_serve(void);

/*
 * Defines the test `name`, which is the block that follows. It runs for both versions of the GIC, each time
 * after begin(version).
 */
#define WORLD_BOTH(begin, name)                                                                              \
    static void name##_example(void);                                                                        \
    static void name(void **state)                                                                           \
    {                                                                                                        \
        (void)state;                                                                                         \
        for (unsigned version = 2; version <= 3; version++) {                                                \
            begin(version);                                                                                  \
            name##_example();                                                                                \
        }                                                                                                    \
    }                                                                                                        \
    static void name##_example(void)

#endif
