/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's nics, for zoneadmd, which says by the wire whether one has a link. An emulation adds
 * its nic while the machine is built. No frames are held up here: zoneadmd takes the tap down. Runs in
 * zhyve.
 */
#ifndef ZHYVE_PROCS_ZHYVE_NICS_H
#define ZHYVE_PROCS_ZHYVE_NICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

struct machine;

struct nic {
	uint8_t mac[6];
	struct lock *lock; /* the device's */
	/* Tell the guest; the lock is held. */
	void (*link)(void *dev, bool up);
	void *dev;
	struct nic *next;
};

/* The nic is kept by reference. */
void nics_add(struct machine *m, struct nic *n);
/* In the event loop, or before it. 0, or -ENODEV: no nic has this address. */
int nics_link(struct machine *m, const uint8_t mac[6], bool up);

#endif
