/* SPDX-License-Identifier: MIT */
/*
 * ZAP blocks (format/dmu.md 16.5), system attributes and ACLs (format/zpl-zil.md 21), and damaged
 * ones.
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
#include "disk/objtype.h"
#include "disk/sa_phys.h"
#include "disk/zap_phys.h"

#define SHIFT 14u
#define SIZE  (1u << SHIFT)

static uint8_t *chunk_of(void *leaf, unsigned i)
{
    return (uint8_t *)(uintptr_t)zap_leaf_chunk(leaf, SHIFT, i);
}

/* The leaf of the chapter, with its entry "root_dataset" in bucket 183 alone. */
static uint8_t *chapter_leaf(void)
{
    uint8_t *leaf = calloc(1, SIZE);
    uint16_t *table = (uint16_t *)(uintptr_t)zap_leaf_hash_table(leaf);
    struct zap_leaf *h = (struct zap_leaf *)(void *)leaf;

    h->block_type = ZAP_BLOCK_LEAF;
    h->magic = ZAP_LEAF_MAGIC;
    h->nentries = 1;
    h->nfree = (uint16_t)(zap_leaf_chunks(SHIFT) - 3);
    h->freelist = 3;
    memset(table, 0xff, 2 * zap_leaf_buckets(SHIFT));
    table[183] = 0;
    for (unsigned i = 3; i < zap_leaf_chunks(SHIFT); i++)
        chunk_of(leaf, i)[0] = ZAP_CHUNK_FREE;
    hex_bytes("fc08ffff01000d0002000100 00000000 00000000b0d2f25b", chunk_of(leaf, 0), 24);
    hex_bytes("fb 726f6f745f64617461736574 000000000000000000 ffff", chunk_of(leaf, 1), 24);
    hex_bytes("fb 0000000000000020 00000000000000000000000000 ffff", chunk_of(leaf, 2), 24);
#if !HOST_IS_LITTLE
    zap_leaf_entry_bswap((struct zap_leaf_entry *)(void *)chunk_of(leaf, 0));
#endif
    return leaf;
}

static void leaf_example(void **state)
{
    uint8_t *leaf = chapter_leaf(), *copy = malloc(SIZE);
    uint8_t name[13], value[8];

    assert_int_equal(zap_leaf_chunks(14), 638);
    assert_int_equal(zap_leaf_chunks(12), 158);
    assert_ptr_equal(chunk_of(leaf, 0), leaf + 1072);
    assert_ptr_equal(chunk_of(leaf, 637) + 24, leaf + SIZE);
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), 0);
    const struct zap_leaf_entry *e = zap_leaf_entry_at(leaf, SHIFT, 0);
    assert_non_null(e);
    assert_null(zap_leaf_entry_at(leaf, SHIFT, 1));
    assert_null(zap_leaf_entry_at(leaf, SHIFT, 638));
    assert_int_equal(e->hash, 0x5bf2d2b000000000);
    assert_int_equal(zap_leaf_bucket_of(SHIFT, 0, e->hash), 183);
    assert_int_equal(zap_leaf_array_read(leaf, SHIFT, e->name_chunk, 13, name), 0);
    assert_string_equal((char *)name, "root_dataset");
    assert_int_equal(zap_leaf_array_read(leaf, SHIFT, e->value_chunk, 8, value), 0);
    assert_int_equal(load_be64(value), 0x20);

    memcpy(copy, leaf, SIZE);
    zap_block_bswap(leaf, SIZE);
    assert_int_equal(load_ne64(leaf), __builtin_bswap64(ZAP_BLOCK_LEAF));
    assert_memory_equal(chunk_of(leaf, 1) + 1, "root_dataset", 13); /* bytes stay */
    zap_block_bswap(leaf, SIZE);
    assert_memory_equal(leaf, copy, SIZE);
    free(leaf);
    free(copy);
}

