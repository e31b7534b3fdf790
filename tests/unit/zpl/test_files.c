/* SPDX-License-Identifier: MIT */
/*
 * Files of real pools through zpl/: POSIX ACLs decide as getfacl's listing of the fixture
 * basic-single says; names are matched by the rules of the file systems in fixture casesens; what
 * a caller may get wrong is answered with the errors POSIX has for it.
 */
#include "../hex.h"

#include <unistd.h>

#include "../dmu/pool_rig.h"
#include "../fixture.h"
#include "zpl/zpl.h"

struct opened {
    struct pool_rig rig;
    struct dsl_pool *dp;
    char image[64];
    int fd;
};

static bool open_pool(struct opened *o, const char *fixture, const char *pool)
{
    const char *why;

    memset(o, 0, sizeof(*o));
    o->fd = fixture_open(fixture, "d0", &why);
    if (o->fd < 0) {
        print_message("skipped: %s\n", why);
        return false;
    }
    snprintf(o->image, sizeof(o->image), "/proc/self/fd/%d", o->fd);
    o->rig.path[o->rig.images++] = o->image;
    assert_int_equal(rig_open(&o->rig), 0);
    assert_int_equal(dsl_pool_open(&o->rig.zp, o->rig.mos, pool, 5000, &o->dp), 0);
    return true;
}

static void close_pool(struct opened *o)
{
    dsl_pool_close(o->dp);
    rig_close(&o->rig);
    close(o->fd);
}

static struct zpl *mounted(struct opened *o, const char *dataset)
{
    struct dsl_dataset *ds;
    struct zpl *z;

    assert_int_equal(dsl_dataset_hold(o->dp, dataset, &ds), 0);
    assert_int_equal(zpl_mount(ds, 0, &z), 0);
    dsl_dataset_rele(ds);
    return z;
}

static int find(struct zpl *z, const char *path, struct zpl_node **out)
{
    char part[256];
    struct zpl_node *n, *next;
    int err = zpl_root(z, &n);

    while (err == 0 && *path != '\0') {
        size_t len = strcspn(path, "/");
        snprintf(part, sizeof(part), "%.*s", (int)len, path);
        path += len + (path[len] == '/');
        err = zpl_lookup(n, part, &next);
        zpl_node_rele(n);
        n = next;
    }
    if (err == 0)
        *out = n;
    return err;
}

/* ---- POSIX ACLs ---- */

static int access_as(struct zpl *z, const char *path, uint32_t uid, uint32_t gid, uint32_t group,
                     int mask)
{
    struct zpl_cred cred = {.uid = uid, .gid = gid, .groups = &group, .ngroups = 1};
    struct zpl_node *n;

    assert_int_equal(find(z, path, &n), 0);
    int err = zpl_access(n, &cred, mask);
    zpl_node_rele(n);
    return err;
}

static void test_posix_acls(void **state)
{
    static const struct {
        const char *path;
        uint32_t uid, gid, group;
        int mask;
        bool allowed;
    } cases[] = {
        /* f: user::rw- user:1000:rwx group::r-- group:2000:r-x mask::rwx other::r-- */
        {"f", 1000, 5, 5, R_OK | X_OK, true},
        {"f", 1001, 5, 5, R_OK, true},
        {"f", 1001, 5, 5, X_OK, false},
        {"f", 1001, 2000, 5, R_OK | X_OK, true},
        {"f", 1001, 5, 2000, X_OK, true},
        {"f", 1001, 0, 5, X_OK, false},
        {"f", 1001, 0, 2000, R_OK | X_OK, true},
        /* d: user:1001:r-- group::r-x mask::r-x other::r-x */
        {"d", 1001, 5, 5, R_OK, true},
        {"d", 1001, 5, 5, X_OK, false},
        {"d", 1002, 5, 5, R_OK | X_OK, true},
        /* d/inh: user:1002:rwx, effective rw-; group::r-x, effective r--; other::--- */
        {"d/inh", 1002, 5, 5, R_OK, true},
        {"d/inh", 1002, 5, 5, X_OK, false},
        {"d/inh", 1003, 0, 5, R_OK, true},
        {"d/inh", 1003, 0, 5, X_OK, false},
        {"d/inh", 1003, 5, 5, R_OK, false},
        /* d/subinh: user:1002:rwx group::r-x mask::rwx other::--- */
        {"d/subinh", 1002, 5, 5, R_OK | X_OK, true},
        {"d/subinh", 1003, 5, 0, R_OK | X_OK, true},
        {"d/subinh", 1003, 5, 5, X_OK, false},
    };
    struct opened o;

    if (!open_pool(&o, "basic-single", "basic"))
        skip();
    struct zpl *z = mounted(&o, "basic/acl");
    for (size_t i = 0; i < array_len(cases); i++) {
        int err =
            access_as(z, cases[i].path, cases[i].uid, cases[i].gid, cases[i].group, cases[i].mask);
        if (err != (cases[i].allowed ? 0 : ZE_ACCES))
            print_error("case %zu: %s\n", i, err_name(err));
        assert_int_equal(err, cases[i].allowed ? 0 : ZE_ACCES);
    }
    /* The file system cannot be written to, whoever asks. */
    assert_int_equal(access_as(z, "f", 1000, 5, 5, W_OK), ZE_ROFS);
    zpl_unmount(z);
    close_pool(&o);
}

