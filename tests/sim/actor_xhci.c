/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xHCI with a tablet and a keyboard in the simulator. Oracles of its own: the device writes its
 * event ring, the contexts that it was given and the buffers of transfers that the ring has, and
 * nothing else; each command is answered by one event, in order; an event names slots and endpoints
 * that there are; the line is what the registers say.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "devices/usb_hid.h"
#include "devices/xhci_internal.h"
#include "sim.h"

#define DCBAA    0x1000u
#define ERST     0x1400u
#define EVENTS   0x2000u
#define NEVENTS  64u
#define COMMANDS 0x3000u
#define NTRBS    64u     /* of command and transfer rings, the last a link */
#define DEVICE   0x4000u /* contexts, a kilobyte each */
#define INPUT    0x6000u
#define RINGS    0x7000u /* of transfers, a kilobyte each */
#define DATA     0xa000u
#define SLOTS    2u
#define TAG_HC   1u
#define TAG_DATA 2u

struct trb_ring {
	uint32_t base, at;
	uint32_t cycle;
};

struct actor {
	struct xhci x;
	struct usb_hid hid[2];
	struct xhci old; /* as they were when they were saved */
	struct usb_hid old_hid[2];
	struct input_sink sink[2];
	struct dev_timer timer;
	bool up, attached;
	struct trb_ring command, ring[SLOTS + 1][2]; /* of endpoint 0 and of reports */
	uint32_t event, event_cycle;                 /* next to be taken */
	uint64_t asked[NTRBS * 4];                   /* commands without an answer yet */
	unsigned nasked;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static void
reg(struct sim *s, unsigned off, uint32_t val)
{
	sim_bar_write(s, 0, off, 4, val);
}

/* --- rings --- */

static void
ring_up(struct sim *s, struct trb_ring *q, uint32_t base)
{
	static const uint8_t zeros[NTRBS * 16];
	uint8_t link[16] = { 0 };

	*q = (struct trb_ring){ .base = base, .cycle = 1 };
	sim_poke(s, base, zeros, sizeof(zeros));
	le64_put(link, base);
	le32_put(link + 12, TRB_TYPE_IS(TRB_LINK) | TRB_TOGGLE);
	sim_poke(s, base + (NTRBS - 1) * 16, link, sizeof(link));
}

/* The place that was used. */
static uint32_t
ring_put(struct sim *s, struct trb_ring *q, uint64_t param, uint32_t status, uint32_t control)
{
	uint32_t at = q->base + q->at * 16;
	uint8_t raw[16];

	le64_put(raw, param);
	le32_put(raw + 8, status);
	le32_put(raw + 12, control | q->cycle);
	sim_poke(s, at, raw, sizeof(raw));
	if (++q->at == NTRBS - 1) { /* the link goes over with it */
		sim_poke32(
		    s, q->base + q->at * 16 + 12, TRB_TYPE_IS(TRB_LINK) | TRB_TOGGLE | q->cycle);
		q->cycle ^= 1;
		q->at = 0;
	}
	return (at);
}

/* --- events --- */

static void
take_event(struct sim *s, struct actor *a, const uint8_t *e)
{
	uint32_t control = le32_get(e + 12), type = TRB_TYPE(control), slot = TRB_SLOT(control);

	s->count[SIM_REQUESTS]++;
	/* A command is answered with the number that it came with. */
	if (slot > XHCI_SLOTS && type != TRB_COMMAND_EVENT)
		sim_fail(s, "used", "an event of slot %u", slot);
	switch (type) {
	case TRB_COMMAND_EVENT:
		if (a->nasked == 0 || a->asked[0] != le64_get(e))
			sim_fail(s, "used", "an answer to a command at %#llx, which is not due",
			    (unsigned long long)le64_get(e));
		memmove(&a->asked[0], &a->asked[1], --a->nasked * sizeof(a->asked[0]));
		break;
	case TRB_TRANSFER_EVENT:
		if (slot == 0 || TRB_EP(control) == 0)
			sim_fail(
			    s, "used", "a transfer of slot %u, endpoint %u", slot, TRB_EP(control));
		break;
	case TRB_PORT_EVENT:
		if (le32_get(e) >> 24 == 0 || le32_get(e) >> 24 > XHCI_PORTS)
			sim_fail(s, "used", "an event of port %u", le32_get(e) >> 24);
		break;
	default:
		sim_fail(s, "used", "an event of type %u", type);
	}
}

static void
before(struct sim *s)
{
	struct actor *a = actor_of(s);
	unsigned n = 0;

	while (a->up && !s->wild) {
		uint32_t at = EVENTS + a->event * 16;

		if ((sim_at(s, at)[12] & 1) != a->event_cycle)
			break;
		if (++n >= NEVENTS)
			sim_fail(s, "used", "the event ring is overrun");
		take_event(s, a, sim_at(s, at));
		sim_expect(s, at, 16);
		if (++a->event == NEVENTS) {
			a->event = 0;
			a->event_cycle ^= 1;
		}
	}
}

/* What no guest can bring about, if nothing ran over anything. */
static void
check_slot(struct sim *s, struct actor *a, unsigned i)
{
	const struct xhci_slot *slot = &a->x.slot[i];

	if (slot->data_len > USB_CONTROL_MAX ||
	    (slot->control && (int)slot->data_off > MAX(slot->data_len, 0)))
		sim_fail(s, "bounded", "slot %u: %u of %d bytes, and there is room for %u", i,
		    slot->data_off, slot->data_len, USB_CONTROL_MAX);
	if (slot->state > SLOT_CONFIGURED ||
	    (slot->dev != NULL && slot->dev != &a->hid[0].usb && slot->dev != &a->hid[1].usb))
		sim_fail(s, "bounded", "slot %u is run over", i);
}

static void
after(struct sim *s)
{
	struct actor *a = actor_of(s);
	bool line;

	if (!a->attached)
		return;
	for (unsigned i = 1; i <= XHCI_SLOTS; i++)
		check_slot(s, a, i);
	line =
	    (a->x.iman & 3) == 3 && (a->x.usbcmd & USBCMD_INTE) != 0 && (s->dev->cfg[5] & 4) == 0;
	if (s->line && !line)
		sim_fail(s, "interrupt", "the line is high");
}

/* Tell the controller how far we are. */
static void
op_take(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (!a->up || s->wild)
		return;
	reg(s, 0x638, (EVENTS + a->event * 16) | 8);
	reg(s, 0x63c, 0);
	if (prng_one_in(r, 2))
		reg(s, 0x620, 3);
}

/* --- commands --- */

static void
command(struct sim *s, uint64_t param, uint32_t control)
{
	struct actor *a = actor_of(s);

	if (!a->up || s->wild || !s->mapped[0] || a->nasked >= NITEMS(a->asked) - 1 ||
	    a->nasked >= NTRBS - 2)
		return;
	a->asked[a->nasked++] = ring_put(s, &a->command, param, 0, control);
	reg(s, 0x800, 0);
}

/* An input context for a slot: its port, and its endpoints' rings. */
static void
put_input(struct sim *s, unsigned slot, uint32_t add)
{
	static const uint8_t zeros[1024];
	struct actor *a = actor_of(s);

	sim_poke(s, INPUT, zeros, sizeof(zeros));
	sim_poke32(s, INPUT + 4, add);
	sim_poke32(s, INPUT + 36, slot << 16);
	for (unsigned i = 0; i < 2; i++) {
		struct trb_ring *q = &a->ring[slot][i];
		unsigned dci = i == 0 ? DCI_CONTROL : DCI_REPORT;

		ring_up(s, q, RINGS + (slot - 1) * 0x800 + i * 0x400);
		sim_poke64(s, INPUT + 32 + dci * 32 + 8, q->base | 1);
	}
}

static void
bring_slot(struct sim *s, unsigned slot)
{
	static const uint32_t set_configuration[] = { 0x00010900, 0 };
	struct actor *a = actor_of(s);

	reg(s, 0x410 + slot * 0x10, 0x210); /* reset of the port */
	command(s, 0, TRB_TYPE_IS(TRB_ENABLE_SLOT));
	put_input(s, slot, 3);
	command(s, INPUT, TRB_TYPE_IS(TRB_ADDRESS_DEVICE) | slot << 24);
	(void)ring_put(
	    s, &a->ring[slot][0], set_configuration[0], 8, TRB_TYPE_IS(TRB_SETUP) | TRB_IDT);
	(void)ring_put(s, &a->ring[slot][0], 0, 0, TRB_TYPE_IS(TRB_STATUS) | TRB_IOC);
	reg(s, 0x800 + slot * 4, DCI_CONTROL);
	sim_poke32(s, INPUT + 4, 1 | 1u << DCI_REPORT);
	command(s, INPUT, TRB_TYPE_IS(TRB_CONFIGURE_ENDPOINT) | slot << 24);
}

static void
op_up(struct sim *s, struct prng *r)
{
	static const uint8_t zeros[NEVENTS * 16];
	struct actor *a = actor_of(s);

	if (a->up)
		return;
	pci_calm(s);
	sim_poke(s, DCBAA, zeros, 512);
	sim_poke(s, EVENTS, zeros, sizeof(zeros));
	/* Of all: op_command may come to enable and address any. */
	for (unsigned i = 1; i <= XHCI_SLOTS; i++)
		sim_poke64(s, DCBAA + i * 8, DEVICE + (i - 1) * 0x400);
	sim_poke64(s, ERST, EVENTS);
	sim_poke64(s, ERST + 8, NEVENTS);
	sim_range_add(s, DEVICE, XHCI_SLOTS * 0x400, true, TAG_HC);
	ring_up(s, &a->command, COMMANDS);
	a->event = 0;
	a->event_cycle = 1;
	a->nasked = 0;
	reg(s, 0x58, XHCI_SLOTS);
	reg(s, 0x50, DCBAA);
	reg(s, 0x38, COMMANDS | 1);
	reg(s, 0x628, 1);
	reg(s, 0x638, EVENTS);
	reg(s, 0x630, ERST);
	reg(s, 0x634, 0);
	reg(s, 0x620, 2);
	a->up = true;
	reg(s, 0x20, 5);
	sim_say(s, "up");
	for (unsigned i = 1; i <= SLOTS; i++)
		bring_slot(s, i);
}

/* Any command, with numbers of slots and endpoints that there are, and that there are not. */
static void
op_command(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint32_t type = prng_range(r, TRB_ENABLE_SLOT, TRB_NOOP_COMMAND);
	uint32_t slot = prng_one_in(r, 4) ? prng_below(r, 256) : prng_range(r, 1, SLOTS);
	uint32_t ep = prng_one_in(r, 2) ? prng_below(r, 32) : prng_one_in(r, 2) ? 1 : DCI_REPORT;
	uint64_t param = INPUT;

	if (!a->up && prng_one_in(r, 2))
		op_up(s, r);
	if (!a->up)
		return;
	if (type == TRB_CONFIGURE_ENDPOINT || type == TRB_ADDRESS_DEVICE)
		put_input(s, prng_range(r, 1, SLOTS), prng_one_in(r, 2) ? 3 : 1 | 1u << DCI_REPORT);
	if (type == TRB_SET_TR_DEQUEUE)
		param = (RINGS + prng_below(r, 4) * 0x400) | prng_below(r, 2);
	if (prng_one_in(r, 10))
		param = sim_bad_gpa(s, r, 64) | SIM_RAM;
	sim_say(s, "command %u slot %u endpoint %u", type, slot, ep);
	command(
	    s, param, TRB_TYPE_IS(type) | slot << 24 | ep << 16 | (prng_one_in(r, 12) ? 0x200 : 0));
}

static void
op_doorbell(struct sim *s, struct prng *r)
{
	unsigned slot = prng_one_in(r, 4) ? prng_below(r, 256) : prng_range(r, 1, SLOTS);

	reg(s, 0x800 + slot * 4, prng_one_in(r, 3) ? prng_below(r, 256) : DCI_REPORT);
}

/* --- transfers --- */

/* The tag of the buffer at the ring's next place; what was there before is over. */
static uint32_t
next_tag(struct sim *s, unsigned slot, unsigned ring)
{
	uint32_t tag = TAG_DATA + (slot * 2 + ring) * NTRBS + actor_of(s)->ring[slot][ring].at;

	sim_range_drop(s, tag);
	return (tag);
}

/* Is there room for four more in a ring that the controller may be slow with? */
static bool
ring_room(struct sim *s, unsigned slot, unsigned ring)
{
	struct actor *a = actor_of(s);
	const struct trb_ring *q = &a->ring[slot][ring];
	uint64_t deq = a->x.slot[slot].ep[ring == 0 ? DCI_CONTROL : DCI_REPORT].ring.deq;

	for (uint32_t i = 1; i <= 5; i++)
		if (deq == q->base + (q->at + i) % NTRBS * 16)
			return (false);
	return (true);
}

static void
op_control(struct sim *s, struct prng *r)
{
	static const uint16_t values[] = { 0x0100, 0x0200, 0x0300, 0x0301, 0x0302, 0x2200, 0 };
	struct actor *a = actor_of(s);
	unsigned slot = prng_range(r, 1, SLOTS);
	uint32_t len = prng_range(r, 1, 400), room = prng_range(r, 1, len + 20), at;
	struct trb_ring *q = &a->ring[slot][0];
	uint64_t setup;
	bool in = !prng_one_in(r, 5);

	if (!in && prng_one_in(r, 2))
		room = prng_range(r, 1, 5000);
	if (!a->up || s->wild || !ring_room(s, slot, 0) ||
	    (at = sim_room(s, r, DATA, room, 1)) == 0)
		return;
	if (prng_one_in(r, 6))
		len = prng_one_in(r, 2) ? 0xffff : USB_CONTROL_MAX + prng_below(r, 3);
	setup = (in ? 0x80u : 0u) | (prng_one_in(r, 6) ? 0x21u : 0) |
	    (uint64_t)(prng_one_in(r, 5) ? prng_below(r, 16) : 6) << 8 |
	    (uint64_t)values[prng_below(r, NITEMS(values))] << 16 | (uint64_t)len << 48;
	(void)ring_put(s, q, setup, 8, TRB_TYPE_IS(TRB_SETUP) | TRB_IDT);
	sim_range_add(s, at, room, true, next_tag(s, slot, 0));
	if (!prng_one_in(r, 8))
		(void)ring_put(s, q, prng_one_in(r, 12) ? sim_bad_gpa(s, r, room) | SIM_RAM : at,
		    room,
		    TRB_TYPE_IS(TRB_DATA) | (in ? 1u << 16 : 0) |
			(prng_one_in(r, 2) ? TRB_ISP : 0));
	if (!prng_one_in(r, 8))
		(void)ring_put(s, q, 0, 0, TRB_TYPE_IS(TRB_STATUS) | TRB_IOC);
	sim_say(s, "slot %u: setup %#llx, room for %u", slot, (unsigned long long)setup, room);
	reg(s, 0x800 + slot * 4, DCI_CONTROL);
}

static void
op_report(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned slot = prng_range(r, 1, SLOTS);
	uint32_t len = prng_range(r, 1, USB_REPORT_MAX + 20), at;

	if (!a->up || s->wild || !ring_room(s, slot, 1) || (at = sim_room(s, r, DATA, len, 1)) == 0)
		return;
	sim_range_add(s, at, len, true, next_tag(s, slot, 1));
	(void)ring_put(s, &a->ring[slot][1], at, len, TRB_TYPE_IS(TRB_NORMAL) | TRB_IOC);
	reg(s, 0x800 + slot * 4, DCI_REPORT);
}

static void
op_input(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	struct input_pointer p = { .x = (uint16_t)prng_below(r, 1000),
		.buttons = (uint8_t)prng_below(r, 8) };

	sim_enter(s);
	for (unsigned i = 0; i < 2; i++) {
		if (a->sink[i].pointer != NULL)
			a->sink[i].pointer(a->sink[i].dev, &p);
		if (a->sink[i].key != NULL)
			a->sink[i].key(a->sink[i].dev, prng_range(r, 1, 100), prng_one_in(r, 2));
	}
	sim_leave(s);
}

/* TRBs of anything, and rings of anywhere: nobody can say what is written then. */
static void
op_wild(struct sim *s, struct prng *r)
{
	uint8_t raw[16];

	s->wild = true;
	for (unsigned i = 0; i < 8; i++) {
		prng_fill(r, raw, sizeof(raw));
		le64_put(raw, prng_below(r, SIM_RAM));
		sim_poke(s, prng_below(r, SIM_RAM / 16) * 16, raw, sizeof(raw));
	}
	reg(s, 0x20 + prng_below(r, 32) * 4, (uint32_t)prng_next(r));
	reg(s, 0x620 + prng_below(r, 8) * 4, (uint32_t)prng_next(r));
}

static void
op_time(struct sim *s, struct prng *r)
{
	sim_pass(s, prng_range(r, 1, 50) * 1000000ull);
}

static void
op_reset(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (!s->mapped[0])
		return;
	a->up = false;
	if (prng_one_in(r, 3)) {
		sim_enter(s);
		pci_reset(s->pci);
		sim_leave(s);
	} else {
		reg(s, 0x20, 0);
		reg(s, 0x20, USBCMD_RESET);
	}
	for (unsigned i = 1; i <= XHCI_SLOTS; i++)
		if (a->x.slot[i].enabled || a->x.pending[i] != 0)
			sim_fail(s, "reset", "slot %u is still there", i);
	sim_range_drop_all(s);
	s->wild = false;
	s->count[SIM_RESETS]++;
	sim_say(s, "reset");
}

/* Take events until there are none: then each command has its answer. */
static void
op_settle(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	pci_calm(s);
	for (unsigned n = 0; n < 40 && a->up && !s->wild; n++) {
		reg(s, 0x638, (EVENTS + a->event * 16) | 8);
		reg(s, 0x63c, 0);
		reg(s, 0x800, 0);
		sim_pass(s, 100000000);
	}
	if (a->up && !s->wild && a->nasked != 0 && xhci_running(&a->x))
		sim_fail(s, "stuck", "%u commands are left though all is quiet", a->nasked);
}

static void
make(struct actor *a, struct sim *s)
{
	int rc;

	s->ntimers = 0;
	sim_timer(s, &a->timer);
	rc = xhci_init(&a->x, &s->gm, &s->clock, &a->timer);
	assert(rc == 0);
	for (unsigned k = 0; k < 2; k++) {
		usb_hid_init(&a->hid[k], (enum usb_hid_kind)k);
		usb_hid_sink(&a->hid[k], &a->sink[k]);
		rc = xhci_plug(&a->x, &a->hid[k].usb);
		assert(rc == 0);
	}
	(void)rc;
}

/* --- save, load --- */

static int
function_state(struct sim *s, struct state *st)
{
	return (xhci_state(&actor_of(s)->x, st));
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	a->attached = false;
	xhci_destroy(&a->x);
	a->old = a->x;
	memcpy(a->old_hid, a->hid, sizeof(a->hid));
	memset(&a->x, SIM_JUNK, sizeof(a->x));
	memset(a->hid, SIM_JUNK, sizeof(a->hid));
	make(a, s);
	sim_replace(s, &a->x.pci);
	a->attached = true;
}

static bool
slot_same(const struct xhci_slot *is, const struct xhci_slot *was)
{
	for (unsigned i = 0; i <= XHCI_ENDPOINTS; i++)
		if (SIM_DIFFERS(is, was, ep[i].state) || SIM_DIFFERS(is, was, ep[i].ring.deq) ||
		    SIM_DIFFERS(is, was, ep[i].ring.ccs) || SIM_DIFFERS(is, was, ep[i].edtla))
			return (false);
	return (!(SIM_DIFFERS(is, was, enabled) || SIM_DIFFERS(is, was, state) ||
	    SIM_DIFFERS(is, was, ctx) || SIM_DIFFERS(is, was, dev) || SIM_DIFFERS(is, was, port) ||
	    SIM_DIFFERS(is, was, control) || SIM_DIFFERS(is, was, setup) ||
	    SIM_DIFFERS(is, was, data_len) || SIM_DIFFERS(is, was, data_off) ||
	    SIM_DIFFERS(is, was, data)));
}

static bool
controller_same(const struct xhci *is, const struct xhci *was)
{
	for (unsigned i = 0; i <= XHCI_SLOTS; i++)
		if (!slot_same(&is->slot[i], &was->slot[i]))
			return (false);
	for (unsigned i = 1; i <= XHCI_PORTS; i++)
		if (SIM_DIFFERS(is, was, port[i].portsc))
			return (false);
	return (!(SIM_DIFFERS(is, was, usbcmd) || SIM_DIFFERS(is, was, usbsts) ||
	    SIM_DIFFERS(is, was, dnctrl) || SIM_DIFFERS(is, was, config) ||
	    SIM_DIFFERS(is, was, crcr) || SIM_DIFFERS(is, was, dcbaap) ||
	    SIM_DIFFERS(is, was, command_running) || SIM_DIFFERS(is, was, command.deq) ||
	    SIM_DIFFERS(is, was, command.ccs) || SIM_DIFFERS(is, was, iman) ||
	    SIM_DIFFERS(is, was, imod) || SIM_DIFFERS(is, was, erstsz) ||
	    SIM_DIFFERS(is, was, erstba) || SIM_DIFFERS(is, was, erdp) ||
	    SIM_DIFFERS(is, was, segments) || SIM_DIFFERS(is, was, segment) ||
	    SIM_DIFFERS(is, was, enqueue) || SIM_DIFFERS(is, was, seg_left) ||
	    SIM_DIFFERS(is, was, pcs) || SIM_DIFFERS(is, was, event) ||
	    SIM_DIFFERS(is, was, event_first) || SIM_DIFFERS(is, was, event_count) ||
	    SIM_DIFFERS(is, was, pending)));
}

static bool
hid_same(const struct usb_hid *is, const struct usb_hid *was)
{
	return (!(SIM_DIFFERS(is, was, configuration) || SIM_DIFFERS(is, was, idle) ||
	    SIM_DIFFERS(is, was, protocol) || SIM_DIFFERS(is, was, event) ||
	    SIM_DIFFERS(is, was, first) || SIM_DIFFERS(is, was, count) ||
	    SIM_DIFFERS(is, was, pointer) || SIM_DIFFERS(is, was, modifiers) ||
	    SIM_DIFFERS(is, was, pressed)));
}

/* What no register shows is as it was. */
static void
resume(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (!controller_same(&a->x, &a->old))
		sim_fail(s, "state", "the controller is not as it was");
	for (unsigned k = 0; k < 2; k++)
		if (!hid_same(&a->hid[k], &a->old_hid[k]))
			sim_fail(s, "state", "a device is not as it was");
	xhci_resume(&a->x);
}

static void
op_save(struct sim *s, struct prng *r)
{
	static const struct sim_look regs[] = { { 0, 0, 0x40 }, { 0, 0x400, 0x80 }, { 0 } };
	static const struct sim_saved how = { function_state, NULL, remake, resume, regs };

	sim_save_and_load(s, r, &how);
}

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	make(a, s);
	sim_attach(s, &a->x.pci);
	a->attached = true;
	op_up(s, r);
}

static void
finish(struct sim *s)
{
	struct prng r = { 1 };

	op_settle(s, &r);
	op_reset(s, &r);
	xhci_destroy(&actor_of(s)->x);
}

static const struct sim_op op_table[] = {
	{ "command", 25, op_command },
	{ "control", 25, op_control },
	{ "report", 20, op_report },
	{ "input", 15, op_input },
	{ "doorbell", 10, op_doorbell },
	{ "take", 15, op_take },
	{ "time", 4, op_time },
	{ "settle", 3, op_settle },
	{ "wild", 1, op_wild },
	{ "up", 5, op_up },
	{ "reset", 2, op_reset },
	{ "save-load", 3, op_save },
	{ "pci", 3, pci_disturb },
};

const struct sim_actor actor_xhci = {
	.name = "xhci",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = before,
	.after = after,
};
