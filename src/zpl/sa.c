/* SPDX-License-Identifier: MIT */
#include "zpl/sa.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"

#define SA_MAX_ATTRS 1024 /* registry entries we look at; OpenZFS has some 25 */

struct sa_registered {
    uint16_t length; /* 0: variable */
    uint8_t bswap;
    int8_t known; /* enum sa_attr, or -1 */
    bool present;
};

struct sa_layout {
    unsigned count;
    uint16_t *number;             /* attribute numbers in storage order */
    uint16_t *length;             /* registered lengths, for sa_layout_locate() */
    int16_t index[SA_ATTR_COUNT]; /* position of a known attribute, -1 */
};

struct sa_table {
    unsigned nattrs; /* slots of attr[] in use */
    struct sa_registered attr[SA_MAX_ATTRS];
    struct sa_layout *layout[SA_MAX_LAYOUT + 1];
    struct sa_layout empty;
};

static const struct {
    const char *name;
    uint16_t length;
} sa_known[SA_ATTR_COUNT] = {
#define X(name, len) {"ZPL_" #name, len},
    SA_ATTRIBUTES(X)
#undef X
};

static int known_by_name(const char *name)
{
    for (int i = 0; i < SA_ATTR_COUNT; i++) {
        if (strcmp(sa_known[i].name, name) == 0)
            return i;
    }
    return -1;
}

static int add_registered(struct sa_table *t, const struct zap_entry *e)
{
    unsigned number = (unsigned)BITS_GET(e->first, 0, 16);
    struct sa_registered *r;

    if (e->integer_size != 8 || e->count != 1)
        return err_raise(ZE_BADSA, "attribute registry: malformed entry '%s'", e->name);
    if (number >= SA_MAX_ATTRS || BITS_GET(e->first, 16, 8) > SA_BSWAP_ACL)
        return err_raise(ZE_BADSA, "attribute registry: entry '%s' has value 0x%llx", e->name,
                         (unsigned long long)e->first);
    r = &t->attr[number];
    r->length = (uint16_t)BITS_GET(e->first, 24, 16);
    r->bswap = (uint8_t)BITS_GET(e->first, 16, 8);
    r->known = (int8_t)known_by_name(e->name);
    if (r->known >= 0 && sa_known[r->known].length != r->length)
        return err_raise(ZE_BADSA, "attribute '%s' is registered with length %u", e->name,
                         r->length);
    r->present = true;
    if (number >= t->nattrs)
        t->nattrs = number + 1;
    return 0;
}

static void layout_free(struct sa_layout *l)
{
    if (l == NULL)
        return;
    free(l->number);
    free(l->length);
    free(l);
}

static int layout_fill(const struct sa_table *t, struct sa_layout *l, const char *name)
{
    for (int i = 0; i < SA_ATTR_COUNT; i++)
        l->index[i] = -1;
    for (unsigned i = 0; i < l->count; i++) {
        unsigned number = l->number[i];

        if (number >= t->nattrs || !t->attr[number].present)
            return err_raise(ZE_BADSA, "layout %s: attribute %u is not registered", name, number);
        l->length[i] = t->attr[number].length;
        if (t->attr[number].known >= 0)
            l->index[t->attr[number].known] = (int16_t)i;
    }
    return 0;
}

static int add_layout(struct sa_table *t, struct zap_cursor *c, const struct zap_entry *e)
{
    char *end;
    unsigned long number = strtoul(e->name, &end, 10);
    struct sa_layout *l;
    int err;

    if (*end != '\0' || end == e->name || number < 2 || number > SA_MAX_LAYOUT ||
        e->integer_size != 2 || e->count > SA_MAX_ATTRS || t->layout[number] != NULL)
        return err_raise(ZE_BADSA, "malformed attribute layout '%s'", e->name);
    l = mem_zalloc(sizeof(*l));
    if (l == NULL)
        return ZE_NOMEM;
    t->layout[number] = l;
    l->count = (unsigned)e->count;
    l->number = mem_calloc(l->count + 1, sizeof(uint16_t));
    l->length = mem_calloc(l->count + 1, sizeof(uint16_t));
    if (l->number == NULL || l->length == NULL)
        return ZE_NOMEM;
    err = zap_entry_value(c, e, l->number, l->count);
    return err != 0 ? err : layout_fill(t, l, e->name);
}

