/* SPDX-License-Identifier: MIT */
/* zpool status, text form (format/raid.md 17.2). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/zpool_cli.h"
#include "cli/zpool_json.h"

#define DOC_URL "https://openzfs.github.io/openzfs-docs"

struct status_options {
    struct zpool_rows_options rows;
    bool verbose, dedup, only_problems;
    struct zpool_json_options json;
    char date; /* -T: 0, 'd', 'u' */
};

static int print_error_path(void *arg, const struct nvlist *item)
{
    printf("%7s %s\n", "", nvlist_string(item, "path", "?"));
    return 0;
}

static void print_errors(struct cli *cli, const struct nvlist *config, const char *pool,
                         bool verbose)
{
    uint64_t errors = nvlist_u64(config, "error_count", 0);
    struct zuse_callbacks cb = {.item = print_error_path, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL;

    putchar('\n');
    if (errors == 0) {
        puts("errors: No known data errors");
        return;
    }
    if (!verbose) {
        printf("errors: %llu data errors, use '-v' for a list\n", (unsigned long long)errors);
        return;
    }
    puts("errors: Permanent errors have been detected in the following files:\n");
    if (nvlist_create(&args) == 0 && nvlist_add_string(args, "pool", pool) == 0)
        (void)cli_call(cli, "pool_errors", args, NULL, &cb);
}

enum { DDT_COLUMNS = 8 };

static void print_bucket(const char *label, const uint64_t row[DDT_COLUMNS])
{
    char num[32];

    printf("%6s", label);
    for (unsigned i = 0; i < DDT_COLUMNS; i++)
        printf(i % 4 == 0 ? "   %6s" : "   %5s", cli_nicenum(row[i], num));
    putchar('\n');
}

/* The table of `zpool status -D`: blocks by power of two of their reference count. */
static void print_dedup(const struct nvlist *config)
{
    const uint64_t *object, *hist;
    uint64_t total[DDT_COLUMNS] = {0};
    size_t nobject, n;
    char disk[32], core[32], label[32];

    if (nvlist_lookup_u64_array(config, "ddt_object_stats", &object, &nobject) != 0 ||
        nobject < 3 || nvlist_lookup_u64_array(config, "ddt_histogram", &hist, &n) != 0 ||
        object[0] == 0) {
        printf("\n dedup: no DDT entries\n");
        return;
    }
    printf("\n dedup: DDT entries %llu, size %s on disk, %s in core\n\n",
           (unsigned long long)object[0], cli_nicebytes(object[1], disk),
           cli_nicebytes(object[2], core));
    printf("bucket              allocated                       referenced          \n"
           "______   ______________________________   ______________________________\n"
           "refcnt   blocks   LSIZE   PSIZE   DSIZE   blocks   LSIZE   PSIZE   DSIZE\n"
           "------   ------   -----   -----   -----   ------   -----   -----   -----\n");
    for (size_t i = 0; i < n / DDT_COLUMNS && i < 64; i++) {
        const uint64_t *row = hist + i * DDT_COLUMNS;

        for (unsigned k = 0; k < DDT_COLUMNS; k++)
            total[k] += row[k];
        if (row[0] != 0)
            print_bucket(cli_nicenum(1ull << i, label), row);
    }
    print_bucket("Total", total);
    putchar('\n');
}

static void print_pool(struct cli *cli, const struct nvlist *item, const struct status_options *o)
{
    const char *name = nvlist_string(item, "name", "?");
    const struct nvlist *config = nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;
    struct zpool_reason why;

    if (root == NULL)
        return;
    zpool_reason_find(item, false, &why);
    printf("  pool: %s\n state: %s\n", name,
           zpool_state_text(zpool_stat(root, VDEV_STAT_STATE), zpool_stat(root, VDEV_STAT_AUX)));
    if (why.status != NULL)
        printf("status: %s\naction: %s\n", why.status, why.action);
    if (why.message_id != NULL)
        printf("   see: " DOC_URL "/msg/ZFS-8000-%s\n", why.message_id);
    zpool_scan_print(root, o->rows.name_flags);
    puts("config:\n");
    zpool_rows_print(root, name, &o->rows);
    print_errors(cli, config, name, o->verbose);
    if (o->dedup)
        print_dedup(config);
}

/* ---- options ---- */

enum { OPT_JSON_INT = 1000, OPT_FLAT, OPT_KEY_GUID, OPT_POWER };
static const struct option longs[] = {
    {"json", no_argument, NULL, 'j'},
    {"json-int", no_argument, NULL, OPT_JSON_INT},
    {"json-flat-vdevs", no_argument, NULL, OPT_FLAT},
    {"json-pool-key-guid", no_argument, NULL, OPT_KEY_GUID},
    {"power", no_argument, NULL, OPT_POWER},
    {NULL, 0, NULL, 0},
};

static int parse_one(int c, struct status_options *o)
{
    switch (c) {
    case 'D':
        o->dedup = true;
        return 0;
    case 'e':
        o->rows.errors_only = true;
        return 0;
    case 'g':
        o->rows.name_flags |= VDEV_NAME_GUID;
        return 0;
    case 'i':
        o->rows.init = true;
        return 0;
    case 'j':
        o->json.on = true;
        return 0;
    case 'L':
        o->rows.name_flags |= VDEV_NAME_FOLLOW;
        return 0;
    case 'p':
        o->json.literal = true;
        return 0;
    case 'P':
        o->rows.name_flags |= VDEV_NAME_PATH;
        return 0;
    case 's':
        o->rows.slow = true;
        return 0;
    case 't':
        o->rows.trim = true;
        return 0;
    case 'T':
        o->date = optarg[0];
        return o->date == 'd' || o->date == 'u' ? 0 : CLI_USAGE;
    case 'v':
        o->verbose = true;
        return 0;
    case 'x':
        o->only_problems = true;
        return 0;
    case OPT_JSON_INT:
        o->json.as_int = o->json.literal = true;
        return 0;
    case OPT_FLAT:
        o->json.flat = true;
        return 0;
    case OPT_KEY_GUID:
        o->json.key_guid = true;
        return 0;
    case 'd':
        o->rows.dio = true;
        return 0;
    case OPT_POWER:
        o->rows.power = true;
        return 0;
    default:
        return CLI_USAGE;
    }
}

/* Scripts run with what the service may do: not offered. */
static int refuse_scripts(void)
{
    fprintf(stderr, geteuid() == 0
                        ? "Can't run -c with root privileges unless ZPOOL_SCRIPTS_AS_ROOT is set.\n"
                        : "Can't run -c: scripts are not supported\n");
    return CLI_FAILED;
}

static int parse(int argc, char **argv, struct status_options *o)
{
    int c, err = 0;

    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "c:dDegijLpPstT:vx", longs)) != -1)
        err = c == 'c' ? refuse_scripts() : parse_one(c, o);
    return err;
}

