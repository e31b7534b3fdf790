/* SPDX-License-Identifier: MIT */
/* zdb -d, -i: datasets in the order of the real zdb, their objects, feature counts of a pool. */
#include "cli/zdb_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zdb_object.h"
#include "disk/dsl_phys.h"
#include "dmu/bpobj.h"
#include "dmu/zap.h"

#define DEPTH_MAX 128

/* ---- one dataset ---- */

struct dataset_head {
    const char *name;
    uint64_t id, cr_txg, bytes;
    const struct dsl_dataset_phys *phys; /* NULL: the MOS */
};

static void print_head(struct zdb *z, const struct dataset_head *h, struct objset *os)
{
    char text[BP_TEXT_MAX], bytes[32];

    printf("Dataset %s [%s], ID %" PRIu64 ", cr_txg %" PRIu64 ", %s, %" PRIu64 " objects", h->name,
           objset_type_name(objset_type(os)), h->id, h->cr_txg, zdb_num(z, h->bytes, bytes),
           bp_fill(objset_root(os)));
    if (z->opt['d'] > 3) {
        bp_format(text, sizeof(text), objset_root(os));
        printf(", rootbp %s", text);
    }
    printf("\n");
}

static void print_zil(struct zdb *z, struct objset *os)
{
    const struct zil_header_phys *zh = &objset_phys(os)->zil_header;

    if (bp_is_hole(&zh->log))
        return;
    printf("\n    ZIL header: claim_txg %" PRIu64 ", claim_blk_seq %" PRIu64
           ", claim_lr_seq %" PRIu64 " replay_seq %" PRIu64 ", flags 0x%" PRIx64 "\n",
           zh->claim_txg, zh->claim_blk_seq, zh->claim_lr_seq, zh->replay_seq, zh->flags);
    if (z->opt['d'] == 2 || z->opt['i'] > 1)
        printf("\n");
}

struct deadlist {
    uint64_t used, comp, uncomp, entries;
};

static int read_deadlist(struct zdb *z, uint64_t object, struct deadlist *out)
{
    struct deadlist_phys phys = {0};
    struct bpobj_space space;
    struct bpobj *bpo;
    struct dnode *dn;
    struct zap *zap;
    int err = dnode_hold(z->pool->mos, object, &dn);

    if (err != 0)
        return err;
    memcpy(&phys, dnode_bonus(dn).data, min_of(dnode_bonus(dn).len, sizeof(phys)));
    bool old = dnode_phys(dn)->type == OBJTYPE_BPOBJ;
    dnode_rele(dn);
    *out = (struct deadlist){phys.used, phys.comp, phys.uncomp, 0};
    if (!old) {
        err = zap_open(z->pool->mos, object, &zap);
        if (err == 0) {
            out->entries = zap_count(zap);
            zap_close(zap);
        }
        return err;
    }
    err = bpobj_open(z->pool->mos, object, &bpo);
    if (err == 0) {
        bpobj_space(bpo, &space);
        *out = (struct deadlist){space.bytes, space.comp, space.uncomp,
                                 bpobj_header(bpo)->num_blkptrs};
        bpobj_close(bpo);
    }
    return err;
}

static void print_deadlist(struct zdb *z, uint64_t object)
{
    struct deadlist d;
    char a[3][32];

    if (object == 0 || read_deadlist(z, object, &d) != 0)
        return;
    printf("\n    Deadlist: %s (%s/%s comp), %" PRIu64 " entries\n", zdb_num(z, d.used, a[0]),
           zdb_num(z, d.comp, a[1]), zdb_num(z, d.uncomp, a[2]), d.entries);
}

static void print_objects(struct zdb *z, struct dsl_dataset *ds, struct objset *os)
{
    static const uint64_t special[] = {OBJSET_OBJECT_USERUSED, OBJSET_OBJECT_GROUPUSED,
                                       OBJSET_OBJECT_PROJECTUSED};
    struct zdb_objects o = {.z = z, .ds = ds, .os = os};
    uint64_t object = 0;
    int err;

    zdb_object(&o, 0);
    for (unsigned i = 0; i < array_len(special); i++) {
        const struct dnode_phys *dn = objset_phys_special(objset_phys(os), special[i]);

        if (dn != NULL && dn->type != OBJTYPE_NONE && objset_type(os) != OBJSET_TYPE_META)
            zdb_object(&o, special[i]);
    }
    while ((err = objset_next_object(os, &object)) != ZE_NOENT) {
        if (err == 0)
            zdb_object(&o, object);
        else
            z->status = 2;
    }
    zdb_objects_end(&o);
    printf("\n    Dnode slots:\n\tTotal used:    %10" PRIu64 "\n\tMax used:      %10" PRIu64 "\n",
           o.slots, o.last);
    printf("\tPercent empty: %10f\n\n",
           o.last == 0 ? 0 : (double)(o.last - o.slots) * 100 / (double)o.last);
}

