/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's UART: its registers, both directions, its interrupts; then random accesses and input against a
 * model of the device. Console and virtual GIC are stand-ins, which note what they are told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "base/memory.h"
#include "devices/vgic.h"
#include "devices/vuart.h"
#include "random.h"

#define DR     0x00
#define FR     0x18
#define IBRD   0x24
#define FBRD   0x28
#define LCR_H  0x2C
#define CR     0x30
#define IFLS   0x34
#define IMSC   0x38
#define RIS    0x3C
#define MIS    0x40
#define ICR    0x44
#define DMACR  0x48
#define ID     0xFE0
#define END    0x1000
#define CTS    0x01
#define RXFE   0x10
#define TXFF   0x20
#define RXFF   0x40
#define TXFE   0x80
#define RX     0x010
#define TX     0x020
#define RT     0x040
#define OE     0x400
#define VCPUS  2
#define FIFO   1024
#define LINES  100
#define STEPS  200000
#define UNREAD 0x5A5A5A5A5A5A5A5A

static const struct vm_config config = {.name = "alpha", .console_raw = true};
static struct vcpu vcpus[VCPUS];
static struct vm vm;
static struct vuart memory;
static struct vuart *uart;
static console_deliver *deliver_to_it;

static struct {
    bool line;
    unsigned changes;
    struct vcpu *told;
    char put[LINES];
    unsigned puts;
    bool full; /* the console */
} seen;

static bool lock_is_held(void)
{
    return spin_is_held(&memory.lock);
}

void vgic_set_line(struct vcpu *vcpu, unsigned intid, bool level)
{
    assert_int_equal(intid, GUEST_INTID_UART);
    assert_true(lock_is_held());
    assert_int_not_equal(level, seen.line); /* told of changes only */
    seen.line = level;
    seen.changes++;
    seen.told = vcpu;
}

bool console_has_room(void)
{
    return !seen.full;
}

bool console_put(struct console_source *source, char c)
{
    assert_ptr_equal(source, &uart->console);
    if (seen.full)
        return false;
    seen.put[seen.puts++ % LINES] = c;
    return true;
}

void console_add(struct console_source *source, const char *name, console_deliver *deliver)
{
    assert_ptr_equal(source, &memory.console);
    assert_int_equal(source->raw, config.console_raw);
    assert_string_equal(name, config.name);
    deliver_to_it = deliver;
}

void *memory_allocate(size_t size)
{
    assert_int_equal(size, sizeof(memory));
    memset(&memory, 0, sizeof(memory));
    return &memory;
}

static int setup(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    memset(vcpus, 0, sizeof(vcpus));
    vm = (struct vm){.config = &config, .vcpus = vcpus, .vcpu_count = VCPUS};
    for (unsigned i = 0; i < VCPUS; i++)
        vcpus[i].vm = &vm;
    uart = vm.uart = vuart_create(&vm);
    return 0;
}

static uint64_t read_sized(uint64_t offset, unsigned size)
{
    struct mmio_access access = {.offset = offset, .size = size, .value = UNREAD};

    assert_true(uart->device.access(&vcpus[0], &access));
    assert_false(lock_is_held());
    return access.value;
}

static uint32_t get(uint64_t offset)
{
    uint64_t value = read_sized(offset, 4);

    assert_int_equal(value >> 32, 0);
    return (uint32_t)value;
}

static void write_sized(uint64_t offset, unsigned size, uint64_t value)
{
    struct mmio_access access = {.offset = offset, .size = size, .write = true, .value = value};

    assert_true(uart->device.access(&vcpus[0], &access));
    assert_false(lock_is_held());
}

static void set(uint64_t offset, uint32_t value)
{
    write_sized(offset, 4, value);
}

static void type(char c)
{
    deliver_to_it(&uart->console, c);
    assert_false(lock_is_held());
}

static void type_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        type((char)(i % 251));
}

static uint32_t after_reset(uint64_t offset)
{
    switch (offset) {
    case FR:
        return CTS | RXFE | TXFE;
    case CR:
        return 0x300;
    case IFLS:
        return 0x12;
    default:
        return 0;
    }
}

/* All but the register at `except`. */
static void expect_reset_but(uint64_t except)
{
    for (uint64_t offset = 0; offset < ID; offset += 4)
        if (offset != except)
            assert_int_equal(get(offset), after_reset(offset));
}

static void expect_reset(void)
{
    expect_reset_but(END);
}

static void a_new_one_is_reset(void **state)
{
    (void)state;
    assert_ptr_equal(uart, &memory);
    assert_ptr_equal(uart->vm, &vm);
    expect_reset();
    assert_int_equal(seen.changes, 0);
}

