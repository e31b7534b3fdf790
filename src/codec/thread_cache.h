/* SPDX-License-Identifier: MIT */
/*
 * Per-thread reusable contexts of libraries whose set-up costs more than a small block (libcrypto,
 * zlib, zstd, lz4). Called by the codec files only. A slot holds one pointer for the calling
 * thread; it is destroyed when the thread ends or calls codec_thread_cache_drop(). No locks;
 * nothing is shared between threads.
 */
#ifndef ZUSE_CODEC_THREAD_CACHE_H
#define ZUSE_CODEC_THREAD_CACHE_H

enum codec_slot {
    CODEC_SLOT_SHA256,
    CODEC_SLOT_SHA512,
    CODEC_SLOT_INFLATE,
    CODEC_SLOT_DEFLATE,
    CODEC_SLOT_ZSTD_IN,
    CODEC_SLOT_ZSTD_OUT,
    CODEC_SLOT_COUNT
};

/*
 * The slot's context, made with create() at first use. NULL: create failed or out of memory.
 * destroy must be the same for every call on a slot.
 */
void *codec_thread_cache(enum codec_slot slot, void *(*create)(void), void (*destroy)(void *));
/* Free the calling thread's context of one slot, because it has grown too big to keep. */
void codec_thread_cache_forget(enum codec_slot slot);
/* Free everything the calling thread keeps. Done by itself at thread exit, except on the main
 * thread. */
void codec_thread_cache_drop(void);

#endif
