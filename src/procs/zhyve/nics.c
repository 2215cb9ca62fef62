/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's nics: see nics.h. Runs in zhyve. */
#include "procs/zhyve/nics.h"

#include <errno.h>
#include <string.h>

#include "procs/zhyve/machine.h"

void
nics_add(struct machine *m, struct nic *n)
{
	n->next = m->nics;
	m->nics = n;
}

int
nics_link(struct machine *m, const uint8_t mac[6], bool up)
{
	for (struct nic *n = m->nics; n != NULL; n = n->next) {
		if (memcmp(n->mac, mac, sizeof(n->mac)) != 0)
			continue;
		lock_take(n->lock);
		n->link(n->dev, up);
		lock_drop(n->lock);
		return (0);
	}
	return (-ENODEV);
}
