/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What create makes of a payload: defaults, nics, disks, and the message for each rule that is
 * broken. Then the payload through the model and back into a VM object. Single quotes stand for
 * double ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"

#include "quoted.h"
#include "vm_fixture.h"

/* The prepared payload; the brand is added. */
static json_t *
prepared(const char *text)
{
	json_t *payload = parse(text);
	struct err e = { 0 };

	warnings[0] = '\0';
	(void)json_object_set_new(payload, "brand", json_string("bhyve"));
	if (vmcreate_prepare(payload, fake_image, warn, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return (payload);
}

static int64_t
number(const json_t *o, const char *name)
{
	assert_true(json_is_integer(json_object_get(o, name)));
	return (json_integer_value(json_object_get(o, name)));
}

static const char *
text(const json_t *o, const char *name)
{
	assert_true(json_is_string(json_object_get(o, name)));
	return (json_string_value(json_object_get(o, name)));
}

static const json_t *
element(const json_t *o, const char *array, size_t i)
{
	return (json_array_get(json_object_get(o, array), i));
}

/* ---- defaults ---- */

static void
test_defaults(void **state)
{
	json_t *p = prepared("{}");
	uint8_t uuid[16];

	assert_int_equal(number(p, "ram"), 256);
	assert_int_equal(number(p, "max_physical_memory"), 1536);
	assert_int_equal(number(p, "max_locked_memory"), 1536);
	assert_int_equal(number(p, "max_swap"), 1536);
	assert_int_equal(number(p, "max_shm_memory"), 1536);
	assert_int_equal(number(p, "vcpus"), 1);
	assert_int_equal(number(p, "cpu_shares"), 100);
	assert_int_equal(number(p, "zfs_io_priority"), 100);
	assert_int_equal(number(p, "max_lwps"), 2000);
	assert_int_equal(number(p, "max_msg_ids"), 4096);
	assert_int_equal(number(p, "quota"), 1);
	assert_true(json_is_true(json_object_get(p, "autoboot")));
	assert_string_equal(text(p, "com1"), "/dev/zconsole");
	assert_string_equal(text(p, "com2"), "socket,/tmp/vm.ttyb");
	assert_string_equal(text(p, "owner_uuid"), "00000000-0000-0000-0000-000000000000");
	assert_string_equal(text(p, "zpool"), "zones");
	assert_int_equal(parse_uuid(text(p, "uuid"), uuid), 0);
	assert_string_equal(text(p, "zonename"), text(p, "uuid"));
	assert_string_equal(warnings, "");
	json_decref(p);
}

static void
test_memory(void **state)
{
	static const struct {
		const char *payload;
		int64_t physical, locked, swap;
	} cases[] = {
		{ "{'ram': 1024}", 2304, 2304, 2304 },
		{ "{'ram': '1024'}", 2304, 2304, 2304 },
		{ "{'ram': 1024, 'max_physical_memory': 4096}", 4096, 4096, 4096 },
		/* Too low: raised to what the guest needs. */
		{ "{'ram': 1024, 'max_physical_memory': 100}", 1280, 1280, 1280 },
		{ "{'ram': 1024, 'max_locked_memory': 9000}", 2304, 2304, 2304 },
		{ "{'ram': 1024, 'max_locked_memory': 1}", 2304, 1280, 2304 },
		{ "{'ram': 1024, 'max_swap': 9000}", 2304, 2304, 9000 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *p = prepared(cases[i].payload);

		assert_int_equal(number(p, "max_physical_memory"), cases[i].physical);
		assert_int_equal(number(p, "max_locked_memory"), cases[i].locked);
		assert_int_equal(number(p, "max_swap"), cases[i].swap);
		json_decref(p);
	}
}

static void
test_types_are_mended(void **state)
{
	json_t *p =
	    prepared("{'vcpus': '3', 'cpu_cap': '', 'resolvers': '192.0.2.1,192.0.2.2',"
		     "'autoboot': 'false', 'cpu_shares': 70000, 'zone_dataset_uuid': '" IMAGE
		     "', 'limit_priv': 'default'}");

	assert_int_equal(number(p, "vcpus"), 3);
	assert_null(json_object_get(p, "cpu_cap"));
	assert_int_equal(json_array_size(json_object_get(p, "resolvers")), 2);
	assert_true(json_is_false(json_object_get(p, "autoboot")));
	assert_int_equal(number(p, "cpu_shares"), 65535);
	assert_string_equal(text(p, "image_uuid"), IMAGE);
	assert_null(json_object_get(p, "zone_dataset_uuid"));
	json_decref(p);
}

static void
test_unknown_are_left_out(void **state)
{
	json_t *p = prepared(
	    "{'dns_domain': 'local', 'disks': [{'model': 'virtio', 'size': 8, 'image_size': 8,"
	    "'colour': 'red'}], 'bootrom': 'uefi'}");

	assert_null(json_object_get(p, "dns_domain"));
	assert_null(json_object_get(element(p, "disks", 0), "colour"));
	assert_null(json_object_get(element(p, "disks", 0), "image_size"));
	assert_string_equal(warnings, "dns_domain;disks.*.colour;disks.0.image_size;");
	json_decref(p);
}

/* ---- nics and disks ---- */

static void
test_nics(void **state)
{
	json_t *p =
	    prepared("{'nics': [{'nic_tag': 'admin', 'model': 'virtio', 'ip': '192.0.2.7',"
		     "  'netmask': '255.255.255.0', 'gateway': '192.0.2.1', 'index': 0},"
		     " {'nic_tag': 'ext', 'ips': ['addrconf', '198.51.100.9/25', '2001:db8::9/64'],"
		     "  'mac': '2:8:20:0:A:b', 'primary': true, 'vlan_id': '12'},"
		     " {'nic_tag': 'ext', 'ips': ['dhcp'], 'interface': 'net1', 'primary': false},"
		     " {'nic_tag': 'ext'}]}");
	const json_t *n0 = element(p, "nics", 0), *n1 = element(p, "nics", 1);
	const json_t *n2 = element(p, "nics", 2), *n3 = element(p, "nics", 3);
	uint8_t mac[6];

	assert_string_equal(text(n0, "interface"), "net0");
	assert_string_equal(json_string_value(element(n0, "ips", 0)), "192.0.2.7/24");
	assert_string_equal(json_string_value(element(n0, "gateways", 0)), "192.0.2.1");
	assert_string_equal(text(n0, "ip"), "192.0.2.7");
	assert_string_equal(text(n0, "netmask"), "255.255.255.0");
	assert_null(json_object_get(n0, "index"));
	assert_null(json_object_get(n0, "primary"));
	assert_int_equal(parse_mac(text(n0, "mac"), mac), 0);
	assert_int_equal(mac[0] & 0x0f, 2);
	for (size_t i = 0; i < 6; i++)
		assert_int_not_equal(mac[i], 0);

	assert_string_equal(text(n1, "interface"), "net2");
	assert_string_equal(text(n1, "mac"), "02:08:20:00:0a:0b");
	assert_string_equal(text(n1, "ip"), "198.51.100.9");
	assert_string_equal(text(n1, "netmask"), "255.255.255.128");
	assert_string_equal(text(n1, "model"), "virtio");
	assert_true(json_is_true(json_object_get(n1, "primary")));
	assert_int_equal(number(n1, "vlan_id"), 12);

	assert_string_equal(text(n2, "interface"), "net1");
	assert_string_equal(text(n2, "ip"), "dhcp");
	assert_null(json_object_get(n2, "primary"));
	assert_string_equal(text(n3, "interface"), "net3");
	assert_int_equal(json_array_size(json_object_get(n3, "ips")), 0);
	assert_null(json_object_get(n3, "ip"));
	json_decref(p);

	/* Without a primary the first is. */
	p = prepared("{'nic_driver': 'virtio', 'nics': [{'nic_tag': 'a'}, {'nic_tag': 'a'}]}");
	assert_true(json_is_true(json_object_get(element(p, "nics", 0), "primary")));
	assert_null(json_object_get(element(p, "nics", 1), "primary"));
	json_decref(p);
}

static void
test_disks(void **state)
{
	json_t *p = prepared(
	    "{'disk_driver': 'virtio', 'disks': [{'size': 10},"
	    "{'size': 10, 'boot': true, 'model': 'virtio'}, {'size': 10, 'pci_slot': '4:1'},"
	    "{'media': 'cdrom', 'path': '/x.iso'}, {'size': 10}]}");
	static const char *const slots[] = { "0:4:2", "0:4:0", "0:4:1", "0:3:0", "0:4:3" };

	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(text(element(p, "disks", i), "pci_slot"), slots[i]);
		assert_int_equal(strlen(text(element(p, "disks", i), "uuid")), UUID_TEXT_LEN);
	}
	assert_string_equal(text(element(p, "disks", 0), "model"), "virtio");
	assert_string_equal(text(element(p, "disks", 4), "model"), "virtio");
	assert_string_equal(text(element(p, "disks", 0), "media"), "disk");
	json_decref(p);
}

/* ---- messages ---- */

#define NIC  "'nic_tag': 'a', 'model': 'virtio'"
#define DISK "'size': 1, 'model': 'virtio'"
#define U1   "'uuid': 'cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1'"

static const struct {
	const char *payload;
	const char *want; /* the beginning of the message */
} bad_cases[] = {
	{ "{'ram': 'much'}", "Invalid value for ram: \"much\"" },
	{ "{'ram': -5, 'vcpus': 0}", "Invalid value(s) for: ram,vcpus" },
	{ "{'disks': [{'model': 'virtio'}]}", "Missing required properties: disks.0.size" },
	{ "{'disks': [{'model': 'virtio', 'image_uuid': '" IMAGE_NONE "'}]}",
	    "Invalid value(s) for: disks.0.image_uuid" },
	{ "{'disks': [], 'add_disks': []}", "Cannot specify both \"disks\" and \"add_disks\"" },
	{ "{'nics': [], 'add_nics': []}", "Cannot specify both \"nics\" and \"add_nics\"" },
	{ "{'pci_devices': [{'path': '/devices/x', 'pci_slot': '8', 'model': 'passthru'}]}",
	    "Invalid value(s) for: pci_devices.0.path" },
	{ "{'pci_devices': [{'path': '0000:03:00.0', 'pci_slot': '8'}], 'add_pci_devices': []}",
	    "Cannot specify both \"pci_devices\" and \"add_pci_devices\"" },
	{ "{'pci_devices': [{'path': '0000:03:00.0', 'pci_slot': '8'}, {'path': '3/0/0', "
	  "'pci_slot': '0:8:0'}]}",
	    "VM has multiple devices in pci_slot \"0:8:0\": one is 3/0/0" },
	{ "{'pci_devices': [{'path': '0000:03:00.0', 'pci_slot': '6'}]}",
	    "pci_slot \"6\" invalid: PCI device 6 is reserved" },
	/* What is not built yet is refused, not forgotten. */
	{ "{'firewall_enabled': 'true'}", "property 'firewall_enabled' is not supported" },
	{ "{'vnc_password': '123456789'}",
	    "VNC password is too long, maximum length is 8 characters." },
	{ "{'zfs_root_recsize': 1000}", "invalid zfs_root_recsize (1000), must be 512-131072" },
	{ "{'zfs_root_compression': 'best'}",
	    "invalid compression type for best, must be one of: on,off" },
	/* disks */
	{ "{'disks': [{'size': 1}]}", "missing .model option for disk: {\"size\":1" },
	{ "{'disks': [{'size': 1, 'model': 'scsi'}]}",
	    "\"scsi\" is not a valid disk model for bhyve brand. Valid are: virtio,ahci,nvme" },
	{ "{'disks': [{" DISK ", 'path': '/x'}]}",
	    "you cannot specify a path for a disk unless you set nocreate=true" },
	{ "{'disks': [{" DISK ", 'block_size': 1000}]}",
	    "invalid .block_size(1000), must be 512-131072 and a power of 2." },
	{ "{'disks': [{" DISK ", 'compression': 'best'}]}",
	    "invalid compression setting for disk, must be one of: on,off" },
	{ "{'disks': [{" DISK ", 'boot': true}, {" DISK ", 'boot': true}]}",
	    "multiple boot disks: \"disk0\" and \"disk1\"" },
	{ "{'disks': [{" DISK ", " U1 "}, {" DISK ", " U1 "}]}",
	    "duplicate disk uuid cc3fc57f-3b1a-4a3c-9ec0-2bb7a5e2f4a1" },
	{ "{'disks': [{" DISK ", 'pci_slot': '4:x'}]}", "pci_slot \"4:x\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': '32'}]}", "pci_slot \"32\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': '4:8'}]}", "pci_slot \"4:8\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': '256:4:0'}]}", "pci_slot \"256:4:0\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': '0:4:0:0'}]}", "pci_slot \"0:4:0:0\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': ':'}]}", "pci_slot \":\" is not valid" },
	{ "{'disks': [{" DISK ", 'pci_slot': '6'}]}",
	    "pci_slot \"6\" invalid: PCI device 6 is reserved" },
	{ "{'disks': [{" DISK ", 'pci_slot': '0:31:0'}]}",
	    "pci_slot \"0:31:0\" invalid: PCI device 31 is reserved" },
	{ "{'disks': [{" DISK ", 'pci_slot': '5'}, {" DISK ", 'pci_slot': '0:5:0'}]}",
	    "VM has multiple disks in pci_slot \"0:5:0\": disk0, disk1" },
	{ "{'disks': [{" DISK "},{" DISK "},{" DISK "},{" DISK "},{" DISK "},{" DISK "},{" DISK
	  "},{" DISK "},{" DISK "}]}",
	    "VM has more than 8 disk devices on PCI device 4" },
	/* nics */
	{ "{'nics': [{'nic_tag': 'a'}]}", "missing .model option for NIC: {" },
	{ "{'nics': [{'model': 'virtio'}]}", "invalid or missing .nic_tag option for NIC: {" },
	{ "{'nics': [{'model': 'virtio', 'nic_tag': 'a b'}]}",
	    "invalid or missing .nic_tag option for NIC: {" },
	{ "{'nics': [{" NIC ", 'ip': '192.0.2.1'}]}", "Missing .netmask option for NIC: {" },
	{ "{'nics': [{" NIC ", 'ip': '192.0.2.1', 'netmask': '255.0.255.0'}]}",
	    "Specified netmask value is invalid: 255.0.255.0" },
	{ "{'nics': [{" NIC ", 'ips': ['192.0.2.1']}]}", "Invalid IP for NIC: \"192.0.2.1\"" },
	{ "{'nics': [{" NIC ", 'ips': ['192.0.2.1/7']}]}", "Invalid IP for NIC: \"192.0.2.1/7\"" },
	{ "{'nics': [{" NIC ", 'ips': ['2001:db8::1/129']}]}",
	    "Invalid IP for NIC: \"2001:db8::1/129\"" },
	{ "{'nics': [{" NIC ", 'ips': [5]}]}", "Invalid IP for NIC: 5" },
	{ "{'nics': [{" NIC ", 'gateways': ['2001:db8::1']}]}",
	    "Static gateways must be IPv4 addresses: 2001:db8::1" },
	{ "{'nics': [{" NIC ", 'primary': 'false'}, {" NIC ", 'primary': 1}, {" NIC
	  ", 'primary': true}]}",
	    "payload specifies more than 1 primary NIC" },
	{ "{'nics': [{" NIC ", 'mac': '02:00:00:00:00:01'}, {" NIC ", 'mac': '2:0:0:0:0:1'}]}",
	    "Cannot add multiple NICs with the same MAC: 02:00:00:00:00:01" },
	{ "{'nics': [{" NIC ", 'ips': ['192.0.2.1/24']}, {" NIC ", 'ips': ['192.0.2.1/24']}]}",
	    "Cannot add multiple NICs with the same IP: 192.0.2.1/24" },
	{ "{'nics': [{" NIC ", 'allowed_ips': ['192.0.2.0/0']}]}", "invalid allowed_ips: " },
	{ "{'nics': [{" NIC ", 'vrrp_vrid': 7}]}", "vrrp_vrid set but not vrrp_primary_ip" },
	{ "{'nics': [{" NIC
	  ", 'vrrp_vrid': 7, 'vrrp_primary_ip': '192.0.2.1', 'mac': '2:0:0:0:0:1'}]}",
	    "Cannot set both mac and vrrp_vrid" },
	{ "{'nics': [{" NIC ", 'vrrp_vrid': 7, 'vrrp_primary_ip': '192.0.2.1'}]}",
	    "vrrp_primary_ip must belong to the same VM" },
	/* routes */
	{ "{'routes': {'here': '192.0.2.1'}}",
	    "Invalid route destination: \"here\" (must be IP address or CIDR)" },
	{ "{'routes': {'10.0.0.0/8': 'there'}}",
	    "Invalid route gateway: \"there\" (must be IP address, MAC address, or nic)" },
	{ "{'routes': {'10.0.0.0/8': 'nics[0'}}", "Invalid route gateway: \"nics[0\"" },
	{ "{'routes': {'10.0.0.0/8': 'nics[0]'}}",
	    "Route gateway: \"nics[0]\" refers to non-existent or DHCP nic" },
	{ "{'nics': [{" NIC ", 'ips': ['dhcp']}], 'routes': {'10.0.0.0/8': 'nics[0]'}}",
	    "Route gateway: \"nics[0]\" refers to non-existent or DHCP nic" },
};

static void
test_messages(void **state)
{
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
		json_t *p = parse(bad_cases[i].payload);
		struct err e = { 0 };

		(void)json_object_set_new(p, "brand", json_string("bhyve"));
		if (vmcreate_prepare(p, fake_image, warn, &e) == 0)
			fail_msg("%s was taken", bad_cases[i].payload);
		if (strncmp(e.text, bad_cases[i].want, strlen(bad_cases[i].want)) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", bad_cases[i].payload, e.text,
			    bad_cases[i].want);
		json_decref(p);
	}
}

static void
test_brand_message(void **state)
{
	json_t *p = parse("{'ram': 1}");
	struct err e = { 0 };

	assert_int_equal(vmcreate_prepare(p, fake_image, warn, &e), -EINVAL);
	assert_string_equal(e.text, "Invalid value(s) for: brand (\"joyent\"; it must be bhyve)");
	json_decref(p);
}

/* ---- other VMs ---- */

static void
test_conflicts(void **state)
{
	static const char other[] =
	    "[{" U1 ", 'state': 'stopped', 'zone_state': 'installed', 'vnc_port': 5901, 'nics': ["
	    "{'mac': '02:00:00:00:00:01', 'nic_tag': 'a', 'vlan_id': 3, 'ips': ['192.0.2.1/24', "
	    "'dhcp']},"
	    "{'mac': '00:00:5e:00:01:07', 'nic_tag': 'a', 'vrrp_vrid': 7, 'ips': []}]}]";
	static const struct {
		const char *vm;
		bool clash;
	} cases[] = {
		{ "{'nics': [{'mac': '02:00:00:00:00:02', 'nic_tag': 'a', 'ips': "
		  "['192.0.2.2/24']}]}",
		    false },
		{ "{'nics': [{'mac': '02:00:00:00:00:01', 'nic_tag': 'b', 'ips': []}]}", true },
		{ "{'nics': [{'nic_tag': 'a', 'vlan_id': 3, 'ips': ['192.0.2.1/24']}]}", true },
		{ "{'nics': [{'nic_tag': 'a', 'vlan_id': 4, 'ips': ['192.0.2.1/24']}]}", false },
		{ "{'nics': [{'nic_tag': 'a', 'ips': ['192.0.2.1/24']}]}", false },
		{ "{'nics': [{'nic_tag': 'b', 'vlan_id': 3, 'ips': ['192.0.2.1/24']}]}", false },
		{ "{'nics': [{'nic_tag': 'a', 'vlan_id': 3, 'ips': ['dhcp']}]}", false },
		{ "{'nics': [{'nic_tag': 'x', 'vrrp_vrid': 7, 'ips': []}]}", true },
		{ "{'vnc_port': 5901}", true },
		{ "{'vnc_port': 0}", false },
		/* Itself is not another. */
		{ "{" U1 ", 'nics': [{'mac': '02:00:00:00:00:01', 'nic_tag': 'a', 'ips': []}]}",
		    false },
	};
	json_t *others = parse(other);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *vm = parse(cases[i].vm);
		struct err e = { 0 };
		int rc = vmnic_conflict(vm, others, &e);

		if ((rc < 0) != cases[i].clash)
			fail_msg("%s: %s", cases[i].vm, e.text);
		if (rc < 0)
			assert_string_equal(e.text,
			    "Conflict detected with another vm, please check the MAC, IP, and "
			    "VRID");
		json_decref(vm);
	}
	/* A VM that failed is in nobody's way. */
	(void)json_object_set_new(json_array_get(others, 0), "state", json_string("failed"));
	json_t *vm = parse(cases[1].vm);
	assert_int_equal(vmnic_conflict(vm, others, NULL), 0);
	json_decref(vm);
	json_decref(others);
}

