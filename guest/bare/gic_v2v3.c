// SPDX-License-Identifier: Apache-2.0
/*
 * GICv2 and GICv3, as the software of one CPU uses them (IHI 0048, IHI 0069). On a v3 all interrupts are of
 * non-secure group 1, and affinity routing is on.
 */
#include "bare.h"

#define GICD_CTLR     0x0000u
#define GICD_TYPER    0x0004u
#define GIC_PRIORITY  0x0400u
#define GICD_TARGETS  0x0800u
#define GICD_SGIR     0x0F00u
#define GICD_ROUTER   0x6000u
#define GICR_WAKER    0x0014u
#define GICR_SGI      0x10000u
#define GICC_CTLR     0x0000u
#define GICC_PMR      0x0004u
#define GICC_IAR      0x000Cu
#define GICC_EOIR     0x0010u
#define GICC_DIR      0x1000u
#define GICC_EOI_DROP 0x200u

#define ICC_PMR_EL1                S3_0_C4_C6_0
#define ICC_DIR_EL1                S3_0_C12_C11_1
#define ICC_SGI1R_EL1              S3_0_C12_C11_5
#define ICC_IAR1_EL1               S3_0_C12_C12_0
#define ICC_EOIR1_EL1              S3_0_C12_C12_1
#define ICC_CTLR_EL1               S3_0_C12_C12_4
#define ICC_SRE_EL1                S3_0_C12_C12_5
#define ICC_IGRPEN1_EL1            S3_0_C12_C12_7
#define READ(name)                 read_sysreg_(name)
#define read_sysreg_(name)         read_sysreg(name)
#define WRITE(name, value)         write_sysreg_(name, value)
#define write_sysreg_(name, value) write_sysreg(name, value)

unsigned gic_version;

static uint32_t last_acknowledged[MAX_CPUS]; /* a v2's end of an SGI has to name the sender */

uintptr_t gic_frame(uint32_t intid)
{
    if (gic_version == 2 || intid >= 32)
        return GUEST_GICD_BASE;
    return GUEST_GICR_BASE + GUEST_GICR_SIZE * cpu_number() + GICR_SGI;
}

bool gic_test(uint32_t intid, enum gic_bits which)
{
    return (mmio_read(gic_frame(intid) + which + intid / 32 * 4) >> intid % 32 & 1) != 0;
}

void gic_set(uint32_t intid, enum gic_bits which)
{
    mmio_write(gic_frame(intid) + which + intid / 32 * 4, 1u << intid % 32);
}

void gic_priority(uint32_t intid, uint8_t priority)
{
    *(volatile uint8_t *)(gic_frame(intid) + GIC_PRIORITY + intid) = priority;
}

uint8_t gic_get_priority(uint32_t intid)
{
    return *(volatile uint8_t *)(gic_frame(intid) + GIC_PRIORITY + intid);
}

void gic_enable(uint32_t intid)
{
    gic_priority(intid, 0xA0);
    if (intid >= 32 && gic_version == 2)
        *(volatile uint8_t *)(GUEST_GICD_BASE + GICD_TARGETS + intid) = 1;
    if (intid >= 32 && gic_version == 3)
        *(volatile uint64_t *)(GUEST_GICD_BASE + GICD_ROUTER + 8ul * intid) = 0;
    gic_set(intid, GIC_ENABLE);
}

void gic_mask(uint8_t priority)
{
    if (gic_version == 2)
        mmio_write(GUEST_GICC_BASE + GICC_PMR, priority);
    else
        WRITE(ICC_PMR_EL1, priority);
}

void gic_eoi_mode(bool drop_only)
{
    if (gic_version == 2)
        mmio_write(GUEST_GICC_BASE + GICC_CTLR, drop_only ? GICC_EOI_DROP | 1 : 1);
    else
        WRITE(ICC_CTLR_EL1, drop_only ? 2 : 0);
}

void gic_send(unsigned cpu, uint32_t sgi)
{
    __asm__ volatile("dsb ish" ::: "memory");
    if (gic_version == 2)
        mmio_write(GUEST_GICD_BASE + GICD_SGIR, 1u << (16 + cpu) | sgi);
    else
        WRITE(ICC_SGI1R_EL1, (uint64_t)sgi << 24 | 1ull << cpu);
}

uint32_t gic_acknowledge(void)
{
    uint32_t intid;

    if (gic_version == 2)
        intid = mmio_read(GUEST_GICC_BASE + GICC_IAR);
    else
        intid = (uint32_t)READ(ICC_IAR1_EL1);
    __asm__ volatile("dsb sy" ::: "memory");
    if (gic_version == 2 && (intid & 0x3FF) < 16)
        last_acknowledged[cpu_number()] = intid;
    return intid & (gic_version == 2 ? 0x3FFu : 0xFFFFFFu);
}

static uint32_t with_sender(uint32_t intid)
{
    uint32_t last = last_acknowledged[cpu_number()];

    return (last & 0x3FF) == intid ? last : intid;
}

void gic_end(uint32_t intid)
{
    if (gic_version == 2)
        mmio_write(GUEST_GICC_BASE + GICC_EOIR, with_sender(intid));
    else
        WRITE(ICC_EOIR1_EL1, intid);
}

void gic_deactivate(uint32_t intid)
{
    if (gic_version == 2)
        mmio_write(GUEST_GICC_BASE + GICC_DIR, with_sender(intid));
    else
        WRITE(ICC_DIR_EL1, intid);
}

static void init_redistributor(void)
{
    uintptr_t frame = GUEST_GICR_BASE + GUEST_GICR_SIZE * cpu_number();

    mmio_write(frame + GICR_WAKER, mmio_read(frame + GICR_WAKER) & ~2u);
    while ((mmio_read(frame + GICR_WAKER) & 4) != 0) {
    }
}

void gic_init_cpu(void)
{
    if (gic_version == 3) {
        init_redistributor();
        mmio_write(gic_frame(0) + GIC_GROUP, UINT32_MAX);
        WRITE(ICC_SRE_EL1, READ(ICC_SRE_EL1) | 1);
    }
    mmio_write(gic_frame(0) + GIC_DISABLE, UINT32_MAX);
    mmio_write(gic_frame(0) + GIC_CLEAR_PENDING, UINT32_MAX);
    gic_eoi_mode(false);
    gic_mask(0xFF);
    if (gic_version == 3)
        WRITE(ICC_IGRPEN1_EL1, 1);
}

void gic_init(void)
{
    uint32_t size;

    gic_version = tree_property(NULL, "arm,gic-v3", "reg", &size) != NULL ? 3 : 2;
    mmio_write(GUEST_GICD_BASE + GICD_CTLR, 0);
    if (gic_version == 3)
        mmio_write(GUEST_GICD_BASE + GICD_CTLR,
                   0x10); /* affinity routing is set before the group is enabled */
    uint32_t lines = 32 * ((mmio_read(GUEST_GICD_BASE + GICD_TYPER) & 0x1F) + 1);
    for (uint32_t intid = 32; intid < lines && intid < 1020; intid += 32) {
        mmio_write(GUEST_GICD_BASE + GIC_DISABLE + intid / 8, UINT32_MAX);
        if (gic_version == 3)
            mmio_write(GUEST_GICD_BASE + GIC_GROUP + intid / 8, UINT32_MAX);
    }
    mmio_write(GUEST_GICD_BASE + GICD_CTLR, gic_version == 3 ? 0x12 : 1);
}
