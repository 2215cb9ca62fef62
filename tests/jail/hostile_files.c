/* SPDX-License-Identifier: BSD-2-Clause */
/* Attempts at the host's files, and to change what is mounted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "hostile.h"

#define ROOT LAYER(ROOT)
#define CAPS LAYER(CAPS)
#define UID  LAYER(UID)
#define HERE AT_FDCWD
#define OPEN(path, why)                         \
	{                                       \
		"open " path, why, SYS_openat,  \
		{                               \
			HERE, P(path), O_RDONLY \
		}                               \
	}
#define WRITE(path, why)                                      \
	{                                                     \
		"open " path " for writing", why, SYS_openat, \
		{                                             \
			HERE, P(path), O_RDWR                 \
		}                                             \
	}

static char space[4096];
static struct open_how beneath_nothing = { .flags = O_RDONLY };

/* A file handle of the old kind for inode 2 of the root's file system. */
static long
handle(const struct attempt *a)
{
	struct {
		struct file_handle h;
		unsigned char bytes[8];
	} f = { { .handle_bytes = 8, .handle_type = 1 }, { 2 } };

	return (syscall(SYS_open_by_handle_at, HERE, &f, O_RDONLY));
}

/* What the root has beyond "." and "..", and what a program needs of the host. */
static long
list_root(const struct attempt *a)
{
	static const char mine[][8] = { ".", "..", "lib", "lib64", "usr", "state" };
	char buf[4096];
	int fd = open("/", O_RDONLY | O_DIRECTORY), others = 0;
	long n = fd < 0 ? -1 : syscall(SYS_getdents64, fd, buf, sizeof(buf));

	for (long at = 0; at < n; at += *(unsigned short *)(void *)(buf + at + 16)) {
		bool known = false;

		for (size_t i = 0; i < NITEMS(mine); i++)
			known |= strcmp(buf + at + 19, mine[i]) == 0;
		others += !known;
	}
	return (others > 0 ? others : (errno = n < 0 ? errno : ENOENT, -1));
}

/* A program of its own. */
static long
run_memory(const struct attempt *a)
{
	static const char script[] = "#!/bin/sh\n";
	char *const none[] = { NULL };
	int fd = (int)syscall(SYS_memfd_create, "own", 0);

	if (fd < 0 || write(fd, script, sizeof(script)) < 0)
		return (-1);
	return (syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH));
}

