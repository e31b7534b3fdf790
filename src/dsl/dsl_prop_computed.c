/* SPDX-License-Identifier: MIT */
/*
 * Properties that are not in a property ZAP: figures and identities of the DSL objects, the master
 * node of a file system, the objects of a volume, the encryption key object
 * (format/dsl.md 9.1, 10.3). One row a property; a property that has no value for a dataset is
 * simply not added.
 */
#include "dsl/dsl_impl.h"

#include <string.h>

#include "dsl/crypt_keys.h"
#include "dsl/prop_table.h"
#include "dsl/resume_token.h"

#define MASTER_NODE_OBJECT 1
#define ZVOL_DATA_OBJECT   1
#define ZVOL_PROP_OBJECT   2

struct computed {
    struct dsl_dataset *ds;
    const char *name;
    enum dataset_kind kind;
    struct nvlist *props;
};

static int add_u64(const struct computed *c, uint64_t v)
{
    return dsl_prop_entry(c->props, c->name, v, NULL, "");
}

static int add_string(const struct computed *c, const char *v)
{
    return dsl_prop_entry(c->props, c->name, 0, v, "");
}

static uint64_t ratio(uint64_t uncompressed, uint64_t compressed)
{
    return compressed == 0 ? 100 : (uint64_t)((__uint128_t)uncompressed * 100 / compressed);
}

/* ---- straight from the phys structures ---- */

static int get_type(const struct computed *c)
{
    return add_string(c, c->kind == DATASET_SNAPSHOT ? "snapshot"
                         : c->kind == DATASET_VOLUME ? "volume"
                                                     : "filesystem");
}

static int get_phys(const struct computed *c)
{
    const struct dsl_dataset_phys *ds = &c->ds->phys;
    const struct dsl_dir_phys *dd = &c->ds->dir->phys;
    bool snap = c->kind == DATASET_SNAPSHOT;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"creation", ds->creation_time},
        {"used", snap ? ds->unique_bytes : dd->used_bytes},
        {"referenced", ds->referenced_bytes},
        {"compressratio", snap ? ratio(ds->uncompressed_bytes, ds->compressed_bytes)
                               : ratio(dd->uncompressed_bytes, dd->compressed_bytes)},
        {"refcompressratio", ratio(ds->uncompressed_bytes, ds->compressed_bytes)},
        {"createtxg", ds->creation_txg},
        {"guid", ds->guid},
        {"unique", ds->unique_bytes},
        {"objsetid", c->ds->object},
        {"logicalused", dd->uncompressed_bytes},
        {"logicalreferenced", ds->uncompressed_bytes},
        {"inconsistent", dsl_dataset_is_inconsistent(c->ds)},
        {"numclones", ds->num_children - 1},
        {"defer_destroy", (ds->flags & DSL_DATASET_FLAG_DEFER_DESTROY) != 0},
    };

    for (size_t i = 0; i < array_len(rows); i++) {
        if (strcmp(rows[i].name, c->name) == 0)
            return add_u64(c, rows[i].value);
    }
    return 0;
}

static int get_usedby(const struct computed *c)
{
    const struct dsl_dir_phys *dd = &c->ds->dir->phys;

    if ((dd->flags & DSL_DIR_FLAG_USED_BREAKDOWN) == 0)
        return 0;
    if (strcmp(c->name, "usedbysnapshots") == 0)
        return add_u64(c, dd->used_breakdown[DSL_DIR_USED_SNAP]);
    if (strcmp(c->name, "usedbydataset") == 0)
        return add_u64(c, dd->used_breakdown[DSL_DIR_USED_HEAD]);
    if (strcmp(c->name, "usedbyrefreservation") == 0)
        return add_u64(c, dd->used_breakdown[DSL_DIR_USED_REFRSRV]);
    return add_u64(c, dd->used_breakdown[DSL_DIR_USED_CHILD] +
                          dd->used_breakdown[DSL_DIR_USED_CHILD_RSRV]);
}

static int get_available(const struct computed *c)
{
    uint64_t avail, refquota = 0, refres = 0;
    const struct dsl_dataset_phys *ds = &c->ds->phys;
    int err = dsl_dir_available(c->ds->dir, &avail);

    if (err != 0)
        return err;
    (void)dsl_prop_u64(c->ds, "refreservation", &refres, NULL, 0);
    if (c->kind == DATASET_FILESYSTEM)
        (void)dsl_prop_u64(c->ds, "refquota", &refquota, NULL, 0);
    if (refres > ds->unique_bytes)
        avail += refres - ds->unique_bytes;
    if (refquota != 0)
        avail =
            ds->referenced_bytes >= refquota ? 0 : min_of(avail, refquota - ds->referenced_bytes);
    return add_u64(c, avail);
}

