/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zoneadm stat and zoneadm metrics print of a measurement: a line of a table, a JSON object,
 * Prometheus's text format (its "exposition formats", 0.0.4). Pure.
 */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "cmd/zoneadm/zoneadm.h"

#define NS_PER_S 1e9
#define WIDTH    9

/* ---- the table ---- */

/* 1536 is "1.5K"; five characters at most. */
static void
scaled(char out[16], double v)
{
	static const char units[] = " KMGTPE";
	size_t u = 0;

	while (v >= 999.5 && units[u + 1] != '\0') {
		v /= 1024;
		u++;
	}
	(void)snprintf(out, 16, u > 0 && v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[u]);
	if (u == 0)
		out[strlen(out) - 1] = '\0';
}

/* A counter, or its rate where there is a measurement before it. */
static void
print_counter(FILE *out, uint64_t now, const uint64_t *before, double seconds)
{
	char text[16] = "-";

	if (now != ZONESTAT_NONE && before == NULL)
		scaled(text, (double)now);
	else if (now != ZONESTAT_NONE && *before != ZONESTAT_NONE &&
	    seconds > 0) /* not begun anew */
		scaled(text, now >= *before ? (double)(now - *before) / seconds : 0);
	(void)fprintf(out, " %*s", WIDTH, text);
}

static void
print_cpu(FILE *out, uint64_t now, const uint64_t *before, double seconds)
{
	char text[32] = "-";

	if (now != ZONESTAT_NONE && before == NULL)
		(void)snprintf(text, sizeof(text), "%.2fs", (double)now / 1e6);
	else if (now != ZONESTAT_NONE && *before != ZONESTAT_NONE && seconds > 0)
		(void)snprintf(text, sizeof(text), "%.1f%%",
		    now >= *before ? (double)(now - *before) / 1e4 / seconds : 0.0);
	(void)fprintf(out, " %*s", WIDTH, text);
}

void
stat_header(FILE *out)
{
	static const char *const columns[] = { "CPU", "MEM", "CAP", "PSS", "READ", "WRITTEN",
		"EXITS", "DROPS" };

	(void)fprintf(out, "%-16s %-10s", "ZONE", "STATE");
	for (size_t i = 0; i < NITEMS(columns); i++)
		(void)fprintf(out, " %*s", WIDTH, columns[i]);
	(void)fprintf(out, "\n");
}

void
stat_line(FILE *out, const struct zone_stat *s, const struct zone_stat *before)
{
	bool rate = before != NULL && before->live;
	double seconds = rate ? (double)(s->mono_ns - before->mono_ns) / NS_PER_S : 0;

	(void)fprintf(out, "%-16s %-10s", s->name, zone_state_name(s->status.state));
	if (s->live) {
		print_cpu(out, s->cpu_us, rate ? &before->cpu_us : NULL, seconds);
		print_counter(out, s->memory, NULL, 0);
		print_counter(out, s->memory_max, NULL, 0);
		print_counter(out, s->pss + s->pss_daemon, NULL, 0);
		print_counter(out, s->io_read, rate ? &before->io_read : NULL, seconds);
		print_counter(out, s->io_written, rate ? &before->io_written : NULL, seconds);
		print_counter(out, s->exits, rate ? &before->exits : NULL, seconds);
		print_counter(out, s->drops, rate ? &before->drops : NULL, seconds);
	}
	(void)fprintf(out, "\n");
}

/* ---- JSON ---- */

static void
put(json_t *o, const char *name, uint64_t v)
{
	if (v != ZONESTAT_NONE)
		(void)json_object_set_new(o, name, json_integer((json_int_t)v));
}

