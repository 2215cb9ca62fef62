/* SPDX-License-Identifier: BSD-2-Clause */
/* The source of randomness behind devices/virtio/rng.h: the kernel's, by getrandom(2). */
#ifndef ZHYVE_BACKEND_RNG_H
#define ZHYVE_BACKEND_RNG_H

#include <stddef.h>

/* An rng_fill: bytes written, or -errno. Never blocks; `ctx` is not used. */
long backend_rng_fill(void *ctx, void *buf, size_t len);

#endif
