/* SPDX-License-Identifier: Apache-2.0 */
/*
 * analyse demo OUT, analyse bench OUT RUN..., analyse peers OUT RUN...: turns the console logs in OUT/log
 * (see bench/demo, bench/scenarios) into results.json, raw points (csv/), data for the figures (figures/),
 * report.html and a table on standard output. Ends with status 1 when the runs cannot be compared or the
 * accounting is wrong.
 */
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "analyse/checks.h"
#include "analyse/experiment.h"
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

static void write_results(const char *out, json_t *results)
{
    char path[PATH_MAX];

    json_object_set_new(results, "checks", checks_json());
    snprintf(path, sizeof(path), "%s/results.json", out);
    if (json_dump_file(results, path, JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_PRESERVE_ORDER) < 0)
        die("%s: cannot be written", path);
}

int main(int count, char **words)
{
    json_t *results = json_object();
    const char *experiment = count > 2 ? words[1] : "";
    bool is_demo = count == 3 && !strcmp(experiment, "demo");
    bool is_bench = count > 3 && !strcmp(experiment, "bench");

    if (!is_demo && !is_bench && (count < 4 || strcmp(experiment, "peers") != 0)) {
        fputs("usage: analyse demo OUT | analyse bench|peers OUT RUN...\n", stderr);
        return 2;
    }
    json_object_set_new(results, "versions", versions_json(words[2]));
    if (is_demo)
        demo_analyse(words[2], results);
    else if (is_bench)
        bench_analyse(words[2], (size_t)count - 3, words + 3, results);
    else
        peers_analyse(words[2], (size_t)count - 3, words + 3, results);
    write_results(words[2], results);
    json_decref(results);
    return checks_valid() ? 0 : 1;
}
