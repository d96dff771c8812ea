// SPDX-License-Identifier: Apache-2.0
/* Sockets between this VM and the driver's: the kernel's vhost_vsock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

#include "say.h"
#include "vhost.h"

#define BIT(number) (1ULL << (number))

/* The third queue, of events, is not the kernel's; the only event is one of migration. */
enum { QUEUES = 3, VHOST_QUEUES = 2, QUEUE_SIZE = 128, LEAST_CID = 3 };

static int vhost = -1;
static uint64_t vhost_offer, cid;

static void prepare(const struct device *device, const char *target, struct offer *offer)
{
    struct virtio_vsock_config configuration;
    char *end;

    (void)device;
    cid = strtoull(target, &end, 10);
    if (*end != 0 || cid < LEAST_CID || cid >= UINT32_MAX)
        fail("'%s' is no CID from %d on", target, LEAST_CID);
    vhost = vhost_open("/dev/vhost-vsock", "vhost_vsock");
    vhost_offer = vhost_features(vhost) &
                  (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX));
    configuration.guest_cid = cid;
    offer->features = vhost_offer;
    offer->queues = QUEUES;
    offer->queue_size = QUEUE_SIZE;
    offer->configuration_size = sizeof(configuration);
    memcpy(offer->configuration, &configuration, sizeof(configuration));
}

static void start(const struct device *device, const struct setting *setting, const struct events *events)
{
    int on = 1;

    if (vhost < 0)
        vhost = vhost_open("/dev/vhost-vsock", "vhost_vsock");
    vhost_set_up(vhost, device, setting, events, setting->features & vhost_offer, VHOST_QUEUES);
    if (ioctl(vhost, VHOST_VSOCK_SET_GUEST_CID, &cid))
        fail("the CID %llu: %s", (unsigned long long)cid, strerror(errno));
    if (ioctl(vhost, VHOST_VSOCK_SET_RUNNING, &on))
        fail("vhost does not run: %s", strerror(errno));
}

static void stop(void)
{
    close(vhost);
    vhost = -1;
}

const struct backend vsock_backend = {
    .kind = "vsock",
    .id = VIRTIO_ID_VSOCK,
    .help = "CID",
    .prepare = prepare,
    .start = start,
    .stop = stop,
};
