/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's disks, for who wants to say that a size has changed: zoneadmd over the wire, or
 * SIGUSR2 to a zhyve run by hand. (A jail cannot watch a file that it has no path to.) An emulation
 * that can tell its guest adds itself while the machine is built. Runs in zhyve.
 */
#ifndef ZHYVE_PROCS_ZHYVE_DISKS_H
#define ZHYVE_PROCS_ZHYVE_DISKS_H

#include "base/lock.h"
#include "devices/block.h"

struct machine;

struct disk {
	struct block_backend *backend;
	struct lock *lock; /* the device's */
	/* backend->info.size is another one now; the lock is held. */
	void (*resized)(void *dev);
	void *dev;
	struct disk *next;
};

/* The disk is kept by reference. */
void disks_add(struct machine *m, struct disk *d);
/* Look at the sizes of all disks again and tell the guest of those that changed. In the event loop. */
void disks_refresh(struct machine *m);

#endif
