/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's resources net and device. Both are string fields (zconf_field.h) and a list "property"
 * of named values, so one set of functions serves them; `struct view` is the one element as they
 * see it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"

#define PROPERTY "property"

struct view {
	const struct zfield *fields;
	const char *key; /* required, and unique in its kind */
	void *base;
	struct zprop **prop;
	size_t *nprop;
};

static struct view
view_net(const struct zconf *c, size_t i)
{
	struct znet *net = &c->net[i];

	return ((struct view){ znet_fields, "physical", net, &net->prop, &net->nprop });
}

static struct view
view_device(const struct zconf *c, size_t i)
{
	struct zdevice *d = &c->device[i];

	return ((struct view){ zdevice_fields, "match", d, &d->prop, &d->nprop });
}

static struct view
view_of(const struct zc_session *z)
{
	return (z->res == &zc_net ? view_net(z->work, z->index) : view_device(z->work, z->index));
}

static const char *
field_of(const struct view *v, const char *name)
{
	const char *value = zfield_get(zfield_find(v->fields, name), v->base);

	return (value != NULL ? value : "");
}

static int
link_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	struct view v = view_of(z);
	const struct zfield *f = zfield_find(v.fields, name);

	if (f == NULL)
		return (zc_misuse(e, "%s: use add and remove", name));
	if (zfield_set(f, v.base, value) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
link_clear(struct zc_session *z, const char *name, struct err *e)
{
	struct view v = view_of(z);

	if (strcmp(name, v.key) == 0)
		return (zc_fail(e, "%s is required: it cannot be cleared", name));
	if (strcmp(name, PROPERTY) != 0)
		return (link_set(z, name, "", e));
	while (*v.nprop > 0)
		(void)zprop_set(v.prop, v.nprop, (*v.prop)[0].name, NULL);
	return (CMD_OK);
}

/* (name=model,value="virtio"); for remove the value may be left out. */
static int
read_property(const char *list, const struct zc_value *in, bool value_needed, const char **name,
    const char **value, struct err *e)
{
	*name = zc_pair_get(in, "name");
	*value = zc_pair_get(in, "value");
	if (strcmp(list, PROPERTY) != 0)
		return (zc_misuse(e, "property '%s' is not a list: use set", list));
	if (in->type != VALUE_COMPLEX || *name == NULL || (*value == NULL && value_needed) ||
	    in->n != (*value == NULL ? 1 : 2))
		return (zc_misuse(e, "%s: (name=NAME,value=VALUE) expected", list));
	return (CMD_OK);
}

static int
link_add(struct zc_session *z, const char *list, const struct zc_value *in, struct err *e)
{
	struct view v = view_of(z);
	const char *name, *value;
	int status;

	if ((status = read_property(list, in, true, &name, &value, e)) != CMD_OK)
		return (status);
	if (*name == '\0')
		return (zc_fail(e, "property: its name is empty"));
	if (zprop_get(*v.prop, *v.nprop, name) != NULL)
		return (zc_fail(e, "property '%s' is there already: remove it first", name));
	if (zprop_set(v.prop, v.nprop, name, value) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
link_remove(struct zc_session *z, const char *list, const struct zc_value *in, struct err *e)
{
	struct view v = view_of(z);
	const char *name, *value, *present;
	int status;

	if ((status = read_property(list, in, false, &name, &value, e)) != CMD_OK)
		return (status);
	present = zprop_get(*v.prop, *v.nprop, name);
	if (present == NULL || (value != NULL && strcmp(present, value) != 0))
		return (zc_fail(e, "no such property '%s'", name));
	(void)zprop_set(v.prop, v.nprop, name, NULL);
	return (CMD_OK);
}

static int
link_check(const struct zc_session *z, struct err *e)
{
	struct view v = view_of(z), other;
	const char *key = field_of(&v, v.key);

	if (*key == '\0')
		return (zc_fail(e, "required property '%s' is not set", v.key));
	for (size_t i = 0; i < z->res->count(z->work); i++) {
		other = z->res == &zc_net ? view_net(z->work, i) : view_device(z->work, i);
		if (i != z->index && strcmp(field_of(&other, v.key), key) == 0)
			return (zc_fail(e, "a %s resource with the %s '%s' already exists",
			    z->res->name, v.key, key));
	}
	return (CMD_OK);
}

static bool
view_match(const struct view *v, const char *name, const struct zc_value *want)
{
	const char *prop, *value;

	if (strcmp(name, PROPERTY) != 0)
		return (want->type == VALUE_SIMPLE && strcmp(field_of(v, name), want->text) == 0);
	prop = zc_pair_get(want, "name");
	value = zc_pair_get(want, "value");
	if (prop == NULL || (prop = zprop_get(*v->prop, *v->nprop, prop)) == NULL)
		return (false);
	return (value == NULL || strcmp(prop, value) == 0);
}

static void
view_info(FILE *f, const struct view *v)
{
	for (const struct zfield *field = v->fields; field->name != NULL; field++)
		zc_print_field(f, field->name, zfield_get(field, v->base));
	for (size_t i = 0; i < *v->nprop; i++)
		(void)fprintf(f, "\tproperty: (name=%s,value=\"%s\")\n", (*v->prop)[i].name,
		    (*v->prop)[i].value);
}

static void
view_export(FILE *f, const struct view *v)
{
	const char *value;
	char *name, *quoted;

	for (const struct zfield *field = v->fields; field->name != NULL; field++) {
		value = zfield_get(field, v->base);
		if (value != NULL && *value != '\0')
			zc_print_set(f, "", field->name, value);
	}
	for (size_t i = 0; i < *v->nprop; i++) {
		name = zc_quote((*v->prop)[i].name);
		quoted = zc_quote((*v->prop)[i].value);
		(void)fprintf(f, "add property (name=%s,value=%s)\n", name, quoted);
		free(name);
		free(quoted);
	}
}

static size_t
net_count(const struct zconf *c)
{
	return (c->nnet);
}

static int
net_create(struct zc_session *z, size_t *i, struct err *e)
{
	if (zconf_net_add(z->work) == NULL)
		cmd_no_memory();
	*i = z->work->nnet - 1;
	return (CMD_OK);
}

static bool
net_match(const struct zconf *c, size_t i, const char *name, const struct zc_value *want)
{
	struct view v = view_net(c, i);

	return (view_match(&v, name, want));
}

static void
net_info(FILE *f, const struct zconf *c, size_t i)
{
	struct view v = view_net(c, i);

	view_info(f, &v);
}

static void
net_export(FILE *f, const struct zconf *c, size_t i)
{
	struct view v = view_net(c, i);

	view_export(f, &v);
}

static const char *const net_properties[] = { "address", "allowed-address", "defrouter",
	"global-nic", "mac-addr", "physical", "vlan-id", PROPERTY, NULL };

const struct zc_resource zc_net = {
	.name = "net",
	.text = "a network interface of the zone; physical (net0) is required",
	.properties = net_properties,
	.count = net_count,
	.create = net_create,
	.destroy = zconf_net_remove,
	.set = link_set,
	.clear = link_clear,
	.add = link_add,
	.remove = link_remove,
	.check = link_check,
	.match = net_match,
	.info = net_info,
	.export = net_export,
};

static size_t
device_count(const struct zconf *c)
{
	return (c->ndevice);
}

static int
device_create(struct zc_session *z, size_t *i, struct err *e)
{
	if (zconf_device_add(z->work) == NULL)
		cmd_no_memory();
	*i = z->work->ndevice - 1;
	return (CMD_OK);
}

static bool
device_match(const struct zconf *c, size_t i, const char *name, const struct zc_value *want)
{
	struct view v = view_device(c, i);

	return (view_match(&v, name, want));
}

static void
device_info(FILE *f, const struct zconf *c, size_t i)
{
	struct view v = view_device(c, i);

	view_info(f, &v);
}

static void
device_export(FILE *f, const struct zconf *c, size_t i)
{
	struct view v = view_device(c, i);

	view_export(f, &v);
}

static const char *const device_properties[] = { "match", PROPERTY, NULL };

const struct zc_resource zc_device = {
	.name = "device",
	.text = "a volume or host device of the zone; match (its path) is required",
	.properties = device_properties,
	.count = device_count,
	.create = device_create,
	.destroy = zconf_device_remove,
	.set = link_set,
	.clear = link_clear,
	.add = link_add,
	.remove = link_remove,
	.check = link_check,
	.match = device_match,
	.info = device_info,
	.export = device_export,
};
