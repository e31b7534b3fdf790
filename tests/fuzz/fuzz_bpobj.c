/* SPDX-License-Identifier: MIT */
/*
 * bpobjs of any bytes. Input: objects one after the other, each a 64-byte head {type u8, bonus
 * length u8, bonus words} and 1 KiB of data; object numbers count from 1. Iterates object 1 with
 * all its sub-objects.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "dmu/bpobj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD_SIZE   64u
#define DATA_SIZE   1024u
#define OBJECT_SIZE (HEAD_SIZE + DATA_SIZE)

struct fuzz_mos {
    struct bpobj_source src;
    const uint8_t *data;
    uint64_t objects;
};

static int fuzz_info(struct bpobj_source *src, uint64_t object, struct bpobj_object *out)
{
    struct fuzz_mos *m = container_of(src, struct fuzz_mos, src);
    if (object == 0 || object > m->objects)
        return ZE_NOENT;
    const uint8_t *head = m->data + (object - 1) * OBJECT_SIZE;
    static const uint8_t types[] = {OBJTYPE_BPOBJ, OBJTYPE_BPOBJ_SUBOBJ};
    *out = (struct bpobj_object){.type = head[0] < 128 ? types[head[0] % 2] : head[0],
                                 .bonustype = OBJTYPE_BPOBJ_HEADER,
                                 .size = DATA_SIZE,
                                 .bonus_len = head[1] % 65};
    memcpy(out->bonus, head + 8, HEAD_SIZE - 8);
    return 0;
}

static int fuzz_read(struct bpobj_source *src, uint64_t object, uint64_t off, void *buf,
                     uint64_t len)
{
    struct fuzz_mos *m = container_of(src, struct fuzz_mos, src);
    if (object == 0 || object > m->objects || off > DATA_SIZE || len > DATA_SIZE - off)
        abort(); /* only what is there may be asked for */
    memcpy(buf, m->data + (object - 1) * OBJECT_SIZE + HEAD_SIZE + off, len);
    return 0;
}

static int count(void *arg, const struct blkptr *bp, bool freed)
{
    if (++*(unsigned *)arg > 1000000u)
        abort();
    return 0;
}

static int count_object(void *arg, uint64_t object)
{
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_mos m = {{fuzz_info, fuzz_read}, data, size / OBJECT_SIZE};
    struct bpobj *bpo;
    unsigned n = 0;
    if (m.objects == 0 || m.objects > 1000 || bpobj_open_source(&m.src, 1, &bpo) != 0)
        return 0;
    bpobj_iterate(bpo, count, &n);
    bpobj_each_object(bpo, count_object, NULL);
    bpobj_close(bpo);
    return 0;
}
