/* SPDX-License-Identifier: MIT */
/*
 * Opening ZAPs and looking things up (format/dmu.md, "9. ZAP"). What was parsed hangs off the dnode
 * (dnode_user_get), so that a struct zap handle is a hold of that dnode and opening one again is a
 * hash lookup.
 *
 * Callers: zap.h. Locks: DNODE (make_lock) while parsing. Errors: see zap.h.
 */
#include "dmu/zap_impl.h"

/* ---- sources ---- */

static int dnode_source_hold(struct zap_source *src, uint64_t blkid, struct zap_block *out)
{
    struct zap *zap = container_of(src, struct zap, dnode_src);
    struct dbuf *db;
    int err = dbuf_hold(zap->dn, 0, blkid, &db);
    if (err != 0)
        return err;
    out->data = dbuf_data(db);
    out->ref = db;
    return 0;
}

static void dnode_source_rele(struct zap_source *src, struct zap_block *b)
{
    dbuf_rele(b->ref);
    b->ref = NULL;
}

#define ZAP_PREFETCH_MAX (4u << 20) /* bytes */

static void dnode_source_prefetch(struct zap_source *src)
{
    struct zap *zap = container_of(src, struct zap, dnode_src);
    dmu_prefetch(zap->dn, 0, min_of(dnode_size(zap->dn), (uint64_t)ZAP_PREFETCH_MAX));
}

/* ---- open and close ---- */

static void zap_free(void *arg)
{
    struct zap *zap = arg;
    free(zap->mblock);
    free(zap->index);
    free(zap);
}

static int zap_parse(struct zap *zap)
{
    struct zap_source *src = zap->src;
    if (src->blocks == 0 || src->block_size < SECTOR_SIZE || src->block_size > BLOCK_MAX_SIZE)
        return err_raise(ZE_BADZAP, "ZAP object %llu: block of %llu bytes", zap_object(zap),
                         (unsigned long long)src->block_size);
    struct zap_block b;
    int err = src->hold(src, 0, &b);
    if (err != 0)
        return err;
    uint64_t type = load_ne64(b.data);
    if (type == ZAP_BLOCK_MICRO)
        err = zap_micro_load(zap, b.data);
    else if (type == ZAP_BLOCK_HEADER)
        err = zap_fat_load(zap, b.data);
    else
        err = err_raise(ZE_BADZAP, "ZAP object %llu: block type 0x%llx", zap_object(zap),
                        (unsigned long long)type);
    src->rele(src, &b);
    return err;
}

static int zap_make(struct dnode *dn, void **user, size_t *size)
{
    const struct objtype_info *info = objtype_info(dn->phys->type);
    if (info == NULL || info->bswap != OBJTYPE_BSWAP_ZAP)
        return err_raise(ZE_BADOBJ, "object %llu is no ZAP but a %s",
                         (unsigned long long)dn->object, objtype_name(dn->phys->type));
    struct zap *zap = mem_zalloc(sizeof(*zap));
    if (zap == NULL)
        return err_raise(ZE_NOMEM, "ZAP");
    zap->dn = dn;
    uint64_t blocks = dn->maxblkid == UINT64_MAX ? UINT64_MAX : dn->maxblkid + 1;
    zap->dnode_src = (struct zap_source){.blocks = blocks,
                                         .block_size = dn->blksz,
                                         .object = dn->object,
                                         .hold = dnode_source_hold,
                                         .rele = dnode_source_rele,
                                         .prefetch = dnode_source_prefetch};
    zap->src = &zap->dnode_src;
    int err = zap_parse(zap);
    if (err != 0) {
        zap_free(zap);
        return err_context(err, "dataset %llu: ", (unsigned long long)dn->os->dataset);
    }
    *user = zap;
    *size = sizeof(*zap);
    if (zap->micro)
        *size += dn->blksz + zap->count * sizeof(zap->index[0]);
    return 0;
}

/* Turns the caller's hold of dn into a handle, or drops it. */
static int zap_open_held(struct dnode *dn, struct zap **out)
{
    void *user = NULL;
    int err = dnode_user_get(dn, zap_make, zap_free, &user);
    if (err != 0)
        dnode_rele(dn);
    *out = err == 0 ? user : NULL;
    return err;
}

int zap_open(struct objset *os, uint64_t object, struct zap **out)
{
    *out = NULL;
    struct dnode *dn;
    int err = dnode_hold(os, object, &dn);
    return err != 0 ? err : zap_open_held(dn, out);
}

int zap_open_dnode(struct dnode *dn, struct zap **out)
{
    dnode_ref(dn);
    return zap_open_held(dn, out);
}

int zap_open_source(struct zap_source *src, struct zap **out)
{
    *out = NULL;
    struct zap *zap = mem_zalloc(sizeof(*zap));
    if (zap == NULL)
        return err_raise(ZE_NOMEM, "ZAP");
    zap->src = src;
    int err = zap_parse(zap);
    if (err != 0) {
        zap_free(zap);
        return err;
    }
    *out = zap;
    return 0;
}

