/* SPDX-License-Identifier: MIT */
/* Pool and vdev properties as zpool shows them. Callers: zpool_list.c, zpool_get.c, zpool_main.c.
 */
#ifndef ZUSE_CLI_ZPOOL_PROP_H
#define ZUSE_CLI_ZPOOL_PROP_H

#include "cli/zpool_cli.h"
#include "cli/zpool_json.h"

#define ZPOOL_MAX_COLUMNS 160

/* Full name of a property or alias; the name itself for features and user properties; NULL: no
 * such. */
const char *zpool_prop_canonical(const char *name, bool vdev);
/* Column header ("CAP"), in upper case for names without an own one. */
void zpool_prop_header(const char *name, char *buf, size_t len);
bool zpool_prop_right_aligned(const char *name);
/* Number of a property as text; literal: -p. */
void zpool_prop_format(const char *name, uint64_t v, bool literal, char *buf, size_t len);
/* Value and source of a property in "props" of an item; false and "-" if it has none. source may be
 * NULL. */
bool zpool_prop_text(const struct nvlist *item, const char *name, bool literal, char *buf,
                     size_t len, const char **source);
/* {"value":..., "source":{...}}; a number with as_int if the text is one. */
json_t *zpool_prop_json(const char *text, const char *source, bool as_int);
/* The list of properties below the usage of get, set and list. */
void zpool_prop_usage(FILE *out);

#endif
