/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: a disk of 64 sectors on which some are gang headers with right checksums but any contents.
 * The read of the gang block, its scrub and its walk have to end, soon, and to give all memory
 * back.
 *
 * Input: options (bit 0: dynamic headers of 4 KiB, bit 1: members are made plausible, bit 2:
 * protected leader), size in sectors - 1, 8 bytes saying which sectors are headers, the disk.
 */
#include "../unit/zio/gang_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTORS   64u
#define MOST_READ 4096u

static void make_plausible(struct blkptr *m)
{
    uint64_t sectors = 1 + m->prop % 8;

    m->prop = fake_prop(sectors << 9, sectors << 9, COMPRESS_OFF, CHECKSUM_OFF, 0, 0);
    m->birth = 10;
    m->phys_birth = 0;
    for (unsigned i = 0; i < 3; i++) {
        m->dva[i].word[0] &= 0xff;
        m->dva[i].word[1] &= 1ull << 63 | (SECTORS - 1);
        m->dva[i].word[1] |= (m->dva[0].word[1] >> 63) << 63;
    }
}

static void seal(struct fake_world *w, unsigned sector, size_t hsize, uint8_t options)
{
    uint8_t *h = w->disk[0] + sector * 512u;
    struct blkptr bp = {.birth = 10, .prop = (uint64_t)(options >> 2 & 1) << 61};

    if (sector != 0)
        bp.prop = 0; /* members are never protected */
    dva_set(&bp.dva[0], 0, sector * 512u, 512, true);
    for (unsigned i = 0; options & 2 && i < GANG_OLD_MEMBERS; i++)
        if (((struct blkptr *)h)[i].prop != 0)
            make_plausible((struct blkptr *)h + i);
    gang_put_header(w, &bp, h, hsize, 1);
}

static int walk_one(void *arg, const struct blkptr *member, bool is_header)
{
    (*(unsigned *)arg)++;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bookmark zb = {1, 2, 0, 3};
    struct zio_scrub_result res;
    unsigned visited = 0;

    if (size < 10)
        return 0;
    uint8_t options = data[0];
    size_t hsize = options & 1 ? 4096 : 512;
    uint64_t psize = (1 + (uint64_t)data[1]) << 9, headers = load_le64(data + 2);
    struct fake_world *w = fake_create(SECTORS * 512u + 4096u, options & 1 ? 12 : 9, false);
    memcpy(w->disk[0], data + 10, min_of(size - 10, (size_t)SECTORS * 512u));
    w->pool.has_dynamic_gang = options & 1;
    for (unsigned i = SECTORS; i-- > 0;) /* the leader last, so that it is whole */
        if (headers >> i & 1 && i * 512u + hsize <= SECTORS * 512u)
            seal(w, i, hsize, options);
    seal(w, 0, hsize, options);
    struct blkptr bp = {.birth = 10,
                        .prop = fake_prop(psize, psize, COMPRESS_OFF, CHECKSUM_OFF, 19, 0)};
    bp.prop |= (uint64_t)(options >> 2 & 1) << 61;
    dva_set(&bp.dva[0], 0, 0, psize, true);
    uint8_t *buf = malloc(psize);
    unsigned flags = options & 4 ? ZIO_RAW : 0;
    (void)zio_read_run(&w->pool, &bp, &zb, VDEV_PRIO_SYNC_READ, flags, buf, psize);
    (void)zio_scrub_run(&w->pool, &bp, &zb, &res);
    (void)zio_gang_walk(&w->pool, &bp, walk_one, &visited);
    if (w->reads > MOST_READ || w->env.mem.used != 0)
        abort();
    free(buf);
    fake_destroy(w);
    return 0;
}
