/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmadm as a user has it: arguments, output, messages, exit codes, and what is on disk
 * afterwards; below a root of its own. VMs are made, looked at and deleted here, never started.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "../zone/sandbox.h"
#include "tool.h"

#define UUID1 "aaaaaaaa-0000-4000-8000-000000000001"
#define UUID2 "aaaaaaaa-0000-4000-8000-000000000002"
#define NONE  "aaaaaaaa-0000-4000-8000-00000000000f"
#define IMAGE "bbbbbbbb-0000-4000-8000-000000000001"

/* Write a file below the sandbox; single quotes stand for double ones. */
static const char *
file(const char *name, const char *text)
{
	const char *path = sandbox_path(name);
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
	const char *raw, *manifest;

	if (sandbox_make(state) != 0)
		return (-1);
	(void)file("etc/zones/nictags.json",
	    "{'v': 1, 'tags': [{'name': 'admin', 'link': '', 'bridge': 'zbr-admin', 'mtu': 0},"
	    "{'name': 'ext', 'link': 'eth0', 'bridge': 'zbr-ext', 'mtu': 1500}]}");
	raw = file("image.raw", "");
	if (truncate(raw, 2 << 20) != 0)
		return (-1);
	manifest = file("image.json",
	    "{'v': 2, 'uuid': '" IMAGE
	    "', 'name': 'tiny', 'version': '1', 'type': 'zvol', 'os': 'linux',"
	    "'image_size': 2}");
	if (tool_run(IMGADM,
		(const char *const[]){ "imgadm", "import", "-m", manifest, "-f", raw, NULL }) !=
	    0) {
		print_error("%s%s", tool_out, tool_err);
		return (-1);
	}
	return (0);
}

/* Entries of a folder below the sandbox that begin with this. */
static size_t
entries(const char *folder, const char *prefix)
{
	DIR *d = opendir(sandbox_path(folder));
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	(void)closedir(d);
	return (n);
}

static void
expect_err(const char *text)
{
	if (strcmp(tool_err, text) != 0)
		fail_msg("stderr is \"%s\", not \"%s\"", tool_err, text);
}

static void
expect_out(const char *text)
{
	if (strcmp(tool_out, text) != 0)
		fail_msg("stdout is \"%s\", not \"%s\"", tool_out, text);
}

/* Create from this text; the status. */
static int
create(const char *payload)
{
	return (RUN("create", "-f", file("payload.json", payload)));
}

/* ---- arguments ---- */

static void
test_usage(void **state)
{
	static const char *const without_uuid[] = { "get", "json", "start", "boot", "stop", "halt",
		"reboot", "delete", "destroy", "console", "kill", "sysrq" };

	assert_int_equal(RUN(), 2);
	assert_non_null(strstr(tool_err, "Usage: vmadm <command>"));
	expect_out("");
	assert_int_equal(RUN("help"), 0);
	assert_non_null(strstr(tool_out, "Usage: vmadm <command>"));
	assert_non_null(strstr(tool_out, "vmadm receive"));
	assert_null(strstr(tool_out, "vmadm install"));
	expect_err("");
	assert_int_equal(RUN("-h"), 0);
	assert_int_equal(RUN("-?"), 0);
	assert_int_equal(RUN("frobnicate"), 2);
	assert_non_null(strstr(tool_err, "Invalid command: \"frobnicate\".\nUsage:"));
	assert_int_equal(RUN("-v", "-d", "help"), 0);

	for (size_t i = 0; i < sizeof(without_uuid) / sizeof(without_uuid[0]); i++) {
		char want[64];

		(void)snprintf(
		    want, sizeof(want), "Invalid or missing UUID for %s\nUsage", without_uuid[i]);
		assert_int_equal(RUN(without_uuid[i]), 2);
		assert_int_equal(strncmp(tool_err, want, strlen(want)), 0);
		assert_int_equal(RUN(without_uuid[i], "not-a-uuid"), 2);
	}
	assert_int_equal(RUN("get", UUID1, "more"), 2);
	assert_int_equal(RUN("get", "-x", UUID1), 2);
	assert_int_equal(RUN("stop", "-t", "soon", UUID1), 2);
	assert_int_equal(RUN("start", UUID1, "colour=red"), 2);
	assert_int_equal(RUN("start", UUID1, "disk=/x"), 2);
	assert_int_equal(RUN("sysrq", UUID1, "b"), 2);
	assert_int_equal(RUN("list", "-x"), 2);
	assert_int_equal(RUN("list", "uuid"), 2);
	assert_int_equal(RUN("create", "more"), 2);
}

