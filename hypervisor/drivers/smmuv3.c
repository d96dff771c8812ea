/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See smmuv3.h. Numbers in comments are sections of IHI 0070.
 *
 * The SMMU reads tables and the command queue, and writes events, coherently with the CPUs' caches: one that
 * can't (IDR0.COHACC) is refused. So a DSB before the register that tells it is all it takes.
 */
#include "drivers/smmuv3.h"
#include <stddef.h>
#include "base/arch.h"
#include "base/memory.h"
#include "base/units.h"
#include "device_access.h"
#include "sysreg.h"

/* Registers of page 0, and the two of page 1 (6.2). */
#define IDR0            0x00
#define IDR1            0x04
#define IDR5            0x14
#define CR0             0x20
#define CR0ACK          0x24
#define CR1             0x28
#define CR2             0x2C
#define GBPA            0x44
#define IRQ_CTRL        0x50
#define IRQ_CTRLACK     0x54
#define GERROR          0x60
#define GERRORN         0x64
#define GERROR_IRQ_CFG0 0x68
#define STRTAB_BASE     0x80
#define STRTAB_BASE_CFG 0x88
#define CMDQ_BASE       0x90
#define CMDQ_PROD       0x98
#define CMDQ_CONS       0x9C
#define EVENTQ_BASE     0xA0
#define EVENTQ_IRQ_CFG0 0xB0
#define EVENTQ_PROD     0x100A8
#define EVENTQ_CONS     0x100AC

#define IDR0_S2P           (1u << 0)
#define IDR0_TTF_AARCH64   (1u << 3)
#define IDR0_COHACC        (1u << 4)
#define IDR0_HYP           (1u << 9)
#define IDR0_ATS           (1u << 10)
#define IDR0_MSI           (1u << 13)
#define IDR0_TTENDIAN(x)   ((x) >> 21 & 3)
#define TTENDIAN_BIG       3
#define IDR0_STALL(x)      ((x) >> 24 & 3)
#define STALL_ALWAYS       2
#define IDR0_ST_LEVEL(x)   ((x) >> 27 & 3)
#define IDR1_SIDSIZE(x)    ((x)&63)
#define IDR1_EVENTQS(x)    ((x) >> 16 & 31)
#define IDR1_CMDQS(x)      ((x) >> 21 & 31)
#define IDR1_PRESET        (3u << 29) /* tables or queues at places of the SMMU's own */
#define IDR5_OAS(x)        ((x)&7)
#define OAS_40_BITS        2
#define OAS_48_BITS        5
#define IDR5_GRAN4K        (1u << 4)
#define CR0_SMMUEN         (1u << 0)
#define CR0_EVENTQEN       (1u << 2)
#define CR0_CMDQEN         (1u << 3)
#define CR0_ATSCHK         (1u << 4) /* what a device says that it has translated is checked, too */
#define CR1_COHERENT       0xD75     /* tables and queues: inner shareable, write-back, 6.3.11 */
#define CR2_RECINVSID      (1u << 1) /* a StreamID beyond the table is an event, too */
#define CR2_PTM            (1u << 2) /* the CPUs' TLB maintenance does not reach the SMMU */
#define GBPA_ABORT         (1u << 20)
#define GBPA_UPDATE        (1u << 31)
#define IRQ_GERROR         (1u << 0)
#define IRQ_EVENTQ         (1u << 2)
#define CFG_TWO_LEVELS     (1u << 16)
#define CFG_SPLIT(bits)    ((uint32_t)(bits) << 6)
#define BASE_ALLOCATE_HINT (UINT64_C(1) << 62)
#define EVENTQ_OVERFLOW    (1u << 31)

/* Commands (4.1.1): 16 bytes each. */
#define COMMAND_SIZE   16
#define CFGI_ALL       UINT64_C(0x04)
#define CFGI_RANGE_ALL 31
#define TLBI_EL2_ALL   UINT64_C(0x20)
#define TLBI_VMALL     UINT64_C(0x28)
#define TLBI_VMID(x)   ((uint64_t)(x) << 32)
#define TLBI_NSNH_ALL  UINT64_C(0x30)
#define SYNC           UINT64_C(0x46)

