/* SPDX-License-Identifier: MIT */
/* Importing real pools read-only: every fixture, then damage, rewinding, checkpoints, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/config.h"
#include "pool/events.h"
#include "pool/history.h"
#include "pool/pool_props.h"
#include "pool/space.h"
#include "pool/vdev_props.h"
#include "pool_fixture.h"
#include "vdev/dtl.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_stats.h"

static int count_record(void *arg, const struct nvlist *record)
{
    ++*(unsigned *)arg;
    return 0;
}

/* A tree built from the MOS configuration describes itself in the same bytes. */
static bool regenerates(struct pool *p)
{
    const struct nvlist *tree = nvlist_child(p->config, "vdev_tree");
    AUTO_NVLIST struct nvlist *again = NULL;
    AUTO_FREE uint8_t *a = NULL;
    AUTO_FREE uint8_t *b = NULL;
    struct vdev_tree *t;
    size_t la, lb;
    assert_int_equal(vdev_tree_create(p->env, tree, NULL, &t), 0);
    assert_int_equal(vdev_config_generate(t->root, VDEV_CONFIG_MOS, &again), 0);
    vdev_tree_destroy(t);
    assert_int_equal(nvlist_encode(tree, NV_ENC_XDR, &a, &la), 0);
    assert_int_equal(nvlist_encode(again, NV_ENC_XDR, &b, &lb), 0);
    return la == lb && memcmp(a, b, la) == 0;
}

/* txg: `zdb -u`; alloc: `bp allocated` of `zdb -b` where no log device or checkpoint adds to it. */
static const struct {
    const char *fixture, *name, *health;
    uint64_t txg, size, alloc;
    unsigned history;
} expected[] = {
    {"acl-nfsv4", "paclnfsv4", "ONLINE", 26, 50331648, 137728, 55},
    {"ashift-gang", "pashiftgang", "ONLINE", 65, 117440512, 12917760, 79},
    {"classes", "pclasses", "ONLINE", 627, 150994944, 0, 83},
    {"draid1", "pdraid1", "ONLINE", 51, 402554880, 18837504, 74},
    {"draid1-spared", "pdraid1spared", "DEGRADED", 60, 402640896, 0, 79},
    {"mirror-dtl", "pmirrordtl", "DEGRADED", 603, 50331648, 11812864, 75},
    {"mirror2", "pmirror2", "ONLINE", 588, 50331648, 10727424, 74},
    {"nofeatures", "pnofeatures", "ONLINE", 26, 50331648, 899072, 8},
    {"old-v1", "poldv1", "ONLINE", 21, 50331648, 0, 4},
    {"old-v28", "poldv28", "ONLINE", 327, 50331648, 0, 35},
    {"raidz1-3", "praidz13", "ONLINE", 56, 184549376, 13831168, 74},
    {"raidz-expanded", "praidzexpanded", "ONLINE", 88, 234881024, 0, 84},
    {"raidz-expanding", "praidzexpanding", "ONLINE", 104, 184549376, 0, 82},
    {"removed", "premoved", "ONLINE", 83, 167772160, 0, 77},
    {"removing", "premoving", "ONLINE", 78, 251658240, 0, 76},
    {"replacing", "preplacing", "ONLINE", 71, 184549376, 0, 77},
    {"v24-gang", "pv24gang", "ONLINE", 68, 117440512, 0, 82},
    {"v24-features", "pv24features", "ONLINE", 84, 117440512, 0, 106},
};

static void every_kind_of_pool_opens(void **state)
{
    for (size_t i = 0; i < array_len(expected); i++) {
        struct fixture f;
        struct pool *p;
        struct pool_space space;
        unsigned records = 0;
        if (!fixture_pool(&f, expected[i].fixture))
            skip();
        int err = fixture_import(&f, 0, &p);
        if (err != 0)
            print_message("%s: %s\n", expected[i].fixture, err_detail());
        assert_int_equal(err, 0);
        assert_string_equal(p->name, expected[i].name);
        assert_string_equal(pool_health(p), expected[i].health);
        assert_int_equal(p->ub.txg, expected[i].txg);
        assert_true(regenerates(p));
        assert_int_equal(pool_history_each(p, count_record, &records), 0);
        assert_int_equal(records, expected[i].history);
        assert_int_equal(pool_space_get(p, &space), 0);
        assert_int_equal(space.size, expected[i].size);
        if (expected[i].alloc != 0)
            assert_int_equal(space.alloc, expected[i].alloc);
        pool_close(p);
        fixture_end(&f);
    }
}

