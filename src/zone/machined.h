/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * systemd-machined, which keeps a list of the host's virtual machines and containers (machinectl(1),
 * org.freedesktop.machine1(5)): what it is asked, for a zone, and by which program. Decision 62 says why its
 * CreateMachine, for zoneadmd and nothing else of the zone. Pure, but for machined_there. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_MACHINED_H
#define ZHYVE_ZONE_MACHINED_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* What machinectl's poweroff and reboot send to a machine's leader: those that systemd as an init takes. */
#define MACHINED_POWEROFF (SIGRTMIN + 4)
#define MACHINED_REBOOT   SIGINT

#define MACHINED_ARGS     40

/* The arguments of busctl(1), and their texts. Not to be moved. */
struct machined_call {
	const char *argv[MACHINED_ARGS + 1];
	char id[16][4];
	char leader[12];
};

/*
 * Ask for a machine of this name (a scope of systemd's, machine-NAME.scope in machine.slice), moving the leader there; `name` stays the
 * caller's. It is answered when that is done. Zones are shut down before it is stopped, at the host's end. -EINVAL
 * when `uuid` is none.
 */
int machined_create(
    struct machined_call *c, const char *name, const char *uuid, pid_t leader, struct err *e);

/* Is this host run by systemd, and has it machined (which need not run yet), and busctl? */
bool machined_there(void);

#endif
