/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From logs to figures. What a VM used is the difference of Ontime's accounts at the two marks that frame
 * each series of sleeps. The trace, which other places of the hypervisor write, has to agree with that. It is
 * a ring: of many series it may hold only the last ones, and those are compared.
 */
#include "analyse/results.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyse/util.h"

#define CDF_POINTS 400 /* of a distribution at most: by the logarithm of the share, and by rank */

static void add_account(struct account *sum, const struct account *from, const struct account *to)
{
    sum->run += to->run - from->run;
    sum->el2 += to->el2 - from->el2;
    sum->stolen += to->stolen - from->stolen;
    sum->exits += to->exits - from->exits;
    sum->switches += to->switches - from->switches;
    sum->armed += to->armed - from->armed;
    sum->fired += to->fired - from->fired;
    sum->warps += to->warps - from->warps;
    sum->denied += to->denied - from->denied;
    sum->cut += to->cut - from->cut;
    sum->late_max = to->late_max; /* it counts from the VM's start */
}

/* The two differ by the work that Ontime does for one VM in another's turn, which only the accounting knows.
 */
static void compare_with_trace(struct run *run, const struct mark *from, const struct mark *to)
{
    double of_all = 0, greatest = 0;

    if (!trace_covers(&run->trace, from->time))
        return;
    run->traced++;
    run->met_pending_tick += trace_met_pending_tick(&run->trace, 0, from->time, to->time);
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        double marked = (double)(to->vms[vm].run - from->vms[vm].run);
        double traced = (double)trace_run_ticks(&run->trace, (int)vm, from->time, to->time);

        of_all += marked - traced;
        greatest = fmax(greatest, fabs(marked - traced));
    }
    run->trace_deviation =
        fmax(run->trace_deviation, (run->lends ? fabs(of_all) : greatest) / (double)(to->time - from->time));
}

static unsigned cores_of(const struct run *run, size_t vm)
{
    for (size_t i = 0; run->placed && i < MAX_VMS && run->placed[i].vm; i++)
        if (!strcmp(run->placed[i].vm, run->log.vms[vm].name))
            return run->placed[i].cores;
    return 1;
}

unsigned run_cores(const struct run *run, size_t vm)
{
    return (unsigned)__builtin_popcount(cores_of(run, vm));
}

bool run_shares_core(const struct run *run, size_t vm, size_t other)
{
    return (cores_of(run, vm) & cores_of(run, other)) != 0;
}

unsigned run_cores_of_all(const struct run *run)
{
    unsigned cores = 0;

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        cores |= cores_of(run, vm);
    return (unsigned)__builtin_popcount(cores);
}

double run_share_due(const struct run *run, size_t vm)
{
    unsigned cores = cores_of(run, vm);
    double due = 0;

    for (unsigned bit = 1; bit && bit <= cores; bit <<= 1) {
        unsigned sharing = 0;

        for (size_t other = 0; other < run->log.vm_count; other++)
            sharing += (cores_of(run, other) & bit) != 0;
        due += (cores & bit) != 0 ? 1.0 / sharing : 0;
    }
    return due / run_cores(run, vm);
}

double run_charged(const struct run *run)
{
    double charged = 0;
    unsigned cores = 0;

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        cores |= run->log.vms[vm].progress_count ? cores_of(run, vm) : 0;
    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        charged += (cores_of(run, vm) & cores) ? run->share[vm] * run_cores(run, vm) : 0;
    return charged / __builtin_popcount(cores);
}

bool run_is_parallel(const struct run *run)
{
    unsigned cores = 1;

    for (size_t i = 0; run->placed && i < MAX_VMS && run->placed[i].vm; i++)
        cores |= run->placed[i].cores;
    return cores != 1;
}

/*
 * From the first mark of any CPU's sleeper to the last, as they are placed in the same time. A KVM host
 * places two.
 */
static void account_in_parallel(struct run *run)
{
    const struct mark *from = run->log.marks, *to = run->log.marks;

    if (run->log.mark_count != (run->peer && run->log.mark_count == 2 ? 2 : 2 * run->log.series_count))
        die("%s: %zu marks for %zu logs of sleeps", run->name, run->log.mark_count, run->log.series_count);
    for (size_t i = 1; i < run->log.mark_count; i++) {
        const struct mark *mark = &run->log.marks[i];

        from = mark->time < from->time ? mark : from;
        to = mark->time > to->time ? mark : to;
    }
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        add_account(&run->accounts[vm], &from->vms[vm], &to->vms[vm]);
        run->share[vm] = (double)run->accounts[vm].run / (double)(to->time - from->time) / run_cores(run, vm);
    }
    run->has_marks = true;
}

