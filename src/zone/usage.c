/* SPDX-License-Identifier: BSD-2-Clause */
/* Who uses a nic tag or an image: see usage.h. Tools. */
#include "zone/usage.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

typedef bool match_fn(const struct zconf *c, const char *what);

static bool
has_nictag(const struct zconf *c, const char *tag)
{
	size_t i;

	for (i = 0; i < c->nnet; i++) {
		if (c->net[i].global_nic != NULL && strcmp(c->net[i].global_nic, tag) == 0)
			return (true);
	}
	return (false);
}

static bool
has_image(const struct zconf *c, const char *uuid)
{
	const char *v;
	size_t i;

	for (i = 0; i < c->ndevice; i++) {
		v = zprop_get(c->device[i].prop, c->device[i].nprop, "image-uuid");
		if (v != NULL && strcasecmp(v, uuid) == 0)
			return (true);
	}
	v = zconf_attr(c, "dataset-uuid");
	return (v != NULL && strcasecmp(v, uuid) == 0);
}

static int
each(match_fn *match, const char *what, usage_cb *cb, void *arg, size_t *n, struct err *e)
{
	struct zconf *c;
	char **names;
	size_t i, nnames;
	int rc;

	*n = 0;
	if ((rc = zconf_list(&names, &nnames, e)) != 0)
		return (rc);
	for (i = 0; i < nnames && rc == 0; i++) {
		rc = zconf_load(names[i], &c, e);
		if (rc == -ENOENT) { /* deleted since */
			rc = 0;
			continue;
		}
		if (rc != 0)
			break;
		if (match(c, what)) {
			(*n)++;
			if (cb != NULL)
				cb(c, arg);
		}
		zconf_free(c);
	}
	zconf_list_free(names, nnames);
	return (rc);
}

int
usage_nictag(const char *tag, usage_cb *cb, void *arg, size_t *n, struct err *e)
{
	return (each(has_nictag, tag, cb, arg, n, e));
}

int
usage_image(const char *uuid, usage_cb *cb, void *arg, size_t *n, struct err *e)
{
	return (each(has_image, uuid, cb, arg, n, e));
}
