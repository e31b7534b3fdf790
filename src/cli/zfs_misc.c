/* SPDX-License-Identifier: MIT */
/* Small commands of zfs that look: holds, diff, version, upgrade (format/dsl.md 18.5, 18.6). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/zfs_cli.h"

/* ---- holds ---- */

static int add_hold(struct cli_table *t, const struct nvlist *item, bool literal)
{
    uint64_t when = nvlist_u64(item, "time", 0);
    time_t seconds = (time_t)when;
    char text[64];
    struct tm tm;

    localtime_r(&seconds, &tm);
    if (literal)
        snprintf(text, sizeof(text), "%llu", (unsigned long long)when);
    else
        strftime(text, sizeof(text), "%a %b %e %H:%M %Y", &tm);
    return cli_table_add(t, (const char *const[]){nvlist_string(item, "snapshot", ""),
                                                  nvlist_string(item, "tag", ""), text});
}

static int holds_of(struct cli *cli, const char *name, bool recursive, bool literal,
                    struct cli_table *t)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    struct cli_items items = {0};
    int err = nvlist_create(&args);

    if (strchr(name, '@') == NULL) {
        fprintf(stderr, "'%s' is not a snapshot\n", name);
        return CLI_FAILED;
    }
    if (!zfs_name_check("open", name))
        return CLI_FAILED;
    err = err != 0 ? err : nvlist_add_string_array(args, "snapshots", &name, 1);
    err = err != 0 ? err : nvlist_add_bool(args, "recursive", recursive);
    err = err != 0 ? err : cli_call_items(cli, "holds", args, &items);
    for (size_t i = 0; err == 0 && i < items.n; i++)
        err = add_hold(t, items.item[i], literal);
    cli_items_free(&items);
    return err != 0 ? zfs_cannot(cli, "open", name, err) : CLI_OK;
}

int zfs_holds(struct cli *cli, int argc, char **argv)
{
    static const char *const header[] = {"NAME", "TAG", "TIMESTAMP"};
    bool recursive = false, scripted = false, literal = false;
    struct cli_table t;
    int c, status = CLI_OK;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "rHp", NULL)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, "holds");
        recursive |= c == 'r';
        scripted |= c == 'H';
        literal |= c == 'p';
    }
    if (optind == argc)
        return zfs_usage_print(stderr, "holds");
    if (cli_table_init(&t, array_len(header)) != 0)
        return CLI_FAILED;
    for (size_t i = 0; i < array_len(header); i++)
        cli_table_column(&t, i, header[i], false);
    for (int i = optind; i < argc; i++)
        status = max_of(status, holds_of(cli, argv[i], recursive, literal, &t));
    cli_table_print(&t, scripted, stdout);
    if (t.nrows == 0)
        fprintf(stderr, "no datasets available\n");
    cli_table_free(&t);
    return status;
}

/* ---- diff ---- */

struct diff_output {
    bool types, scripted, times, verbatim;
    char root[4200]; /* mount point, no slash at the end */
};

static void print_path(const struct diff_output *o, const char *path)
{
    for (const char *part = o->root; part != NULL; part = part == o->root ? path : NULL) {
        for (const unsigned char *c = (const unsigned char *)part; *c != '\0'; c++) {
            if (!o->verbatim && (*c <= ' ' || *c == '\\' || *c >= 0x7f))
                printf("\\%04o", *c);
            else
                putchar(*c);
        }
    }
}

static char type_char(uint64_t mode)
{
    static const char chars[] = "?|C?/?B?F?@?=>P?";

    return chars[mode >> 12 & 15];
}

static int print_change(void *arg, const struct nvlist *item)
{
    const struct diff_output *o = arg;
    const char *change = nvlist_string(item, "change", "?"),
               *renamed = nvlist_string(item, "newpath", NULL);
    int64_t links = 0, sec = 0, nsec = 0;

    (void)nvlist_lookup_i64(item, "links", &links);
    (void)nvlist_lookup_i64(item, "ctime", &sec);
    (void)nvlist_lookup_i64(item, "ctime_ns", &nsec);
    if (o->times)
        printf("%10lld.%09lld\t", (long long)sec, (long long)nsec);
    printf("%s\t", change);
    if (o->types)
        printf("%c\t", type_char(nvlist_u64(item, "mode", 0)));
    print_path(o, nvlist_string(item, "path", ""));
    if (renamed != NULL) {
        fputs(o->scripted ? "\t" : " -> ", stdout);
        print_path(o, renamed);
    }
    if (links != 0)
        printf("\t(%+lld)", (long long)links);
    putchar('\n');
    return 0;
}

