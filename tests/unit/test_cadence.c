/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the Cadence UART against a model of it: two FIFOs behind one register, whose state SR shows,
 * and interrupts that stay pending in ISR until they are cleared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "drivers/uart.h"
#include "fake_registers.h"

#define BASE UINT64_C(0xFF000000)
#define SIZE 0x1000

#define CR    (BASE + 0x00)
#define MR    (BASE + 0x04)
#define IER   (BASE + 0x08)
#define IDR   (BASE + 0x0C)
#define ISR   (BASE + 0x14)
#define BRGR  (BASE + 0x18)
#define RTRIG (BASE + 0x20)
#define SR    (BASE + 0x2C)
#define FIFO  (BASE + 0x30)

#define CR_RXEN    (1u << 2)
#define CR_TXEN    (1u << 4)
#define INT_RTRIG  (1u << 0)
#define INT_TEMPTY (1u << 3)
#define SR_REMPTY  (1u << 1)
#define SR_TFUL    (1u << 4)
#define FIFO_SIZE  64

static const struct uart_registers registers = {BASE, 0, 0};

static unsigned transmit, receive; /* characters in the FIFOs */
static uint32_t last_sent, mask, pending;
static unsigned drains_at_read, comes_at_read; /* at which read of SR, counted down; 0: none */

static void drain(void)
{
    transmit = 0;
    pending |= INT_TEMPTY;
}

static void come(void)
{
    receive++;
    pending |= INT_RTRIG;
}

static uint32_t on_read(uint64_t address, uint32_t value)
{
    if (address == FIFO) {
        assert_true(receive > 0);
        receive--;
        return 'r';
    }
    if (address != SR)
        return value;
    value = (receive == 0 ? SR_REMPTY : 0) | (transmit == FIFO_SIZE ? SR_TFUL : 0);
    if (drains_at_read != 0 && --drains_at_read == 0)
        drain();
    if (comes_at_read != 0 && --comes_at_read == 0)
        come();
    return value;
}

static void on_write(uint64_t address, uint32_t value)
{
    if (address == FIFO) {
        assert_true(transmit < FIFO_SIZE);
        transmit++;
        last_sent = value;
    } else if (address == IER) {
        mask |= value;
    } else if (address == IDR) {
        mask &= ~value;
    } else if (address == ISR) {
        pending &= ~value;
    }
}

static bool interrupts(void)
{
    return (mask & pending) != 0;
}

static int setup(void **state)
{
    (void)state;
    transmit = receive = drains_at_read = comes_at_read = 0;
    mask = 0x1FFF;
    pending = 0x1FFF;
    fake_registers_reset();
    fake_device(BASE, SIZE);
    (void)arch_map_device(BASE, SIZE);
    fake_device_hooks((struct fake_device_hooks){.read = on_read, .written = on_write});
    cadence_driver.init(&registers);
    fake_log_clear();
    return 0;
}

static void init_enables_the_interrupt_for_each_character_received(void **state)
{
    (void)state;
    assert_int_equal(mask, INT_RTRIG);
    assert_false(interrupts());
    assert_int_equal(fake_device_get(RTRIG), 1);
    assert_int_equal(fake_device_get(CR), CR_RXEN | CR_TXEN);
    come();
    assert_true(interrupts());
}

static void init_leaves_speed_and_format(void **state)
{
    (void)state;
    fake_device_set(MR, 0x20);
    fake_device_set(BRGR, 0x7C);
    cadence_driver.init(&registers);
    assert_int_equal(fake_device_get(MR), 0x20);
    assert_int_equal(fake_device_get(BRGR), 0x7C);
}

static void put_sends_eight_bits_until_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(cadence_driver.put((char)0xE9));
    assert_int_equal(last_sent, 0xE9);
    assert_false(cadence_driver.put('y'));
    transmit--;
    assert_true(cadence_driver.put('z'));
    assert_int_equal(last_sent, 'z');
}

static void get_takes_until_empty(void **state)
{
    (void)state;
    char c = 0;

    come();
    come();
    assert_true(cadence_driver.get(&c));
    assert_int_equal(c, 'r');
    assert_true(interrupts());
    assert_true(cadence_driver.get(&c));
    assert_false(cadence_driver.get(&c));
    assert_false(interrupts());
}

/* A character comes between the look at the FIFO and the end of the interrupt. */
static void a_character_that_comes_meanwhile_is_taken(void **state)
{
    (void)state;
    char c = 0;

    comes_at_read = 1;
    assert_true(cadence_driver.get(&c));
    comes_at_read = 2;
    assert_false(cadence_driver.get(&c));
    assert_true(interrupts());
}

static void space_interrupts_when_the_fifo_is_empty(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(cadence_driver.put('x'));
    assert_false(cadence_driver.put('y'));
    cadence_driver.want_space(true);
    assert_false(interrupts());
    drain();
    assert_true(interrupts());
    cadence_driver.want_space(false);
    assert_false(interrupts());
}

/* The FIFO becomes empty between the look at it and want_space(): at the first look, or at the second. */
static void a_fifo_that_drains_meanwhile_is_not_missed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(cadence_driver.put('x'));
    drains_at_read = 1;
    assert_true(cadence_driver.put('y'));
    while (transmit < FIFO_SIZE)
        assert_true(cadence_driver.put('x'));
    drains_at_read = 2;
    assert_false(cadence_driver.put('z'));
    cadence_driver.want_space(true);
    assert_true(interrupts());
}

static void space_interrupts_when_nothing_was_sent(void **state)
{
    (void)state;
    cadence_driver.want_space(true);
    assert_true(interrupts());
}

/* The console may ask for space though there is some. */
static void space_interrupts_when_the_fifo_was_empty_before(void **state)
{
    (void)state;
    assert_true(cadence_driver.put('x'));
    drain();
    cadence_driver.want_space(true);
    assert_true(interrupts());
}

static void input_is_stopped_and_goes_on(void **state)
{
    (void)state;
    come();
    cadence_driver.want_input(false);
    assert_false(interrupts());
    cadence_driver.want_input(true);
    assert_true(interrupts());
}

static void wanting_the_same_costs_no_access(void **state)
{
    (void)state;
    cadence_driver.want_space(false);
    cadence_driver.want_input(true);
    fake_log_has_no_writes();
    cadence_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE32(IER, INT_TEMPTY));
    cadence_driver.want_space(true);
    fake_log_has_no_writes();
    cadence_driver.want_space(false);
    FAKE_LOG_IS(DEVICE_WRITE32(IDR, INT_TEMPTY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_enables_the_interrupt_for_each_character_received, setup),
        cmocka_unit_test_setup(init_leaves_speed_and_format, setup),
        cmocka_unit_test_setup(put_sends_eight_bits_until_full, setup),
        cmocka_unit_test_setup(get_takes_until_empty, setup),
        cmocka_unit_test_setup(a_character_that_comes_meanwhile_is_taken, setup),
        cmocka_unit_test_setup(space_interrupts_when_the_fifo_is_empty, setup),
        cmocka_unit_test_setup(a_fifo_that_drains_meanwhile_is_not_missed, setup),
        cmocka_unit_test_setup(space_interrupts_when_nothing_was_sent, setup),
        cmocka_unit_test_setup(space_interrupts_when_the_fifo_was_empty_before, setup),
        cmocka_unit_test_setup(input_is_stopped_and_goes_on, setup),
        cmocka_unit_test_setup(wanting_the_same_costs_no_access, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
