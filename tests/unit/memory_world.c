/* SPDX-License-Identifier: Apache-2.0 */
/* See memory_world.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/memory.h"
#include "memory_world.h"

uint8_t *world_ram;

uint64_t world_address(uint64_t offset)
{
    return (uint64_t)(uintptr_t)world_ram + offset;
}

uint64_t world_offset(const void *memory)
{
    return (uint64_t)((const uint8_t *)memory - world_ram);
}

static bool has_succeeded(pid_t child)
{
    int status;

    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

void world_child(void (*run)(const void *argument), const void *argument)
{
    pid_t child = fork();

    if (child == 0) {
        run(argument);
        _exit(0);
    }
    assert_true(has_succeeded(child));
}

static bool map_ram(void)
{
    uint8_t *mapped = mmap(NULL, WORLD_RAM + MEMORY_BLOCK, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mapped == MAP_FAILED)
        return false;
    world_ram = mapped + (MEMORY_BLOCK - (uintptr_t)mapped % MEMORY_BLOCK) % MEMORY_BLOCK;
    return true;
}

/* A group of one test, so that a child whose test has failed does not go on with the next. */
static bool run_alone(const struct CMUnitTest *test)
{
    const struct CMUnitTest tests[] = {*test};
    pid_t child = fork();

    if (child == 0)
        exit(cmocka_run_group_tests(tests, NULL, NULL));
    return has_succeeded(child);
}

int world_run_alone(const struct CMUnitTest *tests, size_t count)
{
    int failed = 0;

    if (!map_ram())
        return 1;
    for (size_t i = 0; i < count; i++)
        failed += !run_alone(&tests[i]);
    return failed;
}
