/* SPDX-License-Identifier: BSD-2-Clause */
/* Network links on taps: see tap.h. Refuses taps of another shape than asked for. Runs in zhyve. */
#include "backend/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "devices/virtio/net.h"

#define TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

struct tap {
	struct net_backend be; /* softc: this */
	int fd;
	bool dead;          /* the interface is gone */
	bool multi, active; /* one of several queues; frames come by it */
	struct lock *lock;
	struct mevent *rd, *wr;
};

static struct tap *
of(struct net_backend *b)
{
	return (b->softc);
}

static ssize_t
tap_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	ssize_t n = writev(of(b)->fd, iov, (int)niov);

	return (n < 0 ? -errno : n);
}

static ssize_t
tap_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct tap *t = of(b);
	ssize_t n;

	if (t->dead)
		return (-EAGAIN);
	if ((n = readv(t->fd, iov, (int)niov)) >= 0)
		return (n);
	if (errno != EAGAIN && errno != EINTR) {
		/* The interface was removed: it would be readable for ever. */
		log_warn("the tap has gone: %s", strerror(errno));
		t->dead = true;
		(void)mevent_disable(t->rd);
	}
	return (-EAGAIN);
}

static void
set_event(struct tap *t, struct mevent *ev, bool on)
{
	if (on && !t->dead)
		(void)mevent_enable(ev);
	else
		(void)mevent_disable(ev);
}

static void
tap_want_read(struct net_backend *b, bool on)
{
	set_event(of(b), of(b)->rd, on);
}

static void
tap_want_write(struct net_backend *b, bool on)
{
	set_event(of(b), of(b)->wr, on);
}

/* What the guest takes from us unfinished; the other direction needs no leave. */
static int
tap_set_offload(struct net_backend *b, uint64_t f)
{
	unsigned long flags = 0;

	if ((f & VIRTIO_NET_F_GUEST_CSUM) != 0) {
		flags |= TUN_F_CSUM;
		flags |= (f & VIRTIO_NET_F_GUEST_TSO4) != 0 ? TUN_F_TSO4 : 0;
		flags |= (f & VIRTIO_NET_F_GUEST_TSO6) != 0 ? TUN_F_TSO6 : 0;
		flags |= (f & VIRTIO_NET_F_GUEST_ECN) != 0 ? TUN_F_TSO_ECN : 0;
	}
	return (ioctl(of(b)->fd, TUNSETOFFLOAD, flags) < 0 ? -errno : 0);
}

static int
tap_set_active(struct net_backend *b, bool on)
{
	struct tap *t = of(b);
	struct ifreq ifr = { .ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE };

	if (!t->multi || t->active == on)
		return (0);
	if (ioctl(t->fd, TUNSETQUEUE, &ifr) < 0)
		return (-errno);
	t->active = on;
	return (0);
}

static const struct net_ops tap_ops = {
	.send = tap_send,
	.recv = tap_recv,
	.want_read = tap_want_read,
	.want_write = tap_want_write,
	.set_offload = tap_set_offload,
	.set_active = tap_set_active,
};

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct tap *t = arg;

	lock_take(t->lock);
	if (t->be.readable != NULL)
		t->be.readable(t->be.dev);
	else
		(void)mevent_disable(t->rd);
	lock_drop(t->lock);
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	struct tap *t = arg;

	lock_take(t->lock);
	if (t->be.writable != NULL)
		t->be.writable(t->be.dev);
	else
		(void)mevent_disable(t->wr);
	lock_drop(t->lock);
}

