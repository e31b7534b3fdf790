/* SPDX-License-Identifier: MIT */
/*
 * The indented text form of name-value lists as `zdb -l` and `zdb -C` show them. Types that zdb
 * calls "bad config type" (double, hrtime, boolean arrays) are printed like the others.
 */
#include "codec/nvlist_impl.h"

#include <inttypes.h>

static void print_number(const struct nvpair *p, uint64_t v, FILE *out)
{
    if (p->type == NV_DOUBLE)
        fprintf(out, "%f", p->v.d);
    else if (p->type == NV_BOOLEAN_VALUE || p->type == NV_BOOLEAN_ARRAY)
        fputs(v != 0 ? "true" : "false", out);
    else if (nv_type_info(p->type)->is_signed)
        fprintf(out, "%" PRId64, (int64_t)v);
    else
        fprintf(out, "%" PRIu64, v);
}

static void print_array(const struct nvpair *p, FILE *out, unsigned indent)
{
    uint8_t width = nv_type_info(p->type)->elem;

    for (uint32_t i = 0; i < p->count; i++) {
        fprintf(out, "%*s%s[%" PRIu32 "]:", (int)indent, "", p->name, i);
        if (p->type == NV_NVLIST_ARRAY) {
            fputc('\n', out);
            nvlist_print(p->v.lists[i], out, indent + 4);
            continue;
        }
        if (p->type == NV_STRING_ARRAY) {
            fprintf(out, " '%s'\n", p->v.strs[i]);
            continue;
        }
        fputc(' ', out);
        print_number(p, nv_elem_widen(p->type, (const uint8_t *)p->v.ptr + (size_t)i * width), out);
        fputc('\n', out);
    }
}

void nvlist_print(const struct nvlist *nv, FILE *out, unsigned indent)
{
    for (const struct nvpair *p = nv->head; p != NULL; p = p->next) {
        if (nv_type_info(p->type)->array) {
            print_array(p, out, indent);
            continue;
        }
        fprintf(out, "%*s%s", (int)indent, "", p->name);
        switch (p->type) {
        case NV_BOOLEAN:
            break;
        case NV_NVLIST:
            fputs(":\n", out);
            nvlist_print(p->v.list, out, indent + 4);
            continue;
        case NV_STRING:
            fprintf(out, ": '%s'", p->v.str);
            break;
        default:
            fputs(": ", out);
            print_number(p, p->v.u, out);
        }
        fputc('\n', out);
    }
}
