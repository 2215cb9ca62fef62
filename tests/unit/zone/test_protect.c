/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protection of a link as ordinary C: what tests/link cannot say about it (tags the kernel has
 * taken out, time that passes), and who a link is by its net resource. The frames themselves stand in
 * tests/link.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "zone/protect_conf.h"

#define ALL (PROTECT_MAC | PROTECT_IP | PROTECT_DHCP | PROTECT_RESTRICTED | PROTECT_PROMISC)

static const uint8_t mac[6] = { 0x02, 0x08, 0x20, 0x00, 0x00, 0x01 };
static struct protect_table table;

/* The link of a net with these properties ("name=value", NULL at the end). */
static struct protect_link
link_of(const char *const props[])
{
	struct znet net = { .allowed_address = NULL };
	struct protect_link l;
	struct err e = { 0 };
	char name[64];

	for (size_t i = 0; props[i] != NULL; i++) {
		size_t n = strcspn(props[i], "=");

		memcpy(name, props[i], n);
		name[n] = '\0';
		assert_int_equal(zprop_set(&net.prop, &net.nprop, name, props[i] + n + 1), 0);
	}
	if (protect_conf(&net, &l, &e) != 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < net.nprop; i++) {
		free(net.prop[i].name);
		free(net.prop[i].value);
	}
	free(net.prop);
	protect_set_mac(&l, mac);
	table = (struct protect_table){ .now = 1000 };
	return (l);
}
#define LINK(...) link_of((const char *const[]){ __VA_ARGS__, NULL })

static int
conf_fails(const char *name, const char *value, struct err *e)
{
	struct zprop prop = { strdup(name), strdup(value) };
	struct znet net = { .prop = &prop, .nprop = 1 };
	struct protect_link l;
	int rc = protect_conf(&net, &l, e);

	free(prop.name);
	free(prop.value);
	return (rc);
}

static void
flags_of_properties(void **state)
{
	assert_int_equal(LINK("ips=10.0.0.5/24").flags, ALL);
	assert_int_equal(
	    LINK("ips=10.0.0.5/24", "allow_ip_spoofing=true").flags, ALL & ~PROTECT_IP);
	assert_int_equal(LINK("ips=10.0.0.5/24", "allow_ip_spoofing=false").flags, ALL);
	assert_int_equal(LINK("ips=10.0.0.5/24", "allow_mac_spoofing=true").flags,
	    ALL & ~(PROTECT_MAC | PROTECT_PROMISC));
	assert_int_equal(
	    LINK("ips=10.0.0.5/24", "dhcp_server=1").flags, ALL & ~(PROTECT_DHCP | PROTECT_IP));
	assert_int_equal(LINK("ips=10.0.0.5/24", "allow_dhcp_spoofing=true").flags,
	    ALL & ~(PROTECT_DHCP | PROTECT_IP));
	assert_int_equal(LINK("ips=10.0.0.5/24", "allow_restricted_traffic=true").flags,
	    ALL & ~PROTECT_RESTRICTED);
	assert_int_equal(
	    LINK("ips=10.0.0.5/24", "allow_unfiltered_promisc=true").flags, ALL & ~PROTECT_PROMISC);
	assert_int_equal(LINK("ips=dhcp").flags, ALL | PROTECT_LEARN_DHCP4 | PROTECT_ALL_CIDS);
	assert_int_equal(LINK("ips=addrconf").flags,
	    ALL | PROTECT_LEARN_DHCP6 | PROTECT_LEARN_SLAAC | PROTECT_ALL_CIDS);
	/* Without any address: those DHCP gives. */
	assert_int_equal(LINK("primary=true").flags,
	    ALL | PROTECT_LEARN_DHCP4 | PROTECT_LEARN_DHCP6 | PROTECT_ALL_CIDS);
	assert_int_equal(LINK("ips=dhcp", "allow_ip_spoofing=true").flags & PROTECT_LEARN, 0);
}