static int get_written(const struct computed *c)
{
    AUTO_DATASET struct dsl_dataset *prev = NULL;
    uint64_t used;
    int err;

    if (c->ds->phys.prev_snap_obj == 0)
        return 0;
    if (c->ds->phys.prev_snap_obj == c->ds->dp->origin_snap_obj)
        return add_u64(c, c->ds->phys.referenced_bytes);
    err = dsl_dataset_hold_object(c->ds->dp, c->ds->phys.prev_snap_obj, &prev);
    if (err == 0)
        err = dsl_space_written(prev, c->ds, &used);
    return err != 0 ? err : add_u64(c, used);
}

/* ---- relations ---- */

static int add_dataset_name(const struct computed *c, uint64_t object)
{
    AUTO_DATASET struct dsl_dataset *other = NULL;
    char name[DATASET_NAME_MAX];
    int err = dsl_dataset_hold_object(c->ds->dp, object, &other);

    if (err != 0)
        return err;
    dsl_dataset_name(other, name);
    return add_string(c, name);
}

static int get_origin(const struct computed *c)
{
    uint64_t origin = c->ds->dir->phys.origin_obj;

    return origin == 0 || origin == c->ds->dp->origin_snap_obj ? 0 : add_dataset_name(c, origin);
}

static int get_prevsnap(const struct computed *c)
{
    uint64_t prev = c->ds->phys.prev_snap_obj;

    return prev == 0 || prev == c->ds->dp->origin_snap_obj ? 0 : add_dataset_name(c, prev);
}

/* Comma list of the datasets cloned from a snapshot, in the order of the next_clones ZAP. */
static int get_clones(const struct computed *c)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct dsl_pool *dp = c->ds->dp;
    char *list AUTO_FREE = NULL;
    struct zap_cursor cur;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    if (c->ds->phys.next_clones_obj == 0)
        return 0;
    err = zap_open(dp->mos, c->ds->phys.next_clones_obj, &zap);
    if (err != 0)
        return err;
    if (zap_count(zap) != c->ds->phys.num_children - 1) {
        zap_close(zap);
        return 0;
    }
    zap_cursor_init(&cur, zap);
    while ((err = zap_cursor_next(&cur, e)) == 0) {
        struct dsl_dataset_phys ds;
        AUTO_DIR struct dsl_dir *dd = NULL;
        char name[DATASET_NAME_MAX];
        char *longer;

        err = dsl_bonus_read(dp->mos, e->first, OBJTYPE_DSL_DATASET, 320, &ds, sizeof(ds), NULL);
        err = err != 0 ? err : dsl_dir_hold(dp, ds.dir_obj, &dd);
        if (err != 0)
            break;
        dsl_dir_name(dd, name);
        longer = mem_printf("%s%s%s", list != NULL ? list : "", list != NULL ? "," : "", name);
        if (longer == NULL) {
            err = ZE_NOMEM;
            break;
        }
        free(list);
        list = longer;
    }
    zap_cursor_fini(&cur);
    zap_close(zap);
    if (err != ZE_NOENT)
        return err;
    return list != NULL ? add_string(c, list) : 0;
}

static int get_userrefs(const struct computed *c)
{
    struct zap *zap;
    uint64_t n;
    int err;

    if (c->ds->phys.userrefs_obj == 0)
        return add_u64(c, 0);
    err = zap_open(c->ds->dp->mos, c->ds->phys.userrefs_obj, &zap);
    if (err != 0)
        return err;
    n = zap_count(zap);
    zap_close(zap);
    return add_u64(c, n);
}

/* ---- attributes in the ZAPs of the DSL objects ---- */

static int add_attr(const struct computed *c, bool of_dir, const char *key)
{
    uint64_t v;
    int err = of_dir ? dsl_dir_attr(c->ds->dir, key, &v) : dsl_dataset_attr(c->ds, key, &v);

    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : add_u64(c, v);
}

static int get_counts(const struct computed *c)
{
    return add_attr(c, true,
                    strcmp(c->name, "filesystem_count") == 0 ? "com.joyent:filesystem_count"
                                                             : "com.joyent:snapshot_count");
}

static int get_snapshots_changed(const struct computed *c)
{
    uint64_t when[2];
    struct zap *zap;
    int err;

    if (!c->ds->dir->zapified)
        return 0;
    err = zap_open(c->ds->dp->mos, c->ds->dir->object, &zap);
    if (err != 0)
        return err;
    err = zap_lookup(zap, "com.ixsystems:snapshots_changed", 8, 2, when, NULL);
    zap_close(zap);
    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : add_u64(c, when[0]);
}

static int get_ivset(const struct computed *c)
{
    return add_attr(c, false, "com.datto:ivset_guid");
}