/* What `zpool get -Hp all` of the real module said, property by property. */
static unsigned compare_properties(struct pool *p, FILE *manifest, const char *title)
{
    AUTO_NVLIST struct nvlist *props = NULL;
    static const char *const other[] = {"load_guid",    "altroot",  "cachefile",     "allocated",
                                        "free",         "capacity", "fragmentation", "maxblocksize",
                                        "maxdnodesize", "name",     "dedupratio",    "bcloneratio"};
    char line[4096];
    unsigned compared = 0;
    bool inside = false;
    assert_int_equal(pool_props_get(p, NULL, 0, &props), 0);
    while (fgets(line, sizeof(line), manifest) != NULL) {
        if (strncmp(line, "### ", 4) == 0) {
            inside = strcmp(line, title) == 0;
            continue;
        }
        char *save = NULL, *name = strtok_r(line, "\t", &save);
        const char *prop = strtok_r(NULL, "\t", &save), *value = strtok_r(NULL, "\t", &save),
                   *source = strtok_r(NULL, "\n", &save);
        if (!inside || name == NULL || source == NULL)
            continue;
        bool skip_it = false;
        for (size_t i = 0; i < array_len(other); i++)
            skip_it |= strcmp(other[i], prop) == 0;
        if (skip_it)
            continue;
        const struct nvlist *nv = nvlist_child(props, prop);
        assert_non_null(nv);
        char number[32];
        const char *got = nvlist_string(nv, "value", NULL);
        snprintf(number, sizeof(number), "%llu", (unsigned long long)nvlist_u64(nv, "value", 0));
        if (got == NULL)
            got = strcmp(prop, "dedup_table_quota") == 0 ? "auto" : number;
        if (*got == '\0' || (strcmp(got, "0") == 0 && strcmp(value, "-") == 0))
            got = "-";
        assert_string_equal(got, value);
        const char *from = nvlist_string(nv, "source", "?");
        assert_string_equal(*from == '\0' ? "-" : from, source);
        compared++;
    }
    return compared;
}

static void properties_are_those_of_openzfs(void **state)
{
    static const char *const fixtures[] = {"mirror2", "dedup",        "nofeatures", "old-v28",
                                           "draid1",  "compat-grub2", "checkpoint"};
    for (size_t i = 0; i < array_len(fixtures); i++) {
        struct fixture f;
        struct pool *p;
        char path[1024], title[512];
        if (!fixture_pool(&f, fixtures[i]))
            skip();
        assert_int_equal(fixture_import(&f, 0, &p), 0);
        snprintf(path, sizeof(path), "%s/MANIFEST.pool.txt", f.dir);
        snprintf(title, sizeof(title), "### zpool get -Hp all %s\n", p->name);
        FILE *manifest = fopen(path, "r");
        assert_non_null(manifest);
        assert_true(compare_properties(p, manifest, title) > 60);
        fclose(manifest);
        pool_close(p);
        fixture_end(&f);
    }
}

/* Values a vdev shows in a pool that nothing has been done with; others depend on the machine or
 * the moment. */
static void compare_vdev_property(struct pool *p, const char *name, const char *prop,
                                  const char *value, const char *source)
{
    static const char *const volatile_ones[] = {"capacity", "free",   "allocated", "fragmentation",
                                                "path",     "parent", "children",  "name"};
    size_t len = strlen(prop);
    for (size_t i = 0; i < array_len(volatile_ones); i++) {
        if (strcmp(prop, volatile_ones[i]) == 0)
            return;
    }
    if (len > 4 && (strcmp(prop + len - 4, "_ops") == 0 || strstr(prop, "_bytes") != NULL))
        return;
    const char *base = strrchr(name, '/');
    struct vdev *vd = pool_vdev_find(p, base != NULL ? base + 1 : name);
    AUTO_NVLIST struct nvlist *props = NULL;
    assert_non_null(vd);
    assert_int_equal(pool_vdev_props_get(p, vd, &prop, 1, &props), 0);
    const struct nvlist *nv = nvlist_child(props, prop);
    if (nv == NULL)
        print_message("%s: property %s is missing\n", name, prop);
    assert_non_null(nv);
    char number[32];
    uint64_t v = nvlist_u64(nv, "value", 0);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)v);
    const char *got = nvlist_string(nv, "value", v == UINT64_MAX ? "-" : number);
    const char *from = nvlist_string(nv, "source", "?");
    if (strcmp(*got == '\0' ? "-" : got, value) != 0)
        print_message("%s: property %s\n", name, prop);
    assert_string_equal(*got == '\0' ? "-" : got, value);
    assert_string_equal(*from == '\0' ? "-" : from, source);
}

