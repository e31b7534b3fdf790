/* SPDX-License-Identifier: MIT */
/*
 * The queue in front of one leaf device: I/O waits here by priority class, at most so many of a
 * class and in total are at the device, neighbours of a class are merged into one scatter/gather
 * request, and what is chosen together is handed to the device as one batch. Used by vdev_leaf.c
 * only.
 *
 * Locks: queue->lock (VDEV_QUEUE), never held while calling the device or a completion.
 */
#ifndef ZUSE_VDEV_VDEV_QUEUE_H
#define ZUSE_VDEV_VDEV_QUEUE_H

#include "vdev/vdev.h"

struct vdev_queue {
    struct mutex lock;
    struct vdev *vd;
    struct {
        struct vdev_io *first, *last; /* queue_next/queue_prev, order of arrival */
        unsigned queued, active;
    } class[VDEV_PRIOS];
    unsigned queued, active, max_active;
    uint64_t last_end; /* device offset after the last I/O issued, for vdev_load() */
    bool issuing; /* one thread at a time talks to the device, so inline completions cannot recurse
                   */
    struct cond idle; /* issuing became false */
};

void vdev_queue_init(struct vdev_queue *q, struct vdev *vd, unsigned max_active);
void vdev_queue_fini(struct vdev_queue *q); /* waits for a thread still in the queue's code */
/* io->dev.offset and the iovec are set. run_done is called per device request, with the run's first
 * I/O. */
void vdev_queue_add(struct vdev_queue *q, struct vdev_io *io);
void vdev_queue_kick(struct vdev_queue *q); /* issue what the limits allow */
void vdev_plug_flush_thread(void); /* issue what this thread's plug holds back, before waiting */
/* Free slots of a finished device request (run: the I/O it was made of) and issue more. */
void vdev_queue_done(struct vdev_queue *q, struct vdev_io *run);
/* The leaf's part: what a finished device request is told to. vdev_leaf.c. */
void vdev_leaf_request_done(struct device_io *dio, int err);
/* Add lengths per class of a leaf's queue to the arrays. vdev_leaf.c. */
void vdev_queue_lengths(const struct vdev *leaf, unsigned queued[VDEV_PRIOS],
                        unsigned active[VDEV_PRIOS]);

#endif