static void reset_forgets_everything(void **state)
{
    (void)state;
    type_many(FIFO + 1);
    (void)get(DR);
    for (uint64_t offset = IBRD; offset <= DMACR; offset += 4)
        if (offset != ICR)
            set(offset, UINT32_MAX);
    set(DR, 'x');
    assert_true(seen.line);
    uart->device.reset(&uart->device);
    expect_reset();
    assert_int_equal(seen.changes, 1); /* the vGIC is reset as well */
    /* What comes then is the first. */
    seen.line = false;
    set(IMSC, RX);
    type('a');
    assert_true(seen.line);
    assert_int_equal(get(DR), 'a');
    assert_int_equal(get(FR), CTS | RXFE | TXFE);
}

static void registers_hold_what_they_have_bits_for(void **state)
{
    static const struct {
        uint64_t offset;
        uint32_t bits;
    } registers[] = {{IBRD, 0xFFFF}, {FBRD, 0x3F},  {LCR_H, 0xFF}, {CR, 0xFFFF},
                     {IFLS, 0x3F},   {IMSC, 0x7FF}, {DMACR, 7}};

    (void)state;
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        uint64_t offset = registers[i].offset;

        set(offset, UINT32_MAX);
        assert_int_equal(get(offset), registers[i].bits);
        expect_reset_but(offset);
        for (uint32_t bit = 1; bit != 0; bit <<= 1) {
            set(offset, bit);
            assert_int_equal(get(offset), bit & registers[i].bits);
        }
        set(offset, after_reset(offset));
        expect_reset();
    }
}

static bool can_be_written(uint64_t offset)
{
    return offset == DR || (offset >= IBRD && offset <= IMSC) || offset == ICR || offset == DMACR;
}

static void other_registers_ignore_writes(void **state)
{
    (void)state;
    for (uint64_t offset = 0; offset < END; offset += 4)
        if (!can_be_written(offset))
            set(offset, UINT32_MAX);
    expect_reset();
    assert_int_equal(seen.puts | seen.changes, 0);
}

static void it_is_a_pl011(void **state)
{
    static const uint8_t identification[] = {0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1};

    (void)state;
    for (unsigned i = 0; i < sizeof(identification); i++)
        assert_int_equal(get(ID + 4 * i), identification[i]);
    assert_int_equal(get(ID - 4), 0);
    assert_int_equal(get(END), 0);
}

static void accesses_may_be_narrow_but_not_wide(void **state)
{
    struct mmio_access access = {.offset = DR, .size = 8, .value = UNREAD};

    (void)state;
    type('a');
    assert_false(uart->device.access(&vcpus[0], &access));
    assert_int_equal(access.value, UNREAD);
    access.write = true;
    assert_false(uart->device.access(&vcpus[0], &access));
    assert_int_equal(seen.puts, 0);
    assert_false(lock_is_held());

    write_sized(IBRD, 2, 0x1234);
    assert_int_equal(read_sized(IBRD, 2), 0x1234);
    assert_int_equal(read_sized(IBRD, 1), 0x1234); /* whoever asks takes the lower bytes of it */
    write_sized(FBRD, 1, 0x2A);
    assert_int_equal(read_sized(FBRD, 1), 0x2A);
    write_sized(IBRD, 4, 0xABCDEF0100005678);
    assert_int_equal(get(IBRD), 0x5678);
    assert_int_equal(read_sized(DR, 1), 'a');
}

static void a_register_is_four_bytes(void **state)
{
    (void)state;
    set(IBRD, 0x24);
    set(FBRD, 0x28);
    for (uint64_t byte = 1; byte < 4; byte++) {
        assert_int_equal(read_sized(IBRD + byte, 1), 0x24);
        assert_int_equal(read_sized(FBRD + byte, 1), 0x28);
        write_sized(LCR_H + byte, 1, byte);
        assert_int_equal(get(LCR_H), byte);
        assert_int_equal(get(CR), 0x300);
    }
    assert_int_equal(get(FBRD), 0x28);
}

static void output_goes_to_the_console(void **state)
{
    (void)state;
    set(DR, 'a');
    set(DR, 0xFFFFFF00u | 'b');
    write_sized(DR, 1, '\n');
    assert_int_equal(seen.puts, 3);
    assert_memory_equal(seen.put, "ab\n", 3);
    assert_int_equal(get(RIS), TX);
    assert_int_equal(get(DR), 0); /* not what was sent */
    assert_int_equal(get(IBRD), 0);
}

