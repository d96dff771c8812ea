/* SPDX-License-Identifier: Apache-2.0 */
/* For tests whose vCPUs are all on one core: there is nobody to send messages to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "one_core.h"
#include "vm/messages.h"

struct cpu one_core;

struct cpu *arch_cpu(void)
{
    return &one_core;
}

void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    fail_msg("request %u to vCPU %u", request, vcpu->index);
}
