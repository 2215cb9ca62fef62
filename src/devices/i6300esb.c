/* SPDX-License-Identifier: BSD-2-Clause */
/* The watchdog timer: see i6300esb.h. Section numbers are the data sheet's. Pure; runs in zhyve. */
#include "devices/i6300esb.h"

#include "base/checked.h"

#define VENDOR   0x8086
#define DEVICE   0x25ab
#define CLASS    0x088000 /* base system peripheral, other */
#define BAR_SIZE 16

/* Configuration space: 16.4 */
#define CFG_CONFIG  0x60 /* 16 bits */
#define CFG_LOCK    0x68 /* 8 bits */
#define INT_TYPE    0x03 /* of CONFIG: 0 interrupt, 2 SMI, 3 none */
#define PRESCALE    0x04 /* set: 1 MHz, clear: 1 kHz */
#define OUTPUT_OFF  0x20
#define CONFIG_BITS (INT_TYPE | PRESCALE | OUTPUT_OFF)
#define LOCK_LOCK   0x01
#define LOCK_ENABLE 0x02
#define LOCK_FREE   0x04 /* free-running: the second stage starts the first again */

/* Memory space: 16.5 */
#define REG_PRELOAD1   0x00
#define REG_PRELOAD2   0x04
#define REG_INT_STATUS 0x08
#define REG_RELOAD     0x0C
#define PRELOAD_BITS   0xfffffu
#define INT_ACTIVE     0x01
#define UNLOCK_1       0x80
#define UNLOCK_2       0x86
#define RELOAD         0x100
#define TIMEOUT        0x200

#define PCI_CLOCK_HZ   33000000ull
#define NS_PER_S       1000000000ull
#define STAGE_MIN_NS   1000000ull /* a guest cannot have the owner spin */

static uint16_t
config(const struct i6300esb *w)
{
	return (le16_get(&w->pci.cfg[CFG_CONFIG]));
}

/* The timer counts PCI clocks divided by 2^15 or 2^5, from its preload value down to 0. */
static uint64_t
stage_ns(const struct i6300esb *w)
{
	unsigned shift = (config(w) & PRESCALE) != 0 ? 5 : 15;
	uint64_t clocks = ((uint64_t)w->preload[w->stage - 1] + 1) << shift;

	return (MAX(clocks * NS_PER_S / PCI_CLOCK_HZ, STAGE_MIN_NS));
}

static void
begin_stage(struct i6300esb *w, unsigned stage)
{
	w->stage = stage;
	w->deadline = w->clock.now_ns(w->clock.ctx) + stage_ns(w);
	dev_timer_arm(w->timer, w->deadline);
}

static void
halt(struct i6300esb *w)
{
	w->running = false;
	dev_timer_arm(w->timer, 0);
}

static void
end_of_stage_1(struct i6300esb *w)
{
	if ((config(w) & INT_TYPE) == 0) {
		w->interrupt = true;
		pci_intx_set(&w->pci, true);
	}
	begin_stage(w, 2);
}

static void
end_of_stage_2(struct i6300esb *w)
{
	w->timed_out = true;
	if ((w->pci.cfg[CFG_LOCK] & LOCK_FREE) != 0)
		begin_stage(w, 1);
	else
		halt(w);
	if ((config(w) & OUTPUT_OFF) == 0)
		w->expired(w->ctx);
}

static void
fired(void *dev)
{
	struct i6300esb *w = dev;

	if (!w->running)
		return;
	/* The guest may have reloaded while this was on its way. */
	if (w->clock.now_ns(w->clock.ctx) < w->deadline)
		dev_timer_arm(w->timer, w->deadline);
	else if (w->stage == 1)
		end_of_stage_1(w);
	else
		end_of_stage_2(w);
}

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	const struct i6300esb *w = d->softc;
	uint64_t v = 0;

	(void)bar;
	(void)size;
	switch (off) {
	case REG_PRELOAD1:
		v = w->preload[0];
		break;
	case REG_PRELOAD2:
		v = w->preload[1];
		break;
	case REG_INT_STATUS:
		v = w->interrupt ? INT_ACTIVE : 0;
		break;
	case REG_RELOAD:
		v = w->timed_out ? TIMEOUT : 0;
		break;
	}
	return (v);
}

/* 16.5.4: the two values of the sequence are no commands themselves. */
static void
write_reload(struct i6300esb *w, uint64_t val)
{
	bool open = w->unlock == 2;

	if (val == UNLOCK_1) {
		w->unlock = 1;
		return;
	}
	if (val == UNLOCK_2 && w->unlock == 1) {
		w->unlock = 2;
		return;
	}
	w->unlock = 0;
	if (!open)
		return;
	if ((val & TIMEOUT) != 0)
		w->timed_out = false;
	if ((val & RELOAD) != 0 && w->running)
		begin_stage(w, 1);
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct i6300esb *w = d->softc;
	bool open = w->unlock == 2;

	(void)bar;
	(void)size;
	switch (off) {
	case REG_PRELOAD1:
	case REG_PRELOAD2:
		w->unlock = 0;
		if (open)
			w->preload[off / 4] = (uint32_t)(val & PRELOAD_BITS);
		break;
	case REG_INT_STATUS:
		if ((val & INT_ACTIVE) != 0) {
			w->interrupt = false;
			pci_intx_set(&w->pci, false);
		}
		break;
	case REG_RELOAD:
		write_reload(w, val);
		break;
	}
}

/* 16.4.2: once locked, nothing of the register changes before the next reset. */
static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	struct i6300esb *w = d->softc;
	uint8_t lock = d->cfg[CFG_LOCK];
	bool on = (lock & LOCK_ENABLE) != 0;

	if (off + size <= CFG_LOCK || off > CFG_LOCK)
		return;
	if ((lock & LOCK_LOCK) != 0)
		d->wmask[CFG_LOCK] = 0;
	if (on && !w->running) {
		w->running = true;
		begin_stage(w, 1);
	} else if (!on && w->running)
		halt(w);
}

static void
reset(struct pci_dev *d)
{
	struct i6300esb *w = d->softc;

	w->preload[0] = w->preload[1] = PRELOAD_BITS;
	w->unlock = 0;
	w->interrupt = w->timed_out = false;
	d->wmask[CFG_LOCK] = LOCK_LOCK | LOCK_ENABLE | LOCK_FREE;
	halt(w);
}

void
i6300esb_init(struct i6300esb *w, const struct clock *clock, struct dev_timer *timer,
    void (*expired)(void *ctx), void *ctx)
{
	static const struct pci_dev_ops ops = {
		.bar_read = bar_read,
		.bar_write = bar_write,
		.cfg_written = cfg_written,
		.reset = reset,
	};

	*w = (struct i6300esb){
		.clock = *clock, .timer = timer, .expired = expired, .ctx = ctx, .stage = 1
	};
	pci_dev_init(&w->pci, "i6300esb", &ops, w, VENDOR, DEVICE, CLASS, 1);
	(void)pci_add_bar(&w->pci, 0, PCI_BAR_MEM32, BAR_SIZE);
	le16_put(&w->pci.wmask[CFG_CONFIG], CONFIG_BITS);
	timer->fire = fired;
	timer->dev = w;
	reset(&w->pci);
}
