/* SPDX-License-Identifier: MIT */
#include "zpl/fuid.h"

#include "base/err.h"
#include "base/mem.h"
#include "codec/nvlist.h"

#define FUID_TABLE_MAX (16u << 20)

struct fuid_table {
    struct nvlist *nv; /* NULL: no domains */
};

static int load_packed(struct objset *os, uint64_t object, struct nvlist **out)
{
    uint8_t *packed AUTO_FREE = NULL;
    struct dnode *dn;
    struct span bonus;
    uint64_t size = 0;
    int err = dnode_hold(os, object, &dn);

    if (err != 0)
        return err;
    bonus = dnode_bonus(dn);
    if (bonus.len >= 8)
        size = load_ne64(bonus.data);
    if (size > FUID_TABLE_MAX)
        err = err_raise(ZE_BADOBJ, "FUID table of %llu bytes", (unsigned long long)size);
    if (err == 0 && size != 0) {
        packed = mem_zalloc(size);
        err = packed == NULL ? ZE_NOMEM : dmu_read(dn, 0, packed, size);
        if (err == 0)
            err = nvlist_decode(span_of(packed, size), out);
    }
    dnode_rele(dn);
    return err;
}

int fuid_table_load(struct objset *os, uint64_t object, struct fuid_table **out)
{
    struct fuid_table *t = mem_zalloc(sizeof(*t));
    int err = t == NULL ? ZE_NOMEM : 0;

    if (err == 0 && object != 0)
        err = load_packed(os, object, &t->nv);
    if (err != 0) {
        fuid_table_free(t);
        return err;
    }
    *out = t;
    return 0;
}

void fuid_table_free(struct fuid_table *t)
{
    if (t == NULL)
        return;
    nvlist_free(t->nv);
    free(t);
}

const char *fuid_domain(const struct fuid_table *t, uint32_t index)
{
    struct nvlist *const *list;
    size_t n;

    if (index == 0 || t->nv == NULL ||
        nvlist_lookup_nvlist_array(t->nv, "fuid_nvlist", &list, &n) != 0)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (nvlist_u64(list[i], "fuid_idx", 0) == index)
            return nvlist_string(list[i], "fuid_domain", NULL);
    }
    return NULL;
}
