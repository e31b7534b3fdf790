/* SPDX-License-Identifier: MIT */
/*
 * zdb: options, finding and opening the pool, pool-wide output. Runs the engine in this process,
 * read-only, without claiming devices, so it works on pools that are in use. Exit status as the
 * real one: 0, 1 (cannot open, bad usage), 2 (no label, block errors), 3 (leaks).
 */
#include <inttypes.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/zdb_impl.h"
#include "dmu/zap.h"
#include "pool/assemble.h"
#include "pool/cachefile.h"
#include "pool/history.h"
#include "vdev/vdev_stats.h"

#define CACHE_FILE "/etc/zfs/zpool.cache"
#define MAX_PATHS  64

struct zdb_args {
    const char *path[MAX_PATHS], *cachefile;
    size_t npaths;
    uint64_t txg;
};

static const struct option long_options[] = {
    {"block-stats", no_argument, NULL, 'b'},
    {"checksum", no_argument, NULL, 'c'},
    {"config", no_argument, NULL, 'C'},
    {"datasets", no_argument, NULL, 'd'},
    {"dedup-stats", no_argument, NULL, 'D'},
    {"history", no_argument, NULL, 'h'},
    {"intent-logs", no_argument, NULL, 'i'},
    {"label", no_argument, NULL, 'l'},
    {"checkpointed-state", no_argument, NULL, 'k'},
    {"disable-leak-tracking", no_argument, NULL, 'L'},
    {"metaslabs", no_argument, NULL, 'm'},
    {"metaslab-groups", no_argument, NULL, 'M'},
    {"object-lookups", no_argument, NULL, 'O'},
    {"read-block", no_argument, NULL, 'R'},
    {"io-stats", no_argument, NULL, 's'},
    {"simulate-dedup", no_argument, NULL, 'S'},
    {"verbose", no_argument, NULL, 'v'},
    {"livelist", no_argument, NULL, 'y'},
    {"ignore-assertions", no_argument, NULL, 'A'},
    {"exported", no_argument, NULL, 'e'},
    {"automatic-rewind", no_argument, NULL, 'F'},
    {"dump-debug-msg", no_argument, NULL, 'G'},
    {"inflight", required_argument, NULL, 'I'},
    {"key", required_argument, NULL, 'K'},
    {"option", required_argument, NULL, 'o'},
    {"path", required_argument, NULL, 'p'},
    {"parseable", no_argument, NULL, 'P'},
    {"skip-label", no_argument, NULL, 'q'},
    {"txg", required_argument, NULL, 't'},
    {"brt-stats", no_argument, NULL, 'T'},
    {"uberblock", no_argument, NULL, 'u'},
    {"cachefile", required_argument, NULL, 'U'},
    {"verbatim", no_argument, NULL, 'V'},
    {"dump-blocks", required_argument, NULL, 'x'},
    {"extreme-rewind", no_argument, NULL, 'X'},
    {"backup", no_argument, NULL, 'B'},
    {"embedded-block-pointer", required_argument, NULL, 'E'},
    {"copy-object", no_argument, NULL, 'r'},
    {0},
};

static int usage(void)
{
    fputs("Usage:\tzdb [-AbcdDFGhikLMPsvXy] [-e [-V] [-p <path> ...]] [-t <txg>] [-U <cache>]\n"
          "\t\t[<poolname>[/<dataset | objset id>] [<object | range> ...]]\n"
          "\tzdb -C [-A] [-U <cache>] [<poolname>]\n"
          "\tzdb -l [-Aqu] <device>\n"
          "\tzdb -m [-AFLPX] [-e [-V] [-p <path> ...]] [-t <txg>] [-U <cache>] <poolname>\n"
          "\tzdb -O <dataset> <path>\n"
          "\tzdb -R [-A] [-e [-V] [-p <path> ...]] [-U <cache>]\n"
          "\t\t<poolname> <vdev>:<offset>:<size>[:<flags>]\n\n"
          "    -b block statistics          -c read and check blocks, -cc data too\n"
          "    -C configuration             -d datasets, objects (more: -dd to -ddddd)\n"
          "    -D dedup tables              -h history\n"
          "    -i intent logs               -l labels of a device (-u: uberblocks)\n"
          "    -k the checkpoint's state    -L do not look for leaks\n"
          "    -m metaslabs                 -M metaslab groups\n"
          "    -O object by path            -R read a block\n"
          "    -T block reference table     -u uberblock\n"
          "    -y check space maps          -e -p DIR pool in DIR\n"
          "    -t TXG highest txg           -U FILE cache file\n"
          "    -P plain numbers             -v more of everything\n",
          stderr);
    return 1;
}

