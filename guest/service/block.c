// SPDX-License-Identifier: Apache-2.0
/*
 * A disk: QEMU's qemu-storage-daemon, one process for each disk, by vhost-user. It ends requests in any
 * order; the relay between it and the driver puts them in order again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "relay.h"
#include "say.h"
#include "vhost_user.h"
#include "words.h"

#define BIT(number) (1ULL << (number))

#define SERVER "qemu-storage-daemon"

/* The configuration ends behind what virtio 1.1 has, which is all that the server knows. */
enum { QUEUES = 1, QUEUE_SIZE = 256, SERVER_SOCKET = 3, CONFIGURATION_SIZE = 60 };

static int connection = -1;
/* Where the server listens: an abstract address that the kernel has chosen. */
static struct sockaddr_un server_address;
static socklen_t server_address_size;

/* A comma in an argument of the server is written twice. */
static void write_path(char *to, size_t room, const char *path)
{
    size_t length = 0;

    for (; *path && length + 3 < room; path++) {
        to[length++] = *path;
        if (*path == ',')
            to[length++] = ',';
    }
    to[length] = 0;
}

struct image {
    char path[WORD_MOST];
    char format[WORD_MOST];
    bool read_only;
    /* A write has ended when it is in this VM's memory. If the VM crashes, it is lost, and the driver does
     * not know. */
    bool write_back;
};

static const char *on(bool value)
{
    return value ? "on" : "off";
}

__attribute__((noreturn)) static void become_server(int listener, const struct image *image)
{
    struct stat status;
    const char *protocol =
        stat(image->path, &status) == 0 && S_ISBLK(status.st_mode) ? "host_device" : "file";
    char path[2 * WORD_MOST], file[3 * WORD_MOST], disk[2 * WORD_MOST], export[WORD_MOST];

    write_path(path, sizeof(path), image->path);
    snprintf(file, sizeof(file), "driver=%s,node-name=file,filename=%s,read-only=%s", protocol, path,
             on(image->read_only));
    snprintf(disk, sizeof(disk), "driver=%s,node-name=disk,file=file,read-only=%s", image->format,
             on(image->read_only));
    snprintf(
        export, sizeof(export),
        "type=vhost-user-blk,id=disk,node-name=disk,addr.type=fd,addr.str=%d,writable=%s,writethrough=%s",
        SERVER_SOCKET, on(!image->read_only), on(!image->write_back));
    /* Its own group: Ctrl-C is for the program that has started it. */
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(listener, SERVER_SOCKET) < 0)
        fail("the server's socket: %s", strerror(errno));
    execlp(SERVER, SERVER, "--blockdev", file, "--blockdev", disk, "--export", export, (char *)NULL);
    fail("%s cannot be run: %s", SERVER, strerror(errno));
}

static void start_server(const struct image *image)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t server;

    server_address.sun_family = AF_UNIX;
    server_address_size = sizeof(server_address);
    if (listener < 0 ||
        bind(listener, (const struct sockaddr *)&server_address, sizeof(server_address.sun_family)) ||
        listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&server_address, &server_address_size))
        fail("a socket for %s: %s", SERVER, strerror(errno));
    server = fork();
    if (server < 0)
        fail("no process for %s: %s", SERVER, strerror(errno));
    if (server == 0)
        become_server(listener, image);
    close(listener);
}

static uint64_t connect_to_server(void)
{
    uint64_t features;

    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0 || connect(connection, (const struct sockaddr *)&server_address, server_address_size))
        fail("%s does not listen: %s", SERVER, strerror(errno));
    if (!vhost_user_begin(connection, &features))
        fail("%s has ended, or is none with vhost-user-blk", SERVER);
    return features;
}

static struct relay relay;
/* Those of the relay to the server, and of the driver to the relay. */
static struct events server_events, driver_events;

/* The memory of the server's rings; its driver has no business there, whatever address it takes for its
 * buffers. */
static struct vhost_user_memory rings = {.file = -1, .guest_address = 1ULL << 62, .size = RELAY_MEMORY};

