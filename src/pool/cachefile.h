/* SPDX-License-Identifier: MIT */
/*
 * The pool cache file (format/pool.md 4.1): one native nvlist {pool name -> configuration}.
 * zpool.cache of OpenZFS can be read and a file written here can be read by it. Callers: service/
 * (pools to import again at start), `zpool import -c`. Errors: ZE_NOENT (no file), ZE_NVLIST,
 * ZE_SYS and what errno says.
 */
#ifndef ZUSE_POOL_CACHEFILE_H
#define ZUSE_POOL_CACHEFILE_H

#include "pool/assemble.h"

int cachefile_read(const char *path, struct nvlist **out);
/* Same, as import candidates: the configurations in the file. */
int cachefile_candidates(const char *path, struct pool_candidates **out);
/* Replace the file by a new one, durably. An empty list removes it. */
int cachefile_write(const char *path, const struct nvlist *pools);
/* Read, replace (config) or drop (NULL) one pool, write. A missing file is an empty one. */
int cachefile_update(const char *path, const char *name, const struct nvlist *config);

#endif