/* Events (7.2, 7.3): 32 bytes each. Those from F_TRANSLATION on have an address. */
#define EVENT_SIZE      32
#define EVENT_ADDRESSES 0x10
#define EVENT_PAGE_LAST 0x13
#define EVENT_IS_READ   (UINT64_C(1) << 35)

/* A stream table entry (5.2): 64 bytes. */
#define STE_WORDS  8
#define STE_SIZE   64
#define STE_VALID  UINT64_C(1)
#define STE_STAGE2 (UINT64_C(6) << 1)  /* stage 1 is bypassed */
#define STE_SHARED (UINT64_C(1) << 44) /* SHCFG: the device says whether; EATS 0: no ATS */
#define S2T0SZ(n)  ((uint64_t)(n) << 32)
#define S2SL0_1    (UINT64_C(1) << 38) /* level 1 */
#define S2SL0_0    (UINT64_C(2) << 38) /* level 0 */
#define S2IR0      (UINT64_C(1) << 40) /* write-back */
#define S2OR0      (UINT64_C(1) << 42)
#define S2SH0      (UINT64_C(3) << 44) /* inner shareable */
#define S2PS(oas)  ((uint64_t)(oas) << 48)
#define S2AA64     (UINT64_C(1) << 51)
#define S2AFFD     (UINT64_C(1) << 53)
#define S2R        (UINT64_C(1) << 58) /* faults are recorded; S2S 0: and never stalled */

/* A table of one level up to 2^12 StreamIDs; one of two levels has 2^8 in each piece (5.1). */
#define LINEAR_BITS     12
#define LINEAR_BITS_MAX 16
#define SPLIT_BITS      8
#define TWO_LEVEL_MAX   24
#define LEVEL1_SPAN     (SPLIT_BITS + 1)
#define LEVEL1_ADDRESS  UINT64_C(0x000FFFFFFFFFFFC0)

#define COMMAND_BITS 6
#define EVENT_BITS   7
#define TIMEOUT_US   100000

static uint32_t read(const struct smmu *smmu, unsigned offset)
{
    return device_read32(smmu->base + offset);
}

static void write(const struct smmu *smmu, unsigned offset, uint32_t value)
{
    device_write32(smmu->base + offset, value);
}

/* Waits until these bits of a register have the value. False when they don't get it. */
static bool wait_for(const struct smmu *smmu, unsigned offset, uint32_t bits, uint32_t value)
{
    uint64_t end = arch_counter() + us_to_ticks(TIMEOUT_US);

    do {
        if ((read(smmu, offset) & bits) == value)
            return true;
        arch_relax();
    } while (arch_counter() < end);
    return false;
}

/* A register that is acknowledged in the next one (6.3.8, 6.3.9). */
static bool write_acknowledged(const struct smmu *smmu, unsigned offset, uint32_t value)
{
    write(smmu, offset, value);
    return wait_for(smmu, offset + 4, UINT32_MAX, value);
}

/* While SMMUEN is 0, GBPA says what becomes of transactions. It is set first, so that none slips through. */
static bool hold_off(const struct smmu *smmu)
{
    bool known = wait_for(smmu, GBPA, GBPA_UPDATE, 0);

    if (known)
        write(smmu, GBPA, GBPA_UPDATE | GBPA_ABORT);
    known = known && wait_for(smmu, GBPA, GBPA_UPDATE | GBPA_ABORT, GBPA_ABORT);
    return known && write_acknowledged(smmu, CR0, 0) && write_acknowledged(smmu, IRQ_CTRL, 0);
}

