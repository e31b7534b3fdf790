/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists in memory: pairs, uniqueness, lookup, copies, and the entry points of the packed
 * forms (format/pool.md, "3 nvlist encodings"). Structures: nvlist_impl.h.
 */
#include "codec/nvlist_impl.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

static const struct nv_type_info type_table[] = {
    [NV_BOOLEAN] = {0, false, false},      [NV_BYTE] = {1, false, false},
    [NV_INT16] = {2, false, true},         [NV_UINT16] = {2, false, false},
    [NV_INT32] = {4, false, true},         [NV_UINT32] = {4, false, false},
    [NV_INT64] = {8, false, true},         [NV_UINT64] = {8, false, false},
    [NV_STRING] = {0, false, false},       [NV_BYTE_ARRAY] = {1, true, false},
    [NV_INT16_ARRAY] = {2, true, true},    [NV_UINT16_ARRAY] = {2, true, false},
    [NV_INT32_ARRAY] = {4, true, true},    [NV_UINT32_ARRAY] = {4, true, false},
    [NV_INT64_ARRAY] = {8, true, true},    [NV_UINT64_ARRAY] = {8, true, false},
    [NV_STRING_ARRAY] = {0, true, false},  [NV_HRTIME] = {8, false, true},
    [NV_NVLIST] = {0, false, false},       [NV_NVLIST_ARRAY] = {0, true, false},
    [NV_BOOLEAN_VALUE] = {4, false, true}, [NV_INT8] = {1, false, true},
    [NV_UINT8] = {1, false, false},        [NV_BOOLEAN_ARRAY] = {4, true, true},
    [NV_INT8_ARRAY] = {1, true, true},     [NV_UINT8_ARRAY] = {1, true, false},
    [NV_DOUBLE] = {8, false, false},
};

const struct nv_type_info *nv_type_info(unsigned type)
{
    if (type == 0 || type >= array_len(type_table))
        return NULL;
    return &type_table[type];
}

uint64_t nv_elem_widen(enum nv_type type, const void *p)
{
    const struct nv_type_info *ti = &type_table[type];

    switch (ti->elem) {
    case 1: {
        uint8_t v = *(const uint8_t *)p;
        return ti->is_signed ? (uint64_t)(int64_t)(int8_t)v : v;
    }
    case 2: {
        uint16_t v = load_ne16(p);
        return ti->is_signed ? (uint64_t)(int64_t)(int16_t)v : v;
    }
    case 4: {
        uint32_t v = load_ne32(p);
        return ti->is_signed ? (uint64_t)(int64_t)(int32_t)v : v;
    }
    default:
        return load_ne64(p);
    }
}

void nv_elem_store(enum nv_type type, void *p, uint64_t v)
{
    switch (type_table[type].elem) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        store_ne16(p, (uint16_t)v);
        break;
    case 4:
        store_ne32(p, (uint32_t)v);
        break;
    default:
        store_ne64(p, v);
    }
}

/* ---- pairs ---- */

int nvpair_new(const char *name, size_t name_len, enum nv_type type, uint32_t count,
               struct nvpair **out)
{
    struct nvpair *p = mem_zalloc(sizeof(*p) + name_len + 1);

    if (p == NULL)
        return err_raise(ZE_NOMEM, "nvlist pair");
    memcpy(p->name, name, name_len);
    p->type = type;
    p->count = count;
    *out = p;
    return 0;
}

static void nvpair_release_value(struct nvpair *p)
{
    if (!p->owned)
        return;
    if (p->type == NV_NVLIST) {
        nvlist_free(p->v.list);
        return;
    }
    if (p->type == NV_NVLIST_ARRAY && p->v.lists != NULL)
        for (uint32_t i = 0; i < p->count; i++)
            nvlist_free(p->v.lists[i]);
    free(p->v.ptr);
}

void nvpair_free(struct nvpair *p)
{
    nvpair_release_value(p);
    free(p);
}

