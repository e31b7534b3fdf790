/* SPDX-License-Identifier: MIT */
/* Directories of datasets: the dsl_dir objects (format/dsl.md, "2. dsl_dir object"), cached while
 * held. */
#include "dsl/dsl_impl.h"

#include <string.h>

int dsl_bonus_read(struct objset *mos, uint64_t object, unsigned bonustype, size_t min, void *out,
                   size_t size, unsigned *type_out)
{
    struct dnode *dn;
    struct span bonus;
    unsigned have;
    int err = object == 0 ? err_raise(ZE_BADDSL, "object number 0 where a DSL object is expected")
                          : dnode_hold(mos, object, &dn);

    if (err != 0)
        return err;
    bonus = dnode_bonus(dn);
    have = dnode_phys(dn)->bonustype;
    if (have != bonustype || bonus.len < min) {
        err = err_raise(ZE_BADDSL,
                        "MOS object %llu: bonus type %u size %zu, expected type %u size %zu",
                        (unsigned long long)object, have, bonus.len, bonustype, min);
    } else {
        memset(out, 0, size);
        memcpy(out, bonus.data, min_of(size, bonus.len));
        if (type_out != NULL)
            *type_out = dnode_phys(dn)->type;
    }
    dnode_rele(dn);
    return err;
}

bool dsl_name_is_hidden(const char *component)
{
    return component[0] == '$' || strchr(component, '%') != NULL;
}

static struct dsl_dir **bucket_of(struct dsl_pool *dp, uint64_t object)
{
    return &dp->dirs[object % DSL_TABLE_BUCKETS];
}

static struct dsl_dir *find_locked(struct dsl_pool *dp, uint64_t object)
{
    for (struct dsl_dir *dd = *bucket_of(dp, object); dd != NULL; dd = dd->hash_next) {
        if (dd->object == object) {
            dd->refs++;
            return dd;
        }
    }
    return NULL;
}

/* The name under which parent's child map enters object. */
static int find_name(struct dsl_dir *parent, uint64_t object, char name[DATASET_NAME_MAX])
{
    struct zap_cursor c;
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap *zap;
    int err;

    if (e == NULL)
        return ZE_NOMEM;
    err = zap_open(parent->dp->mos, parent->phys.child_dir_zapobj, &zap);
    if (err != 0)
        return err_context(err,
                           "child map of directory %llu: ", (unsigned long long)parent->object);
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size == 8 && e->count >= 1 && e->first == object)
            break;
    }
    if (err == 0 && e->name_len >= DATASET_NAME_MAX)
        err = err_raise(ZE_BADDSL, "child map of directory %llu: a name has %zu bytes",
                        (unsigned long long)parent->object, e->name_len);
    if (err == 0)
        memcpy(name, e->name, e->name_len + 1);
    else if (err == ZE_NOENT)
        err = err_raise(ZE_BADDSL, "directory %llu is not in the child map of its parent %llu",
                        (unsigned long long)object, (unsigned long long)parent->object);
    zap_cursor_fini(&c);
    zap_close(zap);
    return err;
}

static int load_attrs(struct dsl_dir *dd)
{
    int err = dsl_dir_attr(dd, "com.datto:crypto_key_obj", &dd->crypto_key_obj);

    return err == ZE_NOENT ? 0 : err;
}

/* Consumes the hold on parent, also on error. name NULL: find it in the parent's child map. */
static int load_locked(struct dsl_pool *dp, uint64_t object, struct dsl_dir *parent,
                       const char *name, size_t len, struct dsl_dir **out)
{
    struct dsl_dir *dd = mem_zalloc(sizeof(*dd));
    struct dsl_dir **bucket = bucket_of(dp, object);
    unsigned type = 0;
    int err = dd == NULL ? ZE_NOMEM : 0;

    if (err == 0)
        err = dsl_bonus_read(dp->mos, object, OBJTYPE_DSL_DIR, 256, &dd->phys, sizeof(dd->phys),
                             &type);
    if (err == 0 && type != OBJTYPE_DSL_DIR && type != OBJTYPE_ZAP_METADATA)
        err = err_raise(ZE_BADDSL, "DSL directory %llu has object type %u",
                        (unsigned long long)object, type);
    if (err == 0) {
        dd->dp = dp;
        dd->object = object;
        dd->zapified = type == OBJTYPE_ZAP_METADATA;
        dd->depth = parent == NULL ? 0 : parent->depth + 1;
        if (parent == NULL)
            strcpy(dd->name, dp->name);
        else if (name != NULL)
            memcpy(dd->name, name, len);
        else
            err = find_name(parent, object, dd->name);
    }
    if (err == 0)
        err = load_attrs(dd);
    if (err != 0) {
        if (parent != NULL)
            dsl_dir_rele_locked(parent);
        free(dd);
        return err;
    }
    dd->parent = parent;
    dd->refs = 1;
    dd->hash_next = *bucket;
    *bucket = dd;
    *out = dd;
    return 0;
}

