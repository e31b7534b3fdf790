/* SPDX-License-Identifier: MIT */
/*
 * Inside of vdev/: the operations of a vdev type, and what redundancy code (mirror, raidz, draid,
 * indirect) builds its child I/O with. Nothing outside vdev/ includes this.
 *
 * Life of an I/O. vdev_io_submit() checks range and access, sets io->rsize = size rounded up to the
 * top-level ashift (leaf I/O: as given by the parent) and calls ops->io_start(io). The type makes
 * children with vdev_io_child(), hands them out with vdev_io_submit_children() and, on whichever
 * thread the last one completes, goes on. It ends with vdev_io_complete(io, err) exactly once;
 * nothing of io may be touched after.
 *
 * Verification. io->verify on a read says whether a buffer of io->size bytes is right. The core
 * calls it for LEAF I/O only (and counts a checksum error on the leaf when it fails, answering
 * ZE_CKSUM). A type whose child holds the whole range (mirror) sets child->verify =
 * vdev_io_verify_as_parent, so the copy is judged where it was read; raidz and dRAID call
 * vdev_io_verify(io, io->buf) themselves and blame columns with vdev_io_checksum_error(child).
 *
 * Errors are counted by the core: a leaf's read/write error when its retry failed, except for
 * VDEV_IO_SPECULATIVE. Types count checksum errors only.
 *
 * Threads: io_start and completions run on any thread and must not block; large reads complete on a
 * worker thread, so parity math may run right there. Tree shape is stable while I/O runs.
 */
#ifndef ZUSE_VDEV_VDEV_IMPL_H
#define ZUSE_VDEV_VDEV_IMPL_H

#include "base/err.h"
#include "base/span.h"
#include "vdev/vdev.h"

struct vdev_ops {
    const char *name; /* as in the config: "mirror" */
    bool leaf;
    /* Parse the type's own keys into vd->priv, vd->nparity. Children exist already (unopened).
     * ZE_VDEVCONFIG. */
    int (*create)(struct vdev *vd, const struct nvlist *config);
    void (*destroy)(struct vdev *vd); /* frees vd->priv; also after a failed create */
    /*
     * Interior: children were opened; compute *asize, *max_asize and the ashifts from those usable.
     * On error set *aux. The core sets vd->asize etc. from it. Leaf: opens the device.
     */
    int (*open)(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux);
    void (*close)(struct vdev *vd); /* may be NULL */
    /* How the own state follows from children: fill *state, *aux. Counts are over children that are
     * not holes. */
    void (*state_of_children)(const struct vdev *vd, const struct vdev_child_counts *n,
                              enum vdev_state *state, enum vdev_aux *aux);
    void (*io_start)(struct vdev_io *io);
    uint64_t (*psize_to_asize)(const struct vdev *vd, uint64_t psize,
                               uint64_t txg); /* NULL: default, 1.3 */
    uint64_t (*asize_to_psize)(const struct vdev *vd, uint64_t asize,
                               uint64_t txg); /* NULL: identity */
    /* Smallest asize child may have, given the own vd->min_asize (format/raid.md 1.3). NULL:
     * vd->min_asize. */
    uint64_t (*min_asize_of_child)(const struct vdev *vd, const struct vdev *child);
    /* Must a resilver read this block? NULL: DTL_PARTIAL of vd contains phys_birth. */
    bool (*need_resilver)(const struct vdev *vd, uint64_t offset, uint64_t psize,
                          uint64_t phys_birth);
    unsigned (*copies)(const struct vdev *vd); /* NULL: 1 */
    /* The type's keys for a config nvlist (nparity, raidz_expanding, draid_*). NULL: none. */
    int (*config_add)(const struct vdev *vd, struct nvlist *nv);
    /* Name without the "-ID" suffix, e.g. "raidz2", "draid1:4d:8c:1s". NULL: ops->name. */
    void (*display_name)(const struct vdev *vd, char *buf, size_t len);
};

extern const struct vdev_ops vdev_root_ops, vdev_disk_ops,
    vdev_file_ops;                                            /* vdev_leaf.c, vdev_tree.c */
