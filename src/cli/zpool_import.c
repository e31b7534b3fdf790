/* SPDX-License-Identifier: MIT */
/* zpool import and export. Until writing works, pools are imported read-only, and import says so.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/zpool_prop.h"

#define DOC_URL  "https://openzfs.github.io/openzfs-docs"
#define MAX_DIRS 128

struct import_options {
    const char *dir[MAX_DIRS];
    size_t ndirs;
    const char *cachefile, *altroot, *mntopts;
    bool all, destroyed, force, load_keys, missing_log, no_mount, rewind, dry_run, extreme,
        temp_name, scan;
    bool checkpoint, readonly_given;
    uint64_t txg;
    struct nvlist *props;
};

/* ---- listing what could be imported ---- */

static void print_unsupported(const struct nvlist *info, FILE *out)
{
    const struct nvlist *list = info != NULL ? nvlist_child(info, "unsup_feat") : NULL;
    const struct nvpair *p = NULL;

    while (list != NULL && (p = nvlist_next(list, p)) != NULL) {
        const char *text = "";

        (void)nvpair_string(p, &text);
        if (text[0] != '\0')
            fprintf(out, "\t%s (%s)\n", nvpair_name(p), text);
        else
            fprintf(out, "\t%s\n", nvpair_name(p));
    }
}

static bool has_unsupported(const struct nvlist *item)
{
    const struct nvlist *info = nvlist_child(item, "load_info");

    return info != NULL && nvlist_exists(info, "unsup_feat");
}

static void print_candidate(const struct nvlist *item, const struct import_options *o)
{
    const struct nvlist *root = nvlist_child(item, "vdev_tree");
    const char *comment = nvlist_string(item, "comment", NULL), *pad = comment != NULL ? " " : "";
    struct zpool_rows_options rows = {.import = true};
    struct zpool_reason why;

    if (root == NULL)
        return;
    zpool_reason_find(item, true, &why);
    printf("%s  pool: %s\n%s    id: %llu\n%s state: %s%s\n", pad, nvlist_string(item, "name", "?"),
           pad, (unsigned long long)nvlist_u64(item, "pool_guid", 0), pad,
           zpool_state_text(zpool_stat(root, VDEV_STAT_STATE), zpool_stat(root, VDEV_STAT_AUX)),
           o->destroyed ? " (DESTROYED)" : "");
    if (why.status != NULL) {
        printf("%sstatus: %s\n", pad, why.status);
        if (has_unsupported(item))
            print_unsupported(nvlist_child(item, "load_info"), stdout);
    }
    if (zpool_stat(root, VDEV_STAT_STATE) == VDEV_STATE_CANT_OPEN)
        printf("%saction: %s\n", pad,
               why.action != NULL ? why.action : "The pool cannot be imported.");
    else if (zpool_stat(root, VDEV_STAT_STATE) == VDEV_STATE_DEGRADED)
        printf("%saction: The pool can be imported despite missing or damaged devices.  The\n"
               "\tfault tolerance of the pool may be compromised if imported.\n",
               pad);
    else if (why.problem && why.message_id != NULL && strcmp(why.message_id, "EY") == 0)
        printf("%saction: %s\n", pad, why.action);
    else
        printf("%saction: The pool can be imported using its name or numeric identifier.\n", pad);
    if (comment != NULL)
        printf("comment: %s\n", comment);
    if (why.message_id != NULL)
        printf("%s   see: " DOC_URL "/msg/ZFS-8000-%s\n", pad, why.message_id);
    printf("%sconfig:\n\n", pad);
    zpool_rows_print(root, nvlist_string(item, "name", "?"), &rows);
}

/* ---- arguments of the operations ---- */

static int common_args(const struct import_options *o, struct nvlist **out)
{
    const struct {
        const char *name;
        bool on;
    } flags[] = {
        {"destroyed", o->destroyed},   {"force", o->force},         {"missing_log", o->missing_log},
        {"no_mount", o->no_mount},     {"load_keys", o->load_keys}, {"temp_name", o->temp_name},
        {"checkpoint", o->checkpoint}, {"rewind", o->rewind},       {"extreme", o->extreme},
        {"dry_run", o->dry_run},       {"readonly", true},
    };
    int err = nvlist_create(out);

    for (size_t i = 0; err == 0 && i < array_len(flags); i++)
        err = nvlist_add_bool(*out, flags[i].name, flags[i].on);
    if (err == 0 && o->ndirs > 0)
        err = cli_add_paths(*out, o->dir, o->ndirs);
    if (err == 0 && o->cachefile != NULL)
        err = nvlist_add_string(*out, "cachefile", o->cachefile);
    if (err == 0 && o->altroot != NULL)
        err = nvlist_add_string(*out, "altroot", o->altroot);
    if (err == 0 && o->mntopts != NULL)
        err = nvlist_add_string(*out, "mntopts", o->mntopts);
    if (err == 0 && o->txg != 0)
        err = nvlist_add_u64(*out, "txg", o->txg);
    if (err == 0 && !nvlist_empty(o->props))
        err = nvlist_add_nvlist(*out, "props", o->props);
    return err;
}

