/* SPDX-License-Identifier: BSD-2-Clause */
/* Aliases of resource controls: see zconf_rctl.h. Pure; tools and zoneadmd. */
#include "zone/zconf_rctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define PRIVILEGED "privileged"

const struct zrctl_alias zrctl_aliases[] = {
	{ NULL, "cpu-shares", "zone.cpu-shares", "none", ZRCTL_COUNT,
	    "share of the cpus when they are short" },
	{ NULL, "max-lwps", "zone.max-lwps", "deny", ZRCTL_COUNT, "most threads" },
	{ NULL, "max-processes", "zone.max-processes", "deny", ZRCTL_COUNT, "most processes" },
	{ NULL, "max-msg-ids", "zone.max-msg-ids", "deny", ZRCTL_COUNT, "most message queues" },
	{ NULL, "max-sem-ids", "zone.max-sem-ids", "deny", ZRCTL_COUNT, "most semaphore sets" },
	{ NULL, "max-shm-ids", "zone.max-shm-ids", "deny", ZRCTL_COUNT,
	    "most shared memory segments" },
	{ NULL, "max-shm-memory", "zone.max-shm-memory", "deny", ZRCTL_BYTES,
	    "most shared memory" },
	{ NULL, "zfs-io-priority", "zone.zfs-io-priority", "none", ZRCTL_COUNT,
	    "share of the I/O when it is short" },
	{ "capped-cpu", "ncpus", "zone.cpu-cap", "deny", ZRCTL_PERCENT, "most cpu time, in cpus" },
	{ "capped-memory", "physical", "zone.max-physical-memory", "deny", ZRCTL_BYTES,
	    "most memory" },
	{ "capped-memory", "swap", "zone.max-swap", "deny", ZRCTL_BYTES, "most swap" },
	{ "capped-memory", "locked", "zone.max-locked-memory", "deny", ZRCTL_BYTES,
	    "most locked memory" },
	{ NULL },
};

const struct zrctl_alias *
zrctl_alias_find(const char *resource, const char *name)
{
	const struct zrctl_alias *a;

	for (a = zrctl_aliases; a->name != NULL; a++) {
		if (strcmp(a->name, name) != 0 || (a->resource == NULL) != (resource == NULL))
			continue;
		if (resource == NULL || strcmp(a->resource, resource) == 0)
			return (a);
	}
	return (NULL);
}

const struct zrctl_alias *
zrctl_alias_of(const char *rctl)
{
	const struct zrctl_alias *a;

	for (a = zrctl_aliases; a->name != NULL; a++) {
		if (strcmp(a->rctl, rctl) == 0)
			return (a);
	}
	return (NULL);
}

/* Cpus as a decimal number of at most two places, to percent. */
static int
parse_cpus(const char *s, uint64_t *percent)
{
	uint64_t v = 0;
	int places = -1; /* digits after the point; -1: no point yet */
	bool digit = false;

	for (; *s != '\0'; s++) {
		if (*s == '.' && places < 0) {
			places = 0;
			continue;
		}
		if (*s < '0' || *s > '9' || places == 2)
			return (-EINVAL);
		digit = true;
		if (places >= 0)
			places++;
		if (!mul_ok(v, UINT64_C(10), &v) || !add_ok(v, (uint64_t)(*s - '0'), &v))
			return (-EINVAL);
	}
	for (places = MAX(places, 0); places < 2; places++) {
		if (!mul_ok(v, UINT64_C(10), &v))
			return (-EINVAL);
	}
	if (!digit || v == 0)
		return (-EINVAL);
	*percent = v;
	return (0);
}

int
zrctl_alias_parse(const struct zrctl_alias *a, const char *text, uint64_t *limit, struct err *e)
{
	switch (a->unit) {
	case ZRCTL_PERCENT:
		if (parse_cpus(text, limit) == 0)
			return (0);
		return (err_say(e, EINVAL,
		    "%s '%s' is invalid: a number of cpus above 0 with at most two places", a->name,
		    text));
	case ZRCTL_BYTES:
		if (parse_size(text, 1, limit) == 0 && *limit > 0)
			return (0);
		return (err_say(e, EINVAL,
		    "%s '%s' is invalid: a number of bytes above 0, or with K, M, G or T", a->name,
		    text));
	case ZRCTL_COUNT:
		break;
	}
	if (parse_size(text, 1, limit) == 0 && text[strspn(text, "0123456789")] == '\0')
		return (0);
	return (err_say(e, EINVAL, "%s '%s' is invalid: a number", a->name, text));
}

