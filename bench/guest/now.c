/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the virtual counter, ticks: a shell cannot read it. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

int main(void)
{
    uint64_t now;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(now));
    printf("%" PRIu64 "\n", now);
    return 0;
}
