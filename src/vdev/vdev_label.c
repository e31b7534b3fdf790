/* SPDX-License-Identifier: MIT */
/* Reading the labels of leaf devices; see vdev_label.h. */
#include "vdev/vdev_label.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/checksum.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_parallel.h"

#define POOL_STATE_L2CACHE 4

/* ---- one device ---- */

static int label_read(struct device *dev, unsigned l, uint64_t inner, void *buf, uint64_t size)
{
    uint64_t psize = label_psize(dev->size);
    if (psize < 4ull * LABEL_SIZE || l >= LABEL_COUNT)
        return err_raise(ZE_BADLABEL, "%s is too small for labels", dev->path);
    return device_read(dev, label_offset(psize, l, inner), buf, size);
}

static int label_verify(struct device *dev, unsigned l, uint64_t inner, const void *buf,
                        uint64_t size, bool *swapped)
{
    struct cksum verifier = {{label_offset(label_psize(dev->size), l, inner), 0, 0, 0}};
    return checksum_embedded_verify(CHECKSUM_LABEL, buf, size, &verifier, swapped);
}

static int label_read_block(struct device *dev, unsigned l, uint64_t inner, uint64_t size,
                            bool verify, uint8_t **out)
{
    uint8_t *buf = iobuf_alloc(size);
    bool swapped;
    if (buf == NULL)
        return ZE_NOMEM;
    int err = label_read(dev, l, inner, buf, size);
    if (err == 0 && verify)
        err = label_verify(dev, l, inner, buf, size, &swapped);
    if (err != 0) {
        iobuf_free(buf, size);
        return err;
    }
    *out = buf;
    return 0;
}

int label_read_config(struct device *dev, unsigned l, unsigned flags, struct nvlist **out)
{
    uint8_t *buf;
    int err =
        label_read_block(dev, l, LABEL_VDEV_OFFSET, LABEL_VDEV_SIZE, flags & LABEL_VERIFY, &buf);
    if (err != 0)
        return err;
    err = label_config_decode(span_of(buf, LABEL_VDEV_SIZE), out);
    iobuf_free(buf, LABEL_VDEV_SIZE);
    return err;
}

/* 7.1: guid and a known state; pool members also a txg. */
static bool label_is_acceptable(const struct nvlist *config)
{
    uint64_t state, guid = nvlist_u64(config, "guid", 0);
    if (guid == 0 || nvlist_lookup_u64(config, "state", &state) != 0 || state > POOL_STATE_L2CACHE)
        return false;
    return state >= 3 || nvlist_u64(config, "txg", 0) != 0;
}

/* The first acceptable label read with flags; *n counts acceptable ones that agree with it. */
static int first_acceptable(struct device *dev, unsigned flags, struct nvlist **found, unsigned *n)
{
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        AUTO_NVLIST struct nvlist *config = NULL;
        if (label_read_config(dev, l, flags, &config) != 0 || !label_is_acceptable(config))
            continue;
        if (*found == NULL) {
            *found = config;
            config = NULL;
            *n = 1;
        } else if (nvlist_u64(config, "guid", 0) == nvlist_u64(*found, "guid", 0)) {
            ++*n;
        }
    }
    return *found != NULL ? 0 : err_raise(ZE_BADLABEL, "%s has no pool label", dev->path);
}

int label_scan_config(struct device *dev, struct nvlist **out, unsigned *num_labels)
{
    *num_labels = 0;
    *out = NULL;
    if (dev->size < LABEL_MIN_DEVSIZE)
        return err_raise(ZE_BADLABEL, "%s is smaller than 64 MiB", dev->path);
    if (first_acceptable(dev, LABEL_VERIFY, out, num_labels) == 0)
        return 0;
    unsigned unverified = 0;
    return first_acceptable(dev, 0, out, &unverified);
}

int label_read_ring(struct device *dev, unsigned l, uint8_t *buf)
{
    return label_read(dev, l, LABEL_RING_OFFSET, buf, LABEL_RING_SIZE);
}

int label_ring_uberblock(const struct device *dev, unsigned l, uint8_t *ring, uint64_t ashift,
                         unsigned slot, struct uberblock *out)
{
    uint32_t size = label_slot_size(ashift);
    uint64_t inner = label_slot_inner(ashift, slot);
    if (slot >= label_slot_count(ashift))
        return ZE_INVAL;
    const uint8_t *p = ring + (size_t)slot * size;
    uint64_t magic = load_ne64(p);
    if (magic != UBERBLOCK_MAGIC && magic != __builtin_bswap64(UBERBLOCK_MAGIC))
        return ZE_BADUB;
    struct cksum verifier = {{label_offset(label_psize(dev->size), l, inner), 0, 0, 0}};
    bool swapped;
    int err = checksum_embedded_verify(CHECKSUM_LABEL, p, size, &verifier, &swapped);
    return err != 0 ? err : uberblock_load(out, p, size);
}

