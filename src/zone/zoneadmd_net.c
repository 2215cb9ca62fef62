/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The links of a live zone: made from ready to halt, and what their filters tell: the first drop for
 * each reason as an event, and the counters. Runs in zoneadmd.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/filter.h"
#include "zone/link.h"
#include "zone/zoneadmd.h"

static const char *const directions[PROTECT_NDIRECTIONS] = { "from-guest", "to-guest" };

static void
tell_first(const struct protect_first *first, void *arg)
{
	struct zone_link *l = arg;
	char text[256], hex[2 * 34 + 1];
	size_t n = MIN(first->len, sizeof(first->frame));

	if (first->direction >= PROTECT_NDIRECTIONS)
		return;
	/* As far as the addresses of IPv4. */
	for (size_t i = 0; i < MIN(n, (sizeof(hex) - 1) / 2); i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", first->frame[i]);
	(void)snprintf(text, sizeof(text), "%s: %s, %s: %s (%u bytes: %s)", l->ifname,
	    directions[first->direction], protect_reason_name(first->reason),
	    protect_reason_text(first->reason), first->len, hex);
	log_info("first frame dropped on %s", text);
	events_tell(l->events, "link-drop", text);
}

static void
on_firsts(int fd, enum mevent_type type, void *arg)
{
	struct zone_link *l = arg;

	filter_firsts(l->filter, tell_first, l);
}

int
zone_links_make(struct zoneadmd *z, struct err *e)
{
	struct zone_resources *r = &z->res;
	int rc;

	for (size_t i = 0; i < r->plan->nnic; i++) {
		const struct vnic_spec *v = &r->plan->nic[i];
		struct zone_link *l = &r->link[i];

		if ((rc = ledger_add(z->ledger, "vnic", v->ifname, e)) != 0 ||
		    (rc = vnic_create(v, &l->tap_fd, &l->filter, e)) != 0)
			return (rc);
		l->events = &z->events;
		(void)snprintf(l->ifname, sizeof(l->ifname), "%s", v->ifname);
		l->ev = mevent_add(z->loop, filter_firsts_fd(l->filter), EVF_READ, on_firsts, l);
		if (l->ev == NULL)
			return (err_set(e, errno, "cannot watch link '%s'", v->ifname));
	}
	return (0);
}

void
zone_links_close(struct zone_resources *r)
{
	for (size_t i = 0; i < NITEMS(r->link); i++) {
		struct zone_link *l = &r->link[i];

		if (l->ev != NULL)
			mevent_delete(l->ev);
		filter_close(l->filter);
		l->ev = NULL;
		l->filter = NULL;
		fd_close(&l->tap_fd);
	}
}

/* {"counters": {"ipspoofed": N, …}, "reasons": {"arp-ip": N, …}, "passed": N} of one direction. */
static json_t *
counters_json(const uint64_t frames[PROTECT_NREASONS])
{
	json_t *counters = json_object(), *reasons = json_object();

	for (unsigned r = PROTECT_PASS + 1; r < PROTECT_NREASONS; r++) {
		const char *name = protect_reason_counter(r);
		json_int_t sum = json_integer_value(json_object_get(counters, name));

		if (frames[r] == 0)
			continue;
		(void)json_object_set_new(
		    counters, name, json_integer(sum + (json_int_t)frames[r]));
		(void)json_object_set_new(
		    reasons, protect_reason_name(r), json_integer((json_int_t)frames[r]));
	}
	return (json_pack("{s:I,s:o,s:o}", "passed", (json_int_t)frames[PROTECT_PASS], "dropped",
	    counters, "reasons", reasons));
}

int
zone_links_json(const struct zoneadmd *z, json_t **out, struct err *e)
{
	const struct zone_resources *r = &z->res;
	json_t *links = json_array();
	struct filter_counters c;
	int rc;

	for (size_t i = 0; r->plan != NULL && i < r->plan->nnic; i++) {
		const struct vnic_spec *v = &r->plan->nic[i];
		char mac[MAC_TEXT_LEN + 1];
		json_t *o;

		if (r->link[i].filter == NULL)
			continue;
		if ((rc = filter_counters(r->link[i].filter, &c, e)) != 0) {
			json_decref(links);
			return (rc);
		}
		format_mac(v->mac, mac);
		o = json_pack("{s:s,s:s,s:s,s:s}", "interface", v->ifname, "mac", mac, "nic_tag",
		    v->tag, "link_state", v->down ? "down" : "up");
		for (unsigned d = 0; d < PROTECT_NDIRECTIONS; d++)
			(void)json_object_set_new(
			    o, d == 0 ? "from_guest" : "to_guest", counters_json(c.frames[d]));
		(void)json_array_append_new(links, o);
	}
	*out = links;
	return (0);
}
