/* SPDX-License-Identifier: MIT */
/* Reads of ordinary block pointers: checksums, copies, sizes, embedded blocks, error reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "disk/objtype.h"
#include "fake_vdev.h"

static const struct bookmark zb = {5, 6, 0, 7};
static unsigned fail_vdevs; /* bit mask: reads of these fail */

static int fail_some(struct vdev_io *io)
{
    return fail_vdevs >> io->vd->id & 1 ? err_raise(ZE_IO, "pulled") : 0;
}

static int setup(void **state)
{
    *state = fake_create(64 << 20, 12, false);
    fail_vdevs = 0;
    return 0;
}
static int teardown(void **state)
{
    fake_destroy(*state);
    return 0;
}

static int read_bp(struct fake_world *w, const struct blkptr *bp, unsigned flags, void *buf,
                   size_t size)
{
    return zio_read_run(&w->pool, bp, &zb, VDEV_PRIO_SYNC_READ, flags, buf, size);
}

static void test_every_function(void **state)
{
    struct fake_world *w = *state;
    static const enum checksum_id sums[] = {
        CHECKSUM_OFF,    CHECKSUM_FLETCHER_2, CHECKSUM_FLETCHER_4,
        CHECKSUM_SHA256, CHECKSUM_NOPARITY,   CHECKSUM_SHA512,
        CHECKSUM_SKEIN,  CHECKSUM_EDONR,      CHECKSUM_BLAKE3};
    static const enum compress_id comps[] = {COMPRESS_OFF, COMPRESS_LZJB, COMPRESS_GZIP_9,
                                             COMPRESS_ZLE, COMPRESS_LZ4,  COMPRESS_ZSTD};
    static const size_t sizes[] = {512, 1536, 4096, 131072, 1 << 20};

    for (unsigned z = 0; z < array_len(sizes); z++) {
        AUTO_FREE uint8_t *data = malloc(sizes[z]), *back = malloc(sizes[z]);
        fake_fill(data, sizes[z], z);
        for (unsigned i = 0; i < array_len(sums); i++) {
            struct blkptr bp =
                fake_write(w, data, sizes[z], comps[i % array_len(comps)], sums[i], 19, 0, 10, 1);
            memset(back, 0, sizes[z]);
            assert_int_equal(read_bp(w, &bp, 0, back, sizes[z]), 0);
            assert_memory_equal(back, data, sizes[z]);
            assert_int_equal(read_bp(w, &bp, 0, back, sizes[z] + 512), ZE_INVAL);
            w->disk[0][dva_offset(&bp.dva[0]) + 100] ^= 1;
            bool unchecked = sums[i] == CHECKSUM_OFF || sums[i] == CHECKSUM_NOPARITY;
            int err = read_bp(w, &bp, 0, back, sizes[z]);
            if (!unchecked)
                assert_int_equal(err, ZE_CKSUM);
        }
    }
}

static void test_copies(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[8192], back[8192];

    fake_fill(data, sizeof(data), 1);
    struct blkptr bp = fake_write(w, data, 8192, COMPRESS_OFF, CHECKSUM_FLETCHER_4, 19, 0, 10, 3);
    w->inject = fail_some;
    for (fail_vdevs = 0; fail_vdevs < 8; fail_vdevs++) {
        memset(back, 0, sizeof(back));
        int err = read_bp(w, &bp, 0, back, 8192);
        assert_int_equal(err, fail_vdevs == 7 ? ZE_IO : 0);
        if (err == 0)
            assert_memory_equal(back, data, 8192);
        else
            assert_non_null(strstr(err_detail(), "<5, 6, 0, 7>"));
    }
    /* a wrong copy tells more than missing ones */
    fail_vdevs = 5;
    w->disk[1][dva_offset(&bp.dva[1])] ^= 0x80;
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_CKSUM);
    assert_int_equal(w->cksum_errors, 1);
    assert_int_equal(read_bp(w, &bp, ZIO_SPECULATIVE, back, 8192), ZE_CKSUM);
    assert_int_equal(w->cksum_errors, 1);
    /* a degraded vdev is asked last */
    fail_vdevs = 0;
    w->top[0].state = VDEV_STATE_DEGRADED;
    w->disk[1][dva_offset(&bp.dva[1])] ^= 0x80;
    uint64_t before = w->reads;
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), 0);
    assert_int_equal(w->reads, before + 1);
}

static void test_raw(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[16384], back[16384];

    memset(data, 'x', sizeof(data));
    struct blkptr bp = fake_write(w, data, 16384, COMPRESS_LZ4, CHECKSUM_SHA256, 19, 0, 10, 1);
    size_t psize = bp_psize(&bp);
    assert_int_equal(zio_read_size(&bp, ZIO_RAW), psize);
    assert_true(psize < 16384);
    assert_int_equal(read_bp(w, &bp, ZIO_RAW, back, psize), 0);
    assert_memory_equal(back, w->disk[0] + dva_offset(&bp.dva[0]), psize);
    assert_int_equal(read_bp(w, &bp, ZIO_RAW_COMPRESS, back, psize), 0);
    assert_memory_equal(back, w->disk[0] + dva_offset(&bp.dva[0]), psize);
}

