/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's calls by HVC: PSCI's with their errors, states and widths, SMCCC's, stolen time's and Ontime's,
 * all by way of the registers. What the calls lead to in the core is noted by stand-ins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "arch/fake/fake.h"
#include "devices/control.h"
#include "devices/deadline_calls.h"
#include "devices/hypercall.h"
#include "devices/observer.h"
#include "devices/stolen_time.h"
#include "devices/vgic.h"
#include "one_core.h"
#include "random.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/power.h"

#define VCPUS  8
#define MIB    UINT64_C(0x100000)
#define RAM    GUEST_RAM_BASE
#define ENTRY  (RAM + 0x1000)
#define STEPS  20000
#define UPPER  UINT64_C(0xABCDEF0100000000)
#define REPLY  0x1234 /* of the stand-ins */
#define RECORD 64

#define PSCI_VERSION        0x84000000
#define PSCI_CPU_SUSPEND32  0x84000001
#define PSCI_CPU_OFF        0x84000002
#define PSCI_CPU_ON32       0x84000003
#define PSCI_AFFINITY32     0x84000004
#define PSCI_MIGRATE_TYPE   0x84000006
#define PSCI_SYSTEM_OFF     0x84000008
#define PSCI_SYSTEM_RESET   0x84000009
#define PSCI_FEATURES       0x8400000A
#define PSCI_SUSPEND_ALL32  0x8400000E
#define PSCI_RESET2_32      0x84000012
#define PSCI_CPU_SUSPEND    0xC4000001
#define PSCI_CPU_ON         0xC4000003
#define PSCI_AFFINITY       0xC4000004
#define PSCI_SUSPEND_ALL    0xC400000E
#define PSCI_RESET2         0xC4000012
#define SMCCC_VERSION       0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define NOT_SUPPORTED       (-1)
#define INVALID_PARAMETERS  (-2)
#define DENIED              (-3)
#define ALREADY_ON          (-4)
#define INVALID_ADDRESS     (-9)
#define STATE_ON            0
#define STATE_OFF           1

static struct vm_config config;
static struct vm vm;
static struct vcpu vcpus[VCPUS];

static struct {
    struct vcpu *vcpu; /* last switched on */
    uint64_t entry, argument;
    unsigned stops, restarts;
    unsigned blocks, caught_up;
    bool wakes, deliverable;
    struct vcpu *suspended;
    bool pending;
    uint32_t workaround; /* the last that was called */
    uint64_t precise[2]; /* the arguments of the last call */
    unsigned stat;
    uint32_t mark;
    uint64_t cursor;
    unsigned traces;
    uint32_t controlled; /* the last such call, and its arguments */
    uint64_t control[4];
} seen;

struct vm *vms[SYSTEM_MAX_VMS];
unsigned vm_count;

static bool lock_is_held(void)
{
    return spin_is_held(&vm.lock);
}

void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    assert_true(lock_is_held());
    assert_false(vcpu->powered);
    vcpu->powered = true;
    seen.vcpu = vcpu;
    seen.entry = entry;
    seen.argument = argument;
}

void vcpu_switch_off(struct vcpu *vcpu)
{
    bool any = false;

    assert_false(lock_is_held());
    assert_true(vcpu->powered);
    vcpu->powered = false;
    for (unsigned i = 0; i < VCPUS; i++)
        any = any || vcpus[i].powered;
    seen.stops += !any;
}

void vm_stop_by(struct vcpu *vcpu, bool restart)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    assert_false(lock_is_held());
    seen.stops++;
    seen.restarts += restart;
}

bool vgic_wakes(struct vcpu *vcpu)
{
    (void)vcpu;
    return seen.wakes;
}

bool vgic_has_deliverable(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    return seen.deliverable;
}

void vcpu_suspend(struct vcpu *vcpu, uint64_t entry, uint64_t argument, bool is_pending)
{
    seen.suspended = vcpu;
    seen.entry = entry;
    seen.argument = argument;
    seen.pending = is_pending;
}

static int32_t workarounds[3]; /* what the machine says of them */

int32_t arch_workaround(uint32_t workaround)
{
    switch (workaround) {
    case 0x80008000:
        return workarounds[0];
    case 0x80007FFF:
        return workarounds[1];
    default:
        assert_int_equal(workaround, 0x80003FFF);
        return workarounds[2];
    }
}

