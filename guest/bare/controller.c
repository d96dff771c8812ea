// SPDX-License-Identifier: Apache-2.0
/*
 * A VM that controls others (ontime/control.h). By its boot arguments it is one of two:
 *
 *   control  tries all calls on the VMs "one" and "two", which compute, and on "denied"
 *   denied   has no `control`: all calls are refused. Then it prints what is typed, in capitals
 */
#include <string.h>
#include "bare.h"
#include "ontime/abi.h"
#include "ontime/control.h"
#include "ontime/trace.h"

#define PAGE     4096
#define VMS_MAX  8
#define SHARE_US 100000

enum { ONE, TWO, DENIED };

static _Alignas(PAGE) uint8_t page[PAGE];
static _Alignas(PAGE) uint64_t list[PAGE / 8];
static _Alignas(PAGE) uint8_t image[PAGE];
static char console[PAGE + 1];
static uint64_t number_of[3]; /* of the VMs above */
static uint64_t own;

/* For an image: prints "image", and waits for ever. */
extern const uint8_t tiny[], tiny_end[];
#define TINY_SIZE ((size_t)((uintptr_t)tiny_end - (uintptr_t)tiny))
__asm__(".balign 4\n"
        "tiny:\n"
        "movz x0, #0x0900, lsl #16\n"
        "adr x1, 2f\n"
        "1: ldrb w2, [x1], #1\n"
        "cbz w2, 3f\n"
        "str w2, [x0]\n"
        "b 1b\n"
        "3: wfi\n"
        "b 3b\n"
        "2: .asciz \"image\\n\"\n"
        ".balign 4\n"
        "tiny_end:\n");

/* Does the text begin with the other? */
static bool begins(const char *text, const char *with)
{
    while (*with != '\0' && *text == *with) {
        text++;
        with++;
    }
    return *with == '\0';
}

static struct answer ask(uint64_t number, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4)
{
    uint64_t registers[18] = {number, x1, x2, x3, x4};

    hypercall(registers);
    return (struct answer){{registers[0], registers[1], registers[2], registers[3]}};
}

static int64_t quick(uint64_t number, uint64_t x1, uint64_t x2, uint64_t x3)
{
    return (int64_t)ask(number, x1, x2, x3, 0).x[0];
}

static const struct ontime_vm_info *vm_info(uint64_t vm)
{
    static struct ontime_vm_info info;

    memset(page, 0, sizeof(page));
    if (quick(ONTIME_CALL_VM_INFO, vm, (uintptr_t)page, 0) == ONTIME_OK)
        memcpy(&info, page, sizeof(info));
    return &info;
}

static const struct ontime_vcpu_info *vcpu_info(uint64_t vm)
{
    static struct ontime_vcpu_info info;

    memset(page, 0, sizeof(page));
    if (quick(ONTIME_CALL_VCPU_INFO, vm, 0, (uintptr_t)page) == ONTIME_OK)
        memcpy(&info, page, sizeof(info));
    return &info;
}

static int64_t power(uint64_t vm, uint64_t what)
{
    return quick(ONTIME_CALL_VM_POWER, vm, what, 0);
}

/* For a second at most; the guest spins, so that the others run in their turns only. */
static bool await_state(uint64_t vm, enum ontime_vm_state state)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (vm_info(vm)->state == state)
            return true;
        spin(microseconds(1000));
    }
    return false;
}

static void find_vms(void)
{
    static const char *const names[] = {[ONE] = "one", [TWO] = "two", [DENIED] = "denied"};
    uint64_t count = vm_info(0)->vm_count;
    unsigned found = 0;

    for (uint64_t vm = 0; vm < count && vm < VMS_MAX; vm++) {
        const struct ontime_vm_info *info = vm_info(vm);

        for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
            if (begins(info->name, names[i])) {
                number_of[i] = vm;
                found++;
            }
        if (info->own != 0)
            own = vm;
    }
    expect_equal("vms", count, 4);
    expect_equal("found", found, 3);
    expect_equal("own flags", vm_info(own)->flags & ONTIME_VM_CONTROL, ONTIME_VM_CONTROL);
    expect_equal("other flags", vm_info(number_of[ONE])->flags & ONTIME_VM_CONTROL, 0);
    expect_equal("size", vm_info(own)->size, sizeof(struct ontime_vm_info));
    expect_equal("ram", vm_info(own)->ram_size, ram_size());
    expect_equal("state", vm_info(number_of[ONE])->state, ONTIME_VM_RUNNING);
}

