/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The comparison's tables and figures. docs/comparison.md is bench/comparison.md.in with each line `@NAME@`
 * replaced by the table of that name, between the lines `<!-- NAME -->` and `<!-- end -->`. A table that is
 * not published now, or is made elsewhere (bench/spin), stays as docs/comparison.md has it. The README's
 * table is the one called readme.
 */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "analyse/page.h"
#include "analyse/parts.h"
#include "analyse/peers.h"
#include "analyse/util.h"

#define TEMPLATE  "bench/comparison.md.in"
#define PUBLISHED "docs/comparison.md"

/* The scenario that the README shows. */
#define HARD_CASE S2RT

/* ---- data for gnuplot: lines `SCENARIO PEER mean p50 p99 p99.9 max useful fair` */

void peers_write_data(const char *out)
{
    FILE *file = create("%s/figures/peers.dat", out);

    for (unsigned s = 0; s < SCENARIOS; s++)
        for (unsigned p = 0; p < PEERS; p++) {
            const struct comparison *c = &comparisons[s][p];
            const struct summary *e;

            if (!c->run || !scenario_is_drawn(&peer_scenarios[s]))
                continue;
            e = &c->run->summary;
            fprintf(file, "%s %s %.3f %.3f %.3f %.3f %.3f %.4f %d\n", peer_scenarios[s].name, peers[p].name,
                    e->mean_us, e->p50_us, e->p99_us, e->p999_us, e->max_us, 100 * c->useful, c->fair);
            run_write_distribution(out, c->run);
        }
    fclose(file);
}

/* ---- cells */

static void print_us(FILE *file, double us)
{
    char digits[32];
    size_t length;

    if (us < 99.95) {
        fprintf(file, "%.1f", us);
        return;
    }
    snprintf(digits, sizeof(digits), "%.0f", us);
    length = strlen(digits);
    for (size_t i = 0; i < length; i++)
        fprintf(file, "%s%c", i && (length - i) % 3 == 0 ? "," : "", digits[i]);
}

/* "12.3 / 45.6": a value of each VM, or of those with a hog. */
static void print_list(FILE *file, const struct comparison *c, const double values[MAX_VMS], bool hogs_only)
{
    const char *separator = "";

    for (size_t vm = 0; vm < c->run->log.vm_count; vm++) {
        if (hogs_only && !c->run->log.vms[vm].progress_count)
            continue;
        fprintf(file, "%s%.1f", separator, values[vm]);
        separator = " / ";
    }
    if (!*separator)
        fputs("-", file);
}

static void print_useful(FILE *file, const struct comparison *c)
{
    if (isnan(c->useful))
        fputs("-", file);
    else
        fprintf(file, "%.1f%%", 100 * c->useful);
}

static void print_shares(FILE *file, const struct comparison *c)
{
    double percent[MAX_VMS];

    for (unsigned vm = 0; vm < MAX_VMS; vm++)
        percent[vm] = 100 * c->share[vm];
    print_list(file, c, percent, false);
}

/* ---- one run in a row of cells: for Markdown, HTML, or in columns for the terminal */

struct row_style {
    const char *begin, *between, *end;
};

static const struct row_style markdown = {"| ", " | ", " |\n"};
static const struct row_style html = {"<tr><td>", "<td>", "</tr>\n"};

static void print_row(FILE *file, const struct row_style *style, const char *title,
                      const struct comparison *c)
{
    const struct summary *e = &c->run->summary;
    const double figures[] = {e->mean_us, e->p50_us, e->p99_us, e->p999_us, e->max_us};

    fprintf(file, "%s%s", style->begin, title);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        fputs(style->between, file);
        print_us(file, figures[i]);
    }
    fputs(style->between, file);
    print_shares(file, c);
    fprintf(file, "%s%s%s", style->between, c->fair ? "yes" : "no", style->between);
    print_list(file, c, c->run->products_per_s, true);
    fputs(style->between, file);
    print_useful(file, c);
    fputs(style->between, file);
    if (c->accounted)
        print_list(file, c, c->exits_per_sleep, false);
    else
        fputs("-", file);
    fputs(style->between, file);
    if (isnan(c->switches_per_s))
        fputs("-", file);
    else
        fprintf(file, "%.0f", c->switches_per_s);
    fputs(style->end, file);
}

static void print_part(FILE *file, const struct series *series, const char *title)
{
    struct summary e = summarise_series(series);
    const double figures[] = {e.mean_us, e.p50_us, e.p99_us, e.p999_us, e.max_us};

    fprintf(file, "| %s%s | %s | %zu", series->part.name, series->part.response ? ", response" : "", title,
            e.n);
    for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
        fputs(" | ", file);
        print_us(file, figures[i]);
    }
    fputs(" |\n", file);
}

