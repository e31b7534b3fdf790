/* SPDX-License-Identifier: MIT */
/*
 * Cipher suites over libcrypto, key derivation, user keys (format/crypto-dedup.md, A1, A3, A8). The
 * keys of a dataset are in crypt_key.c.
 */
#include "codec/crypt_impl.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

/* A CCM length field of three bytes must hold payload plus tag. */
#define CCM_MESSAGE_MAX 0xffffffu

static const struct crypt_suite_info suites[CRYPT_SUITE_COUNT] = {
    [CRYPT_INHERIT] = {"inherit", NULL, 0, false},
    [CRYPT_ON] = {"on", NULL, 0, false},
    [CRYPT_OFF] = {"off", NULL, 0, false},
    [CRYPT_AES_128_CCM] = {"aes-128-ccm", "AES-128-CCM", 16, true},
    [CRYPT_AES_192_CCM] = {"aes-192-ccm", "AES-192-CCM", 24, true},
    [CRYPT_AES_256_CCM] = {"aes-256-ccm", "AES-256-CCM", 32, true},
    [CRYPT_AES_128_GCM] = {"aes-128-gcm", "AES-128-GCM", 16, false},
    [CRYPT_AES_192_GCM] = {"aes-192-gcm", "AES-192-GCM", 24, false},
    [CRYPT_AES_256_GCM] = {"aes-256-gcm", "AES-256-GCM", 32, false},
};

const struct crypt_suite_info *crypt_suite_info(uint64_t suite)
{
    return crypt_suite_valid(suite) ? &suites[suite] : NULL;
}

const char *crypt_suite_name(uint64_t suite)
{
    return suite < CRYPT_SUITE_COUNT ? suites[suite].name : NULL;
}

bool crypt_suite_valid(uint64_t suite)
{
    return suite >= CRYPT_AES_128_CCM && suite < CRYPT_SUITE_COUNT;
}

size_t crypt_suite_keylen(uint64_t suite)
{
    return crypt_suite_valid(suite) ? suites[suite].keylen : 0;
}

const char *crypt_keyformat_name(uint64_t keyformat)
{
    static const char *const names[] = {"none", "raw", "hex", "passphrase"};

    return keyformat < array_len(names) ? names[keyformat] : NULL;
}

/* ---- AEAD ---- */

static int evp_failed(const char *what)
{
    return err_raise(ZE_BUG, "libcrypto: %s failed", what);
}

int crypt_ctx_create(const EVP_CIPHER *cipher, const struct crypt_suite_info *si,
                     const uint8_t *cipher_key, bool seal, EVP_CIPHER_CTX **out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok;

    if (ctx == NULL)
        return err_raise(ZE_NOMEM, "cipher context");
    ok = EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, seal) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, CRYPT_IV_LEN, NULL) == 1;
    /* CCM's first block depends on the tag length, so it must be known before the key. */
    if (ok && si->ccm)
        ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPT_MAC_LEN, NULL) == 1;
    if (ok)
        ok = EVP_CipherInit_ex(ctx, NULL, NULL, cipher_key, NULL, seal) == 1;
    if (!ok) {
        EVP_CIPHER_CTX_free(ctx);
        return evp_failed("cipher initialisation");
    }
    *out = ctx;
    return 0;
}

static int check_lengths(const struct crypt_suite_info *si, const struct crypt_msg *m)
{
    if (m->len > INT_MAX - CRYPT_MAC_LEN || m->aad_len > INT_MAX)
        return err_raise(ZE_RANGE, "message of %zu bytes is too long to encipher", m->len);
    if (si->ccm && m->len + CRYPT_MAC_LEN > CCM_MESSAGE_MAX)
        return err_raise(ZE_RANGE, "message of %zu bytes is too long for CCM", m->len);
    return 0;
}

