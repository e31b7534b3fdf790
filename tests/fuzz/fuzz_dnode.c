/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: a block of dnodes: swap, validate, walk; bonus and spill of what was accepted
 * (disk/dnode.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "disk/dnode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *block, unsigned nslots)
{
    volatile uint8_t sink = 0;
    for (unsigned s = dnode_block_next(block, nslots, 0); s < nslots;) {
        const struct dnode_phys *dn = (const struct dnode_phys *)(const void *)block + s;
        const uint8_t *bonus = dnode_phys_bonus(dn);
        for (size_t i = 0; i < dnode_phys_bonus_capacity(dn); i++)
            sink ^= bonus[i];
        if (dnode_phys_spill(dn) != NULL)
            (void)bp_validate(dnode_phys_spill(dn));
        for (unsigned i = 0; i < dn->nblkptr; i++)
            (void)bp_validate(&dn->blkptr[i]);
        for (unsigned l = 0; l <= dn->nlevels; l++)
            (void)(dnode_phys_level_limit(dn, l) + dnode_phys_level_blkid(dn, l, dn->maxblkid));
        (void)dnode_levels_for(dn->nblkptr, dn->indblkshift, dn->maxblkid);
        s = dnode_block_next(block, nslots, s + dnode_phys_slots(dn));
    }
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = size < DNODE_BLOCK_SIZE ? size & ~(size_t)511 : DNODE_BLOCK_SIZE;
    if (len == 0)
        return 0;
    /* exactly len bytes, so that an overrun is seen */
    uint8_t *block = malloc(len);
    if (block == NULL)
        return 0;
    for (int swap = 0; swap < 2; swap++) {
        memcpy(block, data, len);
        if (swap)
            dnode_block_bswap(block, len);
        if (dnode_block_validate(block, len, 0) == 0)
            walk(block, (unsigned)(len >> DNODE_SLOT_SHIFT));
        (void)dnode_block_is_interior(block, (unsigned)(len >> DNODE_SLOT_SHIFT), 7);
    }
    free(block);
    return 0;
}
