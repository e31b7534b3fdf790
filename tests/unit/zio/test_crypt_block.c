/* SPDX-License-Identifier: MIT */
/*
 * Block encryption against the vectors of format/crypto-dedup.md part G (G4-G9, G11). G6 and G9 are
 * given there with a bare block key; their message and AAD were enciphered again, by another
 * implementation that reproduces the chapter's tags, under the block key that KEY_BYTES derives.
 * The big-endian cases were computed the same way.
 */
#include "../hex.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "base/err.h"
#include "disk/objset.h"
#include "zio/crypt_block.h"

#define BP_G4                                                                                      \
    "01000000000000006a0100000000000000000000000000000000000000000000b3a68f7ab36b014b"             \
    "93d42b6882e8e8d0010000000f071aa0000000000000000000000000000000000000000000000000"             \
    "0900000000000000010000003a323bc492f3c40c06770200a301ceae9cf14f004ee2a791ff5152f7"             \
    "718a164beadf3053"

#define CIPHER_G4                                                                                  \
    "5c017603937daf451b01c60581a9ae1412125f95fbe9ac5ef2be5db74c768c11268aea998989c046"             \
    "0e15907a4ec4d65ec2a45a002a3e3ff167d538d4ed38e01b705273cc0a18badb2e66902530b41d2c"             \
    "1761118d7ce2b7d0edbc5d3f5b77bd975f1dc4b6cc9f7512a59e1cc32add82fb015ba8c32d3dadf4"             \
    "d3916d3d17d6f02121ceeddc6970498794504553ba20d4ae32e0b5f03756358189b4e4b5d4df2437"             \
    "591b2dfd13e67678a3ca3ed958f864e83c095c3cac86e00ba75d44cf6a36e3e32e56ae8b60f78830"             \
    "2067210fafd5098998cc6e327afc46ed01c9f019e303a7477a73df9afde2b9337731ed12e696a20e"             \
    "f7c8e60f9a40e77774cfa34869ec560f9afa597486e9dc00811b0cf4d13eb289c30df75e83143c46"             \
    "d5851d048b8f7d2c1e62a25a4664d102d01c17edd725be39bf8f3a483f7a731c7d4bc7a341869bb1"             \
    "5c7e4d3f5987a95d5ca6a099f64762a681b26d5620205fc2a7ab048771b07918c56d83541b88a6e0"             \
    "8d8f06cf72ff25ff8a076f553daf3cfe8f7e3d0a4b93dcef5e93892e30f7e89d8c6c5470ec90a2b2"             \
    "6e0b2522d528dd4d8cf45a199a606031de4723564765d07ba85ba26b6cc38573267a47547673894c"             \
    "889272b35edaee026a01d2baee61114cb4a021e1374d11aab0aeb86df8837057b8f5560baeb10e9a"             \
    "42ab0a323ba6b6cb5b5abe415236943a251fd4df392e685d8cf151af8d0369da"

