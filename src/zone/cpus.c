/* SPDX-License-Identifier: BSD-2-Clause */
/* The processors of the host, and those a zone has alone: see cpus.h. */
#include "zone/cpus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/paths.h"

#define OWN    "trusted.zhyve.cpus" /* on a zone's cgroup: the list of those it has alone */
#define MARKED "trusted.zhyve.some" /* on the cgroup above: a zone may have some alone */
#define NODES  1024

/* ---- sets ---- */

unsigned
cpus_count(const struct cpus *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < NITEMS(s->bit); i++)
		n += (unsigned)__builtin_popcountll(s->bit[i]);
	return (n);
}

void
cpus_without(struct cpus *a, const struct cpus *b)
{
	for (size_t i = 0; i < NITEMS(a->bit); i++)
		a->bit[i] &= ~b->bit[i];
}

static void
with(struct cpus *a, const struct cpus *b)
{
	for (size_t i = 0; i < NITEMS(a->bit); i++)
		a->bit[i] |= b->bit[i];
}

int
cpus_parse(const char *text, struct cpus *out)
{
	const char *p = text;
	unsigned long from, to;
	char *end;

	*out = (struct cpus){ 0 };
	while (*p != '\0' && *p != '\n') {
		if (*p < '0' || *p > '9')
			return (-EINVAL);
		from = to = strtoul(p, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			to = strtoul(end + 1, &end, 10);
		if (from > to || to >= CPUS_MAX || (*end != ',' && *end != '\n' && *end != '\0'))
			return (-EINVAL);
		for (; from <= to; from++)
			cpus_add(out, (unsigned)from);
		p = *end == ',' ? end + 1 : end;
		if (*end == ',' && (*p < '0' || *p > '9'))
			return (-EINVAL);
	}
	return (0);
}

void
cpus_format(const struct cpus *s, char out[CPUS_TEXT_MAX])
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned from = 0; from < CPUS_MAX; from++) {
		unsigned to = from;

		if (!cpus_has(s, from))
			continue;
		while (to + 1 < CPUS_MAX && cpus_has(s, to + 1))
			to++;
		n += (size_t)snprintf(out + n, CPUS_TEXT_MAX - n, "%s%u", n > 0 ? "," : "", from);
		if (to > from)
			n += (size_t)snprintf(out + n, CPUS_TEXT_MAX - n, "-%u", to);
		from = to;
	}
}

/* ---- topology ---- */

static int
read_list(const char *path, struct cpus *out)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[CPUS_TEXT_MAX];
	ssize_t n;

	/* The size that sysfs has for a file is not what is in it. */
	if (fd < 0 || (n = read(fd, text, sizeof(text) - 1)) < 0)
		return (-errno);
	text[n] = '\0';
	return (cpus_parse(text, out));
}

static unsigned
lowest(const struct cpus *s)
{
	unsigned i = 0;

	while (i < CPUS_MAX && !cpus_has(s, i))
		i++;
	return (i);
}

int
cpus_topology(const char *root, struct cpu_topology *out, struct err *e)
{
	char path[PATH_MAX];
	struct cpus some;
	int rc;

	*out = (struct cpu_topology){ 0 };
	(void)snprintf(path, sizeof(path), "%s/sys/devices/system/cpu/online", root);
	if ((rc = read_list(path, &out->online)) != 0)
		return (err_set(e, -rc, "cannot read '%s'", path));
	for (unsigned i = 0; i < CPUS_MAX; i++) {
		out->core[i] = (uint16_t)i;
		if (!cpus_has(&out->online, i))
			continue;
		(void)snprintf(path, sizeof(path),
		    "%s/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", root, i);
		if (read_list(path, &some) == 0 && cpus_count(&some) > 0)
			out->core[i] = (uint16_t)lowest(&some);
	}
	/* Without NUMA there is no such folder, and all are on node 0. */
	for (unsigned n = 0; n < NODES; n++) {
		(void)snprintf(
		    path, sizeof(path), "%s/sys/devices/system/node/node%u/cpulist", root, n);
		if (read_list(path, &some) != 0)
			continue;
		for (unsigned i = 0; i < CPUS_MAX; i++) {
			if (cpus_has(&some, i))
				out->node[i] = (uint16_t)n;
		}
	}
	return (0);
}

/* ---- choosing ---- */

struct choice {
	const struct cpu_topology *t;
	struct cpus avail; /* not chosen yet */
	unsigned want;     /* so many still */
	struct cpus *out;
};

static void
choose(struct choice *c, unsigned cpu)
{
	cpus_add(c->out, cpu);
	c->avail.bit[cpu / 64] &= ~(UINT64_C(1) << (cpu % 64));
	c->want--;
}