int label_read_bootenv(struct device *dev, unsigned l, struct nvlist **out)
{
    uint8_t *buf;
    int err = label_read_block(dev, l, LABEL_BOOTENV_OFFSET, LABEL_BOOTENV_SIZE, true, &buf);
    if (err != 0)
        return err;
    err = label_bootenv_decode(span_of(buf, LABEL_BOOTENV_SIZE), out);
    iobuf_free(buf, LABEL_BOOTENV_SIZE);
    return err;
}

int label_clear(struct device *dev)
{
    const uint64_t len = LABEL_SIZE - LABEL_VDEV_OFFSET;
    unsigned cleared = 0;
    uint64_t state = 0;
    uint8_t *zeros = iobuf_alloc(len);
    if (zeros == NULL)
        return ZE_NOMEM;
    memset(zeros, 0, len);
    int err = 0;
    for (unsigned l = 0; l < LABEL_COUNT && err == 0; l++) {
        AUTO_NVLIST struct nvlist *config = NULL;
        if (label_read_config(dev, l, 0, &config) != 0 || nvlist_u64(config, "guid", 0) == 0 ||
            nvlist_lookup_u64(config, "state", &state) != 0 || state > POOL_STATE_L2CACHE)
            continue;
        err = device_write(dev, label_offset(label_psize(dev->size), l, LABEL_VDEV_OFFSET), zeros,
                           len);
        if (err == 0 && state == POOL_STATE_L2CACHE)
            err = device_write(dev, LABEL_START_SIZE, zeros, 4096);
        cleared += err == 0;
    }
    iobuf_free(zeros, len);
    if (err != 0)
        return err;
    if (cleared == 0)
        return err_raise(ZE_BADLABEL, "%s has no pool label", dev->path);
    return device_flush(dev);
}

/* ---- trees ---- */

static bool leaf_has_labels(const struct vdev *vd)
{
    return vd->dev != NULL && (vd->type == VDEV_DISK || vd->type == VDEV_FILE);
}

int vdev_label_config(struct vdev *leaf, uint64_t max_txg, struct nvlist **out)
{
    struct nvlist *best = NULL;
    uint64_t best_txg = 0;
    if (!leaf_has_labels(leaf))
        return err_raise(ZE_BADLABEL, "vdev %016llx has no labels", (unsigned long long)leaf->guid);
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        AUTO_NVLIST struct nvlist *config = NULL;
        if (label_read_config(leaf->dev, l, LABEL_VERIFY, &config) != 0)
            continue;
        uint64_t txg = nvlist_u64(config, "txg", 0);
        if (txg == 0) {
            if (best == NULL) {
                *out = config;
                config = NULL;
                return 0;
            }
            break;
        }
        if (txg <= max_txg && txg > best_txg) {
            best_txg = txg;
            nvlist_free(best);
            best = config;
            config = NULL;
        }
    }
    if (best == NULL)
        return err_raise(ZE_BADLABEL, "%s has no valid label", leaf->path);
    *out = best;
    return 0;
}

/* ---- the uberblock ---- */

struct ub_scan {
    struct mutex lock;
    uint64_t max_txg;
    struct uberblock_choice choice;
    bool have_best, have_latest;
};

static void ub_consider(struct ub_scan *s, struct vdev *leaf, unsigned l, unsigned slot,
                        const struct uberblock *ub)
{
    MUTEX_GUARD(&s->lock);
    s->choice.found++;
    if (!s->have_latest || uberblock_compare(ub, &s->choice.latest) > 0) {
        s->choice.latest = *ub;
        s->have_latest = true;
    }
    if (ub->txg > s->max_txg)
        return;
    int order = s->have_best ? uberblock_compare(ub, &s->choice.best) : 1;
    /* Equal ones: the first leaf and label in order, so that the answer does not depend on threads.
     */
    bool earlier =
        order == 0 && (leaf->top->id < s->choice.leaf->top->id ||
                       (leaf->top == s->choice.leaf->top && leaf->id < s->choice.leaf->id) ||
                       (leaf == s->choice.leaf && l < s->choice.label));
    if (order > 0 || earlier) {
        s->choice.best = *ub;
        s->choice.leaf = leaf;
        s->choice.label = l;
        s->choice.slot = slot;
        s->have_best = true;
    }
}

