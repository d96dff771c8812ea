/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the system file says of a VM and of the system, checked and in numbers. boot/system_file.c fills it
 * in; afterwards it does not change.
 */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ontime/abi.h"
#include "ontime/guest_map.h"

#define SYSTEM_MAX_VMS      64
#define SYSTEM_MAX_VCPUS    8  /* per VM */
#define SYSTEM_MAX_CPUS     64 /* highest number in `cpus`, plus 1 */
#define SYSTEM_NAME_LENGTH  31
#define SYSTEM_BOOTARGS_MAX 2047
#define SYSTEM_MAX_DEVICES  40 /* of the machine, that a VM is given */

/* The ranges of what bounds a VM's urgent work, in us: of the system file's properties, and of VM_SET. */
#define HORIZON_US_MIN    1000
#define HORIZON_US_MAX    60000000
#define WARP_US_MAX       60000000
#define WARP_LIMIT_US_MIN 1
#define WARP_LIMIT_US_MAX 1000000
#define UNWARP_US_MAX     60000000

#define WATCHDOG_MS_MIN     10
#define WATCHDOG_MS_MAX     86400000
#define RESTARTS_MAX        1000  /* of restart-limit */
#define RESTART_SECONDS_MAX 86400 /* the same */

enum timer_mode { TIMERS_TICK, TIMERS_WAKE, TIMERS_SNOOP, TIMERS_PRECISE };

/* In this mode, is a vCPU warped at its deadlines? */
static inline bool timers_warp(enum timer_mode mode)
{
    return mode == TIMERS_SNOOP || mode == TIMERS_PRECISE;
}

struct blob {
    const uint8_t *data; /* aligned to 4 bytes, and no more, when it is inside the system file */
    size_t size;
};

struct vm_config {
    char name[SYSTEM_NAME_LENGTH + 1];
    uint64_t memory_base; /* guest physical: where RAM begins */
    uint32_t memory_mib;
    bool direct_map; /* it is there on the machine, too */
    uint32_t vcpus;
    uint8_t cpus[SYSTEM_MAX_VCPUS]; /* the physical CPU of each vCPU: see vm_config_cpu() */
    uint64_t floats_on;             /* bit n: its vCPUs may go to CPU n; 0: each stays on its own */
    uint32_t weight;
    enum timer_mode timers;
    uint32_t tick_us;
    uint32_t horizon_us; /* 0 when urgent work is bounded by the next three, or there is none */
    uint32_t job_us;
    uint32_t period_us; /* 0: none is declared */
    uint32_t warp_us;
    uint32_t warp_limit_us;
    uint32_t unwarp_us;
    uint32_t watchdog_ms;     /* 0: it has no watchdog */
    bool watchdog_reports;    /* which only writes a line, else it restarts the VM */
    uint32_t restarts;        /* the most within `restart_seconds` */
    uint32_t restart_seconds; /* 0: it may restart as often as it likes */
    bool ends_system;
    bool observer;
    bool control;         /* it may control the others */
    bool console_raw;     /* its output goes to the terminal as it is while it has the input */
    bool trusted_dma;     /* it may be given devices that write to memory */
    const char *devices;  /* the paths of the nodes that it is given: strings, inside the system file */
    size_t devices_size;  /* of all of them, in bytes; 0: none */
    const char *bootargs; /* inside the system file, or "" */
    struct blob kernel;
    struct blob initrd;      /* data NULL when there is none */
    bool is_linux_image;     /* an arm64 Image, else a raw binary */
    uint64_t load_address;   /* guest physical; for an Image, unless the file says it, from its text_offset */
    uint64_t entry;          /* guest physical: where the boot vCPU begins */
    uint64_t initrd_address; /* guest physical, 0 when there is none */
    uint64_t tree_address;   /* guest physical; GUEST_TREE_SIZE bytes are kept for the tree */
};

#define GUEST_TREE_SIZE UINT64_C(0x10000)

#define SYSTEM_MAX_LINKS 128

/* Memory and doorbells between two VMs. */
struct link_config {
    char name[SYSTEM_NAME_LENGTH + 1];
    uint32_t memory_kib;
    bool uncached;
    struct link_end {
        unsigned vm;     /* its index */
        unsigned index;  /* of the link among the VM's own: see GUEST_LINK_BASE */
        uint64_t memory; /* guest physical */
        bool read_only;
        bool warps; /* a ring warps the VM */
    } ends[2];
};

#define SYSTEM_MAX_VIRTIOS 128

/* The two VMs of a virtio device. */
enum virtio_side { VIRTIO_DRIVER, VIRTIO_SERVICE };

/* A virtio device that one VM drives and another serves. */
struct virtio_config {
    char name[SYSTEM_NAME_LENGTH + 1];
    const char *kind; /* as the file says it: "net", "block", "vsock" */
    uint32_t device_id;
    uint64_t window; /* where the service has the driver's RAM, guest physical */
    struct virtio_end {
        unsigned vm;    /* its index */
        unsigned index; /* of the device among those that the VM drives, or serves */
        bool warps;     /* an interrupt warps the VM */
    } ends[2];          /* enum virtio_side */
};

