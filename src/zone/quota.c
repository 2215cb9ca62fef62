/* SPDX-License-Identifier: BSD-2-Clause */
/* Project quotas of zones' folders: see quota.h. Tools and zoneadmd, root. */
#include "zone/quota.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/paths.h"

#define SET_LIMIT \
	((unsigned)Q_SETQUOTA << SUBCMDSHIFT | PRJQUOTA) /* QCMD's shift would overflow an int */

static const char *const folders[] = { "config", "logs", "root" };

/* Neither the file system nor the kernel has them, they are not switched on, or not ours to set (in a container). */
static bool
is_unsupported(int error)
{
	return (error == ENOTTY || error == EOPNOTSUPP || error == ENOSYS || error == ESRCH ||
	    error == EINVAL || error == EPERM);
}

/* Give a file or folder to the project; what is made in the folder from then on will be its, too. */
static int
give(int fd, uint32_t project, bool folder)
{
	struct fsxattr x;

	if (ioctl(fd, FS_IOC_FSGETXATTR, &x) != 0)
		return (-errno);
	if (x.fsx_projid == project && (!folder || (x.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0))
		return (0);
	x.fsx_projid = project;
	if (folder)
		x.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	return (ioctl(fd, FS_IOC_FSSETXATTR, &x) == 0 ? 0 : -errno);
}

/* The files that are in it; these folders have no others below them. */
static int
give_files(int folder, uint32_t project)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *de;

	if (d == NULL) {
		rc = -errno;
		fd_close(&fd);
		return (rc);
	}
	while (rc == 0 && (de = readdir(d)) != NULL) {
		CLEANUP_FD int file = -1;

		if (de->d_type != DT_REG)
			continue;
		file = openat(folder, de->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
		if (file >= 0)
			rc = give(file, project, false);
	}
	(void)closedir(d);
	return (rc);
}

static int
limit(int fd, uint32_t project, uint64_t bytes)
{
	struct if_dqblk q = {
		.dqb_bhardlimit =
		    bytes / KIB + (bytes % KIB != 0), /* by 1,024, whatever the block's size */
		.dqb_valid = QIF_BLIMITS,
	};

	q.dqb_bsoftlimit = q.dqb_bhardlimit;
	return (syscall(SYS_quotactl_fd, fd, SET_LIMIT, project, &q) == 0 ? 0 : -errno);
}

int
quota_set(const char *zone, uint32_t project, uint64_t bytes, struct err *e)
{
	char path[PATH_MAX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < NITEMS(folders); i++) {
		CLEANUP_FD int fd = open(path_zones(path, "%s/%s", zone, folders[i]),
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			return (errno == ENOENT ? 0 : err_set(e, errno, "cannot open '%s'", path));
		/* First, for without it there is nothing that folders could be of. */
		if ((i == 0 && (rc = limit(fd, project, bytes)) != 0) ||
		    (rc = give(fd, project, true)) != 0)
			break;
		rc = give_files(fd, project);
	}
	if (rc == 0)
		return (0);
	return (is_unsupported(-rc) ? -EOPNOTSUPP
				    : err_set(e, -rc, "cannot limit what zone '%s' keeps", zone));
}

int
quota_apply(const struct zconf *c, struct err *e)
{
	const char *text = zconf_attr(c, "quota");
	uint64_t gib;

	if (text == NULL || parse_u64(text, &gib) != 0 || gib > INT64_MAX / GIB)
		return (0);
	return (quota_set(c->name, c->did, gib * GIB, e));
}
