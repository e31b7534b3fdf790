/* SPDX-License-Identifier: MIT */
/*
 * How much memory the ARC may use: the default limit from the machine and its control groups
 * (version 1 and 2), and a thread that shrinks the cache when memory gets short: woken by a PSI
 * trigger of the kernel, and every second by itself to look at what is available. Started by
 * service/; stopped by arc_destroy().
 *
 * Everything read here is text of the kernel; a file that is missing or says "max" sets no limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "zio/arc_impl.h"

#define TEXT_MAX        4096u
#define PATH_LEN        512u
#define CGROUP_HEADROOM (256ull << 20) /* for everything that is not the cache */
#define LIMIT_FLOOR     (32ull << 20)
#define POLL_MS         1000
#define KEEP_FREE_PART  20u /* of the memory */
/* "some" task stalled for 200 ms of 2 s; windows of 2 s are allowed to ordinary users too */
#define PSI_TRIGGER "some 200000 2000000"

struct arc_pressure {
    struct arc *arc;
    struct thread *thread;
    int stop_fd, psi_fd;
};

/* ---- reading the kernel's files ---- */

static bool read_text(char *text, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, TEXT_MAX - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Number after "key" at the start of a line; UINT64_MAX if it is not there. */
static uint64_t field(const char *text, const char *key)
{
    size_t len = strlen(key);
    unsigned long long v;

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0)
            return sscanf(line + len, "%llu", &v) == 1 ? v : UINT64_MAX;
    }
    return UINT64_MAX;
}

static uint64_t meminfo(const char *root, const char *key)
{
    char path[PATH_LEN], text[TEXT_MAX];

    snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    uint64_t kib = read_text(text, path) ? field(text, key) : UINT64_MAX;
    return kib > UINT64_MAX >> 10 ? UINT64_MAX : kib << 10;
}

static uint64_t number_file(const char *dir, const char *name)
{
    char path[2 * PATH_LEN], text[TEXT_MAX];
    unsigned long long v;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return read_text(text, path) && sscanf(text, "%llu", &v) == 1 ? v : UINT64_MAX;
}

/* Directory of our memory control group; false if there is none. *v2: of the unified hierarchy. */
static bool cgroup_dir(const char *root, char dir[PATH_LEN], bool *v2)
{
    char path[PATH_LEN], text[TEXT_MAX], *save = NULL;
    bool found = false;

    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    if (!read_text(text, path))
        return false;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':'), *where = names != NULL ? strchr(names + 1, ':') : NULL;
        if (where == NULL)
            continue;
        *where++ = '\0';
        bool unified = strcmp(names + 1, "") == 0;
        if (!unified && strcmp(names + 1, "memory") != 0)
            continue;
        snprintf(dir, PATH_LEN, "%s/sys/fs/cgroup%s%s", root, unified ? "" : "/memory",
                 strcmp(where, "/") == 0 ? "" : where);
        *v2 = unified;
        found = true;
        if (!unified)
            break; /* with a version 1 memory controller the unified hierarchy has none */
    }
    return found;
}