static void test_foreign_order(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096], back[4096];
    static const enum checksum_id sums[] = {CHECKSUM_FLETCHER_2, CHECKSUM_FLETCHER_4,
                                            CHECKSUM_SHA256, CHECKSUM_SHA512, CHECKSUM_SKEIN};

    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    for (unsigned i = 0; i < array_len(sums); i++) {
        struct blkptr bp = fake_write(w, data, 4096, COMPRESS_OFF, sums[i], 19, 0, 10, 1);
        bp.prop ^= 1ull << 63;
        struct cksum native = bp.cksum;
        checksum_compute(sums[i], data, 4096, true, w->pool.salt, &bp.cksum);
        assert_int_equal(read_bp(w, &bp, 0, back, 4096), 0);
        if (sums[i] == CHECKSUM_SHA256)
            continue; /* its words do not depend on the order */
        bp.cksum = native;
        assert_int_equal(read_bp(w, &bp, 0, back, 4096), ZE_CKSUM);
    }
}

/* Words 2 and 3 of a protected bp are a MAC: only the folded words count. */
static void test_truncated_checksum(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096], back[4096];
    struct cksum full;

    fake_fill(data, sizeof(data), 4);
    for (unsigned i = 0; i < 2; i++) {
        enum checksum_id id = i == 0 ? CHECKSUM_FLETCHER_4 : CHECKSUM_SHA256;
        struct blkptr bp = fake_write(w, data, 4096, COMPRESS_OFF, id, 19, 0, 10, 1);
        full = bp.cksum;
        bp.prop |= 1ull << 61;
        bp.cksum.word[0] ^= i == 0 ? full.word[2] : 0;
        bp.cksum.word[1] ^= i == 0 ? full.word[3] : 0;
        bp.cksum.word[2] = bp.cksum.word[3] = 0x1111;
        assert_int_equal(read_bp(w, &bp, ZIO_RAW, back, 4096), 0);
        assert_memory_equal(back, data, 4096);
        assert_int_equal(read_bp(w, &bp, 0, back, 4096), ZE_NOKEY);
        bp.cksum.word[1] ^= 1;
        assert_int_equal(read_bp(w, &bp, ZIO_RAW, back, 4096), ZE_CKSUM);
        /* an objset block keeps the whole checksum, and is readable */
        bp = fake_write(w, data, 4096, COMPRESS_OFF, id, OBJTYPE_OBJSET, 0, 10, 1);
        bp.prop |= 1ull << 61;
        assert_int_equal(read_bp(w, &bp, 0, back, 4096), 0);
        bp.cksum.word[3] ^= 1;
        assert_int_equal(read_bp(w, &bp, 0, back, 4096), ZE_CKSUM);
    }
}

/* Intent log blocks check themselves; the bp's words are the verifier (format/dmu.md 4.3). */
static void test_log_block(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096], back[4096];

    for (unsigned protect = 0; protect < 2; protect++) {
        for (unsigned i = 0; i < 2; i++) {
            enum checksum_id id = i == 0 ? CHECKSUM_ZILOG : CHECKSUM_ZILOG2;
            struct blkptr bp = {.birth = 10,
                                .prop = fake_prop(4096, 4096, COMPRESS_OFF, id, 9, 0),
                                .cksum = {{1, 2, 3, 4}}};
            bp.prop |= (uint64_t)protect << 61;
            fake_fill(data, sizeof(data), 11 + i);
            store_ne64(data + 136, 1000); /* bytes in use */
            if (protect)
                checksum_embedded_write_protected(id, data, 4096, &bp.cksum);
            else
                checksum_embedded_write(id, data, 4096, &bp.cksum);
            fake_store(w, &bp, data, 4096, 1);
            assert_int_equal(read_bp(w, &bp, ZIO_RAW, back, 4096), 0);
            bp.cksum.word[3]++; /* the next sequence number: another block's place */
            assert_int_equal(read_bp(w, &bp, ZIO_RAW, back, 4096), ZE_CKSUM);
        }
    }
}

/* What is only authenticated stays readable without a key. */
static void test_authenticated_without_key(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096], back[4096];

    fake_fill(data, sizeof(data), 5);
    struct blkptr bp =
        fake_write(w, data, 4096, COMPRESS_OFF, CHECKSUM_SHA256, OBJTYPE_MASTER_NODE, 0, 10, 1);
    bp.prop |= 1ull << 61;
    assert_int_equal(read_bp(w, &bp, 0, back, 4096), 0);
    assert_memory_equal(back, data, 4096);
}

