/* SPDX-License-Identifier: MIT */
/* The lines scan:, remove:, checkpoint: and expand: of `zpool status` (format/raid.md 17.3). */
#include <string.h>
#include <time.h>

#include "cli/zpool_cli.h"
#include "cli/zpool_scan.h"

static char *when(uint64_t seconds, char *buf)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, 64, "%a %b %e %H:%M:%S %Y", &tm);
    return buf;
}

const struct nvlist *scan_top_by_id(const struct nvlist *root, uint64_t id)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);

    for (size_t i = 0; i < n; i++) {
        if (nvlist_u64(child[i], "id", 0) == id)
            return child[i];
    }
    return NULL;
}

static void scan_running(const uint64_t *s)
{
    const char *what = s[SCAN_FUNC] == SCAN_FUNC_RESILVER ? "resilver" : "scrub";
    bool paused = s[SCAN_FUNC] == SCAN_FUNC_SCRUB && s[SCAN_FLAGS] & 2;
    uint64_t total = s[SCAN_TO_EXAMINE], issued = scan_issued(s);
    char date[64], a[32], b[32], c[32], d[32], e[32];

    printf("  scan: %s %s since %s\n", what, paused ? "paused" : "in progress",
           when(s[SCAN_START], date));
    if (paused)
        printf("\tscrub started on %s\n", when(s[SCAN_START], date));
    printf("\t%s / %s scanned, %s / %s issued\n", cli_nicebytes(s[SCAN_EXAMINED], a),
           cli_nicebytes(total, b), cli_nicebytes(issued, c),
           cli_nicebytes(total - s[SCAN_SKIPPED], d));
    printf("\t%s %s, %.2f%% done", cli_nicebytes(s[SCAN_PROCESSED], e),
           s[SCAN_FUNC] == SCAN_FUNC_RESILVER ? "resilvered" : "repaired",
           total != 0 ? 100.0 * (double)issued / (double)total : 0.0);
    printf(paused ? "\n" : ", no estimated completion time\n");
}

static void print_scan(const struct nvlist *root)
{
    const uint64_t *s;
    size_t n;
    char date[64], amount[32], took[64];

    if (nvlist_lookup_u64_array(root, "scan_stats", &s, &n) != 0 || n < SCAN_WORDS ||
        s[SCAN_FUNC] == SCAN_FUNC_NONE || s[SCAN_FUNC] > SCAN_FUNC_RESILVER)
        return;
    if (s[SCAN_STATE] == SCAN_STATE_SCANNING)
        scan_running(s);
    else if (s[SCAN_STATE] == SCAN_STATE_CANCELED)
        printf("  scan: %s canceled on %s\n",
               s[SCAN_FUNC] == SCAN_FUNC_RESILVER ? "resilver" : "scrub", when(s[SCAN_END], date));
    else if (s[SCAN_STATE] == SCAN_STATE_FINISHED)
        printf("  scan: %s %s in %s with %llu errors on %s\n",
               s[SCAN_FUNC] == SCAN_FUNC_RESILVER ? "resilvered" : "scrub repaired",
               cli_nicebytes(s[SCAN_PROCESSED], amount),
               zpool_duration(s[SCAN_END] - s[SCAN_START], took),
               (unsigned long long)s[SCAN_ERRORS], when(s[SCAN_END], date));
}

static void print_mapping(const uint64_t *s, size_t n)
{
    char memory[32];

    if (n > REMOVAL_MEMORY && s[REMOVAL_MEMORY] != 0)
        printf("\t%s memory used for removed device mappings\n",
               cli_nicenum(s[REMOVAL_MEMORY], memory));
}

