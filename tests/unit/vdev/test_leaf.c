/* SPDX-License-Identifier: MIT */
/* Leaf I/O on simulated disks: open, states, verify, retry, probe, merging, accounting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "vdev/backend_sim.h"
#include "vdev/vdev.h"
#include "vdev/vdev_impl.h"
#include "vdev/vdev_stats.h"

#define DISK_SIZE (64ull << 20)
#define AREA      (4ull << 20) /* the allocatable area starts here */

struct rig {
    struct env env;
    struct sim_world *w;
    struct sim_disk *disk[3];
    struct vdev_tree *tree;
    struct vdev_observer observer;
    unsigned errors[5], changes;
    /* what the hook does */
    uint64_t bad_from, bad_to;
    unsigned fail_times;
    unsigned requests;
    uint64_t largest, latency_ns;
};

static void observed(struct vdev_observer *o, struct vdev *leaf, enum vdev_error_kind kind,
                     const struct vdev_io *io)
{
    container_of(o, struct rig, observer)->errors[kind]++;
}

static void changed(struct vdev_observer *o, struct vdev *vd, enum vdev_state from)
{
    container_of(o, struct rig, observer)->changes++;
}

static void hook(void *arg, const struct sim_request *req, struct sim_verdict *verdict)
{
    struct rig *r = arg;
    r->requests++;
    verdict->latency_ns = r->latency_ns;
    r->largest = max_of(r->largest, req->size);
    if (req->offset < r->bad_to && req->offset + req->size > r->bad_from && r->fail_times > 0) {
        r->fail_times--;
        verdict->err = ZE_IO;
    }
}

static void rig_open(struct rig *r, unsigned ndisks, unsigned flags)
{
    struct nvlist *l[3], *root;
    memset(r, 0, sizeof(*r));
    assert_int_equal(sim_world_create(7, &r->w), 0);
    assert_int_equal(env_init_simulated(&r->env, 7, 1), 0);
    assert_int_equal(backend_install_sim(&r->env, r->w), 0);
    r->observer = (struct vdev_observer){.error = observed, .state_changed = changed};
    assert_int_equal(nvlist_create(&root), 0);
    for (unsigned i = 0; i < ndisks; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/disk/%u", i);
        assert_int_equal(sim_disk_add(r->w, path, DISK_SIZE, 512, &r->disk[i]), 0);
        assert_int_equal(nvlist_create(&l[i]), 0);
        nvlist_add_string(l[i], "type", "file");
        nvlist_add_u64(l[i], "id", i);
        nvlist_add_u64(l[i], "guid", 100 + i);
        nvlist_add_string(l[i], "path", path);
        nvlist_add_u64(l[i], "metaslab_shift", 24);
        nvlist_add_u64(l[i], "ashift", 12);
        nvlist_add_u64(l[i], "asize", DISK_SIZE - 0x480000);
    }
    nvlist_add_string(root, "type", "root");
    nvlist_add_u64(root, "id", 0);
    nvlist_add_u64(root, "guid", 1);
    nvlist_add_nvlist_array(root, "children", l, ndisks);
    for (unsigned i = 0; i < ndisks; i++)
        nvlist_free(l[i]);
    assert_int_equal(vdev_tree_create(&r->env, root, &r->observer, &r->tree), 0);
    nvlist_free(root);
    assert_int_equal(vdev_tree_open(r->tree, flags), 0);
    sim_world_set_hook(r->w, hook, r);
}

static void rig_close(struct rig *r)
{
    vdev_tree_destroy(r->tree);
    env_fini(&r->env);
    sim_world_destroy(r->w);
}

static int want_byte(struct vdev_io *io, const void *buf)
{
    const uint8_t *p = buf, want = (uint8_t)(uintptr_t)io->arg;
    for (uint64_t i = 0; i < io->size; i++) {
        if (p[i] != want)
            return ZE_CKSUM;
    }
    return 0;
}

/* vdev_io_run() borrows arg while it runs; this verify wants to see its own. */
static uint8_t expected;
static int want_expected(struct vdev_io *io, const void *buf)
{
    struct vdev_io copy = {.size = io->size, .arg = (void *)(uintptr_t)expected};
    return want_byte(&copy, buf);
}

static int run(struct rig *r, enum device_op op, uint64_t offset, uint64_t size, void *buf,
               bool verify)
{
    struct vdev_io io = {.vd = vdev_tree_top(r->tree, 0),
                         .op = op,
                         .offset = offset,
                         .size = size,
                         .buf = buf,
                         .verify = verify ? want_expected : NULL};
    return vdev_io_run(&io);
}

