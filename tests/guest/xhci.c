/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Brings the xHCI controller in slot 5 up (reset, rings, run), resets the port with the tablet,
 * gives it a slot and an address, reads its descriptors, configures it and its interrupt endpoint,
 * and reads a report by a control transfer. Words on the command line: "wait": a report from the
 * interrupt endpoint is waited for, and its x and y are printed. An event's interrupt has arrived
 * in the local APIC.
 */
#include "guest.h"

#define SLOT   (5u << 3)
#define BAR    0xd0000000ull
#define LAPIC  0xfee00000ull
#define VECTOR 0x51
#define RING   16 /* TRBs, with the link */
#define SPINS  3000000u

struct trb {
	uint64_t param;
	uint32_t status, control;
};
struct ring {
	struct trb trb[RING];
	unsigned at;
	uint32_t cycle;
} __attribute__((aligned(256)));

static struct ring commands, ep0, ep1;
static struct trb events[RING] __attribute__((aligned(256)));
static uint64_t erst[2] __attribute__((aligned(64)));
static uint64_t dcbaa[9] __attribute__((aligned(64)));
static uint32_t device[32 * 8] __attribute__((aligned(64)));
static uint32_t input[33 * 8] __attribute__((aligned(64)));
static uint8_t data[256] __attribute__((aligned(64)));
static unsigned event_at;
static uint32_t event_cycle = 1;
static uint64_t oper, runtime, bells;

static void
ring_init(struct ring *r)
{
	r->cycle = 1;
	r->trb[RING - 1] = (struct trb){ (uint64_t)r->trb, 0, 6u << 10 | 2 };
}

static void
put(struct ring *r, uint64_t param, uint32_t status, uint32_t control)
{
	volatile struct trb *t = &r->trb[r->at];

	t->param = param;
	t->status = status;
	t->control = control | r->cycle;
	if (++r->at == RING - 1) {
		r->trb[r->at].control = (r->trb[r->at].control & ~1u) | r->cycle;
		r->at = 0;
		r->cycle ^= 1;
	}
}

static struct trb
next_event(void)
{
	volatile struct trb *t = &events[event_at];
	struct trb e;

	for (unsigned i = 0; (t->control & 1) != event_cycle; i++) {
		CHECK(i < SPINS, event_at);
		(void)in8(COM1 + 5); /* leaves the guest: waiting is not to be emulated */
	}
	e = (struct trb){ t->param, t->status, t->control };
	if (++event_at == RING) {
		event_at = 0;
		event_cycle ^= 1;
	}
	mmio32_put(runtime + 0x38, (uint32_t)(uint64_t)&events[event_at] | 8);
	mmio32_put(runtime + 0x3c, 0);
	return (e);
}

/* The next event, of which others than `type` are looked over. */
static struct trb
event(unsigned type)
{
	struct trb e;

	do
		e = next_event();
	while ((e.control >> 10 & 63) != type);
	return (e);
}

/* Execute a command; its slot. */
static unsigned
command(uint64_t param, uint32_t control)
{
	uint64_t at = (uint64_t)&commands.trb[commands.at];
	struct trb e;

	put(&commands, param, 0, control);
	mmio32_put(bells, 0);
	e = event(33);
	CHECK(e.param == at, e.param);
	CHECK(e.status >> 24 == 1, e.status >> 24 | control << 8);
	return (e.control >> 24);
}

/* A control transfer with data to us (dir 0x80) or without; the bytes that came. */
static unsigned
control(uint8_t type, uint8_t request, uint16_t value, uint16_t index, uint16_t length)
{
	struct trb e;

	put(&ep0,
	    type | request << 8 | (uint32_t)value << 16 | (uint64_t)index << 32 |
		(uint64_t)length << 48,
	    8, 2u << 10 | 0x40 | (length > 0 ? 3u << 16 : 0));
	if (length > 0)
		put(&ep0, (uint64_t)data, length, 3u << 10 | 1u << 16 | 4);
	put(&ep0, 0, 0, 4u << 10 | 0x20 | (length > 0 ? 0 : 1u << 16));
	mmio32_put(bells + 4, 1);
	e = event(32);
	if (length > 0 && e.status >> 24 == 13) { /* short: once more, for the status stage */
		length = (uint16_t)(length - (e.status & 0xffffff));
		e = event(32);
	}
	CHECK(e.status >> 24 == 1, e.status >> 24 | (uint32_t)request << 8);
	return (length);
}

