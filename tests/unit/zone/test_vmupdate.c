/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What update makes of a payload, and what that makes of a zone's model. Single quotes stand for
 * double ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"

#include "quoted.h"
#include "vm_fixture.h"

#define VM                                                                                \
	"{'brand': 'bhyve', 'uuid': 'aaaaaaaa-0000-4000-8000-000000000001', 'ram': 1024," \
	" 'max_physical_memory': 2304, 'max_locked_memory': 2304, 'max_swap': 2404,"      \
	" 'disks': [{'path': '/zones/a/disk0.raw', 'size': 10240},"                       \
	"           {'path': '/zones/a/disk1.raw', 'size': 1024}],"                       \
	" 'nics': [{'mac': '02:00:00:00:00:01', 'ips': ['10.0.0.5/24']}]}"

static int
prepare(const char *text, const char *change, json_t **out, struct err *e)
{
	json_t *vm = parse(VM), *more = change != NULL ? parse(change) : NULL;
	int rc;

	if (more != NULL)
		(void)json_object_update(vm, more);
	warnings[0] = '\0';
	*out = parse(text);
	rc = vmupdate_prepare(*out, vm, fake_image, warn, e);
	json_decref(more);
	json_decref(vm);
	return (rc);
}

/* `text` is taken, and becomes `want`. */
static void
becomes(const char *text, const char *want)
{
	json_t *have, *wanted = parse(want);
	struct err e = { 0 };

	if (prepare(text, NULL, &have, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	if (json_equal(have, wanted) == 0) {
		char *dump = json_dumps(have, JSON_COMPACT);
		fail_msg("%s became %s", text, dump);
	}
	json_decref(have);
	json_decref(wanted);
}

/* For a VM that is changed so before; the message is this. */
static void
refused_for(const char *change, const char *text, const char *why)
{
	struct err e = { 0 };
	json_t *out;

	assert_true(prepare(text, change, &out, &e) < 0);
	if (strcmp(e.text, why) != 0)
		fail_msg("'%s', not '%s'", e.text, why);
	json_decref(out);
}

static void
refused(const char *text, const char *why)
{
	refused_for(NULL, text, why);
}

static void
test_values(void **state)
{
	becomes("{'alias': 'a', 'autoboot': 'false'}", "{'alias': 'a', 'autoboot': false}");
	becomes("{'vcpus': '2', 'alias': ''}", "{'vcpus': 2, 'alias': null}");
	becomes("{'hostname': null, 'cpu_cap': 0}", "{'hostname': null, 'cpu_cap': 0}");
	becomes("{'vsock_ports': '22,1024', 'vsock_cid': '5'}",
	    "{'vsock_ports': [22, 1024], 'vsock_cid': 5}");
	becomes("{'cpu_shares': 70000}", "{'cpu_shares': 65535}");
	refused("{'vcpus': 'many'}", "Invalid value for vcpus: \"many\"");
	refused("{'vcpus': 0}", "Invalid value(s) for: vcpus");
	refused("{'vsock_ports': [22, 'ssh']}", "Invalid value(s) for: vsock_ports");
	refused("{'virtio_ports': ['a/b']}", "Invalid value(s) for: virtio_ports");
	refused("{'vnc_password': '123456789'}",
	    "VNC password is too long, maximum length is 8 characters.");
}

/* What cannot be changed is left out, as SmartOS does; what is not built yet is refused. */
static void
test_left_out(void **state)
{
	becomes("{'alias': 'a', 'uuid': 'x', 'tags': {}, 'disks': []}", "{'alias': 'a'}");
	assert_string_equal(warnings, "uuid;tags;disks;");
	becomes("{'remove_disks': []}", "{'remove_disks': []}");
	refused("{'update_disks': 5}", "Invalid value(s) for: update_disks");
}

static void
test_memory(void **state)
{
	becomes("{'ram': 2048}",
	    "{'ram': 2048, 'max_physical_memory': 3328, 'max_locked_memory': 3328,"
	    " 'max_swap': 3428}");
	becomes("{'max_physical_memory': 4096}",
	    "{'max_physical_memory': 4096, 'max_locked_memory': 4096, 'max_swap': 4196}");
	becomes("{'max_physical_memory': 1100}",
	    "{'max_physical_memory': 1280, 'max_locked_memory': 1280, 'max_swap': 1380}");
	becomes("{'max_locked_memory': 9999}",
	    "{'max_physical_memory': 2304, 'max_locked_memory': 2304, 'max_swap': 2404}");
	becomes("{'max_swap': 1024}",
	    "{'max_physical_memory': 2304, 'max_locked_memory': 2304, 'max_swap': 2304}");
	refused("{'max_physical_memory': 1000}",
	    "vm.max_physical_memory (1000) cannot be lower than vm.ram (1024)");
	refused("{'ram': 4096, 'max_locked_memory': 2048}",
	    "vm.max_locked_memory (2048) cannot be lower than vm.ram (4096)");
	refused("{'ram': 64, 'max_swap': 200}", "Invalid value(s) for: max_swap");
}

static void
test_balloon(void **state)
{
	becomes(
	    "{'balloon': true, 'balloon_target': 512}", "{'balloon': true, 'balloon_target': 512}");
	refused("{'balloon_target': 512}",
	    "balloon_target: the VM has no balloon; set balloon to true, or clear this one "
	    "(balloon_target=)");
	refused("{'balloon': true, 'balloon_target': 1025}",
	    "balloon_target (1025) cannot be higher than ram (1024)");
	refused_for("{'balloon': true, 'balloon_target': 900}", "{'ram': 512}",
	    "balloon_target (900) cannot be higher than ram (512)");
}

static void
test_ports(void **state)
{
	const char *both = "{'vsock_cid': 5, 'vsock_ports': [22]}";

	becomes("{'vsock_cid': 5, 'vsock_ports': [22]}", "{'vsock_cid': 5, 'vsock_ports': [22]}");
	refused("{'vsock_ports': [22]}",
	    "vsock_ports: the VM has no vsock; set vsock_cid (3 for instance), or clear this one "
	    "(vsock_ports=)");
	refused_for(both, "{'vsock_cid': ''}",
	    "vsock_ports: the VM has no vsock; set vsock_cid (3 for instance), or clear this one "
	    "(vsock_ports=)");
	refused("{'virtio_ports': 'a,b,a'}", "virtio_ports: a port is there twice");
	refused("{'virtio_ports': 'a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q'}",
	    "virtio_ports: there are at most 16 ports");
}

static void
test_disks(void **state)
{
	const char *flexible = "{'flexible_disk_size': 12000}";
	struct err e = { 0 };
	json_t *out;

	becomes("{'update_disks': [{'path': '/zones/a/disk1.raw', 'size': '2048'}]}",
	    "{'update_disks': [{'path': '/zones/a/disk1.raw', 'size': 2048}]}");
	refused(
	    "{'update_disks': [{'size': 2048}]}", "Disk object needs a .path property to update.");
	refused("{'update_disks': [{'path': '/zones/b/disk1.raw', 'size': 2048}]}",
	    "There is no existing disk with that path: /zones/b/disk1.raw");
	refused("{'update_disks': [{'path': '/zones/a/disk1.raw', 'media': 'cdrom'}]}",
	    "property 'update_disks.*.media' cannot be changed: it is a disk's for life");
	refused("{'remove_disks': ['/zones/b/disk1.raw']}",
	    "There is no existing disk with that path: /zones/b/disk1.raw");
	refused("{'remove_disks': ['/zones/a/disk1.raw'], 'update_disks': [{'path': "
		"'/zones/a/disk1.raw', 'size': 9999}]}",
	    "There is no existing disk with that path: /zones/a/disk1.raw");
	refused("{'update_disks': [{'path': '/zones/a/disk1.raw', 'size': 0}]}",
	    "Invalid value(s) for: disks.*.size");
	becomes("{'update_disks': [{'path': '/zones/a/disk1.raw', 'block_size': 512}]}",
	    "{'update_disks': [{'path': '/zones/a/disk1.raw'}]}");
	/* Of a flexible VM all disks together have a limit, which the same update may raise. */
	refused_for(flexible, "{'update_disks': [{'path': '/zones/a/disk1.raw', 'size': 2048}]}",
	    "the disks would have 12288 MiB together, more than flexible_disk_size (12000)");
	assert_int_equal(prepare("{'flexible_disk_size': 13000,"
				 " 'update_disks': [{'path': '/zones/a/disk1.raw', 'size': 2048}]}",
			     flexible, &out, &e),
	    0);
	json_decref(out);
	assert_int_equal(
	    prepare("{'flexible_disk_size': null,"
		    " 'update_disks': [{'path': '/zones/a/disk1.raw', 'size': 20480}]}",
		flexible, &out, &e),
	    0);
	json_decref(out);
	refused_for(flexible, "{'flexible_disk_size': 11000}",
	    "the disks would have 11264 MiB together, more than flexible_disk_size (11000)");
}

/* The nics that come out of it are the whole, each prepared as a new one is. */
static void
nics_become(const char *change, const char *text, const char *want)
{
	json_t *out, *wanted = parse(want);
	struct err e = { 0 };

	if (prepare(text, change, &out, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	if (json_equal(json_object_get(out, "nics"), wanted) == 0)
		fail_msg("%s became %s", text, json_dumps(json_object_get(out, "nics"), 0));
	json_decref(out);
	json_decref(wanted);
}

#define NIC1                                                                                  \
	"'mac': '02:00:00:00:00:01', 'interface': 'net0', 'nic_tag': 'a', 'model': 'virtio'," \
	" 'primary': true"
#define NIC2 "'mac': '02:00:00:00:00:02', 'interface': 'net1', 'nic_tag': 'a', 'model': 'e1000'"
#define IP1  "'ips': ['10.0.0.5/24'], 'ip': '10.0.0.5', 'netmask': '255.255.255.0'"
#define TWO  "{'nics': [{" NIC1 ", " IP1 "}, {" NIC2 ", 'ips': []}]}"
#define MAC1 "'mac': '2:0:0:0:0:1'"

static void
test_nics(void **state)
{
	static const char second[] = "{" NIC2 ", 'ips': []}";
	char want[512];

#define BECOMES(update, nic1)                                                     \
	(void)snprintf(want, sizeof(want), "[{" NIC1 ", %s}, %s]", nic1, second); \
	nics_become(TWO, "{'update_nics': [{" MAC1 ", " update "}]}", want)
	BECOMES("'allow_ip_spoofing': true", IP1 ", 'allow_ip_spoofing': true");
	BECOMES("'allowed_ips': ['10.0.7.0/24'], 'maxbw': '100M', 'maxpps_rx': 1000",
	    IP1 ", 'allowed_ips': ['10.0.7.0/24'], 'maxbw': '100M', 'maxpps_rx': 1000");
	BECOMES("'link_state': 'down'", IP1 ", 'link_state': 'down'");
	BECOMES("'ips': ['dhcp']", "'ips': ['dhcp'], 'ip': 'dhcp'");
	BECOMES("'ips': null", "'ips': []");
	BECOMES("'ip': '10.0.0.6'",
	    "'ips': ['10.0.0.6/24'], 'ip': '10.0.0.6', 'netmask': '255.255.255.0'");
	BECOMES("'gateway': '10.0.0.1'", IP1 ", 'gateway': '10.0.0.1', 'gateways': ['10.0.0.1']");
	nics_become(
	    TWO, "{'remove_nics': ['2:0:0:0:0:2', '02:00:00:00:00:09']}", "[{" NIC1 ", " IP1 "}]");
	assert_string_equal(warnings, "remove_nics;");
	nics_become(TWO,
	    "{'remove_nics': ['02:00:00:00:00:02'], 'add_nics': [{'mac': '02:00:00:00:00:03',"
	    " 'nic_tag': 'b', 'model': 'virtio', 'primary': true}]}",
	    "[{'mac': '02:00:00:00:00:01', 'interface': 'net0', 'nic_tag': 'a', 'model': 'virtio',"
	    " " IP1 "}, {'mac': '02:00:00:00:00:03', 'nic_tag': 'b', 'model': 'virtio',"
	    " 'interface': 'net1', 'primary': true, 'ips': []}]");
	refused_for(
	    TWO, "{'update_nics': [{'mtu': 1500}]}", "NIC object needs a .mac property to update");
	refused_for(TWO, "{'update_nics': [{'mac': '02:00:00:00:00:07', 'mtu': 1500}]}",
	    "There is no existing NIC with that mac address: 02:00:00:00:00:07");
	refused_for(TWO, "{'update_nics': [{" MAC1 ", 'ips': ['10.0.0.300/24']}]}",
	    "Invalid IP for NIC: \"10.0.0.300/24\"");
	refused_for(TWO, "{'update_nics': [{" MAC1 ", 'maxbw': '1T'}]}",
	    "Invalid value(s) for: nics.*.maxbw");
	refused_for(TWO, "{'update_nics': [{" MAC1 ", 'link_state': 'sideways'}]}",
	    "Invalid value(s) for: nics.*.link_state");
	refused_for(TWO, "{'add_nics': [{'nic_tag': 'admin', 'mac': '02:00:00:00:00:01'}]}",
	    "Cannot add multiple NICs with the same MAC: 02:00:00:00:00:01");
#undef BECOMES
}

static void
test_routes(void **state)
{
	struct err e = { 0 };
	json_t *out;

	becomes("{'set_routes': {'10.2.0.0/16': '10.0.0.1'}}",
	    "{'set_routes': {'10.2.0.0/16': '10.0.0.1'}}");
	assert_true(prepare("{'set_routes': {'nowhere': '10.0.0.1'}}", NULL, &out, &e) < 0);
	json_decref(out);
}

/* ---- into the model ---- */

static void
test_model(void **state)
{
	struct zconf *c = zconf_new("a");
	struct zdevice *d = zconf_device_add(c);
	json_t *payload = parse("{'alias': 'web', 'ram': 2048, 'autoboot': true, 'cpu_cap': 200,"
				" 'hostname': null, 'max_swap': 512, 'tpm': true,"
				" 'update_disks': [{'path': '/zones/a/disk0.raw', 'size': 20}]}");
	struct err e = { 0 };
	uint64_t limit;

	d->match = strdup("/zones/a/disk0.raw");
	(void)zprop_set(&d->prop, &d->nprop, "size", "10");
	(void)zconf_attr_set(c, "hostname", ZATTR_STRING, "old");
	assert_int_equal(vmobj_update(payload, c, &e), 0);
	assert_string_equal(zconf_attr(c, "alias"), "d2Vi");
	assert_string_equal(zconf_attr(c, "ram"), "2048");
	assert_string_equal(zconf_attr(c, "tpm"), "true");
	assert_null(zconf_attr(c, "hostname"));
	assert_true(c->autoboot);
	assert_int_equal(zconf_rctl_get(c, "zone.cpu-cap", &limit), 0);
	assert_int_equal(limit, 200);
	assert_int_equal(zconf_rctl_get(c, "zone.max-swap", &limit), 0);
	assert_int_equal(limit, 512 * MIB);
	assert_string_equal(zprop_get(d->prop, d->nprop, "size"), "20");
	json_decref(payload);

	payload = parse("{'cpu_cap': 0, 'max_swap': null, 'tpm': false, 'alias': null}");
	assert_int_equal(vmobj_update(payload, c, &e), 0);
	assert_int_equal(zconf_rctl_get(c, "zone.cpu-cap", &limit), -ENOENT);
	assert_int_equal(zconf_rctl_get(c, "zone.max-swap", &limit), -ENOENT);
	assert_null(zconf_attr(c, "tpm"));
	assert_null(zconf_attr(c, "alias"));
	json_decref(payload);

	payload = parse("{'update_disks': [{'path': '/zones/a/none', 'size': 20}]}");
	assert_int_equal(vmobj_update(payload, c, &e), -ENOENT);
	json_decref(payload);
	zconf_free(c);
}

/* What vmadm knows nothing of stays with a nic; others come and go by MAC address. */
static void
test_model_nics(void **state)
{
	static const char *const macs[] = { "2:0:0:0:0:1", "02:00:00:00:00:02" };
	struct zconf *c = zconf_new("a");
	json_t *payload = parse("{'nics': [{" NIC1 ", 'allowed_ips': ['10.0.7.0/24']},"
				" {'mac': '02:00:00:00:00:03', 'interface': 'net2'}]}");
	struct err e = { 0 };
	struct znet *n;

	for (size_t i = 0; i < NITEMS(macs); i++) {
		n = zconf_net_add(c);
		n->mac_addr = strdup(macs[i]);
		(void)zprop_set(&n->prop, &n->nprop, "allow_mac_spoofing", "true");
		(void)zprop_set(&n->prop, &n->nprop, "own", "x");
	}
	assert_int_equal(vmobj_update(payload, c, &e), 0);
	assert_int_equal(c->nnet, 2);
	n = &c->net[0];
	assert_string_equal(n->physical, "net0");
	assert_string_equal(zprop_get(n->prop, n->nprop, "own"), "x");
	assert_string_equal(zprop_get(n->prop, n->nprop, "allowed_ips"), "10.0.7.0/24");
	assert_null(zprop_get(n->prop, n->nprop, "allow_mac_spoofing"));
	assert_string_equal(c->net[1].mac_addr, "02:00:00:00:00:03");
	json_decref(payload);
	zconf_free(c);
}

static void
test_config(void **state)
{
	json_t *payload =
	    parse("{'remove_tags': ['old', 'both'], 'set_tags': {'both': 2, 'new': true},"
		  " 'set_customer_metadata': {'k': 'v'}}");
	struct vmconfig vc = { json_object(), json_object(),
		parse("{'old': 1, 'both': 1, 'stays': 'x'}"), json_object() };
	json_t *want = parse("{'stays': 'x', 'both': 2, 'new': true}");

	assert_int_equal(vmobj_update_config(payload, &vc), 0);
	assert_true(json_equal(vc.tags, want));
	assert_string_equal(json_string_value(json_object_get(vc.customer_metadata, "k")), "v");
	assert_int_equal(json_object_size(vc.internal_metadata), 0);
	vmconfig_free(&vc);
	json_decref(payload);
	json_decref(want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_balloon),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_disks),
		cmocka_unit_test(test_nics),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_model_nics),
		cmocka_unit_test(test_config),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
