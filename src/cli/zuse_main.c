/* SPDX-License-Identifier: MIT */
/*
 * The zuse command (zuse(8)): data without a mount, verification, and the raw operations. With -d
 * it needs no service: the pool is imported read-only in this process, leaving nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/zuse_cmd.h"
#include "codec/nvlist_json.h"

static const char usage_text[] =
    "usage: zuse [-d DIR|DEVICE]... [-k DATASET=KEYFILE]... COMMAND\n"
    "where COMMAND is one of\n"
    "\n"
    "\tls [-lR] DATASET[@SNAP] [PATH]\n"
    "\tcat DATASET[@SNAP] [PATH]\t\ta file, or a volume's contents\n"
    "\tcp [-R] DATASET[@SNAP] PATH DEST\n"
    "\ttar DATASET[@SNAP] [PATH]\t\tto standard output, with all attributes\n"
    "\tverify [-v] POOL\t\t\tread and check every block, all copies and parity\n"
    "\tcall OPERATION [JSON]\t\t\tan operation of the service, see docs/service.md\n"
    "\tzpool|zfs|zdb|zused ...\t\t\tthe other commands\n"
    "\tversion\n"
    "\n"
    "-d works without the service: pools found there are opened read-only in this process.\n";

#define MAX_DIRS 64

struct globals {
    const char *dir[MAX_DIRS];
    size_t ndirs;
    const char *key[MAX_DIRS];
    size_t nkeys;
};

/* ---- the engine in this process ---- */

static int import_local(struct cli *cli, const struct globals *g, const char *dataset)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    char pool[256];
    int err = nvlist_create(&args);

    snprintf(pool, sizeof(pool), "%.*s", (int)strcspn(dataset, "/@#"), dataset);
    err = err != 0 ? err : nvlist_add_string(args, "pool", pool);
    err = err != 0 ? err : cli_add_paths(args, g->dir, g->ndirs);
    err = err != 0 ? err : nvlist_add_bool(args, "force", true);
    err = err != 0 ? err : nvlist_add_bool(args, "missing_log", true);
    err = err != 0 ? err : nvlist_add_bool(args, "no_mount", true);
    err = err != 0 ? err : nvlist_add_bool(args, "destroyed", false);
    return err != 0 ? err : zuse_call(cli->z, "pool_import", args, NULL, NULL);
}

static int load_keys(struct cli *cli, const struct globals *g)
{
    int err = 0;

    for (size_t i = 0; err == 0 && i < g->nkeys; i++) {
        AUTO_NVLIST struct nvlist *args = NULL;
        char name[512];
        const char *eq = strchr(g->key[i], '=');
        char *path = eq != NULL ? realpath(eq + 1, NULL) : NULL;

        if (path == NULL) {
            fprintf(stderr, "zuse: -k %s: not DATASET=KEYFILE\n", g->key[i]);
            return ZE_INVAL;
        }
        snprintf(name, sizeof(name), "%.*s", (int)(eq - g->key[i]), g->key[i]);
        err = nvlist_create(&args);
        err = err != 0 ? err : nvlist_add_string(args, "dataset", name);
        err = err != 0 ? err : nvlist_add_stringf(args, "location", "file://%s", path);
        err = err != 0 ? err : zuse_call(cli->z, "load_key", args, NULL, NULL);
        free(path);
    }
    return err;
}

static int open_engine(struct cli *cli, const struct globals *g, const char *dataset)
{
    int err;

    if (g->ndirs == 0)
        return cli_connect(cli) != NULL ? 0 : CLI_FAILED;
    err = zuse_open_local(0, &cli->z);
    if (err == 0)
        err = import_local(cli, g, dataset);
    if (err == 0)
        err = load_keys(cli, g);
    if (err == 0)
        return 0;
    fprintf(stderr, "zuse: cannot open '%s': %s\n", dataset,
            cli->z != NULL ? zuse_error_text(cli->z) : err_sentence(err));
    return CLI_FAILED;
}

/* ---- call ---- */

static int print_item(void *arg, const struct nvlist *item)
{
    nvlist_json_print(item, stdout);
    putchar('\n');
    return 0;
}

static int run_call(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    struct zuse_callbacks cb = {
        .item = print_item, .progress = cli_progress, .arg = cli, .fd = STDOUT_FILENO};
    const char *text = argc == 3 ? argv[2] : "{}";
    int err;

    if (argc < 2 || argc > 3)
        return CLI_USAGE;
    if (nvlist_from_json(text, strlen(text), &args) != 0) {
        fprintf(stderr, "zuse: arguments: %s\n", err_detail());
        return CLI_USAGE;
    }
    if (g->ndirs != 0) {
        err = open_engine(cli, g, nvlist_string(args, "pool", nvlist_string(args, "dataset", "")));
    } else {
        err = cli_connect(cli) != NULL ? 0 : CLI_FAILED;
    }
    if (err != 0)
        return CLI_FAILED;
    err = zuse_call(cli->z, argv[1], args, &result, &cb);
    cli_progress_end();
    if (err != 0) {
        fprintf(stderr, "zuse: %s: %s (%s)\n", argv[1], zuse_error_text(cli->z), err_name(err));
        if (result == NULL)
            return CLI_FAILED;
    }
    if (result != NULL && !nvlist_empty(result))
        (void)print_item(NULL, result);
    return err != 0 ? CLI_FAILED : CLI_OK;
}

/* ---- ls, cat ---- */

