/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for Cadence's Triple Timer Counter, as in the Zynq UltraScale+ (UG1085, chapter "Timers and
 * Counters"; UG1087, module TTC): three timers, each with a register for each purpose, an interrupt, and a
 * counter that runs freely. It has 32 bits there, 16 in the Zynq-7000. The first of its three matches is
 * used.
 *
 * The clock is the bus's, undivided. A counter that stands still is found at boot.
 *
 * QEMU's model can't be used (docs/porting.md).
 */
#include <stddef.h>
#include "device_access.h"
#include "drivers/gp_timer.h"

/* Of timer 0. Those of the next are 4 further. */
#define CLOCK_CONTROL    0x00
#define COUNTER_CONTROL  0x0C
#define COUNTER_VALUE    0x18
#define INTERVAL         0x24
#define MATCH_1          0x30
#define INTERRUPT        0x54 /* reading clears it */
#define INTERRUPT_ENABLE 0x60

#define COUNTER_OFF     (1u << 0)
#define COUNTER_MATCHES (1u << 3)
#define COUNTER_RESET                                                                                        \
    (1u << 4) /* begins at 0; clears itself. No interval: it counts through all its bits                     \
               */
#define NO_OUTPUT (1u << 5)
#define MATCHED_1 (1u << 1)

static uint64_t own(uint64_t base, unsigned index)
{
    return base + 4 * (uint64_t)index;
}

/* The registers that hold a value of the counter have as many bits. */
static unsigned cadence_ttc_width(uint64_t base, unsigned index)
{
    return device_read32(own(base, index) + INTERVAL) >> 16 != 0 ? 32 : 16;
}

static void cadence_ttc_off(uint64_t base, unsigned index)
{
    device_write32(own(base, index) + INTERRUPT_ENABLE, 0);
    (void)device_read32(own(base, index) + INTERRUPT);
}

static void cadence_ttc_start(uint64_t base, unsigned index)
{
    uint64_t timer = own(base, index);

    device_write32(timer + COUNTER_CONTROL, COUNTER_OFF | NO_OUTPUT);
    cadence_ttc_off(base, index);
    device_write32(timer + CLOCK_CONTROL, 0);
    device_write32(timer + INTERVAL, UINT32_MAX);
    device_write32(timer + COUNTER_CONTROL, COUNTER_MATCHES | COUNTER_RESET | NO_OUTPUT);
}

static uint32_t cadence_ttc_read(uint64_t base, unsigned index)
{
    return device_read32(own(base, index) + COUNTER_VALUE);
}

/*
 * It matches when the counter comes to be MATCH_1. If it is past that before MATCH_1 is written, that would
 * be a whole round later: so it is looked at again, and MATCH_1 is put further ahead each time. Whether it
 * has matched can't be asked, as that would take the interrupt back; one that has come stays when MATCH_1
 * changes.
 */
static void cadence_ttc_set(uint64_t base, unsigned index, uint32_t ticks)
{
    uint64_t timer = own(base, index);
    uint32_t mask = UINT32_MAX >> (32 - cadence_ttc_width(base, index));
    uint32_t begin = device_read32(timer + COUNTER_VALUE);

    device_write32(timer + MATCH_1, (begin + ticks) & mask);
    cadence_ttc_off(base, index); /* what the one before has done, too */
    device_write32(timer + INTERRUPT_ENABLE, MATCHED_1);
    while (((device_read32(timer + COUNTER_VALUE) - begin) & mask) >= ticks) {
        ticks += (device_read32(timer + COUNTER_VALUE) - begin) & mask;
        device_write32(timer + MATCH_1, (begin + ticks) & mask);
    }
}

static const char *const compatible[] = {"cdns,ttc", NULL};

const struct gp_timer_driver cadence_ttc_driver = {
    .compatible = compatible,
    .count = 3,
    .width = cadence_ttc_width,
    .init = cadence_ttc_start,
    .read = cadence_ttc_read,
    .set = cadence_ttc_set,
    .off = cadence_ttc_off,
};
