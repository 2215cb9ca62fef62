/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vhost-net: see vhost.h; the interface is linux/vhost.h. Runs in zhyve, at DRIVER_OK and reset
 * only.
 */
#include "backend/vhost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"
#include "devices/virtio/net.h"

/* What concerns the rings; the kernel's other bits (logging, its own header) are of no use here. */
#define RING_FEATURES                                                                \
	(VIRTIO_FEAT_VERSION_1 | VIRTIO_FEAT_INDIRECT_DESC | VIRTIO_FEAT_EVENT_IDX | \
	    VIRTIO_NET_F_MRG_RXBUF)

#define NQUEUES 2u /* of one vhost-net: receiving, sending */

struct vhost_net {
	struct virtio_extern x; /* softc: this */
	int fd;
	int tap_fd;
	unsigned nqueues; /* running */
};

/* RAM as the kernel sees it: guest-physical ranges in our address space. */
static int
set_memory(struct vhost_net *v, const struct gmem *gm)
{
	union {
		struct vhost_memory mem;
		uint8_t room[sizeof(struct vhost_memory) +
		    GMEM_RANGES_MAX * sizeof(struct vhost_memory_region)];
	} u = { .mem = { .nregions = gm->nranges } };

	for (unsigned i = 0; i < gm->nranges; i++)
		u.mem.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = gm->range[i].gpa,
			.memory_size = gm->range[i].len,
			.userspace_addr = (uint64_t)(uintptr_t)gm->range[i].hva,
		};
	return (ioctl(v->fd, VHOST_SET_MEM_TABLE, &u.mem) < 0 ? -errno : 0);
}

static uint64_t
address(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	return ((uint64_t)(uintptr_t)gmem_ptr(gm, gpa, len));
}

static int
set_queue(struct vhost_net *v, const struct gmem *gm, const struct virtio_extern_queue *q)
{
	struct vhost_vring_state num = { .index = q->index, .num = q->size };
	struct vhost_vring_state base = { .index = q->index, .num = 0 };
	struct vhost_vring_addr addr = {
		.index = q->index,
		.desc_user_addr = address(gm, q->desc, 16ull * q->size),
		.avail_user_addr = address(gm, q->avail, 6 + 2ull * q->size),
		.used_user_addr = address(gm, q->used, 6 + 8ull * q->size),
	};
	struct vhost_vring_file kick = { .index = q->index, .fd = q->kick_fd };
	struct vhost_vring_file call = { .index = q->index, .fd = q->call_fd };

	if (ioctl(v->fd, VHOST_SET_VRING_NUM, &num) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_ADDR, &addr) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
	    ioctl(v->fd, VHOST_SET_VRING_CALL, &call) < 0)
		return (-errno);
	return (0);
}

static int
set_backend(struct vhost_net *v, unsigned index, int fd)
{
	struct vhost_vring_file file = { .index = index, .fd = fd };

	return (ioctl(v->fd, VHOST_NET_SET_BACKEND, &file) < 0 ? -errno : 0);
}

static void
vhost_stop(struct virtio_extern *x)
{
	struct vhost_net *v = x->softc;

	/* Taking the tap away waits for what the kernel is doing with the ring. */
	while (v->nqueues > 0)
		(void)set_backend(v, --v->nqueues, -1);
}

static int
vhost_start(struct virtio_extern *x, uint64_t features, const struct gmem *gm,
    const struct virtio_extern_queue *q, unsigned n)
{
	struct vhost_net *v = x->softc;
	int rc = 0;

	if (ioctl(v->fd, VHOST_SET_FEATURES, &features) < 0)
		return (-errno);
	if ((rc = set_memory(v, gm)) < 0)
		return (rc);
	for (unsigned i = 0; i < n && rc == 0; i++)
		rc = set_queue(v, gm, &q[i]);
	for (unsigned i = 0; i < n && rc == 0; i++)
		if ((rc = set_backend(v, q[i].index, v->tap_fd)) == 0)
			v->nqueues++;
	if (rc < 0)
		vhost_stop(x);
	return (rc);
}

static const struct virtio_extern_ops vhost_ops = {
	.start = vhost_start,
	.stop = vhost_stop,
};

/* Both queues, receiving and sending. It is the kernel that says what is then so. */
static int
set_polling(const struct vhost_net *v, const char *where, uint32_t poll_us, struct err *e)
{
	for (unsigned i = 0; i < NQUEUES; i++) {
		struct vhost_vring_state s = { .index = i, .num = poll_us };

		if (ioctl(v->fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &s) < 0 ||
		    ioctl(v->fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &s) < 0)
			return (err_set(e, errno,
			    "poll_us: the kernel behind vhost '%s' does not poll its queues (Linux "
			    "4.6)",
			    where));
		if (s.num != poll_us)
			return (err_say(e, EIO,
			    "poll_us: vhost '%s' polls its queues for %u us instead of %u", where,
			    s.num, poll_us));
	}
	return (0);
}

int
vhost_net_open(
    struct virtio_extern **out, const char *where, int tap_fd, uint32_t poll_us, struct err *e)
{
	struct vhost_net *v = calloc(1, sizeof(*v));
	uint64_t features = 0;
	int rc;

	if (v == NULL)
		return (err_set(e, ENOMEM, "vhost '%s'", where));
	if (parse_fd(where, &v->fd) != 0)
		v->fd = open(where, O_RDWR | O_CLOEXEC);
	if (v->fd < 0 || ioctl(v->fd, VHOST_GET_FEATURES, &features) < 0 ||
	    ioctl(v->fd, VHOST_SET_OWNER) < 0) {
		rc = err_set(
		    e, errno, "vhost '%s': the kernel does not offer vhost-net there", where);
		fd_close(&v->fd);
		free(v);
		return (rc);
	}
	if (poll_us != 0 && (rc = set_polling(v, where, poll_us, e)) != 0) {
		fd_close(&v->fd);
		free(v);
		return (rc);
	}
	v->tap_fd = tap_fd;
	v->x = (struct virtio_extern){
		.ops = &vhost_ops, .softc = v, .features = features & RING_FEATURES
	};
	*out = &v->x;
	return (0);
}

void
vhost_net_close(struct virtio_extern *x)
{
	struct vhost_net *v;

	if (x == NULL)
		return;
	v = x->softc;
	vhost_stop(x);
	fd_close(&v->fd);
	free(v);
}