json_t *
stat_json(const struct zone_stat *s)
{
	json_t *o = json_pack("{s:s,s:s,s:I}", "zone", s->name, "state",
	    zone_state_name(s->status.state), "mono_ns", (json_int_t)s->mono_ns);
	json_t *exits;

	if (!s->live)
		return (o);
	put(o, "guest_resets", s->status.init_restarts);
	put(o, "cpu_us", s->cpu_us);
	put(o, "cpu_user_us", s->cpu_user_us);
	put(o, "cpu_system_us", s->cpu_system_us);
	put(o, "throttled_us", s->throttled_us);
	put(o, "memory", s->memory);
	put(o, "memory_max", s->memory_max);
	put(o, "pss", s->pss);
	put(o, "pss_guest", s->pss_guest);
	put(o, "pss_zoneadmd", s->pss_daemon);
	put(o, "threads", s->threads);
	put(o, "threads_max", s->threads_max);
	put(o, "io_read", s->io_read);
	put(o, "io_written", s->io_written);
	put(o, "io_reads", s->io_reads);
	put(o, "io_writes", s->io_writes);
	put(o, "oom_kills", s->oom_kills);
	put(o, "drops", s->drops);
	if (s->exits != ZONESTAT_NONE) {
		exits = json_object();
		put(exits, "all", s->exits);
		for (size_t i = 0; i < s->nexit; i++)
			put(exits, s->exit[i].reason, s->exit[i].n);
		(void)json_object_set_new(o, "exits", exits);
	}
	if (s->links != NULL)
		(void)json_object_set(o, "links", s->links);
	return (o);
}

/* ---- Prometheus ---- */

enum unit {
	PLAIN,
	FROM_US, /* microseconds, shown as seconds */
};

/* One series of each zone; rows of one metric follow each other. */
static const struct metric {
	const char *name, *type, *help;
	const char *label; /* besides the zone's name; NULL: none */
	size_t offset;     /* of a uint64_t in struct zone_stat */
	enum unit unit;
} metrics[] = {
#define M(name, type, label, member, unit, help)                                                \
	{                                                                                       \
		"zhyve_zone_" name, type, help, label, offsetof(struct zone_stat, member), unit \
	}
	M("cpu_seconds_total", "counter", "mode=\"user\"", cpu_user_us, FROM_US,
	    "CPU time of the zone's processes and virtual CPUs."),
	M("cpu_seconds_total", "counter", "mode=\"system\"", cpu_system_us, FROM_US, NULL),
	M("cpu_throttled_seconds_total", "counter", NULL, throttled_us, FROM_US,
	    "Time for which the zone's cap of CPU time held it up."),
	M("memory_bytes", "gauge", NULL, memory, PLAIN,
	    "Memory that counts for the zone's cap, with what is cached of its disks."),
	M("memory_limit_bytes", "gauge", NULL, memory_max, PLAIN, "The zone's cap of memory."),
	M("pss_bytes", "gauge", "process=\"zone\"", pss, PLAIN,
	    "Proportional set size of the processes in the zone, its guest's memory with it, and "
	    "of its "
	    "zoneadmd."),
	M("pss_bytes", "gauge", "process=\"zoneadmd\"", pss_daemon, PLAIN, NULL),
	M("guest_pss_bytes", "gauge", NULL, pss_guest, PLAIN,
	    "The guest's memory in the proportional set size."),
	M("threads", "gauge", NULL, threads, PLAIN, "Threads in the zone's cgroup."),
	M("threads_limit", "gauge", NULL, threads_max, PLAIN, "How many there may be."),
	M("io_bytes_total", "counter", "direction=\"read\"", io_read, PLAIN,
	    "Bytes of block devices that the zone read and wrote."),
	M("io_bytes_total", "counter", "direction=\"write\"", io_written, PLAIN, NULL),
	M("io_requests_total", "counter", "direction=\"read\"", io_reads, PLAIN,
	    "Requests to block devices by the zone."),
	M("io_requests_total", "counter", "direction=\"write\"", io_writes, PLAIN, NULL),
	M("oom_kills_total", "counter", NULL, oom_kills, PLAIN,
	    "Processes of the zone that were killed for want of memory."),
	M("vm_exits_total", "counter", NULL, exits, PLAIN, "Exits of the virtual CPUs to KVM."),
#undef M
};

