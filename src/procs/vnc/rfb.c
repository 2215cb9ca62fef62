/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libvncserver with its doors shut: no files, no chat, no HTTP, no TLS, no WebSockets, no cursor of its
 * own. See rfb.h. Runs in zhyve-vnc.
 */
#include "procs/vnc/rfb.h"

#include <errno.h>
#include <rfb/rfb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define CLIENT_WAIT_MS 2000 /* for the rest of a message, or for room to send */
#define COLOUR_MAX     0xff

static struct {
	rfbScreenInfoPtr screen;
	struct picture *picture;
	const char *passwords[2];
	int events;
	bool told_client, activity;
} vnc;

/*
 * libvncserver's own recv, in place of libc's (the program's symbols come first). It calls it with
 * MSG_PEEK only, to look whether a new client speaks TLS or WebSockets: a wait of 100 ms for every
 * client, two more protocols for strangers to try, and an endless loop (0.9.14) for one that sends
 * fewer than four bytes. The answer is always that nothing came.
 */
ssize_t recv(int fd, void *buf, size_t len, int flags);
ssize_t
recv(int fd, void *buf, size_t len, int flags)
{
	if ((flags & MSG_PEEK) != 0) {
		errno = ETIMEDOUT;
		return (-1);
	}
	return (recvfrom(fd, buf, len, flags, NULL, NULL));
}

static void
quiet(const char *format, ...)
{
	(void)format; /* what a client can cause is not worth a line in the log */
}

static void
tell(const struct display_event *ev)
{
	int rc = display_send(vnc.events, ev);

	vnc.activity = true;
	if (rc != 0 && rc != -EPIPE && rc != -ECONNRESET) /* the loop sees that zhyve is gone */
		log_err("cannot send an event: %s", strerror(-rc));
}

static void
on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr cl)
{
	const struct display_event ev = {
		.type = DISPLAY_KEY,
		.keysym = keysym,
		.down = down != 0,
	};

	(void)cl;
	tell(&ev);
}

static uint16_t
clip(int v, uint32_t size)
{
	return (v < 0 ? 0 : (uint32_t)v >= size ? (uint16_t)(size - 1) : (uint16_t)v);
}

static void
on_pointer(int buttons, int x, int y, rfbClientPtr cl)
{
	const struct display_mode *m = &vnc.picture->mode;
	const struct display_event ev = {
		.type = DISPLAY_POINTER,
		.buttons = (uint8_t)buttons,
		.x = clip(x, m->width),
		.y = clip(y, m->height),
		.width = (uint16_t)m->width,
		.height = (uint16_t)m->height,
	};

	(void)cl;
	tell(&ev);
}

static void
on_release(rfbClientPtr cl)
{
	const struct display_event ev = { .type = DISPLAY_RELEASE };

	(void)cl;
	tell(&ev);
}

static enum rfbNewClientAction
on_new_client(rfbClientPtr cl)
{
	cl->clientGoneHook = on_release;
	return (RFB_CLIENT_ACCEPT);
}

/* The pixels are the framebuffer's: 0x00RRGGBB. */
static void
set_format(rfbScreenInfoPtr s)
{
	s->serverFormat.redShift = 16;
	s->serverFormat.greenShift = 8;
	s->serverFormat.blueShift = 0;
	s->serverFormat.redMax = s->serverFormat.greenMax = s->serverFormat.blueMax = COLOUR_MAX;
	s->serverFormat.trueColour = TRUE;
	s->serverFormat.bigEndian = FALSE;
	for (rfbClientPtr cl = s->clientHead; cl != NULL; cl = cl->next)
		(void)s->setTranslateFunction(cl);
}

/* First uses that open files or ask for entropy: no longer possible later. */
static void
warm_up(void)
{
	unsigned char challenge[16] = { 0 };
	char password[] = "password";

	rfbEncryptBytes(challenge, password);
}

