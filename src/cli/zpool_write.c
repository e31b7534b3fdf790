/* SPDX-License-Identifier: MIT */
/*
 * The zpool commands that change pools: options and arguments with their errors; then, as writing
 * does not work yet, they say so. sync and wait have nothing to do with read-only pools and
 * succeed.
 */
#include <getopt.h>
#include <string.h>

#include "cli/zpool_cli.h"

#define MAX_NEEDED 3

static const struct option power[] = {{"power", no_argument, NULL, 1000}, {NULL, 0, NULL, 0}};

/* needed: what is said when the first, second... argument is missing. max 0: any number of
 * arguments. */
static const struct write_command {
    const char *name, *options, *action;
    const char *needed[MAX_NEEDED];
    int max;
    bool no_pool; /* the first argument need not be a pool */
} commands[] = {
    {"create",
     "fndR:m:o:O:t:l",
     "create",
     {"missing pool name argument", "missing vdev specification"},
     0,
     true},
    {"destroy", "f", "destroy", {"missing pool argument"}, 1, false},
    {"add",
     "afgLnPo:",
     "add to",
     {"missing pool name argument", "missing vdev specification"},
     0,
     false},
    {"remove", "npsw", "remove from", {"missing pool name argument", "missing device"}, 0, false},
    {"checkpoint", "dw", "checkpoint", {"missing pool argument"}, 1, false},
    {"prefetch", "t:", "prefetch", {"missing pool name argument"}, 1, false},
    {"online", "e", "online devices of", {"missing pool name", "missing device name"}, 0, false},
    {"offline", "ft", "offline devices of", {"missing pool name", "missing device name"}, 0, false},
    {"clear", "nFX", "clear", {"missing pool name"}, 2, false},
    {"attach",
     "fswo:",
     "attach to",
     {"missing pool name argument", "missing <device> specification",
      "missing <new_device> specification"},
     3,
     false},
    {"detach",
     "",
     "detach from",
     {"missing pool name argument", "missing <device> specification"},
     2,
     false},
    {"replace",
     "fswo:",
     "replace in",
     {"missing pool name argument", "missing <device> specification"},
     3,
     false},
    {"split", "gLnPlR:o:", "split", {"Missing pool name", "Missing new pool name"}, 0, false},
    {"initialize", "csuw", "initialize", {"missing pool name argument"}, 0, false},
    {"resilver", "", "resilver", {"missing pool name argument"}, 0, false},
    {"scrub", "eswpCES:", "scrub", {"missing pool name argument"}, 0, false},
    {"trim", "cdr:sw", "trim", {"missing pool name argument"}, 0, false},
    {"reguid", "g:", "reguid", {"missing pool name"}, 1, false},
    {"ddtprune", "d:p:", "prune dedup table", {"missing pool name argument"}, 1, false},
};

int zpool_not_yet(struct cli *cli, const char *action, const char *pool)
{
    if (!zpool_exists(cli, pool))
        return cli->z == NULL ? CLI_FAILED : zpool_cannot(cli, "open", pool, ZE_NOPOOL);
    fprintf(stderr, "cannot %s '%s': not supported yet\n", action, pool);
    return CLI_FAILED;
}

static int usage(const char *message, const char *command)
{
    fprintf(stderr, "%s\n", message);
    return zpool_usage_print(stderr, command);
}

static bool rate_ok(const char *text)
{
    uint64_t rate;
    char why[128];

    if (cli_parse_number(text, &rate, why, sizeof(why)) == 0)
        return true;
    fprintf(stderr, "invalid value for rate: %s\n", why);
    return false;
}

