/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Ontime asks of the machine's interrupt controller. There is one driver for each GIC version.
 *
 * A driver has two halves: physical interrupts, and the list registers with which the GIC's virtual CPU
 * interface presents interrupts to a guest. A driver only writes and reads list registers; which interrupt
 * goes into one is decided in devices/vgic.c.
 *
 * All functions act on the calling CPU, with interrupts masked. They take no locks: what they change is the
 * CPU's own, but for what init() and init_cpu() set up and for shared interrupts, with INTIDs from 32 on
 * (SPIs). Of those, enable() and spi_set_up() are for the boot only, as they read what they write. The others
 * write a register of one interrupt, or one in which zeroes change nothing: any CPU may call them at any
 * time. Who calls them for one interrupt is to agree with the others on the order.
 */
#ifndef DRIVERS_GIC_H
#define DRIVERS_GIC_H

#include <stdbool.h>
#include <stdint.h>

struct arch_vcpu;

#define GIC_SPURIOUS 1023 /* acknowledged when nothing is pending */
#define GIC_MAX_LRS  16   /* the most list registers that are used */

/* A list register's state. */
#define LR_PENDING 1
#define LR_ACTIVE  2

/* A virtual interrupt as a list register holds it. */
struct list_register {
    uint16_t intid;
    uint8_t priority;
    uint8_t state;     /* LR_PENDING, LR_ACTIVE or both; 0: the list register is empty */
    uint8_t source;    /* of an SGI on a GICv2: the index of the vCPU that sent it */
    bool hardware;     /* the guest's deactivation deactivates a physical interrupt, too */
    uint16_t physical; /* which one, with `hardware` */
    bool group1;       /* group 1; else group 0 */
    bool eoi_wanted;   /* a maintenance interrupt comes when the guest deactivates it; not with `hardware` */
};

/* What the hardware may have changed in a list register. The other fields are as they were written. */
struct lr_content {
    uint8_t state, source;
};

struct gic_driver {
    const char *const *compatible; /* the nodes that the driver is for, ended by NULL */
    unsigned version;              /* of the GIC that guests see: 2 or 3 */

    /*
     * Finds and maps the GIC's registers by its node in the machine's tree, and sets up what all CPUs share.
     * Called once, before all other functions. NULL, or the reason for which this GIC cannot be used.
     */
    const char *(*init)(const void *tree, int node);

    /*
     * Sets up the calling CPU's own interrupts, which are disabled then, its interface and its virtual
     * interface. NULL, or the reason for which this CPU cannot be used. One CPU at a time calls it, all do
     * before the first guest runs: lr_count() is what all of them have.
     */
    const char *(*init_cpu)(void);

    /*
     * Takes the most urgent pending interrupt, which becomes active. The INTID is in bits 9:0. end() and
     * deactivate() want the whole value back, which on a GICv2 has an SGI's sender as well.
     */
    uint32_t (*acknowledge)(void);

    /* Drops the running priority, so that other interrupts can come. The interrupt stays active. */
    void (*end)(uint32_t acknowledged);

    /* Makes the interrupt inactive, so that it can come again. */
    void (*deactivate)(uint32_t acknowledged);

    /* Enables an interrupt. A shared one (INTID 32 and up) goes to the calling CPU. */
    void (*enable)(uint32_t intid);

    /* Disables any interrupt, the CPU's own or a shared one. */
    void (*disable)(uint32_t intid);

    /* The first INTID from 32 on that this GIC does not have. */
    unsigned (*spi_end)(void);

    /* A shared interrupt, which is disabled and inactive afterwards: edge-triggered or else level-sensitive.
     */
    void (*spi_set_up)(uint32_t intid, bool edge);

    /* Enables a shared interrupt, where it goes to already; makes it active or inactive; has it go to a CPU.
     */
    void (*spi_enable)(uint32_t intid);
    void (*spi_set_active)(uint32_t intid, bool active);
    void (*spi_set_target)(uint32_t intid, unsigned cpu_index);

    /* Makes one of the CPU's own interrupts (INTID 0 to 31) active, which silences it, or inactive. */
    void (*set_private_active)(uint32_t intid, bool active);

    /* Sends SGI 0 to a CPU, which sees what was written before. That CPU has called init_cpu(). */
    void (*send_kick)(unsigned cpu_index);

    /* How many list registers there are, GIC_MAX_LRS at most. */
    unsigned (*lr_count)(void);

    /* The value of a list register that holds this interrupt, for lr_write(). */
    uint64_t (*lr_word)(const struct list_register *lr);

    /* Writes list register `n`, below lr_count(). */
    void (*lr_write)(unsigned n, uint64_t word);

    /* Reads list register `n` and empties it. */
    struct lr_content (*lr_take)(unsigned n);

    /*
     * Chooses which maintenance interrupts come, until the next call. With `refill` one comes while no list
     * register is pending. With `outside` one comes when the guest has ended an interrupt that has no list
     * register, and the guest's deactivations by name (EOI mode 1) are trapped where the GIC can do that.
     */
    void (*virtual_ask)(bool refill, bool outside);

    /*
     * How many interrupts without a list register the guest has ended or deactivated since the last call.
     * Deactivations that are trapped or emulated are not counted.
     */
    unsigned (*take_eoi_count)(void);

    /* The loaded guest's priority mask. `groups`: which groups it has enabled, in bits 0 and 1. */
    uint8_t (*virtual_priority_mask)(unsigned *groups);

    /*
     * Save and load the virtual interface's registers other than the list registers. interface_reset() gives
     * a vCPU those that it begins with.
     */
    void (*interface_save)(struct arch_vcpu *vcpu);
    void (*interface_load)(const struct arch_vcpu *vcpu);
    void (*interface_reset)(struct arch_vcpu *vcpu);

    /*
     * The physical address of the page that guests use as their CPU interface (GICv2), or 0 when that
     * interface is made of system registers (GICv3).
     */
    uint64_t (*guest_interface)(void);
};

extern const struct gic_driver gicv3_driver;
extern const struct gic_driver gicv2_driver;

/* All drivers, ended by NULL. */
extern const struct gic_driver *const gic_drivers[];

/*
 * The driver of this machine's GIC, set at boot. As the symbol is hidden, the compiler reads it directly and
 * not by the global offset table.
 */
extern const struct gic_driver *gic __attribute__((visibility("hidden")));

#endif
