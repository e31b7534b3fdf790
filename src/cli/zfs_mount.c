/* SPDX-License-Identifier: MIT */
/* zfs mount and unmount (format/zpl-zil.md 17, format/dsl.md 18.2, 19.2). */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/zfs_cli.h"
#include "cli/zfs_key.h"

struct mount_options {
    bool all, recursive, json, force, load_keys, verbose, overlay;
    char options[1024]; /* comma list of all -o */
};

static const char *text_of(const struct nvlist *item, const char *prop, char *buf, size_t len)
{
    struct zfs_value *v AUTO_FREE = mem_zalloc(sizeof(*v));

    if (v == NULL)
        return "";
    zfs_value_get(item, prop, true, v);
    cli_copy(buf, len, v->text);
    return buf;
}

/* ---- what is mounted ---- */

static int list_mounts(struct cli *cli, bool json)
{
    struct cli_items items;
    json_t *root = cli_json_begin("zfs mount"), *datasets = json_object();
    int err = cli_call_items(cli, "dataset_mounts", NULL, &items);

    for (size_t i = 0; i < items.n; i++) {
        const char *name = nvlist_string(items.item[i], "name", "");
        const char *point = nvlist_string(items.item[i], "mountpoint", "");

        if (strchr(name, '@') != NULL)
            continue;
        if (json)
            json_object_set_new(datasets, name,
                                json_pack("{s:s, s:s}", "filesystem", name, "mountpoint", point));
        else
            printf("%-30s  %s\n", name, point);
    }
    json_object_set_new(root, "datasets", datasets);
    if (json && err == 0)
        cli_json_print(root);
    else
        json_decref(root);
    cli_items_free(&items);
    return err != 0 ? CLI_FAILED : CLI_OK;
}

/* ---- mount ---- */

static int cannot_mount(const char *name, const char *why, const char *hint)
{
    fprintf(stderr, "cannot mount '%s': %s\n%s", name, why, hint);
    return CLI_FAILED;
}

static int request(const char *name, const struct mount_options *o, struct nvlist **out)
{
    int err = nvlist_create(out);

    if (name != NULL)
        err = err != 0 ? err : nvlist_add_string(*out, "dataset", name);
    if (o->options[0] != '\0')
        err = err != 0 ? err : nvlist_add_string(*out, "options", o->options);
    err = err != 0 ? err : nvlist_add_bool(*out, "overlay", o->overlay);
    return err != 0 ? err : nvlist_add_bool(*out, "force", o->force);
}

static int mount_failed(struct cli *cli, const char *name, const char *point, int err)
{
    if (err == ZE_NOSERVICE)
        return CLI_FAILED;
    if (err == ZE_NOKEY)
        return cannot_mount(name, "encryption key not loaded", "");
    if (err == ZE_NOTEMPTY)
        return cannot_mount(point, "directory is not empty", "");
    if (err == ZE_PERM || err == ZE_ACCES)
        return cannot_mount(name, "permission denied", "");
    return cannot_mount(name, cli_detail(cli), "");
}

static int mount_one(struct cli *cli, const struct nvlist *item, const struct mount_options *o)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *name = nvlist_string(item, "name", "");
    char point[4200], value[64], root[256];
    int err;

    (void)text_of(item, "mountpoint", point, sizeof(point));
    if (strcmp(point, "legacy") == 0)
        return cannot_mount(name, "legacy mountpoint", "use mount(8) to mount this filesystem\n");
    if (strcmp(point, "none") == 0)
        return cannot_mount(name, "no mountpoint set", "");
    if (strcmp(text_of(item, "canmount", value, sizeof(value)), "off") == 0)
        return cannot_mount(name, "'canmount' property is set to 'off'", "");
    if (nvlist_bool(item, "inconsistent", false))
        return cannot_mount(
            name,
            "Contains partially-completed state from \"zfs receive -s\", which can be resumed "
            "with \"zfs send -t\"",
            "");
    if (strcmp(text_of(item, "mounted", value, sizeof(value)), "yes") == 0)
        return cannot_mount(name, "filesystem already mounted", "");
    if (o->load_keys &&
        strcmp(text_of(item, "keystatus", value, sizeof(value)), "unavailable") == 0 &&
        zfs_key_load_for(cli, text_of(item, "encryptionroot", root, sizeof(root))) != 0)
        return CLI_FAILED;
    err = request(name, o, &args);
    err = err != 0 ? err : cli_call(cli, "mount", args, NULL, NULL);
    return err != 0 ? mount_failed(cli, name, point, err) : CLI_OK;
}

static const char *const mount_props[] = {"mountpoint", "canmount",       "mounted",
                                          "keystatus",  "encryptionroot", "redacted"};

/* What `mount -a` passes over without a word. */
static bool passed_over(const struct nvlist *item, const struct mount_options *o)
{
    char point[4200], canmount[32], mounted[32], key[32];

    (void)text_of(item, "mountpoint", point, sizeof(point));
    (void)text_of(item, "canmount", canmount, sizeof(canmount));
    (void)text_of(item, "mounted", mounted, sizeof(mounted));
    (void)text_of(item, "keystatus", key, sizeof(key));
    return point[0] != '/' || strcmp(canmount, "on") != 0 || strcmp(mounted, "yes") == 0 ||
           (strcmp(key, "unavailable") == 0 && !o->load_keys) ||
           nvlist_bool(item, "inconsistent", false);
}