const char *zdb_num(const struct zdb *z, uint64_t n, char *buf)
{
    if (z->opt['P'])
        snprintf(buf, 32, "%" PRIu64, n);
    else
        cli_nicenum(n, buf);
    return buf;
}

const char *zdb_time(uint64_t seconds, char *buf, size_t len)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, len, "%a %b %e %H:%M:%S %Y", &tm);
    return buf;
}

void zdb_uberblock(const struct uberblock *ub, const char *title)
{
    fputs(title, stdout);
    uberblock_dump(ub, stdout);
}

/* ---- the pool ---- */

static int candidates(struct zdb *z, const struct zdb_args *a, struct pool_candidates **out)
{
    struct pool_scan_args sa = {.paths = a->npaths != 0 ? a->path : NULL, .npaths = a->npaths};
    struct pool_scan *scan;
    int err;

    if (!z->opt['e'])
        return cachefile_candidates(a->cachefile != NULL ? a->cachefile : CACHE_FILE, out);
    err = pool_scan_devices(&z->env, &sa, &scan);
    if (err != 0)
        return err;
    err = pool_assemble(scan, out);
    pool_scan_free(scan);
    return err;
}

static int find_config(struct zdb *z, const struct zdb_args *a, const char *name)
{
    struct pool_candidates *c = NULL;
    const struct nvlist *config = NULL;
    int err = candidates(z, a, &c);

    if (err == 0) {
        err = pool_candidates_find(c, name, false, &config);
        if (err == ZE_NOPOOL)
            err = pool_candidates_find(c, name, true, &config);
        err = err != 0 ? err : nvlist_dup(config, &z->import_config);
        pool_candidates_free(c);
    }
    return err;
}

static int open_pool(struct zdb *z, const struct zdb_args *a, const char *target)
{
    struct pool_import_args ia = {
        .flags = POOL_IMPORT_READONLY | POOL_IMPORT_FORCE | POOL_IMPORT_SKIP_MMP |
                 POOL_IMPORT_NO_EXCL | POOL_IMPORT_MISSING_LOG | POOL_IMPORT_DESTROYED,
        .request_txg = a->txg,
    };
    char name[POOL_NAME_MAX];
    int err;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(target, "/@#"), target);
    err = find_config(z, a, name);
    if (err == ZE_NOPOOL || err == ZE_NOENT) {
        fprintf(stderr, "zdb: can't open '%s': No such file or directory\n", target);
        return err;
    }
    ia.flags |= (z->opt['F'] ? POOL_IMPORT_REWIND : 0u) | (z->opt['X'] ? POOL_IMPORT_EXTREME : 0u) |
                (z->opt['k'] ? POOL_IMPORT_CHECKPOINT : 0u) |
                (z->opt['e'] ? 0u : POOL_IMPORT_CACHED);
    err = err != 0 ? err : arc_create(&z->env, 0, &z->arc);
    ia.arc = z->arc;
    err = err != 0 ? err : pool_import(&z->env, z->import_config, &ia, NULL, NULL, &z->pool);
    if (err != 0)
        fprintf(stderr, "zdb: can't open '%s': %s\n", target,
                err_detail()[0] != '\0' ? err_detail() : err_sentence(err));
    return err;
}

/* ---- pool-wide output ---- */