static void
test_not_yet(void **state)
{
	assert_int_equal(RUN("install", UUID1), 1);
	expect_err("\"install\" is not available in this version of zhyve.\n");
	assert_int_equal(RUN("events"), 1);
}

static void
test_unknown_vm(void **state)
{
	static const char want[] = "zoneadm: " NONE ": No such zone configured\n";

	assert_int_equal(RUN("get", NONE), 1);
	expect_err(want);
	expect_out("");
	assert_int_equal(RUN("start", NONE), 1);
	expect_err(want);
	assert_int_equal(RUN("stop", NONE), 1);
	expect_err(want);
	assert_int_equal(RUN("console", NONE), 1);
	expect_err(want);
	assert_int_equal(RUN("delete", NONE), 1);
	expect_err("Failed to delete VM " NONE ": zoneadm: " NONE ": No such zone configured\n");
	/* 36 characters with dashes in their places, but no UUID. */
	assert_int_equal(RUN("get", "zaaaaaaa-0000-4000-8000-000000000001"), 1);
	expect_err("zoneadm: zaaaaaaa-0000-4000-8000-000000000001: No such zone configured\n");
}

/* ---- payloads ---- */

/* Of any length and in any letters, what is not a property is named and left out. */
static void
test_strange_names(void **state)
{
	char payload[1024] =
	    "{'brand': 'bhyve', 'autoboot': false, 'uuid': '" UUID1 "', 'x\\u001b[31m': 1, '";

	for (int i = 0; i < 60; i++)
		(void)strcat(payload, "\xc3\xa9");
	(void)strcat(payload, "': 1, 'alias': 'a\\u001b[31m\\nb'}");
	assert_int_equal(RUN("validate", "create", "-f", file("payload.json", payload)), 1);
	assert_non_null(strstr(tool_err, "\xc3\xa9\xc3\xa9"));
	assert_int_equal(create(payload), 0);
	assert_non_null(strstr(tool_err, "'x?[31m' not a property of bhyve VMs: left out"));
	assert_null(strchr(tool_err, '\x1b'));
	assert_int_equal(RUN("list", "-H", "-o", "alias"), 0);
	expect_out("a?[31m?b\n");
	assert_int_equal(RUN("list", "-p", "-o", "alias"), 0);
	expect_out("a?[31m?b\n");
	assert_int_equal(RUN("delete", UUID1), 0);
}

/* Messages of a program without standard error go nowhere, and not into the files that it opens. */
static void
test_closed_outputs(void **state)
{
	char command[512];

	(void)file("payload.json",
	    "{'brand': 'bhyve', 'autoboot': false, 'uuid': '" UUID1 "', 'colour': 1}");
	(void)snprintf(command, sizeof(command), "%s create -f %s <&- >&- 2>&-", TOOL,
	    sandbox_path("payload.json"));
	assert_int_equal(
	    tool_run("/bin/sh", (const char *const[]){ "sh", "-c", command, NULL }), 0);
	assert_int_equal(RUN("get", UUID1), 0);
	(void)snprintf(command, sizeof(command), "%s list >&-", TOOL);
	assert_int_equal(
	    tool_run("/bin/sh", (const char *const[]){ "sh", "-c", command, NULL }), 1);
	expect_err("cannot write to standard output: Bad file descriptor\n");
	assert_int_equal(RUN("delete", UUID1), 0);
}