/* Smallest limit of our group and those above it. */
static uint64_t cgroup_limit(const char *root)
{
    char dir[PATH_LEN], top[PATH_LEN];
    uint64_t limit = UINT64_MAX;
    bool v2;

    if (!cgroup_dir(root, dir, &v2))
        return limit;
    snprintf(top, sizeof(top), "%s/sys/fs/cgroup", root);
    while (strlen(dir) >= strlen(top)) {
        if (v2) {
            limit = min_of(limit, number_file(dir, "memory.max"));
            limit = min_of(limit, number_file(dir, "memory.high"));
        } else {
            limit = min_of(limit, number_file(dir, "memory.limit_in_bytes"));
        }
        char *slash = strrchr(dir, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
    }
    return limit;
}

uint64_t arc_default_limit(const char *root)
{
    uint64_t total = meminfo(root, "MemTotal:"), group = cgroup_limit(root);
    uint64_t limit = total == UINT64_MAX ? 1ull << 30 : total / 2;

    if (group < total) {
        uint64_t rest = group > CGROUP_HEADROOM ? group - CGROUP_HEADROOM : 0;
        rest = max_of(rest, group / 2);
        limit = min_of(limit, rest);
    }
    return max_of(limit, LIMIT_FLOOR);
}

/* ---- pressure ---- */

/* Bytes that should be given back so that the machine and the group keep some memory free. */
static uint64_t shortage(void)
{
    uint64_t total = meminfo("", "MemTotal:"), available = meminfo("", "MemAvailable:");
    uint64_t keep = total / KEEP_FREE_PART, need = 0;
    char dir[PATH_LEN], path[2 * PATH_LEN], text[TEXT_MAX];
    bool v2;

    if (total != UINT64_MAX && available < keep)
        need = keep - available;
    if (!cgroup_dir("", dir, &v2))
        return need;
    uint64_t limit = cgroup_limit(""), used;
    used = number_file(dir, v2 ? "memory.current" : "memory.usage_in_bytes");
    if (limit >= total || used == UINT64_MAX)
        return need;
    /* page cache of the group is given back by the kernel itself */
    snprintf(path, sizeof(path), "%s/memory.stat", dir);
    uint64_t cache = read_text(text, path) ? field(text, "inactive_file ") : UINT64_MAX;
    used -= cache < used ? cache : 0;
    keep = limit / KEEP_FREE_PART;
    return used + keep > limit ? max_of(need, used + keep - limit) : need;
}

static int open_psi(void)
{
    char dir[PATH_LEN], path[2 * PATH_LEN];
    bool v2;
    int fd = -1;

    if (cgroup_dir("", dir, &v2) && v2 && cgroup_limit("") != UINT64_MAX) {
        snprintf(path, sizeof(path), "%s/memory.pressure", dir);
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    if (fd < 0)
        fd = open("/proc/pressure/memory", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && write(fd, PSI_TRIGGER, sizeof(PSI_TRIGGER)) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static void pressure_main(void *arg)
{
    struct arc_pressure *p = arg;
    struct pollfd fds[2] = {{.fd = p->stop_fd, .events = POLLIN},
                            {.fd = p->psi_fd, .events = POLLPRI}};

    for (;;) {
        int n = poll(fds, 2, POLL_MS);
        if (n < 0 && errno != EINTR)
            return;
        if (n > 0 && fds[0].revents != 0)
            return;
        uint64_t bytes = shortage();
        if (n > 0 && fds[1].revents & POLLPRI)
            bytes = max_of(bytes, atomic_load(&p->arc->size) / 8);
        if (n > 0 && fds[1].revents & (POLLERR | POLLNVAL))
            fds[1].fd = -1; /* the trigger is gone: poll only */
        if (bytes != 0)
            arc_shrink(p->arc, bytes);
    }
}

int arc_pressure_start(struct arc *arc)
{
    struct arc_pressure *p = mem_zalloc(sizeof(*p));

    if (p == NULL)
        return err_raise(ZE_NOMEM, "memory pressure listener");
    p->arc = arc;
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (p->stop_fd < 0) {
        free(p);
        return err_from_errno(errno, "eventfd");
    }
    p->psi_fd = open_psi();
    int err = thread_start("zuse-psi", pressure_main, p, &p->thread);
    if (err != 0) {
        close(p->stop_fd);
        if (p->psi_fd >= 0)
            close(p->psi_fd);
        free(p);
        return err;
    }
    arc->pressure = p;
    return 0;
}

void arc_pressure_stop(struct arc *arc)
{
    struct arc_pressure *p = arc->pressure;
    uint64_t one = 1;

    if (p == NULL)
        return;
    arc->pressure = NULL;
    if (write(p->stop_fd, &one, sizeof(one)) != sizeof(one))
        return; /* cannot happen: the counter is 0; rather leak than hang */
    thread_join(p->thread);
    close(p->stop_fd);
    if (p->psi_fd >= 0)
        close(p->psi_fd);
    free(p);
}
