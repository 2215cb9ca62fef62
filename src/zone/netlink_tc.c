/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of a link: the qdisc clsact, which queues nothing and only has places for filters, and a
 * BPF program at each of its two places. See netlink.h. zoneadmd; CAP_NET_ADMIN.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "zone/netlink_internal.h"

#define FILTER_PRIO   1u
#define FILTER_HANDLE 1u

static struct nlmsghdr *
tc_request(struct nl *nl, uint16_t type, uint16_t flags, unsigned index, uint32_t parent)
{
	struct nlmsghdr *h = nl_request(nl, type, flags);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(h, sizeof(*tcm));

	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = (int)index;
	tcm->tcm_parent = parent;
	return (h);
}

static struct tcmsg *
tcm_of(struct nlmsghdr *h)
{
	return (mnl_nlmsg_get_payload(h));
}

int
nl_filter_prepare(struct nl *nl, const char *name, struct err *e)
{
	unsigned index = if_nametoindex(name);
	struct nlmsghdr *h;
	int rc;

	if (index == 0)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	h = tc_request(nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index, TC_H_CLSACT);
	tcm_of(h)->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(h, TCA_KIND, "clsact");
	rc = nl_transact(nl, h, NULL, NULL);
	return (rc == 0 ? 0 : nl_failed(nl, rc, e, "make the place for filters (clsact) of", name));
}

int
nl_filter_remove(struct nl *nl, const char *name, struct err *e)
{
	unsigned index = if_nametoindex(name);
	int rc;

	if (index == 0)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	rc = nl_transact(nl, tc_request(nl, RTM_DELQDISC, 0, index, TC_H_CLSACT), NULL, NULL);
	return (rc == 0 ? 0 : nl_failed(nl, rc, e, "remove the filters (clsact) of", name));
}

int
nl_filter_set(
    struct nl *nl, const char *name, bool ingress, int prog_fd, const char *text, struct err *e)
{
	unsigned index = if_nametoindex(name);
	struct nlattr *options;
	struct nlmsghdr *h;
	int rc;

	if (index == 0)
		return (err_say(e, ENODEV, "interface '%s' does not exist", name));
	h = tc_request(nl, RTM_NEWTFILTER, NLM_F_CREATE, index,
	    TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS));
	tcm_of(h)->tcm_handle = FILTER_HANDLE;
	tcm_of(h)->tcm_info = TC_H_MAKE(FILTER_PRIO << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(h, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(h, TCA_OPTIONS);
	mnl_attr_put_u32(h, TCA_BPF_FD, (uint32_t)prog_fd);
	mnl_attr_put_strz(h, TCA_BPF_NAME, text);
	mnl_attr_put_u32(h, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_nest_end(h, options);
	rc = nl_transact(nl, h, NULL, NULL);
	return (rc == 0 ? 0
			: nl_failed(nl, rc, e,
			      ingress ? "filter what is sent by" : "filter what is sent to", name));
}
