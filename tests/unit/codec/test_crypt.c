/* SPDX-License-Identifier: MIT */
/*
 * Ciphers and keys against the vectors of format/crypto-dedup.md part G (G1-G3, G6, G10, G11), and
 * against values computed with another implementation for the corners (empty messages, long AAD).
 */
#include "../hex.h"

#include <pthread.h>

#include "base/env.h"
#include "base/err.h"
#include "codec/crypt.h"

#define W_PASSPHRASE "8b34af5b8ef8fd1e10c5a3d0c374dc9398d88e497cf5ee723b8230d246fe6538"
#define MASTER_G3    "a04d2e11773b0db0453fd77c21d04dfc2dacd4b1362f1948f221939ffd295de3"
#define HMAC_G3                                                                                    \
    "a9f4a91d757a5c1081a0f4315e1cb63f1c9304aa61f40cdeec8d78b95be88a5d"                             \
    "b3d0a383d61a71b1aa9a9cd94a93911cf142f7289800a9f8a0078a643c4b7c67"

static void passphrase_to_wrapping_key(void **state)
{
    static const char text[] = "correct horse battery staple";
    uint8_t key[32];

    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_PASSPHRASE, text, strlen(text),
                                        0x1122334455667788, 350000, key),
                     0);
    assert_hex(key, 32, W_PASSPHRASE);
}

static void a_trailing_newline_is_dropped_from_text_keys(void **state)
{
    uint8_t a[32], b[32];

    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_PASSPHRASE, "pass\n", 5, 1, 1, a), 0);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_PASSPHRASE, "pass", 4, 1, 1, b), 0);
    assert_memory_equal(a, b, 32);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_PASSPHRASE, "pass\r\n", 6, 1, 1, b), 0);
    assert_memory_not_equal(a, b, 32);
}

static void hex_and_raw_keys(void **state)
{
    static const char digits[] =
        "00112233445566778899AABBCCDDEEFf00112233445566778899aabbccddeeff\n";
    uint8_t key[32], raw[33] = {1, 2, '\n'};

    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_HEX, digits, 65, 0, 0, key), 0);
    assert_hex(key, 32, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_HEX, digits, 63, 0, 0, key), ZE_INVAL);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_HEX, digits + 1, 64, 0, 0, key), ZE_INVAL);
    raw[31] = '\n';
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_RAW, raw, 32, 0, 0, key), 0);
    assert_memory_equal(key, raw, 32);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_RAW, raw, 33, 0, 0, key), ZE_INVAL);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_RAW, raw, 31, 0, 0, key), ZE_INVAL);
    assert_int_equal(crypt_wrapping_key(CRYPT_KEYFORMAT_NONE, raw, 32, 0, 0, key), ZE_INVAL);
}

static void hkdf(void **state)
{
    uint8_t master[32], salt[8], out[32];

    for (int i = 0; i < 32; i++)
        master[i] = (uint8_t)i;
    for (int i = 0; i < 8; i++)
        salt[i] = (uint8_t)i;
    assert_int_equal(crypt_hkdf_sha512(master, 32, salt, 8, out, 32), 0);
    assert_hex(out, 32, "a86b00dfaf898f8fd5ef9a8a39466dd92d01b85d92f5be3532f28b8f150db5ca");
    assert_int_equal(crypt_hkdf_sha512(master, 16, salt, 8, out, 16), 0);
    assert_hex(out, 16, "062d2115cd786d4d3d5068e646526d6d");
}

static void wrapped_gcm(struct crypt_wrapped *w)
{
    *w = (struct crypt_wrapped){.suite = 8, .guid = 0x92685fbdc83b160e, .version = 1};
    hex_bytes("6c11e46c01aa469760fc845f", w->iv, 12);
    hex_bytes("d49146844c3ced2208e3648640894713", w->mac, 16);
    hex_bytes("6ca8e3d403964350b3f0e806253296f75a50a2f3495f4dc33a7f2c9b895249d6", w->master, 32);
    hex_bytes("b77656ae8c38607debb425b1569ff497a2aa63c425b063c068df36b9b978a5f1"
              "466200e0ec5957b11afeb48c2f166f21f06874dc429c30e08d0158d5d81e0285",
              w->hmac, 64);
}

