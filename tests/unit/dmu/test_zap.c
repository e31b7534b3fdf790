/* SPDX-License-Identifier: MIT */
/* ZAP: hashes of the chapter, micro and fat forms, all kinds of keys, cursors, normalisation,
 * damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "zap_builder.h"

static uint64_t hash_of(uint64_t salt, unsigned bits, const char *name)
{
    struct zap z = {.salt = salt, .hash_bits = bits};
    uint64_t h;
    assert_int_equal(zap_hash_name(&z, name, strlen(name), &h), 0);
    return h;
}

static void hashes_of_the_chapter(void **state)
{
    assert_int_equal(hash_of(1, 28, "a"), 0x9f8169b000000000);
    assert_int_equal(hash_of(1, 28, "config"), 0x52338d7000000000);
    assert_int_equal(hash_of(0xb1e3, 28, "config"), 0xf31b64e000000000);
    assert_int_equal(hash_of(0xb1e3, 28, "root_dataset"), 0x5bf2d2b000000000);
    assert_int_equal(hash_of(0xdeadbeefcafef00d, 28, "hello.txt"), 0x75a9ad7000000000);
    assert_int_equal(hash_of(1, 48, "a"), 0x9f8169ba49a50000);
    struct zap z = {.salt = 1, .hash_bits = 48, .flags = ZAP_FLAG_HASH64 | ZAP_FLAG_UINT64_KEY};
    const uint64_t key[] = {0x1122334455667788, 2};
    assert_int_equal(zap_hash_words(&z, key, 2), 0xc9ac64bb86430000);
    z.flags |= ZAP_FLAG_PRE_HASHED_KEY;
    assert_int_equal(zap_hash_words(&z, key, 2), 0x1122334455660000);
}

/* The real leaf of 16.5: header bytes, entry bytes. */
static void leaf_bytes_of_the_chapter(void **state)
{
    struct fat_builder b;
    build_fat(&b, 14, 0, 0xb1e3, 0, 0, false);
    assert_int_equal(fat_put_u64(&b, "root_dataset", 0x20, 0), 0);
    const uint8_t *leaf = mem_zap_block(&b.m, 1);
    static const uint8_t entry[24] = {0xfc, 8, 0xff, 0xff, 1, 0, 13, 0, 2,    0,    1,    0,
                                      0,    0, 0,    0,    0, 0, 0,  0, 0xb0, 0xd2, 0xf2, 0x5b};
    uint8_t le[24];
    memcpy(le, leaf + 1072, 24);
    if (!HOST_IS_LITTLE)
        zap_leaf_entry_bswap((struct zap_leaf_entry *)le);
    assert_memory_equal(le, entry, sizeof(entry));
    assert_int_equal(zap_leaf_hash_table(leaf)[183], 0);
    assert_memory_equal(leaf + 1072 + 24, "\xfbroot_dataset", 14);
    assert_memory_equal(leaf + 1072 + 48, "\xfb\0\0\0\0\0\0\0\x20", 9);
    mem_zap_fini(&b.m);
}