/* Numbers that no machine has are refused before anything is made of them. */
static void
test_huge_numbers(void **state)
{
	static const struct {
		const char *what, *name;
	} huge[] = {
		{ "'ram': 9223372036854775807", "ram" },
		{ "'ram': '999999999999999'", "ram" },
		{ "'max_physical_memory': 99999999999999999", "max_physical_memory" },
		{ "'vcpus': 1025", "vcpus" },
		{ "'disks': [{'model': 'virtio', 'size': 9223372036854775807}]", "disks.*.size" },
	};
	char payload[256], want[128];

	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		(void)snprintf(payload, sizeof(payload),
		    "{'brand': 'bhyve', 'autoboot': false, %s}", huge[i].what);
		(void)snprintf(want, sizeof(want), "Invalid value(s) for: %s\n", huge[i].name);
		assert_int_equal(create(payload), 1);
		expect_err(want);
	}
	assert_int_equal(entries("zones", ""), 1); /* images */
}

static void
test_payload_errors(void **state)
{
	char want[256];

	assert_int_equal(RUN("create", "-f", "/nowhere/x.json"), 1);
	expect_err("File: /nowhere/x.json does not exist.\n");
	assert_int_equal(create("{'brand': 'bhyve',}"), 1);
	assert_int_equal(strncmp(tool_err, "Invalid JSON payload: line 1", 28), 0);
	assert_int_equal(create("[]"), 1);
	expect_err("Invalid JSON payload: it must be an object\n");
	assert_int_equal(create(""), 1);
	assert_int_equal(create("{'ram': 1, 'ram': 2}"), 1);
	assert_int_equal(RUN("create", "-f", sandbox_root), 1);
	(void)snprintf(want, sizeof(want), "Error reading: %s Is a directory\n", sandbox_root);
	expect_err(want);
}

static void
test_validate(void **state)
{
	const char *good = file("good.json", "{'brand': 'bhyve', 'ram': 256}");
	json_t *errors;

	assert_int_equal(RUN("validate", "create", "-f", good), 0);
	expect_err("VALID 'create' payload for bhyve brand VMs.\n");
	expect_out("");
	assert_int_equal(RUN("validate", "-f", good, "create"), 0);
	assert_int_equal(RUN("validate", "-f", good), 2);
	assert_int_equal(RUN("validate", "destroy", "-f", good), 2);
	assert_non_null(strstr(tool_err, "Will not validate without a valid action."));
	assert_int_equal(RUN("validate", "update", "-f", good), 2);
	assert_int_equal(RUN("validate", "update", "bhyve", "-f", file("u.json", "{'ram': 1}")), 0);

	assert_int_equal(RUN("validate", "create", "-f",
			     file("bad.json", "{'brand': 'bhyve', 'ram': 'x', 'rom': 1}")),
	    1);
	expect_out("");
	errors = json_loads(tool_err, 0, NULL);
	assert_non_null(errors);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(errors, "bad_values"), 0)), "ram");
	json_decref(errors);
	assert_int_equal(RUN("validate", "create", "-f", file("bad.json", "{}")), 1);
	assert_non_null(strstr(tool_err, "\"bad_brand\": \"undefined\""));
}