static const char *look_at_features(struct smmu *smmu)
{
    uint32_t idr0 = read(smmu, IDR0), idr1 = read(smmu, IDR1), idr5 = read(smmu, IDR5);

    smmu->id_bits = IDR1_SIDSIZE(idr1);
    smmu->has_two_levels = IDR0_ST_LEVEL(idr0) != 0;
    smmu->command_bits = IDR1_CMDQS(idr1) < COMMAND_BITS ? IDR1_CMDQS(idr1) : COMMAND_BITS;
    smmu->event_bits = IDR1_EVENTQS(idr1) < EVENT_BITS ? IDR1_EVENTQS(idr1) : EVENT_BITS;
    smmu->address_size = IDR5_OAS(idr5) < OAS_48_BITS ? IDR5_OAS(idr5) : OAS_48_BITS;
    if ((idr0 & IDR0_S2P) == 0 || (idr0 & IDR0_TTF_AARCH64) == 0)
        return "it has no stage 2";
    if ((idr0 & IDR0_COHACC) == 0)
        return "its reads of tables don't look into the CPUs' caches";
    if (IDR0_TTENDIAN(idr0) == TTENDIAN_BIG)
        return "it wants big-endian tables";
    if (IDR0_STALL(idr0) == STALL_ALWAYS)
        return "it stalls each fault";
    if ((idr1 & IDR1_PRESET) != 0)
        return "its tables or queues are at places of its own";
    if (smmu->command_bits < 3)
        return "its command queue is too short";
    if (smmu->id_bits > 32)
        return "its StreamIDs have more than 32 bits";
    if ((idr5 & IDR5_GRAN4K) == 0 || IDR5_OAS(idr5) < OAS_40_BITS)
        return "it has no tables with 4 KiB pages, or less than 40 bits of physical address";
    return NULL;
}

bool smmu_init(struct smmu *smmu, uint64_t base, uint64_t size)
{
    *smmu = (struct smmu){.base = base, .lock = SPINLOCK_INIT(LOCK_ALONE)};
    if (size < SMMU_REGISTERS_SIZE || !arch_map_device(base, SMMU_REGISTERS_SIZE)) {
        smmu->problem = "its registers can't be mapped";
        return false;
    }
    smmu->problem = look_at_features(smmu);
    if (hold_off(smmu))
        return true;
    if (smmu->problem == NULL)
        smmu->problem = "it does not answer";
    return false;
}

/* Memory that begins at a multiple of its size, a power of two. */
static uint64_t *allocate(uint64_t size)
{
    return memory_try_allocate(size, size < 64 ? 64 : size);
}

static unsigned bits_of(uint32_t number)
{
    return number == 0 ? 0 : 32 - (unsigned)__builtin_clz(number);
}

/* How many bits its addresses have. IDR5.OAS counts them as ID_AA64MMFR0_EL1.PARange does. */
static unsigned bits_of_addresses(const struct smmu *smmu)
{
    static const uint8_t bits[] = {[OAS_40_BITS] = 40, 42, 44, [OAS_48_BITS] = 48};

    return bits[smmu->address_size];
}

const char *smmu_make_tables(struct smmu *smmu, uint32_t last, unsigned address_bits)
{
    unsigned bits = bits_of(last);

    if (bits_of_addresses(smmu) < address_bits)
        return "it has less bits of address than guests";
    smmu->address_bits = address_bits;
    if (bits > smmu->id_bits)
        return "a StreamID has more bits than it has";
    smmu->is_two_level = bits > LINEAR_BITS && smmu->has_two_levels;
    if (bits > (smmu->is_two_level ? TWO_LEVEL_MAX : LINEAR_BITS_MAX))
        return "a StreamID is too large for a table";
    smmu->stream_bits = bits;
    if (smmu->is_two_level)
        smmu->streams = allocate(sizeof(uint64_t) << (bits - SPLIT_BITS));
    else
        smmu->streams = allocate((uint64_t)STE_SIZE << bits);
    smmu->commands = allocate((uint64_t)COMMAND_SIZE << smmu->command_bits);
    smmu->events = allocate((uint64_t)EVENT_SIZE << smmu->event_bits);
    return smmu->streams != NULL && smmu->commands != NULL && smmu->events != NULL
               ? NULL
               : "there is no RAM for its tables";
}

