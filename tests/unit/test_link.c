// SPDX-License-Identifier: Apache-2.0
/*
 * Links between VMs: what each end reads, how its guest's tree describes it, what is mapped, and where a ring
 * goes. The world's VM, with vCPUs on two cores, is the one that is rung; VM `a`, which rings, is on core 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "devices/link.h"
#include "devices/tree_writer.h"
#include "ontime/link.h"
#include "tree_looks.h"
#include "vgic_world.h"
#include "vm/arch_vm.h"

#define LINKS       3
#define ALLOCATIONS 8
#define PAGES       200
#define INTID       (GUEST_INTID_LINKS + 1) /* of link 1 at the world's end */
#define STORM       1000

static struct system_config config;
static struct vm a, c;
static struct vcpu a_vcpu;
static void *allocated[ALLOCATIONS];
static unsigned allocations;

static struct page {
    const struct vm *vm;
    uint64_t guest, host;
    bool read_only, uncached;
} pages[PAGES];
static unsigned page_count, pages_left;

void *memory_allocate(size_t size)
{
    assert_true(allocations < ALLOCATIONS);
    allocated[allocations] = aligned_alloc(MEMORY_PAGE, (size + MEMORY_PAGE - 1) & ~(MEMORY_PAGE - 1));
    assert_non_null(allocated[allocations]);
    memset(allocated[allocations], 0, size);
    return allocated[allocations++];
}

void arch_memory_clean(const void *memory, uint64_t size)
{
    assert_ptr_equal(memory, allocated[allocations - 1]);
    assert_int_equal(size % MEMORY_PAGE, 0);
}

bool arch_vm_map_shared_page(struct vm *vm, uint64_t guest_address, uint64_t host_address, bool read_only,
                             bool uncached)
{
    assert_true(page_count < PAGES);
    if (pages_left == 0)
        return false;
    pages_left--;
    pages[page_count++] = (struct page){vm, guest_address, host_address, read_only, uncached};
    return true;
}

static struct vgic_bank *spis_of(struct vm *vm)
{
    return &vm->vgic.spis[0].bank;
}

static struct vm *b(void)
{
    return world_vcpu(0)->vm;
}

/* a has links 0 to 2: to c, to b, to b; b has them as its links 0, 1 in turn, behind one to c. */
static void make_config(void)
{
    config = (struct system_config){
        .link_count = LINKS,
        .links = {{.name = "first",
                   .memory_kib = 8,
                   .ends = {{.vm = 2, .index = 0, .memory = GUEST_LINK_MEMORY},
                            {.vm = 1, .index = 0, .memory = GUEST_LINK_MEMORY}}},
                  {.name = "second",
                   .memory_kib = 256,
                   .ends = {{.vm = 0, .index = 0, .memory = GUEST_LINK_MEMORY},
                            {.vm = 1, .index = 1, .memory = GUEST_LINK_MEMORY + 0x2000, .read_only = true}}},
                  {.name = "third",
                   .memory_kib = 4,
                   .uncached = true,
                   .ends = {{.vm = 1, .index = 2, .memory = GUEST_LINK_MEMORY + 0x42000},
                            {.vm = 0, .index = 1, .memory = GUEST_LINK_MEMORY + 0x40000}}}},
    };
}

static void begin(unsigned version)
{
    while (allocations != 0)
        free(allocated[--allocations]);
    world_reset(version, 4, 3);
    world_open();
    world_write(GUEST_GICD_BASE + GIC_ICFGR + 12, 0xAAAAAAAA); /* INTIDs 48 to 63: edges */
    page_count = 0;
    pages_left = PAGES;
    make_config();
    memset(&a, 0, sizeof(a));
    memset(&c, 0, sizeof(c));
    a_vcpu = (struct vcpu){.vm = &a, .cpu = world_vcpu(0)->cpu};
    a.vcpus = &a_vcpu;
    c.vcpus = &a_vcpu;
    a.vcpu_count = 1;
    vgic_init(&a.vgic, 1);
    b()->index = 1;
    c.index = 2;
    b()->links = NULL;
    links_create(&config);
    assert_true(links_attach(&a));
    assert_true(links_attach(b()));
    assert_true(links_attach(&c));
    world_switch(NULL);
    world_place(1, 1);
    world_place(2, 1);
    world_core(1);
    world_switch(world_vcpu(1));
    world_core(0);
}

