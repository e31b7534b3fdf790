/* SPDX-License-Identifier: MIT */
/* Objects of zdb_object.h. */
#include "cli/zdb_object.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "disk/bpobj_phys.h"
#include "disk/dsl_phys.h"
#include "disk/history_phys.h"
#include "dmu/traverse.h"
#include "dmu/zap.h"

#define PFLAG_HAS_PROJECT 0x800000000000ull /* format/zpl-zil.md 4: a project id is stored */

/* ---- the line ---- */

static uint64_t total_fill(const struct dnode_phys *dn)
{
    uint64_t fill = 0;

    for (unsigned i = 0; i < dn->nblkptr; i++)
        fill += bp_fill(&dn->blkptr[i]);
    return fill;
}

static const char *checksum_text(unsigned id)
{
    const struct checksum_info *info = checksum_info((enum checksum_id)id);

    return info != NULL ? info->name : "?";
}

static void print_header(struct zdb_objects *o)
{
    if (o->header && o->z->opt['d'] < 4)
        return;
    o->header = true;
    printf("\n    Object  lvl   iblk   dblk  dsize  dnsize  lsize   %%full  type\n");
}

static void print_line(struct zdb_objects *o, uint64_t object, const struct dnode_phys *dn)
{
    uint64_t blksz = dnode_phys_blksz(dn), lsize = (dn->maxblkid + 1) * blksz;
    char a[5][32], full[32], type[128];
    double fill = 100.0 * (double)total_fill(dn) * (double)blksz;

    if (object == 0)
        fill /= DNODE_SLOTS_PER_BLOCK;
    snprintf(full, sizeof(full), "%6.2f", lsize == 0 ? 0 : fill / (double)lsize);
    snprintf(type, sizeof(type), "%s", objtype_info(dn->type)->name);
    if (dn->checksum != CHECKSUM_INHERIT || o->z->opt['d'] >= 6)
        snprintf(type + strlen(type), sizeof(type) - strlen(type), " (K=%s)",
                 checksum_text(dn->checksum));
    if (dn->compress != COMPRESS_INHERIT || o->z->opt['d'] >= 6)
        snprintf(type + strlen(type), sizeof(type) - strlen(type), " (Z=%s)",
                 dn->compress == COMPRESS_OFF ? "uncompressed" : compress_name(dn->compress));
    print_header(o);
    printf("%10" PRId64 "  %3u  %5s  %5s  %5s  %6s  %5s  %6s  %s\n",
           object <= DNODE_MAX_OBJECT ? (int64_t)object : (int64_t)object, dn->nlevels,
           zdb_num(o->z, (uint64_t)1 << dn->indblkshift, a[0]), zdb_num(o->z, blksz, a[1]),
           zdb_num(o->z, round_down_pow2(dnode_phys_used(dn) + SECTOR_SIZE / 2, SECTOR_SIZE), a[2]),
           zdb_num(o->z, dnode_phys_size(dn), a[3]), zdb_num(o->z, lsize, a[4]), full, type);
    if (dn->bonustype != OBJTYPE_NONE && o->z->opt['d'] > 3)
        printf("%10s  %3s  %5s  %5s  %5s  %5s  %5s  %6s  %s\n", "", "", "", "", "", "",
               zdb_num(o->z, dn->bonuslen, a[0]), "bonus", objtype_info(dn->bonustype)->name);
}

/* ---- ZAPs ---- */

static const char *dirent_type(uint64_t v)
{
    static const char *const name[16] = {
        "not specified", "FIFO",        "Character Device", "3 (invalid)",
        "Directory",     "5 (invalid)", "Block Device",     "7 (invalid)",
        "Regular File",  "9 (invalid)", "Symbolic Link",    "11 (invalid)",
        "Socket",        "Door",        "Event Port",       "15 (invalid)"};

    return name[v >> 60];
}

static void print_bytes(const struct zap_entry *e, const uint8_t *v)
{
    uint64_t len = 0;

    while (len < e->count && isprint(v[len]))
        len++;
    if (len > 0 && len + 1 == e->count && v[len] == '\0') {
        printf("%s", (const char *)v);
        return;
    }
    for (uint64_t i = 0; i < e->count; i++)
        printf("%02x", v[i]);
}

