/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The netlink client's own: netlink.c has the socket, links, bridges and addresses; netlink_tc.c
 * the filters of a link.
 */
#ifndef ZHYVE_ZONE_NETLINK_INTERNAL_H
#define ZHYVE_ZONE_NETLINK_INTERNAL_H

#include <libmnl/libmnl.h>

#include "zone/netlink.h"

typedef void nl_answer_cb(const struct nlmsghdr *h, void *arg);

/* Begin a request in nl's buffer; it asks for an acknowledgement, or for a dump. */
struct nlmsghdr *nl_request(struct nl *nl, uint16_t type, uint16_t flags);
/* Send it and read its whole answer. 0 or -errno; the kernel's reason is kept for nl_failed. */
int nl_transact(struct nl *nl, const struct nlmsghdr *req, nl_answer_cb *cb, void *arg);
/* "cannot WHAT 'NAME': strerror (the kernel's words)". Returns rc. */
int nl_failed(struct nl *nl, int rc, struct err *e, const char *what, const char *name);

#endif
