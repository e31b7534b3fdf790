/* SPDX-License-Identifier: MIT */
/*
 * Intent log blocks and records: byte order, bounds, taking apart (format/zpl-zil.md, "14").
 */
#include "disk/zil_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(zil_header_phys, ZIL_HEADER_PHYS_FIELDS);
LAYOUT_DEFINE(zil_chain_phys, ZIL_CHAIN_PHYS_FIELDS);
LAYOUT_DEFINE(lr_head, LR_HEAD_FIELDS);
LAYOUT_DEFINE(lr_create, LR_CREATE_FIELDS);
LAYOUT_DEFINE(lr_create_acl, LR_CREATE_ACL_FIELDS);
LAYOUT_DEFINE(lr_remove, LR_REMOVE_FIELDS);
LAYOUT_DEFINE(lr_link, LR_LINK_FIELDS);
LAYOUT_DEFINE(lr_rename, LR_RENAME_FIELDS);
LAYOUT_DEFINE(lr_rename_whiteout, LR_RENAME_WHITEOUT_FIELDS);
LAYOUT_DEFINE(lr_write, LR_WRITE_FIELDS);
LAYOUT_DEFINE(lr_truncate, LR_TRUNCATE_FIELDS);
LAYOUT_DEFINE(lr_setattr, LR_SETATTR_FIELDS);
LAYOUT_DEFINE(lr_setsaxattr, LR_SETSAXATTR_FIELDS);
LAYOUT_DEFINE(lr_acl_v0, LR_ACL_V0_FIELDS);
LAYOUT_DEFINE(lr_acl, LR_ACL_FIELDS);
LAYOUT_DEFINE(lr_clone_range, LR_CLONE_RANGE_FIELDS);
LAYOUT_DEFINE(lr_xvattr, LR_XVATTR_FIELDS);

/* The fixed part of each record type; NULL: no such type. */
static const struct layout *zil_layout(unsigned type)
{
    switch (type) {
    case ZIL_TX_CREATE:
    case ZIL_TX_MKDIR:
    case ZIL_TX_MKXATTR:
    case ZIL_TX_SYMLINK:
    case ZIL_TX_CREATE_ATTR:
    case ZIL_TX_MKDIR_ATTR:
        return &lr_create_layout;
    case ZIL_TX_CREATE_ACL:
    case ZIL_TX_CREATE_ACL_ATTR:
    case ZIL_TX_MKDIR_ACL:
    case ZIL_TX_MKDIR_ACL_ATTR:
        return &lr_create_acl_layout;
    case ZIL_TX_REMOVE:
    case ZIL_TX_RMDIR:
        return &lr_remove_layout;
    case ZIL_TX_LINK:
        return &lr_link_layout;
    case ZIL_TX_RENAME:
    case ZIL_TX_RENAME_EXCHANGE:
        return &lr_rename_layout;
    case ZIL_TX_RENAME_WHITEOUT:
        return &lr_rename_whiteout_layout;
    case ZIL_TX_WRITE:
    case ZIL_TX_WRITE2:
        return &lr_write_layout;
    case ZIL_TX_TRUNCATE:
        return &lr_truncate_layout;
    case ZIL_TX_SETATTR:
        return &lr_setattr_layout;
    case ZIL_TX_ACL_V0:
        return &lr_acl_v0_layout;
    case ZIL_TX_ACL:
        return &lr_acl_layout;
    case ZIL_TX_SETSAXATTR:
        return &lr_setsaxattr_layout;
    case ZIL_TX_CLONE_RANGE:
        return &lr_clone_range_layout;
    default:
        return NULL;
    }
}

const char *zil_txtype_name(uint64_t txtype)
{
    static const char *const names[ZIL_TX_COUNT] = {
#define X(num, id, name) [num] = name,
        ZIL_TXTYPES(X)
#undef X
    };
    uint64_t type = txtype & ~ZIL_CI;
    return type > 0 && type < ZIL_TX_COUNT ? names[type] : "UNKNOWN";
}

static bool zil_has_attr(unsigned type)
{
    return type == ZIL_TX_CREATE_ATTR || type == ZIL_TX_MKDIR_ATTR ||
           type == ZIL_TX_CREATE_ACL_ATTR || type == ZIL_TX_MKDIR_ACL_ATTR;
}

/* --- byte order --- */

static void xvattr_swap(uint8_t *p, uint8_t *end)
{
    if ((size_t)(end - p) < sizeof(struct lr_xvattr))
        return;
    struct lr_xvattr *xv = (struct lr_xvattr *)p;
    lr_xvattr_bswap(xv);
    if (xv->bitmap[0] & LR_XAT_PROJID)
        bswap64_array(xv->scanstamp, 8);
}

