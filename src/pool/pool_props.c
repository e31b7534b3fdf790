/* SPDX-License-Identifier: MIT */
/* Pool properties; see pool_props.h. */
#include "pool/pool_props.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"
#include "pool/pool_features.h"
#include "pool/space.h"

#define QUOTA_AUTO UINT64_MAX
#define VALUE_MAX  8192

enum prop_kind {
    PROP_COMPUTED, /* from pool_space and friends */
    PROP_ONOFF,    /* stored 0/1 */
    PROP_FAILMODE,
    PROP_NUMBER, /* stored number */
    PROP_BOOTFS,
    PROP_CONFIG, /* string in the configuration */
    PROP_IMPORT, /* given when importing */
};

struct prop_def {
    const char *name;
    enum prop_kind kind;
    uint64_t dflt;
};

static const struct prop_def props[] = {
    {"size", PROP_COMPUTED, 0},
    {"capacity", PROP_COMPUTED, 0},
    {"altroot", PROP_IMPORT, 0},
    {"health", PROP_COMPUTED, 0},
    {"guid", PROP_COMPUTED, 0},
    {"version", PROP_COMPUTED, 0},
    {"bootfs", PROP_BOOTFS, 0},
    {"delegation", PROP_ONOFF, 1},
    {"autoreplace", PROP_ONOFF, 0},
    {"cachefile", PROP_IMPORT, 0},
    {"failmode", PROP_FAILMODE, 0},
    {"listsnapshots", PROP_ONOFF, 0},
    {"autoexpand", PROP_ONOFF, 0},
    {"dedupratio", PROP_COMPUTED, 0},
    {"free", PROP_COMPUTED, 0},
    {"allocated", PROP_COMPUTED, 0},
    {"readonly", PROP_COMPUTED, 0},
    {"ashift", PROP_NUMBER, 0},
    {"comment", PROP_CONFIG, 0},
    {"expandsize", PROP_COMPUTED, 0},
    {"freeing", PROP_COMPUTED, 0},
    {"fragmentation", PROP_COMPUTED, 0},
    {"leaked", PROP_COMPUTED, 0},
    {"multihost", PROP_ONOFF, 0},
    {"checkpoint", PROP_COMPUTED, 0},
    {"load_guid", PROP_COMPUTED, 0},
    {"autotrim", PROP_ONOFF, 0},
    {"compatibility", PROP_CONFIG, 0},
    {"bcloneused", PROP_COMPUTED, 0},
    {"bclonesaved", PROP_COMPUTED, 0},
    {"bcloneratio", PROP_COMPUTED, 0},
    {"dedup_table_size", PROP_COMPUTED, 0},
    {"dedup_table_quota", PROP_NUMBER, QUOTA_AUTO},
    {"last_scrubbed_txg", PROP_COMPUTED, 0},
};

struct getter {
    struct pool *pool;
    struct pool_space space;
    struct pool_savings savings;
    struct zap *stored; /* NULL: no pool_props object */
    const char *const *names;
    size_t nnames;
    struct nvlist *out;
};

static bool wanted(const struct getter *g, const char *name)
{
    for (size_t i = 0; i < g->nnames; i++) {
        if (strcmp(g->names[i], name) == 0)
            return true;
    }
    return g->names == NULL;
}

static int put(struct getter *g, const char *name, const char *string, uint64_t number,
               const char *source)
{
    struct nvlist *nv;
    int err = nvlist_create(&nv);
    if (err != 0)
        return err;
    err = string != NULL ? nvlist_add_string(nv, "value", string)
                         : nvlist_add_u64(nv, "value", number);
    if (err == 0)
        err = nvlist_add_string(nv, "source", source);
    if (err != 0) {
        nvlist_free(nv);
        return err;
    }
    return nvlist_take_nvlist(g->out, name, nv);
}

/* ---- kinds ---- */

const char *pool_health(const struct pool *pool)
{
    if (pool->suspended)
        return "SUSPENDED";
    if (pool->vdevs == NULL)
        return "FAULTED";
    const struct vdev *root = pool->vdevs->root;
    return vdev_state_name(root->state, root->aux);
}

