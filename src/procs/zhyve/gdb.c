/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debugger's door (-G): a listening socket in the event loop, one client at a time, its bytes
 * into vmm/gdb_server.h. It gives whoever connects the guest, and nothing else: so it listens on
 * the loopback address unless told otherwise. Runs in zhyve's main thread.
 */
#include "procs/zhyve/gdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "procs/zhyve/options.h"
#include "vmm/gdb_server.h"
#include "vmm/gdb_target.h"

struct gdb {
	struct machine *m;
	struct gdb_server server;
	struct gdb_target target;
	int listener, client, bell; /* bell: a vCPU had a debug exit */
	struct mevent *listen_ev, *read_ev, *write_ev;
	bool leaving;     /* the client has detached: closed when all is sent */
	uint8_t in[2048]; /* what the server has not taken yet */
	size_t in_len;
};

static struct gdb *gdb; /* one machine per process */

int
options_gdb(struct config_node *root, const char *arg, struct err *e)
{
	const char *p = arg, *colon;
	char address[64];
	uint32_t port;

	if (*p == 'w') {
		p++;
		if (config_set(root, "gdb.wait", "true") != 0)
			return (err_set(e, ENOMEM, "-G %s", arg));
	}
	if (strncmp(p, "unix:", 5) == 0 || strncmp(p, "fd:", 3) == 0)
		return (config_set(root, "gdb.socket", p) == 0
			? 0
			: err_say(e, EINVAL, "-G '%s' is too long", arg));
	colon = strrchr(p, ':');
	if (colon != NULL && (colon == p || colon - p >= (long)sizeof(address)))
		return (err_say(e, EINVAL, "-G '%s': no address before the colon", arg));
	if (parse_u32(colon == NULL ? p : colon + 1, 1, UINT16_MAX, &port) != 0)
		return (err_say(e, EINVAL,
		    "-G '%s' is not of the form [w][address:]port, [w]unix:path or [w]fd:N", arg));
	if (colon != NULL) {
		(void)snprintf(address, sizeof(address), "%.*s", (int)(colon - p), p);
		if (config_set(root, "gdb.address", address) != 0)
			return (err_say(e, EINVAL, "-G '%s': malformed address", arg));
	}
	return (config_set(root, "gdb.port", colon == NULL ? p : colon + 1) == 0
		? 0
		: err_set(e, ENOMEM, "-G %s", arg));
}

/* --- the connection --- */

static void
close_client(struct gdb *g)
{
	mevent_delete(g->read_ev);
	mevent_delete(g->write_ev);
	g->read_ev = g->write_ev = NULL;
	fd_close(&g->client);
	g->leaving = false;
	g->in_len = 0;
	if (g->listen_ev != NULL)
		(void)mevent_enable(g->listen_ev);
}

/* The client is gone, or leaves: the guest goes on as if it had never been there. */
static void
release(struct gdb *g)
{
	vcpus_pause(&g->m->vcpus);
	gdb_target_clear(&g->target, true);
	g->server.running = true;
}

/* What can be sent is; the rest waits for room. False: the client is gone. */
static bool
flush(struct gdb *g)
{
	ssize_t n;

	while (g->server.out_len > 0) {
		n = fd_send(g->client, g->server.out, g->server.out_len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			(void)mevent_enable(g->write_ev);
			return (true);
		}
		if (n <= 0)
			return (false);
		gdb_server_sent(&g->server, (size_t)n);
	}
	(void)mevent_disable(g->write_ev);
	return (!g->leaving);
}

static void
flush_or_close(struct gdb *g)
{
	bool detached = g->leaving;

	if (g->client < 0 || flush(g))
		return;
	if (!detached)
		release(g);
	close_client(g);
}

/*
 * The server takes nothing while its client does not read what it has asked for; then nothing is
 * read either.
 */