static void record_aces_swap(uint8_t *p, uint8_t *end, uint64_t count)
{
    for (; count > 0 && (size_t)(end - p) >= LR_ACE_SIZE; count--) {
        bswap32_array(p, 8);
        bswap16_array(p + 8, 4);
        unsigned type = load_ne16(p + 10);
        size_t size = type >= 5 && type <= 8 ? LR_ACE_OBJECT_SIZE : LR_ACE_SIZE;
        if (size > (size_t)(end - p))
            return;
        p += size;
    }
}

/* FUIDs lie after the ACEs; bounds as in parse_acl(). */
static void record_fuids_swap(uint8_t *p, uint8_t *end, uint64_t acl_bytes, uint64_t count)
{
    uint64_t left = (uint64_t)(end - p);
    acl_bytes = round_up_pow2(min_of(acl_bytes, left), 8);
    if (acl_bytes <= left && count <= (left - acl_bytes) / 8)
        bswap64_array(p + acl_bytes, (size_t)count * 8);
}

static void record_tail_swap(unsigned type, uint8_t *rec, uint8_t *tail, uint8_t *end)
{
    if (zil_has_attr(type)) {
        xvattr_swap(tail, end);
        tail += min_of((size_t)(end - tail), sizeof(struct lr_xvattr));
    }
    switch (type) {
    case ZIL_TX_SETATTR:
        if (((const struct lr_setattr *)rec)->mask & LR_SETATTR_XVATTR)
            xvattr_swap(tail, end);
        break;
    case ZIL_TX_CREATE_ACL:
    case ZIL_TX_CREATE_ACL_ATTR:
    case ZIL_TX_MKDIR_ACL:
    case ZIL_TX_MKDIR_ACL_ATTR: {
        const struct lr_create_acl *lr = (const struct lr_create_acl *)rec;
        record_aces_swap(tail, end, lr->aclcnt);
        record_fuids_swap(tail, end, lr->acl_bytes, lr->fuidcnt);
        break;
    }
    case ZIL_TX_ACL: {
        const struct lr_acl *lr = (const struct lr_acl *)rec;
        record_aces_swap(tail, end, lr->aclcnt);
        record_fuids_swap(tail, end, lr->acl_bytes, lr->fuidcnt);
        break;
    }
    case ZIL_TX_ACL_V0:
        record_aces_swap(tail, end, ((const struct lr_acl_v0 *)rec)->aclcnt);
        break;
    case ZIL_TX_CLONE_RANGE:
        bswap64_array(tail, (size_t)(end - tail) & ~(size_t)7);
        break;
    default:
        break;
    }
}

static void record_swap(uint8_t *rec, size_t len)
{
    unsigned type = (unsigned)(__builtin_bswap64(load_ne64(rec)) & 0xff);
    const struct layout *l = zil_layout(type);

    if (l == NULL || l->size > len) {
        lr_head_bswap((struct lr_head *)rec);
        return;
    }
    layout_bswap(l, rec);
    record_tail_swap(type, rec, rec + l->size, rec + len);
}

static void records_swap(uint8_t *p, size_t len)
{
    while (len >= sizeof(struct lr_head)) {
        uint64_t reclen = __builtin_bswap64(load_ne64(p + 8));
        if (reclen < sizeof(struct lr_head) || reclen > len || reclen % 8 != 0)
            return; /* zil_record_next() finds the same */
        record_swap(p, (size_t)reclen);
        p += reclen;
        len -= (size_t)reclen;
    }
}

int zil_block_load(void *block, size_t len, enum checksum_id cksum, bool swapped,
                   struct zil_chain_phys **chain, struct span *records)
{
    uint8_t *first = block;

    if (len < ZIL_MIN_BLOCK || len % 8 != 0)
        return err_raise(ZE_BADZIL, "log block of %zu bytes", len);
    bool leads = cksum == CHECKSUM_ZILOG2;
    struct zil_chain_phys *zc =
        (struct zil_chain_phys *)(leads ? first : first + len - ZIL_CHAIN_SIZE);
    if (swapped)
        zil_chain_phys_bswap(zc);
    uint64_t least = leads ? ZIL_CHAIN_SIZE : 0, most = leads ? len : len - ZIL_CHAIN_SIZE;
    if (zc->nused < least || zc->nused > most)
        return err_raise(ZE_BADZIL, "log block: nused %" PRIu64 " of %zu", zc->nused, len);
    size_t bytes = (size_t)(zc->nused - least);
    if (leads)
        first += ZIL_CHAIN_SIZE;
    if (swapped)
        records_swap(first, bytes);
    *chain = zc;
    *records = span_of(first, bytes);
    return 0;
}

