/* SPDX-License-Identifier: BSD-2-Clause */
/* The copy of the guest's picture: see picture.h. Runs in zhyve-vnc. */
#include "procs/vnc/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

static uint32_t *
make_pixels(uint32_t width, uint32_t height)
{
	return (calloc((size_t)width * height, sizeof(uint32_t)));
}

int
picture_init(struct picture *p, const uint8_t *vram, uint64_t vram_size)
{
	*p = (struct picture){
		.vram = vram,
		.page = (const struct display_page *)(const void *)(vram + vram_size),
		.vram_size = vram_size,
		.mode = { .width = PICTURE_BLANK_WIDTH, .height = PICTURE_BLANK_HEIGHT },
		.blank = true,
		.pixels = make_pixels(PICTURE_BLANK_WIDTH, PICTURE_BLANK_HEIGHT),
	};
	return (p->pixels != NULL ? 0 : -ENOMEM);
}

int
picture_follow(struct picture *p, uint32_t **old)
{
	struct display_mode m = display_page_get(p->page, p->vram_size);
	uint32_t *pixels;

	p->blank = m.width == 0;
	if (p->blank)
		return (0); /* its size stays: modes are taken down to set another */
	if (m.width == p->mode.width && m.height == p->mode.height) {
		p->mode = m;
		return (0);
	}
	if ((pixels = make_pixels(m.width, m.height)) == NULL)
		return (-ENOMEM);
	*old = p->pixels;
	p->pixels = pixels;
	p->mode = m;
	return (1);
}

/* Copy one line; widens [*x1, *x2) to what changed. */
static void
refresh_line(uint32_t *copy, const uint8_t *line, uint32_t width, uint32_t *x1, uint32_t *x2)
{
	const uint32_t *src = (const uint32_t *)(const void *)line;
	uint32_t first = width, last = 0;

	if (memcmp(copy, src, (size_t)width * 4) == 0)
		return;
	for (uint32_t x = 0; x < width; x++) {
		uint32_t pixel = __atomic_load_n(&src[x], __ATOMIC_RELAXED);

		if (pixel == copy[x])
			continue;
		copy[x] = pixel;
		first = MIN(first, x);
		last = x + 1;
	}
	*x1 = MIN(*x1, first);
	*x2 = MAX(*x2, last);
}

static void
blank_line(uint32_t *copy, uint32_t width, uint32_t *x1, uint32_t *x2)
{
	for (uint32_t x = 0; x < width; x++) {
		if (copy[x] != 0) {
			memset(copy, 0, (size_t)width * 4);
			*x1 = 0;
			*x2 = width;
			return;
		}
	}
}

bool
picture_refresh(struct picture *p,
    void (*dirty)(void *ctx, unsigned x1, unsigned y1, unsigned x2, unsigned y2), void *ctx)
{
	const struct display_mode *m = &p->mode;
	bool any = false;

	for (uint32_t band = 0; band < m->height; band += PICTURE_BAND) {
		uint32_t end = MIN(band + PICTURE_BAND, m->height), x1 = m->width, x2 = 0;

		for (uint32_t y = band; y < end; y++) {
			uint32_t *copy = p->pixels + (size_t)y * m->width;

			if (p->blank)
				blank_line(copy, m->width, &x1, &x2);
			else
				refresh_line(copy, p->vram + m->offset + (size_t)y * m->stride,
				    m->width, &x1, &x2);
		}
		if (x1 < x2) {
			dirty(ctx, x1, band, x2, end);
			any = true;
		}
	}
	return (any);
}
