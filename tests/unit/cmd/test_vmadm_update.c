/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmadm update, snapshots and reprovision as a user has them: arguments, messages, and what is on disk
 * afterwards; below a root of its own, with VMs that are never started. What update makes of payloads is
 * in zone/test_vmupdate.c, snapshots themselves in zone/test_vmsnap.c.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <jansson.h>

#include "../zone/sandbox.h"
#include "base/fd.h"
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
	refused(DISK("'media': 'cdrom'"), "property 'update_disks.*.media' cannot be changed");
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

/* Disks that come and go; this VM is nobody else's. */
static void
test_more_disks(void **state)
{
	static const char uuid[] = "aaaaaaaa-0000-4000-8000-000000000003";
	char text[512], path[256];
#define LIST(fields, want)                                     \
	assert_int_equal(RUN("list", "-p", "-H", "-o", fields, \
			     "uuid=aaaaaaaa-0000-4000-"        \
			     "8000-000000000003"),             \
	    0);                                                \
	assert_string_equal(tool_out, want)
#define SLOT(slot)                             \
	assert_int_equal(RUN("get", uuid), 0); \
	assert_non_null(strstr(tool_out, "\"pci_slot\": \"" slot "\""))
#define UPDATE(status, ...)                               \
	((void)snprintf(text, sizeof(text), __VA_ARGS__), \
	    assert_int_equal(RUN("update", uuid, "-f", file(text)), status))

	assert_int_equal(
	    RUN("create", "-f",
		file("{'brand': 'bhyve', 'uuid': 'aaaaaaaa-0000-4000-8000-000000000003',"
		     " 'autoboot': false, 'disks': [{'size': 2, 'model': 'virtio', 'boot': "
		     "true}]}")),
	    0);
	UPDATE(0, "{'add_disks': [{'size': 3, 'model': 'nvme'}, {'size': 4}]}");
	LIST("disks.0.size,disks.1.size,disks.2.size,disks.1.model,disks.2.model",
	    "2:3:4:nvme:virtio\n");
	SLOT("0:4:1");
	SLOT("0:4:2");
	(void)snprintf(path, sizeof(path), "%s",
	    sandbox_path("zones/aaaaaaaa-0000-4000-8000-000000000003/disk1.raw"));
	assert_int_equal(size_of(path), 3 << 20);
	assert_int_equal(RUN("create-snapshot", uuid, "all"), 0);
	/* One goes, its snapshots with it; its number is taken again. */
	UPDATE(1, "{'remove_disks': ['/none']}");
	assert_string_equal(tool_err, "There is no existing disk with that path: /none\n");
	UPDATE(0, "{'remove_disks': ['%s']}", path);
	assert_int_equal(access(path, F_OK), -1);
	LIST("disks.0.size,disks.1.size", "2:4\n");
	UPDATE(0, "{'add_disks': [{'size': 5, 'model': 'ahci', 'pci_slot': '0:7:1'}]}");
	assert_int_equal(size_of(path), 5 << 20);
	LIST("disks.2.size", "5\n");
	SLOT("0:7:1");
	/* The rules of new ones. */
	UPDATE(1, "{'add_disks': [{'size': 5, 'model': 'ide'}]}");
	assert_non_null(strstr(tool_err, "is not a valid disk model for bhyve brand"));
	UPDATE(1, "{'add_disks': [{'size': 5, 'model': 'nvme', 'pci_slot': '0:7:1'}]}");
	assert_non_null(strstr(tool_err, "VM has multiple disks in pci_slot \"0:7:1\""));
	UPDATE(1, "{'add_disks': [{'size': 5, 'boot': true}]}");
	assert_non_null(strstr(tool_err, "multiple boot disks"));
	UPDATE(1, "{'add_disks': [{'model': 'nvme'}]}");
	assert_string_equal(tool_err, "Missing required properties: add_disks.0.size\n");
	UPDATE(1, "{'add_disks': [{'size': 5}], 'flexible_disk_size': 15}");
	assert_non_null(strstr(tool_err, "16 MiB together"));
	UPDATE(1, "{'add_disks': [{'size': 1}, {'size': 4000000000}]}");
	assert_non_null(strstr(tool_err, "are free"));
	assert_int_equal(
	    access(sandbox_path("zones/aaaaaaaa-0000-4000-8000-000000000003/disk3.raw"), F_OK), -1);
	/* What is a disk's own. */
	UPDATE(0,
	    "{'update_disks': [{'path': '%s', 'model': 'virtio', 'pci_slot': '0:8:0', 'size': 6}]}",
	    path);
	LIST("disks.2.size,disks.2.model", "6:virtio\n");
	SLOT("0:8:0");
	UPDATE(1, "{'update_disks': [{'path': '%s', 'model': 'ide'}]}", path);
	UPDATE(1, "{'update_disks': [{'size': 7}]}");
	assert_string_equal(tool_err, "Disk object needs a .path property to update.\n");
	assert_int_equal(RUN("delete", uuid), 0);
#undef LIST
#undef SLOT
#undef UPDATE
}

