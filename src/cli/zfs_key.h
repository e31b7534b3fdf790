/* SPDX-License-Identifier: MIT */
/* Loading and unloading of encryption keys. Callers: zfs_mount.c, zpool import -l. */
#ifndef ZUSE_CLI_ZFS_KEY_H
#define ZUSE_CLI_ZFS_KEY_H

#include "cli/cli.h"

/* The key of an encryption root, from its keylocation. 0, or 1 after a message. */
int zfs_key_load_for(struct cli *cli, const char *root);
int zfs_key_unload_for(struct cli *cli, const char *root);
/* Every loaded key that is not in use; those in use are reported. Exit status. */
int zfs_key_unload_all(struct cli *cli);
/* Every unloaded key of a pool (NULL: of all). Exit status. */
int zfs_key_load_pool(struct cli *cli, const char *pool);

#endif