static int put_computed(struct getter *g, const char *name)
{
    const struct pool *pool = g->pool;
    const struct pool_space *s = &g->space;
    const struct pool_savings *v = &g->savings;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"size", s->size},
        {"capacity", s->size == 0 ? 0 : s->alloc / 128 * 100 / (s->size / 128)},
        {"guid", pool->guid},
        {"dedupratio", v->dedup_dsize == 0 ? 100 : v->dedup_ref_dsize * 100 / v->dedup_dsize},
        {"free", s->free},
        {"allocated", s->alloc},
        {"expandsize", s->expandable},
        {"freeing", s->freeing},
        {"fragmentation", s->fragmentation},
        {"leaked", s->leaked},
        {"checkpoint", s->checkpoint},
        {"load_guid", pool->load_guid},
        {"bcloneused", v->clone_used},
        {"bclonesaved", v->clone_saved},
        {"bcloneratio",
         v->clone_used == 0 ? 100 : (v->clone_used + v->clone_saved) * 100 / v->clone_used},
        {"dedup_table_size", v->dedup_table_size},
        {"last_scrubbed_txg", pool->last_scrubbed_txg},
    };
    for (size_t i = 0; i < array_len(numbers); i++) {
        if (strcmp(numbers[i].name, name) == 0)
            return put(g, name, NULL, numbers[i].value, "");
    }
    if (strcmp(name, "health") == 0)
        return put(g, name, pool_health(pool), 0, "");
    if (strcmp(name, "readonly") == 0)
        return put(g, name, pool->readonly ? "on" : "off", 0, "");
    /* version: shown as unset in pools with feature flags */
    if (pool->version == POOL_VERSION_FEATURES)
        return put(g, name, "", 0, "default");
    return put(g, name, NULL, pool->version, "local");
}

static int stored_number(const struct getter *g, const char *name, uint64_t *value)
{
    if (g->stored == NULL)
        return ZE_NOENT;
    return zap_lookup(g->stored, name, 8, 1, value, NULL);
}

static int put_stored(struct getter *g, const struct prop_def *p)
{
    static const char *const failmodes[] = {"wait", "continue", "panic"};
    uint64_t value = p->dflt;
    int err = stored_number(g, p->name, &value);
    if (err != 0 && err != ZE_NOENT)
        return err;
    const char *source = err == ZE_NOENT ? "default" : "local";
    if (p->kind == PROP_ONOFF)
        return put(g, p->name, value != 0 ? "on" : "off", 0, source);
    if (p->kind == PROP_FAILMODE)
        return put(g, p->name, value < array_len(failmodes) ? failmodes[value] : "wait", 0, source);
    return put(g, p->name, NULL, value, source);
}

static int put_bootfs(struct getter *g)
{
    uint64_t object = 0;
    char name[DATASET_NAME_MAX] = "";
    struct dsl_dataset *ds;
    int err = stored_number(g, "bootfs", &object);
    if (err != 0 && err != ZE_NOENT)
        return err;
    if (object != 0 && dsl_dataset_hold_object(g->pool->dsl, object, &ds) == 0) {
        dsl_dataset_name(ds, name);
        dsl_dataset_rele(ds);
    }
    return put(g, "bootfs", name, 0, object == 0 ? "default" : "local");
}

static int put_config(struct getter *g, const char *name)
{
    const char *dflt = strcmp(name, "compatibility") == 0 ? "off" : "";
    const char *value = nvlist_string(g->pool->config, name, NULL);
    return put(g, name, value != NULL ? value : dflt, 0, value != NULL ? "local" : "default");
}

static int put_import(struct getter *g, const char *name)
{
    const char *value = strcmp(name, "altroot") == 0 ? g->pool->altroot : g->pool->cachefile;
    return put(g, name, value != NULL ? value : "", 0, value != NULL ? "local" : "default");
}

static int put_one(struct getter *g, const struct prop_def *p)
{
    switch (p->kind) {
    case PROP_COMPUTED:
        return put_computed(g, p->name);
    case PROP_BOOTFS:
        return put_bootfs(g);
    case PROP_CONFIG:
        return put_config(g, p->name);
    case PROP_IMPORT:
        return put_import(g, p->name);
    default:
        return put_stored(g, p);
    }
}

/* ---- features and user properties ---- */

