/* SPDX-License-Identifier: MIT */
/* Reading dedup tables; see ddt.h. */
#include "alloc/ddt.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "vdev/vdev.h"

#define VALUE_MAX (1 + DDT_LEGACY_SIZE)

static const struct {
    enum checksum_id id;
    const char *name;
} ddt_functions[] = {{CHECKSUM_SHA256, "sha256"},
                     {CHECKSUM_SHA512, "sha512"},
                     {CHECKSUM_SKEIN, "skein"},
                     {CHECKSUM_EDONR, "edonr"},
                     {CHECKSUM_BLAKE3, "blake3"}};

/* --- opening --- */

/* Fill counts of an object's own pointers: how many of its blocks are not holes. */
static uint64_t object_fill(const struct dnode_phys *dn)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < dn->nblkptr; i++)
        sum += bp_fill(&dn->blkptr[i]);
    return sum;
}

static int class_sizes(struct objset *mos, struct ddt_class_object *c)
{
    struct dnode *dn;
    int err = dnode_hold(mos, c->object, &dn);
    if (err != 0)
        return err;
    c->dspace = dnode_phys_used(dnode_phys(dn));
    c->mspace = object_fill(dnode_phys(dn)) * dnode_blksz(dn);
    struct zap *zap;
    err = zap_open_dnode(dn, &zap);
    if (err == 0) {
        c->entries = zap_count(zap);
        zap_close(zap);
    }
    dnode_rele(dn);
    return err;
}

static int class_open(struct ddt_table *t, struct zap *dir, struct zap *statistics, unsigned class)
{
    struct ddt_class_object *c = &t->class[class];
    char name[DDT_NAME_MAX];
    uint64_t got = 0;

    ddt_object_name(name, t->name, class);
    int err = zap_lookup(dir, name, 8, 1, &c->object, NULL);
    if (err == ZE_NOENT) {
        c->object = 0;
        return 0;
    }
    if (err == 0)
        err = zap_lookup(statistics, name, 8, sizeof(c->stats) / 8, c->stats, &got);
    if (err == 0 && got != sizeof(c->stats) / 8)
        err = err_raise(ZE_BADDDT, "%s: %" PRIu64 " words of statistics", name, got);
    if (err == 0)
        err = class_sizes(t->mos, c);
    return err == 0 ? 0 : err_context(err, "dedup table %s: ", name);
}

static int entry_by_key(const void *a, const void *b)
{
    return ddt_key_compare(&((const struct ddt_entry *)a)->key,
                           &((const struct ddt_entry *)b)->key);
}

/* By key, then later records first: `cursor` numbers them while the log is read. */
static int entry_by_age(const void *a, const void *b)
{
    const struct ddt_entry *x = a, *y = b;
    int c = ddt_key_compare(&x->key, &y->key);
    return c != 0 ? c : (x->cursor < y->cursor) - (x->cursor > y->cursor);
}

static void log_sort(struct ddt_log *log)
{
    size_t kept = 0;

    if (log->n > 1)
        qsort(log->entry, log->n, sizeof(*log->entry), entry_by_age);
    for (size_t i = 0; i < log->n; i++) {
        if (kept > 0 && entry_by_key(&log->entry[kept - 1], &log->entry[i]) == 0)
            continue;
        log->entry[kept] = log->entry[i];
        log->entry[kept++].cursor = 0;
    }
    log->n = kept;
}

/* Entries up to the checkpoint key were flushed already. */
static bool log_is_flushed(const struct ddt_log *log, const struct ddt_key_phys *key)
{
    struct ddt_key_phys checkpoint = {log->phys.checkpoint_cksum, log->phys.checkpoint_prop};
    return (ddt_log_flags(&log->phys) & DDT_LOG_FLAG_CHECKPOINT) != 0 &&
           ddt_key_compare(key, &checkpoint) <= 0;
}

