/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard controller with PS/2 keyboard and mouse, where the machine has a display (or
 * lpc.i8042=true): a guest without one has no use for them, and probing them costs its start time.
 * Runs in zhyve while the machine is built.
 */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "devices/i8042.h"
#include "procs/zhyve/machine.h"

struct legacy_i8042 {
	struct lock lock;
	struct i8042 ctl;
	struct input_sink keyboard, mouse;
};

/* Is there a display in some slot? */
static bool
has_display(struct config_node *at, unsigned depth)
{
	for (struct config_node *n = at == NULL ? NULL : at->child; n != NULL; n = n->next) {
		if (depth < 3 && has_display(n, depth + 1))
			return (true);
		if (depth == 3 && strcasecmp(n->name, "device") == 0 && n->value != NULL &&
		    strcasecmp(n->value, "fbuf") == 0)
			return (true);
	}
	return (false);
}

int
legacy_i8042_create(struct machine *m, struct err *e)
{
	struct irq_line kbd = machine_irq(m, I8042_IRQ_KBD), aux = machine_irq(m, I8042_IRQ_AUX);
	struct machine_ctl ctl = machine_ctl_of(m);
	struct legacy_i8042 *k;
	bool display = has_display(config_find(m->config, "pci"), 0);
	int rc;

	if ((rc = config_bool(m->config, "lpc.i8042", display, &m->i8042, e)) != 0 || !m->i8042)
		return (rc);
	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the keyboard controller"));
	(void)pthread_mutex_init(&k->lock.mutex, NULL);
	i8042_init(&k->ctl, &kbd, &aux, &ctl);
	const struct bus_region data = { I8042_PORT_DATA, 1, &i8042_data_ops, &k->ctl, &k->lock,
		"i8042 data" };
	const struct bus_region cmd = { I8042_PORT_CMD, 1, &i8042_cmd_ops, &k->ctl, &k->lock,
		"i8042 command" };
	k->keyboard = (struct input_sink){ .name = "PS/2 keyboard",
		.key = i8042_key,
		.dev = &k->ctl,
		.lock = &k->lock,
		.priority = INPUT_PRIORITY_PS2 };
	k->mouse = (struct input_sink){ .name = "PS/2 mouse",
		.pointer = i8042_pointer,
		.ready = i8042_mouse_ready,
		.dev = &k->ctl,
		.lock = &k->lock,
		.priority = INPUT_PRIORITY_PS2 };
	if ((rc = machine_place(m, true, &data, e)) != 0 ||
	    (rc = machine_place(m, true, &cmd, e)) != 0)
		return (rc);
	if ((rc = input_add(&m->input, &k->keyboard)) != 0 ||
	    (rc = input_add(&m->input, &k->mouse)) != 0)
		return (err_set(e, -rc, "cannot make the keyboard controller"));
	return (0);
}
