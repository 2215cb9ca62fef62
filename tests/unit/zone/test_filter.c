/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filter of a vnic in the kernel, in a network namespace of the test's own: two vnics on one
 * bridge, frames written into one tap as zhyve would, and what comes out of the other; with the
 * programs and places of this kernel, and, as far as they differ, with those of kernels before 6.6.
 * Where the system allows no BPF nothing of it runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "sandbox.h"
#include "base/fd.h"
#include "zone/link.h"
#include "zone/protect_conf.h"

#define ALL (PROTECT_MAC | PROTECT_IP | PROTECT_DHCP | PROTECT_RESTRICTED | PROTECT_PROMISC)

static const uint8_t mac[6] = { 0x02, 0x08, 0x20, 0x00, 0x00, 0x01 };
static const uint8_t other[6] = { 0x02, 0x08, 0x20, 0x00, 0x00, 0x02 };
static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool have_bpf;

/* The guest's vnic, and a neighbour's that sees everything. */
static struct {
	struct vnic_spec spec, seen_spec;
	int tap, seen;
	struct filter *filter, *seen_filter;
} net;

static int
group_setup(void **state)
{
	struct protect_link link = { .flags = ALL };
	struct filter *f;
	struct err e = { 0 };

	have_bpf = sandbox_netns() && access("/dev/net/tun", R_OK | W_OK) == 0;
	if (have_bpf && filter_load(&link, &f, &e) == 0)
		filter_close(f);
	else
		have_bpf = false;
	if (!have_bpf)
		print_message("no BPF or network namespace here: left out (%s)\n", e.text);
	return (sandbox_make(state));
}

static int
group_setup_old(void **state)
{
	filter_pretend_old_kernel(true);
	return (group_setup(state));
}

#define NEEDS_BPF()             \
	do {                    \
		if (!have_bpf)  \
			skip(); \
	} while (0)

static void
net_make(uint32_t flags)
{
	struct vnic_spec guest = { .ifname = "z1n0", .tag = "stub0" },
			 all = { .ifname = "z2n0", .tag = "stub0" };
	struct nictag stub = { .name = "stub0" };
	struct err e = { 0 };

	memcpy(guest.mac, mac, 6);
	memcpy(all.mac, other, 6);
	guest.protect.flags = flags;
	guest.protect.nv4 = 1;
	guest.protect.v4[0] = (struct protect_v4){ htonl(0x0a000005), UINT32_MAX };
	if (nictag_add(&stub, &e) != 0 || vnic_create(&guest, &net.tap, &net.filter, &e) != 0 ||
	    vnic_create(&all, &net.seen, &net.seen_filter, &e) != 0)
		fail_msg("%s", e.text);
	net.spec = guest;
	net.seen_spec = all;
}

static void
net_undo(void)
{
	struct err e;

	filter_close(net.filter);
	filter_close(net.seen_filter);
	assert_int_equal(close(net.tap), 0);
	assert_int_equal(close(net.seen), 0);
	assert_int_equal(nictag_delete("stub0", &e), 0);
}

static ssize_t
offer(const struct virtio_net_hdr_mrg_rxbuf *h, const uint8_t *frame, size_t len)
{
	struct virtio_net_hdr_mrg_rxbuf none = { 0 };
	uint8_t buf[65536 + sizeof(none)];

	memcpy(buf, h != NULL ? h : &none, sizeof(none));
	memcpy(buf + sizeof(none), frame, len);
	return (write(net.tap, buf, sizeof(none) + len));
}

static void
put(const struct virtio_net_hdr_mrg_rxbuf *h, const uint8_t *frame, size_t len)
{
	assert_int_equal(offer(h, frame, len), sizeof(*h) + len);
}

