/* SPDX-License-Identifier: MIT */
/* Reading the block reference table; see brt.h. */
#include "alloc/brt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define BRT_VDEVS_MAX ((uint64_t)1 << 24)

static int brt_vdev_open(struct objset *mos, struct brt_vdev *bv)
{
    struct dnode *dn;
    int err = dnode_hold(mos, bv->object, &dn);
    if (err != 0)
        return err;
    struct span bonus = dnode_bonus(dn);
    err = brt_vdev_phys_load(&bv->phys, bonus.data, bonus.len, dnode_size(dn), bv->vdev);
    dnode_rele(dn);
    return err;
}

/* Is this MOS directory entry a BRT's, and of which vdev? */
static bool brt_name_parse(const char *name, uint64_t *vdev)
{
    char *end;

    if (strncmp(name, BRT_NAME_PREFIX, strlen(BRT_NAME_PREFIX)) != 0)
        return false;
    name += strlen(BRT_NAME_PREFIX);
    errno = 0;
    *vdev = strtoull(name, &end, 10);
    return errno == 0 && end != name && *end == '\0' && *vdev < BRT_VDEVS_MAX;
}

static int brt_add(struct brt *brt, const struct zap_entry *e)
{
    uint64_t vdev;

    if (!brt_name_parse(e->name, &vdev))
        return 0;
    if (e->integer_size != 8 || e->count != 1)
        return err_raise(ZE_BADBRT, "MOS directory entry %s", e->name);
    struct brt_vdev *p = realloc(brt->vdev, (brt->n + 1u) * sizeof(*p));
    if (p == NULL)
        return err_raise(ZE_NOMEM, "BRT");
    brt->vdev = p;
    p[brt->n] = (struct brt_vdev){.vdev = vdev, .object = e->first};
    int err = brt_vdev_open(brt->mos, &p[brt->n]);
    if (err == 0)
        brt->n++;
    return err;
}

static int brt_by_vdev(const void *a, const void *b)
{
    const struct brt_vdev *x = a, *y = b;
    return (x->vdev > y->vdev) - (x->vdev < y->vdev);
}

static int brt_read_directory(struct brt *brt)
{
    struct zap_cursor c;
    struct zap *zap;
    int err = zap_open(brt->mos, 1, &zap);

    if (err != 0)
        return err;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    if (e == NULL)
        err = err_raise(ZE_NOMEM, "BRT");
    zap_cursor_init(&c, zap);
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        err = brt_add(brt, e);
        if (err == ZE_NOENT)
            err = err_raise(ZE_BADBRT, "object of %s does not exist", e->name);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

int brt_open(struct objset *mos, struct brt **out)
{
    struct brt *brt = mem_zalloc(sizeof(*brt));

    if (brt == NULL)
        return err_raise(ZE_NOMEM, "BRT");
    brt->mos = mos;
    int err = brt_read_directory(brt);
    if (err != 0) {
        brt_close(brt);
        return err;
    }
    if (brt->n > 1)
        qsort(brt->vdev, brt->n, sizeof(*brt->vdev), brt_by_vdev);
    *out = brt;
    return 0;
}

void brt_close(struct brt *brt)
{
    if (brt == NULL)
        return;
    free(brt->vdev);
    free(brt);
}

const struct brt_vdev *brt_vdev_find(const struct brt *brt, uint64_t vdev)
{
    struct brt_vdev key = {.vdev = vdev};
    return brt->n == 0 ? NULL : bsearch(&key, brt->vdev, brt->n, sizeof(key), brt_by_vdev);
}

uint64_t brt_used(const struct brt *brt)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < brt->n; i++)
        sum += brt->vdev[i].phys.used_space;
    return sum;
}

uint64_t brt_saved(const struct brt *brt)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < brt->n; i++)
        sum += brt->vdev[i].phys.saved_space;
    return sum;
}

uint64_t brt_ratio(const struct brt *brt)
{
    uint64_t used = brt_used(brt), saved = brt_saved(brt);
    if (used == 0 || saved > UINT64_MAX / 100 - used)
        return 100;
    return (used + saved) * 100 / used;
}

/* brt_entry_value(), with a byte string put from the header's byte order into this host's. */
static int entry_refs(const struct brt_vdev *bv, unsigned size, uint64_t count, uint8_t *bytes,
                      uint64_t *refs)
{
    if (size == 1 && count == 8 && (bv->phys.byteorder == 0) != (bool)HOST_IS_LITTLE)
        bswap64_array(bytes, 8);
    return brt_entry_value(size, count, bytes, refs);
}

