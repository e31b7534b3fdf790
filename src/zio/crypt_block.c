/* SPDX-License-Identifier: MIT */
/*
 * Encryption and authentication of blocks: see crypt_block.h.
 *
 * Dnode and intent log blocks are enciphered in pieces: a plan lists which areas of the block make
 * up the one AEAD message and collects the bytes that are only authenticated. Every authenticated
 * byte is a byte of the block (or half as many, for block pointers), so a plan is never larger than
 * its block.
 */
#include "zio/crypt_block.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "disk/dnode.h"
#include "disk/objset.h"
#include "disk/objtype.h"

#define BAB_SIZE 32u

/* Intent log block (A13). */
#define ZIL_AUTH_LEN   144u /* authenticated start of the chain header */
#define ZIL_USED_AT    136u
#define ZIL_MAC_AT     168u
#define ZIL_RECORDS_AT 184u
#define ZIL_COMMON_LEN 32u
#define ZIL_FIXED_END  64u /* of writes and clones: enciphered from ZIL_COMMON_LEN to here */
#define ZIL_DATA_AT    192u
#define ZIL_TX_WRITE   9u
#define ZIL_TX_CLONE   24u

/* ---- block pointers ---- */

/* By its properties alone: a block that is being written has no DVA yet. */
static enum crypt_block_kind prop_kind(const struct blkptr *bp)
{
    if (bp_is_embedded(bp) || !bp_uses_crypt(bp))
        return CRYPT_BLOCK_NONE;
    if (bp_level(bp) > 0)
        return CRYPT_BLOCK_INDIRECT;
    switch (bp_type(bp)) {
    case OBJTYPE_OBJSET:
        return CRYPT_BLOCK_OBJSET;
    case OBJTYPE_DNODE:
        return CRYPT_BLOCK_DNODE;
    case OBJTYPE_INTENT_LOG:
        return CRYPT_BLOCK_ZIL;
    default:
        return objtype_is_encrypted(bp_type(bp)) ? CRYPT_BLOCK_DATA : CRYPT_BLOCK_AUTH;
    }
}

enum crypt_block_kind crypt_block_kind(const struct blkptr *bp)
{
    return bp_is_hole(bp) ? CRYPT_BLOCK_NONE : prop_kind(bp);
}

/* A word whose memory order on the bp's writer is the byte string p (A9). */
static uint64_t string_word(const struct blkptr *bp, const uint8_t *p)
{
    return bp_is_little(bp) ? load_le64(p) : load_be64(p);
}

void crypt_block_set_params(struct blkptr *bp, const uint8_t salt[CRYPT_SALT_LEN],
                            const uint8_t iv[CRYPT_IV_LEN])
{
    uint32_t tail = bp_is_little(bp) ? load_le32(iv + 8) : load_be32(iv + 8);

    bp->dva[2].word[0] = string_word(bp, salt);
    bp->dva[2].word[1] = string_word(bp, iv);
    BITS_SET(bp->fill, 32, 32, tail);
}

void crypt_block_set_mac(struct blkptr *bp, const uint8_t mac[CRYPT_MAC_LEN])
{
    bp->cksum.word[2] = string_word(bp, mac);
    bp->cksum.word[3] = string_word(bp, mac + 8);
}

void crypt_block_fold_checksum(enum checksum_id id, struct cksum *cksum)
{
    switch (id) {
    case CHECKSUM_SHA256:
    case CHECKSUM_SHA512:
    case CHECKSUM_SKEIN:
    case CHECKSUM_BLAKE3:
        break;
    default:
        cksum->word[0] ^= cksum->word[2];
        cksum->word[1] ^= cksum->word[3];
    }
    cksum->word[2] = cksum->word[3] = 0;
}

