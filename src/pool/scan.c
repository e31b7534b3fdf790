/* SPDX-License-Identifier: MIT */
/* Looking for devices with pool labels; see scan.h. */
#include "pool/scan.h"

#include <dirent.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/device.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/vdev_label.h"

#define SCAN_MAX_DEVICES 65536
#define SCAN_THREADS     16

/* Best names first: those that survive a reboot. */
static const char *const search_path[] = {
    "/dev/disk/by-vdev",     "/dev/mapper",        "/dev/disk/by-partlabel",
    "/dev/disk/by-partuuid", "/dev/disk/by-label", "/dev/disk/by-uuid",
    "/dev/disk/by-id",       "/dev/disk/by-path",  "/dev"};

struct candidate {
    char *path;
    dev_t dev; /* identity: device number, or device and inode of a file */
    ino_t ino;
    bool known, is_block;
    size_t same; /* index of the first candidate with this identity, itself if first */
    struct nvlist *config;
    unsigned num_labels;
};

struct scan_job {
    struct env *env;
    struct candidate *c;
    size_t n, room;
    atomic_size_t next;
};

static int candidate_add(struct scan_job *job, const char *path, const struct stat *st)
{
    if (job->n >= SCAN_MAX_DEVICES)
        return 0;
    if (job->n == job->room) {
        size_t room = job->room == 0 ? 64 : job->room * 2;
        struct candidate *more = realloc(job->c, room * sizeof(*more));
        if (more == NULL)
            return ZE_NOMEM;
        job->c = more;
        job->room = room;
    }
    struct candidate *c = &job->c[job->n];
    *c = (struct candidate){.path = mem_strdup(path), .same = job->n};
    if (c->path == NULL)
        return ZE_NOMEM;
    if (st != NULL) {
        c->known = true;
        c->is_block = S_ISBLK(st->st_mode);
        c->dev = c->is_block ? st->st_rdev : st->st_dev;
        c->ino = c->is_block ? 0 : st->st_ino;
    }
    job->n++;
    return 0;
}

static int scan_directory(struct scan_job *job, const char *dir, bool files)
{
    DIR *d = opendir(dir);
    if (d == NULL)
        return 0;
    int err = 0;
    for (struct dirent *e; err == 0 && (e = readdir(d)) != NULL;) {
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
            continue;
        if (!S_ISBLK(st.st_mode) && !(files && S_ISREG(st.st_mode)))
            continue;
        AUTO_FREE char *path = mem_printf("%s/%s", dir, e->d_name);
        err = path == NULL ? ZE_NOMEM : candidate_add(job, path, &st);
    }
    closedir(d);
    return err;
}

/* A path the file system does not know may still be one of the device provider (simulated, nbd:).
 */
static int scan_path(struct scan_job *job, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return candidate_add(job, path, NULL);
    return S_ISDIR(st.st_mode) ? scan_directory(job, path, true) : candidate_add(job, path, &st);
}

static int scan_search_path(struct scan_job *job)
{
    const char *given = getenv("ZPOOL_IMPORT_PATH");
    int err = 0;
    if (given == NULL) {
        for (size_t i = 0; err == 0 && i < array_len(search_path); i++)
            err = scan_directory(job, search_path[i], false);
        return err;
    }
    AUTO_FREE char *copy = mem_strdup(given);
    if (copy == NULL)
        return ZE_NOMEM;
    char *save = NULL;
    for (char *p = strtok_r(copy, ":", &save); err == 0 && p != NULL;
         p = strtok_r(NULL, ":", &save))
        err = scan_directory(job, p, false);
    return err;
}