/* Walk up to the root first, then hold downwards: bounded by the nesting limit, so loops end as
 * errors. */
int dsl_dir_hold_locked(struct dsl_pool *dp, uint64_t object, struct dsl_dir **out)
{
    uint64_t chain[DSL_MAX_DEPTH + 2];
    unsigned n = 0;
    struct dsl_dir *dd = NULL;
    uint64_t at = object;

    for (;;) {
        struct dsl_dir_phys phys;
        int err;

        dd = find_locked(dp, at);
        if (dd != NULL)
            break;
        if (n == array_len(chain))
            return err_raise(ZE_BADDSL, "directory %llu: more than %u parents",
                             (unsigned long long)object, (unsigned)array_len(chain));
        chain[n++] = at;
        if (at == dp->root_dir_obj)
            break;
        err = dsl_bonus_read(dp->mos, at, OBJTYPE_DSL_DIR, 256, &phys, sizeof(phys), NULL);
        if (err != 0)
            return err;
        if (phys.parent_obj == 0)
            return err_raise(ZE_BADDSL, "directory %llu has no parent", (unsigned long long)at);
        at = phys.parent_obj;
    }
    if (dd != NULL && dd->depth + n > DSL_MAX_DEPTH) {
        dsl_dir_rele_locked(dd);
        return err_raise(ZE_BADDSL, "directory %llu nests deeper than %u",
                         (unsigned long long)object, DSL_MAX_DEPTH);
    }
    while (n > 0) {
        int err = load_locked(dp, chain[n - 1], dd, NULL, 0, &dd);

        if (err != 0)
            return err;
        n--;
    }
    *out = dd;
    return 0;
}

int dsl_dir_child_locked(struct dsl_dir *parent, const char *name, size_t len, struct dsl_dir **out)
{
    char buf[DATASET_NAME_MAX];
    uint64_t object;
    int err;

    if (len >= sizeof(buf))
        return err_raise(ZE_NAMETOOLONG, "dataset name component of %zu bytes", len);
    if (parent->depth >= DSL_MAX_DEPTH)
        return err_raise(ZE_BADDSL, "datasets nest deeper than %u", DSL_MAX_DEPTH);
    memcpy(buf, name, len);
    buf[len] = '\0';
    err = zap_get_u64(parent->dp->mos, parent->phys.child_dir_zapobj, buf, &object);
    if (err == ZE_NOENT)
        return err_raise(ZE_NODATASET, "no dataset '%s' below '%s'", buf, parent->name);
    if (err != 0)
        return err;
    *out = find_locked(parent->dp, object);
    if (*out == NULL) {
        parent->refs++;
        err = load_locked(parent->dp, object, parent, buf, len, out);
    }
    if (err == 0 && ((*out)->parent != parent || (*out)->phys.parent_obj != parent->object)) {
        dsl_dir_rele_locked(*out); /* or names and listings would never end */
        *out = NULL;
        err = err_raise(ZE_BADDSL, "directory %llu is '%s' in %llu, but its parent is another",
                        (unsigned long long)object, buf, (unsigned long long)parent->object);
    }
    return err;
}

void dsl_dir_rele_locked(struct dsl_dir *dd)
{
    while (dd != NULL && --dd->refs == 0) {
        struct dsl_dir *parent = dd->parent;
        struct dsl_dir **at = bucket_of(dd->dp, dd->object);

        while (*at != dd)
            at = &(*at)->hash_next;
        *at = dd->hash_next;
        free(dd);
        dd = parent;
    }
}

int dsl_dir_hold(struct dsl_pool *dp, uint64_t object, struct dsl_dir **out)
{
    MUTEX_GUARD(&dp->lock);

    return dsl_dir_hold_locked(dp, object, out);
}

void dsl_dir_rele(struct dsl_dir *dd)
{
    MUTEX_GUARD(&dd->dp->lock);

    dsl_dir_rele_locked(dd);
}

void dsl_dir_name(const struct dsl_dir *dd, char name[DATASET_NAME_MAX])
{
    const struct dsl_dir *chain[DSL_MAX_DEPTH + 2];
    unsigned n = 0;
    size_t at = 0;

    for (; dd != NULL && n < array_len(chain); dd = dd->parent)
        chain[n++] = dd;
    name[0] = '\0';
    while (n-- > 0) {
        size_t len = strlen(chain[n]->name);

        if (at + len + 2 > DATASET_NAME_MAX)
            break;
        if (at > 0)
            name[at++] = '/';
        memcpy(name + at, chain[n]->name, len + 1);
        at += len;
    }
}

int dsl_dir_attr(struct dsl_dir *dd, const char *key, uint64_t *value)
{
    if (!dd->zapified)
        return ZE_NOENT;
    return zap_get_u64(dd->dp->mos, dd->object, key, value);
}