/* ---- through the model ---- */

static const char full[] =
    "{" U1
    ", 'alias': 'web 1 \\u00e9', 'hostname': 'web1', 'ram': 1024, 'vcpus': 2, 'cpu_cap': 150,"
    " 'autoboot': false, 'resolvers': ['192.0.2.53'], 'do_not_inventory': true,"
    " 'internal_metadata_namespaces': ['team'], 'indestructible_zoneroot': false,"
    " 'disks': [{'image_uuid': '" IMAGE "', 'boot': true, 'model': 'virtio', 'notrim': true}],"
    " 'nics': [{" NIC ", 'ips': ['192.0.2.7/24', '2001:db8::7/64'], 'gateways': ['192.0.2.1'],"
    "   'allow_ip_spoofing': true, 'allow_mac_spoofing': false, 'blocked_outgoing_ports': [25, "
    "587],"
    "   'vlan_id': 12, 'mtu': 1500}],"
    " 'customer_metadata': {'user-script': '#!/bin/sh'}, 'internal_metadata': {'root_pw': 'x'},"
    " 'tags': {'role': 'front'}, 'routes': {'10.0.0.0/8': 'nics[0]'}}";

static json_t *
round_trip(const char *payload_text, struct zone_status *st)
{
	json_t *p = prepared(payload_text), *vm = NULL;
	struct zconf *c = zconf_new(text(p, "zonename"));
	struct vmconfig vc;
	struct err e = { 0 };

	assert_non_null(c);
	vmobj_payload_config(p, &vc);
	for (size_t i = 0; i < json_array_size(json_object_get(p, "disks")); i++)
		(void)json_object_set_new(json_array_get(json_object_get(p, "disks"), i), "path",
		    json_string("/nowhere/disk0.raw"));
	if (vmobj_apply(p, c, &e) < 0 || vmobj_build(c, &vc, st, &vm, &e) < 0)
		fail_msg("%s", e.text);
	vmconfig_free(&vc);
	zconf_free(c);
	json_decref(p);
	return (vm);
}

