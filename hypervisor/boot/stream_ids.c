// SPDX-License-Identifier: Apache-2.0
#include "boot/stream_ids.h"
#include <libfdt.h>
#include <stddef.h>
#include "boot/tree_walk.h"

#define REQUESTERS  0x10000u /* IDs on a PCI domain: 8 bits of bus, 8 of device and function */
#define MAP_CELLS   4        /* requester ID, SMMU, StreamID, how many */
#define IOMMU_CELLS 2        /* SMMU, StreamID */

static const fdt32_t *entries(const void *tree, int node, bool is_bridge, unsigned *count)
{
    int length;
    const fdt32_t *cells = fdt_getprop(tree, node, is_bridge ? "iommu-map" : "iommus", &length);

    *count = cells != NULL ? (unsigned)length / 4 / (is_bridge ? MAP_CELLS : IOMMU_CELLS) : 0;
    return cells;
}

/* From the first requester ID of a bridge's buses to the one behind the last. */
static void requesters(const void *tree, int bridge, uint32_t *first, uint32_t *end)
{
    const fdt32_t *buses = tree_node_cells(tree, bridge, "bus-range", 2);

    *first = 0;
    *end = REQUESTERS;
    if (buses == NULL || fdt32_ld(&buses[0]) > fdt32_ld(&buses[1]) || fdt32_ld(&buses[1]) > 255)
        return;
    *first = fdt32_ld(&buses[0]) << 8;
    *end = (fdt32_ld(&buses[1]) + 1) << 8;
}

static const char *check_smmu(const void *tree, int smmu)
{
    const fdt32_t *cells = smmu >= 0 ? tree_node_cells(tree, smmu, "#iommu-cells", 1) : NULL;

    if (smmu < 0 || fdt_node_check_compatible(tree, smmu, SMMU_COMPATIBLE) != 0 || cells == NULL ||
        fdt32_ld(cells) != 1)
        return "is behind an IOMMU that is no SMMUv3";
    return tree_node_is_enabled(tree, smmu) ? NULL
                                            : "is behind an SMMU that is disabled in the machine's tree";
}

/* What of a map's entry is about the bridge's own buses. False: nothing. */
static bool clip(const void *tree, int bridge, struct dma_streams *streams)
{
    uint32_t first, end, last;

    requesters(tree, bridge, &first, &end);
    if (streams->requester >= end || streams->count == 0)
        return false;
    if (streams->count > end - streams->requester)
        streams->count = end - streams->requester;
    last = streams->requester + (streams->count - 1);
    if (last < first)
        return false;
    if (streams->requester < first) {
        streams->first += first - streams->requester;
        streams->requester = first;
        streams->count = last - first + 1;
    }
    return true;
}

unsigned stream_ids_count(const void *tree, int node, bool is_bridge)
{
    unsigned count;

    (void)entries(tree, node, is_bridge, &count);
    return count;
}

const char *stream_ids_read(const void *tree, int node, bool is_bridge, unsigned index,
                            struct dma_streams *streams, bool *found)
{
    unsigned count;
    const fdt32_t *cells = entries(tree, node, is_bridge, &count);
    int smmu;
    const char *problem;

    *found = false;
    if (index >= count)
        return NULL;
    cells += index * (is_bridge ? MAP_CELLS : IOMMU_CELLS);
    smmu = fdt_node_offset_by_phandle(tree, fdt32_ld(is_bridge ? &cells[1] : &cells[0]));
    problem = check_smmu(tree, smmu);
    if (problem != NULL)
        return problem;
    *streams = (struct dma_streams){
        .smmu = smmu,
        .first = fdt32_ld(is_bridge ? &cells[2] : &cells[1]),
        .count = is_bridge ? fdt32_ld(&cells[3]) : 1,
        .is_pci = is_bridge,
        .requester = is_bridge ? fdt32_ld(&cells[0]) : 0,
    };
    *found = !is_bridge || clip(tree, node, streams);
    return !*found || streams->count - 1 <= UINT32_MAX - streams->first
               ? NULL
               : "its StreamIDs have more than 32 bits";
}

/* With a mask, requester IDs that differ would be one. */
bool stream_ids_cover(const void *tree, int bridge)
{
    const fdt32_t *mask = tree_node_cells(tree, bridge, "iommu-map-mask", 1);
    uint32_t next, end, before;

    if (mask != NULL && (fdt32_ld(mask) & (REQUESTERS - 1)) != REQUESTERS - 1)
        return false;
    requesters(tree, bridge, &next, &end);
    do {
        unsigned count;
        const fdt32_t *cells = entries(tree, bridge, true, &count);

        before = next;
        for (; count != 0; count--, cells += MAP_CELLS)
            if (next - fdt32_ld(&cells[0]) < fdt32_ld(&cells[3]))
                next = fdt32_ld(&cells[0]) + fdt32_ld(&cells[3]);
    } while (next < end && next > before);
    return next >= end;
}

bool stream_ids_meet(const struct dma_streams *one, const struct dma_streams *other)
{
    return one->smmu == other->smmu &&
           (one->first - other->first < other->count || other->first - one->first < one->count);
}
