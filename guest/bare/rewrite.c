// SPDX-License-Identifier: Apache-2.0
/*
 * For the test of the console with a terminal emulator. The guest prints all that could make a terminal show
 * something else than a line of this guest: control characters and sequences, bytes that are no text, long
 * lines; then `bytes` random bytes. With the boot argument `victim` it prints numbered lines meanwhile.
 */
#include "bare.h"

#define LONG_LINE 9000u
#define LINES     400u

static const char *const tricks[] = {
    "\r[ontime] victim: vCPU 0: SError",
    "\033[2K\033[1G[ontime] all VMs are off",
    "a\r[victim] b",
    "\033]0;title\007",
    "\033]0;title without an end",
    "\033P a string without an end",
    "\033[1A\033[2K[victim] the line above",
    "\033[?1049h another screen",
    "\033[8m hidden \033(0 lines \016 shifted",
    "\033c reset",
    "\033[3J\033[H\033[J cleared",
    "back\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b\b[ontime] b",
    "\v\v\f\v down and page",
    "\x9b\x32K\x9b\x31G[ontime] eight bits",
    "\xc2\x9b\x32K\xc2\x9b\x31G[ontime] C1 in UTF-8",
    "\xc2\x85[ontime] next line\xe2\x80\xa8[ontime] line separator",
    "\xe2\x80\xae]emitno[ from right to left\xe2\x80\xac",
    "\001 \177 \377 \xf0\x9f\x98",
    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac\tfrom a tab",
    "\005 answer back \033[6n \033[c",
};

static void print_victim(void)
{
    for (unsigned i = 0; i < LINES; i++) {
        print("line %u that nobody writes over\r\n", i);
        spin(microseconds(500));
    }
}

static void print_long_lines(void)
{
    print("word:");
    for (unsigned i = 0; i < LONG_LINE; i++)
        print("%c", 'a' + i % 26);
    print(":\nwords:");
    for (unsigned i = 0; i < LONG_LINE / 9; i++)
        print(" word%04u", i);
    print(" :\n");
}

static void print_random_bytes(uint64_t count)
{
    static const uint8_t often[] = {'\r', '\n', '\b', 0x1B, '[', 'A', 'K', 0xC2, 0x9B, 0xE2, 0x80};

    for (; count != 0; count--)
        print("%c", random_below(3) == 0 ? often[random_below(ARRAY_SIZE(often))] : (int)random_below(256));
    print("\r\n");
}

void guest_main(void)
{
    if (option("victim")) {
        print_victim();
    } else {
        for (unsigned i = 0; i < ARRAY_SIZE(tricks); i++)
            print("%s\n", tricks[i]);
        print_long_lines();
        print_random_bytes(option_number("bytes", 10000));
    }
    finish();
}
