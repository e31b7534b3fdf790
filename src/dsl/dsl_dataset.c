/* SPDX-License-Identifier: MIT */
/* Datasets: heads and snapshots (format/dsl.md, "3. dsl_dataset object"), by name and by object. */
#include "dsl/crypt_keys.h"
#include "dsl/dsl_impl.h"

#include <stdlib.h>
#include <string.h>

static struct dsl_dataset **bucket_of(struct dsl_pool *dp, uint64_t object)
{
    return &dp->datasets[object % DSL_TABLE_BUCKETS];
}

static struct dsl_dataset *find_locked(struct dsl_pool *dp, uint64_t object)
{
    for (struct dsl_dataset *ds = *bucket_of(dp, object); ds != NULL; ds = ds->hash_next) {
        if (ds->object == object) {
            ds->refs++;
            return ds;
        }
    }
    return NULL;
}

struct snap_search {
    uint64_t object;
    char *name;
};

static int snap_name_by_object(void *arg, const char *short_name, uint64_t dsobj,
                               uint64_t createtxg)
{
    struct snap_search *s = arg;

    if (dsobj != s->object)
        return 0;
    snprintf(s->name, DATASET_NAME_MAX, "%s", short_name);
    return 1;
}

static int snapnames_each(struct dsl_pool *dp, uint64_t zapobj,
                          int (*fn)(void *arg, const char *name, uint64_t dsobj,
                                    uint64_t createtxg),
                          void *arg)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = zap_open(dp->mos, zapobj, &zap);
    if (err != 0)
        return err_context(err, "snapshot names %llu: ", (unsigned long long)zapobj);
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size != 8 || e->count < 1 || e->name_len >= DATASET_NAME_MAX) {
            err = err_raise(ZE_BADDSL, "snapshot names %llu: malformed entry",
                            (unsigned long long)zapobj);
            break;
        }
        err = fn(arg, e->name, e->first, 0);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

/* A snapshot's name is only in the snapshot map of its directory's head. */
static int find_snap_name(struct dsl_dir *dir, uint64_t object, char name[DATASET_NAME_MAX])
{
    struct snap_search s = {object, name};
    struct dsl_dataset_phys head;
    int err = dsl_bonus_read(dir->dp->mos, dir->phys.head_dataset_obj, OBJTYPE_DSL_DATASET, 320,
                             &head, sizeof(head), NULL);

    if (err != 0)
        return err;
    err = snapnames_each(dir->dp, head.snapnames_zapobj, snap_name_by_object, &s);
    if (err < 0)
        return err;
    if (err == 0)
        return err_raise(ZE_BADDSL, "snapshot %llu has no name in directory %llu",
                         (unsigned long long)object, (unsigned long long)dir->object);
    return 0;
}

static int load_locked(struct dsl_pool *dp, uint64_t object, const char *snap_name,
                       struct dsl_dataset **out)
{
    struct dsl_dataset *ds = mem_zalloc(sizeof(*ds));
    struct dsl_dataset **bucket = bucket_of(dp, object);
    unsigned type = 0;
    int err = ds == NULL ? ZE_NOMEM : 0;

    if (err == 0)
        err = dsl_bonus_read(dp->mos, object, OBJTYPE_DSL_DATASET, 320, &ds->phys, sizeof(ds->phys),
                             &type);
    if (err == 0 && type != OBJTYPE_DSL_DATASET && type != OBJTYPE_ZAP_METADATA)
        err = err_raise(ZE_BADDSL, "dataset %llu has object type %u", (unsigned long long)object,
                        type);
    if (err == 0)
        err = dsl_dir_hold_locked(dp, ds->phys.dir_obj, &ds->dir);
    if (err == 0 && ds->phys.next_snap_obj != 0) {
        if (snap_name != NULL)
            snprintf(ds->snap_name, sizeof(ds->snap_name), "%s", snap_name);
        else
            err = find_snap_name(ds->dir, object, ds->snap_name);
    } else if (err == 0 && snap_name != NULL) {
        err =
            err_raise(ZE_BADDSL, "dataset %llu is named as snapshot '%s' but has no next snapshot",
                      (unsigned long long)object, snap_name);
    }
    if (err != 0) {
        if (ds != NULL && ds->dir != NULL)
            dsl_dir_rele_locked(ds->dir);
        free(ds);
        return err;
    }
    ds->dp = dp;
    ds->object = object;
    ds->zapified = type == OBJTYPE_ZAP_METADATA;
    ds->refs = 1;
    mutex_init(&ds->lock, RANK_DSL_DATASET);
    ds->hash_next = *bucket;
    *bucket = ds;
    *out = ds;
    return 0;
}

