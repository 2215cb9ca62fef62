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

/* The link's MAC address, and the interface identifier made of it (RFC 4291, appendix A). */
void protect_set_mac(struct protect_link *l, const uint8_t mac[6]);

#endif
