/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets a mode, draws, reads back what it drew and what the display says of itself, and moves the
 * framebuffer. Then it says that it is ready, reads keys from the keyboard controller until Escape
 * comes, and says what they were. `boot.cmdline=still`: it ends without keys.
 */
#include "guest.h"

#define W        320u
#define H        200u

#define KBC_DATA 0x60
#define KBC_CMD  0x64
#define ESCAPE   0x01 /* set 1 */

static unsigned slot = 3u << 3; /* by hand; in a zone 30 */
static uint64_t fb, regs;

static void
dispi(unsigned reg, uint16_t v)
{
	mmio16_put(regs + 0x500 + 2 * reg, v);
	CHECK(mmio16(regs + 0x500 + 2 * reg) == v, reg);
}

/* Four quarters: red, green, blue, white. */
static uint32_t
colour(unsigned x, unsigned y)
{
	static const uint32_t c[] = { 0xff0000, 0x00ff00, 0x0000ff, 0xffffff };

	return (c[(y >= H / 2) * 2 + (x >= W / 2)]);
}

static void
draw(void)
{
	for (unsigned y = 0; y < H; y++) {
		for (unsigned x = 0; x < W; x++)
			mmio32_put(fb + (y * W + x) * 4, colour(x, y));
	}
	CHECK(mmio32(fb) == 0xff0000, mmio32(fb));
	CHECK(mmio32(fb + ((H - 1) * W + W - 1) * 4) == 0xffffff, 0);
}

static uint8_t
kbc_read(void)
{
	while ((in8(KBC_CMD) & 1) == 0)
		;
	return (in8(KBC_DATA));
}

static void
setup_keyboard(void)
{
	out8(KBC_CMD, 0xad); /* keyboard off, and what it sent is thrown away */
	while ((in8(KBC_CMD) & 1) != 0)
		(void)in8(KBC_DATA);
	out8(KBC_CMD, 0xaa);
	CHECK(kbc_read() == 0x55, 0);
	out8(KBC_CMD, 0x60);
	out8(KBC_DATA, 0x64); /* translation, mouse off, no interrupts */
	out8(KBC_DATA, 0xff);
	CHECK(kbc_read() == 0xfa, 1);
	CHECK(kbc_read() == 0xaa, 2);
	out8(KBC_DATA, 0xed); /* lights */
	CHECK(kbc_read() == 0xfa, 3);
	out8(KBC_DATA, 2);
	CHECK(kbc_read() == 0xfa, 4);
}

static void
echo_keys(void)
{
	uint8_t code;

	put_text("ready\n");
	do {
		code = kbc_read();
		put_text("key ");
		put_hex(code);
		put_char('\n');
	} while (code != (ESCAPE | 0x80));
}

static void
test_rom(void)
{
	uint32_t rom;

	pci_write(slot, 0x30, 0xfffffffe);
	rom = pci_read(slot, 0x30);
	if (rom == 0) /* there is none */
		return;
	CHECK(~rom + 1 == 0x8000, rom);
	rom = 0xd4000000;
	pci_write(slot, 0x30, rom | 1);
	CHECK(mmio16(rom) == 0xaa55, mmio16(rom));
	mmio16_put(rom, 0);
	CHECK(mmio16(rom) == 0xaa55, mmio16(rom));
	pci_write(slot, 0x30, rom);
	CHECK(mmio32(rom) == 0xffffffff, mmio32(rom));
}

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;

	if (pci_read(slot, 0) == 0xffffffff)
		slot = 30u << 3;
	CHECK(pci_read(slot, 0) == 0x11111234, pci_read(slot, 0));
	CHECK(pci_read(slot, 8) >> 8 == 0x030000, pci_read(slot, 8));
	fb = pci_read(slot, 0x10) & ~15u;
	regs = pci_read(slot, 0x18) & ~15u;
	CHECK(mmio16(regs + 0x500) == 0xb0c5, mmio16(regs + 0x500));
	CHECK(mmio32(regs) == 0xffffff00, mmio32(regs)); /* EDID */
	dispi(1, W);
	dispi(2, H);
	dispi(3, 32);
	dispi(4, 0x41);
	draw();
	/* Elsewhere the picture is the same, and where it was there is nothing. */
	pci_write(slot, 0x10, 0xd0000000);
	CHECK(mmio32(0xd0000000) == 0xff0000, mmio32(0xd0000000));
	CHECK(mmio32(fb) == 0xffffffff, mmio32(fb));
	fb = 0xd0000000;
	mmio32_put(fb, 0xff00ff);
	test_rom();
	if (cmdline[0] != 's') {
		setup_keyboard();
		echo_keys();
	}
	put_text("ok\n");
}
