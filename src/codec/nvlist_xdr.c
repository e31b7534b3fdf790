/* SPDX-License-Identifier: MIT */
/*
 * XDR form of name-value lists (format/pool.md, "3.3 XDR list"): labels, MOS objects, streams.
 * Big-endian, units of four bytes. encoded_size is written but never trusted; decoded_size must be
 * exact.
 */
#include "codec/nvlist_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- decoding ---- */

struct xdr_in {
    struct span s;
    size_t at;
    unsigned depth;
};

static int in_short(const struct xdr_in *in, const char *what)
{
    return err_raise(ZE_NVLIST, "XDR nvlist ends at byte %zu inside %s", in->at, what);
}

static int in_u32(struct xdr_in *in, uint32_t *v, const char *what)
{
    if (in->s.len - in->at < 4)
        return in_short(in, what);
    *v = load_be32(in->s.data + in->at);
    in->at += 4;
    return 0;
}

/* len bytes and the zero padding behind them. */
static int in_opaque(struct xdr_in *in, uint32_t len, const uint8_t **p, const char *what)
{
    uint64_t padded = ((uint64_t)len + 3) & ~(uint64_t)3;

    if (in->s.len - in->at < padded)
        return in_short(in, what);
    *p = in->s.data + in->at;
    for (uint64_t i = len; i < padded; i++)
        if ((*p)[i] != 0)
            return err_raise(ZE_NVLIST, "XDR nvlist: padding of %s at byte %zu is not zero", what,
                             in->at);
    in->at += padded;
    return 0;
}

static int in_string(struct xdr_in *in, const uint8_t **p, uint32_t *len, const char *what)
{
    int err = in_u32(in, len, what);

    if (err == 0)
        err = in_opaque(in, *len, p, what);
    if (err == 0 && *len != 0 && memchr(*p, '\0', *len) != NULL)
        err = err_raise(ZE_NVLIST, "XDR nvlist: NUL inside %s", what);
    return err;
}

/* One element of 1, 2 or 4 bytes from its 4-byte word; wider ones from 8 bytes. */
static int in_elem(struct xdr_in *in, enum nv_type type, uint8_t width, void *out)
{
    uint32_t hi = 0, lo = 0;
    int err = in_u32(in, &hi, "a value");

    if (err != 0)
        return err;
    if (width == 8) {
        err = in_u32(in, &lo, "a value");
        store_ne64(out, (uint64_t)hi << 32 | lo);
        return err;
    }
    /* Real writers zero-extend; nothing legitimate has bits above the element's width. */
    if (width < 4 && hi >> (8 * width) != 0)
        return err_raise(ZE_NVLIST, "XDR nvlist: value 0x%x is wider than its type %d", hi,
                         (int)type);
    nv_elem_store(type, out, hi);
    return 0;
}

static int in_scalar(struct xdr_in *in, struct nvpair *p)
{
    uint8_t elem[8];
    int err = in_elem(in, p->type, nv_type_info(p->type)->elem, elem);

    if (err != 0)
        return err;
    p->v.u = nv_elem_widen(p->type, elem);
    if (p->type == NV_BOOLEAN_VALUE && p->v.u > 1)
        return err_raise(ZE_NVLIST, "XDR nvlist: boolean %s is neither 0 nor 1", p->name);
    return 0;
}

static int in_array(struct xdr_in *in, struct nvpair *p)
{
    uint8_t width = nv_type_info(p->type)->elem;
    uint64_t packed = p->type == NV_BYTE_ARRAY ? p->count : (uint64_t)p->count * max_of(width, 4);
    const uint8_t *bytes;
    uint32_t count = 0;
    int err;

    if (p->count == 0)
        return 0;
    if (p->type != NV_BYTE_ARRAY) {
        err = in_u32(in, &count, "an array count");
        if (err == 0 && count != p->count)
            err = err_raise(ZE_NVLIST, "XDR nvlist: array %s counts %u and %u elements", p->name,
                            p->count, count);
        if (err != 0)
            return err;
    }
    if (packed > in->s.len - in->at)
        return in_short(in, p->name);
    p->v.ptr = mem_calloc(p->count, width);
    if (p->v.ptr == NULL)
        return err_raise(ZE_NOMEM, "nvlist array %s", p->name);
    p->owned = true;
    if (p->type == NV_BYTE_ARRAY) {
        err = in_opaque(in, p->count, &bytes, "a byte array");
        if (err == 0)
            memcpy(p->v.ptr, bytes, p->count);
        return err;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        err = in_elem(in, p->type, width, (uint8_t *)p->v.ptr + (size_t)i * width);
        if (err != 0)
            return err;
    }
    return 0;
}

