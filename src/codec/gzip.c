/* SPDX-License-Identifier: MIT */
/* gzip-1..9: a zlib stream (format/dmu.md 5.6), with one inflate and one deflate state a thread. */
#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/compressors.h"
#include "codec/thread_cache.h"

static void *inflate_create(void)
{
    z_stream *z = mem_zalloc(sizeof(*z));
    if (z != NULL && inflateInit(z) == Z_OK)
        return z;
    free(z);
    return NULL;
}

static void inflate_destroy(void *p)
{
    inflateEnd(p);
    free(p);
}

static void *deflate_create(void)
{
    z_stream *z = mem_zalloc(sizeof(*z));
    if (z != NULL && deflateInit(z, Z_DEFAULT_COMPRESSION) == Z_OK)
        return z;
    free(z);
    return NULL;
}

static void deflate_destroy(void *p)
{
    deflateEnd(p);
    free(p);
}

static void buffers_set(z_stream *z, const uint8_t *src, size_t src_len, uint8_t *dst,
                        size_t dst_len)
{
    z->next_in = src;
    z->avail_in = (uInt)src_len;
    z->next_out = dst;
    z->avail_out = (uInt)dst_len;
}

int gzip_decode(const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    z_stream *z = codec_thread_cache(CODEC_SLOT_INFLATE, inflate_create, inflate_destroy);
    if (z == NULL)
        return err_raise(ZE_NOMEM, "gzip: no inflate state");
    if (src_len > UINT_MAX || dst_len > UINT_MAX)
        return err_raise(ZE_DECOMPRESS, "gzip: block of %zu bytes", dst_len);
    inflateReset(z);
    buffers_set(z, src, src_len, dst, dst_len);
    const int rc = inflate(z, Z_FINISH);
    if (rc == Z_MEM_ERROR)
        return err_raise(ZE_NOMEM, "gzip: no memory for the window");
    if (rc != Z_STREAM_END || z->avail_out != 0)
        return err_raise(ZE_DECOMPRESS, "gzip: %s after %lu of %zu bytes",
                         z->msg != NULL ? z->msg : "stream does not end there", z->total_out,
                         dst_len);
    return 0;
}

size_t gzip_encode(int level, const uint8_t *src, size_t src_len, uint8_t *dst, size_t dst_len)
{
    z_stream *z = codec_thread_cache(CODEC_SLOT_DEFLATE, deflate_create, deflate_destroy);
    if (z == NULL || src_len > UINT_MAX || dst_len > UINT_MAX)
        return 0;
    /* A level set before any input gives the same bytes as a state made with it. */
    if (deflateReset(z) != Z_OK || deflateParams(z, level, Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    buffers_set(z, src, src_len, dst, dst_len);
    return deflate(z, Z_FINISH) == Z_STREAM_END ? z->total_out : 0;
}
