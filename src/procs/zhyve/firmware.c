/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The boot ROM in the machine: see firmware.h. Refuses what cannot be a ROM; says when a ROM will
 * not find the chipset that the known ones look for. Runs in zhyve's main thread before any guest
 * code; what it makes stays until the process ends.
 */
#include "procs/zhyve/firmware.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "devices/pci_regs.h"
#include "procs/zhyve/files.h"
#include "procs/zhyve/machine.h"

#define HOST_BRIDGE PCI_BDF(0, 0, 0)
#define I440FX      0x12378086u /* device and vendor */

/* Both are asked for, so that neither counts as one without effect. */
static const char *
rom_variable(struct machine *m, const char *name, const char *alias)
{
	return (config_text(m->config, name, config_get(m->config, alias)));
}

const char *
firmware_rom(struct machine *m)
{
	return (rom_variable(m, "bootrom", "lpc.bootrom"));
}

int
firmware_open(struct machine *m, struct err *e)
{
	const char *rom = firmware_rom(m);
	const char *vars = rom_variable(m, "bootvars", "lpc.bootvars");
	const char *kind = config_text(m->config, "lpc.fwcfg", NULL);
	bool user = config_find(m->config, "fwcfg") != NULL;
	struct firmware *fw;
	int rc;

	if (kind != NULL && strcmp(kind, "qemu") != 0)
		return (err_say(e, ENOTSUP,
		    "fwcfg '%s' is not supported: only 'qemu' is, which is what OVMF and SeaBIOS "
		    "speak",
		    kind));
	if (rom == NULL && vars != NULL)
		return (
		    err_say(e, EINVAL, "a variable store (bootvars) is given, but no boot ROM"));
	if (rom == NULL && kind == NULL && !user)
		return (0);
	if ((fw = calloc(1, sizeof(*fw))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the firmware devices"));
	fw->rom_file.fd = fw->vars_file.fd = -1;
	m->firmware = fw;
	if (rom == NULL)
		return (0);
	fw->rom_given = true;
	if ((rc = file_take(&fw->rom_file, "boot ROM", rom, O_RDONLY, e)) != 0)
		return (rc);
	if (vars != NULL)
		return (file_take(&fw->vars_file, "variable store", vars, O_RDWR, e));
	return (0);
}

bool
firmware_has_rom(const struct machine *m)
{
	return (m->firmware != NULL && m->firmware->rom_given);
}

int
firmware_create(struct machine *m, struct err *e)
{
	struct firmware *fw = m->firmware;
	struct bus_region r = { FWCFG_PORT_BASE, FWCFG_PORT_LEN, &fwcfg_ops, NULL, NULL, "fw_cfg" };

	if (fw == NULL)
		return (0);
	(void)pthread_mutex_init(&fw->lock.mutex, NULL);
	fwcfg_init(&fw->fwcfg, &m->gm);
	r.dev = &fw->fwcfg;
	r.lock = &fw->lock;
	return (machine_place(m, true, &r, e));
}

int
fwcfg_bootorder(struct machine *m, struct config_node *cfg, unsigned bdf, enum bootorder_kind kind,
    unsigned unit, struct err *e)
{
	uint32_t index;
	int rc;

	if (config_get(cfg, "bootindex") == NULL)
		return (0);
	if ((rc = config_number(cfg, "bootindex", 0, UINT32_MAX, 0, &index, e)) != 0)
		return (rc);
	if (m->firmware == NULL)
		return (0);
	if ((rc = bootorder_add(&m->firmware->order, index, kind, bdf, unit)) == -EEXIST)
		return (err_say(e, EEXIST, "bootindex %u is another device's already", index));
	return (rc == 0 ? 0 : err_set(e, -rc, "bootindex %u", index));
}

int
fwcfg_file(struct machine *m, const char *name, const void *data, uint32_t len, struct err *e)
{
	int rc;

	if (m->firmware == NULL || (rc = fwcfg_add_file(&m->firmware->fwcfg, name, data, len)) == 0)
		return (0);
	if (rc == -EEXIST)
		return (err_say(e, EEXIST, "fw_cfg has a file '%s' already", name));
	if (rc == -EINVAL)
		return (err_say(e, EINVAL,
		    "'%s' cannot be the name of a file in fw_cfg: 1 to %d bytes can", name,
		    FWCFG_NAME_MAX - 1));
	return (
	    err_say(e, -rc, "no room for '%s' in fw_cfg: it has %d files", name, FWCFG_FILES_MAX));
}

/*
 * PIIX4's power management twice: OVMF looks for it at 0:1.3, where nobody finds it who enumerates
 * the bus unless slot 1 has a function 0; SeaBIOS enumerates, so it is beside the ISA bridge as
 * well, which is where it is in the chip.
 */
static int
add_pm(struct machine *m, struct err *e)
{
	struct firmware *fw = m->firmware;
	const struct pci_dev *isa = legacy_isa_bridge(m);
	unsigned beside = PCI_BDF(0, isa->bdf >> 3 & 31, 3);
	int rc;

	if (pci_find(m->pci, PIIX4_PM_BDF) != NULL)
		return (err_say(e, EEXIST,
		    "PCI slot 0:1:3 must be free: boot ROMs look for power management there"));
	piix4_pm_init(&fw->pm, m->pm_base);
	if ((rc = pci_attach(m->pci, &fw->pm.pci, e)) != 0)
		return (rc);
	if (isa->bus == NULL || pci_find(m->pci, beside) != NULL)
		return (0);
	piix4_pm_init(&fw->pm_seen, m->pm_base);
	fw->pm_seen.pci.bdf = beside;
	return (pci_attach(m->pci, &fw->pm_seen.pci, e));
}

/* What SeaBIOS and OVMF insist on. */
static int
add_chipset(struct machine *m, struct err *e)
{
	struct pci_dev *bridge = pci_find(m->pci, HOST_BRIDGE);

	if (bridge == NULL || le32_get(&bridge->cfg[PCIR_VENDOR]) != I440FX) {
		log_warn("%s: without -s 0,hostbridge,model=i440fx the boot ROMs SeaBIOS and OVMF "
			 "do not start",
		    m->name);
		return (0);
	}
	return (add_pm(m, e));
}

static int
load_rom(struct machine *m, struct err *e)
{
	struct firmware *fw = m->firmware;
	int rc;

	if ((rc = boot_rom_load(&fw->rom, &fw->rom_file, &fw->vars_file, e)) != 0 ||
	    (rc = fw_flash_create(m, e)) != 0 || (rc = boot_rom_map(&fw->rom, &m->vm, e)) != 0)
		return (rc);
	(void)close(fw->rom_file.fd);
	fw->rom_file.fd = -1;
	for (unsigned i = 0; i < m->vcpus.n; i++) {
		if ((rc = boot_rom_reset_vcpu(m->vcpus.cpu[i].fd, e)) != 0)
			return (rc);
	}
	return (0);
}

int
firmware_load(struct machine *m, struct err *e)
{
	int rc;

	if (m->firmware == NULL)
		return (0);
	if (m->firmware->rom_given &&
	    ((rc = add_chipset(m, e)) != 0 || (rc = fw_items_add(m, e)) != 0))
		return (rc);
	if ((rc = fw_items_user(m, e)) != 0)
		return (rc);
	return (m->firmware->rom_given ? load_rom(m, e) : 0);
}