/* The next frame the neighbour sees that is `len` long, 0 for none within a moment. */
static size_t
see(uint8_t *frame, size_t len)
{
	uint8_t buf[65536];
	ssize_t n;

	for (;;) {
		struct pollfd p = { .fd = net.seen, .events = POLLIN };

		if (poll(&p, 1, 100) <= 0)
			return (0);
		n = read(net.seen, buf, sizeof(buf));
		if (n != (ssize_t)len + 12)
			continue; /* the host's own multicast */
		memcpy(frame, buf + 12, len);
		return (len);
	}
}

static uint64_t
dropped(enum protect_reason r)
{
	struct filter_counters c;
	struct err e;

	assert_int_equal(filter_counters(net.filter, &c, &e), 0);
	return (c.frames[PROTECT_FROM_GUEST][r]);
}

/* The neighbour sees such a frame; otherwise say what the filter has counted. */
static void
expect(uint8_t *frame, size_t len)
{
	struct filter_counters c;

	if (see(frame, len) == len)
		return;
	assert_int_equal(filter_counters(net.filter, &c, NULL), 0);
	for (unsigned r = 0; r < PROTECT_NREASONS; r++) {
		if (c.frames[PROTECT_FROM_GUEST][r] != 0)
			print_error(
			    "%s: %lu\n", protect_reason_name(r), c.frames[PROTECT_FROM_GUEST][r]);
	}
	fail_msg("a frame of %zu bytes did not get through", len);
}

static void
ip_checksum(uint8_t *f)
{
	uint32_t sum = 0;

	f[24] = f[25] = 0;
	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	f[24] = (uint8_t)(sum >> 8);
	f[25] = (uint8_t)sum;
}

/* Ethernet and IPv4 from 10.0.0.5 to 10.0.0.9, the rest of zeroes. */
static void
ip_frame(uint8_t *f, size_t len, uint8_t proto)
{
	const uint8_t head[] = { 0x08, 0x00, 0x45, 0, (uint8_t)((len - 14) >> 8),
		(uint8_t)(len - 14), 0, 0, 0, 0, 64, proto, 0, 0, 10, 0, 0, 5, 10, 0, 0, 9 };

	memset(f, 0, len);
	memcpy(f, everybody, 6);
	memcpy(f + 6, mac, 6);
	memcpy(f + 12, head, sizeof(head));
	ip_checksum(f);
}

static struct virtio_net_hdr_mrg_rxbuf
offload(uint16_t start, uint16_t offset)
{
	return ((struct virtio_net_hdr_mrg_rxbuf){ .hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
						       .csum_start = start,
						       .csum_offset = offset } });
}

static void
honest_and_spoofed(void **state)
{
	uint8_t f[80], got[80];

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 1);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	assert_memory_equal(f, got, sizeof(f));

	f[11] ^= 4; /* another's MAC address */
	put(NULL, f, sizeof(f));
	f[11] ^= 4;
	f[29] = 6; /* another's IPv4 address */
	put(NULL, f, sizeof(f));
	f[29] = 5;
	f[12] = 0x88; /* LLDP */
	f[13] = 0xcc;
	put(NULL, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(dropped(PROTECT_MAC_SOURCE), 1);
	assert_int_equal(dropped(PROTECT_IPV4_SOURCE), 1);
	assert_int_equal(dropped(PROTECT_ETHERTYPE), 1);
	assert_int_equal(dropped(PROTECT_PASS), 1);
	net_undo();
}

/* The kernel takes a VLAN tag out of the frame before the filter sees it. */
static void
vlan_tags(void **state)
{
	uint8_t f[84], got[84];

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, 80, 1);
	memmove(f + 16, f + 12, 68);
	memcpy(f + 12, (uint8_t[]){ 0x81, 0, 0, 7 }, 4);
	put(NULL, f, sizeof(f));
	f[12] = 0x88; /* a provider's */
	f[13] = 0xa8;
	put(NULL, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(dropped(PROTECT_VLAN), 1);
	assert_int_equal(dropped(PROTECT_ETHERTYPE), 1);
	f[12] = 0x81; /* only a priority */
	f[13] = 0;
	f[15] = 0;
	put(NULL, f, sizeof(f));
	assert_int_equal(dropped(PROTECT_PASS), 1);
	net_undo();
}

