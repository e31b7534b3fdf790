/* SPDX-License-Identifier: MIT */
/*
 * ZAP: name -> array of integers (format/dmu.md, "9. ZAP"): micro, fat and large micro forms,
 * string, binary and uint64-array keys, normalising and case-insensitive matching.
 *
 * Ownership: struct zap is a counted hold on the parsed object. Errors: ZE_NOENT, ZE_RANGE (value
 * larger than the buffer), ZE_INVAL (integer size differs), ZE_BADZAP. Locks: ZAP.
 */
#ifndef ZUSE_DMU_ZAP_H
#define ZUSE_DMU_ZAP_H

#include "dmu/dmu.h"

#define ZAP_NAME_MAX 1024 /* longest name incl. NUL (feature longname) */

struct zap;
int zap_open(struct objset *os, uint64_t object, struct zap **out);
int zap_open_dnode(struct dnode *dn, struct zap **out); /* takes its own hold */
void zap_close(struct zap *zap);
uint64_t zap_count(const struct zap *zap); /* entries */
uint64_t zap_norm_flags(const struct zap *zap);
bool zap_has_uint64_keys(const struct zap *zap);

enum zap_match {
    ZAP_MATCH_EXACT = 0,
    ZAP_MATCH_NORMALIZED = 1 << 0, /* by the ZAP's own normalisation */
    ZAP_MATCH_CASE = 1 << 1,       /* normalise but respect case (mixed, case-sensitive lookup) */
};
/* integer_size 1,2,4,8; up to count integers into buf (host order). *got (may be NULL): how many
 * there are. */
int zap_lookup(struct zap *zap, const char *name, unsigned integer_size, uint64_t count, void *buf,
               uint64_t *got);
/* realname (may be NULL): the stored name; *conflict: another entry matches too. */
int zap_lookup_match(struct zap *zap, const char *name, unsigned match, unsigned integer_size,
                     uint64_t count, void *buf, char *realname, size_t realname_len,
                     bool *conflict);
int zap_lookup_key(struct zap *zap, const uint64_t *key, unsigned key_words, unsigned integer_size,
                   uint64_t count, void *buf, uint64_t *got);
int zap_length(struct zap *zap, const char *name, unsigned *integer_size, uint64_t *count);
/* One uint64 of an object by number. */
int zap_get_u64(struct objset *os, uint64_t object, const char *name, uint64_t *v);

/* First entry, in cursor order, whose first integer equals value under mask; its name. ZE_NOENT. */
int zap_value_search(struct zap *zap, uint64_t value, uint64_t mask, char *name, size_t name_len);

struct zap_entry {
    char name[ZAP_NAME_MAX]; /* binary keys: key words, name_len bytes */
    size_t name_len;         /* without NUL */
    uint64_t hash;
    uint32_t cd;
    unsigned integer_size;
    uint64_t count;
    uint64_t first; /* first integer, if integer_size == 8 */
    bool conflict;  /* another entry has the same normalised name */
};
struct zap_cursor {
    struct zap *zap;
    uint64_t hash; /* position; serialised form is what readdir cookies are made of */
    uint32_t cd;
    /* private */
    void *leaf;
    unsigned index;
    bool done;
};
void zap_cursor_init(struct zap_cursor *c, struct zap *zap);
void zap_cursor_init_at(struct zap_cursor *c, struct zap *zap, uint64_t serialized);
/* Fill *e with the entry at the cursor and step past it. ZE_NOENT at the end. */
int zap_cursor_next(struct zap_cursor *c, struct zap_entry *e);
uint64_t zap_cursor_serialize(const struct zap_cursor *c);
void zap_cursor_fini(struct zap_cursor *c);
/* Value of an entry just returned by the cursor (arrays longer than one integer). */
int zap_entry_value(struct zap_cursor *c, const struct zap_entry *e, void *buf, uint64_t count);

/* For zdb: counts and histograms of one ZAP; class 9 of each histogram holds everything from 9 on.
 */
#define ZAP_HISTOGRAM_SIZE 10
struct zap_stats {
    uint64_t blocksize, num_entries, num_blocks, num_leafs, ptrtbl_len;
    uint64_t ptrtbl_blk, ptrtbl_numblks, ptrtbl_shift, nextblk, blks_copied;
    uint64_t block_type, magic, salt, normflags, flags;
    uint64_t leafs_2n_ptrs[ZAP_HISTOGRAM_SIZE], blocks_n5_entries[ZAP_HISTOGRAM_SIZE],
        blocks_n10_full[ZAP_HISTOGRAM_SIZE], entries_n_chunks[ZAP_HISTOGRAM_SIZE],
        buckets_n_entries[ZAP_HISTOGRAM_SIZE];
    bool micro;
};
int zap_stats_get(struct zap *zap, struct zap_stats *out);

#endif
