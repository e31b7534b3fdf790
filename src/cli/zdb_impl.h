/* SPDX-License-Identifier: MIT */
/*
 * Inside of the zdb command: the engine runs in this process, read-only, and prints what it finds
 * in the real zdb's format. One file a topic; zdb_main.c has the options.
 */
#ifndef ZUSE_CLI_ZDB_IMPL_H
#define ZUSE_CLI_ZDB_IMPL_H

#include "cli/cli.h"
#include "inspect/verify.h"
#include "pool/pool.h"
#include "vdev/backend.h"
#include "zio/arc.h"

struct zdb {
    struct env env;
    struct arc *arc;
    struct pool *pool;
    struct nvlist *import_config;
    unsigned opt[128]; /* how often each option was given */
    bool all;          /* no option that asks for something: show everything */
    int status;        /* exit status */
};

/* A number for people, or plain with -P. buf >= 32. */
const char *zdb_num(const struct zdb *z, uint64_t n, char *buf);
/* "Sat Nov 21 04:42:24 2026" */
const char *zdb_time(uint64_t seconds, char *buf, size_t len);

int zdb_labels(struct zdb *z, const char *device);
void zdb_uberblock(const struct uberblock *ub, const char *title);
int zdb_blocks(struct zdb *z); /* -b, -c */
int zdb_dedup(struct zdb *z);  /* -D */
int zdb_brt(struct zdb *z);    /* -T */
int zdb_metaslabs(struct zdb *z);
int zdb_metaslab_groups(struct zdb *z);
int zdb_history(struct zdb *z);
int zdb_read_block(struct zdb *z, const char *spec); /* -R */

/* Datasets and objects; name: of one dataset, or NULL for the whole pool. */
int zdb_datasets(struct zdb *z);
int zdb_dataset(struct zdb *z, const char *name, char **ranges, int nranges);
int zdb_object_by_path(struct zdb *z, const char *dataset, const char *path);

#endif