/* Nics of one bridge in VLANs: each hears its own VLAN only, without tags. */
static void
vlans(void **state)
{
	struct vnic_spec third = { .ifname = "z3n0", .tag = "stub0", .vlan = 7 };
	uint8_t f[84], got[84];
	struct err e = { 0 };
	int fd, seen;

	NEEDS_BPF();
	net_make(ALL);
	memcpy(third.mac, other, 6);
	third.mac[5] = 3;
	if (vnic_create(&third, &fd, NULL, &e) == -EOPNOTSUPP) {
		print_message("%s\n", e.text); /* without CONFIG_BRIDGE_VLAN_FILTERING */
		net_undo();
		skip();
	}
	assert_int_equal(e.errnum, 0);
	ip_frame(f, 80, 1);
	put(NULL, f, 80); /* no VLAN: the neighbour without one hears it */
	expect(got, 80);
	seen = net.seen;
	net.seen = fd;
	assert_int_equal(see(got, 80), 0);

	/* The guest's nic again, now in VLAN 7. */
	filter_close(net.filter);
	assert_int_equal(close(net.tap), 0);
	struct vnic_spec guest = { .ifname = "z1n0", .tag = "stub0", .vlan = 7 };
	memcpy(guest.mac, mac, 6);
	guest.protect.flags = ALL;
	guest.protect.nv4 = 1;
	guest.protect.v4[0] = (struct protect_v4){ htonl(0x0a000005), UINT32_MAX };
	if (vnic_create(&guest, &net.tap, &net.filter, &e) != 0)
		fail_msg("%s", e.text);
	put(NULL, f, 80);
	expect(got, 80);
	assert_memory_equal(got, f, 80);
	memmove(f + 16, f + 12, 68);
	memcpy(f + 12, (uint8_t[]){ 0x81, 0, 0, 7 }, 4);
	put(NULL, f, 84); /* its own tag, which is taken off */
	expect(got, 80);
	f[15] = 8;
	put(NULL, f, 84);
	assert_int_equal(see(got, 80), 0);
	assert_int_equal(dropped(PROTECT_VLAN), 1);
	net.seen = seen;
	ip_frame(f, 80, 1);
	put(NULL, f, 80);
	assert_int_equal(see(got, 80), 0);
	assert_int_equal(close(fd), 0);
	net_undo();
}

static void
count_first(const struct protect_first *first, void *arg)
{
	unsigned *n = arg;

	assert_int_equal(first->direction, PROTECT_FROM_GUEST);
	assert_int_equal(first->reason, PROTECT_MAC_SOURCE);
	assert_int_equal(first->len, 80);
	assert_memory_equal(first->frame, everybody, 6);
	++*n;
}

static void
first_drops(void **state)
{
	uint8_t f[80];
	unsigned n = 0;

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 1);
	f[11] ^= 4;
	for (int i = 0; i < 1000; i++)
		put(NULL, f, sizeof(f));
	struct pollfd p = { .fd = filter_firsts_fd(net.filter), .events = POLLIN };
	assert_int_equal(poll(&p, 1, 1000), 1);
	filter_firsts(net.filter, count_first, &n);
	assert_int_equal(n, 1);
	assert_int_equal(dropped(PROTECT_MAC_SOURCE), 1000);
	net_undo();
}

/*
 * A checksum offload that puts the checksum into the source address: without a filter it works, so
 * this is a real way to spoof.
 */