static void writes_and_reads_behind_the_labels(void **state)
{
    struct rig r;
    uint8_t buf[8192], raw[8192];
    rig_open(&r, 1, DEVICE_OPEN_WRITE);
    memset(buf, 0xab, sizeof(buf));
    assert_int_equal(run(&r, DEVICE_WRITE, 8192, 8192, buf, false), 0);
    assert_int_equal(sim_disk_peek(r.disk[0], AREA + 8192, raw, 8192), 0);
    assert_memory_equal(raw, buf, 8192);
    memset(buf, 0, sizeof(buf));
    expected = 0xab;
    assert_int_equal(run(&r, DEVICE_READ, 8192, 8192, buf, true), 0);
    struct vdev *vd = vdev_tree_top(r.tree, 0);
    assert_int_equal(vd->stats.ops[DEVICE_READ], 1);
    assert_int_equal(vd->stats.bytes[DEVICE_WRITE], 8192);
    rig_close(&r);
}

static void rounds_to_the_ashift(void **state)
{
    struct rig r;
    uint8_t buf[4096], raw[4096];
    rig_open(&r, 1, DEVICE_OPEN_WRITE);
    memset(raw, 0xee, sizeof(raw));
    assert_int_equal(sim_disk_poke(r.disk[0], AREA, raw, sizeof(raw)), 0);
    memset(buf, 0x11, sizeof(buf));
    assert_int_equal(run(&r, DEVICE_WRITE, 0, 512, buf, false), 0);
    assert_int_equal(sim_disk_peek(r.disk[0], AREA, raw, sizeof(raw)), 0);
    assert_int_equal(raw[511], 0x11);
    for (unsigned i = 512; i < 4096; i++)
        assert_int_equal(raw[i], 0); /* the tail is zeroed */
    rig_close(&r);
}

static void refuses_what_is_out_of_range(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 1, DEVICE_OPEN_READ);
    uint64_t asize = vdev_tree_top(r.tree, 0)->asize;
    assert_int_equal(run(&r, DEVICE_READ, asize, 4096, buf, false), ZE_RANGE);
    assert_int_equal(run(&r, DEVICE_READ, asize - 512, 512, buf, false), ZE_RANGE);
    assert_int_equal(run(&r, DEVICE_READ, UINT64_MAX - 511, 4096, buf, false), ZE_RANGE);
    assert_int_equal(run(&r, DEVICE_READ, 0, 100, buf, false), ZE_INVAL);
    assert_int_equal(run(&r, DEVICE_READ, 0, 0, buf, false), ZE_INVAL);
    assert_int_equal(run(&r, DEVICE_WRITE, 0, 4096, buf, false), ZE_ROFS);
    assert_int_equal(r.requests, 0);
    rig_close(&r);
}

static void counts_a_wrong_checksum(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 1, DEVICE_OPEN_READ);
    expected = 0x55; /* the disk has zeros */
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, true), ZE_CKSUM);
    struct vdev *vd = vdev_tree_top(r.tree, 0);
    assert_int_equal(vd->stats.checksum_errors, 1);
    assert_int_equal(r.errors[VDEV_ERROR_CHECKSUM], 1);
    struct vdev_io io = {.vd = vd,
                         .op = DEVICE_READ,
                         .size = 4096,
                         .buf = buf,
                         .flags = VDEV_IO_SPECULATIVE,
                         .verify = want_expected};
    assert_int_equal(vdev_io_run(&io), ZE_CKSUM);
    assert_int_equal(vd->stats.checksum_errors, 1); /* speculative: not counted */
    rig_close(&r);
}

static void retries_once(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 1, DEVICE_OPEN_READ);
    r.bad_from = AREA;
    r.bad_to = AREA + 4096;
    r.fail_times = 1;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), 0);
    assert_int_equal(r.requests, 2);
    assert_int_equal(vdev_tree_top(r.tree, 0)->stats.read_errors, 0);
    rig_close(&r);
}

