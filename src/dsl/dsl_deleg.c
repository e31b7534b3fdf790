/* SPDX-License-Identifier: MIT */
/* Delegated permissions: reading them and deciding (format/dsl.md, "13. Delegation"). */
#include "dsl/dsl_impl.h"

#include <string.h>

/* Names of a ZAP whose values do not matter: permissions, or sets with their '@'. */
static int names_of(struct dsl_pool *dp, uint64_t object, struct nvlist *out)
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
        err = nvlist_add_boolean(out, e->name);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

/* WHOKEY -> permissions of one directory; empty list if nothing was ever allowed there. */
static int deleg_of_dir(const struct dsl_dir *dd, struct nvlist **out)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct zap_cursor c;
    struct zap *zap;
    int err = e == NULL ? ZE_NOMEM : nvlist_create(&nv);

    if (err != 0)
        return err;
    if (dd->phys.deleg_zapobj != 0) {
        err = zap_open(dd->dp->mos, dd->phys.deleg_zapobj, &zap);
        if (err != 0)
            return err;
        zap_cursor_init(&c, zap);
        while ((err = zap_cursor_next(&c, e)) == 0) {
            struct nvlist *perms;

            err = nvlist_create(&perms);
            if (err == 0 && (err = names_of(dd->dp, e->first, perms)) != 0)
                nvlist_free(perms);
            if (err == 0)
                err = nvlist_take_nvlist(nv, e->name, perms);
            if (err != 0)
                break;
        }
        zap_cursor_fini(&c);
        zap_close(zap);
        if (err != ZE_NOENT)
            return err;
    }
    *out = nv;
    nv = NULL;
    return 0;
}

int dsl_deleg_get(struct dsl_dataset *ds, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *all = NULL;
    int err = nvlist_create(&all);

    for (const struct dsl_dir *dd = ds->dir; err == 0 && dd != NULL; dd = dd->parent) {
        char name[DATASET_NAME_MAX];
        struct nvlist *one;

        err = deleg_of_dir(dd, &one);
        if (err != 0)
            break;
        dsl_dir_name(dd, name);
        if (nvlist_empty(one))
            nvlist_free(one);
        else
            err = nvlist_take_nvlist(all, name, one);
    }
    if (err == 0) {
        *out = all;
        all = NULL;
    }
    return err;
}

/* ---- evaluation ---- */

struct who {
    uint32_t uid;
    const uint32_t *gids;
    size_t ngids;
};

/* Calls fn for each who-key of letters (user, group, everyone) that concerns this caller. */
static bool each_whokey(const struct who *w, const char letters[3], char f,
                        bool (*fn)(void *arg, const char *key), void *arg)
{
    char key[40];

    snprintf(key, sizeof(key), "%c%c$%u", letters[0], f, w->uid);
    if (fn(arg, key))
        return true;
    snprintf(key, sizeof(key), "%c%c$", letters[2], f);
    if (fn(arg, key))
        return true;
    for (size_t i = 0; i < w->ngids; i++) {
        snprintf(key, sizeof(key), "%c%c$%u", letters[1], f, w->gids[i]);
        if (fn(arg, key))
            return true;
    }
    return false;
}

struct deleg_state {
    struct nvlist *dir;  /* of the directory at hand */
    struct nvlist *sets; /* "@name" -> marked? */
    const char *perm;
    int err;
};

static bool add_sets(struct deleg_state *s, const char *key)
{
    struct nvlist *jump = nvlist_child(s->dir, key);
    const struct nvpair *p = NULL;

    while (jump != NULL && (p = nvlist_next(jump, p)) != NULL) {
        if (!nvlist_exists(s->sets, nvpair_name(p)) && s->err == 0)
            s->err = nvlist_add_bool(s->sets, nvpair_name(p), false);
    }
    return false;
}

static bool add_sets_of_key(void *arg, const char *key)
{
    return add_sets(arg, key);
}

static bool has_perm(void *arg, const char *key)
{
    struct deleg_state *s = arg;
    struct nvlist *jump = nvlist_child(s->dir, key);

    return jump != NULL && nvlist_exists(jump, s->perm);
}

/* Is perm in a set that applies? Sets named here may be defined further up: unmarked ones stay. */
static bool allowed_by_sets(struct deleg_state *s)
{
    bool changed = true;

    while (changed && s->err == 0) {
        const struct nvpair *p = NULL;

        changed = false;
        while ((p = nvlist_next(s->sets, p)) != NULL) {
            char key[300];
            const char *set = nvpair_name(p);
            bool marked = false, found = false;

            (void)nvpair_bool(p, &marked);
            if (marked)
                continue;
            snprintf(key, sizeof(key), "s-$%s", set);
            if (has_perm(s, key))
                return true;
            found = nvlist_exists(s->dir, key);
            snprintf(key, sizeof(key), "S-$%s", set);
            if (nvlist_exists(s->dir, key)) {
                (void)add_sets(s, key);
                found = true;
            }
            if (found) {
                s->err = nvlist_add_bool(s->sets, set, true);
                changed = true;
                break; /* the list changed under the iterator */
            }
        }
    }
    return false;
}

int dsl_deleg_check(struct dsl_dataset *ds, const char *perm, uint32_t uid, const uint32_t *gids,
                    size_t ngids)
{
    const struct who w = {uid, gids, ngids};
    struct deleg_state s = {.perm = perm};
    AUTO_NVLIST struct nvlist *sets = NULL;
    int err = nvlist_create(&sets);

    s.sets = sets;
    for (const struct dsl_dir *dd = ds->dir; err == 0 && dd != NULL; dd = dd->parent) {
        AUTO_NVLIST struct nvlist *dir = NULL;
        char f = dd == ds->dir && !dsl_dataset_is_snapshot(ds) ? 'l' : 'd';

        if (dd->phys.deleg_zapobj == 0)
            continue;
        err = deleg_of_dir(dd, &dir);
        if (err != 0)
            return err;
        s.dir = dir;
        (void)each_whokey(&w, "UGE", f, add_sets_of_key, &s);
        if (allowed_by_sets(&s) || each_whokey(&w, "uge", f, has_perm, &s))
            return 0;
        err = s.err;
    }
    return err != 0 ? err
                    : err_raise(ZE_ACCES, "permission '%s' is not delegated to uid %u", perm, uid);
}
