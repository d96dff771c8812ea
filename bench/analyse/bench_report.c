/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scenarios' figures: data for bench/{cdf,errors,shares,exits,cost}.gp, the page and the text. Data files
 * have one line for each run made: `scenario mode values...`, NaN for a value that is not known.
 */
#include <inttypes.h>
#include <math.h>
#include "analyse/bench.h"
#include "analyse/page.h"
#include "analyse/parts.h"
#include "analyse/util.h"

static void write_line(FILE *errors, FILE *costs, enum scenario scenario, enum mode mode)
{
    const struct run *run = &bench_runs[scenario][mode];
    const struct summary *s = &run->summary;
    struct cost cost = bench_cost(scenario, mode);

    fprintf(errors, "%s %s %.3f %.3f %.3f %.3f %.3f\n", bench_scenarios[scenario].name,
            bench_modes[mode].name, s->mean_us, s->p50_us, s->p99_us, s->p999_us, s->max_us);
    if (mode == BARE)
        return;
    fprintf(costs, "%s %s", bench_scenarios[scenario].name, bench_modes[mode].name);
    for (unsigned vm = 0; vm < MAX_VMS; vm++)
        fprintf(costs, " %.4f %.4f", 100 * run->share[vm], cost.exits_per_sleep[vm]);
    fprintf(costs, " %.4f %.4f %.4f\n", 100 * cost.products_lost, 100 * cost.el2, 100 * cost.uncharged);
}

void bench_write_data(const char *out)
{
    FILE *errors = create("%s/figures/errors.dat", out);
    FILE *costs = create("%s/figures/costs.dat", out);

    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = 0; m < MODES; m++) {
            if (!bench_runs[s][m].name || !scenario_is_drawn(&bench_scenarios[s]))
                continue;
            run_write_distribution(out, &bench_runs[s][m]);
            write_line(errors, costs, s, m);
        }
    fclose(errors);
    fclose(costs);
}

static void print_parts(FILE *file)
{
    bool any = false;

    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = 0; m < MODES; m++) {
            if (!bench_runs[s][m].name || !bench_runs[s][m].in_parts)
                continue;
            if (!any)
                parts_print_heading(file);
            any = true;
            parts_print(file, &bench_runs[s][m], m == BARE ? NULL : bench_bare(s));
        }
}

static void print_percent(FILE *file, double share)
{
    if (isnan(share))
        fputs("         -", file);
    else
        fprintf(file, " %8.2f%%", 100 * share);
}

/* What Ontime found, what `ontime check` promises, and how many times as much that is. */
static void print_bound(FILE *file, const struct run *run)
{
    double found = el2_late_max_us(run);

    if (found > 0 && run->bound_us > 0 && !run_demands_too_much(run))
        fprintf(file, "%9.1f %5.0f %6.1f  ", found, run->bound_us, run->bound_us / found);
    else
        fprintf(file, "%9.1f %5s %6s  ", found, "-", "-");
}

static void print_costs(FILE *file)
{
    fprintf(file, "\n%-23s %15s %10s %10s %9s %9s %22s  %s\n", "", "exits a sleep", "products", "time",
            "charged", "switches", "largest EL2 lateness,", "latest 0.1%,");
    fprintf(file, "%-23s %15s %10s %10s %9s %9s %22s  %s\n", "run", "own / others'", "lost", "in EL2",
            "to none", "a second", "us: found bound  ratio", "at guest's tick");
    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned m = BARE + 1; m < MODES; m++) {
            const struct run *run = &bench_runs[s][m];
            struct cost cost;
            double others = 0;
            uint64_t switches = 0;

            if (!run->name)
                continue;
            cost = bench_cost(s, m);
            for (size_t vm = 0; vm < run->log.vm_count; vm++) {
                others += vm ? cost.exits_per_sleep[vm] : 0;
                switches += run->accounts[vm].switches;
            }
            fprintf(file, "%-23s %7.2f /%6.2f", run->name, cost.exits_per_sleep[0], others);
            print_percent(file, cost.products_lost);
            print_percent(file, cost.el2);
            print_percent(file, cost.uncharged);
            fprintf(file, " %9.0f ", (double)switches / run->summary.seconds);
            print_bound(file, run);
            if (run->in_parts || run->peer || run_is_parallel(run))
                fputs("-\n", file);
            else
                fprintf(file, "%zu of %zu\n", cost.latest_at_tick, cost.latest);
        }
}

static void print_exact(FILE *file)
{
    for (unsigned s = 0; s < SCENARIOS; s++) {
        const struct run *run = &bench_runs[s][EXACT];
        struct summary empty = {0};

        if (run->name)
            empty = summarise_empties(&run->log);
        if (empty.n)
            fprintf(file,
                    "%s: mean %.2f us over an empty call's %.2f (p50 %.2f, n %zu); p99 %.2f, p99.9 %.2f, max "
                    "%.2f; CPU held %.1f us a sleep\n",
                    run->name, run->summary.mean_us - empty.mean_us, empty.mean_us, empty.p50_us, empty.n,
                    run->summary.p99_us, run->summary.p999_us, run->summary.max_us, held_us_per_sleep(run));
    }
}

