/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metadata service's source in zoneadmd: the zone's own VM object, made anew for each
 * request, so that changes by vmadm and by hand are seen at once. What goes wrong on the host
 * is logged here and not told to the guest.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "zone/metadata_keys.h"
#include "zone/metadata_source.h"
#include "zone/vmobj.h"

/*
 * The guest is asking: its zone runs, and the answer may not depend on asking zoneadmd
 * (ourselves).
 */
static const struct zone_status running = { .state = ZONE_STATE_RUNNING, .zoneid = -1 };

/* The VM object, or NULL after a line in the log. */
static json_t *
load(const char *zone)
{
	struct zconf *c = NULL;
	struct vmconfig vc = { 0 };
	struct err e = { 0 };
	json_t *vm = NULL;

	if (zconf_load(zone, &c, &e) < 0 || vmconfig_load(zone, &vc, &e) < 0 ||
	    vmobj_build(c, &vc, &running, &vm, &e) < 0)
		log_guest("metadata of zone '%s': %s", zone, e.text);
	vmconfig_free(&vc);
	zconf_free(c);
	return (vm);
}

static int
zone_get(void *arg, const char *key, char **value, struct err *e)
{
	json_t *vm = load(arg);
	int rc = vm != NULL ? metadata_keys_get(vm, key, value) : -EIO;

	json_decref(vm);
	return (rc);
}

static int
zone_keys(void *arg, char **value, struct err *e)
{
	json_t *vm = load(arg);
	int rc = vm != NULL ? metadata_keys_list(vm, value) : -EIO;

	json_decref(vm);
	return (rc);
}

static int
change(const char *zone, const char *key, const char *value, struct err *e)
{
	json_t *vm = load(zone);
	struct err why = { 0 };
	const char *object;
	int rc;

	if (vm == NULL)
		return (-EIO);
	rc = metadata_keys_place(vm, key, &object, e);
	json_decref(vm);
	if (rc < 0)
		return (rc);
	rc = vmconfig_set(zone, object, key, value, &why);
	if (rc == -EFBIG || rc == -EILSEQ)
		return (err_say(e, -rc, "%s", why.text)); /* the guest's own doing */
	if (rc < 0) {
		log_guest("metadata of zone '%s': %s", zone, why.text);
		return (err_say(e, -rc, "cannot store the value"));
	}
	return (0);
}

static int
zone_put(void *arg, const char *key, const char *value, struct err *e)
{
	return (change(arg, key, *value != '\0' ? value : NULL, e));
}

static int
zone_del(void *arg, const char *key, struct err *e)
{
	return (change(arg, key, NULL, e));
}

int
metadata_create(const char *zone, void (*out)(void *arg, const void *buf, size_t len), void *arg,
    struct metadata **md, struct err *e)
{
	struct metadata_source src = { .get = zone_get,
		.keys = zone_keys,
		.put = zone_put,
		.del = zone_del,
		.destroy = free };
	int rc;

	if ((src.arg = strdup(zone)) == NULL)
		return (err_set(e, ENOMEM, "cannot start the metadata service of zone '%s'", zone));
	if ((rc = metadata_create_from(&src, out, arg, md, e)) < 0)
		free(src.arg);
	return (rc);
}
