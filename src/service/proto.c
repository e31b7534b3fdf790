/* SPDX-License-Identifier: MIT */
#include "service/proto.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define PROTO_MAGIC  0x6573757au /* "zuse" */
#define HEADER_BYTES 16

static int write_all(int sock, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(sock, data, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_raise(ZE_NOSERVICE, "the other side closed the connection");
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The header carries the descriptor, if there is one. */
static int send_header(int sock, const uint8_t header[HEADER_BYTES], int fd)
{
    struct iovec iov = {(void *)header, HEADER_BYTES};
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = control.buf;
        msg.msg_controllen = sizeof(control.buf);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(int));
    }
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return err_raise(ZE_NOSERVICE, "the other side closed the connection");
    return write_all(sock, header + n, HEADER_BYTES - (size_t)n);
}

int proto_send(int sock, enum proto_type type, uint32_t id, const struct nvlist *body, int fd)
{
    uint8_t header[HEADER_BYTES];
    uint8_t *packed AUTO_FREE = NULL;
    size_t len = 0;
    int err = body != NULL ? nvlist_encode(body, NV_ENC_XDR, &packed, &len) : 0;

    if (err == 0 && len > PROTO_MAX_MESSAGE)
        err = err_raise(ZE_PROTO, "message of %zu bytes", len);
    if (err != 0)
        return err;
    store_le32(header, PROTO_MAGIC);
    store_le32(header + 4, (uint32_t)type);
    store_le32(header + 8, (uint32_t)len);
    store_le32(header + 12, id);
    err = send_header(sock, header, fd);
    return err != 0 ? err : write_all(sock, packed, len);
}

static void take_fd(struct msghdr *msg, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (*fd < 0)
                *fd = got;
            else
                close(got);
        }
    }
}

static int read_all(int sock, uint8_t *data, size_t len, int *fd)
{
    while (len > 0) {
        struct iovec iov = {data, len};
        union {
            struct cmsghdr align;
            char buf[CMSG_SPACE(4 * sizeof(int))];
        } control;
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buf,
                             .msg_controllen = sizeof(control.buf)};
        ssize_t n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_raise(ZE_NOSERVICE, "the other side closed the connection");
        take_fd(&msg, fd);
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int receive_body(int sock, uint32_t len, struct proto_message *out)
{
    uint8_t *packed AUTO_FREE = NULL;
    int err;

    if (len == 0)
        return nvlist_create(&out->body);
    packed = mem_zalloc(len);
    if (packed == NULL)
        return ZE_NOMEM;
    err = read_all(sock, packed, len, &out->fd);
    if (err == 0 && nvlist_decode(span_of(packed, len), &out->body) != 0)
        err = err_raise(ZE_PROTO, "message does not hold a name-value list");
    return err;
}

int proto_receive(int sock, struct proto_message *out)
{
    uint8_t header[HEADER_BYTES];
    uint32_t len;
    int err;

    *out = (struct proto_message){.fd = -1};
    err = read_all(sock, header, sizeof(header), &out->fd);
    if (err == 0 && load_le32(header) != PROTO_MAGIC)
        err = err_raise(ZE_PROTO, "message has magic 0x%x", load_le32(header));
    len = err == 0 ? load_le32(header + 8) : 0;
    if (err == 0 && len > PROTO_MAX_MESSAGE)
        err = err_raise(ZE_PROTO, "message of %u bytes", len);
    if (err == 0) {
        out->type = (enum proto_type)load_le32(header + 4);
        out->id = load_le32(header + 12);
        err = receive_body(sock, len, out);
    }
    if (err != 0 && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    return err;
}

bool proto_readable(int sock)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

int proto_socket_path(char *buf, size_t len)
{
    const char *given = getenv("ZUSE_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
    int n;

    if (given != NULL && given[0] != '\0')
        n = snprintf(buf, len, "%s", given);
    else if (geteuid() == 0)
        n = snprintf(buf, len, "/run/zuse/zused.sock");
    else if (runtime != NULL && runtime[0] == '/')
        n = snprintf(buf, len, "%s/zuse/zused.sock", runtime);
    else
        n = snprintf(buf, len, "/tmp/zuse-%u/zused.sock", (unsigned)geteuid());
    if (n < 0 || (size_t)n >= len)
        return err_raise(ZE_NAMETOOLONG, "socket path");
    return 0;
}

int proto_connect(const char *path, int *sock)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int s;

    if (strlen(path) >= sizeof(addr.sun_path))
        return err_raise(ZE_NAMETOOLONG, "socket path '%s'", path);
    strcpy(addr.sun_path, path);
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return err_from_errno(errno, "socket");
    if (connect(s, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        int e = errno;

        close(s);
        if (e == EACCES || e == EPERM)
            return err_raise(ZE_PERM, "no access to '%s'", path);
        return err_raise(ZE_NOSERVICE, "'%s': %s", path, strerror(e));
    }
    *sock = s;
    return 0;
}
