/* SPDX-License-Identifier: MIT */
/*
 * A vdev floor of memory disks for the tests of zio/: defines the few vdev functions that zio/
 * calls, so the real ones are not linked. Each top-level vdev is one byte array. Reads can be made
 * to fail, to be held until released, or to complete on another thread; all are counted.
 *
 * Also what a writer of blocks needs: fake_write() puts a block down and makes its bp.
 */
#ifndef ZUSE_TESTS_FAKE_VDEV_H
#define ZUSE_TESTS_FAKE_VDEV_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/worker.h"
#include "codec/checksum.h"
#include "codec/compress.h"
#include "disk/gang.h"
#include "zio/zio.h"

#define FAKE_VDEVS 4u

struct fake_world {
    struct env env;
    struct vdev_tree tree;
    struct vdev root, top[FAKE_VDEVS];
    struct vdev *tops[FAKE_VDEVS];
    uint8_t *disk[FAKE_VDEVS];
    uint64_t disk_size;
    uint64_t next[FAKE_VDEVS]; /* bump allocator, bytes */
    struct zio_pool pool;

    _Atomic uint64_t reads, read_bytes, cksum_errors;
    int (*inject)(struct vdev_io *io); /* error for this read, or 0 */
    _Atomic bool hold;                 /* keep reads until fake_release() */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    struct vdev_io *held;
    _Atomic unsigned nheld;
    bool async, stop; /* a thread completes reads */
    pthread_t thread[2];
};

static struct fake_world *fake_current; /* the vdev functions have no other way to find it */

struct vdev *vdev_tree_top(struct vdev_tree *tree, uint64_t id)
{
    return id < tree->root->nchildren ? tree->root->child[id] : NULL;
}
bool vdev_readable(const struct vdev *vd)
{
    return vd->state >= VDEV_STATE_DEGRADED;
}
uint64_t vdev_gang_header_asize(const struct vdev *top)
{
    return max_of((uint64_t)1 << top->ashift, (uint64_t)512);
}
unsigned vdev_copies(const struct vdev *top)
{
    return 1;
}

static void fake_complete(struct fake_world *w, struct vdev_io *io)
{
    uint64_t id = io->vd->id;
    int err = w->inject != NULL ? w->inject(io) : 0;

    atomic_fetch_add(&w->reads, 1);
    atomic_fetch_add(&w->read_bytes, io->size);
    if (err == 0 && (io->offset > w->disk_size || io->size > w->disk_size - io->offset))
        err = err_raise(ZE_IO, "beyond the end");
    if (err == 0) {
        uint64_t rounded = round_up_pow2(io->size, (uint64_t)1 << io->vd->ashift);
        memset(io->buf, 0xee, rounded); /* the caller promised room for whole sectors */
        memcpy(io->buf, w->disk[id] + io->offset, io->size);
        if (io->verify != NULL && io->verify(io, io->buf) != 0) {
            err = err_raise(ZE_CKSUM, "vdev %llu", (unsigned long long)id);
            if (!(io->flags & VDEV_IO_SPECULATIVE))
                atomic_fetch_add(&w->cksum_errors, 1);
        }
    }
    io->done(io, err);
}

static void *fake_thread(void *arg)
{
    struct fake_world *w = arg;

    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->held == NULL && !w->stop)
            pthread_cond_wait(&w->cond, &w->lock);
        struct vdev_io *io = w->held;
        if (io == NULL)
            break;
        w->held = io->next;
        pthread_mutex_unlock(&w->lock);
        fake_complete(w, io);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

void vdev_io_submit(struct vdev_io *io)
{
    struct fake_world *w = fake_current;

    if (!w->async && !atomic_load(&w->hold)) {
        fake_complete(w, io);
        return;
    }
    pthread_mutex_lock(&w->lock);
    io->next = w->held;
    w->held = io;
    atomic_fetch_add(&w->nheld, 1);
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->lock);
}

/* Complete what is held. */
static inline void fake_release(struct fake_world *w)
{
    pthread_mutex_lock(&w->lock);
    struct vdev_io *io = w->held, *next;
    w->held = NULL;
    atomic_store(&w->hold, false);
    pthread_mutex_unlock(&w->lock);
    for (; io != NULL; io = next) {
        next = io->next;
        fake_complete(w, io);
    }
}

