/* SPDX-License-Identifier: MIT */
/*
 * Dataset keys on a pool that OpenZFS made (fixture encrypted): key objects, wrong and right keys,
 * what can be read before and after, busy keys. The hash of the volume is the fixture's manifest's.
 */
#include "../hex.h"

#include <openssl/sha.h>

#include "../dmu/pool_rig.h"
#include "../fixture.h"
#include "dsl/crypt_keys.h"

#define VOLUME_SIZE (4u << 20)
#define VOLUME_HASH "0af7f23f6efc8c2de288f0bdc4a0cf85e9b785174e5902b0de43bb79a7387aa1"
#define RAW_KEY     "0123456789abcdef0123456789ABCDEF"
#define HEX_KEY     "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define PASSPHRASE  "correct horse battery\n"

static struct pool_rig rig;
static struct dsl_pool *dp;
static const char *why_not;
static char image[64];
static int fd = -1;

static int setup(void **state)
{
    int err;

    fd = fixture_open("encrypted", "d0", &why_not);
    if (fd < 0)
        return 0;
    snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
    rig.path[rig.images++] = image;
    err = rig_open(&rig);
    if (err == 0)
        err = dsl_pool_open(&rig.zp, rig.mos, "pencrypted", 5000, &dp);
    if (err != 0)
        print_error("%s: %s\n", err_name(err), err_detail());
    return err;
}

static int teardown(void **state)
{
    dsl_pool_close(dp);
    rig_close(&rig);
    if (fd >= 0)
        close(fd);
    return 0;
}

