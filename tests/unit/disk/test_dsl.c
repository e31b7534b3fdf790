/* SPDX-License-Identifier: MIT */
/*
 * DSL structures: examples of format/dsl.md 21 and raid.md 22.6, dumps as zdb prints them, bpobj
 * and history headers, error log keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/err.h"
#include "base/span.h"
#include "disk/bpobj_phys.h"
#include "disk/dsl_phys.h"
#include "disk/errlog_phys.h"
#include "disk/history_phys.h"

/* Object 32 of the fixture basic-single, printed by zdb -dddd. */
static const char zdb_dir[] =
    "\t\tcreation_time = Sat Nov 21 04:36:15 2026\n"
    "\t\thead_dataset_obj = 54\n\t\tparent_dir_obj = 0\n\t\torigin_obj = 48\n"
    "\t\tchild_dir_zapobj = 34\n\t\tused_bytes = 66.2M\n"
    "\t\tcompressed_bytes = 45.8M\n\t\tuncompressed_bytes = 154M\n"
    "\t\tquota = 0\n\t\treserved = 0\n\t\tprops_zapobj = 33\n"
    "\t\tdeleg_zapobj = 0\n\t\tflags = 1\n\t\tused_breakdown[HEAD] = 28K\n"
    "\t\tused_breakdown[SNAP] = 0\n\t\tused_breakdown[CHILD] = 63.2M\n"
    "\t\tused_breakdown[CHILD_RSRV] = 3M\n\t\tused_breakdown[REFRSRV] = 0\n"
    "\t\tclones = 0\n";

static void dir_dump(void **state)
{
    struct dsl_dir_phys dd = {.creation_time = 1795235775,
                              .head_dataset_obj = 54,
                              .origin_obj = 48,
                              .child_dir_zapobj = 34,
                              .used_bytes = 69416653, /* 66.2M */
                              .compressed_bytes = 48024781,
                              .uncompressed_bytes = 161480704,
                              .props_zapobj = 33,
                              .flags = 1,
                              .used_breakdown = {28672, 0, 66270003, 3145728, 0}};
    char *text = NULL;
    size_t len;

    setenv("TZ", "UTC", 1);
    tzset();
    FILE *f = open_memstream(&text, &len);
    dsl_dir_phys_dump(&dd, f);
    fclose(f);
    assert_string_equal(text, zdb_dir);
    free(text);
    assert_int_equal(dsl_dir_phys_validate(&dd, 256, 32), 0);
    assert_int_equal(dsl_dir_phys_validate(&dd, 255, 32), ZE_BADDSL);
    dd.parent_obj = 32;
    assert_int_equal(dsl_dir_phys_validate(&dd, 256, 32), ZE_BADDSL);
    assert_int_equal(offsetof(struct dsl_dir_phys, clones), 144);
}

static void nice_numbers(void **state)
{
    static const struct {
        uint64_t v;
        const char *text;
    } t[] = {{10239, "10.0K"}, {1536, "1.50K"},  {1048576, "1M"},      {1000, "1000"},
             {0, "0"},         {276480, "270K"}, {1339392, "1.28M"},   {1048575, "1024K"},
             {13824, "13.5K"}, {1023, "1023"},   {UINT64_MAX, "16.0E"}};
    char buf[32];

    for (size_t i = 0; i < array_len(t); i++) {
        field_nice_number(buf, sizeof(buf), t[i].v);
        assert_string_equal(buf, t[i].text);
    }
}

static const char zdb_dataset[] =
    "\t\tdir_obj = 42\n\t\tprev_snap_obj = 48\n\t\tprev_snap_txg = 1\n\t\tnext_snap_obj = 0\n"
    "\t\tsnapnames_zapobj = 46\n\t\tnum_children = 0\n\t\tuserrefs_obj = 0\n"
    "\t\tcreation_time = Sat Nov 21 04:36:15 2026\n\t\tcreation_txg = 1\n\t\tdeadlist_obj = 49\n"
    "\t\tused_bytes = 0\n\t\tcompressed_bytes = 0\n\t\tuncompressed_bytes = 0\n\t\tunique = 0\n"
    "\t\tfsid_guid = 60936607088329101\n\t\tguid = 11291890294123468349\n\t\tflags = 4\n"
    "\t\tnext_clones_obj = 0\n\t\tprops_obj = 0\n\t\tbp = HOLE [L0 unallocated] size=200L "
    "birth=0L\n";

