/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting and stopping a VM whose vCPUs are on several cores. The cores are coroutines (interleave.h) with
 * the real vm/power.c, messages and PSCI. In place of the dispatcher each of them takes its messages, and
 * gives a turn to any of its vCPUs that is runnable: its `work`, or a guest that does something at random:
 * CPU_ON of any vCPU, CPU_OFF, SYSTEM_OFF, SYSTEM_RESET, or nothing. In the second test another VM asks for
 * pauses, stops and starts meanwhile, and for a resume or a start in the end.
 *
 * What has to hold in any order of their accesses: no guest runs that is not powered, whose VM is off or
 * being loaded; all vCPUs are off when a VM is loaded; a vCPU that is on is not switched on; each stop has
 * one end, as who asked first wanted it; and when all messages have been taken, nobody waits for anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "console/console.h"
#include "devices/psci.h"
#include "devices/vgic.h"
#include "interleave.h"
#include "vm/arch_vm.h"
#include "vm/dispatch.h"
#include "vm/inbox.h"
#include "vm/load.h"
#include "vm/messages.h"
#include "vm/power.h"

#define CORES    3
#define VCPUS    4
#define SEEDS    1500
#define ACTIONS  60    /* of all guests, in one run */
#define PATIENCE 20000 /* turns of a core without an end: somebody is stuck */

#define CPU_OFF      0x84000002
#define CPU_ON       0xC4000003
#define SYSTEM_OFF   0x84000008
#define SYSTEM_RESET 0x84000009

struct vm *vms[SYSTEM_MAX_VMS];
unsigned vm_count;

static struct cpu cores[CORES];
static struct vm machine[2]; /* the second only keeps the machine on */
static struct vcpu vcpus[VCPUS], other_vcpu;
static struct vm_config config[2];
static bool kicked[CORES];

static unsigned actions_left, actions_begun;
static bool loading, is_off, asked, asked_restart;
static unsigned outside_left;        /* what the other VM has still to ask for */
static bool outside;                 /* it does */
static unsigned pauses, busy;        /* of all runs */
static bool leaves[VCPUS];           /* by CPU_OFF */
static unsigned restarts, offs, ons; /* of all runs */

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&interleave_random, bound);
}

struct cpu *arch_cpu(void)
{
    return &cores[interleave_core()];
}

void arch_cpu_kick(unsigned index)
{
    interleave_point();
    kicked[index] = true;
}

void vcpu_wake_blocked(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    vcpu->unit.runnable = true;
}

void vcpu_wake_by_message(struct vcpu *vcpu)
{
    vcpu_wake(vcpu);
}

void vcpu_take_work_by_message(struct vcpu *vcpu)
{
    (void)vcpu;
    abort();
}

void vcpu_take_params(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
}

void vcpu_hold(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    assert_true(vcpu->on && !vcpu->held && vcpu->powered && machine[0].stopper == NULL);
    interleave_note("vCPU %u is held", vcpu->index);
    vcpu->on = vcpu->unit.runnable = false;
    vcpu->held = true;
    vcpu->cpu->loaded = NULL;
    pauses++;
}

void vcpu_release(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    assert_true(vcpu->held && !vcpu->on);
    vcpu->held = false;
    vcpu->on = vcpu->unit.runnable = true;
}

void vcpu_retire(struct vcpu *vcpu)
{
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    assert_true(leaves[vcpu->index] || machine[0].stopper != NULL);
    leaves[vcpu->index] = false;
    vcpu->unit.runnable = false;
    if (vcpu->cpu->loaded == vcpu)
        vcpu->cpu->loaded = NULL;
}

void vcpu_release_timer(struct vcpu *vcpu)
{
    (void)vcpu;
}

void vcpu_block(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
}

uint64_t cpu_charge(struct cpu *cpu, uint64_t now)
{
    (void)cpu, (void)now;
    fail();
    return 0;
}

void cpu_look_at_waiting(struct cpu *cpu, uint64_t when)
{
    (void)cpu, (void)when;
    fail();
}