static void vdev_properties_are_those_of_openzfs(void **state)
{
    static const char *const fixtures[] = {"mirror2", "raidz1-3", "classes", "v24-features"};
    for (size_t i = 0; i < array_len(fixtures); i++) {
        struct fixture f;
        struct pool *p;
        char path[1024], line[4096];
        unsigned compared = 0;
        bool inside = false;
        if (!fixture_pool(&f, fixtures[i]))
            skip();
        assert_int_equal(fixture_import(&f, 0, &p), 0);
        snprintf(path, sizeof(path), "%s/MANIFEST.pool.txt", f.dir);
        FILE *manifest = fopen(path, "r");
        assert_non_null(manifest);
        while (fgets(line, sizeof(line), manifest) != NULL) {
            if (strncmp(line, "### ", 4) == 0)
                inside =
                    strstr(line, "zpool get -Hp all") != NULL && strstr(line, "all-vdevs") != NULL;
            char *save = NULL, *name = strtok_r(line, "\t", &save),
                 *prop = strtok_r(NULL, "\t", &save);
            char *value = strtok_r(NULL, "\t", &save), *source = strtok_r(NULL, "\n", &save);
            if (!inside || name == NULL || source == NULL)
                continue;
            compare_vdev_property(p, name, prop, value, source);
            compared++;
        }
        assert_true(compared > 90);
        fclose(manifest);
        pool_close(p);
        fixture_end(&f);
    }
}

static void checkpoint_is_rewound_to(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "checkpoint"))
        skip();
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    assert_int_equal(p->checkpoint_txg, 57);
    pool_close(p);
    assert_int_equal(fixture_import(&f, POOL_IMPORT_CHECKPOINT, &p), 0);
    assert_int_equal(p->ub.txg, 57);
    assert_int_equal(p->checkpoint_txg, 0);
    pool_close(p);
    fixture_end(&f);
    assert_true(fixture_pool(&f, "mirror2"));
    assert_int_equal(fixture_import(&f, POOL_IMPORT_CHECKPOINT, &p), ZE_NOCHECKPOINT);
    fixture_end(&f);
}

static void rewinds_past_a_damaged_root(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "basic-single"))
        skip();
    /* the three copies of txg 379's object set, `zdb -u` */
    static const uint64_t copies[] = {0xc52fc00, 0xe0ac400, 0x209ba00};
    for (size_t i = 0; i < array_len(copies); i++)
        fixture_poke(&f, "d0", copies[i] + (4 << 20), 0xee, 512);
    assert_int_equal(fixture_import(&f, 0, &p), ZE_CKSUM);
    /* The one before is 370: more than two txgs back is only for -X. */
    assert_int_equal(fixture_import(&f, POOL_IMPORT_REWIND, &p), ZE_CKSUM);
    assert_int_equal(fixture_import(&f, POOL_IMPORT_EXTREME, &p), 0);
    assert_int_equal(p->ub.txg, 370);
    assert_non_null(nvlist_child(p->load_info, "rewind_info"));
    pool_close(p);
    struct pool_import_args args = {.flags = POOL_IMPORT_READONLY, .request_txg = 309};
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, NULL, NULL, &p), 0);
    assert_int_equal(p->ub.txg, 307);
    pool_close(p);
    fixture_end(&f);
}

