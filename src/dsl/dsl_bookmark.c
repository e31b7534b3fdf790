/* SPDX-License-Identifier: MIT */
/* Bookmarks and redaction lists, read (format/dsl.md, 8.1 and 8.2). */
#include "dsl/dsl_impl.h"

#include <stdlib.h>
#include <string.h>

#define BOOKMARK_WORDS    12
#define BOOKMARK_V1_WORDS 3

static int bookmarks_zap(struct dsl_dataset *ds, struct zap **out)
{
    uint64_t object;
    int err = dsl_dataset_attr(ds, "com.delphix:bookmarks", &object);

    return err != 0 ? err : zap_open(ds->dp->mos, object, out);
}

static void bookmark_of_words(const uint64_t words[BOOKMARK_WORDS], struct bookmark_phys *out)
{
    static_assert(sizeof(*out) == BOOKMARK_WORDS * 8, "bookmark_phys");
    memcpy(out, words, sizeof(*out));
}

int dsl_bookmark_lookup(struct dsl_dataset *ds, const char *short_name, struct bookmark_phys *out)
{
    uint64_t words[BOOKMARK_WORDS] = {0};
    struct zap *zap;
    unsigned match = ds->phys.flags & DSL_DATASET_FLAG_CI ? ZAP_MATCH_NORMALIZED : ZAP_MATCH_EXACT;
    int err = bookmarks_zap(ds, &zap);

    if (err == ZE_NOENT)
        return err_raise(ZE_NODATASET, "no bookmark '%s'", short_name);
    if (err != 0)
        return err;
    err = zap_lookup_match(zap, short_name, match, 8, BOOKMARK_WORDS, words, NULL, 0, NULL);
    zap_close(zap);
    if (err == ZE_NOENT)
        return err_raise(ZE_NODATASET, "no bookmark '%s'", short_name);
    if (err == 0)
        bookmark_of_words(words, out);
    return err;
}

int dsl_redaction_snaps(struct dsl_pool *dp, uint64_t object, uint64_t **guids, size_t *n,
                        bool *complete)
{
    uint8_t *spill AUTO_FREE = NULL;
    struct span head;
    struct dnode *dn;
    size_t len;
    bool swapped;
    int err = dnode_hold(dp->mos, object, &dn);

    *guids = NULL;
    *n = 0;
    if (err != 0)
        return err;
    head = dnode_bonus(dn);
    if (head.len < 32) {
        err = dnode_spill_read(dn, &spill, &len, &swapped);
        if (err == 0 && swapped)
            bswap64_array(spill, len & ~(size_t)7);
        if (err == 0)
            head = span_of(spill, len);
    }
    if (err == 0 && head.len < 32)
        err = err_raise(ZE_BADDSL, "redaction list %llu has a header of %zu bytes",
                        (unsigned long long)object, head.len);
    if (err == 0) {
        uint64_t count = load_ne64(head.data + 24);

        if (count > (head.len - 32) / 8)
            err = err_raise(ZE_BADDSL, "redaction list %llu: %llu snapshots do not fit",
                            (unsigned long long)object, (unsigned long long)count);
        else if ((*guids = mem_calloc(count + 1, 8)) == NULL)
            err = ZE_NOMEM;
        else {
            memcpy(*guids, head.data + 32, count * 8);
            *n = count;
            *complete =
                load_ne64(head.data) == UINT64_MAX && load_ne64(head.data + 8) == UINT64_MAX;
        }
    }
    dnode_rele(dn);
    return err;
}

static int bookmark_props(struct dsl_dataset *ds, const struct bookmark_phys *bm,
                          struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    int err = nvlist_create(&nv);

    err = err != 0 ? err : dsl_prop_entry(nv, "guid", bm->guid, NULL, "");
    err = err != 0 ? err : dsl_prop_entry(nv, "createtxg", bm->creation_txg, NULL, "");
    err = err != 0 ? err : dsl_prop_entry(nv, "creation", bm->creation_time, NULL, "");
    err = err != 0 ? err : dsl_prop_entry(nv, "ivsetguid", bm->ivset_guid, NULL, "");
    err = err != 0 ? err : dsl_prop_entry(nv, "type", 0, "bookmark", "");
    if (err == 0 && bm->flags & BOOKMARK_FLAG_HAS_FBN) {
        uint64_t comp = bm->compressed_bytes_refd;

        err = dsl_prop_entry(nv, "referenced", bm->referenced_bytes_refd, NULL, "");
        err = err != 0
                  ? err
                  : dsl_prop_entry(nv, "logicalreferenced", bm->uncompressed_bytes_refd, NULL, "");
        err = err != 0 ? err
                       : dsl_prop_entry(nv, "refcompressratio",
                                        comp == 0 ? 100 : bm->uncompressed_bytes_refd * 100 / comp,
                                        NULL, "");
    }
    if (err == 0 && bm->redaction_obj != 0) {
        uint64_t *guids AUTO_FREE = NULL;
        bool complete = false;
        size_t n;
        struct nvlist *snaps;

        err = dsl_redaction_snaps(ds->dp, bm->redaction_obj, &guids, &n, &complete);
        err = err != 0 ? err : nvlist_create(&snaps);
        if (err == 0) {
            err = nvlist_add_u64_array(snaps, "value", guids, n);
            err = err != 0 ? err : nvlist_add_string(snaps, "source", "");
            if (err != 0)
                nvlist_free(snaps);
            else
                err = nvlist_take_nvlist(nv, "redact_snaps", snaps);
        }
        err = err != 0 ? err : dsl_prop_entry(nv, "redact_complete", complete, NULL, "");
    }
    if (err == 0) {
        *out = nv;
        nv = NULL;
    }
    return err;
}

int dsl_bookmarks_each(struct dsl_dataset *ds,
                       int (*fn)(void *arg, const char *short_name, const struct nvlist *props),
                       void *arg)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = bookmarks_zap(ds, &zap);
    if (err != 0)
        return err == ZE_NOENT ? 0 : err;
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        uint64_t words[BOOKMARK_WORDS] = {0};
        struct bookmark_phys bm;
        AUTO_NVLIST struct nvlist *props = NULL;

        if (e->integer_size != 8 || e->count < BOOKMARK_V1_WORDS || e->count > BOOKMARK_WORDS) {
            err = err_raise(ZE_BADDSL, "bookmark '%s': %llu integers of %u bytes", e->name,
                            (unsigned long long)e->count, e->integer_size);
            break;
        }
        err = zap_entry_value(&c, e, words, e->count);
        if (err != 0)
            break;
        bookmark_of_words(words, &bm);
        err = bookmark_props(ds, &bm, &props);
        if (err == 0)
            err = fn(arg, e->name, props);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}