uint64_t cpu_turn(struct cpu *cpu)
{
    (void)cpu;
    fail();
    return 0;
}

void vcpu_arrive(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
}

void vcpu_unload(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
}

bool vgic_has_deliverable(struct vcpu *vcpu)
{
    (void)vcpu;
    fail();
    return false;
}

void arch_vcpu_reset(struct vcpu *vcpu, uint64_t entry, uint64_t argument)
{
    interleave_note("vCPU %u of VM %u is switched on", vcpu->index, vcpu->vm->index);
    assert_ptr_equal(vcpu->cpu, arch_cpu());
    assert_int_equal(entry, GUEST_RAM_BASE + 4 * argument);
    if (vcpu->vm != &machine[0])
        return;
    /* The boot vCPU has loaded the VM. */
    assert_int_equal(vcpu->on, loading);
    assert_false(vcpu->held);
    if (loading)
        assert_int_equal(vcpu->index, 0);
    loading = false;
    ons++;
}

static void all_others_are_off(void)
{
    for (unsigned i = 1; i < VCPUS; i++) {
        assert_false(vcpus[i].powered);
        assert_false(vcpus[i].on);
    }
}

void vm_load_begin(struct vm *vm)
{
    if (vm != &machine[0])
        return;
    interleave_note("is loaded");
    all_others_are_off();
    assert_true(!is_off || outside);
    loading = true;
    is_off = false;
    vm->load_phase = 1 + below(3);
}

enum vm_load_outcome vm_load_step(struct vm *vm)
{
    if (vm != &machine[0])
        return VM_LOAD_DONE;
    interleave_point();
    all_others_are_off();
    assert_true(loading);
    return --vm->load_phase == 0 ? VM_LOAD_DONE : VM_LOAD_MORE;
}

static void reset_vcpu(struct vcpu *vcpu)
{
    (void)vcpu;
    interleave_point();
}

static bool reset_vm(struct vm *vm)
{
    assert_true(vm != &machine[0] || loading);
    vm->load_phase = 0;
    interleave_point();
    vm->reset_step ^= 1; /* it takes two steps */
    return vm->reset_step != 0;
}

/* There are no links. */
static bool tell_a_peer(struct vm *vm, bool up)
{
    (void)vm, (void)up;
    interleave_point();
    return false;
}

static bool stop_devices(struct vm *vm, bool for_good)
{
    (void)vm, (void)for_good;
    interleave_point();
    return false;
}

static void pause_devices(struct vm *vm, bool paused)
{
    (void)paused;
    assert_ptr_equal(vm->vcpus[0].cpu, arch_cpu());
    interleave_point();
}

static const struct guest_hooks hooks = {.pause = pause_devices,
                                         .tell_a_peer = tell_a_peer,
                                         .stop_devices = stop_devices,
                                         .reset_vcpu = reset_vcpu,
                                         .reset_vm = reset_vm};

/* A stop has ended. The line about a restart is written before the stopper itself is switched off. */
static void ended(bool restart)
{
    for (unsigned i = 0; i < VCPUS; i++)
        assert_false(vcpus[i].on && (!restart || &vcpus[i] != machine[0].stopper));
    if (asked)
        assert_int_equal(restart, asked_restart);
    else if (!outside)
        assert_false(restart); /* the last one has switched itself off */
    assert_false(is_off);
    is_off = !restart;
    asked = false;
    if (restart)
        restarts++;
    else
        offs++;
}

void console_print(const char *format, ...)
{
    interleave_point();
    interleave_note("%s", format);
    if (strcmp(format, "%s: reset%s") == 0 || (outside && strncmp(format, "%s: reset", 9) == 0))
        ended(true);
    else if (strcmp(format, "%s: off") == 0)
        ended(false);
    else
        fail_msg("%s", format);
}

void console_watch_silence(void)
{
    fail();
}

void console_finish(void)
{
    fail();
}

void vm_write_complaints(void)
{
    fail();
}

