/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages between zoneadmd and what it jails: see wire.h. Runs on both sides; each believes only
 * what is checked here.
 */
#include "wire/wire.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <time.h>

#include "base/checked.h"
#include "base/fd.h"

static bool
type_known(uint16_t type)
{
	return ((type >= WIRE_HW_READY && type <= WIRE_VCPU) ||
	    (type >= WIRE_RUN && type <= WIRE_LINK));
}

static bool
has_text(uint16_t type)
{
	return (type != WIRE_VCPU && type != WIRE_LINK);
}

/* What comes in the text's place. */
static bool
numbers_ok(const struct wire_msg *msg)
{
	if (msg->type == WIRE_VCPU)
		return (msg->vcpu.state < WIRE_VCPU_STATES && msg->vcpu.cpl <= 3);
	return (msg->link.up <= 1);
}

/* The highest value of `stop` that a message of this type may have. */
static uint32_t
stop_max(uint16_t type)
{
	return (type == WIRE_NOTE ? WIRE_NOTES - 1 : WIRE_STOP_PANIC);
}

static uint64_t
mono_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec);
}

int
wire_send(int sock, struct wire_msg *msg)
{
	msg->magic = WIRE_MAGIC;
	msg->version = WIRE_VERSION;
	msg->mono_ns = mono_now();
	if (has_text(msg->type))
		msg->text[WIRE_TEXT_MAX - 1] = '\0';
	return (fd_send_msg(sock, msg, sizeof(*msg), NULL, 0));
}

/*
 * Text goes to logs and terminals: no control characters, no escape sequences, nothing after the
 * end.
 */
static void
make_printable(char text[WIRE_TEXT_MAX])
{
	size_t i = 0;

	text[WIRE_TEXT_MAX - 1] = '\0';
	for (; text[i] != '\0'; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			text[i] = '?';
	memset(text + i, 0, WIRE_TEXT_MAX - i);
}

int
wire_recv(int sock, struct wire_msg *msg)
{
	ssize_t n = fd_recv_msg(sock, msg, sizeof(*msg), NULL, NULL);

	if (n == 0)
		return (0);
	if (n == -ECONNRESET)
		return (0);
	if (n == -EMSGSIZE)
		return (-EPROTO);
	if (n < 0)
		return ((int)n);
	if ((size_t)n != sizeof(*msg) || msg->magic != WIRE_MAGIC || msg->version != WIRE_VERSION ||
	    !type_known(msg->type) || msg->stop > stop_max(msg->type))
		return (-EPROTO);
	if (has_text(msg->type))
		make_printable(msg->text);
	else if (!numbers_ok(msg))
		return (-EPROTO);
	return (1);
}

const char *
wire_stop_name(enum wire_stop stop)
{
	static const char *const names[] = {
		[WIRE_STOP_RESET] = "reset",
		[WIRE_STOP_POWEROFF] = "power-off",
		[WIRE_STOP_HALT] = "halt",
		[WIRE_STOP_TRIPLE_FAULT] = "triple-fault",
		[WIRE_STOP_ERROR] = "error",
		[WIRE_STOP_PANIC] = "panic",
	};

	return ((size_t)stop < NITEMS(names) ? names[stop] : "unknown");
}

const char *
wire_vcpu_state_name(enum wire_vcpu_state state)
{
	static const char *const names[] = {
		[WIRE_VCPU_SILENT] = "silent",
		[WIRE_VCPU_RUNNING] = "running",
		[WIRE_VCPU_HALTED] = "halted",
		[WIRE_VCPU_OFFLINE] = "offline",
	};

	return ((size_t)state < NITEMS(names) ? names[state] : "unknown");
}

const char *
wire_note_name(enum wire_note note)
{
	static const char *const names[] = {
		[WIRE_NOTE_PANIC] = "guest-panic",
		[WIRE_NOTE_CRASHLOADED] = "guest-crashloaded",
		[WIRE_NOTE_WATCHDOG] = "watchdog",
		[WIRE_NOTE_DISK_ERROR] = "disk-error",
	};

	return ((size_t)note < NITEMS(names) ? names[note] : "unknown");
}
