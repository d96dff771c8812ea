/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSCI 1.1 for guests: switching vCPUs on and off, and the VM itself. There are no power states but standby,
 * so CPU_SUSPEND is a wait for an interrupt (DEN0022, 5.1.2 and 6.6: a power-down request may be taken as
 * standby).
 *
 * Locking: the VM's lock, for the power state of all its vCPUs.
 */
#include "devices/psci.h"
#include "devices/vgic.h"
#include "vm/dispatch.h"
#include "vm/power.h"

#define VERSION           0x84000000
#define CPU_SUSPEND32     0x84000001
#define CPU_OFF           0x84000002
#define CPU_ON32          0x84000003
#define AFFINITY_INFO32   0x84000004
#define MIGRATE_INFO_TYPE 0x84000006
#define SYSTEM_OFF        0x84000008
#define SYSTEM_RESET      0x84000009
#define FEATURES          0x8400000A
#define SYSTEM_SUSPEND32  0x8400000E
#define SYSTEM_RESET2_32  0x84000012
#define CPU_SUSPEND64     0xC4000001
#define CPU_ON64          0xC4000003
#define AFFINITY_INFO64   0xC4000004
#define SYSTEM_SUSPEND64  0xC400000E
#define SYSTEM_RESET2_64  0xC4000012
#define SMCCC_VERSION     0x80000000

#define PSCI_1_1           0x00010001
#define SUCCESS            0
#define NOT_SUPPORTED      (-1)
#define INVALID_PARAMETERS (-2)
#define DENIED             (-3)
#define ALREADY_ON         (-4)
#define INVALID_ADDRESS    (-9)
#define AFFINITY_ON        0
#define AFFINITY_OFF       1
#define MIGRATE_NOT_NEEDED 2
#define WARM_RESET         0
#define SMC64              0x40000000u

static bool is_offered(uint32_t number)
{
    switch (number) {
    case VERSION:
    case CPU_SUSPEND32:
    case CPU_SUSPEND64:
    case CPU_OFF:
    case CPU_ON32:
    case CPU_ON64:
    case AFFINITY_INFO32:
    case AFFINITY_INFO64:
    case MIGRATE_INFO_TYPE:
    case SYSTEM_OFF:
    case SYSTEM_RESET:
    case FEATURES:
    case SYSTEM_SUSPEND32:
    case SYSTEM_SUSPEND64:
    case SYSTEM_RESET2_32:
    case SYSTEM_RESET2_64:
        return true;
    default:
        return false;
    }
}

/* The vCPU with that affinity (0.0.0.index), or NULL. */
static struct vcpu *find_vcpu(struct vm *vm, uint64_t affinity)
{
    return affinity < vm->vcpu_count ? &vm->vcpus[affinity] : (struct vcpu *)0;
}

static bool is_entry(const struct vm *vm, uint64_t address)
{
    return (address & 3) == 0 && vm_config_in_ram(vm->config, address, 4);
}

static int64_t cpu_on(struct vm *vm, uint64_t affinity, uint64_t entry, uint64_t context)
{
    struct vcpu *target = find_vcpu(vm, affinity);
    int64_t result = SUCCESS;

    if (target == (struct vcpu *)0)
        return INVALID_PARAMETERS;
    if (!is_entry(vm, entry))
        return INVALID_ADDRESS;
    spin_lock(&vm->lock);
    if (target->powered)
        result = ALREADY_ON;
    else if (vm->stopper != (struct vcpu *)0)
        result = DENIED;
    else
        vcpu_power_on(target, entry, context);
    spin_unlock(&vm->lock);
    return result;
}

static int64_t affinity_info(struct vm *vm, uint64_t affinity, uint64_t level)
{
    const struct vcpu *target = find_vcpu(vm, affinity);

    if (target == (struct vcpu *)0 || level != 0)
        return INVALID_PARAMETERS;
    return target->powered ? AFFINITY_ON : AFFINITY_OFF;
}

/*
 * The VM sleeps: its one vCPU that is on waits for an interrupt, and then begins at `entry`. What wakes it is
 * an interrupt that is enabled at the distributor, whatever the vCPU's own interface lets through: Linux
 * closes that before it calls. As WFI does, it may end without one.
 */
static __attribute__((noinline)) enum psci_outcome system_suspend(struct vcpu *vcpu, uint64_t entry,
                                                                  uint64_t context, int64_t *result)
{
    struct vm *vm = vcpu->vm;
    bool alone = true;

    spin_lock(&vm->lock);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        alone = alone && (&vm->vcpus[i] == vcpu || !vm->vcpus[i].powered);
    spin_unlock(&vm->lock);
    *result = alone ? INVALID_ADDRESS : DENIED;
    if (!alone || !is_entry(vm, entry))
        return PSCI_RETURN;
    vcpu_end_deferral(vcpu);
    vcpu_suspend(vcpu, entry, context, vgic_has_deliverable(vcpu));
    return PSCI_NO_RETURN;
}

/* No reset but a whole one is offered: RAM is as at the first boot, as a warm reset may leave it. */
static enum psci_outcome system_reset2(struct vcpu *vcpu, uint32_t type, int64_t *result)
{
    if (type != WARM_RESET) {
        *result = INVALID_PARAMETERS;
        return PSCI_RETURN;
    }
    vm_stop_by(vcpu, true);
    return PSCI_NO_RETURN;
}

static int64_t features(uint64_t number)
{
    return is_offered((uint32_t)number) || (uint32_t)number == SMCCC_VERSION ? SUCCESS : NOT_SUPPORTED;
}

enum psci_outcome psci_call(struct vcpu *vcpu, uint32_t number, const uint64_t arguments[3], int64_t *result)
{
    uint64_t width = (number & SMC64) != 0 ? UINT64_MAX : UINT32_MAX;
    uint64_t first = arguments[0] & width;
    uint64_t second = arguments[1] & width;
    uint64_t third = arguments[2] & width;

    switch (number) {
    case VERSION:
        *result = PSCI_1_1;
        return PSCI_RETURN;
    case CPU_SUSPEND32:
    case CPU_SUSPEND64:
        *result = SUCCESS;
        return PSCI_SUSPEND;
    case CPU_OFF:
        vcpu_switch_off(vcpu);
        return PSCI_NO_RETURN;
    case CPU_ON32:
    case CPU_ON64:
        *result = cpu_on(vcpu->vm, first, second, third);
        return PSCI_RETURN;
    case AFFINITY_INFO32:
    case AFFINITY_INFO64:
        *result = affinity_info(vcpu->vm, first, second);
        return PSCI_RETURN;
    case MIGRATE_INFO_TYPE:
        *result = MIGRATE_NOT_NEEDED;
        return PSCI_RETURN;
    case FEATURES:
        *result = features(first);
        return PSCI_RETURN;
    case SYSTEM_SUSPEND32:
    case SYSTEM_SUSPEND64:
        return system_suspend(vcpu, first, second, result);
    case SYSTEM_RESET2_32:
    case SYSTEM_RESET2_64:
        return system_reset2(vcpu, (uint32_t)first, result);
    case SYSTEM_OFF:
    case SYSTEM_RESET:
        vm_stop_by(vcpu, number == SYSTEM_RESET);
        return PSCI_NO_RETURN;
    default:
        return PSCI_UNKNOWN;
    }
}
