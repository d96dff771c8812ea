// SPDX-License-Identifier: Apache-2.0
/*
 * Checks PSCI's CPU calls (on, off, on again, suspend, their errors, affinity information), SGIs between
 * CPUs, and shared memory. Boot arguments: cpus=N, how many vCPUs are used (2).
 */
#include <stdatomic.h>
#include "bare.h"

#define AFFINITY_ON  0
#define AFFINITY_OFF 1

static unsigned cpus;
static atomic_uint arrived;
static atomic_uint pings[MAX_CPUS];
static atomic_bool leave;
static volatile uint64_t seen_mpidr[MAX_CPUS], seen_el[MAX_CPUS], seen_daif[MAX_CPUS];

static void count_ping(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid == GIC_SPURIOUS)
        return;
    atomic_fetch_add(&pings[cpu_number()], intid == 5 ? 1 : 100);
    gic_end(intid);
}

static void stay_until_told(unsigned cpu)
{
    seen_mpidr[cpu] = read_sysreg(MPIDR_EL1) & 0xFF00FFFFFF;
    seen_el[cpu] = read_sysreg(CurrentEL);
    seen_daif[cpu] = read_sysreg(DAIF);
    gic_enable(5);
    irq_enable();
    atomic_fetch_add(&arrived, 1);
    while (!atomic_load(&leave))
        wfi();
    irq_disable();
}

static void count_for_a_while(unsigned cpu)
{
    (void)cpu;
    for (unsigned i = 0; i < 100000; i++)
        atomic_fetch_add(&arrived, 1);
}

static bool wait_for(atomic_uint *value, unsigned wanted)
{
    uint64_t begin = now_virtual();

    while (atomic_load(value) != wanted && now_virtual() - begin < microseconds(20000000)) {
    }
    return atomic_load(value) == wanted;
}

static bool wait_off(unsigned cpu)
{
    uint64_t begin = now_virtual();

    while (psci(PSCI_AFFINITY_INFO, cpu, 0, 0) != AFFINITY_OFF &&
           now_virtual() - begin < microseconds(20000000)) {
    }
    return psci(PSCI_AFFINITY_INFO, cpu, 0, 0) == AFFINITY_OFF;
}

static void check_errors(void)
{
    expect_equal("self-is-on", (uint64_t)psci(PSCI_AFFINITY_INFO, 0, 0, 0), AFFINITY_ON);
    expect_equal("other-is-off", (uint64_t)psci(PSCI_AFFINITY_INFO, 1, 0, 0), AFFINITY_OFF);
    expect_equal("affinity-no-such-cpu", (uint64_t)psci(PSCI_AFFINITY_INFO, 63, 0, 0),
                 (uint64_t)PSCI_INVALID);
    expect_equal("on-no-such-cpu", (uint64_t)psci(PSCI_CPU_ON, 63, GUEST_RAM_BASE, 0),
                 (uint64_t)PSCI_INVALID);
    expect_equal("on-no-such-affinity", (uint64_t)psci(PSCI_CPU_ON, 0x10001, GUEST_RAM_BASE, 0),
                 (uint64_t)PSCI_INVALID);
    expect_equal("on-self", (uint64_t)cpu_start(0, stay_until_told), (uint64_t)PSCI_ALREADY_ON);
}

static void check_on(void)
{
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        expect_equal("cpu-on", (uint64_t)cpu_start(cpu, stay_until_told), 0);
    result(wait_for(&arrived, cpus - 1), "cpus-arrive", ": %u of them\n", atomic_load(&arrived));
    for (unsigned cpu = 1; cpu < cpus; cpu++) {
        expect_equal("cpu-mpidr", seen_mpidr[cpu], cpu);
        expect_equal("cpu-el", seen_el[cpu], 4);
        expect_equal("cpu-daif", seen_daif[cpu], 0x3C0);
        expect_equal("cpu-is-on", (uint64_t)psci(PSCI_AFFINITY_INFO, cpu, 0, 0), AFFINITY_ON);
        expect_equal("already-on", (uint64_t)cpu_start(cpu, stay_until_told), (uint64_t)PSCI_ALREADY_ON);
    }
}

static void check_pings(void)
{
    for (unsigned round = 1; round <= 100; round++) {
        for (unsigned cpu = 1; cpu < cpus; cpu++)
            gic_send(cpu, 5);
        for (unsigned cpu = 1; cpu < cpus; cpu++) {
            if (!wait_for(&pings[cpu], round)) {
                result(false, "sgi-to-other", ": cpu %u has %u\n", cpu, atomic_load(&pings[cpu]));
                return;
            }
        }
    }
    result(true, "sgi-to-other", ": -\n");
    expect_equal("sgi-not-to-self", atomic_load(&pings[0]), 0);
}

static void check_off(void)
{
    atomic_store(&leave, true);
    for (unsigned cpu = 1; cpu < cpus; cpu++) {
        gic_send(cpu, 5);
        result(wait_off(cpu), "cpu-off", ": cpu %u stays on\n", cpu);
    }
    atomic_store(&arrived, 0);
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        expect_equal("cpu-on-again", (uint64_t)cpu_start(cpu, count_for_a_while), 0);
    count_for_a_while(0);
    result(wait_for(&arrived, 100000 * cpus), "shared-memory", ": counted %u\n", atomic_load(&arrived));
    for (unsigned cpu = 1; cpu < cpus; cpu++)
        result(wait_off(cpu), "cpu-off-again", ": cpu %u stays on\n", cpu);
}

static volatile uint64_t timer_fired_at;

static void on_timer(void)
{
    uint32_t intid = gic_acknowledge();

    if (intid != GUEST_INTID_VIRTUAL_TIMER)
        return;
    timer_fired_at = now_virtual();
    write_sysreg(CNTV_CTL_EL0, 0);
    gic_end(intid);
}

/* CPU_SUSPEND is a standby state: it returns when an interrupt is pending. */
static void check_suspend(void)
{
    uint64_t deadline = now_virtual() + microseconds(5000);

    on_irq = on_timer;
    gic_enable(GUEST_INTID_VIRTUAL_TIMER);
    write_sysreg(CNTV_CVAL_EL0, deadline);
    write_sysreg(CNTV_CTL_EL0, 1);
    expect_equal("suspend", (uint64_t)psci(PSCI_CPU_SUSPEND, 0, 0, 0), 0);
    uint64_t back = now_virtual();
    result(back >= deadline, "suspend-waits", ": back %lu ticks early\n", deadline - back);
    irq_enable();
    spin(microseconds(100));
    irq_disable();
    result(timer_fired_at >= deadline, "suspend-interrupt", ": none or early\n");
}

void guest_main(void)
{
    cpus = (unsigned)option_number("cpus", 2);
    on_irq = count_ping;
    gic_enable(5);
    irq_enable();
    check_errors();
    check_on();
    check_pings();
    check_off();
    irq_disable();
    check_suspend();
}
