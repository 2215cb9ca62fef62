/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rtnetlink client: see netlink.h. Requests are built in one bounded buffer; every one asks
 * for an acknowledgement, and dumps are read to their end, so that an answer can never be taken
 * for that of a later request. Tools and zoneadmd.
 */
#include "zone/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_arp.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/parse.h"
#include "zone/netlink_internal.h"

/*
 * libmnl's loops over attributes cast const away, in macros: that is theirs, and only clang minds.
 */
#pragma GCC diagnostic ignored "-Wcast-qual"

#define ANSWER_MAX 32768 /* what the kernel puts into one datagram of a dump */

struct nl {
	struct mnl_socket *sock;
	uint32_t seq;
	char reason[256];       /* the kernel's words about the last failure, or "" */
	char request[1024];     /* every request fits by far */
	char answer[ANSWER_MAX] /* one datagram of an answer */
	    __attribute__((aligned(NLMSG_ALIGNTO)));
};

int
nl_open(struct nl **out, struct err *e)
{
	struct nl *nl = calloc(1, sizeof(*nl));
	int one = 1;

	if (nl == NULL)
		return (err_set(e, ENOMEM, "cannot open a netlink socket"));
	nl->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl->sock == NULL || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		int rc = err_set(e, errno, "cannot open a netlink socket");
		nl_close(nl);
		return (rc);
	}
	/* Without these the kernel's reason is only a number: old kernels may refuse. */
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)mnl_socket_setsockopt(nl->sock, NETLINK_CAP_ACK, &one, sizeof(one));
	*out = nl;
	return (0);
}

void
nl_close(struct nl *nl)
{
	if (nl == NULL)
		return;
	if (nl->sock != NULL)
		(void)mnl_socket_close(nl->sock);
	free(nl);
}

void
nl_cleanup(struct nl **nl)
{
	nl_close(*nl);
}

struct nlmsghdr *
nl_request(struct nl *nl, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h;

	memset(nl->request, 0, sizeof(nl->request));
	h = mnl_nlmsg_put_header(nl->request);
	h->nlmsg_type = type;
	h->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	if ((flags & NLM_F_DUMP) != NLM_F_DUMP)
		h->nlmsg_flags |= NLM_F_ACK;
	h->nlmsg_seq = ++nl->seq;
	return (h);
}

static struct nlmsghdr *
link_request(struct nl *nl, uint16_t type, uint16_t flags, const char *name)
{
	struct nlmsghdr *h = nl_request(nl, type, flags);
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));

	ifi->ifi_family = AF_UNSPEC;
	if (name != NULL)
		mnl_attr_put_strz(h, IFLA_IFNAME, name);
	return (h);
}

/* Keep the text of an extended acknowledgement. */
static void
keep_reason(struct nl *nl, const struct nlmsghdr *h)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;
	size_t off = sizeof(*ack);

	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(h->nlmsg_flags & NLM_F_CAPPED))
		off += mnl_nlmsg_get_payload_len(&ack->msg);
	mnl_attr_for_each(attr, h, (unsigned)off)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			(void)snprintf(
			    nl->reason, sizeof(nl->reason), "%s", mnl_attr_get_str(attr));
	}
}

/* One message of an answer: 1 when it ends the answer well, 0 when more follows, or -errno. */
static int
take(struct nl *nl, const struct nlmsghdr *h, nl_answer_cb *cb, void *arg)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(h);

	switch (h->nlmsg_type) {
	case NLMSG_ERROR:
		if (mnl_nlmsg_get_payload_len(h) < sizeof(*ack))
			return (-EBADMSG);
		if (ack->error != 0)
			keep_reason(nl, h);
		return (ack->error != 0 ? ack->error : 1);
	case NLMSG_DONE:
		return (1);
	case NLMSG_NOOP:
		return (0);
	default:
		if (cb != NULL)
			cb(h, arg);
		return (0);
	}
}