/* Each is refused, and leaves nothing. */
static void
test_create_refused(void **state)
{
	static const struct {
		const char *payload, *want;
	} cases[] = {
		{ "{'ram': 256}", "Invalid value(s) for: brand (\"joyent\"; it must be bhyve)\n" },
		{ "{'brand': 'bhyve', 'ram': -1}", "Invalid value(s) for: ram\n" },
		{ "{'brand': 'bhyve', 'disks': [{'model': 'virtio'}]}",
		    "Missing required properties: disks.0.size\n" },
		{ "{'brand': 'bhyve', 'disks': [{'model': 'virtio', 'image_uuid': '" NONE "'}]}",
		    "Invalid value(s) for: disks.0.image_uuid\n" },
		{ "{'brand': 'bhyve', 'nics': [{'nic_tag': 'moon', 'model': 'virtio'},"
		  "{'nic_tag': 'mars', 'model': 'virtio'}]}",
		    "Invalid nic tag \"moon\"\nInvalid nic tag \"mars\"\n" },
		{ "{'brand': 'bhyve', 'nics': [{'nic_tag': 'ext', 'model': 'virtio', 'mtu': 1400,"
		  "'mac': '02:00:00:00:00:01'}]}",
		    "nic 0 (02:00:00:00:00:01): MTU is below the supported MTU (1500) of nic tag "
		    "\"ext\"\n" },
		{ "{'brand': 'bhyve', 'zonename': 'a/../b'}",
		    "invalid zone name 'a/../b': only letters, digits, '_', '-' and '.'\n" },
		{ "{'brand': 'bhyve', 'autoboot': false, 'disks': [{'model': 'virtio', 'size': "
		  "0}]}",
		    "disk 0: size must be at least 1 MiB\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(create(cases[i].payload), 1);
		expect_err(cases[i].want);
		expect_out("");
		assert_int_equal(entries("etc/zones", ""), 1);
		assert_int_equal(entries("zones", ""), 1);
	}
}

/* A disk too large for any file system: the VM that was half made is gone. */
static void
test_create_undone(void **state)
{
	assert_int_equal(
	    create("{'brand': 'bhyve', 'autoboot': false, 'disks': [{'model': 'virtio',"
		   "'size': 1}, {'size': 8796093022207}]}"),
	    1);
	expect_out("");
	assert_int_not_equal(strlen(tool_err), 0);
	assert_int_equal(entries("etc/zones", ""), 1);
	assert_int_equal(entries("zones", ""), 1);
}

/* ---- the life of VMs ---- */

static const char vm1[] =
    "{'uuid': '" UUID1 "', 'brand': 'bhyve', 'autoboot': false, 'alias': 'web', 'hostname': 'web1',"
    "'ram': 512, 'resolvers': ['192.0.2.53'], 'tags': {'role': 'front', 'a.b': 'c'},"
    "'disks': [{'boot': true, 'model': 'virtio', 'image_uuid': '" IMAGE "'}, {'size': 3}],"
    "'nics': [{'nic_tag': 'admin', 'model': 'virtio', 'ips': ['192.0.2.7/24'],"
    "'mac': '2:8:20:0:1:2'}],"
    "'customer_metadata': {'root_authorized_keys': 'ssh-ed25519 AAAA'}}";
static const char vm2[] =
    "{'uuid': '" UUID2
    "', 'brand': 'bhyve', 'autoboot': 'false', 'ram': 256, 'zonename': 'second'}";

static void
test_create(void **state)
{
	struct stat st;

	assert_int_equal(create(vm1), 0);
	expect_err("Successfully created VM " UUID1 "\n");
	expect_out("");
	assert_int_equal(create(vm2), 0);
	assert_int_equal(stat(sandbox_path("zones/" UUID1 "/disk0.raw"), &st), 0);
	assert_int_equal(st.st_size, 2 << 20);
	assert_int_equal(stat(sandbox_path("zones/" UUID1 "/disk1.raw"), &st), 0);
	assert_int_equal(st.st_size, 3 << 20);
	assert_int_equal(stat(sandbox_path("zones/" UUID1 "/config/metadata.json"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(sandbox_path("zones/second/config/tags.json"), &st), 0);

	/* Again, and one in the way of the first. */
	assert_int_equal(create(vm1), 1);
	expect_err("VM with UUID " UUID1 " already exists\n");
	assert_int_equal(create("{'brand': 'bhyve', 'autoboot': false, 'zonename': 'second'}"), 1);
	expect_err("zone second already exists\n");
	assert_int_equal(
	    create("{'brand': 'bhyve', 'autoboot': false, 'nics': [{'nic_tag': 'admin',"
		   "'model': 'virtio', 'ips': ['192.0.2.7/24']}]}"),
	    1);
	expect_err("Conflict detected with another vm, please check the MAC, IP, and VRID\n");
	assert_int_equal(entries("etc/zones", ""), 3);
}

static void
test_get(void **state)
{
	json_t *vm, *disks;

	assert_int_equal(RUN("get", UUID1), 0);
	expect_err("");
	assert_int_equal(strncmp(tool_out, "{\n  \"uuid\": \"" UUID1 "\"", 20), 0);
	vm = json_loads(tool_out, 0, NULL);
	assert_non_null(vm);
	assert_string_equal(json_string_value(json_object_get(vm, "state")), "stopped");
	assert_string_equal(json_string_value(json_object_get(vm, "alias")), "web");
	assert_int_equal(json_integer_value(json_object_get(vm, "v")), 1);
	assert_int_equal(json_integer_value(json_object_get(vm, "max_physical_memory")), 1792);
	disks = json_object_get(vm, "disks");
	assert_int_equal(json_array_size(disks), 2);
	assert_null(json_object_get(json_array_get(disks, 0), "missing"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(disks, 0), "size")), 2);
	json_decref(vm);
	assert_int_equal(RUN("json", UUID2), 0);
}

static void
test_list(void **state)
{
	assert_int_equal(RUN("list"), 0);
	expect_out(
	    "UUID                                  TYPE  RAM      STATE             ALIAS\n" UUID2
	    "  BHYV  256      stopped           -\n" UUID1
	    "  BHYV  512      stopped           web\n");
	assert_int_equal(RUN("list", "-H", "-s", "-ram", "-o", "ram,alias,vcpus,cpu_cap"), 0);
	expect_out("512      web         1      -\n256      -           1      -\n");
	assert_int_equal(RUN("list", "-p", "-o",
			     "uuid,alias,autoboot,tags.role,nics.0.ip,nics.0.mac", "ram=512"),
	    0);
	expect_out(UUID1 ":web::front:192.0.2.7:02:08:20:00:01:02\n");
	assert_int_equal(RUN("list", "-p", "-s", "alias", "-o", "alias,zonename"), 0);
	expect_out("web:" UUID1 "\n:second\n");
	assert_int_equal(RUN("list", "-o", "tags.a.b,disks.1.size", "alias=web"), 0);
	expect_out("TAGS.A.B              DISKS.1.SIZE\nc                     3\n");
	/* Only the header when nothing matches. */
	assert_int_equal(RUN("list", "-o", "uuid", "alias=nobody"), 0);
	expect_out("UUID\n");

	assert_int_equal(RUN("list", "-o", "colour"), 1);
	expect_err("invalid order field: colour\n");
	assert_int_equal(RUN("list", "-s", "+colour"), 1);
	expect_err("invalid sort field: colour\n");
	assert_int_equal(RUN("list", "-o", "nics.0.ips"), 1);
	expect_err("Invalid order key: \"nics.0.ips\"\n");
	assert_int_equal(RUN("list", "-s", "disks.0.uuid"), 1);
	expect_err("Invalid sort key: \"disks.0.uuid\"\n");
	assert_int_equal(RUN("list", "colour=red"), 1);
	expect_err("Invalid filter key: \"colour\"\n");
}

static void
test_lookup(void **state)
{
	json_t *found;

	assert_int_equal(RUN("lookup", "alias=web"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "alias=~^W"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "alias=~["), 1);
	assert_int_equal(RUN("lookup", "brand=bhyve", "ram=256"), 0);
	expect_out(UUID2 "\n");
	assert_int_equal(RUN("lookup", "alias=nobody"), 0);
	expect_out("");
	assert_int_equal(RUN("lookup", "nics.*.ip=192.0.2.7"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "nics.*.mac=2:8:20:0:1:2"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "disks.1.size=3"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "tags.role=front", "disks.*.boot=true"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "-1", "ram=512"), 0);
	expect_out(UUID1 "\n");
	assert_int_equal(RUN("lookup", "-1"), 1);
	expect_err("Requested unique lookup but found 2 results.\n");
	expect_out("");
	assert_int_equal(RUN("lookup", "nics.*.ips=x"), 1);
	expect_err("Invalid lookup key: \"nics.*.ips\"\n");
	assert_int_equal(RUN("lookup", "-o", "uuid"), 1);
	expect_err("Cannot specify -o without -j\n");

	assert_int_equal(RUN("lookup", "-j", "-o", "alias,ram", "hostname=web1"), 0);
	found = json_loads(tool_out, 0, NULL);
	assert_int_equal(json_array_size(found), 1);
	assert_int_equal(json_object_size(json_array_get(found, 0)), 2);
	json_decref(found);
	assert_int_equal(RUN("lookup", "-j", "ram=512"), 0);
	found = json_loads(tool_out, 0, NULL);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(found, 0), "type")), "BHYV");
	json_decref(found);
}

