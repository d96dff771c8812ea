/* SPDX-License-Identifier: Apache-2.0 */
/* Stolen time for guests: Arm DEN0057 (Paravirtualized Time for Arm-based Systems), section 3. */
#ifndef DEVICES_STOLEN_TIME_H
#define DEVICES_STOLEN_TIME_H

#include <stdint.h>

struct vcpu;

#define PV_TIME_FEATURES 0xC5000020
#define PV_TIME_ST       0xC5000021

/* Called once at boot, before the first vCPU runs. */
void stolen_time_init(void);

/* The record of one vCPU in the VM's page. */
uint8_t *stolen_time_record(uint8_t *page, unsigned vcpu_index);

/* The guest physical address of the vCPU's record, the answer to PV_TIME_ST. */
uint64_t stolen_time_address(const struct vcpu *vcpu);

/* Brings the vCPU's record up to date with its accounting. Called when the vCPU is switched in. */
void stolen_time_publish(struct vcpu *vcpu);

#endif
