/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/report.h"
#include "analyse/checks.h"
#include "analyse/results.h"
#include "analyse/util.h"

static void print_shares(FILE *file, const struct run *run)
{
    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        if (run->has_marks)
            fprintf(file, "%s%s %.1f%%", vm ? ", " : "", run->log.vms[vm].name, 100 * run->share[vm]);
}

static void print_products(FILE *file, const struct run *run)
{
    const char *separator = "";

    for (size_t vm = 0; vm < run->log.vm_count; vm++)
        if (run->products_per_s[vm] > 0) {
            fprintf(file, "%s%s %.2f", separator, run->log.vms[vm].name, run->products_per_s[vm]);
            separator = ", ";
        }
}

void report_table(FILE *file)
{
    fprintf(file, "\nSleep error (actual - requested), us\n%-15s %6s %10s %10s %10s %10s %10s  %6s  %s\n",
            "run", "n", "mean", "p50", "p99", "p99.9", "max", "<=2ms", "shares; matrix products a second");
    for (unsigned id = 0; id < STEPS_TICK; id++) {
        const struct summary *s = &runs[id].summary;

        fprintf(file, "%-15s %6zu %10.1f %10.1f %10.1f %10.1f %10.1f  %5.1f%%  ", runs[id].name, s->n,
                s->mean_us, s->p50_us, s->p99_us, s->p999_us, s->max_us, 100 * s->within_2ms);
        print_shares(file, &runs[id]);
        fputs(runs[id].has_marks ? "; " : "", file);
        print_products(file, &runs[id]);
        fputc('\n', file);
    }
    fputs("\nThe paper: 7,000 us before, 400 us after.\n\n", file);
    for (size_t i = 0; i < check_count; i++)
        if (!checks[i].valid_only || !checks[i].holds)
            fprintf(file, "%-7s %s\n", checks[i].holds ? "ok" : (checks[i].valid_only ? "INVALID" : "MISSED"),
                    checks[i].what);
}

static void write_table(FILE *file)
{
    fputs("<table><tr><th>run<th>n<th>mean<th>min<th>p50<th>p90<th>p99<th>p99.9<th>max<th>within 2 ms"
          "<th>shares of the core<th>matrix products a second</tr>\n",
          file);
    for (unsigned id = 0; id < STEPS_TICK; id++) {
        const struct summary *s = &runs[id].summary;

        fprintf(file,
                "<tr><td>%s<td>%zu<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.2f%%<td>",
                runs[id].name, s->n, s->mean_us, s->min_us, s->p50_us, s->p90_us, s->p99_us, s->p999_us,
                s->max_us, 100 * s->within_2ms);
        print_shares(file, &runs[id]);
        fputs("<td>", file);
        print_products(file, &runs[id]);
        fputs("</tr>\n", file);
    }
    fputs("</table>\n", file);
}

static void write_frames(FILE *file)
{
    fputs("<table><tr><th>run<th>frames shown<th>more than 5 ms late<th>dropped<th>sleeps asked for in 0-5, "
          "5-10, "
          "10-15, 15-20 ms, longer</tr>\n",
          file);
    for (unsigned id = PLAYER_BARE; id <= PLAYER_PRECISE; id++) {
        const struct run *run = &runs[id];
        const double *band = run->summary.bands;

        fprintf(file, "<tr><td>%s<td>%u<td>%u<td>%u<td>%.1f%%, %.1f%%, %.1f%%, %.1f%%, %.1f%%</tr>\n",
                run->name, run->log.frames, run->late_frames, run->log.dropped, 100 * band[0], 100 * band[1],
                100 * band[2], 100 * band[3], 100 * (1 - band[0] - band[1] - band[2] - band[3]));
    }
    fputs("</table>\n", file);
}

static void write_checks(FILE *file)
{
    fputs("<ul>\n", file);
    for (size_t i = 0; i < check_count; i++)
        fprintf(file, "<li class=%s>%s</li>\n", checks[i].holds ? "ok" : "missed", checks[i].what);
    fputs("</ul>\n", file);
}

static void write_figure(FILE *file, const char *name, const char *caption)
{
    fprintf(file, "<figure><img src=\"%s.svg\" alt=\"%s\"><figcaption>%s</figcaption></figure>\n", name, name,
            caption);
}

void report_write(const char *out)
{
    FILE *file = create("%s/report.html", out);

    fputs("<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>Ontime: the paper's experiment</title>\n"
          "<style>body{font:16px/1.5 sans-serif;max-width:72em;margin:2em auto;padding:0 1em}"
          "table{border-collapse:collapse;font-size:14px;margin:1em 0}td,th{border:1px solid #ccc;"
          "padding:.2em .6em;text-align:right}td:first-child{text-align:left}"
          "figure{display:inline-block;margin:1em 0;max-width:100%}img{max-width:100%}"
          ".missed{color:#b00;font-weight:bold}</style>\n"
          "<h1>Sleeping on time beside a busy guest</h1>\n",
          file);
    fprintf(
        file,
        "<p>Two Debian guests share one core. MPlayer plays a film in one, the other multiplies matrices. "
        "Error is actual minus requested sleep, measured in the player's own process. In the paper "
        "(<cite>Precise Software Timer Architecture for Virtual Machine Environment</cite>, Xen-ARM on an "
        "i.MX2x) the mean error fell from 7 ms to 400 us.</p>\n"
        "<table><tr><th>mean error<th>the paper<th>here</tr>\n"
        "<tr><td>before: timers served at a tick of 10 ms<td>7 ms<td>%.2f ms</tr>\n"
        "<tr><td>after: precise timers<td>400 us<td>%.0f us</tr>\n"
        "<tr><td>the same player on bare metal, alone<td>-<td>%.0f us</tr></table>\n",
        runs[PLAYER_TICK].summary.mean_us / 1e3, runs[PLAYER_PRECISE].summary.mean_us,
        runs[PLAYER_BARE].summary.mean_us);
    write_figure(file, "fig4", "Fig. 4. Before: requested against actual sleep.");
    write_figure(file, "fig5", "Fig. 5. After, on the same axes.");
    write_figure(file, "fig1",
                 "Fig. 1. A sleep of median error before and after: who has the core, when the "
                 "timer expires (T<sub>expire</sub>), when the hypervisor handles it "
                 "(T<sub>handle</sub>), and the error (T<sub>err</sub>).");
    write_figure(file, "fig2", "Fig. 2. Sleeps of 2, 4 and 6 ms, served at ticks of 10 ms.");
    fputs("<h2>Figures</h2><p>Sleep error in us.</p>\n", file);
    write_table(file);
    write_frames(file);
    fprintf(
        file,
        "<p>mixed: 2,000 sleeps of 0 to 20 ms for each of five seeds, under SCHED_FIFO, in a guest that has "
        "a "
        "hog of its own, the other guest a hog too; on bare metal without that other guest. Of the precise "
        "wake-ups, %u of %llu found an expired tick of the guest's own, which Linux serves first.</p>\n",
        runs[MIXED_PRECISE].met_pending_tick, (unsigned long long)runs[MIXED_PRECISE].accounts[0].fired);
    fputs("<h2>What was checked</h2>\n", file);
    write_checks(file);
    fputs("<p>Time is emulated (QEMU -icount): a figure counts instructions, repeats to the digit on every "
          "machine, and says nothing of caches or of silicon. See docs/measuring.md; raw points in csv/, all "
          "figures and how each run was started in results.json.</p>\n</html>\n",
          file);
    fclose(file);
}
