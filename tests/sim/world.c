/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine around the device: RAM with its shadow, the PCI bus, interrupts, virtual time, and
 * the checks at the end of each call into the device. See sim.h. Runs in the simulator only.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "devices/pci_regs.h"
#include "sim.h"

#define MEM32_BASE 0xC0000000ull
#define MEM64_BASE 0x100000000ull
#define MEM64_END  0x200000000ull

static int
map_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct sim *s = ctx;

	if (s->mapped[bar])
		sim_fail(s, "map", "BAR %u is mapped twice", bar);
	s->mapped[bar] = true;
	s->mapped_at[bar] = addr;
	return (0);
}

static void
unmap_bar(void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len)
{
	struct sim *s = ctx;

	if (!s->mapped[bar] || s->mapped_at[bar] != addr)
		sim_fail(s, "map", "BAR %u is unmapped from where it is not", bar);
	s->mapped[bar] = false;
}

static void
msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct sim *s = ctx;

	if (s->nmsi == SIM_MSI_MAX)
		sim_fail(s, "bounded", "more than %u messages in one call", SIM_MSI_MAX);
	s->msi[s->nmsi].addr = addr;
	s->msi[s->nmsi++].data = data;
	s->count[SIM_INTERRUPTS]++;
}

static void
intx(void *ctx, unsigned gsi, bool level)
{
	struct sim *s = ctx;

	if (level && !s->line) {
		s->line_rises++;
		s->count[SIM_INTERRUPTS]++;
	}
	s->line = level;
}

static uint64_t
now_ns(void *ctx)
{
	return (((struct sim *)ctx)->now_ns);
}

static int64_t
wall_s(void *ctx)
{
	return (1700000000 + (int64_t)(((struct sim *)ctx)->now_ns / 1000000000));
}

/* RAM between two guards, made once for the process: a device that runs off its end faults. */
static uint8_t *
arena(void)
{
	static uint8_t *ram;
	uint8_t *p;

	if (ram != NULL)
		return (ram);
	p = mmap(NULL, SIM_RAM + 2 * SIM_GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(p != MAP_FAILED);
	ram = p + SIM_GUARD;
	if (mprotect(ram, SIM_RAM, PROT_READ | PROT_WRITE) != 0)
		abort();
	return (ram);
}

void
world_init(struct sim *s, struct prng *r)
{
	static uint8_t shadow[SIM_RAM];

	s->ram = arena();
	s->shadow = shadow;
	prng_fill(r, s->ram, SIM_RAM); /* no byte has a value that a stray write may hit upon */
	memcpy(s->shadow, s->ram, SIM_RAM);
	gmem_wrap(&s->gm, s->ram, SIM_RAM);
	s->now_ns = 1;
	s->clock = (struct clock){ now_ns, wall_s, s };
}

void
world_fini(struct sim *s)
{
	pci_bus_destroy(s->pci);
}

/* --- the device's registers, watched: DMA must never come back to them --- */

static struct sim *watched;

static uint64_t
watch_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	if (!watched->in_bar)
		sim_fail(watched, "reentry", "the device reads its own BAR %u at %#llx", bar,
		    (unsigned long long)off);
	return (watched->real_ops->bar_read(d, bar, off, size));
}

static void
watch_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	if (!watched->in_bar)
		sim_fail(watched, "reentry", "the device writes its own BAR %u at %#llx", bar,
		    (unsigned long long)off);
	watched->real_ops->bar_write(d, bar, off, size, val);
}

static void
bus_up(struct sim *s)
{
	const struct pci_host_ops ops = { map_bar, unmap_bar, msi, intx, s };

	s->pci = pci_bus_create(&ops, MEM32_BASE, PCI_ECAM_BASE, MEM64_BASE, MEM64_END);
	assert(s->pci != NULL);
}

static void
attach(struct sim *s, struct pci_dev *d)
{
	struct err e = { 0 };
	int rc;

	bus_up(s);
	watched = s;
	s->dev = d;
	s->real_ops = d->ops;
	s->ops = *d->ops;
	if (s->ops.bar_read != NULL)
		s->ops.bar_read = watch_read;
	if (s->ops.bar_write != NULL)
		s->ops.bar_write = watch_write;
	d->ops = &s->ops;
	d->bdf = PCI_BDF(0, 3, 0);
	rc = pci_attach(s->pci, d, &e);
	assert(rc == 0);
	(void)rc;
}

