/* SPDX-License-Identifier: BSD-2-Clause */
/* The wire: what a taken-over child may send, and what zoneadmd makes of it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "wire/wire.h"

static int sv[2];

static int
setup(void **state)
{
	return (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
}

static int
teardown(void **state)
{
	fd_close(&sv[0]);
	fd_close(&sv[1]);
	return (0);
}

static struct wire_msg
good(void)
{
	struct wire_msg m = { .type = WIRE_STOPPED, .stop = WIRE_STOP_POWEROFF, .text = "by S5" };

	return (m);
}

static void
test_round_trip(void **state)
{
	struct wire_msg m = good(), r;

	assert_int_equal(wire_recv(sv[1], &r), -EAGAIN);
	assert_int_equal(wire_send(sv[0], &m), 0);
	assert_int_equal(wire_recv(sv[1], &r), 1);
	assert_int_equal(r.type, WIRE_STOPPED);
	assert_int_equal(r.stop, WIRE_STOP_POWEROFF);
	assert_string_equal(r.text, "by S5");
	assert_true(r.mono_ns > 0);
	fd_close(&sv[0]);
	assert_int_equal(wire_recv(sv[1], &r), 0);
}

static void
refused(const void *bytes, size_t len)
{
	struct wire_msg r;

	assert_int_equal(send(sv[0], bytes, len, 0), len);
	assert_int_equal(wire_recv(sv[1], &r), -EPROTO);
}

static void
test_malformed(void **state)
{
	struct wire_msg m = good();
	uint8_t longer[sizeof(m) + 1] = { 0 };

	assert_int_equal(wire_send(sv[0], &m), 0); /* fills magic and version */
	assert_int_equal(wire_recv(sv[1], &m), 1);
	struct wire_msg bad = m;
	bad.magic++;
	refused(&bad, sizeof(bad));
	bad = m;
	bad.version++;
	refused(&bad, sizeof(bad));
	bad = m;
	bad.type = 0;
	refused(&bad, sizeof(bad));
	bad.type = WIRE_MEMORY + 1;
	refused(&bad, sizeof(bad));
	bad = m;
	bad.stop = WIRE_STOP_PANIC + 1;
	refused(&bad, sizeof(bad));
	bad.type = WIRE_NOTE;
	bad.stop = WIRE_NOTES;
	refused(&bad, sizeof(bad));
	refused(&m, sizeof(m) - 1);
	refused("x", 1);
	memcpy(longer, &m, sizeof(m));
	refused(longer, sizeof(longer));
}

static void
test_a_vcpu(void **state)
{
	struct wire_msg m = { .type = WIRE_VCPU }, r;

	m.vcpu = (struct wire_vcpu){
		.index = 3,
		.state = WIRE_VCPU_HALTED,
		.rip = 0xffffffff81a18749,
		.cpl = 3,
	};
	assert_int_equal(wire_send(sv[0], &m), 0);
	assert_int_equal(wire_recv(sv[1], &r), 1);
	assert_memory_equal(&r.vcpu, &m.vcpu, sizeof(m.vcpu)); /* no text: nothing made safe */
	assert_string_equal(wire_vcpu_state_name((enum wire_vcpu_state)r.vcpu.state), "halted");
	r.vcpu.cpl = 4;
	refused(&r, sizeof(r));
	r.vcpu.cpl = 0;
	r.vcpu.state = WIRE_VCPU_STATES;
	refused(&r, sizeof(r));
	assert_string_equal(wire_vcpu_state_name(WIRE_VCPU_STATES), "unknown");
}

static void
test_a_link(void **state)
{
	struct wire_msg m = { .type = WIRE_LINK }, r;

	m.link = (struct wire_link){ .mac = { 2, 8, 0x20, 0x1b, 0xff, 0x9a }, .up = 1 };
	assert_int_equal(wire_send(sv[0], &m), 0);
	assert_int_equal(wire_recv(sv[1], &r), 1);
	assert_memory_equal(&r.link, &m.link, sizeof(m.link));
	r.link.up = 2;
	refused(&r, sizeof(r));
	r.link.up = 0;
	r.type = WIRE_LINK + 1;
	refused(&r, sizeof(r));
}

static void
test_text_is_made_safe(void **state)
{
	struct wire_msg m = good(), r;

	assert_int_equal(wire_send(sv[0], &m), 0);
	assert_int_equal(wire_recv(sv[1], &m), 1);
	memset(m.text, 'A', sizeof(m.text)); /* no end byte */
	memcpy(m.text, "\033[2J\n", 5);
	assert_int_equal(send(sv[0], &m, sizeof(m), 0), sizeof(m));
	assert_int_equal(wire_recv(sv[1], &r), 1);
	assert_int_equal(strlen(r.text), WIRE_TEXT_MAX - 1);
	assert_memory_equal(r.text, "?[2J?AAA", 8);
}

static void
test_descriptors_are_refused(void **state)
{
	struct wire_msg m = good(), r;
	int before = dup(0), after;

	(void)close(before);
	assert_int_equal(wire_send(sv[0], &m), 0);
	assert_int_equal(wire_recv(sv[1], &m), 1);
	assert_int_equal(fd_send_msg(sv[0], &m, sizeof(m), (int[]){ 0 }, 1), 0);
	assert_int_equal(wire_recv(sv[1], &r), -EPROTO);
	after = dup(0);
	assert_int_equal(before, after); /* it was not kept */
	(void)close(after);
}

static void
test_names(void **state)
{
	assert_string_equal(wire_stop_name(WIRE_STOP_RESET), "reset");
	assert_string_equal(wire_stop_name(WIRE_STOP_PANIC), "panic");
	assert_string_equal(wire_note_name(WIRE_NOTE_PANIC), "guest-panic");
	assert_string_equal(wire_note_name(WIRE_NOTE_WATCHDOG), "watchdog");
	assert_string_equal(wire_note_name(WIRE_NOTE_DISK_ERROR), "disk-error");
	assert_string_equal(wire_note_name(WIRE_NOTES), "unknown");
	assert_string_equal(wire_stop_name((enum wire_stop)99), "unknown");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_malformed),
		T(test_a_vcpu),
		T(test_a_link),
		T(test_text_is_made_safe),
		T(test_descriptors_are_refused),
		T(test_names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