/* Marks 1 and 2 frame the first series, 3 and 4 the second. A KVM host places two, for all of them. */
static void account_between_marks(struct run *run)
{
    double time = 0;

    size_t pairs = run->peer && run->log.mark_count == 2 ? 1 : run->log.series_count;

    for (unsigned s = 0; s < pairs; s++) {
        const struct mark *from = log_mark(&run->log, 2 * s + 1), *to = log_mark(&run->log, 2 * s + 2);

        if (!from || !to)
            die("%s: mark %u or %u is missing", run->name, 2 * s + 1, 2 * s + 2);
        for (size_t vm = 0; vm < run->log.vm_count; vm++)
            add_account(&run->accounts[vm], &from->vms[vm], &to->vms[vm]);
        compare_with_trace(run, from, to);
        time += (double)(to->time - from->time);
    }
    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        run->share[vm] = (double)run->accounts[vm].run / time;
    run->has_marks = true;
}

/* From the first sleep of each series to its last, or while the part ran. */
static void count_products(struct run *run)
{
    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        const struct vm_log *hog = &run->log.vms[vm];
        double products = 0;

        if (!hog->progress_count)
            continue;
        for (size_t s = 0; s < run->log.series_count; s++) {
            const struct series *series = &run->log.series[s];

            uint64_t from = run->in_parts ? series->part.begin : series->sleeps[0].start;
            uint64_t to = run->in_parts ? series->part.end : series->sleeps[series->count - 1].end;

            products += log_products_at(hog, to) - log_products_at(hog, from);
        }
        run->products_per_s[vm] = products / run->summary.seconds;
    }
}

/*
 * The time, and the same, from the first sleep of any CPU to the last, whose series go on at once. The other
 * guests of a peer may have other clocks: their products are counted elsewhere.
 */
static void count_in_parallel(struct run *run)
{
    uint64_t from = UINT64_MAX, to = 0;

    for (size_t s = 0; s < run->log.series_count; s++) {
        const struct series *series = &run->log.series[s];

        if (series->sleeps[0].start < from)
            from = series->sleeps[0].start;
        if (series->sleeps[series->count - 1].end > to)
            to = series->sleeps[series->count - 1].end;
    }
    run->summary.seconds = (double)(to - from) / (double)run->log.series[0].hz;
    for (size_t vm = 0; vm < run->log.vm_count && !run->peer; vm++)
        if (run->log.vms[vm].progress_count)
            run->products_per_s[vm] =
                (log_products_at(&run->log.vms[vm], to) - log_products_at(&run->log.vms[vm], from)) /
                run->summary.seconds;
}

void run_compute(const char *out, struct run *run)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/log/%s.txt", out, run->name);
    log_read(path, run->guest, run->bare, run->placed, &run->log);
    run->summary = summarise(&run->log);
    run->in_parts = run->log.series[0].part.name[0] != '\0';
    if (run->log.player_exit == 0)
        run->late_frames = count_late_frames(&run->log.series[0]);
    if (run_is_parallel(run))
        count_in_parallel(run);
    else if (!run->peer)
        count_products(run);
    if (run->bare || (run->peer && run->log.mark_count == 0))
        return;
    if (run_is_parallel(run)) {
        account_in_parallel(run);
        return;
    }
    if (!run->peer && !run->in_parts && !run->untraced) {
        snprintf(path, sizeof(path), "%s/log/%s.trace.csv", out, run->name);
        trace_read(path, &run->log, &run->trace);
        snprintf(path, sizeof(path), "%s/%s.html", out, run->name);
        run->has_page = access(path, R_OK) == 0;
    }
    account_between_marks(run);
}

static json_t *by_vm(const struct run *run, const double values[MAX_VMS])
{
    json_t *object = json_object();

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        if (values[vm] > 0)
            json_object_set_new(object, run->log.vms[vm].name, json_real(values[vm]));
    return object;
}

static json_t *accounts_json(const struct run *run)
{
    json_t *object = json_object();

    for (size_t vm = 0; vm < run->log.vm_count; vm++) {
        const struct account *account = &run->accounts[vm];

        json_object_set_new(
            object, run->log.vms[vm].name,
            json_pack("{sI sI sI sI sI sI sI sI sI sI}", "run_ticks", (json_int_t)account->run,
                      "stolen_ticks", (json_int_t)account->stolen, "exits", (json_int_t)account->exits,
                      "switches", (json_int_t)account->switches, "armed", (json_int_t)account->armed, "fired",
                      (json_int_t)account->fired, "late_max_ticks", (json_int_t)account->late_max, "warps",
                      (json_int_t)account->warps, "warps_denied", (json_int_t)account->denied, "warps_cut",
                      (json_int_t)account->cut));
    }
    return object;
}

