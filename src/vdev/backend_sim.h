/* SPDX-License-Identifier: MIT */
/*
 * Simulated disks in memory, for tests of the engine above: every request can be failed, delayed,
 * lost or damaged; every write and flush can be recorded, and any power cut within the recording
 * played back (unflushed writes dropped, kept, reordered or torn).
 *
 * A world is a set of disks with one order of events. It outlives the environments it is installed
 * in. Requests are carried out in the order they come, by the submitting thread (deterministic), or
 * by a thread of the world in random order (sim_world_set_async).
 *
 *     sim_world_create(seed, &w); sim_disk_add(w, "/disk/a", 64 << 20, 512, &a);
 *     env_init_simulated(&env, seed, 1); backend_install_sim(&env, w);
 *     ... make a pool ...; sim_world_record(w); ... work ...;
 *     for (k = 0; k <= sim_world_events(w); k++)
 *         { sim_world_crash(w, &(struct sim_crash){.events = k, ...}, &after); ... import from
 * after ... }
 *
 * Locks: one per world (RANK_DEVICE); done() and hooks run without it.
 */
#ifndef ZUSE_VDEV_BACKEND_SIM_H
#define ZUSE_VDEV_BACKEND_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/device.h"
#include "base/env.h"

struct sim_world;
struct sim_disk;

int sim_world_create(uint64_t seed, struct sim_world **out);
void sim_world_destroy(struct sim_world *w); /* no device of it may be open */
/* Make the world's disks what env opens. */
int backend_install_sim(struct env *env, struct sim_world *w);

/* A zeroed disk; sector is both the logical and the physical sector and what tears never split. */
int sim_disk_add(struct sim_world *w, const char *path, uint64_t size, uint32_t sector,
                 struct sim_disk **out);
struct sim_disk *sim_disk_find(struct sim_world *w, const char *path); /* NULL if none */
/* Content from or to a real file; not recorded, not subject to faults. */
int sim_disk_load(struct sim_disk *d, const char *file);
int sim_disk_save(struct sim_disk *d, const char *file);
int sim_disk_peek(struct sim_disk *d, uint64_t offset, void *buf, uint64_t size);
int sim_disk_poke(struct sim_disk *d, uint64_t offset, const void *buf, uint64_t size);
/* Flip bits in [offset, offset+size): silent damage. */
int sim_disk_damage(struct sim_disk *d, uint64_t offset, uint64_t size);
/* Pulled out: open and I/O answer ZE_NXIO. */
void sim_disk_set_missing(struct sim_disk *d, bool missing);

struct sim_request {
    struct sim_disk *disk;
    enum device_op op;
    uint64_t offset, size;
    uint64_t nth; /* of the world, from 0 */
};
struct sim_verdict { /* all zero: carry it out */
    int err;         /* ZE_ code; nothing is transferred */
    uint64_t latency_ns;
    bool lose;    /* a write or flush is acknowledged but not done */
    bool corrupt; /* a read returns, or a write stores, damaged bytes */
};
typedef void (*sim_hook)(void *arg, const struct sim_request *req, struct sim_verdict *verdict);
void sim_world_set_hook(struct sim_world *w, sim_hook hook, void *arg);

uint64_t sim_world_requests(struct sim_world *w); /* so far: the nth of the next one */
/* The request with that number fails with err; one such point at a time, for loops over all. */
void sim_world_fail_at(struct sim_world *w, uint64_t nth, int err);
/* From that request on nothing works any more (ZE_NXIO); UINT64_MAX: never. */
void sim_world_cut_at(struct sim_world *w, uint64_t nth);
void sim_world_set_async(struct sim_world *w, bool async); /* while nothing is in flight */

/* Start recording from the state of now; a second call starts over. */
int sim_world_record(struct sim_world *w);
uint64_t sim_world_events(struct sim_world *w); /* recorded writes, trims and flushes */
/* What the event is, for messages ("write /disk/a 4096+512"). */
void sim_world_event_name(struct sim_world *w, uint64_t event, char *buf, size_t len);

enum sim_unflushed {
    SIM_KEEP,   /* all writes before the cut are on disk */
    SIM_DROP,   /* only what a finished flush covers */
    SIM_RANDOM, /* each unflushed write may or may not be */
};
struct sim_crash {
    uint64_t events; /* the cut comes after this many */
    enum sim_unflushed unflushed;
    bool reorder; /* unflushed writes reach the medium in any order */
    bool torn;    /* an unflushed write may be there only in part, in whole sectors */
    uint64_t seed;
};
/* A new world with the same disks as they would be after the power cut. Fastest with rising cuts.
 */
int sim_world_crash(struct sim_world *w, const struct sim_crash *crash, struct sim_world **out);

#endif
