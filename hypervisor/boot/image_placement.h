/* SPDX-License-Identifier: Apache-2.0 */
/* Where a VM's images go in its RAM, see image_placement.c. */
#ifndef BOOT_IMAGE_PLACEMENT_H
#define BOOT_IMAGE_PLACEMENT_H

#include "boot/tree_reader.h"
#include "vm/config.h"

/*
 * Fills in the addresses of the VM at `node` from its RAM's size, kernel and initrd, and from the node's
 * `load-address` and `tree-address`. Returns 0, or -1 with the reason in the reader's `error`.
 */
int place_images(const struct tree_reader *reader, int node, struct vm_config *vm);

#endif
