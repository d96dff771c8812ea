/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs and their vCPUs.
 *
 * All VMs are made at boot from the system file and exist until the machine is switched off; a VM is running,
 * loading (its images are being copied, by its boot vCPU, a piece at a time, see vm_load_step()) or off.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <stdbool.h>
#include <stdint.h>
#include "arch_vcpu.h"
#include "ontime/abi.h"
#include "core/console.h"
#include "core/deadline_queue.h"
#include "core/lock.h"
#include "core/sched.h"
#include "core/system_file.h"
#include "virt/pl011.h"
#include "virt/vgic.h"

struct cpu;
struct vm;

struct vcpu {
    struct arch_vcpu arch; /* first: vectors.S finds the registers here */
    struct vm *vm;
    struct cpu *cpu; /* where it runs */
    uint16_t id;     /* unique in the system: names it in the trace */
    uint16_t index;  /* in its VM; its affinity is 0.0.0.index */
    bool on;         /* PSCI: switched on; under the VM's lock */

    struct sched_unit unit;
    uint64_t ready_since;           /* runnable but not running since then, or DEADLINE_NONE */
    struct deadline wake_timer;     /* while blocked: its own timers' earliest expiry */
    struct deadline physical_timer; /* the emulated CNTP's expiry, but in timer mode `tick` */
    struct heap deadlines; /* armed by the guest and not yet seen to be reached; keys: the instants */
    struct heap_node deadline[ONTIME_DEADLINES]; /* by id */
    struct heap_node *deadline_slots[ONTIME_DEADLINES];
    volatile uint64_t *page;       /* its deadline page, which the guest writes at any time; or NULL */
    uint64_t page_served;          /* the page's deadline that it was last warped for, or DEADLINE_NONE */
    uint64_t snooped;              /* mode `snoop`, while blocked: its own timers' expiry, or DEADLINE_NONE */
    uint64_t looked_at;            /* when its deadlines were last looked through */
    struct deadline precise_timer; /* while out of the CPU: `due`, less what it takes to bring it in */
    uint64_t due;                  /* the first of its deadlines */
    bool backlog;                  /* it comes back to a timer tick that is past before `due` */
    uint64_t fired_at;             /* the earliest deadline fired since it last ran, or DEADLINE_NONE */
    uint64_t fetched_at;           /* the comparator's instant, while it is brought in; or DEADLINE_NONE */
    uint64_t backlog_until;        /* entered early for this deadline, with a backlog; or DEADLINE_NONE */
    uint64_t debt;                 /* EL2's time on its behalf in others' turns, to be charged, ticks */

    struct vgic_cpu vgic;
    uint8_t *stolen_time; /* its Arm DEN0057 record, in the VM's stolen-time page */
    uint64_t stats[ONTIME_STAT_COUNT];
};

/* A piece of a VM's RAM: contiguous for the host and for the guest. */
struct ram_piece {
    uint64_t guest, host, size;
};

#define VM_RAM_PIECES 16

struct vm {
    struct arch_vm arch;
    const struct vm_config *config;
    unsigned index;       /* in the system file; VMID - 1 */
    struct spinlock lock; /* power state of the VM and of its vCPUs */
    bool off;
    bool reset_wanted; /* load again as soon as all vCPUs are off */

    struct ram_piece ram[VM_RAM_PIECES];
    unsigned ram_count;
    struct blob tree; /* the finished device tree, copied in at each (re)start */
    uint8_t *stolen_page;

    bool loading;
    unsigned load_phase;
    uint64_t load_offset;

    unsigned vcpu_count;
    struct vcpu *vcpus;
    struct vgic vgic;
    struct pl011 uart;
    struct console_source console;
    uint64_t complained_at; /* the last line about a fault of the guest */
    unsigned complaints;    /* lines left out since */
};

extern struct vm *vms[SYSTEM_MAX_VMS];
extern unsigned vm_count;

/*
 * Makes the VM of one node. Boot only. Returns 0, or -1 when memory ran out.
 * `cpu_compatible` and `seed` (GUEST_TREE_SEED_SIZE bytes) go into its device tree.
 */
int vm_create(const struct vm_config *config, const char *cpu_compatible, const uint8_t *seed);

/* Starts, or starts again, a VM whose vCPUs are all off: its images are loaded from the pristine copies. */
void vm_start(struct vm *vm);

/* Does one short piece of loading (at most VM_LOAD_STEP bytes), on the CPU time of the VM's boot vCPU. */
#define VM_LOAD_STEP 16384
void vm_load_step(struct vm *vm);

/*
 * Switches all vCPUs off; the VM is then off, or starts again when `restart`. Called by one of its own vCPUs.
 */
void vm_stop(struct vm *vm, bool restart);

/* Switches one vCPU on at `entry` (guest physical) with x0 = argument, or off. The VM's lock is held. */
void vcpu_power_on(struct vcpu *vcpu, uint64_t entry, uint64_t argument);
void vcpu_power_off(struct vcpu *vcpu);

/*
 * One line about what a guest did wrong: `[ontime] NAME: text`. At most ten a second for each VM; how many
 * were left out is said with the next.
 */
void vm_complain(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints one accounting line for each VM, after `[ontime] mark NUMBER`. */
void vm_print_accounting(uint32_t mark);

/* The sum over the VM's vCPUs of one ONTIME_STAT_*. */
uint64_t vm_stat(const struct vm *vm, unsigned stat);

#endif
