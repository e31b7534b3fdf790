/* SPDX-License-Identifier: MIT */
/*
 * Compatibility feature sets: the pool property `compatibility` (format/pool.md, "10 Compatibility
 * feature sets"). The sets that OpenZFS ships are built in; files are looked up by the caller's
 * directories first. Callers: pool/ and cli/ (create, upgrade, status).
 */
#ifndef ZUSE_DISK_COMPAT_H
#define ZUSE_DISK_COMPAT_H

#include "base/span.h"
#include "disk/features.h"

#define COMPAT_FILE_MAX 16384u

enum compat_result { /* worst wins */
                     COMPAT_OK,
                     COMPAT_WARNTOKEN, /* unknown feature in a shipped set: only a warning */
                     COMPAT_BADTOKEN,
                     COMPAT_NOFILES,
                     COMPAT_BADFILE,
};

#define COMPAT_ALL_FEATURES (feature_bit(FEATURE_COUNT) - 1)

/* Feature set (bit mask) of a built-in name; false if there is none. */
bool compat_builtin(const char *name, uint64_t *set);
/* i-th built-in name, NULL after the last. */
const char *compat_builtin_name(size_t i);
/*
 * Contents of one file. trusted: it is a system file, unknown tokens are warnings. bad (may be
 * NULL) gets the first unknown token, at most bad_len bytes.
 */
enum compat_result compat_parse(struct span text, bool trusted, uint64_t *set, char *bad,
                                size_t bad_len);

#endif
