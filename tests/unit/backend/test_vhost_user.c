/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-user's two ends against each other, and against peers that lie, are slow or gone. The
 * back end runs in a child with a disk of its own; the front end's device is lent queues that the
 * test drives as a guest would.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/block_file.h"
#include "backend/vhost_user.h"
#include "backend/vhost_user_back.h"
#include "backend/vhost_user_io.h"
#include "base/checked.h"
#include "base/fd.h"
#include "devices/virtio/blk.h"

#define RAM  (4u << 20)
#define RING 0x10000u
#define DISK (1u << 20)

static struct fix {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	int disk;
	int pass[2]; /* [0] the front end's: connections are passed over it */
	pid_t pid;
	struct vhost_user *vu;
	int kick, call;
	unsigned gone, given_up, back, changed, broken;
	uint16_t avail;
} f;

/* ---- the back end's process ---- */

struct server {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct block_backend *disk;
	struct virtio_blk blk;
	struct vhost_user_back *back;
};

static void
drain(void *ctx)
{
	block_drain(((struct server *)ctx)->disk);
}

static void
gone(void *ctx, int rc, const char *what)
{
	_exit(rc == 0 ? 0 : 3);
}

static void
resize(int fd, enum mevent_type type, void *arg)
{
	struct server *s = arg;

	if (block_refresh(s->disk))
		virtio_blk_resized(&s->blk);
	vhost_user_back_config_changed(s->back);
}

static _Noreturn void
serve(int sock)
{
	struct vhost_user_back_ops with = { drain, gone, true, NULL };
	struct block_opts opts = { 0 };
	static struct server s;
	struct err e;
	char path[32];

	with.ctx = &s;
	(void)pthread_mutex_init(&s.lock.mutex, NULL);
	(void)snprintf(path, sizeof(path), "fd:%d", f.disk);
	gmem_empty(&s.gm);
	if (mevent_loop_create(&s.loop) != 0 ||
	    block_open(&s.disk, path, &opts, s.loop, &s.lock, &e) != 0 ||
	    virtio_blk_init(&s.blk, &s.gm, s.disk, "TEST", 2) != 0 ||
	    mevent_add_signal(s.loop, SIGUSR2, resize, &s) == NULL ||
	    vhost_user_back_create(&s.back, &s.blk.vd, &s.gm, sock, s.loop, &s.lock, &with, &e) !=
		0)
		_exit(9);
	(void)mevent_dispatch(s.loop);
	_exit(8);
}

/* Another process, whose connection is on its way to the front end. */
static void
spawn(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	f.pid = fork();
	assert_true(f.pid >= 0);
	if (f.pid == 0) {
		(void)close(sv[0]);
		(void)close(f.pass[0]);
		serve(sv[1]);
	}
	(void)close(sv[1]);
	assert_int_equal(fd_send_msg(f.pass[1], "c", 1, &sv[0], 1), 0);
	(void)close(sv[0]);
}

