/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver may do to any PCI function: move BARs, size them, switch decoding off, and touch
 * registers that are not its own. What must hold: a bit that is not writable does not change, a BAR
 * is decoded where its register says, in a window, or not at all (sim.h's map oracle), and nothing
 * else happens (sim_leave).
 */
#include "base/checked.h"
#include "devices/pci_regs.h"
#include "sim.h"

/* Write any register; what may not be written must be as before. */
static void
any_register(struct sim *s, struct prng *r)
{
	unsigned size = 1u << prng_below(r, 3), off = prng_below(r, PCI_CFG_SIZE) & ~(size - 1);
	uint32_t val = (uint32_t)prng_next(r), before, after, fixed = 0;

	/* Command and capabilities have operations of their own, which know what they do. */
	if ((off & ~3u) == PCIR_COMMAND)
		return;
	for (unsigned i = 0; i < size && off >= 0x40; i++)
		if (s->dev->wmask[off + i] != 0)
			return;
	before = sim_cfg_read(s, off, size);
	sim_say(s, "configuration %#x/%u := %#x", off, size, val);
	sim_cfg_write(s, off, size, val);
	after = sim_cfg_read(s, off, size);
	for (unsigned i = 0; i < size; i++)
		fixed |= (uint32_t)(uint8_t)~s->dev->wmask[off + i] << (8 * i);
	if (((before ^ after) & fixed) != 0)
		sim_fail(s, "frozen",
		    "read-only bits of configuration register %#x changed: %#x, %#x", off, before,
		    after);
}

static void
move_bar(struct sim *s, struct prng *r, unsigned bar)
{
	const struct pci_bar *b = &s->dev->bar[bar];
	uint64_t at;

	switch (prng_below(r, 5)) {
	case 0: /* how large is it? */
		at = UINT64_MAX;
		break;
	case 1: /* over RAM, where the machine does not decode it */
		at = prng_below(r, SIM_RAM);
		break;
	case 2:
		at = 0xC0000000ull + prng_below(r, 0x1000000);
		break;
	default:
		at = 0x100000000ull + (uint64_t)prng_below(r, 0x1000) * b->size;
	}
	if (b->type == PCI_BAR_IO)
		at = 0x2000 + prng_below(r, 0xe000);
	sim_say(s, "BAR %u to %#llx", bar, (unsigned long long)at);
	sim_cfg_write(s, PCIR_BAR(bar), 4, (uint32_t)at);
	if (b->type == PCI_BAR_MEM64)
		sim_cfg_write(s, PCIR_BAR(bar + 1), 4, (uint32_t)(at >> 32));
	if (s->mapped[bar] && (s->mapped_at[bar] & (b->size - 1)) != 0)
		sim_fail(s, "map",
		    "BAR %u is decoded at %#llx, which is not a multiple of its size", bar,
		    (unsigned long long)s->mapped_at[bar]);
	if (s->mapped[bar] && s->mapped_at[bar] < SIM_RAM && b->type != PCI_BAR_IO)
		sim_fail(s, "map", "BAR %u is decoded over RAM", bar);
}

void
pci_disturb(struct sim *s, struct prng *r)
{
	unsigned bar = prng_below(r, PCI_BARS);
	uint32_t cmd;

	switch (prng_below(r, 6)) {
	case 0:
	case 1:
		any_register(s, r);
		break;
	case 2:
		cmd = prng_below(r, 8) | (prng_one_in(r, 4) ? PCI_COMMAND_NOINTX : 0);
		sim_say(s, "command %#x", cmd);
		sim_cfg_write(s, PCIR_COMMAND, 2, cmd);
		break;
	case 3:
		sim_say(s, "command on");
		sim_cfg_write(s, PCIR_COMMAND, 2, 7);
		break;
	default:
		if (s->dev->bar[bar].type != PCI_BAR_NONE)
			move_bar(s, r, bar);
	}
}

/* Each BAR at a place of its own, where it is decoded. */
void
pci_calm(struct sim *s)
{
	uint64_t io = 0x2000, mem = 0xD0000000ull;

	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &s->dev->bar[i];
		uint64_t *at = b->type == PCI_BAR_IO ? &io : &mem;

		if (b->type == PCI_BAR_NONE || s->mapped[i])
			continue;
		*at = ROUND_UP(*at, b->size);
		sim_cfg_write(s, PCIR_BAR(i), 4, (uint32_t)*at);
		if (b->type == PCI_BAR_MEM64)
			sim_cfg_write(s, PCIR_BAR(i + 1), 4, 0);
		*at += b->size;
	}
	/* Not without need: a device looks at its queues when it is written. */
	if (s->dev->cfg[PCIR_COMMAND] != 7)
		sim_cfg_write(s, PCIR_COMMAND, 2, 7);
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (s->dev->bar[i].type != PCI_BAR_NONE && !s->mapped[i])
			sim_fail(s, "map", "BAR %u is not decoded where it may be", i);
}
