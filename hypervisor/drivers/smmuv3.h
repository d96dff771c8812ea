/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for Arm's SMMUv3 (IHI 0070), which stands between devices and memory. A device is known to it by
 * StreamIDs. Each that is given to a VM is translated by stage-2 tables, which this driver is handed; all
 * others reach nothing.
 *
 * smmu_init() and what else is marked as boot only is called by the CPU that boots, before the first guest
 * runs. The other functions may be called on any core; only core 0 takes faults.
 */
#ifndef DRIVERS_SMMUV3_H
#define DRIVERS_SMMUV3_H

#include <stdbool.h>
#include <stdint.h>
#include "base/lock.h"

#define SMMU_REGISTERS_SIZE 0x20000

struct smmu {
    uint64_t base;
    const char *problem; /* why no device behind it can be given; NULL: they can */
    bool is_on;
    unsigned id_bits;     /* of StreamIDs: of the SMMU */
    unsigned stream_bits; /* and of its table; 0: there is none yet */
    bool has_two_levels, is_two_level;
    unsigned address_size; /* of what it reaches: IDR5.OAS, 48 bits at most */
    unsigned address_bits; /* of what devices name */
    uint64_t *streams;
    struct spinlock lock; /* of the command queue */
    uint64_t *commands;
    unsigned command_bits;
    uint64_t submitted, done; /* commands since the beginning */
    uint64_t *events;         /* core 0's */
    unsigned event_bits;
    uint32_t errors; /* of GERROR, that were told */
};

/*
 * What a device reaches: tables of the Arm architecture's stage 2 with the 4 KiB granule. For addresses of 40
 * bits they begin at level 1 with two concatenated tables at `root`, for more at level 0.
 */
struct smmu_tables {
    uint64_t root;
    uint16_t vmid;
};

/* A transaction of a device that was stopped. */
struct smmu_fault {
    uint32_t stream;
    uint8_t event; /* its number: IHI 0070, 7.3 */
    bool has_address, is_write;
    uint64_t address;
};

/*
 * Maps the registers, and has the SMMU hold off all devices behind it, whatever the firmware has left.
 * smmu->problem says afterwards whether devices can be given. False when they could not be held off. Boot
 * only.
 */
bool smmu_init(struct smmu *smmu, uint64_t base, uint64_t size);

/*
 * Makes the tables and queues for StreamIDs up to `last`, and addresses of so many bits, 40 to 48. NULL, or
 * why that can't be. Boot only.
 */
const char *smmu_make_tables(struct smmu *smmu, uint32_t last, unsigned address_bits);

/* Sets what a StreamID reaches. False when there is no memory. Between the one above and smmu_start(). */
bool smmu_set_stream(struct smmu *smmu, uint32_t stream, const struct smmu_tables *tables);

/*
 * From now on devices reach what was set. With `interrupts` the SMMU tells of faults by its wires. NULL, or
 * the reason. Boot only.
 */
const char *smmu_start(struct smmu *smmu, bool interrupts);

/*
 * Has the SMMU forget what it has read of a VM's tables. *ticket is for smmu_is_done(): when that is true,
 * what devices had begun by the old tables is over, too. False when the queue has no room now.
 */
bool smmu_forget(struct smmu *smmu, uint16_t vmid, uint64_t *ticket);
bool smmu_is_done(struct smmu *smmu, uint64_t ticket);

/* Takes one fault. False when there is none. */
bool smmu_take_fault(struct smmu *smmu, struct smmu_fault *fault);

/* Errors of the SMMU itself that are new since the last call: bits of GERROR (IHI 0070, 6.3.19). */
uint32_t smmu_take_errors(struct smmu *smmu);

#endif
