/* SPDX-License-Identifier: MIT */
/*
 * Dataset keys: see crypt_keys.h. ks->lock (DSL_KEYS) serialises everything that changes the tables
 * and may be held while the MOS is read; ks->map_lock (a leaf) is taken inside it for the change
 * itself, and alone by readers.
 */
#include "dsl/crypt_keys.h"

#include <stdlib.h>

#include "dsl/dsl_impl.h"
#include "zio/arc.h"
#include "zio/crypt_block.h"

#define MAP_BUCKETS 256

/* A loaded wrapping key. */
struct key_root {
    struct key_root *next;
    uint64_t dir;
    uint8_t wrapping[CRYPT_WRAPPING_KEY_LEN];
};

/* A key object that attached datasets use. */
struct key_object {
    struct key_object *next;
    uint64_t object;
    unsigned datasets; /* attached */
    struct dsl_key_info info;
    struct crypt_key *key; /* NULL while the root's wrapping key is not loaded */
};

struct key_map {
    struct key_map *next;
    uint64_t dsobj;
    unsigned refs;
    struct key_object *object;
};

struct dsl_keystore {
    struct zio_keystore seam;
    struct dsl_pool *dp;
    struct mutex lock;
    struct rwlock map_lock;
    struct key_root *roots;
    struct key_object *objects;
    struct key_map *maps[MAP_BUCKETS];
};

/* ---- key objects ---- */

struct key_entry {
    const char *name;
    unsigned integer_size, count;
    void *value;
};

static int read_entry(struct zap *zap, uint64_t key_obj, const struct key_entry *e)
{
    uint64_t got = 0;
    int err = zap_lookup(zap, e->name, e->integer_size, e->count, e->value, &got);

    if (err == ZE_NOENT || err == ZE_INVAL || err == ZE_RANGE || (err == 0 && got != e->count))
        return err_raise(ZE_BADDSL, "key object %llu: %s is missing or has the wrong size",
                         (unsigned long long)key_obj, e->name);
    return err;
}

static int check_info(uint64_t key_obj, const struct dsl_key_info *k)
{
    bool passphrase = k->keyformat == CRYPT_KEYFORMAT_PASSPHRASE;

    if (k->wrapped.suite >= CRYPT_SUITE_COUNT)
        return err_raise(ZE_NOTSUP, "key object %llu: encryption suite %llu",
                         (unsigned long long)key_obj, (unsigned long long)k->wrapped.suite);
    if (!crypt_suite_valid(k->wrapped.suite))
        return err_raise(ZE_BADDSL, "key object %llu: encryption suite %llu",
                         (unsigned long long)key_obj, (unsigned long long)k->wrapped.suite);
    if (k->wrapped.version > 1)
        return err_raise(ZE_NOTSUP, "key object %llu: version %llu", (unsigned long long)key_obj,
                         (unsigned long long)k->wrapped.version);
    if (k->keyformat < CRYPT_KEYFORMAT_RAW || k->keyformat > CRYPT_KEYFORMAT_PASSPHRASE)
        return err_raise(ZE_BADDSL, "key object %llu: key format %llu", (unsigned long long)key_obj,
                         (unsigned long long)k->keyformat);
    /* Old software left the salts of non-roots wrong, so only what load needs is demanded here. */
    if (passphrase && k->iters == 0)
        return err_raise(ZE_BADDSL, "key object %llu: passphrase with 0 iterations",
                         (unsigned long long)key_obj);
    if (k->root_dir == 0)
        return err_raise(ZE_BADDSL, "key object %llu: no encryption root",
                         (unsigned long long)key_obj);
    return 0;
}