/* ---- why it cannot be imported ---- */

static void print_missing(const struct nvlist *info)
{
    const struct nvlist *missing = info != NULL ? nvlist_child(info, "missing_vdevs") : NULL;
    size_t n;
    struct nvlist *const *child = zpool_children(missing, "children", &n);
    char name[4096];

    fprintf(stderr,
            "The devices below are missing or corrupted, use '-m' to import the pool anyway:\n");
    for (size_t i = 0; i < n; i++) {
        (void)nvlist_remove(child[i], "not_present"); /* it is about the name the user knows */
        zpool_vdev_name(child[i], 0, name, sizeof(name));
        fprintf(stderr, "\t    %s [log]\n", name);
    }
    fputc('\n', stderr);
}

static void print_features(const struct nvlist *info)
{
    fprintf(stderr, "This pool uses the following feature(s) not supported by this system:\n");
    print_unsupported(info, stderr);
    if (info != NULL && nvlist_exists(info, "can_rdonly"))
        fprintf(stderr, "All unsupported features are only required for writing to the pool.\n"
                        "The pool can be imported using '-o readonly=on'.\n");
    fputc('\n', stderr);
}

/* OpenZFS's sentence for the kind of error; ours, which says where, follows in parentheses. */
static int cannot_import(struct cli *cli, const char *name, int err, const struct nvlist *info)
{
    const char *why = NULL, *advice = "";

    if (err == ZE_MISSINGLOG)
        print_missing(info);
    if (err == ZE_FEATURE)
        print_features(info);
    switch (err) {
    case ZE_MISSINGLOG:
    case ZE_GUIDSUM:
    case ZE_NXIO:
        why = "one or more devices is currently unavailable";
        break;
    case ZE_FEATURE:
    case ZE_VERSION:
        why = "unsupported version or feature";
        break;
    case ZE_NOUB:
    case ZE_CORRUPT:
    case ZE_IO:
    case ZE_CKSUM:
    case ZE_BADVDEV:
    case ZE_BADOBJSET:
        why = "I/O error";
        advice = "\n\tDestroy and re-create the pool from\n\ta backup source.";
        break;
    default:
        return zpool_cannot(cli, "import", name, err);
    }
    fprintf(stderr, "cannot import '%s': %s%s\n", name, why, advice);
    if (err != ZE_MISSINGLOG && err != ZE_FEATURE && cli_detail(cli)[0] != '\0')
        fprintf(stderr, "\t(%s)\n", cli_detail(cli));
    return CLI_FAILED;
}

static int import_one(struct cli *cli, const struct import_options *o, const char *name,
                      const char *newname)
{
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    struct zuse_callbacks cb = {.progress = cli_progress, .arg = cli, .fd = -1};
    int err = common_args(o, &args);

    err = err != 0 ? err : nvlist_add_string(args, "pool", name);
    if (err == 0 && newname != NULL)
        err = nvlist_add_string(args, "newname", newname);
    err = err != 0 ? err : cli_call(cli, "pool_import", args, &result, &cb);
    cli_progress_end();
    if (err != 0) {
        bool renamed =
            newname != NULL && (err == ZE_POOLEXISTS || err == ZE_INVAL || err == ZE_BADNAME);

        return cannot_import(cli, renamed ? newname : name, err,
                             result != NULL ? nvlist_child(result, "load_info") : NULL);
    }
    if (!o->readonly_given && !o->dry_run)
        fprintf(stderr, "note: '%s' was imported read-only: writing is not supported yet\n",
                nvlist_string(result, "name", name));
    if (nvlist_exists(result, "warning")) {
        fprintf(stderr, "%s\nImport was successful, but unable to mount some datasets\n",
                nvlist_string(result, "warning", ""));
        return CLI_FAILED;
    }
    return CLI_OK;
}

static int list_or_all(struct cli *cli, const struct import_options *o)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    struct cli_items items;
    int status = CLI_OK, err = common_args(o, &args);

    err = err != 0 ? err : cli_call_items(cli, "pool_scan", args, &items);
    if (err != 0)
        return err == ZE_NOSERVICE ? CLI_FAILED : zpool_cannot(cli, "import", "", err);
    if (items.n == 0 && !o->all)
        fprintf(stderr, "no pools available to import\n");
    for (size_t i = 0; i < items.n; i++) {
        char guid[32];

        if (!o->all) {
            if (i > 0)
                putchar('\n');
            print_candidate(items.item[i], o);
            continue;
        }
        snprintf(guid, sizeof(guid), "%llu",
                 (unsigned long long)nvlist_u64(items.item[i], "pool_guid", 0));
        if (import_one(cli, o, guid, NULL) != CLI_OK)
            status = CLI_FAILED;
    }
    cli_items_free(&items);
    return status;
}

/* ---- options ---- */

