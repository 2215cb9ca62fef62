/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion by a jailed qemu-img, unpacking by a jailed gzip, xz or zstd: see image_convert.h. qemu-img is
 * told both formats, so it never guesses one from content, and writes into a file that is there already;
 * what the others unpack comes through a pipe, and is counted. Tools, root.
 */
#include "zone/image_convert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "zone/image_job.h"
#include "zone/sparse.h"

#define COPY_CHUNK (1u * 1024u * 1024u)

static int
convert(int in, enum disk_format format, int out, uint64_t size, struct err *e)
{
	char src[] = "/proc/self/fd/3", dst[] = "/proc/self/fd/4", what[32], from[8];
	char arg0[] = "qemu-img", cmd[] = "convert", n[] = "-n", zero[] = "--target-is-zero",
	     f[] = "-f", o[] = "-O", raw[] = "raw";
	char *argv[] = { arg0, cmd, n, zero, f, from, o, raw, src, dst, NULL };
	struct image_job job = {
		.what = what,
		.program = "/usr/bin/qemu-img",
		.package = "qemu-utils",
		.argv = argv,
		.in = in,
		.out = out,
		.by_path = true,
		.size = size,
	};
	int rc;

	(void)snprintf(from, sizeof(from), "%s", disk_format_name(format));
	(void)snprintf(what, sizeof(what), "convert %s", from);
	rc = image_job_start(&job, e);
	return (rc != 0 ? rc : image_job_end(&job, e));
}

int
image_convert(int in, enum disk_format format, int out, uint64_t size, struct err *e)
{
	const char *name = disk_format_name(format);
	bool root = geteuid() == 0;
	uint64_t data;
	int rc;

	if (ftruncate(out, (off_t)size) != 0)
		return (err_set(e, errno, "cannot convert %s: no file of %llu bytes", name,
		    (unsigned long long)size));
	if (root &&
	    (fchown(in, IMAGE_JOB_UID, IMAGE_JOB_UID) != 0 ||
		fchown(out, IMAGE_JOB_UID, IMAGE_JOB_UID) != 0))
		return (err_set(e, errno, "cannot convert %s: cannot hand the files over", name));
	progress_start("converting", sparse_allocated(in, &data) == 0 ? data : size);
	rc = convert(in, format, out, size, e);
	progress_end();
	if (root && rc == 0 && (fchown(in, 0, 0) != 0 || fchown(out, 0, 0) != 0))
		rc = err_set(e, errno, "cannot convert %s: cannot take the files back", name);
	return (rc);
}

/* ---- unpacking ---- */

static const struct {
	const char *name, *suffix, *program, *package;
} packers[] = {
	[IMAGE_GZIP] = { "gzip", ".gz", "/usr/bin/gzip", "gzip" },
	[IMAGE_XZ] = { "xz", ".xz", "/usr/bin/xz", "xz-utils" },
	[IMAGE_ZSTD] = { "zstd", ".zst", "/usr/bin/zstd", "zstd" },
};

int
image_packed_by_name(const char *compression, enum image_packed *out)
{
	*out = IMAGE_PLAIN;
	if (compression[0] == '\0' || strcmp(compression, "none") == 0)
		return (0);
	for (size_t i = IMAGE_GZIP; i < NITEMS(packers); i++) {
		if (strcmp(compression, packers[i].name) == 0 ||
		    strcmp(compression, packers[i].suffix + 1) == 0) {
			*out = (enum image_packed)i;
			return (0);
		}
	}
	return (-EINVAL);
}

const char *
image_packed_name(enum image_packed how)
{
	return (how == IMAGE_PLAIN ? "none" : packers[how].name);
}

const char *
image_packed_suffix(enum image_packed how)
{
	return (how == IMAGE_PLAIN ? "" : packers[how].suffix);
}

enum image_packed
image_packed_by_suffix(const char *path)
{
	size_t n = strlen(path), len;

	for (size_t i = IMAGE_GZIP; i < NITEMS(packers); i++) {
		len = strlen(packers[i].suffix);
		if (n > len && strcmp(path + n - len, packers[i].suffix) == 0)
			return ((enum image_packed)i);
	}
	return (IMAGE_PLAIN);
}

int
image_stream(int in, int out, uint64_t max, uint64_t *size)
{
	CLEANUP_FREE uint8_t *buf = malloc(COPY_CHUNK);
	ssize_t n;
	int rc;

	*size = 0;
	if (buf == NULL)
		return (-ENOMEM);
	for (;;) {
		if (interrupt_pending() != 0)
			return (-EINTR);
		if ((n = read(in, buf, COPY_CHUNK)) < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if ((uint64_t)n > max - *size)
			return (-EFBIG);
		if ((rc = sparse_write(out, buf, (size_t)n, *size)) != 0)
			return (rc);
		*size += (uint64_t)n;
		progress_at(*size);
	}
	return (n < 0 || ftruncate(out, (off_t)*size) != 0 ? -errno : 0);
}

/* Through a packer, which reads `in` from its begin; what comes out goes to `out`. */
static int
filter(const struct image_job *how, int in, int out, uint64_t max, uint64_t *size, struct err *e)
{
	struct image_job job = *how;
	CLEANUP_FD int from = -1;
	struct err end = { 0 };
	int p[2], rc, ended;

	if (lseek(in, 0, SEEK_SET) < 0 || pipe2(p, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot %s", job.what));
	from = p[0];
	job.in = in;
	job.out = p[1];
	rc = image_job_start(&job, e);
	(void)close(p[1]);
	if (rc != 0)
		return (rc);
	if ((rc = image_stream(from, out, max, size)) != 0)
		(void)kill(job.pid, SIGKILL);
	ended = image_job_end(&job, &end);
	if (rc == -EFBIG)
		return (rc);
	if (rc != 0)
		return (err_set(e, -rc, "cannot %s", job.what));
	if (ended != 0)
		/* What it finds wrong is wrong with the file. */
		return (err_say(e, ended == -EIO ? EINVAL : -ended, "%s", end.text));
	return (0);
}

int
image_unpack(int in, enum image_packed how, int out, uint64_t max, uint64_t *size, struct err *e)
{
	char arg0[8], opts[] = "-dc";
	char *argv[] = { arg0, opts, NULL };
	struct image_job job = {
		.what = "unpack",
		.program = packers[how].program,
		.package = packers[how].package,
		.argv = argv,
	};
	int rc;

	(void)strcpy(arg0, packers[how].name);
	if ((rc = filter(&job, in, out, max, size, e)) != -EFBIG)
		return (rc);
	return (err_say(e, EINVAL, "it unpacks to more than the %llu MiB that are possible",
	    (unsigned long long)(max / MIB)));
}

int
image_pack(int in, enum image_packed how, int out, uint64_t len, uint64_t *size, struct err *e)
{
	char arg0[8], opts[] = "-c";
	char *argv[] = { arg0, opts, NULL };
	struct image_job job = {
		.what = "pack",
		.program = packers[how].program,
		.package = packers[how].package,
		.argv = argv,
		.cpu_seconds = (unsigned)MIN(3600 + len / MIB, (uint64_t)INT_MAX),
	};
	int rc;

	(void)strcpy(arg0, packers[how].name);
	if ((rc = filter(&job, in, out, len + len / 8 + MIB, size, e)) != -EFBIG)
		return (rc);
	return (err_say(e, EFBIG, "cannot pack: it becomes larger than it is"));
}
