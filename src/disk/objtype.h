/* SPDX-License-Identifier: MIT */
/*
 * DMU object types (format/dmu.md, "7. Object types and byteswapping"): the numbered ones and those
 * that encode their properties in the number. Callers: everything that looks at a block pointer or
 * a dnode.
 */
#ifndef ZUSE_DISK_OBJTYPE_H
#define ZUSE_DISK_OBJTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum objtype_bswap { /* stored values of encoded types */
                     OBJTYPE_BSWAP_UINT8,
                     OBJTYPE_BSWAP_UINT16,
                     OBJTYPE_BSWAP_UINT32,
                     OBJTYPE_BSWAP_UINT64,
                     OBJTYPE_BSWAP_ZAP,
                     OBJTYPE_BSWAP_DNODE,
                     OBJTYPE_BSWAP_OBJSET,
                     OBJTYPE_BSWAP_ZNODE,
                     OBJTYPE_BSWAP_OLDACL,
                     OBJTYPE_BSWAP_ACL,
                     OBJTYPE_BSWAPS
};

/*
 * X(number, ID, name as zdb prints it, byte swap class, flags): M metadata, C part of the DSL's
 * metadata cache, E encrypted in encrypted datasets.
 */
#define OBJTYPES(X)                                                                                \
    X(0, NONE, "unallocated", UINT8, M)                                                            \
    X(1, OBJECT_DIRECTORY, "object directory", ZAP, MC)                                            \
    X(2, OBJECT_ARRAY, "object array", UINT64, MC)                                                 \
    X(3, PACKED_NVLIST, "packed nvlist", UINT8, M)                                                 \
    X(4, PACKED_NVLIST_SIZE, "packed nvlist size", UINT64, M)                                      \
    X(5, BPOBJ, "bpobj", UINT64, M)                                                                \
    X(6, BPOBJ_HEADER, "bpobj header", UINT64, M)                                                  \
    X(7, SPACE_MAP_HEADER, "SPA space map header", UINT64, M)                                      \
    X(8, SPACE_MAP, "SPA space map", UINT64, M)                                                    \
    X(9, INTENT_LOG, "ZIL intent log", UINT64, ME)                                                 \
    X(10, DNODE, "DMU dnode", DNODE, ME)                                                           \
    X(11, OBJSET, "DMU objset", OBJSET, MC)                                                        \
    X(12, DSL_DIR, "DSL directory", UINT64, MC)                                                    \
    X(13, DSL_DIR_CHILD_MAP, "DSL directory child map", ZAP, MC)                                   \
    X(14, DSL_DS_SNAP_MAP, "DSL dataset snap map", ZAP, MC)                                        \
    X(15, DSL_PROPS, "DSL props", ZAP, MC)                                                         \
    X(16, DSL_DATASET, "DSL dataset", UINT64, MC)                                                  \
    X(17, ZNODE, "ZFS znode", ZNODE, M)                                                            \
    X(18, OLDACL, "ZFS V0 ACL", OLDACL, ME)                                                        \
    X(19, PLAIN_FILE, "ZFS plain file", UINT8, E)                                                  \
    X(20, DIRECTORY, "ZFS directory", ZAP, ME)                                                     \
    X(21, MASTER_NODE, "ZFS master node", ZAP, M)                                                  \
    X(22, UNLINKED_SET, "ZFS delete queue", ZAP, ME)                                               \
    X(23, ZVOL, "zvol object", UINT8, E)                                                           \
    X(24, ZVOL_PROP, "zvol prop", ZAP, M)                                                          \
    X(25, OTHER_UINT8, "other uint8[]", UINT8, E)                                                  \
    X(26, OTHER_UINT64, "other uint64[]", UINT64, E)                                               \
    X(27, OTHER_ZAP, "other ZAP", ZAP, M)                                                          \
    X(28, ERROR_LOG, "persistent error log", ZAP, M)                                               \
    X(29, HISTORY, "SPA history", UINT8, M)                                                        \
    X(30, HISTORY_OFFSETS, "SPA history offsets", UINT64, M)                                       \
    X(31, POOL_PROPS, "Pool properties", ZAP, MC)                                                  \
    X(32, DSL_PERMS, "DSL permissions", ZAP, MC)                                                   \
    X(33, ACL, "ZFS ACL", ACL, ME)                                                                 \
    X(34, SYSACL, "ZFS SYSACL", UINT8, ME)                                                         \
    X(35, FUID, "FUID table", UINT8, ME)                                                           \
    X(36, FUID_SIZE, "FUID table size", UINT64, M)                                                 \
    X(37, NEXT_CLONES, "DSL dataset next clones", ZAP, MC)                                         \
    X(38, SCAN_QUEUE, "scan work queue", ZAP, M)                                                   \
    X(39, USERGROUP_USED, "ZFS user/group/project used", ZAP, ME)                                  \
    X(40, USERGROUP_QUOTA, "ZFS user/group/project quota", ZAP, ME)                                \
    X(41, USERREFS, "snapshot refcount tags", ZAP, MC)                                             \
    X(42, DDT_ZAP, "DDT ZAP algorithm", ZAP, M)                                                    \
    X(43, DDT_STATS, "DDT statistics", ZAP, M)                                                     \
    X(44, SA, "System attributes", UINT8, ME)                                                      \
    X(45, SA_MASTER_NODE, "SA master node", ZAP, ME)                                               \
    X(46, SA_REGISTRATION, "SA attr registration", ZAP, ME)                                        \
    X(47, SA_LAYOUTS, "SA attr layouts", ZAP, ME)                                                  \
    X(48, SCAN_XLATE, "scan translations", ZAP, M)                                                 \
    X(49, DEDUP, "deduplicated block", UINT8, E)                                                   \
    X(50, DEADLIST, "DSL deadlist map", ZAP, MC)                                                   \
    X(51, DEADLIST_HEADER, "DSL deadlist map hdr", UINT64, MC)                                     \
    X(52, DSL_CLONES, "DSL dir clones", ZAP, MC)                                                   \
    X(53, BPOBJ_SUBOBJ, "bpobj subobj", UINT64, M)