/* One table of what the guests got, and one of the parts. */
static void markdown_parts(FILE *file, unsigned scenario)
{
    const struct run *bare = comparisons[scenario][BARE].run;

    fputs("| | share of the core, % | fair | products a second | useful work |\n|---|---|---|---|--:|\n",
          file);
    for (unsigned p = 0; p < PEERS; p++) {
        const struct comparison *c = &comparisons[scenario][p];

        if (!c->run)
            continue;
        fprintf(file, "| %s | ", peers[p].title);
        print_shares(file, c);
        fprintf(file, " | %s | ", c->fair ? "yes" : "no");
        print_list(file, c, c->run->products_per_s, true);
        fputs(" | ", file);
        print_useful(file, c);
        fputs(" |\n", file);
    }
    fputs("\n| part | | n | mean | p50 | p99 | p99.9 | max |\n|---|---|--:|--:|--:|--:|--:|--:|\n", file);
    for (size_t s = 0; bare && s < bare->log.series_count; s++)
        for (unsigned p = 0; p < PEERS; p++) {
            const struct run *run = comparisons[scenario][p].run;

            if (run && s < run->log.series_count)
                print_part(file, &run->log.series[s], peers[p].title);
        }
}

static void markdown_scenario(FILE *file, unsigned scenario)
{
    if (peer_scenarios[scenario].in_parts) {
        markdown_parts(file, scenario);
        return;
    }
    fprintf(file,
            "| | mean | p50 | p99 | p99.9 | max | share of %s, %% | fair | products a second | useful work | "
            "exits a sleep | switches a second |\n|---|--:|--:|--:|--:|--:|---|---|---|--:|---|--:|\n",
            scenario_is_parallel(&peer_scenarios[scenario]) ? "its cores" : "the core");
    for (unsigned p = 0; p < PEERS; p++)
        if (comparisons[scenario][p].run)
            print_row(file, &markdown, peers[p].title, &comparisons[scenario][p]);
}

static void markdown_readme(FILE *file)
{
    fputs("| | mean us | p99 us | max us | each guest keeps its share | useful work |\n"
          "|---|--:|--:|--:|---|--:|\n",
          file);
    for (unsigned p = 0; p < PEERS; p++) {
        const struct comparison *c = &comparisons[HARD_CASE][p];
        const struct summary *e;

        if (!c->run || peers[p].detail)
            continue;
        e = &c->run->summary;
        fprintf(file, "| %s | ", peers[p].title);
        print_us(file, e->mean_us);
        fputs(" | ", file);
        print_us(file, e->p99_us);
        fputs(" | ", file);
        print_us(file, e->max_us);
        fprintf(file, " | %s | ", c->run->bare ? "-" : c->fair ? "yes" : "no");
        print_useful(file, c);
        fputs(" |\n", file);
    }
}

/* Of the hard case's runs. */
static void markdown_sizes(FILE *file)
{
    fputs("| | image, KiB | first line of the first guest after, s |\n|---|--:|--:|\n", file);
    for (unsigned p = 0; p < PEERS; p++) {
        const struct comparison *c = &comparisons[HARD_CASE][p];

        if (!c->run)
            continue;
        if (c->image_bytes)
            fprintf(file, "| %s | %lld | %.2f |\n", peers[p].title, (c->image_bytes + 1023) / 1024,
                    c->boot_s);
        else
            fprintf(file, "| %s | - | %.2f |\n", peers[p].title, c->boot_s);
    }
}

/* The command lines, as bench/run wrote them down. */
static void print_commands(FILE *file, const char *out, unsigned scenario)
{
    for (unsigned p = 0; p < PEERS; p++) {
        const struct run *run = comparisons[scenario][p].run;

        if (run)
            fprintf(file, "# %s\n%s\n", run->name, run_command(out, run));
    }
}

/* The lines between `<!-- NAME -->` and `<!-- end -->`; none when the table is a new one. */
static void keep_table(FILE *file, const char *name)
{
    FILE *published = fopen(PUBLISHED, "r");
    char *line = NULL, begin[64];
    bool inside = false;
    size_t size = 0;

    snprintf(begin, sizeof(begin), "<!-- %s -->\n", name);
    if (!published)
        die("%s: unreadable", PUBLISHED);
    while (getline(&line, &size, published) > 0) {
        inside = inside && strcmp(line, "<!-- end -->\n") != 0;
        if (inside)
            fputs(line, file);
        inside = inside || !strcmp(line, begin);
    }
    free(line);
    fclose(published);
}

static void write_table(FILE *file, const char *out, const char *name)
{
    fprintf(file, "<!-- %s -->\n", name);
    for (unsigned s = 0; s < SCENARIOS; s++)
        if (!strcmp(name, peer_scenarios[s].name) && peers_published(s)) {
            markdown_scenario(file, s);
            name = "";
        }
    if (!strcmp(name, "sizes") && peers_published(HARD_CASE)) {
        markdown_sizes(file);
    } else if (!strcmp(name, "commands") && peers_published(HARD_CASE)) {
        fputs("```\n", file);
        print_commands(file, out, HARD_CASE);
        fputs("```\n", file);
    } else if (name[0]) {
        keep_table(file, name);
    }
    fputs("<!-- end -->\n", file);
}

