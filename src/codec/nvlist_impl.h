/* SPDX-License-Identifier: MIT */
/*
 * Insides of name-value lists, shared by nvlist.c (the list), nvlist_native.c, nvlist_xdr.c (the
 * two encodings) and nvlist_print.c. Nobody else includes this.
 *
 * A list is a chain of pairs in insertion order; from NVLIST_HASH_MIN pairs on, a hash of the names
 * is kept beside it. Scalars live in the pair, everything else is one heap block that the pair
 * owns: arrays as C arrays of the type's element, a string array as pointers followed by the
 * characters.
 */
#ifndef ZUSE_CODEC_NVLIST_IMPL_H
#define ZUSE_CODEC_NVLIST_IMPL_H

#include "codec/nvlist.h"

#define NVLIST_DEPTH_MAX 32
#define NVLIST_HASH_MIN  16

/* nvflag bits that are stored. */
#define NV_UNIQUE_NAME      1u
#define NV_UNIQUE_NAME_TYPE 2u

struct nvpair {
    struct nvpair *prev, *next;
    struct nvpair *hash_next;
    uint32_t hash;
    enum nv_type type;
    uint32_t count; /* elements as stored in the packed form; 0 for NV_BOOLEAN */
    bool owned;     /* v.ptr points at memory (or a list) of ours */
    union {
        uint64_t u; /* scalars, signed ones sign-extended */
        double d;
        void *ptr; /* element memory, NULL for an empty array */
        char *str;
        char **strs;
        struct nvlist *list;
        struct nvlist **lists;
    } v;
    char name[];
};

struct nvlist {
    struct nvpair *head, *tail;
    size_t count;
    uint32_t flags; /* NV_UNIQUE_* */
    struct nvpair **buckets;
    size_t nbuckets; /* power of two, 0 = no hash yet */
};

/* What the packed forms need to know of a type. */
struct nv_type_info {
    uint8_t elem; /* bytes of an element in memory; 0 for boolean, strings and lists */
    bool array;
    bool is_signed; /* scalars: how u64 is derived from the element */
};
const struct nv_type_info *nv_type_info(unsigned type); /* NULL: unknown type */

int nvlist_create_flags(uint32_t flags, struct nvlist **out);
/* A pair that belongs to no list. name need not be terminated; name_len must be < 2^31. */
int nvpair_new(const char *name, size_t name_len, enum nv_type type, uint32_t count,
               struct nvpair **out);
void nvpair_free(struct nvpair *p);
static inline void nvpair_auto_free(struct nvpair **p)
{
    if (*p != NULL)
        nvpair_free(*p);
}
#define AUTO_NVPAIR __attribute__((cleanup(nvpair_auto_free)))
/* Append by the list's uniqueness rule; the list owns p from now on, also on error. */
int nvlist_append(struct nvlist *nv, struct nvpair *p);

/* Value of a scalar element in host order at p, widened to 64 bits. */
uint64_t nv_elem_widen(enum nv_type type, const void *p);
/* The reverse: the low bytes of v as one element in host order. */
void nv_elem_store(enum nv_type type, void *p, uint64_t v);

/*
 * Bytes that the value of this pair takes in the native form without padding; this is also what the
 * XDR form's decoded_size counts.
 */
uint64_t nvpair_native_value_size(const struct nvpair *p);
static inline uint64_t nv_align8(uint64_t n)
{
    return (n + 7) & ~(uint64_t)7;
}
static inline uint64_t nvpair_native_size(size_t name_len, uint64_t value_size)
{
    return nv_align8(16 + (uint64_t)name_len + 1) + nv_align8(value_size);
}

/* A growing output buffer. Errors stick; check once at the end. */
struct nvbuf {
    uint8_t *data; /* NULL while only measuring */
    size_t len, cap;
    bool measure;
    int err;
};
/* Room for n zeroed bytes; NULL when measuring or out of memory. */
uint8_t *nvbuf_grow(struct nvbuf *b, size_t n);
void nvbuf_put(struct nvbuf *b, const void *p, size_t n);

/* The list proper, without the 4-byte packed header. *used: bytes consumed. */
int nvlist_native_decode(struct span s, bool swapped, struct nvlist **out, size_t *used);
int nvlist_xdr_decode(struct span s, struct nvlist **out, size_t *used);
void nvlist_native_encode(const struct nvlist *nv, struct nvbuf *b);
void nvlist_xdr_encode(const struct nvlist *nv, struct nvbuf *b);

#endif