static int setup(void **state)
{
    (void)state;
    begin(3);
    return 0;
}

static void start(struct vm *vm)
{
    while (link_tell_a_peer(vm, true))
        ;
}

static void stop(struct vm *vm)
{
    while (link_tell_a_peer(vm, false))
        ;
}

static bool access_of(struct vcpu *vcpu, unsigned link, uint64_t offset, struct mmio_access *access)
{
    return address_map_access(vcpu, GUEST_LINK_BASE + link * GUEST_LINK_SIZE + offset, access);
}

static uint32_t read_of(struct vcpu *vcpu, unsigned link, uint64_t offset)
{
    struct mmio_access access = {.size = 4, .value = UINT64_MAX};

    assert_true(access_of(vcpu, link, offset, &access));
    return (uint32_t)access.value;
}

/* A rings b by its link 0, which is b's link 1. */
static void ring(void)
{
    struct mmio_access access = {.size = 4, .write = true, .value = 0x1234};

    assert_true(access_of(&a_vcpu, 0, ONTIME_LINK_RING, &access));
}

static void each_end_has_its_registers(void **state)
{
    (void)state;
    for (unsigned link = 0; link < 3; link++) {
        assert_int_equal(read_of(world_vcpu(0), link, ONTIME_LINK_MAGIC), 0x6B6E696C);
        assert_int_equal(read_of(world_vcpu(0), link, ONTIME_LINK_VERSION), 1);
    }
    assert_int_equal(read_of(world_vcpu(0), 0, ONTIME_LINK_SIZE), 8 << 10);
    assert_int_equal(read_of(world_vcpu(0), 1, ONTIME_LINK_SIZE), 256 << 10);
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_SIZE), 256 << 10);
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_END), 0);
    assert_int_equal(read_of(&a_vcpu, 1, ONTIME_LINK_END), 1);
    assert_int_equal(read_of(world_vcpu(0), 0, ONTIME_LINK_END), 1);
    assert_int_equal(read_of(world_vcpu(0), 1, ONTIME_LINK_END), 1);
    assert_int_equal(read_of(world_vcpu(0), 2, ONTIME_LINK_END), 0);
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_FLAGS), 0);
    assert_int_equal(read_of(world_vcpu(0), 1, ONTIME_LINK_FLAGS), ONTIME_LINK_READ_ONLY);
    assert_int_equal(read_of(&a_vcpu, 1, ONTIME_LINK_FLAGS), ONTIME_LINK_UNCACHED);
}

static void other_registers_and_sizes(void **state)
{
    (void)state;
    for (uint64_t offset = ONTIME_LINK_PEER + 4; offset < GUEST_LINK_SIZE; offset += 4)
        assert_int_equal(read_of(&a_vcpu, 0, offset), 0);
    start(b());
    for (unsigned size = 1; size <= 8; size *= 2) {
        struct mmio_access access = {.size = size, .write = true};

        assert_int_equal(access_of(&a_vcpu, 0, 0x40, &access), size == 4);
        access.write = false;
        assert_int_equal(access_of(&a_vcpu, 0, 0, &access), size == 4);
    }
    for (uint64_t offset = 0; offset < GUEST_LINK_SIZE; offset += 4) {
        struct mmio_access access = {.size = 4, .write = true, .value = UINT32_MAX};

        if (offset != ONTIME_LINK_RING)
            assert_true(access_of(&a_vcpu, 0, offset, &access));
    }
    assert_int_equal(spis_of(b())->latched, 0);
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_MAGIC), 0x6B6E696C);
    ring();
    assert_int_equal(spis_of(b())->latched, 1u << (INTID - 32));
}

