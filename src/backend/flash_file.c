/* SPDX-License-Identifier: BSD-2-Clause */
/* The file behind a flash chip: see flash_file.h. Runs in zhyve, on vCPUs' threads. */
#include "backend/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

int
flash_file_prepare(int fd, uint64_t len, const char *name, struct err *e)
{
	int rc;

	do
		rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)len);
	while (rc != 0 && errno == EINTR);
	/* A filesystem that cannot say beforehand will say when it is full. */
	if (rc != 0 && errno != EOPNOTSUPP)
		return (err_set(e, errno, "cannot have room for the variable store '%s'", name));
	return (0);
}

int
flash_file_store(int fd, uint64_t off, const void *buf, uint32_t len)
{
	const uint8_t *p = buf;

	while (len > 0) {
		struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = len };
		ssize_t n = pwritev2(fd, &iov, 1, (off_t)off, RWF_DSYNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (n < 0 ? -errno : -EIO);
		p += n;
		off += (uint64_t)n;
		len -= (uint32_t)n;
	}
	return (0);
}
