// SPDX-License-Identifier: Apache-2.0
/*
 * A small command line on the UART, driven by interrupts, for tests of the console. It answers each line with
 * `got: LINE`. These lines do more:
 *   slow      prints lines in four pieces, 20 ms apart, until something is typed
 *   flood     prints 500 long lines at once
 *   number    prints how many lines were typed
 *   take      reads what comes up to a `.`, slowly, and prints how many characters that were, and a sum
 *   deaf      reads nothing for 3 seconds
 *   seeds     prints the random bytes of the device tree
 *   reset     resets the VM
 *   off       ends, and switches the VM off
 */
#include "bare.h"

#define LINE_LENGTH 80u
#define RING_SIZE   256u

static volatile uint8_t ring[RING_SIZE];
static volatile unsigned ring_in, ring_out; /* the interrupt puts in, the guest takes out */
static char line[LINE_LENGTH];
static unsigned lines;

static void receive(void)
{
    uint32_t intid = gic_acknowledge();
    int c;

    if (intid == GIC_SPURIOUS)
        return;
    mmio_write(GUEST_UART_BASE + UART_ICR, UART_INT_RX);
    while ((c = uart_read()) >= 0)
        ring[ring_in++ % RING_SIZE] = (uint8_t)c;
    gic_end(intid);
}

static char next_character(void)
{
    while (ring_out == ring_in) {
        wfi();
        irq_enable();
        irq_disable();
    }
    return (char)ring[ring_out++ % RING_SIZE];
}

static void read_line(void)
{
    unsigned length = 0;
    char c;

    while ((c = next_character()) != '\r' && c != '\n') {
        if (length < LINE_LENGTH - 1)
            line[length++] = c;
    }
    line[length] = '\0';
}

static bool is(const char *word)
{
    unsigned i = 0;

    while (word[i] != '\0' && line[i] == word[i])
        i++;
    return word[i] == '\0' && line[i] == '\0';
}

static void slow(void)
{
    while (ring_out == ring_in) {
        for (unsigned piece = 1; piece <= 4; piece++) {
            print("piece%u ", piece);
            spin(microseconds(20000));
        }
        print("end\n");
    }
}

static void flood(void)
{
    for (unsigned i = 0; i < 500; i++)
        print("flood %u abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz end\n", i);
    print("flooded\n");
}

/* A thousand characters at a time, with pauses in which the FIFO fills. */
static void take(void)
{
    unsigned count = 0;
    uint32_t sum = 0;

    mmio_write(GUEST_UART_BASE + UART_IMSC, 0);
    print("takes\n");
    for (int c = 0; c != '.';) {
        c = uart_read();
        if (c < 0 || c == '.')
            continue;
        sum = sum * 31 + (uint32_t)c;
        if (++count % 1000 == 0)
            spin(microseconds(5000));
    }
    print("took %u characters, sum %u\n", count, sum);
    mmio_write(GUEST_UART_BASE + UART_IMSC, UART_INT_RX);
}

static void be_deaf(void)
{
    irq_disable();
    print("deaf\n");
    spin(microseconds(3000000));
    print("hears\n");
    irq_enable();
}

static void print_seed(const char *property)
{
    uint32_t size;
    const uint8_t *bytes = tree_property("chosen", NULL, property, &size);

    print("%s ", property);
    for (uint32_t i = 0; bytes != NULL && i < size; i++)
        print("%02x", bytes[i]);
    print(";\n");
}

static void obey(void)
{
    irq_enable();
    print("got: %s\n", line);
    lines++;
    if (is("slow"))
        slow();
    else if (is("flood"))
        flood();
    else if (is("take"))
        take();
    else if (is("deaf"))
        be_deaf();
    else if (is("seeds")) {
        print_seed("kaslr-seed");
        print_seed("rng-seed");
    } else if (is("number"))
        print("number %u\n", lines);
    else if (is("off"))
        finish();
    else if (is("reset"))
        (void)psci(PSCI_SYSTEM_RESET, 0, 0, 0);
    irq_disable();
}

void guest_main(void)
{
    on_irq = receive;
    gic_enable(GUEST_INTID_UART);
    mmio_write(GUEST_UART_BASE + UART_IMSC, UART_INT_RX);
    print("uart: ready\n");
    for (;;) {
        print("> ");
        read_line();
        obey();
    }
}
