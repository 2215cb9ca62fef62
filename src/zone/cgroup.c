/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's cgroup: see cgroup.h. Facts: Linux Documentation/admin-guide/cgroup-v2.rst. Uses no
 * cgroup v1, and refuses a limit it cannot enforce rather than run without. Runs in zoneadmd, as
 * root.
 */
#include "zone/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

#define CGROUP_TOP        "zhyve"
#define CGROUP_DAEMONS    ".daemons" /* no zone's name begins with a dot */
#define CPU_PERIOD_US     100000ull
#define CPU_WEIGHT_MAX    10000ull
#define KILL_TIMEOUT_MS   10000
#define REMOVE_TIMEOUT_MS 2000

static const char *const controllers[] = { "cpu", "memory", "pids", "io", "cpuset" };

static uint64_t
rctl_or_zero(const struct zconf *c, const char *name)
{
	uint64_t v;

	return (zconf_rctl_get(c, name, &v) == 0 ? v : 0);
}

int
cgroup_limits_get(const struct zconf *c, uint64_t ram, struct cgroup_limits *out, struct err *e)
{
	*out = (struct cgroup_limits){
		.cpu_cap = rctl_or_zero(c, "zone.cpu-cap"),
		.cpu_shares = rctl_or_zero(c, "zone.cpu-shares"),
		.memory = rctl_or_zero(c, "zone.max-physical-memory"),
		.swap = rctl_or_zero(c, "zone.max-swap"),
		.lwps = rctl_or_zero(c, "zone.max-lwps"),
	};
	if (out->memory != 0 && out->memory < ram)
		return (err_say(e, EINVAL,
		    "zone.max-physical-memory (%llu bytes) is less than the guest's memory (%llu "
		    "bytes, attr ram): "
		    "raise the cap or lower ram",
		    (unsigned long long)out->memory, (unsigned long long)ram));
	return (0);
}

static void put(struct cgroup_setting *s, const char *controller, const char *file, const char *fmt,
    uint64_t a) __attribute__((format(printf, 4, 0)));
static void
put(struct cgroup_setting *s, const char *controller, const char *file, const char *fmt, uint64_t a)
{
	s->controller = controller;
	s->file = file;
	(void)snprintf(s->value, sizeof(s->value), fmt, (unsigned long long)a);
}

size_t
cgroup_settings(const struct cgroup_limits *lim, struct cgroup_setting out[CGROUP_SETTINGS_MAX])
{
	size_t n = 0;

	if (lim->cpu_cap != 0)
		put(&out[n++], "cpu", "cpu.max", "%llu 100000",
		    lim->cpu_cap * (CPU_PERIOD_US / 100));
	if (lim->cpu_shares != 0)
		put(&out[n++], "cpu", "cpu.weight", "%llu", MIN(lim->cpu_shares, CPU_WEIGHT_MAX));
	if (lim->memory != 0) {
		put(&out[n++], "memory", "memory.max", "%llu", lim->memory);
		/* The guest and its VMM live and die together. */
		put(&out[n++], "memory", "memory.oom.group", "%llu", 1);
	}
	if (lim->swap != 0 && lim->memory != 0)
		put(&out[n++], "memory", "memory.swap.max", "%llu",
		    lim->swap > lim->memory ? lim->swap - lim->memory : 0);
	if (lim->lwps != 0)
		put(&out[n++], "pids", "pids.max", "%llu", lim->lwps);
	return (n);
}

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

int
cgroup_path(const char *zone, char out[PATH_MAX], struct err *e)
{
	char top[PATH_MAX];
	int rc = find_mount(top);

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

/* True when the words of `file` (blank separated) hold `word`. */
static bool
file_has_word(const char *dir, const char *file, const char *word)
{
	char path[PATH_MAX], text[512], *save = NULL;
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path) ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ||
	    (n = read(fd, text, sizeof(text) - 1)) < 0)
		return (false);
	text[n] = '\0';
	for (char *w = strtok_r(text, " \n", &save); w != NULL; w = strtok_r(NULL, " \n", &save)) {
		if (strcmp(w, word) == 0)
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
 * needs it.
 */
static void
hand_down(const char *dir)
{
	char word[32];

	for (size_t i = 0; i < NITEMS(controllers); i++) {
		(void)snprintf(word, sizeof(word), "+%s", controllers[i]);
		if (!file_has_word(dir, "cgroup.subtree_control", controllers[i]))
			(void)write_file(dir, "cgroup.subtree_control", word);
	}
}

static int
apply(const char *path, const struct cgroup_limits *lim, struct err *e)
{
	struct cgroup_setting set[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_settings(lim, set);
	int rc;

	for (size_t i = 0; i < n; i++) {
		if (!file_has_word(path, "cgroup.controllers", set[i].controller))
			return (err_say(e, ENOTSUP,
			    "cgroup v2 has no %s controller here, so %s cannot be set: boot the "
			    "host with "
			    "systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=all), or clear "
			    "the zone's limit",
			    set[i].controller, set[i].file));
		rc = write_file(path, set[i].file, set[i].value);
		/* A kernel without swap has no swap to limit. */
		if (rc == -ENOENT && strcmp(set[i].file, "memory.swap.max") == 0)
			continue;
		if (rc != 0)
			return (err_set(
			    e, -rc, "cannot write '%s' to %s/%s", set[i].value, path, set[i].file));
	}
	return (0);
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
	if ((rc = apply(path, lim, e)) == 0) {
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

/* The number after `key` in one of the "key number" files. -errno. */
static int
read_key(const char *path, const char *name, const char *key, unsigned *out)
{
	char file[PATH_MAX], text[512], *line, *save = NULL;
	size_t len = strlen(key);
	CLEANUP_FD int fd = -1;
	ssize_t n;

	if ((size_t)snprintf(file, sizeof(file), "%s/%s", path, name) >= sizeof(file))
		return (-ENAMETOOLONG);
	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) < 0 ||
	    (n = read(fd, text, sizeof(text) - 1)) < 0)
		return (-errno);
	text[n] = '\0';
	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return (parse_u32(line + len + 1, 0, UINT32_MAX, out));
	}
	return (-ENODATA);
}

unsigned
cgroup_oom_kills(const char *path)
{
	unsigned n;

	return (read_key(path, "memory.events", "oom_kill", &n) == 0 ? n : 0);
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
	unsigned busy = 0;
	int rc;

	for (unsigned waited = 0;; waited += 10) {
		rc = read_key(path, "cgroup.events", "populated", &busy);
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

void
cgroup_daemon_enter(void)
{
	char path[PATH_MAX], top[PATH_MAX];
	int rc;

	if (cgroup_path(CGROUP_DAEMONS, path, NULL) != 0)
		return;
	parent_of(path, top);
	if ((mkdir(top, 0755) != 0 && errno != EEXIST) ||
	    (mkdir(path, 0755) != 0 && errno != EEXIST))
		return;
	if ((rc = write_file(path, "cgroup.procs", "0")) != 0)
		log_warn("cannot move to cgroup '%s': %s", path, strerror(-rc));
}

void
cgroup_daemon_leave(void)
{
	char path[PATH_MAX], top[PATH_MAX], root[PATH_MAX];

	if (cgroup_path(CGROUP_DAEMONS, path, NULL) != 0)
		return;
	parent_of(path, top);
	parent_of(top, root);
	(void)write_file(root, "cgroup.procs", "0");
	if (rmdir(path) == 0)
		(void)rmdir(top);
}