struct candidate {
    const struct nvlist *item;
    char *point;
};

/* '/' sorts below every other byte: what is mounted below another comes after it. */
static int by_point(const void *a, const void *b)
{
    const char *x = ((const struct candidate *)a)->point, *y = ((const struct candidate *)b)->point;

    while (*x == *y && *x != '\0') {
        x++;
        y++;
    }
    return (*x == '/'    ? 1
            : *x == '\0' ? 0
                         : (unsigned char)*x + 1) -
           (*y == '/'    ? 1
            : *y == '\0' ? 0
                         : (unsigned char)*y + 1);
}

static int mount_many(struct cli *cli, const char *root, const struct mount_options *o)
{
    struct cli_items items = {0};
    struct candidate *c AUTO_FREE = NULL;
    char point[4200];
    int status = CLI_OK,
        err = zfs_collect(cli, root, 1, UINT64_MAX, mount_props, array_len(mount_props), &items);
    size_t n = 0;

    if (err != 0)
        return zfs_cannot(cli, "open", root != NULL ? root : "", err);
    c = mem_calloc(items.n + 1, sizeof(*c));
    for (size_t i = 0; c != NULL && i < items.n; i++) {
        if (passed_over(items.item[i], o))
            continue;
        c[n].item = items.item[i];
        c[n].point = mem_strdup(text_of(items.item[i], "mountpoint", point, sizeof(point)));
        n += c[n].point != NULL;
    }
    if (n > 1)
        qsort(c, n, sizeof(*c), by_point);
    for (size_t i = 0; i < n; i++) {
        status = max_of(status, mount_one(cli, c[i].item, o));
        if (o->verbose)
            cli_progress(cli, "mounting ZFS filesystems", i + 1, n, "file systems");
        free(c[i].point);
    }
    cli_progress_end();
    cli_items_free(&items);
    return status;
}

static int add_options(struct mount_options *o, const char *text)
{
    size_t len = strlen(o->options);

    if (len + strlen(text) + 2 > sizeof(o->options)) {
        fprintf(stderr, "the opts argument for '-o' option is too long (more than %zu chars)\n",
                sizeof(o->options) - 1);
        return CLI_USAGE;
    }
    sprintf(o->options + len, "%s%s", len > 0 ? "," : "", text);
    return 0;
}

static int parse_mount(int argc, char **argv, struct mount_options *o)
{
    static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "ajRflo:vO", longs)) != -1) {
        if (c == '?' || (c == 'o' && add_options(o, optarg) != 0))
            return CLI_USAGE;
        o->all |= c == 'a';
        o->recursive |= c == 'R';
        o->json |= c == 'j';
        o->force |= c == 'f';
        o->load_keys |= c == 'l';
        o->verbose |= c == 'v';
        o->overlay |= c == 'O';
    }
    argc -= optind;
    if (o->all && o->recursive) {
        fprintf(stderr, "-a and -R are mutually exclusive\n");
        return CLI_USAGE;
    }
    if ((o->all && argc > 0) || argc > 1) {
        fprintf(stderr, "too many arguments\n");
        return CLI_USAGE;
    }
    if (o->recursive && argc == 0) {
        fprintf(stderr, "missing filesystem argument\n");
        return CLI_USAGE;
    }
    if (o->json && argc > 0) {
        fprintf(stderr, "too many arguments\n");
        return CLI_USAGE;
    }
    return 0;
}

int zfs_mount(struct cli *cli, int argc, char **argv)
{
    AUTO_NVLIST struct nvlist *item = NULL;
    struct mount_options o = {0};
    const char *name;

    if (parse_mount(argc, argv, &o) != 0)
        return zfs_usage_print(stderr, "mount");
    if (o.all)
        return mount_many(cli, NULL, &o);
    if (optind == argc)
        return list_mounts(cli, o.json);
    name = argv[optind];
    if (!zfs_name_check("open", name))
        return CLI_FAILED;
    if (o.recursive)
        return mount_many(cli, name, &o);
    item = zfs_open(cli, name, 1, mount_props, array_len(mount_props));
    return item == NULL ? CLI_FAILED : mount_one(cli, item, &o);
}

/* ---- unmount ---- */

static int unmount_call(struct cli *cli, const char *name, const char *point, bool force)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    if (name != NULL)
        err = err != 0 ? err : nvlist_add_string(args, "dataset", name);
    err = err != 0 ? err : nvlist_add_bool(args, "force", force);
    err = err != 0 ? err : cli_call(cli, "unmount", args, NULL, NULL);
    if (err == 0)
        return CLI_OK;
    if (err == ZE_NOTMOUNTED)
        fprintf(stderr, "cannot unmount '%s': not currently mounted\n", name);
    else if (err == ZE_BUSY)
        fprintf(stderr, "cannot unmount '%s': pool or dataset is busy\n",
                point != NULL ? point : name);
    else if (err == ZE_PERM || err == ZE_ACCES)
        fprintf(stderr, "cannot unmount '%s': permission denied\n", point != NULL ? point : name);
    else if (err != ZE_NOSERVICE)
        fprintf(stderr, "cannot unmount '%s': %s\n", point != NULL ? point : name, cli_detail(cli));
    return CLI_FAILED;
}

