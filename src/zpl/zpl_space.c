/* SPDX-License-Identifier: MIT */
/* Space by user, group and project, with quotas (format/zpl-zil.md, "11 Quotas"). */
#include "zpl/zpl_impl.h"

#include <stdlib.h>
#include <string.h>

#include "disk/objset.h"

struct owner {
    uint64_t id;
    uint64_t used, quota, objused, objquota;
};
struct owner_list {
    struct owner *item;
    size_t n, cap;
};

static struct owner *owner_of(struct owner_list *l, uint64_t id)
{
    for (size_t i = l->n; i-- > 0;) {
        if (l->item[i].id == id)
            return &l->item[i];
    }
    if (l->n == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct owner *item = reallocarray(l->item, cap, sizeof(*item));

        if (item == NULL)
            return NULL;
        l->item = item;
        l->cap = cap;
    }
    l->item[l->n] = (struct owner){.id = id};
    return &l->item[l->n++];
}

enum column { COL_USED, COL_QUOTA, COL_OBJUSED, COL_OBJQUOTA };

static int add(struct owner_list *l, const char *key, enum column col, uint64_t value)
{
    char *end;
    uint64_t id = strtoull(key, &end, 16);
    struct owner *o;

    if (*end != '\0' || end == key)
        return 0;
    o = owner_of(l, id);
    if (o == NULL)
        return ZE_NOMEM;
    switch (col) {
    case COL_USED:
        o->used = value;
        break;
    case COL_QUOTA:
        o->quota = value;
        break;
    case COL_OBJUSED:
        o->objused = value;
        break;
    case COL_OBJQUOTA:
        o->objquota = value;
        break;
    }
    return 0;
}

/* used: plain keys are bytes, "obj-" keys are objects. quota ZAPs have plain keys only. */
static int collect(struct zap *zap, struct owner_list *l, enum column col)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        bool obj = strncmp(e->name, "obj-", 4) == 0;

        err = add(l, obj ? e->name + 4 : e->name, obj ? COL_OBJUSED : col, e->first);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    return err == ZE_NOENT ? 0 : err;
}

static int collect_used(struct zpl *z, uint64_t object, struct owner_list *l)
{
    struct dnode *dn;
    struct zap *zap;
    int err = dnode_hold(z->os, object, &dn);

    if (err == ZE_NOENT)
        return 0;
    if (err != 0)
        return err;
    err = zap_open_dnode(dn, &zap);
    dnode_rele(dn);
    if (err != 0)
        return err;
    err = collect(zap, l, COL_USED);
    zap_close(zap);
    return err;
}

static int collect_quota(struct zpl *z, uint64_t object, struct owner_list *l, enum column col)
{
    struct zap *zap;
    int err = object == 0 ? ZE_NOENT : zap_open(z->os, object, &zap);

    if (object == 0)
        return 0;
    if (err != 0)
        return err;
    err = collect(zap, l, col);
    zap_close(zap);
    return err;
}

static int by_id(const void *a, const void *b)
{
    const struct owner *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

int zpl_space_each(struct zpl *z, const char *kind,
                   int (*fn)(void *arg, const char *who, uint64_t id, uint64_t used, uint64_t quota,
                             uint64_t objused, uint64_t objquota),
                   void *arg)
{
    unsigned k = strcmp(kind, "group") == 0 ? 1 : strcmp(kind, "project") == 0 ? 2 : 0;
    struct owner_list l = {0};
    int err = collect_used(z, OBJSET_OBJECT_USERUSED - k, &l);

    err = err != 0 ? err : collect_quota(z, z->quota_object[k], &l, COL_QUOTA);
    err = err != 0 ? err : collect_quota(z, z->quota_object[k + 3], &l, COL_OBJQUOTA);
    if (err == 0 && l.n > 1)
        qsort(l.item, l.n, sizeof(*l.item), by_id);
    for (size_t i = 0; err == 0 && i < l.n; i++) {
        const struct owner *o = &l.item[i];
        const char *domain = fuid_domain(z->fuids, (uint32_t)(o->id >> 32));
        char sid[300] = "";

        if (domain != NULL)
            snprintf(sid, sizeof(sid), "%s-%u", domain, (uint32_t)o->id);
        err = fn(arg, sid, o->id, o->used, o->quota, o->objused, o->objquota);
    }
    free(l.item);
    return err;
}
