/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmadm update as a user has it: arguments, messages, and what is on disk afterwards; below a root
 * of its own, with VMs that are never started. What it makes of payloads is in zone/test_vmupdate.c.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "../zone/sandbox.h"
#include "tool.h"

#define UUID1 "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID2 "aaaaaaaa-0000-4000-8000-000000000002"
#define NONE  "aaaaaaaa-0000-4000-8000-00000000000f"

/* Write a file below the sandbox; single quotes stand for double ones. */
static const char *
file(const char *text)
{
	const char *path = sandbox_path("payload.json");
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	for (const char *p = text; *p != '\0'; p++)
		(void)fputc(*p == '\'' ? '"' : *p, f);
	assert_int_equal(fclose(f), 0);
	return (path);
}

static int
group_setup(void **state)
{
	static const char *const payloads[] = {
		"{'brand': 'bhyve', 'uuid': '" UUID1 "', 'alias': 'one', 'ram': 512,"
		" 'autoboot': false, 'vnc_port': 5901,"
		" 'disks': [{'size': 2, 'model': 'virtio', 'boot': true}, {'size': 3, 'model': "
		"'ahci'}],"
		" 'tags': {'a': 1, 'b': 'two'}, 'customer_metadata': {'k': 'v'}}",
		"{'brand': 'bhyve', 'uuid': '" UUID2 "', 'autoboot': false}",
	};

	if (sandbox_make(state) != 0)
		return (-1);
	for (size_t i = 0; i < 2; i++) {
		if (RUN("create", "-f", file(payloads[i])) != 0) {
			print_error("%s", tool_err);
			return (-1);
		}
	}
	return (0);
}

/* The update succeeds. */
static void
updated(const char *text)
{
	if (RUN("update", UUID1, "-f", file(text)) != 0)
		fail_msg("%s: %s", text, tool_err);
	assert_string_equal(tool_err, "Successfully updated VM " UUID1 "\n");
}

static void
refused(const char *text, const char *why)
{
	assert_int_equal(RUN("update", UUID1, "-f", file(text)), 1);
	if (strncmp(tool_err, why, strlen(why)) != 0)
		fail_msg("'%s', not '%s'", tool_err, why);
}

/* Fields of the first VM as list prints them. */
static void
shows(const char *fields, const char *want)
{
	assert_int_equal(RUN("list", "-p", "-H", "-o", fields, "uuid=" UUID1), 0);
	assert_string_equal(tool_out, want);
}

/* A member of the VM object. */
static json_t *
member(const char *name)
{
	json_t *vm, *v;

	assert_int_equal(RUN("get", UUID1), 0);
	vm = json_loads(tool_out, 0, NULL);
	v = json_incref(json_object_get(vm, name));
	json_decref(vm);
	return (v);
}

static off_t
size_of(const char *disk)
{
	struct stat st;

	assert_int_equal(stat(disk, &st), 0);
	return (st.st_size);
}

static void
test_arguments(void **state)
{
	assert_int_equal(RUN("update"), 2);
	assert_int_equal(RUN("update", "one", "ram=1"), 2);
	assert_int_equal(RUN("update", UUID1, "ram"), 2);
	assert_non_null(strstr(tool_err, "Invalid option: \"ram\", must be name=value"));
	assert_int_equal(RUN("update", UUID1, "=1"), 2);
	assert_int_equal(RUN("update", "-x", UUID1), 2);
	assert_int_equal(RUN("update", NONE, "ram=512"), 1);
	assert_non_null(strstr(tool_err, "No such zone configured"));
	assert_int_equal(RUN("update", UUID1, "-f", sandbox_path("nothing.json")), 1);
}

static void
test_operands(void **state)
{
	assert_int_equal(
	    RUN("update", UUID1, "alias=new", "ram=1024", "vcpus=2", "autoboot=true"), 0);
	shows("alias,ram,vcpus,autoboot,max_physical_memory", "new:1024:2:true:2304\n");
	/* They win over a file. */
	assert_int_equal(
	    RUN("update", UUID1, "-f", file("{'alias': 'file'}"), "alias=", "cpu_cap=150"), 0);
	shows("alias,cpu_cap", ":150\n");
	assert_int_equal(RUN("update", UUID1, "cpu_cap=0", "autoboot=0"), 1);
	assert_string_equal(tool_err, "Invalid value(s) for: autoboot\n");
	shows("cpu_cap", "150\n");
	assert_int_equal(RUN("update", UUID1, "cpu_cap=0"), 0);
	shows("cpu_cap", "\n");
	assert_int_equal(RUN("update", UUID1, "tpm=true", "balloon=true", "balloon_target=256"), 0);
	updated("{'virtio_ports': ['org.a', 'b'], 'vsock_cid': 9, 'vsock_ports': [22]}");
	json_t *ports = member("vsock_ports");
	assert_int_equal(json_integer_value(json_array_get(ports, 0)), 22);
	json_decref(ports);
	refused("{'ram': 128}", "balloon_target (256) cannot be higher than ram (128)\n");
	updated("{'tpm': false, 'balloon': false, 'balloon_target': null}");
	json_t *tpm = member("tpm");
	assert_null(tpm);
}

