// SPDX-License-Identifier: GPL-2.0
/*
 * Finding Ontime and calling it, by SMCCC 1.1.
 *
 * HVC is an undefined instruction where there is no EL2. So the first HVC has to wait until it is known that
 * the firmware's interface, as Linux read it from the device tree or ACPI, is PSCI by HVC with SMCCC 1.1 or
 * later. Then an unknown function number is answered with "not supported", and does not cause an exception.
 */
#define pr_fmt(format) "ontime: " format

#include <linux/arm-smccc.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>

#include "hypercall.h"

#define DEADLINE_ID 0 /* one id is enough: the module has a queue of its own, and arms its head only */

static int as_errno(unsigned long result)
{
    switch ((long)result) {
    case ONTIME_OK:
        return 0;
    case ONTIME_DENIED:
        return -EPERM;
    case ONTIME_INVALID:
        return -EINVAL;
    case ONTIME_BUSY:
        return -EBUSY;
    default:
        return -EOPNOTSUPP;
    }
}

static bool uid_is_ontime(void)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_UID, &res);
    return lower_32_bits(res.a0) == ONTIME_UID_0 && lower_32_bits(res.a1) == ONTIME_UID_1 &&
           lower_32_bits(res.a2) == ONTIME_UID_2 && lower_32_bits(res.a3) == ONTIME_UID_3;
}

int hypercall_find(u64 *features)
{
    struct arm_smccc_res res;

    if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_HVC) {
        pr_err("this machine is not run by Ontime: its firmware offers no hypervisor calls\n");
        return -ENODEV;
    }
    if (!uid_is_ontime()) {
        pr_err("this machine is not run by Ontime\n");
        return -ENODEV;
    }
    arm_smccc_1_1_hvc(ONTIME_CALL_REVISION, &res);
    if (res.a0 != ONTIME_REVISION_MAJOR) {
        pr_err("Ontime's guest interface is revision %lu.%lu, this module needs %u.%u\n", res.a0, res.a1,
               ONTIME_REVISION_MAJOR, ONTIME_REVISION_MINOR);
        return -ENODEV;
    }
    arm_smccc_1_1_hvc(ONTIME_CALL_FEATURES, &res);
    *features = res.a0;
    return 0;
}

void hypercall_arm(u64 deadline)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_ARM, deadline, DEADLINE_ID, &res);
}

void hypercall_cancel(void)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_CANCEL, DEADLINE_ID, &res);
}

void hypercall_done(u64 next)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_DONE, next, &res);
}

void hypercall_hand_on(u64 vcpu)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_HAND_ON, vcpu, &res);
}

int hypercall_page(u64 address)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_PAGE, address, &res);
    return as_errno(res.a0);
}

int hypercall_stat(unsigned int which, u64 *value)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_STAT, which, &res);
    *value = res.a1;
    return as_errno(res.a0);
}

int hypercall_mark(u32 number)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_MARK, number, &res);
    return as_errno(res.a0);
}

int hypercall_trace(u64 *cursor)
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(ONTIME_CALL_TRACE, *cursor, &res);
    *cursor = res.a1;
    return as_errno(res.a0);
}

int hypercall_control(u32 call, const u64 arguments[4], u64 results[2])
{
    struct arm_smccc_res res;

    arm_smccc_1_1_hvc(call, arguments[0], arguments[1], arguments[2], arguments[3], &res);
    results[0] = res.a1;
    results[1] = res.a2;
    return as_errno(res.a0);
}