/* Where the file system is mounted, or would be. */
static int find_root(struct cli *cli, const char *fs, struct diff_output *o)
{
    AUTO_NVLIST struct nvlist *item = zfs_open(cli, fs, 1, (const char *const[]){"mountpoint"}, 1);
    struct zfs_value *v AUTO_FREE = mem_zalloc(sizeof(*v));
    struct cli_items items;

    if (item == NULL || v == NULL)
        return CLI_FAILED;
    zfs_value_get(item, "mountpoint", true, v);
    cli_copy(o->root, sizeof(o->root), v->text[0] == '/' ? v->text : "");
    (void)cli_call_items(cli, "dataset_mounts", NULL, &items);
    for (size_t i = 0; i < items.n; i++) {
        if (strcmp(nvlist_string(items.item[i], "name", ""), fs) == 0)
            snprintf(o->root, sizeof(o->root), "%s",
                     nvlist_string(items.item[i], "mountpoint", ""));
    }
    cli_items_free(&items);
    if (strcmp(o->root, "/") == 0)
        o->root[0] = '\0';
    return CLI_OK;
}

static int diff_failed(struct cli *cli, int err)
{
    if (err == ZE_NODATASET)
        fprintf(stderr, "Unable to obtain diffs: No such file or directory\n");
    else if (err == ZE_RANGE)
        fprintf(stderr, "Unable to obtain diffs: \n   Not an earlier snapshot from the same fs\n");
    else if (err == ZE_PERM || err == ZE_ACCES)
        fprintf(stderr, "Unable to obtain diffs: \n   The sys_mount privilege or diff delegated "
                        "permission is needed\n"
                        "   to execute the diff ioctl\n");
    else if (err != ZE_NOSERVICE)
        fprintf(stderr, "Unable to obtain diffs: %s\n", cli_detail(cli));
    return CLI_FAILED;
}

static int run_diff(struct cli *cli, const char *from, const char *to, struct diff_output *o)
{
    struct zuse_callbacks cb = {.item = print_change, .arg = o, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL;
    char fs[256];
    int err = nvlist_create(&args);

    size_t len = strcspn(from, "@");

    if (len >= sizeof(fs))
        len = sizeof(fs) - 1;
    memcpy(fs, from, len);
    fs[len] = '\0';
    if (from[len] == '\0') {
        fprintf(stderr, "Badly formed snapshot name %s: missing '@' delimiter in snapshot name\n",
                from);
        return CLI_FAILED;
    }
    if (to != NULL &&
        (strncmp(to, fs, strlen(fs)) != 0 || (to[strlen(fs)] != '@' && to[strlen(fs)] != '\0')) &&
        strchr(to, '@') != NULL) {
        fprintf(stderr, "Not an earlier snapshot from the same fs: invalid name\n");
        return CLI_FAILED;
    }
    if (to != NULL && strchr(to, '@') == NULL)
        snprintf(fs, sizeof(fs), "%s", to);
    if (find_root(cli, fs, o) != CLI_OK)
        return CLI_FAILED;
    err = err != 0 ? err : nvlist_add_string(args, "from", from);
    err = err != 0 ? err : nvlist_add_string(args, "to", to != NULL ? to : fs);
    err = err != 0 ? err : cli_call(cli, "diff", args, NULL, &cb);
    return err != 0 ? diff_failed(cli, err) : CLI_OK;
}

int zfs_diff(struct cli *cli, int argc, char **argv)
{
    struct diff_output *o AUTO_FREE = mem_zalloc(sizeof(*o));
    int c;

    if (o == NULL)
        return CLI_FAILED;
    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "FHth", NULL)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, "diff");
        o->types |= c == 'F';
        o->scripted |= c == 'H';
        o->times |= c == 't';
        o->verbatim |= c == 'h';
    }
    argc -= optind;
    argv += optind;
    if (argc < 1)
        return zfs_usage_error("diff", "must provide at least one snapshot name\n");
    if (argc > 2)
        return zfs_usage_error("diff", "too many arguments\n");
    return run_diff(cli, argv[0], argc == 2 ? argv[1] : NULL, o);
}

