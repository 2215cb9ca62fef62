/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xhci: a USB host controller with a tablet and a keyboard plugged in, as asked for. Built in
 * zhyve's main thread; registers are accessed on vCPUs' threads, input comes in the event loop.
 */
#include <errno.h>
#include <stdlib.h>

#include "devices/usb_hid.h"
#include "devices/xhci.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/machine.h"

struct xhci_emul {
	struct xhci x;
	struct lock lock;
	struct dev_timer timer;
	struct usb_hid hid[2]; /* by enum usb_hid_kind */
	struct input_sink sink[2];
};

static int
plug(struct machine *m, struct xhci_emul *u, enum usb_hid_kind kind, struct err *e)
{
	int rc;

	usb_hid_init(&u->hid[kind], kind);
	usb_hid_sink(&u->hid[kind], &u->sink[kind]);
	u->sink[kind].lock = &u->lock;
	if ((rc = xhci_plug(&u->x, &u->hid[kind].usb)) != 0 ||
	    (rc = input_add(&m->input, &u->sink[kind])) != 0)
		return (err_set(e, -rc, "cannot plug in the %s", u->sink[kind].name));
	return (0);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	static const char *const words[] = {
		[USB_HID_TABLET] = "tablet",
		[USB_HID_KEYBOARD] = "keyboard",
	};
	struct xhci_emul *u = calloc(1, sizeof(*u));
	bool wanted;
	int rc;

	if (u == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	(void)pthread_mutex_init(&u->lock.mutex, NULL);
	if ((rc = machine_timer(m, &u->timer, &u->lock, e)) != 0)
		return (rc);
	if ((rc = xhci_init(&u->x, &m->gm, &m->clock, &u->timer)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	for (enum usb_hid_kind k = USB_HID_TABLET; k <= USB_HID_KEYBOARD; k++) {
		if ((rc = config_bool(cfg, words[k], false, &wanted, e)) != 0 ||
		    (wanted && (rc = plug(m, u, k, e)) != 0))
			return (rc);
	}
	u->x.pci.bdf = bdf;
	u->x.pci.lock = &u->lock;
	return (pci_attach(m->pci, &u->x.pci, e));
}

static const struct vmm_emul xhci = {
	.name = "xhci",
	.help = "tablet, keyboard",
	.init = init,
};
ZHYVE_EMUL(xhci);
