/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration model in memory: making, copying, comparing and changing it. It knows neither
 * the file (zconf_store.c) nor the rules of a complete configuration (zconf_verify.c). Pure; tools
 * and zoneadmd.
 */
#include "zone/zconf.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"

static const char *const state_names[] = {
	[ZONE_STATE_CONFIGURED] = "configured",
	[ZONE_STATE_INCOMPLETE] = "incomplete",
	[ZONE_STATE_INSTALLED] = "installed",
	[ZONE_STATE_READY] = "ready",
	[ZONE_STATE_MOUNTED] = "mounted",
	[ZONE_STATE_RUNNING] = "running",
	[ZONE_STATE_SHUTTING_DOWN] = "shutting_down",
	[ZONE_STATE_DOWN] = "down",
};

const char *
zone_state_name(enum zone_state s)
{
	return ((size_t)s < NITEMS(state_names) ? state_names[s] : "???");
}

int
zone_state_parse(const char *s, enum zone_state *out)
{
	for (size_t i = 0; i < NITEMS(state_names); i++) {
		if (strcmp(s, state_names[i]) == 0) {
			*out = (enum zone_state)i;
			return (0);
		}
	}
	return (-EINVAL);
}

int
zconf_name_check(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (len == 0 || len >= ZONENAME_MAX)
		return (err_say(e, EINVAL, "invalid zone name '%.80s': 1 to %d characters", name,
		    ZONENAME_MAX - 1));
	if (!isascii((unsigned char)name[0]) || !isalnum((unsigned char)name[0]))
		return (err_say(e, EINVAL,
		    "invalid zone name '%s': the first character must be a letter or a digit",
		    name));
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (!isascii(c) || (!isalnum(c) && strchr("_-.", c) == NULL))
			return (err_say(e, EINVAL,
			    "invalid zone name '%s': only letters, digits, '_', '-' and '.'",
			    name));
	}
	if (strcmp(name, "global") == 0 || strncmp(name, "SUNW", 4) == 0)
		return (err_say(e, EINVAL, "invalid zone name '%s': reserved", name));
	/* /etc/zones/nictags.json, /etc/zones/pool.json, /zones/images and /zones/archive are not zones. */
	if (strcmp(name, "nictags") == 0 || strcmp(name, "pool") == 0 ||
	    strcmp(name, "images") == 0 || strcmp(name, "archive") == 0)
		return (err_say(
		    e, EINVAL, "invalid zone name '%s': reserved for zhyve's own files", name));
	return (0);
}

/*
 * Room for one more element in a counted array; the new element is zeroed and not counted yet. NULL
 * when memory is short.
 */
static void *
grow(void *array, size_t n, size_t size)
{
	char *p = reallocarray(array, n + 1, size);

	if (p != NULL)
		memset(p + n * size, 0, size);
	return (p);
}

/* Take element i out of an array of *n. */
static void
cut(void *array, size_t *n, size_t size, size_t i)
{
	char *p = array;

	memmove(p + i * size, p + (i + 1) * size, (*n - i - 1) * size);
	(*n)--;
}

static void
props_free(struct zprop *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(p[i].name);
		free(p[i].value);
	}
	free(p);
}

static void
net_fini(struct znet *net)
{
	zfield_clear_all(znet_fields, net);
	props_free(net->prop, net->nprop);
}

static void
device_fini(struct zdevice *d)
{
	zfield_clear_all(zdevice_fields, d);
	props_free(d->prop, d->nprop);
}

static void
attr_fini(struct zattr *a)
{
	free(a->name);
	free(a->value);
}

static void
rctl_fini(struct zrctl *r)
{
	for (size_t i = 0; i < r->nvalue; i++) {
		free(r->value[i].priv);
		free(r->value[i].limit);
		free(r->value[i].action);
	}
	free(r->value);
	free(r->name);
}

struct zconf *
zconf_new(const char *name)
{
	struct zconf *c = calloc(1, sizeof(*c));

	if (c != NULL)
		(void)snprintf(c->name, sizeof(c->name), "%s", name);
	return (c);
}

