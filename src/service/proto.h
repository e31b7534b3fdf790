/* SPDX-License-Identifier: MIT */
/*
 * Messages on the service socket (docs/service.md, "Transport"). Used by server and client; a
 * message is hostile until decoded. Errors: ZE_PROTO, ZE_NOSERVICE (peer closed), ZE_SYS.
 */
#ifndef ZUSE_SERVICE_PROTO_H
#define ZUSE_SERVICE_PROTO_H

#include <stdint.h>

#include "codec/nvlist.h"

#define PROTO_MAX_MESSAGE (64u << 20)

enum proto_type { PROTO_REQUEST = 1, PROTO_ITEM, PROTO_PROGRESS, PROTO_REPLY, PROTO_CANCEL };

struct proto_message {
    enum proto_type type;
    uint32_t id;
    struct nvlist *body; /* owned by the receiver */
    int fd;              /* -1: none came along */
};

/* Blocking; fd -1: none. body may be NULL (an empty list). */
int proto_send(int sock, enum proto_type type, uint32_t id, const struct nvlist *body, int fd);
int proto_receive(int sock, struct proto_message *out);
/* Is there something to read right now? */
bool proto_readable(int sock);
/* Where zused listens: $ZUSE_SOCKET, /run/zuse/zused.sock for root, else
 * $XDG_RUNTIME_DIR/zuse/zused.sock. */
int proto_socket_path(char *buf, size_t len);
int proto_connect(const char *path, int *sock);

#endif