static int
open_named(const char *name, bool multi, int *fd, struct err *e)
{
	struct ifreq ifr = { .ifr_flags = (short)(TAP_FLAGS | (multi ? IFF_MULTI_QUEUE : 0)) };
	bool existed;

	if (name[0] == '\0' || strlen(name) >= sizeof(ifr.ifr_name))
		return (err_say(e, EINVAL, "vnic '%s': an interface's name has 1 to %zu characters",
		    name, sizeof(ifr.ifr_name) - 1));
	if ((*fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "vnic '%s': cannot open /dev/net/tun", name));
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	existed = if_nametoindex(name) != 0;
	if (ioctl(*fd, TUNSETIFF, &ifr) < 0) {
		int saved = errno;

		fd_close(fd);
		return (err_set(e, saved, "vnic '%s': cannot be opened as a tap%s", name,
		    saved == EBUSY       ? " (another process has it)"
			: saved == EPERM ? " (make one of yours: ip tuntap add mode tap)"
			: saved == EINVAL && multi
			? " with several queues (it was made without multi_queue)"
			: ""));
	}
	if (!existed)
		log_warn(
		    "vnic '%s' did not exist: it is there, down, for as long as this runs", name);
	return (0);
}

static int
adopt(int fd, const char *name, bool multi, struct err *e)
{
	struct ifreq ifr = { 0 };
	int rc;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0)
		return (err_set(e, errno, "vnic '%s' is not a tap", name));
	if ((ifr.ifr_flags & TAP_FLAGS) != TAP_FLAGS)
		return (err_say(e, EINVAL,
		    "vnic '%s': the tap must be made with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR",
		    name));
	if (multi && (ifr.ifr_flags & IFF_MULTI_QUEUE) == 0)
		return (err_say(e, EINVAL,
		    "vnic '%s': the tap must be made with IFF_MULTI_QUEUE for several queues",
		    name));
	if ((rc = fd_set_nonblock(fd)) < 0)
		return (err_set(e, -rc, "vnic '%s'", name));
	return (0);
}

static uint64_t
offloads(const struct tap *t)
{
	uint64_t f = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 |
	    VIRTIO_NET_F_HOST_ECN;

	if (ioctl(t->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN) == 0)
		f |= VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 |
		    VIRTIO_NET_F_GUEST_ECN;
	(void)ioctl(t->fd, TUNSETOFFLOAD, 0ul);
	return (f);
}

static int
set_up(struct tap *t, const char *name, struct mevent_loop *loop, struct err *e)
{
	int hdr = NET_HDR_LEN;

	if (ioctl(t->fd, TUNSETVNETHDRSZ, &hdr) < 0)
		return (err_set(e, errno, "vnic '%s': header of %d bytes", name, hdr));
	t->rd = mevent_add_disabled(loop, t->fd, EVF_READ, on_readable, t);
	t->wr = mevent_add_disabled(loop, t->fd, EVF_WRITE, on_writable, t);
	if (t->rd == NULL || t->wr == NULL)
		return (err_set(e, errno, "vnic '%s': event loop", name));
	return (0);
}

static int
open_tap(struct net_backend **out, const char *name, bool multi, struct mevent_loop *loop,
    struct lock *lock, struct err *e)
{
	struct tap *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL)
		return (err_set(e, ENOMEM, "vnic '%s'", name));
	t->lock = lock;
	t->multi = t->active = multi;
	if (parse_fd(name, &t->fd) == 0)
		rc = adopt(t->fd, name, multi, e);
	else
		rc = open_named(name, multi, &t->fd, e);
	if (rc < 0) {
		free(t);
		return (rc);
	}
	if ((rc = set_up(t, name, loop, e)) < 0) {
		tap_close(&t->be);
		return (rc);
	}
	t->be = (struct net_backend){
		.ops = &tap_ops, .softc = t, .offload_features = offloads(t), .vhost_tap_fd = t->fd
	};
	*out = &t->be;
	return (0);
}

int
tap_open(struct net_backend **out, const char *name, struct mevent_loop *loop, struct lock *lock,
    struct err *e)
{
	return (open_tap(out, name, false, loop, lock, e));
}

int
tap_open_queue(struct net_backend **out, const char *name, struct mevent_loop *loop,
    struct lock *lock, struct err *e)
{
	return (open_tap(out, name, true, loop, lock, e));
}

void
tap_close(struct net_backend *b)
{
	struct tap *t;

	if (b == NULL)
		return;
	t = (struct tap *)b; /* softc may not be set yet */
	mevent_delete(t->rd);
	mevent_delete(t->wr);
	fd_close(&t->fd);
	free(t);
}
