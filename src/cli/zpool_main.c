/* SPDX-License-Identifier: MIT */
/* The zpool command: table of commands, usage, what they share. */
#include <string.h>
#include <strings.h>

#include "cli/zpool_prop.h"

static int zpool_version(struct cli *cli, int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv);
} commands[] = {
    {"list", zpool_list},       {"status", zpool_status},
    {"import", zpool_import},   {"export", zpool_export},
    {"get", zpool_get},         {"history", zpool_history},
    {"events", zpool_events},   {"labelclear", zpool_labelclear},
    {"iostat", zpool_iostat},   {"version", zpool_version},
    {"upgrade", zpool_upgrade}, {"set", zpool_set},
    {"sync", zpool_sync},       {"wait", zpool_wait},
    {"reopen", zpool_reopen},
};

static int zpool_version(struct cli *cli, int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "-j") == 0 || strcmp(argv[1], "--json") == 0)) {
        json_t *root = cli_json_begin("zpool version");

        json_object_set_new(root, "zfs_version",
                            json_pack("{s:s, s:s}", "userland", "zuse-" ZUSE_VERSION, "kernel",
                                      "zuse-" ZUSE_VERSION));
        cli_json_print(root);
        return CLI_OK;
    }
    if (argc > 1)
        return zpool_usage_print(stderr, "version");
    puts("zuse-" ZUSE_VERSION "\nzuse-engine-" ZUSE_VERSION);
    return CLI_OK;
}

static const char footer[] =
    "\nFor further help on a command or topic, run: zpool help [<topic>]\n";

int zpool_usage_print(FILE *out, const char *name)
{
    if (name == NULL) {
        fprintf(out, "usage: zpool command args ...\nwhere 'command' is one of the following:\n\n");
        for (const struct usage_entry *u = zpool_usage; u->name != NULL; u++)
            fprintf(out, "%s%s", u->text, u->gap && u[1].name != NULL ? "\n" : "");
        fputs(footer, out);
    } else {
        fprintf(out, "usage:\n");
        for (const struct usage_entry *u = zpool_usage; u->name != NULL; u++) {
            if (strcmp(u->name, name) == 0)
                fputs(u->text, out);
        }
        if (strcmp(name, "get") == 0 || strcmp(name, "set") == 0 || strcmp(name, "list") == 0)
            zpool_prop_usage(out);
    }
    return out == stdout ? CLI_OK : CLI_USAGE;
}

int zpool_cannot(struct cli *cli, const char *action, const char *name, int err)
{
    const char *why = cli_detail(cli);

    if (err == ZE_NOSERVICE && cli->z == NULL)
        return CLI_FAILED; /* said so when connecting */
    if (err == ZE_NOPOOL)
        why = strcmp(action, "import") == 0 ? "no such pool available" : "no such pool";
    else if (err == ZE_PERM || err == ZE_ACCES)
        why = "permission denied";
    fprintf(stderr, "cannot %s '%s': %s\n", action, name, why);
    if (err == ZE_POOLEXISTS)
        fprintf(stderr,
                "use the form 'zpool import <pool | id> <newpool>' to give it a new name\n");
    return CLI_FAILED;
}

static bool is_known(const char *name)
{
    for (const struct usage_entry *u = zpool_usage; u->name != NULL; u++) {
        if (strcmp(u->name, name) == 0)
            return true;
    }
    return false;
}

int zpool_main(struct cli *cli, int argc, char **argv)
{
    int status;

    if (argc < 2) {
        fprintf(stderr, "missing command\n");
        return zpool_usage_print(stderr, NULL);
    }
    if (strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "help") == 0)
        return zpool_usage_print(stdout, argc > 2 && is_known(argv[2]) ? argv[2] : NULL);
    for (size_t i = 0; i < array_len(commands); i++) {
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(cli, argc - 1, argv + 1);
    }
    if (zpool_write_command(cli, argc - 1, argv + 1, &status))
        return status;
    fprintf(stderr, "unrecognized command '%s'\n", argv[1]);
    return zpool_usage_print(stderr, NULL);
}