static void make_rings(void)
{
    rings.file = memfd_create("rings", MFD_CLOEXEC);
    if (rings.file < 0 || ftruncate(rings.file, RELAY_MEMORY))
        fail("memory for rings: %s", strerror(errno));
    rings.bytes = mmap(NULL, RELAY_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, rings.file, 0);
    if (rings.bytes == MAP_FAILED)
        fail("memory for rings: %s", strerror(errno));
    server_events = (struct events){.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                    .call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (server_events.kick < 0 || server_events.call < 0)
        fail("an eventfd: %s", strerror(errno));
}

static void prepare(const struct device *device, const char *target, struct offer *offer)
{
    struct image image = {.format = "raw"};
    char option[WORD_MOST];

    (void)device;
    word_next(&target, image.path);
    while (word_next(&target, option)) {
        const char *value = word_value(option, "format");

        if (value)
            snprintf(image.format, sizeof(image.format), "%s", value);
        else if (strcmp(option, "read-only") == 0)
            image.read_only = true;
        else if (strcmp(option, "write-back") == 0)
            image.write_back = true;
        else
            fail("block has no option '%s'", option);
    }
    if (access(image.path, image.read_only ? R_OK : R_OK | W_OK))
        fail("%s: %s", image.path, strerror(errno));
    make_rings();
    start_server(&image);
    /* CONFIG_WCE lets the driver write the configuration, which Ontime does not. */
    offer->features = connect_to_server() &
                      ~(VHOST_USER_F_PROTOCOL_FEATURES | BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_MQ));
    offer->queues = QUEUES;
    offer->queue_size = QUEUE_SIZE;
    offer->configuration_size = CONFIGURATION_SIZE;
    if (!vhost_user_get_configuration(connection, offer->configuration, offer->configuration_size))
        fail("%s does not tell the disk's size", SERVER);
}

static void start(const struct device *device, const struct setting *setting, const struct events *events)
{
    const struct vhost_user_memory ram = {.file = device->memory,
                                          .bytes = device->ram.bytes,
                                          .guest_address = device->ram.base,
                                          .size = device->ram.size};
    const struct vhost_user_memory memories[] = {ram, rings};
    struct ring driver;

    if (setting->queues != 1 || !ring_place(&driver, &device->ram, &setting->queue[0]))
        fail("a disk has one queue");
    if (connection < 0)
        connect_to_server();
    driver_events = events[0];
    memset(rings.bytes, 0, RELAY_MEMORY);
    relay_begin(&relay, &driver, rings.bytes, setting->features & BIT(VIRTIO_RING_F_EVENT_IDX));
    if (!vhost_user_start(connection, setting->features & ~BIT(VIRTIO_RING_F_EVENT_IDX), memories,
                          &relay.server, &server_events))
        fail("%s does not take the queue", SERVER);
}

static void stop(void)
{
    if (!vhost_user_end(connection))
        fail("%s has ended in the middle of requests", SERVER);
    connection = -1;
}

static int watch(struct pollfd *files)
{
    files[0].fd = connection;
    files[1].fd = driver_events.kick;
    files[2].fd = server_events.call;
    return 3;
}

/* Whether there was a signal, which is taken away. */
static bool take_signal(int event)
{
    eventfd_t count;

    return eventfd_read(event, &count) == 0;
}

static void send_signal(int event)
{
    if (eventfd_write(event, 1))
        fail("an eventfd: %s", strerror(errno));
}

static bool serve_requests(void)
{
    enum relay_result result = RELAY_NOTHING;

    if (take_signal(driver_events.kick))
        result = relay_requests(&relay);
    if (result == RELAY_SIGNAL)
        send_signal(server_events.kick);
    if (result == RELAY_BROKEN) {
        say("the driver's queue does not keep to virtio's rules");
        return false;
    }
    result = take_signal(server_events.call) ? relay_results(&relay) : RELAY_NOTHING;
    if (result == RELAY_SIGNAL)
        send_signal(driver_events.call);
    if (result == RELAY_BROKEN)
        fail("%s has ended what it was not asked for", SERVER);
    return true;
}

/* The server leaves the driver when a request of its is malformed. */
static bool serve_end(void)
{
    if (waitpid(-1, NULL, WNOHANG) != 0)
        fail("%s has ended", SERVER);
    say("%s does not take a request of the driver", SERVER);
    return false;
}

static bool serve(const struct pollfd *files)
{
    return files[0].revents ? serve_end() : serve_requests();
}

const struct backend block_backend = {
    .kind = "block",
    .id = VIRTIO_ID_BLOCK,
    .help = "IMAGE[,format=FORMAT][,read-only][,write-back]",
    .prepare = prepare,
    .start = start,
    .stop = stop,
    .watch = watch,
    .serve = serve,
};
