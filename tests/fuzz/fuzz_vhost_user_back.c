/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back end of vhost-user with virtio-blk behind it: a front end that sends whatever it likes,
 * with descriptors or without, and changes the guest's memory and the memory of requests in flight
 * meanwhile.
 */
#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/vhost_user_back.h"
#include "backend/vhost_user_io.h"
#include "base/checked.h"
#include "base/fd.h"
#include "devices/virtio/blk.h"
#include "fuzz_host.h"

#define RAM 65536u

struct target {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct virtio_blk blk;
	struct fuzz_disk disk;
	struct vhost_user_back *back;
	int sock, ram_fd, bell, inflight_fd;
	uint8_t *ram;
	bool gone;
};

static void
drain(void *ctx)
{
	fuzz_disk_drain(&((struct target *)ctx)->disk);
}

static void
gone(void *ctx, int rc, const char *what)
{
	(void)rc;
	(void)what;
	((struct target *)ctx)->gone = true;
}

/* Let it have what was sent; take what it says, and a descriptor that comes along. */
static void
turn(struct target *t)
{
	uint8_t junk[512];
	int fds[FD_MSG_MAX];
	size_t n = FD_MSG_MAX;

	while (mevent_poll(t->loop, 0) > 0 && !t->gone)
		continue;
	while (fd_recv_msg(t->sock, junk, sizeof(junk), fds, &n) > 0) {
		for (size_t i = 0; i < n; i++) {
			fd_close(&t->inflight_fd);
			t->inflight_fd = fds[i];
		}
		n = FD_MSG_MAX;
	}
}

static void
send_msg(struct target *t, struct vu_msg *m)
{
	m->h.flags |= VU_VERSION;
	(void)vu_send(t->sock, m);
	turn(t);
}

static void
put(struct target *t, uint32_t request, uint32_t a, uint32_t b, int fd)
{
	struct vu_msg m = { .h = { request, 0, 8 }, .p.state = { a, b } };

	if (fd >= 0)
		m.fd[m.nfds++] = fd;
	send_msg(t, &m);
}

/* As a front end that keeps the rules: ring 0 of 16 entries, in the first pages. */
static void
start(struct target *t)
{
	struct vu_msg mem = { .h = { VU_SET_MEM_TABLE, 0, VU_LEN_MEMORY(1) },
		.p.memory = { .n = 1, .region = { { 0, RAM, 1u << 20, 0 } } },
		.nfds = 1,
		.fd = { t->ram_fd } };
	struct vu_msg addr = { .h = { VU_SET_VRING_ADDR, 0, VU_LEN_ADDR },
		.p.addr = {
		    .desc = 1u << 20, .avail = (1u << 20) + 4096, .used = (1u << 20) + 8192 } };
	struct vu_msg inflight = { .h = { VU_GET_INFLIGHT_FD, 0, VU_LEN_INFLIGHT },
		.p.inflight = { .queues = 2, .queue_size = 16 } };
	struct vu_msg features = { .h = { VU_SET_FEATURES, 0, 8 },
		.p.u64 = t->blk.vd.offered | VU_F_PROTOCOL_FEATURES };

	send_msg(t, &features);
	send_msg(t, &mem);
	send_msg(t, &inflight);
	put(t, VU_SET_VRING_NUM, 0, 16, -1);
	send_msg(t, &addr);
	put(t, VU_SET_VRING_CALL, 0, 0, t->bell);
	put(t, VU_SET_VRING_KICK, 0, 0, t->bell);
	put(t, VU_SET_VRING_ENABLE, 0, 1, -1);
}

static void
any_message(struct target *t, struct fuzz *in)
{
	static const uint16_t lens[] = { 0, 8, 40, 20, 24, 40, 72, 12, 16, 268 };
	struct vu_msg m = { 0 };
	uint8_t how = fuzz_u8(in);

	m.h.request = fuzz_u8(in) % 44;
	m.h.flags = (how & 1) != 0 ? VU_NEED_REPLY : 0;
	m.h.size = (how & 2) != 0 ? lens[fuzz_u8(in) % NITEMS(lens)] : 8;
	(void)fuzz_bytes(in, &m.p, MIN(m.h.size, sizeof(m.p)));
	for (unsigned n = how >> 2 & 3; n > 0; n--) {
		const int fds[] = { t->ram_fd, t->bell, t->inflight_fd, t->ram_fd };

		m.fd[m.nfds] = fds[fuzz_u8(in) & 3];
		m.nfds += m.fd[m.nfds] >= 0;
	}
	send_msg(t, &m);
}

/* Memory that the front end has too. */
static void
scribble(struct target *t, struct fuzz *in)
{
	uint16_t at = fuzz_u16(in);
	uint8_t bytes[32], n = fuzz_u8(in) % sizeof(bytes);

	(void)fuzz_bytes(in, bytes, n);
	if ((at & 1) != 0 && t->inflight_fd >= 0)
		(void)!pwrite(t->inflight_fd, bytes, n, at % 8192);
	else
		memcpy(t->ram + at % (RAM - sizeof(bytes)), bytes, n);
}

static void
step(struct target *t, struct fuzz *in)
{
	const uint64_t one = 1;

	switch (fuzz_u8(in) % 6) {
	case 0:
	case 1:
		any_message(t, in);
		break;
	case 2:
		(void)!write(t->bell, &one, sizeof(one));
		turn(t);
		break;
	case 3:
		fuzz_disk_step(&t->disk, in);
		break;
	case 4:
		le16_put(t->ram + 4098, (uint16_t)(le16_get(t->ram + 4098) + 1));
		(void)!write(t->bell, &one, sizeof(one));
		turn(t);
		break;
	default:
		scribble(t, in);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct target t;
	const struct vhost_user_back_ops ops = { drain, gone, true, &t };
	struct fuzz in = { data, size };
	struct err e;
	int sv[2], rc;

	t = (struct target){ .inflight_fd = -1 };
	(void)pthread_mutex_init(&t.lock.mutex, NULL);
	rc = mevent_loop_create(&t.loop);
	assert(rc == 0);
	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	t.sock = sv[0];
	t.ram_fd = memfd_sealed("ram", RAM);
	t.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, t.ram_fd, 0);
	gmem_empty(&t.gm);
	fuzz_disk_init(&t.disk);
	rc = virtio_blk_init(&t.blk, &t.gm, &t.disk.be, "FUZZ", 2);
	assert(rc == 0);
	rc = vhost_user_back_create(&t.back, &t.blk.vd, &t.gm, sv[1], t.loop, &t.lock, &ops, &e);
	assert(rc == 0);
	if ((fuzz_u8(&in) & 1) != 0)
		start(&t);
	for (unsigned n = 0; n < 300 && in.left > 0 && !t.gone; n++)
		step(&t, &in);
	vhost_user_back_destroy(t.back);
	fuzz_disk_drain(&t.disk);
	virtio_blk_destroy(&t.blk);
	fuzz_disk_fini(&t.disk);
	mevent_loop_destroy(t.loop);
	(void)munmap(t.ram, RAM);
	fd_close(&t.sock);
	fd_close(&t.ram_fd);
	fd_close(&t.bell);
	fd_close(&t.inflight_fd);
	return (0);
}