/* ---- version, upgrade ---- */

/* The OpenZFS release whose commands and features this speaks; scripts look at it. */
#define SPEAKS "zfs-2.4.0"

int zfs_version(struct cli *cli, int argc, char **argv)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    AUTO_NVLIST struct nvlist *result = NULL;
    bool json = false;
    char kernel[128] = "";
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "j", longs)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, "version");
        json = true;
    }
    if (cli_connect_running(cli) != NULL && cli_call(cli, "version", NULL, &result, NULL) == 0)
        snprintf(kernel, sizeof(kernel), "%s", nvlist_string(result, "engine", ""));
    if (kernel[0] == '\0')
        snprintf(kernel, sizeof(kernel), "zuse-%s", ZUSE_VERSION);
    if (json) {
        json_t *root = cli_json_begin("zfs version");

        json_object_set_new(
            root, "zfs_version",
            json_pack("{s:s, s:s}", "userland", SPEAKS "-zuse-" ZUSE_VERSION, "kernel", kernel));
        cli_json_print(root);
    } else {
        printf("%s-zuse-%s\n%s\n", SPEAKS, ZUSE_VERSION, kernel);
    }
    return CLI_OK;
}

static const char versions_text[] =
    "The following filesystem versions are supported:\n\n"
    "VER  DESCRIPTION\n"
    "---  --------------------------------------------------------\n"
    " 1   Initial ZFS filesystem version\n"
    " 2   Enhanced directory entries\n"
    " 3   Case insensitive and filesystem user identifier (FUID)\n"
    " 4   userquota, groupquota properties\n"
    " 5   System attributes\n"
    "\nFor more information on a particular version, including supported releases,\n"
    "see the ZFS Administration Guide.\n\n";

static int list_outdated(struct cli *cli)
{
    static const char *const props[] = {"version"};
    struct cli_items items = {0};
    size_t shown = 0;
    int err = zfs_collect(cli, NULL, 1, UINT64_MAX, props, 1, &items);

    if (err != 0)
        return zfs_cannot(cli, "open", "", err);
    printf("This system is currently running ZFS filesystem version 5.\n\n");
    (void)zfs_items_order(&items, &(struct zfs_sort){.n = 0});
    for (size_t i = 0; i < items.n; i++) {
        const struct nvlist *p = nvlist_child(nvlist_child(items.item[i], "props"), "version");
        uint64_t v = p != NULL ? nvlist_u64(p, "value", 5) : 5;

        if (v >= 5)
            continue;
        if (shown++ == 0)
            printf("The following filesystems are out of date, and can be upgraded.  After being\n"
                   "upgraded, these filesystems (and any 'zfs send' streams generated from\n"
                   "subsequent snapshots) will no longer be accessible by older software "
                   "versions.\n\n\n"
                   "VER  FILESYSTEM\n---  ------------\n");
        printf("%2u   %s\n", (unsigned)v, nvlist_string(items.item[i], "name", ""));
    }
    if (shown == 0)
        printf("All filesystems are formatted with the current version.\n");
    cli_items_free(&items);
    return CLI_OK;
}

int zfs_upgrade(struct cli *cli, int argc, char **argv)
{
    bool all = false, versions = false, recursive = false, version = false;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "rvV:a", NULL)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, "upgrade");
        all |= c == 'a';
        versions |= c == 'v';
        recursive |= c == 'r';
        version |= c == 'V';
    }
    argc -= optind;
    argv += optind;
    if ((!all && !argc) && (recursive || version))
        return zfs_usage_print(stderr, "upgrade");
    if (versions && (recursive || all || argc != 0))
        return zfs_usage_print(stderr, "upgrade");
    if (all && argc != 0)
        return zfs_usage_print(stderr, "upgrade");
    if (versions) {
        fputs(versions_text, stdout);
        return CLI_OK;
    }
    if (!all && argc == 0)
        return list_outdated(cli);
    for (int i = 0; i < argc; i++)
        fprintf(stderr, "cannot upgrade '%s': not supported yet\n", argv[i]);
    if (all)
        fprintf(stderr, "cannot upgrade file systems: not supported yet\n");
    return CLI_FAILED;
}