static int hold_locked(struct dsl_pool *dp, uint64_t object, const char *snap_name,
                       struct dsl_dataset **out)
{
    *out = find_locked(dp, object);
    if (*out != NULL)
        return 0;
    return load_locked(dp, object, snap_name, out);
}

int dsl_dataset_hold_object(struct dsl_pool *dp, uint64_t dsobj, struct dsl_dataset **out)
{
    MUTEX_GUARD(&dp->lock);

    return hold_locked(dp, dsobj, NULL, out);
}

void dsl_dataset_hold_again(struct dsl_dataset *ds)
{
    MUTEX_GUARD(&ds->dp->lock);

    ds->refs++;
}

void dsl_dataset_rele(struct dsl_dataset *ds)
{
    struct dsl_pool *dp = ds->dp;
    struct objset *os = NULL;
    uint64_t attached = 0;

    mutex_lock(&dp->lock);
    if (--ds->refs == 0) {
        struct dsl_dataset **at = bucket_of(dp, ds->object);

        while (*at != ds)
            at = &(*at)->hash_next;
        *at = ds->hash_next;
        os = ds->os;
        attached = ds->key_attached ? ds->object : 0;
        dsl_dir_rele_locked(ds->dir);
        mutex_destroy(&ds->lock);
        free(ds);
    }
    mutex_unlock(&dp->lock);
    if (os != NULL)
        objset_close(os);
    if (attached != 0)
        dsl_keystore_detach(dp->keystore, attached);
}

/* Directory of "a/b/c" (len bytes), pool name included. */
static int dir_by_name_locked(struct dsl_pool *dp, const char *name, size_t len,
                              struct dsl_dir **out)
{
    size_t pool_len = strlen(dp->name);
    struct dsl_dir *dd, *child;
    size_t at = pool_len;
    int err;

    if (len < pool_len || memcmp(name, dp->name, pool_len) != 0 ||
        (len > pool_len && name[pool_len] != '/'))
        return err_raise(ZE_NODATASET, "'%.*s' is not in pool '%s'", (int)len, name, dp->name);
    err = dsl_dir_hold_locked(dp, dp->root_dir_obj, &dd);
    while (err == 0 && at < len) {
        size_t start = at + 1, end = start;

        while (end < len && name[end] != '/')
            end++;
        if (end == start) {
            err = err_raise(ZE_BADNAME, "'%.*s' has an empty component", (int)len, name);
            child = NULL;
        } else {
            err = dsl_dir_child_locked(dd, name + start, end - start, &child);
        }
        dsl_dir_rele_locked(dd);
        if (err != 0)
            return err;
        dd = child;
        at = end;
    }
    if (err == 0)
        *out = dd;
    return err;
}

static int snap_by_name_locked(struct dsl_pool *dp, struct dsl_dataset *head, const char *snap,
                               struct dsl_dataset **out)
{
    char real[DATASET_NAME_MAX];
    struct zap *zap;
    uint64_t object;
    unsigned match =
        head->phys.flags & DSL_DATASET_FLAG_CI ? ZAP_MATCH_NORMALIZED : ZAP_MATCH_EXACT;
    int err = zap_open(dp->mos, head->phys.snapnames_zapobj, &zap);

    if (err != 0)
        return err;
    err = zap_lookup_match(zap, snap, match, 8, 1, &object, real, sizeof(real), NULL);
    zap_close(zap);
    if (err == ZE_NOENT)
        return err_raise(ZE_NODATASET, "no snapshot '%s'", snap);
    if (err != 0)
        return err;
    return hold_locked(dp, object, match == ZAP_MATCH_EXACT ? snap : real, out);
}

/* *spare: a hold the caller drops once dp->lock is free (the head of a snapshot). */
static int hold_name_locked(struct dsl_pool *dp, const char *name, struct dsl_dataset **out,
                            struct dsl_dataset **spare)
{
    const char *at = strchr(name, '@');
    size_t len = at != NULL ? (size_t)(at - name) : strlen(name);
    struct dsl_dataset *head = NULL;
    struct dsl_dir *dd = NULL;
    int err = dir_by_name_locked(dp, name, len, &dd);

    if (err != 0)
        return err;
    if (dd->phys.head_dataset_obj == 0)
        err = err_raise(ZE_NODATASET, "'%s' has no dataset", name);
    else
        err = hold_locked(dp, dd->phys.head_dataset_obj, NULL, &head);
    if (err == 0 && (head->dir != dd || dsl_dataset_is_snapshot(head))) {
        *spare = head;
        err = err_raise(ZE_BADDSL, "dataset %llu is not the head of directory %llu",
                        (unsigned long long)head->object, (unsigned long long)dd->object);
    }
    dsl_dir_rele_locked(dd);
    if (err != 0)
        return err;
    if (at == NULL) {
        *out = head;
        return 0;
    }
    *spare = head;
    return snap_by_name_locked(dp, head, at + 1, out);
}