static void
addresses_of_properties(void **state)
{
	struct protect_link l =
	    LINK("ips=10.0.0.5/24,fd00::5/64,dhcp", "allowed_ips=10.7.3.0/16 fd00:7::1/33",
		"vrrp_primary_ip=10.0.0.9", "blocked_outgoing_ports=25,465");

	assert_int_equal(l.nv4, 3);
	assert_int_equal(l.v4[0].addr, htonl(0x0a000005));
	assert_int_equal(l.v4[0].mask, UINT32_MAX);
	assert_int_equal(l.v4[1].addr, htonl(0x0a070000));
	assert_int_equal(l.v4[1].mask, htonl(0xffff0000));
	assert_int_equal(l.nv6, 2);
	assert_memory_equal(l.v6[0].addr, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5", 16);
	assert_memory_equal(l.v6[1].mask, "\xff\xff\xff\xff\x80\0\0\0\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(l.nport, 2);
	assert_int_equal(l.port[1], 465);
	assert_memory_equal(&l.eui64, "\0\x08\x20\xff\xfe\0\0\1", 8);
}

static void
properties_refused(void **state)
{
	struct err e = { 0 };

	assert_int_equal(conf_fails("ips", "10.0.0/24", &e), -EINVAL);
	assert_string_equal(e.text, "ips: '10.0.0/24' is not an address");
	assert_int_equal(conf_fails("allowed_ips", "0.0.0.0/0", &e), -EINVAL);
	assert_int_equal(conf_fails("allowed_ips", "dhcp", &e), -EINVAL);
	assert_int_equal(conf_fails("allow_ip_spoofing", "perhaps", &e), -EINVAL);
	assert_int_equal(conf_fails("blocked_outgoing_ports", "0", &e), -EINVAL);
	assert_int_equal(conf_fails("blocked_outgoing_ports", "25,65536", &e), -EINVAL);
	assert_int_equal(conf_fails("blocked_outgoing_ports",
			     "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,"
			     "27,28,29,30,31,32,33",
			     &e),
	    -E2BIG);
}

/* An IPv4 packet from 10.0.0.5, 60 bytes. */
static void
ip_frame(uint8_t f[60])
{
	static const uint8_t head[] = { 255, 255, 255, 255, 255, 255, 2, 8, 0x20, 0, 0, 1, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 5, 10, 0, 0, 9 };

	memset(f, 0, 60);
	memcpy(f, head, sizeof(head));
}

static enum protect_reason
tagged(const struct protect_link *l, uint16_t proto, uint16_t tag)
{
	uint8_t bytes[60];
	struct frame f = {
		.data = bytes, .table = &table, .len = 60, .tag_proto = proto, .tag = tag
	};

	ip_frame(bytes);
	return (protect_from_guest(&f, l));
}

/* As the kernel shows them: the tag beside the frame. */
static void
tags_taken_out(void **state)
{
	struct protect_link l = LINK("ips=10.0.0.5/24");

	assert_int_equal(tagged(&l, 0, 0), PROTECT_PASS);
	assert_int_equal(tagged(&l, 0x8100, 0xe000), PROTECT_PASS);
	assert_int_equal(tagged(&l, 0x8100, 7), PROTECT_VLAN);
	assert_int_equal(tagged(&l, 0x88a8, 0), PROTECT_ETHERTYPE);
	l.vlan = 7;
	assert_int_equal(tagged(&l, 0x8100, 0xe007), PROTECT_PASS);
	assert_int_equal(tagged(&l, 0x8100, 8), PROTECT_VLAN);
	l = LINK("ips=10.0.0.6/24", "allow_restricted_traffic=true");
	assert_int_equal(tagged(&l, 0x88a8, 9), PROTECT_IPV4_SOURCE);
}

/* ---- the short way ---- */

#define EVERYDAY_LEN 80u

/* Of 10.0.0.5 or fd00::5, to that port or from it. */
static void
everyday_frame(uint8_t f[EVERYDAY_LEN], bool v6, uint8_t proto)
{
	static const uint8_t ip4[] = { 8, 0, 0x45, 0, 0, EVERYDAY_LEN - 14, 0, 0, 0x40, 0, 64, 0, 0,
		0, 10, 0, 0, 5, 10, 0, 0, 9, 0x30, 0x39, 0, 80 };
	static const uint8_t ip6[] = { 0x86, 0xdd, 0x60, 0, 0, 0, 0, EVERYDAY_LEN - 54, 0, 64, 0xfd,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 9, 0x30, 0x39, 0, 80 };

	memset(f, 0, EVERYDAY_LEN);
	memcpy(f, mac, 6); /* one frame for both directions */
	memcpy(f + 6, mac, 6);
	if (v6) {
		memcpy(f + 12, ip6, sizeof(ip6));
		f[20] = proto;
	} else {
		memcpy(f + 12, ip4, sizeof(ip4));
		f[23] = proto;
	}
}

/* Both ways over a frame: what the short one lets pass the other does too, and learns nothing. */
static uint32_t
both_ways(const struct protect_link *l, const uint8_t *bytes, uint32_t len, bool to_guest)
{
	uint8_t exact[EVERYDAY_LEN];
	struct frame f = { .data = memcpy(exact, bytes, len), .table = &table, .len = len };
	const struct protect_table before = table;
	uint32_t quick =
	    to_guest ? protect_everyday_to_guest(&f, l) : protect_everyday_from_guest(&f, l);
	enum protect_reason r = to_guest ? protect_to_guest(&f, l) : protect_from_guest(&f, l);

	if (quick != 0) {
		assert_int_equal(r, PROTECT_PASS);
		assert_memory_equal(&before, &table, sizeof(table));
	}
	table = before;
	return (quick);
}

/* Each bit of it turned over, and each of its lengths. */
static void
around(const struct protect_link *l, uint8_t f[EVERYDAY_LEN], bool to_guest)
{
	uint32_t judged = both_ways(l, f, EVERYDAY_LEN, to_guest);

	for (uint32_t bit = 0; bit < EVERYDAY_LEN * 8; bit++) {
		f[bit / 8] ^= (uint8_t)(1u << bit % 8);
		uint32_t now = both_ways(l, f, EVERYDAY_LEN, to_guest);
		/* Nothing depends on what lies behind the bytes that were judged. */
		if (!to_guest && judged != 0 && bit / 8 >= judged)
			assert_int_equal(now, judged);
		f[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (uint32_t len = 0; len < EVERYDAY_LEN; len++)
		(void)both_ways(l, f, len, to_guest);
}

static void
everyday_and_around_it(void **state)
{
	const struct protect_link links[] = {
		LINK("ips=10.0.0.5/24,fd00::5/64"),
		LINK("ips=10.0.0.6/24,fd00::6/64", "allowed_ips=10.0.0.0/28,fd00::/124"),
		LINK("ips=dhcp,addrconf"),
		LINK("ips=10.0.0.5/24,fd00::5/64,dhcp,addrconf", "blocked_outgoing_ports=80"),
		LINK("ips=10.0.0.5/24", "allow_mac_spoofing=true", "allow_restricted_traffic=true"),
		LINK("ips=10.0.0.5/24", "allow_dhcp_spoofing=true"),
		LINK("ips=10.0.0.5/24", "allow_ip_spoofing=true", "blocked_outgoing_ports=25"),
	};
	static const uint8_t protos[] = { 1, 6, 17, 44, 58 };
	uint8_t f[EVERYDAY_LEN];

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		for (size_t k = 0; k < 2 * sizeof(protos); k++) {
			everyday_frame(f, k % 2 != 0, protos[k / 2]);
			around(&links[i], f, false);
			around(&links[i], f, true);
			if (k % 2 != 0 || protos[k / 2] != 17)
				continue;
			f[35] = 67; /* from a DHCP server */
			f[34] = 0;
			f[37] = 68;
			around(&links[i], f, false);
			around(&links[i], f, true);
		}
	}
}

/* The short way is taken: by these, and not by those. */
static void
everyday_is(void **state)
{
	const struct protect_link l = LINK("ips=10.0.0.5/24,fd00::5/64");
	const struct protect_link learns = LINK("ips=dhcp,addrconf");
	const struct protect_link ports = LINK("ips=10.0.0.5/24", "blocked_outgoing_ports=25");
	static const uint8_t carried[] = { 6, 17 };
	uint8_t f[EVERYDAY_LEN];

	for (size_t i = 0; i < 2; i++) {
		everyday_frame(f, false, carried[i]);
		assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 38);
		assert_true(both_ways(&l, f, EVERYDAY_LEN, true));
		assert_true(both_ways(&learns, f, EVERYDAY_LEN, true));
		assert_int_equal(both_ways(&learns, f, EVERYDAY_LEN, false), 0);
		assert_int_equal(
		    both_ways(&ports, f, EVERYDAY_LEN, false), carried[i] == 6 ? 0 : 38);
		f[15] = 0x10; /* type of service */
		assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 38);
		f[14] = 0x46; /* options */
		assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 0);
		everyday_frame(f, true, carried[i]);
		assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 58);
		assert_true(both_ways(&l, f, EVERYDAY_LEN, true));
		assert_true(both_ways(&learns, f, EVERYDAY_LEN, true));
		f[20] = 44; /* a fragment */
		assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 0);
	}
	everyday_frame(f, false, 1);
	assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 38);
	f[11] ^= 4;
	assert_int_equal(both_ways(&l, f, EVERYDAY_LEN, false), 0);
	f[5] ^= 4;
	assert_false(both_ways(&l, f, EVERYDAY_LEN, true));
}

