/* SPDX-License-Identifier: MIT */
/* Opening a file system: the master node (format/zpl-zil.md, "1.7 Mount-time loading"), and statfs.
 */
#include "zpl/zpl_impl.h"

#include <stdlib.h>
#include <string.h>

#include "dsl/prop_table.h"

#define MASTER_NODE_OBJECT 1
#define ZPL_VERSION_MAX    5
#define ZPL_VERSION_SA     5
#define ZPL_ACLTYPE_POSIX  1

static int master(struct zpl *z, const char *key, bool optional, uint64_t dflt, uint64_t *out)
{
    int err = zap_get_u64(z->os, MASTER_NODE_OBJECT, key, out);

    if (err == ZE_NOENT && optional) {
        *out = dflt;
        return 0;
    }
    return err != 0 ? err_context(err, "master node, %s: ", key) : 0;
}

static int load_version(struct zpl *z)
{
    int err = master(z, "VERSION", true, ZPL_VERSION_MAX, &z->version);

    if (err == 0 && (z->version < 1 || z->version > ZPL_VERSION_MAX))
        err = err_raise(ZE_VERSION, "file system version %llu", (unsigned long long)z->version);
    return err;
}

static int load_master(struct zpl *z)
{
    static const char *const quota_keys[] = {"userquota@",    "groupquota@",    "projectquota@",
                                             "userobjquota@", "groupobjquota@", "projectobjquota@"};
    uint64_t utf8only = 0, sa_master = 0;
    int err = load_version(z);

    err = err != 0 ? err : master(z, "normalization", true, 0, &z->normalization);
    err = err != 0 ? err : master(z, "utf8only", true, 0, &utf8only);
    err = err != 0 ? err : master(z, "casesensitivity", true, 0, &z->case_mode);
    if (err == 0 && z->version >= ZPL_VERSION_SA)
        err = master(z, "SA_ATTRS", false, 0, &sa_master);
    err = err != 0 ? err : master(z, "ROOT", false, 0, &z->root);
    err = err != 0 ? err : master(z, "DELETE_QUEUE", true, 0, &z->unlinked);
    for (size_t i = 0; err == 0 && i < array_len(quota_keys); i++)
        err = master(z, quota_keys[i], true, 0, &z->quota_object[i]);
    err = err != 0 ? err : master(z, "FUID", true, 0, &z->fuid_object);
    z->utf8only = utf8only != 0;
    err = err != 0 ? err : sa_table_load(z->os, sa_master, &z->sa);
    return err != 0 ? err : fuid_table_load(z->os, z->fuid_object, &z->fuids);
}

int zpl_mount(struct dsl_dataset *ds, unsigned flags, struct zpl **out)
{
    struct zpl *z = mem_zalloc(sizeof(*z));
    uint64_t acltype = 0;
    int err;

    if (z == NULL)
        return ZE_NOMEM;
    mutex_init(&z->cache_lock, RANK_ZPL_CACHE);
    mutex_init(&z->snap_lock, RANK_ZPL_MOUNT);
    z->flags = flags;
    err = dsl_dataset_hold_object(dsl_dataset_pool(ds), dsl_dataset_object(ds), &z->ds);
    if (err == 0)
        err = dsl_dataset_objset(ds, &z->os);
    if (err == 0 && objset_type(z->os) != OBJSET_TYPE_ZFS)
        err = err_raise(ZE_WRONGTYPE, "not a file system");
    if (err == 0)
        err = load_master(z);
    if (err == 0 && dsl_prop_u64(ds, "acltype", &acltype, NULL, 0) == 0)
        z->posix_acl = acltype == ZPL_ACLTYPE_POSIX;
    if (err != 0) {
        zpl_unmount(z);
        return err;
    }
    zpl_ctldir_init(z);
    *out = z;
    return 0;
}

void zpl_unmount(struct zpl *z)
{
    if (z == NULL)
        return;
    zpl_ctldir_fini(z);
    sa_table_free(z->sa);
    fuid_table_free(z->fuids);
    if (z->ds != NULL)
        dsl_dataset_rele(z->ds);
    mutex_destroy(&z->cache_lock);
    mutex_destroy(&z->snap_lock);
    free(z);
}

struct dsl_dataset *zpl_dataset(struct zpl *z)
{
    return z->ds;
}

bool zpl_is_or_snapshot_of(const struct zpl *z, const struct zpl *fs)
{
    return z == fs || z->parent == fs;
}

int zpl_statfs(struct zpl *z, struct zpl_statfs *out)
{
    const struct dsl_dataset_phys *ds = dsl_dataset_phys(z->ds);
    uint64_t bsize = 131072, avail = 0, used_objs = bp_fill(&ds->bp), refd, longname = 0;

    (void)dsl_prop_u64(z->ds, "recordsize", &bsize, NULL, 0);
    (void)dsl_prop_u64(z->ds, "available", &avail, NULL, 0);
    (void)dsl_prop_u64(z->ds, "longname", &longname, NULL, 0);
    if (bsize < SECTOR_SIZE || !is_pow2(bsize))
        bsize = SECTOR_SIZE;
    refd = round_up_pow2(ds->referenced_bytes, bsize);
    *out = (struct zpl_statfs){
        .blocks = (refd + avail) / bsize,
        .bfree = avail / bsize,
        .bavail = avail / bsize,
        .ffree = min_of(DNODE_MAX_OBJECT - used_objs, avail >> 9),
        .bsize = (uint32_t)bsize,
        .frsize = (uint32_t)bsize,
        .namemax = longname != 0 ? 1023 : 255,
        .fsid = ds->fsid_guid,
    };
    out->files = out->ffree + used_objs;
    return 0;
}