int brt_lookup(const struct brt *brt, const struct dva *d, uint64_t *refs)
{
    const struct brt_vdev *bv = brt_vdev_find(brt, dva_vdev(d));
    uint64_t key = dva_offset(d), count;
    uint8_t bytes[8];
    struct zap *zap;

    *refs = 0;
    if (bv == NULL || bv->phys.entries_obj == 0)
        return 0;
    int err = zap_open(brt->mos, bv->phys.entries_obj, &zap);
    if (err != 0)
        return err;
    /* A ZAP widens integers when asked but never narrows them: the older encoding, bytes, first. */
    unsigned size = 1;
    err = zap_lookup_key(zap, &key, 1, size, 8, bytes, &count);
    if (err == ZE_INVAL) {
        size = 8;
        err = zap_lookup_key(zap, &key, 1, size, 1, bytes, &count);
    }
    zap_close(zap);
    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : entry_refs(bv, size, count, bytes, refs);
}

static int brt_cursor_entry(const struct brt_vdev *bv, struct zap_cursor *c,
                            const struct zap_entry *e, uint64_t *offset, uint64_t *refs)
{
    uint8_t bytes[8];

    if (e->name_len != sizeof(*offset) || e->count > sizeof(bytes) ||
        e->count * e->integer_size != sizeof(bytes))
        return err_raise(ZE_BADBRT, "BRT entry: key of %zu bytes, %" PRIu64 " integers of %u",
                         e->name_len, e->count, e->integer_size);
    memcpy(offset, e->name, sizeof(*offset));
    int err = zap_entry_value(c, e, bytes, e->count);
    return err != 0 ? err : entry_refs(bv, e->integer_size, e->count, bytes, refs);
}

int brt_iterate(const struct brt *brt, const struct brt_vdev *bv, brt_fn fn, void *arg)
{
    struct zap_cursor c;
    struct zap *zap;
    uint64_t offset = 0, refs = 0;
    int err, answer = 0;

    if (bv->phys.entries_obj == 0)
        return 0;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    if (e == NULL)
        return err_raise(ZE_NOMEM, "BRT");
    if ((err = zap_open(brt->mos, bv->phys.entries_obj, &zap)) != 0)
        return err;
    zap_cursor_init(&c, zap);
    while (err == 0 && answer == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        err = brt_cursor_entry(bv, &c, e, &offset, &refs);
        if (err == 0)
            answer = fn(arg, bv->vdev, offset, refs);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    if (answer != 0)
        return answer;
    return err == ZE_NOENT ? 0 : err_context(err, "BRT of vdev %" PRIu64 ": ", bv->vdev);
}

/*
 * The object's type says "64-bit integers", so blocks of the other byte order were swapped as such
 * on the way here; the counters' order is told by the header alone, so put those blocks back.
 */
static int counters_unswap(struct dnode *dn, uint16_t *counters, uint64_t bytes)
{
    uint64_t blksz = dnode_blksz(dn);
    struct blkptr bp;

    for (uint64_t blkid = 0, at = 0; at < bytes; blkid++, at += blksz) {
        int err = dmu_blkptr(dn, 0, blkid, &bp);
        if (err != 0)
            return err;
        if (!bp_is_hole(&bp) && bp_is_swapped(&bp))
            bswap64_array((uint8_t *)counters + at, (size_t)min_of(blksz, bytes - at) & ~(size_t)7);
    }
    return 0;
}

int brt_counters(const struct brt *brt, const struct brt_vdev *bv, uint16_t **counters, uint64_t *n)
{
    /* brt_vdev_phys_load() bounded it by the object's size */
    uint64_t bytes = round_up_pow2(bv->phys.size * sizeof(uint16_t), 8);
    uint16_t *c = mem_zalloc((size_t)bytes + 8);

    if (c == NULL)
        return err_raise(ZE_NOMEM, "BRT counters of vdev %" PRIu64, bv->vdev);
    int err = 0;
    struct dnode *dn;
    if ((err = dnode_hold(brt->mos, bv->object, &dn)) == 0) {
        err = dmu_read_uncached(dn, 0, c, bytes);
        if (err == 0)
            err = counters_unswap(dn, c, bytes);
        dnode_rele(dn);
    }
    if (err != 0) {
        free(c);
        return err;
    }
    brt_counters_to_host(c, (size_t)bv->phys.size, &bv->phys);
    *counters = c;
    *n = bv->phys.size;
    return 0;
}
