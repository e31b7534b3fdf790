/* SPDX-License-Identifier: MIT */
/*
 * Reading the labels of leaf devices: configurations, uberblock rings, the choice of the uberblock
 * a pool is opened with, leaf validation, label clearing (format/pool.md 2, 5, 7.1, 7.5). Works on
 * open devices (scan and `zdb -l`) and on trees (import). Blocking; no locks held. Callers: pool/,
 * inspect/. Errors: ZE_BADLABEL (none usable), ZE_NOUB, those of devices.
 */
#ifndef ZUSE_VDEV_VDEV_LABEL_H
#define ZUSE_VDEV_VDEV_LABEL_H

#include "disk/label.h"
#include "disk/uberblock.h"
#include "vdev/vdev.h"

/* ---- one device ---- */

enum label_read_flags { LABEL_VERIFY = 1 /* checksum must be right */ };

/* The configuration in label l (0..3) of a device of dev->size bytes; ZE_CKSUM, ZE_BADLABEL,
 * ZE_NVLIST. */
int label_read_config(struct device *dev, unsigned l, unsigned flags, struct nvlist **out);
/*
 * What a device scan takes as the configuration (7.1): the first acceptable label whose checksum is
 * right, so that damage to one label does not describe the whole pool wrongly; when none is right,
 * the first acceptable one all the same. *num_labels counts the right ones that agree, 0 if none is
 * right. ZE_BADLABEL: no acceptable label at all.
 */
int label_scan_config(struct device *dev, struct nvlist **out, unsigned *num_labels);
/* The 128 KiB ring of label l into buf. */
int label_read_ring(struct device *dev, unsigned l, uint8_t *buf);
/*
 * Slot `slot` of a ring read by label_read_ring(): verifies the trailer and loads. ZE_BADUB (no
 * magic, bad contents), ZE_CKSUM.
 */
int label_ring_uberblock(const struct device *dev, unsigned l, uint8_t *ring, uint64_t ashift,
                         unsigned slot, struct uberblock *out);
/* Boot environment block of label l as an nvlist. */
int label_read_bootenv(struct device *dev, unsigned l, struct nvlist **out);
/*
 * Zero the labels that look like ours (2.11); ZE_BADLABEL if none does. Refusing a pool in use is
 * the caller's business. l2cache: also the cache header.
 */
int label_clear(struct device *dev);

/* ---- trees ---- */

/*
 * The best label configuration of an open leaf with txg <= max_txg (2.9): the largest; a label with
 * txg 0 is taken only when nothing came before it. ZE_BADLABEL.
 */
int vdev_label_config(struct vdev *leaf, uint64_t max_txg, struct nvlist **out);

struct uberblock_choice {
    struct uberblock best;   /* highest with txg <= max_txg */
    struct uberblock latest; /* highest of all */
    struct vdev *leaf;       /* where best was found */
    unsigned label, slot;
    uint64_t found; /* valid uberblocks seen */
};
/*
 * Scan the rings of all readable leaves (5.6). ZE_NOUB: none valid with txg <= max_txg, or raidz
 * reflow progress lies between the two.
 */
int vdev_uberblock_choose(struct vdev_tree *tree, uint64_t max_txg, struct uberblock_choice *out);

enum label_validate_flags {
    LABEL_TRUSTED = 1, /* the tree came from the MOS configuration */
    LABEL_EXTREME = 2, /* extreme rewind: labels of any txg */
};
/*
 * Compare every readable leaf with its label (7.5) and set CANT_OPEN on those that do not belong;
 * states are propagated. *bad (may be NULL): how many.
 */
int vdev_tree_validate(struct vdev_tree *tree, uint64_t max_txg, unsigned flags, unsigned *bad);

#endif
