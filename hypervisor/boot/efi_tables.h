/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Ontime uses of the UEFI Specification 2.10: layouts and numbers, with the section that has them. What
 * Ontime does not use is an array of words. On arm64 the firmware's calling convention is the compiler's own
 * (2.3.6), and UINTN has 64 bits. Addresses are physical, and virtual at once. A page has 4 KiB.
 */
#ifndef BOOT_EFI_TABLES_H
#define BOOT_EFI_TABLES_H

#include <stdint.h>

/* A status, appendix D: an error has the highest bit. */
#define EFI_ERROR(n)          (UINT64_C(1) << 63 | (n))
#define EFI_SUCCESS           UINT64_C(0)
#define EFI_LOAD_ERROR        EFI_ERROR(1)
#define EFI_INVALID_PARAMETER EFI_ERROR(2)
#define EFI_BUFFER_TOO_SMALL  EFI_ERROR(5)

#define EFI_PAGE UINT64_C(4096)

/* Appendix A */
struct efi_guid {
    uint32_t one;
    uint16_t two, three;
    uint8_t rest[8];
};

/* 12.4 */
struct efi_text_output {
    uint64_t reset;
    uint64_t (*output_string)(struct efi_text_output *output, const uint16_t *text);
};

/* 7.2.3 */
struct efi_memory_descriptor {
    uint32_t type;
    uint64_t start;
    uint64_t virtual_start;
    uint64_t pages;
    uint64_t attributes;
};

enum efi_memory_type {
    EFI_LOADER_CODE = 1,
    EFI_LOADER_DATA = 2,
    EFI_BOOT_SERVICES_CODE = 3,
    EFI_BOOT_SERVICES_DATA = 4,
    EFI_CONVENTIONAL_MEMORY = 7,
};

#define EFI_MEMORY_WB    UINT64_C(8)
#define EFI_MEMORY_NV    UINT64_C(0x8000)  /* kept while the power is off */
#define EFI_MEMORY_SP    UINT64_C(0x40000) /* for a purpose of its own */
#define EFI_ALLOCATE_ANY 0u                /* the place is the firmware's choice */

/* 10.2, 10.3.1, 10.3.5.3: a path of one vendor-defined medium */
struct efi_device_path {
    uint8_t type, subtype, length[2];
};

struct efi_media_path {
    struct efi_device_path vendor;
    struct efi_guid guid;
    struct efi_device_path end;
};

/* 13.2 */
struct efi_load_file2 {
    uint64_t (*load_file)(struct efi_load_file2 *self, const struct efi_device_path *path,
                          uint8_t boot_policy, uint64_t *size, void *buffer);
};

/* 4.2, 4.4 */
struct efi_boot_services {
    uint64_t header[3];
    uint64_t task_priority[2];
    uint64_t (*allocate_pages)(uint32_t how, uint32_t type, uint64_t pages, uint64_t *address);
    uint64_t (*free_pages)(uint64_t address, uint64_t pages);
    uint64_t (*get_memory_map)(uint64_t *size, void *map, uint64_t *key, uint64_t *descriptor_size,
                               uint32_t *descriptor_version);
    uint64_t pools_and_events[8];
    uint64_t protocols[3];
    uint64_t (*handle_protocol)(void *handle, const struct efi_guid *protocol, void **interface);
    uint64_t more_protocols[3];
    uint64_t (*locate_device_path)(const struct efi_guid *protocol, const struct efi_device_path **path,
                                   void **handle);
    uint64_t install_table;
    uint64_t images[4];
    uint64_t (*exit_boot_services)(void *image, uint64_t key);
};

/* 8.3.1: the time at a place whose UTC is `zone` minutes later */
struct efi_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, pad;
    uint32_t nanosecond;
    int16_t zone;
    uint8_t daylight, pad2;
};

#define EFI_UNSPECIFIED_TIMEZONE 0x7FF

/* 4.5 */
struct efi_runtime_services {
    uint64_t header[3];
    uint64_t (*get_time)(struct efi_time *time, void *capabilities);
};

/* 4.6 */
struct efi_configuration_table {
    struct efi_guid guid;
    const void *table;
};

/* 4.3 */
struct efi_system_table {
    uint64_t header[3];
    uint64_t vendor[2];
    uint64_t console_in[2];
    void *console_out_handle;
    struct efi_text_output *console_out;
    uint64_t standard_error[2];
    const struct efi_runtime_services *runtime_services;
    const struct efi_boot_services *boot_services;
    uint64_t table_count;
    const struct efi_configuration_table *tables;
};

#endif
