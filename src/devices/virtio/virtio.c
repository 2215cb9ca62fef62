/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state machine of a virtio device: see virtio.h. Refuses (ignores) register writes out of
 * order. Runs in zhyve and in device processes.
 */
#include "devices/virtio/virtio.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

#define FEATURES_ALL (VIRTIO_FEAT_INDIRECT_DESC | VIRTIO_FEAT_EVENT_IDX | VIRTIO_FEAT_VERSION_1)

int
virtio_init(struct virtio_dev *vd, const struct virtio_dev_ops *ops, void *softc,
    const struct gmem *gm, unsigned nqueues, uint16_t queue_size)
{
	int rc;

	if (nqueues == 0 || nqueues > VIRTIO_QUEUES_MAX)
		return (-EINVAL);
	*vd = (struct virtio_dev){ .ops = ops, .softc = softc, .gm = gm };
	vd->offered = FEATURES_ALL;
	if ((vd->queue = calloc(nqueues, sizeof(*vd->queue))) == NULL)
		return (-ENOMEM);
	for (; vd->nqueues < nqueues; vd->nqueues++)
		if ((rc = virtq_init(&vd->queue[vd->nqueues], gm, queue_size)) < 0) {
			virtio_destroy(vd);
			return (rc);
		}
	return (0);
}

void
virtio_destroy(struct virtio_dev *vd)
{
	for (unsigned i = 0; i < vd->nqueues; i++)
		virtq_destroy(&vd->queue[i]);
	free(vd->queue);
	vd->queue = NULL;
	vd->nqueues = 0;
}

int
virtio_queue_resize(struct virtio_dev *vd, unsigned queue, uint16_t size)
{
	assert(queue < vd->nqueues && vd->status == 0);
	virtq_destroy(&vd->queue[queue]);
	return (virtq_init(&vd->queue[queue], vd->gm, size));
}

bool
virtio_running(const struct virtio_dev *vd)
{
	return (vd->started && !vd->resetting && (vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0);
}

static void
finish_reset(struct virtio_dev *vd)
{
	for (unsigned i = 0; i < vd->nqueues; i++)
		virtq_reset(&vd->queue[i]);
	vd->resetting = false;
	vd->started = false;
	vd->status = 0;
	vd->proposed = 0;
	vd->features = 0;
	if (vd->ops->was_reset != NULL)
		vd->ops->was_reset(vd);
	if (vd->transport != NULL)
		vd->transport->was_reset(vd);
}

void
virtio_reset(struct virtio_dev *vd)
{
	if (vd->resetting)
		return;
	if (vd->started && vd->ops->stop != NULL) {
		vd->resetting = true;
		if (!vd->ops->stop(vd))
			return;
	}
	finish_reset(vd);
}

void
virtio_stopped(struct virtio_dev *vd)
{
	assert(vd->resetting);
	finish_reset(vd);
}

static void
accept_features(struct virtio_dev *vd)
{
	uint64_t f = vd->proposed;

	if ((f & VIRTIO_FEAT_VERSION_1) == 0 || (f & ~vd->offered) != 0)
		return;
	if (vd->ops->negotiate != NULL && vd->ops->negotiate(vd, f) < 0)
		return;
	vd->features = f;
	for (unsigned i = 0; i < vd->nqueues; i++) {
		vd->queue[i].indirect = (f & VIRTIO_FEAT_INDIRECT_DESC) != 0;
		vd->queue[i].event_idx = (f & VIRTIO_FEAT_EVENT_IDX) != 0;
	}
	vd->status |= VIRTIO_STATUS_FEATURES_OK;
}

void
virtio_set_status(struct virtio_dev *vd, uint8_t status)
{
	uint8_t set = status & (uint8_t)~vd->status;

	if (vd->resetting)
		return;
	if (status == 0) {
		virtio_reset(vd);
		return;
	}
	/*
	 * Bits are never taken back but by a reset (2.1.1), and NEEDS_RESET is the device's
	 * alone.
	 */
	vd->status |=
	    set & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FAILED);
	if ((set & VIRTIO_STATUS_FEATURES_OK) != 0)
		accept_features(vd);
	if ((set & VIRTIO_STATUS_DRIVER_OK) == 0 || (vd->status & VIRTIO_STATUS_FEATURES_OK) == 0)
		return;
	vd->status |= VIRTIO_STATUS_DRIVER_OK;
	vd->started = true;
	if (vd->ops->start != NULL)
		vd->ops->start(vd);
	/* Buffers that were made available before count without a kick. */
	for (unsigned i = 0; i < vd->nqueues; i++)
		virtio_notify(vd, i);
}