static const struct page *page_at(const struct vm *vm, uint64_t guest)
{
    for (unsigned i = 0; i < page_count; i++)
        if (pages[i].vm == vm && pages[i].guest == guest)
            return &pages[i];
    fail_msg("nothing is mapped there");
    return NULL;
}

static void both_ends_have_the_memory(void **state)
{
    (void)state;
    assert_int_equal(page_count, 2 * (2 + 64 + 1));
    for (uint64_t at = 0; at < 256 << 10; at += MEMORY_PAGE) {
        const struct page *one = page_at(&a, GUEST_LINK_MEMORY + at);
        const struct page *other = page_at(b(), GUEST_LINK_MEMORY + 0x2000 + at);

        assert_int_equal(one->host, page_at(&a, GUEST_LINK_MEMORY)->host + at);
        assert_int_equal(one->host, other->host);
        assert_false(one->read_only || one->uncached || other->uncached);
        assert_true(other->read_only);
    }
    assert_int_equal(page_at(&a, GUEST_LINK_MEMORY + 0x40000)->host,
                     page_at(b(), GUEST_LINK_MEMORY + 0x42000)->host);
    assert_true(page_at(&a, GUEST_LINK_MEMORY + 0x40000)->uncached);
    assert_true(page_at(b(), GUEST_LINK_MEMORY + 0x42000)->uncached);
    assert_int_equal(page_at(&c, GUEST_LINK_MEMORY)->host, page_at(b(), GUEST_LINK_MEMORY)->host);
}

static void tables_may_not_fit(void **state)
{
    struct vm vm = {.index = 0};

    (void)state;
    pages_left = 64;
    assert_false(links_attach(&vm));
}

static void the_tree_describes_them(void **state)
{
    static uint8_t tree[8192] __attribute__((aligned(8)));
    struct tree_writer writer = {.fdt = tree, .error = fdt_create(tree, sizeof(tree))};
    const uint32_t reg[] = {0, 0x9101000, 0, 0x1000, 0, 0x9402000, 0, 0x40000};
    const uint32_t memory[] = {0, 0x9402000, 0, 0x40000};
    const uint32_t interrupts[] = {0, 17, 1};
    uint32_t phandle;

    (void)state;
    assert_int_equal(fdt_finish_reservemap(tree), 0);
    tree_begin(&writer, "");
    for (unsigned i = 0; i < b()->device_count; i++)
        if (b()->devices[i]->describe != NULL)
            b()->devices[i]->describe(b()->devices[i], &writer);
    tree_begin(&writer, "reserved-memory");
    for (unsigned i = 0; i < b()->device_count; i++)
        if (b()->devices[i]->describe_memory != NULL)
            b()->devices[i]->describe_memory(b()->devices[i], &writer);
    tree_end(&writer);
    tree_end(&writer);
    assert_int_equal(writer.error, 0);
    assert_int_equal(fdt_finish(tree), 0);
    assert_int_equal(fdt_check_full(tree, sizeof(tree)), 0);
    assert_memory_equal(property(tree, "/link@9101000", "compatible", 24), "ontime,link\0generic-uio", 24);
    assert_string_equal(property(tree, "/link@9101000", "label", 7), "second");
    assert_string_equal(property(tree, "/link@9101000", "linux,uio-name", 7), "second");
    assert_memory_equal(property(tree, "/link@9101000", "reg-names", 17), "registers\0memory", 17);
    expect_cells(tree, "/link@9101000", "reg", reg, 8);
    expect_cells(tree, "/link@9101000", "interrupts", interrupts, 3);
    phandle = fdt_get_phandle(tree, fdt_path_offset(tree, "/reserved-memory/link@9402000"));
    assert_int_not_equal(phandle, 0);
    expect_cells(tree, "/link@9101000", "memory-region", &phandle, 1);
    expect_cells(tree, "/reserved-memory/link@9402000", "reg", memory, 4);
    property(tree, "/reserved-memory/link@9402000", "no-map", 0);
    property(tree, "/reserved-memory/link@9400000", "no-map", 0);
    property(tree, "/reserved-memory/link@9442000", "no-map", 0);
    assert_true(fdt_path_offset(tree, "/link@9100000") > 0 && fdt_path_offset(tree, "/link@9102000") > 0);
}