void arch_workaround_call(uint32_t workaround)
{
    seen.workaround = workaround;
}

void vcpu_release_timer(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_block(struct vcpu *vcpu)
{
    (void)vcpu;
    seen.blocks++;
}

void vcpu_catch_up(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    seen.caught_up++;
}

uint64_t vm_stat(const struct vm *of, unsigned stat)
{
    assert_ptr_equal(of, &vm);
    seen.stat = stat;
    return 1000 + stat;
}

void observer_mark(struct vcpu *vcpu, uint32_t number)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    seen.mark = number;
}

void observer_trace(struct vcpu *vcpu, uint64_t cursor)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    seen.cursor = cursor;
    seen.traces++;
}

int64_t control_call(struct vcpu *vcpu, uint32_t number, uint64_t *x)
{
    assert_ptr_equal(vcpu, &vcpus[0]);
    seen.controlled = number;
    memcpy(seen.control, &x[1], sizeof(seen.control));
    return REPLY + 6;
}

int64_t deadline_call_arm(struct vcpu *vcpu, uint64_t deadline, uint64_t id)
{
    (void)vcpu;
    seen.precise[0] = deadline;
    seen.precise[1] = id;
    return REPLY;
}

int64_t deadline_call_cancel(struct vcpu *vcpu, uint64_t id)
{
    (void)vcpu;
    seen.precise[0] = id;
    return REPLY + 1;
}

int64_t deadline_call_done(struct vcpu *vcpu, uint64_t next)
{
    (void)vcpu;
    seen.precise[0] = next;
    return REPLY + 2;
}

int64_t deadline_call_page(struct vcpu *vcpu, uint64_t address)
{
    (void)vcpu;
    seen.precise[0] = address;
    return REPLY + 4;
}

int64_t deadline_call_hand_on(struct vcpu *vcpu, uint64_t index)
{
    (void)vcpu;
    seen.precise[0] = index;
    return REPLY + 5;
}

int64_t deadline_call_query(struct vcpu *vcpu, uint64_t id, uint64_t *deadline, uint64_t *warped)
{
    (void)vcpu;
    seen.precise[0] = id;
    *deadline = 77;
    *warped = 1;
    return REPLY + 3;
}

/* vCPU 0 is on. */
static int reset(void **state)
{
    (void)state;
    fake_reset();
    memset(&one_core, 0, sizeof(one_core));
    memset(&config, 0, sizeof(config));
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(&seen, 0, sizeof(seen));
    strcpy(config.name, "guest");
    config.memory_base = GUEST_RAM_BASE;
    config.memory_mib = 16;
    vm.config = &config;
    vm.vcpus = vcpus;
    vm.vcpu_count = VCPUS;
    vms[0] = &vm;
    vm_count = 1;
    for (unsigned i = 0; i < VCPUS; i++) {
        vcpus[i].vm = &vm;
        vcpus[i].cpu = &one_core;
        vcpus[i].index = vcpus[i].id = (uint16_t)i;
    }
    vcpus[0].powered = true;
    for (unsigned i = 0; i < 3; i++)
        workarounds[i] = NOT_SUPPORTED;
    return 0;
}

/* An HVC by a vCPU; x1 to x3 are left in its registers. All others must be as they were. */
static uint64_t call_by(unsigned caller, uint64_t number, uint64_t x1, uint64_t x2, uint64_t x3)
{
    uint64_t *x = vcpus[caller].arch.regs.x;

    for (unsigned i = 4; i < 31; i++)
        x[i] = 0x5A5A + i;
    x[0] = number;
    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
    if (hypercall_is_vendors(&vcpus[caller]))
        x[0] = (uint64_t)hypercall_vendor(&vcpus[caller]);
    else
        hypercall_standard(&vcpus[caller]);
    for (unsigned i = 4; i < 31; i++)
        assert_int_equal(x[i], 0x5A5A + i);
    assert_false(lock_is_held());
    return x[0];
}

static uint64_t call(uint64_t number, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return call_by(0, number, x1, x2, x3);
}

