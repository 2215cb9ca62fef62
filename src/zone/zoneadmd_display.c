/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's display: its framebuffer, zhyve-vnc beside zhyve, where clients connect, pictures.
 * There is one where attr vnc-port is set (not -1): on the UNIX socket /run/zones/<name>/vm.vnc,
 * and on TCP port vnc-port of 127.0.0.1 (0: any free one). All of it stands from ready to halt, so
 * a client stays connected while the guest resets.
 *
 * zhyve writes framebuffer and mode, and is presumed taken over: what is read here is checked
 * (wire/display.h), and of the pixels nothing is believed. zhyve-vnc has the zone's uid, is in its
 * cgroup and confines itself before it takes a client. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "wire/display.h"
#include "zone/codec.h"
#include "zone/jail.h"
#include "zone/paths.h"
#include "zone/png.h"
#include "zone/zoneadmd.h"

#define VGA_ROM    "/usr/share/seabios/vgabios-bochs-display.bin"
#define LAST_WORDS 256 /* of a zhyve-vnc that ended */
#define FIRST_FD   3
#define CHILD_FDS  5

void
zone_display_init(struct zone_display *d)
{
	*d = (struct zone_display){ .mem = -1,
		.zhyve_end = -1,
		.vnc_end = -1,
		.unix_fd = -1,
		.tcp_fd = -1,
		.rom_fd = -1,
		.bin_fd = -1,
		.err_fd = -1,
		.pidfd = -1 };
}

/* ---- where clients connect ---- */

static int
listen_tcp(struct zone_display *d, uint16_t port, struct err *e)
{
	d->port = port;
	d->tcp_fd = tcp_listen("127.0.0.1", &d->port, e);
	return (d->tcp_fd < 0 ? err_ctx(e, "attr vnc-port") : 0);
}

static int
listen_unix(struct zoneadmd *z, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	(void)path_run(path, "%s/vm.vnc", z->name);
	if ((rc = ledger_add(z->ledger, "file", path, e)) != 0)
		return (rc);
	z->display.unix_fd = unix_listen(path, 0600, e);
	return (z->display.unix_fd < 0 ? z->display.unix_fd : 0);
}

/* The attribute is base64, as vmadm stores it. */
static int
take_password(struct zone_display *d, const char *text, struct err *e)
{
	uint8_t out[32];
	size_t len;

	if (text == NULL)
		return (0);
	if (strlen(text) > 16 || base64_decode(text, strlen(text), out, &len) != 0 ||
	    len >= sizeof(d->password) || memchr(out, 0, len) != NULL)
		return (err_say(e, EINVAL,
		    "attr vnc-password is not the base64 form of a password of up to 8 "
		    "characters"));
	memcpy(d->password, out, len);
	return (0);
}

static int
open_files(struct zone_display *d, struct err *e)
{
	const char *bin = secure_getenv("ZHYVE_VNC_BIN");
	int rc;

	if ((rc = zone_open_regular(
		 bin != NULL ? bin : ZHYVE_VNC_BIN, "zhyve-vnc", &d->bin_fd, e)) != 0)
		return (rc);
	return (zone_open_regular(VGA_ROM, "the display's BIOS (package seabios)", &d->rom_fd, e));
}

int
zone_display_open(struct zoneadmd *z, struct err *e)
{
	const struct brand_plan *p = z->res.plan;
	struct zone_display *d = &z->display;
	int sv[2], rc;

	if (!p->display)
		return (0);
	if ((rc = take_password(d, zconf_attr(z->res.conf, "vnc-password"), e)) != 0 ||
	    (rc = open_files(d, e)) != 0)
		return (rc);
	if ((d->mem = display_memory(BRAND_VRAM)) < 0)
		return (err_set(e, -d->mem, "cannot make the framebuffer"));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		return (err_set(e, errno, "cannot make the display's channel"));
	d->zhyve_end = sv[0];
	d->vnc_end = sv[1];
	if ((rc = listen_unix(z, e)) != 0)
		return (rc);
	return (listen_tcp(d, p->vnc_port, e));
}