#define ZIL_G9                                                                                     \
    "000000000000000008000000000000003d0900000000000000000000000000000000000000000000"             \
    "a72e434af7f4ee468a7edb920f3d832607000700020909a000000000000000000000000000000000"             \
    "0000000000000000160000000000000000000000f3a7f0c234f1fe16b2fda5c5220948f13fff799b"             \
    "4e000000000000000300000000000000b003000000000000117a0cb17ada10028082651f52460502"             \
    "d0973a4be36eea57ba8790d400f7e90ca129fae0e950d4020900000000000000c002000000000000"             \
    "1600000000000000010000000000000074a9cefbb768328bf064f6ce1494bf5deffb3da4f14bce5d"             \
    "e3652698b34618a70f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"             \
    "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"             \
    "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"             \
    "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f3324d142310f90e1bfcf17f706bd2064c73182dc94225f2f"             \
    "971acb8ae0f8674dda032d056b58597fcba78ec2550feb41912dd458fd2808eabe4a06e17fa8d56e"             \
    "576b0c98e0f3d6793c1410a4ba0e5815279073b068f6b08b0fc97551c1506f619155c1ad1861edc9"             \
    "f52c7a3af0881348f260401f742ce972a1d54b4d686f74d8fda0833ccaddfad499fb3c6ba18430ec"             \
    "2dc5be9ec1484ffb819969e5ad425548350c4479a1b6dffe547043089c3b9177a6550f0cb3ac490a"             \
    "8f128e92c4fee5904b09c152f7984ac4247196b72c344d53f6d985a50da19f4b871b3ec2180580d7"             \
    "d4edad83b70822393b3774e4e1e07c07af9eb1d892163df404ecb1f897d86c2f7a61c4129bdc2abb"             \
    "7805f9cf3ed20af485475ab4312d53990d5186a3c91c156f9875e3c3fdef4b121d81eb1e4a2843ef"             \
    "618b546bfabfc6abc98954287ce662da1cabd4ca059057e9b7464e01c68ae71544f5794f5a2ece60"             \
    "ffab71990d85ca71dc8171eee4e673615b19b7889d117c2dfe55f7e43e1a52685bec4bff62a1dc8c"             \
    "6fa4924ad7109bb9a1cf2ac1ac4515895d40e0b52b53c24e012775963f4d16f28502190152682ace"             \
    "98f6d18dbec5215abe9c5fc6702bb8390e8c3ea1e584ea9bca12cab22a54d405f2bdfbe7d5dff8ec"             \
    "3a222307c43989e433515134719216ce76d524b086260a66c7aa27d8fbe5c578954adc87315b326c"             \
    "c55e6c4bde7ede6e0a00000000000000380000000000000016000000000000000200000000000000"             \
    "0816c8a3a4d67a8a2be03710ef4335666d4a2dd689316eb400000000000000000000000000000000"

static struct crypt_key *key_g3(void)
{
    struct crypt_key *key = NULL;
    uint8_t master[32], hmac[64];

    hex_bytes("a04d2e11773b0db0453fd77c21d04dfc2dacd4b1362f1948f221939ffd295de3", master, 32);
    hex_bytes("a9f4a91d757a5c1081a0f4315e1cb63f1c9304aa61f40cdeec8d78b95be88a5d"
              "b3d0a383d61a71b1aa9a9cd94a93911cf142f7289800a9f8a0078a643c4b7c67",
              hmac, 64);
    assert_int_equal(crypt_key_from_parts(8, 1, 1, master, hmac, NULL, &key), 0);
    return key;
}

/* Master key 00..1f; with salt 00..07 the block key is the one of G2. */
static struct crypt_key *key_counting(uint64_t suite)
{
    struct crypt_key *key = NULL;
    uint8_t master[32], hmac[64] = {0};

    for (int i = 0; i < 32; i++)
        master[i] = (uint8_t)i;
    assert_int_equal(crypt_key_from_parts(suite, 1, 1, master, hmac, NULL, &key), 0);
    return key;
}

static void assert_sha256(const void *data, size_t len, const char *expect)
{
    uint8_t digest[32];

    SHA256(data, len, digest);
    assert_hex(digest, 32, expect);
}

/* A block pointer as a little-endian writer stores it, in host order. */
static struct blkptr bp_stored_little(const char *hex)
{
    uint8_t bytes[128];
    struct blkptr bp;

    assert_int_equal(hex_bytes(hex, bytes, sizeof(bytes)), 128);
    memcpy(&bp, bytes, sizeof(bp));
    if (!HOST_IS_LITTLE)
        bp_bswap(&bp);
    return bp;
}

static struct blkptr bp_dnode_or_zil(unsigned type, bool little, const uint8_t *salt,
                                     const uint8_t *iv)
{
    struct blkptr bp = {.dva = {{{1, 2}}}, .birth = 3, .fill = 6};

    BITS_SET(bp.prop, 48, 8, type);
    BITS_SET(bp.prop, 61, 1, 1);
    BITS_SET(bp.prop, 63, 1, little);
    crypt_block_set_params(&bp, salt, iv);
    return bp;
}