static int log_block(struct ddt_log *log, struct span block, size_t *room)
{
    struct ddt_log_record rec;
    size_t pos = 0;
    int err;

    while ((err = ddt_log_record_next(block, &pos, &rec)) == 0) {
        if (log_is_flushed(log, &rec.key))
            continue;
        if (log->n == *room) {
            size_t more = *room == 0 ? 1024 : *room * 2;
            struct ddt_entry *p = realloc(log->entry, more * sizeof(*p));
            if (p == NULL)
                return err_raise(ZE_NOMEM, "dedup log");
            log->entry = p;
            *room = more;
        }
        log->entry[log->n] = (struct ddt_entry){.key = rec.key,
                                                .value = rec.value,
                                                .type = rec.type,
                                                .class = rec.class,
                                                .from_log = true,
                                                .cursor = log->n};
        log->n++;
    }
    return err == ZE_NOENT ? 0 : err;
}

static int log_read(struct ddt_table *t, struct ddt_log *log, struct dnode *dn)
{
    struct span bonus = dnode_bonus(dn);
    size_t room = 0;
    int err = ddt_log_phys_load(&log->phys, bonus.data, bonus.len, dnode_size(dn), log->object);

    if (err != 0)
        return err;
    AUTO_FREE uint8_t *block = malloc(DDT_LOG_BLOCK_SIZE);
    if (block == NULL)
        return err_raise(ZE_NOMEM, "dedup log %" PRIu64, log->object);
    for (uint64_t off = 0; err == 0 && off < log->phys.length; off += DDT_LOG_BLOCK_SIZE) {
        err = dmu_read_uncached(dn, off, block, DDT_LOG_BLOCK_SIZE);
        if (err == 0)
            err = log_block(log, span_of(block, DDT_LOG_BLOCK_SIZE), &room);
    }
    if (err == 0)
        log_sort(log);
    return err == 0 ? 0 : err_context(err, "dedup log %s %" PRIu64 ": ", t->name, log->object);
}

static int log_open(struct ddt_table *t, struct zap *dir, unsigned number)
{
    struct ddt_log *log = &t->log[number];
    char name[DDT_NAME_MAX];
    struct dnode *dn;

    snprintf(name, sizeof(name), "DDT-log-%s-%u", t->name, number);
    int err = zap_lookup(dir, name, 8, 1, &log->object, NULL);
    if (err == ZE_NOENT) {
        log->object = 0;
        return 0;
    }
    if (err == 0)
        err = dnode_hold(t->mos, log->object, &dn);
    if (err != 0)
        return err;
    err = log_read(t, log, dn);
    dnode_rele(dn);
    return err;
}

/* Roles come from the flags, not from the numbers; an entry in both logs counts in the active one.
 */
static int logs_assign(struct ddt_table *t)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ddt_log *log = &t->log[i];
        if (log->object == 0)
            continue;
        if (ddt_log_flags(&log->phys) & DDT_LOG_FLAG_FLUSHING)
            t->flushing = log;
        else
            t->active = log;
    }
    bool both = t->log[0].object != 0 && t->log[1].object != 0;
    if (both && (t->active == NULL || t->flushing == NULL))
        return err_raise(ZE_BADDDT, "dedup table %s: two logs of one role", t->name);
    if (t->active != NULL && ddt_log_flags(&t->active->phys) & DDT_LOG_FLAG_CHECKPOINT)
        return err_raise(ZE_BADDDT, "dedup table %s: the active log has a checkpoint", t->name);
    return 0;
}

static int fdt_open(struct ddt_table *t, struct zap *dir)
{
    uint64_t version = 0, flags = 0;
    int err = zap_lookup(dir, "version", 8, 1, &version, NULL);

    if (err == 0)
        err = zap_lookup(dir, "flags", 8, 1, &flags, NULL);
    if (err != 0)
        return err_context(err, "dedup table %s: ", t->name);
    if (version != DDT_VERSION_FDT || (flags & ~(uint64_t)DDT_FLAGS) != 0)
        return err_raise(ZE_BADDDT, "dedup table %s: version %" PRIu64 " flags %" PRIx64, t->name,
                         version, flags);
    t->version = (unsigned)version;
    t->flags = (unsigned)flags;
    for (unsigned i = 0; err == 0 && i < 2 && (t->flags & DDT_FLAG_LOG); i++)
        err = log_open(t, dir, i);
    return err == 0 ? logs_assign(t) : err;
}

