/* SPDX-License-Identifier: MIT */
/* Object sets, dnodes, dbufs, reads, holes, pins, traversal: on an ARC of memory blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "dmu/traverse.h"
#include "fake_arc.h"
#include "zap_builder.h"

#define SLOTS 96u

/* Objects of the set that most tests use. */
enum {
    FILE_SMALL = 1,  /* one block of 1536 bytes */
    FILE_SPARSE = 2, /* 512-byte blocks: data at 0, 40, 41, 2000, and nothing else up to 3000 */
    LARGE = 4,       /* a dnode of 4 slots whose bonus looks like dnodes */
    WORDS = 9,       /* type uint64: swapped with its writer */
    FAR = 70,        /* in the third dnode block; the second is a hole */
};

struct world {
    struct zio_pool zp;
    struct blkptr root;
    struct objset *os;
    _Alignas(8) uint8_t slots[SLOTS * 512];
};

static void put_dnode(struct world *w, unsigned object, const struct dnode_phys *dn)
{
    memcpy(w->slots + (size_t)object * 512, dn, sizeof(*dn));
}

static void build_sparse(struct world *w, bool foreign)
{
    static struct blkptr bps[3001];
    static const unsigned data[] = {0, 40, 41, 2000};
    memset(bps, 0, sizeof(bps));
    for (unsigned i = 0; i < array_len(data); i++) {
        uint8_t block[512];
        memset(block, (int)(data[i] % 251 + 1), sizeof(block));
        bps[data[i]] = fake_write(block, sizeof(block), OBJTYPE_PLAIN_FILE, 0, 10, 1, foreign);
    }
    struct dnode_phys dn = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    dn.nblkptr = 1;
    fake_tree(&dn, bps, 3001, foreign);
    assert_int_equal(dn.nlevels, 4);
    put_dnode(w, FILE_SPARSE, &dn);
}

static void build_large(struct world *w)
{
    struct dnode_phys dn = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    dn.nblkptr = 1;
    dn.extra_slots = 3;
    dn.bonustype = OBJTYPE_SA;
    dn.bonuslen = 4 * 512 - 64 - 128;
    put_dnode(w, LARGE, &dn);
    uint8_t *bonus = w->slots + LARGE * 512 + 64 + 128;
    memset(bonus, 0x13, dn.bonuslen); /* type 19 where a slot would start */
}

static void build(struct world *w, bool foreign, size_t root_size)
{
    uint8_t block[1536];
    for (unsigned i = 0; i < sizeof(block); i++)
        block[i] = (uint8_t)(i * 7);
    struct dnode_phys dn = fake_dnode(OBJTYPE_PLAIN_FILE, sizeof(block));
    dn.blkptr[0] = fake_write(block, sizeof(block), OBJTYPE_PLAIN_FILE, 0, 10, 1, foreign);
    put_dnode(w, FILE_SMALL, &dn);
    build_sparse(w, foreign);
    build_large(w);
    uint64_t words[64];
    for (unsigned i = 0; i < 64; i++)
        words[i] = 0x0102030405060708 + i;
    dn = fake_dnode(OBJTYPE_OTHER_UINT64, 512);
    dn.nblkptr = 1;
    dn.bonustype = OBJTYPE_OTHER_UINT64;
    dn.bonuslen = 16;
    store_ne64((uint8_t *)&dn + 192, 0x1122334455667788);
    dn.blkptr[0] = fake_write(words, sizeof(words), OBJTYPE_OTHER_UINT64, 0, 10, 1, foreign);
    put_dnode(w, WORDS, &dn);
    dn = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    put_dnode(w, FAR, &dn);
    w->root = fake_objset(w->slots, SLOTS, root_size, foreign);
}

static struct world *open_world(bool foreign, size_t root_size)
{
    struct world *w = calloc(1, sizeof(*w));
    build(w, foreign, root_size);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    return w;
}

static void close_world(struct world *w)
{
    objset_close(w->os);
    assert_null(w->zp.dmu);
    assert_int_equal(fake.held, 0);
    free(w);
    fake_reset();
}

static struct dnode *hold(struct world *w, uint64_t object)
{
    struct dnode *dn;
    assert_int_equal(dnode_hold(w->os, object, &dn), 0);
    return dn;
}

