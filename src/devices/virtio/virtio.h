/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every virtio device has in common, whatever the transport: features, the status register
 * as a state machine, queues, reset (virtio 1.2, 2.1-2.7, 3.1). A device model (blk.c, net.c,
 * ...) fills a table of functions and a few facts; a transport (virtio_pci.c) turns registers
 * into the calls below.
 *
 * The order of things is enforced here and not in the models: features change before FEATURES_OK
 * only, queues before they are enabled and before DRIVER_OK only; a model sees queue work only
 * between `start` and `stop`. Reset waits, without blocking, for what the model has in flight:
 * until then the driver reads the old status, and is to wait (2.4.2). A driver that breaks a rule
 * gets DEVICE_NEEDS_RESET, and the device stands still until it is reset.
 *
 * Pure; the device's lock is held for all of it.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_VIRTIO_H
#define ZHYVE_DEVICES_VIRTIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/virtio/virtqueue.h"

/* Device types, virtio 1.2, 5 */
#define VIRTIO_TYPE_NET     1
#define VIRTIO_TYPE_BLOCK   2
#define VIRTIO_TYPE_CONSOLE 3
#define VIRTIO_TYPE_RNG     4
#define VIRTIO_TYPE_BALLOON 5
#define VIRTIO_TYPE_VSOCK   19
#define VIRTIO_TYPE_FS      26

/* Status bits, 2.1 */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER      0x02
#define VIRTIO_STATUS_DRIVER_OK   0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED      0x80

/*
 * Feature bits of every device, 6. As masks, and so not by the names that linux/virtio_config.h
 * gives to their numbers.
 */
#define VIRTIO_FEAT_INDIRECT_DESC (1ull << 28)
#define VIRTIO_FEAT_EVENT_IDX     (1ull << 29)
#define VIRTIO_FEAT_VERSION_1     (1ull << 32)
#define VIRTIO_FEAT_RING_RESET    (1ull << 40)

#define VIRTIO_QUEUES_MAX         64

struct state;
struct virtio_dev;

struct virtio_dev_ops {
	const char *name;   /* "virtio-blk" */
	uint16_t type;      /* VIRTIO_TYPE_* */
	uint32_t pci_class; /* 24 bits */
	/*
	 * The driver proposes `features`, a subset of those offered and with VERSION_1. 0, or
	 * -EINVAL when the device cannot work with them (FEATURES_OK then stays off). May be
	 * NULL.
	 */
	int (*negotiate)(struct virtio_dev *vd, uint64_t features);
	/*
	 * The driver wrote device configuration, lying within it. May be NULL: nothing is
	 * writable.
	 */
	void (*config_write)(struct virtio_dev *vd, uint32_t off, const void *buf, uint32_t len);
	/* DRIVER_OK: the queues may be used from here on. May be NULL. */
	void (*start)(struct virtio_dev *vd);
	/* The driver kicked an enabled queue. */
	void (*notify)(struct virtio_dev *vd, unsigned queue);
	/*
	 * Let go of the queues: take no new work; true when nothing is in flight, else
	 * virtio_stopped() is called once that is so. Comes after `start` only. May be NULL:
	 * always done at once.
	 */
	bool (*stop)(struct virtio_dev *vd);
	/*
	 * The device has been reset, whether it had been started or not: what the driver wrote into
	 * the configuration is undone. May be NULL.
	 */
	void (*was_reset)(struct virtio_dev *vd);
	/*
	 * One queue is being reset (2.6.1): let go of what is under way in it. For models that
	 * offer RING_RESET; may be NULL.
	 */
	void (*queue_reset)(struct virtio_dev *vd, unsigned queue);
	/* The driver broke a rule: take back what others do for the device. May be NULL. */
	void (*broken)(struct virtio_dev *vd);
	/*
	 * Save or load the model's own state (state.h). Loading comes after `start` where the driver
	 * had set DRIVER_OK. Chains that the driver has not been shown as used come again, in their
	 * order (see virtio_state): saving is refused with -EBUSY while the backend works on one.
	 * NULL: it cannot be saved.
	 */
	int (*state)(struct virtio_dev *vd, struct state *st);
};

/* How a device reaches its driver; filled by the transport. */
struct virtio_transport_ops {
	void (*queue_interrupt)(struct virtio_dev *vd, unsigned queue);
	void (*config_interrupt)(struct virtio_dev *vd);
	/* The device has been reset: forget vectors and selectors. */
	void (*was_reset)(struct virtio_dev *vd);
	/*
	 * See to it that virtio_notify is called for the queue after others have had their turn.
	 * False: it cannot.
	 */
	bool (*again)(struct virtio_dev *vd, unsigned queue);
	/*
	 * Hand a queue's doorbell and interrupt to an outside driver as eventfds (on), or take
	 * them back. -ENOTSUP when there are none. See virtio_extern.h.
	 */
	int (*lend)(struct virtio_dev *vd, unsigned queue, bool on, int *kick_fd, int *call_fd);
};

