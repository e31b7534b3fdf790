/* SPDX-License-Identifier: MIT */
/*
 * Device backends: what stands behind env->devices. The system provider opens regular files and
 * block devices by path and network block devices by "nbd:" URI; the simulated one is in
 * vdev/backend_sim.h. Called once by the composition root, right after env_init_*(); env_fini()
 * takes the provider down again, after all devices are closed.
 */
#ifndef ZUSE_VDEV_BACKEND_H
#define ZUSE_VDEV_BACKEND_H

#include <stdbool.h>

#include "base/env.h"

struct backend_options {
    bool no_uring;    /* use threads even where io_uring would work */
    unsigned rings;   /* io_uring instances, each with a completing thread; 0: the default */
    unsigned threads; /* most threads of the preadv/pwritev pool; 0: the default */
};

/* Files, block devices, nbd: URIs. Error: ZE_NOMEM, or no threads. */
int backend_install_system(struct env *env);
int backend_install_system_with(struct env *env, const struct backend_options *options);

/* "io_uring" or "threads": what I/O on files goes through, for diagnostics. */
const char *backend_engine_name(const struct env *env);

#endif