/* The keys themselves are private; what they compute is compared with plain ones. */
static void assert_same_key(struct crypt_key *a, struct crypt_key *b)
{
    uint8_t salt[8] = {1}, iv[12] = {2}, ca[8] = {0}, cb[8] = {0}, ma[16], mb[16], ha[64], hb[64];
    struct crypt_piece piece = {"abc", 3};

    assert_int_equal(crypt_seal(a, salt, iv, "x", 1, ca, 8, ca, ma), 0);
    assert_int_equal(crypt_seal(b, salt, iv, "x", 1, cb, 8, cb, mb), 0);
    assert_memory_equal(ma, mb, 16);
    assert_int_equal(crypt_hmac(a, &piece, 1, ha), 0);
    assert_int_equal(crypt_hmac(b, &piece, 1, hb), 0);
    assert_memory_equal(ha, hb, 64);
}

static void unwrap_gcm(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = NULL, *plain = NULL;
    uint8_t wrapping[32], master[32], hmac[64];
    struct crypt_wrapped w;

    wrapped_gcm(&w);
    hex_bytes(W_PASSPHRASE, wrapping, 32);
    hex_bytes(MASTER_G3, master, 32);
    hex_bytes(HMAC_G3, hmac, 64);
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), 0);
    assert_int_equal(crypt_key_guid(key), w.guid);
    assert_int_equal(crypt_key_suite(key), 8);
    assert_int_equal(crypt_key_from_parts(8, w.guid, 1, master, hmac, NULL, &plain), 0);
    assert_same_key(key, plain);
}

static void unwrap_ccm_ignores_the_tail_of_a_short_master_key(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = NULL, *plain = NULL;
    struct crypt_wrapped w = {.suite = 3, .guid = 0x15bec1d5554398a7, .version = 1};
    uint8_t master[16], hmac[64];

    hex_bytes("6f8177386a4d147fc4de011a", w.iv, 12);
    hex_bytes("6e2a7f66e987b55951f62ec79ff62c7b", w.mac, 16);
    hex_bytes("bec39ca4522cb039ba6df7a117e08efe1805d3fee97f00000000000000000000", w.master, 32);
    hex_bytes("1f5b31474f2c72a7324d72e465882209bd239f3fc6e40aad84ffc925c2463174"
              "02eef9b51daf7103756dbce6ea7ee42b2131aad88f6de8166a99f175a94be689",
              w.hmac, 64);
    hex_bytes("1cee38f45fb8a2d600ef54bd4c439740", master, 16);
    hex_bytes("3b731db2b7b0d8dcb51dd1a78d904209f0d96ff2b98974aa9253e7aa00bf7205"
              "aef92f4f22896a67a6ecbad18cacf2df8ffaa4640df9e685593eb9ba97a8a10c",
              hmac, 64);
    assert_int_equal(
        crypt_key_unwrap((const uint8_t *)"abcdefghijklmnopqrstuvwxyz012345", &w, NULL, &key), 0);
    assert_int_equal(crypt_key_from_parts(3, w.guid, 1, master, hmac, NULL, &plain), 0);
    assert_same_key(key, plain);
}

static void unwrap_refuses_every_changed_field(void **state)
{
    struct crypt_key *key = NULL;
    uint8_t wrapping[32];
    struct crypt_wrapped w;

    hex_bytes(W_PASSPHRASE, wrapping, 32);
    wrapped_gcm(&w);
    w.guid ^= 1;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_WRONGKEY);
    wrapped_gcm(&w);
    w.version = 0;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_WRONGKEY);
    w.version = 2;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_NOTSUP);
    wrapped_gcm(&w);
    w.suite = 5;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_WRONGKEY);
    w.suite = 9;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_NOTSUP);
    wrapped_gcm(&w);
    w.hmac[63] ^= 0x80;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_WRONGKEY);
    wrapped_gcm(&w);
    wrapping[0] ^= 1;
    assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &key), ZE_WRONGKEY);
    assert_null(key);
}

