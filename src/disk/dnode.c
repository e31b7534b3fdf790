/* SPDX-License-Identifier: MIT */
/*
 * Dnodes: validation, byte swap, walking a block of slots (format/dmu.md, "6. Dnodes and object
 * trees").
 */
#include "disk/dnode.h"

#include <inttypes.h>
#include <jansson.h>

#include "base/err.h"

static const struct field dnode_phys_rows[] = {DNODE_PHYS_FIELDS(FIELD_ENTRY, dnode_phys)};
const struct layout dnode_phys_layout = {"dnode_phys", sizeof(struct dnode_phys), dnode_phys_rows,
                                         array_len(dnode_phys_rows)};

uint64_t dnode_phys_level_limit(const struct dnode_phys *dn, unsigned level)
{
    unsigned shift;

    if (level >= dn->nlevels)
        return 0;
    shift = (dn->nlevels - 1u - level) * dnode_phys_epbs(dn);
    if (shift >= 64 || dn->nblkptr > UINT64_MAX >> shift)
        return UINT64_MAX;
    return (uint64_t)dn->nblkptr << shift;
}

static int dnode_bad(uint64_t object, const char *field, uint64_t value)
{
    return err_raise(ZE_BADDNODE, "dnode of object %" PRIu64 ": %s %" PRIu64, object, field, value);
}

static int dnode_validate_tree(const struct dnode_phys *dn, uint64_t object)
{
    if (dn->indblkshift < DNODE_MIN_INDBLKSHIFT || dn->indblkshift > DNODE_MAX_INDBLKSHIFT)
        return dnode_bad(object, "indblkshift", dn->indblkshift);
    if (dn->nlevels < 1 || dn->nlevels > DNODE_MAX_LEVELS)
        return dnode_bad(object, "nlevels", dn->nlevels);
    if (dn->datablkszsec == 0 || dnode_phys_blksz(dn) > BLOCK_MAX_SIZE)
        return dnode_bad(object, "datablkszsec", dn->datablkszsec);
    if (dn->maxblkid >= dnode_phys_level_limit(dn, 0))
        return dnode_bad(object, "maxblkid", dn->maxblkid);
    if (dn->maxblkid > 0 && !is_pow2(dn->datablkszsec))
        return dnode_bad(object, "maxblkid > 0 with block sectors", dn->datablkszsec);
    return 0;
}

int dnode_phys_validate(const struct dnode_phys *dn, unsigned slots_left, uint64_t object)
{
    if (dn->type == OBJTYPE_NONE)
        return 0;
    if (!objtype_is_valid(dn->type))
        return dnode_bad(object, "type", dn->type);
    if (dnode_phys_slots(dn) > slots_left)
        return dnode_bad(object, "extra_slots", dn->extra_slots);
    if (dn->nblkptr < 1 || dn->nblkptr > DNODE_MAX_NBLKPTR)
        return dnode_bad(object, "nblkptr", dn->nblkptr);
    size_t fixed = DNODE_CORE_SIZE + dn->nblkptr * sizeof(struct blkptr) +
                   (dnode_phys_has_spill(dn) ? sizeof(struct blkptr) : 0);
    if (fixed > dnode_phys_size(dn))
        return dnode_bad(object, "no room for the spill pointer: nblkptr", dn->nblkptr);
    if (!objtype_is_valid(dn->bonustype))
        return dnode_bad(object, "bonustype", dn->bonustype);
    if (dn->bonuslen > dnode_phys_size(dn) - fixed)
        return dnode_bad(object, "bonuslen", dn->bonuslen);
    return dnode_validate_tree(dn, object);
}

static const struct dnode_phys *dnode_slot(const void *block, unsigned slot)
{
    return (const struct dnode_phys *)block + slot;
}

/* Slots from one dnode (or free slot) to the next, never past the end of the block. */
static unsigned dnode_step(const struct dnode_phys *dn, unsigned slots_left)
{
    unsigned slots = dn->type == OBJTYPE_NONE ? 1 : dnode_phys_slots(dn);
    return min_of(slots, slots_left);
}

int dnode_block_validate(const void *block, size_t len, uint64_t first)
{
    unsigned nslots = (unsigned)(len >> DNODE_SLOT_SHIFT);
    for (unsigned s = 0; s < nslots;) {
        const struct dnode_phys *dn = dnode_slot(block, s);
        int err = dnode_phys_validate(dn, nslots - s, first + s);
        if (err != 0)
            return err;
        s += dnode_step(dn, nslots - s);
    }
    return 0;
}

