/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM with `control` sees and steers the others.
 *
 * What is asked of another VM is done by that one's own cores: vm_ask() and the tuning are a store and a
 * message (vm/power.c, vm/vm.c). What is only looked at is read here, whatever core it is changed on:
 * counters as an observer's mark does it, consoles and traces from rings whose writers wait for nobody. A
 * reader copies and looks afterwards whether it was overwritten meanwhile; then it copies what is kept by
 * now, from a place that is not overwritten soon.
 *
 * Copies go in pieces, as the calling vCPU's `work`, on its time. A page is looked up in the caller's RAM
 * when the call is made, and a VM's RAM is where it is until the machine is switched off. The guest may
 * change what is there at any time: nothing of it is used twice.
 *
 * Locking: that of a UART into which is typed. Nothing else.
 */
#include "devices/control.h"
#include <stddef.h>
#include <string.h>
#include "base/arch.h"
#include "base/trace.h"
#include "devices/vuart.h"
#include "ontime/trace.h"
#include "vm/dispatch.h"
#include "vm/image.h"
#include "vm/power.h"
#include "vm/vm.h"

#define PIECE         1024 /* bytes that are copied at once */
#define TYPED         16   /* characters that are typed at once */
#define CONSOLE_AHEAD 4096 /* bytes: a copy begins with one that is kept until so many more are written */

_Static_assert(sizeof(struct ontime_vm_info) <= ONTIME_PAGE_SIZE && sizeof(struct ontime_vcpu_info) <= PIECE,
               "a record is in a page, and is written at once");
_Static_assert(VUART_HISTORY - VUART_MARGIN - CONSOLE_AHEAD >= 16384, "ontime/abi.h: what is kept");

/* The host's view of a page of the VM's RAM; NULL: it is none. RAM is in pieces of whole pages. */
static uint8_t *page_at(const struct vm *vm, uint64_t address)
{
    uint64_t size;

    return address % ONTIME_PAGE_SIZE == 0 ? vm_ram_at(vm, address, &size) : NULL;
}

/* The vCPU does not go back to its guest before the work is done. */
static int64_t begin(struct vcpu *vcpu, void (*work)(struct vcpu *vcpu))
{
    vcpu->work = work;
    vcpu->cpu->reschedule = true;
    return ONTIME_OK;
}

static void finish(struct vcpu *vcpu, uint64_t x1)
{
    vcpu->arch.regs.x[1] = x1;
    vcpu->work = NULL;
}

static uint32_t flags_of(const struct vm_config *config)
{
    return (config->control ? ONTIME_VM_CONTROL : 0) | (config->observer ? ONTIME_VM_OBSERVER : 0) |
           (config->ends_system ? ONTIME_VM_ENDS_SYSTEM : 0) |
           (config->floats_on != 0 ? ONTIME_VM_FLOATS : 0);
}

static int64_t vm_info(const struct vm *caller, const struct vm *vm, uint8_t *page)
{
    const struct vm_config *config = vm->config;
    struct ontime_vm_info info = {
        .size = sizeof(info),
        .vm_count = vm_count,
        .state = vm_state(vm),
        .vcpus = vm->vcpu_count,
        .ram_base = config->memory_base,
        .ram_size = (uint64_t)config->memory_mib << 20,
        .cpus = vm_config_cpus(config),
        .timers = config->timers,
        .weight = ARCH_READ_RELAXED(vm->tuning.weight),
        .horizon_us = ARCH_READ_RELAXED(vm->tuning.horizon_us),
        .warp_us = ARCH_READ_RELAXED(vm->tuning.warp_us),
        .warp_limit_us = ARCH_READ_RELAXED(vm->tuning.warp_limit_us),
        .unwarp_us = ARCH_READ_RELAXED(vm->tuning.unwarp_us),
        .flags = flags_of(config),
        .starts = ARCH_READ_RELAXED(vm->starts),
        .watchdog_ms = config->watchdog_ms,
        .own = vm == caller,
    };

    _Static_assert(sizeof(config->name) == ONTIME_VM_NAME, "ontime/control.h: names");
    memcpy(info.name, config->name, sizeof(info.name));
    memcpy(page, &info, sizeof(info));
    return ONTIME_OK;
}