static void version_and_features(void **state)
{
    static const uint32_t offered[] = {
        PSCI_VERSION,      PSCI_CPU_SUSPEND32, PSCI_CPU_SUSPEND, PSCI_CPU_OFF,      PSCI_CPU_ON32,
        PSCI_CPU_ON,       PSCI_AFFINITY32,    PSCI_AFFINITY,    PSCI_MIGRATE_TYPE, PSCI_SYSTEM_OFF,
        PSCI_SYSTEM_RESET, PSCI_FEATURES,      SMCCC_VERSION,    PSCI_SUSPEND_ALL,  PSCI_SUSPEND_ALL32,
        PSCI_RESET2,       PSCI_RESET2_32};
    static const uint32_t unknown[] = {0x84000005, 0x84000007,          0x8400000B, 0x84000013,
                                       0xC4000000, 0xC4000002,          0xC400000A, 0xC4000008,
                                       0xC4000013, SMCCC_ARCH_FEATURES, 0x86000020, 0};

    (void)state;
    assert_int_equal(call(PSCI_VERSION, 0, 0, 0), 0x10001);
    assert_int_equal(call(PSCI_MIGRATE_TYPE, 0, 0, 0), 2);
    for (unsigned i = 0; i < sizeof(offered) / sizeof(offered[0]); i++) {
        assert_int_equal(call(PSCI_FEATURES, offered[i], 0, 0), 0);
        assert_int_equal(call(PSCI_FEATURES, UPPER | offered[i], 0, 0), 0);
    }
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(call(PSCI_FEATURES, unknown[i], 0, 0), NOT_SUPPORTED);
}

static void unknown_functions_are_not_supported(void **state)
{
    static const uint32_t unknown[] = {0x84000005, 0x84000007, 0x8400001F, 0xC4000000, 0xC4000002, 0xC4000008,
                                       0xC4000009, 0xC400000A, 0x04000000, 0x80000002, 0x80007FFF, 0x80008000,
                                       0xC0000000, 0x83000000, 0x86000000, 0x860000FF, 0x8600FF00, 0x8600FF02,
                                       0x86000021, 0xC6000020, 0xC6000031, 0xC600FF01, 0xC5000022, 0x85000020,
                                       0xBF000000, 0,          UINT32_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(call(unknown[i], 0, ENTRY, 0), NOT_SUPPORTED);
        assert_int_equal(vcpus[0].arch.regs.x[2], ENTRY);
    }
    assert_int_equal(seen.stops, 0);
    assert_null(seen.vcpu);
}

static void cpu_on(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_CPU_ON, 3, ENTRY, UPPER | 5), 0);
    assert_ptr_equal(seen.vcpu, &vcpus[3]);
    assert_int_equal(seen.entry, ENTRY);
    assert_int_equal(seen.argument, UPPER | 5);
    assert_true(vcpus[3].powered);
    assert_false(vcpus[2].powered || vcpus[4].powered);
    assert_int_equal(call(PSCI_CPU_ON, 3, ENTRY, 0), ALREADY_ON);
    assert_int_equal(call(PSCI_CPU_ON, 0, ENTRY, 0), ALREADY_ON);
    assert_int_equal(call_by(3, PSCI_CPU_ON, 0, ENTRY, 0), ALREADY_ON);
    assert_int_equal(seen.argument, UPPER | 5);
}

static void cpu_on_of_nobody(void **state)
{
    static const uint64_t bad[] = {VCPUS,     63,        0x100, 0x10001, UINT64_C(1) << 31, UINT64_C(1) << 32,
                                   UPPER | 1, UINT64_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(call(PSCI_CPU_ON, bad[i], ENTRY, 0), INVALID_PARAMETERS);
        assert_int_equal(call(PSCI_AFFINITY, bad[i], 0, 0), INVALID_PARAMETERS);
    }
    assert_int_equal(call(PSCI_CPU_ON32, VCPUS, ENTRY, 0), INVALID_PARAMETERS);
    assert_null(seen.vcpu);
}

static void cpu_on_at_bad_addresses(void **state)
{
    static const uint64_t bad[] = {0,         RAM - 4,     RAM + 16 * MIB, RAM + 1,       RAM + 2,
                                   RAM + 0xF, UPPER + RAM, UINT64_MAX,     UINT64_MAX - 3};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(call(PSCI_CPU_ON, 1, bad[i], 0), INVALID_ADDRESS);
    assert_null(seen.vcpu);
    assert_int_equal(call(PSCI_CPU_ON, 1, RAM, 0), 0);
    assert_int_equal(call(PSCI_CPU_ON, 2, RAM + 16 * MIB - 4, 0), 0);
}