struct virtio_dev {
	const struct virtio_dev_ops *ops;
	void *softc; /* the device model */
	const struct virtio_transport_ops *transport;
	void *transport_arg;
	const struct gmem *gm;

	uint64_t offered;  /* feature bits */
	uint64_t proposed; /* as the driver writes them */
	uint64_t features; /* accepted at FEATURES_OK; 0 before */
	uint8_t status;
	bool started;   /* ops->start was called and ops->stop was not */
	bool resetting; /* a reset waits for what is in flight */

	/* device configuration, as the driver reads it; the model's memory */
	const uint8_t *config;
	uint32_t config_len;
	uint8_t config_gen; /* changes with the configuration */
	bool no_msix;       /* set before the transport is: MSI instead (bhyve's -W) */

	struct virtq *queue;
	unsigned nqueues;
};

/*
 * Make a device with `nqueues` queues of at most queue_size entries each; ops, softc, offered
 * (without the bits of every device) and config are set by the model after. 0, -EINVAL, -ENOMEM.
 */
int virtio_init(struct virtio_dev *vd, const struct virtio_dev_ops *ops, void *softc,
    const struct gmem *gm, unsigned nqueues, uint16_t queue_size);
void virtio_destroy(struct virtio_dev *vd);
/* Before the device is used: another maximum for one queue. 0, -EINVAL, -ENOMEM. */
int virtio_queue_resize(struct virtio_dev *vd, unsigned queue, uint16_t size);

/* For transports. A status write; 0 asks for a reset. */
void virtio_set_status(struct virtio_dev *vd, uint8_t status);
/* Half `sel` (0 low, 1 high, others ignored) of the driver's features. */
void virtio_propose(struct virtio_dev *vd, unsigned sel, uint32_t bits);
/* May this queue's registers still change? */
bool virtio_queue_open(const struct virtio_dev *vd, unsigned queue);
void virtio_queue_enable(struct virtio_dev *vd, unsigned queue);
/* Reset one queue of a running device, which may then be set anew and enabled again. */
void virtio_queue_reset(struct virtio_dev *vd, unsigned queue);
/* The driver kicked; ignored when the device is not running or there is no such queue. */
void virtio_notify(struct virtio_dev *vd, unsigned queue);
/* Reset without asking the driver (the machine was reset). */
void virtio_reset(struct virtio_dev *vd);

/*
 * Save or load the device (state.h), its model included; the transport has its own part. A queue
 * goes on behind what the driver has been shown as used: chains that were taken and not shown are
 * taken again, so that a model has to save only what it has done with them already. -EBUSY while a
 * reset waits or the backend works on a request, -ENOTSUP when the model cannot be saved or another
 * driver has its queues. After loading no queue has been looked at: see virtio_resume.
 */
int virtio_state(struct virtio_dev *vd, struct state *st);
/* Kicks may have come, and gone unheard: look at every queue. */
void virtio_resume(struct virtio_dev *vd);

/* For models. */
static inline bool
virtio_has(const struct virtio_dev *vd, uint64_t feature)
{
	return ((vd->features & feature) != 0);
}
/* Is the device to take work? False when stopped, broken or being reset. */
bool virtio_running(const struct virtio_dev *vd);
/* What `stop` left in flight is done. */
void virtio_stopped(struct virtio_dev *vd);
/* virtq_publish, and the interrupt when the driver wants one. */
void virtio_publish(struct virtio_dev *vd, unsigned queue);
/* The model changed its configuration: the driver is told. */
void virtio_config_changed(struct virtio_dev *vd);
/*
 * The driver broke a rule: the device stops until it is reset. `why` is a constant text, for the
 * log.
 */
void virtio_needs_reset(struct virtio_dev *vd, const char *why);
/* The same when it is the device that failed: a driver outside is gone for good. */
void virtio_failed(struct virtio_dev *vd, const char *why);
/*
 * virtq_pop, with virtio_needs_reset when the queue turns out to be broken. True when a chain was
 * taken.
 */
bool virtio_pop(struct virtio_dev *vd, unsigned queue, struct vq_chain *c);
/*
 * The end of a round of virtio_pop: switch kicks on again, unless there is more. True: do another
 * round. A driver that keeps adding work does not keep the thread: after VIRTIO_ROUNDS rounds the
 * rest is put off to a notification to come.
 */
#define VIRTIO_ROUNDS 4
bool virtio_another_round(struct virtio_dev *vd, unsigned queue, unsigned round);

#endif