static void leaf_hostile(void **state)
{
    uint8_t *leaf = chapter_leaf(), out[64];
    struct zap_leaf_entry *e = (struct zap_leaf_entry *)(void *)chunk_of(leaf, 0);
    struct zap_leaf_array *name = (struct zap_leaf_array *)(void *)chunk_of(leaf, 1);

    e->next = 0; /* circle of entries */
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    e->next = 638;
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    e->next = 0xffff;
    e->name_numints = 40; /* more than the chain has */
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    name->next = 1; /* circle of array chunks */
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    assert_int_equal(zap_leaf_array_read(leaf, SHIFT, 1, 63, out), 0); /* bounded by the length */
    assert_int_equal(zap_leaf_array_read(leaf, SHIFT, 3, 8, out), ZE_BADZAP);
    name->next = 0xffff;
    e->name_numints = 13;
    e->value_intlen = 3;
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    e->value_intlen = 8;
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), 0);
    ((struct zap_leaf *)(void *)leaf)->nentries = 2;
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    ((struct zap_leaf *)(void *)leaf)->nentries = 1;
    ((struct zap_leaf *)(void *)leaf)->prefix_len = 56;
    assert_int_equal(zap_leaf_validate(leaf, SIZE, 1, "x"), ZE_BADZAP);
    assert_int_equal(zap_leaf_validate(leaf, SIZE - 8, 1, "x"), ZE_BADZAP);
    free(leaf);
}

static void fat_header(void **state)
{
    static const uint64_t words[13] = {
        0x8000000000000001, 0x2f52ab2ab, 0, 0, 0xa, 0, 0, 2, 1, 0x1a, 0xb1e3, 0, 0};
    uint64_t *block = calloc(1, SIZE);
    struct zap_header *h = (struct zap_header *)block;

    memcpy(block, words, sizeof(words));
    block[8192 / 8 + 1023] = 1;
    assert_int_equal(zap_header_validate(block, SIZE, 2, NULL), 0);
    assert_int_equal(zap_embedded_table(block, SHIFT)[1023], 1);
    zap_block_bswap(block, SIZE);
    assert_int_equal(zap_header_validate(block, SIZE, 2, NULL), ZE_BADZAP);
    zap_block_bswap(block, SIZE);
    h->zt_shift = 11; /* more than fits into the block */
    assert_int_equal(zap_header_validate(block, SIZE, 2, NULL), ZE_BADZAP);
    h->zt_blk = 2; /* external table of 4 blocks: 8192 pointers */
    h->zt_numblks = 4;
    h->zt_shift = 13;
    assert_int_equal(zap_header_validate(block, SIZE, 6, NULL), 0);
    assert_int_equal(zap_header_validate(block, SIZE, 5, NULL), ZE_BADZAP);
    h->zt_shift = 14;
    assert_int_equal(zap_header_validate(block, SIZE, 6, NULL), ZE_BADZAP);
    free(block);
}

static void micro(void **state)
{
    _Alignas(8) uint8_t block[512] = {0};
    struct mzap_header *h = (struct mzap_header *)(void *)block;
    struct mzap_entry *e = (struct mzap_entry *)(void *)(block + 64);

    h->block_type = ZAP_BLOCK_MICRO;
    h->salt = 0xf2d3;
    e->value = 2;
    e->cd = 7;
    strcpy(e->name, "ztest_dmu_object_alloc_free(0)[0]");
    assert_int_equal(mzap_entries(512), 7);
    assert_int_equal(mzap_validate(block, 512, NULL), 0);
    assert_true(mzap_entry_used(mzap_entry_at(block, 0)));
    assert_false(mzap_entry_used(mzap_entry_at(block, 1)));
    assert_int_equal(objtype_bswap(OBJTYPE_DIRECTORY, block, 512), 0);
    assert_int_equal(e->value, (uint64_t)2 << 56);
    assert_int_equal(e->cd, 7u << 24);
    assert_string_equal(e->name, "ztest_dmu_object_alloc_free(0)[0]");
    zap_block_bswap(block, 512);
    assert_int_equal(e->cd, 7);
    memset(e->name, 'x', sizeof(e->name));
    assert_int_equal(mzap_validate(block, 512, NULL), ZE_BADZAP);
    assert_int_equal(mzap_validate(block, 500, NULL), ZE_BADZAP);
}

