/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cores as threads under ThreadSanitizer, which finds two accesses of the same memory of which nothing orders
 * one before the other: locks, messages, the console, and the virtual GIC of a VM with a vCPU on each of
 * three cores. What is computed is tested elsewhere (tests/unit); here only that nothing is lost is looked
 * at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/memory.h"
#include "console/console.h"
#include "devices/vgic.h"
#include "fake_gic.h"
#include "random.h"
#include "time/comparator.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/messages.h"
#include "vm/power.h"
#include "vm/vm.h"

#define CORES       4
#define VCPUS       3 /* vCPU i is on core i; core 3 has none, and is where devices are */
#define SECONDS     2 /* of each part */
#define SGIS        16
#define EDGE_SPI    40 /* and the same of the other banks */
#define SPI_BANKS   3
#define LEVEL_SPI   41
#define GICD_CTLR   0x0000
#define ISENABLER   0x0100
#define ICENABLER   0x0180
#define ISPENDR     0x0200
#define ICPENDR     0x0280
#define ISACTIVER   0x0300
#define ICACTIVER   0x0380
#define IPRIORITYR  0x0400
#define ICFGR       0x0C00
#define IROUTER     0x6000
#define GICR_SGIS   0x10000
#define LINE_LENGTH 20

static struct cpu cores[CORES];
static struct vm machine;
static struct vcpu vcpus[VCPUS];
static atomic_bool kicked[CORES];
static atomic_bool over;
static _Thread_local unsigned core;
static _Thread_local struct random numbers;

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&numbers, bound);
}

/* The architecture. */

struct cpu *arch_cpu(void)
{
    return &cores[core];
}

unsigned arch_cpu_index(void)
{
    return core;
}

uint32_t *arch_locks_held(void)
{
    static uint32_t held[CORES];

    return &held[core];
}

