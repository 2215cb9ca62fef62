/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine runs first: kernel, initrd, command line. Runs in zhyve's main thread before
 * any guest code; the files are opened in stage 2 and closed when they have been loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "devices/acpi.h"
#include "procs/zhyve/files.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

int
kernel_open(struct machine *m, struct err *e)
{
	const char *kernel = config_get(m->config, "boot.kernel");
	const char *initrd = config_get(m->config, "boot.initrd");
	int rc;

	m->kernel.fd = m->initrd.fd = -1;
	if (kernel == NULL && firmware_has_rom(m))
		return (0);
	if (kernel == NULL)
		return (err_say(e, EINVAL,
		    "virtual machine cannot be booted: neither boot ROM (-l bootrom,FILE) nor "
		    "kernel (-l kernel,FILE) is given"));
	if ((rc = file_take(&m->kernel, "kernel", kernel, O_RDONLY, e)) != 0 || initrd == NULL)
		return (rc);
	return (file_take(&m->initrd, "initrd", initrd, O_RDONLY, e));
}

int
kernel_load(struct machine *m, struct err *e)
{
	struct boot_request rq = {
		.gm = &m->gm,
		.kernel = m->kernel,
		.initrd = m->initrd,
		.cmdline = config_text(m->config, "boot.cmdline", ""),
	};
	struct acpi_place acpi;
	int rc;

	if ((rc = tables_write(m, &acpi, e)) != 0)
		return (rc);
	rq.rsdp = acpi.rsdp;
	rq.low_end = acpi.ram_len != 0 ? acpi.ram_base : 0;
	if ((rc = boot_load(&rq, &m->entry, e)) != 0)
		return (rc);
	(void)close(m->kernel.fd);
	if (m->initrd.fd >= 0)
		(void)close(m->initrd.fd);
	m->kernel.fd = m->initrd.fd = -1;
	return (boot_set_registers(m->vcpus.cpu[0].fd, &m->entry, e));
}
