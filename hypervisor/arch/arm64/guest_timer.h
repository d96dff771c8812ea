/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's architected timers: the virtual one in hardware, the physical one emulated; see guest_timer.c. */
#ifndef ARM64_GUEST_TIMER_H
#define ARM64_GUEST_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

void guest_timer_init(struct vcpu *vcpu);
void guest_timer_reset(struct vcpu *vcpu);
void guest_timer_load(const struct vcpu *vcpu);
void guest_timer_save(struct vcpu *vcpu);

enum guest_timer_register { CNTP_TVAL, CNTP_CTL, CNTP_CVAL };

uint64_t guest_timer_read(const struct vcpu *vcpu, enum guest_timer_register reg);
void guest_timer_write(struct vcpu *vcpu, enum guest_timer_register reg, uint64_t value);

#endif
