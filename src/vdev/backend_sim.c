/* SPDX-License-Identifier: MIT */
/*
 * Simulated disks (vdev/backend_sim.h). A medium is a table of reference-counted pages, copied on
 * write, so that the state at the start of a recording and every world after a crash share what
 * they have in common. Page NULL reads as zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/worker.h"
#include "vdev/backend_sim.h"

#define PAGE_SIZE_SIM 16384u

struct page {
    atomic_uint refs;
    uint8_t data[PAGE_SIZE_SIM];
};
struct medium {
    uint64_t npages;
    struct page **page;
};

struct sim_disk {
    struct sim_world *world;
    struct sim_disk *next;
    unsigned id; /* position in the world */
    char *path;
    uint64_t size;
    uint32_t sector;
    struct medium now;
    struct medium base;     /* at the start of the recording */
    struct medium cursor;   /* everything durable at event cursor_at, for sim_world_crash */
    uint64_t cursor_covers; /* first event not in cursor */
    bool missing, held;
    unsigned opens;
};

struct event {
    struct sim_disk *disk;
    enum device_op op;
    uint64_t offset, size;
    uint64_t covers; /* flush: events before this one are durable */
    uint8_t *data;   /* write */
};

struct sim_device { /* one open */
    struct device dev;
    struct sim_disk *disk;
    bool excl;
    uint64_t inflight;
};

struct sim_world {
    struct mutex lock;
    struct cond changed;
    struct sim_disk *disks, **disks_tail;
    unsigned ndisks;
    uint64_t rng, requests;
    sim_hook hook;
    void *hook_arg;
    uint64_t fail_nth, cut_nth;
    int fail_err;

    struct device_io *ready, **ready_tail; /* submitted, not carried out */
    uint64_t nready;
    bool delivering, async, stop;
    struct thread *thread;

    bool recording;
    struct event *event;
    uint64_t nevents, events_max, cursor_at;
};

static uint64_t sim_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* --- media ---------------------------------------------------------------------------------- */

static int medium_init(struct medium *m, uint64_t size)
{
    m->npages = div_round_up(size, PAGE_SIZE_SIM);
    m->page = mem_calloc(m->npages, sizeof(struct page *));
    return m->page != NULL ? 0 : err_raise(ZE_NOMEM, "simulated disk");
}