static const uint8_t SALT[8] = {0, 1, 2, 3, 4, 5, 6, 7};
static const uint8_t IV[12] = {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27};

static void params_in_block_pointers_of_both_orders(void **state)
{
    struct blkptr bp = bp_stored_little(BP_G4);
    uint8_t salt[8], iv[12], mac[16];

    bp_crypt_params(&bp, salt, iv);
    bp_crypt_mac(&bp, mac);
    assert_hex(salt, 8, "b3a68f7ab36b014b");
    assert_hex(iv, 12, "93d42b6882e8e8d03a323bc4");
    assert_hex(mac, 16, "4ee2a791ff5152f7718a164beadf3053");
    assert_int_equal(bp_fill(&bp), 1);
    for (int little = 0; little < 2; little++) {
        struct blkptr made = bp_dnode_or_zil(OBJTYPE_DNODE, little, salt, iv);
        uint8_t s2[8], i2[12], m2[16];
        crypt_block_set_mac(&made, mac);
        bp_crypt_params(&made, s2, i2);
        bp_crypt_mac(&made, m2);
        assert_memory_equal(salt, s2, 8);
        assert_memory_equal(iv, i2, 12);
        assert_memory_equal(mac, m2, 16);
        assert_int_equal(bp_fill(&made), 6);
    }
}

static void data_block(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_g3();
    struct blkptr bp = bp_stored_little(BP_G4), again = bp;
    uint8_t cipher[512], plain[512], expect[512] = {0};

    hex_bytes(CIPHER_G4, cipher, sizeof(cipher));
    hex_bytes("0000000f2f017a0100ffffffe9507a7a7a7a7a", expect, sizeof(expect));
    assert_int_equal(crypt_block_kind(&bp), CRYPT_BLOCK_DATA);
    assert_int_equal(crypt_block_decrypt(key, &bp, cipher, 512, plain), 0);
    assert_memory_equal(plain, expect, 512);
    memset(&again.cksum, 0, sizeof(again.cksum));
    again.dva[0] = (struct dva){{0, 0}}; /* not allocated yet when it is enciphered */
    assert_int_equal(crypt_block_encrypt(key, &again, plain, 512, plain), 0);
    assert_memory_equal(plain, cipher, 512);
    assert_int_equal(again.cksum.word[2], bp.cksum.word[2]);
    assert_int_equal(again.cksum.word[3], bp.cksum.word[3]);
    cipher[511] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, cipher, 512, plain), ZE_AUTH);
}

static void checksum_folding(void **state)
{
    struct cksum c = {{0x3a05da29b4, 0xe92f5d4ef74, 0x2773c091eda26, 0x4fff0e5b1aeed7}}, d = c;

    crypt_block_fold_checksum(CHECKSUM_FLETCHER_4, &c);
    assert_int_equal(c.word[0], 0x277060cc4f392);
    assert_int_equal(c.word[1], 0x4ff19caece01a3);
    assert_int_equal(c.word[2] | c.word[3], 0);
    crypt_block_fold_checksum(CHECKSUM_BLAKE3, &d);
    assert_int_equal(d.word[0], 0x3a05da29b4);
    /* G7, a gang header */
    c = (struct cksum){
        {0xdf208e4c07cf99de, 0xed01f5037568255a, 0x07f4adf002d23dc7, 0x653ea5d8e6132522}};
    crypt_block_fold_checksum(CHECKSUM_GANG_HEADER, &c);
    assert_int_equal(c.word[0], 0xd8d423bc051da419);
    assert_int_equal(c.word[1], 0x883f50db937b0078);
}

/* A bp in a block: prop word, MAC string, non-hole unless dva is 0. */
static void put_bp(uint8_t *at, uint64_t prop, const char *mac, uint64_t dva)
{
    struct blkptr bp = {.dva = {{{dva, dva}}}, .prop = prop};
    uint8_t bytes[16] = {0};

    hex_bytes(mac, bytes, sizeof(bytes));
    crypt_block_set_mac(&bp, bytes);
    memcpy(at, &bp, sizeof(bp));
}