static bool table_exists(const struct ddt_table *t)
{
    for (unsigned c = 0; c < DDT_CLASSES; c++)
        if (t->class[c].object != 0)
            return true;
    return t->version != DDT_VERSION_LEGACY;
}

/* Table i, if the pool has it: *found. */
static int table_open(struct ddt_table *t, struct zap *mos_dir, struct zap *statistics, bool *found)
{
    char name[DDT_NAME_MAX];
    struct zap *dir = mos_dir;

    snprintf(name, sizeof(name), "DDT-%s", t->name);
    int err = zap_lookup(mos_dir, name, 8, 1, &t->dir_object, NULL);
    if (err == 0) {
        err = zap_open(t->mos, t->dir_object, &dir);
        if (err != 0)
            return err;
        err = fdt_open(t, dir);
    } else if (err == ZE_NOENT) {
        t->dir_object = 1;
        err = 0;
    }
    for (unsigned c = 0; err == 0 && c < DDT_CLASSES; c++)
        err = class_open(t, dir, statistics, c);
    if (dir != mos_dir)
        zap_close(dir);
    *found = table_exists(t);
    return err;
}

static int tables_open(struct objset *mos, struct zap *dir, struct ddt_tables *all)
{
    struct zap *statistics;
    uint64_t object;
    int err = zap_lookup(dir, DDT_STATISTICS_NAME, 8, 1, &object, NULL);

    if (err == ZE_NOENT)
        return 0;
    if (err == 0)
        err = zap_open(mos, object, &statistics);
    if (err != 0)
        return err;
    for (size_t i = 0; err == 0 && i < array_len(ddt_functions); i++) {
        struct ddt_table *t = &all->table[all->n];
        bool found = false;
        *t = (struct ddt_table){
            .cksum = ddt_functions[i].id, .name = ddt_functions[i].name, .mos = mos};
        err = table_open(t, dir, statistics, &found);
        /* what failed half way is freed with the rest */
        all->n += err != 0 || found;
    }
    zap_close(statistics);
    return err;
}

int ddt_tables_open(struct objset *mos, struct ddt_tables **out)
{
    struct ddt_tables *all = mem_zalloc(sizeof(*all));
    struct zap *dir;

    if (all != NULL)
        all->table = mem_calloc(array_len(ddt_functions), sizeof(*all->table));
    if (all == NULL || all->table == NULL) {
        free(all);
        return err_raise(ZE_NOMEM, "dedup tables");
    }
    int err = zap_open(mos, 1, &dir);
    if (err == 0) {
        err = tables_open(mos, dir, all);
        zap_close(dir);
    }
    if (err != 0) {
        ddt_tables_close(all);
        return err;
    }
    /* logs_assign() kept pointers into the array, which does not move */
    *out = all;
    return 0;
}

void ddt_tables_close(struct ddt_tables *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < t->n; i++)
        for (unsigned l = 0; l < 2; l++)
            free(t->table[i].log[l].entry);
    free(t->table);
    free(t);
}

const struct ddt_table *ddt_table_find(const struct ddt_tables *t, enum checksum_id cksum)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->table[i].cksum == cksum)
            return &t->table[i];
    return NULL;
}

/* --- entries --- */

static const struct ddt_entry *log_find(const struct ddt_log *log, const struct ddt_key_phys *key)
{
    struct ddt_entry wanted = {.key = *key};
    if (log == NULL || log->n == 0)
        return NULL;
    return bsearch(&wanted, log->entry, log->n, sizeof(wanted), entry_by_key);
}

static int class_lookup(const struct ddt_table *t, unsigned class, const struct ddt_key_phys *key,
                        struct ddt_entry *out)
{
    uint8_t value[VALUE_MAX];
    uint64_t got;
    struct zap *zap;

