/* SPDX-License-Identifier: MIT */
/* Gang blocks: old and dynamic headers, nesting, lost copies, hostile headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gang_builder.h"

static const struct bookmark zb = {1, 2, 0, 3};

static int setup(void **state)
{
    *state = fake_create(64 << 20, 9, false);
    return 0;
}
static int setup_async(void **state)
{
    *state = fake_create(64 << 20, 9, true);
    return 0;
}
static int teardown(void **state)
{
    struct fake_world *w = *state;
    assert_int_equal(w->env.mem.used, 0);
    fake_destroy(w);
    return 0;
}

static int read_bp(struct fake_world *w, const struct blkptr *bp, void *buf)
{
    return zio_read_run(&w->pool, bp, &zb, VDEV_PRIO_SYNC_READ, 0, buf, bp_lsize(bp));
}

static void check_reads(struct fake_world *w, const struct blkptr *bp, const uint8_t *data)
{
    AUTO_FREE uint8_t *back = mem_zalloc(bp_lsize(bp));

    assert_int_equal(read_bp(w, bp, back), 0);
    assert_memory_equal(back, data, bp_lsize(bp));
}

static void test_old_header(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[0x1400];

    fake_fill(data, sizeof(data), 1);
    /* the sizes of format/dmu.md 16.4 */
    struct blkptr bp =
        gang_write(w, data, 0x1400, (uint64_t[]){0x800, 0x600, 0x600}, 3, 512, 3, 19);
    check_reads(w, &bp, data);
    /* one header copy left, and another copy of each member */
    w->disk[0][dva_offset(&bp.dva[0])] ^= 1;
    w->disk[2][dva_offset(&bp.dva[2])] ^= 1;
    check_reads(w, &bp, data);
    w->disk[1][dva_offset(&bp.dva[1]) + 500] ^= 1;
    uint8_t back[0x1400];
    assert_int_equal(read_bp(w, &bp, back), ZE_CKSUM);
}

static void test_nested(void **state)
{
    struct fake_world *w = *state;
    AUTO_FREE uint8_t *data = malloc(1 << 20);

    fake_fill(data, 1 << 20, 2);
    struct blkptr bp =
        gang_write(w, data, 1 << 20,
                   (uint64_t[]){1 << 18 | GANG_NEST, 1 << 18, 1 << 19 | GANG_NEST}, 3, 512, 2, 19);
    check_reads(w, &bp, data);
    assert_true(w->pool.stats.gang_reads >= 3);
}

static void test_dynamic_header(void **state)
{
    struct fake_world *w = *state;
    AUTO_FREE uint8_t *data = malloc(31 * 4096);
    uint64_t sizes[31];

    for (unsigned i = 0; i < FAKE_VDEVS; i++)
        w->top[i].ashift = 12;
    fake_fill(data, 31 * 4096, 3);
    for (unsigned i = 0; i < 31; i++)
        sizes[i] = i == 7 ? 4096 | GANG_NEST : 4096;
    /* nested: both halves are one sector long */
    struct blkptr bp = gang_write(w, data, 31 * 4096, sizes, 31, 4096, 2, 19);
    AUTO_FREE uint8_t *back = malloc(31 * 4096);
    assert_int_not_equal(read_bp(w, &bp, back),
                         0); /* feature not active: 512 bytes are tried only */
    w->pool.has_dynamic_gang = true;
    check_reads(w, &bp, data);
    /* with the feature active old headers are still found */
    bp = gang_write(w, data, 3 * 4096, (uint64_t[]){4096, 4096, 4096}, 3, 512, 2, 19);
    check_reads(w, &bp, data);
}

static void test_holes_between_members(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[1024], header[512];

    fake_fill(data, sizeof(data), 4);
    struct blkptr bp = gang_write(w, data, 1024, (uint64_t[]){512, 512}, 2, 512, 1, 19);
    memcpy(header, w->disk[0] + dva_offset(&bp.dva[0]), 512);
    memcpy(header + 256, header + 128, 128);
    memset(header + 128, 0, 128);
    gang_put_header(w, &bp, header, 512, 1);
    check_reads(w, &bp, data);
}

static void test_swapped_header(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[1024], *header;

    fake_fill(data, sizeof(data), 5);
    struct blkptr bp = gang_write(w, data, 1024, (uint64_t[]){512, 512}, 2, 512, 1, 19);
    header = w->disk[0] + dva_offset(&bp.dva[0]);
    /* As the other byte order writes it: every word swapped, SHA-256 over those bytes, stored
     * swapped. */
    struct cksum verifier = gang_header_verifier(&bp), sum;
    memcpy(header + 480, verifier.word, 32);
    gang_header_bswap(header, 512);
    checksum_compute(CHECKSUM_SHA256, header, 512, false, NULL, &sum);
    memcpy(header + 480, sum.word, 32);
    bswap64_array(header + 480, 32);
    check_reads(w, &bp, data);
}

