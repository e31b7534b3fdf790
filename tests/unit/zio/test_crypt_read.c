/* SPDX-License-Identifier: MIT */
/*
 * Protected blocks through the pipeline and the ARC: without a key, with it, with another one, and
 * keys that come and go while blocks are cached (format/crypto-dedup.md A14-A18).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "disk/objtype.h"
#include "fake_vdev.h"
#include "zio/arc.h"
#include "zio/crypt_block.h"

static const struct bookmark zb = {21, 2, 0, 3};

struct fake_keys {
    struct zio_keystore ks;
    struct crypt_key *loaded;
    unsigned held;
};

static int fake_hold(struct zio_keystore *self, uint64_t objset, struct crypt_key **out)
{
    struct fake_keys *k = container_of(self, struct fake_keys, ks);

    if (objset != 21 || k->loaded == NULL)
        return err_raise(ZE_NOKEY, "dataset %llu", (unsigned long long)objset);
    *out = crypt_key_hold(k->loaded);
    k->held++;
    return 0;
}
static void fake_rele(struct zio_keystore *self, struct crypt_key *key)
{
    container_of(self, struct fake_keys, ks)->held--;
    crypt_key_rele(key);
}

static struct fake_keys keys = {.ks = {fake_hold, fake_rele}};
static struct crypt_key *key_a, *key_b;

static int setup(void **state)
{
    struct fake_world *w = fake_create(16 << 20, 9, false);

    assert_int_equal(crypt_key_generate(CRYPT_AES_256_GCM, &w->env, &key_a), 0);
    assert_int_equal(crypt_key_generate(CRYPT_AES_128_CCM, &w->env, &key_b), 0);
    keys.loaded = NULL;
    w->pool.keystore = &keys.ks;
    assert_int_equal(arc_create(&w->env, 4 << 20, &w->pool.arc), 0);
    *state = w;
    return 0;
}
static int teardown(void **state)
{
    struct fake_world *w = *state;

    assert_int_equal(keys.held, 0);
    crypt_key_rele(key_a);
    crypt_key_rele(key_b);
    arc_drop_pool(w->pool.arc, &w->pool);
    arc_destroy(w->pool.arc);
    assert_int_equal(w->env.mem.used, 0);
    fake_destroy(w);
    return 0;
}

static struct blkptr put(struct fake_world *w, const uint8_t *data, size_t size, unsigned type,
                         unsigned level, struct crypt_key *key)
{
    uint8_t salt[CRYPT_SALT_LEN], iv[CRYPT_IV_LEN];
    uint8_t *stored = malloc(size);
    struct blkptr bp = {.birth = 10, .fill = 1};

    bp.prop = fake_prop(size, size, COMPRESS_OFF, CHECKSUM_SHA256, type, level) | 1ull << 61;
    assert_int_equal(crypt_key_new_iv(key, salt, iv), 0);
    if (bp_is_encrypted(&bp))
        crypt_block_set_params(&bp, salt, iv);
    assert_int_equal(crypt_block_encrypt(key, &bp, data, size, stored), 0);
    fake_store(w, &bp, stored, size, 2);
    struct cksum sum;
    checksum_compute(CHECKSUM_SHA256, stored, size, false, NULL, &sum);
    checksum_protect(CHECKSUM_SHA256, &sum);
    bp.cksum.word[0] = sum.word[0];
    bp.cksum.word[1] = sum.word[1];
    free(stored);
    return bp;
}

/* Through the ARC; the error, or 0 and the contents are data's. */
static int get(struct fake_world *w, const struct blkptr *bp, unsigned flags, const uint8_t *data)
{
    struct arc_buf *buf;
    int err = arc_read(&w->pool, bp, &zb, VDEV_PRIO_SYNC_READ, flags, &buf);

    if (err != 0)
        return err;
    if (data != NULL)
        assert_memory_equal(buf->data, data, buf->size);
    arc_release(buf);
    return 0;
}

