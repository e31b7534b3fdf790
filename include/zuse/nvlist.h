/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists: what calls of libzuse take and give. A list owns its pairs; added values are
 * copied; looked-up pointers live as long as the pair. Not thread-safe. Looking up in NULL finds
 * nothing. Functions that return int return 0 or a negative code (zuse_error_name()): out of
 * memory, no such name, another type than asked for.
 */
#ifndef ZUSE_NVLIST_H
#define ZUSE_NVLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Stored values. */
enum nv_type {
    NV_BOOLEAN = 1, /* name only */
    NV_BYTE = 2,
    NV_INT16 = 3,
    NV_UINT16 = 4,
    NV_INT32 = 5,
    NV_UINT32 = 6,
    NV_INT64 = 7,
    NV_UINT64 = 8,
    NV_STRING = 9,
    NV_BYTE_ARRAY = 10,
    NV_INT16_ARRAY = 11,
    NV_UINT16_ARRAY = 12,
    NV_INT32_ARRAY = 13,
    NV_UINT32_ARRAY = 14,
    NV_INT64_ARRAY = 15,
    NV_UINT64_ARRAY = 16,
    NV_STRING_ARRAY = 17,
    NV_HRTIME = 18,
    NV_NVLIST = 19,
    NV_NVLIST_ARRAY = 20,
    NV_BOOLEAN_VALUE = 21,
    NV_INT8 = 22,
    NV_UINT8 = 23,
    NV_BOOLEAN_ARRAY = 24,
    NV_INT8_ARRAY = 25,
    NV_UINT8_ARRAY = 26,
    NV_DOUBLE = 27
};

struct nvlist;
struct nvpair;

int nvlist_create(struct nvlist **out); /* unique names: adding replaces */
void nvlist_free(struct nvlist *nv);    /* NULL is fine */
int nvlist_dup(const struct nvlist *nv, struct nvlist **out);
int nvlist_merge(struct nvlist *into, const struct nvlist *from);
bool nvlist_empty(const struct nvlist *nv);
size_t nvlist_count(const struct nvlist *nv);
static inline void nvlist_auto_free(struct nvlist **nv)
{
    nvlist_free(*nv);
}
#define AUTO_NVLIST __attribute__((cleanup(nvlist_auto_free)))

int nvlist_add_boolean(struct nvlist *nv, const char *name); /* NV_BOOLEAN: presence is the value */
int nvlist_add_bool(struct nvlist *nv, const char *name, bool v); /* NV_BOOLEAN_VALUE */
int nvlist_add_u64(struct nvlist *nv, const char *name, uint64_t v);
int nvlist_add_i64(struct nvlist *nv, const char *name, int64_t v);
int nvlist_add_u32(struct nvlist *nv, const char *name, uint32_t v);
int nvlist_add_i32(struct nvlist *nv, const char *name, int32_t v);
int nvlist_add_u8(struct nvlist *nv, const char *name, uint8_t v);
int nvlist_add_double(struct nvlist *nv, const char *name, double v);
int nvlist_add_string(struct nvlist *nv, const char *name, const char *v);
int nvlist_add_stringf(struct nvlist *nv, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int nvlist_add_nvlist(struct nvlist *nv, const char *name, const struct nvlist *v);
int nvlist_take_nvlist(struct nvlist *nv, const char *name,
                       struct nvlist *v); /* v is owned from now on, also on error */
int nvlist_add_u64_array(struct nvlist *nv, const char *name, const uint64_t *v, size_t n);
int nvlist_add_u8_array(struct nvlist *nv, const char *name, const uint8_t *v, size_t n);
int nvlist_add_byte_array(struct nvlist *nv, const char *name, const void *v, size_t n);
int nvlist_add_string_array(struct nvlist *nv, const char *name, const char *const *v, size_t n);
int nvlist_add_nvlist_array(struct nvlist *nv, const char *name, struct nvlist *const *v, size_t n);
int nvlist_add_pair(struct nvlist *nv, const char *name,
                    const struct nvpair *pair);         /* copy under a new name */
int nvlist_remove(struct nvlist *nv, const char *name); /* ZE_NOENT if absent */

bool nvlist_exists(const struct nvlist *nv, const char *name);
int nvlist_lookup_u64(const struct nvlist *nv, const char *name,
                      uint64_t *v); /* any unsigned width */
int nvlist_lookup_i64(const struct nvlist *nv, const char *name, int64_t *v); /* any signed width */
int nvlist_lookup_bool(const struct nvlist *nv, const char *name, bool *v);
int nvlist_lookup_string(const struct nvlist *nv, const char *name, const char **v);
int nvlist_lookup_nvlist(const struct nvlist *nv, const char *name, struct nvlist **v);
int nvlist_lookup_u64_array(const struct nvlist *nv, const char *name, const uint64_t **v,
                            size_t *n);
int nvlist_lookup_byte_array(const struct nvlist *nv, const char *name, const uint8_t **v,
                             size_t *n); /* byte or uint8 */
int nvlist_lookup_string_array(const struct nvlist *nv, const char *name, const char *const **v,
                               size_t *n);
int nvlist_lookup_nvlist_array(const struct nvlist *nv, const char *name, struct nvlist *const **v,
                               size_t *n);
/* Convenience with a default for absent or wrongly typed. */
uint64_t nvlist_u64(const struct nvlist *nv, const char *name, uint64_t dflt);
const char *nvlist_string(const struct nvlist *nv, const char *name, const char *dflt);
bool nvlist_bool(const struct nvlist *nv, const char *name,
                 bool dflt); /* NV_BOOLEAN counts as true */
struct nvlist *nvlist_child(const struct nvlist *nv, const char *name); /* NULL if absent */

/* Iterate in insertion order: for (p = NULL; (p = nvlist_next(nv, p)) != NULL;) */
const struct nvpair *nvlist_next(const struct nvlist *nv, const struct nvpair *prev);
const struct nvpair *nvlist_find(const struct nvlist *nv, const char *name);
const char *nvpair_name(const struct nvpair *p);
enum nv_type nvpair_type(const struct nvpair *p);
size_t
nvpair_count(const struct nvpair *p); /* elements of an array, 1 otherwise, 0 for NV_BOOLEAN */
int nvpair_u64(const struct nvpair *p, uint64_t *v);
int nvpair_i64(const struct nvpair *p, int64_t *v);
int nvpair_bool(const struct nvpair *p, bool *v);
int nvpair_double(const struct nvpair *p, double *v);
int nvpair_string(const struct nvpair *p, const char **v);
int nvpair_nvlist(const struct nvpair *p, struct nvlist **v);
int nvpair_u64_array(const struct nvpair *p, const uint64_t **v, size_t *n);
int nvpair_string_array(const struct nvpair *p, const char *const **v, size_t *n);
int nvpair_nvlist_array(const struct nvpair *p, struct nvlist *const **v, size_t *n);
int nvpair_bytes(const struct nvpair *p, const void **v,
                 size_t *bytes); /* raw element memory of arrays */

#ifdef __cplusplus
}
#endif
#endif