    int err = zap_open(t->mos, t->class[class].object, &zap);
    if (err != 0)
        return err;
    err = zap_lookup_key(zap, (const uint64_t *)key, DDT_KEY_WORDS, 1, sizeof(value), value, &got);
    zap_close(zap);
    if (err != 0)
        return err;
    *out = (struct ddt_entry){.key = *key, .type = DDT_TYPE_ZAP, .class = class};
    return ddt_value_decode(span_of(value, (size_t)min_of(got, (uint64_t)sizeof(value))),
                            (t->flags & DDT_FLAG_FLAT) != 0, &out->value);
}

int ddt_lookup(const struct ddt_table *t, const struct ddt_key_phys *key, struct ddt_entry *out)
{
    const struct ddt_entry *e = log_find(t->active, key);

    if (e == NULL)
        e = log_find(t->flushing, key);
    if (e != NULL) {
        *out = *e;
        return 0;
    }
    for (unsigned c = 0; c < DDT_CLASSES; c++) {
        if (t->class[c].object == 0)
            continue;
        int err = class_lookup(t, c, key, out);
        if (err != ZE_NOENT)
            return err;
    }
    return ZE_NOENT;
}

const struct ddt_slot_phys *ddt_entry_slot(const struct ddt_entry *e, const struct blkptr *bp)
{
    for (unsigned i = 0; i < ddt_value_slots(&e->value); i++) {
        const struct ddt_slot_phys *s = &e->value.slot[i];
        if (s->phys_birth != 0 && s->phys_birth == bp_physical_birth(bp) &&
            memcmp(&s->dva[0], &bp->dva[0], sizeof(s->dva[0])) == 0)
            return s;
    }
    return NULL;
}

static int class_entry(const struct ddt_table *t, struct zap_cursor *c, const struct zap_entry *z,
                       unsigned class, struct ddt_entry *out)
{
    uint8_t value[VALUE_MAX];

    if (z->name_len != sizeof(out->key) || z->integer_size != 1 || z->count > sizeof(value))
        return err_raise(ZE_BADDDT, "dedup table %s: entry of %zu bytes, value %" PRIu64 " x %u",
                         t->name, z->name_len, z->count, z->integer_size);
    int err = zap_entry_value(c, z, value, z->count);
    if (err != 0)
        return err;
    *out =
        (struct ddt_entry){.type = DDT_TYPE_ZAP, .class = class, .cursor = zap_cursor_serialize(c)};
    memcpy(&out->key, z->name, sizeof(out->key));
    return ddt_value_decode(span_of(value, (size_t)z->count), (t->flags & DDT_FLAG_FLAT) != 0,
                            &out->value);
}

