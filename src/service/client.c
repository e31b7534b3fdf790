/* SPDX-License-Identifier: MIT */
/* The public API (zuse/zuse.h): a connection to zused, or the engine in this process. */
#include "zuse/zuse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "service/proto.h"
#include "service/service.h"
#include "vdev/backend.h"

#define AUTO_START_IDLE_EXIT "60"

struct zuse {
    int sock; /* -1: in this process */
    uint32_t last_id;
    struct env env;
    struct service *service;
    char error[2048];
};

static int fail(struct zuse *z, int err, const char *detail)
{
    if (detail[0] != '\0' && strcmp(detail, err_sentence(err)) != 0)
        snprintf(z->error, sizeof(z->error), "%s: %s", err_sentence(err), detail);
    else
        snprintf(z->error, sizeof(z->error), "%s", err_sentence(err));
    return err;
}

/* ---- starting zused ---- */

/* Is the program at this path ours, and not one that only links libzuse? */
static bool is_our_program(const char *path)
{
    static const char *const names[] = {"zuse", "zpool", "zfs", "zdb", "zused", "mount.fuse.zuse"};
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; slash != NULL && i < array_len(names); i++) {
        if (strcmp(names[i], slash + 1) == 0)
            return true;
    }
    return false;
}

/*
 * The service is our program itself under another name; for others it is found in PATH. It says on
 * a pipe when it is ready.
 */
static void exec_service(int ready)
{
    char exe[PATH_MAX], fd[16];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    const char *given = getenv("ZUSE_ZUSED");
    int null = open("/dev/null", O_RDWR);

    snprintf(fd, sizeof(fd), "%d", ready);
    setsid();
    if (chdir("/") != 0 || null < 0)
        _exit(1);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (given != NULL)
        execl(given, "zused", "--ready-fd", fd, "--idle-exit", AUTO_START_IDLE_EXIT, (char *)NULL);
    exe[n > 0 ? n : 0] = '\0';
    if (is_our_program(exe)) {
        execl(exe, "zused", "--ready-fd", fd, "--idle-exit", AUTO_START_IDLE_EXIT, (char *)NULL);
    }
    execlp("zused", "zused", "--ready-fd", fd, "--idle-exit", AUTO_START_IDLE_EXIT, (char *)NULL);
    _exit(1);
}

static int start_service(void)
{
    int ready[2];
    pid_t pid;
    char byte;
    ssize_t n;

    if (pipe2(ready, 0) != 0)
        return err_from_errno(errno, "pipe");
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    pid = fork();
    if (pid < 0) {
        close(ready[0]);
        close(ready[1]);
        return err_from_errno(errno, "fork");
    }
    if (pid == 0) {
        if (fork() == 0)
            exec_service(ready[1]);
        _exit(0);
    }
    close(ready[1]);
    (void)waitpid(pid, NULL, 0);
    do
        n = read(ready[0], &byte, 1);
    while (n < 0 && errno == EINTR);
    close(ready[0]);
    return 0; /* not started: connecting will say so */
}

int zuse_open(unsigned flags, struct zuse **out)
{
    struct zuse *z = mem_zalloc(sizeof(*z));
    char path[108];
    int err = z == NULL ? ZE_NOMEM : proto_socket_path(path, sizeof(path));

    if (err == 0) {
        err = proto_connect(path, &z->sock);
        if (err == ZE_NOSERVICE && (flags & ZUSE_OPEN_NO_START) == 0) {
            err = start_service();
            err = err != 0 ? err : proto_connect(path, &z->sock);
        }
    }
    if (err != 0) {
        free(z);
        return err;
    }
    *out = z;
    return 0;
}

int zuse_open_local(uint64_t cache_limit, struct zuse **out)
{
    struct service_options opt = {.cache_limit = cache_limit};
    struct zuse *z = mem_zalloc(sizeof(*z));
    int err = z == NULL ? ZE_NOMEM : env_init_system(&z->env, 0);

    if (err != 0) {
        free(z);
        return err;
    }
    z->sock = -1;
    err = backend_install_system(&z->env);
    err = err != 0 ? err : service_create(&z->env, &opt, &z->service);
    if (err != 0) {
        env_fini(&z->env);
        free(z);
        return err;
    }
    *out = z;
    return 0;
}