static void
offload_spoofs(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h = offload(20, 8); /* the checksum to byte 28 */
	uint8_t f[80], got[80];

	NEEDS_BPF();
	net_make(0);
	ip_frame(f, sizeof(f), 1);
	put(&h, f, sizeof(f));
	expect(got, sizeof(f));
	assert_memory_not_equal(got + 28, f + 28, 2);
	net_undo();

	net_make(ALL);
	put(&h, f, sizeof(f));
	h = offload(20, 6); /* the first half of the IPv4 source */
	put(&h, f, sizeof(f));
	h = offload(29, 0); /* across its end */
	put(&h, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(dropped(PROTECT_CHECKSUM), 3);
	h = offload(34, 2); /* ICMP's own */
	put(&h, f, sizeof(f));
	expect(got, sizeof(f));
	assert_memory_equal(got, f, 36);
	net_undo();
}

static void
offload_honest(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h = offload(34, 6);
	uint8_t f[1200], got[1200];

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, 300, 17);
	memcpy(f + 34, (uint8_t[]){ 0x12, 0x34, 0, 53, 1, 10 }, 6);
	put(&h, f, 300);
	expect(got, 300);
	assert_memory_equal(got, f, 40);
	assert_memory_not_equal(got + 40, f + 40, 2); /* filled in */
	assert_memory_equal(got + 42, f + 42, 258);

	ip_frame(f, 1200, 6);
	f[46] = 0x50;
	h = offload(34, 16);
	put(&h, f, 1200);
	expect(got, 1200);
	assert_memory_equal(got, f, 50);
	assert_int_equal(dropped(PROTECT_PASS), 2);
	net_undo();
}

/* A DHCP request by a socket of the guest's: its checksum is left to the host. */
static void
offload_dhcp(void **state)
{
	static const uint8_t cookie[] = { 0x63, 0x82, 0x53, 0x63, 53, 1, 3, 255 };
	struct virtio_net_hdr_mrg_rxbuf h = offload(34, 6);
	uint8_t f[342], got[342];

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 17);
	memcpy(f + 34, (uint8_t[]){ 0, 68, 0, 67, 1, 0x34 }, 6);
	memcpy(f + 42, (uint8_t[]){ 1, 1, 6, 0 }, 4);
	memcpy(f + 70, mac, 6);
	memcpy(f + 278, cookie, sizeof(cookie));
	put(&h, f, sizeof(f));
	expect(got, sizeof(f));
	assert_memory_equal(got, f, 40);
	assert_memory_not_equal(got + 40, f + 40, 2);
	assert_memory_equal(got + 42, f + 42, sizeof(f) - 42);

	h = offload(34, 40); /* into chaddr */
	put(&h, f, sizeof(f));
	h = offload(34, 248); /* into the options */
	put(&h, f, sizeof(f));
	h = offload(34, 4); /* over the UDP length: neither */
	put(&h, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(dropped(PROTECT_CHECKSUM), 3);
	assert_int_equal(dropped(PROTECT_PASS), 1);
	net_undo();
}

/* What is segmented later still comes through, also with its checksum offload. */
static void
large_frames(void **state)
{
	struct virtio_net_hdr_mrg_rxbuf h = offload(34, 16);
	static uint8_t f[20054], got[1514];

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 6);
	f[46] = 0x50;
	h.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.hdr.gso_size = 1460;
	h.hdr.hdr_len = 54;
	put(&h, f, sizeof(f));
	for (int i = 0; i < 13; i++)
		expect(got, 1514);
	f[29] = 6;
	put(&h, f, sizeof(f));
	assert_int_equal(see(got, 1514), 0);
	assert_int_equal(dropped(PROTECT_IPV4_SOURCE), 1);
	net_undo();
}