void
zrctl_alias_format(const struct zrctl_alias *a, uint64_t limit, char out[ZRCTL_TEXT_MAX])
{
	static const char units[] = "KMGT";
	int i = -1;

	if (a->unit == ZRCTL_PERCENT) {
		(void)snprintf(
		    out, ZRCTL_TEXT_MAX, "%" PRIu64 ".%02u", limit / 100, (unsigned)(limit % 100));
		return;
	}
	while (a->unit == ZRCTL_BYTES && i < 3 && limit > 0 && limit % KIB == 0) {
		limit /= KIB;
		i++;
	}
	(void)snprintf(
	    out, ZRCTL_TEXT_MAX, "%" PRIu64 "%.*s", limit, i >= 0, i >= 0 ? &units[i] : "");
}

int
zrctl_alias_get(const struct zconf *c, const struct zrctl_alias *a, uint64_t *limit)
{
	const struct zrctl *r = zconf_rctl_find(c, a->rctl);
	char text[ZRCTL_TEXT_MAX];

	if (r == NULL || r->nvalue != 1 || strcmp(r->value[0].priv, PRIVILEGED) != 0 ||
	    strcmp(r->value[0].action, a->action) != 0 || parse_u64(r->value[0].limit, limit) != 0)
		return (-ENOENT);
	/*
	 * Only what the alias can write: 0 cpus or bytes, and numbers in another form, stay plain
	 * rctls.
	 */
	(void)snprintf(text, sizeof(text), "%" PRIu64, *limit);
	if ((a->unit != ZRCTL_COUNT && *limit == 0) || strcmp(text, r->value[0].limit) != 0)
		return (-ENOENT);
	return (0);
}

int
zrctl_alias_set(struct zconf *c, const struct zrctl_alias *a, const char *text, struct err *e)
{
	uint64_t limit, old, lwps;
	int rc;

	if ((rc = zrctl_alias_parse(a, text, &limit, e)) != 0)
		return (rc);
	if (zconf_rctl_find(c, a->rctl) != NULL && zrctl_alias_get(c, a, &old) != 0)
		return (err_say(e, EINVAL,
		    "%s: an rctl '%s' that is not of this form exists; remove it first", a->name,
		    a->rctl));
	if (zconf_rctl_set(c, a->rctl, PRIVILEGED, limit, a->action) != 0)
		return (err_set(e, ENOMEM, "cannot set %s", a->name));
	if (strcmp(a->name, "max-processes") == 0 && zconf_rctl_find(c, "zone.max-lwps") == NULL &&
	    mul_ok(limit, UINT64_C(10), &lwps) &&
	    zconf_rctl_set(c, "zone.max-lwps", PRIVILEGED, lwps, "deny") != 0)
		return (err_set(e, ENOMEM, "cannot set max-lwps"));
	return (0);
}

int
zrctl_check_name(const char *name, struct err *e)
{
	/* Others than the table's may come with an imported configuration; they are kept. */
	if (strncmp(name, "zone.", 5) != 0 || name[5] == '\0' ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-")] != '\0')
		return (err_say(e, EINVAL,
		    "rctl name '%s' is invalid: zone. and lower-case letters, digits, '-'", name));
	return (0);
}

int
zrctl_check_value(const struct zrctl_value *v, struct err *e)
{
	uint64_t limit;

	if (strcmp(v->priv, PRIVILEGED) != 0 && strcmp(v->priv, "basic") != 0)
		return (err_say(e, EINVAL, "priv '%s' is not one of basic, privileged", v->priv));
	if (parse_u64(v->limit, &limit) != 0)
		return (err_say(e, EINVAL, "limit '%s' is not a number", v->limit));
	if (strcmp(v->action, "none") != 0 && strcmp(v->action, "deny") != 0 &&
	    (strncmp(v->action, "signal=", 7) != 0 || v->action[7] == '\0'))
		return (err_say(
		    e, EINVAL, "action '%s' is not one of none, deny, signal=NAME", v->action));
	return (0);
}