static int load_registry_entry(struct sa_table *t, struct zap_cursor *c, const struct zap_entry *e)
{
    return add_registered(t, e);
}

static int each_entry(struct sa_table *t, struct objset *os, uint64_t object,
                      int (*fn)(struct sa_table *t, struct zap_cursor *c,
                                const struct zap_entry *e))
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = zap_open(os, object, &zap);
    if (err != 0)
        return err;
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0 && (err = fn(t, &c, e)) == 0)
        ;
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static int load_registry(struct sa_table *t, struct objset *os, uint64_t sa_master)
{
    uint64_t object;
    int err = zap_get_u64(os, sa_master, "REGISTRY", &object);

    if (err == ZE_NOENT)
        return 0; /* nothing was ever written with attributes */
    if (err == 0)
        err = each_entry(t, os, object, load_registry_entry);
    if (err == 0)
        err = zap_get_u64(os, sa_master, "LAYOUTS", &object);
    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : each_entry(t, os, object, add_layout);
}

int sa_table_load(struct objset *os, uint64_t sa_master, struct sa_table **out)
{
    struct sa_table *t = mem_zalloc(sizeof(*t));
    int err = t == NULL ? ZE_NOMEM : 0;

    if (err == 0) {
        for (int i = 0; i < SA_ATTR_COUNT; i++)
            t->empty.index[i] = -1;
        t->layout[SA_LAYOUT_EMPTY] = &t->empty;
        if (sa_master != 0)
            err = load_registry(t, os, sa_master);
    }
    if (err != 0) {
        sa_table_free(t);
        return err;
    }
    *out = t;
    return 0;
}

void sa_table_free(struct sa_table *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 2; i <= SA_MAX_LAYOUT; i++)
        layout_free(t->layout[i]);
    free(t);
}

/* ---- one object ---- */

static int buffer_open(const struct sa_table *t, struct sa_buffer *b, struct span bytes,
                       uint64_t object)
{
    int err = sa_header_decode(bytes, &b->header);

    if (err != 0)
        return err_context(err, "object %llu: ", (unsigned long long)object);
    b->bytes = bytes;
    b->layout = b->header.layout <= SA_MAX_LAYOUT ? t->layout[b->header.layout] : NULL;
    if (b->layout == NULL)
        return err_raise(ZE_BADSA, "object %llu: unknown attribute layout %u",
                         (unsigned long long)object, b->header.layout);
    b->extent = mem_calloc(b->layout->count + 1, sizeof(*b->extent));
    if (b->extent == NULL)
        return ZE_NOMEM;
    err = sa_layout_locate(bytes, &b->header, b->layout->length, b->layout->count, b->extent);
    return err != 0 ? err_context(err, "object %llu: ", (unsigned long long)object) : 0;
}

int sa_view_open(const struct sa_table *t, struct dnode *dn, struct sa_view *out)
{
    struct span bonus = dnode_bonus(dn);
    unsigned type = dnode_phys(dn)->bonustype;
    int err;

    memset(out, 0, sizeof(*out));
    out->table = t;
    out->dn = dn;
    if (type == OBJTYPE_ZNODE) {
        if (bonus.len < sizeof(struct znode_phys))
            return err_raise(ZE_BADSA, "object %llu: znode of %zu bytes",
                             (unsigned long long)dnode_object(dn), bonus.len);
        out->znode = (const struct znode_phys *)bonus.data;
        return znode_phys_validate(out->znode, bonus.len);
    }
    if (type != OBJTYPE_SA)
        return err_raise(ZE_BADSA, "object %llu: bonus type %u has no attributes",
                         (unsigned long long)dnode_object(dn), type);
    err = buffer_open(t, &out->bonus, bonus, dnode_object(dn));
    if (err != 0)
        sa_view_close(out);
    return err;
}

