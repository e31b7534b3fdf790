/* SPDX-License-Identifier: MIT */
/*
 * Encrypted blocks with arbitrary contents: dnode and intent log blocks are taken apart before
 * their MAC is known to be right. The first byte chooses kind, byte order and key version; what can
 * be enciphered must come back.
 */
#include <stdlib.h>
#include <string.h>

#include "disk/objtype.h"
#include "zio/crypt_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static struct blkptr made_bp(unsigned choice)
{
    static const unsigned types[] = {OBJTYPE_DNODE, OBJTYPE_INTENT_LOG, OBJTYPE_PLAIN_FILE,
                                     OBJTYPE_MASTER_NODE};
    static const uint8_t salt[8] = {1}, iv[12] = {2};
    struct blkptr bp = {.dva = {{{1, 1}}}};

    BITS_SET(bp.prop, 48, 8, types[choice & 3]);
    BITS_SET(bp.prop, 61, 1, 1);
    BITS_SET(bp.prop, 63, 1, choice >> 2);
    crypt_block_set_params(&bp, salt, iv);
    return bp;
}

static void encrypt_and_back(struct crypt_key *key, struct blkptr bp, const uint8_t *block,
                             size_t len)
{
    uint8_t *stored = malloc(len), *plain = malloc(len);

    must(stored != NULL && plain != NULL);
    if (crypt_block_encrypt(key, &bp, block, len, stored) == 0) {
        must(crypt_block_decrypt(key, &bp, stored, len, plain) == 0);
        if (crypt_block_kind(&bp) != CRYPT_BLOCK_ZIL) /* that one gets its MAC and a clean tail */
            must(memcmp(plain, block, len) == 0);
    }
    free(stored);
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_CRYPT_KEY struct crypt_key *key = NULL;
    uint8_t zero[64] = {0}, portable[32], local[32];
    uint8_t *block;
    size_t len;
    struct blkptr bp;

    if (size < 2)
        return 0;
    len = size - 1 > 65536 ? 65536 : size - 1;
    if (len >= 512)
        len &= ~(size_t)511;
    block = malloc(len);
    must(block != NULL);
    memcpy(block, data + 1, len);
    must(crypt_key_from_parts(data[0] & 8 ? 5 : 8, 1, data[0] >> 4 & 1, zero, zero, NULL, &key) ==
         0);
    bp = made_bp(data[0]);
    crypt_block_decrypt(key, &bp, block, len, block);
    memcpy(block, data + 1, len);
    encrypt_and_back(key, bp, block, len);
    crypt_indirect_verify(&bp, block, len);
    crypt_objset_mac(key, block, len < 4096 ? len : 4096, data[0] & 4, portable, local);
    crypt_objset_verify(key, block, 1024 <= len ? 1024 : len, data[0] & 4);
    free(block);
    return 0;
}