/* Root directory of the chapter: layout 2, one variable attribute (the ACL). */
static const char root_bonus[] =
    "5a502f00 0204 1800 ed41000000000000 0300000000000000 2d00000000000000 0000000000000000"
    "0000000000000000 2200000000000000 4401000008840000 60a5540700000000 db74250600000000"
    "60a5540700000000 db74250600000000 60a5540700000000 db74250600000000 60a5540700000000"
    "db74250600000000 0200000000000000 0000000000000000 0300000000000000"
    "0000 1000 ff011e00 0000 4020 a9001200 0000 0040 a9001200";

static void sa_example(void **state)
{
    static const uint16_t lengths[15] = {8, 8, 8, 8, 8, 8, 8, 16, 16, 16, 16, 8, 8, 8, 0};
    _Alignas(8) uint8_t bonus[176];
    struct sa_extent at[15];
    struct sa_header h;
    struct span buf = span_of(bonus, sizeof(bonus));
    uint64_t mode;

    assert_int_equal(hex_bytes(root_bonus, bonus, sizeof(bonus)), 176);
    assert_int_equal(sa_header_decode(buf, &h), 0);
    assert_int_equal(h.swapped, !HOST_IS_LITTLE);
    assert_int_equal(h.layout, 2);
    assert_int_equal(h.header_size, 8);
    assert_int_equal(sa_layout_locate(buf, &h, lengths, 15, at), 0);
    assert_int_equal(at[0].offset, 8);
    assert_int_equal(at[14].offset, 152);
    assert_int_equal(at[14].length, 24);
    sa_attr_copy(&mode, bonus + at[0].offset, 8, SA_BSWAP_UINT64, h.swapped);
    assert_int_equal(mode, 040755);

    /* two variable attributes need a second length; there is room for one only */
    static const uint16_t two[2] = {0, 0};
    assert_int_equal(sa_layout_locate(buf, &h, two, 2, at), ZE_BADSA);
    assert_int_equal(sa_layout_locate(span_of(bonus, 170), &h, lengths, 15, at), ZE_BADSA);
    bonus[0] ^= 1;
    assert_int_equal(sa_header_decode(buf, &h), ZE_BADSA);
    memset(bonus, 0, 8);
    assert_int_equal(sa_header_decode(buf, &h), 0); /* nothing stored yet */
    assert_int_equal(h.layout, SA_LAYOUT_EMPTY);
    assert_int_equal(sa_header_decode(span_of(bonus, 7), &h), ZE_BADSA);
}

static void sa_headers(void **state)
{
    _Alignas(8) uint8_t buf[64] = {0};
    static const uint16_t lens[3] = {5, 300, 24};
    struct sa_header h;

    assert_int_equal(sa_header_size(0), 8);
    assert_int_equal(sa_header_size(1), 8);
    assert_int_equal(sa_header_size(2), 16);
    assert_int_equal(sa_header_size(5), 16);
    assert_int_equal(sa_header_size(6), 24);
    sa_header_encode(buf, 3, lens, 3);
    assert_int_equal(sa_header_decode(span_of(buf, 64), &h), 0);
    assert_int_equal(h.header_size, 16);
    assert_int_equal(h.nlengths, 5);
    assert_int_equal(sa_header_length(span_of(buf, 64), &h, 1), 300);
    /* and from a machine of the other order */
    bswap32_array(buf, 4);
    bswap16_array(buf + 4, 12);
    assert_int_equal(sa_header_decode(span_of(buf, 64), &h), 0);
    assert_true(h.swapped);
    assert_int_equal(h.layout, 3);
    assert_int_equal(sa_header_length(span_of(buf, 64), &h, 2), 24);
    store_ne16(buf + 4, __builtin_bswap16((uint16_t)(3 | 63u << 10)));
    assert_int_equal(sa_header_decode(span_of(buf, 64), &h), ZE_BADSA); /* header of 504 bytes */
}

