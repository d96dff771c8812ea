// SPDX-License-Identifier: Apache-2.0
/*
 * ontime run [OPTION...] SYSTEM.dtb [-- QEMU-ARGUMENT...]: starts Ontime with these guests in QEMU. It reads
 * the system file for the CPUs and the RAM that it takes, and leaves the rest to scripts/qemu, which knows
 * the boards. The script and ontime.bin are found from where the tool itself is: in the build folder, or as
 * they are installed, in ../lib/ontime.
 */
#include "commands.h"
#include "consoles.h"
#include "files.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "boot/system_file.h"

#define WORDS_MAX     64
#define PATH_SIZE     4096
#define MIB           (UINT64_C(1) << 20)
#define RAM_MIB_MIN   256
#define RAM_MIB_SPARE 64 /* for Ontime, its traces and tables */

static const char usage[] =
    "usage: ontime run [OPTION...] SYSTEM.dtb [-- QEMU-ARGUMENT...]\n"
    "Starts QEMU with Ontime and the guests of the system file. Ctrl-] and a digit gives the input to a "
    "guest,\n"
    "Ctrl-a x ends QEMU.\n"
    "  --board NAME    the machine (virt); scripts/qemu --help lists them\n"
    "  --gic 2|3       the version of virt's GIC (3)\n"
    "  --cpu MODEL     virt's CPU (cortex-a53)\n"
    "  --cpus N        how many of them (as many as the file names)\n"
    "  --memory SIZE   virt's RAM, in MiB or with the letter G (what the file needs)\n"
    "  --icount        virtual time counts instructions, 8 ns each\n"
    "  --qemu FILE     another QEMU than the installed one\n"
    "  --ontime FILE   another ontime.bin\n"
    "  --ptys          each guest's console is a terminal of its own: /dev/pts/N, for screen or picocom\n"
    "  --tmux          each guest's console is a pane of the tmux that this is started in\n"
    "  --log FILE      what comes from the console is kept in FILE, too\n"
    "  --timeout N     ends QEMU after N seconds, with exit status 124\n"
    "  --print         only print QEMU's command\n"
    "The exit status is QEMU's, if that is not 0; else 1, if Ontime refuses the system file or finds a fault "
    "of "
    "its\n"
    "own; else the largest N of the lines \"ontime-exit-status=N\" that guests have written; else 0.\n";

static struct {
    const char *cpus, *memory, *ontime, *log, *timeout;
    enum consoles_kind consoles;
    bool print;
} options;

static struct system_config config;
static char *words[WORDS_MAX];
static unsigned word_count;

static void add(const char *word)
{
    if (word_count < WORDS_MAX - 1)
        words[word_count++] = (char *)(uintptr_t)word;
}

/* Finds, to `path`, what belongs to the tool: beside it in the build folder, or as it is installed. */
static bool find_own(const char *built, const char *installed, char *path)
{
    char self[PATH_SIZE / 2];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (length <= 0)
        return false;
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(path, PATH_SIZE, "%s/%s", self, built);
    if (access(path, R_OK) == 0)
        return true;
    snprintf(path, PATH_SIZE, "%s/%s", self, installed);
    return access(path, R_OK) == 0;
}

/* The machine's CPUs and RAM, in decimal, to `cpus` and `memory`. */
static void size_machine(size_t file_size, char *cpus, char *memory, size_t size)
{
    uint64_t mib = RAM_MIB_SPARE + 2 * (file_size / MIB + 1), highest = 0;

    for (unsigned i = 0; i < config.vm_count; i++) {
        const struct vm_config *vm = &config.vms[i];

        mib += vm->memory_mib;
        highest |= vm_config_cpus(vm);
    }
    for (unsigned i = 0; i < config.link_count; i++)
        mib += config.links[i].memory_kib / 1024 + 1;
    if (mib < RAM_MIB_MIN)
        mib = RAM_MIB_MIN;
    snprintf(cpus, size, "%u", 64u - (unsigned)__builtin_clzll(highest | 1));
    snprintf(memory, size, "%" PRIu64, (mib + RAM_MIB_SPARE - 1) / RAM_MIB_SPARE * RAM_MIB_SPARE);
}