static void a_full_console_is_a_full_fifo(void **state)
{
    (void)state;
    seen.full = true;
    assert_int_equal(get(FR), CTS | RXFE | TXFF);
    set(DR, 'a');
    assert_int_equal(seen.puts, 0);
    assert_int_equal(get(RIS), TX);
    seen.full = false;
    assert_int_equal(get(FR), CTS | RXFE | TXFE);
    set(DR, 'b');
    assert_int_equal(seen.puts, 1);
    assert_int_equal(seen.put[0], 'b');
}

static void input_waits_in_the_fifo(void **state)
{
    (void)state;
    type('a');
    type((char)0xC3);
    assert_int_equal(get(FR), CTS | TXFE);
    assert_int_equal(get(RIS), RX | RT);
    assert_int_equal(get(DR), 'a');
    assert_int_equal(get(FR), CTS | TXFE);
    assert_int_equal(get(RIS), RX | RT);
    assert_int_equal(get(DR), 0xC3);
    assert_int_equal(get(FR), CTS | RXFE | TXFE);
    assert_int_equal(get(RIS), 0);
    assert_int_equal(get(DR), 0);
    type('b');
    assert_int_equal(get(DR), 'b');
}

static void the_fifo_holds_1024(void **state)
{
    (void)state;
    type_many(FIFO - 1);
    assert_int_equal(get(FR), CTS | TXFE);
    assert_int_equal(get(DR), 0);
    type((char)200);
    type((char)201);
    assert_int_equal(get(FR), CTS | RXFF | TXFE);
    assert_int_equal(get(RIS), RX | RT);
    type((char)202); /* lost */
    assert_int_equal(get(FR), CTS | RXFF | TXFE);
    assert_int_equal(get(RIS), RX | RT | OE);
    for (unsigned i = 1; i < FIFO - 1; i++)
        assert_int_equal(get(DR), i % 251);
    assert_int_equal(get(DR), 200);
    assert_int_equal(get(DR), 201);
    assert_int_equal(get(FR), CTS | RXFE | TXFE);
    assert_int_equal(get(RIS), OE);
}

/* The console sends no more when the next character would be lost, and again when half the FIFO is free. */
static void a_full_fifo_is_told_and_that_it_is_half_empty(void **state)
{
    (void)state;
    type_many(FIFO - 1);
    assert_false(uart->console.full);
    type('x');
    assert_true(uart->console.full);
    for (unsigned i = 0; i < FIFO / 2 - 1; i++)
        (void)get(DR);
    assert_true(uart->console.full);
    (void)get(DR);
    assert_false(uart->console.full);
    (void)get(DR);
    type_many(FIFO / 2 + 1);
    assert_true(uart->console.full);
    uart->device.reset(&uart->device);
    assert_false(uart->console.full);
}

static void interrupts_are_cleared_one_by_one(void **state)
{
    static const uint32_t bits[] = {RX, RT, TX, OE};
    uint32_t left = RX | RT | TX | OE;

    (void)state;
    set(DR, 'a');
    type_many(FIFO + 1);
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        assert_int_equal(get(RIS), left);
        set(ICR, ~left);
        assert_int_equal(get(RIS), left);
        assert_int_equal(get(DMACR), 0);
        set(ICR, bits[i]);
        left &= ~bits[i];
    }
    assert_int_equal(get(RIS), 0);
    assert_int_equal(get(ICR), 0);
    assert_int_equal(get(FR), CTS | RXFF | TXFE); /* the characters stay */
}

static void the_line_follows_what_is_not_masked(void **state)
{
    (void)state;
    set(DR, 'a');
    type('b');
    assert_int_equal(seen.changes, 0);
    assert_int_equal(get(MIS), 0);
    for (uint32_t bit = 1; bit <= 0x400; bit <<= 1) {
        uint32_t pending = bit & (RX | RT | TX);

        set(IMSC, bit);
        assert_int_equal(get(MIS), pending);
        assert_int_equal(seen.line, pending != 0);
        set(IMSC, 0);
        assert_int_equal(get(MIS), 0);
        assert_false(seen.line);
    }
    assert_int_equal(seen.changes, 6);
    assert_ptr_equal(seen.told, &vcpus[0]);
}

static void the_line_is_told_once_a_change(void **state)
{
    (void)state;
    set(IMSC, RX | RT | TX);
    type('a');
    assert_int_equal(seen.changes, 1);
    type('b');
    set(DR, 'c');
    assert_int_equal(seen.changes, 1);
    set(ICR, TX);
    (void)get(DR);
    assert_true(seen.line);
    (void)get(DR); /* the last one */
    assert_false(seen.line);
    assert_int_equal(seen.changes, 2);
    set(DR, 'd');
    set(ICR, UINT32_MAX);
    assert_int_equal(seen.changes, 4);
}