static void acls(void **state)
{
    /* big-endian znode ACLs of the chapter, as stored */
    _Alignas(8) uint8_t v0[72], v1[48];
    size_t pos = 0;
    struct ace ace;

    hex_bytes("ffffffff0000000010000001 ffffffff000c013710000000 ffffffff0000000620400001"
              "ffffffff0000002120400000 ffffffff000c011640000001 ffffffff001200a940000000",
              v0, sizeof(v0));
    hex_bytes(
        "00011000 00000000 00001000 000c0137 00012040 00000006 00002040 00000021 00014000 000c0116"
        "00004000 001200a9",
        v1, sizeof(v1));
#if HOST_IS_LITTLE
    ace_v0_bswap(v0, sizeof(v0));
    ace_bswap(v1, sizeof(v1));
#endif
    assert_int_equal(acl_validate(span_of(v0, 72), 0, 6), 0);
    assert_int_equal(acl_validate(span_of(v1, 48), 1, 6), 0);
    assert_int_equal(acl_validate(span_of(v1, 48), 1, 7), ZE_BADACL);
    assert_int_equal(ace_next(span_of(v0, 72), 0, &pos, &ace), 0);
    assert_int_equal(ace.flags, ACE_FLAG_OWNER);
    assert_int_equal(ace.type, ACE_DENY);
    assert_int_equal(ace.mask, 0);
    assert_int_equal(ace.fuid, UINT64_MAX);
    pos = 40;
    assert_int_equal(ace_next(span_of(v1, 48), 1, &pos, &ace), 0);
    assert_int_equal(ace.mask, 0x1200a9);
    assert_int_equal(ace.flags, ACE_FLAG_EVERYONE);
    assert_int_equal(ace_next(span_of(v1, 48), 1, &pos, &ace), ZE_NOENT);
    /* a named user takes 16 bytes, an object ACE 48, audit of owner@ 16 */
    assert_int_equal(ace_size(ACE_ALLOW, 0), 16);
    assert_int_equal(ace_size(ACE_ALLOW_OBJECT, ACE_FLAG_OWNER), 48);
    assert_int_equal(ace_size(ACE_AUDIT, ACE_FLAG_OWNER), 16);
    pos = 40;
    store_ne16(v1 + 40, ACE_ALLOW_OBJECT);
    assert_int_equal(ace_next(span_of(v1, 48), 1, &pos, &ace), ZE_BADACL);
}

static void znode(void **state)
{
    _Alignas(8) uint8_t bonus[320] = {0};
    struct znode_phys *zp = (struct znode_phys *)(void *)bonus;
    struct ace ace;
    size_t pos = 0;

    zp->mode = 040755;
    zp->acl_size = 6;
    hex_bytes("ffffffff0000000010000001", zp->acl_aces, 12);
    memcpy(bonus + 264, "target", 6);
#if HOST_IS_LITTLE
    ace_v0_bswap(zp->acl_aces, 12);
#endif
    znode_bonus_bswap(bonus, sizeof(bonus));
    assert_int_equal(zp->mode, __builtin_bswap64(040755));
    assert_memory_equal(bonus + 264, "target", 6);
    znode_bonus_bswap(bonus, sizeof(bonus));
    assert_int_equal(znode_phys_validate(zp, 264), 0);
    assert_int_equal(ace_next(span_of(zp->acl_aces, 72), 0, &pos, &ace), 0);
    assert_int_equal(ace.flags, ACE_FLAG_OWNER);
    assert_int_equal(znode_phys_validate(zp, 263), ZE_BADSA);
    zp->acl_size = 7;
    assert_int_equal(znode_phys_validate(zp, 264), ZE_BADACL);
    zp->acl_version = 1;
    zp->acl_size = 73;
    assert_int_equal(znode_phys_validate(zp, 264), ZE_BADACL);
    zp->acl_extern_obj = 12;
    assert_int_equal(znode_phys_validate(zp, 264), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaf_example), cmocka_unit_test(leaf_hostile),
        cmocka_unit_test(fat_header),   cmocka_unit_test(micro),
        cmocka_unit_test(sa_example),   cmocka_unit_test(sa_headers),
        cmocka_unit_test(acls),         cmocka_unit_test(znode),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
