/* SPDX-License-Identifier: MIT */
/* Removed top-level vdevs: the mapping. See indirect.h; I/O is in indirect_io.c. */
#include "vdev/indirect.h"

#include <stdlib.h>

#include "base/mem.h"
#include "vdev/indirect_impl.h"

int vdev_indirect_set_mapping(struct vdev *vd, struct vdev_indirect_entry *entries, size_t n,
                              struct vdev_indirect_birth *births, size_t nbirths)
{
    struct vdev_indirect *in = vd->priv;
    if (vd->type != VDEV_INDIRECT) {
        free(entries);
        free(births);
        return err_raise(ZE_INVAL, "vdev %llu is not indirect", (unsigned long long)vd->id);
    }
    free(in->entry);
    free(in->birth);
    *in = (struct vdev_indirect){entries, births, n, nbirths};
    uint64_t end = 0;
    const struct vdev *root = vd->tree->root;
    for (size_t i = 0; i < n; i++) {
        const struct vdev_indirect_entry *e = &entries[i];
        uint64_t next, dst_end;
        if (e->size == 0 || e->size % 512 != 0 || e->src % 512 != 0 || e->dst_offset % 512 != 0 ||
            e->src < end || __builtin_add_overflow(e->src, e->size, &next) ||
            __builtin_add_overflow(e->dst_offset, e->size, &dst_end))
            return err_raise(ZE_BADVDEV, "mapping of vdev %llu: entry %zu covers %llu+%llu",
                             (unsigned long long)vd->id, i, (unsigned long long)e->src,
                             (unsigned long long)e->size);
        if (e->dst_vdev >= root->nchildren || root->child[e->dst_vdev] == vd)
            return err_raise(ZE_BADVDEV, "mapping of vdev %llu: entry %zu points to vdev %llu",
                             (unsigned long long)vd->id, i, (unsigned long long)e->dst_vdev);
        end = next;
    }
    for (size_t i = 1; i < nbirths; i++)
        if (births[i].offset < births[i - 1].offset)
            return err_raise(ZE_BADVDEV, "births of vdev %llu: entry %zu is not ascending",
                             (unsigned long long)vd->id, i);
    return 0;
}

/* A value too large becomes one that is refused for its alignment. */
static uint64_t sectors_to_bytes(uint64_t n)
{
    return n >> 54 == 0 ? n << 9 : UINT64_MAX;
}

int vdev_indirect_set_mapping_raw(struct vdev *vd, const uint64_t *entries, size_t n,
                                  const uint64_t *births, size_t nbirths)
{
    struct vdev_indirect_entry *e = mem_calloc(n, sizeof(*e));
    struct vdev_indirect_birth *b = mem_calloc(nbirths, sizeof(*b));
    if (e == NULL || b == NULL) {
        free(e);
        free(b);
        return err_raise(ZE_NOMEM, "mapping of vdev %llu", (unsigned long long)vd->id);
    }
    for (size_t i = 0; i < n; i++) {
        const uint64_t *w = entries + 3 * i;
        e[i].src = sectors_to_bytes(BITS_GET(w[0], 0, 63));
        e[i].size = BITS_GET(w[1], 0, 24) << 9;
        e[i].dst_vdev = BITS_GET(w[1], 32, 24);
        e[i].dst_offset = sectors_to_bytes(BITS_GET(w[2], 0, 63));
    }
    for (size_t i = 0; i < nbirths; i++)
        b[i] = (struct vdev_indirect_birth){births[2 * i], births[2 * i + 1]};
    return vdev_indirect_set_mapping(vd, e, n, b, nbirths);
}