static bool mounted_at(struct cli *cli, const char *name, char *point, size_t len)
{
    struct cli_items items;
    bool found = false;

    (void)cli_call_items(cli, "dataset_mounts", NULL, &items);
    for (size_t i = 0; i < items.n; i++) {
        if (strcmp(nvlist_string(items.item[i], "name", ""), name) == 0) {
            snprintf(point, len, "%s", nvlist_string(items.item[i], "mountpoint", ""));
            found = true;
        }
    }
    cli_items_free(&items);
    return found;
}

static int unmount_name(struct cli *cli, const char *name, bool force, bool unload)
{
    AUTO_NVLIST struct nvlist *item = zfs_open(cli, name, 1, mount_props, array_len(mount_props));
    char value[4200], point[4200], root[256];
    int status;

    if (item == NULL)
        return CLI_FAILED;
    if (strcmp(text_of(item, "mountpoint", value, sizeof(value)), "legacy") == 0) {
        fprintf(
            stderr,
            "cannot unmount '%s': legacy mountpoint\nuse umount(8) to unmount this filesystem\n",
            name);
        return CLI_FAILED;
    }
    if (!mounted_at(cli, name, point, sizeof(point))) {
        fprintf(stderr, "cannot unmount '%s': not currently mounted\n", name);
        return CLI_FAILED;
    }
    status = unmount_call(cli, name, point, force);
    if (status == CLI_OK && unload &&
        strcmp(text_of(item, "keystatus", value, sizeof(value)), "available") == 0)
        status = zfs_key_unload_for(cli, text_of(item, "encryptionroot", root, sizeof(root))) != 0;
    return status;
}

static int unmount_path(struct cli *cli, const char *path, bool force, bool unload)
{
    struct cli_items items;
    char name[256] = "";
    char *real AUTO_FREE = realpath(path, NULL);

    if (real == NULL) {
        const char *why = strerror(errno);

        fprintf(stderr, "cannot open '%s': %s\nwarning: %s not in/proc/self/mounts\n%s: %s\n", path,
                why, path, path, why);
        return CLI_FAILED;
    }
    (void)cli_call_items(cli, "dataset_mounts", NULL, &items);
    for (size_t i = 0; i < items.n; i++) {
        if (strcmp(nvlist_string(items.item[i], "mountpoint", ""), real) == 0)
            snprintf(name, sizeof(name), "%s", nvlist_string(items.item[i], "name", ""));
    }
    cli_items_free(&items);
    if (name[0] == '\0') {
        fprintf(stderr, "cannot unmount '%s': not a ZFS filesystem\n", path);
        return CLI_FAILED;
    }
    return strchr(name, '@') != NULL ? unmount_call(cli, name, real, force)
                                     : unmount_name(cli, name, force, unload);
}

/* Deepest first, one by one: what is busy does not keep the others. */
static int unmount_all(struct cli *cli, bool force, bool unload)
{
    struct cli_items items;
    int status = cli_call_items(cli, "dataset_mounts", NULL, &items) != 0 ? CLI_FAILED : CLI_OK;

    for (size_t round = 0; round < items.n; round++) {
        size_t deepest = items.n;

        for (size_t i = 0; i < items.n; i++) {
            if (items.item[i] != NULL &&
                (deepest == items.n ||
                 strlen(nvlist_string(items.item[i], "mountpoint", "")) >
                     strlen(nvlist_string(items.item[deepest], "mountpoint", ""))))
                deepest = i;
        }
        status = max_of(status,
                        unmount_call(cli, nvlist_string(items.item[deepest], "name", ""),
                                     nvlist_string(items.item[deepest], "mountpoint", ""), force));
        nvlist_free(items.item[deepest]);
        items.item[deepest] = NULL;
    }
    cli_items_free(&items);
    if (unload)
        status = max_of(status, zfs_key_unload_all(cli));
    return status;
}

int zfs_unmount(struct cli *cli, int argc, char **argv)
{
    bool all = false, force = false, unload = false;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "afu", NULL)) != -1) {
        if (c == '?')
            return zfs_usage_print(stderr, "unmount");
        all |= c == 'a';
        force |= c == 'f';
        unload |= c == 'u';
    }
    argc -= optind;
    argv += optind;
    if (all)
        return argc > 0 ? zfs_usage_error("unmount", "too many arguments\n")
                        : unmount_all(cli, force, unload);
    if (argc != 1)
        return zfs_usage_error("unmount", argc == 0 ? "missing filesystem argument\n"
                                                    : "too many arguments\n");
    if (argv[0][0] == '/')
        return unmount_path(cli, argv[0], force, unload);
    return zfs_name_check("open", argv[0]) ? unmount_name(cli, argv[0], force, unload) : CLI_FAILED;
}
