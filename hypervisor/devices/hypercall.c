/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest can call by HVC, or by SMC: SMCCC's own queries (Arm DEN0028), PSCI (devices/psci.c), stolen
 * time (DEN0057), and Ontime's calls (include/ontime/abi.h). Anything else returns NOT_SUPPORTED.
 */
#include "devices/hypercall.h"
#include "devices/control.h"
#include "devices/deadline_calls.h"
#include "devices/observer.h"
#include "devices/psci.h"
#include "devices/stolen_time.h"
#include "devices/wait.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/vm.h"

#define SMCCC_VERSION       0x80000000
#define SMCCC_ARCH_FEATURES 0x80000001
#define SMCCC_1_1           0x00010001

static int64_t arch_features(uint64_t number)
{
    switch ((uint32_t)number) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
    case PV_TIME_FEATURES:
        return 0;
    case ARCH_WORKAROUND_1:
    case ARCH_WORKAROUND_2:
    case ARCH_WORKAROUND_3:
        return arch_workaround((uint32_t)number);
    default:
        return ONTIME_NOT_SUPPORTED;
    }
}

static int64_t pv_time(const struct vcpu *vcpu, uint32_t call, uint64_t about)
{
    if (call == PV_TIME_ST)
        return (int64_t)stolen_time_address(vcpu);
    return about == PV_TIME_FEATURES || about == PV_TIME_ST ? 0 : ONTIME_NOT_SUPPORTED;
}

/* One that a guest need not call does nothing. */
static int64_t workaround(uint32_t number)
{
    int32_t offered = arch_workaround(number);

    if (offered < 0)
        return ONTIME_NOT_SUPPORTED;
    if (offered == 0)
        arch_workaround_call(number);
    return 0;
}

/* What is neither PSCI's nor the vendor's. */
static int64_t other_call(const struct vcpu *vcpu, uint32_t number, uint64_t argument)
{
    switch (number) {
    case SMCCC_VERSION:
        return SMCCC_1_1;
    case SMCCC_ARCH_FEATURES:
        return arch_features(argument);
    case ARCH_WORKAROUND_1:
    case ARCH_WORKAROUND_2:
    case ARCH_WORKAROUND_3:
        return workaround(number);
    case PV_TIME_FEATURES:
    case PV_TIME_ST:
        return pv_time(vcpu, number, argument & UINT32_MAX);
    default:
        return ONTIME_NOT_SUPPORTED;
    }
}

static int64_t stat(struct vcpu *vcpu, uint64_t *x)
{
    if (x[1] >= ONTIME_STAT_COUNT)
        return ONTIME_INVALID;
    vcpu_catch_up(vcpu);
    x[1] = vm_stat(vcpu->vm, (unsigned)x[1]);
    return ONTIME_OK;
}

static int64_t mark(struct vcpu *vcpu, uint32_t number)
{
    if (!vcpu->vm->config->observer)
        return ONTIME_DENIED;
    observer_mark(vcpu, number);
    return ONTIME_OK;
}

static int64_t trace(struct vcpu *vcpu, uint64_t cursor)
{
    if (!vcpu->vm->config->observer)
        return ONTIME_DENIED;
    observer_trace(vcpu, cursor);
    return ONTIME_OK;
}

static int64_t uid(uint64_t *x)
{
    x[1] = ONTIME_UID_1;
    x[2] = ONTIME_UID_2;
    x[3] = ONTIME_UID_3;
    return ONTIME_UID_0;
}

/*
 * What a guest calls seldom, or only an observer calls: out of line, so that the other calls need no stack
 * frame.
 */
static __attribute__((noinline)) int64_t rare_call(struct vcpu *vcpu, uint32_t number, uint64_t *x)
{
    switch (number) {
    case ONTIME_CALL_UID:
        return uid(x);
    case ONTIME_CALL_REVISION:
        x[1] = ONTIME_REVISION_MINOR;
        return ONTIME_REVISION_MAJOR;
    case ONTIME_CALL_HAND_ON:
        return deadline_call_hand_on(vcpu, x[1]);
    case ONTIME_CALL_PAGE:
        return deadline_call_page(vcpu, x[1]);
    case ONTIME_CALL_QUERY:
        return deadline_call_query(vcpu, x[1], &x[1], &x[2]);
    case ONTIME_CALL_STAT:
        return stat(vcpu, x);
    case ONTIME_CALL_MARK:
        return mark(vcpu, (uint32_t)x[1]);
    case ONTIME_CALL_TRACE:
        return trace(vcpu, x[1]);
    case ONTIME_CALL_VM_INFO:
    case ONTIME_CALL_VCPU_INFO:
    case ONTIME_CALL_VM_POWER:
    case ONTIME_CALL_VM_SET:
    case ONTIME_CALL_CONSOLE_READ:
    case ONTIME_CALL_CONSOLE_WRITE:
    case ONTIME_CALL_TRACE_READ:
        return control_call(vcpu, number, x);
    default:
        return ONTIME_NOT_SUPPORTED;
    }
}

int64_t hypercall_vendor(struct vcpu *vcpu)
{
    uint64_t *x = vcpu->arch.regs.x;
    uint32_t number = (uint32_t)x[0];

    switch (number) {
    case ONTIME_CALL_ARM:
        return deadline_call_arm(vcpu, x[1], x[2]);
    case ONTIME_CALL_DONE:
        return deadline_call_done(vcpu, x[1]);
    case ONTIME_CALL_CANCEL:
        return deadline_call_cancel(vcpu, x[1]);
    case ONTIME_CALL_FEATURES:
        return vcpu->vm->features;
    default:
        return rare_call(vcpu, number, x);
    }
}

void hypercall_standard(struct vcpu *vcpu)
{
    uint64_t *x = vcpu->arch.regs.x;
    uint32_t number = (uint32_t)x[0];
    int64_t result = ONTIME_NOT_SUPPORTED;
    enum psci_outcome outcome;

    outcome = psci_call(vcpu, number, &x[1], &result);
    if (outcome != PSCI_RETURN) {
        if (outcome == PSCI_NO_RETURN)
            return;
        if (outcome == PSCI_SUSPEND)
            wait_for_interrupt(vcpu);
        else
            result = other_call(vcpu, number, x[1]);
    }
    x[0] = (uint64_t)result;
}