static void
start(void)
{
	uint32_t sp1;

	pci_write(SLOT, 4, 0);
	pci_write(SLOT, 0x10, (uint32_t)BAR);
	pci_write(SLOT, 0x14, 0);
	pci_write(SLOT, 4, 6);
	CHECK(mmio8(BAR) == 0x20, mmio8(BAR));
	CHECK(mmio16(BAR + 2) == 0x110, mmio16(BAR + 2));
	sp1 = mmio32(BAR + 4);
	CHECK((sp1 & 0xff) == 8 && sp1 >> 24 >= 2, sp1);
	oper = BAR + mmio8(BAR);
	runtime = BAR + mmio32(BAR + 0x18);
	bells = BAR + mmio32(BAR + 0x14);
	mmio32_put(oper, 2);
	while ((mmio32(oper) & 2) != 0)
		;
	CHECK(mmio32(oper + 4) == 1, mmio32(oper + 4));
	ring_init(&commands);
	ring_init(&ep0);
	ring_init(&ep1);
	dcbaa[1] = (uint64_t)device;
	erst[0] = (uint64_t)events;
	erst[1] = RING;
	mmio32_put(oper + 0x38, 8);
	mmio32_put(oper + 0x30, (uint32_t)(uint64_t)dcbaa);
	mmio32_put(oper + 0x34, 0);
	mmio32_put(oper + 0x18, (uint32_t)(uint64_t)commands.trb | 1);
	mmio32_put(oper + 0x1c, 0);
	mmio32_put(runtime + 0x28, 1);
	mmio32_put(runtime + 0x30, (uint32_t)(uint64_t)erst);
	mmio32_put(runtime + 0x34, 0);
	mmio32_put(runtime + 0x38, (uint32_t)(uint64_t)events);
	mmio32_put(runtime + 0x3c, 0);
	/* The message: MSI-X table at BAR + 1000h. */
	mmio32_put(LAPIC + 0xf0, 0x1ff);
	mmio32_put(BAR + 0x1000, 0xfee00000 | (mmio32(LAPIC + 0x20) >> 24) << 12);
	mmio32_put(BAR + 0x1004, 0);
	mmio32_put(BAR + 0x1008, VECTOR);
	mmio32_put(BAR + 0x100c, 0);
	pci_write(SLOT, 0x40, pci_read(SLOT, 0x40) | 1u << 31);
	mmio32_put(runtime + 0x20, 2);
	mmio32_put(oper, 1 | 4);
	CHECK(mmio32(oper + 4) % 2 == 0, mmio32(oper + 4));
}

/* Port 1 is reset; speed high. */
static void
reset_port(void)
{
	uint64_t sc = oper + 0x400;

	CHECK((mmio32(sc) & 1) == 1, mmio32(sc));
	mmio32_put(sc, 0x210);
	CHECK((mmio32(sc) & 0x200013) == 0x200003, mmio32(sc));
	CHECK((mmio32(sc) >> 10 & 15) == 3, mmio32(sc));
	mmio32_put(sc, 0x200 | 0xfe0000);
	CHECK((mmio32(sc) & 0xfe0000) == 0, mmio32(sc));
	CHECK((mmio32(sc + 16) & 1) == 0, mmio32(sc + 16)); /* nothing in port 2 */
}

