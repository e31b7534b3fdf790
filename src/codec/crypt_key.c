/* SPDX-License-Identifier: MIT */
/*
 * struct crypt_key: the unwrapped keys of one DSL crypto key object (format/crypto-dedup.md, A4,
 * A5, A8).
 *
 * Deriving a block key and setting up a cipher context costs more than enciphering a small block,
 * so a key keeps a bounded pool of idle contexts, each tied to one salt and direction. A caller
 * takes a context out of the pool (or makes one), works without any lock, and puts it back; the
 * longest idle one makes room.
 */
#include "codec/crypt_impl.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/env.h"
#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/span.h"

#define IDLE_CIPHERS 64
#define IDLE_MACS    16
/* After so many blocks under one salt a new one is drawn. */
#define SALT_USES 400000000u

struct idle_cipher {
    uint8_t salt[CRYPT_SALT_LEN];
    bool seal;
    EVP_CIPHER_CTX *ctx;
    uint64_t used; /* order of last use */
};

struct crypt_key {
    _Atomic uint32_t refs;
    uint64_t suite, guid, version;
    const struct crypt_suite_info *info;
    struct env *env; /* may be NULL: cannot make IVs */
    uint8_t master[CRYPT_MASTER_KEY_MAX];
    uint8_t hmac[CRYPT_HMAC_KEY_LEN];
    EVP_CIPHER *cipher;
    EVP_MAC *mac;

    struct mutex lock; /* LEAF; guards what follows */
    struct idle_cipher ciphers[IDLE_CIPHERS];
    unsigned nciphers;
    uint64_t clock;
    EVP_MAC_CTX *macs[IDLE_MACS];
    unsigned nmacs;
    uint8_t salt[CRYPT_SALT_LEN]; /* current, for writing */
    uint32_t salt_uses;           /* 0 = none drawn yet */
};

/* ---- life ---- */

int crypt_key_from_parts(uint64_t suite, uint64_t guid, uint64_t version, const uint8_t *master,
                         const uint8_t hmac[CRYPT_HMAC_KEY_LEN], struct env *env,
                         struct crypt_key **out)
{
    const struct crypt_suite_info *info = crypt_suite_info(suite);
    struct crypt_key *key;

    if (info == NULL)
        return err_raise(ZE_NOTSUP, "encryption suite %llu", (unsigned long long)suite);
    if (version > 1)
        return err_raise(ZE_NOTSUP, "crypto key version %llu", (unsigned long long)version);
    key = mem_zalloc(sizeof(*key));
    if (key == NULL)
        return err_raise(ZE_NOMEM, "crypto key");
    atomic_init(&key->refs, 1);
    mutex_init(&key->lock, RANK_LEAF);
    key->suite = suite;
    key->guid = guid;
    key->version = version;
    key->info = info;
    key->env = env;
    memcpy(key->master, master, info->keylen);
    memcpy(key->hmac, hmac, sizeof(key->hmac));
    key->cipher = EVP_CIPHER_fetch(NULL, info->cipher, NULL);
    key->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (key->cipher == NULL || key->mac == NULL) {
        crypt_key_rele(key);
        return err_raise(ZE_NOTSUP, "libcrypto has no %s or no HMAC", info->cipher);
    }
    *out = key;
    return 0;
}

struct crypt_key *crypt_key_hold(struct crypt_key *key)
{
    atomic_fetch_add_explicit(&key->refs, 1, memory_order_relaxed);
    return key;
}

void crypt_key_rele(struct crypt_key *key)
{
    if (key == NULL || atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < key->nciphers; i++)
        EVP_CIPHER_CTX_free(key->ciphers[i].ctx);
    for (unsigned i = 0; i < key->nmacs; i++)
        EVP_MAC_CTX_free(key->macs[i]);
    EVP_CIPHER_free(key->cipher);
    EVP_MAC_free(key->mac);
    mutex_destroy(&key->lock);
    crypt_wipe(key, sizeof(*key));
    free(key);
}

uint64_t crypt_key_guid(const struct crypt_key *key)
{
    return key->guid;
}

uint64_t crypt_key_suite(const struct crypt_key *key)
{
    return key->suite;
}

uint64_t crypt_key_version(const struct crypt_key *key)
{
    return key->version;
}

int crypt_key_generate(uint64_t suite, struct env *env, struct crypt_key **out)
{
    uint8_t master[CRYPT_MASTER_KEY_MAX], hmac[CRYPT_HMAC_KEY_LEN];
    uint64_t guid;
    int err;

    env_random_bytes(env, master, sizeof(master));
    env_random_bytes(env, hmac, sizeof(hmac));
    env_random_bytes(env, &guid, sizeof(guid));
    err = crypt_key_from_parts(suite, guid, 1, master, hmac, env, out);
    crypt_wipe(master, sizeof(master));
    crypt_wipe(hmac, sizeof(hmac));
    return err;
}

/* ---- wrapping ---- */

/* Wrapping always uses a 256-bit key, in the mode of the suite (A5). */
static uint64_t wrapping_suite(const struct crypt_suite_info *info)
{
    return info->ccm ? CRYPT_AES_256_CCM : CRYPT_AES_256_GCM;
}