/* ---- names ---- */

static void check_name(struct opened *o, const char *dataset, const char *name, int want)
{
    struct zpl *z = mounted(o, dataset);
    struct zpl_node *n;
    int err = find(z, name, &n);

    if (err != want)
        print_error("%s of %s: %s\n", name, dataset, err_name(err));
    assert_int_equal(err, want);
    if (err == 0)
        zpl_node_rele(n);
    zpl_unmount(z);
}

static void test_names(void **state)
{
    struct opened o;

    if (!open_pool(&o, "casesens", "pcasesens"))
        skip();
    check_name(&o, "pcasesens/ci", "Foo.TXT", 0);
    check_name(&o, "pcasesens/ci", "fOO.txt", 0);
    check_name(&o, "pcasesens/ci", "bar", 0);
    check_name(&o, "pcasesens/ci", "DIR/LOWER", 0);
    check_name(&o, "pcasesens/ci", "Foo.TX", ZE_NOENT);
    check_name(&o, "pcasesens/ci", "many/file-name-in-a-fat-zap-00007", 0);
    check_name(&o, "pcasesens", "CI", ZE_NOENT); /* the pool's own root is case sensitive */
    check_name(&o, "pcasesens", "ci", 0);
    close_pool(&o);
}

/* ---- what callers get wrong ---- */

static void test_errors(void **state)
{
    struct opened o;
    struct zpl_node *n, *dir, *other;
    char buf[64], name[1100];
    size_t got;

    if (!open_pool(&o, "basic-single", "basic"))
        skip();
    struct zpl *z = mounted(&o, "basic/acl");
    assert_int_equal(find(z, "f", &n), 0);
    assert_int_equal(find(z, "d", &dir), 0);
    assert_int_equal(zpl_lookup(n, "x", &other), ZE_NOTDIR);
    assert_int_equal(zpl_lookup(dir, "none", &other), ZE_NOENT);
    assert_int_equal(zpl_read(dir, 0, buf, sizeof(buf), &got), ZE_ISDIR);
    assert_int_equal(zpl_readlink(n, buf, sizeof(buf), &got), ZE_INVAL);
    assert_int_equal(zpl_getxattr(n, "user.none", buf, sizeof(buf), &got), ZE_NODATA);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(zpl_lookup(dir, name, &other), ZE_NAMETOOLONG);
    assert_int_equal(zpl_read(n, UINT64_MAX, buf, sizeof(buf), &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(zpl_get(z, UINT64_MAX, 0, &other) != 0, 1);
    assert_int_equal(zpl_get(z, zpl_node_object(n), 999999, &other), ZE_STALE);
    assert_int_equal(zpl_lookup(dir, "..", &other), 0);
    assert_int_equal(zpl_lookup(other, ".", &other), 0);
    zpl_node_rele(other);
    assert_int_equal(zpl_object_path(z, zpl_node_object(n), buf, sizeof(buf)), 0);
    assert_string_equal(buf, "/f");
    assert_int_not_equal(zpl_object_path(z, zpl_node_object(n), buf, 2), 0);
    zpl_node_rele(other);
    zpl_node_rele(dir);
    zpl_node_rele(n);
    zpl_unmount(z);
    close_pool(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_posix_acls),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
