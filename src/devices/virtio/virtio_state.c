/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of a virtio function (state.h): queues, device, PCI transport. The lists say what is
 * saved; the checks behind them, what must hold between fields for a driver to have been able to
 * bring it about. Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/state.h"
#include "devices/virtio/virtio_pci.h"

#define STATUS_ALL                                                                    \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK | \
	    VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED)

/*
 * Of the three indices one is saved: what was taken behind it comes again. What the features say
 * follows from them, and why a queue is broken need not be known: the device stands still.
 */
#define VIRTQ_STATE(F, T)                 \
	F(T, gm, OWN, 0)                  \
	F(T, size_max, SAME, STATE_ANY)   \
	F(T, size, SAVED, STATE_ANY)      \
	F(T, enabled, SAVED, 1)           \
	F(T, reopened, SAVED, 1)          \
	F(T, indirect, OWN, 0)            \
	F(T, event_idx, OWN, 0)           \
	F(T, broken, OWN, 0)              \
	F(T, desc, SAVED, STATE_ANY)      \
	F(T, avail, SAVED, STATE_ANY)     \
	F(T, used, SAVED, STATE_ANY)      \
	F(T, desc_p, OWN, 0)              \
	F(T, avail_p, OWN, 0)             \
	F(T, used_p, OWN, 0)              \
	F(T, last_avail, OWN, 0)          \
	F(T, used_idx, OWN, 0)            \
	F(T, published, SAVED, STATE_ANY) \
	F(T, inflight, OWN, 0)            \
	F(T, inflight_map, OWN, 0)        \
	F(T, track, OWN, 0)
STATE_TYPE(virtq_type, struct virtq, VIRTQ_STATE, "virtq", 1);

#define DEV_STATE(F, T)                    \
	F(T, ops, OWN, 0)                  \
	F(T, softc, OWN, 0)                \
	F(T, transport, OWN, 0)            \
	F(T, transport_arg, OWN, 0)        \
	F(T, gm, OWN, 0)                   \
	F(T, offered, SAME, STATE_ANY)     \
	F(T, proposed, SAVED, STATE_ANY)   \
	F(T, features, SAVED, STATE_ANY)   \
	F(T, status, SAVED, STATUS_ALL)    \
	F(T, started, OWN, 0)              \
	F(T, resetting, OWN, 0)            \
	F(T, config, OWN, 0)               \
	F(T, config_len, SAME, STATE_ANY)  \
	F(T, config_gen, SAVED, STATE_ANY) \
	F(T, no_msix, SAME, 1)             \
	F(T, queue, OWN, 0)                \
	F(T, nqueues, SAME, STATE_ANY)
STATE_TYPE(dev_type, struct virtio_dev, DEV_STATE, "virtio", 1);

#define TRANSPORT_STATE(F, T)                 \
	F(T, pci, OWNS, 0)                    \
	F(T, vd, OWN, 0)                      \
	F(T, hooks, OWN, 0)                   \
	F(T, hooks_ctx, OWN, 0)               \
	F(T, dfeature_sel, SAVED, STATE_ANY)  \
	F(T, gfeature_sel, SAVED, STATE_ANY)  \
	F(T, queue_sel, SAVED, STATE_ANY)     \
	F(T, config_vector, SAVED, STATE_ANY) \
	F(T, queue_vector, ARRAY, STATE_ANY)  \
	F(T, isr, SAVED, 3)                   \
	F(T, window_cap, SAME, STATE_ANY)     \
	F(T, gpa, OWN, 0)
STATE_TYPE(transport_type, struct virtio_pci, TRANSPORT_STATE, "virtio-pci", 1);

/* --- queues --- */

int
virtq_state(struct virtq *q, unsigned n, struct state *st)
{
	for (unsigned i = 0; i < n; i++)
		if (q[i].track != NULL)
			return (state_refuse(
			    st, ENOTSUP, "the requests of queue %u are remembered elsewhere", i));
	state_structs(st, &virtq_type, q, n);
	for (unsigned i = 0; i < n && st->rc == 0 && st->loading; i++) {
		bool enabled = q[i].enabled;

		q[i].enabled = false;
		q[i].last_avail = q[i].used_idx = q[i].published;
		if (enabled && virtq_enable(&q[i]) < 0)
			state_refuse(st, EINVAL, "queue %u: %s", i, q[i].broken);
	}
	return (st->rc);
}

/* --- the device --- */