size_t crypt_bab(const struct blkptr *bp, unsigned version, uint8_t out[BAB_SIZE])
{
    uint64_t prop = bp->prop;

    memset(out, 0, BAB_SIZE);
    if (version == 0) {
        BITS_SET(prop, 16, 16, 0); /* psize */
    } else if (bp_is_hole(bp)) {
        prop = 0;
    } else if (bp_level(bp) != 0) {
        BITS_SET(prop, 63, 1, 0);  /* byte order */
        BITS_SET(prop, 32, 7, 0);  /* compression */
        BITS_SET(prop, 16, 16, 0); /* psize */
    }
    BITS_SET(prop, 62, 1, 0); /* dedup */
    BITS_SET(prop, 40, 8, 0); /* checksum type */
    store_le64(out, prop);
    if (bp_type(bp) != OBJTYPE_OBJSET)
        bp_crypt_mac(bp, out + 8);
    return version == 0 ? 24 : BAB_SIZE;
}

/* The same of a bp as it lies in a block. */
static size_t stored_bab(const uint8_t *p, bool swapped, unsigned version, uint8_t out[BAB_SIZE])
{
    struct blkptr bp;

    memcpy(&bp, p, sizeof(bp));
    if (swapped)
        bp_bswap(&bp);
    return crypt_bab(&bp, version, out);
}

/* ---- plans ---- */

struct plan_area {
    uint32_t at, len;
};

struct plan {
    uint8_t *aad, *message;
    struct plan_area *areas;
    size_t aad_len, message_len, nareas;
    void *memory; /* all of the above */
};

static void plan_free(struct plan *p)
{
    free(p->memory);
}
#define AUTO_PLAN __attribute__((cleanup(plan_free)))

/* Areas are at least 32 bytes apart, and aad and message together never exceed the block. */
static int plan_init(struct plan *p, size_t len)
{
    size_t areas = (len / 32 + 1) * sizeof(struct plan_area);

    if (len > BLOCK_MAX_SIZE)
        return err_raise(ZE_BADBP, "encrypted block of %zu bytes", len);
    p->memory = malloc(areas + 2 * len);
    if (p->memory == NULL)
        return err_raise(ZE_NOMEM, "decryption of a block of %zu bytes", len);
    p->areas = p->memory;
    p->aad = (uint8_t *)p->memory + areas;
    p->message = p->aad + len;
    return 0;
}

static void plan_auth(struct plan *p, const uint8_t *bytes, size_t len)
{
    memcpy(p->aad + p->aad_len, bytes, len);
    p->aad_len += len;
}

static void plan_cipher(struct plan *p, const uint8_t *block, size_t at, size_t len)
{
    if (len == 0)
        return;
    memcpy(p->message + p->message_len, block + at, len);
    p->message_len += len;
    p->areas[p->nareas++] = (struct plan_area){(uint32_t)at, (uint32_t)len};
}

/* The enciphered or deciphered message back into the block. */
static void plan_scatter(const struct plan *p, uint8_t *block)
{
    const uint8_t *from = p->message;

    for (size_t i = 0; i < p->nareas; i++) {
        memcpy(block + p->areas[i].at, from, p->areas[i].len);
        from += p->areas[i].len;
    }
}

/* ---- dnode blocks (A12) ---- */

/* The 64-byte core as the MACs see it: only one flag, nothing of the space accounting. */
static void masked_core(const uint8_t *dn, uint8_t core[DNODE_CORE_SIZE])
{
    memcpy(core, dn, DNODE_CORE_SIZE);
    core[offsetof(struct dnode_phys, flags)] &= DNODE_FLAG_SPILL;
    memset(core + offsetof(struct dnode_phys, used), 0, sizeof(uint64_t));
}

/* Where the bonus area of a dnode of size bytes starts and ends; ZE_BADDNODE if pointers overlap.
 */