static bool read_option(const char *name, const char *value)
{
    if (strcmp(name, "--cpus") == 0) {
        options.cpus = value;
    } else if (strcmp(name, "--memory") == 0) {
        options.memory = value;
    } else if (strcmp(name, "--ontime") == 0) {
        options.ontime = value;
    } else if (strcmp(name, "--log") == 0) {
        options.log = value;
    } else if (strcmp(name, "--timeout") == 0) {
        options.timeout = value;
    } else if (strcmp(name, "--board") == 0 || strcmp(name, "--gic") == 0 || strcmp(name, "--cpu") == 0 ||
               strcmp(name, "--qemu") == 0) {
        add(name);
        add(value);
    } else {
        return false;
    }
    return true;
}

/* Returns where the system file's name is, or 0. */
static int read_options(int argc, char **argv)
{
    int i = 1;

    memset(&options, 0, sizeof(options));
    while (i < argc && argv[i][0] == '-') {
        if (strcmp(argv[i], "--ptys") == 0 || strcmp(argv[i], "--tmux") == 0) {
            options.consoles = strcmp(argv[i++], "--ptys") == 0 ? CONSOLES_PTYS : CONSOLES_PANES;
        } else if (strcmp(argv[i], "--icount") == 0 || strcmp(argv[i], "--print") == 0) {
            options.print |= strcmp(argv[i], "--print") == 0;
            add(argv[i++]);
        } else {
            if (i + 1 >= argc || !read_option(argv[i], argv[i + 1]))
                return 0;
            i += 2;
        }
    }
    return i < argc && (i + 1 == argc || strcmp(argv[i + 1], "--") == 0) ? i : 0;
}

static int start(const char *file, char *const *more)
{
    static char cpus[24], memory[24], script[PATH_SIZE], image[PATH_SIZE];
    char error[256];
    size_t size;
    void *data = read_file(file, &size);

    if (data == NULL)
        return 1;
    if (system_file_read(data, size, &config, error, sizeof(error)) != 0) {
        fprintf(stderr, "%s: %s\n", file, error);
        free(data);
        return 1;
    }
    size_machine(size, cpus, memory, sizeof(cpus));
    free(data);
    if (!find_own("../../scripts/qemu", "../lib/ontime/qemu", script)) {
        fputs("ontime run: scripts/qemu is not where this tool expects it, two folders up\n", stderr);
        return 1;
    }
    if (options.ontime == NULL && !find_own("../ontime.bin", "../lib/ontime/ontime.bin", image)) {
        fputs(
            "ontime run: there is no ontime.bin beside this tool: `make` makes it, --ontime FILE names one\n",
            stderr);
        return 1;
    }
    words[0] = script;
    for (const char *const *word =
             (const char *const[]){"--virtualization", "--timeout",
                                   options.timeout != NULL ? options.timeout : "0", "--smp",
                                   options.cpus != NULL ? options.cpus : cpus, "--memory",
                                   options.memory != NULL ? options.memory : memory, "--", "-kernel",
                                   options.ontime != NULL ? options.ontime : image, "-initrd", file, NULL};
         *word != NULL; word++)
        add(*word);
    for (; *more != NULL; more++)
        add(*more);
    words[word_count] = NULL;
    if (!options.print)
        return consoles_run(words, &config, options.consoles, options.log);
    execv(words[0], words);
    perror(words[0]);
    return 1;
}

int run_command(int argc, char **argv)
{
    int file;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    word_count = 1; /* the first is scripts/qemu */
    file = read_options(argc, argv);
    if (file == 0) {
        fputs(usage, stderr);
        return 2;
    }
    return start(argv[file], argv + file + (file + 1 < argc ? 2 : 1));
}
