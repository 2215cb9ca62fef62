/* SPDX-License-Identifier: BSD-2-Clause */
/* SmartOS's stream of a VM: its blocks, and the VM in it (zone/vmbundle.c). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "zone/vmbundle.h"

#include "memory_input.h"

static struct err e;

/* ---- blocks ---- */

/* One of these texts, with the ends that it has. */
#define BLOCK(text)  \
	{            \
		text \
	}

static void
a_header_is_read(void **state)
{
	static const char block[VMBUNDLE_BLOCK] =
	    BLOCK("MAGIC-VMBUNDLE\0001\0CHECKSUM\0JSON\0005000\0005120");
	struct vmbundle_header h;

	(void)state;
	assert_int_equal(vmbundle_magic(block), 0);
	assert_int_equal(vmbundle_header_parse(block, &h, &e), 0);
	assert_string_equal(h.name, "JSON");
	assert_int_equal(h.size, 5000);
	assert_int_equal(h.padded, 5120);
}

static void
a_damaged_header_is_refused(void **state)
{
	static const char blocks[][VMBUNDLE_BLOCK] = {
		BLOCK("MAGIC-VMBUNDLE\0002\0CHECKSUM\0JSON\0000\0000"),     /* another version */
		BLOCK("MAGIC-VMBUNDLF\0001\0CHECKSUM\0JSON\0000\0000"),     /* another magic */
		BLOCK("MAGIC-VMBUNDLE\0001\0CHECKSUM\0\0000\0000"),         /* no name */
		BLOCK("MAGIC-VMBUNDLE\0001\0CHECKSUM\0JSON\0-1\0000"),      /* no number */
		BLOCK("MAGIC-VMBUNDLE\0001\0CHECKSUM\0JSON\000512\000511"), /* less than it holds */
		BLOCK("MAGIC-VMBUNDLE\0001\0CHECKSUM\0JSON\0005"),          /* nothing after */
	};
	char endless[VMBUNDLE_BLOCK];
	struct vmbundle_header h;

	(void)state;
	for (size_t i = 0; i < NITEMS(blocks); i++) {
		assert_int_equal(vmbundle_header_parse(blocks[i], &h, &e), -EINVAL);
		assert_true(e.text[0] != '\0');
	}
	memset(endless, 'x', sizeof(endless));
	assert_int_equal(vmbundle_magic(endless), SIZE_MAX);
	memcpy(endless, VMBUNDLE_MAGIC, sizeof(VMBUNDLE_MAGIC));
	assert_int_equal(vmbundle_header_parse(endless, &h, &e), -EINVAL);
}

/* In a stream: some bytes may be before it, some have been read; and it may be the end. */
static void
headers_follow_each_other(void **state)
{
	char stream[2 * VMBUNDLE_BLOCK + VMBUNDLE_SKIP_MAX] = { 0 }, block[VMBUNDLE_BLOCK];
	static const char text[] = "MAGIC-VMBUNDLE\0001\0CHECKSUM\0zones/a\0000\0000";
	struct memory_input in = { stream, sizeof(stream) };
	struct vmbundle_header h;

	(void)state;
	memcpy(stream, text, sizeof(text));
	memcpy(stream + VMBUNDLE_BLOCK + VMBUNDLE_SKIP_MAX, text, sizeof(text));
	assert_int_equal(memory_input_read(&in, block, 8), 0);
	assert_int_equal(vmbundle_read_header(memory_input_read, &in, block, 8, &h, &e), 0);
	assert_string_equal(h.name, "zones/a");
	assert_int_equal(vmbundle_read_header(memory_input_read, &in, block, 0, &h, &e), 0);
	assert_string_equal(h.name, "zones/a");
	assert_int_equal(in.len, 0);
	assert_int_equal(vmbundle_read_header(memory_input_read, &in, block, 0, &h, &e), -ENODATA);
	/* Within a block, and with more before it than can be. */
	in = (struct memory_input){ stream, 100 };
	assert_int_equal(vmbundle_read_header(memory_input_read, &in, block, 0, &h, &e), -EPIPE);
	in = (struct memory_input){ stream + VMBUNDLE_BLOCK - 1, VMBUNDLE_BLOCK };
	assert_int_equal(vmbundle_read_header(memory_input_read, &in, block, 0, &h, &e), -EINVAL);
}

/* ---- the VM ---- */

static size_t warnings;

static void
warn(const char *property, const char *what)
{
	(void)what;
	assert_int_equal(strncmp(property, "disks.", 6), 0);
	warnings++;
}

#define UUID "b0b5c6a0-1c1e-4c8a-9b43-0d4cfa2b1a11"
#define DISK(n, more)                                                                            \
	"{\"path\":\"/dev/zvol/rdsk/zones/" UUID "/disk" #n                                      \
	"\",\"boot\":false,\"model\":\"virtio\","                                                \
	"\"media\":\"disk\",\"size\":1024,\"zfs_filesystem\":\"zones/" UUID "/disk" #n "\","     \
	"\"zpool\":\"zones\",\"compression\":\"lz4\",\"refreservation\":16,\"block_size\":8192," \
	"\"pci_slot\":\"0:4:" #n "\"" more "}"