void
zconf_free(struct zconf *c)
{
	if (c == NULL)
		return;
	zfield_clear_all(zconf_fields, c);
	zfield_clear_all(zdedicated_fields, c);
	for (size_t i = 0; i < c->nnet; i++)
		net_fini(&c->net[i]);
	for (size_t i = 0; i < c->ndevice; i++)
		device_fini(&c->device[i]);
	for (size_t i = 0; i < c->nattr; i++)
		attr_fini(&c->attr[i]);
	for (size_t i = 0; i < c->nrctl; i++)
		rctl_fini(&c->rctl[i]);
	free(c->net);
	free(c->device);
	free(c->attr);
	free(c->rctl);
	zconf_kept_free(c);
	free(c);
}

static int
props_copy(struct zprop **to, size_t *nto, const struct zprop *from, size_t nfrom)
{
	int rc = 0;

	for (size_t i = 0; i < nfrom && rc == 0; i++)
		rc = zprop_set(to, nto, from[i].name, from[i].value);
	return (rc);
}

int
znet_copy(struct znet *to, const struct znet *from)
{
	int rc;

	if ((rc = zfield_copy_all(znet_fields, to, from)) != 0)
		return (rc);
	return (props_copy(&to->prop, &to->nprop, from->prop, from->nprop));
}

int
zdevice_copy(struct zdevice *to, const struct zdevice *from)
{
	int rc;

	if ((rc = zfield_copy_all(zdevice_fields, to, from)) != 0)
		return (rc);
	return (props_copy(&to->prop, &to->nprop, from->prop, from->nprop));
}

static int
resources_copy(struct zconf *to, const struct zconf *from)
{
	struct znet *net;
	struct zdevice *dev;
	struct zrctl *r;
	int rc = 0;

	for (size_t i = 0; i < from->nnet && rc == 0; i++) {
		net = zconf_net_add(to);
		rc = net == NULL ? -ENOMEM : znet_copy(net, &from->net[i]);
	}
	for (size_t i = 0; i < from->ndevice && rc == 0; i++) {
		dev = zconf_device_add(to);
		rc = dev == NULL ? -ENOMEM : zdevice_copy(dev, &from->device[i]);
	}
	for (size_t i = 0; i < from->nattr && rc == 0; i++)
		rc =
		    zconf_attr_set(to, from->attr[i].name, from->attr[i].type, from->attr[i].value);
	for (size_t i = 0; i < from->nrctl && rc == 0; i++) {
		r = zconf_rctl_add(to, from->rctl[i].name);
		rc = r == NULL ? -ENOMEM : 0;
		for (size_t j = 0; j < from->rctl[i].nvalue && rc == 0; j++) {
			const struct zrctl_value *v = &from->rctl[i].value[j];
			rc = zrctl_value_add(r, v->priv, v->limit, v->action);
		}
	}
	return (rc);
}

struct zconf *
zconf_dup(const struct zconf *from)
{
	struct zconf *c = zconf_new(from->name);

	if (c == NULL)
		return (NULL);
	memcpy(c->uuid, from->uuid, sizeof(c->uuid));
	c->state = from->state;
	c->did = from->did;
	c->autoboot = from->autoboot;
	if (zfield_copy_all(zconf_fields, c, from) != 0 ||
	    zfield_copy_all(zdedicated_fields, c, from) != 0 || resources_copy(c, from) != 0 ||
	    zconf_kept_copy(c, from) != 0) {
		zconf_free(c);
		return (NULL);
	}
	return (c);
}

static bool
props_equal(const struct zprop *a, size_t na, const struct zprop *b, size_t nb)
{
	if (na != nb)
		return (false);
	for (size_t i = 0; i < na; i++) {
		if (strcmp(a[i].name, b[i].name) != 0 || strcmp(a[i].value, b[i].value) != 0)
			return (false);
	}
	return (true);
}

static bool
rctl_equal(const struct zrctl *a, const struct zrctl *b)
{
	if (strcmp(a->name, b->name) != 0 || a->nvalue != b->nvalue)
		return (false);
	for (size_t i = 0; i < a->nvalue; i++) {
		const struct zrctl_value *x = &a->value[i], *y = &b->value[i];

		if (strcmp(x->priv, y->priv) != 0 || strcmp(x->limit, y->limit) != 0 ||
		    strcmp(x->action, y->action) != 0)
			return (false);
	}
	return (true);
}

