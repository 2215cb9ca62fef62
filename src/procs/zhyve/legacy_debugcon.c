/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * -l debugcon: QEMU's debug console, a port to which SeaBIOS (and OVMF, where it was built to)
 * write what they do, and which reads as 0xE9. For developers: bytes that the other side does not
 * take at once are lost. Only with a boot ROM: else ACPI's PM block is at that port. Built in
 * zhyve's main thread before any guest code.
 */
#include <errno.h>
#include <stdlib.h>

#include "backend/chardev.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

#define DEBUGCON_PORT  0x402
#define DEBUGCON_READS 0xE9

struct debugcon {
	struct lock lock;
	struct chardev *chardev;
};

static uint64_t
debugcon_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)off;
	(void)size;
	return (DEBUGCON_READS);
}

static void
debugcon_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct debugcon *d = dev;
	uint8_t byte = (uint8_t)val;

	(void)off;
	(void)size;
	(void)d->chardev->ops->write(d->chardev, &byte, 1);
}

static void
nothing_read(void *dev, const uint8_t *buf, size_t len)
{
	(void)dev;
	(void)buf;
	(void)len;
}

static void
nothing_waits(void *dev)
{
	(void)dev;
}

int
legacy_debugcon(struct machine *m, struct err *e)
{
	static const struct bus_ops ops = { debugcon_read, debugcon_write };
	const char *conf = config_get(m->config, "lpc.debugcon.path");
	struct bus_region r = { DEBUGCON_PORT, 1, &ops, NULL, NULL, "debugcon" };
	struct debugcon *d;

	if (conf == NULL)
		return (0);
	if (!firmware_has_rom(m))
		return (err_say(e, EINVAL,
		    "debugcon is for boot ROMs (-l bootrom,FILE): its port is taken without one"));
	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (err_set(e, ENOMEM, "cannot make debugcon"));
	(void)pthread_mutex_init(&d->lock.mutex, NULL);
	if (chardev_open(&d->chardev, conf, m->loop, &d->lock, e) != 0)
		return (
		    err_ctx(e, "Unable to initialize backend '%s' for LPC device debugcon", conf));
	d->chardev->rx = nothing_read;
	d->chardev->writable = nothing_waits;
	d->chardev->dev = d;
	r.dev = d;
	r.lock = &d->lock;
	return (machine_place(m, true, &r, e));
}
