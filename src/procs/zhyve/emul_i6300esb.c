/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * i6300esb: a watchdog that ends a machine whose guest has stopped looking after it. Built in
 * zhyve's main thread; its timer runs in the event loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/i6300esb.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/machine.h"

enum on_expiry {
	EXPIRY_RESET,
	EXPIRY_POWEROFF,
	EXPIRY_NMI,
	EXPIRY_NONE
};

struct watchdog_emul {
	struct i6300esb dev;
	struct lock lock;
	struct dev_timer timer;
	struct machine *m;
	enum on_expiry action;
};

static void
expired(void *ctx)
{
	struct watchdog_emul *w = ctx;

	control_note(w->m, WIRE_NOTE_WATCHDOG);
	switch (w->action) {
	case EXPIRY_RESET:
		machine_stop(w->m, MACHINE_RESET, "the watchdog expired");
		break;
	case EXPIRY_POWEROFF:
		machine_stop(w->m, MACHINE_POWEROFF, "the watchdog expired");
		break;
	case EXPIRY_NMI:
		vcpus_nmi(&w->m->vcpus);
		break;
	case EXPIRY_NONE:
		break;
	}
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	static const char *const words[] = {
		[EXPIRY_RESET] = "reset",
		[EXPIRY_POWEROFF] = "poweroff",
		[EXPIRY_NMI] = "nmi",
		[EXPIRY_NONE] = "none",
	};
	struct watchdog_emul *w;
	unsigned action;
	int rc;

	rc = config_word(cfg, "action", words, NITEMS(words), EXPIRY_RESET, &action, e);
	if (rc != 0)
		return (rc);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	w->action = (enum on_expiry)action;
	w->m = m;
	(void)pthread_mutex_init(&w->lock.mutex, NULL);
	if ((rc = machine_timer(m, &w->timer, &w->lock, e)) != 0)
		return (rc);
	i6300esb_init(&w->dev, &m->clock, &w->timer, expired, w);
	w->dev.pci.bdf = bdf;
	w->dev.pci.lock = &w->lock;
	return (pci_attach(m->pci, &w->dev.pci, e));
}

static const struct vmm_emul i6300esb = {
	.name = "i6300esb",
	.first = "action",
	.help = "action=reset|poweroff|nmi|none",
	.init = init,
};
ZHYVE_EMUL(i6300esb);
