/* SPDX-License-Identifier: MIT */
/*
 * The ring of recent events, as `zpool events` shows it: nvlists with a class
 * ("ereport.fs.zfs.checksum", "sysevent.fs.zfs.pool_import"), an id counting up, and the time. One
 * ring serves all pools of a process. Posting never blocks on I/O and may happen on any thread.
 * Locks: EVENTS.
 */
#ifndef ZUSE_POOL_EVENTS_H
#define ZUSE_POOL_EVENTS_H

#include "base/env.h"
#include "codec/nvlist.h"

#define POOL_EVENTS_MAX 512

struct pool;
struct pool_events;

int pool_events_create(struct env *env, struct pool_events **out);
void pool_events_destroy(struct pool_events *ev); /* NULL is fine */
/* Adds class, eid and time to payload, which is owned from now on. When memory is short the event
 * is counted as dropped. */
void pool_events_post(struct pool_events *ev, const char *class_name, struct nvlist *payload);
/* An event about a pool with its name, guid and state; no-op without a ring. */
void pool_events_post_pool(struct pool *pool, const char *class_name);
/* A copy of the oldest event with eid > after; ZE_NOENT. *dropped (may be NULL): events lost since
 * `after`. */
int pool_events_next(struct pool_events *ev, uint64_t after, struct nvlist **out,
                     uint64_t *dropped);
/* Wait until there is an event with eid > after; ZE_TIMEDOUT. */
int pool_events_wait(struct pool_events *ev, uint64_t after, uint64_t timeout_ns);
unsigned pool_events_clear(struct pool_events *ev); /* how many there were */

#endif