int dsl_dataset_hold(struct dsl_pool *dp, const char *name, struct dsl_dataset **out)
{
    struct dsl_dataset *spare = NULL;
    int err;

    if (strlen(name) >= DATASET_NAME_MAX)
        return err_raise(ZE_NAMETOOLONG, "dataset name of %zu bytes", strlen(name));
    if (strchr(name, '#') != NULL)
        return err_raise(ZE_WRONGTYPE, "'%s' is a bookmark", name);
    mutex_lock(&dp->lock);
    err = hold_name_locked(dp, name, out, &spare);
    mutex_unlock(&dp->lock);
    if (err == 0 && spare != NULL &&
        ((*out)->dir != spare->dir || !dsl_dataset_is_snapshot(*out))) {
        err = err_raise(ZE_BADDSL, "dataset %llu is not a snapshot of dataset %llu",
                        (unsigned long long)(*out)->object, (unsigned long long)spare->object);
        dsl_dataset_rele(*out);
        *out = NULL;
    }
    if (spare != NULL)
        dsl_dataset_rele(spare);
    return err;
}

void dsl_dataset_name(struct dsl_dataset *ds, char name[DATASET_NAME_MAX])
{
    size_t at;

    dsl_dir_name(ds->dir, name);
    at = strlen(name);
    if (ds->snap_name[0] != '\0' && at + 2 + strlen(ds->snap_name) <= DATASET_NAME_MAX) {
        name[at] = '@';
        strcpy(name + at + 1, ds->snap_name);
    }
}

struct dsl_pool *dsl_dataset_pool(struct dsl_dataset *ds)
{
    return ds->dp;
}

uint64_t dsl_dataset_object(const struct dsl_dataset *ds)
{
    return ds->object;
}

uint64_t dsl_dataset_dir_object(const struct dsl_dataset *ds)
{
    return ds->dir->object;
}

const struct dsl_dataset_phys *dsl_dataset_phys(const struct dsl_dataset *ds)
{
    return &ds->phys;
}

const struct dsl_dir_phys *dsl_dataset_dir_phys(const struct dsl_dataset *ds)
{
    return &ds->dir->phys;
}

bool dsl_dataset_is_snapshot(const struct dsl_dataset *ds)
{
    return ds->phys.next_snap_obj != 0;
}

bool dsl_dataset_is_inconsistent(const struct dsl_dataset *ds)
{
    return (ds->phys.flags & DSL_DATASET_FLAG_INCONSISTENT) != 0;
}

/* Encrypted: make the key findable for reads; with the key loaded, check the root block's MACs
 * once. */
static int prepare_key(struct dsl_dataset *ds)
{
    struct dsl_keystore *ks = ds->dp->keystore;
    char name[DATASET_NAME_MAX];
    int err = 0;

    if (ds->dir->crypto_key_obj == 0 || ds->macs_checked)
        return 0;
    if (!ds->key_attached) {
        err = dsl_keystore_attach(ks, ds->object, ds->dir->crypto_key_obj);
        ds->key_attached = err == 0;
    }
    if (err == 0)
        err = dsl_keystore_verify(ks, ds->object, &ds->phys.bp, &ds->macs_checked);
    if (err == 0)
        return 0;
    dsl_dataset_name(ds, name);
    return err_context(err, "dataset %s: ", name);
}

int dsl_dataset_objset(struct dsl_dataset *ds, struct objset **out)
{
    MUTEX_GUARD(&ds->lock);
    int err = prepare_key(ds);

    if (err != 0)
        return err;
    if (ds->os == NULL) {
        struct objset *os;

        err = objset_open(ds->dp->zp, ds->object, &ds->phys.bp, 0, &os);
        if (err != 0)
            return err;
        ds->os = os;
    }
    *out = ds->os;
    return 0;
}

/* The root block is readable without a key, so the type is known for locked datasets too. */
enum dataset_kind dsl_dataset_kind(struct dsl_dataset *ds)
{
    struct objset *os;

    if (dsl_dataset_is_snapshot(ds))
        return DATASET_SNAPSHOT;
    if (dsl_dataset_objset(ds, &os) == 0 && objset_type(os) == OBJSET_TYPE_ZVOL)
        return DATASET_VOLUME;
    return DATASET_FILESYSTEM;
}

int dsl_dataset_attr(struct dsl_dataset *ds, const char *key, uint64_t *value)
{
    if (!ds->zapified)
        return ZE_NOENT;
    return zap_get_u64(ds->dp->mos, ds->object, key, value);
}

/* ---- listings ---- */

struct named {
    char *name;
    uint64_t object, txg;
};
struct named_list {
    struct named *item;
    size_t n, cap;
};