void
sim_attach(struct sim *s, struct pci_dev *d)
{
	attach(s, d);
	pci_calm(s);
}

void
sim_replace(struct sim *s, struct pci_dev *d)
{
	pci_bus_destroy(s->pci);
	memset(s->mapped, 0, sizeof(s->mapped));
	s->line = false;
	attach(s, d);
}

/* --- time --- */

static void
timer_arm(void *ctx, uint64_t at_ns)
{
	((struct sim_timer *)ctx)->at_ns = at_ns;
}

void
sim_timer(struct sim *s, struct dev_timer *t)
{
	struct sim_timer *st = &s->timer[s->ntimers++];

	assert(s->ntimers <= SIM_TIMERS);
	*st = (struct sim_timer){ .sim = s, .t = t };
	t->arm = timer_arm;
	t->ctx = st;
}

void
sim_pass(struct sim *s, uint64_t ns)
{
	uint64_t end = s->now_ns + ns;
	struct sim_timer *next;

	for (unsigned n = 0;; n++) {
		next = NULL;
		for (unsigned i = 0; i < s->ntimers; i++) {
			struct sim_timer *t = &s->timer[i];

			if (t->at_ns != 0 && t->at_ns <= end &&
			    (next == NULL || t->at_ns < next->at_ns))
				next = t;
		}
		/* A device that keeps arming a timer in the past gets its turn, but not all of them. */
		if (next == NULL || n == 1000)
			break;
		s->now_ns = MAX(s->now_ns, next->at_ns);
		next->at_ns = 0;
		sim_enter(s);
		next->t->fire(next->t->dev);
		sim_leave(s);
	}
	s->now_ns = end;
}

/* --- guest memory --- */

void
sim_poke(struct sim *s, uint64_t gpa, const void *buf, size_t len)
{
	assert(range_ok(gpa, len, SIM_RAM));
	memcpy(s->ram + gpa, buf, len);
	memcpy(s->shadow + gpa, buf, len);
}

void
sim_poke16(struct sim *s, uint64_t gpa, uint16_t v)
{
	sim_poke(s, gpa, &v, sizeof(v));
}

void
sim_poke32(struct sim *s, uint64_t gpa, uint32_t v)
{
	sim_poke(s, gpa, &v, sizeof(v));
}

void
sim_poke64(struct sim *s, uint64_t gpa, uint64_t v)
{
	sim_poke(s, gpa, &v, sizeof(v));
}

const uint8_t *
sim_at(const struct sim *s, uint64_t gpa)
{
	assert(gpa < SIM_RAM);
	return (s->ram + gpa);
}

void
sim_expect(struct sim *s, uint64_t gpa, size_t len)
{
	assert(range_ok(gpa, len, SIM_RAM));
	memcpy(s->shadow + gpa, s->ram + gpa, len);
}

void
sim_range_add(struct sim *s, uint32_t gpa, uint32_t len, bool write, uint32_t tag)
{
	assert(s->nranges < SIM_RANGES_MAX);
	s->range[s->nranges++] = (struct sim_range){ gpa, len, write, tag };
}

void
sim_range_drop(struct sim *s, uint32_t tag)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->nranges; i++)
		if (s->range[i].tag != tag)
			s->range[n++] = s->range[i];
	s->nranges = n;
}

void
sim_range_freeze(struct sim *s, uint32_t tag)
{
	for (unsigned i = 0; i < s->nranges; i++)
		if (s->range[i].tag == tag)
			s->range[i].write = false;
}

void
sim_range_drop_all(struct sim *s)
{
	s->nranges = 0;
}

static bool
in_use(const struct sim *s, uint32_t gpa, uint32_t len)
{
	for (unsigned i = 0; i < s->nranges; i++)
		if (gpa < s->range[i].gpa + s->range[i].len && gpa + len > s->range[i].gpa)
			return (true);
	return (false);
}

uint32_t
sim_room(struct sim *s, struct prng *r, uint32_t from, uint32_t len, uint32_t align)
{
	uint32_t places;

	if (from + len >= SIM_RAM || s->nranges > SIM_RANGES_MAX - 64)
		return (0);
	places = (SIM_RAM - from - len) / align;
	for (unsigned n = 0; n < 16; n++) {
		uint32_t gpa = ROUND_UP(from, align) + prng_below(r, places) * align;

		if (gpa + len <= SIM_RAM && !in_use(s, gpa, len))
			return (gpa);
	}
	return (0);
}