void sa_view_close(struct sa_view *v)
{
    free(v->bonus.extent);
    free(v->spill.extent);
    free(v->spill_bytes);
    memset(v, 0, sizeof(*v));
}

static int spill_open(struct sa_view *v)
{
    size_t len;
    bool swapped;
    int err;

    if (v->spill_tried)
        return v->spill.layout != NULL ? 0 : ZE_NOENT;
    v->spill_tried = true;
    if (!dnode_phys_has_spill(dnode_phys(v->dn)))
        return ZE_NOENT;
    err = dnode_spill_read(v->dn, &v->spill_bytes, &len, &swapped);
    if (err == 0)
        err = buffer_open(v->table, &v->spill, span_of(v->spill_bytes, len), dnode_object(v->dn));
    if (err != 0)
        v->spill.layout = NULL;
    return err;
}

static bool find_in(const struct sa_table *t, const struct sa_buffer *b, enum sa_attr attr,
                    struct span *out, enum sa_bswap *bswap)
{
    int16_t i = b->layout != NULL ? b->layout->index[attr] : -1;

    if (i < 0)
        return false;
    *bswap = (enum sa_bswap)t->attr[b->layout->number[i]].bswap;
    return span_sub(b->bytes, b->extent[i].offset, b->extent[i].length, out);
}

static int find(struct sa_view *v, enum sa_attr attr, struct span *out, enum sa_bswap *bswap,
                bool *swapped)
{
    int err;

    *swapped = v->bonus.header.swapped;
    if (find_in(v->table, &v->bonus, attr, out, bswap))
        return 0;
    err = spill_open(v);
    if (err != 0)
        return err;
    *swapped = v->spill.header.swapped;
    return find_in(v->table, &v->spill, attr, out, bswap) ? 0 : ZE_NOENT;
}

/* Old znodes: fixed fields, already in host order. */
static int znode_find(const struct sa_view *v, enum sa_attr attr, struct span *out)
{
    static const uint16_t offset[] = {0,  16,  32,  48,  64,  72,  80,  88,
                                      96, 104, 112, 120, 128, 136, 144, 176};
    struct span bonus = dnode_bonus(v->dn);

    if (attr == SA_SYMLINK) {
        uint64_t size = v->znode->size;

        return (v->znode->mode & 0xf000) == 0xa000 && span_sub(bonus, sizeof(*v->znode), size, out)
                   ? 0
                   : ZE_NOENT;
    }
    if ((unsigned)attr >= array_len(offset))
        return ZE_NOENT;
    return span_sub(bonus, offset[attr], sa_known[attr].length, out) ? 0 : ZE_NOENT;
}

int sa_get(struct sa_view *v, enum sa_attr attr, void *buf, size_t len)
{
    enum sa_bswap bswap = SA_BSWAP_UINT8;
    bool swapped = false;
    struct span s;
    int err = v->znode != NULL ? znode_find(v, attr, &s) : find(v, attr, &s, &bswap, &swapped);

    if (err != 0)
        return err;
    if (s.len != len)
        return err_raise(ZE_BADSA, "object %llu: attribute %s has %zu bytes",
                         (unsigned long long)dnode_object(v->dn), sa_known[attr].name, s.len);
    sa_attr_copy(buf, s.data, len, bswap, swapped);
    return 0;
}

int sa_get_alloc(struct sa_view *v, enum sa_attr attr, uint8_t **data, size_t *len)
{
    enum sa_bswap bswap = SA_BSWAP_UINT8;
    bool swapped = false;
    struct span s;
    int err = v->znode != NULL ? znode_find(v, attr, &s) : find(v, attr, &s, &bswap, &swapped);

    if (err != 0)
        return err;
    *data = mem_zalloc(s.len + 1);
    if (*data == NULL)
        return ZE_NOMEM;
    sa_attr_copy(*data, s.data, s.len, bswap, swapped);
    *len = s.len;
    return 0;
}
