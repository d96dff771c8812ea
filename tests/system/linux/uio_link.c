/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uio_link ROUNDS: the first of the two guests of guest/bare/link.c as a program of Linux, which has its ends
 * of the links as /dev/uioN. It prints `linux: ok WHAT` or `linux: FAIL WHAT` for each thing it looks at.
 */
#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ontime/link.h"

#define LIVES 0
#define TOKEN 1
#define WORD  0x600DF00Du

struct end {
    int file;
    volatile uint32_t *registers, *memory;
    size_t size;
    uint32_t rings; /* as the file counts them */
};

static bool failed;

static void look(bool good, const char *what)
{
    printf("linux: %s %s\n", good ? "ok" : "FAIL", what);
    (void)fflush(stdout);
    failed = failed || !good;
}

static bool read_line(int n, const char *what, char *line, int size)
{
    char path[64];
    FILE *file;
    bool good;

    (void)snprintf(path, sizeof(path), "/sys/class/uio/uio%d/%s", n, what);
    file = fopen(path, "r");
    if (file == NULL)
        return false;
    good = fgets(line, size, file) != NULL;
    (void)fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return good;
}

static bool open_end(const char *name, struct end *end)
{
    char line[64] = "";
    int n = 0;

    while (read_line(n, "name", line, sizeof(line)) && strcmp(line, name) != 0)
        n++;
    if (strcmp(line, name) != 0 || !read_line(n, "maps/map1/size", line, sizeof(line)))
        return false;
    end->size = strtoul(line, NULL, 0);
    (void)snprintf(line, sizeof(line), "/dev/uio%d", n);
    end->file = open(line, O_RDWR | O_SYNC);
    if (end->file < 0)
        return false;
    end->registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, end->file, 0);
    end->memory = mmap(NULL, end->size, PROT_READ | PROT_WRITE, MAP_SHARED, end->file, 4096);
    return end->registers != MAP_FAILED && end->memory != MAP_FAILED;
}

static uint32_t get(const struct end *end, unsigned reg)
{
    return end->registers[reg / 4];
}

static void ring(const struct end *end)
{
    __asm__ volatile("dsb sy" ::: "memory");
    end->registers[ONTIME_LINK_RING / 4] = 1;
}

/* Has the interrupt on, and waits for the next ring. */
static void wait(struct end *end)
{
    uint32_t on = 1;

    if (write(end->file, &on, sizeof(on)) != sizeof(on) ||
        read(end->file, &end->rings, sizeof(end->rings)) != sizeof(end->rings)) {
        look(false, "wait");
        exit(1);
    }
}

static void wait_for_token(struct end *end, uint32_t wanted)
{
    while (end->memory[TOKEN] != wanted)
        wait(end);
}

static void wait_for_peer(struct end *end, uint32_t wanted)
{
    while (get(end, ONTIME_LINK_PEER) != wanted)
        wait(end);
}

static sigjmp_buf fault;

static void caught(int number)
{
    siglongjmp(fault, number);
}

/* A byte of a register: there are none. */
static bool byte_faults(const struct end *end)
{
    int number;

    (void)signal(SIGBUS, caught);
    (void)signal(SIGSEGV, caught);
    number = sigsetjmp(fault, 1);
    if (number == 0)
        (void)*(volatile uint8_t *)end->registers;
    return number != 0;
}

int main(int argc, char **argv)
{
    uint32_t rounds = argc > 1 ? (uint32_t)atoi(argv[1]) : 100;
    struct end token, other;

    if (!open_end("token", &token) || !open_end("read-only", &other)) {
        look(false, "open");
        return 1;
    }
    look(get(&token, ONTIME_LINK_MAGIC) == ONTIME_LINK_MAGIC_VALUE, "magic");
    look(get(&token, ONTIME_LINK_SIZE) == token.size, "size");
    look(get(&token, ONTIME_LINK_END) == 0 && get(&other, ONTIME_LINK_END) == 1, "ends");
    look(byte_faults(&token), "byte");
    wait_for_peer(&token, 1u << ONTIME_LINK_STARTS_SHIFT | ONTIME_LINK_UP);
    other.memory[0] = other.memory[other.size / 4 - 1] = WORD;
    for (uint32_t next = 1; next <= 2 * rounds; next += 2) {
        token.memory[TOKEN] = next;
        ring(&token);
        wait_for_token(&token, next + 1);
    }
    look(token.rings > 0 && token.rings <= rounds + 2, "rings");
    token.memory[TOKEN] = 2 * rounds + 1;
    ring(&token);
    wait_for_peer(&token, 2u << ONTIME_LINK_STARTS_SHIFT | ONTIME_LINK_UP);
    look(true, "restart");
    token.memory[TOKEN] = 2 * rounds + 3;
    ring(&token);
    wait_for_peer(&token, 2u << ONTIME_LINK_STARTS_SHIFT);
    look(token.memory[LIVES] == 2, "lives");
    printf("linux: %u rings in %u rounds\n", token.rings, rounds);
    return failed;
}
