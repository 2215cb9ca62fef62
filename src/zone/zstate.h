/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What may be done with a zone in which state (zones.md 7): one table, which all programs ask, and
 * which docs/zone-states.md shows. Pure; tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_ZSTATE_H
#define ZHYVE_ZONE_ZSTATE_H

#include "base/err.h"
#include "zone/zconf.h"

#define ZONE_STATES (ZONE_STATE_DOWN + 1)

enum zone_command {
	ZCMD_BOOT,
	ZCMD_READY,
	ZCMD_HALT,
	ZCMD_SHUTDOWN,
	ZCMD_REBOOT,
	ZCMD_NMI,
	ZCMD_INSTALL,
	ZCMD_UNINSTALL,
	ZCMD_CLONE,      /* the zone that is made */
	ZCMD_CLONE_FROM, /* the one that it is made of */
	ZCMD_DETACH,
	ZCMD_MOVE,
	ZCMD_ATTACH,
	ZCMD_ATTACH_FORCED,
	ZCMD_MARK,
	ZCMD_VERIFY,
	ZCMD_APPLY,
	ZCMD_EVENTS,
	ZCMD_CONSOLE,
	ZCMD_LOGIN,
	ZCMD_RENAME,
	ZCMD_DELETE,
	ZONE_COMMANDS
};

/* How it is typed, for the table in docs: "zoneadm boot". */
const char *zone_command_name(enum zone_command cmd);

/*
 * 0 when the state allows it; else a negative errno, with the text that people are told: it is a
 * failure of the command, exit status 1.
 */
int zone_state_check(enum zone_command cmd, enum zone_state s, struct err *e);

#endif
