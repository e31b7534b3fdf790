/* SPDX-License-Identifier: MIT */
/*
 * The vdev tree of one pool and I/O on it. Built from a configuration nvlist (pool/), opened and
 * validated here; top-level vdevs take I/O by (offset, size) and deal with redundancy below
 * (format/raid.md). Knows nothing of block pointers: a read carries a verify callback that says
 * whether bytes are right, so mirror, raidz and dRAID can try every copy and reconstruction.
 *
 * Ownership: the tree owns its vdevs; a vdev_io is owned by the submitter until done().
 * Locks: tree shape changes only under the pool's config lock (writer); I/O holds it as reader.
 */
#ifndef ZUSE_VDEV_VDEV_H
#define ZUSE_VDEV_VDEV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/device.h"
#include "base/env.h"
#include "base/lock.h"
#include "base/worker.h"
#include "codec/nvlist.h"

#define VDEV_LABEL_SIZE   (256u << 10)
#define VDEV_LABELS       4
#define VDEV_START_OFFSET (4ull << 20) /* allocatable area on a leaf */
#define VDEV_END_RESERVE  (512u << 10)
#define VDEV_MIN_DEVSIZE  (64ull << 20)

enum vdev_type {
    VDEV_ROOT,
    VDEV_DISK,
    VDEV_FILE,
    VDEV_MIRROR,
    VDEV_RAIDZ,
    VDEV_DRAID,
    VDEV_DRAID_SPARE,
    VDEV_REPLACING,
    VDEV_SPARE,
    VDEV_INDIRECT,
    VDEV_HOLE,
    VDEV_MISSING,
    VDEV_L2CACHE, /* config type string only */
    VDEV_TYPES
};

/* On-disk and in nvlists (format/pool.md 1). */
enum vdev_state {
    VDEV_STATE_UNKNOWN,
    VDEV_STATE_CLOSED,
    VDEV_STATE_OFFLINE,
    VDEV_STATE_REMOVED,
    VDEV_STATE_CANT_OPEN,
    VDEV_STATE_FAULTED,
    VDEV_STATE_DEGRADED,
    VDEV_STATE_HEALTHY
};

enum vdev_aux {
    VDEV_AUX_NONE,
    VDEV_AUX_OPEN_FAILED,
    VDEV_AUX_CORRUPT_DATA,
    VDEV_AUX_NO_REPLICAS,
    VDEV_AUX_BAD_GUID_SUM,
    VDEV_AUX_TOO_SMALL,
    VDEV_AUX_BAD_LABEL,
    VDEV_AUX_VERSION_NEWER,
    VDEV_AUX_VERSION_OLDER,
    VDEV_AUX_UNSUP_FEAT,
    VDEV_AUX_SPARED,
    VDEV_AUX_ERR_EXCEEDED,
    VDEV_AUX_IO_FAILURE,
    VDEV_AUX_BAD_LOG,
    VDEV_AUX_EXTERNAL,
    VDEV_AUX_SPLIT_POOL,
    VDEV_AUX_BAD_ASHIFT,
    VDEV_AUX_EXTERNAL_PERSIST,
    VDEV_AUX_ACTIVE,
    VDEV_AUX_CHILDREN_OFFLINE,
    VDEV_AUX_ASHIFT_TOO_BIG
};

enum vdev_prio {
    VDEV_PRIO_SYNC_READ,
    VDEV_PRIO_SYNC_WRITE,
    VDEV_PRIO_ASYNC_READ, /* prefetch */
    VDEV_PRIO_ASYNC_WRITE,
    VDEV_PRIO_SCRUB,
    VDEV_PRIO_REMOVAL,
    VDEV_PRIO_INITIALIZE,
    VDEV_PRIO_TRIM,
    VDEV_PRIO_REBUILD,
    VDEV_PRIOS
};

struct vdev_stats {                    /* counters as `zpool status/iostat` shows them */
    _Atomic uint64_t ops[4], bytes[4]; /* by enum device_op */
    _Atomic uint64_t read_errors, write_errors, checksum_errors, slow_ios;
    _Atomic uint64_t self_healed;
    _Atomic uint64_t latency_ns[4];
    /* histograms for iostat -w -r -q: log2 buckets of ns resp. bytes; see vdev_stats.h */
    struct vdev_histograms *histograms;
};

struct vdev;
struct vdev_tree;
struct vdev_io;
struct range_tree;

/* What opening finds out about one vdev. */
struct vdev_geometry {
    uint64_t asize, max_asize; /* bytes; leaf: of the allocatable area */
    uint64_t logical_ashift, physical_ashift;
};
struct vdev_child_counts {
    unsigned total, faulted, degraded,
        offline; /* faulted: worse than DEGRADED; offline is part of it */
};

struct vdev_ops; /* per type: open, start I/O, state from children, size functions; vdev_impl.h */

