// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's side is virtio-mmio, version 2 (virtio 1.2, section 4.2.2); the service's is
 * include/ontime/service.h. EL2 carries out what the registers do and never looks at a ring: the addresses of
 * queues are the service's to check.
 *
 * An access of the driver that needs the service, while that is not ready, or comes while a reset is going
 * on, waits: the vCPU stays on the instruction and is blocked as by WFI, until the service has changed the
 * device or an interrupt comes. The locks are those of virtio_state.h.
 */
#include "devices/virtio_registers.h"
#include <stddef.h>
#include <string.h>
#include "devices/wait.h"
#include "vm/vm.h"

/* Of virtio-mmio. */
#define MAGIC               0x000
#define VERSION             0x004
#define DEVICE_ID           0x008
#define VENDOR_ID           0x00C
#define DEVICE_FEATURES     0x010
#define DEVICE_FEATURES_SEL 0x014
#define DRIVER_FEATURES     0x020
#define DRIVER_FEATURES_SEL 0x024
#define QUEUE_SEL           0x030
#define QUEUE_NUM_MAX       0x034
#define QUEUE_NUM           0x038
#define QUEUE_READY         0x044
#define QUEUE_NOTIFY        0x050
#define INTERRUPT_STATUS    0x060
#define INTERRUPT_ACK       0x064
#define STATUS              0x070
#define QUEUE_ADDRESSES     0x080 /* three of 64 bits, 0x10 bytes apart */
#define SHM_LENGTH          0x0B0
#define SHM_END             0x0C0
#define CONFIG_GENERATION   0x0FC
#define CONFIG              0x100

#define MAGIC_VALUE  0x74726976 /* "virt" */
#define VENDOR_VALUE 0x4D544E4F /* "ONTM" */

/* Feature bits that have to do with the registers. */
#define FEATURE_VERSION_1   (UINT64_C(1) << 32)
#define FEATURE_RING_PACKED (UINT64_C(1) << 34)
#define FEATURE_RING_RESET  (UINT64_C(1) << 40) /* QueueReset, which is not there */

#define QUEUE_SIZE_MAX 32768u
#define STATUS_BITS    (0xFFu & ~VIRTIO_STATUS_NEEDS_RESET)

_Static_assert(CONFIG + ONTIME_SERVICE_CONFIG_SIZE == GUEST_VIRTIO_SIZE,
               "the configuration is the second half");

static uint32_t half_of(uint64_t value, uint32_t half)
{
    return half < 2 ? (uint32_t)(value >> 32 * half) : 0;
}

static void set_half(uint64_t *value, uint32_t half, uint32_t to)
{
    if (half < 2)
        *value = (*value & ~(UINT64_C(0xFFFFFFFF) << 32 * half)) | (uint64_t)to << 32 * half;
}

static struct virtio_queue *selected(struct virtio_device *device)
{
    return device->queue < ONTIME_SERVICE_QUEUES_MAX ? &device->queues[device->queue] : NULL;
}

/* The word of a queue's addresses at that register, 0 to 5; -1: it is another register. */
static int address_word(uint64_t offset)
{
    uint64_t place = offset - QUEUE_ADDRESSES;

    return place < 0x30 && (place & 0xF) < 8 ? (int)(place / 16 * 2 + (place & 0xF) / 4) : -1;
}

/* The interrupt's registers, and those that say what this is, have nothing to do with what the service does.
 */
static bool never_waits(uint64_t offset)
{
    return offset == MAGIC || offset == VERSION || offset == VENDOR_ID || offset == INTERRUPT_STATUS ||
           offset == INTERRUPT_ACK;
}

static bool needs_service(uint64_t offset, bool write, uint32_t value)
{
    if (write)
        return (offset == STATUS && value != 0) || (offset == QUEUE_READY && value != 0);
    return offset == DEVICE_ID || offset == DEVICE_FEATURES || offset == QUEUE_NUM_MAX ||
           offset == CONFIG_GENERATION || offset >= CONFIG;
}

static bool has_to_wait(const struct virtio_device *device, const struct mmio_access *access, uint64_t offset)
{
    if (never_waits(offset))
        return false;
    return device->resetting || (device->service == VIRTIO_ABSENT &&
                                 needs_service(offset, access->write, (uint32_t)access->value));
}

static uint32_t read_status(const struct virtio_device *device)
{
    return device->status | (device->broken ? VIRTIO_STATUS_NEEDS_RESET : 0);
}

