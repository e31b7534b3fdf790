/* SPDX-License-Identifier: MIT */
/*
 * Damage with right checksums that is too unlikely for a random campaign: maps of data sets and
 * snapshots that lead back to where one came from. Reading must end soon, and nothing may be seen
 * twice. Usage: hostile_cases DIRECTORY (of a small pool with a child file system and snapshots).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "hostile_pool.h"
#include "disk/dnode.h"
#include "disk/dsl_phys.h"

#define MZAP_ENTRY 64u
#define OBJECTS    80u

static struct hostile_pool hp;
static unsigned failures, cases, datasets;

static void on_note(void *arg, const char *what, const char *name, int err, uint64_t digest)
{
    datasets += strcmp(what, "children") == 0;
}

static unsigned read_all(void)
{
    struct hostile_report r = {.note = on_note, .bytes_max = 64u << 20, .entries_max = 5000};

    datasets = 0;
    hostile_read(&hp, &r);
    return datasets;
}

/* The value of entry `entry` of each micro ZAP of this type; false when there is none. */
static bool set_entry(unsigned type, unsigned entry, uint64_t value)
{
    bool any = false;

    for (size_t i = 0; i < hp.nblocks; i++) {
        const struct hostile_block *b = &hp.block[i];
        uint64_t at = (1 + entry) * MZAP_ENTRY;
        if (bp_type(&b->bp) != type || bp_level(&b->bp) != 0 || at + MZAP_ENTRY > b->size ||
            b->data[at + 14] == 0)
            continue;
        memcpy(hostile_edit(&hp, i) + at, &value, sizeof(value));
        any = true;
    }
    return any;
}

/* A word of the bonus of every MOS dnode with this bonus type. */
static bool set_bonus(unsigned bonustype, size_t offset, uint64_t value)
{
    bool any = false;

    for (size_t i = 0; i < hp.nblocks; i++) {
        const struct hostile_block *b = &hp.block[i];
        for (size_t at = 0;
             bp_type(&b->bp) == OBJTYPE_DNODE && bp_level(&b->bp) == 0 && at < b->size;
             at += DNODE_SLOT_SIZE) {
            const struct dnode_phys *dn = (const void *)(b->data + at);
            if (dn->type == 0 || dn->bonustype != bonustype)
                continue;
            size_t bonus = (size_t)(dnode_phys_bonus(dn) - (const uint8_t *)dn);
            memcpy(hostile_edit(&hp, i) + at + bonus + offset, &value, sizeof(value));
            any = true;
        }
    }
    return any;
}

static void check(const char *what, uint64_t object, unsigned normal)
{
    unsigned n = 0;

    cases++;
    if (hostile_commit(&hp) == 0)
        n = read_all();
    if (n > normal + 2) { /* hidden names may come to lead somewhere */
        failures++;
        printf("# %s = %llu: %u data sets instead of at most %u\n", what,
               (unsigned long long)object, n, normal);
    }
    hostile_restore(&hp);
}

int main(int argc, char **argv)
{
    if (argc != 2 || hostile_open(&hp, argv[1], 1) != 0) {
        fprintf(stderr, "%s\n", err_detail());
        return 2;
    }
    unsigned normal = read_all();
    for (uint64_t object = 1; object < OBJECTS; object++) {
        for (unsigned entry = 0; entry < 4; entry++) {
            if (set_entry(OBJTYPE_DSL_DIR_CHILD_MAP, entry, object))
                check("child", object, normal);
            if (set_entry(OBJTYPE_DSL_DS_SNAP_MAP, entry, object))
                check("snapshot", object, normal);
        }
        if (set_bonus(OBJTYPE_DSL_DIR, offsetof(struct dsl_dir_phys, parent_obj), object))
            check("parent", object, normal);
        if (set_bonus(OBJTYPE_DSL_DIR, offsetof(struct dsl_dir_phys, head_dataset_obj), object))
            check("head", object, normal);
        if (set_bonus(OBJTYPE_DSL_DIR, offsetof(struct dsl_dir_phys, child_dir_zapobj), object))
            check("child map", object, normal);
        if (set_bonus(OBJTYPE_DSL_DATASET, offsetof(struct dsl_dataset_phys, dir_obj), object))
            check("directory", object, normal);
        if (set_bonus(OBJTYPE_DSL_DATASET, offsetof(struct dsl_dataset_phys, prev_snap_obj),
                      object))
            check("previous", object, normal);
        if (set_bonus(OBJTYPE_DSL_DATASET, offsetof(struct dsl_dataset_phys, next_snap_obj),
                      object))
            check("next", object, normal);
        if (set_bonus(OBJTYPE_DSL_DATASET, offsetof(struct dsl_dataset_phys, snapnames_zapobj),
                      object))
            check("snapshot map", object, normal);
    }
    hostile_close(&hp);
    printf("%u cases, %u failures\n", cases, failures);
    return failures != 0 || cases == 0;
}
