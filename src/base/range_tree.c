/* SPDX-License-Identifier: MIT */
/*
 * The range set (base/range_tree.h) as a B+ tree: leaves hold sorted (start, end) pairs and are
 * linked both ways, inner nodes hold separators. key[i] (i > 0) bounds child i from below and child
 * i-1 from above; it may be smaller than the lowest start in child i, so the predecessor of a key
 * is sometimes the last entry of the previous leaf.
 *
 * Deleting does not borrow: a node that falls under a quarter is merged with a neighbour of the
 * same parent if both fit into three quarters of one; an empty node goes away. Deleting thus never
 * allocates, and changes are ordered so that the only step that can fail comes first.
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/range_tree.h"

#define LEAF_MAX  126u /* 2 KiB a leaf */
#define INNER_MAX 126u
#define DEPTH_MAX 12u

struct extent {
    uint64_t start, end; /* [start, end) */
};
struct leaf {
    unsigned n;
    struct leaf *prev, *next;
    struct extent e[LEAF_MAX];
};
struct inner {
    unsigned n; /* children */
    uint64_t key[INNER_MAX];
    void *child[INNER_MAX]; /* struct inner, or struct leaf at the lowest level */
};
struct range_tree {
    void *root;     /* NULL: empty */
    unsigned depth; /* inner levels above the leaves */
    struct leaf *first, *last;
    uint64_t count, total;
    uint64_t nleaves, ninners;
};

/* The way down to a leaf. */
struct path {
    struct inner *node[DEPTH_MAX];
    unsigned idx[DEPTH_MAX]; /* child taken */
    struct leaf *leaf;
};
/* One extent; leaf NULL = none. */
struct pos {
    struct leaf *leaf;
    unsigned i;
};

int range_tree_create(struct range_tree **out)
{
    *out = mem_zalloc(sizeof(**out));
    return *out != NULL ? 0 : err_raise(ZE_NOMEM, "range tree");
}

static void inner_free(struct inner *in, unsigned level)
{
    if (level > 1)
        for (unsigned i = 0; i < in->n; i++)
            inner_free(in->child[i], level - 1);
    free(in);
}