int dsl_key_info_read(struct objset *mos, uint64_t key_obj, struct dsl_key_info *out)
{
    struct dsl_key_info k = {0};
    const struct key_entry entries[] = {
        {"DSL_CRYPTO_SUITE", 8, 1, &k.wrapped.suite},
        {"DSL_CRYPTO_GUID", 8, 1, &k.wrapped.guid},
        {"DSL_CRYPTO_IV", 1, CRYPT_IV_LEN, k.wrapped.iv},
        {"DSL_CRYPTO_MAC", 1, CRYPT_MAC_LEN, k.wrapped.mac},
        {"DSL_CRYPTO_MASTER_KEY_1", 1, CRYPT_MASTER_KEY_MAX, k.wrapped.master},
        {"DSL_CRYPTO_HMAC_KEY_1", 1, CRYPT_HMAC_KEY_LEN, k.wrapped.hmac},
        {"DSL_CRYPTO_ROOT_DDOBJ", 8, 1, &k.root_dir},
        {"DSL_CRYPTO_REFCOUNT", 8, 1, &k.refcount},
        {"keyformat", 8, 1, &k.keyformat},
        {"pbkdf2salt", 8, 1, &k.salt},
        {"pbkdf2iters", 8, 1, &k.iters},
    };
    struct zap *zap;
    uint64_t got;
    int err = zap_open(mos, key_obj, &zap);

    if (err != 0)
        return err_context(err, "key object %llu: ", (unsigned long long)key_obj);
    for (unsigned i = 0; i < array_len(entries) && err == 0; i++)
        err = read_entry(zap, key_obj, &entries[i]);
    if (err == 0) {
        err = zap_lookup(zap, "DSL_CRYPTO_VERSION", 8, 1, &k.wrapped.version, &got);
        if (err == ZE_NOENT) { /* the first development version had none */
            k.wrapped.version = 0;
            err = 0;
        }
    }
    zap_close(zap);
    if (err == 0)
        err = check_info(key_obj, &k);
    if (err == 0)
        *out = k;
    return err;
}

int dsl_key_derive(uint64_t keyformat, uint64_t salt, uint64_t iters, const uint8_t *input,
                   size_t len, uint8_t wrapping[32])
{
    int err =
        crypt_wrapping_key((enum crypt_keyformat)keyformat, input, len, salt, iters, wrapping);

    if (err == ZE_INVAL) {
        char reason[256];
        err_detail_get(reason, sizeof(reason));
        return err_raise(ZE_WRONGKEY, "%s", reason);
    }
    return err;
}

/* ---- tables ---- */

static struct key_root *find_root(struct dsl_keystore *ks, uint64_t dir)
{
    struct key_root *r = ks->roots;

    while (r != NULL && r->dir != dir)
        r = r->next;
    return r;
}

static struct key_object *find_object(struct dsl_keystore *ks, uint64_t object)
{
    struct key_object *k = ks->objects;

    while (k != NULL && k->object != object)
        k = k->next;
    return k;
}

static struct key_map **map_slot(struct dsl_keystore *ks, uint64_t dsobj)
{
    struct key_map **at = &ks->maps[dsobj % MAP_BUCKETS];

    while (*at != NULL && (*at)->dsobj != dsobj)
        at = &(*at)->next;
    return at;
}

static int unwrap_with(struct dsl_keystore *ks, const struct key_root *root,
                       const struct dsl_key_info *info, struct crypt_key **out)
{
    return crypt_key_unwrap(root->wrapping, &info->wrapped, ks->dp->zp->env, out);
}

/* ks->lock held. The object is not in the table yet when it has no dataset. */
static int object_get(struct dsl_keystore *ks, uint64_t object, struct key_object **out)
{
    struct key_object *k = find_object(ks, object);
    struct key_root *root;
    int err;

    *out = k;
    if (k != NULL)
        return 0;
    k = mem_zalloc(sizeof(*k));
    if (k == NULL)
        return err_raise(ZE_NOMEM, "key object");
    k->object = object;
    err = dsl_key_info_read(ks->dp->mos, object, &k->info);
    root = err == 0 ? find_root(ks, k->info.root_dir) : NULL;
    if (root != NULL) {
        err = unwrap_with(ks, root, &k->info, &k->key);
        if (err != 0)
            err_context(err, "key object %llu: ", (unsigned long long)object);
    }
    if (err != 0) {
        free(k);
        return err;
    }
    *out = k;
    return 0;
}

static void object_free(struct key_object *k)
{
    crypt_key_rele(k->key);
    free(k);
}

int dsl_keystore_attach(struct dsl_keystore *ks, uint64_t dsobj, uint64_t key_obj)
{
    struct key_object *k;
    struct key_map *m;
    int err;

    MUTEX_GUARD(&ks->lock);
    m = *map_slot(ks, dsobj);
    if (m != NULL) {
        m->refs++;
        return 0;
    }
    err = object_get(ks, key_obj, &k);
    if (err != 0)
        return err;
    m = mem_zalloc(sizeof(*m));
    if (m == NULL) {
        if (k->datasets == 0)
            object_free(k);
        return err_raise(ZE_NOMEM, "key mapping");
    }
    *m = (struct key_map){.dsobj = dsobj, .refs = 1, .object = k};
    WRITE_GUARD(&ks->map_lock);
    if (k->datasets++ == 0) {
        k->next = ks->objects;
        ks->objects = k;
    }
    *map_slot(ks, dsobj) = m;
    return 0;
}

