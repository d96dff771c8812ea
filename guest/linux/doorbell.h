/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An edge-triggered interrupt that a program waits for at /dev/uioN. It is off from when it comes until the
 * program writes a 1: who raises it without end costs no more than that. One that comes meanwhile is not
 * lost: Linux notes it, and it comes as soon as it is on again.
 */
#ifndef ONTIME_DOORBELL_H
#define ONTIME_DOORBELL_H

#include <linux/interrupt.h>
#include <linux/spinlock.h>
#include <linux/uio_driver.h>

struct doorbell {
    struct uio_info info;
    spinlock_t lock;
    bool off; /* the interrupt */
};

static void doorbell_set_off(struct doorbell *doorbell, bool off)
{
    unsigned long flags;

    spin_lock_irqsave(&doorbell->lock, flags);
    if (off && !doorbell->off)
        disable_irq_nosync(doorbell->info.irq);
    if (!off && doorbell->off)
        enable_irq(doorbell->info.irq);
    doorbell->off = off;
    spin_unlock_irqrestore(&doorbell->lock, flags);
}

static irqreturn_t doorbell_rung(int irq, struct uio_info *info)
{
    doorbell_set_off(container_of(info, struct doorbell, info), true);
    return IRQ_HANDLED;
}

static int doorbell_control(struct uio_info *info, s32 on)
{
    doorbell_set_off(container_of(info, struct doorbell, info), on == 0);
    return 0;
}

/* The device's maps are the caller's to fill in. */
static inline void doorbell_init(struct doorbell *doorbell, const char *name, int irq)
{
    spin_lock_init(&doorbell->lock);
    doorbell->info.name = name;
    doorbell->info.version = "1";
    doorbell->info.irq = irq;
    doorbell->info.handler = doorbell_rung;
    doorbell->info.irqcontrol = doorbell_control;
}

#endif