static uint32_t state_of(const struct vcpu *vcpu)
{
    const struct cpu *cpu = ARCH_READ_RELAXED(vcpu->cpu);

    if (ARCH_READ_RELAXED(vcpu->off_since) != 0)
        return ONTIME_VCPU_OFF;
    if (!ARCH_READ_RELAXED(vcpu->unit.runnable))
        return ONTIME_VCPU_BLOCKED;
    return cpu != NULL && ARCH_READ_RELAXED(cpu->current) == vcpu ? ONTIME_VCPU_RUNNING : ONTIME_VCPU_READY;
}

/* Of so many ticks since `since` none are counted yet; `never` stands for no such time. */
static uint64_t with_present(uint64_t counted, uint64_t since, uint64_t never, uint64_t now)
{
    return since != never && since < now ? counted + (now - since) : counted;
}

/* The times add up to that since the boot, but for what was charged ahead, and what is owed. */
static void put_times(struct ontime_vcpu_info *info, const struct vcpu *vcpu)
{
    uint64_t now = info->counter;
    uint64_t rest = now - cpus[0].started;
    uint64_t known;

    info->run = vcpu->stats[ONTIME_STAT_RUN_TICKS];
    info->ready = with_present(vcpu->stats[ONTIME_STAT_STOLEN_TICKS], ARCH_READ_RELAXED(vcpu->ready_since),
                               DEADLINE_NONE, now);
    info->off = with_present(vcpu->off_ticks, ARCH_READ_RELAXED(vcpu->off_since), 0, now);
    known = info->run + info->ready + info->off;
    info->blocked = rest > known ? rest - known : 0;
}

static void put_exits(struct ontime_vcpu_info *info, const struct vcpu *vcpu)
{
    uint64_t calls = vcpu->stats[ONTIME_STAT_EXITS];

    for (unsigned i = 0; i < ONTIME_EXIT_REASONS; i++) {
        info->exits[i] = vcpu->exits[i];
        calls -= i != ONTIME_EXIT_INTERRUPT ? info->exits[i] : 0;
    }
    info->exits[ONTIME_EXIT_CALL] = (int64_t)calls > 0 ? calls : 0; /* it may have counted on meanwhile */
}

static void write_vcpu_info(const struct vcpu *vcpu, const struct cpu *cpu, uint8_t *page)
{
    struct ontime_vcpu_info info = {
        .size = sizeof(info),
        .state = state_of(vcpu),
        .cpu = cpu->index,
        .warped = ARCH_READ_RELAXED(vcpu->unit.warped),
        .counter = arch_counter(),
        .hz = arch_counter_hz(),
    };

    put_times(&info, vcpu);
    put_exits(&info, vcpu);
    for (unsigned stat = 0; stat < ONTIME_STAT_COUNT; stat++)
        info.stats[stat] = vm_stat_with(vcpu, stat, 0);
    for (unsigned bucket = 0; bucket < ONTIME_LATE_BUCKETS; bucket++)
        info.late[bucket] = precise_late(&vcpu->precise, bucket);
    memcpy(page, &info, sizeof(info));
}

/* The vCPU's core has to have charged it since the call; if it moves meanwhile, that one it came to. */
static void vcpu_info_work(struct vcpu *vcpu)
{
    const struct control *control = vcpu->control;
    struct cpu *cpu = atomic_load_explicit(&control->about->mail_to, memory_order_relaxed);

    if (cpu == vcpu->cpu) {
        (void)cpu_charge(cpu, arch_counter());
    } else if ((int64_t)(atomic_load_explicit(&cpu->charge_told, memory_order_acquire) - control->since) <
               0) {
        cpu_send(cpu, CPU_CHARGE);
        arch_relax();
        return;
    }
    write_vcpu_info(control->about, cpu, control->page);
    vcpu->work = NULL;
}

static int64_t vcpu_info(struct vcpu *vcpu, const struct vm *vm, uint64_t index, uint8_t *page)
{
    if (index >= vm->vcpu_count)
        return ONTIME_INVALID;
    vcpu->control->page = page;
    vcpu->control->about = &vm->vcpus[index];
    vcpu->control->since = arch_counter();
    return begin(vcpu, vcpu_info_work);
}

/* The first byte of RAM that a kernel which begins at its place may not use. */
static uint64_t end_for_kernel(const struct vm_config *config)
{
    uint64_t end = vm_config_ram_end(config);

    if (config->tree_address >= config->load_address)
        end = config->tree_address;
    if (config->initrd.data != NULL && config->initrd_address >= config->load_address &&
        config->initrd_address < end)
        end = config->initrd_address;
    return end;
}

