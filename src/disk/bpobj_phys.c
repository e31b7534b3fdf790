/* SPDX-License-Identifier: MIT */
/* bpobj and bptree headers (format/dmu.md 10.1, 10.4). */
#include "disk/bpobj_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(bpobj_phys, BPOBJ_PHYS_FIELDS);
LAYOUT_DEFINE(bptree_phys, BPTREE_PHYS_FIELDS);
LAYOUT_DEFINE(bptree_entry_phys, BPTREE_ENTRY_PHYS_FIELDS);

static int list_bad(const char *kind, uint64_t object, const char *field, uint64_t value)
{
    return err_raise(ZE_BADDSL, "%s %" PRIu64 ": %s %" PRIu64, kind, object, field, value);
}

int bpobj_phys_load(struct bpobj_phys *out, const void *bonus, size_t bonuslen, uint64_t data_size,
                    uint64_t object)
{
    memset(out, 0, sizeof(*out));
    if (bonuslen < BPOBJ_SIZE_V0)
        return list_bad("bpobj", object, "bonus length", bonuslen);
    size_t have = BPOBJ_SIZE_V0;
    if (bpobj_has_comp(bonuslen))
        have = BPOBJ_SIZE_V1;
    if (bpobj_has_subobjs(bonuslen))
        have = BPOBJ_SIZE_V2;
    if (bpobj_has_freed(bonuslen))
        have = BPOBJ_SIZE_FREE;
    if (have > bonuslen)
        return list_bad("bpobj", object, "bonus length", bonuslen);
    memcpy(out, bonus, have);
    if (out->num_blkptrs > data_size / sizeof(struct blkptr))
        return list_bad("bpobj", object, "num_blkptrs", out->num_blkptrs);
    if (out->subobjs == 0 && out->num_subobjs != 0)
        return list_bad("bpobj", object, "num_subobjs without list", out->num_subobjs);
    if (out->num_freed > out->num_blkptrs)
        return list_bad("bpobj", object, "num_freed", out->num_freed);
    return 0;
}

int bptree_phys_load(struct bptree_phys *out, const void *bonus, size_t bonuslen,
                     uint64_t data_size, uint64_t object)
{
    memset(out, 0, sizeof(*out));
    if (bonuslen < sizeof(*out))
        return list_bad("bptree", object, "bonus length", bonuslen);
    memcpy(out, bonus, sizeof(*out));
    if (out->begin > out->end)
        return list_bad("bptree", object, "begin", out->begin);
    if (out->end > data_size / sizeof(struct bptree_entry_phys))
        return list_bad("bptree", object, "end", out->end);
    return 0;
}

int bptree_entry_validate(const struct bptree_entry_phys *e)
{
    if (bp_validate(&e->bp) != 0)
        return err_context(ZE_BADDSL, "bptree entry: ");
    if (bp_is_embedded(&e->bp))
        return err_raise(ZE_BADDSL, "bptree entry: embedded root block pointer");
    return 0;
}
