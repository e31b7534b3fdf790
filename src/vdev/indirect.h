/* SPDX-License-Identifier: MIT */
/*
 * Removed top-level vdevs (format/raid.md 7.1-7.3): the mapping of their old offsets to where the
 * data was copied. pool/ reads the mapping objects and hands them in; I/O then follows them.
 *
 * Ownership: vdev_indirect_set_mapping() takes the arrays. Locks: set before I/O, immutable after
 * (the pool's config lock as writer). Errors: ZE_BADVDEV for a mapping that cannot be.
 */
#ifndef ZUSE_VDEV_INDIRECT_H
#define ZUSE_VDEV_INDIRECT_H

#include <stddef.h>
#include <stdint.h>

#include "vdev/vdev.h"

#define VDEV_INDIRECT_ENTRY_BYTES 24u /* on disk */

struct vdev_indirect_entry { /* sorted by src, not overlapping */
    uint64_t src, size;      /* bytes on the removed vdev */
    uint64_t dst_vdev, dst_offset;
};
struct vdev_indirect_birth { /* source offsets below `offset` were copied in txg (or earlier, by
                                earlier entries) */
    uint64_t offset, txg;
};

/* entries and births are malloc'ed and belong to the vdev from now on, also on error. */
int vdev_indirect_set_mapping(struct vdev *vd, struct vdev_indirect_entry *entries, size_t n,
                              struct vdev_indirect_birth *births, size_t nbirths);
/* From the objects' contents in host order: 24-byte entries, 16-byte births. */
int vdev_indirect_set_mapping_raw(struct vdev *vd, const uint64_t *entries, size_t n,
                                  const uint64_t *births, size_t nbirths);
/* txg in which the data at offset was copied, 0 if unknown: the physical birth of a remapped block.
 */
uint64_t vdev_indirect_birth_of(const struct vdev *vd, uint64_t offset);

/* Bytes the mapping has on disk; 0 for vdevs that are not indirect. */
uint64_t vdev_indirect_mapping_bytes(const struct vdev *vd);

/* Where [offset, offset+size) is now, in order, on vdevs that are not indirect. txg: of the copy.
 */
int vdev_indirect_remap(const struct vdev *vd, uint64_t offset, uint64_t size,
                        int (*fn)(void *arg, struct vdev *target, uint64_t target_offset,
                                  uint64_t size, uint64_t txg),
                        void *arg);

#endif
