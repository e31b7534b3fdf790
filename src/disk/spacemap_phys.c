/* SPDX-License-Identifier: MIT */
/* Space map headers and words (format/pool.md, "16 Space maps"). */
#include "disk/spacemap_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE_UNDUMPED(spacemap_phys, SPACEMAP_PHYS_FIELDS);

void spacemap_phys_dump(const struct spacemap_phys *sm, FILE *out)
{
    fprintf(out, "  smp_length = 0x%" PRIx64 "\n  smp_alloc = 0x%" PRIx64 "\n", sm->length,
            (uint64_t)sm->alloc);
}

int spacemap_phys_load(struct spacemap_phys *out, const void *bonus, size_t bonuslen,
                       uint64_t data_size, uint64_t object)
{
    memset(out, 0, sizeof(*out));
    if (bonuslen < SPACEMAP_SIZE_OLD)
        return err_raise(ZE_BADSPACEMAP, "space map %" PRIu64 ": bonus of %zu bytes", object,
                         bonuslen);
    memcpy(out, bonus, bonuslen >= sizeof(*out) ? sizeof(*out) : SPACEMAP_SIZE_OLD);
    if (out->length % 8 != 0 || out->length > data_size)
        return err_raise(ZE_BADSPACEMAP, "space map %" PRIu64 ": length %" PRIu64 " of %" PRIu64,
                         object, out->length, data_size);
    return 0;
}

static void spacemap_decode_debug(uint64_t w, struct spacemap_entry *e)
{
    e->txg = BITS_GET(w, 0, 50);
    e->pass = (unsigned)BITS_GET(w, 50, 10);
    e->debug_free = BITS_GET(w, 60, 2) == 1;
    e->kind = e->txg == 0 ? SPACEMAP_PADDING : SPACEMAP_DEBUG;
}

int spacemap_entry_decode(const uint64_t *words, size_t n, size_t *pos, struct spacemap_entry *e)
{
    if (*pos >= n)
        return ZE_NOENT;
    uint64_t w = words[(*pos)++];

    *e = (struct spacemap_entry){.vdev = (uint32_t)SPACEMAP_NO_VDEV};
    if (w >> 63 == 0) {
        e->offset = BITS_GET(w, 16, 47);
        e->run = BITS_GET(w, 0, 15) + 1;
        e->kind = BITS_GET(w, 15, 1) ? SPACEMAP_FREE : SPACEMAP_ALLOC;
        return 0;
    }
    if (w >> 62 == 2) {
        spacemap_decode_debug(w, e);
        return 0;
    }
    if (BITS_GET(w, 60, 2) != 0)
        return err_raise(ZE_BADSPACEMAP, "space map: reserved bits in word %016" PRIx64, w);
    if (*pos >= n)
        return err_raise(ZE_BADSPACEMAP, "space map: the log ends within an entry");
    uint64_t second = words[(*pos)++];
    e->two_words = true;
    e->run = BITS_GET(w, 24, 36) + 1;
    e->vdev = (uint32_t)BITS_GET(w, 0, 24);
    e->offset = BITS_GET(second, 0, 63);
    e->kind = second >> 63 ? SPACEMAP_FREE : SPACEMAP_ALLOC;
    return 0;
}

unsigned spacemap_entry_encode(const struct spacemap_entry *e, uint64_t out[2])
{
    uint64_t is_free = e->kind == SPACEMAP_FREE;

    if (e->kind == SPACEMAP_DEBUG || e->kind == SPACEMAP_PADDING) {
        out[0] = (uint64_t)2 << 62 | (uint64_t)e->debug_free << 60 |
                 (uint64_t)(e->pass & 0x3ff) << 50 | BITS_GET(e->txg, 0, 50);
        return 1;
    }
    if (e->run == 0)
        return 0;
    if (!e->two_words && e->run <= SPACEMAP_ONE_WORD_RUN && e->offset < SPACEMAP_ONE_WORD_LIMIT) {
        out[0] = e->offset << 16 | is_free << 15 | (e->run - 1);
        return 1;
    }
    if (e->run > SPACEMAP_TWO_WORD_RUN || e->offset >> 63 != 0)
        return 0;
    out[0] = (uint64_t)3 << 62 | (e->run - 1) << 24 | BITS_GET(e->vdev, 0, 24);
    out[1] = is_free << 63 | e->offset;
    return 2;
}

int spacemap_entry_format(char *buf, size_t len, const struct spacemap_entry *e, uint64_t start,
                          unsigned shift)
{
    uint64_t from = start + (e->offset << shift), size = e->run << shift;

    switch (e->kind) {
    case SPACEMAP_PADDING:
        return snprintf(buf, len, "Padding");
    case SPACEMAP_DEBUG:
        return snprintf(buf, len, "%s: txg %" PRIu64 " pass %u", e->debug_free ? "FREE" : "ALLOC",
                        e->txg, e->pass);
    default:
        return snprintf(buf, len,
                        "   %c  range: %010" PRIx64 "-%010" PRIx64 "  size: %06" PRIx64
                        " vdev: %" PRIu32 " words: %d",
                        e->kind == SPACEMAP_FREE ? 'F' : 'A', from, from + size, size, e->vdev,
                        e->two_words ? 2 : 1);
    }
}
