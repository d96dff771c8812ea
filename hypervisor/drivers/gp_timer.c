/* SPDX-License-Identifier: Apache-2.0 */
/* The list of drivers of general-purpose timers. */
#include "drivers/gp_timer.h"
#include <stddef.h>

const struct gp_timer_driver *const gp_timer_drivers[] = {&imx_gpt_driver, &cadence_ttc_driver, NULL};