#define VM(disks, more)                                                                           \
	"{\"zonename\":\"" UUID "\",\"uuid\":\"" UUID                                             \
	"\",\"brand\":\"bhyve\",\"ram\":512,\"vcpus\":2,"                                         \
	"\"autoboot\":true,\"alias\":\"moved\",\"v\":1,\"state\":\"stopped\",\"zone_state\":"     \
	"\"installed\","                                                                          \
	"\"create_timestamp\":\"2024-05-06T07:08:09.010Z\",\"server_uuid\":\"44454c4c-0000-0000-" \
	"0000-000000000000\","                                                                    \
	"\"zonepath\":\"/zones/" UUID                                                             \
	"\",\"zonedid\":12,\"platform_buildstamp\":\"20240506T070809Z\","                         \
	"\"zpool\":\"zones\",\"zfs_filesystem\":\"zones/" UUID "\",\"quota\":10,\"hvm\":true,"    \
	"\"last_modified\":\"2024-05-06T07:08:10.000Z\",\"firewall_enabled\":false,\"limit_"      \
	"priv\":\"default\","                                                                     \
	"\"customer_metadata\":{\"root_authorized_keys\":\"k\"},\"internal_metadata\":{},"        \
	"\"tags\":{\"a\":1},"                                                                     \
	"\"routes\":{},\"nics\":[],\"disks\":[" disks "]" more "}\n"

static int
describe(const char *text, struct vmbundle *b)
{
	warnings = 0;
	return (vmbundle_describe(text, strlen(text), warn, b, &e));
}

static const char *
prop(const struct vmbundle *b, size_t disk, const char *name)
{
	return (zprop_get(b->zone->device[disk].prop, b->zone->device[disk].nprop, name));
}

/* Its disks come by their datasets; what was there on that host, and what the pool there made it of, does not. */
static void
a_vm_is_understood(void **state)
{
	struct vmbundle b;

	(void)state;
	assert_int_equal(
	    describe(VM(DISK(0,
			    ",\"image_uuid\":\"" UUID
			    "\",\"image_size\":1024") ","
						      "{\"path\":\"/"
						      "cdrom.iso\",\"media\":\"cdrom\",\"model\":"
						      "\"ahci\"}," DISK(1, ""),
			 ",\"snapshots\":[{\"name\":\"a\",\"created_at\":\"x\"}]"),
		&b),
	    0);
	assert_string_equal(b.zone->uuid, UUID);
	assert_string_equal(b.zone->name, UUID);
	assert_string_equal(zconf_attr(b.zone, "create-timestamp"), "2024-05-06T07:08:09.010Z");
	assert_null(zconf_attr(b.zone, "provisioning"));
	assert_int_equal(b.zone->ndevice, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_null(b.zone->device[i].match);
		assert_int_equal(b.size[i], 1024 * MIB);
		assert_null(prop(&b, i, "image-uuid"));
		assert_string_equal(prop(&b, i, "compression"), "lz4");
		assert_string_equal(prop(&b, i, "refreservation"), "16");
	}
	assert_string_equal(b.dataset[1], "zones/" UUID "/disk1");
	assert_string_equal(prop(&b, 1, "pci-slot"), "0:4:1");
	assert_non_null(json_object_get(b.config.customer_metadata, "root_authorized_keys"));
	assert_non_null(json_object_get(b.config.tags, "a"));
	assert_int_equal(warnings, 3); /* of disks: block_size, compression, refreservation */
	vmbundle_free(&b);
}

static void
what_cannot_be_here_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{}",
		VM("", ",\"pci_devices\":[{\"path\":\"/devices/pci\",\"model\":\"passthru\"}]"),
		VM(DISK(0, ",\"size\":1"), ""), /* twice */
		VM("{\"zfs_filesystem\":\"zones/a\",\"model\":\"virtio\"}", ""),
		VM("{\"zfs_filesystem\":\"zones/a/@b\",\"model\":\"virtio\",\"size\":8}", ""),
		VM("{\"zfs_filesystem\":\"zones/../a\",\"model\":\"virtio\",\"size\":8}", ""),
		VM("{\"zfs_filesystem\":\"zones/a\",\"model\":\"virtio\",\"size\":-8}", ""),
		VM("5", ",\"ram\":1"),
		"{\"uuid\":\"" UUID "\",\"zonename\":\"" UUID "\",\"brand\":\"kvm\",\"ram\":512}",
		"{\"uuid\":\"" UUID "\",\"zonename\":\"../x\",\"brand\":\"bhyve\",\"ram\":512}",
		"{\"brand\":\"bhyve\",\"ram\":512}",
	};
	struct vmbundle b;

	(void)state;
	for (size_t i = 0; i < NITEMS(texts); i++) {
		if (describe(texts[i], &b) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
		assert_true(e.text[0] != '\0');
		vmbundle_free(&b);
	}
}

static void
disks_are_bounded(void **state)
{
	static const char disk[] =
	    "{\"zfs_filesystem\":\"zones/a\",\"model\":\"virtio\",\"size\":8},";
	size_t len = 0, size = 100 + 40 * sizeof(disk);
	char *text = malloc(size);
	struct vmbundle b;

	(void)state;
	assert_non_null(text);
	len += (size_t)sprintf(text, "{\"uuid\":\"" UUID "\",\"disks\":[");
	for (size_t i = 0; i < VMSTREAM_DISKS_MAX + 1; i++)
		len += (size_t)sprintf(text + len, "%s", disk);
	(void)sprintf(text + len - 1, "]}");
	assert_int_equal(describe(text, &b), -EINVAL);
	assert_non_null(strstr(e.text, "more than"));
	vmbundle_free(&b);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read),
		cmocka_unit_test(a_damaged_header_is_refused),
		cmocka_unit_test(headers_follow_each_other),
		cmocka_unit_test(a_vm_is_understood),
		cmocka_unit_test(what_cannot_be_here_is_refused),
		cmocka_unit_test(disks_are_bounded),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