static void check_contents(struct world *w)
{
    static const uint64_t objects[] = {FILE_SMALL, FILE_SPARSE, LARGE, WORDS, FAR};
    uint64_t object = 0;
    for (unsigned i = 0; i < array_len(objects); i++) {
        assert_int_equal(objset_next_object(w->os, &object), 0);
        assert_int_equal(object, objects[i]);
    }
    assert_int_equal(objset_next_object(w->os, &object), ZE_NOENT);
    struct dnode *dn = hold(w, FILE_SMALL);
    uint8_t buf[2000];
    assert_int_equal(dmu_read(dn, 5, buf, 2000), 0);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(buf[i], i + 5 < 1536 ? (uint8_t)((i + 5) * 7) : 0);
    dnode_rele(dn);
    uint64_t words[64];
    dn = hold(w, WORDS);
    assert_int_equal(dmu_read(dn, 0, words, sizeof(words)), 0);
    assert_int_equal(words[63], 0x0102030405060708 + 63);
    memset(words, 0, sizeof(words));
    assert_int_equal(dmu_read_uncached(dn, 8, words, 8), 0);
    assert_int_equal(words[0], 0x0102030405060709);
    assert_int_equal(load_ne64(dnode_bonus(dn).data), 0x1122334455667788);
    assert_int_equal(dnode_bonus(dn).len, 16);
    dnode_rele(dn);
    dn = hold(w, LARGE);
    assert_int_equal(dnode_bonus(dn).len, 4 * 512 - 192);
    assert_int_equal(dnode_bonus(dn).data[1500], 0x13);
    dnode_rele(dn);
    for (unsigned i = LARGE + 1; i < LARGE + 4; i++)
        assert_int_equal(dnode_hold(w->os, i, &dn), ZE_NOENT);
    assert_int_equal(dnode_hold(w->os, 3, &dn), ZE_NOENT);
    assert_int_equal(dnode_hold(w->os, 33, &dn), ZE_NOENT);
    assert_int_equal(dnode_hold(w->os, 5000, &dn), ZE_NOENT);
    assert_int_equal(dnode_hold(w->os, UINT64_MAX, &dn), ZE_NOENT);
    assert_int_equal(dnode_hold(w->os, (uint64_t)1 << 50, &dn), ZE_NOENT);
}

static void native_and_foreign_byte_order(void **state)
{
    static const size_t sizes[] = {1024, 2048, 4096};
    for (unsigned i = 0; i < 6; i++) {
        struct world *w = open_world(i % 2, sizes[i / 2]);
        assert_int_equal(objset_type(w->os), OBJSET_TYPE_ZFS);
        check_contents(w);
        close_world(w);
    }
}

static void data_and_holes(void **state)
{
    struct world *w = open_world(false, 4096);
    struct dnode *dn = hold(w, FILE_SPARSE);
    static const struct {
        bool hole;
        uint64_t from, to; /* blocks; to 0 = none */
    } steps[] = {{false, 0, 0},      {true, 0, 1},        {false, 1, 40},       {true, 40, 42},
                 {false, 42, 2000},  {true, 2000, 2001},  {false, 2001, ~0ull}, {true, 1, 1},
                 {true, 3000, 3000}, {false, 3000, ~0ull}};
    for (unsigned i = 0; i < array_len(steps); i++) {
        uint64_t off = steps[i].from * 512 + 3;
        int err = dmu_next_offset(dn, steps[i].hole, &off);
        if (steps[i].to == ~0ull) {
            assert_int_equal(err, ZE_NOENT);
            continue;
        }
        assert_int_equal(err, 0);
        uint64_t want = steps[i].to == steps[i].from ? steps[i].from * 512 + 3 : steps[i].to * 512;
        assert_int_equal(off, want);
    }
    uint64_t off = 3001 * 512;
    assert_int_equal(dmu_next_offset(dn, true, &off), ZE_NOENT);
    uint8_t *buf = malloc(3001 * 512);
    assert_int_equal(dmu_read(dn, 0, buf, 3001 * 512), 0);
    for (unsigned b = 0; b < 3001; b++) {
        bool data = b == 0 || b == 40 || b == 41 || b == 2000;
        assert_int_equal(buf[b * 512], data ? b % 251 + 1 : 0);
        assert_int_equal(buf[b * 512 + 511], data ? b % 251 + 1 : 0);
    }
    uint8_t *again = malloc(3001 * 512);
    memset(again, 0xee, 3001 * 512);
    assert_int_equal(dmu_read_uncached(dn, 0, again, 3001 * 512), 0);
    assert_memory_equal(buf, again, 3001 * 512);
    free(again);
    free(buf);
    struct blkptr bp;
    assert_int_equal(dmu_blkptr(dn, 0, 41, &bp), 0);
    assert_false(bp_is_hole(&bp));
    assert_int_equal(dmu_blkptr(dn, 0, 42, &bp), 0);
    assert_true(bp_is_hole(&bp));
    assert_int_equal(dmu_blkptr(dn, 1, 1, &bp), 0);
    assert_int_equal(bp_fill(&bp), 2);
    assert_int_equal(dmu_blkptr(dn, 7, 0, &bp), 0);
    assert_true(bp_is_hole(&bp));
    dnode_rele(dn);
    close_world(w);
}

