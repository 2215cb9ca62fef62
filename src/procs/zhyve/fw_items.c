/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine tells its boot ROM through fw_cfg: memory map, processors, boot order and
 * menu, SMBIOS and ACPI, the serial console, a kernel; and the files of -f. See firmware.h. Names
 * and formats are QEMU's (docs/specs/fw_cfg) and SeaBIOS' (docs/Runtime_config). Runs in zhyve's
 * main thread before any guest code.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "devices/acpi.h"
#include "devices/lpc.h"
#include "devices/smbios.h"
#include "procs/zhyve/files.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"

#define E820_ENTRY     20 /* address (8), length (8), type (4) */
#define E820_MAX       4
#define FOREVER        0xFFFFFFFFu
#define USER_FILE_MAX  (16u * 1024 * 1024)
#define USER_FILES_MAX 32
#define KERNEL_MAX     (256u * 1024 * 1024)
#define SETUP_SECTS    0x1F1 /* Linux boot protocol: sectors of real-mode code, and ... */
#define SETUP_DEFAULT  4     /* ... how many a zero stands for */
#define SECTOR         512u
#define LINUXBOOT_LINE "/rom@" FW_LINUXBOOT_FILE "\n"

/* Everything of ours that fw_cfg shows; lives as long as the machine. */
struct items {
	uint8_t e820[E820_MAX * E820_ENTRY];
	uint16_t cpus, menu_wait;
	uint32_t fail_wait;
	uint64_t sercon;
	char order[sizeof(LINUXBOOT_LINE) + BOOTORDER_MAX * BOOTORDER_LINE_MAX];
	struct smbios_files smbios;
	struct acpi_files acpi;
	uint8_t uuid[16];
};

static uint32_t
put_e820(uint8_t *p, uint32_t n, uint64_t base, uint64_t len, uint32_t type)
{
	le64_put(p + n, base);
	le64_put(p + n + 8, len);
	le32_put(p + n + 16, type);
	return (n + E820_ENTRY);
}

/* RAM without regard to the holes below 1 MiB: those are the ROM's to tell. */
static int
add_memory_map(struct machine *m, struct items *it, struct err *e)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < m->gm.nranges; i++)
		n = put_e820(it->e820, n, m->gm.range[i].gpa, m->gm.range[i].len, BOOT_E820_RAM);
	n = put_e820(it->e820, n, PCI_ECAM_BASE, PCI_ECAM_SIZE, BOOT_E820_RESERVED);
	n = put_e820(it->e820, n, VM_KVM_PAGES_BASE, VM_KVM_PAGES_LEN, BOOT_E820_RESERVED);
	return (fwcfg_file(m, "etc/e820", it->e820, n, e));
}

static int
add_numbers(struct machine *m, struct items *it, bool menu)
{
	struct fwcfg *f = &m->firmware->fwcfg;
	int rc;

	if ((rc = fwcfg_add_number(f, FWCFG_NB_CPUS, m->vcpus.n, 2)) != 0 ||
	    (rc = fwcfg_add_number(f, FWCFG_MAX_CPUS, m->vcpus.n, 2)) != 0 ||
	    (rc = fwcfg_add_number(f, FWCFG_RAM_SIZE, m->gm.size, 8)) != 0 ||
	    (rc = fwcfg_add_number(f, FWCFG_BOOT_MENU, menu, 2)) != 0 ||
	    (rc = fwcfg_add_number(f, FWCFG_IRQ0_OVERRIDE, 1, 4)) != 0)
		return (rc);
	return (fwcfg_add_item(f, FWCFG_UUID, it->uuid, sizeof(it->uuid)));
}

/* A kernel comes before all devices. */
static int
add_order(struct machine *m, struct items *it, struct err *e)
{
	uint32_t first = m->firmware->linuxboot ? sizeof(LINUXBOOT_LINE) - 1 : 0;
	int n = bootorder_text(&m->firmware->order, it->order + first, sizeof(it->order) - first);

	if (n < 0)
		return (err_set(e, -n, "the boot order"));
	if (first == 0 && n == 0)
		return (0);
	memcpy(it->order, LINUXBOOT_LINE, first);
	if (n == 0) /* it ends with a zero byte in the last newline's place */
		it->order[first - 1] = '\0';
	return (fwcfg_file(m, "bootorder", it->order, first + (uint32_t)n, e));
}

