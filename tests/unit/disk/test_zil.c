/* SPDX-License-Identifier: MIT */
/*
 * Log blocks and records (format/zpl-zil.md 14, 21): every record type taken apart, in both byte
 * orders, and damaged ones refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/span.h"
#include "disk/zil_phys.h"

#define BLOCK 8192

struct builder {
    _Alignas(8) uint8_t block[BLOCK];
    size_t at;
    uint64_t seq;
};

static void begin(struct builder *b)
{
    memset(b, 0, sizeof(*b));
    b->at = ZIL_CHAIN_SIZE;
}

/* A record of `fixed` bytes plus a tail; returns it for filling in. */
static void *add(struct builder *b, uint64_t type, size_t fixed, const void *tail, size_t len)
{
    uint8_t *rec = b->block + b->at;
    struct lr_head *h = (struct lr_head *)(void *)rec;

    *h = (struct lr_head){type, round_up_pow2(fixed + len, 8), 32, ++b->seq};
    memcpy(rec + fixed, tail, len);
    b->at += h->reclen;
    return rec;
}

static void finish(struct builder *b)
{
    struct zil_chain_phys *zc = (struct zil_chain_phys *)(void *)b->block;
    zc->nused = b->at;
    zc->magic = 0x0210da7ab10c7a11;
}

/* TX_ACL: one plain ACE and one object ACE, two FUIDs, one domain. */
static void add_acl(struct builder *b)
{
    _Alignas(8) uint8_t tail[12 + 44 + 16 + 16] = {0};
    store_ne32(tail, 501);        /* who */
    store_ne32(tail + 4, 0x1f01); /* mask */
    store_ne16(tail + 8, 0x40);
    store_ne16(tail + 12 + 10, 5); /* object ACE */
    store_ne64(tail + 56, 0x100000001);
    store_ne64(tail + 64, 0x100000002);
    strcpy((char *)tail + 72, "S-1-5-21-1-2-3");
    struct lr_acl *lr = add(b, ZIL_TX_ACL, sizeof(*lr), tail, sizeof(tail));
    lr->foid = 9;
    lr->aclcnt = 2;
    lr->domcnt = 1;
    lr->fuidcnt = 2;
    lr->acl_bytes = 56;
}

static void build(struct builder *b)
{
    begin(b);
    struct lr_create *c = add(b, ZIL_TX_CREATE | ZIL_CI, sizeof(*c), "new1", 5);
    c->doid = 34;
    c->foid = 128 | (uint64_t)1 << 56;
    c->mode = 0100644;
    struct lr_create *s = add(b, ZIL_TX_SYMLINK, sizeof(*s), "ln\0/target", 11);
    s->doid = 34;
    struct lr_rename *r = add(b, ZIL_TX_RENAME, sizeof(*r), "old\0new", 8);
    r->tdoid = 35;
    struct lr_write *w = add(b, ZIL_TX_WRITE, sizeof(*w), "some data", 9);
    w->length = 9;
    w->offset = 4096;
    struct lr_setattr *a =
        add(b, ZIL_TX_SETATTR, sizeof(*a), (struct lr_xvattr[1]){{.masksize = 3}}, 72);
    a->mask = LR_SETATTR_XVATTR | LR_SETATTR_MODE;
    struct lr_setsaxattr *x = add(b, ZIL_TX_SETSAXATTR, sizeof(*x), "user.foo\0bar", 12);
    x->size = 3;
    add_acl(b);
    struct blkptr bps[2] = {{.prop = 0x80130702000f000f}, {.prop = 0x80130702000f000f}};
    dva_set(&bps[0].dva[0], 0, 0x10000, 0x2000, false);
    dva_set(&bps[1].dva[0], 0, 0x20000, 0x2000, false);
    struct lr_clone_range *k = add(b, ZIL_TX_CLONE_RANGE, sizeof(*k), bps, sizeof(bps));
    k->nbps = 2;
    k->blksz = 8192;
    finish(b);
}