static inline struct fake_world *fake_create(uint64_t disk_size, unsigned ashift, bool async)
{
    struct fake_world *w = mem_zalloc(sizeof(*w));

    if (async ? env_init_system(&w->env, 2) : env_init_simulated(&w->env, 1, 1))
        abort();
    w->disk_size = disk_size;
    w->tree.env = &w->env;
    w->tree.root = &w->root;
    w->root.child = w->tops;
    w->root.nchildren = FAKE_VDEVS;
    w->root.type = VDEV_ROOT;
    for (unsigned i = 0; i < FAKE_VDEVS; i++) {
        w->tops[i] = &w->top[i];
        w->top[i] = (struct vdev){.id = i,
                                  .type = VDEV_DISK,
                                  .ashift = ashift,
                                  .asize = disk_size,
                                  .state = VDEV_STATE_HEALTHY,
                                  .tree = &w->tree};
        w->disk[i] = mem_zalloc(disk_size);
    }
    w->pool = (struct zio_pool){
        .env = &w->env, .vdevs = &w->tree, .guid = 0x1234, .load = 1, .config_trusted = true};
    memset(w->pool.salt, 7, sizeof(w->pool.salt));
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->cond, NULL);
    w->async = async;
    fake_current = w;
    for (unsigned i = 0; async && i < 2; i++)
        if (pthread_create(&w->thread[i], NULL, fake_thread, w) != 0)
            abort();
    return w;
}

static inline void fake_destroy(struct fake_world *w)
{
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->cond);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; w->async && i < 2; i++)
        pthread_join(w->thread[i], NULL);
    for (unsigned i = 0; i < FAKE_VDEVS; i++)
        free(w->disk[i]);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->cond);
    env_fini(&w->env);
    free(w);
    fake_current = NULL;
}

static inline uint64_t fake_alloc(struct fake_world *w, unsigned vdev, uint64_t size)
{
    uint64_t at = w->next[vdev];

    w->next[vdev] += round_up_pow2(size, (uint64_t)1 << w->top[vdev].ashift);
    if (w->next[vdev] > w->disk_size)
        abort();
    return at;
}

/* word 6 of a bp */
static inline uint64_t fake_prop(uint64_t lsize, uint64_t psize, unsigned comp, unsigned cksum,
                                 unsigned type, unsigned level)
{
    return ((lsize >> 9) - 1) | ((psize >> 9) - 1) << 16 | (uint64_t)comp << 32 |
           (uint64_t)cksum << 40 | (uint64_t)type << 48 | (uint64_t)level << 56 |
           (uint64_t)HOST_IS_LITTLE << 63;
}

/* Store psize bytes in ncopies places, each on the next vdev, and point bp there. */
static inline void fake_store(struct fake_world *w, struct blkptr *bp, const void *data,
                              uint64_t psize, unsigned ncopies)
{
    for (unsigned i = 0; i < ncopies; i++) {
        uint64_t off = fake_alloc(w, i, psize);
        memcpy(w->disk[i] + off, data, psize);
        dva_set(&bp->dva[i], i, off, round_up_pow2(psize, (uint64_t)1 << w->top[i].ashift), false);
    }
}

static inline struct blkptr fake_write(struct fake_world *w, const void *data, uint64_t lsize,
                                       enum compress_id comp, enum checksum_id cksum, unsigned type,
                                       unsigned level, uint64_t txg, unsigned ncopies)
{
    struct blkptr bp = {.birth = txg, .fill = 1};
    uint8_t *stored = mem_zalloc(lsize);
    uint64_t psize = lsize;

    if (comp != COMPRESS_OFF) {
        size_t n = compress_encode(comp, 3, data, lsize, stored, lsize - 512);
        if (n == 0)
            comp = COMPRESS_OFF;
        else
            psize = round_up_pow2(n, 512);
        memset(stored + n, 0, psize - n);
    }
    if (comp == COMPRESS_OFF)
        memcpy(stored, data, lsize);
    bp.prop = fake_prop(lsize, psize, comp, cksum, type, level);
    fake_store(w, &bp, stored, psize, ncopies);
    checksum_compute(cksum, stored, psize, false, w->pool.salt, &bp.cksum);
    free(stored);
    return bp;
}

static inline void fake_fill(void *buf, size_t len, uint64_t seed)
{
    uint8_t *p = buf;

    for (size_t i = 0; i < len; i++) {
        if (i % 16 == 0)
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        p[i] = (uint8_t)(seed >> 33); /* runs of 16: compressible */
    }
}

#endif