static size_t wrapping_aad(const struct crypt_wrapped *w, uint8_t aad[24])
{
    store_le64(aad, w->guid);
    store_le64(aad + 8, w->suite);
    store_le64(aad + 16, w->version);
    return w->version == 0 ? 8 : 24;
}

int crypt_key_unwrap(const uint8_t wrapping[CRYPT_WRAPPING_KEY_LEN], const struct crypt_wrapped *w,
                     struct env *env, struct crypt_key **out)
{
    const struct crypt_suite_info *info = crypt_suite_info(w->suite);
    uint8_t aad[24], keys[CRYPT_MASTER_KEY_MAX + CRYPT_HMAC_KEY_LEN];
    size_t len;
    int err;

    if (info == NULL)
        return err_raise(ZE_NOTSUP, "encryption suite %llu", (unsigned long long)w->suite);
    if (w->version > 1)
        return err_raise(ZE_NOTSUP, "crypto key version %llu", (unsigned long long)w->version);
    len = (size_t)info->keylen + CRYPT_HMAC_KEY_LEN;
    memcpy(keys, w->master, info->keylen);
    memcpy(keys + info->keylen, w->hmac, CRYPT_HMAC_KEY_LEN);
    err = crypt_aead_open(wrapping_suite(info), wrapping, w->iv, aad, wrapping_aad(w, aad), keys,
                          len, keys, w->mac);
    if (err == ZE_AUTH)
        err = err_raise(ZE_WRONGKEY, "the key does not unwrap the master key");
    if (err == 0)
        err = crypt_key_from_parts(w->suite, w->guid, w->version, keys, keys + info->keylen, env,
                                   out);
    crypt_wipe(keys, sizeof(keys));
    return err;
}

int crypt_key_wrap(const struct crypt_key *key, const uint8_t wrapping[CRYPT_WRAPPING_KEY_LEN],
                   struct env *env, struct crypt_wrapped *w)
{
    uint8_t aad[24], keys[CRYPT_MASTER_KEY_MAX + CRYPT_HMAC_KEY_LEN];
    size_t keylen = key->info->keylen;
    int err;

    *w = (struct crypt_wrapped){.suite = key->suite, .guid = key->guid, .version = key->version};
    env_random_bytes(env, w->iv, sizeof(w->iv));
    memcpy(keys, key->master, keylen);
    memcpy(keys + keylen, key->hmac, CRYPT_HMAC_KEY_LEN);
    err = crypt_aead_seal(wrapping_suite(key->info), wrapping, w->iv, aad, wrapping_aad(w, aad),
                          keys, keylen + CRYPT_HMAC_KEY_LEN, keys, w->mac);
    if (err == 0) {
        memcpy(w->master, keys, keylen);
        memcpy(w->hmac, keys + keylen, CRYPT_HMAC_KEY_LEN);
    }
    crypt_wipe(keys, sizeof(keys));
    return err;
}

/* ---- the pool of contexts ---- */

static EVP_CIPHER_CTX *cipher_take_idle(struct crypt_key *key, const uint8_t *salt, bool seal)
{
    MUTEX_GUARD(&key->lock);

    for (unsigned i = 0; i < key->nciphers; i++) {
        EVP_CIPHER_CTX *ctx = key->ciphers[i].ctx;
        if (key->ciphers[i].seal == seal &&
            memcmp(key->ciphers[i].salt, salt, CRYPT_SALT_LEN) == 0) {
            key->ciphers[i] = key->ciphers[--key->nciphers];
            return ctx;
        }
    }
    return NULL;
}

static int cipher_take(struct crypt_key *key, const uint8_t *salt, bool seal, EVP_CIPHER_CTX **out)
{
    uint8_t block_key[CRYPT_MASTER_KEY_MAX];
    int err;

    *out = cipher_take_idle(key, salt, seal);
    if (*out != NULL)
        return 0;
    err = crypt_hkdf_sha512(key->master, key->info->keylen, salt, CRYPT_SALT_LEN, block_key,
                            key->info->keylen);
    if (err == 0)
        err = crypt_ctx_create(key->cipher, key->info, block_key, seal, out);
    crypt_wipe(block_key, sizeof(block_key));
    return err;
}

static void cipher_put(struct crypt_key *key, const uint8_t *salt, bool seal, EVP_CIPHER_CTX *ctx)
{
    EVP_CIPHER_CTX *evicted = NULL;

    mutex_lock(&key->lock);
    unsigned slot = key->nciphers;
    if (slot == IDLE_CIPHERS) {
        slot = 0;
        for (unsigned i = 1; i < IDLE_CIPHERS; i++)
            if (key->ciphers[i].used < key->ciphers[slot].used)
                slot = i;
        evicted = key->ciphers[slot].ctx;
    } else {
        key->nciphers++;
    }
    key->ciphers[slot] = (struct idle_cipher){.seal = seal, .ctx = ctx, .used = ++key->clock};
    memcpy(key->ciphers[slot].salt, salt, CRYPT_SALT_LEN);
    mutex_unlock(&key->lock);
    EVP_CIPHER_CTX_free(evicted);
}