_Noreturn void arch_system_off(void)
{
    fail();
    for (;;)
        ;
}

static void psci(struct vcpu *vcpu, uint32_t number, uint64_t target)
{
    const uint64_t arguments[3] = {target, GUEST_RAM_BASE + 4 * target, target};
    int64_t result = 0;

    interleave_note("vCPU %u calls %#x for %u", vcpu->index, number, (unsigned)target);
    (void)psci_call(vcpu, number, arguments, &result);
}

/* Who asks first decides how it ends. */
static void ask_to_stop(struct vcpu *vcpu, bool restart)
{
    bool first;

    psci(vcpu, restart ? SYSTEM_RESET : SYSTEM_OFF, 0);
    assert_non_null(vcpu->work);
    first = machine[0].stopper == vcpu;
    if (!first)
        return;
    assert_false(asked);
    asked = true;
    asked_restart = restart;
}

static void leave(struct vcpu *vcpu)
{
    leaves[vcpu->index] = true;
    psci(vcpu, CPU_OFF, 0);
}

/* In the end the VM is to run: it is asked to until it need not be. */
static void be_the_other_vm(void)
{
    static const enum asked all[] = {ASKED_PAUSE,  ASKED_PAUSE, ASKED_RESUME,
                                     ASKED_RESUME, ASKED_STOP,  ASKED_RESTART};
    const struct lent_image none = {.from = NULL};
    enum ontime_vm_state state = vm_state(&machine[0]);
    enum asked what = all[below(sizeof(all) / sizeof(all[0]))];

    if (vcpus[0].cpu == &cores[0] && outside_left > 1 && below(50) == 0)
        vm_bite(&machine[0]); /* on the core of its first vCPU */
    if (outside_left == 0 || below(4) != 0)
        return;
    if (outside_left == 1) {
        what = state == ONTIME_VM_OFF ? ASKED_RESTART : ASKED_RESUME;
        if (!vm_ask(&machine[0], what, &none))
            return;
        interleave_note("is asked for %u at last", what);
        outside_left = 0;
        return;
    }
    outside_left--;
    if (!vm_ask(&machine[0], what, &none))
        busy++;
    else
        interleave_note("is asked for %u", what);
}

static void be_a_guest(struct vcpu *vcpu)
{
    unsigned what = below(20);

    assert_true(vcpu->powered && vcpu->on && !vcpu->held);
    vcpu->cpu->loaded = vcpu;
    if (vcpu->vm != &machine[0]) {
        be_the_other_vm();
        return;
    }
    assert_false(loading || is_off || machine[0].off);
    if (actions_left == 0 || what >= 14)
        return;
    actions_left--;
    actions_begun++;
    fake_set_counter(fake_counter() + fake_counter() / 2);
    if (what < 9)
        psci(vcpu, CPU_ON, below(VCPUS));
    else if (what < 12)
        leave(vcpu);
    else
        ask_to_stop(vcpu, what == 12 || below(4) != 0);
    actions_begun--;
}

/* One of the core's vCPUs that is to have a turn, or NULL. */
static struct vcpu *choose(unsigned core)
{
    struct vcpu *all[VCPUS + 1];
    unsigned count = 0;

    for (unsigned i = 0; i < VCPUS; i++)
        if (vcpus[i].cpu == &cores[core] && vcpus[i].on && vcpus[i].unit.runnable)
            all[count++] = &vcpus[i];
    if (core == 0 && other_vcpu.on)
        all[count++] = &other_vcpu;
    return count != 0 ? all[below(count)] : NULL;
}

/* Nobody has anything left to do but to run on. */
static bool calm(void)
{
    bool work = actions_begun != 0 || (actions_left != 0 && !is_off) || asked || machine[0].stopper != NULL ||
                machine[0].off != is_off || outside_left != 0 || atomic_load(&machine[0].asked) != 0;

    for (unsigned i = 0; i < CORES; i++)
        work = work || kicked[i];
    for (unsigned i = 0; i < VCPUS; i++)
        work = work || vcpus[i].work != NULL || vcpus[i].powered != vcpus[i].on;
    return !work;
}