/* Everything between the IV and the tag. */
static bool run_message(EVP_CIPHER_CTX *ctx, bool ccm, const struct crypt_msg *m)
{
    static const uint8_t nothing[1];
    uint8_t scratch[1];
    const uint8_t *in = m->len != 0 ? m->in : nothing;
    uint8_t *out = m->len != 0 ? m->out : scratch;
    int n;

    if (ccm && EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)m->len) != 1)
        return false;
    if (m->aad_len != 0 && EVP_CipherUpdate(ctx, NULL, &n, m->aad, (int)m->aad_len) != 1)
        return false;
    /* CCM computes its tag in this call, so it is made for an empty message too. */
    if (m->len != 0 || ccm)
        return EVP_CipherUpdate(ctx, out, &n, in, (int)m->len) == 1;
    return true;
}

int crypt_ctx_seal(EVP_CIPHER_CTX *ctx, const struct crypt_suite_info *si, const uint8_t *iv,
                   const struct crypt_msg *m, uint8_t mac[CRYPT_MAC_LEN])
{
    uint8_t tail[CRYPT_MAC_LEN];
    int n, err = check_lengths(si, m);

    if (err != 0)
        return err;
    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, 1) != 1 || !run_message(ctx, si->ccm, m) ||
        EVP_CipherFinal_ex(ctx, tail, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CRYPT_MAC_LEN, mac) != 1)
        return evp_failed("encryption");
    return 0;
}

int crypt_ctx_open(EVP_CIPHER_CTX *ctx, const struct crypt_suite_info *si, const uint8_t *iv,
                   const struct crypt_msg *m, const uint8_t mac[CRYPT_MAC_LEN])
{
    uint8_t tag[CRYPT_MAC_LEN], tail[CRYPT_MAC_LEN];
    int n, err = check_lengths(si, m);
    bool ok;

    if (err != 0)
        return err;
    memcpy(tag, mac, sizeof(tag));
    if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, 0) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CRYPT_MAC_LEN, tag) != 1)
        return evp_failed("decryption");
    ok = run_message(ctx, si->ccm, m);
    if (ok && !si->ccm)
        ok = EVP_CipherFinal_ex(ctx, tail, &n) == 1;
    if (ok)
        return 0;
    if (m->len != 0)
        memset(m->out, 0, m->len);
    return err_raise(ZE_AUTH, "MAC does not match");
}

static int with_fresh_ctx(uint64_t suite, const uint8_t *cipher_key, bool seal,
                          EVP_CIPHER_CTX **out)
{
    const struct crypt_suite_info *si = crypt_suite_info(suite);
    EVP_CIPHER *cipher;
    int err;

    if (si == NULL)
        return err_raise(ZE_NOTSUP, "encryption suite %llu", (unsigned long long)suite);
    cipher = EVP_CIPHER_fetch(NULL, si->cipher, NULL);
    if (cipher == NULL)
        return err_raise(ZE_NOTSUP, "libcrypto has no %s", si->cipher);
    err = crypt_ctx_create(cipher, si, cipher_key, seal, out);
    EVP_CIPHER_free(cipher);
    return err;
}

int crypt_aead_seal(uint64_t suite, const uint8_t *cipher_key, const uint8_t iv[CRYPT_IV_LEN],
                    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
                    uint8_t mac[CRYPT_MAC_LEN])
{
    struct crypt_msg m = {aad, aad_len, in, len, out};
    EVP_CIPHER_CTX *ctx;
    int err = with_fresh_ctx(suite, cipher_key, true, &ctx);

    if (err != 0)
        return err;
    err = crypt_ctx_seal(ctx, &suites[suite], iv, &m, mac);
    EVP_CIPHER_CTX_free(ctx);
    return err;
}

int crypt_aead_open(uint64_t suite, const uint8_t *cipher_key, const uint8_t iv[CRYPT_IV_LEN],
                    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
                    const uint8_t mac[CRYPT_MAC_LEN])
{
    struct crypt_msg m = {aad, aad_len, in, len, out};
    EVP_CIPHER_CTX *ctx;
    int err = with_fresh_ctx(suite, cipher_key, false, &ctx);

    if (err != 0)
        return err;
    err = crypt_ctx_open(ctx, &suites[suite], iv, &m, mac);
    EVP_CIPHER_CTX_free(ctx);
    return err;
}