static void test_embedded(void **state)
{
    struct fake_world *w = *state;
    uint8_t back[1024], expect[1024];
    struct blkptr bp = {0};
    uint64_t *word = (uint64_t *)&bp;

    /* format/dmu.md 16.3 */
    word[0] = 0x0001621f0e000000;
    word[1] = 0x62626250eaffffff;
    word[2] = 0x6262;
    word[6] = 0x801a008f220003ff;
    word[10] = 7;
    memset(expect, 0x62, sizeof(expect));
    assert_int_equal(read_bp(w, &bp, 0, back, 1024), 0);
    assert_memory_equal(back, expect, 1024);
    assert_int_equal(zio_read_size(&bp, ZIO_RAW_COMPRESS), 18);
    assert_int_equal(read_bp(w, &bp, ZIO_RAW_COMPRESS, back, 18), 0);
    assert_int_equal(back[3], 0x0e);
    word[6] ^= 1; /* one byte shorter: output must fit exactly */
    assert_int_equal(read_bp(w, &bp, 0, back, 1023), ZE_DECOMPRESS);
    word[6] = 0x801a0282220003ff; /* redacted */
    word[6] = (word[6] & ~(0xffull << 40)) | 2ull << 40;
    assert_int_equal(read_bp(w, &bp, 0, back, 1024), ZE_REDACTED);
    assert_int_equal(w->reads, 0);
}

static void test_bad_pointers(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[8192], back[8192];

    fake_fill(data, sizeof(data), 6);
    const struct blkptr good =
        fake_write(w, data, 8192, COMPRESS_LZ4, CHECKSUM_FLETCHER_4, 19, 0, 10, 2);
    struct blkptr bp = good;
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), 0);
    bp.dva[0].word[0] += (uint64_t)FAKE_VDEVS << 32;
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    w->pool.config_trusted = false; /* then the other copy may do */
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), 0);
    w->pool.config_trusted = true;
    bp = good;
    bp.dva[1].word[1] = w->disk_size >> 9; /* past the end */
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    bp = good;
    bp.dva[1].word[1] = INT64_MAX; /* offset + asize overflows */
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    bp = good;
    bp.dva[1].word[1] |= 1ull << 63; /* one gang copy */
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    bp = good;
    w->top[1].type = VDEV_HOLE;
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    w->top[1].type = VDEV_DISK;
    bp.prop = fake_prop(4096, 8192, COMPRESS_LZ4, CHECKSUM_FLETCHER_4, 19, 0);
    assert_int_equal(read_bp(w, &bp, 0, back, 4096), ZE_BADBP);
    bp.prop = fake_prop(8192, 4096, COMPRESS_OFF, CHECKSUM_FLETCHER_4, 19, 0);
    assert_int_equal(read_bp(w, &bp, 0, back, 8192), ZE_BADBP);
    bp.prop = fake_prop(8192, 4096, COMPRESS_LZ4, CHECKSUM_ON, 19, 0);
    assert_true(read_bp(w, &bp, 0, back, 8192) != 0);
    bp = (struct blkptr){0};
    assert_int_equal(read_bp(w, &bp, 0, back, 512), ZE_HOLE);
}

static void test_scrub_counts(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096];
    struct zio_scrub_result res;

    fake_fill(data, sizeof(data), 8);
    struct blkptr bp = fake_write(w, data, 4096, COMPRESS_OFF, CHECKSUM_SHA256, 19, 0, 10, 3);
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), 0);
    assert_int_equal(res.copies, 3);
    assert_int_equal(res.bad, 0);
    w->disk[2][dva_offset(&bp.dva[2]) + 5] ^= 1;
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), 0);
    assert_int_equal(res.copies, 3);
    assert_int_equal(res.bad, 1);
    w->disk[0][dva_offset(&bp.dva[0]) + 5] ^= 1;
    w->disk[1][dva_offset(&bp.dva[1]) + 5] ^= 1;
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), ZE_CKSUM);
    assert_int_equal(res.bad, 3);
    struct blkptr hole = {0};
    assert_int_equal(zio_scrub_run(&w->pool, &hole, &zb, &res), 0);
    assert_int_equal(res.copies, 0);
}

/* After everything, no buffer is accounted any more. */
static void test_memory(void **state)
{
    struct fake_world *w = *state;
    AUTO_FREE uint8_t *data = malloc(1 << 20), *back = malloc(1 << 20);

    fake_fill(data, 1 << 20, 9);
    struct blkptr bp = fake_write(w, data, 1 << 20, COMPRESS_LZ4, CHECKSUM_SHA256, 19, 0, 10, 2);
    uint64_t before = w->env.mem.used;
    assert_int_equal(read_bp(w, &bp, 0, back, 1 << 20), 0);
    w->inject = fail_some;
    fail_vdevs = 15;
    assert_int_equal(read_bp(w, &bp, 0, back, 1 << 20), ZE_IO);
    assert_int_equal(w->env.mem.used, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_function, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_raw, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_checksum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_block, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authenticated_without_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_embedded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_pointers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrub_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
