/* SPDX-License-Identifier: BSD-2-Clause */
/* What a zone has used so far: see zonestat.h. */
#include "zone/zonestat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/cgroup.h"
#include "zone/events.h"
#include "zone/paths.h"
#include "zone/varlink.h"

#define SMAPS_MAX  (4u << 20)
#define KVM_FOLDER "/sys/kernel/debug/kvm"
#define GUEST_RAM  "/memfd:guest-ram"

/* ---- the cgroup ---- */

static void
key(const char *path, const char *file, const char *name, uint64_t *out)
{
	if (cgroup_read_key(path, file, name, out) != 0)
		*out = ZONESTAT_NONE;
}

static void
number(const char *path, const char *file, uint64_t *out)
{
	if (cgroup_read_number(path, file, out) != 0)
		*out = ZONESTAT_NONE;
}

/* A file of /proc, /sys or a cgroup, of which the size is not known before; NULL when it cannot be read. */
static char *
read_all(const char *path, size_t max)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, room = 4096;
	char *text = NULL, *more;
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && len < max) {
		if ((more = realloc(text, room + 1)) == NULL)
			break;
		text = more;
		n = read(fd, text + len, room - len);
		len += n > 0 ? (size_t)n : 0;
		room = len == room ? room * 2 : room;
	}
	if (text != NULL)
		text[len] = '\0';
	return (text);
}

/* io.stat: a line for each device, "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0". */
static void
io_counters(const char *path, struct zone_stat *s)
{
	const struct {
		const char *name;
		uint64_t *out;
	} keys[] = {
		{ "rbytes=", &s->io_read },
		{ "wbytes=", &s->io_written },
		{ "rios=", &s->io_reads },
		{ "wios=", &s->io_writes },
	};
	char file[PATH_MAX + 16], *save = NULL;
	CLEANUP_FREE char *text = NULL;
	uint64_t v;

	(void)snprintf(file, sizeof(file), "%s/io.stat", path);
	text = read_all(file, SMAPS_MAX);
	for (size_t i = 0; i < NITEMS(keys); i++)
		*keys[i].out = text != NULL ? 0 : ZONESTAT_NONE;
	for (char *w = text != NULL ? strtok_r(text, " \n", &save) : NULL; w != NULL;
	     w = strtok_r(NULL, " \n", &save)) {
		for (size_t i = 0; i < NITEMS(keys); i++) {
			size_t len = strlen(keys[i].name);

			if (strncmp(w, keys[i].name, len) == 0 && parse_u64(w + len, &v) == 0)
				*keys[i].out += v;
		}
	}
}

void
zonestat_cgroup(const char *path, struct zone_stat *s)
{
	key(path, "cpu.stat", "usage_usec", &s->cpu_us);
	key(path, "cpu.stat", "user_usec", &s->cpu_user_us);
	key(path, "cpu.stat", "system_usec", &s->cpu_system_us);
	key(path, "cpu.stat", "throttled_usec", &s->throttled_us);
	number(path, "memory.current", &s->memory);
	number(path, "memory.max", &s->memory_max);
	number(path, "pids.current", &s->threads);
	number(path, "pids.max", &s->threads_max);
	key(path, "memory.events", "oom_kill", &s->oom_kills);
	io_counters(path, s);
}

/* ---- memory of processes ---- */

void
zonestat_smaps(const char *text, uint64_t *pss, uint64_t *guest)
{
	const char *line = text, *end;
	bool ram = false;
	unsigned long long kib;
	char dash;

	for (; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
		end = strchrnul(line, '\n');
		if (sscanf(line, "%*x%c%*x ", &dash) == 1 && dash == '-') {
			const char *name =
			    memmem(line, (size_t)(end - line), GUEST_RAM, sizeof(GUEST_RAM) - 1);

			ram = name != NULL;
		} else if (sscanf(line, "Pss: %llu kB", &kib) == 1) {
			*pss += kib * 1024;
			*guest += ram ? kib * 1024 : 0;
		}
	}
}

static void
add_process(pid_t pid, uint64_t *pss, uint64_t *guest)
{
	char path[64];
	CLEANUP_FREE char *text = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	if ((text = read_all(path, SMAPS_MAX)) != NULL)
		zonestat_smaps(text, pss, guest);
}