/* Last dataset gone: out of the table. Both locks held. */
static void object_unlink(struct dsl_keystore *ks, struct key_object *k)
{
    struct key_object **at = &ks->objects;

    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
}

void dsl_keystore_detach(struct dsl_keystore *ks, uint64_t dsobj)
{
    struct key_object *gone = NULL;
    struct key_map **slot, *m;

    MUTEX_GUARD(&ks->lock);
    slot = map_slot(ks, dsobj);
    m = *slot;
    if (m == NULL || --m->refs > 0)
        return;
    rwlock_wrlock(&ks->map_lock);
    *slot = m->next;
    if (--m->object->datasets == 0) {
        gone = m->object;
        object_unlink(ks, gone);
    }
    rwlock_unlock(&ks->map_lock);
    free(m);
    if (gone != NULL)
        object_free(gone);
}

/* ---- the seam ---- */

static int seam_hold(struct zio_keystore *self, uint64_t objset, struct crypt_key **out)
{
    struct dsl_keystore *ks = container_of(self, struct dsl_keystore, seam);
    struct key_map *m;

    READ_GUARD(&ks->map_lock);
    m = *map_slot(ks, objset);
    if (m == NULL || m->object->key == NULL)
        return err_raise(ZE_NOKEY, "dataset object %llu", (unsigned long long)objset);
    *out = crypt_key_hold(m->object->key);
    return 0;
}

static void seam_rele(struct zio_keystore *self, struct crypt_key *key)
{
    crypt_key_rele(key);
}

int dsl_keystore_create(struct dsl_pool *dp, struct dsl_keystore **out)
{
    struct dsl_keystore *ks = mem_zalloc(sizeof(*ks));

    if (ks == NULL)
        return err_raise(ZE_NOMEM, "keystore");
    ks->seam = (struct zio_keystore){seam_hold, seam_rele};
    ks->dp = dp;
    mutex_init(&ks->lock, RANK_DSL_KEYS);
    rwlock_init(&ks->map_lock, RANK_LEAF);
    *out = ks;
    return 0;
}

static void root_free(struct key_root *r)
{
    crypt_wipe(r, sizeof(*r));
    free(r);
}

void dsl_keystore_destroy(struct dsl_keystore *ks)
{
    for (struct key_root *r = ks->roots, *next; r != NULL; r = next) {
        next = r->next;
        root_free(r);
    }
    for (struct key_object *k = ks->objects, *next; k != NULL; k = next) {
        next = k->next;
        object_free(k);
    }
    for (unsigned i = 0; i < MAP_BUCKETS; i++)
        for (struct key_map *m = ks->maps[i], *next; m != NULL; m = next) {
            next = m->next;
            free(m);
        }
    rwlock_destroy(&ks->map_lock);
    mutex_destroy(&ks->lock);
    free(ks);
}

struct zio_keystore *dsl_keystore_seam(struct dsl_keystore *ks)
{
    return &ks->seam;
}

bool dsl_keystore_is_loaded(struct dsl_keystore *ks, uint64_t key_obj)
{
    struct key_object *k;
    uint64_t root_dir;

    MUTEX_GUARD(&ks->lock);
    k = find_object(ks, key_obj);
    if (k != NULL)
        root_dir = k->info.root_dir;
    else if (zap_get_u64(ks->dp->mos, key_obj, "DSL_CRYPTO_ROOT_DDOBJ", &root_dir) != 0)
        return false;
    return find_root(ks, root_dir) != NULL;
}

int dsl_keystore_verify(struct dsl_keystore *ks, uint64_t dsobj, const struct blkptr *root,
                        bool *verified)
{
    struct bookmark zb = {dsobj, 0, BOOKMARK_LEVEL_ROOT, 0};
    AUTO_CRYPT_KEY struct crypt_key *key = NULL;
    struct arc_buf *buf;
    int err;

    *verified = false;
    if (bp_is_hole(root)) {
        *verified = true;
        return 0;
    }
    if (crypt_block_kind(root) != CRYPT_BLOCK_OBJSET)
        return err_raise(ZE_AUTH, "root block of an encrypted dataset is not protected");
    if (seam_hold(&ks->seam, dsobj, &key) != 0) {
        err_detail_clear();
        return 0;
    }
    err = arc_read(ks->dp->zp, root, &zb, VDEV_PRIO_SYNC_READ, ZIO_RAW, &buf);
    if (err != 0)
        return err;
    err = crypt_objset_verify(key, buf->data, buf->size, bp_is_swapped(root));
    arc_release(buf);
    *verified = err == 0;
    return err;
}

/* ---- loading and unloading ---- */

