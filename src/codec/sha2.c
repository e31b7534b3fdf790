/* SPDX-License-Identifier: MIT */
/* SHA-256 and SHA-512/256 through libcrypto, one fetched and reused context per thread and
 * function. */
#include <openssl/evp.h>

#include "base/err.h"
#include "codec/hashes.h"
#include "codec/thread_cache.h"

static void *context_create(const char *name)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_MD *md = EVP_MD_fetch(NULL, name, NULL);
    /* The context takes its own reference to md, so later calls need no look-up and no allocation.
     */
    const bool ok = ctx != NULL && md != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1;
    EVP_MD_free(md);
    if (ok)
        return ctx;
    EVP_MD_CTX_free(ctx);
    return NULL;
}

static void *sha256_create(void)
{
    return context_create("SHA2-256");
}

static void *sha512_create(void)
{
    return context_create("SHA2-512/256");
}

static void context_destroy(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static int digest(EVP_MD_CTX *ctx, const char *name, const struct span *parts, size_t count,
                  uint8_t out[32])
{
    unsigned n = 0;
    if (ctx == NULL)
        return err_raise(ZE_NOTSUP, "libcrypto: cannot set up %s", name);
    /* A NULL type starts anew with the algorithm the context already has. */
    bool ok = EVP_DigestInit_ex2(ctx, NULL, NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len) == 1;
    if (!ok || EVP_DigestFinal_ex(ctx, out, &n) != 1 || n != 32)
        return err_raise(ZE_BUG, "libcrypto: %s failed", name);
    return 0;
}

int sha2_256_parts(const struct span *parts, size_t count, uint8_t out[32])
{
    return digest(codec_thread_cache(CODEC_SLOT_SHA256, sha256_create, context_destroy), "SHA-256",
                  parts, count, out);
}

int sha2_256(const void *data, size_t len, uint8_t out[32])
{
    return sha2_256_parts(&(struct span){data, len}, 1, out);
}

int sha2_512_256(const void *data, size_t len, uint8_t out[32])
{
    return digest(codec_thread_cache(CODEC_SLOT_SHA512, sha512_create, context_destroy),
                  "SHA-512/256", &(struct span){data, len}, 1, out);
}