/* Towards the guest: frames for others stay outside. */
static void
promisc(void **state)
{
	struct filter_counters c;
	uint8_t f[80], got[80];
	struct err e;
	int tap;

	NEEDS_BPF();
	net_make(ALL);
	/* From now on the neighbour sends, and the guest's tap is looked at. */
	tap = net.tap;
	net.tap = net.seen;
	net.seen = tap;
	ip_frame(f, sizeof(f), 1);
	memcpy(f + 6, other, 6);
	put(NULL, f, sizeof(f)); /* to everybody */
	expect(got, sizeof(f));
	memcpy(f, mac, 6);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	f[5] = 9; /* nobody's: flooded by the bridge */
	put(NULL, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(filter_counters(net.filter, &c, &e), 0);
	assert_true(c.frames[PROTECT_TO_GUEST][PROTECT_PASS] >= 2);
	net_undo();
}

/* ---- changes while it carries frames ---- */

static void
replace(const struct protect_link *link)
{
	struct err e = { 0 };

	net.spec.protect = *link;
	if (vnic_update(&net.spec, net.filter, &e) != 0)
		fail_msg("%s", e.text);
}

static void
another_address(void **state)
{
	struct protect_link link;
	uint8_t f[80], got[80];

	NEEDS_BPF();
	net_make(ALL);
	link = net.spec.protect;
	ip_frame(f, sizeof(f), 1);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	link.v4[0].addr = htonl(0x0a000006);
	replace(&link);
	put(NULL, f, sizeof(f)); /* the address that it had */
	assert_int_equal(see(got, sizeof(f)), 0);
	f[29] = 6;
	ip_checksum(f);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	link.flags |= PROTECT_LEARN_DHCP4; /* needs room for what it learns */
	replace(&link);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	/* What was counted before has not gone. */
	assert_int_equal(dropped(PROTECT_PASS), 3);
	assert_int_equal(dropped(PROTECT_IPV4_SOURCE), 1);
	net_undo();
}

struct sender {
	atomic_bool stop, failed;
	uint64_t rounds; /* an honest frame and a spoofed one in each */
};

static void *
send_both(void *arg)
{
	uint8_t buf[12 + 80] = { 0 };
	struct sender *s = arg;

	ip_frame(buf + 12, 80, 1);
	while (!atomic_load(&s->stop)) {
		for (int i = 0; i < 2; i++) {
			if (write(net.tap, buf, sizeof(buf)) != (ssize_t)sizeof(buf))
				atomic_store(&s->failed, true);
			buf[12 + 11] ^= 4;
		}
		s->rounds++;
	}
	return (NULL);
}

/* Every frame is judged, by the filter before or by the one after. */
static void
no_moment_without(void **state)
{
	const uint8_t spoofed[6] = { mac[0], mac[1], mac[2], mac[3], mac[4], mac[5] ^ 4 };
	struct sender s = { .rounds = 0 };
	struct protect_link link;
	uint8_t buf[65536];
	pthread_t thread;
	ssize_t n;

	NEEDS_BPF();
	net_make(ALL);
	link = net.spec.protect;
	assert_int_equal(pthread_create(&thread, NULL, send_both, &s), 0);
	for (unsigned i = 0; i < 12; i++) {
		link.nv4 = 1 + i % 2;
		link.v4[1] = (struct protect_v4){ htonl(0x0a000006), UINT32_MAX };
		replace(&link);
		while ((n = read(net.seen, buf, sizeof(buf))) > 0)
			assert_false(n > 24 && memcmp(buf + 18, spoofed, sizeof(spoofed)) == 0);
	}
	atomic_store(&s.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(s.failed);
	assert_true(s.rounds > 0);
	assert_int_equal(dropped(PROTECT_PASS), s.rounds);
	assert_int_equal(dropped(PROTECT_MAC_SOURCE), s.rounds);
	net_undo();
}

/* One packet, or so many bytes, in an hour; each direction by itself. */
static void
rates(void **state)
{
	struct protect_link link;
	struct filter_counters c;
	uint8_t buf[12 + 80] = { 0 };

	NEEDS_BPF();
	net_make(ALL);
	link = net.spec.protect;
	link.limit[PROTECT_FROM_GUEST].packet = UINT64_C(3600000000000) << 16;
	link.limit[PROTECT_TO_GUEST].byte = UINT64_C(50000000000) << 16;
	replace(&link);
	ip_frame(buf + 12, 80, 1);
	for (int i = 0; i < 20; i++)
		put(NULL, buf + 12, 80);
	assert_int_equal(dropped(PROTECT_PASS), 1);
	assert_int_equal(dropped(PROTECT_RATE), 19);
	memcpy(buf + 18, other, 6);
	memcpy(buf + 12, mac, 6);
	for (int i = 0; i < 20; i++)
		assert_int_equal(write(net.seen, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(filter_counters(net.filter, &c, NULL), 0);
	assert_true(c.frames[PROTECT_TO_GUEST][PROTECT_RATE] >= 19);
	/* What is refused anyway uses nothing up; without a limit all may pass. */
	memset(link.limit, 0, sizeof(link.limit));
	replace(&link);
	ip_frame(buf + 12, 80, 1);
	put(NULL, buf + 12, 80);
	assert_int_equal(dropped(PROTECT_PASS), 2);
	net_undo();
}

static void
isolation(void **state)
{
	uint8_t f[80], got[80];
	struct err e = { 0 };

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 1);
	net.spec.isolated = true;
	replace(&net.spec.protect);
	put(NULL, f, sizeof(f)); /* the neighbour is not */
	expect(got, sizeof(f));
	net.seen_spec.isolated = true;
	assert_int_equal(vnic_update(&net.seen_spec, net.seen_filter, &e), 0);
	put(NULL, f, sizeof(f));
	assert_int_equal(see(got, sizeof(f)), 0);
	assert_int_equal(dropped(PROTECT_PASS), 2);
	net.spec.isolated = false;
	replace(&net.spec.protect);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	net_undo();
}

/* A vnic whose link is taken away and given back, and keeps its place on the bridge. */
static void
link_down(void **state)
{
	uint8_t f[80], got[80];
	struct err e = { 0 };

	NEEDS_BPF();
	net_make(ALL);
	ip_frame(f, sizeof(f), 1);
	net.spec.down = true;
	replace(&net.spec.protect);
	assert_int_equal(offer(NULL, f, sizeof(f)), -1);
	assert_int_equal(errno, EIO);
	net.spec.down = false;
	replace(&net.spec.protect);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	/* The neighbour's: nothing comes to it. */
	net.seen_spec.down = true;
	assert_int_equal(vnic_update(&net.seen_spec, net.seen_filter, &e), 0);
	put(NULL, f, sizeof(f));
	net.seen_spec.down = false;
	assert_int_equal(vnic_update(&net.seen_spec, net.seen_filter, &e), 0);
	assert_int_equal(see(got, sizeof(f)), 0);
	put(NULL, f, sizeof(f));
	expect(got, sizeof(f));
	/* And one that is made so. */
	filter_close(net.filter);
	assert_int_equal(close(net.tap), 0);
	net.spec.down = true;
	assert_int_equal(vnic_create(&net.spec, &net.tap, &net.filter, &e), 0);
	assert_int_equal(offer(NULL, f, sizeof(f)), -1);
	net_undo();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(honest_and_spoofed),
		cmocka_unit_test(vlan_tags),
		cmocka_unit_test(vlans),
		cmocka_unit_test(first_drops),
		cmocka_unit_test(offload_spoofs),
		cmocka_unit_test(offload_honest),
		cmocka_unit_test(offload_dhcp),
		cmocka_unit_test(large_frames),
		cmocka_unit_test(promisc),
		cmocka_unit_test(another_address),
		cmocka_unit_test(no_moment_without),
		cmocka_unit_test(rates),
		cmocka_unit_test(isolation),
		cmocka_unit_test(link_down),
	};

	/* What the two ways do not have in common. */
	const struct CMUnitTest old[] = {
		cmocka_unit_test(honest_and_spoofed),
		cmocka_unit_test(offload_spoofs),
		cmocka_unit_test(offload_dhcp),
		cmocka_unit_test(no_moment_without),
	};
	int failed = cmocka_run_group_tests(tests, group_setup, sandbox_remove);

	return (failed + cmocka_run_group_tests(old, group_setup_old, sandbox_remove));
}