/* Of the selected queue, which may be none. */
static uint32_t queue_size_max(const struct virtio_device *device)
{
    return device->queue < device->queue_count ? device->queue_size : 0;
}

static uint32_t driver_load(struct virtio_device *device, uint64_t offset)
{
    const struct virtio_queue *queue = selected(device);

    switch (offset) {
    case MAGIC:
        return MAGIC_VALUE;
    case VERSION:
        return 2;
    case DEVICE_ID:
        return device->service == VIRTIO_GONE ? 0 : device->config->device_id;
    case VENDOR_ID:
        return VENDOR_VALUE;
    case DEVICE_FEATURES:
        return half_of(device->features, device->features_half);
    case QUEUE_NUM_MAX:
        return queue_size_max(device);
    case QUEUE_READY:
        return queue != NULL && queue->ready;
    case INTERRUPT_STATUS:
        return atomic_load(&device->interrupt_status);
    case STATUS:
        return read_status(device);
    case CONFIG_GENERATION:
        return device->generation;
    default:
        return offset >= SHM_LENGTH && offset < SHM_END ? UINT32_MAX : 0; /* no shared memory */
    }
}

/* A queue of the driver's is used only if the service has it, with a size that it can have. */
static bool can_be_ready(const struct virtio_device *device, const struct virtio_queue *queue)
{
    bool any_size = (device->accepted & FEATURE_RING_PACKED) != 0;

    return queue->size != 0 && queue->size <= queue_size_max(device) &&
           (any_size || (queue->size & (queue->size - 1)) == 0);
}

static unsigned set_ready(struct virtio_device *device, struct virtio_queue *queue, bool ready)
{
    if (queue->ready == ready || (ready && !can_be_ready(device, queue)))
        return 0;
    queue->ready = ready;
    return VIRTIO_TELL_CHANGED;
}

/* A driver that has not accepted what it may, and has to, does not get FEATURES_OK. */
static bool features_are_good(const struct virtio_device *device)
{
    return (device->accepted & ~device->features) == 0 &&
           (device->features & ~device->accepted & FEATURE_VERSION_1) == 0;
}

static unsigned set_status(struct virtio_device *device, uint32_t value)
{
    value &= STATUS_BITS;
    if (value == 0)
        return virtio_ask_for_reset(device);
    if ((value & ~device->status & VIRTIO_STATUS_FEATURES_OK) != 0 && !features_are_good(device))
        value &= ~VIRTIO_STATUS_FEATURES_OK;
    if (value == device->status)
        return 0;
    device->status = value;
    return VIRTIO_TELL_CHANGED;
}

static void store_to_queue(struct virtio_queue *queue, uint64_t offset, uint32_t value)
{
    int word = address_word(offset);

    if (queue == NULL || queue->ready)
        return;
    if (offset == QUEUE_NUM)
        queue->size = value;
    else if (word >= 0)
        queue->addresses[word] = value;
}

static unsigned driver_store(struct virtio_device *device, uint64_t offset, uint32_t value)
{
    struct virtio_queue *queue = selected(device);

    switch (offset) {
    case DEVICE_FEATURES_SEL:
        device->features_half = value;
        return 0;
    case DRIVER_FEATURES_SEL:
        device->accepted_half = value;
        return 0;
    case DRIVER_FEATURES:
        if ((device->status & VIRTIO_STATUS_FEATURES_OK) == 0)
            set_half(&device->accepted, device->accepted_half, value);
        return 0;
    case QUEUE_SEL:
        device->queue = value;
        return 0;
    case QUEUE_READY:
        return queue != NULL ? set_ready(device, queue, (value & 1) != 0) : 0;
    case INTERRUPT_ACK:
        atomic_fetch_and(&device->interrupt_status, ~value);
        return 0;
    case STATUS:
        return set_status(device, value);
    default:
        store_to_queue(queue, offset, value);
        return 0;
    }
}

/* So many bytes of the configuration, little-endian as the guests are. They lie in it, and are aligned. */
static uint64_t load_configuration(const struct virtio_device *device, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)device->configuration[offset + i] << 8 * i;
    return value;
}

static void store_configuration(struct virtio_device *device, const struct mmio_access *access,
                                uint64_t offset)
{
    for (unsigned i = 0; i < access->size; i++)
        device->configuration[offset + i] = (uint8_t)(access->value >> 8 * i);
    device->generation++;
}