struct vdev {
    struct vdev_tree *tree;
    struct vdev *parent, *top; /* top: the top-level ancestor, itself if top-level */
    struct vdev **child;
    unsigned nchildren;
    uint64_t id, guid;
    uint64_t orig_guid;
    enum vdev_type type;
    const struct vdev_ops *ops;
    void *priv; /* of the type: raidz/draid/indirect/leaf state */

    /* configuration */
    char *path, *devid, *physpath, *fru, *enc_sysfs_path;
    uint64_t ashift, asize, min_asize, max_asize, psize;
    uint64_t logical_ashift, physical_ashift;
    uint64_t metaslab_array, metaslab_shift; /* top-level */
    uint64_t dtl_object, leaf_zap, top_zap, root_zap;
    uint64_t create_txg, nparity, whole_disk, not_present;
    uint64_t removing, expansion_time, non_allocating, min_alloc;
    uint64_t indirect_object, indirect_births; /* removed or being removed: MOS objects, 0 = none */
    uint64_t prev_indirect;                    /* vdev id, UINT64_MAX = none */
    bool is_log, is_hole_or_missing, offline, tmp_offline, faulted, degraded, removed;
    bool is_spare, is_l2cache, unspare, resilver_deferred, has_whole_disk, has_is_log;
    enum vdev_aux label_aux;            /* why faulted or degraded was stored */
    uint64_t resilver_txg, rebuild_txg; /* leaf in need of resilver/rebuild since */
    char *alloc_bias;                   /* "log", "special", "dedup" or NULL */
    struct nvlist *config;              /* the config this vdev was built from (owned) */
    uint64_t deflate_ratio;             /* top-level */

    /* state */
    _Atomic(enum vdev_state) state;
    enum vdev_state prev_state;
    enum vdev_aux aux;
    int open_error;                     /* ZE_ code of the last open, 0 = open */
    _Atomic bool cant_read, cant_write; /* leaf: a probe found it dead */
    struct vdev_stats stats;
    struct device *dev; /* leaf, while open */

    /* dirty time logs (raid.md 8): missing, partial, scrub, outage */
    struct range_tree *dtl[4];

    /* hooks of higher floors */
    void *metaslabs; /* alloc/ */
};

/* Reported to pool/ (a seam): errors with where they hit, state changes. */
enum vdev_error_kind {
    VDEV_ERROR_READ,
    VDEV_ERROR_WRITE,
    VDEV_ERROR_CHECKSUM,
    VDEV_ERROR_SLOW,
    VDEV_ERROR_PROBE, /* io is NULL */
};
struct vdev_observer {
    void (*error)(struct vdev_observer *self, struct vdev *leaf, enum vdev_error_kind kind,
                  const struct vdev_io *io); /* must not block; may run on any thread */
    void (*state_changed)(struct vdev_observer *self, struct vdev *vd, enum vdev_state from);
};

struct vdev_tree {
    struct env *env;
    struct vdev *root;
    struct vdev_observer *observer;
    unsigned open_flags; /* enum device_open_flags */
    uint64_t pool_guid;
    struct vdev **spares, **l2cache; /* auxiliary vdevs, not children of root */
    unsigned nspares, nl2cache;
    /* raidz expansion progress from the uberblock (raid.md 4.1) */
    uint64_t raidz_reflow_offset, raidz_reflow_state;
    struct rwlock lock;            /* RANK_VDEV_TREE: shape */
    struct rwlock dtl_lock;        /* RANK_VDEV_DTL: contents of all vdev->dtl[] */
    struct mutex state_lock;       /* RANK_VDEV_STAT: changes of state and aux */
    unsigned max_inflight;         /* per leaf */
    unsigned missing_tops_allowed; /* top-level vdevs that may be missing (read-only, scanned
                                      config: 0) */
    uint64_t slow_io_ns;           /* an I/O that takes longer is counted as slow */
};

/* Build an unopened tree from {type "root", children...}. Takes a copy of config. ZE_VDEVCONFIG. */
int vdev_tree_create(struct env *env, const struct nvlist *config, struct vdev_observer *observer,
                     struct vdev_tree **out);
void vdev_tree_destroy(struct vdev_tree *tree); /* closes what is open */
/* Open all leaves (in parallel) and compute states. 0 even if some cannot open: look at
 * root->state. */
int vdev_tree_open(struct vdev_tree *tree, unsigned device_open_flags);
/* Open the spares and l2cache lists of an open tree, for reading and without claiming. States tell.
 */
int vdev_aux_open(struct vdev_tree *tree);
void vdev_tree_close(struct vdev_tree *tree);
struct vdev *vdev_tree_top(struct vdev_tree *tree, uint64_t id); /* NULL if none */
struct vdev *vdev_find_guid(struct vdev *root, uint64_t guid);
/* Calls fn for vd and everything below it, parents first; stops at the first result that is not 0
 * and returns it. */
