/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail's stages, in order. zoneadmd (root) makes the child and maps its uid; all else the child
 * does to itself before it executes the program. Any stage that fails ends the child: there is no
 * weaker jail to fall back to. Only Landlock may be missing, for not every kernel has it, and
 * everything it forbids is out of reach without it as well.
 *
 *   parent  1 clone     namespaces (user, pid, mount, net, ipc, uts, cgroup), into the zone's
 *   cgroup
 *           2 map       uid and gid: one line, the zone's own number onto itself, not host root's
 *   child   3 session   signals to their defaults, own session, hostname
 *           4 fds       the named descriptors to their numbers, every other one closed
 *           5 identity  no supplementary group, gid, uid
 *           6 parting   a keyring of its own
 *           7 root      a read-only tmpfs, empty but for the mounts named, is the root; no /proc
 *           8 limits    no further namespace; no core, bounded descriptors, threads, locked memory
 *           9 caps      bounding, ambient, inheritable, permitted, effective: all empty
 *          10 sealed    no_new_privs, killed with zoneadmd, Landlock: no file, no port
 *          11 exec      by descriptor, empty environment
 *
 * The program is executed from the file zoneadmd opened for reading: it is neither writable to the
 * zone's uid nor can it be reopened for writing without /proc, and zones share its pages (a sealed
 * copy in a memfd, which runc needs, would cost each zone a copy).
 *
 * What is not static (swtpm, zhyve-vnc) has the libraries, and swtpm one folder
 * of its own mounted, as detached mounts that zoneadmd made (jail_tree.h).
 */
#include "zone/jail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/rlimits.h"

/* tests/jail shows what each layer is good for by a jail that is without it, and defines these. */
#ifndef JAIL_WITH
#define JAIL_WITH(layer) true
#define jail_keep_caps() 0
#endif

#define HIGH_FD           256 /* above every final number: where descriptors wait for their place */
#define MEMLOCK_BYTES     (64ull * MIB)
#define LANDLOCK_TRUNCATE (1ull << 14) /* since version 3 */

enum stage {
	STAGE_MAP,
	STAGE_SESSION,
	STAGE_FDS,
	STAGE_IDENTITY,
	STAGE_PARTING,
	STAGE_ROOT,
	STAGE_NAMESPACES,
	STAGE_RLIMITS,
	STAGE_CAPS,
	STAGE_SEALED,
	STAGE_EXEC,
};
static const char *const stage_names[] = {
	[STAGE_MAP] = "waiting for the uid map",
	[STAGE_SESSION] = "setting session and hostname",
	[STAGE_FDS] = "placing descriptors",
	[STAGE_IDENTITY] = "taking the zone's uid",
	[STAGE_PARTING] = "parting from the caller's keyring and limits",
	[STAGE_ROOT] = "making the empty root",
	[STAGE_NAMESPACES] = "forbidding further namespaces",
	[STAGE_RLIMITS] = "setting resource limits",
	[STAGE_CAPS] = "dropping capabilities",
	[STAGE_SEALED] = "sealing (no_new_privs, Landlock)",
	[STAGE_EXEC] = "executing the program",
};

/* What the child tells before it ends; nothing at all means the program runs. */
struct report {
	uint32_t stage;
	int32_t errnum;
};

uint32_t
jail_uid(uint32_t did)
{
	return (JAIL_UID_BASE + did % JAIL_UID_SPAN);
}

uint32_t
jail_helper_uid(uint32_t did, unsigned helper)
{
	assert(helper < JAIL_HELPERS);
	return (jail_uid(did) + (helper + 1) * JAIL_UID_SPAN);
}

/* 3: nothing of our signal setup, session or name goes along. */
static int
stage_session(const struct jail_spec *s)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(
		    sig, &dfl, NULL); /* KILL, STOP and libc's own refuse: they need none */
	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setsid() < 0)
		return (-errno);
	if (!JAIL_WITH(JAIL_UTS))
		return (0); /* the name would be the host's */
	return (sethostname(s->hostname, strlen(s->hostname)) != 0 ? -errno : 0);
}