int
nl_transact(struct nl *nl, const struct nlmsghdr *req, nl_answer_cb *cb, void *arg)
{
	const struct nlmsghdr *h;
	int rc, left;
	ssize_t n;

	nl->reason[0] = '\0';
	if (mnl_socket_sendto(nl->sock, req, req->nlmsg_len) < 0)
		return (-errno);
	for (;;) {
		n = mnl_socket_recvfrom(nl->sock, nl->answer, sizeof(nl->answer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (-errno);
		left = (int)n;
		for (h = (const void *)nl->answer; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != req->nlmsg_seq)
				continue;
			if ((rc = take(nl, h, cb, arg)) != 0)
				return (rc > 0 ? 0 : rc);
		}
	}
}

int
nl_failed(struct nl *nl, int rc, struct err *e, const char *what, const char *name)
{
	if (nl->reason[0] == '\0')
		return (err_set(e, -rc, "cannot %s '%s'", what, name));
	return (err_say(
	    e, -rc, "cannot %s '%s': %s (kernel: %s)", what, name, strerror(-rc), nl->reason));
}

static int
transact_link(
    struct nl *nl, const struct nlmsghdr *req, struct err *e, const char *what, const char *name)
{
	int rc = nl_transact(nl, req, NULL, NULL);

	return (rc == 0 ? 0 : nl_failed(nl, rc, e, what, name));
}

static void
parse_mac_attr(const struct nlattr *attr, uint8_t mac[6])
{
	if (mnl_attr_get_payload_len(attr) == 6)
		memcpy(mac, mnl_attr_get_payload(attr), 6);
}

static void
parse_string_attr(const struct nlattr *attr, char *buf, size_t size)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		(void)snprintf(buf, size, "%s", mnl_attr_get_str(attr));
}

static void
parse_link_attr(const struct nlattr *attr, struct nl_link *out)
{
	const struct nlattr *in;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		parse_string_attr(attr, out->name, sizeof(out->name));
		break;
	case IFLA_ADDRESS:
		parse_mac_attr(attr, out->mac);
		break;
	case IFLA_PERM_ADDRESS:
		parse_mac_attr(attr, out->perm_mac);
		break;
	case IFLA_MTU:
		out->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_MASTER:
		out->master = (int)mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		mnl_attr_for_each_nested(in, attr)
		{
			if (mnl_attr_get_type(in) == IFLA_INFO_KIND)
				parse_string_attr(in, out->kind, sizeof(out->kind));
		}
		break;
	default:
		break;
	}
}

static void
parse_link(const struct nlmsghdr *h, struct nl_link *out)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;

	*out = (struct nl_link){
		.index = ifi->ifi_index,
		.ether = ifi->ifi_type == ARPHRD_ETHER,
		.up = (ifi->ifi_flags & IFF_UP) != 0,
	};
	mnl_attr_for_each(attr, h, sizeof(*ifi))
	{
		parse_link_attr(attr, out);
	}
}

static void
take_link(const struct nlmsghdr *h, void *arg)
{
	if (h->nlmsg_type == RTM_NEWLINK)
		parse_link(h, arg);
}

int
nl_link_get(struct nl *nl, const char *name, struct nl_link *out, struct err *e)
{
	int rc;

	*out = (struct nl_link){ 0 };
	rc = strlen(name) < IFNAMSIZ
	    ? nl_transact(nl, link_request(nl, RTM_GETLINK, 0, name), take_link, out)
	    : -ENODEV;
	if (rc == -ENODEV)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	if (rc != 0)
		return (nl_failed(nl, rc, e, "look up interface", name));
	return (0);
}

struct mac_search {
	const uint8_t *mac;
	struct nl_link found;
};

static void
take_link_of_mac(const struct nlmsghdr *h, void *arg)
{
	struct mac_search *s = arg;
	struct nl_link l;

	if (h->nlmsg_type != RTM_NEWLINK || s->found.index != 0)
		return;
	parse_link(h, &l);
	if (l.ether && l.kind[0] == '\0' &&
	    (memcmp(l.mac, s->mac, 6) == 0 || memcmp(l.perm_mac, s->mac, 6) == 0))
		s->found = l;
}

int
nl_link_get_by_mac(struct nl *nl, const uint8_t mac[6], struct nl_link *out, struct err *e)
{
	struct mac_search s = { .mac = mac };
	char text[MAC_TEXT_LEN + 1];
	int rc =
	    nl_transact(nl, link_request(nl, RTM_GETLINK, NLM_F_DUMP, NULL), take_link_of_mac, &s);

	format_mac(mac, text);
	if (rc != 0)
		return (nl_failed(nl, rc, e, "look for MAC address", text));
	if (s.found.index == 0)
		return (err_say(e, ENODEV, "No physical nic found with MAC address '%s'", text));
	*out = s.found;
	return (0);
}

