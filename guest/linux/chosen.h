/* SPDX-License-Identifier: GPL-2.0 */
/* The tasks chosen by `ontime run`: a bounded set that is read without locks. */
#ifndef ONTIME_CHOSEN_H
#define ONTIME_CHOSEN_H

#include <linux/types.h>

struct exact;
struct task_struct;

struct chosen {
    const struct task_struct *task;
    struct exact *exact; /* NULL unless the task was run with --exact; only the task itself reads it */
};

/* NULL when the set has no room for the task. The task must be alive, and be removed when it exits. */
struct chosen *chosen_add(struct task_struct *task);
void chosen_remove(struct chosen *chosen);
struct chosen *chosen_find(const struct task_struct *task);

#endif