static void wrapping_round_trip_of_every_suite(void **state)
{
    struct env env;

    assert_int_equal(env_init_simulated(&env, 7, 1), 0);
    for (uint64_t suite = 3; suite <= 8; suite++) {
        AUTO_CRYPT_KEY struct crypt_key *key = NULL, *again = NULL;
        uint8_t wrapping[32] = {(uint8_t)suite};
        struct crypt_wrapped w;

        assert_int_equal(crypt_key_generate(suite, &env, &key), 0);
        assert_int_equal(crypt_key_wrap(key, wrapping, &env, &w), 0);
        for (size_t i = crypt_suite_keylen(suite); i < sizeof(w.master); i++)
            assert_int_equal(w.master[i], 0);
        assert_int_equal(crypt_key_unwrap(wrapping, &w, NULL, &again), 0);
        assert_same_key(key, again);
    }
    env_fini(&env);
}

static void aead(uint64_t suite, size_t len, size_t aad_len, const char *expect)
{
    uint8_t *aad = malloc(aad_len + 1), key[32], iv[12], buf[64], out[80], mac[16];

    for (int i = 0; i < 32; i++)
        key[i] = (uint8_t)i;
    for (int i = 0; i < 12; i++)
        iv[i] = (uint8_t)(0x10 + i);
    for (size_t i = 0; i < aad_len; i++)
        aad[i] = (uint8_t)(i * 7);
    memset(buf, 'A', sizeof(buf));
    assert_int_equal(crypt_aead_seal(suite, key, iv, aad, aad_len, buf, len, out, out + len), 0);
    assert_hex(out, len + 16, expect);
    memcpy(mac, out + len, 16);
    assert_int_equal(crypt_aead_open(suite, key, iv, aad, aad_len, out, len, out, mac), 0);
    assert_memory_equal(out, buf, len);
    mac[15] ^= 1;
    assert_int_equal(crypt_aead_open(suite, key, iv, aad, aad_len, out, len, out, mac), ZE_AUTH);
    free(aad);
}

static void ciphers(void **state)
{
    aead(8, 64, 0,
         "3cbfd95708887bf28b34495c4e38281296110f4f5a8316f0a6b8a3261f15159a11a81642b4e72fae3f77d310"
         "cbd9525a52fd0632a2ca18b3fd5f7b70b2d6e52a 5177b5d3a241cf2551af8efc915af953");
    aead(5, 64, 0,
         "30f1b042270a21212db2dc2f7d1ef17077b5e66ca445744838147739618b2e4de454608fdcfe47b3c47e25ad"
         "0d93189cf1c0cca7728fab8e80d11eda8aeed42b 611a9de146590ee1b8a641dfc7019cb9");
    /* From another implementation. */
    aead(5, 0, 0, "2738c81af38114b511562ccefe382d8a");
    aead(5, 0, 5, "1eb3e73fe4c8dd15b2e5ff92f14da98a");
    aead(5, 0, 70000, "ad7ad6bdcda086f05bdc921ed68fef4d");
    aead(3, 20, 100, "62f4f8e103b56cf34bed3e8135259ac73af693f6377940033197bdd1a8f67e167459ff53");
    aead(4, 33, 3,
         "92acdb5ed274f4b034192d2d8b643415322b058d0077e5989680109ab033555757d5b4cbd8faf8ac381313542"
         "34e73b4b4");
    aead(8, 0, 0, "018f5e9d66e6fbec03896ee4b1e8d030");
    aead(8, 0, 9, "8f5718380065b6dc19600e850bdc33ed");
    aead(6, 20, 100, "856f42ee4e0ef7ae569c1cb48666aa7f7bfd35c6a602ffe465de0ece5b2e55e0d4f296cb");
    aead(7, 33, 3,
         "7716665442c982b9a1c79ecd119d68acc7ac78d06a6c4641f6fb6bf1ea3662c7263b1e33966d070d490db1577"
         "3451b4f85");
    aead(5, 1, 65280, "309fba00ca82cc5b6d401565933f15389b");
    aead(5, 1, 65279, "304b5216d3da4bb95ad3034f6c361073e0");
}

