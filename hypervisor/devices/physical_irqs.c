/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See physical_irqs.h. There is no lock: owners are set while one core boots; what changes later is whether
 * an interrupt that nobody owns was named, and one core at a time has that one active.
 */
#include "devices/physical_irqs.h"
#include <stddef.h>
#include "console/console.h"
#include "devices/vgic.h"
#include "vm/vm.h"

#define INTIDS 1020

static struct owner {
    struct vm *vm; /* NULL: Ontime or nobody */
    uint16_t virtual_intid;
    bool is_kept;
    bool is_named;
} owners[INTIDS];

void physical_irq_keep(uint32_t intid)
{
    owners[intid].is_kept = true;
}

bool physical_irq_give(struct vm *vm, uint32_t intid, uint32_t virtual_intid, bool edge)
{
    struct owner *owner;

    if (intid < 32 || intid >= INTIDS || intid >= gic->spi_end())
        return false;
    owner = &owners[intid];
    if (owner->vm != NULL || owner->is_kept || !vgic_give(vm, virtual_intid, intid))
        return false;
    gic->spi_set_up(intid, edge);
    owner->vm = vm;
    owner->virtual_intid = (uint16_t)virtual_intid;
    return true;
}

bool physical_irq_came(uint32_t intid)
{
    struct owner *owner = &owners[intid];

    if (owner->vm != NULL && !ARCH_READ_RELAXED(owner->vm->off)) {
        vgic_physical_fired(owner->vm, owner->virtual_intid);
        return true;
    }
    if (owner->is_kept)
        return false;
    gic->disable(intid); /* that of a VM which is off: until its guest enables it again */
    if (owner->vm == NULL && !owner->is_named) {
        owner->is_named = true;
        console_print("interrupt %u: no owner, masked", intid);
    }
    return false;
}
