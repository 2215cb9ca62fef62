/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON form of a zone's configuration: see zconf_json.h. Pure; tools and zoneadmd. */
#include "zone/zconf_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"

static int
no_memory(struct err *e)
{
	return (err_set(e, ENOMEM, "cannot read the configuration"));
}

static int
want_string(const char *key, const json_t *v, const char **out, struct err *e)
{
	if (!json_is_string(v) || json_string_length(v) != strlen(json_string_value(v)))
		return (err_say(e, EINVAL, "member '%s' must be a string", key));
	*out = json_string_value(v);
	return (0);
}

static int
read_field(const struct zfield *f, void *base, const json_t *v, struct err *e)
{
	const char *s;
	int rc;

	if ((rc = want_string(f->name, v, &s, e)) != 0)
		return (rc);
	return (zfield_set(f, base, s) != 0 ? no_memory(e) : 0);
}

static int
read_props(json_t *o, struct zprop **props, size_t *n, struct err *e)
{
	const char *key, *s;
	json_t *v;
	int rc;

	if (!json_is_object(o))
		return (err_say(e, EINVAL, "member 'property' must be an object"));
	json_object_foreach (o, key, v) {
		if ((rc = want_string(key, v, &s, e)) != 0)
			return (err_ctx(e, "property"));
		if (zprop_set(props, n, key, s) != 0)
			return (no_memory(e));
	}
	return (0);
}

/* An object whose members are the fields of `table` and "property". */
static int
read_resource(json_t *o, const struct zfield *table, void *base, struct zprop **props, size_t *n,
    struct err *e)
{
	const struct zfield *f;
	const char *key;
	json_t *v;
	int rc;

	json_object_foreach (o, key, v) {
		if ((f = zfield_find(table, key)) != NULL)
			rc = read_field(f, base, v, e);
		else if (strcmp(key, "property") == 0)
			rc = read_props(v, props, n, e);
		else
			rc = err_say(e, EINVAL, "unknown member '%s'", key);
		if (rc != 0)
			return (rc);
	}
	return (0);
}

static int
read_net(struct zconf *c, json_t *o, struct err *e)
{
	struct znet *net = zconf_net_add(c);

	if (net == NULL)
		return (no_memory(e));
	return (read_resource(o, znet_fields, net, &net->prop, &net->nprop, e));
}

static int
read_device(struct zconf *c, json_t *o, struct err *e)
{
	struct zdevice *d = zconf_device_add(c);

	if (d == NULL)
		return (no_memory(e));
	return (read_resource(o, zdevice_fields, d, &d->prop, &d->nprop, e));
}

/* All of the `n` named members, each a string, and no other. */
static int
read_strings(json_t *o, const char *const names[], const char *out[], size_t n, struct err *e)
{
	const char *key;
	json_t *v;
	size_t i;
	int rc;

	json_object_foreach (o, key, v) {
		for (i = 0; i < n && strcmp(names[i], key) != 0; i++)
			;
		if (i == n)
			return (err_say(e, EINVAL, "unknown member '%s'", key));
		if ((rc = want_string(key, v, &out[i], e)) != 0)
			return (rc);
	}
	for (i = 0; i < n; i++) {
		if (out[i] == NULL)
			return (err_say(e, EINVAL, "member '%s' is missing", names[i]));
	}
	return (0);
}

static int
read_attr(struct zconf *c, json_t *o, struct err *e)
{
	static const char *const names[] = { "name", "type", "value" };
	const char *v[3] = { NULL };
	enum zattr_type type;
	int rc;

	if ((rc = read_strings(o, names, v, 3, e)) != 0)
		return (rc);
	if (zattr_type_parse(v[1], &type) != 0)
		return (
		    err_say(e, EINVAL, "type '%s' is not one of string, int, uint, boolean", v[1]));
	if (zconf_attr(c, v[0]) != NULL)
		return (err_say(e, EINVAL, "attribute '%s' stands there twice", v[0]));
	return (zconf_attr_set(c, v[0], type, v[2]) != 0 ? no_memory(e) : 0);
}

