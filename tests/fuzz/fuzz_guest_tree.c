// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for the tree that a guest is given: for any VM that the system file's reader accepts, it
 * fits into GUEST_TREE_SIZE and is sound; into less room it fits or is refused. What is written has no byte
 * but its own.
 */
#include <libfdt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "bytes.h"
#include "devices/guest_tree.h"

static struct vm_config vm;
static char bootargs[SYSTEM_BOOTARGS_MAX + 1];
static char compatible[64];
static const uint8_t image[64];
static bool entropy;

/* A text of `length` characters, repeated from the bytes; any but the end of a string. */
static void take_text(struct bytes *bytes, char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = (char)take(bytes, 1);

        text[i] = c;
        if (c == '\0')
            text[i] = 'x';
    }
    text[length] = '\0';
}

static void take_vm(struct bytes *bytes)
{
    memset(&vm, 0, sizeof(vm));
    vm.vcpus = 1 + take_below(bytes, SYSTEM_MAX_VCPUS);
    vm.memory_base = take(bytes, 5) & ~UINT64_C(0x1FFFFF);
    vm.memory_mib = 2 * (1 + (uint32_t)take(bytes, 2));
    vm.timers = (enum timer_mode)take_below(bytes, TIMERS_PRECISE + 1);
    if (take_below(bytes, 2) != 0) {
        vm.initrd = (struct blob){image, take(bytes, 4)};
        vm.initrd_address = take(bytes, 5);
    }
    take_text(bytes, bootargs, take(bytes, 2) % sizeof(bootargs));
    vm.bootargs = bootargs;
    take_text(bytes, compatible, take_below(bytes, sizeof(compatible)));
    entropy = take_below(bytes, 2) != 0;
}

static struct device uart = {.base = GUEST_UART_BASE, .size = GUEST_UART_SIZE, .describe = guest_tree_uart};
static struct device rtc = {.base = GUEST_RTC_BASE, .size = GUEST_RTC_SIZE, .describe = guest_tree_rtc};
static struct device *const devices[] = {&uart, &rtc};

static void expect_sound(const void *tree, size_t size)
{
    int chosen, length;
    const char *text;

    if (fdt_check_full(tree, size) != 0 || fdt_totalsize(tree) != size)
        abort();
    chosen = fdt_path_offset(tree, "/chosen");
    text = fdt_getprop(tree, chosen, "bootargs", &length);
    if (bootargs[0] == '\0' ? text != NULL : text == NULL || strcmp(text, bootargs) != 0)
        abort();
    text = fdt_getprop(tree, chosen, "kaslr-seed", &length);
    if (text == NULL || length != GUEST_TREE_KASLR_SEED_SIZE)
        abort();
    text = fdt_getprop(tree, chosen, "rng-seed", &length);
    if (entropy ? text == NULL || length != GUEST_TREE_RNG_SEED_SIZE : text != NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    size_t room = take_below(&bytes, 2) != 0 ? (size_t)take(&bytes, 2) : GUEST_TREE_SIZE;
    struct guest_tree_facts facts = {.vm = &vm, .cpu_compatible = compatible};
    uint8_t *tree = aligned_alloc(8, (room + 7) & ~(size_t)7);
    size_t got;

    if (tree == NULL)
        return 0;
    facts.gic_version = 2 + take_below(&bytes, 2);
    facts.devices = devices;
    facts.device_count = 1 + take_below(&bytes, 2);
    take_vm(&bytes);
    facts.entropy = entropy;
    got = guest_tree_build(tree, room, &facts);
    if (got > room || (got == 0 && room == GUEST_TREE_SIZE))
        abort();
    if (got != 0)
        expect_sound(tree, got);
    free(tree);
    return 0;
}
