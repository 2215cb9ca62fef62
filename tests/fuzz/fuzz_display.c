/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zhyve, zhyve-vnc and zoneadmd take from each other: the page of the mode, written by a
 * zhyve that was taken over (the picture made of it must lie within the framebuffer), and events
 * from a zhyve-vnc that was. And a keyboard layout file, in the other half of the inputs.
 */
#include "wire/display.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/input.h"
#include "devices/keymap.h"
#include "fuzz.h"
#include "procs/vnc/picture.h"

#define VRAM (1u << 20)

static void
dirty(void *ctx, unsigned x1, unsigned y1, unsigned x2, unsigned y2)
{
	const struct picture *p = ctx;

	assert(x1 < x2 && y1 < y2 && x2 <= p->mode.width && y2 <= p->mode.height);
}

static void
pages(struct fuzz *in)
{
	static uint8_t *mem;
	uint32_t *old = NULL;
	struct picture p;

	if (mem == NULL)
		mem = calloc(1, VRAM + DISPLAY_PAGE_LEN);
	assert(mem != NULL);
	memset(mem + VRAM, 0, DISPLAY_PAGE_LEN);
	if (picture_init(&p, mem, VRAM) != 0)
		return;
	for (unsigned i = 0; i < 8 && in->left > 0; i++) {
		struct display_mode m = { fuzz_u16(in), fuzz_u16(in), fuzz_u32(in), fuzz_u32(in) };

		if ((fuzz_u8(in) & 1) != 0)
			m = (struct display_mode){ m.width % 600, m.height % 400,
				(m.stride % 800) * 4, m.offset % 4096 * 4 };
		display_page_put((struct display_page *)(void *)(mem + VRAM), &m);
		if ((fuzz_u8(in) & 3) == 0)
			(void)fuzz_bytes(in, mem + VRAM, sizeof(struct display_page));
		mem[fuzz_u32(in) % VRAM] ^= 1;
		old = NULL;
		if (picture_follow(&p, &old) == 1)
			free(old);
		(void)picture_refresh(&p, dirty, &p);
	}
	free(p.pixels);
}

static void
events(struct fuzz *in)
{
	struct display_event ev;
	struct keymap map;
	uint8_t raw[64];
	int sv[2], rc;

	keymap_us(&map);
	rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	for (unsigned i = 0; i < 16 && in->left > 0; i++) {
		size_t n = 1 + fuzz_u8(in) % sizeof(raw);

		if (n >= sizeof(ev) && n < 2 * sizeof(ev))
			n = sizeof(ev);
		(void)fuzz_bytes(in, raw, n);
		raw[0] = raw[0] % 7;
		raw[1] = raw[2] = raw[3] = 0;
		(void)send(sv[0], raw, n, MSG_NOSIGNAL);
		if (display_recv(sv[1], &ev) != 1)
			continue;
		if (ev.type == DISPLAY_KEY)
			assert(keymap_key(&map, ev.keysym) <= INPUT_KEY_MAX && ev.down <= 1);
		if (ev.type == DISPLAY_POINTER)
			assert(ev.x < ev.width && ev.y < ev.height);
	}
	(void)close(sv[0]);
	(void)close(sv[1]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	struct keymap map;

	switch (fuzz_u8(&in) % 3) {
	case 0:
		pages(&in);
		break;
	case 1:
		events(&in);
		break;
	default:
		keymap_us(&map);
		(void)keymap_parse(&map, (const char *)in.p, in.left, NULL);
		for (uint32_t keysym = 0; keysym < 512; keysym++)
			assert(keymap_key(&map, keysym) <= INPUT_KEY_MAX);
		assert(map.nextra <= KEYMAP_EXTRA);
		break;
	}
	return (0);
}