static int put_features(struct getter *g)
{
    int err = 0;
    char name[96];
    const struct pool_feature_state *f = g->pool->features;
    for (unsigned i = 0; i < FEATURE_COUNT && err == 0; i++) {
        snprintf(name, sizeof(name), "feature@%s", feature_info((enum feature)i)->name);
        if (wanted(g, name))
            err = put(g, name, pool_feature_state_name(f, (enum feature)i), 0, "local");
    }
    if (f == NULL)
        return err;
    for (const struct nvpair *p = NULL; err == 0 && (p = nvlist_next(f->unsupported, p)) != NULL;) {
        uint64_t count = 0;
        char key[ZAP_NAME_MAX + 16];
        nvpair_u64(p, &count);
        snprintf(key, sizeof(key), "unsupported@%s", nvpair_name(p));
        if (wanted(g, key))
            err = put(g, key, count == 0 ? "inactive" : "readonly", 0, "local");
    }
    return err;
}

static int put_user(struct getter *g)
{
    if (g->stored == NULL)
        return 0;
    AUTO_FREE struct zap_entry *e = mem_zalloc(sizeof(*e));
    AUTO_FREE char *value = mem_zalloc(VALUE_MAX);
    struct zap_cursor c;
    zap_cursor_init(&c, g->stored);
    int err = e == NULL || value == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        if (strchr(e->name, ':') == NULL || e->integer_size != 1 || e->count >= VALUE_MAX ||
            !wanted(g, e->name))
            continue;
        memset(value, 0, VALUE_MAX);
        if ((err = zap_entry_value(&c, e, value, e->count)) == 0)
            err = put(g, e->name, value, 0, "local");
    }
    zap_cursor_fini(&c);
    return err == ZE_NOENT ? 0 : err;
}

int pool_props_get(struct pool *pool, const char *const *names, size_t n, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct getter g = {.pool = pool, .names = names, .nnames = n};
    int err = nvlist_create(&nv);
    g.out = nv;
    if (err == 0)
        err = pool_space_get(pool, &g.space);
    if (err == 0)
        err = pool_savings_get(pool, &g.savings);
    if (err == 0 && pool->props_object != 0)
        err = zap_open(pool->mos, pool->props_object, &g.stored);
    for (size_t i = 0; i < array_len(props) && err == 0; i++) {
        if (wanted(&g, props[i].name))
            err = put_one(&g, &props[i]);
    }
    if (err == 0)
        err = put_user(&g);
    if (err == 0)
        err = put_features(&g);
    if (g.stored != NULL)
        zap_close(g.stored);
    if (err != 0)
        return err;
    *out = nv;
    nv = NULL;
    return 0;
}

/* ---- import ---- */

static const struct prop_def *prop_find(const char *name)
{
    for (size_t i = 0; i < array_len(props); i++) {
        if (strcmp(props[i].name, name) == 0)
            return &props[i];
    }
    return NULL;
}

static int take_import_prop(struct pool *pool, const char *name, const struct nvpair *p)
{
    const char *value = NULL;
    char **field = strcmp(name, "altroot") == 0     ? &pool->altroot
                   : strcmp(name, "cachefile") == 0 ? &pool->cachefile
                                                    : NULL;
    nvpair_string(p, &value);
    if (field == NULL || value == NULL)
        return 0;
    if (value[0] != '/' && strcmp(value, "none") != 0 && value[0] != '\0')
        return err_raise(ZE_BADPROP, "property '%s' must be an absolute path", name);
    char *copy = mem_strdup(value);
    if (copy == NULL)
        return ZE_NOMEM;
    free(*field);
    *field = copy;
    return 0;
}

int pool_props_import(struct pool *pool, const struct nvlist *given)
{
    int err = nvlist_create(&pool->import_props);
    for (const struct nvpair *p = NULL;
         given != NULL && err == 0 && (p = nvlist_next(given, p)) != NULL;) {
        const char *name = nvpair_name(p);
        if (prop_find(name) == NULL && strchr(name, ':') == NULL)
            return err_raise(ZE_BADPROP, "property '%s' is not a valid pool or vdev property",
                             name);
        if ((err = take_import_prop(pool, name, p)) == 0)
            err = nvlist_add_pair(pool->import_props, name, p);
    }
    /* An alternate root is for looking at a foreign pool: it is not remembered. */
    if (err == 0 && pool->altroot != NULL && pool->cachefile == NULL &&
        (pool->cachefile = mem_strdup("none")) == NULL)
        err = ZE_NOMEM;
    return err;
}
