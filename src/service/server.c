/* SPDX-License-Identifier: MIT */
#include "service/server.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/worker.h"
#include "service/proto.h"
#include "service/service_impl.h"
#include "vdev/backend.h"

#define SERVER_MAX_CLIENTS 256
#define MAX_GROUPS         1024

struct server {
    struct env env;
    struct service *service;
    int listener, signals, lock_fd;
    char path[108];
    bool own_socket; /* we made it, we remove it */
    atomic_uint clients;
    atomic_bool stopping;
    struct mutex lock; /* RANK_SERVICE: list of connections */
    struct connection *connections;
};

struct connection {
    struct connection *next;
    struct server *server;
    int sock;
    uint32_t request;
    uid_t uid;
    gid_t gid;
    uint32_t groups[MAX_GROUPS];
    size_t ngroups;
    bool privileged;
    bool broken;            /* the peer is gone: operations end at their next part */
    struct mutex send_lock; /* RANK_LEAF: messages of several threads of one operation */
};

/* ---- answering ---- */

static int send_message(struct connection *c, enum proto_type type, const struct nvlist *body)
{
    MUTEX_GUARD(&c->send_lock);
    int err = proto_send(c->sock, type, c->request, body, -1);

    if (err != 0)
        c->broken = true;
    return err;
}

static int on_item(void *arg, const struct nvlist *item)
{
    return send_message(arg, PROTO_ITEM, item);
}

static void on_progress(void *arg, const char *what, uint64_t done, uint64_t total,
                        const char *unit)
{
    AUTO_NVLIST struct nvlist *nv = NULL;

    if (nvlist_create(&nv) == 0 && nvlist_add_string(nv, "what", what) == 0 &&
        nvlist_add_u64(nv, "done", done) == 0 && nvlist_add_u64(nv, "total", total) == 0 &&
        nvlist_add_string(nv, "unit", unit) == 0)
        (void)send_message(arg, PROTO_PROGRESS, nv);
}

/* While an operation runs the client sends nothing but "cancel", or closes. */
static bool on_cancelled(void *arg)
{
    struct connection *c = arg;

    return c->broken || c->server->stopping || proto_readable(c->sock);
}

static int send_reply(struct connection *c, int code, const struct nvlist *result)
{
    AUTO_NVLIST struct nvlist *nv = NULL;
    char detail[1024];
    int err;

    err_detail_get(detail, sizeof(detail));
    err = nvlist_create(&nv);
    err = err != 0 ? err : nvlist_add_i32(nv, "error", code);
    if (err == 0 && code != 0) {
        err = nvlist_add_string(nv, "name", err_name(code));
        err = err != 0 ? err : nvlist_add_i32(nv, "errno", err_errno(code));
        err = err != 0 ? err : nvlist_add_string(nv, "message", detail);
    }
    if (err == 0 && result != NULL)
        err = nvlist_add_nvlist(nv, "result", result);
    return err != 0 ? err : send_message(c, PROTO_REPLY, nv);
}

static int serve_request(struct connection *c, const struct proto_message *msg)
{
    struct op_context ctx = {.uid = c->uid,
                             .gid = c->gid,
                             .groups = c->groups,
                             .ngroups = c->ngroups,
                             .privileged = c->privileged,
                             .item = on_item,
                             .progress = on_progress,
                             .cancelled = on_cancelled,
                             .arg = c,
                             .fd = msg->fd};
    AUTO_NVLIST struct nvlist *result = NULL;
    const char *op;
    int err = nvlist_lookup_string(msg->body, "op", &op);

    if (err == 0)
        err = service_call(c->server->service, &ctx, op, nvlist_child(msg->body, "args"), &result);
    else
        err = err_raise(ZE_PROTO, "request without 'op'");
    return send_reply(c, err, result);
}

static void drop_connection(struct connection *c)
{
    struct server *sv = c->server;
    struct connection **at;

    mutex_lock(&sv->lock);
    for (at = &sv->connections; *at != c; at = &(*at)->next)
        ;
    *at = c->next;
    mutex_unlock(&sv->lock);
    close(c->sock);
    mutex_destroy(&c->send_lock);
    free(c);
    atomic_fetch_sub(&sv->clients, 1);
}