enum objtype {
#define X(num, id, name, bswap, flags) OBJTYPE_##id = num,
    OBJTYPES(X)
#undef X
        OBJTYPE_COUNT /* of the numbered types */
};

#define OBJTYPE_ENCODED         0x80u
#define OBJTYPE_ENCODED_META    0x40u
#define OBJTYPE_ENCODED_CRYPT   0x20u
#define OBJTYPE_UINT64_METADATA 195u /* 0xc3 */
#define OBJTYPE_ZAP_METADATA    196u /* 0xc4 */

struct objtype_info {
    const char *name; /* as zdb prints */
    enum objtype_bswap bswap;
    bool metadata;
    bool metadata_cached; /* DSL metadata */
    bool encrypted;       /* in encrypted datasets */
};

static inline bool objtype_is_valid(unsigned type)
{
    if (type & OBJTYPE_ENCODED)
        return type <= 0xff && (type & 0x1f) < OBJTYPE_BSWAPS;
    return type < OBJTYPE_COUNT;
}

/* NULL for an invalid type. */
const struct objtype_info *objtype_info(unsigned type);
/* False for invalid types. */
bool objtype_is_metadata(unsigned type);
bool objtype_is_encrypted(unsigned type);
const char *objtype_name(unsigned type); /* "UNKNOWN" for invalid types */

/*
 * Swap a level-0 block (or bonus) of this type in place from the other byte order. Hostile contents
 * are fine: swapping stops where the structure makes no sense; validation of the result tells what
 * is wrong. buf must be aligned for uint64_t. Returns 0, or ZE_BADOBJ for an invalid type.
 */
int objtype_bswap(unsigned type, void *buf, size_t len);

#endif
