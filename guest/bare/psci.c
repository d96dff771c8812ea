// SPDX-License-Identifier: Apache-2.0
/*
 * Checks PSCI's version, features and system calls, by HVC and by SMC, that RAM after a reset is as at the
 * first boot, and that a suspended system begins again when an interrupt comes, with its RAM. The guest
 * recognises its second boot by the CPU time that Ontime has counted for the VM. Without Ontime it does not
 * reset.
 */
#include "bare.h"
#include "ontime/abi.h"

#define MAGIC UINT64_C(0x6f6e74696d652121)

static uint64_t in_data = 1;
static uint64_t in_bss;

static void check_calls(void)
{
    static const uint32_t offered[] = {
        PSCI_VERSION, 0x84000001,         PSCI_CPU_SUSPEND, PSCI_CPU_OFF,      0x84000003,   PSCI_CPU_ON,
        0x84000004,   PSCI_AFFINITY_INFO, PSCI_SYSTEM_OFF,  PSCI_SYSTEM_RESET, PSCI_FEATURES};

    expect_equal("psci-version", (uint64_t)psci(PSCI_VERSION, 0, 0, 0), 0x10001);
    for (unsigned i = 0; i < ARRAY_SIZE(offered); i++)
        result(psci(PSCI_FEATURES, offered[i], 0, 0) >= 0, "psci-offered", ": not 0x%x\n", offered[i]);
    expect_equal("psci-features-unknown", (uint64_t)psci(PSCI_FEATURES, 0x8400007F, 0, 0), (uint64_t)-1);
    int64_t type = psci(PSCI_MIGRATE_TYPE, 0, 0, 0);
    result(type == 2 || type == PSCI_NOT_SUPPORTED, "psci-migrate-type", ": %ld\n", (long)type);
}

/* Checks all of RAM, except for this image and the device tree. */
static void check_ram_is_zero(void)
{
    uint64_t tree = entry_state.x[0];
    uint64_t tree_end = tree + 0x10000;
    uint64_t end = GUEST_RAM_BASE + ram_size();
    unsigned long not_zero = 0, where = 0;

    for (uint64_t at = GUEST_RAM_BASE; at < end; at += 8) {
        if ((at >= (uintptr_t)_start && at < (uintptr_t)_end) || (at >= tree && at < tree_end))
            continue;
        if (*(const volatile uint64_t *)at != 0) {
            where = not_zero++ == 0 ? at : where;
        }
    }
    result(not_zero == 0, "ram-is-zero", ": %lu words are not, the first at %lx\n", not_zero, where);
}

static void spoil_ram(void)
{
    uint64_t tree = entry_state.x[0];

    in_data = in_bss = MAGIC;
    for (uint64_t at = GUEST_RAM_BASE; at < GUEST_RAM_BASE + ram_size(); at += 0x8000) {
        if (at + 8 <= (uintptr_t)_start || at >= (uintptr_t)_end)
            *(volatile uint64_t *)at = MAGIC;
    }
    *(volatile uint64_t *)tree = MAGIC;
}

/* Function numbers of SMCCC for weaknesses of CPUs: for the first one ID registers may say that none is
 * needed. */
static void check_workarounds(void)
{
    bool safe = (read_sysreg(ID_AA64PFR0_EL1) >> 56 & 15) != 0;
    int64_t offered = psci(SMCCC_ARCH_FEATURES, 0x80008000, 0, 0);

    expect_equal("psci-by-smc", (uint64_t)psci_by_smc(PSCI_VERSION, 0, 0, 0), 0x10001);
    expect_equal("smc-unknown", (uint64_t)psci_by_smc(0x8400007F, 0, 0, 0), (uint64_t)PSCI_NOT_SUPPORTED);
    expect_equal("smc-vendor", (uint64_t)psci_by_smc(ONTIME_CALL_REVISION, 0, 0, 0), ONTIME_REVISION_MAJOR);
    result(offered == (safe ? 1 : PSCI_NOT_SUPPORTED), "workaround-1", ": %ld\n", (long)offered);
    expect_equal("workaround-1-call", (uint64_t)psci(0x80008000, 0, 0, 0),
                 (uint64_t)(safe ? 0 : PSCI_NOT_SUPPORTED));
}

static uint64_t suspended_at, kept;

static void resumed(unsigned cpu)
{
    uint64_t slept = now_virtual() - suspended_at;

    timer_end();
    result(slept >= microseconds(20000) && slept < microseconds(200000), "suspend-until-interrupt",
           ": %lu ticks\n", slept);
    expect_equal("suspend-context", cpu, 0);
    expect_equal("suspend-keeps-ram", kept, MAGIC);
    expect_equal("suspend-resets-registers", read_sysreg(TPIDR_EL0), 0);
    finish();
}

/* The timer wakes the system though the CPU interface lets nothing through, as Linux has it then. */
static void check_suspend(void)
{
    expect_equal("suspend-nowhere", (uint64_t)psci(PSCI_SYSTEM_SUSPEND, 1, 0, 0),
                 (uint64_t)PSCI_INVALID_ADDRESS);
    expect_equal("reset2-unknown", (uint64_t)psci(PSCI_SYSTEM_RESET2, 1, 0, 0), (uint64_t)PSCI_INVALID);
    kept = MAGIC;
    write_sysreg(TPIDR_EL0, MAGIC);
    gic_mask(0);
    gic_enable(27);
    suspended_at = now_virtual();
    write_sysreg(CNTV_CVAL_EL0, suspended_at + microseconds(20000));
    write_sysreg(CNTV_CTL_EL0, 1);
    int64_t answer = system_suspend(resumed);
    result(false, "suspend", ": returned %ld\n", (long)answer);
}

void guest_main(void)
{
    print("psci: boot\n");
    check_calls();
    expect_equal("data-is-pristine", in_data, 1);
    expect_equal("bss-is-zero", in_bss, 0);
    if (!ontime_present()) {
        print("SKIP psci: no Ontime here\n");
        return;
    }
    check_workarounds();
    check_ram_is_zero();
    if (ontime_stat(ONTIME_STAT_RUN_TICKS) > microseconds(3000000)) {
        print("psci: this is the second boot\n");
        check_suspend();
        return;
    }
    spin(microseconds(3000000));
    spoil_ram();
    print("psci: reset\n");
    (void)psci(PSCI_SYSTEM_RESET2, 0, 0, 0);
    result(false, "reset", ": SYSTEM_RESET2 returned\n");
}
