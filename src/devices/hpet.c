/* SPDX-License-Identifier: BSD-2-Clause */
/* The HPET: see hpet.h. Refuses no write: what is not there stays as it is. Runs in zhyve. */
#include "devices/hpet.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

/* Registers (specification, 2.3.2), each of 64 bits. */
#define REG_CAP      0x000
#define REG_CONFIG   0x010
#define REG_STATUS   0x020
#define REG_COUNTER  0x0f0
#define REG_TIMERS   0x100
#define TIMER_STRIDE 0x20
#define TIMER_CONFIG 0x00
#define TIMER_CMP    0x08
#define TIMER_FSB    0x10

#define PERIOD_FS    59604645u /* 10^15 / 2^24 */
#define CONFIG_ON    1u

#define T_LEVEL      (1u << 1)
#define T_ENABLE     (1u << 2)
#define T_PERIODIC   (1u << 3)
#define T_PERIOD_CAP (1u << 4)
#define T_SET        (1u << 6)
#define T_32         (1u << 8)
#define T_ROUTE      (31u << 9)
#define T_FSB        (1u << 14)
#define T_FSB_CAP    (1u << 15)
#define T_WRITABLE   (T_LEVEL | T_ENABLE | T_PERIODIC | T_SET | T_32 | T_ROUTE | T_FSB)

#define NS_PER_S     1000000000ull
#define WRAP         (1ull << 32)

static uint64_t
scale(uint64_t v, uint64_t mul, uint64_t div)
{
	return ((uint64_t)((unsigned __int128)v * mul / div));
}

/* The never wrapping counter. */
static uint64_t
count(const struct hpet *h)
{
	uint64_t now = h->clock.now_ns(h->clock.ctx);

	if (!h->enabled || now < h->base_ns)
		return (h->base);
	return (h->base + scale(now - h->base_ns, HPET_HZ, NS_PER_S));
}

/* Lines are up while the status of an enabled, level-triggered timer is. */
static void
update_lines(struct hpet *h)
{
	uint32_t up = 0, changed;

	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		uint32_t c = h->t[n].config;

		if ((h->status >> n & 1) != 0 &&
		    (c & (T_LEVEL | T_ENABLE | T_FSB)) == (T_LEVEL | T_ENABLE))
			up |= 1u << ((c & T_ROUTE) >> 9);
	}
	up &= HPET_ROUTES;
	changed = up ^ h->lines;
	h->lines = up;
	for (unsigned gsi = 0; gsi < 32; gsi++) {
		if ((changed >> gsi & 1) != 0)
			h->ops.line(h->ops.ctx, gsi, (up >> gsi & 1) != 0);
	}
}

static void
interrupt(struct hpet *h, unsigned n)
{
	const struct hpet_timer *t = &h->t[n];
	unsigned gsi = (t->config & T_ROUTE) >> 9;

	if ((t->config & T_ENABLE) == 0)
		return;
	if ((t->config & T_FSB) != 0) {
		h->ops.msi(h->ops.ctx, t->fsb >> 32, (uint32_t)t->fsb);
	} else if ((t->config & T_LEVEL) != 0) {
		h->status |= 1u << n;
		update_lines(h);
	} else if ((HPET_ROUTES >> gsi & 1) != 0 && (h->lines >> gsi & 1) == 0) {
		h->ops.line(h->ops.ctx, gsi, true);
		h->ops.line(h->ops.ctx, gsi, false);
	}
}

/* Wake up for the nearest comparator whose interrupt is wanted. */
static void
arm(struct hpet *h)
{
	uint64_t nearest = UINT64_MAX;

	for (unsigned n = 0; h->enabled && n < HPET_TIMERS; n++) {
		if ((h->t[n].config & T_ENABLE) != 0)
			nearest = MIN(nearest, h->t[n].target);
	}
	if (nearest == UINT64_MAX)
		dev_timer_arm(h->timer, 0);
	else if (nearest <= h->base)
		dev_timer_arm(h->timer, MAX(h->base_ns, 1ull));
	else /* rounded up, so that the counter is there when it fires */
		dev_timer_arm(
		    h->timer, h->base_ns + scale(nearest - h->base, NS_PER_S, HPET_HZ) + 1);
}

