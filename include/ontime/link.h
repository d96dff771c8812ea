/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link between two VMs, as each of its ends sees it: registers, and memory that both have. For C and
 * assembly; docs/abi.md describes it. Where they are, and which interrupt is the doorbell, the guest's device
 * tree says: compatible = "ontime,link".
 *
 * Registers have 32 bits. One that is not listed reads as zero. A store to any but ONTIME_LINK_RING is
 * ignored.
 */
#ifndef ONTIME_LINK_H
#define ONTIME_LINK_H

#define ONTIME_LINK_MAGIC   0x00 /* ONTIME_LINK_MAGIC_VALUE */
#define ONTIME_LINK_VERSION 0x04 /* ONTIME_LINK_VERSION_VALUE */
#define ONTIME_LINK_SIZE    0x08 /* of the memory, bytes */
#define ONTIME_LINK_END     0x0C /* which of the two ends this is: 0 or 1 */
#define ONTIME_LINK_FLAGS   0x10 /* ONTIME_LINK_... below */
#define ONTIME_LINK_PEER    0x14 /* ONTIME_LINK_UP, and how often the other end's VM has started */
#define ONTIME_LINK_RING    0x20 /* a store of any value rings the other end's doorbell; reads as zero */

#define ONTIME_LINK_MAGIC_VALUE   0x6B6E696C /* "link" */
#define ONTIME_LINK_VERSION_VALUE 1

/* Of ONTIME_LINK_FLAGS. */
#define ONTIME_LINK_READ_ONLY 1 /* this end can't write the memory */
#define ONTIME_LINK_UNCACHED  2 /* the memory is not cached, whatever the guest's tables say */

#define ONTIME_LINK_WARPS 4 /* the doorbell warps this end's VM, as a deadline does */

/*
 * Of ONTIME_LINK_PEER: the other end's VM runs. The bits above it count its starts, modulo 2^31. The doorbell
 * rings at each change.
 */
#define ONTIME_LINK_UP           1
#define ONTIME_LINK_STARTS_SHIFT 1

#endif
