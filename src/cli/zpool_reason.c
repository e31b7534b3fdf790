/* SPDX-License-Identifier: MIT */
/* Why a pool is not well, and what to do (format/raid.md, "17.4 Status reasons"): the first rule
 * that holds. */
#include <string.h>

#include "cli/zpool_cli.h"
#include "disk/features.h"

typedef bool (*leaf_test)(const struct nvlist *leaf);

/* Leaves below a replacing vdev are passed over: they are on their way in or out. */
static bool any_leaf(const struct nvlist *vd, leaf_test test)
{
    size_t n, ncache;
    struct nvlist *const *child = zpool_children(vd, "children", &n);
    struct nvlist *const *cache = zpool_children(vd, "l2cache", &ncache);

    if (zpool_vdev_is_type(vd, "replacing"))
        return false;
    if (n == 0 && !zpool_vdev_is_type(vd, "root"))
        return !zpool_vdev_is_type(vd, "hole") && !zpool_vdev_is_type(vd, "indirect") && test(vd);
    for (size_t i = 0; i < n; i++) {
        if (any_leaf(child[i], test))
            return true;
    }
    for (size_t i = 0; i < ncache; i++) {
        if (test(cache[i]))
            return true;
    }
    return false;
}

static bool leaf_faulted(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_FAULTED;
}
static bool leaf_missing(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_CANT_OPEN &&
           zpool_stat(l, VDEV_STAT_AUX) == VDEV_AUX_OPEN_FAILED;
}
static bool leaf_cannot_open(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_CANT_OPEN;
}
static bool leaf_failing(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_DEGRADED ||
           zpool_stat(l, VDEV_STAT_READ_ERRORS) != 0 ||
           zpool_stat(l, VDEV_STAT_WRITE_ERRORS) != 0 ||
           zpool_stat(l, VDEV_STAT_CHECKSUM_ERRORS) != 0;
}
static bool leaf_offline(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_OFFLINE;
}
static bool leaf_removed(const struct nvlist *l)
{
    return zpool_stat(l, VDEV_STAT_STATE) == VDEV_STATE_REMOVED;
}
static bool leaf_non_native(const struct nvlist *l)
{
    uint64_t configured = zpool_stat(l, VDEV_STAT_CONFIGURED_ASHIFT);

    return configured != 0 && configured < zpool_stat(l, VDEV_STAT_PHYSICAL_ASHIFT);
}

static bool resilvering(const struct nvlist *root)
{
    const uint64_t *s;
    size_t n;

    return nvlist_lookup_u64_array(root, "scan_stats", &s, &n) == 0 && n >= 2 && s[0] == 2 &&
           s[1] == 1;
}

/* A supported feature that is disabled, in a pool with features and no compatibility setting. */
static bool features_disabled(const struct nvlist *item)
{
    struct nvlist *props = nvlist_child(item, "props"), *compat;
    const struct nvpair *p = NULL;

    if (props == NULL)
        return false;
    compat = nvlist_child(props, "compatibility");
    if (compat != NULL && strcmp(nvlist_string(compat, "value", "off"), "off") != 0)
        return false;
    while ((p = nvlist_next(props, p)) != NULL) {
        struct nvlist *entry = nvlist_child(props, nvpair_name(p));

        if (strncmp(nvpair_name(p), "feature@", 8) == 0 && entry != NULL &&
            strcmp(nvlist_string(entry, "value", ""), "disabled") == 0)
            return true;
    }
    return false;
}

enum reason {
    R_RESILVERING,
    R_HOSTID_ACTIVE,
    R_HOSTID_MISMATCH,
    R_VERSION_NEWER,
    R_UNSUP_WRITE,
    R_UNSUP_READ,
    R_BAD_GUID_SUM,
    R_BAD_LOG,
    R_FAULTED_NR,
    R_MISSING_NR,
    R_LABEL_NR,
    R_CORRUPT_POOL,
    R_CORRUPT_DATA,
    R_FAULTED,
    R_MISSING,
    R_LABEL,
    R_FAILING,
    R_OFFLINE,
    R_REMOVED,
    R_NON_NATIVE,
    R_VERSION_OLDER,
    R_FEAT_DISABLED,
    R_OK
};

static enum reason cannot_open(const struct nvlist *item, const struct nvlist *root)
{
    const struct nvlist *info = nvlist_child(item, "load_info");