static void pins(void **state)
{
    struct world *w = open_world(true, 4096);
    struct dnode *dn = hold(w, FILE_SPARSE);
    struct iovec iov[8];
    unsigned n = 8;
    struct dmu_pin *pin;
    assert_int_equal(dmu_pin(dn, 39 * 512 + 100, 3 * 512, &pin, iov, &n), 0);
    assert_int_equal(n, 4);
    assert_int_equal(iov[0].iov_len, 412);
    assert_int_equal(((uint8_t *)iov[0].iov_base)[411], 0);
    assert_int_equal(((uint8_t *)iov[1].iov_base)[0], 41);
    assert_int_equal(((uint8_t *)iov[2].iov_base)[511], 42);
    assert_int_equal(iov[3].iov_len, 100);
    assert_int_equal(((uint8_t *)iov[3].iov_base)[0], 0);
    dmu_unpin(pin);
    n = 3;
    assert_int_equal(dmu_pin(dn, 39 * 512 + 100, 3 * 512, &pin, iov, &n), ZE_RANGE);
    n = 8;
    assert_int_equal(dmu_pin(dn, 3001 * 512 - 1, 2, &pin, iov, &n), ZE_RANGE);
    dnode_rele(dn);
    close_world(w);
}

static void errors_are_told_and_not_kept(void **state)
{
    struct world *w = open_world(false, 4096);
    struct dnode *dn = hold(w, FILE_SPARSE);
    struct blkptr bp;
    uint8_t buf[1024];
    assert_int_equal(dmu_blkptr(dn, 0, 41, &bp), 0);
    fake.fail = fake_number(&bp);
    assert_int_equal(dmu_read(dn, 40 * 512, buf, 1024), ZE_CKSUM);
    assert_non_null(strstr(err_detail(), "fake block"));
    assert_int_equal(dmu_read(dn, 40 * 512, buf, 512), 0);
    assert_int_equal(dmu_read_uncached(dn, 40 * 512, buf, 1024), ZE_CKSUM);
    fake.fail = 0;
    assert_int_equal(dmu_read(dn, 40 * 512, buf, 1024), 0);
    dnode_rele(dn);
    assert_int_equal(dnode_hold(w->os, FAR, &dn), 0);
    dnode_rele(dn);
    close_world(w);
}

/* A caller of objset_next_object() that goes on after an error sees the rest, and comes to an end.
 */
static void listing_goes_on_after_damage(void **state)
{
    struct world *w = open_world(false, 4096);
    struct blkptr bp;
    assert_int_equal(dmu_blkptr(objset_meta_dnode(w->os), 0, 0, &bp), 0);
    fake.fail = fake_number(&bp);
    uint64_t object = 0;
    assert_int_equal(objset_next_object(w->os, &object), ZE_CKSUM);
    assert_int_equal(object, 31);
    assert_int_equal(objset_next_object(w->os, &object), 0);
    assert_int_equal(object, FAR);
    assert_int_equal(objset_next_object(w->os, &object), ZE_NOENT);
    close_world(w);
}

struct reader {
    struct dnode *dn;
    int err;
    uint8_t byte;
};

static void *read_one(void *arg)
{
    struct reader *r = arg;
    r->err = dmu_read(r->dn, 2000 * 512, &r->byte, 1);
    return NULL;
}

