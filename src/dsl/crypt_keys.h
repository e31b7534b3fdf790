/* SPDX-License-Identifier: MIT */
/*
 * Dataset keys of one pool (format/crypto-dedup.md, Part A): wrapping keys by encryption root, unwrapped master keys
 * by key object, and the seam through which zio asks for the key of a dataset's blocks.
 *
 * Callers: dsl_pool (life), dsl_prop (status), service/ (load, unload). Locks: DSL_KEYS.
 * Errors: ZE_NOKEY (not loaded), ZE_WRONGKEY, ZE_KEYLOADED, ZE_BUSY (unload while in use), ZE_NOTENCROOT, ZE_NOTENCRYPTED.
 */
#ifndef ZUSE_DSL_CRYPT_KEYS_H
#define ZUSE_DSL_CRYPT_KEYS_H

#include "dsl/dsl.h"

struct dsl_keystore;

int dsl_keystore_create(struct dsl_pool *dp, struct dsl_keystore **out);
void dsl_keystore_destroy(struct dsl_keystore *ks); /* wipes everything */
struct zio_keystore *dsl_keystore_seam(struct dsl_keystore *ks);
/* Is the wrapping key of this key object's encryption root loaded? */
bool dsl_keystore_is_loaded(struct dsl_keystore *ks, uint64_t key_obj);
/*
 * Turn what a user typed or a key file held into the 32-byte wrapping key of an encryption root: keyformat 1 raw,
 * 2 hex, 3 passphrase (PBKDF2 with salt and iters). ZE_WRONGKEY with the reason for malformed input.
 */
int dsl_key_derive(uint64_t keyformat, uint64_t salt, uint64_t iters, const uint8_t *input, size_t len,
                   uint8_t wrapping[32]);

#endif
