/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Save a device, throw it away, load what was saved into another of the same configuration: the guest
 * must not notice. All oracles go on as if nothing had happened; and what the second device saves is
 * what the first did (oracle "state"). Now and then it is only saved, and goes on itself: that must
 * change nothing either. Runs in the simulator only.
 */
#include "devices/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "sim.h"

#define ROOM  (1u << 20)
#define SHOWN 4096 /* registers looked at, at most */

struct saved {
	uint8_t bytes[ROOM];
	size_t len;
};

/* 0, -EBUSY. */
static int
save(struct sim *s, const struct sim_saved *how, struct saved *to)
{
	struct err e = { 0 };
	struct state st;
	int rc;

	sim_enter(s);
	state_save(&st, s->actor->name, to->bytes, sizeof(to->bytes), &e);
	(void)how->state(s, &st);
	rc = state_end(&st, &to->len);
	sim_leave(s);
	if (rc != 0 && rc != -EBUSY)
		sim_fail(s, "state", "%s", e.text);
	return (rc);
}

static void
load(struct sim *s, const struct sim_saved *how, const struct saved *from)
{
	struct err e = { 0 };
	struct state st;
	size_t len;

	sim_enter(s);
	(void)state_load(&st, s->actor->name, from->bytes, from->len, &e);
	(void)how->state(s, &st);
	if (state_end(&st, &len) != 0)
		sim_fail(s, "state", "%s", e.text);
	sim_leave(s);
}

/* What the guest can see of the device without doing anything to it. */
static void
look(struct sim *s, const struct sim_look *l, uint32_t *seen)
{
	unsigned n = 0;

	for (unsigned off = 0; off < PCI_CFG_SIZE; off += 4)
		seen[n++] =
		    le32_get(&s->dev->cfg[off]); /* a read of virtio's window does something */
	sim_enter(s);
	s->in_bar = true;
	for (; l->len != 0; l++) {
		assert(n + l->len / 4 <= SHOWN);
		for (uint32_t off = 0; off < l->len; off += 4)
			seen[n++] = (uint32_t)pci_bar_ops[l->bar].read(s->dev, l->off + off, 4);
	}
	s->in_bar = false;
	sim_leave(s);
}

static void
compare(struct sim *s, const struct sim_look *l, const uint32_t *was)
{
	static uint32_t is[SHOWN];

	look(s, l, is);
	for (unsigned off = 0; off < PCI_CFG_SIZE; off += 4, was++)
		if (*was != is[off / 4])
			sim_fail(s, "state", "configuration %#x was %#x and is %#x", off, *was,
			    is[off / 4]);
	for (const uint32_t *now = is + PCI_CFG_SIZE / 4; l->len != 0; l++)
		for (uint32_t off = 0; off < l->len; off += 4, was++, now++)
			if (*was != *now)
				sim_fail(s, "state", "BAR %u, %#x was %#x and is %#x", l->bar,
				    l->off + off, *was, *now);
}

void
sim_save_and_load(struct sim *s, struct prng *r, const struct sim_saved *how)
{
	static struct saved first, second;
	static uint32_t seen[SHOWN];

	/* As early as may be: what waits in the queues waits there across. */
	while (save(s, how, &first) == -EBUSY)
		if (how->end_one == NULL || !how->end_one(s, r))
			sim_fail(
			    s, "state", "the device is busy though the backend has nothing to do");
	look(s, how->look, seen);
	if (prng_one_in(r, 4)) {
		sim_say(s, "it is let go on");
		return;
	}
	sim_say(s, "%zu bytes", first.len);
	how->remake(s);
	load(s, how, &first);
	compare(s, how->look, seen);
	if (save(s, how, &second) != 0 || second.len != first.len ||
	    memcmp(second.bytes, first.bytes, first.len) != 0)
		sim_fail(s, "state", "what was loaded is not what was saved");
	sim_enter(s);
	how->resume(s);
	sim_leave(s);
}