/*
 * 4: first all out of the way, then each to its number, so that none is overwritten before it was
 * moved.
 */
static int
stage_fds(const struct jail_spec *s, int *exec_fd, int *report_fd, int mount_fd[JAIL_MOUNTS_MAX])
{
	int from[JAIL_FDS_MAX + 3], n = 0;
	int high[JAIL_MOUNTS_MAX];

	from[n++] = s->in_fd;
	from[n++] = s->out_fd;
	from[n++] = s->out_fd;
	for (size_t i = 0; i < s->nfds; i++)
		from[n++] = s->fds[i];
	for (int i = 0; i < n; i++) {
		if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, HIGH_FD)) < 0)
			return (-errno);
	}
	/* These lie just above the named ones, and go at exec. */
	for (size_t i = 0; i < s->nmounts; i++) {
		if ((high[i] = fcntl(s->mounts[i].fd, F_DUPFD_CLOEXEC, HIGH_FD)) < 0)
			return (-errno);
	}
	int exec_high = fcntl(*exec_fd, F_DUPFD_CLOEXEC, HIGH_FD);
	int report_high = fcntl(*report_fd, F_DUPFD_CLOEXEC, HIGH_FD);

	if (exec_high < 0 || report_high < 0)
		return (-errno);
	for (int i = 0; i < n; i++) {
		if (dup2(from[i], i) < 0)
			return (-errno);
	}
	if (dup3(report_high, n, O_CLOEXEC) < 0 || dup3(exec_high, n + 1, O_CLOEXEC) < 0)
		return (-errno);
	*report_fd = n++;
	*exec_fd = n++;
	for (size_t i = 0; i < s->nmounts; i++) {
		mount_fd[i] = n++;
		if (dup3(high[i], mount_fd[i], O_CLOEXEC) < 0)
			return (-errno);
	}
	if (JAIL_WITH(JAIL_FDS) && syscall(SYS_close_range, (unsigned)n, ~0u, 0) != 0)
		return (-errno);
	return (0);
}

/*
 * 5: the map knows one uid and one gid; taking them leaves the capabilities of the new user
 * namespace, needed until stage 9.
 */
static int
stage_identity(const struct jail_spec *s)
{
	if (!JAIL_WITH(JAIL_UID))
		return (setresuid(0, 0, 0) != 0 ? -errno : 0);
	if (!JAIL_WITH(JAIL_USERNS) && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0)
		return (-errno);
	if (setgroups(0, NULL) != 0 || setresgid(s->uid, s->uid, s->uid) != 0 ||
	    setresuid(s->uid, s->uid, s->uid) != 0)
		return (-errno);
	return (0);
}

/* A file system of its own, mounted nowhere yet; `option` are names and values. The mount's descriptor, or -errno. */
static int
new_fs(const char *type, const char *const option[][2], size_t n, unsigned attrs)
{
	CLEANUP_FD int fs = (int)syscall(SYS_fsopen, type, 1 /* FSOPEN_CLOEXEC */);
	int mnt;

	if (fs < 0)
		return (-errno);
	for (size_t i = 0; i < n; i++)
		if (syscall(SYS_fsconfig, fs, 1 /* FSCONFIG_SET_STRING */, option[i][0],
			option[i][1], 0) != 0)
			return (-errno);
	if (syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) != 0)
		return (-errno);
	mnt = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, attrs);
	return (mnt >= 0 ? mnt : -errno);
}

/*
 * A /proc to name the limits of stage 8 in. One of our own, which nothing else sees and which ends with its
 * last descriptor: in the host's the kernel keeps each of these names once for each user namespace there is,
 * and looks through them all (3 us more for each zone, seen with Linux 6.18). The host's where it refuses one.
 */
