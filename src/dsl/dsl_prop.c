/* SPDX-License-Identifier: MIT */
/*
 * Stored properties: the value of a property and where it comes from (format/dsl.md, "9
 * Properties"). The property ZAPs from the dataset up to the root are read once into name-value
 * lists (a chain); every lookup then walks the chain.
 */
#include "dsl/dsl_impl.h"

#include <string.h>

#include "dsl/prop_table.h"

struct prop_level {
    struct nvlist *values; /* key -> uint64 or string, as stored */
    char name[DATASET_NAME_MAX];
};
struct prop_chain {
    struct prop_level level[DSL_MAX_DEPTH + 3]; /* the dataset (or snapshot) itself first */
    unsigned n;
    bool snapshot; /* level 0 is a snapshot's own ZAP */
};

struct prop_found {
    const struct nvpair *pair;
    char source[DATASET_NAME_MAX];
};

static void chain_free(struct prop_chain *c)
{
    for (unsigned i = 0; i < c->n; i++)
        nvlist_free(c->level[i].values);
}

/* One entry of a property ZAP: a number, or a string with its NUL (8192 bytes at most). */
static int read_value(struct zap_cursor *c, const struct zap_entry *e, struct nvlist *values)
{
    char *text AUTO_FREE = NULL;
    int err;

    if (e->integer_size == 8 && e->count == 1)
        return nvlist_add_u64(values, e->name, e->first);
    if (e->integer_size != 1 || e->count == 0 || e->count > 8192)
        return 0; /* malformed: as if absent, format/dsl.md 16 */
    text = mem_zalloc(e->count + 1);
    if (text == NULL)
        return ZE_NOMEM;
    err = zap_entry_value(c, e, text, e->count);
    return err != 0 ? err : nvlist_add_string(values, e->name, text);
}

