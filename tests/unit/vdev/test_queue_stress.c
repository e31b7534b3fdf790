/* SPDX-License-Identifier: MIT */
/*
 * Several threads reading and writing through one leaf's queue at once, on a real file with
 * whatever engine this machine has: each thread owns a stripe of blocks and checks what it reads.
 * For thread and address checkers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/worker.h"
#include "vdev/backend.h"
#include "vdev/vdev.h"
#include "vdev/vdev_impl.h"

#define THREADS 4
#define ROUNDS  60
#define BATCH   24
#define BLOCK   4096u
#define BLOCKS  1024u /* a thread's */

struct worker_state {
    struct vdev_tree *tree;
    unsigned id;
    atomic_uint errors;
    uint32_t version[BLOCKS];
    uint64_t random;
};

struct batch {
    struct vdev_io io[BATCH];
    struct worker_state *w;
    uint8_t *buf;
    atomic_uint left, failed;
    struct done done;
};

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void batch_done(struct vdev_io *io, int err)
{
    struct batch *b = io->arg;
    if (err != 0)
        atomic_fetch_add(&b->failed, 1);
    if (atomic_fetch_sub(&b->left, 1) == 1)
        done_signal(&b->done, 0);
}

static uint64_t place(const struct worker_state *w, unsigned block)
{
    return ((uint64_t)block * THREADS + w->id) * BLOCK;
}

static void batch_run(struct batch *b, enum device_op op, const unsigned *block, unsigned n)
{
    struct vdev_plug plug;
    atomic_store(&b->left, n);
    atomic_store(&b->failed, 0);
    done_init(&b->done);
    vdev_plug_start(&plug);
    for (unsigned i = 0; i < n; i++) {
        b->io[i] = (struct vdev_io){.vd = vdev_tree_top(b->w->tree, 0),
                                    .op = op,
                                    .prio = (enum vdev_prio)(i % VDEV_PRIOS),
                                    .offset = place(b->w, block[i]),
                                    .size = BLOCK,
                                    .buf = b->buf + i * BLOCK,
                                    .done = batch_done,
                                    .arg = b};
        vdev_io_submit(&b->io[i]);
    }
    vdev_plug_finish(&plug);
    done_wait(&b->done);
    atomic_fetch_add(&b->w->errors, atomic_load(&b->failed));
}

static void fill(uint8_t *p, const struct worker_state *w, unsigned block)
{
    for (unsigned i = 0; i < BLOCK; i += 8) {
        uint64_t v = (uint64_t)w->id << 56 | (uint64_t)block << 32 | w->version[block];
        memcpy(p + i, &v, 8);
    }
}

static void stress(void *arg)
{
    struct worker_state *w = arg;
    struct batch *b = calloc(1, sizeof(*b));
    uint8_t want[BLOCK];
    b->w = w;
    b->buf = aligned_alloc(4096, BATCH * BLOCK);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned block[BATCH], first = (unsigned)(next_random(&w->random) % (BLOCKS - BATCH));
        for (unsigned i = 0; i < BATCH; i++) {
            block[i] = first + (i * 7) % BATCH; /* all different, out of order */
            w->version[block[i]]++;
            fill(b->buf + i * BLOCK, w, block[i]);
        }
        batch_run(b, DEVICE_WRITE, block, BATCH);
        memset(b->buf, 0, BATCH * BLOCK);
        batch_run(b, DEVICE_READ, block, BATCH);
        for (unsigned i = 0; i < BATCH; i++) {
            fill(want, w, block[i]);
            if (memcmp(want, b->buf + i * BLOCK, BLOCK) != 0)
                atomic_fetch_add(&w->errors, 1);
        }
    }
    free(b->buf);
    free(b);
}

static void threads_do_not_disturb_each_other(void **state)
{
    char path[] = "/tmp/zuse-stress-XXXXXX";
    int fd = mkstemp(path);
    struct env env;
    struct nvlist *leaf, *root;
    struct vdev_tree *tree;
    struct thread *t[THREADS];
    struct worker_state *w = calloc(THREADS, sizeof(*w));
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 64 << 20), 0);
    assert_int_equal(env_init_system(&env, 2), 0);
    assert_int_equal(backend_install_system(&env), 0);
    assert_int_equal(nvlist_create(&leaf), 0);
    assert_int_equal(nvlist_create(&root), 0);
    nvlist_add_string(leaf, "type", "file");
    nvlist_add_u64(leaf, "id", 0);
    nvlist_add_u64(leaf, "guid", 2);
    nvlist_add_string(leaf, "path", path);
    nvlist_add_u64(leaf, "ashift", 12);
    nvlist_add_string(root, "type", "root");
    nvlist_add_u64(root, "id", 0);
    nvlist_add_u64(root, "guid", 1);
    nvlist_add_nvlist_array(root, "children", &leaf, 1);
    assert_int_equal(vdev_tree_create(&env, root, NULL, &tree), 0);
    tree->max_inflight = 8; /* so that requests wait and merge */
    assert_int_equal(vdev_tree_open(tree, DEVICE_OPEN_WRITE), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        w[i].tree = tree;
        w[i].id = i;
        w[i].random = 88172645463325252ull + i;
        assert_int_equal(thread_start("stress", stress, &w[i], &t[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(t[i]);
        assert_int_equal(w[i].errors, 0);
    }
    struct vdev *vd = vdev_tree_top(tree, 0);
    assert_int_equal(vd->stats.ops[DEVICE_READ], THREADS * ROUNDS * BATCH);
    assert_int_equal(vd->stats.ops[DEVICE_WRITE], THREADS * ROUNDS * BATCH);
    vdev_tree_destroy(tree);
    env_fini(&env);
    nvlist_free(leaf);
    nvlist_free(root);
    free(w);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_do_not_disturb_each_other)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
