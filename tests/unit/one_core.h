/* SPDX-License-Identifier: Apache-2.0 */
/* The core of tests that have only one, see one_core.c. */
#ifndef ONE_CORE_H
#define ONE_CORE_H

#include "vm/cpu.h"

extern struct cpu one_core;

#endif