static void
test_round_trip(void **state)
{
	struct zone_status st = { .state = ZONE_STATE_INSTALLED, .zoneid = -1 };
	json_t *vm = round_trip(full, &st), *want;
	const json_t *nic = element(vm, "nics", 0), *disk = element(vm, "disks", 0);

	assert_string_equal(text(vm, "alias"), "web 1 \xc3\xa9");
	assert_string_equal(text(vm, "hostname"), "web1");
	assert_int_equal(number(vm, "ram"), 1024);
	assert_int_equal(number(vm, "max_physical_memory"), 2304);
	assert_int_equal(number(vm, "cpu_cap"), 150);
	assert_int_equal(number(vm, "vcpus"), 2);
	assert_true(json_is_false(json_object_get(vm, "autoboot")));
	assert_true(json_is_true(json_object_get(vm, "do_not_inventory")));
	assert_true(json_is_false(json_object_get(vm, "firewall_enabled")));
	assert_null(json_object_get(vm, "indestructible_zoneroot"));
	assert_string_equal(text(vm, "limit_priv"),
	    "default,-file_link_any,-net_access,-proc_fork,-proc_info,-proc_session");
	assert_string_equal(text(vm, "state"), "stopped");
	assert_string_equal(text(vm, "zone_state"), "installed");
	assert_true(json_is_null(json_object_get(vm, "zoneid")));

	want = parse("{'image_uuid': '" IMAGE "', 'image_size': 2048, 'size': 2048, 'boot': true,"
		     "'model': 'virtio', 'media': 'disk', 'notrim': true, 'pci_slot': '0:4:0',"
		     "'path': '/nowhere/disk0.raw', 'zpool': 'zones', 'missing': true}");
	(void)json_object_set(want, "uuid", json_object_get(disk, "uuid"));
	assert_true(json_equal(disk, want));
	json_decref(want);

	want = parse(
	    "{'interface': 'net0', 'nic_tag': 'a', 'vlan_id': 12, 'ip': '192.0.2.7',"
	    "'netmask': '255.255.255.0', 'ips': ['192.0.2.7/24', '2001:db8::7/64'],"
	    "'gateway': '192.0.2.1', 'gateways': ['192.0.2.1'], 'model': 'virtio', 'mtu': 1500,"
	    "'primary': true, 'allow_ip_spoofing': true, 'blocked_outgoing_ports': [25, 587]}");
	(void)json_object_set(want, "mac", json_object_get(nic, "mac"));
	assert_true(json_equal(nic, want));
	json_decref(want);

	assert_string_equal(
	    text(json_object_get(vm, "customer_metadata"), "user-script"), "#!/bin/sh");
	assert_string_equal(text(json_object_get(vm, "internal_metadata"), "root_pw"), "x");
	assert_string_equal(text(json_object_get(vm, "tags"), "role"), "front");
	assert_string_equal(text(json_object_get(vm, "routes"), "10.0.0.0/8"), "nics[0]");
	json_decref(vm);
}

