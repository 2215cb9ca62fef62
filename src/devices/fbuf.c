/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The display's registers: see fbuf.h. A mode that does not fit the framebuffer shows nothing; no
 * value written is refused, as it may be one of several that make sense together. Pure; runs in
 * zhyve.
 */
#include "devices/fbuf.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define CLASS_VGA       0x030000
#define REVISION        2 /* says that there is FBUF_REG_EXT */
#define BYTES_PER_PIXEL 4u

#define EXT_LEN         8
#define EXT_LITTLE      0x1e1e1e1eu

/* What the registers ask for; width 0 when it cannot be shown. */
static struct fbuf_mode
mode_of(const struct fbuf *f)
{
	const uint16_t *r = f->reg;
	struct fbuf_mode m = { .width = r[DISPI_XRES], .height = r[DISPI_YRES] };
	uint64_t stride, offset;

	if ((r[DISPI_ENABLE] & DISPI_ENABLED) == 0 || r[DISPI_BPP] != 8 * BYTES_PER_PIXEL ||
	    m.width < FBUF_MODE_MIN || m.height < FBUF_MODE_MIN || m.width > FBUF_MAX_WIDTH ||
	    m.height > FBUF_MAX_HEIGHT)
		return ((struct fbuf_mode){ 0 });
	stride = (uint64_t)MAX(r[DISPI_VIRT_WIDTH], m.width) * BYTES_PER_PIXEL;
	offset = r[DISPI_X_OFFSET] * BYTES_PER_PIXEL + r[DISPI_Y_OFFSET] * stride;
	/* The last line ends before the next would begin. */
	if (!range_ok(offset, stride * (m.height - 1) + m.width * BYTES_PER_PIXEL, f->vram_size))
		return ((struct fbuf_mode){ 0 });
	m.stride = (uint32_t)stride;
	m.offset = (uint32_t)offset;
	return (m);
}

static void
update_mode(struct fbuf *f)
{
	struct fbuf_mode m = mode_of(f);

	if (memcmp(&m, &f->mode, sizeof(m)) == 0)
		return;
	f->mode = m;
	if (f->mode_changed != NULL)
		f->mode_changed(f->ctx, &m);
}

static uint16_t
dispi_read(const struct fbuf *f, unsigned i)
{
	bool caps = (f->reg[DISPI_ENABLE] & DISPI_GETCAPS) != 0;

	switch (i) {
	case DISPI_XRES:
		return (caps ? FBUF_MAX_WIDTH : f->reg[i]);
	case DISPI_YRES:
		return (caps ? FBUF_MAX_HEIGHT : f->reg[i]);
	case DISPI_BPP:
		return (caps ? 8 * BYTES_PER_PIXEL : f->reg[i]);
	case DISPI_VIRT_WIDTH:
		return (MAX(f->reg[i], f->reg[DISPI_XRES]));
	case DISPI_VIRT_HEIGHT: {
		uint32_t line = dispi_read(f, DISPI_VIRT_WIDTH) * BYTES_PER_PIXEL;
		return (line == 0 ? 0 : (uint16_t)MIN(f->vram_size / line, UINT16_MAX));
	}
	case DISPI_MEMORY_64K:
		return ((uint16_t)(f->vram_size >> 16));
	default:
		return (i < DISPI_NREGS ? f->reg[i] : 0);
	}
}

static void
dispi_write(struct fbuf *f, unsigned i, uint16_t val)
{
	switch (i) {
	case DISPI_ID:
		/* Drivers write the version they know; ours is the last. */
	case DISPI_VIRT_HEIGHT:
	case DISPI_MEMORY_64K:
		return;
	default:
		if (i >= DISPI_NREGS)
			return;
		f->reg[i] = val;
		update_mode(f);
	}
}

static uint64_t
regs_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	const struct fbuf *f = d->softc;
	uint64_t val = 0;

	if (bar != FBUF_REGS_BAR)
		return (UINT64_MAX);
	if (off < FBUF_REG_VGA) {
		if (range_ok(off, size, EDID_LEN))
			memcpy(&val, &f->edid[off], size);
		return (val);
	}
	if (off >= FBUF_REG_DISPI && off < FBUF_REG_EXT && size <= 4) {
		unsigned i = (unsigned)(off - FBUF_REG_DISPI);

		val = dispi_read(f, i / 2);
		if (size == 4)
			val |= (uint32_t)dispi_read(f, i / 2 + 1) << 16;
		return (val >> (8 * (i & 1)));
	}
	if (off == FBUF_REG_EXT && size == 4)
		return (EXT_LEN);
	if (off == FBUF_REG_EXT + 4 && size == 4)
		return (EXT_LITTLE);
	return (0);
}

static void
regs_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct fbuf *f = d->softc;
	unsigned i;

	if (bar != FBUF_REGS_BAR || off < FBUF_REG_DISPI || off >= FBUF_REG_EXT || (off & 1) != 0 ||
	    (size != 2 && size != 4))
		return;
	i = (unsigned)(off - FBUF_REG_DISPI) / 2;
	dispi_write(f, i, (uint16_t)val);
	if (size == 4)
		dispi_write(f, i + 1, (uint16_t)(val >> 16));
}

static void
reset(struct pci_dev *d)
{
	struct fbuf *f = d->softc;

	memset(f->reg, 0, sizeof(f->reg));
	f->reg[DISPI_ID] = DISPI_ID5;
	f->reg[DISPI_BPP] = 8 * BYTES_PER_PIXEL;
	update_mode(f);
}

uint32_t
fbuf_vram_size(unsigned width, unsigned height)
{
	uint32_t size = FBUF_VRAM_MIN;

	while (size < (uint64_t)width * height * BYTES_PER_PIXEL)
		size *= 2;
	return (size);
}

int
fbuf_init(struct fbuf *f, void *vram, uint32_t vram_size, unsigned width, unsigned height,
    void (*mode_changed)(void *ctx, const struct fbuf_mode *mode), void *ctx)
{
	static const struct pci_dev_ops ops = {
		.bar_read = regs_read,
		.bar_write = regs_write,
		.reset = reset,
	};
	int rc;

	if (width < FBUF_MIN_WIDTH || height < FBUF_MIN_HEIGHT || width > FBUF_MAX_WIDTH ||
	    height > FBUF_MAX_HEIGHT || vram_size != fbuf_vram_size(width, height))
		return (-EINVAL);
	memset(f, 0, sizeof(*f));
	pci_dev_init(&f->pci, "fbuf", &ops, f, FBUF_VENDOR, FBUF_DEVICE, CLASS_VGA, REVISION);
	pci_set_subsystem(&f->pci, 0x1af4, 0x1100);
	if ((rc = pci_add_mem_bar(&f->pci, 0, PCI_BAR_MEM32, vram, vram_size)) != 0 ||
	    (rc = pci_add_bar(&f->pci, FBUF_REGS_BAR, PCI_BAR_MEM32, FBUF_REGS_LEN)) != 0)
		return (rc);
	f->vram_size = vram_size;
	f->mode_changed = mode_changed;
	f->ctx = ctx;
	edid_make(f->edid, width, height);
	reset(&f->pci);
	return (0);
}
