/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a device: offered to its driver, served, reset. */
#ifndef SERVICE_SERVE_H
#define SERVICE_SERVE_H

#include "backend.h"
#include "words.h"

/* Does not return. Writes a byte to `ready` when the device is offered for the first time. */
__attribute__((noreturn)) void serve(const struct backend *backend, const struct word *word, int ready);

#endif
