/* SPDX-License-Identifier: MIT */
/*
 * A real pool in simulated disks that can be damaged, read whole, and put back. For the corruption
 * campaign (corrupt.c) and the pool fuzzer (../fuzz/fuzz_pool.c).
 *
 * hostile_read() imports the pool read-only and reads all of it: data sets, properties, files,
 * attributes, ACLs, volumes, space maps, history; each thing read is told as (what, digest), so
 * that a caller can compare with the undamaged pool. hostile_edit() changes decoded metadata and
 * writes new copies of the block and of all blocks above it up to the uberblock, so that every
 * checksum is right: only pools whose top-level vdevs are disks, files and mirrors.
 *
 * Single-threaded. Ownership: one struct hostile_pool a process or run.
 */
#ifndef ZUSE_TESTS_HOSTILE_POOL_H
#define ZUSE_TESTS_HOSTILE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/env.h"
#include "disk/blkptr.h"
#include "vdev/backend_sim.h"

#define HOSTILE_DISKS 12

struct hostile_block { /* a metadata block of the undamaged pool; parents come before children */
    struct blkptr bp;
    int parent;          /* -1: the uberblock */
    uint32_t parent_off; /* where in the parent's data the pointer is */
    uint32_t size;
    uint8_t *data;
    uint8_t *edited; /* NULL: as it was */
};

struct hostile_pool {
    struct env env;
    struct sim_world *world;
    struct sim_disk *disk[HOSTILE_DISKS];
    uint64_t disk_size[HOSTILE_DISKS];
    unsigned ndisks;
    const char *key; /* raw key for data sets that take it, 32 bytes; may be NULL */

    /* Where disks have content, in units of 4 KiB: (disk << 40 | unit). */
    uint64_t *used;
    size_t nused;
    struct undo *undo;
    size_t nundo, undo_room;

    struct hostile_block *block;
    size_t nblocks, blocks_room;
    bool editable;
    bool redundant;                   /* one top-level vdev that stands the loss of any disk */
    uint64_t top_disk[HOSTILE_DISKS]; /* bit set of the disks of each top-level vdev */
    uint64_t ub_txg;
    unsigned ashift;
    uint64_t free_at, free_end; /* never written space of top-level vdev 0, as DVA offsets */
};

/* Loads the images d0, d1, ... of a directory and finds the metadata. 0 or a ZE_ code. */
int hostile_open(struct hostile_pool *hp, const char *directory, uint64_t seed);
void hostile_close(struct hostile_pool *hp);
/* Undo all damage. */
void hostile_restore(struct hostile_pool *hp);

/* Damage that checksums notice. */
int hostile_poke(struct hostile_pool *hp, unsigned disk, uint64_t offset, const void *buf,
                 size_t len);
int hostile_peek(struct hostile_pool *hp, unsigned disk, uint64_t offset, void *buf, size_t len);
/* Damage that checksums do not notice: change bytes of blocks, then write them all out. */
uint8_t *hostile_edit(struct hostile_pool *hp, size_t block);
int hostile_commit(struct hostile_pool *hp);

struct arc;
struct pool;
int hostile_import(struct hostile_pool *hp, struct arc *arc, struct pool **out);

struct hostile_report {
    /* ok: digest is of what was read. Otherwise err says why not. */
    void (*note)(void *arg, const char *what, const char *name, int err, uint64_t digest);
    void *arg;
    uint64_t bytes_max; /* of file data to read */
    unsigned entries_max;

    int import_err;
    uint64_t txg; /* of the uberblock used */
    uint64_t bytes, entries, objects, errors;
};
void hostile_read(struct hostile_pool *hp, struct hostile_report *r);

#endif
