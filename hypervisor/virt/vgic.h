/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual GIC's state: what is pending, active, enabled for each vCPU, and what of it is in list
 * registers. The guest's view of it as registers stands in vgic_mmio.c. See vgic.c for how it works.
 */
#ifndef VIRT_VGIC_H
#define VIRT_VGIC_H

#include <stdbool.h>
#include <stdint.h>
#include "core/lock.h"
#include "drivers/gic.h"

struct vcpu;

#define VGIC_INTIDS         64 /* 16 SGIs, 16 PPIs, 32 SPIs */
#define VGIC_TIMER          27 /* PPI of the virtual timer, backed by the physical one of the same number */
#define VGIC_PHYSICAL_TIMER 30
#define VGIC_UART           33

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

struct vgic {
    struct spinlock lock; /* this and all of the VM's vgic_cpu */
    bool enabled[2];      /* GICD_CTLR: group 0, group 1 */
    struct vgic_bank spis;
    uint32_t route[32]; /* SPIs: GICv3: the affinity it goes to; GICv2: the set of vCPUs, the first of which
                           has it */
    uint8_t holder[32]; /* active SPIs: the vCPU that took it, also after it was routed elsewhere */
    unsigned vcpu_count;
};

struct vgic_cpu {
    struct vgic_bank own;
    uint8_t sgi_source[16]; /* GICv2: bit n: vCPU n has sent this SGI; latched exactly when not 0 */
    uint8_t sgi_active[16]; /* GICv2: who sent the SGI that is active */
    bool loaded;            /* its list registers are in the CPU */
    bool dirty;             /* state changed: refresh before the next entry */
    bool asleep;            /* GICR_WAKER.ProcessorSleep */
    bool timer_held;        /* the physical timer interrupt is active in the GIC on behalf of this vCPU */
    uint16_t lr_intid[GIC_MAX_LRS];
    uint32_t lr_linked;   /* bit n: it is the virtual timer's, linked to the physical interrupt */
    uint64_t timer_word;  /* what goes into a list register when the virtual timer fires; 0: it may not be
                             presented */
    bool refill, outside; /* what the virtual interface is asked for */
    uint8_t timer_lr;     /* the list register of the virtual timer, while it is in one */
    uint32_t lr_used;     /* bit n: list register n is in use */
    uint32_t lr_latched;  /* bit n: what is pending in it was latched */
};

void vgic_init(struct vgic *vgic, unsigned vcpu_count);
void vgic_cpu_init(struct vgic_cpu *cpu);

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

#endif
