/* SPDX-License-Identifier: MIT */
/* Implements the vdev floor's observer seam: device errors and state changes become events and log
 * lines. */
#ifndef ZUSE_POOL_OBSERVER_H
#define ZUSE_POOL_OBSERVER_H

#include "pool/pool.h"

void pool_observer_init(struct pool *pool); /* fills pool->observer */

#endif