int ddt_iterate_class(const struct ddt_table *t, unsigned class, ddt_fn fn, void *arg)
{
    struct ddt_entry e;
    struct zap_cursor c;
    struct zap *zap;

    if (class >= DDT_CLASSES || t->class[class].object == 0)
        return 0;
    AUTO_FREE struct zap_entry *z = mem_zalloc(sizeof(*z));
    if (z == NULL)
        return err_raise(ZE_NOMEM, "dedup table %s", t->name);
    int err = zap_open(t->mos, t->class[class].object, &zap);
    if (err != 0)
        return err;
    zap_cursor_init(&c, zap);
    while (err == 0 && (err = zap_cursor_next(&c, z)) == 0) {
        err = class_entry(t, &c, z, class, &e);
        if (err == 0)
            err = fn(arg, &e);
        else if (err == ZE_NOENT)
            err = ZE_BADDDT; /* not the end of the table */
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

struct current {
    const struct ddt_table *t;
    ddt_fn fn;
    void *arg;
    int answer; /* of fn, so that a ZE_NOENT of its own is not taken for the end */
};

static int current_entry(void *arg, const struct ddt_entry *e)
{
    struct current *c = arg;
    if (log_find(c->t->active, &e->key) != NULL || log_find(c->t->flushing, &e->key) != NULL)
        return 0;
    c->answer = c->fn(c->arg, e);
    return c->answer;
}

int ddt_iterate(const struct ddt_table *t, ddt_fn fn, void *arg)
{
    struct current c = {t, fn, arg, 0};
    int err = 0;

    for (size_t i = 0; t->active != NULL && i < t->active->n && err == 0; i++)
        err = fn(arg, &t->active->entry[i]);
    for (size_t i = 0; t->flushing != NULL && i < t->flushing->n && err == 0; i++)
        if (log_find(t->active, &t->flushing->entry[i].key) == NULL)
            err = fn(arg, &t->flushing->entry[i]);
    for (unsigned class = 0; class < DDT_CLASSES && err == 0; class ++) {
        err = ddt_iterate_class(t, class, current_entry, &c);
        if (c.answer != 0)
            err = c.answer;
    }
    return err;
}

/* --- statistics --- */

static uint64_t slot_dsize(const struct ddt_key_phys *k, const struct ddt_slot_phys *s,
                           const struct vdev_tree *vdevs)
{
    unsigned ndvas = ddt_key_is_encrypted(k) ? BLKPTR_DVAS - 1 : BLKPTR_DVAS;
    uint64_t sum = 0;

    for (unsigned i = 0; i < ndvas; i++) {
        const struct dva *d = &s->dva[i];
        if (!dva_is_valid(d))
            continue;
        uint64_t id = dva_vdev(d);
        if (vdevs != NULL && id < vdevs->root->nchildren)
            sum += (dva_asize(d) >> SECTOR_SHIFT) * vdevs->root->child[id]->deflate_ratio;
        else
            sum += dva_asize(d);
    }
    return sum;
}

void ddt_stat_add(struct ddt_stat_phys hist[DDT_STAT_BUCKETS], const struct ddt_entry *e,
                  const struct vdev_tree *vdevs)
{
    uint64_t total = ddt_value_refcnt(&e->value);

    if (total == 0)
        return;
    struct ddt_stat_phys *h = &hist[highbit64(total) - 1];
    uint64_t lsize = ddt_key_lsize(&e->key), psize = ddt_key_psize(&e->key);
    for (unsigned i = 0; i < ddt_value_slots(&e->value); i++) {
        const struct ddt_slot_phys *s = &e->value.slot[i];
        if (s->phys_birth == 0)
            continue;
        uint64_t dsize = slot_dsize(&e->key, s, vdevs);
        h->blocks++;
        h->lsize += lsize;
        h->psize += psize;
        h->dsize += dsize;
        h->ref_blocks += s->refcnt;
        h->ref_lsize += lsize * s->refcnt;
        h->ref_psize += psize * s->refcnt;
        h->ref_dsize += dsize * s->refcnt;
    }
}

static void stat_sum(struct ddt_stat_phys *to, const struct ddt_stat_phys *from)
{
    uint64_t *a = (uint64_t *)to;
    const uint64_t *b = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++)
        a[i] += b[i];
}

void ddt_histogram(const struct ddt_tables *t, const struct vdev_tree *vdevs,
                   struct ddt_stat_phys hist[DDT_STAT_BUCKETS])
{
    memset(hist, 0, DDT_STAT_BUCKETS * sizeof(*hist));
    for (unsigned i = 0; i < t->n; i++) {
        const struct ddt_table *d = &t->table[i];
        for (unsigned c = 0; c < DDT_CLASSES; c++)
            for (unsigned b = 0; b < DDT_STAT_BUCKETS; b++)
                stat_sum(&hist[b], &d->class[c].stats[b]);
        for (size_t e = 0; d->active != NULL && e < d->active->n; e++)
            ddt_stat_add(hist, &d->active->entry[e], vdevs);
        for (size_t e = 0; d->flushing != NULL && e < d->flushing->n; e++)
            if (log_find(d->active, &d->flushing->entry[e].key) == NULL)
                ddt_stat_add(hist, &d->flushing->entry[e], vdevs);
    }
}

void ddt_stat_total(const struct ddt_stat_phys hist[DDT_STAT_BUCKETS], struct ddt_stat_phys *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned b = 0; b < DDT_STAT_BUCKETS; b++)
        stat_sum(out, &hist[b]);
}
