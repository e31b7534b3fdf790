/* SPDX-License-Identifier: MIT */
/*
 * The run of verify.h. The calling thread walks and claims; reads are asynchronous, bounded in
 * number and bytes, and their results are taken in by the same thread, so that nothing here but
 * the list of finished reads needs a lock.
 */
#include "inspect/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "pool/config.h"
#include "zpl/zpl.h"

#define READS_MAX      128u
#define READ_BYTES_MAX (64u << 20)
#define DETAIL_MAX     256
#define PLACES_MAX     4096u /* damaged objects named one by one */
#define PROGRESS_BYTES (4u << 20)

struct read {
    struct zio_read r;
    struct verify *v;
    struct read *next;
    int err;
    char detail[DETAIL_MAX];
};

struct place {
    uint64_t objset, object;
};

struct verify {
    const struct verify_args *args;
    struct verify_report *report;
    struct claims *claims;
    struct pool *pool; /* being walked: the pool, or its state at the checkpoint */
    bool checkpoint;
    uint64_t checkpoint_before; /* blocks born later were seen in the pool itself */
    uint64_t total, told_bytes;
    int stop; /* what a callback answered */
    struct place *place;
    size_t nplaces;

    struct mutex lock; /* LEAF: the rest */
    struct cond wake;
    struct read *finished;
    unsigned inflight;
    uint64_t inflight_bytes;
};

/* ---- telling ---- */

static __attribute__((format(printf, 2, 3))) void say(struct verify *v, const char *fmt, ...)
{
    char text[5000];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (v->args->tell != NULL && v->stop == 0)
        v->stop = v->args->tell(v->args->arg, text);
}

static void sink_tell(void *arg, const char *text)
{
    say(arg, "%s", text);
}

void verify_place(struct pool *pool, const struct bookmark *zb, char *buf, size_t len)
{
    struct dsl_dataset *ds = NULL;
    struct zpl *z = NULL;
    char name[DATASET_NAME_MAX] = "<metadata>", path[4096];

    if (zb->objset != 0 && dsl_dataset_hold_object(pool->dsl, zb->objset, &ds) == 0)
        dsl_dataset_name(ds, name);
    else if (zb->objset != 0)
        snprintf(name, sizeof(name), "<0x%" PRIx64 ">", zb->objset);
    if (ds != NULL && zb->object != 0 && zpl_mount(ds, 0, &z) == 0 &&
        zpl_object_path(z, zb->object, path, sizeof(path)) == 0)
        snprintf(buf, len, "%s:%s", name, path);
    else
        snprintf(buf, len, "%s:<0x%" PRIx64 ">", name, zb->object);
    zpl_unmount(z);
    if (ds != NULL)
        dsl_dataset_rele(ds);
}

/* Each damaged object is named once. */
static void tell_lost(struct verify *v, const struct bookmark *zb, const char *detail)
{
    char where[DATASET_NAME_MAX + 4096];

    for (size_t i = v->nplaces; i-- > 0;) {
        if (v->place[i].objset == zb->objset && v->place[i].object == zb->object)
            return;
    }
    v->report->damaged++;
    if (v->nplaces == PLACES_MAX) {
        if (v->report->damaged == PLACES_MAX + 1)
            say(v, "(more damaged objects than are listed)");
        return;
    }
    v->place[v->nplaces++] = (struct place){zb->objset, zb->object};
    verify_place(v->pool, zb, where, sizeof(where));
    say(v, "damaged: %s%s: level %" PRId64 ", block %" PRIu64 ": %s", where,
        v->checkpoint ? " (at the checkpoint)" : "", zb->level, zb->blkid, detail);
}

/* ---- reading ---- */

static void read_done(struct zio_read *zr, int err)
{
    struct read *r = zr->arg;
    struct verify *v = r->v;

    r->err = err;
    if (err != 0)
        err_detail_get(r->detail, sizeof(r->detail));
    mutex_lock(&v->lock);
    r->next = v->finished;
    v->finished = r;
    v->inflight--;
    v->inflight_bytes -= bp_psize(&zr->bp);
    cond_signal(&v->wake);
    mutex_unlock(&v->lock);
}

static void take_result(struct verify *v, struct read *r)
{
    struct verify_report *rep = v->report;

    rep->copies += r->r.scrub.copies;
    rep->bad_copies += r->r.scrub.bad;
    rep->unkeyed += r->r.unverified;
    if (r->err != 0) {
        rep->lost++;
        tell_lost(v, &r->r.bookmark, r->detail[0] != '\0' ? r->detail : err_sentence(r->err));
    }
    free(r);
}

/* Take in what is finished; wait until there is room for a read of `bytes` (0: until all is done).
 */
static void reap(struct verify *v, unsigned reads, uint64_t bytes)
{
    struct read *list, *next;
    bool full;

    do {
        mutex_lock(&v->lock);
        full = v->inflight > reads || (v->inflight > 0 && v->inflight_bytes > bytes);
        if (full && v->finished == NULL)
            cond_wait(&v->wake, &v->lock);
        list = v->finished;
        v->finished = NULL;
        mutex_unlock(&v->lock);
        for (; list != NULL; list = next) {
            next = list->next;
            take_result(v, list);
        }
    } while (full);
}

