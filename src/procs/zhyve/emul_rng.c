/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-rnd: the entropy device. Runs in zhyve while the machine is built. */
#include <errno.h>
#include <stdlib.h>

#include "backend/rng.h"
#include "devices/virtio/rng.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/virtio_glue.h"

struct rng_emul {
	struct virtio_rng rng;
	struct virtio_glue glue;
};

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct rng_emul *r = calloc(1, sizeof(*r));
	int rc;

	(void)cfg;
	if (r == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = virtio_rng_init(&r->rng, &m->gm, backend_rng_fill, NULL)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	virtio_glue_init(&r->glue, m);
	return (virtio_glue_attach(&r->glue, &r->rng.vd, bdf, e));
}

static const struct vmm_emul virtio_rnd = {
	.name = "virtio-rnd",
	.help = "no options",
	.init = init,
};
ZHYVE_EMUL(virtio_rnd);
