/* SPDX-License-Identifier: MIT */
/* Per-thread library contexts. See thread_cache.h. */
#include "codec/thread_cache.h"

#include <pthread.h>
#include <stddef.h>

#include "base/mem.h"

struct cache {
    struct {
        void *context;
        void (*destroy)(void *);
    } slot[CODEC_SLOT_COUNT];
};

/* The key only triggers the destructor at thread exit; look-ups go through the thread-local. */
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;
static pthread_key_t cache_key;
static int cache_key_error;
static _Thread_local struct cache *cache_mine;

static void cache_free(void *p)
{
    struct cache *c = p;
    for (unsigned i = 0; i < CODEC_SLOT_COUNT; i++)
        if (c->slot[i].context != NULL)
            c->slot[i].destroy(c->slot[i].context);
    free(c);
    cache_mine = NULL;
}

static void cache_key_make(void)
{
    cache_key_error = pthread_key_create(&cache_key, cache_free);
}

static struct cache *cache_get(void)
{
    if (cache_mine != NULL)
        return cache_mine;
    pthread_once(&cache_once, cache_key_make);
    if (cache_key_error != 0)
        return NULL;
    struct cache *c = mem_zalloc(sizeof(*c));
    if (c == NULL)
        return NULL;
    if (pthread_setspecific(cache_key, c) != 0) {
        free(c);
        return NULL;
    }
    cache_mine = c;
    return c;
}

void *codec_thread_cache(enum codec_slot slot, void *(*create)(void), void (*destroy)(void *))
{
    struct cache *c = cache_get();
    if (c == NULL)
        return NULL;
    if (c->slot[slot].context == NULL) {
        c->slot[slot].context = create();
        c->slot[slot].destroy = destroy;
    }
    return c->slot[slot].context;
}

void codec_thread_cache_forget(enum codec_slot slot)
{
    struct cache *c = cache_mine;
    if (c == NULL || c->slot[slot].context == NULL)
        return;
    c->slot[slot].destroy(c->slot[slot].context);
    c->slot[slot].context = NULL;
}

void codec_thread_cache_drop(void)
{
    struct cache *c = cache_mine;
    if (c == NULL)
        return;
    pthread_setspecific(cache_key, NULL);
    cache_free(c);
}
