/* SPDX-License-Identifier: MIT */
/* zpool iostat (format/raid.md 17.5). Rates are differences between two samples of the counters. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/zpool_cli.h"

struct iostat_options {
    bool scripted, literal, verbose, latency, queues, hist_latency, hist_size, skip_first,
        header_once;
    unsigned name_flags;
    char date;
};

/* A column: where its number comes from and how it is shown. */
enum source { FROM_CAPACITY, FROM_STAT, FROM_LATENCY, FROM_QUEUE };
struct column {
    const char *group, *label; /* group of the first column of a group; NULL continues it */
    enum source source;
    int index;         /* vdev_stat, latency histogram */
    const char *queue; /* key in vdev_stats_ex */
    bool bytes;
};

static const struct column base_columns[] = {
    {"capacity", "alloc", FROM_CAPACITY, 0, NULL, true},
    {NULL, "free", FROM_CAPACITY, 1, NULL, true},
    {"operations", "read", FROM_STAT, VDEV_STAT_OPS_READ, NULL, false},
    {NULL, "write", FROM_STAT, VDEV_STAT_OPS_WRITE, NULL, false},
    {"bandwidth", "read", FROM_STAT, VDEV_STAT_BYTES_READ, NULL, true},
    {NULL, "write", FROM_STAT, VDEV_STAT_BYTES_WRITE, NULL, true},
};
static const struct column latency_columns[] = {
    {"total_wait", "read", FROM_LATENCY, VDEV_LAT_TOTAL_READ, NULL, false},
    {NULL, "write", FROM_LATENCY, VDEV_LAT_TOTAL_WRITE, NULL, false},
    {"disk_wait", "read", FROM_LATENCY, VDEV_LAT_DISK_READ, NULL, false},
    {NULL, "write", FROM_LATENCY, VDEV_LAT_DISK_WRITE, NULL, false},
    {"syncq_wait", "read", FROM_LATENCY, VDEV_LAT_SYNCQ_READ, NULL, false},
    {NULL, "write", FROM_LATENCY, VDEV_LAT_SYNCQ_WRITE, NULL, false},
    {"asyncq_wait", "read", FROM_LATENCY, VDEV_LAT_ASYNCQ_READ, NULL, false},
    {NULL, "write", FROM_LATENCY, VDEV_LAT_ASYNCQ_WRITE, NULL, false},
    {"scrub", "wait", FROM_LATENCY, VDEV_LAT_SCRUB, NULL, false},
    {"trim", "wait", FROM_LATENCY, VDEV_LAT_TRIM, NULL, false},
    {"rebuild", "wait", FROM_LATENCY, VDEV_LAT_REBUILD, NULL, false},
};
static const struct column queue_columns[] = {
    {"syncq_read", "pend", FROM_QUEUE, 0, "sync_read_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "sync_read_active", false},
    {"syncq_write", "pend", FROM_QUEUE, 0, "sync_write_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "sync_write_active", false},
    {"asyncq_read", "pend", FROM_QUEUE, 0, "async_read_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "async_read_active", false},
    {"asyncq_write", "pend", FROM_QUEUE, 0, "async_write_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "async_write_active", false},
    {"scrubq_read", "pend", FROM_QUEUE, 0, "scrub_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "scrub_active", false},
    {"trimq_write", "pend", FROM_QUEUE, 0, "trim_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "trim_active", false},
    {"rebuildq_write", "pend", FROM_QUEUE, 0, "rebuild_pend", false},
    {NULL, "activ", FROM_QUEUE, 0, "rebuild_active", false},
};

struct table {
    struct column col[64];
    size_t n, name_width;
    const struct iostat_options *o;
    const char *title;
};

static size_t width_of(const struct table *t, const struct column *c)
{
    if (!t->o->literal)
        return 5;
    return c->source == FROM_LATENCY ? 10 : c->source == FROM_QUEUE ? 6 : 15;
}

static void add_columns(struct table *t, const struct column *c, size_t n)
{
    memcpy(t->col + t->n, c, n * sizeof(*c));
    t->n += n;
}

/* ---- header: group labels centred over their columns, labels, dashes ---- */

static void print_dashes(const struct table *t, const char *name, size_t len)
{
    printf("%s", name);
    for (size_t i = len; i < t->name_width; i++)
        putchar('-');
    for (size_t c = 0; c < t->n; c++) {
        printf("  ");
        for (size_t i = 0; i < width_of(t, &t->col[c]); i++)
            putchar('-');
    }
    putchar('\n');
}

/* The label of a group of columns that are `total` wide. */
static void print_group(const char *label, size_t total, bool several)
{
    size_t len = strlen(label), left;

    if (several)
        left = (total > len ? (total - len + 1) / 2 : 0) + 1;
    else
        left = total > len ? total - len : 0;
    left = max_of(left, (size_t)2);
    printf("%*s%s%*s", (int)left, "", label, total > left + len ? (int)(total - left - len) : 0,
           "");
}

static void print_header(const struct table *t)
{
    printf("%-*s", (int)t->name_width, "");
    for (size_t c = 0; c < t->n;) {
        size_t span = 1;

        while (c + span < t->n && t->col[c + span].group == NULL)
            span++;
        print_group(t->col[c].group, span * (width_of(t, &t->col[c]) + 2), span > 1);
        c += span;
    }
    printf("\n%-*s", (int)t->name_width, t->title);
    for (size_t c = 0; c < t->n; c++)
        printf("  %*s", (int)width_of(t, &t->col[c]), t->col[c].label);
    putchar('\n');
    print_dashes(t, "", 0);
}

/* ---- numbers ---- */

static const struct nvlist *extended(const struct nvlist *vd)
{
    return nvlist_child(vd, "vdev_stats_ex");
}

/* Mean of a latency histogram's growth, nanoseconds: each bucket counts with its middle. */
static uint64_t mean_latency(const struct nvlist *now, const struct nvlist *before, int index)
{
    const uint64_t *a = NULL, *b = NULL;
    size_t na = 0, nb = 0;
    const char *key = vdev_latency_name((enum vdev_latency_histogram)index);
    double sum = 0, count = 0;

    if (now == NULL || nvlist_lookup_u64_array(now, key, &a, &na) != 0)
        return 0;
    if (before != NULL && nvlist_lookup_u64_array(before, key, &b, &nb) != 0)
        nb = 0;
    for (size_t i = 0; i < na; i++) {
        double d = (double)(a[i] - (i < nb ? b[i] : 0));

        sum += d * (double)(1ull << i) * 0.75;
        count += d;
    }
    return count > 0 ? (uint64_t)(sum / count) : 0;
}

static bool is_capacity_shown(const struct nvlist *vd, size_t depth)
{
    return depth <= 2 && zpool_stat(vd, VDEV_STAT_SPACE) != 0;
}

static void cell(const struct table *t, const struct column *c, const struct nvlist *vd,
                 const struct nvlist *old, double seconds, size_t depth, char *buf, size_t len)
{
    uint64_t v = 0;
    bool literal = t->o->literal;
    char num[32];

    switch (c->source) {
    case FROM_CAPACITY:
        if (!is_capacity_shown(vd, depth)) {
            snprintf(buf, len, literal ? "0" : "-");
            return;
        }
        v = zpool_stat(vd, VDEV_STAT_ALLOC);
        v = c->index == 0 ? v : zpool_stat(vd, VDEV_STAT_SPACE) - v;
        break;
    case FROM_STAT:
        v = zpool_stat(vd, (enum vdev_stat)c->index) -
            (old != NULL ? zpool_stat(old, (enum vdev_stat)c->index) : 0);
        v = (uint64_t)((double)v / seconds);
        break;
    case FROM_LATENCY:
        v = mean_latency(extended(vd), old != NULL ? extended(old) : NULL, c->index);
        if (!literal) {
            snprintf(buf, len, "%s", cli_nicetime(v, num));
            return;
        }
        break;
    case FROM_QUEUE:
        v = extended(vd) != NULL ? nvlist_u64(extended(vd), c->queue, 0) : 0;
        break;
    }
    if (literal)
        snprintf(buf, len, "%llu", (unsigned long long)v);
    else
        snprintf(buf, len, "%s", cli_nicenum(v, num));
}

/* ---- rows ---- */

static const struct nvlist *twin(const struct nvlist *root, const struct nvlist *vd)
{
    size_t n;
    struct nvlist *const *child;
    uint64_t guid = nvlist_u64(vd, "guid", 0);

    if (root == NULL || nvlist_u64(root, "guid", 0) == guid)
        return root;
    child = zpool_children(root, "children", &n);
    for (size_t i = 0; i < n; i++) {
        const struct nvlist *found = twin(child[i], vd);

        if (found != NULL)
            return found;
    }
    return NULL;
}

static void print_row(const struct table *t, const char *name, const struct nvlist *vd,
                      const struct nvlist *old, double seconds, size_t depth)
{
    char text[64];

    if (t->o->scripted)
        printf("%s", name);
    else
        printf("%*s%-*s", (int)depth, "", (int)(t->name_width - depth), name);
    for (size_t c = 0; c < t->n; c++) {
        cell(t, &t->col[c], vd, old, seconds, depth, text, sizeof(text));
        if (t->o->scripted)
            printf("\t%s", text);
        else
            printf("  %*s", (int)width_of(t, &t->col[c]), text);
    }
    putchar('\n');
}

static void print_tree(const struct table *t, const struct nvlist *vd,
                       const struct nvlist *old_root, double seconds, size_t depth,
                       const char *class)
{
    size_t n;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    char name[4096];

    for (size_t i = 0; i < n; i++) {
        if (zpool_vdev_is_type(child[i], "hole") || zpool_vdev_is_type(child[i], "indirect") ||
            (depth == 2 && strcmp(zpool_vdev_class(child[i]), class) != 0))
            continue;
        zpool_vdev_name(child[i], t->o->name_flags, name, sizeof(name));
        print_row(t, name, child[i], twin(old_root, child[i]), seconds, depth);
        print_tree(t, child[i], old_root, seconds, depth + 2, class);
    }
}

static bool has_class(const struct nvlist *root, const char *class)
{
    size_t n;
    struct nvlist *const *child = zpool_children(root, "children", &n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(zpool_vdev_class(child[i]), class) == 0 && !zpool_vdev_is_type(child[i], "hole"))
            return true;
    }
    return false;
}

/* Scripts get an empty line. */
static void print_class_line(const struct table *t, const char *title)
{
    if (t->o->scripted)
        putchar('\n');
    else
        print_dashes(t, title, strlen(title));
}

static void print_classes(const struct table *t, const struct nvlist *root,
                          const struct nvlist *old, double seconds)
{
    static const char *const classes[][2] = {
        {"dedup", "dedup"}, {"special", "special"}, {"log", "logs"}};
    size_t n;
    struct nvlist *const *cache = zpool_children(root, "l2cache", &n);
    char name[4096];

    for (size_t i = 0; i < array_len(classes); i++) {
        if (!has_class(root, classes[i][0]))
            continue;
        print_class_line(t, classes[i][1]);
        print_tree(t, root, old, seconds, 2, classes[i][0]);
    }
    if (n > 0)
        print_class_line(t, "cache");
    for (size_t i = 0; i < n; i++) {
        zpool_vdev_name(cache[i], t->o->name_flags, name, sizeof(name));
        print_row(t, name, cache[i], NULL, seconds, 2);
    }
}

/* ---- histograms (-w, -r) ---- */

static uint64_t bucket(const struct nvlist *ex, const char *key, size_t i)
{
    const uint64_t *v;
    size_t n;

    return ex != NULL && nvlist_lookup_u64_array(ex, key, &v, &n) == 0 && i < n ? v[i] : 0;
}

enum { HIST_NAME = 10 };

static size_t hist_width(const struct iostat_options *o)
{
    return !o->literal ? 5 : o->hist_latency ? 10 : 6;
}

static void print_histogram_header(const struct iostat_options *o, const char *name, size_t columns)
{
    static const char *const groups[] = {"total_wait", "disk_wait", "syncq_wait", "asyncq_wait"};
    static const char *const singles[] = {"scrub", "trim", "rebuild"};
    size_t width = hist_width(o);

    printf("\n%-*s", HIST_NAME, name);
    if (o->hist_latency) {
        for (size_t i = 0; i < array_len(groups); i++)
            print_group(groups[i], 2 * (width + 2), true);
    } else {
        for (int c = 0; c < VDEV_SIZE_CLASSES; c++)
            print_group(vdev_size_class_name((enum vdev_size_class)c), 2 * (width + 2), true);
    }
    printf("\n%-*s", HIST_NAME, o->hist_latency ? "latency" : "req_size");
    for (size_t i = 0; i < columns; i++) {
        const char *label = !o->hist_latency ? (i % 2 == 0 ? "ind" : "agg")
                            : i < 8          ? (i % 2 == 0 ? "read" : "write")
                                             : singles[i - 8];

        printf("  %*s", (int)width, label);
    }
    putchar('\n');
}

static void print_histogram_dashes(const struct iostat_options *o, size_t columns)
{
    for (int i = 0; i < HIST_NAME; i++)
        putchar('-');
    for (size_t c = 0; c < columns; c++) {
        printf("  ");
        for (size_t i = 0; i < hist_width(o); i++)
            putchar('-');
    }
    putchar('\n');
}

static uint64_t hist_cell(const struct iostat_options *o, const struct nvlist *ex, size_t column,
                          size_t row)
{
    char key[64];

    if (o->hist_latency)
        return bucket(ex, vdev_latency_name((enum vdev_latency_histogram)column), row);
    snprintf(key, sizeof(key), "%s_%s", vdev_size_class_name((enum vdev_size_class)(column / 2)),
             column % 2 == 0 ? "ind" : "agg");
    return bucket(ex, key, row);
}

static void print_histogram(const struct iostat_options *o, const char *name,
                            const struct nvlist *vd)
{
    const struct nvlist *ex = extended(vd);
    size_t rows = o->hist_latency ? VDEV_LATENCY_BUCKETS : VDEV_SIZE_BUCKETS,
           first = o->hist_latency ? 0 : 9;
    size_t columns = o->hist_latency ? VDEV_LATS : 2 * VDEV_SIZE_CLASSES;
    char text[32];

    if (!o->scripted) {
        print_histogram_header(o, name, columns);
        print_histogram_dashes(o, columns);
    }
    for (size_t i = first; i < rows; i++) {
        printf(o->scripted ? "%s" : "%-10s", o->hist_latency ? cli_nicetime((2ull << i) - 1, text)
                                                             : cli_nicenum(1ull << i, text));
        for (size_t c = 0; c < columns; c++) {
            uint64_t v = hist_cell(o, ex, c, i);

            if (o->literal)
                snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
            else
                cli_nicenum(v, text);
            printf(o->scripted ? "\t%*s" : "  %*s", o->scripted ? 0 : (int)hist_width(o), text);
        }
        putchar('\n');
    }
    if (!o->scripted)
        print_histogram_dashes(o, columns);
}

/* ---- reports ---- */

static const struct nvlist *root_of(const struct nvlist *item)
{
    const struct nvlist *config = nvlist_child(item, "config");

    return config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
}

static const struct nvlist *item_by_guid(const struct cli_items *items, uint64_t guid)
{
    for (size_t i = 0; items != NULL && i < items->n; i++) {
        if (nvlist_u64(items->item[i], "guid", 0) == guid)
            return items->item[i];
    }
    return NULL;
}

static void report(const struct iostat_options *o, const struct cli_items *now,
                   const struct cli_items *before, double seconds, bool header)
{
    struct table t = {.name_width = 10, .o = o, .title = "pool"};

    add_columns(&t, base_columns, array_len(base_columns));
    if (o->latency)
        add_columns(&t, latency_columns, array_len(latency_columns));
    if (o->queues)
        add_columns(&t, queue_columns, array_len(queue_columns));
    for (size_t i = 0; i < now->n; i++) {
        const char *name = nvlist_string(now->item[i], "name", "");

        t.name_width = max_of(t.name_width, strlen(name));
        if (o->verbose && root_of(now->item[i]) != NULL)
            t.name_width = zpool_name_width(root_of(now->item[i]), o->name_flags, 0, t.name_width);
    }
    if (header && !o->scripted && !o->hist_latency && !o->hist_size)
        print_header(&t);
    for (size_t i = 0; i < now->n; i++) {
        const char *name = nvlist_string(now->item[i], "name", "");
        const struct nvlist *root = root_of(now->item[i]);
        const struct nvlist *old_item = item_by_guid(before, nvlist_u64(now->item[i], "guid", 0));
        const struct nvlist *old = old_item != NULL ? root_of(old_item) : NULL;

        if (root == NULL)
            continue;
        if (o->hist_latency || o->hist_size) {
            print_histogram(o, name, root);
            continue;
        }
        print_row(&t, name, root, old, seconds, 0);
        if (o->verbose) {
            print_tree(&t, root, old, seconds, 2, "");
            print_classes(&t, root, old, seconds);
        }
        if ((o->verbose || i + 1 < now->n) && !o->scripted && o->verbose)
            print_dashes(&t, "", 0);
    }
    if (now->n > 1 && !o->verbose && !o->scripted && !o->hist_latency && !o->hist_size)
        print_dashes(&t, "", 0);
}

static int parse(int argc, char **argv, struct iostat_options *o)
{
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "gLPT:vyhplqrwnHc:", NULL)) != -1) {
        switch (c) {
        case 'g':
            o->name_flags |= VDEV_NAME_GUID;
            break;
        case 'L':
            o->name_flags |= VDEV_NAME_FOLLOW;
            break;
        case 'P':
            o->name_flags |= VDEV_NAME_PATH;
            break;
        case 'T':
            o->date = optarg[0];
            break;
        case 'v':
            o->verbose = true;
            break;
        case 'y':
            o->skip_first = true;
            break;
        case 'p':
            o->literal = true;
            break;
        case 'l':
            o->latency = true;
            break;
        case 'q':
            o->queues = true;
            break;
        case 'r':
            o->hist_size = true;
            break;
        case 'w':
            o->hist_latency = true;
            break;
        case 'n':
            o->header_once = true;
            break;
        case 'H':
            o->scripted = true;
            break;
        default:
            return CLI_USAGE;
        }
    }
    if ((o->hist_latency || o->hist_size) &&
        (o->latency || o->queues || (o->hist_latency && o->hist_size))) {
        fprintf(stderr, "-r/-w are mutually exclusive with -l and -q, and with each other\n");
        return CLI_USAGE;
    }
    return 0;
}

static bool is_number(const char *s, double *v)
{
    char *end;

    *v = strtod(s, &end);
    return end != s && *end == '\0' && *v > 0;
}

/* Pools only, or a message: vdevs of a pool cannot be named yet. */
static bool names_are_pools(struct cli *cli, int n, char **names, int *status)
{
    bool first = zpool_exists(cli, names[0]);

    *status = CLI_FAILED;
    if (cli->z == NULL)
        return false;
    for (int i = 0; i < n; i++) {
        if (zpool_exists(cli, names[i]))
            continue;
        if (!first) {
            fprintf(stderr, "Unable to parse pools/vdevs list.\n\n");
            return false;
        }
        fprintf(stderr, "Expected either a list of pools, or list of vdevs in \"%s\", but got:\n",
                names[0]);
        fprintf(stderr, "\t%s (unknown)\n\n", names[i]);
        *status = zpool_usage_print(stderr, "iostat");
        return false;
    }
    return true;
}

int zpool_iostat(struct cli *cli, int argc, char **argv)
{
    struct iostat_options o = {0};
    struct cli_items now = {0}, before = {0};
    double interval = 0, v, uptime = 1;
    unsigned long count = 0, done = 0;
    int status;

    if (parse(argc, argv, &o) != 0)
        return zpool_usage_print(stderr, "iostat");
    argc -= optind;
    argv += optind;
    if (argc > 0 && is_number(argv[argc - 1], &v)) {
        interval = v;
        argc--;
        if (argc > 0 && is_number(argv[argc - 1], &v)) {
            count = (unsigned long)interval;
            interval = v;
            argc--;
        }
    }
    if (argc > 0 && !names_are_pools(cli, argc, argv, &status))
        return status;
    for (;;) {
        status = zpool_fetch(cli, argc, argv, &now);
        if (now.n == 0) {
            if (status == CLI_OK)
                fprintf(stderr, "no pools available\n");
            cli_items_free(&before);
            return CLI_FAILED;
        }
        if (before.item == NULL && root_of(now.item[0]) != NULL)
            uptime =
                max_of(1.0, (double)zpool_stat(root_of(now.item[0]), VDEV_STAT_TIMESTAMP_NS) / 1e9);
        if (!(o.skip_first && before.item == NULL && interval > 0)) {
            report(&o, &now, before.item != NULL ? &before : NULL,
                   before.item != NULL ? interval : uptime, !o.header_once || done == 0);
            done++;
        }
        cli_items_free(&before);
        before = now;
        if (interval == 0 || (count != 0 && done >= count))
            break;
        fflush(stdout);
        usleep((useconds_t)(interval * 1e6));
    }
    cli_items_free(&before);
    return status;
}
