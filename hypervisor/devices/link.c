// SPDX-License-Identifier: Apache-2.0
/*
 * A ring is one store: it latches the doorbell's interrupt in the other VM's virtual GIC, which wakes or
 * kicks the vCPU that the guest there has routed it to. There is nothing to acknowledge: a ring that comes
 * before the last one was taken is the same interrupt. What it is about the guests write into their memory.
 *
 * If the system file says so, a ring is urgent for the other VM: it is warped as by a deadline that is due
 * now.
 *
 * A VM that is off, or is being loaded, gets no rings: its GIC is reset before it begins. When it begins, and
 * when it has stopped, the other ends learn that, and count the beginnings. The memory stays as it is then,
 * as the other VM may be using it.
 *
 * No locks: who starts and stops a VM is one vCPU of it, and others only read `state`.
 */
#include "devices/link.h"
#include <stddef.h>
#include <string.h>
#include "base/memory.h"
#include "devices/address_map.h"
#include "devices/tree_writer.h"
#include "devices/vgic.h"
#include "ontime/link.h"
#include "vm/arch_vm.h"

static struct link_side *sides; /* the two of the first link, of the second, ... */
static unsigned side_count;

static const struct link_side *side_of(const struct device *device)
{
    return (const struct link_side *)(const void *)((const char *)device -
                                                    offsetof(struct link_side, device));
}

static unsigned intid_of(const struct link_side *side)
{
    return GUEST_INTID_LINKS + side->end->index;
}

static uint64_t memory_size(const struct link_side *side)
{
    return (uint64_t)side->link->memory_kib << 10;
}

/* Rings this end's doorbell. */
static void ring(const struct link_side *side)
{
    if ((atomic_load_explicit(&side->state, memory_order_relaxed) & ONTIME_LINK_UP) != 0)
        vgic_latch_spi(side->vm, intid_of(side), side->end->warps, NULL);
}

static uint32_t read_register(const struct link_side *side, uint64_t offset)
{
    switch (offset) {
    case ONTIME_LINK_MAGIC:
        return ONTIME_LINK_MAGIC_VALUE;
    case ONTIME_LINK_VERSION:
        return ONTIME_LINK_VERSION_VALUE;
    case ONTIME_LINK_SIZE:
        return (uint32_t)memory_size(side);
    case ONTIME_LINK_END:
        return side->end != &side->link->ends[0];
    case ONTIME_LINK_FLAGS:
        return (side->end->read_only ? ONTIME_LINK_READ_ONLY : 0) |
               (side->link->uncached ? ONTIME_LINK_UNCACHED : 0) | (side->end->warps ? ONTIME_LINK_WARPS : 0);
    case ONTIME_LINK_PEER:
        return atomic_load_explicit(&side->peer->state, memory_order_acquire);
    default:
        return 0;
    }
}

static bool link_access(struct vcpu *vcpu, struct mmio_access *access)
{
    const struct link_side *side = side_of(access->device);

    (void)vcpu;
    if (access->size != 4)
        return false;
    if (!access->write)
        access->value = read_register(side, access->offset);
    else if (access->offset == ONTIME_LINK_RING)
        ring(side->peer);
    return true;
}

static void link_describe_memory(const struct device *device, struct tree_writer *writer)
{
    const struct link_side *side = side_of(device);

    tree_begin_at(writer, "link", side->end->memory);
    tree_put_string(writer, "compatible", "ontime,link");
    tree_put_reg(writer, side->end->memory, memory_size(side));
    tree_put_flag(writer, "no-map");
    tree_put_cell(writer, "phandle", TREE_PHANDLE_LINK + side->end->index);
    tree_end(writer);
}

/* With `generic-uio` Linux's uio_pdrv_genirq serves it, when told so: of_id=generic-uio. */
static void link_describe(const struct device *device, struct tree_writer *writer)
{
    const struct link_side *side = side_of(device);

    tree_begin_at(writer, "link", device->base);
    TREE_PUT_STRINGS(writer, "compatible", "ontime,link\0generic-uio");
    tree_put_string(writer, "label", side->link->name);
    tree_put_string(writer, "linux,uio-name", side->link->name);
    TREE_PUT_CELLS(writer, "reg", 0, (uint32_t)device->base, 0, (uint32_t)device->size, 0,
                   (uint32_t)side->end->memory, 0, (uint32_t)memory_size(side));
    TREE_PUT_STRINGS(writer, "reg-names", "registers\0memory");
    TREE_PUT_CELLS(writer, "interrupts", TREE_SPI, intid_of(side) - GUEST_INTID_SPIS, TREE_EDGE_RISING);
    tree_put_cell(writer, "memory-region", TREE_PHANDLE_LINK + side->end->index);
    tree_end(writer);
}

static void make_side(struct link_side *side, const struct link_config *link, unsigned end, uint8_t *memory)
{
    side->device = (struct device){
        .base = GUEST_LINK_BASE + link->ends[end].index * GUEST_LINK_SIZE,
        .size = GUEST_LINK_SIZE,
        .access = link_access,
        .describe = link_describe,
        .describe_memory = link_describe_memory,
    };
    side->link = link;
    side->end = &link->ends[end];
    side->memory = memory;
}

void links_create(const struct system_config *config)
{
    side_count = 2 * config->link_count;
    if (side_count == 0)
        return;
    sides = memory_allocate(side_count * sizeof(*sides));
    for (unsigned i = 0; i < config->link_count; i++) {
        const struct link_config *link = &config->links[i];
        uint64_t size = (uint64_t)link->memory_kib << 10;
        uint8_t *memory = memory_allocate(size);

        arch_memory_clean(memory, size); /* for guests that map it without caches */
        for (unsigned end = 0; end < 2; end++) {
            make_side(&sides[2 * i + end], link, end, memory);
            sides[2 * i + end].peer = &sides[2 * i + 1 - end];
        }
    }
}

static bool map_memory(struct vm *vm, const struct link_side *side)
{
    for (uint64_t done = 0; done < memory_size(side); done += MEMORY_PAGE)
        if (!arch_vm_map_shared_page(vm, side->end->memory + done, (uint64_t)(uintptr_t)(side->memory + done),
                                     side->end->read_only, side->link->uncached))
            return false;
    return true;
}

bool links_attach(struct vm *vm)
{
    struct link_side **last = &vm->links;

    for (struct link_side *side = sides; side != sides + side_count; side++) {
        if (side->end->vm != vm->index)
            continue;
        side->vm = vm;
        *last = side;
        last = &side->next;
        if (!map_memory(vm, side) || !address_map_add(vm, &side->device))
            return false;
    }
    return true;
}

bool link_tell_a_peer(struct vm *vm, bool up)
{
    for (struct link_side *side = vm->links; side != NULL; side = side->next) {
        uint32_t state = atomic_load_explicit(&side->state, memory_order_relaxed);

        if (((state & ONTIME_LINK_UP) != 0) == up)
            continue;
        state ^= ONTIME_LINK_UP;
        if (up)
            state += 1u << ONTIME_LINK_STARTS_SHIFT;
        atomic_store_explicit(&side->state, state, memory_order_release);
        ring(side->peer);
        return true;
    }
    return false;
}