int
nl_bridge_create(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, name);
	struct nlattr *info, *data;

	mnl_attr_put(h, IFLA_ADDRESS, 6, mac);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	mnl_attr_put_u32(h, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(h, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_put_u8(h, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	return (transact_link(nl, h, e, "create bridge", name));
}

int
nl_link_delete(struct nl *nl, const char *name, struct err *e)
{
	int rc = nl_transact(nl, link_request(nl, RTM_DELLINK, 0, name), NULL, NULL);

	if (rc == 0 || rc == -ENODEV)
		return (0);
	return (nl_failed(nl, rc, e, "delete interface", name));
}

int
nl_link_set_up(struct nl *nl, const char *name, bool up, struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, 0, name);
	struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return (transact_link(nl, h, e, up ? "bring up" : "bring down", name));
}

int
nl_link_set_mtu(struct nl *nl, const char *name, uint32_t mtu, struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, 0, name);
	char what[48];

	mnl_attr_put_u32(h, IFLA_MTU, mtu);
	(void)snprintf(what, sizeof(what), "set the MTU %u of", mtu);
	return (transact_link(nl, h, e, what, name));
}

int
nl_link_set_mac(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, 0, name);

	mnl_attr_put(h, IFLA_ADDRESS, 6, mac);
	return (transact_link(nl, h, e, "set the MAC address of", name));
}

int
nl_link_set_master(struct nl *nl, const char *name, int master, struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, 0, name);

	mnl_attr_put_u32(h, IFLA_MASTER, (uint32_t)master);
	return (transact_link(
	    nl, h, e, master != 0 ? "attach to its bridge" : "detach from its bridge", name));
}

int
nl_link_set_silent(struct nl *nl, const char *name, struct err *e)
{
	struct nlmsghdr *h = link_request(nl, RTM_NEWLINK, 0, name);
	struct nlattr *spec, *inet6;
	int rc;

	spec = mnl_attr_nest_start(h, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(h, AF_INET6);
	mnl_attr_put_u8(h, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(h, inet6);
	mnl_attr_nest_end(h, spec);
	rc = nl_transact(nl, h, NULL, NULL);
	if (rc == 0 || rc == -EAFNOSUPPORT || rc == -EOPNOTSUPP)
		return (0);
	return (nl_failed(nl, rc, e, "keep IPv6 off", name));
}

static int
set_port(struct nl *nl, const char *name, uint16_t what, bool on, struct err *e)
{
	struct nlmsghdr *h;
	struct ifinfomsg *ifi;
	struct nlattr *port;
	unsigned index = if_nametoindex(name);

	if (index == 0)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	h = nl_request(nl, RTM_SETLINK, 0);
	ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	ifi->ifi_family = AF_BRIDGE;
	ifi->ifi_index = (int)index;
	port = mnl_attr_nest_start(h, IFLA_PROTINFO);
	mnl_attr_put_u8(h, what, on ? 1 : 0);
	mnl_attr_nest_end(h, port);
	return (transact_link(nl, h, e, "set the bridge port", name));
}

int
nl_port_set_learning(struct nl *nl, const char *name, bool learning, struct err *e)
{
	return (set_port(nl, name, IFLA_BRPORT_LEARNING, learning, e));
}

int
nl_port_set_isolated(struct nl *nl, const char *name, bool isolated, struct err *e)
{
	return (set_port(nl, name, IFLA_BRPORT_ISOLATED, isolated, e));
}

static int
add_fdb(struct nl *nl, unsigned index, const uint8_t mac[6], uint16_t flags)
{
	struct nlmsghdr *h = nl_request(nl, RTM_NEWNEIGH, (uint16_t)(NLM_F_CREATE | flags));
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(h, sizeof(*nd));

	nd->ndm_family = AF_BRIDGE;
	nd->ndm_ifindex = (int)index;
	nd->ndm_state = NUD_NOARP; /* static: neither aged nor moved */
	nd->ndm_flags = NTF_MASTER;
	mnl_attr_put(h, NDA_LLADDR, 6, mac);
	return (nl_transact(nl, h, NULL, NULL));
}

struct fdb_search {
	unsigned index; /* a port: its own entries do not count */
	int master;
	const uint8_t *mac;
	bool is_static;
};

static void
take_fdb(const struct nlmsghdr *h, void *arg)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(h);
	struct fdb_search *s = arg;
	const struct nlattr *attr;
	bool same_mac = false, same_bridge = false;

	if (h->nlmsg_type != RTM_NEWNEIGH || (unsigned)nd->ndm_ifindex == s->index)
		return;
	mnl_attr_for_each(attr, h, sizeof(*nd))
	{
		if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6)
			same_mac = memcmp(mnl_attr_get_payload(attr), s->mac, 6) == 0;
		if (mnl_attr_get_type(attr) == NDA_MASTER)
			same_bridge = (int)mnl_attr_get_u32(attr) == s->master;
	}
	if (same_mac && same_bridge && (nd->ndm_state & (NUD_NOARP | NUD_PERMANENT)) != 0)
		s->is_static = true;
}

