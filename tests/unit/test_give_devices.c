/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a VM gets with a device of the machine: which pages are mapped, which interrupts are routed, that an
 * access that comes to EL2 is refused, what happens when something can't be had, and how the device is kept
 * from memory when the VM stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>
#include "base/memory.h"
#include "boot/give_devices.h"
#include "devices/address_map.h"
#include "devices/mmio.h"
#include "devices/physical_irqs.h"
#include "fake_registers.h"
#include "vm/arch_vm.h"

#define CALLS 16
#define NEVER UINT32_MAX

static struct vm vm;
static struct given_device given[VM_DEVICES + 1];
static uint64_t pages[CALLS];
static unsigned page_count, irq_count, pages_until_full, stream_count, refused_streams;
static uint32_t refused_intid;
static struct {
    uint32_t intid, virtual_intid;
    bool edge;
} irqs[CALLS];

bool arch_vm_map_device(struct vm *of, uint64_t start, uint64_t end)
{
    assert_ptr_equal(of, &vm);
    assert_int_equal(start % MEMORY_PAGE, 0);
    assert_int_equal(end % MEMORY_PAGE, 0);
    for (; start < end; start += MEMORY_PAGE, page_count++) {
        if (page_count >= pages_until_full)
            return false;
        if (page_count < CALLS)
            pages[page_count] = start;
    }
    return true;
}

const char *dma_give(struct vm *of, const char *path, const struct dma_streams *streams)
{
    assert_ptr_equal(of, &vm);
    assert_ptr_equal(path, given[0].path);
    assert_ptr_equal(streams, &given[0].streams[stream_count]);
    return stream_count++ == refused_streams ? "it is none" : NULL;
}

bool physical_irq_give(struct vm *of, uint32_t intid, uint32_t virtual_intid, bool edge)
{
    assert_ptr_equal(of, &vm);
    if (intid == refused_intid)
        return false;
    assert_true(irq_count < CALLS);
    irqs[irq_count].intid = intid;
    irqs[irq_count].virtual_intid = virtual_intid;
    irqs[irq_count++].edge = edge;
    return true;
}

static int setup(void **state)
{
    (void)state;
    fake_registers_reset();
    memset(&vm, 0, sizeof(vm));
    memset(given, 0, sizeof(given));
    vm.index = 1;
    page_count = irq_count = stream_count = 0;
    pages_until_full = refused_intid = refused_streams = NEVER;
    return 0;
}

static void make(unsigned n, unsigned of, uint64_t base, uint64_t size)
{
    given[n].vm = of;
    given[n].register_count = 1;
    given[n].registers[0] = (struct device){.base = base, .size = size};
}

static void interrupt(unsigned n, uint16_t intid, uint16_t virtual_intid, bool edge)
{
    given[n].interrupts[given[n].interrupt_count++] = (struct given_interrupt){intid, virtual_intid, edge};
}

static const char *give(unsigned count)
{
    const struct given_device *which = NULL;
    const char *problem = give_devices(&vm, given, count, &which);

    assert_true(problem == NULL || which != NULL);
    return problem;
}

static void pages_are_mapped(void **state)
{
    static const uint64_t expected[] = {0xa000000, 0xa000000, 0xb000000, 0xb001000, 0xc000000};

    (void)state;
    make(0, 1, 0xa000000, 0x200);
    make(1, 0, 0xd000000, 0x1000); /* another VM's */
    make(2, 1, 0xa000200, 0x200);
    make(3, 1, 0xb000ffc, 8);
    given[3].register_count = 2;
    given[3].registers[1] = (struct device){.base = 0xc000000, .size = 0x1000};
    assert_null(give(4));
    assert_int_equal(page_count, 5);
    assert_memory_equal(pages, expected, sizeof(expected));
    assert_int_equal(vm.device_count, 4);
}

static void an_access_that_comes_is_refused(void **state)
{
    struct vcpu vcpu = {.vm = &vm};
    struct mmio_access access = {.size = 4};

    (void)state;
    make(0, 1, 0xa000000, 0x200);
    assert_null(give(1));
    assert_false(address_map_access(&vcpu, 0xa000000, &access));
    assert_ptr_equal(access.device, &given[0].registers[0]);
}

static void interrupts_are_routed_once(void **state)
{
    (void)state;
    make(0, 1, 0xa000000, 0x200);
    make(1, 1, 0xa000200, 0x200);
    make(2, 0, 0xd000000, 0x200);
    interrupt(0, 40, 40, true);
    interrupt(0, 33, 35, false);
    interrupt(0, 40, 40, true);
    interrupt(1, 33, 35, false);
    interrupt(1, 41, 41, false);
    interrupt(2, 41, 41, false);
    assert_null(give(3));
    assert_int_equal(irq_count, 3);
    assert_true(irqs[0].intid == 40 && irqs[0].virtual_intid == 40 && irqs[0].edge);
    assert_true(irqs[1].intid == 33 && irqs[1].virtual_intid == 35 && !irqs[1].edge);
    assert_true(irqs[2].intid == 41 && irqs[2].virtual_intid == 41 && !irqs[2].edge);
}

static void what_cannot_be_had_is_named(void **state)
{
    const struct given_device *which = NULL;

    (void)state;
    make(0, 1, 0xa000000, 0x1000);
    make(1, 1, 0xb000000, 0x2000);
    interrupt(1, 40, 40, true);
    refused_intid = 40;
    assert_string_equal(give_devices(&vm, given, 2, &which),
                        "the machine's GIC does not have one of its interrupts, or Ontime uses it");
    assert_ptr_equal(which, &given[1]);
    vm.device_count = page_count = 0;
    pages_until_full = 2;
    assert_string_equal(give(2), "no memory left for the VM's tables");
    vm.device_count = page_count = 0;
    pages_until_full = NEVER;
    make(1, 1, 0xa000ffc, 8);
    assert_string_equal(give(2), "the VM has too many devices, or another one there");
}

