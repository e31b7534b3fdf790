/* SPDX-License-Identifier: MIT */
/* The command line of zused (zused(8)). */
#include <getopt.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "service/server.h"

static const char usage_text[] = "usage: zused [--socket PATH] [--cachefile PATH|none] [--arc-max "
                                 "SIZE] [--idle-exit SECONDS] [--verbose]\n";

enum {
    OPT_SOCKET = 256,
    OPT_CACHEFILE,
    OPT_ARC_MAX,
    OPT_IDLE_EXIT,
    OPT_READY_FD,
    OPT_VERBOSE,
    OPT_HELP
};

static const struct option options[] = {
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"cachefile", required_argument, NULL, OPT_CACHEFILE},
    {"arc-max", required_argument, NULL, OPT_ARC_MAX},
    {"idle-exit", required_argument, NULL, OPT_IDLE_EXIT},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int parse(int argc, char **argv, struct server_options *o)
{
    char err[128];
    int c;

    cli_getopt_reset();
    while ((c = cli_getopt(argc, argv, "", options)) != -1) {
        switch (c) {
        case OPT_SOCKET:
            o->socket_path = optarg;
            break;
        case OPT_CACHEFILE:
            o->cache_file = optarg;
            break;
        case OPT_ARC_MAX:
            if (cli_parse_number(optarg, &o->cache_limit, err, sizeof(err)) != 0) {
                fprintf(stderr, "zused: --arc-max: %s\n", err);
                return CLI_USAGE;
            }
            break;
        case OPT_IDLE_EXIT:
            o->idle_exit = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case OPT_READY_FD:
            o->ready_fd = atoi(optarg);
            break;
        case OPT_VERBOSE:
            o->verbose = true;
            break;
        case OPT_HELP:
            fputs(usage_text, stdout);
            return -1;
        default:
            fputs(usage_text, stderr);
            return CLI_USAGE;
        }
    }
    if (optind < argc) {
        fputs(usage_text, stderr);
        return CLI_USAGE;
    }
    return 0;
}

/*
 * The C library's heap is not counted against the cache's limit: keep it from holding on to what
 * large buffers left.
 */
static void limit_heap(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

int zused_main(int argc, char **argv)
{
    const char *arc_max = getenv("ZUSE_ARC_MAX");
    struct server_options o = {.ready_fd = -1};
    char text[128];
    int err;

    if (arc_max != NULL && cli_parse_number(arc_max, &o.cache_limit, text, sizeof(text)) != 0)
        fprintf(stderr, "zused: ZUSE_ARC_MAX: %s\n", text);
    limit_heap();
    err = parse(argc, argv, &o);
    if (err != 0)
        return err < 0 ? 0 : err;
    err = server_run(&o);
    if (err != 0)
        fprintf(stderr, "zused: %s: %s\n", err_sentence(err), err_detail());
    return err != 0 ? CLI_FAILED : CLI_OK;
}
