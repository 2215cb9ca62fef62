/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a nic tag with NAT has besides its bridge: nictag.c's own. Root, in the host's network
 * namespace.
 */
#ifndef ZHYVE_ZONE_NICTAG_NAT_H
#define ZHYVE_ZONE_NICTAG_NAT_H

#include "zone/link.h"

/* Is the tag's network free? -EEXIST with the interface that is in it already. */
int nat_check(const struct nictag *t, struct err *e);
/* Make what is not there, of a bridge that has its address. */
int nat_ensure(const struct nictag *t, struct err *e);
/* Take all of it away but the host's forwarding; 0 also when nothing is there. */
int nat_remove(const struct nictag *t, struct err *e);

#endif
