/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vnics: see link.h. A tap's life is that of its queue's descriptor, so the kernel itself removes
 * it when the zone's processes are gone; nothing here has to clean up after a crash. zoneadmd, root, in
 * the host's network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/fd.h"
#include "zone/link.h"
#include "zone/netlink.h"
#include "zone/protect_conf.h"

#define VNET_HDR_LEN 12 /* struct virtio_net_hdr_v1: virtio 1.2, 5.1.6 */
#define MTU_MIN      576u
#define VLAN_MAX     4094u

static int
open_tap(const char *ifname, int *out, struct err *e)
{
	CLEANUP_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq ifr = { .ifr_flags = 0 };
	int len = VNET_HDR_LEN;

	if (fd < 0)
		return (err_set(e, errno, "cannot open /dev/net/tun (is the module tun there?)"));
	/* IFF_TUN_EXCL: a tap of that name must not be there, also not a persistent one. */
	ifr.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
		if (errno == EBUSY)
			return (err_say(e, EEXIST, "interface '%s' exists already", ifname));
		return (err_set(e, errno, "cannot make tap '%s'", ifname));
	}
	if (ioctl(fd, TUNSETVNETHDRSZ, &len) != 0)
		return (err_set(e, errno, "cannot set the vnet header of tap '%s'", ifname));
	*out = fd_steal(&fd);
	return (0);
}

/*
 * The tap needs an address that is not the guest's (the bridge would keep the guest's frames for
 * the host), and that the kernel would never choose for a bridge. As libvirt does: the guest's
 * with another first byte.
 */
static void
tap_mac(const uint8_t guest[6], uint8_t out[6])
{
	memcpy(out, guest, 6);
	out[0] = guest[0] == 0xfe ? 0xfa : 0xfe;
}

/*
 * The tap is in its VLAN and in no other, and sees no tags; the tag's port carries the VLAN tagged. The
 * first nic with a VLAN makes its bridge tell them apart.
 */
static int
setup_vlan(struct nl *nl, const struct vnic_spec *spec, const struct nictag *tag, struct err *e)
{
	int rc;

	if (spec->vlan == 0)
		return (0);
	if ((rc = nl_bridge_set_vlans(nl, tag->bridge, e)) != 0 ||
	    (rc = nl_port_set_vlan(nl, spec->ifname, spec->vlan, e)) != 0)
		return (rc);
	return (tag->link[0] != '\0' ? nl_port_add_vlan(nl, tag->link, spec->vlan, e) : 0);
}

static int
setup_tap(struct nl *nl, const struct vnic_spec *spec, const struct nictag *tag,
    const struct nl_link *bridge, uint32_t mtu, struct err *e)
{
	uint8_t mac[6];
	int rc;

	tap_mac(spec->mac, mac);
	if ((rc = nl_link_set_mac(nl, spec->ifname, mac, e)) != 0 ||
	    (rc = nl_link_set_mtu(nl, spec->ifname, mtu, e)) != 0 ||
	    (rc = nl_link_set_silent(nl, spec->ifname, e)) != 0 ||
	    (rc = nl_link_set_master(nl, spec->ifname, bridge->index, e)) != 0 ||
	    (rc = setup_vlan(nl, spec, tag, e)) != 0 ||
	    (rc = nl_port_set_learning(nl, spec->ifname, false, e)) != 0 ||
	    (spec->isolated && (rc = nl_port_set_isolated(nl, spec->ifname, true, e)) != 0) ||
	    (rc = nl_port_add_mac(nl, spec->ifname, spec->mac, e)) != 0)
		return (rc);
	return (spec->down ? 0 : nl_link_set_up(nl, spec->ifname, true, e));
}