static int print_history(void *arg, const struct nvlist *r)
{
    const struct zdb *z = arg;
    const char *command = nvlist_string(r, "history command", NULL);
    const char *internal =
        nvlist_string(r, "internal_name", nvlist_string(r, "history internal name", NULL));
    time_t t = (time_t)nvlist_u64(r, "history time", 0);
    const struct nvlist *in = nvlist_child(r, "in_nvl");
    char when[64];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d.%H:%M:%S", &tm);
    if (command != NULL) {
        printf("%s %s\n", when, command);
    } else if (internal != NULL) {
        printf("%s [txg:%" PRIu64 "] %s", when, nvlist_u64(r, "history txg", 0), internal);
        if (nvlist_exists(r, "dsname"))
            printf(" %s (%" PRIu64 ")", nvlist_string(r, "dsname", ""), nvlist_u64(r, "dsid", 0));
        printf(" %s\n", nvlist_string(r, "history internal str", ""));
    } else if (nvlist_exists(r, "ioctl")) {
        printf("%s ioctl %s\n", when, nvlist_string(r, "ioctl", ""));
        if (in != NULL) {
            printf("    input:\n");
            nvlist_print(in, stdout, 8);
        }
    }
    if (z->opt['h'] > 1)
        nvlist_print(r, stdout, 2);
    return 0;
}

int zdb_history(struct zdb *z)
{
    printf("\nHistory:\n");
    return pool_history_each(z->pool, print_history, z);
}

static int print_config(struct zdb *z)
{
    printf("\nMOS Configuration:\n");
    nvlist_print(z->pool->config, stdout, 8);
    return 0;
}

static int print_uberblock(struct zdb *z)
{
    zdb_uberblock(&z->pool->ub, "\nUberblock:\n");
    printf("\n");
    return 0;
}

static void warn(struct zdb *z, int err)
{
    if (err == 0)
        return;
    fflush(stdout);
    fprintf(stderr, "zdb: %s%s%s\n", err_detail(), err_detail()[0] != '\0' ? ": " : "",
            err_sentence(err));
    z->status = 2;
}

/* The pool's own note of it: an uberblock in words. */
static void print_checkpoint(struct zdb *z)
{
    uint64_t words[sizeof(struct uberblock) / 8] = {0};
    struct uberblock ub;
    size_t got = 0;

    if (pool_directory_array(z->pool, "com.delphix:zpool_checkpoint", words, array_len(words),
                             &got) != 0)
        return;
    memcpy(&ub, words, sizeof(ub));
    zdb_uberblock(&ub, "\nCheckpointed uberblock found:\n");
    printf("\n");
}

static void print_pool(struct zdb *z)
{
    if (z->opt['C'])
        warn(z, print_config(z));
    if (z->opt['u'])
        warn(z, print_uberblock(z));
    if (z->opt['D'])
        warn(z, zdb_dedup(z));
    if (z->opt['T'])
        warn(z, zdb_brt(z));
    if (z->opt['d'] > 2 || z->opt['m'])
        warn(z, zdb_metaslabs(z));
    if (z->opt['M'])
        warn(z, zdb_metaslab_groups(z));
    if (z->opt['d'] || z->opt['i'])
        warn(z, zdb_datasets(z));
    if (z->opt['b'] || z->opt['c'])
        warn(z, zdb_blocks(z));
    if (z->opt['h'])
        warn(z, zdb_history(z));
    print_checkpoint(z);
}

/* Without a question: everything. */
static void ask_everything(struct zdb *z)
{
    static const char asks[] = "bcdDhilmMsSTuCORyk";
    static const struct {
        char option;
        unsigned level;
    } all[] = {{'C', 1}, {'u', 1}, {'D', 2}, {'T', 2}, {'m', 2}, {'M', 1},
               {'d', 2}, {'i', 1}, {'b', 2}, {'c', 1}, {'h', 1}};

    for (const char *c = asks; *c != '\0'; c++) {
        if (z->opt[(unsigned)*c])
            return;
    }
    z->all = true;
    for (size_t i = 0; i < array_len(all); i++)
        z->opt[(unsigned)all[i].option] = all[i].level;
}

/* ---- the command ---- */

static int not_yet(struct zdb *z)
{
    static const char later[] = "sSBErxK";

    for (const char *c = later; *c != '\0'; c++) {
        if (z->opt[(unsigned)*c]) {
            fprintf(stderr, "zdb: -%c is not supported yet\n", *c);
            return 1;
        }
    }
    return 0;
}

