/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is asked of a machine that runs, and changes nothing of the zone's state: a non-maskable interrupt, a look
 * at the disks' sizes, the guest's memory, what the vCPUs do. Runs in zoneadmd.
 */
#include <errno.h>

#include "base/checked.h"
#include "zone/zoneadmd.h"

#define NS_PER_S       1000000000ll
#define MEMORY_WAIT_NS (5 * NS_PER_S)  /* for zhyve's answer */
#define VCPUS_WAIT_NS  (10 * NS_PER_S) /* the same, which takes it a second at worst */

/* Something for the running guest that zhyve sees to; answers when it has been told. */
static void
tell_running(struct zoneadmd *z, struct varlink_conn *conn, enum wire_type type)
{
	struct err e = { 0 };

	if (z->vm.phase != VM_RUNNING)
		ctl_refuse(conn, EINVAL, "not running");
	else if (vm_wire_tell(z, type, 0, &e) != 0)
		ctl_fail(conn, &e);
	else
		ctl_ok(conn);
}

void
op_nmi(struct zoneadmd *z, struct varlink_conn *conn)
{
	tell_running(z, conn, WIRE_NMI);
}

void
op_refresh_disks(struct zoneadmd *z, struct varlink_conn *conn)
{
	zone_devices_refresh(z);
	if (z->state != ZONE_STATE_RUNNING || z->vm.phase == VM_RUNNING) {
		tell_running(z, conn, WIRE_REFRESH_DISKS);
		return;
	}
	/* Between two lives: one that is built already is told as soon as it runs; another looks itself. */
	z->vm.refresh = z->vm.phase == VM_BUILDING || z->vm.phase == VM_STARTING;
	ctl_ok(conn);
}

void
op_balloon(struct zoneadmd *z, struct varlink_conn *conn, uint64_t target)
{
	struct err e = { 0 };
	struct waiter *w;

	if (z->vm.phase != VM_RUNNING) {
		ctl_refuse(conn, EINVAL, "not running");
	} else if (!z->res.plan->balloon) {
		ctl_refuse(
		    conn, ENODEV, "the zone has no balloon: set its attribute balloon to true");
	} else if (vm_wire_tell(z, WIRE_BALLOON, MIN(target, z->res.plan->ram), &e) != 0) {
		ctl_fail(conn, &e);
	} else {
		z->vm.asked++;
		if ((w = waiter_add(z, conn, WAIT_MEMORY)) == NULL)
			return;
		w->deadline_ns = clock_mono_ns() + MEMORY_WAIT_NS;
		waiters_look(z);
	}
}

bool
op_vm_memory(struct zoneadmd *z, uint64_t memory, const char *text)
{
	if (z->vm.asked == 0)
		return (false);
	z->vm.asked--;
	/* All who wait are told the newest: it is what they asked for, too. */
	for (size_t i = 0; i < NITEMS(z->waiter) && z->vm.asked == 0; i++) {
		struct varlink_conn *conn = z->waiter[i].conn;

		if (conn == NULL || z->waiter[i].kind != WAIT_MEMORY)
			continue;
		z->waiter[i].conn = NULL;
		ctl_memory(conn, memory, text);
	}
	return (true);
}

void
op_vcpus(struct zoneadmd *z, struct varlink_conn *conn, unsigned first)
{
	struct err e = { 0 };
	struct waiter *w;

	if (z->vm.phase != VM_RUNNING) {
		ctl_refuse(conn, EINVAL, "not running");
	} else if (vcpus_ask(z, &e) != 0) {
		ctl_fail(conn, &e);
	} else if ((w = waiter_add(z, conn, WAIT_VCPUS)) != NULL) {
		w->first = first;
		w->deadline_ns = clock_mono_ns() + VCPUS_WAIT_NS;
		waiters_look(z);
	}
}

void
op_vcpus_told(struct zoneadmd *z, json_t *list)
{
	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		struct varlink_conn *conn = z->waiter[i].conn;
		size_t first = z->waiter[i].first;
		json_t *some;

		if (conn == NULL || z->waiter[i].kind != WAIT_VCPUS)
			continue;
		z->waiter[i].conn = NULL;
		some = json_array();
		for (size_t k = first; k < first + ZONE_VCPUS_MAX && k < json_array_size(list); k++)
			(void)json_array_append(some, json_array_get(list, k));
		varlink_reply(conn, json_pack("{s:o}", "vcpus", some), false);
	}
}
