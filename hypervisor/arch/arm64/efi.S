/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry from UEFI firmware. The image begins with "MZ", and is a PE32+ application at the same time
 * (Microsoft's PE Format; UEFI Specification 2.1.1). It has two sections, which are in memory as in the file:
 * code, and data that can be written. The firmware relocates nothing in it: relocate() does, of start.S.
 *
 * The firmware enters efi_entry at EL2 (UEFI Specification 2.3.6) with its MMU on, all memory being at its
 * own address, x0 = the image's handle and x1 = the system table. boot/efi.c does the work.
 */
#include "layout.h"
#include "register_bits.h"

#define PE_AARCH64          0xAA64
#define PE_CHARACTERISTICS  0x206 /* executable; no line numbers, no symbols */
#define PE_MAGIC_PLUS       0x20B
#define PE_SUBSYSTEM_EFI    10 /* an application */
#define PE_NX_COMPATIBLE    0x100
#define PE_SECTION_CODE     0x60000020 /* code, executed, read */
#define PE_SECTION_DATA     0xC0000040 /* initialized, read, written */
#define PE_HEADERS_SIZE     4096 /* the image's first page; the code follows */
#define PE_FILE_ALIGNMENT   512 /* of data_end: ontime.lds */
#define PE_MEMORY_ALIGNMENT 4096

    .section .head.efi, "a"
header:
    .ascii "PE\0\0"
    .short PE_AARCH64, 2 /* sections */
    .long 0, 0, 0
    .short sections - optional_header, PE_CHARACTERISTICS
optional_header:
    .short PE_MAGIC_PLUS, 0
    .long efi_text_size, efi_data_file_size, 0
    .long efi_entry - header + EFI_HEADER, PE_HEADERS_SIZE
    .quad 0 /* linked at 0 */
    .long PE_MEMORY_ALIGNMENT, PE_FILE_ALIGNMENT
    .short 0, 0
    .short 1, 1 /* Linux's number for an image that takes its initrd by EFI_LOAD_FILE2: GRUB looks for it */
    .short 0, 0
    .long 0
    .long efi_image_size, PE_HEADERS_SIZE, 0
    .short PE_SUBSYSTEM_EFI, PE_NX_COMPATIBLE
    .quad 0, 0, 0, 0 /* its stack and heap are the firmware's */
    .long 0, 6
    .quad 0, 0, 0, 0, 0, 0
sections:
    .ascii ".text\0\0\0"
    .long efi_text_size, PE_HEADERS_SIZE, efi_text_size, PE_HEADERS_SIZE
    .long 0, 0, 0, PE_SECTION_CODE
    .ascii ".data\0\0\0"
    .long efi_data_size, efi_data_start, efi_data_file_size, efi_data_start
    .long 0, 0, 0, PE_SECTION_DATA

    .text
    .global efi_entry
efi_entry:
    stp x29, x30, [sp, #-32]!
    stp x0, x1, [sp, #16]
    bl relocate
    ldp x0, x1, [sp, #16]
    bl efi_main
    ldp x29, x30, [sp], #32
    ret

    .global arch_exception_level
arch_exception_level:
    mrs x0, CurrentEL
    lsr x0, x0, #CURRENTEL_SHIFT
    ret

    /* Cleans [\start, \end) to memory, and has it leave the caches. Changes \start, x9 and x10. */
    .macro clean start, end
    mrs x9, ctr_el0
    ubfx x9, x9, #CTR_EL0_DMINLINE_SHIFT, #CTR_EL0_DMINLINE_WIDTH
    mov x10, #4
    lsl x9, x10, x9
8:  dc civac, \start
    add \start, \start, x9
    cmp \start, \end
    b.lo 8b
    .endm

/*
 * With the MMU off, code is fetched from memory, and so this one's is cleaned too. The copy's .bss is
 * cleaned as the rest: a line of it that is dirty now could be written back over what start.S writes there
 * with the caches off. The tree and the system file are read with the caches on, but for the tree's header,
 * which mmu.c cleans.
 */
    .global arch_efi_leave
arch_efi_leave: /* x0 = the copy of the image, x1 = the tree */
    msr daifset, #DAIFSET_ALL
    adrp x2, image_start
    add x2, x2, :lo12:image_start
    adrp x3, image_end
    add x3, x3, :lo12:image_end
    sub x4, x3, x2
    add x4, x4, x0
    mov x5, x0
    clean x2, x3
    clean x5, x4
    dsb sy
    mrs x2, sctlr_el2
    mov x3, #SCTLR_EL2_M | SCTLR_EL2_C
    orr x3, x3, #SCTLR_EL2_I
    bic x2, x2, x3
    msr sctlr_el2, x2
    isb
    ic iallu
    tlbi alle2
    dsb nsh
    isb
    mov x5, x0
    mov x0, x1
    mov x1, xzr
    mov x2, xzr
    mov x3, xzr
    br x5
