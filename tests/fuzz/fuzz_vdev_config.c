/* SPDX-License-Identifier: MIT */
/*
 * Input: CHANGES times 3 bytes, then an XDR nvlist. Each change sets one key of one vdev to an odd
 * value, because random damage to the encoding seldom leaves a list. A configuration nvlist as a
 * label or a MOS holds it: building a vdev tree from it, describing the tree, and assembling a pool
 * from it as from one found device. Every leaf fails to open (there are no devices).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "pool/assemble.h"
#include "vdev/backend_sim.h"
#include "vdev/dtl.h"
#include "vdev/vdev.h"

#define CHANGES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const keys[] = {
    "id",          "guid",          "ashift",        "asize",   "metaslab_shift", "nparity",
    "draid_ndata", "draid_nspares", "draid_ngroups", "offline", "faulted",        "is_log",
    "spareid",     "top_guid",      "min_alloc",     "degraded"};
static const uint64_t values[] = {0,  1,  2,   3,    4,        9,          16,         17,
                                  63, 64, 255, 1000, 1u << 24, UINT32_MAX, UINT64_MAX, 1ull << 63};

/* Apply to the nth vdev in order of depth. */
static void change(struct nvlist *vd, unsigned *nth, const uint8_t *c, unsigned depth)
{
    struct nvlist *const *child;
    size_t n;
    if ((*nth)-- == 0) {
        if (c[1] >= 0xf8)
            nvlist_remove(vd, c[1] & 1 ? "type" : "children");
        else if (c[1] >= 0xf0)
            nvlist_add_boolean(vd, "raidz_expanding");
        else
            nvlist_add_u64(vd, keys[c[1] % array_len(keys)], values[c[2] % array_len(values)]);
        return;
    }
    if (depth < 16 && nvlist_lookup_nvlist_array(vd, "children", &child, &n) == 0) {
        for (size_t i = 0; i < n && *nth != UINT32_MAX; i++)
            change(child[i], nth, c, depth + 1);
    }
}

static int touch(void *arg, struct vdev *vd)
{
    char name[256];
    vdev_display_name(vd, name, sizeof(name));
    if (vd->parent != NULL && vd->top == vd && vd->ashift != 0)
        vdev_psize_to_asize(vd, 1u << 17, 0);
    return 0;
}

static void tree_of(struct env *env, const struct nvlist *config)
{
    struct nvlist *const *child;
    size_t n = 0;
    struct vdev_tree *t;
    struct nvlist *again;
    /* A label may claim 65535 neighbours: fine, but too slow for fuzzing. */
    if (nvlist_lookup_nvlist_array(config, "children", &child, &n) == 0 && n > 256)
        return;
    if (vdev_tree_create(env, config, NULL, &t) != 0)
        return;
    vdev_tree_open(t, DEVICE_OPEN_READ);
    vdev_dtl_reassess(t);
    vdev_each(t->root, touch, NULL);
    vdev_guid_sum(t->root);
    if (vdev_config_generate(t->root, VDEV_CONFIG_STATS | VDEV_CONFIG_MOS, &again) == 0)
        nvlist_free(again);
    vdev_tree_destroy(t);
}

/* A label describes one top-level vdev: put a root above. */
static void as_top(struct env *env, const struct nvlist *top)
{
    AUTO_NVLIST struct nvlist *root = NULL, *copy = NULL;
    if (nvlist_create(&root) != 0 || nvlist_dup(top, &copy) != 0)
        return;
    nvlist_add_string(root, "type", "root");
    nvlist_add_u64(root, "id", 0);
    nvlist_add_u64(root, "guid", 1);
    nvlist_add_nvlist_array(root, "children", &copy, 1);
    tree_of(env, root);
    tree_of(env, top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct env env;
    struct sim_world *w;
    AUTO_NVLIST struct nvlist *nv = NULL;
    if (size < 3 * CHANGES || size > 65536 ||
        nvlist_decode(span_of(data + 3 * CHANGES, size - 3 * CHANGES), &nv) != 0)
        return 0;
    struct nvlist *described = nvlist_child(nv, "vdev_tree");
    for (unsigned i = 0; i < CHANGES && described != NULL; i++) {
        unsigned nth = data[3 * i] % 16;
        change(described, &nth, data + 3 * i, 0);
    }
    if (env_init_simulated(&env, 1, 1) != 0)
        return 0;
    if (sim_world_create(1, &w) == 0) {
        if (backend_install_sim(&env, w) == 0) {
            const struct nvlist *tree = described;
            struct scan_device dev = {
                .path = (char *)(uintptr_t) "/dev/x", .config = nv, .num_labels = 1};
            struct pool_scan scan = {.dev = &dev, .n = 1};
            struct pool_candidates *c;
            as_top(&env, tree != NULL ? tree : nv);
            if (nvlist_u64(nv, "vdev_children", 0) < 64 && pool_assemble(&scan, &c) == 0) {
                for (size_t i = 0; i < c->n; i++)
                    tree_of(&env, nvlist_child(c->config[i], "vdev_tree"));
                pool_candidates_free(c);
            }
        }
        env_fini(&env);
        sim_world_destroy(w);
    } else {
        env_fini(&env);
    }
    return 0;
}
