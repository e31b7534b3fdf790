/* SPDX-License-Identifier: MIT */
/*
 * The object type table and byte swapping by type (format/dmu.md, "7. Object types and
 * byteswapping").
 */
#include "disk/objtype.h"

#include "base/err.h"
#include "base/span.h"
#include "disk/dnode.h"
#include "disk/objset.h"
#include "disk/sa_phys.h"
#include "disk/zap_phys.h"

#define M  1u
#define C  2u
#define E  4u
#define MC (M | C)
#define ME (M | E)

#define X(num, id, name_, class, flags)                                                            \
    [num] = {name_, OBJTYPE_BSWAP_##class, ((flags)&M) != 0, ((flags)&C) != 0, ((flags)&E) != 0},
static const struct objtype_info objtype_numbered[OBJTYPE_COUNT] = {OBJTYPES(X)};
#undef X

#define CLASS(id, text, meta, crypt)                                                               \
    [OBJTYPE_BSWAP_##id] = {text, OBJTYPE_BSWAP_##id, meta, false, crypt},
/* clang-format off: two entries to a line and back, for ever */
#define CLASSES(meta, crypt)                                                                       \
    {                                                                                              \
        CLASS(UINT8, "uint8", meta, crypt)                                                         \
        CLASS(UINT16, "uint16", meta, crypt)                                                       \
        CLASS(UINT32, "uint32", meta, crypt)                                                       \
        CLASS(UINT64, "uint64", meta, crypt)                                                       \
        CLASS(ZAP, "zap", meta, crypt)                                                             \
        CLASS(DNODE, "dnode", meta, crypt)                                                         \
        CLASS(OBJSET, "objset", meta, crypt)                                                       \
        CLASS(ZNODE, "znode", meta, crypt)                                                         \
        CLASS(OLDACL, "oldacl", meta, crypt) CLASS(ACL, "acl", meta, crypt)                        \
    }
/* clang-format on */
static const struct objtype_info objtype_encoded[2][2][OBJTYPE_BSWAPS] = {
    {CLASSES(false, false), CLASSES(false, true)}, {CLASSES(true, false), CLASSES(true, true)}};

const struct objtype_info *objtype_info(unsigned type)
{
    if (!objtype_is_valid(type))
        return NULL;
    if (type & OBJTYPE_ENCODED)
        return &objtype_encoded[(type & OBJTYPE_ENCODED_META) != 0]
                               [(type & OBJTYPE_ENCODED_CRYPT) != 0][type & 0x1f];
    return &objtype_numbered[type];
}

bool objtype_is_metadata(unsigned type)
{
    const struct objtype_info *info = objtype_info(type);
    return info != NULL && info->metadata;
}

bool objtype_is_encrypted(unsigned type)
{
    const struct objtype_info *info = objtype_info(type);
    return info != NULL && info->encrypted;
}

const char *objtype_name(unsigned type)
{
    const struct objtype_info *info = objtype_info(type);
    return info != NULL ? info->name : "UNKNOWN";
}

int objtype_bswap(unsigned type, void *buf, size_t len)
{
    const struct objtype_info *info = objtype_info(type);
    if (info == NULL)
        return err_raise(ZE_BADOBJ, "byte swap: object type %u does not exist", type);
    switch (info->bswap) {
    case OBJTYPE_BSWAP_UINT16:
        bswap16_array(buf, len & ~(size_t)1);
        break;
    case OBJTYPE_BSWAP_UINT32:
        bswap32_array(buf, len & ~(size_t)3);
        break;
    case OBJTYPE_BSWAP_UINT64:
        bswap64_array(buf, len & ~(size_t)7);
        break;
    case OBJTYPE_BSWAP_ZAP:
        zap_block_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_DNODE:
        dnode_block_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_OBJSET:
        objset_phys_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_ZNODE:
        znode_bonus_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_OLDACL:
        ace_v0_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_ACL:
        ace_bswap(buf, len);
        break;
    case OBJTYPE_BSWAP_UINT8:
    case OBJTYPE_BSWAPS:
        break;
    }
    return 0;
}