static void page_put(struct page *p)
{
    if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

static void medium_fini(struct medium *m)
{
    for (uint64_t i = 0; m->page != NULL && i < m->npages; i++)
        page_put(m->page[i]);
    free(m->page);
    *m = (struct medium){0};
}

/* dst, which may hold another state, becomes a copy that shares all pages. */
static int medium_share(struct medium *dst, const struct medium *src)
{
    struct medium copy = {.npages = src->npages};

    copy.page = mem_calloc(src->npages, sizeof(struct page *));
    if (copy.page == NULL)
        return err_raise(ZE_NOMEM, "simulated disk");
    for (uint64_t i = 0; i < src->npages; i++) {
        copy.page[i] = src->page[i];
        if (copy.page[i] != NULL)
            atomic_fetch_add(&copy.page[i]->refs, 1);
    }
    medium_fini(dst);
    *dst = copy;
    return 0;
}

static void medium_read(const struct medium *m, uint64_t offset, uint8_t *buf, uint64_t size)
{
    while (size > 0) {
        uint64_t in = offset % PAGE_SIZE_SIM, n = min_of(size, PAGE_SIZE_SIM - in);
        const struct page *p = m->page[offset / PAGE_SIZE_SIM];
        if (p != NULL)
            memcpy(buf, p->data + in, n);
        else
            memset(buf, 0, n);
        buf += n;
        offset += n;
        size -= n;
    }
}

static int page_own(struct page **at)
{
    if (*at != NULL && atomic_load(&(*at)->refs) == 1)
        return 0;
    struct page *p = malloc(sizeof(*p));
    if (p == NULL)
        return err_raise(ZE_NOMEM, "simulated disk");
    atomic_init(&p->refs, 1);
    if (*at != NULL)
        memcpy(p->data, (*at)->data, PAGE_SIZE_SIM);
    else
        memset(p->data, 0, PAGE_SIZE_SIM);
    page_put(*at);
    *at = p;
    return 0;
}

/* buf NULL: zeros. */
static int medium_write(struct medium *m, uint64_t offset, const uint8_t *buf, uint64_t size)
{
    while (size > 0) {
        uint64_t in = offset % PAGE_SIZE_SIM, n = min_of(size, PAGE_SIZE_SIM - in);
        struct page **at = &m->page[offset / PAGE_SIZE_SIM];
        if (buf == NULL && n == PAGE_SIZE_SIM) {
            page_put(*at);
            *at = NULL;
        } else if (buf != NULL || *at != NULL) {
            int err = page_own(at);
            if (err != 0)
                return err;
            if (buf != NULL)
                memcpy((*at)->data + in, buf, n);
            else
                memset((*at)->data + in, 0, n);
        }
        buf = buf != NULL ? buf + n : NULL;
        offset += n;
        size -= n;
    }
    return 0;
}

/* --- disks ---------------------------------------------------------------------------------- */

static bool disk_range_ok(const struct sim_disk *d, uint64_t offset, uint64_t size)
{
    return offset <= d->size && size <= d->size - offset;
}

int sim_disk_add(struct sim_world *w, const char *path, uint64_t size, uint32_t sector,
                 struct sim_disk **out)
{
    if (!is_pow2(sector) || sector < 512 || sector > PAGE_SIZE_SIM || size % sector != 0)
        return err_raise(ZE_INVAL, "simulated disk %s: size or sector", path);
    if (sim_disk_find(w, path) != NULL)
        return err_raise(ZE_EXISTS, "simulated disk %s", path);
    struct sim_disk *d = mem_zalloc(sizeof(*d));
    if (d == NULL)
        return err_raise(ZE_NOMEM, "simulated disk %s", path);
    d->world = w;
    d->size = size;
    d->sector = sector;
    d->path = mem_strdup(path);
    int err = d->path == NULL ? err_raise(ZE_NOMEM, "simulated disk") : medium_init(&d->now, size);
    if (err != 0) {
        free(d->path);
        free(d);
        return err;
    }
    MUTEX_GUARD(&w->lock);
    d->id = w->ndisks++;
    *w->disks_tail = d;
    w->disks_tail = &d->next;
    if (out != NULL)
        *out = d;
    return 0;
}

struct sim_disk *sim_disk_find(struct sim_world *w, const char *path)
{
    MUTEX_GUARD(&w->lock);
    for (struct sim_disk *d = w->disks; d != NULL; d = d->next)
        if (strcmp(d->path, path) == 0)
            return d;
    return NULL;
}

int sim_disk_peek(struct sim_disk *d, uint64_t offset, void *buf, uint64_t size)
{
    if (!disk_range_ok(d, offset, size))
        return err_raise(ZE_RANGE, "%s: peek", d->path);
    MUTEX_GUARD(&d->world->lock);
    medium_read(&d->now, offset, buf, size);
    return 0;
}

int sim_disk_poke(struct sim_disk *d, uint64_t offset, const void *buf, uint64_t size)
{
    if (!disk_range_ok(d, offset, size))
        return err_raise(ZE_RANGE, "%s: poke", d->path);
    MUTEX_GUARD(&d->world->lock);
    return medium_write(&d->now, offset, buf, size);
}

/* Changes every byte. */
static void flip(uint8_t *p, uint64_t size, uint64_t *rng)
{
    for (uint64_t i = 0; i < size; i++)
        p[i] ^= (uint8_t)(1 + sim_random(rng) % 255);
}

int sim_disk_damage(struct sim_disk *d, uint64_t offset, uint64_t size)
{
    uint8_t part[512];

    if (!disk_range_ok(d, offset, size))
        return err_raise(ZE_RANGE, "%s: damage", d->path);
    MUTEX_GUARD(&d->world->lock);
    for (uint64_t n; size > 0; offset += n, size -= n) {
        n = min_of(size, (uint64_t)sizeof(part));
        medium_read(&d->now, offset, part, n);
        flip(part, n, &d->world->rng);
        int err = medium_write(&d->now, offset, part, n);
        if (err != 0)
            return err;
    }
    return 0;
}

int sim_disk_load(struct sim_disk *d, const char *file)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_from_errno(errno, "%s", file);
    int err = 0;
    uint64_t at = 0;
    uint8_t *buf = iobuf_alloc(PAGE_SIZE_SIM);
    while (err == 0 && at < d->size) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA); /* pools in files are mostly holes */
        if (data < 0)
            break;
        at = round_down_pow2((uint64_t)data, PAGE_SIZE_SIM);
        if (at >= d->size)
            break;
        ssize_t n = pread(fd, buf, min_of((uint64_t)PAGE_SIZE_SIM, d->size - at), (off_t)at);
        if (n <= 0)
            break;
        err = sim_disk_poke(d, at, buf, (uint64_t)n);
        at += PAGE_SIZE_SIM;
    }
    iobuf_free(buf, PAGE_SIZE_SIM);
    close(fd);
    return err;
}