/* With SMC32 numbers only the lower half of each argument counts; with SMC64 numbers all of it does. */
static void widths(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_CPU_ON32, UPPER | 2, UPPER | ENTRY, UPPER | 9), 0);
    assert_ptr_equal(seen.vcpu, &vcpus[2]);
    assert_int_equal(seen.entry, ENTRY);
    assert_int_equal(seen.argument, 9);
    assert_int_equal(call(PSCI_AFFINITY32, UPPER | 2, UPPER, 0), STATE_ON);
    assert_int_equal(call(PSCI_AFFINITY, 2, UPPER, 0), INVALID_PARAMETERS);
    assert_int_equal(call(PSCI_CPU_ON, UPPER | 3, ENTRY, 9), INVALID_PARAMETERS);
    assert_int_equal(call(PSCI_CPU_ON, 3, UPPER | ENTRY, 9), INVALID_ADDRESS);
    assert_int_equal(call(UPPER | PSCI_VERSION, 0, 0, 0), 0x10001);
    assert_int_equal(call(UPPER | ONTIME_CALL_REVISION, 0, 0, 0), ONTIME_REVISION_MAJOR);
}

static void affinity_info(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_AFFINITY, 0, 0, 0), STATE_ON);
    for (uint64_t i = 1; i < VCPUS; i++)
        assert_int_equal(call(i % 2 != 0 ? PSCI_AFFINITY : PSCI_AFFINITY32, i, 0, 0), STATE_OFF);
    for (uint64_t level = 1; level < 5; level++)
        assert_int_equal(call(PSCI_AFFINITY, 0, level, 0), INVALID_PARAMETERS);
}

static void cpu_off(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_CPU_ON, 1, ENTRY, 0), 0);
    assert_int_equal(call_by(1, PSCI_CPU_OFF, 1, 2, 3), PSCI_CPU_OFF); /* does not return */
    assert_false(vcpus[1].powered);
    assert_int_equal(seen.stops, 0);
    assert_int_equal(call(PSCI_AFFINITY, 1, 0, 0), STATE_OFF);
    assert_int_equal(call(PSCI_CPU_ON, 1, ENTRY + 4, 7), 0);
    assert_int_equal(seen.entry, ENTRY + 4);
    call(PSCI_CPU_OFF, 0, 0, 0);
    assert_int_equal(seen.stops, 0);
    call_by(1, PSCI_CPU_OFF, 0, 0, 0); /* the last one */
    assert_int_equal(seen.stops, 1);
    assert_int_equal(seen.restarts, 0);
}

static void system_off_and_reset(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_SYSTEM_OFF, 0, 0, 0), PSCI_SYSTEM_OFF);
    assert_int_equal(seen.stops, 1);
    assert_int_equal(seen.restarts, 0);
    assert_int_equal(call(PSCI_SYSTEM_RESET, 0, 0, 0), PSCI_SYSTEM_RESET);
    assert_int_equal(seen.stops, 2);
    assert_int_equal(seen.restarts, 1);
}

static void a_warm_reset_is_a_reset(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_RESET2, 1, 0, 0), INVALID_PARAMETERS);
    assert_int_equal(call(PSCI_RESET2, 0x80000000, 0, 0), INVALID_PARAMETERS);
    assert_int_equal(call(PSCI_RESET2_32, UPPER | 1, 0, 0), INVALID_PARAMETERS);
    assert_int_equal(seen.stops, 0);
    assert_int_equal(call(PSCI_RESET2, 0, 5, 0), PSCI_RESET2);
    assert_int_equal(call(PSCI_RESET2_32, UPPER, 5, 0), PSCI_RESET2_32);
    assert_int_equal(seen.stops, 2);
    assert_int_equal(seen.restarts, 2);
}

