/* SPDX-License-Identifier: MIT */
/*
 * One program under several names: zuse (with the others as subcommands: `zuse zpool list`), zpool,
 * zfs, zdb, zused, and the mount helper that `mount -t fuse.zuse` runs.
 */
#include <libgen.h>
#include <signal.h>
#include <string.h>

#include "cli/cli.h"

static const struct {
    const char *name;
    int (*main)(struct cli *cli, int argc, char **argv);
} programs[] = {
    {"zpool", zpool_main},
    {"zfs", zfs_main},
    {"zdb", zdb_main},
    {"mount.fuse.zuse", mount_helper_main},
    {"mount.zuse", mount_helper_main},
    {"zuse", zuse_main},
};

static int run_program(const char *name, int argc, char **argv, int *status)
{
    struct cli cli = {.program = name};

    for (size_t i = 0; i < array_len(programs); i++) {
        if (strcmp(programs[i].name, name) != 0)
            continue;
        cli.program = programs[i].name;
        *status = programs[i].main(&cli, argc, argv);
        zuse_close(cli.z);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    char self[256];
    const char *name;
    int status;

    signal(SIGPIPE, SIG_DFL);
    snprintf(self, sizeof(self), "%s", argc > 0 ? argv[0] : "zuse");
    name = basename(self);
    if (strcmp(name, "zused") == 0)
        return zused_main(argc, argv);
    if (argc > 1 && strcmp(name, "zuse") == 0) {
        if (strcmp(argv[1], "zused") == 0)
            return zused_main(argc - 1, argv + 1);
        if (strcmp(argv[1], "zuse") != 0 && run_program(argv[1], argc - 1, argv + 1, &status))
            return status;
    }
    if (!run_program(name, argc, argv, &status))
        (void)run_program("zuse", argc, argv, &status);
    return status;
}
