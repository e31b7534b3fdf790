/* SPDX-License-Identifier: MIT */
/*
 * Error codes and the per-thread detail text (base/err.h). Everything here is thread-local; no
 * function can fail.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define DETAIL_MAX 512

struct err_info {
    const char *name, *sentence;
    int sys_errno;
};

static const struct err_info err_table[] = {
#define X(name, cls, text) {#name, text, cls},
    ZUSE_ERRORS(X)
#undef X
};

static _Thread_local char detail[DETAIL_MAX];

static const struct err_info *info_of(int code)
{
    static const struct err_info unknown = {"UNKNOWN", "unknown error", EIO};
    static const struct err_info ok = {"OK", "success", 0};

    if (code == 0)
        return &ok;
    int index = -code - (ZUSE_ERR_FIRST + 1);
    if (code > 0 || index < 0 || index >= (int)(sizeof(err_table) / sizeof(err_table[0])))
        return &unknown;
    return &err_table[index];
}

const char *err_name(int code)
{
    return info_of(code)->name;
}

const char *err_sentence(int code)
{
    return info_of(code)->sentence;
}

int err_errno(int code)
{
    return info_of(code)->sys_errno;
}

int err_raise(int code, const char *fmt, ...)
{
    char text[DETAIL_MAX]; /* an argument may be err_detail() itself */
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memcpy(detail, text, sizeof(detail));
    return code;
}

static int code_of_errno(int sys_errno)
{
    static const struct {
        int sys_errno, code;
    } map[] = {
        {ENOMEM, ZE_NOMEM},       {EINVAL, ZE_INVAL},
        {ERANGE, ZE_RANGE},       {EOVERFLOW, ZE_OVERFLOW},
        {ENOENT, ZE_NOENT},       {EEXIST, ZE_EXISTS},
        {EPERM, ZE_PERM},         {EACCES, ZE_ACCES},
        {EBUSY, ZE_BUSY},         {EIO, ZE_IO},
        {EOPNOTSUPP, ZE_NOTSUP},  {EROFS, ZE_ROFS},
        {ECANCELED, ZE_CANCELED}, {ETIMEDOUT, ZE_TIMEDOUT},
        {ENOSPC, ZE_NOSPC},       {EDQUOT, ZE_DQUOT},
        {ENOTDIR, ZE_NOTDIR},     {ENAMETOOLONG, ZE_NAMETOOLONG},
        {EISDIR, ZE_ISDIR},       {ENODATA, ZE_NODATA},
        {ENXIO, ZE_NXIO},         {ENODEV, ZE_NXIO},
        {ENOTEMPTY, ZE_NOTEMPTY}, {ELOOP, ZE_LOOP},
        {ESTALE, ZE_STALE},       {EPROTO, ZE_PROTO},
        {EILSEQ, ZE_UNICODE},
    };
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (map[i].sys_errno == sys_errno)
            return map[i].code;
    return ZE_SYS;
}

int err_from_errno(int sys_errno, const char *what, ...)
{
    char text[DETAIL_MAX];
    va_list ap;

    va_start(ap, what);
    vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    snprintf(detail, sizeof(detail), "%.400s: %.100s", text, strerror(sys_errno));
    return code_of_errno(sys_errno);
}

int err_context(int code, const char *fmt, ...)
{
    char text[DETAIL_MAX];
    va_list ap;

    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (len < 0 || (size_t)len >= sizeof(text))
        len = (int)strlen(text);
    const char *rest = detail[0] != '\0' ? detail : err_sentence(code);
    snprintf(text + len, sizeof(text) - (size_t)len, "%s", rest);
    memcpy(detail, text, sizeof(detail));
    return code;
}

const char *err_detail(void)
{
    return detail;
}

void err_detail_clear(void)
{
    detail[0] = '\0';
}

void err_detail_get(char *buf, size_t len)
{
    if (len > 0)
        snprintf(buf, len, "%s", detail);
}

void err_detail_put(const char *text)
{
    char copy[DETAIL_MAX];

    snprintf(copy, sizeof(copy), "%s", text);
    memcpy(detail, copy, sizeof(detail));
}