/* Is the image of the kind of the VM's kernel, and has it room? `first` is the beginning of its first block.
 */
static bool suits(const struct vm_config *config, const uint8_t *first, uint64_t size)
{
    uint8_t header[IMAGE_HEADER_SIZE];
    uint64_t room = end_for_kernel(config) - config->load_address;
    uint64_t needs;

    if (size > room)
        return false;
    if (!config->is_linux_image)
        return true;
    memcpy(header, first, sizeof(header));
    needs = image_word(header, IMAGE_SIZE_OFFSET);
    return image_is_arm64(header, size) && needs != 0 && needs <= room &&
           (config->load_address - image_word(header, IMAGE_TEXT_OFFSET)) % IMAGE_ALIGN == 0;
}

static bool take_image(const struct vm *caller, const struct vm *vm, uint64_t list, uint64_t size,
                       struct lent_image *image)
{
    const volatile uint64_t *words = (const void *)page_at(caller, list);
    const uint8_t *first;

    if (words == NULL || size == 0 || size > (uint64_t)ONTIME_IMAGE_BLOCKS * ONTIME_IMAGE_BLOCK)
        return false;
    first = page_at(caller, words[0]);
    *image = (struct lent_image){caller, list, size};
    return first != NULL && suits(vm->config, first, size);
}

static int64_t vm_power(const struct vm *caller, struct vm *vm, const uint64_t *x)
{
    static const enum asked asked[] = {
        [ONTIME_POWER_PAUSE] = ASKED_PAUSE,
        [ONTIME_POWER_RESUME] = ASKED_RESUME,
        [ONTIME_POWER_STOP] = ASKED_STOP,
        [ONTIME_POWER_RESTART] = ASKED_RESTART,
    };
    struct lent_image image = {.from = NULL};

    if (vm == caller || x[2] >= sizeof(asked) / sizeof(asked[0]) ||
        (x[2] == ONTIME_POWER_RESTART && x[3] != 0 && !take_image(caller, vm, x[3], x[4], &image)))
        return ONTIME_INVALID;
    return vm_ask(vm, asked[x[2]], &image) ? ONTIME_OK : ONTIME_BUSY;
}

static int64_t vm_set(struct vm *vm, uint64_t which, uint64_t value)
{
    const bool has_horizon = vm->config->horizon_us != 0, has_warps = vm->config->warp_limit_us != 0;
    const struct {
        bool there;
        uint32_t *value;
        uint32_t least, most;
    } parameters[] = {
        [ONTIME_SET_WEIGHT] = {true, &vm->tuning.weight, 1, SCHED_WEIGHT_MAX},
        [ONTIME_SET_WARP_US] = {has_warps, &vm->tuning.warp_us, 0, WARP_US_MAX},
        [ONTIME_SET_WARP_LIMIT_US] = {has_warps, &vm->tuning.warp_limit_us, WARP_LIMIT_US_MIN,
                                      WARP_LIMIT_US_MAX},
        [ONTIME_SET_UNWARP_US] = {has_warps, &vm->tuning.unwarp_us, 0, UNWARP_US_MAX},
        [ONTIME_SET_HORIZON_US] = {has_horizon, &vm->tuning.horizon_us, HORIZON_US_MIN, HORIZON_US_MAX},
    };

    if (which >= sizeof(parameters) / sizeof(parameters[0]) || !parameters[which].there ||
        value < parameters[which].least || value > parameters[which].most)
        return ONTIME_INVALID;
    ARCH_WRITE_RELAXED(*parameters[which].value, (uint32_t)value);
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        vcpu_send(&vm->vcpus[i], VCPU_PARAMS);
    return ONTIME_OK;
}

/* What CONSOLE_READ and TRACE_READ have in common. */

static uint64_t end_of(const struct control *control)
{
    return control->trace != NULL ? trace_next(control->trace) : vuart_history_end(control->history);
}

/* The first that is kept; `safely`: for as long as a copy may take. */
static uint64_t kept_from(const struct control *control, bool safely)
{
    if (control->trace != NULL)
        return trace_kept_from(control->trace, safely ? (unsigned)control->trace->mask / 8 : 0);
    return vuart_history_from(control->history, safely ? CONSOLE_AHEAD : 0);
}

static unsigned unit_size(const struct control *control)
{
    return control->trace != NULL ? sizeof(struct ontime_trace_record) : 1;
}

