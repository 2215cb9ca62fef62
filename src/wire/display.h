/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes around a display share: one memory object (memfd) with the framebuffer and,
 * in the page behind it, the mode; and the events that zhyve-vnc sends to zhyve, of fixed size,
 * over a SOCK_SEQPACKET pair. zhyve writes framebuffer and page; zhyve-vnc (and zoneadmd, for
 * pictures) reads them. Nobody believes the other: zhyve's page is checked at every look, events
 * of another size or kind end the connection. No allocation; zhyve, zhyve-vnc, zoneadmd.
 */
#ifndef ZHYVE_WIRE_DISPLAY_H
#define ZHYVE_WIRE_DISPLAY_H

#include <stdint.h>

#define DISPLAY_PAGE_LEN  4096u
#define DISPLAY_VRAM_MAX  (64u << 20)
#define DISPLAY_SIDE_MIN  64u /* of a picture, in pixels */
#define DISPLAY_WIDTH_MAX 3840u
#define DISPLAY_LINES_MAX 2160u

/* The page behind the framebuffer. */
struct display_page {
	uint32_t magic;
	uint32_t seq; /* odd while the rest is being changed */
	uint32_t width, height, stride, offset;
};

/* A picture of 32-bit pixels (0x00RRGGBB); width 0: there is none. */
struct display_mode {
	uint32_t width, height; /* pixels */
	uint32_t stride;        /* bytes from line to line */
	uint32_t offset;        /* of the first pixel in the framebuffer */
};

/* Tell a mode. One writer at a time; never waits. */
void display_page_put(struct display_page *page, const struct display_mode *mode);
/*
 * The mode in the page, checked to be within the bounds above and within a framebuffer of `vram`
 * bytes; one that is not, or that is being changed, is given as width 0.
 */
struct display_mode display_page_get(const struct display_page *page, uint64_t vram);

/*
 * Make the memory object for a framebuffer of `vram` bytes (whole pages), sealed against changes
 * of size. A descriptor or -errno.
 */
int display_memory(uint64_t vram);
/*
 * The size of the framebuffer in a memory object that somebody else made: 0 or -EINVAL when it is
 * none (not sealed, of no such size).
 */
int display_vram(int fd, uint64_t *vram);

enum display_event_type {
	DISPLAY_KEY = 1,
	DISPLAY_POINTER,
	DISPLAY_RELEASE, /* a client has gone: nothing is held down */
	DISPLAY_READY,   /* zhyve-vnc is confined and takes clients */
	DISPLAY_CLIENT,  /* the first client is there, its password checked */
};

struct display_event {
	uint32_t type;
	uint32_t keysym; /* DISPLAY_KEY: X11's number of the symbol */
	uint8_t down;
	uint8_t buttons; /* DISPLAY_POINTER: RFB's mask; bits 3 and 4 are steps of the wheel */
	uint16_t x, y;   /* pixels, within the picture */
	uint16_t width, height; /* of that picture */
};

/* 0 or -errno; -EAGAIN when the peer is not keeping up (the event is lost). Never raises SIGPIPE. */
int display_send(int sock, const struct display_event *ev);
/* 1 received and checked, 0 the peer is gone, -EAGAIN, -EPROTO, -errno. */
int display_recv(int sock, struct display_event *ev);

#endif