/* Where the StreamID's entry is; NULL when there is no memory for the piece of the table that it is in. */
static uint64_t *entry_of(struct smmu *smmu, uint32_t stream)
{
    uint64_t *level1;

    if (!smmu->is_two_level)
        return &smmu->streams[(uint64_t)stream * STE_WORDS];
    level1 = &smmu->streams[stream >> SPLIT_BITS];
    if (*level1 == 0) {
        uint64_t *piece = allocate((uint64_t)STE_SIZE << SPLIT_BITS);

        if (piece == NULL)
            return NULL;
        *level1 = (uint64_t)(uintptr_t)piece | LEVEL1_SPAN;
    }
    return (uint64_t *)(uintptr_t)(*level1 & LEVEL1_ADDRESS) +
           (stream & ((1u << SPLIT_BITS) - 1)) * STE_WORDS;
}

bool smmu_set_stream(struct smmu *smmu, uint32_t stream, const struct smmu_tables *tables)
{
    uint64_t *entry = entry_of(smmu, stream);

    if (entry == NULL)
        return false;
    entry[1] = STE_SHARED;
    entry[2] = tables->vmid | S2T0SZ(64 - smmu->address_bits) |
               (smmu->address_bits == 40 ? S2SL0_1 : S2SL0_0) | S2IR0 | S2OR0 | S2SH0 |
               S2PS(smmu->address_size) | S2AA64 | S2AFFD | S2R;
    entry[3] = tables->root;
    entry[0] = STE_VALID | STE_STAGE2;
    return true;
}

/* A queue's index counts to twice the length: the upper half is the next round (3.5.1). */
static uint32_t queue_mask(unsigned bits)
{
    return (2u << bits) - 1;
}

static void look_for_progress(struct smmu *smmu)
{
    uint32_t mask = queue_mask(smmu->command_bits);
    uint32_t taken = read(smmu, CMDQ_CONS) & mask;

    smmu->done = smmu->submitted - (((uint32_t)smmu->submitted - taken) & mask);
}

static void put_command(struct smmu *smmu, uint64_t first, uint64_t second)
{
    uint64_t *slot = &smmu->commands[2 * (smmu->submitted++ & ((1u << smmu->command_bits) - 1))];

    slot[0] = first;
    slot[1] = second;
}

static void submit(struct smmu *smmu)
{
    put_command(smmu, SYNC, 0);
    dsb(sy); /* the commands, and what they are about, are seen before the index */
    write(smmu, CMDQ_PROD, (uint32_t)smmu->submitted & queue_mask(smmu->command_bits));
}

bool smmu_forget(struct smmu *smmu, uint16_t vmid, uint64_t *ticket)
{
    bool room;

    spin_lock(&smmu->lock);
    look_for_progress(smmu);
    room = smmu->submitted - smmu->done + 2 <= 1u << smmu->command_bits;
    if (room) {
        put_command(smmu, TLBI_VMALL | TLBI_VMID(vmid), 0);
        submit(smmu);
        *ticket = smmu->submitted;
    }
    spin_unlock(&smmu->lock);
    return room;
}

bool smmu_is_done(struct smmu *smmu, uint64_t ticket)
{
    bool done;

    spin_lock(&smmu->lock);
    look_for_progress(smmu);
    done = smmu->done >= ticket;
    spin_unlock(&smmu->lock);
    return done;
}

/* After a reset of the SMMU, or a firmware, its caches may hold anything (3.12). */
static bool forget_all(struct smmu *smmu)
{
    put_command(smmu, CFGI_ALL, CFGI_RANGE_ALL);
    put_command(smmu, TLBI_NSNH_ALL, 0);
    if ((read(smmu, IDR0) & IDR0_HYP) != 0)
        put_command(smmu, TLBI_EL2_ALL, 0);
    submit(smmu);
    return wait_for(smmu, CMDQ_CONS, queue_mask(smmu->command_bits), (uint32_t)smmu->submitted);
}