/* What a pool of files has no use for is kept and shown, and said to be without effect. */
static void
test_kept(void **state)
{
	char text[512];
	json_t *disks, *disk;

#define DISK(more)                                                                          \
	((void)snprintf(text, sizeof(text), "{'update_disks': [{'path': '%s', " more "}]}", \
	     sandbox_path("zones/" UUID1 "/disk1.raw")),                                    \
	    text)
	assert_int_equal(
	    RUN("update", UUID1, "-f", file(DISK("'compression': 'lz4', 'refreservation': 3"))), 0);
	assert_non_null(
	    strstr(tool_err, "'disks.*.compression' is kept, but has no effect in this pool"));
	assert_non_null(strstr(tool_err, "'disks.*.refreservation' is kept"));
	disks = member("disks");
	disk = json_array_get(disks, 1);
	assert_string_equal(json_string_value(json_object_get(disk, "compression")), "lz4");
	assert_int_equal(json_integer_value(json_object_get(disk, "refreservation")), 3);
	assert_null(json_object_get(disk, "zfs_filesystem"));
	json_decref(disks);
	assert_int_equal(RUN("update", UUID1, "-f", file(DISK("'compression': 'best'"))), 1);
	assert_non_null(strstr(tool_err, "invalid compression setting for disk, must be one of"));
	updated(DISK("'compression': '', 'refreservation': null"));
	disks = member("disks");
	disk = json_array_get(disks, 1);
	assert_null(json_object_get(disk, "compression"));
	assert_null(json_object_get(disk, "refreservation"));
	json_decref(disks);
#undef DISK
	assert_int_equal(RUN("update", UUID1, "quota=7", "zfs_root_compression=gzip",
			     "zfs_root_recsize=4096", "zfs_filesystem_limit=5"),
	    0);
	assert_non_null(strstr(tool_err, "'zfs_root_compression' is kept"));
	disk = member("zfs_root_compression");
	assert_string_equal(json_string_value(disk), "gzip");
	json_decref(disk);
	disk = member("quota");
	assert_int_equal(json_integer_value(disk), 7);
	json_decref(disk);
	updated(
	    "{'zfs_root_compression': null, 'zfs_root_recsize': '', 'zfs_filesystem_limit': ''}");
	assert_null(member("zfs_root_compression"));
	assert_null(member("zfs_root_recsize"));
}

/* In the place of zoneadmd: the VM runs, and is gone when its state has been told. The child. */
static pid_t
run_until_asked(void)
{
	static const char reply[] = "{\"parameters\":{\"status\":{\"state\":\"running\","
				    "\"zoneid\":1,\"last_exit\":\"\"}}}";
	int listener, conn;
	char one = 'x';
	pid_t pid;

	assert_int_equal(mkdir(sandbox_path("run/zones/" UUID1), 0700), 0);
	listener = unix_listen(sandbox_path("run/zones/" UUID1 "/control"), 0600, NULL);
	assert_true(listener >= 0);
	if ((pid = fork()) == 0) {
		(void)poll(&(struct pollfd){ .fd = listener, .events = POLLIN }, 1, -1);
		conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		while (read(conn, &one, 1) == 1 && one != '\0')
			;
		(void)close(listener);
		(void)unlink(sandbox_path("run/zones/" UUID1 "/control"));
		_exit(write(conn, reply, sizeof(reply)) == (ssize_t)sizeof(reply) ? 0 : 1);
	}
	(void)close(listener);
	return (pid);
}