static void *serve_connection(void *arg)
{
    struct connection *c = arg;
    struct proto_message msg;

    while (proto_receive(c->sock, &msg) == 0) {
        int err = 0;

        c->request = msg.id;
        if (msg.type == PROTO_REQUEST)
            err = serve_request(c, &msg);
        nvlist_free(msg.body);
        if (msg.fd >= 0)
            close(msg.fd);
        if (err != 0)
            break;
    }
    drop_connection(c);
    return NULL;
}

/* ---- accepting ---- */

static void read_groups(struct connection *c)
{
    gid_t ids[MAX_GROUPS];
    int n = MAX_GROUPS;
    struct passwd *pw, store;
    char buf[4096];

    if (getpwuid_r(c->uid, &store, buf, sizeof(buf), &pw) != 0 || pw == NULL ||
        getgrouplist(pw->pw_name, c->gid, ids, &n) < 0)
        n = 0;
    for (int i = 0; i < n; i++)
        c->groups[c->ngroups++] = ids[i];
    if (c->ngroups == 0)
        c->groups[c->ngroups++] = c->gid;
}

static void accept_client(struct server *sv)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    struct connection *c;
    pthread_attr_t attr;
    pthread_t thread;
    int sock = accept4(sv->listener, NULL, NULL, SOCK_CLOEXEC);

    if (sock < 0)
        return;
    c = mem_zalloc(sizeof(*c));
    if (c == NULL || atomic_load(&sv->clients) >= SERVER_MAX_CLIENTS ||
        getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0) {
        close(sock);
        free(c);
        return;
    }
    c->server = sv;
    c->sock = sock;
    c->uid = cred.uid;
    c->gid = cred.gid;
    c->privileged = cred.uid == 0 || cred.uid == geteuid();
    read_groups(c);
    mutex_init(&c->send_lock, RANK_LEAF);
    atomic_fetch_add(&sv->clients, 1);
    mutex_lock(&sv->lock);
    c->next = sv->connections;
    sv->connections = c;
    mutex_unlock(&sv->lock);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attr, serve_connection, c) != 0)
        drop_connection(c);
    pthread_attr_destroy(&attr);
}

/* ---- socket ---- */

static int make_parent(const char *path)
{
    char dir[108];
    char *slash;

    snprintf(dir, sizeof(dir), "%s", path);
    slash = strrchr(dir, '/');
    if (slash == NULL || slash == dir)
        return 0;
    *slash = '\0';
    if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) != 0 && errno != EEXIST)
        return err_from_errno(errno, "mkdir '%s'", dir);
    return 0;
}

/* One zused a socket: the lock file says who it is, so a socket left by a dead one can be replaced.
 */
