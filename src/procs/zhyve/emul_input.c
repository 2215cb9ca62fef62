/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio-input: a keyboard or a tablet. Runs in zhyve while the machine is built. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/input.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/virtio_glue.h"

struct input_emul {
	struct virtio_input in;
	struct virtio_glue glue;
	struct input_sink sink;
};

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *path = config_text(cfg, "path", "");
	enum virtio_input_kind kind = VIRTIO_INPUT_TABLET;
	struct input_emul *d;
	int rc;

	if (strcmp(path, "keyboard") == 0)
		kind = VIRTIO_INPUT_KEYBOARD;
	else if (strcmp(path, "tablet") != 0)
		return (err_say(e, EINVAL,
		    "'%s' is neither keyboard nor tablet (devices of the host cannot be passed "
		    "through)",
		    path));
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	if ((rc = virtio_input_init(&d->in, &m->gm, kind)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	virtio_glue_init(&d->glue, m);
	virtio_input_sink(&d->in, &d->sink);
	d->sink.lock = &d->glue.lock;
	if ((rc = input_add(&m->input, &d->sink)) != 0)
		return (err_set(e, -rc, "too many input devices"));
	return (virtio_glue_attach(&d->glue, &d->in.vd, bdf, e));
}

static const struct vmm_emul virtio_input = {
	.name = "virtio-input",
	.first = "path",
	.help = "keyboard or tablet",
	.init = init,
};
ZHYVE_EMUL(virtio_input);