int crypt_seal(struct crypt_key *key, const uint8_t salt[CRYPT_SALT_LEN],
               const uint8_t iv[CRYPT_IV_LEN], const void *aad, size_t aad_len, const void *in,
               size_t len, void *out, uint8_t mac[CRYPT_MAC_LEN])
{
    struct crypt_msg m = {aad, aad_len, in, len, out};
    EVP_CIPHER_CTX *ctx;
    int err = cipher_take(key, salt, true, &ctx);

    if (err != 0)
        return err;
    err = crypt_ctx_seal(ctx, key->info, iv, &m, mac);
    cipher_put(key, salt, true, ctx);
    return err;
}

int crypt_open(struct crypt_key *key, const uint8_t salt[CRYPT_SALT_LEN],
               const uint8_t iv[CRYPT_IV_LEN], const void *aad, size_t aad_len, const void *in,
               size_t len, void *out, const uint8_t mac[CRYPT_MAC_LEN])
{
    struct crypt_msg m = {aad, aad_len, in, len, out};
    EVP_CIPHER_CTX *ctx;
    int err = cipher_take(key, salt, false, &ctx);

    if (err != 0)
        return err;
    err = crypt_ctx_open(ctx, key->info, iv, &m, mac);
    cipher_put(key, salt, false, ctx);
    return err;
}

/* ---- HMAC ---- */

static EVP_MAC_CTX *mac_take(struct crypt_key *key)
{
    char digest[] = "SHA512";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC_CTX *ctx = NULL;

    mutex_lock(&key->lock);
    if (key->nmacs != 0)
        ctx = key->macs[--key->nmacs];
    mutex_unlock(&key->lock);
    if (ctx != NULL) {
        /* Without a key argument the context starts over with the key it has. */
        if (EVP_MAC_init(ctx, NULL, 0, NULL) == 1)
            return ctx;
        EVP_MAC_CTX_free(ctx);
        return NULL;
    }
    ctx = EVP_MAC_CTX_new(key->mac);
    if (ctx != NULL && EVP_MAC_init(ctx, key->hmac, sizeof(key->hmac), params) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static void mac_put(struct crypt_key *key, EVP_MAC_CTX *ctx)
{
    mutex_lock(&key->lock);
    if (key->nmacs < IDLE_MACS) {
        key->macs[key->nmacs++] = ctx;
        ctx = NULL;
    }
    mutex_unlock(&key->lock);
    EVP_MAC_CTX_free(ctx);
}

int crypt_hmac(struct crypt_key *key, const struct crypt_piece *pieces, unsigned n, uint8_t out[64])
{
    EVP_MAC_CTX *ctx = mac_take(key);
    bool ok = true;
    size_t len;

    if (ctx == NULL)
        return err_raise(ZE_NOMEM, "HMAC context");
    for (unsigned i = 0; i < n && ok; i++)
        ok = pieces[i].len == 0 || EVP_MAC_update(ctx, pieces[i].data, pieces[i].len) == 1;
    ok = ok && EVP_MAC_final(ctx, out, &len, 64) == 1 && len == 64;
    mac_put(key, ctx);
    return ok ? 0 : err_raise(ZE_BUG, "libcrypto: HMAC failed");
}

/* ---- salts and IVs for writing ---- */

/* One use of the current salt; a worn out one is replaced by fresh, or the answer is false. */
static bool take_current_salt(struct crypt_key *key, const uint8_t *fresh, uint8_t *salt)
{
    MUTEX_GUARD(&key->lock);

    if (key->salt_uses == 0 || key->salt_uses >= SALT_USES) {
        if (fresh == NULL)
            return false;
        memcpy(key->salt, fresh, sizeof(key->salt));
        key->salt_uses = 0;
    }
    key->salt_uses++;
    memcpy(salt, key->salt, CRYPT_SALT_LEN);
    return true;
}

int crypt_key_new_iv(struct crypt_key *key, uint8_t salt[CRYPT_SALT_LEN], uint8_t iv[CRYPT_IV_LEN])
{
    uint8_t fresh[CRYPT_SALT_LEN];

    if (key->env == NULL)
        return err_raise(ZE_INVAL, "this key was loaded for reading only");
    env_random_bytes(key->env, iv, CRYPT_IV_LEN);
    if (take_current_salt(key, NULL, salt))
        return 0;
    env_random_bytes(key->env, fresh, sizeof(fresh));
    take_current_salt(key, fresh, salt);
    return 0;
}

int crypt_key_dedup_iv(struct crypt_key *key, const void *plain, size_t len,
                       uint8_t salt[CRYPT_SALT_LEN], uint8_t iv[CRYPT_IV_LEN])
{
    struct crypt_piece piece = {plain, len};
    uint8_t digest[64];
    int err = crypt_hmac(key, &piece, 1, digest);

    if (err != 0)
        return err;
    memcpy(salt, digest, CRYPT_SALT_LEN);
    memcpy(iv, digest + CRYPT_SALT_LEN, CRYPT_IV_LEN);
    return 0;
}
