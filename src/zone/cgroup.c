/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's cgroup: see cgroup.h. Facts: Linux Documentation/admin-guide/cgroup-v2.rst. Uses no
 * cgroup v1, and refuses a limit it cannot enforce rather than run without. Runs in zoneadmd, as
 * root.
 */
#include "zone/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/paths.h"

#define CGROUP_TOP        "zhyve"
#define CGROUP_DELEGATED  ".cgroup"  /* of /run/zones */
#define CGROUP_DAEMONS    ".daemons" /* no zone's name begins with a dot */
#define FILE_MAX          8192
#define OWN_MAX           (PATH_MAX + 8) /* a line of /proc/self/cgroup */
#define KILL_TIMEOUT_MS   10000
#define REMOVE_TIMEOUT_MS 2000

static const char *const controllers[] = { "cpu", "memory", "pids", "io", "cpuset" };

/* The mount point of cgroup v2: where distributions put it first, then wherever it is. */
static int
find_mount(char out[PATH_MAX])
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	int rc = -ENODEV;

	if (f == NULL)
		return (-errno);
	while ((m = getmntent(f)) != NULL) {
		if (strcmp(m->mnt_type, "cgroup2") == 0) {
			(void)snprintf(out, PATH_MAX, "%s", m->mnt_dir);
			rc = 0;
			if (strcmp(out, "/sys/fs/cgroup") == 0)
				break;
		}
	}
	(void)endmntent(f);
	return (rc);
}

/* The part of a hierarchy that was delegated to zones: a path in it, or NULL. */
static const char *
delegated_part(char text[PATH_MAX])
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = open(path_run(path, "%s", CGROUP_DELEGATED), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, PATH_MAX - 1);

	if (n <= 0)
		return (NULL);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return (text[0] == '/' && text[1] != '\0' && strstr(text, "..") == NULL ? text : NULL);
}

/* Where zhyve/ stands: below what was delegated, while that is there, else below the mount point. */
static int
find_parent(char out[PATH_MAX])
{
	char part[PATH_MAX], both[2 * PATH_MAX];
	int rc = find_mount(out);

	if (rc == 0 && delegated_part(part) != NULL) {
		(void)snprintf(both, sizeof(both), "%s%s", out, part);
		if (strlen(both) < PATH_MAX && access(both, F_OK) == 0)
			memcpy(out, both, strlen(both) + 1);
	}
	return (rc);
}

int
cgroup_path(const char *zone, char out[PATH_MAX], struct err *e)
{
	char top[PATH_MAX];
	int rc = find_parent(top);

	if (rc != 0)
		return (err_say(e, -rc,
		    "no cgroup v2 hierarchy is mounted: mount it (mount -t cgroup2 none "
		    "/sys/fs/cgroup) or boot the host "
		    "with systemd.unified_cgroup_hierarchy=1"));
	if ((size_t)snprintf(out, PATH_MAX, "%s/" CGROUP_TOP "/%s", top, zone) >= PATH_MAX)
		return (err_set(e, ENAMETOOLONG, "cgroup of zone '%s'", zone));
	return (0);
}

static int
write_file(const char *dir, const char *file, const char *value)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return (-ENAMETOOLONG);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-errno);
	return (fd_write_full(fd, value, strlen(value)));
}

/* A file of the cgroup as text, cut at the buffer's size. 0 or -errno. */
static int
read_file(const char *dir, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return (-ENAMETOOLONG);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || (n = read(fd, text, size - 1)) < 0)
		return (-errno);
	text[n] = '\0';
	return (0);
}

/* True when `word` is one of the words (blank separated). */
static bool
has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; (p = strstr(p, word)) != NULL; p += len) {
		if ((p == text || p[-1] == ' ' || p[-1] == '\n') &&
		    (p[len] == '\0' || p[len] == ' ' || p[len] == '\n'))
			return (true);
	}
	return (false);
}

static void
parent_of(const char *path, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s", path);
	*strrchr(out, '/') = '\0';
}

/*
 * Hand the controllers down to the children of `dir`. One that is not there is missed where a limit
 * needs it; it is not asked for, since the kernel looks at all cgroups below before it refuses.
 */
static void
hand_down(const char *dir)
{
	char word[32], have[512], there[512];

	if (read_file(dir, "cgroup.subtree_control", have, sizeof(have)) != 0 ||
	    read_file(dir, "cgroup.controllers", there, sizeof(there)) != 0)
		return;
	for (size_t i = 0; i < NITEMS(controllers); i++) {
		(void)snprintf(word, sizeof(word), "+%s", controllers[i]);
		if (has_word(there, controllers[i]) && !has_word(have, controllers[i]))
			(void)write_file(dir, "cgroup.subtree_control", word);
	}
}

