/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_registers.h. Device registers are words in a table that is searched from its beginning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "base/arch.h"
#include "device_access.h"
#include "fake_registers.h"
#include "sysreg.h"

#define DEVICES   16
#define WORDS     8192
#define SYSREGS   64
#define ACCESSES  16384
#define PAIRS     32
#define DUMP_SIZE 100

struct device {
    uint64_t start, size;
    bool mappable;
};

struct word {
    uint64_t address;
    uint32_t value;
};

struct set_clear {
    uint64_t set, clear;
    unsigned count;
};

static struct {
    struct device devices[DEVICES], mapped[DEVICES];
    unsigned device_count, mapped_count;
    struct word words[WORDS];
    unsigned word_count;
    struct set_clear pairs[PAIRS];
    unsigned pair_count;
    struct fake_device_hooks hooks;
    struct {
        const char *name;
        uint64_t value;
    } sysregs[SYSREGS];
    unsigned sysreg_count;
    struct fake_access log[ACCESSES];
    unsigned log_count;
} fake;

void fake_registers_reset(void)
{
    memset(&fake, 0, sizeof(fake));
}

static bool is_in(const struct device *devices, unsigned count, uint64_t address, uint64_t size)
{
    for (unsigned i = 0; i < count; i++)
        if (address >= devices[i].start && address - devices[i].start < devices[i].size &&
            devices[i].size - (address - devices[i].start) >= size)
            return true;
    return false;
}

void fake_device(uint64_t start, uint64_t size)
{
    assert_true(fake.device_count < DEVICES);
    fake.devices[fake.device_count++] = (struct device){start, size, true};
}

void fake_device_unmappable(uint64_t start)
{
    for (unsigned i = 0; i < fake.device_count; i++)
        if (fake.devices[i].start == start)
            fake.devices[i].mappable = false;
}

bool arch_map_device(uint64_t start, uint64_t size)
{
    for (unsigned i = 0; i < fake.device_count; i++)
        if (fake.devices[i].start == start && !fake.devices[i].mappable)
            return false;
    if (is_in(fake.mapped, fake.mapped_count, start, size))
        return true;
    assert_true(fake.mapped_count < DEVICES);
    fake.mapped[fake.mapped_count++] = (struct device){start, size, true};
    return true;
}

static uint32_t *word_at(uint64_t address)
{
    if (!is_in(fake.devices, fake.device_count, address, 4))
        fail_msg("there is no register at 0x%llx", (unsigned long long)address);
    for (unsigned i = 0; i < fake.word_count; i++)
        if (fake.words[i].address == address)
            return &fake.words[i].value;
    assert_true(fake.word_count < WORDS);
    fake.words[fake.word_count].address = address;
    return &fake.words[fake.word_count++].value;
}

void fake_device_set(uint64_t address, uint32_t value)
{
    *word_at(address) = value;
}

uint32_t fake_device_get(uint64_t address)
{
    return *word_at(address);
}

void fake_device_set_clear(uint64_t set, uint64_t clear, unsigned count)
{
    assert_true(fake.pair_count < PAIRS);
    fake.pairs[fake.pair_count++] = (struct set_clear){set, clear, count};
}

void fake_device_hooks(struct fake_device_hooks hooks)
{
    fake.hooks = hooks;
}

static void note(struct fake_access access)
{
    assert_true(fake.log_count < ACCESSES);
    fake.log[fake.log_count++] = access;
}

static void check_access(uint64_t address, unsigned size)
{
    if (!is_in(fake.mapped, fake.mapped_count, address, size))
        fail_msg("the register at 0x%llx is not mapped", (unsigned long long)address);
    if (address % size != 0)
        fail_msg("0x%llx is not aligned for %u bytes", (unsigned long long)address, size);
}

/* The bits of a pair are kept at the address of its setting half. */
static const struct set_clear *pair_of(uint64_t address, uint64_t *set_address, bool *clears)
{
    for (unsigned i = 0; i < fake.pair_count; i++) {
        const struct set_clear *pair = &fake.pairs[i];

        *clears = address - pair->clear < UINT64_C(4) * pair->count;
        if (!*clears && address - pair->set >= UINT64_C(4) * pair->count)
            continue;
        *set_address = *clears ? pair->set + (address - pair->clear) : address;
        return pair;
    }
    return NULL;
}

uint32_t device_read32(uint64_t address)
{
    uint64_t set_address;
    bool clears;
    uint32_t value;

    check_access(address, 4);
    value = *word_at(pair_of(address, &set_address, &clears) != NULL ? set_address : address);
    if (fake.hooks.read != NULL)
        value = fake.hooks.read(address, value);
    note(DEVICE_READ32(address, value));
    return value;
}

void device_write32(uint64_t address, uint32_t value)
{
    uint64_t set_address;
    bool clears;

    check_access(address, 4);
    note(DEVICE_WRITE32(address, value));
    if (pair_of(address, &set_address, &clears) == NULL)
        *word_at(address) = value;
    else if (clears)
        *word_at(set_address) &= ~value;
    else
        *word_at(set_address) |= value;
    if (fake.hooks.written != NULL)
        fake.hooks.written(address, value);
}

