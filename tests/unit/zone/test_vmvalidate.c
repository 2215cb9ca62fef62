/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `vmadm validate create` as a table: payload in, verdict out. Single quotes stand for double
 * ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "zone/vmvalidate.h"

#include "quoted.h"
#include "vm_fixture.h"

/* "values|properties|missing", each with commas; "" when valid. */
static const char *
verdict(unsigned action, const char *brand, json_t *payload)
{
	static const char *const names[] = { "bad_values", "bad_properties", "missing_properties" };
	static char out[512];
	json_t *errors = vmvalidate(payload, action, brand, fake_image), *x;
	size_t n = 0, i;

	out[0] = '\0';
	if (errors == NULL)
		return (out);
	for (size_t k = 0; k < 3; k++) {
		assert_true(json_is_array(json_object_get(errors, names[k])));
		json_array_foreach (json_object_get(errors, names[k]), i, x)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", i > 0 ? "," : "",
			    json_string_value(x));
		if (k < 2)
			n += (size_t)snprintf(out + n, sizeof(out) - n, "|");
	}
	json_decref(errors);
	return (out);
}

static const struct {
	const char *payload; /* without the brand */
	const char *want;
} create_cases[] = {
	{ "{}", "" },
	{ "{'ram': 1024, 'vcpus': 2, 'alias': 'web'}", "" },
	/* integers */
	{ "{'ram': '1024'}", "" },
	{ "{'ram': 1024.0}", "" },
	{ "{'ram': null}", "" },
	{ "{'ram': ''}", "" },
	{ "{'ram': -1}", "ram||" },
	{ "{'ram': 1.5}", "ram||" },
	{ "{'ram': '1G'}", "ram||" },
	{ "{'ram': true}", "ram||" },
	{ "{'ram': [1]}", "ram||" },
	{ "{'vcpus': 0}", "vcpus||" },
	{ "{'max_swap': 255}", "max_swap||" },
	{ "{'max_swap': 256}", "" },
	{ "{'cpu_cap': 0}", "" },
	{ "{'vnc_port': -1}", "" },
	{ "{'vnc_port': -2}", "vnc_port||" },
	/* booleans */
	{ "{'autoboot': true}", "" },
	{ "{'autoboot': 'false'}", "" },
	{ "{'autoboot': 1}", "" },
	{ "{'autoboot': '1'}", "" },
	{ "{'autoboot': 0}", "autoboot||" },
	{ "{'autoboot': '0'}", "autoboot||" },
	{ "{'autoboot': 'yes'}", "autoboot||" },
	{ "{'autoboot': null}", "autoboot||" },
	/* strings */
	{ "{'alias': null}", "" },
	{ "{'alias': ''}", "" },
	{ "{'alias': 5}", "alias||" },
	{ "{'hostname': ['x']}", "hostname||" },
	/* uuids */
	{ "{'uuid': 'cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1'}", "" },
	{ "{'uuid': 'CC3FC57F-3b1a-4a3c-9ec0-2bb7a5e2f4a1'}", "uuid||" },
	{ "{'uuid': 'cc3fc57f3b1a4a3c9ec02bb7a5e2f4a1'}", "uuid||" },
	{ "{'uuid': 7}", "uuid||" },
	/* lists */
	{ "{'resolvers': ['192.0.2.1', '2001:db8::1']}", "" },
	{ "{'resolvers': '192.0.2.1,192.0.2.2'}", "" },
	{ "{'resolvers': []}", "" },
	{ "{'resolvers': ['192.0.2.1,192.0.2.2']}", "resolvers||" },
	{ "{'resolvers': ['example.com']}", "resolvers||" },
	{ "{'resolvers': [5]}", "resolvers||" },
	{ "{'resolvers': {}}", "resolvers||" },
	{ "{'internal_metadata_namespaces': ['a-b.c_d']}", "" },
	{ "{'internal_metadata_namespaces': ['a b']}", "internal_metadata_namespaces||" },
	{ "{'limit_priv': 'default,-net_access'}", "" },
	/* objects */
	{ "{'customer_metadata': {'a': 'b', 'n': 1, 't': true}}", "" },
	{ "{'customer_metadata': {'a': {}}}", "customer_metadata||" },
	{ "{'customer_metadata': {'a': ['b']}}", "customer_metadata||" },
	{ "{'customer_metadata': {'a': null}}", "customer_metadata||" },
	{ "{'tags': 'x'}", "tags||" },
	{ "{'disks': {}}", "disks||" },
	{ "{'disks': ['x']}", "disks||" },
	{ "{'zpool': 'zones'}", "" },
	{ "{'zpool': 'tank'}", "zpool||" },
	/* names */
	{ "{'rom': 1}", "|rom|" },
	{ "{'dns_domain': 'local'}", "|dns_domain|" },
	{ "{'package_name': 'x'}", "|package_name|" },
	{ "{'state': 'running'}", "|state|" },
	{ "{'add_disks': []}", "|add_disks|" },
	{ "{'create_timestamp': 'x'}", "|create_timestamp|" },
	{ "{'ram': -1, 'rom': 1, 'disks': [{}]}", "ram|rom|disks.0.size" },
	/* disks */
	{ "{'disks': [{'size': 10}]}", "" },
	{ "{'disks': [{'size': 10, 'model': 'virtio', 'boot': true}]}", "" },
	{ "{'disks': [{'image_uuid': '" IMAGE "'}]}", "" },
	{ "{'disks': [{'image_uuid': '" IMAGE "', 'image_size': 2048}]}", "" },
	{ "{'disks': [{'image_uuid': '" IMAGE "', 'image_size': 2049}]}", "disks.0.image_size||" },
	{ "{'disks': [{'image_uuid': '" IMAGE "', 'size': 4096}]}", "|disks.0.size|" },
	{ "{'flexible_disk_size': 9000, 'disks': [{'image_uuid': '" IMAGE "', 'size': 4096}]}",
	    "" },
	{ "{'flexible_disk_size': 9000, 'disks': [{'image_uuid': '" IMAGE "', 'size': 1024}]}",
	    "disks.0.size||" },
	{ "{'disks': [{'image_uuid': '" IMAGE "', 'block_size': 4096}]}", "|disks.0.block_size|" },
	{ "{'disks': [{'image_uuid': '" IMAGE_OTHER "'}]}",
	    "disks.0.image_uuid||disks.0.image_size" },
	{ "{'disks': [{'image_uuid': '" IMAGE_NONE "', 'image_size': 1}]}",
	    "disks.0.image_uuid||" },
	{ "{'disks': [{'size': 1}, {'size': 1, 'image_size': 1}]}", "|disks.1.image_size|" },
	{ "{'disks': [{'size': 1, 'image_name': 'x'}]}", "|disks.*.image_name|" },
	{ "{'disks': [{'size': 1, 'colour': 'x'}, {'size': 1, 'colour': 'y'}]}",
	    "|disks.*.colour|" },
	{ "{'disks': [{'size': 'x'}]}", "disks.*.size||" },
	{ "{'disks': [{'media': 'cdrom', 'path': '/x.iso'}]}", "" },
	{ "{'disks': [{'size': 1, 'refreservation': -1}]}", "disks.0.refreservation||" },
	{ "{'disks': [{'size': 1, 'guest_block_size': '512/4096'}]}", "" },
	{ "{'disks': [{'size': 1, 'guest_block_size': '513'}]}", "disks.*.guest_block_size||" },
	{ "{'disks': [{'size': 1, 'guest_block_size': '512/'}]}", "disks.*.guest_block_size||" },
	/* nics */
	{ "{'nics': [{'nic_tag': 'admin', 'ips': ['dhcp']}]}", "" },
	{ "{'nics': [{'mac': 'zz:00:00:00:00:00'}]}", "nics.*.mac||" },
	{ "{'nics': [{'mac': '2:8:20:0:1:2', 'mtu': 1500}]}", "" },
	{ "{'nics': [{'mtu': 500}]}", "nics.*.mtu||" },
	{ "{'nics': [{'mtu': 9001}]}", "nics.*.mtu||" },
	{ "{'nics': [{'vlan_id': 4096}]}", "nics.*.vlan_id||" },
	{ "{'nics': [{'allowed_dhcp_cids': ['0x01']}]}", "|nics.*.allowed_dhcp_cids|" },
	/* boot ROM, passthrough */
	{ "{'bootrom': 'uefi', 'disks': [{'boot': true, 'image_uuid': '" IMAGE "'}]}", "" },
	{ "{'bootrom': 'coreboot', 'disks': [{'boot': true, 'image_uuid': '" IMAGE "'}]}",
	    "bootrom||" },
	{ "{'bootrom': '/rom.fd', 'disks': [{'boot': true, 'image_uuid': '" IMAGE "'}]}",
	    "bootrom||" },
	{ "{'bootrom': 'bios', 'disks': [{'boot': true, 'image_uuid': '" IMAGE_UEFI "'}]}",
	    "bootrom||" },
	{ "{'bootrom': 'uefi', 'disks': [{'boot': true, 'image_uuid': '" IMAGE_UEFI "'}]}", "" },
	{ "{'bootrom': 'coreboot'}", "bootrom||" },
	{ "{'boot': 'order=cd,once=d'}", "" },
	{ "{'boot': 'cd'}", "boot||" },
	{ "{'boot': 'order=x'}", "boot||" },
	{ "{'bootrom': '/usr/share/x.bin', 'disks': [{'size': 1}]}", "" },
	{ "{'pci_devices': [{'path': '0000:03:00.0', 'pci_slot': '8:0:0', 'model': 'passthru'}]}",
	    "" },
	{ "{'pci_devices': [{'path': '/sys/bus/pci/devices/0000:03:00.0', 'pci_slot': '8'}]}", "" },
	{ "{'pci_devices': [{'path': '/devices/x', 'model': 'x'}]}",
	    "pci_devices.0.path,pci_devices.0.model||pci_devices.0.pci_slot" },
};

