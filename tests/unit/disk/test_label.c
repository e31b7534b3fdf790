/* SPDX-License-Identifier: MIT */
/*
 * Labels and uberblocks: the geometry and bytes of format/pool.md 25, the reflow words of
 * raid.md 22.3, and the ring of a real pool against what zdb -lu prints.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../fixture.h"
#include "../hex.h"
#include "base/err.h"
#include "disk/label.h"
#include "disk/uberblock.h"

static void geometry(void **state)
{
    uint64_t psize = label_psize((256ull << 20) + 12345);

    assert_int_equal(psize, 256ull << 20);
    assert_int_equal(label_offset(psize, 0, 0), 0);
    assert_int_equal(label_offset(psize, 1, 0), 0x40000);
    assert_int_equal(label_offset(psize, 2, 0), 0xff80000);
    assert_int_equal(label_offset(psize, 3, 0), 0xffc0000);
    assert_int_equal(label_asize(psize), 263716864);
    assert_int_equal(label_asize(32 << 20), 0);
    assert_int_equal(LABEL_NVLIST_MAX, 114648);
    /* ring: txg 453 at ashift 12, txg 180 at ashift 9 */
    assert_int_equal(label_slot_count(12), 32);
    assert_int_equal(label_slot_inner(12, 453 % 32), 0x25000);
    assert_int_equal(label_slot_count(9), 128);
    assert_int_equal(label_slot_inner(9, 180 % 128), 0x2d000);
    assert_int_equal(label_slot_size(14), 8192);
    assert_int_equal(label_slot_count(16), 16);
}

static const char chapter_uberblock[] =
    "0cb1ba0000000000 8813000000000000 c501000000000000 c0814ade8212d510 cb17016b00000000"
    "0800000000000000 7083000000000000 0800000002000000 c802050000000000 0800000000000000"
    "5000010000000000 0700070002070b80 0000000000000000 0000000000000000 0000000000000000"
    "c501000000000000 9200000000000000 ff58bf1d03000000 75f8956ef40b0000 f265acaab0f41600"
    "804ef99a90066b1d 8813000000000000 11ea1ca100000000 0000000000000000 0000000000000000"
    "0000000000000000 0000000000000000";

static void chapter_example(void **state)
{
    _Alignas(8) uint8_t raw[216];
    struct uberblock ub, other;

    hex_bytes(chapter_uberblock, raw, sizeof(raw));
    assert_int_equal(uberblock_load(&ub, raw, sizeof(raw)), 0);
    assert_int_equal(ub.txg, 453);
    assert_int_equal(ub.version, 5000);
    assert_int_equal(ub.rootbp.fill, 146);
    assert_int_equal(dva_vdev(&ub.rootbp.dva[1]), 2);
    assert_true(uberblock_mmp_valid(&ub));
    assert_false(uberblock_mmp_has_seq(&ub));
    /* the same uberblock from a machine of the other order */
    bswap64_array(raw, sizeof(raw));
    assert_int_equal(uberblock_load(&other, raw, sizeof(raw)), 0);
    assert_memory_equal(&ub, &other, sizeof(ub));
    assert_int_equal(uberblock_compare(&ub, &other), 0);

    other.txg++;
    assert_true(uberblock_compare(&ub, &other) < 0);
    other.txg--;
    other.timestamp--;
    assert_true(uberblock_compare(&ub, &other) > 0);
    other.timestamp++;
    other.mmp_config = 0x000a00010003e807; /* interval 1000 ms, seq 1, fail 10 */
    assert_int_equal(uberblock_mmp_interval(&other), 1000);
    assert_int_equal(uberblock_mmp_seq(&other), 1);
    assert_int_equal(uberblock_mmp_fail_intervals(&other), 10);
    assert_true(uberblock_compare(&ub, &other) < 0);

    assert_int_equal(uberblock_load(&other, raw, 215), ZE_BADUB);
    raw[7] ^= 1;
    assert_int_equal(uberblock_load(&other, raw, sizeof(raw)), ZE_BADUB);
}

static void reflow_words(void **state)
{
    static const struct {
        uint64_t word;
        unsigned scratch;
        uint64_t offset;
    } t[] = {{0x0080000000008c00, UBERBLOCK_SCRATCH_VALID, 18350080},
             {0x0100000000008c00, UBERBLOCK_SCRATCH_INVALID_SYNCED, 18350080},
             {0x0200000000008c00, UBERBLOCK_SCRATCH_INVALID_SYNCED_REFLOW, 18350080},
             {0x020000000000aee0, UBERBLOCK_SCRATCH_INVALID_SYNCED_REFLOW, 22921216},
             {0x02000000002f4148, UBERBLOCK_SCRATCH_INVALID_SYNCED_REFLOW, 1585614848}};

    for (size_t i = 0; i < array_len(t); i++) {
        struct uberblock ub = {.raidz_reflow_info = t[i].word};
        assert_int_equal(uberblock_reflow_state(&ub), t[i].scratch);
        assert_int_equal(uberblock_reflow_offset(&ub), t[i].offset);
    }
}

/* What zdb -lu prints for slot 0 of the fixture basic-single. */
static const char zdb_slot0[] =
    "\tmagic = 0000000000bab10c\n\tversion = 5000\n\ttxg = 256\n\tguid_sum = 17540053116386987357\n"
    "\ttimestamp = 1795235851 UTC = Sat Nov 21 04:37:31 2026\n"
    "\tbp = DVA[0]=<0:c3cac00:200> DVA[1]=<0:e01ee00:200> DVA[2]=<0:2028c00:200> [L0 DMU objset] "
    "fletcher4 lz4 unencrypted LE contiguous unique triple size=1000L/200P birth=256L/256P "
    "fill=473 "
    "cksum=00000007a46e388d:00000313cab8bfef:0000a17b381dfe4e:00167a1812460aaa\n"
    "\tmmp_magic = 00000000a11cea11\n\tmmp_delay = 0\n\tmmp_valid = 0\n\tcheckpoint_txg = 0\n"
    "\traidz_reflow state=0 off=0\n";