static int
open_proc(void)
{
	int dir = new_fs("proc", NULL, 0, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

	return (dir >= 0 ? dir : open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/*
 * 6: the caller's session keyring stays behind; the limits of stage 8 can be named only while the
 * host's /proc is seen.
 */
static const char *const namespace_kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup",
	"time" };

static int
stage_parting(int limit_fd[NITEMS(namespace_kinds)])
{
	int proc, rc = 0;

	if (JAIL_WITH(JAIL_KEYRING) && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 &&
	    errno != ENOSYS)
		return (-errno);
	for (size_t i = 0; i < NITEMS(namespace_kinds); i++)
		limit_fd[i] = -1;
	/* Without a user namespace of our own these are the host's. */
	if (!JAIL_WITH(JAIL_NESTED) || !JAIL_WITH(JAIL_USERNS))
		return (0);
	if ((proc = open_proc()) < 0)
		return (-errno);
	for (size_t i = 0; i < NITEMS(namespace_kinds) && rc == 0; i++) {
		char path[64];

		(void)snprintf(
		    path, sizeof(path), "sys/user/max_%s_namespaces", namespace_kinds[i]);
		if ((limit_fd[i] = openat(proc, path, O_WRONLY | O_CLOEXEC)) < 0)
			rc = -errno;
	}
	(void)close(proc);
	return (rc);
}

/* 7: what the root has; it is where we stand. It becomes read-only after. */
static int
fill_root(const struct jail_spec *s, const int mount_fd[JAIL_MOUNTS_MAX])
{
	struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };

	for (size_t i = 0; i < s->nmounts; i++) {
		if (mkdir(s->mounts[i].name, 0555) != 0 ||
		    syscall(SYS_move_mount, mount_fd[i], "", AT_FDCWD, s->mounts[i].name,
			4 /* MOVE_MOUNT_F_EMPTY_PATH */) != 0)
			return (-errno);
	}
	if (symlink(".", "usr") != 0 ||
	    syscall(SYS_mount_setattr, AT_FDCWD, ".", 0, &readonly, sizeof(readonly)) != 0)
		return (-errno);
	return (0);
}

/* 7: without mounts the root can be read-only from the first moment. */
static int
stage_root(const struct jail_spec *s, const int mount_fd[JAIL_MOUNTS_MAX])
{
	const char *const options[][2] = { { "size", "4k" },
		{ "nr_inodes", s->nmounts == 0 ? "1" : "8" }, { "mode", "0555" } };
	unsigned attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	int mnt;

	if (!JAIL_WITH(JAIL_ROOT))
		return (0);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return (-errno);
	if (s->nmounts == 0)
		attrs |= MOUNT_ATTR_RDONLY;
	if ((mnt = new_fs("tmpfs", options, NITEMS(options), attrs)) < 0)
		return (mnt);
	/*
	 * It is laid over the old root, becomes the root, and the old one, now over it, is taken
	 * away whole.
	 */
	if (syscall(SYS_move_mount, mnt, "", AT_FDCWD, "/", 4 /* MOVE_MOUNT_F_EMPTY_PATH */) != 0 ||
	    fchdir(mnt) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
	    umount2(".", MNT_DETACH) != 0 || chdir("/") != 0)
		return (-errno);
	(void)close(mnt);
	return (s->nmounts == 0 ? 0 : fill_root(s, mount_fd));
}

/*
 * 8: inside a nested user namespace a process would be its root, and reach kernel code that only
 * root reaches. These limits are our user namespace's own; only its CAP_SYS_RESOURCE, gone with
 * stage 9, could raise them.
 */
static int
stage_namespaces(int limit_fd[NITEMS(namespace_kinds)])
{
	for (size_t i = 0; i < NITEMS(namespace_kinds); i++) {
		if (limit_fd[i] >= 0 && write(limit_fd[i], "0", 1) != 1)
			return (-errno);
		fd_close(&limit_fd[i]);
	}
	return (0);
}

/* 8 */
static int
stage_rlimits(const struct jail_spec *s)
{
	const struct rlimit_cap caps[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 1024 },
		{ RLIMIT_NPROC, s->threads },
		{ RLIMIT_MEMLOCK, MAX(s->locked, MEMLOCK_BYTES) },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, 0 },
		{ RLIMIT_LOCKS, 0 },
		{ RLIMIT_SIGPENDING, 64 },
		{ RLIMIT_FSIZE, s->file_max != 0 ? s->file_max : RLIM_INFINITY },
	};

	return (JAIL_WITH(JAIL_LIMITS) ? rlimits_lower(caps, NITEMS(caps)) : 0);
}

