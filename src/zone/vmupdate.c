/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What update makes of a payload before anything on the host is touched: see vmvalidate.h, and
 * vmadm.md 3, 6 and 10. Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "zone/vmvalidate.h"

#define OVERHEAD_DEFAULT 1280 /* MiB beside the guest's ram: what vmadm gives bhyve */
#define OVERHEAD_MIN     256
#define SWAP_MIN         256
#define CPU_SHARES_MAX   65535
#define ABSENT           INT64_MIN

/* A member as a number; ABSENT when there is none, or it is null. */
static int64_t
number(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	int64_t n;

	return (v != NULL && vmprop_integer(v, &n) == 0 ? n : ABSENT);
}

/* What the VM will have: the payload's value (null: none), else what it has. */
static int64_t
future(const json_t *payload, const json_t *vm, const char *name)
{
	return (number(json_object_get(payload, name) != NULL ? payload : vm, name));
}

static void
set_number(json_t *o, const char *name, int64_t n)
{
	(void)json_object_set_new(o, name, json_integer(n));
}

/* ---- memory ---- */

static int
check_limit(const json_t *payload, const char *name, int64_t ram, struct err *e)
{
	int64_t n = number(payload, name);

	if (n == ABSENT || n == 0)
		return (0);
	if (n < ram)
		return (err_say(e, EINVAL, "vm.%s (%lld) cannot be lower than vm.ram (%lld)", name,
		    (long long)n, (long long)ram));
	return (0);
}

/* A limit that is not given follows max_physical_memory at the distance that it had. */
static int64_t
follow(const json_t *payload, const json_t *vm, const char *name, int64_t physical)
{
	int64_t old = number(vm, "max_physical_memory"), own = number(vm, name);

	if (number(payload, name) != ABSENT)
		return (number(payload, name));
	return (old != ABSENT && own != ABSENT ? physical + (own - old) : physical);
}

/*
 * The limits of memory follow ram, and are never so low that the guest could not run. A VM without
 * a limit (made by zonecfg) gets none from a change of ram alone.
 */
static int
set_memory(json_t *payload, const json_t *vm, struct err *e)
{
	static const char *const limits[] = { "max_physical_memory", "max_locked_memory",
		"max_swap" };
	int64_t ram = future(payload, vm, "ram"), given = number(payload, limits[0]), physical,
		locked, swap;
	bool any = json_object_get(payload, "ram") != NULL;
	int rc;

	ram = ram != ABSENT ? ram : 256;
	for (size_t i = 0; i < NITEMS(limits); i++) {
		any = any || number(payload, limits[i]) != ABSENT;
		if ((rc = check_limit(payload, limits[i], ram, e)) < 0)
			return (rc);
	}
	physical = given != ABSENT                    ? given
	    : json_object_get(payload, "ram") != NULL ? ram + OVERHEAD_DEFAULT
						      : number(vm, limits[0]);
	if (!any || physical == ABSENT || (given == ABSENT && number(vm, limits[0]) == ABSENT))
		return (0);
	physical = MAX(physical, ram + OVERHEAD_MIN);
	locked = MAX(follow(payload, vm, limits[1], physical), ram + OVERHEAD_MIN);
	swap = MAX(MAX(follow(payload, vm, limits[2], physical), physical), SWAP_MIN);
	set_number(payload, limits[0], physical);
	set_number(payload, limits[1], MIN(locked, physical));
	set_number(payload, limits[2], swap);
	return (0);
}

/* ---- routes ---- */

static int
check_routes(const json_t *payload, const json_t *vm, struct err *e)
{
	json_t *both;
	int rc;

	if (json_object_get(payload, "set_routes") == NULL)
		return (0);
	both = json_pack("{s:O, s:O}", "routes", json_object_get(payload, "set_routes"), "nics",
	    json_object_get(vm, "nics"));
	rc = vmnic_check_routes(both, e);
	json_decref(both);
	return (rc);
}

/* ---- the whole ---- */

int
vmupdate_target(
    json_t *list, const json_t *change, const struct vmupdate_key *key, json_t **out, struct err *e)
{
	const char *name = json_string_value(json_object_get(change, key->key));
	size_t at;

	if (name == NULL)
		return (err_say(e, EINVAL, "%s", key->missing));
	if ((at = key->find(list, name)) == SIZE_MAX)
		return (err_say(e, ENOENT, "%s: %s", key->unknown, name));
	*out = json_array_get(list, at);
	return (0);
}

int
vmupdate_prepare(json_t *payload, const json_t *vm, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	const char *brand = json_string_value(json_object_get(vm, "brand"));
	int rc;

	if ((rc = vmpayload_mend(payload, VMF_UPDATE, e)) < 0 ||
	    (rc = vmpayload_validate(payload, VMF_UPDATE, brand, images, warn, e)) < 0 ||
	    (rc = vmpayload_promises(payload, VMF_UPDATE, warn, e)) < 0 ||
	    (rc = vmupdate_nics(payload, vm, warn, e)) < 0)
		return (rc);
	if (number(payload, "cpu_shares") > CPU_SHARES_MAX)
		set_number(payload, "cpu_shares", CPU_SHARES_MAX);
	if ((rc = set_memory(payload, vm, e)) < 0 || (rc = vmdevice_check(payload, vm, e)) < 0 ||
	    (rc = vmupdate_disks(payload, vm, e)) < 0 || (rc = check_routes(payload, vm, e)) < 0)
		return (rc);
	return (vmpayload_rest(payload, e));
}