static int bonus_bounds(const uint8_t *dn, size_t size, size_t *start, size_t *end)
{
    unsigned nblkptr = dn[offsetof(struct dnode_phys, nblkptr)];
    bool spill = dn[offsetof(struct dnode_phys, flags)] & DNODE_FLAG_SPILL;

    *start = DNODE_CORE_SIZE + nblkptr * sizeof(struct blkptr);
    *end = size - (spill ? sizeof(struct blkptr) : 0);
    if (nblkptr > DNODE_MAX_NBLKPTR || *start > *end)
        return err_raise(ZE_BADDNODE, "dnode with %u block pointers in %zu bytes", nblkptr, size);
    return 0;
}

static bool bonus_is_enciphered(const uint8_t *dn)
{
    return dn[offsetof(struct dnode_phys, type)] != OBJTYPE_NONE &&
           objtype_is_encrypted(dn[offsetof(struct dnode_phys, bonustype)]) &&
           load_ne16(dn + offsetof(struct dnode_phys, bonuslen)) != 0;
}

static void plan_bp(struct plan *p, const uint8_t *bp, bool swapped, unsigned version)
{
    uint8_t bab[BAB_SIZE];

    plan_auth(p, bab, stored_bab(bp, swapped, version, bab));
}

static int plan_dnode(struct plan *p, const uint8_t *block, size_t at, size_t size, bool swapped,
                      unsigned version)
{
    const uint8_t *dn = block + at;
    uint8_t core[DNODE_CORE_SIZE];
    size_t start = 0, end = 0;
    int err = bonus_bounds(dn, size, &start, &end);

    if (err != 0)
        return err;
    masked_core(dn, core);
    plan_auth(p, core, sizeof(core));
    for (size_t bp = DNODE_CORE_SIZE; bp < start; bp += sizeof(struct blkptr))
        plan_bp(p, dn + bp, swapped, version);
    if (end < size)
        plan_bp(p, dn + end, swapped, version);
    if (bonus_is_enciphered(dn))
        plan_cipher(p, block, at + start, end - start);
    else
        plan_auth(p, dn + start, end - start);
    return 0;
}

static int plan_dnode_block(struct plan *p, const uint8_t *block, size_t len, bool swapped,
                            unsigned version)
{
    int err;

    if (len % DNODE_SLOT_SIZE != 0)
        return err_raise(ZE_BADDNODE, "dnode block of %zu bytes", len);
    for (size_t at = 0; at < len;) {
        size_t slots = 1u + block[at + offsetof(struct dnode_phys, extra_slots)];
        size_t size = slots << DNODE_SLOT_SHIFT;
        if (size > len - at)
            return err_raise(ZE_BADDNODE, "dnode at byte %zu of its block has %zu slots", at,
                             slots);
        err = plan_dnode(p, block, at, size, swapped, version);
        if (err != 0)
            return err;
        at += size;
    }
    return 0;
}

/* ---- intent log blocks (A13) ---- */

static uint64_t block_word(const uint8_t *p, bool swapped)
{
    uint64_t v = load_ne64(p);

    return swapped ? __builtin_bswap64(v) : v;
}

static int plan_zil_record(struct plan *p, const uint8_t *block, size_t at, size_t len,
                           uint64_t type)
{
    plan_auth(p, block + at, ZIL_COMMON_LEN);
    if (type == ZIL_TX_WRITE) {
        if (len < ZIL_DATA_AT)
            return err_raise(ZE_BADZIL, "write record of %zu bytes at byte %zu", len, at);
        plan_cipher(p, block, at + ZIL_COMMON_LEN, ZIL_FIXED_END - ZIL_COMMON_LEN);
        plan_auth(p, block + at + ZIL_FIXED_END, ZIL_DATA_AT - ZIL_FIXED_END);
        plan_cipher(p, block, at + ZIL_DATA_AT, len - ZIL_DATA_AT);
    } else if (type == ZIL_TX_CLONE) {
        if (len < ZIL_FIXED_END)
            return err_raise(ZE_BADZIL, "clone record of %zu bytes at byte %zu", len, at);
        plan_cipher(p, block, at + ZIL_COMMON_LEN, ZIL_FIXED_END - ZIL_COMMON_LEN);
        plan_auth(p, block + at + ZIL_FIXED_END, len - ZIL_FIXED_END);
    } else {
        plan_cipher(p, block, at + ZIL_COMMON_LEN, len - ZIL_COMMON_LEN);
    }
    return 0;
}

