/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of vmm/gdb_server.c and gdb_regs.c: packets as GDB sends them, and as it never would. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/gdb_regs.h"

#define CPUS     3
#define TOY_CPUS CPUS
#define TOY_BASE 0x1000
#define TOY_LEN  64
#include "gdb_toy.h"

static struct {
	struct gdb_server g;
	enum gdb_action action[CPUS];
	unsigned went, interrupted, detached, killed, breaks;
	enum gdb_break kind;
} w;

static int
breakpoint(void *ctx, enum gdb_break kind, uint64_t addr, uint64_t len, bool insert)
{
	(void)ctx;
	(void)addr;
	(void)len;
	if (kind == GDB_WATCH_READ)
		return (-ENOTSUP);
	w.kind = kind;
	w.breaks += insert ? 1u : -1u;
	return (0);
}

static void
action(void *ctx, unsigned cpu, enum gdb_action what)
{
	(void)ctx;
	w.action[cpu] = what;
}

static void
count(unsigned *n)
{
	(*n)++;
}

static void
go(void *ctx)
{
	(void)ctx;
	count(&w.went);
}

static void
interrupt(void *ctx)
{
	(void)ctx;
	count(&w.interrupted);
}

static void
detach(void *ctx)
{
	(void)ctx;
	count(&w.detached);
}

static void
kill_it(void *ctx)
{
	(void)ctx;
	count(&w.killed);
}

static int
setup(void **state)
{
	const struct gdb_ops ops = { toy_read_regs, toy_write_regs, toy_read_mem, toy_write_mem,
		breakpoint, action, go, interrupt, detach, kill_it, NULL };

	(void)state;
	memset(&w, 0, sizeof(w));
	memset(&toy, 0, sizeof(toy));
	gdb_server_init(&w.g, &ops, CPUS);
	return (0);
}

static void
send(const char *body, size_t len)
{
	char frame[GDB_PACKET_MAX + 8];
	uint8_t sum = 0;

	frame[0] = '$';
	memcpy(frame + 1, body, len);
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + (uint8_t)body[i]);
	(void)snprintf(frame + 1 + len, 4, "#%02x", sum);
	assert_int_equal(gdb_server_input(&w.g, frame, len + 4), len + 4);
}

/* What was said: the body of one packet after the acknowledgement. */
static const char *
said(void)
{
	static char text[GDB_OUT_MAX + 1];
	uint8_t sum = 0, want;
	size_t n = w.g.out_len;

	memcpy(text, w.g.out, n);
	text[n] = '\0';
	gdb_server_sent(&w.g, n);
	assert_int_equal(w.g.out_len, 0);
	if (n < 5)
		return (text);
	assert_memory_equal(text, "+$", 2);
	assert_int_equal(text[n - 3], '#');
	assert_true(gdb_hex_get(text + n - 2, &want, 1));
	for (size_t i = 2; i < n - 3; i++)
		sum = (uint8_t)(sum + (uint8_t)text[i]);
	assert_int_equal(sum, want);
	text[n - 3] = '\0';
	return (text + 2);
}

#define ASK(body, answer)                            \
	do {                                         \
		send(body, sizeof(body) - 1);        \
		assert_string_equal(said(), answer); \
	} while (0)

static void
test_talk(void **state)
{
	(void)state;
	send("qSupported:swbreak+;hwbreak+", 28);
	assert_non_null(strstr(said(), "PacketSize=1000;qXfer:features:read+"));
	ASK("?", "T05thread:1;");
	ASK("qfThreadInfo", "m1,2,3");
	ASK("qsThreadInfo", "l");
	ASK("qThreadExtraInfo,2", "7663707531");
	ASK("T3", "OK");
	ASK("T4", "E16");
	ASK("Hg2", "OK");
	ASK("qC", "QC2");
	ASK("Hc-1", "OK");
	ASK("Hg9", "E16");
	ASK("qAttached", "1");
	ASK("vMustReplyEmpty", "");
	ASK("vCont?", "vCont;c;C;s;S");
	ASK("QStartNoAckMode", "OK");
	send("?", 1);
	assert_int_equal(w.g.out[0], '$'); /* no + any more */
}

static void
test_description(void **state)
{
	char xml[GDB_XML_MAX], ask[64];
	size_t len = 0;

	(void)state;
	for (;;) {
		const char *part;
		int n = snprintf(ask, sizeof(ask), "qXfer:features:read:target.xml:%zx,100", len);

		send(ask, (size_t)n);
		part = said();
		memcpy(xml + len, part + 1, strlen(part) - 1);
		len += strlen(part) - 1;
		if (part[0] == 'l')
			break;
		assert_int_equal(part[0], 'm');
	}
	xml[len] = '\0';
	assert_non_null(strstr(xml, "<reg name=\"rip\" bitsize=\"64\" type=\"code_ptr\"/>"));
	assert_non_null(strstr(xml, "name=\"gs_base\""));
	assert_string_equal(xml + len - 9, "</target>");
	ASK("qXfer:features:read:target.xml:ffffffffffffffff,1", "l");
	ASK("qXfer:features:read:other.xml:0,1", "E00");
}

