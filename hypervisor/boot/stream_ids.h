/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By which StreamIDs SMMUs know a device: its `iommus`, or, of a PCI host bridge, its `iommu-map` (Linux's
 * bindings iommu.txt, pci-iommu.txt and arm,smmu-v3). Boot only, and `ontime check --board`.
 */
#ifndef BOOT_STREAM_IDS_H
#define BOOT_STREAM_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include "devices/dma.h"

/*
 * Entry `index` of those of a node, `is_bridge` for a PCI host bridge. *found is false when there are not so
 * many, or the entry is about no bus that the bridge has. NULL, or why the entry can't be used.
 */
const char *stream_ids_read(const void *tree, int node, bool is_bridge, unsigned index,
                            struct dma_streams *streams, bool *found);

/* Has it any entry at all? */
unsigned stream_ids_count(const void *tree, int node, bool is_bridge);

/*
 * Do the entries of a bridge speak of all that its buses can have? What they leave out would not be behind
 * the SMMU.
 */
bool stream_ids_cover(const void *tree, int node);

/* Are any of them the same? */
bool stream_ids_meet(const struct dma_streams *one, const struct dma_streams *other);

#endif
