/* SPDX-License-Identifier: MIT */
/*
 * Error codes. Every function that can fail returns int: 0 or a negative private code from the list
 * below. Each code names one failure, belongs to one errno class (what FUSE and the commands show)
 * and has a sentence. err_raise() also keeps, per thread, a detail text saying which field of what
 * object was bad; whoever moves an error to another thread moves the detail with
 * err_detail_get/put. Locks: none. Thread-local only.
 */
#ifndef ZUSE_BASE_ERR_H
#define ZUSE_BASE_ERR_H

#include <stddef.h>

/* X(name, errno class, sentence). Append to the section of your floor. */
#define ZUSE_ERRORS(X)                                                                             \
    /* base */                                                                                     \
    X(NOMEM, ENOMEM, "out of memory")                                                              \
    X(INVAL, EINVAL, "invalid argument")                                                           \
    X(RANGE, ERANGE, "value out of range")                                                         \
    X(OVERFLOW, EOVERFLOW, "arithmetic overflow on a size")                                        \
    X(NOENT, ENOENT, "no such entry")                                                              \
    X(EXISTS, EEXIST, "already exists")                                                            \
    X(PERM, EPERM, "operation not permitted")                                                      \
    X(ACCES, EACCES, "permission denied")                                                          \
    X(BUSY, EBUSY, "resource is busy")                                                             \
    X(IO, EIO, "input/output error")                                                               \
    X(NOTSUP, ENOTSUP, "not supported")                                                            \
    X(NOTYET, ENOTSUP, "not supported yet")                                                        \
    X(ROFS, EROFS, "read-only")                                                                    \
    X(CANCELED, ECANCELED, "canceled")                                                             \
    X(TIMEDOUT, ETIMEDOUT, "timed out")                                                            \
    X(NOSPC, ENOSPC, "out of space")                                                               \
    X(DQUOT, EDQUOT, "quota exceeded")                                                             \
    X(NAMETOOLONG, ENAMETOOLONG, "name too long")                                                  \
    X(NOTDIR, ENOTDIR, "not a directory")                                                          \
    X(ISDIR, EISDIR, "is a directory")                                                             \
    X(NODATA, ENODATA, "no data available")                                                        \
    X(NOSYS, ENOSYS, "not implemented by this object")                                             \
    X(SYS, EIO, "system call failed")                                                              \
    X(BUG, EIO, "internal error")                                                                  \
    /* codec */                                                                                    \
    X(CKSUM, EIO, "checksum mismatch")                                                             \
    X(DECOMPRESS, EIO, "compressed data is damaged")                                               \
    X(AUTH, EIO, "authentication of encrypted data failed")                                        \
    X(NVLIST, EINVAL, "malformed nvlist")                                                          \
    X(NVTYPE, EINVAL, "nvlist value has another type")                                             \
    X(UNICODE, EILSEQ, "invalid UTF-8")                                                            \
    /* disk: a structure failed validation */                                                      \
    X(BADLABEL, EINVAL, "invalid vdev label")                                                      \
    X(BADUB, EINVAL, "invalid uberblock")                                                          \
    X(BADBP, EIO, "invalid block pointer")                                                         \
    X(BADDNODE, EIO, "invalid dnode")                                                              \
    X(BADOBJSET, EIO, "invalid object set")                                                        \
    X(BADZAP, EIO, "invalid ZAP")                                                                  \
    X(BADDSL, EIO, "invalid DSL structure")                                                        \
    X(BADSA, EIO, "invalid system attributes")                                                     \
    X(BADACL, EIO, "invalid ACL")                                                                  \
    X(BADSPACEMAP, EIO, "invalid space map")                                                       \
    X(BADZIL, EIO, "invalid intent log")                                                           \
    X(BADGANG, EIO, "invalid gang header")                                                         \
    X(BADDDT, EIO, "invalid dedup table")                                                          \
    X(BADBRT, EIO, "invalid block reference table")                                                \
    X(BADVDEV, EIO, "invalid vdev metadata")                                                       \
    X(BADOBJ, EIO, "object has the wrong type")                                                    \
    /* vdev */                                                                                     \
    X(NXIO, ENXIO, "device is missing or cannot be opened")                                        \
    X(DEVINUSE, EBUSY, "device is in use")                                                         \
    X(DEVSIZE, EOVERFLOW, "device is too small")                                                   \
    X(VDEVCONFIG, EINVAL, "invalid vdev configuration")                                            \
    /* zio */                                                                                      \
    X(REDACTED, EIO, "block was redacted")                                                         \
    X(NOKEY, EACCES, "encryption key is not loaded")                                               \
    X(HOLE, ENOENT, "block is a hole")                                                             \
    /* dmu, dsl */                                                                                 \
    X(NODATASET, ENOENT, "dataset does not exist")                                                 \
    X(BADNAME, EINVAL, "invalid dataset name")                                                     \
    X(WRONGKEY, EACCES, "incorrect key")                                                           \
    X(KEYLOADED, EEXIST, "key is already loaded")                                                  \
    X(NOTENCROOT, EINVAL, "not an encryption root")                                                \
    X(NOTENCRYPTED, EINVAL, "dataset is not encrypted")                                            \
    X(WRONGTYPE, EINVAL, "operation not applicable to datasets of this type")                      \
    X(BADPROP, EINVAL, "invalid property")                                                         \
    /* pool */                                                                                     \
    X(NOPOOL, ENOENT, "no such pool")                                                              \
    X(POOLEXISTS, EEXIST, "a pool with that name already exists")                                  \
    X(VERSION, ENOTSUP, "pool version is not supported")                                           \
    X(FEATURE, ENOTSUP, "pool uses an unsupported feature")                                        \
    X(HOSTID, EBADF, "pool was last accessed by another system")                                   \
    X(ACTIVEPOOL, EREMOTEIO, "pool may be active on another system")                               \
    X(MISSINGLOG, ENXIO, "a log device is missing")                                                \
    X(GUIDSUM, ENXIO, "sum of the vdev guids does not match the uberblock")                        \
    X(NOUB, ENXIO, "no usable uberblock was found")                                                \
    X(CORRUPT, EIO, "pool metadata is corrupted")                                                  \
    X(NOCHECKPOINT, ENOENT, "pool has no checkpoint")                                              \
    X(DESTROYED, ENOENT, "pool was destroyed")                                                     \
    X(SUSPENDED, EAGAIN, "pool I/O is suspended")                                                  \
    /* zpl, zvol, stream */                                                                        \
    X(NOTEMPTY, ENOTEMPTY, "directory not empty")                                                  \
    X(LOOP, ELOOP, "too many levels of symbolic links")                                            \
    X(STALE, ESTALE, "stale file handle")                                                          \
    X(BADSTREAM, EINVAL, "invalid send stream")                                                    \
    /* service, cli */                                                                             \
    X(PROTO, EPROTO, "malformed message on the service socket")                                    \
    X(NOSERVICE, ECONNREFUSED, "zused is not running")                                             \
    X(MOUNTED, EBUSY, "filesystem already mounted")                                                \
    X(NOTMOUNTED, EINVAL, "not currently mounted")                                                 \
    X(LEGACYMOUNT, EINVAL, "legacy mountpoint")                                                    \
    X(NOMOUNTPOINT, EINVAL, "no mountpoint set")                                                   \
    X(CANMOUNTOFF, EINVAL, "'canmount' property is set to 'off'")                                  \
    X(BADUSAGE, EINVAL, "invalid usage")