/* A guest that ends while its VM is changed has not made the change fail. */
static void
test_ends_meanwhile(void **state)
{
	char text[256];
	int status;
	pid_t pid = run_until_asked();

	(void)snprintf(text, sizeof(text),
	    "{'flexible_disk_size': null, 'update_disks': [{'path': '%s', 'size': 7}]}",
	    sandbox_path("zones/" UUID1 "/disk1.raw"));
	if (RUN("update", UUID1, "-f", file(text)) != 0)
		fail_msg("%s", tool_err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_non_null(strstr(tool_err, "the VM has ended meanwhile"));
	assert_non_null(strstr(tool_err, "Successfully updated VM " UUID1 "\n"));
	shows("disks.1.size,state", "7:stopped\n");
	(void)rmdir(sandbox_path("run/zones/" UUID1));
	(void)snprintf(text, sizeof(text),
	    "{'update_disks': [{'path': '%s', 'size': 6, 'dangerous_allow_shrink': true}]}",
	    sandbox_path("zones/" UUID1 "/disk1.raw"));
	updated(text);
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

/* Snapshots of the first VM as get shows them: names, newest first, with a blank behind each. */
static void
snapshots(const char *want)
{
	json_t *list = member("snapshots"), *one;
	char have[256] = "";
	size_t i;

	json_array_foreach (list, i, one)
		(void)strcat(strcat(have, json_string_value(json_object_get(one, "name"))), " ");
	json_decref(list);
	assert_string_equal(have, want);
}

static void
test_snapshots(void **state)
{
	assert_int_equal(RUN("create-snapshot", UUID1), 2);
	assert_int_equal(
	    strncmp(tool_err, "Wrong number of parameters to \"create-snapshot\"\n", 48), 0);
	assert_int_equal(RUN("delete-snapshot", UUID1, "a", "b"), 2);
	assert_int_equal(RUN("rollback-snapshot", "x", "a"), 2);
	assert_int_equal(RUN("create-snapshot", NONE, "a"), 1);
	assert_int_equal(RUN("create-snapshot", UUID1, "a/b"), 1);
	assert_string_equal(tool_err, "Invalid snapshot name\n");
	assert_int_equal(RUN("create-snapshot", UUID2, "a"), 1);
	assert_non_null(strstr(tool_err, "has no disk of its own"));
	assert_int_equal(RUN("create-snapshot", UUID1, "a"), 0);
	assert_string_equal(tool_err, "Created snapshot a for VM " UUID1 "\n");
	assert_int_equal(RUN("create-snapshot", UUID1, "a"), 1);
	assert_string_equal(tool_err, "snapshot with name \"a\" already exists.\n");
	updated("{'zfs_snapshot_limit': 2}");
	assert_int_equal(RUN("create-snapshot", UUID1, "b"), 0);
	assert_int_equal(RUN("create-snapshot", UUID1, "c"), 1);
	assert_non_null(strstr(tool_err, "zfs_snapshot_limit is 2"));
	snapshots("b a ");
	assert_int_equal(RUN("rollback-snapshot", UUID1, "c"), 1);
	assert_string_equal(tool_err, "No snapshot named \"c\" for " UUID1 "\n");
	assert_int_equal(RUN("delete-snapshot", UUID1, "c"), 1);
	assert_int_equal(RUN("delete-snapshot", UUID1, "b"), 0);
	assert_string_equal(tool_err, "Deleted snapshot b for VM " UUID1 "\n");
	updated("{'zfs_snapshot_limit': null}");
	/* What disks leave of flexible_disk_size is theirs. */
	updated("{'flexible_disk_size': 8}");
	assert_int_equal(RUN("create-snapshot", UUID1, "b"), 1);
	assert_non_null(strstr(tool_err, "out of space: disks and snapshots have 8 MiB"));
	updated("{'flexible_disk_size': 9}");
	assert_int_equal(RUN("create-snapshot", UUID1, "b"), 0);
	assert_int_equal(RUN("delete-snapshot", UUID1, "b"), 0);
	updated("{'flexible_disk_size': null}");
	snapshots("a ");
}

static void
not_reprovisioned(const char *text, const char *why)
{
	char want[256];

	assert_int_equal(RUN("reprovision", UUID1, "-f", file(text)), 1);
	(void)snprintf(want, sizeof(want), "Failed to reprovision VM " UUID1 ": %s", why);
	if (strncmp(tool_err, want, strlen(want)) != 0)
		fail_msg("'%s', not '%s'", tool_err, want);
}

/* An image in the store, of that many MiB, with `name` at its beginning. */
static void
image(const char *uuid, unsigned mib, const char *name)
{
	char path[96], text[512];
	int fd;

	(void)mkdir(sandbox_path("zones/images"), 0755);
	(void)snprintf(path, sizeof(path), "zones/images/%s.raw", uuid);
	fd = open(sandbox_path(path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)mib << 20), 0);
	assert_int_equal(pwrite(fd, name, strlen(name), 0), (ssize_t)strlen(name));
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "zones/images/%s.json", uuid);
	(void)snprintf(text, sizeof(text),
	    "{'v': 2, 'uuid': '%s', 'name': '%s', 'version': '1', 'os': 'linux', 'type': 'zvol',"
	    " 'image_size': %u}",
	    uuid, name, mib);
	assert_int_equal(rename(file(text), sandbox_path(path)), 0);
}

