/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists to and from JSON: see nvlist_json.h. Writing is ours, because JSON libraries
 * know no unsigned 64-bit numbers; reading is jansson's.
 */
#include "codec/nvlist_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/nvlist_impl.h"
#include "codec/unicode.h"

/* ---- writing ---- */

static size_t utf8_length(const char *s)
{
    for (size_t n = 1; n <= 4; n++)
        if (strnlen(s, n) == n && unicode_utf8_valid(s, n))
            return n;
    return 0;
}

static void put_string(const char *s, FILE *out)
{
    static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";

    fputc('"', out);
    while (*s != '\0') {
        const char *special = strchr(plain, *s);
        size_t n = utf8_length(s);
        if (special != NULL)
            fprintf(out, "\\%c", escaped[special - plain]);
        else if ((unsigned char)*s < 0x20 || *s == 0x7f)
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*s);
        else if (n == 0)
            fputs("\\ufffd", out);
        else
            fwrite(s, 1, n, out);
        s += n != 0 ? n : 1;
    }
    fputc('"', out);
}

static void put_number(enum nv_type type, uint64_t v, FILE *out)
{
    if (type == NV_BOOLEAN_VALUE || type == NV_BOOLEAN_ARRAY)
        fputs(v != 0 ? "true" : "false", out);
    else if (nv_type_info(type)->is_signed)
        fprintf(out, "%" PRId64, (int64_t)v);
    else
        fprintf(out, "%" PRIu64, v);
}

static void put_double(double d, FILE *out)
{
    if (isfinite(d))
        fprintf(out, "%.17g", d);
    else
        fputs("null", out);
}

static void put_array(const struct nvpair *p, FILE *out)
{
    uint8_t width = nv_type_info(p->type)->elem;

    fputc('[', out);
    for (uint32_t i = 0; i < p->count; i++) {
        if (i != 0)
            fputc(',', out);
        if (p->type == NV_NVLIST_ARRAY)
            nvlist_json_print(p->v.lists[i], out);
        else if (p->type == NV_STRING_ARRAY)
            put_string(p->v.strs[i], out);
        else
            put_number(p->type,
                       nv_elem_widen(p->type, (const uint8_t *)p->v.ptr + (size_t)i * width), out);
    }
    fputc(']', out);
}

static void put_value(const struct nvpair *p, FILE *out)
{
    switch (p->type) {
    case NV_BOOLEAN:
        fputs("true", out);
        break;
    case NV_STRING:
        put_string(p->v.str, out);
        break;
    case NV_NVLIST:
        nvlist_json_print(p->v.list, out);
        break;
    case NV_DOUBLE:
        put_double(p->v.d, out);
        break;
    default:
        if (nv_type_info(p->type)->array)
            put_array(p, out);
        else
            put_number(p->type, p->v.u, out);
    }
}

void nvlist_json_print(const struct nvlist *nv, FILE *out)
{
    fputc('{', out);
    for (const struct nvpair *p = nv->head; p != NULL; p = p->next) {
        if (p != nv->head)
            fputc(',', out);
        put_string(p->name, out);
        fputc(':', out);
        put_value(p, out);
    }
    fputc('}', out);
}

int nvlist_to_json(const struct nvlist *nv, char **text)
{
    size_t len;
    FILE *out = open_memstream(text, &len);

    if (out == NULL)
        return err_raise(ZE_NOMEM, "JSON text");
    nvlist_json_print(nv, out);
    if (fclose(out) != 0) {
        free(*text);
        return err_raise(ZE_NOMEM, "JSON text");
    }
    return 0;
}

/* ---- reading ---- */

static int read_object(const json_t *obj, unsigned depth, struct nvlist **out);

static int mixed_array(const char *name)
{
    return err_raise(ZE_NOTSUP, "JSON array %s has elements of different types", name);
}

