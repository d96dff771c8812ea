/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control calls, by the module (ONTIME_IOC_CONTROL). A function without a result explains a refusal on
 * standard error, and exits.
 */
#ifndef COMMAND_CONTROL_H
#define COMMAND_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include <ontime/control.h>

enum { CONTROL_VMS = 64, CONTROL_PAGE = 4096 };

struct vm_list {
    unsigned count;
    struct ontime_vm_info vms[CONTROL_VMS];
};

const char *state_name(uint32_t state);

void vm_info(unsigned vm, struct ontime_vm_info *info);
void vm_list(struct vm_list *list);
/* `word` is a VM's name, or else its number. Returns the number, and fills *info. */
unsigned vm_find(const char *word, struct ontime_vm_info *info);
void vcpu_info(unsigned vm, unsigned vcpu, struct ontime_vcpu_info *info);

/* These return 0, or an error number. */
int vm_power(unsigned vm, unsigned action);
int vm_restart_with(unsigned vm, const void *image, size_t size);
int vm_set(unsigned vm, unsigned what, uint64_t value);

/* Says why a request about this VM was refused, and exits. */
__attribute__((noreturn)) void vm_refused(const char *request, const char *vm, int error);

/*
 * Reads output from *position on into a page, and moves *position to what it is of: later than asked for when
 * older output was overwritten. Returns the number of bytes.
 */
size_t console_read(unsigned vm, uint64_t *position, uint8_t page[CONTROL_PAGE]);
/* Returns how many of the bytes were taken. */
size_t console_write(unsigned vm, const uint8_t *bytes, size_t size);

/*
 * The same with records of a core's trace, numbered from 0. Returns -1 when there is no such core, or it has
 * no trace. With ONTIME_TRACE_NEXT, *position becomes the number of the record that is written next.
 */
enum { TRACE_PAGE_RECORDS = CONTROL_PAGE / 16 };
long trace_read(unsigned cpu, uint64_t *position, void *page);

#endif
