/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: space map headers and words, dedup values and log records (disk/spacemap_phys.h,
 * ddt_phys.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "disk/ddt_phys.h"
#include "disk/spacemap_phys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes must encode to the same words again (except for padding's unused bits). */
static void words(const uint8_t *data, size_t size)
{
    size_t n = size / 8, pos = 0, before = 0;
    uint64_t *w = malloc(n * 8 + 8), out[2];
    struct spacemap_entry e;
    char text[128];

    if (w == NULL)
        return;
    memcpy(w, data, n * 8);
    while (spacemap_entry_decode(w, n, &pos, &e) == 0) {
        (void)spacemap_entry_format(text, sizeof(text), &e, 0, 9);
        unsigned used = spacemap_entry_encode(&e, out);
        if ((e.kind == SPACEMAP_ALLOC || e.kind == SPACEMAP_FREE) &&
            (used != pos - before || memcmp(out, w + before, used * 8) != 0))
            __builtin_trap();
        before = pos;
    }
    free(w);
}

static void ddt(const uint8_t *data, size_t size)
{
    struct ddt_value v;
    struct ddt_log_phys log;
    struct ddt_log_record rec;
    struct blkptr bp;
    size_t pos = 0;

    if (ddt_value_decode(span_of(data, size), size & 1, &v) == 0)
        (void)ddt_value_refcnt(&v);
    (void)ddt_log_phys_load(&log, data, size, 1 << 20, 1);
    while (ddt_log_record_next(span_of(data, size), &pos, &rec) == 0) {
        ddt_slot_bp(&rec.key, &rec.value.slot[0], CHECKSUM_SHA256, &bp);
        (void)bp_validate(&bp);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spacemap_phys sm;

    if (size > 65536)
        return 0;
    (void)spacemap_phys_load(&sm, data, size, 1 << 20, 1);
    words(data, size);
    ddt(data, size);
    return 0;
}
