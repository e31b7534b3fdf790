/* SPDX-License-Identifier: MIT */
/*
 * Prints everything readable of a pool in the form of the fixtures' MANIFEST.files.tsv: every
 * dataset, every entry with mode, owner, times, content hash and xattrs; volumes by hash.
 * golden_check.py compares. Runs the engine in this process through the public API.
 *
 * usage: golden_dump [-d PATH]... [-k DATASET=KEYFILE]... [-o OPTION=true]... POOL [NEWNAME]
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "codec/nvlist.h"
#include "codec/nvlist_json.h"
#include "zuse/zuse.h"

#define MAX_ARGS 64

static struct zuse *z;

static void escaped(const char *s)
{
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == ';' || c == '=')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static void hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
}

/* ---- hashing: the operation writes into a pipe, a thread reads it ---- */

struct hasher {
    int fd;
    EVP_MD_CTX *ctx;
    uint64_t bytes;
};

static void *hash_pipe(void *arg)
{
    struct hasher *h = arg;
    char *buf = malloc(1 << 20);
    ssize_t n;

    while ((n = read(h->fd, buf, 1 << 20)) > 0) {
        EVP_DigestUpdate(h->ctx, buf, (size_t)n);
        h->bytes += (uint64_t)n;
    }
    free(buf);
    return NULL;
}