static uint32_t name_hash(const char *name)
{
    uint32_t h = 2166136261u;

    for (; *name != '\0'; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h ^ h >> 15;
}

static void hash_insert(struct nvlist *nv, struct nvpair *p)
{
    struct nvpair **at = &nv->buckets[p->hash & (nv->nbuckets - 1)];

    /* At the end, so that of equal names the oldest is found first, as without the hash. */
    while (*at != NULL)
        at = &(*at)->hash_next;
    p->hash_next = NULL;
    *at = p;
}

static void hash_remove(struct nvlist *nv, struct nvpair *p)
{
    struct nvpair **at;

    if (nv->nbuckets == 0)
        return;
    for (at = &nv->buckets[p->hash & (nv->nbuckets - 1)]; *at != p; at = &(*at)->hash_next)
        ;
    *at = p->hash_next;
}

/* Failure to grow only costs speed, so it is not reported. */
static void hash_maybe_grow(struct nvlist *nv)
{
    size_t want = nv->nbuckets == 0 ? NVLIST_HASH_MIN * 2 : nv->nbuckets * 2;
    struct nvpair **fresh;

    if (nv->count < (nv->nbuckets == 0 ? NVLIST_HASH_MIN : nv->nbuckets))
        return;
    fresh = mem_calloc(want, sizeof(*fresh));
    if (fresh == NULL)
        return;
    free(nv->buckets);
    nv->buckets = fresh;
    nv->nbuckets = want;
    for (struct nvpair *p = nv->head; p != NULL; p = p->next)
        hash_insert(nv, p);
}

static struct nvpair *find_hashed(const struct nvlist *nv, const char *name, uint32_t hash)
{
    struct nvpair *p;

    if (nv == NULL)
        return NULL; /* no list: no such name */
    if (nv->nbuckets == 0) {
        for (p = nv->head; p != NULL; p = p->next)
            if (p->hash == hash && strcmp(p->name, name) == 0)
                return p;
        return NULL;
    }
    for (p = nv->buckets[hash & (nv->nbuckets - 1)]; p != NULL; p = p->hash_next)
        if (p->hash == hash && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static void unlink_pair(struct nvlist *nv, struct nvpair *p)
{
    hash_remove(nv, p);
    *(p->prev != NULL ? &p->prev->next : &nv->head) = p->next;
    *(p->next != NULL ? &p->next->prev : &nv->tail) = p->prev;
    nv->count--;
}

int nvlist_append(struct nvlist *nv, struct nvpair *p)
{
    struct nvpair *old;

    p->hash = name_hash(p->name);
    if (nv->flags & NV_UNIQUE_NAME) {
        old = find_hashed(nv, p->name, p->hash);
        if (old != NULL) {
            unlink_pair(nv, old);
            nvpair_free(old);
        }
    } else if (nv->flags & NV_UNIQUE_NAME_TYPE) {
        old = find_hashed(nv, p->name, p->hash);
        while (old != NULL && !(old->type == p->type && strcmp(old->name, p->name) == 0))
            old = nv->nbuckets != 0 ? old->hash_next : old->next;
        if (old != NULL) {
            unlink_pair(nv, old);
            nvpair_free(old);
        }
    }
    p->prev = nv->tail;
    p->next = NULL;
    *(nv->tail != NULL ? &nv->tail->next : &nv->head) = p;
    nv->tail = p;
    nv->count++;
    if (nv->nbuckets != 0)
        hash_insert(nv, p);
    hash_maybe_grow(nv);
    return 0;
}

/* ---- lists ---- */

int nvlist_create_flags(uint32_t flags, struct nvlist **out)
{
    struct nvlist *nv = mem_zalloc(sizeof(*nv));

    if (nv == NULL)
        return err_raise(ZE_NOMEM, "nvlist");
    nv->flags = flags & (NV_UNIQUE_NAME | NV_UNIQUE_NAME_TYPE);
    *out = nv;
    return 0;
}

int nvlist_create(struct nvlist **out)
{
    return nvlist_create_flags(NV_UNIQUE_NAME, out);
}

void nvlist_free(struct nvlist *nv)
{
    struct nvpair *next;

    if (nv == NULL)
        return;
    for (struct nvpair *p = nv->head; p != NULL; p = next) {
        next = p->next;
        nvpair_free(p);
    }
    free(nv->buckets);
    free(nv);
}

bool nvlist_empty(const struct nvlist *nv)
{
    return nv->count == 0;
}

size_t nvlist_count(const struct nvlist *nv)
{
    return nv->count;
}

/* ---- adding ---- */

static int pair_for(const char *name, enum nv_type type, size_t count, struct nvpair **out)
{
    size_t len = strlen(name);

    if (len >= INT16_MAX || count > INT32_MAX)
        return err_raise(ZE_RANGE, "nvlist pair %.40s: name or array too long", name);
    return nvpair_new(name, len, type, (uint32_t)count, out);
}

static int add_scalar(struct nvlist *nv, const char *name, enum nv_type type, uint64_t v)
{
    struct nvpair *p;
    int err = pair_for(name, type, type == NV_BOOLEAN ? 0 : 1, &p);

    if (err != 0)
        return err;
    p->v.u = v;
    return nvlist_append(nv, p);
}

int nvlist_add_boolean(struct nvlist *nv, const char *name)
{
    return add_scalar(nv, name, NV_BOOLEAN, 0);
}

int nvlist_add_bool(struct nvlist *nv, const char *name, bool v)
{
    return add_scalar(nv, name, NV_BOOLEAN_VALUE, v);
}

int nvlist_add_u64(struct nvlist *nv, const char *name, uint64_t v)
{
    return add_scalar(nv, name, NV_UINT64, v);
}

int nvlist_add_i64(struct nvlist *nv, const char *name, int64_t v)
{
    return add_scalar(nv, name, NV_INT64, (uint64_t)v);
}

int nvlist_add_u32(struct nvlist *nv, const char *name, uint32_t v)
{
    return add_scalar(nv, name, NV_UINT32, v);
}

int nvlist_add_i32(struct nvlist *nv, const char *name, int32_t v)
{
    return add_scalar(nv, name, NV_INT32, (uint64_t)(int64_t)v);
}

int nvlist_add_u8(struct nvlist *nv, const char *name, uint8_t v)
{
    return add_scalar(nv, name, NV_UINT8, v);
}

int nvlist_add_double(struct nvlist *nv, const char *name, double v)
{
    struct nvpair *p;
    int err = pair_for(name, NV_DOUBLE, 1, &p);

    if (err != 0)
        return err;
    p->v.d = v;
    return nvlist_append(nv, p);
}

/* count elements occupying bytes of memory, copied. */
static int add_memory(struct nvlist *nv, const char *name, enum nv_type type, const void *v,
                      size_t count, size_t bytes)
{
    AUTO_NVPAIR struct nvpair *p = NULL;
    int err = pair_for(name, type, count, &p);

    if (err != 0)
        return err;
    if (bytes != 0) {
        p->v.ptr = malloc(bytes);
        if (p->v.ptr == NULL)
            return err_raise(ZE_NOMEM, "nvlist value of %s", name);
        p->owned = true;
        memcpy(p->v.ptr, v, bytes);
    }
    err = nvlist_append(nv, p);
    p = NULL;
    return err;
}

int nvlist_add_string(struct nvlist *nv, const char *name, const char *v)
{
    return add_memory(nv, name, NV_STRING, v, 1, strlen(v) + 1);
}

int nvlist_add_stringf(struct nvlist *nv, const char *name, const char *fmt, ...)
{
    AUTO_FREE char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0) {
        text = NULL;
        return err_raise(ZE_NOMEM, "nvlist value of %s", name);
    }
    return nvlist_add_string(nv, name, text);
}

int nvlist_take_nvlist(struct nvlist *nv, const char *name, struct nvlist *v)
{
    struct nvpair *p;
    int err = pair_for(name, NV_NVLIST, 1, &p);

    if (err != 0) {
        nvlist_free(v);
        return err;
    }
    p->v.list = v;
    p->owned = true;
    return nvlist_append(nv, p);
}

int nvlist_add_nvlist(struct nvlist *nv, const char *name, const struct nvlist *v)
{
    struct nvlist *copy;
    int err = nvlist_dup(v, &copy);

    if (err != 0)
        return err;
    return nvlist_take_nvlist(nv, name, copy);
}

int nvlist_add_u64_array(struct nvlist *nv, const char *name, const uint64_t *v, size_t n)
{
    return add_memory(nv, name, NV_UINT64_ARRAY, v, n, n * sizeof(*v));
}

int nvlist_add_u8_array(struct nvlist *nv, const char *name, const uint8_t *v, size_t n)
{
    return add_memory(nv, name, NV_UINT8_ARRAY, v, n, n);
}

int nvlist_add_byte_array(struct nvlist *nv, const char *name, const void *v, size_t n)
{
    return add_memory(nv, name, NV_BYTE_ARRAY, v, n, n);
}

/* Pointers and characters in one block. */
static int string_array_copy(const char *const *v, size_t n, char ***out)
{
    size_t chars = 0, table;
    char **copy, *at;

    *out = NULL;
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        chars += strlen(v[i]) + 1;
    if (__builtin_mul_overflow(n, sizeof(char *), &table))
        return err_raise(ZE_OVERFLOW, "nvlist string array of %zu", n);
    copy = malloc(table + chars);
    if (copy == NULL)
        return err_raise(ZE_NOMEM, "nvlist string array");
    at = (char *)copy + table;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(v[i]) + 1;
        memcpy(at, v[i], len);
        copy[i] = at;
        at += len;
    }
    *out = copy;
    return 0;
}

int nvlist_add_string_array(struct nvlist *nv, const char *name, const char *const *v, size_t n)
{
    AUTO_NVPAIR struct nvpair *p = NULL;
    int err = pair_for(name, NV_STRING_ARRAY, n, &p);

    if (err == 0)
        err = string_array_copy(v, n, &p->v.strs);
    if (err != 0)
        return err;
    p->owned = p->v.strs != NULL;
    err = nvlist_append(nv, p);
    p = NULL;
    return err;
}

int nvlist_add_nvlist_array(struct nvlist *nv, const char *name, struct nvlist *const *v, size_t n)
{
    AUTO_NVPAIR struct nvpair *p = NULL;
    int err = pair_for(name, NV_NVLIST_ARRAY, n, &p);

    if (err != 0)
        return err;
    if (n != 0) {
        p->v.lists = mem_calloc(n, sizeof(*p->v.lists));
        if (p->v.lists == NULL)
            return err_raise(ZE_NOMEM, "nvlist array %s", name);
        p->owned = true;
        for (size_t i = 0; i < n && err == 0; i++)
            err = nvlist_dup(v[i], &p->v.lists[i]);
        if (err != 0)
            return err;
    }
    err = nvlist_append(nv, p);
    p = NULL;
    return err;
}

int nvlist_add_pair(struct nvlist *nv, const char *name, const struct nvpair *pair)
{
    switch (pair->type) {
    case NV_NVLIST:
        return nvlist_add_nvlist(nv, name, pair->v.list);
    case NV_NVLIST_ARRAY:
        return nvlist_add_nvlist_array(nv, name, pair->v.lists, pair->count);
    case NV_STRING:
        return nvlist_add_string(nv, name, pair->v.str);
    case NV_STRING_ARRAY:
        return nvlist_add_string_array(nv, name, (const char *const *)pair->v.strs, pair->count);
    case NV_DOUBLE:
        return nvlist_add_double(nv, name, pair->v.d);
    default:
        if (!type_table[pair->type].array)
            return add_scalar(nv, name, pair->type, pair->v.u);
        return add_memory(nv, name, pair->type, pair->v.ptr, pair->count,
                          (size_t)pair->count * type_table[pair->type].elem);
    }
}

int nvlist_remove(struct nvlist *nv, const char *name)
{
    struct nvpair *p = find_hashed(nv, name, name_hash(name));

    if (p == NULL)
        return err_raise(ZE_NOENT, "nvlist has no %s", name);
    unlink_pair(nv, p);
    nvpair_free(p);
    return 0;
}

int nvlist_merge(struct nvlist *into, const struct nvlist *from)
{
    int err = 0;

    for (const struct nvpair *p = from->head; p != NULL && err == 0; p = p->next)
        err = nvlist_add_pair(into, p->name, p);
    return err;
}

int nvlist_dup(const struct nvlist *nv, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *copy = NULL;
    int err = nvlist_create_flags(nv->flags, &copy);

    if (err == 0)
        err = nvlist_merge(copy, nv);
    if (err != 0)
        return err;
    *out = copy;
    copy = NULL;
    return 0;
}

/* ---- reading a pair ---- */

const struct nvpair *nvlist_next(const struct nvlist *nv, const struct nvpair *prev)
{
    return prev == NULL ? nv->head : prev->next;
}

const struct nvpair *nvlist_find(const struct nvlist *nv, const char *name)
{
    return find_hashed(nv, name, name_hash(name));
}

const char *nvpair_name(const struct nvpair *p)
{
    return p->name;
}

enum nv_type nvpair_type(const struct nvpair *p)
{
    return p->type;
}

size_t nvpair_count(const struct nvpair *p)
{
    return p->count;
}

static int wrong_type(const struct nvpair *p, const char *wanted)
{
    return err_raise(ZE_NVTYPE, "nvlist value %s has type %d, not %s", p->name, (int)p->type,
                     wanted);
}

int nvpair_u64(const struct nvpair *p, uint64_t *v)
{
    switch (p->type) {
    case NV_BYTE:
    case NV_UINT8:
    case NV_UINT16:
    case NV_UINT32:
    case NV_UINT64:
        *v = p->v.u;
        return 0;
    default:
        return wrong_type(p, "an unsigned integer");
    }
}

int nvpair_i64(const struct nvpair *p, int64_t *v)
{
    switch (p->type) {
    case NV_INT8:
    case NV_INT16:
    case NV_INT32:
    case NV_INT64:
    case NV_HRTIME:
        *v = (int64_t)p->v.u;
        return 0;
    default:
        return wrong_type(p, "a signed integer");
    }
}

int nvpair_bool(const struct nvpair *p, bool *v)
{
    if (p->type != NV_BOOLEAN_VALUE)
        return wrong_type(p, "a boolean value");
    *v = p->v.u != 0;
    return 0;
}

int nvpair_double(const struct nvpair *p, double *v)
{
    if (p->type != NV_DOUBLE)
        return wrong_type(p, "a double");
    *v = p->v.d;
    return 0;
}

int nvpair_string(const struct nvpair *p, const char **v)
{
    if (p->type != NV_STRING)
        return wrong_type(p, "a string");
    *v = p->v.str;
    return 0;
}

int nvpair_nvlist(const struct nvpair *p, struct nvlist **v)
{
    if (p->type != NV_NVLIST)
        return wrong_type(p, "an nvlist");
    *v = p->v.list;
    return 0;
}

int nvpair_u64_array(const struct nvpair *p, const uint64_t **v, size_t *n)
{
    if (p->type != NV_UINT64_ARRAY)
        return wrong_type(p, "a uint64 array");
    *v = p->v.ptr;
    *n = p->count;
    return 0;
}

int nvpair_string_array(const struct nvpair *p, const char *const **v, size_t *n)
{
    if (p->type != NV_STRING_ARRAY)
        return wrong_type(p, "a string array");
    *v = (const char *const *)p->v.strs;
    *n = p->count;
    return 0;
}

int nvpair_nvlist_array(const struct nvpair *p, struct nvlist *const **v, size_t *n)
{
    if (p->type != NV_NVLIST_ARRAY)
        return wrong_type(p, "an nvlist array");
    *v = p->v.lists;
    *n = p->count;
    return 0;
}

int nvpair_bytes(const struct nvpair *p, const void **v, size_t *bytes)
{
    const struct nv_type_info *ti = &type_table[p->type];

    if (!ti->array || ti->elem == 0)
        return wrong_type(p, "an array of numbers");
    *v = p->v.ptr;
    *bytes = (size_t)p->count * ti->elem;
    return 0;
}

/* ---- lookup by name ---- */

static int find_required(const struct nvlist *nv, const char *name, const struct nvpair **out)
{
    *out = nvlist_find(nv, name);
    return *out == NULL ? err_raise(ZE_NOENT, "nvlist has no %s", name) : 0;
}

bool nvlist_exists(const struct nvlist *nv, const char *name)
{
    return nvlist_find(nv, name) != NULL;
}

int nvlist_lookup_u64(const struct nvlist *nv, const char *name, uint64_t *v)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_u64(p, v);
}

