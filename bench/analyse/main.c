/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse OUT: turns the console logs in OUT/log (see bench/demo) into results.json, raw points (csv/), data
 * for the figures (figures/), report.html and a table on standard output. Ends with status 1 when the runs
 * cannot be compared or the accounting is wrong.
 */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "analyse/checks.h"
#include "analyse/figures.h"
#include "analyse/report.h"
#include "analyse/results.h"
#include "analyse/util.h"

/* OUT/log/versions: lines `name version`. */
static json_t *versions_json(const char *out)
{
    char path[PATH_MAX], line[512];
    json_t *object = json_object();
    FILE *file;

    snprintf(path, sizeof(path), "%s/log/versions", out);
    file = fopen(path, "r");
    if (!file)
        die("%s: unreadable", path);
    while (fgets(line, sizeof(line), file)) {
        char *version = strchr(line, ' ');

        line[strcspn(line, "\n")] = '\0';
        if (!version)
            continue;
        *version = '\0';
        json_object_set_new(object, line, json_string(version + 1));
    }
    fclose(file);
    return object;
}

static void write_results(const char *out)
{
    char path[PATH_MAX];
    json_t *results = json_object();

    json_object_set_new(results, "versions", versions_json(out));
    json_object_set_new(results, "paper", json_pack("{si si}", "before_mean_us", 7000, "after_mean_us", 400));
    json_object_set_new(results, "runs", results_json(out));
    json_object_set_new(results, "checks", checks_json());
    snprintf(path, sizeof(path), "%s/results.json", out);
    if (json_dump_file(results, path, JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER) < 0)
        die("%s: cannot be written", path);
    json_decref(results);
}

int main(int count, char **words)
{
    bool valid;

    if (count != 2) {
        fputs("usage: analyse OUT\n", stderr);
        return 2;
    }
    results_compute(words[1]);
    valid = checks_make();
    write_results(words[1]);
    results_write_points(words[1]);
    figures_write(words[1]);
    report_write(words[1]);
    report_table(stdout);
    return valid ? 0 : 1;
}