static void
test_metadata(void **state)
{
	json_t *tags, *want;

	updated(
	    "{'remove_tags': ['a'], 'set_tags': {'c': true}, 'set_customer_metadata': {'k': 'w'}}");
	tags = member("tags");
	want = json_pack("{s:s, s:b}", "b", "two", "c", 1);
	assert_true(json_equal(tags, want));
	json_decref(tags);
	json_decref(want);
	tags = member("customer_metadata");
	assert_string_equal(json_string_value(json_object_get(tags, "k")), "w");
	json_decref(tags);
	/* Plain ones are left out, as SmartOS does. */
	updated("{'alias': 'x'}");
	assert_int_equal(RUN("update", UUID1, "-v", "-f", file("{'tags': {}}")), 0);
	assert_non_null(strstr(tool_err, "property 'tags' not a property of bhyve VMs: left out"));
	tags = member("tags");
	assert_int_equal(json_object_size(tags), 2);
	json_decref(tags);
}

static void
test_disks(void **state)
{
	char disk[256], text[512];

	(void)snprintf(disk, sizeof(disk), "%s", sandbox_path("zones/" UUID1 "/disk1.raw"));
#define DISK(more)                                                                                 \
	((void)snprintf(text, sizeof(text), "{'update_disks': [{'path': '%s', " more "}]}", disk), \
	    text)
	updated(DISK("'size': 5"));
	assert_int_equal(size_of(disk), 5 << 20);
	shows("disks.1.size,disks.0.size", "5:2\n");
	updated(DISK("'size': 5"));
	refused(DISK("'size': 4"),
	    "cannot resize disk: new size must be greater than current size. (5 > 4)\n");
	refused(DISK("'size': 99999999999"), "Invalid value(s) for: disks.*.size\n");
	refused(DISK("'size': 4000000000"), "cannot resize disk: ");
	assert_non_null(strstr(tool_err, "are free"));
	refused(DISK("'model': 'nvme'"), "property 'update_disks.*.model' is not supported");
	assert_int_equal(size_of(disk), 5 << 20);
	shows("disks.1.size", "5\n");
	updated("{'flexible_disk_size': 8}");
	refused(DISK("'size': 7"),
	    "the disks would have 9 MiB together, more than "
	    "flexible_disk_size (8)\n");
	updated(DISK("'size': 4, 'dangerous_allow_shrink': true"));
	assert_int_equal(size_of(disk), 4 << 20);
	/* Not while it is in use: whoever has it open holds its lock. */
	int fd = open(disk, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	refused(DISK("'size': 3, 'dangerous_allow_shrink': true"), "cannot resize disk: ");
	assert_non_null(strstr(tool_err, "is in use"));
	updated(DISK("'size': 6"));
	assert_int_equal(size_of(disk), 6 << 20);
	(void)close(fd);
	/* All are looked at before one is changed. */
	(void)snprintf(text, sizeof(text),
	    "{'flexible_disk_size': null, 'update_disks': [{'path': '%s', 'size': 7}, {'path': "
	    "'%s', "
	    "'size': 1}]}",
	    disk, sandbox_path("zones/" UUID1 "/disk0.raw"));
	refused(text, "cannot resize disk: new size must be greater");
	assert_int_equal(size_of(disk), 6 << 20);
#undef DISK
}

/* Rules between properties hold at create as at update. */
static void
test_rules(void **state)
{
	assert_int_equal(
	    RUN("create", "-f", file("{'brand': 'bhyve', 'ram': 256, 'balloon_target': 128}")), 1);
	assert_non_null(strstr(tool_err, "balloon_target: the VM has no balloon"));
	assert_int_equal(RUN("update", UUID2, "vsock_ports=7"), 1);
	assert_non_null(strstr(tool_err, "vsock_ports: the VM has no vsock"));
	assert_int_equal(RUN("update", UUID2, "vsock_ports=7,8", "vsock_cid=3"), 0);
	assert_int_equal(RUN("update", UUID2, "vsock_cid="), 1);
}

static void
test_conflict(void **state)
{
	assert_int_equal(RUN("update", UUID2, "vnc_port=5901"), 1);
	assert_non_null(strstr(tool_err, "Conflict detected with another vm"));
	assert_int_equal(RUN("update", UUID2, "vnc_port=5902"), 0);
	updated("{'vnc_port': 5901}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_conflict),
	};

	return (cmocka_run_group_tests(tests, group_setup, sandbox_remove));
}
