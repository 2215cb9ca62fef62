/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * getrandom(2) as a backend: see rng.h. Needs no descriptor, so it works in an empty root. Runs
 * in zhyve.
 */
#include "backend/rng.h"

#include <errno.h>
#include <sys/random.h>

long
backend_rng_fill(void *ctx, void *buf, size_t len)
{
	ssize_t n;

	do
		n = getrandom(buf, len, GRND_NONBLOCK);
	while (n < 0 && errno == EINTR);
	return (n < 0 ? -errno : n);
}