/* 64 hex digits into out; on failure the error's name. */
static void hash_of(const char *dataset, const char *path, char out[128], uint64_t *bytes)
{
    struct hasher h = {.ctx = EVP_MD_CTX_new()};
    struct zuse_callbacks cb = {.fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL;
    unsigned char md[32];
    pthread_t t;
    int fd[2], err;

    EVP_DigestInit_ex(h.ctx, EVP_sha256(), NULL);
    if (pipe(fd) != 0 || nvlist_create(&args) != 0 ||
        nvlist_add_string(args, "dataset", dataset) != 0 ||
        (path != NULL && nvlist_add_string(args, "path", path) != 0))
        exit(3);
    h.fd = fd[0];
    cb.fd = fd[1];
    pthread_create(&t, NULL, hash_pipe, &h);
    err = zuse_call(z, "file_read", args, NULL, &cb);
    close(fd[1]);
    pthread_join(t, NULL);
    close(fd[0]);
    EVP_DigestFinal_ex(h.ctx, md, NULL);
    EVP_MD_CTX_free(h.ctx);
    *bytes = h.bytes;
    if (err != 0) {
        snprintf(out, 128, "ERROR:%s", zuse_error_name(err));
        fprintf(stderr, "%s %s: %s\n", dataset, path != NULL ? path : "", zuse_error_text(z));
        return;
    }
    for (int i = 0; i < 32; i++)
        sprintf(out + 2 * i, "%02x", md[i]);
}

/* ---- one entry ---- */

static void print_xattrs(const struct nvlist *item)
{
    struct nvlist *xattrs = nvlist_child(item, "xattrs");
    const struct nvpair *p = NULL;
    const char *sep = "";

    if (xattrs == NULL || nvlist_empty(xattrs)) {
        putchar('-');
        return;
    }
    while ((p = nvlist_next(xattrs, p)) != NULL) {
        const uint8_t *v;
        size_t len;
        unsigned char md[32];

        if (nvlist_lookup_byte_array(xattrs, nvpair_name(p), &v, &len) != 0)
            continue;
        fputs(sep, stdout);
        escaped(nvpair_name(p));
        putchar('=');
        if (len > 512) {
            EVP_Digest(v, len, md, NULL, EVP_sha256(), NULL);
            printf("sha256:%zu:", len);
            hex(md, 32);
        } else {
            hex(v, len);
        }
        sep = ";";
    }
}

static int64_t i64(const struct nvlist *item, const char *name)
{
    int64_t v = 0;

    (void)nvlist_lookup_i64(item, name, &v);
    return v;
}

static unsigned statx_attributes(uint64_t flags)
{
    return (flags & 0x1000000000ull ? 0x10 : 0) | (flags & 0x4000000000ull ? 0x20 : 0) |
           (flags & 0x8000000000ull ? 0x40 : 0);
}

static unsigned xflags(uint64_t flags)
{
    return (flags & 0x1000000000ull ? 0x8 : 0) | (flags & 0x4000000000ull ? 0x10 : 0) |
           (flags & 0x8000000000ull ? 0x80 : 0) | (flags & 0x400000000000ull ? 0x200 : 0);
}

static void print_content(const char *dataset, const char *path, const struct nvlist *item)
{
    uint64_t mode = nvlist_u64(item, "mode", 0), rdev = nvlist_u64(item, "rdev", 0), bytes;
    char digest[128];

    switch (mode & 0170000) {
    case 0100000:
        hash_of(dataset, path, digest, &bytes);
        fputs(digest, stdout);
        break;
    case 0120000:
        escaped(nvlist_string(item, "target", ""));
        break;
    case 0020000:
    case 0060000:
        printf("%u:%u", major((dev_t)rdev), minor((dev_t)rdev));
        break;
    default:
        putchar('-');
    }
}

static int print_entry(void *arg, const struct nvlist *item)
{
    static const char kinds[] = "?pc?d?b?f?l?s???";
    const char *dataset = arg, *path = nvlist_string(item, "path", ".");
    uint64_t mode = nvlist_u64(item, "mode", 0), flags = nvlist_u64(item, "flags", 0);

    escaped(path);
    printf("\t%c\t%04llo\t%llu\t%llu\t%llu\t%llu\t%lld.%09lld\t", kinds[mode >> 12 & 15],
           (unsigned long long)(mode & 07777), (unsigned long long)nvlist_u64(item, "uid", 0),
           (unsigned long long)nvlist_u64(item, "gid", 0),
           (unsigned long long)nvlist_u64(item, "nlink", 0),
           (unsigned long long)nvlist_u64(item, "size", 0), (long long)i64(item, "mtime"),
           (long long)i64(item, "mtime_ns"));
    print_content(dataset, path, item);
    putchar('\t');
    print_xattrs(item);
    printf("\tino=%llu,blocks=%llu,btime=%lld.%09lld,ctime=%lld.%09lld,attr=%x,proj=%llu,xfl=%x\n",
           (unsigned long long)nvlist_u64(item, "object", 0),
           (unsigned long long)nvlist_u64(item, "blocks", 0), (long long)i64(item, "btime"),
           (long long)i64(item, "btime_ns"), (long long)i64(item, "ctime"),
           (long long)i64(item, "ctime_ns"), statx_attributes(flags),
           (unsigned long long)nvlist_u64(item, "project", 0), xflags(flags));
    return 0;
}

/* ---- datasets ---- */

static void dump_files(const char *name)
{
    AUTO_NVLIST struct nvlist *args = NULL, *root = NULL;
    struct zuse_callbacks cb = {.item = print_entry, .arg = (void *)name, .fd = -1};

    if (nvlist_create(&args) != 0 || nvlist_add_string(args, "dataset", name) != 0 ||
        nvlist_add_bool(args, "recursive", true) != 0 || nvlist_add_bool(args, "xattrs", true) != 0)
        exit(3);
    if (zuse_call(z, "file_stat", args, &root, NULL) != 0) {
        printf("# ERROR %s\n", zuse_error_text(z));
        return;
    }
    (void)print_entry((void *)name, root);
    if (zuse_call(z, "file_list", args, NULL, &cb) != 0)
        printf("# ERROR %s\n", zuse_error_text(z));
}

static struct nvlist *datasets[100000];
static size_t ndatasets;

static int keep(void *arg, const struct nvlist *item)
{
    if (ndatasets == sizeof(datasets) / sizeof(datasets[0]))
        return 1;
    return nvlist_dup(item, &datasets[ndatasets++]);
}

static bool is_volume(const char *name)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *const roots[] = {name}, *const props[] = {"volsize"};
    struct nvlist *before = NULL;
    bool volume;

    if (nvlist_create(&args) != 0 || nvlist_add_string_array(args, "roots", roots, 1) != 0 ||
        nvlist_add_string_array(args, "props", props, 1) != 0 ||
        nvlist_add_u64(args, "types", 31) != 0)
        exit(3);
    if (zuse_call(z, "dataset_list", args, NULL,
                  &(struct zuse_callbacks){.item = keep, .fd = -1}) != 0)
        return false;
    before = datasets[--ndatasets];
    volume = nvlist_child(nvlist_child(before, "props"), "volsize") != NULL;
    nvlist_free(before);
    return volume;
}