void range_tree_clear(struct range_tree *rt)
{
    for (struct leaf *l = rt->first, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    if (rt->depth > 0)
        inner_free(rt->root, rt->depth);
    memset(rt, 0, sizeof(*rt));
}

void range_tree_destroy(struct range_tree *rt)
{
    if (rt == NULL)
        return;
    range_tree_clear(rt);
    free(rt);
}

/* Index of the last child whose separator is <= key. */
static unsigned inner_search(const struct inner *in, uint64_t key)
{
    unsigned lo = 0, hi = in->n; /* key[lo] <= key (or lo == 0) < key[hi] */

    while (hi - lo > 1) {
        unsigned mid = (lo + hi) / 2;
        if (in->key[mid] <= key)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* Number of entries with start <= key. */
static unsigned leaf_search(const struct leaf *l, uint64_t key)
{
    unsigned lo = 0, hi = l->n;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (l->e[mid].start <= key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct leaf *descend(const struct range_tree *rt, uint64_t key, struct path *p)
{
    void *at = rt->root;

    for (unsigned level = 0; level < rt->depth; level++) {
        struct inner *in = at;
        unsigned i = inner_search(in, key);
        if (p != NULL) {
            p->node[level] = in;
            p->idx[level] = i;
        }
        at = in->child[i];
    }
    if (p != NULL)
        p->leaf = at;
    return at;
}

/* The last extent with start <= key. */
static struct pos find_le(const struct range_tree *rt, uint64_t key)
{
    if (rt->root == NULL)
        return (struct pos){NULL, 0};
    struct leaf *l = descend(rt, key, NULL);
    unsigned i = leaf_search(l, key);
    if (i > 0)
        return (struct pos){l, i - 1};
    l = l->prev;
    return (struct pos){l, l != NULL ? l->n - 1 : 0};
}

static struct pos pos_next(struct pos p)
{
    if (p.i + 1 < p.leaf->n)
        return (struct pos){p.leaf, p.i + 1};
    return (struct pos){p.leaf->next, 0};
}

/* The first extent with end > at. */
static struct pos find_ending_after(const struct range_tree *rt, uint64_t at)
{
    struct pos p = find_le(rt, at);

    if (p.leaf == NULL)
        return (struct pos){rt->first, 0};
    return p.leaf->e[p.i].end > at ? p : pos_next(p);
}

static struct extent *pos_get(struct pos p)
{
    return p.leaf != NULL ? &p.leaf->e[p.i] : NULL;
}

/* --- insert --------------------------------------------------------------------------------- */

static void inner_put(struct inner *in, unsigned at, uint64_t key, void *child)
{
    memmove(&in->key[at + 1], &in->key[at], (in->n - at) * sizeof(in->key[0]));
    memmove(&in->child[at + 1], &in->child[at], (in->n - at) * sizeof(in->child[0]));
    in->key[at] = key;
    in->child[at] = child;
    in->n++;
}

/*
 * Nodes a split may need, taken before anything changes. A split at one end (ranges arriving in
 * order) leaves the old node full, so that sequential loading fills nodes.
 */
struct spare {
    struct leaf *leaf;
    struct inner *inner[DEPTH_MAX + 1];
    unsigned n;
};

static int spare_take(const struct range_tree *rt, const struct path *p, struct spare *s)
{
    memset(s, 0, sizeof(*s));
    if (p->leaf->n < LEAF_MAX)
        return 0;
    unsigned want = 0, level = rt->depth;
    while (level > 0 && p->node[level - 1]->n == INNER_MAX) {
        want++;
        level--;
    }
    if (level == 0)
        want++; /* a new root */
    if (rt->depth + 1 > DEPTH_MAX)
        return err_raise(ZE_OVERFLOW, "range tree too deep");
    s->leaf = malloc(sizeof(*s->leaf));
    bool ok = s->leaf != NULL;
    while (ok && s->n < want) {
        s->inner[s->n] = malloc(sizeof(struct inner));
        ok = s->inner[s->n] != NULL;
        s->n += ok;
    }
    if (ok)
        return 0;
    free(s->leaf);
    while (s->n > 0)
        free(s->inner[--s->n]);
    return err_raise(ZE_NOMEM, "range tree of %llu ranges", (unsigned long long)rt->count);
}

static void new_root(struct range_tree *rt, struct inner *root, uint64_t key, void *right)
{
    root->n = 2;
    root->key[0] = 0;
    root->child[0] = rt->root;
    root->key[1] = key;
    root->child[1] = right;
    rt->root = root;
    rt->depth++;
    rt->ninners++;
}

/* Hang `right`, bounded from below by key, next to the child the path took at the lowest level. */
static void grow_up(struct range_tree *rt, struct path *p, struct spare *s, uint64_t key,
                    void *right)
{
    for (unsigned level = rt->depth; level > 0; level--) {
        struct inner *in = p->node[level - 1];
        unsigned at = p->idx[level - 1] + 1;
        if (in->n < INNER_MAX) {
            inner_put(in, at, key, right);
            return;
        }
        struct inner *half = s->inner[--s->n];
        unsigned keep = at == in->n ? in->n - 1 : in->n / 2;
        half->n = in->n - keep;
        memcpy(half->key, &in->key[keep], half->n * sizeof(half->key[0]));
        memcpy(half->child, &in->child[keep], half->n * sizeof(half->child[0]));
        in->n = keep;
        rt->ninners++;
        if (at <= keep)
            inner_put(in, at, key, right);
        else
            inner_put(half, at - keep, key, right);
        key = half->key[0];
        right = half;
    }
    new_root(rt, s->inner[--s->n], key, right);
}

static void leaf_put(struct leaf *l, unsigned at, struct extent e)
{
    memmove(&l->e[at + 1], &l->e[at], (l->n - at) * sizeof(l->e[0]));
    l->e[at] = e;
    l->n++;
}

static void leaf_split(struct range_tree *rt, struct path *p, struct spare *s, unsigned at,
                       struct extent e)
{
    struct leaf *l = p->leaf, *r = s->leaf;
    unsigned keep = at == l->n && l->next == NULL ? l->n : l->n / 2;

    r->n = l->n - keep;
    memcpy(r->e, &l->e[keep], r->n * sizeof(r->e[0]));
    l->n = keep;
    r->prev = l;
    r->next = l->next;
    if (r->next != NULL)
        r->next->prev = r;
    else
        rt->last = r;
    l->next = r;
    rt->nleaves++;
    if (at < keep || (at == keep && r->n > 0))
        leaf_put(l, at, e);
    else
        leaf_put(r, at - keep, e);
    grow_up(rt, p, s, r->e[0].start, r);
}

static int extent_insert(struct range_tree *rt, struct extent e)
{
    struct path p;
    struct spare s;

    if (rt->root == NULL) {
        struct leaf *l = malloc(sizeof(*l));
        if (l == NULL)
            return err_raise(ZE_NOMEM, "range tree");
        l->n = 0;
        l->prev = l->next = NULL;
        rt->root = rt->first = rt->last = l;
        rt->nleaves = 1;
    }
    struct leaf *l = descend(rt, e.start, &p);
    int err = spare_take(rt, &p, &s);
    if (err != 0)
        return err;
    unsigned at = leaf_search(l, e.start);
    if (l->n < LEAF_MAX)
        leaf_put(l, at, e);
    else
        leaf_split(rt, &p, &s, at, e);
    rt->count++;
    rt->total += e.end - e.start;
    return 0;
}

/* --- delete --------------------------------------------------------------------------------- */

static void inner_cut(struct inner *in, unsigned at)
{
    in->n--;
    memmove(&in->key[at], &in->key[at + 1], (in->n - at) * sizeof(in->key[0]));
    memmove(&in->child[at], &in->child[at + 1], (in->n - at) * sizeof(in->child[0]));
}

static void leaf_unlink(struct range_tree *rt, struct leaf *l)
{
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        rt->first = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    else
        rt->last = l->prev;
    free(l);
    rt->nleaves--;
}

/* Join two inner neighbours; the left one's separator range simply widens. */
static bool inner_join(struct inner *parent, unsigned left)
{
    struct inner *a = parent->child[left], *b = parent->child[left + 1];

    if (a->n + b->n > INNER_MAX * 3 / 4)
        return false;
    b->key[0] = parent->key[left + 1];
    memcpy(&a->key[a->n], b->key, b->n * sizeof(b->key[0]));
    memcpy(&a->child[a->n], b->child, b->n * sizeof(b->child[0]));
    a->n += b->n;
    free(b);
    inner_cut(parent, left + 1);
    return true;
}

/* The child at the path's lowest inner level is gone: drop it and whatever becomes empty or thin.
 */
static void shrink_up(struct range_tree *rt, struct path *p, unsigned cut)
{
    unsigned level = rt->depth;

    inner_cut(p->node[level - 1], cut);
    while (level > 1) {
        struct inner *in = p->node[level - 1], *parent = p->node[level - 2];
        unsigned at = p->idx[level - 2];
        if (in->n == 0) {
            free(in);
            rt->ninners--;
            inner_cut(parent, at);
        } else if (in->n < INNER_MAX / 4) {
            if ((at > 0 && inner_join(parent, at - 1)) ||
                (at + 1 < parent->n && inner_join(parent, at)))
                rt->ninners--;
            else
                break;
        } else {
            break;
        }
        level--;
    }
    while (rt->depth > 0) {
        struct inner *root = rt->root;
        if (root->n > 1)
            break;
        rt->root = root->n == 1 ? root->child[0] : NULL;
        rt->depth = root->n == 1 ? rt->depth - 1 : 0;
        free(root);
        rt->ninners--;
    }
}

static bool leaf_join(struct range_tree *rt, struct path *p, unsigned left)
{
    struct inner *parent = p->node[rt->depth - 1];
    struct leaf *a = parent->child[left], *b = parent->child[left + 1];

    if (a->n + b->n > LEAF_MAX * 3 / 4)
        return false;
    memcpy(&a->e[a->n], b->e, b->n * sizeof(b->e[0]));
    a->n += b->n;
    leaf_unlink(rt, b);
    shrink_up(rt, p, left + 1);
    return true;
}

/* Delete the extent that starts at start; it is there. */
static void extent_delete(struct range_tree *rt, uint64_t start)
{
    struct path p;
    struct leaf *l = descend(rt, start, &p);
    unsigned i = leaf_search(l, start) - 1;

    rt->count--;
    rt->total -= l->e[i].end - l->e[i].start;
    l->n--;
    memmove(&l->e[i], &l->e[i + 1], (l->n - i) * sizeof(l->e[0]));
    if (rt->depth == 0) {
        if (l->n == 0) {
            leaf_unlink(rt, l);
            rt->root = NULL;
        }
        return;
    }
    unsigned at = p.idx[rt->depth - 1];
    if (l->n == 0) {
        leaf_unlink(rt, l);
        shrink_up(rt, &p, at);
    } else if (l->n < LEAF_MAX / 4) {
        if (at > 0 && leaf_join(rt, &p, at - 1))
            return;
        if (at + 1 < p.node[rt->depth - 1]->n)
            leaf_join(rt, &p, at);
    }
}

static void extent_set_end(struct range_tree *rt, struct extent *e, uint64_t end)
{
    rt->total += end - e->end; /* modulo 2^64 when it shrinks */
    e->end = end;
}

/* --- the set -------------------------------------------------------------------------------- */

static int range_end(uint64_t start, uint64_t size, uint64_t *end)
{
    if (__builtin_add_overflow(start, size, end))
        return err_raise(ZE_OVERFLOW, "range at %llu of size %llu", (unsigned long long)start,
                         (unsigned long long)size);
    return 0;
}

/* Delete the extents that start in (after, upto]. */
static void delete_starting(struct range_tree *rt, uint64_t after, uint64_t upto)
{
    for (;;) {
        struct pos p = find_le(rt, upto);
        if (p.leaf == NULL || p.leaf->e[p.i].start <= after)
            return;
        extent_delete(rt, p.leaf->e[p.i].start);
    }
}

int range_tree_add(struct range_tree *rt, uint64_t start, uint64_t size)
{
    uint64_t end;
    int err = range_end(start, size, &end);

    if (err != 0 || size == 0)
        return err;
    struct extent *left = pos_get(find_le(rt, start));
    struct extent *right = pos_get(find_le(rt, end)); /* the last one touched, if it is not left */
    bool join_right = right != NULL && right != left && right->start > start;
    uint64_t joined_end = join_right && right->end > end ? right->end : end;
    if (left != NULL && left->end >= start) {
        if (joined_end > left->end)
            extent_set_end(rt, left, joined_end);
    } else {
        err = extent_insert(rt, (struct extent){start, joined_end});
        if (err != 0)
            return err;
    }
    if (join_right)
        delete_starting(rt, start, end);
    return 0;
}

int range_tree_add_new(struct range_tree *rt, uint64_t start, uint64_t size)
{
    if (range_tree_overlaps(rt, start, size))
        return err_raise(ZE_EXISTS, "range at %llu of size %llu is partly in the set already",
                         (unsigned long long)start, (unsigned long long)size);
    return range_tree_add(rt, start, size);
}

int range_tree_remove(struct range_tree *rt, uint64_t start, uint64_t size)
{
    uint64_t end;
    int err = range_end(start, size, &end);

    if (err != 0 || size == 0 || rt->root == NULL)
        return err;
    /* The tail that survives behind the cut, put in first: nothing else can fail. */
    struct extent *right = pos_get(find_le(rt, end - 1));
    if (right != NULL && right->end > end) {
        err = extent_insert(rt, (struct extent){end, right->end});
        if (err != 0)
            return err;
        right = pos_get(find_le(rt, end - 1));
        extent_set_end(rt, right, end);
    }
    struct extent *left = pos_get(find_le(rt, start));
    if (left != NULL && left->start < start && left->end > start)
        extent_set_end(rt, left, start);
    if (start == 0) {
        struct extent *zero = pos_get(find_le(rt, 0));
        if (zero != NULL)
            extent_delete(rt, 0);
        delete_starting(rt, 0, end - 1);
    } else {
        delete_starting(rt, start - 1, end - 1);
    }
    return 0;
}

int range_tree_remove_all(struct range_tree *rt, uint64_t start, uint64_t size)
{
    if (!range_tree_contains(rt, start, size))
        return err_raise(ZE_NOENT, "range at %llu of size %llu is not all in the set",
                         (unsigned long long)start, (unsigned long long)size);
    return range_tree_remove(rt, start, size);
}

bool range_tree_contains(const struct range_tree *rt, uint64_t start, uint64_t size)
{
    if (size == 0)
        return true;
    const struct extent *e = pos_get(find_le(rt, start));
    return e != NULL && e->end > start && e->end - start >= size;
}

bool range_tree_overlaps(const struct range_tree *rt, uint64_t start, uint64_t size)
{
    if (size == 0)
        return false;
    const struct extent *e = pos_get(find_ending_after(rt, start));
    return e != NULL && (e->start <= start || e->start - start < size);
}

static bool give(const struct extent *e, struct range *out)
{
    if (e == NULL)
        return false;
    *out = (struct range){e->start, e->end - e->start};
    return true;
}

bool range_tree_first(const struct range_tree *rt, struct range *out)
{
    return rt->first != NULL && give(&rt->first->e[0], out);
}

bool range_tree_last(const struct range_tree *rt, struct range *out)
{
    return rt->last != NULL && give(&rt->last->e[rt->last->n - 1], out);
}

bool range_tree_next(const struct range_tree *rt, struct range *r)
{
    return range_tree_find(rt, r->start + r->size, r);
}

bool range_tree_find(const struct range_tree *rt, uint64_t at, struct range *out)
{
    return give(pos_get(find_ending_after(rt, at)), out);
}

int range_tree_walk(const struct range_tree *rt, int (*fn)(const struct range *r, void *arg),
                    void *arg)
{
    for (const struct leaf *l = rt->first; l != NULL; l = l->next) {
        for (unsigned i = 0; i < l->n; i++) {
            struct range r = {l->e[i].start, l->e[i].end - l->e[i].start};
            int rc = fn(&r, arg);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

static int add_one(const struct range *r, void *arg)
{
    return range_tree_add(arg, r->start, r->size);
}

static int remove_one(const struct range *r, void *arg)
{
    return range_tree_remove(arg, r->start, r->size);
}

int range_tree_union(struct range_tree *dst, const struct range_tree *src)
{
    return dst == src ? 0 : range_tree_walk(src, add_one, dst);
}

int range_tree_subtract(struct range_tree *dst, const struct range_tree *src)
{
    if (dst == src) {
        range_tree_clear(dst);
        return 0;
    }
    return range_tree_walk(src, remove_one, dst);
}

void range_tree_swap(struct range_tree *a, struct range_tree *b)
{
    struct range_tree t = *a;

    *a = *b;
    *b = t;
}

uint64_t range_tree_total(const struct range_tree *rt)
{
    return rt->total;
}

uint64_t range_tree_count(const struct range_tree *rt)
{
    return rt->count;
}

uint64_t range_tree_memory(const struct range_tree *rt)
{
    return sizeof(*rt) + rt->nleaves * sizeof(struct leaf) + rt->ninners * sizeof(struct inner);
}

bool range_tree_is_empty(const struct range_tree *rt)
{
    return rt->count == 0;
}
