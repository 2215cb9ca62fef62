/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zoneadmd: the daemon of one live zone (zones.md 10). Started on demand by the tools (client.c);
 * the only privileged process of the zone. It owns /run/zones/<name>/, everything in the ledger
 * there, and zhyve. It ends by itself when the zone is back to installed and nobody looks at its
 * console.
 *
 * When it is killed, the zone goes with it: zhyve gets SIGKILL from the kernel (and sees its wire
 * close), and the next command that asks for the zone finds the ledger without an owner and undoes
 * the rest. There is no taking over of a running zone.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/cgroup.h"
#include "zone/machined.h"
#include "zone/paths.h"
#include "zone/pool.h"
#include "zone/quota.h"
#include "zone/reconcile.h"
#include "zone/zoneadmd.h"

#define READERS        "zones" /* the group */
#define LEDGER_WAIT_MS 200     /* a tool that reconciles holds the ledger for a moment */

static void __attribute__((noreturn)) usage(void)
{
	(void)fprintf(stderr,
	    "usage: zoneadmd -z ZONE [-r FD]\n"
	    "\t-r FD  write \"ok\", \"busy\" (there is one) or the reason of a failure to this "
	    "descriptor when ready\n"
	    "\tzoneadmd is started by zoneadm, zlogin and vmadm; there is no need to start it by "
	    "hand.\n");
	exit(2);
}

/* ---- becoming a daemon ---- */

/* The child goes on in a session of its own; whoever started us sees the parent end. */
static int
detach(struct err *e)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		return (err_set(e, errno, "cannot fork"));
	if (pid > 0)
		_exit(0);
	if (setsid() < 0 || chdir("/") != 0)
		return (err_set(e, errno, "cannot leave the session"));
	if ((null = open("/dev/null", O_RDWR)) < 0)
		return (err_set(e, errno, "cannot open /dev/null"));
	(void)dup2(null, 0);
	(void)dup2(null, 1);
	(void)dup2(null, 2);
	if (null > 2)
		(void)close(null);
	return (0);
}

/*
 * Nothing of the caller's process state may reach the zone: descriptors, umask, groups, limits,
 * signals.
 */
static int
clean_process(int *ready_fd, struct err *e)
{
	struct rlimit r = { 4096, 4096 };
	struct rlimit lock = { 64 * MIB, 64 * MIB };

	if (*ready_fd > 3 && dup3(*ready_fd, 3, O_CLOEXEC) == 3)
		*ready_fd = 3;
	if (close_range(*ready_fd >= 0 ? 4 : 3, ~0u, 0) != 0)
		return (err_set(e, errno, "cannot close inherited descriptors"));
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)setrlimit(RLIMIT_NOFILE, &r);
	(void)setrlimit(RLIMIT_MEMLOCK, &lock); /* the jail lowers limits only */
	if (setgroups(0, NULL) != 0)
		return (err_set(e, errno, "cannot drop groups (zoneadmd runs as root)"));
	return (0);
}

static char log_ident[sizeof("zoneadmd ") + ZONENAME_MAX];
static struct logfile log_file = { .fd = -1 };

/* Until it is open, and when it cannot be, lines go to standard error, which is /dev/null. */
static void
open_log(struct zoneadmd *z)
{
	char path[PATH_MAX];

	(void)snprintf(log_ident, sizeof(log_ident), "zoneadmd %s", z->name);
	(void)logfile_open(
	    &log_file, path_zones(path, "%s/logs/zoneadmd.log", z->name), ZONEADMD_LOG_MAX, NULL);
	log_stamps(1);
	zoneadmd_log_check();
}

void
zoneadmd_log_check(void)
{
	logfile_check(&log_file);
	if (log_file.fd >= 0)
		log_open(log_ident, log_file.fd, LOG_LVL_INFO);
}

/* ---- setting up ---- */

/* Nothing that a zone could not run without. Where there are no quotas, vmadm has said so. */
static void
set_quota(const struct zconf *c)
{
	struct err e = { 0 };
	int rc = quota_apply(c, &e);

	if (rc != 0 && rc != -EOPNOTSUPP)
		log_warn("%s", e.text);
}

