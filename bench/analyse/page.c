/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/page.h"
#include "analyse/checks.h"

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

void text_table(FILE *file, const struct run *runs, size_t count)
{
    fprintf(file, "\nSleep error (actual - requested), us\n%-17s %6s %10s %10s %10s %10s %10s  %6s  %s\n",
            "run", "n", "mean", "p50", "p99", "p99.9", "max", "<=2ms", "shares; matrix products a second");
    for (const struct run *run = runs; run < runs + count; run++) {
        const struct summary *s = &run->summary;

        if (!run->name || run->in_parts)
            continue;
        fprintf(file, "%-17s %6zu %10.1f %10.1f %10.1f %10.1f %10.1f  %5.1f%%  ", run->name, s->n, s->mean_us,
                s->p50_us, s->p99_us, s->p999_us, s->max_us, 100 * s->within_2ms);
        print_shares(file, run);
        fputs(run->has_marks ? "; " : "", file);
        print_products(file, run);
        fputc('\n', file);
    }
}

void text_checks(FILE *file)
{
    for (size_t i = 0; i < check_count; i++)
        if (!checks[i].valid_only || !checks[i].holds)
            fprintf(file, "%-7s %s\n",
                    checks[i].holds ? "ok" : (checks[i].valid_only ? "INVALID" : "not met"), checks[i].what);
}

void page_begin(FILE *file, const char *title)
{
    fprintf(file,
            "<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>Ontime: %s</title>\n"
            "<style>:root{--paper:#fff;--ink:#111;--line:#ccc;--late:#b3410a;--link:#0059b3;color-scheme:"
            "light dark}"
            "@media(prefers-color-scheme:dark){:root{--paper:#16181a;--ink:#eee;--line:#444;--late:#f2a36b;"
            "--link:#8ab8ff}}"
            "body{font:16px/1.5 sans-serif;max-width:76em;margin:1.5em auto;padding:0 "
            "1em;background:var(--paper);"
            "color:var(--ink)}a{color:var(--link)}"
            "table{border-collapse:collapse;font-size:14px;margin:1em 0;display:block;overflow-x:auto}"
            "td,th{border:1px solid var(--line);padding:.2em "
            ".6em;text-align:right}td:first-child{text-align:left}"
            "figure{display:inline-block;margin:1em 0;max-width:100%%}img{max-width:100%%;background:#fff}"
            "pre{overflow-x:auto;font-size:13px}.missed{color:var(--late);font-weight:bold}</style>\n",
            title);
}

/* The run's name, which leads to a page of its own if there is one. */
static void print_name(FILE *file, const struct run *run)
{
    if (run->has_page)
        fprintf(file, "<tr><td><a href=\"%s.html\">%s</a>", run->name, run->name);
    else
        fprintf(file, "<tr><td>%s", run->name);
}

void page_table(FILE *file, const struct run *runs, size_t count)
{
    fputs("<table><tr><th>run<th>n<th>mean<th>min<th>p50<th>p90<th>p99<th>p99.9<th>max<th>within 2 ms"
          "<th>shares of the core<th>matrix products a second</tr>\n",
          file);
    for (const struct run *run = runs; run < runs + count; run++) {
        const struct summary *s = &run->summary;

        if (!run->name || run->in_parts)
            continue;
        print_name(file, run);
        fprintf(file, "<td>%zu<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.1f<td>%.2f%%<td>", s->n,
                s->mean_us, s->min_us, s->p50_us, s->p90_us, s->p99_us, s->p999_us, s->max_us,
                100 * s->within_2ms);
        print_shares(file, run);
        fputs("<td>", file);
        print_products(file, run);
        fputs("</tr>\n", file);
    }
    fputs("</table>\n", file);
}

void page_figure(FILE *file, const char *name, const char *caption)
{
    fprintf(file, "<figure><img src=\"%s.svg\" alt=\"%s\"><figcaption>%s</figcaption></figure>\n", name, name,
            caption);
}

static void write_checks(FILE *file)
{
    fputs("<ul>\n", file);
    for (size_t i = 0; i < check_count; i++)
        fprintf(file, "<li class=%s>%s</li>\n", checks[i].holds ? "ok" : "missed", checks[i].what);
    fputs("</ul>\n", file);
}

void page_end(FILE *file)
{
    fputs("<h2>What was checked</h2>\n", file);
    write_checks(file);
    fputs("<p>Time is emulated (QEMU -icount): a figure counts instructions, repeats to the digit on every "
          "machine, and says nothing of caches or of silicon. See docs/measuring.md; raw points in csv/, all "
          "figures and how each run was started in results.json.</p>\n</html>\n",
          file);
}
