/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Giving guest memory back to the host: a hole is punched into the memfd, so that the pages go from
 * every mapping at once (ours, KVM's, a device process's) and are free. zhyve.
 */
#ifndef ZHYVE_BACKEND_DISCARD_H
#define ZHYVE_BACKEND_DISCARD_H

#include "gmem/gmem.h"

/*
 * Discard `len` bytes at `p`, which lie in the guest memory `ctx` (a struct gmem), both multiples
 * of the page. Any thread. 0 or -errno; -EINVAL when they do not lie there.
 */
int backend_discard(void *ctx, void *p, size_t len);

#endif
