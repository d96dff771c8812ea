/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of drivers, and the PL011's driver against a PL011 (Arm DDI 0183): two FIFOs behind DR, whose
 * state FR shows, and an interrupt mask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include "base/arch.h"
#include "drivers/uart.h"
#include "fake_registers.h"

#define BASE UINT64_C(0x09000000)
#define SIZE 0x1000

#define DR    (BASE + 0x000)
#define FR    (BASE + 0x018)
#define IBRD  (BASE + 0x024)
#define FBRD  (BASE + 0x028)
#define LCR_H (BASE + 0x02C)
#define CR    (BASE + 0x030)
#define IMSC  (BASE + 0x038)
#define ICR   (BASE + 0x044)

#define FR_RXFE       (1u << 4)
#define FR_TXFF       (1u << 5)
#define CR_UARTEN     (1u << 0)
#define CR_TXE        (1u << 8)
#define CR_RXE        (1u << 9)
#define INT_RX        (1u << 4)
#define INT_TX        (1u << 5)
#define INT_RT        (1u << 6)
#define INT_ALL       0x7FFu
#define FIFO_SIZE     16
#define FRAMING_ERROR (1u << 8)

struct fifo {
    uint32_t data[FIFO_SIZE];
    unsigned count;
};

static struct fifo transmit, receive;
static const struct uart_registers registers = {BASE, 0, 0};

static uint32_t take(struct fifo *fifo)
{
    uint32_t first = fifo->data[0];

    assert_true(fifo->count > 0);
    fifo->count--;
    memmove(&fifo->data[0], &fifo->data[1], fifo->count * sizeof(fifo->data[0]));
    return first;
}

static void add(struct fifo *fifo, uint32_t data)
{
    assert_true(fifo->count < FIFO_SIZE);
    fifo->data[fifo->count++] = data;
}

static uint32_t on_read(uint64_t address, uint32_t value)
{
    if (address == DR)
        return take(&receive);
    if (address == FR)
        return (receive.count == 0 ? FR_RXFE : 0) | (transmit.count == FIFO_SIZE ? FR_TXFF : 0);
    return value;
}

static void on_write(uint64_t address, uint32_t value)
{
    if (address == DR)
        add(&transmit, value);
}

static int setup(void **state)
{
    (void)state;
    transmit.count = receive.count = 0;
    fake_registers_reset();
    fake_device(BASE, SIZE);
    (void)arch_map_device(BASE, SIZE);
    fake_device_hooks((struct fake_device_hooks){.read = on_read, .written = on_write});
    pl011_driver.init(&registers);
    fake_log_clear();
    return 0;
}

static const struct uart_driver *find(const char *list, unsigned size)
{
    return uart_driver_find(list, size);
}

#define FIND(list) find(list, sizeof(list))

static void a_driver_is_found_by_one_of_the_nodes_names(void **state)
{
    (void)state;
    assert_ptr_equal(FIND("arm,pl011"), &pl011_driver);
    assert_ptr_equal(FIND("arm,pl011\0arm,primecell"), &pl011_driver);
    assert_ptr_equal(FIND("xlnx,zynqmp-uart\0cdns,uart-r1p12"), &cadence_driver);
    assert_ptr_equal(FIND("fsl,imx8mp-uart\0fsl,imx6q-uart"), &imx_uart_driver);
    assert_ptr_equal(FIND("brcm,bcm2835-aux-uart"), &bcm_aux_uart_driver);
    assert_ptr_equal(FIND("ns16550a"), &ns16550_driver);
    assert_ptr_equal(FIND("rockchip,rk3399-uart\0snps,dw-apb-uart"), &dw_uart_driver);
    assert_ptr_equal(FIND("ns16550a\0snps,dw-apb-uart"), &dw_uart_driver);
}

static void no_driver_is_found_for_others(void **state)
{
    (void)state;
    assert_null(find(NULL, 0));
    assert_null(FIND(""));
    assert_null(FIND("arm,pl01"));
    assert_null(FIND("arm,pl0110"));
    assert_null(find("arm,pl011", 9)); /* a string without an end */
    assert_null(FIND("arm,primecell\0arm,sbsa-uart"));
}

static void init_begins_without_interrupts_and_ends_with_those_of_reception(void **state)
{
    (void)state;
    pl011_driver.init(&registers);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, 0), DEVICE_WRITE32(ICR, INT_ALL),
                DEVICE_WRITE32(CR, CR_UARTEN | CR_TXE | CR_RXE), DEVICE_WRITE32(IMSC, INT_RX | INT_RT));
}

static void init_leaves_speed_and_format(void **state)
{
    (void)state;
    fake_device_set(IBRD, 13);
    fake_device_set(FBRD, 2);
    fake_device_set(LCR_H, 0x70);
    pl011_driver.init(&registers);
    assert_int_equal(fake_device_get(IBRD), 13);
    assert_int_equal(fake_device_get(FBRD), 2);
    assert_int_equal(fake_device_get(LCR_H), 0x70);
}

