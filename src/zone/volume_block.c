/* SPDX-License-Identifier: BSD-2-Clause */
/* What the drivers whose volumes are block devices have in common: see volume_driver.h. Tools and zoneadmd, root. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/image.h"
#include "zone/sparse.h"
#include "zone/volume_driver.h"

int
volume_block_flush(const char *path, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return (err_set(e, errno, "cannot write disk '%s'", path));
	return (0);
}

int
volume_block_unused(const char *path, struct err *e)
{
	uint64_t size;
	int fd = volume_open(path, 0, &size, e);

	if (fd < 0 && fd != -ENOENT)
		return (fd);
	err_clear(e);
	volume_close(&fd);
	return (0);
}

int
volume_block_open_image(const struct image *img, uint64_t *used, struct err *e)
{
	CLEANUP_FD int in = open(img->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc;

	if (in < 0)
		return (err_set(e, errno, "cannot read '%s' of image %s", img->path, img->uuid));
	if ((rc = sparse_allocated(in, used)) != 0)
		return (err_set(e, -rc, "cannot read '%s' of image %s", img->path, img->uuid));
	return (fd_steal(&in));
}

int
volume_block_fill(int in, const struct image *img, const char *device, struct err *e)
{
	CLEANUP_FD int out = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	int rc;

	if (out < 0)
		return (err_set(e, errno, "cannot open '%s'", device));
	if ((rc = sparse_copy_into(in, out, img->size)) == 0 && fsync(out) != 0)
		rc = -errno;
	return (rc == 0 ? 0 : err_set(e, -rc, "cannot copy image %s to '%s'", img->uuid, device));
}

int
volume_block_no_snapshot(const char *path, const char *name, struct err *e)
{
	return (err_say(e, ENOENT, "disk '%s' has no snapshot '%s'", path, name));
}
