/* SPDX-License-Identifier: MIT */
/*
 * Old znodes, ACLs and system attribute headers (format/zpl-zil.md, "2", "3", "8.2", "8.3").
 */
#include "disk/sa_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(znode_phys, ZNODE_PHYS_FIELDS);

void znode_bonus_bswap(void *bonus, size_t len)
{
    struct znode_phys *zp = bonus;

    if (len < sizeof(*zp)) {
        bswap64_array(bonus, len & ~(size_t)7);
        return;
    }
    znode_phys_bswap(zp);
    if (zp->acl_version == 0)
        ace_v0_bswap(zp->acl_aces, sizeof(zp->acl_aces));
    else
        ace_bswap(zp->acl_aces, sizeof(zp->acl_aces));
}

int znode_phys_validate(const struct znode_phys *zp, size_t bonuslen)
{
    if (bonuslen < sizeof(*zp))
        return err_raise(ZE_BADSA, "znode: bonus of %zu bytes", bonuslen);
    if (zp->acl_version > 1)
        return err_raise(ZE_BADACL, "znode: ACL version %u", zp->acl_version);
    if (zp->acl_extern_obj != 0)
        return 0;
    if (zp->acl_version == 0)
        return zp->acl_size <= ZNODE_ACL_EMBEDDED / ACE_V0_SIZE
                   ? 0
                   : err_raise(ZE_BADACL, "znode: %" PRIu32 " embedded ACEs", zp->acl_size);
    if (zp->acl_size > ZNODE_ACL_EMBEDDED)
        return err_raise(ZE_BADACL, "znode: embedded ACL of %" PRIu32 " bytes", zp->acl_size);
    return 0;
}

/* --- ACEs --- */

static bool ace_is_special(unsigned flags)
{
    unsigned who = flags & ACE_WHO_MASK;
    return who == ACE_FLAG_OWNER || who == (ACE_FLAG_GROUP | ACE_FLAG_IDGROUP) ||
           who == ACE_FLAG_EVERYONE;
}

size_t ace_size(unsigned type, unsigned flags)
{
    if (type >= ACE_ALLOW_OBJECT && type <= ACE_ALARM_OBJECT)
        return ACE_SIZE_MAX;
    return (type == ACE_ALLOW || type == ACE_DENY) && ace_is_special(flags) ? ACE_SIZE_MIN : 16;
}

static int ace_decode_v0(struct span left, size_t *pos, struct ace *ace)
{
    if (left.len < ACE_V0_SIZE)
        return ZE_NOENT;
    uint32_t who = load_ne32(left.data);
    *ace = (struct ace){.type = load_ne16(left.data + 10),
                        .flags = load_ne16(left.data + 8),
                        .mask = load_ne32(left.data + 4),
                        .fuid = who == UINT32_MAX ? UINT64_MAX : who};
    *pos += ACE_V0_SIZE;
    return 0;
}

static int ace_decode(struct span left, size_t *pos, struct ace *ace)
{
    if (left.len < ACE_SIZE_MIN)
        return ZE_NOENT;
    *ace = (struct ace){.type = load_ne16(left.data),
                        .flags = load_ne16(left.data + 2),
                        .mask = load_ne32(left.data + 4),
                        .fuid = UINT64_MAX};
    size_t size = ace_size(ace->type, ace->flags);
    if (size > left.len)
        return err_raise(ZE_BADACL, "ACL: entry of type %u needs %zu bytes, %zu left", ace->type,
                         size, left.len);
    if (size >= 16)
        ace->fuid = load_ne64(left.data + 8);
    if (size == ACE_SIZE_MAX) {
        memcpy(ace->object_guid, left.data + 16, 16);
        memcpy(ace->inherit_guid, left.data + 32, 16);
    }
    *pos += size;
    return 0;
}

int ace_next(struct span acl, unsigned version, size_t *pos, struct ace *ace)
{
    struct span left;
    if (*pos > acl.len || !span_sub(acl, *pos, acl.len - *pos, &left))
        return ZE_NOENT;
    return version == 0 ? ace_decode_v0(left, pos, ace) : ace_decode(left, pos, ace);
}

int acl_validate(struct span acl, unsigned version, uint64_t count)
{
    size_t pos = 0;
    struct ace ace;

    if (version > 1)
        return err_raise(ZE_BADACL, "ACL: version %u", version);
    for (uint64_t i = 0; i < count; i++) {
        int err = ace_next(acl, version, &pos, &ace);
        if (err == ZE_NOENT)
            return err_raise(ZE_BADACL, "ACL: %" PRIu64 " of %" PRIu64 " entries", i, count);
        if (err != 0)
            return err;
        if (ace.type > ACE_CALLBACK_LAST)
            return err_raise(ZE_BADACL, "ACL: entry %" PRIu64 " has type %u", i, ace.type);
    }
    return 0;
}