static void refuse_bad_values(void)
{
    uint64_t one = number_of[ONE], at = (uintptr_t)page;
    int64_t invalid = ONTIME_INVALID;

    result(quick(ONTIME_CALL_VM_INFO, 4, at, 0) == invalid, "no such vm", "\n");
    result(quick(ONTIME_CALL_VM_INFO, one, at + 8, 0) == invalid, "page not aligned", "\n");
    result(quick(ONTIME_CALL_VM_INFO, one, 0x09000000, 0) == invalid, "page is a device", "\n");
    result(quick(ONTIME_CALL_VCPU_INFO, one, 1, at) == invalid, "no such vcpu", "\n");
    result(power(one, 4) == invalid, "no such request", "\n");
    result(power(own, ONTIME_POWER_STOP) == invalid, "own vm", "\n");
    result(quick(ONTIME_CALL_VM_SET, one, ONTIME_SET_WEIGHT, 0) == invalid, "weight 0", "\n");
    result(quick(ONTIME_CALL_VM_SET, one, 5, 1) == invalid, "no such parameter", "\n");
    result(quick(ONTIME_CALL_CONSOLE_WRITE, one, at, PAGE + 1) == invalid, "too much text", "\n");
    result(quick(ONTIME_CALL_TRACE_READ, 64, 0, at) == invalid, "no such cpu", "\n");
    result(ask(ONTIME_CALL_VM_POWER, one, ONTIME_POWER_RESTART, (uintptr_t)list, UINT64_MAX).x[0] ==
               (uint64_t)invalid,
           "image too large", "\n");
}

/* What VM "one" runs of what both run, in percent. */
static uint64_t share_of_one(void)
{
    uint64_t one = vcpu_info(number_of[ONE])->run, two = vcpu_info(number_of[TWO])->run;

    spin(microseconds(SHARE_US));
    one = vcpu_info(number_of[ONE])->run - one;
    two = vcpu_info(number_of[TWO])->run - two;
    return one + two != 0 ? 100 * one / (one + two) : 0;
}

static void expect_share(const char *name, uint64_t wanted)
{
    uint64_t share = share_of_one();

    result(share + 4 >= wanted && share <= wanted + 4, name, ": %lu%%\n", share);
}

static void weights_and_pauses(void)
{
    uint64_t one = number_of[ONE], two = number_of[TWO];

    expect_share("equal weights", 50);
    expect_equal("set weight", (uint64_t)quick(ONTIME_CALL_VM_SET, one, ONTIME_SET_WEIGHT, 3), ONTIME_OK);
    expect_share("weight 3", 75);
    expect_equal("weight told", vm_info(one)->weight, 3);
    expect_equal("pause", (uint64_t)power(two, ONTIME_POWER_PAUSE), ONTIME_OK);
    result(await_state(two, ONTIME_VM_PAUSED), "paused", "\n");
    expect_share("beside a paused one", 100);
    expect_equal("resume", (uint64_t)power(two, ONTIME_POWER_RESUME), ONTIME_OK);
    result(await_state(two, ONTIME_VM_RUNNING), "resumed", "\n");
    expect_share("weight 3 again", 75);
    expect_equal("reset weight", (uint64_t)quick(ONTIME_CALL_VM_SET, one, ONTIME_SET_WEIGHT, 1), ONTIME_OK);
}

static void times_and_exits(void)
{
    const struct ontime_vcpu_info *info = vcpu_info(own);
    uint64_t sum = info->run + info->ready + info->blocked + info->off, exits = 0;

    result(sum <= info->counter && sum > info->counter / 2, "times", ": %lu of %lu\n", sum, info->counter);
    for (unsigned i = 0; i < ONTIME_EXIT_REASONS; i++)
        exits += info->exits[i];
    expect_equal("exits", exits, info->stats[ONTIME_STAT_EXITS]);
    result(info->exits[ONTIME_EXIT_CALL] > 20, "exits by call", "\n");
    result(info->exits[ONTIME_EXIT_ACCESS] > 100, "exits by access", "\n");
    expect_equal("own state", info->state, ONTIME_VCPU_RUNNING);
}

/* All that the VM has printed and that is kept; returns how much of it is in `console`, the last. */
static unsigned read_console(uint64_t vm)
{
    uint64_t position = 0;
    unsigned length = 0;

    for (;;) {
        struct answer got = ask(ONTIME_CALL_CONSOLE_READ, vm, position, (uintptr_t)page, 0);

        if (got.x[0] != ONTIME_OK || got.x[1] == 0)
            break;
        length = (unsigned)got.x[1];
        memcpy(console, page, length);
        position = got.x[2] + length;
    }
    console[length] = 0;
    return length;
}