void zap_close(struct zap *zap)
{
    if (zap == NULL)
        return;
    struct dnode *dn = zap->dn;
    if (dn == NULL) {
        zap_free(zap);
        return;
    }
    dnode_user_put(dn);
    dnode_rele(dn);
}

uint64_t zap_count(const struct zap *zap)
{
    return zap->count;
}

uint64_t zap_norm_flags(const struct zap *zap)
{
    return zap->normflags;
}

bool zap_has_uint64_keys(const struct zap *zap)
{
    return (zap->flags & ZAP_FLAG_UINT64_KEY) != 0;
}

/* ---- entries ---- */

void zap_hit_release(struct zap *zap, struct zap_hit *hit)
{
    if (hit->le != NULL)
        zap->src->rele(zap->src, &hit->leaf);
    *hit = (struct zap_hit){0};
}

int zap_hit_name(const struct zap *zap, const struct zap_hit *hit, uint8_t *out, size_t room,
                 size_t *len)
{
    if (hit->me == NULL)
        return zap_leaf_name(zap, hit->leaf.data, hit->le, out, room, len);
    *len = strlen(hit->me->name) + 1;
    memcpy(out, hit->me->name, *len);
    return 0;
}

static uint64_t be_load(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < size; i++)
        v = v << 8 | p[i];
    return v;
}

static void ne_store(uint8_t *p, unsigned size, uint64_t v)
{
    switch (size) {
    case 1:
        *p = (uint8_t)v;
        break;
    case 2:
        store_ne16(p, (uint16_t)v);
        break;
    case 4:
        store_ne32(p, (uint32_t)v);
        break;
    default:
        store_ne64(p, v);
    }
}

int zap_hit_value(const struct zap *zap, const struct zap_hit *hit, unsigned integer_size,
                  uint64_t count, void *buf, uint64_t *got)
{
    unsigned stored = zap_hit_intlen(hit);
    uint64_t have = zap_hit_numints(hit);
    if (got != NULL)
        *got = have;
    if (!is_pow2(integer_size) || integer_size > 8 || !is_pow2(stored) || stored > 8 ||
        integer_size < stored || (hit->me != NULL && integer_size != 8))
        return err_raise(ZE_INVAL, "ZAP object %llu: integers of %u bytes asked, %u stored",
                         zap_object(zap), integer_size, stored);
    uint64_t n = min_of(have, count);
    uint8_t raw[ZAP_VALUE_MAX];
    if (hit->me != NULL) {
        store_be64(raw, hit->me->value);
    } else {
        if (have * stored > sizeof(raw))
            return err_raise(ZE_BADZAP, "ZAP object %llu: value of %llu bytes", zap_object(zap),
                             (unsigned long long)have * stored);
        int err =
            zap_leaf_array_read(hit->leaf.data, zap->shift, hit->le->value_chunk, n * stored, raw);
        if (err != 0)
            return err_context(err, "object %llu: ", zap_object(zap));
    }
    for (uint64_t i = 0; i < n; i++)
        ne_store((uint8_t *)buf + i * integer_size, integer_size,
                 be_load(raw + i * stored, stored));
    if (have > count)
        return err_raise(ZE_RANGE, "ZAP object %llu: value has %llu integers, room for %llu",
                         zap_object(zap), (unsigned long long)have, (unsigned long long)count);
    return 0;
}

/* ---- queries ---- */

int zap_query_matches(const struct zap_query *q, const uint8_t *name, size_t len, bool *matches)
{
    if (q->norm == 0) {
        *matches = len == q->key_len && memcmp(name, q->key, len) == 0;
        return 0;
    }
    char normal[ZAP_NORM_MAX];
    size_t normal_len;
    int err = zap_normalize(q->norm, (const char *)name, strnlen((const char *)name, len), normal,
                            &normal_len);
    *matches = err == 0 && normal_len == q->want_len && memcmp(normal, q->want, normal_len) == 0;
    return err;
}

/* Hold the first entry that answers; *conflict (may be NULL): is another one alike? */
static int zap_find(struct zap *zap, const struct zap_query *q, struct zap_hit *hit, bool *conflict)
{
    unsigned matches = 0;
    *hit = (struct zap_hit){0};
    int err =
        zap->micro ? zap_micro_find(zap, q, hit, &matches) : zap_fat_find(zap, q, hit, &matches);
    if (conflict != NULL)
        *conflict = matches > 1;
    return err;
}