#define NEED_FIXTURE()                                                                             \
    do {                                                                                           \
        if (fd < 0) {                                                                              \
            print_message("skipped: %s\n", why_not);                                               \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static struct dsl_dataset *held(const char *name)
{
    struct dsl_dataset *ds = NULL;

    assert_int_equal(dsl_dataset_hold(dp, name, &ds), 0);
    return ds;
}

static int load(struct dsl_dataset *ds, const char *key, bool dry_run)
{
    return dsl_key_load(ds, (const uint8_t *)key, strlen(key), dry_run);
}

/* First block of object 1, which is enciphered in every encrypted dataset with files or a volume.
 */
static int read_volume(struct dsl_dataset *ds, uint8_t *buf)
{
    struct objset *os;
    struct dnode *dn;
    int err = dsl_dataset_objset(ds, &os);

    if (err == 0)
        err = dnode_hold(os, 1, &dn);
    if (err != 0)
        return err;
    err = dmu_read(dn, 0, buf, VOLUME_SIZE);
    dnode_rele(dn);
    return err;
}

static bool is_loaded(struct dsl_dataset *ds)
{
    uint64_t status = 0;

    assert_int_equal(dsl_prop_u64(ds, "keystatus", &status, NULL, 0), 0);
    return status == 2;
}

static void key_objects(void **state)
{
    static const struct {
        const char *name;
        uint64_t suite, keyformat, iters;
    } want[] = {
        {"pencrypted/ccm-raw", CRYPT_AES_256_CCM, CRYPT_KEYFORMAT_RAW, 0},
        {"pencrypted/ccm128", CRYPT_AES_128_CCM, CRYPT_KEYFORMAT_RAW, 0},
        {"pencrypted/gcm-pass", CRYPT_AES_256_GCM, CRYPT_KEYFORMAT_PASSPHRASE, 100000},
        {"pencrypted/gcm-pass/inner", CRYPT_AES_256_GCM, CRYPT_KEYFORMAT_PASSPHRASE, 100000},
        {"pencrypted/gcm128-hex", CRYPT_AES_128_GCM, CRYPT_KEYFORMAT_HEX, 0}};
    struct dsl_key_info info;
    struct dsl_dataset *ds;
    uint64_t guid;

    NEED_FIXTURE();
    for (unsigned i = 0; i < array_len(want); i++) {
        ds = held(want[i].name);
        assert_int_equal(dsl_dataset_key_info(ds, &info), 0);
        assert_int_equal(info.wrapped.suite, want[i].suite);
        assert_int_equal(info.wrapped.version, 1);
        assert_int_equal(info.keyformat, want[i].keyformat);
        assert_int_equal(info.iters, want[i].iters);
        assert_int_equal(info.salt != 0, want[i].iters != 0);
        assert_int_equal(dsl_dataset_ivset_guid(ds, &guid), ZE_NOENT);
        dsl_dataset_rele(ds);
    }
    ds = held("pencrypted/gcm-pass@e1");
    assert_int_equal(dsl_dataset_key_info(ds, &info), 0);
    assert_int_equal(info.refcount, 2); /* a clone uses it too */
    assert_int_equal(dsl_dataset_ivset_guid(ds, &guid), 0);
    assert_int_not_equal(guid, 0);
    dsl_dataset_rele(ds);
    ds = held("pencrypted/plain");
    assert_int_equal(dsl_dataset_key_info(ds, &info), ZE_NOTENCRYPTED);
    dsl_dataset_rele(ds);
    assert_int_equal(dsl_key_info_read(rig.mos, 1, &info), ZE_BADDSL); /* some other ZAP */
}

static void only_roots_take_keys(void **state)
{
    static const struct {
        const char *name;
        int err;
    } bad[] = {{"pencrypted/plain", ZE_NOTENCRYPTED},
               {"pencrypted/gcm-pass/inner", ZE_NOTENCROOT},
               {"pencrypted/gcm-pass/clone", ZE_NOTENCROOT},
               {"pencrypted/gcm-pass@e1", ZE_NOTENCROOT}};

    NEED_FIXTURE();
    for (unsigned i = 0; i < array_len(bad); i++) {
        struct dsl_dataset *ds = held(bad[i].name);
        assert_int_equal(load(ds, PASSPHRASE, false), bad[i].err);
        assert_int_equal(dsl_key_unload(ds), bad[i].err);
        dsl_dataset_rele(ds);
    }
}

static void wrong_keys(void **state)
{
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    ds = held("pencrypted/gcm-pass");
    assert_int_equal(load(ds, "correct horse battery ", false), ZE_WRONGKEY);
    assert_int_equal(dsl_key_unload(ds), ZE_NOKEY);
    assert_int_equal(load(ds, PASSPHRASE, true), 0); /* only tried */
    assert_false(is_loaded(ds));
    dsl_dataset_rele(ds);
    ds = held("pencrypted/ccm-raw");
    assert_int_equal(load(ds, RAW_KEY "\n", false), ZE_WRONGKEY);
    assert_int_equal(load(ds, "too short", false), ZE_WRONGKEY);
    dsl_dataset_rele(ds);
    ds = held("pencrypted/gcm128-hex");
    assert_int_equal(load(ds, "x" HEX_KEY, false), ZE_WRONGKEY);
    assert_int_equal(load(ds, HEX_KEY "\n", true), 0);
    dsl_dataset_rele(ds);
}

static void assert_volume(struct dsl_dataset *ds)
{
    uint8_t *buf = malloc(VOLUME_SIZE), digest[32];

    assert_int_equal(read_volume(ds, buf), 0);
    SHA256(buf, VOLUME_SIZE, digest);
    assert_hex(digest, 32, VOLUME_HASH);
    free(buf);
}

static void key_before_and_after_opening(void **state)
{
    struct dsl_dataset *root, *vol;
    uint8_t *buf;

    NEED_FIXTURE();
    buf = malloc(VOLUME_SIZE);
    root = held("pencrypted/gcm-pass");
    vol = held("pencrypted/gcm-pass/zvol");
    /* Open already while locked: the type shows, the data does not. */
    assert_int_equal(dsl_dataset_kind(vol), DATASET_VOLUME);
    assert_int_equal(read_volume(vol, buf), ZE_NOKEY);
    assert_int_equal(load(root, PASSPHRASE, false), 0);
    assert_int_equal(load(root, PASSPHRASE, false), ZE_KEYLOADED);
    assert_int_equal(load(root, PASSPHRASE, true), 0);
    assert_true(is_loaded(vol));
    assert_volume(vol);
    assert_int_equal(dsl_key_unload(root), ZE_BUSY);
    dsl_dataset_rele(vol);
    /* Opened while the key is there: a snapshot, and a clone of another dataset with the same key.
     */
    vol = held("pencrypted/gcm-pass/zvol@v");
    assert_volume(vol);
    dsl_dataset_rele(vol);
    assert_int_equal(dsl_key_unload(root), 0);
    assert_int_equal(dsl_key_unload(root), ZE_NOKEY);
    assert_false(is_loaded(root));
    /* What was decrypted is no longer given out. */
    vol = held("pencrypted/gcm-pass/zvol");
    assert_int_equal(read_volume(vol, buf), ZE_NOKEY);
    dsl_dataset_rele(vol);
    dsl_dataset_rele(root);
    free(buf);
}

static void ccm_volume(void **state)
{
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    ds = held("pencrypted/czvol");
    assert_int_equal(load(ds, RAW_KEY, false), 0);
    assert_volume(ds);
    dsl_dataset_rele(ds);
    ds = held("pencrypted/czvol");
    assert_int_equal(dsl_key_unload(ds), 0);
    dsl_dataset_rele(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_objects), cmocka_unit_test(only_roots_take_keys),
        cmocka_unit_test(wrong_keys),  cmocka_unit_test(key_before_and_after_opening),
        cmocka_unit_test(ccm_volume),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
