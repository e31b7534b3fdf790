/* SPDX-License-Identifier: MIT */
/*
 * Scrub of one block pointer: every DVA, every side of a mirror, all parity, every gang header and
 * member is read and compared with its checksum (format/raid.md, "scrub"; dmu.md 3.4). Here only
 * the blocking entry; the reading itself is ZIO_SCRUB in zio_phys.c and zio_gang.c. Called by
 * inspect/ and, later, pool scrub.
 */
#include "zio/zio_impl.h"

int zio_scrub_run(struct zio_pool *pool, const struct blkptr *bp, const struct bookmark *zb,
                  struct zio_scrub_result *res)
{
    struct zio_read r = {
        .pool = pool,
        .bp = *bp,
        .bookmark = *zb,
        .prio = VDEV_PRIO_SCRUB,
        .flags = ZIO_SCRUB,
    };

    *res = (struct zio_scrub_result){0};
    if (bp_is_hole(bp) || bp_is_redacted(bp))
        return 0;
    int err = zio_read_wait(&r);
    *res = r.scrub;
    return err;
}
