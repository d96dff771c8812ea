/* SPDX-License-Identifier: Apache-2.0 */
/* See vgic_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "base/arch.h"
#include "base/memory.h"
#include "console/console.h"
#include "devices/physical_irqs.h"
#include "vm/dispatch.h"
#include "vgic_world.h"

#define ROUNDS 4 /* an entry needs two at most: a refresh, and the timer */

static struct vm vm;
static struct vcpu vcpus[WORLD_VCPUS];
static struct cpu cores[WORLD_CORES];
static unsigned core;                          /* the one whose functions are called */
static struct vcpu *loaded_there[WORLD_CORES]; /* on each core, but the chosen one */
static struct vcpu *loaded;
static bool woken[WORLD_VCPUS];
static unsigned given_work[WORLD_VCPUS];
static bool timer_expired[WORLD_VCPUS];
static uint32_t sent[WORLD_VCPUS];
static unsigned sends;

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    woken[vcpu->index] = true;
}

struct cpu *arch_cpu(void)
{
    return &cores[core];
}

void vcpu_send(struct vcpu *vcpu, uint32_t request)
{
    sends++;
    sent[vcpu->index] |= request;
}

/* Before the wake-up, which is then an urgent one. */
void vcpu_give_work(struct vcpu *vcpu)
{
    assert_false(woken[vcpu->index]);
    given_work[vcpu->index]++;
}

void vcpu_lend_warp(struct vcpu *lender, struct vcpu *to)
{
    (void)lender;
    (void)to;
}

bool vcpu_give_way(struct vcpu *vcpu, struct vcpu *other)
{
    vcpu->gives_way_to = other;
    return true;
}

/*
 * For the SPIs of the VM, and for those that are physical interrupts: there is one at a time. Weak: a test
 * with other devices has its own.
 */
__attribute__((weak)) void *memory_allocate(size_t size)
{
    static struct vgic_spis spis[VGIC_MAX_SPI_BANKS];
    static struct vgic_physical physical[VGIC_MAX_SPI_BANKS];

    if (size == sizeof(physical))
        return memset(physical, 0, sizeof(physical));
    assert_in_range(size, sizeof(spis[0]), sizeof(spis));
    return memset(spis, 0xFF, sizeof(spis));
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu, loaded);
    return timer_expired[vcpu->index];
}

static unsigned spi_banks = 1;

void world_spi_banks(unsigned count)
{
    spi_banks = count;
}

void world_reset(unsigned version, unsigned list_registers, unsigned count)
{
    fake_gic_reset(version, list_registers);
    memset(&vm, 0, sizeof(vm));
    memset(vcpus, 0, sizeof(vcpus));
    memset(woken, 0, sizeof(woken));
    memset(given_work, 0, sizeof(given_work));
    memset(timer_expired, 0, sizeof(timer_expired));
    memset(sent, 0, sizeof(sent));
    memset(cores, 0, sizeof(cores));
    memset(loaded_there, 0, sizeof(loaded_there));
    loaded = NULL;
    core = sends = 0;
    vm.vcpu_count = count;
    vm.vcpus = vcpus;
    vgic_make_registers(&vm);
    for (unsigned i = 0; i < 2; i++)
        assert_true(address_map_add(&vm, &vm.gic_registers[i]));
    vm.vgic.spi_banks = spi_banks;
    vgic_init(&vm.vgic, count);
    for (unsigned i = 0; i < count; i++) {
        vcpus[i].vm = &vm;
        vcpus[i].cpu = &cores[0];
        cores[i % WORLD_CORES].index = i % WORLD_CORES;
        vcpus[i].index = (uint16_t)i;
        vcpus[i].on = true;
        vgic_vcpu_init(&vcpus[i].vgic);
        vcpus[i].vgic.waits = true; /* for all here that is always so */
        gic->interface_reset(&vcpus[i].arch);
    }
}

void world_open(void)
{
    for (unsigned i = vm.vcpu_count; i-- != 0;) {
        world_switch(&vcpus[i]);
        fake_guest_groups(3);
        fake_guest_mask(0xFF);
        world_write(world_register(GIC_ISENABLER, 0), UINT32_MAX);
        for (unsigned intid = 0; intid < 32; intid++)
            world_priority(intid, 0xA0);
    }
    for (unsigned intid = 32; intid < 32 + 32 * spi_banks && intid < 1020; intid++) {
        if (intid % 32 == 0)
            world_write(world_register(GIC_ISENABLER, intid), UINT32_MAX);
        world_priority(intid, 0xA0);
        world_route(intid, 0);
    }
    world_write(GUEST_GICD_BASE + GICD_CTLR, 3);
    memset(woken, 0, sizeof(woken));
}