static void swap_bps(uint8_t *block, size_t n)
{
    bswap64_array(block, n * 128);
}

static void indirect_block(void **state)
{
    uint8_t block[512] __attribute__((aligned(8))), mac[16], bab[32];
    struct blkptr parent = {.dva = {{{1, 1}}}};

    put_bp(block, 0xa013070f000700ff, "202122232425262728292a2b2c2d2e2f", 1);
    put_bp(block + 128, 0, "", 0);
    put_bp(block + 256, 0x00130000000000ff, "", 0);
    put_bp(block + 384, 0xa113070f000100ff, "303132333435363738393a3b3c3d3e3f", 1);
    crypt_bab((struct blkptr *)block, 1, bab);
    assert_hex(bab, 32, "ff0007000f0013a0202122232425262728292a2b2c2d2e2f0000000000000000");
    crypt_bab((struct blkptr *)(block + 384), 1, bab);
    assert_hex(bab, 32, "ff00000000001321303132333435363738393a3b3c3d3e3f0000000000000000");
    assert_int_equal(crypt_indirect_mac(block, 512, false, 1, mac), 0);
    assert_hex(mac, 16, "8516149edad1cfc5fedd0789df7f4911");

    for (unsigned version = 0; version < 2; version++) {
        parent.prop = (uint64_t)1 << 61 | (uint64_t)HOST_IS_LITTLE << 63 | (uint64_t)1 << 56;
        assert_int_equal(crypt_block_kind(&parent), CRYPT_BLOCK_INDIRECT);
        assert_int_equal(crypt_indirect_mac(block, 512, false, version, mac), 0);
        crypt_block_set_mac(&parent, mac);
        assert_int_equal(crypt_indirect_verify(&parent, block, 512), 0);
    }
    /* The same bytes as the other byte order stores them, with its own byte order bits. */
    for (int i = 0; i < 4; i += 3) {
        struct blkptr *bp = (struct blkptr *)(block + 128 * i);
        bp_crypt_mac(bp, mac);
        bp->prop ^= (uint64_t)1 << 63;
        crypt_block_set_mac(bp, mac);
    }
    assert_int_equal(crypt_indirect_mac(block, 512, false, 1, bab), 0);
    swap_bps(block, 4);
    assert_int_equal(crypt_indirect_mac(block, 512, true, 1, mac), 0);
    assert_memory_equal(mac, bab, 16);
    BITS_SET(parent.prop, 63, 1, !HOST_IS_LITTLE);
    crypt_block_set_mac(&parent, mac);
    assert_int_equal(crypt_indirect_verify(&parent, block, 512), 0);
    block[384 + 127] ^= 1;
    assert_int_equal(crypt_indirect_verify(&parent, block, 512), ZE_AUTH);
    assert_int_equal(crypt_indirect_verify(&parent, block, 500), ZE_BADBP);
}

static void meta_dnode_indirect_block_of_a_real_pool(void **state)
{
    uint8_t *block = calloc(1, 131072), mac[16];

    put_bp(block, 0xa00a0702001f001f, "01a1aa1cec50baa0e5dde81419647eb7", 1);
    assert_int_equal(crypt_indirect_mac(block, 131072, false, 1, mac), 0);
    assert_hex(mac, 16, "a4b49c0fd703954aa8a664f84bd823a6");
    free(block);
}