static int in_string_value(struct xdr_in *in, struct nvpair *p)
{
    const uint8_t *bytes;
    uint32_t len = 0;
    int err = in_string(in, &bytes, &len, "a string");

    if (err != 0)
        return err;
    p->v.str = mem_zalloc((size_t)len + 1);
    if (p->v.str == NULL)
        return err_raise(ZE_NOMEM, "nvlist string %s", p->name);
    p->owned = true;
    memcpy(p->v.str, bytes, len);
    return 0;
}

static int in_string_array(struct xdr_in *in, struct nvpair *p)
{
    size_t start = in->at, chars = 0, table = (size_t)p->count * sizeof(char *);
    const uint8_t *bytes;
    uint32_t len = 0;
    char *at;
    int err;

    if (p->count == 0)
        return 0;
    for (uint32_t i = 0; i < p->count; i++) {
        err = in_string(in, &bytes, &len, "a string array");
        if (err != 0)
            return err;
        chars += (size_t)len + 1;
    }
    p->v.ptr = mem_zalloc(table + chars);
    if (p->v.ptr == NULL)
        return err_raise(ZE_NOMEM, "nvlist string array %s", p->name);
    p->owned = true;
    in->at = start;
    at = (char *)p->v.ptr + table;
    for (uint32_t i = 0; i < p->count; i++) {
        err = in_string(in, &bytes, &len, "a string array");
        if (err != 0)
            return err;
        memcpy(at, bytes, len);
        p->v.strs[i] = at;
        at += len + 1;
    }
    return 0;
}

static int in_list(struct xdr_in *in, struct nvlist **out);

static int in_list_array(struct xdr_in *in, struct nvpair *p)
{
    int err = 0;

    if (p->count == 0)
        return 0;
    if (p->count > (in->s.len - in->at) / 16) /* an empty list takes 16 bytes */
        return in_short(in, p->name);
    p->v.lists = mem_calloc(p->count, sizeof(*p->v.lists));
    if (p->v.lists == NULL)
        return err_raise(ZE_NOMEM, "nvlist array %s", p->name);
    p->owned = true;
    for (uint32_t i = 0; i < p->count && err == 0; i++)
        err = in_list(in, &p->v.lists[i]);
    return err;
}

static int in_value(struct xdr_in *in, struct nvpair *p)
{
    const struct nv_type_info *ti = nv_type_info(p->type);
    int err;

    switch (p->type) {
    case NV_BOOLEAN:
        return 0;
    case NV_STRING:
        return in_string_value(in, p);
    case NV_STRING_ARRAY:
        return in_string_array(in, p);
    case NV_NVLIST:
        err = in_list(in, &p->v.list);
        p->owned = err == 0;
        return err;
    case NV_NVLIST_ARRAY:
        return in_list_array(in, p);
    default:
        return ti->array ? in_array(in, p) : in_scalar(in, p);
    }
}

/* *out NULL at the end of the list. */
static int in_pair(struct xdr_in *in, struct nvpair **out)
{
    AUTO_NVPAIR struct nvpair *p = NULL;
    uint32_t encoded = 0, decoded = 0, name_len = 0, type = 0, count = 0;
    const struct nv_type_info *ti;
    const uint8_t *name;
    uint64_t expect;
    size_t start = in->at;
    int err = in_u32(in, &encoded, "a pair");

    *out = NULL;
    if (err == 0)
        err = in_u32(in, &decoded, "a pair");
    if (err != 0 || decoded == 0)
        return err;
    err = in_string(in, &name, &name_len, "a name");
    if (err == 0)
        err = in_u32(in, &type, "a pair's type");
    if (err == 0)
        err = in_u32(in, &count, "a pair's count");
    if (err != 0)
        return err;
    ti = nv_type_info(type);
    if (ti == NULL)
        return err_raise(ZE_NVLIST, "XDR nvlist: type %u at byte %zu", type, start);
    if (count > INT32_MAX || name_len >= INT16_MAX ||
        (!ti->array && count != (type == NV_BOOLEAN ? 0 : 1)))
        return err_raise(ZE_NVLIST, "XDR nvlist: %u elements of type %u at byte %zu", count, type,
                         start);
    err = nvpair_new((const char *)name, name_len, (enum nv_type)type, count, &p);
    if (err == 0)
        err = in_value(in, p);
    if (err != 0)
        return err;
    expect = nvpair_native_size(name_len, nvpair_native_value_size(p));
    if (decoded != expect)
        return err_raise(ZE_NVLIST, "XDR nvlist: decoded size of %s is %u, must be %llu", p->name,
                         decoded, (unsigned long long)expect);
    *out = p;
    p = NULL;
    return 0;
}