static void micro_lookup_and_cursor(void **state)
{
    struct mem_zap m;
    struct zap *z;
    uint64_t v;
    build_micro(&m, 512, 0xb1e3, 0);
    micro_put(&m, 6, "config", 42, 0);
    micro_put(&m, 2, "root_dataset", 32, 0);
    assert_int_equal(zap_open_source(&m.src, &z), 0);
    assert_int_equal(zap_count(z), 2);
    assert_int_equal(zap_lookup(z, "config", 8, 1, &v, NULL), 0);
    assert_int_equal(v, 42);
    assert_int_equal(zap_lookup(z, "confi", 8, 1, &v, NULL), ZE_NOENT);
    assert_int_equal(zap_lookup(z, "config", 4, 1, &v, NULL), ZE_INVAL);
    assert_int_equal(zap_lookup(z, "config", 8, 0, &v, NULL), ZE_RANGE);
    assert_int_equal(zap_lookup_match(z, "config", ZAP_MATCH_NORMALIZED, 8, 1, &v, NULL, 0, NULL),
                     ZE_NOTSUP);
    struct zap_cursor c;
    struct zap_entry e;
    zap_cursor_init(&c, z);
    assert_int_equal(zap_cursor_next(&c, &e), 0);
    assert_string_equal(e.name, "root_dataset"); /* the lower hash */
    assert_int_equal(e.first, 32);
    assert_int_equal(zap_cursor_serialize(&c), 0x5bf2d2b | (uint64_t)1 << 28);
    assert_int_equal(zap_cursor_next(&c, &e), 0);
    assert_string_equal(e.name, "config");
    assert_int_equal(zap_entry_value(&c, &e, &v, 1), 0);
    assert_int_equal(v, 42);
    assert_int_equal(zap_cursor_next(&c, &e), ZE_NOENT);
    assert_int_equal(zap_cursor_serialize(&c), UINT64_MAX);
    zap_cursor_fini(&c);
    zap_cursor_init_at(&c, z, 0xf31b64e); /* the cookie of 16.5 */
    assert_int_equal(zap_cursor_next(&c, &e), 0);
    assert_string_equal(e.name, "config");
    zap_cursor_fini(&c);
    char name[32];
    assert_int_equal(zap_value_search(z, 32, UINT64_MAX, name, sizeof(name)), 0);
    assert_string_equal(name, "root_dataset");
    assert_int_equal(zap_value_search(z, 33, UINT64_MAX, name, sizeof(name)), ZE_NOENT);
    zap_close(z);
    mem_zap_fini(&m);
}

/* Large micro: every entry is found, and the cursor gives all in ascending order. */
static void large_micro(void **state)
{
    enum { N = 16383 };
    struct mem_zap m;
    struct zap *z;
    build_micro(&m, 1 << 20, 0x9e3779b97f4a7c15, 0);
    char name[32];
    for (unsigned i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "file-%u", i);
        micro_put(&m, i, name, i, 0);
    }
    assert_int_equal(zap_open_source(&m.src, &z), 0);
    assert_int_equal(zap_count(z), N);
    for (unsigned i = 0; i < N; i += 97) {
        uint64_t v;
        snprintf(name, sizeof(name), "file-%u", i);
        assert_int_equal(zap_lookup(z, name, 8, 1, &v, NULL), 0);
        assert_int_equal(v, i);
    }
    struct zap_cursor c;
    struct zap_entry e;
    uint64_t last = 0;
    unsigned n = 0;
    zap_cursor_init(&c, z);
    while (zap_cursor_next(&c, &e) == 0) {
        assert_true(n == 0 || e.hash >= last);
        last = e.hash;
        n++;
    }
    zap_cursor_fini(&c);
    /* Colliding hashes with equal cd would hide one another: here there is none. */
    assert_true(n >= N - 2);
    zap_close(z);
    mem_zap_fini(&m);
}

static void fill_fat(struct fat_builder *b, unsigned n)
{
    char name[64];
    for (unsigned i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "a rather longer name, number %u", i);
        fat_put_u64(b, name, i * 3, 0);
    }
}