int vdev_each(struct vdev *vd, int (*fn)(void *arg, struct vdev *vd), void *arg);
/* Auxiliary vdevs: the spares and l2cache lists (opened by vdev_tree_open too). */
int vdev_tree_add_aux(struct vdev_tree *tree, const struct nvlist *config, bool l2cache);
void vdev_state_set(struct vdev *vd, enum vdev_state state, enum vdev_aux aux); /* propagates up */
void vdev_propagate_state(struct vdev *vd);
bool vdev_is_leaf(const struct vdev *vd);
bool vdev_readable(const struct vdev *vd);
bool vdev_writeable(const struct vdev *vd);
bool vdev_is_concrete(const struct vdev *vd); /* not a hole, missing, indirect or the root */
uint64_t vdev_psize_to_asize(const struct vdev *top, uint64_t psize, uint64_t txg);
uint64_t vdev_asize_to_psize(const struct vdev *top, uint64_t asize, uint64_t txg);
uint64_t vdev_guid_sum(const struct vdev *root); /* format/pool.md 4.3 */
uint64_t vdev_gang_header_asize(const struct vdev *top);
const char *vdev_type_name(enum vdev_type type);                       /* config string: "mirror" */
void vdev_display_name(const struct vdev *vd, char *buf, size_t len);  /* "mirror-0", "sda" */
const char *vdev_state_name(enum vdev_state state, enum vdev_aux aux); /* "ONLINE", "UNAVAIL".. */
/* Generate the nvlist of this vdev (pool.md 4.3); stats != 0 adds vdev_stats arrays for commands.
 */
int vdev_config_generate(const struct vdev *vd, unsigned flags, struct nvlist **out);
#define VDEV_CONFIG_STATS 1u
#define VDEV_CONFIG_MOS   2u

enum vdev_io_flags {
    VDEV_IO_SPECULATIVE = 1 << 0, /* errors are expected: do not count or report */
    VDEV_IO_TRYHARD = 1 << 1,
    VDEV_IO_SCRUB = 1 << 2, /* read and verify every copy and all parity */
    VDEV_IO_REPAIR = 1 << 3,
    VDEV_IO_SELF_HEAL = 1 << 4,
    VDEV_IO_NO_REPAIR = 1 << 5,
    VDEV_IO_PHYSICAL = 1 << 6, /* leaf only, offset counts from the device's start (labels) */
    VDEV_IO_NO_QUEUE = 1 << 7,
    VDEV_IO_RESILVER = 1 << 8, /* as SCRUB, and rewrite what the DTLs say is missing */
    VDEV_IO_NOPARITY = 1 << 9, /* checksum type noparity: do not compare parity with data */
};

struct vdev_io {
    struct vdev *vd;
    enum device_op op;
    enum vdev_prio prio;
    unsigned flags;
    uint64_t offset; /* bytes within the vdev's allocatable area */
    uint64_t size;   /* bytes, multiple of SECTOR_SIZE; rounded to the ashift inside */
    void *buf;       /* size rounded up to the vdev's ashift must fit */
    uint64_t txg;    /* birth of the block, for DTLs and expansion; 0 = unknown */
    uint64_t asize;  /* DVA asize */
    /* Read: 0 if buf holds right bytes, else ZE_CKSUM. NULL = no check. May run on any thread,
     * several times. */
    int (*verify)(struct vdev_io *io, const void *buf);
    void (*done)(struct vdev_io *io, int err);
    void *arg;           /* of the submitter */
    const void *blkinfo; /* opaque for the observer: struct bookmark * of the block, or NULL */
    unsigned copy;       /* read only this copy (1 + index below vdev_copies()); 0 = any */

    /* results */
    unsigned bad_copies; /* children that gave wrong or no data though the whole succeeded */
    /* private to vdev/ */
    uint64_t rsize; /* size rounded up to the ashift of the top-level vdev */
    struct vdev_io *parent;
    struct vdev_io *next;
    void *state;    /* of the type's io_start */
    unsigned index; /* of a child: free for the type */
    int error;      /* result, once complete */
    bool owns_buf, retried;
    void (*all_done)(struct vdev_io *io); /* of the set of children under way */
    atomic_uint pending;
    struct work work;
    struct device_io dev;
    struct iovec iov;
    struct vdev_io *queue_next, *queue_prev, *run; /* leaf queue; run: I/O merged into this one */
    uint64_t queued_ns, issued_ns;
};

/*
 * Between start and finish, I/O this thread submits is queued but not issued, so that neighbours
 * are merged and go to the device as one batch. Never wait for such I/O before finish
 * (vdev_io_run() finishes by itself).
 */
struct vdev_plug {
    struct vdev_plug *outer;
    void *queue[16];
    unsigned n;
};
void vdev_plug_start(struct vdev_plug *plug);
void vdev_plug_finish(struct vdev_plug *plug);

void vdev_io_submit(struct vdev_io *io); /* asynchronous; done() may run before return */
int vdev_io_run(struct vdev_io *io);     /* blocking; ignores io->done */
/* Copies of (offset,size) a top-level vdev can be asked for one by one: mirror children, else 1. */
unsigned vdev_copies(const struct vdev *top);

#endif
