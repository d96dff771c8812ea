/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fig. 1 shows one sleep of the player before and one after, each with the median error of its run: who had
 * the core around it (from the trace), when the guest's timer expired (T_expire), when the hypervisor handled
 * that (T_handle), and when the task ran again. T_err is the time from T_expire until then. Times are in ms
 * from T_expire.
 *
 * Fig. 2 shows the sleeps of 2, 4 and 6 ms with the ticks of the hypervisor. Times are in ms from the first
 * tick.
 *
 * Fig. 4 and 5 are drawn from the raw points; only their common ranges are computed here.
 */
#include "analyse/figures.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include "analyse/demo.h"
#include "analyse/util.h"

#define MARGIN_MS 4 /* what Fig. 1 shows before the sleep's start and after its end */

static uint64_t ms_to_ticks(const struct series *series, uint64_t ms)
{
    return ms * series->hz / 1000;
}

static double ms_since(const struct series *series, uint64_t time, uint64_t origin)
{
    return ((double)time - (double)origin) * 1e3 / (double)series->hz;
}

/* The sleep whose error is the run's median. */
static const struct sleep *typical_sleep(const struct run *run)
{
    const struct series *series = &run->log.series[0];
    const struct sleep *best = &series->sleeps[0];
    int64_t median = llround(run->summary.p50_us * 1e3);

    for (size_t i = 0; i < series->count; i++)
        if (llabs(sleep_error_ns(series, &series->sleeps[i]) - median) <
            llabs(sleep_error_ns(series, best) - median))
            best = &series->sleeps[i];
    return best;
}

/* Who had the core: lines `lane from to`, in ms; lane 0 is the measured VM. */
static void write_timeline(const struct run *run, FILE *file, uint64_t from, uint64_t to, uint64_t origin)
{
    const struct series *series = &run->log.series[0];
    int running = TRACE_NO_VM;
    uint64_t since = from;

    for (size_t i = 0; i < run->trace.count && since < to; i++) {
        const struct trace_event *event = &run->trace.events[i];
        uint64_t time = event->time < to ? event->time : to;

        if (event->type != ONTIME_TRACE_SWITCH)
            continue;
        if (time > since && running != TRACE_NO_VM)
            fprintf(file, "%d %.6f %.6f\n", running, ms_since(series, since, origin),
                    ms_since(series, time, origin));
        running = event->vm;
        since = time > from ? time : from;
    }
}

static void write_fig1(const char *out, const struct run *run, enum ontime_trace_type handled_by,
                       const char *name)
{
    const struct series *series = &run->log.series[0];
    const struct sleep *sleep = typical_sleep(run);
    uint64_t margin = ms_to_ticks(series, MARGIN_MS);
    uint64_t expire = sleep->start + (sleep->requested_ns + series->slack_ns) * series->hz / 1000000000u;
    const struct trace_event *handled = trace_find(&run->trace, expire, handled_by, 0);
    FILE *file = create("%s/figures/%s.dat", out, name);

    if (!handled)
        die("%s: the trace does not say how the timer of %" PRIu64 " was handled", run->name, expire);
    write_timeline(run, file, sleep->start - margin, sleep->end + margin, expire);
    fclose(file);
    file = create("%s/figures/%s.gp", out, name);
    fprintf(file, "start = %.6f\nhandle = %.6f\nend = %.6f\nrequest = %.6f\nother = '%s'\n",
            ms_since(series, sleep->start, expire), ms_since(series, handled->time, expire),
            ms_since(series, sleep->end, expire), (double)sleep->requested_ns / 1e6, run->log.vms[1].name);
    fclose(file);
}

/* Lines `request start expire end`; the ticks are drawn by the script, every 10 ms from 0. */
static void write_fig2(const char *out)
{
    const struct run *run = &runs[STEPS_TICK];
    const struct series *series = &run->log.series[0];
    const struct trace_event *tick;
    FILE *file = create("%s/figures/fig2.dat", out);

    /* The first sleep only brings the guest to a tick: the first one after its start is the origin. */
    tick = trace_find(&run->trace, series->sleeps[0].start, ONTIME_TRACE_TICK, TRACE_NO_VM);
    if (!tick)
        die("%s: no tick in the trace", run->name);
    for (size_t i = 1; i < series->count; i++) {
        const struct sleep *sleep = &series->sleeps[i];
        double request = (double)sleep->requested_ns / 1e6;
        double start = ms_since(series, sleep->start, tick->time);

        fprintf(file, "%g %.6f %.6f %.6f\n", request, start, start + request,
                ms_since(series, sleep->end, tick->time));
    }
    fclose(file);
}

/* Where both axes of Fig. 4 and 5 end, ms. */
static double common_range(void)
{
    double longest = 0;

    for (unsigned id = PLAYER_TICK; id <= PLAYER_PRECISE; id++) {
        const struct series *series = &runs[id].log.series[0];

        for (size_t i = 0; i < series->count; i++)
            longest =
                fmax(longest, (double)ticks_to_ns(series, series->sleeps[i].end - series->sleeps[i].start));
    }
    return 5 * ceil(longest / 5e6);
}

void figures_write(const char *out)
{
    FILE *file = create("%s/figures/range.gp", out);

    fprintf(file, "longest = %g\nbefore_mean = %.3f\npublished_mean = %.3f\nafter_mean = %.3f\n",
            common_range(), runs[PLAYER_TICK].summary.mean_us / 1e3,
            runs[PLAYER_PUBLISHED].summary.mean_us / 1e3, runs[PLAYER_PRECISE].summary.mean_us / 1e3);
    fclose(file);
    write_fig1(out, &runs[PLAYER_TICK], ONTIME_TRACE_GUEST_TIMER, "fig1-before");
    write_fig1(out, &runs[PLAYER_PRECISE], ONTIME_TRACE_TIMER_FIRED, "fig1-after");
    write_fig2(out);
}
