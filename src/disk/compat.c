/* SPDX-License-Identifier: MIT */
/*
 * The feature sets OpenZFS ships, each as another set plus and minus features (format/pool.md, 10).
 */
#include "disk/compat.h"

#include <stdio.h>

struct compat_set {
    const char *name;
    const char *base; /* another set's name, or NULL */
    const char *add;  /* short names, separated by blanks */
    const char *remove;
};

static const struct compat_set compat_sets[] = {
    {"compat-2018", NULL,
     "async_destroy bookmarks embedded_data empty_bpobj enabled_txg "
     "extensible_dataset filesystem_limits hole_birth large_blocks "
     "lz4_compress spacemap_histogram",
     ""},
    {"zol-0.6.5", "compat-2018", "", ""},
    {"compat-2019", NULL,
     "async_destroy bookmarks embedded_data empty_bpobj enabled_txg "
     "extensible_dataset filesystem_limits hole_birth large_blocks "
     "lz4_compress spacemap_histogram multi_vdev_crash_dump sha512 skein",
     ""},
    {"compat-2020", "compat-2019", "", ""},
    {"freebsd-11.0", "compat-2019", "", ""},
    {"compat-2021", "freebsd-11.2", "spacemap_v2", ""},
    {"freebsd-11.3", "compat-2021", "", ""},
    {"freebsd-11.2", "freebsd-11.0", "device_removal obsolete_counts zpool_checkpoint", ""},
    {"freenas-9.10.2", NULL,
     "async_destroy bookmarks embedded_data empty_bpobj enabled_txg "
     "extensible_dataset filesystem_limits hole_birth large_blocks "
     "lz4_compress spacemap_histogram multi_vdev_crash_dump",
     ""},
    {"openzfsonosx-1.7.0", "freebsd-11.0", "edonr", ""},
    {"openzfsonosx-1.8.1", "freebsd-11.3", "edonr", ""},
    {"openzfsonosx-1.9.3", "openzfsonosx-1.8.1",
     "allocation_classes bookmark_v2 encryption large_dnode project_quota "
     "resilver_defer userobj_accounting",
     ""},
    {"zol-0.8", "openzfsonosx-1.9.3", "", ""},
    {"zol-0.6.1", NULL, "async_destroy empty_bpobj lz4_compress", ""},
    {"zol-0.6.4", NULL,
     "async_destroy bookmarks embedded_data empty_bpobj enabled_txg "
     "extensible_dataset hole_birth lz4_compress spacemap_histogram",
     ""},
    {"zol-0.7", NULL,
     "async_destroy bookmarks embedded_data empty_bpobj enabled_txg "
     "extensible_dataset filesystem_limits hole_birth large_blocks "
     "lz4_compress spacemap_histogram edonr large_dnode "
     "multi_vdev_crash_dump sha512 skein userobj_accounting",
     ""},
    {"openzfs-2.0-linux", "zol-0.8",
     "bookmark_written device_rebuild livelist log_spacemap "
     "redacted_datasets redaction_bookmarks zstd_compress",
     ""},
    {"openzfs-2.0-freebsd", "openzfs-2.0-linux", "", "edonr"},
    {"openzfs-2.1-linux", "openzfs-2.0-linux", "draid", ""},
    {"openzfs-2.1-freebsd", "openzfs-2.0-freebsd", "draid", ""},
    {"openzfs-2.2", "openzfs-2.1-linux", "blake3 block_cloning head_errlog vdev_zaps_v2 zilsaxattr",
     ""},
    {"openzfs-2.3", "openzfs-2.2",
     "fast_dedup large_microzap longname raidz_expansion "
     "redaction_list_spill",
     ""},
    {"openzfs-2.4", "openzfs-2.3", "block_cloning_endian dynamic_gang_header physical_rewrite", ""},
    {"grub2-2.06", NULL,
     "allocation_classes async_destroy block_cloning device_rebuild "
     "embedded_data empty_bpobj enabled_txg hole_birth log_spacemap "
     "lz4_compress resilver_defer spacemap_histogram spacemap_v2 "
     "zpool_checkpoint",
     ""},
    {"grub2-2.12", "grub2-2.06",
     "bookmarks extensible_dataset filesystem_limits large_blocks livelist "
     "project_quota userobj_accounting zilsaxattr",
     ""},
    {"2018", "compat-2018", "", ""},
    {"2019", "compat-2019", "", ""},
    {"2020", "compat-2020", "", ""},
    {"2021", "compat-2021", "", ""},
    {"freebsd-11.1", "freebsd-11.0", "", ""},
    {"freenas-11.0", "freebsd-11.0", "", ""},
    {"freenas-11.1", "freebsd-11.0", "", ""},
    {"freenas-11.2", "freebsd-11.2", "", ""},
    {"freebsd-11.4", "freebsd-11.3", "", ""},
    {"freebsd-12.0", "freebsd-11.3", "", ""},
    {"freebsd-12.1", "freebsd-11.3", "", ""},
    {"freebsd-12.2", "freebsd-11.3", "", ""},
    {"freebsd-12.3", "freebsd-11.3", "", ""},
    {"freebsd-12.4", "freebsd-11.3", "", ""},
    {"freenas-11.3", "freebsd-11.3", "", ""},
    {"grub2", "grub2-2.12", "", ""},
    {"freebsd-13.0", "openzfs-2.1-freebsd", "", ""},
    {"freebsd-13.1", "openzfs-2.1-freebsd", "", ""},
    {"freebsd-13.2", "openzfs-2.1-freebsd", "", ""},
    {"openzfsonosx-1.9.4", "openzfsonosx-1.9.3", "", ""},
    {"truenas-12.0", "openzfs-2.0-freebsd", "", ""},
    {"ubuntu-18.04", "zol-0.7", "", ""},
    {"ubuntu-20.04", "zol-0.8", "", ""},
    {"ubuntu-22.04", "openzfs-2.1-linux", "", ""},
    {"openzfs-2.2-linux", "openzfs-2.2", "", ""},
    {"openzfs-2.2-freebsd", "openzfs-2.2", "", ""},
    {"openzfs-2.3-linux", "openzfs-2.3", "", ""},
    {"openzfs-2.3-freebsd", "openzfs-2.3", "", ""},
    {"openzfs-2.4-linux", "openzfs-2.4", "", ""},
    {"openzfs-2.4-freebsd", "openzfs-2.4", "", ""},
};

