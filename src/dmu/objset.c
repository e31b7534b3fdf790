/* SPDX-License-Identifier: MIT */
/*
 * Opening object sets (format/dmu.md, "8. Object sets and accounting"): read the root block, keep
 * it in host order, stand up its special dnodes. Callers: dsl/, pool/, inspect/. An objset belongs
 * to whoever opened it and outlives all dnodes held in it. Locks: none of its own; it does not
 * change after opening. Errors: zio's, ZE_BADOBJSET, ZE_BADDNODE.
 */
#include "base/mem.h"
#include "dmu/dmu_impl.h"

static int root_read(struct objset *os)
{
    const struct blkptr *bp = &os->root;
    if (bp_is_hole(bp))
        return 0;
    int err = bp_validate(bp);
    if (err != 0)
        return err;
    if (bp_is_embedded(bp) || bp_level(bp) != 0 || bp_type(bp) != OBJTYPE_OBJSET)
        return err_raise(ZE_BADOBJSET, "dataset %llu: root pointer has type %u, level %u%s",
                         (unsigned long long)os->dataset, bp_type(bp), bp_level(bp),
                         bp_is_embedded(bp) ? ", embedded" : "");
    if (!objset_phys_size_ok(bp_lsize(bp)))
        return err_raise(ZE_BADOBJSET, "dataset %llu: root block of %llu bytes",
                         (unsigned long long)os->dataset, (unsigned long long)bp_lsize(bp));
    os->encrypted = bp_uses_crypt(bp);
    unsigned zio_flags = 0;
    if (os->encrypted && (os->flags & OBJSET_RAW)) {
        /* Stored as it is, so that no key is needed; its MACs then stay unchecked. */
        if (bp_compress(bp) != COMPRESS_OFF || bp_psize(bp) != bp_lsize(bp))
            return err_raise(ZE_BADOBJSET, "dataset %llu: protected root block is compressed",
                             (unsigned long long)os->dataset);
        zio_flags = ZIO_RAW;
    }
    struct bookmark zb = {os->dataset, 0, BOOKMARK_LEVEL_ROOT, 0};
    struct arc_buf *buf;
    err = arc_read(os->zp, bp, &zb, VDEV_PRIO_SYNC_READ, zio_flags, &buf);
    if (err != 0)
        return err_context(err, "dataset %llu, root block: ", (unsigned long long)os->dataset);
    err = objset_phys_load(&os->phys, buf->data, buf->size, bp_is_swapped(bp));
    arc_release(buf);
    return err == 0 ? 0 : err_context(err, "dataset %llu: ", (unsigned long long)os->dataset);
}

/* The dnodes inside the root block. An empty objset has a meta-dnode of type 0: nothing to find. */
static int special_open(struct objset *os)
{
    const struct dnode_phys *meta = &os->phys.meta_dnode;
    if (meta->type != OBJTYPE_NONE &&
        (meta->type != OBJTYPE_DNODE || dnode_phys_blksz(meta) != DNODE_BLOCK_SIZE))
        return err_raise(ZE_BADOBJSET,
                         "dataset %llu: meta-dnode of type %u with blocks of %llu bytes",
                         (unsigned long long)os->dataset, meta->type,
                         (unsigned long long)dnode_phys_blksz(meta));
    int err = dnode_create_special(os, OBJSET_OBJECT_META, meta, &os->meta);
    for (unsigned i = 0; err == 0 && i < array_len(os->used); i++) {
        uint64_t object = OBJSET_OBJECT_USERUSED - i;
        const struct dnode_phys *phys = objset_phys_special(&os->phys, object);
        if (phys != NULL && phys->type != OBJTYPE_NONE)
            err = dnode_create_special(os, object, phys, &os->used[i]);
    }
    return err;
}

int objset_open(struct zio_pool *pool, uint64_t dataset, const struct blkptr *root, unsigned flags,
                struct objset **out)
{
    *out = NULL;
    struct objset *os = mem_zalloc(sizeof(*os));
    if (os == NULL)
        return err_raise(ZE_NOMEM, "object set");
    os->zp = pool;
    os->dataset = dataset;
    os->flags = flags;
    os->root = *root;
    int err = dmu_pool_get(pool, &os->dp);
    if (err == 0) {
        os->id = atomic_fetch_add(&os->dp->next_os_id, 1);
        err = root_read(os);
    }
    if (err == 0)
        err = special_open(os);
    if (err != 0) {
        objset_close(os);
        return err;
    }
    *out = os;
    return 0;
}

