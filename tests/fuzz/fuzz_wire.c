/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What zoneadmd and a zhyve that was taken over take from each other (wire/wire.h): datagrams of any
 * bytes, length and number of descriptors. What is let through is what its type says: a text that
 * ends and can be shown on a terminal, numbers in their range, and no descriptor stays.
 */
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "fuzz.h"

#define MESSAGES 16

static void
looked_at(const struct wire_msg *m)
{
	assert(m->magic == WIRE_MAGIC && m->version == WIRE_VERSION);
	assert(m->stop <= WIRE_STOP_PANIC);
	if (m->type == WIRE_NOTE)
		assert(wire_note_name((enum wire_note)m->stop) != NULL);
	else
		assert(strcmp(wire_stop_name((enum wire_stop)m->stop), "unknown") != 0);
	if (m->type == WIRE_VCPU) {
		assert(m->vcpu.state < WIRE_VCPU_STATES && m->vcpu.cpl <= 3);
		return;
	}
	if (m->type == WIRE_LINK) {
		assert(m->link.up <= 1);
		return;
	}
	assert(memchr(m->text, '\0', sizeof(m->text)) != NULL);
	for (const char *p = m->text; *p != '\0'; p++)
		assert(*p >= 0x20 && *p <= 0x7e);
}

/* A message, most often of the right length and beginning. */
static size_t
make(struct fuzz *in, uint8_t raw[2 * sizeof(struct wire_msg)])
{
	uint8_t how = fuzz_u8(in);
	size_t len = sizeof(struct wire_msg);
	struct wire_msg m;

	(void)fuzz_bytes(in, &m, sizeof(m));
	if ((how & 1) == 0) {
		m.magic = WIRE_MAGIC;
		m.version = WIRE_VERSION;
		m.type %= WIRE_LINK + 2;
		m.stop %= WIRE_STOP_PANIC + 2;
	}
	memset(raw, 0x5a, 2 * sizeof(m));
	memcpy(raw, &m, sizeof(m));
	if ((how & 0x0e) == 0x0e)
		len = fuzz_u16(in) % (2 * sizeof(m));
	return (len);
}

/* The number that the next descriptor gets: the same again where none was kept. */
static int
next_fd(int fd)
{
	int next = dup(fd);

	(void)close(next);
	return (next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz in = { data, size };
	uint8_t raw[2 * sizeof(struct wire_msg)];
	struct wire_msg m;
	int sv[2], rc, next;

	rc = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	next = next_fd(sv[0]);
	for (unsigned i = 0; i < MESSAGES && in.left > 0; i++) {
		size_t len = make(&in, raw), nfds = fuzz_u8(&in) % 4;
		const int fds[3] = { sv[0], sv[1], sv[0] };

		if (len > 0 && fd_send_msg(sv[0], raw, len, fds, nfds) != 0)
			continue;
		if ((rc = wire_recv(sv[1], &m)) == 1)
			looked_at(&m);
		assert(rc == 1 || rc == -EPROTO || (rc == -EAGAIN && len == 0));
	}
	assert(next_fd(sv[0]) == next);
	(void)close(sv[0]);
	(void)close(sv[1]);
	return (0);
}