/* A lease ends. */
static void
leases_end(void **state)
{
	struct protect_link l = LINK("ips=dhcp");
	uint8_t bytes[60];
	struct frame f = { .data = bytes, .table = &table, .len = 60 };
	uint32_t addr = htonl(0x0a000005);

	ip_frame(bytes);
	assert_int_equal(protect_from_guest(&f, &l), PROTECT_IPV4_SOURCE);
	table.entry[0].key = (struct protect_key){ .kind = PROTECT_K_V4, .addr = { addr, 0 } };
	table.entry[0].until = 1060;
	assert_int_equal(protect_from_guest(&f, &l), PROTECT_PASS);
	table.now = 1059;
	assert_int_equal(protect_from_guest(&f, &l), PROTECT_PASS);
	table.now = 1060;
	assert_int_equal(protect_from_guest(&f, &l), PROTECT_IPV4_SOURCE);
}

static void
link_state(void **state)
{
	static char name[] = "link_state";
	struct zprop prop = { name, NULL };
	struct znet net = { .prop = &prop, .nprop = 1 };
	struct err e = { 0 };
	bool down = true;

	assert_int_equal(protect_conf_down(&(struct znet){ 0 }, &down, &e), 0);
	assert_false(down);
	prop.value = (char[]){ "down" };
	assert_int_equal(protect_conf_down(&net, &down, &e), 0);
	assert_true(down);
	prop.value = (char[]){ "up" };
	assert_int_equal(protect_conf_down(&net, &down, &e), 0);
	assert_false(down);
	prop.value = (char[]){ "sideways" };
	assert_int_equal(protect_conf_down(&net, &down, &e), -EINVAL);
	assert_string_equal(e.text, "link_state: 'sideways' is neither up nor down");
}

