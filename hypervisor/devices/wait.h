/* SPDX-License-Identifier: Apache-2.0 */
/* A guest waits for an interrupt: WFI, and PSCI's CPU_SUSPEND. */
#ifndef DEVICES_WAIT_H
#define DEVICES_WAIT_H

#include "devices/vgic.h"
#include "vm/dispatch.h"

/* Blocks the running vCPU unless an interrupt is pending for it. */
static inline void wait_for_interrupt(struct vcpu *vcpu)
{
    vcpu_end_deferral(vcpu);
    vcpu_expect_work(vcpu);
    if (!vgic_wakes(vcpu))
        vcpu_block(vcpu);
}

#endif