int sim_disk_save(struct sim_disk *d, const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return err_from_errno(errno, "%s", file);
    int err = ftruncate(fd, (off_t)d->size) != 0 ? err_from_errno(errno, "%s", file) : 0;
    MUTEX_GUARD(&d->world->lock);
    for (uint64_t i = 0; err == 0 && i < d->now.npages; i++) {
        uint64_t at = i * PAGE_SIZE_SIM, n = min_of((uint64_t)PAGE_SIZE_SIM, d->size - at);
        if (d->now.page[i] != NULL && pwrite(fd, d->now.page[i]->data, n, (off_t)at) != (ssize_t)n)
            err = err_from_errno(errno, "%s", file);
    }
    close(fd);
    return err;
}

void sim_disk_set_missing(struct sim_disk *d, bool missing)
{
    MUTEX_GUARD(&d->world->lock);
    d->missing = missing;
}

/* --- recording ------------------------------------------------------------------------------ */

static void events_clear(struct sim_world *w)
{
    for (uint64_t i = 0; i < w->nevents; i++)
        free(w->event[i].data);
    w->nevents = 0;
}

int sim_world_record(struct sim_world *w)
{
    MUTEX_GUARD(&w->lock);
    events_clear(w);
    w->recording = false;
    w->cursor_at = 0;
    for (struct sim_disk *d = w->disks; d != NULL; d = d->next) {
        int err = medium_share(&d->base, &d->now);
        if (err != 0)
            return err;
        medium_fini(&d->cursor);
        d->cursor_covers = 0;
    }
    w->recording = true;
    return 0;
}

uint64_t sim_world_events(struct sim_world *w)
{
    MUTEX_GUARD(&w->lock);
    return w->nevents;
}

void sim_world_event_name(struct sim_world *w, uint64_t event, char *buf, size_t len)
{
    static const char *const op[] = {"read", "write", "flush", "trim"};

    MUTEX_GUARD(&w->lock);
    if (event >= w->nevents) {
        snprintf(buf, len, "end");
        return;
    }
    const struct event *e = &w->event[event];
    snprintf(buf, len, "%s %s %llu+%llu", op[e->op], e->disk->path, (unsigned long long)e->offset,
             (unsigned long long)e->size);
}

/* A slot for one more event, NULL without memory. Lock held. */
static struct event *event_slot(struct sim_world *w)
{
    if (w->nevents == w->events_max) {
        uint64_t want = w->events_max != 0 ? w->events_max * 2 : 1024;
        struct event *more = realloc(w->event, want * sizeof(*more));
        if (more == NULL)
            return NULL;
        w->event = more;
        w->events_max = want;
    }
    return &w->event[w->nevents];
}

