/* SPDX-License-Identifier: MIT */
/* Sessions: mounting, the threads that serve one, unmounting. */
#include "fuse/fuse_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDLE_THREADS 4
#define MAX_THREADS  16

static void free_mount(struct fuse_mount *m)
{
    if (m->close != NULL)
        m->close(m);
    free(m->point);
    free(m);
}

/* One thread of ours runs the loop, which starts and ends its workers as the load asks. */
static void serve(void *arg)
{
    struct fuse_mount *m = arg;
    struct fuse_loop_config *config = fuse_loop_cfg_create();

    if (config != NULL) {
        fuse_loop_cfg_set_clone_fd(config, 1);
        fuse_loop_cfg_set_idle_threads(config, IDLE_THREADS);
        fuse_loop_cfg_set_max_threads(config, MAX_THREADS);
        (void)fuse_session_loop_mt(m->se, config);
        fuse_loop_cfg_destroy(config);
    } else {
        (void)fuse_session_loop(m->se);
    }
    if (!m->stopping && m->gone != NULL)
        m->gone(m->gone_arg);
}

/* Commas in a value would end an option. */
static int append_escaped(char **opts, const char *key, const char *value)
{
    char *escaped AUTO_FREE = mem_zalloc(2 * strlen(value) + 1);
    size_t at = 0;
    char *longer;

    if (escaped == NULL)
        return ZE_NOMEM;
    for (; *value != '\0'; value++) {
        if (*value == ',' || *value == '\\')
            escaped[at++] = '\\';
        escaped[at++] = *value;
    }
    longer = mem_printf("%s,%s%s", *opts, key, escaped);
    if (longer == NULL)
        return ZE_NOMEM;
    free(*opts);
    *opts = longer;
    return 0;
}

static int option_text(const struct fuse_mount_options *o, bool default_permissions, char **out)
{
    char *opts =
        mem_printf("ro,subtype=zuse%s%s%s%s%s%s", default_permissions ? ",default_permissions" : "",
                   o->allow_other ? ",allow_other" : "", o->exec ? "" : ",noexec",
                   geteuid() == 0 && o->suid ? ",suid" : ",nosuid",
                   geteuid() == 0 && o->dev ? ",dev" : ",nodev", o->atime ? "" : ",noatime");
    int err = opts == NULL ? ZE_NOMEM : append_escaped(&opts, "fsname=", o->source);

    if (err == 0 && o->extra != NULL && o->extra[0] != '\0') {
        char *longer = mem_printf("%s,%s", opts, o->extra);

        err = longer == NULL ? ZE_NOMEM : 0;
        if (err == 0) {
            free(opts);
            opts = longer;
        }
    }
    if (err != 0)
        free(opts);
    else
        *out = opts;
    return err;
}

static int start_session(struct fuse_mount *m, const struct fuse_lowlevel_ops *ops, size_t ops_size,
                         const char *opts)
{
    char *argv[] = {(char *)"zuse", (char *)"-o", (char *)opts, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    int err = 0;

    m->se = fuse_session_new(&args, ops, ops_size, m);
    fuse_opt_free_args(&args);
    if (m->se == NULL)
        return err_raise(ZE_SYS, "FUSE refused the options '%s'", opts);
    errno = 0;
    if (fuse_session_mount(m->se, m->point) != 0)
        err = err_from_errno(errno != 0 ? errno : EIO, "mount on '%s'", m->point);
    if (err == 0) {
        err = thread_start("fuse", serve, m, &m->thread);
        if (err != 0)
            fuse_session_unmount(m->se);
    }
    if (err != 0) {
        fuse_session_destroy(m->se);
        m->se = NULL;
    }
    return err;
}

int fuse_mount_run(struct fuse_mount *m, const struct fuse_lowlevel_ops *ops, size_t ops_size,
                   const struct fuse_mount_options *opt, bool default_permissions)
{
    char *opts AUTO_FREE = NULL;
    int err;

    m->point = mem_strdup(opt->mountpoint);
    err = m->point == NULL ? ZE_NOMEM : option_text(opt, default_permissions, &opts);
    if (err == 0)
        err = start_session(m, ops, ops_size, opts);
    if (err != 0)
        free_mount(m);
    return err;
}

void fuse_mount_reap(struct fuse_mount *m)
{
    thread_join(m->thread);
    fuse_session_destroy(m->se);
    free_mount(m);
}

/*
 * What is still open in a detached mount would keep the session's threads waiting for requests
 * until it is closed, maybe for ever. Root ends the connection with MNT_FORCE; others through the
 * control file that the kernel gives the mount's owner.
 */
static void abort_connection(const struct fuse_mount *m)
{
    char path[64], *up AUTO_FREE = mem_printf("%s/..", m->point);
    struct stat st, above;
    int fd;

    if (up == NULL || stat(m->point, &st) != 0 || stat(up, &above) != 0 ||
        st.st_dev == above.st_dev || major(st.st_dev) != 0)
        return; /* no longer mounted */
    snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", minor(st.st_dev));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "1", 1);
        close(fd);
    }
}

/*
 * An ordinary user's way to unmount; libfuse's own would detach a busy mount as well. False: it is
 * busy.
 */
static bool user_unmount(const char *point)
{
    char *argv[] = {(char *)"fusermount3", (char *)"-u",  (char *)"-q",
                    (char *)"--",          (char *)point, NULL};
    int status;
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return true; /* not there: let libfuse try */
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return true;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The kernel ends the session when the mount goes; a busy one goes only when that is asked for. */
int fuse_mount_stop(struct fuse_mount *m, bool force)
{
    m->stopping = true;
    if (geteuid() == 0) {
        int flags = force ? MNT_FORCE | MNT_DETACH : 0;

        if (umount2(m->point, flags) != 0 && errno == EBUSY) {
            m->stopping = false;
            return err_raise(ZE_BUSY, "'%s' is busy", m->point);
        }
    } else if (force) {
        abort_connection(m);
    } else if (!user_unmount(m->point)) {
        m->stopping = false;
        return err_raise(ZE_BUSY, "'%s' is busy", m->point);
    }
    fuse_session_exit(m->se);
    fuse_session_unmount(m->se);
    fuse_mount_reap(m);
    return 0;
}

const char *fuse_mount_point(const struct fuse_mount *m)
{
    return m->point;
}
