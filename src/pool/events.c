/* SPDX-License-Identifier: MIT */
/* The ring of recent events; see events.h. */
#include "pool/events.h"

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "pool/pool.h"

struct event {
    uint64_t eid;
    struct nvlist *nv;
};

struct pool_events {
    struct env *env;
    struct mutex lock;
    struct cond added;
    struct event ring[POOL_EVENTS_MAX]; /* eid % size */
    uint64_t first, next;               /* eids: [first, next) are in the ring */
};

int pool_events_create(struct env *env, struct pool_events **out)
{
    struct pool_events *ev = mem_zalloc(sizeof(*ev));
    if (ev == NULL)
        return ZE_NOMEM;
    ev->env = env;
    ev->first = ev->next = 1;
    mutex_init(&ev->lock, RANK_EVENTS);
    cond_init(&ev->added);
    *out = ev;
    return 0;
}

void pool_events_destroy(struct pool_events *ev)
{
    if (ev == NULL)
        return;
    pool_events_clear(ev);
    cond_destroy(&ev->added);
    mutex_destroy(&ev->lock);
    free(ev);
}

static struct event *event_slot(struct pool_events *ev, uint64_t eid)
{
    return &ev->ring[eid % POOL_EVENTS_MAX];
}

void pool_events_post(struct pool_events *ev, const char *class_name, struct nvlist *payload)
{
    if (ev == NULL || payload == NULL) {
        nvlist_free(payload);
        return;
    }
    uint64_t wall = env_wall_ns(ev->env);
    uint64_t time[2] = {wall / 1000000000u, wall % 1000000000u};
    struct nvlist *old = NULL;
    mutex_lock(&ev->lock);
    uint64_t eid = ev->next;
    int err = nvlist_add_string(payload, "class", class_name);
    if (err == 0)
        err = nvlist_add_u64_array(payload, "time", time, 2);
    if (err == 0)
        err = nvlist_add_u64(payload, "eid", eid);
    if (err == 0) {
        struct event *slot = event_slot(ev, eid);
        old = slot->nv;
        *slot = (struct event){eid, payload};
        payload = NULL;
        ev->next++;
        if (ev->next - ev->first > POOL_EVENTS_MAX)
            ev->first = ev->next - POOL_EVENTS_MAX;
        cond_broadcast(&ev->added);
    }
    mutex_unlock(&ev->lock);
    nvlist_free(old);
    nvlist_free(payload);
}

void pool_events_post_pool(struct pool *pool, const char *class_name)
{
    struct nvlist *nv;
    if (pool->events == NULL || nvlist_create(&nv) != 0)
        return;
    if (nvlist_add_string(nv, "pool", pool->name) == 0 &&
        nvlist_add_u64(nv, "pool_guid", pool->guid) == 0 &&
        nvlist_add_i32(nv, "pool_context", 0) == 0)
        pool_events_post(pool->events, class_name, nv);
    else
        nvlist_free(nv);
}

int pool_events_next(struct pool_events *ev, uint64_t after, struct nvlist **out, uint64_t *dropped)
{
    MUTEX_GUARD(&ev->lock);
    uint64_t eid = after + 1;
    if (dropped != NULL)
        *dropped = ev->first > eid ? ev->first - eid : 0;
    if (eid < ev->first)
        eid = ev->first;
    if (eid >= ev->next)
        return ZE_NOENT;
    return nvlist_dup(event_slot(ev, eid)->nv, out);
}

int pool_events_wait(struct pool_events *ev, uint64_t after, uint64_t timeout_ns)
{
    MUTEX_GUARD(&ev->lock);
    while (ev->next <= after + 1) {
        if (!cond_wait_ns(&ev->added, &ev->lock, timeout_ns))
            return ev->next > after + 1 ? 0 : ZE_TIMEDOUT;
    }
    return 0;
}

unsigned pool_events_clear(struct pool_events *ev)
{
    MUTEX_GUARD(&ev->lock);
    unsigned n = (unsigned)(ev->next - ev->first);
    for (uint64_t eid = ev->first; eid < ev->next; eid++) {
        nvlist_free(event_slot(ev, eid)->nv);
        event_slot(ev, eid)->nv = NULL;
    }
    ev->first = ev->next;
    return n;
}