static void a_system_is_suspended_by_its_last_vcpu(void **state)
{
    (void)state;
    assert_int_equal(call(PSCI_SUSPEND_ALL, ENTRY + 2, 7, 0), INVALID_ADDRESS);
    assert_int_equal(call(PSCI_SUSPEND_ALL, RAM - 4, 7, 0), INVALID_ADDRESS);
    vcpus[VCPUS - 1].powered = true;
    assert_int_equal(call(PSCI_SUSPEND_ALL, ENTRY, 7, 0), DENIED);
    assert_null(seen.suspended);
    vcpus[VCPUS - 1].powered = false;
    assert_int_equal(call(PSCI_SUSPEND_ALL, ENTRY, UPPER | 7, 0), PSCI_SUSPEND_ALL);
    assert_ptr_equal(seen.suspended, &vcpus[0]);
    assert_int_equal(seen.entry, ENTRY);
    assert_int_equal(seen.argument, UPPER | 7);
    assert_false(seen.pending);
    seen.deliverable = true;
    assert_int_equal(call(PSCI_SUSPEND_ALL32, UPPER | ENTRY, UPPER | 7, 0), PSCI_SUSPEND_ALL32);
    assert_int_equal(seen.argument, 7);
    assert_true(seen.pending);
}

static void workarounds_are_the_machines(void **state)
{
    static const uint32_t numbers[] = {0x80008000, 0x80007FFF, 0x80003FFF};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(call(SMCCC_ARCH_FEATURES, numbers[i], 0, 0), NOT_SUPPORTED);
        assert_int_equal(call(numbers[i], 0, 0, 0), NOT_SUPPORTED);
        workarounds[i] = 1;
        assert_int_equal(call(SMCCC_ARCH_FEATURES, UPPER | numbers[i], 0, 0), 1);
        assert_int_equal(call(numbers[i], 0, 0, 0), 0);
        assert_int_equal(seen.workaround, 0);
        workarounds[i] = 0;
        assert_int_equal(call(SMCCC_ARCH_FEATURES, numbers[i], 0, 0), 0);
        assert_int_equal(call(numbers[i], 0, 0, 0), 0);
        assert_int_equal(seen.workaround, numbers[i]);
        seen.workaround = 0;
    }
}

static void suspend_is_a_wait(void **state)
{
    (void)state;
    seen.wakes = true;
    assert_int_equal(call(PSCI_CPU_SUSPEND, 0x10000, ENTRY, 0), 0);
    assert_int_equal(seen.blocks, 0);
    seen.wakes = false;
    assert_int_equal(call(PSCI_CPU_SUSPEND, 0, 0, 0), 0);
    assert_int_equal(call(PSCI_CPU_SUSPEND32, 0, 0, 0), 0);
    assert_int_equal(seen.blocks, 2);
}

/* Any vCPU that is on calls anything about any; the states are those of a list of flags. */
static void states_follow_the_calls(void **state)
{
    struct random random = {1};
    bool on[VCPUS] = {true};
    unsigned count = 1;

    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        unsigned caller = (unsigned)random_below(&random, VCPUS);
        unsigned target = (unsigned)random_below(&random, VCPUS);

        if (!on[caller])
            continue;
        switch (random_below(&random, 4)) {
        case 0:
            if (count == 1)
                break;
            call_by(caller, PSCI_CPU_OFF, 0, 0, 0);
            on[caller] = false;
            count--;
            break;
        case 1:
            assert_int_equal(call_by(caller, PSCI_AFFINITY, target, 0, 0), on[target] ? STATE_ON : STATE_OFF);
            break;
        default:
            assert_int_equal(call_by(caller, PSCI_CPU_ON, target, ENTRY + 4 * i, i),
                             on[target] ? ALREADY_ON : 0);
            if (!on[target]) {
                assert_ptr_equal(seen.vcpu, &vcpus[target]);
                assert_int_equal(seen.argument, i);
            }
            count += !on[target];
            on[target] = true;
        }
        for (unsigned k = 0; k < VCPUS; k++)
            assert_int_equal(vcpus[k].powered, on[k]);
    }
    assert_int_equal(seen.stops, 0);
}

static void smccc(void **state)
{
    (void)state;
    assert_int_equal(call(SMCCC_VERSION, 0, 0, 0), 0x10001);
    assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_VERSION, 0, 0), 0);
    assert_int_equal(call(SMCCC_ARCH_FEATURES, SMCCC_ARCH_FEATURES, 0, 0), 0);
    assert_int_equal(call(SMCCC_ARCH_FEATURES, UPPER | PV_TIME_FEATURES, 0, 0), 0);
    assert_int_equal(call(SMCCC_ARCH_FEATURES, 0x80008000, 0, 0), NOT_SUPPORTED);
    assert_int_equal(call(SMCCC_ARCH_FEATURES, 0, 0, 0), NOT_SUPPORTED);
}

