/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VNC client for tests, on Debian's libvncclient: connects to HOST:DISPLAY, HOST:PORT or a UNIX
 * socket, and carries out its arguments in order, each within TIMEOUT seconds:
 *   size=WxH          the picture has this size
 *   pixel=X,Y,RRGGBB  so has this pixel this colour
 *   colours=N         the picture has at least N different colours among every 7th pixel
 *   changed           it is not as it was when this began
 *   still             it does not change for a second
 *   type=TEXT         type it, with Shift where the US layout needs it
 *   key=KEYSYM        press and release, a number
 *   point=X,Y,MASK    move there with these buttons
 *   save=FILE         write it, as PPM
 * $VNC_PASSWORD is the password, if one is asked for. Ends with 0 when all was as said.
 */
#include <ctype.h>
#include <rfb/rfbclient.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT  120
#define SHIFT    0xffe1
#define PIXEL    7
#define SEEN_MAX 64

static unsigned updates;

static void
on_update(rfbClient *c, int x, int y, int w, int h)
{
	(void)c;
	(void)x;
	(void)y;
	(void)w;
	(void)h;
	updates++;
}

static char *
on_password(rfbClient *c)
{
	const char *p = getenv("VNC_PASSWORD");

	(void)c;
	return (strdup(p != NULL ? p : ""));
}

static uint32_t
pixel(const rfbClient *c, int x, int y)
{
	uint32_t v;

	if (x < 0 || y < 0 || x >= c->width || y >= c->height)
		return (UINT32_MAX);
	memcpy(&v, c->frameBuffer + ((size_t)y * (size_t)c->width + (size_t)x) * 4, 4);
	return (v & 0xffffff);
}

static unsigned
count_colours(const rfbClient *c)
{
	uint32_t seen[SEEN_MAX];
	unsigned n = 0, i;

	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width && n < SEEN_MAX; x += PIXEL) {
			for (i = 0; i < n && seen[i] != pixel(c, x, y); i++)
				;
			if (i == n)
				seen[n++] = pixel(c, x, y);
		}
	}
	return (n);
}

/* Take what the server sends for up to `ms`. */
static void
listen_for(rfbClient *c, unsigned ms)
{
	int n = WaitForMessage(c, ms * 1000);

	if (n < 0 || (n > 0 && !HandleRFBServerMessage(c))) {
		fprintf(stderr, "vnc_client: the server has hung up\n");
		exit(1);
	}
}

static void
type_text(rfbClient *c, const char *text)
{
	for (; *text != '\0'; text++) {
		bool shift =
		    isupper((unsigned char)*text) || strchr("~!@#$%^&*()_+{}|:\"<>?", *text);

		if (shift)
			SendKeyEvent(c, SHIFT, TRUE);
		SendKeyEvent(c, (uint32_t)*text, TRUE);
		SendKeyEvent(c, (uint32_t)*text, FALSE);
		if (shift)
			SendKeyEvent(c, SHIFT, FALSE);
		listen_for(c, 50);
	}
}

static int
save(const rfbClient *c, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return (-1);
	fprintf(f, "P6\n%d %d\n255\n", c->width, c->height);
	for (int y = 0; y < c->height; y++) {
		for (int x = 0; x < c->width; x++) {
			uint32_t v = pixel(c, x, y);
			const uint8_t rgb[3] = { v >> 16 & 0xff, v >> 8 & 0xff, v & 0xff };

			fwrite(rgb, 1, 3, f);
		}
	}
	return (fclose(f));
}

/* Is it so now? */
static bool
holds(const rfbClient *c, const char *arg, unsigned since)
{
	unsigned x, y, v;

	if (sscanf(arg, "size=%ux%u", &x, &y) == 2)
		return ((unsigned)c->width == x && (unsigned)c->height == y);
	if (sscanf(arg, "pixel=%u,%u,%x", &x, &y, &v) == 3)
		return (pixel(c, (int)x, (int)y) == v);
	if (sscanf(arg, "colours=%u", &v) == 1)
		return (count_colours(c) >= v);
	if (strcmp(arg, "changed") == 0)
		return (updates != since);
	fprintf(stderr, "vnc_client: %s is no test\n", arg);
	exit(2);
}

static void
until_holds(rfbClient *c, const char *arg)
{
	time_t end = time(NULL) + TIMEOUT;
	unsigned since = updates;

	while (!holds(c, arg, since)) {
		if (time(NULL) > end) {
			fprintf(stderr, "vnc_client: not so: %s (the picture is %dx%d)\n", arg,
			    c->width, c->height);
			exit(1);
		}
		listen_for(c, 100);
	}
}

static void
until_still(rfbClient *c)
{
	time_t end = time(NULL) + TIMEOUT;
	unsigned before;

	do {
		before = updates;
		for (unsigned i = 0; i < 10; i++)
			listen_for(c, 100);
	} while (updates != before && time(NULL) < end);
}

static void
carry_out(rfbClient *c, const char *arg)
{
	int x, y, mask;

	if (strncmp(arg, "type=", 5) == 0)
		type_text(c, arg + 5);
	else if (strncmp(arg, "key=", 4) == 0) {
		SendKeyEvent(c, (uint32_t)strtoul(arg + 4, NULL, 0), TRUE);
		/* The guest may end by it: nothing is waited for. */
		SendKeyEvent(c, (uint32_t)strtoul(arg + 4, NULL, 0), FALSE);
	} else if (sscanf(arg, "point=%d,%d,%d", &x, &y, &mask) == 3)
		SendPointerEvent(c, x, y, mask);
	else if (strcmp(arg, "still") == 0)
		until_still(c);
	else if (strncmp(arg, "save=", 5) == 0) {
		if (save(c, arg + 5) != 0)
			exit(1);
	} else
		until_holds(c, arg);
}

int
main(int argc, char **argv)
{
	rfbClient *c = rfbGetClient(8, 3, 4);
	int n = 2;

	if (argc < 2 || c == NULL)
		return (2);
	c->format.redShift = 16;
	c->format.greenShift = 8;
	c->format.blueShift = 0;
	c->canHandleNewFBSize = TRUE;
	c->GotFrameBufferUpdate = on_update;
	c->GetPassword = on_password;
	c->appData.encodingsString = "zrle tight hextile raw";
	if (!rfbInitClient(c, &n, argv))
		return (1);
	for (int i = 2; i < argc; i++)
		carry_out(c, argv[i]);
	rfbClientCleanup(c);
	return (0);
}