static void
test_registers(void **state)
{
	char all[GDB_OUT_MAX];

	(void)state;
	toy.regs[0].gpr[0] = 0x1122334455667788;
	toy.regs[0].cr3 = 0x5000;
	ASK("p0", "8877665544332211");
	ASK("p10=", "E16");
	ASK("P10=0010000000000000", "OK");
	assert_int_equal(toy.regs[0].rip, 0x1000);
	ASK("P10=00", "E16");
	ASK("P12=08000000", "E0d"); /* cs */
	ASK("pffff", "E16");
	ASK("pffffffffffffffff", "E16");
	send("g", 1);
	(void)snprintf(all, sizeof(all), "G%s", said());
	assert_true(strlen(all) > 1000);
	all[1] = '0';
	all[2] = '1';
	send(all, strlen(all));
	assert_string_equal(said(), "OK");
	assert_int_equal(toy.regs[0].gpr[0], 0x1122334455667701);
	assert_int_equal(toy.regs[0].cr3, 0x5000);
	all[strlen(all) - 1] = '\0';
	send(all, strlen(all));
	assert_string_equal(said(), "E16");
}

static void
test_memory(void **state)
{
	(void)state;
	memcpy(toy.mem, "\x01\x02\x03}", 4);
	ASK("m1000,4", "0102037d");
	ASK("m1000,0", "");
	ASK("m0,4", "E0e");
	ASK("m1000,fff", "E16");
	ASK("mffffffffffffffff,4", "E0e");
	ASK("m10000000000000000,4", "E16");
	ASK("M1000,2:aabb", "OK");
	assert_int_equal(toy.mem[1], 0xbb);
	ASK("M1000,2:aab", "E16");
	ASK("M1000,2:aaxx", "E16");
	ASK("M1000,fffffffffffffff:aa", "E16");
	ASK("M1000,8000000000000001:aabb", "E16");
	ASK("X1000,3:\x01}\x03\x00", "OK"); /* 01, escaped 23, 00 */
	assert_memory_equal(toy.mem, "\x01\x23\x00", 3);
	ASK("X1000,0:", "OK");
}

static void
test_breakpoints(void **state)
{
	(void)state;
	ASK("Z0,1000,1", "OK");
	ASK("Z2,1000,8;X1,0", "OK");
	assert_int_equal(w.kind, GDB_WATCH_WRITE);
	ASK("Z3,1000,8", "");
	ASK("Z9,1000,8", "");
	ASK("Z0,1000", "E16");
	ASK("z0,1000,1", "OK");
	assert_int_equal(w.breaks, 1);
}

static void
test_running(void **state)
{
	(void)state;
	send("vCont;s:2;c", 11);
	assert_string_equal(said(), "+");
	assert_int_equal(w.went, 1);
	assert_int_equal(w.action[0], GDB_CONTINUE);
	assert_int_equal(w.action[1], GDB_STEP);
	assert_int_equal(w.action[2], GDB_CONTINUE);
	ASK("g", "+"); /* it runs: nothing is said */
	assert_int_equal(gdb_server_input(&w.g, "\x03", 1), 1);
	assert_int_equal(w.interrupted, 1);
	gdb_server_stopped(&w.g, 1, GDB_SIGTRAP, "watch", 0x1008);
	assert_memory_equal(w.g.out, "$T05thread:2;watch:1008;#", 25);
	gdb_server_sent(&w.g, w.g.out_len);
	ASK("?", "T05thread:2;");
	ASK("vCont;s:9", "E16");
	ASK("vCont;x", "E16");
	ASK("vCont;", "E16");
	ASK("vCont;c;", "E16");
	assert_int_equal(w.went, 1);
	send("s", 1);
	assert_int_equal(w.action[1], GDB_STEP);
	assert_int_equal(w.action[0], GDB_HOLD);
	gdb_server_sent(&w.g, w.g.out_len);
	gdb_server_exited(&w.g, 3);
	assert_memory_equal(w.g.out, "$W03#", 5);
	gdb_server_sent(&w.g, w.g.out_len);
	ASK("D", "OK");
	assert_int_equal(w.detached, 1);
	send("k", 1);
	assert_int_equal(w.killed, 1);
}

static void
test_broken(void **state)
{
	char big[GDB_PACKET_MAX + 64];

	(void)state;
	(void)gdb_server_input(&w.g, "garbage$?#00", 12); /* a wrong sum */
	assert_string_equal(said(), "-");
	(void)gdb_server_input(&w.g, "$?#xy$$?$?#3f", 13);
	assert_memory_equal(w.g.out, "-+$T05", 6);
	gdb_server_sent(&w.g, w.g.out_len);
	(void)gdb_server_input(&w.g, "-", 1); /* once more, please */
	assert_memory_equal(w.g.out, "$T05", 4);
	gdb_server_sent(&w.g, w.g.out_len);
	memset(big, 'm', sizeof(big));
	big[0] = '$';
	(void)gdb_server_input(&w.g, big, sizeof(big));
	(void)gdb_server_input(&w.g, "#00", 3);
	assert_string_equal(said(), "-");
	/* A client that asks and does not listen is not read from. */
	for (unsigned i = 0; i < 100; i++)
		if (gdb_server_input(&w.g, "$g#67", 5) < 5)
			break;
	assert_true(w.g.out_len <= sizeof(w.g.out));
	assert_int_equal(gdb_server_input(&w.g, "$g#67", 5), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_talk, setup),
		cmocka_unit_test_setup(test_description, setup),
		cmocka_unit_test_setup(test_registers, setup),
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_breakpoints, setup),
		cmocka_unit_test_setup(test_running, setup),
		cmocka_unit_test_setup(test_broken, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
