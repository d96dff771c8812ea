// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for the virtual GIC, on the GIC of the unit tests: a guest that writes anything to any
 * of its registers, ends what it did not acknowledge, and is switched in between. The sanitizers, the
 * invariants of debug builds and the fake GIC (no interrupt in two list registers, none linked to a physical
 * one that is not active) say what is wrong.
 *
 * An input begins with the GIC's version and whether there are 31 banks of SPIs, the number of list registers
 * and that of vCPUs, a byte each. Then come operations, a byte each with its arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include "arch/fake/fake.h"
#include "bytes.h"
#include "vgic_world.h"

#define OPERATIONS_MAX 4096

static void access_register(struct bytes *bytes, unsigned vcpus)
{
    static const uint64_t frames[] = {GUEST_GICD_BASE, GUEST_GICC_DIR, GUEST_GICR_BASE,
                                      GUEST_GICR_BASE + GICR_SGI_FRAME};
    unsigned how = (unsigned)take(bytes, 1);
    uint64_t address = frames[how & 3] + take(bytes, 2);
    struct mmio_access access = {.size = 1u << (how >> 2 & 3), .write = (how & 16) != 0};

    if ((how & 2) != 0)
        address += GUEST_GICR_SIZE * (how >> 5) % (GUEST_GICR_SIZE * vcpus);
    if (access.write)
        access.value = take(bytes, access.size);
    (void)world_access(address, &access);
}

static unsigned any_spi(struct bytes *bytes, unsigned banks)
{
    unsigned bank = banks > 1 ? take_below(bytes, banks) : 0;

    return 32 + bank * 32 + take_below(bytes, bank == VGIC_MAX_SPI_BANKS - 1 ? 28 : 32);
}

static void step(struct bytes *bytes, unsigned vcpus, unsigned banks)
{
    unsigned operation = (unsigned)take(bytes, 1);

    switch (operation % 12) {
    case 0:
    case 1:
    case 2:
        access_register(bytes, vcpus);
        break;
    case 3:
        world_line(any_spi(bytes, banks), operation >= 128);
        break;
    case 4:
        world_line(PPI, operation >= 128);
        break;
    case 5:
        world_send(take_below(bytes, vcpus), take_below(bytes, 16));
        break;
    case 6:
        world_timer(world_loaded()->index, operation >= 128);
        world_enter();
        break;
    case 7:
        world_wait();
        break;
    case 8:
        world_switch(world_vcpu(take_below(bytes, vcpus)));
        break;
    case 9:
        (void)world_acknowledge();
        break;
    case 10:
        (void)world_serve();
        break;
    default:
        fake_guest_mask((uint8_t)take(bytes, 1));
        fake_guest_groups(operation >> 4 & 3);
        world_enter();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    unsigned kind = take_below(&bytes, 4);
    unsigned version = 2 + (kind & 1), banks = (kind & 2) != 0 ? VGIC_MAX_SPI_BANKS : 1;
    unsigned list_registers = 1 + take_below(&bytes, 16);
    unsigned vcpus = 1 + take_below(&bytes, WORLD_VCPUS);

    world_spi_banks(banks);
    world_reset(version, list_registers, vcpus);
    world_open();
    for (unsigned i = 0; i < OPERATIONS_MAX && bytes.left != 0; i++) {
        step(&bytes, vcpus, banks);
        world_settle();
    }
    return 0;
}