static void bad_sector_fails_the_request_only(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 1, DEVICE_OPEN_READ);
    r.bad_from = AREA;
    r.bad_to = AREA + 4096;
    r.fail_times = 1000;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), ZE_IO);
    struct vdev *vd = vdev_tree_top(r.tree, 0);
    assert_int_equal(vd->stats.read_errors, 1);
    assert_int_equal(r.errors[VDEV_ERROR_READ], 1);
    assert_int_equal(r.errors[VDEV_ERROR_PROBE], 0);
    assert_int_equal(r.requests, 5); /* twice, and three probe reads */
    assert_int_equal(vd->state, VDEV_STATE_HEALTHY);
    assert_int_equal(run(&r, DEVICE_READ, 8192, 4096, buf, false), 0);
    rig_close(&r);
}

static void dead_device_is_faulted(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 2, DEVICE_OPEN_READ);
    r.bad_to = DISK_SIZE;
    r.fail_times = 1000;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), ZE_NXIO);
    struct vdev *vd = vdev_tree_top(r.tree, 0);
    assert_int_equal(vd->state, VDEV_STATE_FAULTED);
    assert_int_equal(vd->aux, VDEV_AUX_ERR_EXCEEDED);
    assert_int_equal(r.errors[VDEV_ERROR_PROBE], 1);
    assert_int_equal(vd->stats.read_errors, 0);
    assert_int_equal(r.tree->root->state, VDEV_STATE_CANT_OPEN); /* a lost top-level vdev */
    unsigned before = r.requests;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), ZE_NXIO);
    assert_int_equal(r.requests, before); /* nobody asks it again */
    rig_close(&r);
}

static void probe_of_a_writable_tree_writes_back(void **state)
{
    struct rig r;
    uint8_t buf[4096], pad[512], after[512];
    rig_open(&r, 1, DEVICE_OPEN_WRITE);
    memset(pad, 0x77, sizeof(pad));
    assert_int_equal(sim_disk_poke(r.disk[0], 0x42000, pad, sizeof(pad)), 0);
    r.bad_from = AREA;
    r.bad_to = AREA + 4096;
    r.fail_times = 1000;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), ZE_IO);
    assert_int_equal(r.requests, 2 + 3 + 3);
    assert_int_equal(sim_disk_peek(r.disk[0], 0x42000, after, sizeof(after)), 0);
    assert_memory_equal(pad, after, sizeof(pad)); /* unchanged */
    rig_close(&r);
}

struct many {
    struct vdev_io io[64];
    uint8_t buf[64][4096];
    unsigned done, failed;
};

static void many_done(struct vdev_io *io, int err)
{
    struct many *m = io->arg;
    m->done++;
    m->failed += err != 0;
}

static void submit_many(struct rig *r, struct many *m, unsigned n, unsigned stride)
{
    struct vdev_plug plug;
    vdev_plug_start(&plug);
    for (unsigned i = 0; i < n; i++) {
        unsigned at = i * 37 % n; /* out of order */
        m->io[i] = (struct vdev_io){.vd = vdev_tree_top(r->tree, 0),
                                    .op = DEVICE_READ,
                                    .offset = (uint64_t)at * stride,
                                    .size = 4096,
                                    .buf = m->buf[at],
                                    .done = many_done,
                                    .arg = m};
        vdev_io_submit(&m->io[i]);
    }
    assert_int_equal(m->done, 0);
    vdev_plug_finish(&plug);
}

static void neighbours_are_merged(void **state)
{
    struct rig r;
    struct many *m = calloc(1, sizeof(*m));
    rig_open(&r, 1, DEVICE_OPEN_READ);
    for (unsigned i = 0; i < 32; i++) {
        uint8_t mark[4096];
        memset(mark, (int)i + 1, sizeof(mark));
        assert_int_equal(sim_disk_poke(r.disk[0], AREA + i * 4096, mark, sizeof(mark)), 0);
    }
    submit_many(&r, m, 32, 4096);
    assert_int_equal(m->done, 32);
    assert_int_equal(m->failed, 0);
    assert_int_equal(r.requests, 1);
    assert_int_equal(r.largest, 32 * 4096);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(m->buf[i][4095], i + 1);
    struct vdev_histograms *h = vdev_tree_top(r.tree, 0)->stats.histograms;
    assert_int_equal(h->size_agg[VDEV_SIZE_SYNC_READ][17], 1);
    assert_int_equal(vdev_tree_top(r.tree, 0)->stats.ops[DEVICE_READ], 32);
    rig_close(&r);
    free(m);
}