/* Dnode 0 of G6 in a block of two slots, as a writer of either byte order stores it. */
static void dnode_block_g6(uint8_t block[1024], bool little)
{
    struct blkptr bp = {.dva = {{{1, 2}}}};
    uint8_t mac[16];

    memset(block, 0, 1024);
    hex_bytes("131101012c00000b", block, 8);
    if (little) {
        hex_bytes("0800a800", block + 8, 4);
        store_le64(block + 24, 6144);
    } else {
        hex_bytes("000800a8", block + 8, 4);
        store_be64(block + 24, 6144);
    }
    hex_bytes("202122232425262728292a2b2c2d2e2f", mac, 16);
    bp.prop = 0x2013070f000700ff | (uint64_t)little << 63;
    crypt_block_set_mac(&bp, mac);
    if (little != HOST_IS_LITTLE)
        bp_bswap(&bp);
    memcpy(block + 64, &bp, sizeof(bp));
    for (unsigned i = 0; i < 168; i++)
        block[192 + i] = (uint8_t)(0x40 + i % 16);
}

static void dnode_block(uint64_t suite, bool little, const char *cipher, const char *tag)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(suite);
    struct blkptr bp = bp_dnode_or_zil(OBJTYPE_DNODE, little, SALT, IV);
    uint8_t plain[1024], stored[1024], back[1024], mac[16];

    dnode_block_g6(plain, little);
    assert_int_equal(crypt_block_encrypt(key, &bp, plain, 1024, stored), 0);
    assert_memory_equal(plain, stored, 192);
    assert_hex(stored + 192, 16, cipher);
    bp_crypt_mac(&bp, mac);
    assert_hex(mac, 16, tag);
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 1024, back), 0);
    assert_memory_equal(plain, back, 1024);
    /* What the chapter leaves out of the MAC, and what not. */
    stored[7] ^= 0x03;
    stored[24] ^= 0xff;
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 1024, back), 0);
    stored[16] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 1024, back), ZE_AUTH);
    stored[16] ^= 1;
    stored[1023] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 1024, back), ZE_AUTH);
    stored[1023] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 1024, stored), 0);
    assert_memory_equal(plain + 32, stored + 32, 1024 - 32);
}

static void dnode_blocks(void **state)
{
    dnode_block(8, true, "c64aa02314c7862e69ae4f59e0e0c4d9", "59ae336381308db255af4bb74d062294");
    dnode_block(5, true, "35f59bf706989d6de93479f13dd37f6e", "ef3792f59ee3653d97ca1790edf023f1");
    dnode_block(8, false, "c64aa02314c7862e69ae4f59e0e0c4d9", "91c4b9486163b71ce21306a2fedd4b15");
}

static void dnode_block_without_bonus_still_has_a_mac(void **state)
{
    static const char *const tags[] = {"65bc02d9f25fb002189ebc0f77cd0635",
                                       "262b48fd5420416c66b7b8c4afd4cd37"};

    for (unsigned i = 0; i < 2; i++) {
        AUTO_CRYPT_KEY struct crypt_key *key = key_counting(i == 0 ? 8 : 5);
        struct blkptr bp = bp_dnode_or_zil(OBJTYPE_DNODE, true, SALT, IV);
        uint8_t block[1024] = {0x13, 0x11, 1, 1}, out[1024], mac[16];

        assert_int_equal(crypt_block_encrypt(key, &bp, block, 1024, out), 0);
        bp_crypt_mac(&bp, mac);
        assert_hex(mac, 16, tags[i]);
        assert_memory_equal(block, out, 1024);
        assert_int_equal(crypt_block_decrypt(key, &bp, out, 1024, out), 0);
    }
}

static void dnode_block_spill_and_large_dnodes(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(8);
    struct blkptr bp = bp_dnode_or_zil(OBJTYPE_DNODE, true, SALT, IV);
    uint8_t plain[2048] = {0}, stored[2048];

    memset(plain + 192, 0x55, 1536 - 192);
    hex_bytes("131101012c000004", plain, 8); /* spill */
    hex_bytes("0800a80002", plain + 8, 5);   /* three slots */
    assert_int_equal(crypt_block_encrypt(key, &bp, plain, 2048, stored), 0);
    assert_memory_equal(plain + 1408, stored + 1408, 128); /* the spill pointer stays readable */
    assert_memory_not_equal(plain + 1392, stored + 1392, 16);
    assert_memory_equal(plain + 1536, stored + 1536, 512);
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 2048, stored), 0);
    assert_memory_equal(plain, stored, 2048);
}

