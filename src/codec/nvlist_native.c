/* SPDX-License-Identifier: MIT */
/*
 * Native form of name-value lists (format/pool.md, "3.4 Native list"): cache files, history
 * records, service messages. The writer's byte order; the contents of nested lists follow the pair
 * they belong to. Either byte order is decoded, the host's is written.
 */
#include "codec/nvlist_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define PAIR_HEAD  16 /* bytes before the name */
#define LIST_IMAGE 24 /* what stands for a nested list in its parent's value */

/* ---- decoding ---- */

struct native_in {
    struct span s;
    size_t at;
    bool swapped;
    unsigned depth;
};

/* The fixed part of a pair. */
struct pair_head {
    uint32_t size, count, type;
    uint16_t name_size; /* with NUL */
    const char *name;
    struct span value; /* with its padding */
};

static uint32_t in_u32(const struct native_in *in, const void *p)
{
    uint32_t v = load_ne32(p);

    return in->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t in_u16(const struct native_in *in, const void *p)
{
    uint16_t v = load_ne16(p);

    return in->swapped ? __builtin_bswap16(v) : v;
}

static int in_bad(const struct native_in *in, const char *what)
{
    return err_raise(ZE_NVLIST, "native nvlist: bad %s in the pair at byte %zu", what, in->at);
}

static void swap_elems(void *p, size_t bytes, uint8_t width)
{
    if (width == 2)
        bswap16_array(p, bytes);
    else if (width == 4)
        bswap32_array(p, bytes);
    else if (width == 8)
        bswap64_array(p, bytes);
}

/* Reads the size word only at the end of a list: then h->size is 0. */
static int in_head(struct native_in *in, struct pair_head *h)
{
    const uint8_t *p = in->s.data + in->at;
    size_t left = in->s.len - in->at;
    const struct nv_type_info *ti;
    uint64_t value_at;

    if (left < 4)
        return in_bad(in, "end");
    h->size = in_u32(in, p);
    if (h->size == 0)
        return 0;
    if (h->size < PAIR_HEAD || h->size > left || h->size > INT32_MAX)
        return in_bad(in, "size");
    h->name_size = in_u16(in, p + 4);
    h->count = in_u32(in, p + 8);
    h->type = in_u32(in, p + 12);
    h->name = (const char *)p + PAIR_HEAD;
    value_at = nv_align8(PAIR_HEAD + (uint64_t)h->name_size);
    if (h->name_size == 0 || h->name_size > INT16_MAX || value_at > h->size)
        return in_bad(in, "name size");
    if (strnlen(h->name, h->name_size) != (size_t)h->name_size - 1)
        return in_bad(in, "name");
    ti = nv_type_info(h->type);
    if (ti == NULL)
        return in_bad(in, "type");
    if (h->count > INT32_MAX || (!ti->array && h->count != (h->type == NV_BOOLEAN ? 0 : 1)))
        return in_bad(in, "count");
    h->value = span_of(p + value_at, h->size - value_at);
    return 0;
}

static int in_string_value(struct native_in *in, const struct pair_head *h, struct nvpair *p)
{
    size_t len = strnlen((const char *)h->value.data, h->value.len);

    if (len == h->value.len)
        return in_bad(in, "string");
    p->v.str = mem_zalloc(len + 1);
    if (p->v.str == NULL)
        return err_raise(ZE_NOMEM, "nvlist string %s", p->name);
    p->owned = true;
    memcpy(p->v.str, h->value.data, len);
    return 0;
}

static int in_string_array(struct native_in *in, const struct pair_head *h, struct nvpair *p)
{
    uint64_t table = (uint64_t)h->count * 8, at = table;
    char *chars;

    if (h->count == 0)
        return 0;
    if (table > h->value.len)
        return in_bad(in, "string array");
    for (uint32_t i = 0; i < h->count; i++) {
        at += strnlen((const char *)h->value.data + at, h->value.len - at) + 1;
        if (at > h->value.len)
            return in_bad(in, "string array");
    }
    p->v.ptr = malloc((size_t)h->count * sizeof(char *) + (size_t)(at - table));
    if (p->v.ptr == NULL)
        return err_raise(ZE_NOMEM, "nvlist string array %s", p->name);
    p->owned = true;
    chars = (char *)p->v.ptr + (size_t)h->count * sizeof(char *);
    memcpy(chars, h->value.data + table, (size_t)(at - table));
    for (uint32_t i = 0; i < h->count; i++) {
        p->v.strs[i] = chars;
        chars += strlen(chars) + 1;
    }
    return 0;
}

static int in_numbers(struct native_in *in, const struct pair_head *h, struct nvpair *p)
{
    const struct nv_type_info *ti = nv_type_info(h->type);
    uint64_t bytes = (uint64_t)h->count * ti->elem;
    uint8_t elem[8];

    if (bytes > h->value.len)
        return in_bad(in, "value");
    if (ti->array && bytes != 0) {
        p->v.ptr = malloc((size_t)bytes);
        if (p->v.ptr == NULL)
            return err_raise(ZE_NOMEM, "nvlist array %s", p->name);
        p->owned = true;
        memcpy(p->v.ptr, h->value.data, (size_t)bytes);
        if (in->swapped)
            swap_elems(p->v.ptr, (size_t)bytes, ti->elem);
    } else if (!ti->array && bytes != 0) {
        memcpy(elem, h->value.data, (size_t)bytes);
        if (in->swapped)
            swap_elems(elem, (size_t)bytes, ti->elem);
        p->v.u = nv_elem_widen(p->type, elem);
        if (p->type == NV_BOOLEAN_VALUE && p->v.u > 1)
            return in_bad(in, "boolean");
    }
    return 0;
}

static int in_list(struct native_in *in, uint32_t flags, struct nvlist **out);

/* image: the list's 24 bytes in the pair's value; its contents come next in the stream. */
static int in_nested(struct native_in *in, const uint8_t *image, struct nvlist **out)
{
    if (in_u32(in, image) != 0)
        return in_bad(in, "nested list version");
    return in_list(in, in_u32(in, image + 4), out);
}

/* The pair itself has been stepped over: in->at is where nested contents start. */
static int in_lists(struct native_in *in, const struct pair_head *h, struct nvpair *p)
{
    uint64_t bytes = h->type == NV_NVLIST ? LIST_IMAGE : (uint64_t)h->count * (8 + LIST_IMAGE);
    const uint8_t *images = h->value.data + (size_t)h->count * 8;
    int err = 0;

    if (bytes > h->value.len)
        return in_bad(in, "nested list");
    if (h->type == NV_NVLIST) {
        err = in_nested(in, h->value.data, &p->v.list);
        p->owned = err == 0;
        return err;
    }
    if (h->count == 0)
        return 0;
    p->v.lists = mem_calloc(h->count, sizeof(*p->v.lists));
    if (p->v.lists == NULL)
        return err_raise(ZE_NOMEM, "nvlist array %s", p->name);
    p->owned = true;
    for (uint32_t i = 0; i < h->count && err == 0; i++)
        err = in_nested(in, images + (size_t)i * LIST_IMAGE, &p->v.lists[i]);
    return err;
}

static int in_value(struct native_in *in, const struct pair_head *h, struct nvpair *p)
{
    switch (p->type) {
    case NV_BOOLEAN:
        return 0;
    case NV_STRING:
        return in_string_value(in, h, p);
    case NV_STRING_ARRAY:
        return in_string_array(in, h, p);
    case NV_NVLIST:
    case NV_NVLIST_ARRAY:
        return in_lists(in, h, p);
    default:
        return in_numbers(in, h, p);
    }
}

/* *out NULL at the end of the list. */
static int in_pair(struct native_in *in, struct nvpair **out)
{
    AUTO_NVPAIR struct nvpair *p = NULL;
    struct pair_head h = {0};
    int err = in_head(in, &h);

    *out = NULL;
    if (err != 0)
        return err;
    if (h.size == 0) {
        in->at += 4;
        return 0;
    }
    err = nvpair_new(h.name, h.name_size - 1u, (enum nv_type)h.type, h.count, &p);
    if (err != 0)
        return err;
    in->at += h.size;
    err = in_value(in, &h, p);
    if (err != 0)
        return err;
    if (h.size != nvpair_native_size(h.name_size - 1u, nvpair_native_value_size(p)))
        return err_raise(ZE_NVLIST, "native nvlist: size of pair %s is wrong", p->name);
    *out = p;
    p = NULL;
    return 0;
}

static int in_list(struct native_in *in, uint32_t flags, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct nvpair *p = NULL;
    int err;

    if (in->depth >= NVLIST_DEPTH_MAX)
        return err_raise(ZE_NVLIST, "nvlist nests deeper than %d", NVLIST_DEPTH_MAX);
    err = nvlist_create_flags(flags, &nv);
    if (err != 0)
        return err;
    in->depth++;
    while ((err = in_pair(in, &p)) == 0 && p != NULL)
        if ((err = nvlist_append(nv, p)) != 0)
            break;
    in->depth--;
    if (err != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

int nvlist_native_decode(struct span s, bool swapped, struct nvlist **out, size_t *used)
{
    struct native_in in = {.s = s, .at = 8, .swapped = swapped};
    int err;

    if (s.len < 8)
        return err_raise(ZE_NVLIST, "native nvlist of %zu bytes has no list header", s.len);
    if (in_u32(&in, s.data) != 0)
        return err_raise(ZE_NVLIST, "nvlist version %u", in_u32(&in, s.data));
    err = in_list(&in, in_u32(&in, s.data + 4), out);
    *used = in.at;
    return err;
}

/* ---- encoding ---- */

static void out_u32(struct nvbuf *b, uint32_t v)
{
    nvbuf_put(b, &v, sizeof(v));
}

static void out_image(struct nvbuf *b, const struct nvlist *nv)
{
    out_u32(b, 0);
    out_u32(b, nv->flags);
    nvbuf_grow(b, LIST_IMAGE - 8);
}

static void out_value(struct nvbuf *b, const struct nvpair *p)
{
    const struct nv_type_info *ti = nv_type_info(p->type);
    uint8_t elem[8] = {0};

    switch (p->type) {
    case NV_BOOLEAN:
        break;
    case NV_STRING:
        nvbuf_put(b, p->v.str, strlen(p->v.str) + 1);
        break;
    case NV_STRING_ARRAY:
        nvbuf_grow(b, (size_t)p->count * 8);
        for (uint32_t i = 0; i < p->count; i++)
            nvbuf_put(b, p->v.strs[i], strlen(p->v.strs[i]) + 1);
        break;
    case NV_NVLIST:
        out_image(b, p->v.list);
        break;
    case NV_NVLIST_ARRAY:
        nvbuf_grow(b, (size_t)p->count * 8);
        for (uint32_t i = 0; i < p->count; i++)
            out_image(b, p->v.lists[i]);
        break;
    default:
        if (ti->array) {
            nvbuf_put(b, p->v.ptr, (size_t)p->count * ti->elem);
        } else {
            nv_elem_store(p->type, elem, p->v.u);
            nvbuf_put(b, elem, ti->elem);
        }
    }
}

static void out_contents(struct nvbuf *b, const struct nvlist *nv, unsigned depth);

static void out_pair(struct nvbuf *b, const struct nvpair *p, unsigned depth)
{
    size_t start = b->len, name_len = strlen(p->name);
    uint16_t name_size[2] = {(uint16_t)(name_len + 1), 0};

    out_u32(b, (uint32_t)nvpair_native_size(name_len, nvpair_native_value_size(p)));
    nvbuf_put(b, name_size, sizeof(name_size));
    out_u32(b, p->count);
    out_u32(b, p->type);
    nvbuf_put(b, p->name, name_len + 1);
    nvbuf_grow(b, -(b->len - start) & 7);
    out_value(b, p);
    nvbuf_grow(b, -(b->len - start) & 7);
    if (p->type == NV_NVLIST)
        out_contents(b, p->v.list, depth + 1);
    if (p->type == NV_NVLIST_ARRAY)
        for (uint32_t i = 0; i < p->count; i++)
            out_contents(b, p->v.lists[i], depth + 1);
}

static void out_contents(struct nvbuf *b, const struct nvlist *nv, unsigned depth)
{
    if (depth >= NVLIST_DEPTH_MAX && b->err == 0)
        b->err = err_raise(ZE_NVLIST, "nvlist nests deeper than %d", NVLIST_DEPTH_MAX);
    if (b->err != 0)
        return;
    for (const struct nvpair *p = nv->head; p != NULL; p = p->next)
        out_pair(b, p, depth);
    out_u32(b, 0);
}

void nvlist_native_encode(const struct nvlist *nv, struct nvbuf *b)
{
    out_u32(b, 0);
    out_u32(b, nv->flags);
    out_contents(b, nv, 0);
}
