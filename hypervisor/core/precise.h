/* SPDX-License-Identifier: Apache-2.0 */
/* Precise timers: the guest's deadlines and the warps they begin, see precise.c. */
#ifndef CORE_PRECISE_H
#define CORE_PRECISE_H

#include <stdbool.h>
#include <stdint.h>
#include "core/vm.h"
#include "ontime/trace.h"

void precise_init(struct vcpu *vcpu);

/*
 * The calls of include/ontime/abi.h, with the calling vCPU; every argument is the guest's and is checked
 * here. They return what the guest gets in x0.
 */
int64_t precise_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id);
int64_t precise_cancel(struct vcpu *vcpu, uint64_t id);
int64_t precise_done(struct vcpu *vcpu, uint64_t next);
int64_t precise_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped);

/*
 * Looks for deadlines that passed while the vCPU had the CPU. True when there were any: it is to be warped.
 */
bool precise_notice(struct vcpu *vcpu, uint64_t now);

/* The vCPU leaves the CPU, with its deadlines watched from then on, and gets it. */
void precise_leaving(struct vcpu *vcpu);
void precise_coming(struct vcpu *vcpu);

/* Forgets all deadlines: the vCPU is switched off. */
void precise_reset(struct vcpu *vcpu);

/* Counts and traces the end of a warp. */
void precise_warp_ended(struct vcpu *vcpu, uint64_t now, enum ontime_warp_end reason);

/* The vCPU is entered for the first time since a deadline of it was reached: how late is that? */
void precise_entering(struct vcpu *vcpu, uint64_t now);

#endif
