/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The display's other side, as zhyve sees it: the memory shared with zhyve-vnc (wire/display.h)
 * and the socket on which its clients' keys and pointers come. In a zone both are handed over;
 * by hand zhyve makes them and starts zhyve-vnc. Runs in zhyve.
 */
#ifndef ZHYVE_PROCS_ZHYVE_DISPLAY_H
#define ZHYVE_PROCS_ZHYVE_DISPLAY_H

#include "devices/keymap.h"
#include "procs/zhyve/machine.h"
#include "wire/display.h"

struct display {
	struct machine *m;
	int mem; /* the memory object, kept for its mapping only */
	uint8_t *vram;
	uint64_t vram_size;
	struct display_page *page;
	int events;
	struct mevent *ev;
	struct keymap map;
	uint8_t wheel; /* of the last pointer event: the buttons that are steps of the wheel */
};

/*
 * From the options of the fbuf device (docs/zhyve.8): map the framebuffer of `vram` bytes, start
 * zhyve-vnc where it is asked for, watch the events. 0 or -errno.
 */
int display_open(
    struct display *d, struct machine *m, struct config_node *cfg, uint64_t vram, struct err *e);

#endif
