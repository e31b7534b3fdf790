/* SPDX-License-Identifier: MIT */
/* zdb -m, -M: metaslabs, space maps and their logs; -R: one block by its place. */
#include "cli/zdb_impl.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/metaslab_read.h"
#include "codec/compress.h"
#include "pool/space.h"

#define BAR 40u

static void print_histogram(const uint64_t *h, unsigned n, unsigned shift)
{
    unsigned from = n, to = 0;
    uint64_t max = 0;

    for (unsigned i = 0; i < n; i++) {
        max = max_of(max, h[i]);
        if (h[i] != 0) {
            from = min_of(from, i);
            to = i;
        }
    }
    max = max_of(max, (uint64_t)BAR);
    for (unsigned i = from; i < n && i <= to; i++) {
        unsigned stars = (unsigned)((h[i] * BAR + max - 1) / max);

        printf("\t\t\t%3u: %6" PRIu64 " %.*s\n", i + shift, h[i], (int)stars,
               "****************************************");
    }
}

static void print_map_header(uint64_t object, uint64_t length, int64_t alloc)
{
    printf("space map object %" PRIu64 ":\n  smp_length = 0x%" PRIx64 "\n  smp_alloc = 0x%" PRIx64
           "\n",
           object, length, (uint64_t)alloc);
}

static int print_metaslab(struct zdb *z, const struct metaslabs *m, unsigned vdev,
                          const struct metaslab *ms)
{
    unsigned shift = (unsigned)m->vdev[vdev].vd->ashift;
    struct range_tree *set;
    char free_text[32];
    int err = 0;

    printf("\tmetaslab %6" PRIu64 "   offset %12" PRIx64 "   spacemap %6" PRIu64 "   free    %5s\n",
           ms->id, ms->start, ms->object,
           zdb_num(z, ms->size - (uint64_t)ms->map_alloc, free_text));
    if (z->opt['m'] > 1 && ms->has_histogram) {
        uint64_t frag = pool_metaslab_fragmentation(ms, shift);

        printf(frag == UINT64_MAX ? "\tOn-disk histogram:\t\tfragmentation -\n"
                                  : "\tOn-disk histogram:\t\tfragmentation %" PRIu64 "\n",
               frag);
        print_histogram(ms->histogram, SPACEMAP_HISTOGRAM_BUCKETS, shift);
    }
    if (ms->object != 0)
        print_map_header(ms->object, ms->map_length, ms->map_alloc);
    if (m->logs.n != 0)
        printf("\tFlush data:\n\tunflushed txg=%" PRIu64 "\n", ms->unflushed_txg);
    printf("\n");
    if (!z->opt['L'] && ms->object != 0) {
        err = metaslab_load(m, vdev, ms->id, &set);
        if (err == 0)
            range_tree_destroy(set);
    }
    return err;
}

static void print_logs(struct zdb *z, const struct metaslabs *m)
{
    uint64_t valid = 0, entries = 0;

    if (m->logs.n == 0)
        return;
    printf("\nLog Space Maps in Pool:\n");
    for (size_t i = 0; i < m->logs.n; i++) {
        const struct log_spacemap *l = &m->logs.log[i];
        struct space_map *sm;

        printf("Log Spacemap object %" PRIu64 " txg %" PRIu64 "\n", l->object, l->txg);
        if (log_spacemap_open(m->mos, l, &sm) != 0)
            continue;
        print_map_header(l->object, sm->phys.length, (int64_t)sm->phys.alloc);
        space_map_close(sm);
    }
    printf("\nLog Space Map Obsolete Entry Statistics:\n");
    for (size_t i = 0; i < m->logs.n; i++) {
        const struct log_spacemap *l = &m->logs.log[i];

        printf("%-8" PRIu64 " valid entries out of %-8" PRIu64 " - txg %" PRIu64 "\n", l->valid,
               l->entries, l->txg);
        valid += l->valid;
        entries += l->entries;
    }
    printf("%-8" PRIu64 " valid entries out of %-8" PRIu64 " - total\n\n", valid, entries);
}

static void print_vdev_head(const struct metaslab_vdev *mv, unsigned id)
{
    const char *bias = mv->vd->alloc_bias != NULL ? mv->vd->alloc_bias : "";

    printf("\tvdev %10u   %s", id, bias);
    if (mv->unflushed_object != 0)
        printf("   ms_unflushed_phys object %" PRIu64, mv->unflushed_object);
    printf("\n\t%-10s%5" PRIu64 "   %-19s   %-15s   %-12s\n", "metaslabs", mv->count, "offset",
           "spacemap", "free");
    printf("\t%15s   %19s   %15s   %12s\n", "---------------", "-------------------",
           "---------------", "------------");
}

