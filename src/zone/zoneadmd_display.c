/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's display: its framebuffer, zhyve-vnc beside zhyve, where clients connect, pictures.
 * There is one where attr vnc-port is set (not -1): on the UNIX socket /run/zones/<name>/vm.vnc,
 * and on TCP port vnc-port of 127.0.0.1 (0: any free one). All of it stands from ready to halt, so
 * a client stays connected while the guest resets.
 *
 * zhyve writes framebuffer and mode, and is presumed taken over: what is read here is checked
 * (wire/display.h), and of the pixels nothing is believed. zhyve-vnc is in a jail of its own, with a
 * uid of its own, sees the host's libraries (there is no static libvncserver), and puts itself under
 * a system-call filter before it takes a client. Runs in zoneadmd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "wire/display.h"
#include "zone/codec.h"
#include "zone/jail.h"
#include "zone/jail_tree.h"
#include "zone/paths.h"
#include "zone/png.h"
#include "zone/zoneadmd.h"

#define VGA_ROM     "/usr/share/seabios/vgabios-bochs-display.bin"
#define HELPER_UID  3 /* jail_helper_uid */
#define VNC_THREADS 8
#define ARGS_MAX    13
#define FDS_MAX     5

void
zone_display_init(struct zone_display *d)
{
	*d = (struct zone_display){ .mem = -1,
		.zhyve_end = -1,
		.vnc_end = -1,
		.unix_fd = -1,
		.tcp_fd = -1,
		.rom_fd = -1,
		.bin_fd = -1 };
	helper_init(&d->vnc);
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

static void
on_end(void *arg, int status, const char *words)
{
	const struct display_event release = { .type = DISPLAY_RELEASE };
	struct zoneadmd *z = arg;

	log_warn("zhyve-vnc ended (status 0x%x): %s", (unsigned)status, words);
	events_tell(
	    &z->events, "display-lost", "zhyve-vnc ended; it comes back with the next boot");
	/* What its clients held down is up again. The channel is never full of these. */
	(void)send(z->display.vnc_end, &release, sizeof(release), MSG_DONTWAIT | MSG_NOSIGNAL);
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

int
zone_display_start(struct zoneadmd *z, struct err *e)
{
	CLEANUP_FD int readonly = -1, password = -1;
	struct zone_display *d = &z->display;
	struct jail_mount mounts[JAIL_LIBS] = { { .fd = -1 }, { .fd = -1 } };
	const char *argv[ARGS_MAX] = { "zhyve-vnc", "-m", "fd:3", "-e", "fd:4", "-l", "fd:5", "-l",
		"fd:6" };
	int fds[FDS_MAX], nargs = 9, nfds = 4, rc;
	char path[32];
	struct jail_spec spec = {
		.hostname = z->name,
		.uid = jail_helper_uid(z->res.conf->did, HELPER_UID),
		.cgroup_fd = z->res.cgroup_fd,
		.exec_fd = d->bin_fd,
		.argv = (char *const *)(uintptr_t)argv,
		.fds = fds,
		.threads = VNC_THREADS,
		.mounts = mounts,
		.nmounts = NITEMS(mounts),
	};

	if (d->mem < 0 || d->vnc.pid != 0)
		return (0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", d->mem);
	if ((readonly = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot start zhyve-vnc"));
	if ((password = password_pipe(d)) < -1)
		return (err_set(e, -password, "cannot start zhyve-vnc"));
	memcpy(fds, (const int[]){ readonly, d->vnc_end, d->unix_fd, d->tcp_fd }, 4 * sizeof(int));
	if (password >= 0) {
		fds[nfds++] = password;
		argv[nargs++] = "-p";
		argv[nargs++] = "fd:7";
	}
	argv[nargs] = z->name;
	spec.nfds = (size_t)nfds;
	if ((rc = jail_tree_libs(mounts, e)) == 0)
		rc = helper_start(&d->vnc, z->loop, &spec, &z->platform, on_end, z, e);
	for (size_t i = 0; i < NITEMS(mounts); i++)
		fd_close(&mounts[i].fd);
	return (rc != 0 ? err_ctx(e, "cannot start zhyve-vnc") : 0);
}

void
zone_display_stop(struct zoneadmd *z)
{
	helper_stop(&z->display.vnc);
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