int nvlist_lookup_i64(const struct nvlist *nv, const char *name, int64_t *v)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_i64(p, v);
}

int nvlist_lookup_bool(const struct nvlist *nv, const char *name, bool *v)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_bool(p, v);
}

int nvlist_lookup_string(const struct nvlist *nv, const char *name, const char **v)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_string(p, v);
}

int nvlist_lookup_nvlist(const struct nvlist *nv, const char *name, struct nvlist **v)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_nvlist(p, v);
}

int nvlist_lookup_u64_array(const struct nvlist *nv, const char *name, const uint64_t **v,
                            size_t *n)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_u64_array(p, v, n);
}

int nvlist_lookup_byte_array(const struct nvlist *nv, const char *name, const uint8_t **v,
                             size_t *n)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    if (err != 0)
        return err;
    if (p->type != NV_BYTE_ARRAY && p->type != NV_UINT8_ARRAY)
        return wrong_type(p, "a byte array");
    *v = p->v.ptr;
    *n = p->count;
    return 0;
}

int nvlist_lookup_string_array(const struct nvlist *nv, const char *name, const char *const **v,
                               size_t *n)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_string_array(p, v, n);
}

int nvlist_lookup_nvlist_array(const struct nvlist *nv, const char *name, struct nvlist *const **v,
                               size_t *n)
{
    const struct nvpair *p;
    int err = find_required(nv, name, &p);

    return err != 0 ? err : nvpair_nvlist_array(p, v, n);
}

