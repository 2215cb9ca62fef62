/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stopped zone sent as a stream (vmstream.h), and made of one, on this host or another, in a pool of whatever
 * driver. Tools, root.
 */
#ifndef ZHYVE_ZONE_VMCARRY_H
#define ZHYVE_ZONE_VMCARRY_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "zone/vmstream.h"
#include "zone/zconf.h"

/* Is the disk the zone's own, whose content goes with it? Others were only lent to it. */
typedef bool vmcarry_owns_fn(const struct zconf *c, const struct zdevice *d);

/*
 * Send it to `fd`, from its begin, or from the place that the token names (NULL: none). Its disks are locked
 * meanwhile, so that it cannot be started. -EINVAL: no token; -ESTALE: it has changed since.
 */
int vmcarry_send(
    const struct zconf *c, vmcarry_owns_fn *owns, const char *token, int fd, struct err *e);

/* What a receive was told, and what it tells. */
struct vmcarry_receive {
	bool keep; /* what a torn stream brought */
	/* May there be such a zone here? Called with the store locked. */
	int (*admit)(const struct zconf *c, struct err *e);
	/* What a property of SmartOS's has not here. */
	void (*warn)(const char *property, const char *what);
	char uuid[UUID_TEXT_LEN + 1];
	char token[VMSTREAM_TOKEN_MAX]; /* "": nothing was kept */
};
/*
 * Make a zone of the stream from `fd`, ours or, in a pool of zfs's, SmartOS's (vmbundle.h); it is installed when the stream's end has been seen, and before that can
 * neither be started nor mistaken for whole. Nothing is left of one that fails, unless it was torn or damaged
 * on the way, `keep` was said, and content had come: then *token is what vmcarry_send is to be told, and the zone is
 * state incomplete.
 */
int vmcarry_receive(struct vmcarry_receive *v, int fd, struct err *e);

#endif