static void concurrent_readers_share_one_read(void **state)
{
    struct world *w = open_world(false, 4096);
    struct dnode *dn = hold(w, FILE_SPARSE);
    struct blkptr bp;
    assert_int_equal(dmu_blkptr(dn, 0, 2000, &bp), 0); /* the indirects are there now */
    unsigned before = fake.reads;
    pthread_t thread[8];
    struct reader r[8];
    pthread_mutex_lock(&fake.gate);
    for (unsigned i = 0; i < 8; i++) {
        r[i] = (struct reader){.dn = dn};
        pthread_create(&thread[i], NULL, read_one, &r[i]);
    }
    usleep(20000);
    pthread_mutex_unlock(&fake.gate);
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(r[i].err, 0);
        assert_int_equal(r[i].byte, 2000 % 251 + 1);
    }
    assert_int_equal(fake.reads, before + 1);
    dnode_rele(dn);
    close_world(w);
}

/* What nobody holds stays within the limit, whatever is read. */
static void cache_is_bounded(void **state)
{
    enum { N = 300, SIZE = 131072 };
    struct world *w = calloc(1, sizeof(*w));
    static struct blkptr bps[N];
    uint8_t *block = malloc(SIZE);
    for (unsigned i = 0; i < N; i++) {
        memset(block, (int)i, SIZE);
        bps[i] = fake_write(block, SIZE, OBJTYPE_PLAIN_FILE, 0, 10, 1, false);
    }
    struct dnode_phys dn_phys = fake_dnode(OBJTYPE_PLAIN_FILE, SIZE);
    fake_tree(&dn_phys, bps, N, false);
    put_dnode(w, 1, &dn_phys);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    struct dnode *dn = hold(w, 1);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(dmu_read(dn, (uint64_t)i * SIZE, block, SIZE), 0);
        assert_int_equal(block[5], (uint8_t)i);
        assert_true(w->os->dp->dbuf_cached <= DMU_DBUF_CACHE + SIZE + 4096);
    }
    unsigned reads = fake.reads;
    assert_int_equal(dmu_read(dn, (uint64_t)(N - 1) * SIZE, block, SIZE), 0);
    assert_int_equal(fake.reads, reads); /* the newest is still there */
    dbuf_cache_shrink(w->os->dp, UINT64_MAX);
    assert_int_equal(w->os->dp->dbuf_cached, 0);
    assert_int_equal(fake.held, 0);
    dnode_rele(dn);
    free(block);
    close_world(w);
}

/* Indexes of ZAPs that nobody has open stay within their limit, though their dnodes are held. */
static void zap_indexes_are_bounded(void **state)
{
    enum { N = 90, SIZE = 131072 };
    struct world *w = calloc(1, sizeof(*w));
    struct dnode *dn[N + 1];
    struct mem_zap m;
    build_micro(&m, SIZE, 99, 0);
    micro_put(&m, 5, "name", 77, 0);
    struct dnode_phys p = fake_dnode(OBJTYPE_DIRECTORY, SIZE);
    p.blkptr[0] = fake_write(m.data, SIZE, OBJTYPE_DIRECTORY, 0, 10, 1, false);
    for (unsigned i = 1; i <= N; i++)
        put_dnode(w, i, &p);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    struct zap *first, *again;
    assert_int_equal(zap_open(w->os, 1, &first), 0);
    for (unsigned i = 1; i <= N; i++) {
        uint64_t v = 0;
        dn[i] = hold(w, i);
        assert_int_equal(zap_get_u64(w->os, i, "name", &v), 0);
        assert_int_equal(v, 77);
        assert_true(w->os->dp->user_cached <= DMU_USER_CACHE);
    }
    assert_true(w->os->dp->user_cached > DMU_USER_CACHE / 2);
    assert_int_equal(zap_open(w->os, 1, &again), 0);
    assert_ptr_equal(first, again); /* in use all the time */
    zap_close(first);
    zap_close(again);
    for (unsigned i = 1; i <= N; i++)
        dnode_rele(dn[i]);
    assert_int_equal(zap_open(w->os, FILE_SMALL + N, &again), ZE_NOENT);
    mem_zap_fini(&m);
    close_world(w);
}

struct stress {
    struct dnode *dn;
    uint64_t seed;
    unsigned wrong;
};

