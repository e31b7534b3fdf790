/* SPDX-License-Identifier: MIT */
/*
 * Fuzz: structures in the MOS: the first byte picks one, the rest is its bonus (disk/dsl_phys.h and
 * others).
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "disk/bpobj_phys.h"
#include "disk/brt_phys.h"
#include "disk/dsl_phys.h"
#include "disk/errlog_phys.h"
#include "disk/history_phys.h"
#include "disk/indirect_phys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union bonus {
    struct dsl_dir_phys dir;
    struct dsl_dataset_phys dataset;
    struct redaction_list_phys redaction;
    struct bptree_entry_phys tree_entry;
    uint64_t words[64];
    uint8_t bytes[512];
};

static void dsl(const union bonus *b, size_t len)
{
    char *text = NULL;
    size_t text_len = 0;
    FILE *f = open_memstream(&text, &text_len);

    if (f == NULL)
        return;
    (void)dsl_dir_phys_validate(&b->dir, len, 7);
    (void)dsl_dataset_phys_validate(&b->dataset, len, 7);
    dsl_dir_phys_dump(&b->dir, f);
    dsl_dataset_phys_dump(&b->dataset, f);
    fclose(f);
    free(text);
    json_decref(dsl_dataset_phys_json(&b->dataset));
}

static void lists(const union bonus *b, size_t len)
{
    struct bpobj_phys bpobj;
    struct bptree_phys tree;
    struct bookmark_phys bm;
    struct scan_phys scan;
    bool odd;

    (void)bpobj_phys_load(&bpobj, b->bytes, len, 1 << 20, 1);
    (void)bptree_phys_load(&tree, b->bytes, len, 1 << 20, 1);
    (void)bptree_entry_validate(&b->tree_entry);
    (void)redaction_list_validate(&b->redaction, len, 1 << 20);
    (void)bookmark_phys_load(&bm, b->words, len / 8);
    (void)scan_phys_load(&scan, b->words, len / 8, &odd);
}

static void others(const union bonus *b, size_t len)
{
    struct history_phys h;
    struct brt_vdev_phys brt;
    struct indirect_mapping_phys im;
    struct bookmark zb;
    uint64_t v;
    char key[sizeof(*b) + 1];

    if (history_phys_load(&h, b->bytes, len) == 0)
        (void)history_physical(&h, b->words[6]);
    (void)brt_vdev_phys_load(&brt, b->bytes, len, 1 << 20, 1);
    (void)brt_entry_value(8, 1, b->bytes, &v);
    (void)indirect_mapping_phys_load(&im, b->bytes, len, 1 << 20, 1);
    (void)indirect_entries_validate((const struct indirect_entry_phys *)b, 20, 1 << 20);
    (void)indirect_entries_find((const struct indirect_entry_phys *)b, 20, b->words[63]);
    (void)indirect_births_validate((const struct indirect_birth_phys *)b, 30);
    (void)indirect_births_lookup((const struct indirect_birth_phys *)b, 30, b->words[63]);
    memcpy(key, b->bytes, sizeof(*b));
    key[sizeof(*b)] = '\0';
    (void)errlog_key_parse(key, &zb);
    (void)errlog_head_key_parse(key, &zb, &v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    union bonus b = {0};

    if (size == 0)
        return 0;
    size_t len = size - 1 < sizeof(b) ? size - 1 : sizeof(b);
    memcpy(&b, data + 1, len);
    switch (data[0] % 3) {
    case 0:
        dsl(&b, len);
        break;
    case 1:
        lists(&b, len);
        break;
    default:
        others(&b, len);
    }
    return 0;
}