static void
test_create(void **state)
{
	for (size_t i = 0; i < sizeof(create_cases) / sizeof(create_cases[0]); i++) {
		json_t *payload = parse(create_cases[i].payload);
		const char *got;

		(void)json_object_set_new(payload, "brand", json_string("bhyve"));
		got = verdict(VMF_CREATE, "bhyve", payload);
		if (strcmp(got, create_cases[i].want) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", create_cases[i].payload, got,
			    create_cases[i].want);
		json_decref(payload);
	}
}

static void
test_brand(void **state)
{
	static const char *const bad[] = { NULL, "joyent", "kvm", "" };
	json_t *payload = parse("{'rom': 1}"), *errors;

	for (size_t i = 0; i < 4; i++) {
		errors = vmvalidate(payload, VMF_CREATE, bad[i], fake_image);
		assert_int_equal(json_object_size(errors), 1);
		assert_string_equal(json_string_value(json_object_get(errors, "bad_brand")),
		    bad[i] != NULL ? bad[i] : "undefined");
		json_decref(errors);
	}
	json_decref(payload);
}

static void
test_update(void **state)
{
	static const struct {
		const char *payload, *want;
	} cases[] = {
		{ "{'ram': 512, 'set_tags': {'a': 'b'}, 'remove_nics': ['02:08:20:00:00:01']}",
		    "" },
		{ "{'uuid': 'cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1', 'tags': {}}", "|uuid,tags|" },
		{ "{'add_disks': [{'size': 1}, {'image_uuid': '" IMAGE_NONE "', 'image_size': 1}]}",
		    "add_disks.1.image_uuid||" },
		{ "{'update_nics': [{'mac': '02:08:20:00:00:01', 'mtu': 1}]}", "nics.*.mtu||" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *payload = parse(cases[i].payload);

		assert_string_equal(verdict(VMF_UPDATE, "bhyve", payload), cases[i].want);
		json_decref(payload);
	}
}

/* The image's size is filled in. */
static void
test_image_size(void **state)
{
	json_t *payload = parse("{'disks': [{'image_uuid': '" IMAGE "'}]}");
	json_t *disk = json_array_get(json_object_get(payload, "disks"), 0);

	assert_string_equal(verdict(VMF_CREATE, "bhyve", payload), "");
	assert_int_equal(json_integer_value(json_object_get(disk, "image_size")), 2048);
	json_decref(payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_brand),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_image_size),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
