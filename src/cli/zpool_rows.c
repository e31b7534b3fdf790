/* SPDX-License-Identifier: MIT */
/* The table of vdevs in `zpool status` and `zpool import` (format/raid.md 17.2). */
#include <string.h>
#include <time.h>

#include "cli/zpool_cli.h"

struct rows {
    const struct zpool_rows_options *o;
    size_t width;
    bool resilvering;
};

static const char *aux_text(uint64_t aux, const struct nvlist *vd)
{
    switch (aux) {
    case VDEV_AUX_OPEN_FAILED:
        return "cannot open";
    case VDEV_AUX_BAD_GUID_SUM:
        return "missing device";
    case VDEV_AUX_NO_REPLICAS:
        return "insufficient replicas";
    case VDEV_AUX_VERSION_NEWER:
        return "newer version";
    case VDEV_AUX_UNSUP_FEAT:
        return "unsupported feature(s)";
    case VDEV_AUX_ASHIFT_TOO_BIG:
        return "unsupported minimum blocksize";
    case VDEV_AUX_SPARED:
        return "currently in use";
    case VDEV_AUX_ERR_EXCEEDED:
        return zpool_stat(vd, VDEV_STAT_SLOW_IOS) != 0 &&
                       zpool_stat(vd, VDEV_STAT_READ_ERRORS) == 0 &&
                       zpool_stat(vd, VDEV_STAT_CHECKSUM_ERRORS) == 0
                   ? "too many slow I/Os"
                   : "too many errors";
    case VDEV_AUX_IO_FAILURE:
        return "experienced I/O failures";
    case VDEV_AUX_BAD_LOG:
        return "bad intent log";
    case VDEV_AUX_EXTERNAL:
        return "external device fault";
    case VDEV_AUX_SPLIT_POOL:
        return "split into new pool";
    case VDEV_AUX_ACTIVE:
        return "currently in use";
    case VDEV_AUX_CHILDREN_OFFLINE:
        return "all children offline";
    case VDEV_AUX_BAD_LABEL:
        return "invalid label";
    default:
        return "corrupted data";
    }
}

static void print_when(const char *verb, uint64_t seconds)
{
    char text[64];
    time_t t = (time_t)seconds;
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &tm);
    printf("%s %s)", verb, text);
}

/* Distributed spares cannot be trimmed; of a device that is not opened on purpose it is not known.
 */
static bool cannot_trim(const struct nvlist *vd)
{
    uint64_t state = zpool_stat(vd, VDEV_STAT_STATE);

    return zpool_vdev_is_type(vd, "dspare") || state == VDEV_STATE_OFFLINE ||
           state == VDEV_STATE_FAULTED;
}

/* Initialize and TRIM state of a leaf: short when running, in full with -i or -t. */
static void print_action(const struct nvlist *vd, bool full, bool trim)
{
    static const char *const verb[] = {"", "started at", "", "suspended, started at",
                                       "completed at"};
    uint64_t state = zpool_stat(vd, trim ? VDEV_STAT_TRIM_STATE : VDEV_STAT_INITIALIZE_STATE);
    uint64_t done = zpool_stat(vd, trim ? VDEV_STAT_TRIM_BYTES : VDEV_STAT_INITIALIZE_BYTES);
    uint64_t when = zpool_stat(vd, trim ? VDEV_STAT_TRIM_TIME : VDEV_STAT_INITIALIZE_TIME);
    uint64_t total = zpool_stat(vd, VDEV_STAT_PSPACE);

    if (!full) {
        if (state == 1)
            printf(trim ? "  (trimming)" : "  (initializing)");
        return;
    }
    if (state == 1 || state == 3 || state == 4) {
        printf("  (%llu%% %s, ",
               state == 4 ? 100ull : (unsigned long long)(done * 100 / (total + 1)),
               trim ? "trimmed" : "initialized");
        print_when(verb[state], when);
    } else if (trim && cannot_trim(vd)) {
        printf("  (trim unsupported)");
    } else {
        printf(trim ? "  (untrimmed)" : "  (uninitialized)");
    }
}