static void dataset_dump(void **state)
{
    struct dsl_dataset_phys ds = {.dir_obj = 42,
                                  .prev_snap_obj = 48,
                                  .prev_snap_txg = 1,
                                  .snapnames_zapobj = 46,
                                  .creation_time = 1795235775,
                                  .creation_txg = 1,
                                  .deadlist_obj = 49,
                                  .fsid_guid = 60936607088329101,
                                  .guid = 11291890294123468349u,
                                  .flags = DSL_DATASET_FLAG_UNIQUE_ACCURATE};
    char *text = NULL;
    size_t len;

    FILE *f = open_memstream(&text, &len);
    dsl_dataset_phys_dump(&ds, f);
    fclose(f);
    assert_string_equal(text, zdb_dataset);
    free(text);
    json_t *j = dsl_dataset_phys_json(&ds);
    assert_int_equal(json_integer_value(json_object_get(j, "deadlist_obj")), 49);
    assert_string_equal(json_string_value(json_object_get(j, "guid")), "11291890294123468349");
    assert_null(json_object_get(j, "pad"));
    json_decref(j);

    assert_int_equal(dsl_dataset_phys_validate(&ds, 320, 45), 0);
    assert_int_equal(dsl_dataset_phys_validate(&ds, 319, 45), ZE_BADDSL);
    assert_int_equal(dsl_dataset_phys_validate(&ds, 320, 48), ZE_BADDSL); /* its own previous */
    ds.bp.prop = (uint64_t)60 << 48;
    assert_int_equal(dsl_dataset_phys_validate(&ds, 320, 45), ZE_BADDSL);
    struct dsl_dataset_phys copy = ds;
    dsl_dataset_phys_bswap(&ds);
    assert_int_equal(ds.dir_obj, (uint64_t)42 << 56);
    dsl_dataset_phys_bswap(&ds);
    assert_memory_equal(&ds, &copy, sizeof(ds));
    assert_true(layout_padding_zero(&dsl_dataset_phys_layout, &ds));
    ds.pad[4] = 1;
    assert_false(layout_padding_zero(&dsl_dataset_phys_layout, &ds));
}

static void bookmarks(void **state)
{
    static const uint64_t words[12] = {0xabc,   12,      1700000000, 0,      1,      1062912,
                                       1055744, 1055744, 276480,     269312, 269312, 0};
    struct bookmark_phys b;

    assert_int_equal(bookmark_phys_load(&b, words, 12), 0);
    assert_int_equal(b.flags, BOOKMARK_FLAG_HAS_FBN);
    assert_int_equal(b.referenced_freed_before_next_snap, 276480);
    assert_int_equal(bookmark_phys_load(&b, words, 3), 0);
    assert_int_equal(b.creation_txg, 12);
    assert_int_equal(b.referenced_bytes_refd, 0);
    assert_int_equal(bookmark_phys_load(&b, words, 2), ZE_BADDSL);
    struct redaction_entry_phys e = {.size_count = (uint64_t)256 << 48 | 9};
    assert_int_equal(redaction_entry_block_size(&e), 131072);
    assert_int_equal(redaction_entry_blocks(&e), 10);
    struct redaction_list_phys rl = {UINT64_MAX, UINT64_MAX, 4, 36};
    assert_true(redaction_list_is_complete(&rl));
    assert_int_equal(redaction_list_validate(&rl, 320, 128), 0);
    rl.num_snaps = 37;
    assert_int_equal(redaction_list_validate(&rl, 320, 128), ZE_BADDSL);
    rl.num_snaps = 0;
    rl.num_entries = 5;
    assert_int_equal(redaction_list_validate(&rl, 320, 128), ZE_BADDSL);
}

static void scans(void **state)
{
    uint64_t words[25] = {1,        2,      0, 0, 241, 195, 241, 100, 200, 50024448,
                          48734208, 147456, 0, 0, 1,   3,   0,   0,   0,   UINT64_MAX};
    struct scan_phys s;
    bool odd;

    assert_int_equal(scan_phys_load(&s, words, 24, &odd), 0);
    assert_false(odd);
    assert_int_equal(s.func, SCAN_FUNC_SCRUB);
    assert_int_equal(s.state, SCAN_STATE_FINISHED);
    assert_int_equal(s.examined, 48734208);
    assert_int_equal(s.ddt_class, 3);
    assert_int_equal(s.objset, UINT64_MAX);
    words[24] = SCAN_FLAG_SCRUB_PAUSED;
    assert_int_equal(scan_phys_load(&s, words, 25, &odd), 0);
    assert_true(odd);
    assert_int_equal(s.flags, SCAN_FLAG_SCRUB_PAUSED);
    words[24] = 8;
    assert_int_equal(scan_phys_load(&s, words, 25, &odd), ZE_BADDSL);
    assert_int_equal(scan_phys_load(&s, words, 23, &odd), ZE_BADDSL);
    words[0] = 4;
    assert_int_equal(scan_phys_load(&s, words, 24, &odd), ZE_BADDSL);
}