static int
read_rctl_value(struct zrctl *r, json_t *o, struct err *e)
{
	static const char *const names[] = { "priv", "limit", "action" };
	const char *v[3] = { NULL };
	int rc;

	if (!json_is_object(o))
		return (err_say(e, EINVAL, "member 'value' must be an array of objects"));
	if ((rc = read_strings(o, names, v, 3, e)) != 0)
		return (err_ctx(e, "value"));
	return (zrctl_value_add(r, v[0], v[1], v[2]) != 0 ? no_memory(e) : 0);
}

static int
read_rctl(struct zconf *c, json_t *o, struct err *e)
{
	json_t *name = json_object_get(o, "name"), *value = json_object_get(o, "value"), *v;
	struct zrctl *r;
	const char *s;
	size_t i;
	int rc;

	if (name == NULL || !json_is_array(value) || json_object_size(o) != 2)
		return (err_say(e, EINVAL, "its members must be 'name' and 'value', an array"));
	if ((rc = want_string("name", name, &s, e)) != 0)
		return (rc);
	if (zconf_rctl_find(c, s) != NULL)
		return (err_say(e, EINVAL, "resource control '%s' stands there twice", s));
	if ((r = zconf_rctl_add(c, s)) == NULL)
		return (no_memory(e));
	json_array_foreach (value, i, v) {
		if ((rc = read_rctl_value(r, v, e)) != 0)
			return (rc);
	}
	return (0);
}

/* An object, for there is one at most. */
static int
read_dedicated(struct zconf *c, json_t *o, struct err *e)
{
	const struct zfield *f;
	const char *key;
	json_t *v;
	int rc;

	if (!json_is_object(o))
		return (err_say(e, EINVAL, "member 'dedicated-cpu' must be an object"));
	json_object_foreach (o, key, v) {
		if ((f = zfield_find(zdedicated_fields, key)) == NULL)
			return (err_say(e, EINVAL, "dedicated-cpu: unknown member '%s'", key));
		if ((rc = read_field(f, c, v, e)) != 0)
			return (err_ctx(e, "dedicated-cpu"));
	}
	return (0);
}

static const struct array_member {
	const char *name;
	int (*read)(struct zconf *c, json_t *o, struct err *e);
} arrays[] = {
	{ "net", read_net },
	{ "device", read_device },
	{ "attr", read_attr },
	{ "rctl", read_rctl },
	{ NULL, NULL },
};

static int
read_array(struct zconf *c, const struct array_member *m, json_t *array, struct err *e)
{
	json_t *o;
	size_t i;
	int rc;

	if (!json_is_array(array))
		return (err_say(e, EINVAL, "member '%s' must be an array", m->name));
	json_array_foreach (array, i, o) {
		if (!json_is_object(o))
			return (err_say(e, EINVAL, "%s[%zu] must be an object", m->name, i));
		if ((rc = m->read(c, o, e)) != 0) {
			(void)err_ctx(e, "%s[%zu]", m->name, i);
			return (rc);
		}
	}
	return (0);
}

/* An array of objects of strings, for each kind that is kept. */
static int
read_kept(struct zconf *c, enum zkept_kind kind, json_t *array, struct err *e)
{
	struct zkept *k;
	const char *key, *s;
	json_t *o, *v;
	size_t i;
	int rc;

	if (!json_is_array(array))
		return (err_say(e, EINVAL, "must be an array"));
	json_array_foreach (array, i, o) {
		if (!json_is_object(o))
			return (err_say(e, EINVAL, "must be an array of objects"));
		if ((k = zconf_kept_add(c, kind)) == NULL)
			return (no_memory(e));
		json_object_foreach (o, key, v) {
			if (!zkept_has(kind, key))
				return (err_say(e, EINVAL, "unknown member '%s'", key));
			if ((rc = want_string(key, v, &s, e)) != 0)
				return (rc);
			if (zkept_set(k, key, s) != 0)
				return (no_memory(e));
		}
	}
	return (0);
}

static int
read_state(struct zconf *c, const char *s, struct err *e)
{
	if (zone_state_parse(s, &c->state) != 0 || c->state > ZONE_STATE_INSTALLED)
		return (err_say(
		    e, EINVAL, "state '%s' is not one of configured, incomplete, installed", s));
	return (0);
}

static int
read_uuid(struct zconf *c, const char *s, struct err *e)
{
	uint8_t uuid[16];

	if (parse_uuid(s, uuid) != 0)
		return (err_say(e, EINVAL, "uuid '%s' is not a UUID", s));
	format_uuid(uuid, c->uuid);
	return (0);
}

