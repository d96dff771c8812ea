/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks chosen by `ontime run`: a bounded set that is read without locks. */
#ifndef ONTIME_CHOSEN_H
#define ONTIME_CHOSEN_H

#include <linux/types.h>

struct task_struct;

/* False when the set has no room for the task. The task must be alive, and be removed when it exits. */
bool chosen_add(struct task_struct *task);
void chosen_remove(const struct task_struct *task);
bool chosen_has(const struct task_struct *task);

#endif
