/* SPDX-License-Identifier: MIT */
/*
 * The intent log as stored: header in the objset, chain header of a log block, all records
 * (format/zpl-zil.md, "14. ZIL: on-disk format and records"). Callers: zil/, dmu/ (header),
 * inspect/.
 */
#ifndef ZUSE_DISK_ZIL_PHYS_H
#define ZUSE_DISK_ZIL_PHYS_H

#include "disk/fields.h"

#define ZIL_HEADER_PHYS_FIELDS(F, S)                                                               \
    F(S, 0, U64, claim_txg, , DEC)                                                                 \
    F(S, 8, U64, replay_seq, , DEC)                                                                \
    F(S, 16, BP, log, , AUTO)                                                                      \
    F(S, 144, U64, claim_blk_seq, , DEC)                                                           \
    F(S, 152, U64, flags, , HEX)                                                                   \
    F(S, 160, U64, claim_lr_seq, , DEC)                                                            \
    F(S, 168, U64, pad, [3], NONE)
LAYOUT_STRUCT(zil_header_phys, 192, ZIL_HEADER_PHYS_FIELDS);

#define ZIL_FLAG_REPLAY_NEEDED      1u
#define ZIL_FLAG_CLAIM_LR_SEQ_VALID 2u

#endif