static void put_sends_in_order(void **state)
{
    (void)state;
    assert_true(pl011_driver.put('a'));
    assert_true(pl011_driver.put('b'));
    assert_int_equal(take(&transmit), 'a');
    assert_int_equal(take(&transmit), 'b');
}

/* DR's upper bits are reserved for writes: a negative char does not reach them. */
static void put_sends_eight_bits(void **state)
{
    (void)state;
    assert_true(pl011_driver.put((char)0xE9));
    assert_int_equal(take(&transmit), 0xE9);
}

static void put_refuses_when_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(pl011_driver.put('x'));
    fake_log_clear();
    assert_false(pl011_driver.put('y'));
    fake_log_has_no_writes();
    (void)take(&transmit);
    assert_true(pl011_driver.put('y'));
    assert_int_equal(transmit.data[FIFO_SIZE - 1], 'y');
}

static void put_does_not_mind_the_receiver(void **state)
{
    (void)state;
    add(&receive, 'r');
    assert_true(pl011_driver.put('t'));
    assert_int_equal(receive.count, 1);
}

static void get_takes_in_order_until_empty(void **state)
{
    (void)state;
    char c = 0;

    add(&receive, 'a');
    add(&receive, 'b');
    assert_true(pl011_driver.get(&c));
    assert_int_equal(c, 'a');
    assert_true(pl011_driver.get(&c));
    assert_int_equal(c, 'b');
    assert_false(pl011_driver.get(&c));
    assert_int_equal(c, 'b');
}

static void get_does_not_mind_the_transmitter(void **state)
{
    (void)state;
    char c = 0;

    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(pl011_driver.put('x'));
    add(&receive, 'a');
    assert_true(pl011_driver.get(&c));
    assert_int_equal(c, 'a');
}

static void get_gives_the_character_of_a_faulty_frame(void **state)
{
    (void)state;
    char c = 0;

    add(&receive, FRAMING_ERROR | 'e');
    assert_true(pl011_driver.get(&c));
    assert_int_equal(c, 'e');
}

static void space_is_asked_for_and_no_more(void **state)
{
    (void)state;
    pl011_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, INT_RX | INT_RT | INT_TX));
    pl011_driver.want_space(false);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, INT_RX | INT_RT));
}

static void input_is_stopped_and_goes_on(void **state)
{
    (void)state;
    pl011_driver.want_space(true);
    fake_log_clear();
    pl011_driver.want_input(false);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, INT_TX));
    pl011_driver.want_space(false);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, 0));
    pl011_driver.want_input(true);
    FAKE_LOG_IS(DEVICE_WRITE32(IMSC, INT_RX | INT_RT));
    fake_log_clear();
    pl011_driver.want_input(true);
    fake_log_has_no_writes();
}

/* The console says what it wants after each character: no access when it is as before. */
static void wanting_the_same_costs_no_access(void **state)
{
    (void)state;
    pl011_driver.want_space(false);
    fake_log_has_no_writes();
    pl011_driver.want_space(true);
    fake_log_clear();
    pl011_driver.want_space(true);
    fake_log_has_no_writes();
}

static void init_forgets_that_space_was_wanted(void **state)
{
    (void)state;
    pl011_driver.want_space(true);
    pl011_driver.init(&registers);
    assert_int_equal(fake_device_get(IMSC), INT_RX | INT_RT);
    pl011_driver.want_space(true);
    assert_int_equal(fake_device_get(IMSC), INT_RX | INT_RT | INT_TX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_is_found_by_one_of_the_nodes_names),
        cmocka_unit_test(no_driver_is_found_for_others),
        cmocka_unit_test_setup(init_begins_without_interrupts_and_ends_with_those_of_reception, setup),
        cmocka_unit_test_setup(init_leaves_speed_and_format, setup),
        cmocka_unit_test_setup(put_sends_in_order, setup),
        cmocka_unit_test_setup(put_sends_eight_bits, setup),
        cmocka_unit_test_setup(put_refuses_when_full, setup),
        cmocka_unit_test_setup(put_does_not_mind_the_receiver, setup),
        cmocka_unit_test_setup(get_takes_in_order_until_empty, setup),
        cmocka_unit_test_setup(get_does_not_mind_the_transmitter, setup),
        cmocka_unit_test_setup(get_gives_the_character_of_a_faulty_frame, setup),
        cmocka_unit_test_setup(space_is_asked_for_and_no_more, setup),
        cmocka_unit_test_setup(input_is_stopped_and_goes_on, setup),
        cmocka_unit_test_setup(wanting_the_same_costs_no_access, setup),
        cmocka_unit_test_setup(init_forgets_that_space_was_wanted, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