static void stolen_time(void **state)
{
    (void)state;
    assert_int_equal(call(PV_TIME_FEATURES, PV_TIME_FEATURES, 0, 0), 0);
    assert_int_equal(call(PV_TIME_FEATURES, UPPER | PV_TIME_ST, 0, 0), 0);
    assert_int_equal(call(PV_TIME_FEATURES, PSCI_VERSION, 0, 0), NOT_SUPPORTED);
    for (unsigned i = 0; i < VCPUS; i++)
        assert_int_equal(call_by(i, PV_TIME_ST, 0, 0, 0), GUEST_STOLEN_TIME + i * RECORD);
}

/* Ten years, in ticks of 54 MHz: times 10^9 that is beyond 64 bits. Short by less than 0.25 ns a second. */
static void stolen_time_is_in_nanoseconds(void **state)
{
    static _Alignas(64) uint8_t page[VCPUS * RECORD];
    const uint64_t seconds = UINT64_C(10) * 365 * 24 * 3600;
    uint64_t stolen;

    (void)state;
    fake_set_hz(54000000);
    stolen_time_init();
    vcpus[2].stolen_time = stolen_time_record(page, 2);
    vcpus[2].stats[ONTIME_STAT_STOLEN_TICKS] = seconds * 54000000;
    stolen_time_publish(&vcpus[2]);
    memcpy(&stolen, page + 2 * RECORD + 8, sizeof(stolen));
    assert_in_range(stolen, seconds * 1000000000 - seconds / 4, seconds * 1000000000);
    for (unsigned i = 0; i < sizeof(page); i++)
        assert_true(page[i] == 0 || (i >= 2 * RECORD + 8 && i < 2 * RECORD + 16));
}

static void ontime_introduces_itself(void **state)
{
    const uint64_t *x = vcpus[0].arch.regs.x;

    (void)state;
    assert_int_equal(call(ONTIME_CALL_UID, 0, 0, 0), ONTIME_UID_0);
    assert_true(x[1] == ONTIME_UID_1 && x[2] == ONTIME_UID_2 && x[3] == ONTIME_UID_3);
    assert_int_equal(call(ONTIME_CALL_REVISION, 9, 9, 9), ONTIME_REVISION_MAJOR);
    assert_int_equal(x[1], ONTIME_REVISION_MINOR);
    assert_int_equal(call(ONTIME_CALL_FEATURES, 0, 0, 0), 0);
    config.timers = TIMERS_PRECISE;
    vm.features = vm_config_features(&config);
    assert_int_equal(call(ONTIME_CALL_FEATURES, 0, 0, 0),
                     ONTIME_FEATURE_PRECISE | ONTIME_FEATURE_PAGE | ONTIME_FEATURE_HAND_ON);
    config.observer = true;
    config.timers = TIMERS_TICK;
    vm.features = vm_config_features(&config);
    assert_int_equal(call(ONTIME_CALL_FEATURES, 0, 0, 0), ONTIME_FEATURE_OBSERVER);
    config.observer = false;
    config.control = true;
    vm.features = vm_config_features(&config);
    assert_int_equal(call(ONTIME_CALL_FEATURES, 0, 0, 0), ONTIME_FEATURE_CONTROL);
}

static void deadlines_are_passed_on_whole(void **state)
{
    const uint64_t *x = vcpus[0].arch.regs.x;

    (void)state;
    assert_int_equal(call(ONTIME_CALL_ARM, UPPER | 3, UPPER | 4, 0), REPLY);
    assert_true(seen.precise[0] == (UPPER | 3) && seen.precise[1] == (UPPER | 4));
    assert_int_equal(call(ONTIME_CALL_CANCEL, UPPER | 5, 0, 0), REPLY + 1);
    assert_int_equal(seen.precise[0], UPPER | 5);
    assert_int_equal(call(ONTIME_CALL_DONE, UPPER | 6, 0, 0), REPLY + 2);
    assert_int_equal(seen.precise[0], UPPER | 6);
    assert_int_equal(call(ONTIME_CALL_PAGE, UPPER | 8, 0, 0), REPLY + 4);
    assert_int_equal(seen.precise[0], UPPER | 8);
    assert_int_equal(call(ONTIME_CALL_HAND_ON, UPPER | 9, 0, 0), REPLY + 5);
    assert_int_equal(seen.precise[0], UPPER | 9);
    assert_int_equal(call(ONTIME_CALL_QUERY, UPPER | 7, 0, 0), REPLY + 3);
    assert_int_equal(seen.precise[0], UPPER | 7);
    assert_true(x[1] == 77 && x[2] == 1);
}