static int submit(struct verify *v, const struct blkptr *bp, const struct bookmark *zb)
{
    unsigned reads = v->args->max_reads != 0 ? v->args->max_reads : READS_MAX;
    struct read *r;

    reap(v, reads - 1, READ_BYTES_MAX);
    r = mem_zalloc(sizeof(*r));
    if (r == NULL)
        return err_raise(ZE_NOMEM, "read");
    r->v = v;
    r->r.pool = &v->pool->zio;
    r->r.bp = *bp;
    r->r.bookmark = *zb;
    r->r.prio = VDEV_PRIO_SCRUB;
    r->r.flags = ZIO_SCRUB;
    r->r.done = read_done;
    r->r.arg = r;
    mutex_lock(&v->lock);
    v->inflight++;
    v->inflight_bytes += bp_psize(bp);
    mutex_unlock(&v->lock);
    v->report->read_blocks++;
    zio_read_submit(&r->r);
    return 0;
}

/* ---- blocks ---- */

static bool is_metadata(const struct pool_walk_visit *v)
{
    return v->kind == POOL_WALK_MOS || bp_level(v->bp) > 0 || objtype_is_metadata(bp_type(v->bp));
}

static bool wants_read(const struct verify *v, const struct pool_walk_visit *pv)
{
    bool there = pv->kind == POOL_WALK_MOS || pv->kind == POOL_WALK_DATASET ||
                 pv->kind == POOL_WALK_ZIL || pv->kind == POOL_WALK_ZIL_DATA;

    if (!there || bp_is_hole(pv->bp) || bp_is_embedded(pv->bp))
        return false;
    return v->args->flags & (is_metadata(pv) ? VERIFY_READ_META : VERIFY_READ_DATA);
}

static int progress(struct verify *v)
{
    if (v->report->bytes - v->told_bytes < PROGRESS_BYTES || v->args->progress == NULL)
        return 0;
    v->told_bytes = v->report->bytes;
    if (v->args->progress(v->args->arg, min_of(v->report->bytes, v->total), v->total) != 0)
        return err_raise(ZE_CANCELED, "verify was interrupted");
    return 0;
}

/* What cannot be followed. Checksum errors are counted by the read that found them. */
static int visit_error(struct verify *v, const struct pool_walk_visit *pv)
{
    char detail[DETAIL_MAX];

    v->report->partial = true;
    if (pv->err == ZE_NOMEM || pv->err == ZE_CANCELED)
        return pv->err;
    err_detail_get(detail, sizeof(detail));
    if (pv->bp != NULL && wants_read(v, pv) &&
        (pv->err == ZE_CKSUM || pv->err == ZE_IO || pv->err == ZE_NXIO))
        return v->stop;
    v->report->lost++;
    tell_lost(v, &pv->zb, detail[0] != '\0' ? detail : err_sentence(pv->err));
    return v->stop;
}

static int visit(void *arg, const struct pool_walk_visit *pv)
{
    struct verify *v = arg;
    enum claim_result claim = CLAIM_NEW;
    int err = 0;

    if (pv->err != 0)
        return visit_error(v, pv);
    v->report->blocks++;
    v->report->bytes += bp_asize(pv->bp);
    if (v->claims != NULL)
        err = claims_add(v->claims, pv->bp, &pv->zb, &claim);
    if (v->args->block != NULL)
        v->args->block(v->args->arg, pv, claim);
    if (err == 0 && claim != CLAIM_DEDUP && claim != CLAIM_CLONE && wants_read(v, pv))
        err = submit(v, pv->bp, &pv->zb);
    err = err != 0 ? err : progress(v);
    return err != 0 ? err : v->stop;
}

/* ---- the checkpoint ---- */

/* Only what was freed since: everything else is part of the pool as it is now. */
static int visit_checkpoint(void *arg, const struct pool_walk_visit *pv)
{
    struct verify *v = arg;
    int err = 0;

    if (pv->err != 0)
        return visit_error(v, pv);
    /* The checkpoint keeps its space from being used again: what has an owner now is the same
     * block. */
    if (!wants_read(v, pv) || (v->claims != NULL && claims_has(v->claims, pv->bp)))
        return 0;
    v->report->checkpoint_blocks++;
    err = submit(v, pv->bp, &pv->zb);
    return err != 0 ? err : v->stop;
}

static int walk_checkpoint(struct verify *v)
{
    struct pool_import_args ia = {
        .flags = POOL_IMPORT_READONLY | POOL_IMPORT_NO_EXCL | POOL_IMPORT_SKIP_MMP |
                 POOL_IMPORT_FORCE | POOL_IMPORT_CHECKPOINT,
        .arc = v->pool->zio.arc,
    };
    AUTO_NVLIST struct nvlist *config = NULL;
    struct pool *now = v->pool, *then;
    int err = pool_config_for_cache(now, &config);

    err = err != 0 ? err : pool_import(now->env, config, &ia, NULL, NULL, &then);

    if (err != 0) {
        if (err == ZE_NOMEM)
            return err;
        v->report->lost++;
        say(v, "damaged: the checkpoint: %s", err_detail());
        return v->stop;
    }
    v->pool = then;
    v->checkpoint = true;
    err = pool_walk(then, visit_checkpoint, v);
    reap(v, 0, 0);
    v->checkpoint = false;
    v->pool = now;
    pool_close(then);
    return err;
}

