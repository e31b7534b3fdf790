/* SPDX-License-Identifier: MIT */
/* What mount(8) runs for `mount -t fuse.zuse DATASET DIR` and lines of fstab: `mount.fuse.zuse
 * DATASET DIR -o OPTIONS`. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { MOUNT_EX_USAGE = 1, MOUNT_EX_FAIL = 32 }; /* exit codes of mount(8) */

static int request(const char *dataset, const char *dir, const char *options, struct nvlist **out)
{
    int err = nvlist_create(out);

    err = err != 0 ? err : nvlist_add_string(*out, "dataset", dataset);
    err = err != 0 ? err : nvlist_add_string(*out, "mountpoint", dir);
    err = err != 0 ? err : nvlist_add_bool(*out, "legacy", true);
    if (err == 0 && options != NULL)
        err = nvlist_add_string(*out, "options", options);
    return err;
}

int mount_helper_main(struct cli *cli, int argc, char **argv)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *dataset = argc > 1 ? argv[1] : "", *options = NULL;
    char *dir AUTO_FREE = NULL;
    bool fake = false;
    int c;

    if (argc < 3 || dataset[0] == '-' || argv[2][0] == '-') {
        fprintf(stderr, "usage: mount.fuse.zuse DATASET DIRECTORY [-sfnv] [-o OPTIONS]\n");
        return MOUNT_EX_USAGE;
    }
    cli_getopt_reset();
    while ((c = cli_getopt(argc - 2, argv + 2, "sfnvo:t:", NULL)) != -1) {
        if (c == '?')
            return MOUNT_EX_USAGE;
        fake |= c == 'f';
        if (c == 'o')
            options = optarg;
    }
    dir = realpath(argv[2], NULL);
    if (dir == NULL) {
        fprintf(stderr,
                "filesystem '%s' cannot be mounted at '%s' due to canonicalization error: %m\n",
                dataset, argv[2]);
        return MOUNT_EX_FAIL;
    }
    if (fake)
        return 0;
    if (request(dataset, dir, options, &args) != 0)
        return MOUNT_EX_FAIL;
    if (cli_call(cli, "mount", args, NULL, NULL) == 0)
        return 0;
    fprintf(stderr, "filesystem '%s' cannot be mounted at '%s': %s\n", dataset, dir,
            cli->z != NULL ? zuse_error_text(cli->z) : "no service");
    return MOUNT_EX_FAIL;
}