static int read_numbers(struct nvlist *nv, const char *name, const json_t *array)
{
    size_t n = json_array_size(array);
    AUTO_FREE uint64_t *v = mem_calloc(n + 1, sizeof(*v));

    if (v == NULL)
        return err_raise(ZE_NOMEM, "JSON array %s", name);
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(array, i);
        if (!json_is_integer(e) || json_integer_value(e) < 0)
            return mixed_array(name);
        v[i] = (uint64_t)json_integer_value(e);
    }
    return nvlist_add_u64_array(nv, name, v, n);
}

static int read_strings(struct nvlist *nv, const char *name, const json_t *array)
{
    size_t n = json_array_size(array);
    AUTO_FREE const char **v = mem_calloc(n + 1, sizeof(*v));

    if (v == NULL)
        return err_raise(ZE_NOMEM, "JSON array %s", name);
    for (size_t i = 0; i < n; i++) {
        v[i] = json_string_value(json_array_get(array, i));
        if (v[i] == NULL)
            return mixed_array(name);
    }
    return nvlist_add_string_array(nv, name, v, n);
}

static int read_lists(struct nvlist *nv, const char *name, const json_t *array, unsigned depth)
{
    size_t n = json_array_size(array), made = 0;
    AUTO_FREE struct nvlist **v = mem_calloc(n + 1, sizeof(struct nvlist *));
    int err = 0;

    if (v == NULL)
        return err_raise(ZE_NOMEM, "JSON array %s", name);
    for (; made < n && err == 0; made += err == 0) {
        const json_t *e = json_array_get(array, made);
        err = json_is_object(e) ? read_object(e, depth + 1, &v[made]) : mixed_array(name);
    }
    if (err == 0)
        err = nvlist_add_nvlist_array(nv, name, v, n);
    for (size_t i = 0; i < made; i++)
        nvlist_free(v[i]);
    return err;
}

static int read_array(struct nvlist *nv, const char *name, const json_t *array, unsigned depth)
{
    const json_t *first = json_array_get(array, 0);

    if (json_is_string(first))
        return read_strings(nv, name, array);
    if (json_is_object(first))
        return read_lists(nv, name, array, depth);
    return read_numbers(nv, name, array);
}

static int read_value(struct nvlist *nv, const char *name, const json_t *v, unsigned depth)
{
    struct nvlist *child = NULL;
    int err;

    switch (json_typeof(v)) {
    case JSON_OBJECT:
        err = read_object(v, depth + 1, &child);
        return err != 0 ? err : nvlist_take_nvlist(nv, name, child);
    case JSON_ARRAY:
        return read_array(nv, name, v, depth);
    case JSON_STRING:
        return nvlist_add_string(nv, name, json_string_value(v));
    case JSON_INTEGER:
        if (json_integer_value(v) < 0)
            return nvlist_add_i64(nv, name, json_integer_value(v));
        return nvlist_add_u64(nv, name, (uint64_t)json_integer_value(v));
    case JSON_REAL:
        return nvlist_add_double(nv, name, json_real_value(v));
    case JSON_TRUE:
    case JSON_FALSE:
        return nvlist_add_bool(nv, name, json_is_true(v));
    default:
        return nvlist_add_boolean(nv, name);
    }
}

static int read_object(const json_t *obj, unsigned depth, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    const char *name;
    json_t *v;
    int err;

    if (depth >= NVLIST_DEPTH_MAX)
        return err_raise(ZE_INVAL, "JSON nests deeper than %d", NVLIST_DEPTH_MAX);
    err = nvlist_create(&nv);
    json_object_foreach((json_t *)(uintptr_t)obj, name, v)
    {
        if (err == 0)
            err = read_value(nv, name, v, depth);
    }
    if (err != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

int nvlist_from_json(const char *text, size_t len, struct nvlist **out)
{
    json_error_t where;
    json_t *root = json_loadb(text, len, 0, &where);
    int err;

    if (root == NULL)
        return err_raise(ZE_INVAL, "JSON line %d column %d: %s", where.line, where.column,
                         where.text);
    err = json_is_object(root) ? read_object(root, 0, out)
                               : err_raise(ZE_INVAL, "JSON text is not an object");
    json_decref(root);
    return err;
}