void zuse_close(struct zuse *z)
{
    if (z == NULL)
        return;
    if (z->sock >= 0) {
        close(z->sock);
    } else {
        service_destroy(z->service);
        env_fini(&z->env);
    }
    free(z);
}

/* ---- calls ---- */

static int call_local(struct zuse *z, const char *op, const struct nvlist *args,
                      struct nvlist **result, const struct zuse_callbacks *cb)
{
    struct op_context ctx = {.uid = geteuid(), .gid = getegid(), .privileged = true, .fd = -1};
    int err;

    if (cb != NULL) {
        ctx.item = cb->item;
        ctx.progress = cb->progress;
        ctx.cancelled = cb->cancelled;
        ctx.arg = cb->arg;
        ctx.fd = cb->fd;
    }
    err = service_call(z->service, &ctx, op, args, result);
    return err != 0 ? fail(z, err, err_detail()) : 0;
}

static int code_of_reply(struct zuse *z, const struct nvlist *reply, struct nvlist **result)
{
    int64_t code = ZE_PROTO;
    struct nvlist *nv;

    (void)nvlist_lookup_i64(reply, "error", &code);
    nv = nvlist_child(reply, "result");
    if (nv != NULL && nvlist_dup(nv, result) != 0)
        return fail(z, ZE_NOMEM, "");
    if (code == 0)
        return 0;
    return fail(z, (int)code, nvlist_string(reply, "message", ""));
}

static void give_progress(const struct zuse_callbacks *cb, const struct nvlist *body)
{
    if (cb != NULL && cb->progress != NULL)
        cb->progress(cb->arg, nvlist_string(body, "what", ""), nvlist_u64(body, "done", 0),
                     nvlist_u64(body, "total", 0), nvlist_string(body, "unit", ""));
}

/* Read messages until the final reply; once the caller has enough, say so and pass over the rest.
 */
static int await(struct zuse *z, struct nvlist **result, const struct zuse_callbacks *cb)
{
    bool cancelled = false;

    for (;;) {
        struct proto_message msg;
        int err = proto_receive(z->sock, &msg);
        bool enough = false;

        if (err != 0)
            return fail(z, err, err_detail());
        if (msg.fd >= 0)
            close(msg.fd);
        if (msg.type == PROTO_REPLY) {
            err = code_of_reply(z, msg.body, result);
            nvlist_free(msg.body);
            return err;
        }
        if (msg.type == PROTO_PROGRESS)
            give_progress(cb, msg.body);
        if (msg.type == PROTO_ITEM && cb != NULL && cb->item != NULL && !cancelled)
            enough = cb->item(cb->arg, msg.body) != 0;
        nvlist_free(msg.body);
        if (!cancelled &&
            (enough || (cb != NULL && cb->cancelled != NULL && cb->cancelled(cb->arg)))) {
            cancelled = true;
            (void)proto_send(z->sock, PROTO_CANCEL, z->last_id, NULL, -1);
        }
    }
}

static int call_remote(struct zuse *z, const char *op, const struct nvlist *args,
                       struct nvlist **result, const struct zuse_callbacks *cb)
{
    AUTO_NVLIST struct nvlist *request = NULL;
    int err = nvlist_create(&request);

    err = err != 0 ? err : nvlist_add_string(request, "op", op);
    if (err == 0 && args != NULL)
        err = nvlist_add_nvlist(request, "args", args);
    err = err != 0
              ? err
              : proto_send(z->sock, PROTO_REQUEST, ++z->last_id, request, cb != NULL ? cb->fd : -1);
    if (err != 0)
        return fail(z, err, err_detail());
    return await(z, result, cb);
}

int zuse_call(struct zuse *z, const char *op, const struct nvlist *args, struct nvlist **result,
              const struct zuse_callbacks *cb)
{
    struct nvlist *nv = NULL;
    int err = z->sock >= 0 ? call_remote(z, op, args, &nv, cb) : call_local(z, op, args, &nv, cb);

    if (result != NULL)
        *result = nv;
    else
        nvlist_free(nv);
    return err;
}

const char *zuse_error_text(const struct zuse *z)
{
    return z->error;
}

const char *zuse_error_name(int code)
{
    return err_name(code);
}

int zuse_error_errno(int code)
{
    return err_errno(code);
}
