// SPDX-License-Identifier: Apache-2.0
/*
 * Recording of the trace: all cores' rings are read again and again, faster than they fill up. What is read
 * waits in a file for each core, as it is in memory. At the end these become the dumps of one file, in which
 * the number of records comes first.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "control.h"
#include "ontime_ioctl.h"
#include "settings.h"
#include "trace_lines.h"

enum { CORES = 64, POLL_MS = 5 };

struct ring {
    unsigned cpu;
    uint64_t next; /* the number of the record to be read next */
    uint64_t count, lost;
    FILE *spool;
};

struct options {
    const char *file;
    double seconds; /* 0: until a signal */
    bool history;
};

static struct ring rings[CORES];
static unsigned ring_count;
static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

/* A file without a name in the folder of the one that is to be written, where there should be room. */
static FILE *make_spool(const char *file)
{
    char *path = malloc(strlen(file) + sizeof(".XXXXXX"));
    FILE *spool = NULL;
    int fd;

    if (path) {
        sprintf(path, "%s.XXXXXX", file);
        fd = mkstemp(path);
        if (fd >= 0) {
            unlink(path);
            spool = fdopen(fd, "w+b");
        }
    }
    if (!spool)
        fail(EXIT_FAILED, "%s: %s", file, strerror(errno));
    free(path);
    return spool;
}

static void find_rings(const struct options *options)
{
    struct ontime_trace_record page[TRACE_PAGE_RECORDS];

    for (unsigned cpu = 0; cpu < CORES; cpu++) {
        struct ring *ring = &rings[ring_count];
        uint64_t now = ONTIME_TRACE_NEXT;

        if (trace_read(cpu, &now, page) < 0)
            continue;
        *ring = (struct ring){.cpu = cpu, .next = now, .spool = make_spool(options->file)};
        if (options->history) {
            ring->next = 0;
            (void)trace_read(cpu, &ring->next, page); /* the oldest that is left */
        }
        ring_count++;
    }
    if (!ring_count)
        fail(EXIT_FAILED, "Ontime records no trace: 'trace-kib' is 0 in the system file");
}

/* Reads what is new in a ring; no more than `most` records, so that all rings have their turn. */
static bool drain(struct ring *ring, unsigned most)
{
    struct ontime_trace_record page[TRACE_PAGE_RECORDS];
    long count = 1;

    while (most > 0 && count > 0) {
        uint64_t first = ring->next;

        count = trace_read(ring->cpu, &first, page);
        if (count <= 0)
            return false;
        ring->lost += first - ring->next;
        ring->next = first + (uint64_t)count;
        ring->count += (uint64_t)count;
        if (fwrite(page, sizeof(page[0]), (size_t)count, ring->spool) != (size_t)count)
            fail(EXIT_FAILED, "the trace's file: %s", strerror(errno));
        if (count < TRACE_PAGE_RECORDS)
            return false;
        most -= (unsigned)count;
    }
    return true;
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void record(const struct options *options)
{
    double until = now_s() + options->seconds;

    while (!over && (options->seconds == 0 || now_s() < until)) {
        bool more = false;

        for (unsigned i = 0; i < ring_count; i++)
            if (drain(&rings[i], 4 * TRACE_PAGE_RECORDS))
                more = true;
        if (!more)
            sleep_ms(POLL_MS);
    }
}

static void write_names(FILE *file, const struct vm_list *list)
{
    unsigned id = 0;

    for (unsigned vm = 0; vm < list->count; vm++)
        for (unsigned vcpu = 0; vcpu < list->vms[vm].vcpus; vcpu++)
            trace_vcpu(file, id++, list->vms[vm].name, vcpu);
}

static void write_ring(FILE *file, const struct ring *ring, const struct vm_list *list, uint64_t hz)
{
    /* a multiple of what a line has */
    struct ontime_trace_record records[TRACE_LINE_RECORDS * 16];
    size_t count;

    rewind(ring->spool);
    trace_begin(file, ring->cpu, hz, ring->count, ring->lost);
    write_names(file, list);
    while ((count = fread(records, sizeof(records[0]), sizeof(records) / sizeof(records[0]), ring->spool)) >
           0)
        trace_data(file, records, count);
    trace_end(file);
}

static void write_file(const char *path)
{
    struct ontime_vcpu_info vcpu;
    struct vm_list list;
    FILE *file = fopen(path, "w");

    if (!file)
        fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
    vm_list(&list);
    vcpu_info(0, 0, &vcpu);
    for (unsigned i = 0; i < ring_count; i++)
        write_ring(file, &rings[i], &list, vcpu.hz);
    if (ferror(file) || fclose(file))
        fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
}

static void read_options(int count, char **words, struct options *options)
{
    static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                                 {"seconds", required_argument, NULL, 's'},
                                                 {"history", no_argument, NULL, 'h'},
                                                 {0}};
    int option;

    while ((option = getopt_long(count, words, "o:s:", long_options, NULL)) >= 0) {
        if (option == 'o')
            options->file = optarg;
        else if (option == 'h')
            options->history = true;
        else if (option != 's' || !read_seconds(optarg, &options->seconds))
            fail_usage();
    }
    if (optind != count || !options->file)
        fail_usage();
}

static void trace_record(int count, char **words)
{
    struct sigaction action = {.sa_handler = end};
    struct options options = {0};
    uint64_t records = 0, lost = 0;

    read_options(count, words, &options);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    find_rings(&options);
    record(&options);
    for (unsigned i = 0; i < ring_count; i++) {
        (void)drain(&rings[i], UINT32_MAX);
        records += rings[i].count;
        lost += rings[i].lost;
    }
    write_file(options.file);
    fprintf(stderr, "%" PRIu64 " records of %u CPUs, %" PRIu64 " lost\n", records, ring_count, lost);
}

void trace_command(int count, char **words)
{
    if (count == 1)
        ask_module(ONTIME_IOC_TRACE, 0);
    else if (strcmp(words[1], "record") == 0)
        trace_record(count - 1, words + 1);
    else if (strcmp(words[1], "clock") == 0 && count == 2)
        print_clock();
    else
        fail_usage();
}
