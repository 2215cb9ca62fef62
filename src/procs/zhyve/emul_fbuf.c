/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fbuf: the display. Runs in zhyve while the machine is built.
 *
 * Options as in bhyve(8): rfb=|tcp=[IP:]PORT or unix=PATH, w=, h=, vga=io|off, wait, password=;
 * and rom=PATH|fd:N|none (the BIOS that SeaBIOS runs), mem=fd:N,events=fd:N (in a zone).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "devices/fbuf.h"
#include "procs/zhyve/display.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/files.h"

#define DEFAULT_WIDTH  1024
#define DEFAULT_HEIGHT 768
#define DEFAULT_ROM    "/usr/share/seabios/vgabios-bochs-display.bin"

struct fbuf_emul {
	struct fbuf fbuf;
	struct lock lock;
	struct display display;
};

static bool fbuf_made; /* one machine, one display */

static void
on_mode(void *ctx, const struct fbuf_mode *mode)
{
	struct fbuf_emul *f = ctx;
	const struct display_mode m = { mode->width, mode->height, mode->stride, mode->offset };

	if (f->display.page != NULL)
		display_page_put(f->display.page, &m);
}

/* The ROM's path; NULL when there is none: in a zone nothing is looked for. */
static const char *
rom_path(const char *rom, bool zoned)
{
	if (rom != NULL)
		return (strcmp(rom, "none") != 0 ? rom : NULL);
	return (!zoned && access(DEFAULT_ROM, R_OK) == 0 ? DEFAULT_ROM : NULL);
}

static int
check_vga(struct config_node *cfg, struct err *e)
{
	const char *vga = config_text(cfg, "vga", "io");

	if (strcmp(vga, "io") != 0 && strcmp(vga, "off") != 0)
		return (err_say(e, EINVAL,
		    "vga: '%s' is neither io nor off: the display is a linear framebuffer, with no "
		    "VGA to decode memory for",
		    vga));
	return (0);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *rom = config_get(cfg, "rom");
	bool zoned = config_get(cfg, "mem") != NULL;
	uint32_t w, h, vram;
	struct fbuf_emul *f;
	int rc;

	if (fbuf_made)
		return (err_say(e, EEXIST, "Only one frame buffer is allowed."));
	if ((rc = config_number(cfg, "w", FBUF_MIN_WIDTH, FBUF_MAX_WIDTH, DEFAULT_WIDTH, &w, e)) !=
		0 ||
	    (rc = config_number(
		 cfg, "h", FBUF_MIN_HEIGHT, FBUF_MAX_HEIGHT, DEFAULT_HEIGHT, &h, e)) != 0 ||
	    (rc = check_vga(cfg, e)) != 0)
		return (rc);
	if ((f = calloc(1, sizeof(*f))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	(void)pthread_mutex_init(&f->lock.mutex, NULL);
	vram = fbuf_vram_size(w, h);
	if ((rc = display_open(&f->display, m, cfg, vram, e)) != 0)
		return (rc);
	if ((rc = fbuf_init(&f->fbuf, f->display.vram, vram, w, h, on_mode, f)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	if ((rc = file_add_rom(&f->fbuf.pci, rom_path(rom, zoned), false, e)) != 0)
		return (rc);
	on_mode(f, &f->fbuf.mode);
	f->fbuf.pci.bdf = bdf;
	f->fbuf.pci.lock = &f->lock;
	fbuf_made = true;
	return (pci_attach(m->pci, &f->fbuf.pci, e));
}

static const struct vmm_emul fbuf = {
	.name = "fbuf",
	.help = "[rfb=|tcp=[IP:]PORT|unix=PATH][,w=N][,h=N][,vga=io|off][,wait][,password=TEXT]"
		"[,rom=FILE|none]",
	.init = init,
};
ZHYVE_EMUL(fbuf);
