// SPDX-License-Identifier: Apache-2.0
/*
 * ontime new [-o FILE.dts] [--cpus N] GUEST...: writes the source of a system file for these guests, with a
 * comment for what one may want to change, and checks it as `ontime check` does, by dtc.
 *
 *     NAME=linux:KERNEL[,INITRD]     an arm64 Image and its initramfs
 *     NAME=bare:BINARY[,ADDRESS]     a raw binary, entered at its first byte, at 0x40080000 if not said
 *
 * With --cpus the guests are spread over that many CPUs, one after another. With --control NAME that guest
 * may steer the others. An existing file is not overwritten.
 */
#include "commands.h"
#include "files.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "boot/system_file.h"

#define MIB           (UINT64_C(1) << 20)
#define PATH_SIZE     4096
#define BARE_ADDRESS  "0x40080000"
#define LINUX_MIB_MIN 256
#define BARE_MIB_MIN  16

static const char usage[] =
    "usage: ontime new [-o FILE.dts] [--cpus N] [--control NAME] GUEST...\n"
    "Writes the source of a system file, to standard output if no file is named, and checks it with dtc.\n"
    "GUEST is one of\n"
    "  NAME=linux:KERNEL[,INITRD]   an arm64 Image, unpacked, and its initramfs\n"
    "  NAME=bare:BINARY[,ADDRESS]   a raw binary that is entered at its first byte (at " BARE_ADDRESS ")\n"
    "  --cpus N         spreads the guests over N CPUs (1)\n"
    "  --control NAME   this guest may steer the others: `ontime list`, `top` and so on in it\n"
    "  -o FILE          writes to this file, which must not be there yet\n";

struct guest {
    const char *name;
    bool is_linux, is_control;
    char kernel[PATH_SIZE]; /* absolute */
    char second[PATH_SIZE]; /* of Linux: the initrd, absolute, or ""; of others the address */
    uint64_t mib;
};

static struct guest guests[SYSTEM_MAX_VMS];
static unsigned guest_count;

static int complain(const char *about, const char *what)
{
    fprintf(stderr, "ontime new: %s: %s\n", about, what);
    return -1;
}

/* The file's absolute path, which has to do for /incbin/. *size grows by what it has. */
static int find_file(const char *name, char *path, uint64_t *size)
{
    struct stat about;
    char *real = realpath(name, NULL);

    if (real == NULL || stat(real, &about) != 0) {
        free(real);
        return complain(name, strerror(errno));
    }
    if (!S_ISREG(about.st_mode) || about.st_size == 0 || strlen(real) >= PATH_SIZE ||
        strpbrk(real, "\"\\") != NULL) {
        free(real);
        return complain(name, "is empty, no ordinary file, or its path has a quotation mark or a backslash");
    }
    snprintf(path, PATH_SIZE, "%s", real);
    free(real);
    *size += (uint64_t)about.st_size;
    return 0;
}

/* Takes "NAME=KIND:FILE[,MORE]" apart, which it changes. */
static int read_guest(char *text, struct guest *guest)
{
    char *kind = strchr(text, '=');
    char *file = kind != NULL ? strchr(kind, ':') : NULL;
    char *more = file != NULL ? strchr(file, ',') : NULL;
    uint64_t size = 0;

    if (file == NULL)
        return complain(text, "is not NAME=linux:KERNEL[,INITRD] or NAME=bare:BINARY[,ADDRESS]");
    *kind++ = '\0';
    *file++ = '\0';
    if (more != NULL)
        *more++ = '\0';
    guest->name = text;
    guest->is_linux = strcmp(kind, "linux") == 0;
    if (!guest->is_linux && strcmp(kind, "bare") != 0)
        return complain(kind, "is no kind of guest: linux or bare");
    if (find_file(file, guest->kernel, &size) != 0)
        return -1;
    if (guest->is_linux) {
        if (more != NULL && find_file(more, guest->second, &size) != 0)
            return -1;
    } else {
        snprintf(guest->second, sizeof(guest->second), "%s", more != NULL ? more : BARE_ADDRESS);
    }
    /* An initramfs is there twice while it is unpacked, and is packed three to one or so. */
    guest->mib = guest->is_linux ? LINUX_MIB_MIN : BARE_MIB_MIN;
    while (guest->mib * MIB < size * (guest->is_linux ? 5 : 2))
        guest->mib *= 2;
    return 0;
}

/* /incbin/ takes the path as it is; a file is stored once, whoever uses it. */
static unsigned first_with(const char *path)
{
    for (unsigned i = 0; i < guest_count; i++) {
        if (strcmp(guests[i].kernel, path) == 0)
            return 2 * i;
        if (guests[i].is_linux && strcmp(guests[i].second, path) == 0)
            return 2 * i + 1;
    }
    return 0;
}

static void write_image(FILE *to, unsigned number, const char *path)
{
    if (path[0] != '\0' && first_with(path) == number)
        fprintf(to, "        file%u: file%u { data = /incbin/(\"%s\"); };\n", number, number, path);
}

