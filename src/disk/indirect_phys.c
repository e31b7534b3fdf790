/* SPDX-License-Identifier: MIT */
/* Device removal structures (format/raid.md, "7.1 On-disk objects"). */
#include "disk/indirect_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(indirect_mapping_phys, INDIRECT_MAPPING_PHYS_FIELDS);
LAYOUT_DEFINE(indirect_entry_phys, INDIRECT_ENTRY_PHYS_FIELDS);
LAYOUT_DEFINE(indirect_birth_phys, INDIRECT_BIRTH_PHYS_FIELDS);
LAYOUT_DEFINE(removing_phys, REMOVING_PHYS_FIELDS);
LAYOUT_DEFINE(condensing_phys, CONDENSING_PHYS_FIELDS);

int indirect_mapping_phys_load(struct indirect_mapping_phys *out, const void *bonus,
                               size_t bonuslen, uint64_t data_size, uint64_t object)
{
    memset(out, 0, sizeof(*out));
    if (bonuslen < INDIRECT_MAPPING_SIZE_OLD)
        return err_raise(ZE_BADVDEV, "indirect mapping %" PRIu64 ": bonus of %zu bytes", object,
                         bonuslen);
    memcpy(out, bonus, bonuslen >= sizeof(*out) ? sizeof(*out) : INDIRECT_MAPPING_SIZE_OLD);
    if (out->num_entries > data_size / sizeof(struct indirect_entry_phys))
        return err_raise(ZE_BADVDEV, "indirect mapping %" PRIu64 ": num_entries %" PRIu64, object,
                         out->num_entries);
    return 0;
}

int indirect_entries_validate(const struct indirect_entry_phys *e, uint64_t count,
                              uint64_t max_offset)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t offset = indirect_entry_offset(&e[i]), length = indirect_entry_length(&e[i]);
        if (length == 0 || offset < end || dva_is_gang(&e[i].dst))
            return err_raise(ZE_BADVDEV, "indirect mapping: entry %" PRIu64 " at %" PRIx64, i,
                             offset);
        if (offset > max_offset || length > max_offset - offset)
            return err_raise(ZE_BADVDEV, "indirect mapping: entry %" PRIu64 " ends beyond %" PRIx64,
                             i, max_offset);
        end = offset + length;
    }
    return 0;
}

uint64_t indirect_entries_find(const struct indirect_entry_phys *e, uint64_t count, uint64_t offset)
{
    uint64_t lo = 0, hi = count;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (indirect_entry_offset(&e[mid]) + indirect_entry_length(&e[mid]) <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int indirect_births_validate(const struct indirect_birth_phys *b, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++)
        if (b[i].offset < b[i - 1].offset || b[i].phys_birth < b[i - 1].phys_birth)
            return err_raise(ZE_BADVDEV, "indirect births: entry %" PRIu64 " is out of order", i);
    return 0;
}

uint64_t indirect_births_lookup(const struct indirect_birth_phys *b, uint64_t count,
                                uint64_t offset)
{
    uint64_t lo = 0, hi = count;
    while (lo < hi) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (b[mid].offset > offset)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo < count ? b[lo].phys_birth : 0;
}
