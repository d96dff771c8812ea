// SPDX-License-Identifier: Apache-2.0
/* Which VMs there are, and their states. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "control.h"
#include "json.h"
#include "readings.h"
#include "settings.h"

enum { WAIT_S = 30, POLL_MS = 20 };
#define ANY UINT32_MAX

static const char *timers_name(uint32_t timers)
{
    static const char *const names[] = {"tick", "wake", "snoop", "precise"};

    return timers < sizeof(names) / sizeof(names[0]) ? names[timers] : "unknown";
}

/* The flags' names, as in the system file. */
static const struct {
    uint32_t flag;
    const char *name;
} flags[] = {
    {ONTIME_VM_CONTROL, "control"},
    {ONTIME_VM_OBSERVER, "observer"},
    {ONTIME_VM_ENDS_SYSTEM, "ends-system"},
    {ONTIME_VM_FLOATS, "floating"},
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static void flags_text(uint32_t set, char *text, size_t room)
{
    size_t length = 0;

    snprintf(text, room, "-");
    for (unsigned i = 0; i < FLAGS && length + 16 < room; i++)
        if (set & flags[i].flag)
            length +=
                (size_t)snprintf(text + length, room - length, "%s%s", length ? "," : "", flags[i].name);
}

static void write_flags(struct json *json, uint32_t set)
{
    for (unsigned i = 0; i < FLAGS; i++)
        json_bool(json, flags[i].name, set & flags[i].flag);
}

/* The members of a VM's object. */
static void write_vm(struct json *json, unsigned vm, const struct ontime_vm_info *info)
{
    json_number(json, "number", vm);
    json_text(json, "name", info->name);
    json_text(json, "state", state_name(info->state));
    json_bool(json, "own", info->own);
    json_number(json, "vcpus", info->vcpus);
    json_open(json, "cpus", '[');
    for (unsigned cpu = 0; cpu < 64; cpu++)
        if (info->cpus >> cpu & 1)
            json_number(json, NULL, cpu);
    json_close(json, ']');
    json_number(json, "memory-base", info->ram_base);
    json_number(json, "memory-mib", info->ram_size >> 20);
    json_text(json, "timers", timers_name(info->timers));
    json_number(json, "weight", info->weight);
    json_number(json, "horizon-us", info->horizon_us);
    json_number(json, "warp-us", info->warp_us);
    json_number(json, "warp-limit-us", info->warp_limit_us);
    json_number(json, "unwarp-us", info->unwarp_us);
    write_flags(json, info->flags);
    json_number(json, "starts", info->starts);
    json_number(json, "watchdog-ms", info->watchdog_ms);
}

/* Reads the options of a command that has --json only; optind is then at its first other word. */
static bool wants_json(int count, char **words)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    bool json = false;
    int option;

    while ((option = getopt_long(count, words, "+", options, NULL)) >= 0) {
        if (option != 'j')
            fail_usage();
        json = true;
    }
    return json;
}

