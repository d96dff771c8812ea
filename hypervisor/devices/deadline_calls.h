/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of include/ontime/abi.h about deadlines, by the calling vCPU and on its CPU. Every argument is
 * the guest's and is checked here. They return what the guest gets in x0.
 */
#ifndef DEVICES_DEADLINE_CALLS_H
#define DEVICES_DEADLINE_CALLS_H

#include <stdint.h>
#include "vm/vcpu.h"

int64_t deadline_call_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id);
int64_t deadline_call_cancel(struct vcpu *vcpu, uint64_t id);
int64_t deadline_call_done(struct vcpu *vcpu, uint64_t next);
int64_t deadline_call_page(struct vcpu *vcpu, uint64_t address);
int64_t deadline_call_hand_on(struct vcpu *vcpu, uint64_t index);
int64_t deadline_call_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped);

#endif
