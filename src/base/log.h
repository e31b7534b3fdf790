/* SPDX-License-Identifier: MIT */
/* Leveled text log: to stderr, a file descriptor, or syslog/journal. Thread-safe, never blocks I/O
 * paths. */
#ifndef ZUSE_BASE_LOG_H
#define ZUSE_BASE_LOG_H

#include "base/env.h"

enum log_level { LOGL_ERROR, LOGL_WARN, LOGL_NOTICE, LOGL_TRACE };

int log_create(int fd, enum log_level max, struct log **out);
void log_destroy(struct log *log);
void log_set_level(struct log *log, enum log_level max);
void log_at(struct log *log, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define env_log(env, level, ...) log_at((env)->log, level, __VA_ARGS__)

#endif
