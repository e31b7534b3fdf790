/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists as JSON, one line without blanks as `zpool -j` and `zfs -j` print it. Lists
 * become objects, presence booleans `true`, byte and number arrays arrays of numbers, HRTIME a
 * number; pair order is kept and 64-bit numbers are written in full. Reading makes of numbers
 * UINT64 (INT64 when negative), of reals DOUBLE, of arrays the array type of their elements, which
 * must be alike; `null` is a presence boolean.
 */
#ifndef ZUSE_CODEC_NVLIST_JSON_H
#define ZUSE_CODEC_NVLIST_JSON_H

#include <stdio.h>

#include "codec/nvlist.h"

/* No newline is added. Bytes that are not UTF-8 come out as U+FFFD. */
void nvlist_json_print(const struct nvlist *nv, FILE *out);
/* The same into a malloc'ed string. */
int nvlist_to_json(const struct nvlist *nv, char **text);
/* text must be one object. ZE_INVAL with the place of the mistake, ZE_NOTSUP for arrays of mixed
 * types. */
int nvlist_from_json(const char *text, size_t len, struct nvlist **out);

#endif
