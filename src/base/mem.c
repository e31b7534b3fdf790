/* SPDX-License-Identifier: MIT */
/*
 * Memory (base/mem.h). The recycling lists of I/O buffers are process-wide, as malloc's own are;
 * each size class has its own lock, the bytes kept are bounded by IOBUF_KEEP. Sanitizer builds do
 * not recycle, so that a use after free is seen.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

void memacct_init(struct memacct *a, const char *name, struct memacct *parent, uint64_t limit)
{
    a->name = name;
    a->parent = parent;
    atomic_init(&a->used, 0);
    atomic_init(&a->peak, 0);
    a->limit = limit;
}

static int charge_one(struct memacct *a, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&a->used, memory_order_relaxed);
    uint64_t want;

    do {
        if (__builtin_add_overflow(used, bytes, &want) || (a->limit != 0 && want > a->limit))
            return ZE_NOMEM;
    } while (!atomic_compare_exchange_weak(&a->used, &used, want));
    uint64_t peak = atomic_load_explicit(&a->peak, memory_order_relaxed);
    while (peak < want && !atomic_compare_exchange_weak(&a->peak, &peak, want))
        ;
    return 0;
}

int memacct_charge(struct memacct *a, uint64_t bytes)
{
    for (struct memacct *at = a; at != NULL; at = at->parent) {
        if (charge_one(at, bytes) == 0)
            continue;
        for (struct memacct *undo = a; undo != at; undo = undo->parent)
            atomic_fetch_sub(&undo->used, bytes);
        return err_raise(ZE_NOMEM, "memory account \"%s\": limit of %llu bytes reached", at->name,
                         (unsigned long long)at->limit);
    }
    return 0;
}

void memacct_uncharge(struct memacct *a, uint64_t bytes)
{
    for (; a != NULL; a = a->parent)
        atomic_fetch_sub(&a->used, bytes);
}

void *mem_zalloc(size_t size)
{
    return calloc(1, size != 0 ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return mem_zalloc(total);
}

char *mem_strdup(const char *s)
{
    return s != NULL ? strdup(s) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return n < 0 ? NULL : out;
}

#define IOBUF_ALIGN    4096u
#define IOBUF_FINE     (128u << 10) /* up to here one class per 4 KiB */
#define IOBUF_MAX      (4u << 20) /* up to here four classes a doubling; larger: mapped, not kept */
#define IOBUF_KEEP     (16u << 20)
#define IOBUF_FINE_N   (IOBUF_FINE / IOBUF_ALIGN)
#define IOBUF_COARSE_N 20u /* five doublings: 128 KiB .. 4 MiB */
#define IOBUF_CLASSES  (IOBUF_FINE_N + IOBUF_COARSE_N)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IOBUF_RECYCLE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IOBUF_RECYCLE 0
#endif
#endif
#ifndef IOBUF_RECYCLE
#define IOBUF_RECYCLE 1
#endif

struct iobuf_class {
    pthread_mutex_t lock;
    void *free; /* linked through the first word of each buffer */
} __attribute__((aligned(64)));

static struct iobuf_class iobuf_classes[IOBUF_CLASSES] = {
    [0 ... IOBUF_CLASSES - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};
static _Atomic size_t iobuf_kept; /* bytes on all lists */

/* Class of a size and the bytes it really takes; -1: too large to be kept. */
static int iobuf_class_of(size_t size, size_t *real)
{
    *real = round_up_pow2(size != 0 ? size : 1, IOBUF_ALIGN);
    if (*real <= IOBUF_FINE)
        return (int)(*real / IOBUF_ALIGN) - 1;
    if (*real > IOBUF_MAX)
        return -1;
    unsigned top = highbit64(*real - 1) - 1; /* 2^top < real <= 2^(top+1) */
    size_t step = (size_t)1 << (top - 2);
    *real = round_up_pow2(*real, step);
    unsigned quarter = (unsigned)((*real >> (top - 2)) - 5); /* 5..8 quarters of 2^top */
    return (int)(IOBUF_FINE_N + (top - 17) * 4 + quarter);
}

size_t iobuf_real_size(size_t size)
{
    size_t real;

    iobuf_class_of(size, &real);
    return real;
}

void *iobuf_alloc(size_t size)
{
    size_t real;

    if (size > SIZE_MAX / 2)
        return NULL;
    int class = iobuf_class_of(size, &real);
    if (IOBUF_RECYCLE && class >= 0) {
        struct iobuf_class *c = &iobuf_classes[class];
        pthread_mutex_lock(&c->lock);
        void *buf = c->free;
        if (buf != NULL)
            c->free = *(void **)buf;
        pthread_mutex_unlock(&c->lock);
        if (buf != NULL) {
            atomic_fetch_sub_explicit(&iobuf_kept, real, memory_order_relaxed);
            return buf;
        }
    }
    void *buf = NULL;
    if (IOBUF_RECYCLE && class < 0) {
        buf = mmap(NULL, real, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return buf != MAP_FAILED ? buf : NULL;
    }
    if (posix_memalign(&buf, IOBUF_ALIGN, real) != 0)
        return NULL;
    return buf;
}

void iobuf_free(void *buf, size_t size)
{
    size_t real;

    if (buf == NULL)
        return;
    int class = iobuf_class_of(size, &real);
    if (IOBUF_RECYCLE && class < 0) {
        munmap(buf, real);
        return;
    }
    if (!IOBUF_RECYCLE ||
        atomic_fetch_add_explicit(&iobuf_kept, real, memory_order_relaxed) + real > IOBUF_KEEP) {
        if (IOBUF_RECYCLE)
            atomic_fetch_sub_explicit(&iobuf_kept, real, memory_order_relaxed);
        free(buf);
        return;
    }
    struct iobuf_class *c = &iobuf_classes[class];
    pthread_mutex_lock(&c->lock);
    *(void **)buf = c->free;
    c->free = buf;
    pthread_mutex_unlock(&c->lock);
}
