/* SPDX-License-Identifier: MIT */
/* Error log keys (format/pool.md 12.3, 12.4). */
#include "disk/errlog_phys.h"

#include <inttypes.h>

#include "base/err.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal numbers separated by colons, nothing else. */
static bool parse_four(const char *s, uint64_t v[4])
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned digits = 0;
        v[i] = 0;
        for (int d; (d = hex_digit(*s)) >= 0; s++) {
            if (++digits > 16)
                return false;
            v[i] = v[i] << 4 | (unsigned)d;
        }
        if (digits == 0 || *s != (i < 3 ? ':' : '\0'))
            return false;
        s++;
    }
    return true;
}

int errlog_key_parse(const char *key, struct bookmark *out)
{
    uint64_t v[4];
    if (!parse_four(key, v))
        return err_raise(ZE_CORRUPT, "error log: key '%.*s'", (int)ERRLOG_KEY_MAX, key);
    *out = (struct bookmark){v[0], v[1], (int64_t)v[2], v[3]};
    return 0;
}

void errlog_key_format(char *buf, size_t len, const struct bookmark *zb)
{
    snprintf(buf, len, "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64, zb->objset, zb->object,
             (uint64_t)zb->level, zb->blkid);
}

int errlog_head_key_parse(const char *key, struct bookmark *out, uint64_t *birth)
{
    uint64_t v[4];
    if (!parse_four(key, v))
        return err_raise(ZE_CORRUPT, "error log: key '%.*s'", (int)ERRLOG_KEY_MAX, key);
    out->object = v[0];
    out->level = (int64_t)v[1];
    out->blkid = v[2];
    *birth = v[3];
    return 0;
}

void errlog_head_key_format(char *buf, size_t len, const struct bookmark *zb, uint64_t birth)
{
    snprintf(buf, len, "%" PRIx64 ":%" PRIx64 ":%" PRIx64 ":%" PRIx64, zb->object,
             (uint64_t)zb->level, zb->blkid, birth);
}