static void test_data(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[8192], back[8192];
    struct zio_scrub_result res;

    fake_fill(data, sizeof(data), 1);
    struct blkptr bp = put(w, data, sizeof(data), OBJTYPE_PLAIN_FILE, 0, key_a);
    const uint8_t *cipher = w->disk[0] + dva_offset(&bp.dva[0]);
    assert_memory_not_equal(cipher, data, 512);
    assert_int_equal(get(w, &bp, 0, NULL), ZE_NOKEY);
    assert_int_equal(get(w, &bp, ZIO_RAW, cipher), 0);
    keys.loaded = key_a;
    assert_int_equal(get(w, &bp, 0, data), 0);
    uint64_t reads = w->reads;
    assert_int_equal(get(w, &bp, 0, data), 0);
    assert_int_equal(get(w, &bp, ZIO_RAW, cipher), 0); /* both forms are cached */
    assert_int_equal(w->reads, reads);
    assert_int_equal(zio_read_run(&w->pool, &bp, &zb, VDEV_PRIO_SYNC_READ, 0, back, sizeof(back)),
                     0);
    assert_memory_equal(back, data, sizeof(data));
    /* unloaded: what is cached is not given out */
    keys.loaded = NULL;
    assert_int_equal(get(w, &bp, 0, NULL), ZE_NOKEY);
    keys.loaded = key_b;
    assert_int_equal(get(w, &bp, 0, NULL), ZE_AUTH);
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), ZE_AUTH);
    keys.loaded = NULL;
    assert_int_equal(zio_scrub_run(&w->pool, &bp, &zb, &res), 0);
    assert_int_equal(res.copies, 2);
    keys.loaded = key_a;
    assert_int_equal(get(w, &bp, 0, data), 0);
    /* another dataset's bp to the same block */
    const struct bookmark other = {22, 2, 0, 3};
    struct arc_buf *buf;
    assert_int_equal(arc_read(&w->pool, &bp, &other, VDEV_PRIO_SYNC_READ, 0, &buf), ZE_NOKEY);
    assert_int_equal(get(w, &bp, 0, data), 0);
}

static void test_forged_mac(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096];

    fake_fill(data, sizeof(data), 2);
    struct blkptr bp = put(w, data, sizeof(data), OBJTYPE_PLAIN_FILE, 0, key_a);
    keys.loaded = key_a;
    bp.cksum.word[3] ^= 1;
    assert_int_equal(get(w, &bp, ZIO_RAW, NULL), 0);
    assert_int_equal(get(w, &bp, 0, NULL), ZE_AUTH);
}

static void test_authenticated(void **state)
{
    struct fake_world *w = *state;
    uint8_t data[4096];

    fake_fill(data, sizeof(data), 3);
    struct blkptr bp = put(w, data, sizeof(data), OBJTYPE_MASTER_NODE, 0, key_a), forged = bp;
    assert_int_equal(get(w, &bp, 0, data), 0); /* readable without a key */
    uint64_t reads = w->reads;
    assert_int_equal(get(w, &bp, 0, data), 0);
    assert_int_equal(w->reads, reads);
    keys.loaded = key_a; /* now it is checked: read again, once */
    assert_int_equal(get(w, &bp, 0, data), 0);
    assert_int_equal(w->reads, reads + 1);
    assert_int_equal(get(w, &bp, 0, data), 0);
    assert_int_equal(w->reads, reads + 1);
    keys.loaded = NULL; /* checked is good enough */
    assert_int_equal(get(w, &bp, 0, data), 0);
    assert_int_equal(w->reads, reads + 1);
    /* wrong MAC: seen as soon as there is a key, though it is cached */
    arc_drop_pool(w->pool.arc, &w->pool);
    forged.cksum.word[2] ^= 1;
    assert_int_equal(get(w, &forged, 0, data), 0);
    keys.loaded = key_a;
    assert_int_equal(get(w, &forged, 0, NULL), ZE_AUTH);
}

static void test_indirect(void **state)
{
    struct fake_world *w = *state;
    struct blkptr table[32] = {{{{{0}}}}};
    uint8_t data[4096];

    fake_fill(data, sizeof(data), 4);
    for (unsigned i = 0; i < 5; i++)
        table[i] = put(w, data, sizeof(data), OBJTYPE_PLAIN_FILE, 0, key_a);
    struct blkptr bp = put(w, (uint8_t *)table, sizeof(table), OBJTYPE_PLAIN_FILE, 1, key_a);
    assert_int_equal(get(w, &bp, 0, (uint8_t *)table), 0); /* needs no key */
    assert_int_equal(get(w, &bp, 0, (uint8_t *)table), 0);
    bp.cksum.word[2] ^= 1;
    arc_drop_pool(w->pool.arc, &w->pool);
    assert_int_equal(get(w, &bp, 0, NULL), ZE_AUTH);
    assert_int_equal(get(w, &bp, 0, NULL), ZE_AUTH);
    assert_int_equal(get(w, &bp, ZIO_RAW, (uint8_t *)table), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_data, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forged_mac, setup, teardown),
        cmocka_unit_test_setup_teardown(test_authenticated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_indirect, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
