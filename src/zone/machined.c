/* SPDX-License-Identifier: BSD-2-Clause */
/* What systemd-machined is asked: see machined.h. Runs in zoneadmd. */
#include "zone/machined.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parse.h"

#define BUSCTL  "/usr/bin/busctl"
#define MANAGER "org.freedesktop.machine1"
/* Its file by which the bus starts it. */
#define ACTIVATION "/usr/share/dbus-1/system-services/" MANAGER ".service"
#define BOOTED     "/run/systemd/system" /* sd_booted(3) */

int
machined_create(
    struct machined_call *c, const char *name, const char *uuid, pid_t leader, struct err *e)
{
	static const char *const to[] = { BUSCTL, "--system", "--timeout=30", "--", "call", MANAGER,
		"/org/freedesktop/machine1", MANAGER ".Manager", "CreateMachine", "sayssusa(sv)" };
	/* Class, leader, root (a VM's is not the host's to see), and of the scope's properties one. */
	const char *const what[] = { "zhyve", "vm", c->leader, "", "1", "Before", "as", "1",
		"zones.service" };
	uint8_t id[sizeof(c->id) / sizeof(c->id[0])];
	size_t n = 0;

	if (parse_uuid(uuid, id) != 0)
		return (err_say(e, EINVAL, "'%s' is no uuid", uuid));
	for (size_t i = 0; i < NITEMS(to); i++)
		c->argv[n++] = to[i];
	c->argv[n++] = name;
	c->argv[n++] = "16";
	for (size_t i = 0; i < NITEMS(c->id); i++) {
		(void)snprintf(c->id[i], sizeof(c->id[i]), "%u", id[i]);
		c->argv[n++] = c->id[i];
	}
	(void)snprintf(c->leader, sizeof(c->leader), "%d", (int)leader);
	for (size_t i = 0; i < NITEMS(what); i++)
		c->argv[n++] = what[i];
	assert(n <= MACHINED_ARGS);
	c->argv[n] = NULL;
	return (0);
}

bool
machined_there(void)
{
	return (access(BOOTED, F_OK) == 0 && access(ACTIVATION, F_OK) == 0 &&
	    access(BUSCTL, X_OK) == 0);
}