static int
set_one(const char *path, const char *have, const struct cgroup_setting *s, struct err *e)
{
	int rc;

	if (!has_word(have, s->controller)) {
		if (s->optional)
			return (0);
		return (err_say(e, ENOTSUP,
		    "cgroup v2 has no %s controller here, so %s cannot be set: boot the host with "
		    "systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=all), or clear the zone's "
		    "limit",
		    s->controller, s->file));
	}
	rc = write_file(path, s->file, s->value);
	if (rc == -ENOENT && s->file2 != NULL)
		rc = write_file(path, s->file2, s->value);
	/* A kernel without swap has no swap to limit. */
	if (rc == -ENOENT && (s->optional || strcmp(s->file, "memory.swap.max") == 0))
		return (0);
	return (
	    rc == 0 ? 0 : err_set(e, -rc, "cannot write '%s' to %s/%s", s->value, path, s->file));
}

static int
set_all(const char *path, const struct cgroup_limits *lim, struct err *e)
{
	struct cgroup_setting set[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_settings(lim, set);
	char have[512];
	int rc;

	if ((rc = read_file(path, "cgroup.controllers", have, sizeof(have))) != 0)
		return (err_set(e, -rc, "cannot read the controllers of cgroup '%s'", path));
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = set_one(path, have, &set[i], e);
	return (rc);
}

/* Bytes that the kernel cannot take from the zone while it runs: not what it could write back. */
static uint64_t
memory_kept(const char *path)
{
	static const char *const kinds[] = { "anon", "shmem", "kernel_stack" };
	uint64_t v, sum = 0;

	for (size_t i = 0; i < NITEMS(kinds); i++) {
		if (cgroup_read_key(path, "memory.stat", kinds[i], &v) == 0)
			sum += v;
	}
	return (sum);
}

int
cgroup_limits_set(const char *path, const struct cgroup_limits *lim, struct err *e)
{
	uint64_t kept = memory_kept(path);

	if (lim->memory != 0 && kept > lim->memory)
		return (err_say(e, EBUSY,
		    "zone.max-physical-memory (%llu bytes) is less than the zone has in use (%llu "
		    "bytes)",
		    (unsigned long long)lim->memory, (unsigned long long)kept));
	return (set_all(path, lim, e));
}

int
cgroup_create(const char *path, const struct cgroup_limits *lim, int *fd, struct err *e)
{
	char top[PATH_MAX], root[PATH_MAX];
	int rc;

	parent_of(path, top);
	parent_of(top, root);
	hand_down(root);
	if (mkdir(top, 0755) != 0 && errno != EEXIST)
		return (err_set(e, errno, "cannot make cgroup '%s'", top));
	hand_down(top);
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return (err_set(e, errno, "cannot make cgroup '%s'", path));
	if ((rc = set_all(path, lim, e)) == 0) {
		*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (*fd >= 0)
			return (0);
		rc = err_set(e, errno, "cannot open cgroup '%s'", path);
	}
	(void)cgroup_remove(path, NULL);
	return (rc);
}

static void
sleep_ms(unsigned ms)
{
	(void)poll(NULL, 0, (int)ms);
}

int
cgroup_read_key(const char *path, const char *file, const char *key, uint64_t *out)
{
	char text[FILE_MAX], *line, *save = NULL;
	size_t len = strlen(key);
	int rc = read_file(path, file, text, sizeof(text));

	if (rc != 0)
		return (rc);
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return (parse_u64(line + len + 1, out));
	}
	return (-ENODATA);
}

int
cgroup_read_number(const char *path, const char *file, uint64_t *out)
{
	char text[64];
	int rc = read_file(path, file, text, sizeof(text));

	if (rc != 0)
		return (rc);
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "max") != 0)
		return (parse_u64(text, out));
	*out = UINT64_MAX;
	return (0);
}

void
cgroup_hits(const char *path, struct cgroup_hits *out)
{
	*out = (struct cgroup_hits){ 0 };
	(void)cgroup_read_key(path, "memory.events", "oom", &out->oom);
	(void)cgroup_read_key(path, "memory.events", "oom_kill", &out->oom_kill);
	(void)cgroup_read_key(path, "pids.events", "max", &out->lwps);
}

/* Linux before 5.14 has no cgroup.kill: the processes one by one. */
static void
kill_each(const char *path)
{
	char file[PATH_MAX];
	FILE *f;
	int pid;

	if ((size_t)snprintf(file, sizeof(file), "%s/cgroup.procs", path) >= sizeof(file) ||
	    (f = fopen(file, "re")) == NULL)
		return;
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid > 0)
			(void)kill(pid, SIGKILL);
	}
	(void)fclose(f);
}

int
cgroup_kill(const char *path, struct err *e)
{
	uint64_t busy = 0;
	int rc;

	for (unsigned waited = 0;; waited += 10) {
		rc = cgroup_read_key(path, "cgroup.events", "populated", &busy);
		if (rc == -ENOENT || rc == -ENODEV || (rc == 0 && busy == 0))
			return (0);
		if (rc < 0)
			return (err_set(e, -rc, "cannot read the state of cgroup '%s'", path));
		if (waited >= KILL_TIMEOUT_MS)
			return (err_say(
			    e, EBUSY, "processes in cgroup '%s' do not end although killed", path));
		if (write_file(path, "cgroup.kill", "1") == -ENOENT)
			kill_each(path);
		sleep_ms(waited == 0 ? 1 : 10);
	}
}