/* The vCPU waits until its access may be carried out, or an interrupt comes. */
static void wait_for_service(struct virtio_device *device, struct vcpu *vcpu,
                             const struct mmio_access *access, uint64_t offset)
{
    bool still, absent;

    atomic_fetch_or(&device->waiting, 1u << vcpu->index);
    spin_lock(&device->lock);
    still = has_to_wait(device, access, offset);
    absent = device->service == VIRTIO_ABSENT;
    spin_unlock(&device->lock);
    if (!still)
        return;
    if (absent && !atomic_exchange(&device->told, true))
        vm_complain(vcpu, "virtio %s waits for its service, VM %s", device->config->name,
                    device->vms[VIRTIO_SERVICE]->config->name);
    else
        wait_for_interrupt(vcpu);
}

/*
 * Carries out an access of the driver, unless it has to wait: before, or, if it is the one that asks for a
 * reset, after that. When the reset is done it is carried out once more.
 */
static unsigned driver_step(struct virtio_device *device, struct mmio_access *access, uint64_t offset)
{
    unsigned todo;

    access->again = has_to_wait(device, access, offset);
    if (access->again)
        return 0;
    if (offset >= CONFIG) {
        if (!access->write)
            access->value = load_configuration(device, offset - CONFIG, access->size);
        return 0;
    }
    if (access->write) {
        todo = driver_store(device, offset, (uint32_t)access->value);
        access->again = device->resetting && offset == STATUS;
        return todo;
    }
    access->value = driver_load(device, offset);
    return 0;
}

static void notify(struct virtio_device *device, struct vcpu *vcpu, uint32_t queue)
{
    if (queue < ONTIME_SERVICE_QUEUES_MAX)
        virtio_pend(device, 1u << queue, vcpu);
}

/* The device of a page of registers. */
static struct virtio_device *device_at(const struct mmio_access *access)
{
    const struct virtio_registers *registers = (const struct virtio_registers *)(const void *)access->device;

    return registers->devices[access->offset / GUEST_VIRTIO_STRIDE];
}

_Static_assert(offsetof(struct virtio_registers, device) == 0, "a device is the beginning of its registers");
_Static_assert(GUEST_VIRTIO_STRIDE == GUEST_SERVICE_SIZE, "both sides have a page for each device");

static bool has_size(const struct mmio_access *access, bool configuration)
{
    return access->size == 4 || (configuration && access->size < 4);
}

bool virtio_driver_access(struct vcpu *vcpu, struct mmio_access *access)
{
    struct virtio_device *device = device_at(access);
    uint64_t offset = access->offset % GUEST_VIRTIO_STRIDE;
    unsigned todo;

    if (offset >= GUEST_VIRTIO_SIZE || !has_size(access, offset >= CONFIG))
        return false;
    if (access->write && offset == QUEUE_NOTIFY) {
        notify(device, vcpu, access->value & 0xFFFF);
        return true;
    }
    spin_lock(&device->lock);
    todo = driver_step(device, access, offset);
    spin_unlock(&device->lock);
    virtio_follow(device, todo);
    if (access->again)
        wait_for_service(device, vcpu, access, offset);
    return true;
}

static uint32_t load_of_queue(const struct virtio_device *device, uint64_t place)
{
    const struct virtio_queue *queue = &device->queues[place / ONTIME_SERVICE_QUEUE_STRIDE];

    place %= ONTIME_SERVICE_QUEUE_STRIDE;
    if (place == ONTIME_SERVICE_QUEUE_NUM)
        return queue->size;
    if (place == ONTIME_SERVICE_QUEUE_READY)
        return queue->ready;
    return queue->addresses[(place - ONTIME_SERVICE_QUEUE_DESC) / 4];
}