int zdb_metaslabs(struct zdb *z)
{
    struct metaslabs *m;
    int first = 0, err = metaslabs_open(z->pool->mos, z->pool->vdevs, &m);

    if (err != 0)
        return err;
    if (!z->opt['y'])
        printf("\nMetaslabs:\n");
    for (unsigned i = 0; i < m->nvdevs; i++) {
        if (m->vdev[i].count == 0)
            continue;
        if (!z->opt['y'])
            print_vdev_head(&m->vdev[i], i);
        for (uint64_t k = 0; k < m->vdev[i].count; k++) {
            struct range_tree *set = NULL;

            err = z->opt['y'] ? metaslab_load(m, i, k, &set)
                              : print_metaslab(z, m, i, &m->vdev[i].ms[k]);
            range_tree_destroy(set);
            first = first != 0 ? first : err;
        }
        if (!z->opt['y'])
            printf("\n");
    }
    if (!z->opt['y'])
        print_logs(z, m);
    metaslabs_close(m);
    return first;
}

int zdb_metaslab_groups(struct zdb *z)
{
    uint64_t pool_sum[64] = {0};
    struct metaslabs *m;
    struct top_space *top = NULL;
    struct pool_space space = {0};
    int err = metaslabs_open(z->pool->mos, z->pool->vdevs, &m);

    if (err != 0)
        return err;
    err = pool_top_spaces(z->pool, &top);
    for (unsigned i = 0; err == 0 && i < m->nvdevs; i++) {
        uint64_t sum[64] = {0};
        char frag[32];

        if (m->vdev[i].count == 0)
            continue;
        for (uint64_t k = 0; k < m->vdev[i].count; k++) {
            for (unsigned b = 0; b < SPACEMAP_HISTOGRAM_BUCKETS; b++)
                sum[min_of(b + (unsigned)m->vdev[i].vd->ashift, 63u)] +=
                    m->vdev[i].ms[k].histogram[b];
        }
        for (unsigned b = 0; b < 64; b++)
            pool_sum[b] += sum[b];
        snprintf(frag, sizeof(frag), top[i].fragmentation == UINT64_MAX ? "-" : "%3" PRIu64 "%%",
                 top[i].fragmentation);
        printf("\tvdev %10u\t\tmetaslabs%5" PRIu64 "\t\tfragmentation%4s\n", i, m->vdev[i].count,
               frag);
        print_histogram(sum, 64, 0);
    }
    if (err == 0 && (err = pool_space_get(z->pool, &space)) == 0) {
        printf("\tpool %s\tfragmentation", z->pool->name);
        if (space.fragmentation == UINT64_MAX)
            printf("\t  -\n");
        else
            printf("\t%3" PRIu64 "%%\n", space.fragmentation);
        print_histogram(pool_sum, 64, 0);
    }
    free(top);
    metaslabs_close(m);
    return err;
}

/* ---- -R ---- */

struct read_spec {
    uint64_t vdev, offset, psize, lsize;
    char flags[32];
};

static int parse_spec(const char *text, struct read_spec *s)
{
    char copy[256], *part[5] = {0}, *rest = copy, *end;
    unsigned n = 0;

    snprintf(copy, sizeof(copy), "%s", text);
    while (n < array_len(part) && (part[n] = strsep(&rest, ":")) != NULL)
        n++;
    if (n < 3)
        return err_raise(ZE_INVAL, "'%s' is not VDEV:OFFSET:SIZE[:FLAGS]", text);
    s->vdev = strtoull(part[0], &end, 0);
    s->offset = strtoull(part[1], &end, 16);
    s->psize = strtoull(part[2], &end, 16);
    s->lsize = *end == '/' ? strtoull(end + 1, NULL, 16) : s->psize;
    if (*end == '/') { /* LSIZE/PSIZE */
        uint64_t l = s->psize;

        s->psize = s->lsize;
        s->lsize = l;
    }
    snprintf(s->flags, sizeof(s->flags), "%s", n > 3 ? part[3] : "");
    if (s->psize == 0 || s->psize % SECTOR_SIZE != 0 || s->psize > BLOCK_MAX_SIZE ||
        s->offset % SECTOR_SIZE != 0)
        return err_raise(ZE_INVAL, "'%s': sizes and offsets are multiples of 512", text);
    return 0;
}

