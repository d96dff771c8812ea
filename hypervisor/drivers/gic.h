/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest of Ontime asks of the machine's interrupt controller; one driver for each GIC version.
 *
 * Everything acts on the calling CPU. The list-register half is the hardware's view of a virtual CPU
 * interface; the state machine that decides what goes in stands in devices/vgic.c.
 */
#ifndef DRIVERS_GIC_H
#define DRIVERS_GIC_H

#include <stdbool.h>
#include <stdint.h>

struct arch_vcpu;

#define GIC_SPURIOUS 1023
#define GIC_MAX_LRS  16

#define LR_PENDING 1
#define LR_ACTIVE  2

struct list_register {
    uint16_t intid;
    uint8_t priority;
    uint8_t state;  /* LR_PENDING, LR_ACTIVE or both; 0: empty */
    uint8_t source; /* GICv2: the vCPU that sent the SGI */
    bool hardware;  /* deactivating it deactivates the physical interrupt of the same INTID */
    bool group1;
    bool eoi_wanted; /* maintenance interrupt when the guest deactivates it */
};

/* What was in a list register; its other fields are as they were written. */
struct lr_content {
    uint8_t state, source;
};

struct gic_driver {
    const char *const *compatible; /* ended by NULL */
    unsigned version;

    /*
     * Once: finds its registers by the tree's node; then on each CPU, for its own interface. NULL on success,
     * else the reason for which it can't be used.
     */
    const char *(*init)(const void *tree, int node);
    const char *(*init_cpu)(void);

    /* Physical interrupts. Ending one drops its priority; it stays active until deactivated. */
    uint32_t (*acknowledge)(void);
    void (*end)(uint32_t acknowledged);
    void (*deactivate)(uint32_t acknowledged);
    void (*enable)(uint32_t intid);
    void (*set_private_active)(uint32_t intid, bool active);
    void (*send_kick)(unsigned cpu_index);

    /* List registers. */
    unsigned (*lr_count)(void);
    uint64_t (*lr_word)(const struct list_register *lr); /* as the hardware holds it */
    void (*lr_write)(unsigned n, uint64_t word);
    struct lr_content (*lr_take)(unsigned n); /* empties it */
    /*
     * The virtual interface is always on; what it asks for beside, until the next call. A maintenance
     * interrupt comes, with `refill`, while no list register is pending; with `outside` (something is active
     * without a list register), when the guest ends an interrupt that has none. The guest's deactivations by
     * name (EOI mode 1) are then trapped: vgic_deactivate().
     */
    void (*virtual_ask)(bool refill, bool outside);
    /* With `outside`: how many interrupts without a list register the guest has ended since, unnamed; reading
     * resets it. */
    unsigned (*take_eoi_count)(void);
    /* The guest's priority mask and its enabled groups (bit 0: group 0, bit 1: group 1). */
    uint8_t (*virtual_priority_mask)(unsigned *groups);
    void (*interface_save)(struct arch_vcpu *vcpu);
    void (*interface_load)(const struct arch_vcpu *vcpu);
    void (*interface_reset)(struct arch_vcpu *vcpu);

    /*
     * Physical address of the page that is a guest's CPU interface (GICv2); 0: it is made of system
     * registers.
     */
    uint64_t (*guest_interface)(void);
};

extern const struct gic_driver gicv3_driver;
extern const struct gic_driver gicv2_driver;

/* All of them, ended by NULL. */
extern const struct gic_driver *const gic_drivers[];

/* The machine's. Hidden: of this image, so that it is not looked up by the global offset table. */
extern const struct gic_driver *gic __attribute__((visibility("hidden")));

#endif