static void malformed_dnode_blocks(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(8);
    struct blkptr bp = bp_dnode_or_zil(OBJTYPE_DNODE, true, SALT, IV);
    uint8_t block[1024] = {0}, out[1024];

    block[12] = 2; /* runs past the block */
    assert_int_equal(crypt_block_decrypt(key, &bp, block, 1024, out), ZE_BADDNODE);
    block[12] = 0;
    block[512 + 3] = 4; /* block pointers */
    assert_int_equal(crypt_block_decrypt(key, &bp, block, 1024, out), ZE_BADDNODE);
    block[512 + 3] = 3;
    block[512 + 7] = 4; /* three and a spill overlap in one slot */
    assert_int_equal(crypt_block_decrypt(key, &bp, block, 1024, out), ZE_BADDNODE);
    assert_int_equal(crypt_block_decrypt(key, &bp, block, 1000, out), ZE_BADDNODE);
}

static void zil_block_of_a_real_pool(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(8);
    uint8_t salt[8], iv[12], stored[4096] = {0}, plain[4096], again[4096];
    struct blkptr bp;

    hex_bytes("a72e434af7f4ee46", salt, 8);
    hex_bytes("e735d403bb5872330cf50d78", iv, 12);
    bp = bp_dnode_or_zil(OBJTYPE_INTENT_LOG, true, salt, iv);
    hex_bytes(ZIL_G9, stored, sizeof(stored));
    assert_int_equal(crypt_block_kind(&bp), CRYPT_BLOCK_ZIL);
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 4096, plain), 0);
    assert_hex(plain + 184 + 32, 32,
               "0200000000000000000000000000000000020000000000000000000000000000");
    assert_int_equal(plain[184 + 192], 0x57);
    assert_int_equal(plain[184 + 703], 0x57);
    memset(plain + 944, 0xee, 4096 - 944); /* what lies behind the last record is not written */
    memset(plain + 168, 0, 16);
    assert_int_equal(crypt_block_encrypt(key, &bp, plain, 4096, again), 0);
    assert_memory_equal(stored, again, 4096);
    stored[0] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 4096, plain), ZE_AUTH);
}

static void put_record(uint8_t **at, bool little, uint64_t type, uint64_t len, unsigned fill)
{
    uint64_t head[4] = {type, len, 5, 6};

    for (unsigned i = 0; i < 4; i++)
        (little ? store_le64 : store_be64)(*at + 8 * i, head[i]);
    for (unsigned i = 0; i < len - 32; i++)
        (*at)[32 + i] = (uint8_t)(fill + i);
    *at += len;
}

static void zil_block_records(bool little, const char *tag, const char *sha)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(8);
    uint8_t salt[8], iv[12], plain[4096] = {0}, stored[4096], *at = plain + 184;
    struct blkptr bp;

    hex_bytes("a72e434af7f4ee46", salt, 8);
    hex_bytes("e735d403bb5872330cf50d78", iv, 12);
    bp = bp_dnode_or_zil(OBJTYPE_INTENT_LOG, little, salt, iv);
    for (unsigned i = 0; i < 128; i++)
        plain[i] = (uint8_t)(i * 3);
    put_record(&at, little, 24, 200, 1);
    put_record(&at, little, 9, 192, 2);
    put_record(&at, little, 9, 300, 3);
    put_record(&at, little, 7, 32, 4);
    put_record(&at, little, 10, 48, 5);
    (little ? store_le64 : store_be64)(plain + 136, (uint64_t)(at - plain));
    assert_int_equal(crypt_block_encrypt(key, &bp, plain, 4096, stored), 0);
    assert_hex(stored + 168, 16, tag);
    assert_sha256(stored, 4096, sha);
    assert_int_equal(crypt_block_decrypt(key, &bp, stored, 4096, stored), 0);
    memcpy(plain + 168, stored + 168, 16);
    assert_memory_equal(plain, stored, 4096);
}