static void print_words(const char *label, const uint8_t *data, uint64_t len)
{
    printf("\n%s\n          0 1 2 3 4 5 6 7   8 9 a b c d e f  0123456789abcdef\n", label);
    for (uint64_t i = 0; i < len; i += 16) {
        printf("%06" PRIx64 ":  %016" PRIx64 "  %016" PRIx64 "  ", i, load_be64(data + i),
               load_be64(data + i + 8));
        for (unsigned k = 0; k < 16; k++)
            putchar(isprint(data[i + k]) ? data[i + k] : '.');
        putchar('\n');
    }
}

static void print_pointers(const uint8_t *data, uint64_t len, bool swap)
{
    for (uint64_t i = 0; i + sizeof(struct blkptr) <= len; i += sizeof(struct blkptr)) {
        char text[BP_TEXT_MAX];
        struct blkptr bp;

        memcpy(&bp, data + i, sizeof(bp));
        if (swap)
            bp_bswap(&bp);
        bp_format(text, sizeof(text), &bp);
        printf("%s\n", text);
    }
}

/*
 * Without knowing how: the decompressors, those that detect nonsense best first, each with the size
 * asked for or with every power of two.
 */
static bool try_decompress(const uint8_t *src, uint64_t psize, uint8_t *dst, uint64_t lsize)
{
    static const enum compress_id order[] = {COMPRESS_LZ4, COMPRESS_ZSTD, COMPRESS_GZIP_1,
                                             COMPRESS_LZJB, COMPRESS_ZLE};

    for (unsigned c = 0; c < array_len(order); c++) {
        if (lsize != psize && compress_decode(order[c], src, psize, dst, lsize) == 0)
            return true;
        for (uint64_t size = SECTOR_SIZE; lsize == psize && size <= BLOCK_MAX_SIZE; size *= 2) {
            if (size > psize && compress_decode(order[c], src, psize, dst, size) == 0)
                return true;
        }
    }
    return false;
}

static int read_raw(struct zdb *z, const struct read_spec *s, void *buf)
{
    struct vdev *vd = vdev_tree_top(z->pool->vdevs, s->vdev);
    struct vdev_io io = {.vd = vd,
                         .op = DEVICE_READ,
                         .prio = VDEV_PRIO_SYNC_READ,
                         .offset = s->offset,
                         .size = s->psize,
                         .buf = buf};

    if (vd == NULL)
        return err_raise(ZE_INVAL, "no vdev %" PRIu64, s->vdev);
    io.asize = vdev_psize_to_asize(vd, s->psize, 0);
    if (s->offset > vd->asize || s->psize > vd->asize - s->offset)
        return err_raise(ZE_RANGE, "beyond the end of vdev %" PRIu64, s->vdev);
    return vdev_io_run(&io);
}

int zdb_read_block(struct zdb *z, const char *spec)
{
    struct read_spec s = {0};
    uint8_t *raw, *plain = NULL;
    const uint8_t *data;
    int err = parse_spec(spec, &s);

    if (err != 0)
        return err;
    raw = iobuf_alloc(BLOCK_MAX_SIZE);
    plain = iobuf_alloc(BLOCK_MAX_SIZE);
    data = raw;
    if (raw == NULL || plain == NULL)
        err = err_raise(ZE_NOMEM, "block");
    err = err != 0 ? err : read_raw(z, &s, raw);
    if (err == 0 && strchr(s.flags, 'd') != NULL) {
        if (try_decompress(raw, s.psize, plain, s.lsize))
            data = plain;
        else
            err = err_raise(ZE_DECOMPRESS, "block at %s", spec);
    } else {
        s.lsize = s.psize;
    }
    if (err == 0 && strchr(s.flags, 'r') != NULL)
        fwrite(data, 1, s.lsize, stdout);
    else if (err == 0 && (strchr(s.flags, 'i') != NULL || strchr(s.flags, 'b') != NULL))
        print_pointers(data, strchr(s.flags, 'b') != NULL ? sizeof(struct blkptr) : s.lsize,
                       strchr(s.flags, 'e') != NULL);
    else if (err == 0)
        print_words(spec, data, s.lsize);
    if (raw != NULL)
        iobuf_free(raw, BLOCK_MAX_SIZE);
    if (plain != NULL)
        iobuf_free(plain, BLOCK_MAX_SIZE);
    return err;
}
