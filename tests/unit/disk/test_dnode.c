/* SPDX-License-Identifier: MIT */
/*
 * Dnodes and object sets: format/dmu.md 16.6 and 16.8, hostile dnodes, byte swap there and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../hex.h"
#include "base/err.h"
#include "disk/objset.h"

static void meta_dnode(struct dnode_phys *dn)
{
    memset(dn, 0, sizeof(*dn));
    hex_bytes("0a11060300000001 2000000000000000 1600000000000000 004c010000000000", dn, 32);
#if !HOST_IS_LITTLE
    dnode_phys_bswap(dn, 1);
#endif
}

static void chapter_example(void **state)
{
    struct dnode_phys dn;

    meta_dnode(&dn);
    assert_int_equal(dn.type, OBJTYPE_DNODE);
    assert_int_equal(dn.indblkshift, 17);
    assert_int_equal(dn.nlevels, 6);
    assert_int_equal(dn.nblkptr, 3);
    assert_int_equal(dn.flags, DNODE_FLAG_USED_BYTES);
    assert_int_equal(dnode_phys_blksz(&dn), 16384);
    assert_int_equal(dn.maxblkid, 22);
    assert_int_equal(dnode_phys_used(&dn), 84992);
    assert_int_equal(dnode_phys_validate(&dn, 32, 0), 0);
    assert_int_equal(dnode_phys_level_limit(&dn, 5), 3);
    assert_int_equal(dnode_phys_level_limit(&dn, 4), 3072);
    assert_int_equal(dnode_phys_level_limit(&dn, 6), 0);
    assert_int_equal(dnode_phys_level_blkid(&dn, 1, 3071), 2);

    struct dnode_phys *large = calloc(20, sizeof(*large)); /* the 10 KiB dnode: bonuslen 10048 */
    meta_dnode(large);
    large->extra_slots = 19;
    large->nblkptr = 1;
    assert_int_equal(dnode_phys_bonus_capacity(large), 10048);
    assert_int_equal(dnode_phys_validate(large, 20, 0), 0);
    assert_int_equal(dnode_phys_validate(large, 19, 0), ZE_BADDNODE);
    large->flags |= DNODE_FLAG_SPILL;
    assert_int_equal(dnode_phys_bonus_capacity(large), 10048 - 128);
    assert_ptr_equal(dnode_phys_spill(large), (uint8_t *)large + 10240 - 128);
    free(large);
}

static void small_computations(void **state)
{
    assert_int_equal(dnode_levels_for(3, 17, 2), 1);
    assert_int_equal(dnode_levels_for(3, 17, 3), 2);
    assert_int_equal(dnode_levels_for(3, 17, 3071), 2);
    assert_int_equal(dnode_levels_for(3, 17, 3072), 3);
    assert_int_equal(dnode_levels_for(3, 17, 3145727), 3);
    assert_int_equal(dnode_levels_for(1, 17, 0), 1);
    assert_int_equal(dnode_levels_for(1, 17, 1023), 2);
    assert_int_equal(dnode_levels_for(1, 12, UINT64_MAX), 14);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_SA, 0), 1);
    assert_int_equal(dnode_nblkptr_for(1, 0, 0), 3);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_ZNODE, 64), 3);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_ZNODE, 65), 2);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_ZNODE, 192), 2);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_ZNODE, 193), 1);
    assert_int_equal(dnode_nblkptr_for(1, OBJTYPE_DSL_DATASET, 320), 1);
}

#define REFUSED(change)                                                                            \
    do {                                                                                           \
        meta_dnode(&dn);                                                                           \
        change;                                                                                    \
        assert_int_equal(dnode_phys_validate(&dn, 1, 7), ZE_BADDNODE);                             \
    } while (0)

static void hostile(void **state)
{
    struct dnode_phys dn;

    REFUSED(dn.type = 54);
    REFUSED(dn.indblkshift = 11);
    REFUSED(dn.indblkshift = 18);
    REFUSED(dn.nlevels = 0);
    REFUSED(dn.nlevels = 13);
    REFUSED(dn.nblkptr = 0);
    REFUSED(dn.nblkptr = 4);
    REFUSED(dn.bonustype = 60);
}

static void hostile_sizes(void **state)
{
    struct dnode_phys dn;

    REFUSED(dn.bonustype = 0x9f);
    REFUSED(dn.bonuslen = 65); /* 64 bytes are left after three pointers */
    REFUSED(dn.datablkszsec = 0);
    REFUSED(dn.datablkszsec = 32769);
    REFUSED(dn.flags |= DNODE_FLAG_SPILL); /* no room beside three pointers */
    REFUSED(dn.extra_slots = 1);
    REFUSED((dn.nlevels = 1, dn.maxblkid = 3));
    REFUSED((dn.nlevels = 2, dn.maxblkid = 3072));
    REFUSED((dn.nlevels = 2, dn.maxblkid = 1, dn.datablkszsec = 33));
    meta_dnode(&dn);
    dn.bonuslen = 64;
    assert_int_equal(dnode_phys_validate(&dn, 1, 7), 0);
    dn.type = 0; /* a free slot may hold anything */
    dn.nblkptr = 200;
    assert_int_equal(dnode_phys_validate(&dn, 1, 7), 0);
}

