/* SPDX-License-Identifier: MIT */
/* Built without libfuse: every mount answers so. */
#include "base/err.h"
#include "fuse/fuse_mount.h"

int fuse_mount_fs(struct zpl *z, const struct fuse_mount_options *opt, void (*gone)(void *arg),
                  void *arg, struct fuse_mount **out)
{
    zpl_unmount(z);
    return err_raise(ZE_NOTSUP, "this build has no FUSE support");
}

int fuse_mount_volumes(struct dsl_pool *dp, const struct fuse_mount_options *opt,
                       void (*gone)(void *arg), void *arg, struct fuse_mount **out)
{
    return err_raise(ZE_NOTSUP, "this build has no FUSE support");
}

int fuse_mount_graft(struct fuse_mount *m, const char *path, struct zpl *z)
{
    return err_raise(ZE_NOTSUP, "this build has no FUSE support");
}

void fuse_mount_ungraft(struct fuse_mount *m, struct zpl *z) {}

int fuse_mount_stop(struct fuse_mount *m, bool force)
{
    return 0;
}

void fuse_mount_reap(struct fuse_mount *m) {}

const char *fuse_mount_point(const struct fuse_mount *m)
{
    return "";
}