/* A query for a string; want must have ZAP_NORM_MAX bytes. */
static int query_string(struct zap *zap, const char *name, unsigned match, char *want,
                        struct zap_query *q)
{
    size_t len = strlen(name);
    if (zap->flags & ZAP_FLAG_UINT64_KEY)
        return err_raise(ZE_INVAL, "ZAP object %llu has uint64 keys", zap_object(zap));
    if (len >= ZAP_NAME_MAX)
        return err_raise(ZE_NAMETOOLONG, "name of %zu bytes", len);
    if (match != ZAP_MATCH_EXACT && zap->normflags == 0)
        return err_raise(ZE_NOTSUP, "ZAP object %llu does not normalise", zap_object(zap));
    *q = (struct zap_query){.key = (const uint8_t *)name, .key_len = len + 1};
    int err = zap_hash_name(zap, name, len, &q->hash);
    if (err != 0 || match == ZAP_MATCH_EXACT)
        return err;
    q->norm = (unsigned)zap->normflags;
    if (match & ZAP_MATCH_CASE)
        q->norm &= ~UNICODE_TOUPPER;
    if (q->norm == 0)
        return 0; /* only case was folded, and it counts now */
    err = zap_normalize(q->norm, name, len, want, &q->want_len);
    q->want = want;
    return err;
}

int zap_lookup_match(struct zap *zap, const char *name, unsigned match, unsigned integer_size,
                     uint64_t count, void *buf, char *realname, size_t realname_len, bool *conflict)
{
    struct zap_query q;
    char want[ZAP_NORM_MAX];
    struct zap_hit hit;
    int err = query_string(zap, name, match, want, &q);
    if (err == 0)
        err = zap_find(zap, &q, &hit, conflict);
    if (err != 0)
        return err;
    if (realname != NULL) {
        uint8_t stored[ZAP_NAME_MAX];
        size_t len;
        err = zap_hit_name(zap, &hit, stored, sizeof(stored), &len);
        if (err == 0 && len > realname_len)
            err = err_raise(ZE_RANGE, "name of %zu bytes", len);
        if (err == 0)
            memcpy(realname, stored, len);
    }
    if (err == 0)
        err = zap_hit_value(zap, &hit, integer_size, count, buf, NULL);
    zap_hit_release(zap, &hit);
    return err;
}

int zap_lookup(struct zap *zap, const char *name, unsigned integer_size, uint64_t count, void *buf,
               uint64_t *got)
{
    struct zap_query q;
    struct zap_hit hit;
    int err = query_string(zap, name, ZAP_MATCH_EXACT, NULL, &q);
    if (err == 0)
        err = zap_find(zap, &q, &hit, NULL);
    if (err != 0)
        return err;
    err = zap_hit_value(zap, &hit, integer_size, count, buf, got);
    zap_hit_release(zap, &hit);
    return err;
}

int zap_lookup_key(struct zap *zap, const uint64_t *key, unsigned key_words, unsigned integer_size,
                   uint64_t count, void *buf, uint64_t *got)
{
    uint8_t stored[ZAP_NAME_MAX];
    if (!(zap->flags & ZAP_FLAG_UINT64_KEY) || key_words == 0 || key_words > sizeof(stored) / 8)
        return err_raise(ZE_INVAL, "ZAP object %llu: key of %u words", zap_object(zap), key_words);
    for (unsigned i = 0; i < key_words; i++)
        store_be64(stored + 8 * i, key[i]);
    struct zap_query q = {.key = stored,
                          .key_len = 8 * (size_t)key_words,
                          .hash = zap_hash_words(zap, key, key_words)};
    struct zap_hit hit;
    int err = zap_find(zap, &q, &hit, NULL);
    if (err != 0)
        return err;
    err = zap_hit_value(zap, &hit, integer_size, count, buf, got);
    zap_hit_release(zap, &hit);
    return err;
}

int zap_length(struct zap *zap, const char *name, unsigned *integer_size, uint64_t *count)
{
    struct zap_query q;
    struct zap_hit hit;
    int err = query_string(zap, name, ZAP_MATCH_EXACT, NULL, &q);
    if (err == 0)
        err = zap_find(zap, &q, &hit, NULL);
    if (err != 0)
        return err;
    if (integer_size != NULL)
        *integer_size = zap_hit_intlen(&hit);
    if (count != NULL)
        *count = zap_hit_numints(&hit);
    zap_hit_release(zap, &hit);
    return 0;
}

int zap_get_u64(struct objset *os, uint64_t object, const char *name, uint64_t *v)
{
    struct zap *zap;
    int err = zap_open(os, object, &zap);
    if (err != 0)
        return err;
    err = zap_lookup(zap, name, 8, 1, v, NULL);
    zap_close(zap);
    return err;
}

int zap_value_search(struct zap *zap, uint64_t value, uint64_t mask, char *name, size_t name_len)
{
    struct zap_entry *e AUTO_FREE = malloc(sizeof(*e));
    if (e == NULL)
        return err_raise(ZE_NOMEM, "ZAP entry");
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    int err;
    while ((err = zap_cursor_next(&c, e)) == 0) {
        uint64_t first = e->first;
        if (e->integer_size == 8 && e->count > 0 && (first & mask) == (value & mask))
            break;
    }
    zap_cursor_fini(&c);
    if (err != 0)
        return err;
    if (e->name_len >= name_len)
        return err_raise(ZE_RANGE, "name of %zu bytes", e->name_len);
    memcpy(name, e->name, e->name_len + 1);
    return 0;
}