static void write_guest(FILE *to, const struct guest *guest, unsigned cpu, bool several_cpus)
{
    fprintf(to, "\n    vm-%s {\n        compatible = \"ontime,vm\";\n", guest->name);
    fprintf(to, "        memory-mib = <%" PRIu64 ">;\n", guest->mib);
    fprintf(to, "        vcpus = <1>;               /* up to %d */\n", SYSTEM_MAX_VCPUS);
    fprintf(to, "        cpus = <%u>;                /* vCPU i is on the i-th of these%s */\n", cpu,
            several_cpus ? "" : "; the machine's first is 0");
    fprintf(to, "        weight = <1>;              /* its part of a CPU, beside the others' weights */\n");
    if (guest->is_linux) {
        fprintf(to,
                "        timers = \"precise\";        /* the guest says when, by ontime.ko; \"snoop\": no "
                "module is needed */\n");
        fprintf(to,
                "        console = \"raw\";           /* a shell's colours and cursor; for a guest that you "
                "trust */\n");
        fprintf(to, "        bootargs = \"console=ttyAMA0\";\n");
    } else {
        fprintf(to,
                "        timers = \"snoop\";          /* Ontime looks at its timers whenever it waits */\n");
    }
    fprintf(to, "        /* job-us = <50>;             how much work after a wake-up is to be on time */\n");
    if (guest->is_control)
        fprintf(to, "        control;                   /* it may steer the other VMs */\n");
    fprintf(to, "        /* ends-system;               when this VM is off, all is */\n");
    fprintf(to, "        kernel = <&file%u>;\n", first_with(guest->kernel));
    if (!guest->is_linux)
        fprintf(to, "        load-address = <%s>;\n", guest->second);
    else if (guest->second[0] != '\0')
        fprintf(to, "        initrd = <&file%u>;\n", first_with(guest->second));
    fprintf(to, "    };\n");
}

static void write_source(FILE *to, unsigned cpus)
{
    fputs("// A system file of Ontime: docs/system-file.md has every property.\n"
          "//     dtc -I dts -O dtb -o FILE.dtb THIS.dts && ontime check FILE.dtb && ontime run FILE.dtb\n"
          "/dts-v1/;\n/ {\n    compatible = \"ontime,system\";\n    #address-cells = <2>;\n"
          "    #size-cells = <2>;\n\n    images {                       /* each file once, for any number of "
          "VMs */\n",
          to);
    for (unsigned i = 0; i < guest_count; i++) {
        write_image(to, 2 * i, guests[i].kernel);
        if (guests[i].is_linux)
            write_image(to, 2 * i + 1, guests[i].second);
    }
    fputs("    };\n", to);
    for (unsigned i = 0; i < guest_count; i++)
        write_guest(to, &guests[i], i % cpus, cpus > 1);
    fputs("};\n", to);
}

/* dtc's exit status is 0. */
static bool compile(const char *source, const char *compiled)
{
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        execlp("dtc", "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", compiled, source, (char *)NULL);
        fprintf(stderr, "ontime new: dtc: %s (Debian's device-tree-compiler has it)\n", strerror(errno));
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int check_source(const char *source)
{
    static struct system_config config;
    char compiled[] = "/tmp/ontime-new-XXXXXX";
    int file = mkstemp(compiled), result = -1;
    char error[256];
    size_t size;
    void *data;

    if (file < 0)
        return complain(compiled, strerror(errno));
    (void)close(file);
    data = compile(source, compiled) ? read_file(compiled, &size) : NULL;
    if (data != NULL) {
        result = system_file_read(data, size, &config, error, sizeof(error));
        if (result != 0)
            complain(source, error);
    }
    free(data);
    (void)unlink(compiled);
    return result;
}

static int write_and_check(const char *output, unsigned cpus)
{
    char temporary[] = "/tmp/ontime-new-XXXXXX.dts";
    const char *source = output != NULL ? output : temporary;
    int file = output != NULL ? open(output, O_CREAT | O_EXCL | O_WRONLY, 0666) : mkstemps(temporary, 4);
    FILE *to = file >= 0 ? fdopen(file, "w") : NULL;
    int result;

    if (to == NULL)
        return complain(source, strerror(errno));
    write_source(to, cpus);
    result = fclose(to) == 0 ? check_source(source) : complain(source, strerror(errno));
    if (output == NULL) {
        (void)unlink(temporary);
        if (result == 0)
            write_source(stdout, cpus);
    } else if (result != 0) {
        (void)unlink(output);
    } else {
        printf("%s: %u VM%s; dtc -I dts -O dtb -o FILE.dtb %s, then ontime run FILE.dtb\n", output,
               guest_count, guest_count == 1 ? "" : "s", output);
    }
    return result;
}

static int mark_control(const char *name)
{
    for (unsigned i = 0; i < guest_count; i++)
        if (strcmp(guests[i].name, name) == 0) {
            guests[i].is_control = true;
            return 0;
        }
    return complain(name, "--control: there is no such guest");
}

int new_command(int argc, char **argv)
{
    const char *output = NULL, *control = NULL;
    unsigned long cpus = 1;
    int i = 1;

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (strcmp(argv[i], "-o") == 0)
            output = argv[i + 1];
        else if (strcmp(argv[i], "--control") == 0)
            control = argv[i + 1];
        else if (strcmp(argv[i], "--cpus") == 0)
            cpus = strtoul(argv[i + 1], NULL, 10);
        else
            break;
    }
    if (i >= argc || argv[i][0] == '-' || cpus == 0 || cpus > SYSTEM_MAX_CPUS || argc - i > SYSTEM_MAX_VMS) {
        fputs(usage, stderr);
        return 2;
    }
    memset(guests, 0, sizeof(guests));
    for (guest_count = 0; i < argc; i++, guest_count++)
        if (read_guest(argv[i], &guests[guest_count]) != 0)
            return 1;
    if (control != NULL && mark_control(control) != 0)
        return 1;
    return write_and_check(output, (unsigned)cpus) == 0 ? 0 : 1;
}
