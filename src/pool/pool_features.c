/* SPDX-License-Identifier: MIT */
/* Features of one pool; see pool_features.h. */
#include "pool/pool_features.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "dmu/zap.h"

#define FEATURE_OBJECT_MAX_ENTRIES 4096 /* in one feature ZAP; there are some fifty */

static bool feature_known(const char *guid)
{
    const struct feature_info *f = feature_find_guid(guid);
    return f != NULL && f->readable;
}

int pool_features_check_label(const struct nvlist *features_for_read, struct nvlist **unknown)
{
    AUTO_NVLIST struct nvlist *bad = NULL;
    int err = nvlist_create(&bad);
    for (const struct nvpair *p = NULL;
         err == 0 && (p = nvlist_next(features_for_read, p)) != NULL;) {
        if (!feature_known(nvpair_name(p)))
            err = nvlist_add_string(bad, nvpair_name(p), "");
    }
    if (err != 0)
        return err;
    if (nvlist_empty(bad))
        return 0;
    err = err_raise(ZE_FEATURE, "the pool uses the unsupported feature %s",
                    nvpair_name(nvlist_next(bad, NULL)));
    if (unknown != NULL) {
        *unknown = bad;
        bad = NULL;
    }
    return err;
}

/* ---- from the MOS ---- */

static int feature_object(struct objset *mos, const char *name, struct zap **out)
{
    uint64_t object;
    int err = zap_get_u64(mos, 1, name, &object);
    if (err == 0)
        err = zap_open(mos, object, out);
    if (err == 0 && zap_count(*out) > FEATURE_OBJECT_MAX_ENTRIES) {
        zap_close(*out);
        return err_raise(ZE_CORRUPT, "%s has too many entries", name);
    }
    if (err != 0 && err != ZE_NOMEM)
        return err_context(ZE_CORRUPT, "%s: ", name);
    return err;
}

static void feature_description(struct zap *descriptions, const char *guid, char *buf, size_t len)
{
    uint64_t got;
    memset(buf, 0, len);
    if (zap_lookup(descriptions, guid, 1, len - 1, buf, &got) != 0)
        buf[0] = '\0';
}

static int feature_record(struct pool_feature_state *s, struct zap *descriptions, bool for_read,
                          const struct zap_entry *e)
{
    int err = nvlist_add_u64(s->enabled, e->name, e->first);
    const struct feature_info *f = feature_find_guid(e->name);
    if (err != 0)
        return err;
    if (f != NULL)
        s->count[f->id] = e->first;
    if (feature_known(e->name))
        return 0;
    if ((err = nvlist_add_u64(s->unsupported, e->name, e->first)) != 0 || e->first == 0)
        return err;
    s->can_write = false;
    if (for_read)
        s->can_readonly = false;
    char text[256];
    feature_description(descriptions, e->name, text, sizeof(text));
    return nvlist_add_string(s->unsupported_descriptions, e->name, text);
}

static int features_load_object(struct objset *mos, const char *name, bool for_read,
                                struct zap *descriptions, struct pool_feature_state *s)
{
    struct zap *zap;
    int err = feature_object(mos, name, &zap);
    if (err != 0)
        return err;
    struct zap_entry *e = mem_zalloc(sizeof(*e));
    struct zap_cursor c;
    zap_cursor_init(&c, zap);
    err = e == NULL ? ZE_NOMEM : 0;
    while (err == 0 && (err = zap_cursor_next(&c, e)) == 0) {
        if (e->integer_size != 8 || e->count != 1)
            err = err_raise(ZE_CORRUPT, "%s: the entry %s is not one number", name, e->name);
        else
            err = feature_record(s, descriptions, for_read, e);
    }
    zap_cursor_fini(&c);
    zap_close(zap);
    free(e);
    return err == ZE_NOENT ? 0 : err;
}

int pool_features_load(struct objset *mos, struct pool_feature_state **out)
{
    struct pool_feature_state *s = mem_zalloc(sizeof(*s));
    struct zap *descriptions = NULL;
    if (s == NULL)
        return ZE_NOMEM;
    for (unsigned i = 0; i < FEATURE_COUNT; i++)
        s->count[i] = FEATURE_DISABLED;
    s->can_readonly = s->can_write = true;
    int err = nvlist_create(&s->enabled);
    if (err == 0)
        err = nvlist_create(&s->unsupported);
    if (err == 0)
        err = nvlist_create(&s->unsupported_descriptions);
    if (err == 0)
        err = feature_object(mos, "feature_descriptions", &descriptions);
    if (err == 0)
        err = features_load_object(mos, "features_for_read", true, descriptions, s);
    if (err == 0)
        err = features_load_object(mos, "features_for_write", false, descriptions, s);
    if (descriptions != NULL)
        zap_close(descriptions);
    if (err != 0) {
        pool_features_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void pool_features_free(struct pool_feature_state *state)
{
    if (state == NULL)
        return;
    nvlist_free(state->unsupported);
    nvlist_free(state->unsupported_descriptions);
    nvlist_free(state->enabled);
    free(state);
}

const char *pool_feature_state_name(const struct pool_feature_state *s, enum feature id)
{
    if (!pool_feature_enabled(s, id))
        return "disabled";
    return pool_feature_active(s, id) ? "active" : "enabled";
}
