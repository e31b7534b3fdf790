/* SPDX-License-Identifier: MIT */
/*
 * Space maps (format/pool.md 25), dedup tables and the block reference table
 * (format/crypto-dedup.md G12-G14), indirect mappings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../hex.h"
#include "base/err.h"
#include "disk/brt_phys.h"
#include "disk/ddt_phys.h"
#include "disk/indirect_phys.h"
#include "disk/spacemap_phys.h"

static void metaslab_words(void **state)
{
    static const uint64_t words[] = {0x8004000000000006, 0x0000000000000002, 0x000000000004000d,
                                     0x9004000000000009, 0x0000000000018001};
    struct spacemap_entry e;
    size_t pos = 0;
    uint64_t out[2];

    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_DEBUG);
    assert_int_equal(e.txg, 6);
    assert_int_equal(e.pass, 1);
    assert_false(e.debug_free);
    assert_int_equal(spacemap_entry_encode(&e, out), 1);
    assert_int_equal(out[0], words[0]);
    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_ALLOC);
    assert_int_equal(e.offset, 0);
    assert_int_equal(e.run << 12, 0x3000);
    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), 0);
    assert_int_equal(e.offset << 12, 0x4000);
    char text[128]; /* as zdb -mmmmm lists it */
    spacemap_entry_format(text, sizeof(text), &e, 0x1000000, 12);
    assert_string_equal(text,
                        "   A  range: 0001004000-0001012000  size: 00e000 vdev: 16777216 words: 1");
    assert_int_equal(e.run << 12, 0xe000);
    assert_int_equal(spacemap_entry_encode(&e, out), 1);
    assert_int_equal(out[0], words[2]);
    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), 0);
    assert_true(e.debug_free);
    assert_int_equal(e.txg, 9);
    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_FREE);
    assert_int_equal(e.offset << 12, 0x1000);
    assert_int_equal(e.run << 12, 0x2000);
    assert_int_equal(spacemap_entry_decode(words, 5, &pos, &e), ZE_NOENT);
}