/* START[:END[:FLAGS]]; false with a message for nonsense. */
static int print_ranges(struct zdb *z, struct dsl_dataset *ds, struct objset *os, char **ranges,
                        int n)
{
    struct zdb_objects o = {.z = z, .ds = ds, .os = os};

    for (int i = 0; i < n; i++) {
        char *end;
        uint64_t from = strtoull(ranges[i], &end, 0), to = from, object;

        if (*end == ':') {
            int64_t last = strtoll(end + 1, &end, 0);

            to = last < 0 ? UINT64_MAX : (uint64_t)last;
        }
        if (end == ranges[i] || (*end != '\0' && *end != ':')) {
            fprintf(stderr, "zdb: bad object or range '%s'\n", ranges[i]);
            return 1;
        }
        if (strchr(ranges[i], ':') == NULL || from == 0)
            zdb_object(&o, from);
        if (strchr(ranges[i], ':') == NULL)
            continue;
        object = from == 0 ? 0 : from - 1;
        while (objset_next_object(os, &object) == 0 && object <= to)
            zdb_object(&o, object);
    }
    zdb_objects_end(&o);
    printf("\n");
    return 0;
}

static int open_objset(struct zdb *z, uint64_t id, const struct dsl_dataset_phys *phys,
                       struct objset **out)
{
    return objset_open(&z->pool->zio, id, &phys->bp, bp_uses_crypt(&phys->bp) ? OBJSET_RAW : 0u,
                       out);
}

static int print_one(struct zdb *z, uint64_t id)
{
    char name[DATASET_NAME_MAX];
    struct dsl_dataset *ds;
    struct objset *os;
    int err = dsl_dataset_hold_object(z->pool->dsl, id, &ds);

    if (err != 0)
        return err;
    dsl_dataset_name(ds, name);
    const struct dsl_dataset_phys *p = dsl_dataset_phys(ds);
    err = open_objset(z, id, p, &os);
    if (err == 0) {
        struct dataset_head h = {name, id, p->creation_txg, p->referenced_bytes, p};

        print_head(z, &h, os);
        if (!dsl_dataset_is_snapshot(ds) && (z->opt['i'] || z->opt['d'] > 1))
            print_zil(z, os);
        if (z->opt['d'] > 2)
            print_deadlist(z, p->deadlist_obj);
        if (z->opt['d'] > 1)
            print_objects(z, ds, os);
        objset_close(os);
    }
    dsl_dataset_rele(ds);
    return err;
}

/* ---- all of them ---- */

static int tree(struct zdb *z, uint64_t dir, unsigned depth);

/* Value of every entry of a ZAP in its own order. */
static int each_value(struct zdb *z, uint64_t object, unsigned depth,
                      int (*fn)(struct zdb *z, uint64_t value, unsigned depth))
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err = e == NULL ? ZE_NOMEM : zap_open(z->pool->mos, object, &zap);

    if (err != 0)
        return err;
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        if (e->name[0] != '$' && e->integer_size == 8 && fn(z, e->first, depth) != 0)
            z->status = 2;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static int one(struct zdb *z, uint64_t id, unsigned depth)
{
    int err = print_one(z, id);

    if (err != 0)
        fprintf(stderr, "zdb: dataset %" PRIu64 ": %s\n", id, err_detail());
    return err;
}

static int read_bonus(struct zdb *z, uint64_t object, void *out, size_t len)
{
    struct dnode *dn;
    int err = dnode_hold(z->pool->mos, object, &dn);

    if (err != 0)
        return err;
    memset(out, 0, len);
    memcpy(out, dnode_bonus(dn).data, min_of(dnode_bonus(dn).len, len));
    dnode_rele(dn);
    return 0;
}