static int
check_spec(const struct vnic_spec *spec, const struct nictag *tag, uint32_t *mtu, struct err *e)
{
	uint32_t limit = tag->mtu != 0 ? tag->mtu : LINK_MTU_DEFAULT;

	*mtu = spec->mtu != 0 ? spec->mtu : limit;
	if (spec->vlan == 1 || spec->vlan > VLAN_MAX)
		return (err_say(e, EINVAL,
		    "vlan_id %u is not between 2 and %u (0: no VLAN; 1 is what bridges call that)",
		    spec->vlan, VLAN_MAX));
	if (*mtu < MTU_MIN || *mtu > limit)
		return (err_say(e, EINVAL, "MTU %u is not between %u and the %u of nic tag '%s'",
		    *mtu, MTU_MIN, limit, tag->name));
	if ((spec->mac[0] & 1) != 0)
		return (err_say(e, EINVAL, "its MAC address is a multicast address"));
	return (0);
}

static struct protect_link
identity(const struct vnic_spec *spec)
{
	struct protect_link link = spec->protect;

	protect_set_mac(&link, spec->mac);
	link.vlan = spec->vlan;
	return (link);
}

/* Before anything else is done with the tap: it is down, and no port of a bridge. */
static int
protect_tap(struct nl *nl, const struct vnic_spec *spec, struct filter **out, struct err *e)
{
	const struct protect_link link = identity(spec);
	struct filter *f;
	int rc;

	if ((rc = filter_load(&link, &f, e)) != 0)
		return (rc);
	if ((rc = filter_attach(f, nl, spec->ifname, e)) != 0) {
		filter_close(f);
		return (rc);
	}
	*out = f;
	return (0);
}

int
vnic_create(const struct vnic_spec *spec, int *tap_fd, struct filter **filter, struct err *e)
{
	CLEANUP_NL struct nl *nl = NULL;
	CLEANUP_FD int fd = -1; /* closing it removes the tap */
	struct filter *f = NULL;
	struct nl_link bridge;
	struct nictag tag;
	uint32_t mtu;
	int rc;

	if ((rc = nictag_get(spec->tag, &tag, e)) != 0 ||
	    (rc = check_spec(spec, &tag, &mtu, e)) != 0 || (rc = nictag_ensure(&tag, e)) != 0 ||
	    (rc = nl_open(&nl, e)) != 0 || (rc = nl_link_get(nl, tag.bridge, &bridge, e)) != 0 ||
	    (rc = open_tap(spec->ifname, &fd, e)) != 0 ||
	    (rc = protect_tap(nl, spec, &f, e)) != 0 ||
	    (rc = setup_tap(nl, spec, &tag, &bridge, mtu, e)) != 0) {
		filter_close(f);
		return (err_ctx(e, "vnic '%s'", spec->ifname));
	}
	*tap_fd = fd_steal(&fd);
	if (filter != NULL)
		*filter = f;
	else
		filter_close(f);
	return (0);
}

int
vnic_update(const struct vnic_spec *spec, struct filter *filter, struct err *e)
{
	const struct protect_link link = identity(spec);
	CLEANUP_NL struct nl *nl = NULL;
	int rc;

	if ((rc = nl_open(&nl, e)) != 0 ||
	    (rc = filter_replace(filter, &link, nl, spec->ifname, e)) != 0 ||
	    (rc = nl_port_set_isolated(nl, spec->ifname, spec->isolated, e)) != 0 ||
	    (rc = nl_link_set_up(nl, spec->ifname, !spec->down, e)) != 0)
		return (err_ctx(e, "vnic '%s'", spec->ifname));
	return (0);
}

int
vnic_destroy(const char *ifname, struct err *e)
{
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link link;
	int rc;

	if ((rc = nl_open(&nl, e)) != 0)
		return (rc);
	rc = nl_link_get(nl, ifname, &link, e);
	if (rc == -ENODEV) {
		err_clear(e);
		return (0);
	}
	if (rc != 0)
		return (rc);
	if (strcmp(link.kind, "tun") != 0)
		return (err_say(e, EINVAL, "interface '%s' is no tap: it is left alone", ifname));
	return (nl_link_delete(nl, ifname, e));
}

bool
link_exists(const char *ifname)
{
	return (if_nametoindex(ifname) != 0);
}