#define STRESS_BLOCKS 400u
#define STRESS_SIZE   65536u

static void *stress_main(void *arg)
{
    struct stress *s = arg;
    uint8_t *buf = malloc(4 * STRESS_SIZE);
    for (unsigned i = 0; i < 300; i++) {
        s->seed = s->seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t first = (s->seed >> 33) % (STRESS_BLOCKS - 4), n = 1 + (s->seed >> 60) % 4;
        if (dmu_read(s->dn, first * STRESS_SIZE, buf, n * STRESS_SIZE) != 0)
            s->wrong++;
        for (unsigned k = 0; k < n; k++)
            s->wrong += buf[(k + 1) * STRESS_SIZE - 1] != (uint8_t)(first + k);
    }
    free(buf);
    return NULL;
}

/* Readers of overlapping ranges with more data than the cache keeps, and dnodes coming and going.
 */
static void many_readers(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    static struct blkptr bps[STRESS_BLOCKS];
    uint8_t *block = malloc(STRESS_SIZE);
    for (unsigned i = 0; i < STRESS_BLOCKS; i++) {
        memset(block, (int)i, STRESS_SIZE);
        bps[i] = fake_write(block, STRESS_SIZE, OBJTYPE_PLAIN_FILE, 0, 10, 1, i % 2);
    }
    struct dnode_phys dn_phys = fake_dnode(OBJTYPE_PLAIN_FILE, STRESS_SIZE);
    fake_tree(&dn_phys, bps, STRESS_BLOCKS, false);
    put_dnode(w, 1, &dn_phys);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    pthread_t thread[6];
    struct stress s[6];
    for (unsigned i = 0; i < 6; i++) {
        s[i] = (struct stress){.dn = hold(w, 1), .seed = i};
        pthread_create(&thread[i], NULL, stress_main, &s[i]);
    }
    for (unsigned i = 0; i < 6; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(s[i].wrong, 0);
        dnode_rele(s[i].dn);
    }
    free(block);
    close_world(w);
}

/* Sequential readers, several at once, are run ahead of; scattered reads are not. */
static void read_ahead(void **state)
{
    enum { N = 2000, SIZE = 4096 };
    struct world *w = calloc(1, sizeof(*w));
    static struct blkptr bps[N];
    uint8_t block[SIZE] = {0};
    for (unsigned i = 0; i < N; i++)
        bps[i] = fake_write(block, SIZE, OBJTYPE_PLAIN_FILE, 0, 10, 1, false);
    struct dnode_phys dn_phys = fake_dnode(OBJTYPE_PLAIN_FILE, SIZE);
    fake_tree(&dn_phys, bps, N, false);
    put_dnode(w, 1, &dn_phys);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    w->zp.arc = (struct arc *)&fake; /* only asked whether it is there */
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    struct dnode *dn = hold(w, 1);
    unsigned before = fake.prefetches;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(dmu_read(dn, (uint64_t)(i * 7919 % N) * SIZE, block, SIZE), 0);
    assert_int_equal(fake.prefetches, before);
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(dmu_read(dn, (uint64_t)i * SIZE, block, SIZE), 0);
        assert_int_equal(dmu_read(dn, (uint64_t)(1000 + i) * SIZE, block, SIZE), 0);
    }
    unsigned asked = fake.prefetches - before;
    assert_true(asked >= 2 * 64);
    assert_true(asked <= N + 100);
    for (unsigned i = 40; i < 1000; i++)
        assert_int_equal(dmu_read(dn, (uint64_t)i * SIZE, block, SIZE), 0);
    assert_true(fake.prefetches - before <= N + 100); /* no block twice */
    dnode_rele(dn);
    close_world(w);
}

/* ---- hostile pointers ---- */

static int open_with_file(struct world *w, const struct dnode_phys *dn_phys, struct dnode **dn)
{
    put_dnode(w, 1, dn_phys);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    return dnode_hold(w->os, 1, dn);
}

