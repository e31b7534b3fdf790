/* SPDX-License-Identifier: MIT */
/* zpool history, events and labelclear. */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/zpool_cli.h"

/* ---- history (format/pool.md 12.2) ---- */

#define HISTORY_VERSION 4 /* pools older than this have none */

struct history_options {
    bool internal, longs;
};

/* " [user 0 (root) on host:zone]" with what the record knows. */
static void print_origin(const struct nvlist *r)
{
    const char *host = nvlist_string(r, "history hostname", NULL);
    const char *zone = nvlist_string(r, "history zone", NULL);
    bool has_user = nvlist_exists(r, "history who");
    uint64_t who = nvlist_u64(r, "history who", 0);
    struct passwd *pw = has_user ? getpwuid((uid_t)who) : NULL;

    if (!has_user && host == NULL)
        return;
    printf(" [");
    if (has_user)
        printf("user %llu ", (unsigned long long)who);
    if (pw != NULL)
        printf("(%s) ", pw->pw_name);
    if (host != NULL)
        printf("on %s%s%s", host, zone != NULL ? ":" : "", zone != NULL ? zone : "");
    putchar(']');
}

static void print_internal(const struct nvlist *r, const char *when)
{
    printf("%s [txg:%llu] %s", when, (unsigned long long)nvlist_u64(r, "history txg", 0),
           nvlist_string(r, "internal_name", ""));
    if (nvlist_exists(r, "dsname"))
        printf(" %s (%llu)", nvlist_string(r, "dsname", ""),
               (unsigned long long)nvlist_u64(r, "dsid", 0));
    printf(" %s", nvlist_string(r, "history internal str", ""));
}

static void print_part(const struct nvlist *r, const char *key, const char *title)
{
    const struct nvlist *part = nvlist_child(r, key);

    if (part == NULL)
        return;
    printf("    %s:\n", title);
    nvlist_print(part, stdout, 8);
}

static void print_ioctl(const struct nvlist *r, const char *when)
{
    int64_t elapsed, error;

    printf("%s", when);
    if (nvlist_lookup_i64(r, "elapsed_ns", &elapsed) == 0)
        printf(" (%lldms)", (long long)elapsed / 1000000);
    printf(" ioctl %s\n", nvlist_string(r, "ioctl", ""));
    print_part(r, "in_nvl", "input");
    print_part(r, "out_nvl", "output");
    if (nvlist_lookup_i64(r, "errno", &error) == 0)
        printf("    errno: %lld\n", (long long)error);
}

static int print_record(void *arg, const struct nvlist *r)
{
    const struct history_options *o = arg;
    const char *command = nvlist_string(r, "history command", NULL);
    time_t t = (time_t)nvlist_u64(r, "history time", 0);
    char when[64];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d.%H:%M:%S", &tm);
    if (command != NULL)
        printf("%s %s", when, command);
    else if (!o->internal)
        return 0;
    else if (nvlist_exists(r, "internal_name"))
        print_internal(r, when);
    else if (nvlist_exists(r, "history internal event"))
        printf("%s [internal event %llu txg:%llu] %s", when,
               (unsigned long long)nvlist_u64(r, "history internal event", 0),
               (unsigned long long)nvlist_u64(r, "history txg", 0),
               nvlist_string(r, "history internal str", ""));
    else if (nvlist_exists(r, "ioctl"))
        print_ioctl(r, when);
    else
        return 0;
    if (o->longs)
        print_origin(r);
    putchar('\n');
    return 0;
}

int zpool_history(struct cli *cli, int argc, char **argv)
{
    struct history_options o = {0};
    struct cli_items pools;
    int c, status;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "il", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "history");
        o.internal |= c == 'i';
        o.longs |= c == 'l';
    }
    status = zpool_fetch(cli, argc - optind, argv + optind, &pools);
    if (pools.n == 0 && status == CLI_OK)
        fprintf(stderr, "no pools available\n");
    for (size_t i = 0; i < pools.n; i++) {
        AUTO_NVLIST struct nvlist *args = NULL;
        struct zuse_callbacks cb = {.item = print_record, .arg = &o, .fd = -1};
        const char *name = nvlist_string(pools.item[i], "name", "?");
        const struct nvlist *config = nvlist_child(pools.item[i], "config");
        int err = nvlist_create(&args);

        printf("History for '%s':\n", name);
        if (config != NULL && nvlist_u64(config, "version", HISTORY_VERSION) < HISTORY_VERSION) {
            fprintf(stderr,
                    "cannot get history for pool '%s', pool must be upgraded: unsupported version "
                    "or feature\n",
                    name);
            status = CLI_FAILED;
            continue;
        }
        err = err != 0 ? err : nvlist_add_string(args, "pool", name);
        err = err != 0 ? err : cli_call(cli, "pool_history", args, NULL, &cb);
        if (err != 0)
            status = zpool_cannot(cli, "show history for", name, err);
        putchar('\n');
    }
    cli_items_free(&pools);
    return status;
}

