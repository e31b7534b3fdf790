/* SPDX-License-Identifier: MIT */
/*
 * The object set block (format/dmu.md, "8.1 objset_phys_t"): 1024, 2048 or 4096 bytes on disk,
 * always 4096 in memory (the missing dnodes are zero). Callers: dmu/, pool/ (MOS), inspect/.
 */
#ifndef ZUSE_DISK_OBJSET_H
#define ZUSE_DISK_OBJSET_H

#include "disk/dnode.h"
#include "disk/zil_phys.h"

#define OBJSET_SIZE_V1 1024u /* pool version < 15 */
#define OBJSET_SIZE_V2 2048u /* user and group accounting */
#define OBJSET_SIZE_V3 4096u /* project accounting */

enum objset_type { /* stored values */
                   OBJSET_TYPE_NONE,
                   OBJSET_TYPE_META,
                   OBJSET_TYPE_ZFS,
                   OBJSET_TYPE_ZVOL,
                   OBJSET_TYPE_OTHER, /* the test-suite's */
                   OBJSET_TYPES
};

#define OBJSET_FLAG_USERACCOUNTING    1u
#define OBJSET_FLAG_USEROBJACCOUNTING 2u
#define OBJSET_FLAG_PROJECTQUOTA      4u
#define OBJSET_FLAGS_PORTABLE         0u /* part of flags that the portable MAC covers */
#define OBJSET_MAC_SIZE               32u

/* Object numbers of the dnodes kept in the objset block itself. */
#define OBJSET_OBJECT_META        0u
#define OBJSET_OBJECT_USERUSED    UINT64_MAX
#define OBJSET_OBJECT_GROUPUSED   (UINT64_MAX - 1)
#define OBJSET_OBJECT_PROJECTUSED (UINT64_MAX - 2)

struct objset_phys {
    struct dnode_phys meta_dnode;
    struct zil_header_phys zil_header;
    uint64_t type;  /* enum objset_type */
    uint64_t flags; /* OBJSET_FLAG_ */
    uint8_t portable_mac[OBJSET_MAC_SIZE];
    uint8_t local_mac[OBJSET_MAC_SIZE];
    uint8_t pad0[240];
    struct dnode_phys userused_dnode;
    struct dnode_phys groupused_dnode;
    struct dnode_phys projectused_dnode;
    uint8_t pad1[1536];
};
static_assert(sizeof(struct objset_phys) == OBJSET_SIZE_V3, "objset_phys");
static_assert(offsetof(struct objset_phys, zil_header) == 512, "objset_phys.zil_header");
static_assert(offsetof(struct objset_phys, type) == 704, "objset_phys.type");
static_assert(offsetof(struct objset_phys, portable_mac) == 720, "objset_phys.portable_mac");
static_assert(offsetof(struct objset_phys, local_mac) == 752, "objset_phys.local_mac");
static_assert(offsetof(struct objset_phys, userused_dnode) == OBJSET_SIZE_V1, "userused_dnode");
static_assert(offsetof(struct objset_phys, projectused_dnode) == OBJSET_SIZE_V2,
              "projectused_dnode");

static inline bool objset_phys_size_ok(uint64_t size)
{
    return size == OBJSET_SIZE_V1 || size == OBJSET_SIZE_V2 || size == OBJSET_SIZE_V3;
}

/*
 * Copy a root block of size 1024, 2048 or 4096 (as read, not yet swapped), zero the rest, swap if
 * `swapped`, validate. 0, ZE_BADOBJSET (size, type, meta-dnode) or ZE_BADDNODE (accounting dnodes).
 */
int objset_phys_load(struct objset_phys *out, const void *block, size_t size, bool swapped);
int objset_phys_validate(const struct objset_phys *os);
/* Swap in place the part of a root block that is there (len bytes). */
void objset_phys_bswap(void *block, size_t len);
/* A special dnode by its object number (OBJSET_OBJECT_...), NULL for others. */
const struct dnode_phys *objset_phys_special(const struct objset_phys *os, uint64_t object);
const char *objset_type_name(uint64_t type); /* as zdb prints: "ZPL", "ZVOL", "META" */
void objset_phys_dump(const struct objset_phys *os, FILE *out);
struct json_t *objset_phys_json(const struct objset_phys *os);

#endif