static void pointers_that_do_not_belong(void **state)
{
    uint8_t block[4096] = {0}, buf[512];
    struct dnode_phys good = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    good.nblkptr = 1;
    for (unsigned i = 0; i < 4; i++) {
        struct world *w = calloc(1, sizeof(*w));
        struct dnode_phys p = good;
        struct dnode *dn;
        switch (i) {
        case 0: /* a level-1 block as data */
            p.blkptr[0] = fake_write(block, 512, OBJTYPE_PLAIN_FILE, 1, 10, 1, false);
            break;
        case 1: /* larger than the object's blocks */
            p.blkptr[0] = fake_write(block, 1024, OBJTYPE_PLAIN_FILE, 0, 10, 1, false);
            break;
        case 2: /* an indirect block that is too small */
            p.nlevels = 2;
            p.maxblkid = 3;
            p.blkptr[0] = fake_write(block, 2048, OBJTYPE_PLAIN_FILE, 1, 10, 1, false);
            break;
        default: /* a data block as an indirect one */
            p.nlevels = 2;
            p.maxblkid = 3;
            p.blkptr[0] = fake_write(block, 4096, OBJTYPE_PLAIN_FILE, 0, 10, 1, false);
        }
        assert_int_equal(open_with_file(w, &p, &dn), 0);
        assert_int_equal(dmu_read(dn, 0, buf, 512), ZE_BADBP);
        assert_int_equal(dmu_read_uncached(dn, 0, buf, 512), ZE_BADBP);
        dnode_rele(dn);
        close_world(w);
    }
}

/* A single smaller block (its object has grown since) is filled up with zeros. */
static void short_block_is_extended(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    uint8_t block[512], buf[2048];
    memset(block, 7, sizeof(block));
    struct dnode_phys p = fake_dnode(OBJTYPE_PLAIN_FILE, 2048);
    p.blkptr[0] = fake_write(block, 512, OBJTYPE_PLAIN_FILE, 0, 10, 1, false);
    struct dnode *dn;
    assert_int_equal(open_with_file(w, &p, &dn), 0);
    assert_int_equal(dmu_read(dn, 0, buf, 2048), 0);
    assert_int_equal(buf[511], 7);
    assert_int_equal(buf[512], 0);
    assert_int_equal(buf[2047], 0);
    dnode_rele(dn);
    close_world(w);
}

/* Fill counts that promise data everywhere while one shared block holds none: the search gives up.
 */
static void lying_fill_counts_end(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct blkptr level[32] = {0};
    struct dnode_phys p = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    p.nblkptr = 1;
    struct blkptr bp = fake_write(level, sizeof(level), OBJTYPE_PLAIN_FILE, 1, 10, 5, false);
    for (unsigned l = 2; l <= 7; l++) {
        for (unsigned i = 0; i < 32; i++)
            level[i] = bp;
        bp = fake_write(level, sizeof(level), OBJTYPE_PLAIN_FILE, l, 10, 1000, false);
    }
    p.blkptr[0] = bp;
    p.nlevels = 8;
    p.maxblkid = ((uint64_t)1 << 35) - 1;
    struct dnode *dn;
    assert_int_equal(open_with_file(w, &p, &dn), 0);
    uint64_t off = 0;
    assert_int_equal(dmu_next_offset(dn, false, &off), ZE_BADDNODE);
    assert_true(fake.reads < 2000);
    dnode_rele(dn);
    close_world(w);
}

static void bad_roots(void **state)
{
    struct zio_pool zp = {0};
    struct objset *os;
    struct objset_phys phys = {.type = OBJSET_TYPE_ZFS};
    struct blkptr bp = {0};
    assert_int_equal(objset_open(&zp, 1, &bp, 0, &os), 0); /* a hole: empty */
    uint64_t object = 0;
    assert_int_equal(objset_next_object(os, &object), ZE_NOENT);
    struct dnode *dn;
    assert_int_equal(dnode_hold(os, 1, &dn), ZE_NOENT);
    objset_close(os);
    bp = fake_write(&phys, 1536, OBJTYPE_OBJSET, 0, 1, 0, false);
    assert_int_equal(objset_open(&zp, 1, &bp, 0, &os), ZE_BADOBJSET);
    bp = fake_write(&phys, 4096, OBJTYPE_DNODE, 0, 1, 0, false);
    assert_int_equal(objset_open(&zp, 1, &bp, 0, &os), ZE_BADOBJSET);
    phys.meta_dnode = fake_dnode(OBJTYPE_DNODE, 8192); /* dnode blocks are always 16 KiB */
    bp = fake_write(&phys, 4096, OBJTYPE_OBJSET, 0, 1, 0, false);
    assert_int_equal(objset_open(&zp, 1, &bp, 0, &os), ZE_BADOBJSET);
    assert_null(zp.dmu);
    fake_reset();
}

