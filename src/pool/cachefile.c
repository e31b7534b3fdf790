/* SPDX-License-Identifier: MIT */
/* The pool cache file; see cachefile.h. */
#include "pool/cachefile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define CACHEFILE_MAX (64u << 20)

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
#define AUTO_FD __attribute__((cleanup(close_fd)))

static int read_all(int fd, uint8_t *buf, size_t len, const char *path)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, buf + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_from_errno(errno, "read %s", path);
        if (n == 0)
            return err_raise(ZE_NVLIST, "%s became shorter while it was read", path);
        done += (size_t)n;
    }
    return 0;
}

int cachefile_read(const char *path, struct nvlist **out)
{
    struct stat st;
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_from_errno(errno, "open %s", path);
    if (fstat(fd, &st) != 0)
        return err_from_errno(errno, "stat %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > CACHEFILE_MAX)
        return err_raise(ZE_NVLIST, "%s is no cache file", path);
    AUTO_FREE uint8_t *buf = malloc((size_t)st.st_size);
    if (buf == NULL)
        return ZE_NOMEM;
    int err = read_all(fd, buf, (size_t)st.st_size, path);
    if (err != 0)
        return err;
    err = nvlist_decode(span_of(buf, (size_t)st.st_size), out);
    return err != 0 ? err_context(err, "%s: ", path) : 0;
}

int cachefile_candidates(const char *path, struct pool_candidates **out)
{
    AUTO_NVLIST struct nvlist *pools = NULL;
    int err = cachefile_read(path, &pools);
    if (err != 0)
        return err;
    struct pool_candidates *c = mem_zalloc(sizeof(*c));
    size_t n = nvlist_count(pools);
    if (c == NULL || (c->config = mem_calloc(n == 0 ? 1 : n, sizeof(struct nvlist *))) == NULL) {
        free(c);
        return ZE_NOMEM;
    }
    for (const struct nvpair *p = NULL; (p = nvlist_next(pools, p)) != NULL;) {
        struct nvlist *config;
        if (nvpair_nvlist(p, &config) != 0 || nvlist_child(config, "vdev_tree") == NULL)
            continue;
        if ((err = nvlist_dup(config, &c->config[c->n])) != 0) {
            pool_candidates_free(c);
            return err;
        }
        c->n++;
    }
    *out = c;
    return 0;
}

static int write_all(int fd, const uint8_t *buf, size_t len, const char *path)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = write(fd, buf + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_from_errno(errno, "write %s", path);
        done += (size_t)n;
    }
    return fsync(fd) != 0 ? err_from_errno(errno, "fsync %s", path) : 0;
}

/* Written beside and renamed: a crash leaves the old or the new file, never half of one. */
int cachefile_write(const char *path, const struct nvlist *pools)
{
    if (nvlist_empty(pools))
        return unlink(path) != 0 && errno != ENOENT ? err_from_errno(errno, "remove %s", path) : 0;
    AUTO_FREE uint8_t *buf = NULL;
    AUTO_FREE char *temp = mem_printf("%s.tmp", path);
    size_t len;
    int err = nvlist_encode(pools, NV_ENC_NATIVE, &buf, &len);
    if (err != 0 || temp == NULL)
        return err != 0 ? err : ZE_NOMEM;
    AUTO_FD int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_from_errno(errno, "create %s", temp);
    err = write_all(fd, buf, len, temp);
    if (err == 0 && rename(temp, path) != 0)
        err = err_from_errno(errno, "rename %s", temp);
    if (err != 0)
        unlink(temp);
    return err;
}

int cachefile_update(const char *path, const char *name, const struct nvlist *config)
{
    AUTO_NVLIST struct nvlist *pools = NULL;
    int err = cachefile_read(path, &pools);
    if (err == ZE_NOENT) {
        if (config == NULL)
            return 0;
        err = nvlist_create(&pools);
    }
    if (err != 0)
        return err;
    if (config != NULL) {
        err = nvlist_add_nvlist(pools, name, config);
    } else {
        err = nvlist_remove(pools, name);
        if (err == ZE_NOENT)
            return 0;
    }
    return err != 0 ? err : cachefile_write(path, pools);
}
