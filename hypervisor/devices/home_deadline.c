/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/home_deadline.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/units.h"
#include "vm/cpu.h"
#include "vm/messages.h"

/* NULL: the VM's first vCPU is on its way to another core. */
static struct cpu *core_of(const struct home_deadline *home)
{
    return ARCH_READ_RELAXED(home->vm->vcpus[0].cpu);
}

void home_deadline_init(struct home_deadline *home, struct vm *vm, deadline_fire *fire)
{
    deadline_init(&home->deadline, DEADLINE_OTHER, fire);
    home->vm = vm;
    home->at = DEADLINE_NONE;
    home->told_at = 0;
}

bool home_deadline_is_too_soon(const struct home_deadline *home)
{
    return core_of(home) != arch_cpu() && home->told_at != 0 &&
           arch_counter() - home->told_at < us_to_ticks(HOME_DEADLINE_TELL_US);
}

void home_deadline_set(struct home_deadline *home, uint64_t when)
{
    home->at = when;
    if (core_of(home) == arch_cpu()) {
        home_deadline_watch(home);
        return;
    }
    home->told_at = arch_counter();
    vcpu_send(&home->vm->vcpus[0], VCPU_ALARM);
}

void home_deadline_watch(struct home_deadline *home)
{
    deadline_set(&core_of(home)->deadlines, &home->deadline, home->at);
}

void home_deadline_leave(struct home_deadline *home)
{
    (void)deadline_cancel(&core_of(home)->deadlines, &home->deadline);
}

void home_deadline_forget(struct home_deadline *home)
{
    home->at = DEADLINE_NONE;
    home_deadline_leave(home);
}
