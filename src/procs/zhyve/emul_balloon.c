/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-balloon: the guest's memory can be made less, and goes back to the host while it is free.
 * Runs in zhyve.
 *
 * Options: target=SIZE (what the guest is to make do with from the start; all of it when absent),
 * reporting=false (only what is asked for goes back). zoneadmd sets the target by WIRE_BALLOON.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/discard.h"
#include "base/checked.h"
#include "base/parse.h"
#include "devices/virtio/balloon.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/virtio_glue.h"

struct balloon_emul {
	struct machine_balloon mb;
	struct virtio_balloon balloon;
	struct virtio_glue glue;
};

static void
stat_text(const struct virtio_balloon *b, unsigned tag, const char *name, char *text, size_t len)
{
	if ((b->stats_valid >> tag & 1) != 0)
		(void)snprintf(
		    text, len, ", %s %llu MiB", name, (unsigned long long)(b->stats[tag] / MIB));
	else
		text[0] = '\0';
}

static uint64_t
ask(void *ctx, uint64_t target, char *text, size_t len)
{
	struct balloon_emul *b = ctx;
	char total[48], avail[48];
	uint64_t now;

	lock_take(&b->glue.lock);
	if (target != 0)
		virtio_balloon_set_target(&b->balloon, target);
	now = virtio_balloon_memory(&b->balloon);
	stat_text(&b->balloon, VIRTIO_BALLOON_STAT_TOTAL, "total", total, sizeof(total));
	stat_text(&b->balloon, VIRTIO_BALLOON_STAT_AVAILABLE, "available", avail, sizeof(avail));
	virtio_balloon_ask_stats(&b->balloon);
	lock_drop(&b->glue.lock);
	(void)snprintf(text, len, "%llu MiB%s%s", (unsigned long long)(now / MIB), total, avail);
	return (now);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *text = config_get(cfg, "target");
	struct balloon_emul *b = calloc(1, sizeof(*b));
	bool wired, reporting;
	uint64_t target;
	int rc;

	if (b == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = config_bool(m->config, "memory.wired", false, &wired, e)) != 0 ||
	    (rc = config_bool(cfg, "reporting", true, &reporting, e)) != 0)
		return (rc);
	if (wired || config_text(m->config, "memory.hugepages", "")[0] != '\0')
		return (err_say(e, EINVAL,
		    "memory that is wired (-S) or in huge pages (memory.hugepages) cannot be given "
		    "back: leave one out"));
	if (m->balloon != NULL)
		return (err_say(e, EEXIST, "there is a balloon already"));
	if ((rc = virtio_balloon_init(&b->balloon, &m->gm, backend_discard, &m->gm)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	if (!reporting)
		b->balloon.vd.offered &= ~VIRTIO_BALLOON_F_REPORTING;
	if (text != NULL) {
		if (parse_size(text, MIB, &target) != 0 || target == 0 || target > m->gm.size)
			return (err_say(e, EINVAL,
			    "target: '%s' is not a size of at most the machine's memory", text));
		virtio_balloon_set_target(&b->balloon, target);
	}
	virtio_glue_init(&b->glue, m);
	if ((rc = virtio_glue_attach(&b->glue, &b->balloon.vd, bdf, e)) != 0)
		return (rc);
	b->mb = (struct machine_balloon){ .ask = ask, .ctx = b };
	m->balloon = &b->mb;
	return (0);
}

static const struct vmm_emul virtio_balloon = {
	.name = "virtio-balloon",
	.help = "[target=SIZE][,reporting=false]",
	.init = init,
};
ZHYVE_EMUL(virtio_balloon);
