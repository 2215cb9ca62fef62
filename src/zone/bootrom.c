/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot ROMs by name: see bootrom.h. The one place with their paths. Tools and zoneadmd. */
#include "zone/bootrom.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

/* bhyve: where SmartOS has it (zones.md 12), so that its configurations need no change. */
static const struct {
	const char *name, *bhyve, *rom, *vars, *package;
} roms[] = {
	{ "uefi", "/usr/share/bhyve/uefi-rom.bin", "/usr/share/OVMF/OVMF_CODE_4M.fd",
	    "/usr/share/OVMF/OVMF_VARS_4M.fd", "ovmf" },
	/* SmartOS's is a UEFI with a compatibility module, and that module is SeaBIOS. */
	{ "bios", "/usr/share/bhyve/uefi-csm-rom.bin", "/usr/share/seabios/bios-256k.bin", "",
	    "seabios" },
};

/* iPXE, but where OVMF has a driver itself. */
static const struct {
	const char *emul, *bios, *uefi;
} nics[] = {
	{ "virtio-net-viona", "/usr/lib/ipxe/qemu/pxe-virtio.rom", NULL },
	{ "e1000", "/usr/lib/ipxe/qemu/pxe-e1000.rom", "/usr/lib/ipxe/qemu/efi-e1000.rom" },
};

int
bootrom_get(const char *text, struct bootrom *out, struct err *e)
{
	size_t len = strcspn(text, ",");
	const char *vars = text[len] == ',' ? text + len + 1 : "";

	*out = (struct bootrom){ .package = NULL };
	for (size_t i = 0; i < NITEMS(roms); i++) {
		if (strcmp(text, roms[i].name) != 0 && strcmp(text, roms[i].bhyve) != 0)
			continue;
		(void)snprintf(out->rom, sizeof(out->rom), "%s", roms[i].rom);
		(void)snprintf(out->vars, sizeof(out->vars), "%s", roms[i].vars);
		out->package = roms[i].package;
		return (0);
	}
	if (text[0] != '/' || (text[len] == ',' && vars[0] != '/') || strchr(vars, ',') != NULL)
		return (err_say(e, EINVAL,
		    "bootrom '%s' is neither uefi nor bios nor an absolute path (ROM[,VARS])",
		    text));
	if (len >= sizeof(out->rom) || strlen(vars) >= sizeof(out->vars))
		return (err_say(e, ENAMETOOLONG, "the path of bootrom is too long"));
	(void)snprintf(out->rom, sizeof(out->rom), "%.*s", (int)len, text);
	(void)snprintf(out->vars, sizeof(out->vars), "%s", vars);
	return (0);
}

const char *
bootrom_nic(const struct bootrom *rom, const char *emul)
{
	for (size_t i = 0; i < NITEMS(nics); i++) {
		if (strcmp(emul, nics[i].emul) == 0)
			return (rom->vars[0] == '\0' ? nics[i].bios : nics[i].uefi);
	}
	return (NULL);
}