static void it_tells_who_asked_and_else_the_first(void **state)
{
    struct mmio_access access = {.offset = IMSC, .size = 4, .write = true, .value = RX | TX};

    (void)state;
    assert_true(uart->device.access(&vcpus[1], &access));
    type('a');
    assert_ptr_equal(seen.told, &vcpus[0]);
    access.write = false;
    access.offset = DR;
    assert_true(uart->device.access(&vcpus[1], &access));
    assert_int_equal(access.value, 'a');
    assert_ptr_equal(seen.told, &vcpus[1]);
    assert_int_equal(seen.changes, 2);
}

/* The device: what of it a guest can tell. */
static struct {
    uint8_t fifo[FIFO];
    unsigned count;
    uint32_t raw, mask;
    unsigned puts;
} model;

static void model_type(struct random *random)
{
    uint8_t c = (uint8_t)random_below(random, 256);

    type((char)c);
    if (model.count == FIFO) {
        model.raw |= OE;
        return;
    }
    model.fifo[model.count++] = c;
    model.raw |= RX | RT;
}

static void model_read(void)
{
    assert_int_equal(get(DR), model.count != 0 ? model.fifo[0] : 0);
    if (model.count == 0)
        return;
    memmove(model.fifo, model.fifo + 1, --model.count);
    if (model.count == 0)
        model.raw &= ~(uint32_t)(RX | RT);
}

static void model_write(struct random *random)
{
    uint32_t value = (uint32_t)random_below(random, UINT64_C(1) << 32);

    switch (random_below(random, 4)) {
    case 0:
        set(DR, value);
        model.raw |= TX;
        model.puts += !seen.full;
        break;
    case 1:
        set(IMSC, value);
        model.mask = value & 0x7FF;
        break;
    case 2:
        set(ICR, value);
        model.raw &= ~value;
        break;
    default:
        seen.full = !seen.full;
    }
}

static void it_is_as_the_model(void **state)
{
    struct random random = {1};
    bool filling = true;

    (void)state;
    memset(&model, 0, sizeof(model));
    for (unsigned i = 0; i < STEPS; i++) {
        if (random_below(&random, 3000) == 0)
            filling = !filling; /* up to the full FIFO, and down again */
        if (random_below(&random, 4) == 0)
            model_write(&random);
        else if (random_below(&random, 10) < 8 ? filling : !filling)
            model_type(&random);
        else
            model_read();
        assert_int_equal(get(RIS), model.raw);
        assert_int_equal(get(MIS), model.raw & model.mask);
        assert_int_equal(seen.line, (model.raw & model.mask) != 0);
        assert_int_equal(get(FR), CTS | (model.count == 0 ? RXFE : 0) | (model.count == FIFO ? RXFF : 0) |
                                      (seen.full ? TXFF : TXFE));
        assert_int_equal(seen.puts, model.puts);
    }
    assert_true(model.puts > STEPS / 100 && seen.changes > STEPS / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_new_one_is_reset, setup),
        cmocka_unit_test_setup(reset_forgets_everything, setup),
        cmocka_unit_test_setup(registers_hold_what_they_have_bits_for, setup),
        cmocka_unit_test_setup(other_registers_ignore_writes, setup),
        cmocka_unit_test_setup(it_is_a_pl011, setup),
        cmocka_unit_test_setup(accesses_may_be_narrow_but_not_wide, setup),
        cmocka_unit_test_setup(a_register_is_four_bytes, setup),
        cmocka_unit_test_setup(output_goes_to_the_console, setup),
        cmocka_unit_test_setup(a_full_console_is_a_full_fifo, setup),
        cmocka_unit_test_setup(input_waits_in_the_fifo, setup),
        cmocka_unit_test_setup(the_fifo_holds_1024, setup),
        cmocka_unit_test_setup(a_full_fifo_is_told_and_that_it_is_half_empty, setup),
        cmocka_unit_test_setup(interrupts_are_cleared_one_by_one, setup),
        cmocka_unit_test_setup(the_line_follows_what_is_not_masked, setup),
        cmocka_unit_test_setup(the_line_is_told_once_a_change, setup),
        cmocka_unit_test_setup(it_tells_who_asked_and_else_the_first, setup),
        cmocka_unit_test_setup(it_is_as_the_model, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
