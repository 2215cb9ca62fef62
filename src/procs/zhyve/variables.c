/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of configuration variables: see variables.h. Runs in zhyve. */
#include "procs/zhyve/variables.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

/* Read somewhere, and what they are when not set. The others have no default, or one that is made. */
static const struct {
	const char *name, *def;
} defaults[] = {
	{ "cpu.model", "host" },
	{ "hpet", "false" },
	{ "memory.guest_in_core", "false" },
	{ "memory.size", "256M" },
	{ "memory.wired", "false" },
	{ "pci.enable_bars", "true" },
	{ "rtc.use_localtime", "true" },
	{ "suspend_at_boot", "false" },
	{ "x86.nested", "false" },
	{ "x86.strictio", "false" },
	{ "x86.strictmsr", "true" },
	{ "x86.x2apic", "true" },
};

/*
 * Of bhyve's, and without effect: it is always so, or there is nothing of the kind here. The manual
 * page says which.
 */
static const char *const no_effect[] = {
	"acpi_tables",
	"acpi_tables_in_memory",
	"destroy_on_poweroff",
	"e820.debug",
	"keyboard.layout",
	"memory.use_reservoir",
	"privileges.debug",
	"rfb.debug",
	"viona.debug",
	"virtio.legacy",
	"virtio.net.debug",
	"x86.mptable",
	"x86.vmexit_on_hlt",
	"x86.vmexit_on_pause",
	"xhci.debug",
};

/* Booleans that can have one value only. */
static const struct {
	const char *name;
	bool value;
	const char *why;
} fixed[] = {
	{ "virtio.modern", true,
	    "virtio.modern=false is not supported: devices are those of virtio 1.2, for drivers of "
	    "the "
	    "last ten years" },
};

int
variables_check(struct config_node *root, struct err *e)
{
	bool v;
	int rc;

	for (size_t i = 0; i < NITEMS(fixed); i++) {
		if ((rc = config_bool(root, fixed[i].name, fixed[i].value, &v, e)) != 0)
			return (rc);
		if (v != fixed[i].value)
			return (err_say(e, ENOTSUP, "%s", fixed[i].why));
	}
	return (0);
}

void
variables_default(struct config_node *root)
{
	for (size_t i = 0; i < NITEMS(defaults); i++) {
		if (config_get(root, defaults[i].name) == NULL)
			(void)config_set(root, defaults[i].name, defaults[i].def);
	}
}

/* As in bhyve no error, but nobody should wonder why it does nothing. */
static void
warn(struct config_node *node)
{
	char buf[CONFIG_NAME_MAX];
	const char *name = config_path(node, buf);

	for (size_t i = 0; i < NITEMS(no_effect); i++) {
		if (strcmp(no_effect[i], name) == 0)
			return;
	}
	log_warn("option '%s' is not known or has no effect here (see -s help, -l help)", name);
}

void
variables_warn(struct config_node *root)
{
	config_unasked(root, warn);
}
