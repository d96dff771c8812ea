/* SPDX-License-Identifier: Apache-2.0 */
/* PSCI 1.1 (Arm DEN0022) as a guest sees it. */
#ifndef DEVICES_PSCI_H
#define DEVICES_PSCI_H

#include <stdint.h>

struct vcpu;

enum psci_outcome {
    PSCI_RETURN,    /* *result goes to the guest's x0 */
    PSCI_NO_RETURN, /* x0 is left alone: the calling vCPU is off, or gets its registers anew */
    PSCI_SUSPEND,   /* *result goes to x0, and the vCPU waits for an interrupt as by WFI */
    PSCI_UNKNOWN,   /* not a PSCI function */
};

/* Carries out function `number` (w0) with arguments x1..x3. */
enum psci_outcome psci_call(struct vcpu *vcpu, uint32_t number, const uint64_t arguments[3], int64_t *result);

#endif
