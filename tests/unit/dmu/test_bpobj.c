/* SPDX-License-Identifier: MIT */
/* bpobjs of all header versions, sub-objects, damage; on objects in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "dmu/bpobj.h"

#define OBJECTS 40u

struct mem_object {
    unsigned type;
    uint64_t bonus[7];
    size_t bonus_len;
    uint64_t size;
    _Alignas(8) uint8_t data[4096];
};

struct mem_mos {
    struct bpobj_source src;
    struct mem_object object[OBJECTS];
};

static int mem_info(struct bpobj_source *src, uint64_t object, struct bpobj_object *out)
{
    struct mem_mos *m = container_of(src, struct mem_mos, src);
    if (object >= OBJECTS || m->object[object].type == 0)
        return err_raise(ZE_NOENT, "object %llu", (unsigned long long)object);
    const struct mem_object *o = &m->object[object];
    *out = (struct bpobj_object){.type = o->type,
                                 .bonustype = o->type == OBJTYPE_BPOBJ ? OBJTYPE_BPOBJ_HEADER : 0,
                                 .size = o->size,
                                 .bonus_len = o->bonus_len};
    memcpy(out->bonus, o->bonus, sizeof(o->bonus));
    return 0;
}

static int mem_read(struct bpobj_source *src, uint64_t object, uint64_t off, void *buf,
                    uint64_t len)
{
    struct mem_mos *m = container_of(src, struct mem_mos, src);
    assert_true(object < OBJECTS && off + len <= m->object[object].size);
    memcpy(buf, m->object[object].data + off, len);
    return 0;
}

static struct mem_mos *new_mos(void)
{
    struct mem_mos *m = calloc(1, sizeof(*m));
    m->src = (struct bpobj_source){mem_info, mem_read};
    return m;
}

static struct mem_object *new_bpobj(struct mem_mos *m, unsigned object, size_t bonus_len)
{
    struct mem_object *o = &m->object[object];
    o->type = OBJTYPE_BPOBJ;
    o->bonus_len = bonus_len;
    o->size = sizeof(o->data);
    return o;
}

static void put_bp(struct mem_object *o, uint64_t birth, bool freed)
{
    struct blkptr *bp = (struct blkptr *)o->data + o->bonus[0]++;
    *bp = (struct blkptr){.birth = birth, .fill = freed};
    dva_set(&bp->dva[0], 0, birth << 9, 512, false);
    BITS_SET(bp->prop, 32, 7, 2);
    BITS_SET(bp->prop, 40, 8, 7);
    BITS_SET(bp->prop, 48, 8, 19);
}

static void put_sub(struct mem_mos *m, unsigned parent, unsigned list, unsigned object)
{
    struct mem_object *l = &m->object[list];
    l->type = OBJTYPE_BPOBJ_SUBOBJ;
    l->size = sizeof(l->data);
    m->object[parent].bonus[4] = list;
    ((uint64_t *)l->data)[m->object[parent].bonus[5]++] = object;
}

struct tally {
    uint64_t births, freed, n;
    uint64_t stop_at;
};

static int count_bp(void *arg, const struct blkptr *bp, bool freed)
{
    struct tally *t = arg;
    t->births += bp->birth;
    t->freed += freed;
    return ++t->n == t->stop_at ? ZE_CANCELED : 0;
}

static int tally_of(struct mem_mos *m, unsigned object, struct tally *t)
{
    struct bpobj *bpo;
    int err = bpobj_open_source(&m->src, object, &bpo);
    if (err != 0)
        return err;
    err = bpobj_iterate(bpo, count_bp, t);
    bpobj_close(bpo);
    return err;
}

static void headers_of_all_ages(void **state)
{
    static const struct {
        size_t len;
        bool comp, freed;
    } v[] = {{16, false, false}, {32, true, false}, {48, true, false}, {56, true, true}};
    for (unsigned i = 0; i < 4; i++) {
        struct mem_mos *m = new_mos();
        struct mem_object *o = new_bpobj(m, 1, v[i].len);
        put_bp(o, 5, false);
        o->bonus[1] = 512;
        o->bonus[2] = 512;
        o->bonus[3] = 1024;
        struct bpobj *bpo;
        struct bpobj_space s;
        assert_int_equal(bpobj_open_source(&m->src, 1, &bpo), 0);
        bpobj_space(bpo, &s);
        assert_int_equal(s.bytes, 512);
        assert_int_equal(s.uncomp, v[i].comp ? 1024 : 0);
        assert_int_equal(s.has_comp, v[i].comp);
        assert_int_equal(bpobj_counts_freed(bpo), v[i].freed);
        assert_false(bpobj_is_empty(bpo));
        bpobj_close(bpo);
        struct tally t = {0};
        assert_int_equal(tally_of(m, 1, &t), 0);
        assert_int_equal(t.births, 5);
        free(m);
    }
}

static int count_object(void *arg, uint64_t object)
{
    *(uint64_t *)arg += (uint64_t)1 << object;
    return 0;
}

static void entries_of_the_whole_tree(void **state)
{
    struct mem_mos *m = new_mos();
    for (unsigned i = 1; i <= 4; i++) {
        struct mem_object *o = new_bpobj(m, i, 56);
        put_bp(o, i, i == 3);
        put_bp(o, 10 * i, false);
        o->bonus[6] = i == 3;
    }
    put_sub(m, 1, 11, 2);
    put_sub(m, 1, 11, 3);
    put_sub(m, 3, 13, 4);
    struct tally t = {0};
    assert_int_equal(tally_of(m, 1, &t), 0);
    assert_int_equal(t.n, 8);
    assert_int_equal(t.births, 110);
    assert_int_equal(t.freed, 1);
    t = (struct tally){.stop_at = 5};
    assert_int_equal(tally_of(m, 1, &t), ZE_CANCELED);
    assert_int_equal(t.n, 5);
    struct bpobj *bpo;
    uint64_t set = 0;
    t = (struct tally){0};
    assert_int_equal(bpobj_open_source(&m->src, 1, &bpo), 0);
    assert_int_equal(bpobj_each_object(bpo, count_object, &set), 0);
    assert_int_equal(set, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 11 | 1 << 13);
    assert_int_equal(bpobj_iterate_own(bpo, count_bp, &t), 0);
    assert_int_equal(t.n, 2);
    bpobj_close(bpo);
    free(m);
}

static void loops_and_shared_sub_objects(void **state)
{
    struct mem_mos *m = new_mos();
    for (unsigned i = 1; i <= 3; i++)
        new_bpobj(m, i, 48);
    struct tally t = {0};
    put_sub(m, 1, 11, 2);
    put_sub(m, 2, 12, 3);
    assert_int_equal(tally_of(m, 1, &t), 0);
    put_sub(m, 3, 13, 1); /* a loop */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    ((uint64_t *)m->object[13].data)[0] = 2; /* two parents */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    ((uint64_t *)m->object[13].data)[0] = 0;
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    ((uint64_t *)m->object[13].data)[0] = 39;
    assert_int_equal(tally_of(m, 1, &t), ZE_NOENT);
    ((uint64_t *)m->object[13].data)[0] = 11; /* a list, not a bpobj */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADOBJ);
    m->object[3].bonus[5] = 0;
    m->object[3].bonus[4] = 0;
    assert_int_equal(tally_of(m, 1, &t), 0);
    m->object[12].type = OBJTYPE_BPOBJ;
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    free(m);
}

static void damaged_headers_and_entries(void **state)
{
    struct mem_mos *m = new_mos();
    struct mem_object *o = new_bpobj(m, 1, 48);
    struct tally t = {0};
    put_bp(o, 5, false);
    assert_int_equal(tally_of(m, 1, &t), 0);
    o->bonus[0] = 33; /* more than fit */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    o->bonus[0] = 2; /* the second is a hole */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    o->bonus[0] = 1;
    ((struct blkptr *)o->data)->prop |= (uint64_t)0x7f << 48; /* no such type */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADBP);
    o->bonus_len = 8;
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    o->bonus_len = 48;
    o->bonus[5] = 3; /* sub-objects without a list */
    assert_int_equal(tally_of(m, 1, &t), ZE_BADDSL);
    o->type = OBJTYPE_PLAIN_FILE;
    assert_int_equal(tally_of(m, 1, &t), ZE_BADOBJ);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_of_all_ages),
        cmocka_unit_test(entries_of_the_whole_tree),
        cmocka_unit_test(loops_and_shared_sub_objects),
        cmocka_unit_test(damaged_headers_and_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