static void gaps_are_not_merged(void **state)
{
    struct rig r;
    struct many *m = calloc(1, sizeof(*m));
    rig_open(&r, 1, DEVICE_OPEN_READ);
    submit_many(&r, m, 32, 8192);
    assert_int_equal(m->done, 32);
    assert_int_equal(r.requests, 32);
    rig_close(&r);
    free(m);
}

static void merged_failure_hits_only_the_bad_one(void **state)
{
    struct rig r;
    struct many *m = calloc(1, sizeof(*m));
    rig_open(&r, 1, DEVICE_OPEN_READ);
    r.bad_from = AREA + 5 * 4096;
    r.bad_to = AREA + 6 * 4096;
    r.fail_times = 1000;
    submit_many(&r, m, 16, 4096);
    assert_int_equal(m->done, 16);
    assert_int_equal(m->failed, 1);
    assert_int_equal(vdev_tree_top(r.tree, 0)->stats.read_errors, 1);
    rig_close(&r);
    free(m);
}

static void bounded_inflight_serves_everything(void **state)
{
    struct rig r;
    struct many *m = calloc(1, sizeof(*m));
    rig_open(&r, 1, DEVICE_OPEN_READ);
    vdev_tree_close(r.tree);
    r.tree->max_inflight = 2;
    assert_int_equal(vdev_tree_open(r.tree, DEVICE_OPEN_READ), 0);
    submit_many(&r, m, 64, 12288);
    assert_int_equal(m->done, 64);
    assert_int_equal(m->failed, 0);
    rig_close(&r);
    free(m);
}

static void missing_and_small_devices(void **state)
{
    struct rig r;
    rig_open(&r, 2, DEVICE_OPEN_READ);
    vdev_tree_close(r.tree);
    sim_disk_set_missing(r.disk[1], true);
    assert_int_equal(vdev_tree_open(r.tree, DEVICE_OPEN_READ), 0);
    assert_int_equal(r.tree->root->child[0]->state, VDEV_STATE_HEALTHY);
    assert_int_equal(r.tree->root->child[1]->state, VDEV_STATE_CANT_OPEN);
    assert_int_equal(r.tree->root->child[1]->aux, VDEV_AUX_OPEN_FAILED);
    assert_int_equal(r.tree->root->state, VDEV_STATE_CANT_OPEN);
    assert_int_equal(r.tree->root->aux, VDEV_AUX_NO_REPLICAS);
    r.tree->missing_tops_allowed = 1;
    assert_int_equal(vdev_tree_open(r.tree, DEVICE_OPEN_READ), 0);
    assert_int_equal(r.tree->root->state, VDEV_STATE_DEGRADED);
    vdev_tree_close(r.tree);
    sim_disk_set_missing(r.disk[1], false);
    r.tree->root->child[1]->asize = 128ull << 20; /* configured larger than the device */
    assert_int_equal(vdev_tree_open(r.tree, DEVICE_OPEN_READ), 0);
    assert_int_equal(r.tree->root->child[1]->aux, VDEV_AUX_BAD_LABEL);
    rig_close(&r);
}

static void slow_requests_are_counted(void **state)
{
    struct rig r;
    uint8_t buf[4096];
    rig_open(&r, 1, DEVICE_OPEN_READ);
    r.tree->slow_io_ns = 1000000;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), 0);
    assert_int_equal(vdev_tree_top(r.tree, 0)->stats.slow_ios, 0);
    r.latency_ns = 2000000;
    assert_int_equal(run(&r, DEVICE_READ, 0, 4096, buf, false), 0);
    assert_int_equal(vdev_tree_top(r.tree, 0)->stats.slow_ios, 1);
    assert_int_equal(r.errors[VDEV_ERROR_SLOW], 1);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads_behind_the_labels),
        cmocka_unit_test(rounds_to_the_ashift),
        cmocka_unit_test(refuses_what_is_out_of_range),
        cmocka_unit_test(counts_a_wrong_checksum),
        cmocka_unit_test(retries_once),
        cmocka_unit_test(bad_sector_fails_the_request_only),
        cmocka_unit_test(dead_device_is_faulted),
        cmocka_unit_test(probe_of_a_writable_tree_writes_back),
        cmocka_unit_test(neighbours_are_merged),
        cmocka_unit_test(gaps_are_not_merged),
        cmocka_unit_test(merged_failure_hits_only_the_bad_one),
        cmocka_unit_test(bounded_inflight_serves_everything),
        cmocka_unit_test(missing_and_small_devices),
        cmocka_unit_test(slow_requests_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