/* ---- encrypted without key ---- */

static void protect(struct blkptr *bp)
{
    BITS_SET(bp->prop, 61, 1, 1);
}

static void raw_dnodes_hide_their_bonus(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    build_large(w);
    struct objset_phys phys = {.type = OBJSET_TYPE_ZFS};
    phys.meta_dnode = fake_dnode(OBJTYPE_DNODE, DNODE_BLOCK_SIZE);
    phys.meta_dnode.blkptr[0] =
        fake_write(w->slots, DNODE_BLOCK_SIZE, OBJTYPE_DNODE, 0, 10, 1, false);
    protect(&phys.meta_dnode.blkptr[0]);
    w->root = fake_write(&phys, 4096, OBJTYPE_OBJSET, 0, 10, 1, false);
    protect(&w->root);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, OBJSET_RAW, &w->os), 0);
    assert_int_equal(fake.last_flags, ZIO_RAW);
    struct dnode *dn = hold(w, LARGE);
    assert_int_equal(fake.last_flags, ZIO_RAW);
    assert_true(dnode_bonus_is_encrypted(dn));
    assert_int_equal(dnode_bonus(dn).len, 0);
    dnode_rele(dn);
    close_world(w);
}

static void unprotected_block_in_encrypted_set(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    build_large(w);
    w->root = fake_objset(w->slots, SLOTS, 4096, false);
    protect(&w->root);
    assert_int_equal(objset_open(&w->zp, 21, &w->root, 0, &w->os), 0);
    struct dnode *dn;
    assert_int_equal(dnode_hold(w->os, LARGE, &dn), ZE_AUTH);
    close_world(w);
}

/* ---- traversal ---- */

struct seen {
    unsigned blocks, done, dnodes, errors, data;
    unsigned indblkshift;
    struct bookmark last;
    bool any;
    uint64_t skip; /* object whose blocks are not wanted */
    struct bookmark at[400];
    unsigned n;
};

static int see(void *arg, const struct traverse_visit *v)
{
    struct seen *s = arg;
    if (v->event == TRAVERSE_ERROR) {
        s->errors++;
        return 0;
    }
    if (v->event == TRAVERSE_BLOCK_DONE) {
        s->done++;
        return 0;
    }
    if (s->any)
        assert_true(traverse_bookmark_compare(&s->last, 12, &v->zb, 12) < 0);
    s->last = v->zb;
    s->any = true;
    if (s->n < array_len(s->at))
        s->at[s->n++] = v->zb;
    if (v->event == TRAVERSE_DNODE) {
        s->dnodes++;
        return v->zb.object == s->skip ? TRAVERSE_SKIP : 0;
    }
    s->blocks++;
    s->data += v->zb.level == 0 && v->zb.object != 0;
    return 0;
}

static struct traverse walk_of(struct world *w, struct seen *s)
{
    *s = (struct seen){0};
    return (struct traverse){.pool = &w->zp,
                             .dataset = 21,
                             .root = w->root,
                             .flags = TRAVERSE_PRE | TRAVERSE_POST | TRAVERSE_DNODES,
                             .prio = VDEV_PRIO_SCRUB,
                             .fn = see,
                             .arg = s};
}

static void traversal_sees_every_block_in_order(void **state)
{
    for (unsigned foreign = 0; foreign < 2; foreign++) {
        struct world *w = open_world(foreign, 4096);
        struct seen s;
        struct traverse t = walk_of(w, &s);
        assert_int_equal(traverse_objset(&t), 0);
        assert_int_equal(s.blocks, fake.n - 1); /* all that was written */
        assert_int_equal(s.done, s.blocks);
        assert_int_equal(s.dnodes, 5);
        assert_int_equal(s.data, 6);
        t = walk_of(w, &s);
        s.skip = FILE_SPARSE;
        assert_int_equal(traverse_objset(&t), 0);
        assert_int_equal(s.data, 2);
        t = walk_of(w, &s);
        t.min_txg = 10;
        assert_int_equal(traverse_objset(&t), 0);
        assert_int_equal(s.blocks, 0);
        close_world(w);
    }
}

