/* SPDX-License-Identifier: MIT */
/* History ring header (format/pool.md, "12.2 History object"). */
#include "disk/history_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(history_phys, HISTORY_PHYS_FIELDS);

int history_phys_load(struct history_phys *out, const void *bonus, size_t bonuslen)
{
    if (bonuslen < sizeof(*out))
        return err_raise(ZE_CORRUPT, "pool history: bonus of %zu bytes", bonuslen);
    memcpy(out, bonus, sizeof(*out));
    if (out->phys_max_off <= out->pool_create_len)
        return err_raise(ZE_CORRUPT, "pool history: phys_max_off %" PRIu64, out->phys_max_off);
    if (out->bof > out->eof || out->eof - out->bof > out->phys_max_off - out->pool_create_len)
        return err_raise(ZE_CORRUPT, "pool history: bof %" PRIu64 " eof %" PRIu64, out->bof,
                         out->eof);
    return 0;
}
