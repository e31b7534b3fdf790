/* SPDX-License-Identifier: MIT */
/*
 * Memory: accounted allocation and aligned I/O buffers. A memacct counts bytes against an optional
 * hard limit and has a parent (a cache's account inside the service's). mem_alloc never aborts:
 * NULL means ZE_NOMEM. Thread-safe; counters are atomics.
 */
#ifndef ZUSE_BASE_MEM_H
#define ZUSE_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct memacct {
    const char *name;
    struct memacct *parent; /* may be NULL */
    _Atomic uint64_t used;  /* bytes */
    _Atomic uint64_t peak;  /* bytes */
    uint64_t limit;         /* bytes, 0 = none */
};

void memacct_init(struct memacct *a, const char *name, struct memacct *parent, uint64_t limit);
/* Charge/uncharge without allocating; charge returns 0 or ZE_NOMEM (nothing charged). */
int memacct_charge(struct memacct *a, uint64_t bytes);
void memacct_uncharge(struct memacct *a, uint64_t bytes);

/* Zeroed allocation; overflow-checked count*size. Free with free(). */
void *mem_zalloc(size_t size);
void *mem_calloc(size_t count, size_t size);
char *mem_strdup(const char *s);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* I/O buffer, aligned to 4096, contents undefined. Small freed buffers are recycled per size class.
 */
void *iobuf_alloc(size_t size);
void iobuf_free(void *buf, size_t size);
size_t iobuf_real_size(size_t size); /* bytes a buffer of size bytes takes and may be used to */

static inline void mem_free_ptr(void *p)
{
    free(*(void **)p);
}
#define AUTO_FREE __attribute__((cleanup(mem_free_ptr)))

#endif