bool zil_chain_follows(const struct blkptr *bp, const struct blkptr *next)
{
    const uint64_t *a = bp->cksum.word, *b = next->cksum.word;
    return !bp_is_hole(next) && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] + 1 == b[3];
}

int zil_record_next(struct span records, size_t *pos, struct span *record)
{
    if (*pos >= records.len)
        return ZE_NOENT;
    if (records.len - *pos < sizeof(struct lr_head))
        return err_raise(ZE_BADZIL, "log block: %zu bytes after the last record",
                         records.len - *pos);
    uint64_t reclen = load_ne64(records.data + *pos + 8);
    if (reclen < sizeof(struct lr_head) || reclen % 8 != 0 ||
        !span_sub(records, *pos, reclen, record))
        return err_raise(ZE_BADZIL, "log record: length %" PRIu64, reclen);
    *pos += (size_t)reclen;
    return 0;
}

/* --- taking apart --- */

struct cursor {
    struct span left;
    const struct zil_record *rec;
};

static int record_bad(const struct zil_record *rec, const char *what)
{
    return err_raise(ZE_BADZIL, "log record %" PRIu64 " (%s): %s", rec->head->seq,
                     zil_txtype_name(rec->head->txtype), what);
}

static int take(struct cursor *c, uint64_t len, const char *what, struct span *out)
{
    if (!span_sub(c->left, 0, len, out))
        return record_bad(c->rec, what);
    c->left = span_of(c->left.data + len, c->left.len - (size_t)len);
    return 0;
}

static int take_string(struct cursor *c, const char *what, const char **out)
{
    const uint8_t *end = c->left.len == 0 ? NULL : memchr(c->left.data, '\0', c->left.len);
    struct span s = {NULL, 0};

    if (end == NULL)
        return record_bad(c->rec, what);
    int err = take(c, (uint64_t)(end - c->left.data) + 1, what, &s);
    *out = (const char *)s.data;
    return err;
}

static int take_xvattr(struct cursor *c, struct zil_record *out)
{
    struct span s = {NULL, 0};
    int err = take(c, sizeof(struct lr_xvattr), "xvattr section", &s);
    if (err != 0)
        return err;
    out->xvattr = (const struct lr_xvattr *)s.data;
    return out->xvattr->masksize == 3 ? 0 : record_bad(out, "xvattr masksize");
}

/* Length of aclcnt ACEs: TX_CREATE_ACL has acl_bytes 0 when written by OpenZFS. */
static int measure_aces(struct cursor *c, uint64_t count, uint64_t *bytes)
{
    uint64_t pos = 0;
    for (; count > 0; count--) {
        if (pos > c->left.len || c->left.len - pos < LR_ACE_SIZE)
            return record_bad(c->rec, "ACL");
        unsigned type = load_ne16(c->left.data + pos + 10);
        pos += type >= 5 && type <= 8 ? LR_ACE_OBJECT_SIZE : LR_ACE_SIZE;
    }
    *bytes = pos;
    return 0;
}

static int take_acl(struct cursor *c, uint64_t aclcnt, uint64_t fuidcnt, struct zil_record *out)
{
    uint64_t bytes = 0;
    struct span padded = {NULL, 0}, fuids = {NULL, 0};
    int err = measure_aces(c, aclcnt, &bytes);
    if (err == 0)
        err = take(c, round_up_pow2(bytes, 8), "ACL", &padded);
    if (err != 0)
        return err;
    out->aces = span_of(padded.data, (size_t)bytes);
    if (fuidcnt > c->left.len / 8)
        return record_bad(c->rec, "FUIDs");
    err = take(c, fuidcnt * 8, "FUIDs", &fuids);
    out->fuids = (const uint64_t *)fuids.data;
    return err;
}

static int take_domains(struct cursor *c, uint64_t count, struct zil_record *out)
{
    const uint8_t *start = c->left.data;
    const char *domain;

    for (; count > 0; count--) {
        int err = take_string(c, "FUID domain", &domain);
        if (err != 0)
            return err;
    }
    out->domains = span_of(start, (size_t)(c->left.data - start));
    return 0;
}

/* Domains named by uid and gid: one string for each distinct non-zero index. */
static uint64_t owner_domains(uint64_t uid, uint64_t gid)
{
    uint64_t u = uid >> 32, g = gid >> 32;
    return (u != 0) + (g != 0 && g != u);
}