/* Is a static entry of another port in the way, or only something learned? */
static int
other_static_fdb(struct nl *nl, const struct nl_link *port, const uint8_t mac[6], bool *is_static)
{
	struct nlmsghdr *h = nl_request(nl, RTM_GETNEIGH, NLM_F_DUMP);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(h, sizeof(*nd));
	struct fdb_search s = {
		.index = (unsigned)port->index, .master = port->master, .mac = mac
	};
	int rc;

	nd->ndm_family = AF_BRIDGE;
	rc = nl_transact(nl, h, take_fdb, &s);
	*is_static = s.is_static;
	return (rc);
}

int
nl_port_add_mac(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e)
{
	char text[MAC_TEXT_LEN + 1];
	struct nl_link port;
	bool is_static;
	int rc;

	format_mac(mac, text);
	if ((rc = nl_link_get(nl, name, &port, e)) != 0)
		return (rc);
	rc = add_fdb(nl, (unsigned)port.index, mac, NLM_F_EXCL);
	if (rc == -EEXIST) {
		if ((rc = other_static_fdb(nl, &port, mac, &is_static)) == 0 && is_static)
			return (err_say(e, EEXIST,
			    "MAC address %s is on another port of the bridge of '%s' already: "
			    "two nics have the same address",
			    text, name));
		if (rc == 0)
			rc = add_fdb(nl, (unsigned)port.index, mac, NLM_F_REPLACE);
	}
	return (rc == 0 ? 0 : nl_failed(nl, rc, e, "make the forwarding entry of", name));
}

int
nl_parse_address(const char *text, int *family, uint8_t bytes[16], uint8_t *prefix)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint32_t n;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host))
		return (-EINVAL);
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	*family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
	if (inet_pton(*family, host, bytes) != 1 ||
	    parse_u32(slash + 1, 1, *family == AF_INET ? 32 : 128, &n) != 0)
		return (-EINVAL);
	*prefix = (uint8_t)n;
	return (0);
}

int
nl_addr_add(struct nl *nl, const char *name, const char *address, struct err *e)
{
	struct nlmsghdr *h;
	struct ifaddrmsg *ifa;
	struct nl_link link;
	uint8_t bytes[16], prefix;
	size_t len;
	int family, rc;

	if (nl_parse_address(address, &family, bytes, &prefix) != 0)
		return (err_say(e, EINVAL,
		    "'%s' is not an address with a prefix length, as in 10.0.0.1/24", address));
	if ((rc = nl_link_get(nl, name, &link, e)) != 0)
		return (rc);
	len = family == AF_INET ? 4 : 16;
	h = nl_request(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
	ifa->ifa_family = (uint8_t)family;
	ifa->ifa_prefixlen = prefix;
	ifa->ifa_index = (uint32_t)link.index;
	mnl_attr_put(h, IFA_LOCAL, len, bytes);
	mnl_attr_put(h, IFA_ADDRESS, len, bytes);
	rc = nl_transact(nl, h, NULL, NULL);
	if (rc == 0 || rc == -EEXIST)
		return (0);
	(void)nl_failed(nl, rc, e, "set the address of", name);
	return (err_ctx(e, "address %s", address));
}

struct use_search {
	int index;
	bool address, route;
};

static void
take_use(const struct nlmsghdr *h, void *arg)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(h);
	struct use_search *s = arg;
	const struct nlattr *attr;

	if (h->nlmsg_type == RTM_NEWADDR && (int)ifa->ifa_index == s->index &&
	    ifa->ifa_scope < RT_SCOPE_LINK)
		s->address = true;
	if (h->nlmsg_type != RTM_NEWROUTE || rtm->rtm_dst_len != 0 || rtm->rtm_type != RTN_UNICAST)
		return;
	mnl_attr_for_each(attr, h, sizeof(*rtm))
	{
		if (mnl_attr_get_type(attr) == RTA_OIF && (int)mnl_attr_get_u32(attr) == s->index)
			s->route = true;
	}
}

int
nl_link_in_use(struct nl *nl, const struct nl_link *link, const char **why, struct err *e)
{
	struct use_search s = { .index = link->index };
	struct nlmsghdr *h = nl_request(nl, RTM_GETADDR, NLM_F_DUMP);
	int rc;

	(void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
	if ((rc = nl_transact(nl, h, take_use, &s)) == 0) {
		h = nl_request(nl, RTM_GETROUTE, NLM_F_DUMP);
		(void)mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
		rc = nl_transact(nl, h, take_use, &s);
	}
	if (rc != 0)
		return (nl_failed(nl, rc, e, "read the addresses of", link->name));
	*why = s.route ? "the default route" : s.address ? "addresses of this host" : NULL;
	return (0);
}
