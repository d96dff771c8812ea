// SPDX-License-Identifier: Apache-2.0
/*
 * watch-control [SECONDS]: prints each second what the control loop in another VM (guest/bare/control.c) says
 * in the memory of the link `control`, which is /dev/uio0 here. Its doorbell says when.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CYCLES, LAST_NS, WORST_NS };

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "watch-control: %s: %s\n", what, strerror(errno));
    exit(1);
}

int main(int count, char **words)
{
    const char *path = "/dev/uio0";
    long seconds = count > 1 ? atol(words[1]) : 10;
    int file = open(path, O_RDWR | O_CLOEXEC);
    long page = sysconf(_SC_PAGESIZE);
    const volatile uint32_t *memory;

    if (file < 0)
        fail(path);
    memory = mmap(NULL, (size_t)page, PROT_READ, MAP_SHARED, file, page);
    if (memory == MAP_FAILED)
        fail("the link's memory");
    for (long i = 0; i < seconds; i++) {
        uint32_t on = 1, rings;

        if (write(file, &on, sizeof(on)) != sizeof(on) || read(file, &rings, sizeof(rings)) != sizeof(rings))
            fail("the doorbell");
        printf("control: %u cycles, the last %u ns late, the worst of a second %u ns\n", memory[CYCLES],
               memory[LAST_NS], memory[WORST_NS]);
        if (fflush(stdout))
            return 1;
    }
    return 0;
}
