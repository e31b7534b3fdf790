/* SPDX-License-Identifier: MIT */
/*
 * Datasets of a real old pool (fixture old-v28): names, listings, where property values come from,
 * delegation nobody has. Values and sources are those `zfs get` printed (the fixture's manifest).
 */
#include "../hex.h"

#include "../dmu/pool_rig.h"
#include "../fixture.h"
#include "dsl/dsl.h"

static struct pool_rig rig;
static struct dsl_pool *dp;
static const char *why_not;
static char image[64];
static int fd = -1;

static int setup(void **state)
{
    int err;

    fd = fixture_open("old-v28", "d0", &why_not);
    if (fd < 0)
        return 0;
    snprintf(image, sizeof(image), "/proc/self/fd/%d", fd);
    rig.path[rig.images++] = image;
    err = rig_open(&rig);
    if (err == 0)
        err = dsl_pool_open(&rig.zp, rig.mos, "poldv28", 28, &dp);
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
    struct dsl_dataset *ds;

    assert_int_equal(dsl_dataset_hold(dp, name, &ds), 0);
    return ds;
}

static void check_number(const char *dataset, const char *prop, uint64_t want, const char *source)
{
    struct dsl_dataset *ds = held(dataset);
    char from[DATASET_NAME_MAX];
    uint64_t v;

    assert_int_equal(dsl_prop_u64(ds, prop, &v, from, sizeof(from)), 0);
    assert_true(v == want);
    assert_string_equal(from, source);
    dsl_dataset_rele(ds);
}

static void test_sources(void **state)
{
    NEED_FIXTURE();
    check_number("poldv28", "atime", 0, "poldv28");
    check_number("poldv28/gz", "atime", 0, "poldv28");
    check_number("poldv28", "copies", 1, "");
    check_number("poldv28/raw", "copies", 1, "");
}

/* The entry of one property in the list that commands get. */
static void test_props_list(void **state)
{
    static const char *const names[] = {"compression", "atime"};
    struct nvlist *props;
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    ds = held("poldv28/gz");
    assert_int_equal(dsl_props_get(ds, names, 2, &props), 0);
    assert_string_equal(nvlist_string(nvlist_child(props, "compression"), "source", ""),
                        "poldv28/gz");
    assert_int_equal(nvlist_u64(nvlist_child(props, "compression"), "value", 0),
                     10); /* gzip: gzip-6 */
    assert_string_equal(nvlist_string(nvlist_child(props, "atime"), "source", ""), "poldv28");
    nvlist_free(props);
    dsl_dataset_rele(ds);
}

static int append(void *arg, const char *name, uint64_t dsobj)
{
    strcat(strcat(arg, name), " ");
    return 0;
}

static int append_snapshot(void *arg, const char *name, uint64_t dsobj, uint64_t createtxg)
{
    return append(arg, name, dsobj);
}

static void test_listings(void **state)
{
    char names[1024] = "";
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    ds = held("poldv28");
    assert_int_equal(dsl_children_each(ds, false, append, names), 0);
    assert_string_equal(names, "gz raw vol zpl1 zpl3 zpl4 ");
    names[0] = '\0';
    assert_int_equal(dsl_snapshots_each(ds, append_snapshot, names), 0);
    assert_string_equal(names, "s ");
    assert_false(dsl_dataset_is_snapshot(ds));
    dsl_dataset_rele(ds);
    ds = held("poldv28/vol");
    assert_int_equal(dsl_dataset_kind(ds), DATASET_VOLUME);
    dsl_dataset_rele(ds);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        int err;
    } bad[] = {
        {"", ZE_NODATASET},
        {"other", ZE_NODATASET},
        {"poldv28x", ZE_NODATASET},
        {"poldv28/none", ZE_NODATASET},
        {"poldv28//gz", ZE_BADNAME},
        {"poldv28/", ZE_BADNAME},
        {"poldv28@none", ZE_NODATASET},
        {"poldv28/gz#b", ZE_WRONGTYPE},
        {"poldv28/gz@", ZE_NODATASET},
        {"poldv28/gz@s@s", ZE_NODATASET},
        {"poldv28/gz/gz", ZE_NODATASET},
    };
    char longest[DATASET_NAME_MAX + 1], name[DATASET_NAME_MAX];
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    for (size_t i = 0; i < array_len(bad); i++) {
        int err = dsl_dataset_hold(dp, bad[i].name, &ds);
        if (err != bad[i].err)
            print_error("'%s': %s\n", bad[i].name, err_name(err));
        assert_int_equal(err, bad[i].err);
    }
    memset(longest, 'a', DATASET_NAME_MAX);
    longest[DATASET_NAME_MAX] = '\0';
    assert_int_equal(dsl_dataset_hold(dp, longest, &ds), ZE_NAMETOOLONG);
    ds = held("poldv28/zpl4@s");
    dsl_dataset_name(ds, name);
    assert_string_equal(name, "poldv28/zpl4@s");
    assert_true(dsl_dataset_is_snapshot(ds));
    dsl_dataset_rele(ds);
}

static void test_delegation(void **state)
{
    const uint32_t groups[] = {0, 10};
    struct nvlist *nv;
    struct dsl_dataset *ds;

    NEED_FIXTURE();
    ds = held("poldv28/gz");
    assert_int_equal(dsl_deleg_get(ds, &nv), 0);
    assert_true(nvlist_empty(nv));
    nvlist_free(nv);
    assert_int_equal(dsl_deleg_check(ds, "snapshot", 1000, groups, 2), ZE_ACCES);
    dsl_dataset_rele(ds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),    cmocka_unit_test(test_props_list),
        cmocka_unit_test(test_listings),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_delegation),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
