/* SPDX-License-Identifier: BSD-2-Clause */
/* Lending queues to a driver from outside: see virtio_extern.h. Runs in zhyve. */
#include "devices/virtio/virtio_extern.h"

#include <assert.h>
#include <errno.h>

static void
take_back(struct virtio_dev *vd, unsigned first, const struct virtio_extern_queue *q, unsigned n)
{
	int kick, call;

	for (unsigned i = 0; i < n; i++)
		(void)vd->transport->lend(vd, first + q[i].index, false, &kick, &call);
}

int
virtio_extern_start(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n)
{
	struct virtio_extern_queue q[VIRTIO_EXTERN_QUEUES_MAX] = { 0 };
	unsigned lent = 0;
	int rc = 0;

	assert(n <= VIRTIO_EXTERN_QUEUES_MAX && first + n <= vd->nqueues);
	if (vd->transport == NULL)
		return (-ENOTSUP);
	for (unsigned i = 0; i < n && rc == 0; i++) {
		const struct virtq *vq = &vd->queue[first + i];
		struct virtio_extern_queue *to = &q[lent];

		if (!vq->enabled) {
			rc = x->some ? 0 : -EINVAL;
			continue;
		}
		*to = (struct virtio_extern_queue){ .index = i,
			.size = vq->size,
			.desc = vq->desc,
			.avail = vq->avail,
			.used = vq->used };
		rc = vd->transport->lend(vd, first + i, true, &to->kick_fd, &to->call_fd);
		lent += rc == 0;
	}
	if (rc == 0)
		rc = x->ops->start(x, vd->features & x->features, vd->gm, q, lent);
	if (rc < 0)
		take_back(vd, first, q, lent);
	return (rc);
}

void
virtio_extern_stop(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n)
{
	int kick, call;

	x->ops->stop(x);
	for (unsigned i = 0; i < n; i++)
		(void)vd->transport->lend(vd, first + i, false, &kick, &call);
}