void ace_v0_bswap(void *acl, size_t len)
{
    uint8_t *p = acl;
    for (; len >= ACE_V0_SIZE; len -= ACE_V0_SIZE, p += ACE_V0_SIZE) {
        bswap32_array(p, 8);
        bswap16_array(p + 8, 4);
    }
}

void ace_bswap(void *acl, size_t len)
{
    uint8_t *p = acl;
    while (len >= ACE_SIZE_MIN) {
        bswap16_array(p, 4);
        bswap32_array(p + 4, 4);
        size_t size = ace_size(load_ne16(p), load_ne16(p + 2));
        if (size > len)
            return;
        if (size >= 16)
            bswap64_array(p + 8, 8);
        p += size;
        len -= size;
    }
}

/* --- system attributes --- */

static uint16_t sa_u16(const uint8_t *p, bool swapped)
{
    uint16_t v = load_ne16(p);
    return swapped ? __builtin_bswap16(v) : v;
}

int sa_header_decode(struct span buf, struct sa_header *out)
{
    if (buf.len < SA_HEADER_MIN)
        return err_raise(ZE_BADSA, "system attributes: %zu bytes", buf.len);
    uint32_t magic = load_ne32(buf.data);
    uint16_t info = load_ne16(buf.data + 4);
    *out = (struct sa_header){SA_LAYOUT_EMPTY, SA_HEADER_MIN, 1, false};
    if (magic == 0 && info == 0)
        return 0;
    if (magic == __builtin_bswap32(SA_MAGIC))
        out->swapped = true;
    else if (magic != SA_MAGIC)
        return err_raise(ZE_BADSA, "system attributes: magic %" PRIx32, magic);
    info = sa_u16(buf.data + 4, out->swapped);
    out->layout = info & SA_MAX_LAYOUT;
    out->header_size = (unsigned)(info >> SA_LAYOUT_BITS) * 8;
    if (out->header_size < SA_HEADER_MIN || out->header_size > buf.len)
        return err_raise(ZE_BADSA, "system attributes: header of %u bytes in %zu", out->header_size,
                         buf.len);
    out->nlengths = (out->header_size - 6) / 2;
    return 0;
}

uint16_t sa_header_length(struct span buf, const struct sa_header *h, unsigned i)
{
    return i < h->nlengths && 8 + 2 * (size_t)i <= buf.len
               ? sa_u16(buf.data + 6 + 2 * i, h->swapped)
               : 0;
}

int sa_layout_locate(struct span buf, const struct sa_header *h, const uint16_t *lengths,
                     unsigned count, struct sa_extent *out)
{
    uint64_t offset = h->header_size;
    unsigned var = 0;

    for (unsigned i = 0; i < count; i++) {
        uint32_t length = lengths[i];
        if (length == 0) {
            if (var >= h->nlengths)
                return err_raise(ZE_BADSA,
                                 "system attributes: layout %u needs more than %u lengths",
                                 h->layout, h->nlengths);
            length = sa_header_length(buf, h, var++);
        }
        if (offset > buf.len || length > buf.len - offset)
            return err_raise(ZE_BADSA,
                             "system attributes: attribute %u of layout %u (%" PRIu32
                             " bytes) does not fit into %zu",
                             i, h->layout, length, buf.len);
        out[i] = (struct sa_extent){(uint32_t)offset, length};
        offset = round_up_pow2(offset + length, 8);
    }
    return 0;
}

unsigned sa_header_size(unsigned nvar)
{
    return SA_HEADER_MIN + (nvar > 1 ? (unsigned)round_up_pow2((nvar - 1) * 2u, 8) : 0);
}

void sa_header_encode(uint8_t *buf, unsigned layout, const uint16_t *var_lengths, unsigned nvar)
{
    unsigned size = sa_header_size(nvar);

    memset(buf, 0, size);
    store_ne32(buf, SA_MAGIC);
    store_ne16(buf + 4, (uint16_t)(layout | (size / 8) << SA_LAYOUT_BITS));
    for (unsigned i = 0; i < nvar; i++)
        store_ne16(buf + 6 + 2 * i, var_lengths[i]);
}

void sa_attr_copy(void *dst, const void *src, size_t len, enum sa_bswap bswap, bool swapped)
{
    memmove(dst, src, len);
    if (!swapped)
        return;
    switch (bswap) {
    case SA_BSWAP_UINT64:
        bswap64_array(dst, len & ~(size_t)7);
        break;
    case SA_BSWAP_UINT32:
        bswap32_array(dst, len & ~(size_t)3);
        break;
    case SA_BSWAP_UINT16:
        bswap16_array(dst, len & ~(size_t)1);
        break;
    case SA_BSWAP_ACL:
        ace_bswap(dst, len);
        break;
    case SA_BSWAP_UINT8:
        break;
    }
}