uint64_t nvlist_u64(const struct nvlist *nv, const char *name, uint64_t dflt)
{
    const struct nvpair *p = nvlist_find(nv, name);
    const struct nv_type_info *ti = p == NULL ? NULL : &type_table[p->type];

    if (ti == NULL || ti->array || ti->elem == 0 || ti->is_signed || p->type == NV_DOUBLE)
        return dflt;
    return p->v.u;
}

const char *nvlist_string(const struct nvlist *nv, const char *name, const char *dflt)
{
    const struct nvpair *p = nvlist_find(nv, name);

    return p != NULL && p->type == NV_STRING ? p->v.str : dflt;
}

bool nvlist_bool(const struct nvlist *nv, const char *name, bool dflt)
{
    const struct nvpair *p = nvlist_find(nv, name);

    if (p != NULL && p->type == NV_BOOLEAN)
        return true;
    return p != NULL && p->type == NV_BOOLEAN_VALUE ? p->v.u != 0 : dflt;
}

struct nvlist *nvlist_child(const struct nvlist *nv, const char *name)
{
    const struct nvpair *p = nvlist_find(nv, name);

    return p != NULL && p->type == NV_NVLIST ? p->v.list : NULL;
}

/* ---- packed forms ---- */

uint64_t nvpair_native_value_size(const struct nvpair *p)
{
    uint64_t n = p->count;

    switch (p->type) {
    case NV_BOOLEAN:
        return 0;
    case NV_STRING:
        return strlen(p->v.str) + 1;
    case NV_STRING_ARRAY:
        n *= 8;
        for (uint32_t i = 0; i < p->count; i++)
            n += strlen(p->v.strs[i]) + 1;
        return n;
    case NV_NVLIST:
        return 24;
    case NV_NVLIST_ARRAY:
        return n * 32;
    default:
        return n * type_table[p->type].elem;
    }
}

