/* SPDX-License-Identifier: MIT */
/*
 * Bytes from a hostile client (or service) on a socket: messages are received until one is refused
 * or the stream ends. Input: one byte of options (bit 0: the magic of the first message is put
 * right and its length set to what follows), then the stream.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/span.h"
#include "service/proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAM_MAX 65536u /* fits in a socket's buffer */
#define HEADER     16u

static void check_round_trip(const struct nvlist *body)
{
    struct proto_message m;
    int s[2];

    if (nvlist_encoded_size(body, NV_ENC_XDR) > STREAM_MAX)
        return;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
        abort();
    if (proto_send(s[0], PROTO_REPLY, 7, body, -1) == 0) {
        if (proto_receive(s[1], &m) != 0 || m.type != PROTO_REPLY || m.id != 7 || m.fd != -1)
            abort();
        nvlist_free(m.body);
    }
    close(s[0]);
    close(s[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t stream[STREAM_MAX];
    struct proto_message m;
    int s[2];

    if (size < 1 || size - 1 > STREAM_MAX)
        return 0;
    memcpy(stream, data + 1, size - 1);
    if ((data[0] & 1) != 0 && size - 1 >= HEADER) {
        memcpy(stream, "zuse", 4);
        store_le32(stream + 8, (uint32_t)(size - 1 - HEADER));
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
        abort();
    if (send(s[0], stream, size - 1, MSG_DONTWAIT) != (ssize_t)(size - 1))
        size = 0;
    shutdown(s[0], SHUT_WR);
    while (size != 0 && proto_receive(s[1], &m) == 0) {
        check_round_trip(m.body);
        nvlist_free(m.body);
        if (m.fd >= 0)
            abort(); /* none was sent */
    }
    close(s[0]);
    close(s[1]);
    return 0;
}
