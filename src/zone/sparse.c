/* SPDX-License-Identifier: BSD-2-Clause */
/* Sparse copies: see sparse.h. Tools and zoneadmd. */
#include "zone/sparse.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"

#define COPY_CHUNK   (1u * 1024u * 1024u)
#define KERNEL_CHUNK (64u * 1024u * 1024u) /* at a time, so that interrupts are noticed */
#define ZERO_BLOCK   4096u

bool
sparse_zero(const uint8_t *p, size_t len)
{
	return (len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0));
}

int
sparse_write(int out, const uint8_t *buf, size_t len, uint64_t off)
{
	size_t from = 0, to, n;
	int rc;

	while (from < len) {
		n = MIN(ZERO_BLOCK, len - from);
		if (sparse_zero(buf + from, n)) {
			from += n;
			continue;
		}
		for (to = from + n; to < len; to += n) {
			n = MIN(ZERO_BLOCK, len - to);
			if (sparse_zero(buf + to, n))
				break;
		}
		if ((rc = fd_pwrite_full(out, buf + from, to - from, (off_t)(off + from))) != 0)
			return (rc);
		from = to;
	}
	return (0);
}

/* One run of data by read and write; the file may end early. */
static int
copy_by_hand(int in, int out, uint64_t off, uint64_t end)
{
	CLEANUP_FREE uint8_t *buf = malloc(COPY_CHUNK);
	ssize_t n;
	int rc;

	if (buf == NULL)
		return (-ENOMEM);
	while (off < end) {
		if (interrupt_pending() != 0)
			return (-EINTR);
		n = pread(in, buf, (size_t)MIN(end - off, COPY_CHUNK), (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (-errno);
		if (n == 0)
			break;
		if ((rc = sparse_write(out, buf, (size_t)n, off)) != 0)
			return (rc);
		off += (uint64_t)n;
		progress_at(off);
	}
	return (0);
}

/* One run of data; by the kernel where it can (it may share blocks, or copy on the server). */
static int
copy_run(int in, int out, uint64_t off, uint64_t end)
{
	off_t from = (off_t)off, to = (off_t)off;
	ssize_t n;

	while ((uint64_t)from < end) {
		if (interrupt_pending() != 0)
			return (-EINTR);
		n = copy_file_range(
		    in, &from, out, &to, (size_t)MIN(end - (uint64_t)from, KERNEL_CHUNK), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EIO || errno == EDQUOT))
			return (-errno);
		if (n <= 0) /* not between these filesystems, or not by this kernel */
			return (copy_by_hand(in, out, (uint64_t)from, end));
		progress_at((uint64_t)from);
	}
	return (0);
}

int
file_share(int in, int out)
{
	return (ioctl(out, FICLONE, in) == 0 ? 0 : -errno);
}

int
sparse_copy(int in, int out, uint64_t size)
{
	return (ftruncate(out, (off_t)size) != 0 ? -errno : sparse_copy_into(in, out, size));
}

int
sparse_copy_into(int in, int out, uint64_t size)
{
	off_t data, hole = 0;
	int rc;

	while ((uint64_t)hole < size) {
		data = lseek(in, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break; /* nothing but a hole */
		if (data < 0)  /* a filesystem that cannot tell */
			return (copy_by_hand(in, out, (uint64_t)hole, size));
		if ((uint64_t)data >= size)
			break;
		if ((hole = lseek(in, data, SEEK_HOLE)) < 0)
			return (-errno);
		if ((rc = copy_run(in, out, (uint64_t)data, MIN((uint64_t)hole, size))) != 0)
			return (rc);
	}
	return (0);
}

int
sparse_allocated(int fd, uint64_t *bytes)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return (-errno);
	*bytes = (uint64_t)st.st_blocks * 512;
	return (0);
}

int
space_check(int fd, uint64_t need, const char *what, const char *path, struct err *e)
{
	struct statvfs fs;
	uint64_t avail;

	if (fstatvfs(fd, &fs) != 0)
		return (err_set(e, errno, "cannot tell the free space of '%s'", path));
	if (!mul_ok((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize, &avail))
		avail = UINT64_MAX;
	if (need <= avail)
		return (0);
	return (
	    err_say(e, ENOSPC, "no space: %s needs %llu MiB, but only %llu MiB are free on '%s'",
		what, (unsigned long long)(need / MIB + (need % MIB != 0)),
		(unsigned long long)(avail / MIB), path));
}