static void
test_always_there(void **state)
{
	static const char *const members[] = { "autoboot", "billing_id", "brand", "com1", "com2",
		"cpu_shares", "customer_metadata", "internal_metadata", "tags", "routes", "disks",
		"nics", "firewall_enabled", "hvm", "last_modified", "limit_priv",
		"max_locked_memory", "max_lwps", "max_msg_ids", "max_physical_memory",
		"max_sem_ids", "max_shm_ids", "max_shm_memory", "max_swap", "owner_uuid", "quota",
		"ram", "resolvers", "snapshots", "state", "uuid", "vcpus", "zfs_io_priority",
		"zone_state", "zonedid", "zoneid", "zonename", "zpool" };
	struct zone_status st = { .state = ZONE_STATE_RUNNING,
		.zoneid = 3,
		.init_pid = 42,
		.boot_time_ms = 1767323045678,
		.init_restarts = 2 };
	json_t *vm = round_trip("{}", &st);

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(members[i], "last_modified") != 0 &&
		    json_object_get(vm, members[i]) == NULL)
			fail_msg("%s is missing", members[i]);
	assert_string_equal(text(vm, "state"), "running");
	assert_int_equal(number(vm, "pid"), 42);
	assert_int_equal(number(vm, "zoneid"), 3);
	assert_int_equal(number(vm, "init_restarts"), 2);
	assert_string_equal(text(vm, "boot_timestamp"), "2026-01-02T03:04:05.678Z");
	json_decref(vm);
}