static void check(void *block, bool swapped)
{
    struct zil_chain_phys *zc;
    struct zil_record rec;
    struct span records, r;
    size_t pos = 0;

    assert_int_equal(zil_block_load(block, BLOCK, CHECKSUM_ZILOG2, swapped, &zc, &records), 0);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_int_equal(rec.type, ZIL_TX_CREATE);
    assert_true(rec.case_insensitive);
    assert_string_equal(rec.name, "new1");
    assert_int_equal(lr_foid_object(rec.create->foid), 128);
    assert_int_equal(lr_foid_slots(rec.create->foid), 2);
    assert_int_equal(rec.head->reclen, 112); /* as zdb -i shows for a short name */
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_string_equal(rec.name, "ln");
    assert_string_equal(rec.name2, "/target");
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_string_equal(rec.name2, "new");
    assert_int_equal(rec.rename->tdoid, 35);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_int_equal(rec.write->offset, 4096);
    assert_int_equal(rec.data.len, 9);
    assert_memory_equal(rec.data.data, "some data", 9);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_non_null(rec.xvattr);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_string_equal(rec.name, "user.foo");
    assert_int_equal(rec.data.len, 3);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_int_equal(rec.aces.len, 56);
    assert_int_equal(load_ne32(rec.aces.data), 501);
    assert_int_equal(load_ne16(rec.aces.data + 12 + 10), 5);
    assert_int_equal(rec.fuids[1], 0x100000002);
    assert_string_equal((const char *)rec.domains.data, "S-1-5-21-1-2-3");
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    assert_int_equal(zil_record_parse(r, &rec), 0);
    assert_int_equal(rec.clone->nbps, 2);
    assert_int_equal(dva_offset(&rec.bps[1].dva[0]), 0x20000);
    assert_int_equal(zil_record_next(records, &pos, &r), ZE_NOENT);
}

static void native(void **state)
{
    struct builder b;
    build(&b);
    check(b.block, false);
}

static void swapped(void **state)
{
    struct builder b;
    build(&b);
    struct zil_chain_phys *zc = (struct zil_chain_phys *)(void *)b.block;
    uint8_t *p = b.block + ZIL_CHAIN_SIZE;

    /* field by field, with no help of the code under test */
    for (size_t at = 0; at < b.at - ZIL_CHAIN_SIZE;) {
        uint64_t type = load_ne64(p + at) & 0xff, len = load_ne64(p + at + 8);
        size_t fixed = 104, extra64 = 0;
        switch (type) {
        case ZIL_TX_RENAME:
            fixed = 48;
            break;
        case ZIL_TX_WRITE:
            fixed = 192;
            break;
        case ZIL_TX_SETATTR:
            bswap32_array(p + at + 112, 16);
            bswap64_array(p + at + 128, 24);
            fixed = 112;
            break;
        case ZIL_TX_SETSAXATTR:
            fixed = 48;
            break;
        case ZIL_TX_ACL:
            for (unsigned i = 0, o = 80; i < 2; i++, o += 12) {
                bswap32_array(p + at + o, 8);
                bswap16_array(p + at + o + 8, 4);
            }
            bswap64_array(p + at + 80 + 56, 16);
            fixed = 80;
            break;
        case ZIL_TX_CLONE_RANGE:
            fixed = 72;
            extra64 = 256;
            break;
        default:
            break;
        }
        bswap64_array(p + at, fixed + extra64);
        at += len;
    }
    bswap64_array(zc, ZIL_CHAIN_SIZE);
    check(b.block, true);
}

