/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into an unmodified program (LD_PRELOAD), it logs the program's sleeps: every libc call that
 * sleeps for a given time. A process that never sleeps writes nothing. MPlayer writes and flushes its status
 * line once for each frame, right after showing it: so the log knows when frames were shown. See sleeplog.h.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "sleeplog.h"

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request, struct timespec *remain)
{
    return sleeplog_sleep(clock, flags, request, remain);
}

int nanosleep(const struct timespec *request, struct timespec *remain)
{
    int error = sleeplog_sleep(CLOCK_REALTIME, 0, request, remain);

    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

int usleep(useconds_t microseconds)
{
    struct timespec request = {.tv_sec = microseconds / 1000000,
                               .tv_nsec = (long)(microseconds % 1000000) * 1000};

    return nanosleep(&request, NULL);
}

int fflush(FILE *stream)
{
    static int (*libc_fflush)(FILE *);

    if (!libc_fflush)
        *(void **)&libc_fflush = dlsym(RTLD_NEXT, "fflush");
    if (stream == stdout)
        sleeplog_frame_shown();
    return libc_fflush(stream);
}

__attribute__((destructor)) static void write_log(void)
{
    sleeplog_finish();
}