static int in_list(struct xdr_in *in, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    uint32_t version = 0, flags = 0;
    struct nvpair *p = NULL;
    int err;

    if (in->depth >= NVLIST_DEPTH_MAX)
        return err_raise(ZE_NVLIST, "nvlist nests deeper than %d", NVLIST_DEPTH_MAX);
    err = in_u32(in, &version, "a list header");
    if (err == 0)
        err = in_u32(in, &flags, "a list header");
    if (err == 0 && version != 0)
        err = err_raise(ZE_NVLIST, "nvlist version %u", version);
    if (err == 0)
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

int nvlist_xdr_decode(struct span s, struct nvlist **out, size_t *used)
{
    struct xdr_in in = {.s = s};
    int err = in_list(&in, out);

    *used = in.at;
    return err;
}

/* ---- encoding ---- */

static void out_u32(struct nvbuf *b, uint32_t v)
{
    uint8_t *at = nvbuf_grow(b, 4);

    if (at != NULL)
        store_be32(at, v);
}

static void out_u64(struct nvbuf *b, uint64_t v)
{
    uint8_t *at = nvbuf_grow(b, 8);

    if (at != NULL)
        store_be64(at, v);
}

static void out_opaque(struct nvbuf *b, const void *p, size_t len)
{
    nvbuf_put(b, p, len);
    nvbuf_grow(b, -len & 3);
}

static void out_string(struct nvbuf *b, const char *s)
{
    size_t len = strlen(s);

    out_u32(b, (uint32_t)len);
    out_opaque(b, s, len);
}

static void out_elem(struct nvbuf *b, uint8_t width, uint64_t v)
{
    if (width == 8)
        out_u64(b, v);
    else
        out_u32(b, width == 4 ? (uint32_t)v : (uint32_t)v & ((1u << (8 * width)) - 1));
}

static void out_array(struct nvbuf *b, const struct nvpair *p)
{
    uint8_t width = nv_type_info(p->type)->elem;

    if (p->count == 0)
        return;
    if (p->type == NV_BYTE_ARRAY) {
        out_opaque(b, p->v.ptr, p->count);
        return;
    }
    out_u32(b, p->count);
    for (uint32_t i = 0; i < p->count; i++)
        out_elem(b, width, nv_elem_widen(p->type, (uint8_t *)p->v.ptr + (size_t)i * width));
}

static void out_list(struct nvbuf *b, const struct nvlist *nv, unsigned depth);

static void out_value(struct nvbuf *b, const struct nvpair *p, unsigned depth)
{
    const struct nv_type_info *ti = nv_type_info(p->type);

    switch (p->type) {
    case NV_BOOLEAN:
        break;
    case NV_STRING:
        out_string(b, p->v.str);
        break;
    case NV_STRING_ARRAY:
        for (uint32_t i = 0; i < p->count; i++)
            out_string(b, p->v.strs[i]);
        break;
    case NV_NVLIST:
        out_list(b, p->v.list, depth + 1);
        break;
    case NV_NVLIST_ARRAY:
        for (uint32_t i = 0; i < p->count; i++)
            out_list(b, p->v.lists[i], depth + 1);
        break;
    default:
        if (ti->array)
            out_array(b, p);
        else
            out_elem(b, ti->elem, p->v.u);
    }
}

/* An empty array that would have a count word still counts it in encoded_size (chapter 3.3). */
static bool counts_absent_word(const struct nvpair *p)
{
    const struct nv_type_info *ti = nv_type_info(p->type);

    return p->count == 0 && ti->array && ti->elem != 0 && p->type != NV_BYTE_ARRAY;
}

static void out_pair(struct nvbuf *b, const struct nvpair *p, unsigned depth)
{
    size_t start = b->len, name_len = strlen(p->name);

    out_u32(b, 0); /* encoded_size, filled in below */
    out_u32(b, (uint32_t)nvpair_native_size(name_len, nvpair_native_value_size(p)));
    out_string(b, p->name);
    out_u32(b, p->type);
    out_u32(b, p->count);
    out_value(b, p, depth);
    if (b->err == 0 && !b->measure)
        store_be32(b->data + start, (uint32_t)(b->len - start) + (counts_absent_word(p) ? 4 : 0));
}

static void out_list(struct nvbuf *b, const struct nvlist *nv, unsigned depth)
{
    if (depth >= NVLIST_DEPTH_MAX && b->err == 0)
        b->err = err_raise(ZE_NVLIST, "nvlist nests deeper than %d", NVLIST_DEPTH_MAX);
    if (b->err != 0)
        return;
    out_u32(b, 0);
    out_u32(b, nv->flags);
    for (const struct nvpair *p = nv->head; p != NULL; p = p->next)
        out_pair(b, p, depth);
    out_u64(b, 0);
}

void nvlist_xdr_encode(const struct nvlist *nv, struct nvbuf *b)
{
    out_list(b, nv, 0);
}