static bool says(uint64_t vm, const char *text)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        unsigned count = read_console(vm);

        for (unsigned i = 0; i < count; i++)
            if (begins(console + i, text))
                return true;
        spin(microseconds(1000));
    }
    return false;
}

static void consoles(void)
{
    static const char typed[] = "typed by control\r";

    result(says(number_of[DENIED], "PASS denied"), "console read", "\n");
    memcpy(page, typed, sizeof(typed));
    struct answer got =
        ask(ONTIME_CALL_CONSOLE_WRITE, number_of[DENIED], (uintptr_t)page, sizeof(typed) - 1, 0);
    expect_equal("console write", got.x[0], ONTIME_OK);
    expect_equal("characters typed", got.x[1], sizeof(typed) - 1);
    result(says(number_of[DENIED], "TYPED BY CONTROL"), "console answers", "\n");
}

static void traces(void)
{
    uint64_t next = ask(ONTIME_CALL_TRACE_READ, 0, ONTIME_TRACE_NEXT, (uintptr_t)page, 0).x[2], last = 0;
    bool good = true;

    spin(microseconds(20000));
    struct answer got = ask(ONTIME_CALL_TRACE_READ, 0, next, (uintptr_t)page, 0);
    const struct ontime_trace_record *records = (const void *)page;
    for (unsigned i = 0; i < got.x[1]; i++) {
        good = good && records[i].type >= ONTIME_TRACE_SWITCH && records[i].type <= ONTIME_TRACE_INTERRUPT &&
               records[i].counter >= last;
        last = records[i].counter;
    }
    expect_equal("trace read", got.x[0], ONTIME_OK);
    result(got.x[1] > 0 && got.x[2] >= next, "trace records", ": %lu from %lu on\n", got.x[1], got.x[2]);
    result(good, "trace in order", "\n");
}

static void stops_and_starts(void)
{
    uint64_t one = number_of[ONE];
    uint32_t starts = vm_info(one)->starts;

    expect_equal("restart", (uint64_t)power(one, ONTIME_POWER_RESTART), ONTIME_OK);
    expect_equal("busy", (uint64_t)power(one, ONTIME_POWER_PAUSE), (uint64_t)ONTIME_BUSY);
    result(await_state(one, ONTIME_VM_RUNNING), "restarted", "\n");
    expect_equal("starts", vm_info(one)->starts, starts + 1);
    expect_equal("pause again", (uint64_t)power(one, ONTIME_POWER_PAUSE), ONTIME_OK);
    result(await_state(one, ONTIME_VM_PAUSED), "paused again", "\n");
    expect_equal("stop", (uint64_t)power(one, ONTIME_POWER_STOP), ONTIME_OK);
    result(await_state(one, ONTIME_VM_OFF), "off", "\n");
    expect_equal("pause of one that is off", (uint64_t)power(one, ONTIME_POWER_PAUSE), (uint64_t)ONTIME_BUSY);
    memcpy(image, tiny, TINY_SIZE);
    list[0] = (uintptr_t)image;
    expect_equal("start with an image",
                 ask(ONTIME_CALL_VM_POWER, one, ONTIME_POWER_RESTART, (uintptr_t)list, TINY_SIZE).x[0],
                 ONTIME_OK);
    result(await_state(one, ONTIME_VM_RUNNING), "started", "\n");
    result(says(one, "image"), "image runs", "\n");
    for (unsigned i = ONE; i <= DENIED; i++)
        expect_equal("stop all", (uint64_t)power(number_of[i], ONTIME_POWER_STOP), ONTIME_OK);
    for (unsigned i = ONE; i <= DENIED; i++)
        result(await_state(number_of[i], ONTIME_VM_OFF), "all off", "\n");
}

static void be_denied(void)
{
    unsigned denied = 0, calls = 0;

    for (uint64_t number = ONTIME_CALL_VM_INFO; number <= ONTIME_CALL_TRACE_READ; number++, calls++)
        denied += quick(number, 0, (uintptr_t)page, (uintptr_t)page) == ONTIME_DENIED;
    expect_equal("denied", denied, calls);
    print("waits\n");
    for (;;) {
        int c = uart_read();

        if (c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        if (c >= 0)
            print("%c", c == '\r' ? '\n' : c);
    }
}

void guest_main(void)
{
    if (option("denied"))
        be_denied();
    result(((uint64_t)quick_call(ONTIME_CALL_FEATURES, 0, 0) & ONTIME_FEATURE_CONTROL) != 0, "feature", "\n");
    spin(microseconds(option_number("after-us", 100000))); /* the others are being loaded */
    find_vms();
    refuse_bad_values();
    weights_and_pauses();
    times_and_exits();
    consoles();
    traces();
    stops_and_starts();
}
