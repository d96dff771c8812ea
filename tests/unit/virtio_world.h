/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three VMs with virtio devices, for their tests: DRIVER, with two vCPUs, drives a disk and a socket, and
 * OTHER a network card; SERVICE serves all three, and warps and is warped for the disk. What the devices ask
 * of the virtual GIC and of the dispatcher is noted. All happens on one core, unless a test has its own
 * arch_cpu(), vcpu_send(), vcpu_block() and vgic_latch_spi().
 */
#ifndef TESTS_VIRTIO_WORLD_H
#define TESTS_VIRTIO_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/vm.h"
#include "devices/virtio.h"

enum { DRIVER, SERVICE, OTHER, WORLD_VMS };
enum { DISK, LAN, SOCKET, WORLD_DEVICES };

#define WORLD_WINDOW_DRIVER GUEST_SERVED_RAM
#define WORLD_WINDOW_OTHER  (GUEST_SERVED_RAM + GUEST_SERVED_STRIDE)

/* Virtio-mmio, by the specification. */
#define R_MAGIC         0x000
#define R_VERSION       0x004
#define R_DEVICE_ID     0x008
#define R_VENDOR_ID     0x00C
#define R_FEATURES      0x010
#define R_FEATURES_SEL  0x014
#define R_ACCEPTED      0x020
#define R_ACCEPTED_SEL  0x024
#define R_QUEUE_SEL     0x030
#define R_QUEUE_NUM_MAX 0x034
#define R_QUEUE_NUM     0x038
#define R_QUEUE_READY   0x044
#define R_QUEUE_NOTIFY  0x050
#define R_INTERRUPT     0x060
#define R_INTERRUPT_ACK 0x064
#define R_STATUS        0x070
#define R_QUEUE_DESC    0x080
#define R_QUEUE_DRIVER  0x090
#define R_QUEUE_DEVICE  0x0A0
#define R_SHM_LENGTH    0x0B0
#define R_GENERATION    0x0FC
#define R_CONFIG        0x100
#define R_SIZE          0x200

#define S_DRIVER_OK   4u
#define S_FEATURES_OK 8u
#define S_NEEDS_RESET 0x40u

enum outcome { DONE, AGAIN, FAULT };

/* All VMs have begun, and nothing was noted. No service is ready. */
void world_reset(void);
struct vm *world_vm(unsigned vm);
struct vcpu *world_vcpu(unsigned index); /* of DRIVER */

/* The VM stops for ever, or begins again; each is done to its end. Returns how many steps the stop took. */
unsigned world_stop(unsigned vm, bool for_good);
void world_start(unsigned vm);

/* Accesses at an address of the vCPU's guest. *value is stored, or filled in. */
enum outcome world_access(struct vcpu *vcpu, uint64_t address, unsigned size, bool write, uint64_t *value);

/* Accesses of 32 bits to a device's registers. The driver's are vCPU 0's, and have to be done at once. */
uint32_t driver_get(unsigned device, unsigned reg);
void driver_put(unsigned device, unsigned reg, uint32_t value);
enum outcome driver_try(unsigned vcpu, unsigned device, unsigned reg, bool write, uint32_t value);
uint32_t service_get(unsigned device, unsigned reg);
void service_put(unsigned device, unsigned reg, uint32_t value);

/* The vCPU that was given last as who lends its warp. */
extern const struct vcpu *world_lender;

/* What happened since the last call: an interrupt was latched how often, with and without a warp. */
unsigned world_latched(unsigned vm, unsigned intid);
unsigned world_warped(unsigned vm, unsigned intid);

/* Does the vCPU wait? An interrupt of its own comes. */
bool world_waits(unsigned vcpu);
void world_interrupt(unsigned vcpu);

/* The last line about a guest, "" when there was none since the last call. */
const char *world_line(void);

/* The console has no room. */
void world_fill_console(bool full);

/* Blocks of 2 MiB that were mapped. */
struct world_block {
    const struct vm *vm;
    uint64_t guest, host, size;
};
unsigned world_blocks(const struct world_block **blocks);
void world_limit_blocks(unsigned most);

#endif