static void log_words(void **state)
{
    uint64_t words[] = {0x80080000000001c5, 0xc000000017000000, 0x0000000000010008,
                        0xc000000007000000, 0x80000000000101c0, (uint64_t)2 << 62};
    struct spacemap_entry e;
    uint64_t out[2];
    size_t pos = 1;

    assert_int_equal(spacemap_entry_decode(words, 6, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_ALLOC);
    assert_true(e.two_words);
    assert_int_equal(e.vdev, 0);
    assert_int_equal(e.offset << 9, 0x2001000);
    assert_int_equal(e.run << 9, 0x3000);
    assert_int_equal(spacemap_entry_decode(words, 6, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_FREE);
    assert_int_equal(e.offset << 9, 0x2038000);
    assert_int_equal(e.run << 9, 0x1000);
    assert_int_equal(spacemap_entry_encode(&e, out), 2);
    assert_int_equal(out[0], words[3]);
    assert_int_equal(out[1], words[4]);
    assert_int_equal(spacemap_entry_decode(words, 6, &pos, &e), 0);
    assert_int_equal(e.kind, SPACEMAP_PADDING);
    pos = 3; /* cut in the middle */
    assert_int_equal(spacemap_entry_decode(words, 4, &pos, &e), ZE_BADSPACEMAP);
    words[3] |= (uint64_t)1 << 60;
    pos = 3;
    assert_int_equal(spacemap_entry_decode(words, 6, &pos, &e), ZE_BADSPACEMAP);
    e = (struct spacemap_entry){.kind = SPACEMAP_ALLOC, .offset = 5, .run = 40000, .vdev = 3};
    assert_int_equal(spacemap_entry_encode(&e, out), 2); /* too long for one word */
    e.run = SPACEMAP_TWO_WORD_RUN + 1;
    assert_int_equal(spacemap_entry_encode(&e, out), 0);
}

static void spacemap_header(void **state)
{
    uint64_t bonus[40] = {131, 0x548, 0x19600};
    struct spacemap_phys sm;

    assert_int_equal(spacemap_phys_load(&sm, bonus, 320, 131072, 131), 0);
    assert_int_equal(sm.alloc, 0x19600);
    bonus[8] = 77; /* histogram of no interest to the 24-byte form */
    assert_int_equal(spacemap_phys_load(&sm, bonus, 24, 131072, 131), 0);
    assert_int_equal(sm.histogram[0], 0);
    assert_int_equal(spacemap_phys_load(&sm, bonus, 320, 131072, 131), 0);
    assert_int_equal(sm.histogram[0], 77);
    assert_int_equal(spacemap_phys_load(&sm, bonus, 16, 131072, 131), ZE_BADSPACEMAP);
    assert_int_equal(spacemap_phys_load(&sm, bonus, 320, 0x540, 131), ZE_BADSPACEMAP);
    bonus[1] = 0x541;
    assert_int_equal(spacemap_phys_load(&sm, bonus, 320, 131072, 131), ZE_BADSPACEMAP);
}

static void ddt_values(void **state)
{
    uint8_t raw[300];
    struct ddt_value v, again;
    size_t n = hex_bytes("8e7f0008460092660001460008c6", raw, sizeof(raw));

    assert_int_equal(ddt_value_decode(span_of(raw, n), false, &v), 0);
    assert_int_equal(v.slot[1].dva[0].word[0], 8);
    assert_int_equal(v.slot[1].dva[0].word[1], 0x92);
    assert_int_equal(v.slot[1].refcnt, 1);
    assert_int_equal(v.slot[1].phys_birth, 8);
    assert_int_equal(v.slot[0].phys_birth, 0);
    assert_int_equal(ddt_value_refcnt(&v), 1);
    n = hex_bytes("8e7f000846007a660005460008c6", raw, sizeof(raw));
    assert_int_equal(ddt_value_decode(span_of(raw, n), false, &v), 0);
    assert_int_equal(ddt_value_refcnt(&v), 5);
    n = ddt_value_encode(&v, raw);
    assert_int_equal(n, 257);
    assert_int_equal(ddt_value_decode(span_of(raw, n), false, &again), 0);
    assert_memory_equal(v.slot, again.slot, sizeof(v.slot));
    assert_int_equal(ddt_value_decode(span_of(raw, n - 1), false, &again), ZE_BADDDT);
    assert_int_equal(ddt_value_decode(span_of(raw, n), true, &again), ZE_BADDDT);
    raw[0] = 0x80 | 60;
    assert_int_equal(ddt_value_decode(span_of(raw, n), false, &again), ZE_BADDDT);

    n = hex_bytes(
        "82 0800000000000000 ef00000000000000 0000000000000000 0000000000000000 0000000000000000"
        "0000000000000000 0100000000000000 0e00000000000000 a516016b00000000",
        raw, sizeof(raw));
    assert_int_equal(n, 73);
    assert_int_equal(ddt_value_decode(span_of(raw, n), true, &v), 0);
    assert_true(v.flat);
    assert_int_equal(v.slot[0].phys_birth, 14);
    assert_int_equal(v.class_start, 0x6b0116a5);
    assert_int_equal(dva_offset(&v.slot[0].dva[0]), 0xef << 9);
}

static void ddt_keys(void **state)
{
    /* first "unique" entry of the chapter: 4 KiB, uncompressed */
    struct ddt_key_phys k = {{{0x75948063290c82f6, 0x69c2b40d898ddd79, 0x7680f6f7a92be42d,
                               0x0e1411055c8b3f7c}},
                             0x0000000200070007},
                        again, other;
    struct ddt_slot_phys slot = {.refcnt = 1, .phys_birth = 27};
    struct blkptr bp;
    char name[DDT_NAME_MAX];

    assert_int_equal(ddt_key_lsize(&k), 4096);
    assert_int_equal(ddt_key_compress(&k), COMPRESS_OFF);
    dva_set(&slot.dva[0], 0, 0x129200, 0x1000, false);
    ddt_slot_bp(&k, &slot, CHECKSUM_SHA256, &bp);
    assert_int_equal(bp_validate(&bp), 0);
    assert_true(bp_is_dedup(&bp));
    ddt_key_of_bp(&bp, &again);
    assert_int_equal(ddt_key_compare(&k, &again), 0);
    other = k;
    other.prop++;
    assert_true(ddt_key_compare(&k, &other) < 0);
    other.cksum.word[0] = 0;
    assert_true(ddt_key_compare(&k, &other) > 0);
    ddt_object_name(name, "sha256", DDT_CLASS_UNIQUE);
    assert_string_equal(name, "DDT-sha256-zap-unique");
}

static void ddt_log(void **state)
{
    _Alignas(8) uint8_t raw[240] = {0};
    struct ddt_log_phys log;
    struct ddt_log_record rec;
    size_t pos = 0;

    hex_bytes("0101000000000000 0000060000000000 0800000000000000", raw, sizeof(raw));
#if !HOST_IS_LITTLE
    bswap64_array(raw, 64);
#endif
    assert_int_equal(ddt_log_phys_load(&log, raw, 64, 393216, 87), 0);
    assert_int_equal(ddt_log_flags(&log), DDT_LOG_FLAG_FLUSHING);
    assert_int_equal(log.length, 393216);
    assert_int_equal(log.first_txg, 8);
    assert_int_equal(ddt_log_phys_load(&log, raw, 64, 393215, 87), ZE_BADDDT);
    assert_int_equal(ddt_log_phys_load(&log, raw, 63, 393216, 87), ZE_BADDDT);

    memset(raw, 0, sizeof(raw));
    hex_bytes(
        "0178000000000103 f6820c296380947579dd8d890db4c2692de42ba9f7f680767c3f8b5c0511140e"
        "0700070002000000 0800000000000000 9200000000000000 0000000000000000 0000000000000000"
        "0000000000000000 0000000000000000 0100000000000000 0800000000000000 4d1a016b00000000",
        raw, sizeof(raw));
#if !HOST_IS_LITTLE
    bswap64_array(raw, sizeof(raw));
#endif
    assert_int_equal(ddt_log_record_next(span_of(raw, sizeof(raw)), &pos, &rec), 0);
    assert_int_equal(rec.type, DDT_TYPE_NONE);
    assert_int_equal(rec.class, DDT_CLASS_NONE);
    assert_int_equal(rec.key.cksum.word[0], 0x75948063290c82f6);
    assert_int_equal(rec.key.prop, 0x200070007);
    assert_int_equal(rec.value.slot[0].phys_birth, 8);
    assert_int_equal(rec.value.class_start, 0x6b011a4d);
    assert_int_equal(ddt_log_record_next(span_of(raw, sizeof(raw)), &pos, &rec), ZE_NOENT);
    store_ne64(raw + 120, 2); /* unknown record */
    assert_int_equal(ddt_log_record_next(span_of(raw, sizeof(raw)), &pos, &rec), ZE_BADDDT);
    store_ne64(raw + 120, 1 | 128 << 8); /* crosses the end */
    assert_int_equal(ddt_log_record_next(span_of(raw, sizeof(raw)), &pos, &rec), ZE_BADDDT);
    store_ne64(raw + 120, 1 | 64 << 8);
    assert_int_equal(ddt_log_record_next(span_of(raw, sizeof(raw)), &pos, &rec), ZE_BADDDT);
}

static void brt(void **state)
{
    uint64_t bonus[7] = {85, 15, 0, 4, 16777216, 524288, 786432}, refs;
    struct brt_vdev_phys b;
    uint8_t value[8];

    assert_int_equal(brt_vdev_phys_load(&b, bonus, 56, 32768, 0), 0);
    assert_int_equal(b.entries_obj, 85);
    assert_int_equal(b.saved_space, 786432);
    uint16_t counters[2] = {HOST_IS_LITTLE ? 4 : 0x400, 0};
    brt_counters_to_host(counters, 2, &b);
    assert_int_equal(counters[0], 4);
    b.byteorder = 1;
    brt_counters_to_host(counters, 2, &b);
    assert_int_equal(counters[0], HOST_IS_LITTLE ? 0x400 : 4);
    store_ne64(value, 2);
    assert_int_equal(brt_entry_value(1, 8, value, &refs), 0);
    assert_int_equal(refs, 2);
    assert_int_equal(brt_entry_value(8, 1, value, &refs), 0);
    assert_int_equal(brt_entry_value(4, 2, value, &refs), ZE_BADBRT);
    store_ne64(value, 0);
    assert_int_equal(brt_entry_value(8, 1, value, &refs), ZE_BADBRT);
    assert_int_equal(brt_vdev_phys_load(&b, bonus, 55, 32768, 0), ZE_BADBRT);
    bonus[1] = 20000;
    assert_int_equal(brt_vdev_phys_load(&b, bonus, 56, 32768, 0), ZE_BADBRT);
    bonus[1] = 15;
    bonus[4] = 3;
    assert_int_equal(brt_vdev_phys_load(&b, bonus, 56, 32768, 0), ZE_BADBRT);
}

static void indirect(void **state)
{
    struct indirect_entry_phys map[3] = {{.src = 0}, {.src = 0x4000 >> 9}, {.src = 0x10000 >> 9}};
    struct indirect_birth_phys births[2] = {{0x8000, 50}, {0x20000, 60}};

    dva_set(&map[0].dst, 0, 0x100000, 0x4000, false);
    dva_set(&map[1].dst, 2, 0x200000, 0x1000, false);
    dva_set(&map[2].dst, 0, 0x300000, 0x8000, false);
    assert_int_equal(indirect_entries_validate(map, 3, 0x18000), 0);
    assert_int_equal(indirect_entries_validate(map, 3, 0x17fff), ZE_BADVDEV);
    assert_int_equal(indirect_entries_find(map, 3, 0), 0);
    assert_int_equal(indirect_entries_find(map, 3, 0x3fff), 0);
    assert_int_equal(indirect_entries_find(map, 3, 0x4000), 1);
    assert_int_equal(indirect_entries_find(map, 3, 0x5000), 2); /* in the gap: the next one */
    assert_int_equal(indirect_entries_find(map, 3, 0x18000), 3);
    map[1].src = 0x3e00 >> 9; /* overlaps */
    assert_int_equal(indirect_entries_validate(map, 3, 0x18000), ZE_BADVDEV);
    assert_int_equal(indirect_births_lookup(births, 2, 0), 50);
    assert_int_equal(indirect_births_lookup(births, 2, 0x7fff), 50);
    assert_int_equal(indirect_births_lookup(births, 2, 0x8000), 60);
    assert_int_equal(indirect_births_lookup(births, 2, 0x20000), 0);
    assert_int_equal(indirect_births_validate(births, 2), 0);
    births[1].offset = 1;
    assert_int_equal(indirect_births_validate(births, 2), ZE_BADVDEV);
    uint64_t bonus[4] = {0x35b400, 0x2dc600, 7, 154};
    struct indirect_mapping_phys m;
    assert_int_equal(indirect_mapping_phys_load(&m, bonus, 24, 131072, 153), 0);
    assert_int_equal(m.counts_object, 0);
    assert_int_equal(indirect_mapping_phys_load(&m, bonus, 32, 131072, 153), 0);
    assert_int_equal(m.counts_object, 154);
    assert_int_equal(indirect_mapping_phys_load(&m, bonus, 32, 167, 153), ZE_BADVDEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metaslab_words),
        cmocka_unit_test(log_words),
        cmocka_unit_test(spacemap_header),
        cmocka_unit_test(ddt_values),
        cmocka_unit_test(ddt_keys),
        cmocka_unit_test(ddt_log),
        cmocka_unit_test(brt),
        cmocka_unit_test(indirect),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
