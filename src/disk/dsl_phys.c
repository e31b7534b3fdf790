/* SPDX-License-Identifier: MIT */
/*
 * DSL structures: validation and dumps (format/dsl.md 2, 3, 6.1, 8; format/raid.md 10.1, 11).
 */
#include "disk/dsl_phys.h"

#include <inttypes.h>

#include "base/err.h"

LAYOUT_DEFINE_UNDUMPED(dsl_dir_phys, DSL_DIR_PHYS_FIELDS);
LAYOUT_DEFINE_UNDUMPED(dsl_dataset_phys, DSL_DATASET_PHYS_FIELDS);
LAYOUT_DEFINE(bookmark_phys, BOOKMARK_PHYS_FIELDS);
LAYOUT_DEFINE(deadlist_phys, DEADLIST_PHYS_FIELDS);
LAYOUT_DEFINE(redaction_list_phys, REDACTION_LIST_PHYS_FIELDS);
LAYOUT_DEFINE(redaction_entry_phys, REDACTION_ENTRY_PHYS_FIELDS);
LAYOUT_DEFINE(scan_phys, SCAN_PHYS_FIELDS);
LAYOUT_DEFINE(error_scrub_phys, ERROR_SCRUB_PHYS_FIELDS);
LAYOUT_DEFINE(rebuild_phys, REBUILD_PHYS_FIELDS);

static int dsl_bad(const char *kind, uint64_t object, const char *field, uint64_t value)
{
    return err_raise(ZE_BADDSL, "DSL %s %" PRIu64 ": %s %" PRIu64, kind, object, field, value);
}

int dsl_dir_phys_validate(const struct dsl_dir_phys *dd, size_t bonuslen, uint64_t object)
{
    if (bonuslen < sizeof(*dd))
        return dsl_bad("directory", object, "bonus length", bonuslen);
    if (dd->parent_obj == object)
        return dsl_bad("directory", object, "parent_obj", dd->parent_obj);
    if (dd->child_dir_zapobj == 0)
        return dsl_bad("directory", object, "child_dir_zapobj", 0);
    if (dd->props_zapobj == 0)
        return dsl_bad("directory", object, "props_zapobj", 0);
    return 0;
}

int dsl_dataset_phys_validate(const struct dsl_dataset_phys *ds, size_t bonuslen, uint64_t object)
{
    if (bonuslen < sizeof(*ds))
        return dsl_bad("dataset", object, "bonus length", bonuslen);
    if (ds->dir_obj == 0 || ds->dir_obj == object)
        return dsl_bad("dataset", object, "dir_obj", ds->dir_obj);
    if (ds->prev_snap_obj == object)
        return dsl_bad("dataset", object, "prev_snap_obj", ds->prev_snap_obj);
    if (ds->next_snap_obj == object)
        return dsl_bad("dataset", object, "next_snap_obj", ds->next_snap_obj);
    if (bp_validate(&ds->bp) != 0)
        return err_context(ZE_BADDSL, "DSL dataset %" PRIu64 ": ", object);
    if (bp_is_embedded(&ds->bp))
        return dsl_bad("dataset", object, "embedded root block pointer, type", bp_type(&ds->bp));
    return 0;
}

/* Dumps in zdb's order, with zdb's names where they differ from the chapter's. */
static void dump_number(FILE *out, const char *name, uint64_t v)
{
    fprintf(out, "\t\t%s = %" PRIu64 "\n", name, v);
}

static void dump_nice(FILE *out, const char *name, uint64_t v)
{
    char text[32];
    field_nice_number(text, sizeof(text), v);
    fprintf(out, "\t\t%s = %s\n", name, text);
}

static void dump_time(FILE *out, const char *name, uint64_t v)
{
    char text[64];
    field_time_text(text, sizeof(text), v);
    fprintf(out, "\t\t%s = %s\n", name, text);
}