static void print_removal(const struct nvlist *root, unsigned flags)
{
    const uint64_t *s;
    const struct nvlist *vd;
    size_t n;
    char date[64], a[32], b[32], c[32], name[4096] = "?";
    uint64_t took, rate, left;

    if (nvlist_lookup_u64_array(root, "removal_stats", &s, &n) != 0 || n <= REMOVAL_COPIED ||
        s[REMOVAL_STATE] == 0)
        return;
    vd = scan_top_by_id(root, s[REMOVAL_VDEV]);
    if (vd != NULL)
        zpool_vdev_name(vd, flags, name, sizeof(name));
    took = s[REMOVAL_END] - s[REMOVAL_START];
    if (s[REMOVAL_STATE] == SCAN_STATE_FINISHED) {
        printf("remove: Removal of vdev %llu copied %s in %lluh%um, completed on %s\n",
               (unsigned long long)s[REMOVAL_VDEV], cli_nicenum(s[REMOVAL_COPIED], a),
               (unsigned long long)(took / 3600), (unsigned)(took / 60 % 60),
               when(s[REMOVAL_END], date));
        print_mapping(s, n);
        return;
    }
    if (s[REMOVAL_STATE] == SCAN_STATE_CANCELED) {
        printf("remove: Removal of %s canceled on %s\n", name, when(s[REMOVAL_END], date));
        return;
    }
    took = (uint64_t)time(NULL) - s[REMOVAL_START];
    rate = s[REMOVAL_COPIED] / (took != 0 ? took : 1);
    left = rate != 0 ? (s[REMOVAL_TO_COPY] - s[REMOVAL_COPIED]) / rate : UINT64_MAX;
    printf("remove: Evacuation of %s in progress since %s\n", name, when(s[REMOVAL_START], date));
    printf("\t%s copied out of %s at %s/s, %.2f%% done", cli_nicenum(s[REMOVAL_COPIED], a),
           cli_nicenum(s[REMOVAL_TO_COPY], b), cli_nicenum(rate, c),
           100.0 * (double)s[REMOVAL_COPIED] / (double)s[REMOVAL_TO_COPY]);
    if (left < 30 * 86400ull)
        printf(", %lluh%um to go\n", (unsigned long long)(left / 3600), (unsigned)(left / 60 % 60));
    else
        printf(", (copy is slow, no estimated time)\n");
    print_mapping(s, n);
}

static void print_checkpoint(const struct nvlist *root)
{
    const uint64_t *s;
    size_t n;
    char date[64], amount[32];

    if (nvlist_lookup_u64_array(root, "checkpoint_stats", &s, &n) == 0 && n >= 3 && s[0] != 0)
        printf("checkpoint: created %s, consumes %s\n", when(s[1], date),
               cli_nicebytes(s[2], amount));
}

static void print_expansion(const struct nvlist *root)
{
    const uint64_t *s;
    const struct nvlist *vd;
    size_t n;
    char date[64], a[32], b[32], c[32], took_text[64], name[4096] = "?";
    uint64_t took, rate;

    if (nvlist_lookup_u64_array(root, "raidz_expand_stats", &s, &n) != 0 || n <= EXPAND_REFLOWED ||
        s[EXPAND_STATE] == 0)
        return;
    vd = scan_top_by_id(root, s[EXPAND_VDEV]);
    if (vd != NULL)
        zpool_vdev_name(vd, 0, name, sizeof(name));
    if (s[EXPAND_STATE] == SCAN_STATE_FINISHED) {
        printf("expand: expanded %s copied %s in %s, on %s\n", name,
               cli_nicenum(s[EXPAND_REFLOWED], a),
               zpool_duration(s[EXPAND_END] - s[EXPAND_START], took_text),
               when(s[EXPAND_END], date));
        return;
    }
    took = (uint64_t)time(NULL) - s[EXPAND_START];
    rate = s[EXPAND_REFLOWED] / (took != 0 ? took : 1);
    printf("expand: expansion of %s in progress since %s\n", name, when(s[EXPAND_START], date));
    printf("\t%s / %s copied at %s/s, %.2f%% done", cli_nicenum(s[EXPAND_REFLOWED], a),
           cli_nicenum(s[EXPAND_TO_REFLOW], b), cli_nicenum(rate, c),
           100.0 * (double)s[EXPAND_REFLOWED] /
               (double)(s[EXPAND_TO_REFLOW] != 0 ? s[EXPAND_TO_REFLOW] : 1));
    if (rate != 0 && s[EXPAND_TO_REFLOW] > s[EXPAND_REFLOWED] &&
        (s[EXPAND_TO_REFLOW] - s[EXPAND_REFLOWED]) / rate < 30 * 86400ull)
        printf(", %s to go\n",
               zpool_duration((s[EXPAND_TO_REFLOW] - s[EXPAND_REFLOWED]) / rate, took_text));
    else
        printf(", (copy is slow, no estimated time)\n");
}

void zpool_scan_print(const struct nvlist *root, unsigned name_flags)
{
    print_scan(root);
    print_removal(root, name_flags);
    print_checkpoint(root);
    print_expansion(root);
}