static void check_fat(struct fat_builder *b, unsigned n)
{
    struct zap *z;
    char name[64];
    assert_int_equal(zap_open_source(&b->m.src, &z), 0);
    assert_int_equal(zap_count(z), n);
    for (unsigned i = 0; i < n; i++) {
        uint64_t v, got;
        snprintf(name, sizeof(name), "a rather longer name, number %u", i);
        assert_int_equal(zap_lookup(z, name, 8, 1, &v, &got), 0);
        assert_int_equal(v, i * 3);
        assert_int_equal(got, 1);
    }
    struct zap_cursor c;
    struct zap_entry e;
    unsigned seen = 0;
    uint64_t cookie = 0, last = 0;
    zap_cursor_init(&c, z);
    while (zap_cursor_next(&c, &e) == 0) {
        assert_true(seen == 0 || e.hash > last);
        last = e.hash;
        if (++seen == n / 2)
            cookie = zap_cursor_serialize(&c);
    }
    zap_cursor_fini(&c);
    assert_int_equal(seen, n);
    unsigned rest = 0;
    zap_cursor_init_at(&c, z, cookie);
    while (zap_cursor_next(&c, &e) == 0)
        rest++;
    zap_cursor_fini(&c);
    assert_int_equal(rest, n - n / 2);
    struct zap_stats st;
    assert_int_equal(zap_stats_get(z, &st), 0);
    assert_int_equal(st.num_entries, n);
    uint64_t leaves = 0;
    for (unsigned i = 0; i < ZAP_HISTOGRAM_SIZE; i++)
        leaves += st.leafs_2n_ptrs[i];
    assert_int_equal(leaves, 1u << b->prefix_len);
    zap_close(z);
    assert_int_equal(b->m.holds, 0);
}

static void fat_with_embedded_table(void **state)
{
    struct fat_builder b;
    build_fat(&b, 14, 3, 0x1234567, 0, 0, false);
    fill_fat(&b, 500);
    check_fat(&b, 500);
    mem_zap_fini(&b.m);
}

static void fat_with_external_table_and_wide_hashes(void **state)
{
    struct fat_builder b;
    build_fat(&b, 12, 5, 0xfedcba987, ZAP_FLAG_HASH64, 0, true);
    fill_fat(&b, 400);
    check_fat(&b, 400);
    mem_zap_fini(&b.m);
}

static void fat_values_of_all_widths(void **state)
{
    struct fat_builder b;
    struct zap *z;
    build_fat(&b, 14, 0, 1, 0, 0, false);
    static const uint8_t raw[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                  0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
                                  0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18};
    const unsigned widths[] = {1, 2, 4, 8};
    const char *names[] = {"b", "h", "w", "q"};
    for (unsigned i = 0; i < 4; i++)
        fat_put_raw(&b, hash_of(1, 28, names[i]), (const uint8_t *)names[i], 2, widths[i], raw,
                    24 / widths[i], 0);
    fat_put_raw(&b, hash_of(1, 28, "none"), (const uint8_t *)"none", 5, 8, raw, 0, 0);
    assert_int_equal(zap_open_source(&b.m.src, &z), 0);
    uint8_t bytes[24];
    uint64_t q[24], got;
    uint16_t h[12];
    assert_int_equal(zap_lookup(z, "b", 1, 24, bytes, &got), 0);
    assert_memory_equal(bytes, raw, 24);
    assert_int_equal(got, 24);
    assert_int_equal(zap_lookup(z, "h", 2, 12, h, NULL), 0);
    assert_int_equal(h[1], 0x0304);
    assert_int_equal(zap_lookup(z, "w", 8, 6, q, NULL), 0); /* widened */
    assert_int_equal(q[2], 0xf1f2f3f4);
    assert_int_equal(zap_lookup(z, "q", 8, 3, q, NULL), 0);
    assert_int_equal(q[1], 0xf1f2f3f4f5f6f7f8);
    assert_int_equal(zap_lookup(z, "q", 4, 6, q, NULL), ZE_INVAL);
    q[1] = 0;
    assert_int_equal(zap_lookup(z, "q", 8, 2, q, &got), ZE_RANGE); /* filled all the same */
    assert_int_equal(q[1], 0xf1f2f3f4f5f6f7f8);
    assert_int_equal(got, 3);
    unsigned width;
    assert_int_equal(zap_length(z, "h", &width, &got), 0);
    assert_int_equal(width, 2);
    assert_int_equal(got, 12);
    assert_int_equal(zap_lookup(z, "none", 8, 1, q, &got), 0);
    assert_int_equal(got, 0);
    zap_close(z);
    mem_zap_fini(&b.m);
}

