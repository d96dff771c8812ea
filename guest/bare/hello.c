// SPDX-License-Identifier: Apache-2.0
/*
 * Checks how a guest is entered, its device tree, and the calls of include/ontime/abi.h with good and bad
 * arguments. Boot arguments: `precise` and `observer`, if the system file says so of the VM.
 */
#include "bare.h"
#include "ontime/abi.h"

#define FAR_AWAY (UINT64_C(1) << 40)

static void check_entry(void)
{
    uint32_t size;

    expect_equal("entry-el", entry_state.current_el, 4);
    expect_equal("entry-spsel", entry_state.spsel, 1);
    expect_equal("entry-daif", entry_state.daif, 0x3C0);
    expect_equal("entry-mmu-and-caches-off", entry_state.sctlr & 0x1005, 0);
    expect_equal("entry-x1-x3", entry_state.x[1] | entry_state.x[2] | entry_state.x[3], 0);
    expect_equal("load-address", (uintptr_t)_start, GUEST_RAM_BASE + 0x80000);
    expect_equal("mpidr", read_sysreg(MPIDR_EL1) & 0xFF00FFFFFF, 0);

    const char *memory = tree_property("memory", NULL, "reg", &size);
    expect_equal("tree-ram-base", tree_u64(memory), GUEST_RAM_BASE);
    const char *uart = tree_property(NULL, "arm,pl011", "reg", &size);
    expect_equal("tree-uart", uart != NULL ? tree_u64(uart) : 0, GUEST_UART_BASE);
    const char *gic =
        tree_property(NULL, gic_version == 3 ? "arm,gic-v3" : "arm,cortex-a15-gic", "reg", &size);
    expect_equal("tree-gicd", gic != NULL ? tree_u64(gic) : 0, GUEST_GICD_BASE);
    expect_equal("tree-gicr-or-gicc", gic != NULL ? tree_u64(gic + 16) : 0,
                 gic_version == 3 ? GUEST_GICR_BASE : GUEST_GICC_BASE);
    result(tree_property(NULL, "arm,psci-1.0", "method", &size) != NULL, "tree-psci", ": no node\n");
}

static void check_general(void)
{
    struct answer revision = call(ONTIME_CALL_REVISION, 0, 0, 0);

    expect_equal("revision-major", revision.x[0], ONTIME_REVISION_MAJOR);
    expect_equal("revision-minor", revision.x[1], ONTIME_REVISION_MINOR);
    expect_equal(
        "features", call(ONTIME_CALL_FEATURES, 0, 0, 0).x[0],
        (option("precise") ? ONTIME_FEATURE_PRECISE | ONTIME_FEATURE_PAGE | ONTIME_FEATURE_HAND_ON : 0) |
            (option("observer") ? ONTIME_FEATURE_OBSERVER : 0));
    result(psci(PSCI_FEATURES, SMCCC_VERSION, 0, 0) >= 0, "smccc-offered", ": PSCI_FEATURES says no\n");
    result(psci(SMCCC_VERSION, 0, 0, 0) >= 0x10001, "smccc-version", ": %lx\n",
           (unsigned long)psci(SMCCC_VERSION, 0, 0, 0));
    uint32_t size;
    result(tree_property("hypervisor", NULL, "compatible", &size) != NULL, "tree-hypervisor", ": no node\n");
}

static void check_unknown(void)
{
    static const uint32_t unknown[] = {0x86000000, 0x860000FF, 0xC60000FF, 0x8600FF00, 0xC5000020,
                                       0x80007FFF, 0x84000030, 0xC4000030, 0x83000000, 0xBF000000,
                                       0xFF00FF01, 0x00000000, 0x02000001, 0xC6000020, 0x86000021};

    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        int32_t answer = (int32_t)call(unknown[i], 0, 0, 0).x[0];
        result(answer == -1, "unknown-call", ": 0x%x gives %d\n", unknown[i], answer);
    }
    expect_equal("function-is-32-bit", (uint32_t)call(0xFFFFFFFF00000000 | ONTIME_CALL_UID, 0, 0, 0).x[0],
                 ONTIME_UID_0);
    result(psci(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0) >= 0, "arch-features", ": not offered\n");
    expect_equal("arch-features-unknown", (uint64_t)psci(SMCCC_ARCH_FEATURES, 0x80007FFE, 0, 0),
                 (uint64_t)-1);
}

