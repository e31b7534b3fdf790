/* SPDX-License-Identifier: MIT */
/*
 * A whole pool with damage. Input: a list of edits of a small golden pool in memory, each
 *     0 OFFSET(4) LEN BYTES   the OFFSETth byte of what has content: checksums notice
 *     1 BLOCK(2) OFFSET(2) LEN BYTES   a decoded metadata block: checksums are put right
 * (numbers little-endian, taken modulo what there is; LEN 1 to 32). Then the pool is imported
 * read-only and read whole. The pool: directory $ZUSE_FUZZ_POOL with d0, d1, ...; without it the
 * smallest of tests/golden is unpacked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/span.h"
#include "hostile_pool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EDITS_MAX 64u

static struct hostile_pool *hp;

static void close_pool(void)
{
    hostile_close(hp);
    free(hp);
}

static int open_golden(void)
{
    char dir[] = "/tmp/zuse-fuzz-XXXXXX", command[1024], path[64];

    if (mkdtemp(dir) == NULL)
        return ZE_IO;
    snprintf(command, sizeof(command),
             "zstd -q -d --long=27 -c '%s/old-v1.tar.zst' | tar -xS -C %s old-v1/d0",
             FUZZ_GOLDEN_DIR, dir);
    int err = system(command) == 0 ? 0 : ZE_NOENT;
    snprintf(path, sizeof(path), "%s/old-v1", dir);
    if (err == 0)
        err = hostile_open(hp, path, 1);
    snprintf(command, sizeof(command), "%s/d0", path);
    unlink(command);
    rmdir(path);
    rmdir(dir);
    return err;
}

static void open_pool(void)
{
    const char *dir = getenv("ZUSE_FUZZ_POOL");

    hp = calloc(1, sizeof(*hp));
    int err = hp == NULL ? ZE_NOMEM : dir != NULL ? hostile_open(hp, dir, 1) : open_golden();
    if (err != 0) {
        fprintf(stderr, "no pool to fuzz: %s: %s\n", err_name(err), err_detail());
        exit(77); /* skipped */
    }
    atexit(close_pool);
}

struct input {
    const uint8_t *p;
    size_t left;
};

static uint64_t take(struct input *in, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->p++, in->left--)
        v |= (uint64_t)*in->p << (8 * i);
    return v;
}

static void edit_raw(struct input *in)
{
    uint64_t at = take(in, 4) % (hp->nused * 4096), u = hp->used[at / 4096];
    size_t len = min_of((size_t)(1 + take(in, 1) % 32), in->left);

    (void)hostile_poke(hp, (unsigned)(u >> 40), (u & (((uint64_t)1 << 40) - 1)) * 4096 + at % 4096,
                       in->p, len);
    in->p += len;
    in->left -= len;
}

static void edit_block(struct input *in)
{
    size_t i = take(in, 2) % hp->nblocks;
    uint8_t *data = hostile_edit(hp, i);
    size_t at = take(in, 2) % hp->block[i].size;
    size_t len = min_of((size_t)(1 + take(in, 1) % 32), in->left);

    len = min_of(len, (size_t)hp->block[i].size - at);
    if (data != NULL)
        memcpy(data + at, in->p, len);
    in->p += len;
    in->left -= len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct hostile_report r = {.bytes_max = 32u << 20, .entries_max = 2000};

    if (hp == NULL)
        open_pool();
    for (unsigned n = 0; n < EDITS_MAX && in.left > 0; n++) {
        if (take(&in, 1) % 2 == 0)
            edit_raw(&in);
        else if (hp->editable)
            edit_block(&in);
    }
    (void)hostile_commit(hp);
    hostile_read(hp, &r);
    hostile_restore(hp);
    return 0;
}