/* ---- one report ---- */

static int fetch(struct cli *cli, int argc, char **argv, bool dedup, struct cli_items *items)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args), status = CLI_OK;

    err = err != 0 ? err : nvlist_add_bool(args, "props", true);
    err = err != 0 ? err : nvlist_add_bool(args, "dedup", dedup);
    if (argc == 0)
        return err != 0 || cli_call_items(cli, "pool_config", args, items) != 0 ? CLI_FAILED
                                                                                : CLI_OK;
    memset(items, 0, sizeof(*items));
    for (int i = 0; i < argc; i++) {
        const char *const name[] = {argv[i]};
        struct cli_items one;

        err = nvlist_add_string_array(args, "pools", name, 1);
        err = err != 0 ? err : cli_call_items(cli, "pool_config", args, &one);
        if (err != 0) {
            status = zpool_cannot(cli, "open", argv[i], err);
            continue;
        }
        for (size_t k = 0; k < one.n; k++) {
            struct nvlist **more = reallocarray(items->item, items->n + 1, sizeof(*more));

            if (more == NULL)
                return CLI_FAILED;
            items->item = more;
            items->item[items->n++] = one.item[k];
        }
        free(one.item);
    }
    return status;
}

static int report(struct cli *cli, int argc, char **argv, const struct status_options *o)
{
    struct cli_items items;
    int status = fetch(cli, argc, argv, o->dedup, &items);
    size_t shown = 0;

    if (o->date != 0)
        zpool_date_print(o->date);
    if (o->json.on) {
        zpool_json_status(cli, &items, &o->json, o->rows.name_flags);
        cli_items_free(&items);
        return status;
    }
    for (size_t i = 0; i < items.n; i++) {
        struct zpool_reason why;

        zpool_reason_find(items.item[i], false, &why);
        if (o->only_problems && !why.problem) {
            if (argc > 0)
                printf("pool '%s' is healthy\n", nvlist_string(items.item[i], "name", "?"));
            continue;
        }
        if (shown++ > 0)
            putchar('\n');
        print_pool(cli, items.item[i], o);
    }
    if (items.n == 0 && argc == 0 && status == CLI_OK)
        fputs("no pools available\n", stderr);
    else if (o->only_problems && shown == 0 && argc == 0 && items.n > 0)
        puts("all pools are healthy");
    cli_items_free(&items);
    return status;
}

int zpool_status(struct cli *cli, int argc, char **argv)
{
    struct status_options o = {0};
    struct zpool_interval every;
    int status, err = parse(argc, argv, &o);

    if (err != 0)
        return err == CLI_USAGE ? zpool_usage_print(stderr, "status") : err;
    argc -= optind;
    argv += optind;
    if (!zpool_interval_take(&every, &argc, argv))
        return zpool_usage_print(stderr, "status");
    do
        status = report(cli, argc, argv, &o);
    while (zpool_interval_next(&every));
    return status;
}
