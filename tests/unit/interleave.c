/* SPDX-License-Identifier: Apache-2.0 */
/* See interleave.h. */
#include "interleave.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
#include "arch/fake/fake.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK 262144

struct random interleave_random;

static struct {
    ucontext_t context;
    void *sanitizer;
    char *stack;
    bool done;
} cores[INTERLEAVE_CORES];

static ucontext_t scheduler;
static void *scheduler_sanitizer;
static const void *scheduler_stack;
static size_t scheduler_stack_size;

static bool running; /* a core is, inside of interleave_run() */
static unsigned current;
static void (*core_body)(unsigned core);

static char seed_line[64]; /* "" when no seed runs */
static bool narrate;
static bool still;

static bool armed;
static unsigned points_left;
static void (*armed_call)(void *argument);
static void *armed_argument;

/* For a test that fails and ends the program. */
static void say_seed(void)
{
    (void)!write(STDERR_FILENO, seed_line, strlen(seed_line));
}

/* The same when an ASSERT() fails, which aborts. */
static void aborted(int number)
{
    (void)number;
    say_seed();
}

void interleave_seeds(unsigned count, void (*run)(uint64_t seed))
{
    const char *only = getenv("SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 0) : 1;

    (void)signal(SIGABRT, aborted);
    (void)atexit(say_seed);
    narrate = only != NULL;
    for (uint64_t seed = first; seed < first + (narrate ? 1 : count); seed++) {
        (void)snprintf(seed_line, sizeof(seed_line), "SEED=%llu failed\n", (unsigned long long)seed);
        interleave_random.state = seed;
        run(seed);
    }
    seed_line[0] = '\0';
}

/* The address sanitizer is told of each change of stacks. `save` NULL: the stack left is not used again. */
static void stack_leaves(void **save, const void *bottom, size_t size)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(save, bottom, size);
#else
    (void)save, (void)bottom, (void)size;
#endif
}

static void stack_comes(void *saved, const void **bottom, size_t *size)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(saved, bottom, size);
#else
    (void)saved, (void)bottom, (void)size;
#endif
}

/* Back to interleave_run(). */
static void leave(bool for_good)
{
    unsigned own = current;

    running = false;
    stack_leaves(for_good ? NULL : &cores[own].sanitizer, scheduler_stack, scheduler_stack_size);
    swapcontext(&cores[own].context, &scheduler);
    stack_comes(cores[own].sanitizer, &scheduler_stack, &scheduler_stack_size);
    running = true;
}

static void begin(void)
{
    stack_comes(NULL, &scheduler_stack, &scheduler_stack_size);
    running = true;
    core_body(current);
    cores[current].done = true;
    leave(true);
}

static void go_on(unsigned core)
{
    current = core;
    fake_set_cpu(core); /* each has its own locks */
    stack_leaves(&scheduler_sanitizer, cores[core].stack, STACK);
    swapcontext(&scheduler, &cores[core].context);
    stack_comes(scheduler_sanitizer, NULL, NULL);
    fake_set_cpu(0);
}

/* Ready to begin. */
static void prepare(unsigned core)
{
    ucontext_t *context = &cores[core].context;

    if (cores[core].stack == NULL)
        cores[core].stack = malloc(STACK);
    assert_non_null(cores[core].stack);
    cores[core].done = false;
    assert_int_equal(getcontext(context), 0);
    context->uc_stack.ss_sp = cores[core].stack;
    context->uc_stack.ss_size = STACK;
    context->uc_link = NULL;
    makecontext(context, begin, 0);
}

void interleave_run(unsigned count, void (*body)(unsigned core))
{
    unsigned left = count;

    assert_in_range(count, 1, INTERLEAVE_CORES);
    core_body = body;
    for (unsigned i = 0; i < count; i++)
        prepare(i);
    while (left != 0) {
        unsigned core = (unsigned)random_below(&interleave_random, count);

        if (cores[core].done)
            continue;
        go_on(core);
        left -= cores[core].done;
    }
}

unsigned interleave_core(void)
{
    return current;
}

void interleave_choose(unsigned core)
{
    assert_false(running);
    current = core;
}

void interleave_point(void)
{
    if (still)
        return;
    if (armed && points_left-- == 0) {
        armed = false;
        armed_call(armed_argument);
    }
    if (running)
        leave(false);
}

void interleave_hold(bool hold)
{
    still = hold;
}

void interleave_at(unsigned when, void (*call)(void *argument), void *argument)
{
    armed = true;
    points_left = when;
    armed_call = call;
    armed_argument = argument;
}

bool interleave_called(void)
{
    bool called = !armed;

    armed = false;
    return called;
}

void interleave_note(const char *format, ...)
{
    va_list arguments;

    if (!narrate)
        return;
    va_start(arguments, format);
    (void)printf("core %u: ", current);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    (void)fflush(stdout);
    va_end(arguments);
}