static void
feed(struct gdb *g)
{
	size_t taken;

	do {
		taken = gdb_server_input(&g->server, g->in, g->in_len);
		g->in_len -= taken;
		memmove(g->in, g->in + taken, g->in_len);
		flush_or_close(g);
	} while (g->client >= 0 && g->in_len > 0 && taken > 0);
	if (g->client < 0)
		return;
	if (g->in_len > 0)
		(void)mevent_disable(g->read_ev);
	else
		(void)mevent_enable(g->read_ev);
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	struct gdb *g = arg;

	(void)fd;
	(void)type;
	flush_or_close(g);
	if (g->client >= 0)
		feed(g);
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct gdb *g = arg;
	ssize_t n;

	(void)type;
	if (g->in_len > 0)
		return;
	n = read(fd, g->in, sizeof(g->in));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (!g->leaving)
			release(g);
		close_client(g);
		return;
	}
	g->in_len = (size_t)n;
	feed(g);
}

/* --- what the server wants of the machine --- */

static void
interrupt(void *ctx)
{
	struct gdb *g = gdb;

	(void)ctx;
	vcpus_pause(&g->m->vcpus);
	gdb_server_stopped(&g->server, g->server.stopped, GDB_SIGINT, NULL, 0);
}

static void
detach(void *ctx)
{
	(void)ctx;
	release(gdb);
	gdb->leaving = true;
}

static void
kill_machine(void *ctx)
{
	(void)ctx;
	machine_stop(gdb->m, MACHINE_POWEROFF, "killed by the debugger");
}

/* A vCPU's thread. */
static void
on_debug_exit(void *ctx, unsigned id)
{
	uint64_t one = 1;

	(void)ctx;
	(void)id;
	if (gdb != NULL)
		(void)!write(gdb->bell, &one, sizeof(one));
}

static void
on_bell(int fd, enum mevent_type type, void *arg)
{
	struct gdb *g = arg;
	struct vcpus *s = &g->m->vcpus;
	struct gdb_stop stop = { 0 }, first = { 0 };
	bool stopped = false;
	unsigned who = 0;
	uint64_t n;

	(void)type;
	if (read(fd, &n, sizeof(n)) != (ssize_t)sizeof(n))
		return;
	vcpus_pause(s);
	for (unsigned i = 0; i < s->n; i++) {
		/* Of several the first is told; the others meet their breakpoints again. */
		if (!atomic_exchange(&s->cpu[i].debugged, false) ||
		    !gdb_target_why(&g->target, i, &stop) || stopped)
			continue;
		stopped = true;
		first = stop;
		who = i;
	}
	if (g->client < 0 || g->leaving) { /* a breakpoint that has just been taken away */
		gdb_target_clear(&g->target, true);
	} else if (stopped) {
		gdb_server_stopped(&g->server, who, GDB_SIGTRAP, first.reason, first.addr);
		flush_or_close(g);
	} else if (g->server.running) {
		gdb_target_go(&g->target);
	}
}

static const struct gdb_ops ops = {
	.read_regs = gdb_target_read_regs,
	.write_regs = gdb_target_write_regs,
	.read_mem = gdb_target_read_mem,
	.write_mem = gdb_target_write_mem,
	.breakpoint = gdb_target_breakpoint,
	.action = gdb_target_action,
	.go = gdb_target_go,
	.interrupt = interrupt,
	.detach = detach,
	.kill = kill_machine,
};

/* --- coming and going --- */

static void
adopt(struct gdb *g, int fd)
{
	struct gdb_ops with = ops;

	with.ctx = &g->target;
	g->client = fd;
	g->read_ev = mevent_add(g->m->loop, fd, EVF_READ, on_readable, g);
	g->write_ev = mevent_add_disabled(g->m->loop, fd, EVF_WRITE, on_writable, g);
	if (g->read_ev == NULL || g->write_ev == NULL) {
		close_client(g);
		return;
	}
	if (g->listen_ev != NULL)
		(void)mevent_disable(g->listen_ev);
	vcpus_pause(&g->m->vcpus);
	gdb_server_init(&g->server, &with, g->m->vcpus.n);
}

static void
on_client(int fd, enum mevent_type type, void *arg)
{
	struct gdb *g = arg;
	int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)type;
	if (client >= 0)
		adopt(g, client);
}