static void
enumerate(void)
{
	unsigned slot = command(0, 9u << 10), n;

	CHECK(slot == 1, slot);
	input[1] = 3;
	input[8] = 3u << 20 | 1u << 27; /* high speed, one context */
	input[9] = 1u << 16;            /* root port 1 */
	input[17] = 3u << 1 | 4u << 3 | 64u << 16;
	input[18] = (uint32_t)(uint64_t)ep0.trb | 1;
	(void)command((uint64_t)input, 11u << 10 | slot << 24);
	CHECK(device[3] == (2u << 27 | 1), device[3]); /* addressed */
	n = control(0x80, 6, 1 << 8, 0, 18);
	CHECK(n == 18 && data[0] == 18 && data[1] == 1 && data[7] == 64, n);
	n = control(0x80, 6, 2 << 8, 0, 255); /* shorter than asked for */
	CHECK(n == 34 && data[14] == 3 && data[29] == 0x81, n);
	CHECK(control(0x81, 6, 0x22 << 8, 0, data[25]) == data[25] || data[0] == 5, data[0]);
	(void)control(0, 9, 1, 0, 0);
	CHECK(control(0xa1, 1, 1 << 8, 0, 6) == 6, 0); /* the report as it is now */
	input[1] = 1 | 1u << 3;
	input[8] = 3u << 20 | 3u << 27;
	input[8 + 3 * 8] = 3u << 16;
	input[8 + 3 * 8 + 1] = 3u << 1 | 7u << 3 | 8u << 16;
	input[8 + 3 * 8 + 2] = (uint32_t)(uint64_t)ep1.trb | 1;
	(void)command((uint64_t)input, 12u << 10 | slot << 24);
	CHECK(device[3] == (3u << 27 | 1), device[3]); /* configured */
	CHECK((device[3 * 8] & 7) == 1, device[3 * 8]);
}

/* Slots, endpoints and commands that do not exist get an answer of their own. */
static void
refused(void)
{
	static const struct {
		uint32_t control;
		uint8_t code;
	} bad[] = {
		{ 10u << 10 | 2u << 24, 11 },             /* disable a slot that is not enabled, */
		{ 10u << 10 | 255u << 24, 11 },           /* or does not exist */
		{ 15u << 10 | 31u << 16 | 1u << 24, 12 }, /* stop an endpoint that is not there */
		{ 15u << 10 | 0u << 16 | 1u << 24, 19 },
		{ 14u << 10 | 1u << 16 | 1u << 24, 19 }, /* reset one that is not halted */
		{ 63u << 10, 5 },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct trb e;

		put(&commands, 0, 0, bad[i].control);
		mmio32_put(bells, 0);
		e = event(33);
		CHECK(e.status >> 24 == bad[i].code, e.status >> 24 | i << 8);
	}
	mmio32_put(bells + 4 * 200, 3);
	mmio32_put(bells + 4, 31);
}

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;
	struct trb e;

	CHECK(pci_read(SLOT, 0) == 0x1e318086, pci_read(SLOT, 0));
	CHECK(pci_read(SLOT, 8) >> 8 == 0x0c0330, pci_read(SLOT, 8));
	start();
	reset_port();
	enumerate();
	refused();
	CHECK((mmio32(LAPIC + 0x200 + VECTOR / 32 * 16) >> VECTOR % 32 & 1) == 1, 1); /* IRR */
	for (unsigned i = 0; i < 40; i++) { /* round the rings */
		(void)command(0, 23u << 10);
		(void)control(0xa1, 3, 0, 0, 1);
	}
	put(&ep1, (uint64_t)data, 8, 1u << 10 | 0x20 | 4);
	mmio32_put(bells + 4, 3);
	if (cmdline[0] == 'w') {
		put_text("ready\n");
		e = event(32);
		CHECK(e.status >> 24 == 13 && (e.status & 0xffffff) == 2, e.status); /* 6 of 8 */
		CHECK((e.control >> 16 & 31) == 3, e.control);
		put_text("report ");
		put_hex(data[0]);
		put_char(' ');
		put_hex(data[1] | data[2] << 8);
		put_char(' ');
		put_hex(data[3] | data[4] << 8);
		put_char('\n');
	}
	put_text("ok\n");
}
