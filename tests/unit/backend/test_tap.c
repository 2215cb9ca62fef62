/* SPDX-License-Identifier: BSD-2-Clause */
/* A tap in a network namespace of the test's own. Skipped where a user may not make one. */
#include "backend/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/vhost.h"
#include "base/fd.h"
#include "devices/virtio/net.h"

#define ETHERTYPE 0x88b5 /* for local experiments, IEEE 802 */
#define FRAME     100

static struct mevent_loop *loop;
static struct lock lock = LOCK_INIT;
static struct net_backend *tap;
static int raw = -1; /* the host's end */
static bool usable;
static unsigned readable, writable;
static uint8_t frame[NET_HDR_LEN + FRAME];

static void
on_readable(void *dev)
{
	uint8_t buf[2000];
	struct iovec iov[2] = { { buf, 20 }, { buf + 20, sizeof(buf) - 20 } };
	ssize_t n;

	while ((n = tap->ops->recv(tap, iov, 2)) > 0)
		/* The host's own IPv6 chatter is not for us. */
		if (n == sizeof(frame) && buf[24] == ETHERTYPE >> 8 &&
		    buf[25] == (ETHERTYPE & 0xff)) {
			memcpy(frame, buf, sizeof(frame));
			readable++;
		}
	assert_int_equal(n, -EAGAIN);
}

static void
on_writable(void *dev)
{
	writable++;
}

/* The interface up, and a packet socket on it. */
static int
host_end(const char *name)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE) };
	struct ifreq ifr = { 0 };

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETHERTYPE));
	if (raw < 0 || ioctl(raw, SIOCGIFINDEX, &ifr) < 0)
		return (-errno);
	sll.sll_ifindex = ifr.ifr_ifindex;
	ifr.ifr_flags = IFF_UP;
	if (ioctl(raw, SIOCSIFFLAGS, &ifr) < 0 ||
	    bind(raw, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return (-errno);
	return (0);
}

static int
group_setup(void **state)
{
	struct err e = { 0 };

	assert_int_equal(mevent_loop_create(&loop), 0);
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return (0);
	if (tap_open(&tap, "zt0", loop, &lock, &e) != 0) {
		print_message("no tap here: %s\n", e.text);
		return (0);
	}
	assert_int_equal(host_end("zt0"), 0);
	tap->readable = on_readable;
	tap->writable = on_writable;
	usable = true;
	return (0);
}

static int
group_teardown(void **state)
{
	tap_close(tap);
	fd_close(&raw);
	assert_int_equal(mevent_count(loop), 0);
	mevent_loop_destroy(loop);
	return (0);
}

static void
make_frame(uint8_t *f)
{
	memset(f, 0xff, 6);
	memset(f + 6, 2, 6);
	f[12] = ETHERTYPE >> 8;
	f[13] = ETHERTYPE & 0xff;
	for (unsigned i = 14; i < FRAME; i++)
		f[i] = (uint8_t)i;
}

static void
test_send(void **state)
{
	uint8_t hdr[NET_HDR_LEN] = { 0 }, f[FRAME], back[2000];
	struct iovec iov[2] = { { hdr, sizeof(hdr) }, { f, sizeof(f) } };

	if (!usable)
		skip();
	make_frame(f);
	assert_int_equal(tap->ops->send(tap, iov, 2), NET_HDR_LEN + FRAME);
	assert_int_equal(recv(raw, back, sizeof(back), 0), FRAME);
	assert_memory_equal(back, f, FRAME);
	/* A header that makes no sense is an error for the frame only. */
	hdr[1] = 0x55;
	assert_true(tap->ops->send(tap, iov, 2) < 0);
	hdr[1] = 0;
	assert_int_equal(tap->ops->send(tap, iov, 2), NET_HDR_LEN + FRAME);
}

static void
test_receive(void **state)
{
	uint8_t f[FRAME];

	if (!usable)
		skip();
	make_frame(f);
	assert_int_equal(send(raw, f, sizeof(f), 0), FRAME);
	assert_int_equal(mevent_poll(loop, 50), 0); /* nobody wants it yet */
	tap->ops->want_read(tap, true);
	for (unsigned i = 0; i < 100 && readable == 0; i++)
		assert_true(mevent_poll(loop, 100) >= 0);
	assert_int_equal(readable, 1);
	assert_memory_equal(frame + NET_HDR_LEN, f, FRAME);
	tap->ops->want_read(tap, false);
	assert_int_equal(send(raw, f, sizeof(f), 0), FRAME);
	assert_int_equal(mevent_poll(loop, 50), 0);
	tap->ops->want_write(tap, true);
	assert_true(mevent_poll(loop, 1000) >= 1);
	assert_true(writable >= 1);
	tap->ops->want_write(tap, false);
}

static void
test_offload(void **state)
{
	if (!usable)
		skip();
	assert_true((tap->offload_features & VIRTIO_NET_F_HOST_TSO4) != 0);
	assert_int_equal(tap->ops->set_offload(tap, tap->offload_features), 0);
	assert_int_equal(tap->ops->set_offload(tap, 0), 0);
	assert_true(tap->vhost_tap_fd >= 0);
}

static void
expect_refused(const char *name, const char *word)
{
	struct net_backend *b;
	struct err e = { 0 };

	assert_true(tap_open(&b, name, loop, &lock, &e) < 0);
	if (strstr(e.text, word) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, word);
}

static void
test_refused(void **state)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	char name[32];
	int fd;

	expect_refused("", "1 to 15");
	expect_refused("a-name-that-is-too-long", "1 to 15");
	expect_refused("fd:0", "not a tap");
	if (!usable)
		skip();
	expect_refused("lo", "cannot be opened");
	expect_refused("zt0", "another process has it");
	/* One without the virtio header. */
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
	(void)snprintf(name, sizeof(name), "fd:%d", fd);
	expect_refused(name, "IFF_VNET_HDR");
	(void)close(fd);
}