void objset_close(struct objset *os)
{
    if (os == NULL)
        return;
    for (unsigned i = 0; i < array_len(os->used); i++)
        dnode_destroy_special(os->used[i]);
    dnode_destroy_special(os->meta);
    if (os->dp != NULL)
        dmu_pool_put(os->dp);
    free(os);
}

uint64_t objset_dataset(const struct objset *os)
{
    return os->dataset;
}

unsigned objset_type(const struct objset *os)
{
    return (unsigned)os->phys.type;
}

const struct objset_phys *objset_phys(const struct objset *os)
{
    return &os->phys;
}

const struct blkptr *objset_root(const struct objset *os)
{
    return &os->root;
}

bool objset_is_encrypted(const struct objset *os)
{
    return os->encrypted;
}

unsigned objset_open_flags(const struct objset *os)
{
    return os->flags;
}

struct zio_pool *objset_pool(struct objset *os)
{
    return os->zp;
}

struct dnode *objset_meta_dnode(struct objset *os)
{
    return os->meta;
}

/* First allocated slot of the dnode block at or after object; DNODE_SLOTS_PER_BLOCK if none. */
static int next_in_block(struct objset *os, uint64_t blkid, unsigned from, unsigned *slot)
{
    *slot = DNODE_SLOTS_PER_BLOCK;
    struct dbuf *db;
    int err = dbuf_hold(os->meta, 0, blkid, &db);
    if (err != 0)
        return err;
    if (!dbuf_is_hole(db)) {
        const uint8_t *block = dbuf_data(db);
        unsigned nslots = (unsigned)(dbuf_size(db) >> DNODE_SLOT_SHIFT);
        /* Only slots reached by walking from 0 are dnodes; the rest is somebody's bonus. */
        for (unsigned i = 0; i < nslots;) {
            const struct dnode_phys *p = (const struct dnode_phys *)(block + i * DNODE_SLOT_SIZE);
            if (p->type != OBJTYPE_NONE && i >= from) {
                *slot = i;
                break;
            }
            i += p->type != OBJTYPE_NONE ? dnode_phys_slots(p) : 1;
        }
    }
    dbuf_rele(db);
    return 0;
}

int objset_next_object(struct objset *os, uint64_t *object)
{
    if (*object >= DNODE_MAX_OBJECT || os->meta->phys->type == OBJTYPE_NONE)
        return ZE_NOENT;
    uint64_t next = *object + 1;
    /* A block that is there but holds no dnode contradicts its fill count; a few are forgiven. */
    for (unsigned empty = 0; empty < 1024; empty++) {
        uint64_t off = next << DNODE_SLOT_SHIFT;
        int err = dmu_next_offset(os->meta, false, &off);
        uint64_t found = max_of(off >> DNODE_SLOT_SHIFT, next);
        if (err != 0) {
            *object = found; /* behind what could not be read */
            return err;
        }
        uint64_t blkid = found / DNODE_SLOTS_PER_BLOCK;
        uint64_t last = blkid * DNODE_SLOTS_PER_BLOCK + DNODE_SLOTS_PER_BLOCK - 1;
        unsigned slot;
        err = next_in_block(os, blkid, (unsigned)(found % DNODE_SLOTS_PER_BLOCK), &slot);
        if (err != 0) {
            *object = last;
            return err;
        }
        if (slot < DNODE_SLOTS_PER_BLOCK) {
            *object = blkid * DNODE_SLOTS_PER_BLOCK + slot;
            return 0;
        }
        if (last >= DNODE_MAX_OBJECT)
            return ZE_NOENT;
        next = last + 1;
    }
    *object = next;
    return err_raise(ZE_BADOBJSET, "dataset %llu: fill counts promise dnodes that are not there",
                     (unsigned long long)os->dataset);
}