uint8_t *nvbuf_grow(struct nvbuf *b, size_t n)
{
    uint8_t *at;

    if (b->err == 0 && (n > INT32_MAX || b->len > INT32_MAX - n))
        b->err = err_raise(ZE_RANGE, "packed nvlist would exceed 2 GiB");
    if (b->err != 0)
        return NULL;
    if (b->measure) {
        b->len += n;
        return NULL;
    }
    if (n > b->cap - b->len) {
        size_t cap = max_of(b->len + n, b->cap + b->cap / 2 + 256);
        uint8_t *p = realloc(b->data, cap);
        if (p == NULL) {
            b->err = err_raise(ZE_NOMEM, "packed nvlist of %zu bytes", cap);
            return NULL;
        }
        b->data = p;
        b->cap = cap;
    }
    at = b->data + b->len;
    memset(at, 0, n);
    b->len += n;
    return at;
}

void nvbuf_put(struct nvbuf *b, const void *p, size_t n)
{
    uint8_t *at = nvbuf_grow(b, n);

    if (at != NULL && n != 0)
        memcpy(at, p, n);
}

static void encode_to(const struct nvlist *nv, enum nv_encoding enc, struct nvbuf *b)
{
    uint8_t head[4] = {(uint8_t)enc, HOST_IS_LITTLE, 0, 0};

    nvbuf_put(b, head, sizeof(head));
    if (enc == NV_ENC_XDR)
        nvlist_xdr_encode(nv, b);
    else
        nvlist_native_encode(nv, b);
}

