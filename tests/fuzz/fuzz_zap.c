/* SPDX-License-Identifier: MIT */
/*
 * ZAPs of any bytes. Input: one byte of options (modulo 12: log2 of the block size - 9; bit 4: swap
 * the blocks first, as if from a writer of the other byte order), then the blocks of the object.
 * Opens it, lists it, looks up what was listed, gathers statistics.
 */
#include <stdlib.h>
#include <string.h>

#include "dmu/zap_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES_MAX 30000u

struct fuzz_zap {
    struct zap_source src;
    uint8_t *data;
};

static int fuzz_hold(struct zap_source *src, uint64_t blkid, struct zap_block *out)
{
    struct fuzz_zap *f = container_of(src, struct fuzz_zap, src);
    if (blkid >= src->blocks)
        abort(); /* the ZAP must not ask for what is not there */
    /* A copy of its own, so that address checkers see what leaves it. */
    void *copy = malloc(src->block_size);
    if (copy == NULL)
        return ZE_NOMEM;
    memcpy(copy, f->data + blkid * src->block_size, src->block_size);
    *out = (struct zap_block){copy, copy};
    return 0;
}

static void fuzz_rele(struct zap_source *src, struct zap_block *b)
{
    free(b->ref);
}

static void look_up(struct zap *zap, const struct zap_entry *e)
{
    uint64_t v[32], got;
    char real[ZAP_NAME_MAX];
    bool conflict;
    if (zap_has_uint64_keys(zap)) {
        uint64_t key[ZAP_NAME_MAX / 8];
        memcpy(key, e->name, e->name_len);
        zap_lookup_key(zap, key, (unsigned)(e->name_len / 8), 8, 32, v, &got);
        return;
    }
    zap_lookup(zap, e->name, 8, 32, v, &got);
    zap_lookup_match(zap, e->name, ZAP_MATCH_NORMALIZED, 8, 32, v, real, sizeof(real), &conflict);
}

static void exercise(struct zap *zap)
{
    static struct zap_entry e;
    static uint8_t value[ZAP_VALUE_MAX * 8];
    struct zap_cursor c;
    uint64_t cookie = 0;
    unsigned n = 0;
    zap_cursor_init(&c, zap);
    while (n++ < ENTRIES_MAX && zap_cursor_next(&c, &e) == 0) {
        if (n < 200) {
            look_up(zap, &e);
            zap_entry_value(&c, &e, value, 1024);
        }
        if (n == 5)
            cookie = zap_cursor_serialize(&c);
    }
    if (n >= ENTRIES_MAX)
        abort(); /* more entries than an input can hold: it never ends */
    zap_cursor_fini(&c);
    zap_cursor_init_at(&c, zap, cookie);
    zap_cursor_next(&c, &e);
    zap_cursor_fini(&c);
    struct zap_stats st;
    zap_stats_get(zap, &st);
    uint64_t v;
    zap_lookup(zap, "not there", 8, 1, &v, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + SECTOR_SIZE || size > 1u << 19)
        return 0;
    unsigned shift = ZAP_MIN_SHIFT + data[0] % 12;
    uint64_t bs = (uint64_t)1 << shift;
    uint64_t blocks = div_round_up(size - 1, bs);
    struct fuzz_zap f = {.src = {.blocks = blocks,
                                 .block_size = bs,
                                 .object = 1,
                                 .hold = fuzz_hold,
                                 .rele = fuzz_rele},
                         .data = calloc(blocks, bs)};
    if (f.data == NULL)
        return 0;
    memcpy(f.data, data + 1, size - 1);
    for (uint64_t i = 0; (data[0] & 0x10) && i < blocks; i++)
        zap_block_bswap(f.data + i * bs, bs);
    struct zap *zap;
    if (zap_open_source(&f.src, &zap) == 0) {
        exercise(zap);
        zap_close(zap);
    }
    free(f.data);
    return 0;
}
