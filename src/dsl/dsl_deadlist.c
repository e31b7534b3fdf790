/* SPDX-License-Identifier: MIT */
/* Deadlists read: space by birth range, and every block in them (format/dsl.md, "6. Deadlists"). */
#include "dsl/dsl_impl.h"

#include <stdlib.h>
#include <string.h>

#include "dmu/bpobj.h"

/* New-format deadlists are ZAPs "hex(mintxg)" -> bpobj; before version 26 the object is one bpobj.
 */
static int is_old_format(struct dsl_pool *dp, uint64_t object, bool *old)
{
    struct dnode *dn;
    int err = dnode_hold(dp->mos, object, &dn);

    if (err != 0)
        return err_context(err, "deadlist %llu: ", (unsigned long long)object);
    if (dnode_phys(dn)->type == OBJTYPE_BPOBJ)
        *old = true;
    else if (dnode_phys(dn)->type == OBJTYPE_DEADLIST &&
             dnode_phys(dn)->bonustype == OBJTYPE_DEADLIST_HEADER && dnode_bonus(dn).len >= 24)
        *old = false;
    else
        err = err_raise(ZE_BADDSL, "deadlist %llu has object type %u", (unsigned long long)object,
                        dnode_phys(dn)->type);
    dnode_rele(dn);
    return err;
}

static int bpobj_space_add(struct dsl_pool *dp, uint64_t object, struct dsl_space *out)
{
    struct bpobj_space s;
    struct bpobj *bpo;
    int err = bpobj_open(dp->mos, object, &bpo);

    if (err != 0)
        return err;
    bpobj_space(bpo, &s);
    bpobj_close(bpo);
    out->used += s.bytes;
    out->comp += s.comp;
    out->uncomp += s.uncomp;
    return 0;
}

static int entry_each(struct dsl_pool *dp, uint64_t object,
                      int (*fn)(void *arg, uint64_t mintxg, uint64_t bpobj), void *arg)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = zap_open(dp->mos, object, &zap);
    if (err != 0)
        return err;
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        char *end;
        uint64_t mintxg = strtoull(e->name, &end, 16);

        if (end == e->name || *end != '\0' || e->integer_size != 8 || e->count != 1)
            err = err_raise(ZE_BADDSL, "deadlist %llu: malformed entry '%s'",
                            (unsigned long long)object, e->name);
        else
            err = fn(arg, mintxg, e->first);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

int dsl_deadlist_space(struct dsl_pool *dp, uint64_t object, struct dsl_space *out)
{
    uint64_t header[3];
    bool old;
    int err = is_old_format(dp, object, &old);

    if (err != 0)
        return err;
    if (old)
        return bpobj_space_add(dp, object, out);
    err = dsl_bonus_read(dp->mos, object, OBJTYPE_DEADLIST_HEADER, sizeof(header), header,
                         sizeof(header), NULL);
    if (err != 0)
        return err;
    out->used += header[0];
    out->comp += header[1];
    out->uncomp += header[2];
    return 0;
}

struct range_arg {
    struct dsl_pool *dp;
    uint64_t min_txg, max_txg;
    struct dsl_space *out;
};

static int range_entry(void *arg, uint64_t mintxg, uint64_t bpobj)
{
    struct range_arg *r = arg;

    if (mintxg < r->min_txg || mintxg >= r->max_txg)
        return 0;
    return bpobj_space_add(r->dp, bpobj, r->out);
}

/* Old pools charge what the DVAs take; deflation of those pools is by the bpobj's own header, see
 * above. */
static int range_block(void *arg, const struct blkptr *bp, bool freed)
{
    struct range_arg *r = arg;

    if (bp_birth(bp) > r->min_txg && bp_birth(bp) <= r->max_txg) {
        r->out->used += bp_asize(bp);
        r->out->comp += bp_is_embedded(bp) ? 0 : bp_psize(bp);
        r->out->uncomp += bp_ucsize(bp);
    }
    return 0;
}

int dsl_deadlist_space_range(struct dsl_pool *dp, uint64_t object, uint64_t min_txg,
                             uint64_t max_txg, struct dsl_space *out)
{
    struct range_arg r = {dp, min_txg, max_txg, out};
    struct bpobj *bpo;
    bool old;
    int err = is_old_format(dp, object, &old);

    if (err != 0)
        return err;
    if (!old)
        return entry_each(dp, object, range_entry, &r);
    err = bpobj_open(dp->mos, object, &bpo);
    if (err != 0)
        return err;
    err = bpobj_iterate(bpo, range_block, &r);
    bpobj_close(bpo);
    return err;
}

struct each_arg {
    struct dsl_pool *dp;
    int (*fn)(void *arg, const struct blkptr *bp, bool freed);
    void *arg;
};

static int each_entry(void *arg, uint64_t mintxg, uint64_t object)
{
    struct each_arg *a = arg;
    struct bpobj *bpo;
    int err = bpobj_open(a->dp->mos, object, &bpo);

    if (err != 0)
        return err;
    err = bpobj_iterate(bpo, a->fn, a->arg);
    bpobj_close(bpo);
    return err;
}

int dsl_deadlist_each(struct dsl_dataset *ds,
                      int (*fn)(void *arg, const struct blkptr *bp, bool freed), void *arg)
{
    struct each_arg a = {ds->dp, fn, arg};
    uint64_t object = ds->phys.deadlist_obj;
    bool old;
    int err;

    if (object == 0)
        return 0;
    err = is_old_format(ds->dp, object, &old);
    if (err != 0)
        return err;
    return old ? each_entry(&a, 0, object) : entry_each(ds->dp, object, each_entry, &a);
}