uint8_t device_read8(uint64_t address)
{
    unsigned shift = 8 * (unsigned)(address % 4);
    uint32_t value = *word_at(address & ~UINT64_C(3)) >> shift & 0xFF;

    check_access(address, 1);
    if (fake.hooks.read != NULL)
        value = fake.hooks.read(address, value);
    note(DEVICE_READ8(address, value));
    return (uint8_t)value;
}

void device_write8(uint64_t address, uint8_t value)
{
    unsigned shift = 8 * (unsigned)(address % 4);
    uint32_t *word = word_at(address & ~UINT64_C(3));

    check_access(address, 1);
    note(DEVICE_WRITE8(address, value));
    *word = (*word & ~(UINT32_C(0xFF) << shift)) | (uint32_t)value << shift;
    if (fake.hooks.written != NULL)
        fake.hooks.written(address, value);
}

void device_write64(uint64_t address, uint64_t value)
{
    check_access(address, 8);
    note(DEVICE_WRITE64(address, value));
    *word_at(address) = (uint32_t)value;
    *word_at(address + 4) = (uint32_t)(value >> 32);
}

static uint64_t *sysreg(const char *name)
{
    for (unsigned i = 0; i < fake.sysreg_count; i++)
        if (strcmp(fake.sysregs[i].name, name) == 0)
            return &fake.sysregs[i].value;
    return NULL;
}

static uint64_t *needed_sysreg(const char *name)
{
    uint64_t *value = sysreg(name);

    if (value == NULL)
        fail_msg("this CPU has no register %s", name);
    return value;
}

void fake_sysreg(const char *name, uint64_t value)
{
    uint64_t *known = sysreg(name);

    if (known == NULL) {
        assert_true(fake.sysreg_count < SYSREGS);
        fake.sysregs[fake.sysreg_count].name = name;
        known = &fake.sysregs[fake.sysreg_count++].value;
    }
    *known = value;
}

uint64_t fake_sysreg_get(const char *name)
{
    return *needed_sysreg(name);
}

uint64_t fake_sysreg_read(const char *name)
{
    uint64_t value = *needed_sysreg(name);

    note(SYSREG_READ(name, value));
    return value;
}

void fake_sysreg_write(const char *name, uint64_t value)
{
    note(SYSREG_WRITE(name, value));
    *needed_sysreg(name) = value;
}

void fake_barrier(const char *instruction)
{
    note(BARRIER(instruction));
}

void fake_log_clear(void)
{
    fake.log_count = 0;
}

static bool is_like(const struct fake_access *a, const struct fake_access *b)
{
    if (a->kind != b->kind || (a->name == NULL) != (b->name == NULL) || a->value != b->value)
        return false;
    if (a->name != NULL)
        return strcmp(a->name, b->name) == 0;
    return a->address == b->address && a->size == b->size;
}

static const char *as_text(const struct fake_access *access)
{
    static char text[DUMP_SIZE];
    const char *kind = access->kind == FAKE_READ ? "read" : "write";

    if (access->kind == FAKE_BARRIER)
        (void)snprintf(text, sizeof(text), "%s", access->name);
    else if (access->name != NULL)
        (void)snprintf(text, sizeof(text), "%s %s 0x%llx", kind, access->name,
                       (unsigned long long)access->value);
    else
        (void)snprintf(text, sizeof(text), "%s%u 0x%llx 0x%llx", kind, 8 * access->size,
                       (unsigned long long)access->address, (unsigned long long)access->value);
    return text;
}

void fake_log_is(const struct fake_access *expected, unsigned count, const char *file, int line)
{
    unsigned matched = 0;
    bool good = true;

    for (unsigned i = 0; i < fake.log_count && good; i++) {
        if (matched < count && is_like(&fake.log[i], &expected[matched]))
            matched++;
        else
            good = fake.log[i].kind == FAKE_READ;
    }
    if (!good || matched != count) {
        for (unsigned i = 0; i < count; i++)
            print_error("expected: %s\n", as_text(&expected[i]));
        for (unsigned i = 0; i < fake.log_count; i++)
            print_error("done:     %s\n", as_text(&fake.log[i]));
        _assert_true(0, "accesses as expected", file, line);
    }
    fake_log_clear();
}

void fake_log_has_no_writes(void)
{
    for (unsigned i = 0; i < fake.log_count; i++)
        if (fake.log[i].kind == FAKE_WRITE)
            fail_msg("unexpected: %s", as_text(&fake.log[i]));
}

unsigned fake_log_count(struct fake_access access)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake.log_count; i++)
        count += is_like(&fake.log[i], &access);
    return count;
}

unsigned fake_log_first(struct fake_access access)
{
    for (unsigned i = 0; i < fake.log_count; i++)
        if (is_like(&fake.log[i], &access))
            return i;
    fail_msg("missing: %s", as_text(&access));
    return 0;
}

unsigned fake_log_last(struct fake_access access)
{
    for (unsigned i = fake.log_count; i > 0; i--)
        if (is_like(&fake.log[i - 1], &access))
            return i - 1;
    fail_msg("missing: %s", as_text(&access));
    return 0;
}