static void dump_datasets(void)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    const char *const props[] = {"type"};
    size_t n;

    if (nvlist_create(&args) != 0 || nvlist_add_u64(args, "types", 7) != 0 ||
        nvlist_add_string_array(args, "props", props, 1) != 0)
        exit(3);
    if (zuse_call(z, "dataset_list", args, NULL,
                  &(struct zuse_callbacks){.item = keep, .fd = -1}) != 0)
        printf("# ERROR %s\n", zuse_error_text(z));
    n = ndatasets;
    for (size_t i = 0; i < n; i++) {
        const char *name = nvlist_string(datasets[i], "name", "?");
        char digest[128];
        uint64_t bytes;

        if (is_volume(name)) {
            printf("## volume %s\n", name);
            hash_of(name, NULL, digest, &bytes);
            printf("%s %llu\n", digest, (unsigned long long)bytes);
        } else {
            printf("## %s %s\n", strchr(name, '@') != NULL ? "snapshot" : "filesystem", name);
            dump_files(name);
        }
        nvlist_free(datasets[i]);
    }
}

static void load_keys(char *const *key, int n)
{
    for (int i = 0; i < n; i++) {
        AUTO_NVLIST struct nvlist *args = NULL;
        char *eq = strchr(key[i], '=');

        if (eq == NULL)
            exit(2);
        *eq = '\0';
        if (nvlist_create(&args) != 0 || nvlist_add_string(args, "dataset", key[i]) != 0 ||
            nvlist_add_stringf(args, "location", "file://%s", eq + 1) != 0 ||
            zuse_call(z, "load_key", args, NULL, NULL) != 0)
            fprintf(stderr, "load_key %s: %s\n", key[i], zuse_error_text(z));
    }
}

int main(int argc, char **argv)
{
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    const char *dirs[MAX_ARGS];
    char *keys[MAX_ARGS];
    int c, ndirs = 0, nkeys = 0;

    if (nvlist_create(&args) != 0)
        return 3;
    while ((c = getopt(argc, argv, "d:k:o:")) != -1) {
        if (c == 'd' && ndirs < MAX_ARGS)
            dirs[ndirs++] = optarg;
        else if (c == 'k' && nkeys < MAX_ARGS)
            keys[nkeys++] = optarg;
        else if (c == 'o')
            (void)nvlist_add_bool(args, optarg, true);
        else
            return 2;
    }
    if (optind >= argc || zuse_open_local(0, &z) != 0)
        return 2;
    if (nvlist_add_string(args, "pool", argv[optind]) != 0 ||
        nvlist_add_string_array(args, "paths", dirs, (size_t)ndirs) != 0 ||
        nvlist_add_bool(args, "force", true) != 0 ||
        (optind + 1 < argc && nvlist_add_string(args, "newname", argv[optind + 1]) != 0))
        return 3;
    if (zuse_call(z, "pool_import", args, &result, NULL) != 0) {
        fprintf(stderr, "import: %s\n", zuse_error_text(z));
        zuse_close(z);
        return 1;
    }
    load_keys(keys, nkeys);
    dump_datasets();
    zuse_close(z);
    return 0;
}
