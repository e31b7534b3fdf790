/* SPDX-License-Identifier: MIT */
/* Property values as zfs shows them (format/dsl.md 9.4, 11). */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "cli/zfs_cli.h"

static bool is_space_virtual(const char *prop)
{
    return strncmp(prop, "written@", 8) == 0 || strncmp(prop, "written#", 8) == 0 ||
           strstr(prop, "used@") || strstr(prop, "quota@");
}

const char *zfs_prop_canonical(const char *name)
{
    const struct prop_def *p = prop_find_alias(name);

    if (p != NULL)
        return p->name;
    return prop_is_user(name) || is_space_virtual(name) ? name : NULL;
}

bool zfs_prop_applies(const char *prop, uint64_t type)
{
    const struct prop_def *p = prop_find(prop);

    if (p == NULL)
        return type != PROP_ON_BOOKMARK;
    return (p->on & type) != 0;
}

void zfs_prop_header(const char *prop, char *buf, size_t len)
{
    const struct prop_def *p = prop_find(prop);
    size_t i = 0;

    if (p != NULL) {
        snprintf(buf, len, "%s", p->header);
        return;
    }
    for (; prop[i] != '\0' && i + 1 < len; i++)
        buf[i] = (char)toupper((unsigned char)prop[i]);
    buf[i] = '\0';
}

size_t zfs_prop_width(const char *prop)
{
    const struct prop_def *p = prop_find(prop);
    size_t width;

    if (p == NULL)
        return strlen(prop);
    width = strlen(p->header);
    if (p->kind == PROP_NUMBER)
        width = max_of(width, (size_t)(strcmp(prop, "creation") == 0            ? 21
                                       : strcmp(prop, "snapshots_changed") == 0 ? 24
                                                                                : 5));
    if (strcmp(prop, "type") == 0)
        width = strlen("filesystem");
    for (const struct prop_index *x = p->index; x != NULL && x->name != NULL; x++)
        width = max_of(width, strlen(x->name));
    return width;
}

bool zfs_prop_right_aligned(const char *prop)
{
    const struct prop_def *p = prop_find(prop);

    return p != NULL && p->format != PROP_FMT_DATE && p->right_aligned;
}

static void format_date(uint64_t seconds, const char *format, char *buf, size_t len)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, len, format, &tm);
}

static void format_number(const struct prop_def *p, uint64_t v, bool literal, char *buf, size_t len)
{
    char num[32];

    if (p->format == PROP_FMT_LIMIT && v == UINT64_MAX)
        snprintf(buf, len, "none");
    else if (p->format == PROP_FMT_QUOTA && v == 0 && !literal)
        snprintf(buf, len, "none");
    else if (p->format == PROP_FMT_DATE && v == 0 && strcmp(p->name, "creation") != 0)
        snprintf(buf, len, "-");
    else if (p->format == PROP_FMT_RATIO)
        snprintf(buf, len, "%s", cli_ratio(v, literal, num));
    else if (literal || p->format == PROP_FMT_DECIMAL)
        snprintf(buf, len, "%llu", (unsigned long long)v);
    else if (p->format == PROP_FMT_DATE)
        format_date(v,
                    strcmp(p->name, "creation") == 0 ? "%a %b %e %k:%M %Y" : "%a %b %e %k:%M:%S %Y",
                    buf, len);
    else
        snprintf(buf, len, "%s",
                 p->format == PROP_FMT_NUMBER || p->format == PROP_FMT_LIMIT
                     ? cli_nicenum(v, num)
                     : cli_nicebytes(v, num));
}

static void format_raw(const struct prop_def *p, const char *prop, const struct nvpair *value,
                       bool literal, char *buf, size_t len)
{
    const char *text;
    char num[32];
    uint64_t v;

    if (nvpair_string(value, &text) == 0) {
        snprintf(buf, len, "%s", text);
        return;
    }
    if (nvpair_u64(value, &v) != 0) {
        snprintf(buf, len, "-");
        return;
    }
    if (p == NULL) {
        bool quota = strstr(prop, "quota@") != NULL, objects = strstr(prop, "obj") != NULL;

        if (quota && v == 0 && !literal)
            snprintf(buf, len, "none");
        else if (literal)
            snprintf(buf, len, "%llu", (unsigned long long)v);
        else
            snprintf(buf, len, "%s", objects ? cli_nicenum(v, num) : cli_nicebytes(v, num));
        return;
    }
    if (p->kind == PROP_INDEX) {
        const char *name = prop_index_name(p, v);

        snprintf(buf, len, "%s", name != NULL ? name : prop_index_name(p, p->dflt));
        return;
    }
    format_number(p, v, literal, buf, len);
}