static void real_ring(void **state)
{
    static uint8_t ring[LABEL_RING_SIZE];
    const char *why = NULL;
    char *text = NULL;
    size_t len = 0;
    unsigned good = 0, best = 0;
    int fd = fixture_open("basic-single", "d0", &why);

    if (fd < 0) {
        print_message("# SKIP %s\n", why);
        skip();
    }
    setenv("TZ", "UTC", 1);
    tzset();
    assert_int_equal(pread(fd, ring, sizeof(ring), LABEL_RING_OFFSET), sizeof(ring));
    close(fd);
    for (unsigned s = 0; s < label_slot_count(9); s++) {
        struct uberblock ub;
        if (uberblock_load(&ub, ring + s * label_slot_size(9), label_slot_size(9)) != 0)
            continue;
        assert_int_equal(ub.txg % label_slot_count(9), s);
        good++;
        best = max_of(best, (unsigned)ub.txg);
    }
    assert_int_equal(good, 128);
    assert_int_equal(best, 379);
    struct uberblock ub;
    assert_int_equal(uberblock_load(&ub, ring, 1024), 0);
    FILE *f = open_memstream(&text, &len);
    uberblock_dump(&ub, f);
    fclose(f);
    assert_string_equal(text, zdb_slot0);
    free(text);
}

/* zdb -lu on a slot rewritten with these words. */
static void mmp_dump(void **state)
{
    static const char expect[] =
        "\tmmp_magic = 00000000a11cea11\n\tmmp_delay = 123456789\n\tmmp_seq = 1\n"
        "\tmmp_fail = 10\n\tmmp_write = 1000\n\tmmp_valid = 7\n"
        "\tcheckpoint_txg = 7\n\traidz_reflow state=4 off=1585614848\n";
    struct uberblock ub = {.magic = UBERBLOCK_MAGIC,
                           .mmp_magic = UBERBLOCK_MMP_MAGIC,
                           .mmp_delay = 123456789,
                           .mmp_config = 0x000a00010003e807,
                           .checkpoint_txg = 7,
                           .raidz_reflow_info = 0x02000000002f4148};
    char *text = NULL;
    size_t len;

    FILE *f = open_memstream(&text, &len);
    uberblock_dump(&ub, f);
    fclose(f);
    assert_string_equal(strstr(text, "\tmmp_magic"), expect);
    free(text);
}

static void spare_label(void **state)
{
    static uint8_t block[LABEL_VDEV_SIZE];
    struct nvlist *nv = NULL;

    hex_bytes("01010000 00000000 00000001 00000024 00000020 00000007 76657273 696f6e00"
              "00000008 00000001 00000000 00001388 00000024 00000020 00000005 73746174"
              "65000000 00000008 00000001 00000000 00000003 00000020 00000020 00000004"
              "67756964 00000008 00000001 01234567 89abcdef 00000024 00000028 00000004"
              "70617468 00000009 00000001 00000008 2f646576 2f736478 00000000 00000000",
              block, sizeof(block));
    assert_int_equal(label_config_decode(span_of(block, sizeof(block)), &nv), 0);
    assert_int_equal(label_config_validate(nv), 0); /* a spare: no pool, no tree */
    assert_int_equal(nvlist_u64(nv, "guid", 0), 0x0123456789abcdef);
    nvlist_add_u64(nv, "state", 0);
    assert_int_equal(label_config_validate(nv), ZE_BADLABEL);
    nvlist_free(nv);
    assert_int_equal(label_config_decode(span_of(block, 1000), &nv), ZE_BADLABEL);
}

static void boot_environment(void **state)
{
    static uint8_t block[LABEL_BOOTENV_SIZE];
    struct nvlist *nv = NULL;

    assert_int_equal(label_bootenv_decode(span_of(block, sizeof(block)), &nv), 0);
    assert_int_equal(nvlist_u64(nv, "version", 9), LABEL_BOOTENV_RAW);
    assert_string_equal(nvlist_string(nv, "grub:envmap", "x"), "");
    nvlist_free(nv);

    assert_int_equal(nvlist_create(&nv), 0);
    nvlist_add_u64(nv, "version", LABEL_BOOTENV_NVLIST);
    nvlist_add_string(nv, "freebsd:bootonce", "zfs:tank/ROOT");
    assert_int_equal(label_bootenv_encode(nv, block), 0);
    nvlist_free(nv);
    nv = NULL;
    assert_int_equal(block[7], 1); /* big-endian version */
    assert_int_equal(label_bootenv_decode(span_of(block, sizeof(block)), &nv), 0);
    assert_string_equal(nvlist_string(nv, "freebsd:bootonce", ""), "zfs:tank/ROOT");
    nvlist_free(nv);
    nv = NULL;
    memset(block, 'a', sizeof(block)); /* neither form: an old loader's string */
    block[5] = 0;
    assert_int_equal(label_bootenv_decode(span_of(block, sizeof(block)), &nv), 0);
    assert_string_equal(nvlist_string(nv, "freebsd:bootonce", ""), "aaaaa");
    nvlist_free(nv);
    assert_int_equal(label_bootenv_decode(span_of(block, 100), &nv), ZE_BADLABEL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geometry),         cmocka_unit_test(chapter_example),
        cmocka_unit_test(reflow_words),     cmocka_unit_test(real_ring),
        cmocka_unit_test(mmp_dump),         cmocka_unit_test(spare_label),
        cmocka_unit_test(boot_environment),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
