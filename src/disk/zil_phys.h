/* SPDX-License-Identifier: MIT */
/*
 * The intent log as stored: header in the objset, chain header of a log block, all records
 * (format/zpl-zil.md, "14. ZIL: on-disk format and records"). Callers: zil/, zpl/ and zvol/
 * (replay), dmu/ (header), inspect/. Blocks are verified and decrypted first, then zil_block_load()
 * puts the chain header and every record of a block into host order; names and data stay bytes.
 */
#ifndef ZUSE_DISK_ZIL_PHYS_H
#define ZUSE_DISK_ZIL_PHYS_H

#include "disk/fields.h"

#define ZIL_HEADER_PHYS_FIELDS(F, S)                                                               \
    F(S, 0, U64, claim_txg, , DEC)                                                                 \
    F(S, 8, U64, replay_seq, , DEC)                                                                \
    F(S, 16, BP, log, , AUTO)                                                                      \
    F(S, 144, U64, claim_blk_seq, , DEC)                                                           \
    F(S, 152, U64, flags, , HEX)                                                                   \
    F(S, 160, U64, claim_lr_seq, , DEC)                                                            \
    F(S, 168, U64, pad, [3], NONE)
LAYOUT_STRUCT(zil_header_phys, 192, ZIL_HEADER_PHYS_FIELDS);
#define ZIL_FLAG_REPLAY_NEEDED      1u
#define ZIL_FLAG_CLAIM_LR_SEQ_VALID 2u

#define ZIL_CHAIN_PHYS_FIELDS(F, S)                                                                \
    F(S, 0, U64, pad, , NONE)                                                                      \
    F(S, 8, BP, next_blk, , AUTO)                                                                  \
    F(S, 136, U64, nused, , DEC)                                                                   \
    F(S, 144, U64, magic, , HEX)                                                                   \
    F(S, 152, CKSUM, cksum, , AUTO)
LAYOUT_STRUCT(zil_chain_phys, 184, ZIL_CHAIN_PHYS_FIELDS);
#define ZIL_CHAIN_SIZE 184u
#define ZIL_MIN_BLOCK  512u /* of old pools; 4096 in new ones */

#define ZIL_CI ((uint64_t)1 << 63) /* in txtype: case-insensitive behaviour was asked for */

/* X(number, ID, name as zdb prints it) */
#define ZIL_TXTYPES(X)                                                                             \
    X(1, CREATE, "TX_CREATE")                                                                      \
    X(2, MKDIR, "TX_MKDIR")                                                                        \
    X(3, MKXATTR, "TX_MKXATTR")                                                                    \
    X(4, SYMLINK, "TX_SYMLINK")                                                                    \
    X(5, REMOVE, "TX_REMOVE")                                                                      \
    X(6, RMDIR, "TX_RMDIR")                                                                        \
    X(7, LINK, "TX_LINK")                                                                          \
    X(8, RENAME, "TX_RENAME")                                                                      \
    X(9, WRITE, "TX_WRITE")                                                                        \
    X(10, TRUNCATE, "TX_TRUNCATE")                                                                 \
    X(11, SETATTR, "TX_SETATTR")                                                                   \
    X(12, ACL_V0, "TX_ACL_V0")                                                                     \
    X(13, ACL, "TX_ACL_ACL")                                                                       \
    X(14, CREATE_ACL, "TX_CREATE_ACL")                                                             \
    X(15, CREATE_ATTR, "TX_CREATE_ATTR")                                                           \
    X(16, CREATE_ACL_ATTR, "TX_CREATE_ACL_ATTR")                                                   \
    X(17, MKDIR_ACL, "TX_MKDIR_ACL")                                                               \
    X(18, MKDIR_ATTR, "TX_MKDIR_ATTR")                                                             \
    X(19, MKDIR_ACL_ATTR, "TX_MKDIR_ACL_ATTR")                                                     \
    X(20, WRITE2, "TX_WRITE2")                                                                     \
    X(21, SETSAXATTR, "TX_SETSAXATTR")                                                             \
    X(22, RENAME_EXCHANGE, "TX_RENAME_EXCHANGE")                                                   \
    X(23, RENAME_WHITEOUT, "TX_RENAME_WHITEOUT")                                                   \
    X(24, CLONE_RANGE, "TX_CLONE_RANGE")