static void print_remarks(const struct rows *r, const struct nvlist *vd, bool leaf, bool spare)
{
    uint64_t aux = zpool_stat(vd, VDEV_STAT_AUX), state = zpool_stat(vd, VDEV_STAT_STATE);

    if (nvlist_u64(vd, "not_present", 0) != 0 && !spare)
        printf("  was %s", nvlist_string(vd, "path", "?"));
    else if (spare && nvlist_u64(vd, "spare_in_use", 0) != 0)
        printf("  currently in use");
    else if (aux != VDEV_AUX_NONE)
        printf("  %s", aux_text(aux, vd));
    else if (leaf &&
             zpool_stat(vd, VDEV_STAT_CONFIGURED_ASHIFT) <
                 zpool_stat(vd, VDEV_STAT_PHYSICAL_ASHIFT) &&
             zpool_stat(vd, VDEV_STAT_CONFIGURED_ASHIFT) != 0)
        printf("  block size: %dB configured, %dB native",
               1 << zpool_stat(vd, VDEV_STAT_CONFIGURED_ASHIFT),
               1 << zpool_stat(vd, VDEV_STAT_PHYSICAL_ASHIFT));
    if (nvlist_u64(vd, "removing", 0) != 0)
        printf("  (removing)");
    else if (zpool_stat(vd, VDEV_STAT_NOALLOC) != 0)
        printf("  (non-allocating)");
    if (leaf && r->resilvering && state == VDEV_STATE_HEALTHY) {
        if (zpool_stat(vd, VDEV_STAT_SCAN_PROCESSED) != 0)
            printf("  (resilvering)");
        else if (zpool_stat(vd, VDEV_STAT_RESILVER_DEFERRED) != 0)
            printf("  (awaiting resilver)");
    }
    if (leaf && !r->o->import) {
        print_action(vd, r->o->init, false);
        print_action(vd, r->o->trim, true);
    }
}

static void print_name(const struct rows *r, size_t depth, const char *name)
{
    printf("\t%*s%-*s", (int)depth, "", (int)(r->width - depth), name);
}

static bool has_trouble(const struct nvlist *vd)
{
    return zpool_stat(vd, VDEV_STAT_STATE) != VDEV_STATE_HEALTHY ||
           zpool_stat(vd, VDEV_STAT_READ_ERRORS) != 0 ||
           zpool_stat(vd, VDEV_STAT_WRITE_ERRORS) != 0 ||
           zpool_stat(vd, VDEV_STAT_CHECKSUM_ERRORS) != 0 ||
           zpool_stat(vd, VDEV_STAT_SLOW_IOS) != 0;
}

static bool subtree_has_trouble(const struct nvlist *vd)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    bool found = has_trouble(vd);

    for (size_t i = 0; i < n && !found; i++)
        found = subtree_has_trouble(child[i]);
    return found;
}

static void print_counters(const struct rows *r, const struct nvlist *vd, bool leaf)
{
    static const enum vdev_stat columns[] = {VDEV_STAT_READ_ERRORS, VDEV_STAT_WRITE_ERRORS,
                                             VDEV_STAT_CHECKSUM_ERRORS};
    char num[32];

    for (size_t i = 0; i < array_len(columns); i++)
        printf(" %5s", cli_nicenum(zpool_stat(vd, columns[i]), num));
    if (r->o->slow)
        printf(" %5s", leaf ? cli_nicenum(zpool_stat(vd, VDEV_STAT_SLOW_IOS), num) : "-");
    if (r->o->power) /* no enclosure is asked */
        printf(" %5s", "-");
    if (r->o->dio) /* reads by O_DIRECT are verified as all others: nothing to count */
        printf(" %5s", "0");
}

