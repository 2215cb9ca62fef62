/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The display: a linear framebuffer with the registers of Bochs' display interface ("DISPI"), as
 * PCI function 1234:1111 in the form that has no VGA behind it. Firmware and systems bring drivers
 * for it: SeaBIOS' vgabios-bochs-display (from the expansion ROM), OVMF's QemuVideoDxe, Linux'
 * bochs; why not bhyve's own fb5d:40fb is in docs/decisions/0033. The interface is described in
 * QEMU's docs/specs/standard-vga and in Bochs' VBE DISPI text.
 *
 * It has no text mode, no planes, no palette, no ports at 0x3C0: a guest that writes to 0xB8000
 * draws nothing. It reads no guest memory but its own, which the guest writes while we look: no
 * byte of it is ever interpreted. Pure (device.h); runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_FBUF_H
#define ZHYVE_DEVICES_FBUF_H

#include "devices/edid.h"
#include "devices/pci.h"

#define FBUF_VENDOR     0x1234
#define FBUF_DEVICE     0x1111
#define FBUF_VRAM_MIN   (16u << 20)
#define FBUF_MIN_WIDTH  640 /* of the preferred mode (bhyve's bounds) */
#define FBUF_MIN_HEIGHT 480
#define FBUF_MAX_WIDTH  3840
#define FBUF_MAX_HEIGHT 2160
#define FBUF_MODE_MIN   64 /* of what a guest may set */

/* BAR 0 is the framebuffer, BAR 2 has these: */
#define FBUF_REGS_BAR  2
#define FBUF_REGS_LEN  0x1000
#define FBUF_REG_EDID  0x000
#define FBUF_REG_VGA   0x400 /* the ports 0x3C0-0x3DF; without effect */
#define FBUF_REG_DISPI 0x500 /* 16 bits each */
#define FBUF_REG_EXT   0x600 /* 32 bits: length of this block, byte order */

enum fbuf_dispi {
	DISPI_ID,
	DISPI_XRES,
	DISPI_YRES,
	DISPI_BPP,
	DISPI_ENABLE,
	DISPI_BANK,
	DISPI_VIRT_WIDTH,
	DISPI_VIRT_HEIGHT,
	DISPI_X_OFFSET,
	DISPI_Y_OFFSET,
	DISPI_MEMORY_64K, /* read only */
	DISPI_NREGS
};
#define DISPI_ID5     0xB0C5
#define DISPI_ENABLED 0x01
#define DISPI_GETCAPS 0x02

/* The picture: 32 bits a pixel, blue in the lowest byte. Always within the framebuffer. */
struct fbuf_mode {
	uint32_t width, height; /* pixels; 0: there is none */
	uint32_t stride;        /* bytes from line to line */
	uint32_t offset;        /* of the first pixel */
};

struct fbuf {
	struct pci_dev pci; /* the caller sets bdf and lock, and attaches it */
	uint32_t vram_size;
	uint16_t reg[DISPI_NREGS];
	uint8_t edid[EDID_LEN];
	struct fbuf_mode mode;
	/* The mode is another one. Called with the device's lock held. */
	void (*mode_changed)(void *ctx, const struct fbuf_mode *mode);
	void *ctx;
};

/* Bytes of a framebuffer that can show width x height: a power of two. */
uint32_t fbuf_vram_size(unsigned width, unsigned height);
/*
 * `vram` (page aligned) is vram_size bytes from fbuf_vram_size, the caller's; width and height of
 * the preferred mode, within the bounds above. 0 or -EINVAL.
 */
int fbuf_init(struct fbuf *f, void *vram, uint32_t vram_size, unsigned width, unsigned height,
    void (*mode_changed)(void *ctx, const struct fbuf_mode *mode), void *ctx);

#endif