static void zil_records_in_both_byte_orders(void **state)
{
    zil_block_records(true, "29665cbc64635ec8b6334100acbdd78d",
                      "949744d747df49e5f74ebb423cf0595a2aa01bc73d6ac60725962a51c8d9fc5f");
    zil_block_records(false, "30fe90352f399dcb317e65e7a2ef554a",
                      "e62867e822168798f980e7ea5c08bf7c0b27d1daa4cc436e54b892e5b9d0c8e1");
}

static void malformed_zil_blocks(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_counting(8);
    struct blkptr bp = bp_dnode_or_zil(OBJTYPE_INTENT_LOG, true, SALT, IV);
    static const struct {
        uint64_t used, type, len;
    } bad[] = {{183, 1, 32},  {4097, 1, 32},          {200, 1, 32}, {216, 1, 31},
               {216, 1, 33},  {216, 1, UINT64_MAX},   {216, 9, 32}, {375, 9, 191},
               {247, 24, 63}, {UINT64_MAX - 1, 1, 32}};

    for (unsigned i = 0; i < array_len(bad); i++) {
        uint8_t block[4096] = {0};
        store_le64(block + 136, bad[i].used);
        store_le64(block + 184, bad[i].type);
        store_le64(block + 192, bad[i].len);
        assert_int_equal(crypt_block_decrypt(key, &bp, block, 4096, block), ZE_BADZIL);
        assert_int_equal(crypt_block_decrypt(key, &bp, block, 183, block), ZE_BADZIL);
    }
}

static void authenticated_block(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_g3();
    struct blkptr bp = bp_dnode_or_zil(OBJTYPE_MASTER_NODE, true, SALT, IV);
    uint8_t block[512] = {0}, out[512], mac[16];

    hex_bytes("0300000000000080d3b6010000000000", block, 16);
    hex_bytes("8877665544332211", block + 64, 8);
    memcpy(block + 78, "VERSION", 7);
    assert_int_equal(crypt_auth_mac(key, block, 512, mac), 0);
    assert_hex(mac, 16, "c8d0abbae3bf3038241a4356c0fc629c");
    assert_int_equal(crypt_block_kind(&bp), CRYPT_BLOCK_AUTH);
    assert_int_equal(crypt_block_encrypt(key, &bp, block, 512, out), 0);
    assert_int_equal(crypt_block_decrypt(key, &bp, out, 512, out), 0);
    assert_memory_equal(block, out, 512);
    out[100] ^= 1;
    assert_int_equal(crypt_block_decrypt(key, &bp, out, 512, out), ZE_AUTH);
}

static void dedup_iv(void **state)
{
    /* HMAC of the plaintext gives salt and IV: checked through the same HMAC in G11's form. */
    AUTO_CRYPT_KEY struct crypt_key *key = key_g3();
    uint8_t block[512] = {0}, salt[8], iv[12];

    hex_bytes("0300000000000080d3b6010000000000", block, 16);
    hex_bytes("8877665544332211", block + 64, 8);
    memcpy(block + 78, "VERSION", 7);
    assert_int_equal(crypt_key_dedup_iv(key, block, 512, salt, iv), 0);
    assert_hex(salt, 8, "c8d0abbae3bf3038");
    assert_hex(iv, 8, "241a4356c0fc629c");
}

#define PORTABLE_G8 "7774e759eaac96d38ace623baf1605ff87bb1ee3738b08516ef2e4e432d015f1"
#define LOCAL_G8    "61a8b11ee3ef137db2aa875390ed6c6b0ac8cad0828a4be3981b34e248f57f5a"

