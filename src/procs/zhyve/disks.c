/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's disks: see disks.h. Runs in zhyve. */
#include "procs/zhyve/disks.h"

#include "backend/block_file.h"
#include "procs/zhyve/machine.h"

void
disks_add(struct machine *m, struct disk *d)
{
	d->next = m->disks;
	m->disks = d;
}

void
disks_refresh(struct machine *m)
{
	for (struct disk *d = m->disks; d != NULL; d = d->next) {
		lock_take(d->lock);
		if (block_refresh(d->backend))
			d->resized(d->dev);
		lock_drop(d->lock);
	}
}
