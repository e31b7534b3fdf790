/* SPDX-License-Identifier: MIT */
/* One object as zdb -dd (a line) to -ddddd (contents and block pointers) shows it. */
#ifndef ZUSE_CLI_ZDB_OBJECT_H
#define ZUSE_CLI_ZDB_OBJECT_H

#include "cli/zdb_impl.h"
#include "zpl/zpl.h"

struct zdb_objects {
    struct zdb *z;
    struct dsl_dataset *ds; /* NULL: the MOS */
    struct objset *os;
    struct zpl *zpl; /* mounted when first needed */
    bool no_zpl, header;
    uint64_t slots, last; /* used slots, highest object */
};

void zdb_object(struct zdb_objects *o, uint64_t object);
void zdb_objects_end(struct zdb_objects *o);
int zdb_lookup_path(struct dsl_dataset *ds, const char *path, uint64_t *object);

#endif