/* Attribute numbers of one layout. */
static void print_layout(const struct zap_entry *e, const uint16_t *v)
{
    printf("[");
    for (uint64_t i = 0; i < e->count; i++)
        printf(" %u ", v[i]);
    printf("]");
}

static void print_value(struct zap_cursor *c, const struct zap_entry *e, unsigned type)
{
    uint64_t size = e->count * e->integer_size;
    uint8_t *v AUTO_FREE = size > 0 && size <= (1u << 20) ? mem_zalloc(size) : NULL;

    if (v == NULL || zap_entry_value(c, e, v, e->count) != 0)
        return;
    if (type == OBJTYPE_SA_REGISTRATION && e->integer_size == 8) {
        printf(" %" PRIx64 " : [%u:%u:%u]", e->first, (unsigned)BITS_GET(e->first, 24, 16),
               (unsigned)BITS_GET(e->first, 16, 8), (unsigned)BITS_GET(e->first, 0, 16));
        return;
    }
    if (type == OBJTYPE_SA_LAYOUTS && e->integer_size == 2) {
        print_layout(e, (const uint16_t *)(const void *)v);
        return;
    }
    if (e->integer_size == 1) {
        print_bytes(e, v);
        return;
    }
    for (uint64_t i = 0; i < e->count; i++) {
        if (e->integer_size == 8)
            printf("%" PRIu64 " ", ((const uint64_t *)(const void *)v)[i]);
        else if (e->integer_size == 4)
            printf("%u ", ((const uint32_t *)(const void *)v)[i]);
        else
            printf("%u ", ((const uint16_t *)(const void *)v)[i]);
    }
}

static void print_name(struct zap *zap, const struct zap_entry *e)
{
    if (!zap_has_uint64_keys(zap)) {
        printf("\t\t%s = ", e->name);
        return;
    }
    printf("\t\t0x");
    for (size_t i = 0; i + 8 <= e->name_len; i += 8) {
        uint64_t word;

        memcpy(&word, e->name + i, 8);
        printf("%016" PRIx64, word);
    }
    printf(" = ");
}

static void print_histogram(const char *title, const uint64_t *h)
{
    uint64_t max = 40;
    int from = -1, to = -1;

    for (int i = 0; i < ZAP_HISTOGRAM_SIZE; i++) {
        max = max_of(max, h[i]);
        if (h[i] != 0) {
            from = from < 0 ? i : from;
            to = i;
        }
    }
    printf("\t\t%s:\n", title);
    for (int i = from; from >= 0 && i <= to; i++)
        printf("\t\t\t%3d: %6" PRIu64 " %.*s\n", i, h[i], (int)((h[i] * 40 + max - 1) / max),
               "****************************************");
}

static void print_fat(const struct zap_stats *s)
{
    printf("\tFat ZAP stats:\n\t\tPointer table:\n\t\t\t%" PRIu64
           " elements\n\t\t\tzt_blk: %" PRIu64 "\n\t\t\tzt_numblks: %" PRIu64
           "\n\t\t\tzt_shift: %" PRIu64 "\n\t\t\tzt_blks_copied: %" PRIu64
           "\n\t\t\tzt_nextblk: %" PRIu64 "\n",
           s->ptrtbl_len, s->ptrtbl_blk, s->ptrtbl_numblks, s->ptrtbl_shift, s->blks_copied,
           s->nextblk);
    printf("\t\tZAP entries: %" PRIu64 "\n\t\tLeaf blocks: %" PRIu64 "\n\t\tTotal blocks: %" PRIu64
           "\n\t\tzap_block_type: 0x%" PRIx64 "\n\t\tzap_magic: 0x%" PRIx64
           "\n\t\tzap_salt: 0x%" PRIx64 "\n",
           s->num_entries, s->num_leafs, s->num_blocks, s->block_type, s->magic, s->salt);
    print_histogram("Leafs with 2^n pointers", s->leafs_2n_ptrs);
    print_histogram("Blocks with n*5 entries", s->blocks_n5_entries);
    print_histogram("Blocks n/10 full", s->blocks_n10_full);
    print_histogram("Entries with n chunks", s->entries_n_chunks);
    print_histogram("Buckets with n entries", s->buckets_n_entries);
}