/* First entry whose end is beyond offset. */
static size_t find_entry(const struct vdev_indirect *in, uint64_t offset)
{
    size_t low = 0, high = in->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (in->entry[mid].src + in->entry[mid].size > offset)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

uint64_t vdev_indirect_mapping_bytes(const struct vdev *vd)
{
    const struct vdev_indirect *m = vd->priv;
    return vd->type == VDEV_INDIRECT && m != NULL ? m->n * VDEV_INDIRECT_ENTRY_BYTES : 0;
}

uint64_t vdev_indirect_birth_of(const struct vdev *vd, uint64_t offset)
{
    const struct vdev_indirect *in = vd->priv;
    size_t low = 0, high = in->nbirths;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (in->birth[mid].offset > offset)
            high = mid;
        else
            low = mid + 1;
    }
    return low < in->nbirths ? in->birth[low].txg : 0;
}

struct remap {
    int (*fn)(void *arg, struct vdev *target, uint64_t offset, uint64_t size, uint64_t txg);
    void *arg;
    unsigned budget; /* levels left: each removed vdev can appear once on the way */
};

static int remap(const struct remap *r, const struct vdev *vd, uint64_t offset, uint64_t size,
                 unsigned depth)
{
    const struct vdev_indirect *in = vd->priv;
    if (depth > r->budget)
        return err_raise(ZE_BADVDEV, "mappings of removed vdevs go round in circles at vdev %llu",
                         (unsigned long long)vd->id);
    if (in->entry == NULL)
        return err_raise(ZE_NXIO, "mapping of removed vdev %llu is not loaded",
                         (unsigned long long)vd->id);
    for (size_t i = find_entry(in, offset); size > 0; i++) {
        const struct vdev_indirect_entry *e = &in->entry[i];
        if (i >= in->n || e->src > offset)
            return err_raise(ZE_BADVDEV, "offset %llu of removed vdev %llu is not mapped",
                             (unsigned long long)offset, (unsigned long long)vd->id);
        uint64_t skip = offset - e->src, len = min_of(size, e->size - skip);
        struct vdev *target = vd->tree->root->child[e->dst_vdev];
        uint64_t at = e->dst_offset + skip;
        int err = target->type == VDEV_INDIRECT
                      ? remap(r, target, at, len, depth + 1)
                      : r->fn(r->arg, target, at, len, vdev_indirect_birth_of(vd, offset));
        if (err != 0)
            return err;
        offset += len;
        size -= len;
    }
    return 0;
}

int vdev_indirect_remap(const struct vdev *vd, uint64_t offset, uint64_t size,
                        int (*fn)(void *arg, struct vdev *target, uint64_t target_offset,
                                  uint64_t size, uint64_t txg),
                        void *arg)
{
    struct remap r = {fn, arg, 0};
    const struct vdev *root = vd->tree->root;
    for (unsigned i = 0; i < root->nchildren; i++)
        r.budget += root->child[i]->type == VDEV_INDIRECT;
    return remap(&r, vd, offset, size, 1);
}

/* ---- the type ---- */

static int indirect_create(struct vdev *vd, const struct nvlist *config)
{
    if (vd->top != vd)
        return err_raise(ZE_VDEVCONFIG, "an indirect vdev is not at the top level");
    vd->priv = mem_zalloc(sizeof(struct vdev_indirect));
    return vd->priv != NULL ? 0 : err_raise(ZE_NOMEM, "indirect vdev");
}

static void indirect_destroy(struct vdev *vd)
{
    struct vdev_indirect *in = vd->priv;
    if (in == NULL)
        return;
    free(in->entry);
    free(in->birth);
    free(in);
    vd->priv = NULL;
}

static int indirect_open(struct vdev *vd, struct vdev_geometry *geo, enum vdev_aux *aux)
{
    *aux = VDEV_AUX_NONE;
    *geo = (struct vdev_geometry){vd->asize, vd->asize, vd->ashift, vd->ashift};
    return 0;
}

const struct vdev_ops vdev_indirect_ops = {
    .name = "indirect",
    .create = indirect_create,
    .destroy = indirect_destroy,
    .open = indirect_open,
    .io_start = vdev_indirect_io_start,
};