extern const struct vdev_ops vdev_hole_ops, vdev_missing_ops; /* vdev_tree.c */
extern const struct vdev_ops vdev_mirror_ops, vdev_replacing_ops, vdev_spare_ops; /* mirror.c */
extern const struct vdev_ops vdev_raidz_ops;                                      /* raidz.c */
extern const struct vdev_ops vdev_draid_ops, vdev_draid_spare_ops;                /* draid.c */
extern const struct vdev_ops vdev_indirect_ops;                                   /* indirect.c */

/* ---- I/O ---- */

/*
 * A child I/O: inherits op-independent things (prio, flags except PHYSICAL, txg, blkinfo) from
 * parent. buf NULL: the child gets its own buffer of size bytes, freed with it. verify is NULL: set
 * it if the child holds the whole range. child->index and child->arg are yours. NULL: out of
 * memory.
 */
struct vdev_io *vdev_io_child(struct vdev_io *parent, struct vdev *child, enum device_op op,
                              uint64_t offset, uint64_t size, void *buf);
void vdev_io_free(
    struct vdev_io *child); /* NULL is fine; it must have completed or never been submitted */
/*
 * Submit children (NULL entries are skipped) and call all_done(parent) once, after each of them has
 * completed, with child->error set. With nothing to wait for, all_done runs before this returns.
 * One set at a time.
 */
void vdev_io_submit_children(struct vdev_io *parent, struct vdev_io *const *children, unsigned n,
                             void (*all_done)(struct vdev_io *parent));
/* The end of an I/O of this type: err 0 or ZE_. */
void vdev_io_complete(struct vdev_io *io, int err);

/* 0 if there is no verify callback. */
static inline int vdev_io_verify(struct vdev_io *io, const void *buf)
{
    return io->verify != NULL ? io->verify(io, buf) : 0;
}
/* A verify callback for a child whose buffer is a whole copy of its parent's range. */
int vdev_io_verify_as_parent(struct vdev_io *child, const void *buf);
/* Count a wrong copy against child->vd and tell the observer (nothing when VDEV_IO_SPECULATIVE). */
void vdev_io_checksum_error(struct vdev_io *child);
/* May bad copies found by this read be rewritten: writable tree, no NO_REPAIR flag, there is a
 * verify callback. */
bool vdev_io_may_repair(const struct vdev_io *io);
/*
 * Prepare a repair write of a child (ordinary child I/O: submit with vdev_io_submit_children).
 * self_heal: the rewrite is due to an error; otherwise rule 1.4 may drop it silently (it completes
 * with 0). Counts vd->stats.self_healed.
 */
struct vdev_io *vdev_io_repair_child(struct vdev_io *parent, struct vdev *child, uint64_t offset,
                                     uint64_t size, void *buf, bool self_heal);
/* Worst of two errors: NXIO < CKSUM < others; 0 is best (format/raid.md 2.3). */
int vdev_io_worst_error(int a, int b);

/* ---- choosing children ---- */

/* Queued and active I/O of a leaf plus seek cost to offset (format/raid.md 2.2); interior: its
 * least loaded child. */
unsigned vdev_load(const struct vdev *vd, uint64_t offset);
/* DTL kinds: index of vd->dtl[] (format/raid.md 8.1). */
enum vdev_dtl_kind {
    VDEV_DTL_MISSING,
    VDEV_DTL_PARTIAL,
    VDEV_DTL_SCRUB,
    VDEV_DTL_OUTAGE,
    VDEV_DTL_KINDS
};
bool vdev_dtl_contains(const struct vdev *vd, enum vdev_dtl_kind kind,
                       uint64_t txg); /* false for txg 0 */
bool vdev_dtl_empty(const struct vdev *vd, enum vdev_dtl_kind kind);

/* ---- geometry ---- */

uint64_t
vdev_min_asize_required(const struct vdev *vd); /* through the parents' min_asize_of_child */
/* Fold the ashifts of usable children into geo (max of each; format/raid.md 2.1). */
void vdev_geometry_ashift(const struct vdev *vd, struct vdev_geometry *geo);
/* A child that contributes to geometry: opened without error, or openable as part of an interior
 * vdev. */
static inline bool vdev_is_usable(const struct vdev *vd)
{
    return vd->open_error == 0;
}

#endif