static int
listen_tcp(struct machine *m, uint32_t port, struct err *e)
{
	const char *address = config_text(m->config, "gdb.address", "localhost");
	uint16_t tcp_port = (uint16_t)port;
	struct in_addr in;
	int fd, on = 1;

	if (strcmp(address, "localhost") == 0)
		address = "127.0.0.1";
	if (inet_pton(AF_INET, address, &in) != 1)
		return (err_say(e, EINVAL, "gdb.address: '%s' is not an IPv4 address", address));
	if ((ntohl(in.s_addr) >> 24) != IN_LOOPBACKNET)
		log_warn("the debugger's port %u on %s is open to everybody who reaches it", port,
		    address);
	if ((fd = tcp_listen(address, &tcp_port, e)) < 0)
		return (err_ctx(e, "cannot wait for a debugger"));
	/* Its clients get it too. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return (fd);
}

/* A listening or a connected socket, or -errno. */
static int
open_socket(struct machine *m, bool *asked, struct err *e)
{
	const char *path = config_get(m->config, "gdb.socket");
	uint32_t port;
	int fd, rc;

	if ((rc = config_number(m->config, "gdb.port", 0, UINT16_MAX, 0, &port, e)) != 0)
		return (rc);
	*asked = path != NULL || port != 0;
	if (path == NULL)
		return (port == 0 ? 0 : listen_tcp(m, port, e));
	if (strncmp(path, "unix:", 5) == 0)
		return (unix_listen(path + 5, 0600, e));
	if (parse_fd(path, &fd) != 0)
		return (err_say(e, EINVAL, "gdb.socket: '%s' is neither unix:PATH nor fd:N", path));
	return (fd);
}

static int
watch_socket(struct gdb *g, int fd, struct err *e)
{
	int listening = 0, one_int = sizeof(int);
	socklen_t len = (socklen_t)one_int;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) != 0)
		return (err_set(e, errno, "the debugger's descriptor %d is no socket", fd));
	(void)fd_set_nonblock(fd);
	if (listening == 0) {
		adopt(g, fd);
		return (g->client < 0 ? err_set(e, ENOMEM, "cannot talk to the debugger") : 0);
	}
	g->listener = fd;
	if ((g->listen_ev = mevent_add(g->m->loop, fd, EVF_READ, on_client, g)) == NULL)
		return (err_set(e, errno, "cannot wait for a debugger"));
	return (0);
}

int
gdb_configure(struct machine *m, struct err *e)
{
	bool suspended;
	int rc;

	if ((rc = config_bool(m->config, "suspend_at_boot", false, &suspended, e)) != 0)
		return (rc);
	if (suspended && config_get(m->config, "gdb.socket") == NULL &&
	    config_get(m->config, "gdb.port") == NULL)
		return (err_say(e, EINVAL,
		    "suspend_at_boot (-d) without -G: there would be no debugger to resume from"));
	return (0);
}

int
gdb_create(struct machine *m, struct err *e)
{
	bool asked = false, wait, suspended;
	struct gdb *g;
	int fd, rc;

	if ((rc = config_bool(m->config, "gdb.wait", false, &wait, e)) != 0 ||
	    (rc = config_bool(m->config, "suspend_at_boot", false, &suspended, e)) != 0)
		return (rc);
	if ((fd = open_socket(m, &asked, e)) < 0)
		return (fd);
	if (!asked)
		return (0);
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (err_set(e, ENOMEM, "cannot wait for a debugger"));
	*g = (struct gdb){ .m = m, .listener = -1, .client = -1 };
	if ((g->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
	    mevent_add(m->loop, g->bell, EVF_READ, on_bell, g) == NULL)
		return (err_set(e, errno, "cannot wait for a debugger"));
	if ((rc = gdb_target_init(&g->target, &m->vcpus, e)) != 0)
		return (rc);
	m->vcpus.ops.debug = on_debug_exit;
	m->debugged = true;
	gdb = g;
	/* Nothing runs yet: this only says that nothing is to. */
	if (wait || suspended)
		vcpus_pause(&m->vcpus);
	return (watch_socket(g, fd, e));
}

void
gdb_close(int status)
{
	if (gdb == NULL || gdb->client < 0)
		return;
	gdb_server_exited(&gdb->server, (unsigned)status);
	(void)flush(gdb);
}