static void check_registers_kept(void)
{
    static const uint64_t functions[] = {ONTIME_CALL_UID, ONTIME_CALL_QUERY, 0x860000FF, PSCI_VERSION};

    for (unsigned i = 0; i < ARRAY_SIZE(functions); i++) {
        uint64_t x[18];
        for (unsigned n = 0; n < 18; n++)
            x[n] = 0x1111111111111111 * (n % 15 + 1);
        x[0] = functions[i];
        hypercall(x);
        unsigned changed = 0;
        for (unsigned n = 4; n < 18; n++)
            changed |= (unsigned)(x[n] != 0x1111111111111111 * (n % 15 + 1)) << n;
        result(changed == 0, "registers-kept", ": function %lx changes those of mask 0x%x\n", functions[i],
               changed);
    }
}

static void check_refused(void)
{
    expect_equal("arm-refused", call(ONTIME_CALL_ARM, FAR_AWAY, 0, 0).x[0], (uint64_t)ONTIME_NOT_SUPPORTED);
    expect_equal("cancel-refused", call(ONTIME_CALL_CANCEL, 0, 0, 0).x[0], (uint64_t)ONTIME_NOT_SUPPORTED);
    expect_equal("done-refused", call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0).x[0],
                 (uint64_t)ONTIME_NOT_SUPPORTED);
    expect_equal("query-refused", call(ONTIME_CALL_QUERY, 0, 0, 0).x[0], (uint64_t)ONTIME_NOT_SUPPORTED);
}

static void check_arm_and_cancel(uint64_t id)
{
    uint64_t far = now_virtual() + FAR_AWAY;

    expect_equal("arm", call(ONTIME_CALL_ARM, far, id, 0).x[0], ONTIME_OK);
    struct answer query = call(ONTIME_CALL_QUERY, id, 0, 0);
    expect_equal("query", query.x[0], ONTIME_OK);
    expect_equal("query-deadline", query.x[1], far);
    expect_equal("query-not-warped", query.x[2], 0);
    expect_equal("arm-moves", call(ONTIME_CALL_ARM, far + 1, id, 0).x[0], ONTIME_OK);
    expect_equal("query-moved", call(ONTIME_CALL_QUERY, id, 0, 0).x[1], far + 1);
    expect_equal("cancel-armed", call(ONTIME_CALL_CANCEL, id, 0, 0).x[0], 1);
    expect_equal("cancel-not-armed", call(ONTIME_CALL_CANCEL, id, 0, 0).x[0], 0);
    expect_equal("query-not-armed", call(ONTIME_CALL_QUERY, id, 0, 0).x[1], ONTIME_NO_DEADLINE);
}

static void check_bad_arguments(void)
{
    static const uint64_t bad_ids[] = {ONTIME_DEADLINES, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX};

    for (unsigned i = 0; i < ARRAY_SIZE(bad_ids); i++) {
        expect_equal("arm-bad-id", call(ONTIME_CALL_ARM, FAR_AWAY, bad_ids[i], 0).x[0],
                     (uint64_t)ONTIME_INVALID);
        expect_equal("cancel-bad-id", call(ONTIME_CALL_CANCEL, bad_ids[i], 0, 0).x[0],
                     (uint64_t)ONTIME_INVALID);
        expect_equal("query-bad-id", call(ONTIME_CALL_QUERY, bad_ids[i], 0, 0).x[0],
                     (uint64_t)ONTIME_INVALID);
    }
    expect_equal("arm-no-deadline", call(ONTIME_CALL_ARM, ONTIME_NO_DEADLINE, 0, 0).x[0],
                 (uint64_t)ONTIME_INVALID);
}