static int record(struct sim_world *w, struct sim_disk *d, const struct device_io *io,
                  const uint8_t *data)
{
    if (!w->recording || d->base.page == NULL) /* a disk added later has no base */
        return 0;
    struct event *e = event_slot(w);
    if (e == NULL)
        return err_raise(ZE_NOMEM, "recording of simulated disks");
    *e = (struct event){.disk = d, .op = io->op, .offset = io->offset, .size = io->size};
    e->covers = io->priv.moved;
    if (io->op == DEVICE_WRITE) {
        e->data = malloc(io->size);
        if (e->data == NULL)
            return err_raise(ZE_NOMEM, "recording of simulated disks");
        memcpy(e->data, data, io->size);
    }
    w->nevents++;
    return 0;
}

/* --- power cuts ----------------------------------------------------------------------------- */

static int event_apply(struct medium *m, const struct event *e)
{
    return medium_write(m, e->offset, e->data, e->size);
}

/* Only some sectors: a first part, or any of them. */
static int event_apply_torn(struct medium *m, const struct event *e, uint64_t *rng)
{
    uint64_t sector = e->disk->sector, n = e->size / sector;
    uint64_t prefix = sim_random(rng) % (n + 1);
    bool scattered = sim_random(rng) % 2 != 0;
    int err = 0;

    for (uint64_t i = 0; i < n && err == 0; i++)
        if (scattered ? sim_random(rng) % 2 != 0 : i < prefix)
            err = medium_write(m, e->offset + i * sector,
                               e->data != NULL ? e->data + i * sector : NULL, sector);
    return err;
}

/* Bring the disks' cursors to what is durable after `upto` events. Lock held. */
static int cursor_move(struct sim_world *w, uint64_t upto)
{
    bool restart = upto < w->cursor_at;

    w->cursor_at = upto;
    for (struct sim_disk *d = w->disks; d != NULL; d = d->next) {
        uint64_t covers = 0;
        int err = 0;
        if (d->base.page == NULL)
            continue;
        if (restart || d->cursor.page == NULL) {
            err = medium_share(&d->cursor, &d->base);
            d->cursor_covers = 0;
        }
        for (uint64_t i = 0; i < upto; i++)
            if (w->event[i].disk == d && w->event[i].op == DEVICE_FLUSH)
                covers = max_of(covers, w->event[i].covers);
        for (uint64_t i = d->cursor_covers; i < covers && err == 0; i++)
            if (w->event[i].disk == d && w->event[i].op != DEVICE_FLUSH)
                err = event_apply(&d->cursor, &w->event[i]);
        if (err != 0)
            return err;
        d->cursor_covers = max_of(d->cursor_covers, covers);
    }
    return 0;
}

/* Play the unflushed writes of one disk onto m as the crash wants them. */
static int play_unflushed(struct sim_world *w, const struct sim_disk *d, struct medium *m,
                          const struct sim_crash *how, uint64_t *rng)
{
    if (how->unflushed == SIM_DROP || how->events <= d->cursor_covers)
        return 0;
    AUTO_FREE uint64_t *order = mem_calloc(how->events - d->cursor_covers, sizeof(*order));
    uint64_t n = 0;
    int err = 0;

    if (order == NULL)
        return err_raise(ZE_NOMEM, "crash");
    for (uint64_t i = d->cursor_covers; i < how->events; i++) {
        const struct event *e = &w->event[i];
        if (e->disk != d || e->op == DEVICE_FLUSH)
            continue;
        if (how->unflushed == SIM_KEEP || sim_random(rng) % 2 != 0)
            order[n++] = i;
    }
    for (uint64_t i = n; how->reorder && i > 1; i--) {
        uint64_t k = sim_random(rng) % i, t = order[k];
        order[k] = order[i - 1];
        order[i - 1] = t;
    }
    for (uint64_t i = 0; i < n && err == 0; i++) {
        const struct event *e = &w->event[order[i]];
        bool tear = how->torn && sim_random(rng) % 4 == 0;
        err = tear ? event_apply_torn(m, e, rng) : event_apply(m, e);
    }
    return err;
}

