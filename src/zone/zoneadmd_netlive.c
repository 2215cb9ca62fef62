/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links of a running zone that take over what its configuration says of them by now: their protection,
 * and whether they are up. A filter is replaced by another, in one step for each direction: there is no
 * frame between them. What else has changed of a nic (its tag, VLAN, MTU, model, address) takes the next boot. Runs in
 * zoneadmd.
 */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/link.h"
#include "zone/protect_conf.h"
#include "zone/zoneadmd.h"

/* The net resource with that MAC address, or NULL. */
static const struct znet *
find_net(const struct zconf *c, const uint8_t mac[6])
{
	uint8_t have[6];

	for (size_t i = 0; i < c->nnet; i++) {
		if (c->net[i].mac_addr != NULL && parse_mac(c->net[i].mac_addr, have) == 0 &&
		    memcmp(have, mac, sizeof(have)) == 0)
			return (&c->net[i]);
	}
	return (NULL);
}

/* "mac-nospoof ip-nospoof …; 2 IPv4 and 0 IPv6 addresses, 1 blocked port" */
static void
describe(const struct vnic_spec *v, char *out, size_t size)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} names[] = { { PROTECT_MAC, "mac-nospoof " }, { PROTECT_RESTRICTED, "restricted " },
		{ PROTECT_IP, "ip-nospoof " }, { PROTECT_DHCP, "dhcp-nospoof " },
		{ PROTECT_PROMISC, "promisc-filtered " } };
	const struct protect_link *l = &v->protect;
	char flags[96] = "";

	for (size_t i = 0; i < NITEMS(names); i++) {
		if ((l->flags & names[i].flag) != 0)
			(void)strcat(flags, names[i].name);
	}
	(void)snprintf(out, size,
	    "%s: now %s(addresses: %u IPv4, %u IPv6%s; blocked ports: %u; %s%s)%s", v->ifname,
	    flags[0] != '\0' ? flags : "unprotected ", l->nv4, l->nv6,
	    (l->flags & PROTECT_LEARN) != 0 ? ", and learned ones" : "", l->nport,
	    protect_limited(l) ? "limited in rate" : "no rate limit",
	    v->isolated ? ", isolated" : "", v->down ? ", link down" : "");
}

/* The guest is to see it, if there is one. */
static void
tell_zhyve(struct zoneadmd *z, const struct vnic_spec *v)
{
	struct wire_msg m = { .type = WIRE_LINK, .link = { .up = !v->down } };

	memcpy(m.link.mac, v->mac, sizeof(m.link.mac));
	if (wire_send(z->vm.wire, &m) != 0)
		log_warn("%s: cannot tell zhyve that its link is %s", v->ifname,
		    v->down ? "down" : "up");
}

void
zone_links_tell(struct zoneadmd *z)
{
	for (size_t i = 0; i < z->res.plan->nnic; i++) {
		if (z->res.plan->nic[i].down)
			tell_zhyve(z, &z->res.plan->nic[i]);
	}
}

/* The plan after a reset of the guest has the same links. */
static void
keep(struct zone_resources *r, size_t i, const struct vnic_spec *v)
{
	r->plan->nic[i] = *v;
	if (r->again != NULL)
		r->again->nic[i] = *v;
}

static int
update_one(struct zoneadmd *z, const struct zconf *c, size_t i, json_t *told, struct err *e)
{
	const struct vnic_spec old = z->res.plan->nic[i];
	struct vnic_spec want = old;
	const struct znet *net = find_net(c, want.mac);
	char text[256];
	int rc;

	if (net == NULL) /* the nic goes at the next boot */
		return (0);
	if ((rc = protect_conf(net, &want.protect, e)) != 0 ||
	    (rc = protect_conf_isolated(net, &want.isolated, e)) != 0 ||
	    (rc = protect_conf_down(net, &want.down, e)) != 0)
		return (err_ctx(e, "net %s", net->physical != NULL ? net->physical : "net"));
	if (protect_same(&want.protect, &old.protect) && want.isolated == old.isolated &&
	    want.down == old.down)
		return (0);
	if ((rc = vnic_update(&want, z->res.link[i].filter, e)) != 0)
		return (rc);
	keep(&z->res, i, &want);
	/* One that is still building its machine is told when it is ready. */
	if (want.down != old.down && (z->vm.phase == VM_STARTING || z->vm.phase == VM_RUNNING))
		tell_zhyve(z, &want);
	describe(&want, text, sizeof(text));
	log_info("link changed: %s", text);
	events_tell(&z->events, "link-update", text);
	(void)json_array_append_new(told, json_string(want.ifname));
	return (0);
}

int
zone_links_update(struct zoneadmd *z, json_t **out, struct err *e)
{
	struct zconf *c = NULL;
	int rc = 0;

	*out = json_array();
	if (z->res.plan != NULL)
		rc = zconf_load(z->name, &c, e);
	for (size_t i = 0; rc == 0 && z->res.plan != NULL && i < z->res.plan->nnic; i++) {
		if (z->res.link[i].filter != NULL)
			rc = update_one(z, c, i, *out, e);
	}
	zconf_free(c);
	if (rc != 0) {
		json_decref(*out);
		*out = NULL;
	}
	return (rc);
}
