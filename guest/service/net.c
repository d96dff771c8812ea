// SPDX-License-Identifier: Apache-2.0
/* A network card: the kernel's vhost_net, between the driver's queues and a tap, which may be a bridge's
 * port. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "say.h"
#include "vhost.h"
#include "words.h"

#define BIT(number) (1ULL << (number))

enum { QUEUES = 2, QUEUE_SIZE = 256, HEADER_SIZE = 12 };

/* What vhost_net itself has to do with, and what is between the driver and the tap. */
static const uint64_t vhost_part = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
                                   BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_NET_F_MRG_RXBUF);
static const uint64_t tap_part = BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) |
                                 BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |
                                 BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_HOST_TSO4) |
                                 BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN);

static int tap = -1, vhost = -1;
static uint64_t vhost_offer;

static void set_name(struct ifreq *request, const char *name)
{
    size_t length = strlen(name);

    if (length >= sizeof(request->ifr_name))
        fail("'%s' is too long for the name of an interface", name);
    memset(request->ifr_name, 0, sizeof(request->ifr_name));
    memcpy(request->ifr_name, name, length);
}

static void open_tap(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header = HEADER_SIZE;

    set_name(&request, name);
    tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap < 0 && (errno == ENOENT || errno == ENODEV))
        fail("there is no /dev/net/tun: is the kernel's module tun loaded?");
    if (tap < 0)
        fail("/dev/net/tun: %s", strerror(errno));
    if (ioctl(tap, TUNSETIFF, &request))
        fail("the tap %s: %s", name, strerror(errno));
    if (ioctl(tap, TUNSETVNETHDRSZ, &header))
        fail("the tap %s takes no headers of %d bytes: %s", name, header, strerror(errno));
}

static void bring_up(const char *name, const char *bridge)
{
    struct ifreq request = {0};
    int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (socket_fd < 0)
        fail("a socket: %s", strerror(errno));
    set_name(&request, name);
    if (ioctl(socket_fd, SIOCGIFFLAGS, &request))
        fail("the tap %s: %s", name, strerror(errno));
    request.ifr_flags |= IFF_UP;
    if (ioctl(socket_fd, SIOCSIFFLAGS, &request))
        fail("the tap %s does not come up: %s", name, strerror(errno));
    if (bridge) {
        request.ifr_ifindex = (int)if_nametoindex(name);
        set_name(&request, bridge);
        if (ioctl(socket_fd, SIOCBRADDIF, &request))
            fail("the tap %s cannot be a port of '%s': %s", name, bridge,
                 errno == ENODEV ? "there is no such bridge" : strerror(errno));
    }
    close(socket_fd);
}

static void prepare(const struct device *device, const char *target, struct offer *offer)
{
    struct virtio_net_config configuration = {.status = VIRTIO_NET_S_LINK_UP};
    char name[WORD_MOST], option[WORD_MOST], bridge[WORD_MOST] = "";

    word_make_mac(device->name, configuration.mac);
    word_next(&target, name);
    while (word_next(&target, option)) {
        const char *value = word_value(option, "mac");

        if (value && !word_read_mac(value, configuration.mac))
            fail("'%s' is no address of a network card", value);
        if (!value && (value = word_value(option, "bridge")))
            snprintf(bridge, sizeof(bridge), "%s", value);
        if (!value)
            fail("net has no option '%s'", option);
    }
    open_tap(name);
    bring_up(name, bridge[0] ? bridge : NULL);
    vhost = vhost_open("/dev/vhost-net", "vhost_net");
    vhost_offer = vhost_features(vhost) & vhost_part;
    offer->features = vhost_offer | tap_part | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS);
    offer->queues = QUEUES;
    offer->queue_size = QUEUE_SIZE;
    offer->configuration_size = sizeof(configuration);
    memcpy(offer->configuration, &configuration, sizeof(configuration));
}

static unsigned offload(uint64_t features)
{
    unsigned flags = 0;

    if (features & BIT(VIRTIO_NET_F_GUEST_CSUM))
        flags |= TUN_F_CSUM;
    if (features & BIT(VIRTIO_NET_F_GUEST_TSO4))
        flags |= TUN_F_TSO4;
    if (features & BIT(VIRTIO_NET_F_GUEST_TSO6))
        flags |= TUN_F_TSO6;
    if (features & BIT(VIRTIO_NET_F_GUEST_ECN) && flags & (TUN_F_TSO4 | TUN_F_TSO6))
        flags |= TUN_F_TSO_ECN;
    return (flags & TUN_F_CSUM) ? flags : 0;
}

static void start(const struct device *device, const struct setting *setting, const struct events *events)
{
    if (ioctl(tap, TUNSETOFFLOAD, offload(setting->features)))
        fail("the tap refuses what the driver does not do itself: %s", strerror(errno));
    if (vhost < 0)
        vhost = vhost_open("/dev/vhost-net", "vhost_net");
    vhost_set_up(vhost, device, setting, events, setting->features & vhost_offer, QUEUES);
    for (uint32_t i = 0; i < setting->queues && setting->queue[i].number < QUEUES; i++) {
        struct vhost_vring_file file = {.index = setting->queue[i].number, .fd = tap};

        if (ioctl(vhost, VHOST_NET_SET_BACKEND, &file))
            fail("vhost refuses the tap: %s", strerror(errno));
    }
}

/* What closes the file has waited for vhost's thread. */
static void stop(void)
{
    close(vhost);
    vhost = -1;
}

const struct backend net_backend = {
    .kind = "net",
    .id = VIRTIO_ID_NET,
    .help = "TAP[,bridge=BRIDGE][,mac=xx:xx:xx:xx:xx:xx]",
    .prepare = prepare,
    .start = start,
    .stop = stop,
};
