/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders with all that is in them: see tree.h. */
#include "zone/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define TREE_DEPTH_MAX 64

static int
empty_folder(int dirfd, dev_t dev, unsigned depth)
{
	int copy = fcntl(dirfd, F_DUPFD_CLOEXEC, 0), rc = 0;
	DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *de;

	if (d == NULL || depth > TREE_DEPTH_MAX) {
		rc = d == NULL ? -errno : -ELOOP;
		if (d == NULL)
			fd_close(&copy);
		else
			(void)closedir(d);
		return (rc);
	}
	while (rc == 0 && (de = readdir(d)) != NULL) {
		struct stat st;

		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
			rc = -errno;
		} else if (S_ISDIR(st.st_mode)) {
			CLEANUP_FD int sub = openat(
			    dirfd, de->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			rc = st.st_dev != dev
			    ? -EXDEV
			    : (sub < 0 ? -errno : empty_folder(sub, dev, depth + 1));
			if (rc == 0 && unlinkat(dirfd, de->d_name, AT_REMOVEDIR) != 0)
				rc = -errno;
		} else if (unlinkat(dirfd, de->d_name, 0) != 0) {
			rc = -errno;
		}
	}
	(void)closedir(d);
	return (rc);
}

int
tree_empty(int dirfd)
{
	struct stat st;

	return (fstat(dirfd, &st) != 0 ? -errno : empty_folder(dirfd, st.st_dev, 0));
}

void
tree_remove(const char *path)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && tree_empty(fd) == 0)
		(void)rmdir(path);
}
