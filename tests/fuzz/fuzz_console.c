// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's target for the console: whatever is typed, written and lost for want of room, what is typed
 * goes to one guest each, and each line on the screen begins with whose it is.
 *
 * An input is a row of operations, a letter with its arguments:
 *   t N ...   types N characters
 *   p G N ... guest G writes N characters
 *   o N       Ontime offers a line of N characters about a guest
 *   l         Ontime prints a line
 *   w N       N times 10 ms pass
 *   r N       the UART takes N characters before it is full; 0: any number
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "arch/fake/fake.h"
#include "base/arch.h"
#include "bytes.h"
#include "console/console.h"

#define SOURCES   3
#define SCREEN    (1 << 20)
#define RING      32768
#define BURST     16
#define SLOTS     4
#define UNLIMITED UINT32_MAX

static const char *const names[SOURCES] = {"alpha", "a-name-of-thirty-one-characters", "ontim"};
static struct console_source sources[SOURCES];
static struct deadline_queue deadlines;
static struct heap_node *slots[SLOTS];
static char screen[SCREEN];
static size_t screen_length;
static uint32_t room;
static struct bytes typing;
static size_t typed, delivered;

static void uart_init(const struct uart_registers *registers)
{
    (void)registers;
}

static bool uart_put(char c)
{
    if (room == 0)
        return false;
    room -= room != UNLIMITED;
    if (screen_length < SCREEN)
        screen[screen_length++] = c;
    return true;
}

static bool uart_get(char *c)
{
    if (typing.left == 0)
        return false;
    *c = (char)take(&typing, 1);
    typed++;
    return true;
}

static void uart_want_space(bool wanted)
{
    (void)wanted;
}

static const struct uart_driver uart = {
    .init = uart_init, .put = uart_put, .get = uart_get, .want_space = uart_want_space};

// cppcheck-suppress constParameter ; it is a console_deliver
static void deliver(struct console_source *source, char c)
{
    (void)c;
    if (source < sources || source >= sources + SOURCES)
        abort();
    delivered++;
}

/* The console is one for the whole program, as in the hypervisor. */
static void begin(void)
{
    static bool begun;

    if (!begun) {
        fake_reset();
        deadline_queue_init(&deadlines, slots, 0, SLOTS, NULL);
        room = UNLIMITED;
        console_init(&uart, &deadlines, NULL); /* all is on core 0 */
        for (unsigned i = 0; i < SOURCES; i++)
            console_add(&sources[i], names[i], deliver);
        begun = true;
    }
}

static void pass(uint64_t ms)
{
    fake_set_counter(arch_counter() + ms * (arch_counter_hz() / 1000));
    do
        deadline_queue_run(&deadlines, arch_counter());
    while (fake_interrupt_pending());
}

static void type(const uint8_t *text, size_t length)
{
    typing = (struct bytes){text, length};
    while (typing.left != 0)
        console_interrupt();
}

/* All lines have ended, the first guest has the input, and the screen is whole. */
static void finish(void)
{
    room = UNLIMITED;
    for (unsigned i = 0; i < RING / BURST + 1; i++)
        console_interrupt();
    for (unsigned i = 0; i < SOURCES; i++)
        while (!console_put(&sources[i], '\n'))
            console_interrupt();
    type((const uint8_t *)"\x7f\r\x1d"
                          "1",
         4);
    pass(1000);
    while (!console_is_calm()) /* a long line is written in pieces */
        console_interrupt();
    for (unsigned i = 0; i < RING / BURST + 1; i++)
        console_interrupt();
}

static bool begins_with(const char *line, size_t length, const char *name)
{
    size_t size = strlen(name);

    return length >= size + 3 && line[0] == '[' && memcmp(line + 1, name, size) == 0 &&
           line[size + 1] == ']' && line[size + 2] == ' ';
}

static void check_line(const char *line, size_t length)
{
    if (begins_with(line, length, "ontime"))
        return;
    for (unsigned i = 0; i < SOURCES; i++)
        if (begins_with(line, length, names[i]))
            return;
    abort();
}

static void check_screen(void)
{
    size_t start = 0;

    for (size_t i = 0; i < screen_length; i++)
        if (screen[i] == '\n') {
            if (i == 0 || screen[i - 1] != '\r')
                abort();
            check_line(screen + start, i - start);
            start = i + 1;
        }
    if (start != screen_length)
        abort();
}

static void offer(size_t length)
{
    char line[256];

    memset(line, 'o', sizeof(line));
    line[length] = '\0';
    (void)console_offer(line, length);
}

static void write_as(struct console_source *source, struct bytes *bytes, size_t count)
{
    while (count-- != 0)
        if (!console_put(source, (char)take(bytes, 1)))
            return;
}

static void step(struct bytes *bytes)
{
    size_t count;
    unsigned guest;

    switch (take(bytes, 1)) {
    case 't':
        count = (size_t)take(bytes, 1);
        count = count < bytes->left ? count : bytes->left;
        type(bytes->at, count);
        bytes->at += count;
        bytes->left -= count;
        break;
    case 'p':
        guest = take_below(bytes, SOURCES);
        write_as(&sources[guest], bytes, (size_t)take(bytes, 1));
        break;
    case 'o':
        offer((size_t)take(bytes, 1));
        break;
    case 'l':
        room = UNLIMITED; /* else it waits for ever */
        console_print("a line");
        break;
    case 'w':
        pass(10 * take(bytes, 1));
        break;
    case 'r':
        room = (uint32_t)take(bytes, 1);
        room = room != 0 ? room : UNLIMITED;
        break;
    default:
        console_interrupt();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};

    begin();
    finish();
    screen_length = typed = delivered = 0;
    while (bytes.left != 0 && screen_length < SCREEN / 2)
        step(&bytes);
    finish();
    check_screen();
    if (delivered > typed)
        abort();
    return 0;
}