/* How many of a core's processors can be had, and whether those are all that are online. */
static unsigned
core_room(const struct choice *c, unsigned core, bool *whole)
{
	unsigned n = 0;

	*whole = true;
	for (unsigned i = core; i < CPUS_MAX; i++) {
		if (c->t->core[i] != core || !cpus_has(&c->t->online, i))
			continue;
		if (cpus_has(&c->avail, i))
			n++;
		else
			*whole = false;
	}
	return (n);
}

static unsigned
node_room(const struct choice *c, unsigned node)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CPUS_MAX; i++)
		n += cpus_has(&c->avail, i) && c->t->node[i] == node;
	return (n);
}

/* Take cores of a node: whole ones, then a part of one that nobody else has part of, then the rest. */
static void
from_node(struct choice *c, unsigned node)
{
	enum {
		WHOLE,
		FRESH,
		ANY
	};

	for (int pass = WHOLE; pass <= ANY; pass++) {
		for (unsigned core = 0; core < CPUS_MAX && c->want > 0; core++) {
			bool whole;
			unsigned room;

			if (!cpus_has(&c->t->online, core) || c->t->core[core] != core ||
			    c->t->node[core] != node || (room = core_room(c, core, &whole)) == 0)
				continue;
			if (pass != ANY && (!whole || (pass == WHOLE && room > c->want)))
				continue;
			for (unsigned i = core; i < CPUS_MAX && c->want > 0; i++) {
				if (c->t->core[i] == core && cpus_has(&c->avail, i))
					choose(c, i);
			}
		}
	}
}

/* The node with the least room that suffices, else that with the most. -1: there is none. */
static int
best_node(const struct choice *c)
{
	unsigned best_room = 0;
	int best = -1;

	for (unsigned n = 0; n < NODES; n++) {
		unsigned room = node_room(c, n);
		bool better =
		    best_room < c->want ? room > best_room : room >= c->want && room < best_room;

		if (room > 0 && better) {
			best = (int)n;
			best_room = room;
		}
	}
	return (best);
}

int
cpus_choose(const struct cpu_topology *t, const struct cpus *avail, unsigned n, struct cpus *out)
{
	struct choice c = { .t = t, .avail = *avail, .want = n, .out = out };
	int node;

	*out = (struct cpus){ 0 };
	if (cpus_count(avail) < n)
		return (-ENOSPC);
	while (c.want > 0 && (node = best_node(&c)) >= 0)
		from_node(&c, (unsigned)node);
	return (c.want == 0 ? 0 : -ENOSPC);
}

/* ---- the zones' cgroups ---- */

/* What the cgroup has alone; false: it shares. */
static bool
own_of(const char *cgroup, struct cpus *out)
{
	char text[CPUS_TEXT_MAX];
	ssize_t n = getxattr(cgroup, OWN, text, sizeof(text) - 1);

	if (n < 0)
		return (false);
	text[n] = '\0';
	return (cpus_parse(text, out) == 0);
}

static int
write_cpus(const char *cgroup, const char *list)
{
	char path[PATH_MAX], text[CPUS_TEXT_MAX + 1];
	CLEANUP_FD int fd = -1;
	int n = snprintf(text, sizeof(text), "%s\n", list);

	(void)snprintf(path, sizeof(path), "%s/cpuset.cpus", cgroup);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		return (-errno);
	return (fd_write_full(fd, text, (size_t)n));
}

static void
above(const char *cgroup, char out[PATH_MAX])
{
	(void)snprintf(out, PATH_MAX, "%s", cgroup);
	*strrchr(out, '/') = '\0';
}

/* Can a zone have some alone? Without this mark none does, and nobody has to look at them all. */
static bool
marked(const char *path)
{
	char top[PATH_MAX];

	above(path, top);
	return (getxattr(top, MARKED, NULL, 0) >= 0);
}

static int
mark(const char *path, bool some)
{
	char top[PATH_MAX];

	above(path, top);
	return (
	    (some ? setxattr(top, MARKED, "", 0, 0) : removexattr(top, MARKED)) == 0 ? 0 : -errno);
}

/* Call `one` for each zone's cgroup beside `path`, and its own. */
static void
each_zone(const char *path, void (*one)(const char *cgroup, void *arg), void *arg)
{
	char top[PATH_MAX], cgroup[PATH_MAX];
	struct dirent *de;
	DIR *d;

	above(path, top);
	if ((d = opendir(top)) == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || de->d_type != DT_DIR ||
		    (size_t)snprintf(cgroup, sizeof(cgroup), "%s/%s", top, de->d_name) >=
			sizeof(cgroup))
			continue;
		one(cgroup, arg);
	}
	(void)closedir(d);
}

