/* SPDX-License-Identifier: MIT */
/*
 * Name-value lists: in memory, and packed in both encodings (format/pool.md, "3 nvlist encodings").
 * Used for labels, configs, properties, streams and the service protocol. Building and looking up
 * lists is public, in zuse/nvlist.h; here is what else the engine does with them. Errors: ZE_NOMEM,
 * ZE_NOENT (no such name), ZE_NVTYPE, ZE_NVLIST (malformed, detail says where).
 */
#ifndef ZUSE_CODEC_NVLIST_H
#define ZUSE_CODEC_NVLIST_H

#include <stdio.h>

#include "base/span.h"
#include "zuse/nvlist.h"

enum nv_encoding { NV_ENC_NATIVE = 0, NV_ENC_XDR = 1 };

/* Packed form. decode: hostile input is fine; bounded depth (32), size and count. Trailing bytes
 * are ignored. */
int nvlist_decode(struct span packed, struct nvlist **out);
/* *used: bytes consumed, for packed lists in a larger buffer. */
int nvlist_decode_used(struct span packed, struct nvlist **out, size_t *used);
/* encode in host order for NATIVE. *buf is malloc'ed. */
int nvlist_encode(const struct nvlist *nv, enum nv_encoding enc, uint8_t **buf, size_t *len);
size_t nvlist_encoded_size(const struct nvlist *nv, enum nv_encoding enc);

/* The indented dump that zdb prints for configs. */
void nvlist_print(const struct nvlist *nv, FILE *out, unsigned indent);

#endif
