// SPDX-License-Identifier: Apache-2.0
/*
 * A debugger of itself: a child is stepped, stopped by a hardware breakpoint, and by a hardware watchpoint.
 * Prints a line for each; the exit status says how many failed.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asm/ptrace.h>

#define LOOPS        100
#define ENABLE_EL0   (1u | 2u << 1)
#define STORE        (2u << 3)
#define ALL_BYTES(n) (((1u << (n)) - 1) << 5)

static volatile int target;

__attribute__((noinline)) static void stop_here(void)
{
    target++;
}

/* Starts a child that stops at once, and then works. */
static pid_t start(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        kill(getpid(), SIGSTOP);
        for (int i = 0; i < LOOPS; i++)
            stop_here();
        _exit(7);
    }
    waitpid(child, &status, 0);
    return child;
}

/* Ends what is left of a child. */
static void end(pid_t child, int status)
{
    if (WIFSTOPPED(status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
}

static int step(void)
{
    pid_t child = start();
    long steps = 0;
    int status = 0;

    while (ptrace(PTRACE_SINGLESTEP, child, 0, 0) == 0 && waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status))
        steps++;
    printf("debugger: %ld steps\n", steps);
    return steps < 4L * LOOPS || !WIFEXITED(status) || WEXITSTATUS(status) != 7;
}

/* Is the child stopped by the first register of that kind, when it has this address and control? */
static int hit(const char *what, int kind, uint64_t address, uint32_t control)
{
    pid_t child = start();
    struct user_hwdebug_state state = {0};
    struct iovec piece = {&state, sizeof(state)};
    siginfo_t info = {0};
    int status = 0;

    if (ptrace(PTRACE_GETREGSET, child, kind, &piece) == 0) {
        state.dbg_regs[0].addr = address;
        state.dbg_regs[0].ctrl = control;
        piece.iov_len = offsetof(struct user_hwdebug_state, dbg_regs) + sizeof(state.dbg_regs[0]);
        ptrace(PTRACE_SETREGSET, child, kind, &piece);
    }
    ptrace(PTRACE_CONT, child, 0, 0);
    waitpid(child, &status, 0);
    ptrace(PTRACE_GETSIGINFO, child, 0, &info);
    int ok = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP && info.si_code == TRAP_HWBKPT;
    printf("debugger: %s %s, of %u\n", what, ok ? "hit" : "not hit", state.dbg_info & 0xFF);
    end(child, status);
    return !ok;
}

int main(void)
{
    int failed = step();

    failed += hit("breakpoint", NT_ARM_HW_BREAK, (uintptr_t)stop_here, ENABLE_EL0 | ALL_BYTES(4));
    failed += hit("watchpoint", NT_ARM_HW_WATCH, (uintptr_t)&target & ~UINT64_C(7),
                  ENABLE_EL0 | STORE | ALL_BYTES(8));
    return failed;
}