static void be_a_core(unsigned core)
{
    for (unsigned turns = 0; !calm(); turns++) {
        struct vcpu *vcpu;

        assert_true(turns < PATIENCE);
        interleave_point();
        if (kicked[core]) {
            kicked[core] = false;
            cpu_take_messages(&cores[core]);
            continue;
        }
        vcpu = choose(core);
        if (vcpu == NULL)
            continue;
        cores[core].current = vcpu;
        if (vcpu->work != NULL)
            vcpu->work(vcpu);
        else
            be_a_guest(vcpu);
    }
}

static void make(struct vm *vm, unsigned index, struct vcpu *its_vcpus, unsigned count)
{
    config[index] = (struct vm_config){
        .memory_base = GUEST_RAM_BASE,
        .memory_mib = 1,
        .entry = GUEST_RAM_BASE,
    };
    *vm = (struct vm){.config = &config[index], .index = index, .vcpus = its_vcpus, .vcpu_count = count};
    for (unsigned i = 0; i < count; i++) {
        struct cpu *cpu = &cores[index == 0 ? below(CORES) : 0];

        its_vcpus[i] =
            (struct vcpu){.vm = vm, .index = (uint16_t)i, .hooks = &hooks, .cpu = cpu, .mail_to = cpu};
    }
    vms[index] = vm;
}

static void run(void)
{
    fake_reset();
    fake_set_counter(UINT64_C(1) << 27);
    memset(cores, 0, sizeof(cores));
    memset(kicked, 0, sizeof(kicked));
    memset(leaves, 0, sizeof(leaves));
    for (unsigned i = 0; i < CORES; i++)
        cores[i].index = i;
    make(&machine[0], 0, vcpus, VCPUS);
    make(&machine[1], 1, &other_vcpu, 1);
    vm_count = 2;
    actions_left = ACTIONS;
    actions_begun = 0;
    loading = is_off = asked = false;
    interleave_choose(0);
    vm_start(&machine[0]);
    vm_start(&machine[1]);
    interleave_run(CORES, be_a_core);
    assert_false(asked);
    assert_int_equal(is_off, machine[0].off);
    assert_false(machine[0].paused);
    for (unsigned i = 0; i < CORES; i++)
        assert_true(cores[i].inbox == NULL && atomic_load(&cores[i].messages) == NULL);
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(atomic_load(&vcpus[i].requests), 0);
        assert_int_equal(vcpus[i].on, vcpus[i].unit.runnable);
        assert_false(is_off && vcpus[i].on);
    }
}

static void run_seed(uint64_t seed)
{
    (void)seed;
    outside = false;
    outside_left = 0;
    run();
}

static void run_seed_with_outside(uint64_t seed)
{
    (void)seed;
    outside = true;
    outside_left = ACTIONS;
    run();
}

static void another_vm_pauses_and_stops_it_in_any_order(void **state)
{
    (void)state;
    pauses = busy = restarts = offs = 0;
    interleave_seeds(SEEDS, run_seed_with_outside);
    print_message("%u restarts, %u ends, %u times a vCPU was held, %u times busy\n", restarts, offs, pauses,
                  busy);
    if (getenv("SEED") == NULL)
        assert_true(restarts > SEEDS && offs > SEEDS && pauses > SEEDS && busy > SEEDS);
}

static void vms_start_and_stop_in_any_order(void **state)
{
    (void)state;
    interleave_seeds(SEEDS, run_seed);
    print_message("%u restarts, %u ends, %u times a vCPU was switched on\n", restarts, offs, ons);
    if (getenv("SEED") == NULL)
        assert_true(restarts > SEEDS && offs > SEEDS / 2 &&
                    ons > 4 * SEEDS); /* the runs were worth something */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vms_start_and_stop_in_any_order),
        cmocka_unit_test(another_vm_pauses_and_stops_it_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
