/* SPDX-License-Identifier: MIT */
#include "hostile_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "codec/checksum.h"
#include "disk/dnode.h"
#include "disk/dsl_phys.h"
#include "disk/objset.h"
#include "pool/assemble.h"
#include "pool/pool.h"
#include "vdev/vdev_label.h"
#include "zio/arc.h"

#define UNIT        4096u
#define BLOCKS_MAX  200000u
#define MARGIN      (1u << 20)
#define FREE_WANTED (24u << 20)

struct undo {
    unsigned disk;
    uint64_t offset;
    uint8_t was[UNIT];
};

/* ---- disks ---- */

int hostile_peek(struct hostile_pool *hp, unsigned disk, uint64_t offset, void *buf, size_t len)
{
    if (disk >= hp->ndisks)
        return ZE_RANGE;
    return sim_disk_peek(hp->disk[disk], offset, buf, len);
}

static int remember(struct hostile_pool *hp, unsigned disk, uint64_t unit)
{
    if (hp->nundo == hp->undo_room) {
        size_t room = hp->undo_room == 0 ? 64 : hp->undo_room * 2;
        struct undo *more = realloc(hp->undo, room * sizeof(*more));
        if (more == NULL)
            return ZE_NOMEM;
        hp->undo = more;
        hp->undo_room = room;
    }
    struct undo *u = &hp->undo[hp->nundo];
    *u = (struct undo){.disk = disk, .offset = unit * UNIT};
    int err = sim_disk_peek(hp->disk[disk], u->offset, u->was, UNIT);
    hp->nundo += err == 0;
    return err;
}

int hostile_poke(struct hostile_pool *hp, unsigned disk, uint64_t offset, const void *buf,
                 size_t len)
{
    if (disk >= hp->ndisks || offset > hp->disk_size[disk] || len > hp->disk_size[disk] - offset)
        return ZE_RANGE;
    for (uint64_t u = offset / UNIT; len != 0 && u <= (offset + len - 1) / UNIT; u++) {
        int err = remember(hp, disk, u);
        if (err != 0)
            return err;
    }
    return sim_disk_poke(hp->disk[disk], offset, buf, len);
}

void hostile_restore(struct hostile_pool *hp)
{
    while (hp->nundo > 0) {
        const struct undo *u = &hp->undo[--hp->nundo];
        (void)sim_disk_poke(hp->disk[u->disk], u->offset, u->was, UNIT);
    }
    for (size_t i = 0; i < hp->nblocks; i++) {
        free(hp->block[i].edited);
        hp->block[i].edited = NULL;
    }
}

