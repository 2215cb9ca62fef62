/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keysyms to keys: see keymap.h. Numbers of keysyms are those of X11 (the X Protocol's appendix A
 * and keysymdef.h), of keys those of Linux. Pure; runs in zhyve.
 */
#include "devices/keymap.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "devices/input.h"
#include "devices/ps2.h"

#define UNICODE     0x01000000u /* keysyms above: a character by its number */
#define PREFIX_E0   0xE0
#define FIELD_MAX   16 /* characters of a number */
#define KEYSYM_LAST 0x0110ffffu

/* Keys in a row, from `key` on: what stands on them without and with Shift. */
static const struct {
	uint8_t key;
	const char *plain, *shifted;
} us_rows[] = {
	{ 2, "1234567890-=", "!@#$%^&*()_+" },
	{ 16, "qwertyuiop[]", "QWERTYUIOP{}" },
	{ 30, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
	{ 43, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
	{ 57, " ", " " },
};

/* Keysyms in a row, from `keysym` on, on keys in a row. */
static const struct {
	uint16_t keysym;
	uint8_t key, n;
} functions[] = {
	{ 0xfe03, 100, 1 }, /* AltGr */
	{ 0xfe20, 15, 1 },  /* Tab with Shift */
	{ 0xff08, 14, 2 },  /* BackSpace, Tab */
	{ 0xff0d, 28, 1 },  /* Return */
	{ 0xff13, 119, 1 }, /* Pause */
	{ 0xff14, 70, 1 },  /* Scroll Lock */
	{ 0xff15, 99, 1 },  /* SysRq */
	{ 0xff1b, 1, 1 },   /* Escape */
	{ 0xff50, 102, 1 }, /* Home */
	{ 0xff51, 105, 1 }, /* Left */
	{ 0xff52, 103, 1 }, /* Up */
	{ 0xff53, 106, 1 }, /* Right */
	{ 0xff54, 108, 1 }, /* Down */
	{ 0xff55, 104, 1 }, /* Page Up */
	{ 0xff56, 109, 1 }, /* Page Down */
	{ 0xff57, 107, 1 }, /* End */
	{ 0xff61, 99, 1 },  /* Print */
	{ 0xff63, 110, 1 }, /* Insert */
	{ 0xff67, 127, 1 }, /* Menu */
	{ 0xff6b, 119, 1 }, /* Break */
	{ 0xff7e, 100, 1 }, /* Mode switch */
	{ 0xff7f, 69, 1 },  /* Num Lock */
	{ 0xff80, 57, 1 },  /* keypad: Space */
	{ 0xff89, 15, 1 },  /* Tab */
	{ 0xff8d, 96, 1 },  /* Enter */
	{ 0xff91, 59, 4 },  /* F1 to F4 */
	{ 0xff95, 71, 1 },  /* Home */
	{ 0xff96, 75, 1 },  /* Left */
	{ 0xff97, 72, 1 },  /* Up */
	{ 0xff98, 77, 1 },  /* Right */
	{ 0xff99, 80, 1 },  /* Down */
	{ 0xff9a, 73, 1 },  /* Page Up */
	{ 0xff9b, 81, 1 },  /* Page Down */
	{ 0xff9c, 79, 1 },  /* End */
	{ 0xff9d, 76, 1 },  /* Begin */
	{ 0xff9e, 82, 2 },  /* Insert, Delete */
	{ 0xffaa, 55, 1 },  /* times */
	{ 0xffab, 78, 1 },  /* plus */
	{ 0xffac, 121, 1 }, /* separator */
	{ 0xffad, 74, 1 },  /* minus */
	{ 0xffae, 83, 1 },  /* point */
	{ 0xffaf, 98, 1 },  /* divided by */
	{ 0xffb0, 82, 1 },  /* 0 */
	{ 0xffb1, 79, 3 },  /* 1 to 3 */
	{ 0xffb4, 75, 3 },  /* 4 to 6 */
	{ 0xffb7, 71, 3 },  /* 7 to 9 */
	{ 0xffbd, 117, 1 }, /* equals */
	{ 0xffbe, 59, 10 }, /* F1 to F10 */
	{ 0xffc8, 87, 2 },  /* F11, F12 */
	{ 0xffe1, 42, 1 },  /* Shift */
	{ 0xffe2, 54, 1 },  /* Shift, right */
	{ 0xffe3, 29, 1 },  /* Control */
	{ 0xffe4, 97, 1 },  /* Control, right */
	{ 0xffe5, 58, 1 },  /* Caps Lock */
	{ 0xffe6, 58, 1 },  /* Shift Lock */
	{ 0xffe7, 56, 1 },  /* Meta: Alt */
	{ 0xffe8, 100, 1 }, /* Meta, right */
	{ 0xffe9, 56, 1 },  /* Alt */
	{ 0xffea, 100, 1 }, /* Alt, right */
	{ 0xffeb, 125, 2 }, /* Super */
	{ 0xffff, 111, 1 }, /* Delete */
};

void
keymap_us(struct keymap *map)
{
	memset(map, 0, sizeof(*map));
	for (size_t i = 0; i < NITEMS(us_rows); i++) {
		for (unsigned j = 0; us_rows[i].plain[j] != '\0'; j++) {
			uint8_t key = (uint8_t)(us_rows[i].key + j);

			map->latin[(uint8_t)us_rows[i].plain[j]] = key;
			map->latin[(uint8_t)us_rows[i].shifted[j]] = key;
		}
	}
}

unsigned
keymap_key(const struct keymap *map, uint32_t keysym)
{
	if (keysym >= UNICODE && keysym <= UNICODE + 0xff)
		keysym -= UNICODE;
	if (keysym < NITEMS(map->latin))
		return (map->latin[keysym]);
	for (unsigned i = 0; i < map->nextra; i++) {
		if (map->extra[i].keysym == keysym)
			return (map->extra[i].key);
	}
	for (size_t i = 0; i < NITEMS(functions); i++) {
		if (keysym >= functions[i].keysym &&
		    keysym < (uint32_t)functions[i].keysym + functions[i].n)
			return (functions[i].key + (keysym - functions[i].keysym));
	}
	return (0);
}

static int
set_key(struct keymap *map, uint32_t keysym, unsigned key)
{
	if (keysym < NITEMS(map->latin)) {
		map->latin[keysym] = (uint8_t)key;
		return (0);
	}
	if (map->nextra == KEYMAP_EXTRA)
		return (-ENOSPC);
	/* The last word on a keysym counts: it is found first. */
	for (unsigned i = map->nextra++; i > 0; i--)
		map->extra[i] = map->extra[i - 1];
	map->extra[0].keysym = keysym;
	map->extra[0].key = (uint8_t)key;
	return (0);
}

/* A line under the eye. */
struct line {
	const char *at, *end;
};

static bool
skip(struct line *l, char c)
{
	if (l->at == l->end || *l->at != c)
		return (false);
	l->at++;
	return (true);
}

/* Decimal, or hexadecimal after 0x. */
static bool
number(struct line *l, uint32_t max, uint32_t *out)
{
	int base = 10, digit;
	uint64_t v = 0;
	unsigned n = 0;

	if (l->end - l->at > 2 && l->at[0] == '0' && (l->at[1] == 'x' || l->at[1] == 'X')) {
		base = 16;
		l->at += 2;
	}
	for (; l->at < l->end && n < FIELD_MAX; l->at++, n++) {
		if ((digit = parse_hex_digit(*l->at)) < 0 || digit >= base)
			break;
		v = v * (unsigned)base + (unsigned)digit;
	}
	*out = (uint32_t)v;
	return (n > 0 && n < FIELD_MAX && v <= max);
}

static int
parse_line(struct keymap *map, struct line l)
{
	uint32_t keysym, code, prefix = 0;
	unsigned key;

	if (l.end - l.at >= 3 && l.at[0] == '\'' && l.at[2] == '\'') {
		keysym = (uint8_t)l.at[1];
		l.at += 3;
	} else if (!number(&l, KEYSYM_LAST, &keysym)) {
		return (-EINVAL);
	}
	if (!skip(&l, ',') || !number(&l, 0xff, &code) ||
	    (skip(&l, ',') && !number(&l, 0xff, &prefix)) || !skip(&l, ';') ||
	    (prefix != 0 && prefix != PREFIX_E0))
		return (-EINVAL);
	if ((key = ps2kbd_key_of_set2((uint8_t)code, prefix == PREFIX_E0)) == 0)
		return (-EINVAL);
	return (set_key(map, keysym, key));
}

int
keymap_parse(struct keymap *map, const char *text, size_t len, struct err *e)
{
	const char *end = text + len;
	unsigned n = 1;

	if (len > KEYMAP_FILE_MAX)
		return (err_say(e, EINVAL, "longer than %u bytes", KEYMAP_FILE_MAX));
	for (const char *at = text; at < end; n++) {
		const char *nl = memchr(at, '\n', (size_t)(end - at));
		struct line l = { at, nl != NULL ? nl : end };
		int rc;

		at = nl != NULL ? nl + 1 : end;
		while (skip(&l, ' ') || skip(&l, '\t'))
			;
		if (l.at == l.end || *l.at == '#' || *l.at == '\r')
			continue;
		rc = parse_line(map, l);
		if (rc == -ENOSPC)
			return (err_say(
			    e, ENOSPC, "more than %u symbols beyond Latin-1", KEYMAP_EXTRA));
		if (rc != 0)
			return (err_say(e, EINVAL,
			    "line %u is not of the form 'c',SCANCODE; or KEYSYM,SCANCODE; with a "
			    "scan code of set 2",
			    n));
	}
	return (0);
}
