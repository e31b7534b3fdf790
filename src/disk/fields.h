/* SPDX-License-Identifier: MIT */
/*
 * Structures on disk as data. A structure is one X-macro table of rows
 *
 *     F(S, offset, KIND, name, dim, FMT)
 *
 * (S is handed through) with the byte offset the format chapter gives, the kind of one element (U8
 * U16 U32 U64 I64 CHAR DVA CKSUM or BP), the member's name, its C dimension (`[4]`, or nothing) and
 * how zdb prints it. From the table come the C struct, the compile-time check of every offset and
 * of the size, the byte swapper, and the text and JSON dumps:
 *
 *     #define THING_PHYS_FIELDS(F, S) F(S, 0, U64, magic, , HEX) F(S, 8, U64, birth, [2], DEC)
 *     LAYOUT_STRUCT(thing_phys, 24, THING_PHYS_FIELDS)          in the header
 *     LAYOUT_DEFINE(thing_phys, THING_PHYS_FIELDS)              in one source file
 *
 * gives struct thing_phys, thing_phys_layout, thing_phys_bswap(), thing_phys_dump(),
 * thing_phys_json(). U8 and CHAR arrays are byte strings and never swapped. All functions are pure;
 * no locks.
 */
#ifndef ZUSE_DISK_FIELDS_H
#define ZUSE_DISK_FIELDS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "disk/blkptr.h"

struct json_t; /* jansson's */

enum field_kind {
    FIELD_U8,
    FIELD_CHAR,
    FIELD_U16,
    FIELD_U32,
    FIELD_U64,
    FIELD_I64,
    FIELD_DVA,
    FIELD_CKSUM,
    FIELD_BP,
};

enum field_fmt {
    FIELD_NONE,  /* padding: in no dump */
    FIELD_DEC,   /* 42 */
    FIELD_SDEC,  /* signed */
    FIELD_HEX,   /* 0x2a */
    FIELD_XDEC,  /* 2a */
    FIELD_NICE,  /* 1.50K: zdb's number of bytes */
    FIELD_TIME,  /* seconds since 1970 as ctime() */
    FIELD_BYTES, /* byte string in hex */
    FIELD_TEXT,  /* characters up to a NUL */
    FIELD_AUTO,  /* by kind: block pointers, DVAs, checksums */
};

struct field {
    const char *name;
    uint16_t offset;
    uint16_t count;
    uint8_t kind; /* enum field_kind */
    uint8_t fmt;  /* enum field_fmt */
};

struct layout {
    const char *name;
    size_t size;
    const struct field *fields;
    unsigned nfields;
};

#define FIELD_TYPE_U8    uint8_t
#define FIELD_TYPE_CHAR  char
#define FIELD_TYPE_U16   uint16_t
#define FIELD_TYPE_U32   uint32_t
#define FIELD_TYPE_U64   uint64_t
#define FIELD_TYPE_I64   int64_t
#define FIELD_TYPE_DVA   struct dva
#define FIELD_TYPE_CKSUM struct cksum
#define FIELD_TYPE_BP    struct blkptr

#define FIELD_MEMBER(s, off, kind, member, dim, fmt) FIELD_TYPE_##kind member dim;
#define FIELD_ASSERT(s, off, kind, member, dim, fmt)                                               \
    static_assert(offsetof(struct s, member) == (off), #s "." #member);
#define FIELD_ENTRY(s, off, kind_, member, dim, fmt_)                                              \
    {#member, (off), sizeof(((struct s *)0)->member) / sizeof(FIELD_TYPE_##kind_), FIELD_##kind_,  \
     FIELD_##fmt_},

/* In a header: the struct, its checks, and what LAYOUT_DEFINE() defines. */
#define LAYOUT_STRUCT(name_, size_, FIELDS)                                                        \
    struct name_ {                                                                                 \
        FIELDS(FIELD_MEMBER, name_)                                                                \
    };                                                                                             \
    static_assert(sizeof(struct name_) == (size_), #name_);                                        \
    FIELDS(FIELD_ASSERT, name_)                                                                    \
    extern const struct layout name_##_layout;                                                     \
    void name_##_bswap(struct name_ *p);                                                           \
    void name_##_dump(const struct name_ *p, FILE *out);                                           \
    struct json_t *name_##_json(const struct name_ *p)

/* Without the dump, for structures that zdb shows in an order of its own. */
#define LAYOUT_DEFINE_UNDUMPED(name_, FIELDS)                                                      \
    static const struct field name_##_rows[] = {FIELDS(FIELD_ENTRY, name_)};                       \
    const struct layout name_##_layout = {#name_, sizeof(struct name_), name_##_rows,              \
                                          sizeof(name_##_rows) / sizeof(name_##_rows[0])};         \
    void name_##_bswap(struct name_ *p)                                                            \
    {                                                                                              \
        layout_bswap(&name_##_layout, p);                                                          \
    }                                                                                              \
    struct json_t *name_##_json(const struct name_ *p)                                             \
    {                                                                                              \
        return layout_json(&name_##_layout, p);                                                    \
    }                                                                                              \
    static_assert(1, "the use ends in a semicolon")

#define LAYOUT_DEFINE(name_, FIELDS)                                                               \
    LAYOUT_DEFINE_UNDUMPED(name_, FIELDS);                                                         \
    void name_##_dump(const struct name_ *p, FILE *out)                                            \
    {                                                                                              \
        layout_dump(&name_##_layout, p, 2, out);                                                   \
    }                                                                                              \
    static_assert(1, "the use ends in a semicolon")

/* p: l->size bytes, aligned for uint64_t. */
void layout_bswap(const struct layout *l, void *p);
/* One "name = value" line a field after `tabs` tabs, as zdb prints bonus structures. */
void layout_dump(const struct layout *l, const void *p, unsigned tabs, FILE *out);
/* New reference to an object {name: value}; NULL when out of memory. */
struct json_t *layout_json(const struct layout *l, const void *p);
/* Is every padding byte zero? Writers must keep it so; readers only tell. */
bool layout_padding_zero(const struct layout *l, const void *p);

/* Text of one value, as zdb shows sizes ("512", "1.50K"); returns the length as snprintf. */
int field_nice_number(char *buf, size_t len, uint64_t v);
/* "Sat Nov 21 04:36:15 2026", local time, no newline. */
int field_time_text(char *buf, size_t len, uint64_t seconds);

#endif