/* Two queues of one tap, of which one is switched off and on. */
static void
test_queues(void **state)
{
	struct net_backend *q[2], *bad;
	struct err e = { 0 };
	char name[32];

	if (!usable)
		skip();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(tap_open_queue(&q[i], "zt1", loop, &lock, &e), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(q[1]->ops->set_active(q[1], i % 2 != 0), 0);
		assert_int_equal(q[1]->ops->set_active(q[1], i % 2 != 0), 0);
	}
	assert_int_equal(tap->ops->set_active(tap, false), 0); /* the only one stays */
	assert_true(tap_open_queue(&bad, "zt0", loop, &lock, &e) < 0);
	/* A descriptor of one that has a single queue. */
	(void)snprintf(name, sizeof(name), "fd:%d", dup(tap->vhost_tap_fd));
	assert_true(tap_open_queue(&bad, name, loop, &lock, &e) < 0);
	assert_non_null(strstr(e.text, "IFF_MULTI_QUEUE"));
	tap_close(q[0]);
	tap_close(q[1]);
}

static void
test_vhost_refused(void **state)
{
	struct virtio_extern *x;
	struct err e = { 0 };

	assert_true(vhost_net_open(&x, "/dev/null", -1, 0, &e) < 0);
	assert_non_null(strstr(e.text, "/dev/null"));
	assert_true(vhost_net_open(&x, "/nonexistent", -1, 0, &e) < 0);
	assert_non_null(strstr(e.text, "No such file"));
}

/* The descriptor that the test keeps says what the kernel has been told. */
static void
test_vhost_polls(void **state)
{
	int fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	struct vhost_vring_state s;
	struct virtio_extern *x;
	struct err e = { 0 };
	char where[16];

	if (fd < 0)
		skip();
	(void)snprintf(where, sizeof(where), "fd:%d", dup(fd));
	if (vhost_net_open(&x, where, -1, 50, &e) != 0)
		fail_msg("%s", e.text);
	for (s.index = 0; s.index < 2; s.index++) {
		assert_int_equal(ioctl(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s), 0);
		assert_int_equal(s.num, 50);
	}
	vhost_net_close(x);
	assert_int_equal(close(fd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_receive),
		cmocka_unit_test(test_offload),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_queues),
		cmocka_unit_test(test_vhost_refused),
		cmocka_unit_test(test_vhost_polls),
	};

	return (cmocka_run_group_tests(tests, group_setup, group_teardown));
}