static int file_args(const char *dataset, const char *path, struct nvlist **out)
{
    int err = nvlist_create(out);

    err = err != 0 ? err : nvlist_add_string(*out, "dataset", dataset);
    return err != 0 ? err : nvlist_add_string(*out, "path", path);
}

static int report(struct cli *cli, const char *what)
{
    cli_progress_end();
    fprintf(stderr, "zuse: %s: %s\n", what, zuse_error_text(cli->z));
    return CLI_FAILED;
}

static int run_cat(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    struct zuse_callbacks cb = {.fd = STDOUT_FILENO};
    AUTO_NVLIST struct nvlist *args = NULL;

    if (argc < 2 || argc > 3)
        return CLI_USAGE;
    if (open_engine(cli, g, argv[1]) != 0 ||
        file_args(argv[1], argc == 3 ? argv[2] : "/", &args) != 0)
        return CLI_FAILED;
    if (!isatty(STDOUT_FILENO)) {
        cb.progress = cli_progress;
        cb.arg = cli;
    }
    if (zuse_call(cli->z, "file_read", args, NULL, &cb) != 0)
        return report(cli, argv[1]);
    cli_progress_end();
    return CLI_OK;
}

/* ---- verify ---- */

static int print_damage(void *arg, const struct nvlist *item)
{
    cli_progress_end();
    printf("%s\n", nvlist_string(item, "text", ""));
    return 0;
}

static int run_verify(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    struct zuse_callbacks cb = {
        .item = print_damage, .progress = cli_progress, .arg = cli, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    uint64_t bad;

    if (argc != 2 && !(argc == 3 && strcmp(argv[1], "-v") == 0))
        return CLI_USAGE;
    if (open_engine(cli, g, argv[argc - 1]) != 0 || nvlist_create(&args) != 0 ||
        nvlist_add_string(args, "pool", argv[argc - 1]) != 0)
        return CLI_FAILED;
    if (zuse_call(cli->z, "verify", args, &result, &cb) != 0)
        return report(cli, argv[argc - 1]);
    cli_progress_end();
    bad = nvlist_u64(result, "bad_copies", 0) + nvlist_u64(result, "lost", 0) +
          nvlist_u64(result, "leaked_bytes", 0) + nvlist_u64(result, "double_bytes", 0) +
          nvlist_u64(result, "unallocated_bytes", 0);
    printf("%s", nvlist_string(result, "summary", ""));
    return bad == 0 ? CLI_OK : CLI_FAILED;
}

static int run_version(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    puts("zuse-" ZUSE_VERSION);
    return CLI_OK;
}

static int run_ls(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    struct zuse_ls_options o = {0};
    AUTO_NVLIST struct nvlist *args = NULL;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "lR", NULL)) != -1) {
        if (c == '?')
            return CLI_USAGE;
        o.longs |= c == 'l';
        o.recursive |= c == 'R';
    }
    if (argc - optind < 1 || argc - optind > 2)
        return CLI_USAGE;
    if (open_engine(cli, g, argv[optind]) != 0 ||
        file_args(argv[optind], argc - optind == 2 ? argv[optind + 1] : "/", &args) != 0)
        return CLI_FAILED;
    return zuse_ls(cli, args, &o) == 0 ? CLI_OK : report(cli, argv[optind]);
}

static int run_cp(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    bool recursive = argc == 5 && strcmp(argv[1], "-R") == 0;

    if (argc != 4 && !recursive)
        return CLI_USAGE;
    argv += recursive;
    if (open_engine(cli, g, argv[1]) != 0)
        return CLI_FAILED;
    return zuse_cp(cli, argv[1], argv[2], argv[3], recursive);
}

static int run_tar(struct cli *cli, const struct globals *g, int argc, char **argv)
{
    if (argc < 2 || argc > 3)
        return CLI_USAGE;
    if (isatty(STDOUT_FILENO)) {
        fprintf(stderr, "zuse: tar: refusing to write an archive to a terminal\n");
        return CLI_FAILED;
    }
    if (open_engine(cli, g, argv[1]) != 0)
        return CLI_FAILED;
    return zuse_tar(cli, argv[1], argc == 3 ? argv[2] : "/", STDOUT_FILENO);
}

static const struct {
    const char *name;
    int (*run)(struct cli *cli, const struct globals *g, int argc, char **argv);
} commands[] = {
    {"ls", run_ls},         {"cat", run_cat},   {"cp", run_cp},           {"tar", run_tar},
    {"verify", run_verify}, {"call", run_call}, {"version", run_version},
};

int zuse_main(struct cli *cli, int argc, char **argv)
{
    struct globals g = {0};
    int c, status;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "+:d:k:h", NULL)) != -1) {
        if (c == 'd' && g.ndirs < MAX_DIRS)
            g.dir[g.ndirs++] = optarg;
        else if (c == 'k' && g.nkeys < MAX_DIRS)
            g.key[g.nkeys++] = optarg;
        else if (c == 'h') {
            fputs(usage_text, stdout);
            return CLI_OK;
        } else {
            fputs(usage_text, stderr);
            return CLI_USAGE;
        }
    }
    argc -= optind;
    argv += optind;
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0)) {
        fputs(usage_text, stdout);
        return CLI_OK;
    }
    for (size_t i = 0; argc > 0 && i < array_len(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0) {
            status = commands[i].run(cli, &g, argc, argv);
            if (status == CLI_USAGE)
                fputs(usage_text, stderr);
            return status;
        }
    }
    if (argc > 0)
        fprintf(stderr, "zuse: unrecognized command '%s'\n", argv[0]);
    fputs(usage_text, stderr);
    return CLI_USAGE;
}
