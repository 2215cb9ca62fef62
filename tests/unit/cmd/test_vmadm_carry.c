/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmadm send and receive between two hosts, which are two folders: what arrives, and what does not when the
 * stream is torn, damaged, somebody else's or none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <dirent.h>
#include <limits.h>

#include "../zone/sandbox.h"
#include "tool.h"

#define UUID   "aaaaaaaa-0000-4000-8000-000000000001"
#define MIB    1048576

#define STREAM "stream"

static char other[96]; /* the other host's root */

/* Run a line of shell; "A" and "B" are the hosts' vmadm. Its status; what it wrote is in tool_out and tool_err. */
static int
sh(const char *fmt, ...)
{
	char line[3072], text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)snprintf(text, sizeof(text),
	    "cd '%s' && A() { ZHYVE_ROOT='%s' %s \"$@\"; } && B() { ZHYVE_ROOT='%s' %s \"$@\"; } "
	    "&& %s",
	    sandbox_root, sandbox_root, TOOL, other, TOOL, line);
	return (tool_run("/bin/sh", (const char *const[]){ "sh", "-c", text, NULL }));
}

static void
ok(const char *line)
{
	if (sh("%s", line) != 0)
		fail_msg("%s: %s%s", line, tool_out, tool_err);
}

static void
says(const char *what)
{
	if (strstr(tool_err, what) == NULL)
		fail_msg("'%s' does not say '%s'", tool_err, what);
}

/* Nothing of it is on the other host. */
static void
nothing_left(void)
{
	assert_int_equal(
	    sh("test -z \"$(ls '%s/zones' '%s/etc/zones' | grep aaaa)\"", other, other), 0);
	assert_int_equal(sh("B list -H"), 0);
	assert_string_equal(tool_out, "");
}

static int
group_setup(void **state)
{
	static const char tags[] = "{\"v\": 1, \"tags\": [{\"name\": \"admin\", \"link\": \"\", "
				   "\"bridge\": \"zbr-admin\", "
				   "\"mtu\": 0}]}";

	if (sandbox_make(state) != 0)
		return (-1);
	(void)snprintf(other, sizeof(other), "%s/other", sandbox_root);
	return (sh("mkdir -p other/etc/zones other/zones other/run/zones && echo '%s' "
		   ">etc/zones/nictags.json && "
		   "cp etc/zones/nictags.json other/etc/zones/ && echo "
		   "'{\"brand\":\"bhyve\",\"uuid\":\"" UUID
		   "\",\"alias\":\"moving\",\"autoboot\":false,\"ram\":512,\"vcpus\":2,\"tags\":{"
		   "\"role\":\"db\"},"
		   "\"customer_metadata\":{\"key\":\"value\"},\"disks\":[{\"size\":64,\"model\":"
		   "\"virtio\","
		   "\"boot\":true},{\"size\":8,\"model\":\"virtio\"}],\"nics\":[{\"nic_tag\":"
		   "\"admin\",\"model\":"
		   "\"virtio\",\"ips\":[\"10.0.0.9/24\"]}]}' | A create && cd zones/" UUID
		   " && printf begin | dd of=disk0.raw conv=notrunc 2>/dev/null && printf middle | "
		   "dd of=disk0.raw "
		   "bs=1 seek=20000000 conv=notrunc 2>/dev/null && yes data | head -c 3000000 | dd "
		   "of=disk0.raw bs=1M "
		   "seek=40 conv=notrunc 2>/dev/null && printf end | dd of=disk0.raw bs=1 "
		   "seek=67108861 conv=notrunc "
		   "2>/dev/null && yes more | head -c 100000 | dd of=disk1.raw conv=notrunc "
		   "2>/dev/null && cd ../.. "
		   "&& A send " UUID " >" STREAM,
	    tags));
}

static int
start(void **state)
{
	return (sh("B delete " UUID "; true"));
}

static void
same_disks(void)
{
	ok("cmp zones/" UUID "/disk0.raw other/zones/" UUID "/disk0.raw");
	ok("cmp zones/" UUID "/disk1.raw other/zones/" UUID "/disk1.raw");
}

static void
arrives(void **state)
{
	ok("B receive <" STREAM);
	assert_string_equal(tool_err, "Successfully received VM " UUID "\n");
	assert_string_equal(tool_out, "");
	same_disks();
	ok("test $(du -k other/zones/" UUID "/disk0.raw | cut -f1) -lt 8000"); /* holes are holes */
	ok("test $(stat -c %s " STREAM ") -lt 4000000");
	ok("A get " UUID " | grep -v server_uuid >a; B get " UUID " | grep -v server_uuid >b");
	ok("sed \"s|$PWD/|$PWD/other/|\" a | grep -v -e last_modified -e timestamp >a2; "
	   "grep -v -e last_modified -e timestamp b | diff -u a2 -");
	ok("B list -H -o state,alias");
	assert_string_equal(tool_out, "stopped           moving\n");
	assert_int_equal(sh("B receive <" STREAM), 1);
	says("VM with UUID " UUID " already exists");
	ok("B delete " UUID);
	nothing_left();
}

