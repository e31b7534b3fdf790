/* SPDX-License-Identifier: MIT */
/* Shared by indirect.c (the mapping) and indirect_io.c (I/O through it). */
#ifndef ZUSE_VDEV_INDIRECT_IMPL_H
#define ZUSE_VDEV_INDIRECT_IMPL_H

#include "vdev/indirect.h"
#include "vdev/vdev_impl.h"

struct vdev_indirect {                 /* vd->priv */
    struct vdev_indirect_entry *entry; /* NULL until the mapping was set */
    struct vdev_indirect_birth *birth;
    size_t n, nbirths;
};

void vdev_indirect_io_start(struct vdev_io *io);

#endif