enum zil_txtype {
#define X(num, id, name) ZIL_TX_##id = num,
    ZIL_TXTYPES(X)
#undef X
        ZIL_TX_COUNT
};

/* --- records: each begins with the 32-byte head --- */

#define LR_HEAD_FIELDS(F, S)                                                                       \
    F(S, 0, U64, txtype, , HEX)                                                                    \
    F(S, 8, U64, reclen, , DEC)                                                                    \
    F(S, 16, U64, txg, , DEC)                                                                      \
    F(S, 24, U64, seq, , DEC)
LAYOUT_STRUCT(lr_head, 32, LR_HEAD_FIELDS);

#define LR_CREATE_FIELDS(F, S)                                                                     \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, doid, , DEC)                                                                     \
    F(S, 40, U64, foid, , DEC)                                                                     \
    F(S, 48, U64, mode, , HEX)                                                                     \
    F(S, 56, U64, uid, , DEC)                                                                      \
    F(S, 64, U64, gid, , DEC)                                                                      \
    F(S, 72, U64, gen, , DEC)                                                                      \
    F(S, 80, U64, crtime, [2], DEC)                                                                \
    F(S, 96, U64, rdev, , HEX)
LAYOUT_STRUCT(lr_create, 104, LR_CREATE_FIELDS);

#define LR_CREATE_ACL_FIELDS(F, S)                                                                 \
    LR_CREATE_FIELDS(F, S)                                                                         \
    F(S, 104, U64, aclcnt, , DEC)                                                                  \
    F(S, 112, U64, domcnt, , DEC)                                                                  \
    F(S, 120, U64, fuidcnt, , DEC)                                                                 \
    F(S, 128, U64, acl_bytes, , DEC)                                                               \
    F(S, 136, U64, acl_flags, , HEX)
LAYOUT_STRUCT(lr_create_acl, 144, LR_CREATE_ACL_FIELDS);

#define LR_REMOVE_FIELDS(F, S)                                                                     \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, doid, , DEC)
LAYOUT_STRUCT(lr_remove, 40, LR_REMOVE_FIELDS);

#define LR_LINK_FIELDS(F, S)                                                                       \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, doid, , DEC)                                                                     \
    F(S, 40, U64, link_obj, , DEC)
LAYOUT_STRUCT(lr_link, 48, LR_LINK_FIELDS);

#define LR_RENAME_FIELDS(F, S)                                                                     \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, sdoid, , DEC)                                                                    \
    F(S, 40, U64, tdoid, , DEC)
LAYOUT_STRUCT(lr_rename, 48, LR_RENAME_FIELDS);

#define LR_RENAME_WHITEOUT_FIELDS(F, S)                                                            \
    LR_RENAME_FIELDS(F, S)                                                                         \
    F(S, 48, U64, wfoid, , DEC)                                                                    \
    F(S, 56, U64, wmode, , HEX)                                                                    \
    F(S, 64, U64, wuid, , DEC)                                                                     \
    F(S, 72, U64, wgid, , DEC)                                                                     \
    F(S, 80, U64, wgen, , DEC)                                                                     \
    F(S, 88, U64, wcrtime, [2], DEC)                                                               \
    F(S, 104, U64, wrdev, , HEX)
LAYOUT_STRUCT(lr_rename_whiteout, 112, LR_RENAME_WHITEOUT_FIELDS);

#define LR_WRITE_FIELDS(F, S)                                                                      \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, offset, , DEC)                                                                   \
    F(S, 48, U64, length, , DEC)                                                                   \
    F(S, 56, U64, blkoff, , NONE)                                                                  \
    F(S, 64, BP, blkptr, , AUTO)