static int
check_zone(struct zoneadmd *z, struct err *e)
{
	struct zconf *c;
	char path[PATH_MAX];
	int rc;

	if ((rc = zconf_name_check(z->name, e)) != 0 || (rc = zconf_load(z->name, &c, e)) != 0)
		return (rc);
	if (c->state != ZONE_STATE_INSTALLED)
		rc = err_say(e, EINVAL, "must be installed before boot.");
	if (rc == 0 && (rc = pool_ready(e)) == 0)
		rc = dir_make(path_zones(path, "%s/logs", z->name), 0755, e);
	if (rc == 0)
		set_quota(c);
	zconf_free(c);
	return (rc);
}

static int
take_ledger(struct zoneadmd *z, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int rc = -EBUSY;

	(void)path_run(dir, "%s", z->name);
	(void)path_run(path, "%s/ledger.jsonl", z->name);
	for (unsigned waited = 0; waited < LEDGER_WAIT_MS; waited += 10) {
		if ((rc = dir_make(dir, 0700, e)) != 0)
			return (rc);
		rc = ledger_open(path, true, &z->ledger, e);
		if (rc != -EBUSY && rc != -ENOENT) /* gone with its folder between the two calls */
			break;
		(void)usleep(10000);
	}
	if (rc == 0 && ledger_count(z->ledger) > 0)
		rc = ledger_undo_all(z->ledger, zone_ledger_undo, NULL, e);
	return (rc);
}

/* Note a socket in the ledger; its path into `path`. */
static int
own_file(struct zoneadmd *z, const char *file, char path[PATH_MAX], struct err *e)
{
	return (ledger_add(z->ledger, "file", path_run(path, "%s/%s", z->name, file), e));
}

static void
on_first_byte(void *arg)
{
	struct zoneadmd *z = arg;

	events_tell(&z->events, "first-console-byte", NULL);
}

static void
on_viewers(void *arg)
{
	op_check_idle(arg);
}

static const struct console_ops console_ops = { .first_byte = on_first_byte,
	.viewers = on_viewers };

static void
on_term(int signo, enum mevent_type type, void *arg)
{
	log_info("signal %d: halting the zone", signo);
	op_terminate(arg);
}

/* What machinectl sends. */
static void
on_poweroff(int signo, enum mevent_type type, void *arg)
{
	log_info("signal %d: pressing the power button", signo);
	op_press(arg);
}

static void
on_reboot(int signo, enum mevent_type type, void *arg)
{
	log_info("signal %d: rebooting the zone", signo);
	op_cycle(arg);
}

/*
 * From the host's own file: a name service would bring its modules into this process, and make it
 * wait for theirs.
 */
static gid_t
readers_gid(void)
{
	FILE *f = fopen("/etc/group", "re");
	gid_t gid = VARLINK_NO_GROUP;
	const struct group *g;

	while (f != NULL && (g = fgetgrent(f)) != NULL) {
		if (strcmp(g->gr_name, READERS) == 0) {
			gid = g->gr_gid;
			break;
		}
	}
	if (f != NULL)
		(void)fclose(f);
	return (gid);
}

/*
 * The members of this group may look: they get as far as the control socket. All else in the zone's
 * folder stays root's by its own mode. Without such a group nobody else gets in.
 */
static gid_t
open_to_readers(const struct zoneadmd *z)
{
	gid_t gid = readers_gid();
	char path[PATH_MAX];

	if (gid == VARLINK_NO_GROUP)
		return (gid);
	(void)chmod(path_run(path, "%s", ""), 0755);
	(void)path_run(path, "%s", z->name);
	if (chown(path, 0, gid) != 0 || chmod(path, 0710) != 0)
		log_warn("'%s' cannot be opened to group " READERS, path);
	return (gid);
}

