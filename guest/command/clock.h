/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COMMAND_CLOCK_H
#define COMMAND_CLOCK_H

/* Prints how many ns are to be added to a time of CLOCK_MONOTONIC_RAW for the time of Ontime's trace. */
void print_clock(void);

#endif