int dsl_dataset_key_info(struct dsl_dataset *ds, struct dsl_key_info *out)
{
    char name[DATASET_NAME_MAX];
    int err;

    dsl_dataset_name(ds, name);
    if (ds->dir->crypto_key_obj == 0)
        return err_raise(ZE_NOTENCRYPTED, "%s", name);
    err = dsl_key_info_read(ds->dp->mos, ds->dir->crypto_key_obj, out);
    return err == 0 ? 0 : err_context(err, "%s: ", name);
}

int dsl_dataset_ivset_guid(struct dsl_dataset *snap, uint64_t *guid)
{
    return dsl_dataset_attr(snap, "com.datto:ivset_guid", guid);
}

/* The key object of ds, which must be an encryption root. */
static int root_info(struct dsl_dataset *ds, struct dsl_key_info *info)
{
    char name[DATASET_NAME_MAX];
    int err = dsl_dataset_key_info(ds, info);

    if (err != 0 || (info->root_dir == ds->dir->object && !dsl_dataset_is_snapshot(ds)))
        return err;
    dsl_dataset_name(ds, name);
    return err_raise(ZE_NOTENCROOT, "%s", name);
}

/* ks->lock held: a key for every attached key object below the root; all or none. */
static int unwrap_attached(struct dsl_keystore *ks, const struct key_root *root)
{
    for (struct key_object *k = ks->objects; k != NULL; k = k->next) {
        struct crypt_key *key;
        int err;

        if (k->info.root_dir != root->dir || k->key != NULL)
            continue;
        err = unwrap_with(ks, root, &k->info, &key);
        /* One damaged child must not keep the others locked: it stays without a key. */
        if (err == ZE_WRONGKEY)
            continue;
        if (err != 0)
            return err;
        WRITE_GUARD(&ks->map_lock);
        k->key = key;
    }
    return 0;
}

static int install_root(struct dsl_keystore *ks, struct key_root *root)
{
    int err;

    MUTEX_GUARD(&ks->lock);
    if (find_root(ks, root->dir) != NULL)
        return err_raise(ZE_KEYLOADED, "directory object %llu", (unsigned long long)root->dir);
    err = unwrap_attached(ks, root);
    if (err != 0)
        return err;
    WRITE_GUARD(&ks->map_lock);
    root->next = ks->roots;
    ks->roots = root;
    return 0;
}

int dsl_key_load(struct dsl_dataset *ds, const uint8_t *input, size_t len, bool dry_run)
{
    struct dsl_keystore *ks = ds->dp->keystore;
    AUTO_CRYPT_KEY struct crypt_key *key = NULL;
    struct key_root *root;
    struct dsl_key_info info;
    int err = root_info(ds, &info);

    if (err != 0)
        return err;
    if (!dry_run && dsl_keystore_is_loaded(ks, ds->dir->crypto_key_obj))
        return err_raise(ZE_KEYLOADED, "directory object %llu", (unsigned long long)info.root_dir);
    root = mem_zalloc(sizeof(*root));
    if (root == NULL)
        return err_raise(ZE_NOMEM, "wrapping key");
    root->dir = info.root_dir;
    err = dsl_key_derive(info.keyformat, info.salt, info.iters, input, len, root->wrapping);
    if (err == 0)
        err = unwrap_with(ks, root, &info, &key);
    if (err == 0 && !dry_run)
        err = install_root(ks, root);
    if (err != 0 || dry_run)
        root_free(root);
    return err;
}

static bool root_in_use(struct dsl_keystore *ks, uint64_t dir)
{
    for (struct key_object *k = ks->objects; k != NULL; k = k->next)
        if (k->info.root_dir == dir && k->key != NULL)
            return true;
    return false;
}

int dsl_key_unload(struct dsl_dataset *ds)
{
    struct dsl_keystore *ks = ds->dp->keystore;
    struct key_root **at, *gone;
    struct dsl_key_info info;
    char name[DATASET_NAME_MAX];
    int err = root_info(ds, &info);

    if (err != 0)
        return err;
    dsl_dataset_name(ds, name);
    MUTEX_GUARD(&ks->lock);
    gone = find_root(ks, info.root_dir);
    if (gone == NULL)
        return err_raise(ZE_NOKEY, "%s", name);
    if (root_in_use(ks, info.root_dir))
        return err_raise(ZE_BUSY, "%s: a dataset that uses this key is open", name);
    rwlock_wrlock(&ks->map_lock);
    for (at = &ks->roots; *at != gone; at = &(*at)->next)
        ;
    *at = gone->next;
    rwlock_unlock(&ks->map_lock);
    root_free(gone);
    return 0;
}