/* Bits of the short names in text; unknown ones are left out (a test finds them). */
static uint64_t compat_words(const char *text)
{
    uint64_t set = 0;
    char word[64];
    int used;

    while (sscanf(text, "%63s%n", word, &used) == 1) {
        const struct feature_info *f = feature_find(word);
        if (f != NULL)
            set |= feature_bit(f->id);
        text += used;
    }
    return set;
}

bool compat_builtin(const char *name, uint64_t *set)
{
    for (size_t i = 0; i < array_len(compat_sets); i++) {
        const struct compat_set *s = &compat_sets[i];
        if (strcmp(s->name, name) != 0)
            continue;
        uint64_t base = 0;
        if (s->base != NULL && !compat_builtin(s->base, &base))
            return false;
        *set = (base | compat_words(s->add)) & ~compat_words(s->remove);
        return true;
    }
    return false;
}

const char *compat_builtin_name(size_t i)
{
    return i < array_len(compat_sets) ? compat_sets[i].name : NULL;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == ',';
}

/* One token of the file: len bytes at p. */
static enum compat_result compat_token(const char *p, size_t len, bool trusted, uint64_t *set,
                                       char *bad, size_t bad_len)
{
    char word[64] = "";
    const struct feature_info *f = NULL;

    if (len < sizeof(word)) {
        memcpy(word, p, len);
        word[len] = '\0';
        f = feature_find(word);
    }
    if (f != NULL) {
        *set |= feature_bit(f->id);
        return COMPAT_OK;
    }
    if (bad != NULL && bad_len > 0 && bad[0] == '\0')
        snprintf(bad, bad_len, "%.*s", (int)min_of(len, (size_t)255), p);
    return trusted ? COMPAT_WARNTOKEN : COMPAT_BADTOKEN;
}

enum compat_result compat_parse(struct span text, bool trusted, uint64_t *set, char *bad,
                                size_t bad_len)
{
    enum compat_result worst = COMPAT_OK;
    const char *p = (const char *)text.data, *end = p + text.len;

    *set = 0;
    if (bad != NULL && bad_len > 0)
        bad[0] = '\0';
    if (text.len == 0 || text.len > COMPAT_FILE_MAX || end[-1] != '\n')
        return COMPAT_BADFILE;
    while (p < end) {
        if (*p == '#') {
            while (p < end && *p != '\n')
                p++;
            continue;
        }
        if (is_separator(*p)) {
            p++;
            continue;
        }
        const char *start = p;
        while (p < end && !is_separator(*p) && *p != '#')
            p++;
        enum compat_result r = compat_token(start, (size_t)(p - start), trusted, set, bad, bad_len);
        worst = max_of(worst, r);
    }
    return worst;
}