static int plan_zil_block(struct plan *p, const uint8_t *block, size_t len, bool swapped)
{
    uint64_t used;
    int err;

    if (len < ZIL_RECORDS_AT)
        return err_raise(ZE_BADZIL, "log block of %zu bytes", len);
    used = block_word(block + ZIL_USED_AT, swapped);
    if (used < ZIL_RECORDS_AT || used > len)
        return err_raise(ZE_BADZIL, "log block of %zu bytes uses %llu", len,
                         (unsigned long long)used);
    plan_auth(p, block, ZIL_AUTH_LEN);
    for (size_t at = ZIL_RECORDS_AT; at < used;) {
        uint64_t size;
        if (used - at < ZIL_COMMON_LEN)
            return err_raise(ZE_BADZIL, "log record at byte %zu is cut off", at);
        size = block_word(block + at + 8, swapped);
        if (size < ZIL_COMMON_LEN || size > used - at)
            return err_raise(ZE_BADZIL, "log record at byte %zu has %llu bytes", at,
                             (unsigned long long)size);
        err = plan_zil_record(p, block, at, (size_t)size, block_word(block + at, swapped));
        if (err != 0)
            return err;
        at += size;
    }
    return 0;
}

/* ---- indirect and authenticated blocks ---- */

int crypt_indirect_mac(const void *block, size_t len, bool swapped, unsigned version,
                       uint8_t mac[CRYPT_MAC_LEN])
{
    AUTO_FREE uint8_t *babs = NULL;
    uint8_t digest[64];
    size_t n = len / sizeof(struct blkptr), at = 0;
    int err;

    if (n == 0 || len % sizeof(struct blkptr) != 0 || len > BLOCK_MAX_SIZE)
        return err_raise(ZE_BADBP, "indirect block of %zu bytes", len);
    babs = malloc(n * BAB_SIZE);
    if (babs == NULL)
        return err_raise(ZE_NOMEM, "MACs of an indirect block");
    for (size_t i = 0; i < n; i++) {
        uint8_t bab[BAB_SIZE];
        size_t size =
            stored_bab((const uint8_t *)block + i * sizeof(struct blkptr), swapped, version, bab);
        memcpy(babs + at, bab, size);
        at += size;
    }
    err = crypt_sha512(babs, at, digest);
    if (err == 0)
        memcpy(mac, digest, CRYPT_MAC_LEN);
    return err;
}

int crypt_indirect_verify(const struct blkptr *bp, const void *block, size_t len)
{
    uint8_t expect[CRYPT_MAC_LEN], mac[CRYPT_MAC_LEN];

    bp_crypt_mac(bp, expect);
    /* Pools of the first development version masked differently; nothing says which one wrote it.
     */
    for (unsigned version = 2; version-- > 0;) {
        int err = crypt_indirect_mac(block, len, bp_is_swapped(bp), version, mac);
        if (err != 0)
            return err;
        if (crypt_equal(mac, expect, sizeof(mac)))
            return 0;
    }
    return err_raise(ZE_AUTH, "indirect block: MAC of its block pointers does not match");
}

int crypt_auth_mac(struct crypt_key *key, const void *stored, size_t len,
                   uint8_t mac[CRYPT_MAC_LEN])
{
    struct crypt_piece piece = {stored, len};
    uint8_t digest[64];
    int err = crypt_hmac(key, &piece, 1, digest);

    if (err == 0)
        memcpy(mac, digest, CRYPT_MAC_LEN);
    return err;
}