static int take_lock(struct server *sv)
{
    char path[120];

    snprintf(path, sizeof(path), "%s.lock", sv->path);
    sv->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (sv->lock_fd < 0)
        return err_from_errno(errno, "open '%s'", path);
    if (flock(sv->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_raise(ZE_EXISTS, "zused is running already on '%s'", sv->path);
    return 0;
}

static int listen_at(struct server *sv)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    int err;

    if (fds != NULL && atoi(fds) >= 1 && pid != NULL && (pid_t)atol(pid) == getpid()) {
        sv->listener = 3;
        return 0;
    }
    err = make_parent(sv->path);
    err = err != 0 ? err : take_lock(sv);
    if (err != 0)
        return err;
    strcpy(addr.sun_path, sv->path);
    (void)unlink(sv->path);
    sv->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (sv->listener < 0 || bind(sv->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0)
        return err_from_errno(errno, "bind '%s'", sv->path);
    sv->own_socket = true;
    if (chmod(sv->path, geteuid() == 0 ? 0666 : 0600) != 0 || listen(sv->listener, 64) != 0)
        return err_from_errno(errno, "listen on '%s'", sv->path);
    return 0;
}

/* ---- life ---- */

static void default_cache_file(char buf[4096])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    const char *given = getenv("ZUSE_CACHEFILE");

    if (given != NULL && given[0] != '\0')
        snprintf(buf, 4096, "%s", given);
    else if (geteuid() == 0)
        snprintf(buf, 4096, "/var/lib/zuse/zpool.cache");
    else if (state != NULL && state[0] == '/')
        snprintf(buf, 4096, "%s/zuse/zpool.cache", state);
    else
        snprintf(buf, 4096, "%s/.local/state/zuse/zpool.cache", home != NULL ? home : "/tmp");
}

static int start_service(struct server *sv, const struct server_options *opt)
{
    char cache[4096], runtime[128];
    struct service_options so = {.cache_limit = opt->cache_limit, .persistent = true};
    int err = env_init_system(&sv->env, 0);

    err = err != 0 ? err : backend_install_system(&sv->env);
    if (err != 0)
        return err;
    log_set_level(sv->env.log, opt->verbose ? LOGL_TRACE : LOGL_WARN);
    default_cache_file(cache);
    snprintf(runtime, sizeof(runtime), "%.*s", (int)(strrchr(sv->path, '/') - sv->path), sv->path);
    so.runtime_dir = runtime;
    so.cache_file = opt->cache_file != NULL ? opt->cache_file : cache;
    if (strcmp(so.cache_file, "none") == 0)
        so.cache_file = NULL;
    return service_create(&sv->env, &so, &sv->service);
}

static void loop(struct server *sv, unsigned idle_exit)
{
    struct pollfd p[2] = {{.fd = sv->listener, .events = POLLIN},
                          {.fd = sv->signals, .events = POLLIN}};
    unsigned idle = 0;

    for (;;) {
        int n = poll(p, 2, 1000);

        if (n < 0 && errno != EINTR)
            break;
        if (n > 0 && p[1].revents != 0)
            break;
        if (n > 0 && p[0].revents != 0)
            accept_client(sv);
        idle = atomic_load(&sv->clients) == 0 && service_is_idle(sv->service) ? idle + (n == 0) : 0;
        if (idle_exit != 0 && idle >= idle_exit)
            break;
    }
}

/*
 * Wake connections out of their reads and wait for their threads. One that is stuck writing to a
 * pipe its client does not read still uses the pools: then nothing may be torn down, and the end of
 * the process, after the unmounting, is the only way.
 */
static void end_clients(struct server *sv)
{
    sv->stopping = true;
    mutex_lock(&sv->lock);
    for (struct connection *c = sv->connections; c != NULL; c = c->next)
        shutdown(c->sock, SHUT_RDWR);
    mutex_unlock(&sv->lock);
    for (unsigned i = 0; atomic_load(&sv->clients) != 0 && i < 1000; i++)
        usleep(10000);
    if (atomic_load(&sv->clients) == 0)
        return;
    env_log(&sv->env, LOGL_WARN, "%u clients do not end", (unsigned)atomic_load(&sv->clients));
    (void)mounts_remove_pool(sv->service, NULL, true);
    for (struct svc_pool *p = sv->service->pools; p != NULL; p = p->next) {
        if (p->volumes != NULL)
            (void)fuse_mount_stop(p->volumes, true);
    }
    _exit(1);
}

static int block_signals(struct server *sv)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return err_from_errno(errno, "signal mask");
    sv->signals = signalfd(-1, &set, SFD_CLOEXEC);
    return sv->signals < 0 ? err_from_errno(errno, "signalfd") : 0;
}

int server_run(const struct server_options *opt)
{
    struct server *sv AUTO_FREE = mem_zalloc(sizeof(*sv));
    int err = sv == NULL ? ZE_NOMEM : 0;

    if (err != 0)
        return err;
    sv->listener = sv->signals = sv->lock_fd = -1;
    mutex_init(&sv->lock, RANK_LEAF);
    if (opt->socket_path != NULL && strlen(opt->socket_path) < sizeof(sv->path))
        strcpy(sv->path, opt->socket_path);
    else
        err = proto_socket_path(sv->path, sizeof(sv->path));
    err = err != 0 ? err : block_signals(sv);
    err = err != 0 ? err : listen_at(sv);
    err = err != 0 ? err : start_service(sv, opt);
    if (err == 0) {
        service_restore(sv->service);
        if (opt->ready_fd >= 0) {
            (void)!write(opt->ready_fd, "", 1);
            close(opt->ready_fd);
        }
        loop(sv, opt->idle_exit);
        if (sv->own_socket)
            (void)unlink(sv->path);
        end_clients(sv);
    }
    service_destroy(sv->service);
    if (sv->env.clock != NULL)
        env_fini(&sv->env);
    mutex_destroy(&sv->lock);
    close(sv->listener);
    close(sv->signals);
    close(sv->lock_fd);
    return err;
}
