/* SPDX-License-Identifier: MIT */
/* JSON of what `zpool status` says about scans, removals, checkpoints and expansions
 * (format/raid.md 17.7). */
#include <string.h>
#include <time.h>

#include "cli/zpool_json.h"
#include "cli/zpool_scan.h"

static const char *const states[] = {"NONE", "SCANNING", "FINISHED", "CANCELED"};

static void add_bytes(json_t *j, const char *key, uint64_t n, const struct zpool_json_options *o)
{
    char text[32];

    json_object_set_new(
        j, key, o->literal ? cli_json_number(n, o->as_int) : json_string(cli_nicebytes(n, text)));
}

static void add_count(json_t *j, const char *key, uint64_t n, const struct zpool_json_options *o)
{
    json_object_set_new(j, key, cli_json_number(n, o->as_int));
}

/* "-" if never. */
static void add_time(json_t *j, const char *key, uint64_t seconds,
                     const struct zpool_json_options *o)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[64] = "-";

    if (o->literal) {
        json_object_set_new(j, key, cli_json_number(seconds, o->as_int));
        return;
    }
    localtime_r(&t, &tm);
    if (seconds != 0)
        strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Z %Y", &tm);
    json_object_set_new(j, key, json_string(text));
}

static json_t *state_json(uint64_t state)
{
    return json_string(state < array_len(states) ? states[state] : "NONE");
}

static void add_scan(json_t *pool, const struct nvlist *root, const struct zpool_json_options *o)
{
    static const char *const functions[] = {"NONE", "SCRUB", "RESILVER"};
    const uint64_t *s;
    size_t n;
    json_t *j;

    if (nvlist_lookup_u64_array(root, "scan_stats", &s, &n) != 0 || n < SCAN_WORDS ||
        s[SCAN_FUNC] == 0 || s[SCAN_FUNC] >= array_len(functions))
        return;
    j = json_pack("{s:s, s:o}", "function", functions[s[SCAN_FUNC]], "state",
                  state_json(s[SCAN_STATE]));
    add_time(j, "start_time", s[SCAN_START], o);
    add_time(j, "end_time", s[SCAN_STATE] == SCAN_STATE_SCANNING ? 0 : s[SCAN_END], o);
    add_bytes(j, "to_examine", s[SCAN_TO_EXAMINE], o);
    add_bytes(j, "examined", s[SCAN_EXAMINED], o);
    add_bytes(j, "skipped", s[SCAN_SKIPPED], o);
    add_bytes(j, "processed", s[SCAN_PROCESSED], o);
    add_count(j, "errors", s[SCAN_ERRORS], o);
    add_bytes(j, "bytes_per_scan", 0, o);
    add_count(j, "pass_start", (uint64_t)time(NULL), o);
    add_time(j, "scrub_pause", 0, o);
    add_count(j, "scrub_spent_paused", 0, o);
    add_bytes(j, "issued_bytes_per_scan", 0, o);
    add_bytes(j, "issued", scan_issued(s), o);
    json_object_set_new(pool, "scan_stats", j);
}

static void add_removal(json_t *pool, const struct nvlist *root, const struct zpool_json_options *o,
                        unsigned flags)
{
    const struct nvlist *vd;
    const uint64_t *s;
    size_t n;
    char name[4096];
    json_t *j;

    if (nvlist_lookup_u64_array(root, "removal_stats", &s, &n) != 0 || n <= REMOVAL_MEMORY ||
        s[REMOVAL_STATE] == 0)
        return;
    vd = scan_top_by_id(root, s[REMOVAL_VDEV]);
    if (vd == NULL)
        return;
    zpool_vdev_name(vd, flags | VDEV_NAME_NO_ID, name, sizeof(name));
    j = zpool_vdev_is_type(vd, "indirect") ? json_pack("{s:s}", "name", name)
                                           : zpool_json_vdev_head(vd, name, "normal", o);
    json_object_set_new(j, "state", state_json(s[REMOVAL_STATE]));
    add_count(j, "removing_vdev", s[REMOVAL_VDEV], o);
    add_time(j, "start_time", s[REMOVAL_START], o);
    add_time(j, "end_time", s[REMOVAL_END], o);
    add_bytes(j, "to_copy", s[REMOVAL_TO_COPY], o);
    add_bytes(j, "copied", s[REMOVAL_COPIED], o);
    add_bytes(j, "mapping_memory", s[REMOVAL_MEMORY], o);
    json_object_set_new(pool, "removal_stats", j);
}

static void add_checkpoint(json_t *pool, const struct nvlist *root,
                           const struct zpool_json_options *o)
{
    const uint64_t *s;
    size_t n;
    json_t *j;

    if (nvlist_lookup_u64_array(root, "checkpoint_stats", &s, &n) != 0 || n < 3)
        return;
    j = json_pack("{s:s}", "state", s[0] != 0 ? "EXISTS" : "DISCARDING");
    add_time(j, "start_time", s[1], o);
    add_bytes(j, "space", s[2], o);
    json_object_set_new(pool, "checkpoint_stats", j);
}

static void add_expansion(json_t *pool, const struct nvlist *root,
                          const struct zpool_json_options *o)
{
    const struct nvlist *vd;
    const uint64_t *s;
    size_t n;
    char name[4096] = "?";
    json_t *j;

    if (nvlist_lookup_u64_array(root, "raidz_expand_stats", &s, &n) != 0 || n <= EXPAND_REFLOWED ||
        s[EXPAND_STATE] == 0)
        return;
    vd = scan_top_by_id(root, s[EXPAND_VDEV]);
    if (vd != NULL)
        zpool_vdev_name(vd, VDEV_NAME_NO_ID, name, sizeof(name));
    j = json_pack("{s:s, s:o}", "name", name, "state", state_json(s[EXPAND_STATE]));
    add_count(j, "expanding_vdev", s[EXPAND_VDEV], o);
    add_time(j, "start_time", s[EXPAND_START], o);
    add_time(j, "end_time", s[EXPAND_END], o);
    add_bytes(j, "to_reflow", s[EXPAND_TO_REFLOW], o);
    add_bytes(j, "reflowed", s[EXPAND_REFLOWED], o);
    add_count(j, "waiting_for_resilver", 0, o);
    json_object_set_new(pool, "raidz_expand_stats", j);
}

void zpool_json_stats(json_t *pool, const struct nvlist *root, const struct zpool_json_options *o,
                      unsigned name_flags)
{
    add_scan(pool, root, o);
    add_removal(pool, root, o, name_flags);
    add_checkpoint(pool, root, o);
    add_expansion(pool, root, o);
}