/* boot.menu_wait: milliseconds; 0, the default: no menu. boot.fail_wait: seconds, then a reset. */
static int
add_boot(struct machine *m, struct items *it, struct err *e)
{
	uint32_t menu, fail;
	int rc;

	if ((rc = config_number(m->config, "boot.menu_wait", 0, UINT16_MAX, 0, &menu, e)) != 0 ||
	    (rc = config_number(m->config, "boot.fail_wait", 0, 86400, 0, &fail, e)) != 0)
		return (rc);
	it->menu_wait = (uint16_t)menu;
	it->fail_wait = fail == 0 ? FOREVER : fail * 1000;
	if ((rc = add_numbers(m, it, menu != 0)) != 0)
		return (err_set(e, -rc, "cannot fill fw_cfg"));
	if (menu != 0 && (rc = fwcfg_file(m, "etc/boot-menu-wait", &it->menu_wait, 2, e)) != 0)
		return (rc);
	if ((rc = fwcfg_file(m, "etc/boot-fail-wait", &it->fail_wait, 4, e)) != 0)
		return (rc);
	return (add_order(m, it, e));
}

static int
add_tables(struct machine *m, struct items *it, struct err *e)
{
	int rc;

	if ((rc = tables_files(m, &it->acpi, &it->smbios, it->uuid, e)) != 0)
		return (rc);
	if ((rc = fwcfg_file(m, "etc/smbios/smbios-anchor", it->smbios.anchor,
		 sizeof(it->smbios.anchor), e)) != 0 ||
	    (rc = fwcfg_file(m, "etc/smbios/smbios-tables", it->smbios.tables,
		 it->smbios.tables_len, e)) != 0 ||
	    (rc = fwcfg_file(m, "etc/acpi/rsdp", it->acpi.rsdp, it->acpi.rsdp_len, e)) != 0 ||
	    (rc = fwcfg_file(m, "etc/acpi/tables", it->acpi.tables, it->acpi.tables_len, e)) != 0)
		return (rc);
	return (fwcfg_file(m, "etc/table-loader", it->acpi.loader, it->acpi.loader_len, e));
}

/* The whole of a file in memory of ours, which stays. */
static int
slurp(const struct boot_file *f, uint64_t max, uint8_t **out, struct err *e)
{
	uint8_t *p;

	if (f->size > max)
		return (err_say(e, EFBIG, "'%s' has %llu bytes, at most %llu can be", f->name,
		    (unsigned long long)f->size, (unsigned long long)max));
	if ((p = malloc(f->size)) == NULL)
		return (err_set(e, ENOMEM, "no memory for '%s'", f->name));
	*out = p;
	return (boot_file_read(f, 0, p, f->size, e));
}

static int
add_blob(struct fwcfg *f, uint16_t size_key, uint16_t data_key, const uint8_t *p, uint64_t len)
{
	int rc = fwcfg_add_number(f, size_key, len, 4);

	return (rc != 0 ? rc : fwcfg_add_item(f, data_key, p, (uint32_t)len));
}

