/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the 16550A and its kin against a model of them: FIFOs behind one register, whose state LSR
 * shows, and interrupts that last as long as their reason, enabled in IER. The registers lie as the test
 * says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "drivers/uart.h"
#include "fake_registers.h"

#define BASE UINT64_C(0xFE215000)
#define SIZE 0x1000

#define DATA 0
#define IER  1
#define IIR  2
#define FCR  2
#define LCR  3
#define MCR  4
#define LSR  5
#define USR  31

#define IER_RX    (1u << 0)
#define IER_TX    (1u << 1)
#define IER_BCM   0x0Cu
#define LSR_DATA  (1u << 0)
#define LSR_SPACE (1u << 5)
#define MCR_OUT2  (1u << 3)

static struct uart_registers registers;
static unsigned transmit, receive; /* characters in the FIFOs */
static unsigned fifo;              /* characters that fit */
static bool any_room;              /* LSR tells of room for one character; else of an empty FIFO */
static uint32_t last_sent, ier;
static bool fifos_on;
static unsigned usr_reads;

static unsigned number_of(uint64_t address)
{
    assert_int_equal((address - BASE) % (1u << registers.shift), 0);
    return (unsigned)(address - BASE) >> registers.shift;
}

static uint32_t on_read(uint64_t address, uint32_t value)
{
    switch (number_of(address)) {
    case DATA:
        assert_true(receive > 0);
        receive--;
        return 'r';
    case IIR:
        return fifos_on && fifo > 1 ? 0xC1 : 0x01;
    case LSR:
        return (receive != 0 ? LSR_DATA : 0) | ((any_room ? transmit < fifo : transmit == 0) ? LSR_SPACE : 0);
    case USR:
        usr_reads++;
        return 0;
    default:
        return value;
    }
}

static void on_write(uint64_t address, uint32_t value)
{
    switch (number_of(address)) {
    case DATA:
        assert_true(transmit < fifo);
        transmit++;
        last_sent = value;
        break;
    case IER:
        ier = value;
        break;
    case FCR:
        fifos_on = (value & 1) != 0;
        assert_int_equal(value & 0xC6, 0); /* the FIFOs keep what they have; the level is one character */
        break;
    case MCR:
        break;
    default:
        fail_msg("register %u is written", number_of(address));
    }
}

static bool interrupts(void)
{
    return ((ier & IER_RX) != 0 && receive != 0) || ((ier & IER_TX) != 0 && transmit == 0);
}

static void begin(const struct uart_driver *driver, unsigned shift, unsigned width, unsigned fifo_size)
{
    registers = (struct uart_registers){BASE, shift, width};
    transmit = receive = usr_reads = 0;
    fifo = fifo_size;
    any_room = fifos_on = false;
    ier = 0xFF;
    fake_registers_reset();
    fake_device(BASE, SIZE);
    (void)arch_map_device(BASE, SIZE);
    fake_device_hooks((struct fake_device_hooks){.read = on_read, .written = on_write});
    driver->init(&registers);
    fake_log_clear();
}

static int setup(void **state)
{
    (void)state;
    begin(&ns16550_driver, 0, 1, 16);
    return 0;
}

static void init_enables_the_interrupt_of_reception_only(void **state)
{
    (void)state;
    assert_int_equal(ier, IER_RX);
    assert_true(fifos_on);
    assert_int_equal(fake_device_get(BASE + MCR), MCR_OUT2);
    assert_int_equal(usr_reads, 0);
    assert_false(interrupts());
    receive = 1;
    assert_true(interrupts());
}

static void init_leaves_modem_lines(void **state)
{
    (void)state;
    fake_device_set(BASE + MCR, 0x03);
    ns16550_driver.init(&registers);
    assert_int_equal(fake_device_get(BASE + MCR), 0x0B);
}

static void registers_lie_as_the_tree_says(void **state)
{
    (void)state;
    assert_true(ns16550_driver.put('b'));
    FAKE_LOG_IS(DEVICE_WRITE8(BASE, 'b'));
    ns16550_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE8(BASE + 1, IER_RX | IER_TX));
    begin(&ns16550_driver, 2, 1, 16);
    ns16550_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE8(BASE + 4, IER_RX | IER_TX));
    begin(&ns16550_driver, 2, 4, 16);
    ns16550_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE32(BASE + 4, IER_RX | IER_TX));
    begin(&ns16550_driver, 0, 0, 16); /* no reg-io-width */
    ns16550_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE8(BASE + 1, IER_RX | IER_TX));
}