void world_place(unsigned index, unsigned where)
{
    assert_ptr_not_equal(&vcpus[index], loaded);
    vcpus[index].cpu = &cores[where];
}

void world_core(unsigned which)
{
    loaded_there[core] = loaded;
    core = which;
    loaded = loaded_there[core];
    fake_gic_choose(core);
}

unsigned world_sends(void)
{
    return sends;
}

/* As cpu_take_messages() does it. Returns whether there were any. */
static bool take_messages(struct vcpu *vcpu)
{
    uint32_t requests = sent[vcpu->index];

    sent[vcpu->index] = 0;
    if ((requests & VCPU_LOOK) != 0)
        vgic_look(vcpu);
    if ((requests & VCPU_WAKE) != 0) {
        vcpu_wake(vcpu);
        vcpu->vgic.waits = true;
    }
    return requests != 0;
}

void world_kick(unsigned which)
{
    unsigned from = core;
    bool any = false;

    world_core(which);
    for (unsigned i = 0; i < vm.vcpu_count; i++)
        if (vcpus[i].cpu == &cores[core] && take_messages(&vcpus[i]))
            any = true;
    if (any) /* else nothing has taken the guest out */
        world_enter();
    world_core(from);
}

static bool take_spis_of_all(void)
{
    unsigned from = core;
    bool any = false;

    for (unsigned i = 0; i < WORLD_CORES; i++) {
        world_core(i);
        if (fake_spi() != GIC_SPURIOUS) {
            any = true;
            world_enter();
        }
    }
    world_core(from);
    return any;
}

void world_settle(void)
{
    bool any;

    do {
        any = false;
        for (unsigned i = 0; i < vm.vcpu_count; i++)
            any = any || sent[i] != 0;
        for (unsigned i = 0; any && i < WORLD_CORES; i++)
            world_kick(i);
        any = take_spis_of_all() || any;
    } while (any);
}

unsigned world_core_now(void)
{
    return core;
}

struct vm *world_vm(void)
{
    return &vm;
}

struct vcpu *world_vcpu(unsigned index)
{
    return &vcpus[index];
}

struct vcpu *world_loaded(void)
{
    return loaded;
}

bool world_woken(unsigned index)
{
    bool was = woken[index];

    woken[index] = false;
    return was;
}

static unsigned lines_printed;

void console_print(const char *format, ...)
{
    (void)format;
    lines_printed++;
}

unsigned world_lines(void)
{
    return lines_printed;
}

/* The devices' interrupts on this core, as arch/arm64/interrupts.c takes them. */
static bool take_spi(void)
{
    unsigned intid = fake_spi();

    if (intid == GIC_SPURIOUS)
        return false;
    fake_spi_acknowledge(intid);
    if (!physical_irq_came(intid))
        fake_spi_end(intid);
    return true;
}

void world_device(unsigned intid, bool level)
{
    fake_spi_line(intid, level);
    world_settle();
    world_enter();
}

unsigned world_given_work(unsigned index)
{
    unsigned times = given_work[index];

    given_work[index] = 0;
    return times;
}

static bool interrupted(void)
{
    if (take_spi())
        return true;
    if (fake_gic_maintenance()) {
        vgic_refresh(loaded);
    } else if (timer_expired[loaded->index] && !fake_gic_timer_active()) {
        fake_gic_timer_acknowledge();
        vgic_timer_fired(loaded);
    } else {
        return false;
    }
    return true;
}

/* The GIC is as `timer_held` says, unless the guest has ended the interrupt since its list register was read.
 */
static void check_timer_held(void)
{
    bool in_lr = (loaded->vgic.own.in_lr >> VGIC_TIMER & 1) != 0;

    if (!in_lr || fake_gic_state(VGIC_TIMER) != 0)
        assert_int_equal(fake_gic_timer_active(), loaded->vgic.timer_held);
    else
        assert_false(fake_gic_timer_active());
}

void world_enter(void)
{
    unsigned rounds = 0;

    if (loaded == NULL) {
        while (take_spi())
            ;
        return;
    }
    do {
        if (vgic_is_dirty(&loaded->vgic))
            vgic_refresh(loaded);
        assert_true(rounds++ < ROUNDS);
    } while (interrupted() || vgic_is_dirty(&loaded->vgic));
    assert_true(fake_gic_enabled());
    check_timer_held();
}