static void
add_own(const char *cgroup, void *arg)
{
	struct cpus own;

	if (own_of(cgroup, &own))
		with(arg, &own);
}

static void
set_shared(const char *cgroup, void *arg)
{
	struct cpus own;
	int rc;

	if (own_of(cgroup, &own))
		return;
	rc = write_cpus(cgroup, arg);
	if (rc != 0 && rc != -ENOENT)
		log_warn("cannot write '%s' to %s/cpuset.cpus: %s", (const char *)arg, cgroup,
		    strerror(-rc));
}

/*
 * The zones that share run on what nobody has alone, or is about to let go (NULL: nobody is); on
 * anything when nobody has.
 */
static void
share_rest(const char *path, const struct cpu_topology *t, const struct cpus *let_go)
{
	struct cpus rest = t->online, used = { 0 };
	char text[CPUS_TEXT_MAX] = "";

	each_zone(path, add_own, &used);
	if (let_go != NULL)
		cpus_without(&used, let_go);
	cpus_without(&rest, &used);
	if (cpus_count(&used) > 0)
		cpus_format(&rest, text);
	each_zone(path, set_shared, text);
}

/* Held while the zones' shares are looked at and changed. */
static int
lock_all(struct err *e)
{
	char path[PATH_MAX];
	int fd;

	(void)dir_make(path_run(path, "%s", ""), 0755, NULL);
	fd = open(path_run(path, "%s", ".cpus.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		int rc = err_set(e, errno, "cannot lock '%s'", path);

		fd_close(&fd);
		return (rc);
	}
	return (fd);
}

/* Its own, from what nobody has, one being left. */
static int
take_own(const char *path, const struct cpu_topology *t, unsigned min, unsigned max,
    struct cpus *out, struct err *e)
{
	struct cpus avail = t->online, used = { 0 };
	char text[CPUS_TEXT_MAX];
	unsigned room;
	int rc;

	each_zone(path, add_own, &used);
	cpus_without(&avail, &used);
	room = cpus_count(&avail);
	room -= room > 0;
	if (room < min || cpus_choose(t, &avail, MIN(max, room), out) != 0)
		return (err_say(e, ENOSPC,
		    "dedicated-cpu: %u of the host's %u CPUs can be had alone (one is left for "
		    "everything else), not %u",
		    room, cpus_count(&t->online), min));
	cpus_format(out, text);
	if ((rc = mark(path, true)) != 0 || /* first: whoever sees no mark looks no further */
	    (setxattr(path, OWN, text, strlen(text), 0) != 0 && (rc = -errno) != 0))
		return (err_set(e, -rc, "dedicated-cpu: cannot note them on '%s'", path));
	if ((rc = write_cpus(path, text)) == -ENOENT)
		return (err_say(e, ENOTSUP,
		    "dedicated-cpu: cgroup v2 has no cpuset controller here: boot the host with "
		    "systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=all), or remove the "
		    "zone's "
		    "dedicated-cpu"));
	if (rc != 0)
		return (err_set(
		    e, -rc, "dedicated-cpu: cannot write '%s' to %s/cpuset.cpus", text, path));
	share_rest(path, t, NULL);
	return (0);
}

int
cpus_take(const char *path, unsigned min, unsigned max, struct cpus *out, struct err *e)
{
	static struct cpu_topology t; /* large */
	CLEANUP_FD int lock = -1;
	struct cpus used = { 0 };
	int rc;

	*out = used;
	if ((lock = lock_all(e)) < 0)
		return (lock);
	(void)removexattr(path, OWN); /* of one that was left standing */
	if (max == 0) {               /* mostly there is nothing to do */
		if (!marked(path))
			return (0);
		each_zone(path, add_own, &used);
		if (cpus_count(&used) == 0) {
			(void)mark(path, false);
			return (0);
		}
	}
	if ((rc = cpus_topology("", &t, e)) != 0)
		return (rc);
	if (max != 0)
		return (take_own(path, &t, min, max, out, e));
	share_rest(path, &t, NULL);
	return (0);
}

void
cpus_give_back(const char *path)
{
	static struct cpu_topology t;
	CLEANUP_FD int lock = -1;
	struct err e = { 0 };
	struct cpus own;

	if (!own_of(path, &own))
		return;
	if ((lock = lock_all(&e)) < 0 || cpus_topology("", &t, &e) != 0)
		log_warn("the CPUs of '%s' are not given back to the others: %s", path, e.text);
	else
		share_rest(path, &t, &own);
}
