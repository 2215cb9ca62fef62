/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-console: named lines between programs of the host and of the guest. Runs in zhyve while
 * the machine is built.
 *
 * Options: NAME=PATH for each port (a UNIX socket that is listened on) or NAME=fd:N (a socket that
 * listens or is connected), numbered in the order of their names; console (port 0 is the guest's
 * hvc0) with cols=, rows=. As variables, which come first: port.N.name, port.N.path.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/chardev.h"
#include "base/checked.h"
#include "base/parse.h"
#include "devices/virtio/console.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/virtio_glue.h"

struct console_emul {
	struct virtio_console con;
	struct virtio_glue glue;
	unsigned nports;
	struct {
		char name[CONFIG_NAME_MAX];
		const char *path;
	} port[VIRTIO_CONSOLE_PORTS_MAX];
};

static int
add_port(struct console_emul *c, const char *name, const char *path, struct err *e)
{
	if (c->nports == NITEMS(c->port))
		return (err_say(e, EINVAL, "there are at most %u ports", VIRTIO_CONSOLE_PORTS_MAX));
	if (name[0] == '\0' || strlen(name) >= VIRTIO_CONSOLE_NAME_MAX)
		return (err_say(e, EINVAL, "port '%s': a name has 1 to %u characters", name,
		    VIRTIO_CONSOLE_NAME_MAX - 1));
	for (unsigned i = 0; i < c->nports; i++)
		if (strcmp(c->port[i].name, name) == 0)
			return (err_say(e, EINVAL, "port '%s' is given twice", name));
	(void)snprintf(c->port[c->nports].name, sizeof(c->port[0].name), "%s", name);
	c->port[c->nports++].path = path;
	return (0);
}

/* Every variable at and below `n` is a port; a name may hold dots. `skip`: of what is above. */
static int
add_ports(struct console_emul *c, struct config_node *n, size_t skip, struct err *e)
{
	char name[CONFIG_NAME_MAX];
	int rc = 0;

	if (n->value != NULL) {
		const char *path = config_get(n->parent, n->name);

		rc = add_port(c, config_path(n, name) + skip, path, e);
	}
	for (n = n->child; n != NULL && rc == 0; n = n->next)
		rc = add_ports(c, n, skip, e);
	return (rc);
}

/* bhyve's variables port.N.name and port.N.path; then every option that is none of ours. */
static int
read_ports(struct console_emul *c, struct config_node *cfg, struct err *e)
{
	static const char *const ours[] = { "device", "console", "cols", "rows", "port" };
	struct config_node *ports = config_find(cfg, "port");
	char above[CONFIG_NAME_MAX];
	size_t skip = strlen(config_path(cfg, above)) + 1;
	int rc;

	for (struct config_node *n = ports == NULL ? NULL : ports->child; n != NULL; n = n->next) {
		const char *name = config_get(n, "name"), *path = config_get(n, "path");

		if (name == NULL || path == NULL)
			return (
			    err_say(e, EINVAL, "port.%s needs both a name and a path", n->name));
		if ((rc = add_port(c, name, path, e)) != 0)
			return (rc);
	}
	for (struct config_node *n = cfg->child; n != NULL; n = n->next) {
		bool known = false;

		for (size_t i = 0; i < NITEMS(ours); i++)
			known |= strcmp(n->name, ours[i]) == 0;
		if (!known && (rc = add_ports(c, n, skip, e)) != 0)
			return (rc);
	}
	if (c->nports == 0)
		return (err_say(e, EINVAL,
		    "no port is given, as in -s 5,virtio-console,org.name=/run/name.sock"));
	return (0);
}

static int
open_port(struct console_emul *c, struct machine *m, unsigned i, struct err *e)
{
	const char *name = c->port[i].name, *path = c->port[i].path;
	struct chardev *chr;
	char conf[256];
	int fd, rc;

	if (parse_fd(path, &fd) != 0 && path[0] != '/' && path[0] != '.')
		return (
		    err_say(e, EINVAL, "port '%s': '%s' is neither a path nor fd:N", name, path));
	(void)snprintf(conf, sizeof(conf), "%s%s", parse_fd(path, &fd) == 0 ? "" : "socket,", path);
	if ((rc = chardev_open(&chr, conf, m->loop, &c->glue.lock, e)) != 0)
		return (err_ctx(e, "port '%s'", name));
	return (virtio_console_port(&c->con, i, name, chr));
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct console_emul *c = calloc(1, sizeof(*c));
	uint32_t cols, rows;
	bool console;
	int rc;

	if (c == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = config_bool(cfg, "console", false, &console, e)) != 0 ||
	    (rc = config_number(cfg, "cols", 1, UINT16_MAX, 0, &cols, e)) != 0 ||
	    (rc = config_number(cfg, "rows", 1, UINT16_MAX, 0, &rows, e)) != 0 ||
	    (rc = read_ports(c, cfg, e)) != 0)
		return (rc);
	if ((cols == 0) != (rows == 0))
		return (err_say(e, EINVAL, "cols and rows go together"));
	rc = virtio_console_init(
	    &c->con, &m->gm, c->nports, console, (uint16_t)cols, (uint16_t)rows);
	if (rc != 0)
		return (err_set(e, -rc, "cannot make the device"));
	virtio_glue_init(&c->glue, m);
	for (unsigned i = 0; i < c->nports; i++)
		if ((rc = open_port(c, m, i, e)) != 0)
			return (rc);
	return (virtio_glue_attach(&c->glue, &c->con.vd, bdf, e));
}

static const struct vmm_emul virtio_console = {
	.name = "virtio-console",
	.help = "NAME=PATH|fd:N[,NAME=...][,console][,cols=N,rows=N]",
	.init = init,
};
ZHYVE_EMUL(virtio_console);