static void old_chain_at_the_end(void **state)
{
    struct builder b;
    struct zil_chain_phys *zc = (struct zil_chain_phys *)(void *)(b.block + BLOCK - ZIL_CHAIN_SIZE),
                          *got;
    struct span records, r;
    size_t pos = 0;

    begin(&b);
    b.at = 0;
    add(&b, ZIL_TX_TRUNCATE, sizeof(struct lr_truncate), "", 0);
    zc->nused = b.at;
    assert_int_equal(zil_block_load(b.block, BLOCK, CHECKSUM_ZILOG, false, &got, &records), 0);
    assert_ptr_equal(got, zc);
    assert_int_equal(records.len, 56);
    assert_int_equal(zil_record_next(records, &pos, &r), 0);
    zc->nused = BLOCK - ZIL_CHAIN_SIZE + 1;
    assert_int_equal(zil_block_load(b.block, BLOCK, CHECKSUM_ZILOG, false, &got, &records),
                     ZE_BADZIL);
}

static int parse_one(struct builder *b)
{
    struct zil_chain_phys *zc;
    struct zil_record rec;
    struct span records, r;
    size_t pos = 0;

    finish(b);
    int err = zil_block_load(b->block, BLOCK, CHECKSUM_ZILOG2, false, &zc, &records);
    if (err == 0)
        err = zil_record_next(records, &pos, &r);
    return err != 0 ? err : zil_record_parse(r, &rec);
}

static void hostile(void **state)
{
    struct builder b;

    begin(&b);
    add(&b, 25, 32, "", 0);
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* unknown type */
    begin(&b);
    add(&b, ZIL_TX_CREATE, 96, "", 0);
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* shorter than its fixed part */
    begin(&b);
    add(&b, ZIL_TX_CREATE, sizeof(struct lr_create), "12345678", 8);
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* name without end */
    begin(&b);
    add(&b, ZIL_TX_RENAME, sizeof(struct lr_rename), "1234567", 8);
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* one name only */
    begin(&b);
    ((struct lr_write *)add(&b, ZIL_TX_WRITE, sizeof(struct lr_write), "x", 1))->length = 9;
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* more data than there is */
    begin(&b);
    ((struct lr_clone_range *)add(&b, ZIL_TX_CLONE_RANGE, sizeof(struct lr_clone_range), "", 0))
        ->nbps = UINT64_MAX / 128 + 1;
    assert_int_equal(parse_one(&b), ZE_BADZIL);
    begin(&b);
    ((struct lr_acl_v0 *)add(&b, ZIL_TX_ACL_V0, sizeof(struct lr_acl_v0), "", 0))->aclcnt =
        UINT64_MAX;
    assert_int_equal(parse_one(&b), ZE_BADZIL);
    begin(&b);
    ((struct lr_head *)add(&b, ZIL_TX_TRUNCATE, 56, "", 0))->reclen = 64;
    assert_int_equal(parse_one(&b), ZE_BADZIL); /* beyond nused */
    begin(&b);
    ((struct lr_head *)add(&b, ZIL_TX_TRUNCATE, 56, "", 0))->reclen = 0;
    assert_int_equal(parse_one(&b), ZE_BADZIL);
    begin(&b);
    ((struct lr_setattr *)add(&b, ZIL_TX_SETATTR, sizeof(struct lr_setattr), "", 0))->mask =
        LR_SETATTR_XVATTR;
    assert_int_equal(parse_one(&b), ZE_BADZIL);
}

static void chain(void **state)
{
    struct blkptr a = {.prop = 1, .cksum = {{1, 2, 69, 7}}}, n = a;

    dva_set(&n.dva[0], 0, 0x1000, 0x1000, false);
    n.cksum.word[3] = 8;
    assert_true(zil_chain_follows(&a, &n));
    n.cksum.word[0] = 9;
    assert_false(zil_chain_follows(&a, &n));
    n.cksum.word[0] = 1;
    memset(n.dva, 0, sizeof(n.dva));
    assert_false(zil_chain_follows(&a, &n)); /* a hole ends the chain */
    assert_string_equal(zil_txtype_name(ZIL_TX_WRITE | ZIL_CI), "TX_WRITE");
    assert_string_equal(zil_txtype_name(0), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(native),
        cmocka_unit_test(swapped),
        cmocka_unit_test(old_chain_at_the_end),
        cmocka_unit_test(hostile),
        cmocka_unit_test(chain),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