static int
read_integer(
    const char *key, const json_t *v, int64_t min, int64_t max, uint32_t *out, struct err *e)
{
	if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
		return (err_say(e, EINVAL, "member '%s' must be a number from %lld to %lld", key,
		    (long long)min, (long long)max));
	*out = (uint32_t)json_integer_value(v);
	return (0);
}

/* The members that every file has. */
static int
read_identity(struct zconf *c, json_t *root, struct err *e)
{
	static const char *const names[] = { "name", "uuid", "state" };
	const char *v[3];
	uint32_t version;
	int rc;

	if ((rc = read_integer("version", json_object_get(root, "version"), ZCONF_JSON_VERSION,
		 ZCONF_JSON_VERSION, &version, e)) != 0)
		return (rc);
	for (size_t i = 0; i < 3; i++) {
		if ((rc = want_string(names[i], json_object_get(root, names[i]), &v[i], e)) != 0)
			return (rc);
	}
	if ((rc = zconf_name_check(v[0], e)) != 0 || (rc = read_uuid(c, v[1], e)) != 0 ||
	    (rc = read_state(c, v[2], e)) != 0)
		return (rc);
	(void)strcpy(c->name, v[0]); /* its length has been checked */
	return (read_integer("did", json_object_get(root, "did"), 1, ZCONF_DID_MAX, &c->did, e));
}

static bool
is_identity(const char *key)
{
	static const char *const names[] = { "version", "name", "uuid", "state", "did" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(key, names[i]) == 0)
			return (true);
	}
	return (false);
}

static int
read_member(struct zconf *c, const char *key, json_t *v, struct err *e)
{
	const struct zfield *f = zfield_find(zconf_fields, key);
	const struct array_member *m;

	if (is_identity(key))
		return (0);
	if (f != NULL)
		return (read_field(f, c, v, e));
	if (strcmp(key, "autoboot") == 0) {
		if (!json_is_boolean(v))
			return (err_say(e, EINVAL, "member 'autoboot' must be true or false"));
		c->autoboot = json_is_true(v);
		return (0);
	}
	if (strcmp(key, "dedicated-cpu") == 0)
		return (read_dedicated(c, v, e));
	for (m = arrays; m->name != NULL && strcmp(m->name, key) != 0; m++)
		;
	if (m->name != NULL)
		return (read_array(c, m, v, e));
	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		if (strcmp(zkept_info[kind].name, key) != 0)
			continue;
		return (read_kept(c, (enum zkept_kind)kind, v, e) != 0 ? err_ctx(e, "%s", key) : 0);
	}
	return (err_say(e, EINVAL, "unknown member '%s'", key));
}

int
zconf_json_parse(const char *text, size_t len, struct zconf **out, struct err *e)
{
	struct zconf *c = zconf_new("");
	json_error_t je;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je), *v;
	const char *key;
	int rc = 0;

	if (c == NULL)
		rc = no_memory(e);
	else if (root == NULL)
		rc = err_say(e, EINVAL, "line %d: %s", je.line, je.text);
	else if (!json_is_object(root))
		rc = err_say(e, EINVAL, "line 1: must be an object");
	if (rc == 0)
		rc = read_identity(c, root, e);
	if (rc == 0) {
		json_object_foreach (root, key, v) {
			if ((rc = read_member(c, key, v, e)) != 0)
				break;
		}
	}
	json_decref(root);
	if (rc != 0) {
		zconf_free(c);
		return (rc);
	}
	*out = c;
	return (0);
}

/* The writers below give up a whole object (NULL) when any part fails: not UTF-8, or no memory. */

static int
put(json_t *o, const char *key, const char *value)
{
	return (json_object_set_new(o, key, json_string(value)));
}

static int
put_fields(json_t *o, const struct zfield *table, const void *base)
{
	const char *s;

	for (; table->name != NULL; table++) {
		s = zfield_get(table, base);
		if (s != NULL && *s != '\0' && put(o, table->name, s) != 0)
			return (-1);
	}
	return (0);
}

static json_t *
write_resource(const struct zfield *table, const void *base, const struct zprop *p, size_t n)
{
	json_t *o = json_object(), *props = json_object();
	int rc = put_fields(o, table, base);

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put(props, p[i].name, p[i].value);
	if (rc == 0 && n > 0)
		rc = json_object_set(o, "property", props);
	json_decref(props);
	if (rc == 0)
		return (o);
	json_decref(o);
	return (NULL);
}