/*
 * 9: the bounding set first, for that needs CAP_SETPCAP. It ends at the first number the kernel
 * does not know.
 */
static int
stage_caps(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (!JAIL_WITH(JAIL_CAPS))
		return (jail_keep_caps());
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return (-errno);
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &head, data) != 0)
		return (-errno);
	return (0);
}

/* Allow what is at or below a descriptor. */
static int
landlock_allow(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };

	return (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0
		? -errno
		: 0);
}

/* The rules for the mounts, and for the dynamic linker (System V ABI for AMD64, 5.2.1) in them. */
static int
landlock_mounts(
    const struct jail_spec *s, const int mount_fd[JAIL_MOUNTS_MAX], int ruleset, uint64_t known)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const uint64_t writing = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_TRUNCATE;
	int fd, rc = 0;

	for (size_t i = 0; i < s->nmounts && rc == 0; i++)
		rc = landlock_allow(ruleset, mount_fd[i],
		    (s->mounts[i].writable ? reading | writing : reading) & known);
	if (rc != 0 || s->nmounts == 0)
		return (rc);
	if ((fd = open("/lib64/ld-linux-x86-64.so.2", O_PATH | O_CLOEXEC)) < 0)
		return (-errno);
	rc = landlock_allow(ruleset, fd, LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
	(void)close(fd);
	return (rc);
}

/*
 * Landlock (Documentation/userspace-api/landlock.rst): everything its version knows is forbidden,
 * but for executing (which is opening for reading and executing) the one program file, and what
 * the mounts are for.
 */
static int
landlock(const struct jail_spec *s, int exec_fd, const int mount_fd[JAIL_MOUNTS_MAX])
{
	static const struct {
		uint64_t fs, net, scoped;
	} abi[] = {
		{ 0x1fff, 0, 0 },     /* 1 */
		{ 0x3fff, 0, 0 },     /* 2: refer */
		{ 0x7fff, 0, 0 },     /* 3: truncate */
		{ 0x7fff, 0x3, 0 },   /* 4: TCP bind and connect */
		{ 0xffff, 0x3, 0 },   /* 5: ioctl on devices opened after */
		{ 0xffff, 0x3, 0x3 }, /* 6: abstract sockets, signals */
	};
	struct {
		uint64_t fs, net, scoped;
	} attr = { 0 };
	long version =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	size_t size = sizeof(uint64_t);
	int fd, rc;

	if (version < 1)
		return (0); /* this kernel has none */
	version = MIN(version, (long)NITEMS(abi));
	attr.fs = abi[version - 1].fs;
	attr.net = abi[version - 1].net;
	attr.scoped = abi[version - 1].scoped;
	if (version >= 4)
		size = version >= 6 ? 3 * sizeof(uint64_t) : 2 * sizeof(uint64_t);
	if ((fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0)) < 0)
		return (-errno);
	rc = landlock_allow(fd, exec_fd, LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE);
	if (rc == 0)
		rc = landlock_mounts(s, mount_fd, fd, attr.fs);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		rc = -errno;
	(void)close(fd);
	return (rc);
}