static void one_missing_disk_of_raidz_is_tolerated(void **state)
{
    struct fixture f;
    struct pool *p;
    char path[1024];
    if (!fixture_pool(&f, "raidz1-3"))
        skip();
    snprintf(path, sizeof(path), "%s/d2", f.dir);
    assert_int_equal(unlink(path), 0);
    fixture_rescan(&f);
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    struct vdev *z = vdev_tree_top(p->vdevs, 0);
    assert_int_equal(z->state, VDEV_STATE_DEGRADED);
    assert_int_equal(z->child[2]->state, VDEV_STATE_CANT_OPEN);
    assert_int_equal(z->child[2]->not_present, 1);
    char name[64];
    vdev_display_name(z->child[2], name, sizeof(name));
    assert_string_equal(name, "366606908029546085");
    pool_close(p);
    snprintf(path, sizeof(path), "%s/d1", f.dir);
    assert_int_equal(unlink(path), 0);
    fixture_rescan(&f);
    assert_int_equal(fixture_import(&f, 0, &p), ZE_NXIO);
    AUTO_NVLIST struct nvlist *shown = NULL;
    assert_int_equal(pool_try_import(&f.env, f.found->config[0], &shown), 0);
    const struct nvlist *root = nvlist_child(shown, "vdev_tree");
    const uint64_t *stats;
    size_t n;
    assert_int_equal(nvlist_lookup_u64_array(root, "vdev_stats", &stats, &n), 0);
    assert_int_equal(stats[VDEV_STAT_STATE], VDEV_STATE_CANT_OPEN);
    assert_int_equal(stats[VDEV_STAT_AUX], VDEV_AUX_NO_REPLICAS);
    fixture_end(&f);
}

static void missing_half_of_a_stripe_is_refused(void **state)
{
    struct fixture f;
    struct pool *p;
    char path[1024];
    if (!fixture_pool(&f, "stripe2"))
        skip();
    snprintf(path, sizeof(path), "%s/d1", f.dir);
    assert_int_equal(unlink(path), 0);
    fixture_rescan(&f);
    assert_int_equal(fixture_import(&f, 0, &p), ZE_NXIO);
    /* To rescue what is left: the MOS has copies on the other disk. */
    assert_int_equal(fixture_import(&f, POOL_IMPORT_MISSING_TOPS, &p), 0);
    assert_string_equal(pool_health(p), "DEGRADED");
    pool_close(p);
    fixture_end(&f);
}

static void missing_log_needs_permission(void **state)
{
    struct fixture f;
    struct pool *p;
    char path[1024];
    if (!fixture_pool(&f, "classes"))
        skip();
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    const char *log = NULL;
    for (unsigned i = 0; i < p->vdevs->root->nchildren; i++) {
        if (p->vdevs->root->child[i]->is_log)
            log = p->vdevs->root->child[i]->path;
    }
    assert_non_null(log);
    snprintf(path, sizeof(path), "%s", log);
    /* classes: normal, special and dedup vdevs are told apart by their ZAPs */
    unsigned special = 0, dedup = 0;
    for (unsigned i = 0; i < p->vdevs->root->nchildren; i++) {
        const char *bias = p->vdevs->root->child[i]->alloc_bias;
        special += bias != NULL && strcmp(bias, "special") == 0;
        dedup += bias != NULL && strcmp(bias, "dedup") == 0;
    }
    assert_int_equal(special, 1);
    assert_int_equal(dedup, 1);
    assert_int_equal(p->vdevs->nspares, 1);
    assert_int_equal(p->vdevs->nl2cache, 1);
    pool_close(p);
    assert_int_equal(unlink(path), 0);
    fixture_rescan(&f);
    struct nvlist *info = NULL;
    struct pool_import_args args = {.flags = POOL_IMPORT_READONLY};
    int err = pool_import(&f.env, f.found->config[0], &args, NULL, &info, &p);
    assert_int_equal(err, ZE_MISSINGLOG);
    assert_non_null(nvlist_child(info, "missing_vdevs"));
    nvlist_free(info);
    assert_int_equal(fixture_import(&f, POOL_IMPORT_MISSING_LOG, &p), 0);
    pool_close(p);
    fixture_end(&f);
}

static void stale_mirror_side_is_known(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "mirror-dtl"))
        skip();
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    struct vdev *m = vdev_tree_top(p->vdevs, 0);
    assert_int_equal(m->child[1]->state, VDEV_STATE_OFFLINE);
    assert_false(vdev_dtl_empty(m->child[1], VDEV_DTL_MISSING));
    assert_true(vdev_dtl_empty(m->child[0], VDEV_DTL_MISSING));
    pool_close(p);
    fixture_end(&f);
}

