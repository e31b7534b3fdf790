/* SPDX-License-Identifier: MIT */
/*
 * Dataset keys of one pool (format/crypto-dedup.md, Part A): DSL crypto key objects, wrapping keys
 * by encryption root, unwrapped keys by key object, and the seam through which zio asks for the key
 * of a dataset's blocks.
 *
 * A dataset is attached while its objset is open: from then on zio finds its key object, and its
 * key once the wrapping key of its encryption root is loaded, before or after. zio asks from
 * completion threads with other locks held, so that path reads nothing and takes only a leaf lock;
 * all reading of the MOS is done by attach and load.
 *
 * Callers: dsl_pool (life), dsl_dataset (attach, verify), dsl_prop (status), service/ (load,
 * unload), stream/ (key objects). Locks: DSL_KEYS. Errors: ZE_NOKEY (not loaded), ZE_WRONGKEY,
 * ZE_KEYLOADED, ZE_BUSY (unload while in use), ZE_NOTENCROOT, ZE_NOTENCRYPTED, ZE_BADDSL (key
 * object), ZE_AUTH (objset MACs), ZE_NOTSUP (suite, version).
 */
#ifndef ZUSE_DSL_CRYPT_KEYS_H
#define ZUSE_DSL_CRYPT_KEYS_H

#include "codec/crypt.h"
#include "dsl/dsl.h"

struct dsl_keystore;

/* A DSL crypto key object (A4). */
struct dsl_key_info {
    struct crypt_wrapped wrapped;
    uint64_t root_dir;    /* directory object of the encryption root */
    uint64_t refcount;    /* directories that use this object */
    uint64_t keyformat;   /* enum crypt_keyformat: raw, hex, passphrase */
    uint64_t salt, iters; /* of PBKDF2; 0 unless passphrase */
};
/* Read and check one. ZE_BADDSL says which entry is bad. */
int dsl_key_info_read(struct objset *mos, uint64_t key_obj, struct dsl_key_info *out);
/* The key object of a dataset's directory; ZE_NOTENCRYPTED. */
int dsl_dataset_key_info(struct dsl_dataset *ds, struct dsl_key_info *out);
/*
 * Identity of an encrypted snapshot's exact set of salts, IVs and MACs (A6), which raw incremental
 * streams depend on. ZE_NOENT: snapshots older than the feature have none.
 */
int dsl_dataset_ivset_guid(struct dsl_dataset *snap, uint64_t *guid);

int dsl_keystore_create(struct dsl_pool *dp, struct dsl_keystore **out);
void dsl_keystore_destroy(struct dsl_keystore *ks); /* wipes everything */
struct zio_keystore *dsl_keystore_seam(struct dsl_keystore *ks);
/* Is the wrapping key of this key object's encryption root loaded? */
bool dsl_keystore_is_loaded(struct dsl_keystore *ks, uint64_t key_obj);

/* Blocks of dataset dsobj use key object key_obj from now on; counted. */
int dsl_keystore_attach(struct dsl_keystore *ks, uint64_t dsobj, uint64_t key_obj);
void dsl_keystore_detach(struct dsl_keystore *ks, uint64_t dsobj);
/*
 * Check the MACs in an attached dataset's root block (A16). *verified stays false, with 0 returned,
 * while the key is not loaded.
 */
int dsl_keystore_verify(struct dsl_keystore *ks, uint64_t dsobj, const struct blkptr *root,
                        bool *verified);

/*
 * Turn what a user typed or a key file held into the 32-byte wrapping key of an encryption root:
 * keyformat 1 raw, 2 hex, 3 passphrase (PBKDF2 with salt and iters). ZE_WRONGKEY with the reason
 * for malformed input.
 */
int dsl_key_derive(uint64_t keyformat, uint64_t salt, uint64_t iters, const uint8_t *input,
                   size_t len, uint8_t wrapping[32]);

#endif
