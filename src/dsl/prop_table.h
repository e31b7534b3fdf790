/* SPDX-License-Identifier: MIT */
/*
 * The native dataset properties as data (format/dsl.md 10.1, 10.2): number, name, column header,
 * kind, default, where they apply, and the names of index values. Callers: dsl_prop*.c, cli/
 * (formatting and usage texts), service/. Pure data; no locks.
 */
#ifndef ZUSE_DSL_PROP_TABLE_H
#define ZUSE_DSL_PROP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum prop_kind { PROP_NUMBER, PROP_STRING, PROP_INDEX };

enum prop_attr {
    PROP_READONLY, /* computed or structural */
    PROP_INHERIT,  /* settable, inherited */
    PROP_SET,      /* settable, not inherited */
    PROP_ONCE,     /* only at creation, inherited */
    PROP_ONCE_ND,  /* only at creation, not inherited, no default */
};

enum prop_types { /* dataset types a property applies to */
                  PROP_ON_FS = 1,
                  PROP_ON_SNAP = 2,
                  PROP_ON_VOL = 4,
                  PROP_ON_BOOKMARK = 16, /* as enum dataset_kind */
};

/* How a number is shown (format/dsl.md 11). */
enum prop_format {
    PROP_FMT_NUMBER,  /* 1.50K without unit letter for bytes */
    PROP_FMT_BYTES,   /* 1.50K, 0B */
    PROP_FMT_QUOTA,   /* bytes, 0 shows none */
    PROP_FMT_LIMIT,   /* number, UINT64_MAX shows none */
    PROP_FMT_RATIO,   /* hundredths: 1.00x */
    PROP_FMT_DATE,    /* seconds */
    PROP_FMT_DECIMAL, /* always full decimal */
};

struct prop_index {
    const char *name; /* NULL ends the table */
    uint64_t value;
    bool alias; /* accepted on input, never displayed */
};

struct prop_def {
    unsigned id; /* order of `zfs get all` */
    const char *name, *header;
    enum prop_kind kind;
    enum prop_attr attr;
    unsigned on; /* enum prop_types */
    bool hidden; /* not in `get all` */
    bool right_aligned;
    enum prop_format format;
    uint64_t dflt;           /* numbers and index values */
    const char *dflt_string; /* strings */
    const char *values;      /* summary in usage texts */
    const struct prop_index *index;
};

size_t prop_table_count(void);
const struct prop_def *prop_table_at(size_t i);     /* by id */
const struct prop_def *prop_find(const char *name); /* exact name */
/* Name or lower-case column header, as commands accept it. */
const struct prop_def *prop_find_alias(const char *name);
bool prop_is_inheritable(const struct prop_def *p);
bool prop_is_user(const char *name); /* contains ':' and is well formed */
/* NULL if the number has no name. */
const char *prop_index_name(const struct prop_def *p, uint64_t value);
/* 0 or ZE_BADPROP. */
int prop_index_value(const struct prop_def *p, const char *name, uint64_t *value);

#endif
