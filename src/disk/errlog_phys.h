/* SPDX-License-Identifier: MIT */
/*
 * Keys of the persistent error log ZAPs (format/pool.md, "12.3 Error log objects", "12.4
 * head_errlog format"). Callers: pool/, inspect/.
 */
#ifndef ZUSE_DISK_ERRLOG_PHYS_H
#define ZUSE_DISK_ERRLOG_PHYS_H

#include "disk/fields.h"

#define ERRLOG_KEY_MAX 80u

/* Old form "objset:object:level:blkid", all hexadecimal. ZE_CORRUPT. */
int errlog_key_parse(const char *key, struct bookmark *out);
void errlog_key_format(char *buf, size_t len, const struct bookmark *zb);
/* head_errlog form "object:level:blkid:birth"; objset comes from the ZAP it is in. ZE_CORRUPT. */
int errlog_head_key_parse(const char *key, struct bookmark *out, uint64_t *birth);
void errlog_head_key_format(char *buf, size_t len, const struct bookmark *zb, uint64_t birth);

#endif