/* A megabit is 12,500 bytes in the 0.1 s that may come at once; then as fast as time goes. */
static void
rates(void **state)
{
	struct protect_link l = LINK("ips=10.0.0.5/24", "maxbw=1", "maxpps_rx=100");
	const struct protect_limit *tx = &l.limit[PROTECT_FROM_GUEST];
	const struct protect_limit *rx = &l.limit[PROTECT_TO_GUEST];
	struct protect_meter m = { 0 };
	uint64_t now = 1000000000000;
	unsigned n;

	assert_true(protect_limited(&l));
	assert_int_equal(tx->packet, 0);
	assert_int_equal(rx->byte, tx->byte);
	for (n = 0; protect_meter_take(&m, tx, now, 1250, 1); n++)
		assert_true(n < 11);
	assert_int_equal(n, 11); /* the last of them is owed */
	assert_false(protect_meter_take(&m, tx, now + 9999999, 1250, 1));
	assert_true(protect_meter_take(&m, tx, now + 10000000, 1250, 1));
	/* Over an hour the rate is met, whatever the sizes. */
	m = (struct protect_meter){ 0 };
	uint64_t bytes = 0;
	for (uint64_t t = 0; t < 3600; t++) {
		for (uint32_t len = 60; len < 65536; len = len * 3 + 1)
			bytes += protect_meter_take(&m, tx, now + t * 1000000000, len, 1) ? len : 0;
	}
	assert_in_range(bytes, 0, 125000ull * 3600 + 65536 + 12500);
	/* Packets, several in one frame. */
	m = (struct protect_meter){ 0 };
	assert_true(protect_meter_take(&m, rx, now, 60, 11));
	assert_false(protect_meter_take(&m, rx, now, 60, 1));
	assert_true(protect_meter_take(&m, rx, now + 10000000, 60, 1));
	l = LINK("ips=10.0.0.5/24");
	assert_false(protect_limited(&l));
}

