/* SPDX-License-Identifier: Apache-2.0 */
/* Device models in the kernel: vhost. Errors end the process. */
#ifndef SERVICE_VHOST_H
#define SERVICE_VHOST_H

#include "backend.h"

/* Opens /dev/vhost-net or /dev/vhost-vsock; `module` is what it takes. */
int vhost_open(const char *path, const char *module);
uint64_t vhost_features(int vhost);
/* All but what sets it in motion. Queues of a higher number than `queues` are left out. */
void vhost_set_up(int vhost, const struct device *device, const struct setting *setting,
                  const struct events *events, uint64_t features, uint32_t queues);

#endif