/* The next instant at which the counter's 32 bits are the comparator's, from `now` on. */
static void
aim(struct hpet_timer *t, uint64_t now)
{
	t->target = now + (uint32_t)(t->cmp - (uint32_t)now);
}

/* Its time has come: where it goes next. */
static void
advance(struct hpet_timer *t, uint64_t now)
{
	uint64_t step = WRAP;
	bool periodic = (t->config & T_PERIODIC) != 0 && t->period != 0;

	if (periodic) /* short ones several at a time */
		step = t->period * (uint64_t)MAX(HPET_PERIOD_MIN / t->period, 1u);
	t->target += ((now - t->target) / step + 1) * step;
	if (periodic)
		t->cmp = (uint32_t)t->target;
}

static void
fire(void *dev)
{
	struct hpet *h = dev;
	uint64_t now = count(h);

	for (unsigned n = 0; h->enabled && n < HPET_TIMERS; n++) {
		struct hpet_timer *t = &h->t[n];

		if ((t->config & T_ENABLE) == 0 || t->target > now)
			continue;
		advance(t, now);
		interrupt(h, n);
	}
	arm(h);
}

/* All comparators anew: the counter was moved, or starts. */
static void
aim_all(struct hpet *h)
{
	uint64_t now = count(h);

	for (unsigned n = 0; n < HPET_TIMERS; n++)
		aim(&h->t[n], now);
	arm(h);
}

static void
write_config(struct hpet *h, uint32_t v)
{
	bool on = (v & CONFIG_ON) != 0;

	if (on == h->enabled)
		return;
	h->base = count(h);
	h->base_ns = h->clock.now_ns(h->clock.ctx);
	h->enabled = on;
	aim_all(h);
}

static void
write_timer_config(struct hpet *h, struct hpet_timer *t, uint32_t v)
{
	uint32_t route = (v & T_ROUTE) >> 9;

	v &= T_WRITABLE;
	if ((HPET_ROUTES >> route & 1) == 0) /* not possible: as it was */
		v = (v & ~T_ROUTE) | (t->config & T_ROUTE);
	if (((v ^ t->config) & T_ENABLE) != 0)
		aim(t, count(h));
	t->config = v;
	update_lines(h);
	arm(h);
}

/*
 * Of a periodic timer the first value after T_SET is the comparator's and the period's, the next
 * the period's alone (2.3.9.2.2).
 */
static void
write_cmp(struct hpet *h, struct hpet_timer *t, uint32_t v)
{
	if ((t->config & T_PERIODIC) == 0 || (t->config & T_SET) != 0) {
		t->cmp = v;
		aim(t, count(h));
	}
	if ((t->config & T_PERIODIC) != 0)
		t->period = v;
	t->config &= ~T_SET;
	arm(h);
}

static uint64_t
reg_read(const struct hpet *h, unsigned reg)
{
	const struct hpet_timer *t;
	unsigned n = (reg - REG_TIMERS) / TIMER_STRIDE;

	switch (reg) {
	case REG_CAP:
		return ((uint64_t)PERIOD_FS << 32 | HPET_ID);
	case REG_CONFIG:
		return (h->enabled ? CONFIG_ON : 0);
	case REG_STATUS:
		return (h->status);
	case REG_COUNTER:
		return ((uint32_t)count(h));
	}
	if (reg < REG_TIMERS || n >= HPET_TIMERS)
		return (0);
	t = &h->t[n];
	switch ((reg - REG_TIMERS) % TIMER_STRIDE) {
	case TIMER_CONFIG:
		return (
		    (uint64_t)HPET_ROUTES << 32 | (t->config & ~T_SET) | T_PERIOD_CAP | T_FSB_CAP);
	case TIMER_CMP:
		return (t->cmp);
	case TIMER_FSB:
		return (t->fsb);
	default:
		return (0);
	}
}

static void
reg_write(struct hpet *h, unsigned reg, uint64_t v)
{
	unsigned n = (reg - REG_TIMERS) / TIMER_STRIDE;

	switch (reg) {
	case REG_CONFIG:
		write_config(h, (uint32_t)v);
		return;
	case REG_STATUS:
		h->status &= ~(uint32_t)v;
		update_lines(h);
		return;
	case REG_COUNTER: /* while it stands only */
		if (!h->enabled)
			h->base = (uint32_t)v;
		return;
	}
	if (reg < REG_TIMERS || n >= HPET_TIMERS)
		return;
	switch ((reg - REG_TIMERS) % TIMER_STRIDE) {
	case TIMER_CONFIG:
		write_timer_config(h, &h->t[n], (uint32_t)v);
		break;
	case TIMER_CMP:
		write_cmp(h, &h->t[n], (uint32_t)v);
		break;
	case TIMER_FSB:
		h->t[n].fsb = v;
		break;
	default:
		break;
	}
}

