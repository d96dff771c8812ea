/* SPDX-License-Identifier: Apache-2.0 */
/* Physical interrupts, see interrupts.c. */
#ifndef ARM64_INTERRUPTS_H
#define ARM64_INTERRUPTS_H

#include <stdint.h>

struct board_interrupts {
    uint32_t comparator, maintenance, uart; /* INTIDs; uart 0: the console has none */
};

void interrupts_init(const struct board_interrupts *board);
/* On each CPU. NULL, or the reason for which this CPU can't have interrupts. */
const char *interrupts_init_cpu(void);
void interrupts_enable_uart(void);

#endif
