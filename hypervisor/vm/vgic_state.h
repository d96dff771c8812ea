/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a virtual GIC, a part of each VM and of each vCPU as its registers are. Only devices/vgic.c
 * and devices/vgic_mmio.c change it, under the lock.
 */
#ifndef VM_VGIC_STATE_H
#define VM_VGIC_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"
#include "drivers/gic.h"

/* 32 interrupts: a vCPU's own (SGIs and PPIs), or a VM's SPIs. Bit n is the bank's interrupt n. */
struct vgic_bank {
    uint32_t enabled;
    uint32_t latched; /* pending by an edge or by software */
    uint32_t line;    /* the level of the interrupt's source */
    uint32_t active;
    uint32_t edge; /* edge-triggered, else level-sensitive */
    uint32_t group1;
    uint32_t in_lr; /* its pending and active state is in a list register */
    uint8_t priority[32];
};

/* A VM's part. */
struct vgic {
    struct spinlock lock; /* for this and the vCPUs' parts */
    bool enabled[2];      /* GICD_CTLR: group 0, group 1 */
    struct vgic_bank spis;
    /* SPIs. GICv3: the affinity it goes to. GICv2: the set of vCPUs, the first of which has it. */
    uint32_t route[32];
    uint8_t holder[32]; /* active SPIs: the vCPU that took it, also after it was routed elsewhere */
    unsigned vcpu_count;
};

/* A vCPU's part. */
struct vgic_vcpu {
    struct vgic_bank own;
    uint8_t sgi_source[16]; /* GICv2: bit n: vCPU n has sent this SGI; latched exactly when not 0 */
    uint8_t sgi_active[16]; /* GICv2: who sent the SGI that is active */
    bool loaded;            /* its list registers are in the CPU */
    bool dirty;             /* state changed: refresh before the next entry */
    bool asleep;            /* GICR_WAKER.ProcessorSleep */
    bool timer_held;        /* the physical timer interrupt is active in the GIC on behalf of this vCPU */
    uint16_t lr_intid[GIC_MAX_LRS];
    uint32_t lr_linked;   /* bit n: it is the virtual timer's, linked to the physical interrupt */
    uint64_t timer_word;  /* for a list register when the virtual timer fires; 0: it may not be presented */
    bool refill, outside; /* what the virtual interface is asked for */
    uint8_t timer_lr;     /* the list register of the virtual timer, while it is in one */
    uint32_t lr_used;     /* bit n: list register n is in use */
    uint32_t lr_latched;  /* bit n: what is pending in it was latched */
};

#endif
