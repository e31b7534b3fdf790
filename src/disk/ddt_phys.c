/* SPDX-License-Identifier: MIT */
/* Dedup table entries and log records (format/crypto-dedup.md, B3-B8). */
#include "disk/ddt_phys.h"

#include <inttypes.h>

#include "base/err.h"
#include "disk/objtype.h"

LAYOUT_DEFINE(ddt_key_phys, DDT_KEY_PHYS_FIELDS);
LAYOUT_DEFINE(ddt_slot_phys, DDT_SLOT_PHYS_FIELDS);
LAYOUT_DEFINE(ddt_stat_phys, DDT_STAT_PHYS_FIELDS);
LAYOUT_DEFINE(ddt_log_phys, DDT_LOG_PHYS_FIELDS);

#define DDT_HEADER_LITTLE   0x80u
#define DDT_HEADER_COMPRESS 0x7fu

void ddt_key_of_bp(const struct blkptr *bp, struct ddt_key_phys *out)
{
    out->cksum = bp->cksum;
    out->prop = 0;
    BITS_SET(out->prop, 0, 16, BITS_GET(bp->prop, 0, 16));
    BITS_SET(out->prop, 16, 16, BITS_GET(bp->prop, 16, 16));
    BITS_SET(out->prop, 32, 7, bp_compress(bp));
    BITS_SET(out->prop, 39, 1, bp_uses_crypt(bp));
}

int ddt_key_compare(const struct ddt_key_phys *a, const struct ddt_key_phys *b)
{
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
    for (unsigned i = 0; i < DDT_KEY_WORDS; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    return 0;
}

uint64_t ddt_value_refcnt(const struct ddt_value *v)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < ddt_value_slots(v); i++)
        if (v->slot[i].phys_birth != 0)
            sum += v->slot[i].refcnt;
    return sum;
}

void ddt_value_of_flat(const void *words, struct ddt_value *out)
{
    memset(out, 0, sizeof(*out));
    out->flat = true;
    memcpy(&out->slot[0], words, sizeof(out->slot[0]));
    memcpy(&out->class_start, (const uint8_t *)words + sizeof(out->slot[0]), 8);
}

int ddt_value_decode(struct span stored, bool flat, struct ddt_value *out)
{
    uint64_t words[DDT_LEGACY_SIZE / 8];
    size_t size = flat ? DDT_FLAT_SIZE : DDT_LEGACY_SIZE;

    if (stored.len < 2)
        return err_raise(ZE_BADDDT, "dedup entry: value of %zu bytes", stored.len);
    enum compress_id comp = (enum compress_id)(stored.data[0] & DDT_HEADER_COMPRESS);
    bool little = (stored.data[0] & DDT_HEADER_LITTLE) != 0;
    if (comp == COMPRESS_OFF) {
        if (stored.len - 1 != size)
            return err_raise(ZE_BADDDT, "dedup entry: %zu bytes uncompressed", stored.len - 1);
        memcpy(words, stored.data + 1, size);
    } else if (compress_decode(comp, stored.data + 1, stored.len - 1, words, size) != 0) {
        return err_raise(ZE_BADDDT, "dedup entry: compression %u of %zu bytes", (unsigned)comp,
                         stored.len - 1);
    }
    if (little != (bool)HOST_IS_LITTLE)
        bswap64_array(words, size);
    if (flat) {
        ddt_value_of_flat(words, out);
        return 0;
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->slot, words, sizeof(out->slot));
    return 0;
}

size_t ddt_value_encode(const struct ddt_value *v, uint8_t *out)
{
    out[0] = (HOST_IS_LITTLE ? DDT_HEADER_LITTLE : 0) | COMPRESS_OFF;
    if (!v->flat) {
        memcpy(out + 1, v->slot, DDT_LEGACY_SIZE);
        return 1 + DDT_LEGACY_SIZE;
    }
    memcpy(out + 1, &v->slot[0], sizeof(v->slot[0]));
    memcpy(out + 1 + sizeof(v->slot[0]), &v->class_start, 8);
    return 1 + DDT_FLAT_SIZE;
}

void ddt_slot_bp(const struct ddt_key_phys *k, const struct ddt_slot_phys *slot,
                 enum checksum_id cksum, struct blkptr *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->dva, slot->dva, sizeof(out->dva));
    out->cksum = k->cksum;
    out->birth = slot->phys_birth;
    out->fill = 1;
    BITS_SET(out->prop, 0, 32, BITS_GET(k->prop, 0, 32));
    BITS_SET(out->prop, 32, 7, ddt_key_compress(k));
    BITS_SET(out->prop, 40, 8, cksum);
    BITS_SET(out->prop, 48, 8, OBJTYPE_DEDUP);
    BITS_SET(out->prop, 61, 1, ddt_key_is_encrypted(k));
    BITS_SET(out->prop, 62, 1, 1);
    BITS_SET(out->prop, 63, 1, HOST_IS_LITTLE);
}

int ddt_log_phys_load(struct ddt_log_phys *out, const void *bonus, size_t bonuslen,
                      uint64_t data_size, uint64_t object)
{
    if (bonuslen < sizeof(*out))
        return err_raise(ZE_BADDDT, "dedup log %" PRIu64 ": bonus of %zu bytes", object, bonuslen);
    memcpy(out, bonus, sizeof(*out));
    if (ddt_log_version(out) != DDT_LOG_VERSION)
        return err_raise(ZE_BADDDT, "dedup log %" PRIu64 ": version %u", object,
                         ddt_log_version(out));
    if (out->length % DDT_LOG_BLOCK_SIZE != 0 || out->length > data_size)
        return err_raise(ZE_BADDDT, "dedup log %" PRIu64 ": length %" PRIu64, object, out->length);
    return 0;
}

int ddt_log_record_next(struct span block, size_t *pos, struct ddt_log_record *out)
{
    struct span rec;

    if (*pos > block.len || block.len - *pos < 8)
        return ZE_NOENT;
    uint64_t info = load_ne64(block.data + *pos);
    unsigned type = (unsigned)BITS_GET(info, 0, 8), length = (unsigned)BITS_GET(info, 8, 16);
    if (type == 0)
        return ZE_NOENT;
    if (type != 1)
        return err_raise(ZE_BADDDT, "dedup log: record type %u", type);
    if (length < DDT_LOG_RECORD_SIZE || length % 8 != 0 || !span_sub(block, *pos, length, &rec))
        return err_raise(ZE_BADDDT, "dedup log: record of %u bytes", length);
    memcpy(&out->key, rec.data + 8, sizeof(out->key));
    ddt_value_of_flat(rec.data + 48, &out->value);
    out->type = (unsigned)BITS_GET(info, 48, 8);
    out->class = (unsigned)BITS_GET(info, 56, 8);
    *pos += length;
    return 0;
}

const char *ddt_class_name(unsigned class)
{
    static const char *const names[DDT_CLASSES] = {"ditto", "duplicate", "unique"};
    return class < DDT_CLASSES ? names[class] : "none";
}

void ddt_object_name(char *buf, const char *cksum_name, unsigned class)
{
    snprintf(buf, DDT_NAME_MAX, "DDT-%s-zap-%s", cksum_name, ddt_class_name(class));
}