/* Accesses have 4 or 8 bytes at their multiples (2.3.1); others are not answered. */
static bool
well_formed(uint64_t off, unsigned size)
{
	return ((size == 4 || size == 8) && off % size == 0);
}

static uint64_t
hpet_read(void *dev, uint64_t off, unsigned size)
{
	if (!well_formed(off, size))
		return (0);
	return (reg_read(dev, (unsigned)off & ~7u) >> 8 * (off & 4));
}

static void
hpet_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct hpet *h = dev;
	unsigned reg = (unsigned)off & ~7u;

	if (!well_formed(off, size))
		return;
	if (size == 8) {
		reg_write(h, reg, val);
		return;
	}
	/* Only the FSB route has something in its upper half that can be written. */
	if ((reg - REG_TIMERS) % TIMER_STRIDE == TIMER_FSB && reg >= REG_TIMERS) {
		uint64_t old = reg_read(h, reg);

		val = (off & 4) != 0 ? (old & UINT32_MAX) | val << 32
				     : (old & ~(uint64_t)UINT32_MAX) | val;
		reg_write(h, reg, val);
	} else if ((off & 4) == 0) {
		reg_write(h, reg, val);
	}
}

const struct bus_ops hpet_ops = { .read = hpet_read, .write = hpet_write };

void
hpet_reset(struct hpet *h)
{
	h->enabled = false;
	h->base = h->base_ns = 0;
	h->status = 0;
	memset(h->t, 0, sizeof(h->t));
	update_lines(h);
	dev_timer_arm(h->timer, 0);
}

void
hpet_init(
    struct hpet *h, const struct hpet_ops *ops, const struct clock *clock, struct dev_timer *timer)
{
	*h = (struct hpet){ .ops = *ops, .clock = *clock, .timer = timer };
	timer->fire = fire;
	timer->dev = h;
}

/* --- state --- */

#define TIMER_STATE(F, T)              \
	F(T, config, SAVED, STATE_ANY) \
	F(T, cmp, SAVED, STATE_ANY)    \
	F(T, period, SAVED, STATE_ANY) \
	F(T, fsb, SAVED, STATE_ANY)    \
	F(T, target, SAVED, STATE_ANY)
STATE_TYPE(timer_type, struct hpet_timer, TIMER_STATE, "hpet-timer", 1);

#define HPET_STATE(F, T)                             \
	F(T, ops, OWNS, 0)                           \
	F(T, clock, OWNS, 0)                         \
	F(T, timer, OWN, 0)                          \
	F(T, enabled, SAVED, 1)                      \
	F(T, base, SAVED, STATE_ANY)                 \
	F(T, base_ns, OWN, 0)                        \
	F(T, status, SAVED, (1u << HPET_TIMERS) - 1) \
	F(T, lines, OWN, 0)                          \
	F(T, t, PARTS, timer_type)
STATE_TYPE(hpet_type, struct hpet, HPET_STATE, "hpet", 1);

/* Comparators are behind the counter while they wait for the timer, and at most twice around before. */
static bool
timers_ok(const struct hpet *h)
{
	for (unsigned n = 0; n < HPET_TIMERS; n++)
		if ((h->t[n].config & ~T_WRITABLE) != 0 ||
		    (h->t[n].target > h->base && h->t[n].target - h->base > 2 * WRAP))
			return (false);
	return (h->base < UINT64_MAX / 2);
}

int
hpet_state(struct hpet *h, struct state *st)
{
	struct hpet image = *h;

	image.base = count(h);
	if (state_struct(st, &hpet_type, &image) < 0 || !st->loading)
		return (st->rc);
	if (!timers_ok(&image))
		return (state_refuse(st, EINVAL, "a timer that cannot be"));
	*h = image;
	h->base_ns = h->clock.now_ns(h->clock.ctx);
	update_lines(h);
	arm(h);
	return (0);
}