static int run_target(struct zdb *z, const struct zdb_args *a, int argc, char **argv)
{
    bool dataset = strpbrk(argv[0], "/@") != NULL;

    if (open_pool(z, a, argv[0]) != 0)
        return 1;
    if (z->opt['O']) {
        if (argc != 2)
            return usage();
        return zdb_object_by_path(z, argv[0], argv[1]);
    }
    if (z->opt['R']) {
        for (int i = 1; i < argc; i++)
            warn(z, zdb_read_block(z, argv[i]));
        return z->status;
    }
    if (dataset || argc > 1) {
        int err = zdb_dataset(z, argv[0], argv + 1, argc - 1);

        return err != 0 ? err : z->status;
    }
    if (z->opt['y']) {
        printf("Verifying deleted livelist entries\nVerifying metaslab entries\n");
        warn(z, zdb_metaslabs(z));
        return z->status;
    }
    print_pool(z);
    return z->status;
}

static int print_cache(const struct zdb_args *a)
{
    const char *file = a->cachefile != NULL ? a->cachefile : CACHE_FILE;
    AUTO_NVLIST struct nvlist *pools = NULL;

    if (cachefile_read(file, &pools) != 0) {
        fprintf(stderr, "cannot open '%s': No such file or directory\n", file);
        return 1;
    }
    for (const struct nvpair *p = NULL; (p = nvlist_next(pools, p)) != NULL;) {
        struct nvlist *config;

        printf("%s:\n", nvpair_name(p));
        if (nvpair_nvlist(p, &config) == 0)
            nvlist_print(config, stdout, 4);
    }
    return 0;
}

static int parse(struct zdb *z, struct zdb_args *a, int argc, char **argv)
{
    int c;

    optind = 1;
    while ((c = getopt_long(argc, argv, "AbBcCdDeE:FGhiI:kK:lLmMo:Op:PqrRsSt:TuU:vVx:XyY",
                            long_options, NULL)) != -1) {
        if (c == '?')
            return usage();
        if (c == 'p' && a->npaths < MAX_PATHS) {
            char *full = realpath(optarg, NULL); /* lives as long as the process */

            a->path[a->npaths++] = full != NULL ? full : optarg;
        }
        if (c == 'U')
            a->cachefile = optarg;
        if (c == 't')
            a->txg = strtoull(optarg, NULL, 0);
        z->opt[c & 127]++;
    }
    if (z->opt['p'] && !z->opt['e']) {
        fprintf(stderr, "-p option requires use of -e\n");
        return usage();
    }
    for (unsigned i = 0; i < array_len(z->opt); i++) { /* -v: one more of each */
        if (z->opt[i] != 0 && z->opt['v'] != 0 && i != 'v' && i != 'l' &&
            strchr("bcdDhimCuT", (int)i) != NULL)
            z->opt[i] += z->opt['v'];
    }
    return 0;
}

int zdb_main(struct cli *cli, int argc, char **argv)
{
    struct zdb z = {0};
    struct zdb_args a = {0};
    int status = parse(&z, &a, argc, argv);

    if (status == 0)
        status = not_yet(&z);
    if (status != 0)
        return status;
    argc -= optind;
    argv += optind;
    if (z.opt['l'] ? argc != 1 : argc < 1 && !z.opt['C'])
        return usage();
    if (env_init_system(&z.env, 0) != 0 || backend_install_system(&z.env) != 0) {
        fprintf(stderr, "zdb: %s\n", err_detail());
        return 1;
    }
    if (z.opt['l']) {
        status = zdb_labels(&z, argv[0]);
    } else if (argc == 0) {
        status = print_cache(&a);
    } else {
        ask_everything(&z);
        status = run_target(&z, &a, argc, argv);
    }
    if (z.pool != NULL)
        pool_close(z.pool);
    if (z.arc != NULL)
        arc_destroy(z.arc);
    nvlist_free(z.import_config);
    env_fini(&z.env);
    return status;
}