static void refusals(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "destroyed"))
        skip();
    assert_int_equal(fixture_import(&f, 0, &p), ZE_DESTROYED);
    assert_int_equal(fixture_import(&f, POOL_IMPORT_DESTROYED, &p), 0);
    pool_close(p);
    const struct nvlist *found;
    assert_int_equal(pool_candidates_find(f.found, "pdestroyed", false, &found), ZE_NOPOOL);
    assert_int_equal(pool_candidates_find(f.found, "pdestroyed", true, &found), 0);
    fixture_end(&f);
    assert_true(fixture_pool(&f, "mirror2"));
    struct pool_import_args args = {0};
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, NULL, NULL, &p), ZE_NOTYET);
    args = (struct pool_import_args){.flags = POOL_IMPORT_READONLY, .new_name = "mirror"};
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, NULL, NULL, &p), ZE_INVAL);
    assert_string_equal(err_detail(), "name is reserved");
    args.new_name = "other";
    AUTO_NVLIST struct nvlist *props = NULL;
    assert_int_equal(nvlist_create(&props), 0);
    nvlist_add_string(props, "bogus", "1");
    args.props = props;
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, NULL, NULL, &p), ZE_BADPROP);
    nvlist_remove(props, "bogus");
    args.altroot = "/mnt/alt";
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, NULL, NULL, &p), 0);
    assert_string_equal(p->name, "other");
    assert_string_equal(p->disk_name, "pmirror2");
    assert_string_equal(p->cachefile, "none");
    pool_close(p);
    fixture_end(&f);
}

static void another_hosts_pool_needs_force(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "zil-dirty")) /* never exported */
        skip();
    f.env.hostid = 1;
    assert_int_equal(fixture_import(&f, 0, &p), ZE_HOSTID);
    assert_int_equal(fixture_import(&f, POOL_IMPORT_FORCE, &p), 0);
    uint32_t owner = (uint32_t)nvlist_u64(p->config, "hostid", 0);
    assert_int_not_equal(owner, 0);
    pool_close(p);
    f.env.hostid = owner;
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    pool_close(p);
    fixture_end(&f);
}

static void uberblock_and_labels_of_one_disk_suffice(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_pool(&f, "mirror2"))
        skip();
    fixture_poke(&f, "d0", 0, 0, 512 << 10);                        /* L0 and L1 of d0 */
    fixture_poke(&f, "d1", (64 << 20) - (512 << 10), 0, 512 << 10); /* L2 and L3 of d1 */
    fixture_rescan(&f);
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    assert_int_equal(p->ub.txg, 588);
    assert_string_equal(pool_health(p), "ONLINE");
    pool_close(p);
    fixture_poke(&f, "d0", (64 << 20) - (512 << 10), 0, 512 << 10); /* nothing left on d0 */
    fixture_rescan(&f);
    assert_int_equal(fixture_import(&f, 0, &p), 0);
    assert_string_equal(pool_health(p), "DEGRADED");
    pool_close(p);
    fixture_end(&f);
}

/* Written on SPARC, or on both: every integer on disk has the other order. */
static void big_endian_pools_open(void **state)
{
    static const struct {
        const char *images, *name, *health;
        uint64_t version, txg;
        unsigned history;
    } pools[] = {
        {"zfs-pool-v1raidz1 zfs-pool-v1raidz2 zfs-pool-v1raidz3", "pool-v1raidz", "ONLINE", 1, 55,
         0},
        {"zfs-pool-v2mirror1 zfs-pool-v2mirror2 zfs-pool-v2mirror3", "pool-v2mirror", "ONLINE", 2,
         12, 0},
        {"zfs-pool-v9", "v9-pool", "ONLINE", 9, 8, 2},
        {"zfs-pool-v10", "v10-pool", "ONLINE", 10, 14, 3},
        {"zfs-pool-v15", "v15-pool", "ONLINE", 15, 21, 4},
        {"zfs-broken-mirror1 zfs-broken-mirror2", "zfs-broken-mirror", "DEGRADED", 2, 7, 0},
    };
    for (size_t i = 0; i < array_len(pools); i++) {
        struct fixture f;
        struct pool *p;
        unsigned records = 0;
        if (!fixture_upstream(&f, "cli_root_zpool_upgrade_blockfiles", pools[i].images))
            skip();
        assert_int_equal(fixture_import(&f, 0, &p), 0);
        assert_string_equal(p->name, pools[i].name);
        assert_string_equal(pool_health(p), pools[i].health);
        assert_int_equal(p->version, pools[i].version);
        assert_int_equal(p->ub.txg, pools[i].txg);
        assert_int_equal(pool_history_each(p, count_record, &records), 0);
        assert_int_equal(records, pools[i].history);
        pool_close(p);
        fixture_end(&f);
    }
}

