/* SPDX-License-Identifier: MIT */
#include "zvol/zvol.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

#define ZVOL_DATA_OBJECT 1
#define ZVOL_PROP_OBJECT 2

struct zvol {
    struct dsl_dataset *ds;
    struct dnode *data;
    uint64_t size;
};

int zvol_open(struct dsl_dataset *ds, struct zvol **out)
{
    struct zvol *v = mem_zalloc(sizeof(*v));
    struct objset *os;
    int err = v == NULL ? ZE_NOMEM : 0;

    if (err == 0)
        err = dsl_dataset_hold_object(dsl_dataset_pool(ds), dsl_dataset_object(ds), &v->ds);
    if (err == 0)
        err = dsl_dataset_objset(ds, &os);
    if (err == 0 && objset_type(os) != OBJSET_TYPE_ZVOL)
        err = err_raise(ZE_WRONGTYPE, "not a volume");
    if (err == 0)
        err = zap_get_u64(os, ZVOL_PROP_OBJECT, "size", &v->size);
    if (err == 0)
        err = dnode_hold(os, ZVOL_DATA_OBJECT, &v->data);
    if (err != 0) {
        zvol_close(v);
        return err;
    }
    *out = v;
    return 0;
}

void zvol_close(struct zvol *v)
{
    if (v == NULL)
        return;
    if (v->data != NULL)
        dnode_rele(v->data);
    if (v->ds != NULL)
        dsl_dataset_rele(v->ds);
    free(v);
}

uint64_t zvol_size(const struct zvol *v)
{
    return v->size;
}

uint64_t zvol_block_size(const struct zvol *v)
{
    return dnode_blksz(v->data);
}

static int check_range(const struct zvol *v, uint64_t off, size_t len)
{
    if (off > v->size || len > v->size - off)
        return err_raise(ZE_IO, "request at %llu of %zu bytes is beyond the volume's end",
                         (unsigned long long)off, len);
    return 0;
}

int zvol_read(struct zvol *v, uint64_t off, void *buf, size_t len)
{
    int err = check_range(v, off, len);

    return err != 0 || len == 0 ? err : dmu_read(v->data, off, buf, len);
}

int zvol_read_pin(struct zvol *v, uint64_t off, size_t len, struct dmu_pin **pin, struct iovec *iov,
                  unsigned *iovcnt)
{
    int err = check_range(v, off, len);

    return err != 0 ? err : dmu_pin(v->data, off, len, pin, iov, iovcnt);
}

int zvol_seek(struct zvol *v, bool hole, uint64_t *off)
{
    uint64_t at = *off;
    int err = at >= v->size ? ZE_NOENT : dmu_next_offset(v->data, hole, &at);

    if (err == ZE_NOENT && hole && *off < v->size) {
        at = v->size;
        err = 0;
    }
    if (err == ZE_NOENT || (err == 0 && !hole && at >= v->size))
        return err_raise(ZE_NODATA, "nothing behind offset %llu", (unsigned long long)*off);
    if (err == 0)
        *off = min_of(at, v->size);
    return err;
}
