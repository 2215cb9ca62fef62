/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostbridge, amd_hostbridge and lpc: the bridges of a PC. Run in zhyve while the machine is
 * built.
 */
#include <errno.h>
#include <stdlib.h>

#include "devices/hostbridge.h"
#include "procs/zhyve/emul.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

static int
attach_hostbridge(struct machine *m, uint16_t vendor, uint16_t device, unsigned bdf, struct err *e)
{
	struct hostbridge *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return (err_set(e, ENOMEM, "cannot make the device"));
	hostbridge_init(h, vendor, device);
	h->pci.bdf = bdf;
	return (pci_attach(m->pci, &h->pci, e));
}

static int
init_hostbridge(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	const char *model = config_get(cfg, "model");
	uint16_t vendor, device;
	uint32_t v, d;
	int rc;

	if (model == NULL && firmware_has_rom(m))
		model = "i440fx"; /* the one that boot ROMs know */
	if (!hostbridge_model(model, &vendor, &device))
		return (err_say(
		    e, EINVAL, "unknown model '%s': known are %s", model, hostbridge_models));
	if ((rc = config_number(cfg, "vendor", 0, 0xffff, vendor, &v, e)) != 0 ||
	    (rc = config_number(cfg, "devid", 0, 0xffff, device, &d, e)) != 0 ||
	    (rc = config_number(cfg, "pcireg.vendor", 0, 0xffff, v, &v, e)) != 0 ||
	    (rc = config_number(cfg, "pcireg.device", 0, 0xffff, d, &d, e)) != 0)
		return (rc);
	return (attach_hostbridge(m, (uint16_t)v, (uint16_t)d, bdf, e));
}

static int
init_amd(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	uint16_t vendor, device;

	(void)cfg;
	(void)hostbridge_model("amd", &vendor, &device);
	return (attach_hostbridge(m, vendor, device, bdf, e));
}

static int
init_lpc(struct machine *m, struct config_node *cfg, unsigned bdf, struct err *e)
{
	struct pci_dev *d = legacy_isa_bridge(m);

	(void)cfg;
	if (bdf >> 8 != 0)
		return (err_say(e, EINVAL, "LPC bridge can be present only on bus 0."));
	if (d->bus != NULL)
		return (err_say(e, EEXIST, "Only one LPC bridge is allowed."));
	d->bdf = bdf;
	return (pci_attach(m->pci, d, e));
}

static const struct vmm_emul hostbridge = {
	.name = "hostbridge",
	.help = "model=netapp|amd|i440fx|q35, vendor=, devid=",
	.init = init_hostbridge,
};
static const struct vmm_emul amd_hostbridge = {
	.name = "amd_hostbridge",
	.help = "no options",
	.init = init_amd,
};
static const struct vmm_emul lpc = {
	.name = "lpc",
	.help = "no options",
	.init = init_lpc,
};
ZHYVE_EMUL(hostbridge);
ZHYVE_EMUL(amd_hostbridge);
ZHYVE_EMUL(lpc);