/* A value that comes without a source: local, default or none (format/dsl.md 9.4). */
static const char *sourceless(const struct prop_def *p, const struct nvpair *value)
{
    static const char *const local[] = {
        "volsize",          "quota",          "refquota",         "reservation",   "refreservation",
        "filesystem_limit", "snapshot_limit", "filesystem_count", "snapshot_count"};
    static const char *const own[] = {"version",
                                      "utf8only",
                                      "normalization",
                                      "casesensitivity",
                                      "defaultuserquota",
                                      "defaultgroupquota",
                                      "defaultprojectquota",
                                      "defaultuserobjquota",
                                      "defaultgroupobjquota",
                                      "defaultprojectobjquota"};
    uint64_t v = 0;

    (void)nvpair_u64(value, &v);
    for (size_t i = 0; i < array_len(local); i++) {
        if (strcmp(p->name, local[i]) == 0)
            return strcmp(p->name, "volsize") != 0 && v == p->dflt ? "DEFAULT" : "LOCAL";
    }
    if (p->attr == PROP_READONLY)
        return "NONE";
    for (size_t i = 0; i < array_len(own); i++) {
        if (strcmp(p->name, own[i]) == 0)
            return "NONE";
    }
    if (p->attr == PROP_ONCE || p->attr == PROP_ONCE_ND)
        return p->kind != PROP_STRING && v == p->dflt ? "DEFAULT" : "NONE";
    return "DEFAULT";
}

static void set_source(struct zfs_value *out, const char *type, const char *data)
{
    static const struct {
        const char *type, *shown;
    } rows[] = {{"NONE", "-"},
                {"DEFAULT", "default"},
                {"LOCAL", "local"},
                {"RECEIVED", "received"},
                {"TEMPORARY", "temporary"}};

    out->source_type = type;
    snprintf(out->source_data, sizeof(out->source_data), "%s", data);
    snprintf(out->source, sizeof(out->source), "inherited from %s", data);
    for (size_t i = 0; i < array_len(rows); i++) {
        if (strcmp(rows[i].type, type) == 0)
            snprintf(out->source, sizeof(out->source), "%s", rows[i].shown);
    }
}

static void fill_source(const struct nvlist *item, const struct prop_def *p, const char *prop,
                        const struct nvpair *value, const char *source, struct zfs_value *out)
{
    if (strcmp(source, "$recvd") == 0)
        set_source(out, "RECEIVED", "-");
    else if (strcmp(source, "$temporary") == 0)
        set_source(out, "TEMPORARY", "-");
    else if (source[0] == '\0')
        set_source(out,
                   p != NULL                ? sourceless(p, value)
                   : strstr(prop, "quota@") ? "LOCAL"
                                            : "NONE",
                   "-");
    else if (strcmp(source, nvlist_string(item, "name", "")) == 0)
        set_source(out, "LOCAL", "-");
    else
        set_source(out, "INHERITED", source);
}

void zfs_value_get(const struct nvlist *item, const char *prop, bool literal, struct zfs_value *out)
{
    const struct prop_def *p = prop_find(prop);
    struct nvlist *props = nvlist_child(item, "props"), *entry;
    const struct nvpair *value, *received;

    strcpy(out->text, "-");
    strcpy(out->received, "-");
    out->set = false;
    set_source(out, "NONE", "-");
    if (strcmp(prop, "name") == 0) {
        snprintf(out->text, sizeof(out->text), "%s", nvlist_string(item, "name", "-"));
        out->set = true;
        return;
    }
    if (p != NULL && !zfs_prop_applies(prop, nvlist_u64(item, "type", 1)))
        return;
    entry = props != NULL ? nvlist_child(props, prop) : NULL;
    value = entry != NULL ? nvlist_find(entry, "value") : NULL;
    if (value == NULL) {
        if (p != NULL && p->format == PROP_FMT_LIMIT &&
            zfs_prop_applies(prop, nvlist_u64(item, "type", 1))) {
            strcpy(out->text, "none");
            set_source(out, "DEFAULT", "-");
            out->set = true;
        }
        return;
    }
    out->set = true;
    format_raw(p, prop, value, literal, out->text, sizeof(out->text));
    fill_source(item, p, prop, value, nvlist_string(entry, "source", ""), out);
    received = nvlist_find(entry, "received");
    if (received != NULL)
        format_raw(p, prop, received, literal, out->received, sizeof(out->received));
}