void dsl_dir_phys_dump(const struct dsl_dir_phys *dd, FILE *out)
{
    static const char *const used[DSL_DIR_USED_COUNT] = {
        "used_breakdown[HEAD]", "used_breakdown[SNAP]", "used_breakdown[CHILD]",
        "used_breakdown[CHILD_RSRV]", "used_breakdown[REFRSRV]"};

    dump_time(out, "creation_time", dd->creation_time);
    dump_number(out, "head_dataset_obj", dd->head_dataset_obj);
    dump_number(out, "parent_dir_obj", dd->parent_obj);
    dump_number(out, "origin_obj", dd->origin_obj);
    dump_number(out, "child_dir_zapobj", dd->child_dir_zapobj);
    dump_nice(out, "used_bytes", dd->used_bytes);
    dump_nice(out, "compressed_bytes", dd->compressed_bytes);
    dump_nice(out, "uncompressed_bytes", dd->uncompressed_bytes);
    dump_nice(out, "quota", dd->quota);
    dump_nice(out, "reserved", dd->reserved);
    dump_number(out, "props_zapobj", dd->props_zapobj);
    dump_number(out, "deleg_zapobj", dd->deleg_zapobj);
    fprintf(out, "\t\tflags = %" PRIx64 "\n", dd->flags);
    for (unsigned i = 0; i < DSL_DIR_USED_COUNT; i++)
        dump_nice(out, used[i], dd->used_breakdown[i]);
    dump_number(out, "clones", dd->clones);
}

void dsl_dataset_phys_dump(const struct dsl_dataset_phys *ds, FILE *out)
{
    char text[BP_TEXT_MAX];

    dump_number(out, "dir_obj", ds->dir_obj);
    dump_number(out, "prev_snap_obj", ds->prev_snap_obj);
    dump_number(out, "prev_snap_txg", ds->prev_snap_txg);
    dump_number(out, "next_snap_obj", ds->next_snap_obj);
    dump_number(out, "snapnames_zapobj", ds->snapnames_zapobj);
    dump_number(out, "num_children", ds->num_children);
    dump_number(out, "userrefs_obj", ds->userrefs_obj);
    dump_time(out, "creation_time", ds->creation_time);
    dump_number(out, "creation_txg", ds->creation_txg);
    dump_number(out, "deadlist_obj", ds->deadlist_obj);
    dump_nice(out, "used_bytes", ds->referenced_bytes);
    dump_nice(out, "compressed_bytes", ds->compressed_bytes);
    dump_nice(out, "uncompressed_bytes", ds->uncompressed_bytes);
    dump_nice(out, "unique", ds->unique_bytes);
    dump_number(out, "fsid_guid", ds->fsid_guid);
    dump_number(out, "guid", ds->guid);
    fprintf(out, "\t\tflags = %" PRIx64 "\n", ds->flags);
    dump_number(out, "next_clones_obj", ds->next_clones_obj);
    dump_number(out, "props_obj", ds->props_obj);
    bp_format(text, sizeof(text), &ds->bp);
    fprintf(out, "\t\tbp = %s\n", text);
}

int bookmark_phys_load(struct bookmark_phys *out, const uint64_t *words, size_t count)
{
    if (count * 8 < BOOKMARK_PHYS_SIZE_V1)
        return err_raise(ZE_BADDSL, "bookmark: %zu words", count);
    memset(out, 0, sizeof(*out));
    memcpy(out, words, min_of(count * 8, sizeof(*out)));
    return 0;
}

int redaction_list_validate(const struct redaction_list_phys *rl, size_t header_len,
                            uint64_t data_len)
{
    if (header_len < sizeof(*rl))
        return err_raise(ZE_BADDSL, "redaction list: header of %zu bytes", header_len);
    if (rl->num_snaps > (header_len - sizeof(*rl)) / 8)
        return err_raise(ZE_BADDSL, "redaction list: num_snaps %" PRIu64, rl->num_snaps);
    if (rl->num_entries > data_len / sizeof(struct redaction_entry_phys))
        return err_raise(ZE_BADDSL, "redaction list: num_entries %" PRIu64, rl->num_entries);
    return 0;
}

int scan_phys_load(struct scan_phys *out, const uint64_t *words, size_t count, bool *odd)
{
    *odd = false;
    memset(out, 0, sizeof(*out));
    if (count < SCAN_PHYS_WORDS || count > SCAN_PHYS_WORDS_ODD)
        return err_raise(ZE_BADDSL, "scan state: %zu words", count);
    memcpy(out, words, sizeof(*out));
    if (count == SCAN_PHYS_WORDS_ODD) {
        *odd = true;
        out->flags = words[SCAN_PHYS_WORDS];
        if (out->flags & ~(uint64_t)SCAN_FLAGS)
            return err_raise(ZE_BADDSL, "scan state: flags %" PRIx64 " in the 25-word form",
                             out->flags);
    }
    if (out->func > SCAN_FUNC_ERRORSCRUB)
        return err_raise(ZE_BADDSL, "scan state: func %" PRIu64, out->func);
    if (out->state > SCAN_STATE_ERRORSCRUBBING)
        return err_raise(ZE_BADDSL, "scan state: state %" PRIu64, out->state);
    return 0;
}