/* Children, then snapshots, then the dataset itself. */
static int tree(struct zdb *z, uint64_t dir, unsigned depth)
{
    struct dsl_dataset_phys ds;
    struct dsl_dir_phys dd;
    int err = read_bonus(z, dir, &dd, sizeof(dd));

    if (err != 0 || depth > DEPTH_MAX)
        return err;
    if (dd.child_dir_zapobj != 0)
        err = each_value(z, dd.child_dir_zapobj, depth + 1, tree);
    if (dd.head_dataset_obj == 0)
        return err;
    err = read_bonus(z, dd.head_dataset_obj, &ds, sizeof(ds));
    if (err == 0 && ds.snapnames_zapobj != 0)
        err = each_value(z, ds.snapnames_zapobj, depth, one);
    return one(z, dd.head_dataset_obj, depth) != 0 ? ZE_IO : err;
}

static void print_feature(struct zdb *z, const char *name, uint64_t counted)
{
    printf("Verified %s feature refcount of %" PRIu64 " is correct\n", name, counted);
}

/* The counts that the pool stores: features a dataset can have. */
static void print_features(struct zdb *z)
{
    static const struct {
        const char *guid, *name;
    } rows[] = {
        {"org.open-zfs:large_blocks", "large_blocks"},
        {"org.zfsonlinux:large_dnode", "large_dnode"},
        {"org.illumos:sha512", "sha512"},
        {"org.illumos:skein", "skein"},
        {"org.illumos:edonr", "edonr"},
        {"org.zfsonlinux:userobj_accounting", "userobj_accounting"},
        {"com.datto:encryption", "encryption"},
        {"org.zfsonlinux:project_quota", "project_quota"},
        {"com.delphix:redaction_bookmarks", "redaction_bookmarks"},
        {"com.delphix:redacted_datasets", "redacted_datasets"},
        {"com.delphix:bookmark_written", "bookmark_written"},
        {"com.delphix:livelist", "livelist"},
        {"org.freebsd:zstd_compress", "zstd_compress"},
        {"org.openzfs:zilsaxattr", "zilsaxattr"},
        {"org.openzfs:blake3", "blake3"},
        {"com.delphix:redaction_list_spill", "redaction_list_spill"},
        {"org.zfsonlinux:longname", "longname"},
        {"com.klarasystems:large_microzap", "large_microzap"},
        {"com.delphix:device_removal", "device_removal"},
        {"com.delphix:obsolete_counts", "indirect_refcount"},
    };
    uint64_t object[2] = {0};

    if (z->pool->version < 5000) {
        print_feature(z, "device_removal", 0);
        print_feature(z, "indirect_refcount", 0);
        return;
    }
    if (pool_directory_u64(z->pool, "features_for_read", &object[0]) != 0 ||
        pool_directory_u64(z->pool, "features_for_write", &object[1]) != 0)
        return;
    for (size_t i = 0; i < array_len(rows); i++) {
        uint64_t n = 0;

        if (zap_get_u64(z->pool->mos, object[0], rows[i].guid, &n) != 0 &&
            zap_get_u64(z->pool->mos, object[1], rows[i].guid, &n) != 0)
            n = 0;
        print_feature(z, rows[i].name, n);
    }
}

static uint64_t mos_bytes(struct zdb *z)
{
    uint64_t root, dir;
    struct dsl_dir_phys dd;

    if (pool_directory_u64(z->pool, "root_dataset", &root) != 0 ||
        read_bonus(z, root, &dd, sizeof(dd)) != 0 ||
        zap_get_u64(z->pool->mos, dd.child_dir_zapobj, "$MOS", &dir) != 0 ||
        read_bonus(z, dir, &dd, sizeof(dd)) != 0)
        return 0;
    return dd.used_bytes;
}

static void print_frees(struct zdb *z, const char *title, const char *key)
{
    struct bpobj_space space;
    struct bpobj *bpo;
    uint64_t object;
    char bytes[32];

    if (pool_directory_u64(z->pool, key, &object) != 0 ||
        bpobj_open(z->pool->mos, object, &bpo) != 0)
        return;
    bpobj_space(bpo, &space);
    printf("    %s: object %" PRIu64 ", %" PRIu64 " blkptrs, %s", title, object,
           bpobj_header(bpo)->num_blkptrs, zdb_num(z, space.bytes, bytes));
    if (bpobj_header(bpo)->num_subobjs != 0)
        printf(", %" PRIu64 " subobjs in object %" PRIu64, bpobj_header(bpo)->num_subobjs,
               bpobj_header(bpo)->subobjs);
    printf("\n");
    bpobj_close(bpo);
}