static int auth_verify(struct crypt_key *key, const struct blkptr *bp, const void *stored,
                       size_t len)
{
    uint8_t expect[CRYPT_MAC_LEN], mac[CRYPT_MAC_LEN];
    int err = crypt_auth_mac(key, stored, len, mac);

    if (err != 0)
        return err;
    bp_crypt_mac(bp, expect);
    if (!crypt_equal(mac, expect, sizeof(mac)))
        return err_raise(ZE_AUTH, "MAC of an authenticated block does not match");
    return 0;
}

/* ---- object sets (A16) ---- */

/* What the MACs cover of one dnode: core and three bps and a spill bp at most. */
#define OBJSET_DNODE_MAX (DNODE_CORE_SIZE + (DNODE_MAX_NBLKPTR + 1) * BAB_SIZE)

struct objset_mac_input {
    uint8_t bytes[8 + 8 + 3 * OBJSET_DNODE_MAX];
    size_t len;
};

static void swap_bytes(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t t = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = t;
    }
}

/* Always little-endian, whatever the block's order: so it is the block's order that decides, not
 * ours. */
static int objset_add_dnode(struct objset_mac_input *in, const uint8_t *dn, bool swapped,
                            unsigned version)
{
    uint8_t *core = in->bytes + in->len;
    size_t start = 0, end = 0;
    int err = bonus_bounds(dn, DNODE_SLOT_SIZE, &start, &end);

    if (err != 0)
        return err;
    masked_core(dn, core);
    if (swapped == HOST_IS_LITTLE) {
        swap_bytes(core + offsetof(struct dnode_phys, datablkszsec), 2);
        swap_bytes(core + offsetof(struct dnode_phys, bonuslen), 2);
        swap_bytes(core + offsetof(struct dnode_phys, maxblkid), 8);
    }
    in->len += DNODE_CORE_SIZE;
    for (size_t bp = DNODE_CORE_SIZE; bp < start; bp += sizeof(struct blkptr))
        in->len += stored_bab(dn + bp, swapped, version, in->bytes + in->len);
    if (end < DNODE_SLOT_SIZE)
        in->len += stored_bab(dn + end, swapped, version, in->bytes + in->len);
    return 0;
}

static int objset_hmac(struct crypt_key *key, const struct objset_mac_input *in,
                       uint8_t mac[CRYPT_OBJSET_MAC_LEN])
{
    struct crypt_piece piece = {in->bytes, in->len};
    uint8_t digest[64];
    int err = crypt_hmac(key, &piece, 1, digest);

    if (err == 0)
        memcpy(mac, digest, CRYPT_OBJSET_MAC_LEN);
    return err;
}

static int objset_portable_mac(struct crypt_key *key, const uint8_t *os, bool swapped,
                               uint8_t mac[CRYPT_OBJSET_MAC_LEN])
{
    struct objset_mac_input in = {.len = 16};
    uint64_t flags = block_word(os + offsetof(struct objset_phys, flags), swapped);
    int err;

    /* The type, and only the type, goes in big-endian. */
    store_be64(in.bytes, block_word(os + offsetof(struct objset_phys, type), swapped));
    store_le64(in.bytes + 8, flags & OBJSET_FLAGS_PORTABLE);
    err = objset_add_dnode(&in, os + offsetof(struct objset_phys, meta_dnode), swapped,
                           (unsigned)crypt_key_version(key));
    return err != 0 ? err : objset_hmac(key, &in, mac);
}