/* The objset of G8 as a little-endian writer stores it. */
static void objset_g8(uint8_t os[4096])
{
    static const char *const macs[] = {"ab4d20cb582662b03a284dedbdd062cd",
                                       "463b5ababac95671956cc8196540fac8",
                                       "32de98db85eba262e80724c60c5e7a00"};

    memset(os, 0, 4096);
    hex_bytes("0a110603000000012000000000000000000000000000000000a8000000000000", os, 32);
    put_bp(os + 64, 0xa50a070f000100ff, "97f09365267d8314f22f28a7c6d72ea0", 1);
    if (!HOST_IS_LITTLE)
        swap_bps(os + 64, 1);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *dn = os + 1024 + 512 * i;
        hex_bytes("2711010300000001010000000000000000000000000000000004000000000000", dn, 32);
        put_bp(dn + 64, 0xa027070200000000, macs[i], 1);
        if (!HOST_IS_LITTLE)
            swap_bps(dn + 64, 1);
    }
    store_le64(os + 704, 2);
    store_le64(os + 712, 7);
    hex_bytes(PORTABLE_G8, os + 720, 32);
    hex_bytes(LOCAL_G8, os + 752, 32);
}

static void objset_macs(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_g3();
    uint8_t os[4096], portable[32], local[32], zero[32] = {0};

    objset_g8(os);
    assert_int_equal(crypt_objset_mac(key, os, 4096, !HOST_IS_LITTLE, portable, local), 0);
    assert_hex(portable, 32, PORTABLE_G8);
    assert_hex(local, 32, LOCAL_G8);
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), 0);
    memset(os + 512, 0x5a, 192); /* the intent log header is covered by neither */
    os[7] |= 2;
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), 0);
    os[752] ^= 1;
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), ZE_AUTH);
    os[712] = 6; /* accounting incomplete: any local MAC will do */
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), 0);
    assert_int_equal(crypt_objset_mac(key, os, 4096, !HOST_IS_LITTLE, portable, local), 0);
    assert_memory_equal(local, zero, 32);
    os[712] = 7;
    assert_int_equal(crypt_objset_mac(key, os, 1024, !HOST_IS_LITTLE, portable, local), 0);
    assert_memory_equal(local, zero, 32);
    os[704] = 3;
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), ZE_AUTH);
    assert_int_equal(crypt_objset_verify(key, os, 4000, !HOST_IS_LITTLE), ZE_BADOBJSET);
    os[3] = 4;
    assert_int_equal(crypt_objset_verify(key, os, 4096, !HOST_IS_LITTLE), ZE_BADDNODE);
}

static void objset_of_a_big_endian_writer(void **state)
{
    AUTO_CRYPT_KEY struct crypt_key *key = key_g3();
    uint8_t os[4096], portable[32], local[32], *bp = os + 64;

    /* Its meta-dnode pointer is above level 0, where the byte order is masked: same portable MAC.
     */
    objset_g8(os);
    store_be64(os + 704, 2);
    store_be64(os + 712, 7);
    store_be16(os + 8, load_le16(os + 8));
    store_be64(os + 24, load_le64(os + 24));
    put_bp(bp, 0x250a070f000100ff, "97f09365267d8314f22f28a7c6d72ea0", 1);
    if (HOST_IS_LITTLE)
        swap_bps(bp, 1);
    assert_int_equal(crypt_objset_mac(key, os, 4096, HOST_IS_LITTLE, portable, local), 0);
    assert_hex(portable, 32, PORTABLE_G8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(params_in_block_pointers_of_both_orders),
        cmocka_unit_test(data_block),
        cmocka_unit_test(checksum_folding),
        cmocka_unit_test(indirect_block),
        cmocka_unit_test(meta_dnode_indirect_block_of_a_real_pool),
        cmocka_unit_test(dnode_blocks),
        cmocka_unit_test(dnode_block_without_bonus_still_has_a_mac),
        cmocka_unit_test(dnode_block_spill_and_large_dnodes),
        cmocka_unit_test(malformed_dnode_blocks),
        cmocka_unit_test(zil_block_of_a_real_pool),
        cmocka_unit_test(zil_records_in_both_byte_orders),
        cmocka_unit_test(malformed_zil_blocks),
        cmocka_unit_test(authenticated_block),
        cmocka_unit_test(dedup_iv),
        cmocka_unit_test(objset_macs),
        cmocka_unit_test(objset_of_a_big_endian_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
