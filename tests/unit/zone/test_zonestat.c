/* SPDX-License-Identifier: BSD-2-Clause */
/* What is read of a cgroup, of /proc and of KVM's statistics, with folders in their place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "zone/zonestat.h"

#include "fake_cgroup.h"

static void
cgroup(void **state)
{
	struct zone_stat s = { 0 };

	/* Nothing is there: nothing is counted, which is not the same as 0. */
	zonestat_cgroup(dir, &s);
	assert_true(s.cpu_us == ZONESTAT_NONE && s.memory == ZONESTAT_NONE &&
	    s.io_read == ZONESTAT_NONE && s.threads == ZONESTAT_NONE);
	(void)put("cpu.stat", "usage_usec 300\nuser_usec 200\nsystem_usec 100\nthrottled_usec 7\n");
	(void)put("memory.current", "4096\n");
	(void)put("memory.max", "max\n");
	(void)put("pids.current", "5\n");
	(void)put("pids.max", "40\n");
	(void)put("memory.events", "oom 1\noom_kill 2\n");
	(void)put("io.stat",
	    "254:0 rbytes=100 wbytes=20 rios=3 wios=4 dbytes=9 dios=9\n"
	    "8:16 rbytes=1 wbytes=2 rios=3 wios=4 cost.usage=5\n");
	zonestat_cgroup(dir, &s);
	assert_int_equal(s.cpu_us, 300);
	assert_int_equal(s.cpu_system_us, 100);
	assert_int_equal(s.throttled_us, 7);
	assert_int_equal(s.memory, 4096);
	assert_true(s.memory_max == ZONESTAT_NONE);
	assert_int_equal(s.threads, 5);
	assert_int_equal(s.threads_max, 40);
	assert_int_equal(s.oom_kills, 2);
	assert_int_equal(s.io_read, 101);
	assert_int_equal(s.io_written, 22);
	assert_int_equal(s.io_reads, 6);
	assert_int_equal(s.io_writes, 8);
	(void)put("io.stat", "");
	zonestat_cgroup(dir, &s);
	assert_int_equal(s.io_read, 0);
}

static void
smaps(void **state)
{
	static const char text[] =
	    "7f0000000000-7f0004000000 rw-s 00000000 00:01 5   /memfd:guest-ram (deleted)\n"
	    "Size:              65536 kB\n"
	    "Rss:                2048 kB\n"
	    "Pss:                1024 kB\n"
	    "Pss_Dirty:           512 kB\n"
	    "VmFlags: rd wr\n"
	    "7f0004000000-7f0004001000 r--p 00000000 00:00 0 \n"
	    "Pss:                   3 kB\n"
	    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]\n"
	    "Pss:                   1 kB";
	uint64_t pss = 10, guest = 0;

	zonestat_smaps(text, &pss, &guest);
	assert_int_equal(pss, 10 + 1028 * 1024);
	assert_int_equal(guest, 1024 * 1024);
	zonestat_smaps("", &pss, &guest);
	assert_int_equal(guest, 1024 * 1024);
}

static void
kvm(void **state)
{
	struct zone_stat s = { 0 };
	char path[128];

	zonestat_kvm(dir, 0, &s);
	assert_true(s.exits == ZONESTAT_NONE);
	for (const char *const *name = (const char *const[]){ "123-4", "12-3", NULL };
	     *name != NULL; name++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, *name);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	(void)put("123-4/exits", "1\n");
	(void)put("12-3/exits", "77\n");
	(void)put("12-3/io_exits", "70\n");
	(void)put("12-3/halt_exits", "5\n");
	zonestat_kvm(dir, 1, &s);
	assert_true(s.exits == ZONESTAT_NONE);
	zonestat_kvm(dir, 12, &s);
	assert_int_equal(s.exits, 77);
	assert_int_equal(s.nexit, 2);
	assert_string_equal(s.exit[0].reason, "halt");
	assert_int_equal(s.exit[0].n, 5);
	assert_string_equal(s.exit[1].reason, "io");
	assert_int_equal(s.exit[1].n, 70);
}

static void
drops(void **state)
{
	json_t *links =
	    json_loads("[{\"from_guest\":{\"passed\":9,\"dropped\":{\"ipspoofed\":2,"
		       "\"macspoofed\":1}},\"to_guest\":{\"dropped\":{\"other\":4}}},{}]",
		0, NULL);

	assert_int_equal(zonestat_drops(links), 7);
	assert_int_equal(zonestat_drops(NULL), 0);
	json_decref(links);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup),
		cmocka_unit_test(smaps),
		cmocka_unit_test(kvm),
		cmocka_unit_test(drops),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