static json_t *conditions_json(const struct log *log)
{
    json_t *object = json_object();
    json_t *seeds = json_array();

    for (size_t i = 0; i < log->condition_count; i++)
        json_object_set_new(object, log->conditions[i].key, json_string(log->conditions[i].value));
    for (size_t s = 0; s < log->series_count; s++)
        if (log->series[s].seed)
            json_array_append_new(seeds, json_integer(log->series[s].seed));
    json_object_set_new(object, "slack_ns", json_integer((json_int_t)log->series[0].slack_ns));
    json_object_set_new(object, "policy", json_integer(log->series[0].policy));
    json_object_set_new(object, "priority", json_integer(log->series[0].priority));
    json_object_set_new(object, "seeds", seeds);
    return object;
}

static json_t *status_json(const struct log *log)
{
    json_t *object = json_object();

    for (size_t i = 0; i < log->status_count; i++)
        json_object_set_new(object, log->status[i].key,
                            json_integer((json_int_t)log_status(log, log->status[i].key)));
    return object;
}

static json_t *bands_json(const struct summary *summary)
{
    json_t *object = json_object();

    for (unsigned i = 0; i < BANDS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "%u-%u", 5 * i, 5 * i + 5);
        json_object_set_new(object, name, json_real(summary->bands[i]));
    }
    return object;
}

json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

const char *run_command(const char *out, const struct run *run)
{
    static char line[4096];
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/log/%s.command", out, run->name);
    file = fopen(path, "r");
    if (!file || !fgets(line, sizeof(line), file))
        die("%s: unreadable", path);
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

json_t *run_json(const char *out, const struct run *run)
{
    const struct summary *s = &run->summary;
    json_t *object =
        json_pack("{sI sf sf sf sf sf sf sf sf}", "n", (json_int_t)s->n, "mean_us", s->mean_us, "min_us",
                  s->min_us, "p50_us", s->p50_us, "p90_us", s->p90_us, "p99_us", s->p99_us, "p999_us",
                  s->p999_us, "max_us", s->max_us, "within_2ms", s->within_2ms);

    json_object_set_new(object, "requests_ms", bands_json(s));
    json_object_set_new(object, "seconds", json_real(s->seconds));
    json_object_set_new(object, "awake", json_real(s->awake));
    json_object_set_new(object, "matmul_per_s", by_vm(run, run->products_per_s));
    if (run->log.player_exit == 0)
        json_object_set_new(object, "frames",
                            json_pack("{si si si}", "shown", (int)run->log.frames, "late",
                                      (int)run->late_frames, "dropped", (int)run->log.dropped));
    if (run->has_marks && !run->peer) {
        json_object_set_new(object, "shares", by_vm(run, run->share));
        json_object_set_new(object, "accounting", accounts_json(run));
        json_object_set_new(object, "accounting_deviation_from_trace",
                            run->traced != 0 ? json_real(run->trace_deviation) : json_null());
        json_object_set_new(object, "series_in_the_trace", json_integer(run->traced));
        json_object_set_new(object, "wakeups_that_met_a_pending_tick", json_integer(run->met_pending_tick));
        json_object_set_new(object, "status", status_json(&run->log));
    }
    json_object_set_new(object, "conditions", conditions_json(&run->log));
    json_object_set_new(object, "command", json_string(run_command(out, run)));
    return object;
}

void run_write_points(const char *out, const struct run *run)
{
    const struct log *log = &run->log;
    FILE *file = create("%s/csv/%s.csv", out, run->name);

    fprintf(file, "%s,sleep,start_ticks,requested_ns,actual_ns,error_ns\n", run->in_parts ? "part" : "seed");
    for (size_t s = 0; s < log->series_count; s++)
        for (size_t k = 0; k < log->series[s].count; k++) {
            const struct sleep *sleep = &log->series[s].sleeps[k];

            if (run->in_parts)
                fputs(log->series[s].part.name, file);
            else
                fprintf(file, "%u", log->series[s].seed);
            fprintf(file, ",%zu,%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRId64 "\n", k, sleep->start,
                    sleep->requested_ns, ticks_to_ns(&log->series[s], sleep->end - sleep->start),
                    sleep_error_ns(&log->series[s], sleep));
        }
    fclose(file);
}

void run_write_distribution(const char *out, const struct run *run)
{
    FILE *file = create("%s/figures/cdf-%s.dat", out, run->name);
    double last = INFINITY;
    size_t n;
    int64_t *errors = sorted_errors(&run->log, &n);

    for (size_t i = 0; i < n; i++) {
        double share = (double)(n - i) / (double)n;
        double place = log10(share) * CDF_POINTS / log10((double)n);

        if (last - place < 1 && i % (n / CDF_POINTS + 1) != 0)
            continue;
        last = place;
        fprintf(file, "%.3f %.6g\n", (double)errors[i] / 1e3, share);
    }
    free(errors);
    fclose(file);
}