static uint32_t service_load(struct virtio_device *device, uint64_t offset)
{
    const struct vm_config *driver = device->vms[VIRTIO_DRIVER]->config;
    uint64_t place = offset - ONTIME_SERVICE_QUEUE;

    if (place < ONTIME_SERVICE_QUEUES_MAX * ONTIME_SERVICE_QUEUE_STRIDE)
        return load_of_queue(device, place);
    switch (offset) {
    case ONTIME_SERVICE_MAGIC:
        return ONTIME_SERVICE_MAGIC_VALUE;
    case ONTIME_SERVICE_VERSION:
        return ONTIME_SERVICE_VERSION_VALUE;
    case ONTIME_SERVICE_DEVICE_ID:
        return device->config->device_id;
    case ONTIME_SERVICE_CLIENT:
        return atomic_load(&device->client);
    case ONTIME_SERVICE_PENDING:
        return atomic_exchange(&device->pending, 0);
    case ONTIME_SERVICE_STATUS:
        return device->resetting ? 0 : device->status;
    case ONTIME_SERVICE_ACK:
        return device->resetting ? ONTIME_SERVICE_RESETTING : 0;
    case ONTIME_SERVICE_CONTROL:
        return (device->service == VIRTIO_READY ? ONTIME_SERVICE_READY : 0) |
               (device->broken ? ONTIME_SERVICE_BROKEN : 0);
    case ONTIME_SERVICE_FEATURES:
    case ONTIME_SERVICE_FEATURES + 4:
        return half_of(device->features, (offset & 4) != 0);
    case ONTIME_SERVICE_DRIVER_FEATURES:
    case ONTIME_SERVICE_DRIVER_FEATURES + 4:
        return half_of(device->accepted, (offset & 4) != 0);
    case ONTIME_SERVICE_QUEUES:
        return device->queue_count;
    case ONTIME_SERVICE_QUEUE_SIZE:
        return device->queue_size;
    case ONTIME_SERVICE_RAM:
    case ONTIME_SERVICE_RAM + 4:
        return half_of(driver->memory_base, (offset & 4) != 0);
    case ONTIME_SERVICE_RAM_SIZE:
    case ONTIME_SERVICE_RAM_SIZE + 4:
        return half_of((uint64_t)driver->memory_mib << 20, (offset & 4) != 0);
    default:
        return 0;
    }
}

static unsigned control(struct virtio_device *device, uint32_t value)
{
    unsigned todo;

    if ((value & ONTIME_SERVICE_READY) != 0)
        todo = virtio_begin_service(device);
    else
        todo = virtio_end_service(device, VIRTIO_ABSENT);
    return (value & ONTIME_SERVICE_BROKEN) != 0 ? todo | virtio_break(device) : todo;
}

/* What the driver is shown is fixed while the service is ready. */
static void offer(struct virtio_device *device, uint64_t offset, uint32_t value)
{
    if (device->service == VIRTIO_READY)
        return;
    if (offset == ONTIME_SERVICE_FEATURES || offset == ONTIME_SERVICE_FEATURES + 4)
        set_half(&device->features, (offset & 4) != 0, value);
    else if (offset == ONTIME_SERVICE_QUEUES && value <= ONTIME_SERVICE_QUEUES_MAX)
        device->queue_count = value;
    else if (offset == ONTIME_SERVICE_QUEUE_SIZE && value <= QUEUE_SIZE_MAX && (value & (value - 1)) == 0)
        device->queue_size = value;
    device->features &= ~FEATURE_RING_RESET;
}

static unsigned service_store(struct virtio_device *device, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case ONTIME_SERVICE_ACK:
        return device->resetting ? virtio_reset(device) : 0;
    case ONTIME_SERVICE_CONTROL:
        return control(device, value);
    default:
        offer(device, offset, value);
        return 0;
    }
}

/* As little as may be: the rings are done, and the driver is told. */
static void interrupt(struct virtio_device *device, uint32_t value)
{
    if (value == ONTIME_SERVICE_CONFIG_CHANGED)
        virtio_interrupt(device, 2);
    else if (value < ONTIME_SERVICE_QUEUES_MAX)
        virtio_interrupt(device, 1);
}

static unsigned service_step(struct virtio_device *device, struct mmio_access *access, uint64_t offset)
{
    uint64_t place = offset - ONTIME_SERVICE_CONFIG;

    if (place < ONTIME_SERVICE_CONFIG_SIZE) {
        if (access->write)
            store_configuration(device, access, place);
        else
            access->value = load_configuration(device, place, access->size);
        return 0;
    }
    if (access->write)
        return service_store(device, offset, (uint32_t)access->value);
    access->value = service_load(device, offset);
    return 0;
}

bool virtio_service_access(struct vcpu *vcpu, struct mmio_access *access)
{
    struct virtio_device *device = device_at(access);
    uint64_t offset = access->offset % GUEST_SERVICE_SIZE;
    unsigned todo;

    (void)vcpu;
    if (!has_size(access, offset - ONTIME_SERVICE_CONFIG < ONTIME_SERVICE_CONFIG_SIZE))
        return false;
    if (access->write && offset == ONTIME_SERVICE_INTERRUPT) {
        interrupt(device, (uint32_t)access->value);
        return true;
    }
    spin_lock(&device->lock);
    todo = service_step(device, access, offset);
    spin_unlock(&device->lock);
    virtio_follow(device, todo);
    return true;
}