static int candidate_order(const void *a, const void *b, void *arg)
{
    const struct candidate *c = arg;
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    if (c[i].dev != c[j].dev)
        return c[i].dev < c[j].dev ? -1 : 1;
    if (c[i].ino != c[j].ino)
        return c[i].ino < c[j].ino ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Find names of the same device, so that each is read once. */
static int find_aliases(struct scan_job *job)
{
    AUTO_FREE size_t *order = mem_calloc(job->n, sizeof(*order));
    if (order == NULL)
        return job->n == 0 ? 0 : ZE_NOMEM;
    for (size_t i = 0; i < job->n; i++)
        order[i] = i;
    qsort_r(order, job->n, sizeof(*order), candidate_order, job->c);
    for (size_t i = 1; i < job->n; i++) {
        const struct candidate *prev = &job->c[order[i - 1]];
        struct candidate *c = &job->c[order[i]];
        if (c->known && prev->known && c->dev == prev->dev && c->ino == prev->ino &&
            c->is_block == prev->is_block)
            c->same = prev->same;
    }
    return 0;
}

static void candidate_read(struct env *env, struct candidate *c)
{
    struct device *dev;
    /* Exclusive on block devices: members of multipath, md or a mounted file system are not for us.
     */
    unsigned flags = c->is_block ? DEVICE_OPEN_EXCL : DEVICE_OPEN_READ;
    if (env->devices->open(env, c->path, flags, &dev) != 0)
        return;
    if (label_scan_config(dev, &c->config, &c->num_labels) != 0)
        c->config = NULL;
    device_close(dev);
}

static void scan_worker(void *arg)
{
    struct scan_job *job = arg;
    for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->n;) {
        if (job->c[i].same == i)
            candidate_read(job->env, &job->c[i]);
    }
}

static void scan_read_all(struct scan_job *job, unsigned limit)
{
    struct thread *threads[SCAN_THREADS];
    unsigned n = 0;
    if (limit == 0 || limit > SCAN_THREADS)
        limit = SCAN_THREADS;
    while (n + 1 < limit && n + 1 < job->n &&
           thread_start("zuse-scan", scan_worker, job, &threads[n]) == 0)
        n++;
    scan_worker(job);
    for (unsigned i = 0; i < n; i++)
        thread_join(threads[i]);
}

static int scan_collect(struct scan_job *job, struct pool_scan *scan)
{
    scan->dev = mem_calloc(job->n == 0 ? 1 : job->n, sizeof(*scan->dev));
    if (scan->dev == NULL)
        return ZE_NOMEM;
    scan->tried = job->n;
    for (size_t i = 0; i < job->n; i++) {
        const struct candidate *first = &job->c[job->c[i].same];
        if (first->config == NULL)
            continue;
        struct scan_device *d = &scan->dev[scan->n];
        int err = nvlist_dup(first->config, &d->config);
        if (err != 0)
            return err;
        d->path = job->c[i].path;
        job->c[i].path = NULL;
        d->num_labels = first->num_labels;
        d->order = (unsigned)i;
        scan->n++;
    }
    return 0;
}

int pool_scan_devices(struct env *env, const struct pool_scan_args *args, struct pool_scan **out)
{
    struct scan_job job = {.env = env};
    struct pool_scan *scan = mem_zalloc(sizeof(*scan));
    int err = scan == NULL ? ZE_NOMEM : 0;
    if (env->devices == NULL)
        err = err_raise(ZE_BUG, "no device provider");
    for (size_t i = 0; err == 0 && i < args->npaths; i++)
        err = scan_path(&job, args->paths[i]);
    if (err == 0 && args->paths == NULL)
        err = scan_search_path(&job);
    if (err == 0)
        err = find_aliases(&job);
    if (err == 0) {
        scan_read_all(&job, args->threads);
        err = scan_collect(&job, scan);
    }
    for (size_t i = 0; i < job.n; i++) {
        free(job.c[i].path);
        nvlist_free(job.c[i].config);
    }
    free(job.c);
    if (err != 0) {
        pool_scan_free(scan);
        return err;
    }
    *out = scan;
    return 0;
}

void pool_scan_free(struct pool_scan *scan)
{
    if (scan == NULL)
        return;
    for (size_t i = 0; i < scan->n; i++) {
        free(scan->dev[i].path);
        nvlist_free(scan->dev[i].config);
    }
    free(scan->dev);
    free(scan);
}
