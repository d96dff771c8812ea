// SPDX-License-Identifier: Apache-2.0
#include "control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "command.h"
#include "ontime_ioctl.h"
#include "settings.h"

static int device = -1;

static int call(struct ontime_control *control)
{
    if (device < 0)
        device = open_or_explain(ONTIME_DEVICE);
    return ioctl(device, ONTIME_IOC_CONTROL, control) ? errno : 0;
}

__attribute__((noreturn)) static void refused(int error)
{
    if (error == EPERM)
        fail(EXIT_REFUSED, "this VM may not control others (see 'control' in the system file)");
    if (error == EOPNOTSUPP)
        fail(EXIT_REFUSED, "this Ontime has no calls for control");
    if (error == ENOTTY)
        fail(EXIT_REFUSED, "the kernel module that is loaded is older than this command");
    fail(EXIT_REFUSED, "%s", strerror(error));
}

const char *state_name(uint32_t state)
{
    static const char *const names[] = {
        [ONTIME_VM_OFF] = "off",       [ONTIME_VM_LOADING] = "loading",   [ONTIME_VM_RUNNING] = "running",
        [ONTIME_VM_PAUSED] = "paused", [ONTIME_VM_STOPPING] = "stopping",
    };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

/* An older Ontime has shorter records: what is missing is 0. */
static int read_record(struct ontime_control *control, void *record, uint32_t size)
{
    uint8_t page[CONTROL_PAGE] = {0};
    uint32_t length;
    int error;

    control->buffer = (uintptr_t)page;
    error = call(control);
    if (error)
        return error;
    memcpy(&length, page, sizeof(length));
    memset(record, 0, size);
    memcpy(record, page, length < size ? length : size);
    return 0;
}

static int read_vm(unsigned vm, struct ontime_vm_info *info)
{
    struct ontime_control control = {.call = ONTIME_CALL_VM_INFO, .arguments = {vm}};
    int error = read_record(&control, info, sizeof(*info));

    info->name[sizeof(info->name) - 1] = '\0';
    return error;
}

void vm_info(unsigned vm, struct ontime_vm_info *info)
{
    int error = read_vm(vm, info);

    if (error)
        refused(error);
}

void vm_list(struct vm_list *list)
{
    vm_info(0, &list->vms[0]);
    list->count = list->vms[0].vm_count < CONTROL_VMS ? list->vms[0].vm_count : CONTROL_VMS;
    for (unsigned vm = 1; vm < list->count; vm++)
        vm_info(vm, &list->vms[vm]);
}

unsigned vm_find(const char *word, struct ontime_vm_info *info)
{
    struct vm_list list;
    uint64_t number;

    vm_list(&list);
    for (unsigned vm = 0; vm < list.count; vm++) {
        if (strcmp(list.vms[vm].name, word) == 0) {
            *info = list.vms[vm];
            return vm;
        }
    }
    if (!read_number(word, list.count - 1, &number))
        fail(EXIT_FAILED, "there is no VM '%s'; 'ontime list' shows those there are", word);
    *info = list.vms[number];
    return (unsigned)number;
}

void vcpu_info(unsigned vm, unsigned vcpu, struct ontime_vcpu_info *info)
{
    struct ontime_control control = {.call = ONTIME_CALL_VCPU_INFO, .arguments = {vm, vcpu}};
    int error = read_record(&control, info, sizeof(*info));

    if (error)
        refused(error);
}

int vm_power(unsigned vm, unsigned action)
{
    struct ontime_control control = {.call = ONTIME_CALL_VM_POWER, .arguments = {vm, action}};

    return call(&control);
}

int vm_restart_with(unsigned vm, const void *image, size_t size)
{
    struct ontime_control control = {.call = ONTIME_CALL_VM_POWER,
                                     .arguments = {vm, ONTIME_POWER_RESTART, 0, size},
                                     .buffer = (uintptr_t)image};

    return call(&control);
}

int vm_set(unsigned vm, unsigned what, uint64_t value)
{
    struct ontime_control control = {.call = ONTIME_CALL_VM_SET, .arguments = {vm, what, value}};

    return call(&control);
}

void vm_refused(const char *request, const char *vm, int error)
{
    struct ontime_vm_info info;
    unsigned number;

    if (error != EBUSY && error != EINVAL && error != ENOMEM)
        refused(error);
    number = vm_find(vm, &info);
    if (error == ENOMEM)
        fail(EXIT_FAILED, "%s: this guest has not enough free memory in blocks of 2 MiB for the image", vm);
    if (error == EBUSY)
        fail(EXIT_FAILED, "VM %u (%s) is %s: %s is not possible now", number, info.name,
             state_name(info.state), request);
    if (info.own)
        fail(EXIT_FAILED, "VM %u (%s) is this one: it can't be told to %s", number, info.name, request);
    fail(EXIT_FAILED, "VM %u (%s): %s was refused", number, info.name, request);
}

size_t console_read(unsigned vm, uint64_t *position, uint8_t page[CONTROL_PAGE])
{
    struct ontime_control control = {
        .call = ONTIME_CALL_CONSOLE_READ, .arguments = {vm, *position}, .buffer = (uintptr_t)page};
    int error = call(&control);

    if (error)
        refused(error);
    *position = control.results[1];
    return control.results[0] < CONTROL_PAGE ? control.results[0] : CONTROL_PAGE;
}

size_t console_write(unsigned vm, const uint8_t *bytes, size_t size)
{
    struct ontime_control control = {.call = ONTIME_CALL_CONSOLE_WRITE};
    uint8_t page[CONTROL_PAGE] = {0};
    size_t some = size < sizeof(page) ? size : sizeof(page);
    int error;

    memcpy(page, bytes, some);
    control.arguments[0] = vm;
    control.arguments[2] = some;
    control.buffer = (uintptr_t)page;
    error = call(&control);
    if (error)
        refused(error);
    return control.results[0] < some ? control.results[0] : some;
}

long trace_read(unsigned cpu, uint64_t *position, void *page)
{
    struct ontime_control control = {
        .call = ONTIME_CALL_TRACE_READ, .arguments = {cpu, *position}, .buffer = (uintptr_t)page};
    int error = call(&control);

    if (error == EINVAL)
        return -1;
    if (error)
        refused(error);
    *position = control.results[1];
    return control.results[0] < TRACE_PAGE_RECORDS ? (long)control.results[0] : TRACE_PAGE_RECORDS;
}