static int objset_local_mac(struct crypt_key *key, const uint8_t *os, size_t len, bool swapped,
                            uint8_t mac[CRYPT_OBJSET_MAC_LEN])
{
    static const size_t dnodes[] = {offsetof(struct objset_phys, userused_dnode),
                                    offsetof(struct objset_phys, groupused_dnode),
                                    offsetof(struct objset_phys, projectused_dnode)};
    uint64_t flags = block_word(os + offsetof(struct objset_phys, flags), swapped);
    struct objset_mac_input in = {.len = 8};
    int err;

    memset(mac, 0, CRYPT_OBJSET_MAC_LEN);
    if (!(flags & OBJSET_FLAG_USERACCOUNTING) || len == OBJSET_SIZE_V1 ||
        (os[dnodes[0]] == OBJTYPE_NONE && os[dnodes[1]] == OBJTYPE_NONE))
        return 0;
    store_le64(in.bytes, flags);
    for (unsigned i = 0; i < array_len(dnodes); i++) {
        if (dnodes[i] >= len || os[dnodes[i]] == OBJTYPE_NONE)
            continue;
        err = objset_add_dnode(&in, os + dnodes[i], swapped, (unsigned)crypt_key_version(key));
        if (err != 0)
            return err;
    }
    return objset_hmac(key, &in, mac);
}

int crypt_objset_mac(struct crypt_key *key, const void *block, size_t len, bool swapped,
                     uint8_t portable[CRYPT_OBJSET_MAC_LEN], uint8_t local[CRYPT_OBJSET_MAC_LEN])
{
    int err;

    if (!objset_phys_size_ok(len))
        return err_raise(ZE_BADOBJSET, "objset block of %zu bytes", len);
    err = objset_portable_mac(key, block, swapped, portable);
    return err != 0 ? err : objset_local_mac(key, block, len, swapped, local);
}

int crypt_objset_verify(struct crypt_key *key, const void *block, size_t len, bool swapped)
{
    static const uint8_t zero[CRYPT_OBJSET_MAC_LEN];
    uint8_t portable[CRYPT_OBJSET_MAC_LEN], local[CRYPT_OBJSET_MAC_LEN];
    const uint8_t *os = block;
    int err = crypt_objset_mac(key, block, len, swapped, portable, local);

    if (err != 0)
        return err;
    if (!crypt_equal(portable, os + offsetof(struct objset_phys, portable_mac), sizeof(portable)))
        return err_raise(ZE_AUTH, "portable MAC of the objset does not match");
    if (memcmp(local, zero, sizeof(local)) != 0 &&
        !crypt_equal(local, os + offsetof(struct objset_phys, local_mac), sizeof(local)))
        return err_raise(ZE_AUTH, "local MAC of the objset does not match");
    return 0;
}

/* ---- whole blocks ---- */

static int make_plan(struct plan *p, struct crypt_key *key, const struct blkptr *bp,
                     const void *block, size_t len)
{
    int err = plan_init(p, len);

    if (err != 0)
        return err;
    if (prop_kind(bp) == CRYPT_BLOCK_ZIL)
        return plan_zil_block(p, block, len, bp_is_swapped(bp));
    return plan_dnode_block(p, block, len, bp_is_swapped(bp), (unsigned)crypt_key_version(key));
}

static void copy_block(void *to, const void *from, size_t len)
{
    if (to != from)
        memcpy(to, from, len);
}

static int planned_decrypt(struct crypt_key *key, const struct blkptr *bp, const void *stored,
                           size_t len, void *plain)
{
    AUTO_PLAN struct plan p = {0};
    uint8_t salt[CRYPT_SALT_LEN], iv[CRYPT_IV_LEN], mac[CRYPT_MAC_LEN];
    int err = make_plan(&p, key, bp, stored, len);

    if (err != 0)
        return err;
    bp_crypt_params(bp, salt, iv);
    if (prop_kind(bp) == CRYPT_BLOCK_ZIL)
        memcpy(mac, (const uint8_t *)stored + ZIL_MAC_AT, sizeof(mac));
    else
        bp_crypt_mac(bp, mac);
    err = crypt_open(key, salt, iv, p.aad, p.aad_len, p.message, p.message_len, p.message, mac);
    if (err != 0)
        return err;
    copy_block(plain, stored, len);
    plan_scatter(&p, plain);
    return 0;
}