static const struct attempt files[] = {
	OPEN("/etc/passwd", ROOT),
	OPEN("/etc/shadow", ROOT | UID),
	OPEN("/etc/hostname", ROOT),
	OPEN("/root", ROOT | UID),
	OPEN("/home", ROOT),
	OPEN("/var/log", ROOT),
	OPEN("/tmp", ROOT),
	OPEN("/etc/zones", ROOT),
	OPEN("/zones", ROOT),
	OPEN("/run/zones", ROOT),
	OPEN("/run", ROOT),
	OPEN("/bin/sh", ROOT),
	OPEN("/boot", ROOT),
	OPEN("/dev", ROOT),
	OPEN("/dev/kvm", ROOT),
	OPEN("/dev/mem", ROOT | UID),
	OPEN("/dev/null", ROOT),
	OPEN("/dev/net/tun", ROOT),
	OPEN("/dev/vhost-net", ROOT | UID),
	OPEN("/dev/vfio/vfio", ROOT),
	OPEN("/dev/loop-control", ROOT | UID),
	OPEN("/dev/fuse", ROOT),
	OPEN("/dev/kmsg", ROOT),
	OPEN("/dev/ptmx", ROOT),
	OPEN("/dev/shm", ROOT),
	OPEN("/proc", ROOT),
	OPEN("/proc/self/exe", ROOT),
	OPEN("/proc/self/mem", ROOT),
	OPEN("/proc/self/environ", ROOT),
	OPEN("/proc/self/maps", ROOT),
	OPEN("/proc/self/fd", ROOT),
	OPEN("/proc/self/root", ROOT),
	OPEN("/proc/self/cwd", ROOT),
	OPEN("/proc/self/ns/mnt", ROOT),
	OPEN("/proc/self/cgroup", ROOT),
	OPEN("/proc/1/root", ROOT),
	OPEN("/proc/1/mem", ROOT),
	OPEN("/proc/1/environ", ROOT),
	OPEN("/proc/1/ns/user", ROOT),
	OPEN("/proc/kallsyms", ROOT),
	OPEN("/proc/kcore", ROOT | UID),
	OPEN("/proc/meminfo", ROOT),
	OPEN("/proc/cmdline", ROOT),
	OPEN("/proc/modules", ROOT),
	OPEN("/proc/net/tcp", ROOT),
	OPEN("/proc/keys", ROOT),
	OPEN("/proc/sys/kernel/core_pattern", ROOT),
	OPEN("/proc/sys/kernel/randomize_va_space", ROOT),
	OPEN("/sys", ROOT),
	OPEN("/sys/kernel", ROOT),
	OPEN("/sys/fs/cgroup", ROOT),
	OPEN("/sys/kernel/debug/kvm", ROOT),
	OPEN("/sys/class/net", ROOT),
	OPEN("../../../../../../etc/passwd", ROOT),
	OPEN("/../etc/passwd", ROOT),
	OPEN("/./proc/./self/../self/status", ROOT),
	WRITE("/proc/self/exe", ROOT | UID),
	WRITE("/proc/self/oom_score_adj", ROOT),
	WRITE("/proc/self/uid_map", ROOT),
	WRITE("/proc/self/setgroups", ROOT),
	WRITE("/proc/self/attr/current", ROOT),
	WRITE("/proc/sysrq-trigger", ROOT | UID),
	WRITE("/proc/sys/kernel/core_pattern", ROOT | UID),
	WRITE("/proc/sys/kernel/modprobe", ROOT | UID),
	WRITE("/proc/sys/user/max_user_namespaces", ROOT | UID),
	WRITE("/sys/fs/cgroup/cgroup.procs", ROOT | UID),
	WRITE("/etc/passwd", ROOT | UID),
	WRITE("/dev/sda", ROOT | UID),
	WRITE("/usr/sbin/zhyve", ROOT | UID),
	{ "openat2 /etc/passwd", ROOT, SYS_openat2,
	    { HERE, P("/etc/passwd"), P(&beneath_nothing), sizeof(beneath_nothing) } },
	{ "open O_PATH /etc", ROOT, SYS_openat, { HERE, P("/etc"), O_PATH } },
	{ "make a file in /", ROOT | UID, SYS_openat, { HERE, P("/x"), O_RDWR | O_CREAT, 0600 } },
	{ "make a file without a name", ROOT | UID, SYS_openat,
	    { HERE, P("/"), O_RDWR | O_TMPFILE, 0600 } },
	{ "make a folder in /", ROOT | UID, SYS_mkdirat, { HERE, P("/d"), 0700 } },
	{ "make a device", ROOT | CAPS, SYS_mknodat, { HERE, P("/n"), S_IFBLK | 0600, 0x801 } },
	{ "make a named pipe", ROOT | UID, SYS_mknodat, { HERE, P("/p"), S_IFIFO | 0600, 0 } },
	{ "make a socket file", ROOT | UID, SYS_mknodat, { HERE, P("/s"), S_IFSOCK | 0600, 0 } },
	{ "make a symbolic link", ROOT | UID, SYS_symlinkat, { P("/etc"), HERE, P("/l") } },
	{ "make a link", ROOT | UID, SYS_linkat, { HERE, P("/etc/passwd"), HERE, P("/l"), 0 } },
	{ "link an open file", ROOT | CAPS | UID, SYS_linkat,
	    { 0, P(""), HERE, P("/l"), AT_EMPTY_PATH }, .also = EXDEV },
	{ "rename /etc", ROOT | UID, SYS_renameat2, { HERE, P("/etc"), HERE, P("/etd"), 0 } },
	{ "exchange two names", ROOT | UID, SYS_renameat2,
	    { HERE, P("/etc"), HERE, P("/usr"), RENAME_EXCHANGE } },
	{ "remove /etc/hostname", ROOT | UID, SYS_unlinkat, { HERE, P("/etc/hostname"), 0 } },
	{ "remove a folder", ROOT | UID, SYS_unlinkat, { HERE, P("/mnt"), AT_REMOVEDIR } },
	{ "read a link", ROOT, SYS_readlinkat,
	    { HERE, P("/proc/self/exe"), P(space), sizeof(space) } },
	{ "look at /etc/passwd", ROOT, SYS_newfstatat, { HERE, P("/etc/passwd"), P(space), 0 } },
	{ "statx /etc/passwd", ROOT, SYS_statx, { HERE, P("/etc/passwd"), 0, 0x7ff, P(space) } },
	{ "statfs /etc", ROOT, SYS_statfs, { P("/etc"), P(space) } },
	{ "access /bin/sh", ROOT, SYS_faccessat2, { HERE, P("/bin/sh"), X_OK, 0 } },
	{ "change a mode", ROOT | UID, SYS_fchmodat, { HERE, P("/"), 0777 } },
	{ "change an owner", ROOT | UID, SYS_fchownat,
	    { HERE, P("/"), 0x70000001, 0x70000001, 0 } },
	{ "change times", ROOT | UID, SYS_utimensat, { HERE, P("/"), 0, 0 } },
	{ "cut a file short", ROOT | UID, SYS_truncate, { P("/etc/hostname"), 1 }, .also = 0 },
	{ "set an attribute", ROOT | UID, SYS_setxattr, { P("/"), P("user.x"), P("y"), 1, 0 } },
	{ "set a capability on a file", ROOT | CAPS, SYS_setxattr,
	    { P("/"), P("security.capability"), P("\1\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), 20,
		0 } },
	{ "read an attribute", ROOT, SYS_getxattr, { P("/etc/passwd"), P("user.x"), P(space), 64 },
	    .also = ENODATA },
	{ "watch /etc", ROOT, SYS_inotify_add_watch, { 0, P("/etc"), IN_MODIFY }, .also = EINVAL },
	{ "watch a file system", CAPS, SYS_fanotify_init, { 0, O_RDONLY } },
	{ "chdir /etc", ROOT, SYS_chdir, { P("/etc") } },
	{ "open by handle", CAPS, .fn = handle },
	{ "handle of /etc", ROOT, SYS_name_to_handle_at,
	    { HERE, P("/etc"), P(space), P(space + 512), 0 }, .also = EOVERFLOW },
	{ "list /", ROOT, .fn = list_root },
	{ "execute /bin/sh", ROOT, SYS_execve,
	    { P("/bin/sh"), P((char *[]){ 0 }), P((char *[]){ 0 }) } },
	{ "execute /proc/self/exe", ROOT, SYS_execveat,
	    { HERE, P("/proc/self/exe"), P((char *[]){ 0 }), P((char *[]){ 0 }), 0 } },
	{ "execute a program of its own", ROOT | LAYER(LANDLOCK), .fn = run_memory },
	{ "load a library", ROOT, SYS_uselib, { P("/lib/libc.so") } },
	{ "swap on a file", CAPS, SYS_swapon, { P("/swap"), 0 } },
	{ "swap off", CAPS, SYS_swapoff, { P("/swap") } },
	{ "process accounting", CAPS, SYS_acct, { P("/acct") } },
	{ "quotas", ROOT | CAPS, SYS_quotactl, { 0x80000100, P("/dev/sda"), 0, P(space) },
	    .also = ENOTBLK },
	{ "a file lease", ROOT, SYS_openat, { HERE, P("/etc/fstab"), O_RDONLY } },
};

static const struct attempt mounts[] = {
	{ "mount a tmpfs", CAPS, SYS_mount, { P("none"), P("/"), P("tmpfs"), 0, 0 } },
	{ "mount proc", CAPS, SYS_mount, { P("none"), P("/"), P("proc"), 0, 0 } },
	{ "mount sysfs", CAPS, SYS_mount, { P("none"), P("/"), P("sysfs"), 0, 0 } },
	{ "mount cgroup2", CAPS, SYS_mount, { P("none"), P("/"), P("cgroup2"), 0, 0 } },
	{ "mount devpts", CAPS, SYS_mount, { P("none"), P("/"), P("devpts"), 0, 0 } },
	{ "mount mqueue", CAPS, SYS_mount, { P("none"), P("/"), P("mqueue"), 0, 0 } },
	{ "mount a bpf file system", CAPS, SYS_mount, { P("none"), P("/"), P("bpf"), 0, 0 } },
	{ "mount an overlay", CAPS, SYS_mount,
	    { P("none"), P("/"), P("overlay"), 0, P("lowerdir=/,upperdir=/,workdir=/") } },
	{ "mount a disk", CAPS, SYS_mount, { P("/dev/sda"), P("/"), P("ext4"), 0, 0 } },
	{ "bind / on /", CAPS, SYS_mount, { P("/"), P("/"), 0, MS_BIND, 0 } },
	{ "bind / with all below", CAPS, SYS_mount, { P("/"), P("/"), 0, MS_BIND | MS_REC, 0 } },
	{ "move /", CAPS, SYS_mount, { P("/"), P("/"), 0, MS_MOVE, 0 } },
	{ "make / writable", CAPS, SYS_mount, { 0, P("/"), 0, MS_REMOUNT | MS_BIND, 0 } },
	{ "make / shared", CAPS, SYS_mount, { 0, P("/"), 0, MS_SHARED, 0 } },
	{ "make / a slave", CAPS, SYS_mount, { 0, P("/"), 0, MS_SLAVE, 0 } },
	{ "umount /", CAPS, SYS_umount2, { P("/"), MNT_DETACH } },
	{ "umount / by force", CAPS, SYS_umount2, { P("/"), MNT_FORCE } },
	{ "fsopen tmpfs", CAPS, SYS_fsopen, { P("tmpfs"), 0 } },
	{ "fsopen proc", CAPS, SYS_fsopen, { P("proc"), 0 } },
	{ "fsopen ext4", CAPS, SYS_fsopen, { P("ext4"), 0 } },
	{ "fsopen overlay", CAPS, SYS_fsopen, { P("overlay"), 0 } },
	{ "fspick /", CAPS, SYS_fspick, { HERE, P("/"), 0 } },
	{ "open_tree, a copy of /", CAPS, SYS_open_tree,
	    { HERE, P("/"), OPEN_TREE_CLONE | AT_RECURSIVE } },
	{ "move_mount / to /", CAPS, SYS_move_mount, { HERE, P("/"), HERE, P("/"), 0 } },
	{ "mount_setattr /", CAPS, SYS_mount_setattr,
	    { HERE, P("/"), 0, P((struct mount_attr[]){ { .attr_clr = MOUNT_ATTR_RDONLY } }),
		sizeof(struct mount_attr) } },
	{ "pivot_root", CAPS, SYS_pivot_root, { P("/"), P("/") } },
	{ "chroot", CAPS, SYS_chroot, { P("/") } },
	{ "chroot to /proc/1/root", ROOT | CAPS, SYS_chroot, { P("/proc/1/root") } },
};

const struct attempt_group try_files = { "files", files, NITEMS(files) };
const struct attempt_group try_mounts = { "mounts", mounts, NITEMS(mounts) };
