/* SPDX-License-Identifier: MIT */
/* The zfs command: table of commands, usage, what they share. */
#include <string.h>

#include "cli/zfs_cli.h"

static const struct {
    const char *name;
    int (*run)(struct cli *cli, int argc, char **argv);
} commands[] = {
    {"list", zfs_list},
};

static const char footer[] = "\nFor the property list, run: zfs set|get\n"
                             "\nFor the delegated permission list, run: zfs allow|unallow\n"
                             "\nFor further help on a command or topic, run: zfs help [<topic>]\n";

int zfs_usage_print(FILE *out, const char *name)
{
    if (name == NULL) {
        fprintf(out, "usage: zfs command args ...\nwhere 'command' is one of the following:\n\n");
        for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++)
            fprintf(out, "%s%s", u->text, u->gap ? "\n" : "");
        fprintf(out, "Each dataset is of the form: pool/[dataset/]*dataset[@name]\n");
    } else {
        fprintf(out, "usage:\n");
        for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++) {
            if (strcmp(u->name, name) == 0)
                fputs(u->text, out);
        }
    }
    fputs(footer, out);
    return out == stdout ? CLI_OK : CLI_USAGE;
}

bool zfs_types_parse(char *text, uint64_t *types)
{
    static const struct {
        const char *name;
        uint64_t bits;
    } rows[] = {{"filesystem", 1}, {"fs", 1},       {"snapshot", 2}, {"snap", 2},
                {"volume", 4},     {"vol", 4},      {"bookmark", 16}, {"all", 23}};
    char *field[16];
    size_t n = cli_split(text, field, array_len(field));

    *types = 0;
    for (size_t i = 0; i < n; i++) {
        size_t r = 0;

        while (r < array_len(rows) && strcmp(rows[r].name, field[i]) != 0)
            r++;
        if (r == array_len(rows)) {
            fprintf(stderr, "invalid type '%s'\n", field[i]);
            return false;
        }
        *types |= rows[r].bits;
    }
    return true;
}

const char *zfs_type_name(uint64_t type)
{
    return type == 2 ? "snapshot" : type == 4 ? "volume" : type == 16 ? "bookmark" : "filesystem";
}

int zfs_cannot(struct cli *cli, const char *action, const char *name, int err)
{
    const char *why = cli_detail(cli);

    if (err == ZE_NOSERVICE)
        return CLI_FAILED; /* said so when connecting */
    if (err == ZE_NODATASET || err == ZE_NOPOOL)
        why = "dataset does not exist";
    else if (err == ZE_PERM || err == ZE_ACCES)
        why = "permission denied";
    else if (err == ZE_WRONGTYPE)
        why = "operation not applicable to datasets of this type";
    fprintf(stderr, "cannot %s '%s': %s\n", action, name, why);
    return CLI_FAILED;
}

static bool is_known(const char *name)
{
    for (const struct usage_entry *u = zfs_usage; u->name != NULL; u++) {
        if (strcmp(u->name, name) == 0)
            return true;
    }
    return false;
}

static const char *unaliased(const char *name)
{
    static const char *const alias[][2] = {{"umount", "unmount"}, {"recv", "receive"}, {"snap", "snapshot"}};

    for (size_t i = 0; i < array_len(alias); i++) {
        if (strcmp(alias[i][0], name) == 0)
            return alias[i][1];
    }
    return name;
}

int zfs_main(struct cli *cli, int argc, char **argv)
{
    const char *name;

    if (argc < 2) {
        fprintf(stderr, "missing command\n");
        return zfs_usage_print(stderr, NULL);
    }
    name = unaliased(argv[1]);
    if (strcmp(name, "-?") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "help") == 0)
        return zfs_usage_print(stdout, argc > 2 && is_known(argv[2]) ? argv[2] : NULL);
    for (size_t i = 0; i < array_len(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run(cli, argc - 1, argv + 1);
    }
    if (is_known(name)) {
        fprintf(stderr, "zfs %s: not supported yet\n", name);
        return CLI_FAILED;
    }
    fprintf(stderr, "unrecognized command '%s'\n", argv[1]);
    return zfs_usage_print(stderr, NULL);
}
