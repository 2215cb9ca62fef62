/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VNC client's bytes into libvncserver as zhyve-vnc uses it, from the first of the handshake on.
 * The first byte says whether there is a password; a handshake with one cannot be guessed, so that
 * most inputs go without. The library is not instrumented: what is found is what it does to the
 * heap, and that it comes back.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "procs/vnc/rfb.h"

#define VRAM   (1u << 20)
#define ROUNDS 256

/* Its own, not ours: it keeps buffers of threads and formats for ever. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return ("leak:libvncserver\nleak:libgcrypt\nleak:libgnutls\n");
}

static struct picture picture;
static int events[2];

static void
init(void)
{
	const struct display_mode m = { 128, 96, 512, 0 };
	uint8_t *mem = calloc(1, VRAM + DISPLAY_PAGE_LEN);
	uint32_t *old = NULL;
	int rc;

	assert(mem != NULL);
	display_page_put((struct display_page *)(void *)(mem + VRAM), &m);
	rc = picture_init(&picture, mem, VRAM);
	assert(rc == 0);
	rc = picture_follow(&picture, &old);
	assert(rc == 1);
	free(old);
	rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, events);
	assert(rc == 0);
	rc = rfb_init(&picture, "fuzz", NULL, events[0]);
	assert(rc == 0);
	(void)rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "RFB 003.008\n\x01\x01"; /* version, no security, shared */
	static bool ready;
	int socks[RFB_CLIENTS_MAX], sv[2], rc;
	struct display_event ev;
	char sink[4096];

	if (!ready)
		init();
	ready = true;
	if (size == 0 || size > 4096)
		return (0);
	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	if ((data[0] & 1) != 0)
		(void)send(sv[0], hello, sizeof(hello) - 1, MSG_NOSIGNAL);
	(void)send(sv[0], data + 1, size - 1, MSG_NOSIGNAL);
	(void)shutdown(sv[0], SHUT_WR);
	rfb_client(sv[1]);
	for (unsigned i = 0; i < ROUNDS && rfb_sockets(socks) > 0; i++) {
		rfb_readable(socks[0]);
		(void)rfb_frame();
		while (recv(sv[0], sink, sizeof(sink), MSG_DONTWAIT) > 0)
			;
		while (display_recv(events[1], &ev) == 1)
			assert(ev.type != DISPLAY_POINTER || ev.x < ev.width);
	}
	(void)close(sv[0]);
	for (unsigned i = 0; i < ROUNDS && rfb_sockets(socks) > 0; i++)
		rfb_readable(socks[0]);
	assert(rfb_sockets(socks) == 0);
	return (0);
}
