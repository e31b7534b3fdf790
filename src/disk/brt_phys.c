/* SPDX-License-Identifier: MIT */
/* Block reference table (format/crypto-dedup.md, C2, C3). */
#include "disk/brt_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(brt_vdev_phys, BRT_VDEV_PHYS_FIELDS);

int brt_vdev_phys_load(struct brt_vdev_phys *out, const void *bonus, size_t bonuslen,
                       uint64_t data_size, uint64_t vdev)
{
    if (bonuslen < sizeof(*out))
        return err_raise(ZE_BADBRT, "BRT of vdev %" PRIu64 ": bonus of %zu bytes", vdev, bonuslen);
    memcpy(out, bonus, sizeof(*out));
    if (out->range_size == 0 || !is_pow2(out->range_size))
        return err_raise(ZE_BADBRT, "BRT of vdev %" PRIu64 ": range size %" PRIu64, vdev,
                         out->range_size);
    if (out->byteorder > 1)
        return err_raise(ZE_BADBRT, "BRT of vdev %" PRIu64 ": byte order %" PRIu64, vdev,
                         out->byteorder);
    if (out->size > data_size / sizeof(uint16_t))
        return err_raise(ZE_BADBRT, "BRT of vdev %" PRIu64 ": size %" PRIu64, vdev, out->size);
    if (out->entries_obj == 0 && out->total_count != 0)
        return err_raise(ZE_BADBRT, "BRT of vdev %" PRIu64 ": no entries object", vdev);
    return 0;
}

void brt_counters_to_host(uint16_t *counters, size_t n, const struct brt_vdev_phys *brt)
{
    if ((brt->byteorder == 0) != (bool)HOST_IS_LITTLE)
        bswap16_array(counters, n * sizeof(*counters));
}

int brt_entry_value(unsigned integer_size, uint64_t count, const void *value, uint64_t *refs)
{
    if (!((integer_size == 8 && count == 1) || (integer_size == 1 && count == 8)))
        return err_raise(ZE_BADBRT, "BRT entry: %" PRIu64 " integers of %u bytes", count,
                         integer_size);
    memcpy(refs, value, sizeof(*refs));
    return *refs == 0 ? err_raise(ZE_BADBRT, "BRT entry: no references") : 0;
}
