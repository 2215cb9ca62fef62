/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nic tags, vnics and the netlink client, in a network namespace of the test's own: names, bridges
 * made and removed, ports refused, taps that vanish with their descriptor. Where the system allows
 * no such namespace only the pure parts run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "sandbox.h"
#include "base/fd.h"
#include "zone/link.h"
#include "zone/netlink.h"

static bool have_netns, have_tun;

static int
group_setup(void **state)
{
	have_netns = sandbox_netns();
	if (!have_netns)
		print_message(
		    "no network namespace of our own here: tests of links are left out\n");
	have_tun = have_netns && access("/dev/net/tun", R_OK | W_OK) == 0;
	return (sandbox_make(state));
}

#define NEEDS_NETNS()            \
	do {                     \
		if (!have_netns) \
			skip();  \
	} while (0)

#define NEEDS_TUN()             \
	do {                    \
		if (!have_tun)  \
			skip(); \
	} while (0)

static const uint8_t guest_mac[6] = { 0x02, 0x08, 0x20, 0xaa, 0xbb, 0x01 };

static void
names(void **state)
{
	struct err e;

	assert_int_equal(nictag_name_check("admin", false, &e), 0);
	assert_int_equal(nictag_name_check("stub0", true, &e), 0);
	assert_int_equal(nictag_name_check("stub", true, &e), -EINVAL);
	assert_non_null(strstr(e.text, "nic tag name is invalid"));
	assert_int_equal(nictag_name_check("", false, &e), -EINVAL);
	assert_int_equal(nictag_name_check("a/b", false, &e), -EINVAL);
	assert_int_equal(nictag_name_check("a b", false, &e), -EINVAL);
	assert_int_equal(nictag_name_check("a123456789012345678901234567890", false, &e), 0);
	assert_int_equal(nictag_name_check("a1234567890123456789012345678901", false, &e), -EINVAL);
}

static void
bridge_names(void **state)
{
	char a[16], b[16];

	nictag_bridge_name("stub0", a);
	assert_string_equal(a, "zbr-stub0");
	nictag_bridge_name("elevenchars", a);
	assert_string_equal(a, "zbr-elevenchars");
	nictag_bridge_name("twelve_chars", a);
	nictag_bridge_name("twelve_charz", b);
	assert_int_equal(strlen(a), IFNAMSIZ - 1);
	assert_memory_equal(a, "zbr-twel-", 9);
	assert_string_not_equal(a, b);
}

static void
addresses(void **state)
{
	uint8_t b[16], prefix;
	int family;

	assert_int_equal(nl_parse_address("10.88.0.1/24", &family, b, &prefix), 0);
	assert_int_equal(family, AF_INET);
	assert_int_equal(prefix, 24);
	assert_int_equal(b[1], 88);
	assert_int_equal(nl_parse_address("fd00::1/64", &family, b, &prefix), 0);
	assert_int_equal(family, AF_INET6);
	assert_int_equal(nl_parse_address("10.88.0.1", &family, b, &prefix), -EINVAL);
	assert_int_equal(nl_parse_address("10.88.0.1/33", &family, b, &prefix), -EINVAL);
	assert_int_equal(nl_parse_address("10.88.0/24", &family, b, &prefix), -EINVAL);
	assert_int_equal(nl_parse_address("fd00::1/129", &family, b, &prefix), -EINVAL);
	assert_int_equal(nl_parse_address("10.88.0.1/", &family, b, &prefix), -EINVAL);
}

static void
tag_life(void **state)
{
	struct nictag t = { .name = "stub0", .address = "10.88.0.1/24", .mtu = 9000 }, got;
	CLEANUP_FREE struct nictag *list = NULL;
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link l;
	const char *why;
	struct err e;
	size_t n;

	NEEDS_NETNS();
	assert_int_equal(nl_open(&nl, &e), 0);
	assert_int_equal(nictag_get("stub0", &got, &e), -ENOENT);
	assert_string_equal(e.text, "nic tag 'stub0' does not exist");
	assert_int_equal(nictag_add(&t, &e), 0);
	assert_int_equal(nictag_add(&t, &e), -EEXIST);
	assert_string_equal(e.text, "nic tag 'stub0' already exists");

	assert_int_equal(nl_link_get(nl, "zbr-stub0", &l, &e), 0);
	assert_string_equal(l.kind, "bridge");
	assert_int_equal(l.mtu, 9000);
	assert_true(l.up);
	assert_int_equal(nl_link_in_use(nl, &l, &why, &e), 0);
	assert_string_equal(why, "addresses of this host");

	assert_int_equal(nictag_list(&list, &n, &e), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].bridge, "zbr-stub0");
	assert_string_equal(list[0].address, "10.88.0.1/24");

	/* A boot of the host: the bridge is gone, the entry makes it again. */
	assert_int_equal(nl_link_delete(nl, "zbr-stub0", &e), 0);
	assert_int_equal(nictag_ensure(&list[0], &e), 0);
	assert_int_equal(nictag_ensure(&list[0], &e), 0);
	assert_true(link_exists("zbr-stub0"));

	assert_int_equal(nictag_delete("stub0", &e), 0);
	assert_false(link_exists("zbr-stub0"));
	assert_int_equal(nictag_delete("stub0", &e), -ENOENT);
}

