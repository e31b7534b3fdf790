/* SPDX-License-Identifier: MIT */
/* The FUID table: domains of Windows security identifiers (format/zpl-zil.md, "1.6 FUID table").
 * Callers: zpl/. */
#ifndef ZUSE_ZPL_FUID_H
#define ZUSE_ZPL_FUID_H

#include "dmu/dmu.h"

struct fuid_table;
int fuid_table_load(struct objset *os, uint64_t object,
                    struct fuid_table **out); /* object 0: empty */
void fuid_table_free(struct fuid_table *t);
/* "S-1-5-21-..." of a domain index, NULL if unknown or 0. */
const char *fuid_domain(const struct fuid_table *t, uint32_t index);

#endif