static void print_mos(struct zdb *z)
{
    struct dataset_head h = {"mos", 0, 4, mos_bytes(z), NULL};

    print_head(z, &h, z->pool->mos);
    if (z->opt['d'] > 1)
        print_objects(z, NULL, z->pool->mos);
    if (z->opt['d'] > 2) {
        print_frees(z, "Deferred frees", "sync_bplist");
        print_frees(z, "Pool snapshot frees", "free_bpobj");
    }
}

int zdb_datasets(struct zdb *z)
{
    uint64_t root;
    int err = pool_directory_u64(z->pool, "root_dataset", &root);

    print_mos(z);
    err = err != 0 ? err : tree(z, root, 0);
    print_features(z);
    return err;
}

/* POOL/ID names an object set by number, "mos" and POOL itself are the MOS where objects are given.
 */
int zdb_dataset(struct zdb *z, const char *name, char **ranges, int nranges)
{
    struct dsl_dataset *ds = NULL;
    struct objset *os;
    char *end, full[DATASET_NAME_MAX];
    const char *slash = strchr(name, '/');
    uint64_t id = slash != NULL ? strtoull(slash + 1, &end, 0) : 0;
    int err;

    if (z->opt['d'] == 0 && z->opt['i'] == 0)
        z->opt['d'] = nranges != 0 ? 4 : 1;
    if ((slash == NULL && strchr(name, '@') == NULL) ||
        (slash != NULL && *end == '\0' && end != slash + 1 && id == 0)) {
        print_head(z, &(struct dataset_head){"mos", 0, 4, mos_bytes(z), NULL}, z->pool->mos);
        return print_ranges(z, NULL, z->pool->mos, ranges, nranges);
    }
    err = slash != NULL && *end == '\0' && end != slash + 1
              ? dsl_dataset_hold_object(z->pool->dsl, id, &ds)
              : dsl_dataset_hold(z->pool->dsl, name, &ds);
    if (err != 0) {
        fprintf(stderr, "failed to hold dataset '%s': %s\nzdb: can't open '%s': %s\n", name,
                strerror(err_errno(err)), name, strerror(err_errno(err)));
        return 1;
    }
    id = dsl_dataset_object(ds);
    if (nranges == 0) {
        err = print_one(z, id);
    } else if ((err = open_objset(z, id, dsl_dataset_phys(ds), &os)) == 0) {
        dsl_dataset_name(ds, full);
        print_head(z,
                   &(struct dataset_head){full, id, dsl_dataset_phys(ds)->creation_txg,
                                          dsl_dataset_phys(ds)->referenced_bytes,
                                          dsl_dataset_phys(ds)},
                   os);
        err = print_ranges(z, ds, os, ranges, nranges);
        objset_close(os);
    }
    dsl_dataset_rele(ds);
    if (err < 0) {
        fprintf(stderr, "zdb: can't open '%s': %s\n", name, err_detail());
        return 1;
    }
    return err;
}

int zdb_object_by_path(struct zdb *z, const char *dataset, const char *path)
{
    struct dsl_dataset *ds = NULL;
    struct objset *os = NULL;
    uint64_t object;
    int err = dsl_dataset_hold(z->pool->dsl, dataset, &ds);

    err = err != 0 ? err : zdb_lookup_path(ds, path, &object);
    err = err != 0 ? err : open_objset(z, dsl_dataset_object(ds), dsl_dataset_phys(ds), &os);
    if (err == 0) {
        struct zdb_objects o = {.z = z, .ds = ds, .os = os};

        zdb_object(&o, object);
        zdb_objects_end(&o);
        objset_close(os);
    } else {
        fprintf(stderr, "failed to lookup dataset=%s path=%s: %s\n", dataset, path,
                strerror(err_errno(err)));
    }
    if (ds != NULL)
        dsl_dataset_rele(ds);
    return err != 0;
}
