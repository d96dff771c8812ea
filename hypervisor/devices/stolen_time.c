/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stolen time: a record of 64 bytes for each vCPU (DEN0057 table 3-2). It has the revision and the
 * attributes, both 0, and at offset 8 the stolen time in nanoseconds. That is written by one 64-bit store, so
 * that the guest never reads half of it.
 */
#include "devices/stolen_time.h"
#include "base/arch.h"
#include "vm/vcpu.h"

#define RECORD_SIZE   64
#define STOLEN_OFFSET 8

/* In 1/2^32 ns, rounded down: at 1 GHz and below, stolen time is short by less than 0.25 ns a second. */
static uint64_t ns_per_tick;

uint8_t *stolen_time_record(uint8_t *page, unsigned vcpu_index)
{
    return page + vcpu_index * RECORD_SIZE;
}

uint64_t stolen_time_address(const struct vcpu *vcpu)
{
    return GUEST_STOLEN_TIME + (uint64_t)vcpu->index * RECORD_SIZE;
}

void stolen_time_init(void)
{
    ns_per_tick = (UINT64_C(1000000000) << 32) / arch_counter_hz();
}

void stolen_time_publish(struct vcpu *vcpu)
{
    unsigned __int128 ns = (unsigned __int128)vcpu->stats[ONTIME_STAT_STOLEN_TICKS] * ns_per_tick >> 32;
    volatile uint64_t *stolen = (volatile uint64_t *)(void *)(vcpu->stolen_time + STOLEN_OFFSET);

    *stolen = (uint64_t)ns;
}