static void fat_with_word_keys(void **state)
{
    struct fat_builder b;
    struct zap *z;
    build_fat(&b, 12, 2, 0x77, ZAP_FLAG_HASH64 | ZAP_FLAG_UINT64_KEY, 0, false);
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t key[3] = {i, ~i, i * i};
        uint8_t raw[24], value[8];
        for (unsigned k = 0; k < 3; k++)
            store_be64(raw + 8 * k, key[k]);
        store_be64(value, i + 1000);
        fat_put_raw(&b, zap_hash_words(&b.zap, key, 3), raw, 24, 8, value, 1, 0);
    }
    assert_int_equal(zap_open_source(&b.m.src, &z), 0);
    assert_true(zap_has_uint64_keys(z));
    for (uint64_t i = 0; i < 60; i++) {
        uint64_t key[3] = {i, ~i, i * i}, v;
        assert_int_equal(zap_lookup_key(z, key, 3, 8, 1, &v, NULL), 0);
        assert_int_equal(v, i + 1000);
        assert_int_equal(zap_lookup_key(z, key, 2, 8, 1, &v, NULL), ZE_NOENT);
    }
    uint64_t v;
    assert_int_equal(zap_lookup(z, "x", 8, 1, &v, NULL), ZE_INVAL);
    struct zap_cursor c;
    struct zap_entry e;
    unsigned n = 0;
    zap_cursor_init(&c, z);
    for (; zap_cursor_next(&c, &e) == 0; n++) {
        uint64_t key[3];
        assert_int_equal(e.name_len, 24);
        memcpy(key, e.name, 24);
        assert_int_equal(key[1], ~key[0]);
        assert_int_equal(e.first, key[0] + 1000);
    }
    zap_cursor_fini(&c);
    assert_int_equal(n, 60);
    zap_close(z);
    mem_zap_fini(&b.m);
}

/* Names that fall together: found by any spelling, lowest cd first, and marked as conflicting. */
static void check_normalising(struct zap *z)
{
    uint64_t v;
    char real[ZAP_NAME_MAX];
    bool conflict;
    assert_int_equal(zap_lookup(z, "README", 8, 1, &v, NULL), 0);
    assert_int_equal(v, 2);
    assert_int_equal(zap_lookup(z, "README ", 8, 1, &v, NULL), ZE_NOENT);
    assert_int_equal(zap_lookup(z, "ReadMe", 8, 1, &v, NULL), ZE_NOENT);
    assert_int_equal(zap_lookup_match(z, "rEADmE", ZAP_MATCH_NORMALIZED, 8, 1, &v, real,
                                      sizeof(real), &conflict),
                     0);
    assert_int_equal(v, 1);
    assert_string_equal(real, "readme");
    assert_true(conflict);
    assert_int_equal(zap_lookup_match(z, "README", ZAP_MATCH_NORMALIZED | ZAP_MATCH_CASE, 8, 1, &v,
                                      real, sizeof(real), &conflict),
                     0);
    assert_int_equal(v, 2);
    assert_false(conflict);
    assert_int_equal(zap_lookup_match(z, "E\xcc\x81t\xc3\xa9", ZAP_MATCH_NORMALIZED, 8, 1, &v, real,
                                      sizeof(real), &conflict),
                     0);
    assert_int_equal(v, 3);
    assert_string_equal(real, "\xc3\x89t\xc3\xa9");
    assert_false(conflict);
    struct zap_cursor c;
    struct zap_entry e;
    unsigned n = 0, conflicts = 0;
    zap_cursor_init(&c, z);
    for (; zap_cursor_next(&c, &e) == 0; n++)
        conflicts += e.conflict;
    zap_cursor_fini(&c);
    assert_int_equal(n, 3);
    assert_int_equal(conflicts, 2);
}

