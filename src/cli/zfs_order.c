/* SPDX-License-Identifier: MIT */
/* The order in which zfs prints datasets (format/dsl.md 18.4). Callers: zfs_list.c, zfs_get.c. */
#include <string.h>

#include "cli/zfs_cli.h"

/* Datasets by name; behind each its snapshots by createtxg, then its bookmarks by name. */
static int by_default(const struct nvlist *a, const struct nvlist *b)
{
    const char *x = nvlist_string(a, "name", ""), *y = nvlist_string(b, "name", "");
    size_t lx = strcspn(x, "@#"), ly = strcspn(y, "@#");
    int c = strncmp(x, y, min_of(lx, ly));
    uint64_t tx, ty;

    if (c != 0)
        return c;
    if (lx != ly)
        return lx < ly ? -1 : 1;
    if (x[lx] == '\0' || y[ly] == '\0')
        return (x[lx] != '\0') - (y[ly] != '\0');
    if (x[lx] != y[ly]) /* snapshots before bookmarks */
        return x[lx] == '@' ? -1 : 1;
    if (x[lx] == '#')
        return strcmp(x, y);
    tx = nvlist_u64(a, "createtxg", 0);
    ty = nvlist_u64(b, "createtxg", 0);
    if (tx != ty)
        return tx < ty ? -1 : 1;
    return strcmp(x, y);
}

static const struct nvpair *raw_value(const struct nvlist *item, const char *prop)
{
    struct nvlist *props = nvlist_child(item, "props");
    struct nvlist *entry = props != NULL ? nvlist_child(props, prop) : NULL;

    return entry != NULL ? nvlist_find(entry, "value") : NULL;
}

/* Ascending; *invalid: one of them has no such property, then it sorts last in both directions. */
static int by_prop(const struct nvlist *a, const struct nvlist *b, const char *prop, bool *invalid)
{
    const struct nvpair *x, *y;
    const char *sx, *sy;
    uint64_t nx = 0, ny = 0;

    *invalid = false;
    if (strcmp(prop, "name") == 0)
        return strcmp(nvlist_string(a, "name", ""), nvlist_string(b, "name", ""));
    x = raw_value(a, prop);
    y = raw_value(b, prop);
    if (x == NULL || y == NULL) {
        *invalid = (x == NULL) != (y == NULL);
        return (x == NULL) - (y == NULL);
    }
    if (nvpair_string(x, &sx) == 0 && nvpair_string(y, &sy) == 0)
        return strcmp(sx, sy);
    (void)nvpair_u64(x, &nx);
    (void)nvpair_u64(y, &ny);
    return nx < ny ? -1 : nx > ny;
}

static int compare(const struct nvlist *a, const struct nvlist *b, const struct zfs_sort *o)
{
    for (size_t i = 0; i < o->n; i++) {
        bool invalid;
        int c = by_prop(a, b, o->key[i].prop, &invalid);

        if (c != 0)
            return o->key[i].descending && !invalid ? -c : c;
    }
    return by_default(a, b);
}

/* Stable merge sort: a comparison that needs the options. */
static void sort_items(struct nvlist **v, struct nvlist **tmp, size_t n, const struct zfs_sort *o)
{
    size_t mid = n / 2, i = 0, j = mid, k = 0;

    if (n < 2)
        return;
    sort_items(v, tmp, mid, o);
    sort_items(v + mid, tmp, n - mid, o);
    while (i < mid || j < n)
        tmp[k++] = j == n || (i < mid && compare(v[i], v[j], o) <= 0) ? v[i++] : v[j++];
    memcpy(v, tmp, n * sizeof(*v));
}

int zfs_items_order(struct cli_items *items, const struct zfs_sort *sort)
{
    struct nvlist **tmp AUTO_FREE = mem_calloc(items->n + 1, sizeof(*tmp));
    size_t kept = 0;

    if (tmp == NULL)
        return ZE_NOMEM;
    sort_items(items->item, tmp, items->n, sort);
    for (size_t i = 0; i < items->n; i++) {
        if (kept > 0 && strcmp(nvlist_string(items->item[i], "name", ""),
                               nvlist_string(items->item[kept - 1], "name", "")) == 0)
            nvlist_free(items->item[i]);
        else
            items->item[kept++] = items->item[i];
    }
    items->n = kept;
    return 0;
}
