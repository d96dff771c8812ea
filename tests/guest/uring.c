// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

enum { ENTRIES = 4, SECOND = 1000000000 };

/* One for the process, set up by its first use. */
static struct {
    int fd;
    unsigned *tail, *array, *done_head, *done_tail;
    struct io_uring_sqe *sqes;
    unsigned filled, submitted; /* requests so far */
} ring;

static void *map(size_t size, off_t offset)
{
    void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, offset);

    if (address != MAP_FAILED)
        return address;
    perror("io_uring");
    exit(2);
}

static void begin(void)
{
    struct io_uring_params parameters = {0};
    char *queue, *done;

    if (ring.sqes)
        return;
    ring.fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &parameters);
    queue = map(parameters.sq_off.array + ENTRIES * sizeof(unsigned), IORING_OFF_SQ_RING);
    done =
        map(parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe), IORING_OFF_CQ_RING);
    ring.sqes = map(ENTRIES * sizeof(*ring.sqes), IORING_OFF_SQES);
    ring.tail = (unsigned *)(queue + parameters.sq_off.tail);
    ring.array = (unsigned *)(queue + parameters.sq_off.array);
    ring.done_head = (unsigned *)(done + parameters.cq_off.head);
    ring.done_tail = (unsigned *)(done + parameters.cq_off.tail);
}

static struct io_uring_sqe *request(unsigned char operation)
{
    unsigned place = ring.filled++ % ENTRIES;
    struct io_uring_sqe *sqe = &ring.sqes[place];

    memset(sqe, 0, sizeof(*sqe));
    ring.array[place] = place;
    sqe->opcode = operation;
    return sqe;
}

/* Submits what was requested, and waits for `completions` of it, whatever they say. */
static void end(unsigned completions, unsigned flags, void *argument, size_t size)
{
    __atomic_store_n(ring.tail, ring.filled, __ATOMIC_RELEASE);
    syscall(SYS_io_uring_enter, ring.fd, ring.filled - ring.submitted, completions,
            IORING_ENTER_GETEVENTS | flags, argument, size);
    ring.submitted = ring.filled;
    __atomic_store_n(ring.done_head, __atomic_load_n(ring.done_tail, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

static struct __kernel_timespec time_of(int64_t ns)
{
    return (struct __kernel_timespec){.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
}

static void set_time(struct io_uring_sqe *sqe, const struct __kernel_timespec *time)
{
    sqe->addr = (uintptr_t)time;
    sqe->len = 1;
}

void uring_timeout(int64_t ns)
{
    struct __kernel_timespec time = time_of(ns);

    begin();
    set_time(request(IORING_OP_TIMEOUT), &time);
    end(1, 0, NULL, 0);
}

void uring_link_timeout(int64_t ns)
{
    struct __kernel_timespec time = time_of(ns);
    struct io_uring_sqe *read;
    int ends[2];
    char byte;

    if (pipe(ends)) {
        perror("pipe");
        exit(2);
    }
    begin();
    read = request(IORING_OP_READ);
    read->fd = ends[0];
    read->addr = (uintptr_t)&byte;
    read->len = 1;
    read->flags = IOSQE_IO_LINK;
    set_time(request(IORING_OP_LINK_TIMEOUT), &time);
    end(2, 0, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

void uring_wait(int64_t ns)
{
    struct __kernel_timespec time = time_of(ns);
    struct io_uring_getevents_arg argument = {.ts = (uintptr_t)&time};

    begin();
    end(1, IORING_ENTER_EXT_ARG, &argument, sizeof(argument));
}