static void
head(FILE *out, const char *name, const char *type, const char *help)
{
	(void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
sample(FILE *out, const struct metric *m, const struct zone_stat *s)
{
	uint64_t v;

	memcpy(&v, (const char *)s + m->offset, sizeof(v));
	if (!s->live || v == ZONESTAT_NONE)
		return;
	(void)fprintf(out, "%s{zone=\"%s\"%s%s} ", m->name, s->name, m->label != NULL ? "," : "",
	    m->label != NULL ? m->label : "");
	if (m->unit == FROM_US)
		(void)fprintf(out, "%" PRIu64 ".%06u\n", v / 1000000, (unsigned)(v % 1000000));
	else
		(void)fprintf(out, "%" PRIu64 "\n", v);
}

static void
exits_by_reason(FILE *out, const struct zone_stat *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < s[i].nexit; k++)
			(void)fprintf(out,
			    "zhyve_zone_vm_exits_by_reason_total{zone=\"%s\",reason=\"%s\"} "
			    "%" PRIu64 "\n",
			    s[i].name, s[i].exit[k].reason, s[i].exit[k].n);
	}
}

/* One direction of a link: frames that passed, or by counter of those that were dropped. */
static void
link_samples(FILE *out, const char *zone, const char *interface, const char *direction,
    const json_t *d, bool dropped)
{
	json_t *n;
	const char *reason;

	if (!dropped) {
		(void)fprintf(out,
		    "zhyve_zone_link_frames_total{zone=\"%s\",interface=\"%s\",direction=\"%s\"} "
		    "%lld\n",
		    zone, interface, direction,
		    (long long)json_integer_value(json_object_get(d, "passed")));
		return;
	}
	json_object_foreach (json_object_get(d, "dropped"), reason, n)
		(void)fprintf(out,
		    "zhyve_zone_link_dropped_frames_total{zone=\"%s\",interface=\"%s\",direction="
		    "\"%s\","
		    "reason=\"%s\"} %lld\n",
		    zone, interface, direction, reason, (long long)json_integer_value(n));
}

static void
links(FILE *out, const struct zone_stat *s, size_t n, bool dropped)
{
	static const char *const directions[] = { "from_guest", "to_guest" };
	json_t *link;
	size_t k;

	for (size_t i = 0; i < n; i++) {
		json_array_foreach (s[i].links, k, link) {
			for (size_t d = 0; d < NITEMS(directions); d++)
				link_samples(out, s[i].name,
				    json_string_value(json_object_get(link, "interface")),
				    directions[d], json_object_get(link, directions[d]), dropped);
		}
	}
}

void
metrics_print(FILE *out, const struct zone_stat *s, size_t n)
{
	head(out, "zhyve_zone_running", "gauge", "Whether the zone's virtual machine runs.");
	for (size_t i = 0; i < n; i++)
		(void)fprintf(out, "zhyve_zone_running{zone=\"%s\"} %d\n", s[i].name,
		    s[i].status.state == ZONE_STATE_RUNNING);
	head(out, "zhyve_zone_guest_resets_total", "counter",
	    "Resets by the guest since the zone was booted.");
	for (size_t i = 0; i < n; i++) {
		if (s[i].live)
			(void)fprintf(out, "zhyve_zone_guest_resets_total{zone=\"%s\"} %u\n",
			    s[i].name, s[i].status.init_restarts);
	}
	for (size_t k = 0; k < NITEMS(metrics); k++) {
		if (metrics[k].help != NULL)
			head(out, metrics[k].name, metrics[k].type, metrics[k].help);
		for (size_t i = 0; i < n; i++)
			sample(out, &metrics[k], &s[i]);
	}
	head(out, "zhyve_zone_vm_exits_by_reason_total", "counter",
	    "The same by KVM's reasons, as far as it counts them apart.");
	exits_by_reason(out, s, n);
	head(
	    out, "zhyve_zone_link_frames_total", "counter", "Frames that passed the zone's links.");
	links(out, s, n, false);
	head(out, "zhyve_zone_link_dropped_frames_total", "counter",
	    "Frames that the protection of the zone's links dropped.");
	links(out, s, n, true);
}