static void ub_scan_leaf(void *arg, struct vdev *leaf)
{
    struct ub_scan *s = arg;
    if (!leaf_has_labels(leaf) || !vdev_readable(leaf) || leaf->top == NULL)
        return;
    uint8_t *ring = iobuf_alloc(LABEL_RING_SIZE);
    if (ring == NULL)
        return;
    for (unsigned l = 0; l < LABEL_COUNT; l++) {
        if (label_read_ring(leaf->dev, l, ring) != 0)
            continue;
        for (unsigned i = 0; i < label_slot_count(leaf->top->ashift); i++) {
            struct uberblock ub;
            if (label_ring_uberblock(leaf->dev, l, ring, leaf->top->ashift, i, &ub) == 0)
                ub_consider(s, leaf, l, i, &ub);
        }
    }
    iobuf_free(ring, LABEL_RING_SIZE);
}

int vdev_uberblock_choose(struct vdev_tree *tree, uint64_t max_txg, struct uberblock_choice *out)
{
    struct ub_scan s = {.max_txg = max_txg};
    mutex_init(&s.lock, RANK_LEAF);
    int err = vdev_each_leaf_parallel(tree, false, ub_scan_leaf, &s);
    mutex_destroy(&s.lock);
    if (err != 0)
        return err;
    *out = s.choice;
    if (!s.have_best)
        return err_raise(ZE_NOUB, "no valid uberblock with txg <= %llu on any device",
                         (unsigned long long)max_txg);
    if (s.choice.best.raidz_reflow_info != s.choice.latest.raidz_reflow_info)
        return err_raise(ZE_NOUB,
                         "a raidz expansion has moved data since txg %llu: cannot rewind to it",
                         (unsigned long long)s.choice.best.txg);
    return 0;
}

/* ---- validation of leaves ---- */

struct validation {
    uint64_t max_txg;
    unsigned flags;
    atomic_uint bad;
};

static bool guid_belongs(const struct vdev *vd, const struct nvlist *label, unsigned flags)
{
    uint64_t guid = nvlist_u64(label, "guid", 0), top_guid = nvlist_u64(label, "top_guid", 0);
    const struct nvlist *tree = nvlist_child(label, "vdev_tree");
    uint64_t orig = tree != NULL ? nvlist_u64(tree, "orig_guid", 0) : 0;
    if (vd->guid == guid || (orig != 0 && vd->guid == orig))
        return true;
    if ((flags & LABEL_TRUSTED) && !(flags & LABEL_EXTREME))
        return vd->top == vd && vd->guid == top_guid;
    return vd->guid == top_guid || (vd->top != NULL && vd->top->guid == guid);
}

static enum vdev_aux leaf_verdict(struct vdev *vd, const struct validation *v)
{
    AUTO_NVLIST struct nvlist *label = NULL;
    uint64_t limit = v->flags & LABEL_EXTREME ? UINT64_MAX : v->max_txg;
    if (vdev_label_config(vd, limit, &label) != 0)
        return VDEV_AUX_BAD_LABEL;
    if (nvlist_u64(label, "txg", 0) == 0)
        return VDEV_AUX_BAD_LABEL; /* initialised, never made part of a pool */
    uint64_t pool_guid, guid, split = nvlist_u64(label, "split_guid", 0);
    if (split != 0 && split == vd->tree->pool_guid)
        return VDEV_AUX_SPLIT_POOL;
    if (nvlist_lookup_u64(label, "pool_guid", &pool_guid) != 0 ||
        nvlist_lookup_u64(label, "guid", &guid) != 0 || !nvlist_exists(label, "top_guid") ||
        !nvlist_exists(label, "state") || nvlist_child(label, "vdev_tree") == NULL)
        return VDEV_AUX_CORRUPT_DATA;
    if ((v->flags & LABEL_TRUSTED) && pool_guid != vd->tree->pool_guid)
        return VDEV_AUX_CORRUPT_DATA;
    return guid_belongs(vd, label, v->flags) ? VDEV_AUX_NONE : VDEV_AUX_CORRUPT_DATA;
}

static void validate_leaf(void *arg, struct vdev *vd)
{
    struct validation *v = arg;
    if (!leaf_has_labels(vd) || !vdev_readable(vd))
        return;
    enum vdev_aux aux = leaf_verdict(vd, v);
    if (aux == VDEV_AUX_NONE) {
        vd->not_present = 0;
        return;
    }
    atomic_fetch_add(&v->bad, 1);
    vd->open_error = ZE_BADLABEL;
    vdev_state_set(vd, VDEV_STATE_CANT_OPEN, aux);
}

int vdev_tree_validate(struct vdev_tree *tree, uint64_t max_txg, unsigned flags, unsigned *bad)
{
    struct validation v = {.max_txg = max_txg, .flags = flags};
    int err = vdev_each_leaf_parallel(tree, false, validate_leaf, &v);
    if (err != 0)
        return err;
    vdev_propagate_state(tree->root);
    if (bad != NULL)
        *bad = atomic_load(&v.bad);
    return 0;
}
