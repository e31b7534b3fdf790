/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: a label: config nvlist, boot environment, uberblock ring, cache header (disk/label.h,
 * uberblock.h).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk/l2arc_phys.h"
#include "disk/label.h"
#include "disk/uberblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void uberblocks(const uint8_t *data, size_t size)
{
    struct uberblock ub, best = {0};
    char *text = NULL;
    size_t len = 0;

    for (size_t at = 0; at + 216 <= size && at < LABEL_RING_SIZE; at += 1024) {
        if (uberblock_load(&ub, data + at, size - at) != 0)
            continue;
        if (uberblock_compare(&best, &ub) < 0)
            best = ub;
        (void)(uberblock_reflow_offset(&ub) + uberblock_reflow_state(&ub));
    }
    if (best.txg == 0)
        return;
    FILE *f = open_memstream(&text, &len);
    if (f == NULL)
        return;
    uberblock_dump(&best, f);
    fclose(f);
    free(text);
}

static void config(const uint8_t *data, size_t size)
{
    uint8_t *block = calloc(1, LABEL_VDEV_SIZE);
    struct nvlist *nv = NULL;

    if (block == NULL)
        return;
    memcpy(block, data, size < LABEL_VDEV_SIZE ? size : LABEL_VDEV_SIZE);
    if (label_config_decode(span_of(block, LABEL_VDEV_SIZE), &nv) == 0) {
        (void)label_config_validate(nv);
        nvlist_free(nv);
    }
    nv = NULL;
    if (label_bootenv_decode(span_of(block, LABEL_BOOTENV_SIZE), &nv) == 0) {
        (void)label_bootenv_encode(nv, block);
        nvlist_free(nv);
    }
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct l2arc_header_phys h;

    uberblocks(data, size);
    config(data, size);
    if (l2arc_header_load(&h, data, size) == 0)
        (void)(l2arc_pointer_is_valid(&h, l2arc_header_pointer(&h, 0)) +
               l2arc_pointer_is_valid(&h, l2arc_header_pointer(&h, 1)));
    return 0;
}
