/* SPDX-License-Identifier: MIT */
/* Opening the dataset layer of a pool on its MOS: the special directories (format/dsl.md 1.3, 1.5).
 */
#include "dsl/dsl_impl.h"

#include <string.h>

#include "dsl/crypt_keys.h"

#define MOS_DIRECTORY_OBJECT 1

static int mos_entry(struct dsl_pool *dp, const char *key, bool optional, uint64_t *out)
{
    int err = zap_get_u64(dp->mos, MOS_DIRECTORY_OBJECT, key, out);

    if (err == ZE_NOENT && optional) {
        *out = 0;
        return 0;
    }
    if (err != 0)
        return err_context(err, "MOS directory entry %s: ", key);
    return 0;
}

/* $ORIGIN@$ORIGIN: the previous snapshot of the $ORIGIN directory's head. Absent in pools before
 * version 11. */
static int find_origin(struct dsl_pool *dp)
{
    AUTO_DIR struct dsl_dir *root = NULL, *origin = NULL;
    struct dsl_dataset_phys head;
    int err = dsl_dir_hold(dp, dp->root_dir_obj, &root);

    if (err != 0)
        return err;
    mutex_lock(&dp->lock);
    err = dsl_dir_child_locked(root, "$ORIGIN", strlen("$ORIGIN"), &origin);
    mutex_unlock(&dp->lock);
    if (err == ZE_NODATASET)
        return 0;
    if (err != 0)
        return err;
    err = dsl_bonus_read(dp->mos, origin->phys.head_dataset_obj, OBJTYPE_DSL_DATASET, 320, &head,
                         sizeof(head), NULL);
    if (err != 0)
        return err_context(err, "$ORIGIN: ");
    if (head.prev_snap_obj == 0)
        return err_raise(ZE_BADDSL, "$ORIGIN has no snapshot");
    dp->origin_snap_obj = head.prev_snap_obj;
    return 0;
}

int dsl_pool_open(struct zio_pool *zp, struct objset *mos, const char *name, uint64_t version,
                  struct dsl_pool **out)
{
    struct dsl_pool *dp;
    int err;

    if (strlen(name) >= DATASET_NAME_MAX)
        return err_raise(ZE_NAMETOOLONG, "pool name '%s'", name);
    dp = mem_zalloc(sizeof(*dp));
    if (dp == NULL)
        return ZE_NOMEM;
    dp->zp = zp;
    dp->mos = mos;
    dp->version = version;
    strcpy(dp->name, name);
    mutex_init(&dp->lock, RANK_DSL_POOL);
    err = mos_entry(dp, "root_dataset", false, &dp->root_dir_obj);
    if (err == 0)
        err = mos_entry(dp, "free_bpobj", true, &dp->free_bpobj);
    if (err == 0)
        err = mos_entry(dp, "bptree_obj", true, &dp->bptree_obj);
    if (err == 0)
        err = mos_entry(dp, "empty_bpobj", true, &dp->empty_bpobj);
    if (err == 0)
        err = find_origin(dp);
    if (err == 0)
        err = dsl_keystore_create(dp, &dp->keystore);
    if (err != 0) {
        dsl_pool_close(dp);
        return err;
    }
    zp->keystore = dsl_keystore_seam(dp->keystore);
    *out = dp;
    return 0;
}

void dsl_pool_close(struct dsl_pool *dp)
{
    if (dp == NULL)
        return;
    dp->zp->keystore = NULL;
    if (dp->keystore != NULL)
        dsl_keystore_destroy(dp->keystore);
    mutex_destroy(&dp->lock);
    free(dp);
}

struct objset *dsl_pool_mos(struct dsl_pool *dp)
{
    return dp->mos;
}

struct dsl_keystore *dsl_pool_keystore(struct dsl_pool *dp)
{
    return dp->keystore;
}

const char *dsl_pool_name(const struct dsl_pool *dp)
{
    return dp->name;
}

uint64_t dsl_pool_version(const struct dsl_pool *dp)
{
    return dp->version;
}

void dsl_pool_set_space(struct dsl_pool *dp, uint64_t usable_bytes, uint64_t slop_bytes)
{
    dp->usable_bytes = usable_bytes;
    dp->slop_bytes = slop_bytes;
}

int dsl_pool_set_altroot(struct dsl_pool *dp, const char *altroot)
{
    size_t len = strlen(altroot);

    while (len > 0 && altroot[len - 1] == '/')
        len--;
    if (len >= sizeof(dp->altroot))
        return err_raise(ZE_NAMETOOLONG, "alternate root of %zu bytes", len);
    memcpy(dp->altroot, altroot, len);
    dp->altroot[len] = '\0';
    return 0;
}