static void print_vdev(const struct rows *r, const struct nvlist *vd, const char *name,
                       size_t depth)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    bool leaf = n == 0 && depth > 0;
    char text[4096];

    if (r->o->errors_only && depth > 0 && !subtree_has_trouble(vd))
        return;
    print_name(r, depth, name);
    printf("  ");
    if (r->o->import) {
        const char *state =
            zpool_state_text(zpool_stat(vd, VDEV_STAT_STATE), zpool_stat(vd, VDEV_STAT_AUX));
        bool remarks = zpool_stat(vd, VDEV_STAT_AUX) != 0 || nvlist_u64(vd, "not_present", 0) != 0;

        printf("%s", state);
        if (remarks) {
            for (size_t pad = strlen(state); pad < 8; pad++)
                putchar(' ');
        }
    } else {
        printf("%-8s",
               zpool_state_text(zpool_stat(vd, VDEV_STAT_STATE), zpool_stat(vd, VDEV_STAT_AUX)));
        print_counters(r, vd, leaf);
    }
    print_remarks(r, vd, leaf, false);
    putchar('\n');
    for (size_t i = 0; i < n; i++) {
        if (depth == 0 &&
            (zpool_vdev_class(child[i])[0] != '\0' || zpool_vdev_is_type(child[i], "hole") ||
             zpool_vdev_is_type(child[i], "indirect")))
            continue;
        zpool_vdev_name(child[i], r->o->name_flags, text, sizeof(text));
        print_vdev(r, child[i], text, depth + 2);
    }
}

static void print_class(const struct rows *r, const struct nvlist *root, const char *class,
                        const char *title)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);
    bool headed = false;
    char text[4096];

    for (size_t i = 0; i < n; i++) {
        if (strcmp(zpool_vdev_class(child[i]), class) != 0 || zpool_vdev_is_type(child[i], "hole"))
            continue;
        if (!headed)
            printf("\t%s\t\n", title);
        headed = true;
        zpool_vdev_name(child[i], r->o->name_flags, text, sizeof(text));
        print_vdev(r, child[i], text, 2);
    }
}

static void print_spares(const struct rows *r, const struct nvlist *root)
{
    size_t n;
    struct nvlist *const *spare = zpool_children(root, "spares", &n);
    char text[4096];

    if (n > 0)
        printf("\tspares\n");
    for (size_t i = 0; i < n; i++) {
        uint64_t state = zpool_stat(spare[i], VDEV_STAT_STATE),
                 aux = zpool_stat(spare[i], VDEV_STAT_AUX);
        bool used = nvlist_u64(spare[i], "spare_in_use", 0) != 0 || aux == VDEV_AUX_SPARED;

        zpool_vdev_name(spare[i], r->o->name_flags, text, sizeof(text));
        if (r->o->import) {
            printf("\t  %s\n", text);
            continue;
        }
        print_name(r, 2, text);
        printf("  %-8s", used                          ? "INUSE"
                         : state == VDEV_STATE_HEALTHY ? "AVAIL"
                                                       : zpool_state_text(state, aux));
        print_remarks(r, spare[i], true, true);
        putchar('\n');
    }
}

static void print_cache(const struct rows *r, const struct nvlist *root)
{
    size_t n;
    struct nvlist *const *cache = zpool_children(root, "l2cache", &n);
    char text[4096];

    if (n > 0)
        printf("\tcache\n");
    for (size_t i = 0; i < n; i++) {
        zpool_vdev_name(cache[i], r->o->name_flags, text, sizeof(text));
        if (r->o->import)
            printf("\t  %s\n", text);
        else
            print_vdev(r, cache[i], text, 2);
    }
}

static bool is_resilvering(const struct nvlist *root)
{
    const uint64_t *scan;
    size_t n;

    return nvlist_lookup_u64_array(root, "scan_stats", &scan, &n) == 0 && n >= 2 && scan[0] == 2 &&
           scan[1] == 1;
}

void zpool_rows_print(const struct nvlist *root, const char *pool,
                      const struct zpool_rows_options *o)
{
    struct rows r = {o, zpool_name_width(root, o->name_flags, 0, strlen(pool)),
                     is_resilvering(root)};

    if (!o->import) {
        printf("\t%-*s  %-8s %5s %5s %5s", (int)r.width, "NAME", "STATE", "READ", "WRITE", "CKSUM");
        printf("%s%s%s\n", o->slow ? "  SLOW" : "", o->power ? " POWER" : "",
               o->dio ? "   DIO" : "");
    }
    print_vdev(&r, root, pool, 0);
    print_class(&r, root, "dedup", "dedup");
    print_class(&r, root, "special", "special");
    print_class(&r, root, "log", "logs");
    print_cache(&r, root);
    print_spares(&r, root);
}
