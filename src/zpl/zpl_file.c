/* SPDX-License-Identifier: MIT */
/* Contents: regular files and symlinks. */
#include "zpl/zpl_impl.h"

#include <string.h>

static int check_regular(const struct zpl_node *n)
{
    if (n->kind != ZPL_NODE_OBJECT || zpl_node_is_dir(n))
        return err_raise(ZE_ISDIR, "object %llu is a directory", (unsigned long long)n->object);
    if ((n->attr.mode & 0170000) != 0100000)
        return err_raise(ZE_INVAL, "object %llu is not a regular file",
                         (unsigned long long)n->object);
    return 0;
}

static size_t clip(const struct zpl_node *n, uint64_t off, size_t len)
{
    if (off >= n->attr.size)
        return 0;
    return (size_t)min_of((uint64_t)len, n->attr.size - off);
}

int zpl_read(struct zpl_node *n, uint64_t off, void *buf, size_t len, size_t *got)
{
    int err = check_regular(n);

    if (err != 0)
        return err;
    *got = clip(n, off, len);
    return *got == 0 ? 0 : dmu_read(n->dn, off, buf, *got);
}

int zpl_read_pin(struct zpl_node *n, uint64_t off, size_t len, struct dmu_pin **pin,
                 struct iovec *iov, unsigned *iovcnt, size_t *got)
{
    int err = check_regular(n);

    *pin = NULL;
    if (err != 0)
        return err;
    *got = clip(n, off, len);
    if (*got == 0) {
        *iovcnt = 0;
        return 0;
    }
    if (off + *got > dnode_size(n->dn))
        return ZE_RANGE; /* a sparse tail beyond the last block: nothing to pin */
    return dmu_pin(n->dn, off, *got, pin, iov, iovcnt);
}

int zpl_seek(struct zpl_node *n, bool hole, uint64_t *off)
{
    uint64_t at = *off;
    int err = check_regular(n);

    if (err != 0)
        return err;
    if (at >= n->attr.size)
        return err_raise(ZE_NODATA, "offset %llu is behind the end", (unsigned long long)at);
    err = dmu_next_offset(n->dn, hole, &at);
    if (err == ZE_NOENT && hole) {
        at = n->attr.size;
        err = 0;
    }
    if (err == ZE_NOENT || (err == 0 && !hole && at >= n->attr.size))
        return err_raise(ZE_NODATA, "no data behind offset %llu", (unsigned long long)*off);
    if (err == 0)
        *off = hole ? min_of(at, n->attr.size) : at;
    return err;
}

int zpl_readlink(struct zpl_node *n, char *buf, size_t len, size_t *got)
{
    uint8_t *text AUTO_FREE = NULL;
    struct sa_view v;
    size_t have;
    int err;

    if (n->kind != ZPL_NODE_OBJECT || (n->attr.mode & 0170000) != 0120000)
        return err_raise(ZE_INVAL, "object %llu is not a symbolic link",
                         (unsigned long long)n->object);
    err = zpl_view(n, &v);
    if (err != 0)
        return err;
    err = sa_get_alloc(&v, SA_SYMLINK, &text, &have);
    sa_view_close(&v);
    if (err == ZE_NOENT) { /* an old znode with a long target: in the data */
        have = (size_t)min_of(n->attr.size, (uint64_t)len);
        *got = have;
        return dmu_read(n->dn, 0, buf, have);
    }
    if (err != 0)
        return err;
    have = min_of(have, len);
    *got = min_of(have, (size_t)n->attr.size);
    memcpy(buf, text, *got);
    return 0;
}
