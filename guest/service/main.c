// SPDX-License-Identifier: Apache-2.0
/*
 * ontime-service: serves virtio devices of other VMs from this one (docs/devices.md). A process for each
 * device, so that none waits for another's; this one starts them again when they fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "serve.h"
#include "words.h"

enum { EXIT_USAGE = 2, MOST_DEVICES = 16, AGAIN_SECONDS = 1, SIGNAL_STATUS = 128 };

struct served {
    struct word word;
    const struct backend *backend;
    pid_t process;
};

static const struct backend *const backends[] = {&net_backend, &block_backend, &vsock_backend};
enum { BACKENDS = sizeof(backends) / sizeof(backends[0]) };

static struct served served[MOST_DEVICES];
static int devices;
static sigset_t old_mask;

static void print_usage(FILE *file)
{
    fputs("usage: ontime-service DEVICE...\n"
          "       ontime-service --help | --version\n"
          "Serves virtio devices of other VMs of Ontime. A DEVICE is one of these, where NAME is that of the "
          "system\n"
          "file's node virtio-NAME:\n",
          file);
    for (int i = 0; i < BACKENDS; i++)
        fprintf(file, "  %s:NAME=%s\n", backends[i]->kind, backends[i]->help);
    fputs("It needs ontime_service.ko and, for net, the modules tun and vhost_net, for vsock vhost_vsock, "
          "for block the\n"
          "program qemu-storage-daemon. It ends by Ctrl-C or SIGTERM: the drivers then wait until it is "
          "started "
          "again.\n"
          "The exit status is 1 when a device could not be served, 2 for a word that it does not know.\n",
          file);
}

__attribute__((noreturn)) static void fail_usage(const char *word, const char *fault)
{
    fprintf(stderr, "ontime-service: '%s' %s; --help shows what there is\n", word, fault);
    exit(EXIT_USAGE);
}

static void read_word(const char *text)
{
    struct served *device = &served[devices];

    if (devices == MOST_DEVICES)
        fail_usage(text, "is one device too many");
    if (!word_read(&device->word, text))
        fail_usage(text, "is not KIND:NAME=TARGET");
    for (int i = 0; i < BACKENDS; i++)
        if (strcmp(backends[i]->kind, device->word.kind) == 0)
            device->backend = backends[i];
    if (!device->backend)
        fail_usage(device->word.kind, "is not a kind of device");
    for (int i = 0; i < devices; i++)
        if (strcmp(served[i].word.name, device->word.name) == 0)
            fail_usage(device->word.name, "is named twice");
    devices++;
}

/* True: it is offered to its driver. */
static bool start(struct served *device)
{
    pid_t parent = getpid();
    int ready[2];
    char byte;
    ssize_t length;

    if (pipe2(ready, O_CLOEXEC))
        fail("a pipe: %s", strerror(errno));
    device->process = fork();
    if (device->process < 0)
        fail("no process: %s", strerror(errno));
    if (device->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(1);
        close(ready[0]);
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
        say_device = device->word.name;
        serve(device->backend, &device->word, ready[1]);
    }
    close(ready[1]);
    do
        length = read(ready[0], &byte, 1);
    while (length < 0 && errno == EINTR);
    close(ready[0]);
    return length == 1;
}

static void end_all(void)
{
    for (int i = 0; i < devices; i++)
        if (served[i].process > 0)
            kill(served[i].process, SIGTERM);
    while (wait(NULL) > 0)
        ;
}

static void restart_ended(void)
{
    pid_t process;

    while ((process = waitpid(-1, NULL, WNOHANG)) > 0)
        for (int i = 0; i < devices; i++)
            if (served[i].process == process) {
                say("%s: is started again", served[i].word.name);
                (void)sleep(AGAIN_SECONDS);
                start(&served[i]);
            }
}

/* What ends this process is blocked, and waited for with the end of others. */
static int wait_for_signal(const sigset_t *signals)
{
    int number;

    do
        number = sigwaitinfo(signals, NULL);
    while (number < 0 && errno == EINTR);
    return number;
}

int main(int count, char **words)
{
    sigset_t signals;
    int number;

    if (count == 2 && (!strcmp(words[1], "--help") || !strcmp(words[1], "-h"))) {
        print_usage(stdout);
        return fflush(stdout) ? 1 : 0;
    }
    if (count == 2 && !strcmp(words[1], "--version")) {
        printf("ontime-service, for version %d of the registers\n", ONTIME_SERVICE_VERSION_VALUE);
        return fflush(stdout) ? 1 : 0;
    }
    if (count < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    for (int i = 1; i < count; i++)
        read_word(words[i]);

    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, &old_mask);
    for (int i = 0; i < devices; i++) {
        if (!start(&served[i])) {
            end_all();
            return 1;
        }
        printf("ontime-service: %s: %s %s\n", served[i].word.name, served[i].word.kind,
               served[i].word.target);
        (void)fflush(stdout);
    }
    while ((number = wait_for_signal(&signals)) == SIGCHLD)
        restart_ended();
    end_all();
    return SIGNAL_STATUS + number;
}