static int planned_encrypt(struct crypt_key *key, struct blkptr *bp, const void *plain, size_t len,
                           void *stored)
{
    AUTO_PLAN struct plan p = {0};
    uint8_t salt[CRYPT_SALT_LEN], iv[CRYPT_IV_LEN], mac[CRYPT_MAC_LEN];
    int err = make_plan(&p, key, bp, plain, len);

    if (err != 0)
        return err;
    bp_crypt_params(bp, salt, iv);
    err = crypt_seal(key, salt, iv, p.aad, p.aad_len, p.message, p.message_len, p.message, mac);
    if (err != 0)
        return err;
    copy_block(stored, plain, len);
    plan_scatter(&p, stored);
    if (prop_kind(bp) != CRYPT_BLOCK_ZIL) {
        crypt_block_set_mac(bp, mac);
        return 0;
    }
    size_t used = block_word((const uint8_t *)plain + ZIL_USED_AT, bp_is_swapped(bp));
    memset((uint8_t *)stored + used, 0, len - used);
    memcpy((uint8_t *)stored + ZIL_MAC_AT, mac, sizeof(mac));
    return 0;
}

int crypt_block_decrypt(struct crypt_key *key, const struct blkptr *bp, const void *stored,
                        size_t len, void *plain)
{
    uint8_t salt[CRYPT_SALT_LEN], iv[CRYPT_IV_LEN], mac[CRYPT_MAC_LEN];
    int err = 0;

    switch (prop_kind(bp)) {
    case CRYPT_BLOCK_DATA:
        bp_crypt_params(bp, salt, iv);
        bp_crypt_mac(bp, mac);
        return crypt_open(key, salt, iv, NULL, 0, stored, len, plain, mac);
    case CRYPT_BLOCK_DNODE:
    case CRYPT_BLOCK_ZIL:
        return planned_decrypt(key, bp, stored, len, plain);
    case CRYPT_BLOCK_AUTH:
        err = auth_verify(key, bp, stored, len);
        break;
    default:
        break;
    }
    if (err == 0)
        copy_block(plain, stored, len);
    return err;
}

static int objset_protect(struct crypt_key *key, const struct blkptr *bp, const void *plain,
                          size_t len, uint8_t *stored)
{
    uint8_t portable[CRYPT_OBJSET_MAC_LEN], local[CRYPT_OBJSET_MAC_LEN];
    int err = crypt_objset_mac(key, plain, len, bp_is_swapped(bp), portable, local);

    if (err != 0)
        return err;
    copy_block(stored, plain, len);
    memcpy(stored + offsetof(struct objset_phys, portable_mac), portable, sizeof(portable));
    memcpy(stored + offsetof(struct objset_phys, local_mac), local, sizeof(local));
    return 0;
}

int crypt_block_encrypt(struct crypt_key *key, struct blkptr *bp, const void *plain, size_t len,
                        void *stored)
{
    uint8_t salt[CRYPT_SALT_LEN], iv[CRYPT_IV_LEN], mac[CRYPT_MAC_LEN];
    enum crypt_block_kind kind = prop_kind(bp);
    int err;

    switch (kind) {
    case CRYPT_BLOCK_DNODE:
    case CRYPT_BLOCK_ZIL:
        return planned_encrypt(key, bp, plain, len, stored);
    case CRYPT_BLOCK_OBJSET:
        return objset_protect(key, bp, plain, len, stored);
    case CRYPT_BLOCK_NONE:
        copy_block(stored, plain, len);
        return 0;
    case CRYPT_BLOCK_DATA:
        bp_crypt_params(bp, salt, iv);
        err = crypt_seal(key, salt, iv, NULL, 0, plain, len, stored, mac);
        break;
    case CRYPT_BLOCK_INDIRECT:
        err = crypt_indirect_mac(plain, len, bp_is_swapped(bp), (unsigned)crypt_key_version(key),
                                 mac);
        copy_block(stored, plain, len);
        break;
    default:
        err = crypt_auth_mac(key, plain, len, mac);
        copy_block(stored, plain, len);
    }
    if (err == 0)
        crypt_block_set_mac(bp, mac);
    return err;
}
