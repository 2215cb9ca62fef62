/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tools ask of a zone: its state, and the changes of state, through the zone's zoneadmd
 * (varlink over /run/zones/<name>/control, interface org.zhyve.Zone), which is started when it is
 * needed. State is derived from what lives (zoneadmd answering, ledger, kernel) and, below ready,
 * from the stored configuration; what a killed zoneadmd left is cleaned up on the way (reconcile).
 * Tools; root.
 */
#ifndef ZHYVE_ZONE_CLIENT_H
#define ZHYVE_ZONE_CLIENT_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "zone/zconf.h"

struct zone_status {
	enum zone_state state;
	int64_t zoneid;         /* -1: not live */
	pid_t init_pid;         /* zhyve's pid in the host's namespace, 0: none */
	int64_t boot_time_ms;   /* CLOCK_REALTIME of the last boot, 0: none */
	uint32_t init_restarts; /* resets by the guest since boot */
	/*
	 * "power-off", "halt", "panic", "triple-fault", "error", "crash", "filter" (killed by its
	 * system-call filter), "halted" (by the operator), ""
	 */
	char last_exit[32];
	int last_exit_status;      /* wait status of zhyve, -1: none */
	int64_t last_exit_time_ms; /* CLOCK_REALTIME */
};

/* 0, -ENOENT (not configured). Never starts a zoneadmd. */
int zone_status_get(const char *name, struct zone_status *st, struct err *e);

/*
 * Each returns when it is done; 0 or -errno with zoneadmd's own text (without a program's name in
 * front).
 */
int zone_ready(const char *name, struct err *e);
int zone_boot(
    const char *name, struct err *e); /* from installed or ready; returns when the vCPUs run */
/* The same, with words for this start only (startopts.h). */
int zone_boot_with(const char *name, size_t n, char *const words[], struct err *e);
int zone_halt(const char *name, struct err *e);   /* abrupt */
int zone_reboot(const char *name, struct err *e); /* abrupt halt and boot */
/*
 * Power button, then wait: 0 when the zone is down; -ETIMEDOUT after timeout_s (the zone still
 * runs).
 */
int zone_shutdown(const char *name, unsigned timeout_s, struct err *e);
int zone_nmi(const char *name, struct err *e);
/* The display's picture as PNG; `path` is where it was written. */
int zone_screenshot_take(const char *name, char path[PATH_MAX], struct err *e);
/*
 * What GetDevices, and GetMemory, of org.zhyve.Zone say of a live zone; *out is the caller's. Set the
 * target of its balloon, in bytes; have its guest told of its disks' sizes.
 */
int zone_devices_get(const char *name, json_t **out, struct err *e);
int zone_memory_get(const char *name, json_t **out, struct err *e);
int zone_balloon_set(const char *name, uint64_t target, struct err *e);
int zone_refresh_disks(const char *name, struct err *e);
/*
 * Have a live zone take the limits of its stored configuration. *later: a list of the rctls that
 * have effect from its next boot on, the caller's. -EINVAL, "not running", when it is not live.
 */
int zone_apply(const char *name, json_t **later, struct err *e);
/*
 * Hold everything of a running zone, for some milliseconds (Pause of org.zhyve.Zone): *fd is the
 * connection that holds it, and closing it lets it go. zone_resume closes it and says how long it was;
 * -ETIMEDOUT: too long, and the zone ran on meanwhile.
 */
int zone_pause(const char *name, int *fd, struct err *e);
int zone_resume(int *fd, int64_t *us, struct err *e);
#define ZONE_VCPUS_MAX 256 /* of one answer, which must fit into VARLINK_MSG_MAX */
/* What its vCPUs do: the list of GetVcpus of org.zhyve.Zone; *out is the caller's. */
int zone_vcpus_get(const char *name, json_t **out, struct err *e);
/* Where a live zone's display is, as GetDisplay of org.zhyve.Zone says; *out is the caller's. */
int zone_display_get(const char *name, json_t **out, struct err *e);
/* Have a live zone's links protected as its stored configuration says by now. */
int zone_links_apply(const char *name, struct err *e);
/* A live zone's links with their counters, as GetLinks says; *out is the caller's. */
int zone_links_get(const char *name, json_t **out, struct err *e);

/*
 * Connect to the zone's console, installed or live; zoneadmd is started when it is not there.
 * flags: CONSOLE_FLAG_* (console.h). The descriptor (blocking, close-on-exec) gives the history
 * first, then what comes; what is written goes to the guest. fd or -errno.
 */
int zone_console_connect(const char *name, unsigned flags, struct err *e);

/*
 * Make the zone path (root/, config/, logs/), state installed. / Remove them, state configured;
 * refuses a live zone.
 */
int zone_install(const char *name, struct err *e);
int zone_uninstall(const char *name, struct err *e);
/*
 * Install a configured zone with copies of another's disks (as they are, or as they were at a
 * snapshot; NULL: none), which must be installed and not live: its devices that name disks of the
 * source, or disks of its own that the source has under the same name.
 */
int zone_clone(const char *name, const char *source, const char *snapshot, struct err *e);
/*
 * Detach: the zone path describes itself (detached.json), state configured. *text is the
 * description, the caller's; dry_run: nothing else happens. / Attach: such a zone path, brought to
 * /zones/NAME, is installed; unless forced it must be the zone's own (by its uuid) and have its
 * disks. / What a zone path (its folder, or its detached.json) describes, as the configuration of a
 * zone called `name`: its zone path and disks are below /zones/NAME.
 */
int zone_detach(const char *name, bool dry_run, char **text, struct err *e);
int zone_attach(const char *name, bool force, struct err *e);
int zone_detached_adopt(struct zconf *c, const char *name, struct err *e); /* of any origin */
int zone_detached_read(const char *path, const char *name, struct zconf **out, struct err *e);

/*
 * Clean up whatever a killed zoneadmd of any zone left behind (ledgers without a live owner).
 * Called by `zoneadm list` and on every change.
 */
int zone_reconcile_all(struct err *e);

/* See to it that its zoneadmd runs, for the moment: installed zones. */
int zone_attend(const char *name, struct err *e);
/*
 * Events (events.h), one JSON text each, of one zone, or of all (name NULL), as they happen; before
 * those, the kept ones from number `from` on (-1: none). Zones that come to life later, and those whose
 * zoneadmd has ended and is there again, are followed on without a hole. Until cb returns false (0).
 * Zones' connections are told apart by the "zone" in the text.
 */
int zone_events_follow(const char *name, int64_t from, bool (*cb)(const char *json, void *arg),
    void *arg, struct err *e);

#endif