static void block_walk(void **state)
{
    struct dnode_phys *block = calloc(32, sizeof(*block));

    meta_dnode(&block[1]);
    meta_dnode(&block[4]);
    block[4].extra_slots = 3;
    memset(&block[5], 0xee, 3 * sizeof(*block)); /* bonus data, not dnodes */
    meta_dnode(&block[8]);
    assert_int_equal(dnode_block_validate(block, DNODE_BLOCK_SIZE, 64), 0);
    assert_int_equal(dnode_block_next(block, 32, 0), 1);
    assert_int_equal(dnode_block_next(block, 32, 2), 4);
    assert_int_equal(dnode_block_next(block, 32, 8), 8);
    assert_int_equal(dnode_block_next(block, 32, 9), 32);
    assert_false(dnode_block_is_interior(block, 32, 4));
    assert_true(dnode_block_is_interior(block, 32, 5));
    assert_true(dnode_block_is_interior(block, 32, 7));
    assert_false(dnode_block_is_interior(block, 32, 8));
    meta_dnode(&block[31]);
    block[31].extra_slots = 1; /* would cross the end */
    assert_int_equal(dnode_block_validate(block, DNODE_BLOCK_SIZE, 64), ZE_BADDNODE);
    free(block);
}

static void swap_there_and_back(void **state)
{
    struct dnode_phys *block = calloc(32, sizeof(*block)), *copy = calloc(32, sizeof(*block));
    uint64_t *bonus;

    meta_dnode(&block[0]);
    block[0].type = OBJTYPE_DSL_DIR;
    block[0].bonustype = OBJTYPE_DSL_DIR;
    block[0].extra_slots = 1;
    block[0].nblkptr = 1;
    block[0].flags |= DNODE_FLAG_SPILL;
    block[0].bonuslen = 256;
    block[0].blkptr[0].birth = 0x0102030405060708;
    bonus = (uint64_t *)(void *)dnode_phys_bonus(&block[0]);
    for (unsigned i = 0; i < 32; i++)
        bonus[i] = i * 0x0101;
    dnode_phys_spill(&block[0])->birth = 99;
    memcpy(copy, block, DNODE_BLOCK_SIZE);
    dnode_block_bswap(block, DNODE_BLOCK_SIZE);
    assert_int_equal(block[0].bonuslen, 1); /* 0x0100 */
    assert_int_equal(block[0].blkptr[0].birth, 0x0807060504030201);
    assert_int_equal(bonus[1], 0x0101000000000000);
    assert_int_equal(dnode_phys_spill(&block[0])->birth, (uint64_t)99 << 56);
    dnode_block_bswap(block, DNODE_BLOCK_SIZE);
    assert_memory_equal(block, copy, DNODE_BLOCK_SIZE);
    free(block);
    free(copy);
}

static void objset_sizes(void **state)
{
    struct objset_phys *os = calloc(1, sizeof(*os)), *out = calloc(1, sizeof(*out));

    meta_dnode(&os->meta_dnode);
    os->type = OBJSET_TYPE_ZFS;
    os->zil_header.claim_txg = 5;
    meta_dnode(&os->projectused_dnode);
    os->projectused_dnode.type = OBJTYPE_USERGROUP_USED;
    assert_int_equal(objset_phys_load(out, os, 4096, false), 0);
    assert_int_equal(out->projectused_dnode.type, OBJTYPE_USERGROUP_USED);
    assert_ptr_equal(objset_phys_special(out, OBJSET_OBJECT_PROJECTUSED), &out->projectused_dnode);
    assert_null(objset_phys_special(out, 1));
    assert_int_equal(objset_phys_load(out, os, 2048, false), 0);
    assert_int_equal(out->projectused_dnode.type, 0); /* not there: zero */
    assert_int_equal(objset_phys_load(out, os, 512, false), ZE_BADOBJSET);
    assert_int_equal(objset_phys_load(out, os, 8192, false), ZE_BADOBJSET);
    objset_phys_bswap(os, 4096);
    assert_int_equal(objset_phys_load(out, os, 4096, false), ZE_BADOBJSET);
    assert_int_equal(objset_phys_load(out, os, 4096, true), 0);
    assert_int_equal(out->zil_header.claim_txg, 5);
    assert_int_equal(objset_phys_load(out, os, 1024, true), 0);
    objset_phys_bswap(os, 4096);
    os->type = 5;
    assert_int_equal(objset_phys_validate(os), ZE_BADOBJSET);
    os->type = OBJSET_TYPE_META;
    os->meta_dnode.datablkszsec = 1;
    assert_int_equal(objset_phys_validate(os), ZE_BADOBJSET);
    memset(os, 0, sizeof(*os)); /* never written */
    assert_int_equal(objset_phys_validate(os), 0);
    free(os);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chapter_example), cmocka_unit_test(small_computations),
        cmocka_unit_test(hostile),         cmocka_unit_test(hostile_sizes),
        cmocka_unit_test(block_walk),      cmocka_unit_test(swap_there_and_back),
        cmocka_unit_test(objset_sizes),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
