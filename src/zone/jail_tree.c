/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounts for jails: see jail_tree.h. Runs in zoneadmd, as root. */
#include "zone/jail_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* The folder that is open as `dir`. */
static int
detach(int dir, const char *path, bool writable, struct err *e)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
		    (writable ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_RDONLY),
	};
	CLEANUP_FD int fd = -1;

	fd = (int)syscall(
	    SYS_open_tree, dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) != 0)
		return (err_set(e, errno, "cannot make a mount of '%s'", path));
	return (fd_steal(&fd));
}

int
jail_tree(const char *path, bool writable, struct err *e)
{
	CLEANUP_FD int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return (err_set(e, errno, "cannot open '%s'", path));
	return (detach(dir, path, writable, e));
}

int
jail_tree_libs(struct jail_mount m[JAIL_LIBS], struct err *e)
{
	m[0] = (struct jail_mount){ "lib", jail_tree("/usr/lib", false, e), false };
	m[1] = (struct jail_mount){ "lib64", -1, false };
	if (m[0].fd < 0)
		return (m[0].fd);
	m[1].fd = jail_tree("/usr/lib64", false, e);
	return (m[1].fd < 0 ? m[1].fd : 0);
}

/* Files only: the process can make nothing else there. */
static int
take_files(int dir, uint32_t uid)
{
	int copy = fcntl(dir, F_DUPFD_CLOEXEC, 0), rc = 0;
	struct dirent *de;
	struct stat st;
	DIR *d;

	if (copy < 0 || (d = fdopendir(copy)) == NULL) {
		rc = -errno;
		fd_close(&copy);
		return (rc);
	}
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			rc = -errno;
		else if (S_ISREG(st.st_mode) && st.st_uid != uid &&
		    fchownat(dir, de->d_name, uid, uid, AT_SYMLINK_NOFOLLOW) != 0)
			rc = -errno;
	}
	(void)closedir(d);
	return (rc);
}

int
jail_tree_own(const char *path, uint32_t uid, struct err *e)
{
	CLEANUP_FD int dir = -1;
	struct stat st;
	int rc;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return (err_set(e, errno, "cannot make '%s'", path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) != 0)
		return (err_set(e, errno, "cannot open '%s'", path));
	if (st.st_uid != uid) {
		if ((rc = take_files(dir, uid)) != 0)
			return (
			    err_set(e, -rc, "cannot give the files in '%s' to uid %u", path, uid));
		if (fchown(dir, uid, uid) != 0)
			return (err_set(e, errno, "cannot give '%s' to uid %u", path, uid));
	}
	if (fchmod(dir, 0700) != 0)
		return (err_set(e, errno, "cannot open '%s'", path));
	return (detach(dir, path, true, e));
}