static void unknown_version_is_refused(void **state)
{
    struct fixture f;
    struct pool *p;
    if (!fixture_upstream(&f, "cli_root_zpool_upgrade_blockfiles", "zfs-pool-v999"))
        skip();
    assert_int_equal(fixture_import(&f, 0, &p), ZE_VERSION);
    AUTO_NVLIST struct nvlist *shown = NULL;
    const uint64_t *stats;
    size_t n;
    assert_int_equal(pool_try_import(&f.env, f.found->config[0], &shown), 0);
    assert_int_equal(
        nvlist_lookup_u64_array(nvlist_child(shown, "vdev_tree"), "vdev_stats", &stats, &n), 0);
    assert_int_equal(stats[VDEV_STAT_AUX], VDEV_AUX_VERSION_NEWER);
    fixture_end(&f);
}

static void events_tell_of_import_and_damage(void **state)
{
    struct fixture f;
    struct pool *p;
    struct pool_events *ev;
    if (!fixture_pool(&f, "mirror2"))
        skip();
    assert_int_equal(pool_events_create(&f.env, &ev), 0);
    /* all of one side but its labels: the other side answers */
    fixture_poke(&f, "d0", 4 << 20, 0xaa, (64 << 20) - (4 << 20) - (512 << 10));
    struct pool_import_args args = {.flags = POOL_IMPORT_READONLY};
    assert_int_equal(pool_import(&f.env, f.found->config[0], &args, ev, NULL, &p), 0);
    unsigned checksum = 0, import = 0;
    uint64_t eid = 0;
    struct nvlist *nv;
    while (pool_events_next(ev, eid, &nv, NULL) == 0) {
        const char *class_name = nvlist_string(nv, "class", "");
        checksum += strcmp(class_name, "ereport.fs.zfs.checksum") == 0;
        import += strcmp(class_name, "sysevent.fs.zfs.pool_import") == 0;
        eid = nvlist_u64(nv, "eid", 0);
        nvlist_free(nv);
    }
    assert_int_equal(import, 1);
    /* Events also tell of the tree that was opened before the trusted one. */
    uint64_t counted = vdev_tree_top(p->vdevs, 0)->child[0]->stats.checksum_errors;
    assert_true(counted > 0);
    assert_true(checksum >= counted);
    AUTO_NVLIST struct nvlist *config = NULL;
    assert_int_equal(pool_config_generate(p, &config), 0);
    assert_int_equal(nvlist_u64(config, "error_count", 9), 0);
    pool_close(p);
    assert_true(pool_events_clear(ev) > 0);
    assert_int_equal(pool_events_next(ev, 0, &nv, NULL), ZE_NOENT);
    pool_events_destroy(ev);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_pool_opens),
        cmocka_unit_test(properties_are_those_of_openzfs),
        cmocka_unit_test(vdev_properties_are_those_of_openzfs),
        cmocka_unit_test(checkpoint_is_rewound_to),
        cmocka_unit_test(rewinds_past_a_damaged_root),
        cmocka_unit_test(one_missing_disk_of_raidz_is_tolerated),
        cmocka_unit_test(missing_half_of_a_stripe_is_refused),
        cmocka_unit_test(missing_log_needs_permission),
        cmocka_unit_test(stale_mirror_side_is_known),
        cmocka_unit_test(refusals),
        cmocka_unit_test(another_hosts_pool_needs_force),
        cmocka_unit_test(uberblock_and_labels_of_one_disk_suffice),
        cmocka_unit_test(big_endian_pools_open),
        cmocka_unit_test(unknown_version_is_refused),
        cmocka_unit_test(events_tell_of_import_and_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
