/* SPDX-License-Identifier: MIT */
/*
 * What is derived at run time from a structure's table of fields: byte swap, text dump, JSON dump.
 */
#include "disk/fields.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

static size_t field_width(const struct field *f)
{
    switch ((enum field_kind)f->kind) {
    case FIELD_U8:
    case FIELD_CHAR:
        return 1;
    case FIELD_U16:
        return 2;
    case FIELD_U32:
        return 4;
    case FIELD_U64:
    case FIELD_I64:
        return 8;
    case FIELD_DVA:
        return sizeof(struct dva);
    case FIELD_CKSUM:
        return sizeof(struct cksum);
    case FIELD_BP:
        return sizeof(struct blkptr);
    }
    return 1;
}

void layout_bswap(const struct layout *l, void *p)
{
    for (unsigned i = 0; i < l->nfields; i++) {
        const struct field *f = &l->fields[i];
        uint8_t *at = (uint8_t *)p + f->offset;
        size_t bytes = f->count * field_width(f);

        switch ((enum field_kind)f->kind) {
        case FIELD_U8:
        case FIELD_CHAR:
            break;
        case FIELD_U16:
            bswap16_array(at, bytes);
            break;
        case FIELD_U32:
            bswap32_array(at, bytes);
            break;
        default: /* everything else is made of 64-bit words */
            bswap64_array(at, bytes);
        }
    }
}

bool layout_padding_zero(const struct layout *l, const void *p)
{
    for (unsigned i = 0; i < l->nfields; i++) {
        const struct field *f = &l->fields[i];
        const uint8_t *at = (const uint8_t *)p + f->offset;
        size_t bytes = f->count * field_width(f);

        if (f->fmt != FIELD_NONE)
            continue;
        for (size_t b = 0; b < bytes; b++)
            if (at[b] != 0)
                return false;
    }
    return true;
}

int field_nice_number(char *buf, size_t len, uint64_t v)
{
    static const char units[] = "KMGTPE";
    unsigned index = 0;
    uint64_t n = v;

    while (n >= 1024 && index < sizeof(units) - 1) {
        n >>= 10;
        index++;
    }
    if (index == 0)
        return snprintf(buf, len, "%" PRIu64, v);
    char unit = units[index - 1];
    if ((v & (((uint64_t)1 << (10 * index)) - 1)) == 0)
        return snprintf(buf, len, "%" PRIu64 "%c", n, unit);

    char text[32];
    int used = 0;
    for (int precision = 2; precision >= 0; precision--) {
        double scaled = (double)v / (double)((uint64_t)1 << (10 * index));
        used = snprintf(text, sizeof(text), "%.*f%c", precision, scaled, unit);
        if (used <= 5)
            break;
    }
    return snprintf(buf, len, "%s", text);
}

static uint64_t field_integer(const struct field *f, const uint8_t *at)
{
    switch (field_width(f)) {
    case 1:
        return *at;
    case 2:
        return load_ne16(at);
    case 4:
        return load_ne32(at);
    default:
        return load_ne64(at);
    }
}

int field_time_text(char *buf, size_t len, uint64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64] = "";

    if ((uint64_t)t != seconds || localtime_r(&t, &tm) == NULL ||
        strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm) == 0)
        return snprintf(buf, len, "%" PRIu64, seconds);
    return snprintf(buf, len, "%s", text);
}

static void field_integer_text(const struct field *f, uint64_t v, char *buf, size_t len)
{
    switch ((enum field_fmt)f->fmt) {
    case FIELD_SDEC:
        snprintf(buf, len, "%" PRId64, (int64_t)v);
        break;
    case FIELD_HEX:
        snprintf(buf, len, "0x%" PRIx64, v);
        break;
    case FIELD_XDEC:
        snprintf(buf, len, "%" PRIx64, v);
        break;
    case FIELD_NICE:
        field_nice_number(buf, len, v);
        break;
    case FIELD_TIME:
        field_time_text(buf, len, v);
        break;
    default:
        snprintf(buf, len, "%" PRIu64, v);
    }
}

#define FIELD_TEXT_MAX BP_TEXT_MAX