void peers_write_markdown(const char *out)
{
    FILE *template = fopen(TEMPLATE, "r");
    FILE *file = create("%s/comparison.md", out);
    FILE *readme = create("%s/readme.md", out);
    char *line = NULL, name[32];
    size_t size = 0;

    if (!template)
        die("%s: unreadable", TEMPLATE);
    while (getline(&line, &size, template) > 0)
        if (sscanf(line, "@%31[^@]@", name) == 1)
            write_table(file, out, name);
        else
            fputs(line, file);
    markdown_readme(readme);
    free(line);
    fclose(template);
    fclose(file);
    fclose(readme);
}

/* What the guests got, a line for each peer, and the parts. */
static void print_scenario_in_parts(FILE *file, unsigned scenario)
{
    bool any = false;

    for (unsigned p = 0; p < PEERS; p++) {
        const struct comparison *c = &comparisons[scenario][p];

        if (!c->run)
            continue;
        if (!any)
            fprintf(file, "\n%-27s %9s %5s  %s\n", peer_scenarios[scenario].name, "useful", "fair", "shares");
        any = true;
        fprintf(file, "%-27s ", c->run->name);
        print_useful(file, c);
        fprintf(file, " %s  ", c->fair ? "yes" : "no");
        print_shares(file, c);
        fputc('\n', file);
    }
    if (any)
        parts_print_heading(file);
    for (unsigned p = 0; p < PEERS; p++) {
        const struct run *run = comparisons[scenario][p].run;

        if (run)
            parts_print(file, run, run->bare ? NULL : peers_bare_run(scenario));
    }
}

void peers_write_report(const char *out)
{
    FILE *file = create("%s/report.html", out);

    page_begin(file, "beside Xen, KVM and bare metal");
    fputs("<h1>Beside Xen, KVM and bare metal</h1>\n"
          "<p>The same guests, the same sleeps, the same emulated board; error is actual minus requested, in "
          "us, "
          "measured in the sleeping process. What the columns mean, how each peer is set up and what it does "
          "better: docs/comparison.md.</p>\n",
          file);
    page_figure(file, "peers", "Sleep errors: p50, mean, p99 and the greatest.");
    page_figure(file, "tails", "Share of the sleeps that were at least so late.");
    page_figure(file, "useful", "Useful work, as a share of what bare metal does.");
    for (unsigned s = 0; s < SCENARIOS; s++) {
        if (peer_scenarios[s].in_parts)
            continue;
        fprintf(file,
                "<h2>%s</h2><table><tr><th><th>mean<th>p50<th>p99<th>p99.9<th>max<th>share of the core, %%"
                "<th>fair<th>products a second<th>useful work<th>exits a sleep<th>switches a second</tr>\n",
                peer_scenarios[s].name);
        for (unsigned p = 0; p < PEERS; p++)
            if (comparisons[s][p].run)
                print_row(file, &html, peers[p].title, &comparisons[s][p]);
        fputs("</table>\n", file);
    }
    fputs("<h2>Loads that a user brings</h2><pre>", file);
    for (unsigned s = 0; s < SCENARIOS; s++)
        if (peer_scenarios[s].in_parts)
            print_scenario_in_parts(file, s);
    fputs("</pre><h2>Command lines</h2><pre>", file);
    for (unsigned s = 0; s < SCENARIOS; s++)
        print_commands(file, out, s);
    fputs("</pre>\n", file);
    page_end(file);
    fclose(file);
}

void peers_print(FILE *file)
{
    for (unsigned s = 0; s < SCENARIOS; s++) {
        if (peer_scenarios[s].in_parts) {
            print_scenario_in_parts(file, s);
            continue;
        }
        fprintf(file, "\n%-8s sleep error, us\n%-22s %9s %9s %9s %9s %9s %7s %5s  %s\n",
                peer_scenarios[s].name, "", "mean", "p50", "p99", "p99.9", "max", "useful", "fair", "shares");
        for (unsigned p = 0; p < PEERS; p++) {
            const struct comparison *c = &comparisons[s][p];
            char useful[16];
            const struct summary *e;

            if (!c->run)
                continue;
            e = &c->run->summary;
            snprintf(useful, sizeof(useful), isnan(c->useful) ? "-" : "%.1f%%", 100 * c->useful);
            fprintf(file, "%-22s %9.1f %9.1f %9.1f %9.1f %9.1f %7s %5s  ", peers[p].name, e->mean_us,
                    e->p50_us, e->p99_us, e->p999_us, e->max_us, useful, c->fair ? "yes" : "no");
            print_shares(file, c);
            fputc('\n', file);
        }
    }
    fputc('\n', file);
}