static bool
resources_equal(const struct zconf *a, const struct zconf *b)
{
	if (a->nnet != b->nnet || a->ndevice != b->ndevice || a->nattr != b->nattr ||
	    a->nrctl != b->nrctl)
		return (false);
	for (size_t i = 0; i < a->nnet; i++) {
		const struct znet *x = &a->net[i], *y = &b->net[i];
		if (!zfield_equal_all(znet_fields, x, y) ||
		    !props_equal(x->prop, x->nprop, y->prop, y->nprop))
			return (false);
	}
	for (size_t i = 0; i < a->ndevice; i++) {
		const struct zdevice *x = &a->device[i], *y = &b->device[i];
		if (!zfield_equal_all(zdevice_fields, x, y) ||
		    !props_equal(x->prop, x->nprop, y->prop, y->nprop))
			return (false);
	}
	for (size_t i = 0; i < a->nattr; i++) {
		const struct zattr *x = &a->attr[i], *y = &b->attr[i];
		if (strcmp(x->name, y->name) != 0 || x->type != y->type ||
		    strcmp(x->value, y->value) != 0)
			return (false);
	}
	for (size_t i = 0; i < a->nrctl; i++) { /* named, so their order means nothing */
		const struct zrctl *other = zconf_rctl_find(b, a->rctl[i].name);
		if (other == NULL || !rctl_equal(&a->rctl[i], other))
			return (false);
	}
	return (true);
}

bool
zconf_equal(const struct zconf *a, const struct zconf *b)
{
	return (strcmp(a->name, b->name) == 0 && strcmp(a->uuid, b->uuid) == 0 &&
	    a->state == b->state && a->did == b->did && a->autoboot == b->autoboot &&
	    zfield_equal_all(zconf_fields, a, b) && zfield_equal_all(zdedicated_fields, a, b) &&
	    resources_equal(a, b) && zconf_kept_equal(a, b));
}

const char *
zprop_get(const struct zprop *p, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(p[i].name, name) == 0)
			return (p[i].value);
	}
	return (NULL);
}

int
zprop_set(struct zprop **pp, size_t *n, const char *name, const char *value)
{
	struct zprop *p = *pp;
	char *copy_name, *copy;
	size_t i;

	for (i = 0; i < *n && strcmp(p[i].name, name) != 0; i++)
		;
	if (value == NULL) {
		if (i < *n) {
			free(p[i].name);
			free(p[i].value);
			cut(p, n, sizeof(*p), i);
		}
		return (0);
	}
	if ((copy = strdup(value)) == NULL)
		return (-ENOMEM);
	if (i < *n) {
		free(p[i].value);
		p[i].value = copy;
		return (0);
	}
	if ((copy_name = strdup(name)) == NULL || (p = grow(p, *n, sizeof(*p))) == NULL) {
		free(copy_name);
		free(copy);
		return (-ENOMEM);
	}
	p[*n] = (struct zprop){ .name = copy_name, .value = copy };
	*pp = p;
	(*n)++;
	return (0);
}

const char *
zconf_attr(const struct zconf *c, const char *name)
{
	for (size_t i = 0; i < c->nattr; i++) {
		if (strcmp(c->attr[i].name, name) == 0)
			return (c->attr[i].value);
	}
	return (NULL);
}

int
zconf_attr_set(struct zconf *c, const char *name, enum zattr_type type, const char *value)
{
	char *copy_name, *copy;
	struct zattr *a = c->attr;
	size_t i;

	for (i = 0; i < c->nattr && strcmp(a[i].name, name) != 0; i++)
		;
	if (value == NULL) {
		if (i < c->nattr) {
			attr_fini(&a[i]);
			cut(a, &c->nattr, sizeof(*a), i);
		}
		return (0);
	}
	if ((copy = strdup(value)) == NULL)
		return (-ENOMEM);
	if (i < c->nattr) {
		free(a[i].value);
		a[i].value = copy;
		a[i].type = type;
		return (0);
	}
	if ((copy_name = strdup(name)) == NULL || (a = grow(a, c->nattr, sizeof(*a))) == NULL) {
		free(copy_name);
		free(copy);
		return (-ENOMEM);
	}
	a[c->nattr] = (struct zattr){ .name = copy_name, .type = type, .value = copy };
	c->attr = a;
	c->nattr++;
	return (0);
}