static void print_zap(struct zdb_objects *o, struct dnode *dn)
{
    bool directory = dnode_phys(dn)->type == OBJTYPE_DIRECTORY;
    struct zap_entry *e AUTO_FREE = mem_zalloc(sizeof(*e));
    struct zap_stats s;
    struct zap_cursor c;
    struct zap *zap;

    if (e == NULL || zap_open_dnode(dn, &zap) != 0)
        return;
    if (zap_stats_get(zap, &s) == 0) {
        if (s.micro)
            printf("\tmicrozap: %" PRIu64 " bytes, %" PRIu64 " entries\n\n", s.blocksize,
                   s.num_entries);
        else
            print_fat(&s);
        if (!s.micro)
            printf("\n");
    }
    zap_cursor_init(&c, zap);
    while (zap_cursor_next(&c, e) == 0) {
        print_name(zap, e);
        if (directory && e->integer_size == 8)
            printf("%" PRIu64 " (type: %s)\n", e->first & DNODE_MAX_OBJECT, dirent_type(e->first));
        else {
            print_value(&c, e, dnode_phys(dn)->type);
            printf("\n");
        }
    }
    zap_cursor_fini(&c);
    zap_close(zap);
}

/* ---- bonus buffers ---- */

#define DUMP_BONUS(type_, bonus_)                                                                  \
    do {                                                                                           \
        struct type_ copy_;                                                                        \
        memset(&copy_, 0, sizeof(copy_));                                                          \
        memcpy(&copy_, (bonus_).data, min_of((bonus_).len, sizeof(copy_)));                        \
        type_##_dump(&copy_, stdout);                                                              \
    } while (0)

static struct zpl *get_zpl(struct zdb_objects *o)
{
    if (o->zpl == NULL && !o->no_zpl && o->ds != NULL)
        o->no_zpl = zpl_mount(o->ds, 0, &o->zpl) != 0;
    return o->no_zpl ? NULL : o->zpl;
}

static int lookup_step(struct zpl_node **at, const char *name)
{
    struct zpl_node *next;
    int err = zpl_lookup(*at, name, &next);

    if (err != 0)
        return err;
    zpl_node_rele(*at);
    *at = next;
    return 0;
}

static int lookup_path(struct zpl *z, const char *path, uint64_t *object)
{
    char copy[4096], *rest = copy, *name;
    struct zpl_node *at;
    int err = zpl_root(z, &at);

    if (err != 0)
        return err;
    snprintf(copy, sizeof(copy), "%s", path);
    while (err == 0 && (name = strsep(&rest, "/")) != NULL)
        err = *name == '\0' ? 0 : lookup_step(&at, name);
    *object = zpl_node_object(at);
    zpl_node_rele(at);
    return err;
}

/* The directory the path leads through: the stored parent of everything that is not hard-linked. */
static void print_parent(struct zpl *z, const char *path)
{
    char copy[4096], *slash;
    uint64_t parent;

    snprintf(copy, sizeof(copy), "%s", path);
    slash = strrchr(copy, '/');
    if (slash != NULL)
        *slash = '\0';
    if (lookup_path(z, copy, &parent) == 0)
        printf("\tparent\t%" PRIu64 "\n", parent);
}

