/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Links: nic tags (bridges, with or without a port) and vnics (a tap on one, for one nic of one zone). Speaks rtnetlink itself (libmnl). A vnic is a
 * tap named z<did>n<index>, with vnet headers, MAC and MTU of the zone's net, attached to the tag's bridge; persistent only as long as the
 * ledger says (its queue descriptor is handed to zhyve). Tools (nictagadm) and zoneadmd; root, in the host's network namespace.
 */
#ifndef ZHYVE_ZONE_LINK_H
#define ZHYVE_ZONE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NICTAG_NAME_MAX 32

struct nictag {
	char name[NICTAG_NAME_MAX];
	char link[16];   /* the port: an existing interface, "" for an etherstub */
	char bridge[16]; /* interface name of the bridge: zbr-<hash or name> fitting IFNAMSIZ */
	uint32_t mtu;    /* 0: 1500 */
};

/* The store /etc/zones/nictags.json. Array is the caller's (free). */
int nictag_list(struct nictag **out, size_t *n, struct err *e);
/* -ENOENT with "nic tag 'N' does not exist". */
int nictag_get(const char *name, struct nictag *out, struct err *e);
int nictag_add(const struct nictag *t, struct err *e); /* stores it and makes the bridge */
int nictag_delete(const char *name, struct err *e);    /* removes bridge and entry */
/* Make the bridge if it is not there (after a host's boot). */
int nictag_ensure(const struct nictag *t, struct err *e);

struct vnic_spec {
	char ifname[16];
	char tag[NICTAG_NAME_MAX];
	uint8_t mac[6];
	uint16_t mtu;  /* 0: the tag's */
	uint16_t vlan; /* 0: none */
};
/*
 * Make the tap, attach it to the bridge, bring it up. *tap_fd is its queue (IFF_TAP|IFF_NO_PI|IFF_VNET_HDR, header size 12),
 * close-on-exec, non-blocking; the caller's. On failure nothing is left.
 */
int vnic_create(const struct vnic_spec *spec, int *tap_fd, struct err *e);
/* Remove by name; 0 also when it does not exist. */
int vnic_destroy(const char *ifname, struct err *e);
bool link_exists(const char *ifname);

#endif