static void
test_reprovision(void **state)
{
	static const char small[] = "bbbbbbbb-0000-4000-8000-000000000001",
			  large[] = "bbbbbbbb-0000-4000-8000-000000000003";
	char have[6] = "";
	int fd;

	image(small, 1, "small");
	image(large, 3, "large");
	assert_int_equal(RUN("create-snapshot", UUID1, "before"), 0);
	updated("{'autoboot': false}");
	not_reprovisioned("{}", "payload is missing image_uuid\n");
	not_reprovisioned("{'image_uuid': '" NONE "'}", "image \"" NONE "\" was not found\n");
	not_reprovisioned("{'image_uuid': 'bbbbbbbb-0000-4000-8000-000000000003'}",
	    "Cannot reprovision: image (3 MiB) > disk0 (2 MiB)\n");
	assert_int_equal(RUN("update", UUID1, "indestructible_zoneroot=true"), 0);
	not_reprovisioned("{'image_uuid': 'bbbbbbbb-0000-4000-8000-000000000001'}",
	    "indestructible_zoneroot is set, cannot reprovision\n");
	assert_int_equal(RUN("update", UUID1, "indestructible_zoneroot=false"), 0);
	assert_int_equal(RUN("reprovision", UUID1, "-f",
			     file("{'image_uuid': 'bbbbbbbb-0000-4000-8000-000000000001'}")),
	    0);
	assert_string_equal(tool_err, "Successfully reprovisioned VM " UUID1 "\n");
	fd = open(sandbox_path("zones/" UUID1 "/disk0.raw"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, have, 5), 5);
	(void)close(fd);
	assert_string_equal(have, "small");
	shows("disks.0.image_uuid,disks.0.size,disks.1.size,state",
	    "bbbbbbbb-0000-4000-8000-000000000001:1:6:stopped\n");
	/* The other disk is what it was, and so is the snapshot of it. */
	snapshots("before a ");
	assert_int_equal(
	    access(sandbox_path("zones/" UUID1 "/snapshots/disk1@vmsnap-before"), F_OK), 0);
	assert_int_equal(
	    access(sandbox_path("zones/" UUID1 "/snapshots/disk0@vmsnap-before"), F_OK), -1);
}

/* With archive_on_delete what is known of a VM outlives it, once. */
static void
test_archive(void **state)
{
	static const char create[] =
	    "{'brand': 'bhyve', 'uuid': 'aaaaaaaa-0000-4000-8000-000000000004', 'alias': 'kept',"
	    " 'autoboot': false, 'archive_on_delete': true,"
	    " 'tags': {'a': 1}, 'disks': [{'size': 2, 'model': 'virtio', 'boot': true}]}";
	static const char uuid[] = "aaaaaaaa-0000-4000-8000-000000000004",
			  archive[] = "zones/archive/aaaaaaaa-0000-4000-8000-000000000004";
	const char *file_of[] = { "vm.json", "zone.json", "config/tags.json" };
	char path[160];
	json_t *vm, *disk;

	assert_int_equal(RUN("create", "-f", file(create)), 0);
	assert_int_equal(RUN("delete", uuid), 0);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", archive, file_of[i]);
		if (access(sandbox_path(path), F_OK) != 0)
			fail_msg("no %s", path);
	}
	(void)snprintf(path, sizeof(path), "%s/vm.json", archive);
	vm = json_load_file(sandbox_path(path), 0, NULL);
	assert_string_equal(json_string_value(json_object_get(vm, "alias")), "kept");
	disk = json_array_get(json_object_get(vm, "disks"), 0);
	assert_null(json_object_get(disk, "missing")); /* it was written before they went */
	json_decref(vm);
	assert_int_equal(
	    access(sandbox_path("zones/aaaaaaaa-0000-4000-8000-000000000004"), F_OK), -1);
	/* Another with that UUID does not take its place, and is not lost for it. */
	assert_int_equal(RUN("create", "-f", file(create)), 0);
	assert_int_equal(RUN("delete", uuid), 1);
	assert_non_null(strstr(tool_err, "the archive of another VM that had this UUID"));
	assert_int_equal(RUN("update", uuid, "archive_on_delete=false"), 0);
	assert_int_equal(RUN("delete", uuid), 0);
	/* A deletion that was interrupted behind its archive goes on. */
	(void)nftw(sandbox_path("zones/archive"), sandbox_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(RUN("create", "-f", file(create)), 0);
	assert_int_equal(RUN("get", uuid), 0);
	vm = json_loads(tool_out, 0, NULL);
	(void)mkdir(sandbox_path("zones/archive"), 0700);
	(void)mkdir(sandbox_path(archive), 0700);
	assert_int_equal(json_dump_file(vm, sandbox_path(path), 0), 0);
	json_decref(vm);
	assert_int_equal(RUN("delete", uuid), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_more_disks),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_ends_meanwhile),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_conflict),
		cmocka_unit_test(test_snapshots),
		cmocka_unit_test(test_reprovision),
		cmocka_unit_test(test_archive),
	};

	return (cmocka_run_group_tests(tests, group_setup, sandbox_remove));
}