static int run(struct cli *cli, const struct write_command *w, int argc, char **argv)
{
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, w->options, power)) != -1) {
        if (c == '?' || (c == 'r' && strcmp(w->name, "trim") == 0 && !rate_ok(optarg)))
            return zpool_usage_print(stderr, w->name);
        if (c == 'o' && strcmp(w->name, "split") != 0 && strchr(optarg, '=') == NULL)
            return usage("missing '=' for -o option", w->name);
    }
    argc -= optind;
    argv += optind;
    if (argc < MAX_NEEDED && w->needed[argc] != NULL)
        return usage(w->needed[argc], w->name);
    if (w->max != 0 && argc > w->max)
        return usage("too many arguments", w->name);
    if (strcmp(w->name, "destroy") == 0 && strchr(argv[0], '/') != NULL) {
        fprintf(stderr, "cannot open '%s': invalid character '/' in pool name\n", argv[0]);
        fprintf(stderr, "use 'zfs destroy' to destroy a dataset\n");
        return CLI_FAILED;
    }
    if (w->no_pool) {
        fprintf(stderr, "cannot %s '%s': not supported yet\n", w->action, argv[0]);
        return CLI_FAILED;
    }
    return zpool_not_yet(cli, w->action, argv[0]);
}

bool zpool_write_command(struct cli *cli, int argc, char **argv, int *status)
{
    for (size_t i = 0; i < array_len(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) == 0) {
            *status = run(cli, &commands[i], argc, argv);
            return true;
        }
    }
    return false;
}

int zpool_set(struct cli *cli, int argc, char **argv)
{
    if (argc > 1 && argv[1][0] == '-') {
        fprintf(stderr, "invalid option '%c'\n", argv[1][1]);
        return zpool_usage_print(stderr, "set");
    }
    if (argc < 2)
        return usage("missing property=value argument", "set");
    if (argc < 3)
        return usage("missing pool name", "set");
    if (argc > 4)
        return usage("too many pool names", "set");
    if (strchr(argv[1], '=') == NULL)
        return usage("missing value in property=value argument", "set");
    if (!zpool_exists(cli, argv[2]))
        return cli->z == NULL ? CLI_FAILED : zpool_cannot(cli, "open", argv[2], ZE_NOPOOL);
    fprintf(stderr, "cannot set property for '%s': pool is read-only\n", argv[2]);
    return CLI_FAILED;
}

/* ---- nothing to do for pools that cannot be written ---- */

static int each_exists(struct cli *cli, int n, char **names)
{
    int status = CLI_OK;

    for (int i = 0; i < n; i++) {
        if (!zpool_exists(cli, names[i]))
            status = cli->z == NULL ? CLI_FAILED : zpool_cannot(cli, "open", names[i], ZE_NOPOOL);
    }
    return status;
}

int zpool_sync(struct cli *cli, int argc, char **argv)
{
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "f", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "sync");
    }
    return each_exists(cli, argc - optind, argv + optind);
}

/* Without a pool: all of them, so nothing to say if there is none. */
int zpool_reopen(struct cli *cli, int argc, char **argv)
{
    struct cli_items pools;
    int c, status = CLI_OK;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "n", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "reopen");
    }
    if (zpool_fetch(cli, argc - optind, argv + optind, &pools) != CLI_OK)
        status = CLI_FAILED;
    for (size_t i = 0; i < pools.n; i++)
        status = zpool_not_yet(cli, "reopen", nvlist_string(pools.item[i], "name", "?"));
    cli_items_free(&pools);
    return status;
}

static bool activities_ok(char *text)
{
    static const char *const known[] = {"discard",  "free",  "initialize", "replace",     "remove",
                                        "resilver", "scrub", "trim",       "raidz_expand"};
    char *field[32];
    size_t n = cli_split(text, field, array_len(field));

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < array_len(known) && strcmp(known[k], field[i]) != 0)
            k++;
        if (k == array_len(known)) {
            fprintf(stderr, "invalid activity '%s'\n", field[i]);
            return false;
        }
    }
    return true;
}

/* Activities stand still in pools that are not written to, so none is waited for. */
int zpool_wait(struct cli *cli, int argc, char **argv)
{
    struct zpool_interval every;
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "HpT:t:", NULL)) != -1) {
        if (c == '?' || (c == 't' && !activities_ok(optarg)) ||
            (c == 'T' && !zpool_date_check(optarg)))
            return zpool_usage_print(stderr, "wait");
    }
    argc -= optind;
    argv += optind;
    if (!zpool_interval_take(&every, &argc, argv))
        return zpool_usage_print(stderr, "wait");
    if (argc < 1)
        return usage("missing 'pool' argument", "wait");
    if (argc > 1)
        return usage("too many arguments", "wait");
    return each_exists(cli, 1, argv);
}
