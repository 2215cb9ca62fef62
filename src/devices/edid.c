/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The display's EDID: see edid.h. The timings are made up (nothing scans the picture out); they
 * are of the size a reduced-blanking mode has. Pure; runs in zhyve.
 */
#include "devices/edid.h"

#include <string.h>

#include "base/checked.h"

#define HBLANK   160
#define HFRONT   48
#define HSYNC    32
#define VBLANK   40
#define VFRONT   3
#define VSYNC    6
#define HZ       60
#define DPI      96
#define DESC_LEN 18

/* Manufacturer "ZHY", five bits a letter (3.4.1). */
#define VENDOR ((('Z' - '@') << 10) | (('H' - '@') << 5) | ('Y' - '@'))

/* Detailed timing (3.10.2). */
static void
put_timing(uint8_t d[DESC_LEN], unsigned w, unsigned h)
{
	unsigned w_mm = w * 254 / (10 * DPI), h_mm = h * 254 / (10 * DPI);

	le16_put(&d[0], (uint16_t)((w + HBLANK) * (h + VBLANK) * HZ / 10000)); /* 10 kHz */
	d[2] = (uint8_t)w;
	d[3] = (uint8_t)HBLANK;
	d[4] = (uint8_t)((w >> 8) << 4 | HBLANK >> 8);
	d[5] = (uint8_t)h;
	d[6] = (uint8_t)VBLANK;
	d[7] = (uint8_t)((h >> 8) << 4 | VBLANK >> 8);
	d[8] = HFRONT;
	d[9] = HSYNC;
	d[10] = VFRONT << 4 | VSYNC;
	d[11] = 0;
	d[12] = (uint8_t)w_mm;
	d[13] = (uint8_t)h_mm;
	d[14] = (uint8_t)((w_mm >> 8) << 4 | h_mm >> 8);
	d[17] = 0x1a; /* digital separate sync, horizontal positive */
}

/* A descriptor of text: name of the monitor (3.10.3.4). */
static void
put_name(uint8_t d[DESC_LEN])
{
	static const char name[13] = "zhyve\n       ";

	d[3] = 0xfc;
	memcpy(&d[5], name, sizeof(name));
}

/* Range limits (3.10.3.3.1): 50-75 Hz, 30-160 kHz, up to 660 MHz; no formula. */
static void
put_limits(uint8_t d[DESC_LEN])
{
	static const uint8_t limits[] = { 0xfd, 0, 50, 75, 30, 160, 66, 1, '\n', ' ', ' ', ' ', ' ',
		' ', ' ' };

	memcpy(&d[3], limits, sizeof(limits));
}

void
edid_make(uint8_t edid[EDID_LEN], unsigned width, unsigned height)
{
	/* sRGB's colours (3.7). */
	static const uint8_t chroma[] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50,
		0x54 };
	uint8_t sum = 0;

	memset(edid, 0, EDID_LEN);
	memset(&edid[1], 0xff, 6);
	edid[8] = VENDOR >> 8;
	edid[9] = VENDOR & 0xff;
	le16_put(&edid[10], 1); /* product */
	edid[16] = 1;           /* week and year of its making */
	edid[17] = 2024 - 1990;
	edid[18] = 1; /* version 1.4 */
	edid[19] = 4;
	edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
	edid[21] = (uint8_t)(width * 254 / (100 * DPI));
	edid[22] = (uint8_t)(height * 254 / (100 * DPI));
	edid[23] = 120;  /* gamma 2.2 */
	edid[24] = 0x06; /* sRGB; the first timing is the native one */
	memcpy(&edid[25], chroma, sizeof(chroma));
	edid[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
	edid[36] = 0x08; /* 1024x768 at 60 Hz */
	memset(&edid[38], 0x01, 16);
	put_timing(&edid[54], width, height);
	put_name(&edid[72]);
	put_limits(&edid[90]);
	edid[108 + 3] = 0x10; /* nothing */
	for (unsigned i = 0; i < EDID_LEN - 1; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[EDID_LEN - 1] = (uint8_t)-sum;
}
