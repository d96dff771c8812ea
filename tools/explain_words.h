/* SPDX-License-Identifier: Apache-2.0 */
/* `ontime trace explain` in words: what happened when, what the lateness is made of, and what to change. */
#ifndef TOOLS_EXPLAIN_WORDS_H
#define TOOLS_EXPLAIN_WORDS_H

#include <stdio.h>
#include "vm/config.h"
#include "wakeup.h"

/* `system`: the system file of the run, or NULL. */
void explain_in_words(FILE *file, const struct trace_view *view, const struct wakeup *wakeup,
                      const struct system_config *system, double ns_per_instruction);

/* The name of a vCPU, "idle", or "vcpuN" in `buffer`. */
#define EXPLAIN_NAME_SIZE 64
const char *explain_name(const struct trace_dump *trace, uint16_t vcpu, char buffer[EXPLAIN_NAME_SIZE]);

/* What a term means, in a few words. */
const char *explain_term(enum wakeup_term term);

#endif