/* 10 */
static int
stage_sealed(const struct jail_spec *s, int exec_fd, const int mount_fd[JAIL_MOUNTS_MAX])
{
	if ((JAIL_WITH(JAIL_SEALED) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return (-errno);
	return (JAIL_WITH(JAIL_LANDLOCK) && JAIL_WITH(JAIL_SEALED) ? landlock(s, exec_fd, mount_fd)
								   : 0);
}

/* The child: runs the stages; returns only by its end. Only system calls from here on. */
static void __attribute__((noreturn)) child(const struct jail_spec *s, int go_fd, int report_fd)
{
	static char *const empty_env[] = { NULL };
	int exec_fd = s->exec_fd, limit_fd[NITEMS(namespace_kinds)], mount_fd[JAIL_MOUNTS_MAX];
	struct report r;
	char go;
	int rc;

	r.stage = STAGE_MAP;
	if (read(go_fd, &go, 1) != 1)
		_exit(127); /* zoneadmd gave up, and knows why */
	r.stage = STAGE_SESSION;
	if ((rc = stage_session(s)) != 0)
		goto fail;
	r.stage = STAGE_FDS;
	if ((rc = stage_fds(s, &exec_fd, &report_fd, mount_fd)) != 0)
		goto fail;
	r.stage = STAGE_IDENTITY;
	if ((rc = stage_identity(s)) != 0)
		goto fail;
	r.stage = STAGE_PARTING;
	if ((rc = stage_parting(limit_fd)) != 0)
		goto fail;
	r.stage = STAGE_ROOT;
	if ((rc = stage_root(s, mount_fd)) != 0)
		goto fail;
	r.stage = STAGE_NAMESPACES;
	if ((rc = stage_namespaces(limit_fd)) != 0)
		goto fail;
	r.stage = STAGE_RLIMITS;
	if ((rc = stage_rlimits(s)) != 0)
		goto fail;
	r.stage = STAGE_CAPS;
	if ((rc = stage_caps()) != 0)
		goto fail;
	r.stage = STAGE_SEALED;
	if ((rc = stage_sealed(s, exec_fd, mount_fd)) != 0)
		goto fail;
	r.stage = STAGE_EXEC;
	(void)syscall(SYS_execveat, exec_fd, "", s->argv, empty_env, AT_EMPTY_PATH);
	rc = -errno;
fail:
	r.errnum = -rc;
	(void)!write(report_fd, &r, sizeof(r));
	_exit(127);
}

static int
write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	CLEANUP_FD int fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-errno);
	return (write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno);
}

/* 2 */
static int
map_ids(pid_t pid, uint32_t uid)
{
	char line[64];
	int rc;

	if (!JAIL_WITH(JAIL_USERNS))
		return (0);
	if (!JAIL_WITH(JAIL_UID))
		uid = 0;
	(void)snprintf(line, sizeof(line), "%u %u 1\n", uid, uid);
	if ((rc = write_proc(pid, "uid_map", line)) != 0)
		return (rc);
	return (write_proc(pid, "gid_map", line));
}

/* 2, for devices of the host: this limit only the host's root raises. Stage 8 lowers it to the byte. */
static int
raise_locked(pid_t pid, uint64_t bytes)
{
	struct rlimit r;

	if (bytes == 0)
		return (0);
	if (prlimit(pid, RLIMIT_MEMLOCK, NULL, &r) != 0)
		return (-errno);
	r.rlim_max = MAX(r.rlim_max, bytes);
	return (prlimit(pid, RLIMIT_MEMLOCK, &r, NULL) != 0 ? -errno : 0);
}