static void
test_exit_status(void **state)
{
	static const struct {
		int wait_status;
		int64_t want;
	} cases[] = { { -1, 0 }, { 0, 0 }, { 4 << 8, 4 }, { 9, -9 } };
	struct zone_status st = { .state = ZONE_STATE_INSTALLED, .last_exit_time_ms = 1000 };

	for (size_t i = 0; i < 4; i++) {
		json_t *vm;

		st.last_exit_status = cases[i].wait_status;
		vm = round_trip("{}", &st);
		assert_int_equal(number(vm, "exit_status"), cases[i].want);
		assert_string_equal(text(vm, "exit_timestamp"), "1970-01-01T00:00:01.000Z");
		assert_null(json_object_get(vm, "pid"));
		json_decref(vm);
	}
}

/* ---- what an image wants ---- */

static struct image wanted;

static int
wanting_image(const char *uuid, struct image *out, struct err *e)
{
	*out = wanted;
	return (0);
}

/* vmcreate_prepare of a VM of the image `wanted`; more members in `more`. */
static int
of_image(const char *more, json_t **out, struct err *e)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
	    "{'brand': 'bhyve', 'disks': [{'image_uuid': '" IMAGE
	    "', 'boot': true, 'model': 'virtio'}]%s}",
	    more);
	*out = parse(text);
	warnings[0] = '\0';
	wanted.size = 1u << 20;
	(void)strcpy(wanted.uuid, IMAGE);
	(void)strcpy(wanted.type, "zvol");
	(void)strcpy(wanted.name, "db");
	(void)strcpy(wanted.version, "7");
	return (vmcreate_prepare(*out, wanting_image, warn, e));
}