static void print_znode(struct zdb_objects *o, uint64_t object)
{
    struct zpl *z = get_zpl(o);
    char path[4096], target[4096], when[64];
    struct zpl_node *n;
    struct zpl_attr a;
    size_t len;

    if (z == NULL || zpl_get(z, object, 0, &n) != 0)
        return;
    if (zpl_getattr(n, &a) == 0) {
        if (zpl_object_path(z, object, path, sizeof(path)) != 0)
            snprintf(path, sizeof(path), "?%s<object#%" PRIu64 ">", "??", object);
        if (!dsl_dataset_is_snapshot(o->ds))
            printf("\tpath\t%s\n", path);
        if (S_ISLNK(a.mode) && zpl_readlink(n, target, sizeof(target), &len) == 0)
            printf("\ttarget\t%.*s\n", (int)min_of(len, sizeof(target)), target);
        printf("\tuid     %u\n\tgid     %u\n", a.uid, a.gid);
        printf("\tatime\t%s\n", zdb_time((uint64_t)a.atime.tv_sec, when, sizeof(when)));
        printf("\tmtime\t%s\n", zdb_time((uint64_t)a.mtime.tv_sec, when, sizeof(when)));
        printf("\tctime\t%s\n", zdb_time((uint64_t)a.ctime.tv_sec, when, sizeof(when)));
        printf("\tcrtime\t%s\n", zdb_time((uint64_t)a.btime.tv_sec, when, sizeof(when)));
        printf("\tgen\t%" PRIu64 "\n\tmode\t%o\n\tsize\t%" PRIu64 "\n", a.generation, a.mode,
               a.size);
        print_parent(z, path);
        printf("\tlinks\t%u\n\tpflags\t%" PRIx64 "\n", a.nlink, a.pflags);
        if (a.pflags & PFLAG_HAS_PROJECT)
            printf("\tprojid\t%" PRIu64 "\n", a.project);
    }
    zpl_node_rele(n);
}

static void print_bonus(struct zdb_objects *o, uint64_t object, struct dnode *dn)
{
    struct span b = dnode_bonus(dn);

    if (b.len == 0)
        return;
    switch (dnode_phys(dn)->bonustype) {
    case OBJTYPE_DSL_DIR:
        DUMP_BONUS(dsl_dir_phys, b);
        break;
    case OBJTYPE_DSL_DATASET:
        DUMP_BONUS(dsl_dataset_phys, b);
        break;
    case OBJTYPE_BPOBJ_HEADER:
        DUMP_BONUS(bpobj_phys, b);
        break;
    case OBJTYPE_HISTORY_OFFSETS:
        DUMP_BONUS(history_phys, b);
        break;
    case OBJTYPE_SA:
    case OBJTYPE_ZNODE:
        print_znode(o, object);
        break;
    default:
        break;
    }
}

/* ---- block pointers ---- */

struct block_lister {
    const struct dnode_phys *dn;
    bool first_only; /* of the copies */
};

static int print_block(void *arg, const struct traverse_visit *v)
{
    const struct block_lister *l = arg;
    unsigned levels = l->dn->nlevels, level = (unsigned)v->zb.level;
    char text[BP_TEXT_MAX];
    struct blkptr bp;

    if (v->event != TRAVERSE_BLOCK || v->zb.blkid == BOOKMARK_BLKID_SPILL)
        return 0;
    printf("%16" PRIx64 " ",
           (v->zb.blkid << (level * dnode_phys_epbs(l->dn))) * dnode_phys_blksz(l->dn));
    for (int k = (int)levels - 1; k >= -1; k--) {
        if (k == (int)level)
            printf("L%x", level);
        else
            printf(" ");
    }
    bp = *v->bp;
    if (l->first_only && !bp_is_embedded(&bp))
        memset(&bp.dva[1], 0, 2 * sizeof(bp.dva[1]));
    bp_format_compact(text, sizeof(text), &bp);
    printf("%s\n", text);
    return level == 0 ? TRAVERSE_SKIP : 0; /* what dnode blocks hold are other objects */
}

static void print_segment(struct zdb_objects *o, uint64_t from, uint64_t to)
{
    char size[32];

    printf("\t\tsegment [%016" PRIx64 ", %016" PRIx64 ") size %5s\n", from, to,
           zdb_num(o->z, to - from, size));
}

static void print_segments(struct zdb_objects *o, struct dnode *dn)
{
    uint64_t from = 0, to;

    while (dmu_next_offset(dn, false, &from) == 0) {
        to = from;
        if (dmu_next_offset(dn, true, &to) != 0)
            to = dnode_size(dn);
        if (to <= from)
            break;
        print_segment(o, from, to);
        from = to;
    }
}

/* Of the meta-dnode: runs of dnodes. */
static void print_dnode_segments(struct zdb_objects *o)
{
    uint64_t object = 0, from = 0, to = 0;
    struct dnode *dn;

    while (objset_next_object(o->os, &object) == 0) {
        uint64_t at = object << DNODE_SLOT_SHIFT, size = DNODE_SLOT_SIZE;

        if (dnode_hold(o->os, object, &dn) == 0) {
            size = dnode_phys_size(dnode_phys(dn));
            dnode_rele(dn);
        }
        if (at != to && to != 0)
            print_segment(o, from, to);
        if (at != to)
            from = at;
        to = at + size;
    }
    if (to != 0)
        print_segment(o, from, to);
}

