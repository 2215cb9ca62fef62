/* SPDX-License-Identifier: BSD-2-Clause */
/* What may be done in which state: see zstate.h. Pure; tools and zoneadmd. */
#include "zone/zstate.h"

#include <assert.h>
#include <errno.h>

/* What is said to a command in a state; 0 is that it may go on. */
enum verdict {
	OK,
	UNINSTALLED, /* there is no zone path yet */
	NOT_LIVE,
	BOOTED,
	READIED,
	HALTED,
	INSTALLED,
	INCOMPLETE,
	FORCEABLE, /* the same, and there is a way round */
	CONFIGURED,
	LIVE,
	STAYS, /* there is no such thing here, but other ways to the same end */
	NO_LOGIN,
	NOTHING_RUNS,
	KEPT, /* there is something that belongs to the configuration */
};

static const struct row {
	const char *name;
	const char *what; /* in the messages */
	enum verdict verdict[ZONE_STATES];
} rows[ZONE_COMMANDS] = {
	/* configured, incomplete, installed, ready, mounted, running, shutting_down, down */
	[ZCMD_BOOT] = { "zoneadm boot", "boot",
	    { UNINSTALLED, UNINSTALLED, OK, OK, BOOTED, BOOTED, BOOTED, BOOTED } },
	[ZCMD_READY] = { "zoneadm ready", "ready",
	    { UNINSTALLED, UNINSTALLED, OK, READIED, BOOTED, BOOTED, BOOTED, BOOTED } },
	[ZCMD_HALT] = { "zoneadm halt", "halt",
	    { UNINSTALLED, UNINSTALLED, HALTED, OK, OK, OK, OK, OK } },
	[ZCMD_SHUTDOWN] = { "zoneadm shutdown", "shutdown",
	    { NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, OK, NOT_LIVE, NOT_LIVE } },
	[ZCMD_REBOOT] = { "zoneadm reboot", "reboot",
	    { NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, OK, NOT_LIVE, NOT_LIVE } },
	[ZCMD_NMI] = { "vmadm sysrq", "nmi",
	    { NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, NOT_LIVE, OK, NOT_LIVE, NOT_LIVE } },
	[ZCMD_INSTALL] = { "zoneadm install", "install",
	    { OK, INCOMPLETE, INSTALLED, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_UNINSTALL] = { "zoneadm uninstall", "uninstall",
	    { CONFIGURED, OK, OK, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_CLONE] = { "zoneadm clone (the new zone)", "clone",
	    { OK, INCOMPLETE, INSTALLED, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_CLONE_FROM] = { "zoneadm clone (its source)", "clone",
	    { UNINSTALLED, UNINSTALLED, OK, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_DETACH] = { "zoneadm detach", "detach",
	    { UNINSTALLED, UNINSTALLED, OK, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_MOVE] = { "zoneadm move", "move",
	    { UNINSTALLED, UNINSTALLED, STAYS, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_ATTACH] = { "zoneadm attach", "attach",
	    { OK, FORCEABLE, INSTALLED, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_ATTACH_FORCED] = { "zoneadm attach -F", "attach",
	    { OK, OK, INSTALLED, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_MARK] = { "zoneadm mark incomplete", "mark",
	    { OK, OK, OK, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_VERIFY] = { "zoneadm verify", "verify", { OK, INCOMPLETE, OK, OK, OK, OK, OK, OK } },
	[ZCMD_APPLY] = { "zoneadm apply", "apply",
	    { NOT_LIVE, NOT_LIVE, NOT_LIVE, OK, OK, OK, OK, OK } },
	[ZCMD_EVENTS] = { "zoneadm events", "it can be watched",
	    { UNINSTALLED, UNINSTALLED, OK, OK, OK, OK, OK, OK } },
	[ZCMD_CONSOLE] = { "zlogin -C", "login", { NO_LOGIN, NO_LOGIN, OK, OK, OK, OK, OK, OK } },
	[ZCMD_LOGIN] = { "zlogin", "login",
	    { NO_LOGIN, NO_LOGIN, NOTHING_RUNS, NOTHING_RUNS, NOTHING_RUNS, OK, NOTHING_RUNS,
		NOTHING_RUNS } },
	[ZCMD_RENAME] = { "zonecfg set zonename", "rename",
	    { OK, INCOMPLETE, OK, LIVE, LIVE, LIVE, LIVE, LIVE } },
	[ZCMD_DELETE] = { "zonecfg delete", "delete",
	    { OK, KEPT, KEPT, KEPT, KEPT, KEPT, KEPT, KEPT } },
};

const char *
zone_command_name(enum zone_command cmd)
{
	return (rows[cmd].name);
}

int
zone_state_check(enum zone_command cmd, enum zone_state s, struct err *e)
{
	const struct row *r = &rows[cmd];

	assert((size_t)cmd < ZONE_COMMANDS && (size_t)s < ZONE_STATES);
	switch (r->verdict[s]) {
	case OK:
		return (0);
	case UNINSTALLED:
		return (err_say(e, EINVAL, "must be installed before %s.", r->what));
	case NOT_LIVE:
		return (err_say(e, EINVAL, "not running"));
	case BOOTED:
		return (err_say(e, EINVAL, "zone is already booted"));
	case READIED:
		return (err_say(e, EINVAL, "zone is already ready"));
	case HALTED:
		return (err_say(e, EINVAL, "zone is already halted"));
	case INSTALLED:
		return (err_say(e, EEXIST, "is already installed."));
	case INCOMPLETE:
		return (err_say(e, EINVAL, "zone is incomplete; uninstall required."));
	case FORCEABLE:
		return (err_say(e, EINVAL,
		    "zone is incomplete; uninstall required, or attach -F if its zone path is "
		    "whole."));
	case CONFIGURED:
		return (err_say(e, EINVAL, "is already in state 'configured'."));
	case LIVE:
		return (err_say(e, EBUSY, "%s operation is invalid for running zones.", r->what));
	case STAYS:
		return (err_say(e, EOPNOTSUPP,
		    "a zone path is always /zones/ and the zone's name: set zonename by zonecfg, "
		    "and it moves with the name; to another host or file system, detach the "
		    "zone, carry its zone path over and attach it."));
	case NO_LOGIN:
		return (
		    err_say(e, EINVAL, "cannot login to a zone which is '%s'", zone_state_name(s)));
	case NOTHING_RUNS:
		return (err_say(e, EINVAL, "login allowed only to running zones"));
	case KEPT:
		return (err_say(e, EBUSY, "zone is %s; %s not allowed: uninstall it first",
		    zone_state_name(s), r->what));
	}
	assert(!"every verdict has a text");
	return (-EINVAL);
}
