/* SPDX-License-Identifier: MIT */
/*
 * Encryption and authentication of blocks (format/crypto-dedup.md, A9-A16): data, dnode and intent
 * log blocks, authenticated-only blocks, the MAC of MACs of indirect blocks, the MACs of an objset
 * block.
 *
 * Called by the zio pipeline (read: after the checksum, before decompression; indirect and objset
 * blocks: after decompression, before byte swapping) and by dmu/ when an object set is owned for
 * decryption. Blocks are always bytes in the writer's order; block pointers that are arguments are
 * in host order. Pure functions over their arguments plus the key's cache: thread-safe. Errors:
 * ZE_AUTH (MAC mismatch: surfaces as EIO plus an error report), ZE_BADBP, ZE_BADDNODE, ZE_BADZIL,
 * ZE_BADOBJSET (structure makes no sense), ZE_NOMEM.
 */
#ifndef ZUSE_ZIO_CRYPT_BLOCK_H
#define ZUSE_ZIO_CRYPT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/crypt.h"
#include "disk/blkptr.h"

/* What a block of a dataset that has a key needs. */
enum crypt_block_kind {
    CRYPT_BLOCK_NONE,     /* no crypt bit, hole or embedded: nothing to do */
    CRYPT_BLOCK_DATA,     /* whole block enciphered */
    CRYPT_BLOCK_DNODE,    /* bonus areas enciphered */
    CRYPT_BLOCK_ZIL,      /* record bodies enciphered, MAC in the block's trailer */
    CRYPT_BLOCK_AUTH,     /* plain with HMAC */
    CRYPT_BLOCK_INDIRECT, /* plain with MAC of MACs, verifiable without a key */
    CRYPT_BLOCK_OBJSET,   /* plain, MACs inside */
};
enum crypt_block_kind crypt_block_kind(const struct blkptr *bp);

/*
 * stored[0..len) (len = psize) to plain[0..len), which may be the same memory: decrypts and
 * authenticates DATA, DNODE and ZIL blocks, authenticates AUTH blocks, copies the other kinds. On
 * failure the contents of plain are undefined.
 */
int crypt_block_decrypt(struct crypt_key *key, const struct blkptr *bp, const void *stored,
                        size_t len, void *plain);
/*
 * The reverse. bp must have prop (type, level, crypt bit, byte order = host's) and, for enciphered
 * kinds, salt and IV (crypt_block_set_params) set; the MAC is written into bp (ZIL: into the
 * trailer of stored). OBJSET: computes both MACs into stored. INDIRECT: give the uncompressed image
 * as plain; stored gets a copy.
 */
int crypt_block_encrypt(struct crypt_key *key, struct blkptr *bp, const void *plain, size_t len,
                        void *stored);

/* Keyless check of an indirect block's uncompressed bytes against words 2 and 3 of its bp (A14). */
int crypt_indirect_verify(const struct blkptr *bp, const void *block, size_t len);
/* MAC of MACs of an indirect block; swapped: its byte order is not the host's; version: key object
 * version (0, 1). */
int crypt_indirect_mac(const void *block, size_t len, bool swapped, unsigned version,
                       uint8_t mac[CRYPT_MAC_LEN]);

/* MAC of an authenticated-only block's stored bytes (A15). */
int crypt_auth_mac(struct crypt_key *key, const void *stored, size_t len,
                   uint8_t mac[CRYPT_MAC_LEN]);

/* Both MACs of an objset block of 1024, 2048 or 4096 bytes (A16). */
int crypt_objset_mac(struct crypt_key *key, const void *block, size_t len, bool swapped,
                     uint8_t portable[CRYPT_OBJSET_MAC_LEN], uint8_t local[CRYPT_OBJSET_MAC_LEN]);
/* ZE_AUTH unless both MACs stored in the block are right (a computed zero local MAC accepts any).
 */
int crypt_objset_verify(struct crypt_key *key, const void *block, size_t len, bool swapped);

/* Encode salt and IV, resp. MAC, into a bp whose prop is set (A9); reading them: bp_crypt_params(),
 * bp_crypt_mac(). */
void crypt_block_set_params(struct blkptr *bp, const uint8_t salt[CRYPT_SALT_LEN],
                            const uint8_t iv[CRYPT_IV_LEN]);
void crypt_block_set_mac(struct blkptr *bp, const uint8_t mac[CRYPT_MAC_LEN]);

/* Stored truncated checksum of a protected bp (A17) from the full one of the stored bytes; not for
 * objsets. */
void crypt_block_fold_checksum(enum checksum_id id, struct cksum *cksum);

/* BP authentication buffer (A11) of one bp in host order; returns its length, 32 or (version 0) 24.
 */
size_t crypt_bab(const struct blkptr *bp, unsigned version, uint8_t out[32]);

#endif