static void
rates_parse(void **state)
{
	static const struct {
		const char *text;
		uint64_t bits;
	} good[] = { { "1", 1000000 }, { "64K", 64000 }, { "100M", 100000000 },
		{ "1000g", 1000000000000 } };
	static const char *const bad[] = { "", "K", "0", "63K", "1T", "1001G", "10MB", "-1", "1.5G",
		"99999999999" };
	uint64_t bits;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(protect_rate_parse(good[i].text, &bits), 0);
		assert_int_equal(bits, good[i].bits);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(protect_rate_parse(bad[i], &bits), -EINVAL);
}

static void
same(void **state)
{
	struct protect_link a = LINK("ips=10.0.0.5/24"), b = a;

	assert_true(protect_same(&a, &b));
	b = LINK("ips=10.0.0.6/24");
	assert_false(protect_same(&a, &b));
	b = LINK("ips=10.0.0.5/24", "maxpps=5");
	assert_false(protect_same(&a, &b));
	b = LINK("ips=10.0.0.5/24", "blocked_outgoing_ports=25");
	assert_false(protect_same(&a, &b));
}

static void
names(void **state)
{
	for (unsigned r = 0; r < PROTECT_NREASONS; r++) {
		assert_true(strlen(protect_reason_name(r)) > 1);
		for (unsigned s = 0; s < r; s++)
			assert_string_not_equal(protect_reason_name(r), protect_reason_name(s));
	}
	assert_string_equal(protect_reason_counter(PROTECT_ARP_MAC), "ipspoofed");
	assert_string_equal(protect_reason_name(PROTECT_NREASONS), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_of_properties),
		cmocka_unit_test(addresses_of_properties),
		cmocka_unit_test(properties_refused),
		cmocka_unit_test(tags_taken_out),
		cmocka_unit_test(everyday_and_around_it),
		cmocka_unit_test(everyday_is),
		cmocka_unit_test(leases_end),
		cmocka_unit_test(rates),
		cmocka_unit_test(link_state),
		cmocka_unit_test(rates_parse),
		cmocka_unit_test(same),
		cmocka_unit_test(names),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