static void named_list_free(struct named_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->item[i].name);
    free(l->item);
}
#define AUTO_NAMED __attribute__((cleanup(named_list_free)))

static int named_list_add(struct named_list *l, const char *name, uint64_t object)
{
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 32 : l->cap * 2;
        struct named *item = reallocarray(l->item, cap, sizeof(*item));

        if (item == NULL)
            return ZE_NOMEM;
        l->item = item;
        l->cap = cap;
    }
    l->item[l->n] = (struct named){mem_strdup(name), object, 0};
    if (l->item[l->n].name == NULL)
        return ZE_NOMEM;
    l->n++;
    return 0;
}

static int named_by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int named_by_txg(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    if (x->txg != y->txg)
        return x->txg < y->txg ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int collect(void *arg, const char *name, uint64_t dsobj, uint64_t createtxg)
{
    return named_list_add(arg, name, dsobj);
}

/*
 * Head of the directory a child map enters; both must point back, so that whoever descends from
 * head to head walks a tree. *head 0: a directory without dataset.
 */
static int child_head(struct dsl_dir *parent, const struct named *child, uint64_t *head)
{
    struct dsl_dir_phys dir;
    struct dsl_dataset_phys ds;
    struct objset *mos = parent->dp->mos;
    int err = dsl_bonus_read(mos, child->object, OBJTYPE_DSL_DIR, 256, &dir, sizeof(dir), NULL);

    if (err == 0 && dir.parent_obj != parent->object)
        err = err_raise(ZE_BADDSL, "its parent is %llu, not %llu",
                        (unsigned long long)dir.parent_obj, (unsigned long long)parent->object);
    *head = err == 0 ? dir.head_dataset_obj : 0;
    if (*head == 0)
        return err;
    err = dsl_bonus_read(mos, *head, OBJTYPE_DSL_DATASET, 320, &ds, sizeof(ds), NULL);
    if (err == 0 && (ds.dir_obj != child->object || ds.next_snap_obj != 0))
        err = err_raise(ZE_BADDSL, "dataset %llu is not its head", (unsigned long long)*head);
    return err;
}

int dsl_children_each(struct dsl_dataset *ds, bool hidden,
                      int (*fn)(void *arg, const char *name, uint64_t dsobj), void *arg)
{
    struct named_list AUTO_NAMED list = {0};
    int err = dsl_dataset_is_snapshot(ds)
                  ? 0
                  : snapnames_each(ds->dp, ds->dir->phys.child_dir_zapobj, collect, &list);

    if (err != 0)
        return err_context(err,
                           "children of directory %llu: ", (unsigned long long)ds->dir->object);
    if (list.n > 1)
        qsort(list.item, list.n, sizeof(*list.item), named_by_name);
    for (size_t i = 0; i < list.n; i++) {
        uint64_t head;

        if (!hidden && dsl_name_is_hidden(list.item[i].name))
            continue;
        err = child_head(ds->dir, &list.item[i], &head);
        if (err != 0)
            return err_context(err, "directory '%s': ", list.item[i].name);
        if (head == 0)
            continue;
        err = fn(arg, list.item[i].name, head);
        if (err != 0)
            return err;
    }
    return 0;
}

int dsl_snapshots_each(struct dsl_dataset *ds,
                       int (*fn)(void *arg, const char *short_name, uint64_t dsobj,
                                 uint64_t createtxg),
                       void *arg)
{
    struct named_list AUTO_NAMED list = {0};
    int err = dsl_dataset_is_snapshot(ds)
                  ? 0
                  : snapnames_each(ds->dp, ds->phys.snapnames_zapobj, collect, &list);

    for (size_t i = 0; err == 0 && i < list.n; i++) {
        struct dsl_dataset_phys phys;

        err = dsl_bonus_read(ds->dp->mos, list.item[i].object, OBJTYPE_DSL_DATASET, 320, &phys,
                             sizeof(phys), NULL);
        if (err == 0 && (phys.dir_obj != ds->dir->object || phys.next_snap_obj == 0))
            err = err_raise(ZE_BADDSL, "dataset %llu is listed as snapshot '%s' of %llu",
                            (unsigned long long)list.item[i].object, list.item[i].name,
                            (unsigned long long)ds->object);
        if (err == 0)
            list.item[i].txg = phys.creation_txg;
    }
    if (err != 0)
        return err;
    if (list.n > 1)
        qsort(list.item, list.n, sizeof(*list.item), named_by_txg);
    for (size_t i = 0; i < list.n; i++) {
        if (strchr(list.item[i].name, '%') != NULL)
            continue;
        err = fn(arg, list.item[i].name, list.item[i].object, list.item[i].txg);
        if (err != 0)
            return err;
    }
    return 0;
}
