/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: a nic on a tap for guests without virtio. Runs in zhyve while the machine is built.
 *
 * Options: the tap first (a name or fd:N; also vnic=), then mac=, bootindex=. Frames are moved by
 * the event loop: a vCPU that writes a register does not wait for the link.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backend/tap.h"
#include "devices/e1000.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/net_options.h"
#include "procs/zhyve/nics.h"

struct e1000_emul {
	struct e1000 nic;
	struct nic entry;
	struct lock lock;
	int bell;
};

static void
on_bell(int fd, enum mevent_type type, void *arg)
{
	struct e1000_emul *n = arg;
	uint64_t times;

	(void)type;
	if (read(fd, &times, sizeof(times)) != (ssize_t)sizeof(times))
		return;
	lock_take(&n->lock);
	e1000_run(&n->nic);
	lock_drop(&n->lock);
}

static void
kick(void *ctx)
{
	struct e1000_emul *n = ctx;
	uint64_t one = 1;

	(void)!write(n->bell, &one, sizeof(one));
}

static void
set_link(void *dev, bool up)
{
	e1000_link(dev, up);
}

static int
init(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *vnic = config_get(cfg, "vnic");
	struct net_backend *tap;
	struct e1000_emul *n;
	int rc;

	if (vnic == NULL)
		return (err_say(e, EINVAL, "no vnic is given, as in -s 4,e1000,tap0"));
	if ((n = calloc(1, sizeof(*n))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	(void)pthread_mutex_init(&n->lock.mutex, NULL);
	if ((n->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0 ||
	    mevent_add(m->loop, n->bell, EVF_READ, on_bell, n) == NULL)
		return (err_set(e, errno, "cannot make a doorbell"));
	if ((rc = tap_open(&tap, vnic, m->loop, &n->lock, e)) != 0 ||
	    (rc = net_mac(m, cfg, bdf, tap->mac, e)) != 0 ||
	    (rc = fwcfg_bootorder(m, cfg, bdf, BOOTORDER_NET, 0, e)) != 0)
		return (rc);
	if ((rc = e1000_init(&n->nic, &m->gm, tap)) != 0)
		return (err_set(e, -rc, "cannot make the device"));
	n->nic.kick = kick;
	n->nic.kick_ctx = n;
	n->entry = (struct nic){ .lock = &n->lock, .link = set_link, .dev = &n->nic };
	memcpy(n->entry.mac, tap->mac, sizeof(n->entry.mac));
	nics_add(m, &n->entry);
	n->nic.pci.bdf = bdf;
	n->nic.pci.lock = &n->lock;
	if ((rc = net_rom(cfg, &n->nic.pci, e)) != 0)
		return (rc);
	return (pci_attach(m->pci, &n->nic.pci, e));
}

static const struct vmm_emul e1000 = {
	.name = "e1000",
	.first = "vnic",
	.help = "TAP|fd:N[,mac=M][,bootindex=N][,rom=FILE]",
	.init = init,
};
ZHYVE_EMUL(e1000);
