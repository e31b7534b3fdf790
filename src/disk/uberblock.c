/* SPDX-License-Identifier: MIT */
/*
 * Uberblocks: load, validate, order, dump (format/pool.md, "5 Uberblock").
 */
#include "disk/uberblock.h"

#include <inttypes.h>
#include <time.h>

#include "base/err.h"

static const struct field uberblock_rows[] = {UBERBLOCK_FIELDS(FIELD_ENTRY, uberblock)};
const struct layout uberblock_layout = {"uberblock", sizeof(struct uberblock), uberblock_rows,
                                        array_len(uberblock_rows)};

void uberblock_bswap(struct uberblock *ub)
{
    layout_bswap(&uberblock_layout, ub);
}

int uberblock_validate(const struct uberblock *ub)
{
    if (ub->magic != UBERBLOCK_MAGIC)
        return err_raise(ZE_BADUB, "uberblock: magic %" PRIx64, ub->magic);
    if (ub->version == 0)
        return err_raise(ZE_BADUB, "uberblock: version 0");
    if (ub->txg == 0)
        return err_raise(ZE_BADUB, "uberblock: txg 0");
    if (bp_validate(&ub->rootbp) != 0)
        return err_context(ZE_BADUB, "uberblock of txg %" PRIu64 ": ", ub->txg);
    return 0;
}

int uberblock_load(struct uberblock *out, const void *slot, size_t len)
{
    if (len < sizeof(*out))
        return err_raise(ZE_BADUB, "uberblock: slot of %zu bytes", len);
    memcpy(out, slot, sizeof(*out));
    if (out->magic == __builtin_bswap64(UBERBLOCK_MAGIC))
        uberblock_bswap(out);
    return uberblock_validate(out);
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int uberblock_compare(const struct uberblock *a, const struct uberblock *b)
{
    int c = compare_u64(a->txg, b->txg);
    if (c == 0)
        c = compare_u64(a->timestamp, b->timestamp);
    if (c == 0)
        c = compare_u64(uberblock_mmp_seq(a), uberblock_mmp_seq(b));
    return c;
}

static void uberblock_dump_mmp(const struct uberblock *ub, FILE *out)
{
    fprintf(out, "\tmmp_magic = %016" PRIx64 "\n", ub->mmp_magic);
    if (!uberblock_mmp_valid(ub))
        return;
    fprintf(out, "\tmmp_delay = %0" PRIu64 "\n", ub->mmp_delay);
    if (uberblock_mmp_has_seq(ub))
        fprintf(out, "\tmmp_seq = %u\n", (unsigned)uberblock_mmp_seq(ub));
    if (uberblock_mmp_has_fail(ub))
        fprintf(out, "\tmmp_fail = %u\n", (unsigned)uberblock_mmp_fail_intervals(ub));
    if (uberblock_mmp_has_interval(ub))
        fprintf(out, "\tmmp_write = %u\n", (unsigned)uberblock_mmp_interval(ub));
    /* zdb shows the three valid bits as they are stored */
    fprintf(out, "\tmmp_valid = %x\n", (unsigned)ub->mmp_config & 0xff);
}

void uberblock_dump(const struct uberblock *ub, FILE *out)
{
    char text[BP_TEXT_MAX];

    fprintf(out, "\tmagic = %016" PRIx64 "\n\tversion = %" PRIu64 "\n\ttxg = %" PRIu64 "\n",
            ub->magic, ub->version, ub->txg);
    field_time_text(text, sizeof(text), ub->timestamp);
    fprintf(out, "\tguid_sum = %" PRIu64 "\n\ttimestamp = %" PRIu64 " UTC = %s\n", ub->guid_sum,
            ub->timestamp, text);
    bp_format(text, sizeof(text), &ub->rootbp);
    fprintf(out, "\tbp = %s\n", text);
    uberblock_dump_mmp(ub, out);
    fprintf(out, "\tcheckpoint_txg = %" PRIu64 "\n\traidz_reflow state=%u off=%" PRIu64 "\n",
            ub->checkpoint_txg, uberblock_reflow_state(ub), uberblock_reflow_offset(ub));
}

struct json_t *uberblock_json(const struct uberblock *ub)
{
    return layout_json(&uberblock_layout, ub);
}