static int get_redacted(const struct computed *c)
{
    uint64_t n = 0;
    unsigned size;
    struct zap *zap;
    int err;

    if (!c->ds->zapified)
        return 0;
    err = zap_open(c->ds->dp->mos, c->ds->object, &zap);
    if (err != 0)
        return err;
    err = zap_length(zap, "com.delphix:redacted_datasets", &size, &n);
    if (err == 0 && strcmp(c->name, "redacted") == 0)
        err = add_u64(c, 1);
    else if (err == 0 && size == 8 && n <= 4096) {
        uint64_t *guids AUTO_FREE = mem_calloc(n + 1, 8);
        struct nvlist *nv = NULL;

        err = guids == NULL ? ZE_NOMEM
                            : zap_lookup(zap, "com.delphix:redacted_datasets", 8, n, guids, NULL);
        err = err != 0 ? err : nvlist_create(&nv);
        err = err != 0 ? err : nvlist_add_u64_array(nv, "value", guids, n);
        err = err != 0 ? err : nvlist_add_string(nv, "source", "");
        if (err != 0)
            nvlist_free(nv);
        else
            err = nvlist_take_nvlist(c->props, c->name, nv);
    }
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static int get_resume_token(const struct computed *c)
{
    char *token AUTO_FREE = NULL;
    int err = resume_token_make(c->ds, &token);

    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : add_string(c, token);
}

/* ---- in the object set ---- */

/* The dataset's object set; without its key one of its own that shows what is not encrypted. */
struct readable {
    struct objset *os;
    bool own;
};

static int readable_open(const struct computed *c, struct readable *r)
{
    const struct dsl_dataset *ds = c->ds;
    uint64_t keyobj = ds->dir->crypto_key_obj;

    r->own = keyobj != 0 && !dsl_keystore_is_loaded(ds->dp->keystore, keyobj);
    if (r->own)
        return objset_open(ds->dp->zp, ds->object, &ds->phys.bp, OBJSET_RAW, &r->os);
    return dsl_dataset_objset(c->ds, &r->os);
}

static void readable_close(struct readable *r)
{
    if (r->own && r->os != NULL)
        objset_close(r->os);
}
#define AUTO_READABLE __attribute__((cleanup(readable_close)))

/*
 * Settings in the master node of a file system. A set value is the dataset's own; a missing one is
 * the default. The master node is not encrypted.
 */
static int get_master(const struct computed *c)
{
    const struct prop_def *def = prop_find(c->name);
    const char *key = strcmp(c->name, "version") == 0 ? "VERSION" : c->name;
    AUTO_READABLE struct readable r = {NULL, false};
    struct objset *os;
    uint64_t v = 0;
    int err = readable_open(c, &r);

    os = r.os;
    if (err != 0)
        return err == ZE_NOKEY ? 0 : err;
    if (dsl_dataset_is_inconsistent(c->ds)) /* partly received */
        return 0;
    if (objset_type(os) != OBJSET_TYPE_ZFS)
        return 0;
    err = zap_get_u64(os, MASTER_NODE_OBJECT, key, &v);
    if (err == ZE_NOENT) {
        v = strcmp(c->name, "version") == 0 ? 5 : 0;
        err = 0;
    }
    if (err != 0)
        return err == ZE_NOKEY ? 0 : err;
    return def != NULL ? add_u64(c, v) : 0;
}

static int get_volume(const struct computed *c)
{
    AUTO_READABLE struct readable r = {NULL, false};
    struct objset *os;
    uint64_t v;
    int err = readable_open(c, &r);

    os = r.os;
    if (err != 0 || objset_type(os) != OBJSET_TYPE_ZVOL)
        return err == ZE_NOKEY ? 0 : err;
    if (strcmp(c->name, "volsize") == 0) {
        err = zap_get_u64(os, ZVOL_PROP_OBJECT, "size", &v);
    } else {
        struct dnode *dn;

        err = dnode_hold(os, ZVOL_DATA_OBJECT, &dn);
        if (err == 0) {
            v = dnode_blksz(dn);
            dnode_rele(dn);
        }
    }
    if (err == ZE_NOKEY)
        return 0;
    return err != 0 ? err : add_u64(c, v);
}

static int get_useraccounting(const struct computed *c)
{
    struct objset *os;

    if (dsl_dataset_objset(c->ds, &os) != 0)
        return 0;
    return add_u64(c, (objset_phys(os)->flags & OBJSET_FLAG_USERACCOUNTING) != 0);
}

/* ---- encryption ---- */

static int get_encryption(const struct computed *c)
{
    uint64_t keyobj = c->ds->dir->crypto_key_obj, root_obj;
    AUTO_DIR struct dsl_dir *root = NULL;
    struct dsl_pool *dp = c->ds->dp;
    char name[DATASET_NAME_MAX];
    int err;

    if (keyobj == 0) {
        if (strcmp(c->name, "encryption") == 0)
            return add_u64(c, 2);
        return strcmp(c->name, "keyformat") == 0 || strcmp(c->name, "pbkdf2iters") == 0
                   ? add_u64(c, 0)
                   : 0;
    }
    if (strcmp(c->name, "encryption") == 0) {
        err = zap_get_u64(dp->mos, keyobj, "DSL_CRYPTO_SUITE", &root_obj);
        return err != 0 ? err : add_u64(c, root_obj);
    }
    if (strcmp(c->name, "keyguid") == 0) {
        err = zap_get_u64(dp->mos, keyobj, "DSL_CRYPTO_GUID", &root_obj);
        return err != 0 ? err : add_u64(c, root_obj);
    }
    if (strcmp(c->name, "keystatus") == 0)
        return add_u64(c, dsl_keystore_is_loaded(dp->keystore, keyobj) ? 2 : 1);
    if (strcmp(c->name, "encryptionroot") == 0) {
        err = zap_get_u64(dp->mos, keyobj, "DSL_CRYPTO_ROOT_DDOBJ", &root_obj);
        err = err != 0 ? err : dsl_dir_hold(dp, root_obj, &root);
        if (err != 0)
            return err;
        dsl_dir_name(root, name);
        return add_string(c, name);
    }
    err = zap_get_u64(dp->mos, keyobj, c->name, &root_obj);
    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : add_u64(c, root_obj);
}

static const struct {
    const char *name;
    int (*get)(const struct computed *c);
} computed_table[] = {
    {"type", get_type},
    {"creation", get_phys},
    {"used", get_phys},
    {"available", get_available},
    {"referenced", get_phys},
    {"compressratio", get_phys},
    {"origin", get_origin},
    {"volsize", get_volume},
    {"volblocksize", get_volume},
    {"createtxg", get_phys},
    {"numclones", get_phys},
    {"version", get_master},
    {"utf8only", get_master},
    {"normalization", get_master},
    {"casesensitivity", get_master},
    {"guid", get_phys},
    {"usedbysnapshots", get_usedby},
    {"usedbydataset", get_usedby},
    {"usedbychildren", get_usedby},
    {"usedbyrefreservation", get_usedby},
    {"useraccounting", get_useraccounting},
    {"defer_destroy", get_phys},
    {"userrefs", get_userrefs},
    {"unique", get_phys},
    {"objsetid", get_phys},
    {"refcompressratio", get_phys},
    {"written", get_written},
    {"clones", get_clones},
    {"logicalused", get_phys},
    {"logicalreferenced", get_phys},
    {"inconsistent", get_phys},
    {"filesystem_count", get_counts},
    {"snapshot_count", get_counts},
    {"prevsnap", get_prevsnap},
    {"receive_resume_token", get_resume_token},
    {"encryption", get_encryption},
    {"keyformat", get_encryption},
    {"pbkdf2salt", get_encryption},
    {"pbkdf2iters", get_encryption},
    {"encryptionroot", get_encryption},
    {"keyguid", get_encryption},
    {"keystatus", get_encryption},
    {"ivsetguid", get_ivset},
    {"redacted", get_redacted},
    {"redact_snaps", get_redacted},
    {"snapshots_changed", get_snapshots_changed},
    {"defaultuserquota", get_master},
    {"defaultgroupquota", get_master},
    {"defaultprojectquota", get_master},
    {"defaultuserobjquota", get_master},
    {"defaultgroupobjquota", get_master},
    {"defaultprojectobjquota", get_master},
};

static int one(struct computed *c, const char *name)
{
    const struct prop_def *def = prop_find(name);

    if (def == NULL) {
        uint64_t used;

        if (strncmp(name, "written@", 8) != 0 && strncmp(name, "written#", 8) != 0)
            return 0;
        c->name = name;
        if (dsl_space_written_since(c->ds, name + 7, &used) != 0)
            return 0; /* not an ancestor, or gone: no value */
        return add_u64(c, used);
    }
    if (!dsl_prop_applies(c->ds, def))
        return 0;
    for (size_t i = 0; i < array_len(computed_table); i++) {
        if (strcmp(computed_table[i].name, name) == 0) {
            c->name = computed_table[i].name;
            return computed_table[i].get(c);
        }
    }
    return 0;
}

int dsl_props_computed(struct dsl_dataset *ds, const char *const *names, size_t n,
                       struct nvlist *props)
{
    struct computed c = {.ds = ds, .kind = dsl_dataset_kind(ds), .props = props};
    int err = 0;

    if (names == NULL) {
        for (size_t i = 0; err == 0 && i < array_len(computed_table); i++)
            err = one(&c, computed_table[i].name);
        return err;
    }
    for (size_t i = 0; err == 0 && i < n; i++)
        err = one(&c, names[i]);
    return err;
}