    switch (zpool_stat(root, VDEV_STAT_AUX)) {
    case VDEV_AUX_ACTIVE:
        return R_HOSTID_ACTIVE;
    case VDEV_AUX_VERSION_NEWER:
        return R_VERSION_NEWER;
    case VDEV_AUX_UNSUP_FEAT:
        return info != NULL && nvlist_exists(info, "can_rdonly") ? R_UNSUP_WRITE : R_UNSUP_READ;
    case VDEV_AUX_BAD_GUID_SUM:
        return R_BAD_GUID_SUM;
    case VDEV_AUX_BAD_LOG:
        return R_BAD_LOG;
    }
    if (any_leaf(root, leaf_faulted))
        return R_FAULTED_NR;
    if (any_leaf(root, leaf_missing))
        return R_MISSING_NR;
    if (any_leaf(root, leaf_cannot_open))
        return R_LABEL_NR;
    return R_CORRUPT_POOL;
}

static enum reason find(const struct nvlist *item, const struct nvlist *config,
                        const struct nvlist *root, bool import)
{
    if (resilvering(root))
        return R_RESILVERING;
    if (nvlist_u64(config, "hostid_mismatch", 0) != 0)
        return R_HOSTID_MISMATCH;
    if (zpool_stat(root, VDEV_STAT_STATE) == VDEV_STATE_CANT_OPEN)
        return cannot_open(config, root);
    if (nvlist_u64(config, "error_count", 0) != 0)
        return R_CORRUPT_DATA;
    if (any_leaf(root, leaf_faulted))
        return R_FAULTED;
    if (any_leaf(root, leaf_missing))
        return R_MISSING;
    if (any_leaf(root, leaf_cannot_open))
        return R_LABEL;
    if (any_leaf(root, leaf_failing))
        return R_FAILING;
    if (any_leaf(root, leaf_offline))
        return R_OFFLINE;
    if (any_leaf(root, leaf_removed))
        return R_REMOVED;
    if (any_leaf(root, leaf_non_native))
        return R_NON_NATIVE;
    if (nvlist_u64(config, "version", 5000) < 5000)
        return R_VERSION_OLDER;
    return features_disabled(item) ? R_FEAT_DISABLED : R_OK;
}

#define SUFFICIENT                                                                                 \
    "Sufficient replicas exist for\n\tthe pool to continue functioning in a degraded state."