LAYOUT_STRUCT(lr_write, 192, LR_WRITE_FIELDS);

#define LR_TRUNCATE_FIELDS(F, S)                                                                   \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, offset, , DEC)                                                                   \
    F(S, 48, U64, length, , DEC)
LAYOUT_STRUCT(lr_truncate, 56, LR_TRUNCATE_FIELDS);

#define LR_SETATTR_FIELDS(F, S)                                                                    \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, mask, , HEX)                                                                     \
    F(S, 48, U64, mode, , HEX)                                                                     \
    F(S, 56, U64, uid, , DEC)                                                                      \
    F(S, 64, U64, gid, , DEC)                                                                      \
    F(S, 72, U64, size, , DEC)                                                                     \
    F(S, 80, U64, atime, [2], DEC)                                                                 \
    F(S, 96, U64, mtime, [2], DEC)
LAYOUT_STRUCT(lr_setattr, 112, LR_SETATTR_FIELDS);
#define LR_SETATTR_MODE   0x1u
#define LR_SETATTR_UID    0x2u
#define LR_SETATTR_GID    0x4u
#define LR_SETATTR_SIZE   0x8u
#define LR_SETATTR_ATIME  0x10u
#define LR_SETATTR_MTIME  0x20u
#define LR_SETATTR_CTIME  0x40u
#define LR_SETATTR_XVATTR 0x80000000u /* an xvattr section follows */

#define LR_SETSAXATTR_FIELDS(F, S)                                                                 \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, size, , DEC)
LAYOUT_STRUCT(lr_setsaxattr, 48, LR_SETSAXATTR_FIELDS);

#define LR_ACL_V0_FIELDS(F, S)                                                                     \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, aclcnt, , DEC)
LAYOUT_STRUCT(lr_acl_v0, 48, LR_ACL_V0_FIELDS);

#define LR_ACL_FIELDS(F, S)                                                                        \
    LR_ACL_V0_FIELDS(F, S)                                                                         \
    F(S, 48, U64, domcnt, , DEC)                                                                   \
    F(S, 56, U64, fuidcnt, , DEC)                                                                  \
    F(S, 64, U64, acl_bytes, , DEC)                                                                \
    F(S, 72, U64, acl_flags, , HEX)
LAYOUT_STRUCT(lr_acl, 80, LR_ACL_FIELDS);

#define LR_CLONE_RANGE_FIELDS(F, S)                                                                \
    LR_HEAD_FIELDS(F, S)                                                                           \
    F(S, 32, U64, foid, , DEC)                                                                     \
    F(S, 40, U64, offset, , DEC)                                                                   \
    F(S, 48, U64, length, , DEC)                                                                   \
    F(S, 56, U64, blksz, , DEC)                                                                    \
    F(S, 64, U64, nbps, , DEC)
LAYOUT_STRUCT(lr_clone_range, 72, LR_CLONE_RANGE_FIELDS);

/* lr_foid and wfoid pack the object number with its size. */
static inline uint64_t lr_foid_object(uint64_t foid)
{
    return BITS_GET(foid, 0, 48);
}
static inline unsigned lr_foid_slots(uint64_t foid)
{
    return (unsigned)BITS_GET(foid, 56, 8) + 1;
}

/* xvattr section of 72 bytes (three bitmap words; others are refused): attributes asked for. */
#define LR_XVATTR_FIELDS(F, S)                                                                     \
    F(S, 0, U32, masksize, , DEC)                                                                  \
    F(S, 4, U32, bitmap, [3], HEX)                                                                 \
    F(S, 16, U64, attrs, , HEX)                                                                    \
    F(S, 24, U64, crtime, [2], DEC)                                                                \
    F(S, 40, U8, scanstamp, [32], BYTES) /* or the project id in the first 8 bytes */
