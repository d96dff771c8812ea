/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of the i.MX UART against a model of it: two FIFOs of 32 characters, whose state UTS shows, and
 * interrupts that last as long as their reason, enabled in UCR1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arch.h"
#include "drivers/uart.h"
#include "fake_registers.h"

#define BASE UINT64_C(0x30890000)
#define SIZE 0x10000

#define URXD (BASE + 0x00)
#define UTXD (BASE + 0x40)
#define UCR1 (BASE + 0x80)
#define UCR2 (BASE + 0x84)
#define UCR3 (BASE + 0x88)
#define UCR4 (BASE + 0x8C)
#define UFCR (BASE + 0x90)
#define UBIR (BASE + 0xA4)
#define UTS  (BASE + 0xB4)

#define UCR1_UARTEN  (1u << 0)
#define UCR1_RRDYEN  (1u << 9)
#define UCR1_TRDYEN  (1u << 13)
#define UTS_TXFULL   (1u << 4)
#define UTS_RXEMPTY  (1u << 5)
#define URXD_CHARRDY (1u << 15)
#define URXD_FRMERR  (1u << 12)
#define FIFO_SIZE    32

static const struct uart_registers registers = {BASE, 0, 0};

static unsigned transmit, receive; /* characters in the FIFOs */
static uint32_t last_sent;

static uint32_t on_read(uint64_t address, uint32_t value)
{
    if (address == URXD) {
        assert_true(receive > 0);
        receive--;
        return URXD_CHARRDY | URXD_FRMERR | 'r';
    }
    if (address == UTS)
        return (receive == 0 ? UTS_RXEMPTY : 0) | (transmit == FIFO_SIZE ? UTS_TXFULL : 0);
    return value;
}

static void on_write(uint64_t address, uint32_t value)
{
    if (address != UTXD)
        return;
    assert_true(transmit < FIFO_SIZE);
    transmit++;
    last_sent = value;
}

static bool interrupts(void)
{
    uint32_t enabled = fake_device_get(UCR1);
    uint32_t levels = fake_device_get(UFCR);

    return ((enabled & UCR1_RRDYEN) != 0 && receive >= (levels & 0x3F)) ||
           ((enabled & UCR1_TRDYEN) != 0 && transmit <= levels >> 10);
}

static int setup(void **state)
{
    (void)state;
    transmit = receive = 0;
    fake_registers_reset();
    fake_device(BASE, SIZE);
    (void)arch_map_device(BASE, SIZE);
    fake_device_hooks((struct fake_device_hooks){.read = on_read, .written = on_write});
    /* As some firmware leaves it: all interrupts and DMA enabled, speed, format and flow control set. */
    fake_device_set(UCR1, 0xFFFF);
    fake_device_set(UCR2, 0xC039);
    fake_device_set(UCR3, 0x3FFD);
    fake_device_set(UCR4, 0x81CF);
    fake_device_set(UFCR, 0x0A81 | 1 << 6);
    fake_device_set(UBIR, 15);
    imx_uart_driver.init(&registers);
    fake_log_clear();
    return 0;
}

static void init_enables_the_interrupt_of_reception_only(void **state)
{
    (void)state;
    assert_int_equal(fake_device_get(UCR1), UCR1_UARTEN | UCR1_RRDYEN);
    assert_int_equal(fake_device_get(UCR2), 0x4027); /* IRTS and WS stay */
    assert_int_equal(fake_device_get(UCR3), 0x0784); /* what says how pins are used stays */
    assert_int_equal(fake_device_get(UCR4), 0x8000); /* CTSTL stays */
    assert_false(interrupts());
    receive = 1;
    assert_true(interrupts());
}

static void init_leaves_speed_and_direction(void **state)
{
    (void)state;
    assert_int_equal(fake_device_get(UFCR) & 0x03C0, 0x02C0);
    assert_int_equal(fake_device_get(UBIR), 15);
}

/* A 0 in UCR2's bit 0 would reset the UART, speed and all. */
static void init_never_resets(void **state)
{
    (void)state;
    fake_device_set(UCR2, 0);
    imx_uart_driver.init(&registers);
    assert_int_equal(fake_device_get(UCR2), 0x0007);
}

static void put_sends_eight_bits_until_full(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FIFO_SIZE; i++)
        assert_true(imx_uart_driver.put((char)0xE9));
    assert_int_equal(last_sent, 0xE9);
    fake_log_clear();
    assert_false(imx_uart_driver.put('y'));
    fake_log_has_no_writes();
    transmit--;
    assert_true(imx_uart_driver.put('z'));
    assert_int_equal(last_sent, 'z');
}

static void get_takes_until_empty(void **state)
{
    (void)state;
    char c = 0;

    receive = 2;
    assert_true(imx_uart_driver.get(&c));
    assert_int_equal(c, 'r');
    assert_true(imx_uart_driver.get(&c));
    assert_false(imx_uart_driver.get(&c));
    assert_false(interrupts());
}

static void space_interrupts_when_half_is_sent(void **state)
{
    (void)state;
    transmit = FIFO_SIZE;
    imx_uart_driver.want_space(true);
    FAKE_LOG_IS(DEVICE_WRITE32(UCR1, UCR1_UARTEN | UCR1_RRDYEN | UCR1_TRDYEN));
    assert_false(interrupts());
    transmit = FIFO_SIZE / 2;
    assert_true(interrupts());
    imx_uart_driver.want_space(true);
    fake_log_has_no_writes();
    imx_uart_driver.want_space(false);
    assert_false(interrupts());
}

static void input_is_stopped_and_goes_on(void **state)
{
    (void)state;
    receive = 1;
    imx_uart_driver.want_input(true);
    fake_log_has_no_writes();
    imx_uart_driver.want_input(false);
    assert_false(interrupts());
    imx_uart_driver.want_input(true);
    assert_true(interrupts());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(init_enables_the_interrupt_of_reception_only, setup),
        cmocka_unit_test_setup(init_leaves_speed_and_direction, setup),
        cmocka_unit_test_setup(init_never_resets, setup),
        cmocka_unit_test_setup(put_sends_eight_bits_until_full, setup),
        cmocka_unit_test_setup(get_takes_until_empty, setup),
        cmocka_unit_test_setup(space_interrupts_when_half_is_sent, setup),
        cmocka_unit_test_setup(input_is_stopped_and_goes_on, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