uint64_t
sim_bad_gpa(struct sim *s, struct prng *r, uint32_t len)
{
	switch (prng_below(r, 6)) {
	case 0:
		return (SIM_RAM);
	case 1:
		return (len < 2 ? SIM_RAM : SIM_RAM - prng_range(r, 1, MIN(len, SIM_RAM) - 1));
	case 2:
		return (UINT64_MAX - prng_below(r, 0x2000));
	case 3:
		return ((uint64_t)SIM_RAM + prng_next(r) % (1ull << 40));
	case 4: /* it wraps into RAM when it is added to */
		return (UINT64_MAX - len / 2);
	default: /* the device's own registers */
		return (s->mapped_at[0] + prng_below(r, 0x100) * 16ull);
	}
}

bool
sim_owned(const struct sim *s, const void *hva, size_t len, bool write, uint32_t tag)
{
	uint64_t at = (uint64_t)((const uint8_t *)hva - s->ram);

	if (!range_ok(at, len, SIM_RAM))
		return (false);
	for (unsigned i = 0; i < s->nranges; i++) {
		const struct sim_range *g = &s->range[i];

		if (g->tag == tag && g->write == write && at >= g->gpa &&
		    range_ok(at - g->gpa, len, g->len))
			return (true);
	}
	return (false);
}

/* --- entries --- */

/* The first byte that differs from `at` on: is there somebody who let the device write it? */
static const struct sim_range *
allowed(const struct sim *s, uint32_t at)
{
	for (unsigned i = 0; i < s->nranges; i++) {
		const struct sim_range *g = &s->range[i];

		if (g->write && at >= g->gpa && at - g->gpa < g->len)
			return (g);
	}
	return (NULL);
}

static void
compare_page(struct sim *s, uint32_t at, uint32_t end)
{
	const struct sim_range *g;
	uint32_t stop;

	while (at < end) {
		if (s->ram[at] == s->shadow[at]) {
			at++;
			continue;
		}
		if ((g = allowed(s, at)) == NULL)
			sim_fail(s, "memory",
			    "guest memory changed at %#x (%02x, was %02x), where no request lets "
			    "the device write",
			    at, s->ram[at], s->shadow[at]);
		stop = MIN(g->gpa + g->len, end);
		memcpy(s->shadow + at, s->ram + at, stop - at);
		at = stop;
	}
}

static void
compare(struct sim *s)
{
	const uint32_t page = 4096;

	/* To compare is most of what the simulator does; bringing a device up is many entries. */
	if (s->idle && ++s->skipped % 8 != 0)
		return;
	for (uint32_t at = 0; at < SIM_RAM; at += page) {
		if (memcmp(s->ram + at, s->shadow + at, page) == 0)
			continue;
		if (s->wild)
			memcpy(s->shadow + at, s->ram + at, page);
		else
			compare_page(s, at, at + page);
	}
}

void
sim_enter(struct sim *s)
{
	assert(s->depth == 0);
	s->depth = 1;
	s->nmsi = 0;
	s->line_rises = 0;
}

void
sim_leave(struct sim *s)
{
	if (s->actor->before != NULL)
		s->actor->before(s);
	compare(s);
	s->depth = 0;
	if (s->actor->after != NULL)
		s->actor->after(s);
}

void
sim_bar_write(struct sim *s, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	if (!s->mapped[bar])
		return;
	sim_enter(s);
	s->in_bar = true;
	pci_bar_ops[bar].write(s->dev, off, size, val);
	s->in_bar = false;
	sim_leave(s);
}

uint64_t
sim_bar_read(struct sim *s, unsigned bar, uint64_t off, unsigned size)
{
	uint64_t val;

	if (!s->mapped[bar])
		return (UINT64_MAX >> (64 - 8 * size));
	sim_enter(s);
	s->in_bar = true;
	val = pci_bar_ops[bar].read(s->dev, off, size);
	s->in_bar = false;
	sim_leave(s);
	return (val);
}

void
sim_cfg_write(struct sim *s, unsigned off, unsigned size, uint32_t val)
{
	sim_enter(s);
	pci_cfg_write(s->pci, s->dev->bdf, off, size, val);
	sim_leave(s);
}

uint32_t
sim_cfg_read(struct sim *s, unsigned off, unsigned size)
{
	uint32_t val;

	sim_enter(s);
	val = pci_cfg_read(s->pci, s->dev->bdf, off, size);
	sim_leave(s);
	return (val);
}
