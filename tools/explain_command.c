/* SPDX-License-Identifier: Apache-2.0 */
/* ontime trace explain: why one wake-up was late. wakeup.c finds out; the rest is words and a picture. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "explain_inputs.h"
#include "explain_picture.h"
#include "explain_words.h"

static const char usage[] =
    "usage: ontime trace explain [--vm NAME] [--worst|--last|--at US] [--sleeps FILE.csv | --timers]\n"
    "                            [--system SYSTEM.dtb [--ns-per-instruction N]] [--svg OUT.svg] LOG\n"
    "Says why a wake-up in the trace of a console log was late, and what would have to change.\n"
    "  --vm NAME    of this VM only\n"
    "  --worst      the latest wake-up (the default)\n"
    "  --last       the last one\n"
    "  --at US      the first one that ends at that time of the counter or after\n"
    "  --sleeps     the programs' sleeps of --vm's, a CSV file of the benches; without it those that the log "
    "has\n"
    "  --timers     not of programs' sleeps, but of timers: until the guest has its interrupt\n"
    "  --system     the run's system file: with the bound's terms beside those found\n"
    "  --svg        a picture of it\n";

struct options {
    struct explain_options common;
    enum wakeup_choice choice;
    const char *svg; /* or NULL */
    double at_us;
};

/* Of its own; how many words it takes, or 0. */
static int read_option(const char *word, struct options *options)
{
    if (strcmp(word, "--worst") == 0)
        options->choice = WAKEUP_WORST;
    else if (strcmp(word, "--last") == 0)
        options->choice = WAKEUP_LAST;
    else if (strcmp(word, "--timers") == 0)
        options->common.timers = true;
    else
        return 0;
    return 1;
}

static int read_valued(const char *word, const char *value, struct options *options)
{
    if (strcmp(word, "--at") == 0 && explain_read_number(value, &options->at_us))
        options->choice = WAKEUP_AT;
    else if (strcmp(word, "--svg") == 0 && value != NULL)
        options->svg = value;
    else
        return 0;
    return 2;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    options->common.ns_per_instruction = EXPLAIN_NS_PER_INSTRUCTION;
    for (int i = 1, taken; i < argc; i += taken) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        taken = read_option(argv[i], options);
        if (taken == 0)
            taken = read_valued(argv[i], value, options);
        if (taken == 0)
            taken = explain_read_option(argv[i], value, &options->common);
        if (taken == 0)
            return false;
    }
    return explain_options_are_whole(&options->common);
}

static bool draw(const char *name, const struct trace_view *view, const struct wakeup *wakeup)
{
    FILE *file = fopen(name, "w");
    bool good;

    if (file == NULL) {
        perror(name);
        return false;
    }
    explain_draw(file, view, wakeup);
    good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    if (!good)
        (void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
    return good;
}

static bool explain(const struct options *options, const struct explain_inputs *inputs)
{
    uint64_t at = (uint64_t)(options->at_us * (double)inputs->merged.hz / 1e6);
    struct wakeup wakeup;
    int found = wakeup_find(&inputs->view, &inputs->sleeps, options->common.vm, options->choice, at, &wakeup);
    bool good;

    if (found <= 0) {
        (void)fprintf(stderr, "ontime trace explain: %s: %s\n", options->common.log,
                      found < 0 ? "out of memory" : "no such wake-up in the trace");
        return false;
    }
    explain_in_words(stdout, &inputs->view, &wakeup, inputs->system, options->common.ns_per_instruction);
    good = options->svg == NULL || draw(options->svg, &inputs->view, &wakeup);
    wakeup_free(&wakeup);
    return good;
}

int explain_command(int argc, char **argv)
{
    struct options options = {0};
    struct explain_inputs inputs;
    bool good;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        printf("%s", usage);
        return 0;
    }
    if (!read_options(argc, argv, &options)) {
        (void)fprintf(stderr, "%s", usage);
        return 2;
    }
    if (!explain_inputs_read(&options.common, &inputs))
        return 1;
    good = explain(&options, &inputs);
    explain_inputs_free(&inputs);
    return good ? 0 : 1;
}