static json_t *
write_attr(const struct zattr *a)
{
	return (json_pack("{s:s, s:s, s:s}", "name", a->name, "type", zattr_type_name(a->type),
	    "value", a->value));
}

static json_t *
write_rctl(const struct zrctl *r)
{
	json_t *values = json_array();
	int rc = 0;

	for (size_t i = 0; i < r->nvalue && rc == 0; i++)
		rc = json_array_append_new(values,
		    json_pack("{s:s, s:s, s:s}", "priv", r->value[i].priv, "limit",
			r->value[i].limit, "action", r->value[i].action));
	if (rc != 0) {
		json_decref(values);
		return (NULL);
	}
	return (json_pack("{s:s, s:o}", "name", r->name, "value", values));
}

static int
put_dedicated(json_t *root, const struct zconf *c)
{
	json_t *o;
	int rc;

	if (c->dedicated_ncpus == NULL && c->dedicated_importance == NULL)
		return (0);
	o = json_object();
	rc = put_fields(o, zdedicated_fields, c);
	return (json_object_set_new(root, "dedicated-cpu", o) | rc);
}

static int
put_kept(json_t *root, const struct zconf *c)
{
	int rc = 0;

	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		json_t *array = json_array();

		for (size_t i = 0; i < c->kept[kind].n && rc == 0; i++) {
			const struct zkept *k = &c->kept[kind].one[i];
			json_t *o = json_object();

			for (size_t p = 0; p < k->nprop && rc == 0; p++)
				rc = put(o, k->prop[p].name, k->prop[p].value);
			rc |= json_array_append_new(array, o);
		}
		if (json_array_size(array) == 0)
			json_decref(array);
		else
			rc |= json_object_set_new(root, zkept_info[kind].name, array);
	}
	return (rc);
}

static int
put_resources(json_t *root, const struct zconf *c)
{
	json_t *net = json_array(), *device = json_array(), *attr = json_array(),
	       *rctl = json_array();
	int rc = 0;

	for (size_t i = 0; i < c->nnet && rc == 0; i++)
		rc = json_array_append_new(
		    net, write_resource(znet_fields, &c->net[i], c->net[i].prop, c->net[i].nprop));
	for (size_t i = 0; i < c->ndevice && rc == 0; i++)
		rc = json_array_append_new(device,
		    write_resource(
			zdevice_fields, &c->device[i], c->device[i].prop, c->device[i].nprop));
	for (size_t i = 0; i < c->nattr && rc == 0; i++)
		rc = json_array_append_new(attr, write_attr(&c->attr[i]));
	for (size_t i = 0; i < c->nrctl && rc == 0; i++)
		rc = json_array_append_new(rctl, write_rctl(&c->rctl[i]));
	/* Each takes its array over, also when it fails. */
	rc |= json_object_set_new(root, "net", net);
	rc |= json_object_set_new(root, "device", device);
	rc |= json_object_set_new(root, "attr", attr);
	rc |= json_object_set_new(root, "rctl", rctl);
	return (rc);
}

int
zconf_json_format(const struct zconf *c, char **out, size_t *len, struct err *e)
{
	json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:I, s:b}", "version", ZCONF_JSON_VERSION,
	    "name", c->name, "uuid", c->uuid, "state", zone_state_name(c->state), "did",
	    (json_int_t)c->did, "autoboot", c->autoboot);
	CLEANUP_FREE char *text = NULL;
	size_t n;

	if (root == NULL || put_fields(root, zconf_fields, c) != 0 || put_dedicated(root, c) != 0 ||
	    put_kept(root, c) != 0 || put_resources(root, c) != 0) {
		json_decref(root);
		return (err_say(e, EILSEQ,
		    "a value is not valid UTF-8 text (or memory is short): nothing written"));
	}
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	n = text != NULL ? strlen(text) : 0;
	if (text == NULL || (*out = malloc(n + 2)) == NULL)
		return (err_set(e, ENOMEM, "cannot write the configuration"));
	memcpy(*out, text, n);
	memcpy(*out + n, "\n", 2);
	*len = n + 1;
	return (0);
}