int nvlist_encode(const struct nvlist *nv, enum nv_encoding enc, uint8_t **buf, size_t *len)
{
    struct nvbuf b = {0};

    encode_to(nv, enc, &b);
    if (b.err != 0) {
        free(b.data);
        return b.err;
    }
    *buf = b.data;
    *len = b.len;
    return 0;
}

size_t nvlist_encoded_size(const struct nvlist *nv, enum nv_encoding enc)
{
    struct nvbuf b = {.measure = true};

    encode_to(nv, enc, &b);
    return b.err != 0 ? 0 : b.len;
}

int nvlist_decode_used(struct span packed, struct nvlist **out, size_t *used)
{
    struct span body;
    int err;

    if (!span_sub(packed, 4, packed.len < 4 ? 0 : packed.len - 4, &body))
        return err_raise(ZE_NVLIST, "packed nvlist of %zu bytes has no header", packed.len);
    if (packed.data[0] == NV_ENC_XDR)
        err = nvlist_xdr_decode(body, out, used);
    else if (packed.data[0] == NV_ENC_NATIVE && packed.data[1] > 1)
        err = err_raise(ZE_NVLIST, "nvlist header: byte order %u", packed.data[1]);
    else if (packed.data[0] == NV_ENC_NATIVE)
        err = nvlist_native_decode(body, packed.data[1] != HOST_IS_LITTLE, out, used);
    else
        err = err_raise(ZE_NVLIST, "nvlist header: encoding %u", packed.data[0]);
    if (err == 0)
        *used += 4;
    return err;
}

int nvlist_decode(struct span packed, struct nvlist **out)
{
    size_t used;

    return nvlist_decode_used(packed, out, &used);
}
