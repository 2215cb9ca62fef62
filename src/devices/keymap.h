/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the symbols that a display's client types (X11's keysyms, as RFB sends them) to keys
 * (devices/input.h). A map says on which key of a keyboard a symbol stands; which of the key's
 * symbols the guest sees is up to the guest, to whom the client's Shift and AltGr go as keys of
 * their own. The US layout is built in; a file in bhyve's format changes it. Pure; runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_KEYMAP_H
#define ZHYVE_DEVICES_KEYMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define KEYMAP_EXTRA    128
#define KEYMAP_FILE_MAX 65536 /* bytes of a file */

struct keymap {
	uint8_t latin[256]; /* by keysym: ASCII and Latin-1 */
	unsigned nextra;
	struct {
		uint32_t keysym;
		uint8_t key;
	} extra[KEYMAP_EXTRA]; /* what a file says of others */
};

void keymap_us(struct keymap *map);
/*
 * Change `map` by a layout file as bhyve's: lines of `'c',SCANCODE;` or `KEYSYM,SCANCODE;`,
 * optionally with a third field (the prefix 0xE0) before the semicolon, numbers as in C, scan
 * codes of set 2; what follows the semicolon, empty lines and lines that begin with # are
 * comments. 0, or -EINVAL with the line named (the map is then part old, part new), -ENOSPC.
 */
int keymap_parse(struct keymap *map, const char *text, size_t len, struct err *e);
/* The key of a keysym; 0: there is none. */
unsigned keymap_key(const struct keymap *map, uint32_t keysym);

#endif