static void
wants(const char *more, const char *message)
{
	struct err e = { 0 };
	json_t *payload;
	int rc = of_image(more, &payload, &e);

	if (message != NULL && (rc != -EINVAL || strcmp(e.text, message) != 0))
		fail_msg("%s: '%s', not '%s'", more, e.text, message);
	if (message == NULL && rc != 0)
		fail_msg("%s: %s", more, e.text);
	json_decref(payload);
}

static void
test_requirements(void **state)
{
	wanted = (struct image){ .min_ram = 512, .max_ram = 1024 };
	wants("", "image " IMAGE " (db@7) requires at least 512 MiB of ram, the VM has 256");
	wants(", 'ram': '2048'",
	    "image " IMAGE " (db@7) requires at most 1024 MiB of ram, the VM has 2048");
	wants(", 'ram': 512", NULL);
	assert_string_equal(warnings, "");
	wanted = (struct image){ .brand = "kvm" };
	wants("", "image " IMAGE " (db@7) requires brand kvm, the VM has bhyve");
	wanted = (struct image){ .brand = "bhyve", .networks = 1, .ssh_key = true };
	wants("", NULL);
	assert_string_equal(warnings, "nics;customer_metadata.root_authorized_keys;");
	wants(", 'customer_metadata': {'root_authorized_keys': 'ssh-ed25519 AAAA'}", NULL);
	assert_string_equal(warnings, "nics;");
}

static void
test_datasource(void **state)
{
	const json_t *metadata;
	struct err e = { 0 };
	json_t *payload;

	wanted = (struct image){ .datasource = "smartos" };
	assert_int_equal(of_image(", 'internal_metadata': {'a': 'b', 'cloudinit_datasource': 'x'}",
			     &payload, &e),
	    0);
	metadata = json_object_get(payload, "internal_metadata");
	assert_string_equal(text(metadata, "cloudinit_datasource"), "smartos"); /* the tag wins */
	assert_string_equal(text(metadata, "a"), "b");
	assert_string_equal(warnings, "");
	json_decref(payload);
	wanted = (struct image){ .datasource = "nocloud" };
	assert_int_equal(of_image("", &payload, &e), 0);
	metadata = json_object_get(payload, "internal_metadata");
	assert_string_equal(text(metadata, "cloudinit_datasource"), "nocloud");
	assert_string_equal(warnings, "internal_metadata.cloudinit_datasource;");
	json_decref(payload);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_requirements),
		cmocka_unit_test(test_datasource),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_types_are_mended),
		cmocka_unit_test(test_unknown_are_left_out),
		cmocka_unit_test(test_nics),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_brand_message),
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_always_there),
		cmocka_unit_test(test_exit_status),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
