/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvpanic: the guest's panic becomes an event, and perhaps the machine's end. Built in zhyve's
 * main thread; reports come on vCPUs' threads.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/pvpanic.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/machine.h"

enum after_panic {
	AFTER_STOP,
	AFTER_RESET,
	AFTER_RUN
};

struct panic_emul {
	struct pvpanic dev;
	struct lock lock;
	struct machine *m;
	enum after_panic after;
};

/* A guest whose crash kernel has taken over is never stopped: it writes its dump. */
static void
report(void *ctx, uint8_t events)
{
	struct panic_emul *p = ctx;

	if ((events & PVPANIC_CRASHLOADED) != 0) {
		control_note(p->m, WIRE_NOTE_CRASHLOADED);
		return;
	}
	switch (p->after) {
	case AFTER_STOP: /* the end itself says why */
		machine_stop(p->m, MACHINE_PANIC, "pvpanic");
		break;
	case AFTER_RESET:
		control_note(p->m, WIRE_NOTE_PANIC);
		machine_stop(p->m, MACHINE_RESET, "reset after a panic");
		break;
	case AFTER_RUN:
		control_note(p->m, WIRE_NOTE_PANIC);
		break;
	}
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	static const char *const words[] = {
		[AFTER_STOP] = "stop",
		[AFTER_RESET] = "reset",
		[AFTER_RUN] = "run",
	};
	struct panic_emul *p;
	unsigned after;
	int rc;

	rc = config_word(cfg, "action", words, NITEMS(words), AFTER_STOP, &after, e);
	if (rc != 0)
		return (rc);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	p->after = (enum after_panic)after;
	p->m = m;
	(void)pthread_mutex_init(&p->lock.mutex, NULL);
	pvpanic_init(&p->dev, report, p);
	p->dev.pci.bdf = bdf;
	p->dev.pci.lock = &p->lock;
	return (pci_attach(m->pci, &p->dev.pci, e));
}

static const struct vmm_emul pvpanic = {
	.name = "pvpanic",
	.first = "action",
	.help = "action=stop|reset|run",
	.init = init,
};
ZHYVE_EMUL(pvpanic);