void world_switch(struct vcpu *vcpu)
{
    if (loaded != NULL) {
        vgic_save(loaded);
        assert_false(fake_gic_enabled());
        assert_false(fake_gic_timer_active());
    }
    loaded = vcpu;
    if (vcpu != NULL) {
        vgic_load(vcpu);
        vcpu->vgic.waits = true;
    }
    world_enter();
}

void world_wait(void)
{
    bool known;

    if (!vgic_wakes(loaded)) {
        known = (loaded->vgic.own.line >> VGIC_TIMER & 1) != 0;
        if (timer_expired[loaded->index] && !known)
            vgic_timer_expired(loaded);
    }
    world_enter();
    loaded->vgic.waits = true;
}

void world_timer(unsigned index, bool expired)
{
    timer_expired[index] = expired;
}

bool world_access(uint64_t address, struct mmio_access *access)
{
    bool known;

    access->again = false;
    known = address_map_access(loaded, address, access);
    if (!access->again)
        loaded->arch.regs.pc += 4;
    world_enter();
    return known;
}

void world_write(uint64_t address, uint32_t value)
{
    struct mmio_access access = {.size = 4, .write = true, .value = value};

    assert_true(world_access(address, &access));
}

bool world_try_read(uint64_t address, uint32_t *value)
{
    struct mmio_access access = {.size = 4, .value = UINT64_MAX};

    assert_true(world_access(address, &access));
    *value = (uint32_t)access.value;
    return !access.again;
}

uint32_t world_read(uint64_t address)
{
    uint32_t value;

    if (world_try_read(address, &value))
        return value;
    for (unsigned other = 0; other < WORLD_CORES; other++)
        if (other != core)
            world_kick(other);
    assert_true(world_try_read(address, &value));
    return value;
}

static uint64_t frame(unsigned intid)
{
    if (gic->version == 2 || intid >= 32)
        return GUEST_GICD_BASE;
    return GUEST_GICR_BASE + GUEST_GICR_SIZE * loaded->index + GICR_SGI_FRAME;
}

uint64_t world_register(unsigned base, unsigned intid)
{
    return frame(intid) + base + intid / 32 * 4;
}

void world_set(unsigned base, unsigned intid)
{
    world_write(world_register(base, intid), UINT32_C(1) << (intid & 31));
}

bool world_test(unsigned base, unsigned intid)
{
    return (world_read(world_register(base, intid)) >> (intid & 31) & 1) != 0;
}

void world_priority(unsigned intid, uint8_t priority)
{
    struct mmio_access access = {.size = 1, .write = true, .value = priority};

    assert_true(world_access(frame(intid) + GIC_IPRIORITYR + intid, &access));
}

void world_route(unsigned intid, unsigned vcpu)
{
    struct mmio_access access = {.size = 1, .write = true, .value = UINT64_C(1) << vcpu};

    if (gic->version == 2)
        assert_true(world_access(GUEST_GICD_BASE + GICD_ITARGETSR + intid, &access));
    else
        world_write(GUEST_GICD_BASE + GICD_IROUTER + 8ul * intid, vcpu);
}

void world_line(unsigned intid, bool level)
{
    vgic_set_line(loaded != NULL ? loaded : &vcpus[0], intid, level);
    world_enter();
}

void world_send(unsigned target, unsigned sgi)
{
    if (gic->version == 2)
        world_write(GUEST_GICD_BASE + GICD_SGIR, UINT32_C(1) << (16 + target) | sgi);
    else
        vgic_send_sgis(loaded, sgi, UINT32_C(1) << target);
    world_enter();
}

uint32_t world_acknowledge(void)
{
    uint32_t acknowledged = fake_guest_acknowledge();

    world_enter();
    return acknowledged;
}

uint32_t world_take(void)
{
    return world_acknowledge() & 0x3FF;
}

void world_end(uint32_t acknowledged)
{
    fake_guest_end(acknowledged);
    world_enter();
}

void world_deactivate(uint32_t acknowledged)
{
    struct mmio_access access = {.size = 4, .write = true, .value = acknowledged};

    if (!fake_guest_deactivate(acknowledged)) {
        if (gic->version == 2)
            assert_true(address_map_access(loaded, GUEST_GICC_DIR, &access));
        else
            vgic_deactivate(loaded, acknowledged);
    }
    world_enter();
}

uint32_t world_serve(void)
{
    uint32_t acknowledged = world_acknowledge();

    if (acknowledged != GIC_SPURIOUS)
        world_end(acknowledged);
    return acknowledged & 0x3FF;
}
