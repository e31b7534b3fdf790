/* SPDX-License-Identifier: MIT */
/*
 * Worker pool for CPU-heavy stages, plus plain named threads. Work items are intrusive and owned by
 * the submitter until run() is called; run() may free them. Items of the pool must not block on
 * other items of the same pool.
 */
#ifndef ZUSE_BASE_WORKER_H
#define ZUSE_BASE_WORKER_H

#include <pthread.h>
#include <stddef.h>

#include "base/env.h"

struct work {
    void (*run)(struct work *work);
    struct work *next;
};

int workers_create(unsigned nthreads, struct workers **out); /* 0 = one a core */
void workers_destroy(struct workers *w);                     /* runs what is queued, then joins */
void workers_submit(struct workers *w, struct work *work);
unsigned workers_count(const struct workers *w);
/* True on a thread of the pool: run small stages inline instead of queueing. */
_Bool workers_is_member(const struct workers *w);

/* One-shot completion: done_init, hand out, done_wait; done_signal wakes all. */
struct done {
    pthread_mutex_t m;
    pthread_cond_t c;
    int set;
    int result;
};
void done_init(struct done *d);
void done_signal(struct done *d, int result);
int done_wait(struct done *d); /* returns result; destroys d */

struct thread;
int thread_start(const char *name, void (*fn)(void *arg), void *arg, struct thread **out);
void thread_join(struct thread *t);

#endif