static void copy(const struct control *control, unsigned count)
{
    uint8_t *to = control->page + (size_t)control->done * unit_size(control);

    if (control->trace != NULL)
        trace_copy(control->trace, control->first + control->done, count, (void *)to);
    else
        vuart_history_copy(control->history, control->first + control->done, count, (char *)to);
}

/* From `position` on, or from the first that is kept for a while. */
static void begin_copy(struct control *control, uint64_t position)
{
    uint64_t from = kept_from(control, true), end = end_of(control);
    uint64_t most = ONTIME_PAGE_SIZE / unit_size(control);

    control->first = position < from ? from : position < end ? position : end;
    control->count = (unsigned)(end - control->first < most ? end - control->first : most);
    control->done = 0;
}

static void read_work(struct vcpu *vcpu)
{
    struct control *control = vcpu->control;
    unsigned left = control->count - control->done, most = PIECE / unit_size(control);

    if (left != 0) {
        copy(control, left < most ? left : most);
        control->done += left < most ? left : most;
    } else if (control->first < kept_from(control, false)) {
        begin_copy(control, control->first);
    } else {
        vcpu->arch.regs.x[2] = control->first;
        finish(vcpu, control->count);
    }
}

static int64_t begin_read(struct vcpu *vcpu, const struct trace_ring *trace, const struct vuart *history,
                          uint64_t position, uint8_t *page)
{
    struct control *control = vcpu->control;

    control->page = page;
    control->trace = trace;
    control->history = history;
    begin_copy(control, position);
    return begin(vcpu, read_work);
}

static int64_t trace_read(struct vcpu *vcpu, const uint64_t *x, uint8_t *page)
{
    const struct cpu *cpu = x[1] < cpu_count ? &cpus[x[1]] : NULL;

    if (cpu == NULL || !cpu->up || !trace_has_ring(&cpu->trace))
        return ONTIME_INVALID;
    return begin_read(vcpu, &cpu->trace, NULL, x[2], page);
}

static void write_work(struct vcpu *vcpu)
{
    struct control *control = vcpu->control;
    unsigned left = control->count - control->done;
    unsigned taken =
        vuart_type(control->typed_to, control->page + control->done, left < TYPED ? left : TYPED);

    control->done += taken;
    if (taken < TYPED || control->done == control->count)
        finish(vcpu, control->done);
}

static int64_t console_write(struct vcpu *vcpu, const struct vm *vm, uint8_t *page, uint64_t count)
{
    struct control *control = vcpu->control;

    if (count > ONTIME_PAGE_SIZE)
        return ONTIME_INVALID;
    control->page = page;
    control->typed_to = vm->uart;
    control->count = (unsigned)count;
    control->done = 0;
    return begin(vcpu, write_work);
}

/* Calls about a VM, other than those that need a page. */
static int64_t call_about(struct vcpu *vcpu, struct vm *vm, uint32_t number, const uint64_t *x)
{
    uint8_t *page =
        page_at(vcpu->vm, number == ONTIME_CALL_VM_INFO || number == ONTIME_CALL_CONSOLE_WRITE ? x[2] : x[3]);

    if (number == ONTIME_CALL_VM_POWER)
        return vm_power(vcpu->vm, vm, x);
    if (number == ONTIME_CALL_VM_SET)
        return vm_set(vm, x[2], x[3]);
    if (page == NULL)
        return ONTIME_INVALID;
    switch (number) {
    case ONTIME_CALL_VM_INFO:
        return vm_info(vcpu->vm, vm, page);
    case ONTIME_CALL_VCPU_INFO:
        return vcpu_info(vcpu, vm, x[2], page);
    case ONTIME_CALL_CONSOLE_READ:
        return begin_read(vcpu, NULL, vm->uart, x[2], page);
    default:
        return console_write(vcpu, vm, page, x[3]);
    }
}

int64_t control_call(struct vcpu *vcpu, uint32_t number, uint64_t *x)
{
    uint8_t *page;

    if (vcpu->control == NULL)
        return ONTIME_DENIED;
    if (number != ONTIME_CALL_TRACE_READ)
        return x[1] < vm_count ? call_about(vcpu, vms[x[1]], number, x) : ONTIME_INVALID;
    page = page_at(vcpu->vm, x[3]);
    return page != NULL ? trace_read(vcpu, x, page) : ONTIME_INVALID;
}
