/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HPET of a machine that asks for one (hpet=true). Built in zhyve's main thread before any
 * guest code.
 */
#include <errno.h>
#include <stdlib.h>

#include "devices/hpet.h"
#include "procs/zhyve/machine.h"

struct hpet_glue {
	struct lock lock;
	struct hpet hpet;
	struct dev_timer timer;
};

int
legacy_hpet(struct machine *m, struct err *e)
{
	const struct hpet_ops ops = { .line = machine_set_line, .msi = machine_send_msi, .ctx = m };
	struct bus_region r = {
		.base = HPET_BASE, .len = HPET_LEN, .ops = &hpet_ops, .name = "hpet"
	};
	struct hpet_glue *g;
	int rc;

	if ((rc = config_bool(m->config, "hpet", false, &m->hpet, e)) != 0 || !m->hpet)
		return (rc);
	if ((g = calloc(1, sizeof(*g))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the HPET"));
	(void)pthread_mutex_init(&g->lock.mutex, NULL);
	if ((rc = machine_timer(m, &g->timer, &g->lock, e)) != 0)
		return (rc);
	hpet_init(&g->hpet, &ops, &m->clock, &g->timer);
	r.dev = &g->hpet;
	r.lock = &g->lock;
	return (machine_place(m, false, &r, e));
}