static int
set_up(struct zoneadmd *z, struct err *e)
{
	char path[PATH_MAX], log[PATH_MAX];
	int rc;

	zone_resources_init(&z->res);
	zone_limits_init(&z->limits);
	z->refusals.fd = -1;
	zone_display_init(&z->display);
	zone_devices_init(&z->devices);
	vm_init(&z->vm);
	z->platform.fd = z->events.log.fd = -1;
	if ((rc = mevent_loop_create(&z->loop)) != 0)
		return (err_set(e, -rc, "cannot make an event loop"));
	if (mevent_add_signal(z->loop, SIGTERM, on_term, z) == NULL ||
	    mevent_add_signal(z->loop, MACHINED_POWEROFF, on_poweroff, z) == NULL ||
	    mevent_add_signal(z->loop, MACHINED_REBOOT, on_reboot, z) == NULL)
		return (err_set(e, errno, "cannot take signals"));
	zone_refusals_watch(z);
	if ((rc = logfile_open(&z->platform, path_zones(log, "%s/logs/platform.log", z->name),
		 PLATFORM_LOG_MAX, e)) != 0 ||
	    (rc = events_open(&z->events, z->name, path_zones(log, "%s/logs/events.jsonl", z->name),
		 ctl_watch, z, e)) != 0 ||
	    (rc = op_init(z, e)) != 0 ||
	    (rc = metaport_create(z->loop, z->name, &z->metaport, e)) != 0 ||
	    (rc = own_file(z, "console", path, e)) != 0 ||
	    (rc = console_create(z->loop, path, path_zones(log, "%s/logs/console.log", z->name),
		 &console_ops, z, &z->console, e)) != 0 ||
	    (rc = own_file(z, "control", path, e)) != 0)
		return (rc);
	return (
	    varlink_server_create(z->loop, path, open_to_readers(z), &ctl_ops, z, &z->server, e));
}

static void
tear_down(struct zoneadmd *z)
{
	char path[PATH_MAX];
	struct err e = { 0 };

	zone_machined_close(z);
	varlink_server_destroy(z->server);
	console_destroy(z->console);
	metaport_destroy(z->metaport);
	zone_refusals_close(z);
	if (z->ledger != NULL && ledger_undo_all(z->ledger, zone_ledger_undo, NULL, &e) != 0)
		log_err("at the end: %s", e.text);
	ledger_close(z->ledger);
	(void)rmdir(path_run(path, "%s", z->name));
	events_close(&z->events);
	logfile_close(&z->platform);
	if (z->loop != NULL)
		mevent_loop_destroy(z->loop);
	cgroup_daemon_leave();
}

/* ---- main ---- */

static void
report(int fd, const char *text)
{
	if (fd >= 0) {
		(void)fd_write_full(fd, text, strlen(text));
		(void)close(fd);
	}
}

static int
run(struct zoneadmd *z, int ready_fd)
{
	struct err e = { 0 };
	int rc;

	if ((rc = clean_process(&ready_fd, &e)) != 0 || (rc = check_zone(z, &e)) != 0 ||
	    (rc = take_ledger(z, &e)) != 0) {
		/* Another one lives: not a failure, whoever started us will ask that one. */
		report(ready_fd, rc == -EBUSY ? "busy" : e.text);
		return (1);
	}
	open_log(z);
	cgroup_daemon_enter();
	if ((rc = set_up(z, &e)) == 0) {
		report(ready_fd, "ok");
		rc = mevent_dispatch(z->loop);
	} else {
		log_err("%s", e.text);
		report(ready_fd, e.text);
	}
	tear_down(z);
	return (rc == 0 ? 0 : 1);
}

int
main(int argc, char **argv)
{
	static struct zoneadmd z;
	uint32_t ready_fd = 0;
	bool has_ready_fd = false;
	struct err e = { 0 };
	int c;

	while ((c = getopt(argc, argv, "z:r:")) != -1) {
		if (c == 'z' && strlen(optarg) < sizeof(z.name))
			(void)snprintf(z.name, sizeof(z.name), "%s", optarg);
		else if (c == 'r' && parse_u32(optarg, 3, 1023, &ready_fd) == 0)
			has_ready_fd = true;
		else
			usage();
	}
	if (optind != argc || z.name[0] == '\0')
		usage();
	if (geteuid() != 0) {
		(void)err_say(&e, EPERM, "only root may run a zone's zoneadmd");
		(void)fprintf(stderr, "zoneadmd: zone '%s': %s\n", z.name, e.text);
		report(has_ready_fd ? (int)ready_fd : -1, e.text);
		return (1);
	}
	if (detach(&e) != 0) {
		report(has_ready_fd ? (int)ready_fd : -1, e.text);
		return (1);
	}
	return (run(&z, has_ready_fd ? (int)ready_fd : -1));
}