uint64_t arch_counter(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t arch_counter_hz(void)
{
    return 1000000;
}

/* As a kick is: what was written before is seen by who takes it. */
void arch_cpu_kick(unsigned index)
{
    atomic_store_explicit(&kicked[index], true, memory_order_release);
}

static void take_kick(void)
{
    if (atomic_exchange_explicit(&kicked[core], false, memory_order_acquire))
        cpu_take_messages(&cores[core]);
}

bool arch_vcpu_timer_asserted(const struct vcpu *vcpu)
{
    (void)vcpu;
    return below(2) != 0;
}

void arch_comparator_set(uint64_t deadline)
{
    (void)deadline;
}

_Noreturn void assert_failed(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}

/* A letter to each vCPU from each core, which is full until it was read. Only the message orders the rest. */
static struct letter {
    atomic_bool full;
    unsigned written; /* plain, as all that a sender writes */
    unsigned read;
} letters[VCPUS][CORES];

static const uint32_t kind_of[CORES] = {VCPU_POWER_ON, VCPU_POWER_OFF, VCPU_LOAD, VCPU_WAKE};

static void read_letter(struct vcpu *vcpu, unsigned sender)
{
    struct letter *letter = &letters[vcpu->index][sender];

    letter->read = letter->written;
    atomic_store_explicit(&letter->full, false, memory_order_release);
}

void vcpu_power_on_here(struct vcpu *vcpu)
{
    read_letter(vcpu, 0);
}

void vcpu_power_off_for_stop(struct vcpu *vcpu)
{
    read_letter(vcpu, 1);
}

void vcpu_load_here(struct vcpu *vcpu)
{
    read_letter(vcpu, 2);
}

void vcpu_control_here(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_take_params(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    if (machine.vgic.vcpu_count == 0)
        read_letter(vcpu, 3);
}

void vcpu_wake_by_message(struct vcpu *vcpu)
{
    vcpu_wake(vcpu);
}

void vcpu_take_work_by_message(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_give_work(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_lend_warp(struct vcpu *lender, struct vcpu *to)
{
    (void)lender;
    (void)to;
}

bool vcpu_give_way(struct vcpu *vcpu, struct vcpu *other)
{
    (void)vcpu, (void)other;
    return false;
}

void cpu_look_at_waiting(struct cpu *cpu, uint64_t when)
{
    (void)cpu, (void)when;
}

uint64_t cpu_turn(struct cpu *cpu)
{
    return cpu->charged_until;
}

void vcpu_arrive(struct vcpu *vcpu)
{
    vcpu->cpu = arch_cpu();
}

uint64_t cpu_charge(struct cpu *cpu, uint64_t now)
{
    cpu->charged_until = now;
    return now;
}

static const struct guest_hooks hooks = {.look = vgic_look};

/* A part is a body that each core repeats for SECONDS. Then messages are taken until there are none. */
static void (*body)(void);
static pthread_barrier_t done;

static void *be_a_core(void *number)
{
    core = (unsigned)(uintptr_t)number;
    numbers.state = core + 1;
    fake_gic_choose(core);
    while (!atomic_load_explicit(&over, memory_order_relaxed)) {
        take_kick();
        body();
    }
    (void)pthread_barrier_wait(&done); /* nobody sends any more */
    for (unsigned i = 0; i < 2 * VCPUS; i++)
        take_kick();
    return NULL;
}

static void run(void (*what)(void))
{
    pthread_t threads[CORES];

    body = what;
    atomic_store(&over, false);
    assert_int_equal(pthread_barrier_init(&done, NULL, CORES), 0);
    for (unsigned i = 0; i < CORES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_core, (void *)(uintptr_t)i), 0);
    (void)nanosleep(&(struct timespec){.tv_sec = SECONDS}, NULL);
    atomic_store(&over, true);
    for (unsigned i = 0; i < CORES; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&done);
}

static int setup(void **state)
{
    (void)state;
    memset(cores, 0, sizeof(cores));
    memset(vcpus, 0, sizeof(vcpus));
    memset(&machine, 0, sizeof(machine));
    memset(letters, 0, sizeof(letters));
    machine.vcpus = vcpus;
    machine.vcpu_count = VCPUS;
    for (unsigned i = 0; i < CORES; i++)
        cores[i].index = i;
    for (unsigned i = 0; i < VCPUS; i++)
        vcpus[i] = (struct vcpu){.vm = &machine,
                                 .index = (uint16_t)i,
                                 .cpu = &cores[i],
                                 .mail_to = &cores[i],
                                 .on = true,
                                 .hooks = &hooks};
    return 0;
}

static struct spinlock lock = SPINLOCK_INIT(LOCK_ALONE);
static unsigned counted; /* under the lock */
static atomic_uint counts;

static void count_once(void)
{
    spin_lock(&lock);
    counted++;
    spin_unlock(&lock);
    atomic_fetch_add_explicit(&counts, 1, memory_order_relaxed);
}

static void a_lock_orders_what_it_covers(void **state)
{
    (void)state;
    run(count_once);
    assert_true(counted != 0);
    assert_int_equal(counted, atomic_load(&counts));
}

static void send_a_letter(void)
{
    unsigned to = below(VCPUS);
    struct letter *letter = &letters[to][core];

    if (to == core || atomic_load_explicit(&letter->full, memory_order_acquire))
        return;
    letter->written++;
    atomic_store_explicit(&letter->full, true, memory_order_relaxed);
    vcpu_send(&vcpus[to], kind_of[core]);
    cpu_send(&cores[to], CPU_CHARGE);
}

static void what_was_written_before_a_message_is_seen(void **state)
{
    (void)state;
    run(send_a_letter);
    for (unsigned to = 0; to < VCPUS; to++)
        for (unsigned from = 0; from < CORES; from++) {
            assert_true(from == to || letters[to][from].written != 0);
            assert_int_equal(letters[to][from].read, letters[to][from].written);
        }
}

/* The virtual GIC: what a guest does on its core between two entries. */

static atomic_uint served;

static void enter(struct vcpu *vcpu)
{
    take_kick();
    while (vgic_is_dirty(&vcpu->vgic) || fake_gic_maintenance())
        vgic_refresh(vcpu);
}

static void access_register(struct vcpu *vcpu, uint64_t offset, bool write, uint32_t value)
{
    struct mmio_access access = {.offset = offset, .size = 4, .write = write, .value = value};

    do {
        access.again = false;
        (void)vgic_distributor_access(vcpu, &access);
        enter(vcpu);
    } while (access.again && !atomic_load_explicit(&over, memory_order_relaxed));
    vcpu->arch.regs.pc += 4;
}

/* For the SPIs of the VM. */
void *memory_allocate(size_t size)
{
    static struct vgic_spis spis[SPI_BANKS];

    assert_int_equal(size, sizeof(spis));
    return spis;
}

static unsigned any_spi(void)
{
    return EDGE_SPI + 32 * below(SPI_BANKS) + below(2);
}

static void access_something(struct vcpu *vcpu)
{
    static const uint32_t bitmaps[] = {ISENABLER, ISPENDR, ICPENDR, ISACTIVER, ICACTIVER};
    unsigned spi = any_spi();
    uint32_t bit = UINT32_C(1) << spi % 32;
    uint32_t word = spi / 32 * 4;

    switch (below(4)) {
    case 0:
        access_register(vcpu, bitmaps[below(5)] + word, true, bit);
        break;
    case 1:
        access_register(vcpu, bitmaps[below(5)] + word, false, 0);
        break;
    case 2:
        access_register(vcpu, IROUTER + 8ul * spi, true, below(VCPUS));
        break;
    default:
        access_register(vcpu, IPRIORITYR + EDGE_SPI, false, 0);
    }
}

static void serve(struct vcpu *vcpu)
{
    uint32_t acknowledged = fake_guest_acknowledge();

    if (acknowledged == GIC_SPURIOUS)
        return;
    enter(vcpu);
    fake_guest_end(acknowledged);
    atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
}

static void fire_timer(struct vcpu *vcpu)
{
    if (fake_gic_timer_active())
        return;
    fake_gic_timer_acknowledge();
    if (!vgic_present_timer(vcpu))
        vgic_timer_fired(vcpu);
}

static void be_a_guest(struct vcpu *vcpu)
{
    if (!vcpu->vgic.loaded)
        vgic_load(vcpu);
    enter(vcpu);
    switch (below(8)) {
    case 0:
    case 1:
        vgic_send_sgis(vcpu, below(SGIS), UINT32_C(1) << below(VCPUS));
        break;
    case 2:
        access_something(vcpu);
        break;
    case 3:
        (void)vgic_wakes(vcpu);
        break;
    case 4:
        if (below(8) == 0)
            vgic_save(vcpu);
        return;
    case 5:
        fire_timer(vcpu);
        break;
    default:
        serve(vcpu);
    }
    enter(vcpu);
}

static void be_a_guest_or_a_device(void)
{
    if (core < VCPUS)
        be_a_guest(&vcpus[core]);
    else
        vgic_set_line(&vcpus[0], any_spi(), below(2) != 0);
}

static void open_gic(void)
{
    struct vcpu *vcpu = &vcpus[0];

    vgic_make_registers(&machine);
    machine.vgic.spi_banks = SPI_BANKS;
    vgic_init(&machine.vgic, VCPUS);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct mmio_access enable = {.offset = GUEST_GICR_SIZE * i + GICR_SGIS + ISENABLER,
                                     .size = 4,
                                     .write = true,
                                     .value = UINT32_MAX};

        vgic_vcpu_init(&vcpus[i].vgic);
        fake_gic_choose(i);
        gic->interface_reset(&vcpus[i].arch);
        gic->interface_load(&vcpus[i].arch);
        fake_guest_groups(3);
        fake_guest_mask(0xFF);
        gic->interface_save(&vcpus[i].arch);
        (void)machine.gic_registers[1].access(vcpu, &enable);
    }
    fake_gic_choose(0);
    for (unsigned b = 1; b <= SPI_BANKS; b++) {
        access_register(vcpu, ISENABLER + 4 * b, true, UINT32_MAX);
        access_register(vcpu, ICFGR + 8 * b, true, 2u << (2 * (EDGE_SPI - 32)));
    }
    access_register(vcpu, GICD_CTLR, true, 3);
}

static void a_vgic_is_used_by_all_cores(void **state)
{
    (void)state;
    fake_gic_reset(3, 4);
    open_gic();
    run(be_a_guest_or_a_device);
    assert_true(atomic_load(&served) > 100);
}

/* The console. */

static struct console_source sources[CORES];
static struct deadline_queue deadlines;
static struct heap_node *deadline_slots[4];
static unsigned lines_sent, lines_begun[CORES], column[CORES];
static atomic_uint delivered;

static void uart_init(const struct uart_registers *registers)
{
    (void)registers;
}

static bool uart_put(char c)
{
    lines_sent += c == '\n'; /* plain: the console's lock covers it */
    return true;
}

static bool uart_get(char *c)
{
    *c = 'x';
    return below(4) == 0;
}

static void uart_want(bool wanted)
{
    (void)wanted;
}

static const struct uart_driver uart = {
    .init = uart_init, .put = uart_put, .get = uart_get, .want_space = uart_want, .want_input = uart_want};

static void deliver(struct console_source *source, char c)
{
    (void)c;
    atomic_store_explicit(&source->full, below(4) == 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&delivered, 1, memory_order_relaxed);
}

static void tell_core_0(void)
{
    cpu_send(&cores[0], CPU_CONSOLE);
}

static void write_and_read(void)
{
    struct console_source *source = &sources[core];
    bool ends = column[core] == LINE_LENGTH;

    if (console_put(source, ends ? '\n' : 'a')) {
        column[core] = ends ? 0 : column[core] + 1;
        lines_begun[core] += column[core] == 1;
    }
    atomic_store_explicit(&source->full, false, memory_order_relaxed);
    if (below(1024) == 0)
        (void)console_offer("offered", 7);
    (void)console_is_calm();
    if (core != 0)
        return;
    console_interrupt();
    deadline_queue_run(&deadlines, arch_counter());
}

static void no_slice(struct deadline *slice, uint64_t now)
{
    (void)slice, (void)now;
}

static void a_console_is_written_by_all_cores(void **state)
{
    static char names[CORES][2];
    unsigned begun = 0;

    (void)state;
    deadline_queue_init(&deadlines, deadline_slots, 0, 4, no_slice);
    console_init(&uart, &deadlines, tell_core_0);
    for (unsigned i = 0; i < CORES; i++) {
        names[i][0] = (char)('a' + i);
        console_add(&sources[i], names[i], deliver);
    }
    run(write_and_read);
    console_finish();
    for (unsigned i = 0; i < CORES; i++)
        begun += lines_begun[i] - (column[i] != 0);
    assert_true(begun > CORES && atomic_load(&delivered) != 0);
    assert_true(lines_sent >= begun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_lock_orders_what_it_covers, setup),
        cmocka_unit_test_setup(what_was_written_before_a_message_is_seen, setup),
        cmocka_unit_test_setup(a_vgic_is_used_by_all_cores, setup),
        cmocka_unit_test_setup(a_console_is_written_by_all_cores, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
