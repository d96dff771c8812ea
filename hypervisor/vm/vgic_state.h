/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of the virtual GIC, of which each VM and each vCPU has a part. Only devices/vgic.c and
 * devices/vgic_mmio.c change it, under the lock in the VM's part.
 */
#ifndef VM_VGIC_STATE_H
#define VM_VGIC_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "arch_inline.h"
#include "base/lock.h"
#include "drivers/gic.h"
#include "vm/config.h"

#define VGIC_PRIORITY_BITS 5 /* as many as the list registers hold; the upper ones of a byte */

/*
 * A bank is 32 interrupts: a vCPU's own (SGIs and PPIs), or 32 of a VM's SPIs. Bit n is the bank's interrupt
 * n. A bank's number is that of its first INTID divided by 32: 0 is a vCPU's own, SPIs have 1 to 31.
 */
struct vgic_bank {
    uint32_t enabled;
    uint32_t latched; /* pending by an edge or by software */
    uint32_t line;    /* the level of the interrupt's source */
    uint32_t active;
    uint32_t edge; /* edge-triggered, else level-sensitive */
    uint32_t group1;
    uint32_t in_lr;    /* its pending and active state is in a list register */
    uint32_t deferred; /* kept from the guest although it may be pending: see vgic_defer_timer() */
    uint8_t priority[32];
    /* The priorities again, bit by bit, the uppermost first: to find the most urgent of a set in few steps.
     */
    uint32_t priority_bit[VGIC_PRIORITY_BITS];
};

#define VGIC_MAX_SPI_BANKS 31 /* INTIDs 32 to 1019: the last bank has 28 */

/* A bank of SPIs, and where they go. */
struct vgic_spis {
    struct vgic_bank bank;
    /* Where each SPI goes. GICv3: an affinity. GICv2: a set of vCPUs, the first of which gets it. */
    uint32_t route[32];
    uint32_t goes_to[SYSTEM_MAX_VCPUS]; /* the same for each vCPU: the SPIs that go to it */
    /* For each vCPU: the active SPIs that it has taken, even if they are routed elsewhere now, and any
     * others. */
    uint32_t held_by[SYSTEM_MAX_VCPUS];
};

/*
 * Which SPIs of a bank are physical interrupts of devices that the VM owns. While one is `held` the physical
 * one is active in the GIC, and so silent, and the virtual one is pending or active.
 */
struct vgic_physical {
    uint32_t given;
    uint32_t held;
    uint32_t again; /* it came again while its list register was not looked at, whose guest has ended it */
    uint16_t intid[32]; /* of those given: the physical interrupt */
};

/* A VM's part. */
struct vgic {
    struct spinlock lock;           /* for this and the vCPUs' parts */
    unsigned spi_banks;             /* set before the first vgic_init(); 0 there is 1 */
    struct vgic_spis *spis;         /* as many; spis[0] is bank 1 */
    struct vgic_physical *physical; /* the same for each bank; NULL: it owns no device */
    /* From here on as after a reset. */
    bool enabled[2]; /* GICD_CTLR: group 0, group 1 */
    unsigned vcpu_count;
    uint32_t typer; /* GICD_TYPER */
    uint32_t busy;  /* bit n: SPI bank n has something latched, active or a line that is high */
};

/*
 * Those SPIs of a vCPU that are pending, or active, and in no list register: which banks have any (bit n:
 * bank n), and the priority of each bank's most urgent one, bit by bit as in a bank.
 */
struct vgic_found {
    uint32_t banks;
    uint32_t priority_bit[VGIC_PRIORITY_BITS];
};

/* A vCPU's part. */
struct vgic_vcpu {
    struct vgic_bank own;
    bool loaded;     /* its list registers are in the CPU */
    bool dirty;      /* the banks have changed: list registers are refreshed before the next entry */
    bool waits;      /* it is about to block, or has, and nobody has woken it since */
    bool asleep;     /* GICR_WAKER.ProcessorSleep */
    bool timer_held; /* the virtual timer's physical interrupt is active in the GIC for this vCPU */
    /* The interrupt that each list register in use holds. */
    uint16_t lr_intid[GIC_MAX_LRS];
    uint32_t lr_linked;   /* bit n: list register n is linked to a physical interrupt: the virtual timer's, an
                             SPI's */
    uint64_t timer_word;  /* for a list register when the virtual timer fires; 0: it is not deliverable */
    bool refill, outside; /* what gic->virtual_ask() was last called with */
    uint8_t timer_lr;     /* the list register of the virtual timer, while it is in one */
    uint32_t lr_used;     /* bit n: list register n is in use */
    uint32_t lr_latched;  /* bit n: list register n is pending because its interrupt was `latched` */

    uint32_t lr_active; /* bit n: list register n was active when it was filled */

    /* The vCPU's SPIs as they were when it looked at their banks last, but for the banks that have changed
     * since. */
    struct vgic_found pending, active;
    uint32_t stale;  /* bit n: SPI bank n has changed; that of a bank that does not exist means nothing */
    bool unfinished; /* the last push has left some, and has sent its own core a message for the rest */

    /*
     * For vCPUs of other cores, which can't reach the list registers: what they have written of the
     * interrupts that are in list registers (bit n: of that in list register n), which is done at the next
     * pull.
     */
    bool others_wrote;
    uint32_t clear_pending, clear_active, set_active;
    uint32_t pulls; /* how many there were */
    /*
     * What this vCPU waits for: the vCPUs that it has asked to pull (bit n: vCPU n), their `pulls` then, and
     * the load that it is for.
     */
    uint64_t asked_pc;
    uint32_t asked;
    uint32_t asked_at[SYSTEM_MAX_VCPUS];

    uint8_t sgi_source[16]; /* GICv2: bit n: vCPU n has sent this SGI; it is latched exactly when any has */
    uint8_t sgi_active[16]; /* GICv2: the vCPU that sent the SGI, while it is active */
};

/*
 * `dirty` is written under the lock. It is read on the vCPU's core without: who sets it for a loaded one
 * kicks that core afterwards.
 */
static inline bool vgic_is_dirty(const struct vgic_vcpu *state)
{
    return ARCH_READ_RELAXED(state->dirty);
}

static inline void vgic_set_dirty(struct vgic_vcpu *state, bool dirty)
{
    ARCH_WRITE_RELAXED(state->dirty, dirty);
}

#endif