int
rfb_init(struct picture *p, const char *name, const char *password, int events)
{
	rfbScreenInfoPtr s;
	int argc = 0;

	rfbLog = rfbErr = quiet;
	vnc.picture = p;
	vnc.events = events;
	s = rfbGetScreen(&argc, NULL, (int)p->mode.width, (int)p->mode.height, 8, 3, 4);
	if (s == NULL)
		return (-ENOMEM);
	s->desktopName = name;
	s->frameBuffer = (char *)p->pixels;
	s->alwaysShared = TRUE;
	s->cursor = NULL;
	s->deferUpdateTime = 0;
	s->maxClientWait = CLIENT_WAIT_MS;
	s->permitFileTransfer = FALSE;
	s->kbdAddEvent = on_key;
	s->ptrAddEvent = on_pointer;
	s->kbdReleaseAllKeys = on_release;
	s->newClientHook = on_new_client;
	s->fdQuota = 1.0f;
	if (password != NULL) {
		vnc.passwords[0] = password;
		s->authPasswdData = (void *)vnc.passwords;
		s->passwordCheck = rfbCheckPasswordByList;
	}
	vnc.screen = s;
	set_format(s);
	warm_up();
	return (0);
}

/* After every call that may have lost clients: libvncserver leaves it to us to free them. */
static void
bury(void)
{
	rfbClientPtr next;

	for (rfbClientPtr cl = vnc.screen->clientHead; cl != NULL; cl = next) {
		next = cl->next;
		if (cl->sock == RFB_INVALID_SOCKET)
			rfbClientConnectionGone(cl);
	}
}

unsigned
rfb_sockets(int fds[RFB_CLIENTS_MAX])
{
	unsigned n = 0;

	for (rfbClientPtr cl = vnc.screen->clientHead; cl != NULL; cl = cl->next) {
		if (n < RFB_CLIENTS_MAX)
			fds[n++] = cl->sock;
	}
	return (n);
}

void
rfb_client(int fd)
{
	int fds[RFB_CLIENTS_MAX];

	if (rfb_sockets(fds) == RFB_CLIENTS_MAX) {
		(void)close(fd);
		return;
	}
	(void)rfbNewClient(vnc.screen, fd); /* closes it when it cannot */
	bury();
}

static void
tell_first_client(const struct _rfbClientRec *cl)
{
	const struct display_event ev = { .type = DISPLAY_CLIENT };

	if (vnc.told_client || cl->state != RFB_NORMAL)
		return;
	vnc.told_client = true;
	tell(&ev);
}

void
rfb_readable(int fd)
{
	for (rfbClientPtr cl = vnc.screen->clientHead; cl != NULL; cl = cl->next) {
		if (cl->sock != fd)
			continue;
		rfbProcessClientMessage(cl);
		tell_first_client(cl);
		break;
	}
	vnc.activity = true;
	bury();
}

static void
mark(void *ctx, unsigned x1, unsigned y1, unsigned x2, unsigned y2)
{
	rfbMarkRectAsModified(ctx, (int)x1, (int)y1, (int)x2, (int)y2);
}

bool
rfb_frame(void)
{
	rfbScreenInfoPtr s = vnc.screen;
	bool active = vnc.activity;
	uint32_t *old = NULL;
	rfbClientPtr next;

	vnc.activity = false;
	if (picture_follow(vnc.picture, &old) == 1) {
		rfbNewFramebuffer(s, (char *)vnc.picture->pixels, (int)vnc.picture->mode.width,
		    (int)vnc.picture->mode.height, 8, 3, 4);
		set_format(s);
		free(old);
		active = true;
	}
	active |= picture_refresh(vnc.picture, mark, s);
	for (rfbClientPtr cl = s->clientHead; cl != NULL; cl = next) {
		next = cl->next;
		if (cl->sock != RFB_INVALID_SOCKET)
			(void)rfbUpdateClient(cl);
	}
	bury();
	return (active);
}