static void ccm_length_limit(void **state)
{
    size_t len = 16 << 20;
    uint8_t *buf = calloc(1, len), key[32] = {0}, iv[12] = {0}, mac[16];

    assert_int_equal(crypt_aead_seal(5, key, iv, NULL, 0, buf, len, buf, mac), ZE_RANGE);
    assert_int_equal(crypt_aead_seal(5, key, iv, NULL, 0, buf, len - 512, buf, mac), 0);
    assert_int_equal(crypt_aead_open(5, key, iv, NULL, 0, buf, len - 512, buf, mac), 0);
    assert_int_equal(crypt_aead_seal(8, key, iv, NULL, 0, buf, len, buf, mac), 0);
    free(buf);
}

static void hmac_in_pieces_and_again(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = NULL;
    struct crypt_piece whole = {"abcdef", 6}, parts[] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}};
    uint8_t master[32] = {0}, hmac[64], a[64], b[64];

    hex_bytes(HMAC_G3, hmac, 64);
    assert_int_equal(crypt_key_from_parts(8, 1, 1, master, hmac, NULL, &key), 0);
    assert_int_equal(crypt_hmac(key, &whole, 1, a), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(crypt_hmac(key, parts, 3, b), 0);
        assert_memory_equal(a, b, 64);
    }
}

static void ivs_come_from_the_environment(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = NULL, *reader = NULL;
    uint8_t salt[8], salt2[8], iv[12], iv2[12], parts[64] = {0};
    struct env env;

    assert_int_equal(env_init_simulated(&env, 1, 1), 0);
    assert_int_equal(crypt_key_generate(8, &env, &key), 0);
    assert_int_equal(crypt_key_new_iv(key, salt, iv), 0);
    assert_int_equal(crypt_key_new_iv(key, salt2, iv2), 0);
    assert_memory_equal(salt, salt2, 8);
    assert_memory_not_equal(iv, iv2, 12);
    assert_int_equal(crypt_key_from_parts(8, 1, 1, parts, parts, NULL, &reader), 0);
    assert_int_equal(crypt_key_new_iv(reader, salt, iv), ZE_INVAL);
    crypt_key_rele(key);
    key = NULL;
    env_fini(&env);
}

static void *seal_with_many_salts(void *arg)
{
    struct crypt_key *key = arg;
    uint8_t iv[12] = {0}, buf[100], mac[16];

    for (unsigned i = 0; i < 2000; i++) {
        uint8_t salt[8] = {(uint8_t)(i % 90)};
        memset(buf, (int)i, sizeof(buf));
        if (crypt_seal(key, salt, iv, "aad", 3, buf, sizeof(buf), buf, mac) != 0 ||
            crypt_open(key, salt, iv, "aad", 3, buf, sizeof(buf), buf, mac) != 0)
            return key;
        for (unsigned j = 0; j < sizeof(buf); j++)
            if (buf[j] != (uint8_t)i)
                return key;
    }
    return NULL;
}

static void threads_share_a_key_with_more_salts_than_it_caches(void **state)
{
    for (uint64_t suite = 5; suite <= 8; suite += 3) {
        AUTO_CRYPT_KEY struct crypt_key *key = NULL;
        uint8_t zero[64] = {0};
        pthread_t t[4];

        assert_int_equal(crypt_key_from_parts(suite, 1, 1, zero, zero, NULL, &key), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&t[i], NULL, seal_with_many_salts, key), 0);
        for (int i = 0; i < 4; i++) {
            void *failure;
            pthread_join(t[i], &failure);
            assert_null(failure);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passphrase_to_wrapping_key),
        cmocka_unit_test(a_trailing_newline_is_dropped_from_text_keys),
        cmocka_unit_test(hex_and_raw_keys),
        cmocka_unit_test(hkdf),
        cmocka_unit_test(unwrap_gcm),
        cmocka_unit_test(unwrap_ccm_ignores_the_tail_of_a_short_master_key),
        cmocka_unit_test(unwrap_refuses_every_changed_field),
        cmocka_unit_test(wrapping_round_trip_of_every_suite),
        cmocka_unit_test(ciphers),
        cmocka_unit_test(ccm_length_limit),
        cmocka_unit_test(hmac_in_pieces_and_again),
        cmocka_unit_test(ivs_come_from_the_environment),
        cmocka_unit_test(threads_share_a_key_with_more_salts_than_it_caches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