int
cgroup_remove(const char *path, struct err *e)
{
	char top[PATH_MAX];

	for (unsigned waited = 0; rmdir(path) != 0 && errno != ENOENT; waited += 10) {
		if (errno != EBUSY || waited >= REMOVE_TIMEOUT_MS)
			return (err_set(e, errno, "cannot remove cgroup '%s'", path));
		sleep_ms(10);
	}
	parent_of(path, top);
	(void)rmdir(top); /* other zones: EBUSY */
	return (0);
}

/* Where daemons are, made when it is missing; false where there is no such place. */
static bool
daemons_folder(char path[PATH_MAX])
{
	char top[PATH_MAX];

	if (cgroup_path(CGROUP_DAEMONS, path, NULL) != 0)
		return (false);
	parent_of(path, top);
	return ((mkdir(top, 0755) == 0 || errno == EEXIST) &&
	    (mkdir(path, 0755) == 0 || errno == EEXIST));
}

/* "0::/system.slice/zones.service", maybe after lines of cgroup v1: the path, which is in `text`, or NULL. */
static char *
own_cgroup(char text[OWN_MAX])
{
	int rc = read_file("/proc/self", "cgroup", text, OWN_MAX);
	char *own = rc == 0 ? strstr(text, "0::/") : NULL;

	if (own == NULL || (own != text && own[-1] != '\n'))
		return (NULL);
	own += strlen("0::");
	own[strcspn(own, "\n")] = '\0';
	return (own);
}

/* Is this process there? Others that are there are counted. */
static bool
daemons_has_us(const char *path, unsigned *others)
{
	char file[PATH_MAX + 16];
	bool here = false;
	FILE *f;
	int pid;

	*others = 0;
	(void)snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	if ((f = fopen(file, "re")) == NULL)
		return (false);
	while (fscanf(f, "%d", &pid) == 1) {
		if (pid == getpid())
			here = true;
		else
			(*others)++;
	}
	(void)fclose(f);
	return (here);
}

/*
 * Is this process there, as far as its own file tells? Daemons are started in it, and there are as
 * many as zones. "No" where this mount shows another part of the hierarchy than the namespace has.
 */
static bool
started_in(const char *path)
{
	char text[OWN_MAX], root[PATH_MAX];
	const char *own = own_cgroup(text);

	return (own != NULL && find_mount(root) == 0 && strncmp(path, root, strlen(root)) == 0 &&
	    strcmp(path + strlen(root), own) == 0);
}

void
cgroup_daemon_enter(void)
{
	char path[PATH_MAX];
	unsigned others;
	int rc;

	if (!daemons_folder(path) || started_in(path) || daemons_has_us(path, &others))
		return;
	if ((rc = write_file(path, "cgroup.procs", "0")) != 0)
		log_warn("cannot move to cgroup '%s': %s", path, strerror(-rc));
}

void
cgroup_daemon_leave(void)
{
	char path[PATH_MAX], top[PATH_MAX], root[PATH_MAX];
	unsigned others;

	if (cgroup_path(CGROUP_DAEMONS, path, NULL) != 0 || find_mount(root) != 0 ||
	    !daemons_has_us(path, &others) || others > 0)
		return;
	parent_of(path, top);
	(void)write_file(root, "cgroup.procs", "0");
	if (rmdir(path) == 0)
		(void)rmdir(top);
}

void
cgroup_tidy(void)
{
	char path[PATH_MAX], top[PATH_MAX];

	if (cgroup_path(CGROUP_DAEMONS, path, NULL) != 0)
		return;
	parent_of(path, top);
	if (rmdir(path) == 0 || errno == ENOENT)
		(void)rmdir(top);
}

pid_t
cgroup_daemon_fork(void)
{
	struct clone_args args = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;
	pid_t pid = -1;

	if (daemons_folder(path) && (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0) {
		args.cgroup = (uint64_t)fd;
		pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	}
	/* It may just have been removed by the last that was there; or this kernel cannot. */
	return (pid >= 0 ? pid : fork());
}

int
cgroup_delegated(struct err *e)
{
	char path[PATH_MAX], text[OWN_MAX], *own;
	int rc;

	if ((own = own_cgroup(text)) == NULL)
		return (err_say(e, ENODEV, "this process is in no cgroup v2"));
	if (own[1] == '\0' || strstr(own, "/" CGROUP_TOP "/") != NULL)
		return (err_say(
		    e, EINVAL, "no cgroup was delegated to this process: it is in '%s'", own));
	if ((rc = dir_make(path_run(path, "%s", ""), 0755, e)) != 0 ||
	    (rc = file_replace(
		 path_run(path, "%s", CGROUP_DELEGATED), own, strlen(own), 0644, e)) != 0)
		return (rc);
	cgroup_daemon_enter(); /* who has processes of its own can hand down no controllers */
	return (0);
}