/* ---- derivation ---- */

int crypt_sha512(const void *data, size_t len, uint8_t out[64])
{
    return SHA512(data, len, out) != NULL ? 0 : evp_failed("SHA-512");
}

static bool hmac512(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[64])
{
    return HMAC(EVP_sha512(), key, (int)key_len, data, len, out, NULL) != NULL;
}

int crypt_hkdf_sha512(const uint8_t *master, size_t master_len, const uint8_t *info,
                      size_t info_len, uint8_t *out, size_t out_len)
{
    uint8_t prk[64], block[64], message[64 + 1];
    bool ok;

    if (info_len > 64 || out_len > sizeof(block))
        return err_raise(ZE_RANGE, "HKDF of %zu bytes", out_len);
    memcpy(message, info, info_len);
    message[info_len] = 1;
    ok = hmac512("", 0, master, master_len, prk) &&
         hmac512(prk, sizeof(prk), message, info_len + 1, block);
    if (ok)
        memcpy(out, block, out_len);
    crypt_wipe(prk, sizeof(prk));
    crypt_wipe(block, sizeof(block));
    return ok ? 0 : evp_failed("HKDF");
}

bool crypt_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void crypt_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}

/* ---- user keys ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int wrapping_from_hex(const char *text, size_t len, uint8_t *out)
{
    if (len != 2 * CRYPT_WRAPPING_KEY_LEN)
        return err_raise(ZE_INVAL, "hex key has %zu digits, must have %d", len,
                         2 * CRYPT_WRAPPING_KEY_LEN);
    for (size_t i = 0; i < CRYPT_WRAPPING_KEY_LEN; i++) {
        int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);
        if (hi < 0 || lo < 0)
            return err_raise(ZE_INVAL, "hex key has a character that is not a hex digit");
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}

static int wrapping_from_passphrase(const char *text, size_t len, uint64_t salt, uint64_t iters,
                                    uint8_t *out)
{
    uint8_t salt_bytes[8];

    if (iters == 0 || iters > INT_MAX)
        return err_raise(ZE_INVAL, "passphrase key has %llu iterations", (unsigned long long)iters);
    store_le64(salt_bytes, salt);
    if (PKCS5_PBKDF2_HMAC(text, (int)strnlen(text, len), salt_bytes, sizeof(salt_bytes), (int)iters,
                          EVP_sha1(), CRYPT_WRAPPING_KEY_LEN, out) != 1)
        return evp_failed("PBKDF2");
    return 0;
}

int crypt_wrapping_key(enum crypt_keyformat format, const void *material, size_t len, uint64_t salt,
                       uint64_t iters, uint8_t out[CRYPT_WRAPPING_KEY_LEN])
{
    const char *text = material;

    if (len > INT_MAX)
        return err_raise(ZE_INVAL, "key material of %zu bytes", len);
    if (format != CRYPT_KEYFORMAT_RAW && len != 0 && text[len - 1] == '\n')
        len--;
    switch (format) {
    case CRYPT_KEYFORMAT_RAW:
        if (len != CRYPT_WRAPPING_KEY_LEN)
            return err_raise(ZE_INVAL, "raw key has %zu bytes, must have %d", len,
                             CRYPT_WRAPPING_KEY_LEN);
        memcpy(out, material, len);
        return 0;
    case CRYPT_KEYFORMAT_HEX:
        return wrapping_from_hex(text, len, out);
    case CRYPT_KEYFORMAT_PASSPHRASE:
        return wrapping_from_passphrase(text, len, salt, iters, out);
    default:
        return err_raise(ZE_INVAL, "key format %d", (int)format);
    }
}