static int count_hole(void *arg, const struct traverse_visit *v)
{
    *(unsigned *)arg += v->event == TRAVERSE_BLOCK && bp_is_hole(v->bp);
    return 0;
}

/* Holes: those born later than min_txg; those without birth only if asked for. */
static void traversal_of_holes(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct dnode_phys p = fake_dnode(OBJTYPE_PLAIN_FILE, 512);
    p.maxblkid = 1; /* the third pointer is behind the end */
    p.blkptr[0].birth = 12;
    BITS_SET(p.blkptr[0].prop, 48, 8, OBJTYPE_PLAIN_FILE);
    struct dnode *dn;
    assert_int_equal(open_with_file(w, &p, &dn), 0);
    static const struct {
        unsigned flags;
        uint64_t min_txg;
        unsigned holes;
    } step[] = {{0, 0, 0},
                {TRAVERSE_HOLES, 11, 1},
                {TRAVERSE_HOLES, 12, 0},
                {TRAVERSE_UNBORN_HOLES, 0, 1},
                {TRAVERSE_HOLES | TRAVERSE_UNBORN_HOLES, 11, 2}};
    for (unsigned i = 0; i < array_len(step); i++) {
        unsigned holes = 0;
        struct traverse t = {.pool = &w->zp,
                             .flags = TRAVERSE_PRE | step[i].flags,
                             .min_txg = step[i].min_txg,
                             .fn = count_hole,
                             .arg = &holes};
        assert_int_equal(traverse_dnode(&t, 1, dnode_phys(dn)), 0);
        assert_int_equal(holes, step[i].holes);
    }
    dnode_rele(dn);
    close_world(w);
}

static void traversal_resumes_anywhere(void **state)
{
    struct world *w = open_world(false, 4096);
    struct seen whole, part;
    struct traverse t = walk_of(w, &whole);
    t.flags &= ~(unsigned)TRAVERSE_POST;
    assert_int_equal(traverse_objset(&t), 0);
    for (unsigned i = 1; i < whole.n; i++) {
        t = walk_of(w, &part);
        t.flags &= ~(unsigned)TRAVERSE_POST;
        t.resume = whole.at[i];
        assert_int_equal(traverse_objset(&t), 0);
        assert_int_equal(part.n, whole.n - i);
        assert_memory_equal(part.at, whole.at + i, part.n * sizeof(part.at[0]));
    }
    close_world(w);
}

static void traversal_continues_after_errors(void **state)
{
    struct world *w = open_world(false, 4096);
    struct dnode *dn = hold(w, FILE_SPARSE);
    struct blkptr bp;
    assert_int_equal(dmu_blkptr(dn, 1, 1, &bp), 0); /* holds blocks 40 and 41 */
    dnode_rele(dn);
    fake.fail = fake_number(&bp);
    struct seen s;
    struct traverse t = walk_of(w, &s);
    assert_int_equal(traverse_objset(&t), ZE_CKSUM);
    t = walk_of(w, &s);
    t.flags |= TRAVERSE_CONTINUE;
    assert_int_equal(traverse_objset(&t), 0);
    assert_int_equal(s.errors, 1);
    assert_int_equal(s.data, 4);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native_and_foreign_byte_order),
        cmocka_unit_test(data_and_holes),
        cmocka_unit_test(pins),
        cmocka_unit_test(errors_are_told_and_not_kept),
        cmocka_unit_test(listing_goes_on_after_damage),
        cmocka_unit_test(concurrent_readers_share_one_read),
        cmocka_unit_test(cache_is_bounded),
        cmocka_unit_test(zap_indexes_are_bounded),
        cmocka_unit_test(many_readers),
        cmocka_unit_test(read_ahead),
        cmocka_unit_test(pointers_that_do_not_belong),
        cmocka_unit_test(short_block_is_extended),
        cmocka_unit_test(lying_fill_counts_end),
        cmocka_unit_test(bad_roots),
        cmocka_unit_test(raw_dnodes_hide_their_bonus),
        cmocka_unit_test(unprotected_block_in_encrypted_set),
        cmocka_unit_test(traversal_sees_every_block_in_order),
        cmocka_unit_test(traversal_of_holes),
        cmocka_unit_test(traversal_resumes_anywhere),
        cmocka_unit_test(traversal_continues_after_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