/* Could a driver have brought the device here? */
static int
check_device(const struct virtio_dev *vd, struct state *st)
{
	uint8_t status = vd->status;

	if ((status & ~STATUS_ALL) != 0)
		return (state_refuse(st, EINVAL, "its status is %#x", status));
	if ((status & VIRTIO_STATUS_FEATURES_OK) == 0) {
		if (vd->features != 0 || (status & VIRTIO_STATUS_DRIVER_OK) != 0)
			return (
			    state_refuse(st, EINVAL, "features are in use that were not accepted"));
		return (0);
	}
	if ((vd->features & VIRTIO_FEAT_VERSION_1) == 0 || (vd->features & ~vd->offered) != 0)
		return (state_refuse(st, EINVAL, "features are in use that are not offered"));
	return (0);
}

static int
check_queues(const struct virtio_dev *vd, struct state *st)
{
	for (unsigned i = 0; i < vd->nqueues; i++) {
		const struct virtq *q = &vd->queue[i];

		if (q->reopened &&
		    (!virtio_has(vd, VIRTIO_FEAT_RING_RESET) ||
			(vd->status & VIRTIO_STATUS_DRIVER_OK) == 0))
			return (state_refuse(st, EINVAL, "queue %u cannot have been reset", i));
	}
	return (0);
}

/* The device is to be as if the driver had just done all that it has done. */
static int
bring_up(struct virtio_dev *vd, struct state *st)
{
	if (check_device(vd, st) < 0 || check_queues(vd, st) < 0)
		return (st->rc);
	if (vd->features != 0 && vd->ops->negotiate != NULL &&
	    vd->ops->negotiate(vd, vd->features) < 0)
		return (state_refuse(st, EINVAL, "features are in use that do not go together"));
	for (unsigned i = 0; i < vd->nqueues; i++) {
		vd->queue[i].indirect = virtio_has(vd, VIRTIO_FEAT_INDIRECT_DESC);
		vd->queue[i].event_idx = virtio_has(vd, VIRTIO_FEAT_EVENT_IDX);
	}
	if ((vd->status & VIRTIO_STATUS_DRIVER_OK) == 0)
		return (0);
	vd->started = true;
	if (vd->ops->start != NULL)
		vd->ops->start(vd);
	if ((vd->status & VIRTIO_STATUS_NEEDS_RESET) != 0 && vd->ops->broken != NULL)
		vd->ops->broken(vd);
	return (0);
}

int
virtio_state(struct virtio_dev *vd, struct state *st)
{
	if (vd->ops->state == NULL)
		return (state_refuse(st, ENOTSUP, "this kind of device keeps it elsewhere"));
	if (vd->resetting)
		return (state_refuse(st, EBUSY, "it is being reset"));
	if (st->loading && vd->status != 0)
		return (state_refuse(st, EBUSY, "it is in use"));
	state_struct(st, &dev_type, vd);
	virtq_state(vd->queue, vd->nqueues, st);
	if (st->rc != 0)
		return (st->rc);
	if (st->loading && bring_up(vd, st) < 0)
		return (st->rc);
	return (vd->ops->state(vd, st));
}

void
virtio_resume(struct virtio_dev *vd)
{
	for (unsigned i = 0; i < vd->nqueues; i++)
		virtio_notify(vd, i);
}

/* --- the PCI function --- */

static bool
vector_ok(const struct virtio_pci *vp, uint16_t vector)
{
	return (vector == VIRTIO_MSI_NO_VECTOR || vector < vp->pci.msix.nvec);
}

static int
check_vectors(const struct virtio_pci *vp, struct state *st)
{
	if (!vector_ok(vp, vp->config_vector))
		return (state_refuse(st, EINVAL, "a vector that is not there for configuration"));
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		if (!vector_ok(vp, vp->queue_vector[i]))
			return (
			    state_refuse(st, EINVAL, "a vector that is not there for queue %u", i));
	return (0);
}

int
virtio_pci_state(struct virtio_pci *vp, struct state *st)
{
	state_struct(st, &transport_type, vp);
	if (st->rc == 0 && st->loading && check_vectors(vp, st) < 0)
		return (st->rc);
	/* Vectors and queues before the hooks of either look at them. */
	pci_dev_state(&vp->pci, st);
	virtio_state(vp->vd, st);
	for (unsigned i = 0; i < vp->vd->nqueues && st->rc == 0 && st->loading; i++)
		if (vp->hooks != NULL && vp->hooks->irq_moved != NULL)
			vp->hooks->irq_moved(vp->hooks_ctx, vp, i);
	return (st->rc);
}

void
virtio_pci_resume(struct virtio_pci *vp)
{
	if (pci_bus_master(&vp->pci))
		virtio_resume(vp->vd);
}
