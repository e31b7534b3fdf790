/* SPDX-License-Identifier: MIT */
#include "dsl/resume_token.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec/checksum.h"
#include "dsl/dsl_impl.h"

#define TOKEN_MAX_PACKED (1u << 20)

/* First word of fletcher-4 over whole 32-bit words, trailing bytes ignored. */
static uint64_t token_checksum(const uint8_t *data, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i + 4 <= len; i += 4)
        sum += load_le32(data + i);
    return sum;
}

int resume_token_encode(const struct nvlist *nv, char **token)
{
    uint8_t *packed AUTO_FREE = NULL, *small AUTO_FREE = NULL;
    size_t len, at;
    uLongf small_len;
    char *text;
    int err = nvlist_encode(nv, NV_ENC_NATIVE, &packed, &len);

    if (err != 0)
        return err;
    small_len = compressBound(len);
    small = mem_zalloc(small_len);
    if (small == NULL || compress2(small, &small_len, packed, len, 6) != Z_OK)
        return err_raise(ZE_NOMEM, "resume token");
    text = mem_zalloc(64 + 2 * small_len);
    if (text == NULL)
        return ZE_NOMEM;
    at = (size_t)sprintf(text, "1-%" PRIx64 "-%zx-", token_checksum(small, small_len), len);
    for (size_t i = 0; i < small_len; i++)
        at += (size_t)sprintf(text + at, "%02x", small[i]);
    *token = text;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int resume_token_decode(const char *token, struct nvlist **out)
{
    uint64_t version, sum, packed_len;
    const char *hex = strrchr(token, '-');
    uint8_t *small AUTO_FREE = NULL, *packed AUTO_FREE = NULL;
    size_t n;
    uLongf got;

    if (hex == NULL ||
        sscanf(token, "%" SCNu64 "-%" SCNx64 "-%" SCNx64 "-", &version, &sum, &packed_len) != 3)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (invalid format)");
    if (version != 1)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (invalid version %" PRIu64 ")",
                         version);
    n = strlen(++hex) / 2;
    small = mem_zalloc(n + 1);
    if (small == NULL)
        return ZE_NOMEM;
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return err_raise(ZE_BADSTREAM, "resume token is corrupt (payload is not hex-encoded)");
        small[i] = (uint8_t)(high << 4 | low);
    }
    if (token_checksum(small, n) != sum)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (incorrect checksum)");
    if (packed_len > TOKEN_MAX_PACKED || (packed = mem_zalloc(packed_len + 1)) == NULL)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (size %" PRIu64 ")", packed_len);
    got = packed_len;
    if (uncompress(packed, &got, small, n) != Z_OK || got != packed_len)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (decompression failed)");
    if (nvlist_decode(span_of(packed, packed_len), out) != 0)
        return err_raise(ZE_BADSTREAM, "resume token is corrupt (nvlist_unpack failed)");
    return 0;
}

/* ---- from a dataset ---- */

static int copy_u64(struct zap *zap, const char *key, struct nvlist *nv, const char *name)
{
    uint64_t v;
    int err = zap_lookup(zap, key, 8, 1, &v, NULL);

    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : nvlist_add_u64(nv, name, v);
}

static int copy_flag(struct zap *zap, const char *key, struct nvlist *nv, const char *name)
{
    uint64_t v;
    int err = zap_lookup(zap, key, 8, 1, &v, NULL);

    if (err == ZE_NOENT)
        return 0;
    return err != 0 ? err : nvlist_add_boolean(nv, name);
}

static int copy_array(struct zap *zap, const char *key, struct nvlist *nv, const char *name)
{
    uint64_t *v AUTO_FREE = NULL;
    uint64_t n;
    unsigned size;
    int err = zap_length(zap, key, &size, &n);

    if (err == ZE_NOENT)
        return 0;
    if (err != 0)
        return err;
    if (size != 8 || n > 8192 || (v = mem_calloc(n + 1, 8)) == NULL)
        return err_raise(ZE_BADDSL, "%s: %llu integers of %u bytes", key, (unsigned long long)n,
                         size);
    err = zap_lookup(zap, key, 8, n, v, NULL);
    return err != 0 ? err : nvlist_add_u64_array(nv, name, v, n);
}

static int token_list(struct zap *zap, struct nvlist *nv)
{
    char toname[DATASET_NAME_MAX + 1] = "";
    int err = copy_u64(zap, "com.delphix:resume_fromguid", nv, "fromguid");

    err = err != 0 ? err : copy_u64(zap, "com.delphix:resume_object", nv, "object");
    err = err != 0 ? err : copy_u64(zap, "com.delphix:resume_offset", nv, "offset");
    err = err != 0 ? err : copy_u64(zap, "com.delphix:resume_bytes", nv, "bytes");
    err = err != 0 ? err : copy_u64(zap, "com.delphix:resume_toguid", nv, "toguid");
    if (err == 0)
        err = zap_lookup(zap, "com.delphix:resume_toname", 1, DATASET_NAME_MAX, toname, NULL);
    if (err == 0)
        err = nvlist_add_string(nv, "toname", toname);
    else if (err == ZE_NOENT)
        err = 0;
    err = err != 0 ? err : copy_flag(zap, "com.delphix:resume_largeblockok", nv, "largeblockok");
    err = err != 0 ? err : copy_flag(zap, "com.delphix:resume_embedok", nv, "embedok");
    err = err != 0 ? err : copy_flag(zap, "com.delphix:resume_compressok", nv, "compressok");
    err = err != 0 ? err : copy_flag(zap, "com.datto:resume_rawok", nv, "rawok");
    err = err != 0 ? err : copy_array(zap, "com.delphix:redacted_datasets", nv, "redact_snaps");
    return err != 0
               ? err
               : copy_array(zap, "com.delphix:resume_redact_book_snaps", nv, "book_redact_snaps");
}

static int token_of(struct dsl_pool *dp, uint64_t dsobj, char **token)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    struct zap *zap;
    uint64_t toguid;
    int err = zap_open(dp->mos, dsobj, &zap);

    if (err != 0)
        return err;
    err = zap_lookup(zap, "com.delphix:resume_toguid", 8, 1, &toguid, NULL);
    err = err != 0 ? err : nvlist_create(&nv);
    err = err != 0 ? err : token_list(zap, nv);
    err = err != 0 ? err : resume_token_encode(nv, token);
    zap_close(zap);
    return err;
}

int resume_token_make(struct dsl_dataset *ds, char **token)
{
    AUTO_DATASET struct dsl_dataset *recv = NULL;
    AUTO_DIR struct dsl_dir *child = NULL;
    int err = ds->zapified ? token_of(ds->dp, ds->object, token) : ZE_NOENT;

    if (err != ZE_NOENT)
        return err;
    mutex_lock(&ds->dp->lock);
    err = dsl_dir_child_locked(ds->dir, "%recv", strlen("%recv"), &child);
    mutex_unlock(&ds->dp->lock);
    if (err != 0)
        return err == ZE_NODATASET ? ZE_NOENT : err;
    err = dsl_dataset_hold_object(ds->dp, child->phys.head_dataset_obj, &recv);
    if (err != 0)
        return err;
    return recv->zapified ? token_of(ds->dp, recv->object, token) : ZE_NOENT;
}
