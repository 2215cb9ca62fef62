/* SPDX-License-Identifier: BSD-2-Clause */
/* Holes in guest memory: see discard.h. Runs in zhyve. */
#include "backend/discard.h"

#include <errno.h>
#include <fcntl.h>

#include "base/checked.h"

int
backend_discard(void *ctx, void *p, size_t len)
{
	const struct gmem *gm = ctx;
	/* The ranges are one mapping of the whole memfd (gmem.h). */
	uint64_t off = (uint64_t)((uintptr_t)p - (uintptr_t)gm->range[0].hva);

	if (gm->fd < 0 || !range_ok(off, len, gm->size))
		return (-EINVAL);
	if (fallocate(gm->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) <
	    0)
		return (-errno);
	return (0);
}
