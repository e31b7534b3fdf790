/* SPDX-License-Identifier: MIT */
/* The zused process: listens, checks peers, runs operations; a thread a connection (at most
 * SERVER_MAX_CLIENTS). */
#ifndef ZUSE_SERVICE_SERVER_H
#define ZUSE_SERVICE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct server_options {
    const char *socket_path; /* NULL: the default (proto_socket_path) */
    const char *cache_file;  /* NULL: the default; "none": nowhere */
    uint64_t cache_limit;    /* bytes, 0 = default */
    unsigned idle_exit;      /* end after this many seconds without pools and clients; 0: never */
    bool verbose;
    int ready_fd; /* a byte is written here once requests are accepted; -1: none */
};

/* Runs until SIGTERM, SIGINT or idle. 0 or an error. A socket passed by systemd (LISTEN_FDS) is
 * used if there. */
int server_run(const struct server_options *opt);

#endif
