/* SPDX-License-Identifier: MIT */
/*
 * Text log (base/log.h): one write() a line, so that lines of several threads do not mix. When the
 * descriptor is the journal's, a line starts with its syslog priority ("<4>") instead of a word.
 * A log of NULL swallows everything.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

struct log {
    int fd;
    bool journal;
    _Atomic int max;
};

/* systemd says "device:inode" of the stream it reads in JOURNAL_STREAM. */
static bool fd_is_journal(int fd)
{
    const char *env = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    if (env == NULL || sscanf(env, "%llu:%llu", &dev, &ino) != 2 || fstat(fd, &st) != 0)
        return false;
    return st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

int log_create(int fd, enum log_level max, struct log **out)
{
    struct log *log = mem_zalloc(sizeof(*log));

    if (log == NULL)
        return err_raise(ZE_NOMEM, "log");
    log->fd = fd;
    log->journal = fd_is_journal(fd);
    atomic_init(&log->max, (int)max);
    *out = log;
    return 0;
}

void log_destroy(struct log *log)
{
    free(log);
}

void log_set_level(struct log *log, enum log_level max)
{
    if (log != NULL)
        atomic_store(&log->max, (int)max);
}

void log_at(struct log *log, enum log_level level, const char *fmt, ...)
{
    static const char *const word[] = {
        "zuse: error: ", "zuse: warning: ", "zuse: ", "zuse: trace: "};
    static const char *const priority[] = {"<3>", "<4>", "<5>", "<7>"};
    char line[1024];
    va_list ap;

    if (log == NULL || (int)level > atomic_load_explicit(&log->max, memory_order_relaxed))
        return;
    int len = snprintf(line, sizeof(line), "%s", log->journal ? priority[level] : word[level]);
    va_start(ap, fmt);
    int body = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, ap);
    va_end(ap);
    if (body < 0)
        return;
    len += body;
    if (len > (int)sizeof(line) - 2)
        len = (int)sizeof(line) - 2;
    line[len++] = '\n';
    int saved = errno;
    ssize_t n = write(log->fd, line, (size_t)len);
    (void)n; /* nobody to tell */
    errno = saved;
}