static void begin_with_b(unsigned version)
{
    begin(version);
    start(b());
    for (unsigned i = 0; i < 3; i++)
        (void)world_woken(i);
}

#define BOTH(name) WORLD_BOTH(begin_with_b, name)

BOTH(a_ring_wakes_the_vcpu_that_it_is_routed_to)
{
    ring();
    assert_true(world_woken(0));
    assert_int_equal(world_sends(), 0);
    world_switch(world_vcpu(0));
    assert_int_equal(world_serve(), INTID);
    assert_int_equal(world_serve(), GIC_SPURIOUS);
    world_route(INTID, 2);
    (void)world_woken(0);
    ring();
    assert_false(world_woken(0));
    world_kick(1);
    assert_true(world_woken(2));
    assert_int_equal(world_serve(), GIC_SPURIOUS);
    world_core(1);
    world_switch(world_vcpu(2));
    assert_int_equal(world_serve(), INTID);
}

BOTH(a_ring_goes_to_a_core_where_the_guest_runs)
{
    world_switch(world_vcpu(0));
    world_route(INTID, 1);
    world_switch(NULL);
    world_kick(1);
    ring();
    world_kick(1);
    world_core(1);
    assert_int_equal(world_take(), INTID);
    world_core(0);
    ring(); /* while the last one is served */
    world_kick(1);
    world_core(1);
    assert_int_equal(world_take(), GIC_SPURIOUS);
    world_end(INTID);
    assert_int_equal(world_serve(), INTID);
    assert_int_equal(world_serve(), GIC_SPURIOUS);
}

BOTH(rings_before_the_first_is_taken_are_one)
{
    for (unsigned i = 0; i < STORM; i++)
        ring();
    world_switch(world_vcpu(0));
    assert_int_equal(world_serve(), INTID);
    assert_int_equal(world_serve(), GIC_SPURIOUS);
}

/* Blocked, or waiting for its turn: its core is kicked once. */
BOTH(a_storm_to_another_core_is_one_kick)
{
    unsigned before;

    world_switch(world_vcpu(0));
    world_route(INTID, 2);
    world_switch(NULL);
    before = world_sends();
    for (unsigned i = 0; i < STORM; i++)
        ring();
    assert_int_equal(world_sends(), before + 1);
    world_kick(1);
    assert_true(world_woken(2));
    world_vcpu(2)->vgic.waits = false; /* it is runnable now */
    for (unsigned i = 0; i < STORM; i++)
        ring();
    assert_int_equal(world_sends(), before + 1);
}

/* As Linux's uio does it while a program has not seen the last ring. */
BOTH(a_guest_that_disables_its_doorbell_has_peace)
{
    unsigned before;

    world_switch(world_vcpu(0));
    world_route(INTID, 1);
    world_set(GIC_ICENABLER, INTID);
    world_switch(NULL);
    world_kick(1);
    before = world_sends();
    for (unsigned i = 0; i < STORM; i++) {
        ring();
        world_kick(1);
    }
    assert_int_equal(world_sends(), before);
    world_core(1);
    assert_int_equal(world_serve(), GIC_SPURIOUS);
    world_set(GIC_ISENABLER, INTID);
    assert_int_equal(world_serve(), INTID);
    assert_int_equal(world_serve(), GIC_SPURIOUS);
}