int sim_world_crash(struct sim_world *w, const struct sim_crash *crash, struct sim_world **out)
{
    struct sim_world *after;
    uint64_t rng = crash->seed ^ (crash->events * 0x9e3779b97f4a7c15u);
    int err = sim_world_create(crash->seed, &after);

    if (err != 0)
        return err;
    mutex_lock(&w->lock);
    if (!w->recording || crash->events > w->nevents)
        err = err_raise(ZE_INVAL, "crash after event %llu: not recorded",
                        (unsigned long long)crash->events);
    else
        err = cursor_move(w, crash->events);
    mutex_unlock(&w->lock);
    for (struct sim_disk *d = w->disks; d != NULL && err == 0; d = d->next) {
        struct sim_disk *copy;
        if (d->base.page == NULL)
            continue;
        err = sim_disk_add(after, d->path, d->size, d->sector, &copy);
        if (err != 0)
            break;
        MUTEX_GUARD(&w->lock);
        err = medium_share(&copy->now, &d->cursor);
        if (err == 0)
            err = play_unflushed(w, d, &copy->now, crash, &rng);
    }
    if (err != 0) {
        sim_world_destroy(after);
        return err;
    }
    *out = after;
    return 0;
}

/* --- requests ------------------------------------------------------------------------------- */

static struct sim_device *sim_of(struct device *dev)
{
    return container_of(dev, struct sim_device, dev);
}

static void scatter(const struct device_io *io, const uint8_t *flat)
{
    for (unsigned i = 0; i < io->iovcnt; i++) {
        memcpy(io->iov[i].iov_base, flat, io->iov[i].iov_len);
        flat += io->iov[i].iov_len;
    }
}

static void gather(const struct device_io *io, uint8_t *flat)
{
    for (unsigned i = 0; i < io->iovcnt; i++) {
        memcpy(flat, io->iov[i].iov_base, io->iov[i].iov_len);
        flat += io->iov[i].iov_len;
    }
}

static int request_check(const struct sim_device *sd, const struct device_io *io)
{
    uint64_t sum = 0;

    if (io->op == DEVICE_FLUSH)
        return 0;
    if (sd->dev.read_only && io->op != DEVICE_READ)
        return err_raise(ZE_ROFS, "%s: opened read-only", sd->dev.path);
    if (!disk_range_ok(sd->disk, io->offset, io->size))
        return err_raise(ZE_IO, "%s: request of %llu bytes at %llu is beyond the end", sd->dev.path,
                         (unsigned long long)io->size, (unsigned long long)io->offset);
    /* A real disk cannot do less than a sector: catch it here, where it is cheap to find. */
    if (io->op != DEVICE_READ && ((io->offset | io->size) & (sd->disk->sector - 1)) != 0)
        return err_raise(ZE_INVAL, "%s: write of %llu bytes at %llu is not in whole sectors",
                         sd->dev.path, (unsigned long long)io->size,
                         (unsigned long long)io->offset);
    for (unsigned i = 0; i < io->iovcnt; i++)
        sum += io->iov[i].iov_len;
    if (io->op != DEVICE_TRIM && sum != io->size)
        return err_raise(ZE_BUG, "%s: buffers of another size", sd->dev.path);
    return 0;
}

/* Lock held. */
static int request_perform(struct sim_world *w, struct sim_disk *d, struct device_io *io,
                           const struct sim_verdict *v)
{
    if (io->op == DEVICE_FLUSH)
        return v->lose ? 0 : record(w, d, io, NULL);
    AUTO_FREE uint8_t *flat = io->op != DEVICE_TRIM ? malloc(io->size != 0 ? io->size : 1) : NULL;
    if (flat == NULL && io->op != DEVICE_TRIM)
        return err_raise(ZE_NOMEM, "%s", d->path);
    if (io->op == DEVICE_READ) {
        medium_read(&d->now, io->offset, flat, io->size);
        if (v->corrupt)
            flip(flat, io->size, &w->rng);
        scatter(io, flat);
        return 0;
    }
    if (v->lose)
        return 0;
    if (flat != NULL)
        gather(io, flat);
    if (v->corrupt && flat != NULL)
        flip(flat, io->size, &w->rng);
    int err = medium_write(&d->now, io->offset, flat, io->size);
    return err != 0 ? err : record(w, d, io, flat);
}