static void normalising_micro(void **state)
{
    struct mem_zap m;
    struct zap *z;
    build_micro(&m, 512, 0x101, UNICODE_FORM_C | UNICODE_TOUPPER);
    micro_put(&m, 0, "README", 2, 1);
    micro_put(&m, 1, "\xc3\x89t\xc3\xa9", 3, 0);
    micro_put(&m, 2, "readme", 1, 0);
    assert_int_equal(zap_open_source(&m.src, &z), 0);
    check_normalising(z);
    zap_close(z);
    mem_zap_fini(&m);
}

static void normalising_fat(void **state)
{
    struct fat_builder b;
    struct zap *z;
    build_fat(&b, 14, 1, 0x101, 0, UNICODE_FORM_C | UNICODE_TOUPPER, false);
    fat_put_u64(&b, "readme", 1, 0);
    fat_put_u64(&b, "\xc3\x89t\xc3\xa9", 3, 0);
    fat_put_u64(&b, "README", 2, 1); /* first in the chain, but not by cd */
    assert_int_equal(zap_open_source(&b.m.src, &z), 0);
    check_normalising(z);
    zap_close(z);
    mem_zap_fini(&b.m);
}

/* The same ZAP from a writer of the other byte order. */
static void foreign_endian(void **state)
{
    struct fat_builder b;
    build_fat(&b, 12, 1, 99, 0, 0, true);
    fill_fat(&b, 20);
    uint8_t *swapped = malloc(b.m.src.blocks << 12);
    for (uint64_t i = 0; i < b.m.src.blocks; i++) {
        uint8_t *block = mem_zap_block(&b.m, i), *to = swapped + (i << 12);
        memcpy(to, block, 4096);
        if (load_ne64(block) != ZAP_BLOCK_LEAF) {
            bswap64_array(to, 4096);
            continue;
        }
        zap_leaf_bswap((struct zap_leaf *)to);
        bswap16_array(to + 48, 2 * zap_leaf_buckets(12));
        for (unsigned k = 0; k < zap_leaf_chunks(12); k++) {
            uint8_t *chunk = (uint8_t *)(uintptr_t)zap_leaf_chunk(to, 12, k);
            if (chunk[0] == ZAP_CHUNK_ENTRY)
                zap_leaf_entry_bswap((struct zap_leaf_entry *)chunk);
            else
                bswap16_array(chunk + 22, 2);
        }
        assert_memory_not_equal(to, block, 4096);
    }
    for (uint64_t i = 0; i < b.m.src.blocks; i++)
        zap_block_bswap(swapped + (i << 12), 4096);
    assert_memory_equal(swapped, b.m.data, b.m.src.blocks << 12);
    free(swapped);
    mem_zap_fini(&b.m);
}

/* ---- damage ---- */

static int list_all(struct zap_source *src)
{
    struct zap *z;
    int err = zap_open_source(src, &z);
    if (err != 0)
        return err;
    struct zap_cursor c;
    struct zap_entry e;
    zap_cursor_init(&c, z);
    while ((err = zap_cursor_next(&c, &e)) == 0)
        ;
    zap_cursor_fini(&c);
    zap_close(z);
    return err == ZE_NOENT ? 0 : err;
}

static void damaged_micro(void **state)
{
    struct mem_zap m;
    build_micro(&m, 512, 1, 0);
    micro_put(&m, 0, "x", 1, 0);
    assert_int_equal(list_all(&m.src), 0);
    memset(m.data + 64 + 14, 'n', MZAP_NAME_LEN); /* a name without end */
    assert_int_equal(list_all(&m.src), ZE_BADZAP);
    m.data[64 + 14 + 49] = 0;
    assert_int_equal(list_all(&m.src), 0);
    m.src.blocks = 2;
    assert_int_equal(list_all(&m.src), ZE_BADZAP);
    m.src.blocks = 1;
    m.data[0] ^= 4;
    assert_int_equal(list_all(&m.src), ZE_BADZAP);
    mem_zap_fini(&m);
}