void
virtio_propose(struct virtio_dev *vd, unsigned sel, uint32_t bits)
{
	if (sel > 1 || vd->resetting || (vd->status & VIRTIO_STATUS_FEATURES_OK) != 0)
		return;
	vd->proposed &= ~(0xffffffffull << (sel * 32));
	vd->proposed |= (uint64_t)bits << (sel * 32);
}

bool
virtio_queue_open(const struct virtio_dev *vd, unsigned queue)
{
	if (queue >= vd->nqueues || vd->queue[queue].enabled || vd->resetting)
		return (false);
	return ((vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0 &&
	    ((vd->status & VIRTIO_STATUS_DRIVER_OK) == 0 || vd->queue[queue].reopened));
}

void
virtio_queue_enable(struct virtio_dev *vd, unsigned queue)
{
	if (!virtio_queue_open(vd, queue))
		return;
	if (virtq_enable(&vd->queue[queue]) < 0)
		virtio_needs_reset(vd, vd->queue[queue].broken);
	else
		virtio_notify(vd, queue); /* when it is one that comes back */
}

void
virtio_queue_reset(struct virtio_dev *vd, unsigned queue)
{
	struct virtq *q = &vd->queue[queue];

	if (queue >= vd->nqueues || !virtio_running(vd) || !q->enabled ||
	    !virtio_has(vd, VIRTIO_FEAT_RING_RESET))
		return;
	if (vd->ops->queue_reset != NULL)
		vd->ops->queue_reset(vd, queue);
	virtq_reset(q);
	q->indirect = virtio_has(vd, VIRTIO_FEAT_INDIRECT_DESC);
	q->event_idx = virtio_has(vd, VIRTIO_FEAT_EVENT_IDX);
	q->reopened = true;
}

void
virtio_notify(struct virtio_dev *vd, unsigned queue)
{
	if (virtio_running(vd) && queue < vd->nqueues && vd->queue[queue].enabled)
		vd->ops->notify(vd, queue);
}

void
virtio_publish(struct virtio_dev *vd, unsigned queue)
{
	if (virtq_publish(&vd->queue[queue]) && vd->transport != NULL)
		vd->transport->queue_interrupt(vd, queue);
}

void
virtio_config_changed(struct virtio_dev *vd)
{
	vd->config_gen++;
	if ((vd->status & VIRTIO_STATUS_DRIVER_OK) != 0 && vd->transport != NULL)
		vd->transport->config_interrupt(vd);
}

static void
stand_still(struct virtio_dev *vd)
{
	vd->status |= VIRTIO_STATUS_NEEDS_RESET;
	if (vd->started && vd->ops->broken != NULL)
		vd->ops->broken(vd);
	/* 2.1.2: the interrupt is for a driver that has set DRIVER_OK. */
	if ((vd->status & VIRTIO_STATUS_DRIVER_OK) != 0 && vd->transport != NULL)
		vd->transport->config_interrupt(vd);
}

void
virtio_needs_reset(struct virtio_dev *vd, const char *why)
{
	if ((vd->status & VIRTIO_STATUS_NEEDS_RESET) != 0)
		return;
	log_guest("%s: the driver broke a rule of virtio: %s; the device stands still until reset",
	    vd->ops->name, why);
	stand_still(vd);
}

void
virtio_failed(struct virtio_dev *vd, const char *why)
{
	if ((vd->status & VIRTIO_STATUS_NEEDS_RESET) != 0)
		return;
	log_guest("%s: %s; the device stands still until reset", vd->ops->name, why);
	stand_still(vd);
}

bool
virtio_pop(struct virtio_dev *vd, unsigned queue, struct vq_chain *c)
{
	int rc;

	if (!virtio_running(vd))
		return (false);
	if ((rc = virtq_pop(&vd->queue[queue], c)) < 0)
		virtio_needs_reset(vd, vd->queue[queue].broken);
	return (rc > 0);
}

bool
virtio_another_round(struct virtio_dev *vd, unsigned queue, unsigned round)
{
	if (!virtio_running(vd) || !virtq_kick_on(&vd->queue[queue]))
		return (false);
	if (round + 1 < VIRTIO_ROUNDS || vd->transport == NULL)
		return (true);
	return (!vd->transport->again(vd, queue));
}
