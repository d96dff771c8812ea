/* SPDX-License-Identifier: Apache-2.0 */
/* `ontime trace explain` as a picture. */
#ifndef TOOLS_EXPLAIN_PICTURE_H
#define TOOLS_EXPLAIN_PICTURE_H

#include <stdio.h>
#include "wakeup.h"

/* Writes an SVG: who has the core around the wake-up, its moments, and the terms of its lateness. */
void explain_draw(FILE *file, const struct trace_view *view, const struct wakeup *wakeup);

#endif
