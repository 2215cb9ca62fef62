/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The xHCI controller with a tablet and a keyboard. By its first byte an input begins with a
 * controller that runs (rings in RAM, port 1 reset, a slot addressed and configured), or as after
 * power on. Instruction 6 moves the pointer, presses keys, or rings a doorbell behind TRBs.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/pci_regs.h"
#include "devices/usb_hid.h"
#include "devices/xhci.h"
#include "fuzz_host.h"

#define DCBAA    0x1000u
#define ERST     0x1100u
#define EVENTS   0x2000u
#define COMMANDS 0x3000u
#define EP0      0x4000u
#define EP1      0x5000u
#define DEVICE   0x6000u
#define INPUT    0x7000u

struct world {
	struct xhci x;
	struct usb_hid hid[2];
	struct input_sink sink[2];
	uint8_t *ram;
	unsigned at; /* of the command ring */
};

static void
reg(struct world *w, unsigned off, uint32_t val)
{
	pci_bar_ops[0].write(&w->x.pci, off, 4, val);
}

static void
command(struct world *w, uint64_t param, uint32_t control)
{
	uint8_t *t = w->ram + COMMANDS + w->at++ * 16;

	le64_put(t, param);
	le32_put(t + 12, control | 1);
	reg(w, 0x800, 0);
}

/* As far as a driver gets before the first report. */
static void
bring_up(struct world *w)
{
	uint8_t *in = w->ram + INPUT;

	le64_put(w->ram + DCBAA + 8, DEVICE);
	le64_put(w->ram + ERST, EVENTS);
	le32_put(w->ram + ERST + 8, 128);
	reg(w, 0x58, 8);
	reg(w, 0x50, DCBAA);
	reg(w, 0x38, COMMANDS | 1);
	reg(w, 0x628, 1);
	reg(w, 0x638, EVENTS);
	reg(w, 0x630, ERST);
	reg(w, 0x634, 0);
	reg(w, 0x620, 2);
	reg(w, 0x20, 5);
	reg(w, 0x420, 0x210);
	command(w, 0, 9u << 10);
	le32_put(in + 4, 3);
	le32_put(in + 36, 1u << 16);
	le64_put(in + 72, EP0 | 1);
	command(w, INPUT, 11u << 10 | 1u << 24);
	le64_put(w->ram + EP0, 0x00010900);
	le32_put(w->ram + EP0 + 8, 8);
	le32_put(w->ram + EP0 + 12, 2u << 10 | 0x41);
	le32_put(w->ram + EP0 + 28, 4u << 10 | 0x21);
	reg(w, 0x804, 1);
	le32_put(in + 4, 1 | 1u << 3);
	le64_put(in + 32 + 3 * 32 + 8, EP1 | 1);
	command(w, INPUT, 12u << 10 | 1u << 24);
	assert(w->x.slot[1].state == 3 && w->hid[0].configuration == 1);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct world *w = ctx;
	uint8_t op = fuzz_u8(in);
	struct input_pointer p = { .buttons = op >> 4, .wheel = (int8_t)(op >> 6) };

	if ((op & 3) == 0) {
		p.x = fuzz_u16(in) & INPUT_ABS_MAX;
		w->sink[0].pointer(w->sink[0].dev, &p);
	} else if ((op & 3) == 1)
		w->sink[1].key(w->sink[1].dev, fuzz_u8(in), (op & 4) != 0);
	else
		reg(w, 0x800 + (op >> 2 & 15) * 4, fuzz_u8(in) & 31);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct fuzz in = { data, size };
	struct dev_timer timer = { 0 };
	struct fuzz_host h;
	int rc;

	fuzz_host_init(&h);
	fuzz_host_timer(&h, &timer);
	h.own = own;
	h.ctx = &w;
	w.at = 0;
	w.ram = gmem_ptr(&h.gm, 0, FUZZ_RAM);
	rc = xhci_init(&w.x, &h.gm, &h.clock, &timer);
	assert(rc == 0);
	for (unsigned k = 0; k < 2; k++) {
		usb_hid_init(&w.hid[k], (enum usb_hid_kind)k);
		usb_hid_sink(&w.hid[k], &w.sink[k]);
		rc = xhci_plug(&w.x, &w.hid[k].usb);
		assert(rc == 0);
	}
	fuzz_host_attach(&h, &w.x.pci);
	if ((fuzz_u8(&in) & 1) != 0)
		bring_up(&w);
	fuzz_host_run(&h, &w.x.pci, &in);
	fuzz_host_fini(&h);
	xhci_destroy(&w.x);
	return (0);
}