static bool is_zero(const uint8_t *p)
{
    for (size_t i = 0; i < UNIT; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static int find_used(struct hostile_pool *hp, unsigned disk)
{
    static uint8_t buf[UNIT];
    uint64_t run = 0;

    for (uint64_t u = 0; u < hp->disk_size[disk] / UNIT; u++) {
        int err = sim_disk_peek(hp->disk[disk], u * UNIT, buf, UNIT);
        if (err != 0)
            return err;
        if (is_zero(buf)) {
            run += UNIT;
            uint64_t end = (u + 1) * UNIT;
            /* Longest run of zeros between the labels of the first disk. */
            if (disk == 0 && end + MARGIN < hp->disk_size[0] && end - run >= LABEL_START_SIZE &&
                run > hp->free_end - hp->free_at && run <= FREE_WANTED) {
                hp->free_at = end - run - LABEL_START_SIZE;
                hp->free_end = end - LABEL_START_SIZE;
            }
            continue;
        }
        run = 0;
        if ((hp->nused & (hp->nused - 1)) == 0) {
            uint64_t *more = realloc(hp->used, (hp->nused * 2 + 1) * sizeof(*more));
            if (more == NULL)
                return ZE_NOMEM;
            hp->used = more;
        }
        hp->used[hp->nused++] = (uint64_t)disk << 40 | u;
    }
    return 0;
}

static int load_disks(struct hostile_pool *hp, const char *directory)
{
    int err = 0;
    for (unsigned i = 0; err == 0 && i < HOSTILE_DISKS; i++) {
        char file[1024], name[32];
        struct stat st;
        snprintf(file, sizeof(file), "%s/d%u", directory, i);
        snprintf(name, sizeof(name), "/sim/d%u", i);
        if (stat(file, &st) != 0)
            break;
        err = sim_disk_add(hp->world, name, round_down_pow2((uint64_t)st.st_size, UNIT), 512,
                           &hp->disk[i]);
        if (err == 0)
            err = sim_disk_load(hp->disk[i], file);
        hp->disk_size[i] = round_down_pow2((uint64_t)st.st_size, UNIT);
        hp->ndisks = i + 1;
        if (err == 0)
            err = find_used(hp, i);
    }
    return err != 0 || hp->ndisks != 0 ? err : err_raise(ZE_NOENT, "%s/d0", directory);
}

/* ---- the tree of metadata, by reading raw blocks ---- */

static bool seen(const struct hostile_pool *hp, const struct blkptr *bp)
{
    for (size_t i = 0; i < hp->nblocks; i++) {
        if (bp_same(&hp->block[i].bp, bp))
            return true;
    }
    return false;
}

static int add_block(struct hostile_pool *hp, struct pool *pool, const struct blkptr *bp,
                     int parent, uint64_t off)
{
    unsigned type = bp_type(bp);

    if (bp_is_hole(bp) || bp_is_embedded(bp) || bp_uses_crypt(bp) || bp_is_swapped(bp) ||
        seen(hp, bp))
        return 0;
    if (bp_level(bp) == 0 && (type == OBJTYPE_PLAIN_FILE || type == OBJTYPE_ZVOL))
        return 0;
    if (hp->nblocks == hp->blocks_room) {
        size_t room = hp->blocks_room == 0 ? 256 : hp->blocks_room * 2;
        struct hostile_block *more = realloc(hp->block, room * sizeof(*more));
        if (more == NULL || room > BLOCKS_MAX)
            return ZE_NOMEM;
        hp->block = more;
        hp->blocks_room = room;
    }
    struct hostile_block *b = &hp->block[hp->nblocks];
    *b = (struct hostile_block){
        .bp = *bp, .parent = parent, .parent_off = (uint32_t)off, .size = (uint32_t)bp_lsize(bp)};
    b->data = malloc(b->size);
    struct bookmark zb = {0};
    int err =
        zio_read_run(&pool->zio, bp, &zb, VDEV_PRIO_SYNC_READ, ZIO_SPECULATIVE, b->data, b->size);
    if (err != 0)
        free(b->data);
    else
        hp->nblocks++;
    return err == ZE_NOMEM ? err : 0;
}

static int add_pointers(struct hostile_pool *hp, struct pool *pool, int parent, uint64_t off,
                        unsigned n)
{
    int err = 0;
    for (unsigned i = 0; err == 0 && i < n; i++) {
        struct blkptr bp;
        memcpy(&bp, hp->block[parent].data + off + i * sizeof(bp), sizeof(bp));
        err = add_block(hp, pool, &bp, parent, off + i * sizeof(bp));
    }
    return err;
}

static int add_dnode(struct hostile_pool *hp, struct pool *pool, int parent, uint64_t off)
{
    const struct dnode_phys *dn = (const void *)(hp->block[parent].data + off);
    if (dn->type == 0)
        return 0;
    int err = add_pointers(hp, pool, parent, off + DNODE_CORE_SIZE, dn->nblkptr);
    dn = (const void *)(hp->block[parent].data + off);
    if (err == 0 && dnode_phys_has_spill(dn))
        err = add_pointers(hp, pool, parent, off + dnode_phys_size(dn) - sizeof(struct blkptr), 1);
    dn = (const void *)(hp->block[parent].data + off);
    if (err == 0 && dn->bonustype == OBJTYPE_DSL_DATASET)
        err = add_pointers(hp, pool, parent,
                           off + (uint64_t)(dnode_phys_bonus(dn) - (const uint8_t *)dn) +
                               offsetof(struct dsl_dataset_phys, bp),
                           1);
    return err;
}

static int add_below(struct hostile_pool *hp, struct pool *pool, int i)
{
    const struct hostile_block b = hp->block[i];
    int err = 0;

    if (bp_level(&b.bp) > 0)
        return add_pointers(hp, pool, i, 0, b.size / sizeof(struct blkptr));
    if (bp_type(&b.bp) == OBJTYPE_OBJSET) {
        static const uint64_t at[] = {0, OBJSET_SIZE_V1, OBJSET_SIZE_V1 + 512, OBJSET_SIZE_V2};
        for (unsigned k = 0; err == 0 && k < array_len(at) && at[k] + 512 <= b.size; k++)
            err = add_dnode(hp, pool, i, at[k]);
        return err;
    }
    if (bp_type(&b.bp) != OBJTYPE_DNODE)
        return 0;
    for (uint64_t off = 0; err == 0 && off + 512 <= b.size;) {
        const struct dnode_phys *dn = (const void *)(b.data + off);
        uint64_t next = off + (dn->type != 0 ? dnode_phys_size(dn) : 512);
        if (next <= b.size)
            err = add_dnode(hp, pool, i, off);
        off = next;
    }
    return err;
}

static uint64_t disk_of_leaf(const struct hostile_pool *hp, const struct vdev *leaf)
{
    unsigned n = 0;
    if (leaf->path == NULL || sscanf(leaf->path, "/sim/d%u", &n) != 1 || n >= hp->ndisks)
        return 0;
    return UINT64_C(1) << n;
}

static void find_tops(struct hostile_pool *hp, struct pool *pool)
{
    struct vdev *root = pool->vdevs->root;
    const struct vdev *top = root->nchildren > 0 ? root->child[0] : NULL;

    if (top == NULL)
        return;
    hp->ashift = (unsigned)top->ashift;
    hp->redundant = root->nchildren == 1 && (top->type == VDEV_MIRROR || top->type == VDEV_RAIDZ ||
                                             top->type == VDEV_DRAID);
    if (vdev_is_leaf(top))
        hp->top_disk[0] = disk_of_leaf(hp, top);
    for (unsigned i = 0; top->type == VDEV_MIRROR && i < top->nchildren; i++)
        hp->top_disk[0] |= disk_of_leaf(hp, top->child[i]);
    hp->editable = (hp->top_disk[0] & 1) != 0 && hp->free_end - hp->free_at >= MARGIN;
    hp->free_at = round_up_pow2(hp->free_at, 1u << hp->ashift);
    hp->ub_txg = pool->ub.txg;
}

int hostile_open(struct hostile_pool *hp, const char *directory, uint64_t seed)
{
    struct pool *pool;

    memset(hp, 0, sizeof(*hp));
    int err = sim_world_create(seed, &hp->world);
    if (err == 0)
        err = env_init_simulated(&hp->env, seed, 1);
    if (err != 0)
        return err;
    log_set_level(hp->env.log, LOGL_ERROR);
    err = backend_install_sim(&hp->env, hp->world);
    if (err == 0)
        err = load_disks(hp, directory);
    if (err == 0)
        err = hostile_import(hp, NULL, &pool);
    if (err != 0)
        return err;
    find_tops(hp, pool);
    err = add_block(hp, pool, &pool->ub.rootbp, -1, 0);
    for (size_t i = 0; err == 0 && i < hp->nblocks; i++)
        err = add_below(hp, pool, (int)i);
    pool_close(pool);
    return err;
}

void hostile_close(struct hostile_pool *hp)
{
    hostile_restore(hp);
    for (size_t i = 0; i < hp->nblocks; i++)
        free(hp->block[i].data);
    free(hp->block);
    free(hp->used);
    free(hp->undo);
    env_fini(&hp->env);
    sim_world_destroy(hp->world);
}

/* ---- edits with right checksums ---- */

uint8_t *hostile_edit(struct hostile_pool *hp, size_t i)
{
    struct hostile_block *b = &hp->block[i];

    if (b->edited == NULL && (b->edited = malloc(b->size)) != NULL)
        memcpy(b->edited, b->data, b->size);
    return b->edited;
}

static int write_top(struct hostile_pool *hp, uint64_t dva_offset, const void *buf, size_t len)
{
    int err = 0;
    for (unsigned d = 0; err == 0 && d < hp->ndisks; d++) {
        if (hp->top_disk[0] >> d & 1)
            err = hostile_poke(hp, d, dva_offset + LABEL_START_SIZE, buf, len);
    }
    return err;
}

/* Block i to a new place, uncompressed; its pointer. */
static int write_block(struct hostile_pool *hp, const struct hostile_block *b, uint64_t *at,
                       struct blkptr *bp)
{
    uint64_t asize = round_up_pow2(b->size, UINT64_C(1) << hp->ashift);
    static const uint8_t salt[32];

    if (b->size > hp->free_end - *at || asize > hp->free_end - *at)
        return ZE_NOSPC;
    *bp = b->bp;
    memset(bp->dva, 0, sizeof(bp->dva));
    dva_set(&bp->dva[0], 0, *at, asize, false);
    BITS_SET(bp->prop, 16, 16, b->size / SECTOR_SIZE - 1);
    BITS_SET(bp->prop, 32, 7, COMPRESS_OFF);
    BITS_SET(bp->prop, 40, 8, CHECKSUM_FLETCHER_4);
    BITS_SET(bp->prop, 62, 1, 0);
    int err = checksum_compute(CHECKSUM_FLETCHER_4, b->edited, b->size, false, salt, &bp->cksum);
    if (err == 0)
        err = write_top(hp, *at, b->edited, b->size);
    *at += asize;
    return err;
}

/* The uberblock in use, wherever it is, with a new root pointer. */
static int write_uberblocks(struct hostile_pool *hp, const struct blkptr *root)
{
    static uint8_t slot[8192];
    uint32_t size = label_slot_size(hp->ashift);
    int err = 0;

    for (unsigned d = 0; d < hp->ndisks; d++) {
        uint64_t psize = label_psize(hp->disk_size[d]);
        for (unsigned l = 0; l < LABEL_COUNT; l++) {
            for (unsigned s = 0; err == 0 && s < label_slot_count(hp->ashift); s++) {
                uint64_t at = label_offset(psize, l, label_slot_inner(hp->ashift, s));
                struct uberblock *ub = (void *)slot;
                err = sim_disk_peek(hp->disk[d], at, slot, size);
                if (err != 0 || ub->magic != UBERBLOCK_MAGIC || ub->txg != hp->ub_txg)
                    continue;
                ub->rootbp = *root;
                struct cksum verifier = {{at, 0, 0, 0}};
                err = checksum_embedded_write(CHECKSUM_LABEL, slot, size, &verifier);
                if (err == 0)
                    err = hostile_poke(hp, d, at, slot, size);
            }
        }
    }
    return err;
}

int hostile_commit(struct hostile_pool *hp)
{
    uint64_t at = hp->free_at;

    for (size_t i = hp->nblocks; i-- > 0;) {
        const struct hostile_block *b = &hp->block[i];
        struct blkptr bp;
        if (b->edited == NULL)
            continue;
        int err = write_block(hp, b, &at, &bp);
        if (err == 0 && b->parent < 0)
            err = write_uberblocks(hp, &bp);
        if (err != 0)
            return err;
        if (b->parent < 0)
            continue;
        uint8_t *above = hostile_edit(hp, (size_t)b->parent);
        if (above == NULL)
            return ZE_NOMEM;
        memcpy(above + b->parent_off, &bp, sizeof(bp));
    }
    return 0;
}

/* ---- import ---- */

static int scan_disks(struct hostile_pool *hp, struct pool_scan **out)
{
    struct pool_scan *scan = mem_zalloc(sizeof(*scan));
    int err = 0;

    if (scan == NULL || (scan->dev = mem_calloc(HOSTILE_DISKS, sizeof(*scan->dev))) == NULL)
        exit(3);
    for (unsigned i = 0; i < hp->ndisks; i++) {
        struct scan_device *d = &scan->dev[scan->n];
        char name[32];
        struct device *dev;
        snprintf(name, sizeof(name), "/sim/d%u", i);
        if (hp->env.devices->open(&hp->env, name, DEVICE_OPEN_READ, &dev) != 0)
            continue;
        err = label_scan_config(dev, &d->config, &d->num_labels);
        device_close(dev);
        if (err != 0)
            continue;
        d->path = mem_strdup(name);
        scan->n++;
    }
    *out = scan;
    return 0;
}

int hostile_import(struct hostile_pool *hp, struct arc *arc, struct pool **out)
{
    struct pool_import_args args = {
        .flags = POOL_IMPORT_READONLY | POOL_IMPORT_FORCE | POOL_IMPORT_MISSING_LOG, .arc = arc};
    struct pool_candidates *c;
    struct pool_scan *scan;
    struct nvlist *info = NULL;
    int err = scan_disks(hp, &scan);

    if (err == 0)
        err = pool_assemble(scan, &c);
    pool_scan_free(scan);
    if (err != 0)
        return err;
    err = c->n == 0 ? err_raise(ZE_NOPOOL, "no labels")
                    : pool_import(&hp->env, c->config[0], &args, NULL, &info, out);
    nvlist_free(info);
    pool_candidates_free(c);
    return err;
}
