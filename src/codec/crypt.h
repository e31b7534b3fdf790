/* SPDX-License-Identifier: MIT */
/*
 * Ciphers and keys of native encryption (format/crypto-dedup.md, A1-A5 and A8): cipher suites over
 * libcrypto, user key to wrapping key, wrapping of master keys, and `struct crypt_key`, the
 * unwrapped keys of one DSL crypto key object.
 *
 * Callers: zio/crypt_block (blocks), dsl/crypt_keys (key objects). A crypt_key is counted,
 * immutable but for its cache of block keys (thread-safe, no lock is held while enciphering), and
 * wiped when the last hold goes. Errors: ZE_AUTH (tag mismatch), ZE_WRONGKEY (unwrap), ZE_NOTSUP
 * (suite), ZE_NOMEM, ZE_INVAL.
 */
#ifndef ZUSE_CODEC_CRYPT_H
#define ZUSE_CODEC_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

#define CRYPT_WRAPPING_KEY_LEN 32
#define CRYPT_MASTER_KEY_MAX   32
#define CRYPT_HMAC_KEY_LEN     64
#define CRYPT_SALT_LEN         8
#define CRYPT_IV_LEN           12
#define CRYPT_MAC_LEN          16
#define CRYPT_OBJSET_MAC_LEN   32

enum crypt_suite { /* stored values */
                   CRYPT_INHERIT = 0,
                   CRYPT_ON = 1,
                   CRYPT_OFF = 2,
                   CRYPT_AES_128_CCM = 3,
                   CRYPT_AES_192_CCM = 4,
                   CRYPT_AES_256_CCM = 5,
                   CRYPT_AES_128_GCM = 6,
                   CRYPT_AES_192_GCM = 7,
                   CRYPT_AES_256_GCM = 8,
                   CRYPT_SUITE_COUNT
};

enum crypt_keyformat { /* stored values */
                       CRYPT_KEYFORMAT_NONE = 0,
                       CRYPT_KEYFORMAT_RAW = 1,
                       CRYPT_KEYFORMAT_HEX = 2,
                       CRYPT_KEYFORMAT_PASSPHRASE = 3,
};
const char *crypt_suite_name(uint64_t suite);         /* "aes-256-gcm"; NULL if unknown */
const char *crypt_keyformat_name(uint64_t keyformat); /* "none".."passphrase"; NULL if unknown */
bool crypt_suite_valid(uint64_t suite);               /* a real cipher: 3..8 */
size_t crypt_suite_keylen(uint64_t suite);            /* bytes, 0 if not a cipher */

/*
 * Key material as typed or read (format A3) to the 32-byte wrapping key. One trailing newline is
 * dropped for hex and passphrase. ZE_INVAL with the reason when the material does not fit the
 * format.
 */
int crypt_wrapping_key(enum crypt_keyformat format, const void *material, size_t len, uint64_t salt,
                       uint64_t iters, uint8_t out[CRYPT_WRAPPING_KEY_LEN]);

/* Values of a DSL crypto key object that take part in wrapping. */
struct crypt_wrapped {
    uint64_t suite, guid, version;
    uint8_t iv[CRYPT_IV_LEN];
    uint8_t mac[CRYPT_MAC_LEN];
    uint8_t master[CRYPT_MASTER_KEY_MAX]; /* ciphertext; only the suite's key length counts */
    uint8_t hmac[CRYPT_HMAC_KEY_LEN];
};

struct crypt_key;

/* ZE_WRONGKEY when the tag does not match. *out has one hold. env gives the current salt (A8), may
 * be NULL (no writing). */
int crypt_key_unwrap(const uint8_t wrapping[CRYPT_WRAPPING_KEY_LEN], const struct crypt_wrapped *w,
                     struct env *env, struct crypt_key **out);
/* Wrap again (change-key, create): fills suite, guid, version, iv, mac, master, hmac with a fresh
 * iv. */
int crypt_key_wrap(const struct crypt_key *key, const uint8_t wrapping[CRYPT_WRAPPING_KEY_LEN],
                   struct env *env, struct crypt_wrapped *w);
/* New random master and HMAC key. */
int crypt_key_generate(uint64_t suite, struct env *env, struct crypt_key **out);
/* From plain keys: tests, and tools that are given a master key. */
int crypt_key_from_parts(uint64_t suite, uint64_t guid, uint64_t version, const uint8_t *master,
                         const uint8_t hmac[CRYPT_HMAC_KEY_LEN], struct env *env,
                         struct crypt_key **out);

struct crypt_key *crypt_key_hold(struct crypt_key *key);
void crypt_key_rele(struct crypt_key *key); /* NULL is fine */
uint64_t crypt_key_guid(const struct crypt_key *key);
uint64_t crypt_key_suite(const struct crypt_key *key);
uint64_t crypt_key_version(const struct crypt_key *key);
static inline void crypt_key_auto_rele(struct crypt_key **key)
{
    crypt_key_rele(*key);
}
#define AUTO_CRYPT_KEY __attribute__((cleanup(crypt_key_auto_rele)))

/* Salt and IV for a new block: the key's current salt, a random IV (A8). Needs the key's env. */
int crypt_key_new_iv(struct crypt_key *key, uint8_t salt[CRYPT_SALT_LEN], uint8_t iv[CRYPT_IV_LEN]);
/* Salt and IV for a dedup block from its padded plaintext (A8). */
int crypt_key_dedup_iv(struct crypt_key *key, const void *plain, size_t len,
                       uint8_t salt[CRYPT_SALT_LEN], uint8_t iv[CRYPT_IV_LEN]);

/*
 * One AEAD message with the block key derived from salt. in and out may be the same. len may be 0.
 * On ZE_AUTH the output buffer holds zeros.
 */
int crypt_seal(struct crypt_key *key, const uint8_t salt[CRYPT_SALT_LEN],
               const uint8_t iv[CRYPT_IV_LEN], const void *aad, size_t aad_len, const void *in,
               size_t len, void *out, uint8_t mac[CRYPT_MAC_LEN]);
int crypt_open(struct crypt_key *key, const uint8_t salt[CRYPT_SALT_LEN],
               const uint8_t iv[CRYPT_IV_LEN], const void *aad, size_t aad_len, const void *in,
               size_t len, void *out, const uint8_t mac[CRYPT_MAC_LEN]);
/* The same with an explicit cipher key of the suite's length: wrapping, tests. */
int crypt_aead_seal(uint64_t suite, const uint8_t *cipher_key, const uint8_t iv[CRYPT_IV_LEN],
                    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
                    uint8_t mac[CRYPT_MAC_LEN]);
int crypt_aead_open(uint64_t suite, const uint8_t *cipher_key, const uint8_t iv[CRYPT_IV_LEN],
                    const void *aad, size_t aad_len, const void *in, size_t len, void *out,
                    const uint8_t mac[CRYPT_MAC_LEN]);

/* HMAC-SHA-512 with the HMAC key over several pieces; the full 64 bytes. */
struct crypt_piece {
    const void *data;
    size_t len;
};
int crypt_hmac(struct crypt_key *key, const struct crypt_piece *pieces, unsigned n,
               uint8_t out[64]);
/* Plain primitives, as the format uses them. */
int crypt_sha512(const void *data, size_t len, uint8_t out[64]);
int crypt_hkdf_sha512(const uint8_t *master, size_t master_len, const uint8_t *info,
                      size_t info_len, uint8_t *out, size_t out_len); /* out_len <= 64 */
/* Comparison in constant time; memory wipe that is not optimised away. */
bool crypt_equal(const void *a, const void *b, size_t len);
void crypt_wipe(void *p, size_t len);

#endif