/* A kernel is offered in two parts, real-mode code first, as QEMU does: OVMF joins them. */
static int
add_kernel(struct machine *m, struct err *e)
{
	struct fwcfg *f = &m->firmware->fwcfg;
	const char *cmdline = config_text(m->config, "boot.cmdline", "");
	uint8_t *kernel = NULL, *initrd = NULL;
	struct boot_bios bios;
	uint64_t setup;
	int rc;

	if (m->kernel.fd < 0)
		return (0);
	if ((rc = slurp(&m->kernel, KERNEL_MAX, &kernel, e)) != 0 ||
	    (m->initrd.fd >= 0 && (rc = slurp(&m->initrd, UINT32_MAX, &initrd, e)) != 0))
		return (rc);
	if (m->kernel.size <= SETUP_SECTS)
		return (err_say(e, ENOEXEC, "'%s' is not a kernel", m->kernel.name));
	setup = kernel[SETUP_SECTS] != 0 ? kernel[SETUP_SECTS] : SETUP_DEFAULT;
	setup = (setup + 1) * SECTOR;
	if (setup >= m->kernel.size)
		return (
		    err_say(e, ENOEXEC, "'%s' is not a Linux kernel (bzImage)", m->kernel.name));
	if ((rc = add_blob(f, FWCFG_SETUP_SIZE, FWCFG_SETUP_DATA, kernel, setup)) != 0 ||
	    (rc = add_blob(f, FWCFG_KERNEL_SIZE, FWCFG_KERNEL_DATA, kernel + setup,
		 m->kernel.size - setup)) != 0 ||
	    (rc = add_blob(f, FWCFG_CMDLINE_SIZE, FWCFG_CMDLINE_DATA, (const uint8_t *)cmdline,
		 strlen(cmdline) + 1)) != 0 ||
	    (initrd != NULL &&
		(rc = add_blob(f, FWCFG_INITRD_SIZE, FWCFG_INITRD_DATA, initrd, m->initrd.size)) !=
		    0))
		return (err_set(e, -rc, "cannot offer the kernel to the boot ROM"));
	bios = (struct boot_bios){ kernel, setup, m->kernel.size - setup, strlen(cmdline) + 1,
		initrd != NULL ? m->initrd.size : 0, m->gm.range[0].len };
	return (fw_linuxboot_add(m, &bios, e));
}

int
fw_items_add(struct machine *m, struct err *e)
{
	struct items *it = calloc(1, sizeof(*it));
	int rc;

	if (it == NULL)
		return (err_set(e, ENOMEM, "cannot fill fw_cfg"));
	it->cpus = (uint16_t)m->vcpus.n;
	it->sercon = lpc_com[0].port;
	if ((rc = add_memory_map(m, it, e)) != 0 || (rc = add_tables(m, it, e)) != 0 ||
	    (rc = add_kernel(m, e)) != 0 || (rc = add_boot(m, it, e)) != 0 ||
	    (rc = fwcfg_file(m, "etc/boot-cpus", &it->cpus, sizeof(it->cpus), e)) != 0)
		return (rc);
	/* Text that a BIOS program writes to the screen appears on the console. */
	if (config_get(m->config, "lpc.com1.path") == NULL)
		return (0);
	return (fwcfg_file(m, "etc/sercon-port", &it->sercon, sizeof(it->sercon), e));
}

static int
user_file(struct machine *m, const char *name, const char *path, struct err *e)
{
	struct boot_file f;
	uint8_t *data = NULL;
	int rc;

	if ((rc = file_take(&f, NULL, path, O_RDONLY, e)) != 0)
		return (rc);
	rc = slurp(&f, USER_FILE_MAX, &data, e);
	fd_close(&f.fd);
	if (rc != 0)
		return (rc);
	return (fwcfg_file(m, name, data, (uint32_t)f.size, e));
}

int
fw_items_user(struct machine *m, struct err *e)
{
	struct config_node *all = config_find(m->config, "fwcfg");
	unsigned n = 0;
	int rc;

	for (struct config_node *c = all == NULL ? NULL : all->child; c != NULL; c = c->next) {
		const char *name = config_get(c, "name"), *text = config_get(c, "string");
		const char *path = config_get(c, "file");

		if (name == NULL || (text == NULL) == (path == NULL) || ++n > USER_FILES_MAX)
			return (err_say(e, EINVAL,
			    "fwcfg.%s: a name and either string or file are needed, for at most %d "
			    "files",
			    c->name, USER_FILES_MAX));
		rc = path != NULL ? user_file(m, name, path, e)
				  : fwcfg_file(m, name, text, (uint32_t)strlen(text), e);
		if (rc != 0)
			return (err_ctx(e, "-f %s", name));
	}
	return (0);
}
