/* SPDX-License-Identifier: BSD-2-Clause */
/* Lending queues to a driver from outside: see virtio_extern.h. Runs in zhyve. */
#include "devices/virtio/virtio_extern.h"

#include <assert.h>
#include <errno.h>

static void
take_back(struct virtio_dev *vd, unsigned first, unsigned n)
{
	int kick, call;

	for (unsigned i = 0; i < n; i++)
		(void)vd->transport->lend(vd, first + i, false, &kick, &call);
}

int
virtio_extern_start(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n)
{
	struct virtio_extern_queue q[VIRTIO_EXTERN_QUEUES_MAX] = { 0 };
	int rc;

	assert(n <= VIRTIO_EXTERN_QUEUES_MAX && first + n <= vd->nqueues);
	if (vd->transport == NULL)
		return (-ENOTSUP);
	for (unsigned i = 0; i < n; i++) {
		const struct virtq *vq = &vd->queue[first + i];

		q[i] = (struct virtio_extern_queue){ .index = i,
			.size = vq->size,
			.desc = vq->desc,
			.avail = vq->avail,
			.used = vq->used };
		rc = vq->enabled
		    ? vd->transport->lend(vd, first + i, true, &q[i].kick_fd, &q[i].call_fd)
		    : -EINVAL;
		if (rc < 0) {
			take_back(vd, first, i);
			return (rc);
		}
	}
	if ((rc = x->ops->start(x, vd->features & x->features, vd->gm, q, n)) < 0)
		take_back(vd, first, n);
	return (rc);
}

void
virtio_extern_stop(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n)
{
	x->ops->stop(x);
	take_back(vd, first, n);
}