/* 1: with all namespaces of its own. */
static pid_t
clone_into(int cgroup_fd, int *pidfd)
{
	struct clone_args args = {
		.flags = (JAIL_WITH(JAIL_USERNS) ? CLONE_NEWUSER : 0) |
		    (JAIL_WITH(JAIL_PID) ? CLONE_NEWPID : 0) |
		    (JAIL_WITH(JAIL_ROOT) ? CLONE_NEWNS : 0) |
		    (JAIL_WITH(JAIL_NET) ? CLONE_NEWNET : 0) |
		    (JAIL_WITH(JAIL_IPC) ? CLONE_NEWIPC : 0) |
		    (JAIL_WITH(JAIL_UTS) ? CLONE_NEWUTS : 0) |
		    (JAIL_WITH(JAIL_CGROUP) ? CLONE_NEWCGROUP : 0) | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup_fd;
	}
	return ((pid_t)syscall(SYS_clone3, &args, sizeof(args)));
}

static int
check_spec(const struct jail_spec *s, struct err *e)
{
	if (s->nfds > JAIL_FDS_MAX)
		return (
		    err_say(e, E2BIG, "%zu descriptors for the jail; at most %d can be handed over",
			s->nfds, JAIL_FDS_MAX));
	if (s->nmounts > JAIL_MOUNTS_MAX)
		return (err_say(e, E2BIG, "%zu mounts for the jail; at most %d can be made",
		    s->nmounts, JAIL_MOUNTS_MAX));
	if (s->uid < JAIL_UID_BASE || s->uid - JAIL_UID_BASE >= (1 + JAIL_HELPERS) * JAIL_UID_SPAN)
		return (err_say(e, EINVAL, "%u is not a uid of zones", s->uid));
	return (0);
}

/* Kill and reap a child that did not become the program. */
static void
discard(pid_t pid, int *pidfd)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	fd_close(pidfd);
}

int
jail_start(const struct jail_spec *s, pid_t *pid, int *pidfd, struct err *e)
{
	int go[2] = { -1, -1 }, back[2] = { -1, -1 };
	struct report r = { 0 };
	ssize_t n;
	int rc;

	if ((rc = check_spec(s, e)) != 0)
		return (rc);
	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(back, O_CLOEXEC) != 0) {
		rc = err_set(e, errno, "cannot make the jail's pipes");
		goto out;
	}
	*pidfd = -1;
	if ((*pid = clone_into(s->cgroup_fd, pidfd)) < 0) {
		rc = err_set(e, errno, "cannot make the zone's namespaces%s",
		    errno == ENOSPC || errno == EPERM ? " (see user.max_user_namespaces in sysctl)"
						      : "");
		goto out;
	}
	if (*pid == 0) {
		(void)close(go[1]);
		child(s, go[0], back[1]);
	}
	fd_close(&back[1]);
	fd_close(&go[0]);
	if ((rc = map_ids(*pid, s->uid)) != 0) {
		discard(*pid, pidfd);
		rc = err_set(e, -rc, "cannot map uid %u into the zone", s->uid);
		goto out;
	}
	if ((rc = raise_locked(*pid, s->locked)) != 0) {
		discard(*pid, pidfd);
		rc = err_set(e, -rc, "cannot let the zone lock %llu MiB of memory",
		    (unsigned long long)(s->locked / MIB));
		goto out;
	}
	if (write(go[1], "g", 1) != 1) {
		rc = errno; /* it waits for that, and we would wait for it */
		discard(*pid, pidfd);
		rc = err_set(e, rc, "cannot start the zone's first process");
		goto out;
	}
	do
		n = read(back[0], &r, sizeof(r));
	while (n < 0 && errno == EINTR);
	if (n != 0) {
		discard(*pid, pidfd);
		if (n != (ssize_t)sizeof(r) || r.stage >= NITEMS(stage_names))
			r = (struct report){ STAGE_EXEC, EPROTO };
		rc = err_set(e, r.errnum, "the jail failed when %s", stage_names[r.stage]);
	}
out:
	for (int i = 0; i < 2; i++) {
		fd_close(&go[i]);
		fd_close(&back[i]);
	}
	return (rc);
}
