/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/report.h"
#include "analyse/demo.h"
#include "analyse/page.h"
#include "analyse/util.h"

void report_table(FILE *file)
{
    text_table(file, runs, STEPS_TICK);
    fputs("\nThe paper: 7,000 us before, 400 us after.\n\n", file);
    text_checks(file);
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

void report_write(const char *out)
{
    FILE *file = create("%s/report.html", out);

    page_begin(file, "the paper's experiment");
    fputs("<h1>Sleeping on time beside a busy guest</h1>\n", file);
    fprintf(
        file,
        "<p>Two Debian guests share one core. MPlayer plays a film in one, the other multiplies matrices. "
        "Error is actual minus requested sleep, measured in the player's own process. In the paper "
        "(<cite>Precise Software Timer Architecture for Virtual Machine Environment</cite>, Xen-ARM on an "
        "i.MX2x) the mean error fell from 7 ms to 400 us.</p>\n"
        "<table><tr><th>mean error<th>the paper<th>here</tr>\n"
        "<tr><td>before: timers served at a tick of 10 ms<td>7 ms<td>%.2f ms</tr>\n"
        "<tr><td>as published: a hypercall a sleep, BVT's warp<td>400 us<td>%.0f us</tr>\n"
        "<tr><td>after: Ontime with its defaults<td>-<td>%.0f us</tr>\n"
        "<tr><td>the same player on bare metal, alone<td>-<td>%.0f us</tr></table>\n",
        runs[PLAYER_TICK].summary.mean_us / 1e3, runs[PLAYER_PUBLISHED].summary.mean_us,
        runs[PLAYER_PRECISE].summary.mean_us, runs[PLAYER_BARE].summary.mean_us);
    page_figure(file, "fig4", "Fig. 4. Before: requested against actual sleep.");
    page_figure(
        file, "fig5",
        "Fig. 5. The paper's own mechanism, and Ontime with its defaults, on the same axes. "
        "After, the requests are longer: the player is no longer interrupted in the middle of a frame, "
        "so it has more time left to sleep.");
    page_figure(file, "fig1",
                "Fig. 1. A sleep of median error before and after: who has the core, when the "
                "timer expires (T<sub>expire</sub>), when the hypervisor handles it "
                "(T<sub>handle</sub>), and the error (T<sub>err</sub>).");
    page_figure(file, "fig2", "Fig. 2. Sleeps of 2, 4 and 6 ms, served at ticks of 10 ms.");
    fputs("<h2>Figures</h2><p>Sleep error in us.</p>\n", file);
    page_table(file, runs, STEPS_TICK);
    write_frames(file);
    fprintf(
        file,
        "<p>mixed: 2,000 sleeps of 0 to 20 ms for each of five seeds, under SCHED_FIFO, in a guest that has "
        "a "
        "hog of its own, the other guest a hog too; on bare metal without that other guest. Of the precise "
        "wake-ups, %u of %llu found an expired tick of the guest's own, which Linux serves first.</p>\n",
        runs[MIXED_PRECISE].met_pending_tick, (unsigned long long)runs[MIXED_PRECISE].accounts[0].fired);
    page_end(file);
    fclose(file);
}
