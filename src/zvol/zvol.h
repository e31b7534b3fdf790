/* SPDX-License-Identifier: MIT */
/*
 * Volumes: a byte-addressed device on an object set (format/zpl-zil.md, "16 Volumes"). How they are
 * exported is not known here. Callers: fuse/ (volumes as files), inspect/, service/.
 *
 * Ownership: a struct zvol holds its dataset. Thread-safe. Errors: ZE_WRONGTYPE (not a volume),
 * ZE_IO (request beyond the end), those of dmu.
 */
#ifndef ZUSE_ZVOL_ZVOL_H
#define ZUSE_ZVOL_ZVOL_H

#include "dsl/dsl.h"

struct zvol;
int zvol_open(struct dsl_dataset *ds, struct zvol **out); /* a volume or a snapshot of one */
void zvol_close(struct zvol *v);
uint64_t zvol_size(const struct zvol *v);       /* bytes */
uint64_t zvol_block_size(const struct zvol *v); /* volblocksize, bytes */
int zvol_read(struct zvol *v, uint64_t off, void *buf, size_t len);
/* Pinned read, as zpl_read_pin(). */
int zvol_read_pin(struct zvol *v, uint64_t off, size_t len, struct dmu_pin **pin, struct iovec *iov,
                  unsigned *iovcnt);
int zvol_seek(struct zvol *v, bool hole, uint64_t *off); /* ZE_NODATA */

#endif