struct system_config {
    char scheduler[16];
    uint32_t allowance_us;
    uint32_t trace_kib; /* size of each core's trace ring, 0: no trace */
    bool gp_timers;     /* the machine's general-purpose timers, in place of EL2's */
    unsigned vm_count;
    struct vm_config vms[SYSTEM_MAX_VMS];
    unsigned link_count;
    struct link_config links[SYSTEM_MAX_LINKS];
    unsigned virtio_count;
    struct virtio_config virtios[SYSTEM_MAX_VIRTIOS];
};

/* What ONTIME_CALL_FEATURES returns. */
static inline int64_t vm_config_features(const struct vm_config *vm)
{
    const int64_t when_precise = ONTIME_FEATURE_PRECISE | ONTIME_FEATURE_PAGE | ONTIME_FEATURE_HAND_ON;

    return (vm->timers == TIMERS_PRECISE ? when_precise : 0) | (vm->observer ? ONTIME_FEATURE_OBSERVER : 0) |
           (vm->control ? ONTIME_FEATURE_CONTROL : 0);
}

/* Where the VM's RAM ends, guest physical. */
static inline uint64_t vm_config_ram_end(const struct vm_config *vm)
{
    return vm->memory_base + ((uint64_t)vm->memory_mib << 20);
}

/* Does [start, start + size), guest physical, lie in the VM's RAM? Both may have any value. */
static inline bool vm_config_in_ram(const struct vm_config *vm, uint64_t start, uint64_t size)
{
    uint64_t ram_end = vm_config_ram_end(vm);

    return start >= vm->memory_base && start <= ram_end && size <= ram_end - start;
}

/* The number of the physical CPU that runs the vCPU with this index; one that floats begins there. */
static inline unsigned vm_config_cpu(const struct vm_config *vm, unsigned vcpu)
{
    return vm->cpus[vcpu];
}

/* The physical CPUs that run its vCPUs, or may: bit n is CPU n's. */
static inline uint64_t vm_config_cpus(const struct vm_config *vm)
{
    uint64_t mask = vm->floats_on;

    for (unsigned i = 0; i < vm->vcpus && vm->floats_on == 0; i++)
        mask |= UINT64_C(1) << vm_config_cpu(vm, i);
    return mask;
}

/* May that physical CPU run the vCPU with this index? */
static inline bool vm_config_is_on(const struct vm_config *vm, unsigned vcpu, unsigned cpu)
{
    return vm->floats_on != 0 ? (vm->floats_on >> cpu & 1) != 0 : vm_config_cpu(vm, vcpu) == cpu;
}

/* How many links the VM with this index has. */
static inline unsigned system_links_of(const struct system_config *system, unsigned vm)
{
    unsigned count = 0;

    for (unsigned i = 0; i < system->link_count; i++)
        count += system->links[i].ends[0].vm == vm || system->links[i].ends[1].vm == vm;
    return count;
}

/* How many virtio devices the VM with this index drives, or serves. */
static inline unsigned system_virtios_of(const struct system_config *system, unsigned vm,
                                         enum virtio_side side)
{
    unsigned count = 0;

    for (unsigned i = 0; i < system->virtio_count; i++)
        count += system->virtios[i].ends[side].vm == vm;
    return count;
}

/* The physical CPUs that run vCPUs of VMs with `control`. */
static inline uint64_t system_control_cpus(const struct system_config *system)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < system->vm_count; i++)
        if (system->vms[i].control)
            mask |= vm_config_cpus(&system->vms[i]);
    return mask;
}

/* May an interrupt of a link or of a virtio device warp the VM with this index? */
static inline bool system_interrupts_warp(const struct system_config *system, unsigned vm)
{
    bool warps = false;

    for (unsigned i = 0; i < system->link_count; i++)
        for (unsigned end = 0; end < 2; end++)
            warps = warps || (system->links[i].ends[end].vm == vm && system->links[i].ends[end].warps);
    for (unsigned i = 0; i < system->virtio_count; i++)
        for (unsigned side = 0; side < 2; side++)
            warps = warps || (system->virtios[i].ends[side].vm == vm && system->virtios[i].ends[side].warps);
    return warps;
}

/*
 * The physical CPUs that run vCPUs of the VM with this index, of one that it has a link or a virtio device
 * with, or of one with `control`: those that may send it interrupts, and take the lock of its virtual GIC.
 */
static inline uint64_t system_cpus_with_links(const struct system_config *system, unsigned vm)
{
    uint64_t mask = vm_config_cpus(&system->vms[vm]) | system_control_cpus(system);

    for (unsigned i = 0; i < system->link_count; i++) {
        const struct link_config *link = &system->links[i];

        for (unsigned end = 0; end < 2; end++)
            if (link->ends[end].vm == vm)
                mask |= vm_config_cpus(&system->vms[link->ends[1 - end].vm]);
    }
    for (unsigned i = 0; i < system->virtio_count; i++) {
        const struct virtio_config *virtio = &system->virtios[i];

        for (unsigned side = 0; side < 2; side++)
            if (virtio->ends[side].vm == vm)
                mask |= vm_config_cpus(&system->vms[virtio->ends[1 - side].vm]);
    }
    return mask;
}

/* How many of its vCPUs that physical CPU runs, or may run. */
static inline unsigned vm_config_vcpus_on(const struct vm_config *vm, unsigned cpu)
{
    unsigned count = 0;

    for (unsigned i = 0; i < vm->vcpus; i++)
        count += vm_config_is_on(vm, i, cpu);
    return count;
}

#endif
