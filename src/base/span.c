/* SPDX-License-Identifier: MIT */
/* Byte swapping of whole arrays (base/span.h): blocks written by a host of the other byte order. */
#include "base/span.h"

#define BSWAP_ARRAY(bits)                                                                          \
    void bswap##bits##_array(void *p, size_t n)                                                    \
    {                                                                                              \
        uint8_t *b = p;                                                                            \
        for (size_t i = 0; i + bits / 8 <= n; i += bits / 8)                                       \
            store_ne##bits(b + i, SPAN_BSWAP_##bits(load_ne##bits(b + i)));                        \
    }
BSWAP_ARRAY(16)
BSWAP_ARRAY(32)
BSWAP_ARRAY(64)
