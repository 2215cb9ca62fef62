/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rules between the properties of devices that are this system's own, at create and update: see
 * vmvalidate.h. What the brand would refuse at boot (brand_device.c) is told here. Pure; tools.
 */
#include <errno.h>

#include "base/checked.h"
#include "zone/brand.h"
#include "zone/vmvalidate.h"

#define RAM_DEFAULT 256

/* What the VM will have: the payload's value, else what it has; NULL for unset. */
static const json_t *
future(const json_t *payload, const json_t *vm, const char *name)
{
	const json_t *v = json_object_get(payload, name);

	if (v == NULL)
		v = json_object_get(vm, name);
	return (json_is_null(v) ? NULL : v);
}

static int
check_balloon(const json_t *payload, const json_t *vm, struct err *e)
{
	const json_t *text = future(payload, vm, "balloon_target");
	const json_t *of = future(payload, vm, "ram");
	int64_t target, ram = RAM_DEFAULT;

	if (text == NULL || vmprop_integer(text, &target) < 0)
		return (0);
	if (of != NULL)
		(void)vmprop_integer(of, &ram);
	if (!vmprop_truth(future(payload, vm, "balloon")))
		return (err_say(e, EINVAL,
		    "balloon_target: the VM has no balloon; set balloon to true, or clear this one "
		    "(balloon_target=)"));
	if (target > ram)
		return (err_say(e, EINVAL, "balloon_target (%lld) cannot be higher than ram (%lld)",
		    (long long)target, (long long)ram));
	return (0);
}

/* A list of ports: not too long, none twice. */
static int
check_list(const json_t *payload, const char *name, struct err *e)
{
	const json_t *list = json_object_get(payload, name), *a, *b;
	size_t i, k;

	if (json_array_size(list) > BRAND_PORTS_MAX)
		return (
		    err_say(e, EINVAL, "%s: there are at most %d ports", name, BRAND_PORTS_MAX));
	json_array_foreach (list, i, a) {
		json_array_foreach (list, k, b) {
			if (k < i && json_equal(a, b))
				return (err_say(e, EINVAL, "%s: a port is there twice", name));
		}
	}
	return (0);
}

int
vmdevice_check(const json_t *payload, const json_t *vm, struct err *e)
{
	int rc;

	if ((rc = check_balloon(payload, vm, e)) < 0 ||
	    (rc = check_list(payload, "virtio_ports", e)) < 0 ||
	    (rc = check_list(payload, "vsock_ports", e)) < 0)
		return (rc);
	if (json_array_size(future(payload, vm, "vsock_ports")) > 0 &&
	    future(payload, vm, "vsock_cid") == NULL)
		return (err_say(e, EINVAL,
		    "vsock_ports: the VM has no vsock; set vsock_cid (3 for instance), or clear "
		    "this one (vsock_ports=)"));
	return (0);
}