static void test_protected_leader(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[1024], header[512], back[1024];

    fake_fill(data, sizeof(data), 6);
    struct blkptr bp = gang_write(w, data, 1024, (uint64_t[]){512, 512}, 2, 512, 1, 19);
    memcpy(header, w->disk[0] + dva_offset(&bp.dva[0]), 512);
    bp.prop |= 1ull << 61;
    bp.cksum.word[0] ^= bp.cksum.word[2];
    bp.cksum.word[1] ^= bp.cksum.word[3];
    bp.cksum.word[2] = bp.cksum.word[3] = 1;
    gang_put_header(w, &bp, header, 512, 1);
    assert_int_equal(zio_read_run(&w->pool, &bp, &zb, VDEV_PRIO_SYNC_READ, ZIO_RAW, back, 1024), 0);
    assert_memory_equal(back, data, 1024);
}

static void rewrite_header(struct fake_world *w, const struct blkptr *bp, unsigned member,
                           void (*change)(struct blkptr *m))
{
    uint8_t header[512];

    memcpy(header, w->disk[0] + dva_offset(&bp->dva[0]), 512);
    change((struct blkptr *)header + member);
    gang_put_header(w, bp, header, 512, 1);
}

static void drop_member(struct blkptr *m)
{
    memset(m, 0, sizeof(*m));
}
static void grow_member(struct blkptr *m)
{
    m->prop = fake_prop(4096, 4096, COMPRESS_OFF, CHECKSUM_FLETCHER_4, 0, 0);
}
static void compress_member(struct blkptr *m)
{
    m->prop = fake_prop(512, 512, COMPRESS_LZ4, CHECKSUM_FLETCHER_4, 0, 0);
}
static void embed_member(struct blkptr *m)
{
    m->prop |= 1ull << 39;
}
static void lose_member(struct blkptr *m)
{
    m->dva[0].word[1] = 1ull << 50;
}
static void other_function(struct blkptr *m)
{
    m->prop = fake_prop(512, 512, COMPRESS_OFF, CHECKSUM_SHA256, 0, 0);
}

static void test_hostile_members(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[1536], back[1536];
    void (*changes[])(struct blkptr *) = {drop_member,  grow_member, compress_member,
                                          embed_member, lose_member, other_function};

    fake_fill(data, sizeof(data), 7);
    for (unsigned i = 0; i < array_len(changes); i++) {
        struct blkptr bp = gang_write(w, data, 1536, (uint64_t[]){512, 512, 512}, 3, 512, 1, 19);
        rewrite_header(w, &bp, i % 3, changes[i]);
        assert_int_equal(read_bp(w, &bp, back), ZE_BADGANG);
    }
}

static uint64_t self_offset;
static void point_to_itself(struct blkptr *m)
{
    m->prop = fake_prop(1024, 1024, COMPRESS_OFF, CHECKSUM_FLETCHER_4, 0, 0);
    dva_set(&m->dva[0], 0, self_offset, 1536, true);
    m->birth = 10;
}

/* A header that is its own member, and one that unfolds into very many. */
static void test_endless(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[1024], back[1024], header[512] = {0};

    fake_fill(data, sizeof(data), 8);
    struct blkptr bp = gang_write(w, data, 1024, (uint64_t[]){512, 512}, 2, 512, 1, 19);
    self_offset = dva_offset(&bp.dva[0]);
    point_to_itself((struct blkptr *)header);
    gang_put_header(w, &bp, header, 512, 1);
    uint64_t before = w->reads;
    assert_int_equal(read_bp(w, &bp, back), ZE_BADGANG);
    assert_true(w->reads - before <= 64);
}

static int count_member(void *arg, const struct blkptr *m, bool is_header)
{
    unsigned *n = arg;

    n[is_header]++;
    return 0;
}

static void test_walk(void **state)
{
    struct fake_world *w = *state;
    AUTO_FREE uint8_t *data = malloc(1 << 16);
    unsigned n[2] = {0, 0};

    fake_fill(data, 1 << 16, 9);
    struct blkptr bp =
        gang_write(w, data, 1 << 16, (uint64_t[]){1 << 15 | GANG_NEST, 1 << 15}, 2, 512, 2, 19);
    assert_int_equal(zio_gang_walk(&w->pool, &bp, count_member, n), 0);
    assert_int_equal(n[true], 2);
    assert_int_equal(n[false], 3);
}

static void test_scrub(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[2048];
    struct zio_scrub_result res;

    fake_fill(data, sizeof(data), 10);
    struct blkptr bp = gang_write(w, data, 2048, (uint64_t[]){512, 512, 1024}, 3, 512, 2, 19);
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), 0);
    assert_int_equal(res.copies, 8);
    assert_int_equal(res.bad, 0);
    w->disk[1][dva_offset(&bp.dva[1])] ^= 1; /* header copy */
    const struct blkptr *m = (const struct blkptr *)(w->disk[0] + dva_offset(&bp.dva[0]));
    w->disk[1][dva_offset(&m[2].dva[1])] ^= 1;
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), 0);
    assert_int_equal(res.bad, 2);
    w->disk[0][dva_offset(&m[2].dva[0])] ^= 1;
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), ZE_CKSUM);
    assert_int_equal(res.bad, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_old_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nested, setup_async, teardown),
        cmocka_unit_test_setup_teardown(test_dynamic_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dynamic_header, setup_async, teardown),
        cmocka_unit_test_setup_teardown(test_holes_between_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_swapped_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_protected_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless, setup, teardown),
        cmocka_unit_test_setup_teardown(test_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrub, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
