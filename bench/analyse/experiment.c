/* SPDX-License-Identifier: Apache-2.0 */
#include "analyse/experiment.h"
#include <stdio.h>
#include <string.h>
#include "analyse/util.h"

bool scenario_is_parallel(const struct scenario_facts *scenario)
{
    unsigned cores = 1;

    for (size_t i = 0; i < MAX_VMS && scenario->placed[i].vm; i++)
        cores |= scenario->placed[i].cores;
    return cores != 1;
}

bool scenario_is_drawn(const struct scenario_facts *scenario)
{
    return !scenario->defaults && !scenario->apart;
}

void experiment_find(const struct experiment *experiment, const char *run, unsigned *scenario, unsigned *way)
{
    size_t length = strcspn(run, "-");

    for (*scenario = 0; *scenario < experiment->scenario_count; ++*scenario) {
        const char *name = experiment->scenarios[*scenario].name;

        if (strlen(name) != length || strncmp(name, run, length) != 0 || run[length] != '-')
            continue;
        for (*way = 0; *way < experiment->way_count; ++*way)
            if (!strcmp(experiment->ways[*way].name, run + length + 1))
                return;
    }
    die("%s: bench/runs has no such run for this experiment", run);
}

void experiment_write_names(const struct experiment *experiment, const char *out)
{
    FILE *file = create("%s/figures/names.gp", out);

    size_t count = 0;

    fputs("scenarios = '", file);
    for (size_t s = 0; s < experiment->scenario_count; s++)
        if (scenario_is_drawn(&experiment->scenarios[s]))
            fprintf(file, "%s%s", count++ ? " " : "", experiment->scenarios[s].name);
    fputs("'\nways = '", file);
    for (size_t w = 0; w < experiment->way_count; w++)
        if (!experiment->ways[w].named)
            fprintf(file, "%s%s", w ? " " : "", experiment->ways[w].name);
    fprintf(file, "'\narray labels[%zu]\n", count);
    count = 0;
    for (size_t s = 0; s < experiment->scenario_count; s++)
        if (scenario_is_drawn(&experiment->scenarios[s]))
            fprintf(file, "labels[%zu] = '%s: %s'\n", ++count, experiment->scenarios[s].name,
                    experiment->scenarios[s].label);
    fclose(file);
}