static void field_element_text(const struct field *f, const uint8_t *at, char *buf, size_t len)
{
    struct dva d;
    struct cksum c;
    struct blkptr bp;

    switch ((enum field_kind)f->kind) {
    case FIELD_DVA:
        memcpy(&d, at, sizeof(d));
        snprintf(buf, len, "%" PRIu64 ":%" PRIx64 ":%" PRIx64, dva_vdev(&d), dva_offset(&d),
                 dva_asize(&d));
        break;
    case FIELD_CKSUM:
        memcpy(&c, at, sizeof(c));
        snprintf(buf, len, "%016" PRIx64 ":%016" PRIx64 ":%016" PRIx64 ":%016" PRIx64, c.word[0],
                 c.word[1], c.word[2], c.word[3]);
        break;
    case FIELD_BP:
        memcpy(&bp, at, sizeof(bp));
        bp_format(buf, len, &bp);
        break;
    default:
        field_integer_text(f, field_integer(f, at), buf, len);
    }
}

static bool field_is_string(const struct field *f)
{
    return f->fmt == FIELD_BYTES || f->fmt == FIELD_TEXT;
}

static void field_string_text(const struct field *f, const uint8_t *at, char *buf, size_t len)
{
    size_t used = 0;

    if (f->fmt == FIELD_TEXT) {
        snprintf(buf, len, "%.*s", (int)strnlen((const char *)at, f->count), (const char *)at);
        return;
    }
    buf[0] = '\0';
    for (size_t i = 0; i < f->count && used + 3 <= len; i++, used += 2)
        snprintf(buf + used, len - used, "%02x", at[i]);
}

static void field_line(unsigned tabs, FILE *out)
{
    for (unsigned i = 0; i < tabs; i++)
        fputc('\t', out);
}

void layout_dump(const struct layout *l, const void *p, unsigned tabs, FILE *out)
{
    char text[FIELD_TEXT_MAX];

    for (unsigned i = 0; i < l->nfields; i++) {
        const struct field *f = &l->fields[i];
        const uint8_t *at = (const uint8_t *)p + f->offset;

        if (f->fmt == FIELD_NONE)
            continue;
        if (field_is_string(f)) {
            field_string_text(f, at, text, sizeof(text));
            field_line(tabs, out);
            fprintf(out, "%s = %s\n", f->name, text);
            continue;
        }
        for (unsigned n = 0; n < f->count; n++, at += field_width(f)) {
            field_element_text(f, at, text, sizeof(text));
            field_line(tabs, out);
            if (f->count == 1)
                fprintf(out, "%s = %s\n", f->name, text);
            else
                fprintf(out, "%s[%u] = %s\n", f->name, n, text);
        }
    }
}

static json_t *field_element_json(const struct field *f, const uint8_t *at)
{
    char text[FIELD_TEXT_MAX];
    bool number = f->kind == FIELD_U8 || f->kind == FIELD_CHAR || f->kind == FIELD_U16 ||
                  f->kind == FIELD_U32 || f->kind == FIELD_U64 || f->kind == FIELD_I64;

    if (number && f->fmt != FIELD_HEX && f->fmt != FIELD_XDEC) {
        uint64_t v = field_integer(f, at);
        /* jansson's integers are signed; guids and such do not fit and become decimal strings. */
        if (v <= INT64_MAX || f->kind == FIELD_I64)
            return json_integer((json_int_t)v);
        snprintf(text, sizeof(text), "%" PRIu64, v);
        return json_string(text);
    }
    field_element_text(f, at, text, sizeof(text));
    return json_string(text);
}

static json_t *field_json(const struct field *f, const uint8_t *at)
{
    char text[FIELD_TEXT_MAX];

    if (field_is_string(f)) {
        field_string_text(f, at, text, sizeof(text));
        json_t *s = json_string(text); /* NULL for text that is not UTF-8 */
        return s != NULL ? s : json_string("");
    }
    if (f->count == 1)
        return field_element_json(f, at);
    json_t *array = json_array();
    for (unsigned n = 0; array != NULL && n < f->count; n++, at += field_width(f)) {
        if (json_array_append_new(array, field_element_json(f, at)) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

struct json_t *layout_json(const struct layout *l, const void *p)
{
    json_t *object = json_object();

    for (unsigned i = 0; object != NULL && i < l->nfields; i++) {
        const struct field *f = &l->fields[i];
        if (f->fmt == FIELD_NONE)
            continue;
        if (json_object_set_new(object, f->name, field_json(f, (const uint8_t *)p + f->offset)) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}
