/* SPDX-License-Identifier: MIT */
/* For tests of alloc/: a fixture pool of up to RIG_IMAGES images opened through dmu's rig. */
#ifndef ZUSE_TESTS_UNIT_ALLOC_RIG_H
#define ZUSE_TESTS_UNIT_ALLOC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../dmu/pool_rig.h"
#include "../fixture.h"

struct alloc_rig {
    struct pool_rig pool;
    int fd[RIG_IMAGES];
    unsigned nfds;
    char path[RIG_IMAGES][64];
};

/* What labels do not tell: the MOS configuration knows the top-level vdevs' ZAPs. */
static inline void alloc_rig_config(struct pool_rig *rig)
{
    struct nvlist *config = NULL, *const * child;
    uint64_t object, size = 0;
    size_t n = 0;
    struct dnode *dn;

    assert_int_equal(zap_get_u64(rig->mos, 1, "config", &object), 0);
    assert_int_equal(dnode_hold(rig->mos, object, &dn), 0);
    memcpy(&size, dnode_bonus(dn).data, 8);
    dnode_rele(dn);
    uint8_t *packed = malloc(size);
    assert_int_equal(dmu_read_object(rig->mos, object, 0, packed, size), 0);
    assert_int_equal(nvlist_decode(span_of(packed, size), &config), 0);
    free(packed);
    assert_int_equal(
        nvlist_lookup_nvlist_array(nvlist_child(config, "vdev_tree"), "children", &child, &n), 0);
    for (size_t i = 0; i < n && i < rig->zp.vdevs->root->nchildren; i++) {
        struct vdev *vd = rig->zp.vdevs->root->child[i];
        vd->top_zap = nvlist_u64(child[i], "com.delphix:vdev_zap_top", 0);
        vd->asize = nvlist_u64(child[i], "asize", vd->asize);
        uint64_t asize = vdev_psize_to_asize(vd, 131072, 0);
        vd->deflate_ratio = asize != 0 ? 131072 / (asize >> 9) : 512;
    }
    nvlist_free(config);
}

/* Images d0..d(n-1). Skips the test without fixtures, fails it if the pool does not open. */
static inline void alloc_rig_open(struct alloc_rig *r, const char *fixture, unsigned images)
{
    const char *why = NULL;
    char name[16];

    memset(r, 0, sizeof(*r));
    for (unsigned i = 0; i < images; i++) {
        snprintf(name, sizeof(name), "d%u", i);
        r->fd[i] = fixture_open(fixture, name, &why);
        if (r->fd[i] < 0) {
            print_message("skipped: %s\n", why);
            skip();
        }
        r->nfds++;
        snprintf(r->path[i], sizeof(r->path[i]), "/proc/self/fd/%d", r->fd[i]);
        r->pool.path[r->pool.images++] = r->path[i];
    }
    int err = rig_open(&r->pool);
    if (err != 0)
        print_error("%s: %s\n", err_name(err), err_detail());
    assert_int_equal(err, 0);
    alloc_rig_config(&r->pool);
}

static inline void alloc_rig_close(struct alloc_rig *r)
{
    rig_close(&r->pool);
    for (unsigned i = 0; i < r->nfds; i++)
        close(r->fd[i]);
}

/* Like assert_int_equal(err, 0), but says what was wrong. */
static inline void assert_done(int err)
{
    if (err != 0)
        print_error("%s: %s\n", err_name(err), err_detail());
    assert_int_equal(err, 0);
}

#endif