static int request_run(struct sim_world *w, struct device_io *io)
{
    struct sim_device *sd = sim_of(io->priv.dev);
    struct sim_disk *d = sd->disk;
    struct sim_verdict v = {0};

    int err = request_check(sd, io);
    if (err != 0)
        return err;
    mutex_lock(&w->lock);
    struct sim_request req = {d, io->op, io->offset, io->size, w->requests++};
    sim_hook hook = w->hook;
    void *arg = w->hook_arg;
    mutex_unlock(&w->lock);
    if (hook != NULL)
        hook(arg, &req, &v);
    if (v.latency_ns != 0)
        sd->dev.env->clock->sleep_ns(sd->dev.env, v.latency_ns);
    MUTEX_GUARD(&w->lock);
    if (d->missing || req.nth >= w->cut_nth)
        return err_raise(ZE_NXIO, "%s: the simulated disk is gone", d->path);
    if (req.nth == w->fail_nth)
        v.err = w->fail_err;
    if (v.err != 0)
        return err_raise(v.err, "%s: simulated failure of request %llu", d->path,
                         (unsigned long long)req.nth);
    return request_perform(w, d, io, &v);
}

/* Take the next request: the oldest, or any one. Lock held, list not empty. */
static struct device_io *ready_take(struct sim_world *w)
{
    struct device_io **at = &w->ready;

    for (uint64_t skip = w->async ? sim_random(&w->rng) % w->nready : 0; skip > 0; skip--)
        at = &(*at)->next;
    struct device_io *io = *at;
    *at = io->next;
    if (*at == NULL)
        w->ready_tail = at;
    w->nready--;
    io->next = NULL;
    return io;
}

/* Carry out what is ready. Lock held, dropped around each request. */
static void deliver(struct sim_world *w)
{
    w->delivering = true;
    while (w->ready != NULL) {
        struct device_io *io = ready_take(w);
        struct sim_device *sd = sim_of(io->priv.dev);
        mutex_unlock(&w->lock);
        int err = request_run(w, io);
        io->done(io, err);
        mutex_lock(&w->lock);
        if (--sd->inflight == 0)
            cond_broadcast(&w->changed);
    }
    w->delivering = false;
}

static void async_main(void *arg)
{
    struct sim_world *w = arg;

    mutex_lock(&w->lock);
    while (!w->stop) {
        if (w->ready != NULL)
            deliver(w);
        else
            cond_wait(&w->changed, &w->lock);
    }
    mutex_unlock(&w->lock);
}

static void sim_submit(struct device *dev, struct device_io *batch)
{
    struct sim_device *sd = sim_of(dev);
    struct sim_world *w = sd->disk->world;

    MUTEX_GUARD(&w->lock);
    for (struct device_io *io = batch, *next; io != NULL; io = next) {
        next = io->next;
        io->next = NULL;
        io->priv.dev = dev;
        io->priv.moved = w->nevents; /* a flush covers what was complete by now */
        *w->ready_tail = io;
        w->ready_tail = &io->next;
        w->nready++;
        sd->inflight++;
    }
    /* A done() that submits more finds us delivering and returns: no recursion. */
    if (w->async)
        cond_broadcast(&w->changed);
    else if (!w->delivering)
        deliver(w);
}

static int sim_refresh(struct device *dev)
{
    dev->size = sim_of(dev)->disk->size;
    return 0;
}

static void sim_close(struct device *dev)
{
    struct sim_device *sd = sim_of(dev);
    struct sim_world *w = sd->disk->world;

    mutex_lock(&w->lock);
    while (sd->inflight > 0)
        cond_wait(&w->changed, &w->lock);
    sd->disk->opens--;
    if (sd->excl)
        sd->disk->held = false;
    mutex_unlock(&w->lock);
    free(sd->dev.path);
    free(sd);
}

static const struct device_ops sim_ops = {sim_submit, sim_refresh, sim_close};

