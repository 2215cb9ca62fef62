/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The private copy of the guest's picture that clients are served from, and what changed in it.
 * The guest writes its framebuffer while we look, so every byte is taken once; what is told as
 * changed is what the copy changed. A look costs reading the picture, once per frame and only
 * while somebody watches (docs/decisions/0033). No system call but for memory. Runs in zhyve-vnc.
 */
#ifndef ZHYVE_PROCS_VNC_PICTURE_H
#define ZHYVE_PROCS_VNC_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/display.h"

#define PICTURE_BAND 16 /* lines that are told as one rectangle */

/* Without a mode: black, of this size. */
#define PICTURE_BLANK_WIDTH  640u
#define PICTURE_BLANK_HEIGHT 480u

struct picture {
	const uint8_t *vram;
	const struct display_page *page;
	uint64_t vram_size;
	struct display_mode mode; /* of the copy; stride and offset are the framebuffer's */
	bool blank;
	uint32_t *pixels; /* width x height, the copy */
};

/* Size and blackness at start. 0 or -ENOMEM. */
int picture_init(struct picture *p, const uint8_t *vram, uint64_t vram_size);
/*
 * Follow the guest's mode. 1: the size changed, and with it the copy (the one before is given in
 * *old for the caller to free once nobody looks at it); 0: it did not; -ENOMEM: neither.
 */
int picture_follow(struct picture *p, uint32_t **old);
/*
 * Copy what changed and tell it: x2 and y2 are exclusive. True when anything did.
 */
bool picture_refresh(struct picture *p,
    void (*dirty)(void *ctx, unsigned x1, unsigned y1, unsigned x2, unsigned y2), void *ctx);

#endif