/* ---- zhyve-vnc ---- */

/* What it said last, as far as it is text. */
static void
last_words(struct zone_display *d, char out[LAST_WORDS])
{
	ssize_t n = read(d->err_fd, out, LAST_WORDS - 1);

	out[n > 0 ? n : 0] = '\0';
	for (char *p = out; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = ' ';
	}
}

static void
forget_process(struct zone_display *d)
{
	mevent_delete(d->ev);
	d->ev = NULL;
	fd_close(&d->pidfd);
	fd_close(&d->err_fd);
	d->pid = 0;
}

static void
on_end(int fd, enum mevent_type type, void *arg)
{
	const struct display_event release = { .type = DISPLAY_RELEASE };
	struct zoneadmd *z = arg;
	struct zone_display *d = &z->display;
	char text[LAST_WORDS];
	int status = 0;

	(void)fd;
	(void)type;
	if (waitpid(d->pid, &status, WNOHANG) != d->pid)
		return;
	last_words(d, text);
	log_warn("zhyve-vnc ended (status 0x%x): %s", (unsigned)status, text);
	events_tell(
	    &z->events, "display-lost", "zhyve-vnc ended; it comes back with the next boot");
	forget_process(d);
	/* What its clients held down is up again. The channel is never full of these. */
	(void)send(d->vnc_end, &release, sizeof(release), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The reading end of a pipe that holds the password, -1: there is none. */
static int
password_pipe(const struct zone_display *d)
{
	size_t len = strlen(d->password);
	int fds[2];

	if (len == 0)
		return (-1);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return (-errno);
	if (fd_write_full(fds[1], d->password, len) != 0)
		fd_close(&fds[0]);
	fd_close(&fds[1]);
	return (fds[0]);
}

/* In the child: in the zone's cgroup, with the descriptors of its arguments and no other. */
static _Noreturn void
become_vnc(const struct zoneadmd *z, int readonly, int password, int err)
{
	const struct zone_display *d = &z->display;
	const int from[CHILD_FDS] = { readonly, d->vnc_end, d->unix_fd, d->tcp_fd, password };
	char uid[16], *envp[] = { NULL };
	const char *argv[] = { "zhyve-vnc", "-u", uid, "-g", uid, "-m", "fd:3", "-e", "fd:4", "-l",
		"fd:5", "-l", "fd:6", z->name, NULL, NULL, NULL };
	int high[CHILD_FDS], cgroup, null, bin;
	sigset_t none;

	(void)snprintf(uid, sizeof(uid), "%u", jail_uid(z->res.conf->did));
	if (password >= 0) {
		argv[13] = "-p";
		argv[14] = "fd:7";
		argv[15] = z->name;
	}
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	cgroup = openat(z->res.cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bin = fcntl(d->bin_fd, F_DUPFD_CLOEXEC, 16);
	err = fcntl(err, F_DUPFD_CLOEXEC, 16);
	if (cgroup < 0 || null < 0 || bin < 0 || err < 0 || write(cgroup, "0", 1) != 1 ||
	    dup2(null, 0) < 0 || dup2(err, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	for (int i = 0; i < CHILD_FDS; i++)
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, 16);
	for (int i = 0; i < CHILD_FDS; i++) {
		if (high[i] >= 0 && dup2(high[i], FIRST_FD + i) < 0)
			_exit(126);
	}
	(void)syscall(SYS_execveat, bin, "", (char *const *)(uintptr_t)argv, envp, AT_EMPTY_PATH);
	(void)dprintf(STDERR_FILENO, "cannot execute zhyve-vnc: %s", strerror(errno));
	_exit(127);
}

int
zone_display_start(struct zoneadmd *z, struct err *e)
{
	CLEANUP_FD int readonly = -1, password = -1, err_in = -1;
	struct zone_display *d = &z->display;
	char path[32];
	int fds[2];

	if (d->mem < 0 || d->pid != 0)
		return (0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", d->mem);
	if ((readonly = open(path, O_RDONLY | O_CLOEXEC)) < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot start zhyve-vnc"));
	d->err_fd = fds[0];
	err_in = fds[1];
	if (fd_set_nonblock(d->err_fd) != 0 || (password = password_pipe(d)) < -1)
		return (err_say(e, EMFILE, "cannot start zhyve-vnc"));
	if ((d->pid = fork()) < 0) {
		d->pid = 0;
		return (err_set(e, errno, "cannot start zhyve-vnc"));
	}
	if (d->pid == 0)
		become_vnc(z, readonly, password, err_in);
	d->pidfd = (int)syscall(SYS_pidfd_open, d->pid, 0);
	if (d->pidfd < 0 || (d->ev = mevent_add(z->loop, d->pidfd, EVF_READ, on_end, z)) == NULL) {
		zone_display_stop(z);
		return (err_say(e, ENOMEM, "cannot look after zhyve-vnc"));
	}
	return (0);
}

void
zone_display_stop(struct zoneadmd *z)
{
	struct zone_display *d = &z->display;

	if (d->pid == 0)
		return;
	(void)kill(d->pid, SIGKILL);
	(void)waitpid(d->pid, NULL, 0);
	forget_process(d);
}

void
zone_display_close(struct zoneadmd *z)
{
	struct zone_display *d = &z->display;
	char path[PATH_MAX];

	zone_display_stop(z);
	if (d->unix_fd >= 0) {
		(void)unlink(path_run(path, "%s/vm.vnc", z->name));
		(void)ledger_gone(z->ledger, "file", path, NULL);
	}
	fd_close(&d->mem);
	fd_close(&d->zhyve_end);
	fd_close(&d->vnc_end);
	fd_close(&d->unix_fd);
	fd_close(&d->tcp_fd);
	fd_close(&d->rom_fd);
	fd_close(&d->bin_fd);
	zone_display_init(d);
}

/* ---- pictures ---- */

struct shot {
	const uint8_t *vram;
	struct display_mode mode;
};

static const uint32_t *
shot_line(void *ctx, uint32_t y)
{
	const struct shot *s = ctx;

	return ((
	    const uint32_t *)(const void *)(s->vram + s->mode.offset + (size_t)y * s->mode.stride));
}

static int
write_shot(struct shot *s, const char *path, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char tmp[PATH_MAX];
	int rc;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp))
		return (err_say(e, ENAMETOOLONG, "'%s' is too long a path", path));
	(void)unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return (err_set(e, errno, "cannot make '%s'", tmp));
	rc = png_write(fd, s->mode.width, s->mode.height, shot_line, s);
	if (rc == 0 && rename(tmp, path) != 0)
		rc = -errno;
	if (rc != 0) {
		(void)unlink(tmp);
		return (err_set(e, -rc, "cannot write '%s'", path));
	}
	return (0);
}

int
zone_screenshot(struct zoneadmd *z, char path[PATH_MAX], struct err *e)
{
	struct zone_display *d = &z->display;
	size_t len = BRAND_VRAM + DISPLAY_PAGE_LEN;
	struct shot s;
	void *mem;
	int rc;

	if (d->mem < 0 || z->state != ZONE_STATE_RUNNING)
		return (err_say(e, EINVAL, "%s",
		    d->mem < 0 ? "the zone has no display: set its attribute vnc-port"
			       : "the zone is not running"));
	if ((mem = mmap(NULL, len, PROT_READ, MAP_SHARED, d->mem, 0)) == MAP_FAILED)
		return (err_set(e, errno, "cannot look at the framebuffer"));
	s.vram = mem;
	s.mode = display_page_get((const void *)(s.vram + BRAND_VRAM), BRAND_VRAM);
	if (s.mode.width == 0)
		rc = err_say(e, ENODATA, "the guest shows no picture");
	else
		rc = write_shot(&s, path_zones(path, "%s/screenshot.png", z->name), e);
	(void)munmap(mem, len);
	return (rc);
}
