/* SPDX-License-Identifier: MIT */
/* Operations that look into pools: verify. */
#include "service/service_impl.h"

#include "inspect/verify.h"

struct verify_call {
    struct op_context *ctx;
};

static int verify_tell(void *arg, const char *text)
{
    struct verify_call *c = arg;
    AUTO_NVLIST struct nvlist *item = NULL;
    int err = nvlist_create(&item);

    err = err != 0 ? err : nvlist_add_string(item, "text", text);
    return err != 0 ? err : op_item(c->ctx, item);
}

static int verify_progress(void *arg, uint64_t done, uint64_t total)
{
    struct verify_call *c = arg;

    op_progress(c->ctx, "verifying", done, total, "bytes");
    return op_cancelled(c->ctx);
}

static int verify_result(const struct verify_report *r, const struct pool *pool,
                         struct nvlist *result)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"blocks", r->blocks},
        {"read_blocks", r->read_blocks},
        {"copies", r->copies},
        {"bad_copies", r->bad_copies},
        {"lost", r->lost},
        {"damaged", r->damaged},
        {"leaked_bytes", r->space.leaked},
        {"double_bytes", r->space.doubled},
        {"unallocated_bytes", r->space.unallocated},
        {"wrong_references", r->space.wrong_refs},
        {"unreadable", r->space.unreadable},
    };
    char text[2048];
    int err = nvlist_add_bool(result, "clean", verify_is_clean(r));

    for (size_t i = 0; err == 0 && i < array_len(rows); i++)
        err = nvlist_add_u64(result, rows[i].name, rows[i].value);
    verify_summary(r, pool, text, sizeof(text));
    return err != 0 ? err : nvlist_add_string(result, "summary", text);
}

static int op_verify(struct service *s, struct op_context *ctx, const struct nvlist *args,
                     struct nvlist *result)
{
    AUTO_POOL struct pool *pool = NULL;
    struct verify_call call = {ctx};
    struct verify_args va = {
        .flags = VERIFY_ALL, .tell = verify_tell, .progress = verify_progress, .arg = &call};
    struct verify_report report;
    const char *name;
    int err = op_arg_string(args, "pool", &name);

    err = err != 0 ? err : service_pool_hold(s, name, &pool);
    if (err != 0) {
        pool = NULL;
        return err;
    }
    if (nvlist_bool(args, "no_space", false))
        va.flags &= ~(unsigned)VERIFY_SPACE;
    va.pool = pool;
    err = verify_run(&va, &report);
    return err != 0 ? err : verify_result(&report, pool, result);
}

const struct op ops_inspect[] = {
    {"verify", op_verify, 0},
    {0},
};