static void damaged_chains(void **state)
{
    struct fat_builder b;
    build_fat(&b, 12, 0, 1, 0, 0, false);
    unsigned chunk = fat_put_u64(&b, "entry", 1, 0);
    uint8_t *leaf = mem_zap_block(&b.m, 1);
    struct zap_leaf_entry *e = (struct zap_leaf_entry *)fat_chunk(&b, leaf, chunk);
    const struct zap_leaf_entry good = *e;
    assert_int_equal(list_all(&b.m.src), 0);
    e->next = (uint16_t)chunk; /* a bucket that never ends */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->next = 4000; /* out of the leaf */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->next = good.name_chunk; /* not an entry */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->name_numints = 0;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    e->name_numints = 2000; /* longer than any name */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    e->name_numints = 5; /* without its NUL */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->name_numints = 22; /* runs into the end of the chain */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->value_chunk = 4000;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *e = good;
    e->value_intlen = 3;
    struct zap *z;
    uint64_t v;
    assert_int_equal(zap_open_source(&b.m.src, &z), 0);
    assert_int_equal(zap_lookup(z, "entry", 8, 1, &v, NULL), ZE_INVAL);
    zap_close(z);
    *e = good;
    /* A chain of array chunks that loops is only followed as far as the length says. */
    uint8_t *array = fat_chunk(&b, leaf, good.name_chunk);
    store_ne16(array + 22, good.name_chunk);
    e->name_numints = 1000;
    assert_int_equal(list_all(&b.m.src), 0);
    e->name_numints = 1024 + 1;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    assert_int_equal(b.m.holds, 0);
    mem_zap_fini(&b.m);
}

static void damaged_headers_and_leaves(void **state)
{
    struct fat_builder b;
    build_fat(&b, 12, 2, 1, 0, 0, true);
    fill_fat(&b, 40);
    struct zap_header *h = (struct zap_header *)b.m.data;
    const struct zap_header good = *h;
    assert_int_equal(list_all(&b.m.src), 0);
    h->magic++;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *h = good;
    h->zt_shift = 60;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *h = good;
    h->zt_blk = 1000;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *h = good;
    h->zt_numblks = UINT64_MAX;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *h = good;
    h->freeblk = 3; /* leaves beyond it */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    *h = good;
    uint64_t *table = (uint64_t *)mem_zap_block(&b.m, 1);
    uint64_t last = table[511];
    table[511] = 1;                          /* not a leaf */
    assert_int_equal(list_all(&b.m.src), 0); /* reached by no leaf boundary: 384 is */
    table[384] = 1;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    table[384] = 2; /* a leaf, but of another prefix */
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    table[384] = table[511] = last;
    assert_int_equal(list_all(&b.m.src), 0);
    struct zap_leaf *l = (struct zap_leaf *)mem_zap_block(&b.m, 2);
    l->prefix_len = 63;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    l->prefix_len = 2;
    l->magic = 0;
    assert_int_equal(list_all(&b.m.src), ZE_BADZAP);
    l->magic = ZAP_LEAF_MAGIC;
    b.m.fail_block = 4;
    assert_int_equal(list_all(&b.m.src), ZE_IO);
    assert_int_equal(b.m.holds, 0);
    mem_zap_fini(&b.m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_of_the_chapter),
        cmocka_unit_test(leaf_bytes_of_the_chapter),
        cmocka_unit_test(micro_lookup_and_cursor),
        cmocka_unit_test(large_micro),
        cmocka_unit_test(fat_with_embedded_table),
        cmocka_unit_test(fat_with_external_table_and_wide_hashes),
        cmocka_unit_test(fat_values_of_all_widths),
        cmocka_unit_test(fat_with_word_keys),
        cmocka_unit_test(normalising_micro),
        cmocka_unit_test(normalising_fat),
        cmocka_unit_test(foreign_endian),
        cmocka_unit_test(damaged_micro),
        cmocka_unit_test(damaged_chains),
        cmocka_unit_test(damaged_headers_and_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
