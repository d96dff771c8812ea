/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that runs at any address and says where it finds itself: `entry` is where its first byte lies, `tree` what x0
 * was, `magic` and `start` are the first words there and at the start of RAM, which is at the entry rounded down to 1 GiB.
 * A device tree begins with edfe0dd0.
 *
 * It has neither stack nor MMU. Its header is that of an arm64 Image, without the magic number, for a place 2.5 MiB behind
 * the start of RAM; placed.image is the same file with the magic number.
 */
#include "ontime/guest_map.h"

#define SYSTEM_OFF 0x84000008

    .section .head, "ax"
    .global _start
_start:
    b begin
    .long 0
    .quad 0x280000        /* text offset */
    .quad 0x10000         /* image size */
    .quad 0xa             /* little-endian, 4 KiB pages, anywhere in RAM */
    .quad 0, 0, 0
    .long 0, 0            /* bytes 56 to 59: the magic number, "ARM\x64" */

    /* Prints a text and a number. */
    .macro say text, number
    adr x1, \text
    bl print_text
    mov x1, \number
    bl print_number
    .endm

begin:
    mov x20, x0
    adr x21, _start
    and x22, x21, #~0x3fffffff
    ldr x19, =GUEST_UART_BASE
    say entry, x21
    say tree, x20
    ldr w23, [x20]
    say magic, x23
    ldr w23, [x22]
    say start, x23
    mov w0, #'\n'
    str w0, [x19]
    ldr w0, =SYSTEM_OFF
    hvc #0
    b .

print_text: /* x1 */
    ldrb w0, [x1], #1
    cbz w0, 1f
    str w0, [x19]
    b print_text
1:  ret

print_number: /* x1, as 16 digits */
    mov w2, #16
1:  ror x1, x1, #60
    and w0, w1, #15
    cmp w0, #10
    add w3, w0, #'0'
    add w4, w0, #('a' - 10)
    csel w0, w3, w4, lo
    str w0, [x19]
    subs w2, w2, #1
    b.ne 1b
    ret

entry: .asciz "placed: entry "
tree:  .asciz " tree "
magic: .asciz " magic "
start: .asciz " start "