static void check_past_deadlines(void)
{
    const uint64_t past[] = {0, 1, now_virtual() - 1};
    uint64_t fired = ontime_stat(ONTIME_STAT_FIRED);

    for (unsigned i = 0; i < ARRAY_SIZE(past); i++) {
        expect_equal("arm-past", call(ONTIME_CALL_ARM, past[i], 3, 0).x[0], ONTIME_OK);
        spin(microseconds(200));
        expect_equal("past-is-not-armed", call(ONTIME_CALL_QUERY, 3, 0, 0).x[1], ONTIME_NO_DEADLINE);
        (void)call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0);
    }
    expect_equal("past-fired", ontime_stat(ONTIME_STAT_FIRED) - fired, ARRAY_SIZE(past));
}

static void check_warp(void)
{
    (void)call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0);
    expect_equal("done-without-warp", call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0).x[0], 0);
    uint64_t deadline = now_virtual() + microseconds(1000);
    expect_equal("arm-ahead", call(ONTIME_CALL_ARM, deadline, ONTIME_DEADLINES - 1, 0).x[0], ONTIME_OK);
    spin(microseconds(800));
    uint64_t armed = call(ONTIME_CALL_QUERY, ONTIME_DEADLINES - 1, 0, 0).x[1];
    if (now_virtual() < deadline) /* another guest may have had the core */
        expect_equal("not-fired-early", armed, deadline);
    spin(microseconds(300));
    struct answer query = call(ONTIME_CALL_QUERY, ONTIME_DEADLINES - 1, 0, 0);
    expect_equal("fired", query.x[1], ONTIME_NO_DEADLINE);
    expect_equal("warped", query.x[2], 1);
    expect_equal("done-but-next-is-due", call(ONTIME_CALL_DONE, deadline, 0, 0).x[0], 0);
    expect_equal("still-warped", call(ONTIME_CALL_QUERY, 0, 0, 0).x[2], 1);
    expect_equal("done", call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0).x[0], 1);
    expect_equal("done-again", call(ONTIME_CALL_DONE, ONTIME_NO_DEADLINE, 0, 0).x[0], 0);
    result(ontime_stat(ONTIME_STAT_WARPS) >= 1, "stat-warps", ": none\n");
}

static void check_stat(void)
{
    expect_equal("stat-bad", call(ONTIME_CALL_STAT, ONTIME_STAT_COUNT, 0, 0).x[0], (uint64_t)ONTIME_INVALID);
    expect_equal("stat-bad-64", call(ONTIME_CALL_STAT, UINT64_C(1) << 32, 0, 0).x[0],
                 (uint64_t)ONTIME_INVALID);
    for (unsigned which = 0; which < ONTIME_STAT_COUNT; which++)
        expect_equal("stat", call(ONTIME_CALL_STAT, which, 0, 0).x[0], ONTIME_OK);
    uint64_t run = ontime_stat(ONTIME_STAT_RUN_TICKS);
    spin(microseconds(1000));
    result(ontime_stat(ONTIME_STAT_RUN_TICKS) - run >= microseconds(500), "stat-run-ticks", ": too few\n");
    result(ontime_stat(ONTIME_STAT_EXITS) > 0, "stat-exits", ": none\n");
    if (!option("observer")) {
        expect_equal("mark-denied", call(ONTIME_CALL_MARK, 7, 0, 0).x[0], (uint64_t)ONTIME_DENIED);
        expect_equal("trace-denied", call(ONTIME_CALL_TRACE, 0, 0, 0).x[0], (uint64_t)ONTIME_DENIED);
    }
}

void guest_main(void)
{
    print("hello: %lu MiB, counter %lu Hz, GICv%u\n", ram_size() >> 20, read_sysreg(CNTFRQ_EL0), gic_version);
    check_entry();
    if (!ontime_present()) {
        print("SKIP hello: no Ontime here\n");
        return;
    }
    check_general();
    check_unknown();
    check_registers_kept();
    check_stat();
    if (!option("precise")) {
        check_refused();
        return;
    }
    check_arm_and_cancel(0);
    check_arm_and_cancel(ONTIME_DEADLINES - 1);
    check_bad_arguments();
    check_past_deadlines();
    check_warp();
}