static void set_up(const struct smmu *smmu)
{
    uint32_t levels = smmu->is_two_level ? CFG_TWO_LEVELS | CFG_SPLIT(SPLIT_BITS) : 0;

    write(smmu, CR1, CR1_COHERENT);
    write(smmu, CR2, CR2_RECINVSID | CR2_PTM);
    device_write64(smmu->base + STRTAB_BASE, (uint64_t)(uintptr_t)smmu->streams | BASE_ALLOCATE_HINT);
    write(smmu, STRTAB_BASE_CFG, levels | smmu->stream_bits);
    device_write64(smmu->base + CMDQ_BASE,
                   (uint64_t)(uintptr_t)smmu->commands | smmu->command_bits | BASE_ALLOCATE_HINT);
    write(smmu, CMDQ_PROD, 0);
    write(smmu, CMDQ_CONS, 0);
    device_write64(smmu->base + EVENTQ_BASE,
                   (uint64_t)(uintptr_t)smmu->events | smmu->event_bits | BASE_ALLOCATE_HINT);
    write(smmu, EVENTQ_PROD, 0);
    write(smmu, EVENTQ_CONS, 0);
}

const char *smmu_start(struct smmu *smmu, bool interrupts)
{
    uint32_t idr0 = read(smmu, IDR0);
    uint32_t on = CR0_CMDQEN | CR0_EVENTQEN | ((idr0 & IDR0_ATS) != 0 ? CR0_ATSCHK : 0);

    dsb(sy); /* the tables are seen before the registers that tell of them */
    set_up(smmu);
    write(smmu, GERRORN, read(smmu, GERROR));
    if ((idr0 & IDR0_MSI) != 0) { /* address 0: no message */
        device_write64(smmu->base + GERROR_IRQ_CFG0, 0);
        device_write64(smmu->base + EVENTQ_IRQ_CFG0, 0);
    }
    if (!write_acknowledged(smmu, CR0, on & ~CR0_EVENTQEN) || !forget_all(smmu) ||
        !write_acknowledged(smmu, CR0, on) ||
        !write_acknowledged(smmu, IRQ_CTRL, interrupts ? IRQ_GERROR | IRQ_EVENTQ : 0) ||
        !write_acknowledged(smmu, CR0, on | CR0_SMMUEN))
        return "it does not answer";
    smmu->is_on = true;
    return NULL;
}

static void read_event(const uint64_t *event, struct smmu_fault *fault)
{
    fault->event = (uint8_t)event[0];
    fault->stream = (uint32_t)(event[0] >> 32);
    fault->has_address = fault->event >= EVENT_ADDRESSES && fault->event <= EVENT_PAGE_LAST;
    fault->is_write = (event[1] & EVENT_IS_READ) == 0;
    fault->address = event[2];
}

/* An overflow is acknowledged along, so that the SMMU goes on to record (7.4). */
bool smmu_take_fault(struct smmu *smmu, struct smmu_fault *fault)
{
    uint32_t mask = queue_mask(smmu->event_bits);
    uint32_t last = read(smmu, EVENTQ_PROD), next = read(smmu, EVENTQ_CONS);

    if (((last ^ next) & mask) == 0)
        return false;
    dsb(sy); /* the event is not read before the index */
    read_event(&smmu->events[4 * (next & (mask >> 1))], fault);
    dsb(sy); /* nor after its place is free */
    write(smmu, EVENTQ_CONS, ((next + 1) & mask) | (last & EVENTQ_OVERFLOW));
    return true;
}

/* One of the command queue is not acknowledged: it would go on with the command that it could not do. */
uint32_t smmu_take_errors(struct smmu *smmu)
{
    uint32_t active = read(smmu, GERROR) ^ read(smmu, GERRORN);
    uint32_t new = active & ~smmu->errors;

    smmu->errors |= new;
    return new;
}
