/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: a log block: chain header, walk over the records, each taken apart (disk/zil_phys.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "disk/zil_phys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile unsigned sink;

static void touch(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        sink += s.data[i];
}

static void use(const struct zil_record *rec)
{
    sink += rec->name != NULL ? (unsigned)strlen(rec->name) : 0;
    sink += rec->name2 != NULL ? (unsigned)strlen(rec->name2) : 0;
    sink += rec->xvattr != NULL ? rec->xvattr->bitmap[2] : 0;
    touch(rec->aces);
    touch(rec->domains);
    touch(rec->data);
    for (uint64_t i = 0; rec->bps != NULL && i < rec->clone->nbps; i++)
        sink += (unsigned)rec->bps[i].prop;
}

static void walk(const uint8_t *data, size_t len, enum checksum_id cksum, bool swapped)
{
    struct zil_chain_phys *zc;
    struct zil_record rec;
    struct span records, r;
    size_t pos = 0;
    uint8_t *block = malloc(len);

    if (block == NULL)
        return;
    memcpy(block, data, len);
    if (zil_block_load(block, len, cksum, swapped, &zc, &records) == 0)
        while (zil_record_next(records, &pos, &r) == 0)
            if (zil_record_parse(r, &rec) == 0)
                use(&rec);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = (size < 131072 ? size : 131072) & ~(size_t)7;
    for (unsigned i = 0; i < 4 && len > 0; i++)
        walk(data, len, i & 1 ? CHECKSUM_ZILOG : CHECKSUM_ZILOG2, (i & 2) != 0);
    return 0;
}