/* ---- the run ---- */

static int count_missing(void *arg, struct vdev *vd)
{
    struct verify *v = arg;
    char name[256];

    if (!vdev_is_leaf(vd) || !vdev_is_concrete(vd) || vdev_readable(vd))
        return 0;
    v->report->missing++;
    vdev_display_name(vd, name, sizeof(name));
    say(v, "not checked: %s is %s", name, vdev_state_name(vd->state, vd->aux));
    return v->stop;
}

static int run(struct verify *v)
{
    bool partial;
    int err = vdev_each(v->pool->vdevs->root, count_missing, v);

    err = err != 0 ? err : pool_walk(v->pool, visit, v);

    reap(v, 0, 0);
    partial = v->report->partial;
    if (err == 0 && v->pool->checkpoint_txg != 0 && (v->args->flags & VERIFY_READ_DATA) &&
        !(v->args->flags & VERIFY_NO_CHECKPOINT))
        err = walk_checkpoint(v);
    if (err == 0 && v->claims != NULL)
        err = claims_compare(v->claims, partial || claims_totals(v->claims)->unreadable != 0);
    return err != 0 ? err : v->stop;
}

int verify_run(const struct verify_args *args, struct verify_report *report)
{
    struct verify v = {.args = args, .report = report, .pool = args->pool};
    struct claims_sink sink = {sink_tell, &v};
    struct pool_space space;
    int err = 0;

    *report = (struct verify_report){0};
    v.total = pool_space_get(args->pool, &space) == 0 ? space.alloc : 0;
    v.place = mem_calloc(PLACES_MAX, sizeof(*v.place));
    if (v.place == NULL)
        return err_raise(ZE_NOMEM, "verify");
    mutex_init(&v.lock, RANK_LEAF);
    cond_init(&v.wake);
    if (args->flags & VERIFY_SPACE)
        err = claims_create(args->pool, &sink, &v.claims);
    if (err == 0)
        err = run(&v);
    if (v.claims != NULL)
        report->space = *claims_totals(v.claims);
    claims_free(v.claims);
    cond_destroy(&v.wake);
    mutex_destroy(&v.lock);
    free(v.place);
    return err;
}

bool verify_is_clean(const struct verify_report *r)
{
    return r->bad_copies == 0 && r->lost == 0 && !r->partial && r->space.leaked == 0 &&
           r->space.doubled == 0 && r->space.unallocated == 0 && r->space.wrong_refs == 0 &&
           r->space.unreadable == 0;
}

static __attribute__((format(printf, 4, 5))) void append(char *buf, size_t len, size_t *at,
                                                         const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf + *at, len - *at, fmt, ap);
    va_end(ap);
    *at = min_of(*at + (n < 0 ? 0 : (size_t)n), len - 1);
}

void verify_summary(const struct verify_report *r, const struct pool *pool, char *buf, size_t len)
{
    size_t at = 0;

    append(buf, len, &at, "%s: %" PRIu64 " blocks, %" PRIu64 " read, %" PRIu64 " copies\n",
           pool->name, r->blocks, r->read_blocks, r->copies);
    if (r->unkeyed != 0)
        append(buf, len, &at, "%" PRIu64 " blocks were checked without their keys\n", r->unkeyed);
    if (r->missing != 0)
        append(buf, len, &at, "%u devices are missing: what they hold was not checked\n",
               r->missing);
    if (r->bad_copies != 0)
        append(buf, len, &at, "%" PRIu64 " copies are bad or missing\n", r->bad_copies);
    if (r->lost != 0)
        append(buf, len, &at,
               "%" PRIu64 " blocks are lost, in %" PRIu64 " files or other objects\n", r->lost,
               r->damaged);
    if (r->partial)
        append(buf, len, &at,
               "metadata is damaged: not all blocks could be found, leaks not looked for\n");
    if (r->space.leaked != 0)
        append(buf, len, &at, "%" PRIu64 " bytes are leaked\n", r->space.leaked);
    if (r->space.doubled != 0)
        append(buf, len, &at, "%" PRIu64 " bytes are allocated twice\n", r->space.doubled);
    if (r->space.unallocated != 0)
        append(buf, len, &at, "%" PRIu64 " bytes are in use but not allocated\n",
               r->space.unallocated);
    if (r->space.wrong_refs != 0)
        append(buf, len, &at, "%" PRIu64 " reference counts are wrong\n", r->space.wrong_refs);
    if (r->space.unreadable != 0)
        append(buf, len, &at, "%" PRIu64 " maps or tables could not be read\n",
               r->space.unreadable);
    if (verify_is_clean(r))
        append(buf, len, &at, "no errors, no leaks\n");
}
