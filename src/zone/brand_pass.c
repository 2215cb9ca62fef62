/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of the host in a zone's configuration (model passthru): see brand_internal.h. Pure; runs
 * in zoneadmd and tools.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zone/brand_internal.h"

#define SLOT_FIRST 8 /* each in a slot of its own, where the configuration says none */
#define SLOT_LAST  29

bool
brand_is_passthru(const struct zdevice *d)
{
	const char *model = zprop_get(d->prop, d->nprop, "model");

	return (model != NULL && strcmp(model, "passthru") == 0);
}

static void
slot_default(const uint8_t used[32], unsigned *slot)
{
	for (*slot = SLOT_FIRST; *slot < SLOT_LAST && used[*slot] != 0; (*slot)++)
		continue;
}

/* What zhyve is told of one. */
#define ARG_OF(d, own, all)                                                                        \
	"%u:%u,passthru,%s," own "=fd:%d," all "=fd:%d", (d)->slot, (d)->func, (d)->addr, (d)->fd, \
	    (d)->shared

static void
add_one(struct maker *m, const struct zdevice *d, int shared, uint8_t used[32])
{
	const char *at = zprop_get(d->prop, d->nprop, "pci-slot");
	unsigned bus = 0, slot = 0, func = 0;
	struct brand_plan *p = m->p;
	struct brand_pass *pass = &p->pass[p->npass];

	if (p->npass == BRAND_PASS_MAX)
		brand_fail(m, E2BIG, "more than %d devices of the host", BRAND_PASS_MAX);
	else if (d->match == NULL || hostpci_parse(d->match, pass->addr) != 0)
		brand_fail(m, EINVAL,
		    "device %s: with model passthru it must be the address of a PCI device of the "
		    "host, "
		    "such as 0000:03:00.0",
		    d->match != NULL ? d->match : "");
	else if (at != NULL && !brand_slot_parse(at, &bus, &slot, &func))
		brand_fail(m, EINVAL, "device %s: malformed pci-slot '%s' (B:S:F)", d->match, at);
	for (size_t i = 0; i < p->npass && m->rc == 0; i++) {
		if (strcmp(p->pass[i].addr, pass->addr) == 0)
			brand_fail(m, EINVAL, "device %s is there twice", p->pass[i].addr);
	}
	if (m->rc != 0)
		return;
	if (at == NULL)
		slot_default(used, &slot);
	brand_slot_take(m, used, d->match, bus, slot, func);
	pass->slot = slot;
	pass->func = func;
	pass->fd = brand_want_fd(m, BRAND_FD_PASS, p->npass);
	pass->shared = shared;
	brand_arg(m, "-s");
	pass->arg = p->argc;
	brand_arg(m, ARG_OF(pass, "group", "container"));
	p->npass++;
}

void
brand_add_passthru(struct maker *m, uint8_t used[32])
{
	int shared = -1;

	for (size_t i = 0; i < m->c->ndevice && m->rc == 0; i++) {
		if (!brand_is_passthru(&m->c->device[i]))
			continue;
		if (shared < 0)
			shared = brand_want_fd(m, BRAND_FD_VFIO, 0);
		add_one(m, &m->c->device[i], shared, used);
	}
	if (m->rc == 0 && m->p->npass > 0 && m->p->balloon)
		brand_fail(m, EINVAL,
		    "attr balloon: a device of the host would go on using memory that the balloon "
		    "has "
		    "given back; clear the attr, or remove the device");
}

int
brand_plan_cdev(struct brand_plan *p, struct err *e)
{
	for (size_t i = 0; i < p->npass; i++) {
		struct brand_pass *pass = &p->pass[i];
		char *text;

		if (asprintf(&text, ARG_OF(pass, "cdev", "iommufd")) < 0)
			return (err_set(e, ENOMEM, "no memory for zhyve's arguments"));
		free(p->argv[pass->arg]);
		p->argv[pass->arg] = text;
	}
	return (0);
}