LAYOUT_STRUCT(lr_xvattr, 72, LR_XVATTR_FIELDS);
#define LR_XAT_CREATETIME  0x1u
#define LR_XAT_ARCHIVE     0x2u
#define LR_XAT_SYSTEM      0x4u
#define LR_XAT_READONLY    0x8u
#define LR_XAT_HIDDEN      0x10u
#define LR_XAT_NOUNLINK    0x20u
#define LR_XAT_IMMUTABLE   0x40u
#define LR_XAT_APPENDONLY  0x80u
#define LR_XAT_NODUMP      0x100u
#define LR_XAT_OPAQUE      0x200u
#define LR_XAT_QUARANTINED 0x400u
#define LR_XAT_MODIFIED    0x800u
#define LR_XAT_SCANSTAMP   0x1000u
#define LR_XAT_REPARSE     0x2000u
#define LR_XAT_GEN         0x4000u
#define LR_XAT_OFFLINE     0x8000u
#define LR_XAT_SPARSE      0x10000u
#define LR_XAT_PROJINHERIT 0x20000u
#define LR_XAT_PROJID      0x40000u

/* ACEs inside records: 12 bytes {who, mask, flags, type}; object ACEs 44. */
#define LR_ACE_SIZE        12u
#define LR_ACE_OBJECT_SIZE 44u

/*
 * A record taken apart. Pointers lead into the block and live as long as it. Which are set depends
 * on the type; the rest is NULL / empty. `fixed` is the struct lr_ of the type.
 */
struct zil_record {
    enum zil_txtype type; /* without ZIL_CI */
    bool case_insensitive;
    union {
        const void *fixed;
        const struct lr_head *head;
        const struct lr_create *create;         /* also the _ACL and _ATTR forms */
        const struct lr_create_acl *create_acl; /* CREATE_ACL*, MKDIR_ACL* */
        const struct lr_remove *remove;         /* REMOVE, RMDIR */
        const struct lr_link *link;
        const struct lr_rename *rename; /* RENAME, EXCHANGE, WHITEOUT */
        const struct lr_rename_whiteout *whiteout;
        const struct lr_write *write; /* WRITE, WRITE2 */
        const struct lr_truncate *truncate;
        const struct lr_setattr *setattr;
        const struct lr_setsaxattr *setsaxattr;
        const struct lr_acl_v0 *acl_v0;
        const struct lr_acl *acl;
        const struct lr_clone_range *clone;
    };
    const char *name, *name2;       /* name2: symlink target, rename target */
    const struct lr_xvattr *xvattr; /* in host order */
    struct span aces;               /* aclcnt entries */
    const uint64_t *fuids;          /* fuidcnt of them */
    struct span domains;            /* NUL-terminated strings one after the other */
    struct span data;               /* inline data of a write; value of an xattr */
    const struct blkptr *bps;       /* CLONE_RANGE: nbps of them */
};

/*
 * Find the chain header of a verified (and decrypted) log block for its checksum function (ZILOG,
 * ZILOG2), swap header and records to host order in place if `swapped`, check nused. *records: the
 * bytes of all records. block must be aligned for uint64_t. ZE_BADZIL.
 */
int zil_block_load(void *block, size_t len, enum checksum_id cksum, bool swapped,
                   struct zil_chain_phys **chain, struct span *records);
/* Is next the successor of bp in the chain (GUID, objset, sequence + 1)? */
bool zil_chain_follows(const struct blkptr *bp, const struct blkptr *next);
static inline uint64_t zil_bp_seq(const struct blkptr *bp)
{
    return bp->cksum.word[3];
}
/* Next record's bytes at *pos. ZE_NOENT at the end, ZE_BADZIL for a length that does not fit. */
int zil_record_next(struct span records, size_t *pos, struct span *record);
/* Take one record apart. ZE_BADZIL says what is wrong with which record. */
int zil_record_parse(struct span record, struct zil_record *out);
const char *zil_txtype_name(uint64_t txtype);

#endif
