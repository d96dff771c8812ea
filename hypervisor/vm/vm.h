/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs: their RAM and vCPUs, what they count, and complaints about them.
 *
 * All VMs are made at boot from the system file and exist until the machine is switched off. A VM is running,
 * paused, stopping, loading (its images are being copied, vm/load.c) or off; vm/power.h starts and stops it.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "arch_vcpu.h"
#include "base/lock.h"
#include "vm/config.h"
#include "vm/device.h"
#include "vm/vcpu.h"
#include "vm/vgic_state.h"

/* A piece of a VM's RAM: contiguous for the host and for the guest. */
struct ram_piece {
    uint64_t guest, host, size;
};

#define VM_RAM_PIECES 16

/* A complaint about a guest: the VM's name, a text, and how many complaints were left out before it. */
#define COMPLAINT_TEXT  159
#define COMPLAINT_COUNT 29
#define COMPLAINT_LINE  (SYSTEM_NAME_LENGTH + 2 + COMPLAINT_TEXT + COMPLAINT_COUNT + 1)

/* The parameters of the scheduler that can be changed, as the system file has them. */
struct vm_tuning {
    uint32_t weight, horizon_us, warp_us, warp_limit_us, unwarp_us;
};

/*
 * What a VM with `control` has asked of another. `what` is 0 while nothing is asked; who changes that to
 * ASKED_BEING_MADE fills in the rest, and then says what it is.
 */
enum asked { ASKED_NOTHING, ASKED_BEING_MADE, ASKED_PAUSE, ASKED_RESUME, ASKED_STOP, ASKED_RESTART };

/* The image of a start, from another VM's RAM. */
struct lent_image {
    const struct vm *from; /* NULL: none, the kernel is the system file's */
    uint64_t list;         /* guest physical there: the page with the addresses of its blocks */
    uint64_t size;         /* bytes */
};

struct link_side;
struct vm_dma;
struct vm_virtio;
struct vrtc;
struct vuart;
struct vwatchdog;
struct guest_seeds;

struct vm {
    struct arch_vm arch;
    const struct vm_config *config;
    unsigned index;       /* in the system file; VMID - 1 */
    int64_t features;     /* ONTIME_FEATURE_... */
    struct spinlock lock; /* for the power state of the VM and of its vCPUs */
    bool off;
    bool loaded;          /* since its last start; these two under the lock, but may be read without */
    bool paused;          /* its vCPUs are held, or about to be */
    struct vcpu *stopper; /* the vCPU that stops it; NULL: none */
    unsigned starts;
    bool by_watchdog;       /* its last stop was its watchdog's doing */
    bool one_too_many;      /* it stops for good, as it has restarted too often */
    uint64_t *restarted_at; /* when it restarted: the latest config->restarts of them, in a ring */
    unsigned restarts_noted, next_restart; /* how many there are, and the place of the next */
    _Atomic bool bitten;                   /* its watchdog has expired, and it is to be restarted */

    /* What other VMs ask for. */
    _Atomic uint32_t asked;        /* enum asked */
    struct lent_image asked_image; /* with ASKED_RESTART */
    struct lent_image image;       /* of this start */
    struct vm_tuning tuning;       /* each is read and written whole, on any core */

    struct ram_piece ram[VM_RAM_PIECES];
    unsigned ram_count;

    unsigned load_phase; /* how far loading has come: vm/load.c's */
    uint64_t load_offset;

    unsigned vcpu_count;
    struct vcpu *vcpus;

    /* Its devices: devices/devices.c makes them. */
    struct device *devices[VM_DEVICES]; /* what is accessed most comes first */
    unsigned device_count;
    /* After its stop: how many of these are silent, the next one's step, and when that was begun. */
    unsigned silent_devices, silence_step;
    uint64_t silence_since; /* ticks */
    unsigned reset_step;    /* how many steps of their reset are done */
    struct vgic vgic;
    struct device gic_registers[2]; /* the distributor; the redistributors, or a GICv2's CPU interface */
    struct vuart *uart;
    struct vrtc *rtc;           /* NULL: it has none */
    struct vwatchdog *watchdog; /* the same */
    struct link_side *links;    /* its ends of them; NULL: it has none */
    struct vm_virtio *virtio;   /* NULL: it has no virtio devices */
    struct vm_dma *dma;         /* of its devices behind an SMMU; NULL: it has none */
    struct blob tree;           /* the finished device tree, copied in at each (re)start */
    uint8_t *stolen_page;
    struct guest_seeds *seeds;

    struct spinlock complaint_lock;
    char complaint[COMPLAINT_LINE]; /* about a fault of the guest, until it is written */
    size_t complaint_length;        /* 0: none waits */
    uint64_t complained_at;         /* when the last one was made, ticks; 0: never */
    unsigned complaints;            /* how many were left out since */
    uint64_t restart_told_at;       /* when the last line about a restart was written, ticks; 0: never */
    unsigned restarts;              /* how many were not told since */
};

extern struct vm *vms[SYSTEM_MAX_VMS];
extern unsigned vm_count;

/*
 * Makes the VM of one node of the system file, switched off, with RAM and vCPUs but no devices. NULL when
 * there is not enough memory, or only in more than VM_RAM_PIECES pieces. Boot only. The RAM of a VM with
 * direct_map the caller has taken before.
 */
struct vm *vm_create(const struct vm_config *config, const struct guest_hooks *hooks);

/*
 * Where the host has guest physical `guest`; NULL when that is not in the VM's RAM. *size is how many bytes
 * from there on are contiguous.
 */
uint8_t *vm_ram_at(const struct vm *vm, uint64_t guest, uint64_t *size);

/*
 * Writes a line about what a guest did wrong: `[ontime] NAME: text`, where the text has COMPLAINT_TEXT
 * characters at most. It is written as the vCPU's `work`, before the guest goes on. At most ten lines a
 * second are written for each VM; the next one says how many were left out.
 */
void vm_complain(struct vcpu *vcpu, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes the complaints that are not written yet: before the machine is switched off. */
void vm_write_complaints(void);

/* The params of the scheduler that its vCPUs are to have, by its tuning. */
struct sched_params vm_sched_params(const struct vm *vm);

/* On the vCPU's core: the tuning has changed. */
void vcpu_take_params(struct vcpu *vcpu);

/*
 * The VM's value of an ONTIME_STAT_*: the sum over its vCPUs; for LATE_MAX the largest; for LEAD_* its
 * core's.
 */
uint64_t vm_stat(const struct vm *vm, unsigned stat);

/* The same, made one vCPU at a time: `value` of those before, 0 at first, with that of `vcpu`. */
uint64_t vm_stat_with(const struct vcpu *vcpu, unsigned stat, uint64_t value);

#endif