/* ---- events ---- */

struct event_options {
    bool verbose, scripted;
    const char *pool;
};

static int print_event(void *arg, const struct nvlist *e)
{
    const struct event_options *o = arg;
    const uint64_t *when;
    char text[64] = "";
    size_t n;

    if (o->pool != NULL && strcmp(nvlist_string(e, "pool", ""), o->pool) != 0)
        return 0;
    if (nvlist_lookup_u64_array(e, "time", &when, &n) == 0 && n == 2) {
        time_t t = (time_t)when[0];
        struct tm tm;
        char day[48];

        localtime_r(&t, &tm);
        strftime(day, sizeof(day), "%b %e %Y %H:%M:%S", &tm);
        snprintf(text, sizeof(text), "%s.%09llu", day, (unsigned long long)when[1]);
    }
    if (o->scripted)
        printf("%s\t%s\n", text, nvlist_string(e, "class", ""));
    else
        printf("%-30s %s\n", text, nvlist_string(e, "class", ""));
    if (o->verbose) {
        nvlist_print(e, stdout, 8);
        putchar('\n');
    }
    fflush(stdout);
    return 0;
}

int zpool_events(struct cli *cli, int argc, char **argv)
{
    struct event_options o = {0};
    struct zuse_callbacks cb = {.item = print_event, .arg = &o, .fd = -1};
    AUTO_NVLIST struct nvlist *args = NULL, *result = NULL;
    bool follow = false, clear = false;
    int c, err;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "vHfc", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "events");
        o.verbose |= c == 'v';
        o.scripted |= c == 'H';
        follow |= c == 'f';
        clear |= c == 'c';
    }
    if (argc - optind > 1) {
        fprintf(stderr, "too many arguments\n");
        return zpool_usage_print(stderr, "events");
    }
    if ((argc > optind || follow || o.verbose) && clear) {
        fprintf(stderr, "invalid options combined with -c\n");
        return zpool_usage_print(stderr, "events");
    }
    o.pool = argc > optind ? argv[optind] : NULL;
    err = nvlist_create(&args);
    err = err != 0 ? err : nvlist_add_bool(args, "follow", follow);
    err = err != 0 ? err : nvlist_add_bool(args, "clear", clear);
    if (!clear && !o.scripted)
        printf("%-30s %s\n", "TIME", "CLASS");
    err = err != 0 ? err : cli_call(cli, "pool_events", args, &result, &cb);
    if (err != 0)
        return zpool_cannot(cli, "read", "events", err);
    if (clear)
        printf("cleared %llu events\n", (unsigned long long)nvlist_u64(result, "cleared", 0));
    return CLI_OK;
}

/* ---- labelclear: needs no service ---- */

enum { CLEAR_FAILED = 255 };

int zpool_labelclear(struct cli *cli, int argc, char **argv)
{
    AUTO_NVLIST struct nvlist *args = NULL;
    bool force = false;
    int c, err;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "f", NULL)) != -1) {
        if (c == '?')
            return zpool_usage_print(stderr, "labelclear");
        force = true;
    }
    if (optind == argc) {
        fprintf(stderr, "missing vdev name\n");
        return zpool_usage_print(stderr, "labelclear");
    }
    if (argc - optind > 1) {
        fprintf(stderr, "too many arguments\n");
        return zpool_usage_print(stderr, "labelclear");
    }
    if (access(argv[optind], F_OK) != 0) {
        fprintf(stderr, "failed to open %s: %s\n", argv[optind], strerror(errno));
        return CLI_FAILED;
    }
    err = nvlist_create(&args);
    err = err != 0 ? err : nvlist_add_string(args, "device", argv[optind]);
    err = err != 0 ? err : nvlist_add_bool(args, "force", force);
    err = err != 0 ? err : cli_call(cli, "labelclear", args, NULL, NULL);
    if (err == ZE_BUSY) { /* the newline goes to the other stream, as with OpenZFS */
        fputs(cli_detail(cli), stderr);
        putchar('\n');
        return CLI_FAILED;
    }
    if (err == ZE_EXISTS) {
        fprintf(stderr, "%s\n", cli_detail(cli));
        return CLI_FAILED;
    }
    if (err != 0 && err != ZE_NOSERVICE)
        fprintf(stderr, "failed to clear label for %s\n", argv[optind]);
    if (err != 0)
        return err == ZE_NOSERVICE ? CLI_FAILED : CLEAR_FAILED;
    return CLI_OK;
}