/* Once for an interrupt, before its wake-up, and not while the guest has it disabled. */
BOTH(a_ring_warps_where_the_file_says_so)
{
    ring();
    assert_int_equal(world_given_work(0), 0);
    assert_true(world_woken(0));
    spis_of(b())->latched = 0;
    config.links[1].ends[1].warps = true;
    assert_int_equal(read_of(world_vcpu(0), 1, ONTIME_LINK_FLAGS), ONTIME_LINK_READ_ONLY | ONTIME_LINK_WARPS);
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_FLAGS), 0);
    for (unsigned i = 0; i < STORM; i++)
        ring();
    assert_int_equal(world_given_work(0), 1);
    assert_true(world_woken(0));
    world_switch(world_vcpu(0));
    assert_int_equal(world_serve(), INTID);
    world_set(GIC_ICENABLER, INTID);
    ring();
    assert_int_equal(world_given_work(0), 0);
}

BOTH(a_vm_that_is_off_gets_no_rings)
{
    stop(b());
    ring();
    assert_int_equal(spis_of(b())->latched, 0);
    assert_false(world_woken(0));
    start(b());
    ring();
    assert_int_equal(spis_of(b())->latched, 1u << (INTID - 32));
}

static uint32_t take_rings(struct vm *vm)
{
    uint32_t rings = spis_of(vm)->latched >> (GUEST_INTID_LINKS - 32);

    spis_of(vm)->latched = 0;
    return rings;
}

/* Each peer's doorbell rings once, by a call of its own. A VM that does not run is not rung. */
static void starts_and_stops_are_told(void **state)
{
    (void)state;
    assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_PEER), 0);
    start(&a);
    assert_int_equal(take_rings(b()), 0);
    assert_int_equal(read_of(world_vcpu(0), 1, ONTIME_LINK_PEER), 3);
    assert_int_equal(read_of(world_vcpu(0), 2, ONTIME_LINK_PEER), 3);
    assert_int_equal(read_of(world_vcpu(0), 0, ONTIME_LINK_PEER), 0);
    assert_true(link_tell_a_peer(b(), true)); /* c, which is off */
    assert_int_equal(take_rings(&a), 0);
    assert_true(link_tell_a_peer(b(), true));
    assert_int_equal(take_rings(&a), 1);
    assert_true(link_tell_a_peer(b(), true));
    assert_int_equal(take_rings(&a), 2);
    assert_false(link_tell_a_peer(b(), true));
    for (uint32_t starts = 1; starts < 4; starts++) {
        assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_PEER), 2 * starts + 1);
        stop(b());
        assert_int_equal(take_rings(&a), 3);
        assert_int_equal(read_of(&a_vcpu, 0, ONTIME_LINK_PEER), 2 * starts);
        start(b());
        assert_int_equal(take_rings(&a), 3);
    }
    assert_int_equal(take_rings(b()), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_end_has_its_registers, setup),
        cmocka_unit_test_setup(other_registers_and_sizes, setup),
        cmocka_unit_test_setup(both_ends_have_the_memory, setup),
        cmocka_unit_test_setup(tables_may_not_fit, setup),
        cmocka_unit_test_setup(the_tree_describes_them, setup),
        cmocka_unit_test(a_ring_wakes_the_vcpu_that_it_is_routed_to),
        cmocka_unit_test(a_ring_goes_to_a_core_where_the_guest_runs),
        cmocka_unit_test(rings_before_the_first_is_taken_are_one),
        cmocka_unit_test(a_storm_to_another_core_is_one_kick),
        cmocka_unit_test(a_guest_that_disables_its_doorbell_has_peace),
        cmocka_unit_test(a_ring_warps_where_the_file_says_so),
        cmocka_unit_test(a_vm_that_is_off_gets_no_rings),
        cmocka_unit_test_setup(starts_and_stops_are_told, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
