/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VLANs of bridges and their ports: see netlink.h. zoneadmd; CAP_NET_ADMIN.
 */
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "zone/netlink_internal.h"

#define VLAN_DEFAULT 1 /* what the kernel gives every port, untagged */

int
nl_bridge_set_vlans(struct nl *nl, const char *name, struct err *e)
{
	struct nlmsghdr *h = nl_request(nl, RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	struct nlattr *info, *data;
	int rc;

	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(h, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u8(h, IFLA_BR_VLAN_FILTERING, 1);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	rc = nl_transact(nl, h, NULL, NULL);
	return (rc == 0 ? 0 : nl_failed(nl, rc, e, "tell VLANs apart on bridge", name));
}

/* Add (RTM_SETLINK) or remove (RTM_DELLINK) one VLAN of a port. */
static int
port_vlan(
    struct nl *nl, const char *name, uint16_t type, uint16_t vid, uint16_t flags, struct err *e)
{
	struct bridge_vlan_info info = { .flags = flags, .vid = vid };
	unsigned index = if_nametoindex(name);
	struct nlmsghdr *h;
	struct ifinfomsg *ifi;
	struct nlattr *spec;
	char what[48];
	int rc;

	if (index == 0)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	h = nl_request(nl, type, 0);
	ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	ifi->ifi_family = AF_BRIDGE;
	ifi->ifi_index = (int)index;
	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	mnl_attr_put(h, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
	mnl_attr_nest_end(h, spec);
	rc = nl_transact(nl, h, NULL, NULL);
	(void)snprintf(what, sizeof(what), "set VLAN %u of", vid);
	return (rc == 0 ? 0 : nl_failed(nl, rc, e, what, name));
}

int
nl_port_set_vlan(struct nl *nl, const char *name, uint16_t vid, struct err *e)
{
	int rc = port_vlan(
	    nl, name, RTM_SETLINK, vid, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, e);

	if (rc == 0 && vid != VLAN_DEFAULT)
		rc = port_vlan(nl, name, RTM_DELLINK, VLAN_DEFAULT, 0, e);
	return (rc);
}

int
nl_port_add_vlan(struct nl *nl, const char *name, uint16_t vid, struct err *e)
{
	return (port_vlan(nl, name, RTM_SETLINK, vid, 0, e));
}