/* A failing add leaves neither entry nor bridge. */
static void
tag_failures(void **state)
{
	struct nictag t = { .name = "ext", .link = "nosuch0" }, got;
	struct err e;

	NEEDS_NETNS();
	assert_int_equal(nictag_add(&t, &e), -ENODEV);
	assert_string_equal(e.text, "nic tag 'ext': interface 'nosuch0' does not exist");
	assert_int_equal(nictag_get("ext", &got, &e), -ENOENT);
	assert_false(link_exists("zbr-ext"));

	(void)snprintf(t.link, sizeof(t.link), "lo");
	assert_int_equal(nictag_add(&t, &e), -EINVAL);
	assert_non_null(strstr(e.text, "not Ethernet"));
	assert_false(link_exists("zbr-ext"));

	t = (struct nictag){ .name = "stub1", .address = "10.0.0.1" };
	assert_int_equal(nictag_add(&t, &e), -EINVAL);
	assert_false(link_exists("zbr-stub1"));
}

/*
 * Another bridge without ports serves as the interface with addresses: any Ethernet device of the
 * host.
 */
static void
tag_port_in_use(void **state)
{
	struct nictag t = { .name = "ext" };
	struct vnic_spec spec = { .ifname = "port0", .tag = "stub0", .mac = { 2, 0, 0, 0, 0, 9 } };
	struct nictag stub = { .name = "stub0" };
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link l, b;
	struct err e;
	int fd;

	NEEDS_TUN();
	assert_int_equal(nl_open(&nl, &e), 0);
	assert_int_equal(nictag_add(&stub, &e), 0);
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), 0);
	(void)snprintf(t.link, sizeof(t.link), "port0");
	assert_int_equal(nictag_add(&t, &e), -EBUSY); /* belongs to a bridge */
	assert_int_equal(nl_link_set_master(nl, "port0", 0, &e), 0);
	assert_int_equal(nl_addr_add(nl, "port0", "192.0.2.1/24", &e), 0);
	assert_int_equal(nictag_add(&t, &e), -EBUSY);
	assert_non_null(strstr(e.text, "addresses of this host"));
	assert_non_null(strstr(e.text, "-f"));
	assert_false(link_exists("zbr-ext"));

	t.force = true;
	t.mtu = 3000;
	assert_int_equal(nictag_add(&t, &e), 0);
	assert_int_equal(nl_link_get(nl, "zbr-ext", &b, &e), 0);
	assert_int_equal(nl_link_get(nl, "port0", &l, &e), 0);
	assert_int_equal(l.master, b.index);
	assert_int_equal(l.mtu, 3000);
	assert_int_equal(b.mtu, 3000);
	assert_int_equal(nictag_delete("ext", &e), 0);
	assert_true(link_exists("port0")); /* the port outlives the bridge */
	assert_int_equal(close(fd), 0);
	assert_int_equal(nictag_delete("stub0", &e), 0);
}

