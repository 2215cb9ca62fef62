/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fbuf: the display. Runs in zhyve while the machine is built.
 *
 * Options as in bhyve(8): rfb=|tcp=[IP:]PORT or unix=PATH, w=, h=, vga=io|off, wait, password=;
 * and rom=PATH|fd:N|none (the BIOS that SeaBIOS runs), mem=fd:N,events=fd:N (in a zone).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "devices/fbuf.h"
#include "procs/zhyve/display.h"
#include "procs/zhyve/emul.h"

#define DEFAULT_WIDTH  1024
#define DEFAULT_HEIGHT 768
#define DEFAULT_ROM    "/usr/share/seabios/vgabios-bochs-display.bin"
#define ROM_MAX        (1u << 20)
#define ROM_UNIT       2048u

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

/* The ROM's descriptor; -ENOENT when there is none and none was asked for. */
static int
open_rom(const char *rom, bool zoned, struct err *e)
{
	int fd;

	if (rom != NULL && strcmp(rom, "none") == 0)
		return (-ENOENT);
	if (rom == NULL && zoned) /* nothing is opened by path there */
		return (-ENOENT);
	if (rom != NULL && parse_fd(rom, &fd) == 0)
		return (fd);
	fd = open(rom != NULL ? rom : DEFAULT_ROM, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && rom != NULL)
		return (err_set(e, errno, "cannot open the ROM '%s'", rom));
	return (fd < 0 ? -ENOENT : fd);
}

static int
add_rom(struct fbuf_emul *f, const char *rom, bool zoned, struct err *e)
{
	CLEANUP_FD int fd = open_rom(rom, zoned, e);
	uint64_t size = ROM_UNIT;
	uint8_t *image;
	struct stat st;
	int rc;

	if (fd == -ENOENT && (rom == NULL || strcmp(rom, "none") == 0))
		return (0);
	if (fd < 0)
		return (fd);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > ROM_MAX)
		return (err_say(e, EINVAL, "the ROM '%s' is not a file of 1 byte to 1 MiB",
		    rom != NULL ? rom : DEFAULT_ROM));
	while (size < (uint64_t)st.st_size)
		size *= 2;
	if ((image = calloc(1, size)) == NULL)
		return (err_set(e, ENOMEM, "no memory for the ROM"));
	if ((rc = fd_pread_full(fd, image, (size_t)st.st_size, 0)) != 0 ||
	    (rc = pci_add_rom(&f->fbuf.pci, image, size)) != 0) {
		free(image);
		return (
		    err_set(e, -rc, "cannot read the ROM '%s'", rom != NULL ? rom : DEFAULT_ROM));
	}
	return (0);
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
	if ((rc = add_rom(f, rom, zoned, e)) != 0)
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
