/* SPDX-License-Identifier: MIT */
/*
 * Unicode for names: UTF-8 validation, normalization forms and folding to upper case, with the data
 * of Unicode 5.0.0 as the format demands (format/dmu.md, "9.6 Names, matching, normalization").
 * Callers: dmu/zap, zpl/, dsl/. Pure functions.
 */
#ifndef ZUSE_CODEC_UNICODE_H
#define ZUSE_CODEC_UNICODE_H

#include <stdbool.h>
#include <stddef.h>

/* Bits as stored in ZAPs and in the `normalization` property. */
#define UNICODE_TOUPPER          0x02u
#define UNICODE_DECOMPOSE        0x10u /* canonical */
#define UNICODE_DECOMPOSE_COMPAT 0x20u
#define UNICODE_COMPOSE          0x40u
#define UNICODE_FORM_D           0x10u
#define UNICODE_FORM_C           0x50u
#define UNICODE_FORM_KD          0x20u
#define UNICODE_FORM_KC          0x60u
#define UNICODE_FLAGS            0x72u /* all of them */

/* Bytes that normalizing len bytes never exceeds. */
#define UNICODE_NORMALIZED_MAX(len) ((len)*12 + 4)

/* Well-formed UTF-8: shortest forms, no surrogates, at most U+10FFFF. Unassigned code points are
 * fine. */
bool unicode_utf8_valid(const char *s, size_t len);

/*
 * s[0..len) with these flags into out (no NUL is added), its length to *out_len. Ill-formed bytes
 * are passed through one by one, unassigned code points too; flags 0 copies. ZE_RANGE if out_cap
 * bytes do not suffice.
 */
int unicode_normalize(const char *s, size_t len, unsigned flags, char *out, size_t out_cap,
                      size_t *out_len);
/* Are the two names the same under these flags? */
bool unicode_same(const char *a, size_t a_len, const char *b, size_t b_len, unsigned flags);

#endif