static int parse_create(struct cursor *c, struct zil_record *out)
{
    unsigned type = out->type;
    bool acl = type == ZIL_TX_CREATE_ACL || type == ZIL_TX_CREATE_ACL_ATTR ||
               type == ZIL_TX_MKDIR_ACL || type == ZIL_TX_MKDIR_ACL_ATTR;
    uint64_t domains = 0;
    int err = 0;

    if (zil_has_attr(type))
        err = take_xvattr(c, out);
    if (err == 0 && acl) {
        err = take_acl(c, out->create_acl->aclcnt, out->create_acl->fuidcnt, out);
        domains = out->create_acl->domcnt;
    } else if (type == ZIL_TX_CREATE || type == ZIL_TX_CREATE_ATTR || type == ZIL_TX_MKDIR_ATTR) {
        domains = owner_domains(out->create->uid, out->create->gid);
    }
    if (err == 0)
        err = take_domains(c, domains, out);
    if (err == 0)
        err = take_string(c, "name", &out->name);
    if (err == 0 && type == ZIL_TX_SYMLINK)
        err = take_string(c, "symlink target", &out->name2);
    return err;
}

static int parse_write(struct cursor *c, struct zil_record *out)
{
    /* Nothing behind the fixed part: the data is in the block that lr_blkptr points to. */
    if (c->left.len == 0)
        return bp_validate(&out->write->blkptr) == 0 ? 0 : record_bad(out, "block pointer");
    if (out->type == ZIL_TX_WRITE2)
        return 0;
    return take(c, out->write->length, "length", &out->data);
}

static int parse_setattr(struct cursor *c, struct zil_record *out)
{
    int err = 0;
    if (out->setattr->mask & LR_SETATTR_XVATTR)
        err = take_xvattr(c, out);
    if (err != 0)
        return err;
    uint64_t uid = out->setattr->mask & LR_SETATTR_UID ? out->setattr->uid : 0;
    uint64_t gid = out->setattr->mask & LR_SETATTR_GID ? out->setattr->gid : 0;
    return take_domains(c, owner_domains(uid, gid), out);
}

static int parse_clone(struct cursor *c, struct zil_record *out)
{
    struct span bps = {NULL, 0};
    uint64_t n = out->clone->nbps;

    if (n > c->left.len / sizeof(struct blkptr))
        return record_bad(out, "nbps");
    int err = take(c, n * sizeof(struct blkptr), "nbps", &bps);
    out->bps = (const struct blkptr *)bps.data;
    for (uint64_t i = 0; err == 0 && i < n; i++)
        if (bp_validate(&out->bps[i]) != 0)
            err = record_bad(out, "block pointer");
    return err;
}

static int parse_tail(struct cursor *c, struct zil_record *out)
{
    int err;

    switch (out->type) {
    case ZIL_TX_REMOVE:
    case ZIL_TX_RMDIR:
    case ZIL_TX_LINK:
        return take_string(c, "name", &out->name);
    case ZIL_TX_RENAME:
    case ZIL_TX_RENAME_EXCHANGE:
    case ZIL_TX_RENAME_WHITEOUT:
        err = take_string(c, "source name", &out->name);
        return err != 0 ? err : take_string(c, "target name", &out->name2);
    case ZIL_TX_WRITE:
    case ZIL_TX_WRITE2:
        return parse_write(c, out);
    case ZIL_TX_TRUNCATE:
        return 0;
    case ZIL_TX_SETATTR:
        return parse_setattr(c, out);
    case ZIL_TX_SETSAXATTR:
        err = take_string(c, "name", &out->name);
        return err != 0 ? err : take(c, out->setsaxattr->size, "size", &out->data);
    case ZIL_TX_ACL_V0:
        return take_acl(c, out->acl_v0->aclcnt, 0, out);
    case ZIL_TX_ACL:
        err = take_acl(c, out->acl->aclcnt, out->acl->fuidcnt, out);
        return err != 0 ? err : take_domains(c, out->acl->domcnt, out);
    case ZIL_TX_CLONE_RANGE:
        return parse_clone(c, out);
    default:
        return parse_create(c, out);
    }
}

int zil_record_parse(struct span record, struct zil_record *out)
{
    memset(out, 0, sizeof(*out));
    if (record.len < sizeof(struct lr_head))
        return err_raise(ZE_BADZIL, "log record of %zu bytes", record.len);
    out->fixed = record.data;
    uint64_t type = out->head->txtype & ~ZIL_CI;
    const struct layout *l = type < ZIL_TX_COUNT ? zil_layout((unsigned)type) : NULL;
    if (l == NULL)
        return record_bad(out, "unknown type");
    if (record.len < l->size)
        return record_bad(out, "too short");
    out->type = (enum zil_txtype)type;
    out->case_insensitive = (out->head->txtype & ZIL_CI) != 0;
    struct cursor c = {span_of(record.data + l->size, record.len - l->size), out};
    return parse_tail(&c, out);
}