static void streams_are_given(void **state)
{
    const struct given_device *which = NULL;

    (void)state;
    make(0, 1, 0xa000000, 0x1000);
    given[0].path = "/pcie";
    given[0].stream_count = 2;
    assert_null(give(1));
    assert_int_equal(stream_count, 2);
    vm.device_count = stream_count = 0;
    refused_streams = 1;
    assert_string_equal(give_devices(&vm, given, 1, &which), "it is none");
    assert_ptr_equal(which, &given[0]);
}

static void the_list_may_be_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= VM_DEVICES; i++)
        make(i, 1, 0xa000000 + i * 0x1000, 0x1000);
    assert_null(give(VM_DEVICES));
    vm.device_count = 0;
    assert_string_equal(give(VM_DEVICES + 1), "the VM has too many devices, or another one there");
}

#define DISK   0xa000200
#define STATUS (DISK + 0x70)
#define ECAM   0x3f000000

static void given_to_be_silenced(uint64_t base, uint64_t size, enum given_silence silence)
{
    fake_device(base, size);
    make(0, 1, base, size);
    given[0].silence = silence;
}

static bool silence(unsigned step)
{
    return given[0].registers[0].silence(&given[0].registers[0], step);
}

static void a_virtio_device_is_reset(void **state)
{
    (void)state;
    given_to_be_silenced(DISK, 0x200, SILENCE_VIRTIO_MMIO);
    assert_null(give(1));
    fake_device_set(STATUS, 0xf);
    fake_log_clear();
    assert_true(silence(0));
    FAKE_LOG_IS(DEVICE_WRITE32(STATUS, 0), DEVICE_READ32(STATUS, 0));
}

static uint32_t resets_slowly(uint64_t address, uint32_t value)
{
    static unsigned reads = 0;

    assert_int_equal(address, STATUS);
    return ++reads < 3 ? 0xf : value;
}

static void a_reset_is_waited_for(void **state)
{
    (void)state;
    given_to_be_silenced(DISK, 0x200, SILENCE_VIRTIO_MMIO);
    assert_null(give(1));
    fake_device_hooks((struct fake_device_hooks){.read = resets_slowly});
    assert_false(silence(0));
    fake_log_clear();
    assert_false(silence(1));
    assert_true(silence(2));
    fake_log_has_no_writes();
}

static void function(unsigned device, unsigned n, uint32_t id, uint32_t command, uint32_t header)
{
    uint64_t registers = ECAM + device * 0x8000 + n * 0x1000;

    fake_device_set(registers, id);
    fake_device_set(registers + 4, command);
    fake_device_set(registers + 0xC, header);
}

/* Nobody is there but in devices 0, 1 and 31. Of those, 1 has several functions. */
static void what_is_on_a_pci_bus_is_no_master(void **state)
{
    (void)state;
    given_to_be_silenced(ECAM, 0x1000000, SILENCE_PCI_ECAM);
    assert_null(give(1));
    for (unsigned device = 0; device < 32; device++)
        for (unsigned n = 0; n < 8; n++)
            function(device, n, 0xffffffff, 0xffffffff, 0xffffffff);
    function(0, 0, 0x81b36, 0x100006, 0);
    function(0, 1, 0x11af4, 0x100006, 0); /* of no device: function 0 says that there is one only */
    function(1, 0, 0x11af4, 0xf9000547, 0x800000);
    function(1, 7, 0x11af4, 0x7, 0x800000);
    function(31, 0, 0x11af4, 0x4, 0x010000);
    fake_log_clear();
    for (unsigned step = 0; step < 31; step++)
        assert_false(silence(step));
    assert_true(silence(31));
    FAKE_LOG_IS(DEVICE_WRITE32(ECAM + 4, 2), DEVICE_READ32(ECAM + 4, 2), DEVICE_WRITE32(ECAM + 0x8004, 0x543),
                DEVICE_READ32(ECAM + 0x8004, 0x543), DEVICE_WRITE32(ECAM + 0xF004, 3),
                DEVICE_READ32(ECAM + 0xF004, 3), DEVICE_WRITE32(ECAM + 0xF8004, 0),
                DEVICE_READ32(ECAM + 0xF8004, 0));
}

static void registers_that_ontime_needs_are_mapped(void **state)
{
    (void)state;
    given_to_be_silenced(DISK, 0x200, SILENCE_VIRTIO_MMIO);
    fake_device_unmappable(DISK);
    assert_string_equal(give(1), "no memory left for EL2's tables");
    fake_registers_reset();
    given_to_be_silenced(DISK, 0x200, SILENCE_UNKNOWN);
    fake_device_unmappable(DISK);
    assert_null(give(1));
    assert_null(given[0].registers[0].silence);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pages_are_mapped, setup),
        cmocka_unit_test_setup(an_access_that_comes_is_refused, setup),
        cmocka_unit_test_setup(interrupts_are_routed_once, setup),
        cmocka_unit_test_setup(what_cannot_be_had_is_named, setup),
        cmocka_unit_test_setup(streams_are_given, setup),
        cmocka_unit_test_setup(the_list_may_be_full, setup),
        cmocka_unit_test_setup(a_virtio_device_is_reset, setup),
        cmocka_unit_test_setup(a_reset_is_waited_for, setup),
        cmocka_unit_test_setup(what_is_on_a_pci_bus_is_no_master, setup),
        cmocka_unit_test_setup(registers_that_ontime_needs_are_mapped, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