static const struct zpool_reason texts[] = {
    [R_RESILVERING] = {"One or more devices is currently being resilvered.  The pool will\n"
                       "\tcontinue to function, possibly in a degraded state.",
                       "Wait for the resilver to complete.", NULL, true},
    [R_HOSTID_ACTIVE] =
        {"The pool is currently imported by another system.",
         "The pool must be exported on the other system before it can be\n\timported here.", "EY",
         true},
    [R_HOSTID_MISMATCH] =
        {"The pool was last accessed by another system.",
         "The pool can be imported using its name or numeric identifier and\n\tthe '-f' flag.",
         "EY", true},
    [R_VERSION_NEWER] = {"The pool has been upgraded to a newer, incompatible on-disk version.\n"
                         "\tThe pool cannot be accessed on this system.",
                         "Access the pool from a system running more recent software, or\n"
                         "\trestore the pool from backup.",
                         "A5", true},
    [R_UNSUP_WRITE] = {"The pool can only be accessed in read-only mode on this system. It\n"
                       "\tcannot be accessed in read-write mode because it uses the following\n"
                       "\tfeature(s) not supported on this system:",
                       "The pool cannot be accessed in read-write mode. Import the pool with\n"
                       "\t\"-o readonly=on\", access the pool from a system that supports the\n"
                       "\trequired feature(s), or restore the pool from backup.",
                       NULL, true},
    [R_UNSUP_READ] = {"The pool cannot be accessed on this system because it uses the\n"
                      "\tfollowing feature(s) not supported on this system:",
                      "Access the pool from a system that supports the required feature(s),\n"
                      "\tor restore the pool from backup.",
                      NULL, true},
    [R_BAD_GUID_SUM] = {"One or more devices are missing from the system.",
                        "The pool cannot be imported. Attach the missing\n\tdevices and try again.",
                        "6X", true},
    [R_BAD_LOG] = {"An intent log record could not be read.\n"
                   "\tWaiting for administrator intervention to fix the faulted pool.",
                   "Either restore the affected device(s) and run 'zpool online',\n"
                   "\tor ignore the intent log records by running 'zpool clear'.",
                   "K4", true},
    [R_FAULTED_NR] =
        {"One or more devices are faulted in response to persistent errors.  There are "
         "insufficient replicas for the pool to\n\tcontinue functioning.",
         "Destroy and re-create the pool from a backup source.  Manually marking the device\n"
         "\trepaired using 'zpool clear' may allow some data to be recovered.",
         NULL, true},
    [R_MISSING_NR] = {"One or more devices could not be opened.  There are insufficient\n"
                      "\treplicas for the pool to continue functioning.",
                      "Attach the missing device and online it using 'zpool online'.", "3C", true},
    [R_LABEL_NR] =
        {"One or more devices could not be used because the label is missing \n"
         "\tor invalid.  There are insufficient replicas for the pool to continue\n\tfunctioning.",
         "Destroy and re-create the pool from a backup source.", "5E", true},
    [R_CORRUPT_POOL] = {"The pool metadata is corrupted and the pool cannot be opened.",
                        "Destroy and re-create the pool from a backup source.", "72", true},
    [R_CORRUPT_DATA] = {"One or more devices has experienced an error resulting in data\n"
                        "\tcorruption.  Applications may be affected.",
                        "Restore the file in question if possible.  Otherwise restore the\n"
                        "\tentire pool from backup.",
                        "8A", true},
    [R_FAULTED] =
        {"One or more devices are faulted in response to persistent errors.\n"
         "\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
         "Replace the faulted device, or use 'zpool clear' to mark the device\n\trepaired.", NULL,
         true},
    [R_MISSING] = {"One or more devices could not be opened.  " SUFFICIENT,
                   "Attach the missing device and online it using 'zpool online'.", "2Q", true},
    [R_LABEL] = {"One or more devices could not be used because the label is missing or\n"
                 "\tinvalid.  Sufficient replicas exist for the pool to continue\n"
                 "\tfunctioning in a degraded state.",
                 "Replace the device using 'zpool replace'.", "4J", true},
    [R_FAILING] = {"One or more devices has experienced an unrecoverable error.  An\n"
                   "\tattempt was made to correct the error.  Applications are unaffected.",
                   "Determine if the device needs to be replaced, and clear the errors\n"
                   "\tusing 'zpool clear' or replace the device with 'zpool replace'.",
                   "9P", true},
    [R_OFFLINE] =
        {"One or more devices has been taken offline by the administrator.\n"
         "\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
         "Online the device using 'zpool online' or replace the device with\n\t'zpool replace'.",
         NULL, true},
    [R_REMOVED] =
        {"One or more devices have been removed.\n"
         "\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.",
         "Online the device using zpool online' or replace the device with\n\t'zpool replace'.",
         NULL, true},
    [R_NON_NATIVE] = {"One or more devices are configured to use a non-native block size.\n"
                      "\tExpect reduced performance.",
                      "Replace affected devices with devices that support the\n"
                      "\tconfigured block size, or migrate data to a properly configured\n\tpool.",
                      NULL, true},
    [R_VERSION_OLDER] = {"The pool is formatted using a legacy on-disk format.  The pool can\n"
                         "\tstill be used, but some features are unavailable.",
                         "Upgrade the pool using 'zpool upgrade'.  Once this is done, the\n"
                         "\tpool will no longer be accessible on software that does not support\n"
                         "\tfeature flags.",
                         NULL, false},
    [R_FEAT_DISABLED] =
        {"Some supported and requested features are not enabled on the pool.\n"
         "\tThe pool can still be used, but some features are unavailable.",
         "Enable all features using 'zpool upgrade'. Once this is done,\n"
         "\tthe pool may no longer be accessible by software that does not support\n"
         "\tthe features. See zpool-features(7) for details.",
         NULL, false},
    [R_OK] = {NULL, NULL, NULL, false},
};

void zpool_reason_find(const struct nvlist *item, bool import, struct zpool_reason *out)
{
    const struct nvlist *config = import ? item : nvlist_child(item, "config");
    const struct nvlist *root = config != NULL ? nvlist_child(config, "vdev_tree") : NULL;

    *out = texts[root != NULL ? find(item, config, root, import) : R_CORRUPT_POOL];
}