enum zuse_err_index {
    ZUSE_ERR_FIRST = 1000,
#define X(name, cls, text) ZUSE_ERRI_##name,
    ZUSE_ERRORS(X)
#undef X
        ZUSE_ERR_LIMIT
};

enum zuse_err {
    ZE_OK = 0,
#define X(name, cls, text) ZE_##name = -(int)ZUSE_ERRI_##name,
    ZUSE_ERRORS(X)
#undef X
};

/* Return code after recording a detail text (printf form) for this thread. Replaces an older one.
 */
int err_raise(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));
/* Map errno of a failed system call to the nearest code and record "what: strerror". */
int err_from_errno(int sys_errno, const char *what, ...)
    __attribute__((format(printf, 2, 3), cold));
/* Prefix the current detail with context ("dataset tank/a: "); returns code unchanged. */
int err_context(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3), cold));

const char *err_name(int code);     /* "CKSUM" */
const char *err_sentence(int code); /* "checksum mismatch" */
int err_errno(int code);            /* positive errno class; 0 for 0 */
/* Detail of the last err_raise() on this thread, "" if none; valid until the next raise. */
const char *err_detail(void);
void err_detail_clear(void);
/* Copy out / set, for carrying a detail between threads. */
void err_detail_get(char *buf, size_t len);
void err_detail_put(const char *text);

#endif