enum { OPT_CHECKPOINT = 1000 };
static const struct option longs[] = {
    {"rewind-to-checkpoint", no_argument, NULL, OPT_CHECKPOINT},
    {NULL, 0, NULL, 0},
};

static int add_property(struct import_options *o, char *text)
{
    char *eq = strchr(text, '=');

    if (eq == NULL) {
        o->mntopts = text;
        return 0;
    }
    *eq = '\0';
    if (zpool_prop_canonical(text, false) == NULL) {
        fprintf(stderr, "property '%s' is not a valid pool or vdev property\n", text);
        return CLI_FAILED;
    }
    if (strcmp(text, "readonly") == 0)
        o->readonly_given = true;
    return nvlist_add_string(o->props, text, eq + 1) != 0 ? CLI_FAILED : 0;
}

static int parse(int argc, char **argv, struct import_options *o)
{
    int c, err = 0;

    cli_getopt_reset();
    while (err == 0 && (c = cli_getopt(argc, argv, "aCc:d:DEfFlmnNo:R:stT:VX", longs)) != -1) {
        switch (c) {
        case 'a':
            o->all = true;
            break;
        case 'c':
            o->cachefile = optarg;
            break;
        case 'd':
            if (o->ndirs < MAX_DIRS)
                o->dir[o->ndirs++] = optarg;
            break;
        case 'D':
            o->destroyed = true;
            break;
        case 'f':
            o->force = true;
            break;
        case 'F':
            o->rewind = true;
            break;
        case 'l':
            o->load_keys = true;
            break;
        case 'm':
            o->missing_log = true;
            break;
        case 'n':
            o->dry_run = true;
            break;
        case 'N':
            o->no_mount = true;
            break;
        case 'o':
            err = add_property(o, optarg);
            break;
        case 'R':
            o->altroot = optarg;
            break;
        case 's':
            o->scan = true;
            break;
        case 't':
            o->temp_name = true;
            break;
        case 'T':
            o->txg = strtoull(optarg, NULL, 10);
            o->rewind = o->extreme = true;
            break;
        case 'X':
            o->extreme = true;
            break;
        case OPT_CHECKPOINT:
            o->checkpoint = true;
            break;
        default:
            err = CLI_USAGE;
        }
    }
    if (err == 0 && o->cachefile != NULL && o->ndirs > 0) {
        fprintf(stderr, "-c is incompatible with -d\n");
        err = CLI_USAGE;
    }
    if (err == 0 && o->dry_run && !o->rewind) {
        fprintf(stderr, "-n or -X only meaningful with -F\n");
        err = CLI_USAGE;
    }
    return err;
}

int zpool_import(struct cli *cli, int argc, char **argv)
{
    struct import_options o = {0};
    int status = nvlist_create(&o.props) != 0 ? CLI_FAILED : parse(argc, argv, &o);

    argc -= optind;
    argv += optind;
    if (status == 0 && o.all && argc > 0) {
        fprintf(stderr, "too many arguments\n");
        status = CLI_USAGE;
    }
    if (status == 0 && argc > 2) {
        fprintf(stderr, "too many arguments\n");
        status = CLI_USAGE;
    }
    if (status == CLI_USAGE)
        status = zpool_usage_print(stderr, "import");
    else if (status == 0)
        status = argc == 0 ? list_or_all(cli, &o)
                           : import_one(cli, &o, argv[0], argc == 2 ? argv[1] : NULL);
    nvlist_free(o.props);
    return status;
}

/* ---- export ---- */

static int export_one(struct cli *cli, const char *name, bool force, bool hard)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    int err = nvlist_create(&args);

    err = err != 0 ? err : nvlist_add_string(args, "pool", name);
    err = err != 0 ? err : nvlist_add_bool(args, "force", force);
    err = err != 0 ? err : nvlist_add_bool(args, "hardforce", hard);
    err = err != 0 ? err : cli_call(cli, "pool_export", args, NULL, NULL);
    if (err == 0)
        return CLI_OK;
    return zpool_cannot(cli, err == ZE_NOPOOL ? "open" : "export", name, err);
}

int zpool_export(struct cli *cli, int argc, char **argv)
{
    bool force = false, hard = false, all = false;
    struct cli_items items;
    int c, status = CLI_OK;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "afF", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "export");
        all |= c == 'a';
        force |= c == 'f';
        hard |= c == 'F';
    }
    if (!all && optind == argc) {
        fprintf(stderr, "missing pool argument\n");
        return zpool_usage_print(stderr, "export");
    }
    if (all && optind < argc) {
        fprintf(stderr, "too many arguments\n");
        return zpool_usage_print(stderr, "export");
    }
    if (all) {
        if (cli_call_items(cli, "pool_config", NULL, &items) != 0)
            return CLI_FAILED;
        for (size_t i = 0; i < items.n; i++)
            status |= export_one(cli, nvlist_string(items.item[i], "name", "?"), force, hard);
        cli_items_free(&items);
        return status;
    }
    for (int i = optind; i < argc; i++)
        status |= export_one(cli, argv[i], force, hard);
    return status;
}
