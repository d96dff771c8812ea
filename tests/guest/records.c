// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ontime_ioctl.h"
#include "records.h"

struct record records[RECORDS];
int record_count, failures, cases;
const char *told;
static uint64_t hz;

uint64_t counter(void)
{
    uint64_t value;

    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(value));
    return value;
}

uint64_t to_ticks(uint64_t ns)
{
    return ns * (hz / 1000) / 1000000;
}

void die(const char *what)
{
    perror(what);
    exit(2);
}

void tell_recorder(const char *word)
{
    int fd = open("/proc/ontime-calls", O_WRONLY);

    if (fd < 0 || write(fd, word, strlen(word)) < 0)
        die("/proc/ontime-calls");
    close(fd);
}

void forget_calls(void)
{
    tell_recorder("\n");
}

bool by_page(void)
{
    return !strcmp(told, "store");
}

void read_calls(void)
{
    FILE *file = fopen("/proc/ontime-calls", "r");

    if (!file)
        die("/proc/ontime-calls");
    for (record_count = 0; record_count < RECORDS; record_count++) {
        struct record *record = &records[record_count];
        unsigned long long at, value;

        if (fscanf(file, "%u %llu %7s %llu", &record->cpu, &at, record->what, &value) != 4)
            break;
        record->counter = at;
        record->value = value;
    }
    fclose(file);
}

int find(const char *what, int from)
{
    for (int i = from; i < record_count; i++)
        if (!strcmp(records[i].what, what))
            return i;
    return -1;
}

void verdict(const char *name, const char *fault)
{
    cases++;
    failures += fault != NULL;
    printf("%s %s%s%s\n", fault ? "FAIL" : "ok", name, fault ? ": " : "", fault ? fault : "");
    if (!fault)
        return;
    for (int i = 0; i < record_count && i < 60; i++)
        printf("    cpu %u %llu %s %llu\n", records[i].cpu, (unsigned long long)records[i].counter,
               records[i].what, (unsigned long long)records[i].value);
}

bool is_about(uint64_t deadline, uint64_t start, uint64_t ns)
{
    return deadline >= start + to_ticks(ns) && deadline <= start + to_ticks(ns + 3 * MILLISECOND);
}

int find_over(int from)
{
    for (int i = from; i < record_count; i++)
        if (!strcmp(records[i].what, "done") || !strcmp(records[i].what, "idle"))
            return i;
    return -1;
}

bool over_before(uint64_t from, uint64_t end)
{
    for (int over = find_over(0); over >= 0; over = find_over(over + 1))
        if (records[over].counter > from && records[over].counter < end)
            return true;
    return false;
}

void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set))
        die("sched_setaffinity");
}

bool told_about(uint64_t start, uint64_t ns)
{
    read_calls();
    for (int arm = find(told, 0); arm >= 0; arm = find(told, arm + 1))
        if (is_about(records[arm].value, start, ns))
            return true;
    return false;
}

void be_busy_for(uint64_t ns)
{
    uint64_t end = counter() + to_ticks(ns);

    while (counter() < end)
        ;
}

void rest(uint64_t ns)
{
    static int ends[2];
    struct timeval timeout = {.tv_usec = (suseconds_t)(ns / 1000)};
    char byte;

    if (!ends[0] && socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        die("socketpair");
    if (setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)))
        die("SO_RCVTIMEO");
    if (recv(ends[0], &byte, 1, 0) != -1)
        die("recv");
}

unsigned long long status_of(const char *name)
{
    FILE *file = fopen(ONTIME_STATUS, "r");
    char key[64];
    unsigned long long value, found = ~0ULL;

    if (!file)
        die(ONTIME_STATUS);
    while (fscanf(file, "%63s %llu", key, &value) == 2)
        if (!strcmp(key, name))
            found = value;
    fclose(file);
    return found;
}

void be_real_time(bool yes)
{
    struct sched_param parameters = {.sched_priority = yes ? 50 : 0};

    if (sched_setscheduler(0, yes ? SCHED_FIFO : SCHED_OTHER, &parameters))
        die("sched_setscheduler");
}

void records_begin(int count, char **words)
{
    if (count != 2 || (strcmp(words[1], "page") != 0 && strcmp(words[1], "calls") != 0)) {
        fprintf(stderr, "usage: %s page|calls\n", words[0]);
        exit(2);
    }
    told = strcmp(words[1], "page") != 0 ? "arm" : "store";
    __asm__("mrs %0, cntfrq_el0" : "=r"(hz));
    setvbuf(stdout, NULL, _IOLBF, 0);
}

void be_chosen(void)
{
    int device = open(ONTIME_DEVICE, O_RDONLY | O_CLOEXEC);

    if (device < 0 || ioctl(device, ONTIME_IOC_RUN, 0))
        die(ONTIME_DEVICE);
    close(device);
}

int records_end(void)
{
    printf("%d cases, %d failed\n", cases, failures);
    return failures != 0;
}
