/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two vCPUs of one VM hand a token to and fro: what waiting for a sibling costs that has no CPU. They wait by
 * YIELD, by WFE, and by an SGI to each other, and say how long a handover takes in the mean.
 */
#include <stdatomic.h>
#include "bare.h"

#define ROUNDS 32
#define SGI    5

enum how { BY_YIELD, BY_WFE, BY_SGI, HOWS };

static const char *const names[HOWS] = {"yield", "wfe", "sgi"};
static atomic_uint token; /* even: the first's turn */
static atomic_uint how;

static void interrupt(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid != GIC_SPURIOUS)
        gic_end(intid);
}

/* To the other of the two. */
static void send_sgi(void)
{
    uint64_t other = cpu_number() == 0 ? 2 : 1;

    if (gic_version == 2)
        mmio_write(GUEST_GICD_BASE + 0xF00, (uint32_t)other << 16 | SGI);
    else
        write_sysreg(S3_0_C12_C11_5, (uint64_t)SGI << 24 | other); /* ICC_SGI1R_EL1 */
}

static void wait_for(unsigned wanted)
{
    while (atomic_load(&token) != wanted) {
        if (atomic_load(&how) == BY_WFE)
            __asm__ volatile("wfe" : : : "memory");
        else
            __asm__ volatile("yield" : : : "memory");
    }
}

static void pass_on(unsigned next)
{
    atomic_store(&token, next);
    __asm__ volatile("dsb ish\n\tsev" : : : "memory");
    if (atomic_load(&how) == BY_SGI)
        send_sgi();
}

static void second(unsigned cpu)
{
    (void)cpu;
    gic_enable(SGI);
    irq_enable();
    for (unsigned next = 1;; next += 2) {
        wait_for(next);
        pass_on(next + 1);
    }
}

void guest_main(void)
{
    unsigned next = 0;

    on_irq = interrupt;
    gic_enable(SGI);
    irq_enable();
    result(cpu_start(1, second) == 0, "second", ": does not start\n");
    for (unsigned i = 0; i < HOWS; i++) {
        uint64_t begin = now_virtual();

        atomic_store(&how, i);
        for (unsigned round = 0; round < ROUNDS; round++, next += 2) {
            pass_on(next + 1);
            wait_for(next + 2);
        }
        print("handover by %s mean-us %lu\n", names[i],
              (now_virtual() - begin) * 1000000 / read_sysreg(CNTFRQ_EL0) / (2 * ROUNDS));
    }
    result(next == HOWS * 2 * ROUNDS, "handed-over", "\n");
}
