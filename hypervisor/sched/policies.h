/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduling policies, one a file of this folder; listed in policies.c.
 */
#ifndef SCHED_POLICIES_H
#define SCHED_POLICIES_H

#include "core/sched.h"

extern const struct sched_policy bvt_policy;

#endif
