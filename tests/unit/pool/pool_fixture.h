/* SPDX-License-Identifier: MIT */
/*
 * For tests of pool/: a whole fixture pool unpacked into a temporary directory, scanned and
 * assembled. fixture_pool() answers false with the reason printed when the fixtures or tools are
 * missing.
 */
#ifndef ZUSE_TESTS_UNIT_POOL_FIXTURE_H
#define ZUSE_TESTS_UNIT_POOL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "pool/assemble.h"
#include "pool/pool.h"
#include "pool/scan.h"
#include "vdev/backend.h"

struct fixture {
    struct env env;
    char tmp[256], dir[512];
    struct pool_scan *scan;
    struct pool_candidates *found;
};

static inline void fixture_rescan(struct fixture *f)
{
    const char *paths[] = {f->dir};
    struct pool_scan_args args = {.paths = paths, .npaths = 1};
    pool_candidates_free(f->found);
    pool_scan_free(f->scan);
    f->found = NULL;
    f->scan = NULL;
    if (pool_scan_devices(&f->env, &args, &f->scan) != 0 || pool_assemble(f->scan, &f->found) != 0)
        abort();
}

static inline bool fixture_pool(struct fixture *f, const char *name)
{
    const char *root = getenv("ZUSE_FIXTURES"), *tmp = getenv("TMPDIR");
    char archive[1024], command[4096];
    memset(f, 0, sizeof(*f));
    if (root == NULL || *root == '\0')
        root = "../shared/fixtures";
    snprintf(archive, sizeof(archive), "%s/%s.tar.zst", root, name);
    if (access(archive, R_OK) != 0) {
        printf("skipped: fixture %s is not here (set ZUSE_FIXTURES)\n", name);
        return false;
    }
    snprintf(f->tmp, sizeof(f->tmp), "%s/zuse-pool-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(f->tmp) == NULL)
        return false;
    snprintf(command, sizeof(command), "zstd -q -d --long=27 -c '%s' | tar -xS -C '%s'", archive,
             f->tmp);
    snprintf(f->dir, sizeof(f->dir), "%s/%s", f->tmp, name);
    if (system(command) != 0) {
        printf("skipped: cannot unpack %s (zstd and tar are needed)\n", name);
        return false;
    }
    if (env_init_system(&f->env, 2) != 0 || backend_install_system(&f->env) != 0)
        abort();
    fixture_rescan(f);
    return true;
}

/* Images of OpenZFS's own test-suite: upstream/GROUP/NAME.dat.bz2, NAMEs separated by blanks. */
static inline bool fixture_upstream(struct fixture *f, const char *group, const char *names)
{
    const char *root = getenv("ZUSE_FIXTURES"), *tmp = getenv("TMPDIR");
    char command[8192];
    memset(f, 0, sizeof(*f));
    if (root == NULL || *root == '\0')
        root = "../shared/fixtures";
    snprintf(f->tmp, sizeof(f->tmp), "%s/zuse-pool-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(f->tmp) == NULL)
        return false;
    snprintf(f->dir, sizeof(f->dir), "%s", f->tmp);
    snprintf(command, sizeof(command),
             "for n in %s; do bzip2 -dc '%s/upstream/%s/'$n.dat.bz2 > '%s/'$n || exit 1; done",
             names, root, group, f->dir);
    if (system(command) != 0) {
        printf("skipped: %s: upstream images and bzip2 are needed\n", names);
        snprintf(command, sizeof(command), "rm -rf '%s'", f->tmp);
        return system(command) != 0 && false;
    }
    if (env_init_system(&f->env, 2) != 0 || backend_install_system(&f->env) != 0)
        abort();
    fixture_rescan(f);
    return true;
}

static inline void fixture_end(struct fixture *f)
{
    char command[512];
    if (f->found == NULL)
        return;
    pool_candidates_free(f->found);
    pool_scan_free(f->scan);
    env_fini(&f->env);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->tmp);
    if (system(command) != 0)
        printf("cannot remove %s\n", f->tmp);
}

static inline int fixture_import(struct fixture *f, unsigned flags, struct pool **out)
{
    struct pool_import_args args = {.flags = POOL_IMPORT_READONLY | flags};
    if (f->found->n != 1)
        return ZE_NOPOOL;
    return pool_import(&f->env, f->found->config[0], &args, NULL, NULL, out);
}

/* Overwrite bytes of an image. */
static inline void fixture_poke(struct fixture *f, const char *image, uint64_t offset, int byte,
                                size_t n)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", f->dir, image);
    FILE *fp = fopen(path, "r+b");
    if (fp == NULL || fseek(fp, (long)offset, SEEK_SET) != 0)
        abort();
    for (size_t i = 0; i < n; i++)
        fputc(byte, fp);
    fclose(fp);
}

#endif