static void print_blocks(struct zdb_objects *o, uint64_t object, struct dnode *dn)
{
    struct block_lister l = {dnode_phys(dn), o->z->opt['d'] < 6};
    struct traverse t = {
        .pool = &o->z->pool->zio,
        .dataset = objset_dataset(o->os),
        .flags = TRAVERSE_PRE | TRAVERSE_CONTINUE | TRAVERSE_RAW,
        .prio = VDEV_PRIO_ASYNC_READ,
        .fn = print_block,
        .arg = &l,
    };

    printf("Indirect blocks:\n");
    (void)traverse_dnode(&t, object, dnode_phys(dn));
    printf("\n");
    if (object == 0)
        print_dnode_segments(o);
    else
        print_segments(o, dn);
}

/* ---- the object ---- */

static bool is_zap(unsigned type)
{
    return objtype_info(type)->bswap == OBJTYPE_BSWAP_ZAP && type != OBJTYPE_NONE;
}

static void print_packed(struct zdb_objects *o, uint64_t object)
{
    AUTO_NVLIST struct nvlist *nv = NULL;

    if (pool_read_nvlist(o->os, object, &nv) == 0)
        nvlist_print(nv, stdout, 8);
}

static void print_object(struct zdb_objects *o, uint64_t object, struct dnode *dn)
{
    const struct dnode_phys *p = dnode_phys(dn);

    print_line(o, object, p);
    if (o->z->opt['d'] < 4)
        return;
    printf("\tdnode flags: %s%s%s%s\n", p->flags & DNODE_FLAG_USED_BYTES ? "USED_BYTES " : "",
           p->flags & DNODE_FLAG_USERUSED_ACCOUNTED ? "USERUSED_ACCOUNTED " : "",
           p->flags & DNODE_FLAG_USEROBJUSED_ACCOUNTED ? "USEROBJUSED_ACCOUNTED " : "",
           p->flags & DNODE_FLAG_SPILL ? "SPILL_BLKPTR" : "");
    printf("\tdnode maxblkid: %" PRIu64 "\n", p->maxblkid);
    if (dnode_bonus_is_encrypted(dn))
        printf("\t\t(bonus encrypted)\n");
    else
        print_bonus(o, object, dn);
    if (objset_open_flags(o->os) & OBJSET_RAW && objtype_info(p->type)->encrypted)
        printf("\t\t(object encrypted)\n");
    else if (is_zap(p->type))
        print_zap(o, dn);
    else if (p->type == OBJTYPE_PACKED_NVLIST)
        print_packed(o, object);
    if (o->z->opt['d'] > 4)
        print_blocks(o, object, dn);
}

void zdb_object(struct zdb_objects *o, uint64_t object)
{
    struct dnode *dn;
    int err = 0;

    if (object == 0)
        dn = objset_meta_dnode(o->os);
    else
        err = dnode_hold(o->os, object, &dn);
    if (err != 0) {
        fflush(stdout);
        fprintf(stderr, "zdb: object %" PRIu64 ": %s\n", object, err_detail());
        o->z->status = 2;
        return;
    }
    print_object(o, object, dn);
    if (object != 0 && object <= DNODE_MAX_OBJECT) {
        o->slots += dnode_phys_slots(dnode_phys(dn));
        o->last = max_of(o->last, object + dnode_phys_slots(dnode_phys(dn)) - 1);
    }
    if (object != 0)
        dnode_rele(dn);
}

void zdb_objects_end(struct zdb_objects *o)
{
    zpl_unmount(o->zpl);
    o->zpl = NULL;
}

int zdb_lookup_path(struct dsl_dataset *ds, const char *path, uint64_t *object)
{
    struct zpl *z;
    int err = zpl_mount(ds, 0, &z);

    if (err != 0)
        return err;
    err = lookup_path(z, path, object);
    zpl_unmount(z);
    return err;
}
