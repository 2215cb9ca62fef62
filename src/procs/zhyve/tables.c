/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS and ACPI from the configuration: what the firmware of a PC would leave in memory. Runs
 * in zhyve's main thread before any guest code, after every device is in its slot.
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/checked.h"
#include "base/hash.h"
#include "base/parse.h"
#include "devices/acpi.h"
#include "devices/smbios.h"
#include "procs/zhyve/machine.h"

/* bhyve's older names of the same strings; used where the newer one is not set. */
static const struct {
	const char *old, *variable;
} old_names[] = {
	{ "smbios.manufacturer", "system.manufacturer" },
	{ "smbios.family", "system.family_name" },
	{ "smbios.product", "system.product_name" },
	{ "smbios.serial", "system.serial_number" },
	{ "smbios.sku", "system.sku" },
	{ "smbios.version", "system.version" },
};

/*
 * Without -U: a UUID that the same machine on the same host gets again, of version 8 (RFC 9562,
 * 5.8: our own making).
 */
static void
derive_uuid(const char *name, uint8_t uuid[16])
{
	struct utsname host = { 0 };
	uint64_t a, b;

	(void)uname(&host);
	a = hash_text(hash_text(HASH_INIT, name), host.nodename);
	b = hash_text(hash_text(a, host.nodename), name);
	memcpy(uuid, &a, 8);
	memcpy(uuid + 8, &b, 8);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static int
smbios_from(struct machine *m, struct smbios_config *c, struct err *e)
{
	const char *uuid = config_text(m->config, "uuid", config_get(m->config, "smbios.uuid"));

	*c = (struct smbios_config){
		.sockets = m->cpu.topo.sockets,
		.cores = m->cpu.topo.cores,
		.threads = m->cpu.topo.threads,
		.lowmem = m->gm.range[0].len,
		.highmem = m->gm.nranges > 1 ? m->gm.range[1].len : 0,
	};
	for (size_t i = 0; i < SMBIOS_STRINGS; i++)
		c->string[i] = config_get(m->config, smbios_vars[i].variable);
	for (size_t i = 0; i < NITEMS(old_names); i++) {
		int at = smbios_find_variable(old_names[i].variable);

		if (at >= 0 && c->string[at] == NULL)
			c->string[at] = config_get(m->config, old_names[i].old);
	}
	if (uuid == NULL)
		derive_uuid(m->name, c->uuid);
	else if (parse_uuid(uuid, c->uuid) != 0)
		return (err_say(e, EINVAL, "invalid UUID '%s'", uuid));
	return (0);
}

static struct acpi_config
acpi_from(struct machine *m)
{
	const struct pci_dev *isa = legacy_isa_bridge(m);

	return ((struct acpi_config){
	    .ncpus = m->vcpus.n,
	    .apic_id = m->apic_id,
	    .mem32_base = m->mem32_base,
	    .mem32_end = m->mem32_end,
	    .mem64_base = m->mem64_base,
	    .mem64_end = m->mem64_end,
	    .lpc_bdf = isa->bus != NULL ? isa->bdf : ACPI_NO_LPC,
	    .hpet = m->hpet,
	    .no_pic = m->vm_config.irqchip == VM_IRQCHIP_SPLIT,
	    .spcr = config_get(m->config, "lpc.com1.path") != NULL,
	    .pm_base = m->pm_base,
	    .fwcfg = m->firmware != NULL,
	    .tpm = m->tpm,
	    .i8042 = m->i8042,
	});
}

int
tables_write(struct machine *m, struct acpi_place *out, struct err *e)
{
	struct acpi_config acpi = acpi_from(m);
	struct smbios_config smbios;

	if (smbios_from(m, &smbios, e) != 0 || smbios_write(&m->gm, &smbios, e) != 0)
		return (err_ctx(e, "SMBIOS"));
	return (acpi_write(&m->gm, &acpi, out, e));
}

int
tables_files(struct machine *m, struct acpi_files *acpi, struct smbios_files *smbios,
    uint8_t uuid[16], struct err *e)
{
	struct acpi_config ac = acpi_from(m);
	struct smbios_config sc;

	if (smbios_from(m, &sc, e) != 0 || smbios_files(&sc, smbios, e) != 0)
		return (err_ctx(e, "SMBIOS"));
	memcpy(uuid, sc.uuid, sizeof(sc.uuid));
	return (acpi_files(&ac, acpi, e));
}