static void bpobjs(void **state)
{
    uint64_t bonus[7] = {3, 1000, 2000, 3000, 9, 1, 2};
    struct bpobj_phys b;

    assert_int_equal(bpobj_phys_load(&b, bonus, 56, 384, 5), 0);
    assert_int_equal(b.num_freed, 2);
    assert_int_equal(bpobj_phys_load(&b, bonus, 48, 384, 5), 0);
    assert_int_equal(b.num_freed, 0);
    assert_int_equal(b.subobjs, 9);
    assert_int_equal(bpobj_phys_load(&b, bonus, 32, 384, 5), 0);
    assert_int_equal(b.subobjs, 0);
    assert_int_equal(b.uncomp, 3000);
    assert_int_equal(bpobj_phys_load(&b, bonus, 16, 384, 5), 0);
    assert_int_equal(b.comp, 0);
    assert_int_equal(bpobj_phys_load(&b, bonus, 8, 384, 5), ZE_BADDSL);
    assert_int_equal(bpobj_phys_load(&b, bonus, 24, 384, 5), ZE_BADDSL);
    assert_int_equal(bpobj_phys_load(&b, bonus, 56, 383, 5), ZE_BADDSL); /* 3 entries do not fit */
    bonus[6] = 4;
    assert_int_equal(bpobj_phys_load(&b, bonus, 56, 384, 5), ZE_BADDSL);
    struct bptree_phys t;
    uint64_t tree[5] = {1, 2, 0, 0, 0};
    assert_int_equal(bptree_phys_load(&t, tree, 40, 336, 7), 0);
    assert_int_equal(bptree_phys_load(&t, tree, 40, 335, 7), ZE_BADDSL);
    tree[0] = 3;
    assert_int_equal(bptree_phys_load(&t, tree, 40, 100000, 7), ZE_BADDSL);
}

static void histories(void **state)
{
    uint64_t bonus[5] = {160, 251658, 160, 1000, 0};
    struct history_phys h;

    assert_int_equal(history_phys_load(&h, bonus, 40), 0);
    assert_int_equal(history_physical(&h, 100), 100);
    assert_int_equal(history_physical(&h, 251657), 251657);
    assert_int_equal(history_physical(&h, 251658), 160); /* wraps behind the creation records */
    bonus[2] = 2000;
    assert_int_equal(history_phys_load(&h, bonus, 40), ZE_CORRUPT);
    bonus[2] = 160;
    bonus[1] = 160;
    assert_int_equal(history_phys_load(&h, bonus, 40), ZE_CORRUPT);
    assert_int_equal(history_phys_load(&h, bonus, 39), ZE_CORRUPT);
}

static void error_keys(void **state)
{
    struct bookmark zb = {54, 0x1234, -1, 7}, got = {0};
    char key[ERRLOG_KEY_MAX];
    uint64_t birth;

    errlog_key_format(key, sizeof(key), &zb);
    assert_string_equal(key, "36:1234:ffffffffffffffff:7");
    assert_int_equal(errlog_key_parse(key, &got), 0);
    assert_memory_equal(&zb, &got, sizeof(zb));
    errlog_head_key_format(key, sizeof(key), &zb, 99);
    assert_string_equal(key, "1234:ffffffffffffffff:7:63");
    assert_int_equal(errlog_head_key_parse(key, &got, &birth), 0);
    assert_int_equal(birth, 99);
    assert_int_equal(errlog_key_parse("1:2:3", &got), ZE_CORRUPT);
    assert_int_equal(errlog_key_parse("1:2:3:4:5", &got), ZE_CORRUPT);
    assert_int_equal(errlog_key_parse("1:2::4", &got), ZE_CORRUPT);
    assert_int_equal(errlog_key_parse("1:2:3:12345678123456789", &got), ZE_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dir_dump),  cmocka_unit_test(nice_numbers), cmocka_unit_test(dataset_dump),
        cmocka_unit_test(bookmarks), cmocka_unit_test(scans),        cmocka_unit_test(bpobjs),
        cmocka_unit_test(histories), cmocka_unit_test(error_keys),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