static void statistics(void **state)
{
    (void)state;
    for (uint64_t stat = 0; stat < ONTIME_STAT_COUNT; stat++) {
        assert_int_equal(call(ONTIME_CALL_STAT, stat, 0, 0), ONTIME_OK);
        assert_int_equal(vcpus[0].arch.regs.x[1], 1000 + stat);
    }
    assert_int_equal(seen.caught_up, ONTIME_STAT_COUNT); /* up to date when read */
    assert_int_equal(call(ONTIME_CALL_STAT, ONTIME_STAT_COUNT, 0, 0), ONTIME_INVALID);
    assert_int_equal(call(ONTIME_CALL_STAT, UPPER, 0, 0), ONTIME_INVALID);
    assert_int_equal(seen.stat, ONTIME_STAT_COUNT - 1);
}

static void marks_and_traces_are_for_observers(void **state)
{
    (void)state;
    assert_int_equal(call(ONTIME_CALL_MARK, 7, 0, 0), ONTIME_DENIED);
    assert_int_equal(call(ONTIME_CALL_TRACE, 0, 0, 0), ONTIME_DENIED);
    assert_true(seen.mark == 0 && seen.traces == 0);
    config.observer = true;
    assert_int_equal(call(ONTIME_CALL_MARK, UPPER | 7, 0, 0), ONTIME_OK);
    assert_int_equal(seen.mark, 7);
    assert_int_equal(call(ONTIME_CALL_TRACE, UINT64_MAX, 0, 0), ONTIME_OK);
    assert_true(seen.cursor == UINT64_MAX && seen.traces == 1);
}

/* All numbers between the first and the last; who may call is seen there. */
static void control_has_four_arguments(void **state)
{
    (void)state;
    for (uint32_t number = ONTIME_CALL_VM_INFO; number <= ONTIME_CALL_TRACE_READ; number++) {
        assert_int_equal(call(number, UPPER | 1, UPPER | 2, UPPER | 3), REPLY + 6);
        assert_int_equal(seen.controlled, number);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(seen.control[i], UPPER | (i + 1));
        assert_int_equal(seen.control[3], vcpus[0].arch.regs.x[4]);
    }
    assert_int_equal(call(ONTIME_CALL_TRACE_READ + 1, 0, 0, 0), NOT_SUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(version_and_features, reset),
        cmocka_unit_test_setup(unknown_functions_are_not_supported, reset),
        cmocka_unit_test_setup(cpu_on, reset),
        cmocka_unit_test_setup(cpu_on_of_nobody, reset),
        cmocka_unit_test_setup(cpu_on_at_bad_addresses, reset),
        cmocka_unit_test_setup(widths, reset),
        cmocka_unit_test_setup(affinity_info, reset),
        cmocka_unit_test_setup(cpu_off, reset),
        cmocka_unit_test_setup(system_off_and_reset, reset),
        cmocka_unit_test_setup(a_warm_reset_is_a_reset, reset),
        cmocka_unit_test_setup(a_system_is_suspended_by_its_last_vcpu, reset),
        cmocka_unit_test_setup(workarounds_are_the_machines, reset),
        cmocka_unit_test_setup(suspend_is_a_wait, reset),
        cmocka_unit_test_setup(states_follow_the_calls, reset),
        cmocka_unit_test_setup(smccc, reset),
        cmocka_unit_test_setup(stolen_time, reset),
        cmocka_unit_test_setup(stolen_time_is_in_nanoseconds, reset),
        cmocka_unit_test_setup(ontime_introduces_itself, reset),
        cmocka_unit_test_setup(deadlines_are_passed_on_whole, reset),
        cmocka_unit_test_setup(statistics, reset),
        cmocka_unit_test_setup(marks_and_traces_are_for_observers, reset),
        cmocka_unit_test_setup(control_has_four_arguments, reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