void list_command(int count, char **words)
{
    struct json json = {.out = stdout};
    struct vm_list list;
    bool as_json = wants_json(count, words);

    if (optind != count)
        fail_usage();
    vm_list(&list);
    if (as_json) {
        json_open(&json, NULL, '[');
        for (unsigned vm = 0; vm < list.count; vm++) {
            json_open(&json, NULL, '{');
            write_vm(&json, vm, &list.vms[vm]);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        putchar('\n');
        return;
    }
    printf("%-3s %-16s %-8s %5s %-8s %7s %-7s %6s %6s %s\n", "VM", "NAME", "STATE", "VCPUS", "CPUS", "MIB",
           "TIMERS", "WEIGHT", "STARTS", "FLAGS");
    for (unsigned vm = 0; vm < list.count; vm++) {
        const struct ontime_vm_info *info = &list.vms[vm];
        char cpus[32], set[64];

        cpus_text(info->cpus, cpus, sizeof(cpus));
        flags_text(info->flags, set, sizeof(set));
        printf("%-3u %-16s %-8s %5u %-8s %7" PRIu64 " %-7s %6u %6u %s\n", vm, info->name,
               state_name(info->state), info->vcpus, cpus, info->ram_size >> 20, timers_name(info->timers),
               info->weight, info->starts, set);
    }
}

/* A line of `info`; 0 where a property does not apply is left out. */
static void print_property(const char *name, uint32_t value)
{
    if (value)
        printf("%-14s %u\n", name, value);
}

static void print_vm(unsigned vm, const struct ontime_vm_info *info)
{
    char cpus[256], set[64];

    cpus_text(info->cpus, cpus, sizeof(cpus));
    flags_text(info->flags, set, sizeof(set));
    printf("%-14s %s\n", "name", info->name);
    printf("%-14s %u%s\n", "number", vm, info->own ? " (this VM)" : "");
    printf("%-14s %s\n", "state", state_name(info->state));
    printf("%-14s %u\n", "vcpus", info->vcpus);
    printf("%-14s %s\n", "cpus", cpus);
    printf("%-14s %" PRIu64 " MiB at 0x%" PRIx64 "\n", "memory", info->ram_size >> 20, info->ram_base);
    printf("%-14s %s\n", "timers", timers_name(info->timers));
    print_property("weight", info->weight);
    print_property("horizon-us", info->horizon_us);
    print_property("warp-us", info->warp_us);
    print_property("warp-limit-us", info->warp_limit_us);
    print_property("unwarp-us", info->unwarp_us);
    printf("%-14s %s\n", "flags", set);
    print_property("starts", info->starts);
    print_property("watchdog-ms", info->watchdog_ms);
}

/* The statistics of the VM's vCPUs since the machine was started. */
static void show_vcpus(unsigned vm, struct json *json)
{
    static struct readings readings;
    static struct row rows[READINGS_VCPUS];
    unsigned count;
    char text[ROW_TEXT];

    readings_take(&readings);
    count = rows_make(&readings, NULL, true, rows);
    if (json) {
        rows_write(json, "statistics", rows, count, (int)vm);
        return;
    }
    row_titles(text);
    printf("\n%s\n", text);
    for (unsigned i = 0; i < count; i++) {
        if (rows[i].vm == vm) {
            row_text(&rows[i], text);
            puts(text);
        }
    }
}

void info_command(int count, char **words)
{
    struct json json = {.out = stdout};
    struct ontime_vm_info info;
    bool as_json = wants_json(count, words);
    unsigned vm;

    if (optind + 1 != count)
        fail_usage();
    vm = vm_find(words[optind], &info);
    if (!as_json) {
        print_vm(vm, &info);
        show_vcpus(vm, NULL);
        return;
    }
    json_open(&json, NULL, '{');
    write_vm(&json, vm, &info);
    show_vcpus(vm, &json);
    json_close(&json, '}');
    putchar('\n');
}

/* The only word of a command. */
static const char *only_word(int count, char **words)
{
    if (count != 2 || words[1][0] == '-')
        fail_usage();
    return words[1];
}

/* Waits until the VM's state is `wanted`, and it has been started again since `starts`, unless that is ANY.
 */
static void wait_for(unsigned vm, uint32_t wanted, uint32_t starts)
{
    struct ontime_vm_info info = {0};

    for (unsigned waited = 0; waited < WAIT_S * 1000; waited += POLL_MS) {
        vm_info(vm, &info);
        if (info.state == wanted && (starts == ANY || info.starts != starts))
            return;
        if (info.state == ONTIME_VM_OFF)
            fail(EXIT_FAILED, "VM %u (%s) is off; Ontime's lines on the host console say why", vm, info.name);
        sleep_ms(POLL_MS);
    }
    fail(EXIT_FAILED, "VM %u (%s) is still %s after %d s", vm, info.name, state_name(info.state), WAIT_S);
}

static void change_state(const char *word, unsigned action, const char *request, uint32_t wanted)
{
    struct ontime_vm_info info;
    unsigned vm = vm_find(word, &info);
    int error;

    if (info.state == wanted)
        return;
    error = vm_power(vm, action);
    if (error)
        vm_refused(request, word, error);
    wait_for(vm, wanted, ANY);
}

void pause_command(int count, char **words)
{
    change_state(only_word(count, words), ONTIME_POWER_PAUSE, "pause", ONTIME_VM_PAUSED);
}

void resume_command(int count, char **words)
{
    change_state(only_word(count, words), ONTIME_POWER_RESUME, "resume", ONTIME_VM_RUNNING);
}

void stop_command(int count, char **words)
{
    change_state(only_word(count, words), ONTIME_POWER_STOP, "stop", ONTIME_VM_OFF);
}

static const void *map_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    void *bytes;

    if (fd < 0 || fstat(fd, &stat))
        fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    if (!S_ISREG(stat.st_mode) || stat.st_size == 0)
        fail(EXIT_FAILED, "%s: no image in it", path);
    *size = (size_t)stat.st_size;
    bytes = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    close(fd);
    return bytes;
}

static void start(const char *word, const char *request, const char *image)
{
    struct ontime_vm_info info;
    unsigned vm = vm_find(word, &info);
    const void *bytes = NULL;
    size_t size = 0;
    int error;

    if (image)
        bytes = map_file(image, &size);
    error = image ? vm_restart_with(vm, bytes, size) : vm_power(vm, ONTIME_POWER_RESTART);
    if (error == EINVAL && image && !info.own)
        fail(EXIT_FAILED, "%s: of another kind than the VM's kernel, or larger than its place", image);
    if (error)
        vm_refused(request, word, error);
    wait_for(vm, ONTIME_VM_RUNNING, info.starts);
}

void start_command(int count, char **words)
{
    const char *word = only_word(count, words);
    struct ontime_vm_info info;
    unsigned vm = vm_find(word, &info);

    if (info.state != ONTIME_VM_OFF)
        fail(EXIT_FAILED, "VM %u (%s) is %s already", vm, info.name, state_name(info.state));
    start(word, "start", NULL);
}

void restart_command(int count, char **words)
{
    static const struct option options[] = {{"image", required_argument, NULL, 'i'}, {0}};
    const char *image = NULL;
    int option;

    while ((option = getopt_long(count, words, "", options, NULL)) >= 0) {
        if (option != 'i')
            fail_usage();
        image = optarg;
    }
    if (optind + 1 != count)
        fail_usage();
    start(words[optind], "restart", image);
}

void set_command(int count, char **words)
{
    struct ontime_vm_info info;
    unsigned vm, what;
    uint64_t value;

    if (count < 3)
        fail_usage();
    for (int i = 2; i < count; i++) { /* all words are good, or nothing is set */
        const char *wrong = read_setting(words[i], &what, &value);

        if (wrong)
            fail(EXIT_USAGE, "set: '%s' %s", words[i], wrong);
    }
    vm = vm_find(words[1], &info);
    for (int i = 2; i < count; i++) {
        int error;

        (void)read_setting(words[i], &what, &value);
        error = vm_set(vm, what, value);
        if (error == EINVAL)
            fail(EXIT_FAILED, "%s is out of range, or the scheduler has no such parameter", words[i]);
        if (error)
            vm_refused("set", words[1], error);
    }
}
