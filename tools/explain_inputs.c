/* SPDX-License-Identifier: Apache-2.0 */
#include "explain_inputs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/system_file.h"
#include "files.h"

bool explain_read_number(const char *text, double *number)
{
    char *end;

    if (text == NULL)
        return false;
    *number = strtod(text, &end);
    return end != text && *end == '\0' && *number >= 0 && *number < 1e18;
}

int explain_read_option(const char *word, const char *value, struct explain_options *options)
{
    const struct {
        const char *name;
        const char **value;
    } texts[] = {{"--vm", &options->vm}, {"--sleeps", &options->sleeps}, {"--system", &options->system}};

    if (word[0] != '-' && options->log == NULL) {
        options->log = word;
        return 1;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && value != NULL; i++)
        if (strcmp(word, texts[i].name) == 0) {
            *texts[i].value = value;
            return 2;
        }
    if (strcmp(word, "--ns-per-instruction") == 0 && explain_read_number(value, &options->ns_per_instruction))
        return 2;
    return 0;
}

bool explain_options_are_whole(const struct explain_options *options)
{
    return options->log != NULL && (options->sleeps == NULL || (options->vm != NULL && !options->timers));
}

static bool read_system(const char *name, struct explain_inputs *inputs)
{
    char error[256] = "out of memory";
    size_t size;

    if (name == NULL)
        return true;
    inputs->system_file = read_file(name, &size);
    if (inputs->system_file == NULL)
        return false;
    inputs->system = calloc(1, sizeof(*inputs->system));
    if (inputs->system != NULL &&
        system_file_read(inputs->system_file, size, inputs->system, error, sizeof(error)) == 0)
        return true;
    (void)fprintf(stderr, "%s: %s\n", name, error);
    return false;
}

static bool read_sleeps(const struct explain_options *options, struct explain_inputs *inputs)
{
    if (options->timers)
        return true;
    if (options->sleeps != NULL)
        return sleeps_read_csv(options->sleeps, options->vm, inputs->merged.hz, &inputs->sleeps);
    return sleeps_read_log(options->log, inputs->merged.hz, &inputs->sleeps);
}

bool explain_inputs_read(const struct explain_options *options, struct explain_inputs *inputs)
{
    *inputs = (struct explain_inputs){0};
    if (!trace_log_read(options->log, TRACE_ALL_CPUS, &inputs->log))
        return false;
    inputs->cpus = trace_log_merge(&inputs->log, &inputs->merged);
    if (inputs->cpus == NULL) {
        trace_log_free(&inputs->log);
        return false;
    }
    inputs->view = (struct trace_view){.trace = &inputs->merged, .cpus = inputs->cpus};
    if (read_system(options->system, inputs) && read_sleeps(options, inputs))
        return true;
    explain_inputs_free(inputs);
    return false;
}

void explain_inputs_free(struct explain_inputs *inputs)
{
    sleeps_free(&inputs->sleeps);
    free(inputs->system);
    free(inputs->system_file);
    free(inputs->merged.records);
    free(inputs->cpus);
    trace_log_free(&inputs->log);
}