/* At any place: nothing is left, and nothing is said to be there. */
static void
torn(void **state)
{
	for (int i = 0; i < 16; i++) {
		assert_int_equal(sh("head -c $(($(stat -c %%s " STREAM ") * %d / 16 + %d)) " STREAM
				    " | B receive",
				     i, i % 3),
		    1);
		says("the stream is torn");
		assert_string_equal(tool_out, "");
	}
	assert_int_equal(sh("head -c -1 " STREAM " | B receive"), 1);
	says("the stream is torn");
	nothing_left();
}

#define TOKEN_MAX 128

/* What receive wrote. */
static void
take_token(char out[TOKEN_MAX])
{
	size_t n = strcspn(tool_out, "\n");

	assert_true(n > 64 && n < TOKEN_MAX);
	memcpy(out, tool_out, n);
	out[n] = '\0';
}

/* Cut twice, each time the rest is sent. */
static void
goes_on(void **state)
{
	char token[TOKEN_MAX];

	assert_int_equal(sh("head -c 1000000 " STREAM " | B receive -r"), 1);
	says("What came is kept");
	take_token(token);
	ok("B list -H -o state");
	assert_string_equal(tool_out, "receiving\n");
	assert_int_equal(sh("B start " UUID), 1); /* not before it is whole */
	assert_int_equal(sh("A send -t %s " UUID " >rest", token), 0);
	ok("test $(stat -c %s rest) -lt $(stat -c %s " STREAM ")");
	assert_int_equal(sh("head -c 1500000 rest | B receive -r"), 1);
	take_token(token);
	assert_int_equal(
	    sh("B receive <rest"), 1); /* an older rest does not fit any more, and harms nothing */
	says("of which there is not the begin here");
	assert_int_equal(sh("A send -t %s " UUID " | B receive -r", token), 0);
	same_disks();
	ok("B list -H -o state");
	assert_string_equal(tool_out, "stopped\n");
	ok("test ! -e other/zones/" UUID "/receiving");
	assert_int_equal(sh("B receive <rest"), 1); /* nor onto a whole one */
	same_disks();
}

static void
kept_is_deleted(void **state)
{
	assert_int_equal(sh("head -c 1000000 " STREAM " | B receive -r"), 1);
	ok("B delete " UUID);
	nothing_left();
	assert_int_equal(
	    sh("head -c 900 " STREAM " | B receive -r"), 1); /* no content yet: nothing to keep */
	assert_string_equal(tool_out, "");
	nothing_left();
}

static void
tokens(void **state)
{
	assert_int_equal(sh("A send -t x " UUID " | cat"), 0);
	says("\"x\" is not a token of vmadm receive");
	assert_int_equal(sh("head -c 1000000 " STREAM " | B receive -r >token"), 1);
	ok("cp -a zones/" UUID "/disk1.raw kept && echo x >>zones/" UUID "/disk1.raw");
	assert_int_equal(sh("A send -t $(cat token) " UUID " >rest"), 1);
	says("the VM has changed since");
	ok("cp -a kept zones/" UUID "/disk1.raw && test ! -s rest");
}

/* A bit flipped anywhere. */
static void
damaged(void **state)
{
	static const char *const at[] = { "0", "7", "9", "16", "20", "28", "500", "2000000",
		"-10" };

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		ok("cp " STREAM " bad");
		assert_int_equal(sh("o=%s; [ $o -ge 0 ] || o=$(($(stat -c %%s bad) + o)); "
				    "b=$(od -An -tu1 -j $o -N 1 bad); "
				    "printf \"\\\\$(printf %%03o $((b ^ 1)))\" | dd of=bad "
				    "bs=1 seek=$o conv=notrunc 2>/dev/null; "
				    "! cmp -s bad " STREAM " && B receive <bad",
				     at[i]),
		    1);
		says("stream");
	}
	nothing_left();
}

static void
not_ours(void **state)
{
	assert_int_equal(sh("{ printf MAGIC-VMBUNDLE; head -c 600 /dev/zero; } | B receive"), 1);
	says("this is what SmartOS's vmadm send writes");
	assert_int_equal(sh("echo hello, world | B receive"), 1);
	says("this is not a stream of vmadm send");
	assert_int_equal(sh("B receive </dev/null"), 1);
	assert_int_equal(sh("printf 'ZHYVEVM\\002' | B receive"), 1);
	says("only version 1 is known");
	assert_int_equal(sh("B receive more </dev/null"), 2);
	assert_int_equal(sh("A send"), 2);
	ok("rm other/etc/zones/nictags.json");
	assert_int_equal(sh("B receive <" STREAM), 1);
	says("Invalid nic tag \"admin\"");
	ok("cp etc/zones/nictags.json other/etc/zones/");
	nothing_left();
}

static int
group_teardown(void **state)
{
	return (sandbox_remove(state));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(arrives, start),
		cmocka_unit_test_setup(torn, start),
		cmocka_unit_test_setup(goes_on, start),
		cmocka_unit_test_setup(kept_is_deleted, start),
		cmocka_unit_test_setup(tokens, start),
		cmocka_unit_test_setup(damaged, start),
		cmocka_unit_test_setup(not_ours, start),
	};

	return (cmocka_run_group_tests(tests, group_setup, group_teardown));
}
