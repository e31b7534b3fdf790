/* SPDX-License-Identifier: MIT */
/*
 * Verify: reads every block of a pool in all its copies (mirror sides, parity, gang members) and
 * compares what is referenced with what the space maps call allocated. The pool stays as it is.
 *
 * Callers: service/ (operation verify), zdb. Ownership: the report is the caller's. Locks: none;
 * callbacks run on the calling thread, reads of many blocks are under way meanwhile. Errors:
 * ZE_NOMEM, ZE_CANCELED; damage is no error but in the report.
 */
#ifndef ZUSE_INSPECT_VERIFY_H
#define ZUSE_INSPECT_VERIFY_H

#include "inspect/claims.h"
#include "inspect/pool_walk.h"

enum verify_flags {
    VERIFY_READ_META = 1 << 0, /* read metadata: indirect blocks, dnodes, everything of the MOS */
    VERIFY_READ_DATA = 1 << 1, /* and file data */
    VERIFY_SPACE = 1 << 2,     /* compare with the space maps */
    VERIFY_NO_CHECKPOINT = 1 << 3,
};
#define VERIFY_ALL (VERIFY_READ_META | VERIFY_READ_DATA | VERIFY_SPACE)

struct verify_report {
    uint64_t blocks, bytes; /* looked at; bytes: allocated */
    uint64_t read_blocks, copies, bad_copies;
    uint64_t lost;    /* blocks of which no copy is right */
    uint64_t damaged; /* files and other objects with lost blocks */
    uint64_t unkeyed; /* MACs not checked: no key */
    uint64_t checkpoint_blocks;
    unsigned missing; /* leaf devices that cannot be read */
    bool partial;     /* not everything could be visited */
    struct claims_totals space;
};

struct verify_args {
    struct pool *pool;
    unsigned flags;
    unsigned max_reads; /* 0: a sensible number */
    /* One line about damage; text without newline. */
    int (*tell)(void *arg, const char *text);
    /* done of total bytes; nonzero cancels. */
    int (*progress)(void *arg, uint64_t done, uint64_t total);
    /* Every block, with whose it is (may be NULL). */
    void (*block)(void *arg, const struct pool_walk_visit *v, enum claim_result claim);
    void *arg;
};

int verify_run(const struct verify_args *args, struct verify_report *report);
/* Is nothing wrong? */
bool verify_is_clean(const struct verify_report *r);
/* "dataset:/path" of what a block belongs to. */
void verify_place(struct pool *pool, const struct bookmark *zb, char *buf, size_t len);
/* A few lines about a report; buf is NUL-terminated. */
void verify_summary(const struct verify_report *r, const struct pool *pool, char *buf, size_t len);

#endif