unsigned dnode_block_next(const void *block, unsigned nslots, unsigned from)
{
    unsigned s = from;
    while (s < nslots && dnode_slot(block, s)->type == OBJTYPE_NONE)
        s++;
    return s;
}

bool dnode_block_is_interior(const void *block, unsigned nslots, unsigned slot)
{
    unsigned s = 0;
    while (s < slot && s < nslots)
        s += dnode_step(dnode_slot(block, s), nslots - s);
    return s != slot;
}

void dnode_phys_bswap(struct dnode_phys *dn, unsigned slots_left)
{
    if (slots_left == 0 || dn->type == OBJTYPE_NONE)
        return;
    unsigned slots = min_of(dnode_phys_slots(dn), slots_left);
    size_t size = (size_t)slots << DNODE_SLOT_SHIFT;
    unsigned nblkptr = min_of((unsigned)dn->nblkptr, DNODE_MAX_NBLKPTR);
    size_t fixed = DNODE_CORE_SIZE + nblkptr * sizeof(struct blkptr);
    size_t end = size;

    dn->datablkszsec = __builtin_bswap16(dn->datablkszsec);
    dn->bonuslen = __builtin_bswap16(dn->bonuslen);
    dn->maxblkid = __builtin_bswap64(dn->maxblkid);
    dn->used = __builtin_bswap64(dn->used);
    bswap64_array(dn->blkptr, nblkptr * sizeof(struct blkptr));
    if (dnode_phys_has_spill(dn) && size - sizeof(struct blkptr) >= fixed) {
        end -= sizeof(struct blkptr);
        bswap64_array((uint8_t *)dn + end, sizeof(struct blkptr));
    }
    /* A bonus never has a type whose swapper comes back here. */
    const struct objtype_info *info = objtype_info(dn->bonustype);
    if (end > fixed && info != NULL && info->bswap != OBJTYPE_BSWAP_DNODE &&
        info->bswap != OBJTYPE_BSWAP_OBJSET)
        (void)objtype_bswap(dn->bonustype, (uint8_t *)dn + fixed, end - fixed);
}

void dnode_block_bswap(void *block, size_t len)
{
    unsigned nslots = (unsigned)(len >> DNODE_SLOT_SHIFT);
    for (unsigned s = 0; s < nslots;) {
        struct dnode_phys *dn = (struct dnode_phys *)block + s;
        unsigned step = dnode_step(dn, nslots - s);
        dnode_phys_bswap(dn, nslots - s);
        s += step;
    }
}

void dnode_phys_dump(const struct dnode_phys *dn, FILE *out)
{
    char text[BP_TEXT_MAX];

    layout_dump(&dnode_phys_layout, dn, 2, out);
    for (unsigned i = 0; i < min_of((unsigned)dn->nblkptr, DNODE_MAX_NBLKPTR); i++) {
        bp_format(text, sizeof(text), &dn->blkptr[i]);
        fprintf(out, "\t\tblkptr[%u] = %s\n", i, text);
    }
}

struct json_t *dnode_phys_json(const struct dnode_phys *dn)
{
    char text[BP_TEXT_MAX];
    json_t *object = layout_json(&dnode_phys_layout, dn);
    json_t *bps = json_array();

    for (unsigned i = 0; bps != NULL && i < min_of((unsigned)dn->nblkptr, DNODE_MAX_NBLKPTR); i++) {
        bp_format(text, sizeof(text), &dn->blkptr[i]);
        json_array_append_new(bps, json_string(text));
    }
    if (object != NULL)
        json_object_set_new(object, "blkptr", bps);
    else
        json_decref(bps);
    return object;
}

unsigned dnode_nblkptr_for(unsigned slots, unsigned bonustype, unsigned bonuslen)
{
    unsigned capacity =
        (slots << DNODE_SLOT_SHIFT) - DNODE_CORE_SIZE - (unsigned)sizeof(struct blkptr);
    if (bonustype == OBJTYPE_SA || bonuslen > capacity)
        return 1;
    return min_of(DNODE_MAX_NBLKPTR, 1 + ((capacity - bonuslen) >> BLKPTR_SHIFT));
}

unsigned dnode_levels_for(unsigned nblkptr, unsigned indblkshift, uint64_t blkid)
{
    unsigned epbs = indblkshift - (unsigned)BLKPTR_SHIFT;
    unsigned levels = 1;

    for (uint64_t reach = nblkptr; reach <= blkid; levels++) {
        if (reach > UINT64_MAX >> epbs)
            return levels + 1;
        reach <<= epbs;
    }
    return levels;
}