/* What needs a running VM says so; stopping one that is stopped is no failure. */
static void
test_wrong_state(void **state)
{
	assert_int_equal(RUN("stop", UUID1), 0);
	expect_err("VM " UUID1 " is already not 'running' (currently: stopped)\n");
	assert_int_equal(RUN("stop", "-F", UUID1), 0);
	assert_int_equal(RUN("reboot", UUID1), 1);
	expect_err("Cannot reboot vm from state \"stopped\", must be \"running\"\n");
	assert_int_equal(RUN("reboot", UUID1, "-F"), 1);
	expect_err("Cannot reset vm from state \"stopped\", must be \"running\".\n");
	assert_int_equal(RUN("console", UUID1), 1);
	expect_err("cannot connect to console when state is \"stopped\" must be \"running\".\n");
	assert_int_equal(RUN("sysrq", UUID1, "nmi"), 1);
	assert_int_equal(RUN("sysrq", UUID1, "screenshot"), 1);
	expect_err("Unable to send request to vm from state \"stopped\", must be \"running\" or "
		   "\"stopping\".\n");
	assert_int_equal(RUN("info", UUID1, "spice"), 1);
	expect_err("Unable to get info for VM " UUID1 ": unknown info type spice\n");
	assert_int_equal(RUN("info", UUID1, "vcpus,cpus"), 1);
	expect_err("Unable to get info for VM " UUID1 ": unknown info type cpus\n");
	assert_int_equal(RUN("info", UUID1, "vcpus"), 1);
	expect_err("Unable to get info for VM " UUID1
		   ": Unable to get info for vm from state \"stopped\", must be \"running\" or "
		   "\"stopping\".\n");
	assert_int_equal(RUN("info", UUID1, "vnc"), 1);
	expect_err("Unable to get info for VM " UUID1
		   ": Unable to get info for vm from state \"stopped\", must be \"running\" or "
		   "\"stopping\".\n");
	assert_int_equal(RUN("kill", UUID1), 1);
	expect_err("Cannot find running init PID for VM " UUID1 "\n");
	assert_int_equal(RUN("kill", "-s", "HOP", UUID1), 1);
	expect_err("Unknown signal \"HOP\"\n");
	assert_int_equal(RUN("kill", "-9", UUID1), 1);
	expect_err("Cannot find running init PID for VM " UUID1 "\n");
}