static int read_level(struct dsl_pool *dp, uint64_t object, struct nvlist **out)
{
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    struct zap *zap;
    int err = e == NULL ? ZE_NOMEM : nvlist_create(out);

    if (err != 0 || object == 0)
        return err;
    err = zap_open(dp->mos, object, &zap);
    if (err != 0)
        return err_context(err, "properties %llu: ", (unsigned long long)object);
    zap_cursor_init(&c, zap);
    while ((err = zap_cursor_next(&c, e)) == 0) {
        err = read_value(&c, e, *out);
        if (err != 0)
            break;
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    return err == ZE_NOENT ? 0 : err;
}

static int chain_add(struct dsl_pool *dp, struct prop_chain *c, uint64_t object)
{
    struct prop_level *l = &c->level[c->n];
    int err = read_level(dp, object, &l->values);

    if (err != 0) {
        nvlist_free(l->values);
        l->values = NULL;
        return err;
    }
    c->n++;
    return 0;
}

static int chain_load(struct dsl_dataset *ds, struct prop_chain *c)
{
    int err = 0;

    c->n = 0;
    c->snapshot = dsl_dataset_is_snapshot(ds);
    if (c->snapshot) {
        err = chain_add(ds->dp, c, ds->phys.props_obj);
        if (err == 0)
            dsl_dataset_name(ds, c->level[0].name);
    }
    for (const struct dsl_dir *dd = ds->dir; err == 0 && dd != NULL && c->n < array_len(c->level);
         dd = dd->parent) {
        err = chain_add(ds->dp, c, dd->phys.props_zapobj);
        if (err == 0)
            dsl_dir_name(dd, c->level[c->n - 1].name);
    }
    if (err != 0)
        chain_free(c);
    return err;
}

static const struct nvpair *suffixed(const struct nvlist *values, const char *name,
                                     const char *suffix)
{
    char key[300];
    int n = snprintf(key, sizeof(key), "%s%s", name, suffix);

    return n > 0 && (size_t)n < sizeof(key) ? nvlist_find(values, key) : NULL;
}

/* Steps a-c of format/dsl.md 9.2 at one directory. */
static bool find_at(const struct prop_chain *c, unsigned i, const char *name,
                    const struct prop_def *def, bool own, struct prop_found *f)
{
    const struct prop_level *l = &c->level[i];
    const struct nvpair *p = suffixed(l->values, name, "$iuv");
    uint64_t v;

    f->pair = NULL;
    if (p != NULL && def != NULL && nvpair_u64(p, &v) == 0 && prop_index_name(def, v) != NULL)
        f->pair = p;
    else
        f->pair = nvlist_find(l->values, name);
    if (f->pair != NULL) {
        strcpy(f->source, l->name);
        return true;
    }
    if (suffixed(l->values, name, "$inherit") != NULL)
        return false;
    f->pair = suffixed(l->values, name, "$recvd");
    if (f->pair == NULL)
        return false;
    strcpy(f->source, own ? "$recvd" : l->name);
    return true;
}

/* False: default. */
static bool chain_find(const struct prop_chain *c, const char *name, const struct prop_def *def,
                       struct prop_found *f)
{
    bool inheritable = def == NULL || prop_is_inheritable(def);
    unsigned i = 0;

    if (c->snapshot) {
        if (find_at(c, 0, name, def, true, f))
            return true;
        i = 1;
    }
    for (; i < c->n; i++) {
        if (i > 0 && !inheritable)
            return false;
        if (find_at(c, i, name, def, i == 0, f))
            return true;
    }
    return false;
}

int dsl_prop_entry(struct nvlist *props, const char *name, uint64_t number, const char *string,
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
    return nvlist_take_nvlist(props, name, nv);
}

/* An inherited absolute mountpoint continues with the part of the name below where it was set. */
static int mountpoint_value(const struct dsl_dataset *ds, const char *stored, const char *source,
                            char out[4096])
{
    char name[DATASET_NAME_MAX];
    const char *rel = name, *altroot = ds->dp->altroot;

    dsl_dir_name(ds->dir, name);
    if (stored[0] != '/') {
        snprintf(out, 4096, "%s", stored);
        return 0;
    }
    if (strcmp(source, "$recvd") == 0 || strcmp(source, name) == 0)
        rel = "";
    else if (source[0] != '\0' && strncmp(name, source, strlen(source)) == 0)
        rel = name + strlen(source) + (name[strlen(source)] == '/');
    if (strcmp(stored, "/") == 0)
        stored = "";
    if (snprintf(out, 4096, "%s%s%s%s", altroot, stored, rel[0] != '\0' ? "/" : "", rel) >= 4096)
        return err_raise(ZE_NAMETOOLONG, "mountpoint of '%s'", name);
    if (out[0] == '\0')
        strcpy(out, "/");
    return 0;
}

static int add_found(struct dsl_dataset *ds, const struct prop_chain *c, const char *name,
                     const struct prop_found *f, struct nvlist *props)
{
    const struct nvpair *received = suffixed(c->level[0].values, name, "$recvd");
    const char *text = NULL;
    uint64_t number = 0;
    char path[4096];
    struct nvlist *entry;
    int err = 0;

    if (nvpair_string(f->pair, &text) != 0 && nvpair_u64(f->pair, &number) != 0)
        return 0;
    if (strcmp(name, "mountpoint") == 0 && text != NULL) {
        err = mountpoint_value(ds, text, f->source, path);
        text = path;
    }
    if (err == 0)
        err = dsl_prop_entry(props, name, number, text, f->source);
    if (err != 0 || received == NULL)
        return err;
    err = nvlist_lookup_nvlist(props, name, &entry);
    return err != 0 ? err : nvlist_add_pair(entry, "received", received);
}

static int add_default(struct dsl_dataset *ds, const struct prop_def *def, struct nvlist *props)
{
    char path[4096];

    if (strcmp(def->name, "mountpoint") == 0) {
        int err = mountpoint_value(ds, def->dflt_string, "", path);

        return err != 0 ? err : dsl_prop_entry(props, def->name, 0, path, "");
    }
    return dsl_prop_entry(props, def->name, def->dflt,
                          def->kind == PROP_STRING ? def->dflt_string : NULL, "");
}

static bool is_stored(const struct prop_def *def)
{
    static const char *const elsewhere[] = {"version",
                                            "utf8only",
                                            "normalization",
                                            "casesensitivity",
                                            "volsize",
                                            "volblocksize",
                                            "encryption",
                                            "keyformat",
                                            "pbkdf2salt",
                                            "pbkdf2iters",
                                            "defaultuserquota",
                                            "defaultgroupquota",
                                            "defaultprojectquota",
                                            "defaultuserobjquota",
                                            "defaultgroupobjquota",
                                            "defaultprojectobjquota"};

    if (def->attr == PROP_READONLY)
        return false;
    for (size_t i = 0; i < array_len(elsewhere); i++) {
        if (strcmp(def->name, elsewhere[i]) == 0)
            return false;
    }
    return true;
}

bool dsl_prop_applies(struct dsl_dataset *ds, const struct prop_def *def)
{
    struct objset *os;

    if (!(def->on & (unsigned)dsl_dataset_kind(ds)))
        return false;
    if (!dsl_dataset_is_snapshot(ds) || !(def->on & (PROP_ON_FS | PROP_ON_VOL)))
        return true;
    /* A volume's snapshot has no properties of file systems. */
    if (dsl_dataset_objset(ds, &os) != 0 || objset_type(os) != OBJSET_TYPE_ZVOL)
        return (def->on & PROP_ON_FS) != 0;
    return (def->on & PROP_ON_VOL) != 0;
}

static int add_stored(struct dsl_dataset *ds, const struct prop_chain *c,
                      const struct prop_def *def, struct nvlist *props)
{
    struct prop_found f;

    if (!dsl_prop_applies(ds, def))
        return 0;
    if (chain_find(c, def->name, def, &f))
        return add_found(ds, c, def->name, &f, props);
    if (def->kind == PROP_STRING && def->dflt_string == NULL)
        return 0;
    return add_default(ds, def, props);
}

static int add_user_props(struct dsl_dataset *ds, const struct prop_chain *c, struct nvlist *props)
{
    for (unsigned i = c->n; i-- > 0;) { /* what is inherited from afar comes first */
        const struct nvpair *p = NULL;

        while ((p = nvlist_next(c->level[i].values, p)) != NULL) {
            char name[256];
            struct prop_found f;
            size_t len = strcspn(nvpair_name(p), "$");
            int err;

            if (len == 0 || len >= sizeof(name) || memchr(nvpair_name(p), ':', len) == NULL)
                continue;
            memcpy(name, nvpair_name(p), len);
            name[len] = '\0';
            if (nvlist_exists(props, name) || !chain_find(c, name, NULL, &f))
                continue;
            err = add_found(ds, c, name, &f, props);
            if (err != 0)
                return err;
        }
    }
    return 0;
}

static int add_all(struct dsl_dataset *ds, const struct prop_chain *c, struct nvlist *props)
{
    int err = dsl_props_computed(ds, NULL, 0, props);

    for (size_t i = 0; err == 0 && i < prop_table_count(); i++) {
        if (is_stored(prop_table_at(i)))
            err = add_stored(ds, c, prop_table_at(i), props);
    }
    return err != 0 ? err : add_user_props(ds, c, props);
}

static int add_named(struct dsl_dataset *ds, const struct prop_chain *c, const char *const *names,
                     size_t n, struct nvlist *props)
{
    int err = dsl_props_computed(ds, names, n, props);

    for (size_t i = 0; err == 0 && i < n; i++) {
        const struct prop_def *def = prop_find(names[i]);
        struct prop_found f;

        if (def != NULL && is_stored(def))
            err = add_stored(ds, c, def, props);
        else if (def == NULL && strchr(names[i], ':') != NULL && chain_find(c, names[i], NULL, &f))
            err = add_found(ds, c, names[i], &f, props);
    }
    return err;
}

int dsl_props_get(struct dsl_dataset *ds, const char *const *names, size_t n, struct nvlist **out)
{
    AUTO_NVLIST struct nvlist *props = NULL;
    struct prop_chain *c AUTO_FREE = mem_zalloc(sizeof(*c));
    int err = c == NULL ? ZE_NOMEM : nvlist_create(&props);

    if (err == 0)
        err = chain_load(ds, c);
    if (err != 0)
        return err;
    err = names == NULL ? add_all(ds, c, props) : add_named(ds, c, names, n, props);
    chain_free(c);
    if (err == 0) {
        *out = props;
        props = NULL;
    }
    return err;
}

static int get_one(struct dsl_dataset *ds, const char *name, struct nvlist **props,
                   struct nvlist **entry)
{
    int err = dsl_props_get(ds, &name, 1, props);

    if (err == 0 && (*entry = nvlist_child(*props, name)) == NULL)
        err = err_raise(ZE_NOENT, "no property '%s'", name);
    return err;
}

int dsl_prop_u64(struct dsl_dataset *ds, const char *name, uint64_t *value, char *source,
                 size_t source_len)
{
    AUTO_NVLIST struct nvlist *props = NULL;
    struct nvlist *entry;
    int err = get_one(ds, name, &props, &entry);

    if (err != 0)
        return err;
    if (source != NULL)
        snprintf(source, source_len, "%s", nvlist_string(entry, "source", ""));
    return nvlist_lookup_u64(entry, "value", value);
}

int dsl_prop_string(struct dsl_dataset *ds, const char *name, char *value, size_t len, char *source,
                    size_t source_len)
{
    AUTO_NVLIST struct nvlist *props = NULL;
    struct nvlist *entry;
    const char *text;
    int err = get_one(ds, name, &props, &entry);

    if (err == 0)
        err = nvlist_lookup_string(entry, "value", &text);
    if (err != 0)
        return err;
    if (strlen(text) >= len)
        return err_raise(ZE_RANGE, "value of '%s' has %zu bytes", name, strlen(text));
    strcpy(value, text);
    if (source != NULL)
        snprintf(source, source_len, "%s", nvlist_string(entry, "source", ""));
    return 0;
}