struct znet *
zconf_net_add(struct zconf *c)
{
	struct znet *p = grow(c->net, c->nnet, sizeof(*p));

	if (p == NULL)
		return (NULL);
	c->net = p;
	return (&p[c->nnet++]);
}

struct zdevice *
zconf_device_add(struct zconf *c)
{
	struct zdevice *p = grow(c->device, c->ndevice, sizeof(*p));

	if (p == NULL)
		return (NULL);
	c->device = p;
	return (&p[c->ndevice++]);
}

void
zconf_net_remove(struct zconf *c, size_t i)
{
	if (i >= c->nnet)
		return;
	net_fini(&c->net[i]);
	cut(c->net, &c->nnet, sizeof(*c->net), i);
}

void
zconf_device_remove(struct zconf *c, size_t i)
{
	if (i >= c->ndevice)
		return;
	device_fini(&c->device[i]);
	cut(c->device, &c->ndevice, sizeof(*c->device), i);
}

struct zrctl *
zconf_rctl_find(const struct zconf *c, const char *name)
{
	for (size_t i = 0; i < c->nrctl; i++) {
		if (strcmp(c->rctl[i].name, name) == 0)
			return (&c->rctl[i]);
	}
	return (NULL);
}

struct zrctl *
zconf_rctl_add(struct zconf *c, const char *name)
{
	char *copy = strdup(name);
	struct zrctl *p;

	if (copy == NULL || (p = grow(c->rctl, c->nrctl, sizeof(*p))) == NULL) {
		free(copy);
		return (NULL);
	}
	c->rctl = p;
	p[c->nrctl].name = copy;
	return (&p[c->nrctl++]);
}

int
zrctl_value_add(struct zrctl *r, const char *priv, const char *limit, const char *action)
{
	struct zrctl_value v = { strdup(priv), strdup(limit), strdup(action) };
	struct zrctl_value *p;

	if (v.priv == NULL || v.limit == NULL || v.action == NULL ||
	    (p = grow(r->value, r->nvalue, sizeof(*p))) == NULL) {
		free(v.priv);
		free(v.limit);
		free(v.action);
		return (-ENOMEM);
	}
	p[r->nvalue++] = v;
	r->value = p;
	return (0);
}

void
zrctl_value_remove(struct zrctl *r, size_t i)
{
	free(r->value[i].priv);
	free(r->value[i].limit);
	free(r->value[i].action);
	cut(r->value, &r->nvalue, sizeof(*r->value), i);
}

int
zconf_rctl_get(const struct zconf *c, const char *name, uint64_t *limit)
{
	const struct zrctl *r = zconf_rctl_find(c, name);

	for (size_t i = 0; r != NULL && i < r->nvalue; i++) {
		if (strcmp(r->value[i].priv, "privileged") == 0)
			return (parse_u64(r->value[i].limit, limit));
	}
	return (-ENOENT);
}

int
zconf_rctl_set(
    struct zconf *c, const char *name, const char *priv, uint64_t limit, const char *action)
{
	struct zrctl *r = zconf_rctl_find(c, name);
	bool added = r == NULL;
	char text[24];
	int rc;

	if (added && (r = zconf_rctl_add(c, name)) == NULL)
		return (-ENOMEM);
	(void)snprintf(text, sizeof(text), "%" PRIu64, limit);
	if ((rc = zrctl_value_add(r, priv, text, action)) != 0) {
		if (added)
			(void)zconf_rctl_clear(c, name);
		return (rc);
	}
	while (r->nvalue > 1) /* the new value is the last; it replaces what was there */
		zrctl_value_remove(r, 0);
	return (0);
}

int
zconf_rctl_clear(struct zconf *c, const char *name)
{
	struct zrctl *r = zconf_rctl_find(c, name);

	if (r != NULL) {
		rctl_fini(r);
		cut(c->rctl, &c->nrctl, sizeof(*r), (size_t)(r - c->rctl));
	}
	return (0);
}
