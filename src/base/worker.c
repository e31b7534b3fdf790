/* SPDX-License-Identifier: MIT */
/*
 * Worker pool, one-shot completions and named threads (base/worker.h). One FIFO under one lock: the
 * items are blocks to checksum or compress, some 10 us each, so the queue is never the bottleneck.
 * Locks: the pool's own (RANK_WORKER), never held while an item runs.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/worker.h"

struct workers {
    struct mutex lock;
    struct cond wake;
    struct work *head, **tail;
    unsigned idle, nthreads;
    bool stop;
    struct thread **thread;
};

static _Thread_local const struct workers *my_pool;

static unsigned cpu_count(void)
{
    cpu_set_t set;

    /* What a container or taskset leaves us, not what the machine has. */
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

static void workers_main(void *arg)
{
    struct workers *w = arg;

    my_pool = w;
    mutex_lock(&w->lock);
    for (;;) {
        while (w->head == NULL && !w->stop) {
            w->idle++;
            cond_wait(&w->wake, &w->lock);
            w->idle--;
        }
        struct work *item = w->head;
        if (item == NULL)
            break;
        w->head = item->next;
        if (w->head == NULL)
            w->tail = &w->head;
        mutex_unlock(&w->lock);
        item->run(item);
        mutex_lock(&w->lock);
    }
    mutex_unlock(&w->lock);
}

int workers_create(unsigned nthreads, struct workers **out)
{
    struct workers *w = mem_zalloc(sizeof(*w));

    if (w == NULL)
        return err_raise(ZE_NOMEM, "worker pool");
    if (nthreads == 0)
        nthreads = cpu_count();
    mutex_init(&w->lock, RANK_WORKER);
    cond_init(&w->wake);
    w->tail = &w->head;
    w->thread = mem_calloc(nthreads, sizeof(struct thread *));
    int err = w->thread == NULL ? err_raise(ZE_NOMEM, "worker pool") : 0;
    while (err == 0 && w->nthreads < nthreads) {
        char name[16];
        snprintf(name, sizeof(name), "zuse-work%u", w->nthreads % 10000);
        err = thread_start(name, workers_main, w, &w->thread[w->nthreads]);
        if (err == 0)
            w->nthreads++;
    }
    if (err != 0) {
        workers_destroy(w);
        return err;
    }
    *out = w;
    return 0;
}

void workers_destroy(struct workers *w)
{
    if (w == NULL)
        return;
    mutex_lock(&w->lock);
    w->stop = true;
    cond_broadcast(&w->wake);
    mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->nthreads; i++)
        thread_join(w->thread[i]);
    cond_destroy(&w->wake);
    mutex_destroy(&w->lock);
    free(w->thread);
    free(w);
}

void workers_submit(struct workers *w, struct work *work)
{
    MUTEX_GUARD(&w->lock);
    work->next = NULL;
    *w->tail = work;
    w->tail = &work->next;
    if (w->idle > 0)
        cond_signal(&w->wake);
}

unsigned workers_count(const struct workers *w)
{
    return w->nthreads;
}

_Bool workers_is_member(const struct workers *w)
{
    return w != NULL && my_pool == w;
}

void done_init(struct done *d)
{
    pthread_mutex_init(&d->m, NULL);
    pthread_cond_init(&d->c, NULL);
    d->set = 0;
    d->result = 0;
}

void done_signal(struct done *d, int result)
{
    /* Broadcast under the lock: the waiter destroys d as soon as it can take it. */
    pthread_mutex_lock(&d->m);
    d->set = 1;
    d->result = result;
    pthread_cond_broadcast(&d->c);
    pthread_mutex_unlock(&d->m);
}

int done_wait(struct done *d)
{
    lock_assert_may_block("done_wait");
    pthread_mutex_lock(&d->m);
    while (!d->set)
        pthread_cond_wait(&d->c, &d->m);
    int result = d->result;
    pthread_mutex_unlock(&d->m);
    pthread_cond_destroy(&d->c);
    pthread_mutex_destroy(&d->m);
    return result;
}

struct thread {
    pthread_t id;
    void (*fn)(void *arg);
    void *arg;
    char name[16];
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;

    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->arg);
    return NULL;
}

int thread_start(const char *name, void (*fn)(void *arg), void *arg, struct thread **out)
{
    struct thread *t = mem_zalloc(sizeof(*t));

    if (t == NULL)
        return err_raise(ZE_NOMEM, "thread %s", name);
    t->fn = fn;
    t->arg = arg;
    snprintf(t->name, sizeof(t->name), "%s", name);
    *out = t; /* before the start: the thread may already want to find itself */
    int rc = pthread_create(&t->id, NULL, thread_main, t);
    if (rc != 0) {
        *out = NULL;
        free(t);
        return err_from_errno(rc, "start of thread %s", name);
    }
    return 0;
}

void thread_join(struct thread *t)
{
    if (t == NULL)
        return;
    lock_assert_may_block("thread_join");
    pthread_join(t->id, NULL);
    free(t);
}
