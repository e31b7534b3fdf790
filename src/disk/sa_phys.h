/* SPDX-License-Identifier: MIT */
/*
 * How files keep their attributes: the old znode, system attribute headers, and ACLs in both
 * encodings (format/zpl-zil.md, "2 Legacy znode_phys", "3 System attributes", "8.2", "8.3").
 * Callers: zpl/, inspect/. znodes and ACL objects are in host order (swapped by type); SA buffers
 * keep their writer's order, which their magic tells, and are read through sa_header_decode().
 */
#ifndef ZUSE_DISK_SA_PHYS_H
#define ZUSE_DISK_SA_PHYS_H

#include "disk/fields.h"

/* --- legacy znode (bonus type 17) --- */

#define ZNODE_ACL_EMBEDDED 72u
#define ZNODE_PHYS_FIELDS(F, S)                                                                    \
    F(S, 0, U64, atime, [2], DEC)                                                                  \
    F(S, 16, U64, mtime, [2], DEC)                                                                 \
    F(S, 32, U64, ctime, [2], DEC)                                                                 \
    F(S, 48, U64, crtime, [2], DEC)                                                                \
    F(S, 64, U64, gen, , DEC)                                                                      \
    F(S, 72, U64, mode, , DEC)                                                                     \
    F(S, 80, U64, size, , DEC)                                                                     \
    F(S, 88, U64, parent, , DEC)                                                                   \
    F(S, 96, U64, links, , DEC)                                                                    \
    F(S, 104, U64, xattr, , DEC)                                                                   \
    F(S, 112, U64, rdev, , HEX)                                                                    \
    F(S, 120, U64, flags, , HEX)                                                                   \
    F(S, 128, U64, uid, , DEC)                                                                     \
    F(S, 136, U64, gid, , DEC)                                                                     \
    F(S, 144, U64, zap, , DEC)                                                                     \
    F(S, 152, U64, pad, [3], NONE)                                                                 \
    F(S, 176, U64, acl_extern_obj, , DEC)                                                          \
    F(S, 184, U32, acl_size, , DEC) /* v1: bytes of ACEs; v0: their number */                      \
    F(S, 188, U16, acl_version, , DEC)                                                             \
    F(S, 190, U16, acl_count, , DEC)                                                               \
    F(S, 192, U8, acl_aces, [ZNODE_ACL_EMBEDDED], NONE)
LAYOUT_STRUCT(znode_phys, 264, ZNODE_PHYS_FIELDS);

/* Whole bonus: znode with its embedded ACEs by version; what follows (symlink text) stays. */
void znode_bonus_bswap(void *bonus, size_t len);
/* Sizes and ACL bounds. ZE_BADSA, ZE_BADACL. */
int znode_phys_validate(const struct znode_phys *zp, size_t bonuslen);

/* --- ACEs --- */

#define ACE_V0_SIZE     12u
#define ACE_SIZE_MIN    8u
#define ACE_SIZE_MAX    48u
#define ACE_MAX_ENTRIES 1024u

#define ACE_FLAG_OWNER    0x1000u
#define ACE_FLAG_GROUP    0x2000u
#define ACE_FLAG_EVERYONE 0x4000u
#define ACE_FLAG_IDGROUP  0x0040u
#define ACE_WHO_MASK      0x7040u /* flags that say whom the entry is about */

enum ace_type {
    ACE_ALLOW,
    ACE_DENY,
    ACE_AUDIT,
    ACE_ALARM,
    ACE_ALLOW_COMPOUND,
    ACE_ALLOW_OBJECT,
    ACE_DENY_OBJECT,
    ACE_AUDIT_OBJECT,
    ACE_ALARM_OBJECT,
    ACE_CALLBACK_FIRST,
    ACE_CALLBACK_LAST = 16
};

struct ace {
    uint16_t type, flags;
    uint32_t mask;
    uint64_t fuid; /* UINT64_MAX for owner@, group@, everyone@ */
    uint8_t object_guid[16], inherit_guid[16];
};

/* Bytes a version 1 entry of this type and flags takes. */
size_t ace_size(unsigned type, unsigned flags);
/*
 * Step through ACEs: fill *ace from acl at *pos and advance. ZE_NOENT at the end (fewer bytes left
 * than the smallest entry), ZE_BADACL if an entry does not fit. version 0 or 1.
 */
int ace_next(struct span acl, unsigned version, size_t *pos, struct ace *ace);
/* count entries present and well formed? ZE_BADACL. */
int acl_validate(struct span acl, unsigned version, uint64_t count);
void ace_bswap(void *acl, size_t len);    /* version 1 entries */
void ace_v0_bswap(void *acl, size_t len); /* version 0 entries */

/* --- system attributes (bonus and spill type 44) --- */

#define SA_MAGIC        0x2f505au
#define SA_LAYOUT_BITS  10u
#define SA_MAX_LAYOUT   ((1u << SA_LAYOUT_BITS) - 1)
#define SA_LAYOUT_EMPTY 1u /* built in: no attributes */
#define SA_HEADER_MIN   8u

/* Swap classes of attributes in the registry (3.2). */
enum sa_bswap { SA_BSWAP_UINT64, SA_BSWAP_UINT32, SA_BSWAP_UINT16, SA_BSWAP_UINT8, SA_BSWAP_ACL };

struct sa_header {
    unsigned layout;      /* layout number */
    unsigned header_size; /* bytes; attributes start here */
    unsigned nlengths;    /* 16-bit lengths there is room for */
    bool swapped;         /* the buffer is in the other byte order */
};
struct sa_extent {
    uint32_t offset, length; /* bytes in the buffer */
};

/* ZE_BADSA: too short, wrong magic, header larger than the buffer. All zero: layout 1, 8 bytes. */
int sa_header_decode(struct span buf, struct sa_header *out);
uint16_t sa_header_length(struct span buf, const struct sa_header *h,
                          unsigned i); /* i < nlengths */
/*
 * Where each attribute of a layout is. lengths[i]: registered length of the layout's i-th
 * attribute, 0 for variable. out[count]. ZE_BADSA if one lies outside buf or the header has too few
 * lengths.
 */
int sa_layout_locate(struct span buf, const struct sa_header *h, const uint16_t *lengths,
                     unsigned count, struct sa_extent *out);
/* Bytes the header of a layout with nvar variable-length attributes takes. */
unsigned sa_header_size(unsigned nvar);
void sa_header_encode(uint8_t *buf, unsigned layout, const uint16_t *var_lengths, unsigned nvar);
/* Copy one attribute in host order by its swap class. */
void sa_attr_copy(void *dst, const void *src, size_t len, enum sa_bswap bswap, bool swapped);

#endif
