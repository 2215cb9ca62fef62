/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a net resource to the identity of its link. Pure; zoneadmd and tools.
 */
#ifndef ZHYVE_ZONE_PROTECT_CONF_H
#define ZHYVE_ZONE_PROTECT_CONF_H

#include "base/err.h"
#include "zone/protect.h"
#include "zone/zconf.h"

/*
 * What is checked on the link of this net, and its addresses; all but its MAC address and VLAN.
 * -EINVAL or -E2BIG with the property that is wrong.
 */
int protect_conf(const struct znet *net, struct protect_link *out, struct err *e);

/* Property isolated. */
int protect_conf_isolated(const struct znet *net, bool *isolated, struct err *e);
/* Property link_state: "up" (or unset) or "down". */
int protect_conf_down(const struct znet *net, bool *down, struct err *e);
bool protect_link_state_ok(const char *text);

/* "100M": bits in a second with K, M or G behind; without, of millions, as dladm has it. 0 or -EINVAL. */
int protect_rate_parse(const char *text, uint64_t *bits);

/* Do both say the same, MAC address and VLAN aside? Is there a rate limit? */
bool protect_same(const struct protect_link *a, const struct protect_link *b);
bool protect_limited(const struct protect_link *l);

/* The link's MAC address, and the interface identifier made of it (RFC 4291, appendix A). */
void protect_set_mac(struct protect_link *l, const uint8_t mac[6]);

#endif