static void an_empty_fifo_takes_sixteen(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        assert_true(ns16550_driver.put((char)0xE9));
    assert_int_equal(last_sent, 0xE9);
    assert_false(ns16550_driver.put('y'));
    transmit = 1; /* LSR says nothing of space */
    assert_false(ns16550_driver.put('y'));
    transmit = 0;
    for (unsigned i = 0; i < 16; i++)
        assert_true(ns16550_driver.put('z'));
    assert_int_equal(last_sent, 'z');
}

/* What the firmware has put into the FIFO is sent first. */
static void init_waits_for_an_empty_fifo(void **state)
{
    (void)state;
    assert_true(ns16550_driver.put('x'));
    transmit = 10;
    ns16550_driver.init(&registers);
    assert_false(ns16550_driver.put('y'));
}

static void get_takes_until_empty(void **state)
{
    (void)state;
    char c = 0;

    receive = 2;
    assert_true(ns16550_driver.get(&c));
    assert_int_equal(c, 'r');
    assert_true(ns16550_driver.get(&c));
    assert_false(ns16550_driver.get(&c));
}

static void space_interrupts_when_all_is_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        assert_true(ns16550_driver.put('x'));
    ns16550_driver.want_space(true);
    assert_false(interrupts());
    transmit = 0;
    assert_true(interrupts());
    fake_log_clear();
    ns16550_driver.want_space(true);
    fake_log_has_no_writes();
    ns16550_driver.want_space(false);
    assert_false(interrupts());
}

static void input_is_stopped_and_goes_on(void **state)
{
    (void)state;
    receive = 1;
    ns16550_driver.want_input(true);
    fake_log_has_no_writes();
    ns16550_driver.want_input(false);
    assert_false(interrupts());
    ns16550_driver.want_input(true);
    assert_true(interrupts());
}

static void designware_ends_the_interrupt_of_lcr(void **state)
{
    (void)state;
    begin(&dw_uart_driver, 2, 4, 16);
    assert_int_equal(usr_reads, 1);
    assert_int_equal(ier, IER_RX);
}

static void designware_may_have_no_fifo(void **state)
{
    (void)state;
    begin(&dw_uart_driver, 2, 4, 1);
    assert_true(dw_uart_driver.put('x'));
    assert_false(dw_uart_driver.put('y'));
    transmit = 0;
    assert_true(dw_uart_driver.put('y'));
}

/* Its registers lie 4 bytes apart, and LSR tells of room for one. */
static void the_mini_uart_takes_one_at_a_time(void **state)
{
    static const struct uart_registers unsaid = {BASE, 0, 0};

    (void)state;
    begin(&ns16550_driver, 2, 4, 8);
    any_room = true;
    bcm_aux_uart_driver.init(&unsaid);
    assert_int_equal(ier, IER_RX | IER_BCM);
    transmit = 6;
    assert_true(bcm_aux_uart_driver.put('x'));
    assert_true(bcm_aux_uart_driver.put('y'));
    assert_false(bcm_aux_uart_driver.put('z'));
    bcm_aux_uart_driver.want_space(true);
    assert_int_equal(ier, IER_RX | IER_TX | IER_BCM);
    bcm_aux_uart_driver.want_space(false);
    assert_int_equal(ier, IER_RX | IER_BCM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_enables_the_interrupt_of_reception_only, setup),
        cmocka_unit_test_setup(init_leaves_modem_lines, setup),
        cmocka_unit_test_setup(registers_lie_as_the_tree_says, setup),
        cmocka_unit_test_setup(an_empty_fifo_takes_sixteen, setup),
        cmocka_unit_test_setup(init_waits_for_an_empty_fifo, setup),
        cmocka_unit_test_setup(get_takes_until_empty, setup),
        cmocka_unit_test_setup(space_interrupts_when_all_is_sent, setup),
        cmocka_unit_test_setup(input_is_stopped_and_goes_on, setup),
        cmocka_unit_test_setup(designware_ends_the_interrupt_of_lcr, setup),
        cmocka_unit_test_setup(designware_may_have_no_fifo, setup),
        cmocka_unit_test_setup(the_mini_uart_takes_one_at_a_time, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
