/* SPDX-License-Identifier: MIT */
/*
 * Insides shared by crypt.c (ciphers, key derivation) and crypt_key.c (struct crypt_key). Nobody
 * else includes this.
 */
#ifndef ZUSE_CODEC_CRYPT_IMPL_H
#define ZUSE_CODEC_CRYPT_IMPL_H

#include <openssl/evp.h>

#include "codec/crypt.h"

struct crypt_suite_info {
    const char *name;   /* property value */
    const char *cipher; /* libcrypto's name */
    uint8_t keylen;
    bool ccm;
};
const struct crypt_suite_info *crypt_suite_info(uint64_t suite); /* NULL: not a cipher */

struct crypt_msg {
    const void *aad;
    size_t aad_len;
    const void *in;
    size_t len;
    void *out;
};
/*
 * A context with the cipher key set, for one direction; run messages through it as often as wanted.
 * Not thread-safe.
 */
int crypt_ctx_create(const EVP_CIPHER *cipher, const struct crypt_suite_info *si,
                     const uint8_t *cipher_key, bool seal, EVP_CIPHER_CTX **out);
int crypt_ctx_seal(EVP_CIPHER_CTX *ctx, const struct crypt_suite_info *si, const uint8_t *iv,
                   const struct crypt_msg *m, uint8_t mac[CRYPT_MAC_LEN]);
int crypt_ctx_open(EVP_CIPHER_CTX *ctx, const struct crypt_suite_info *si, const uint8_t *iv,
                   const struct crypt_msg *m, const uint8_t mac[CRYPT_MAC_LEN]);

#endif