static void
add_processes(const char *cgroup, struct zone_stat *s)
{
	char path[PATH_MAX + 16], *save = NULL;
	CLEANUP_FREE char *text = NULL;
	uint32_t pid;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	text = read_all(path, SMAPS_MAX);
	for (char *w = text != NULL ? strtok_r(text, "\n", &save) : NULL; w != NULL;
	     w = strtok_r(NULL, "\n", &save)) {
		if (parse_u32(w, 1, INT32_MAX, &pid) == 0)
			add_process((pid_t)pid, &s->pss, &s->pss_guest);
	}
}

/* Its zoneadmd is who listens on its control socket. */
static void
add_daemon(const char *name, struct zone_stat *s)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = unix_connect(path_run(path, "%s/control", name), SOCK_STREAM, NULL);
	struct ucred cred;
	socklen_t len = sizeof(cred);
	uint64_t none = 0;

	if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		add_process(cred.pid, &s->pss_daemon, &none);
}

/* ---- KVM ---- */

/* The machine's folder is PID-FD. */
static bool
kvm_folder(const char *folder, pid_t pid, char out[PATH_MAX])
{
	char prefix[16];
	struct dirent *de;
	DIR *d = opendir(folder);
	bool found = false;

	(void)snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	while (d != NULL && !found && (de = readdir(d)) != NULL) {
		found = strncmp(de->d_name, prefix, strlen(prefix)) == 0 &&
		    (size_t)snprintf(out, PATH_MAX, "%s/%s", folder, de->d_name) < PATH_MAX;
	}
	if (d != NULL)
		(void)closedir(d);
	return (found);
}

void
zonestat_kvm(const char *folder, pid_t pid, struct zone_stat *s)
{
	static const char *const reasons[ZONESTAT_EXITS] = { "halt", "io", "mmio", "irq",
		"irq_window", "nmi_window", "request_irq", "signal" };
	char path[PATH_MAX], file[32];
	uint64_t v;

	s->exits = ZONESTAT_NONE;
	if (pid <= 0 || !kvm_folder(folder, pid, path))
		return;
	number(path, "exits", &s->exits);
	for (size_t i = 0; i < NITEMS(reasons); i++) {
		(void)snprintf(file, sizeof(file), "%s_exits", reasons[i]);
		if (cgroup_read_number(path, file, &v) != 0)
			continue;
		s->exit[s->nexit].reason = reasons[i];
		s->exit[s->nexit++].n = v;
	}
}

/* ---- links ---- */

uint64_t
zonestat_drops(const json_t *links)
{
	static const char *const directions[] = { "from_guest", "to_guest" };
	json_t *link, *dropped, *n;
	const char *name;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach (links, i, link) {
		for (size_t d = 0; d < NITEMS(directions); d++) {
			dropped = json_object_get(json_object_get(link, directions[d]), "dropped");
			json_object_foreach (dropped, name, n)
				sum += (uint64_t)json_integer_value(n);
		}
	}
	return (sum);
}

/* ---- the whole ---- */

int
zone_stat_get(const char *name, struct zone_stat *out, struct err *e)
{
	char path[PATH_MAX];
	json_t *reply = NULL;
	int rc;

	*out = (struct zone_stat){ .mono_ns = clock_mono_ns() };
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	if ((rc = zone_status_get(name, &out->status, e)) != 0)
		return (rc);
	if (out->status.state < ZONE_STATE_READY || cgroup_path(name, path, NULL) != 0 ||
	    access(path, F_OK) != 0)
		return (0);
	out->live = true;
	zonestat_cgroup(path, out);
	add_processes(path, out);
	add_daemon(name, out);
	zonestat_kvm(KVM_FOLDER, out->status.init_pid, out);
	if (zone_links_get(name, &reply, NULL) == 0)
		out->links = json_incref(json_object_get(reply, "links"));
	json_decref(reply);
	out->drops = zonestat_drops(out->links);
	return (0);
}

void
zone_stat_free(struct zone_stat *s)
{
	json_decref(s->links);
	s->links = NULL;
}