static void
test_delete(void **state)
{
	assert_int_equal(RUN("delete", UUID1), 0);
	expect_err("Successfully deleted VM " UUID1 "\n");
	assert_int_equal(RUN("get", UUID1), 1);
	assert_int_equal(entries("zones", UUID1), 0);
	assert_int_equal(entries("etc/zones", UUID1), 0);
	assert_int_equal(create("{'brand': 'bhyve', 'autoboot': false, 'uuid': '" UUID1
				"', 'indestructible_zoneroot': true}"),
	    0);
	assert_int_equal(RUN("destroy", UUID1), 1);
	expect_err(
	    "Failed to delete VM " UUID1 ": indestructible_zoneroot is set, cannot delete\n");
	assert_int_equal(RUN("destroy", UUID2), 0);
	assert_int_equal(entries("zones", "second"), 0);
}

/* A disk given by path is used, and not deleted with the VM. */
static void
test_lent_disk(void **state)
{
	char payload[512];

	(void)snprintf(payload, sizeof(payload),
	    "{'uuid': '" UUID2
	    "', 'brand': 'bhyve', 'autoboot': false, 'disks': [{'model': 'virtio',"
	    "'media': 'cdrom', 'path': '%s'}]}",
	    file("lent.iso", "x"));
	assert_int_equal(create(payload), 0);
	assert_int_equal(RUN("delete", UUID2), 0);
	assert_int_equal(access(sandbox_path("lent.iso"), F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_not_yet),
		cmocka_unit_test(test_unknown_vm),
		cmocka_unit_test(test_payload_errors),
		cmocka_unit_test(test_strange_names),
		cmocka_unit_test(test_huge_numbers),
		cmocka_unit_test(test_closed_outputs),
		cmocka_unit_test(test_validate),
		cmocka_unit_test(test_create_refused),
		cmocka_unit_test(test_create_undone),
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_wrong_state),
		cmocka_unit_test(test_delete),
		cmocka_unit_test(test_lent_disk),
	};
	return (cmocka_run_group_tests(tests, group_setup, sandbox_remove));
}
