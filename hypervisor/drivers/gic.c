/* SPDX-License-Identifier: Apache-2.0 */
/* The list of GIC drivers, and the one in use. */
#include "drivers/gic.h"
#include <stddef.h>

const struct gic_driver *const gic_drivers[] = {&gicv3_driver, &gicv2_driver, NULL};

const struct gic_driver *gic;
