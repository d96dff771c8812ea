/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver for the General Purpose Timer of NXP's i.MX (i.MX 8M Plus Applications Processor Reference Manual,
 * IMX8MPRM, chapter "General Purpose Timer (GPT)"): a counter of 32 bits that runs freely, and three output
 * compares that share one interrupt. The first of them is used.
 *
 * The clock is the crystal's, which needs nothing of the clock controller but the GPT's own gate: that is as
 * the firmware has set it. A counter that stands still is found at boot.
 */
#include <stddef.h>
#include "device_access.h"
#include "drivers/gp_timer.h"

#define GPT_CR   0x00
#define GPT_PR   0x04
#define GPT_SR   0x08
#define GPT_IR   0x0C
#define GPT_OCR1 0x10
#define GPT_CNT  0x24

#define CR_EN      (1u << 0)
#define CR_ENMOD   (1u << 1)                               /* begins at 0 when it is enabled */
#define CR_GOES_ON (1u << 2 | 1u << 3 | 1u << 4 | 1u << 5) /* in debug, wait, doze and stop mode */
#define CR_CLK_24M (5u << 6)
#define CR_FRR     (1u << 9) /* does not begin anew at OCR1 */
#define CR_EN_24M  (1u << 10)
#define CR_RUNS    (CR_EN | CR_ENMOD | CR_GOES_ON | CR_CLK_24M | CR_FRR | CR_EN_24M)
#define SR_ALL     0x3Fu
#define OF1        (1u << 0) /* in SR and IR */

static unsigned imx_gpt_width(uint64_t base, unsigned index)
{
    (void)base, (void)index;
    return 32;
}

static void imx_gpt_off(uint64_t base, unsigned index)
{
    (void)index;
    device_write32(base + GPT_IR, 0);
    device_write32(base + GPT_SR, OF1);
}

/* The source of the clock may be changed while the counter is disabled only. */
static void imx_gpt_start(uint64_t base, unsigned index)
{
    device_write32(base + GPT_CR, 0);
    imx_gpt_off(base, index);
    device_write32(base + GPT_SR, SR_ALL);
    device_write32(base + GPT_PR, 0);
    device_write32(base + GPT_CR, CR_RUNS & ~CR_EN);
    device_write32(base + GPT_CR, CR_RUNS);
}

static uint32_t imx_gpt_read(uint64_t base, unsigned index)
{
    (void)index;
    return device_read32(base + GPT_CNT);
}

/*
 * The flag is set when the counter comes to be OCR1. If it is past that before OCR1 is written, that would be
 * a whole round later: so it is looked at again, and OCR1 is put further ahead each time.
 */
static void imx_gpt_set(uint64_t base, unsigned index, uint32_t ticks)
{
    uint32_t begin = device_read32(base + GPT_CNT);

    imx_gpt_off(base, index);
    device_write32(base + GPT_OCR1, begin + ticks);
    device_write32(base + GPT_IR, OF1);
    while (device_read32(base + GPT_CNT) - begin >= ticks && (device_read32(base + GPT_SR) & OF1) == 0) {
        ticks = device_read32(base + GPT_CNT) - begin + ticks;
        device_write32(base + GPT_OCR1, begin + ticks);
    }
}

static const char *const compatible[] = {"fsl,imx6dl-gpt", "fsl,imx8mp-gpt", NULL};

const struct gp_timer_driver imx_gpt_driver = {
    .compatible = compatible,
    .count = 1,
    .width = imx_gpt_width,
    .init = imx_gpt_start,
    .read = imx_gpt_read,
    .set = imx_gpt_set,
    .off = imx_gpt_off,
};
