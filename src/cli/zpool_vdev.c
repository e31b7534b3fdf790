/* SPDX-License-Identifier: MIT */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>

#include "cli/zpool_cli.h"

struct nvlist *const *zpool_children(const struct nvlist *vd, const char *key, size_t *n)
{
    struct nvlist *const *list = NULL;

    *n = 0;
    if (vd == NULL || nvlist_lookup_nvlist_array(vd, key, &list, n) != 0)
        *n = 0;
    return list;
}

uint64_t zpool_stat(const struct nvlist *vd, enum vdev_stat index)
{
    const uint64_t *v;
    size_t n;

    if (nvlist_lookup_u64_array(vd, "vdev_stats", &v, &n) != 0 || (size_t)index >= n)
        return 0;
    return v[index];
}

bool zpool_vdev_is_type(const struct nvlist *vd, const char *type)
{
    return strcmp(nvlist_string(vd, "type", ""), type) == 0;
}

const char *zpool_vdev_class(const struct nvlist *vd)
{
    if (nvlist_u64(vd, "is_log", 0) != 0)
        return "log";
    return nvlist_string(vd, "alloc_bias", "");
}

const char *zpool_state_text(uint64_t state, uint64_t aux)
{
    switch (state) {
    case VDEV_STATE_CLOSED:
    case VDEV_STATE_OFFLINE:
        return "OFFLINE";
    case VDEV_STATE_REMOVED:
        return "REMOVED";
    case VDEV_STATE_CANT_OPEN:
        if (aux == VDEV_AUX_CORRUPT_DATA || aux == VDEV_AUX_BAD_LOG)
            return "FAULTED";
        return aux == VDEV_AUX_SPLIT_POOL ? "SPLIT" : "UNAVAIL";
    case VDEV_STATE_FAULTED:
        return "FAULTED";
    case VDEV_STATE_DEGRADED:
        return "DEGRADED";
    case VDEV_STATE_HEALTHY:
        return "ONLINE";
    default:
        return "UNKNOWN";
    }
}

/* sda1 -> sda, nvme0n1p1 -> nvme0n1, wwn-0x1-part1 -> wwn-0x1: the partition zpool made on a whole
 * disk. */
static void strip_partition(char *name)
{
    size_t len = strlen(name), digits = len;

    while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
        digits--;
    if (digits == len || digits == 0)
        return;
    if (digits >= 5 && strncmp(name + digits - 5, "-part", 5) == 0)
        name[digits - 5] = '\0';
    else if (name[digits - 1] == 'p' && digits >= 2 && isdigit((unsigned char)name[digits - 2]))
        name[digits - 1] = '\0';
    else if (strncmp(name, "sd", 2) == 0 || strncmp(name, "vd", 2) == 0 ||
             strncmp(name, "hd", 2) == 0)
        name[digits] = '\0';
}

static void leaf_name(const struct nvlist *vd, unsigned flags, char *buf, size_t len)
{
    const char *path = nvlist_string(vd, "path", NULL);
    char *real = NULL, *copy;

    if (path == NULL || nvlist_u64(vd, "not_present", 0) != 0) {
        snprintf(buf, len, "%llu", (unsigned long long)nvlist_u64(vd, "guid", 0));
        return;
    }
    if (flags & VDEV_NAME_FOLLOW && (real = realpath(path, NULL)) != NULL)
        path = real;
    copy = mem_strdup(path);
    if (copy != NULL && zpool_vdev_is_type(vd, "disk") && (flags & VDEV_NAME_PATH) == 0) {
        snprintf(buf, len, "%s", basename(copy));
        if (nvlist_u64(vd, "whole_disk", 0) != 0)
            strip_partition(buf);
    } else {
        snprintf(buf, len, "%s", path);
    }
    free(copy);
    free(real);
}

void zpool_vdev_name(const struct nvlist *vd, unsigned flags, char *buf, size_t len)
{
    const char *type = nvlist_string(vd, "type", "?");
    unsigned long long nparity = nvlist_u64(vd, "nparity", 0), id = nvlist_u64(vd, "id", 0);
    char base[128];
    size_t children;

    (void)zpool_children(vd, "children", &children);
    if (flags & VDEV_NAME_GUID) {
        snprintf(buf, len, "%llu", (unsigned long long)nvlist_u64(vd, "guid", 0));
        return;
    }
    if (strcmp(type, "disk") == 0 || strcmp(type, "file") == 0 || strcmp(type, "dspare") == 0 ||
        strcmp(type, "l2cache") == 0) {
        leaf_name(vd, flags, buf, len);
        return;
    }
    if (strcmp(type, "raidz") == 0)
        snprintf(base, sizeof(base), "raidz%llu", nparity);
    else if (strcmp(type, "draid") == 0)
        snprintf(base, sizeof(base), "draid%llu:%llud:%zuc:%llus", nparity,
                 (unsigned long long)nvlist_u64(vd, "draid_ndata", 0), children,
                 (unsigned long long)nvlist_u64(vd, "draid_nspares", 0));
    else
        snprintf(base, sizeof(base), "%s", type);
    if (flags & VDEV_NAME_NO_ID)
        snprintf(buf, len, "%s", base);
    else
        snprintf(buf, len, "%s-%llu", base, id);
}

size_t zpool_name_width(const struct nvlist *vd, unsigned flags, size_t depth, size_t width)
{
    static const char *const lists[] = {"children", "spares", "l2cache"};
    char name[4096];

    if (width < 10)
        width = 10;
    zpool_vdev_name(vd, flags, name, sizeof(name));
    if (depth > 0)
        width = max_of(width, depth + strlen(name));
    for (size_t k = 0; k < array_len(lists); k++) {
        size_t n;
        struct nvlist *const *child = zpool_children(vd, lists[k], &n);

        for (size_t i = 0; i < n; i++) {
            if (!zpool_vdev_is_type(child[i], "hole") && !zpool_vdev_is_type(child[i], "indirect"))
                width = zpool_name_width(child[i], flags, depth + 2, width);
        }
    }
    return width;
}

char *zpool_duration(uint64_t seconds, char *buf)
{
    unsigned long long days = seconds / 86400;
    int at = days > 0 ? sprintf(buf, "%llu days ", days) : 0;

    sprintf(buf + at, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
            (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    return buf;
}
