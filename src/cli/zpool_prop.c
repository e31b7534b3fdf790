/* SPDX-License-Identifier: MIT */
/* Pool and vdev properties: names, headers, number formats (format/dsl.md 12, format/raid.md 17.6).
 */
#include "cli/zpool_prop.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum kind { K_STRING, K_BYTES, K_PERCENT, K_RATIO, K_NUMBER, K_COUNT, K_STATE, K_QUOTA };
enum { OF_POOL = 1, OF_VDEV = 2, OF_BOTH = 3 };
enum { UNSET_ZERO = 1 }; /* zero shows as "-" */

/* header NULL: the name in upper case. */
static const struct column {
    const char *name, *alias, *header;
    enum kind kind;
    unsigned of, flags;
} columns[] = {
    {"name", NULL, NULL, K_STRING, OF_BOTH, 0},
    {"size", NULL, NULL, K_BYTES, OF_BOTH, 0},
    {"allocated", "alloc", "ALLOC", K_BYTES, OF_BOTH, 0},
    {"free", NULL, NULL, K_BYTES, OF_BOTH, 0},
    {"checkpoint", "ckpoint", "CKPOINT", K_BYTES, OF_POOL, UNSET_ZERO},
    {"expandsize", "expandsz", "EXPANDSZ", K_BYTES, OF_BOTH, UNSET_ZERO},
    {"fragmentation", "frag", "FRAG", K_PERCENT, OF_BOTH, 0},
    {"capacity", "cap", "CAP", K_PERCENT, OF_BOTH, 0},
    {"dedupratio", "dedup", "DEDUP", K_RATIO, OF_POOL, 0},
    {"bcloneratio", "bclone_ratio", "BCLONE_RATIO", K_RATIO, OF_POOL, 0},
    {"bcloneused", "bclone_used", "BCLONE_USED", K_BYTES, OF_POOL, 0},
    {"bclonesaved", "bclone_saved", "BCLONE_SAVED", K_BYTES, OF_POOL, 0},
    {"dedup_table_size", "ddtsize", "DDTSIZE", K_BYTES, OF_POOL, 0},
    {"dedup_table_quota", "ddtquota", "DDTQUOTA", K_QUOTA, OF_POOL, 0},
    {"freeing", NULL, NULL, K_BYTES, OF_POOL, 0},
    {"leaked", NULL, NULL, K_BYTES, OF_POOL, 0},
    {"health", NULL, NULL, K_STRING, OF_POOL, 0},
    {"altroot", NULL, NULL, K_STRING, OF_POOL, 0},
    {"guid", NULL, NULL, K_NUMBER, OF_BOTH, 0},
    {"load_guid", NULL, NULL, K_NUMBER, OF_POOL, 0},
    {"ashift", NULL, NULL, K_NUMBER, OF_BOTH, 0},
    {"version", NULL, NULL, K_NUMBER, OF_POOL, 0},
    {"last_scrubbed_txg", NULL, NULL, K_NUMBER, OF_POOL, 0},
    {"delegation", NULL, NULL, K_STRING, OF_POOL, 0},
    {"autoreplace", "replace", "REPLACE", K_STRING, OF_POOL, 0},
    {"cachefile", NULL, NULL, K_STRING, OF_POOL, 0},
    {"failmode", NULL, NULL, K_STRING, OF_POOL, 0},
    {"listsnapshots", "listsnaps", "LISTSNAPS", K_STRING, OF_POOL, 0},
    {"autoexpand", "expand", "EXPAND", K_STRING, OF_POOL, 0},
    {"readonly", "rdonly", "RDONLY", K_STRING, OF_POOL, 0},
    {"comment", NULL, NULL, K_STRING, OF_BOTH, 0},
    {"multihost", NULL, NULL, K_STRING, OF_POOL, 0},
    {"autotrim", NULL, NULL, K_STRING, OF_POOL, 0},
    {"compatibility", NULL, NULL, K_STRING, OF_POOL, 0},
    {"bootfs", NULL, NULL, K_STRING, OF_POOL, 0},
    {"state", NULL, NULL, K_STATE, OF_VDEV, 0},
    {"asize", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"psize", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"bootsize", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"parity", NULL, NULL, K_NUMBER, OF_VDEV, 0},
    {"path", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"devid", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"physpath", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"encpath", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"fru", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"parent", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"children", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"numchildren", NULL, "NUMCHILD", K_NUMBER, OF_VDEV, 0},
    {"read_errors", NULL, "RDERR", K_COUNT, OF_VDEV, 0},
    {"write_errors", NULL, "WRERR", K_COUNT, OF_VDEV, 0},
    {"checksum_errors", NULL, "CKERR", K_COUNT, OF_VDEV, 0},
    {"initialize_errors", NULL, "INITERR", K_COUNT, OF_VDEV, 0},
    {"trim_errors", NULL, "TRIMERR", K_COUNT, OF_VDEV, 0},
    {"slow_ios", NULL, "SLOW", K_COUNT, OF_VDEV, 0},
    {"null_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"read_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"write_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"free_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"claim_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"trim_ops", NULL, NULL, K_COUNT, OF_VDEV, 0},
    {"null_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"read_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"write_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"free_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"claim_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"trim_bytes", NULL, NULL, K_BYTES, OF_VDEV, 0},
    {"removing", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"allocating", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"failfast", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"checksum_n", NULL, "CKSUM_N", K_NUMBER, OF_VDEV, 0},
    {"checksum_t", NULL, "CKSUM_T", K_NUMBER, OF_VDEV, 0},
    {"io_n", NULL, NULL, K_NUMBER, OF_VDEV, 0},
    {"io_t", NULL, NULL, K_NUMBER, OF_VDEV, 0},
    {"slow_io_n", NULL, NULL, K_NUMBER, OF_VDEV, 0},
    {"slow_io_t", NULL, NULL, K_NUMBER, OF_VDEV, 0},
    {"slow_io_events", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"sit_out", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"autosit", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"raidz_expanding", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"trim_support", NULL, NULL, K_STRING, OF_VDEV, 0},
    {"all", NULL, NULL, K_STRING, OF_BOTH, 0},
};

static const struct column *find(const char *name, unsigned of)
{
    for (size_t i = 0; i < array_len(columns); i++) {
        const struct column *c = &columns[i];

        if ((c->of & of) != 0 &&
            (strcmp(c->name, name) == 0 || (c->alias != NULL && strcmp(c->alias, name) == 0)))
            return c;
    }
    return NULL;
}

const char *zpool_prop_canonical(const char *name, bool vdev)
{
    const struct column *c = find(name, vdev ? OF_VDEV : OF_POOL);

    if (c != NULL)
        return c->name;
    if (strchr(name, ':') != NULL ||
        (!vdev && (strncmp(name, "feature@", 8) == 0 || strncmp(name, "unsupported@", 12) == 0)))
        return name;
    return NULL;
}

void zpool_prop_header(const char *name, char *buf, size_t len)
{
    const struct column *c = find(name, OF_BOTH);

    snprintf(buf, len, "%s", c != NULL && c->header != NULL ? c->header : name);
    for (char *at = buf; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
}

bool zpool_prop_right_aligned(const char *name)
{
    const struct column *c = find(name, OF_BOTH);

    return c != NULL && (c->kind != K_STRING || strcmp(name, "health") == 0);
}

/* ---- values ---- */

void zpool_prop_format(const char *name, uint64_t v, bool literal, char *buf, size_t len)
{
    static const char *const states[] = {"UNKNOWN", "CLOSED",  "OFFLINE",  "REMOVED",
                                         "UNAVAIL", "FAULTED", "DEGRADED", "ONLINE"};
    const struct column *c = find(name, OF_BOTH);
    enum kind kind = c != NULL ? c->kind : K_NUMBER;
    unsigned long long n = v;
    char num[32];

    if (kind == K_QUOTA && (v == 0 || v == UINT64_MAX)) {
        snprintf(buf, len, "%s", v == 0 ? "none" : "auto");
        return;
    }
    if (v == UINT64_MAX || (v == 0 && c != NULL && (c->flags & UNSET_ZERO) != 0)) {
        snprintf(buf, len, "-");
        return;
    }
    if (kind == K_RATIO)
        snprintf(buf, len, "%s", cli_ratio(v, literal, num));
    else if (kind == K_PERCENT && !literal)
        snprintf(buf, len, "%llu%%", n);
    else if (kind == K_STATE && !literal)
        snprintf(buf, len, "%s", v < array_len(states) ? states[v] : "UNKNOWN");
    else if (!literal && (kind == K_BYTES || kind == K_QUOTA || kind == K_COUNT))
        snprintf(buf, len, "%s", cli_nicenum(v, num));
    else
        snprintf(buf, len, "%llu", n);
}

bool zpool_prop_text(const struct nvlist *item, const char *name, bool literal, char *buf,
                     size_t len, const char **source)
{
    const struct nvlist *props = nvlist_child(item, "props");
    const struct nvlist *entry = props != NULL ? nvlist_child(props, name) : NULL;
    const struct nvpair *value;
    const char *text;
    uint64_t v;

    if (source != NULL)
        *source = "-";
    if (strcmp(name, "name") == 0) {
        snprintf(buf, len, "%s", nvlist_string(item, "name", "-"));
        return true;
    }
    value = entry != NULL ? nvlist_find(entry, "value") : NULL;
    snprintf(buf, len, "-");
    if (value == NULL)
        return false;
    if (source != NULL && nvlist_string(entry, "source", "")[0] != '\0')
        *source = nvlist_string(entry, "source", "");
    if (nvpair_string(value, &text) == 0)
        snprintf(buf, len, "%s", text[0] != '\0' ? text : "-");
    else if (nvpair_u64(value, &v) == 0)
        zpool_prop_format(name, v, literal, buf, len);
    return true;
}

json_t *zpool_prop_json(const char *text, const char *source, bool as_int)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    json_t *v = as_int && *end == '\0' && isdigit((unsigned char)text[0]) ? cli_json_number(n, true)
                                                                          : json_string(text);
    const char *type = strcmp(source, "local") == 0     ? "LOCAL"
                       : strcmp(source, "default") == 0 ? "DEFAULT"
                                                        : "NONE";

    return json_pack("{s:o, s:{s:s, s:s}}", "value", v, "source", "type", type, "data", "-");
}

/* ---- usage ---- */

static const struct {
    const char *name, *values;
    bool edit;
} usage[] = {
    {"allocated", "<size>", false},
    {"bcloneratio", "<1.00x or higher if cloned>", false},
    {"bclonesaved", "<size>", false},
    {"bcloneused", "<size>", false},
    {"capacity", "<percent>", false},
    {"checkpoint", "<size>", false},
    {"dedup_table_size", "<size>", false},
    {"dedupratio", "<1.00x or higher if deduped>", false},
    {"expandsize", "<size>", false},
    {"fragmentation", "<percent>", false},
    {"free", "<size>", false},
    {"freeing", "<size>", false},
    {"guid", "<guid>", false},
    {"health", "<state>", false},
    {"last_scrubbed_txg", "<txg>", false},
    {"leaked", "<size>", false},
    {"load_guid", "<load_guid>", false},
    {"size", "<size>", false},
    {"altroot", "<path>", true},
    {"ashift", "<ashift, 9-16, or 0=default>", true},
    {"autoexpand", "on | off", true},
    {"autoreplace", "on | off", true},
    {"autotrim", "on | off", true},
    {"bootfs", "<filesystem>", true},
    {"cachefile", "<file> | none", true},
    {"comment", "<comment-string>", true},
    {"compatibility", "<file[,file...]> | off | legacy", true},
    {"dedup_table_quota", "<size>", true},
    {"delegation", "on | off", true},
    {"failmode", "wait | continue | panic", true},
    {"listsnapshots", "on | off", true},
    {"multihost", "on | off", true},
    {"readonly", "on | off", true},
    {"version", "<version>", true},
    {"feature@...", "disabled | enabled | active", true},
};

void zpool_prop_usage(FILE *out)
{
    fprintf(out, "\nthe following properties are supported:\n\n\t%-19s  %s   %s\n\n", "PROPERTY",
            "EDIT", "VALUES");
    for (size_t i = 0; i < array_len(usage); i++)
        fprintf(out, "\t%-19s  %4s   %s\n", usage[i].name, usage[i].edit ? "YES" : "NO",
                usage[i].values);
    fprintf(out, "\nThe feature@ properties must be appended with a feature name.\nSee "
                 "zpool-features(7).\n");
}