static int sim_claim(struct sim_disk *d, bool excl)
{
    MUTEX_GUARD(&d->world->lock);
    if (d->missing)
        return err_raise(ZE_NXIO, "%s: the simulated disk is gone", d->path);
    if (excl && d->held)
        return err_raise(ZE_DEVINUSE, "%s: in use", d->path);
    d->held |= excl;
    d->opens++;
    return 0;
}

static int sim_open(struct env *env, const char *path, unsigned flags, struct device **out)
{
    struct sim_world *w = env->device_state;
    struct sim_disk *d = sim_disk_find(w, path);
    bool excl = (flags & DEVICE_OPEN_EXCL) != 0;

    if (d == NULL)
        return err_raise(ZE_NOENT, "%s: no such simulated disk", path);
    struct sim_device *sd = mem_zalloc(sizeof(*sd));
    char *copy = mem_strdup(path);
    int err = sd == NULL || copy == NULL ? err_raise(ZE_NOMEM, "%s", path) : sim_claim(d, excl);
    if (err != 0) {
        free(copy);
        free(sd);
        return err;
    }
    sd->disk = d;
    sd->excl = excl;
    sd->dev = (struct device){
        .ops = &sim_ops,
        .env = env,
        .path = copy,
        .size = d->size,
        .logical_sector = d->sector,
        .physical_sector = d->sector,
        .can_trim = true,
        .read_only = (flags & DEVICE_OPEN_WRITE) == 0,
    };
    *out = &sd->dev;
    return 0;
}

static const struct env_device_ops sim_devices = {.open = sim_open};

int backend_install_sim(struct env *env, struct sim_world *w)
{
    env->devices = &sim_devices;
    env->device_state = w;
    return 0;
}

/* --- worlds --------------------------------------------------------------------------------- */

int sim_world_create(uint64_t seed, struct sim_world **out)
{
    struct sim_world *w = mem_zalloc(sizeof(*w));

    if (w == NULL)
        return err_raise(ZE_NOMEM, "simulated disks");
    mutex_init(&w->lock, RANK_DEVICE);
    cond_init(&w->changed);
    w->rng = seed;
    w->disks_tail = &w->disks;
    w->ready_tail = &w->ready;
    w->fail_nth = w->cut_nth = UINT64_MAX;
    *out = w;
    return 0;
}

void sim_world_destroy(struct sim_world *w)
{
    if (w == NULL)
        return;
    sim_world_set_async(w, false);
    for (struct sim_disk *d = w->disks, *next; d != NULL; d = next) {
        next = d->next;
        medium_fini(&d->now);
        medium_fini(&d->base);
        medium_fini(&d->cursor);
        free(d->path);
        free(d);
    }
    events_clear(w);
    free(w->event);
    cond_destroy(&w->changed);
    mutex_destroy(&w->lock);
    free(w);
}

void sim_world_set_hook(struct sim_world *w, sim_hook hook, void *arg)
{
    MUTEX_GUARD(&w->lock);
    w->hook = hook;
    w->hook_arg = arg;
}

uint64_t sim_world_requests(struct sim_world *w)
{
    MUTEX_GUARD(&w->lock);
    return w->requests;
}

void sim_world_fail_at(struct sim_world *w, uint64_t nth, int err)
{
    MUTEX_GUARD(&w->lock);
    w->fail_nth = nth;
    w->fail_err = err;
}

void sim_world_cut_at(struct sim_world *w, uint64_t nth)
{
    MUTEX_GUARD(&w->lock);
    w->cut_nth = nth;
}

void sim_world_set_async(struct sim_world *w, bool async)
{
    struct thread *join = NULL;

    mutex_lock(&w->lock);
    if (async && w->thread == NULL) {
        w->stop = false;
        w->async = thread_start("sim-disks", async_main, w, &w->thread) == 0;
    } else if (!async && w->thread != NULL) {
        w->stop = true;
        w->async = false;
        join = w->thread;
        w->thread = NULL;
        cond_broadcast(&w->changed);
    }
    mutex_unlock(&w->lock);
    thread_join(join);
}
