/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the four labels of a leaf device, and the parts of a label that are not
 * nvlists or uberblocks (format/pool.md, "2 Device layout and labels"). All offsets and sizes in
 * bytes. Callers: vdev/ (label I/O), pool/, inspect/ (zdb -l). The checksum trailer:
 * codec/checksum.h.
 */
#ifndef ZUSE_DISK_LABEL_H
#define ZUSE_DISK_LABEL_H

#include "codec/nvlist.h"
#include "disk/fields.h"

#define LABEL_COUNT           4u
#define LABEL_SIZE            (256u << 10)
#define LABEL_PAD1_OFFSET     0u
#define LABEL_BOOTENV_OFFSET  0x2000u
#define LABEL_BOOTENV_SIZE    0x2000u
#define LABEL_VDEV_OFFSET     0x4000u
#define LABEL_VDEV_SIZE       0x1c000u /* 112 KiB */
#define LABEL_RING_OFFSET     0x20000u
#define LABEL_RING_SIZE       0x20000u
#define LABEL_TRAILER_SIZE    40u                                    /* embedded checksum */
#define LABEL_NVLIST_MAX      (LABEL_VDEV_SIZE - LABEL_TRAILER_SIZE) /* 114,648 */
#define LABEL_BOOT_REGION     (2 * LABEL_SIZE)
#define LABEL_BOOT_REGION_LEN (7u << 19)
#define LABEL_START_SIZE      (4ull << 20)     /* before the allocatable space */
#define LABEL_END_SIZE        (2 * LABEL_SIZE) /* after it */
#define LABEL_MIN_DEVSIZE     (64ull << 20)

#define LABEL_EMBEDDED_MAGIC 0x0210da7ab10c7a11ull /* of checksum trailers */

/* psize: what of a device of devsize bytes is used. */
static inline uint64_t label_psize(uint64_t devsize)
{
    return round_down_pow2(devsize, LABEL_SIZE);
}
/* Allocatable bytes of a leaf; 0 if the device is too small. */
static inline uint64_t label_asize(uint64_t psize)
{
    return psize < LABEL_MIN_DEVSIZE ? 0 : psize - LABEL_START_SIZE - LABEL_END_SIZE;
}
/* Device offset of byte `inner` of label 0..3. */
static inline uint64_t label_offset(uint64_t psize, unsigned label, uint64_t inner)
{
    return inner + (uint64_t)label * LABEL_SIZE + (label < 2 ? 0 : psize - 4ull * LABEL_SIZE);
}

/* Uberblock ring (5.4): slot size by the top-level vdev's ashift, 1 to 8 KiB. */
static inline unsigned label_slot_shift(uint64_t ashift)
{
    return ashift < 10 ? 10 : ashift > 13 ? 13 : (unsigned)ashift;
}
static inline uint32_t label_slot_size(uint64_t ashift)
{
    return 1u << label_slot_shift(ashift);
}
static inline unsigned label_slot_count(uint64_t ashift)
{
    return LABEL_RING_SIZE >> label_slot_shift(ashift);
}
static inline uint64_t label_slot_inner(uint64_t ashift, unsigned slot)
{
    return LABEL_RING_OFFSET + ((uint64_t)slot << label_slot_shift(ashift));
}
/* Slots kept for MMP heartbeats at the ring's end when multihost is on. */
#define LABEL_MMP_SLOTS 1u

/* Boot environment block: version in big-endian, then text or an XDR nvlist, then the trailer. */
#define LABEL_BOOTENV_RAW     0u
#define LABEL_BOOTENV_NVLIST  1u
#define LABEL_BOOTENV_PAYLOAD (LABEL_BOOTENV_SIZE - 8 - LABEL_TRAILER_SIZE)
/*
 * Contents of a boot environment block whose trailer was found good, as one nvlist with `version`
 * whatever form it was stored in. 0, ZE_NOMEM, ZE_BADLABEL (wrong size).
 */
int label_bootenv_decode(struct span block, struct nvlist **out);
/* Into LABEL_BOOTENV_SIZE bytes without the trailer. ZE_RANGE if the list is too large. */
int label_bootenv_encode(const struct nvlist *env, uint8_t *block);

/*
 * The nvlist of a vdev_phys block (LABEL_VDEV_SIZE bytes, trailer already verified or deliberately
 * not). 0, ZE_BADLABEL, ZE_NVLIST.
 */
int label_config_decode(struct span vdev_phys, struct nvlist **out);
/* Minimal sanity of a label's config: pool_guid/guid/txg/vdev_tree where the state asks for them.
 */
int label_config_validate(const struct nvlist *config);

#endif