static void print_targets(FILE *file)
{
    size_t parts = 0, met = 0;

    fprintf(file, "\n%-58s %8s    %8s\n", "target", "value", "limit");
    for (size_t i = 0; i < target_count; i++) {
        const struct target *t = &targets[i];

        parts += t->in_parts;
        met += t->in_parts && target_met(t);
        if (t->in_parts && target_met(t))
            continue;
        fprintf(file, "%-58s %8.3f %s %8.3f  ", t->what, t->value, t->at_most ? "<=" : ">=", t->limit);
        if (target_met(t))
            fputs("met\n", file);
        else
            fprintf(file, "not met, by %.3f\n", fabs(t->value - t->limit));
    }
    if (parts)
        fprintf(file, "parts: %zu of %zu targets met; those stand only in the table of the parts\n", met,
                parts);
    fputc('\n', file);
}

void bench_print(FILE *file)
{
    text_table(file, bench_runs[0], (size_t)SCENARIOS * MODES);
    print_parts(file);
    print_costs(file);
    print_exact(file);
    print_targets(file);
    text_checks(file);
}

static void write_targets(FILE *file)
{
    fputs("<h2>Targets</h2><p>By deadline page; how each is defined: "
          "docs/measuring.md.</p>\n<table><tr><th>target"
          "<th>value<th>limit<th></tr>\n",
          file);
    for (size_t i = 0; i < target_count; i++) {
        const struct target *t = &targets[i];
        bool met = target_met(t);

        fprintf(file, "<tr><td>%s<td>%.3f<td>%s %.3f<td class=%s>%s", t->what, t->value,
                t->at_most ? "&le;" : "&ge;", t->limit, met ? "ok" : "missed", met ? "met" : "not met");
        if (!met)
            fprintf(file, ", by %.3f", fabs(t->value - t->limit));
        fputs("</tr>\n", file);
    }
    fputs("</table>\n", file);
}

/* The scenarios' part of the page, or that of the demo on a board. */
static void write_scenarios(FILE *file)
{
    fputs(
        "<h1>Sleeps beside other busy guests, and on bare metal</h1>\n"
        "<p>Sleeps of 0 to 20 ms of a process in a Debian guest; all guests share one core, but not in M1, "
        "M2 and D1. Error is actual minus requested, measured in the process itself. <b>S1</b>: the sleeper "
        "is "
        "alone "
        "in its guest, another guest is a hog. <b>S2</b>: a hog is in the sleeper's guest, too. <b>S2rt</b>: "
        "the same, the sleeper under SCHED_FIFO. <b>S3</b>: as S2, with three other guests. <b>M1</b>: the "
        "guest has four CPUs on four cores and on each what S2rt's has, another guest has four hogs. "
        "<b>M2</b>: both have two CPUs on two cores, a third guest has hogs on two cores more. <b>D1</b>: a "
        "guest on another core rings a link at random times, and in place of sleeps there are rings; error "
        "is from the ring to the reader's next instruction in user space. <b>D2</b>: a guest asks another by "
        "virtio-net, after each sleep, beside a hog's guest and the one that serves both; error is the round "
        "trip. <b>D3</b>: as S2rt, beside two guests, one of which sends the other 100 MB by virtio-net, and "
        "the one that serves both. <b>bare</b>: the sleeper's guest alone on the machine, without "
        "Ontime.</p>\n",
        file);
    page_figure(file, "cdf", "Share of the sleeps that were at least so late.");
    page_figure(file, "errors", "Sleep errors.");
    page_figure(file, "shares", "Each guest's share of the core. Dashed: the sleeper's guest's weight.");
    page_figure(file, "exits", "Exits to Ontime for each sleep: of the sleeper's guest, and of the others.");
    page_figure(
        file, "cost",
        "Ontime's own CPU time, as matrix products that bare metal makes and that were not made here. "
        "It includes the ticks of each further guest.");
    write_targets(file);
}

static void write_board(FILE *file)
{
    fputs(
        "<h1>The paper's experiment on a board</h1>\n"
        "<p>MPlayer plays a film in a Debian guest, and another guest on the same core multiplies matrices. "
        "The board is QEMU's model. <b>tick</b>: timers are served at a tick of 10 ms, as before the "
        "paper. "
        "<b>published</b>: the paper's mechanism, a call for each sleep and a warp. <b>precise-page</b>: "
        "Ontime's defaults. These use EL2's timer; <b>-gpt</b>: the same with general-purpose timers of "
        "the board, one of which is the hypervisor's, and the others the guests'. Error is actual minus "
        "requested, measured in the player itself.</p>\n",
        file);
    page_figure(file, "board", "Requested against actual sleep; every sleep is a point.");
}

static bool is_of_board(void)
{
    for (unsigned m = 0; m < MODES; m++)
        if (bench_runs[B1][m].name)
            return true;
    return false;
}

void bench_write_report(const char *out)
{
    FILE *file = create("%s/report.html", out);
    bool board = is_of_board();

    page_begin(file, board ? "the paper's experiment on a board" : "guests beside bare metal");
    if (board)
        write_board(file);
    else
        write_scenarios(file);
    fputs("<h2>Figures</h2><p>Sleep error in us.</p>\n", file);
    page_table(file, bench_runs[0], (size_t)SCENARIOS * MODES);
    fputs("<pre>", file);
    print_parts(file);
    print_costs(file);
    print_exact(file);
    fputs("</pre>\n", file);
    page_end(file);
    fclose(file);
}
