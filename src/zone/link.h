/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: nic tags and vnics. A nic tag names a network of the host and is a bridge, with a port
 * (an existing interface) or without one (an etherstub: a switch inside the host). A vnic is the
 * tap of one nic of one zone, a port of its tag's bridge. All of it is done by rtnetlink
 * (netlink.h). Tools (nictagadm) and zoneadmd; root, in the host's network namespace.
 */
#ifndef ZHYVE_ZONE_LINK_H
#define ZHYVE_ZONE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/filter.h"

#define NICTAG_NAME_MAX  32 /* with the end byte */
#define LINK_MTU_DEFAULT 1500

struct nictag {
	char name[NICTAG_NAME_MAX];
	char link[16];    /* the port: an existing interface, "" for an etherstub */
	char bridge[16];  /* interface name of the bridge; nictag_add fills it in when it is "" */
	uint32_t mtu;     /* 0: LINK_MTU_DEFAULT */
	char address[64]; /* the host's own address on the bridge, "10.88.0.1/24"; "": none */
	bool nat;         /* a private network behind this host: see nat_address */
	bool force;       /* take the port although the host itself uses it */
};

/*
 * Names, as nictagadm of SmartOS has them: 1 to 31 letters, digits and underscores, an etherstub's
 * ends in a digit. 0, or -EINVAL with "nic tag name is invalid" and the rule. Pure.
 */
int nictag_name_check(const char *name, bool etherstub, struct err *e);
/*
 * The bridge's interface name: zbr-NAME, or zbr-, the name's begin and a hash of it where that is
 * longer than the kernel's 15 bytes. Pure.
 */
void nictag_bridge_name(const char *name, char out[16]);

/*
 * The store, /etc/zones/nictags.json, sorted by name. The array is the caller's (free); without a
 * store it is empty.
 */
int nictag_list(struct nictag **out, size_t *n, struct err *e);
/* -ENOENT with "nic tag 'N' does not exist". */
int nictag_get(const char *name, struct nictag *out, struct err *e);
/*
 * Store it and make the bridge; on failure neither is left. -EEXIST with "nic tag 'N' already
 * exists", -ENODEV when the port does not exist, -EBUSY when the host itself uses the port (unless
 * force).
 */
int nictag_add(const struct nictag *t, struct err *e);
/*
 * The host's address on the bridge of a tag with NAT, out of its network: "10.88.0.1/24" of
 * "10.88.0.0/24" or of itself. -EINVAL for what is none, or too large or small. Pure.
 */
int nat_address(const char *text, char *out, size_t size, struct err *e);
/*
 * Give a tag another port or MTU: t as nictag_get has filled it in, then changed. The old port is let
 * go. On failure the tag is as before. -ENOENT.
 */
int nictag_update(const struct nictag *t, struct err *e);
/* Remove bridge and entry. Whether a zone uses it is the caller's question (usage.h). -ENOENT. */
int nictag_delete(const char *name, struct err *e);
/* Make of the bridge, its port and its address what is not there (after a boot of the host). */
int nictag_ensure(const struct nictag *t, struct err *e);

struct vnic_spec {
	char ifname[16]; /* of the tap, in the host */
	char tag[NICTAG_NAME_MAX];
	uint8_t mac[6]; /* the guest's; the tap itself has another */
	uint16_t mtu;   /* 0: the tag's */
	uint16_t vlan;  /* 0: none; 2 to 4094 */
	bool isolated;  /* does not reach the tag's other isolated nics, nor they it */
	bool down;      /* its cable is out: no frame goes either way */
	/* What is checked on it; its MAC address and VLAN are put in by vnic_create. */
	struct protect_link protect;
};
/*
 * Make the tap, attach its filter, then attach it to the tag's bridge (made when it is missing) and
 * bring it up unless it is to be down: it cannot carry a frame before it is protected. The bridge
 * port does not learn addresses: it has one static forwarding entry, the nic's. *tap_fd is its
 * queue (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, header of 12 bytes), close-on-exec, non-blocking, the
 * caller's. The tap is not persistent: it goes with the last descriptor of its queue, so it cannot
 * outlive the zone's processes. *filter (NULL: not wanted) is the caller's hold on the filter, which
 * works without it. On failure nothing is left. -EEXIST when the name is taken, or the
 * MAC address by another nic on that bridge.
 */
int vnic_create(const struct vnic_spec *spec, int *tap_fd, struct filter **filter, struct err *e);
/*
 * Protect and isolate a vnic that is there, and have it up or down, as `spec` says by now; no frame is
 * without a filter meanwhile (filter_replace). Nothing else of it is changed.
 */
int vnic_update(const struct vnic_spec *spec, struct filter *filter, struct err *e);
/*
 * Remove a tap by name, whoever holds it; 0 also when it does not exist. -EINVAL for an interface
 * that is no tap.
 */
int vnic_destroy(const char *ifname, struct err *e);
bool link_exists(const char *ifname);

#endif