static int
reap(void)
{
	int status = 0;

	assert_int_equal(waitpid(f.pid, &status, 0), f.pid);
	f.pid = 0;
	return (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* ---- the front end ---- */

static void
on_gone(void *ctx, bool waits)
{
	if (waits)
		f.gone++;
	else
		f.given_up++;
}

static void
on_back(void *ctx)
{
	f.back++;
}

static void
on_config(void *ctx, const uint8_t *config)
{
	f.changed++;
}

static void
on_broken(void *ctx)
{
	f.broken++;
}

static int
setup(void **state)
{
	struct err e;

	f = (struct fix){ .pass = { -1, -1 } };
	(void)pthread_mutex_init(&f.lock.mutex, NULL);
	assert_int_equal(mevent_loop_create(&f.loop), 0);
	assert_int_equal(gmem_create(&f.gm, RAM, &e), 0);
	f.disk = memfd_create("disk", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f.disk, DISK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, f.pass), 0);
	f.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	f.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return (0);
}

static int
teardown(void **state)
{
	vhost_user_close(f.vu);
	if (f.pid > 0) {
		(void)kill(f.pid, SIGKILL);
		(void)reap();
	}
	mevent_loop_destroy(f.loop);
	gmem_destroy(&f.gm);
	(void)close(f.disk);
	(void)close(f.pass[1]);
	(void)close(f.kick);
	(void)close(f.call);
	return (0);
}

static int
open_front(const char *where, struct err *e)
{
	const struct vhost_user_want want = { .where = where, .queues = 2, .config_len = 60 };
	const struct vhost_user_events ev = { on_gone, on_back, on_config, on_broken, NULL };
	int rc = vhost_user_open(&f.vu, &want, &f.gm, f.loop, &f.lock, e);

	if (rc == 0) {
		vhost_user_listen(f.vu, &ev);
		vhost_user_device(f.vu, vhost_user_extern(f.vu)->features, 2, 256);
	}
	return (rc);
}

static void
connect_front(void)
{
	char where[32];
	struct err e = { 0 };

	spawn();
	(void)snprintf(where, sizeof(where), "fd:%d", f.pass[0]);
	assert_int_equal(open_front(where, &e), 0);
}

static int
start(uint64_t desc)
{
	const struct virtio_extern_queue q = { .index = 1,
		.size = 16,
		.desc = desc,
		.avail = desc + 0x1000,
		.used = desc + 0x2000,
		.kick_fd = f.kick,
		.call_fd = f.call };
	struct virtio_extern *x = vhost_user_extern(f.vu);

	return (x->ops->start(x, VIRTIO_FEAT_VERSION_1 | 1u << 9, &f.gm, &q, 1));
}

static void
stop(void)
{
	struct virtio_extern *x = vhost_user_extern(f.vu);

	x->ops->stop(x);
}

static uint8_t *
ram(uint64_t gpa)
{
	return (gmem_ptr(&f.gm, gpa, 1));
}

/* Write `text` to a sector, or read it; waits for the answer while the front end lives. */
static uint8_t
transfer(uint32_t type, uint64_t sector, uint8_t *data)
{
	const uint64_t one = 1;
	uint16_t used = le16_get(ram(RING + 0x2002));

	le32_put(ram(RING + 0x4000), type);
	le64_put(ram(RING + 0x4008), sector);
	if (type == 1)
		memcpy(ram(RING + 0x5000), data, 512);
	*ram(RING + 0x6000) = 0xaa;
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *d = ram(RING + i * 16);

		le64_put(d, RING + 0x4000 + i * 0x1000);
		le32_put(d + 8, i == 0 ? 16 : i == 1 ? 512 : 1);
		le16_put(d + 12,
		    (uint16_t)((i < 2 ? 1 : 0) | (i == 2 || (i == 1 && type == 0) ? 2 : 0)));
		le16_put(d + 14, (uint16_t)(i + 1));
	}
	le16_put(ram(RING + 0x1004 + 2 * (f.avail % 16)), 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	le16_put(ram(RING + 0x1002), ++f.avail);
	assert_int_equal(write(f.kick, &one, 8), 8);
	for (unsigned i = 0; i < 2000 && le16_get(ram(RING + 0x2002)) == used; i++)
		(void)mevent_poll(f.loop, 5);
	assert_int_equal(le16_get(ram(RING + 0x2002)), (uint16_t)(used + 1));
	if (type == 0)
		memcpy(data, ram(RING + 0x5000), 512);
	return (*ram(RING + 0x6000));
}

static void
poll_until(const unsigned *what)
{
	for (unsigned i = 0; i < 1000 && *what == 0; i++)
		(void)mevent_poll(f.loop, 10);
	assert_int_not_equal(*what, 0);
}

static void
test_serves(void **state)
{
	uint8_t data[512] = "hello", read[512];

	connect_front();
	assert_int_equal(le64_get(vhost_user_config(f.vu)), DISK / 512);
	assert_int_equal(le16_get(vhost_user_config(f.vu) + 34), 2);
	assert_int_equal(start(RING), 0);
	assert_int_equal(transfer(1, 7, data), 0);
	assert_int_equal(transfer(0, 7, read), 0);
	assert_string_equal((char *)read, "hello");
	assert_int_equal(pread(f.disk, read, 5, 7 * 512), 5);
	assert_memory_equal(read, "hello", 5);
	stop();
	/* And again, with new rings. */
	memset(ram(RING), 0, 0x4000);
	f.avail = 0;
	assert_int_equal(start(RING), 0);
	assert_int_equal(transfer(0, 7, read), 0);
	assert_string_equal((char *)read, "hello");
	vhost_user_close(f.vu);
	f.vu = NULL;
	assert_int_equal(reap(), 0);
}

static void
test_killed(void **state)
{
	uint8_t data[512] = "first", read[512];

	connect_front();
	assert_int_equal(start(RING), 0);
	assert_int_equal(transfer(1, 3, data), 0);
	for (unsigned i = 0; i < 5; i++) {
		f.gone = f.back = 0;
		assert_int_equal(kill(f.pid, SIGKILL), 0);
		assert_int_equal(reap(), 128 + SIGKILL);
		poll_until(&f.gone);
		spawn();
		poll_until(&f.back);
		assert_int_equal(transfer(0, 3, read), 0);
		assert_string_equal((char *)read, "first");
	}
	assert_int_equal(f.given_up, 0);
}

/* The guest starts its device while there is nobody. */
static void
test_started_alone(void **state)
{
	uint8_t data[512] = "late", read[512];

	connect_front();
	assert_int_equal(kill(f.pid, SIGKILL), 0);
	assert_int_equal(reap(), 128 + SIGKILL);
	poll_until(&f.gone);
	assert_int_equal(start(RING), 0);
	spawn();
	poll_until(&f.back);
	assert_int_equal(transfer(1, 3, data), 0);
	assert_int_equal(transfer(0, 3, read), 0);
	assert_string_equal((char *)read, "late");
}

static void
test_resized(void **state)
{
	connect_front();
	assert_int_equal(ftruncate(f.disk, 2 * DISK), 0);
	assert_int_equal(kill(f.pid, SIGUSR2), 0);
	poll_until(&f.changed);
	assert_int_equal(le64_get(vhost_user_config(f.vu)), 2 * DISK / 512);
}

/* A driver that breaks a rule is told on by the process. */
static void
test_broken_driver(void **state)
{
	const uint64_t one = 1;

	connect_front();
	assert_int_equal(start(RING), 0);
	le16_put(ram(RING + 0x1004), 200);
	le16_put(ram(RING + 0x1002), 1);
	assert_int_equal(write(f.kick, &one, 8), 8);
	poll_until(&f.broken);
}

/* ---- back ends that lie ---- */

static int peer;

static void
connect_peer(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
	(void)close(f.pass[0]);
	f.pass[0] = sv[0];
	peer = sv[1];
}

static void
put_reply(uint32_t request, uint64_t v)
{
	struct vu_msg m = { .h = { request, VU_VERSION | VU_REPLY, 8 }, .p.u64 = v };

	assert_int_equal(vu_send(peer, &m), 0);
}

static void
expect_refused(const char *word)
{
	char where[32];
	struct err e = { 0 };

	(void)snprintf(where, sizeof(where), "fd:%d", f.pass[0]);
	assert_true(open_front(where, &e) < 0);
	if (strstr(e.text, word) == NULL)
		fail_msg("'%s' is not in '%s'", word, e.text);
	f.pass[0] = -1;
	(void)close(peer);
}

static void
test_liars(void **state)
{
	struct vu_msg m = { .h = { VU_GET_FEATURES, VU_VERSION | VU_REPLY, 4 } };

	connect_peer();
	put_reply(VU_GET_QUEUE_NUM, 1); /* an answer to another question */
	expect_refused("GET_FEATURES");
	connect_peer();
	assert_int_equal(vu_send(peer, &m), 0); /* too short */
	expect_refused("GET_FEATURES");
	connect_peer();
	m.h.size = UINT32_MAX; /* longer than any */
	assert_int_equal(write(peer, &m.h, sizeof(m.h)), sizeof(m.h));
	expect_refused("GET_FEATURES");
	connect_peer();
	put_reply(VU_GET_FEATURES, 1u << 9); /* virtio of old */
	expect_refused("GET_FEATURES");
	connect_peer();
	put_reply(VU_GET_FEATURES, VIRTIO_FEAT_VERSION_1 | VU_F_PROTOCOL_FEATURES);
	put_reply(VU_GET_PROTOCOL_FEATURES, VU_P_MQ);
	put_reply(VU_GET_QUEUE_NUM, 1); /* fewer than are wanted */
	expect_refused("fewer");
	connect_peer();
	put_reply(VU_GET_FEATURES, VIRTIO_FEAT_VERSION_1);
	(void)shutdown(peer, SHUT_WR); /* gone in the middle */
	expect_refused("GET_QUEUE_NUM");
}

/* ---- front ends that lie: every message of one kind with wrong contents ends the process well ---- */

static void
test_lied_to(void **state)
{
	uint32_t seed = 7;

	for (unsigned round = 0; round < 300; round++) {
		int sv[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
		if ((f.pid = fork()) == 0) {
			(void)close(sv[0]);
			serve(sv[1]);
		}
		(void)close(sv[1]);
		for (unsigned i = 0; i < 20; i++) {
			struct vu_msg m = { .h = { 0, VU_VERSION, 0 } };

			for (size_t b = 0; b < sizeof(m.p); b++) {
				seed = seed * 1103515245u + 12345u;
				((uint8_t *)&m.p)[b] = seed >> 29 == 0 ? (uint8_t)(seed >> 16) : 0;
			}
			m.h.request = (seed >> 8) % 34;
			m.h.size =
			    (seed >> 20) % 4 == 0 ? (seed >> 4) % 64 : 8 * (1 + (seed >> 24) % 5);
			if ((seed & 1) != 0)
				m.fd[m.nfds++] = (seed & 2) != 0 ? f.disk : f.kick;
			if (vu_send(sv[0], &m) < 0)
				break;
		}
		(void)close(sv[0]);
		int status = reap();
		assert_true(status == 0 || status == 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_serves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_started_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resized, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_driver, setup, teardown),
		cmocka_unit_test_setup_teardown(test_liars, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lied_to, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
