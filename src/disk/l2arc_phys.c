/* SPDX-License-Identifier: MIT */
/* Cache device header and log blocks (format/raid.md, "15. L2ARC persistent format"). */
#include "disk/l2arc_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE(l2arc_log_pointer, L2ARC_LOG_POINTER_FIELDS);
LAYOUT_DEFINE(l2arc_header_phys, L2ARC_HEADER_PHYS_FIELDS);
LAYOUT_DEFINE(l2arc_log_entry, L2ARC_LOG_ENTRY_FIELDS);
LAYOUT_DEFINE(l2arc_log_head, L2ARC_LOG_HEAD_FIELDS);

int l2arc_header_load(struct l2arc_header_phys *out, const void *block, size_t len)
{
    if (len < sizeof(*out))
        return err_raise(ZE_BADVDEV, "cache header of %zu bytes", len);
    memcpy(out, block, sizeof(*out));
    if (out->magic == __builtin_bswap64(L2ARC_HEADER_MAGIC))
        l2arc_header_phys_bswap(out);
    if (out->magic != L2ARC_HEADER_MAGIC)
        return err_raise(ZE_BADVDEV, "cache header: magic %" PRIx64, out->magic);
    if (out->version != L2ARC_VERSION)
        return err_raise(ZE_BADVDEV, "cache header: version %" PRIu64, out->version);
    if (out->log_entries > L2ARC_LOG_ENTRIES)
        return err_raise(ZE_BADVDEV, "cache header: log_entries %" PRIu64, out->log_entries);
    if (out->start > out->end || out->evict > out->end)
        return err_raise(ZE_BADVDEV, "cache header: evict %" PRIu64, out->evict);
    return 0;
}

bool l2arc_pointer_is_valid(const struct l2arc_header_phys *h, const struct l2arc_log_pointer *p)
{
    uint64_t asize = l2arc_pointer_asize(p);
    return p->prop != 0 && asize <= L2ARC_LOG_BLOCK_SIZE && p->payload_start >= h->start &&
           p->daddr < h->end && asize <= h->end - p->daddr &&
           l2arc_pointer_lsize(p) == L2ARC_LOG_BLOCK_SIZE;
}

int l2arc_log_load(void *block, size_t len)
{
    if (len != L2ARC_LOG_BLOCK_SIZE)
        return err_raise(ZE_BADVDEV, "cache log block of %zu bytes", len);
    uint64_t magic = load_ne64(block);
    if (magic == __builtin_bswap64(L2ARC_LOG_MAGIC))
        bswap64_array(block, len); /* all of it is 64-bit words */
    else if (magic != L2ARC_LOG_MAGIC)
        return err_raise(ZE_BADVDEV, "cache log block: magic %" PRIx64, magic);
    return 0;
}