static void
vnic_life(void **state)
{
	struct nictag stub = { .name = "stub0" };
	struct vnic_spec spec = { .ifname = "z1n0", .tag = "stub0", .mtu = 1400 };
	CLEANUP_NL struct nl *nl = NULL;
	struct nl_link l, b;
	struct err e;
	int fd, other;

	NEEDS_TUN();
	memcpy(spec.mac, guest_mac, 6);
	assert_int_equal(nl_open(&nl, &e), 0);
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), -ENOENT);
	assert_string_equal(e.text, "vnic 'z1n0': nic tag 'stub0' does not exist");
	assert_int_equal(nictag_add(&stub, &e), 0);
	/* The bridge is made again when a vnic needs it. */
	assert_int_equal(nl_link_delete(nl, "zbr-stub0", &e), 0);
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), 0);

	assert_int_equal(nl_link_get(nl, "zbr-stub0", &b, &e), 0);
	assert_int_equal(nl_link_get(nl, "z1n0", &l, &e), 0);
	assert_string_equal(l.kind, "tun");
	assert_int_equal(l.master, b.index);
	assert_int_equal(l.mtu, 1400);
	assert_true(l.up);
	assert_memory_not_equal(l.mac, guest_mac, 6);
	assert_int_equal(b.mtu, 1500); /* not pulled down by its port */
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

	/* The name is taken; so is the address, on this bridge. */
	assert_int_equal(vnic_create(&spec, &other, NULL, &e), -EEXIST);
	assert_string_equal(e.text, "vnic 'z1n0': interface 'z1n0' exists already");
	(void)snprintf(spec.ifname, sizeof(spec.ifname), "z2n0");
	assert_int_equal(vnic_create(&spec, &other, NULL, &e), -EEXIST);
	assert_non_null(strstr(e.text, "02:08:20:aa:bb:01"));
	assert_false(link_exists("z2n0"));

	/* It goes with its descriptor. */
	assert_int_equal(close(fd), 0);
	assert_false(link_exists("z1n0"));
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), 0);
	assert_int_equal(vnic_destroy("z2n0", &e), 0);
	assert_false(link_exists("z2n0"));
	assert_int_equal(vnic_destroy("z2n0", &e), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(vnic_destroy("zbr-stub0", &e), -EINVAL);
	assert_int_equal(nictag_delete("stub0", &e), 0);
}

static void
vnic_refusals(void **state)
{
	struct nictag stub = { .name = "stub0" };
	struct vnic_spec good = { .ifname = "z1n0", .tag = "stub0" }, spec;
	struct err e;
	int fd;

	NEEDS_TUN();
	memcpy(good.mac, guest_mac, 6);
	assert_int_equal(nictag_add(&stub, &e), 0);
	spec = good;
	spec.vlan = 1;
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "vlan_id 1"));
	spec.vlan = 4095;
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), -EINVAL);
	spec = good;
	spec.mtu = 9000;
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "MTU 9000"));
	spec = good;
	spec.mac[0] = 1;
	assert_int_equal(vnic_create(&spec, &fd, NULL, &e), -EINVAL);
	assert_false(link_exists("z1n0"));
	assert_int_equal(nictag_delete("stub0", &e), 0);
}

static void
damaged_store(void **state)
{
	static const char *const texts[] = { "{", "[]", "{\"tags\":[{}]}", "{\"tags\":5}",
		"{\"tags\":[{\"name\":\"x\",\"bridge\":\"much-too-long-a-name\"}]}" };
	CLEANUP_FREE struct nictag *list = NULL;
	struct err e;
	size_t i, n;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(file_replace(sandbox_path("etc/zones/nictags.json"), texts[i],
				     strlen(texts[i]), 0644, &e),
		    0);
		assert_int_equal(nictag_list(&list, &n, &e), -EINVAL);
		assert_non_null(strstr(e.text, "is damaged"));
	}
	assert_int_equal(unlink(sandbox_path("etc/zones/nictags.json")), 0);
	assert_int_equal(nictag_list(&list, &n, &e), 0);
	assert_int_equal(n, 0);
}

static void
private_networks(void **state)
{
	static const char *const good[][2] = { { "10.88.0.0/24", "10.88.0.1/24" },
		{ "10.88.0.7/24", "10.88.0.7/24" }, { "192.168.1.8/29", "192.168.1.9/29" },
		{ "10.0.0.0/8", "10.0.0.1/8" } };
	static const char *const bad[] = { "", "10.88.0.0", "10.88.0.0/30", "10.0.0.0/7",
		"10.88.0.255/24", "fd00::/64", "10.88.0.0/24;", "10.88.0/24" };
	struct err e = { 0 };
	char out[64];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(nat_address(good[i][0], out, sizeof(out), &e), 0);
		assert_string_equal(out, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(nat_address(bad[i], out, sizeof(out), &e), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(bridge_names),
		cmocka_unit_test(private_networks),
		cmocka_unit_test(addresses),
		cmocka_unit_test(tag_life),
		cmocka_unit_test(tag_failures),
		cmocka_unit_test(tag_port_in_use),
		cmocka_unit_test(vnic_life),
		cmocka_unit_test(vnic_refusals),
		cmocka_unit_test(damaged_store),
	};

	return (cmocka_run_group_tests(tests, group_setup, sandbox_remove));
}
